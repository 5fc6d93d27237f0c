"""What decks and site take from the world of JavaScript: npm packages, the exact files that a lock names.

`package(name)` is the folder of one of the packages of npm/package.json. The first call installs all of them
with `npm ci`, which compares each with its SHA-512 in npm/package-lock.json, and keeps them in a cache; later
ones ask no network. The cache is ~/.cache/coursekit, or the folder that COURSEKIT_CACHE names. `python -m
coursetools.assets` installs ahead; course.py's set-up calls it.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

NPM = Path(__file__).parent / "npm"
FILES = (NPM / "package.json", NPM / "package-lock.json")


class AssetError(Exception):
    """Something that a person can put right; the message is one sentence that says how."""


def cache():
    """The folder that keeps fetched packages: $COURSEKIT_CACHE, or ~/.cache/coursekit."""
    chosen = os.environ.get("COURSEKIT_CACHE")
    return Path(chosen) if chosen else Path.home() / ".cache" / "coursekit"


def names():
    """The packages that decks, site and their tests take."""
    return list(json.loads(FILES[0].read_text(encoding="utf-8"))["dependencies"])


def package(name):
    """The folder with the files of package `name` (those beside its package.json), fetched when missing.

    Raises AssetError if it has to be fetched and npm is missing, fails, or brings other bytes.
    """
    if name not in names():
        raise ValueError(f"{name} is not among the packages that are pinned: {', '.join(names())}")
    return installed() / "node_modules" / name


def installed():
    """The folder in the cache that holds all packages of the lock; errors as in `package`."""
    # The hash is part of the name: another lock is another folder, and an old one is never taken for it.
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in FILES)).hexdigest()[:8]
    kept = cache() / f"npm-{digest}"
    if not kept.is_dir():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent, prefix=".fetching-") as scratch:
            fresh = Path(scratch) / "fresh"
            fresh.mkdir()
            for file in FILES:
                shutil.copy(file, fresh)
            _install(fresh)
            try:
                fresh.rename(kept)  # last, so that a folder in the cache is a whole one
            except OSError:
                if not kept.is_dir():  # else another process was quicker
                    raise
    return kept


def _install(folder):
    npm = shutil.which("npm")
    if npm is None:
        raise AssetError(
            "what decks and site need is not in the cache yet and npm is missing: install Node.js "
            "(Debian: apt-get install npm) and run this once with a network."
        )
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run([*command, "--fetch-retries=1"], cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or "no word of explanation").splitlines()[0]
        raise AssetError(
            f"npm could not fetch what decks and site need, which takes a network the first time ({said})."
        )


if __name__ == "__main__":
    try:
        print(f"{', '.join(names())}: {installed()}")
    except AssetError as error:
        sys.exit(str(error))
