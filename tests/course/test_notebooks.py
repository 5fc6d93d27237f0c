"""The form of a notebook : what a reader may rely on without opening it.

That the outputs are right is nbval's work: `python3 course.py test` runs every notebook and compares. Here
only stored facts are read, so that a breach is known in seconds.
"""

import ast
import io
import re
import tokenize
import tomllib
from pathlib import Path
from statistics import median

import nbformat
import pytest

from coursetools import notebooks
from coursetools.notebooks import read_twin

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"
PATHS = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
HOMEWORK = sorted((NOTEBOOKS / "homework/release").glob("hw*/hw*.ipynb"))
each = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
FRAME = ("00", "99")  # the start and the formula sheet: no lecture, no homework, no counts
NO_HOMEWORK = (*FRAME, "19")  # the comparison of all families ends with an exam instead
lectures = pytest.mark.parametrize(
    "path", [p for p in PATHS if p.stem[:2] not in FRAME], ids=lambda path: path.stem
)
IMAGE = re.compile(r'<img alt="([^"]*)" src="data:image/png;base64,')
IGNORED = "nbval-ignore-output"


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(path):
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def prose(path):
    return "\n\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")


def lines(cell):
    return sum(bool(line.strip()) for line in cell.source.splitlines())


def logical_lines(cell):
    """Statements count once, on however many lines they stand: wrapping a long line must not be punished."""
    tokens = tokenize.generate_tokens(io.StringIO(cell.source + "\n").readline)
    return sum(token.type == tokenize.NEWLINE for token in tokens)


def figures(path):
    """Alternative texts of all figures but the first pictures of explorers."""
    cells = [c for c in code_cells(path) if "explorer(" not in c.source]
    html = [o.data.get("text/html", "") for c in cells for o in c.outputs if "data" in o]
    return [alt for text in html for alt in IMAGE.findall("".join(text))]


def compared_texts(path):
    cells = [c for c in code_cells(path) if IGNORED not in c.metadata.get("tags", [])]
    return [o.text for c in cells for o in c.outputs if o.output_type == "stream"]


@each
def test_stored_notebook_is_its_twin(path):
    twin = read_twin(NOTEBOOKS / "source" / f"{path.stem}.py")
    stored = read(path)
    assert [(c.cell_type, c.source, c.metadata) for c in stored.cells] == [
        (c.cell_type, c.source, c.metadata) for c in twin.cells
    ], f"{path.name} is out of step with its twin: run python3 course.py build {path.stem[:2]}"
    assert stored.metadata == twin.metadata


def test_without_running_only_the_same_program_keeps_its_outputs(tmp_path, monkeypatch):
    monkeypatch.setattr(notebooks, "NOTEBOOKS", tmp_path)
    twin, target = tmp_path / "01_a.py", tmp_path / "01_a.ipynb"
    head = "# ---\n# jupyter:\n#   coursekit: {minutes: 1}\n# ---\n\n"
    code = 'def f():\n    """Two numbers."""\n    print(1, 2)\n\n\nf()'
    twin.write_text(f"{head}# %%\n{code}\n")
    built = read_twin(twin)
    built.cells[0].outputs = [nbformat.v4.new_output("stream", text="1 2\n")]
    nbformat.write(built, target)
    code = code.replace("Two numbers", "1 and 2").replace("print(1, 2)", "print(\n        1, 2)  # fmt: skip")
    twin.write_text(f"{head}# %% [markdown]\n# Words.\n\n# %%\n{code}\n")
    notebooks.build_prose(twin)
    shown = code.replace("  # fmt: skip", "")  # a mark for the formatter, which stays in the twin
    assert [cell.source for cell in read(target).cells] == ["Words.", shown]
    assert read(target).cells[1].outputs == built.cells[0].outputs
    twin.write_text(f"{head}# %%\n{code.replace('2)', '3)')}\n")
    with pytest.raises(SystemExit, match="it has to run"):
        notebooks.build_prose(twin)


def test_every_twin_is_built():
    assert [p.stem for p in PATHS] == sorted(p.stem for p in (NOTEBOOKS / "source").glob("*.py"))


@each
def test_was_run_in_order_and_whole(path):
    counts = [cell.execution_count for cell in code_cells(path)]
    assert counts == list(range(1, len(counts) + 1))
    kinds = {o.output_type for c in code_cells(path) for o in c.outputs} - {"error"}
    assert kinds == {o.output_type for c in code_cells(path) for o in c.outputs}, "an error is stored"
    assert path.stat().st_size <= 1_000_000
    for cell in code_cells(path):
        for output in cell.outputs:
            assert "image/png" not in output.get("data", {}), "show figures with plots.show(figure, alt=...)"


@pytest.mark.parametrize("path", PATHS + HOMEWORK, ids=lambda path: path.stem)
def test_cells_are_short_and_narrow(path):
    # A homework's checks are folded: nobody need read them.
    cells = [c for c in code_cells(path) if not c.metadata.get("jupyter", {}).get("source_hidden")]
    assert max(lines(cell) for cell in cells) <= 30
    for cell in cells:
        assert "pip install" not in cell.source and "http" not in cell.source, "a notebook needs no network"
        assert [line for line in cell.source.splitlines() if len(line) > 88] == []


