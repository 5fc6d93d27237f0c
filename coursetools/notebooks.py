"""Build notebooks from their twins: `python3 course.py build [--prose] [NN ...]`, `build 01`, `build hw01`.

A twin (source/NN_name.py, jupytext's percent format) is what a maintainer edits. Building pairs it with
NN_name.ipynb, runs that from a fresh kernel, and stores the outputs. Homework twins give the teacher's
notebook and the release version (see `coursetools.homework`). With --prose nothing runs: a twin in which only
the words, comments among them, the slide marks or line breaks changed keeps the stored outputs.
"""

import ast
import os
import sys
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

import coursekit
from coursetools.homework.build import build_homework, unmarked

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
WIDGET = "application/vnd.jupyter.widget-view+json"
CELL_TIMEOUT = 300  # seconds; a notebook's whole budget is 60 CPU-seconds


def read_twin(path):
    """The notebook that a twin describes, without outputs; cell ids count from 1, so a diff stays small."""
    notebook = jupytext.read(path, fmt="py:percent")
    facts = {"version": coursekit.__version__, **notebook.metadata["coursekit"]}
    notebook.metadata = nbformat.from_dict({"coursekit": facts, "kernelspec": KERNEL})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for number, cell in enumerate(notebook.cells, start=1):
        cell.id = f"cell-{number:03d}"
        cell.source = unmarked(cell)
        if "slide" in cell.metadata:
            cell.metadata.slideshow = {"slide_type": cell.metadata.pop("slide")}
        if "static_frames(" in cell.source and cell.cell_type == "code":
            cell.metadata.jupyter = {"outputs_hidden": True}  # they give away what the explorer above asks
    return notebook


def build(path):
    """Run one twin from a fresh kernel and write the notebook beside the folder of twins."""
    # One thread: the last digits of a sum depend on how many threads share it.
    os.environ["OMP_NUM_THREADS"] = "1"
    notebook = read_twin(path)
    NotebookClient(
        notebook, timeout=CELL_TIMEOUT, resources={"metadata": {"path": NOTEBOOKS}}, record_timing=False
    ).execute()
    notebook.metadata.pop("language_info", None)
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        # A stored explorer has no kernel behind it and would show as an error: its first picture stays.
        for data in (output.data for output in cell.get("outputs", []) if WIDGET in output.get("data", {})):
            del data[WIDGET]
            data["text/plain"] = "An explorer: run this cell to move it."
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr" and "nbval-ignore-output" not in cell.metadata.get("tags", []):
                raise SystemExit(
                    f"{path.name}: a cell wrote to stderr, which no reader wants:\n{output.text}"
                )
    nbformat.validate(notebook)
    nbformat.write(notebook, NOTEBOOKS / f"{path.stem}.ipynb")


def program(source):
    """What a cell computes, as text: line breaks, comments and docstrings do not count."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            node.body[0] = ast.Pass()
    return ast.dump(tree)


def build_prose(path):
    """Write the twin over the stored notebook, whose code must be the same program, and keep the outputs."""
    notebook, target = read_twin(path), NOTEBOOKS / f"{path.stem}.ipynb"
    cells, stored = (
        [c for c in book.cells if c.cell_type == "code"] for book in (notebook, nbformat.read(target, 4))
    )
    if [program(c.source) for c in cells] != [program(c.source) for c in stored]:
        raise SystemExit(f"{path.name}: code changed too, so it has to run: leave --prose out")
    for cell, old in zip(cells, stored, strict=True):
        cell.outputs, cell.execution_count = old.outputs, old.execution_count
    nbformat.write(notebook, target)


def main(arguments):
    """Build the notebooks whose numbers are named, or all of them."""
    names = [a for a in arguments if a != "--prose"]
    build_lecture = build_prose if "--prose" in arguments else build
    twins = sorted((NOTEBOOKS / "source").glob("*.py")) + sorted(
        (NOTEBOOKS / "homework/source").glob("*/*.py")
    )
    chosen = [t for t in twins if not names or any(t.stem.split("_")[0] == n.split("_")[0] for n in names)]
    if not chosen:
        raise SystemExit(f"no twin matches {' '.join(names)}; there are {', '.join(t.stem for t in twins)}")
    for twin in chosen:
        print(f"building {twin.stem} ...", flush=True)
        build_homework(twin) if twin.stem.startswith("hw") else build_lecture(twin)


if __name__ == "__main__":
    main(sys.argv[1:])
