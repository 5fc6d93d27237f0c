"""Agglomerative clustering: CPU seconds of a whole linkage beside SciPy's.

n points, normal in the plane and in ten dimensions; the smallest of three turns. The merges must be SciPy's.
"""

import numpy as np
import scipy.cluster.hierarchy

from benchmarks.harness import OURS, take_turns
from coursekit.clustering import linkage
from coursekit.clustering.agglomerative import METHODS


def size(n):
    def part(bench):
        for p in (2, 10):
            for method in METHODS:
                # None was set for centroid, for which the chain of nearest neighbours is wrong.
                goals = (1.5, 0.7) if n == 3000 and method != "centroid" else (None, None)
                row = bench.row(
                    f"{method}, {n} x {p}",
                    "s",
                    "lower",
                    target=goals[0],
                    moonshot=goals[1],
                    against="ratio",
                )
                for seed in bench.seeds:
                    X = np.random.default_rng(seed).normal(size=(n, p))
                    ours, theirs = linkage(X, method), scipy.cluster.hierarchy.linkage(X, method)
                    if not np.allclose(ours, theirs):
                        raise AssertionError(
                            f"{method} linkage of {n} x {p}, seed {seed}, differs from SciPy's"
                        )
                    works = {
                        OURS: lambda X=X, m=method: linkage(X, m),
                        "SciPy": lambda X=X, m=method: scipy.cluster.hierarchy.linkage(X, m),
                    }
                    n_calls = 1 if bench.quick or n == 3000 else max(1, 5000 // n)
                    for who, seconds in take_turns(works, n_calls=n_calls).items():
                        row.add(who, seed, seconds)

    part.__doc__ = f"{n} points."
    return part


def large(bench):
    "3000 points; with --quick 300."
    size(300 if bench.quick else 3000)(bench)


PARTS = {"50": size(50), "500": size(500), "3000": large}