@lectures
def test_counts(path):
    sizes = [logical_lines(cell) for cell in code_cells(path)]
    assert 16 <= len(sizes) <= 44, f"{len(sizes)} code cells"
    assert median(sizes) <= 8, f"a median of {median(sizes)} lines; the idea of a cell should fit one glance"
    words = len(prose(path).split())
    assert 1800 <= words <= 5500, f"{words} words"
    assert 8 <= len(figures(path)) <= 18, f"{len(figures(path))} figures"
    assert len(compared_texts(path)) >= 5
    assert sum(text.count("✓") for text in compared_texts(path)) >= 10, "formulas are checks"


@each
def test_each_one_sided_check_has_a_control_or_a_theorem(path):
    for cell in code_cells(path):
        for call in ast.walk(ast.parse(cell.source)):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "check":
                words = {keyword.arg: keyword.value for keyword in call.keywords}
                if getattr(words.get("relation"), "value", "==") != "==":
                    assert ("control" in words) != ("theorem" in words), ast.unparse(call)


@each
def test_every_figure_has_a_description(path):
    for alt in figures(path):
        assert len(alt.split()) >= 8, f"too short to stand for a picture: {alt!r}"
    assert len(set(figures(path))) == len(figures(path)), "two figures share one description"


@each
def test_set_up_and_times(path):
    first = code_cells(path)[0]
    assert "plots.use_course_style()" in first.source
    assert lines(first) <= 8 and len(re.findall(r"rng|seed|Generator", first.source)) <= 2
    facts = read(path).metadata.coursekit
    assert 0 < facts.cpu_seconds <= 60, "a notebook costs at most 60 CPU-seconds"
    assert facts.minutes > 0


@lectures
def test_story(path):
    text = prose(path)
    sections = re.findall(r"^## (\d+) · (.+)$", text, re.MULTILINE)
    assert [int(number) for number, _ in sections] == list(range(1, len(sections) + 1))
    assert 7 <= len(sections) <= 11, "five to eight sections, what goes wrong, and a summary"
    titles = [title for _, title in sections]
    assert any("goes wrong" in title for title in titles), "the classic failure is reproduced on purpose"
    assert titles[-1] == "Summary" and "| Claim | Where it was checked |" in text
    assert re.search(r"\*\*Predict before you run", text), "a hard moment opens with a prediction"
    assert text.count("<details>") == text.count("</details>") >= 6
    questions = text.split("### Five questions")[1]
    assert [f"summary>{i}." in questions for i in range(1, 6)] == [True] * 5
    assert path.stem[:2] in NO_HOMEWORK or f"hw{path.stem[:2]}" in text
    assert "**References.**" in text
    explorers = [c for c in code_cells(path) if "explorer(" in c.source]
    assert explorers and all(IGNORED in c.metadata.get("tags", []) for c in explorers)
    stills = [IMAGE.findall("".join(o.data.get("text/html", ""))) for c in explorers for o in c.outputs]
    assert len(stills) == len(explorers) and all(stills), "an explorer is stored with its first picture"
    assert sum("static_frames(" in c.source or "pictures." in c.source for c in code_cells(path)) >= 1
    for word in ("obviously", "simply", "trivial", "of course"):
        assert word not in text.lower(), f"the voice of the course does without {word!r}"


@each
def test_math_is_closed(path):
    for cell in read(path).cells:
        if cell.cell_type == "markdown":
            assert len(re.findall(r"(?<!\\)\$", cell.source)) % 2 == 0, f"an open $ in: {cell.source[:60]}"


@each
def test_slides_are_marked(path):
    kinds = [c.metadata.get("slideshow", {}).get("slide_type") for c in read(path).cells]
    assert kinds[0] == "slide" and sum(kind in ("slide", "subslide") for kind in kinds) >= 6
    assert set(kinds) <= {None, "slide", "subslide", "fragment", "skip", "notes", "-"}


def test_the_map_in_the_readme_is_complete_and_its_minutes_are_those_of_the_notebooks():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for path in PATHS:
        row = next((line for line in readme.splitlines() if f"({path.relative_to(ROOT)})" in line), None)
        assert row, f"README's map has no row that links {path.relative_to(ROOT)}"
        facts = read(path).metadata.coursekit
        assert f"| {facts.minutes} min |" in row and f"| {facts.cpu_seconds} s |" in row, row
        homework = list((NOTEBOOKS / "homework/release").glob(f"hw{path.stem[:2]}_*/*.ipynb"))
        assert path.stem[:2] in NO_HOMEWORK or homework, f"{path.stem} has no homework"
        for target in homework:
            assert f"({target.relative_to(ROOT)})" in row
    for link in re.findall(r"\]\(([^)#:]+)\)", readme):
        assert (ROOT / link).exists(), f"README links {link}, which is not there"


@each
def test_links_lead_somewhere(path):
    for link in re.findall(r"\]\(([^)#:\s]+)\)", prose(path)):
        assert (NOTEBOOKS / link).exists(), f"{path.name} links {link}, which is not there"


def test_one_version():
    with open(ROOT / "pyproject.toml", "rb") as file:
        version = tomllib.load(file)["project"]["version"]
    assert f"version: {version}" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"[{version}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    for path in PATHS:
        assert read(path).metadata.coursekit.version == version, f"build {path.stem} again"
