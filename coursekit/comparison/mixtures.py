"""Mixtures: of Gaussians, of Bernoulli images, and of the training images themselves, each a little noisy.

Expectation-maximisation for Gaussians is scikit-learn's. For bits it is written out, because scikit-learn has
no mixture of Bernoulli images.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike
from sklearn.mixture import GaussianMixture
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from coursekit.draws import normal


class Copies:
    """Training images, each pixel sent through a channel: P(x) = mean_i prod_j table[image_ij, x_j].

    A mixture with a component for each training image, so its log-likelihood is exact. images (n, d), whole
    levels; table (n_levels, n_levels), rows that sum to 1.
    """

    def __init__(self, images: Tensor, table: Tensor):
        self.images, self.table = images.long(), table.double()

    def log_prob(self, x: Tensor) -> Tensor:
        """log P(x) in nats, (n,); x (n, d), whole levels."""
        n_levels = len(self.table)
        # sum_j log table[image_ij, x_j] as one product: one-hot images against looked-up rows.
        seen = F.one_hot(self.images, n_levels).flatten(1).double()
        parts = []
        for part in x.long().split(200):
            wanted = self.table.log().T[part]  # (n, d, n_levels)
            parts.append(torch.logsumexp(wanted.flatten(1) @ seen.T, 1) - math.log(len(seen)))
        return torch.cat(parts)

    def sample(self, n: int, *, rng: torch.Generator) -> Tensor:
        """n noisy copies, (n, d), float."""
        rows = torch.randint(len(self.images), (n,), generator=rng)
        cells = self.table[self.images[rows].flatten()]
        return torch.multinomial(cells, 1, generator=rng).reshape(n, -1).float()


def noisy_channel(n_levels: int, spread: float) -> Tensor:
    """Rows of a channel: weights exp(-distance^2 / 2 spread^2) between levels, each row summing to 1."""
    level = torch.arange(n_levels, dtype=torch.float64)
    return torch.softmax(-((level[:, None] - level) ** 2) / (2 * spread**2), dim=1)


class Mixture:
    """A mixture of Gaussians with full covariances, in float64: weights (k,), means (k, d), (k, d, d)."""

    def __init__(self, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike):
        self.weights, self.means, covariances = (
            torch.as_tensor(np.asarray(each), dtype=torch.float64) for each in (weights, means, covariances)
        )
        self.gaussians = MultivariateNormal(self.means, covariances)

    @property
    def n_parameters(self) -> int:
        """Weights, means and the entries of symmetric matrices."""
        k, d = self.means.shape
        return k - 1 + k * d + k * d * (d + 1) // 2

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) in nats, (n,); x (n, d)."""
        return MixtureSameFamily(Categorical(self.weights), self.gaussians).log_prob(x.double())

    def sample(self, n: int, *, rng: torch.Generator) -> Tensor:
        """n points, (n, d). torch.distributions would draw them from the global generator."""
        chosen = torch.multinomial(self.weights, n, replacement=True, generator=rng)
        noise = normal(self.means, rng, shape=(n, self.means.shape[1], 1))
        return self.means[chosen] + (self.gaussians.scale_tril[chosen] @ noise)[:, :, 0]


def fitted_mixture(x: ArrayLike, n_components: int, seed: int, *, ridge: float) -> Mixture:
    """scikit-learn's expectation-maximisation on x (n, d); ridge: added to each variance."""
    gmm = GaussianMixture(n_components, reg_covar=ridge, random_state=seed, max_iter=50, tol=1e-2)
    gmm.fit(np.asarray(x, dtype=np.float64))
    return Mixture(gmm.weights_, gmm.means_, gmm.covariances_)


class BernoulliMixture:
    """A mixture of k products of Bernoulli pixels: weights (k,), probabilities (k, d), float64."""

    def __init__(self, weights: Tensor, probabilities: Tensor):
        self.weights, self.probabilities = weights, probabilities

    def log_joint(self, x: Tensor) -> Tensor:
        """log of weight_k p_k(x), (n, k); x (n, d) bits."""
        p = self.probabilities
        return self.weights.log() + x.double() @ p.logit().T + (-p).log1p().sum(1)

    def log_prob(self, x: Tensor) -> Tensor:
        """log P(x) in nats, (n,)."""
        return torch.logsumexp(self.log_joint(x), 1)

    def sample(self, n: int, *, rng: torch.Generator) -> Tensor:
        """n images of bits, (n, d), float."""
        chosen = torch.multinomial(self.weights, n, replacement=True, generator=rng)
        return torch.bernoulli(self.probabilities[chosen], generator=rng).float()


def bernoulli_mixture(
    x: Tensor, n_components: int, seed: int, *, n_rounds: int = 40, prior: float = 0.5
) -> BernoulliMixture:
    """Expectation-maximisation on bits x (n, d); prior: imagined ones, and zeros, per pixel and component."""
    rng = torch.Generator().manual_seed(seed)
    x = x.double()
    share = torch.rand(len(x), n_components, generator=rng, dtype=torch.float64) ** 4  # no two start alike
    share = share / share.sum(1, keepdim=True)
    for _ in range(n_rounds):
        total = share.sum(0)
        probabilities = (share.T @ x + prior) / (total[:, None] + 2 * prior)
        model = BernoulliMixture((total + 1e-3) / (total + 1e-3).sum(), probabilities)
        share = model.log_joint(x).softmax(1)
    return model


def moments(x: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Mean (d,) and covariance (d, d) of x + u: the noise moves the mean by 1/2 and adds a variance 1/12."""
    x = x.double().numpy()
    return x.mean(0) + 0.5, np.cov(x.T, bias=True) + np.eye(x.shape[1]) / 12
