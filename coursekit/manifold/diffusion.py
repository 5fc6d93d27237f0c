"""Diffusion maps: near is where a random walker gets to soon, by many ways rather than by one.

From each point a walker steps to another one, likely to a near one. Two points are close if walkers from
both are soon spread over the same places. This *diffusion distance* counts all paths at once, so one false
edge does little harm; and it is a straight-line distance between the coordinates lambda^t psi.

    K_ij = exp(-|x_i - x_j|^2 / (2 bandwidth^2)),  divided by (q_i q_j)^alpha,  q the row sums (density)
    P = D^-1 K        transition probabilities (n, n), D the row sums     pi = D 1 / sum    where walkers end
    P psi_j = lambda_j psi_j,  1 = lambda_0 > lambda_1 >= ... >= 0          sum_i pi_i psi_j(i)^2 = 1
    map after t steps:  (lambda_1^t psi_1, ..., lambda_k^t psi_k)
    |map_i - map_j|^2  =  sum_z (P^t_iz - P^t_jz)^2 / pi_z                  with all n - 1 coordinates

Source: Coifman & Lafon (2006), Diffusion maps, equations 9 to 11; alpha in section 3.
Notebook: 03_manifold_learning.
"""

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from coursekit.inputs import real_number
from coursekit.manifold.distances import check_n_components
from coursekit.manifold.graphs import squared_distances
from coursekit.manifold.spectral import extreme_eigenpairs
from coursekit.pca import with_fixed_signs


def diffusion_kernel(D2: np.ndarray, bandwidth: float, *, alpha: float = 0.0) -> np.ndarray:
    """K (n, n): how readily a walker steps from one point to another, before rows are made to add to 1.

    Args:
        D2: squared distances, (n, n).
        bandwidth: how far a step reaches, in the units of the distances.
        alpha: 0 walks where the points are many; 1 takes the density out.
    """
    real_number(alpha, "alpha", low=0, below=np.inf)
    K = np.exp(-D2 / (2 * bandwidth**2))
    density = K.sum(axis=1)
    return K / np.outer(density, density) ** alpha


class DiffusionMap(BaseEstimator):
    """Diffusion map of n points.

    Args:
        n_components: k, the dimensions of the map, at most n - 1.
        bandwidth: see `diffusion_kernel`; None takes the median distance to the tenth nearest point.
        t: steps of the walk, 0 or more; also fractions.
        alpha: see `diffusion_kernel`.

    Attributes:
        embedding_: the map (n, k): lambda_j^t psi_j, without the constant psi_0.
        eigenvalues_: lambda_1, ..., lambda_k, falling, in [0, 1].
        transition_: P (n, n), rows adding to 1.
        stationary_: pi (n,), pi P = pi.
        bandwidth_: the bandwidth used.

    >>> X = np.random.default_rng(0).normal(size=(40, 3))
    >>> walk = DiffusionMap(2, bandwidth=1.0).fit(X)
    >>> walk.embedding_.shape, bool(np.allclose(walk.stationary_ @ walk.transition_, walk.stationary_))
    ((40, 2), True)
    """

    def __init__(
        self, n_components: int = 2, *, bandwidth: float | None = None, t: float = 1, alpha: float = 0.0
    ):
        self.n_components = n_components
        self.bandwidth = bandwidth
        self.t = t
        self.alpha = alpha

    def fit(self, X: ArrayLike, y: Any = None) -> "DiffusionMap":
        """Learn the map of the points X (n, p); y is ignored.

        Raises:
            ValueError: an argument is out of range, or the bandwidth is so small that no walker gets away.
        """
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        n, k = len(X), self.n_components
        check_n_components(k, n - 1)
        if not isinstance(self.t, Real) or not 0 <= self.t < np.inf:
            raise ValueError(f"t={self.t!r} must be a number of steps, 0 or more")
        D2 = squared_distances(X)
        self.bandwidth_ = self._chosen_bandwidth(D2)
        K = diffusion_kernel(D2, self.bandwidth_, alpha=self.alpha)
        degrees = K.sum(axis=1)
        self.transition_ = K / degrees[:, None]
        self.stationary_ = degrees / degrees.sum()
        # P is similar to a symmetric matrix, D^(-1/2) K D^(-1/2): same eigenvalues, and safer to compute.
        root = np.sqrt(degrees)
        free = root / np.linalg.norm(root)  # psi_0 = 1, with lambda_0 = 1, pushed to the bottom
        symmetric = K / np.outer(root, root) - 2 * np.outer(free, free)
        values, vectors = extreme_eigenpairs(symmetric, n - k, n - 1)
        values, vectors = values[::-1].clip(0, 1), with_fixed_signs(vectors.T[::-1]).T
        if values[0] > 1 - 1e-14:
            raise ValueError(
                f"bandwidth={self.bandwidth_:g} is too small: the points fall into groups no walk connects"
            )
        psi = vectors / np.sqrt(self.stationary_)[:, None]
        self.eigenvalues_ = values
        self.embedding_ = psi * values**self.t
        return self

    def _chosen_bandwidth(self, D2):
        if self.bandwidth is None:
            rank = min(10, len(D2) - 1)
            chosen = np.sqrt(np.median(np.partition(D2, rank, axis=1)[:, rank]))
            return float(chosen) if chosen > 0 else 1.0
        if not isinstance(self.bandwidth, Real) or not 0 < self.bandwidth < np.inf:
            raise ValueError(f"bandwidth={self.bandwidth!r} must be a positive length, or None")
        return float(self.bandwidth)

    def fit_transform(self, X: ArrayLike, y: Any = None) -> np.ndarray:
        """The map (n, k) of X."""
        return self.fit(X).embedding_
