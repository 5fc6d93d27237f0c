"""Many grey levels with few numbers: the discretised logistic distribution and mixtures of it.

A softmax over 256 levels does not know that 117 lies beside 118. A bell curve does: let the level be a
logistic variable with mean m and scale s, rounded. Level k gets the mass of its bin,
    P(k) = sigmoid((k + 1/2 - m) / s) - sigmoid((k - 1/2 - m) / s),
and the two outermost levels also get the tails beyond them, so that the levels sum to 1 exactly.

    x          whole grey levels 0, ..., n_levels - 1, any shape
    mean       m, in grey levels                     log_scale   log s, s in grey levels

Source: Salimans et al. 2017 (PixelCNN++), eq. 2. Notebook 06_autoregressive_images.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from coursekit.inputs import positive_int


def discretized_logistic_log_prob(x: Tensor, mean: Tensor, log_scale: Tensor, *, n_levels: int) -> Tensor:
    """log P(x) in nats, of the broadcast shape of the arguments; never -inf by rounding.

    With a = (x + 1/2 - m) / s and b = (x - 1/2 - m) / s the difference of two sigmoids is a product,
        sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - e^(b - a)),    a - b = 1 / s,
    whose logarithm loses no digits, however far x lies from m. No switch between formulas is needed.

    Args:
        x: whole grey levels from 0 to n_levels - 1.
        mean: m, in grey levels.
        log_scale: log s, s in grey levels.
        n_levels: number of grey levels, at least 2.

    Raises:
        ValueError: for a level out of range, a fraction, or NaN.

    >>> m, log_s = torch.tensor(90.0), torch.tensor(2.0)
    >>> discretized_logistic_log_prob(torch.arange(256), m, log_s, n_levels=256).exp().sum().round()
    tensor(1.)
    """
    x = torch.as_tensor(x)
    positive_int(n_levels, "n_levels", low=2)
    inside = (x >= 0) & (x <= n_levels - 1)
    if x.is_floating_point():
        inside = inside & (x == x.round())  # NaN is not equal to itself
    if not bool(inside.all()):
        raise ValueError(f"whole levels from 0 to n_levels - 1 = {n_levels - 1} are needed, got others")
    precision = torch.exp(-log_scale)
    upper, lower = (x + 0.5 - mean) * precision, (x - 0.5 - mean) * precision
    below_upper = F.logsigmoid(upper)  # log sigmoid(a): the mass below the bin's upper edge
    above_lower = F.logsigmoid(-lower)
    inner = below_upper + above_lower + torch.log(-torch.expm1(-precision))
    return torch.where(x == 0, below_upper, torch.where(x == n_levels - 1, above_lower, inner))


def discretized_mixture_log_prob(
    x: Tensor, logits: Tensor, mean: Tensor, log_scale: Tensor, *, n_levels: int
) -> Tensor:
    """log of sum_k weight_k P_k(x), nats; the last axis of logits, mean and log_scale counts the components.

    Args:
        x: whole grey levels, of the shape of the parameters without their last axis.
        logits: log weights up to a constant, (..., k).
        mean: (..., k), in grey levels.
        log_scale: (..., k).
        n_levels: number of grey levels.
    """
    component = discretized_logistic_log_prob(x[..., None], mean, log_scale, n_levels=n_levels)
    # A sum of probabilities, not of logarithms; logsumexp does not underflow where every component is tiny.
    return torch.logsumexp(F.log_softmax(logits, dim=-1) + component, dim=-1)


def sample_discretized_logistic(
    mean: Tensor, log_scale: Tensor, *, n_levels: int, rng: torch.Generator | None = None
) -> Tensor:
    """Whole grey levels, of the shape of `mean`: a logistic variable m + s logit(u), rounded and clipped.

    Args:
        mean: m.
        log_scale: log s, of the same shape.
        n_levels: number of grey levels.
        rng: generator for u.
    """
    positive_int(n_levels, "n_levels", low=2)
    u = torch.rand(mean.shape, generator=rng, dtype=mean.dtype, device=mean.device)
    value = mean + torch.exp(log_scale) * torch.logit(u, eps=torch.finfo(mean.dtype).tiny)
    return value.round().clamp(0, n_levels - 1)
