"""The explorer of lecture 13: walk between two codes, on the straight line and on the great circle."""

from functools import partial

import ipywidgets
import numpy as np
import torch
from matplotlib import pyplot as plt

from coursekit import widgets
from coursekit.gan_training import great_circle, straight
from coursekit.plots import COLORS, digits_strip

N_POINTS = 21  # of a walk, both ends included


@torch.no_grad()
def walks(generator, a, b):
    """Pictures along both ways between the codes a and b (n, d): dict way -> (N_POINTS, n, pixels)."""
    points = np.linspace(0, 1, N_POINTS)
    return {
        way.__name__: torch.stack([generator(way(a, b, float(t))).flatten(1) for t in points]).numpy()
        for way in (straight, great_circle)
    }


def walk_frame(strips, image_shape, t):
    """Digits at t of the way, 0 to 1: the straight line above, the great circle below."""
    figure = plt.figure(figsize=(9.2, 2.5), layout="none")  # a fixed layout is quick, and nothing moves
    names = {"straight": ("straight line", "wrong"), "great_circle": ("great circle", "latent")}
    for k, (way, (name, color)) in enumerate(names.items()):
        pictures = strips[way][round(t * (N_POINTS - 1))]
        ax = figure.add_axes((0.13, 0.44 - 0.42 * k, 0.86, 0.41))
        digits_strip(ax, pictures, image_shape, n_columns=len(pictures), value_range=(-1, 1))
        figure.text(0.12, 0.645 - 0.42 * k, name, ha="right", va="center", color=COLORS[color], fontsize=11)
    figure.text(0.13, 0.91, f"{t:.2f} of the way from a to b", fontsize=11.5)
    return figure


def walk_alt(t):
    return (
        f"Two rows of generated digits at {t:.2f} of the way between two codes each: on the straight line "
        "above, on the great circle below."
    )


def walk_explorer(strips, image_shape):
    """A slider for the place on the way, over pictures made before (see `walks`)."""
    t = ipywidgets.FloatSlider(value=0.5, min=0, max=1, step=1 / (N_POINTS - 1), description="t, from a to b")
    return widgets.explore(partial(walk_frame, strips, image_shape), alt=walk_alt, t=t)
