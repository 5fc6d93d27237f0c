"""The explorer and the pictures of lecture 19 draw what they say."""

import math

import numpy as np
import pytest
from matplotlib import pyplot as plt
from picture import faults, move_through

from coursekit import data, plots
from coursekit.comparison import explorers, pictures

NAMES = ["noise", "training set", "VAE", "GAN", "flow", "MADE", "mixture of Gaussians", "DDPM: DDIM, 50"]


@pytest.fixture(autouse=True)
def style():
    plots.use_course_style()
    yield
    plt.close("all")


def runs(n_pixels, seed):
    """A table with values at random; GAN and training set have no likelihood."""
    rng, rows = np.random.default_rng(seed), []
    for s in range(3):
        for name in NAMES:
            row = {"seed": s, "steps": 1, "family": name, "kind": "exact"}
            row |= {key: rng.uniform(0.2, 0.9) for key in explorers.CRITERIA if key != "bits"}
            row["fd"] = 10 ** rng.uniform(0.5, 2)
            if name not in ("GAN", "training set"):
                row["nats"] = -n_pixels * rng.uniform(1, 3)
            rows.append(row)
    return data.StoredRuns("comparison_trial", rows=tuple(rows), seeds=(0, 1, 2))


TABLES = {"bits": (runs(64, 0), 64), "digits": (runs(64, 1), 64), "mini-MNIST": (runs(196, 2), 196)}


def test_the_explorer_moves():
    move_through(explorers.criteria_explorer(TABLES))


@pytest.mark.parametrize("task", TABLES)
@pytest.mark.parametrize(("x", "y"), [("bits", "fd"), ("fd", "draw_seconds"), ("precision", "bits")])
def test_a_frame_draws_the_means_of_the_families_that_have_both_values(task, x, y):
    table, n_pixels = TABLES[task]
    figure = explorers.criteria_frame(TABLES, task, x, y)
    (ax,) = figure.axes
    both = [n for n in NAMES if "bits" not in (x, y) or n not in ("GAN", "training set")]

    def mean(name, key):
        rows = [row for row in table.rows if row["family"] == name]
        if key == "bits":
            return np.mean([-row["nats"] / (n_pixels * math.log(2)) for row in rows])
        return np.mean([row[key] for row in rows])

    wanted = [[mean(name, x), mean(name, y)] for name in both]
    np.testing.assert_allclose(ax.collections[0].get_offsets(), wanted)
    assert sorted(text.get_text() for text in ax.texts) == sorted(both)
    assert f"{len(both)} of {len(NAMES)}" in ax.get_title(loc="left")
    assert ax.get_xscale() == ("log" if explorers.CRITERIA[x][1] else "linear")
    alt = explorers.criteria_alt(TABLES, task, x, y)
    assert max(both, key=lambda name: mean(name, x)) in alt and explorers.CRITERIA[y][0] in alt


def test_a_column_without_values_is_none_and_the_clock_is_not_trusted_below_a_millisecond():
    rows = [{"seed": 0, "steps": 1, "seconds": 0.0, "family": "a", "nats": -64 * math.log(2)}]
    table = data.StoredRuns("comparison_trial", rows=tuple(rows), seeds=(0,))
    assert explorers.values_of(table, "a", "fd") is None
    assert explorers.values_of(table, "a", "bits", 64).tolist() == [1.0]
    assert explorers.values_of(table, "a", "seconds").tolist() == [explorers.SHORTEST]
    assert explorers.means_of(table, "fd") == {} and explorers.families(table) == ["a"]


def test_a_ladder_has_the_best_on_top_and_a_mark_per_seed():
    values = [np.array([1.0, 2, 3]), np.array([7.0, 8, 9]), np.array([4.0, 5, 6])]
    figure = pictures.ladder(
        ["VAE", "GAN", "flow"], values, kinds=["bound", "exact", "estimate"], xlabel="nats", title="t"
    )
    (ax,) = figure.axes
    assert [t.get_text() for t in ax.get_yticklabels()] == ["GAN", "flow", "VAE"]
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), [7, 8, 9])
    assert ax.lines[2].get_marker() == pictures.MARKERS["bound"]
    low, high = ax.get_ylim()
    assert low > high, "the first row is the upper one"
    turned = pictures.ladder(["VAE", "GAN", "flow"], values, xlabel="FD", title="t", best="left")
    assert [t.get_text() for t in turned.axes[0].get_yticklabels()] == ["VAE", "flow", "GAN"]


def test_ladders_leave_out_what_has_no_value():
    figure = pictures.ladders(
        ["VAE", "GAN"], [("a", [np.array([1.0, 2]), None], False), ("b", [np.ones(2)] * 2, True)], title="t"
    )
    assert [len(ax.lines) for ax in figure.axes] == [1, 2]


def test_labels_lie_apart_even_where_points_do_not():
    rng = np.random.default_rng(3)
    names = [f"family {i}" for i in range(18)]
    x, y = rng.normal(size=18) * np.repeat([0.05, 1], 9), rng.normal(size=18) * np.repeat([0.05, 1], 9)
    figure = pictures.plane(names, x, y, xlabel="x", ylabel="y", title="t")
    assert faults(figure) == []


def test_a_gallery_shows_whole_levels_on_one_scale():
    rows = [np.arange(10)[:, None] * np.ones((10, 64)), np.full((10, 64), 16)]
    figure = pictures.gallery(rows, ["VAE", "training set"], (8, 8), top=16, title="t")
    assert [ax.images[0].get_clim() for ax in figure.axes] == [(0, 16), (0, 16)]
    assert figure.axes[0].images[0].get_array()[1, 9 * 9 + 1] == 9
    assert faults(figure) == []
