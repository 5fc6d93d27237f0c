"""K-means: K centres such that the points lie as near as possible to the centre of their own cluster.

Two half steps alternate. With the clusters fixed, the best centre of each is its mean; with the centres
fixed, the best cluster of each point is that of the nearest centre. Neither can raise the objective, there
are finitely many partitions, so it ends: in a local optimum, which depends on the start.

    minimise over labels and centres   sum_i |x_i - m_{c(i)}|^2
    and, with every centre a mean,     1/|C| sum_{i, j in C} |x_i - x_j|^2  =  2 sum_{i in C} |x_i - m_C|^2

    X (n, p)   data                 c(i)  labels_ (n,), 0..K-1       m_k  cluster_centers_ (K, p)
    C          one cluster, its |C| points; the left side counts ordered pairs, as in the textbook's (10.10)

Source: James, Witten, Hastie, Tibshirani, An Introduction to Statistical Learning, Algorithm 10.1 and
(10.9)-(10.12); Lloyd 1982; Arthur & Vassilvitskii 2007 (k-means++); Hamerly 2010 (points that need no look).
Agglomerative clustering, the lecture's other half, is in agglomerative.py. Notebook: 02_clustering.
"""

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from coursekit.clustering.agglomerative import finite, power_of_two

INITS = ("random_partition", "k-means++")
BLOCK = 1024  # rows at a time: they stay in the cache, and no table of all points and clusters is needed


