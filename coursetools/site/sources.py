"""What Sphinx reads: the course's own files at their own places, in a form that it understands.

A link from one file of the repository to another goes on working, since every page keeps its place; a link to
a module goes to its page in the reference, a link to a file that is no page becomes a download.
"""

import base64
import json
import posixpath
import re
import shutil
import struct
from dataclasses import dataclass
from pathlib import Path

import nbformat

from coursetools.site import gallery
from coursetools.site import pages as generated

LINK = re.compile(r"(?<=\]\()(?!https?:|mailto:|#)([^)\s]+?)(#[^)\s]*)?(?=\))")
SOLUTION = re.compile(r"\[([^\]]*)\]\(([^)\s]*homework/source/[^)\s]*\.ipynb)\)")
FOLD = re.compile(r"<details><summary>(.*?)</summary>(.*?)</details>", re.DOTALL)
MARKS = re.compile(r"^### (BEGIN|END) SOLUTION$\n?", re.MULTILINE)  # in prose they would be headings
PICTURE = re.compile(r'(?<=<img )(?=[^>]*src="data:image/png;base64,([^"]{32}))')
CODE = re.compile(r"`([a-z_]+)((?:\.\w+)+)`")
# Nothing runs on a page: a cell with this tag belongs to JupyterLab alone, and "just now" was earlier.
LAB_ONLY = "lab-only"
NOW = re.compile(r"just now,? on your machine")
POSITIONS = "<details><summary>The same at chosen positions</summary>{}</details>"


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
            named = [number for number in named if number < path.name]  # the map leads forwards
            groups["helps" if re.search(r"\bhelps?\b", sentence) else "needs"] += named
        minutes = notebook["metadata"]["coursekit"]["minutes"]
        title = titles.get(path.stem, path.stem)
        found.append(Lecture(path.stem, title, minutes, tuple(groups["needs"]), tuple(groups["helps"])))
    return found


def stage(root, target, *, solutions=True, films=None, slides=False):
    """Write the sources of the site into the new folder `target`; returns its lectures.

    films: function from a notebook's path to its explorers, `moving.films`; None leaves each at its start.
    slides: whether there will be decks to link to.
    """
    chosen = lectures(root)
    pages = {f"notebooks/{lecture.name}.ipynb" for lecture in chosen}
    for kind in ("release", "source") if solutions else ("release",):
        homework = sorted((root / "notebooks" / "homework" / kind).glob("*/*.ipynb"))
        numbers = {lecture.number for lecture in chosen}
        pages |= {p.relative_to(root).as_posix() for p in homework if p.name[2:4] in numbers}
    documents = {part for part in generated.PARTS if (root / f"{part}.md").is_file()}
    documents |= {f"docs/{path.stem}" for path in (root / "docs").glob("*.md")}
    pages |= {f"{document}.md" for document in documents}
    modules = modules_of(root)
    stager = Stager(root, target, pages, documents, dict(modules), slides)
    lecture_pages = {f"notebooks/{lecture.name}.ipynb" for lecture in chosen}
    for page in sorted(pages):
        text = (root / page).read_text(encoding="utf-8")
        if page.endswith(".ipynb"):
            moving = films(root / page) if films and page in lecture_pages else {}
            stager.write(page, stager.notebook(text, page, moving))
        else:
            stager.write(page, stager.prose(text, page))
    stager.write("index.md", generated.front_page(stager, root, chosen, stager.pictures(chosen)))
    stager.write("lectures.md", generated.lecture_page(chosen))
    stager.write("homework.md", generated.homework_page(chosen, sorted(pages), solutions))
    if solutions:
        stager.write("solutions.md", generated.solution_page(chosen, sorted(pages)))
    for page in sorted(set(dict(modules).values())):
        stager.write(f"{page}.rst", generated.module_page(page, modules))
    stager.write("reference/index.rst", generated.reference_page([page for _, page in modules]))
    return chosen


def modules_of(root):
    """Pairs (path in the repository, page of the site) of all modules; a lecture's models share its page."""
    found = []
    for path in sorted((root / "coursekit").rglob("*.py")):
        relative = path.relative_to(root)
        if relative.as_posix() == "coursekit/__init__.py":
            continue
        parts = relative.parent.parts[1:]
        if path.stem != "__init__" and not generated.is_model(path):
            parts += (path.stem,)
        found.append((relative.as_posix(), "reference/" + ".".join(parts)))
    return found


