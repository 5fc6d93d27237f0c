"""`course.py test`: what it runs side by side and what alone, its last lines, times, skips, comparisons."""

import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import conftest
import picture
import pytest

import course
import course_checks as checks
import course_setup

ROOT = Path(__file__).resolve().parents[2]
PLAIN = [sys.executable, "-m", "pytest", "-q", "-c", str(ROOT / "pyproject.toml")]


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A course of two notebooks in which course.py believes it lives."""
    (tmp_path / "notebooks").mkdir()
    for name in ("00_start_here", "01_pca"):
        publish(tmp_path / "notebooks" / f"{name}.ipynb", {"cpu_seconds": 1})
    for module in (course, course_setup):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(course, "set_up", lambda torch_index: Path("python"))
    monkeypatch.setattr(checks, "install_programs", lambda: None)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def publish(path, facts):
    path.write_text(json.dumps({"metadata": {"coursekit": facts}}))


def python(code, **more):
    return checks.Stage(code[:20], [sys.executable, "-c", code], **more)


# Running stages


@pytest.mark.timing
def test_cpu_seconds_include_the_child_of_a_child(capsys):
    burn = "import time\nwhile time.process_time() < 0.6: pass"
    stage = python(f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}]); sys.exit(3)")
    checks.run([stage], 1, dict(os.environ))
    assert stage.code == 3
    assert stage.cpu_seconds is None if not hasattr(os, "wait4") else 0.6 <= stage.cpu_seconds < 1.5


MEET = """import pathlib, sys, time
mine, other = map(pathlib.Path, sys.argv[1:])
mine.touch()
end = time.monotonic() + 60
while not other.exists() and time.monotonic() < end: time.sleep(0.01)
sys.exit(not other.exists())"""


def test_two_stages_run_side_by_side_and_one_that_wants_both_cores_alone(tmp_path, capsys):
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    pair = [checks.Stage(one, [sys.executable, "-c", MEET, one, two]) for one, two in ((a, b), (b, a))]
    alone = f"import os, sys; sys.exit(not (os.path.exists({a!r}) and os.path.exists({b!r})))"
    last = python(alone, cores=5)
    checks.run([*pair, last], 2, dict(os.environ))
    assert [stage.code for stage in [*pair, last]] == [0, 0, 0]


def test_one_core_takes_one_stage_after_the_other(tmp_path, capsys):
    lock = str(tmp_path / "lock")
    code = f"import os, time; os.mkdir({lock!r}); time.sleep(0.1); os.rmdir({lock!r})"
    stages = [python(code) for _ in range(3)]
    checks.run(stages, 1, dict(os.environ))
    assert [stage.code for stage in stages] == [0, 0, 0]


def test_a_failed_stage_prints_all_that_it_wrote_in_one_piece_and_a_passed_one_its_closing_line(capsys):
    talk = "import sys, time\nfor i in range(5): print('{0}', i, flush=True); time.sleep(0.05)\nsys.exit({1})"
    stages = [python(talk.format("good", 0)), python(talk.format("bad", 1))]
    checks.run(stages, 2, dict(os.environ))
    said = capsys.readouterr().out
    assert "".join(f"bad {i}\n" for i in range(5)) in said
    assert "good 4\n" in said and "good 3" not in said


def test_what_was_skipped_is_shown_of_a_passed_stage_too():
    output = "....\n=== short test summary info ===\nSKIPPED [1] no Chromium\n=== 4 passed, 1 skipped ==="
    assert checks.closing(output) == output.partition("\n")[2]
    assert checks.closing("...\n33 passed in 2 s") == "33 passed in 2 s" and checks.closing("") == ""


def test_how_far_it_is():
    assert checks.percent("") == "" and checks.percent(".... [  9%]\n..F. [ 47%]\n..") == "47%"
    assert checks.clock(59.6) == "60 s" and checks.clock(754) == "12 min 34 s"


def test_no_stage_sees_what_a_person_lets_ipython_do(capsys):
    stages = [python("import os; print(os.environ['IPYTHONDIR'])") for _ in range(2)]
    checks.run(stages, 2, dict(os.environ))
    folders = {line for line in capsys.readouterr().out.splitlines() if line.endswith("-ipython")}
    assert len(folders) == 2 and not any(map(os.path.exists, folders))


def test_a_stage_has_variables_of_its_own(capsys):
    code = "import os, sys; sys.exit(os.environ.get('WHICH') != sys.argv[1])"
    one, two = (
        checks.Stage(name, [sys.executable, "-c", code, name], own={"WHICH": name}) for name in ("a", "b")
    )
    checks.run([one, two], 2, dict(os.environ))
    assert (one.code, two.code) == (0, 0)


OTHERWISE = """import torch
x, w = torch.randn(2, 784, 784, generator=torch.Generator().manual_seed(0))
print((x @ w).sum().item(), x.tanh().sum().item())"""


@pytest.mark.skipif(platform.machine().lower() not in ("x86_64", "amd64"), reason="of another family")
def test_an_old_processor_rounds_otherwise():
    said = [
        subprocess.run(
            [sys.executable, "-c", OTHERWISE], env={**os.environ, **own}, capture_output=True, text=True
        ).stdout.split()
        for own in ({}, checks.OLD_PROCESSOR)
    ]
    assert all(new != old and abs(float(new) - float(old)) < 1 for new, old in zip(*said, strict=True))


def test_no_tests_are_no_failure_where_there_may_be_none(capsys):
    stages = [python("raise SystemExit(5)", may_be_empty=empty) for empty in (True, False)]
    checks.run(stages, 2, dict(os.environ))
    assert [stage.code for stage in stages] == [0, 5]


@pytest.mark.parametrize("how", [KeyboardInterrupt, SystemExit])
def test_ctrl_c_and_the_end_of_a_job_leave_no_stage_behind(tmp_path, monkeypatch, capsys, how):
    def interrupt(self, running, n_waiting):
        if (tmp_path / "ready").exists():
            if how is KeyboardInterrupt:
                running[0].process.send_signal(signal.SIGINT)  # a terminal sends it to all
            raise how

    monkeypatch.setattr(checks._Progress, "say", interrupt)
    code = f"import pathlib, time\ntry:\n pathlib.Path({str(tmp_path)!r}, 'ready').touch(); time.sleep(600)\n"
    stage = python(code + f"finally:\n pathlib.Path({str(tmp_path)!r}, 'cleared').touch()")
    with pytest.raises(how):
        checks.run([stage], 1, dict(os.environ))
    assert stage.code not in (None, 0)
    assert (tmp_path / "cleared").exists() == (how is KeyboardInterrupt)


# Which stages, times, and the last lines


def test_a_notebook_may_take_twice_its_published_time(tmp_path):
    assert checks.time_trouble(19.9, 10) == "" == checks.time_trouble(None, 10)
    assert "more than twice" in checks.time_trouble(20.1, 10)
    path = tmp_path / "a.ipynb"
    for facts, seconds in [({"cpu_seconds": 7.5}, 7.5), ({"cpu_seconds": "7"}, None), ({}, None)]:
        publish(path, facts)
        assert checks.published_seconds(path) == seconds
    for broken in ("{", "{}", '{"metadata": {}}', "[]"):
        path.write_text(broken)
        assert checks.published_seconds(path) is None
    assert "no cpu_seconds" in checks.time_trouble(1.0, None)


class Calls(list):
    """Pairs of (stages, cores), with `fakes`: how each stage ends, (exit code, CPU seconds) by its name."""


@pytest.fixture
def ran(monkeypatch):
    """What `course.py test` would run: a list of (names of stages, cores); each stage ends as in `fakes`."""
    fakes = {
        "ruff check": (1, 0.1),
        "01_pca": (0, 2.5),
        checks.REFERENCE: (0, checks.REFERENCE_SECONDS),
    }
    calls = Calls()
    calls.fakes = fakes

    def run(stages, cores, env):
        assert env["OMP_NUM_THREADS"] == "1"
        calls.append((stages, cores))
        for stage in stages:
            stage.code, stage.cpu_seconds = fakes.get(stage.name, (0, 0.5))

    monkeypatch.setattr(checks, "run", run)
    return calls


def names(stages):
    return [stage.name for stage in stages]


def test_all_stages_run_and_the_last_lines_say_what_failed(house, ran, capsys, monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    publish(house / "notebooks/01_pca.ipynb", {"cpu_seconds": 1.1})
    assert course.main(["test", "--all", "--cores", "2"]) == 1
    (aside, two), (alone, one) = ran
    # The longest notebook starts first; what looks at a clock comes last, with the machine for itself.
    assert names(aside) == [
        *("ruff check", "ruff format", "mypy", "unit tests"),
        *("reference run", "01_pca", "00_start_here"),
        *(f"{name} on an old processor" for name in ("01_pca", "00_start_here")),
    ]
    assert (names(alone), two, one) == (["timing tests"], 2, 1)
    units, timing = aside[3].command, alone[0].command
    assert units[units.index("-n") + 1] == "2" and "--all" in units and "--all" in timing
    assert units[-3:] == ["-m", "not timing", "tests"] and timing[-3:] == ["-m", "timing", "tests"]
    last = capsys.readouterr().out.splitlines()[-5:]
    assert last[0].split() == ["00_start_here", "0.5", "0.5", "1"]
    assert last[1].split() == ["01_pca", "2.5", "2.5", "1.1", *checks.time_trouble(2.5, 1.1).split()]
    assert last[2] == "FAILED ruff check: exit code 1"
    assert last[3] == "FAILED 01_pca: took 2.5 CPU seconds, more than twice the published 1.1"
    assert last[4] == "stages: 8 passed, 2 failed"


def test_seconds_are_judged_by_a_reference_run(house, ran, capsys):
    """A notebook that takes 2.5 s passes at 1.1 published seconds where all work takes twice as long."""
    publish(house / "notebooks/01_pca.ipynb", {"cpu_seconds": 1.1})
    ran.fakes["reference run"] = (0, 2 * checks.REFERENCE_SECONDS)
    assert course.main(["test", "--times"]) == 0
    out = capsys.readouterr().out
    assert "takes 2.00 times as long" in out
    assert out.splitlines()[-2].split() == ["01_pca", "2.5", "1.2", "1.1"]
    ran.fakes["reference run"] = (1, 2 * checks.REFERENCE_SECONDS)
    assert course.main(["test", "--times"]) == 1, "a reference run that failed measured nothing"
    assert "takes 1.00 times as long" in capsys.readouterr().out


def test_times_are_measured_one_after_another(house, ran, capsys):
    assert course.main(["test", "--times"]) == 1
    assert [(sorted(names(stages)), cores) for stages, cores in ran if stages] == [
        (["00_start_here", "01_pca", "reference run"], 1)
    ]
    assert course.main(["test", "--times", "--lecture", "0"]) == 0
    assert names(ran[-1][0]) == ["reference run", "00_start_here"]


def test_on_one_core_there_is_no_second_worker(house, ran, capsys):
    course.main(["test", "--cores", "1"])
    assert "-n" not in ran[0][0][2].command
    assert course.main(["test", "--cores", "0"]) == 1
    assert "at least one core" in capsys.readouterr().err


def write_lecture(house):
    """Files of lecture 01 in the folder pca, and of others beside them."""
    (house / "README.md").write_text(
        "| 00 | [Start](notebooks/00_start_here.ipynb) | — |\n"
        "| 01 | [PCA](notebooks/01_pca.ipynb) | [`coursekit/pca`](coursekit/pca) | [hw01](x) |\n"
    )
    for path in (
        "coursekit/pca/model.py",
        "coursekit/pca_later/model.py",
        "notebooks/source/01_pca.py",
        "notebooks/homework/source/hw01_pca/hw01_pca.py",
        "tests/mistakes/hw01_pca.py",
        "tests/mistakes/hw02_clustering.py",
        "tests/lectures/test_pca.py",
        "tests/lectures/test_pca_explorers.py",
        "tests/lectures/test_pca_later.py",
        "tests/lectures/test_pcas.py",
        "tests/course/test_notebooks.py",
    ):
        (house / path).parent.mkdir(parents=True, exist_ok=True)
        (house / path).touch()


def test_one_lecture_is_all_that_belongs_to_it_and_nothing_else(house, ran, capsys):
    write_lecture(house)
    course.main(["test", "--lecture", "1"])
    (aside, _), (alone, _) = ran
    assert names(aside) == [
        *("ruff check", "ruff format", "reference run"),
        *("01_pca", "unit tests", "homework"),
    ]
    files = {word for stage in aside for word in stage.command if "/" in word and "nbval" not in word}
    assert {Path(name).as_posix() for name in files - {sys.executable}} == {
        "notebooks/01_pca.ipynb",
        "notebooks/source/01_pca.py",
        "notebooks/homework/source/hw01_pca/hw01_pca.py",
        "tests/mistakes/hw01_pca.py",
        "coursekit/pca",
        "tests/lectures/test_pca.py",
        "tests/lectures/test_pca_explorers.py",
        "tests/course/test_notebooks.py",
        "tests/reference_run.py",
        "tests/tools/test_homework.py",
    }
    assert names(alone) == ["timing tests"]


def test_one_lecture_and_all_its_slow_tests(house, ran, capsys, monkeypatch):
    write_lecture(house)
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    course.main(["test", "--lecture", "1", "--all"])
    assert "01_pca on an old processor" in names(ran[0][0])


def test_a_lecture_without_folder_or_homework_and_one_that_is_not_there(house, ran, capsys):
    write_lecture(house)
    course.main(["test", "--lecture", "00"])
    assert names(ran[0][0]) == [
        *("ruff check", "ruff format", "reference run"),
        *("00_start_here", "unit tests"),
    ]
    assert course.main(["test", "--lecture", "07"]) == 1
    assert capsys.readouterr().err == "There is no lecture 07: choose one of 00, 01.\n"
    (house / "README.md").write_text("")
    assert course.main(["test", "--lecture", "01"]) == 1
    assert "README's map has no row for 01_pca.ipynb" in capsys.readouterr().err


@pytest.mark.parametrize(
    "notebook", sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")), ids=lambda p: p.stem
)
def test_readmes_map_names_the_folder_of_every_lecture(notebook, monkeypatch):
    monkeypatch.chdir(ROOT)
    folder = checks.folder_of(notebook.relative_to(ROOT))
    assert (ROOT / "coursekit" / folder / "__init__.py").exists() or notebook.stem.startswith("99")
    assert bool(folder) != notebook.stem.startswith("99")


@pytest.mark.parametrize("test", sorted((ROOT / "tests/lectures").glob("test_*.py")), ids=lambda p: p.stem)
def test_every_test_of_a_lecture_is_named_after_its_folder(test, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert checks.owner(test), f"{test.name}: tests/lectures/test_<folder>*.py, so that `--lecture` finds it"


@pytest.mark.parametrize(("user", "actions"), [(0, ["update", "install"]), (1000, [])])
def test_programs_are_installed_where_root_and_apt_allow_it(monkeypatch, capsys, user, actions):
    ran = []
    monkeypatch.setattr(os, "geteuid", lambda: user, raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: name if name in ("apt-get", "bwrap", "npm") else None)
    monkeypatch.setattr(subprocess, "run", lambda command, **options: ran.append(command))
    checks.install_programs()
    assert [command[2] for command in ran] == actions
    assert all("chromium" in command and "bubblewrap" not in command for command in ran[1:])
    assert "Without chromium the tests that need it are skipped" in capsys.readouterr().out


def test_a_missing_program_skips_at_home_and_fails_in_ci(monkeypatch):
    monkeypatch.setenv("CI", "false")
    with pytest.raises(pytest.skip.Exception, match="no such thing"):
        conftest.needs_program("there is no such thing", "no-such-program-anywhere")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no such thing"):
        conftest.needs_program("there is no such thing", "no-such-program-anywhere")
    assert Path(conftest.needs_program("no shell", "no-such-program-anywhere", "python3", "python")).exists()


def test_exhaustive_tests_wait_for_all(tmp_path):
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    test = "import pytest\ndef test_a(): pass\n@pytest.mark.exhaustive\ndef test_b(): pass\n"
    (tmp_path / "test_it.py").write_text(test)
    command = [*PLAIN, "--rootdir", str(tmp_path)]
    for words, closing in ([], "1 passed, 1 deselected"), (["--all"], "2 passed"):
        done = subprocess.run(
            [*command, *words, str(tmp_path)],
            env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            capture_output=True,
            text=True,
        )
        assert closing in done.stdout.splitlines()[-1]


TRACE = """import os, pathlib
import pytest
{mark}
@pytest.mark.parametrize("number", [1, 2])
def test_it(number):
    pathlib.Path({folder!r}, f"{name} {{number}} {{os.getpid()}}").touch()
    assert number != 2
