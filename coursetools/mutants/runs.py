"""Each mutant against its module's own tests: in a fork, in memory, with a limit of time.

The parent has imported the libraries, but nothing of the course. First the tests run as they are, and it is
noted which reach which line and how long they take. With a mutant those that reach its line come first, the
quickest before the others, up to the first failure; all others follow, so that a survivor passed them all.
"""

import argparse
import ast
import contextlib
import importlib.machinery
import importlib.util
import json
import os
import pathlib
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from coursetools.mutants.edits import draw, edits_of

SEED = 2026
COUNT = 20  # mutants of a module
PATIENCE = 20  # seconds of a trial beyond four times what the tests take as they are
BAR = 0.95  # share that must be noticed of those that change something
LIST = "tests/equivalent_mutants.txt"
# Of the shared files, those with tests of their own; every lecture's folder comes with its name.
SHARED = {
    "evaluation": "test_evaluation*.py",
    "training": "test_training*.py",
    "draws": "test_draws.py",
    "inputs": "test_inputs.py",
    "checks": "test_checks.py",
}
# No mathematics of a lecture: what draws, what moves, what chooses settings, what talks to processes.
ASIDE = {"__init__", "pictures", "explorers", "recipe", "distributed", "progress"}
MEMORY = 6_000_000_000  # bytes that a trial may take beyond what it starts with


@dataclass
class Module:
    """Files under test and their tests; `row` fills in what came of its mutants."""

    name: str
    files: list
    tests: list
    killed: list = field(default_factory=list)
    slow: list = field(default_factory=list)
    survived: list = field(default_factory=list)
    equivalent: list = field(default_factory=list)
    stale: list = field(default_factory=list)

    @property
    def share(self):
        """Noticed, of those that change something."""
        noticed = len(self.killed) + len(self.slow)
        return noticed / max(noticed + len(self.survived), 1)


def modules(root, names=()):
    """The modules named, or all; ValueError lists what there is."""
    package, tests = root / "coursekit", root / "tests"
    there = {}
    for folder in sorted(path for path in package.iterdir() if path.is_dir() and path.name not in SHARED):
        files = [path for path in sorted(folder.glob("*.py")) if path.stem not in ASIDE]
        own = [
            path
            for path in sorted((tests / "lectures").glob("test_*.py"))
            if _owner(path, package) == folder.name
        ]
        own = [path for path in own if not path.stem.endswith("_explorers")]
        if files and own:
            there[folder.name] = Module(folder.name, files, own)
    for name, pattern in SHARED.items():
        files = [path for path in sorted((package / name).glob("*.py")) if path.stem not in ASIDE]
        files = files or [path for path in [package / f"{name}.py"] if path.exists()]
        own = sorted((tests / "course").glob(pattern))
        if files and own:
            there[name] = Module(name, files, own)
    if unknown := [name for name in names if name not in there]:
        raise ValueError(f"no module {unknown[0]!r} with tests of its own; there is {', '.join(there)}")
    return [there[name] for name in names or there]


def _owner(test, package):
    """The folder whose name a test's file begins with; of gan and gan_training the longer one."""
    name = test.stem.removeprefix("test_") + "_"
    found = [path.name for path in package.iterdir() if path.is_dir() and name.startswith(f"{path.name}_")]
    return max(found, key=len, default="")


def equivalents(root):
    """Key of a mutant -> why it changes nothing that a text claims; ValueError for a line without one."""
    found, path = {}, root / LIST
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        key, _, reason = line.rpartition(" :: ")
        if key.count(" :: ") != 2 or " => " not in key or not reason.strip():
            raise ValueError(f"{LIST}, line {number}: not `file :: function :: old => new :: reason`")
        found[key] = reason
    return found


def mutants_of(root, module, count=COUNT, seed=SEED):
    """The mutants of a module that the seed draws."""
    edits = []
    for path in module.files:
        edits += edits_of(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))
    return draw(edits, count, f"{seed} {module.name}")


