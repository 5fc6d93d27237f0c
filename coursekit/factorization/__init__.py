"""Lecture 04: a table as a product of two factors without negative entries: parts, missing ratings, topics.

The files: `model` is the estimator, `updates` its steps and objectives, `ratings` the means that a
recommender must beat, `known_parts` images whose parts are known. Notebook: 04_nmf_ratings.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "model": ["NMF", "nndsvda_start", "random_start"],
        "updates": [
            "at_observed",
            "half_squared_error",
            "kullback_leibler",
            "frobenius_step",
            "kullback_leibler_step",
            "hals_step",
        ],
        "ratings": ["Biases", "hold_out", "rmse"],
        "known_parts": ["swimmer", "parts_found"],
    },
)