"""


def test_a_file_stays_together_and_long_ones_start_first(tmp_path):
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    seen = tmp_path / "seen"
    seen.mkdir()
    for name, mark in {"a": "", "b": "", "c": "pytestmark = pytest.mark.long"}.items():
        (tmp_path / f"test_{name}.py").write_text(TRACE.format(name=name, mark=mark, folder=str(seen)))
    command = [*PLAIN, "--rootdir", str(tmp_path), "-n", "2", *checks.TOGETHER, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    failed = {line.split(" - ")[0] for line in done.stdout.splitlines() if line.startswith("FAILED")}
    assert failed == {f"FAILED test_{name}.py::test_it[2]" for name in "abc"}, done.stdout
    workers = {}
    for path in seen.iterdir():
        name, _, process = path.name.split()
        workers.setdefault(name, set()).add(process)
    assert [len(workers[name]) for name in "abc"] == [1, 1, 1]
    # Two workers start with the first two pieces.
    first = min(seen.iterdir(), key=lambda path: path.stat().st_mtime_ns)
    assert first.name[0] in "ca" and workers["c"] != workers["a"]


def test_an_explorer_may_take_twice_its_time_beside_other_tests(monkeypatch, capsys):
    monkeypatch.setattr(picture, "move_to_the_ends", lambda box: 0.5)
    monkeypatch.delenv("COURSEKIT_SIDE_BY_SIDE", raising=False)
    assert picture.slow_move(None) == "a move costs more than 0.3 CPU seconds"
    ask = python("import os; print('said', os.environ.get('COURSEKIT_SIDE_BY_SIDE'))")
    for cores, said in ((1, "said None"), (2, "said 1")):
        checks.run([ask], cores, dict(os.environ))
        assert said in capsys.readouterr().out
    monkeypatch.setenv("COURSEKIT_SIDE_BY_SIDE", "1")
    assert picture.slow_move(None) == ""


def test_the_proofs_of_two_homeworks_may_run_side_by_side():
    proof = "tests/tools/test_homework.py::test_two_sided[{}]"
    pieces = {conftest.together(proof.format(name)) for name in ("hw01_pca", "hw11_vae_elbo")}
    assert len(pieces) == 2
    other = "tests/tools/test_homework.py::test_stored_notebooks_are_those_of_the_twin[hw01_pca]"
    assert conftest.together(other) in pieces
    assert conftest.together("tests/a/test_b.py::test_c[1-x]") == "tests/a/test_b.py"


def notebook(path, source, html):
    output = {"output_type": "display_data", "data": {"text/html": [html]}, "metadata": {}}
    cell = {"cell_type": "code", "execution_count": 1, "id": "a", "metadata": {}, "source": source}
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    content = {
        "cells": [cell | {"outputs": [output]}],
        "metadata": kernel,
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.write_text(json.dumps(content))


def test_words_and_numbers_are_compared_pixels_and_approximations_are_not(tmp_path):
    picture = '<img alt="{}" src="data:image/png;base64,{}=="> <object at 0x{}> {} {}, {}'
    show = "from IPython.display import HTML, display\ndisplay({{'text/html': {!r}}}, raw=True)"
    now = ("fifty states", "aB+/9", "7f3a2b1c", "12:01:33", "≈ 0.31", "0.31")
    stored = {
        "same": ("fifty states", "Zz0", "55d0ffff", "9:59", "≈ -12", "0.31"),
        "word": ("forty states", *now[1:]),
        "number": (*now[:-1], "0.30"),
    }
    for name, then in stored.items():
        notebook(tmp_path / f"{name}.ipynb", show.format(picture.format(*now)), picture.format(*then))
    sanitize = f"--nbval-sanitize-with={ROOT / 'tests' / 'nbval_sanitize.cfg'}"
    done = subprocess.run(
        [*PLAIN, "--nbval", sanitize, str(tmp_path)], capture_output=True, text=True, cwd=tmp_path
    )
    failed = re.findall(r"^FAILED .*?(\w+)\.ipynb", done.stdout, flags=re.M)
    assert failed == ["number", "word"] and "2 failed, 1 passed" in done.stdout.splitlines()[-1], done.stdout
