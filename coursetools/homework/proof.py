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
from coursetools.homework.island.probes import Visible, decode, encode, evaluate, judge
from coursetools.homework.loading import asides_of, grading

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
    seed: int | None = None  # a class seed from which it gets full points


def prove(twin, mistakes_file, seeds=SEEDS):
    """All verdicts of one homework; AssertionError says which side of the proof does not hold, and why.

    seeds: class seeds, for each of which every planted mistake must be caught.
    """
    notebook = read_source(twin)
    cells = exercises_of(notebook)
    mistakes = runpy.run_path(str(mistakes_file))["MISTAKES"]
    name = Path(twin).stem
    namespace = run_notebook(notebook)
    verdicts, expected = [], {}
    for exercise, (_, test) in cells.items():
        probes = collect(test, namespace)
        expected[exercise] = {
            seed: [
                (probe, inputs, evaluate(probe, inputs, namespace))
                for probe in probes
                for inputs in probe.draws(seed)
            ]
            for seed in seeds
        }
        assert probes, f"{name}: exercise {exercise} has no probe, so nothing decides about its points"
        for probe in probes:
            _prove_probe(name, exercise, probe, namespace, seeds)
        verdicts.append(Verdict(exercise, "solution", _visible(test, namespace), None))
        assert verdicts[-1].visible is None, (
            f"{name}: the solution of {exercise} fails: {verdicts[-1].visible}"
        )
    blank = exercises_of(release(notebook))
    assert blank.keys() == cells.keys()
    for exercise, (solution, test) in blank.items():
        probes = expected[exercise]
        verdict = _try(exercise, "blank", solution.source, test, probes, namespace)
        assert verdict.visible and verdict.hidden, f"{name}: blank passes exercise {exercise}: {verdict}"
        verdicts.append(verdict)
    for mistake in mistakes:
        assert mistake.exercise in cells, f"{name}: no exercise {mistake.exercise} for '{mistake.name}'"
        solution, test = cells[mistake.exercise]
        found = solution.source.count(mistake.right)
        assert found == 1, f"{name}: '{mistake.name}': {mistake.right!r} occurs {found} times, not once"
        source = solution.source.replace(mistake.right, mistake.wrong)
        verdict = _try(mistake.exercise, mistake.name, source, test, expected[mistake.exercise], namespace)
        assert verdict.hidden, (
            f"{name}: planted mistake '{mistake.name}' in {mistake.exercise} gets full points"
            f" from class seed {verdict.seed}"
        )
        verdicts.append(verdict)
    return verdicts


def collect(test, namespace):
    """The probes of a test cell; their inputs may use names of the homework's set-up.

    namespace: of the solution, which is run to see which calls the visible checks make.
    """
    scope = dict(namespace)
    exec(compile(hidden_source(test), "<hidden tests>", "exec"), scope)
    probes = []
    for probe in scope["probes"]:
        if isinstance(probe, Visible):
            found = probe.probes(_calls(test, namespace, probe.function))
            assert found, f"the visible checks never call {probe.function} with plain data"
            probes += found
        else:
            probes.append(probe)
    return probes


def _calls(test, namespace, function):
    """The arguments, as plain data, with which the visible checks call a function: [(args, kwargs)]."""
    calls, scope = [], dict(namespace)

    def noted(*args, **kwargs):
        with contextlib.suppress(TypeError):  # of no plain data: a function, a generator of random numbers
            calls.append((decode(encode(args)), {name: decode(encode(v)) for name, v in kwargs.items()}))
        return namespace[function](*args, **kwargs)

    scope[function] = noted
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(test.source.replace(hidden_source(test), ""), "<visible tests>", "exec"), scope)
    return calls


def exercises_of(notebook):
    """exercise -> (its solution cell, its test cell), for those that are graded automatically."""
    by_id = {c.metadata.nbgrader.grade_id: c for c in notebook.cells if "nbgrader" in c.metadata}
    tests = {i.removeprefix("test_"): cell for i, cell in by_id.items() if i.startswith("test_")}
    return {exercise: (by_id[exercise], test) for exercise, test in tests.items()}


def run_notebook(notebook):
    """The namespace of the whole notebook, run top to bottom without a kernel; what it prints is dropped.

    As in grading, a test cell or a picture runs in a copy of it, so that nothing leans on what it binds.
    """
    namespace, asides = {"__name__": "__main__"}, asides_of(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            alone = grading(cell).get("grade_id", "").startswith("test_") or cell.source.strip() in asides
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(cell.source, cell.id, "exec"), dict(namespace) if alone else namespace)
    return namespace


def _prove_probe(name, exercise, probe, namespace, seeds):
    """A probe must depend on its inputs, agree with itself and with its oracle, and be of plain data."""
    values, where = [], f"{name}, {exercise}: probe {probe.call!r}"
    draws = [inputs for seed in seeds for inputs in probe.draws(seed)]
    for inputs in draws:
        value = evaluate(probe, inputs, namespace)
        assert judge(probe, value, evaluate(probe, inputs, namespace)) is None, f"{where} is not repeatable"
        if probe.oracle is not None:
            expected = encode(probe.oracle(**inputs))
            assert judge(probe, value, expected) is None, f"{where}: solution and oracle differ"
        values.append(value)
    assert not isinstance(decode(values[0]), bool), f"{where} returns a verdict; a probe must return data"
    fixed = not any(map(callable, probe.inputs.values()))  # from a visible check
    differ = any(judge(probe, values[0], value) is not None for value in values[1:])
    assert fixed or differ, f"{where} has the same value for every class seed"


def _try(exercise, form, source, visible_test, expected, namespace):
    """Run another answer to one exercise in a copy of the solution's namespace.

    expected: class seed -> list of (probe, inputs, value of the solution).
    """
    scope = dict(namespace)
    for made in _names_of(source):
        scope.pop(made, None)  # an answer that defines nothing must not find the solution's
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            exec(compile(source, form, "exec"), scope)
        except Exception as error:
            return Verdict(exercise, form, f"{error}", f"{error}")
    hidden = {seed: _first_failure(probes, scope) for seed, probes in expected.items()}
    passed = next((seed for seed, sentence in hidden.items() if sentence is None), None)
    sentence = None if passed is not None else next(iter(hidden.values()))
    return Verdict(exercise, form, _visible(visible_test, scope), sentence, passed)


def _first_failure(probes, scope):
    """The sentence of the first of (probe, inputs, expected) that fails, or None."""
    for probe, inputs, expected in probes:
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                value = evaluate(probe, inputs, scope)
        except Exception as error:
            return f"{probe.message} ({type(error).__name__}: {error})"
        if sentence := judge(probe, value, expected):
            return sentence
    return None


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
