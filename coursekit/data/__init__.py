"""Data sets: arrays in stated shapes, ranges and units, each with its source and licence.

- `tables`: states, distances between cities, moods, ratings of lecturers
- `images`: handwritten digits
- `drawings`: coloured shapes with their words, and the rule that reads them
- `text`: novels and sonnets, in pieces with labels
- `toys`: distributions in the plane whose density is known
- `units`: images as shares of ink, and a part to learn from and a part to test on
- `worlds`: languages whose every probability can be computed
- `dataset`: the `Dataset` that all but the texts return
- `stored`: `results(name)`, runs that are too long for a notebook

Nothing here needs a network except `mnist()` without local files. Arrays cannot be written to, so nothing
changes them by accident; for PyTorch, copy: `torch.tensor(data.digits().x)`.
"""

from coursekit.data.dataset import Dataset
from coursekit.data.drawings import SHAPE_WORDS, describe, read_shapes, shapes
from coursekit.data.images import MNIST_MD5, binarised, digits, mini_mnist, mnist
from coursekit.data.stored import StoredRuns, results
from coursekit.data.tables import eurodist, lecturers, moods, us_cities, usarrests
from coursekit.data.text import Corpus, austen, sonnets
from coursekit.data.toys import TOYS, toy2d
from coursekit.data.units import ink, signed, train_and_test
from coursekit.data.worlds import HIDDEN, MarkovChains, TopicWorld, markov_chains, topic_world

__all__ = ["MNIST_MD5", "TOYS", "Corpus", "Dataset", "austen", "binarised", "digits", "eurodist", "lecturers"]
__all__ += [
    "SHAPE_WORDS",
    "HIDDEN",
    "MarkovChains",
    "StoredRuns",
    "TopicWorld",
    "describe",
    "ink",
    "markov_chains",
    "mini_mnist",
    "mnist",
    "moods",
    "read_shapes",
    "results",
    "shapes",
    "signed",
    "sonnets",
    "topic_world",
    "toy2d",
    "train_and_test",
    "us_cities",
    "usarrests",
]
