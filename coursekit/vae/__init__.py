"""Lecture 11, the variational autoencoder and its bound."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "model": [
            "reparametrize",
            "gaussian_kl",
            "log_normal",
            "log_bernoulli",
            "importance_weighted_bound",
            "active_units",
            "MixturePrior",
            "VAE",
        ],
        "whitening": ["Whitened", "whiten_encoder", "start_at_mean"],
    },
)
