"""BERT: a transformer that looks both ways, trained to fill in blanks and to tell what belongs together.

Hide some words, and let the network say what they were, from all words on either side (the cloze test). Show
it two sentences, and let it say whether the second follows the first. Neither task needs labels, and what was
learned for them serves other tasks, for which there are few.

    tokens    [CLS] first sentence [SEP] second sentence [SEP], (n, t); words are 0..n_words - 1
    stream    word + position + which sentence it is in, (n, t, width)
    logits    (n, t, n_words): the softmax at a masked place is p(word there | all that is shown)
    goes on   sigmoid of a linear function of the last features at [CLS]: p(second follows first | both)
    loss      mean of -log p over the masked words, plus mean of -log p of the truth about the pair

Sources: Devlin et al. 2019, section 3.1. There, 10 % of the chosen words stay as they are and 10 % become
random words, so that the net also learns from texts without [MASK]; here every chosen word becomes [MASK], so
that the target remains the exact posterior. Notebook 07_transformers.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coursekit.inputs import as_labels, positive_int, real_number
from coursekit.transformer.blocks import Block, as_tokens, small_start


class BERT(nn.Module):
    """Transformer encoder over a sentence or a pair.

    Args:
        n_words: size of the vocabulary, without the three special tokens.
        context: the longest sequence, special tokens included.
        width: of the stream, a multiple of n_heads.
        n_layers: number of blocks.
        n_heads: heads of attention in each block.

    >>> model = BERT(10, context=9, width=12, n_layers=1, n_heads=3)
    >>> model.pack([[1, 2, 3]], [[4, 5, 6]])
    tensor([[10,  1,  2,  3, 11,  4,  5,  6, 11]])
    """

    def __init__(self, n_words: int, *, context: int, width: int, n_layers: int, n_heads: int):
        super().__init__()
        self.n_words = positive_int(n_words, "n_words")
        self.context = positive_int(context, "context")
        positive_int(width, "width")
        self.cls_token, self.sep_token, self.mask_token = n_words, n_words + 1, n_words + 2
        self.words = nn.Embedding(n_words + 3, width)
        self.positions = nn.Embedding(context, width)
        self.sentences = nn.Embedding(2, width)
        self.blocks = nn.ModuleList(Block(width, n_heads) for _ in range(positive_int(n_layers, "n_layers")))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, n_words)
        self.next_head = nn.Linear(width, 1)
        small_start(self, n_layers)

    def pack(self, first: Any, second: Any = None) -> Tensor:
        """[CLS] first [SEP], or [CLS] first [SEP] second [SEP], int64; sentences (n, t1) and (n, t2)."""
        device = self.head.weight.device
        sentences = [first] if second is None else [first, second]
        sentences = [as_tokens(each, self.n_words, device=device, name="a sentence") for each in sentences]
        parts = [sentences[0].new_full((len(sentences[0]), 1), self.cls_token)]
        for sentence in sentences:
            parts += [sentence, sentence.new_full((len(sentence), 1), self.sep_token)]
        return torch.cat(parts, dim=1)

    def mask_words(
        self, tokens: Tensor, share: float = 0.15, *, rng: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Tokens with words, never special ones, replaced by [MASK] with probability `share`, and where.

        Returns:
            (tokens (n, t), chosen (n, t) bool).
        """
        real_number(share, "share", low=0, high=1)
        draws = torch.rand(tokens.shape, generator=rng, device=tokens.device)
        chosen = (draws < share) & (tokens < self.n_words)
        return torch.where(chosen, self.mask_token, tokens), chosen

    def features(self, tokens: Tensor) -> Tensor:
        """What the heads read, (n, t, width): every row has seen all tokens."""
        tokens = as_tokens(tokens, self.n_words + 3, longest=self.context, device=self.head.weight.device)
        # A sentence ends with its [SEP]: after the first one the second sentence begins.
        separators = (tokens == self.sep_token).long()
        sentence = (separators.cumsum(1) - separators).clamp(max=1)
        x = self.words(tokens) + self.positions.weight[: tokens.shape[1]] + self.sentences(sentence)
        for block in self.blocks:
            x, _ = block(x)
        return self.norm(x)

    def logits(self, tokens: Tensor) -> Tensor:
        """Logits (n, t, n_words) of the word at each place; asked for where tokens hold [MASK]."""
        return self.head(self.features(tokens))

    def next_logit(self, tokens: Tensor) -> Tensor:
        """log p / (1 - p) of "the second sentence follows the first" for tokens (n, t); (n,)."""
        return self.next_head(self.features(tokens)[:, 0])[:, 0]

    def loss(self, tokens: Tensor, goes_on: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """Cross-entropy of the masked words, their mean, plus that of the pair, nats.

        Args:
            tokens: pairs (n, t) as `pack` makes them.
            goes_on: (n,), 1 where the second sentence follows the first.
            rng: draws which words are masked.
        """
        masked, chosen = self.mask_words(tokens, rng=rng)
        features = self.features(masked)
        # Only the masked words count, and the mean is over them: over all places it would be of another size.
        blanks = F.cross_entropy(self.head(features[chosen]), tokens[chosen], reduction="sum")
        blanks = blanks / chosen.sum().clamp(min=1)
        goes_on = as_labels(goes_on, len(tokens), n_classes=2, name="goes_on").to(features)
        next_logit = self.next_head(features[:, 0])[:, 0]
        return blanks + F.binary_cross_entropy_with_logits(next_logit, goes_on)


class TextClassifier(nn.Module):
    """A linear classifier on the mean of BERT's features over the tokens: pre-trained, put to other work.

    >>> bert = BERT(5, context=4, width=8, n_layers=1, n_heads=2)
    >>> TextClassifier(bert, 3).logits(torch.zeros(2, 4, dtype=torch.int64)).shape
    torch.Size([2, 3])

    Args:
        bert: the network underneath.
        n_classes: number of classes.
        frozen: True trains the linear layer alone (feature extraction); False everything (fine-tuning).
    """

    def __init__(self, bert: BERT, n_classes: int, *, frozen: bool = False):
        super().__init__()
        self.bert, self.frozen = bert, frozen
        self.head = nn.Linear(bert.norm.normalized_shape[0], positive_int(n_classes, "n_classes", low=2))
        bert.requires_grad_(not frozen)

    def logits(self, tokens: Tensor) -> Tensor:
        """Logits of the classes, (n, n_classes)."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            features = self.bert.features(tokens)
        return self.head(features.mean(1))

    def loss(self, tokens: Tensor, labels: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """Mean cross-entropy in nats; labels int64 (n,)."""
        labels = as_labels(labels, len(tokens), n_classes=self.head.out_features)
        return F.cross_entropy(self.logits(tokens), labels)
