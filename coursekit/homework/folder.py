"""Where homework lies: this course's own, or another course folder in nbgrader's layout.

In this course a test cell holds probes, judged outside the submission's reach. A test cell of another
nbgrader course holds hidden asserts: they have to run beside the submission, which can read and bend them.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import nbformat

from coursekit.homework.build import hidden_source, read_source, release

SEED_FILE = ".coursekit/class_seed"  # git ignores it
TWINS = "notebooks/homework/source"
PROBES = re.compile(r"^probes\s*=", re.MULTILINE)


@dataclass(frozen=True)
class Exercise:
    """One column of the table. kind: "probes", "asserts" (run beside the submission) or "manual"."""

    name: str
    grade_id: str
    kind: str
    points: float
    cell_type: str


@dataclass(frozen=True)
class Homework:
    """One homework: the teacher's notebook, what students got, and what is graded in it."""

    name: str
    path: Path
    teacher: nbformat.NotebookNode
    student: nbformat.NotebookNode
    exercises: tuple[Exercise, ...]
    forbidden: tuple[str, ...]

    @property
    def max_score(self):
        """All points together."""
        return sum(exercise.points for exercise in self.exercises)

    @property
    def readable_tests(self):
        """Whether hidden asserts run where a submission can read them."""
        return any(exercise.kind == "asserts" for exercise in self.exercises)


def find_course(given=None):
    """The course folder: the one given, else the current one, else the one this package lies in."""
    candidates = [Path(given)] if given else [Path.cwd(), Path(__file__).parents[2]]
    for folder in candidates:
        if (folder / TWINS).is_dir() or (folder / "source").is_dir():
            return folder.resolve()
    raise ValueError(f"{candidates[0]} holds no {TWINS} and no source: name the course folder with --course")


def homework_names(course):
    """Names of all homeworks of a course, sorted."""
    if (course / TWINS).is_dir():
        return sorted(path.stem for path in (course / TWINS).glob("*/*.py") if path.stem == path.parent.name)
    return sorted(path.name for path in (course / "source").iterdir() if any(path.glob("*.ipynb")))


def load_homework(course, name):
    """The homework of a name such as hw01_pca; ValueError lists the names there are."""
    names = homework_names(course)
    if name not in names:
        raise ValueError(f"there is no homework {name!r}; there is {', '.join(names) or 'none'}")
    if (course / TWINS).is_dir():
        path = course / TWINS / name / f"{name}.py"
        teacher = read_source(path)
    else:
        found = sorted((course / "source" / name).glob("*.ipynb"))
        if len(found) != 1:
            raise ValueError(
                f"source/{name} holds {len(found)} notebooks; grade takes homeworks of one notebook"
            )
        path, teacher = found[0], nbformat.read(found[0], as_version=4)
    exercises = tuple(_exercise(cell) for cell in teacher.cells if grading(cell).get("grade"))
    if not exercises:
        raise ValueError(f"{path.name} has no cell with points, so there is nothing to grade")
    facts = teacher.metadata.get("coursekit", {})
    return Homework(name, path, teacher, release(teacher), exercises, tuple(facts.get("forbidden", ())))


def grading(cell):
    """nbgrader's metadata of a cell, {} where there is none or nonsense."""
    found = cell.get("metadata", {})
    found = found.get("nbgrader", {}) if isinstance(found, dict) else {}
    return found if isinstance(found, dict) and isinstance(found.get("grade_id"), str) else {}


def class_seed(course):
    """The class seed kept in the course folder; where there is none, a secret one is drawn and kept."""
    path = course / SEED_FILE
    if not path.exists():
        keep_class_seed(course, int.from_bytes(os.urandom(6), "big"))
    return check_seed(path.read_text().strip())


def keep_class_seed(course, seed):
    """Keep a class seed, readable by its owner alone, in a place that git ignores."""
    path = course / SEED_FILE
    path.parent.mkdir(exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(f"{check_seed(seed)}\n")


def check_seed(seed):
    """A class seed as int; ValueError if it is none."""
    if not str(seed).isdecimal():
        raise ValueError(f"a class seed is a whole number from 0 on, got {seed!r}")
    return int(seed)


def _exercise(cell):
    facts = grading(cell)
    kind = "manual"
    if not facts.get("solution"):
        kind = "probes" if PROBES.search(hidden_source(cell)) else "asserts"
    name = facts["grade_id"].removeprefix("test_") if kind == "probes" else facts["grade_id"]
    return Exercise(name, facts["grade_id"], kind, float(facts["points"]), cell.cell_type)
