"""Sheets whose true coordinates are known: a flat rectangle, with or without a hole, and how to roll it up.

Rolled along an Archimedean spiral r = theta and measured in *arc length*, a sheet is bent and nowhere
stretched: the geodesic distance between two points of the roll is the straight distance on the flat sheet.
That makes the flat sheet the right answer, up to a rotation and a shift.

    sheet (n, 2)   position along the roll, in [0, 70], and across it, in [0, 15]
    arc length     s(theta) = 1/2 (theta sqrt(1 + theta^2) + arsinh theta), counted from theta = 1.5 pi

Notebook: 03_manifold_learning.
"""

import numpy as np
from numpy.typing import ArrayLike

from coursekit.inputs import numpy_rng, positive_int

LENGTH, WIDTH = 70.0, 15.0
START = 1.5 * np.pi


def flat_sheet(n: int, *, hole: bool = False, rng: np.random.Generator | int | None = None) -> np.ndarray:
    """n points evenly over the rectangle [0, 70] x [0, 15]; (n, 2).

    Args:
        n: number of points.
        hole: leave out the middle third in both directions.
        rng: generator, seed, or None for fresh randomness.
    """
    positive_int(n, "n", low=0)
    rng = numpy_rng(rng)
    sheet = np.empty((0, 2))
    while len(sheet) < n:  # points in the hole are drawn again
        drawn = rng.uniform(size=(n, 2)) * [LENGTH, WIDTH]
        in_hole = np.all(np.abs(drawn / [LENGTH, WIDTH] - 0.5) < 1 / 6, axis=1)
        sheet = np.concatenate([sheet, drawn[~in_hole] if hole else drawn])
    return sheet[:n]


def arc_length(theta: ArrayLike) -> np.ndarray:
    """Length of the spiral r = theta from its centre to the angle theta, in radians."""
    theta = np.asarray(theta, dtype=np.float64)
    return (theta * np.sqrt(1 + theta**2) + np.arcsinh(theta)) / 2


def roll_up(sheet: ArrayLike) -> np.ndarray:
    """The swiss roll (n, 3) of a flat sheet (n, 2), bent along its first coordinate and never stretched.

    >>> roll_up([[0.0, 5.0]]).round(3).tolist()  # the inner edge, at an angle of 1.5 pi
    [[-0.0, 5.0, -4.712]]
    """
    sheet = np.asarray(sheet, dtype=np.float64)
    goal = arc_length(START) + sheet[:, 0]
    theta = np.sqrt(2 * goal)  # since s is about theta^2 / 2
    for _ in range(8):  # Newton; the derivative of the arc length is sqrt(1 + theta^2)
        theta = theta - (arc_length(theta) - goal) / np.sqrt(1 + theta**2)
    return np.stack([theta * np.cos(theta), sheet[:, 1], theta * np.sin(theta)], axis=1)
