"""The one command of the course: makes .venv, installs the pinned set, then opens the lab or runs the tests.

Standard library only; course_setup.py holds the set-up. `python3 course.py --help` tells the rest.
"""

import argparse
import errno
import json
import os
import platform
import re
import signal
import socket
import sys
import time
from pathlib import Path

import course_checks as checks
from course_setup import (
    ROOT,
    Trouble,
    disk_trouble,
    environment,
    hand_over,
    install_peers,
    learners_config,
    place_trouble,
    python_trouble,
    set_up,
    torch_source,
)

# Extensions that need all of JupyterLab around them: on a page of Voila's they only complain.
STRANGERS = ["@jupyter/nbgrader", "@jupyter-notebook/lab-extension", "jupyterlab-jupytext"]
APP = ["--template=coursekit", "--Voila.ip=127.0.0.1"]
APP += [f"--VoilaConfiguration.extension_denylist={name}" for name in STRANGERS]
# Validate says in a line what fails (coursetools/homework/validate.py); the rest of nbgrader is for teachers.
SERVERS = {"coursetools.homework.validate": True, "coursetools.lab": True, "voila.server_extension": False}
SERVERS |= {
    f"nbgrader.server_extensions.{name}": False
    for name in ("validate_assignment", "formgrader", "assignment_list", "course_list")
}
QUIET = ["--log-level=ERROR", "--LabApp.log_level=ERROR"]  # what stays are the lines with the address
LEARNERS = [f"--ServerApp.jpserver_extensions={name}={on}" for name, on in SERVERS.items()]
LEARNERS += ["--LabApp.custom_css=True"]


def lab(options):
    if options.port:
        claim_port(options.port)
    opened = learners_copies(options.fresh)
    python = set_up(options.torch_index)
    command = [str(python), "-m", "jupyterlab", "--ServerApp.ip=127.0.0.1", f"--ServerApp.root_dir={ROOT}"]
    command += ["--ContentsManager.preferred_dir=work", "--LabApp.extension_manager=readonly"]
    command += [*LEARNERS, *QUIET]
    command += [f"--LabApp.default_url=/lab/tree/{opened.relative_to(ROOT).as_posix()}"]
    command += [f"--ServerApp.port={options.port}", "--ServerApp.port_retries=0"] if options.port else []
    command += ["--no-browser"] if options.no_browser else []
    command += ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    places = [str(learners_config()), os.environ.get("JUPYTER_CONFIG_PATH")]
    print(
        "JupyterLab starts. If no browser opens, copy the address; Ctrl-C here, twice, ends it.", flush=True
    )
    return hand_over(command, environment(JUPYTER_CONFIG_PATH=os.pathsep.join(filter(None, places))))


def claim_port(port):
    if not 0 < port < 65536:
        raise Trouble(f"There is no port {port}: name one from 1024 to 65535, or leave --port out.")
    with socket.socket() as probe:
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise Trouble(f"Port {port} is not free: name another one, or leave --port out.") from None


def learners_copies(fresh=None):
    """Copy the notebooks that work/ lacks, renew the one called `fresh`; return the copy to open."""
    notebooks, work = ROOT / "notebooks", ROOT / "work"
    originals = sorted(notebooks.glob("[0-9][0-9]_*.ipynb")) + sorted(
        notebooks.glob("homework/release/*/*.ipynb")
    )
    copies = {path: work / path.relative_to(notebooks) for path in originals}
    near = not (work / "homework" / "release").exists()  # where earlier versions put them, they stay
    if near:
        copies |= {p: work / "homework" / p.name for p in originals if p.parent != notebooks}
    if not copies:
        raise Trouble("There are no notebooks in notebooks/ to open: take a complete copy of the course.")
    opened = next(iter(copies.values()))
    if fresh is not None:
        named = {copy.stem.split("_")[0]: copy for copy in copies.values()}
        opened = named.get(fresh.split("_")[0].zfill(2))
        if opened is None:
            raise Trouble(f"There is no notebook {fresh} to renew: choose one of {', '.join(named)}.")
        if opened.exists():
            saved = opened.with_name(f"{opened.stem}_{time.strftime('%Y-%m-%d_%H-%M-%S')}.ipynb")
            if saved.exists():
                raise Trouble(f"{saved.name} was saved this very second: run the same command again.")
            opened.rename(saved)
            print(f"Your notebook is kept as {saved.relative_to(ROOT)}.")
    for source, copy in copies.items():
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            half = copy.with_suffix(".tmp")
            text = source.read_text(encoding="utf-8")
            text = told_its_language(nearer(text) if near else text)
            half.write_text(text, encoding="utf-8", newline="\n")
            half.rename(copy)  # a full disk or Ctrl-C leaves no half notebook under the real name
    return opened


