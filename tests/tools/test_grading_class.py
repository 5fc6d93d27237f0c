"""What a teacher does with a graded class: names and lateness in the table, exports, likeness, regrading."""

import csv
import io
import re

import batch
import pytest

from coursetools.homework.grading.batch import grade, regraded
from coursetools.homework.grading.export import exported
from coursetools.homework.grading.feedback import feedback_page
from coursetools.homework.grading.late import judge_lateness, read_deadline
from coursetools.homework.grading.session import Limits
from coursetools.homework.grading.similarity import alike, shingles, similarity_page
from coursetools.homework.loading import load_homework

RULES = """
grace_minutes = 10
free_late_days = 2
off_per_day = 0.25
[hw01_pca]
deadline = 2026-11-21T20:00:00Z
[hw02_clustering]
deadline = 2026-11-28T20:00:00Z
[hw02_clustering.extended]
zoe = 2026-12-05T20:00:00Z
[hw02_clustering.handed_in]
zoe = 2026-12-01T00:00:00Z
"""


@pytest.fixture
def rules(tmp_path):
    path = tmp_path / "deadlines.toml"
    path.write_text(RULES)
    return path


def result(student, when="", score=8.0, points=(("a", 8.0),), **more):
    rows = [
        {"exercise": n, "points": p, "max": 10.0, "kind": "probes", "hidden": None, "visible": None}
        for n, p in points
    ]
    made = {"student": student, "handed_in": when, "score": score, "exercises": rows, "status": "graded"}
    return made | {"message": "", "notes": [], "cells": []} | more


def test_grace_free_days_and_what_a_late_day_costs(rules, tmp_path):
    first = [
        result("in grace", "2026-11-21 20:10:00 UTC"),
        result("one day", "2026-11-21 20:10:01 UTC"),
        result("four days", "2026-11-25 19:00:00 UTC"),
        result("years", "2029-11-25 19:00:00 UTC"),
        result("unknown", ""),
        result("nothing", "2026-11-25 19:00:00 UTC", score=None, points=()),
    ]
    judge_lateness(first, read_deadline(rules, "hw01_pca"), tmp_path)
    late = {one["student"]: one["late"] for one in first}
    assert [late[name]["days"] for name in ("in grace", "one day", "four days", "unknown")] == [0, 1, 4, None]
    assert [late[name]["free"] for name in ("in grace", "one day", "four days")] == [0, 1, 2]
    # Four days, two free: two quarters off. Whatever the delay, no score falls below nothing.
    assert [late[n]["final"] for n in ("in grace", "one day", "four days", "years")] == [8, 8, 4, 0]
    assert late["nothing"] is None and late["unknown"]["final"] == 8
    second = [result("one day", "2026-11-30 20:00:00 UTC"), result("zoe"), result("years")]
    for _ in range(2):  # to grade twice uses up no more
        judge_lateness(second, read_deadline(rules, "hw02_clustering"), tmp_path)
    assert second[0]["late"]["free"] == 1 and second[0]["late"]["final"] == 6, "one free day was left"
    assert second[1]["late"]["days"] == 0, "her own deadline, and the time that the file gives"
    judge_lateness(first, read_deadline(rules, "hw01_pca"), tmp_path)
    assert first[1]["late"]["free"] == 1, "an earlier deadline comes first, whenever it is graded"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[hw01_pca]\ndeadline = tomorrow", "cannot be read as TOML"),
        ("[hw02]\ndeadline = 2026-11-21T20:00:00Z", r"do not name hw01_pca: add \[hw01_pca\]"),
        ("[hw01_pca]\ndeadline = 'soon'", "needs deadline = 2026"),
        ("late = 3\n[hw01_pca]\ndeadline = 2026-11-21T20:00:00Z", "late, which nobody knows"),
        ("off_per_day = -1\n[hw01_pca]\ndeadline = 2026-11-21T20:00:00Z", "off_per_day is a number from 0"),
        ("[hw01_pca]\ndeadline = 2026-11-21T20:00:00Z\nextended = {ada = 3}", "no date and time for ada"),
    ],
)
def test_a_file_of_deadlines_that_is_none_gets_a_sentence(tmp_path, text, sentence):
    (tmp_path / "d.toml").write_text(text)
    with pytest.raises(ValueError, match=sentence):
        read_deadline(tmp_path / "d.toml", "hw01_pca")


def table(results, platform, title="hw01_pca"):
    text, left = exported(results, title, 10, platform)
    assert text.encode().decode("utf-8") == text and not text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text))), left


def test_canvas_finds_its_columns_and_each_student():
    about = {
        "Name": "Łukasz-Müller, Zoë",
        "E-mail": "zoë@x.org",
        "ID number": "00011",
        "Section": 'B, "late"',
    }
    known = result("zoë", roster=about, late={"final": 6.5})
    waits = result("bob", status="needs manual grading")
    rows, left = table([known, waits, result("=cmd()")], "canvas", "Homework 1, PCA (4711)")
    assert rows[0] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Homework 1, PCA (4711)"]
    assert rows[1] == ["    Points Possible", "", "", "", "", "10"]
    assert rows[2] == ["Łukasz-Müller, Zoë", "", "00011", "zoë@x.org", 'B, "late"', "6.5"]
    assert left == {"bob": "needs manual grading"} and len(rows) == 4, "an empty score would erase one"
    assert rows[3][0] == "'=cmd()", "no formula for a spreadsheet"
    assert {len(row) for row in rows} == {6}


def test_a_number_of_the_university_is_no_number_of_canvas():
    own, theirs = {"ID": "1043"}, {"ID": "1043", "SIS User ID": "11"}
    rows, _ = table([result("ada", roster=own), result("bob", roster=theirs)], "canvas")
    assert rows[2][:4] == ["ada", "", "", "ada"] and rows[3][:4] == ["bob", "1043", "11", "bob"]


