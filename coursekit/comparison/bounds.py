"""Lower bounds on the probability of whole grey levels, for models that have a density of them instead.

Where a model has a density, the levels get uniform noise u of the width of a level, and
log E_u p(x + u) = log P(x) is bounded from below with a few draws of u. The chain of a diffusion model gives
the levels masses of their own.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from coursekit.ddpm import DDPM
from coursekit.draws import normal
from coursekit.flow import dequantize

N_NOISES = 20  # draws of the dequantisation noise for each test image, for every density alike


@torch.no_grad()
def density_bound(log_density: Callable, levels: Tensor, *, n_noises: int = N_NOISES) -> float:
    """Mean over images of log 1/k sum_k p(x + u_k), nats: a lower bound of log P(x), in expectation.

    log_density: function (x + u (n, d)) -> (n,), nats per unit of volume, in levels. Theis et al. 2016, eq.
    1-3; Burda et al. 2016 for the mean.
    """
    rng = torch.Generator().manual_seed(0)
    noisy = torch.stack([log_density(dequantize(levels, rng=rng)) for _ in range(n_noises)])
    return (noisy.logsumexp(0) - math.log(n_noises)).double().mean().item()


@torch.no_grad()
def ddpm_bound(model: DDPM, x: Tensor, top: int, *, rng: torch.Generator | None = None) -> float:
    """Mean bound on log P of whole levels, nats; x (n, d) in [-1, 1], the levels 2 / top apart.

    The chain's terms are those of `DDPM.elbo`. Its last step gives a level the mass that a Gaussian of
    variance beta_1 has in the level's interval, tails included at both ends: Ho et al. 2020, eq. 13.
    """
    rng = torch.Generator().manual_seed(0) if rng is None else rng
    terms = model.elbo(x, rng=rng)
    t = torch.ones(len(x), dtype=torch.int64)
    mean = model.predict_x0(model.q_sample(x, t, normal(x, rng)), t).double()
    scale = model.schedule.betas[1].double().sqrt()
    mass = gaussian_interval((x - mean) / scale, 1 / (top * scale), low=x <= -1, high=x >= 1)
    return (mass.sum(1) - terms["denoising"] - terms["prior"]).mean().item()


def gaussian_interval(z: Tensor, half: Tensor, *, low: Tensor, high: Tensor) -> Tensor:
    """log of the mass of N(0, 1) between z - half and z + half; without the lower end where `low`, and so on.

    Taken on the side of 0 where the mass is small, so that no digit is lost however large |z|.
    """
    flip = z > 0
    a, b = torch.where(flip, -z - half, z - half), torch.where(flip, -z + half, z + half)
    open_a, open_b = torch.where(flip, high, low), torch.where(flip, low, high)
    log_b = torch.where(open_b, torch.zeros_like(z), torch.special.log_ndtr(b))
    log_a = torch.where(open_a, torch.full_like(z, -math.inf), torch.special.log_ndtr(a))
    return log_b + torch.log1p(-(log_a - log_b).exp())
