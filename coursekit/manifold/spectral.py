"""Four local methods, one shape: a matrix M that says "bent here", and its bottom eigenvectors as the map.

Each method looks at one small patch of neighbours after another and writes down what a good coordinate may
do there. All patches together make one symmetric matrix M with f^T M f >= 0, the penalty on a function f of
the points. The constant function costs nothing and says nothing; the k cheapest functions at right angles
to it are the coordinates.

    method      a function f costs nothing if ...                  M
    LLE         f_i is the same mixture of neighbours as x_i is    (I - W)^T (I - W)
    LTSA        f is linear in the tangent of each patch           sum of  I - projector on [1, tangent]
    Hessian     f has no second derivatives on any patch           sum of  projector on the quadratic part
    Laplacian   neighbours have equal values                       L = D - weights
                                                  since  f^T L f = 1/2 sum over i, j of w_ij (f_i - f_j)^2

    X (n, p)  points       W (n, n)  LLE's weights, rows adding to 1       D (n, n)  degrees, on the diagonal
    U (n, k)  orthonormal, at right angles to 1; the map is sqrt(n) U, of mean 0 and unit covariance (the
    Laplacian's map Y has Y^T D Y = I and is at right angles to D 1)

Source: Roweis & Saul (2000) for LLE; Zhang & Zha (2004) for LTSA; Donoho & Grimes (2003) for Hessian
eigenmaps; Belkin & Niyogi (2003), equations 1 and 2, for the Laplacian. scikit-learn's "hessian" takes all
columns of a full QR decomposition and so computes LTSA; both leave each point out of its own patch.
Notebook: 03_manifold_learning.
"""

from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from coursekit.inputs import real_number
from coursekit.manifold.distances import check_n_components
from coursekit.manifold.graphs import neighbor_lists, patches, squared_distances
from coursekit.pca import with_fixed_signs


def lle_weights(X: np.ndarray, neighbors: list[np.ndarray], *, regularization: float = 1e-3) -> np.ndarray:
    """W (n, n): row i holds the weights, adding to 1, that rebuild x_i best from its neighbours.

    With G the Gram matrix of the differences x_j - x_i, the best weights are G^-1 1, divided by their sum.

    Args:
        X: points, (n, p).
        neighbors: n index arrays.
        regularization: this times the trace is added to G's diagonal; with more neighbours than dimensions G
            has no inverse.
    """
    W = np.zeros((len(X), len(X)))
    real_number(regularization, "regularization", low=0, below=np.inf)
    for points, near in patches(neighbors):
        away = X[near] - X[points, None, :]  # (m, k, p)
        G = away @ away.transpose(0, 2, 1)  # (m, k, k)
        trace = np.trace(G, axis1=1, axis2=2)
        # Where all neighbours coincide with the point, G is 0 and any weights do: take equal ones.
        ridge = regularization * np.where(trace > 0, trace, 1.0)
        G += ridge[:, None, None] * np.eye(near.shape[1])
        weights = np.linalg.solve(G, np.ones((len(points), near.shape[1], 1)))[..., 0]
        W[points[:, None], near] = weights / weights.sum(axis=1, keepdims=True)
    return W


def lle_matrix(X: np.ndarray, neighbors: list[np.ndarray], *, regularization: float = 1e-3) -> np.ndarray:
    """M = (I - W)^T (I - W): f^T M f is the squared error of rebuilding each f_i with x_i's weights.

    Args:
        X: (n, p), the points.
        neighbors: for each point the numbers of its neighbours.
        regularization: as in `lle_weights`.
    """
    gap = np.eye(len(X)) - lle_weights(X, neighbors, regularization=regularization)
    return gap.T @ gap


def tangents(patch: np.ndarray, n_components: int) -> np.ndarray:
    """Orthonormal tangent coordinates (m, k, n_components) of patches of points (m, k, p): PCA of each.

    Args:
        patch: m patches of k points each.
        n_components: dimensions of the tangent plane.
    """
    centred = patch - patch.mean(axis=1, keepdims=True)
    _, vectors = np.linalg.eigh(centred @ centred.transpose(0, 2, 1))
    return vectors[:, :, ::-1][:, :, :n_components]


def ltsa_matrix(
    X: np.ndarray, neighbors: list[np.ndarray], n_components: int, *, with_itself: bool = True
) -> np.ndarray:
    """M of local tangent space alignment: from each patch, what no linear function of its tangent gives.

    Args:
        X: points, (n, p).
        neighbors: n index arrays.
        n_components: dimensions of the sheet.
        with_itself: a point belongs to its own patch. scikit-learn leaves it out; then a point that is
            nobody's neighbour is in no patch at all, and a map may put it anywhere at no cost.
    """
    M = np.zeros((len(X), len(X)))
    for points, near in patches(neighbors):
        if with_itself:
            near = np.concatenate([points[:, None], near], axis=1)
        k = near.shape[1]
        theta = tangents(X[near], n_components)
        # The tangent has mean 0 up to rounding, also where a patch has no extent and any vectors come out.
        theta = np.linalg.qr(np.concatenate([np.ones((len(near), k, 1)), theta], axis=2))[0]
        _add(M, near, np.eye(k) - theta @ theta.transpose(0, 2, 1))
    return M


