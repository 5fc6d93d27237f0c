"""Each figure that a notebook or an explorer shows: letters of 9 pt or more, legible, whole, apart.

Explorers are moved to the ends of their ranges, over what the notebook has trained, and answer in 0.3 s.

What counts is the size that a page shows: see SMALLEST in picture.py.
The usual run takes the shortest notebook, `--all` each; a notebook is run from its twin, in this process.
"""

import contextlib
import io
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from picture import SMALLEST, faults, move_to_the_ends, run_twin, slow_move, watched

from coursekit import plots

ROOT = Path(__file__).parents[2]
TWINS = sorted((ROOT / "notebooks" / "source").glob("[0-9][0-9]_*.py"))
USUAL = {"00_start_here"}


@pytest.fixture(autouse=True)
def own_style():
    """What a notebook sets for itself, the style and the precision, ends with it."""
    dtype = torch.get_default_dtype()
    with matplotlib.rc_context():
        plots.use_course_style()
        yield
    torch.set_default_dtype(dtype)
    plt.close("all")


@pytest.mark.parametrize(
    "twin",
    [pytest.param(p, id=p.stem, marks=[] if p.stem in USUAL else pytest.mark.exhaustive) for p in TWINS],
)
def test_nothing_an_eye_would_mind(twin, monkeypatch):
    found = []

    def look(figure, alt):
        found.extend(f"{alt[:60]}...: {fault}" for fault in faults(figure))
        assert figure.get_figwidth() <= plots.MAX_WIDTH, "wider than a notebook's column: it would shrink"

    monkeypatch.chdir(ROOT / "notebooks")
    with watched(look), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        boxes = run_twin(twin)
        for box in boxes:
            move_to_the_ends(box)
    assert boxes or twin.stem.startswith("99")
    assert not found, "\n".join(found)
    for box in boxes:
        trouble = slow_move(box)
        assert not trouble, trouble


def test_the_style_writes_nothing_small():
    sizes = {key: value for key, value in plots._style().items() if key.endswith(("size", "fontsize"))}
    sizes = {key: value for key, value in sizes.items() if "font" in key or "label" in key or "title" in key}
    assert len(sizes) >= 6 and min(sizes.values()) >= SMALLEST, sizes


def drawn(change):
    """Faults of a figure with 400 random points joined by a line, after a change to its axes."""
    figure, ax = plt.subplots(layout="none")
    figure.subplots_adjust(0.1, 0.15, 0.98, 0.9)
    ax.plot(np.random.default_rng(0).normal(size=400), color="black")
    ax.set(ylim=(-4, 12), title="a title", xlabel="x")
    change(ax)
    return faults(figure)


def test_a_good_figure_has_no_faults():
    assert drawn(lambda ax: ax.text(20, 9, "in the free place above", color=plots.COLORS["latent"])) == []


@pytest.mark.parametrize(
    "change, word",
    [
        (lambda ax: ax.set_xlabel("step", fontsize=8.5), "8.5 pt"),
        (lambda ax: ax.tick_params(labelsize=7), "7 pt"),
        (lambda ax: ax.text(20, 9, "faint", color="#b9b9b9"), "contrast of 2.0"),
        (lambda ax: ax.text(20, 9, "faint", alpha=0.3), "contrast of"),
        (lambda ax: ax.annotate("beyond the edge", (390, 9), annotation_clip=False), "cut off"),
        (lambda ax: ax.text(0, 0, "a sentence over the data"), "the data'"),
        (lambda ax: [ax.text(20, y, f"line at {y}") for y in (8, 8.4)], "lies over"),
        (lambda ax: ax.set_xticks(range(0, 400, 12)), "lies over"),
    ],
)
def test_a_planted_fault_is_named(change, word):
    assert any(word in fault for fault in drawn(change)), drawn(change)


def test_a_badge_hides_what_lies_behind_it():
    badge = {"boxstyle": "round", "facecolor": "white"}
    assert drawn(lambda ax: ax.text(200, 0, "over the data", bbox=badge)) == []


def test_watched_sees_what_explorers_and_notebooks_show():
    seen = []
    with watched(lambda figure, alt: seen.append(alt)):
        plots.image_html([plt.figure(), plt.figure()], "two figures", stored=False)
    assert seen == ["two figures", "two figures"]


def test_a_stored_picture_keeps_grey_grey_and_colours_near():
    from PIL import Image

    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8))
    stored = plots._fewer_colours(picture).convert("RGB")
    assert np.abs(np.asarray(stored, dtype=int) - np.asarray(picture)).max() <= 2
    grey = np.repeat(np.random.default_rng(1).integers(0, 256, (40, 30, 1), dtype=np.uint8), 3, axis=2)
    stored = plots._fewer_colours(Image.fromarray(grey))
    assert stored.mode == "P", "52 greys fit into a palette"
    assert np.ptp(np.asarray(stored.convert("RGB")), axis=2).max() == 0
