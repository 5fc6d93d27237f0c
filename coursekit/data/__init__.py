"""Data sets: arrays in stated shapes, ranges and units, each with its source and licence.

- `tables`: measurements of states, ...
- `images`: handwritten digits
- `toys`: distributions in the plane whose density is known
- `dataset`: the `Dataset` they all return

Nothing here needs a network except `mnist()` without local files. Arrays cannot be written to, so nothing
changes them by accident; for PyTorch, copy: `torch.tensor(data.digits().x)`.
"""

from coursekit.data.dataset import Dataset
from coursekit.data.images import MNIST_MD5, binarised, digits, mnist
from coursekit.data.tables import usarrests
from coursekit.data.toys import TOYS, toy2d

__all__ = ["MNIST_MD5", "TOYS", "Dataset", "binarised", "digits", "mnist", "toy2d", "usarrests"]
