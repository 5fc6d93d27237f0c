"""What was handed in: finds each student's notebook, reads it without trusting it, puts the tests back.

A file from a student is hostile data: it may be a link, a pipe, broken, huge, or another notebook under the
right name. Whatever it is, it becomes either a list of cells to run or one sentence that says why not.
"""

import csv
import errno
import hashlib
import os
import stat
import unicodedata
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import nbformat

from coursetools.homework.folder import grading

MAX_FILE = 50_000_000  # bytes of one notebook


@dataclass
class Handed:
    """What one student handed in: bytes of the notebook, or in `problem` a sentence why there are none."""

    student: str
    content: bytes = b""
    file: str = ""
    problem: str = ""
    notes: list[str] = field(default_factory=list)
    when: str = ""  # as far as it is known
    tickets: list[str] = field(default_factory=list)  # where its page goes back, see `exchange`

    @property
    def digest(self):
        """Changes when anything about the hand-in does."""
        facts = (self.file, self.problem, self.notes, self.when, self.tickets)
        return hashlib.sha256(self.content + repr(facts).encode()).hexdigest()


@dataclass
class Answered:
    """A submission ready to run. cells: dicts `source`, `type`, `grade_id`, `role` in running order."""

    cells: list[dict]
    notes: list[str]
    answers: dict[str, str]  # grade_id of a manual exercise -> what the student wrote, "" where nothing


def read_roster(path):
    """The names in the column `student` of a CSV file, each once; ValueError says what is wrong with it."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if any(cell.strip() for cell in row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"the roster {path} cannot be read as CSV in UTF-8: {error}") from None
    if not rows:
        raise ValueError(f"the roster {path} is empty: it needs a line with the column `student`")
    titles = [cell.strip().lower() for cell in rows[0]]
    column = next((titles.index(name) for name in ("student", "id") if name in titles), None)
    if column is None:
        raise ValueError(
            f"the roster {path} has no column `student`: its first line names {', '.join(rows[0])}"
        )
    names = [student_name(row[column].strip()) for row in rows[1:] if len(row) > column]
    if odd := [name for name in names if "/" in name or name.startswith(".")]:
        raise ValueError(f"the roster {path} names {odd[0]!r}, which cannot be the name of a folder")
    return list(dict.fromkeys(filter(None, names)))


def student_name(name):
    """One spelling of a name: composed accents; control characters and odd bytes are spelled out."""
    name = unicodedata.normalize(
        "NFC", name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    )
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def collect_hand_ins(folder, homework, roster=None):
    """(hand-ins, remarks): every student of the folder and of the roster once; sentences for the report."""
    folder, handed, remarks = Path(folder), {}, []
    if not folder.is_dir():
        raise ValueError(
            f"{folder} is no folder: --submitted names the one that holds a folder for each student"
        )
    for entry in sorted(os.scandir(folder), key=lambda entry: os.fsencode(entry.name)):
        student = student_name(entry.name)
        if entry.name.startswith("."):
            continue
        if not (entry.is_dir() or entry.is_symlink()):
            remarks.append(f"the file {student} lies in no student's folder and was left alone")
        elif student in handed:
            handed[student] = Handed(student, problem="two folders have this name: leave one")
        elif entry.is_symlink():
            handed[student] = Handed(
                student, problem="the folder is a link to elsewhere, which is not followed"
            )
        elif roster is not None and student not in roster:
            handed[student] = Handed(student)
        else:
            collected = Path(entry.path, homework.assignment)  # as `nbgrader collect` lays it out
            inner = collected.is_dir() and not collected.is_symlink()
            handed[student] = look(student, collected if inner else Path(entry.path), homework)
    return with_roster(handed, roster), remarks


def with_roster(handed, roster):
    """The hand-ins of a dict by name, those of the roster added; ValueError if there is none at all."""
    for student in roster or ():
        handed.setdefault(student, Handed(student, problem="nothing was handed in"))
    for student in handed.keys() - set(handed if roster is None else roster):
        handed[student] = Handed(student, problem="is not on the roster: add the name, or mend the folder's")
    if not handed:
        raise ValueError("no student has handed in anything: there is no folder for this homework")
    return [handed[student] for student in sorted(handed)]


def look(student, folder, homework, *, owner=None):
    """The one notebook in a student's folder that is this homework.

    folder: a path, or the number of an open folder. owner: who has to own the files, or None for anybody.
    """
    try:
        names = sorted(n for n in os.listdir(folder) if n.endswith(".ipynb") and not n.startswith("."))
    except OSError as error:
        return Handed(student, problem=f"the folder cannot be read: {error.strerror}")
    if not names:
        return Handed(student, problem="the folder holds no notebook (a file that ends in .ipynb)")
    read = [_read(student, folder, name, owner) for name in names]
    if len(read) == 1:
        return read[0]
    matching = [one for one in read if not one.problem and not understand(one, homework)[1]]
    if len(matching) > 1:  # JupyterLab's copies lie beside what was handed out
        matching = [one for one in matching if one.file == f"{homework.notebook}.ipynb"]
    listed = ", ".join(student_name(name) for name in names[:5])
    if len(matching) != 1:
        return Handed(
            student, problem=f"{len(names)} notebooks ({listed}), and it is not clear which one counts"
        )
    if homework.alone:
        matching[0].notes.append(f"of {len(names)} notebooks ({listed}) {matching[0].file} was graded")
    return matching[0]


def _read(student, folder, file, owner):
    name = student_name(file)
    try:
        content = read_whole(folder, file, owner)
    except OSError as error:
        why = "it is a link" if error.errno == errno.ELOOP else error.strerror
        return Handed(student, file=name, problem=f"{name} cannot be opened: {why}")
    except ValueError as error:
        return Handed(student, file=name, problem=f"{name} {error}")
    return Handed(student, content, name)


def read_whole(folder, file, owner=None):
    """The bytes of a file in a folder (a path or a number), neither a link nor a pipe: the one leads to other
    people's files, the other never ends. OSError if it cannot be opened, ValueError if it is no honest file.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    within = isinstance(folder, int)
    handle = os.open(file, flags, dir_fd=folder) if within else os.open(folder / file, flags)
    with os.fdopen(handle, "rb") as opened:
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode):
            raise ValueError("is not a file")
        if owner is not None and facts.st_uid != owner:
            raise ValueError("belongs to somebody else than its folder does")
        content = opened.read(MAX_FILE + 1)
    if len(content) > MAX_FILE:
        raise ValueError(f"is larger than {MAX_FILE // 1_000_000} MB")
    if not content.strip():
        raise ValueError("is empty")
    return content


