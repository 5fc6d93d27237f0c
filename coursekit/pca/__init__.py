"""Lecture 01, principal component analysis: the directions of largest variance, and the angles between subspaces."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "model": [
            "centre_and_spread",
            "gram",
            "eigenpairs",
            "principal_axes_svd",
            "principal_axes_eigh",
            "with_fixed_signs",
            "orthonormal_basis",
            "principal_angles",
            "PCA",
        ],
    },
)
