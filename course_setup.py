"""The set-up behind course.py: a virtual environment with the exact set of lock.txt, made and repaired.

Standard library only. `.venv/coursekit.json` is written last and says what was installed: where it matches,
nothing is done; where it does not, what is there is checked file by file, and kept or made anew.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

OLDEST_PYTHON = (3, 11)
# Gigabytes of disk that .venv takes, as measured; pip's usual torch for Linux comes with CUDA.
NEEDED_GB, NEEDED_GB_CUDA = 2.5, 5.6
ROOT = Path(__file__).resolve().parent
# What JupyterLab leaves out: news, and in `course.py lab` also what a learner need not meet and what nbgrader
# has for teachers and for a class on a hub (its Validate button stays).
NOT_FOR_ALL = ["@jupyterlab/apputils-extension:announcements"]
NOT_FOR_LEARNERS = [
    "@voila-dashboards/jupyterlab-preview",
    "@jupyter-notebook/lab-extension",
    "@jupyterlab/debugger-extension",
    "@jupyterlab/cell-toolbar-extension",
    "@jupyterlab/extensionmanager-extension",
    "jupyterlab-jupytext",
] + [
    f"@jupyter/nbgrader:{part}"
    for part in ("assignment-list", "course-list", "create-assignment", "formgrader", "menu")
]


class Trouble(Exception):
    """Something that a person can put right; the message is one sentence that says how."""


def python_trouble(version):
    """One sentence if `version` (major, minor, ...) is too old for the course, else ''."""
    if tuple(version[:2]) >= OLDEST_PYTHON:
        return ""
    found, needed = ".".join(map(str, version[:2])), ".".join(map(str, OLDEST_PYTHON))
    return (
        f"This is Python {found}, the course needs {needed} or newer: install one and run course.py with it."
    )


def venv_python(venv, windows=os.name == "nt"):
    """Where a virtual environment keeps its Python on this kind of system."""
    return venv / "Scripts" / "python.exe" if windows else venv / "bin" / "python"


def place_trouble():
    """One sentence if the course cannot work where it is, or its person has no home here, else ''."""
    if os.pathsep in str(ROOT):
        return (
            f"No virtual environment can be made below a folder with a {os.pathsep} in its name: "
            f"rename {ROOT} or move the course elsewhere."
        )
    for path in (ROOT, ROOT / ".venv"):
        if path.exists() and not os.access(str(path), os.W_OK):
            return f"{path} cannot be written: copy the course to a folder of your own."
    home = Path(os.path.expanduser("~"))
    nearest = next((path for path in (home, *home.parents) if path.exists()), home)
    if not (nearest.is_dir() and os.access(str(nearest), os.W_OK)):
        return (
            f"Your home folder {home} cannot be written, and Jupyter keeps its files there: "
            "set HOME to a folder of your own and run the same command again."
        )
    return ""


def learners_config():
    """The folder that `course.py lab` adds to Jupyter's places of configuration."""
    return ROOT / ".venv" / "etc" / "coursekit"


def torch_source(text):
    """`--torch-index`, checked: '' is pip's own choice, an address stays, a folder becomes its full path."""
    if not text or "://" in text:
        return text or ""
    if not Path(text).is_dir():
        raise Trouble(
            f"--torch-index {text} is neither the address of an index nor a folder that holds wheels."
        )
    return str(Path(text).resolve())


def wanted_stamp(torch_index):
    """What a finished .venv must carry; a difference means that there is something to install."""
    import tomllib  # not at the top: an older Python must get as far as `python_trouble`

    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    parts = [pyproject["build-system"], pyproject["project"], pyproject.get("tool", {}).get("setuptools")]
    parts += [locked(), KERNEL, NOT_FOR_ALL, NOT_FOR_LEARNERS]  # an older .venv gets new settings too
    pins = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    python = ".".join(map(str, sys.version_info[:2]))
    return {"python": python, "root": str(ROOT), "torch_index": torch_index, "pins": pins, "finished": True}


def locked():
    """lock.txt, the exact version of all that is installed: name in small letters -> `name==version`."""
    lines = (ROOT / "lock.txt").read_text(encoding="utf-8").split()
    return {line.split("==")[0].lower(): line for line in lines}


# A kernel that starts says nothing in the terminal: what stands there is the address. A cell run out of order
# gets a sentence.
KERNEL = {
    "IPKernelApp": {"log_level": "ERROR"},
    "InteractiveShellApp": {"extensions": ["coursetools.kernel"]},
}


