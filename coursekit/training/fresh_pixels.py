"""`FreshPixels`: black and white pixels drawn anew for every batch, for a model that learns from bits."""

from torch import Tensor, nn

from coursekit.draws import bernoulli


class FreshPixels(nn.Module):
    """Dynamic binarisation: the loss of a model on bits drawn anew from the grey levels, their probabilities.

    The same picture is never seen twice, so that a model overfits less. Train this instead of the model,
    whose weights it holds: `fit(FreshPixels(model), data.ink(images), ...)`.
    """

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def loss(self, x: Tensor, *, rng=None) -> Tensor:
        """The model's loss on bits with the probabilities x, (n, ...) in [0, 1]."""
        return self.model.loss(bernoulli(x, rng), rng=rng)
