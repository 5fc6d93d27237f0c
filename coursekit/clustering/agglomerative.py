"""Agglomerative clustering: start with n clusters of one point, merge the two nearest, repeat.

What "near" means for clusters is the linkage. The n(n-1)/2 dissimilarities of the points are computed once;
after each merge the dissimilarities to the new cluster follow from the old ones (Lance and Williams), so the
points are never looked at again. The heights of the n - 1 merges draw the dendrogram, and a cut through it
gives any number of clusters.

    d(A, B)    dissimilarity of two clusters (Euclidean between points)
    single     smallest d(x, y) with x in A, y in B           complete   largest
    average    mean of all |A||B| of them                     centroid   distance of the two means
    ward       sqrt(2|A||B| / (|A| + |B|)) times the distance of the two means: the square of the height is
               twice what the merge adds to the within-cluster sum of squares

Three ways to the same tree. For complete, average and Ward linkage a merge never brings the new cluster
nearer to a third one than its parts were ("reducible"), so a chain of nearest neighbours finds every merge in
O(n^2) time. Single linkage is the minimum spanning tree (Prim), and needs no matrix. Centroid linkage is not
reducible, heights may fall (inversions), and only a search for the true minimum of each step is right.

Sources: James, Witten, Hastie, Tibshirani, An Introduction to Statistical Learning, Algorithm 10.2;
Lance and Williams 1967; Muellner 2011, arXiv:1109.2378. Notebook: 02_clustering.
"""

import warnings
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.cluster.hierarchy import is_valid_linkage
from scipy.spatial.distance import squareform
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils.validation import check_array, validate_data

METHODS = ("single", "complete", "average", "centroid", "ward")
MAX_POINTS = 20_000
Merges = tuple[np.ndarray, np.ndarray, np.ndarray]  # first, second, dissimilarity; each (n - 1,)


