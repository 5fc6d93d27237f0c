"""The explorer of lecture 08 and the pictures whose marks can be read back: they draw what they say."""

import numpy as np
import pytest
from matplotlib import pyplot as plt
from picture import move_through

from coursekit import plots
from coursekit.rbm import explorers, pictures

KS, RATES = (1, 3, 10), (0.05, 0.2, 0.8)
STEPS = np.array([1, 50, 100])


@pytest.fixture(autouse=True)
def style():
    plots.use_course_style()
    yield
    plt.close("all")


@pytest.fixture
def runs():
    rng = np.random.default_rng(0)
    return {
        (k, rate): {"step": STEPS, "log_prob": rng.uniform(-9, -4, 3), "cosine": rng.uniform(0, 1, 3)}
        for k in KS
        for rate in RATES
    }


def test_explorer_moves(runs):
    move_through(explorers.contrastive_explorer(runs, -3.1))


@pytest.mark.parametrize("place", [0, 1, 2])
def test_frame_draws_the_run_it_names(runs, place):
    k, rate = KS[place], RATES[-1 - place]
    left, right = explorers.contrastive_frame(runs, -3.1, k, rate).axes
    run = runs[k, rate]
    for ax, name in ((left, "log_prob"), (right, "cosine")):
        x, y = ax.lines[len(runs)].get_data()
        np.testing.assert_array_equal(x, STEPS)
        np.testing.assert_array_equal(y, run[name])
        assert f"{run[name][-1]:.1f}" in ax.get_title(loc="left")
    assert any(f"k = {k}, learning rate {rate:g}" in text.get_text() for text in left.texts)
    assert left.get_ylim() == (-14, -2.4) and right.get_ylim() == (-0.6, 1.1)
    assert f"with {k} Gibbs steps and learning rate {rate:g}" in explorers.contrastive_alt(k, rate)


def test_a_missing_run_is_named(runs):
    del runs[3, 0.2]
    with pytest.raises(ValueError, match=r"missing: \[\(3, 0.2\)\]"):
        explorers.contrastive_explorer(runs, -3.1)


def test_pictures_draw_ink_where_it_belongs():
    images = np.array([[1, 0, 0, 0, 0, 1.0], [0, 0, 0, 1, 1, 1], [0, 0, 0, 0, 0, 0]])
    (ax,) = pictures.picture_rows([("three pictures", images)], (2, 3), n_columns=2).axes
    canvas = ax.images[0].get_array()
    np.testing.assert_array_equal(canvas[1:3, 1:4], images[0].reshape(2, 3))
    np.testing.assert_array_equal(canvas[1:3, 5:8], images[1].reshape(2, 3))
    np.testing.assert_array_equal(canvas[4:6, 1:4], 0)


def test_flows_there_and_back_are_drawn_pair_by_pair():
    flow = np.array([[0.1, 0.3], [0.2, 0.4]])
    left, right = pictures.there_and_back(flow, flow.T).axes
    assert [line.get_xydata().tolist() for line in (left.lines[1], right.lines[1])] == [
        [[0.3, 0.2]],
        [[0.2, 0.3]],
    ]


def test_error_and_likelihoods_are_drawn_seed_by_seed():
    values = np.random.default_rng(1).uniform(0.1, 1, (3, 2, 3))  # error, CD-1, exact gradient
    top, bottom = pictures.error_and_likelihood(STEPS, *values).axes
    np.testing.assert_array_equal([line.get_ydata() for line in top.lines], values[0])
    drawn = {tuple(line.get_ydata()): line.get_color() for line in bottom.lines}
    assert set(drawn) == {tuple(curve) for curve in values[1:].reshape(-1, 3)}
    labels = {text.get_text(): text.get_color() for text in bottom.texts}
    for label, curves in zip(("CD-1", "exact gradient"), values[1:], strict=True):
        assert {drawn[tuple(curve)] for curve in curves} == {labels[label]}
