"""Images pixel by pixel: the chain rule writes any distribution as a product of conditionals.

`chain` has the fully visible belief net and MADE, `pixelrnn` a network that remembers the rows above, `pixelcnn`
masked convolutions, their blind spot and its cure, `logistic` the likelihood of many grey levels, `maskgit` any
order and several pixels at once. Notebook 06_autoregressive_images.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "chain": ["MADE", "FullyVisibleBeliefNet", "level_log_prob", "sample_in_order"],
        "logistic": [
            "discretized_logistic_log_prob",
            "discretized_mixture_log_prob",
            "sample_discretized_logistic",
        ],
        "maskgit": ["MaskGIT", "steps_to_reveal"],
        "pixelcnn": ["PixelCNN", "causal_mask", "seen_pixels"],
        "pixelrnn": ["PixelRNN"],
    },
)