def told_its_language(text):
    """A notebook that says of its language what JupyterLab would add: untouched it asks for no saving."""
    language = {
        "codemirror_mode": {"name": "ipython", "version": 3},
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "nbconvert_exporter": "python",
        "pygments_lexer": "ipython3",
        "version": platform.python_version(),
    }
    try:
        notebook = json.loads(text)
        notebook["metadata"]["language_info"] = language
    except (ValueError, KeyError, TypeError):
        return text
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def nearer(text):
    """A notebook whose links between lecture and homework fit homework/hwNN_name.ipynb."""
    text = re.sub(r"\]\(homework/release/(\w+)/\1\.ipynb\)", r"](homework/\1.ipynb)", text)
    return re.sub(r"\]\(\.\./\.\./\.\./(\d\d_\w+\.ipynb)\)", r"](../\1)", text)


def test(options):
    if options.cores < 1:
        raise Trouble(f"--cores {options.cores}: at least one core is needed.")
    lecture = options.lecture and checks.notebook_of(options.lecture)
    python = str(set_up(options.torch_index))
    if options.arguments is not None:
        command = [python, "-m", "pytest", *["--all"] * options.all, *options.arguments]
        return hand_over(command, one_thread())
    if options.mutants is not None:
        argv = [*options.mutants, "--cores", str(options.cores)]
        return hand_over([python, "-m", "coursetools.mutants", *argv], one_thread())
    if options.times:  # a busy neighbour adds to the seconds, so what is published is measured alone
        aside = []
        alone = [
            checks.reference_stage(python),
            *checks.notebook_stages(python, [lecture] if lecture else checks.notebooks()),
        ]
    elif lecture:
        aside, alone = checks.lecture_stages(python, lecture, options.all)
    else:
        checks.install_programs()
        aside, alone = checks.course_stages(python, options.cores, options.all)
    # What a cancelled job sends must not leave stages behind that go on for minutes.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    checks.run(aside, options.cores, one_thread())
    checks.run(alone, 1, one_thread())
    return checks.summary(aside + alone)


def one_thread():
    """The environment of tests and builds: seconds mean the same everywhere, figures need no screen."""
    return environment(OMP_NUM_THREADS="1", MPLBACKEND="Agg")


def build(options):
    python = set_up(options.torch_index)
    argv = [*["--prose"] * options.prose, *options.numbers]
    return hand_over([str(python), "-m", "coursetools.notebooks", *argv], one_thread())


def app(options):
    if options.port:
        claim_port(options.port)
    chosen = sorted(Path("notebooks").glob(f"{options.number.zfill(2)}_*.ipynb"))
    if not chosen:
        there = ", ".join(path.name[:2] for path in sorted(Path("notebooks").glob("[0-9][0-9]_*.ipynb")))
        raise Trouble(f"There is no notebook {options.number} to show: choose one of {there}.")
    command = [str(set_up(options.torch_index)), "-m", "voila", str(chosen[0]), *APP]
    command += ["--no-browser"] if options.no_browser else []
    command += [f"--port={options.port}"] if options.port else []
    places = [str(ROOT / "docs"), os.environ.get("JUPYTER_PATH")]  # the page's template lies in docs/voila
    return hand_over(command, environment(JUPYTER_PATH=os.pathsep.join(filter(None, places))))


def bench(options):
    python = set_up(options.torch_index)
    install_peers(python)
    seeds = ["--seeds", *map(str, options.seeds)] if options.seeds else []
    quick = ["--quick"] if options.quick else []
    return hand_over([str(python), "-m", "benchmarks", *options.names, *seeds, *quick], one_thread())


