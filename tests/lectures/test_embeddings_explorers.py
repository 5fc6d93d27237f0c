"""Explorer and pictures of lecture 05: what is drawn is what the numbers say."""

import numpy as np
import pytest
from matplotlib import pyplot as plt
from picture import move_through

from coursekit import plots
from coursekit.embeddings import explorers, pictures, recipe
from coursekit.embeddings.counts import Vocabulary
from coursekit.embeddings.questions import GROUPS, grouped_words
from coursekit.manifold import same_label_share


@pytest.fixture(autouse=True)
def style():
    plots.use_course_style()
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def found():
    """Every grouped word, with a vector near that of its group."""
    vocabulary = Vocabulary(list(GROUPS.values()))
    rng = np.random.default_rng(0)
    words, groups = grouped_words(vocabulary)
    vectors = rng.normal(size=(len(vocabulary), 32)) / np.arange(1, 33)
    vectors[words] += rng.normal(size=(len(GROUPS), 32))[groups]
    dims, asked = [2, 4, 8, 16, 32], ("seven", "sister", "pain")
    return explorers.neighbours_by_rank(vectors, vocabulary, asked, dims, same_label_share, n=6)


def test_the_explorer_draws_what_it_says(found):
    move_through(explorers.neighbours_explorer(found))
    for d in (2, 8, 32):
        left, right = explorers.neighbours_frame(found, d, "seven").axes
        marked = left.lines[1].get_xydata()[0]
        np.testing.assert_allclose(marked, [d, found["shares"][found["dims"].index(d)]])
        names, cosines = found["nearest"]["seven"][d]
        assert [text.get_text() for text in right.get_yticklabels()] == names
        np.testing.assert_allclose([bar.get_width() for bar in right.patches], cosines)
        assert str(d) in explorers.neighbours_alt(d, "seven")
    assert found["shares"][-1] > found["shares"][0]


def test_panels_that_are_compared_share_their_axes():
    rng = np.random.default_rng(1)
    target = rng.normal(size=(5, 5))
    figure = pictures.scores_against_pmi(target, {"a": target, "b": 2 * target}, title="two")
    one, two = figure.axes
    assert one.get_xlim() == two.get_xlim() and one.get_ylim() == two.get_ylim()
    np.testing.assert_allclose(two.lines[1].get_ydata(), 2 * target.ravel())


def test_methods_are_drawn_with_every_run():
    runs = {"one": [0.1, 0.3], "two": [0.2]}
    figure = pictures.by_method(runs, title="runs", xlabel="share", ours=("one",))
    ax = figure.axes[0]
    assert [list(line.get_xdata()) for line in ax.lines] == [[0.1, 0.3], [0.2], [0.2], [0.2]]
    assert ax.lines[0].get_color() == plots.COLORS["model"] != ax.lines[2].get_color()


def test_scores_of_random_vectors_are_at_chance():
    vocabulary = Vocabulary([word for line in GROUPS.values() for word in [line]])
    rng = np.random.default_rng(0)
    words, groups = grouped_words(vocabulary)
    sizes = np.bincount(groups)
    chance = np.sum(sizes * (sizes - 1)) / (len(words) * (len(words) - 1))
    shares = [same_label_share(rng.normal(size=(len(words), 30)), groups) for _ in range(50)]
    assert abs(np.mean(shares) - chance) < 4 * np.std(shares) / 50**0.5
    assert recipe.N_DIMS == 64
