"""The explorers of lecture 07 and the pictures whose marks can be read back: they draw what they say."""

import numpy as np
import pytest
from matplotlib import pyplot as plt
from picture import move_through

from coursekit import plots
from coursekit.transformer import explorers, pictures

WORDS = ["7", "3", "12"]


@pytest.fixture(autouse=True)
def style():
    plots.use_course_style()
    yield
    plt.close("all")


@pytest.fixture
def weights():
    """Causal weights (2 blocks, 3 heads, 4, 4)."""
    w = np.random.default_rng(0).uniform(size=(2, 3, 4, 4)) * np.tri(4)
    return w / w.sum(-1, keepdims=True)


@pytest.fixture
def distributions():
    """Two distributions of 30 words."""
    return np.random.default_rng(1).dirichlet(np.ones(30), 2)


def test_explorers_move(weights, distributions):
    move_through(explorers.attention_explorer(weights, WORDS))
    move_through(explorers.temperature_explorer(*distributions))


@pytest.mark.parametrize("head, place, block, number", [(1, 0, 1, 1), (3, 2, 1, 3), (5, 3, 2, 2)])
def test_the_frame_draws_the_weights_it_names(weights, head, place, block, number):
    figure = explorers.attention_frame(weights, WORDS, head, place)
    bars = [bar.get_height() for bar in figure.axes[0].patches if bar.get_width() == 0.8]
    np.testing.assert_allclose(bars, weights[block - 1, number - 1, place])
    assert f"block {block}, head {number}, after {place} words" in figure.axes[0].get_title(loc="left")
    assert f"head {head} over the start and the first {place} words" in explorers.attention_alt(head, place)


@pytest.mark.parametrize("temperature", [0.2, 1.0, 3.0])
def test_the_frame_draws_both_distributions_at_its_temperature(distributions, temperature):
    exact, model = distributions
    lines = explorers.temperature_frame(exact, model, temperature).axes[0].lines
    order = np.argsort(-exact)
    for line, p in zip(lines, (exact, model), strict=True):
        expected = p[order] ** (1 / temperature) / (p ** (1 / temperature)).sum()
        np.testing.assert_allclose(line.get_ydata(), expected)
    assert f"temperature {temperature:.1f}" in explorers.temperature_alt(temperature)


def test_what_does_not_fit_is_refused(weights, distributions):
    with pytest.raises(ValueError, match="for 2 words"):
        explorers.attention_explorer(weights, WORDS[:2])
    with pytest.raises(ValueError, match="n_words"):
        explorers.temperature_explorer(distributions[0], distributions[1][:5])


def test_white_is_exactly_zero():
    table = np.array([[1e-12, 0.0], [2.0, 0.5]])
    ax = pictures.who_sees_whom([table, table], ["one", "two"], suptitle="both").axes[0]
    np.testing.assert_array_equal(ax.images[0].get_array().mask, [[False, True], [False, False]])


def test_methods_and_labels_are_drawn_seed_by_seed():
    (ax,) = pictures.dots_by_method(
        [("a", [1.0, 3.0], "model"), ("b", [2.0], "data")], xlabel="x", title="t"
    ).axes
    assert [line.get_xydata().tolist() for line in ax.lines[:2]] == [[[1, 0], [3, 0]], [[2, 1]]]
    shares = {"a": (np.array([[0.5, 0.7], [0.7, 0.9]]), "model")}
    (ax,) = pictures.label_curves([16, 32], shares, 0.99, title="t").axes
    np.testing.assert_allclose(ax.lines[1].get_ydata(), [0.6, 0.8])


def test_odds_and_words_are_drawn_where_they_are():
    (ax,) = pictures.odds(np.array([-1.0, 2.0]), np.array([0.5, 1.0])).axes
    assert [[-1.0, 0.5], [2.0, 1.0]] in [line.get_xydata().tolist() for line in ax.lines]
    panels = [(np.array([4, 9]), np.array([0.6, 0.4]), np.array([0.5, 0.5]))] * 2
    ax = pictures.bars_of_words(panels, ["a", "b"]).axes[0]
    assert [bar.get_height() for bar in ax.patches] == [0.6, 0.4, 0.5, 0.5]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["4", "9"]
