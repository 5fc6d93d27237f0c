"""The set-up as a person meets it: course.py, its copies in work/, its sentences, and the pinned versions."""

import ast
import importlib.metadata
import json
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
import sys
import tomllib
import types
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import course
import course_setup

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONDA_NAMES = {"pytorch": "torch", "playwright-python": "playwright"}


# One set of versions


LOCK = dict(line.split("==") for line in (ROOT / "lock.txt").read_text(encoding="utf-8").split())
LOCK = {canonicalize_name(name): version for name, version in LOCK.items()}


def direct(*extras):
    """The requirements of pyproject.toml itself and of these extras, by their names."""
    project = PYPROJECT["project"]
    lines = project["dependencies"] + [line for e in extras for line in project["optional-dependencies"][e]]
    return {canonicalize_name(Requirement(line).name): Requirement(line).specifier for line in lines}


def test_the_lock_has_one_line_for_each_package_and_no_address():
    lines = (ROOT / "lock.txt").read_text(encoding="utf-8").splitlines()
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines)
    assert lines == sorted(lines, key=str.lower) and len(lines) == len(LOCK)


def test_the_lock_is_whole_installed_and_within_the_ranges():
    """Of all that is installed for lab, tools and test, down to what needs nothing more."""
    waiting = [Requirement("coursekit[lab,tools,test]")]
    seen = set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if (name, *requirement.extras) in seen:
            continue
        seen.add((name, *requirement.extras))
        there = importlib.metadata.distribution(name)
        if name != "coursekit":
            assert there.version.split("+")[0] == LOCK[name], name
        for line in there.requires or []:
            needed = Requirement(line)
            markers = [{"extra": extra} for extra in ("", *requirement.extras)]
            if needed.marker is None or any(map(needed.marker.evaluate, markers)):
                waiting.append(needed)
    assert len(seen) > 100
    for name, range_ in direct(*PYPROJECT["project"]["optional-dependencies"]).items():
        assert range_.contains(LOCK[name]), f"{name} {range_} and lock.txt has {LOCK[name]}"


def test_the_library_asks_for_ranges():
    """`pip install .` beside something else must neither fail nor take a newer NumPy away."""
    for name, range_ in direct().items():
        assert [part.operator for part in range_] == [">="], f"{name}{range_}"


def test_set_up_and_ci_take_the_lock(monkeypatch):
    steps = []
    monkeypatch.setattr(course_setup, "step", lambda name, command: steps.append(command))
    course_setup.install(Path("python"), "")
    assert steps[0][-1] == f"torch=={LOCK['torch']}"
    assert steps[1][-4:] == ["-c", "lock.txt", "-e", ".[lab,tools,test]"]
    for path in (ROOT / ".ci/run", *ROOT.glob(".github/workflows/*")):
        text = path.read_text(encoding="utf-8")
        assert "pip install" not in text and ("course.py test" in text or ".ci/run" in text), path


def test_conda_gets_the_same_set():
    listed = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    lines = [entry for entry in listed if isinstance(entry, str)]
    assert {f"python{PYPROJECT['project']['requires-python']}", "pip"} <= set(lines)
    conda = dict(line.split("==") for line in lines if "==" in line)
    conda = {canonicalize_name(CONDA_NAMES.get(name, name)): version for name, version in conda.items()}
    # No learner needs the peers of the benchmark, which `course.py bench` installs, or a hub for a class.
    assert conda == {name: LOCK[name] for name in direct("lab", "tools", "test")}
    assert len(conda) == len(lines) - 2
    assert [entry["pip"] for entry in listed if isinstance(entry, dict)] == [["-e ."]]


def test_one_version_number():
    version = PYPROJECT["project"]["version"]
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\n## [{version}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


# Sentences