def set_up(torch_index):
    """Bring .venv to what lock.txt says and return its Python; quick when there is nothing to do."""
    venv = ROOT / ".venv"
    python, stamp = venv_python(venv), venv / "coursekit.json"
    try:
        found = json.loads(stamp.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = {}
    # An index once chosen is kept: the next command need not name it again.
    wanted = wanted_stamp(torch_index or found.get("torch_index", ""))
    if found == wanted and python.exists():
        return python
    print(f"Setting up the course in {venv} (some minutes the first time, then seconds):", flush=True)
    moved = any(key in found and found[key] != wanted[key] for key in ("python", "root", "torch_index"))
    if moved or not intact(python, wanted["python"]):
        make_venv(venv, wanted["torch_index"])
    stamp.write_text(json.dumps({**wanted, "finished": False}), encoding="utf-8")
    install(python, wanted["torch_index"])
    for folder, names in ((venv / "etc" / "jupyter", NOT_FOR_ALL), (learners_config(), NOT_FOR_LEARNERS)):
        page_config = folder / "labconfig" / "page_config.json"
        page_config.parent.mkdir(parents=True, exist_ok=True)
        page_config.write_text(json.dumps({"disabledExtensions": dict.fromkeys(names, True)}))
    kernel = venv / "etc" / "ipython" / "ipython_kernel_config.json"
    kernel.parent.mkdir(parents=True, exist_ok=True)
    kernel.write_text(json.dumps(KERNEL))
    fetch_assets(python)
    warm_fonts(python)
    # The slide show's own default theme would load its fonts from the network.
    overrides = venv / "share" / "jupyter" / "lab" / "settings" / "overrides.json"
    overrides.parent.mkdir(parents=True, exist_ok=True)
    overrides.write_text(json.dumps({"jupyterlab-rise:plugin": {"theme": "white"}}))
    stamp.write_text(json.dumps(wanted), encoding="utf-8")  # last: without it the next run repairs
    print("  done", flush=True)
    return python


def intact(python, version):
    """Is this the right Python, does pip work, is every installed file there in its full length?"""
    check = """import importlib.metadata, pip, sys
whole = all(file.locate().stat().st_size >= (file.size or 0) for package in importlib.metadata.distributions()
            for file in package.files if file.suffix != ".pyc")
sys.exit(not whole or sys.argv[1] != "%d.%d" % sys.version_info[:2])"""
    if not python.exists():
        return False
    return subprocess.run([str(python), "-I", "-c", check, version], capture_output=True).returncode == 0


def brings_cuda(torch_index):
    """Will pip take its usual torch for Linux, which comes with gigabytes of CUDA?"""
    elsewhere = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS")
    return sys.platform == "linux" and not torch_index and not any(map(os.environ.get, elsewhere))


def room_trouble(torch_index):
    """One sentence if the disk has less room than a new environment takes, else ''."""
    cuda, free = brings_cuda(torch_index), shutil.disk_usage(str(ROOT)).free / 1e9
    needed = NEEDED_GB_CUDA if cuda else NEEDED_GB
    if free >= needed:
        return ""
    said = f"The course takes {needed} GB here and {free:.1f} GB of the disk are free: make room in {ROOT}"
    if cuda and free >= NEEDED_GB:
        said += f", or name PyTorch's CPU index with --torch-index (see README), which takes {NEEDED_GB} GB"
    return said + "."


def make_venv(venv, torch_index=""):
    """An empty virtual environment, in place of what may be there."""
    import importlib.util

    if not all(importlib.util.find_spec(module) for module in ("venv", "ensurepip")):
        raise Trouble(
            "This Python cannot make virtual environments: install the missing part "
            "(on Debian or Ubuntu: sudo apt install python3-venv) and run the same command again."
        )
    trouble = room_trouble(torch_index)
    if trouble:
        raise Trouble(trouble)
    print("  making a virtual environment ...", flush=True)
    # The base Python, because the one that runs this may lie in the very folder that is made anew.
    base = getattr(sys, "_base_executable", None) or sys.executable
    done = subprocess.run([base, "-m", "venv", "--clear", str(venv)], capture_output=True, text=True)
    if done.returncode != 0:
        raise Trouble(install_trouble(done.stdout + done.stderr, "making the virtual environment"))
    if brings_cuda(torch_index):
        print(f"  (pip's torch brings CUDA, {NEEDED_GB_CUDA} GB in all: README says how to do without)")


def install(python, torch_index):
    """torch first and alone, because any other way of asking may bring another build of it; then the rest."""
    torch = locked()["torch"]
    source = []
    if torch_index:
        source = ["--no-deps"]
        source += ["--index-url", torch_index] if "://" in torch_index else ["--no-index", "-f", torch_index]
    pip = [str(python), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    step(f"installing {torch}", [*pip, *source, torch])
    step("installing everything else", [*pip, "-c", "lock.txt", "-e", ".[lab,tools,test]"])
    step("telling Jupyter about this Python", [str(python), "-m", "ipykernel", "install", "--sys-prefix"])


def fetch_assets(python):
    """What decks and site take from npm, fetched ahead where npm is there; the course itself does without."""
    if shutil.which("npm") is None:
        print(
            "  Node.js is not here: `coursekit slides` and `coursekit site` will ask for it, no other part."
        )
        return
    print("  fetching what decks and site need ...", flush=True)
    done = subprocess.run([str(python), "-m", "coursetools.assets"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["it did not say why"])[-1]
        print(f"  they will be fetched at first use, for now: {reason}", flush=True)


# Draws a formula, where matplotlib says on stderr which font its list lacks.
FONTS = """
import sys
from pathlib import Path
import matplotlib
if sys.argv[1:]:
    for path in Path(matplotlib.get_cachedir()).glob("fontlist-*.json"):
        path.unlink()
from matplotlib.mathtext import MathTextParser
MathTextParser("agg").parse("$x_1$")
"""


def warm_fonts(python):
    """Have matplotlib make its list of fonts: else the first notebook does, and says so among its outputs.

    A list that lacks fonts (its maker was interrupted, say) is made anew: matplotlib itself would keep it.
    """
    print("  looking for fonts ...", flush=True)
    words, env = [str(python), "-c", FONTS], environment(MPLBACKEND="Agg")
    found = subprocess.run(words, env=env, capture_output=True, text=True)
    if "not found" in found.stderr:
        subprocess.run([*words, "anew"], env=env, capture_output=True)


def install_peers(python):
    """What the benchmark compares the course with (the extra `bench`), where it is not there yet."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = [re.match(r"[\w-]+", peer)[0] for peer in project["optional-dependencies"]["bench"]]
    pins = [locked()[name.lower()] for name in names]
    check = """import sys
from importlib.metadata import distributions
there = {f"{found.name.lower()}=={found.version}" for found in distributions()}
sys.exit(not {pin.lower() for pin in sys.argv[1:]} <= there)"""
    if subprocess.run([str(python), "-I", "-c", check, *pins], capture_output=True).returncode != 0:
        pip = [str(python), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
        step("installing the peers of the benchmark", [*pip, "-c", "lock.txt", *pins])


def step(name, command):
    """Run one long step, showing the large downloads; a failure becomes one sentence, its log is kept."""
    print(f"  {name} ...", flush=True)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "errors": "replace"}
    lines = []
    with subprocess.Popen(command, cwd=ROOT, env=environment(), **pipes) as process:
        try:
            for line in process.stdout:
                lines.append(line)
                if re.search(r"Downloading .*\d [MG]B", line):
                    print("    " + line.strip(), flush=True)
        except BaseException:
            process.terminate()
            raise
    code = process.returncode
    if code != 0:
        log = ROOT / ".venv" / "install.log"
        try:
            log.write_text("".join(lines), encoding="utf-8")
        except OSError:
            log = None
        raise Trouble(install_trouble("".join(lines), name, log))


def install_trouble(said, name, log=None):
    """The sentence for a failed step, from what it said. log: the file that keeps that, if one does."""
    if re.search(r"No space left|not enough space|Errno 28|Disk quota", said):
        return disk_trouble()
    no_network = (
        r"Max retries|Retry\(total=0|name resolution|getaddrinfo|Connection (refused|reset)|timed out"
    )
    if re.search(no_network, said):
        return "The packages could not be fetched: connect to the network and run the same command again."
    missing = re.search(r"No matching distribution found for (\S+)", said)
    if missing:
        return (
            f"pip found no {missing[1]} for this Python and system: "
            "check the network, then try another Python or --torch-index."
        )
    reason = (said.strip().splitlines() or ["it did not say why"])[-1].rstrip(".")
    why = f".venv/{log.name} says why" if log else f"its last word was: {reason}"
    return f"It broke off while {name}: run the same command again; if it fails too, {why}."


def disk_trouble():
    # pip unpacks in the folder for temporary files before it installs.
    full = min((ROOT, Path(tempfile.gettempdir())), key=lambda path: shutil.disk_usage(str(path)).free)
    return (
        f"The disk is full: make room in {full} and run the same command again; the course takes "
        f"{NEEDED_GB} GB, with the usual torch for Linux {NEEDED_GB_CUDA} GB (README says how to avoid it)."
    )


def environment(**more):
    """This process's environment without what would lead another Python astray."""
    kept = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
    return {**kept, "PIP_USER": "0", **more}


def hand_over(command, env):
    """Become the command (POSIX), so that Ctrl-C and signals reach it alone; elsewhere wait for it."""
    sys.stdout.flush()
    if os.name == "posix":
        os.execve(command[0], command, env)
    return subprocess.call(command, env=env)
