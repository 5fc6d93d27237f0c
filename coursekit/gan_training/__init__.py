"""Lecture 13, making the game train: convolutions, batch statistics, unrolled steps, and codes for a wish."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "convolutional": ["dcgan", "growing", "shrinking"],
        "batch_statistics": [
            "coupling",
            "VirtualBatchNorm",
            "MinibatchDiscrimination",
            "recompute_statistics",
        ],
        "unrolling": ["unrolled_generator_loss", "UnrolledGAN"],
        "codes": ["straight", "great_circle", "find_code"],
    },
)