def test_moodle_finds_a_user_in_each_line():
    """A line without one would give its score to the student before."""
    ada = result("ada", roster={"email": "ada@x.org", "ID number": "00011"})
    bob, stranger = result("bob", roster={"email": "bob@x.org"}), result("cy")
    rows, left = table([ada, bob, stranger], "moodle")
    assert rows == [["Email address", "hw01_pca"], ["ada@x.org", "8"], ["bob@x.org", "8"]]
    assert left == {"cy": "no email address"}
    rows, left = table([result("ada"), result("bob")], "moodle")
    assert rows == [["Username", "hw01_pca"], ["ada", "8"], ["bob", "8"]] and left == {}
    assert table([], "moodle")[0] == [["Username", "Email address", "ID number", "hw01_pca"]]


COPY = """
def f(X, k):
    total = 0.0
    for row in X:
        if row[k] > 0.5 and row[0] < 3:
            total += row[k] ** 2 - 4 * row[0]
    return total / max(len(X), 7)
"""
OTHER = """
def f(X, k):
    chosen = X[(X[:, k] > 0.5) & (X[:, 0] < 3)]
    return float(np.sum(np.square(chosen[:, k]) - 4 * chosen[:, 0])) / max(X.shape[0], 7)
"""


def test_renaming_and_comments_hide_no_copy_and_two_ways_are_not_alike():
    renamed = COPY.replace("total", "s").replace("row", "r").replace("    for", "    # mine!\n    for")
    found = alike({"ada": COPY, "bob": renamed, "cy": OTHER}, given="def f(X, k):\n    raise Error")
    assert [pair[1:] for pair in found] == [("ada", "bob")] and found[0][0] == 1
    assert not alike({"ada": COPY, "cy": OTHER})
    assert ("dora", None) in [p[1:] for p in alike({"dora": renamed, "cy": OTHER}, solution=COPY)]
    assert not alike({"a": "x = 1", "b": "x = 1"}, solution="x = 1"), "too short to say anything"
    assert not alike({name: COPY for name in "abcdefgh"}), "what the whole class wrote is no sign"
    assert shingles("def f(:\n  '''open") or True, "no Python, and no error either"


def test_the_page_says_that_it_is_no_proof():
    page = similarity_page({"f": [(1.0, "ada", "bob"), (0.9, "cy", None)]})
    assert "hint and no proof" in page and "- 100%: ada and bob" in page
    assert "- 90%: cy and the course's solution" in page
    assert "No two answers share 80%" in similarity_page({"f": []})


def test_a_regrade_says_what_has_changed():
    before = result("ada", points=(("a", 0.0), ("b", 2.0), ("words", None)))
    now = result("ada", points=(("a", 3.0), ("b", 2.0), ("words", 4.0)))
    assert regraded(before, now) == ["graded again, points changed: a 0 → 3"]
    assert regraded(now | {"regraded": ["kept"]}, now) == ["kept"], "until the next change"
    assert regraded(None, now) == regraded(result("ada", points=()), now) == []
    page = feedback_page(now | {"regraded": ["graded again: a 0 → 3"]}, "hw", 10)
    assert "Graded again: a 0 → 3." in page and "Tell your teacher which exercise" in page


def test_a_class_with_roster_deadlines_a_figure_and_a_missing_colon(tmp_path, bubblewrap):
    """The whole way: what the table, the page and the formgrader's copy hold of it."""
    course = batch.ROOT
    answer = "Not centred. <script>alert(1)</script>"
    makers = {
        "ada": batch.answers(biplot=answer),
        "cy": batch.answers(components_needed="def components_needed(X, share)\n    return 1"),
    }
    for student, make in makers.items():
        make(tmp_path / "submitted" / student, [])
    deadline = tmp_path / "deadlines.toml"
    deadline.write_text("[hw01_pca]\ndeadline = 2026-11-21T20:00:00Z\n")
    seen = []
    results = grade(
        course,
        load_homework(course, batch.NAME),
        tmp_path / "submitted",
        tmp_path / "out",
        7,
        Limits(cell=20, total=240, memory=1500),
        jobs=2,
        roster={"ada": {"name": "Ada L."}, "cy": {"name": "Cy"}},
        advance=lambda done, total, running: seen.append(set(running)),
    )
    assert {"ada", "cy"} <= set().union(*seen), "it says for whom it waits"
    rows = {row["exercise"]: row for row in results[1]["exercises"]}
    assert rows["components_needed"]["points"] == 0
    assert rows["components_needed"]["visible"].endswith("SyntaxError in line 1: expected ':'")
    with open(tmp_path / "out/grades.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["name"] for row in table] == ["Ada L.", "Cy"] and list(table[0])[:2] == ["student", "name"]
    page = (tmp_path / "out/feedback/ada.html").read_text()
    assert page.count("<img alt=") == 1 and "A biplot in which all fifty points" in page
    assert "&lt;script&gt;" in page and "<script" not in page
    assert "points.begin" not in page, "no test code"
    assert re.search(r'<a href="#whiten">.*<h3 id="whiten">', page, re.DOTALL)
    shown = (tmp_path / f"out/autograded/ada/{batch.NAME}/{batch.NAME}.ipynb").read_text()
    assert "For you, not from the student" in shown and "Rubric, 4 points" in shown
    assert shown.index("data:image/png") < shown.index("Not centred. <") < shown.index("Rubric, 4 points")
    assert "hint and no proof" in (tmp_path / "out/similarity.md").read_text()
