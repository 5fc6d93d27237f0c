"""Lecture 10, autoencoders: linear, tied, denoising, contractive, convolutional.

`pretraining` has the layer-wise starts of deep ones, `tangent_prop` a use of tangent vectors.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "model": [
            "corrupt",
            "squared_error",
            "cross_entropy",
            "posterior_mean",
            "sigmoid_jacobian_norm",
            "TiedLinear",
            "Autoencoder",
            "ConvAutoencoder",
        ],
        "pretraining": ["start_at_mean", "LayerPair", "pretrain_layerwise", "pretrain_rbms"],
        "tangent_prop": ["shift_tangents", "slopes", "tangent_penalty"],
    },
)
