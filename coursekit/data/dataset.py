"""What a data set is: arrays that cannot be written to, with their source and licence."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from coursekit.inputs import numpy_rng


@dataclass(frozen=True, eq=False)
class Dataset:
    """One data set. Arrays are copied on the way in and are read-only.

    Where an array is expected, a data set counts as its x: `PCA().fit(usarrests())` works.

    >>> Dataset(x=[[1.0, 2.0], [3.0, 4.0]], feature_names=("width", "height"), source="my ruler")
    Dataset(x: (2, 2) float64; source: my ruler)

    Args:
        x: (n, d) numbers, one example a row.
        labels: (n,) or None.
        row_names: n names, or none.
        feature_names: d names, or none.
        image_shape: (height, width) when a row is an image.
        value_range: (lowest, highest) possible value of x.
        centers: (m, d), the mode that label k belongs to in row k, where the data are a mixture of m modes.
        test_rows: (n,) bool, True for the rows that `split` always keeps for testing; None: it draws them.
        source: where the data come from.
        licence: what may be done with them.

    Raises:
        ValueError: labels, names or test_rows do not fit x.
    """

    x: np.ndarray
    labels: np.ndarray | None = None
    row_names: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
    image_shape: tuple[int, int] | None = None
    value_range: tuple[float, float] | None = None
    centers: np.ndarray | None = None
    test_rows: np.ndarray | None = None
    source: str = ""
    licence: str = ""

    def __post_init__(self):
        for name in ("x", "labels", "centers", "test_rows"):
            if getattr(self, name) is not None:
                array = np.array(getattr(self, name))
                array.setflags(write=False)
                object.__setattr__(self, name, array)
        for name in ("labels", "row_names", "test_rows"):
            each = getattr(self, name)
            if each is not None and len(each) != len(self.x) and (name != "row_names" or each):
                raise ValueError(f"x has {len(self.x)} rows, so {name} must have as many, not {len(each)}")

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        """What NumPy and all that builds on it see: x."""
        return np.array(self.x, dtype, copy=copy)

    def split(self, seed: int = 0) -> tuple["Dataset", "Dataset"]:
        """(train, test): a random fifth of the rows, rounded up, is for testing; the seed says which.

        A data set with `test_rows` has one fixed split, in which rows keep their order; there seed must be 0.

        Raises:
            ValueError: seed is no whole number, or not 0 where the split is fixed.
        """
        if self.test_rows is None:
            order = numpy_rng(seed, "seed").permutation(len(self.x))
            n_train = 4 * len(order) // 5
            return self._rows(order[:n_train]), self._rows(order[n_train:])
        if seed != 0:
            raise ValueError(f"this data set has one fixed split, so seed must be 0, got {seed}")
        return self._rows(np.flatnonzero(~self.test_rows)), self._rows(np.flatnonzero(self.test_rows))

    def _rows(self, index):
        return replace(
            self,
            x=self.x[index],
            labels=None if self.labels is None else self.labels[index],
            row_names=tuple(self.row_names[i] for i in index) if self.row_names else (),
            test_rows=None,
        )

    def __repr__(self):
        return f"Dataset(x: {self.x.shape} {self.x.dtype}; source: {self.source})"


def embedded(name: str) -> Path:
    """Path of an embedded file: beside the installed package, or in data/ of the repository.

    Args:
        name: of the file, such as "USArrests.csv".
    """
    package = Path(__file__).parent.parent
    installed = package / "embedded" / name
    return installed if installed.exists() else package.parent / "data" / name
