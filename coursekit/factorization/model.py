"""Non-negative matrix factorisation: a table as a sum of parts that are added and never subtracted.

Each row of X is built from k non-negative parts (the rows of H) in non-negative amounts (its row of W). Where
PCA may add a part and subtract another to repair it, here nothing cancels, so the parts tend to be things one
can name. Entries that are missing are left out of every sum; the product W H then fills them in, and that is
collaborative filtering: rows with similar amounts vouch for each other.

    minimise over W >= 0, H >= 0:   D(X | W H), summed over the observed entries

    X (n, p)   the table, no entry below 0, NaN where missing     H (k, p)   parts, `components_`
    W (n, k)   amounts, `W_`                                      D          see updates.py: two losses

The problem is convex in W alone and in H alone, not in both: another start may end in another answer.

Source: Lee & Seung (1999), Learning the parts of objects by non-negative matrix factorization, Nature 401;
Boutsidis & Gallopoulos (2008) for the start "nndsvda". Notebook: 04_nmf_ratings.
"""

import warnings
from numbers import Integral, Real
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_array, check_is_fitted, check_non_negative, validate_data

from coursekit.factorization import updates

LOSSES = {"frobenius": updates.half_squared_error, "kullback-leibler": updates.kullback_leibler}
STEPS = {
    ("frobenius", "mu"): updates.frobenius_step,
    ("frobenius", "hals"): updates.hals_step,
    ("kullback-leibler", "mu"): updates.kullback_leibler_step,
}
INITS = ("random", "nndsvda")
PATIENCE = 10  # iterations over which the objective must still fall
SPARSE_BELOW = 0.1  # share of observed entries below which only these are computed


def random_start(
    X: Any, n_components: int, random_state: int | np.random.RandomState | None = None
) -> tuple[NDArray, NDArray]:
    """W (n, k) and H (k, p): |normal| entries whose product has about the mean of X (n, p), NaN left out.

    Args:
        X: (n, p).
        n_components: k.
        random_state: None, int or RandomState.
    """
    rng = check_random_state(random_state)
    size = np.sqrt(np.nanmean(X) / n_components)
    H = np.abs(size * rng.standard_normal((n_components, X.shape[1])))
    W = np.abs(size * rng.standard_normal((X.shape[0], n_components)))
    return W.astype(X.dtype, copy=False), H.astype(X.dtype, copy=False)


def nndsvda_start(X: Any, n_components: int) -> tuple[NDArray, NDArray]:
    """W (n, k) and H (k, p) from the singular vectors of X (n, p): of each pair the heavier sign.

    Zeros become the mean of X, because a multiplicative step never leaves a zero. Nothing is random here.
    Boutsidis & Gallopoulos 2008, algorithm 1.

    Args:
        X: (n, p), no value missing.
        n_components: k.
    """
    U, S, Vt = np.linalg.svd(X, full_matrices=False)
    W, H = np.zeros((len(X), n_components), X.dtype), np.zeros((n_components, X.shape[1]), X.dtype)
    for j in range(n_components):
        sides = [(np.maximum(s * U[:, j], 0), np.maximum(s * Vt[j], 0)) for s in (1, -1)]
        weights = [np.linalg.norm(u) * np.linalg.norm(v) for u, v in sides]
        (u, v), weight = sides[int(np.argmax(weights))], max(weights)
        if S[j] * weight > 0:
            W[:, j] = np.sqrt(S[j] * weight) * u / np.linalg.norm(u)
            H[j] = np.sqrt(S[j] * weight) * v / np.linalg.norm(v)
    return np.where(W == 0, X.mean(), W), np.where(H == 0, X.mean(), H)


