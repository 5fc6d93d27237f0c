"""Grades a class: one folder of hand-ins becomes a table, a page for each student, a gradebook and a report.

Each result is written down the moment it is there, so that a run which was interrupted goes on where it
stopped, and a later run only marks what has changed. Nobody's notebook can stop the batch.
"""

import contextlib
import copy
import hashlib
import json
import os
import threading
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import asdict
from pathlib import Path

import coursekit
from coursetools.homework.grading.exchange import collect_inbound, is_inbound
from coursetools.homework.grading.feedback import feedback_page
from coursetools.homework.grading.gradebook import prepare, record
from coursetools.homework.grading.intake import Changed, collect_hand_ins, parse
from coursetools.homework.grading.judge import Judge
from coursetools.homework.grading.late import judge_lateness
from coursetools.homework.grading.marking import NotGraded, mark
from coursetools.homework.grading.report import grades_table, plain, report_page
from coursetools.homework.grading.sandbox import Sandbox
from coursetools.homework.grading.session import Stopped
from coursetools.homework.grading.similarity import alike, similarity_page
from coursetools.homework.loading import grading


def grade(
    course,
    homework,
    submitted,
    out,
    seed,
    limits,
    *,
    isolated=True,
    jobs=1,
    roster=None,
    deadline=None,
    advance=None,
):
    """All results, in order of the students' names; writes everything into `out`.

    course: the course folder. submitted: holds a folder for each student, or is an exchange's
    inbound folder. roster: of `read_roster`, or None. deadline: of `late.read_deadline`, or None.
    advance: called with (done, all, names of those who run) twice a second.

    ValueError, in one sentence, if the batch cannot run; KeyboardInterrupt leaves what is done, and the same
    call goes on from there.
    """
    out = Path(out)
    with contextlib.suppress(FileExistsError):
        out.mkdir(parents=True, mode=0o700)
    if not out.is_dir():
        raise ValueError(f"{out} is a file: --out names a folder")
    collect = collect_inbound if is_inbound(submitted) else collect_hand_ins
    handed, remarks = collect(submitted, homework, roster)
    earlier = {r["student"]: r for r in _load(out, homework)}
    before = copy.deepcopy(earlier)
    prepare(out, homework)
    base = _fingerprint(homework, seed, limits, isolated)
    results, todo = {}, []
    for one in handed:
        key = hashlib.sha256(f"{base} {one.digest}".encode()).hexdigest()
        known = earlier.get(one.student)
        if known and known["key"] == key:
            results[one.student] = known
        else:
            todo.append((one, key, known))
    if todo:
        batch = _Batch(
            homework, out, advance or (lambda done, total, running: None), len(handed), len(results)
        )
        if any(one.sha256 for one, _, _ in todo):
            secret = (course, submitted, out)
            with (
                Sandbox(
                    homework.forbidden, limits, isolated=isolated, secret=secret, files=homework.files
                ) as batch.sandbox,
                Judge(course, homework.name, seed) as batch.judge,
            ):
                batch.try_sandbox()
                results |= batch.run(todo, jobs)
        else:
            results |= batch.run(todo, 1)
    missing = sorted(earlier.keys() - results.keys())
    results |= {student: earlier[student] for student in missing}
    ordered = [results[student] for student in sorted(results)]
    figures = _figures(out, batch.judge if todo else None)
    record(out, homework, ordered, lambda result: _cells_of(out, result), figures)
    for result in ordered:
        sum_up(result)
        result["roster"] = (roster or {}).get(result["student"]) or result.get("roster")
        result["regraded"] = regraded(before.get(result["student"]), result)
    if deadline is not None:
        judge_lateness(ordered, deadline, course)
    _write_pages(out, homework, ordered, figures)
    page = report_page(ordered, homework, isolated=isolated, remarks=remarks, missing=missing)
    _write(out / "report.md", page)
    return ordered


