"""What `course.py test` runs: stages side by side, each with its output in one piece, and notebooks timed.

Standard library only. A stage that passed shows its closing lines, one that failed all that it wrote. Tests
that look at a clock (marked `timing`) come last and alone, where nothing slows them.
"""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from course_setup import Trouble, environment

PROGRAMS = {"chromium": "chromium", "bwrap": "bubblewrap", "npm": "npm"}  # program -> Debian's package
STRICT = ["--nbval", "--nbval-cell-timeout=300", "--nbval-sanitize-with=tests/nbval_sanitize.cfg"]
# Tests of one file stay together, so that its fixtures are made once; tests/conftest.py sets the order.
TOGETHER = ["--dist", "loadfile", "--no-loadscope-reorder"]
REFERENCE = "reference run"
REFERENCE_SECONDS = 9.5  # what tests/reference_run.py takes on the machine whose seconds are published
# What torch, MKL, oneDNN and OpenBLAS use on a processor of 2010, which rounds every sum otherwise.
OLD_PROCESSOR = {
    "ATEN_CPU_CAPABILITY": "default",
    "MKL_CBWR": "COMPATIBLE",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "OPENBLAS_CORETYPE": "Nehalem",
}
HOUSE = [f"tests/course/test_{name}.py" for name in ("architecture", "notebooks", "glossary")]


class Stage:
    """One command and what came of it.

    name: what the output calls it.
    command: its words.
    cores: how many cores it keeps busy.
    may_be_empty: whether it is right that pytest finds no test here.
    own: variables of the environment that it alone has.
    code, cpu_seconds, seconds: exit code, CPU seconds of it and all it waited for (a kernel too; None where
        the system does not tell), seconds on the clock; None until it has ended.
    """

    def __init__(self, name, command, cores=1, may_be_empty=False, own=None):
        self.name, self.command, self.cores, self.may_be_empty = name, command, cores, may_be_empty
        self.own = own or {}
        self.code = self.cpu_seconds = self.seconds = None

    def start(self, log, env):
        self.log, self.began = log, time.monotonic()
        with open(log, "wb") as file:
            self.process = subprocess.Popen(
                self.command, env={**env, **self.own}, stdout=file, stderr=subprocess.STDOUT
            )

    def ended(self):
        """Has it ended? Then code and seconds are known. To be asked until it says so, and no more."""
        if hasattr(os, "wait4"):
            pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
            if pid:
                self.process.returncode = os.waitstatus_to_exitcode(status)
                self.cpu_seconds = usage.ru_utime + usage.ru_stime
        else:
            self.process.poll()
        code = self.process.returncode
        if code is None:
            return False
        self.seconds = time.monotonic() - self.began
        self.code = 0 if code == 5 and self.may_be_empty else code  # pytest's 5: there was no test to run
        return True

    def stop(self, patience):
        """Wait for its end, and after `patience` seconds bring it about."""
        end = time.monotonic() + patience
        while not self.ended():
            if time.monotonic() > end:
                self.process.kill()
            time.sleep(0.05)

    def output(self):
        return self.log.read_text(encoding="utf-8", errors="replace").strip()


def run(stages, cores, env):
    """Run stages in their order on `cores` cores, each as soon as there is room, and report each at its end.

    A stage that wants more cores than there are takes them all.
    """
    waiting, running, progress = list(stages), [], _Progress()
    env = {
        **env,
        **({"COURSEKIT_SIDE_BY_SIDE": "1"} if cores > 1 else {}),
    }  # who looks at a clock allows for it
    with tempfile.TemporaryDirectory(prefix="course-test-") as folder:
        try:
            while waiting or running:
                while waiting and sum(s.cores for s in running) + min(waiting[0].cores, cores) <= cores:
                    stage = waiting.pop(0)
                    own = Path(folder) / str(len(waiting))
                    # What a person lets IPython do at its start is not to matter.
                    stage.start(own.with_suffix(".log"), {**env, "IPYTHONDIR": f"{own}-ipython"})
                    running.append(stage)
                for stage in [stage for stage in running if stage.ended()]:
                    running.remove(stage)
                    progress.clear()
                    used = "" if stage.cpu_seconds is None else f", {stage.cpu_seconds:.0f} CPU seconds"
                    print(f"\n== {stage.name} ({clock(stage.seconds)}{used})")
                    print(closing(stage.output()) if stage.code == 0 else stage.output(), flush=True)
                progress.say(running, len(waiting))
                time.sleep(0.05)
        finally:  # after Ctrl-C, which reached the stages too, they are given the time to clear up
            for stage in running:
                stage.stop(patience=20 if sys.exc_info()[0] is KeyboardInterrupt else 0)


