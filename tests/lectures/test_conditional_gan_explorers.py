"""The explorers of lecture 15 and its pictures draw what they say."""

import numpy as np
import pytest
from matplotlib import pyplot as plt
from picture import move_through

from coursekit import data, plots
from coursekit.conditional_gan import explorers, pictures


@pytest.fixture(autouse=True)
def style():
    plots.use_course_style()
    yield
    plt.close("all")


@pytest.fixture
def every_kind():
    """Drawings (4, 3, 4, 8, 3, 16, 16) of every colour, shape and place."""
    attributes = np.stack(np.meshgrid(range(4), range(3), range(4), range(8), indexing="ij"), -1)
    images, _ = data.shapes(384, attributes=attributes.reshape(-1, 4)[:, :3])
    return images.reshape(4, 3, 4, 8, 3, 16, 16)


def drawn(figure):
    """The pictures of a row, as they were drawn, (8, 3, 16, 16)."""
    canvas = figure.axes[0].images[0].get_array()
    side = 16 + pictures.GAP
    return np.stack([canvas[:, i * side : i * side + 16].transpose(2, 0, 1) for i in range(8)])


@pytest.mark.parametrize("numbers", [(0, 0, 0), (2, 1, 3), (3, 2, 3)])
def test_wish_frame_draws_what_was_asked_for(every_kind, numbers):
    words = [names[k] for names, k in zip(data.SHAPE_WORDS.values(), numbers, strict=True)]
    figure = explorers.wish_frame(every_kind, *words)
    assert (data.read_shapes(drawn(figure)) == numbers).all()
    assert all(word in figure.texts[0].get_text() for word in words)
    assert all(word in explorers.wish_alt(*words) for word in words)


def test_wish_explorer_moves(every_kind):
    move_through(explorers.wish_explorer(every_kind))


@pytest.fixture
def fading():
    """Eleven stages (11, 8, 3, 16, 16): stage i has brightness i / 10."""
    return np.linspace(0, 1, 11)[:, None, None, None, None] * np.ones((1, 8, 3, 16, 16))


@pytest.mark.parametrize("at", [0.0, 0.5, 1.0])
def test_walk_and_fade_draw_their_position(fading, at):
    names = ("a red circle, top left", "a blue circle, top left")
    np.testing.assert_allclose(drawn(explorers.walk_frame(fading, names, at)), at)
    np.testing.assert_allclose(drawn(explorers.fade_frame(fading, at)), at)
    assert names[1] in explorers.walk_alt(names, at) and f"{at:.1f}" in explorers.fade_alt(at)


def test_walk_and_fade_move(fading):
    move_through(explorers.walk_explorer(fading, ("here", "there")))
    move_through(explorers.fade_explorer(fading))


@pytest.mark.parametrize(
    "make, shape",
    [
        (explorers.wish_explorer, (4, 3, 8, 3, 16, 16)),
        (lambda images: explorers.walk_explorer(images, ("a", "b")), (8, 3, 16, 16)),
        (explorers.fade_explorer, (1, 8, 3, 16, 16)),
    ],
)
def test_arrays_of_another_shape_are_refused(make, shape):
    with pytest.raises(ValueError, match="images must be"):
        make(np.zeros(shape))


def test_rows_have_their_labels_and_their_columns():
    images = np.random.default_rng(0).random((3, 1, 4, 4))
    figure = pictures.rows_of_pictures(
        [images, 1 - images], ["first", "second"], title="two rows", columns=["a", "b", "c"]
    )
    assert [text.get_text() for text in figure.texts] == ["two rows", "first", "second", "a", "b", "c"]
    left = [ax.images[0].get_array()[:4, :4, 0] for ax in figure.axes]
    np.testing.assert_allclose(left[0], images[0, 0])
    np.testing.assert_allclose(left[1], 1 - images[0, 0])


def test_dots_are_drawn_seed_by_seed():
    groups = [("a", [0.1, 0.3], "model"), ("b", [0.2, 0.2], "data")]
    (ax,) = pictures.dots(groups, xlabel="share", title="a is not b", xlim=(0, 1)).axes
    points = [line.get_xydata().tolist() for line in ax.lines if line.get_marker() == "o"]
    assert points == [[[0.1, 0], [0.3, 0]], [[0.2, 1], [0.2, 1]]]
