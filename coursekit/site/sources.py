"""What Sphinx reads: the course's own files at their own places, in a form that it understands.

A link from one file of the repository to another goes on working, since every page keeps its place; a link to
a module goes to its page in the reference, a link to a file that is no page becomes a download.
"""

import json
import posixpath
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

LINK = re.compile(r"(?<=\]\()(?!https?:|mailto:|#)([^)\s]+?)(#[^)\s]*)?(?=\))")
FOLD = re.compile(r"<details><summary>(.*?)</summary>(.*?)</details>", re.DOTALL)
EXPLORER = re.compile(r"\b\w+_explorer\(")
PAGES = ["CONTRIBUTING.md", "CHANGELOG.md", "docs/glossary.md", "docs/syllabus.md", "docs/teacher.md"]
PARTS = ["lectures", "homework", "reference/index", "docs/glossary", "docs/teacher", "docs/syllabus"]
PARTS += ["CONTRIBUTING", "CHANGELOG"]
MOVES = "*The picture with its sliders appears when the notebook runs: `python3 course.py lab` opens it.*"


@dataclass(frozen=True)
class Lecture:
    """One notebook: `name` 01_pca_usarrests, `title` as in README's map, minutes, and what it builds on."""

    name: str
    title: str
    minutes: int
    needs: tuple  # numbers of the notebooks that "You need" names
    helps: tuple  # numbers of those that it says help

    @property
    def number(self):
        """The two digits in front, as text."""
        return self.name[:2]


def lectures(root):
    """All lectures of the repository, in order, as their notebooks and README's map describe them."""
    readme = (root / "README.md").read_text(encoding="utf-8")
    titles = {name: title for title, name in re.findall(r"\[([^\]]+)\]\(notebooks/(\w+)\.ipynb\)", readme)}
    paths = sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    numbers = {path.name[:2] for path in paths}
    found = []
    for path in paths:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        opening = "".join(notebook["cells"][0]["source"])
        needed = re.search(r"\*\*You need:\*\*(.*?)\*\*", opening, re.DOTALL)
        groups = {"needs": [], "helps": []}
        for sentence in re.split(r"[.;]", needed[1] if needed else ""):
            named = [number for number in re.findall(r"\b\d\d\b", sentence) if number in numbers]
            groups["helps" if re.search(r"\bhelps?\b", sentence) else "needs"] += named
        minutes = notebook["metadata"]["coursekit"]["minutes"]
        title = titles.get(path.stem, path.stem)
        found.append(Lecture(path.stem, title, minutes, tuple(groups["needs"]), tuple(groups["helps"])))
    return found


def stage(root, target):
    """Write the sources of the site into the new folder `target`; returns the lectures that are in it."""
    chosen = lectures(root)
    pages = {f"notebooks/{lecture.name}.ipynb" for lecture in chosen}
    for kind in ("release", "source"):
        homework = sorted((root / "notebooks" / "homework" / kind).glob("*/*.ipynb"))
        pages |= {path.relative_to(root).as_posix() for path in homework}
    pages |= {page for page in PAGES if (root / page).is_file()}
    modules = modules_of(root)
    stager = Stager(root, target, pages, {path: page for path, page in modules})
    for page in sorted(pages):
        text = (root / page).read_text(encoding="utf-8")
        stager.write(
            page, stager.notebook(text, page) if page.endswith(".ipynb") else stager.prose(text, page)
        )
    stager.write("index.md", front_page(stager, root, chosen))
    stager.write("lectures.md", lecture_page(chosen))
    stager.write("homework.md", homework_page(sorted(pages)))
    for path, page in modules:
        stager.write(f"{page}.rst", module_page(path))
    stager.write("reference/index.rst", reference_page([page for _, page in modules]))
    return chosen


def modules_of(root):
    """Pairs (path in the repository, page of the site) of every module that has a page of its own."""
    found = []
    for path in sorted((root / "coursekit").rglob("*.py")):
        relative = path.relative_to(root)
        if path.name != "__main__.py" and relative.as_posix() != "coursekit/__init__.py":
            parts = relative.parent.parts[1:] + (() if path.stem == "__init__" else (path.stem,))
            found.append((relative.as_posix(), "reference/" + ".".join(parts)))
    return found


