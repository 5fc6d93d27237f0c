"""One step of the left factor W in X ~ W H, with H held: two objectives, three rules, and missing entries.

The same rule updates H on the transposed table, since X^T ~ H^T W^T; so only the step for W is written here.

    frobenius          F = 1/2 sum (x - wh)^2                  W <- W * (X H^T) / (W H H^T)
    kullback-leibler   F = sum x log(x / wh) - x + wh          W <- W * ((X / WH) H^T) / (1 H^T)
    hals               the column W_k that minimises F exactly (frobenius), one column after another

    X (n, p)   the table, 0 where missing      W (n, k), H (k, p)   the factors, never negative
    observed   None when nothing is missing, else (n, p) of ones and zeros; X and `observed` are then both
               dense arrays, or both sparse with the same places stored (a rating of 0 is stored too)

Every sum runs over the observed entries. `*` and `/` act entry by entry, so a positive factor stays positive
and an exact zero stays zero.

Source: Lee & Seung (2001), Algorithms for non-negative matrix factorization, eqs. 4 and 5; Cichocki, Zdunek &
Amari (2007) for HALS (hierarchical alternating least squares). Notebook: 04_nmf_ratings.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import xlogy

Table: TypeAlias = NDArray | sparse.csr_array
EPSILON = np.finfo(np.float32).eps  # floor of a denominator, the same as scikit-learn's


def at_observed(W: NDArray, H: NDArray, observed: Table | None = None) -> Table:
    """W H (n, p) where `observed`, 0 elsewhere; if that is sparse so is this, and W H is never formed."""
    if observed is None:
        return W @ H
    if isinstance(observed, np.ndarray):
        product = W @ H
        product *= observed
        return product
    rows = np.repeat(np.arange(observed.shape[0]), np.diff(observed.indptr))
    return _like(observed, np.einsum("ij,ij->i", W[rows], H.T[observed.indices]))


def half_squared_error(X: Table, W: NDArray, H: NDArray, observed: Table | None = None) -> float:
    """1/2 of the sum of squared errors over the observed entries; one number.

    Args:
        X: (n, p), 0 where nothing was observed.
        W: (n, k).
        H: (k, p).
        observed: (n, p), 1 where X was observed, else 0 (None: everywhere).
    """
    residual = _values(at_observed(W, H, observed))
    residual -= _values(X)  # in place: a fresh table of this size would take longer than the product
    return 0.5 * float(np.vdot(residual, residual))


def kullback_leibler(X: Table, W: NDArray, H: NDArray, observed: Table | None = None) -> float:
    """Sum of x log(x / wh) - x + wh over the observed entries, in nats if X counts; one number.

    wh is kept above 1e-7, so a positive count predicted as 0 costs some 15 nats per count, not infinity.

    Args:
        X: (n, p), 0 where nothing was observed.
        W: (n, k).
        H: (k, p).
        observed: (n, p), 1 where X was observed, else 0 (None: everywhere).
    """
    x, wh = _values(X), _values(at_observed(W, H, observed))
    return float(np.sum(xlogy(x, x / np.maximum(wh, EPSILON)) - x + wh, dtype=np.float64))


def frobenius_step(X: Table, W: NDArray, H: NDArray, observed: Table | None = None) -> NDArray:
    """W after one multiplicative step on the squared error. Lee & Seung 2001, eq. 4.

    Args:
        X: (n, p), 0 where nothing was observed.
        W: (n, k).
        H: (k, p).
        observed: (n, p), 1 where X was observed, else 0 (None: everywhere).
    """
    # Without gaps H H^T is a k x k matrix, and W H need not be formed.
    below = W @ (H @ H.T) if observed is None else at_observed(W, H, observed) @ H.T
    return W * (X @ H.T) / _positive(below)


def kullback_leibler_step(X: Table, W: NDArray, H: NDArray, observed: Table | None = None) -> NDArray:
    """W after one multiplicative step on the Kullback-Leibler divergence. Lee & Seung 2001, eq. 5.

    Args:
        X: (n, p), 0 where nothing was observed.
        W: (n, k).
        H: (k, p).
        observed: (n, p), 1 where X was observed, else 0 (None: everywhere).
    """
    wh = at_observed(W, H, observed)
    ratio = _like(X, _values(X) / np.maximum(_values(wh), EPSILON))
    below = H.sum(axis=1) if observed is None else observed @ H.T
    return W * (ratio @ H.T) / _positive(below)


def hals_step(X: Table, W: NDArray, H: NDArray, observed: Table | None = None) -> NDArray:
    """W after each of its columns was set to the best one, given all others; squared error only.

    Args:
        X: (n, p), 0 where nothing was observed.
        W: (n, k).
        H: (k, p).
        observed: (n, p), 1 where X was observed, else 0 (None: everywhere).
    """
    columns = np.array(W.T, order="C")  # (k, n): a column of W is a row here, and its entries are neighbours
    if observed is None:
        HX, HH = H @ X.T, H @ H.T
        for k, column in enumerate(columns):
            slope = HX[k] - HH[k] @ columns  # minus the derivative, at the newest values of the other columns
            columns[k] = np.maximum(column + slope / max(HH[k, k], EPSILON), 0)
        return columns.T
    residual = X - at_observed(W, H, observed)
    for k, column in enumerate(columns):
        best = np.maximum(column + (residual @ H[k]) / _positive(observed @ H[k] ** 2), 0)
        residual = residual - at_observed((best - column)[:, None], H[[k]], observed)
        columns[k] = best
    return columns.T


def _positive(denominator):
    """A denominator of 0 belongs to a numerator of 0: a part, row or column that is all zero stays so."""
    return np.where(denominator == 0, EPSILON, denominator).astype(denominator.dtype)


def _values(table):
    return table.data if sparse.issparse(table) else table


def _like(table, values):
    """A table of these values, sparse in the same places if `table` is sparse."""
    if not sparse.issparse(table):
        return values
    return sparse.csr_array((values, table.indices, table.indptr), shape=table.shape)
