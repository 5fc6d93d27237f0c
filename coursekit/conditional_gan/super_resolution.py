"""Large pictures from small ones: the small picture is the condition, and most of the large one is a guess.

Many large pictures shrink to the same small one. The mean of them all has the least squared error and looks
like none of them; a sample of the posterior looks right and has exactly twice the squared error. A generator
can be held to what is known: `consistent` changes its output, as little as possible, so that it shrinks to
the small picture it was given.

    y  (n, channels, h, w), small      x  (n, channels, factor h, factor w), large
    shrink   mean of each square of factor x factor pixels        enlarge   each pixel repeated
    consistent(x, y) = x + enlarge(y - shrink(x))                 shrink(consistent(x, y)) = y

Sources: Ledig et al. 2017 (adversarial super-resolution); Soenderby et al. 2017, eq. 4 (the projection);
Blau & Michaeli 2018 (distortion against looks). Notebook 15.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from coursekit.inputs import positive_int


def shrink(x: Tensor, factor: int) -> Tensor:
    """Mean of each square of factor x factor pixels: (n, c, h, w) -> (n, c, h / factor, w / factor).

    >>> import torch
    >>> shrink(torch.arange(4.0).reshape(1, 1, 2, 2), 2)
    tensor([[[[1.5000]]]])

    Raises:
        ValueError: height or width is no multiple of factor.
    """
    factor = positive_int(factor, "factor")
    if x.shape[-1] % factor or x.shape[-2] % factor:
        raise ValueError(f"{tuple(x.shape[-2:])} pixels cannot be shrunk by {factor}: give it a multiple")
    return F.avg_pool2d(x, factor)


def enlarge(y: Tensor, factor: int) -> Tensor:
    """Each pixel as a square of factor x factor: (n, c, h, w) -> (n, c, factor h, factor w).

    Args:
        y: (n, c, h, w).
        factor: side of the squares.
    """
    factor = positive_int(factor, "factor")
    return y.repeat_interleave(factor, dim=-1).repeat_interleave(factor, dim=-2)


def consistent(x: Tensor, y: Tensor) -> Tensor:
    """The picture nearest to x, in squared distance, that shrinks to y; values may leave [0, 1]."""
    factor = x.shape[-1] // y.shape[-1]
    return x + enlarge(y - shrink(x, factor), factor)


class ConsistentGenerator(nn.Module):
    """A generator whose pictures shrink to the condition: (z (n, n_latent), y (n, c, h, w)) -> (n, c, H, W).

    >>> fine = ConsistentGenerator(lambda z, y: torch.zeros(len(z), 64), (1, 8, 8))
    >>> fine(torch.zeros(2, 3), torch.full((2, 1, 4, 4), 0.5)).shape
    torch.Size([2, 1, 8, 8])

    Args:
        generator: module (z, y) -> pictures (n, c H W), such as `ConditionalGenerator`.
        image_shape: (c, H, W).
    """

    def __init__(self, generator: nn.Module, image_shape: tuple[int, int, int]):
        super().__init__()
        self.generator, self.image_shape = generator, tuple(image_shape)

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        return consistent(self.generator(z, y).reshape(-1, *self.image_shape), y)
