"""Explorers without a kernel: every position is the frame's own picture; what is left out."""

import base64
import io
import itertools
import json

import ipywidgets
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from coursekit import plots, widgets
from coursetools import moving


def bar_frame(height, colour):
    figure = Figure(figsize=(3, 2))
    ax = figure.subplots()
    ax.bar([0, 1], [height, 1], color=plots.COLORS[colour])
    ax.set(ylim=(0, 3), title=f"{height:g} of 3")
    return figure


def bar_alt(height, colour):
    return f"Two bars, the first {height:g} high and coloured as {colour}."


def bar_controls():
    return {
        "height": ipywidgets.FloatSlider(value=1.5, min=0, max=3, step=0.5, description="height:"),
        "colour": ipywidgets.Dropdown(options=["data", "model"], value="model", description="colour"),
    }


def bar_explorer():
    return widgets.explore(bar_frame, alt=bar_alt, **bar_controls())


def rows(picture):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGBA"), dtype=int)


def test_a_film_shows_every_position_as_its_frame_draws_it():
    film = moving.film(bar_frame, bar_alt, bar_controls(), max_chars=10**6)
    assert [axis["label"] for axis in film.axes] == ["height", "colour"]
    assert film.axes[0]["values"] == ["0", "0.5", "1", "1.5", "2", "2.5", "3"] and not film.axes[0]["choice"]
    assert film.axes[1] == {"label": "colour", "values": ["data", "model"], "start": 1, "choice": True}
    base, draw = rows(film.picture)[..., :3], widgets.steady(bar_frame)
    draw(height=1.5, colour="model")
    places = list(itertools.product(np.arange(7) / 2, ["data", "model"]))
    assert len(places) == len(film.changes) == len(film.alts)
    for (height, colour), change, alt in zip(places, film.changes, film.alts, strict=True):
        assert alt == bar_alt(height, colour)
        wanted = np.asarray(plots.image_of(draw(height=height, colour=colour)), dtype=int)
        shown = base
        if change:
            over = rows(change)
            shown = np.where(over[..., 3:] == 255, over[..., :3], base)
            assert set(np.unique(over[..., 3])) == {0, 255}
        assert np.abs(shown - wanted).max() <= 7, "at most half a level of 15"
        assert (np.ptp(shown, axis=2) == 0)[np.ptp(wanted, axis=2) == 0].all(), "grey stays grey"
    assert [i for i, change in enumerate(film.changes) if not change] == [7]


def test_a_film_that_is_too_large_loses_positions_of_its_longest_slider():
    whole = moving.film(bar_frame, bar_alt, bar_controls(), max_chars=10**6)
    size = sum(map(len, whole.changes)) + sum(map(len, whole.alts))
    small = moving.film(bar_frame, bar_alt, bar_controls(), max_chars=size - 1)
    assert small.axes[0]["values"] == ["0", "0.5", "1.5", "2.5", "3"] and small.axes[0]["start"] == 2
    assert len(small.changes) == 10 and small.changes[5] == ""


@pytest.mark.parametrize(
    "control, texts, start",
    [
        (ipywidgets.IntSlider(value=3, min=1, max=7, step=2), ["1", "3", "5", "7"], 1),
        (ipywidgets.FloatSlider(value=0.3, min=0.1, max=0.4, step=0.1), ["0.1", "0.2", "0.3", "0.4"], 2),
        (ipywidgets.FloatSlider(value=0.123456, min=0, max=0.2, step=0.1), ["0", "0.1", "0.1235", "0.2"], 2),
        (ipywidgets.SelectionSlider(options=[1, 10, 100], value=10), ["1", "10", "100"], 1),
        (ipywidgets.Dropdown(options=[("one", 1), ("two", 2)], value=2), ["one", "two"], 1),
    ],
)
def test_what_a_control_can_be_set_to(control, texts, start):
    axis, values = moving.axis_of(control)
    assert (axis["values"], axis["start"], values[start]) == (texts, start, control.value)
    assert axis["choice"] == isinstance(control, ipywidgets.Dropdown)


