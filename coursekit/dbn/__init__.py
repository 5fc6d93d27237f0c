"""Lecture 09, deep belief networks: restricted machines stacked, the lower ones read as a directed net."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={"model": ["DBN"], "label_machine": ["LabelRBM"]}
)
