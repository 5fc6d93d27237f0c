"""Drawn shapes and the rule that reads them: right on drawings, silent where there is nothing to read."""

import itertools

import numpy as np
import pytest

from coursekit import data
from coursekit.data import drawings

EVERY = np.array(list(itertools.product(range(4), range(3), range(4))))


@pytest.mark.parametrize("size", [16, 24, 32])
def test_every_clean_drawing_is_read_right(size):
    images, attributes = data.shapes(20 * 48, size=size, attributes=np.tile(EVERY, (20, 1)), rng=size)
    np.testing.assert_array_equal(data.read_shapes(images), attributes)


def test_noisy_drawings_are_read_right_or_not_at_all():
    images, attributes = data.shapes(1500, noise=0.1, rng=1)
    words = data.read_shapes(images)
    assert (words == -1).mean(0).max() <= 0.01
    assert ((words != attributes) & (words != -1)).any(1).mean() <= 0.002
    # The bar can be missed: three times the noise misses it.
    images, attributes = data.shapes(500, noise=0.3, rng=1)
    assert (data.read_shapes(images) != attributes).any(1).mean() > 0.03


def faint():
    images, _ = data.shapes(60, rng=2)
    return 0.4 * (images - drawings.BOARD) + drawings.BOARD


def two_at_once():
    first = EVERY[np.random.default_rng(3).integers(48, size=60)]
    first[:, 2], second = 0, first[::-1].copy()
    second[:, 2] = 3
    return np.maximum(*(data.shapes(60, attributes=each, rng=7)[0] for each in (first, second)))


NOTHING = {
    "blank": lambda: np.full((1, 3, 16, 16), drawings.BOARD),
    "uniform noise": lambda: np.random.default_rng(0).uniform(size=(200, 3, 16, 16)),
    "Gaussian noise": lambda: 0.1 + 0.3 * np.random.default_rng(0).normal(size=(200, 3, 16, 16)),
    "white": lambda: np.ones((1, 3, 16, 16)),
    "all red": lambda: np.ones((1, 3, 16, 16)) * drawings.CHALK[0][:, None, None],
    "the mean of all": lambda: data.shapes(960, rng=3)[0].mean(0, keepdims=True),
    "faint": faint,
    "two shapes": two_at_once,
}


@pytest.mark.parametrize("name", NOTHING)
def test_the_rule_says_where_it_cannot_read(name):
    assert (data.read_shapes(NOTHING[name]()) == -1).all()


def test_grey_has_a_place_but_no_colour():
    images, attributes = data.shapes(96, rng=4)
    grey = images.mean(1, keepdims=True).repeat(3, axis=1)
    words = data.read_shapes(grey)
    assert (words[:, 0] == -1).all()
    assert (words[:, 2] == attributes[:, 2]).mean() > 0.95


def test_between_square_and_circle_the_shape_alone_is_unknown():
    same = {"size": 16, "rng": 5}
    square, _ = data.shapes(40, attributes=np.tile([1, 0, 2], (40, 1)), **same)
    circle, _ = data.shapes(40, attributes=np.tile([1, 1, 2], (40, 1)), **same)
    words = data.read_shapes((square + circle) / 2)
    assert (words[:, 1] == -1).any() and (words[:, [0, 2]] == [1, 2]).all()


def test_drawings_show_what_their_attributes_say():
    images, _ = data.shapes(48, attributes=EVERY, rng=6)
    lit = images - drawings.BOARD
    row, column = np.divmod(EVERY[:, 2], 2)
    halves = lit.reshape(48, 3, 2, 8, 2, 8).sum((1, 3, 5))
    share = halves[np.arange(48), row, column] / halves.sum((1, 2))
    assert share.min() > 0.99
    colour = lit.sum((2, 3)) / np.linalg.norm(lit.sum((2, 3)), axis=1, keepdims=True)
    chalk = drawings.CHALK - drawings.BOARD
    np.testing.assert_allclose(
        colour, (chalk / np.linalg.norm(chalk, axis=1, keepdims=True))[EVERY[:, 0]], atol=1e-5
    )
    assert images.dtype == np.float32 and images.min() >= 0 and images.max() <= 1


def test_all_combinations_come_equally_often():
    _, attributes = data.shapes(9600, rng=7)
    counts = np.bincount(np.ravel_multi_index(attributes.T, (4, 3, 4)), minlength=48)
    assert ((counts - 200) ** 2 / 200).sum() < 100  # chi squared with 47 degrees of freedom: p < 1e-5


def test_the_same_seed_draws_the_same():
    np.testing.assert_array_equal(data.shapes(5, rng=8)[0], data.shapes(5, rng=8)[0])
    assert (data.shapes(5, rng=8)[0] != data.shapes(5, rng=9)[0]).any()


def test_words():
    assert data.describe([[0, 1, 0], [3, 2, 3]]) == [
        "a red circle, top left",
        "a yellow triangle, bottom right",
    ]
    assert data.describe([[0, -1, 0]]) == ["a red ?, top left"]
    assert [len(words) for words in data.SHAPE_WORDS.values()] == [4, 3, 4]


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: data.shapes(2, size=7), "at least 12"),
        (lambda: data.shapes(2, attributes=[[0, 0, 0]]), r"\(2, 3\)"),
        (lambda: data.shapes(1, attributes=[[0, 3, 0]]), "below"),
        (lambda: data.shapes(1, attributes=[[0, -1, 0]]), "at least 0"),
        (lambda: data.read_shapes(np.zeros((2, 16, 16))), r"\(n, 3, size, size\)"),
        (lambda: data.read_shapes(np.full((1, 3, 16, 16), np.nan)), "NaN"),
    ],
)
def test_bad_input_gets_a_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_no_pictures_are_read_as_no_words():
    assert data.read_shapes(np.zeros((0, 3, 16, 16))).shape == (0, 3)
