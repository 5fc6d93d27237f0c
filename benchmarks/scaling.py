"""How time and memory grow: the exponent of n, by least squares on log-log, over the sizes of the plot.

PCA, K-means (20 iterations, K = 10) and an epoch of the RBM: n examples of 64 values. Linkage: n points in
the plane. A step of the flow and of the diffusion model: batches of n. Every method has a process of its
own; memory, data included, is its peak less what it held after a run with a quarter of the smallest size.
"""

import contextlib
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.harness import OURS

HERE = Path(__file__).parent


def normal(n, p, seed):
    return np.random.default_rng(seed).normal(size=(n, p))


def pca(n, seed):
    from coursekit.pca import PCA

    X = normal(n, 64, seed)
    return lambda: PCA().fit(X)


def pca_sklearn(n, seed):
    from sklearn.decomposition import PCA

    X = normal(n, 64, seed)
    return lambda: PCA().fit(X)


def kmeans(n, seed):
    from coursekit.clustering import KMeans

    X = normal(n, 64, seed)
    return lambda: KMeans(10, init=X[:10], max_iter=20).fit(X)


def kmeans_sklearn(n, seed):
    import warnings

    from sklearn.cluster import KMeans

    warnings.simplefilter("ignore")  # it has not converged: 20 iterations is what both get
    X = normal(n, 64, seed)
    return lambda: KMeans(10, init=X[:10], n_init=1, tol=0, max_iter=20, algorithm="lloyd").fit(X)


def linkage(n, seed):
    from coursekit.clustering import linkage

    X = normal(n, 2, seed)
    return lambda: linkage(X, "average")


def linkage_scipy(n, seed):
    from scipy.cluster.hierarchy import linkage

    X = normal(n, 2, seed)
    return lambda: linkage(X, "average")


def rbm(n, seed):
    import torch

    from coursekit.rbm import RBM
    from coursekit.training import fit_contrastive

    torch.manual_seed(seed)
    x, machine = (torch.rand(n, 64) < 0.5).float(), RBM(64, 128)
    options = {"persistent": True, "batch_size": 128, "device": "cpu"}
    return lambda: fit_contrastive(machine, x, n_steps=-(-n // 128), **options)


def flow(n, seed):
    import torch

    from benchmarks.harness import training_step
    from coursekit.flow import real_nvp

    torch.manual_seed(seed)
    return training_step(real_nvp(2), torch.randn(n, 2))


def ddpm(n, seed):
    import torch

    from benchmarks.harness import training_step
    from coursekit.ddpm import DDPM, cosine_schedule
    from coursekit.networks import UNet

    torch.manual_seed(seed)
    model = DDPM(UNet(width=24), cosine_schedule(1000), shape=(1, 8, 8), target="v")
    return training_step(model, torch.randn(n, 1, 8, 8))


# What the table calls it: (sizes, {who: function that makes the work of size n}).
METHODS = {
    "PCA": ([4000, 16000, 64000, 256000], {OURS: pca, "scikit-learn": pca_sklearn}),
    "K-means": ([4000, 16000, 64000, 256000], {OURS: kmeans, "scikit-learn": kmeans_sklearn}),
    "linkage": ([1000, 2000, 4000, 8000], {OURS: linkage, "SciPy": linkage_scipy}),
    "RBM epoch": ([4000, 16000, 64000, 256000], {OURS: rbm}),
    "flow step": ([256, 1024, 4096, 16384], {OURS: flow}),
    "DDPM step": ([16, 64, 256, 1024], {OURS: ddpm}),
}
QUICK = {"PCA": [500, 1000, 2000], "linkage": [100, 200, 400], "flow step": [64, 128, 256]}


def forget_peak():
    """Let the peak start anew where the system can (Linux); elsewhere it only rises, as the sizes do."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_megabytes():
    """Largest resident memory of this process. What `resource` reports begins with that of its parent."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1e3
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def child(method, who, sizes, seed):
    """In a process of its own: print {"seconds": [...], "megabytes": [...]}, for sizes in rising order."""
    make = METHODS[method][1][who]
    make(sizes[0] // 4, seed)()
    forget_peak()
    base, seconds, megabytes = peak_megabytes(), [], []
    for n in sizes:
        forget_peak()
        work, turns = make(n, seed), []
        while len(turns) < 2 or (sum(turns) < 0.2 and len(turns) < 50):
            start = time.process_time()
            work()
            turns.append(time.process_time() - start)
        seconds.append(min(turns))
        megabytes.append(peak_megabytes() - base)
        del work
    print(json.dumps({"seconds": seconds, "megabytes": megabytes}))


def exponent(sizes, values):
    """Slope of log values over log sizes; values that are not positive are left out; None: too few."""
    pairs = [(n, value) for n, value in zip(sizes, values, strict=True) if value > 0]
    if len(pairs) < 2:
        return None
    return float(np.polyfit(*np.log(pairs).T, 1)[0])


def growth(bench):
    "Exponents of n; a straight line of slope 1 in the plot is work in proportion to n."
    curves = []
    for method, (sizes, works) in METHODS.items():
        if bench.quick and method not in QUICK:
            continue
        sizes = QUICK[method] if bench.quick else sizes
        rows = {
            "seconds": bench.row(f"{method}, n = {sizes[0]} to {sizes[-1]}: time", "exponent", None),
            "megabytes": bench.row(f"{method}, n = {sizes[0]} to {sizes[-1]}: memory", "exponent", None),
        }
        for seed in bench.seeds:
            for who in works:
                words = [method, who, ",".join(map(str, sizes)), str(seed)]
                command = [sys.executable, "-m", "benchmarks.scaling", *words]
                printed = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, check=True)
                curve = json.loads(printed.stdout.splitlines()[-1])
                curves.append({"method": method, "who": who, "seed": seed, "n": sizes, **curve})
                for key, row in rows.items():
                    slope = exponent(sizes, curve[key])
                    if slope is not None:
                        row.add(who, seed, slope)
    bench.keep("curves", curves)


PARTS = {"growth": growth}

if __name__ == "__main__":
    child(sys.argv[1], sys.argv[2], [int(n) for n in sys.argv[3].split(",")], int(sys.argv[4]))
