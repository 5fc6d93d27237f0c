"""Where homework lies: this course's own, or another course folder in nbgrader's layout.

In this course a test cell holds probes, judged outside the submission's reach. A test cell of another
nbgrader course holds hidden asserts: they have to run beside the submission, which can read and bend them.
"""

import ast
import os
import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
from traitlets.config import Config

import coursekit
from coursetools.homework.build import hidden_source, read_source, release

SEED_FILE = ".coursekit/class_seed"  # git ignores it
# Libraries for numbers that a student may have installed, and what PyTorch itself imports.
LIBRARIES = ("scipy", "sklearn", "torch", "torchvision", "pandas", "polars", "sympy", "mpmath", "networkx")
LIBRARIES += ("gensim", "statsmodels", "numba", "jax", "tensorflow", "diffusers", "ot", "nflows", "normflows")
BENEATH_TORCH = ("sympy", "mpmath", "networkx")
# Of coursekit, in every homework.
PLUMBING = ("__init__", "checks", "points", "plots", "pictures", "inputs", "draws")
TWINS = "notebooks/homework/source"
AUTOTEST = re.compile(r"^\s*### (HASHED )?AUTOTEST", re.MULTILINE)
PROBES = re.compile(r"^probes\s*=", re.MULTILINE)


@dataclass(frozen=True)
class Exercise:
    """One column of the table. kind: "probes", "asserts" (run beside the submission), "manual" (an answer
    that a person reads) or "task" (its answer stands anywhere, so nobody knows whether it is empty).
    """

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
    files: Path | None = None  # holds what else students got; another course's cells may read it
    given: frozenset[str] = frozenset()  # code cells that students got and need not touch
    asides: frozenset[str] = frozenset()  # given cells that no other cell needs, such as pictures

    @property
    def assignment(self):
        """nbgrader's name for the folder that is handed out and in."""
        return self.name.partition("/")[0]

    @property
    def notebook(self):
        """nbgrader's name for the notebook in it."""
        return self.path.stem

    @property
    def alone(self):
        """Whether the assignment has only this notebook."""
        return "/" not in self.name

    @property
    def read_by_a_person(self):
        """The exercises that no program grades."""
        return [exercise for exercise in self.exercises if exercise.kind in ("manual", "task")]

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
    """Names of all homeworks of a course, sorted; of several notebooks in one folder each is its own."""
    if (course / TWINS).is_dir():
        return sorted(path.stem for path in (course / TWINS).glob("*/*.py") if path.stem == path.parent.name)
    folders = [sorted(folder.glob("*.ipynb")) for folder in sorted((course / "source").iterdir())]
    return [
        paths[0].parent.name if len(paths) == 1 else f"{path.parent.name}/{path.stem}"
        for paths in folders
        for path in paths
    ]


def load_homework(course, name):
    """The homework of a name such as hw01_pca; ValueError lists the names there are."""
    names = homework_names(course)
    if name not in names:
        raise ValueError(f"there is no homework {name!r}; there is {', '.join(names) or 'none'}")
    if (course / TWINS).is_dir():
        path, files = course / TWINS / name / f"{name}.py", None
        teacher = read_source(path)
        student = release(teacher)
    else:
        folder, _, notebook = name.partition("/")
        path = next((course / "source" / folder).glob(f"{notebook or '*'}.ipynb"))
        files, (teacher, student) = path.parent, _both_versions(path)
    exercises = tuple(
        _exercise(cell) for cell in teacher.cells if grading(cell).get("grade") or grading(cell).get("task")
    )
    if not exercises:
        raise ValueError(f"{path.name} has no cell with points, so there is nothing to grade")
    facts = teacher.metadata.get("coursekit", {})
    code = [cell for cell in student.cells if cell.cell_type == "code"]
    given = frozenset(cell.source.strip() for cell in code if not grading(cell))
    forbidden = forbidden_modules(facts.get("allowed"), facts.get("forbidden", ()))
    return Homework(name, path, teacher, student, exercises, forbidden, files, given, asides_of(student))


def forbidden_modules(allowed, others=()):
    """The modules whose answer is no answer.

    Args:
        allowed: the libraries for numbers that the header allows, such as ["numpy"]. Every other one is
            forbidden, and so is all of coursekit but its data sets and its plumbing. None, in another
            course, allows everything.
        others: further modules, by name.
    """
    if allowed is None:
        return tuple(others)
    wanted = {*allowed, *(BENEATH_TORCH if "torch" in allowed else ())}
    package = Path(coursekit.__file__).parent
    own = [
        f"coursekit.{path.parent.name}.{path.stem}" if path.parent != package else f"coursekit.{path.stem}"
        for path in sorted([*package.glob("*.py"), *package.glob("*/*.py")])
        if path.stem not in PLUMBING and path.parent.name != "data"
    ]
    return (*(name for name in LIBRARIES if name not in wanted), *own, *others)


def names_bound(source):
    """The names that a cell binds at its top level."""
    tree, found = ast.parse(source), set()
    inner = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
    todo = list(tree.body)
    while todo:
        node = todo.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif not isinstance(node, inner):
            todo += ast.iter_child_nodes(node)
    return found


def asides_of(notebook):
    """Sources of the given cells behind the first answer whose names no other given cell reads.

    A picture is such a cell. What it binds is nobody's business but its own: it runs in a copy of the
    namespace. A function of which the text speaks stays, since students call it.
    """
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    words = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    first = next((n for n, cell in enumerate(cells) if grading(cell).get("solution")), len(cells))
    found = set()
    for cell in cells[first:]:
        if grading(cell):
            continue
        try:
            bound = names_bound(cell.source)
            others = {
                node.id
                for other in cells
                if other is not cell
                for node in ast.walk(ast.parse(other.source))
                if isinstance(node, ast.Name)
            }
        except SyntaxError:  # a magic, in another course
            continue
        if not bound & others and not any(f"`{name}" in words for name in bound):
            found.add(cell.source.strip())
    return frozenset(found)


def _both_versions(path):
    """(teacher's, student's) notebook of another course; ValueError for what would be graded wrongly."""
    teacher = nbformat.read(path, as_version=4)
    teacher.nbformat_minor = 5
    for number, cell in enumerate(teacher.cells, start=1):  # which older notebooks do not have
        cell.setdefault("id", f"cell-{number:03d}")
    if any(AUTOTEST.search(cell.source) for cell in teacher.cells):
        raise ValueError(f"{path.name} has nbgrader's AUTOTEST lines, which grade cannot expand")
    try:
        return teacher, release(teacher, Config())
    except Exception as error:  # nbgrader has many kinds, and its sentences are good
        raise ValueError(f"nbgrader cannot release {path.name}: {' '.join(str(error).split())}") from None


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
    kind = "task" if facts.get("task") else "manual"
    if not facts.get("solution") and not facts.get("task"):
        kind = "probes" if PROBES.search(hidden_source(cell)) else "asserts"
    name = facts["grade_id"].removeprefix("test_") if kind == "probes" else facts["grade_id"]
    return Exercise(name, facts["grade_id"], kind, float(facts["points"]), cell.cell_type)