def closing(output):
    """Its last line, or all from pytest's summary of what was skipped."""
    lines = output.splitlines()
    starts = [number for number, line in enumerate(lines) if "short test summary info" in line]
    return "\n".join(lines[starts[-1] :] if starts else lines[-1:])


def clock(seconds):
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds // 60:.0f} min {seconds % 60:.0f} s"


class _Progress:
    """The line that says what runs and how far it is: one in a terminal, elsewhere a new one every minute."""

    def __init__(self):
        self.live = sys.stdout.isatty()
        self.began = self.last = time.monotonic()

    def say(self, running, n_waiting):
        now = time.monotonic()
        if not running or now - self.last < (1 if self.live else 60):
            return
        self.last = now
        names = ", ".join(f"{stage.name} {percent(stage.output())}".strip() for stage in running)
        line = f"... {clock(now - self.began)}: {names}; {n_waiting} more to come"
        print(f"\r\033[K{line[:100]}" if self.live else line, end="" if self.live else "\n", flush=True)

    def clear(self):
        if self.live:
            print("\r\033[K", end="")


def percent(output):
    """How far pytest is, by the last share that it wrote; '' before the first."""
    found = re.findall(r"\[ *(\d+%)\]", output)
    return found[-1] if found else ""


# Which stages there are


def usable_cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def notebooks():
    return sorted(Path("notebooks").glob("[0-9][0-9]_*.ipynb"))


def notebook_stages(python, paths):
    """A run of each notebook under nbval, the longest first: none is left over at the end."""
    return [_strict(python, path, path.stem) for path in _longest_first(paths)]


def old_processor_stages(python, paths):
    """The same once more as an old processor rounds: no output hangs on the last digits of this one."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return []
    return [
        _strict(python, path, f"{path.stem} on an old processor", own=OLD_PROCESSOR)
        for path in _longest_first(paths)
    ]


def _longest_first(paths):
    return sorted(paths, key=lambda path: -(published_seconds(path) or 60))


def _strict(python, path, name, **options):
    return Stage(name, [python, "-m", "pytest", "-q", *STRICT, str(path)], **options)


def reference_stage(python):
    """A fixed piece of work: how slow this machine is, by which the notebooks' seconds are judged."""
    return Stage(REFERENCE, [python, "tests/reference_run.py"])


def ruff_stages(python, paths):
    check, form = ["check", "--output-format=concise"], ["format", "--check", "--force-exclude"]
    return [
        Stage(f"ruff {words[0]}", [python, "-m", "ruff", *words, *map(str, paths)]) for words in (check, form)
    ]


def course_stages(python, cores, everything):
    """All stages of the course: those that run side by side, and those that run alone afterwards."""
    pytest = [python, "-m", "pytest", *["--all"] * everything]
    workers = ["-n", str(cores), *TOGETHER] if cores > 1 else []
    units = Stage("unit tests", [*pytest, *workers, "-m", "not timing", "tests"], cores=cores)
    timing = Stage("timing tests", [*pytest, "-m", "timing", "tests"], may_be_empty=True)
    timed = [reference_stage(python), *notebook_stages(python, notebooks())]
    again = old_processor_stages(python, notebooks()) if everything else []
    types = Stage("mypy", [python, "-m", "mypy"])
    return [*ruff_stages(python, ["."]), types, units, *timed, *again], [timing]


def lecture_stages(python, notebook, everything):
    """The same for all that belongs to one lecture."""
    number, files = notebook.name[:2], files_of(notebook)
    homework = [path for path in files if "homework" in path.parts]
    tests = [str(path) for path in files if path.name.startswith("test_")]
    pytest = [python, "-m", "pytest", *["--all"] * everything]
    aside = [
        *ruff_stages(python, files),
        reference_stage(python),
        *notebook_stages(python, [notebook]),
        *(old_processor_stages(python, [notebook]) if everything else []),
        Stage("unit tests", [*pytest, "-m", "not timing", *tests, *filter(os.path.exists, HOUSE)]),
    ]
    alone = []
    if homework:
        aside.append(Stage("homework", [*pytest, "-k", f"hw{number}", "tests/tools/test_homework.py"]))
    if tests:
        alone = [Stage("timing tests", [*pytest, "-m", "timing", *tests], may_be_empty=True)]
    return aside, alone


def notebook_of(number):
    found = [path for path in notebooks() if path.name[:2] == number.zfill(2)]
    if not found:
        there = ", ".join(path.name[:2] for path in notebooks())
        raise Trouble(f"There is no lecture {number}: choose one of {there}.")
    return found[0]


