"""Data sets: arrays in stated shapes, ranges and units, each with its source and licence.

Nothing here needs a network except `mnist()` without local files. Every function returns a `Dataset`, whose
arrays cannot be written to, so nothing changes them by accident; for PyTorch, copy: `torch.tensor(data.x)`.
"""

import csv
import gzip
import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

# The md5 sums of the four files as published, compressed and uncompressed.
MNIST_MD5 = {
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}


@dataclass(frozen=True, eq=False)
class Dataset:
    """One data set. Arrays are copied on the way in and are read-only.

    x: (n, d) floats. labels: (n,) or None. row_names, feature_names: tuples of length n and d, or empty.
    image_shape: (height, width) when a row is an image. value_range: (lowest, highest) possible value of x.
    centers: (m, d), the mode that label k belongs to in row k, where the data are a mixture of m modes.
    """

    x: np.ndarray
    labels: np.ndarray | None = None
    row_names: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
    image_shape: tuple[int, int] | None = None
    value_range: tuple[float, float] | None = None
    centers: np.ndarray | None = None
    source: str = ""
    licence: str = ""

    def __post_init__(self):
        for name in ("x", "labels", "centers"):
            if getattr(self, name) is not None:
                array = np.array(getattr(self, name))
                array.setflags(write=False)
                object.__setattr__(self, name, array)

    def split(self, seed=0):
        """(train, test): a random fifth of the rows, rounded up, is for testing; the seed says which."""
        order = np.random.default_rng(seed).permutation(len(self.x))
        n_train = 4 * len(order) // 5
        return self._rows(order[:n_train]), self._rows(order[n_train:])

    def _rows(self, index):
        return replace(
            self,
            x=self.x[index],
            labels=None if self.labels is None else self.labels[index],
            row_names=tuple(self.row_names[i] for i in index) if self.row_names else (),
        )

    def __repr__(self):
        return f"Dataset(x: {self.x.shape} {self.x.dtype}; source: {self.source})"


def usarrests():
    """The 50 states of the USA in 1973; x (50, 4) float64, no labels, rows named by state.

    Murder, Assault, Rape: arrests per 100 000 residents. UrbanPop: per cent of people living in towns.
    """
    with open(_embedded("USArrests.csv"), newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    return Dataset(
        x=np.array([row[1:] for row in rows], dtype=np.float64),
        row_names=tuple(row[0] for row in rows),
        feature_names=tuple(header[1:]),
        source="R's package datasets, USArrests, after McNeil (1977), Interactive Data Analysis",
        licence="GPL-2 or GPL-3, as part of R",
    )


def digits():
    """1797 handwritten digits, 8 x 8 pixels; x (1797, 64) float64 in [0, 16], labels 0 to 9."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return Dataset(
        x=bunch.data,
        labels=bunch.target,
        feature_names=tuple(bunch.feature_names),
        image_shape=(8, 8),
        value_range=(0.0, 16.0),
        source="scikit-learn's load_digits, after Alpaydin & Kaynak (1998), test part",
        licence="CC BY 4.0",
    )


def mnist(split="train"):
    """Handwritten digits, 28 x 28 pixels; x (60000 or 10000, 784) float32 in [0, 255], labels 0 to 9.

    split: "train" or "test". Read from the four IDX files (.gz or not) in $COURSEKIT_DATA/mnist; where a file
    is missing there, from scikit-learn's fetch_openml, which downloads once and keeps a cache.
    Raises ValueError for a damaged file, FileNotFoundError when neither way works.
    """
    if split not in ("train", "test"):
        raise ValueError(f"unknown split {split!r}; choose one of train, test")
    prefix = "train" if split == "train" else "t10k"
    images, labels = _mnist_file(f"{prefix}-images-idx3-ubyte"), _mnist_file(f"{prefix}-labels-idx1-ubyte")
    if images and labels:
        images, labels = _read_idx(images), _read_idx(labels)
    else:
        images, labels = _mnist_from_openml(split)
    return Dataset(
        x=images.reshape(len(images), -1).astype(np.float32),
        labels=labels.astype(np.int64),
        image_shape=(28, 28),
        value_range=(0.0, 255.0),
        source="LeCun, Cortes & Burges, the MNIST database of handwritten digits",
        licence="CC BY-SA 3.0",
    )


def binarised(dataset, seed=0):
    """The images of `dataset` in {0, 1}: each pixel is drawn once, 1 with probability pixel / maximum.

    The same seed gives the same draw, so likelihoods of different models are measured on the same images.
    """
    if dataset.image_shape is None or dataset.value_range is None or dataset.value_range[0] != 0:
        raise ValueError(
            "binarised needs images with values from 0 to a maximum, such as digits() or mnist()"
        )
    probability = dataset.x / dataset.value_range[1]
    ones = np.random.default_rng(seed).random(dataset.x.shape, dtype=probability.dtype) < probability
    return replace(dataset, x=ones.astype(dataset.x.dtype), value_range=(0.0, 1.0))


def toy2d(name, n, *, rng=None):
    """n independent points of a two-dimensional toy distribution; x (n, 2) float64.

    "moons"         two half circles of radius 1 with noise .05; labels: which moon
    "ring"          8 Gaussians, std .02, evenly on a circle of radius 2; labels: which Gaussian
    "grid"          5 x 5 Gaussians, spacing 2 / 2.828, std .05 / 2.828; labels: which Gaussian
    "checkerboard"  uniform on 8 of the 16 squares of side 2 that tile [-4, 4]^2; labels: which square
    "blobs"         3 Gaussians with std .6, .8 and 1, equally likely; labels: which Gaussian
    "swiss_roll"    a spiral of 1.5 turns with noise .1; labels: position along it, an angle in [1.5, 4.5] pi

    "ring", "grid" and "blobs" carry `centers`. rng: numpy Generator, int or None (fresh randomness).
    """
    if name not in TOYS:
        raise ValueError(f"unknown toy {name!r}; choose one of {', '.join(TOYS)}")
    x, labels, centers = TOYS[name](n, np.random.default_rng(rng))
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


def _embedded(name):
    """Path of an embedded file: beside the installed package, or in data/ of the repository."""
    here = Path(__file__).parent
    installed = here / "embedded" / name
    return installed if installed.exists() else here.parent / "data" / name


def _mnist_file(name):
    """Path of one IDX file in $COURSEKIT_DATA/mnist, compressed or not, or None."""
    root = os.environ.get("COURSEKIT_DATA")
    paths = [Path(root) / "mnist" / (name + ending) for ending in (".gz", "")] if root else []
    return next((path for path in paths if path.is_file()), None)


def _read_idx(path):
    """Array of a checked IDX file: two zero bytes, type 8 (unsigned byte), rank, sizes (big endian), data."""
    content = path.read_bytes()
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != MNIST_MD5[path.name]:
        raise ValueError(f"{path} is not the published file (its md5 differs): download it again")
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    rank = content[3]
    sizes = np.frombuffer(content, ">u4", count=rank, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(sizes)


def _mnist_from_openml(split):
    from sklearn.datasets import fetch_openml

    try:
        bunch = fetch_openml("mnist_784", version=1, as_frame=False, n_retries=1)
    except OSError as error:
        raise FileNotFoundError(
            "MNIST was not found: put its four IDX files into $COURSEKIT_DATA/mnist (an environment variable"
            " that names a folder), or go online once so that scikit-learn's fetch_openml can download it"
        ) from error
    rows = slice(60000) if split == "train" else slice(60000, None)
    return bunch.data[rows], bunch.target[rows]
