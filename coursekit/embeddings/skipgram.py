"""Skip-gram, CBOW and negative sampling: vectors that predict a word's company, and what they must become.

Skip-gram predicts each context from the word, CBOW the word from the mean of its contexts. A softmax over the
vocabulary costs a sum over all words at every step. Negative sampling asks a smaller question instead: is
this pair from the text, or was its context drawn at random? Its expected loss is a function of the table of
counts alone, and where every entry of the table of scores is free, the minimum is PMI - log k.

    s = w_i . c_j                      score of word i with context j; w: row of W, c: row of C, both (n, d)
    softmax    -log p(j | i)           p = softmax of row i of the scores;   d/ds = p - y, y one-hot
    sampling   -log sigmoid(s_ij) - sum of log sigmoid(-s_in) over k contexts n drawn from q

    expected:  L = - sum_ij P_ij log sigmoid(s_ij) + N_ij log sigmoid(-s_ij)
               P = #(w, c) / |D|       N = k #(w) / |D| q(c)       dL/ds = (P + N) sigmoid(s) - P
    minimum:   s = log P / N = PMI - log k      if q(c) is the contexts' share #(c) / |D|

Source: Mikolov et al. (2013), Efficient estimation of word representations; Distributed representations of
words and phrases, eq. 4; Levy & Goldberg (2014), Neural word embedding as implicit matrix factorization,
eqs. 4 to 10. Notebook: 05_word_vectors.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike
from torch import Tensor, nn

from coursekit.inputs import as_labels, as_tensor, positive_int, real_number


def noise_distribution(counts: ArrayLike, *, power: float = 0.75) -> Tensor:
    """q(c) proportional to #(c)^power, (n_words,) float64: what negative contexts are drawn from.

    Args:
        counts: how often each word occurs, (n_words,).
        power: 1 keeps the shares of the text; 0.75, word2vec's choice, raises the rare words.
    """
    counts = as_tensor(counts, "counts").double()
    if counts.ndim != 1 or not bool((counts >= 0).all()) or not counts.sum() > 0:
        raise ValueError("counts must be numbers (n_words,) of at least 0, one of them positive")
    real_number(power, "power", low=0, below=math.inf)
    return counts**power / (counts**power).sum()


def sgns_table(counts: ArrayLike, k: float, *, power: float = 1.0) -> tuple[Tensor, Tensor]:
    """P and N of the expected loss, (n, m) float64 each: shares of true pairs, and k times those of noise.

    Args:
        counts: #(w, c), (n, m): words by contexts, or documents by words.
        k: negative contexts for each true pair, above 0.
        power: of the contexts' counts in q; 1 is the share of the text.
    """
    counts = as_tensor(counts, "counts").double()
    real_number(k, "k", above=0)
    if counts.ndim != 2 or not bool((counts >= 0).all()) or not counts.sum() > 0:
        raise ValueError("counts must be a table (n, m) of numbers of at least 0, one of them positive")
    P = counts / counts.sum()
    return P, k * P.sum(1, keepdim=True) * noise_distribution(P.sum(0), power=power)


def sgns_loss(counts: ArrayLike, W: Tensor, C: Tensor, k: float, *, power: float = 1.0) -> Tensor:
    """Expected loss of skip-gram with negative sampling, nats per pair. Levy & Goldberg 2014, eq. 4.

    Args:
        counts: #(w, c), (n, m).
        W: word vectors (n, d).
        C: context vectors (m, d).
        k: negative contexts per pair.
        power: of the contexts' counts in the noise.
    """
    P, N = (part.to(W) for part in sgns_table(counts, k, power=power))
    return table_loss(P, N, W @ C.T)


def sgns_gradient(
    counts: ArrayLike, W: Tensor, C: Tensor, k: float, *, power: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Gradient of `sgns_loss` with respect to W (n, d) and C (m, d): three matrix products.

    Args:
        counts: (n, m), of pairs.
        W: (n, d), vectors of the words.
        C: (m, d), vectors of the contexts.
        k: negatives per pair.
        power: of the noise distribution.
    """
    P, N = (part.to(W) for part in sgns_table(counts, k, power=power))
    return table_gradient(P, N, W, C)


