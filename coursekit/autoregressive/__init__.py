"""Lecture 06, images pixel by pixel: the chain rule writes any distribution as a product of conditionals.

`chain` holds the fully visible belief net and MADE, `pixelcnn` masked convolutions, their blind spot and its
cure, `pixelrnn` a memory that travels down the image, `logistic` the likelihood of many grey levels,
`maskgit` any order and several pixels at once. Notebook 06_autoregressive_images.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "chain": [
            "as_levels",
            "level_log_prob",
            "sample_in_order",
            "start_from",
            "FullyVisibleBeliefNet",
            "MaskedLinear",
            "MADE",
        ],
        "logistic": [
            "discretized_logistic_log_prob",
            "discretized_mixture_log_prob",
            "sample_discretized_logistic",
        ],
        "maskgit": ["steps_to_reveal", "MaskGIT"],
        "pixelcnn": [
            "causal_mask",
            "seen_pixels",
            "MaskedConv2d",
            "WindowConv2d",
            "gate",
            "GatedLayer",
            "PixelCNN",
        ],
        "pixelrnn": ["PixelRNN"],
    },
)
