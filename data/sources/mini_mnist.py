"""Makes data/mini_mnist.npz: `python data/sources/mini_mnist.py FOLDER`, where MNIST's IDX files are.

Of the training images the first 600 of each class, in the order of the file; each square of 2 x 2 pixels
becomes its mean, rounded to one of 17 grey levels, so that 28 x 28 bytes become 14 x 14 numbers from 0 to 16.
"""

import sys
from pathlib import Path

import numpy as np

from coursekit.data.images import read_idx

N_PER_CLASS = 600


def shrink(images):
    """Grey levels (n, 14, 14), 0 to 16, of images (n, 28, 28), 0 to 255. No mean is halfway between two."""
    squares = images.reshape(len(images), 14, 2, 14, 2)
    return np.rint(squares.mean(axis=(2, 4)) * 16 / 255).astype(np.uint8)


def first_of_each_class(labels):
    """Row numbers of the first 600 of each class, in the order of the file."""
    return np.sort(np.concatenate([np.flatnonzero(labels == k)[:N_PER_CLASS] for k in range(10)]))


def main(folder):
    name = "train-{}-ubyte"
    images, labels = (
        read_idx(next(Path(folder).glob(name.format(kind) + "*"))) for kind in ("images-idx3", "labels-idx1")
    )
    rows = first_of_each_class(labels)
    path = Path(__file__).parent.parent / "mini_mnist.npz"
    np.savez_compressed(path, images=shrink(images[rows]), labels=labels[rows])


if __name__ == "__main__":
    main(sys.argv[1])
