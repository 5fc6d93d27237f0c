"""What was handed in: finds each student's notebook, reads it without trusting it, puts the tests back.

A file from a student is hostile data: it may be a link, a pipe, broken, huge, or another notebook under the
right name. Whatever it is, it becomes either a list of cells to run or one sentence that says why not.

Of a class no more is in memory than the notebooks being graded at this moment: what was found is remembered
by its place and its digest, and read again. All sizes are bounded before anything is built from them.
"""

import contextlib
import csv
import errno
import hashlib
import json
import os
import stat
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from coursetools.homework.loading import grading

MAX_FILE = 50_000_000  # bytes of one notebook
MAX_FOLDER = 100_000_000  # of all notebooks that one student handed in
MAX_PARTS = 1_000_000  # lists and objects in one notebook, each of which costs memory
MAX_ITEMS = 4_000_000  # and what they hold
MAX_CELLS = 2_000
LITTER = {"__MACOSX", ".git", ".ipynb_checkpoints", ".DS_Store", ".Trashes", ".fseventsd", ".Spotlight-V100"}


class Changed(Exception):
    """A file is no longer the one that was found; the message says which."""


@dataclass
class Handed:
    """What one student handed in: where the notebook is, or in `problem` a sentence why there is none."""

    student: str
    sha256: str = ""  # of the notebook's bytes
    again: Callable | None = None  # reads them; OSError or ValueError if they are no longer there
    file: str = ""
    problem: str = ""
    notes: list[str] = field(default_factory=list)
    when: str = ""  # as far as it is known
    tickets: list[str] = field(default_factory=list)  # where its page goes back, see `exchange`

    @property
    def digest(self):
        """Changes when anything about the hand-in does."""
        facts = (self.sha256, self.file, self.problem, self.notes, self.when, self.tickets)
        return hashlib.sha256(repr(facts).encode()).hexdigest()

    def content(self):
        """The bytes that were found; raises Changed if the file has changed since."""
        try:
            content = self.again()
        except (OSError, ValueError):
            content = b""
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise Changed(f"{self.file} was changed while the class was graded: grade again")
        return content


@dataclass
class Answered:
    """A submission ready to run. cells: dicts `source`, `type`, `grade_id`, `role` in running order."""

    cells: list[dict]
    notes: list[str]
    answers: dict[str, str]  # grade_id of a manual exercise -> what the student wrote, "" where nothing


def read_roster(path):
    """Name in the column `student` of a CSV file -> what its other columns say of her, by their titles.

    ValueError says what is wrong with the file.
    """
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
    found = {}
    for row in rows[1:]:
        name = student_name(row[column].strip()) if len(row) > column else ""
        if "/" in name or name in (".", ".."):
            raise ValueError(f"the roster {path} names {name!r}, which cannot be the name of a folder")
        about = {title.strip(): cell.strip() for title, cell in zip(rows[0], row, strict=False)}
        about.pop(rows[0][column].strip())
        if name:
            found.setdefault(name, about)
    return found


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
        if entry.name in LITTER or entry.name.startswith("._"):
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
            handed[student] = find_notebook(student, collected if inner else Path(entry.path), homework)
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


def find_notebook(student, folder, homework, *, owner=None):
    """The one notebook in a student's folder that is this homework, or in a folder inside it.

    folder: a path, or the number of an open folder. owner: who has to own the files, or None for anybody.
    """
    try:
        files = _notebooks(folder)
    except OSError as error:
        return Handed(student, problem=f"the folder cannot be read: {error.strerror}")
    if not files:
        return Handed(student, problem="the folder holds no notebook (a file that ends in .ipynb)")
    listed = ", ".join(student_name("/".join(file)) for file in files[:5])
    unclear = f"{len(files)} notebooks ({listed}), and it is not clear which one counts"
    matching, read, total = [], None, 0
    for file in files:
        read, content = _read(student, folder, file, owner)
        total += len(content)
        if total > MAX_FOLDER:
            most = MAX_FOLDER // 1_000_000
            return Handed(student, problem=f"{len(files)} notebooks, together larger than {most} MB")
        if len(files) > 1 and not read.problem and not parse(read, homework, content)[1]:
            matching.append(read)
    if len(files) == 1:
        return read
    if len(matching) > 1:  # JupyterLab's copies lie beside what was handed out
        named = f"{homework.notebook}.ipynb"
        matching = [one for one in matching if one.file.rpartition("/")[2] == named]
    if len(matching) != 1:
        return Handed(student, problem=unclear)
    if homework.alone:
        matching[0].notes.append(f"of {len(files)} notebooks ({listed}) {matching[0].file} was graded")
    return matching[0]


def _notebooks(folder):
    """Paths of the notebooks in a folder, as tuples; where there is none, of those one folder deeper."""

    def within(place):
        names = sorted(os.listdir(place))
        return [n for n in names if n.endswith(".ipynb") and not n.startswith(".")], names

    found, names = within(folder)
    if found:
        return [(name,) for name in found]
    deeper = []
    for name in names[:1000]:
        if name not in LITTER and not name.startswith("."):
            with contextlib.suppress(OSError), _opened(folder, name) as inner:
                deeper += [(name, file) for file in within(inner)[0]]
    return deeper


@contextlib.contextmanager
def _opened(folder, *names):
    """A folder inside a folder, as a number (a path where the system has no such thing); no link."""
    if not hasattr(os, "O_DIRECTORY"):
        place = Path(folder, *names)
        if place.is_symlink() or not place.is_dir():
            raise OSError(errno.ENOTDIR, "is no folder")
        yield place
        return
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    handle = os.dup(folder) if isinstance(folder, int) else os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for name in names:
            inner = os.open(name, flags, dir_fd=handle)
            os.close(handle)
            handle = inner
        yield handle
    finally:
        os.close(handle)