def hessian_matrix(X: np.ndarray, neighbors: list[np.ndarray], n_components: int) -> np.ndarray:
    """M of Hessian eigenmaps: from each patch the squared second derivatives, as least squares sees them.

    Fit f on the patch, the point itself included, by 1, the tangent coordinates and their products;
    orthogonalise in this order, and the last d (d + 1) / 2 columns, d = n_components, measure what is
    quadratic in f and nothing else.

    Args:
        X: (n, p), the points.
        neighbors: for each point the numbers of its neighbours.
        n_components: k, of the map.
    """
    M = np.zeros((len(X), len(X)))
    first, second = np.triu_indices(n_components)
    for points, near in patches(neighbors):
        near = np.concatenate([points[:, None], near], axis=1)
        theta = tangents(X[near], n_components)
        products = theta[:, :, first] * theta[:, :, second]
        columns = np.concatenate([np.ones((*near.shape, 1)), theta, products], axis=2)
        basis = np.linalg.qr(columns)[0]  # (m, k + 1, 1 + d + d (d + 1) / 2), and no more columns
        quadratic = basis[:, :, 1 + n_components :]
        _add(M, near, quadratic @ quadratic.transpose(0, 2, 1))
    return M


def _add(M, near, blocks):
    """Add each patch's block (k, k) to the entries of M (n, n) that belong to its points."""
    np.add.at(M, (near[:, :, None], near[:, None, :]), blocks)


def graph_laplacian(weights: ArrayLike) -> np.ndarray:
    """L = D - weights (n, n), D the diagonal of row sums: f^T L f = 1/2 sum over i, j of w_ij (f_i - f_j)^2.

    >>> graph_laplacian([[0, 1, 0], [1, 0, 2], [0, 2, 0]]).tolist()
    [[1.0, -1.0, 0.0], [-1.0, 3.0, -2.0], [0.0, -2.0, 2.0]]
    """
    weights = np.asarray(weights, dtype=np.float64)
    return np.diag(weights.sum(axis=1)) - weights


