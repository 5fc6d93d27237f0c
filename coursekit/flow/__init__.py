"""Lecture 16, normalising flows with exact log-determinants (`layers`: the invertible parts)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "model": ["standard_normal_log_prob", "dequantize", "Squeeze", "Logit", "Flow", "real_nvp", "glow"],
        "layers": [
            "count_positions",
            "labels_of",
            "apply_matrix",
            "per_channel",
            "AffineCoupling",
            "ActNorm",
            "InvertibleLinear",
            "Whiten",
            "HistogramToNormal",
            "Permute",
        ],
    },
)
