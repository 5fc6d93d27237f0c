"""A table as a product of two factors without negative entries: parts, ratings to be filled in, topics.

Lecture 04, notebook 04_nmf_ratings. `model` holds the estimator, `updates` its steps, `ratings` the means
that a recommender must beat, `swimmer` images whose parts are known.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["updates"],
    submod_attrs={
        "model": ["NMF", "nndsvda_start", "random_start"],
        "ratings": ["Biases", "hold_out", "rmse"],
    },
)
