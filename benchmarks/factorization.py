"""Non-negative factors of the 8 x 8 digits: HALS beside scikit-learn's coordinate descent, at equal seconds.

Both start from the same factors, drawn with the seed. scikit-learn makes 200 steps; ours makes as many as its
CPU seconds hold. What counts is half the squared error that is left, over scikit-learn's.
"""

import numpy as np
import sklearn.decomposition

from benchmarks.harness import OURS, take_turns
from coursekit import data
from coursekit.factorization import NMF, random_start

RANK = 16


def fit(build, X, W, H, n_steps):
    """A model of n_steps steps, fitted to X (n, p) from the factors W (n, k) and H (k, p)."""
    model = build(max_iter=n_steps, tol=0)
    model.fit_transform(X, W=W.copy(), H=H.copy())
    return model


def ours(**settings):
    return NMF(RANK, solver="hals", **settings)


def theirs(**settings):
    return sklearn.decomposition.NMF(RANK, init="custom", solver="cd", **settings)


def digits(bench):
    "Sixteen parts of 1797 digits; the smallest of three turns."
    X, n_steps = data.digits().x, 20 if bench.quick else 200
    left = bench.row("half the squared error, at equal seconds", "", "lower", moonshot=1.02, against="ratio")
    time = bench.row(f"{n_steps} steps", "s", "lower", against="ratio")
    for seed in bench.seeds:
        W, H = random_start(X, RANK, seed)
        works = {
            OURS: lambda W=W, H=H: fit(ours, X, W, H, n_steps),
            "scikit-learn CD": lambda W=W, H=H: fit(theirs, X, W, H, n_steps),
        }
        seconds = take_turns(works)
        for who, value in seconds.items():
            time.add(who, seed, value)
        affordable = max(1, round(n_steps * seconds["scikit-learn CD"] / seconds[OURS]))
        left.add(OURS, seed, fit(ours, X, W, H, affordable).objective_[-1], steps=affordable)
        other = fit(theirs, X, W, H, n_steps)
        left.add("scikit-learn CD", seed, 0.5 * np.square(other.reconstruction_err_), steps=n_steps)


PARTS = {"digits": digits}
