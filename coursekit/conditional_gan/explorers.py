"""Explorers of lecture 15: ask for a picture, walk between two codes, fade a layer in."""

from functools import partial

import ipywidgets
import numpy as np
from matplotlib import pyplot as plt

from coursekit import widgets
from coursekit.conditional_gan.pictures import draw_row
from coursekit.data import SHAPE_WORDS, describe
from coursekit.plots import COLORS


def _row_figure(images, text):
    figure = plt.figure(figsize=(9.2, 1.7), layout="none")  # a fixed layout is quick, and nothing moves
    draw_row(figure.add_axes((0.01, 0.02, 0.98, 0.72)), images)
    figure.text(0.012, 0.84, text, fontsize=12, color=COLORS["model"])
    return figure


def wish_frame(images, colour, shape, place):
    """Eight pictures of a generator that was asked for these words.

    images: (4, 3, 4, 8, 3, h, w): colour, shape, place, latents, channels, pixels.
    """
    number = [
        SHAPE_WORDS[name].index(word) for name, word in zip(SHAPE_WORDS, (colour, shape, place), strict=True)
    ]
    return _row_figure(images[tuple(number)], f"asked for: {describe([number])[0]}")


def wish_alt(colour, shape, place):
    return f"Eight pictures by a generator that was asked for a {colour} {shape}, {place}."


def wish_explorer(images):
    """Choose colour, shape and place; images as in `wish_frame`, drawn before."""
    images = np.asarray(images)
    if images.ndim != 7 or images.shape[:3] != (4, 3, 4):
        raise ValueError(f"images must be (4, 3, 4, latents, channels, h, w), got {images.shape}")
    menus = {
        name: ipywidgets.SelectionSlider(options=list(words), value=words[0], description=name)
        for name, words in SHAPE_WORDS.items()
    }
    return widgets.explore(partial(wish_frame, images), alt=wish_alt, **menus)


def walk_frame(images, names, position):
    """Pictures at `position`, from 0 to 1, on the straight way between two conditions, the latents held.

    images: (positions, n, 3, h, w). names: what is asked for at the two ends.
    """
    now = images[round(position * (len(images) - 1))]
    return _row_figure(now, f"{1 - position:.1f} of “{names[0]}” and {position:.1f} of “{names[1]}”")


def walk_alt(names, position):
    """The alternative text of `walk_frame`."""
    return f"Eight pictures at {position:.1f} of the way from {names[0]} to {names[1]}."


def walk_explorer(images, names):
    """Walk from one condition to another; images and names as in `walk_frame`."""
    images = np.asarray(images)
    if images.ndim != 5 or len(images) < 2:
        raise ValueError(
            f"images must be (positions, n, 3, h, w), two positions at least, got {images.shape}"
        )
    slider = ipywidgets.FloatSlider(min=0, max=1, step=0.1, value=0.5, description="position")
    return widgets.explore(partial(walk_frame, images, names), alt=partial(walk_alt, names), position=slider)


def fade_frame(images, alpha):
    """The same latents under a new layer that is faded in as far as alpha; images (alphas, n, 3, h, w)."""
    now = images[round(alpha * (len(images) - 1))]
    return _row_figure(now, f"alpha = {alpha:.1f}: {1 - alpha:.0%} coarse, {alpha:.0%} fine")


def fade_alt(alpha):
    return f"Eight pictures of a growing generator, its new layer faded in to alpha {alpha:.1f}."


def fade_explorer(images):
    """Fade a new layer in; images as in `fade_frame`, from alpha 0 to 1 in equal steps."""
    images = np.asarray(images)
    if images.ndim != 5 or len(images) < 2:
        raise ValueError(f"images must be (alphas, n, 3, h, w), two alphas at least, got {images.shape}")
    slider = ipywidgets.FloatSlider(min=0, max=1, step=0.1, value=0, description="alpha")
    return widgets.explore(partial(fade_frame, images), alt=fade_alt, alpha=slider)
