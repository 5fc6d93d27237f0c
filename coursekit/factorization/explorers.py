"""Explorer of lecture 04: the number of factors, what is learned from and what was hidden, and one person."""

from functools import partial

import ipywidgets
import numpy as np

from coursekit import widgets
from coursekit.factorization import pictures


def rank_frame(fits, rank):
    """Errors against the rank and one person's hidden answers; `fits` as made by `person_fits`."""
    here = fits["ranks"].index(rank)
    return pictures.rank_and_person(
        fits["ranks"],
        fits["trained"],
        fits["held_out"],
        rank,
        fits["words"],
        fits["answers"],
        fits["predicted"][here],
        top=fits["top"],
    )


def rank_alt(rank):
    return (
        f"Errors on the answers trained on and on the hidden ones, with {rank} factors marked; beside them "
        f"one person's hidden answers and what {rank} factors predict."
    )


def person_fits(tables, X, hidden, person, words, *, n_words=12) -> dict:
    """What `rank_frame` needs, worked out once from predicted tables.

    Args:
        tables: rank -> the table (n, p) that so many factors predict, in the order of the slider.
        X: the answers (n, p), NaN where nobody asked.
        hidden: (n, p), true where an answer was hidden from the factors.
        person: a row of X.
        words: p column names.
        n_words: hidden answers shown at most.
    """
    learned = ~np.isnan(X) & ~hidden
    columns = np.flatnonzero(hidden[person])[:n_words]

    def error(table, where):
        return float(np.sqrt(np.mean((table - X)[where] ** 2)))

    return {
        "ranks": list(tables),
        "trained": [error(table, learned) for table in tables.values()],
        "held_out": [error(table, hidden) for table in tables.values()],
        "words": [words[j] for j in columns],
        "answers": X[person, columns],
        "predicted": [table[person, columns] for table in tables.values()],
        "top": float(np.nanmax(X)),
    }


def rank_explorer(fits):
    """Choose how many factors explain the answers; `fits` as made by `person_fits`."""
    rank = ipywidgets.SelectionSlider(options=fits["ranks"], value=fits["ranks"][0], description="factors")
    return widgets.explore(partial(rank_frame, fits), alt=rank_alt, rank=rank)
