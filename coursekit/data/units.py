"""Data as recipes take them: a part to learn from and a part to test on; images in the units of a model."""

import numpy as np

from coursekit.data.dataset import Dataset
from coursekit.data.images import digits, mini_mnist, mnist
from coursekit.data.toys import TOYS, toy2d
from coursekit.inputs import positive_int

IMAGES = ("digits", "mini_mnist", "mnist")


def train_and_test(name: str, *, seed: int = 0) -> tuple[Dataset, Dataset]:
    """(train, test) of "digits", "mini_mnist", "mnist" or a toy of `toy2d`; nothing in test is learned from.

    >>> [len(part.x) for part in train_and_test("digits")]
    [1437, 360]

    Args:
        name: of IMAGES or TOYS.
        seed: other training points of a toy: 100 000 of them, and always the same 20 000 to test on.

    Raises:
        ValueError: unknown name.
        FileNotFoundError: MNIST is not at hand, see `mnist`.
    """
    positive_int(seed, "seed", low=0)
    if name in TOYS:
        return toy2d(name, 100_000, rng=1000 + seed), toy2d(name, 20_000, rng=123)
    match name:
        case "digits":
            return digits().split()
        case "mini_mnist":
            return mini_mnist().split()
        case "mnist":
            return mnist("train"), mnist("test")
    raise ValueError(f"unknown data {name!r}; choose one of {', '.join((*IMAGES, *TOYS))}")


def ink(images: Dataset) -> np.ndarray:
    """Grey levels as shares of ink, 0 paper to 1 black: float32 (n, pixels), new.

    Args:
        images: a data set with a `value_range`.
    """
    if images.value_range is None or images.value_range[0] != 0:
        raise ValueError("ink needs images with values from 0 to a maximum, such as digits() or mnist()")
    return (images.x / images.value_range[1]).astype(np.float32)


def signed(images: Dataset) -> np.ndarray:
    """Grey levels from -1, paper, to 1, black, as a tanh at the end makes them: float32 (n, pixels).

    Args:
        images: a data set with a `value_range`.
    """
    return 2 * ink(images) - 1
