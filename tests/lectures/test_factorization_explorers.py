"""The explorer of lecture 04 draws what it says, and the pictures show the numbers that they were given."""

import numpy as np
import pytest
from matplotlib import pyplot as plt
from picture import move_through

from coursekit import plots
from coursekit.factorization import NMF, explorers, hold_out, pictures, rmse


@pytest.fixture(autouse=True)
def style():
    plots.use_course_style()
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(2)
    return rng.gamma(1, size=(60, 3)) @ rng.gamma(1, size=(3, 20)) / 3


@pytest.fixture(scope="module")
def fits(table):
    learned, hidden = hold_out(table, 0.3, rng=1)
    tables = {k: NMF(k, max_iter=20, tol=0, random_state=0).fit(learned).reconstruct() for k in (1, 2, 3, 5)}
    person = int(hidden.sum(axis=1).argmax())
    words = [f"word {j}" for j in range(20)]
    made = explorers.person_fits(tables, table, hidden, person, words, n_words=4)
    return made, tables, learned, hidden, person


def test_rank_explorer_draws_what_it_says(fits, table):
    made, tables, learned, hidden, person = fits
    move_through(explorers.rank_explorer(made))
    columns = np.flatnonzero(hidden[person])[:4]
    limits = set()
    for rank in (1, 3, 5):
        left, right = explorers.rank_frame(made, rank).axes
        held_out = rmse(tables[rank], table, hidden)
        trained = rmse(tables[rank], table, ~np.isnan(learned))
        np.testing.assert_allclose(left.lines[2].get_ydata(), [trained, held_out])
        assert f"{held_out:.2f}" in left.get_title(loc="left")
        drawn_answers, drawn_guesses = right.lines[-2].get_xdata(), right.lines[-1].get_xdata()
        np.testing.assert_allclose(drawn_answers, table[person, columns])
        np.testing.assert_allclose(drawn_guesses, tables[rank][person, columns])
        assert [t.get_text() for t in right.get_yticklabels()] == [f"word {j}" for j in columns]
        limits.add((left.get_ylim(), left.get_xlim(), right.get_xlim(), right.get_ylim()))
        assert f"{rank} factors" in explorers.rank_alt(rank)
    assert len(limits) == 1, "the axes must not move under the reader"


def test_strips_show_each_part_on_its_own_scale():
    parts = np.array([[0.0, 2, 4, 1], [10, 0, 0, 5]])
    drawn = np.asarray(
        pictures.parts_strip(parts, (2, 2), title="parts", n_columns=2).axes[0].images[0].get_array()
    )
    np.testing.assert_allclose(drawn[:2, :2], parts[0].reshape(2, 2) / 4)
    np.testing.assert_allclose(drawn[:2, 3:], parts[1].reshape(2, 2) / 10)
    above, below = pictures.signed_and_positive(
        np.array([[-4.0, 2, 0, 1]]), parts, (2, 2), titles=("a", "b"), n_columns=2
    ).axes
    np.testing.assert_allclose(np.asarray(above.images[0].get_array())[:2, :2], [[-1, 0.5], [0, 0.25]])
    assert above.images[0].get_clim() == (-1, 1) and below.images[0].get_clim() == (0, 1)


def test_sums_of_parts_end_at_the_reconstruction():
    rng = np.random.default_rng(3)
    parts, amounts = rng.uniform(size=(7, 4)), rng.uniform(size=7)
    image = amounts @ parts + 0.1
    axes = np.array(pictures.sum_of_parts(image, parts, amounts, (2, 2), n_terms=7).axes).reshape(2, 9)
    shown = [np.asarray(ax.images[0].get_array()).ravel() for ax in axes[1]]
    np.testing.assert_allclose(shown[6], amounts @ parts)
    np.testing.assert_allclose(shown[7], amounts @ parts)
    np.testing.assert_allclose(shown[8], image)
    order = np.argsort(-amounts * parts.max(axis=1))
    np.testing.assert_allclose(shown[0], amounts[order[0]] * parts[order[0]])


def test_curves_and_bars_are_those_given():
    errors = np.array([[1.0, 2], [0.5, 1], [0.7, 0.9]])
    ax = pictures.error_by_rank(
        (1, 2, 4), {"NMF": (errors, "model")}, {"mean": (3.0, "data")}, title="t"
    ).axes[0]
    np.testing.assert_allclose(ax.lines[0].get_ydata(), errors.mean(axis=1))
    assert {text.get_text() for text in ax.texts} == {"NMF", "mean"}
    components = np.array([[1.0, 4, 2], [3, 0, 1]])
    first, second, hidden = pictures.factor_words(components, ["a", "b", "c"], n_words=2, title="t").axes
    assert [t.get_text() for t in first.get_yticklabels()] == ["b", "c"]
    np.testing.assert_allclose([bar.get_width() for bar in second.patches], [1, 1 / 3])
    assert not hidden.get_visible()
    rows = pictures.ratings_by_method(["x", "y"], [[2.0, 2.2], [1.0, 1.4]], title="t", xlabel="e").axes[0]
    np.testing.assert_allclose(rows.lines[2].get_xdata(), [1.0, 1.4])
    assert rows.lines[2].get_color() == plots.COLORS["model"] != rows.lines[0].get_color()
