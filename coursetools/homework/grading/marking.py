"""Marks one submission: runs its cells on their island, asks for the probes' values, lets the judge compare.

A cell that does not end, or ends the program, is left out and the rest is run again from the start, so that
one endless loop costs its own exercise and nothing else.

The probes of an exercise are asked when the whole notebook has run. Where its visible check had passed and
they fail, or where the time ran out before, the notebook gets a second look: it runs again with nothing
shown, and the probes are asked as soon as the test cell has run. What a student's own cells did further down,
be it an experiment that takes an hour or a variable with a function's name, then costs nothing. Nothing is
shown of the second look, since what is printed after a probe could carry its inputs out.
"""

import contextlib
import re
import time

from coursetools.homework.grading.session import LOOK, Stopped

RESTARTS = 6
MAX_SOURCE, MAX_KEPT = 100_000, 2_000_000  # characters of a cell, and of a notebook, that are kept


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
    late = run.seconds_left() <= 0
    if late:
        run.notes.append(f"the whole notebook had {sandbox.limits.total:.0f} s; what came later was not run")
    for every_cell in (True, False):
        run.look_again(every_cell)
    return {
        "cells": _bounded(run.shown),
        "exercises": [run.result(exercise) for exercise in homework.exercises],
        "notes": run.notes,
        "troubled": bool(run.left_out) or late,
    }


class _Run:
    """The state of one submission over its attempts."""

    def __init__(self, answered, homework, sandbox, judge, stopping):
        self.answered, self.homework, self.sandbox, self.judge = answered, homework, sandbox, judge
        self.stopping = stopping
        self.probed = {e.grade_id for e in homework.exercises if e.kind == "probes"}
        self.until = time.monotonic() + sandbox.limits.total
        self.seconds = {}  # that a cell took, by its number
        self.left_out, self.notes, self.verdicts, self.visible = {}, [], {}, {}
        self.shown = [dict(cell, text="", error=None) for cell in answered.cells]

    def seconds_left(self):
        return self.until - time.monotonic()

    def finished(self):
        return not any(self._open(exercise) for exercise in self.homework.exercises)

    def _open(self, exercise):
        """Whether a program still has to say something about it."""
        return exercise.kind in ("probes", "asserts") and exercise.grade_id not in self.verdicts

    def attempt(self):
        """One session from the first cell on; what stops it is noted, so that the next one leaves it out."""
        with self._session() as session:
            for number, cell in enumerate(self.shown):
                if cell["type"] != "code" or number in self.left_out:
                    continue
                try:
                    began = time.monotonic()
                    reply = self._ask(session, self._request(cell))
                    self.seconds[number] = time.monotonic() - began
                except Stopped as stopped:
                    if self.seconds_left() > 0:  # else it is not this cell's fault
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

    def look_again(self, every_cell):
        """Ask for what is still in doubt at its test cell, once more; a better verdict counts.

        every_cell: else the student's own cells which take long are left out, or of which nobody knows.
        """
        doubtful = {
            e.grade_id: e
            for e in self.homework.exercises
            if e.kind == "probes" and (self._open(e) or self._seems_right(e.grade_id))
        }
        long = self.sandbox.limits.cell / 10
        slow = {
            number
            for number, cell in enumerate(self.shown)
            if cell["role"] == "other"
            if self.seconds.get(number, float("inf")) > long
        }
        left_out = set(self.left_out) | (set() if every_cell else slow)
        limits = self.sandbox.limits
        self.until = time.monotonic() + max(LOOK * limits.total, limits.cell)
        for _ in range(1 + RESTARTS):
            if not doubtful or self.seconds_left() <= 0 or self._look(doubtful, left_out):
                return

    def _seems_right(self, grade_id):
        """Whether the visible check of an exercise passed, and its probes did not."""
        passed = grade_id in self.visible and self.visible[grade_id] is None
        return passed and self.verdicts.get(grade_id) is not None

    def _look(self, doubtful, left_out):
        """One session of a second look; False if it was cut short. What is settled leaves `doubtful`."""
        with self._session() as session:
            for number, cell in enumerate(self.shown):
                if not doubtful:
                    return True
                try:
                    if cell["type"] == "code" and number not in left_out:
                        self._ask(session, self._request(cell))
                except Stopped:
                    left_out.add(number)
                    return False
                exercise = doubtful.pop(cell["grade_id"], None) if cell["role"] == "test" else None
                if exercise is None:
                    continue
                try:
                    verdict = self._probes(session, exercise)
                except Stopped as stopped:
                    if self.seconds_left() > 0:
                        said = f"on hidden data your answer {stopped}"
                        self.verdicts.setdefault(exercise.grade_id, said)
                    return False
                if verdict is None:
                    self.verdicts[exercise.grade_id] = None
                self.verdicts.setdefault(exercise.grade_id, verdict)
        return True

    @contextlib.contextmanager
    def _session(self):
        """A running session; how long it takes to start is not the student's time."""
        began = time.monotonic()
        with self.sandbox.start() as session:
            try:
                session.ready(max(60, self.sandbox.limits.cell))
            except Stopped as stopped:
                raise NotGraded(f"the program that runs notebooks {stopped}") from None
            self.until += time.monotonic() - began
            yield session

    def _decide(self, session, exercise):
        """Find the verdict on an exercise, if there is none yet; False when that cost the session."""
        if self._open(exercise):
            try:
                asked = self._probes if exercise.kind == "probes" else self._asserts
                self.verdicts[exercise.grade_id] = asked(session, exercise)
            except Stopped as stopped:
                if self.seconds_left() > 0:
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
        visible = self._unreadable(exercise) or self.visible.get(exercise.grade_id)
        if self._open(exercise):
            said = "it was not reached within the time for the notebook"
            return row | {"kind": exercise.kind, "points": None, "visible": visible, "hidden": said}
        hidden = self.verdicts[exercise.grade_id]
        points = exercise.points if hidden is None else 0.0
        return row | {"kind": exercise.kind, "points": points, "visible": visible, "hidden": hidden}

    def _unreadable(self, exercise):
        """What Python says of an answer that is no Python, such as one with a missing colon, or None.

        The check would only say that the name is not defined.
        """
        for cell in self.shown:
            hers = cell["role"] == "answer" and cell["grade_id"] == exercise.name
            if hers and re.match(r"(Syntax|Indentation|Tab)Error\b", cell["error"] or ""):
                return f"the answer cannot be read as Python: {cell['error']}"
        return None

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

    def _request(self, cell):
        """A test cell and a picture bind names for themselves alone; another course's may be needed later."""
        return {"cell": cell["source"], "aside": cell["role"] == "aside" or cell["grade_id"] in self.probed}

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
                # Neither its text nor its kind: either may carry hidden inputs out.
                return self.judge.message(exercise.name, number) + " (it stopped with an error)"
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


def _bounded(cells):
    """The cells without what is too long to be kept of one student."""
    left = MAX_KEPT
    for cell in cells:
        for part in ("source", "text"):
            most = min(MAX_SOURCE, left)
            if len(cell[part]) > most:
                cell[part] = cell[part][:most] + f"\n... and {len(cell[part]) - most} characters more"
            left -= min(len(cell[part]), most)
    return cells


def _text(value, limit=25_000):
    """Text out of the sandbox: a string of bounded length, whatever came."""
    if not isinstance(value, str):
        return ""
    return value[:limit].encode("utf-8", "replace").decode()
