"""From a homework's twin to nbgrader's two notebooks: the teacher's and the release version.

The twin names roles (see the package's docstring); nbgrader's own metadata, marks and preprocessors do the
rest, so that its Validate button, its formgrader and its gradebook understand what is built here.
"""

import ast
import base64
import re
import zlib
from pathlib import Path

import jupytext
import nbformat
from nbgrader.preprocessors import (
    CheckCellMetadata,
    ClearHiddenTests,
    ClearOutput,
    ClearSolutions,
    ComputeChecksums,
    LockCells,
)
from traitlets.config import Config

import coursekit

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
ROLES = {  # role -> what nbgrader calls it
    "solution": {"solution": True, "grade": False, "locked": False},
    "test": {"solution": False, "grade": True, "locked": True},
    "manual": {"solution": True, "grade": True, "locked": False},
}
STUB = 'raise NotImplementedError("this answer is still empty: write it over this line")'
OWN_WORDS = Config()  # what stands where the solution was
OWN_WORDS.ClearSolutions.code_stub = {"python": STUB}
OWN_WORDS.ClearSolutions.text_stub = "*Write your answer here.*"
CHECK = """# The check of {name}, {worth}: run this cell.
from coursekit import points as _course_points

_course_points.begin("{name}")
{body}
_course_points.passed("{name}")"""
TOTAL = """# Your points so far: run this cell.
from coursekit import points as _course_points

_course_points.total({checked}, read={read})"""
HIDDEN = re.compile(r"### BEGIN HIDDEN TESTS\n(.*?)### END HIDDEN TESTS", re.DOTALL)


def unmarked(cell):
    """The source of a cell without the marks for ruff's formatter, which are for who edits the twin."""
    return re.sub(r"[ \t]+# fmt: skip$", "", cell.source, flags=re.MULTILINE)


def read_source(twin):
    """The teacher's notebook of a twin, with nbgrader's metadata; ValueError names a cell of odd role."""
    twin = Path(twin)
    notebook = jupytext.read(twin, fmt="py:percent")
    facts = {"version": coursekit.__version__, "homework": twin.stem, **notebook.metadata["coursekit"]}
    notebook.metadata = nbformat.from_dict({"coursekit": facts, "kernelspec": KERNEL})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for number, cell in enumerate(notebook.cells, start=1):
        cell.id = f"cell-{number:03d}"
        cell.source = unmarked(cell)
        role, exercise = cell.metadata.pop("role", None), cell.metadata.pop("exercise", None)
        points = cell.metadata.pop("points", None)
        if role is None:
            continue
        if role not in ROLES or not exercise:
            raise ValueError(f"{twin.name}: cell {number} needs an exercise and a role of {', '.join(ROLES)}")
        if ROLES[role]["grade"] == (points is None):
            raise ValueError(f"{twin.name}: cell {number}: a test or manual cell has points, no other does")
        cell.metadata.nbgrader = {
            "schema_version": 3,
            "task": False,
            "grade_id": f"test_{exercise}" if role == "test" else exercise,
            **ROLES[role],
            **({"points": points} if points is not None else {}),
        }
    return notebook


def release(notebook, config=OWN_WORDS):
    """What a student gets: no solution, no hidden test, locked checks; the argument is left alone."""
    notebook = nbformat.from_dict(notebook)
    for step in (LockCells, ClearSolutions, ClearOutput, ClearHiddenTests, CheckCellMetadata):
        notebook, _ = step(config=config).preprocess(notebook, {})
    if config is OWN_WORDS:
        out_of_the_way(notebook)
    return ComputeChecksums(config=config).preprocess(notebook, {})[0]


def out_of_the_way(notebook):
    """Fold, in place, what a student runs and need not read; pack its slips; add a cell that counts points.

    A check that fails does not stop `Run All`, so that the last cell says how far the notebook is.
    """
    worth = {"checked": {}, "read": {}}
    for cell in notebook.cells:
        facts = cell.metadata.get("nbgrader", {})
        if not facts.get("grade"):
            continue
        exercise, points = facts["grade_id"].removeprefix("test_"), facts["points"]
        worth["read" if facts["solution"] else "checked"][exercise] = points
        if not facts["solution"]:
            value = f"{points:g} point{'s' * (points != 1)}"
            body = packed_slips(cell.source).rstrip()
            cell.source = CHECK.format(name=exercise, worth=value, body=body)
            cell.metadata.tags = ["raises-exception"]
            cell.metadata.jupyter = {"source_hidden": True}
    last = nbformat.v4.new_code_cell(TOTAL.format(**worth), metadata={"jupyter": {"source_hidden": True}})
    for cell in (nbformat.v4.new_markdown_cell("## How far are you?"), last):
        cell.id = f"cell-{len(notebook.cells) + 1:03d}"
        notebook.cells.append(cell)


def packed_slips(source):
    """The source of a check with every `wrong={...}` as `wrong="..."`, which `answer` unpacks."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    found = [key.value for call in calls for key in call.keywords if key.arg == "wrong"]
    starts = [0]
    for line in source.encode().splitlines(keepends=True):  # ast counts columns in bytes
        starts.append(starts[-1] + len(line))
    text = source.encode()
    for node in sorted(found, key=lambda node: (-node.lineno, -node.col_offset)):
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[node.end_lineno - 1] + node.end_col_offset
        packed = base64.b85encode(zlib.compress(ast.unparse(node).encode(), 9))
        text = text[:start] + b'"' + packed + b'"' + text[end:]
    return text.decode()


def hidden_source(cell):
    """The code between the hidden-test marks of a cell, or '' where there is none."""
    found = HIDDEN.search(cell.source)
    return found.group(1) if found else ""


def build_homework(twin):
    """Write both notebooks of a twin; returns the path of the release version."""
    twin = Path(twin)
    notebook = read_source(twin)
    nbformat.write(notebook, twin.with_suffix(".ipynb"))
    target = twin.parents[2] / "release" / twin.stem / f"{twin.stem}.ipynb"
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(release(notebook), target)
    return target