def nearest_center(X: np.ndarray, norms: np.ndarray, centers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Label of the nearest centre (the lowest at a tie), and by how much it is nearer than the second.

    Returns labels (n,) and leads (n,), these in units of X and infinite if K = 1.

    Args:
        X: (n, p), the points.
        norms: (n,), |x|^2 of each.
        centers: (K, p).
    """
    # |x - m|^2 = |x|^2 - 2 (x m - |m|^2 / 2), so the nearest centre has the largest x m - |m|^2 / 2.
    half_squares = 0.5 * (centers**2).sum(axis=1)[:, None]
    # (K, n): maxima over long rows are quick.
    scores = np.subtract((X @ centers.T).T, half_squares, order="C")
    points, labels = np.arange(len(X)), scores.argmax(axis=0)
    first = scores[labels, points]
    scores[labels, points] = -np.inf
    squares = norms - 2 * np.array([first, scores.max(axis=0)])
    first, second = np.sqrt(np.maximum(squares, 0))
    return labels, second - first


def random_partition(n: int, n_clusters: int, rng: np.random.RandomState) -> np.ndarray:
    """A random label for each of n points; K of them, drawn at random, see to it that none is left out.

    Args:
        n: number of points.
        n_clusters: K.
        rng: a RandomState.
    """
    labels = rng.randint(n_clusters, size=n).astype(np.int32)
    labels[rng.permutation(n)[:n_clusters]] = np.arange(n_clusters)
    return labels


def k_means_plus_plus(X: np.ndarray, n_clusters: int, rng: np.random.RandomState) -> np.ndarray:
    """K rows of X (n, p) as centres: each drawn with probability proportional to D(x)^2.

    D(x) is the distance to the nearest centre drawn so far. Arthur & Vassilvitskii 2007, section 2.2.

    Args:
        X: (n, p), the points.
        n_clusters: K.
        rng: a RandomState.
    """
    norms = np.einsum("ij,ij->i", X, X)
    centers, nearest = [X[rng.randint(len(X))]], np.inf
    for _ in range(n_clusters - 1):
        distances = norms - 2 * (X @ centers[-1]) + centers[-1] @ centers[-1]
        nearest = np.minimum(nearest, np.maximum(distances, 0)).astype(np.float64)
        total = nearest.sum()
        chance = nearest / total if total > 0 else None  # only copies of the centres are left: draw any
        centers.append(X[rng.choice(len(X), p=chance)])
    return np.array(centers, dtype=np.float64)


class _Clusters:
    """The points, their labels and leads, and of each cluster the number and the sum of its points.

    Two things make the half steps quick and leave their result as it is: a point that is nearer to its centre
    by more than the centres have moved needs no look, and only points that change cluster move the sums.
    """

    def __init__(self, X, n_clusters):
        self.X, self.labels, self.centers = X, None, None
        self.counts, self.sums = np.zeros(n_clusters), np.zeros((n_clusters, X.shape[1]))
        self.norms = np.einsum("ij,ij->i", X, X)
        self.total = float(
            sum(np.square(X[i : i + BLOCK], dtype=float).sum() for i in range(0, len(X), BLOCK))
        )
        self.leads = np.zeros(len(X))
        self.rounding = np.sqrt(8 * np.finfo(X.dtype).eps * self.norms.max())  # of a distance, at the worst

    def assign(self, centers):
        """Move each point to its nearest centre; centers (K, p) -> the number of points that moved."""
        n = len(self.X)
        if self.centers is not None:
            moved = np.sqrt(((centers - self.centers) ** 2).sum(axis=1))
            self.leads -= moved[self.labels] + moved.max()
        look = np.flatnonzero(self.leads <= 0)
        if len(look) > 0.7 * n:  # reading on is faster than picking rows
            look = np.arange(n)
        labels = np.empty(n, dtype=np.int32) if self.labels is None else self.labels.copy()
        near = centers.astype(self.X.dtype)
        for start in range(0, len(look), BLOCK):
            rows = slice(start, start + BLOCK) if len(look) == n else look[start : start + BLOCK]
            labels[rows], self.leads[rows] = nearest_center(self.X[rows], self.norms[rows], near)
            self.leads[rows] -= self.rounding
        self.centers = centers
        return self.relabel(labels)

    def relabel(self, labels):
        """Take over new labels (n,) and return how many changed."""
        old = self.labels
        changed = np.arange(len(labels)) if old is None else np.flatnonzero(labels != old)
        for start in range(0, len(changed), BLOCK):
            rows = changed[start : start + BLOCK]
            change = np.zeros((len(self.counts), len(rows)))
            change[labels[rows], np.arange(len(rows))] = 1
            if old is not None:
                change[old[rows], np.arange(len(rows))] = -1
            self.counts += change.sum(axis=1)
            self.sums += change @ self.X[rows]
        self.labels = labels
        return len(changed)

    def means(self):
        """The mean of each cluster, (K, p), after empty ones took a point or kept a centre, see KMeans."""
        if not self.counts.all():
            self._fill_empty()
        means = self.sums / np.maximum(self.counts, 1)[:, None]
        return means if self.centers is None else np.where(self.counts[:, None] > 0, means, self.centers)

    def objective(self, centers):
        """Sum of squared distances to centers (K, p), as sum |x|^2 - 2 sum_k S_k m_k + sum_k n_k |m_k|^2.

        Where that cancels more than half of the digits, from the differences themselves.
        """
        if centers is None or self.labels is None:
            return float("nan")
        cross, square = (self.sums * centers).sum(), (self.counts * (centers**2).sum(axis=1)).sum()
        quick = self.total - 2 * cross + square
        if quick > 1e-8 * self.total:
            return float(quick)
        return float(((self.X - centers[self.labels]) ** 2).sum())

    def _fill_empty(self):
        distances = ((self.X - self.centers.astype(self.X.dtype)[self.labels]) ** 2).sum(axis=1)
        for k in np.flatnonzero(self.counts == 0):
            free = np.where(self.counts[self.labels] > 1, distances, 0)
            farthest = free.argmax()
            if free[farthest] <= np.finfo(self.X.dtype).eps * self.total / len(self.X):
                return
            labels = self.labels.copy()
            labels[farthest], self.leads[farthest] = k, 0
            self.relabel(labels)


class KMeans(ClusterMixin, BaseEstimator):
    """K-means by Lloyd's algorithm, Algorithm 10.1.

    Unlike scikit-learn's there are no weights of points and no `transform` to distances.

    >>> KMeans(2, init=[[0.0], [5.0]]).fit([[0.0], [1.0], [6.0]]).cluster_centers_.tolist()
    [[0.5], [6.0]]

    Args:
        n_clusters: K.
        init: "random_partition" (each point gets a random label, each cluster at least one point),
            "k-means++", or the centres themselves, (K, p).
        n_init: starts, of which the best is kept (an array is one start).
        max_iter: iterations at most, an assignment and new centres each; if labels still change then, one
            more assignment fits them to the last centres.
        random_state: None, int or RandomState.

    Learned: labels_ (n,), cluster_centers_ (K, p), inertia_ (the objective, squared units of X), n_iter_
    (iterations made, with the one that finds nothing to change), and history_, the half steps of the best
    start. Each is a dict: step ("assign" or "centroids", what was just done), labels, centers, objective. The
    start is the first: a random partition has no centers yet, given centres no labels: these are None and
    the objective is NaN. Two half steps share their labels and two their centres, so an iteration costs
    4n + 8Kp bytes: 0.3 MB at 60000 x 784 with K = 10, beside 376 MB of data.

    A cluster that loses its last point takes over, in the centroid half step, the point farthest from its own
    (old) centre, never the last of another cluster: the objective falls by at least that squared distance.
    If all points lie on centres (fewer distinct points than K), it stays empty and keeps its centre.
    """

    def __init__(
        self,
        n_clusters: int,
        *,
        init: str | ArrayLike = "random_partition",
        n_init: int = 1,
        max_iter: int = 300,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: Any = None) -> "KMeans":
        """Cluster the rows of X (n, p), n >= K; y is ignored. float32 stays float32, all else is float64.

        Raises ValueError for NaN, n < K, an unknown init, or an array of another shape than (K, p).
        """
        X = finite(validate_data(self, X, dtype=(np.float64, np.float32), ensure_all_finite=False))
        self._check_choices(*X.shape)
        rng = check_random_state(self.random_state)
        # Far from the origin |x|^2 would swallow the differences between centres.
        # In units of a power of two, which change no digit, squares stay within the range of float32 too.
        mean = X.mean(axis=0, dtype=np.float64).astype(X.dtype)
        X = X - mean
        unit = power_of_two(X)
        X /= X.dtype.type(unit)
        n_runs = self.n_init if isinstance(self.init, str) else 1
        runs = [self._run(X, mean, unit, rng) for _ in range(n_runs)]
        self.history_ = min(runs, key=lambda history: history[-1]["objective"])
        last = self.history_[-1]
        self.labels_, self.cluster_centers_, self.inertia_ = (
            last["labels"],
            last["centers"],
            last["objective"],
        )
        # One assignment for each centroid step, but for the last one when max_iter ran out.
        self.n_iter_ = min(self.max_iter, sum(state["step"] == "centroids" for state in self.history_))
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Label of the nearest centre for each row of X (n, p) -> (n,)."""
        check_is_fitted(self)
        X = finite(
            validate_data(self, X, dtype=(np.float64, np.float32), ensure_all_finite=False, reset=False)
        )
        middle = self.cluster_centers_.mean(axis=0)
        unit = power_of_two(self.cluster_centers_ - middle)
        X, centers = (((a - middle) / unit).astype(X.dtype) for a in (X, self.cluster_centers_))
        return nearest_center(X, np.einsum("ij,ij->i", X, X), centers)[0].astype(np.int32)

    def _run(self, X, mean, unit, rng):
        """The history of one start; X is centred and in units of `unit`, what the history holds is not."""
        clusters, centers, history = _Clusters(X, self.n_clusters), None, []

        def note(step):
            shown = None if centers is None else centers * unit + mean
            objective = clusters.objective(centers) * unit**2
            history.append(dict(step=step, labels=clusters.labels, centers=shown, objective=objective))

        if not isinstance(self.init, str):
            centers = (np.asarray(self.init, dtype=np.float64) - mean) / unit
        elif self.init == "k-means++":
            centers = k_means_plus_plus(X, self.n_clusters, rng)
        else:
            clusters.relabel(random_partition(len(X), self.n_clusters, rng))
            note("assign")
            centers = clusters.means()
        note("centroids")
        for _ in range(self.max_iter):
            changed = clusters.assign(centers)
            note("assign")
            if not changed:
                return history
            centers = clusters.means()
            note("centroids")
        clusters.assign(centers)
        note("assign")
        return history

    def _check_choices(self, n, p):
        for name in ("n_clusters", "n_init", "max_iter"):
            if not isinstance(getattr(self, name), Integral) or getattr(self, name) < 1:
                raise ValueError(f"{name} must be a positive integer, got {getattr(self, name)!r}")
        if n < self.n_clusters:
            raise ValueError(f"n_samples={n} points cannot make n_clusters={self.n_clusters} clusters")
        if isinstance(self.init, str):
            if self.init not in INITS:
                raise ValueError(f"unknown init {self.init!r}; choose one of {', '.join(INITS)}, or an array")
        elif check_array(self.init, dtype=np.float64).shape != (self.n_clusters, p):
            raise ValueError(f"init has shape {np.shape(self.init)}, but must be {(self.n_clusters, p)}")