def _write_pages(out, homework, ordered, figures):
    """What is known of each student, her feedback page, the table of grades, and the page on likeness."""
    (out / "feedback").mkdir(exist_ok=True, mode=0o700)
    answers = {exercise.name: {} for exercise in homework.exercises if exercise.kind == "probes"}
    for result in ordered:
        whole = result | {"cells": _cells_of(out, result)}
        _save(out, whole)
        for cell in whole["cells"]:
            if cell["role"] == "answer" and cell["grade_id"] in answers:
                answers[cell["grade_id"]][result["student"]] = cell["source"]
        page = feedback_page(whole, homework.name, homework.max_score, figures)
        _write(out / "feedback" / f"{file_stem(result['student'])}.html", page)
    _write(out / "grades.csv", grades_table(ordered, homework))
    _write(out / "similarity.md", _similarity(homework, answers))


def regraded(before, now):
    """What has changed for a student since the last run, as sentences: none where nothing was graded then."""
    if not before or not before["exercises"] or not now["exercises"]:
        return []
    old = {row["exercise"]: row["points"] for row in before["exercises"]}
    changed = [
        f"{row['exercise']} {old[row['exercise']]:g} → {row['points']:g}"
        for row in now["exercises"]
        if old.get(row["exercise"]) is not None
        and row["points"] is not None
        and old[row["exercise"]] != row["points"]
    ]
    return (
        [f"graded again, points changed: {', '.join(changed)}"] if changed else before.get("regraded") or []
    )


def _figures(out, judge):
    """The homework's own figures by exercise; kept in `out`, for a run that marks nobody."""
    path = out / "figures.json"
    if judge is not None:
        _write(path, json.dumps(judge.figures))
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _similarity(homework, answers):
    """The page on answers that look alike, of the exercises that a program grades."""
    pages = {}
    for exercise, sources in answers.items():
        given, solution = (
            "\n".join(c.source for c in book.cells if grading(c).get("grade_id") == exercise)
            for book in (homework.student, homework.teacher)
        )
        pairs = alike(sources, given, solution)
        pages[exercise] = [(share, plain(one), other and plain(other)) for share, one, other in pairs]
    return similarity_page(pages)


class _Batch:
    """The students of one run who are not marked yet."""

    def __init__(self, homework, out, advance, total, done):
        self.homework, self.out, self.advance, self.total, self.done = homework, out, advance, total, done
        self.sandbox = self.judge = None
        self.stop, self.running = threading.Event(), {}

    def try_sandbox(self):
        """ValueError if the sandbox does not work on this system: better once than for every student."""
        try:
            with self.sandbox.start() as session:
                session.ready()
        except Stopped as stopped:
            raise ValueError(f"the program that runs notebooks {stopped}; nothing was graded") from None

    def run(self, todo, jobs):
        """student -> result; after Ctrl-C everything that runs is ended, and the interrupt goes on."""
        results = {}
        with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
            waiting = {pool.submit(self.grade_one, *item) for item in todo}
            try:
                while waiting:
                    finished, waiting = wait(waiting, timeout=0.5, return_when=FIRST_COMPLETED)
                    for future in finished:
                        result = future.result()
                        results[result["student"]] = result
                        self.done += 1
                    self.advance(self.done, self.total, sorted(self.running, key=self.running.get))
            except KeyboardInterrupt:
                self.stop.set()
                for future in waiting:
                    future.cancel()
                if self.sandbox is not None:
                    self.sandbox.end_all()
                raise
        return results

    def grade_one(self, handed, key, before):
        """The result of one student; whatever happens to her, there is one."""
        began = self.running[handed.student] = time.time()
        result = {"student": handed.student, "homework": self.homework.name, "key": key, "when": began}
        result |= {
            "file": handed.file,
            "notes": list(handed.notes),
            "handed_in": handed.when,
            "tickets": handed.tickets,
            "exercises": [],
            "cells": [],
            "answers": {},
        }
        result |= {"status": "not graded", "message": handed.problem, "score": None}
        # What was last read, and whether it changed since, outlives a hand-in that nobody can read.
        result |= {
            name: (before or {}).get(name, empty) for name, empty in (("answers", {}), ("changed", []))
        }
        try:
            if not handed.problem:
                answered, result["message"] = parse(handed, self.homework)
                if answered is not None:
                    self._mark(result, answered)
        except (NotGraded, Changed) as error:
            result |= {"message": f"{error}", "key": ""}  # without a key it is tried again next time
        except Exception as error:
            result |= {"message": f"the grader itself failed: {type(error).__name__}: {error}", "key": ""}
        if before and result["status"] == "not graded":
            result["earlier"] = before.get("earlier") or {"score": before["score"], "file": before["file"]}
            if result["earlier"]["score"] is not None:
                old, most = result["earlier"]["score"], self.homework.max_score
                result["message"] += f"; an earlier hand-in had {old:g} of {most:g} points"
        result["seconds"] = time.time() - began
        self.running.pop(handed.student)
        _save(self.out, result)
        del result["cells"]  # they are on disk, and a class has many
        return result

    def _mark(self, result, answered):
        marked = mark(answered, self.homework, self.sandbox, self.judge, self.stop.is_set)
        result["exercises"] = [{**row, "auto": row["points"]} for row in marked["exercises"]]
        result["cells"], result["message"] = marked["cells"], ""
        reached = all(row["points"] is not None or row["kind"] == "manual" for row in marked["exercises"])
        result["status"] = "graded" if reached else "not graded"
        result["notes"] += answered.notes + marked["notes"]
        digests = {k: hashlib.sha256(v.encode()).hexdigest() for k, v in answered.answers.items()}
        changed = {k for k in digests if result["answers"].get(k, digests[k]) != digests[k]}
        result["changed"] = sorted(changed | set(result["changed"]))
        result["answers"] = {**result["answers"], **digests}


