"""A world of four words in which an analogy holds exactly, until the two properties interact.

man, woman, king and queen have a sex and a rank. Each leaves a trace of its own in the company of the word:
one context in a pair tells of the sex, the other of the rank, and given the word the two are independent.

    p(context | word) = p(first | sex) p(second | rank)
    PMI(w, c) = log p(first | sex) + log p(second | rank) - log p(c)       a sum, so PMI(king) - PMI(man)
                                                                           = PMI(queen) - PMI(woman)

Source: the argument of Pennington, Socher & Manning (2014), section 3, and Gittens, Achlioptas & Mahoney
(2017), made exact. Notebook: 05_word_vectors.
"""

import numpy as np
from numpy.typing import NDArray

from coursekit.inputs import numpy_rng, positive_int, real_number

WORDS = ("man", "woman", "king", "queen")
SEX, RANK = np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1])


def royal_family(
    n_traces: int = 4, *, interaction: float = 0.0, rng: int | np.random.Generator | None = None
) -> NDArray:
    """Expected shares of (word, context), (4, n_traces^2), adding to 1, no entry 0; rows as in `WORDS`.

    Args:
        n_traces: values that each of the two parts of a context can take.
        interaction: how far a queen's company differs from what sex and rank say; 0 is not at all.
        rng: numpy Generator, seed or None, for the traces.
    """
    positive_int(n_traces, "n_traces")
    real_number(interaction, "interaction", above=-np.inf)
    rng = numpy_rng(rng)
    by_sex, by_rank = rng.dirichlet(np.full(n_traces, 2.0), (2, 2))  # (2 values, n_traces) each
    own = np.exp(interaction * rng.standard_normal((n_traces, n_traces)))
    company = by_sex[SEX][:, :, None] * by_rank[RANK][:, None, :]  # (word, first, second)
    company[3] = company[3] * own / (company[3] * own).sum()
    shares = np.array([0.4, 0.3, 0.2, 0.1])
    return (shares[:, None, None] * company).reshape(4, -1)
