"""Accounts of this system for tests as an ordinary user, and a Python that such a user may run."""

import os
import pwd
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from conftest import missing

SEEN = "import numpy, nbgrader, coursekit"


class Account:
    """A user made for a test."""

    def __init__(self, name, python):
        subprocess.run(["useradd", "--create-home", name], check=True)
        self.name, self.python = name, python
        self.home, self.number = Path(pwd.getpwnam(name).pw_dir), pwd.getpwnam(name).pw_uid
        self.home.chmod(0o700)

    def remove(self):
        for pid in filter(str.isdecimal, os.listdir("/proc")):
            try:
                if os.stat(f"/proc/{pid}").st_uid == self.number:
                    os.kill(int(pid), 9)
            except OSError:
                continue
        subprocess.run(["userdel", "--remove", self.name], capture_output=True)

    def run(self, *command, folder=None, **environment):
        """A command as this user, with nothing of the environment of whoever tests."""
        known = {"HOME": self.home, "USER": self.name, "LOGNAME": self.name, "LANG": "C.UTF-8"}
        known |= {"PATH": f"{Path(self.python).parent}:/usr/bin:/bin", "OMP_NUM_THREADS": "1", **environment}
        settings = [f"{name}={value}" for name, value in known.items()]
        start = ["runuser", "-u", self.name, "--", "env", "-i", "-C", str(folder or self.home), *settings]
        return subprocess.run([*start, *map(str, command)], capture_output=True, text=True, timeout=300)


def make_accounts(names):
    """(accounts, folder to remove): skips with a reason where this system does not allow it."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or not shutil.which("useradd"):
        missing("only root on Linux can make accounts: no test as an ordinary user")
    taken = {one.pw_name for one in pwd.getpwall()} & set(names)
    if taken:
        missing(f"this system has an account {taken.pop()} already")
    folder = Path(tempfile.mkdtemp(prefix="coursekit-accounts-"))
    folder.chmod(0o755)
    python = everyones_python(folder)
    return [Account(name, python) for name in names], folder


def everyones_python(folder):
    """This Python if everybody may run it; else the system's of the same version with the same packages."""
    nobody = ["runuser", "-u", "nobody", "--"]
    if subprocess.run([*nobody, sys.executable, "-c", SEEN], capture_output=True).returncode == 0:
        return sys.executable
    system = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    if not os.path.exists(system):
        missing("no ordinary user may run this Python, and the system has none of the same version")
    venv = folder / "venv"
    subprocess.run([system, "-m", "venv", "--without-pip", venv], check=True)
    packages = Path(sysconfig.get_paths(vars={"base": venv})["purelib"])
    shutil.rmtree(packages)
    # Links to the same files: no second copy of gigabytes.
    shutil.copytree(sysconfig.get_paths()["purelib"], packages, copy_function=os.link, symlinks=True)
    for name in ("etc", "share"):
        shutil.copytree(Path(sys.prefix, name), venv / name, copy_function=os.link, symlinks=True)
    python = venv / "bin" / "python"
    for program in ("alembic", "nbgrader"):
        text = Path(sys.executable).with_name(program).read_text().split("\n", 1)[1]
        (python.with_name(program)).write_text(f"#!{python}\n{text}")
        (python.with_name(program)).chmod(0o755)
    done = subprocess.run([*nobody, python, "-c", SEEN], capture_output=True, text=True)
    if done.returncode:
        missing(f"no ordinary user may use these packages: {done.stderr.strip().splitlines()[-1]}")
    return str(python)