class Stager:
    """Rewrites files of the repository `root` for the site in `target`; paths are relative, with slashes."""

    def __init__(self, root, target, pages, modules):
        self.root, self.target, self.pages, self.modules = root, target, pages, modules

    def write(self, page, text):
        """Write one source file of the site."""
        path = self.target / page
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def prose(self, text, page):
        """Markdown of `page`, with links that the site can follow and folds that it can open."""
        text = FOLD.sub(fold, text)
        return LINK.sub(lambda match: self.link(match[1], match[2] or "", page), text)

    def link(self, address, anchor, page):
        """Where a link to `address` on `page` leads on the site."""
        here = posixpath.dirname(page)
        wanted = posixpath.normpath(posixpath.join(here, address))
        if wanted in self.modules:
            return posixpath.relpath(self.modules[wanted] + ".rst", here or ".")
        path = self.root / wanted
        if wanted not in self.pages and path.is_file():
            (self.target / wanted).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, self.target / wanted)
        return address + anchor

    def notebook(self, text, page):
        """A notebook as JSON: prose rewritten, what progress bars left dropped, explorers announced."""
        notebook = json.loads(text)
        cells = []
        for cell in notebook["cells"]:
            source = "".join(cell["source"])
            cells.append(cell)
            if cell["cell_type"] == "markdown":
                cell["source"] = self.prose(source, page)
                continue
            outputs = [o for o in cell["outputs"] if "data" not in o or any(o["data"].values())]
            cell["outputs"] = outputs
            if cell["metadata"].get("nbgrader", {}).get("solution"):
                cell["metadata"]["tags"] = ["answer"]
            if EXPLORER.search(source) and not outputs:
                cells.append(
                    {"cell_type": "markdown", "id": f"{cell['id']}-x", "metadata": {}, "source": MOVES}
                )
        return json.dumps({**notebook, "cells": cells})


def fold(match):
    """`<details>` as the site's own directive: Markdown and formulas inside are then read as such."""
    summary = re.sub(r"</?b>", "**", " ".join(match[1].split()))
    return f"\n::::{{fold}} {summary}\n{match[2].strip()}\n::::\n"


def front_page(stager, root, chosen):
    """README as the landing page, with the map as a picture in place of its own."""
    text = (root / "README.md").read_text(encoding="utf-8")
    alt = "The lectures of the course as boxes, with an arrow from each to those that build on it: "
    alt += "; ".join(
        f"{lecture.number} {lecture.title}"
        + (f", after {' and '.join(lecture.needs)}" if lecture.needs else "")
        + (f", helped by {' and '.join(lecture.helps)}" if lecture.helps else "")
        for lecture in lectures(root)
    )
    shown = "".join(
        f'<picture class="only-{mode}">'
        f'<source media="(max-width: 720px)" srcset="_static/map-{mode}-tall.svg">'
        f'<img class="only-{mode}" src="_static/map-{mode}.svg" alt="{alt}."></picture>'
        for mode in ("light", "dark")
    )
    text = re.sub(r"<img [^>]*>", "", text, count=1)
    text = text.replace("## The map\n", f'## The map\n\n<div class="map">{shown}</div>\n', 1)
    return stager.prose(text, "index.md") + toctree(PARTS, hidden=True)


def lecture_page(chosen):
    """The list of lectures."""
    entries = [f"{lecture.number} · {lecture.title} <notebooks/{lecture.name}>" for lecture in chosen]
    return (
        "# Lectures\n\nEach is a notebook with its outputs, as it ran last. To change a number and see what "
        "happens, open it with `python3 course.py lab`.\n" + toctree(entries)
    )


def homework_page(pages):
    """The list of homeworks, and of their solutions."""
    text = (
        "# Homework\n\nEach homework belongs to the lecture of the same number. Write your answers in your "
    )
    text += "own copy in `work/`; its checks tell you at once where you stand.\n"
    for kind in ("release", "source"):
        names = [Path(page).stem for page in pages if f"homework/{kind}/" in page]
        if kind == "source":
            text += "\n## Solutions\n\nWith the hidden tests and, for answers in words, the rubric. "
            text += "Try first.\n"
        text += toctree(
            f"{name[:4]} · {name[5:].replace('_', ' ')}{' · solution' * (kind == 'source')} "
            f"<notebooks/homework/{kind}/{name}/{name}>"
            for name in names
        )
    return text


def toctree(entries, *, hidden=False):
    """MyST's toctree of these entries."""
    options = ":hidden:\n" if hidden else ":maxdepth: 1\n"
    return "\n```{toctree}\n" + options + "\n" + "\n".join(entries) + "\n```\n"


def module_page(path):
    """The page of a module: what its docstrings say, in the order of the source."""
    name = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    title = f"``{name.removeprefix('coursekit.')}``"
    return f"{title}\n{'=' * len(title)}\n\n.. automodule:: {name}\n   :members:\n   :ignore-module-all:\n"


def reference_page(pages):
    """The front page of the reference: the prose map of the package, and all modules."""
    title = "The package"
    entries = "\n   ".join(sorted(Path(page).name for page in pages))
    return (
        f"{title}\n{'=' * len(title)}\n\n.. automodule:: coursekit\n\n"
        f".. toctree::\n   :maxdepth: 1\n   :caption: Modules\n\n   {entries}\n"
    )
