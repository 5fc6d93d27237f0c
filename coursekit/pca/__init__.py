"""Lecture 01, principal component analysis: directions of largest variance, and angles between subspaces."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "model": [
            "centre_and_spread",
            "safe_unit",
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
