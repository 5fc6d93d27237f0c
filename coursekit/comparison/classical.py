"""Families that need no gradient: the controls, and what expectation-maximisation or linear algebra fits.

Each is a function (task, seed, n_steps) -> `Family`, as in the other files; n_steps counts nothing here.
"""

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from coursekit.comparison.bounds import density_bound
from coursekit.comparison.mixtures import (
    Copies,
    Mixture,
    bernoulli_mixture,
    fitted_mixture,
    moments,
    noisy_channel,
)
from coursekit.comparison.protocol import Family, Task, floored, rounded
from coursekit.factorization import NMF
from coursekit.flow import dequantize
from coursekit.pca import PCA

RIDGE = 0.05  # of the mixture of Gaussians, squared levels


def nothing_learned(task: Task, seed: int, n_steps: int) -> Family:
    """Each pixel uniform over its levels."""
    d, k = task.x.shape[1], task.n_levels
    return Family(
        draw=lambda n, rng: torch.randint(k, (n, d), generator=rng).float(),
        kind="exact",
        log_prob=lambda x: (-d * math.log(k), 0.0),
    )


def independent_pixels(task: Task, seed: int, n_steps: int) -> Family:
    """Each pixel by its own histogram, half a case added to each level."""
    d, k = task.x.shape[1], task.n_levels
    counts = F.one_hot(task.x.long(), k).sum(0) + 0.5
    log_share = (counts / counts.sum(1, keepdim=True)).double().log()
    return Family(
        draw=lambda n, rng: torch.multinomial(log_share.exp(), n, replacement=True, generator=rng).T.float(),
        kind="exact",
        log_prob=lambda x: (log_share[torch.arange(d), x.long()].sum(1).mean().item(), 0.0),
        n_parameters=d * (k - 1),
    )


def training_set(task: Task, seed: int, n_steps: int) -> Family:
    """Training images, replayed."""
    return Family(
        draw=lambda n, rng: task.x[torch.randint(len(task.x), (n,), generator=rng)],
        n_parameters=task.x.numel(),
    )


def noisy_copy(task: Task, seed: int, n_steps: int) -> Family:
    """Training images with a little noise: 2 % of the bits flipped, or a spread of half a level."""
    if task.n_levels == 2:
        model = Copies(task.x, torch.tensor([[0.98, 0.02], [0.02, 0.98]]))
    else:
        model = Copies(task.x, noisy_channel(task.n_levels, 0.5))
    return Family(
        draw=lambda n, rng: model.sample(n, rng=rng),
        kind="exact",
        log_prob=lambda x: (model.log_prob(x).mean().item(), 0.0),
        n_parameters=task.x.numel(),
    )


def mixture_of_bernoullis(task: Task, seed: int, n_steps: int) -> Family:
    """A mixture of 80 products of independent Bernoulli pixels."""
    model = bernoulli_mixture(task.x, 80, seed)
    return Family(
        draw=lambda n, rng: model.sample(n, rng=rng),
        kind="exact",
        log_prob=lambda x: (model.log_prob(x).mean().item(), 0.0),
        n_parameters=80 * (task.x.shape[1] + 1) - 1,
    )


def of_density(task: Task, model: Mixture, **more: Any) -> Family:
    """The family of a density of dequantised levels."""
    settings = {"n_parameters": model.n_parameters} | more
    return Family(
        draw=lambda n, rng: floored(model.sample(n, rng=rng), task.n_levels).float(),
        kind="bound",
        log_prob=lambda x: (density_bound(model.log_prob, x), 0.0),
        **settings,
    )


def one_gaussian(task: Task, seed: int, n_steps: int) -> Family:
    """Mean and covariance."""
    mean, covariance = moments(task.x)
    return of_density(task, Mixture([1.0], mean[None], covariance[None]))


def pca(task: Task, seed: int, n_steps: int) -> Family:
    """Probabilistic PCA (Tipping & Bishop 1999): components, and one variance for all that is left."""
    k, (mean, covariance) = 20 if task.x.shape[1] == 64 else 50, moments(task.x)
    fitted = PCA(k).fit(task.x.double().numpy())
    kept = fitted.explained_variance_ + 1 / 12
    rest = (covariance.trace() - kept.sum()) / (len(mean) - k)
    axes = fitted.components_
    low_rank = axes.T @ np.diag(kept - rest) @ axes + rest * np.eye(len(mean))

    def rebuild(x):
        return torch.tensor(fitted.inverse_transform(fitted.transform(x.double().numpy())))

    n = len(mean) * (k + 1) + 1
    return of_density(
        task, Mixture([1.0], mean[None], low_rank[None]), n_parameters=n, rebuild=rebuild, n_latent=k
    )


def gaussian_mixture(task: Task, seed: int, n_steps: int) -> Family:
    """10 Gaussians with full covariances, on levels with fresh noise for each of three copies."""
    rng = torch.Generator().manual_seed(seed)
    x = dequantize(task.x.repeat(3 if len(task.x) < 3000 else 1, 1), rng=rng)
    return of_density(task, fitted_mixture(x, 10, seed, ridge=RIDGE))


def nmf(task: Task, seed: int, n_steps: int) -> Family:
    """24 non-negative parts that add up, and a mixture of 10 Gaussians over their amounts."""
    x = task.x.double().numpy()
    model = NMF(24, solver="hals", random_state=seed)
    amounts = model.fit_transform(x)
    codes = fitted_mixture(amounts, 10, seed, ridge=1e-3 * amounts.var())

    def draw(n, rng):
        drawn = codes.sample(n, rng=rng).clamp(min=0).numpy()
        return rounded(torch.tensor(model.inverse_transform(drawn)), task.n_levels).float()

    def rebuild(x):
        return torch.tensor(model.inverse_transform(model.transform(x.double().numpy())))

    n = model.components_.size + codes.n_parameters
    return Family(draw=draw, n_parameters=n, n_steps=model.n_iter_, rebuild=rebuild, n_latent=24)
