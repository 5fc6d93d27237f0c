"""Random numbers from an explicit generator: standard normal, uniform, and zeros and ones.

Each takes the shape, precision and device of a tensor, and `rng`, a torch.Generator or None for PyTorch's
global one. The same generator in the same state gives the same numbers.
"""

import torch
from torch import Tensor


def normal(
    like: Tensor, rng: torch.Generator | None = None, *, shape: tuple[int, ...] | None = None
) -> Tensor:
    """Independent draws of N(0, 1) in the precision and on the device of `like`.

    >>> normal(torch.zeros(2, 3), torch.Generator().manual_seed(0)).shape
    torch.Size([2, 3])

    Args:
        like: floating tensor whose shape, dtype and device the draws have.
        rng: generator on that device.
        shape: another shape than that of `like`.
    """
    shape = like.shape if shape is None else shape
    return torch.randn(shape, generator=_generator(rng), dtype=like.dtype, device=like.device)


def uniform(
    like: Tensor, rng: torch.Generator | None = None, *, shape: tuple[int, ...] | None = None
) -> Tensor:
    """Independent draws from [0, 1); arguments as in `normal`.

    Args:
        like: floating tensor whose shape, dtype and device the draws have.
        rng: generator on that device.
        shape: another shape than that of `like`.
    """
    shape = like.shape if shape is None else shape
    return torch.rand(shape, generator=_generator(rng), dtype=like.dtype, device=like.device)


def bernoulli(probability: Tensor, rng: torch.Generator | None = None) -> Tensor:
    """0 or 1 for each entry of `probability`, in its precision: 1 with that probability. No gradient."""
    return uniform(probability, rng).lt_(probability.detach())


def _generator(rng):
    if rng is not None and not isinstance(rng, torch.Generator):
        raise ValueError(
            f"rng must be a torch.Generator, such as torch.Generator().manual_seed(0), got {rng!r}"
        )
    return rng