class Stager:
    """Rewrites files of the repository `root` for the site in `target`; paths are relative, with slashes."""

    def __init__(self, root, target, pages, documents, modules, slides=False):
        self.root, self.target, self.slides = root, target, slides
        self.pages, self.documents, self.modules = pages, documents, modules

    def write(self, page, text):
        """Write one source file of the site."""
        path = self.target / page
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def pictures(self, lectures):
        """Write the pictures of cards and gallery, and the gallery's page; numbers of those with a card."""
        notebooks = {
            one.number: nbformat.read(self.root / f"notebooks/{one.name}.ipynb", as_version=4)
            for one in lectures
        }
        static = self.target / "_static"
        for name in ("covers", "gallery"):
            (static / name).mkdir(parents=True, exist_ok=True)
        shown = gallery.gallery(self.root, notebooks)
        for number, each in enumerate(shown):
            (static / "gallery" / f"{number}.png").write_bytes(each.png)
        own = {each.lecture: each.png for each in reversed(shown)}
        covers = {number: own.get(number) or gallery.cover(book) for number, book in notebooks.items()}
        covers = {number: gallery.small(png) for number, png in covers.items() if png}
        for number, png in covers.items():
            (static / "covers" / f"{number}.png").write_bytes(png)
        if shown:
            (static / "preview.png").write_bytes(gallery.small(shown[0].png))
        self.write("gallery.md", gallery.gallery_page(shown, lectures))
        return set(covers)

    def links(self, page):
        """What belongs to a notebook, as HTML for below its title: to download, its deck, its homework."""
        path = Path(page)
        up = posixpath.relpath(".", posixpath.dirname(page))
        found = [(f"{up}/download/{path.name}", "Download the notebook")]
        if path.parent.name == "notebooks":
            number = path.name[:2]
            found += [(f"{up}/slides/{path.stem}.html", "Slides")] if self.slides else []
            homework = [p for p in self.pages if f"homework/release/hw{number}_" in p]
            found += [(f"{up}/{p.removesuffix('.ipynb')}.html", "Homework") for p in homework]
        links = " · ".join(f'<a href="{address}">{name}</a>' for address, name in found)
        return f'<div class="course-links">{links}</div>'

    def prose(self, text, page):
        """Markdown of `page`, with links that the site can follow and folds that it can open."""
        text = FOLD.sub(fold, text)
        if page == "docs/glossary.md":
            text = CODE.sub(self.name, text)
        text = SOLUTION.sub(lambda match: match[0] if meant(match[2], page) in self.pages else match[1], text)
        return LINK.sub(lambda match: self.link(match[1], match[2] or "", page), text)

    def name(self, match):
        """A name of the package, such as `pca.PCA`, as a link to the reference."""
        if f"reference/{match[1]}" not in self.modules.values():
            return match[0]
        return f"{{py:obj}}`{match[1]}{match[2]} <coursekit.{match[1]}{match[2]}>`"

    def link(self, address, anchor, page):
        """Where a link to `address` on `page` leads on the site."""
        wanted = meant(address, page)
        for module in (wanted, f"{wanted}/__init__.py"):
            if module in self.modules:
                return posixpath.relpath(self.modules[module] + ".rst", posixpath.dirname(page) or ".")
        path = self.root / wanted
        if wanted not in self.pages and path.is_file():
            (self.target / wanted).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, self.target / wanted)
        return address + anchor

    def notebook(self, text, page, films):
        """A notebook as JSON: prose rewritten, progress bars and `lab-only` cells dropped, explorers moving.

        films: dict from the id of a cell to its explorers; what shows chosen positions of them is folded.
        """
        notebook = json.loads(text)
        solved, cells = "/source/" in page, []
        for cell in notebook["cells"]:
            if LAB_ONLY in cell["metadata"].get("tags", []):
                continue
            source = "".join(cell["source"])
            cells.append(cell)
            if cell["cell_type"] == "markdown":
                cell["source"] = NOW.sub("when this page was made", self.prose(MARKS.sub("", source), page))
                continue
            outputs = [o for o in cell["outputs"] if "data" not in o or any(o["data"].values())]
            cell["outputs"] = outputs
            for data in (output["data"] for output in outputs if "text/html" in output.get("data", {})):
                data["text/html"] = PICTURE.sub(sized, "".join(data["text/html"]))
                if films and "static_frames(" in source:
                    data["text/html"] = POSITIONS.format(data["text/html"])
            if cell["id"] in films:
                cell["outputs"] = [display(film.html()) for film in films[cell["id"]]]
            if cell["metadata"].get("nbgrader", {}).get("solution"):
                cell["metadata"]["tags"] = ["solution" if solved else "answer"]
            elif cell["metadata"].get("jupyter", {}).get("source_hidden"):
                cell["metadata"]["tags"] = ["hide-input"]
        if not solved:
            title, line, rest = cells[0]["source"].partition("\n")
            cells[0]["source"] = f"{title}\n\n{self.links(page)}\n{line}{rest}"
        if solved:  # the title tells it from the homework itself, in the search too
            cells[0]["source"] = re.sub(r"^# .*", r"\g<0> · solution", cells[0]["source"])
        return json.dumps({**notebook, "cells": cells})


def display(html):
    """An output of a code cell."""
    return {"output_type": "display_data", "metadata": {}, "data": {"text/html": html}}


def sized(match):
    """Width and height of the PNG inside an `<img>`, so that a browser knows them before it draws."""
    width, height = struct.unpack(">II", base64.b64decode(match[1])[16:24])
    return f'width="{width}" height="{height}" '


def meant(address, page):
    """The file that the relative `address` on `page` means, from the root."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), address))


def fold(match):
    """`<details>` as the site's own directive: Markdown and formulas inside are then read as such."""
    summary = re.sub(r"</?b>", "**", " ".join(match[1].split()))
    return f"\n::::{{fold}} {summary}\n{match[2].strip()}\n::::\n"
