"""Who is near whom: neighbour lists, the graph they make, and shortest paths through it.

A curved sheet looks flat close up, so distances can be trusted between neighbours and nowhere else. Join
each point to its nearest neighbours; the length of the shortest path along these edges then estimates the
*geodesic* distance, the way that an ant would walk on the sheet.

    D (n, n)       distances between the points           k = n_neighbors
    neighbors      list of n index arrays: for each point the k nearest others, nearest first

A graph in pieces has no path from one piece to the next. The pieces are then joined by their shortest edges,
and a warning says so: where they lie relative to each other is no longer a measurement.

Source: Tenenbaum, de Silva & Langford (2000), A global geometric framework for nonlinear dimensionality
reduction, steps 1 and 2. Notebook: 03_manifold_learning.
"""

import warnings
from collections.abc import Iterator
from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.spatial.distance import cdist
from sklearn.utils.validation import check_array


def squared_distances(X: ArrayLike, Y: ArrayLike | None = None) -> np.ndarray:
    """|x_i - y_j|^2 for all rows: (n, m) for X (n, p) and Y (m, p), or (n, n) for X alone.

    Differences are squared directly: |x|^2 + |y|^2 - 2 x'y would leave rounding where points coincide.

    Args:
        X: points, (n, p).
        Y: other points, (m, p); X itself when None.
    """
    X = np.asarray(X, dtype=np.float64)
    return cdist(X, X if Y is None else np.asarray(Y, dtype=np.float64), "sqeuclidean")


def neighbor_lists(X: ArrayLike, n_neighbors: int) -> list[np.ndarray]:
    """For each point the indices of its nearest others, nearest first; pieces joined, with a warning.

    Args:
        X: points, (n, p).
        n_neighbors: k, from 1 to n - 1.

    Raises:
        ValueError: k is no whole number from 1 to n - 1.
    """
    X = check_array(X, dtype=np.float64)
    n = len(X)
    if not isinstance(n_neighbors, Integral) or isinstance(n_neighbors, bool) or not 1 <= n_neighbors < n:
        raise ValueError(
            f"n_neighbors={n_neighbors!r} must be a whole number from 1 to n - 1 = {n - 1}:"
            f" among n_samples = {n} a point has no more neighbours"
        )
    D2 = squared_distances(X)
    np.fill_diagonal(D2, np.inf)  # a point is no neighbour of its own; its duplicate is one
    nearest = np.argpartition(D2, n_neighbors - 1, axis=1)[:, :n_neighbors]
    order = np.argsort(np.take_along_axis(D2, nearest, axis=1), axis=1, kind="stable")
    return join_pieces(D2, list(np.take_along_axis(nearest, order, axis=1)))


def join_pieces(D2: np.ndarray, neighbors: list[np.ndarray]) -> list[np.ndarray]:
    """The same lists, with the shortest edges added that make their graph one piece; warns if any were.

    Args:
        D2: squared distances, (n, n); only their order matters.
        neighbors: n index arrays.
    """
    n_pieces, piece = connected_components(neighbor_graph(neighbors, np.sqrt(D2)), directed=False)
    if n_pieces == 1:
        return neighbors
    warnings.warn(
        f"the neighbour graph is in {n_pieces} pieces, now joined by their shortest edges: how the pieces lie"
        " relative to each other means little, and more neighbours may help",
        stacklevel=3,
    )
    neighbors = list(neighbors)
    reached = piece == piece[0]
    while not reached.all():  # Prim: from what is reached, the shortest edge to what is not
        inside, outside = np.flatnonzero(reached), np.flatnonzero(~reached)
        i, j = np.unravel_index(np.argmin(D2[np.ix_(inside, outside)]), (len(inside), len(outside)))
        i, j = inside[i], outside[j]
        neighbors[i], neighbors[j] = np.append(neighbors[i], j), np.append(neighbors[j], i)
        reached |= piece == piece[j]
    return neighbors


def neighbor_graph(neighbors: list[np.ndarray], D: np.ndarray) -> csr_array:
    """Sparse (n, n): row i holds the distance from i to each of its neighbours, also where it is 0.

    Args:
        neighbors: n index arrays.
        D: distances, (n, n).
    """
    rows = np.repeat(np.arange(len(neighbors)), [len(found) for found in neighbors])
    columns = np.concatenate(neighbors)
    return csr_array((D[rows, columns], (rows, columns)), shape=D.shape)


def geodesic_distances(X: ArrayLike, n_neighbors: int) -> np.ndarray:
    """Lengths of the shortest paths between all points along the neighbour graph, (n, n).

    Args:
        X: points, (n, p).
        n_neighbors: how many neighbours each point is joined to; an edge can be walked both ways.
    """
    neighbors = neighbor_lists(X, n_neighbors)
    return dijkstra(neighbor_graph(neighbors, np.sqrt(squared_distances(X))), directed=False)


def patches(neighbors: list[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(points (m,), their neighbours (m, k)) for each length of list, so that a batch is one array.

    Without joined pieces all lists have one length, and there is one batch.

    Args:
        neighbors: for each point the numbers of its neighbours.
    """
    lengths = np.array([len(found) for found in neighbors])
    for k in np.unique(lengths):
        points = np.flatnonzero(lengths == k)
        yield points, np.array([neighbors[i] for i in points])