def sgns_floor(counts: ArrayLike, k: float, *, power: float = 1.0) -> Tensor:
    """The least value `sgns_loss` can have, with every score free: scores log P/N. An empty cell adds 0.

    Args:
        counts: (n, m), of pairs.
        k: negatives per pair.
        power: of the noise distribution.
    """
    P, N = sgns_table(counts, k, power=power)
    return (torch.xlogy(P, 1 + N / P.where(P > 0, 1)) + torch.xlogy(N, 1 + P / N.where(N > 0, 1))).sum()


def table_loss(P: Tensor, N: Tensor, scores: Tensor) -> Tensor:
    """-sum of P log sigmoid(s) + N log sigmoid(-s) over the table, all (n, m).

    Args:
        P: (n, m), share of each pair.
        N: (n, m), what the negatives weigh there.
        scores: s, (n, m).
    """
    return (P * F.softplus(-scores) + N * F.softplus(scores)).sum()


def table_gradient(P: Tensor, N: Tensor, W: Tensor, C: Tensor) -> tuple[Tensor, Tensor]:
    """dL/dW (n, d) and dL/dC (m, d), from the slope of every score, (P + N) sigmoid(s) - P.

    Args:
        P: (n, m), share of each pair.
        N: (n, m), what the negatives weigh there.
        W: (n, d), vectors of the words.
        C: (m, d), vectors of the contexts.
    """
    slope = torch.sigmoid_(W @ C.T)
    slope.mul_(P + N).sub_(P)
    return slope @ C, slope.T @ W


def balanced(W: ArrayLike, C: ArrayLike, *, power: float = 0.25) -> Tensor:
    """U S^power (n, d), where U S V' = W C': word vectors that depend on the scores alone.

    The loss sees W and C through W C' only, and W M, C M^-T have the same product for every invertible M, but
    other angles between words. This settles M. W (n, d), C (m, d); returns float64.
    """
    W, C = (as_tensor(part, "vectors").detach().double() for part in (W, C))
    # The product has rank d at most, so a d x d table carries its singular values.
    (left, R), (_, S) = torch.linalg.qr(W), torch.linalg.qr(C)
    U, values, _ = torch.linalg.svd(R @ S.T)
    real_number(power, "power", low=0, below=math.inf)
    return left @ U * values**power


def sampled_loss(right: Tensor, drawn: Tensor) -> Tensor:
    """-log sigmoid(right) - sum of log sigmoid(-drawn), mean over examples: scores (n,) and (n, k)."""
    return (F.softplus(-right) + F.softplus(drawn).sum(-1)).mean()


class _Predictor(nn.Module):
    """What skip-gram and CBOW share: two tables of vectors, the noise, and the two losses."""

    def __init__(self, n_words, n_dims, *, n_negative, noise):
        super().__init__()
        n_words, n_dims = positive_int(n_words, "n_words", low=2), positive_int(n_dims, "n_dims")
        self.n_negative = positive_int(n_negative, "n_negative", low=0)
        # As in word2vec: small words, contexts at 0, so that every score starts at 0.
        self.W = nn.Parameter((torch.rand(n_words, n_dims) - 0.5) / n_dims)
        self.C = nn.Parameter(torch.zeros(n_words, n_dims))
        noise = noise_distribution(torch.ones(n_words) if noise is None else noise, power=1.0)
        if len(noise) != n_words:
            raise ValueError(
                f"noise must have shape ({n_words},), one number per word, got {tuple(noise.shape)}"
            )
        self.register_buffer("noise", noise)

    def _loss(self, hidden, targets, rng):
        """Mean loss of predicting targets (n,) from input vectors (n, d)."""
        if self.n_negative == 0:
            return F.cross_entropy(hidden @ self.C.T, targets)
        size = (len(targets), self.n_negative)
        drawn = torch.multinomial(self.noise, size[0] * size[1], replacement=True, generator=rng).view(size)
        right = (hidden * self.C[targets]).sum(-1)
        return sampled_loss(right, torch.einsum("nd,nkd->nk", hidden, self.C[drawn]))


