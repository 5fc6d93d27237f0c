"""How well a map agrees with known coordinates, once what a map leaves free is taken out.

A map of distances is free up to a rotation, a reflection and a shift: `procrustes_residual` takes these out,
and one common scale. A map with unit variance in each direction is also free in its two scales and a
shear: `affine_residual` takes out any matrix. Both are shares of the true coordinates' variance, 0 for a
perfect map; a map that knows nothing gets close to 1.

    Y (n, k)   the map             T (n, k)   the truth             both are centred first
    Procrustes   min over Q orthogonal and s of |T - s Y Q|^2 / |T|^2
                 = 1 - (sum of the singular values of Y^T T)^2 / (|Y|^2 |T|^2)
    affine       min over any matrix A       of |T - Y A|^2 / |T|^2

Source: Gower (1975), Generalized Procrustes analysis. Notebook: 03_manifold_learning.
"""

import numpy as np
from numpy.typing import ArrayLike

from coursekit.manifold.graphs import squared_distances


def procrustes_residual(Y: ArrayLike, T: ArrayLike) -> float:
    """Share of the truth's variance missed after the best rotation, reflection, shift and scale.

    Args:
        Y: the map, (n, k).
        T: the true coordinates, (n, k).
    """
    Y, T = _centred(Y, T)
    _not_one_point(T)
    if not np.any(Y):
        return 1.0  # a map in one spot misses everything
    common = np.linalg.svd(Y.T @ T, compute_uv=False).sum()
    return float(max(0.0, 1 - common**2 / (np.sum(Y**2) * np.sum(T**2))))


def affine_residual(Y: ArrayLike, T: ArrayLike) -> float:
    """Share of the truth's variance missed after the best affine map of Y (n, k) onto T (n, m)."""
    Y, T = _centred(Y, T)
    _not_one_point(T)
    fitted = Y @ np.linalg.lstsq(Y, T, rcond=None)[0]
    return float(np.sum((T - fitted) ** 2) / np.sum(T**2))


def aligned(Y: ArrayLike, T: ArrayLike) -> np.ndarray:
    """The map Y (n, k), turned, mirrored and moved onto T (n, k) as well as it goes; its scale stays.

    >>> aligned([[0.0, 0.0], [2.0, 0.0]], [[5.0, 5.0], [5.0, 7.0]]).round(6).tolist()
    [[5.0, 5.0], [5.0, 7.0]]
    """
    centred, truth = _centred(Y, T)
    U, _, V = np.linalg.svd(centred.T @ truth)
    return centred @ U @ V + np.asarray(T, dtype=np.float64).mean(axis=0)


def with_signs_of(Y: ArrayLike, T: ArrayLike) -> np.ndarray:
    """Y (n, k), each column with the sign that agrees with T (n, k): an eigenvector's sign is free."""
    Y, T = np.asarray(Y, dtype=np.float64), np.asarray(T, dtype=np.float64)
    return Y * np.where(np.sum(Y * T, axis=0) < 0, -1.0, 1.0)


def same_label_share(Y: ArrayLike, labels: ArrayLike) -> float:
    """How often the nearest other point on the map Y (n, k) has the same label; labels (n,)."""
    D2 = squared_distances(Y)
    np.fill_diagonal(D2, np.inf)
    labels = np.asarray(labels)
    return float(np.mean(labels[D2.argmin(axis=1)] == labels))


def _centred(Y, T):
    Y, T = np.asarray(Y, dtype=np.float64), np.asarray(T, dtype=np.float64)
    if len(Y) != len(T):
        raise ValueError(f"the map has {len(Y)} points and the truth {len(T)}")
    if not (np.isfinite(Y).all() and np.isfinite(T).all()):
        raise ValueError("map and truth must be finite numbers")
    return Y - Y.mean(axis=0), T - T.mean(axis=0)


def _not_one_point(T):
    if not np.any(T):
        raise ValueError("all true points coincide: there is no variance to miss")
