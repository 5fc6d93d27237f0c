"""N-grams with Kneser-Ney smoothing: what was best before neural networks, and what they must beat.

Count how often each word followed each history of order - 1 words. Counts of long histories are few, so take
a little off each (absolute discounting) and give the sum to a shorter history. What the shorter history is
asked for is not how often a word occurs, but in how many different contexts: "Francisco" is frequent, but
follows only "San".

    top order     p(w | h) = max(c(h w) - D, 0) / c(h) + D n(h) / c(h) p(w | h')
    lower orders  the same with c(h w) = number of different words seen before h w
    at the end    p(w) = 1 / n_words

    h'            h without its oldest word
    n(h)          number of different words seen after h
    D             n_1 / (n_1 + 2 n_2), n_j the number of n-grams with count j; one for each order

Sources: Kneser & Ney 1995; Chen & Goodman 1999, eq. 22 and section 3.2 (interpolated). Notebook
07_transformers.
"""

from typing import Any

import numpy as np

from coursekit.inputs import positive_int


class KneserNey:
    """Interpolated Kneser-Ney of a given order: each word from the order - 1 before it.

    Args:
        order: longest n-gram that is counted; 1 looks at no history.
        n_words: size of the vocabulary.

    >>> model = KneserNey(2, n_words=3).fit([[0, 1, 0, 1, 2, 0, 1]])
    >>> int(model.next_word([[0]]).argmax())
    1
    """

    def __init__(self, order: int, *, n_words: int):
        self.order = positive_int(order, "order")
        self.n_words = positive_int(n_words, "n_words")
        # An n-gram is one whole number: its words are the digits, to the base n_words + 1 (for the start).
        if (n_words + 1) ** order > 2**63 - 1:
            raise ValueError(
                f"{n_words} words to the power of {order} do not fit 64 bits: take a lower order"
            )

    def fit(self, tokens: Any) -> "KneserNey":
        """Count the n-grams of documents (n, t), or of one long text (1, t).

        Args:
            tokens: (n, t), word numbers.
        """
        windows = self._windows(self._checked(tokens))
        grams, counts = np.unique(self._codes(windows), return_counts=True)
        tables = []
        for order in range(self.order, 0, -1):
            tables.insert(0, _Table(order, grams, counts, self.n_words + 1))
            # Without its oldest word: how many different words came before it?
            grams, counts = np.unique(grams % (self.n_words + 1) ** (order - 1), return_counts=True)
        self.tables_ = tables
        return self

    def log_prob(self, tokens: Any) -> np.ndarray:
        """log p(word i | the order - 1 words before it) in nats, (n, t); fewer words at the beginning.

        Args:
            tokens: (n, t), word numbers.
        """
        tokens = self._checked(tokens)
        windows = self._windows(tokens)
        return np.log(self._probability(windows)).reshape(tokens.shape)

    def next_word(self, prefix: Any) -> np.ndarray:
        """p(next word | prefix (n, t)), (n, n_words)."""
        prefix = self._checked(prefix)
        last = self._padded(prefix)[:, prefix.shape[1] :]  # (n, order - 1)
        every = np.tile(np.arange(self.n_words), len(last))[:, None]
        windows = np.concatenate([np.repeat(last, self.n_words, axis=0), every], axis=1)
        return self._probability(windows).reshape(len(prefix), self.n_words)

    def _probability(self, windows):
        p = np.full(len(windows), 1 / self.n_words)
        for table in self.tables_:
            p = table.interpolate(self._codes(windows[:, -table.order :]), p)
        return p

    def _padded(self, tokens):
        """Documents with order - 1 start signs before them."""
        start = np.full((len(tokens), self.order - 1), self.n_words)
        return np.concatenate([start, tokens], axis=1)

    def _windows(self, tokens):
        """Every word with the order - 1 signs before it, (n * t, order)."""
        windows = np.lib.stride_tricks.sliding_window_view(self._padded(tokens), self.order, axis=1)
        return windows.reshape(-1, self.order)

    def _codes(self, windows):
        codes = np.zeros(len(windows), dtype=np.int64)
        for column in windows.T:
            codes = codes * (self.n_words + 1) + column
        return codes

    def _checked(self, tokens):
        tokens = np.asarray(tokens)
        if tokens.ndim != 2 or (tokens.size and tokens.dtype.kind not in "iu"):
            raise ValueError(f"tokens must be whole numbers (n, t), got {tokens.dtype} {tokens.shape}")
        if tokens.size and (tokens.min() < 0 or tokens.max() >= self.n_words):
            raise ValueError(f"tokens must lie in 0..{self.n_words - 1}, the vocabulary")
        return tokens.astype(np.int64)


class _Table:
    """The counts of the n-grams of one order, sorted by their codes, and of their histories."""

    def __init__(self, order, grams, counts, base):
        self.order, self.base, self.grams, self.counts = order, base, grams, counts
        once, twice = (counts == 1).sum(), (counts == 2).sum()
        self.discount = once / (once + 2 * twice) if once else 0.5
        self.histories, first = np.unique(grams // base, return_index=True)
        self.totals = np.add.reduceat(counts, first)
        self.kinds = np.diff(first, append=len(grams))

    def interpolate(self, codes, lower):
        """p(w | h) of n-grams h w, given that of the same words after the shorter history."""
        count = _look_up(codes, self.grams, self.counts)
        total = _look_up(codes // self.base, self.histories, self.totals)
        kinds = _look_up(codes // self.base, self.histories, self.kinds)
        kept = np.maximum(count - self.discount, 0) + self.discount * kinds * lower
        return np.where(total > 0, kept / np.maximum(total, 1), lower)


def _look_up(keys, known, values):
    """The value of each key, 0 where it is not known; `known` is sorted."""
    place = np.searchsorted(known, keys).clip(max=len(known) - 1)
    return np.where(known[place] == keys, values[place], 0)
