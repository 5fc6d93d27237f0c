"""CPU seconds of K-means beside scikit-learn's Lloyd and of linkage beside SciPy: taking turns, one thread.

OMP_NUM_THREADS=1 COURSEKIT_DATA=folder-that-holds-mnist python benchmarks/clustering_time.py [--turns 3]

K-means: 60000 x 784, K = 10, both from the same centres (ten random points, one start a turn) with tol = 0,
so that both make the same iterations; 20 of them, and as many as it takes. The data are MNIST in [0, 1] or,
where it is not at hand, a mixture of 40 normal clusters. Linkage: n = 3000 normal points, and how time grows
with n (slope of log seconds over log n, 1000 to 4000). Ratios are ours / theirs, one a turn, and linkage,
which is short, takes three times as many turns. Targets: K-means at most 1.0, linkage at most 1.5 for all but
centroid, for which none was set.
"""

import argparse
import os
import time
import warnings

import numpy as np
import scipy.cluster.hierarchy
import sklearn.cluster
from sklearn.exceptions import ConvergenceWarning

from coursekit import data
from coursekit.clustering import KMeans, linkage
from coursekit.linkage import METHODS


def seconds(work, *arguments):
    start = time.process_time()
    result = work(*arguments)
    return time.process_time() - start, result


def images():
    if os.environ.get("COURSEKIT_DATA"):
        return "MNIST", data.mnist().x.astype(np.float64) / 255
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(40, 784))
    return "made data", centers[rng.integers(40, size=60000)] + 3 * rng.normal(size=(60000, 784))


def line(name, ours, theirs):
    ratios = np.array(ours) / theirs
    each = ", ".join(f"{r:.2f}" for r in ratios)
    print(
        f"{name}: {min(ours):.3f} s, peer {min(theirs):.3f} s, ratio median {np.median(ratios):.2f} ({each})"
    )


def k_means(turns):
    name, X = images()
    for dtype in (np.float64, np.float32):
        X = X.astype(dtype)
        KMeans(10, random_state=0, max_iter=1).fit(X)  # both warm
        sklearn.cluster.KMeans(10, n_init=1, max_iter=1).fit(X)
        for max_iter in (20, 1000):
            ours, theirs, iterations, agree, gaps = [], [], [], [], []
            for turn in range(turns):
                start = X[np.random.default_rng(turn).choice(len(X), 10, replace=False)]
                ours_model = KMeans(10, init=start, max_iter=max_iter)
                peer = sklearn.cluster.KMeans(
                    10, init=start, n_init=1, tol=0, algorithm="lloyd", max_iter=max_iter
                )
                ours.append(seconds(ours_model.fit, X)[0])
                theirs.append(seconds(peer.fit, X)[0])
                iterations.append((ours_model.n_iter_, peer.n_iter_))
                agree.append(np.mean(ours_model.labels_ == peer.labels_))
                gaps.append(abs(ours_model.inertia_ / peer.inertia_ - 1))
            line(f"K-means, {name}, {X.dtype}, at most {max_iter} iterations", ours, theirs)
            print(
                f"    iterations (ours, peer) {iterations}; equal labels {min(agree):.5f} or more; "
                f"objectives differ by {max(gaps):.0e} at most"
            )


def linkages(turns):
    rng = np.random.default_rng(0)
    for p in (2, 10):
        X = rng.normal(size=(3000, p))
        for method in METHODS:
            linkage(X, method)  # warm
            pairs = [
                (seconds(linkage, X, method), seconds(scipy.cluster.hierarchy.linkage, X, method))
                for _ in range(turns)
            ]
            (_, ours), (_, theirs) = pairs[0]
            assert np.allclose(ours, theirs), method
            line(f"{method} linkage, 3000 x {p}", [a[0] for a, _ in pairs], [b[0] for _, b in pairs])


def growth():
    sizes = np.array([1000, 1414, 2000, 2828, 4000])
    rng = np.random.default_rng(0)
    for method in METHODS:
        slopes = []
        for cluster in (linkage, scipy.cluster.hierarchy.linkage):
            times = []
            for n in sizes:
                X = rng.normal(size=(n, 2))
                times.append(min(seconds(cluster, X, method)[0] for _ in range(3)))
            slopes.append(np.polyfit(np.log(sizes), np.log(times), 1)[0])
        print(f"{method} linkage: time grows as n^{slopes[0]:.2f}, peer n^{slopes[1]:.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=3)
    turns = parser.parse_args().turns
    warnings.simplefilter("ignore", ConvergenceWarning)
    linkages(3 * turns)
    growth()
    k_means(turns)


if __name__ == "__main__":
    main()
