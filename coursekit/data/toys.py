"""Toy distributions in the plane: known in every detail, so that a model can be held against the truth."""

import numpy as np

from coursekit.data.dataset import Dataset
from coursekit.inputs import numpy_rng, one_of, positive_int


def toy2d(name: str, n: int, *, rng: int | np.random.Generator | None = None) -> Dataset:
    """n independent points of a two-dimensional toy distribution; x (n, 2) float64.

    "moons"         two half circles of radius 1 with noise .05; labels: which moon
    "ring"          8 Gaussians, std .02, evenly on a circle of radius 2; labels: which Gaussian
    "grid"          5 x 5 Gaussians, spacing 2 / 2.828, std .05 / 2.828; labels: which Gaussian
    "checkerboard"  uniform on 8 of the 16 squares of side 2 that tile [-4, 4]^2; labels: which square
    "blobs"         3 Gaussians with std .6, .8 and 1, equally likely; labels: which Gaussian
    "swiss_roll"    a spiral of 1.5 turns with noise .1; labels: position along it, an angle in [1.5, 4.5] pi

    "ring", "grid" and "blobs" carry `centers`.

    Args:
        name: one of these.
        n: how many points.
        rng: numpy Generator, int or None (fresh randomness).
    """
    positive_int(n, "n")
    x, labels, centers = TOYS[one_of("toy", name, TOYS)](n, numpy_rng(rng))
    return Dataset(
        x=x,
        labels=labels,
        feature_names=("x1", "x2"),
        centers=centers,
        source=f"drawn by coursekit.data.toy2d({name!r})",
        licence="none needed",
    )


def _moons(n, rng):
    moon, angle = rng.integers(2, size=n), rng.uniform(0, np.pi, n)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    x = np.where(moon[:, None] == 0, upper, [1.0, 0.5] - upper)
    return x + rng.normal(0, 0.05, (n, 2)), moon, None


def _mixture(centers, std, n, rng):
    mode = rng.integers(len(centers), size=n)
    noise = rng.normal(size=(n, 2)) * np.broadcast_to(std, len(centers))[mode, None]
    return centers[mode] + noise, mode, centers


def _ring(n, rng):
    angle = 2 * np.pi * np.arange(8) / 8
    return _mixture(2 * np.stack([np.cos(angle), np.sin(angle)], axis=1), 0.02, n, rng)


def _grid(n, rng):
    steps = np.stack(np.divmod(np.arange(25), 5), axis=1) - 2
    return _mixture(2 / 2.828 * steps, 0.05 / 2.828, n, rng)


def _checkerboard(n, rng):
    square = rng.integers(8, size=n)
    column = square // 2
    corner = 2 * np.stack([column, 2 * (square % 2) + column % 2], axis=1) - 4
    return corner + rng.uniform(0, 2, (n, 2)), square, None


def _blobs(n, rng):
    return _mixture(np.array([[-3.0, -1.0], [0.0, 3.0], [3.0, -1.5]]), [0.6, 0.8, 1.0], n, rng)


def _swiss_roll(n, rng):
    angle = rng.uniform(1.5 * np.pi, 4.5 * np.pi, n)
    spiral = angle[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return spiral / 5 + rng.normal(0, 0.1, (n, 2)), angle, None


TOYS = {"moons": _moons, "ring": _ring, "grid": _grid, "checkerboard": _checkerboard}
TOYS |= {"blobs": _blobs, "swiss_roll": _swiss_roll}
