"""Deep belief networks: restricted machines stacked, the top one undirected, the rest a directed net below it.

Each machine learns from the hidden units of the one before, and a bound says why that may help. Notebook
09_deep_belief_networks.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={"model": ["DBN"], "label_machine": ["LabelRBM"]}
)
