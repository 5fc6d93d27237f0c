"""Marks one submission: runs its cells on their island, asks for the probes' values, lets the judge compare.

A cell that does not end, or ends the program, is left out and the rest is run again from the start, so that
one endless loop costs its own exercise and nothing else.
"""

import time

from coursetools.homework.grading.session import Stopped

RESTARTS = 6
PYTHON_ERRORS = {
    name
    for name, kind in vars(__import__("builtins")).items()
    if isinstance(kind, type) and issubclass(kind, BaseException)
}


class NotGraded(Exception):
    """Nothing can be said about the submission; the message says why."""


def mark(answered, homework, sandbox, judge, stopping=lambda: False):
    """A dict for one submission: `cells` with what they printed, `exercises` with points, `notes`.

    stopping: asked between requests; when it says yes, KeyboardInterrupt is raised and everything ended.
    """
    run = _Run(answered, homework, sandbox, judge, stopping)
    for _ in range(1 + RESTARTS):
        if run.finished() or run.seconds_left() <= 0:
            break
        run.attempt()
    if run.seconds_left() <= 0:
        run.notes.append(f"the whole notebook had {sandbox.limits.total:.0f} s; what came later was not run")
    return {
        "cells": run.shown,
        "exercises": [run.result(exercise) for exercise in homework.exercises],
        "notes": run.notes,
        "troubled": bool(run.left_out) or run.seconds_left() <= 0,
    }


class _Run:
    """The state of one submission over its attempts."""

    def __init__(self, answered, homework, sandbox, judge, stopping):
        self.answered, self.homework, self.sandbox, self.judge = answered, homework, sandbox, judge
        self.stopping = stopping
        self.began = time.monotonic()
        self.left_out, self.notes, self.verdicts, self.visible = {}, [], {}, {}
        self.shown = [dict(cell, text="", error=None) for cell in answered.cells]

    def seconds_left(self):
        return self.sandbox.limits.total - (time.monotonic() - self.began)

    def finished(self):
        return not any(self._open(exercise) for exercise in self.homework.exercises)

    def _open(self, exercise):
        """Whether a program still has to say something about it."""
        return exercise.kind in ("probes", "asserts") and exercise.grade_id not in self.verdicts

    def attempt(self):
        """One session from the first cell on; what stops it is noted, so that the next one leaves it out."""
        with self.sandbox.start() as session:
            try:
                session.ready(max(60, self.sandbox.limits.cell))
            except Stopped as stopped:
                raise NotGraded(f"the program that runs notebooks {stopped}") from None
            for number, cell in enumerate(self.shown):
                if cell["type"] != "code" or number in self.left_out:
                    continue
                try:
                    reply = self._ask(session, {"cell": cell["source"]})
                except Stopped as stopped:
                    self._leave_out(number, stopped)
                    return
                cell["text"], cell["error"] = (
                    _text(reply.get("text")),
                    _text(reply.get("error"), 2_000) or None,
                )
                if cell["role"] == "test":
                    self.visible[cell["grade_id"]] = cell["error"]
                    # Asserts may be about a variable that a later cell changes; probes call functions.
                    here = [e for e in self.homework.exercises if e.grade_id == cell["grade_id"]]
                    if not all(self._decide(session, e) for e in here if e.kind == "asserts"):
                        return
            for exercise in self.homework.exercises:
                if not self._decide(session, exercise):
                    return

    def _decide(self, session, exercise):
        """Find the verdict on an exercise, if there is none yet; False when that cost the session."""
        if self._open(exercise):
            try:
                asked = self._probes if exercise.kind == "probes" else self._asserts
                self.verdicts[exercise.grade_id] = asked(session, exercise)
            except Stopped as stopped:
                self.verdicts[exercise.grade_id] = f"on hidden data your answer {stopped}"
                return False
        return True

    def result(self, exercise):
        """Points of one exercise; None for an answer in words that a person has to read."""
        row = {"exercise": exercise.name, "grade_id": exercise.grade_id, "max": exercise.points}
        if exercise in self.homework.read_by_a_person:
            blank = exercise.kind == "manual" and not self.answered.answers[exercise.grade_id]
            said = "this answer is empty" if blank else None
            return row | {"kind": "manual", "points": 0.0 if blank else None, "visible": None, "hidden": said}
        hidden = self.verdicts.get(exercise.grade_id, "it was not reached within the time for the notebook")
        points = exercise.points if hidden is None else 0.0
        visible = self.visible.get(exercise.grade_id)
        return row | {"kind": exercise.kind, "points": points, "visible": visible, "hidden": hidden}

    def _ask(self, session, request):
        if self.stopping():
            raise KeyboardInterrupt
        left = self.seconds_left()
        if left <= 0:
            raise Stopped("came too late")
        try:
            return session.ask(request, self.sandbox.limits.cell, left)
        except Stopped:
            if self.stopping():
                raise KeyboardInterrupt from None
            raise

    def _leave_out(self, number, stopped):
        cell = self.shown[number]
        name = f"cell {number + 1}" + (f" ({cell['grade_id']})" if cell["grade_id"] else "")
        self.left_out[number] = f"{name} {stopped}; it was left out"
        self.notes.append(self.left_out[number])
        cell["text"], cell["error"] = "", f"This cell {stopped}. It was left out."
        if cell["role"] == "test":
            self.visible[cell["grade_id"]] = cell["error"]

    def _probes(self, session, exercise):
        """None, or the sentence of the first probe that fails."""
        probes = self.judge.probes[exercise.name]
        for number, probe in enumerate(probes):
            reply = self._ask(session, {"call": probe["call"], "inputs": probe["inputs"]})
            if "value" not in reply:
                # Only the kind of an error: its text may hold the hidden inputs.
                kind = reply.get("error")
                said = f" ({kind})" if isinstance(kind, str) and kind in PYTHON_ERRORS else ""
                return self.judge.message(exercise.name, number) + said
            message = self.judge.verdict(exercise.name, number, reply["value"])
            if message is not None:
                return message
        return None

    def _asserts(self, session, exercise):
        """Another course's hidden asserts: they run beside the submission, for want of anything better."""
        cells = (c for c in self.homework.teacher.cells if c.metadata.get("nbgrader", {}).get("grade_id"))
        test = next(c for c in cells if c.metadata.nbgrader.grade_id == exercise.grade_id)
        if self._ask(session, {"cell": test.source}).get("error") is None:
            return None
        return self.visible.get(exercise.grade_id) or "a hidden test of this exercise fails"


def _text(value, limit=25_000):
    """Text out of the sandbox: a string of bounded length, whatever came."""
    if not isinstance(value, str):
        return ""
    return value[:limit].encode("utf-8", "replace").decode()
