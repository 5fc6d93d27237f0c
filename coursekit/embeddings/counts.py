"""Words by the company they keep: counts in a window, what they say beyond chance, and vectors from them.

Two words are alike if the same words stand near them. So count, for each word w, the words c within a few
places of it (its *contexts*), and compare each count with what chance would give. The logarithm of that ratio
is the pointwise mutual information; its best approximation of low rank gives each word a short vector.

    #(w, c)     occurrences of c near w, (n_words, n_words); #(w) = sum_c #(w, c), |D| = sum of all
    PMI(w, c)   = log #(w, c) |D| / (#(w) #(c)), -inf for a pair never seen; PPMI = max(PMI, 0)

Source: Church & Hanks (1990), Word association norms, mutual information, and lexicography; Bullinaria & Levy
(2007) for PPMI; Levy, Goldberg & Dagan (2015) for the choices. Notebook: 05_word_vectors.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from scipy.sparse.linalg import svds

from coursekit.inputs import one_of, positive_int, real_number

BREAK = -1  # between two texts: no window reaches across


def tokenize(text: str) -> list[str]:
    """The words of a text in lower case, in order; an apostrophe may stand inside a word.

    >>> tokenize("It is _not_ Emma's; it's mine.")
    ['it', 'is', 'not', "emma's", "it's", 'mine']
    """
    return re.findall(r"[a-z]+(?:'[a-z]+)*", text.lower().replace("’", "'"))


class Vocabulary:
    """Words and their numbers, 0 for the most frequent one.

    >>> vocabulary = Vocabulary(["to be or not to be"])
    >>> vocabulary.words, vocabulary.ids(["not", "be"])
    (('be', 'to', 'not', 'or'), array([2, 0]))

    Args:
        texts: strings, or lists of words.
        min_count: rarer words are left out.

    Attributes:
        words: n_words strings, by falling count; ties in alphabetical order.
        counts: (n_words,) int64, how often each occurs in the texts.

    Raises:
        ValueError: no word is left.
    """

    def __init__(self, texts: Iterable[str | Sequence[str]], *, min_count: int = 1):
        positive_int(min_count, "min_count")
        found = Counter(word for text in texts for word in _words(text))
        kept = sorted((word for word in found if found[word] >= min_count), key=lambda w: (-found[w], w))
        if not kept:
            raise ValueError(f"the texts hold no word that occurs {min_count} times or more")
        self.words = tuple(kept)
        self.counts = np.array([found[word] for word in kept])
        self._number = {word: number for number, word in enumerate(kept)}

    def __len__(self):
        return len(self.words)

    def __contains__(self, word):
        return word in self._number

    def ids(self, words: str | Sequence[str]) -> NDArray:
        """Numbers (n,) of n words, a list or a text.

        Raises:
            ValueError: a word is not in the vocabulary, or there is no word at all.
        """
        words = _words(words)
        if not words:
            raise ValueError("the text is empty: there is no word in it")
        if unknown := list(dict.fromkeys(word for word in words if word not in self)):
            raise ValueError(
                f"not in the vocabulary of {len(self)} words: {', '.join(map(repr, unknown[:5]))}"
            )
        return np.array([self._number[word] for word in words])

    def encode(self, texts: Iterable[str | Sequence[str]]) -> list[NDArray]:
        """For each text the numbers of those of its words that are in the vocabulary; others are left out.

        Leaving a rare word out brings its neighbours together, as in word2vec.
        """
        number = self._number
        return [np.array([number[w] for w in _words(text) if w in number], np.int64) for text in texts]


def join(texts: Iterable[ArrayLike]) -> NDArray:
    """Texts as one array of numbers (n,), with `BREAK` between them.

    >>> join([[3, 1], [2]]).tolist()
    [3, 1, -1, 2]

    Args:
        texts: each an array of word numbers.
    """
    pieces = [piece for text in texts for piece in ([BREAK], np.asarray(text, np.int64))]
    return np.concatenate(pieces[1:]).astype(np.int64) if pieces else np.zeros(0, np.int64)


def window_pairs(tokens: ArrayLike, *, window: int) -> tuple[NDArray, NDArray, NDArray]:
    """Words, contexts and their distance, each (n_pairs,): every ordered pair at most `window` places apart.

    Args:
        tokens: numbers of words in reading order, (n,); `BREAK` (-1) between texts, which no pair crosses.
        window: c, places to the left and to the right.

    Raises:
        ValueError: tokens is no array of whole numbers from -1, or holds no word.
    """
    tokens = _as_tokens(tokens)
    positive_int(window, "window")
    text = np.cumsum(tokens == BREAK)
    words, contexts, distances = [], [], []
    for distance in range(1, min(window, len(tokens) - 1) + 1):
        left, right = tokens[:-distance], tokens[distance:]
        same = (text[:-distance] == text[distance:]) & (left != BREAK)
        words += [left[same], right[same]]
        contexts += [right[same], left[same]]
        distances.append(np.full(2 * np.sum(same), distance))
    none = [np.zeros(0, np.int64)]
    return np.concatenate(words or none), np.concatenate(contexts or none), np.concatenate(distances or none)


def cooccurrence(
    tokens: ArrayLike,
    *,
    window: int,
    n_words: int | None = None,
    weighting: Literal["dynamic", "flat"] = "dynamic",
) -> NDArray:
    """#(w, c), a symmetric table (n_words, n_words): how often c occurs near w.

    >>> cooccurrence([0, 1, 2], window=2, weighting="flat").tolist()
    [[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]]

    Args:
        tokens: numbers of words in reading order, (n,); `BREAK` (-1) between texts.
        window: c, places to the left and to the right.
        n_words: size of the table; None for the largest number and one more.
        weighting: "flat" counts every pair once. "dynamic" counts one at distance d as (c - d + 1) / c: what
            is expected if every word draws the reach of its window from 1..c, as word2vec does.

    Raises:
        ValueError: tokens holds no word, or one beyond n_words.
    """
    one_of("weighting", weighting, ("dynamic", "flat"))
    words, contexts, distances = window_pairs(tokens, window=window)
    most = int(np.max(tokens))
    n_words = most + 1 if n_words is None else positive_int(n_words, "n_words")
    if most >= n_words:
        raise ValueError(f"tokens holds word {most}, but n_words is {n_words}")
    weights = (window + 1 - distances) / window if weighting == "dynamic" else np.ones(len(words))
    table = np.bincount(words * n_words + contexts, weights, minlength=n_words**2)
    return table.reshape(n_words, n_words)


def pmi(counts: ArrayLike, *, power: float = 1.0) -> NDArray:
    """log #(w, c) |D| / (#(w) #(c)) in nats, (n, m); -inf where the count is 0.

    Args:
        counts: table (n, m), no entry below 0, no row or column without a count.
        power: the contexts' share q(c) = #(c) / |D| is taken as #(c)^power, divided by its sum; 0.75
            makes rare contexts count less.

    Raises:
        ValueError: counts is no such table.
    """
    counts = _as_table(counts)
    real_number(power, "power", low=0, below=np.inf)
    rows, columns = counts.sum(axis=1), counts.sum(axis=0) ** power
    if (empty := np.flatnonzero(rows == 0)).size or (empty := np.flatnonzero(columns == 0)).size:
        raise ValueError(f"row or column {empty[0]} of counts is empty: its PMI is undefined; leave it out")
    with np.errstate(divide="ignore"):
        return np.log(counts) - np.log(rows)[:, None] - np.log(columns / columns.sum())


def ppmi(counts: ArrayLike, *, power: float = 1.0) -> NDArray:
    """max(PMI, 0), (n, m): what is never seen together counts as no news; arguments as in `pmi`.

    >>> ppmi([[2, 0], [0, 2]]).round(3).tolist()
    [[0.693, 0.0], [0.0, 0.693]]

    Args:
        counts: (n, m), of pairs.
        power: as in `pmi`.
    """
    return np.maximum(pmi(counts, power=power), 0)


def svd_vectors(table: ArrayLike, n_dims: int, *, power: float = 0.5) -> NDArray:
    """U_d S_d^power, (n, n_dims): row vectors from the best approximation of rank d of a table (n, m).

    Args:
        table: such as `ppmi(counts)` or `tf_idf(counts)`; zeros are not stored meanwhile.
        n_dims: d, less than n and m.
        power: of the singular values: 1 keeps the inner products of rows; 0.5, half of each value, is
            better for words.
    """
    table = csr_array(np.asarray(table, dtype=np.float64))
    positive_int(n_dims, "n_dims", high=min(table.shape) - 1)
    real_number(power, "power", low=0, below=np.inf)
    U, S, _ = svds(table, k=n_dims, v0=np.ones(min(table.shape)), random_state=0)
    U, S = U[:, ::-1], S[::-1]
    # One free sign per column, settled so that two computers get the same vectors.
    U = U * np.where(U[np.abs(U).argmax(axis=0), range(n_dims)] < 0, -1.0, 1.0)
    return np.ascontiguousarray(U * S**power)


def word_counts(texts: Iterable[ArrayLike], n_words: int) -> NDArray:
    """The bag of words of each text, (n_texts, n_words): how often each word occurs in it.

    Args:
        texts: each an array of word numbers, as `Vocabulary.encode` gives them.
        n_words: size of the vocabulary.
    """
    positive_int(n_words, "n_words")
    return np.array([np.bincount(np.asarray(t, np.int64), minlength=n_words) for t in texts], float)


def tf_idf(counts: ArrayLike) -> NDArray:
    """(1 + log count) * log(n / number of texts with the word), rows scaled to length 1; (n, n_words).

    A word that is in every text says nothing about any of them, and gets 0.

    Args:
        counts: (n, n_words), of each word in each text.
    """
    counts = _as_table(counts)
    seen = counts > 0
    frequency = np.where(seen, 1 + np.log(np.where(seen, counts, 1)), 0)
    table = frequency * np.log(len(counts) / np.maximum(seen.sum(axis=0), 1))
    return table / np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-12)


def _words(text):
    return tokenize(text) if isinstance(text, str) else list(text)


def _as_tokens(tokens):
    tokens = np.asarray(tokens)
    if tokens.ndim != 1 or (tokens.size and tokens.dtype.kind not in "iu"):
        raise ValueError("tokens must be word numbers (n,): encode words with a Vocabulary first")
    if not np.any(tokens >= 0):
        raise ValueError("the text is empty: there is no word in tokens")
    if tokens.min() < BREAK:
        raise ValueError(f"tokens must be word numbers from 0, or -1 between texts, got {tokens.min()}")
    return tokens.astype(np.int64)


def _as_table(counts):
    counts = np.asarray(counts, dtype=np.float64)
    if counts.ndim != 2 or counts.size == 0:
        raise ValueError(f"counts must be a table (n, m), got shape {counts.shape}")
    if not np.all(np.isfinite(counts)) or counts.min() < 0:
        raise ValueError("counts must be numbers of at least 0, without NaN")
    return counts
