"""Mutants: which faults are planted, that they stay in memory, and what is said of those that survive."""

import dataclasses
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import course
from coursetools.mutants import runs
from coursetools.mutants.edits import draw, edits_of

ROOT = Path(__file__).resolve().parents[2]
MODEL = '''"""A lecture."""

import numpy as np


def length(x, *, power=2):
    """Root of the sum of squares, (n, d) -> (n,)."""
    if power < 1:
        raise ValueError("power - 1 must be at least 0")
    return np.sum(np.abs(x) ** power, axis=1) ** (1 / power)


def halved(n):
    steps = 0
    while n > 1:
        n = n // 2
        steps += 1
    return steps
'''
TESTS = """
import numpy as np
import pytest
from coursekit.norms.model import halved, length

def test_length():
    np.testing.assert_allclose(length(np.array([[3.0, 4.0], [-6.0, 8.0]])), [5, 10])
    np.testing.assert_allclose(length(np.array([[3.0, -4.0]]), power=1), [7])
    with pytest.raises(ValueError):
        length(np.ones((1, 1)), power=0)

def test_halved():
    assert [halved(n) for n in (1, 2, 3, 8)] == [0, 1, 1, 3]
"""


def test_every_fault_changes_one_line_and_can_be_compiled():
    edits = edits_of("model.py", MODEL)
    lines = MODEL.splitlines()
    for edit in edits:
        changed = edit.source.splitlines()
        differ = [number for number, (a, b) in enumerate(zip(lines, changed, strict=True), 1) if a != b]
        assert differ == [edit.number]
        compile(edit.source, "model.py", "exec")
    found = {(edit.function, edit.new) for edit in edits}
    assert ("length", "return np.sum(np.abs(x) ** power, axis=0) ** (1 / power)") in found
    assert ("length", "return np.mean(np.abs(x) ** power, axis=1) ** (1 / power)") in found
    assert ("length", "return np.sum(np.abs(x) ** power, axis=1) ** (1 * power)") in found
    assert ("length", "def length(x, *, power=3):") in found
    assert ("halved", "while n >= 1:") in found and ("halved", "steps -= 1") in found


def test_words_and_the_looking_at_arguments_stay():
    edits = edits_of("model.py", MODEL)
    assert not [edit for edit in edits if "raise" in edit.old or "if power" in edit.old or '"""' in edit.old]
    plumbing = (
        'def f(x, k):\n    k = positive_int(k + 1, "k", low=2)\n    check_all(x, 1)\n    return x * k\n'
    )
    assert {edit.new for edit in edits_of("f.py", plumbing)} == {"return x / k"}


@pytest.mark.parametrize(
    ("old", "news"),
    [
        ("a - b", {"a + b"}),
        ("a @ b.T", {"a @ b"}),
        ("-a", {"a"}),
        ("a if b else c", {"a if not (b) else c"}),
        ("a < b <= c", {"a <= b <= c", "a > b <= c", "a < b < c", "a < b > c"}),
        ("a and b", {"a or b"}),
        ("a is not b", {"a is b"}),
        ("f(a, keepdims=True)", {"f(a, keepdims=False)"}),
        ("a.sum(dim=-1)", {"a.sum(dim=0)", "a.mean(dim=-1)"}),
        ("a**0.5", {"a*0.5", "a**1.0", "a**0.0"}),
        ("(a + b) * c  # ä + 1", {"(a - b) * c  # ä + 1", "(a + b) / c  # ä + 1"}),
    ],
)
def test_the_faults_of_an_expression(old, news):
    assert {edit.new for edit in edits_of("f.py", f"x = {old}\n")} == {f"x = {new}" for new in news}


def test_the_same_faults_are_drawn_again_and_an_edit_elsewhere_moves_none():
    edits = edits_of("model.py", MODEL)
    drawn = draw(edits, 4, "a seed")
    assert [edit.key for edit in drawn] == [edit.key for edit in draw(edits, 4, "a seed")]
    assert len({edit.number for edit in drawn}) == 4
    assert {e.key for e in draw(edits, 4, "another")} != {e.key for e in drawn}
    longer = MODEL.replace("import numpy as np\n", "import numpy as np\n\n\nSTEPS = 17\n")
    again = {edit.key for edit in draw(edits_of("model.py", longer), 5, "a seed")}
    assert len({edit.key for edit in drawn} - again) <= 0


def test_of_every_module_enough_faults_are_drawn():
    for module in runs.modules(ROOT):
        if module.name != "draws":  # it is short
            assert len(runs.mutants_of(ROOT, module)) >= 20, module.name
    with pytest.raises(ValueError, match="no module 'nothing' with tests of its own; there is .*autoenc"):
        runs.modules(ROOT, ["nothing"])


