"""An island for one submission: a process that sees Python, the course's package and nothing else.

With bubblewrap the process has no network, a user and a process table of its own, an empty home in memory,
and sees read-only the system's programs, this Python, and a copy of the package without the modules that the
homework forbids. Course, other submissions and gradebook are not there. A watcher outside counts its
processes and its memory, and whatever happens, all of it is gone in the end.
"""

import importlib.util
import json
import os
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

import coursekit
from coursetools.homework.grading.session import MB, Session

HERE = Path(__file__).resolve().parent
PACKAGE = Path(coursekit.__file__).resolve().parent
EMBEDDED = ("*.csv", "*.bz2", "*.xz", "*.npz", "results/*")  # the files of the data sets
ISLAND = HERE.parent / "island"  # beside the package, all that a submission may see
START = "import sys; sys.path.insert(0, sys.argv.pop(1)); "
START += "from coursetools.homework.island.runner import main; main()"

ENVIRONMENT = {
    **{"HOME": "/tmp", "TMPDIR": "/tmp", "USER": "student", "LOGNAME": "student", "LANG": "C.UTF-8"},
    **{
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",  # or each thread reserves address space, of which there is a limit
        "MPLBACKEND": "Agg",
        "MPLCONFIGDIR": "/tmp/.matplotlib",
        "TQDM_DISABLE": "1",
    },
    "PATH": "/usr/bin:/bin",
}