def extreme_eigenpairs(M: np.ndarray, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues number `first` to `last` (from 0, rising) of a symmetric M (n, n), and eigenvectors (n, k).

    LAPACK's routine for a few of them gives up on some matrices whose eigenvalues are nearly all equal; then
    all are computed, which takes longer.
    """
    values, vectors = scipy.linalg.eigh(M, subset_by_index=[first, last])
    if len(values) < last - first + 1:
        values, vectors = scipy.linalg.eigh(M, driver="evd")
        values, vectors = values[first : last + 1], vectors[:, first : last + 1]
    return values, vectors


def bottom_eigenvectors(
    M: np.ndarray, n_components: int, *, free: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The smallest eigenvalues (k,) of M and orthonormal eigenvectors (n, k) at right angles to `free`.

    The function that costs nothing is lifted to the top of the spectrum first. Dropping the first eigenvector
    instead goes wrong where several eigenvalues are 0: the solver may mix the constant with the coordinates.

    Args:
        M: symmetric with eigenvalues >= 0, (n, n).
        n_components: k.
        free: the eigenvector to leave out, with eigenvalue 0, (n,).
    """
    free = free / np.linalg.norm(free)
    lifted = M + (np.trace(M) + 1) * np.outer(free, free)
    values, vectors = extreme_eigenpairs(lifted, 0, n_components - 1)
    return values, with_fixed_signs(vectors.T).T


class _LocalMap(BaseEstimator):
    """What LLE, LTSA and Hessian eigenmaps share; `_matrix(X, neighbors)` and `_least()` differ."""

    def __init__(self, n_components: int = 2, *, n_neighbors: int = 10):
        self.n_components = n_components
        self.n_neighbors = n_neighbors

    def fit(self, X: ArrayLike, y=None):
        """Learn the map of the points X (n, p); y is ignored. Warns when the graph is in pieces.

        Raises:
            ValueError: n_neighbors is n or more, or too few for this method and n_components.
        """
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        check_n_components(self.n_components, len(X) - 1)
        neighbors = neighbor_lists(X, self.n_neighbors)
        if self.n_neighbors < self._least():
            raise ValueError(
                f"{type(self).__name__} with n_components={self.n_components} needs at least"
                f" {self._least()} neighbours, got n_neighbors={self.n_neighbors}"
            )
        M = self._matrix(X, neighbors)
        self.eigenvalues_, vectors = bottom_eigenvectors(M, self.n_components, free=np.ones(len(X)))
        self.embedding_ = np.sqrt(len(X)) * vectors
        return self

    def fit_transform(self, X: ArrayLike, y=None) -> np.ndarray:
        """The map (n, k) of X: mean 0, unit covariance."""
        return self.fit(X).embedding_

    def _least(self):
        return 1


class LocallyLinearEmbedding(_LocalMap):
    """LLE: each point is a mixture of its neighbours, on the sheet as on the map.

    Args:
        n_components: k, the dimensions of the map.
        n_neighbors: how many neighbours rebuild a point, at most n - 1.
        regularization: see `lle_weights`.

    Attributes:
        embedding_: the map (n, k), with mean 0 and unit covariance.
        eigenvalues_: the k smallest eigenvalues of M besides the constant's; their sum is the error.

    >>> X = np.random.default_rng(0).normal(size=(40, 3))
    >>> LocallyLinearEmbedding(2, n_neighbors=8).fit(X).embedding_.shape
    (40, 2)
    """

    def __init__(self, n_components: int = 2, *, n_neighbors: int = 10, regularization: float = 1e-3):
        super().__init__(n_components, n_neighbors=n_neighbors)
        self.regularization = regularization

    def _matrix(self, X, neighbors):
        return lle_matrix(X, neighbors, regularization=self.regularization)


class LTSA(_LocalMap):
    """Local tangent space alignment: glue the flat coordinates of all patches together.

    Args:
        n_components: k, the dimensions of sheet and map.
        n_neighbors: besides the point itself in its patch, more than k, at most n - 1.

    Attributes:
        embedding_: the map (n, k), with mean 0 and unit covariance.
        eigenvalues_: the k smallest eigenvalues of M besides the constant's; 0 for a sheet flat in its space.

    >>> X = np.random.default_rng(0).normal(size=(40, 2)) @ [[1, 2, 0], [0, 1, 3]]  # a plane in space
    >>> bool(LTSA(2, n_neighbors=8).fit(X).eigenvalues_.max() < 1e-12)
    True
    """

    def _least(self):
        return self.n_components + 1

    def _matrix(self, X, neighbors):
        return ltsa_matrix(X, neighbors, self.n_components)


class HessianEigenmap(_LocalMap):
    """Hessian eigenmaps: coordinates are the functions without second derivatives along the sheet.

    Args:
        n_components: d, the dimensions of sheet and map.
        n_neighbors: besides the point itself in its patch, at least d + d (d + 1) / 2, at most n - 1.

    Attributes:
        embedding_: the map (n, d), with mean 0 and unit covariance.
        eigenvalues_: the d smallest eigenvalues of M besides the constant's.

    >>> X = np.random.default_rng(0).normal(size=(40, 2)) @ [[1, 2, 0], [0, 1, 3]]  # a plane in space
    >>> bool(HessianEigenmap(2, n_neighbors=8).fit(X).eigenvalues_.max() < 1e-12)
    True
    """

    def _least(self):
        return self.n_components + self.n_components * (self.n_components + 1) // 2

    def _matrix(self, X, neighbors):
        return hessian_matrix(X, neighbors, self.n_components)


class LaplacianEigenmap(BaseEstimator):
    """Laplacian eigenmaps: neighbours should differ little, L y = mu D y.

    Args:
        n_components: k, the dimensions of the map.
        n_neighbors: i and j are joined if either is among the other's nearest; at most n - 1.
        bandwidth: joined pairs weigh exp(-|x_i - x_j|^2 / (2 bandwidth^2)), in the units of the data; None:
            they weigh 1.

    Attributes:
        embedding_: the map Y (n, k), with Y^T D Y = I.
        eigenvalues_: mu (k,), rising, between 0 and 2.
        weights_: the symmetric weights of the graph (n, n).

    >>> X = np.random.default_rng(0).normal(size=(40, 3))
    >>> LaplacianEigenmap(2, n_neighbors=8).fit(X).embedding_.shape
    (40, 2)
    """

    def __init__(self, n_components: int = 2, *, n_neighbors: int = 10, bandwidth: float | None = None):
        self.n_components = n_components
        self.n_neighbors = n_neighbors
        self.bandwidth = bandwidth

    def fit(self, X: ArrayLike, y: Any = None) -> "LaplacianEigenmap":
        """Learn the map of the points X (n, p); y is ignored. Warns when the graph is in pieces."""
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        check_n_components(self.n_components, len(X) - 1)
        if self.bandwidth is not None and not 0 < self.bandwidth < np.inf:
            raise ValueError(f"bandwidth={self.bandwidth!r} must be a positive length, or None")
        joined = np.zeros((len(X), len(X)), dtype=bool)
        for i, near in enumerate(neighbor_lists(X, self.n_neighbors)):
            joined[i, near] = joined[near, i] = True
        if self.bandwidth is None:
            self.weights_ = joined.astype(np.float64)
        else:
            self.weights_ = joined * np.exp(-squared_distances(X) / (2 * self.bandwidth**2))
        root = np.sqrt(self.weights_.sum(axis=1))
        if not root.min() > 0:
            raise ValueError(
                f"bandwidth={self.bandwidth:g} is too small: a point is further away than it can see"
            )
        # With u = D^(1/2) y the problem is symmetric, and the constant y turns into u = D^(1/2) 1.
        symmetric = graph_laplacian(self.weights_) / np.outer(root, root)
        self.eigenvalues_, vectors = bottom_eigenvectors(symmetric, self.n_components, free=root)
        self.embedding_ = vectors / root[:, None]
        return self

    def fit_transform(self, X: ArrayLike, y: Any = None) -> np.ndarray:
        """The map (n, k) of X."""
        return self.fit(X).embedding_
