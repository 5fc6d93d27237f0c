"""Explorers of lecture 02: K-means half step by half step, and a cut that moves through a dendrogram."""

from functools import partial

import ipywidgets
import numpy as np

from coursekit import widgets
from coursekit.clustering import KMeans, cut, linkage, pictures


def k_means_frame(x, half_step, n_clusters, start):
    """Points x (n, 2) after `half_step` half steps of K-means from the random labels of seed `start`."""
    history = KMeans(n_clusters, random_state=start).fit(x).history_
    top = 1.08 * ((x - x.mean(axis=0)) ** 2).sum()  # the objective of K = 1: no run is above it
    return pictures.half_step(x, history, half_step, top)


def k_means_alt(half_step, n_clusters, start):
    return (
        f"K-means with {n_clusters} clusters from random start {start}, after {half_step} half steps: the "
        "points in the colours of their clusters with the centres, and the objective, which never rises."
    )


def k_means_explorer(x):
    """Step through K-means on x (n, 2), with any number of clusters from any of ten starts."""
    step = ipywidgets.IntSlider(value=1, min=0, max=20, description="half step")
    number = ipywidgets.IntSlider(value=3, min=1, max=7, description="clusters K")
    start = ipywidgets.IntSlider(value=0, min=0, max=10, description="start")
    frame = partial(k_means_frame, x)
    return widgets.explore(frame, alt=k_means_alt, half_step=step, n_clusters=number, start=start)


def labels_at(Z, height):
    """Labels (n,) of the clusters of a monotone tree Z below `height`; a point alone gets -1.

    Clusters are numbered from left to right in the tree, so that neighbours there never share a colour.
    """
    labels = cut(Z, 1 + int((Z[:, 2] > height).sum()))
    numbers, alone = {}, np.bincount(labels) == 1
    for point in pictures.leaf_order(Z):
        if not alone[labels[point]]:
            numbers.setdefault(labels[point], len(numbers))
    return np.array([numbers.get(label, -1) for label in labels])


def cut_frame(x, Z, height):
    """The tree Z of x (n, 2), cut at `height`, and the clusters that the cut leaves."""
    return pictures.cut_tree(x, Z, labels_at(Z, height), height)


def cut_alt(height):
    return f"A dendrogram cut at height {height:.2f}, and the points in the colours of the clusters below it."


def cut_explorer(x, method="complete"):
    """Move a cut through the tree of x (n, 2); any linkage but centroid, whose tree may turn back."""
    Z = linkage(x, method)
    step = float(np.round(Z[-1, 2] / 50, 2)) or Z[-1, 2] / 50
    height = ipywidgets.FloatSlider(
        value=round(20 * step, 10), min=0, max=round(51 * step, 10), step=step, description="cut height"
    )
    return widgets.explore(partial(cut_frame, x, Z), alt=cut_alt, height=height)
