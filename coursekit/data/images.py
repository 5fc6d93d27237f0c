"""Images of handwritten digits, one in each row: 8 x 8, 14 x 14 or 28 x 28 pixels."""

import gzip
import hashlib
import os
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np

from coursekit.data.dataset import Dataset, embedded
from coursekit.inputs import numpy_rng

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


def digits() -> Dataset:
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


def mini_mnist() -> Dataset:
    """6000 handwritten digits, 14 x 14 pixels; x (6000, 196) float64, whole numbers 0 to 16, labels 0 to 9.

    The first 600 of each class among MNIST's training images, each square of 2 x 2 pixels averaged to one of
    17 grey levels: the units of `digits()`, but large enough to be read. `split()` always gives the same 5000
    and 1000 images, the last 100 of each class for testing.
    """
    with np.load(embedded("mini_mnist.npz")) as file:
        images, labels = file["images"], file["labels"].astype(np.int64)
    test_rows = np.zeros(len(labels), dtype=bool)
    for digit in range(10):
        test_rows[np.flatnonzero(labels == digit)[-100:]] = True
    return Dataset(
        x=images.reshape(len(images), -1).astype(np.float64),
        labels=labels,
        image_shape=(14, 14),
        value_range=(0.0, 16.0),
        test_rows=test_rows,
        source="Yann LeCun and Corinna Cortes, the MNIST database of handwritten digits, made smaller",
        licence="CC BY-SA 3.0",
    )


def mnist(split: str = "train") -> Dataset:
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
        images, labels = read_idx(images), read_idx(labels)
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


def binarised(dataset: Dataset, seed: int = 0) -> Dataset:
    """The images of `dataset` in {0, 1}: each pixel is drawn once, 1 with probability pixel / maximum.

    The same seed gives the same draw, so likelihoods of different models are measured on the same images.
    """
    if dataset.image_shape is None or dataset.value_range is None or dataset.value_range[0] != 0:
        raise ValueError(
            "binarised needs images with values from 0 to a maximum, such as digits() or mnist()"
        )
    probability = dataset.x / dataset.value_range[1]
    ones = numpy_rng(seed, "seed").random(dataset.x.shape, dtype=probability.dtype) < probability
    return replace(dataset, x=ones.astype(dataset.x.dtype), value_range=(0.0, 1.0))


def _mnist_file(name):
    """Path of one IDX file in $COURSEKIT_DATA/mnist, compressed or not, or None."""
    root = os.environ.get("COURSEKIT_DATA")
    paths = [Path(root) / "mnist" / (name + ending) for ending in (".gz", "")] if root else []
    return next((path for path in paths if path.is_file()), None)


def read_idx(path: Path) -> np.ndarray:
    """Array of a checked IDX file: two zero bytes, type 8 (unsigned byte), rank, sizes (big endian), data.

    Args:
        path: of the file, plain or compressed by gzip.
    """
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
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "A network error occurred")  # the sentence below says it
            bunch = fetch_openml("mnist_784", version=1, as_frame=False, n_retries=1)
    except OSError as error:
        raise FileNotFoundError(
            "MNIST was not found: put its four IDX files into $COURSEKIT_DATA/mnist (an environment variable"
            " that names a folder), or go online once so that scikit-learn's fetch_openml can download it"
        ) from error
    rows = slice(60000) if split == "train" else slice(60000, None)
    return bunch.data[rows], bunch.target[rows]
