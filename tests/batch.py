# ruff: noqa: E501
"""A class of hand-ins for hw01_pca, from honest to hostile, each with the grade it has to get.

`write(folder, cases, places)` makes the folders. The hostile ones are given the real places of what they are
after, in `places`: an attack that looks in the wrong place would prove nothing.
"""

import copy
import json
import os
import runpy
from dataclasses import dataclass
from pathlib import Path

import nbformat

from coursetools.homework.build import read_source, release

ROOT = Path(__file__).parent.parent
NAME = "hw01_pca"
TEACHER = read_source(ROOT / f"notebooks/homework/source/{NAME}/{NAME}.py")
BLANK = release(TEACHER)
AUTO, WITH_WORDS = 14, 18  # points without and with the exercise in words
CANARY = "the-canary-sings-7531"


@dataclass
class Case:
    """One student. score: exact, or None for an empty one; most: no more than this; says: part of the message."""

    make: object  # a function of (folder of the student, places) that writes the hand-in
    status: str = "graded"
    score: float | None = AUTO
    says: str = ""
    most: float | None = None
    student: str = ""


def find(notebook, name):
    return next(c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == name)


def right():
    """Everything right, the exercise in words left empty."""
    notebook = copy.deepcopy(BLANK)
    for exercise in ("whiten", "whiteness_error", "components_needed", "power_iteration", "first_components"):
        find(notebook, exercise).source = find(TEACHER, exercise).source
    return notebook


def code(source):
    return nbformat.v4.new_code_cell(source)


