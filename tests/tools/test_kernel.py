"""What a kernel says when a cell is run out of order, as a learner's first click may do."""

import nbformat
import pytest
from nbclient import NotebookClient

# A cell -> the line and the name in its sentence, or another one; None where the traceback is of use.
CELLS = {
    "x = 1\ny = data.digits()": (2, "data"),
    "squares = [each**2 for each in numbers]": (1, "numbers"),
    "each = 1\nsum(\n    weights[k] for k in range(2))": (3, "weights"),
    "import statistics\nstatistics.mean(\n    values\n)": (3, "values"),
    "def f():\n    return typo\n\nf()": None,
    "def f():\n    print(a)\n    a = 1\n\nf()": None,
    "1 / 0": None,
    # The check of a homework has a sentence of its own for an empty answer.
    "from coursekit import points\npoints.begin('pca')\npoints.begin('pca')\nprint(scores)": (4, "scores"),
    "raise NotImplementedError": "✗ this answer is still empty",
    "print(loadings)": (1, "loadings"),
}


@pytest.fixture(scope="module")
def errors():
    """Of each cell, what its error shows."""
    cells = [nbformat.v4.new_code_cell(source) for source in ("%reload_ext coursetools.kernel", *CELLS)]
    book = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(book, kernel_name="python3", allow_errors=True).execute()
    return {cell.source: [output.traceback for output in cell.outputs] for cell in book.cells[1:]}


@pytest.mark.parametrize("source", CELLS)
def test_a_name_that_a_cell_above_makes_gets_one_sentence(errors, source):
    (shown,) = errors[source]
    if isinstance(CELLS[source], str):
        assert shown == [CELLS[source]]
    elif CELLS[source]:
        line, name = CELLS[source]
        (sentence,) = shown
        assert sentence.startswith(f"Line {line} of this cell uses `{name}`, which is not there yet.")
    else:
        assert "Traceback" in "".join(shown)
