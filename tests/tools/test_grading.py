"""A class from honest to hostile is graded: everybody is in the table with the right grade, nothing leaks."""

import csv
import html
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import batch
import nbformat
import pytest

from coursetools.homework.build import hidden_source
from coursetools.homework.grading.batch import file_stem
from coursetools.homework.grading.intake import read_roster, student_name
from coursetools.homework.island.probes import decode

ROOT = batch.ROOT
GRADE = ["grade", batch.NAME, "--submitted", ".", "--out", "OUT"]
# Four seconds a cell, and a batch that keeps both cores busy.
pytestmark = pytest.mark.timing
LIMITS = ["--cell-seconds", "4", "--seconds", "120", "--memory", "1000"]
KNOWN_TAGS = {"", "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "b", "table", "tr", "th"}
KNOWN_TAGS |= {"td", "code", "span", "pre", "br", "a", "h3", "img"}
FORMS = pytest.mark.parametrize(
    "cases",
    [batch.COMMON, pytest.param(batch.ALL, marks=pytest.mark.exhaustive)],
    ids=["20", "everyone"],
    indirect=True,
)


def run(*arguments, **options):
    command = [sys.executable, "-m", "coursetools.cli", "homework", *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COURSEKIT_SECRET": batch.CANARY}
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT, **options)


def islanders():
    """Processes that live in another process table than this one."""
    own, found = os.readlink("/proc/self/ns/pid"), []
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{pid}/ns/pid") != own:
                found.append((pid, Path(f"/proc/{pid}/cmdline").read_bytes()[:80]))
        except OSError:
            continue
    return found


def remaining():
    """Islanders that are still there after ten seconds, in which a busy system clears away the killed."""
    for _ in range(100):
        if not (left := islanders()):
            break
        time.sleep(0.1)
    return left


def content_of(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class Graded:
    """One batch that has been graded, and what was around it before and after."""

    def __init__(self, folder, cases):
        self.cases, self.folder, self.out = cases, folder, folder / "out"
        self.canaries = [folder / "canary" / "canary.txt", folder / "canary.txt"]
        for path in self.canaries:
            path.parent.mkdir(exist_ok=True)
            path.write_text(batch.CANARY)
        self.calls = []
        server = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._listen, args=(server,), daemon=True).start()
        submitted = folder / "submitted"
        places = [submitted, self.out, folder, ROOT / "notebooks", ROOT / "tests", server.getsockname()[1]]
        roster = batch.write(submitted, cases, [str(place) for place in places])
        before = {path: path.read_bytes() for path in submitted.rglob("*.ipynb") if path.is_file()}
        self.solutions = content_of(ROOT / "notebooks/homework/source" / batch.NAME)
        began = time.monotonic()
        self.command = ["grade", batch.NAME, "--submitted", submitted, "--out", self.out, "--roster", roster]
        self.command += ["--jobs", "2", "--class-seed", "20260", *LIMITS]
        self.done = run(*self.command)
        self.seconds = time.monotonic() - began
        server.close()
        assert self.done.returncode == 0, self.done.stderr[-3000:]
        self.unchanged = all(path.read_bytes() == content for path, content in before.items())
        with open(self.out / "grades.csv", newline="", encoding="utf-8") as file:
            self.table = {
                row["student"].removeprefix("'").replace(";'", ";"): row for row in csv.DictReader(file)
            }
        self.rows = (self.out / "grades.csv").read_text().count("\n") - 1

    def _listen(self, server):
        try:
            while True:
                self.calls.append(server.accept()[1])
        except OSError:
            return

    def page(self, student):
        return (self.out / "feedback" / f"{student}.html").read_text(encoding="utf-8")

    def result(self, student):
        return batch.read_json(self.out / "results" / f"{student}.json")


@pytest.fixture(scope="module")
def cases(request, tmp_path_factory, bubblewrap):
    return Graded(tmp_path_factory.mktemp("class"), request.param)


@FORMS
def test_every_student_gets_the_right_line(cases):
    assert cases.done.returncode == 0, cases.done.stderr
    assert cases.rows == len(cases.table) == len(cases.cases), "every student exactly once"
    wrong = []
    for name, case in cases.cases.items():
        row = cases.table[student_name(name)]
        score = float(row["score"]) if row["score"] else None
        fits = row["status"] == case.status and case.says in row["message"]
        fits &= (score is not None and score <= case.most) if case.most is not None else score == case.score
        if not fits:
            wrong.append(f"{name}: {row['status']}, {score}, {row['message']!r}; expected {case}")
    assert not wrong, "\n".join(wrong)


@FORMS
def test_nothing_outside_is_read_or_changed_and_nothing_is_left(cases):
    assert cases.unchanged, "a hand-in was changed"
    assert all(path.read_text() == batch.CANARY for path in cases.canaries)
    assert not list(cases.folder.rglob("new.txt")) and not cases.calls
    assert content_of(ROOT / "notebooks/homework/source" / batch.NAME) == cases.solutions
    for path in cases.out.rglob("*"):
        assert not path.is_file() or batch.CANARY.encode() not in path.read_bytes(), path
    printed = "".join(re.findall(r"<pre class='output'>(.*?)</pre>", cases.page("spy"), re.DOTALL))
    assert "0 []" in printed, "the spy found something to read"
    assert "wrote /" not in printed and "connected" not in printed and printed.count("no network") == 2
    assert not remaining()


@FORMS
def test_pages_are_safe_small_and_hold_no_hidden_test(cases):
    known = "".join(cell.source for cell in batch.TEACHER.cells if not hidden_source(cell))
    calls = re.findall(r'Probe\(\n\s+"(.*)",', "\n".join(c.source for c in batch.TEACHER.cells))
    hidden = [html.escape(call) for call in calls if call not in known]
    assert len(hidden) >= 5
    pages = sorted((cases.out / "feedback").glob("*.html"))
    assert len(pages) == len(cases.cases)
    for path in pages:
        page = path.read_text(encoding="utf-8")
        assert len(page) < 300_000, f"{path.name} has {len(page)} characters"
        tags = set(re.findall(r"<(/?[a-z0-9]*)[^>]*>", page))  # all that is no text
        assert {tag.strip("/") for tag in tags} <= KNOWN_TAGS, path.name
        assert not re.search(r"<[^>]*\bon[a-z]+\s*=", page), path.name
        assert set(re.findall(r"<[^>]*\bhref=\"(.)", page)) <= {"#"}, "links stay on the page"
        assert set(re.findall(r"<[^>]*\bsrc=\"([^,]*),", page)) <= {"data:image/png;base64"}
        assert "default-src 'none'" in page
        assert not [call for call in hidden if call in page], f"{path.name} shows a hidden test"
    script = cases.page("script")
    assert "&lt;script&gt;alert" in script and "<script" not in script
    shown = (cases.out / "autograded/script" / batch.NAME / f"{batch.NAME}.ipynb").read_text()
    cells = nbformat.reads(shown, as_version=4).cells
    assert not [c for c in cells if c.cell_type == "markdown" and "<script" in c.source]
    assert not [c for c in cells if c.cell_type == "markdown" and "](" in c.source]
    assert not [o for c in cells for o in c.get("outputs", ()) if o.output_type != "stream"]


@FORMS
def test_the_report_names_who_needs_a_look(cases):
    report = (cases.out / "report.md").read_text(encoding="utf-8")
    for name, case in cases.cases.items():
        if case.status == "not graded" and name.isalpha():
            assert f"**{name}** (not graded)" in report
    assert "`whiten`" in report and "Without the sandbox" not in report
    assert "ran longer than 4 s" in report


@FORMS
def test_a_second_run_marks_only_what_changed_and_takes_manual_grades(cases):
    from nbgrader.api import Gradebook

    correct = cases.folder / "submitted" / "correct"
    stamps = {path.name for path in (cases.out / "results").iterdir()}
    whens = {name: cases.result(name)["when"] for name in ("correct", "blank", "partly")}
    with Gradebook(f"sqlite:///{cases.out}/gradebook.db") as gradebook:
        grade = gradebook.find_grade("biplot", batch.NAME, batch.NAME, "correct")
        assert grade.needs_manual_grade and grade.max_score == 4
        grade.manual_score, grade.needs_manual_grade = 3.5, False
        gradebook.db.commit()
    assert run(*cases.command).returncode == 0
    assert {path.name for path in (cases.out / "results").iterdir()} == stamps
    assert {name: cases.result(name)["when"] for name in whens} == whens, "nothing had changed"
    again = cases.result("correct")
    assert (again["status"], again["score"]) == ("graded", 17.5)
    # A broken new hand-in takes nothing away: no score of its own, and the sentence names the earlier one.
    (correct / f"{batch.NAME}.ipynb").write_text("{")
    assert run(*cases.command).returncode == 0
    broken = cases.result("correct")
    assert (broken["status"], broken["score"]) == ("not graded", None)
    assert "an earlier hand-in had 17.5 of 18 points" in broken["message"]
    # A changed answer in words has to be read again; the grade it had stays in the gradebook.
    batch.answers(biplot="Now something else.")(correct, [])
    batch.answers(batch.BLANK)(cases.folder / "submitted" / "partly", [])
    assert run(*cases.command).returncode == 0
    assert cases.result("partly")["when"] > whens["partly"] and cases.result("partly")["score"] == 0
    assert cases.result("blank")["when"] == whens["blank"]
    assert cases.result("correct")["status"] == "needs manual grading"
    with Gradebook(f"sqlite:///{cases.out}/gradebook.db") as gradebook:
        grade = gradebook.find_grade("biplot", batch.NAME, batch.NAME, "correct")
        assert grade.manual_score == 3.5 and grade.needs_manual_grade


@pytest.fixture
def small(tmp_path):
    """Two students, one blank and one with a broken file, and the command that grades them."""
    submitted = tmp_path / "submitted"
    cases = {"blank": batch.Case(batch.answers(batch.BLANK)), "broken": batch.MORE["list"]}
    batch.write(submitted, cases, [])
    command = ["grade", batch.NAME, "--submitted", submitted, "--out", tmp_path / "out", "--class-seed", "3"]
    return submitted, tmp_path / "out", [*command, *LIMITS]


@pytest.mark.exhaustive
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "kill"])
def test_an_interrupted_run_goes_on_where_it_stopped(small, number, bubblewrap):
    submitted, out, command = small
    batch.COMMON["loop"].make(submitted / "slow", [])
    command[command.index("--cell-seconds") + 1] = "30"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "coursetools.cli", "homework", *map(str, command)],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        # A test run in the background of a shell ignores Ctrl-C, and hands that down.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    done = out / "results" / "broken.json"
    for _ in range(3000):
        if done.exists() and islanders():
            break
        time.sleep(0.1)
    time.sleep(2)  # the loop is running now
    process.send_signal(number)
    error = process.communicate(timeout=20)[1]
    assert process.returncode == (130 if number == signal.SIGINT else -signal.SIGKILL)
    assert number != signal.SIGINT or "goes on from there" in error
    assert not remaining(), "a killed grader leaves no submission running"
    before = batch.read_json(done)["when"]
    batch.answers(batch.BLANK)(submitted / "slow", [])
    assert run(*command).returncode == 0
    assert batch.read_json(done)["when"] == before
    assert {path.stem for path in (out / "results").iterdir()} == {"blank", "broken", "slow"}