def test_both_ends_and_the_start_stay():
    rng = np.random.default_rng(0)
    for _ in range(30):
        lengths = rng.integers(2, 60, size=rng.integers(1, 4))
        values = tuple(list(range(n)) for n in lengths)
        axes = [{"values": [str(v) for v in v_], "start": int(rng.integers(len(v_)))} for v_ in values]
        for axis in axes:
            axis["choice"] = False
        starts = [axis["start"] for axis in axes]
        moving.thin(axes, values, 50)
        assert np.prod([len(v) for v in values]) <= 50
        for axis, left, n, start in zip(axes, values, lengths, starts, strict=True):
            assert axis["values"] == [str(v) for v in left] and left == sorted(set(left))
            assert {0, n - 1} <= set(left) and left[axis["start"]] == start
    menu = [{"values": list("abcdefgh"), "start": 0, "choice": True}]
    with pytest.raises(moving.MovingError, match="the 8 positions of an explorer need too much room"):
        moving.thin(menu, ([*range(8)],), 3)
    assert len(menu[0]["values"]) == 8, "a menu keeps its words"


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSEKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(moving, "PACKAGE", tmp_path / "package")
    (tmp_path / "package").mkdir()

    def write(*sources):
        cells = [{"cell_type": "code", "id": f"cell-{i}", "source": s} for i, s in enumerate(sources)]
        path = tmp_path / "40_bars.ipynb"
        path.write_text(json.dumps({"cells": [{"cell_type": "markdown", "source": "# Bars"}, *cells]}))
        return path

    return write


IMPORT = (
    f"import sys; sys.path.insert(0, {str(moving.HERE.parent / 'tests' / 'tools')!r}); import test_moving"
)


def test_films_are_made_once_for_each_state_of_a_notebook(notebook):
    said = []
    path = notebook(IMPORT, "test_moving.bar_explorer()")
    first = moving.films(path, say=said.append)
    assert list(first) == ["cell-1"] and len(first["cell-1"]) == 1 and len(first["cell-1"][0].changes) == 14
    assert moving.films(path, say=said.append) == first and len(said) == 1
    again = notebook(IMPORT, "0", "test_moving.bar_explorer()")
    assert list(moving.films(again, say=said.append)) == ["cell-2"] and len(said) == 2
    (moving.PACKAGE / "later.py").write_text("x = 1")
    moving.films(again, say=said.append)
    assert len(said) == 3, "the package may draw otherwise now"
    kept = {each.suffix for each in (path.parent / "cache" / "explorers").iterdir()}
    assert kept == {".json", ".figures"}, "an old film is thrown away"
    assert len(list((path.parent / "cache" / "explorers").iterdir())) == 2
    again.write_text(again.read_text().replace("cell-2", "cell-3"))  # as a new Markdown cell above does
    assert list(moving.films(again, say=said.append)) == ["cell-3"] and len(said) == 4
    assert moving.films(notebook("1 + 1"), say=said.append) == {} and len(said) == 4


def test_a_notebook_that_fails_is_named_in_one_sentence(notebook):
    path = notebook("slider = 1 / 0  # of the_explorer()")
    with pytest.raises(moving.MovingError, match="40_bars.ipynb cannot be run .* division by zero") as caught:
        moving.films(path, say=lambda sentence: None)
    assert "\n" not in str(caught.value)


def test_the_html_escapes_what_it_is_told():
    axis = {"label": "a < b", "values": ["<1>", "2"], "start": 0, "choice": True}
    html = moving.Film("AA", 3, 2, [axis], ["", "BB"], ['"one" </script>', "two"]).html()
    assert "a &lt; b" in html and "&lt;1&gt;" in html and "&quot;one&quot;" in html
    assert html.count("</script>") == 1
    data = html.split('json">')[1].split("</script>")[0]
    assert json.loads(data)["alts"][0] == '"one" </script>'
    assert len((moving.HERE / "moving.js").read_bytes()) < 2000


def test_a_slider_says_its_value_before_it_is_moved():
    axis = {"label": "a", "values": ['0.5"', "<1>"], "start": 1, "choice": False}
    html = moving.Film("AA", 3, 2, [axis], ["", "BB"], ["one", "two"]).html()
    assert 'value="1" aria-valuetext="&lt;1&gt;"' in html and "<output>&lt;1&gt;</output>" in html
    still = moving.control({**axis, "start": 0})
    assert 'value="0" aria-valuetext="0.5&quot;"' in still


def test_figures_are_drawn_again_in_twice_as_many_dots(notebook):
    """For decks: the same figure, the same words, twice the size; none where the notebook has changed."""
    figure = (
        "from coursekit import plots; import matplotlib.pyplot as plt; f, ax = plt.subplots(figsize=(4, 3))"
    )
    shown = "ax.plot([0, 1]); plots.show(f, alt='A line that rises to the right.')"
    path = notebook(IMPORT, f"{figure}; {shown}", "test_moving.bar_explorer()")
    assert moving.sharp(path) == {}, "not yet run"
    moving.films(path, say=lambda text: None)
    (place, picture), *others = moving.sharp(path).items()
    assert place == ("cell-1", "A line that rises to the right.") and not others
    assert Image.open(io.BytesIO(picture)).size == (800, 600)
    changed = notebook(IMPORT, f"{figure}; {shown}; 1", "test_moving.bar_explorer()")
    assert moving.sharp(changed) == {}
