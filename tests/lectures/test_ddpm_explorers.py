"""Explorers of lecture 17: what is drawn at each position is what the model says there."""

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from picture import move_through
from torch import nn

from coursekit import plots
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
        clean, noisy, guess, bells = figure.axes
        times = torch.full((3,), t)
        xt = model.q_sample(codes, times, noise)
        with torch.no_grad():
            x0 = model.predict_x0(xt, times)
        for ax, expected in ((clean, codes), (noisy, xt), (guess, x0)):
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


def test_steps_explorer_draws_the_samples_of_its_position():
    model, _, _ = material()
    rng = np.random.default_rng(0)
    gallery, scores = {}, {}
    for n in (1, 4, 40):
        for eta in (0.0, 0.5, 1.0):
            rows = torch.Generator().manual_seed(0)
            gallery[n, eta] = decode(model.sample_ddim(6, n, eta=eta, rng=rows))
            scores[n, eta] = rng.uniform(size=3)
    move_through(explorers.steps_explorer(gallery, scores, (2, 2)))
    for n, eta in gallery:
        top, bottom = explorers.steps_frame(gallery, scores, (2, 2), n, eta).axes
        np.testing.assert_allclose(top.images[0].get_array()[1:3, 1:3].ravel(), gallery[n, eta][0])
        np.testing.assert_allclose(bottom.images[0].get_array()[1:3, 1:3].ravel(), gallery[n, eta][3])
        assert f"{scores[n, eta].mean():.2f}" in top.get_title(loc="left")
        assert f" {n} step" in explorers.steps_alt(n, eta)


def test_the_quality_picture_shows_means_and_spreads():
    scores = {
        (n, eta): np.array([0.5, 0.7, 0.6]) + 0.1 * eta + n / 1000 for n in (1, 10) for eta in (0.0, 1.0)
    }
    (ax,) = pictures.quality([1, 10], scores, 0.97).axes
    (blue, orange) = ax.containers
    np.testing.assert_allclose(blue.lines[0].get_ydata(orig=False), [0.601, 0.61])
    np.testing.assert_allclose(orange.lines[0].get_ydata(orig=False), [0.701, 0.71])
    low, high = blue.lines[2][0].get_segments()[0][:, 1]
    np.testing.assert_allclose([low, high], 0.601 + np.array([-1, 1]) * np.std([0.5, 0.6, 0.7]))