def test_without_bubblewrap_it_refuses_and_no_sandbox_is_said_in_the_report(small, monkeypatch):
    submitted, out, command = small
    monkeypatch.setenv("PATH", "/nowhere")
    refused = run(*command)
    assert refused.returncode == 2 and refused.stderr.count("\n") == 1, refused.stderr
    assert "no bubblewrap" in refused.stderr and "--no-sandbox" in refused.stderr
    assert not (out / "grades.csv").exists()
    done = run(*command, "--no-sandbox")
    assert done.returncode == 0, done.stderr
    assert "ran with your own rights" in done.stdout
    assert "Without the sandbox" in (out / "report.md").read_text()
    assert batch.read_json(out / "results/blank.json")["status"] == "graded"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["grade", "hw99", "--submitted", ".", "--out", "OUT"], "no homework 'hw99'; there is hw01_pca"),
        (["grade", "hw01_pca", "--submitted", "/nowhere", "--out", "OUT"], "/nowhere is no folder"),
        ([*GRADE, "--jobs", "0"], "--jobs must be larger than 0"),
        ([*GRADE, "--class-seed", "-4"], "whole number from 0 on"),
        ([*GRADE, "--roster", "README.md"], "no column `student`"),
        (["--course", "tests", "status"], "name the course folder with --course"),
        (["status", "--out", "OUT"], "holds no results"),
        (["build", "hw99"], "there is no homework 'hw99'"),
    ],
)  # fmt: skip
def test_errors_are_one_sentence(arguments, sentence, tmp_path, capsys, monkeypatch):
    from coursetools.cli import main

    monkeypatch.chdir(ROOT)
    arguments = [str(tmp_path / "out") if a == "OUT" else a for a in arguments]
    assert main(["homework", *arguments]) == 2
    error = capsys.readouterr().err
    assert sentence in error and error.count("\n") <= 1, error


def test_names_have_one_spelling_and_do_no_harm():
    assert student_name("Zoe\u0308") == "Zo\u00eb"
    assert student_name("a\nb\u202ec") == "a\\nb\\u202ec"
    assert student_name(os.fsdecode(b"caf\xe9")) == "caf\\xe9"
    assert file_stem("é" * 200) != file_stem("é" * 201) and len(file_stem("é" * 201).encode()) < 200


def test_roster(tmp_path):
    roster = tmp_path / "students.csv"
    roster.write_text("\ufeffName;x,Student\n1,ada\n2,Zoe\u0308\n3,ada\n\n", encoding="utf-8")
    assert list(read_roster(roster)) == ["ada", "Zo\u00eb"]
    roster.write_text("student\n../../etc/cron\n")
    with pytest.raises(ValueError, match="cannot be the name of a folder"):
        read_roster(roster)


def test_what_comes_back_is_decoded_as_numbers_only():
    for dtype in ("O", "V8", "S4", "U4", "M8[s]", "c16"):
        with pytest.raises((TypeError, ValueError)):
            decode({"dtype": dtype, "shape": [1], "base64": "AAAAAAAAAAAAAAAAAAAAAA=="})
