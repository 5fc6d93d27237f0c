"""The explorers of lecture 02 draw what they say: half steps of K-means, and a cut through a tree."""

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex
from picture import move_through
from scipy.cluster import hierarchy

from coursekit import plots
from coursekit.clustering import KMeans, cut, explorers, linkage, pictures


@pytest.fixture(autouse=True)
def style():
    plots.use_course_style()
    yield
    plt.close("all")


@pytest.fixture
def x():
    rng = np.random.default_rng(5)
    return rng.normal(size=(60, 2)) + 3 * rng.integers(2, size=(60, 2))


def colors_of(ax, points):
    """Colour of each point (n, 2) among the lines of markers on an axis; one line holds one cluster."""
    found = {}
    for line in ax.lines:
        for point in line.get_xydata():
            found.setdefault(tuple(point), to_hex(line.get_color()))
    return [found[tuple(point)] for point in points]


def test_k_means_explorer_draws_what_it_says(x):
    move_through(explorers.k_means_explorer(x))
    history = KMeans(4, random_state=2).fit(x).history_
    for step in (0, 1, 2, len(history) - 1):
        left, right = explorers.k_means_frame(x, step, 4, 2).axes
        drawn, labels = colors_of(left, x), history[step]["labels"]
        assert len(set(zip(drawn, labels, strict=True))) == 4
        centers = [line.get_xydata()[0] for line in left.lines[4:]]
        assert len(centers) == (0 if step == 0 else 4)
        if step:
            np.testing.assert_allclose(centers, history[step]["centers"])
        np.testing.assert_allclose(right.lines[0].get_ydata(), [s["objective"] for s in history])
        assert len(right.lines[1].get_ydata()) == step + 1
        assert f"after {step} half steps" in explorers.k_means_alt(step, 4, 2)
    late, _ = explorers.k_means_frame(x, 20, 4, 2).axes
    assert f"ended at half step {len(history) - 1}" in late.get_title(loc="left")


def test_axes_of_the_k_means_explorer_never_move(x):
    limits = set()
    for step, number, start in ((0, 1, 0), (1, 3, 4), (5, 7, 10), (20, 2, 1)):
        left, right = explorers.k_means_frame(x, step, number, start).axes
        limits.add((*np.round(left.get_xlim(), 6), *right.get_xlim(), *right.get_ylim()))
        assert np.nanmax(right.lines[0].get_ydata()) <= right.get_ylim()[1] or number == 1
    assert len(limits) == 1


@pytest.mark.parametrize("method", ["single", "complete", "average", "ward"])
def test_cut_explorer_draws_what_it_says(x, method):
    few = x[:25]
    if method == "complete":  # all methods share the controls
        move_through(explorers.cut_explorer(few, method))
    Z = linkage(few, method)
    for height in (0.0, 0.5 * Z[-1, 2], 1.02 * Z[-1, 2]):
        left, right = explorers.cut_frame(few, Z, height).axes
        count = len(set(hierarchy.fcluster(Z, height, "distance")))
        assert f"leaves {count} cluster" in left.get_title(loc="left")
        labels, whole = explorers.labels_at(Z, height), cut(Z, count)
        alone = np.bincount(whole)[whole] == 1
        assert np.array_equal(labels == -1, alone)
        assert len(set(zip(labels[~alone], whole[~alone], strict=True))) == len(set(whole[~alone]))
        gray = [color == plots.COLORS["noise"] for color in colors_of(right, few)]
        assert np.array_equal(gray, alone)
        assert left.lines[-1].get_ydata()[0] == height and f"{height:.2f}" in explorers.cut_alt(height)


@pytest.mark.parametrize("method", ["single", "complete", "average", "centroid", "ward"])
def test_the_tree_is_drawn_as_scipy_draws_it(x, method):
    Z = linkage(x, method)
    theirs = hierarchy.dendrogram(Z, no_plot=True)
    assert pictures.leaf_order(Z) == theirs["leaves"]
    _, ax = plt.subplots()
    pictures.dendrogram(ax, Z)
    # SciPy's leaves stand at 5, 15, 25, ...; the links may come in another order.
    ours = sorted((*((line.get_xdata()) * 10 + 5), *line.get_ydata()) for line in ax.lines)
    wanted = sorted((*i, *d) for i, d in zip(theirs["icoord"], theirs["dcoord"], strict=True))
    np.testing.assert_allclose(ours, wanted, atol=1e-9)


def test_a_link_takes_the_colour_of_its_cluster_and_of_no_other(x):
    Z = linkage(x, "complete")
    for count in (1, 3, 60):
        _, ax = plt.subplots()
        pictures.dendrogram(ax, Z, cut(Z, count))
        above = [to_hex(line.get_color()) == plots.COLORS["data"] for line in ax.lines]
        assert above == [False] * (60 - count) + [True] * (count - 1)
