"""nbgrader's own gradebook and folder layout, so that its formgrader shows the class and takes manual grades.

What a submission printed, and mark-up in what a student wrote, could run in the teacher's browser: the copies
for the formgrader hold text only.
"""

import contextlib
import hashlib
import html
import os
import re
import sys
import warnings
from datetime import UTC, datetime

import nbformat
from nbgrader.api import Gradebook
from nbgrader.preprocessors import SaveCells
from nbgrader.utils import is_grade, is_task

from coursetools.homework.build import KERNEL
from coursetools.homework.loading import grading

CONFIG = """# Written by `coursekit homework grade`: start `jupyter lab` in this folder, open the formgrader.
c = get_config()
c.CourseDirectory.root = {root!r}
c.CourseDirectory.db_url = {database!r}
c.Exchange.root = {exchange!r}  # of no use here, but the formgrader asks for one
"""
MARKS = re.compile(r"^### (BEGIN|END) SOLUTION$\n?", re.MULTILINE)
RUBRIC = "**For you, not from the student: model answer and rubric**\n\n"
TAG = re.compile(r"<(?=[a-zA-Z/!?])")  # with a space after it, it is a "less than"
LINK = re.compile(r"\](?=[(\[:])")  # a link may run code, a picture tells its owner who looks


def known_as(student):
    """The student's name in the gradebook. nbgrader writes names into its pages as they are, so mark-up in it
    would run in the teacher's browser: it is spelled out, with a digest that keeps two such names apart.
    """
    plain = "".join(f"({ord(c):x})" if c in "<>&\"'`{}%" else c for c in student)
    return plain if plain == student else f"{plain}-{hashlib.sha256(student.encode()).hexdigest()[:8]}"


def prepare(out, homework):
    """Make or check `out`/gradebook.db; ValueError if it belongs to another version of the homework."""
    (out / "gradebook.db").touch(mode=0o600)
    exchange = out.resolve() / ".exchange"
    exchange.mkdir(exist_ok=True, mode=0o700)
    config = CONFIG.format(root=str(out.resolve()), database=_database(out), exchange=str(exchange))
    (out / "nbgrader_config.py").write_text(config)
    _write_notebook(out / "source" / homework.assignment / f"{homework.notebook}.ipynb", homework.teacher)
    place = {"notebook": homework.notebook, "assignment": homework.assignment, "db_url": _database(out)}
    with _opened(out) as gradebook:
        gradebook.update_or_create_assignment(homework.assignment)
    try:
        SaveCells().preprocess(nbformat.from_dict(homework.student), {"nbgrader": place})
    except RuntimeError:
        raise ValueError(
            f"the cells of {homework.name} are others than when {out} was begun: take a new folder for --out"
        ) from None


def record(out, homework, results, cells_of, figures=None):
    """Write the results into `out`/gradebook.db and take from there what a person decided.

    cells_of: gives the cells of a result, as they were run. figures: the homework's own, by exercise.

    Changes the rows of `results`: points that a person gave, None while somebody still has to look, and her
    comments. A manual grade is never overwritten; when the answer has changed since, it has to be confirmed.
    """
    with _opened(out) as gradebook:
        for result in results:
            gradebook.update_or_create_student(known_as(result["student"]))
            if result["exercises"]:
                _record_one(gradebook, homework, result)
    for result in results:
        if cells := cells_of(result):
            folder = out / "autograded" / known_as(result["student"]) / homework.assignment
            with contextlib.suppress(OSError):  # a name too long for a folder: the formgrader lacks this one
                _write_notebook(
                    folder / f"{homework.notebook}.ipynb", _for_the_formgrader(cells, homework, figures or {})
                )


def _database(out):
    return f"sqlite:///{out.resolve()}/gradebook.db"


@contextlib.contextmanager
def _opened(out):
    """The gradebook. nbgrader calls the program `alembic`, which lies beside Python; its queries warn."""
    path = os.environ.get("PATH", "")
    os.environ["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), path])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Gradebook(_database(out)) as gradebook:
                yield gradebook
    finally:
        os.environ["PATH"] = path


def _record_one(gradebook, homework, result):
    student = known_as(result["student"])
    place = (homework.notebook, homework.assignment, student)
    graded = datetime.fromtimestamp(result["when"], UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    gradebook.update_or_create_submission(
        homework.assignment, student, timestamp=result.get("handed_in") or graded
    )
    for row in result["exercises"]:
        grade = gradebook.find_grade(row["grade_id"], *place)
        grade.auto_score = row["auto"]
        if row["grade_id"] in result["changed"] and grade.manual_score is not None:
            grade.needs_manual_grade = True
        elif grade.manual_score is None:
            grade.needs_manual_grade = row["auto"] is None
        row["points"] = row["auto"]
        if grade.needs_manual_grade:
            row["points"] = None
        elif grade.manual_score is not None:
            row["points"] = grade.manual_score + (grade.extra_credit or 0.0)
        if row["kind"] == "manual":
            comment = gradebook.find_comment(row["grade_id"], *place)
            comment.auto_comment = None if row["auto"] is None else "No response."
            row["comment"] = comment.manual_comment or ""
    result["changed"] = []
    gradebook.db.commit()


def _for_the_formgrader(shown_cells, homework, figures):
    """The submission as nbgrader expects it after autograding; text only of what the student wrote.

    An answer that a person reads has the homework's figure before it, model answer and rubric after it.
    """
    rubrics = {e.grade_id: _cell_of(homework.teacher, e.grade_id).source for e in homework.read_by_a_person}
    facts = {grading(c)["grade_id"]: c.metadata for c in homework.student.cells if grading(c)}
    cells, seen = [], set()
    for shown in shown_cells:
        name = shown["grade_id"]
        metadata = facts[name] if name in facts and name not in seen else {}
        seen.add(name)
        if shown["type"] == "code":
            text = shown["text"] + (f"\n{shown['error']}" if shown["error"] else "")
            output = [nbformat.v4.new_output("stream", name="stdout", text=text)] if text else []
            cell = nbformat.v4.new_code_cell(shown["source"], metadata=metadata, outputs=output)
        else:
            words = LINK.sub("] ", TAG.sub("< ", shown["source"]))
            cell = nbformat.v4.new_markdown_cell(words, metadata=metadata)
        if metadata and name in rubrics:
            cells += [nbformat.v4.new_markdown_cell(_image(*figure)) for figure in figures.get(name, ())]
            cells += [cell, nbformat.v4.new_markdown_cell(RUBRIC + MARKS.sub("", rubrics[name]))]
            continue
        cells.append(cell)
    # An answer cell that was deleted still needs its place, or the formgrader finds no grade for it.
    for cell in homework.student.cells:
        if (is_grade(cell) or is_task(cell)) and grading(cell)["grade_id"] not in seen:
            cells.append(nbformat.from_dict(cell))
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": KERNEL})


def _cell_of(notebook, grade_id):
    return next(cell for cell in notebook.cells if grading(cell).get("grade_id") == grade_id)


def _image(alt, picture):
    return f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{picture}">'


def _write_notebook(path, notebook):
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    nbformat.write(notebook, path)
    path.chmod(0o600)
