"""Lecture 14, the earth mover's distance, critics, clipping and the gradient penalty."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "model": ["earth_mover_1d", "earth_mover_lp", "gradient_penalty", "lipschitz_bound", "WGAN"],
    },
)
