"""The explorers of lecture 06 draw what they say."""

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb
from picture import move_through

from coursekit import plots
from coursekit.autoregressive import MaskGIT, explorers, seen_pixels


@pytest.fixture(autouse=True)
def style():
    plots.use_course_style()
    yield
    plt.close("all")


def test_what_a_pixel_sees_can_be_moved():
    box = explorers.seen_explorer()
    # Plain or gated are two pictures; a control with a middle is asked for three.
    box.controls = {name: box.controls[name] for name in ("kernel", "n_layers")}
    move_through(box)
    before = box.children[-1].value
    gated = next(child for child in box.children if child.description == "network")
    gated.value = True
    assert box.children[-1].value != before


@pytest.mark.parametrize(("kernel", "n_layers", "gated"), [(3, 1, False), (5, 5, False), (7, 10, True)])
def test_the_frame_colours_what_is_seen(kernel, n_layers, gated):
    (ax,) = explorers.seen_frame(kernel, n_layers, gated).axes
    colours = np.asarray(ax.images[0].get_array())
    seen = seen_pixels(explorers.SHAPE, *explorers.PIXEL, kernel=kernel, n_layers=n_layers, gated=gated)
    red = np.isclose(colours, to_rgb(plots.COLORS["wrong"])).all(-1)
    white = np.isclose(colours, 1.0).all(-1)
    row, column = explorers.PIXEL
    place = np.arange(seen.size).reshape(seen.shape)
    asked = row * seen.shape[1] + column
    np.testing.assert_array_equal(red, (place < asked) & ~seen)
    np.testing.assert_array_equal(white, place > asked)
    assert f"{red.sum()} of {asked}" in ax.get_xlabel()
    assert f"sees {seen.sum()} of the {asked}" in explorers.seen_alt(kernel, n_layers, gated)
    assert str(kernel) in ax.get_title(loc="left") and ("gated" in ax.get_title(loc="left")) == gated


def test_samples_by_steps():
    torch.manual_seed(0)
    model = MaskGIT(64, n_levels=17, hidden=(16,)).eval()
    sheets = explorers.samples_by_steps(model, (1, 4, 16))
    assert set(sheets) == {(n, way) for n in (1, 4, 16) for way in ("random", "confidence")}
    box = explorers.steps_explorer(sheets, (8, 8))
    box.controls = {"n_steps": box.controls["n_steps"]}
    move_through(box)
    for n_steps in (1, 4, 16):
        (ax,) = explorers.steps_frame(sheets, (8, 8), n_steps, "confidence").axes
        drawn = ax.images[0].get_array()[1:9, 1:9]
        np.testing.assert_array_equal(drawn, sheets[n_steps, "confidence"][0].reshape(8, 8))
        assert f"{n_steps} pass" in ax.get_title(loc="left") and "confidence" in ax.get_title(loc="left")
        assert f"{n_steps} passes" in explorers.steps_alt(n_steps, "confidence")
