"""The explorer of lecture 12 draws what it says."""

import numpy as np
import pytest
from matplotlib import pyplot as plt
from picture import move_through
from scipy import integrate, stats

from coursekit import plots
from coursekit.gan import explorers


@pytest.fixture(autouse=True)
def style():
    plots.use_course_style()
    yield
    plt.close("all")


def test_explorer_moves():
    move_through(explorers.best_answer_explorer())


@pytest.mark.parametrize(("mean", "std"), [(-6.0, 0.5), (0.0, 1.0), (1.5, 2.0), (6.0, 1.0)])
def test_forces_are_the_slopes_of_their_divergences(mean, std):
    # Under D*, log(1 - D) follows 2 JSD (Goodfellow et al. 2014), -log D KL - 2 JSD (Arjovsky & Bottou 2017).
    step = 1e-4

    def divergences(at):
        js = explorers.forces(at, std, x=np.linspace(-20, 20, 8001))[0]
        return np.array([2 * js, (std**2 + at**2 - 1) / 2 - np.log(std) - 2 * js])

    expected = (divergences(mean + step) - divergences(mean - step)) / (2 * step)
    np.testing.assert_allclose(explorers.forces(mean, std)[1:], expected, atol=1e-6)


@pytest.mark.parametrize("position", [-6.0, 0.0, 6.0])
def test_frame_draws_what_it_says(position):
    densities, answer, distance, slopes = explorers.best_answer_frame(position, 0.7).axes
    x, D = answer.lines[0].get_data()
    p, q = stats.norm(0, 1).pdf(x), stats.norm(position, 0.7).pdf(x)
    np.testing.assert_allclose(D, p / (p + q), atol=1e-12)
    np.testing.assert_allclose(densities.lines[1].get_ydata(), q, atol=1e-15)

    def cell(at):
        p, q = stats.norm(0, 1).pdf(at), stats.norm(position, 0.7).pdf(at)
        return sum(d * np.log(2 * d / (p + q)) for d in (p, q) if d > 0) / 2

    divergence = integrate.quad(cell, -15, 15, limit=400, points=[0, position])[0]
    assert distance.lines[-1].get_ydata()[0] == pytest.approx(divergence, abs=1e-6)
    assert f"{divergence:.2f}" in distance.get_title(loc="left")
    assert distance.get_ylim() == (0, 0.78) and slopes.get_ylim() == (-6, 6)
    assert f"at {position:.1f}" in explorers.best_answer_alt(position, 0.7)