class NMF(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Factors of a table X (n, p) without negative entries; NaN is missing, 0 is a zero.

    Args:
        n_components: k, how many parts; it may exceed n or p.
        loss: "frobenius", half the squared error, or "kullback-leibler", for counts.
        solver: "mu", multiplicative updates, or "hals", exact column by column and many times fewer steps
            (squared error only).
        init: "random", or "nndsvda" from the singular vectors (nothing may be missing then).
        max_iter: steps at most; a step updates W, then H.
        tol: stop when ten steps took less than tol times the first objective off it; 0 makes all steps.
        random_state: seed of the random start.

    Learned by `fit`, in the precision of X (float32 or float64):
        components_ (k, p): the parts, H.
        W_ (n, k): the amounts, as `fit_transform` returns them.
        objective_: the loss before the first step and after each one, so n_iter_ + 1 numbers.
        reconstruction_err_: sqrt(2 objective), as in scikit-learn; for "frobenius" the norm of the residual.
        n_iter_, n_features_in_: steps made, and p.

    Raises:
        ValueError: for a negative entry, an infinite one, or a row or column without an observed entry.

    >>> X = np.outer([1.0, 2, 3], [2.0, 0, 1]); X[0, 0] = np.nan
    >>> NMF(1, max_iter=50, random_state=0).fit(X).reconstruct()[0].round(3).tolist()
    [2.0, 0.0, 1.0]
    """

    def __init__(
        self,
        n_components: int,
        *,
        loss: Literal["frobenius", "kullback-leibler"] = "frobenius",
        solver: Literal["mu", "hals"] = "mu",
        init: Literal["random", "nndsvda"] = "random",
        max_iter: int = 200,
        tol: float = 1e-4,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.n_components = n_components
        self.loss = loss
        self.solver = solver
        self.init = init
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Learn parts and amounts of X (n, p); y is ignored."""
        self.fit_transform(X)
        return self

    def fit_transform(
        self, X: ArrayLike, y: Any = None, *, W: ArrayLike | None = None, H: ArrayLike | None = None
    ) -> NDArray:
        """Learn from X (n, p) and return the amounts W (n, k).

        Args:
            X: the table, (n, p), no entry below 0, NaN where missing.
            y: ignored.
            W: amounts to start from, (n, k); drawn as `init` says if None.
            H: parts to start from, (k, p); drawn as `init` says if None.
        """
        self._check_settings()
        X = self._checked(X, reset=True)
        missing = np.isnan(X)
        for axis, name in ((1, "row"), (0, "column")):
            if np.any(empty := missing.all(axis=axis)):
                raise ValueError(f"{name} {int(np.argmax(empty))} of X has no observed entry; leave it out")
        W, H = self._start(X, W, H)
        step, loss = STEPS[self.loss, self.solver], LOSSES[self.loss]
        table = _table(X, missing)
        turned = tuple(None if part is None else _transposed(part) for part in table)
        X, observed = table
        self.objective_ = [loss(X, W, H, observed)]
        for _ in range(self.max_iter):
            W = step(X, W, H, observed)
            H = step(turned[0], H.T, W.T, turned[1]).T
            self.objective_.append(loss(X, W, H, observed))
            if self._has_settled():
                break
        else:
            if self.tol > 0:
                warnings.warn(
                    f"NMF still improves after max_iter={self.max_iter} steps",
                    ConvergenceWarning,
                    stacklevel=2,
                )
        self.n_iter_ = len(self.objective_) - 1
        self.W_, self.components_ = W, np.ascontiguousarray(H)
        self.reconstruction_err_ = float(np.sqrt(2 * max(self.objective_[-1], 0)))
        return W

    def transform(self, X: ArrayLike) -> NDArray:
        """Amounts (m, k) of new rows X (m, p), parts held; each row by itself, in max_iter steps.

        A row with missing entries is placed by those it has; a row without any gets zeros.
        """
        check_is_fitted(self)
        X = self._checked(X, reset=False)
        missing, H = np.isnan(X), self.components_
        counts = np.maximum((~missing).sum(axis=1, keepdims=True), 1)
        means = np.where(missing, 0, X).sum(axis=1, keepdims=True) / counts
        W = np.repeat(means / max(H.sum(axis=0).mean(), updates.EPSILON), len(H), axis=1).astype(X.dtype)
        X, observed = _table(X, missing)
        for _ in range(self.max_iter):
            W = STEPS[self.loss, self.solver](X, W, H, observed)
        return W

    def inverse_transform(self, W: ArrayLike) -> NDArray:
        """The rows (m, p) that have the amounts W (m, k)."""
        check_is_fitted(self)
        W = check_array(W, dtype=[np.float64, np.float32])
        if W.shape[1] != len(self.components_):
            raise ValueError(f"W must have {len(self.components_)} columns, got {W.shape[1]}")
        return W @ self.components_

    def reconstruct(self) -> NDArray:
        """W H (n, p) for the table that was fitted; where that was missing, this is the prediction."""
        check_is_fitted(self)
        return self.W_ @ self.components_

    def _check_settings(self):
        for name, lowest in (("n_components", 1), ("max_iter", 1)):
            value = getattr(self, name)
            if not isinstance(value, Integral) or isinstance(value, bool) or value < lowest:
                raise ValueError(f"{name} must be a positive integer, got {value!r}")
        if not isinstance(self.tol, Real) or not 0 <= self.tol < np.inf:
            raise ValueError(f"tol must be a number of at least 0, got {self.tol!r}")
        for name, choices in (("loss", LOSSES), ("solver", ("mu", "hals")), ("init", INITS)):
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"unknown {name} {getattr(self, name)!r}; choose one of {', '.join(choices)}"
                )
        if (self.loss, self.solver) not in STEPS:
            raise ValueError("solver 'hals' minimises the squared error only; take solver='mu'")

    def _checked(self, X, *, reset):
        X = validate_data(self, X, dtype=[np.float64, np.float32], ensure_all_finite="allow-nan", reset=reset)
        check_non_negative(X, "NMF")
        return X

    def _start(self, X, W, H):
        shapes = {"W": (len(X), self.n_components), "H": (self.n_components, X.shape[1])}
        given = {"W": W, "H": H}
        if W is not None and H is not None:
            drawn = {}
        elif self.init == "random":
            drawn = dict(zip("WH", random_start(X, self.n_components, self.random_state), strict=True))
        elif np.isnan(X).any():
            raise ValueError("init 'nndsvda' needs a table without missing entries; take init='random'")
        elif self.n_components > min(X.shape):
            raise ValueError(f"init 'nndsvda' has only min(n, p) = {min(X.shape)} singular vectors")
        else:
            drawn = dict(zip("WH", nndsvda_start(X, self.n_components), strict=True))
        for name, start in given.items():
            if start is not None:
                drawn[name] = check_array(start, dtype=X.dtype, copy=True)
                check_non_negative(drawn[name], f"NMF as {name}")
                if drawn[name].shape != shapes[name]:
                    raise ValueError(f"{name} must have shape {shapes[name]}, got {drawn[name].shape}")
        return drawn["W"], drawn["H"]

    def _has_settled(self):
        history = self.objective_
        if self.tol == 0 or len(history) <= PATIENCE:
            return False
        return history[-1 - PATIENCE] - history[-1] <= self.tol * history[0]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.positive_only = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _table(X, missing):
    """X with 0 where missing, and which entries are observed: None for all, sparse where they are few."""
    if not missing.any():
        return X, None
    observed, filled = (~missing).astype(X.dtype), np.where(missing, 0, X)
    if observed.mean() >= SPARSE_BELOW:
        return filled, observed
    places = sparse.csr_array(observed)
    rows = np.repeat(np.arange(len(X)), np.diff(places.indptr))
    values = filled[rows, places.indices]  # a rating of 0 stays a stored entry
    return sparse.csr_array((values, places.indices, places.indptr), shape=X.shape), places


def _transposed(table):
    return table.T.tocsr() if sparse.issparse(table) else table.T
