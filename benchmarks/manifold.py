"""Maps of points: seconds beside scikit-learn's, a sheet with a hole, and sensors beside a general solver.

Sheets are swiss rolls of 600 points, even in arc length, twelve neighbours. What counts on the holed one is
the share of the sheet that no affine map of the picture explains. scikit-learn has no Hessian eigenmap to
compare with: what goes by the name there is its LTSA.
"""

import numpy as np
import sklearn.manifold
from scipy.spatial.distance import cdist

from benchmarks.harness import OURS, take_turns
from coursekit import manifold
from coursekit.manifold import affine_residual, flat_sheet, roll_up

K = 12
LOCAL = {"n_neighbors": K}
# Ours -> scikit-learn's, None where it has none.
METHODS = {
    "classical MDS": (manifold.ClassicalMDS(), None),
    "Isomap": (manifold.Isomap(**LOCAL), sklearn.manifold.Isomap(**LOCAL)),
    "LLE": (
        manifold.LocallyLinearEmbedding(**LOCAL),
        sklearn.manifold.LocallyLinearEmbedding(**LOCAL, eigen_solver="dense"),
    ),
    "LTSA": (
        manifold.LTSA(**LOCAL),
        sklearn.manifold.LocallyLinearEmbedding(**LOCAL, eigen_solver="dense", method="ltsa"),
    ),
    "Hessian eigenmap": (manifold.HessianEigenmap(**LOCAL), None),
    "Laplacian eigenmap": (
        manifold.LaplacianEigenmap(**LOCAL),
        sklearn.manifold.SpectralEmbedding(**LOCAL, affinity="nearest_neighbors"),
    ),
    "diffusion map": (manifold.DiffusionMap(2, bandwidth=3.0), None),
}


def methods(bench):
    "One fit of each method to 600 points, the smallest of three turns."
    n = 100 if bench.quick else 600
    for name, (ours, theirs) in METHODS.items():
        row = bench.row(f"{name}, {n} points", "s", "lower", target=0.2)
        for seed in bench.seeds:
            roll = roll_up(flat_sheet(n, rng=seed))
            works = {OURS: lambda ours=ours, roll=roll: ours.fit_transform(roll)}
            if theirs is not None:
                works["scikit-learn"] = lambda theirs=theirs, roll=roll: theirs.fit_transform(roll)
            for who, seconds in take_turns(works).items():
                row.add(who, seed, seconds)


def hole(bench):
    "A sheet with a window in its middle, rolled up: what of it no affine map of the picture explains."
    n = 300 if bench.quick else 600
    goal = {"target": 0.25, "against": "ratio"}
    row = bench.row("affine residual, Hessian eigenmap", "", "lower", **goal)
    others = {
        "scikit-learn's LTSA": METHODS["LTSA"][1],
        "our LTSA": METHODS["LTSA"][0],
        "our Isomap": METHODS["Isomap"][0],
    }
    for seed in bench.seeds:
        sheet = flat_sheet(n, hole=True, rng=seed)
        for who, method in {OURS: METHODS["Hessian eigenmap"][0], **others}.items():
            row.add(who, seed, affine_residual(method.fit_transform(roll_up(sheet)), sheet))


def sensors(bench):
    "Thirty sensors in a unit square, range .5: seconds, and how far from the truth."
    cvxpy = bench.peer("cvxpy")
    time = bench.row("30 sensors", "s", "lower")
    off = bench.row("largest distance from the truth, squared lengths", "", "lower")
    for seed in bench.seeds:
        field = np.random.default_rng(seed).uniform(size=(30, 2))
        D = cdist(field, field)
        edges = np.argwhere(np.triu(D < 0.5, 1))
        i, j = edges.T
        works = {OURS: lambda e=edges, d=D[i, j]: manifold.sensor_localization(30, e, d).gram}
        if cvxpy is not None:
            works["cvxpy, SCS"] = lambda e=edges, d=D[i, j]: by_cvxpy(cvxpy, e, d)
        for who, seconds in take_turns(works, n_turns=1).items():
            time.add(who, seed, seconds)
        for who, work in works.items():
            G = work()
            found = np.diag(G)[:, None] + np.diag(G) - 2 * G
            off.add(who, seed, np.abs(found - D**2).max())


def by_cvxpy(cvxpy, edges, lengths):
    """The Gram matrix of the same semidefinite program, from a general solver."""
    n = edges.max() + 1
    G = cvxpy.Variable((n, n), PSD=True)
    equations = [cvxpy.sum(G) == 0]
    equations += [
        G[i, i] + G[j, j] - 2 * G[i, j] == length**2 for (i, j), length in zip(edges, lengths, strict=True)
    ]
    cvxpy.Problem(cvxpy.Maximize(cvxpy.trace(G)), equations).solve(solver="SCS", eps=1e-6, max_iters=20_000)
    return G.value


PARTS = {"methods": methods, "hole": hole, "sensors": sensors}
