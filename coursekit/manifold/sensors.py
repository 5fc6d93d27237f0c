"""A map from a few distances: sensor localisation as a semidefinite program (MDS-SDP).

Sensors know the distance to those within radio range, and to nobody else. Where are they? The Gram matrix G
of their centred positions obeys one linear equation per known distance, and G is positive semidefinite.
Among all such G take the one of largest trace, the most spread out: a convex problem, no start, no luck.
What is found comes with a proof: multipliers that show that no feasible G has a larger trace.

    G = Y Y^T, G 1 = 0       maximise trace G   over psd G with   G_ii + G_jj - 2 G_ij = d_ij^2  on all edges
    multiplier y_ij          S = sum over edges of y_ij (e_i - e_j)(e_i - e_j)^T  -  (I - 1 1^T / n)
    certificate              S >= 0 (psd) and S G = 0:  any feasible G' has
                             trace G' = sum y_ij d_ij^2 - <S, G'>  <=  sum y_ij d_ij^2 = trace G
    rank S = n - 1 - rank G  then any other G that attains it spans the same dimensions

Solved by ADMM: alternate between the equations (one Cholesky decomposition, used again and again) and the
psd matrices (one eigendecomposition a step), with a running multiplier for their disagreement.

Source: Biswas & Ye (2004), Semidefinite programming for ad hoc wireless sensor network localization (they
have anchors; here the map is free up to a rotation); Weinberger & Saul (2006) for the trace; Wen, Goldfarb
& Yin (2010) for the alternation. Notebook: 03_manifold_learning.
"""

from typing import NamedTuple

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from coursekit.manifold.distances import check_n_components
from coursekit.pca import with_fixed_signs


class Localization(NamedTuple):
    """What `sensor_localization` found.

    Attributes:
        positions: (n, k), centred; the best k-dimensional map of `gram`.
        gram: G (n, n), psd, its rows adding to 0.
        multipliers: y, one per edge.
        slack: S (n, n), psd up to `residual`.
        residual: largest violation of an equation or of S G = 0, relative to the mean squared length.
        n_iter: steps of ADMM.
    """

    positions: np.ndarray
    gram: np.ndarray
    multipliers: np.ndarray
    slack: np.ndarray
    residual: float
    n_iter: int


def sensor_localization(
    n_points: int,
    edges: ArrayLike,
    lengths: ArrayLike,
    *,
    n_components: int = 2,
    max_iter: int = 5000,
    tol: float = 1e-10,
) -> Localization:
    """Positions of n points from the lengths of some edges, by the semidefinite program of largest trace.

    Args:
        n_points: n.
        edges: pairs of different points, (m, 2), each pair once; together they connect all points.
        lengths: m positive lengths.
        n_components: k, the dimensions of the map.
        max_iter: most steps of ADMM.
        tol: stop when `residual` falls below.

    Raises:
        ValueError: an edge is no edge, edges and lengths do not match, or the points are in pieces.

    >>> square, diagonal = [[0, 1], [1, 2], [2, 3], [3, 0]], [[0, 2], [1, 3]]
    >>> found = sensor_localization(4, square + diagonal, [1, 1, 1, 1, 2**0.5, 2**0.5])
    >>> float(np.linalg.norm(found.positions[0] - found.positions[2]).round(6))
    1.414214
    """
    edges, lengths = _checked(n_points, edges, lengths)
    check_n_components(n_components, n_points)
    n, scale = n_points, float(np.mean(lengths**2))
    b = lengths**2 / scale  # in this unit the same steps suit any map
    # An orthonormal basis of what is at right angles to 1, so that G = N H N^T is centred by itself.
    N = scipy.linalg.helmert(n).T  # (n, n - 1)
    A = N[edges[:, 0]] - N[edges[:, 1]]  # (m, n - 1): the equation is a^T H a = d^2
    cholesky = scipy.linalg.cho_factor((A @ A.T) ** 2 + 1e-12 * np.eye(len(b)))
    identity, rho = np.eye(n - 1), 10.0 / n
    Z, U = identity.copy(), np.zeros((n - 1, n - 1))
    for step in range(1, max_iter + 1):
        # The nearest H to Z - U, pushed towards a larger trace, that obeys all equations.
        H = Z - U + identity / rho
        shift = scipy.linalg.cho_solve(cholesky, b - np.einsum("ei,ij,ej->e", A, H, A, optimize=True))
        H = H + (A.T * shift) @ A
        values, vectors = np.linalg.eigh(H + U)
        Z = (vectors * values.clip(min=0)) @ vectors.T  # the nearest psd matrix
        negative = (vectors * values.clip(max=0)) @ vectors.T
        U = negative  # what H + U - Z leaves: the multiplier of "H is psd"
        if step % 20 == 0 or step == max_iter:
            y = -rho * shift
            S = (A.T * y) @ A - identity
            violated = np.abs(np.einsum("ei,ij,ej->e", A, Z, A, optimize=True) - b).max()
            residual = max(violated, np.abs(S @ Z).max(), -min(np.linalg.eigvalsh(S)[0], 0))
            if residual < tol:
                break
    gram = scale * N @ Z @ N.T
    values, vectors = np.linalg.eigh(gram)
    top = with_fixed_signs(vectors[:, ::-1][:, :n_components].T).T
    positions = top * np.sqrt(values[::-1][:n_components].clip(min=0))
    return Localization(positions, gram, y, N @ S @ N.T, float(residual), step)


def _checked(n, edges, lengths):
    edges, lengths = np.asarray(edges), np.asarray(lengths, dtype=np.float64)
    if edges.ndim != 2 or edges.shape[1] != 2 or edges.dtype.kind not in "iu":
        raise ValueError("edges must be pairs of whole numbers, of shape (m, 2)")
    if lengths.shape != (len(edges),):
        raise ValueError(
            f"there are {len(edges)} edges and lengths of shape {lengths.shape}: one each, please"
        )
    if len(edges) == 0 or edges.min() < 0 or edges.max() >= n or np.any(edges[:, 0] == edges[:, 1]):
        raise ValueError(f"an edge joins two different points, numbered from 0 to n_points - 1 = {n - 1}")
    if len(np.unique(np.sort(edges, axis=1), axis=0)) < len(edges):
        raise ValueError("each edge may be given only once")
    if not np.all(np.isfinite(lengths)) or lengths.min() <= 0:
        raise ValueError("lengths must be positive and finite")
    graph = coo_array((np.ones(len(edges)), edges.T), shape=(n, n))
    n_pieces = connected_components(graph, directed=False)[0]
    if n_pieces > 1:
        raise ValueError(
            f"the edges leave the points in {n_pieces} pieces: nothing fixes where each of them is"
        )
    return edges, lengths
