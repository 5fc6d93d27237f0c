"""Build the site: stage the sources, run Sphinx over them, and let no warning pass."""

import importlib.util
import re
import shutil
import tempfile
from pathlib import Path

from coursetools import assets, moving
from coursetools.site import picture, sources
from coursetools.slides import commands as deck

ROOT = Path(__file__).resolve().parents[2]


class SiteError(Exception):
    """Something that a person can put right; the message is one sentence that says how."""


def build(out=None, *, solutions=True, still=False, slides=False, address=""):
    """Build the site into the folder `out` (build/site of the repository) and return its index.html.

    solutions: put the solutions of the homework, with their hidden tests, into it.
    still: leave each explorer at its start. Else each notebook runs once, to draw all its positions.
    slides: put the decks beside the notebooks, some megabytes each.
    address: where the site will be, `https://...`, so that a link that is shared shows a picture.
    Raises SiteError if the repository or Sphinx is missing, the folder holds something else, or Sphinx warns;
    assets.AssetError if MathJax has to be fetched and cannot be.
    """
    if not (ROOT / "docs" / "site" / "conf.py").is_file():
        raise SiteError("The site is built from the course's repository: run this in a copy of it.")
    if importlib.util.find_spec("myst_nb") is None:
        raise SiteError(
            "Sphinx is not installed: run python3 -m pip install -e '.[tools]' in the course folder."
        )
    out = Path(out).resolve() if out else ROOT / "build" / "site"
    if out.exists() and not out.is_dir():
        raise SiteError(f"{out} is a file: name a folder with --out.")
    if out.exists() and any(out.iterdir()) and not (out / "objects.inv").is_file():
        raise SiteError(f"{out} holds something else than an earlier site: name another folder with --out.")
    mathjax = assets.package("mathjax")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".site-") as scratch:
        staged, fresh = Path(scratch) / "sources", Path(scratch) / "site"
        try:
            films = None if still else moving.films
            lectures = sources.stage(ROOT, staged, solutions=solutions, films=films, slides=slides)
        except (moving.MovingError, ValueError) as error:
            raise SiteError(str(error)) from error
        static = staged / "_static"
        shutil.copytree(ROOT / "docs" / "site" / "static", static, dirs_exist_ok=True)
        for name in ("moving.js", "moving.css"):
            shutil.copy(ROOT / "coursetools" / name, static)
        (static / "mathjax").mkdir()
        for name in ("es5/tex-svg-full.js", "LICENSE"):
            shutil.copy(mathjax / name, static / "mathjax")
        picture.save_maps(lectures, static)
        run_sphinx(staged, fresh, address)
        (fresh / "download").mkdir()
        for path in [*(ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"), *released(ROOT)]:
            shutil.copy(path, fresh / "download")  # as they are: the page's own form is for Sphinx
        for lecture in lectures if slides else ():
            deck.write(ROOT / "notebooks" / f"{lecture.name}.ipynb", fresh / "slides", still=still)
        # Only a whole site replaces the one before it.
        if out.exists():
            shutil.rmtree(out)
        fresh.rename(out)
    return out / "index.html"


def released(root):
    """The homeworks as students get them."""
    return sorted((root / "notebooks" / "homework" / "release").glob("*/*.ipynb"))


def run_sphinx(staged, out, address=""):
    """Sphinx over the staged sources; raises SiteError with its warnings, which count as errors."""
    import io

    from sphinx.application import Sphinx
    from sphinx.errors import SphinxError

    said = io.StringIO()
    try:
        app = Sphinx(
            staged,
            ROOT / "docs" / "site",
            out,
            staged.parent / "doctrees",
            "html",
            confoverrides={"html_static_path": [str(staged / "_static")], "html_baseurl": address},
            status=None,
            warning=said,
        )
        app.build()
    except SphinxError as error:
        raise SiteError(f"Sphinx stopped: {error}\n{said.getvalue()}") from error
    shutil.rmtree(out / ".doctrees", ignore_errors=True)
    if warnings := re.sub(r"\x1b\[[\d;]*m", "", said.getvalue()).strip():
        raise SiteError(f"The site was not written, because Sphinx warned:\n{warnings}")
