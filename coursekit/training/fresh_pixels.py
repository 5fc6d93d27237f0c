"""`FreshPixels`: black and white pixels drawn anew for every batch, for a model that learns from bits."""

import torch
from torch import Tensor, nn

from coursekit.draws import bernoulli


class FreshPixels(nn.Module):
    """Dynamic binarisation: the loss of a model on bits drawn anew from the grey levels, their probabilities.

    The same picture is never seen twice, so that a model overfits less. Train this instead of the model,
    whose weights it holds: `fit(FreshPixels(model), data.ink(images), ...)`.

    >>> from coursekit.vae import VAE
    >>> FreshPixels(VAE(4, 2, hidden=8)).loss(torch.full((3, 4), 0.5)).shape
    torch.Size([])

    Args:
        model: with `loss(x, rng=rng)`; its weights are trained.
    """

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def loss(
        self, x: Tensor, condition: Tensor | None = None, *, rng: torch.Generator | None = None
    ) -> Tensor:
        """The model's loss on bits with the probabilities x, (n, ...) in [0, 1], and on their condition."""
        told = () if condition is None else (condition,)
        return self.model.loss(bernoulli(x, rng), *told, rng=rng)