# One run of pytest, in a fork


class Notes:
    """A pytest plugin: which tests reach which lines of the module, and in which order they are to run."""

    def __init__(self, files, order=None):
        self.files, self.order = {str(path) for path in files}, order
        self.reached, self.seconds, self.failed = {}, {}, []

    def pytest_collection_modifyitems(self, items):
        """First those of `order`, as they stand there."""
        if self.order is not None:
            place = {nodeid: number for number, nodeid in enumerate(self.order)}
            items.sort(key=lambda item: place.get(item.nodeid, len(place)))

    def pytest_runtest_logreport(self, report):
        """Seconds and failures of each test."""
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        if report.failed:
            self.failed.append(report.nodeid)

    def pytest_runtest_logstart(self, nodeid):
        """From here to logfinish the lines are this test's."""
        if self.order is not None:
            return
        lines = self.reached.setdefault(nodeid, set())

        def trace(frame, event, argument):
            name = frame.f_code.co_filename
            if name not in self.files:
                return None
            lines.add((name, frame.f_lineno))

            def local(frame, event, argument):
                if event == "line":
                    lines.add((name, frame.f_lineno))
                return local

            return local

        sys.settrace(trace)

    def pytest_runtest_logfinish(self, nodeid):
        """The test has ended."""
        sys.settrace(None)


def _pytest(root, tests, plugin, *more):
    import pytest

    options = ["-q", "-m", "not timing", "-c", str(root / "pyproject.toml"), f"--rootdir={root}"]
    options += [f"-pno:{name}" for name in ("cacheprovider", "xdist", "nbval", "anyio")]
    return int(pytest.main([*options, *more, *map(str, tests)], plugins=[plugin]))


def install(path, source):
    """From here on an import of `path` gets `source` instead; the file stays as it is."""
    original, path = importlib.machinery.SourceFileLoader.get_code, str(path)

    def get_code(loader, name):
        if loader.path == path:
            return compile(source, path, "exec", dont_inherit=True)
        return original(loader, name)

    importlib.machinery.SourceFileLoader.get_code = get_code


def _forked(job, log):
    """pid of a fork that runs job() with its output in `log`; its exit code is what job returns."""
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        os.setpgid(0, 0)
        with open(log, "wb", buffering=0) as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        _limit_memory()
        code = job()
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def _limit_memory():
    import resource

    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[0]) if sys.platform == "linux" else None
    if pages is not None:
        size = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (size, size))


def baseline(root, module, folder):
    """(test -> lines reached, test -> seconds) of the module as it is; ValueError if a test fails."""
    notes, result = Notes(module.files), folder / f"{module.name}.json"

    def job():
        code = _pytest(root, module.tests, notes)
        reached = {test: sorted(lines) for test, lines in notes.reached.items()}
        result.write_text(json.dumps([reached, notes.seconds, notes.failed]))
        return code

    log = folder / f"{module.name}.log"
    _, status = os.waitpid(_forked(job, log), 0)
    if os.waitstatus_to_exitcode(status) or not result.exists():
        raise ValueError(f"the tests of {module.name} fail without a mutant:\n{log.read_text()[-3000:]}")
    reached, seconds, _ = json.loads(result.read_text())
    return {test: {tuple(line) for line in lines} for test, lines in reached.items()}, seconds


def order_for(edit, root, reached, seconds):
    """The tests that reach the changed line, the quickest first."""
    line = (str(root / edit.file), edit.number)
    return sorted((test for test, lines in reached.items() if line in lines), key=lambda t: seconds.get(t, 0))


def trial(root, module, edit, order):
    """What a fork does: 0 if every test passes with the mutant, 1 if one fails."""
    install(root / edit.file, edit.source)
    return 1 if _pytest(root, module.tests, Notes(module.files, order), "-x") else 0


