"""The two-sided proof: the solution passes, the blank fails, and every planted mistake is caught.

A homework that accepts a wrong answer teaches it. So each homework comes with planted mistakes, the slips
that people really make, in `tests/mistakes/hwNN_name.py`: a list `MISTAKES`, each an edit of the solution.
A mistake counts as caught when a probe of its exercise fails, since probes decide about the points; whether
the visible checks say so at once is counted beside it.
"""

import ast
import contextlib
import io
import runpy
from dataclasses import dataclass
from pathlib import Path

from coursetools.homework.build import hidden_source, read_source, release
from coursetools.homework.island.probes import decode, encode, evaluate, judge

SEEDS = (2026, 7)  # two class seeds: a value that is the same for both depends on no input


@dataclass(frozen=True)
class Mistake:
    """One planted mistake: in the solution of `exercise`, `right`, which occurs once, becomes `wrong`."""

    exercise: str
    name: str
    right: str
    wrong: str


@dataclass
class Verdict:
    """What happened to one exercise in one form: visible and hidden are None (passed) or a sentence."""

    exercise: str
    form: str  # "solution", "blank" or the mistake's name
    visible: str | None
    hidden: str | None


def prove(twin, mistakes_file):
    """All verdicts of one homework; AssertionError says which side of the proof does not hold, and why."""
    notebook = read_source(twin)
    cells = exercises_of(notebook)
    mistakes = runpy.run_path(str(mistakes_file))["MISTAKES"]
    name = Path(twin).stem
    namespace = run_notebook(notebook)
    verdicts = []
    for exercise, (_, test) in cells.items():
        probes = collect(test, namespace)
        assert probes, f"{name}: exercise {exercise} has no probe, so nothing decides about its points"
        for probe in probes:
            _prove_probe(name, exercise, probe, namespace)
        verdicts.append(Verdict(exercise, "solution", _visible(test, namespace), None))
        assert verdicts[-1].visible is None, (
            f"{name}: the solution of {exercise} fails: {verdicts[-1].visible}"
        )
    blank = exercises_of(release(notebook))
    assert blank.keys() == cells.keys()
    for exercise, (solution, test) in blank.items():
        verdict = _try(exercise, "blank", solution.source, test, cells[exercise][1], namespace)
        assert verdict.visible and verdict.hidden, f"{name}: blank passes exercise {exercise}: {verdict}"
        verdicts.append(verdict)
    for mistake in mistakes:
        assert mistake.exercise in cells, f"{name}: no exercise {mistake.exercise} for '{mistake.name}'"
        solution, test = cells[mistake.exercise]
        found = solution.source.count(mistake.right)
        assert found == 1, f"{name}: '{mistake.name}': {mistake.right!r} occurs {found} times, not once"
        source = solution.source.replace(mistake.right, mistake.wrong)
        verdict = _try(mistake.exercise, mistake.name, source, test, test, namespace)
        assert verdict.hidden, (
            f"{name}: planted mistake '{mistake.name}' in {mistake.exercise} gets full points"
        )
        verdicts.append(verdict)
    return verdicts


def collect(test, namespace):
    """The probes of a test cell; their inputs may use names of the homework's set-up."""
    scope = dict(namespace)
    exec(compile(hidden_source(test), "<hidden tests>", "exec"), scope)
    return scope["probes"]


def exercises_of(notebook):
    """exercise -> (its solution cell, its test cell), for those that are graded automatically."""
    by_id = {c.metadata.nbgrader.grade_id: c for c in notebook.cells if "nbgrader" in c.metadata}
    tests = {i.removeprefix("test_"): cell for i, cell in by_id.items() if i.startswith("test_")}
    return {exercise: (by_id[exercise], test) for exercise, test in tests.items()}


def run_notebook(notebook):
    """The namespace of the whole notebook, run top to bottom without a kernel; what it prints is dropped."""
    namespace = {"__name__": "__main__"}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(cell.source, cell.id, "exec"), namespace)
    return namespace


def _prove_probe(name, exercise, probe, namespace):
    """A probe must depend on its inputs, agree with itself and with its oracle, and be of plain data."""
    values = []
    for seed in SEEDS:
        inputs = probe.draw(seed)
        value = evaluate(probe, inputs, namespace)
        where = f"{name}, {exercise}: probe {probe.call!r}"
        assert judge(probe, value, evaluate(probe, inputs, namespace)) is None, f"{where} is not repeatable"
        if probe.oracle is not None:
            expected = encode(probe.oracle(**inputs))
            assert judge(probe, value, expected) is None, f"{where}: solution and oracle differ"
        values.append(value)
    assert not isinstance(decode(values[0]), bool), f"{where} returns a verdict; a probe must return data"
    assert judge(probe, *values) is not None, f"{where} has the same value for every class seed"


def _try(exercise, form, source, visible_test, hidden_test, namespace):
    """Run another answer to one exercise in a copy of the solution's namespace."""
    scope = dict(namespace)
    for made in _names_of(source):
        scope.pop(made, None)  # an answer that defines nothing must not find the solution's
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            exec(compile(source, form, "exec"), scope)
        except Exception as error:
            return Verdict(exercise, form, f"{error}", f"{error}")
    hidden = None
    for probe in collect(hidden_test, namespace):
        inputs = probe.draw(SEEDS[0])
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                value = evaluate(probe, inputs, scope)
        except Exception as error:
            hidden = f"{probe.message} ({type(error).__name__}: {error})"
            break
        hidden = judge(probe, value, evaluate(probe, inputs, namespace))
        if hidden:
            break
    return Verdict(exercise, form, _visible(visible_test, scope), hidden)


def _visible(test, namespace):
    """None if the visible checks of a test cell pass, else what they say."""
    source = test.source.replace(hidden_source(test), "")
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(source, "<visible tests>", "exec"), dict(namespace))
    except Exception as error:
        return f"{error}" or type(error).__name__
    return None


def _names_of(source):
    """Names that a cell's top level defines."""
    names = []
    for node in ast.parse(source).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.append(node.name)
        elif isinstance(node, ast.Assign):
            names += [target.id for target in node.targets if isinstance(target, ast.Name)]
    return names
