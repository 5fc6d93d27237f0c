"""Attention, and the block that a transformer repeats.

Attention is a soft look-up. Each position asks a *query*; every position offers a *key*, to be matched with
the query, and a *value*, to be handed over. The answer is the mean of the values, weighted by how well the
keys match. Several heads ask different questions at the same time. A block adds attention, and then a
perceptron at each position by itself, to the residual stream, which runs through all blocks.

    weights    A = softmax(q k' / sqrt(d)), (..., n_queries, n_keys), each row a distribution over keys
    output     A v, (..., n_queries, d)
    mask       True where a query may look; elsewhere the score is -infinity, and so the weight exactly 0
    block      x <- x + attention(norm(x)),   x <- x + perceptron(norm(x))

    q (..., n_queries, d),  k (..., n_keys, d),  v (..., n_keys, d_v),  x (n, t, width)

Sources: Vaswani et al. 2017, eq. 1 and section 3.2.2; Xiong et al. 2020 for the norm before each part (2017
had it after). Notebook 07_transformers.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn

from coursekit.inputs import as_tensor, positive_int

Past = tuple[Tensor, Tensor]  # keys and values of earlier positions, (n, n_heads, t, width / n_heads)


def causal_mask(n_queries: int, n_keys: int | None = None, *, device: torch.device | None = None) -> Tensor:
    """(n_queries, n_keys) bool, True where key j is not later than query i; the last query sees all keys.

    With more keys than queries, the first keys belong to positions that were read before.

    >>> causal_mask(2, 3)
    tensor([[ True,  True, False],
            [ True,  True,  True]])

    Args:
        n_queries: the last positions of the sequence.
        n_keys: all of them.
        device: where the mask goes.
    """
    n_queries = positive_int(n_queries, "n_queries", low=0)
    n_keys = n_queries if n_keys is None else positive_int(n_keys, "n_keys", low=0)
    everything = torch.ones(n_queries, n_keys, dtype=torch.bool, device=device)
    return everything.tril(n_keys - n_queries)


def attention_weights(q: Tensor, k: Tensor, *, mask: Tensor | None = None) -> Tensor:
    """softmax(q k' / sqrt(d)) over the keys, (..., n_queries, n_keys); arguments as in `attention`.

    Args:
        q: (..., n_queries, d).
        k: (..., n_keys, d).
        mask: as in `attention`.
    """
    if q.shape[-1] != k.shape[-1]:
        raise ValueError(f"queries and keys must have one width, got {q.shape[-1]} and {k.shape[-1]}")
    # A product of d independent terms of variance 1 has variance d: divided by sqrt(d), softmax stays soft.
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        if mask.dtype != torch.bool:
            raise ValueError(f"mask must be bool, True where a query may look, got {mask.dtype}")
        if not bool(mask.any(-1).all()):
            raise ValueError("mask leaves a query without any key: its weights would be 0 / 0")
        scores = scores.masked_fill(~mask, -math.inf)
    return scores.softmax(-1)


def attention(q: Tensor, k: Tensor, v: Tensor, *, mask: Tensor | None = None) -> Tensor:
    """Scaled dot-product attention, (..., n_queries, d_v). Vaswani et al. 2017, eq. 1.

    >>> attention(torch.zeros(1, 4), torch.randn(3, 4), torch.tensor([[0.0], [3.0], [6.0]]))  # indifferent
    tensor([[3.]])

    Args:
        q: queries (..., n_queries, d).
        k: keys (..., n_keys, d).
        v: values (..., n_keys, d_v).
        mask: bool, broadcast to (..., n_queries, n_keys), True where a query may look; None lets it look
            everywhere.

    Raises:
        ValueError: widths that differ, or a mask that is not bool or leaves a query without a key.
    """
    return attention_weights(q, k, mask=mask) @ v


class SelfAttention(nn.Module):
    """Several heads of attention of a sequence to itself, side by side: (n, t, width) -> (n, t, width).

    >>> SelfAttention(8, 2)(torch.zeros(3, 5, 8))[0].shape
    torch.Size([3, 5, 8])

    Args:
        width: of the stream; each head works in width / n_heads dimensions.
        n_heads: a divisor of width.
    """

    def __init__(self, width: int, n_heads: int):
        super().__init__()
        positive_int(n_heads, "n_heads")
        if positive_int(width, "width") % n_heads:
            raise ValueError(f"width must be a multiple of n_heads, got {width} and {n_heads}")
        self.n_heads = n_heads
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.join = nn.Linear(width, width, bias=False)

    def split(self, x: Tensor) -> Tensor:
        """(n, t, width) -> (n, n_heads, t, width / n_heads).

        Args:
            x: (n, t, width).
        """
        return x.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)

    def weights(self, x: Tensor, *, mask: Tensor | None = None) -> Tensor:
        """The attention weights of every head for x (n, t, width): (n, n_heads, t, t); mask as there."""
        return attention_weights(self.split(self.query(x)), self.split(self.key(x)), mask=mask)

    def forward(
        self, x: Tensor, *, mask: Tensor | None = None, past: Past | None = None
    ) -> tuple[Tensor, Past]:
        """The output, and the keys and values of all positions so far.

        Args:
            x: (n, t, width).
            mask: bool, broadcast to (n, n_heads, t, number of keys).
            past: keys and values of earlier positions, which x may look at too.
        """
        q, k, v = (self.split(project(x)) for project in (self.query, self.key, self.value))
        if past is not None:
            k, v = torch.cat([past[0], k], dim=2), torch.cat([past[1], v], dim=2)
        heads = attention(q, k, v, mask=mask)  # (n, n_heads, t, width / n_heads)
        return self.join(heads.transpose(1, 2).flatten(2)), (k, v)


class Block(nn.Module):
    """Attention, then a perceptron at each position, each added to the stream: (n, t, width) -> the same.

    >>> Block(8, 2)(torch.zeros(3, 5, 8))[0].shape
    torch.Size([3, 5, 8])

    Args:
        width: of the stream; the perceptron's hidden layer is four times as wide.
        n_heads: heads of attention.
    """

    def __init__(self, width: int, n_heads: int):
        super().__init__()
        self.attention = SelfAttention(width, n_heads)
        self.attention_norm = nn.LayerNorm(width)
        self.perceptron_norm = nn.LayerNorm(width)
        self.perceptron = nn.Sequential(nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, width))

    def forward(
        self, x: Tensor, *, mask: Tensor | None = None, past: Past | None = None
    ) -> tuple[Tensor, Past]:
        """The stream after the block, and its keys and values; arguments as in `SelfAttention`."""
        change, present = self.attention(self.attention_norm(x), mask=mask, past=past)
        x = x + change
        return x + self.perceptron(self.perceptron_norm(x)), present


def small_start(module: nn.Module, n_layers: int) -> None:
    """Weights from N(0, .02^2), biases 0, in place, as in GPT-2 (Radford et al. 2019, section 2.3).

    The layers that write into the stream start smaller, by sqrt(2 n_layers): there are 2 n_layers of them,
    and their sum then has the size of one. None starts at zero: that would hide every slip in a mask.

    Args:
        module: linear layers and embeddings are changed.
    """
    for layer in module.modules():
        if isinstance(layer, (nn.Linear, nn.Embedding)):
            nn.init.normal_(layer.weight, std=0.02)
        if isinstance(layer, nn.Linear) and layer.bias is not None:
            nn.init.zeros_(layer.bias)
        if isinstance(layer, Block):
            for writer in (layer.attention.join, layer.perceptron[-1]):
                nn.init.normal_(writer.weight, std=0.02 / math.sqrt(2 * n_layers))


def as_tokens(
    tokens: Any, n_words: int, *, device: torch.device, longest: int | None = None, name: str = "tokens"
) -> Tensor:
    """Token numbers as int64 (n, t) on a device, or one sentence on what is wrong with them.

    Args:
        tokens: array, tensor or nested list of whole numbers (n, t).
        n_words: they must lie in 0..n_words - 1.
        device: where they go.
        longest: t may be at most so much; None for any length.
        name: what the sentence calls them.

    Raises:
        ValueError: another shape, fractions, numbers outside the vocabulary, or sequences that are too long.
    """
    tokens = as_tensor(tokens, name).to(device)
    if tokens.ndim != 2:
        raise ValueError(f"{name} must have shape (n, t), one row per sequence, got {tuple(tokens.shape)}")
    if longest is not None and tokens.shape[1] > longest:
        raise ValueError(
            f"{name} are {tokens.shape[1]} long, beyond the context of {longest}: cut them into windows"
        )
    if tokens.is_floating_point() and not bool((tokens == tokens.round()).all()):
        raise ValueError(f"{name} must be whole numbers, the places of the words in the vocabulary")
    tokens = tokens.long()
    if tokens.numel():
        least, most = (int(value) for value in tokens.aminmax())
        if least < 0 or most >= n_words:
            raise ValueError(f"{name} must lie in 0..{n_words - 1}, the vocabulary, got {least} to {most}")
    return tokens
