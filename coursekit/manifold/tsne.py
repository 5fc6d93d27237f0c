"""t-SNE: draw points so that the same ones look like neighbours, and let distances go.

Turn the distances from point i into probabilities of picking a neighbour: a Gaussian whose width is chosen
so that the choice is as open as one among `perplexity` equally likely points. On the map neighbours are
picked by a Student t distribution, whose heavy tail leaves room: points at a moderate distance in many
dimensions may sit far apart in two. The map minimises the divergence between the two.

    p_{j|i} ~ exp(-beta_i d_ij^2),  entropy of row i = log perplexity      P = (p_{j|i} + p_{i|j}) / (2 n)
    w_ij = 1 / (1 + |y_i - y_j|^2), w_ii = 0                               Q = w / sum of all w
    minimise KL(P || Q) = sum p_ij log(p_ij / q_ij)                        over Y (n, 2)
    gradient   dKL/dy_i = 4 sum_j (p_ij - q_ij) w_ij (y_i - y_j)

For the first steps P is multiplied by `early_exaggeration`: clusters tighten and find their places.

Source: van der Maaten & Hinton (2008), Visualizing data using t-SNE, equations 1, 4 and 5, and their
appendix for the gradient; early exaggeration in section 3.4. Notebook: 03_manifold_learning.
"""

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import validate_data

from coursekit.inputs import real_number
from coursekit.manifold.distances import check_n_components
from coursekit.manifold.graphs import squared_distances

EXAGGERATED_STEPS = 250  # of max_iter, as in the authors' code
TINY = np.finfo(np.float64).tiny


def conditional_probabilities(D2: ArrayLike, perplexity: float) -> np.ndarray:
    """p_{j|i} in row i (n, n), each row with entropy log(perplexity) in nats, found by bisection over beta_i.

    Args:
        D2: squared distances, (n, n).
        perplexity: from 1 to n - 1. More duplicates of a point than this keep its row's entropy higher.
    """
    D2 = np.array(D2, dtype=np.float64)
    n = len(D2)
    real_number(perplexity, "perplexity", low=1, high=n - 1)
    np.fill_diagonal(D2, np.inf)
    D2 -= D2.min(axis=1, keepdims=True)  # the largest exponent is 0; a constant factor cancels in each row
    np.fill_diagonal(D2, 0)
    others = ~np.eye(n, dtype=bool)
    low, high = np.zeros((n, 1)), np.full((n, 1), np.inf)
    beta = 1 / np.maximum(D2.sum(axis=1, keepdims=True) / (n - 1), TINY)
    goal = np.log(perplexity)
    for _ in range(100):
        P = np.exp(-beta * D2) * others
        total = P.sum(axis=1, keepdims=True)
        # H = -sum p log p with log p = -beta d^2 - log total
        entropy = np.log(total) + beta * (P * D2).sum(axis=1, keepdims=True) / total
        if np.abs(entropy - goal).max() < 1e-13:
            break
        open_ = entropy > goal  # too open: narrow the Gaussian
        low, high = np.where(open_, beta, low), np.where(open_, high, beta)
        beta = np.where(np.isinf(high), np.minimum(2 * beta, 1e200), (low + high) / 2)
    return P / total


def joint_probabilities(D2: ArrayLike, perplexity: float) -> np.ndarray:
    """P (n, n), symmetric, adding to 1: the mean of p_{j|i} and p_{i|j}, divided by n.

    Args:
        D2: (n, n), squared distances.
        perplexity: as in `TSNE`.
    """
    conditional = conditional_probabilities(D2, perplexity)
    return (conditional + conditional.T) / (2 * len(conditional))


def kl_and_gradient(P: np.ndarray, Y: np.ndarray) -> tuple[float, np.ndarray]:
    """KL(P || Q) in nats for the map Y (n, k), and its gradient (n, k).

    Args:
        P: joint probabilities, (n, n), zero on the diagonal.
        Y: places on the map, (n, k).
    """
    W = _student_weights(Y)
    Q = W / W.sum()
    used = P > 0
    kl = np.sum(P[used] * np.log(P[used] / np.maximum(Q[used], TINY)))
    return float(kl), _gradient(P, Y, W, Q)


def _student_weights(Y):
    lengths = np.sum(Y**2, axis=1)
    # Coordinates on a map are small and centred, so here the quick form is accurate enough.
    W = Y @ (-2 * Y.T)
    W += lengths
    W += lengths[:, None]
    np.maximum(W, 0, out=W)
    W += 1
    np.reciprocal(W, out=W)
    np.fill_diagonal(W, 0)
    return W


def _gradient(P, Y, W, Q):
    pull = P - Q
    pull *= W
    return 4 * (pull.sum(axis=1)[:, None] * Y - pull @ Y)


