"""Lecture 17, diffusion models, and the schedule of their noise (`schedule`)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "model": ["kl_between_gaussians", "MixtureNoisePredictor", "DDPM"],
        "latent": ["LatentCoder", "LatentDDPM"],
        "schedule": ["NoiseSchedule", "per_example", "linear_schedule", "cosine_schedule"],
    },
)
