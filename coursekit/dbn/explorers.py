"""The explorer of lecture 09: clamp a label, and watch what the top machine makes of it, step by step."""

from functools import partial

import ipywidgets
import numpy as np
from matplotlib import pyplot as plt

from coursekit import widgets
from coursekit.plots import COLORS, digits_strip


def clamped_frame(images, steps, image_shape, label, step):
    """Chains of the top machine with the class `label` clamped, as pictures after `step` Gibbs steps.

    images: (classes, steps, chains, pixels), probabilities of ink, one pass down from each state.
    """
    now = images[label, list(steps).index(step)]
    figure = plt.figure(figsize=(9.2, 2.6), layout="none")  # a fixed layout is quick, and nothing moves
    ax = figure.add_axes((0.01, 0.02, 0.98, 0.8))
    digits_strip(ax, now, image_shape, n_columns=len(now), value_range=(0, 1))
    word = "step" if step == 1 else "steps"
    figure.text(
        0.012, 0.88, f"label {label} clamped, {step} Gibbs {word}", fontsize=12, color=COLORS["model"]
    )
    return figure


def clamped_alt(label, step):
    return (
        f"A row of images by chains of the top machine with the label {label} clamped, after {step} Gibbs "
        "steps from fair coins and one pass down."
    )


def clamped_explorer(images, steps, image_shape):
    """Sliders for the label and the number of Gibbs steps over `images` made before (see `clamped_frame`)."""
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[1] != len(steps):
        raise ValueError(f"images must be (classes, {len(steps)} steps, chains, pixels), got {images.shape}")
    label = ipywidgets.IntSlider(min=0, max=len(images) - 1, value=3, description="label")
    step = ipywidgets.SelectionSlider(options=list(steps), value=steps[-1], description="Gibbs steps")
    frame = partial(clamped_frame, images, tuple(steps), image_shape)
    return widgets.explore(frame, alt=clamped_alt, label=label, step=step)