def run(root, module, listed, *, count=COUNT, seed=SEED, cores=1, patience=PATIENCE, say=print):
    """Try all drawn mutants of a module and fill in what came of each."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        reached, seconds = baseline(root, module, Path(folder))
        limit = patience + 4 * sum(seconds.values())
        waiting, running = mutants_of(root, module, count, seed), {}
        number = 0
        try:
            while waiting or running:
                while waiting and len(running) < cores:
                    edit, number = waiting.pop(0), number + 1
                    order = order_for(edit, root, reached, seconds)
                    job = lambda edit=edit, order=order: trial(root, module, edit, order)  # noqa: E731
                    pid = _forked(job, Path(folder) / f"{number}.log")
                    running[pid] = (edit, time.monotonic() + limit)
                time.sleep(0.02)
                for pid in list(running):
                    _look_at(pid, running, module, listed, say)
        finally:
            for pid in running:
                _end(pid)
    noticed = {edit.key for edit in [*module.killed, *module.slow]}
    module.stale = sorted(noticed & listed.keys())
    return module


def _look_at(pid, running, module, listed, say):
    edit, end = running[pid]
    done, status = os.waitpid(pid, os.WNOHANG)
    if not done and time.monotonic() < end:
        return
    del running[pid]
    if not done:
        _end(pid)
        module.slow.append(edit)
    elif os.waitstatus_to_exitcode(status):
        module.killed.append(edit)
    elif edit.key in listed:
        module.equivalent.append(edit)
    else:
        module.survived.append(edit)
        say(f"survived, line {edit.number}: {edit.key}")


def _end(pid):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)


# The command


def main(argv, root=None):
    """Exit code: 0 if every module is above the bar, 1 if one is below, 2 if it could not run."""
    root = Path.cwd() if root is None else root
    parser = argparse.ArgumentParser(prog="course.py test --mutants", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="MODULE", help="which ones, as pca (default: all)")
    parser.add_argument("--count", type=int, default=COUNT, help=f"mutants of a module ({COUNT})")
    parser.add_argument("--seed", type=int, default=SEED, help=f"which ones are drawn ({SEED})")
    parser.add_argument("--cores", type=int, default=2, help="trials at a time (2)")
    parser.add_argument(
        "--patience", type=float, default=PATIENCE, help=f"seconds beyond four times ({PATIENCE})"
    )
    options = parser.parse_args(argv)
    if not hasattr(os, "fork"):
        print("Mutants need a system that can fork, such as Linux or macOS.", file=sys.stderr)
        return 2
    try:
        chosen, listed = modules(root, options.names), equivalents(root)
        _warm_up(chosen)
        print("module             mutants  noticed  too slow  equivalent  survived  share")
        for module in chosen:
            lines = []
            limits = {name: getattr(options, name) for name in ("count", "seed", "cores", "patience")}
            run(root, module, listed, say=lines.append, **limits)
            _report(module, lines)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    below = [module.name for module in chosen if module.share < BAR or module.stale]
    if below:
        print(f"below {BAR:.0%}, or with a listed mutant that is noticed: {', '.join(below)}")
    return 1 if below else 0


def _report(module, lines):
    parts = (module.killed, module.slow, module.equivalent, module.survived)
    counts = [sum(map(len, parts)), len(module.killed) + len(module.slow), *map(len, parts[1:])]
    row = "".join(f"{count:>{width}}" for count, width in zip(counts, (8, 9, 10, 12, 10), strict=True))
    print(f"{module.name:<18}{row}  {module.share:.0%}", *lines, sep="\n  ", flush=True)
    for key in module.stale:
        print(f"  noticed, so take it off the list of equivalent ones: {key}")


def _warm_up(chosen):
    """Import the libraries that files and tests import, so that no trial need do it again."""
    sys.dont_write_bytecode = True
    importlib.import_module("pytest")
    for path in sorted({path for module in chosen for path in (*module.files, *module.tests)}):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in filter(None, names):
                top = name.partition(".")[0]
                if not top.startswith("course") and importlib.util.find_spec(top):
                    with contextlib.suppress(ImportError):
                        importlib.import_module(name)
