"""Lecture 05: words by the company they keep, and vectors of whole texts.

The files: `counts` has vocabularies, windows, PMI and vectors by singular values; `skipgram` the models that
predict, with negative sampling and its expected loss; `relations` asks vectors for neighbours and analogies;
`documents` are vectors of texts; `questions` lists words with known relations, and `small_world` is a world
in which analogies hold exactly. Notebook: 05_word_vectors.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "counts": [
            "Vocabulary",
            "cooccurrence",
            "join",
            "pmi",
            "ppmi",
            "svd_vectors",
            "tf_idf",
            "tokenize",
            "window_pairs",
            "word_counts",
        ],
        "documents": ["DocumentVectors", "preceding"],
        "questions": ["analogy_pairs", "grouped_words"],
        "relations": ["analogy", "analogy_ranks", "nearest", "unit_rows"],
        "skipgram": [
            "CBOW",
            "SkipGram",
            "balanced",
            "noise_distribution",
            "sampled_loss",
            "sgns_floor",
            "sgns_gradient",
            "sgns_loss",
            "sgns_table",
            "table_gradient",
            "table_loss",
            "windows",
        ],
        "small_world": ["royal_family"],
    },
)
