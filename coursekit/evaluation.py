"""How good is a generative model? Measures that need only samples, densities or energies."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from scipy.spatial.distance import cdist
from torch import nn


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


def frechet_distance(a, b):
    """Distance of the Gaussians fitted to two samples, a (n, d) and b (m, d), arrays or tensors; a float.

    ||mean_a - mean_b||^2 + tr(cov_a + cov_b - 2 (cov_a cov_b)^(1/2)), in squared units of the features.
    It sees means and covariances only. Dowson & Landau 1982; on features of a classifier Heusel et al. 2017.
    """
    a = _tensor(a, torch.float64)
    b = _tensor(b, torch.float64, a.device)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ValueError(
            f"two samples (n, d) and (m, d) are needed, got {tuple(a.shape)} and {tuple(b.shape)}"
        )
    cov_a, cov_b = (torch.atleast_2d(torch.cov(sample.T)) for sample in (a, b))
    values, vectors = torch.linalg.eigh(cov_a)
    root_a = vectors * values.clamp(min=0).sqrt() @ vectors.T
    # cov_a cov_b has the same eigenvalues as this symmetric matrix, which is kinder to eigh.
    cross = torch.linalg.eigvalsh(root_a @ cov_b @ root_a).clamp(min=0).sqrt().sum()
    shift = ((a.mean(0) - b.mean(0)) ** 2).sum()
    return (shift + cov_a.trace() + cov_b.trace() - 2 * cross).clamp(min=0).item()


def mode_coverage(samples, centers, std):
    """Which of the known modes were found? Samples (n, d), centers (k, d), std one number or (k,) -> dict.

    `modes`: how many modes hold at least 0.1 % of the samples within 3 std of their center. `good_share`:
    the share of samples that lie so near to some center (of Gaussian data in the plane 1 - exp(-4.5) = .989).
    `kl`: KL(shares || uniform) in nats of the shares of samples by nearest center, 0 when all modes get the
    same, log k when one gets everything. Srivastava et al. 2017; Lin et al. 2018, section 4.
    """
    samples = _tensor(samples, torch.float64)
    centers, std = (_tensor(each, torch.float64, samples.device) for each in (centers, std))
    if samples.ndim != 2 or centers.ndim != 2 or samples.shape[1] != centers.shape[1] or len(samples) == 0:
        raise ValueError(
            f"samples (n, d) and centers (k, d) needed, got {tuple(samples.shape)} and {tuple(centers.shape)}"
        )
    distance, nearest = torch.cdist(samples, centers).min(dim=1)
    good = distance <= 3 * std.expand(len(centers))[nearest]
    found = torch.bincount(nearest[good], minlength=len(centers)) >= max(1, 0.001 * len(samples))
    share = torch.bincount(nearest, minlength=len(centers)).double() / len(samples)
    kl = torch.special.xlogy(share, share * len(centers)).sum()
    return {"modes": int(found.sum()), "good_share": good.double().mean().item(), "kl": kl.item()}


def trustworthiness(x, z, *, k: int = 5) -> float:
    """Are neighbours on a map neighbours in the data? 1 if all are; a random map gets about 1/2.

    Each of the k nearest on the map that is not among the k nearest in the data is charged by how far
    beyond rank k it is there: 1 - 2 / (n k (2n - 3k - 1)) * sum of (rank - k).

    Args:
        x: data, (n, d).
        z: the map, (n, m).
        k: neighbours looked at, below n / 2.

    Raises:
        ValueError: x and z have different lengths, or k is not from 1 to below n / 2.

    Source: Venna & Kaski (2001), Neighborhood preservation in nonlinear projection methods, equation 1.
    """
    x, z = (np.asarray(points, dtype=np.float64) for points in (x, z))
    n = len(x)
    if len(z) != n:
        raise ValueError(f"the data have {n} points and the map {len(z)}")
    if not 1 <= k < n / 2:
        raise ValueError(f"k={k!r} must be from 1 to below n / 2 = {n / 2:g}")
    order = [np.argsort(_with_infinite_diagonal(cdist(points, points)), axis=1) for points in (x, z)]
    rank = np.empty((n, n), dtype=int)
    np.put_along_axis(rank, order[0], np.arange(1, n + 1)[None], axis=1)  # 1 for the nearest
    beyond = np.take_along_axis(rank, order[1][:, :k], axis=1) - k
    return float(1 - 2 / (n * k * (2 * n - 3 * k - 1)) * beyond.clip(min=0).sum())


def _with_infinite_diagonal(D):
    np.fill_diagonal(D, np.inf)
    return D


class DigitClassifier(nn.Module):
    """Judge of generated digits: a small perceptron from images (n, d) to 10 classes; train it with `fit`.

    x is in any fixed units, the same for `fit` and for judging. Its hidden layer serves as the features of
    `frechet_distance`; its confidence, the largest probability, tells clean digits from smeared ones.
    """

    def __init__(self, n_inputs, *, n_hidden=128, n_features=64, n_classes=10):
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_inputs))
        self.register_buffer("scale", torch.ones(()))
        self.body = nn.Sequential(
            nn.Linear(n_inputs, n_hidden), nn.ReLU(), nn.Linear(n_hidden, n_features), nn.ReLU()
        )
        self.head = nn.Linear(n_features, n_classes)

    def fit(self, x, labels, *, n_epochs=30, batch_size=64, learning_rate=2e-3, noise=0.2, seed=0):
        """Learn from x (n, d) and labels (n,) in 0..9; returns self. noise: its std, in units of x's spread.

        Learning under noise keeps the judge from being sure of itself a little off the data.
        """
        x, labels = self._data(x), _tensor(labels, torch.int64, self.mean.device)
        self.mean.copy_(x.mean(0))
        self.scale.copy_(x.std())
        rng = torch.Generator(x.device).manual_seed(seed)
        for layer in (self.body[0], self.body[2], self.head):
            nn.init.kaiming_normal_(layer.weight, generator=rng)
            nn.init.zeros_(layer.bias)
        optimizer = torch.optim.AdamW(self.parameters(), lr=learning_rate, fused=True)
        n_steps = n_epochs * math.ceil(len(x) / batch_size)
        schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, n_steps)
        for _ in range(n_epochs):
            for rows in torch.randperm(len(x), generator=rng, device=x.device).split(batch_size):
                blur = torch.randn(x[rows].shape, generator=rng, dtype=x.dtype, device=x.device)
                loss = F.cross_entropy(self(x[rows] + noise * self.scale * blur), labels[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
        return self

    def forward(self, x):
        """Logits (n, 10) of images x (n, d)."""
        return self.head(self.body((x - self.mean) / self.scale))

    @torch.no_grad()
    def features(self, x):
        """Last hidden layer, (n, n_features), of images x (n, d), array or tensor."""
        return self.body((self._data(x) - self.mean) / self.scale)

    @torch.no_grad()
    def predict_proba(self, x):
        """Probabilities of the classes, (n, 10), for images x (n, d), array or tensor."""
        return self(self._data(x)).softmax(-1)

    def _data(self, x):
        return _tensor(x, self.mean.dtype, self.mean.device)


def _tensor(x, dtype, device=None):
    # Arrays are copied: the data sets of the course are read-only, which a tensor cannot be.
    where = {"dtype": dtype, "device": device}
    return x.to(**where) if torch.is_tensor(x) else torch.tensor(x, **where)


def _bits(probability, rng):
    uniform = torch.rand(probability.shape, generator=rng, dtype=probability.dtype, device=probability.device)
    return (uniform < probability).to(probability.dtype)
