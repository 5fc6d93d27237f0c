"""Explorers of lecture 11: what is drawn is what the model decodes, and the costs of the chosen run."""

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from picture import move_through

from coursekit import plots
from coursekit.vae import VAE, explorers, pictures, recipe


@pytest.fixture(autouse=True)
def style():
    plots.use_course_style()
    yield
    plt.close("all")


@pytest.fixture
def plane():
    """A VAE with two latents and parameters that are not small, codes and labels."""
    torch.manual_seed(4)
    model = VAE(64, 2, hidden=(16,), activation="tanh")
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_()
    rng = np.random.default_rng(4)
    return model, rng.normal(size=(50, 2)), np.arange(50) % 10


def title(ax):
    return ax.get_title(loc="left")


def test_latent_explorer_draws_what_the_model_decodes(plane):
    model, codes, labels = plane
    move_through(explorers.latent_explorer(model, codes, labels, (8, 8)))
    for z1, z2 in ((-3.0, 0.0), (0.0, 0.0), (3.0, -3.0)):
        left, right = explorers.latent_frame(model, codes, labels, (8, 8), z1, z2).axes
        marked = [line for line in left.lines if line.get_marker() == "P"]
        assert len(marked) == 1 and (*marked[0].get_xdata(), *marked[0].get_ydata()) == (z1, z2)
        expected = torch.sigmoid(model.decoder(torch.tensor([[z1, z2]]))).detach().numpy()
        np.testing.assert_allclose(right.images[0].get_array()[1:9, 1:9], expected.reshape(8, 8), rtol=1e-6)
        points = np.concatenate([line.get_xydata() for line in left.lines if line.get_marker() == "."])
        assert {tuple(p) for p in points} == {tuple(p) for p in codes}
        assert f"({z1:.1f}, {z2:.1f})" in title(left)
        assert f"({z1:.1f}, {z2:.1f})" in explorers.latent_alt(z1, z2)


def test_beta_explorer_shows_the_costs_of_the_chosen_run():
    rng = np.random.default_rng(5)
    originals = rng.random((10, 64))
    runs = {
        beta: {
            "reconstruction": -15.0 - i,
            "kl": 9.0 / (1 + i),
            "active": 8 - 3 * i,
            "rebuilt": rng.random((10, 64)),
            "samples": rng.random((10, 64)),
        }
        for i, beta in enumerate((0.25, 1.0, 4.0))
    }
    move_through(explorers.beta_explorer(runs, originals, (8, 8)))
    limits = set()
    for beta, run in runs.items():
        left, *rows = explorers.beta_frame(runs, originals, (8, 8), beta).axes
        line, dot = left.lines
        np.testing.assert_allclose(
            line.get_xydata(), [(r["kl"], -r["reconstruction"]) for r in runs.values()]
        )
        np.testing.assert_allclose(dot.get_xydata(), [(run["kl"], -run["reconstruction"])])
        for ax, images in zip(rows, (originals, run["rebuilt"], run["samples"]), strict=True):
            np.testing.assert_allclose(ax.images[0].get_array()[1:9, 1:9], images[0].reshape(8, 8))
        assert f"beta = {beta:g}: {run['active']} latents" in title(rows[0])
        assert f"beta {beta:g} " in explorers.beta_alt(beta)
        limits.add((left.get_xlim(), left.get_ylim()))
    assert len(limits) == 1, "the axes must not move under the reader"


def test_the_labels_of_rows_have_a_margin():
    images = np.zeros((10, 196))
    for names in (["data", "3: drawn"], ["data", *recipe.BLURRED]):
        figure = pictures.strips(dict.fromkeys(names, images), (14, 14), title="a finding")
        figure.draw_without_rendering()
        figure.draw_without_rendering()  # the layout settles at the second drawing
        left = min(ax.yaxis.label.get_window_extent().x0 for ax in figure.axes)
        right = max(ax.get_window_extent().x1 for ax in figure.axes)
        assert 0.08 * figure.dpi < left and right < figure.bbox.x1
