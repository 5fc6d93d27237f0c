"""Vectors of whole texts: a document is a word that stands near each of its words.

PV-DBOW (distributed bag of words) predicts each word of a document from the document's vector alone: it is
skip-gram with negative sampling on the table documents x words, and does not see the order. PV-DM
(distributed memory) also sees the words before, each in its place, so the document's vector holds what the
context does not explain. A new document is placed with everything else held fixed. Its vector enters the
scores linearly, so this is a convex problem with one answer, which Newton's method finds in a few steps.

    s_c(t) = d . a_c + b_c(t)      score of word c at place t; d: the document's vector, a_c: row of A
    b_c(t) = 0 (DBOW), or [w_{t-m}, ..., w_{t-1}] . B_c (DM): the m vectors before, side by side
    f(d) = 1/T sum_t { -log sigmoid(s_{w_t}(t)) - k sum_c q(c) log sigmoid(-s_c(t)) } + ridge/2 |d|^2

Source: Le & Mikolov (2014), Distributed representations of sentences and documents, section 2; Dai, Olah & Le
(2015) for the names. The convexity is ours to check. Notebook: 05_word_vectors.
"""

from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike
from torch import Tensor, nn

from coursekit.embeddings.skipgram import noise_distribution, sampled_loss
from coursekit.inputs import as_input, as_labels, as_tensor, one_of, positive_int, real_number


def preceding(tokens: ArrayLike, window: int) -> np.ndarray:
    """The `window` words before each word of one text (n,), from left to right: (n, window), -1 before it.

    >>> preceding([5, 6, 7], 2).tolist()
    [[-1, -1], [-1, 5], [5, 6]]

    Args:
        tokens: (n,), word numbers.
        window: how many words.
    """
    tokens = np.asarray(tokens, np.int64)
    padded = np.concatenate([np.full(positive_int(window, "window"), -1), tokens])
    return np.stack([padded[i : i + len(tokens)] for i in range(window)], axis=1)


