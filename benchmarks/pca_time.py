"""CPU seconds of PCA beside scikit-learn's with its automatic solver: same data, same clock, taking turns.

OMP_NUM_THREADS=1 python benchmarks/pca_time.py [--runs 5]

Made data of MNIST's, the digits' and USArrests' shapes, float64, with falling variances and a mean off zero.
Each line: seconds of one fit, the smallest of all turns, and the ratio ours / theirs of each run. Both keep
all components.
"""

import argparse
import time

import numpy as np
import sklearn.decomposition

from coursekit.pca import PCA

SHAPES = {(60000, 784): 1, (1797, 64): 50, (50, 4): 500}  # (n, p): fits that one turn adds up


def made_data(n, p, rng):
    return rng.normal(size=(n, p)) / np.sqrt(1 + np.arange(p)) + rng.normal(size=p)


def cpu_seconds(estimator, X, n_fits):
    start = time.process_time()
    for _ in range(n_fits):
        estimator.fit(X)
    return (time.process_time() - start) / n_fits


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    rng = np.random.default_rng(0)
    for (n, p), n_fits in SHAPES.items():
        X = made_data(n, p, rng)
        ours, theirs = PCA(), sklearn.decomposition.PCA()
        ours.fit(X[: 20 * p]), theirs.fit(X[: 20 * p])
        seconds = np.array([[cpu_seconds(e, X, n_fits) for e in (ours, theirs)] for _ in range(runs)])
        ratios = seconds[:, 0] / seconds[:, 1]
        print(
            f"{n} x {p}: ours {seconds[:, 0].min():.6f} s, scikit-learn {seconds[:, 1].min():.6f} s, "
            f"ratio median {np.median(ratios):.2f} ({', '.join(f'{r:.2f}' for r in ratios)})"
        )


if __name__ == "__main__":
    main()
