"""Marks of single hand-ins: what is right earns its points, whatever else the student's notebook does."""

import copy

import batch
import pytest

from coursetools.homework.build import read_source, release
from coursetools.homework.grading.batch import file_stem, grade
from coursetools.homework.grading.session import Limits
from coursetools.homework.loading import asides_of, grading, load_homework, names_bound
from coursetools.homework.proof import run_notebook

TWINS = sorted((batch.ROOT / "notebooks/homework/source").glob("hw*/hw*.py"))
pytestmark = pytest.mark.timing


def marks(folder, makers, *, name=batch.NAME, seed=4711, limits=None, submitted=None):
    """student -> result, for a class of makers."""
    for student, make in makers.items():
        make(folder / "submitted" / student, [])
    homework = load_homework(batch.ROOT, name)
    limits = limits or Limits(cell=20, total=240, memory=1500)
    results = grade(
        batch.ROOT, homework, submitted or folder / "submitted", folder / "out", seed, limits, jobs=2
    )
    stems = {result["student"]: file_stem(result["student"]) for result in results}
    return {name: batch.read_json(folder / f"out/results/{stem}.json") for name, stem in stems.items()}


def points(result):
    return {row["exercise"]: row["points"] for row in result["exercises"] if row["kind"] == "probes"}


HELPERS = """
def covariance(X):
    return X.T @ X / len(X)
def spread(X):
    return X - X.mean(axis=0)
def whiten(X):
    values, vectors = np.linalg.eigh(covariance(spread(X)))
    return spread(X) @ vectors[:, ::-1] / np.sqrt(values[::-1])
"""
OLD_PICTURE = 'covariance = spread = list = range = zip = "what an earlier version of ours bound here"'
EXPERIMENTS = "import time\ntime.sleep(20)"


def slow(where, number, source):
    """A maker: everything right, `number` cells of experiments put in at `where`."""

    def edit(notebook):
        for _ in range(number):
            notebook.cells.insert(where if where >= 0 else len(notebook.cells), batch.code(source))

    return batch.changed(edit)


def test_later_names_and_own_experiments_cost_nothing(tmp_path, bubblewrap):
    makers = {
        "overwritten later": batch.answers(whiten=HELPERS, last=OLD_PICTURE),
        "builtin names": batch.answers(last="range = (0, 5)\nlist = zip = str = None"),
        "sleeps at the end": slow(-1, 3, EXPERIMENTS),
        "sleeps in front": slow(3, 3, EXPERIMENTS),
    }
    results = marks(tmp_path, makers, limits=Limits(cell=12, total=30, memory=1500))
    lost = {name: r["message"] for name, r in results.items() if sum(points(r).values()) != batch.AUTO}
    assert not lost


@pytest.mark.exhaustive
def test_what_ends_no_program_and_what_ends_it_at_once(tmp_path, bubblewrap):
    makers = {
        "loops at the end": slow(-1, 5, "while True:\n    pass"),
        "exits at the end": slow(-1, 9, "import os\nos._exit(0)"),
        "never ends": batch.answers(whiten="def whiten(X):\n    while True:\n        pass"),
    }
    results = marks(tmp_path, makers, limits=Limits(cell=12, total=60, memory=1500))
    found = {name: points(result) for name, result in results.items()}
    assert found["never ends"].pop("whiten") == 0 and None not in found["never ends"].values()
    assert sum(found["never ends"].values()) == batch.AUTO - 3
    assert sum(found["loops at the end"].values()) == sum(found["exits at the end"].values()) == batch.AUTO


def test_what_was_not_reached_is_no_zero(tmp_path, bubblewrap):
    """Every answer cell takes longer than there is time for the whole notebook."""
    source = batch.find(batch.TEACHER, "whiten").source + "\nimport time\ntime.sleep(30)"
    results = marks(tmp_path, {"late": batch.answers(whiten=source)}, limits=Limits(cell=4, total=8))
    late = results["late"]
    assert (late["status"], late["score"]) == ("not graded", None)
    assert late["message"].startswith("not reached within the time: whiten, ")
    page = (tmp_path / "out/feedback/late.html").read_text()
    assert "This is no zero" in page and "not reached within the time" in page


def test_a_second_look_shows_nothing(tmp_path, bubblewrap):
    """A submission that keeps a probe's inputs cannot print them further down."""
    spy = batch.find(batch.TEACHER, "whiten").source
    spy = spy.replace("    centred", "    SEEN.append(X.shape)\n    centred", 1)
    last = "print('SEEN', SEEN)\nSEEN.append('the end')\ndef whiten(X):\n    return SEEN"
    makers = {"spy": batch.answers(first="SEEN = []", whiten=spy, last=last)}
    result = marks(tmp_path, makers)["spy"]
    assert points(result)["whiten"] == 3  # the second look saw the right answer
    printed = "".join(cell["text"] for cell in result["cells"])
    assert printed.count("SEEN [(5, 3)]\n") == 1 and printed.count("SEEN") == 1


@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: twin.stem)
def test_a_students_names_outlive_every_later_cell_of_ours(twin):
    """Each name that a cell behind the first answer binds is a student's function first."""
    notebook = read_source(twin)
    given = [cell for cell in release(notebook).cells if cell.cell_type == "code"]
    first = next(n for n, cell in enumerate(given) if grading(cell).get("solution"))
    words = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    later = [cell for cell in given[first:] if not grading(cell).get("solution")]
    bound = set().union(*(names_bound(cell.source) for cell in later))
    bare = {name for name in bound if not name.startswith("_") and f"`{name}" not in words}
    assert not bare, f"{twin.stem} binds {sorted(bare)}, which may be a student's: begin them with _"
    shared = set().union(
        *(
            names_bound(cell.source)
            for cell in later
            if not grading(cell) and cell.source.strip() not in asides_of(release(notebook))
        )
    )
    start = next(n for n, cell in enumerate(notebook.cells) if grading(cell).get("solution"))
    mine = copy.deepcopy(notebook)
    hers = "\n".join(f"def {name}(*given):\n    return 'hers'" for name in sorted(bound - shared))
    mine.cells.insert(start, batch.code(hers))
    namespace = run_notebook(mine)
    assert all(namespace[name]() == "hers" for name in bound - shared)