class DocumentVectors(nn.Module):
    """Vectors of documents by PV-DBOW or PV-DM, with negative sampling.

    Args:
        n_documents: how many are learned from.
        n_words: size of the vocabulary.
        n_dims: length of a document's vector, and of a word's in DM.
        mode: "dbow", the bag of words, or "dm", with the words before in their order.
        window: m, words before; DM only.
        n_negative: k, drawn words for each true one.
        noise: shares (n_words,) that they are drawn from; None for equal ones.

    Parameters: `D` (n_documents, n_dims), the vectors of documents; `A` (n_words, n_dims) that they are
    multiplied with; in DM also `W` (n_words, n_dims), words as context, and `B` (n_words, window * n_dims).

    >>> model = DocumentVectors(2, 5, 3)
    >>> model.infer([0, 4, 4]).shape
    torch.Size([3])
    """

    def __init__(
        self,
        n_documents: int,
        n_words: int,
        n_dims: int,
        *,
        mode: Literal["dbow", "dm"] = "dbow",
        window: int = 3,
        n_negative: int = 5,
        noise: ArrayLike | None = None,
    ):
        super().__init__()
        positive_int(n_documents, "n_documents")
        positive_int(n_words, "n_words", low=2)
        positive_int(n_dims, "n_dims")
        self.mode = one_of("mode", mode, ("dbow", "dm"))
        self.window = positive_int(window, "window")
        self.n_negative = positive_int(n_negative, "n_negative")
        noise = noise_distribution(torch.ones(n_words) if noise is None else noise, power=1.0)
        if len(noise) != n_words:
            raise ValueError(
                f"noise must have shape ({n_words},), one number per word, got {tuple(noise.shape)}"
            )
        self.register_buffer("noise", noise)
        self.D = nn.Parameter((torch.rand(n_documents, n_dims) - 0.5) / n_dims)
        self.A = nn.Parameter(torch.zeros(n_words, n_dims))
        if mode == "dm":
            self.W = nn.Parameter((torch.rand(n_words, n_dims) - 0.5) / n_dims)
            self.B = nn.Parameter(torch.zeros(n_words, window * n_dims))

    def loss(
        self,
        documents: ArrayLike,
        words: ArrayLike,
        contexts: ArrayLike | None = None,
        *,
        rng: torch.Generator | None = None,
    ) -> Tensor:
        """Mean loss over places in the documents, with k drawn words each.

        Args:
            documents: int64 (n,), which document.
            words: int64 (n,), the word at that place.
            contexts: int64 (n, window), the words before, see `preceding`; DM only.
            rng: generator of the drawn words.
        """
        words = as_labels(words, n_classes=len(self.A), name="words")
        documents = as_labels(documents, len(words), n_classes=len(self.D), name="documents")
        size = (len(words), self.n_negative)
        drawn = torch.multinomial(self.noise, size[0] * size[1], replacement=True, generator=rng).view(size)
        asked = torch.cat([words[:, None], drawn], dim=1)  # (n, 1 + k)
        scores = torch.einsum("nd,nkd->nk", self.D[documents], self.A[asked])
        if self.mode == "dm":
            scores = scores + torch.einsum("nd,nkd->nk", self._context(contexts), self.B[asked])
        return sampled_loss(scores[:, 0], scores[:, 1:])

    def document_loss(self, vector: ArrayLike, tokens: ArrayLike, *, ridge: float = 1e-4) -> Tensor:
        """f(d) of one document, nats per word: the loss with its average over the drawn words taken exactly.

        Args:
            vector: d, (n_dims,).
            tokens: int64 (n,), its words in order.
            ridge: weight of |d|^2 / 2.
        """
        vector = as_input(as_tensor(vector, "vector")[None], self.A.shape[1], like=self.A, name="vector")[0]
        A, offsets, right, noise = self._parts(tokens)
        scores = offsets + vector.to(A) @ A.T  # (n or 1, n_words)
        loss = (right * F.softplus(-scores) + noise * F.softplus(scores)).sum()
        return loss + ridge / 2 * vector.to(A).square().sum()

    @torch.no_grad()
    def infer(self, tokens: ArrayLike, *, ridge: float = 1e-4, tol: float = 1e-10) -> Tensor:
        """The vector (n_dims,) of a document, seen or unseen, with all parameters held: the minimum of f.

        Newton's method from zero, in float64: nothing is drawn, so the same text gets the same vector.

        Args:
            tokens: int64 (n,), its words in order, all in the vocabulary (`Vocabulary.encode` drops others).
            ridge: weight of |d|^2 / 2, above 0: f then has exactly one minimum, however short the text.
            tol: largest entry of the gradient at the end.

        Raises:
            ValueError: the text is empty or holds an unknown word.
        """
        real_number(ridge, "ridge", above=0)
        real_number(tol, "tol", above=0)
        A, offsets, right, noise = self._parts(tokens)
        both, d = right + noise, A.new_zeros(A.shape[1])
        eye = torch.eye(len(d), dtype=A.dtype)

        def value(d):
            scores = offsets + d @ A.T
            return (right * F.softplus(-scores) + noise * F.softplus(scores)).sum() + ridge / 2 * d @ d

        for _ in range(100):
            chance = torch.sigmoid(offsets + d @ A.T)
            gradient = (both * chance - right).sum(0) @ A + ridge * d
            if gradient.abs().max() <= tol:
                break
            curvature = (both * chance * (1 - chance)).sum(0)  # of each word's score, summed over places
            step = torch.linalg.solve((A.T * curvature) @ A + ridge * eye, gradient)
            size, now = 1.0, value(d)
            # Far from the minimum a whole step may be too long; halve it until f falls.
            while size > 1e-8 and value(d - size * step) > now - 1e-4 * size * gradient @ step:
                size /= 2
            d = d - size * step
        return d.to(self.A)

    def _context(self, contexts):
        """Vectors of the words before, side by side: (n, window * n_dims); zeros where there is none."""
        if contexts is None:
            raise ValueError('mode "dm" needs contexts, the words before each word: see `preceding`')
        contexts = as_tensor(contexts, "contexts")
        flat = as_labels(contexts.reshape(-1), n_classes=len(self.W), low=-1, name="contexts")
        if contexts.ndim != 2 or contexts.shape[1] != self.window:
            raise ValueError(f"contexts must have shape (n, {self.window}), got {tuple(contexts.shape)}")
        contexts = flat.reshape(contexts.shape)
        return (self.W[contexts.clamp(min=0)] * (contexts >= 0).unsqueeze(-1)).flatten(1)

    def _parts(self, tokens):
        """A, offsets b, and the weights of right and drawn words, each divided by the number of words."""
        tokens = as_labels(tokens, n_classes=len(self.A), name="tokens")
        if len(tokens) == 0:
            raise ValueError("the text is empty: there is no word in tokens")
        A, n = self.A.detach().double(), len(tokens)
        right, noise = A.new_zeros(n, len(A)), self.n_negative * self.noise
        right[torch.arange(n), tokens] = 1 / n
        if self.mode == "dbow":  # every place has the same scores, so one row of counts is enough
            return A, A.new_zeros(1, len(A)), right.sum(0, keepdim=True), noise[None]
        offsets = (self._context(preceding(tokens, self.window)) @ self.B.T).detach().double()
        return A, offsets, right, noise.expand(n, -1) / n
