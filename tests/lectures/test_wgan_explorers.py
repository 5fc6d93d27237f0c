"""The explorers of lecture 14 draw what they say."""

import copy

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from picture import move_through

from coursekit import plots, wgan
from coursekit.networks import mlp
from coursekit.wgan import explorers
from coursekit.wgan.model import CONSTRAINTS

STEPS = [0, 3, 12, 40]
GRID = np.linspace(-2.0, 5.0, 41)


@pytest.fixture(autouse=True)
def style():
    plots.use_course_style()
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def samples():
    """Data and model on a line, (40,) each."""
    rng = np.random.default_rng(14)
    return rng.normal(0, 0.6, size=40), rng.normal(2.5, 0.8, size=40)


def tiny_game(constraint, seed=3):
    """A game with a small critic in double precision, and the critic's optimizer."""
    torch.manual_seed(seed)
    critic = mlp((1, 8, 1)).double()
    game = wgan.WGAN(torch.nn.Identity(), critic, n_latent=1, constraint=constraint, clip=0.3)
    return game, torch.optim.Adam(critic.parameters(), lr=0.03)


@pytest.fixture(scope="module", params=CONSTRAINTS)
def training(request, samples):
    """What `snapshots` kept of a tiny critic, and critics trained by hand for 0, 3, 12 and 40 steps."""
    a, b = samples
    real, fake = (torch.tensor(sample)[:, None] for sample in (a, b))
    kept = explorers.snapshots(*tiny_game(request.param), real, fake, STEPS, GRID)
    critics, (game, optimizer) = {}, tiny_game(request.param)
    for step in range(STEPS[-1] + 1):
        critics[step] = copy.deepcopy(game.opponent)
        loss = game.opponent(fake).mean() - game.opponent(real).mean()
        if request.param == "penalty":
            noise = torch.rand(len(real), generator=torch.Generator().manual_seed(step), dtype=real.dtype)
            between = noise[:, None] * real + (1 - noise[:, None]) * fake
            between.requires_grad_()
            (slope,) = torch.autograd.grad(game.opponent(between).sum(), between, create_graph=True)
            loss = loss + 10 * ((slope.abs() - 1) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if request.param == "clip":
            for weight in game.opponent.parameters():
                weight.data = weight.data.clip(-0.3, 0.3)
    return kept, critics, a, b


def test_explorers_move(samples):
    move_through(explorers.lines_explorer())
    real, fake = (torch.tensor(sample)[:, None] for sample in samples)
    curves, values = explorers.snapshots(*tiny_game("penalty"), real, fake, STEPS, GRID)
    exact = wgan.earth_mover_1d(*samples)
    move_through(explorers.critic_explorer(STEPS, curves, values, exact, GRID, *samples))


@pytest.mark.parametrize("theta", [-1.0, 0.0, 0.35, 1.0])
def test_lines_frame_draws_what_it_says(theta):
    left, right = explorers.lines_frame(theta).axes
    data, model = left.lines[:2]
    np.testing.assert_array_equal(data.get_xdata(), 0)
    np.testing.assert_array_equal(model.get_xdata(), theta)
    np.testing.assert_array_equal(model.get_ydata(), data.get_ydata())
    # Each point travels to the same height on the other line, which is the cheapest plan of all.
    here, there = (np.column_stack(line.get_data()) for line in (data, model))
    mass = np.full(len(here), 1 / len(here))
    price = np.linalg.norm(here[:, None] - there[None], axis=2)
    distance, _ = wgan.earth_mover_lp(mass, mass, price)
    arrows = [t for t in left.texts if getattr(t, "arrow_patch", None) is not None]
    assert bool(arrows) == (theta != 0)
    for arrow in arrows:
        assert np.hypot(*np.subtract(arrow.xyann, arrow.xy)) == pytest.approx(distance)
    # Lines that share no point: the mixture's cell holds one of them only, so JSD = log 2.
    divergence = 0.0 if theta == 0 else np.log(2)
    marked = right.lines[-1]
    np.testing.assert_array_equal(marked.get_xdata(), theta)
    np.testing.assert_allclose(marked.get_ydata(), [distance, divergence], atol=1e-12)
    thetas, emd = right.lines[0].get_data()
    assert thetas[0] <= -1 and thetas[-1] >= 1
    np.testing.assert_allclose(np.interp(theta, thetas, emd), distance, atol=1e-12)
    for curve in right.lines[1:3]:
        assert 0 not in curve.get_xdata()
        np.testing.assert_allclose(curve.get_ydata(), np.log(2))
    np.testing.assert_array_equal(right.lines[3].get_data(), [[0], [0]])  # equal lines: no divergence
    assert f"{distance:.2f}" in left.get_title(loc="left")
    alt = explorers.lines_alt(theta)
    assert f"distance {theta:.2f};" in alt and f"is {distance:.2f}." in alt


def test_snapshots_are_of_the_critic_after_so_many_steps(training):
    (curves, values), critics, a, b = training
    assert len(curves) == len(values) == len(STEPS)
    for step, curve, value in zip(STEPS, curves, values, strict=True):
        with torch.no_grad():
            at_grid, at_a, at_b = (
                critics[step](torch.tensor(x)[:, None]).numpy().ravel() for x in (GRID, a, b)
            )
        np.testing.assert_allclose(curve, at_grid - at_grid.mean(), atol=1e-10)
        assert value == pytest.approx(at_a.mean() - at_b.mean(), abs=1e-10)
    assert values[-1] > values[0], "the critic has learned"


@pytest.mark.parametrize("i", [0, 2, 3])
def test_critic_frame_draws_what_it_says(training, i):
    (curves, values), _, a, b = training
    exact, now = wgan.earth_mover_1d(a, b), STEPS[i]
    left, right = explorers.critic_frame(STEPS, curves, values, exact, GRID, a, b, now).axes
    x, f = left.lines[0].get_data()
    np.testing.assert_array_equal(x, GRID)
    np.testing.assert_allclose(f, curves[i])
    for drawn, sample in zip(left.lines[1:3], (a, b), strict=True):
        np.testing.assert_array_equal(drawn.get_xdata(), sample)
    np.testing.assert_array_equal(np.array(right.lines[0].get_data()), [STEPS, values])
    np.testing.assert_array_equal(np.array(right.lines[1].get_data()).ravel(), [now, values[i]])
    np.testing.assert_allclose(right.lines[2].get_ydata(), exact)
    assert f"{now} steps" in left.get_title(loc="left")
    assert f"{now} steps" in explorers.critic_alt(now)
    low, high = left.get_ylim()
    assert low < curves[i].min() and curves[i].max() < high, "the curve is inside the picture"
