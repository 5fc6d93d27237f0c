"""Principal component analysis: the affine subspace of k dimensions that lies closest to the data.

Centre the data (and perhaps divide each column by its spread); the directions of largest variance are then
the eigenvectors of the covariance matrix, and the variances are its eigenvalues. Keeping the first k
directions keeps the most variance and, what is the same, makes the mean squared error of reconstruction
smallest: it equals the sum of the eigenvalues left out.

    minimise over V (k, p) with V V^T = I:   1/n sum_i |z_i - V^T V z_i|^2   =   sum_{j > k} lambda_j

    X (n, p)   data                           Z (n, p)   data, centred and scaled: z = (x - mean) / scale
    C (p, p)   covariance, Z^T Z / n          V (k, p)   components: orthonormal eigenvectors of C, as rows
    lambda     eigenvalues of C, falling      scores     Z V^T (n, k), the coordinates in the subspace

Source: James, Witten, Hastie & Tibshirani (2013), An Introduction to Statistical Learning, section 10.2;
Eckart & Young (1936) for the best approximation; Bjorck & Golub (1973) for the angles between subspaces.
Notebook: 01_pca_usarrests.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

SOLVERS = ("auto", "svd", "eigh")


def centre_and_spread(
    X: np.ndarray, standardize: bool, *, n_rows: int = 2048
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and scale of each column of X (n, p), and the numbers of the constant columns.

    The scale is the standard deviation with 1/n, or 1 without `standardize`. A constant column has scale 1,
    and exactly its own value as mean: the rounding of a mean is no variance. A column that varies by rounding
    alone, as .3 beside .1 + .2, has scale 1 too.

    Args:
        X: (n, p), floats.
        standardize: whether to measure the spread.
        n_rows: how many rows to look at, at a time, for constant columns.
    """
    mean = X.mean(axis=0, dtype=np.float64)
    # A constant's mean is the constant, up to the rounding of n sums.
    constant = np.flatnonzero(np.abs(mean - X[0]) <= len(X) * np.finfo(float).eps * np.abs(mean))
    mean = mean.astype(X.dtype)
    for start in range(0, len(X), n_rows):
        constant = constant[np.all(X[start : start + n_rows, constant] == X[0, constant], axis=0)]
    mean[constant] = X[0, constant]
    if not standardize:
        return mean, np.ones_like(mean), constant
    spread = np.sqrt(np.mean(np.square(X - mean, dtype=np.float64), axis=0)).astype(X.dtype)
    spread[spread <= 10 * np.finfo(X.dtype).eps * np.abs(mean)] = 1
    return mean, spread, constant


def safe_unit(X: np.ndarray, mean: np.ndarray) -> float:
    """1, or a power of two in whose units the squares of X - mean neither overflow nor vanish; X (n, p)."""
    range_ = np.finfo(X.dtype)
    least, most = np.sqrt(range_.tiny) / range_.eps, np.sqrt(range_.max / X.size)
    # One row and the sum of all squares, which centring lowers, settle it for nearly all data.
    with np.errstate(over="ignore"):
        if least < np.abs(X[0] - mean).max() and np.linalg.norm(X) < most:
            return 1.0
    size = float(max((X.max(axis=0) - mean).max(), (mean - X.min(axis=0)).max()))
    if size == 0 or least < size < most:
        return 1.0
    return float(2.0 ** np.floor(np.log2(size)))


def gram(
    X: np.ndarray,
    mean: np.ndarray,
    scale: np.ndarray,
    columns: np.ndarray | None = None,
    *,
    n_rows: int = 4096,
) -> np.ndarray:
    """Z^T Z (p, p) for Z = (X - mean) / scale, from a few rows at a time, without a copy of X.

    Args:
        X: (n, p), the data.
        mean: (p,).
        scale: (p,).
        columns: numbers of those to look at, where not all; p is then how many.
        n_rows: how many rows at a time.
    """
    if columns is not None:
        mean, scale = mean[columns], scale[columns]
    total = np.zeros((len(mean), len(mean)), X.dtype)
    for start in range(0, len(X), n_rows):
        rows = X[start : start + n_rows]
        centred = (rows if columns is None else np.take(rows, columns, axis=1)) - mean
        total += centred.T @ centred
    return total / np.outer(scale, scale)