def sentence(text):
    """One line that ends like a sentence and shows no traceback."""
    assert re.fullmatch(r"[^\n]+\.\n?", text) and "Traceback" not in text, text
    return text


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 6), (3, 10, 13)])
def test_an_old_python_gets_one_sentence(version, monkeypatch, capsys):
    monkeypatch.setattr(course.sys, "version_info", version)
    assert course.main(["lab"]) == 1
    said = sentence(capsys.readouterr().err)
    assert "3.11 or newer" in said and f"Python {version[0]}.{version[1]}," in said


@pytest.mark.parametrize("version", [(3, 11), (3, 12, 1), (4, 0)])
def test_a_new_python_is_welcome(version):
    assert course_setup.python_trouble(version) == ""


def test_an_old_python_can_read_the_files_far_enough():
    known = {"argparse", "course_setup", "errno", "hashlib", "json", "os", "pathlib", "platform"}
    known |= {"course_checks", "re", "shutil", "signal", "socket", "subprocess", "sys", "tempfile", "time"}
    for name in ("course.py", "course_setup.py", "course_checks.py"):
        tree = ast.parse((ROOT / name).read_text(encoding="utf-8"), feature_version=(3, 7))
        tops = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
        names = [alias.name for n in tops if isinstance(n, ast.Import) for alias in n.names]
        assert set(names + [n.module for n in tops if isinstance(n, ast.ImportFrom)]) <= known


@pytest.mark.parametrize(
    ("log", "words"),
    [
        (
            "WARNING: Retrying (Retry(total=0, connect=None)) after connection broken\nERROR: No matching",
            "network",
        ),
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
            "disk is full",
        ),
        ("ERROR: No matching distribution found for torch==2.13.0", "no torch==2.13.0"),
        ("error: subprocess-exited-with-error", "last word was: error: subprocess-exited-with-error"),
        ("", "it did not say why"),
    ],
)
def test_a_failed_step_becomes_one_sentence(log, words):
    assert words in sentence(course_setup.install_trouble(log, "installing torch==2.13.0"))


def test_only_a_log_that_exists_is_named(house, capfd):
    failing = [sys.executable, "-c", "print('the one reason.'); raise SystemExit(1)"]
    with pytest.raises(course_setup.Trouble, match="the one reason[.]$"):
        course_setup.step("trying", failing)  # there is no .venv to keep a log in
    (house / ".venv").mkdir()
    with pytest.raises(course_setup.Trouble, match=".venv/install.log says why"):
        course_setup.step("trying", failing)
    assert "the one reason" in (house / ".venv/install.log").read_text()


def test_a_python_without_ensurepip_names_the_debian_package(monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "ensurepip" else name)
    with pytest.raises(course_setup.Trouble, match="apt install python3-venv"):
        course_setup.make_venv(tmp_path / ".venv")
    assert not (tmp_path / ".venv").exists()


PIP_SOURCES = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS")


@pytest.mark.parametrize(
    ("free", "system", "torch", "words"),
    [
        (1.0, "linux", "", "takes 5.6 GB here and 1.0 GB of the disk are free: make room"),
        (3.7, "linux", "", "name PyTorch's CPU index with --torch-index (see README), which takes 2.5 GB"),
        (3.7, "linux", "https://example.org/cpu", None),
        (3.7, "darwin", "", None),
        (1.0, "darwin", "", "takes 2.5 GB here and 1.0 GB of the disk are free: make room"),
        (1.0, "linux", "https://example.org/cpu", "takes 2.5 GB here"),
        (5.7, "linux", "", None),
    ],
)
def test_too_little_room_is_said_first(house, monkeypatch, capsys, free, system, torch, words):
    for name in PIP_SOURCES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: types.SimpleNamespace(free=free * 1e9))
    monkeypatch.setattr(sys, "platform", system)
    if words is None:
        assert course_setup.room_trouble(torch) == ""
        return
    assert course.main(["test", *(["--torch-index", torch] if torch else [])]) == 1
    assert words in sentence(capsys.readouterr().err)
    assert not (house / ".venv").exists()


