"""The explorer of lecture 13 and its pictures: they draw what they are given."""

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from picture import move_through
from torch import nn

from coursekit import plots
from coursekit.gan_training import explorers, great_circle, pictures, straight


@pytest.fixture(autouse=True)
def style():
    plots.use_course_style()
    yield
    plt.close("all")


def test_explorer_moves():
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Linear(5, 6), nn.Tanh())
    strips = explorers.walks(generator, torch.randn(4, 5), torch.randn(4, 5))
    move_through(explorers.walk_explorer(strips, (2, 3)))


def test_walks_go_both_ways():
    torch.manual_seed(0)
    generator, a, b = nn.Sequential(nn.Linear(5, 6), nn.Tanh()), torch.randn(4, 5), torch.randn(4, 5)
    strips = explorers.walks(generator, a, b)
    for way in (straight, great_circle):
        strip = strips[way.__name__]
        assert strip.shape == (explorers.N_POINTS, 4, 6)
        for k, t in ((0, 0.0), (10, 0.5), (20, 1.0)):
            np.testing.assert_allclose(strip[k], generator(way(a, b, t)).detach().numpy(), atol=1e-6)


def test_ablation_marks_every_seed():
    rng = np.random.default_rng(0)
    fd, precision, recall = rng.uniform(5, 100, (4, 3)), rng.uniform(size=(4, 3)), rng.uniform(size=(4, 3))
    figure = pictures.rules_left_out(list("abcd"), fd, precision, recall, title="t")
    left, right = figure.axes
    dots = [line for line in left.lines if line.get_linestyle() == "None"]
    np.testing.assert_allclose(np.sort(np.concatenate([d.get_xdata() for d in dots])), np.sort(fd.ravel()))
    assert [t.get_text() for t in left.get_yticklabels()] == list("abcd")
    assert right.get_xlim()[0] < 0 and right.get_xlim()[1] > 1


def test_ring_shares_mark_games_that_lost_a_mode():
    seconds, good = np.array([[1.0, 1.1], [4.0, 4.2]]), np.array([[0.1, 0.2], [0.6, 0.7]])
    modes = np.array([[2, 8], [8, 8]])
    figure = pictures.good_share_and_seconds(["a", "b"], seconds, good, modes, n_modes=8)
    whole, lost = figure.axes[0].lines
    assert lost.get_marker() == "x" and lost.get_xdata().tolist() == [0.1]
    assert sorted(whole.get_xdata()) == [0.2, 0.6, 0.7]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["a", "b"]


def test_unknown_pixels_are_not_grey():
    image = np.array([[0.0, 1.0], [0.5, np.nan]])
    figure = pictures.wishes([image.reshape(1, 4), image.reshape(1, 4)], ["a", "b"], (2, 2))
    shown = figure.axes[0].images[0]
    colours = shown.cmap(shown.norm(shown.get_array()))
    assert len({tuple(c) for c in colours.reshape(4, 4).round(3)}) == 4
    assert not np.allclose(colours[1, 1, 0], colours[1, 1, 2])
