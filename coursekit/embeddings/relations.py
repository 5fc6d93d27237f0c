"""What word vectors know: nearest neighbours by the angle, and analogies by adding and subtracting.

man is to woman as king is to ... : if the step from man to woman is the same as from king to queen, the
answer lies at woman - man + king. The step is the same where the two properties of a word leave separate
traces in its company: then PMI is a sum of one part for each, and what is subtracted cancels.

    score(d) = cos(d, b - a + c)   with all vectors of length 1     ("3CosAdd")

Source: Mikolov, Yih & Zweig (2013), Linguistic regularities in continuous space word representations; Levy &
Goldberg (2014), eq. 1; Linzen (2016) on the three words of the question. Notebook: 05_word_vectors.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from coursekit.inputs import positive_int


def unit_rows(vectors: ArrayLike) -> NDArray:
    """The rows of (n, d) divided by their lengths; a row of zeros stays.

    Args:
        vectors: (n, d).
    """
    vectors = np.asarray(vectors, dtype=np.float64)
    if vectors.ndim != 2 or not np.all(np.isfinite(vectors)):
        raise ValueError(f"vectors must be finite numbers (n, d), got shape {vectors.shape}")
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def nearest(vectors: ArrayLike, word: int, n: int = 5) -> NDArray:
    """Numbers (n,) of the words with the largest cosine with `word`, best first, itself left out.

    Args:
        vectors: (n_words, d).
        word: number of the word.
        n: how many to name.
    """
    vectors = unit_rows(vectors)
    positive_int(n, "n", high=len(vectors) - 1)
    positive_int(word, "word", low=0, high=len(vectors) - 1)
    cosines = vectors @ vectors[word]
    cosines[word] = -np.inf
    return np.argsort(-cosines)[:n]


def analogy(vectors: ArrayLike, a: ArrayLike, b: ArrayLike, c: ArrayLike) -> NDArray:
    """cos(d, b - a + c) for every word d, (..., n_words): a is to b as c is to d.

    >>> analogy([[1, 0], [1, 1], [0, 1]], 0, 1, 0).round(2).tolist()
    [0.71, 1.0, 0.71]

    Args:
        vectors: (n_words, d); the lengths of rows do not matter.
        a: numbers of words, a whole number or an array (...).
        b: of the same shape.
        c: of the same shape.
    """
    vectors = unit_rows(vectors)
    a, b, c = (vectors[np.asarray(word)] for word in (a, b, c))
    goal = b - a + c
    return goal @ vectors.T / np.maximum(np.linalg.norm(goal, axis=-1, keepdims=True), 1e-12)


def analogy_ranks(vectors: ArrayLike, pairs: ArrayLike, *, exclude: bool = True) -> NDArray:
    """Rank, from 1, of the right answer to each of the n (n - 1) analogies that n pairs make.

    Args:
        vectors: (n_words, d).
        pairs: numbers of words (n, 2), all in the same relation.
        exclude: leave the three words of the question out of the ranking, as is usual; the answer is then
            never one of them, which makes the questions easier.
    """
    pairs = np.asarray(pairs)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or len(pairs) < 2:
        raise ValueError(f"pairs must be word numbers (n, 2), two pairs or more, got {pairs.shape}")
    first, second = np.nonzero(~np.eye(len(pairs), dtype=bool))
    (a, b), (c, d) = pairs[first].T, pairs[second].T
    scores = analogy(vectors, a, b, c)
    if exclude:
        for word in (a, b, c):
            scores[np.arange(len(scores)), word] = -np.inf
    right = scores[np.arange(len(scores)), d]
    return 1 + (scores > right[:, None]).sum(axis=1)