def test_who_tells_pip_of_another_source_is_not_asked_for_cudas_room(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    for name in PIP_SOURCES:
        monkeypatch.delenv(name, raising=False)
    assert course_setup.brings_cuda("") and not course_setup.brings_cuda("/wheels")
    monkeypatch.setenv("PIP_FIND_LINKS", "/wheels")
    assert not course_setup.brings_cuda("")


def test_a_disk_that_fills_up_later_is_said_with_the_room_needed(house, monkeypatch, capsys):
    def full(torch_index):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(course, "set_up", full)
    assert course.main(["test"]) == 1
    said = sentence(capsys.readouterr().err)
    assert "disk is full" in said and "2.5 GB" in said and "5.6 GB" in said


@pytest.mark.parametrize("verb", [["lab"], ["test"], ["build"], ["app", "1"], ["bench"]])
def test_a_folder_with_a_colon_is_said_before_anything_is_made(house, monkeypatch, capsys, verb):
    clone = house / f"to{os.pathsep}day"
    clone.mkdir()
    for module in (course, course_setup):
        monkeypatch.setattr(module, "ROOT", clone)
    assert course.main(verb) == 1
    said = sentence(capsys.readouterr().err)
    assert f"a {os.pathsep} in its name" in said and str(clone) in said
    assert not list(clone.iterdir())


def before_and_after(house):
    return sorted(path.relative_to(house) for path in house.rglob("*"))


@pytest.mark.parametrize("verb", [["lab"], ["test"]])
@pytest.mark.parametrize(
    ("locked", "words"),
    [(".", "copy the course to a folder of your own"), ("home", "set HOME to a folder of your own")],
)
def test_what_cannot_be_written_is_said_before_anything_is_made(
    house, monkeypatch, capsys, verb, locked, words
):
    (house / "home").mkdir()
    monkeypatch.setenv("HOME", str(house / "home" / "not" / "yet"))
    before, closed, access = before_and_after(house), house / locked, os.access
    # Asked of the system for one folder only: root, who may run this, could write to any.
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != closed and access(path, mode))
    assert course.main(verb) == 1
    assert words in sentence(capsys.readouterr().err)
    assert before_and_after(house) == before


def test_a_home_that_is_no_folder_is_said(house, monkeypatch, capsys):
    monkeypatch.setenv("HOME", os.devnull)
    assert course.main(["lab"]) == 1
    assert f"home folder {os.devnull} cannot be written" in sentence(capsys.readouterr().err)


@pytest.mark.parametrize("closed", ["course", "home"])
def test_a_read_only_disk_gets_one_sentence(tmp_path, bubblewrap, closed):
    """The same with a folder that even root cannot write to."""
    clone, home = tmp_path / "course", tmp_path / "home"
    clone.mkdir()
    home.mkdir()
    for name in ("course.py", "course_setup.py", "course_checks.py", "pyproject.toml", "lock.txt"):
        shutil.copy(ROOT / name, clone)
    command = [bubblewrap, "--bind", "/", "/", "--dev", "/dev", "--setenv", "HOME", str(home)]
    command += ["--ro-bind", *[str(tmp_path / closed)] * 2, sys.executable, str(clone / "course.py")]
    done = subprocess.run([*command, "test", "--", "x"], capture_output=True, text=True)
    assert done.returncode == 1 and not done.stdout
    assert "cannot be written" in sentence(done.stderr) and str(tmp_path / closed) in done.stderr


def test_a_taken_port_is_said_before_anything_is_done(house, capsys):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        assert course.main(["lab", "--port", str(port)]) == 1
    assert f"Port {port} is not free" in sentence(capsys.readouterr().err)
    assert course.main(["lab", "--port", "99999"]) == 1
    assert "There is no port 99999: name one from 1024" in sentence(capsys.readouterr().err)
    assert not (house / "work").exists() and not (house / ".venv").exists()


