"""The explorer of lecture 09 and the pictures whose marks can be read back: they draw what they say."""

import numpy as np
import pytest
from matplotlib import pyplot as plt
from picture import move_through

from coursekit import plots
from coursekit.dbn import explorers, pictures

STEPS = (0, 3, 30)


@pytest.fixture(autouse=True)
def style():
    plots.use_course_style()
    yield
    plt.close("all")


@pytest.fixture
def chains():
    """Images (10 classes, 3 times, 4 chains, 6 pixels)."""
    return np.random.default_rng(0).uniform(size=(10, 3, 4, 6))


def test_explorer_moves(chains):
    move_through(explorers.clamped_explorer(chains, STEPS, (2, 3)))


@pytest.mark.parametrize("label, step", [(0, 0), (4, 3), (9, 30)])
def test_frame_draws_the_chains_it_names(chains, label, step):
    figure = explorers.clamped_frame(chains, STEPS, (2, 3), label, step)
    canvas = figure.axes[0].images[0].get_array()
    drawn = chains[label, STEPS.index(step)]
    np.testing.assert_array_equal(canvas[1:3, 1:4], drawn[0].reshape(2, 3))
    np.testing.assert_array_equal(canvas[1:3, 13:16], drawn[3].reshape(2, 3))
    assert figure.axes[0].images[0].get_clim() == (0, 1)
    assert f"label {label} clamped, {step} Gibbs" in figure.texts[0].get_text()
    assert f"label {label} clamped, after {step} Gibbs" in explorers.clamped_alt(label, step)


def test_images_of_another_length_are_refused(chains):
    with pytest.raises(ValueError, match=r"\(classes, 2 steps, chains, pixels\)"):
        explorers.clamped_explorer(chains, STEPS[:2], (2, 3))


def test_tables_are_drawn_with_the_first_cause_in_rows():
    table = np.array([[0.1, 0.2], [0.3, 0.4]])
    left, _ = pictures.two_causes([table, table.T], ["one", "two"]).axes
    np.testing.assert_array_equal(left.images[0].get_array(), table)
    assert [text.get_text() for text in left.texts] == ["0.10", "0.20", "0.30", "0.40"]


def test_methods_are_drawn_seed_by_seed():
    groups = [("a", [1.0, 3.0], "model"), ("b", [2.0], "data")]
    (ax,) = pictures.dots_by_method(groups, xlabel="error", title="a is not b").axes
    assert ax.lines[0].get_xydata().tolist() == [[1, 0], [3, 0]]
    assert ax.lines[1].get_xydata().tolist() == [[2, 0]]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]


def test_graphs_have_arrow_heads_where_the_model_is_directed():
    axes = pictures.graphs(["rbm", "dbn", "sbn", "dbm"], ["a", "b", "c", "d"]).axes
    arrows = [
        [text.arrowprops["arrowstyle"] for text in ax.texts if hasattr(text, "arrowprops")] for ax in axes
    ]
    assert [kinds.count("-|>") for kinds in arrows] == [0, 20, 36, 0]
    assert [kinds.count("-") for kinds in arrows] == [20, 16, 0, 36]
