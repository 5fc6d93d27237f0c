"""The forward chain of a diffusion model: how much noise each step adds, and what follows from that alone.

    q(x_t | x_{t-1}) = N(sqrt(alpha_t) x_{t-1}, beta_t I)
    q(x_t | x_0)     = N(sqrt(abar_t) x_0, (1 - abar_t) I)

Both are Gaussian, so by Bayes' rule the step back is Gaussian too, once x_0 is known: `posterior`. Nothing
here is learned. Symbols and sources as in ddpm.py; Nichol & Dhariwal 2021 for the cosine. Notebook 17_ddpm.
"""

import math

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from coursekit.inputs import positive_int, real_number


class NoiseSchedule:
    """Noise of T steps, as three tables in float64 on the CPU: betas, alphas, alpha_bars.

    Each has length T + 1, so that t itself is the index; index 0 is the clean example: beta 0, alpha 1,
    alpha_bar 1. Times t are int64 tensors (n,).

    >>> NoiseSchedule([0.1, 0.2]).alpha_bars
    tensor([1.0000, 0.9000, 0.7200], dtype=torch.float64)

    Args:
        betas: T numbers in (0, 1), the variance that each step adds.
    """

    def __init__(self, betas: ArrayLike):
        betas = torch.as_tensor(betas, dtype=torch.float64)
        if betas.ndim != 1 or len(betas) == 0 or not ((betas > 0) & (betas < 1)).all():
            raise ValueError("betas must be a list of T >= 1 numbers strictly between 0 and 1, one per step")
        self.T = len(betas)
        self.betas = torch.cat([torch.zeros(1, dtype=torch.float64), betas])
        self.alphas = 1 - self.betas
        self.alpha_bars = self.alphas.cumprod(0)

    def at(self, name: str, t: Tensor) -> Tensor:
        """Entries t (n,) of the table `name`, "betas", "alphas" or "alpha_bars"; float64 (n,), t in 0..T."""
        tables = {"betas": self.betas, "alphas": self.alphas, "alpha_bars": self.alpha_bars}
        if name not in tables:
            raise ValueError(f"unknown table {name!r}; choose one of {', '.join(tables)}")
        if not isinstance(t, torch.Tensor) or t.dtype != torch.int64 or t.ndim != 1:
            got = f"{t.dtype} {tuple(t.shape)}" if isinstance(t, torch.Tensor) else repr(t)
            raise ValueError(f"t must be int64 of shape (n,), one per example; got {got}")
        if len(t) and not 0 <= t.min() <= t.max() <= self.T:
            raise ValueError(f"t must lie in 0..T = {self.T}, got {int(t.min())} to {int(t.max())}")
        return tables[name][t.cpu()]

    def mixing(self, t: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """sqrt(abar_t) and sqrt(1 - abar_t), each (n, 1, ...): weights of x_0 and noise in x_t. Ho eq. 4.

        Args:
            t: (n,), int64.
            like: (n, ...), whose number of axes, precision and device the weights get.
        """
        abar = self.at("alpha_bars", t)
        return per_example(abar.sqrt(), like), per_example((1 - abar).sqrt(), like)

    def posterior(self, x0: Tensor, xt: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """q(x_{t-1} | x_t, x_0): mean (n, *shape) and variance beta tilde (n, 1, ...). Ho eq. 7.

        At t = 1 the mean is x_0 and the variance 0: the past of the first step is known.

        Args:
            x0: (n, *shape), clean.
            xt: (n, *shape), at time t.
            t: (n,), int64 in 1..T.
        """
        if x0.shape != xt.shape:
            raise ValueError(
                f"x_0 and x_t must have the same shape, got {tuple(x0.shape)} and {tuple(xt.shape)}"
            )
        if (t < 1).any():
            raise ValueError("x_0 has no step before it: posterior needs t in 1..T, but some t is 0")
        beta, alpha, abar = (self.at(name, t) for name in ("betas", "alphas", "alpha_bars"))
        abar_before = self.at("alpha_bars", t - 1)
        weight_x0 = abar_before.sqrt() * beta / (1 - abar)
        weight_xt = alpha.sqrt() * (1 - abar_before) / (1 - abar)
        variance = beta * (1 - abar_before) / (1 - abar)
        mean = per_example(weight_x0, xt) * x0 + per_example(weight_xt, xt) * xt
        return mean, per_example(variance, xt)


def per_example(values: Tensor, like: Tensor) -> Tensor:
    """The values (n,), one per example, shaped (n, 1, ...) to multiply `like` (n, ...), in its precision.

    Coefficients are worked out in float64 before this: 1 - abar_1 loses four digits in float32.
    """
    if not like.is_floating_point():
        raise ValueError(
            f"examples must be floating-point numbers, got {like.dtype}, where a weight between 0 and 1 is 0:"
            " pass x.float()"
        )
    if len(values) != len(like):
        raise ValueError(f"{len(values)} times t were given for {len(like)} examples; give one per example")
    return values.to(like).reshape(-1, *[1] * (like.ndim - 1))


def linear_schedule(T: int, beta_start: float = 1e-4, beta_end: float = 0.02) -> NoiseSchedule:
    """Betas in equal steps, as for T = 1000; with T = 50 the chain forgets far too little. Ho section 4.

    Args:
        T: number of steps.
        beta_start: variance that step 1 adds.
        beta_end: variance that step T adds.
    """
    start = real_number(beta_start, "beta_start", above=0, below=1)
    end = real_number(beta_end, "beta_end", above=0, below=1)
    return NoiseSchedule(torch.linspace(start, end, positive_int(T, "T"), dtype=torch.float64))


def cosine_schedule(T: int) -> NoiseSchedule:
    """alpha_bar falls like a squared cosine at any T; no beta above 0.999. Nichol & Dhariwal 2021, eq. 17."""

    def signal(t):
        return torch.cos((t / T + 0.008) / 1.008 * math.pi / 2) ** 2

    t = torch.arange(positive_int(T, "T") + 1, dtype=torch.float64)
    return NoiseSchedule((1 - signal(t[1:]) / signal(t[:-1])).clamp(max=0.999))
