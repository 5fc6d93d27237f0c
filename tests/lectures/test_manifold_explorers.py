"""Explorers of lecture 03: each frame is called at both ends and the middle and draws what it says."""

import numpy as np
import pytest
from matplotlib import pyplot as plt
from picture import move_through

from coursekit import manifold, plots
from coursekit.data import digits
from coursekit.manifold import explorers


@pytest.fixture(autouse=True)
def style():
    plots.use_course_style()
    yield
    plt.close("all")


def test_neighbor_explorer_draws_what_it_says():
    sheet = manifold.flat_sheet(250, rng=0)
    X = manifold.roll_up(sheet)
    runs = explorers.neighbor_runs(X, sheet, (6, 10, 40))
    move_through(explorers.neighbor_explorer(X, sheet, runs))
    for k, run in runs.items():
        left, right = explorers.neighbor_frame(X, sheet, runs, k).axes
        jumps = run["jumps"].sum()
        assert f"k = {k}: {jumps} edges jump" in left.get_title(loc="left")
        np.testing.assert_allclose(right.collections[0].get_offsets(), run["Y"])
        assert f"{manifold.procrustes_residual(run['Y'], sheet):.3f}" in right.get_title(loc="left")
        length = np.linalg.norm(np.diff(X[run["edges"]], axis=1)[:, 0], axis=1)
        assert np.all(np.diff(np.sort(run["edges"], axis=1), axis=1) > 0) and np.all(length > 0)
        assert f"{k} neighbours" in explorers.neighbor_alt(k)
    assert runs[6]["jumps"].sum() == 0 < runs[40]["jumps"].sum()


def test_each_edge_is_drawn_once():
    sheet = manifold.flat_sheet(60, rng=1)
    edges = explorers.neighbor_runs(manifold.roll_up(sheet), sheet, (8,))[8]["edges"]
    assert len(np.unique(np.sort(edges, axis=1), axis=0)) == len(edges)
    near = manifold.neighbor_lists(manifold.roll_up(sheet), 8)
    wanted = {(min(i, j), max(i, j)) for i, found in enumerate(near) for j in found}
    assert {(min(i, j), max(i, j)) for i, j in edges} == wanted


def test_perplexity_explorer_draws_what_it_says():
    data = digits()
    X, labels = data.x[:80], data.labels[:80]
    runs = explorers.perplexity_runs(X, labels, (2, 10, 40), max_iter=260)
    move_through(explorers.perplexity_explorer(labels, runs))
    for perplexity, run in runs.items():
        left, right = explorers.perplexity_frame(labels, runs, perplexity).axes
        assert f"perplexity {perplexity}" in left.get_title(loc="left")
        assert sum(len(line.get_xdata()) for line in left.lines) == 80
        np.testing.assert_allclose(right.lines[0].get_ydata(), [r["same"] for r in runs.values()])
        assert right.lines[1].get_xdata()[0] == perplexity
        assert right.lines[1].get_ydata()[0] == manifold.same_label_share(run["Y"], labels)
        assert f"perplexity {perplexity}" in explorers.perplexity_alt(perplexity)