def sum_up(result):
    """Status, score and message of a result from the points of its exercises; in place."""
    if not result["exercises"]:
        return
    waiting = [row for row in result["exercises"] if row["points"] is None]
    missed = [row["exercise"] for row in waiting if row["kind"] not in ("manual", "task")]
    result["score"] = sum(row["points"] for row in result["exercises"] if row["points"] is not None)
    result["status"] = "needs manual grading" if waiting else "graded"
    words = [
        f"{row['exercise']} ({row['max']:g} points) waits for a person"
        for row in waiting
        if row["exercise"] not in missed
    ]
    if missed:
        result["status"], result["score"] = "not graded", None
        words.insert(0, f"not reached within the time: {', '.join(missed)}")
    result["message"] = "; ".join(words + result["notes"])[:600]
    if missed and (result.get("earlier") or {}).get("score") is not None:
        result["message"] += f"; an earlier hand-in had {result['earlier']['score']:g} points"


def file_stem(student):
    """A file name for a student: the name itself, shortened where a file system could not hold it."""
    if len(student.encode()) <= 200:
        return student
    short = student.encode()[:150].decode(errors="ignore")
    return f"{short}-{hashlib.sha256(student.encode()).hexdigest()[:12]}"


def _fingerprint(homework, seed, limits, isolated):
    """Changes when a result would have to be made anew, whatever the student did."""
    cells = [(cell.cell_type, cell.source, repr(cell.metadata)) for cell in homework.teacher.cells]
    files = [path for path in sorted(homework.files.rglob("*")) if path.is_file()] if homework.files else []
    beside = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    facts = (coursekit.__version__, homework.name, homework.forbidden, cells, seed, asdict(limits), isolated)
    facts += (beside,)
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def load_results(out):
    """The results of earlier runs, without the cells, which are too many to have in memory."""
    results = []
    for path in sorted((out / "results").glob("*.json")):
        with contextlib.suppress(ValueError, OSError):
            results.append(json.loads(path.read_text(encoding="utf-8")))
            results[-1].pop("cells", None)
    return results


def _cells_of(out, result):
    path = out / "results" / f"{file_stem(result['student'])}.json"
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def _load(out, homework):
    results = load_results(out)
    for result in results:
        if result["homework"] != homework.name:
            raise ValueError(
                f"{out} holds the results of {result['homework']}: take another folder for --out"
            )
    return results


def _save(out, result):
    (out / "results").mkdir(exist_ok=True, mode=0o700)
    _write(out / "results" / f"{file_stem(result['student'])}.json", json.dumps(result))


def _write(path, text):
    """Write a file whole or not at all."""
    half = path.with_name(f".{hashlib.sha256(path.name.encode()).hexdigest()[:16]}.tmp")
    half.touch(mode=0o600)  # grades are nobody's business but the teacher's
    half.write_text(text, encoding="utf-8")
    os.replace(half, path)
