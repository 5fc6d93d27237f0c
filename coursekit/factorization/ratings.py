"""What a recommender must beat, and how to find out: held-out ratings, and means of rows and columns.

    x_ij ~ mu + b_i + c_j      mu: mean of all     b_i: how generous row i is     c_j: how liked column j is

Nothing here knows what row i thinks of column j in particular; that is what factors may add. A ridge pulls
the bias of a row or column with few entries towards 0.

Source: Koren, Bell & Volinsky (2009), Matrix factorization techniques for recommender systems, eqs. 3 and 5.
Notebook: 04_nmf_ratings.
"""

from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from coursekit.inputs import numpy_rng, real_number


def hold_out(
    X: ArrayLike, share: float = 0.2, *, rng: int | np.random.Generator | None = None
) -> tuple[NDArray, NDArray]:
    """Hide a random share of the observed entries: (X with NaN there, which are hidden), both (n, p).

    Args:
        X: the table, (n, p), NaN where missing.
        share: of the observed entries, between 0 and 1. A row or column that would lose all of its entries
            keeps one, so a few entries less may be hidden.
        rng: numpy Generator, seed or None.
    """
    X = check_array(X, dtype=[np.float64, np.float32], ensure_all_finite="allow-nan")
    real_number(share, "share", above=0, below=1)
    rng = numpy_rng(rng)
    rows, columns = rng.permutation(np.argwhere(~np.isnan(X))).T
    # The first entry of each row and of each column, in this random order, is never hidden.
    keep = np.zeros(len(rows), bool)
    keep[np.unique(rows, return_index=True)[1]] = True
    keep[np.unique(columns, return_index=True)[1]] = True
    chosen = np.flatnonzero(~keep)[: round(share * len(rows))]
    hidden = np.zeros(X.shape, bool)
    hidden[rows[chosen], columns[chosen]] = True
    return np.where(hidden, np.nan, X).astype(X.dtype), hidden


def rmse(predicted: ArrayLike, X: ArrayLike, where: ArrayLike) -> float:
    """Root mean squared error of `predicted` against X over the entries where `where` is true, all (n, p)."""
    where = np.asarray(where, bool)
    error = (np.asarray(predicted) - np.asarray(X))[where]
    if error.size == 0:
        raise ValueError("rmse needs at least one entry to look at")
    if np.isnan(error).any():
        raise ValueError("rmse met a missing entry; `where` must name observed entries only")
    return float(np.sqrt(np.mean(error**2)))


class Biases(BaseEstimator):
    """mu + b_i + c_j, fitted to the observed entries of X (n, p) by alternating (ridge) least squares.

    Args:
        ridge: how many imaginary entries of bias 0 each row and column has besides its own; 0 for none.
        max_iter: rounds; each updates b, then c. One round without a ridge is "person mean, then item mean".

    Learned by `fit`: mean_, row_bias_ (n,), column_bias_ (p,), n_features_in_.

    >>> Biases().fit([[1, 2], [3, np.nan]]).reconstruct().round(3).tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """

    def __init__(self, *, ridge: float = 0.0, max_iter: int = 50):
        self.ridge = ridge
        self.max_iter = max_iter

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Learn from X (n, p), NaN where missing; y is ignored."""
        if not isinstance(self.max_iter, Integral) or isinstance(self.max_iter, bool) or self.max_iter < 1:
            raise ValueError(f"max_iter must be a positive integer, got {self.max_iter!r}")
        if not isinstance(self.ridge, Real) or not 0 <= self.ridge < np.inf:
            raise ValueError(f"ridge must be a number of at least 0, got {self.ridge!r}")
        X = validate_data(self, X, dtype=[np.float64, np.float32], ensure_all_finite="allow-nan")
        rows, columns = np.nonzero(~np.isnan(X))
        if rows.size == 0:
            raise ValueError("X has no observed entry")
        self.mean_ = X[rows, columns].mean()
        rest = X[rows, columns] - self.mean_
        b, c = np.zeros(X.shape[0]), np.zeros(X.shape[1])
        for _ in range(self.max_iter):
            b = self._mean_by(rows, rest - c[columns], len(b))
            c = self._mean_by(columns, rest - b[rows], len(c))
        self.row_bias_, self.column_bias_ = b, c
        return self

    def reconstruct(self) -> NDArray:
        """The prediction for every entry (n, p); a row or column never seen has bias 0."""
        check_is_fitted(self)
        return self.mean_ + self.row_bias_[:, None] + self.column_bias_

    def _mean_by(self, index, values, size):
        """Mean of the values of each index, pulled towards 0 by the ridge."""
        counts = np.bincount(index, minlength=size) + self.ridge
        return np.bincount(index, values, minlength=size) / np.where(counts == 0, 1, counts)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