def squared_distances(X: np.ndarray) -> np.ndarray:
    """Squared Euclidean distances between all rows; X (n, p) -> (n, n), symmetric to the last bit."""
    n, features = len(X), np.ascontiguousarray(X.T)
    D = np.zeros((n, n))
    rows = max(1, 32_768 // n)  # a strip of the matrix that stays in the processor's cache
    for start in range(0, n, rows):
        stop = min(start + rows, n)
        strip = np.zeros((stop - start, n - start))
        # Differences, not |x|^2 - 2xy + |y|^2: equal points must be at distance 0, and ties must stay ties.
        for feature in features:
            difference = feature[start:stop, None] - feature[start:]
            difference *= difference
            strip += difference
        D[start:stop, start:] = strip
        D[start:, start:stop] = strip.T
    return D


def lance_williams(
    method: str, d_ak: np.ndarray, d_bk: np.ndarray, d_ab: float, a: float, b: float, k: np.ndarray
) -> np.ndarray:
    """Dissimilarity between A + B and every other cluster K, from the three old ones.

    For "centroid" and "ward" all dissimilarities are squared. Lance & Williams 1967.

    Args:
        method: of METHODS.
        d_ak: (n,), of A to each K.
        d_bk: (n,), of B to each K.
        d_ab: of A to B.
        a: size of A.
        b: size of B.
        k: (n,), size of each K.
    """
    if method == "single":
        return np.minimum(d_ak, d_bk)
    if method == "complete":
        return np.maximum(d_ak, d_bk)
    if method == "average":
        return (a * d_ak + b * d_bk) / (a + b)
    if method == "centroid":
        return (a * d_ak + b * d_bk) / (a + b) - a * b * d_ab / (a + b) ** 2
    if method == "ward":
        return ((a + k) * d_ak + (b + k) * d_bk - k * d_ab) / (a + b + k)
    raise ValueError(f"unknown linkage {method!r}; choose one of {', '.join(METHODS)}")


def nearest_neighbour_chain(D: np.ndarray, method: str) -> np.ndarray:
    """Merges of a reducible linkage in O(n^2) time; D (n, n) is used up. -> first, second, dissimilarity.

    From any cluster step to its nearest neighbour, on to that one's, and so on: the steps get shorter, so the
    chain ends in two clusters that are nearest to each other. Reducible means that no later merge could come
    between them, so they may merge at once. Ties: the chain starts at the lowest index alive, goes back
    rather than on, and otherwise on to the lowest index; a cluster keeps the higher index of its two parts.

    Args:
        D: (n, n), dissimilarities, symmetric.
        method: "complete", "average" or "ward".
    """
    n = len(D)
    np.fill_diagonal(D, np.inf)
    names, size, reached = np.arange(n), np.ones(n), np.zeros(n)
    gone = np.zeros(n)  # infinite where a cluster was merged into another
    merges, chain, lowest = [], [], 0
    while len(merges) < n - 1:
        if 2 * (n - len(merges)) < len(D):  # close the gaps: shorter rows are faster ones
            alive = np.flatnonzero(gone == 0)
            chain, lowest = np.searchsorted(alive, chain).tolist(), 0
            for i, row in enumerate(alive):  # in place: new memory would cost more than the moving
                D[i, : len(alive)] = D[row].take(alive)
            D = D[: len(alive), : len(alive)]
            names, size, reached, gone = names[alive], size[alive], reached[alive], gone[alive]
        if not chain:
            while gone[lowest]:
                lowest += 1
            chain.append(lowest)
        while True:
            row = D[chain[-1]] + gone
            nearest = int(row.argmin())
            if len(chain) > 1 and row[chain[-2]] <= row[nearest]:
                break
            chain.append(nearest)
        a, b = sorted((chain.pop(), chain.pop()))
        d_ab = D[a, b]
        # A parent is never lower than its children; without the maximum, rounding could say otherwise.
        reached[b] = max(d_ab, reached[a], reached[b])
        merges.append((names[a], names[b], reached[b]))
        D[b] = lance_williams(method, D[a], D[b], d_ab, size[a], size[b], size)
        D[b, b] = np.inf
        D[:, b] = D[b]
        gone[a] = np.inf
        size[b] += size[a]
    return np.array(merges)


def minimum_spanning_tree(X: np.ndarray) -> np.ndarray:
    """Merges of single linkage by Prim's algorithm in O(n^2 p) time and O(n p) memory; squared distances.

    Each point is paired with the one that joined the tree just before it: when the pairs are merged in order
    of height, that one's cluster already holds the neighbour that the point joined by. Ties: lowest index.

    Args:
        X: (n, p), the points.
    """
    outside, names = X.T.copy(), np.arange(len(X))
    nearest = np.full(len(X), np.inf)  # squared distance from each point outside to the tree
    merges, new = [], 0
    while len(merges) < len(X) - 1:
        point, name = outside[:, new, None].copy(), names[new]
        # A point of the tree moves to infinity, where nobody finds it; now and then these are dropped.
        outside[:, new], nearest[new] = np.inf, np.inf
        if 2 * (len(X) - len(merges)) < len(names):
            keep = np.isfinite(outside[0])
            outside, names, nearest = outside[:, keep], names[keep], nearest[keep]
        difference = outside - point
        np.minimum(nearest, np.einsum("ij,ij->j", difference, difference), out=nearest)
        new = int(nearest.argmin())
        merges.append((name, names[new], nearest[new]))
    return np.array(merges)


def closest_pairs(D: np.ndarray, method: str) -> np.ndarray:
    """Merges as the algorithm is written: the two nearest clusters at each step; D (n, n) is used up.

    Right for every linkage. Each row remembers its minimum, so a step costs O(n) and a search of the few rows
    whose neighbour was merged. Ties: the first pair in reading order of the matrix.

    Args:
        D: (n, n), dissimilarities, symmetric.
        method: of METHODS.
    """
    n = len(D)
    np.fill_diagonal(D, np.inf)
    size, merges = np.ones(n), []
    neighbour = D.argmin(axis=1)
    nearest = D[np.arange(n), neighbour]
    for _ in range(n - 1):
        a = int(nearest.argmin())
        a, b = sorted((a, int(neighbour[a])))
        merges.append((a, b, D[a, b]))
        D[b] = lance_williams(method, D[a], D[b], D[a, b], size[a], size[b], size)
        D[b, [a, b]] = np.inf
        D[:, b] = D[b]
        D[a] = D[:, a] = nearest[a] = np.inf
        size[b] += size[a]
        closer = D[b] < nearest
        neighbour[closer], nearest[closer] = b, D[b][closer]
        stale = np.isfinite(nearest) & ((neighbour == a) | (neighbour == b)) & ~closer
        stale[b] = True
        neighbour[stale] = D[stale].argmin(axis=1)
        nearest[stale] = D[stale, neighbour[stale]]
    return np.array(merges)


def linkage(X: ArrayLike, method: str) -> np.ndarray:
    """Merge tree of the rows of X (n, p), n >= 2, in SciPy's format, so SciPy's dendrogram draws it.

    X may also be the n(n-1)/2 distances of all pairs, as SciPy's pdist and squareform write them; centroid
    and Ward linkage take them for Euclidean.

    Returns Z (n - 1, 4): row i merges clusters Z[i, 0] < Z[i, 1] at height Z[i, 2] (units of X) into cluster
    n + i, which has Z[i, 3] points. Rows are sorted by height, equal heights in the order they were found;
    centroid linkage keeps the order of merging, so an inversion shows as a height below the one before.
    Every merge joins two clusters at the smallest dissimilarity of that moment, with ties as well (each
    of the three functions above documents its order). Memory: 8 n^2 bytes (single: some copies of X). Raises
    ValueError for an unknown method, NaN or one point, MemoryError beyond 20 000 points (single: never).
    Warns of a square matrix of distances, which would be taken for the coordinates of points.
    """
    if method not in METHODS:
        raise ValueError(f"unknown linkage {method!r}; choose one of {', '.join(METHODS)}")
    X = check_array(X, dtype=np.float64, ensure_all_finite=False, ensure_2d=False)
    pairs = X.ndim == 1  # the distances of all pairs
    X = finite(X if pairs else check_array(X, ensure_all_finite=False, ensure_min_samples=2))
    if not pairs and len(X) == X.shape[1] and not X.diagonal().any() and (X >= 0).all() and (X == X.T).all():
        warnings.warn(
            "X looks like a matrix of distances and is taken for points: if it is one, hand over "
            "scipy.spatial.distance.squareform(X)",
            stacklevel=2,
        )
    if pairs and (X < 0).any():
        raise ValueError("a distance in X is negative: distances of pairs are 0 or more")
    # In units of a power of two, which change no digit, no square is too large or too small for a float.
    unit = power_of_two(X if pairs else np.ptp(X, axis=0))
    D = squareform(X / unit, checks=False) if pairs else None
    n = len(X if D is None else D)
    if n > MAX_POINTS and (method != "single" or pairs):
        raise MemoryError(
            f"{method} linkage of {n} points would take {8e-9 * n**2:.1f} GB for the distances of all pairs; "
            f"take a sample of at most {MAX_POINTS} points, K-means, or single linkage, which needs no matrix"
        )
    if method == "single" and not pairs:
        merges = minimum_spanning_tree(X / unit)
    else:
        D = squared_distances(X / unit) if D is None else np.square(D, out=D)
        if method == "centroid":
            merges = closest_pairs(D, method)
        else:
            merges = nearest_neighbour_chain(np.sqrt(D, out=D) if method == "average" else D, method)
    heights = unit * (merges[:, 2] if method == "average" else np.sqrt(np.maximum(merges[:, 2], 0)))
    # A stable sort: a cluster is always found before the one it goes into, also at equal heights.
    order = np.arange(n - 1) if method == "centroid" else np.argsort(heights, kind="stable")
    return _numbered(merges[order, :2].astype(int).tolist(), heights[order].tolist(), n)


def _numbered(pairs, heights, n):
    """Z from merges that name each cluster by one of its points: points to cluster numbers by union-find."""
    parent, size, Z = list(range(2 * n - 1)), [1] * (2 * n - 1), []
    for i, (pair, height) in enumerate(zip(pairs, heights, strict=True)):
        roots = []
        for cluster in pair:
            while parent[cluster] != cluster:
                parent[cluster] = cluster = parent[parent[cluster]]
            roots.append(cluster)
            parent[cluster] = n + i
        size[n + i] = size[roots[0]] + size[roots[1]]
        Z.append((min(roots), max(roots), height, size[n + i]))
    return np.array(Z, dtype=np.float64)


def cut(Z: ArrayLike, n_clusters: int) -> np.ndarray:
    """Labels (n,) of the clusters left after the first n - n_clusters merges of a tree.

    Labels count from 0 in the order in which the clusters first appear among the points.

    Args:
        Z: (n - 1, 4), the merges, as `linkage` gives them.
        n_clusters: how many clusters, 1 to n.

    Raises:
        ValueError: Z is no merge tree, or n_clusters is impossible.
    """
    Z = np.asarray(Z)
    n = len(Z) + 1
    if not isinstance(n_clusters, Integral) or isinstance(n_clusters, bool):
        raise ValueError(f"n_clusters must be a whole number, got {n_clusters!r}")
    if n > 1:
        is_valid_linkage(np.asarray(Z, dtype=np.float64), throw=True, name="Z")
        if not np.array_equal(np.sort(Z[:, :2], axis=None), np.arange(2 * n - 2)):
            raise ValueError("Z is no merge tree: each point and each cluster but the last is merged once")
    if not 1 <= n_clusters <= n:
        raise ValueError(f"n_clusters={n_clusters} is impossible: {n} points make 1 to {n} clusters")
    root = np.arange(2 * n - 1)
    for i in range(n - n_clusters - 1, -1, -1):  # from the last merge made down: children take their root
        root[Z[i, :2].astype(int)] = root[n + i]
    _, first, label = np.unique(root[:n], return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[label]


def finite(X: np.ndarray) -> np.ndarray:
    """X itself, or a ValueError that says NaN in one sentence."""
    with np.errstate(all="ignore"):
        total = X.sum()
    if not np.isfinite(total):
        raise ValueError("X contains NaN or inf (or overflows); drop or fill those rows first")
    return X


def power_of_two(X: np.ndarray) -> float:
    """The power of two just below the largest size in X, 1 where all is 0; dividing by it rounds nothing."""
    largest = float(np.abs(X).max())
    return float(2.0 ** np.floor(np.log2(largest))) if largest > 0 else 1.0


class AgglomerativeClustering(ClusterMixin, BaseEstimator):
    """The cut through a merge tree that leaves so many clusters.

    Unlike scikit-learn's there is no connectivity, no cut at a distance and no other metric than the
    Euclidean one; the function `linkage` takes distances of pairs of any kind.

    >>> AgglomerativeClustering(2).fit([[0.0], [0.1], [5.0]]).labels_
    array([0, 0, 1])

    Args:
        n_clusters: how many to leave.
        linkage: of METHODS.

    Learned: labels_ (n,), from 0 in order of first appearance; linkage_matrix_ (n - 1, 4), see `linkage`.
    """

    def __init__(self, n_clusters: int = 2, *, linkage: str = "complete"):
        self.n_clusters = n_clusters
        self.linkage = linkage

    def fit(self, X: ArrayLike, y: Any = None) -> "AgglomerativeClustering":
        """Cluster the rows of X (n, p), n >= 2; y is ignored. Errors as in `linkage` and `cut`."""
        X = validate_data(self, X, dtype=np.float64, ensure_all_finite=False, ensure_min_samples=2)
        self.linkage_matrix_ = linkage(X, self.linkage)
        self.labels_ = cut(self.linkage_matrix_, self.n_clusters)
        return self
