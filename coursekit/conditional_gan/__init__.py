"""Lecture 15, conditional GANs: pictures on demand, from words, from small pictures, from other pictures."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "conditional": [
            "optimal_conditional_discriminator",
            "best_generator",
            "conditioning_augmentation",
            "ConditionalGenerator",
            "StackedGenerator",
            "ConditionalDiscriminator",
            "ConditionalGAN",
        ],
        "translation": [
            "cycle_loss",
            "receptive_field",
            "conv_layers",
            "PatchDiscriminator",
            "TranslationUNet",
            "Pix2Pix",
            "CycleGAN",
        ],
        "super_resolution": ["shrink", "enlarge", "consistent", "ConsistentGenerator"],
        "growing": ["GrowingGenerator", "GrowingDiscriminator"],
        "capsules": ["squash", "route"],
    },
)
