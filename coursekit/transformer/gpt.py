"""GPT: a transformer that reads from left to right and says at each place what comes next.

By the chain rule, log p(x_0, ..., x_{t-1}) is the sum over i of log p(x_i | x_0, ..., x_{i-1}). One network
gives all of these conditionals in one pass: a causal mask keeps each position from looking at later ones. It
is trained by maximum likelihood and writes a text one token after another.

    tokens     (n, t), whole numbers in 0..n_words - 1; t at most `context`
    stream     (n, t + 1, width): a learned start vector, then the tokens' vectors, each plus its position's
    features   (n, t + 1, width): row i has read i tokens, x_0, ..., x_{i-1}, and no other
    logits     (n, t + 1, n_words): the softmax of row i is p(x_i | x_0, ..., x_{i-1}); the last row is what
               may follow the whole sequence

Sources: Radford et al. 2018 (GPT), section 3.1; Radford et al. 2019 (GPT-2), section 2.3, for the norms and
the start. It is called the decoder of the original transformer, but has no cross-attention: nothing is
translated, so there is no second sequence to look at. Notebook 07_transformers.
"""

import torch
from torch import Tensor, nn

from coursekit.inputs import positive_int, real_number
from coursekit.transformer.blocks import Block, Past, as_tokens, causal_mask, small_start


class GPT(nn.Module):
    """Autoregressive transformer over sequences of tokens.

    Args:
        n_words: size of the vocabulary.
        context: the longest sequence that it reads.
        width: of the stream, a multiple of n_heads.
        n_layers: number of blocks.
        n_heads: heads of attention in each block.

    >>> model = GPT(10, context=8, width=12, n_layers=2, n_heads=3)
    >>> model.log_prob(torch.zeros(4, 8)).shape
    torch.Size([4, 8])
    """

    def __init__(self, n_words: int, *, context: int, width: int, n_layers: int, n_heads: int):
        super().__init__()
        self.n_words = positive_int(n_words, "n_words")
        self.context = positive_int(context, "context")
        positive_int(width, "width")
        self.words = nn.Embedding(n_words, width)
        # Row 0 is the place of the start vector, which needs no other: the two would only be added.
        self.positions = nn.Embedding(context + 1, width)
        self.blocks = nn.ModuleList(Block(width, n_heads) for _ in range(positive_int(n_layers, "n_layers")))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, n_words)
        small_start(self, n_layers)

    def features(self, tokens: Tensor) -> Tensor:
        """What the head reads, (n, t + 1, width): row i is made of the first i tokens alone.

        A value of the state before token i is chosen belongs on row i; a judgement of the whole sequence on
        the last row.
        """
        return self._stream(self._checked(tokens))[0]

    def logits(self, tokens: Tensor) -> Tensor:
        """Logits (n, t + 1, n_words): row i for token i given those before it, the last for what follows."""
        return self.head(self.features(tokens))

    def log_prob(self, tokens: Tensor) -> Tensor:
        """log p(x_i | x_0, ..., x_{i-1}) of every token in nats, (n, t); their sum is a sequence's."""
        tokens = self._checked(tokens)
        if tokens.shape[1] == 0:
            raise ValueError("tokens are empty: there is nothing whose probability could be computed")
        logits = self.head(self._stream(tokens[:, :-1])[0])  # (n, t, n_words), one row for each token
        return logits.log_softmax(-1).gather(-1, tokens[..., None])[..., 0]

    def loss(self, tokens: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """Mean of -log p per token, nats. There is nothing random about it."""
        return -self.log_prob(tokens).mean()

    @torch.no_grad()
    def generate(
        self,
        prompt: Tensor,
        n: int,
        *,
        temperature: float = 1.0,
        cache: bool = True,
        rng: torch.Generator | None = None,
    ) -> Tensor:
        """The prompt and n tokens drawn after it, one at a time, (m, t + n), int64.

        Where the context is full, the model goes on from the later half of what it has read.

        Args:
            prompt: (m, t), the beginnings of m sequences; t = 0 begins from nothing.
            n: tokens to draw.
            temperature: divides the logits: 1 draws from the model, less sharpens, 0 takes the likeliest.
            cache: keep the keys and values of what was read; False reads the whole window again for every
                token, with the same result.
            rng: where the randomness comes from.

        Raises:
            ValueError: tokens outside the vocabulary, a negative temperature.
        """
        real_number(temperature, "temperature", low=0)
        tokens = as_tokens(prompt, self.n_words, device=self.head.weight.device, name="prompt")
        first, past = max(0, tokens.shape[1] - self.context + 1), None  # a long prompt is cut, not refused
        for _ in range(positive_int(n, "n")):
            if tokens.shape[1] - first >= self.context:  # the last position would have no token to predict
                first, past = tokens.shape[1] - self.context // 2, None
            unread = tokens[:, first:] if past is None else tokens[:, -1:]
            features, present = self._stream(unread, past)
            past = present if cache else None
            logits = self.head(features[:, -1])  # (m, n_words)
            if temperature == 0:
                drawn = logits.argmax(-1, keepdim=True)
            else:
                drawn = torch.multinomial((logits / temperature).softmax(-1), 1, generator=rng)
            tokens = torch.cat([tokens, drawn], dim=1)
        return tokens

    def attention_weights(self, tokens: Tensor) -> list[Tensor]:
        """What each block looks at, (n, n_heads, t + 1, t + 1) each; place 0 is the start vector's."""
        x, weights = self._enter(self._checked(tokens), 0), []
        mask = causal_mask(x.shape[1], device=x.device)
        for block in self.blocks:
            weights.append(block.attention.weights(block.attention_norm(x), mask=mask))
            x, _ = block(x, mask=mask)
        return weights

    def _enter(self, tokens, n_read):
        """The stream before the first block; the start vector leads where nothing was read before."""
        words = self.words(tokens)
        if n_read == 0:
            words = torch.cat([words.new_zeros(len(words), 1, words.shape[-1]), words], dim=1)
        return words + self.positions.weight[n_read : n_read + words.shape[1]]

    def _stream(self, tokens: Tensor, past: list[Past] | None = None) -> tuple[Tensor, list[Past]]:
        """Features of the start vector and of tokens (n, t), or of tokens alone that follow a `past`."""
        n_read = 0 if past is None else past[0][0].shape[2]
        x = self._enter(tokens, n_read)
        mask = causal_mask(x.shape[1], n_read + x.shape[1], device=x.device)
        present = []
        for i, block in enumerate(self.blocks):
            x, keys_and_values = block(x, mask=mask, past=None if past is None else past[i])
            present.append(keys_and_values)
        return self.norm(x), present

    def _checked(self, tokens):
        return as_tokens(tokens, self.n_words, longest=self.context, device=self.head.weight.device)
