"""Explorers of lecture 03: how many neighbours Isomap may take, and the perplexity of t-SNE."""

from collections.abc import Sequence
from functools import partial

import ipywidgets
import numpy as np
from matplotlib.figure import Figure
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr

from coursekit import widgets
from coursekit.manifold import (
    TSNE,
    Isomap,
    neighbor_lists,
    pictures,
    procrustes_residual,
    same_label_share,
    squared_distances,
    with_signs_of,
)

Runs = dict[int, dict]
NEIGHBORS = (4, 5, 6, 8, 10, 12, 16, 20, 24, 28, 40)
PERPLEXITIES = (2, 4, 8, 15, 30, 60, 120)


def neighbor_runs(X: np.ndarray, sheet: np.ndarray, choices: Sequence[int] = NEIGHBORS) -> Runs:
    """Isomap of a roll X (n, 3) for each number of neighbours: what `neighbor_frame` draws; sheet (n, 2)."""
    runs = {}
    along_the_sheet = np.sqrt(squared_distances(sheet))
    for k in choices:
        near = neighbor_lists(X, k)
        edges = np.array([(i, j) for i, found in enumerate(near) for j in found if i < j or i not in near[j]])
        length = np.linalg.norm(X[edges[:, 0]] - X[edges[:, 1]], axis=1)
        # The map is free to be mirrored: one way round for all frames.
        Y = with_signs_of(Isomap(2, n_neighbors=k).fit_transform(X), sheet)
        runs[k] = {
            "edges": edges,
            "jumps": along_the_sheet[tuple(edges.T)] > 3 * length,
            "Y": Y,
            "residual": procrustes_residual(Y, sheet),
        }
    return runs


def neighbor_frame(X: np.ndarray, sheet: np.ndarray, runs: Runs, n_neighbors: int) -> Figure:
    """The roll's neighbour graph and Isomap's map for this number of neighbours."""
    run = runs[n_neighbors]
    return pictures.neighbor_frame(
        X,
        sheet[:, 0],
        run["edges"],
        run["jumps"],
        run["Y"],
        n_neighbors=n_neighbors,
        residual=run["residual"],
    )


def neighbor_alt(n_neighbors: int) -> str:
    return (
        f"A swiss roll from the side with its graph of {n_neighbors} neighbours, and Isomap's map of it; "
        "edges that jump from one turn to the next are red."
    )


def neighbor_explorer(X: np.ndarray, sheet: np.ndarray, runs: Runs) -> ipywidgets.VBox:
    """Choose how many neighbours each point of the roll X (n, 3) is joined to."""
    slider = ipywidgets.SelectionSlider(
        options=list(runs), value=10 if 10 in runs else next(iter(runs)), description="neighbours k"
    )
    return widgets.explore(partial(neighbor_frame, X, sheet, runs), alt=neighbor_alt, n_neighbors=slider)


def perplexity_runs(
    X: np.ndarray, labels: np.ndarray, choices: Sequence[int] = PERPLEXITIES, *, max_iter: int = 400
) -> Runs:
    """t-SNE of X (n, p) for each perplexity: the map, and how well it keeps labels (n,) and distances."""
    runs, distances = {}, pdist(X)
    for perplexity in choices:
        Y = TSNE(2, perplexity=perplexity, max_iter=max_iter).fit_transform(X)
        runs[perplexity] = {
            "Y": Y,
            "same": same_label_share(Y, labels),
            "far": float(spearmanr(distances, pdist(Y)).statistic),
        }
    return runs


def perplexity_frame(labels: np.ndarray, runs: Runs, perplexity: int) -> Figure:
    """The map for this perplexity."""
    same, far = ([run[kept] for run in runs.values()] for kept in ("same", "far"))
    now = list(runs).index(perplexity)
    return pictures.perplexity_frame(runs[perplexity]["Y"], labels, list(runs), same, far, now)


def perplexity_alt(perplexity: int) -> str:
    return f"A t-SNE map of digits at perplexity {perplexity}; beside it, how well it keeps near and far."


def perplexity_explorer(labels: np.ndarray, runs: Runs) -> ipywidgets.VBox:
    """Choose the perplexity of the map."""
    slider = ipywidgets.SelectionSlider(
        options=list(runs), value=30 if 30 in runs else next(iter(runs)), description="perplexity"
    )
    return widgets.explore(partial(perplexity_frame, labels, runs), alt=perplexity_alt, perplexity=slider)
