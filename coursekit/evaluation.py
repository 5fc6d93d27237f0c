"""How good is a generative model? Measures that need only samples, densities or energies."""

import math

import torch
import torch.nn.functional as F


def bits_per_dim(log_prob, n_dims, *, level=1.0):
    """-log2 of the probability of one grey level, per value; same shape as log_prob (number, array, tensor).

    log_prob: nats per example; of the levels themselves, or of a density at dequantised data. n_dims: values
    per example (pixels times channels). level: width of a grey level in the units of the density: 1 for
    levels 0, 1, 2, ..., and 1/256 for bytes scaled to [0, 1), where log P = log p + n_dims log(level).
    Theis et al. 2016, section 3.1.
    """
    if n_dims < 1 or level <= 0:
        raise ValueError(f"n_dims must be at least 1 and level positive, got {n_dims} and {level}")
    return -(log_prob / n_dims + math.log(level)) / math.log(2)


@torch.no_grad()
def ais_log_partition(rbm, *, n_steps=10_000, n_chains=100, rng=None, base_bias=None):
    """log Z of an RBM in nats by annealed importance sampling: (log_z, standard_error), two floats.

    A path of machines leads from one without couplings, whose Z is known, to the one asked for: the machine
    at t has couplings tW, hidden biases tb, visible biases (1 - t) a + tc. Each chain walks it in n_steps
    steps, t = 0 to 1, and its weight is an unbiased estimate of Z: the average over n_chains of them is too,
    but its logarithm falls short of log Z as long as the weights scatter, so log-likelihoods look too good.
    base_bias: a (n_visible,); a good choice is the logit of the data's mean (Gaussian units: the mean
    itself), the default is c. The standard error says how much the weights of *these* chains scatter, not
    what none of them has seen. Neal 2001; Salakhutdinov & Murray 2008.
    """
    if n_steps < 1 or n_chains < 2:
        raise ValueError(f"n_steps must be at least 1 and n_chains 2, got {n_steps} and {n_chains}")
    W, b, c = rbm.weight, rbm.hidden_bias, rbm.visible_bias
    a = c if base_bias is None else torch.as_tensor(base_bias, dtype=c.dtype, device=c.device)

    def draw_visible(drive):
        if rbm.visible == "gaussian":
            return drive + torch.randn(drive.shape, generator=rng, dtype=c.dtype, device=c.device)
        return _bits(torch.sigmoid(drive), rng)

    if rbm.visible == "gaussian":
        log_z_visible = (a.double() ** 2 + math.log(2 * math.pi)).sum() / 2
    else:
        log_z_visible = F.softplus(a.double()).sum()
    v = draw_visible(a.expand(n_chains, -1))
    log_weight = torch.zeros(n_chains, dtype=torch.float64, device=c.device)
    for step in range(n_steps):
        t, t_next = step / n_steps, (step + 1) / n_steps
        logits = v @ W.T + b
        gain = (v @ (c - a)) / n_steps + (F.softplus(t_next * logits) - F.softplus(t * logits)).sum(1)
        log_weight += gain
        h = _bits(torch.sigmoid(t_next * logits), rng)
        v = draw_visible((1 - t_next) * a + t_next * (h @ W + c))
    log_mean = torch.logsumexp(log_weight, 0) - math.log(n_chains)
    # The logarithm of a mean: its standard error is the relative one of the mean itself (delta method).
    relative = (log_weight - log_mean).exp().std() / math.sqrt(n_chains)
    return (log_z_visible + len(b) * math.log(2) + log_mean).item(), relative.item()


def _bits(probability, rng):
    uniform = torch.rand(probability.shape, generator=rng, dtype=probability.dtype, device=probability.device)
    return (uniform < probability).to(probability.dtype)
