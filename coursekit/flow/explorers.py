"""Explorer of lecture 16: a grid of noise is bent, layer by layer, until it holds the data."""

from functools import partial

import ipywidgets
import numpy as np
import torch

from coursekit import widgets
from coursekit.flow import pictures

REACH = 3.3  # half the side of the picture: it holds the noise and the moons


@torch.no_grad()
def grid_stages(model, n_points=1500, *, rng=None):
    """Stages of a grid of noise, [(k, m, 2), ...], and of a cloud of noise, [(n, 2), ...]; noise first.

    model: a trained Flow on the plane. One stage more than the flow has layers.
    """
    dtype = model.origin.dtype
    even, fine = torch.linspace(-2.5, 2.5, 11, dtype=dtype), torch.linspace(-2.5, 2.5, 201, dtype=dtype)
    upright = torch.stack([even[:, None].expand(-1, 201), fine.expand(11, -1)], dim=-1)
    lines = torch.cat([upright, upright.flip(-1)])  # (22, 201, 2)
    cloud = torch.randn(n_points, 2, generator=rng, dtype=dtype)
    grids = [stage.reshape(lines.shape).numpy() for stage in model.cascade(lines.reshape(-1, 2))]
    return grids, [stage.numpy() for stage in model.cascade(cloud)]


def grid_frame(grids, clouds, n_layers):
    """The grid and the cloud after n_layers of the generator; the axes stay the same."""
    n = len(grids) - 1
    title = "noise" if n_layers == 0 else f"after {n_layers} of {n} layers"
    return pictures.grid_stage(np.asarray(grids[n_layers]), clouds[n_layers], REACH, title)


def grid_alt(n_layers):
    return f"A grid of straight lines and a cloud of noise after {n_layers} layers of the generator."


def grid_explorer(grids, clouds):
    """Choose how many layers of the generator the noise has passed."""
    slider = ipywidgets.IntSlider(value=0, min=0, max=len(grids) - 1, description="layers passed")
    return widgets.explore(partial(grid_frame, grids, clouds), alt=grid_alt, n_layers=slider)
