"""The pages that no file of the repository holds: the front page, the lists, and a page for each module."""

import re
from html import escape
from pathlib import Path

from coursetools.site import gallery, picture

# Where the bar at the top leads; what the repository lacks is left out, what docs/ has more follows.
PARTS = {
    "lectures": "Lectures",
    "homework": "Homework",
    "gallery": "Gallery",
    "reference/index": "Package",
    "docs/glossary": "Glossary",
    "docs/training": "Training on your own",
    "docs/teacher": "Teaching",
    "docs/syllabus": "Syllabus",
    "docs/hub/README": "A class on one machine",
    "benchmarks/README": "Benchmarks",
    "data/README": "Data",
    "CONTRIBUTING": "Adding a lecture",
    "CHANGELOG": "Changelog",
}
CAPTION = (
    "*An arrow leads to a lecture that builds on the other one, a dashed arrow to one that it helps with.*"
)


def front_page(stager, root, chosen, covers):
    """README as the landing page, with the map as a picture, and a card for each lecture.

    covers: numbers of the lectures whose card has a picture.
    """
    text = (root / "README.md").read_text(encoding="utf-8")
    alt = "The lectures of the course as boxes, with an arrow from each to those that build on it: "
    alt += "; ".join(
        f"{lecture.number} {lecture.title}"
        + (f", after {' and '.join(lecture.needs)}" if lecture.needs else "")
        + (f", helped by {' and '.join(lecture.helps)}" if lecture.helps else "")
        for lecture in chosen
    )
    shown = "".join(
        f'<picture class="only-{mode}">'
        f'<source media="(max-width: 720px)" srcset="_static/map-{mode}-tall.svg">'
        f'<img class="only-{mode}" src="_static/map-{mode}.svg" alt="{alt}."></picture>'
        for mode in ("light", "dark")
    )
    text = re.sub(r"<img [^>]*>", "", text, count=1)
    own = {"lectures", "homework", "gallery", "reference/index"}
    homework = {
        Path(page).name[2:4]: f"{page.removesuffix('.ipynb')}.html"
        for page in stager.pages
        if "homework/release/" in page
    }
    shown += "".join(
        f'<span class="map-links map-{form}">'
        + "".join(
            f'<a href="notebooks/{lecture.name}.html" title="{escape(lecture.title)}" '
            f'style="left:{left:.2%};top:{top:.2%};width:{wide:.2%};height:{high:.2%}">'
            f"{lecture.number} {escape(lecture.title)}</a>"
            for lecture, left, top, wide, high in boxes(chosen)
        )
        + "</span>"
        for form, boxes in (("wide", picture.wide_boxes), ("tall", picture.tall_boxes))
    )
    cards = gallery.cards(chosen, covers, homework, stager.slides)
    parts = [f"{title} <{part}>" for part, title in PARTS.items() if part in own | stager.documents]
    parts += sorted(stager.documents - PARTS.keys())
    text = text.replace(
        "## The map\n", f'## The map\n\n<div class="map">{shown}</div>\n\n{CAPTION}\n\n{cards}\n', 1
    )
    return stager.prose(text, "index.md") + toctree(parts, hidden=True)


def lecture_page(chosen):
    """The list of lectures."""
    entries = [f"{lecture.number} · {lecture.title} <notebooks/{lecture.name}>" for lecture in chosen]
    return (
        "# Lectures\n\nEach is a notebook with its outputs, as it ran last. To change a number and see what "
        "happens, open it with `python3 course.py lab`.\n" + toctree(entries)
    )


def homework_page(chosen, pages, solutions):
    """The list of homeworks, and the way to their solutions."""
    return (
        "# Homework\n\nEach homework belongs to the lecture of the same number. Write your answers in your "
        "own copy in `work/`; its checks tell you at once where you stand. Try before you look at one.\n"
        + toctree([*homeworks(chosen, pages, "release"), *(["solutions"] if solutions else [])])
    )


def solution_page(chosen, pages):
    """The list of solutions."""
    return "# Solutions\n\nEach with its hidden tests, and with the rubric for answers in words.\n" + toctree(
        homeworks(chosen, pages, "source")
    )


def homeworks(chosen, pages, kind):
    """Entries of a toctree for the homeworks of one kind, each with its lecture's title."""
    titles = {lecture.number: lecture.title for lecture in chosen}
    found = [page.removesuffix(".ipynb") for page in pages if f"homework/{kind}/" in page]
    numbers = [Path(page).name[2:4] for page in found]
    return [f"{n} · {titles[n]} <{page}>" for n, page in zip(numbers, found, strict=True)]


def toctree(entries, *, hidden=False):
    """MyST's toctree of these entries."""
    options = ":hidden:\n" if hidden else ":maxdepth: 1\n"
    return "\n```{toctree}\n" + options + "\n" + "\n".join(entries) + "\n```\n"


def is_model(path):
    """Whether a file of a lecture's folder holds models, whose names the folder hands on."""
    lecture = (path.parent / "pictures.py").is_file()
    return lecture and path.stem not in ("pictures", "explorers", "recipe", "__init__")


def module_page(page, modules):
    """The page of a module: what its docstrings say, then the pages below it.

    modules: pairs (path, page). The files of a lecture's models follow one another on the folder's page,
    each with its own docstring, under the names by which the folder hands them on.
    """
    files = sorted(path for path, its_page in modules if its_page == page)
    names = [path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in files]
    text = heading(f"``{names[0].removeprefix('coursekit.')}``")
    if len(names) == 1:
        text += f".. automodule:: {names[0]}\n   :members:\n   :ignore-module-all:\n"
    else:
        text += f".. automodule:: {names[0]}\n   :members:\n   :imported-members:\n\n"
        text += "".join(f".. automodule:: {name}\n\n" for name in names[1:])
    below = sorted({Path(other).name for _, other in modules if other.startswith(f"{page}.")})
    return text + (contents(below) if below else "")


def reference_page(pages):
    """The front page of the reference: the prose map of the package, and all modules."""
    names = sorted({Path(page).name for page in pages})
    return heading("The package") + ".. automodule:: coursekit\n" + contents(n for n in names if "." not in n)


def heading(title):
    """A title in reStructuredText."""
    return f"{title}\n{'=' * len(title)}\n\n"


def contents(names):
    """A toctree in reStructuredText, which the sidebar shows."""
    return "\n.. toctree::\n   :hidden:\n\n" + "".join(f"   {name}\n" for name in names)
