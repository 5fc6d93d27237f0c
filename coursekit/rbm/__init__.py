"""Lecture 08, Boltzmann machines, restricted ones, and contrastive divergence."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "model": [
            "all_states",
            "states_of",
            "log_bernoulli_table",
            "moments",
            "difference",
            "BoltzmannMachine",
            "RBM",
        ],
        "starts": ["mean_logits", "start_apart", "FreshBits", "often_on", "embed"],
    },
)
