"""The two-sided proof of every homework, and what a release version must not hold."""

import re
from pathlib import Path

import nbformat
import pytest

from coursetools.homework.build import hidden_source, read_source, release
from coursetools.homework.island.probes import Probe, decode, encode, judge
from coursetools.homework.loading import forbidden_modules
from coursetools.homework.proof import prove

pytestmark = pytest.mark.long
ROOT = Path(__file__).parents[2]
TWINS = sorted((ROOT / "notebooks/homework/source").glob("hw*/hw*.py"))
names = pytest.mark.parametrize("twin", TWINS, ids=lambda twin: twin.stem)


@names
def test_two_sided(twin):
    # Twenty classes, so that no planted mistake is right by luck for one of them.
    seeds = (2026, 7, 4711, 226588179213240, *range(16))
    verdicts = prove(twin, ROOT / f"tests/mistakes/{twin.stem}.py", seeds)
    caught = [v for v in verdicts if v.form not in ("solution", "blank")]
    assert len(caught) >= 8, f"{twin.stem} has {len(caught)} planted mistakes; a homework has at least 8"
    exercises = {v.exercise for v in verdicts}
    assert exercises == {v.exercise for v in caught}, "an exercise has no planted mistake"
    assert len(read_manual(twin) | exercises) >= 3, "a homework has at least 3 exercises"


def read_manual(twin):
    cells = [c.metadata.nbgrader for c in read_source(twin).cells if "nbgrader" in c.metadata]
    return {cell.grade_id for cell in cells if cell.grade and cell.solution}


@names
def test_header_allows_what_the_text_allows(twin):
    notebook = read_source(twin)
    words = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    allowed = re.search(r"\*\*Allowed:\*\* ([^.,]*(?:, PyTorch)?)", words)[1]
    libraries = {"NumPy": "numpy", "PyTorch": "torch"}
    header = notebook.metadata.coursekit["allowed"]
    assert [libraries[name] for name in allowed.split(", ")] == header
    assert "and other numerical libraries; calling" in words
    assert "A function leaves its arguments as they were" in words or "Leave the arrays that you are" in words
    package = f"coursekit.{twin.stem.split('_')[1]}"
    forbidden = forbidden_modules(header)
    assert ("torch" in forbidden) != ("torch" in header) and "scipy" in forbidden
    assert "coursekit.checks" not in forbidden and f"{package}.pictures" not in forbidden


@names
def test_right_answers_reach_every_visible_point(twin, capsys):
    # The student's own notebook, top to bottom: what surrounds a check must not meet the check's names.
    student = nbformat.read(ROOT / f"notebooks/homework/release/{twin.stem}/{twin.stem}.ipynb", as_version=4)
    solved = {
        c.metadata.nbgrader.grade_id: c.source for c in read_source(twin).cells if "nbgrader" in c.metadata
    }
    namespace = {"__name__": "__main__"}
    for cell in student.cells:
        if cell.cell_type == "code":
            facts = cell.metadata.get("nbgrader", {})
            exec(solved[facts.grade_id] if facts.get("solution") else cell.source, namespace)
    reached, total = re.search(r"You have (\S+) of (\S+) visible points", capsys.readouterr().out).groups()
    assert reached == total


@names
def test_manual_exercise_has_a_rubric_with_its_points(twin):
    manual = [
        c
        for c in read_source(twin).cells
        if c.metadata.get("nbgrader", {}).get("solution") and c.metadata.nbgrader.grade
    ]
    assert manual, "every homework has one exercise in words"
    for cell in manual:
        assert f"Rubric, {cell.metadata.nbgrader.points} points" in cell.source


@names
def test_release_holds_no_solution_and_no_hidden_test(twin):
    source = read_source(twin)
    stored = nbformat.read(ROOT / f"notebooks/homework/release/{twin.stem}/{twin.stem}.ipynb", as_version=4)
    text = "\n".join(cell.source for cell in stored.cells)
    for mark in ("SOLUTION", "HIDDEN TEST", "Probe", "probes", "Rubric"):
        assert mark not in text, f"{mark} is left in the release of {twin.stem}"
    for cell in source.cells:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            inside = cell.source.split("### BEGIN SOLUTION\n")[1].split("### END SOLUTION")[0]
            assert inside.strip() and inside not in text
    assert all(not cell.get("outputs") for cell in stored.cells)
    assert any(hidden_source(cell) for cell in source.cells)


@names
def test_a_student_sees_folded_checks_no_slips_and_the_points_at_the_end(twin):
    stored = nbformat.read(ROOT / f"notebooks/homework/release/{twin.stem}/{twin.stem}.ipynb", as_version=4)
    graded = [c for c in stored.cells if c.metadata.get("nbgrader", {}).get("grade")]
    for cell in (cell for cell in graded if cell.cell_type == "code"):
        assert cell.source.startswith("# The check of ") and cell.metadata.jupyter.source_hidden
        assert "wrong={" not in cell.source
        assert "raises-exception" in cell.metadata.tags, "Run All has to reach the last cell"
    said = "".join(stored.cells[-1].source)
    for cell in graded:
        facts = cell.metadata.nbgrader
        assert f"'{facts.grade_id.removeprefix('test_')}': {facts.points}" in said


@names
def test_stored_notebooks_are_those_of_the_twin(twin):
    source = read_source(twin)
    for path, built in (
        (twin.with_suffix(".ipynb"), source),
        (ROOT / f"notebooks/homework/release/{twin.stem}/{twin.stem}.ipynb", release(source)),
    ):
        stored = nbformat.read(path, as_version=4)
        assert [(c.cell_type, c.source, c.metadata) for c in stored.cells] == [
            (c.cell_type, c.source, c.metadata) for c in built.cells
        ], f"{path.name} is out of step: run python3 course.py build {twin.stem}"


def test_plain_data_survives_the_border_and_nothing_else_passes():
    import numpy as np
    import torch

    value = {"a": [np.arange(6.0).reshape(2, 3), 3, "text", None], "b": torch.ones(2, dtype=torch.int64)}
    back = decode(encode(value))
    np.testing.assert_array_equal(back["a"][0], value["a"][0])
    np.testing.assert_array_equal(back["b"], [1, 1])
    assert back["a"][1:] == [3, "text", None]

    class Chameleon:
        def __eq__(self, other):
            return True

    class Number(float):
        pass

    for trick in (Chameleon(), Number(1.0), np.array([Chameleon()]), lambda: 1, [object()]):
        with pytest.raises(TypeError, match="plain data"):
            encode(trick)


@pytest.mark.parametrize(
    ("value", "expected", "same"),
    [
        (1.0, 1.0, True),
        (1.0 + 1e-9, 1.0, True),
        (1.1, 1.0, False),
        (float("nan"), 1.0, False),
        (True, 1.0, True),
        ("1.0", 1.0, False),
        (None, 1.0, False),
        ([1.0, 2.0], [1.0, 2.0], True),
        ([1.0], [1.0, 2.0], False),
        ([[1.0, 2.0]], [1.0, 2.0], False),
        ({"a": 1.0}, {"a": 1.0}, True),
        ({"a": 1.0, "b": 2.0}, {"a": 1.0}, False),
    ],
)
def test_judge(value, expected, same):
    probe = Probe("f(x)", {}, message="no")
    assert judge(probe, encode(value), encode(expected)) == (None if same else "no")
