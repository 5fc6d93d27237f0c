"""Lecture 12, the adversarial game and its optimal discriminator."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "model": [
            "optimal_discriminator",
            "jensen_shannon",
            "game_value",
            "discriminator_loss",
            "generator_loss",
            "r1_penalty",
            "MinibatchStd",
            "batch_discriminator",
            "GAN",
        ],
    },
)
