"""The explorer of lecture 16 draws what it says."""

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from picture import move_through

from coursekit import plots
from coursekit.flow import explorers, real_nvp


@pytest.fixture(autouse=True)
def style():
    plots.use_course_style()
    yield
    plt.close("all")


@pytest.fixture
def bent():
    """A random flow of four layers, and the stages of its grid."""
    torch.manual_seed(0)
    model = real_nvp(2, n_layers=4, hidden=(8,)).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return model, *explorers.grid_stages(model, 50, rng=torch.Generator().manual_seed(1))


def test_explorer_moves(bent):
    _, grids, clouds = bent
    move_through(explorers.grid_explorer(grids, clouds))


@torch.no_grad()
def test_stages_are_those_of_the_generator(bent):
    model, grids, clouds = bent
    assert len(grids) == len(clouds) == 5
    assert (grids[0][:11, :, 0] == grids[0][:11, :1, 0]).all(), "the first lines of noise are upright"
    last = model.inverse(torch.tensor(grids[0].reshape(-1, 2)))[0]
    np.testing.assert_allclose(grids[-1].reshape(-1, 2), last, atol=1e-12)
    back = model.forward(torch.tensor(clouds[-1]))[0]
    np.testing.assert_allclose(clouds[0], back, atol=1e-9)


@pytest.mark.parametrize("n_layers", [0, 2, 4])
def test_frame_draws_what_it_says(bent, n_layers):
    _, grids, clouds = bent
    (ax,) = explorers.grid_frame(grids, clouds, n_layers).axes
    assert len(ax.lines) == 23
    np.testing.assert_allclose(ax.lines[5].get_xydata(), grids[n_layers][5])
    np.testing.assert_allclose(ax.lines[-1].get_xydata(), clouds[n_layers])
    assert ax.get_xlim() == (-explorers.REACH, explorers.REACH)
    assert ax.get_ylim() == (-0.8 * explorers.REACH, 0.8 * explorers.REACH)
    title = ax.get_title(loc="left")
    assert ("noise" if n_layers == 0 else f"{n_layers} of 4") in title
    assert f"after {n_layers} layers" in explorers.grid_alt(n_layers)
