"""What a data set is: arrays that cannot be written to, with their source and licence."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np


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


def embedded(name: str) -> Path:
    """Path of an embedded file: beside the installed package, or in data/ of the repository."""
    package = Path(__file__).parent.parent
    installed = package / "embedded" / name
    return installed if installed.exists() else package.parent / "data" / name
