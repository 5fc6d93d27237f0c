"""The course's colours, measured: apart for every kind of colour vision and on a grey printer, and legible.

Colour blindness is simulated with the matrices of Machado, Oliveira and Fernandes 2009 (severity 1, on linear
RGB); distances are Euclidean in OKLab (Ottosson 2020), where about .02 is the least that one notices.
"""

from itertools import combinations, pairwise

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from picture import contrast, linear, luminance

from coursekit.plots import COLORS, CYCLE

VISIONS = {
    "normal": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
    "grey": [[0.2126, 0.7152, 0.0722]] * 3,
}
TO_CONES = [
    [0.4122214708, 0.5363325363, 0.0514459929],
    [0.2119034982, 0.6806995451, 0.1073969566],
    [0.0883024619, 0.2817188376, 0.6299787005],
]
TO_LAB = [
    [0.2104542553, 0.7936177850, -0.0040720468],
    [1.9779984951, -2.4285922050, 0.4505937099],
    [0.0259040371, 0.7827717662, -0.8086757660],
]


def seen(color, vision):
    """OKLab coordinates of a colour as it looks with this vision."""
    light = np.clip(np.array(VISIONS[vision]) @ linear(np.array(to_rgb(color))), 0, 1)
    return np.array(TO_LAB) @ np.cbrt(np.array(TO_CONES) @ light)


def distance(first, second, vision):
    return np.linalg.norm(seen(first, vision) - seen(second, vision))


def test_the_measures_agree_with_published_values():
    assert contrast((0, 0, 0), (1, 1, 1)) == pytest.approx(21)
    assert contrast(to_rgb("#767676"), (1, 1, 1)) == pytest.approx(4.54, abs=0.005)  # WCAG's usual example
    np.testing.assert_allclose(seen("white", "normal"), [1, 0, 0], atol=1e-4)
    np.testing.assert_allclose(seen("red", "normal"), [0.628, 0.225, 0.126], atol=1e-3)  # CSS Color 4
    for vision in VISIONS:  # grey stays grey whatever the vision
        np.testing.assert_allclose(seen("#808080", vision), seen("#808080", "normal"), atol=1e-4)
    # The confusions that give the conditions their names, and the one that remains.
    for vision in ("protanopia", "deuteranopia"):
        assert distance("#c00000", "#6b5a00", vision) < 0.5 * distance("#c00000", "#6b5a00", "normal")
    assert distance("blue", "yellow", "deuteranopia") > 0.5
    assert luminance(to_rgb("red")) == pytest.approx(0.2126)


@pytest.mark.parametrize("vision", VISIONS)
def test_colours_with_a_meaning_are_told_apart(vision):
    """Each pair, because each may share a picture: .08 in colour, .045 in grey."""
    least = 0.045 if vision == "grey" else 0.08
    for (name, color), (other, its_color) in combinations(COLORS.items(), 2):
        apart = distance(color, its_color, vision)
        assert apart >= least, f"{name} and {other} are {apart:.3f} apart"


@pytest.mark.parametrize("vision", VISIONS)
def test_colours_of_classes_are_told_apart(vision):
    """Seven classes .075 apart for every vision, ten .05; in grey the next one to each differs by .02.

    Ten shades that survive a grey printer there are not: pictures of classes name them or vary the marker.
    """
    if vision == "grey":
        assert min(distance(a, b, vision) for a, b in pairwise(CYCLE)) >= 0.02
    else:
        assert min(distance(a, b, vision) for a, b in combinations(CYCLE[:7], 2)) >= 0.075
        assert min(distance(a, b, vision) for a, b in combinations(CYCLE, 2)) >= 0.05


def test_contrast_on_white():
    for name, color in COLORS.items():
        assert contrast(to_rgb(color), (1, 1, 1)) >= (3 if name == "noise" else 4.5), name
    for i, color in enumerate(CYCLE):
        assert contrast(to_rgb(color), (1, 1, 1)) >= (4.5 if i < 2 else 3), color


def test_a_series_takes_the_colours_in_turn():
    from coursekit.plots import _style

    assert _style()["axes.prop_cycle"].by_key()["color"] == CYCLE and len(set(CYCLE)) == 10