def eigenpairs(symmetric: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues (p,) of a symmetric matrix, falling, never negative, and its eigenvectors, as rows."""
    values, vectors = np.linalg.eigh(symmetric)
    return values[::-1].clip(min=0), vectors.T[::-1]


def principal_axes_svd(X: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues and eigenvectors of C from Z = U S V^T: lambda = S^2 / n, and C itself is never formed.

    Args:
        X: (n, p), the data.
        mean: (p,); Z = (X - mean) / scale.
        scale: (p,).
    """
    _, S, V = np.linalg.svd((X - mean) / scale, full_matrices=False)
    return S**2 / len(X), V


def principal_axes_eigh(
    X: np.ndarray, mean: np.ndarray, scale: np.ndarray, constant: Sequence[int] | np.ndarray = ()
) -> tuple[np.ndarray, np.ndarray]:
    """The same from the smaller of Z^T Z and Z Z^T, which have the same positive eigenvalues n lambda.

    Args:
        X: (n, p), the data.
        mean: (p,); Z = (X - mean) / scale.
        scale: (p,).
        constant: numbers of columns that equal their mean, as at the edges of pictures: axes of no variance.
    """
    n, p = X.shape
    if n >= p and np.size(constant) >= 40:  # leaving out fewer takes longer than it saves
        varies = np.delete(np.arange(p), constant)
        k, values, V = len(varies), np.zeros(p, X.dtype), np.zeros((p, p), X.dtype)
        values[:k], V[:k, varies] = eigenpairs(gram(X, mean, scale, varies))
        V[np.arange(k, p), constant] = 1
    elif n >= p:
        values, V = eigenpairs(gram(X, mean, scale))
    else:
        Z = (X - mean) / scale
        values, U = eigenpairs(Z @ Z.T)
        # Z^T u_j is v_j times its singular value; Householder's Q divides that out, also where it is 0.
        V = np.linalg.qr(Z.T @ U.T)[0].T
    return values / n, V


def with_fixed_signs(V: np.ndarray) -> np.ndarray:
    """Rows of V, each with its largest entry made positive (of entries equal up to rounding, the first)."""
    size = np.abs(V)
    nearly = 1 - np.sqrt(np.finfo(V.dtype).eps)
    largest = np.argmax(size >= nearly * size.max(axis=1, keepdims=True), axis=1)
    return V * np.sign(V[np.arange(len(V)), largest])[:, None]


def orthonormal_basis(A: np.ndarray) -> np.ndarray:
    """Orthonormal columns (p, rank) that span the columns of A (p, k)."""
    U, lengths, _ = np.linalg.svd(A, full_matrices=False)
    return U[:, lengths > lengths.max() * max(A.shape) * np.finfo(lengths.dtype).eps]


def principal_angles(A: ArrayLike, B: ArrayLike) -> np.ndarray:
    """Angles between the column spaces of A (p, k) and B (p, m): radians in [0, pi/2], smallest first.

    There are min(rank A, rank B) of them; all are 0 when one space contains the other. Cosines are blind to
    small angles and sines to angles near pi/2, so both are computed. Bjorck & Golub 1973.

    >>> principal_angles([[1.0], [0.0]], [[1.0], [1.0]]).round(4)  # 45 degrees
    array([0.7854])

    Args:
        A: (p, k), whose columns span the first space.
        B: (p, m), the second.
    """
    A, B = check_array(A, dtype=np.float64), check_array(B, dtype=np.float64)
    if len(A) != len(B):
        raise ValueError(f"A and B must have the same number of rows, got {len(A)} and {len(B)}")
    small, large = sorted((orthonormal_basis(A), orthonormal_basis(B)), key=lambda basis: basis.shape[1])
    overlap = large.T @ small
    cosines = np.linalg.svd(overlap, compute_uv=False)
    sines = np.linalg.svd(small - large @ overlap, compute_uv=False)[::-1]
    return np.arctan2(sines, cosines)


class PCA(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Principal component analysis of X (n, p), with variances over n as in the lecture.

    Unlike scikit-learn's, n_components is no share of the variance and no "mle"; nothing is whitened, and no
    model of the noise is fitted.

    >>> PCA(1).fit([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]).explained_variance_ratio_
    array([1.])

    Args:
        n_components: how many to keep, 1 to min(n, p), or None for all of these.
        standardize: divide each column by its standard deviation first.
        solver: "svd" decomposes the data themselves. "eigh" takes eigenvectors of the Gram matrix on the
            short side of X, many times faster for long data; but that matrix has the squared condition
            number, so a variance below about 1e-16 times the largest (1e-7 in float32) drowns with its
            direction in rounding, where "svd" still sees 1e-32 (1e-14). "auto": "eigh" if one side of X is at
            least 10 times the other.

    Learned by `fit`, in the precision of X (float32 or float64):
    components_ (k, p): orthonormal rows, each with its largest entry positive.
    explained_variance_ (k,): variance of each score, with 1/n; scikit-learn's PCA has n / (n - 1) times that.
    explained_variance_ratio_ (k,): its share of the total variance; 0 when nothing varies at all.
    mean_, scale_ (p,): x becomes (x - mean_) / scale_; a constant column has scale 1, as has every column
    without `standardize`.
    n_components_, n_features_in_: k and p.
    """

    def __init__(
        self,
        n_components: int | None = None,
        *,
        standardize: bool = False,
        solver: Literal["auto", "svd", "eigh"] = "auto",
    ):
        self.n_components = n_components
        self.standardize = standardize
        self.solver = solver

    def fit(self, X: ArrayLike, y: Any = None) -> "PCA":
        """Learn the components of X (n, p); y is ignored. ValueError for anything but finite numbers."""
        X = validate_data(self, X, dtype=[np.float64, np.float32])
        short, long = sorted(X.shape)
        k: Any = short if self.n_components is None else self.n_components
        if not isinstance(k, (int, np.integer)) or isinstance(k, bool) or not 1 <= k <= short:
            raise ValueError(
                f"n_components={k!r} must be None or a whole number from 1 to min(n, p) = {short}"
            )
        if self.solver not in SOLVERS:
            raise ValueError(f"unknown solver {self.solver!r}; choose one of {', '.join(SOLVERS)}")
        use_gram = self.solver == "eigh" or (self.solver == "auto" and long >= 10 * short)

        self.mean_, self.scale_, constant = centre_and_spread(X, self.standardize)
        mean, scale, unit = self.mean_, self.scale_, safe_unit(X, self.mean_)
        if unit != 1:
            X, mean = (array / X.dtype.type(unit) for array in (X, mean))
            if self.standardize:  # the unit cancels
                scale, unit = scale / X.dtype.type(unit), 1.0
        if use_gram:
            variances, V = principal_axes_eigh(X, mean, scale, constant)
        else:
            variances, V = principal_axes_svd(X, mean, scale)
        self.components_ = with_fixed_signs(V[:k])
        with np.errstate(over="ignore", under="ignore"):
            self.explained_variance_ = (variances[:k] * unit**2).astype(X.dtype)
        if not np.isfinite(self.explained_variance_).all():
            raise ValueError(f"X varies too much for {X.dtype}: hand it over as float64 or in larger units")
        total = variances.sum()
        self.explained_variance_ratio_ = variances[:k] / (total if total > 0 else 1)
        self.n_components_ = self._n_features_out = k
        return self

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Scores (n, k) of X (n, p): coordinates along the components."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        return (X - self.mean_) / self.scale_ @ self.components_.T

    def inverse_transform(self, scores: ArrayLike) -> np.ndarray:
        """The points (n, p) of the subspace that have these scores (n, k), in the units of the data."""
        check_is_fitted(self)
        scores = check_array(scores, dtype=[np.float64, np.float32])
        if scores.shape[1] != self.n_components_:
            raise ValueError(f"scores must have {self.n_components_} columns, got {scores.shape[1]}")
        return scores @ self.components_ * self.scale_ + self.mean_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