class SkipGram(_Predictor):
    """Predicts each context from the word: one example per pair.

    Args:
        n_words: size of the vocabulary.
        n_dims: d, length of a vector.
        n_negative: k, negative contexts per pair; 0 takes the softmax over all words instead.
        noise: shares (n_words,) that negatives are drawn from; None for equal ones.

    Parameters: `W` (n_words, n_dims), the word vectors that one keeps, and `C` of the same shape.

    >>> model = SkipGram(10, 4)
    >>> model.loss([3, 1], [5, 2], rng=torch.Generator().manual_seed(0)) > 0
    tensor(True)
    """

    def __init__(self, n_words: int, n_dims: int, *, n_negative: int = 5, noise: ArrayLike | None = None):
        super().__init__(n_words, n_dims, n_negative=n_negative, noise=noise)

    def log_prob(self, words: ArrayLike) -> Tensor:
        """log p(context | word) by the softmax, (n, n_words), in nats; words int64 (n,)."""
        words = as_labels(words, n_classes=len(self.W), name="words")
        return F.log_softmax(self.W[words] @ self.C.T, dim=-1)

    def loss(self, words: ArrayLike, contexts: ArrayLike, *, rng: torch.Generator | None = None) -> Tensor:
        """Mean loss over pairs; both int64 (n,), see `window_pairs`. Mikolov et al. 2013b, eqs. 2 and 4."""
        words = as_labels(words, n_classes=len(self.W), name="words")
        contexts = as_labels(contexts, len(words), n_classes=len(self.W), name="contexts")
        return self._loss(self.W[words], contexts, rng)


class CBOW(_Predictor):
    """Predicts the word from the mean of its contexts' vectors: one example per place in the text.

    Parameters as of `SkipGram`; here contexts are looked up in `W` and the word in `C`.

    Args:
        n_words: as in `SkipGram`.
        n_dims: as in `SkipGram`.
        n_negative: as in `SkipGram`.
        noise: as in `SkipGram`.

    >>> model = CBOW(10, 4)
    >>> model.loss([3, 1], [[5, 2], [7, -1]], rng=torch.Generator().manual_seed(0)) > 0
    tensor(True)
    """

    def __init__(self, n_words: int, n_dims: int, *, n_negative: int = 5, noise: ArrayLike | None = None):
        super().__init__(n_words, n_dims, n_negative=n_negative, noise=noise)

    def mean_of(self, contexts: ArrayLike) -> Tensor:
        """h, the mean vector (n, d) of contexts (n, 2 c), in which -1 marks an empty place.

        Raises:
            ValueError: an example has no context at all.
        """
        contexts = as_tensor(contexts, "contexts")
        flat = as_labels(contexts.reshape(-1), n_classes=len(self.W), low=-1, name="contexts")
        contexts = flat.reshape(contexts.shape)
        there = (contexts >= 0).unsqueeze(-1)
        if contexts.ndim != 2 or not bool(there.any(1).all()):
            raise ValueError(
                "contexts must be word numbers (n, 2 c), at least one per example, -1 where none"
            )
        return (self.W[contexts.clamp(min=0)] * there).sum(1) / there.sum(1)

    def log_prob(self, contexts: ArrayLike) -> Tensor:
        """log p(word | contexts) by the softmax, (n, n_words), in nats."""
        return F.log_softmax(self.mean_of(contexts) @ self.C.T, dim=-1)

    def loss(self, words: ArrayLike, contexts: ArrayLike, *, rng: torch.Generator | None = None) -> Tensor:
        """Mean loss over places in the text: words (n,), contexts (n, 2 c), see `windows`."""
        words = as_labels(words, n_classes=len(self.C), name="words")
        hidden = self.mean_of(contexts)
        if len(hidden) != len(words):
            raise ValueError(f"{len(words)} words need as many rows of contexts, got {len(hidden)}")
        return self._loss(hidden, words, rng)


def windows(tokens: ArrayLike, *, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Each word (n,) with the words around it (n, 2 c), from left to right, -1 where the text ends.

    Args:
        tokens: numbers of words in reading order; -1 between texts. A text of one word is left out.
        window: c, places on each side.
    """
    tokens = np.asarray(tokens, np.int64)
    positive_int(window, "window")
    text = np.cumsum(tokens == -1)
    places = np.flatnonzero(tokens >= 0)
    offsets = [*range(-window, 0), *range(1, window + 1)]
    around = np.full((len(places), len(offsets)), -1)
    for column, offset in enumerate(offsets):
        there = places + offset
        inside = (there >= 0) & (there < len(tokens))
        there = np.where(inside, there, 0)
        same = inside & (text[there] == text[places])
        around[:, column] = np.where(same, tokens[there], -1)
    alone = (around < 0).all(axis=1)
    if alone.all():
        raise ValueError("the text is empty: no word in tokens has another beside it")
    return tokens[places[~alone]], around[~alone]