def _read(student, folder, file, owner):
    """(what was found, its bytes)."""
    name = student_name("/".join(file))

    def again(folder=folder):
        if len(file) == 1:
            return read_whole(folder, file[0], owner)
        with _opened(folder, *file[:-1]) as inner:
            return read_whole(inner, file[-1], owner)

    try:
        content = again()
    except OSError as error:
        why = "it is a link" if error.errno == errno.ELOOP else error.strerror
        return Handed(student, file=name, problem=f"{name} cannot be opened: {why}"), b""
    except ValueError as error:
        return Handed(student, file=name, problem=f"{name} {error}"), b""
    return Handed(student, hashlib.sha256(content).hexdigest(), again, name), content


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


def parse(handed, homework, content=None):
    """(Answered, None), or (None, sentence) when this is no notebook, or not of this homework.

    content: the bytes, where they are at hand; else they are read again, which may raise Changed.
    """
    content = handed.content() if content is None else content
    mend = "save it again in JupyterLab and hand it in anew"
    if content.count(b"{") + content.count(b"[") > MAX_PARTS or content.count(b",") > MAX_ITEMS:
        return None, f"{handed.file} holds more than {MAX_PARTS} parts: clear its outputs and hand it in anew"
    try:
        named, cells = _cells_of(content, homework)
    except Exception:  # whatever a broken or malicious file does to the parser, the sentence is the same
        return None, f"{handed.file} cannot be read as a notebook: {mend}"
    if len(cells) > MAX_CELLS:
        return (
            None,
            f"{handed.file} has {len(cells)} cells, more than {MAX_CELLS}: leave out what is too much",
        )
    wanted = {grading(cell)["grade_id"] for cell in homework.student.cells if grading(cell).get("solution")}
    found = {grading(cell).get("grade_id") for cell in cells} & wanted
    if named != homework.name and isinstance(named, str):
        return None, f"{handed.file} is the notebook of {student_name(named[:40])}, not of {homework.name}"
    if 2 * len(found) < len(wanted):
        return (
            None,
            f"{handed.file} is not {homework.name}: {len(found)} of its {len(wanted)} answer cells are there",
        )
    return _merge(cells, homework), None


def _cells_of(content, homework):
    """(the homework that a notebook names, its cells) from its JSON, as plain dicts; any error if it is none.

    Read without nbformat, whose objects take ten times the memory. Formats 2 and 3 have worksheets of cells.
    """
    notebook = json.loads(content.decode("utf-8-sig"))
    old = notebook["nbformat"] < 4
    listed = [c for s in notebook["worksheets"] for c in s["cells"]] if old else notebook["cells"]
    cells = []
    for cell in listed:
        source = cell["input"] if old and cell["cell_type"] == "code" else cell["source"]
        source = "".join(source) if isinstance(source, list) else source
        source.encode()  # text, and of no half characters
        kind = cell["cell_type"]
        kind = "markdown" if old and kind in ("heading", "html") else kind
        if not isinstance(kind, str):
            raise TypeError
        cells.append({"source": source, "cell_type": kind, "metadata": {"nbgrader": grading(cell)}})
    facts = notebook.get("metadata", {}).get("coursekit", {})
    return facts.get("homework", homework.name), cells


def _merge(given, homework):
    """The student's cells, with every test cell as the homework has it, exactly once."""
    ours = {grading(c)["grade_id"]: c for c in homework.student.cells if grading(c)}
    fixed = {name for name, cell in ours.items() if not grading(cell).get("solution")}
    manual = {e.grade_id for e in homework.exercises if e.kind == "manual"}
    cells, notes, seen, answers = [], {}, set(), {name: [] for name in manual}

    def note(what, name):
        notes.setdefault(what, {})[name] = True  # each name once, in order

    for cell in given:
        name, source, kind = grading(cell).get("grade_id"), cell["source"], cell["cell_type"]
        if name not in ours:
            role = "given" if source.strip() in homework.given else "other"
            role = "aside" if source.strip() in homework.asides else role
            cells.append(_cell(source, kind, role=role))
            continue
        if name in fixed:
            if name in seen:
                note("copied (the copy was left out)", name)
            else:
                if source.strip() != ours[name].source.strip():
                    note("changed (put back as they were)", name)
                if grading(cell).get("points") != grading(ours[name]).get("points"):
                    note("with other points (the homework's own count)", name)
                cells.append(_cell(ours[name].source, ours[name].cell_type, name, "test"))
        else:
            if name in seen:
                note("doubled (both were run in their order, so the later one counts)", name)
            cells.append(_cell(source, kind, name, "manual" if name in manual else "answer"))
            if name in manual and source.strip() != ours[name].source.strip():
                answers[name].append(source.strip())
        seen.add(name)
    for name in (name for name in ours if name in fixed and name not in seen):
        note("missing (put back)", name)
        cells.append(_cell(ours[name].source, ours[name].cell_type, name, "test"))
    said = [f"cells {what}: {', '.join(names)}" for what, names in notes.items()]
    return Answered(cells, said, {name: "\n\n".join(filter(None, parts)) for name, parts in answers.items()})


def _cell(source, cell_type, grade_id="", role="other"):
    return {"source": source, "type": cell_type, "grade_id": grade_id, "role": role}
