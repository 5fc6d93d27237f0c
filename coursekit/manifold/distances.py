"""Maps that keep distances: classical multidimensional scaling, and Isomap, which is MDS of geodesics.

A table of distances hides coordinates. Subtract from the squared distances the means of their rows and
columns, and what is left are inner products of centred points; their eigenvectors are coordinates. For
straight-line distances this is PCA seen from outside. Isomap first replaces the table by path lengths along
the neighbour graph, so that a bent sheet is measured along itself.

    D (n, n)   distances                         J = I - 1 1^T / n   takes the mean away
    B = -1/2 J D^2 J                             inner products of centred points, if D is Euclidean
    B = U diag(lambda) U^T, lambda falling       Y = U_k diag(lambda_1..k)^(1/2), the map (n, k)
    minimises the strain  |B - Y Y^T|^2 (all squares added)  =  sum of the squared eigenvalues left out

Negative eigenvalues say that no points in any dimension have these straight-line distances.

Source: Torgerson (1952), Multidimensional scaling I; Gower (1968) for points added later (his equation 10);
Tenenbaum, de Silva & Langford (2000) for Isomap. Notebook: 03_manifold_learning.
"""

from numbers import Integral
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from coursekit.manifold.graphs import geodesic_distances, squared_distances
from coursekit.pca import with_fixed_signs

METRICS = ("euclidean", "precomputed")


def double_center(squared: ArrayLike) -> np.ndarray:
    """B = -1/2 J D^2 J (n, n): the inner products of the centred points behind squared distances.

    In entries, b_ij = -1/2 (d_ij^2 - mean of row i - mean of column j + mean of all).

    Args:
        squared: squared distances, (n, n).

    >>> double_center([[0.0, 4.0], [4.0, 0.0]])  # two points at -1 and 1
    array([[ 1., -1.],
           [-1.,  1.]])
    """
    squared = np.asarray(squared, dtype=np.float64)
    rows, columns = squared.mean(axis=1, keepdims=True), squared.mean(axis=0, keepdims=True)
    return -0.5 * (squared - rows - columns + squared.mean())


def as_distances(D: ArrayLike) -> np.ndarray:
    """A checked table of distances (n, n) in float64.

    Args:
        D: a square table, symmetric, not negative, with zeros on its diagonal. The triangle inequality is
            not asked for: road distances break it.

    Raises:
        ValueError: one sentence that says which of these fails.
    """
    D = check_array(D, dtype=np.float64)
    if D.shape[0] != D.shape[1]:
        raise ValueError(f"a table of distances is square, got {D.shape[0]} x {D.shape[1]}")
    if D.min() < 0:
        raise ValueError(f"distances must not be negative, got {D.min():g}")
    tolerance = 1e-8 * D.max()
    if np.abs(np.diagonal(D)).max() > tolerance:
        raise ValueError("each point has distance 0 from itself, but the diagonal is not 0")
    if np.abs(D - D.T).max() > tolerance:
        raise ValueError("distances must be the same both ways, but the table is not symmetric")
    return (D + D.T) / 2


def check_n_components(n_components: int, most: int) -> None:
    """ValueError unless n_components is a whole number from 1 to `most`."""
    whole = isinstance(n_components, Integral) and not isinstance(n_components, bool)
    if not whole or not 1 <= n_components <= most:
        raise ValueError(f"n_components={n_components!r} must be a whole number from 1 to {most}")


