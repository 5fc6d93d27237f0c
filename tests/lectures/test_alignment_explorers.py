"""The explorer of lecture 18 and the pictures whose marks can be read back: they draw what they say."""

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from picture import move_through

from coursekit import plots
from coursekit.alignment import best_of_n, explorers, optimal_policy, pictures


@pytest.fixture(autouse=True)
def style():
    plots.use_course_style()
    yield
    plt.close("all")


@pytest.fixture
def texts():
    """log reference, reward and taste of 40 texts."""
    rng = np.random.default_rng(0)
    return np.log(rng.dirichlet(np.ones(40))), rng.normal(size=40), rng.normal(size=40)


def test_explorer_moves(texts):
    move_through(explorers.beta_explorer(*texts))


@pytest.mark.parametrize("beta, n", [(3.0, 1), (0.3, 16), (0.01, 512)])
def test_the_frame_draws_the_policies_it_names(texts, beta, n):
    by_beta, by_draws = explorers.landscape(*texts)
    log_reference, reward, taste = (torch.tensor(x) for x in texts)
    figure = explorers.beta_frame(by_beta, by_draws, beta, n)
    for ax, score in zip(figure.axes, (reward, taste), strict=True):
        for line, log_p in zip(
            ax.lines[1:],
            (optimal_policy(log_reference, reward, beta), best_of_n(log_reference, reward, n)),
            strict=True,
        ):
            p = log_p.exp()
            kl = torch.special.xlogy(p, p / log_reference.exp()).sum()
            np.testing.assert_allclose(line.get_xydata()[0], [kl, p @ score], atol=1e-9)
    assert f"beta {beta:g} on the line" in explorers.beta_alt(beta, n)
    assert f"best of {n} draws" in explorers.beta_alt(beta, n)


def test_what_does_not_fit_is_refused(texts):
    with pytest.raises(ValueError, match="one entry per text"):
        explorers.landscape(texts[0], texts[1][:5], texts[2])


def test_lines_and_dots_are_drawn_where_they_are():
    curves = [("a", np.array([1.0, 2.0]), "model", "-"), ("b", np.array([1.0, 2.1]), "data", ":")]
    (ax,) = pictures.lines([0, 1], curves, xlabel="x", ylabel="y", title="t", spread=0.5).axes
    assert [line.get_ydata().tolist() for line in ax.lines] == [[1.0, 2.0], [1.0, 2.1]]
    (ax,) = pictures.dots([("a", [1.0, 3.0], "model"), ("b", [2.0], "data")], xlabel="x", title="t").axes
    assert [line.get_xydata().tolist() for line in ax.lines[:2]] == [[[1, 0], [3, 0]], [[2, 1]]]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]


def test_negative_estimates_are_red_and_weights_are_heights():
    k1, k3 = np.array([-1.05, 1.05]), np.array([0.55, 0.15])
    axes = pictures.estimates((k1, k3), np.array([0.25, 0.75]), 0.4).axes
    heights = [[bar.get_height() for bar in ax.patches if bar.get_height() > 0] for ax in axes]
    assert heights == [[0.25, 0.75], [0.75, 0.25]]


def test_the_clipped_objective_lies_on_or_below_the_plain_one():
    ratio = np.linspace(0.4, 1.8, 8)
    objective = np.minimum(ratio, np.clip(ratio, 0.8, 1.2))
    axes = pictures.clipped(
        ratio, [objective, np.minimum(-ratio, -np.clip(ratio, 0.8, 1.2))], ["+", "-"]
    ).axes
    for ax in axes:
        plain, ours = ax.lines[:2]
        assert (ours.get_ydata() <= plain.get_ydata() + 1e-12).all()


def test_shares_of_experts_are_the_bars():
    axes = pictures.loads([np.array([0.1, 0.9]), np.array([0.5, 0.5])], ["a", "b"], suptitle="s").axes
    assert [[bar.get_height() for bar in ax.patches] for ax in axes] == [[0.1, 0.9], [0.5, 0.5]]
