"""Lecture 10, autoencoders: linear, tied, denoising, contractive, convolutional.

`pretraining` has the layer-wise start of deep ones.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "model": [
            "corrupt",
            "squared_error",
            "cross_entropy",
            "sigmoid_jacobian_norm",
            "TiedLinear",
            "Autoencoder",
            "ConvAutoencoder",
        ],
        "pretraining": ["start_at_mean", "LayerPair", "pretrain_layerwise"],
    },
)
