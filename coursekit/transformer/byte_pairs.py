"""Byte pairs: a vocabulary between letters and words, learned by joining what often stands side by side.

Begin with single characters. Find the pair of neighbours that occurs most often, make it a new token, put it
wherever the pair was, and go on until the vocabulary is full. Frequent words end up as one token, rare ones
as a few, and every text made of known characters can be written.

    pieces    the text is first cut into words, each with the blank before it; no token crosses a cut
    merges    pairs of tokens in the order in which they were joined; encoding repeats them in that order
    bits/char  nats per token / log 2 * tokens / characters: the unit to compare vocabularies in

Sources: Gage 1994 (bytes, for compression); Sennrich, Haddow & Birch 2016, algorithm 1 (words). Notebook
07_transformers.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

import numpy as np

from coursekit.inputs import positive_int

# A word or a run of other signs, with a blank before it; or white space.
PIECE = re.compile(r" ?\w+| ?[^\w\s]+|\s")


def merge(symbols: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    """The symbols with each occurrence of the pair joined, from left to right.

    >>> merge(("a", "a", "a", "b"), ("a", "a"))
    ('aa', 'a', 'b')
    """
    merged, i = [], 0
    while i < len(symbols):
        joined = symbols[i : i + 2] == pair
        merged.append(symbols[i] + symbols[i + 1] if joined else symbols[i])
        i += 2 if joined else 1
    return tuple(merged)


class BytePairs:
    """A vocabulary of n_words tokens, learned from a text; the first are its single characters.

    >>> pairs = BytePairs(8).fit("low lower lowest")
    >>> pairs.decode(pairs.encode("slow"))
    'slow'

    Args:
        n_words: size of the vocabulary; fewer where the text has no more pairs.
        alphabet: characters that must have a token even where the text lacks them.

    Attributes:
        vocabulary_: the tokens as strings, in the order of their numbers.
        merges_: pairs of strings, in the order in which they were joined.
    """

    def __init__(self, n_words: int, *, alphabet: str = ""):
        self.n_words = positive_int(n_words, "n_words")
        self.alphabet = alphabet

    def fit(self, text: str) -> "BytePairs":
        """Learn the vocabulary of a text; among pairs that are equally frequent the alphabet decides."""
        if not text:
            raise ValueError("text is empty: there are no pairs to count")
        characters = sorted(set(text + self.alphabet))
        if len(characters) > self.n_words:
            raise ValueError(f"n_words must be at least {len(characters)}, one for each character")
        words = {tuple(piece): count for piece, count in Counter(PIECE.findall(text)).items()}
        self.vocabulary_, self.merges_ = characters, self._merges(words, self.n_words - len(characters))
        self.vocabulary_ += [a + b for a, b in self.merges_]
        self._numbers = {token: i for i, token in enumerate(self.vocabulary_)}
        self._ranks = {pair: i for i, pair in enumerate(self.merges_)}
        self._known = {}  # pieces that were encoded before
        return self

    def _merges(self, words, n):
        """The first n merges. Only the words that hold the joined pair are counted anew."""
        symbols, counts = list(words), list(words.values())
        frequency, holders = Counter(), defaultdict(set)
        for i, word in enumerate(symbols):
            for pair in zip(word, word[1:], strict=False):
                frequency[pair] += counts[i]
                holders[pair].add(i)
        merges = []
        while len(merges) < n and frequency:
            most = max(frequency.values())
            if most < 1:
                break
            pair = min(each for each, count in frequency.items() if count == most)
            merges.append(pair)
            for i in holders.pop(pair):
                for old in zip(symbols[i], symbols[i][1:], strict=False):
                    frequency[old] -= counts[i]
                symbols[i] = merge(symbols[i], pair)
                for new in zip(symbols[i], symbols[i][1:], strict=False):
                    frequency[new] += counts[i]
                    holders[new].add(i)
            del frequency[pair]
        return merges

    def encode(self, text: str) -> np.ndarray:
        """The numbers of a text's tokens, int64 (t,).

        Raises:
            ValueError: a character that the vocabulary does not have.
        """
        if unknown := sorted(set(text) - set(self.vocabulary_)):
            raise ValueError(f"the vocabulary has no token for {', '.join(map(repr, unknown[:5]))}")
        numbers = []
        for piece in PIECE.findall(text):
            if piece not in self._known:
                self._known[piece] = [self._numbers[token] for token in self._tokens(piece)]
            numbers += self._known[piece]
        return np.array(numbers, dtype=np.int64)

    def _tokens(self, piece):
        """The tokens of one piece: of all pairs in it, the one that was joined first is joined first."""
        symbols = tuple(piece)
        while known := [pair for pair in zip(symbols, symbols[1:], strict=False) if pair in self._ranks]:
            symbols = merge(symbols, min(known, key=self._ranks.get))
        return symbols

    def decode(self, tokens: Iterable[int]) -> str:
        """The text of tokens (t,), given by their numbers."""
        return "".join(self.vocabulary_[int(token)] for token in tokens)