class TSNE(BaseEstimator):
    """t-distributed stochastic neighbour embedding, exact: a step takes time n^2, so n up to a few thousand.

    Args:
        n_components: k, the dimensions of the map.
        perplexity: about how many neighbours a point has; from 1 to n - 1.
        early_exaggeration: factor on P during the first 250 steps; 4 as in the paper, scikit-learn takes 12.
        learning_rate: of gradient descent with momentum and gains; "auto" is n / early_exaggeration / 4, or
            50 if that is more. (This gradient carries its factor 4; for an implementation that drops it
            multiply by 4.)
        max_iter: steps in all.
        init: "pca" (scores, shrunk to a spread of 1e-4), "random" (as small), or an array (n, k).
        random_state: seed, for init="random".

    Attributes:
        embedding_: the map (n, k), centred.
        kl_divergence_: KL(P || Q) at the end, in nats, without exaggeration.
        history_: KL(P || Q) after every 25 steps, and after the last.
        n_iter_: steps taken.

    >>> X = np.random.default_rng(0).normal(size=(40, 5))
    >>> model = TSNE(perplexity=5, max_iter=300).fit(X)
    >>> model.embedding_.shape, model.kl_divergence_ > 0
    ((40, 2), True)
    """

    def __init__(
        self,
        n_components: int = 2,
        *,
        perplexity: float = 30.0,
        early_exaggeration: float = 4.0,
        learning_rate: float | str = "auto",
        max_iter: int = 1000,
        init: str | ArrayLike = "pca",
        random_state: int | np.random.RandomState | None = None,
    ):
        self.n_components = n_components
        self.perplexity = perplexity
        self.early_exaggeration = early_exaggeration
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.init = init
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: Any = None) -> "TSNE":
        """Learn the map of the points X (n, p); y is ignored.

        Raises:
            ValueError: an argument is out of range for n points.
        """
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        n = len(X)
        self._check(n)
        P = joint_probabilities(squared_distances(X), self.perplexity)
        Y = self._start(X)
        rate = self.learning_rate
        if rate == "auto":
            rate = max(n / self.early_exaggeration / 4, 50.0)
        speed, gains, self.history_ = np.zeros_like(Y), np.ones_like(Y), []
        for step in range(1, self.max_iter + 1):
            early = step <= EXAGGERATED_STEPS
            W = _student_weights(Y)
            gradient = _gradient(self.early_exaggeration * P if early else P, Y, W, W / W.sum())
            # A coordinate that keeps its direction gets faster, one that turns round slower (Jacobs 1988).
            gains = np.where(speed * gradient < 0, gains + 0.2, gains * 0.8).clip(min=0.01)
            speed = (0.5 if early else 0.8) * speed - rate * gains * gradient
            Y = Y + speed
            if step % 25 == 0 or step == self.max_iter:
                self.history_.append(kl_and_gradient(P, Y)[0])
        self.embedding_ = Y - Y.mean(axis=0)
        self.kl_divergence_, self.n_iter_ = self.history_[-1], self.max_iter
        return self

    def fit_transform(self, X: ArrayLike, y: Any = None) -> np.ndarray:
        """The map (n, k) of X."""
        return self.fit(X).embedding_

    def _check(self, n):
        check_n_components(self.n_components, n)
        if not isinstance(self.perplexity, Real) or not 1 <= self.perplexity <= n - 1:
            raise ValueError(
                f"perplexity={self.perplexity!r} must be a number from 1 to n - 1 = {n - 1}:"
                f" among n_samples = {n} a point has no more neighbours"
            )
        whole = isinstance(self.max_iter, Integral) and not isinstance(self.max_iter, bool)
        if not whole or self.max_iter < 1:
            raise ValueError(f"max_iter={self.max_iter!r} must be a positive whole number")
        if not isinstance(self.early_exaggeration, Real) or not self.early_exaggeration >= 1:
            raise ValueError(f"early_exaggeration={self.early_exaggeration!r} must be 1 or more")
        rate = self.learning_rate
        if rate != "auto" and (not isinstance(rate, Real) or not 0 < rate < np.inf):
            raise ValueError(f"learning_rate={rate!r} must be a positive number, or 'auto'")

    def _start(self, X):
        shape = (len(X), self.n_components)
        if isinstance(self.init, str) and self.init == "random":
            return check_random_state(self.random_state).normal(scale=1e-4, size=shape)
        if isinstance(self.init, str) and self.init == "pca":
            U, lengths, _ = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
            scores = np.zeros(shape)
            scores[:, : len(lengths)] = (U * lengths)[:, : self.n_components]
            # One free sign a column, settled so that two computers draw the same map.
            scores *= np.where(scores[np.abs(scores).argmax(axis=0), range(shape[1])] < 0, -1.0, 1.0)
            spread = scores[:, 0].std()
            return scores / spread * 1e-4 if spread > 0 else scores
        if isinstance(self.init, str):
            raise ValueError(f"unknown init {self.init!r}; choose 'pca', 'random' or an array")
        start = np.array(self.init, dtype=np.float64)
        if start.shape != shape:
            raise ValueError(f"init must have the shape {shape}, got {start.shape}")
        return start