def understand(handed, homework):
    """(Answered, None), or (None, sentence) when this is no notebook, or not of this homework."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            notebook = nbformat.reads(handed.content.decode("utf-8-sig"), as_version=4)
        for cell in notebook.cells:
            if not isinstance(cell.source, str) or not isinstance(cell.cell_type, str):
                raise TypeError
            cell.source.encode()
        named = notebook.metadata.get("coursekit", {}).get("homework", homework.name)
    except Exception:  # whatever a broken or malicious file does to the parser, the sentence is the same
        return (
            None,
            f"{handed.file} cannot be read as a notebook: save it again in JupyterLab and hand it in anew",
        )
    wanted = {grading(cell)["grade_id"] for cell in homework.student.cells if grading(cell).get("solution")}
    found = {grading(cell).get("grade_id") for cell in notebook.cells} & wanted
    if named != homework.name and isinstance(named, str):
        return None, f"{handed.file} is the notebook of {student_name(named[:40])}, not of {homework.name}"
    if 2 * len(found) < len(wanted):
        return (
            None,
            f"{handed.file} is not {homework.name}: {len(found)} of its {len(wanted)} answer cells are there",
        )
    return _merge(notebook, homework), None


def _merge(notebook, homework):
    """The student's cells, with every test cell as the homework has it, exactly once."""
    ours = {grading(c)["grade_id"]: c for c in homework.student.cells if grading(c)}
    fixed = {name for name, cell in ours.items() if not grading(cell).get("solution")}
    manual = {e.grade_id for e in homework.exercises if e.kind == "manual"}
    cells, notes, seen, answers = [], {}, set(), dict.fromkeys(manual, "")

    def note(what, name):
        notes.setdefault(what, []).append(name)

    for cell in notebook.cells:
        name = grading(cell).get("grade_id")
        if name not in ours:
            cells.append(_cell(cell.source, cell.cell_type))
            continue
        if name in fixed:
            if name in seen:
                note("copied (the copy was left out)", name)
            else:
                if cell.source.strip() != ours[name].source.strip():
                    note("changed (put back as they were)", name)
                if grading(cell).get("points") != grading(ours[name]).get("points"):
                    note("with other points (the homework's own count)", name)
                cells.append(_cell(ours[name].source, ours[name].cell_type, name, "test"))
        else:
            if name in seen:
                note("doubled (both were run in their order, so the later one counts)", name)
            cells.append(_cell(cell.source, cell.cell_type, name, "manual" if name in manual else "answer"))
            if name in manual and cell.source.strip() != ours[name].source.strip():
                answers[name] = "\n\n".join(filter(None, [answers[name], cell.source.strip()]))
        seen.add(name)
    for name in (name for name in ours if name in fixed and name not in seen):
        note("missing (put back)", name)
        cells.append(_cell(ours[name].source, ours[name].cell_type, name, "test"))
    said = [f"cells {what}: {', '.join(names)}" for what, names in notes.items()]
    return Answered(cells, said, answers)


def _cell(source, cell_type, grade_id="", role="other"):
    return {"source": source, "type": cell_type, "grade_id": grade_id, "role": role}