class ClassicalMDS(TransformerMixin, BaseEstimator):
    """Classical multidimensional scaling: a map of n points from their distances.

    Args:
        n_components: k, the dimensions of the map, from 1 to n.
        metric: "euclidean": `fit` takes points (n, p). "precomputed": it takes their distances (n, n).

    Attributes:
        embedding_: the map Y (n, k): columns of mean 0, at right angles, the longest first; in each the
            largest entry is positive. A column whose eigenvalue is not positive is 0.
        eigenvalues_: all eigenvalues of B (n,), falling, the negative ones included.
        strain_: |B - Y Y^T|^2, what the map misses.

    >>> table = [[0, 3, 4], [3, 0, 5], [4, 5, 0]]  # a right-angled triangle
    >>> Y = ClassicalMDS(metric="precomputed").fit_transform(table)
    >>> float(np.linalg.norm(Y[1] - Y[2]).round(6))
    5.0
    """

    def __init__(self, n_components: int = 2, *, metric: Literal["euclidean", "precomputed"] = "euclidean"):
        self.n_components = n_components
        self.metric = metric

    def fit(self, X: ArrayLike, y: Any = None) -> "ClassicalMDS":
        """Learn the map of X: points (n, p), or with metric="precomputed" distances (n, n); y is ignored.

        Raises:
            ValueError: X is not finite, is no table of distances, or has too few rows.
        """
        if self.metric not in METRICS:
            raise ValueError(f"unknown metric {self.metric!r}; choose one of {', '.join(METRICS)}")
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        check_n_components(self.n_components, len(X))
        squared = as_distances(X) ** 2 if self.metric == "precomputed" else squared_distances(X)
        B = double_center(squared)
        values, vectors = np.linalg.eigh(B)
        values, vectors = values[::-1], vectors[:, ::-1]
        kept = values[: self.n_components].clip(min=0)
        # Rounding leaves 1e-16 of the largest where the exact eigenvalue is 0: no direction to speak of.
        kept[kept < 1e-13 * kept.max()] = 0
        directions = with_fixed_signs(vectors[:, : self.n_components].T).T
        self.eigenvalues_ = values
        self.embedding_ = directions * np.sqrt(kept)
        self.strain_ = float(np.sum((B - self.embedding_ @ self.embedding_.T) ** 2))
        self._row_means, self._fitted = squared.mean(axis=1), X
        return self

    def fit_transform(self, X: ArrayLike, y: Any = None) -> np.ndarray:
        """The map (n, k) of X."""
        return self.fit(X).embedding_

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Places on the map (m, k) for new points, whose distances to the old ones are known (Gower).

        With d the new point's distances, y = -1/2 diag(lambda)^-1 Y^T (d^2 - row means of the old D^2).

        Args:
            X: new points (m, p), or with metric="precomputed" their distances to the n old ones (m, n).
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        if self.metric == "precomputed" and X.min() < 0:
            raise ValueError(f"distances must not be negative, got {X.min():g}")
        squared = X**2 if self.metric == "precomputed" else squared_distances(X, self._fitted)
        lengths = np.sum(self.embedding_**2, axis=0)  # the eigenvalues kept
        inverse = np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0)
        return -0.5 * (squared - self._row_means) @ self.embedding_ * inverse

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self.metric == "precomputed"
        return tags


class Isomap(BaseEstimator):
    """Isomap: classical MDS of the shortest paths along the neighbour graph.

    Args:
        n_components: k, the dimensions of the map.
        n_neighbors: how many neighbours each point is joined to, at most n - 1.

    Attributes:
        embedding_: the map (n, k), in the units of the data.
        distances_: the shortest paths (n, n).
        eigenvalues_: all eigenvalues of the doubly centred table (n,), falling; some are negative, since
            paths on a graph are no straight lines.

    >>> turn = np.linspace(0, 3, 50)
    >>> Isomap(1, n_neighbors=4).fit_transform(np.stack([np.cos(turn), np.sin(turn)], axis=1)).shape
    (50, 1)
    """

    def __init__(self, n_components: int = 2, *, n_neighbors: int = 10):
        self.n_components = n_components
        self.n_neighbors = n_neighbors

    def fit(self, X: ArrayLike, y: Any = None) -> "Isomap":
        """Learn the map of the points X (n, p); y is ignored. Warns when the graph is in pieces."""
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        self.distances_ = geodesic_distances(X, self.n_neighbors)
        mds = ClassicalMDS(self.n_components, metric="precomputed").fit(self.distances_)
        self.embedding_, self.eigenvalues_ = mds.embedding_, mds.eigenvalues_
        return self

    def fit_transform(self, X: ArrayLike, y: Any = None) -> np.ndarray:
        """The map (n, k) of X."""
        return self.fit(X).embedding_