def test_the_list_of_equivalent_ones_is_of_lines_that_are_there():
    listed = runs.equivalents(ROOT)
    files = {key.partition(" :: ")[0] for key in listed}
    there = {e.key for file in files for e in edits_of(file, (ROOT / file).read_text(encoding="utf-8"))}
    gone = sorted(listed.keys() - there)
    assert not gone, f"{runs.LIST} names faults that the code has no more: {gone}"


def test_a_line_without_a_reason_is_refused(tmp_path):
    (tmp_path / "tests").mkdir()
    (tmp_path / runs.LIST).write_text("# a comment\n\na.py :: f :: x + 1 => x - 1 :: \n")
    with pytest.raises(ValueError, match="line 3: not"):
        runs.equivalents(tmp_path)


@pytest.fixture
def house(tmp_path):
    """A course with one lecture."""
    for path, text in {
        "pyproject.toml": "[tool.pytest.ini_options]\npythonpath = ['.']\nmarkers = ['timing: alone']\n",
        "coursekit/__init__.py": "",
        "coursekit/norms/__init__.py": "",
        "coursekit/norms/model.py": MODEL,
        "tests/lectures/test_norms.py": TESTS,
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def in_a_process_of_its_own(house, *words):
    """Exit code and output: where nothing of this course's own coursekit was imported."""
    run = subprocess.run(
        [sys.executable, "-m", "coursetools.mutants", "norms", "--count", "6", *words],
        cwd=house,
        env={**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    return run.returncode, run.stdout + run.stderr


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


@needs_fork
@pytest.mark.long
def test_good_tests_notice_and_a_hole_is_shown_until_it_is_listed_or_closed(house):
    code, said = in_a_process_of_its_own(house)
    assert "  100%" in said and code == 0, said
    assert (house / "coursekit/norms/model.py").read_text() == MODEL
    assert not list(house.rglob("*.pyc"))

    test = house / "tests/lectures/test_norms.py"
    test.write_text(TESTS.replace("[0, 1, 1, 3]", "[0, 1, 1, 3] or True"))
    code, said = in_a_process_of_its_own(house)
    holes = [line.partition(": ")[2] for line in said.splitlines() if "survived, line" in line]
    assert code == 1 and holes and all(":: halved ::" in hole for hole in holes), said
    assert "below 95%" in said

    module = runs.modules(house, ["norms"])[0]
    noticed = next(e.key for e in runs.mutants_of(house, module, 6) if e.function == "length")
    listed = [f"{key} :: a reason\n" for key in [*holes, noticed]]
    (house / runs.LIST).write_text("".join(listed))
    code, said = in_a_process_of_its_own(house, "--cores", "2")
    assert code == 1 and "  100%" in said and "survived, line" not in said, said
    assert said.count("take it off the list of equivalent ones") == 1 and noticed in said

    test.write_text(TESTS.replace("[0, 1, 1, 3]", "[9]"))
    code, said = in_a_process_of_its_own(house)
    assert code == 2 and "the tests of norms fail without a mutant" in said


@needs_fork
@pytest.mark.timing
def test_a_mutant_that_never_ends_counts_as_noticed(house):
    module = runs.modules(house, ["norms"])[0]
    edit = edits_of("coursekit/norms/model.py", MODEL)[0]
    edit = dataclasses.replace(edit, source=MODEL.replace("n = n // 2", "n = n // 1"))
    log, began = house / "log", time.monotonic()
    job = lambda: runs.trial(house, module, edit, [])  # noqa: E731
    running = {runs._forked(job, log): (edit, began + 0.5)}
    while running:
        runs._look_at(next(iter(running)), running, module, {}, print)
        time.sleep(0.05)
    assert module.slow == [edit] and module.share == 1
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(
    ("words", "handed"),
    [(["pca", "wgan"], ["pca", "wgan", "--cores", "1"]), ([], ["--cores", "1"])],
)
def test_course_py_hands_the_modules_over(words, handed, monkeypatch):
    calls = []
    monkeypatch.setattr(course, "set_up", lambda torch_index: Path("python"))
    monkeypatch.setattr(course, "hand_over", lambda command, env: calls.append((command, env)) or 1)
    assert course.main(["test", "--cores", "1", "--mutants", *words]) == 1
    ((command, env),) = calls
    assert command == ["python", "-m", "coursetools.mutants", *handed] and env["OMP_NUM_THREADS"] == "1"
