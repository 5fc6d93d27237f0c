"""The swimmer: images made of parts that are known, so that what a factorisation finds can be marked.

A body with four limbs, each in one of four positions: 4^4 = 256 images, and each is the sum of four parts out
of 16. The limbs are drawn without a shared pixel, so 16 non-negative parts reproduce the table exactly. A
torso, which is in every image, may be added; it makes the parts ambiguous.

Source: Donoho & Stodden (2003), When does non-negative matrix factorization give a correct decomposition into
parts? Notebook: 04_nmf_ratings.
"""

import itertools

import numpy as np
from numpy.typing import ArrayLike, NDArray

from coursekit.inputs import real_number

SHAPE = (20, 13)
LENGTH = 4
# Joint (row, column) of each limb, and the steps of its four positions.
JOINTS = {
    (5, 5): [(-1, 0), (-1, -1), (0, -1), (1, -1)],
    (5, 7): [(-1, 0), (-1, 1), (0, 1), (1, 1)],
    (14, 5): [(1, 0), (1, -1), (0, -1), (-1, -1)],
    (14, 7): [(1, 0), (1, 1), (0, 1), (-1, 1)],
}


def swimmer(*, torso: bool = False) -> tuple[NDArray, NDArray]:
    """Images (256, 260) of zeros and ones, and the parts they are made of (16, 260), or 17 with the torso."""
    limbs = []
    for (row, column), steps in JOINTS.items():
        for down, right in steps:
            part = np.zeros(SHAPE)
            for far in range(1, LENGTH + 1):
                part[row + down * far, column + right * far] = 1
            limbs.append(part.ravel())
    parts = np.array(limbs)
    choices = itertools.product(range(4), repeat=4)
    images = np.array([sum(parts[4 * limb + place] for limb, place in enumerate(c)) for c in choices])
    if torso:
        body = np.zeros(SHAPE)
        body[5:15, 6] = 1
        parts = np.vstack([parts, body.ravel()])
        images = images + body.ravel()
    return images, parts


def parts_found(components: ArrayLike, parts: ArrayLike, *, at_least: float = 0.99) -> int:
    """How many true parts (m, p) have a component (k, p) with a cosine of at least `at_least`.

    Args:
        components: (k, p).
        parts: (m, p), the true ones.
        at_least: the cosine that counts as found.
    """
    real_number(at_least, "at_least", low=0, high=1)
    directions, truth = (
        A / np.maximum(np.linalg.norm(A, axis=1, keepdims=True), 1e-12) for A in (components, parts)
    )
    return int(np.sum((truth @ directions.T).max(axis=1) >= at_least))
