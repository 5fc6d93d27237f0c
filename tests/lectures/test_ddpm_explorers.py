"""Explorers of lecture 17: what is drawn at each position is what the model says there."""

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from picture import move_through
from torch import nn

from coursekit import plots
from coursekit.data import StoredRuns
from coursekit.ddpm import DDPM, cosine_schedule, explorers, pictures
from coursekit.networks import TimeMLP


@pytest.fixture(autouse=True)
def style():
    plots.use_course_style()
    yield
    plt.close("all")


def decode(codes):
    """Codes (n, 4) as images (n, 4)."""
    return codes.double().numpy()


def material():
    torch.manual_seed(0)
    net = TimeMLP(4, width=16, n_blocks=1, n_time=8)
    nn.init.normal_(net.leave.weight)  # a new network says zero everywhere
    model = DDPM(net, cosine_schedule(40), shape=(4,), target="v")
    return model, torch.randn(3, 4), torch.randn(3, 4)


def test_time_explorer_draws_what_the_model_says():
    model, codes, noise = material()
    move_through(explorers.time_explorer(model, codes, noise, decode, (2, 2)))
    for t in (1, 20, 40):
        figure = explorers.time_frame(model, codes, noise, decode, (2, 2), t)
        clean, noisy, estimate, bells = figure.axes
        times = torch.full((3,), t)
        xt = model.q_sample(codes, times, noise)
        with torch.no_grad():
            x0 = model.predict_x0(xt, times)
        for ax, expected in ((clean, codes), (noisy, xt), (estimate, x0)):
            drawn = ax.images[0].get_array()[1:3, 1:3]
            np.testing.assert_allclose(drawn, expected[0].reshape(2, 2), rtol=1e-6)
        for line, start in zip(bells.lines, (codes, x0), strict=False):
            mean, variance = model.schedule.posterior(start, xt, times)
            x, y = line.get_data()
            sd = max(variance[0, 0].sqrt().item(), 0.01)
            np.testing.assert_allclose(y, np.exp(-0.5 * ((x - mean[0, 0].item()) / sd) ** 2), atol=1e-6)
        marks = [line.get_xdata()[0] for line in bells.lines[2:]]
        np.testing.assert_allclose(marks, [codes[0, 0], x0[0, 0], xt[0, 0]], rtol=1e-6)
        assert f"t = {t} of 40" in clean.get_title(loc="left") and f"time {t}," in explorers.time_alt(t)


def stored(part, **places):
    """Rows of three seeds; each measure is a little larger for each further seed and place."""
    rows, (name, values) = [], next(iter(places.items()))
    for seed in range(3):
        for i, value in enumerate(values):
            for eta in (0.0, 1.0):
                measures = {key: 0.1 + 0.1 * i + 0.01 * seed + 0.05 * eta for key in LEVEL}
                rows.append({"seed": seed, "part": part, name: value, "eta": eta, **measures})
    return StoredRuns("trial", rows=tuple(rows))


LEVEL = {"confidence": 0.9, "Frechet distance": 0.8, "recall": 0.7, "precision": 0.6, "read as asked": 0.5}


def test_the_quality_picture_shows_means_and_ranges():
    figure = pictures.quality(stored("strides", strides=[1, 2, 10]), LEVEL)
    for ax, key in zip(figure.axes, ("confidence", "Frechet distance", "recall"), strict=True):
        blue, orange, real = ax.lines
        np.testing.assert_allclose(blue.get_xydata(), np.c_[[1, 2, 10], [0.11, 0.21, 0.31]])
        np.testing.assert_allclose(orange.get_ydata(), [0.16, 0.26, 0.36])
        assert set(real.get_ydata()) == {LEVEL[key]}
        heights = ax.collections[0].get_paths()[0].vertices[:, 1]
        np.testing.assert_allclose([heights.min(), heights.max()], [0.1, 0.32])


def test_the_guidance_picture_shows_each_measure_in_its_panel():
    runs = stored("guidance", guidance=[0.0, 1.0, 4.0])
    misread, distance, shares = pictures.guidance(runs).axes
    np.testing.assert_allclose(misread.lines[0].get_ydata(), 1 - np.array([0.135, 0.235, 0.335]))
    np.testing.assert_allclose(distance.lines[0].get_ydata(), [0.135, 0.235, 0.335])
    assert distance.get_yscale() == "log" and [t.get_text() for t in shares.texts] == ["precision", "recall"]
    assert [tick.get_text() for tick in shares.get_xticklabels()] == ["0", "1", "4"]


def test_the_weights_of_the_bound_are_drawn_as_shares():
    (ax,) = pictures.step_weights(np.array([6.0, 3.0, 1.0])).axes
    np.testing.assert_allclose(ax.lines[0].get_xydata(), [[2, 0.6], [3, 0.3], [4, 0.1]])
    np.testing.assert_allclose(ax.lines[1].get_ydata(), 1 / 3)


def test_rows_of_images_may_share_a_label():
    images = np.arange(40.0).reshape(20, 2)
    top, bottom = pictures.strips([("a", images), ("b", images[:10])], (1, 2), n_columns=10).axes
    assert top.images[0].get_array().shape == (5, 31) and bottom.images[0].get_array().shape == (3, 31)
    np.testing.assert_allclose(top.images[0].get_array()[3, 1:3], images[10])


def test_the_clocks_show_the_embedding_whole():
    embedded = np.random.default_rng(0).uniform(-1, 1, size=(5, 4))
    left, right, _ = pictures.clocks(np.arange(5), embedded, np.array([1, 2, 9, 2, 1])).axes
    np.testing.assert_allclose(left.images[0].get_array(), embedded.T)
    assert "e(2)" in right.get_ylabel()
