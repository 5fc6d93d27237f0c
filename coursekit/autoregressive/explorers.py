"""Explorers of lecture 06: which pixels a pixel sees, and how many steps an image takes."""

from functools import partial

import ipywidgets
import torch

from coursekit import widgets
from coursekit.autoregressive import pictures
from coursekit.autoregressive.pixelcnn import seen_pixels

SHAPE, PIXEL = (11, 11), (6, 5)  # the image, and the pixel that asks


def seen_frame(kernel, n_layers, gated):
    """What the pixel in the middle of an 11 x 11 image sees of its past."""
    seen = seen_pixels(SHAPE, *PIXEL, kernel=kernel, n_layers=n_layers, gated=gated)
    layers = f"{n_layers} layer{'s' * (n_layers > 1)}"
    title = f"{'gated' if gated else 'plain'}, {kernel} x {kernel}, {layers}"
    return pictures.seen_one(seen, *PIXEL, title)


def seen_alt(kernel, n_layers, gated):
    seen = seen_pixels(SHAPE, *PIXEL, kernel=kernel, n_layers=n_layers, gated=gated)
    past = PIXEL[0] * SHAPE[1] + PIXEL[1]
    kind = "two gated stacks" if gated else "plain masked convolutions"
    return (
        f"Eleven by eleven pixels; with {n_layers} layers of {kernel} by {kernel}, {kind},"
        f" the pixel in the middle sees {int(seen.sum())} of the {past} pixels before it."
    )


def seen_explorer():
    """Choose window, number of layers, and plain or gated."""
    return widgets.explore(
        seen_frame,
        alt=seen_alt,
        kernel=ipywidgets.IntSlider(value=3, min=3, max=7, step=2, description="window"),
        n_layers=ipywidgets.IntSlider(value=2, min=1, max=10, description="layers"),
        gated=ipywidgets.Dropdown(
            value=False, options=[("plain", False), ("gated", True)], description="network"
        ),
    )


@torch.no_grad()
def samples_by_steps(model, steps, *, n=20, seed=0):
    """Images (n, d) for each number of steps and each rule: {(n_steps, choose): array}."""
    return {
        (n_steps, choose): model.sample(
            n, n_steps=n_steps, choose=choose, rng=torch.Generator().manual_seed(seed)
        ).numpy()
        for n_steps in steps
        for choose in ("random", "confidence")
    }


def steps_frame(sheets, image_shape, n_steps, choose):
    """Samples of a masked model in n_steps passes, pixels chosen at random or by confidence."""
    passes = f"{n_steps} pass{'es' * (n_steps > 1)}"
    return pictures.sample_sheet(
        sheets[n_steps, choose], image_shape, f"{passes}, pixels chosen by {CHOICE[choose]}"
    )


CHOICE = {"random": "chance", "confidence": "confidence"}


def steps_alt(n_steps, choose):
    return (
        f"Two rows of ten samples of a masked model in {n_steps} passes, pixels chosen by {CHOICE[choose]}."
    )


def steps_explorer(sheets, image_shape):
    """Choose the number of passes and the rule; sheets: from `samples_by_steps`."""
    steps = sorted({n_steps for n_steps, _ in sheets})
    return widgets.explore(
        partial(steps_frame, sheets, image_shape),
        alt=steps_alt,
        n_steps=ipywidgets.SelectionSlider(value=steps[0], options=steps, description="passes"),
        choose=ipywidgets.Dropdown(
            value="random",
            options=[("by chance", "random"), ("by confidence", "confidence")],
            description="which pixels",
        ),
    )
