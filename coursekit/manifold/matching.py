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


def procrustes_residual(Y: ArrayLike, T: ArrayLike) -> float:
    """Share of the truth's variance missed after the best rotation, reflection, shift and scale.

    Args:
        Y: the map, (n, k).
        T: the true coordinates, (n, k).
    """
    Y, T = _centred(Y, T)
    common = np.linalg.svd(Y.T @ T, compute_uv=False).sum()
    return float(max(0.0, 1 - common**2 / (np.sum(Y**2) * np.sum(T**2))))


def affine_residual(Y: ArrayLike, T: ArrayLike) -> float:
    """Share of the truth's variance missed after the best affine map of Y (n, k) onto T (n, m)."""
    Y, T = _centred(Y, T)
    fitted = Y @ np.linalg.lstsq(Y, T, rcond=None)[0]
    return float(np.sum((T - fitted) ** 2) / np.sum(T**2))


def _centred(Y, T):
    Y, T = np.asarray(Y, dtype=np.float64), np.asarray(T, dtype=np.float64)
    if len(Y) != len(T):
        raise ValueError(f"the map has {len(Y)} points and the truth {len(T)}")
    return Y - Y.mean(axis=0), T - T.mean(axis=0)