def folder_of(notebook):
    """The name of a notebook's folder in coursekit/, from README's map; '' where it has none."""
    for line in Path("README.md").read_text(encoding="utf-8").splitlines():
        if f"({notebook.as_posix()})" in line:
            found = re.search(r"\(coursekit/(\w+)/?\)", line)
            return found[1] if found else ""
    raise Trouble(f"README's map has no row for {notebook.name}, which names its folder: add one.")


def files_of(notebook):
    """Everything that belongs to one lecture and is a file of Python or a notebook, or a folder of such."""
    number, folder = notebook.name[:2], folder_of(notebook)
    found = [notebook, Path("notebooks/source") / f"{notebook.stem}.py"]
    found += sorted(Path("notebooks/homework/source").glob(f"hw{number}_*/hw{number}_*.py"))
    found += sorted(Path("tests/mistakes").glob(f"hw{number}_*.py"))
    if folder:
        found += [Path("coursekit") / folder, Path("benchmarks") / f"{folder}.py"]
        found += [path for path in sorted(Path("tests/lectures").glob("test_*.py")) if owner(path) == folder]
    return [path for path in found if path.exists()]


def owner(test):
    """The folder whose name a test's file begins with; of gan and gan_training the longer one."""
    name = test.stem[len("test_") :] + "_"
    folders = [path.name for path in Path("coursekit").iterdir() if name.startswith(f"{path.name}_")]
    return max(folders, key=len, default="")


# Times, and the last lines


def published_seconds(path):
    """CPU seconds that a notebook's metadata promise; None where there is no such number."""
    try:
        seconds = json.loads(path.read_text(encoding="utf-8"))["metadata"]["coursekit"]["cpu_seconds"]
    except (ValueError, KeyError, TypeError):
        return None
    return seconds if isinstance(seconds, (int, float)) and seconds > 0 else None


def slowness(stages):
    """How many times as long as the publishing machine this one takes; 1.0 where it was not measured."""
    for stage in stages:
        if stage.name == REFERENCE and stage.code == 0 and stage.cpu_seconds:
            return stage.cpu_seconds / REFERENCE_SECONDS
    return 1.0


def time_trouble(seconds, published):
    """What is wrong with a notebook's time, or ''.

    seconds: CPU seconds as the publishing machine would take them; None where they cannot be measured.
    """
    if published is None:
        return "its metadata publish no cpu_seconds"
    if seconds is not None and seconds > 2 * published:
        return f"took {seconds:.1f} CPU seconds, more than twice the published {published}"
    return ""


def summary(stages):
    """Print the notebooks' times and what failed; return the exit code of the whole."""
    failures = {stage.name: f"exit code {stage.code}" for stage in stages if stage.code != 0}
    paths = {path.stem: path for path in notebooks()}
    slow = slowness(stages)
    print(f"\nThis machine takes {slow:.2f} times as long as the one whose seconds are published.")
    print(f"{'notebook':<36}{'CPU seconds':>12}{'there':>8}{'published':>11}")
    for stage in sorted((stage for stage in stages if stage.name in paths), key=lambda stage: stage.name):
        used, published = stage.cpu_seconds, published_seconds(paths[stage.name])
        there = used and used / slow
        verdict = time_trouble(there, published)
        if verdict:
            failures[stage.name] = ", ".join(filter(None, [failures.get(stage.name), verdict]))
        here, there = (f"{seconds:.1f}" if seconds else "-" for seconds in (used, there))
        print(f"{stage.name:<36}{here:>12}{there:>8}{published or '-':>11}  {verdict}")
    if not hasattr(os, "wait4"):
        print("This system does not report the CPU seconds of other programs; Linux and macOS do.")
    for name, why in failures.items():
        print(f"FAILED {name}: {why}")
    print(f"stages: {len(stages) - len(failures)} passed, {len(failures)} failed")
    return 1 if failures else 0


def install_programs():
    """Install what tests need beyond Python where root and apt-get allow it; say what stays missing."""
    missing = [package for program, package in PROGRAMS.items() if not shutil.which(program)]
    if missing and hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"Installing for the tests: {', '.join(missing)} ...", flush=True)
        env = environment(DEBIAN_FRONTEND="noninteractive")
        for action in (["update"], ["install", "-y", "--no-install-recommends", *missing]):
            subprocess.run(["apt-get", "-qq", *action], env=env, stdout=subprocess.DEVNULL)
        missing = [package for program, package in PROGRAMS.items() if not shutil.which(program)]
    if missing:
        print(f"Without {' and '.join(missing)} the tests that need it are skipped (with CI=true: fail).")
