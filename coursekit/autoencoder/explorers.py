"""Explorers of lecture 10: gradient descent beside a saddle, the best denoiser, a walk through the codes."""

from functools import partial

import ipywidgets
import numpy as np
import torch
from matplotlib import pyplot as plt

from coursekit import widgets
from coursekit.autoencoder import pictures
from coursekit.autoencoder.model import posterior_mean


def descent(w1, w2, *, n_steps=400, learning_rate=0.02):
    """Path (n_steps + 1, 2) of gradient descent on (1 - w1 w2)^2."""
    path = np.empty((n_steps + 1, 2))
    path[0] = w1, w2
    for step in range(n_steps):
        w1, w2 = path[step]
        path[step + 1] = path[step] + 2 * learning_rate * (1 - w1 * w2) * np.array([w2, w1])
    return path


def saddle_frame(w1, w2):
    """Gradient descent from (w1, w2) on the loss of the scalar linear autoencoder, and its loss by step."""
    path = descent(w1, w2)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4.3), width_ratios=[1.1, 1])
    pictures.saddle_landscape([path], ax=left, title=f"from ({w1:.2f}, {w2:.2f})")
    loss = (1 - path.prod(axis=1)) ** 2
    right.plot(loss, color=pictures.COLORS["model"])
    right.axhline(1, color=pictures.COLORS["wrong"], linestyle="--", linewidth=1.2)
    right.text(400, 1.05, "at the saddle", color=pictures.COLORS["wrong"], ha="right")
    right.set(xlim=(0, 400), ylim=(0, 3), xlabel="step", ylabel="loss", title=f"ends at loss {loss[-1]:.2f}")
    return figure


def saddle_alt(w1, w2):
    end = descent(w1, w2)[-1]
    return f"Gradient descent from ({w1:.2f}, {w2:.2f}) ends at ({end[0]:.2f}, {end[1]:.2f})."


def saddle_explorer():
    """Choose where gradient descent starts."""
    first, second = (
        ipywidgets.FloatSlider(value=value, min=-1.5, max=1.5, step=0.25, description=f"start of {name}")
        for name, value in (("w1", 1.25), ("w2", -1.0))
    )
    return widgets.explore(saddle_frame, alt=saddle_alt, w1=first, w2=second)


def denoiser_frame(points, sigma):
    """The data (n, 2) and where the best denoiser for noise of size sigma moves the places of a grid."""
    low, high = points.min(0) - 0.6, points.max(0) + 0.6
    grid = np.stack(np.meshgrid(*(np.linspace(a, b, 15) for a, b in zip(low, high, strict=True))), -1)
    places = grid.reshape(-1, 2)
    moves = posterior_mean(points, places, sigma).numpy() - places
    return pictures.denoiser_field(points, places, moves, title=f"noise of size {sigma:.2f}")


def denoiser_alt(sigma):
    return f"Arrows of the best denoiser on a grid around the data, for noise of size {sigma:.2f}."


def denoiser_explorer(points):
    """Choose the size of the noise."""
    slider = ipywidgets.FloatSlider(value=0.3, min=0.05, max=1.5, step=0.05, description="size of the noise")
    return widgets.explore(partial(denoiser_frame, points), alt=denoiser_alt, sigma=slider)


def walk_frame(model, codes, labels, mean, image_shape, z1, z2):
    """The map of the codes (n, 2) and what the decoder makes of (z1, z2); mean (pixels,) is added."""
    with torch.no_grad():
        image = model.decode(torch.tensor([[z1, z2]], dtype=next(model.parameters()).dtype))[0].numpy()
    return pictures.walk_through_codes(codes, labels, (z1, z2), image + mean, image_shape)


def walk_alt(z1, z2):
    return f"The map of the codes with a cross at ({z1:.1f}, {z2:.1f}), and the image decoded there."


def walk_explorer(model, codes, labels, mean, image_shape):
    """Move a cross over the map of two-dimensional codes."""
    low, high = codes.min(0), codes.max(0)
    sliders = {
        name: ipywidgets.FloatSlider(
            value=float(np.median(codes[:, i])),
            min=float(low[i]),
            max=float(high[i]),
            step=float((high[i] - low[i]) / 40),
            description=name,
        )
        for i, name in enumerate(("z1", "z2"))
    }
    frame = partial(walk_frame, model, codes, labels, mean, image_shape)
    return widgets.explore(frame, alt=walk_alt, **sliders)
