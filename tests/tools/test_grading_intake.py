"""What is found in a class's folder: everybody once, at a bounded cost, under a name that does no harm."""

import json
import resource
import subprocess
import sys
import time

import batch
import numpy as np
import pytest

from coursetools.homework.grading.batch import _write
from coursetools.homework.grading.gradebook import known_as
from coursetools.homework.grading.intake import MAX_CELLS, Changed, Handed, collect_hand_ins, parse
from coursetools.homework.grading.report import harmless
from coursetools.homework.island.probes import Probe, decode, encode, judge
from coursetools.homework.loading import load_homework

HOMEWORK = load_homework(batch.ROOT, batch.NAME)


def collected(folder):
    return {one.student: one for one in collect_hand_ins(folder, HOMEWORK)[0]}


def test_who_is_a_student_and_where_the_notebook_is(tmp_path):
    """Archives bring `__MACOSX` and a folder inside the folder; a name may begin with a dot."""
    for place in ("ada/inner", "__MACOSX/ada", "..x", "...", ".ipynb_checkpoints", "two/a", "two/b", "mac"):
        batch.save(batch.BLANK, tmp_path / place)
    batch.save(batch.BLANK, tmp_path / "mac" / "__MACOSX", f"._{batch.NAME}.ipynb")
    found = collected(tmp_path)
    assert found.keys() == {"ada", "..x", "...", "two", "mac"}
    assert {name for name, one in found.items() if one.problem} == {"two"}
    assert "not clear which one counts" in found["two"].problem
    assert found["ada"].file == f"inner/{batch.NAME}.ipynb"
    answered, problem = parse(found["ada"], HOMEWORK)
    assert problem is None and len(answered.cells) == len(batch.BLANK.cells)
    # The deeper folder is no link, as the outer one is none.
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked/inner").symlink_to(tmp_path / "ada/inner")
    assert "holds no notebook" in collected(tmp_path)["linked"].problem


def test_a_file_that_changes_while_the_class_is_graded_is_said(tmp_path):
    batch.save(batch.BLANK, tmp_path / "ada")
    one = collected(tmp_path)["ada"]
    batch.save(batch.right(), tmp_path / "ada")
    with pytest.raises(Changed, match="was changed while the class was graded"):
        parse(one, HOMEWORK)


SPARSE = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (6 * 10**9, 6 * 10**9))
from coursetools.homework.loading import load_homework
from coursetools.homework.grading.intake import collect_hand_ins
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found, _ = collect_hand_ins(sys.argv[2], load_homework(__import__("pathlib").Path(sys.argv[1]), "hw01_pca"))
print([one.problem for one in found if one.problem])
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_hundred_sparse_notebooks_stop_nobody(tmp_path):
    batch.save(batch.BLANK, tmp_path / "ada")
    (tmp_path / "eve").mkdir()
    for number in range(100):
        with open(tmp_path / "eve" / f"{number}.ipynb", "wb") as file:
            file.truncate(49_000_000)
    for student in "bcd":  # and some with one such file each, none of which stays in memory
        (tmp_path / student).mkdir()
        with open(tmp_path / student / "a.ipynb", "wb") as file:
            file.truncate(49_000_000)
    command = [sys.executable, "-c", SPARSE, batch.ROOT, tmp_path]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=batch.ROOT)
    assert done.returncode == 0, done.stderr
    said, megabytes = done.stdout.splitlines()
    assert said == "['100 notebooks, together larger than 100 MB']" and int(megabytes) < 400


def handed(notebook):
    content = notebook if isinstance(notebook, bytes) else json.dumps(notebook).encode()
    return Handed("eve", "", None, "x.ipynb"), content


def test_metadata_and_cells_without_end_cost_little():
    notebook = json.loads(json.dumps(batch.BLANK))
    empty = b'{"x":[' + b"{}," * 3_000_000 + b"{}]"
    one, content = handed(
        json.dumps(notebook).encode().replace(b'"metadata": {', b'"metadata": ' + empty + b",", 1)
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "more than 1000000 parts" in parse(one, HOMEWORK, content)[1]
    answer = next(
        c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") == "biplot"
    )
    many = dict(notebook, cells=notebook["cells"] + [answer] * 40_000)
    assert f"more than {MAX_CELLS}" in parse(*handed(many)[:1], HOMEWORK, handed(many)[1])[1]
    long = dict(answer, source=["a line of words\n"] * 500)
    few = dict(notebook, cells=notebook["cells"] + [long] * 1_900)
    began = time.process_time()
    answered, problem = parse(*handed(few)[:1], HOMEWORK, handed(few)[1])
    assert problem is None and len(answered.answers["biplot"]) > 10_000_000
    assert time.process_time() - began < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1_500_000


def test_names_do_no_harm_in_the_formgrader_and_in_a_spreadsheet(tmp_path):
    script = "<img src=x onerror=alert(document.domain)>"
    assert not set("<>&\"'") & set(known_as(script)) and known_as("Zoë 1") == "Zoë 1"
    assert known_as("a<") != known_as("a(3c)") != known_as("a>")
    assert harmless("a;=1+1;b") == "a;'=1+1;b" and harmless("=1") == "'=1" and harmless("x; -2") == "x;' -2"
    assert harmless("\uff1d1") == "'\uff1d1" and harmless("ada") == "ada" and harmless(3.5) == "3.5"
    _write(tmp_path / "grades.csv", "ada,3")
    assert (tmp_path / "grades.csv").stat().st_mode & 0o077 == 0


def test_an_answer_of_odd_form_costs_the_judge_nothing():
    expected = encode([np.ones(3), np.float64(2.0)])
    began = time.process_time()
    for value in (
        {"dtype": "<f8", "shape": [10**9, 0], "base64": ""},
        {"dtype": "f8," * 1_900_000, "shape": [1], "base64": ""},
        {"dtype": "<f8", "shape": [0, 10**9], "base64": ""},
    ):
        with pytest.raises((TypeError, ValueError)):
            decode(value)
        assert judge(Probe("f()", {}, "no"), value, expected) == "no"
    assert time.process_time() - began < 1


def test_right_in_another_form_is_right():
    probe = Probe("f()", {}, "no", normalise=lambda v: v * np.sign(v[:, :1]))
    exact = np.random.default_rng(0).normal(size=(4, 3))
    for value in (exact.tolist(), -exact, exact.astype(np.float32), list(exact)):
        assert judge(probe, encode(value), encode(exact)) is None
    assert judge(probe, encode((exact * 1.001).astype(np.float32)), encode(exact)) == "no"
    whole = Probe("f()", {}, "no", kinds=True)
    assert judge(whole, encode([1, 2]), encode(np.array([1, 2]))) is None
    assert judge(whole, encode([1.0, 2.0]), encode(np.array([1, 2]))) == "no"
