"""LoRA: fine-tuning a large matrix through a thin one beside it.

The weights W of a trained layer stay as they are. Beside them two thin matrices are learned, whose product
has rank r; afterwards the product is added to W, and the layer is as fast as it was. B starts at zero, so
that fine-tuning starts from the trained model.

    y = W x + b + B A x,     A (rank, n_inputs),   B (n_outputs, rank),   rank (n_inputs + n_outputs) numbers

Source: Hu et al. 2022, section 4.1; their factor alpha / r is 1 here. Notebook 18_alignment.
"""

import copy

import torch
from torch import Tensor, nn

from coursekit.inputs import positive_int


class LoRA(nn.Module):
    """A frozen linear layer with a trainable update of low rank beside it.

    Args:
        linear: the trained layer; it is used as it is, and frozen.
        rank: of the update, at most the smaller side of the layer.

    >>> layer = LoRA(nn.Linear(6, 4), rank=2)
    >>> sum(p.numel() for p in layer.parameters() if p.requires_grad)
    20
    """

    def __init__(self, linear: nn.Linear, rank: int):
        super().__init__()
        if not isinstance(linear, nn.Linear):
            raise ValueError(f"LoRA goes beside a linear layer, got {type(linear).__name__}")
        most = min(linear.in_features, linear.out_features)
        positive_int(rank, "rank", high=most)
        self.linear = linear.requires_grad_(False)
        self.inward = nn.Parameter(torch.empty(rank, linear.in_features).to(linear.weight))  # A
        self.outward = nn.Parameter(torch.zeros(linear.out_features, rank).to(linear.weight))  # B
        nn.init.normal_(self.inward, std=linear.in_features**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        """(..., n_inputs) -> (..., n_outputs), the update computed in two thin steps."""
        return self.linear(x) + x @ self.inward.T @ self.outward.T

    def update(self) -> Tensor:
        """B A, (n_outputs, n_inputs), of rank at most `rank`."""
        return self.outward @ self.inward

    @torch.no_grad()
    def merge(self) -> nn.Linear:
        """One linear layer that computes the same; the LoRA is left as it is."""
        merged = copy.deepcopy(self.linear)
        merged.weight += self.update()
        return merged.requires_grad_(True)


def with_lora(model: nn.Module, rank: int, *, within: str = "blocks") -> nn.Module:
    """A copy of a model whose linear layers have a LoRA each, and nothing else to train.

    Args:
        model: a trained model, such as a GPT; it is left as it is.
        rank: of every update.
        within: name of the part whose linear layers are meant; "" for the whole model.

    Raises:
        ValueError: there is no linear layer in that part.
    """
    model = copy.deepcopy(model).requires_grad_(False)
    if not _replace(model, within, nn.Linear, lambda layer: LoRA(layer, rank)):
        raise ValueError(f"the model has no linear layer within {within!r}")
    return model


def merged(model: nn.Module) -> nn.Module:
    """A copy of a model with every LoRA merged into its layer."""
    model = copy.deepcopy(model)
    _replace(model, "", LoRA, LoRA.merge)
    return model.requires_grad_(True)


def _replace(model, within, kind, made):
    """Put made(layer) where each layer of a kind is; how many there were."""
    found = [
        name for name, layer in model.named_modules() if isinstance(layer, kind) and name.startswith(within)
    ]
    for name in found:
        parent, _, last = name.rpartition(".")
        setattr(model.get_submodule(parent), last, made(model.get_submodule(name)))
    return len(found)