class Sandbox:
    """Starts sessions for one homework; use as a context manager, since it keeps a folder meanwhile."""

    def __init__(self, forbidden, limits, *, isolated=True, secret=(), files=None):
        """forbidden: module names. secret: paths that must not be visible inside; ValueError if one is.
        files: a folder of which each session gets a copy to work in, its notebooks left out.
        """
        self.forbidden, self.limits, self.isolated = list(forbidden), limits, isolated
        self.sessions = []
        self.program = shutil.which("bwrap") if isolated else None
        if isolated and self.program is None:
            raise ValueError(
                "this system has no bubblewrap to isolate submissions (Debian: apt-get install bubblewrap; "
                "macOS and Windows have none): run on Linux, or decide yourself for --no-sandbox"
            )
        for path in secret if isolated else ():
            for seen in _visible():
                if Path(path).resolve().is_relative_to(seen):
                    raise ValueError(
                        f"{path} lies inside {seen}, which submissions can read: move it elsewhere"
                    )
        self.folder = Path(tempfile.mkdtemp(prefix="coursekit-"))
        self._copy_package()
        (self.folder / "files").mkdir()
        if files:
            left_out = shutil.ignore_patterns("*.ipynb", ".*", "__pycache__")
            shutil.copytree(files, self.folder / "files", ignore=left_out, dirs_exist_ok=True)

    def __enter__(self):
        return self

    def __exit__(self, *reason):
        self.end_all()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self):
        """A running session; it raises Stopped if it does not come up within a minute."""
        settings = {"forbidden": self.forbidden, "limits": self.limits.of_a_process()}
        settings["isolated"] = self.isolated
        if self.isolated and _is_root():
            settings["user"] = 2_000_000 + secrets.randbelow(1_000_000)
        scratch = None
        inside = "/course" if self.isolated else str(self.folder)
        command = [sys.executable, "-I", "-B", "-c", START, inside, json.dumps(settings)]
        environment = {**ENVIRONMENT, "FONT_LIST": f"{inside}/matplotlib", "FILES": f"{inside}/files"}
        if self.isolated:
            command = [*self._bubblewrap(environment), *command]
        else:
            scratch = tempfile.mkdtemp(prefix="coursekit-student-")
            environment |= dict.fromkeys(("HOME", "TMPDIR", "MPLCONFIGDIR"), scratch)
        session = Session(command, environment, scratch, self.limits)
        self.sessions = [one for one in self.sessions if not one.ended.is_set()] + [session]
        return session

    def end_all(self):
        """End whatever still runs."""
        for session in self.sessions:
            session.end()

    def _copy_package(self):
        """The package as a submission may see it, compiled once for all."""
        import compileall

        target, without = self.folder / "coursekit", shutil.ignore_patterns("__pycache__")
        shutil.copytree(PACKAGE, target, ignore=without)
        homework = self.folder / "coursetools" / "homework"
        shutil.copytree(ISLAND, homework / "island", ignore=without)
        for parent in (homework.parent, homework):
            (parent / "__init__.py").touch()
        embedded = PACKAGE / "embedded"  # or, in the repository, data/; what a user put there stays out
        source = embedded if embedded.is_dir() else PACKAGE.parent / "data"
        (target / "embedded").mkdir(exist_ok=True)
        for pattern in EMBEDDED:
            for path in source.glob(pattern):
                copy = target / "embedded" / path.relative_to(source)
                copy.parent.mkdir(exist_ok=True)
                shutil.copy(path, copy)
        for module in self.forbidden:
            if module.startswith("coursekit."):
                path = self.folder.joinpath(*module.split("."))
                shutil.rmtree(path, ignore_errors=True)
                path.with_suffix(".py").unlink(missing_ok=True)
        compileall.compile_dir(self.folder, quiet=1)
        self._copy_font_list()
        os.chmod(self.folder, 0o755)

    def _copy_font_list(self):
        """matplotlib looks for the system's fonts once and remembers; without that a start takes seconds."""
        import matplotlib.font_manager

        (self.folder / "matplotlib").mkdir()
        for path in Path(matplotlib.get_cachedir()).glob("fontlist*.json"):
            shutil.copy(path, self.folder / "matplotlib")

    def _bubblewrap(self, environment):
        bind = []
        for name in ("bin", "sbin", "lib", "lib32", "lib64"):
            path = Path("/", name)
            if path.is_symlink():
                bind += ["--symlink", os.readlink(path), str(path)]
            elif path.exists():
                bind += ["--ro-bind", str(path), str(path)]
        for seen in _visible():
            for parent in reversed(seen.parents[:-1]):  # empty, and open for the sandbox's own user
                bind += ["--perms", "0755", "--dir", str(parent)]
            bind += ["--ro-bind", str(seen), str(seen)]
        for path in ("/etc/ld.so.cache", "/etc/alternatives", "/etc/fonts"):
            bind += ["--ro-bind-try", path, path]
        bind += ["--ro-bind", str(self.folder), "/course", *self._masks()]
        alone = ["--unshare-all", "--unshare-user", "--disable-userns", "--uid", "1000", "--gid", "1000"]
        if _is_root():
            # In a user namespace root stays root outside: it may write to /proc/sys, and no limit on
            # processes holds for it. So here the runner itself changes to a user that owns nothing.
            alone = [
                "--unshare-ipc",
                "--unshare-pid",
                "--unshare-net",
                "--unshare-uts",
                "--unshare-cgroup-try",
            ]
            alone += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
        tmpfs = ["--perms", "1777", "--size", str(self.limits.disk * MB), "--tmpfs"]
        settings = [part for name, value in environment.items() for part in ("--setenv", name, value)]
        return [
            *(self.program, "--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL", *alone),
            # /tmp first: the course itself may lie in the system's /tmp, and would be covered by a later one.
            *("--hostname", "island", *tmpfs, "/tmp", *bind, "--proc", "/proc", "--dev", "/dev"),
            *(*tmpfs, "/dev/shm", "--remount-ro", "/dev", "--chdir", "/tmp", "--remount-ro", "/", *settings),
        ]

    def _masks(self):
        """Cover forbidden modules of other packages, and a copy of this package installed beside them."""
        masks = []
        for installed in (PACKAGE, HERE.parents[1]):
            if any(installed.is_relative_to(seen) for seen in _visible()):
                masks += ["--ro-bind", str(self.folder / installed.name), str(installed)]
        for module in self.forbidden:
            if module.startswith("coursekit."):
                continue
            try:
                spec = importlib.util.find_spec(module)
            except ImportError:
                spec = None
            if spec is None or not spec.origin:
                continue
            if spec.submodule_search_locations:
                for path in spec.submodule_search_locations:
                    masks += ["--tmpfs", path, "--remount-ro", path]
            else:
                masks += ["--ro-bind", "/dev/null", spec.origin]
                if spec.cached and os.path.exists(spec.cached):
                    masks += ["--ro-bind", "/dev/null", spec.cached]
        return masks


def _visible():
    """Folders that are shown read-only: the system's programs and this Python."""
    roots = {Path("/usr"), Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve()}
    return sorted(a for a in roots if not any(a != b and a.is_relative_to(b) for b in roots))


def _is_root():
    return hasattr(os, "geteuid") and os.geteuid() == 0
