"""K-means, K = 10: CPU seconds beside scikit-learn's Lloyd, from the same ten random points, to the same end.

scikit-learn with one start and tol = 0, so that both make the same iterations; objectives are compared.
"""

import warnings

import numpy as np
import sklearn.cluster
from sklearn.exceptions import ConvergenceWarning

from benchmarks.harness import OURS, Skipped, mnist, take_turns
from coursekit import data
from coursekit.clustering import KMeans


def fits(bench, what, X, max_iter, *, n_turns, target=None):
    """Rows of one data set: seconds of at most max_iter iterations, and the gap of the objectives."""
    limit = f"{max_iter} iterations" if max_iter < 1000 else "to the end"
    row = bench.row(f"{what}, {X.dtype}, {limit}", "s", "lower", target=target, against="ratio")
    gap = bench.row(f"{what}, {X.dtype}, {limit}: relative difference of the objectives", "", None)
    for seed in bench.seeds:
        start = X[np.random.default_rng(seed).choice(len(X), 10, replace=False)]
        options = {"init": start, "max_iter": max_iter}
        ours = KMeans(10, **options)
        peer = sklearn.cluster.KMeans(10, n_init=1, tol=0, algorithm="lloyd", **options)
        works = {OURS: lambda m=ours: m.fit(X), "scikit-learn": lambda m=peer: m.fit(X)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            for who, seconds in take_turns(works, n_turns=n_turns).items():
                row.add(who, seed, seconds)
        gap.add(OURS, seed, abs(ours.inertia_ / peer.inertia_ - 1))


def digits(bench):
    "The 8 x 8 digits; the smallest of thirty turns, since a fit takes milliseconds."
    fits(bench, "digits, 1797 x 64", data.digits().x, 1000, n_turns=2 if bench.quick else 30, target=1.0)


def large(bench):
    "MNIST in [0, 1]; the smaller of two turns."
    if bench.quick:
        raise Skipped("--quick takes digits and toys only")
    X = mnist().x.astype(np.float64) / 255
    fits(bench, "MNIST, 60000 x 784", X, 20, n_turns=2, target=1.0)
    fits(bench, "MNIST, 60000 x 784", X.astype(np.float32), 20, n_turns=2, target=1.0)
    fits(bench, "MNIST, 60000 x 784", X, 1000, n_turns=1, target=1.0)


PARTS = {"digits": digits, "mnist": large}
