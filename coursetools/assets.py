"""What decks and site take from the world of JavaScript: npm packages of known versions, checked and kept.

`folder(name)` fetches a package once with `npm pack`, compares its SHA-512 with the one written here, unpacks
it into a cache, and never asks the network again. The cache is ~/.cache/coursekit, or the folder that
COURSEKIT_CACHE names. `python -m coursetools.assets` fetches everything ahead; course.py's set-up calls it.
"""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

# name -> (version, integrity as npm states it)
PACKAGES = {
    "axe-core": (
        "4.14.1",
        "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
    ),
    "mathjax": (
        "3.2.2",
        "sha512-Bt+SSVU8eBG27zChVewOicYs7Xsdt40qm4+UpHyX7k0/O9NliPc+x77k1/FEsPsjKPZGJvtRZM1vO+geW0OhGw==",
    ),
    "reveal.js": (
        "5.2.1",
        "sha512-r7//6mIM5p34hFiDMvYfXgyjXqGRta+/psd9YtytsgRlrpRzFv4RbH76TXd2qD+7ZPZEbpBDhdRhJaFgfQ7zNQ==",
    ),
}


class AssetError(Exception):
    """Something that a person can put right; the message is one sentence that says how."""


def cache():
    """The folder that keeps fetched packages: $COURSEKIT_CACHE, or ~/.cache/coursekit."""
    chosen = os.environ.get("COURSEKIT_CACHE")
    return Path(chosen) if chosen else Path.home() / ".cache" / "coursekit"


def folder(name):
    """The folder with the files of package `name` (those beside its package.json), fetched when missing.

    Raises AssetError if it has to be fetched and npm is missing, fails, or brings other bytes.
    """
    if name not in PACKAGES:
        raise ValueError(f"{name} is not among the packages that are pinned: {', '.join(PACKAGES)}")
    version, integrity = PACKAGES[name]
    # The hash is part of the name: another pin is another folder, and an old one is never taken for it.
    short = hashlib.sha256(integrity.encode()).hexdigest()[:8]
    kept = cache() / f"{name.replace('/', '-').lstrip('@')}-{version}-{short}"
    if not kept.is_dir():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent, prefix=".fetching-") as scratch:
            archive = _pack(f"{name}@{version}", Path(scratch))
            _verify(archive, f"{name} {version}", integrity)
            unpacked = _unpack(archive, Path(scratch) / "unpacked")
            try:
                unpacked.rename(kept)  # last, so that a folder in the cache is a whole one
            except OSError:
                if not kept.is_dir():  # else another process was quicker
                    raise
    return kept


def _pack(package, target):
    npm = shutil.which("npm")
    if npm is None:
        raise AssetError(
            f"{package} is not in the cache yet and npm is missing: install Node.js "
            "(Debian: apt-get install npm) and run this once with a network."
        )
    # From the scratch folder: a package.json where the person stands must not change what npm does.
    command = [npm, "pack", package, "--silent", "--ignore-scripts", "--fetch-retries=1"]
    done = subprocess.run(command, cwd=target, capture_output=True, text=True)
    archives = list(target.glob("*.tgz"))
    if done.returncode != 0 or len(archives) != 1:
        said = (done.stderr.strip() or done.stdout.strip() or "no word of explanation").splitlines()[-1]
        raise AssetError(f"npm could not fetch {package}, which needs a network the first time ({said}).")
    return archives[0]


def _verify(archive, package, integrity):
    found = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if found != integrity:
        raise AssetError(f"What npm brought as {package} is not the pinned file ({found}): it was not used.")


def _unpack(archive, target):
    """Write the archive's files; npm puts them all into one top folder, which is left out."""
    with tarfile.open(archive) as tar:
        for member in tar:
            parts = PurePosixPath(member.name).parts[1:]
            if member.isfile() and parts and ".." not in parts:
                path = target.joinpath(*parts)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(tar.extractfile(member).read())
    return target


if __name__ == "__main__":
    try:
        for wanted in PACKAGES:
            print(f"{wanted} {PACKAGES[wanted][0]}: {folder(wanted)}")
    except AssetError as error:
        sys.exit(str(error))
