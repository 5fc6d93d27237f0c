"""The judge: a clean process that runs the solution once, hands out hidden inputs, and compares values.

No submission's code runs here; its values come as plain data. Odd data may still make a comparison slow or
large, so even this process has limits, and a value that breaks it is a wrong value.
"""

import contextlib
import json
import os
import sys
import threading
from pathlib import Path

from coursetools.homework.grading.session import Limits, Session, Stopped
from coursetools.homework.island.probes import encode, evaluate, judge
from coursetools.homework.island.runner import open_channel, reply
from coursetools.homework.loading import grading, load_homework
from coursetools.homework.proof import collect, exercises_of, run_notebook


class Judge:
    """The judge of one homework and class seed; safe to use from several threads, one at a time."""

    def __init__(self, course, name, seed, *, solution_seconds=600, comparison_seconds=20):
        """Starts the process; ValueError if the solution itself does not run."""
        self.command = [
            sys.executable,
            "-m",
            "coursetools.homework.grading.judge",
            str(course),
            name,
            str(seed),
        ]
        self.solution_seconds, self.comparison_seconds = solution_seconds, comparison_seconds
        self.lock, self.session = threading.Lock(), None
        self.figures = {}  # manual exercise -> the homework's own: [(alternative text, PNG in base64)]
        self.probes = self._start()  # exercise -> list of {"call", "inputs"}

    def __enter__(self):
        return self

    def __exit__(self, *reason):
        self.session.end()

    def verdict(self, exercise, number, value):
        """None if the value is right, else the probe's sentence."""
        request = {"exercise": exercise, "number": number, "value": value}
        with self.lock:
            try:
                return self.session.ask(request, self.comparison_seconds)["message"]
            except Stopped:
                self.session.end()
                self._start()
        return self.message(exercise, number)

    def message(self, exercise, number):
        """The sentence of a probe, for a submission that gave no value at all."""
        return self.probes[exercise][number]["message"]

    def _start(self):
        limits = Limits(memory=4000, processes=64)
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
        self.session = Session(self.command, environment, None, limits)
        try:
            self.session.ready(self.solution_seconds)
            answer = self.session.ask({"exercise": None}, self.comparison_seconds)
        except Stopped as stopped:
            self.session.end()
            raise ValueError(
                f"the solution of {self.command[-2]} {stopped}; run `coursekit homework test` first"
            ) from None
        if "failed" in answer:
            self.session.end()
            raise ValueError(f"the solution of {self.command[-2]} does not run: {answer['failed']}")
        self.figures = answer["figures"]
        return answer["probes"]


@contextlib.contextmanager
def shown_figures():
    """A list of (id of the cell, alternative text, PNG in base64) for every figure shown meanwhile."""
    from coursekit import plots

    found, show = [], plots.show

    def kept(figure, *, alt):
        picture = plots.image_html(figure, alt).partition("base64,")[2].partition('"')[0]
        found.append((sys._getframe(1).f_code.co_filename, alt, picture))

    plots.show = kept
    try:
        yield found
    finally:
        plots.show = show


def beside_answers(notebook, shown):
    """Manual exercise -> the figures that stand between it and the exercise before it."""
    found, waiting = {}, []
    for cell in notebook.cells:
        facts = grading(cell)
        waiting += [(alt, picture) for name, alt, picture in shown if name == cell.id]
        if facts.get("grade") and facts.get("solution") and waiting:
            found[facts["grade_id"]] = waiting
        if facts:
            waiting = []
    return found


def main():
    """The process itself: course folder, homework and class seed are its arguments."""
    course, name, seed = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    requests, replies = open_channel()
    probes, expected, listing, figures, failed = {}, {}, {}, {}, None
    try:
        with open(os.devnull, "w") as null, contextlib.redirect_stderr(null):
            homework = load_homework(course, name)
            if any(exercise.kind == "probes" for exercise in homework.exercises):
                with shown_figures() as shown:
                    namespace = run_notebook(homework.teacher)
                figures = beside_answers(homework.teacher, shown)
                for exercise, (_, test) in exercises_of(homework.teacher).items():
                    pairs = [(p, inputs) for p in collect(test, namespace) for inputs in p.draws(seed)]
                    probes[exercise] = [probe for probe, _ in pairs]
                    expected[exercise] = [evaluate(probe, inputs, namespace) for probe, inputs in pairs]
                    listing[exercise] = [
                        {
                            "call": probe.call,
                            "message": probe.message,
                            "inputs": {key: encode(value) for key, value in inputs.items()},
                        }
                        for probe, inputs in pairs
                    ]
    except Exception as error:
        failed = f"{type(error).__name__}: {error}"
    reply(replies, {"ready": True})
    for line in requests:
        request = json.loads(line)
        exercise = request["exercise"]
        if exercise is None:
            reply(replies, {"failed": failed} if failed else {"probes": listing, "figures": figures})
            continue
        number = request["number"]
        message = judge(probes[exercise][number], request["value"], expected[exercise][number])
        reply(replies, {"message": message})


if __name__ == "__main__":
    main()