def test_a_folder_or_address_for_torch(tmp_path, monkeypatch, capsys):
    assert course_setup.torch_source(None) == course_setup.torch_source("") == ""
    assert course_setup.torch_source("https://example.org/cpu") == "https://example.org/cpu"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wheels").mkdir()
    assert course_setup.torch_source("wheels") == str(tmp_path / "wheels")
    assert course.main(["test", "--torch-index", "nowhere"]) == 1
    assert "nowhere" in sentence(capsys.readouterr().err)


def test_python_of_a_virtual_environment_on_windows_and_elsewhere():
    assert course_setup.venv_python(Path("v"), windows=True) == Path("v/Scripts/python.exe")
    assert course_setup.venv_python(Path("v"), windows=False) == Path("v/bin/python")


@pytest.mark.parametrize("verb", [[], ["lab"], ["test"], ["build"]])
def test_help(verb):
    done = subprocess.run(
        [sys.executable, "course.py", *verb, "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0 and done.stdout.startswith("usage: course.py") and not done.stderr


# The learner's copies


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A course of two notebooks and one homework, in which course.py believes it lives."""
    for name in ("pyproject.toml", "lock.txt"):
        (tmp_path / name).write_text((ROOT / name).read_text(encoding="utf-8"))
    release = tmp_path / "notebooks" / "homework" / "release" / "hw01_pca"
    release.mkdir(parents=True)
    for path in (tmp_path / "notebooks/00_start_here.ipynb", tmp_path / "notebooks/01_pca.ipynb"):
        path.write_text(f"new {path.stem}")
    (release / "hw01_pca.ipynb").write_text("new hw01_pca")
    for module in (course, course_setup):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_copies_are_made_once_and_never_overwritten(house):
    work = house / "work"
    assert course.learners_copies() == work / "00_start_here.ipynb"
    assert (work / "01_pca.ipynb").read_text() == "new 01_pca"
    assert (work / "homework/hw01_pca.ipynb").read_text() == "new hw01_pca"
    for path in work.rglob("*.ipynb"):
        path.write_text("mine")
    course.learners_copies()
    assert {path.read_text() for path in work.rglob("*.ipynb")} == {"mine"}
    assert len([path for path in work.rglob("*") if path.is_file()]) == 3


def test_links_between_the_copies_of_lecture_and_homework_lead_somewhere(house):
    lecture, homework = "01_pca.ipynb", "homework/release/hw01_pca/hw01_pca.ipynb"
    (house / "notebooks" / lecture).write_text(f"[hw]({homework}) [code](../coursekit/pca/model.py)")
    (house / "notebooks" / homework).write_text(f"[lecture](../../../{lecture})")
    course.learners_copies()
    assert "[hw](homework/hw01_pca.ipynb) [code](../coursekit/" in (house / "work" / lecture).read_text()
    assert (house / "work/homework/hw01_pca.ipynb").read_text() == f"[lecture](../{lecture})"


def test_a_copy_says_of_its_language_what_the_lab_would_add(house):
    """Else every notebook is unsaved as soon as it is open."""
    (house / "notebooks/01_pca.ipynb").write_text('{"cells": [], "metadata": {"kernelspec": {"name": "é"}}}')
    course.learners_copies()
    metadata = json.loads((house / "work/01_pca.ipynb").read_text(encoding="utf-8"))["metadata"]
    assert metadata["kernelspec"] == {"name": "é"}
    assert metadata["language_info"]["version"] == platform.python_version()


def test_copies_of_an_earlier_version_stay_where_they_are(house):
    old = house / "work/homework/release/hw01_pca/hw01_pca.ipynb"
    old.parent.mkdir(parents=True)
    old.write_text("mine")
    course.learners_copies()
    assert old.read_text() == "mine" and not (house / "work/homework/hw01_pca.ipynb").exists()


@pytest.mark.parametrize(("name", "stem"), [("01", "01_pca"), ("1", "01_pca"), ("hw01", "homework/hw01_pca")])
def test_fresh_saves_the_old_one(house, name, stem):
    course.learners_copies()
    copy = house / "work" / f"{stem}.ipynb"
    copy.write_text("mine")
    assert course.learners_copies(name) == copy
    assert copy.read_text().startswith("new")
    saved = [path for path in copy.parent.glob(f"{copy.stem}_2*.ipynb")]
    assert [path.read_text() for path in saved] == ["mine"]
    copy.write_text("mine too")
    try:
        course.learners_copies(name)
    except course_setup.Trouble:  # the same second: nothing may be lost
        assert copy.read_text() == "mine too"
    kept = {path.read_text() for path in copy.parent.glob(f"{copy.stem}*.ipynb")}
    assert {"mine", "mine too"} <= kept


def test_fresh_with_an_unknown_name_lists_the_known(house, capsys):
    assert course.main(["lab", "--fresh", "07"]) == 1
    assert "00, 01, hw01" in sentence(capsys.readouterr().err)


def test_no_notebooks_is_said(house, capsys):
    shutil.rmtree(house / "notebooks")
    assert course.main(["lab"]) == 1
    assert "no notebooks" in sentence(capsys.readouterr().err)


def test_a_copy_that_breaks_off_leaves_no_half_notebook(house, monkeypatch):
    def full_disk(path, text, **keywords):
        with open(path, "w") as file:
            file.write("ha")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full_disk)
    with pytest.raises(OSError):
        course.learners_copies()
    assert not list((house / "work").rglob("*.ipynb"))


def test_lab_listens_at_home_and_opens_the_copy(house, monkeypatch):
    seen = {}
    monkeypatch.setattr(course, "set_up", lambda torch_index: Path("python"))
    monkeypatch.setattr(course, "hand_over", lambda command, env: seen.update(command=command, env=env) or 0)
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "my_own")
    assert course.main(["lab", "--no-browser"]) == 0
    assert seen["env"]["JUPYTER_CONFIG_PATH"].split(os.pathsep) == [
        str(course_setup.learners_config()),
        "my_own",
    ]
    assert {"--ServerApp.ip=127.0.0.1", "--no-browser"} <= set(seen["command"])
    assert "--LabApp.default_url=/lab/tree/work/00_start_here.ipynb" in seen["command"]
    assert not any("token" in word or "password" in word for word in seen["command"])
    assert set(course.QUIET) <= set(seen["command"])
    assert "--ServerApp.jpserver_extensions=coursetools.homework.validate=True" in seen["command"]


def test_app_shows_a_notebook_by_its_number(house, monkeypatch, capsys):
    seen = {}
    monkeypatch.setattr(course, "set_up", lambda torch_index: Path("python"))
    monkeypatch.setattr(course, "hand_over", lambda command, env: seen.update(command=command, env=env) or 0)
    assert course.main(["app", "1", "--no-browser"]) == 0
    assert {"voila", str(Path("notebooks/01_pca.ipynb")), "--Voila.ip=127.0.0.1"} <= set(seen["command"])
    assert seen["env"]["JUPYTER_PATH"].startswith(str(house / "docs"))
    assert not any("port" in word for word in seen["command"])
    assert course.main(["app", "1", "--port", "18866"]) == 0 and "--port=18866" in seen["command"]
    assert course.main(["app", "1", "--port", "99999"]) == 1
    assert course.main(["app", "55"]) == 1
    assert "choose one of 00, 01." in capsys.readouterr().err


# When something is installed, and when not


@pytest.fixture
def steps(house, monkeypatch):
    """`set_up` with its slow parts replaced by their names in a list."""
    done = []

    def make_venv(venv, torch_index):
        done.append("venv")
        course_setup.venv_python(venv).parent.mkdir(parents=True, exist_ok=True)
        course_setup.venv_python(venv).touch()

    monkeypatch.setattr(course_setup, "make_venv", make_venv)
    monkeypatch.setattr(course_setup, "install", lambda python, torch_index: done.append("install"))
    monkeypatch.setattr(course_setup, "intact", lambda python, version: python.exists())
    monkeypatch.setattr(course_setup, "warm_fonts", lambda python: done.append("fonts"))
    monkeypatch.setattr(shutil, "which", lambda name: None)  # no npm: nothing is asked of a network here
    return done


def rerun(steps, torch_index=""):
    steps.clear()
    course_setup.set_up(torch_index)
    return list(steps)


def test_the_second_run_does_nothing(steps, house):
    assert rerun(steps) == ["venv", "install", "fonts"]
    assert rerun(steps) == []
    for folder, names in (
        (house / ".venv/etc/jupyter", course_setup.NOT_FOR_ALL),
        (course_setup.learners_config(), course_setup.NOT_FOR_LEARNERS),
    ):
        config = json.loads((folder / "labconfig/page_config.json").read_text())
        assert config["disabledExtensions"] == dict.fromkeys(names, True)
    overrides = json.loads((house / ".venv/share/jupyter/lab/settings/overrides.json").read_text())
    assert overrides["jupyterlab-rise:plugin"]["theme"] == "white"  # the default one asks for fonts outside
    kernel = json.loads((house / ".venv/etc/ipython/ipython_kernel_config.json").read_text())
    assert kernel["IPKernelApp"] == {"log_level": "ERROR"}
    assert kernel["InteractiveShellApp"] == {"extensions": ["coursetools.kernel"]}


@pytest.mark.parametrize(
    ("npm", "code", "said"),
    [
        (None, 0, "Node.js is not here"),
        ("npm", 0, "fetching what decks and site need"),
        ("npm", 1, "will be fetched at first use, for now: no network"),
    ],
)
def test_what_decks_and_site_need_comes_with_the_set_up(steps, monkeypatch, capsys, npm, code, said):
    ran = []

    def run(command, **options):
        ran.append(command[1:])
        return types.SimpleNamespace(returncode=code, stdout="", stderr="npm\nno network\n" * code)

    monkeypatch.setattr(shutil, "which", lambda name: npm)
    monkeypatch.setattr(subprocess, "run", run)
    assert rerun(steps) == ["venv", "install", "fonts"]
    assert ran == ([["-m", "coursetools.assets"]] if npm else [])
    assert said in capsys.readouterr().out
    assert rerun(steps) == []  # without them the set-up is complete all the same


def test_the_set_up_has_the_list_of_fonts_made(tmp_path, monkeypatch):
    """Else matplotlib makes it in the first notebook and says so on stderr, where nothing should be said."""
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path))
    course_setup.warm_fonts(Path(sys.executable))
    (path,) = tmp_path.glob("fontlist-*.json")
    whole = json.loads(path.read_text())
    for family in ("cmr10", "STIXGeneral"):  # both are of use in formulas
        lacking = [font for font in whole["ttflist"] if font["name"] != family]
        assert len(lacking) < len(whole["ttflist"])
        path.write_text(json.dumps({**whole, "ttflist": lacking}))
        course_setup.warm_fonts(Path(sys.executable))
        assert len(json.loads(path.read_text())["ttflist"]) == len(whole["ttflist"])


def test_new_pins_are_installed_over_the_old_ones(steps, house):
    rerun(steps)
    lock, path = house / "lock.txt", house / "pyproject.toml"
    lock.write_text(lock.read_text().replace("torch==", "torch==9."))
    assert rerun(steps) == ["install", "fonts"]
    path.write_text(path.read_text().replace("torch>=", "torch>=1"))
    assert rerun(steps) == ["install", "fonts"]
    path.write_text(path.read_text().replace("line-length = 110", "line-length = 100"))
    assert rerun(steps) == []  # a linter's setting needs no network


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("KERNEL", "etc/ipython/ipython_kernel_config.json"),
        ("NOT_FOR_ALL", "etc/jupyter/labconfig/page_config.json"),
        ("NOT_FOR_LEARNERS", "etc/coursekit/labconfig/page_config.json"),
    ],
)
def test_new_settings_reach_an_older_environment(steps, house, monkeypatch, name, path):
    rerun(steps)
    old = getattr(course_setup, name)
    monkeypatch.setattr(course_setup, name, {**old, "New": {}} if isinstance(old, dict) else [*old, "New"])
    assert rerun(steps) == ["install", "fonts"]
    assert '"New"' in (house / ".venv" / path).read_text()
    assert rerun(steps) == []


def test_another_place_or_python_needs_a_new_environment(steps, house):
    for change in ({"root": "/elsewhere"}, {"python": "3.99"}):
        rerun(steps)
        stamp = house / ".venv" / "coursekit.json"
        stamp.write_text(json.dumps(json.loads(stamp.read_text()) | change))
        assert rerun(steps) == ["venv", "install", "fonts"]


def test_the_index_for_torch_is_kept(steps):
    assert rerun(steps, "https://example.org/cpu") == ["venv", "install", "fonts"]
    assert rerun(steps) == []
    assert rerun(steps, "https://example.org/other") == ["venv", "install", "fonts"]


@pytest.mark.parametrize("failure", [course_setup.Trouble("No."), KeyboardInterrupt(), OSError(28, "full")])
def test_a_broken_install_is_taken_up_again(steps, monkeypatch, failure):
    def broken(python, torch_index):
        raise failure

    with monkeypatch.context() as patch:
        patch.setattr(course_setup, "install", broken)
        with pytest.raises(type(failure)):
            course_setup.set_up("https://example.org/cpu")
    assert rerun(steps) == ["install", "fonts"]
    assert rerun(steps) == []


def test_a_missing_python_or_a_spoilt_stamp_is_repaired(steps, house):
    rerun(steps)
    course_setup.venv_python(house / ".venv").unlink()
    assert rerun(steps) == ["venv", "install", "fonts"]
    (house / ".venv" / "coursekit.json").write_text("{")
    assert rerun(steps) == ["install", "fonts"]


# The whole way, with small packages made here: no network needed


def wheel(folder, name, version, files, metadata=""):
    tag = f"{name}-{version}"
    files |= {
        f"{tag}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{metadata}",
        f"{tag}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in [*files, f"{tag}.dist-info/RECORD"])
    with zipfile.ZipFile(folder / f"{tag}-py3-none-any.whl", "w") as archive:
        for path, text in {**files, f"{tag}.dist-info/RECORD": record}.items():
            archive.writestr(path, text)


BACKEND = """import shutil
def build_editable(folder, config_settings=None, metadata_directory=None):
    return shutil.copy("wheels/coursekit-1-py3-none-any.whl", folder).split("/")[-1]
"""


@pytest.fixture
def toy_course(tmp_path):
    """course.py beside a pyproject whose torch, ipykernel and pytest are a few lines each, in wheels/."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for name in ("course.py", "course_setup.py", "course_checks.py"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "backend.py").write_text(BACKEND)
    (tmp_path / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "coursekit"\nversion = "1"\ndependencies = ["torch"]\n'
        '[project.optional-dependencies]\nlab = ["ipykernel"]\ntest = ["pytest"]\n'
    )
    (tmp_path / "lock.txt").write_text("ipykernel==1\npytest==1\ntorch==1\n")
    slow = "import pathlib, time\nwhile pathlib.Path('slow').exists(): time.sleep(0.05)\n"
    wheel(wheels, "torch", "1", {"torch/__init__.py": "answer = 42\n"})
    wheel(wheels, "ipykernel", "1", {"ipykernel/__init__.py": "", "ipykernel/__main__.py": slow})
    echo = "import sys, torch\nprint('pytest got', sys.argv[1:], torch.answer)\n"
    wheel(wheels, "pytest", "1", {"pytest/__init__.py": "", "pytest/__main__.py": echo})
    extras = "Provides-Extra: lab\nProvides-Extra: test\nRequires-Dist: torch\n"
    extras += 'Requires-Dist: ipykernel; extra == "lab"\nRequires-Dist: pytest; extra == "test"\n'
    wheel(wheels, "pytest", "2", {"pytest/__init__.py": ""})  # newer than the lock allows
    wheel(wheels, "coursekit", "1", {"coursekit_toy.py": ""}, extras)
    return tmp_path


def run_course(folder, *words, **more):
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "COURSEKIT_"))}
    command = [sys.executable, str(folder / "course.py"), *words]
    env |= {"PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "1", **more}
    return subprocess.Popen(
        command,
        cwd="/",
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def cpu_seconds_of_children():
    import resource  # POSIX

    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


PATIENCE = 180  # seconds; a guard against hanging for ever, not a claim about speed


@pytest.mark.timing
@pytest.mark.skipif(os.name != "posix", reason="process groups are those of POSIX")
def test_from_no_network_over_ctrl_c_to_a_working_course(toy_course):
    # Port 9 of this machine refuses: no network. One sentence, and nothing that breaks what follows.
    first = run_course(toy_course, "test", "--", "x", PIP_INDEX_URL="http://127.0.0.1:9")
    said = first.communicate(timeout=PATIENCE)
    assert first.returncode == 1
    assert "connect to the network" in sentence(said[1])

    # Ctrl-C in the last step.
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(toy_course / "wheels")}
    (toy_course / "slow").touch()
    second = run_course(toy_course, "test", "--torch-index", str(toy_course / "wheels"), "--", "x", **offline)
    for line in second.stdout:
        if "telling Jupyter" in line:
            break
    os.killpg(second.pid, signal.SIGINT)
    said = second.communicate(timeout=PATIENCE)
    assert second.returncode == 130 and "Traceback" not in said[1], said
    assert "Stopped" in said[1]

    # Repaired without being told the index again; then quick and silent.
    (toy_course / "slow").unlink()
    third = run_course(toy_course, "test", "--", "-k", "name", **offline)
    said = third.communicate(timeout=PATIENCE)
    assert third.returncode == 0, said
    assert said[0].endswith("pytest got ['-k', 'name'] 42\n")
    before = cpu_seconds_of_children()
    fourth = run_course(toy_course, "test", "--", "--all", PIP_INDEX_URL="http://127.0.0.1:9")
    assert fourth.communicate(timeout=PATIENCE)[0] == "pytest got ['--all'] 42\n"
    assert cpu_seconds_of_children() - before < 1

    # A package that lost a file is noticed at the next install, and everything is made anew.
    module = next((toy_course / ".venv").rglob("torch/__init__.py"))
    module.unlink()
    path = toy_course / "pyproject.toml"
    path.write_text(path.read_text().replace('version = "1"', 'version = "1"\ndescription = "toy"'))
    fifth = run_course(toy_course, "test", "--", **offline)
    said = fifth.communicate(timeout=PATIENCE)
    assert "making a virtual environment" in said[0] and said[0].endswith("pytest got [] 42\n"), said


# The real thing: minutes and gigabytes, so only with --all


@pytest.mark.exhaustive
def test_a_plain_install_carries_the_embedded_data(tmp_path):
    """`pip install .` works from anywhere; the data lie in the package as they lie in data/."""
    source = tmp_path / "source"
    source.mkdir()
    for name in ("coursekit", "data"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    target = tmp_path / "target"
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--target",
        str(target),
        str(source),
    ]
    subprocess.run(command, check=True)
    embedded = {path.name: path.read_bytes() for path in (target / "coursekit" / "embedded").glob("*.csv")}
    assert embedded == {path.name: path.read_bytes() for path in (ROOT / "data").glob("*.csv")} != {}


@pytest.mark.timing
@pytest.mark.exhaustive
def test_a_fresh_clone_reaches_pytest_and_then_starts_quickly(tmp_path):
    subprocess.run(["git", "clone", "-q", str(ROOT), str(tmp_path / "clone")], check=True)
    command = [sys.executable, str(tmp_path / "clone" / "course.py"), "test", "--", "--version"]
    subprocess.run(command, check=True)
    before = cpu_seconds_of_children()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert cpu_seconds_of_children() - before < 2 and "Setting up" not in done.stdout