def parser():
    common = argparse.ArgumentParser(add_help=False)
    torch_help = "another index, or a folder of wheels, for torch; kept for later; also $COURSEKIT_TORCH"
    common.add_argument(
        "--torch-index", metavar="WHERE", default=os.environ.get("COURSEKIT_TORCH"), help=torch_help
    )
    top = argparse.ArgumentParser(prog="course.py", description="The course's set-up, lab and tests.")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="lab | app | test | build | bench")
    verb = verbs.add_parser("lab", parents=[common], help="open JupyterLab on your own copies in work/")
    verb.add_argument(
        "--port", type=int, help="the port on 127.0.0.1 (default: the first free one from 8888)"
    )
    verb.add_argument("--no-browser", action="store_true", help="only print the address")
    verb.add_argument(
        "--fresh", metavar="NN", help="renew your copy of a notebook (01, hw01), keeping the old one"
    )
    verb.set_defaults(run=lab)
    verb = verbs.add_parser(
        "app", parents=[common], help="show a notebook as a page of words, pictures and explorers, no code"
    )
    verb.add_argument("number", metavar="NN", help="which one")
    verb.add_argument(
        "--port", type=int, help="the port on 127.0.0.1 (default: the first free one from 8866)"
    )
    verb.add_argument("--no-browser", action="store_true", help="only print the address")
    verb.set_defaults(run=app)
    usage = "course.py test [-h] [--torch-index WHERE] [--lecture NN] [--times] [--mutants [MODULE ...]]"
    usage += " [--cores N] [--all] [-- ARGS]"
    verb = verbs.add_parser(
        "test", parents=[common], usage=usage, help="run every check; `-- ARGS` runs only pytest ARGS"
    )
    verb.add_argument("--lecture", metavar="NN", help="only what belongs to this lecture, in two minutes")
    verb.add_argument(
        "--times", action="store_true", help="only the notebooks, one after another: the seconds to publish"
    )
    verb.add_argument(
        "--mutants",
        nargs="*",
        metavar="MODULE",
        help="only plant small faults in modules, as pca (default: in all), which their tests must notice",
    )
    verb.add_argument(
        "--cores", type=int, metavar="N", default=min(2, checks.usable_cores()), help="default: 2"
    )
    verb.add_argument("--all", action="store_true", help="the slow tests too")
    verb.set_defaults(run=test)
    verb = verbs.add_parser(
        "build", parents=[common], help="for authors: execute notebooks and store their outputs"
    )
    verb.add_argument("numbers", nargs="*", metavar="NN", help="which ones (default: all)")
    verb.add_argument(
        "--prose", action="store_true", help="only words or line breaks changed: keep the stored outputs"
    )
    verb.set_defaults(run=build)
    verb = verbs.add_parser(
        "bench", parents=[common], help="measure the course beside its peers (see benchmarks/README.md)"
    )
    verb.add_argument(
        "names", nargs="*", metavar="case[:part]", help="which ones, as rbm or vae:digits (all)"
    )
    verb.add_argument("--seeds", type=int, nargs="+", help="default: 0 1 2")
    verb.add_argument("--quick", action="store_true", help="under 3 minutes, to see that it runs")
    verb.set_defaults(run=bench)
    return top


def main(argv):
    trouble = python_trouble(sys.version_info)
    arguments = None
    if "--" in argv and "test" in argv[: argv.index("--")]:
        argv, arguments = argv[: argv.index("--")], argv[argv.index("--") + 1 :]
    try:
        if trouble:
            raise Trouble(trouble)
        options = parser().parse_args(argv)
        trouble = place_trouble()
        if trouble:
            raise Trouble(trouble)
        options.arguments = arguments
        options.torch_index = torch_source(options.torch_index)
        os.chdir(str(ROOT))
        return options.run(options)
    except Trouble as error:
        trouble = str(error)
    except KeyboardInterrupt:
        print("\nStopped; the same command goes on from here.", file=sys.stderr)
        return 130
    except OSError as error:
        if error.errno == errno.ENOSPC:
            trouble = disk_trouble()
        elif error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
            trouble = f"{error.filename} cannot be written: copy the course to a folder of your own."
        else:
            raise
    print(trouble, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