def save(notebook, folder, name=f"{NAME}.ipynb"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(notebook if isinstance(notebook, str) else json.dumps(notebook))


def answers(start=right, first="", last="", name=f"{NAME}.ipynb", **sources):
    """A maker: a notebook with some answers replaced, code before and after everything; {places} is filled in."""

    def make(folder, places):
        notebook = start() if callable(start) else copy.deepcopy(start)
        for exercise, source in sources.items():
            find(notebook, exercise).source = source.replace("PLACES", repr(places))
        if first:
            notebook.cells.insert(0, code(first.replace("PLACES", repr(places))))
        if last:
            notebook.cells.append(code(last.replace("PLACES", repr(places))))
        save(notebook, folder, name)

    return make


def changed(edit, name=f"{NAME}.ipynb", start=right):
    """A maker: what `edit` does to the notebook; it may return another thing to save."""

    def make(folder, places):
        notebook = start()
        save(edit(notebook) or notebook, folder, name)

    return make


def mistake(one):
    source = find(TEACHER, one.exercise).source.replace(one.right, one.wrong)
    return answers(**{one.exercise: source})


WRONG = {
    "whiten": "def whiten(X):\n    return X * 2",
    "whiteness_error": "def whiteness_error(Z):\n    return 1.0",
    "components_needed": "def components_needed(X, share):\n    return 1",
    "power_iteration": "def power_iteration(S, start, n_steps):\n    return start, 1.0",
    "first_components": "def first_components(X, k, start, n_steps):\n    return X[:k]",
}


def cheat(first="", last="", **sources):
    """A maker: all answers wrong, and an attempt to get points all the same."""
    return answers(BLANK, first, last, **{**WRONG, **sources})


READ = f"""
import glob, os
found = []
for place in PLACES:
    for root, folders, files in os.walk(place):
        for name in files:
            try:
                found.append(open(os.path.join(root, name), errors="replace").read())
            except OSError as error:
                pass
print(len(found), [text for text in found if "{CANARY[:10]}" in text or "BEGIN SOLUTION" in text])
for text in found:
    if "BEGIN SOLUTION" in text:
        exec(text)
"""
WRITE = """
import os
for place in PLACES:
    for path in (place, os.path.join(place, "new.txt"), *(os.path.join(place, n) for n in
                 ("canary.txt", "gradebook.db", "grades.csv"))):
        try:
            open(path, "w").write("was here")
            print("wrote", path)
        except OSError as error:
            pass
"""
SOCKET = """
import socket
for address in (("127.0.0.1", int(PLACES[-1])), ("1.1.1.1", 53)):
    try:
        socket.create_connection(address, timeout=1).sendall(b"hello")
        print("connected", address)
    except OSError as error:
        print("no network:", type(error).__name__)
"""
TRANSFORMER = """
import re
def drop(lines):
    return [re.sub(r"^(assert|answer|check)", "0 and \\\\1", line) for line in lines]
get_ipython().input_transformers_cleanup.append(drop)
"""
REDEFINED = """
import numpy as np, builtins
check = answer = lambda *a, **k: None
np.allclose = np.array_equal = lambda *a, **k: True
abs = builtins.abs = lambda x: 0
"""
PATCHED = """
import coursekit.checks, coursetools.homework.island.probes as probes, coursetools.homework.island.runner as runner
coursekit.checks.answer = coursekit.checks.check = lambda *a, **k: None
probes.judge = lambda *a: None
probes.evaluate = lambda probe, inputs, namespace: {"message": None}
runner.evaluate = probes.evaluate
probes.Probe.draw = lambda self, seed: {}
"""
EQUAL = """
class Anything(float):
    __eq__ = __le__ = __ge__ = __lt__ = lambda self, other: True
    __hash__ = None
    def __getattr__(self, name): return self
    def __call__(self, *a): return self
    def __getitem__(self, key): return self
    def __array__(self, *a, **k): raise TypeError
"""
EQUAL_ANSWERS = {name: f"{name} = lambda *a: Anything()" for name in WRONG}
VISIBLE = {
    "components_needed": "seen = iter([1, 2, 2, 3, 1, 1, 1, 2])\ndef components_needed(X, share):\n    return next(seen)",
    "whiteness_error": "seen_errors = iter([0.0, 0.0, 1.0, 0.75])\ndef whiteness_error(Z):\n    return next(seen_errors)",
}
PACKAGE = "from coursekit.pca import PCA\ndef whiten(X):\n    p = PCA().fit(X)\n    return p.transform(X) / p.explained_variance_**.5"
SCIKIT = "from sklearn.decomposition import PCA\ndef whiten(X):\n    return PCA(whiten=True).fit_transform(X) * (len(X) / (len(X) - 1)) ** .5"
FRAMES = """
import sys, gc
def hunt(*arguments):
    frame, found = sys._getframe(), []
    while frame:
        for scope in (frame.f_locals, frame.f_globals):
            found += [scope[n] for n in ("expected", "probes", "oracle", "value") if n in scope]
        frame = frame.f_back
    for thing in gc.get_objects():
        if type(thing).__name__ == "Probe" and getattr(thing, "oracle", None):
            return thing.oracle(*arguments)
    for thing in found:
        if isinstance(thing, (list, dict, float)):
            return thing
    return 0.0
"""
FORGED = """
import os, json, threading
line = (json.dumps({"message": None, "value": 0.0, "verdict": True, "points": 100}) + chr(10)).encode()
for fd in range(3, 30):
    try:
        for _ in range(20):
            os.write(fd, line)
    except OSError:
        pass
"""
EXFILTRATE = """
def whiten(X):
    print("HIDDEN-INPUT", X)
    raise ValueError(f"HIDDEN-INPUT {X}")
"""
SCRIPT = "<script>alert('x')</script><img src=x onerror=alert(1)>"


def forked(notebook):
    find(notebook, "whiteness_error").source += "\nimport os\nwhile True:\n    os.fork()"


def duplicated(notebook):
    place = notebook.cells.index(find(notebook, "test_whiten"))
    notebook.cells.insert(place, copy.deepcopy(notebook.cells[place]))


def deleted(notebook):
    notebook.cells = [
        c
        for c in notebook.cells
        if not c.metadata.get("nbgrader", {}).get("grade_id", "").startswith("test_")
    ]


def edited(notebook):
    for name, source in WRONG.items():
        find(notebook, name).source = source
        find(notebook, f"test_{name}").source = "assert True\nprint('all tests passed')"


def pointed(notebook):
    for name in WRONG:
        find(notebook, f"test_{name}").metadata.nbgrader.points = 1000


def other_homework(notebook):
    notebook.metadata.coursekit.homework = "hw02_clustering"
    for cell in notebook.cells:
        if "nbgrader" in cell.metadata:
            cell.metadata.nbgrader.grade_id = "other_" + cell.metadata.nbgrader.grade_id


def scripted(notebook):
    find(notebook, "biplot").source = f"Not centred. {SCRIPT} [a](javascript:alert(1))"
    find(notebook, "whiten").source += f"\nprint({SCRIPT!r})\nraise ValueError({SCRIPT!r})"
    notebook.cells.append(
        code(f"from IPython.display import HTML, display\ndisplay(HTML({SCRIPT!r}))\nHTML({SCRIPT!r})")
    )


def two(folder, places):
    save(right(), folder, "a.ipynb")
    save(BLANK, folder, "b.ipynb")


def linked(folder, places):
    folder.mkdir()
    (folder / f"{NAME}.ipynb").symlink_to(folder.parent / "correct" / f"{NAME}.ipynb")


def pipe(folder, places):
    folder.mkdir()
    os.mkfifo(folder / f"{NAME}.ipynb")


def linked_folder(folder, places):
    folder.symlink_to(folder.parent / "correct")


WORDS = "Not centred: all scores lie on one side. Not standardised."
DOUBLED = f"{find(TEACHER, 'whiten').source}"


def doubled(notebook):
    place = notebook.cells.index(find(notebook, "whiten"))
    notebook.cells.insert(place, copy.deepcopy(notebook.cells[place]))
    notebook.cells[place].source = WRONG["whiten"]


COMMON = {  # the twenty of every run
    "correct": Case(answers(biplot=WORDS), "needs manual grading", AUTO, "waits for a person"),
    "partly": Case(answers(whiten=WRONG["whiten"], components_needed=WRONG["components_needed"]), score=8),
    "blank": Case(answers(BLANK), score=0),
    "loop": Case(answers(first="while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass"), says="ran longer than"),
    "exit": Case(answers(power_iteration="import os\nos._exit(0)"), score=8, says="ended the program"),
    "forks": Case(changed(forked), score=12, says="it was left out"),
    "memory": Case(answers(first="x = []\nwhile True:\n    x.append(b'x' * 10**8)"), says=""),
    "prints": Case(answers(first="for _ in range(500):\n    print('x' * 100_000)")),
    "file": Case(answers(first="f = open('/tmp/big', 'wb')\nfor _ in range(5000):\n    f.write(b'x' * 10**6)")),
    "copied": Case(changed(duplicated), says="copied"),
    "edited": Case(changed(edited), score=0, says="changed"),
    "corrupt": Case(changed(lambda notebook: nbformat.writes(notebook)[:-900]), "not graded", None, "cannot be read"),
    "other": Case(changed(other_homework), "not graded", None, "not of hw01_pca"),
    "renamed and Zoë Ωmega": Case(answers(name="Kopie von Aufgabe (2) é.ipynb")),
    "unknown": Case(answers(), "not graded", None, "not on the roster"),
    "transformer": Case(cheat(TRANSFORMER + REDEFINED + PATCHED), score=0),
    "equal": Case(cheat(EQUAL + FORGED, **EQUAL_ANSWERS), score=0, most=0),
    "package": Case(answers(whiten=PACKAGE), score=AUTO - 3, says=""),
    "spy": Case(cheat(READ + WRITE, SOCKET), score=0),
    "script": Case(changed(scripted), "needs manual grading", AUTO),
}  # fmt: skip
MORE = {
    "wrong": Case(answers(BLANK, **WRONG), score=0),
    "plain loop": Case(answers(power_iteration="while True:\n    pass"), score=8, says="ran longer"),
    "loop in a function": Case(answers(first_components="def first_components(*a):\n    while True:\n        pass"), score=11, says="ran longer"),
    "exit in a function": Case(answers(first_components="import os\ndef first_components(*a):\n    os._exit(1)"), score=11, says="ended the program"),
    "lazy memory": Case(answers(first="x = []\nwhile True:\n    x.append(bytearray(10**8))")),
    "prints around": Case(answers(first="import os\nfor _ in range(500):\n    os.write(1, b'x' * 100_000)\n    os.write(2, b'x' * 100_000)")),
    "deleted": Case(changed(deleted), says="missing"),
    "points": Case(changed(pointed), says="other points"),
    "doubled": Case(changed(doubled), says="later one counts"),
    "empty": Case(changed(lambda notebook: "\n"), "not graded", None, "is empty"),
    "renamed": Case(answers(name="x.ipynb")),
    "two": Case(two, "not graded", None, "which one counts"),
    "none": Case(lambda folder, places: folder.mkdir(), "not graded", None, "holds no notebook"),
    "absent": Case(None, "not graded", None, "nothing was handed in"),
    "format 3": Case(changed(lambda notebook: nbformat.writes(nbformat.convert(notebook, 3), version=3))),
    "assert transformer": Case(cheat(TRANSFORMER), score=0),
    "redefined": Case(cheat(REDEFINED), score=0),
    "patched": Case(cheat(PATCHED), score=0),
    "hard-coded": Case(answers(BLANK, **VISIBLE), score=0),
    "scikit-learn": Case(answers(whiten=SCIKIT), score=AUTO - 3),
    "reader": Case(cheat(READ), score=0),
    "writer": Case(answers(first=WRITE)),
    "socket": Case(answers(first=SOCKET)),
    "sys.exit": Case(answers(first="import sys\nsys.exit(0)")),
    "exit()": Case(answers(first="exit()")),
    "frames": Case(cheat(FRAMES, **{name: f"{name} = hunt" for name in WRONG}), score=0),
    "forged": Case(answers(first=FORGED), score=None, most=AUTO),
    "hidden inputs": Case(answers(whiten=EXFILTRATE), score=AUTO - 3),
    "link": Case(linked, "not graded", None, "it is a link"),
    "pipe": Case(pipe, "not graded", None, "not a file"),
    "linked folder": Case(linked_folder, "not graded", None, "link"),
    "child": Case(answers(first="import subprocess\nsubprocess.Popen(['sleep', '1000'], start_new_session=True)")),
    "thread": Case(answers(first="import threading\ndef f():\n    while True:\n        print('x' * 1000)\nthreading.Thread(target=f, daemon=True).start()")),
    "threads": Case(answers(first="import threading, time\nfor _ in range(5000):\n    threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()")),
    "kills": Case(answers(first="import os, signal\nfor pid in (1, os.getppid(), -1):\n    try:\n        os.kill(pid, 9)\n    except OSError:\n        pass"), score=None, most=AUTO),
    "huge value": Case(answers(whiten="def whiten(X):\n    return np.zeros(10**7)"), score=AUTO - 3),
    "memfd": Case(answers(first="import os\nheld = []\ntry:\n    for _ in range(40):\n        held.append(os.memfd_create('x'))\n        os.write(held[-1], bytes(10**8))\nexcept OSError as error:\n    print(error)")),
    "keyring": Case(answers(first="print(open('/proc/keys').read())\nimport ctypes\nprint(ctypes.CDLL(None).syscall(250, 0, -3, 0))")),
    "own space": Case(answers(first="import ctypes\nassert ctypes.CDLL(None).unshare(0x10000000 | 0x20000) == -1")),
    "empty axis": Case(answers(power_iteration="def power_iteration(S, start, n):\n    return np.empty((10**9, 0))"), score=8),
    "million fields": Case(answers(whiten="def whiten(X):\n    return np.zeros(1, dtype=','.join(['f8'] * 10**6))"), score=AUTO - 3),
    "sleeps": Case(answers(last="import time\nwhile True:\n    time.sleep(1)"), says="ran longer"),
    "..dots": Case(answers()),
    "a;=1+1;b": Case(answers()),
    "odd shape": Case(answers(whiten="def whiten(X):\n    return np.zeros((0, 10**9))"), score=AUTO - 3),
    "deep value": Case(answers(whiten="def whiten(X):\n    x = []\n    for _ in range(900):\n        x = [x]\n    return x"), score=AUTO - 3),
    "nan": Case(answers(whiten="def whiten(X):\n    return X * np.nan"), score=AUTO - 3),
    "text": Case(answers(whiten="def whiten(X):\n    return 'right'"), score=AUTO - 3),
    "raises exit": Case(answers(whiten="def whiten(X):\n    raise SystemExit"), score=AUTO - 3),
    "recursion": Case(answers(whiten="def whiten(X):\n    return whiten(X)"), score=AUTO - 3),
    "input": Case(answers(first="input('name? ')")),
    "odd error": Case(answers(first="class E(Exception):\n    def __str__(self):\n        raise E\nraise E")),
    "syntax": Case(answers(whiten="def whiten(X:\n    return"), score=AUTO - 3),
    "list": Case(changed(lambda notebook: "[1, 2]"), "not graded", None, "cannot be read"),
    "deep file": Case(changed(lambda notebook: "[" * 100_000), "not graded", None, "cannot be read"),
    "bytes": Case(changed(lambda notebook: "\x00\x01"), "not graded", None, "cannot be read"),
    "odd metadata": Case(changed(lambda n: find(n, "test_whiten").metadata.nbgrader.update(grade_id=[1])), says="missing"),
    "<b>name & 'quotes'": Case(answers()),
    "=1+1": Case(answers()),
    "nested user space": Case(answers(first="import subprocess\nprint(subprocess.run('unshare -Ur mount -t tmpfs x /mnt; cat /etc/shadow; mount', shell=True, capture_output=True))")),
    "system settings": Case(answers(first="import os\nassert not [p for r, d, f in os.walk('/proc/sys') for p in f if p in ('core_pattern', 'panic', 'drop_caches') and os.access(os.path.join(r, p), os.W_OK)]\nfor p in ('/sys', '/proc/sysrq-trigger'):\n    assert not os.access(p, os.W_OK)\nprint('nothing writable')")),
}  # fmt: skip
for one in runpy.run_path(str(ROOT / f"tests/mistakes/{NAME}.py"))["MISTAKES"]:
    lost = find(BLANK, f"test_{one.exercise}").metadata.nbgrader.points
    MORE[f"mistake {one.exercise} {one.name}"] = Case(mistake(one), score=None, most=AUTO - lost)
ALL = COMMON | MORE


def write(folder, cases, places):
    """Make the hand-ins and a roster beside them; returns the roster's path."""
    folder.mkdir()
    for name, case in cases.items():
        if case.make is not None:
            case.make(folder / name, places)
    roster = folder.parent / "students.csv"
    listed = [f'"{name}"' for name in cases if name != "unknown"]
    roster.write_text("\n".join(["student", *listed]) + "\n")
    return roster


def read_json(path):
    return json.loads(path.read_text())
