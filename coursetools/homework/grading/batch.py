"""Grades a class: one folder of hand-ins becomes a table, a page for each student, a gradebook and a report.

Each result is written down the moment it is there, so that a run which was interrupted goes on where it
stopped, and a later run only marks what has changed. Nobody's notebook can stop the batch.
"""

import contextlib
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
from coursetools.homework.grading.intake import Changed, collect_hand_ins, understand
from coursetools.homework.grading.judge import Judge
from coursetools.homework.grading.marking import NotGraded, mark
from coursetools.homework.grading.report import grades_table, report_page
from coursetools.homework.grading.sandbox import Sandbox
from coursetools.homework.grading.session import Stopped


def grade(
    course, homework, submitted, out, seed, limits, *, isolated=True, jobs=1, roster=None, advance=None
):
    """All results, in order of the students' names; writes everything into `out`.

    course: the course folder. submitted: holds a folder for each student, or is an exchange's
    inbound folder. roster: names, or None.
    advance: called with (done, all) after each student. ValueError, in one sentence, if the batch cannot run;
    KeyboardInterrupt leaves what is done, and the same call goes on from there.
    """
    out = Path(out)
    with contextlib.suppress(FileExistsError):
        out.mkdir(parents=True, mode=0o700)
    if not out.is_dir():
        raise ValueError(f"{out} is a file: --out names a folder")
    collect = collect_inbound if is_inbound(submitted) else collect_hand_ins
    handed, remarks = collect(submitted, homework, roster)
    earlier = {r["student"]: r for r in _load(out, homework)}
    prepare(out, homework)
    base = _fingerprint(homework, seed, limits, isolated)
    results, todo = {}, []
    for one in handed:
        key = hashlib.sha256(f"{base} {one.digest}".encode()).hexdigest()
        before = earlier.get(one.student)
        if before and before["key"] == key:
            results[one.student] = before
        else:
            todo.append((one, key, before))
    if todo:
        batch = _Batch(homework, out, advance or (lambda done, total: None), len(handed), len(results))
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
    record(out, homework, ordered, lambda result: _cells_of(out, result))
    (out / "feedback").mkdir(exist_ok=True, mode=0o700)
    for result in ordered:
        settle(result)
        whole = result | {"cells": _cells_of(out, result)}
        _save(out, whole)
        page = feedback_page(whole, homework.name, homework.max_score)
        _write(out / "feedback" / f"{file_stem(result['student'])}.html", page)
    _write(out / "grades.csv", grades_table(ordered, homework))
    page = report_page(ordered, homework, isolated=isolated, remarks=remarks, missing=missing)
    _write(out / "report.md", page)
    return ordered


class _Batch:
    """The students of one run who are not marked yet."""

    def __init__(self, homework, out, advance, total, done):
        self.homework, self.out, self.advance, self.total, self.done = homework, out, advance, total, done
        self.sandbox = self.judge = None
        self.stop = threading.Event()

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
            waiting = {pool.submit(self.one, *item) for item in todo}
            try:
                while waiting:
                    finished, waiting = wait(waiting, timeout=0.5, return_when=FIRST_COMPLETED)
                    for future in finished:
                        result = future.result()
                        results[result["student"]] = result
                        self.done += 1
                        self.advance(self.done, self.total)
            except KeyboardInterrupt:
                self.stop.set()
                for future in waiting:
                    future.cancel()
                if self.sandbox is not None:
                    self.sandbox.end_all()
                raise
        return results

    def one(self, handed, key, before):
        """The result of one student; whatever happens to her, there is one."""
        began = time.time()
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
                answered, result["message"] = understand(handed, self.homework)
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


def settle(result):
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
