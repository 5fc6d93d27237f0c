"""Principal component analysis, all components, float64: CPU seconds of one fit beside scikit-learn's.

scikit-learn with its automatic solver, which chooses the covariance's eigenvectors for tall data, and with
the full SVD. Variances are compared too: ours have 1/n, scikit-learn's 1/(n - 1).
"""

import numpy as np
import sklearn.decomposition

from benchmarks.harness import OURS, Skipped, mnist, take_turns
from coursekit import data
from coursekit.pca import PCA


def fits(bench, what, X, *, n_turns, n_calls, target=None):
    """Rows of one data set: seconds of a fit, and the largest relative difference of a variance."""
    n, p = X.shape
    row = bench.row(f"{what}, {n} x {p}: a fit", "s", "lower", target=target, against="ratio")
    gap = bench.row(f"{what}: largest difference of a variance, over the largest", "", None)
    models = {
        OURS: PCA(),
        "scikit-learn, auto": sklearn.decomposition.PCA(),
    }
    if n < 10_000:  # beyond that it takes many times as long, and nobody would
        models["scikit-learn, full SVD"] = sklearn.decomposition.PCA(svd_solver="full")
    for seed in bench.seeds:
        # The seed is the order of the rows: there is no other chance in it.
        shuffled = X[np.random.default_rng(seed).permutation(n)]
        works = {who: lambda m=model, rows=shuffled: m.fit(rows) for who, model in models.items()}
        for who, seconds in take_turns(works, n_turns=n_turns, n_calls=n_calls).items():
            row.add(who, seed, seconds)
        ours, theirs = models[OURS].explained_variance_, models["scikit-learn, auto"].explained_variance_
        gap.add(OURS, seed, np.abs(ours * n / (n - 1) - theirs).max() / theirs[0])


def small(bench):
    "USArrests and the 8 x 8 digits; the smallest of seven turns."
    n_calls = 2 if bench.quick else 200
    fits(bench, "USArrests", data.usarrests().x, n_turns=7, n_calls=n_calls)
    fits(bench, "digits", data.digits().x, n_turns=7, n_calls=max(1, n_calls // 10), target=1.0)


def large(bench):
    "MNIST in [0, 1]; the smallest of three turns."
    if bench.quick:
        raise Skipped("--quick takes digits and toys only")
    fits(bench, "MNIST", mnist().x.astype(np.float64) / 255, n_turns=3, n_calls=1, target=1.0)


PARTS = {"small": small, "mnist": large}
