"""The explorers of lecture 10 draw what they say."""

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from picture import move_through

from coursekit import plots
from coursekit.autoencoder import Autoencoder, explorers, posterior_mean


@pytest.fixture(autouse=True)
def style():
    plots.use_course_style()
    yield
    plt.close("all")


def codes_of_noise():
    torch.manual_seed(1)
    model = Autoencoder(64, 2, hidden=(6,), activation="tanh")
    x = torch.rand(40, 64)
    return model, model.encode(x).detach().numpy(), np.arange(40) % 10, x.mean(0).numpy()


def test_saddle_explorer_descends_as_automatic_differentiation_does():
    move_through(explorers.saddle_explorer())
    for start in ([1.25, -1.0], [-1.5, 0.25], [0.0, 0.0]):
        w = torch.tensor(start, dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.SGD([w], lr=0.02)
        for _ in range(30):
            optimizer.zero_grad()
            ((1 - w[0] * w[1]) ** 2).backward()
            optimizer.step()
        np.testing.assert_allclose(explorers.descent(*start)[30], w.detach(), atol=1e-12)
        left, right = explorers.saddle_frame(*start).axes
        drawn = right.lines[0].get_ydata()
        assert drawn[0] == pytest.approx((1 - start[0] * start[1]) ** 2)
        assert f"{drawn[-1]:.2f}" in right.get_title(loc="left") and left.get_xlim() == (-2.5, 2.5)


def test_best_denoiser_beats_every_other_and_the_arrows_are_its_moves():
    rng = np.random.default_rng(2)
    points = rng.normal(size=(5, 2))
    move_through(explorers.denoiser_explorer(points))
    # Monte Carlo free: over the five points, the conditional expectation minimises the weighted error.
    seen, sigma = rng.normal(size=(6, 2)), 0.7
    best = posterior_mean(points, seen, sigma).numpy()
    weight = np.exp(-((seen[:, None] - points) ** 2).sum(-1) / (2 * sigma**2))

    def cost(guess):
        return (weight * ((guess[:, None] - points) ** 2).sum(-1)).sum(1)

    for _ in range(20):
        assert np.all(cost(best) < cost(best + 0.01 * rng.normal(size=best.shape)))
    for sigma in (0.05, 0.75, 1.5):
        ax = explorers.denoiser_frame(points, sigma).axes[0]
        field = ax.collections[0]
        moves = posterior_mean(points, field.XY, sigma).numpy() - field.XY
        np.testing.assert_allclose(np.stack([field.U, field.V], 1), moves)


def test_best_denoiser_far_from_all_points_stays_finite():
    far = posterior_mean(np.eye(2), np.array([[500.0, 0.0]]), 0.05)
    np.testing.assert_allclose(far, [[1.0, 0.0]])


def test_walk_explorer_shows_the_decoded_code():
    model, codes, labels, mean = codes_of_noise()
    move_through(explorers.walk_explorer(model, codes, labels, mean, (8, 8)))
    for at in (codes.min(0), codes.mean(0), codes.max(0)):
        left, right = explorers.walk_frame(model, codes, labels, mean, (8, 8), *map(float, at)).axes
        expected = model.decode(torch.tensor(at)[None]).detach().numpy()[0] + mean
        drawn = right.images[0].get_array()[1:9, 1:9]
        np.testing.assert_allclose(drawn, expected.reshape(8, 8), atol=1e-6)
        assert f"{at[0]:.1f}" in explorers.walk_alt(*at)
