"""Another nbgrader course: isolation and statuses as for ours, and a warning that its asserts can be read."""

import copy
import json
import shutil
from pathlib import Path

import nbformat
import nbgrader
import pytest
from nbgrader.api import Gradebook

from coursetools.cli import main
from coursetools.homework.loading import homework_names, load_homework

# What `nbgrader quickstart` makes: two notebooks, a picture, asserts that delete names, words, and a task.
EXAMPLE = Path(nbgrader.__file__).parent / "docs/source/user_guide"


def cell(source, name, kind=nbformat.v4.new_code_cell, **facts):
    usual = {"solution": False, "grade": False, "locked": False, "task": False, "schema_version": 3}
    return kind(source, metadata={"nbgrader": {**usual, "grade_id": name, **facts}})


def test_cell(source, name, points):
    return cell(source, name, grade=True, locked=True, points=points)


test_cell.__test__ = False


def save(path, cells):
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)


def grade(course, name, submitted, out, *more):
    """Scores by student, the results, and the report."""
    command = ["homework", "--course", course, "grade", name, "--submitted", submitted, "--out", out]
    assert main([*map(str, command), "--cell-seconds", "4", *more]) == 0
    results = {path.stem: json.loads(path.read_text()) for path in (out / "results").iterdir()}
    return {name: one["score"] for name, one in results.items()}, results, (out / "report.md").read_text()


@pytest.mark.timing
def test_statuses_a_warning_files_and_the_order_of_cells(tmp_path, bubblewrap):
    solution = "### BEGIN SOLUTION\ndef twice(x):\n    return 2 * x\n### END SOLUTION"
    hidden = "### BEGIN HIDDEN TESTS\nassert twice('secret') == 'secretsecret'\n### END HIDDEN TESTS"
    cells = [
        nbformat.v4.new_code_cell("import helper\nrows = open('data.csv').read().split()"),
        cell(solution, "twice", solution=True),
        test_cell(f"assert twice(1) == 2\n{hidden}", "test_it", 2),
        nbformat.v4.new_code_cell("value = helper.three(rows)"),
        test_cell("### BEGIN HIDDEN TESTS\nassert value == 3\n### END HIDDEN TESTS", "early", 1),
        nbformat.v4.new_code_cell("value = None"),
    ]
    course = tmp_path / "course"
    save(course / "source" / "ps1" / "sheet.ipynb", cells)
    (course / "source/ps1/data.csv").write_text("a b c")
    (course / "source/ps1/helper.py").write_text("three = len\n")
    answers = {"good": "2 * x", "half": "2 * x if x == 1 else 0", "bad": "3"}
    answers["loop"] = "2 * x\nwhile True:\n    pass"
    for student, body in answers.items():
        handed = copy.deepcopy(cells)
        handed[1].source = f"def twice(x):\n    return {body}"
        del handed[2]  # a deleted test is put back
        save(tmp_path / "submitted" / student / "sheet.ipynb", handed)
    scores, results, report = grade(course, "ps1", tmp_path / "submitted", tmp_path / "out")
    assert scores == {"good": 3, "half": 1, "bad": 1, "loop": 1}
    assert "ran longer than 4 s" in results["loop"]["message"]
    assert "Hidden asserts" in report and "can read and bend them" in report
    assert "secret" not in (tmp_path / "out/feedback/half.html").read_text()
    # Data that changed may change what an answer is worth.
    (course / "source/ps1/data.csv").write_text("a b")
    assert grade(course, "ps1", tmp_path / "submitted", tmp_path / "out")[0]["good"] == 2


def test_nbgraders_own_example(tmp_path, bubblewrap):
    course = tmp_path / "course"
    shutil.copytree(EXAMPLE / "source" / "ps1", course / "source" / "ps1")
    assert homework_names(course) == ["ps1/problem1", "ps1/problem2"]
    for number in (1, 2):
        homework = load_homework(course, f"ps1/problem{number}")
        for student, notebook in {"blank": homework.student, "full": homework.teacher}.items():
            save(tmp_path / f"submitted/{student}/problem{number}.ipynb", notebook.cells)
    scores, results, _ = grade(course, "ps1/problem1", tmp_path / "submitted", tmp_path / "one")
    # Three points are asserts'; an empty answer has none, and of a task only a person knows.
    assert scores == {"full": 3, "blank": 0}
    points = {row["exercise"]: row["points"] for row in results["full"]["exercises"]}
    assert [name for name, given in points.items() if given is None] == [
        "sum_of_squares_equation", "sum_of_squares_application", "cell-938593c4a215c6cc",
    ]  # fmt: skip
    points = {row["exercise"]: row["points"] for row in results["blank"]["exercises"]}
    assert [name for name, given in points.items() if given is None] == ["cell-938593c4a215c6cc"]
    assert {one["status"] for one in results.values()} == {"needs manual grading"}
    with Gradebook(f"sqlite:///{tmp_path}/one/gradebook.db") as gradebook:
        task = gradebook.find_grade("cell-938593c4a215c6cc", "problem1", "ps1", "full")
        assert task.needs_manual_grade and task.max_score == 4
        task.manual_score, task.needs_manual_grade = 4, False
        gradebook.db.commit()
    assert grade(course, "ps1/problem1", tmp_path / "submitted", tmp_path / "one")[0]["full"] == 7
    scores, results, _ = grade(course, "ps1/problem2", tmp_path / "submitted", tmp_path / "two")
    assert scores == {"full": 0, "blank": 0}
    assert {one["status"] for one in results.values()} == {"needs manual grading", "graded"}


def test_what_would_be_graded_wrongly_is_refused(tmp_path, capsys):
    assert "ps1_autotest/problem1" in homework_names(EXAMPLE)
    with pytest.raises(ValueError, match="problem1.ipynb has nbgrader's AUTOTEST lines"):
        load_homework(EXAMPLE, "ps1_autotest/problem1")
    save(tmp_path / "source/ps1/a.ipynb", [test_cell("### BEGIN HIDDEN TESTS\nassert True", "test", 1)])
    assert main(["homework", "--course", str(tmp_path), "status"]) == 2
    said = capsys.readouterr().err
    assert "nbgrader cannot release a.ipynb" in said and said.count("\n") == 1
