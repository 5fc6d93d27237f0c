"""Pictures out of the stored notebooks: one for each lecture's card, and those of the gallery.

docs/site/gallery.toml says which, by the beginning of their alternative texts.
"""

import io
import tomllib
from dataclasses import dataclass
from html import escape, unescape
from pathlib import Path

from PIL import Image

from coursetools.slides.cells import results

CARD = 480  # pixels across a card's picture; half as wide is shown


@dataclass(frozen=True)
class Shown:
    """One picture of the gallery: whose lecture, what is said of it, and its bytes."""

    lecture: str
    caption: str
    alt: str
    png: bytes


def figures(notebook):
    """Pairs (alternative text, PNG) of all figures of a notebook as nbformat reads it, in order."""
    coded = (cell for cell in notebook.cells if cell.cell_type == "code")
    return [(unescape(alt), png) for cell in coded for alt, png in results(cell)[0]]


def gallery(root, notebooks):
    """The pictures that gallery.toml names; ValueError for one that no notebook has.

    notebooks: number of a lecture -> its notebook.
    """
    wanted = tomllib.loads((Path(root) / "docs/site/gallery.toml").read_text(encoding="utf-8"))["picture"]
    found = []
    for each in wanted:
        pictures = figures(notebooks[each["lecture"]])
        fits = [(alt, png) for alt, png in pictures if alt.startswith(each["shows"])]
        if not fits:
            raise ValueError(f"gallery.toml: lecture {each['lecture']} has no figure of {each['shows']!r}")
        found.append(Shown(each["lecture"], each["caption"], *fits[0]))
    return found


def cover(notebook):
    """The picture of a lecture's card, PNG: its first figure of a shape that fits, or None."""
    for _, png in figures(notebook):
        width, height = Image.open(io.BytesIO(png)).size
        if width >= 400 and 1.2 <= width / height <= 2.4:
            return png
    return None


def small(png):
    """A PNG no wider than a card needs, on white, all of one shape: 16 to 10."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    image.thumbnail((CARD, CARD * 10 // 16), Image.Resampling.LANCZOS)
    page = Image.new("RGB", (CARD, CARD * 10 // 16), "white")
    page.paste(image, ((page.width - image.width) // 2, (page.height - image.height) // 2))
    buffer = io.BytesIO()
    page.quantize(64).save(buffer, format="png", optimize=True)
    return buffer.getvalue()


def cards(lectures, covers, homework, slides):
    """HTML of a card for each lecture: its picture, its minutes, and what belongs to it.

    covers: numbers of the lectures that have a picture. homework: number -> page. slides: whether there are
    decks.
    """
    parts = []
    for one in lectures:
        page = f"notebooks/{one.name}.html"
        shown = ""
        if one.number in covers:
            shown = f'<img src="_static/covers/{one.number}.png" width="{CARD}" height="{CARD * 10 // 16}" '
            shown += f'loading="lazy" alt="A figure of lecture {one.number}, {escape(one.title)}">'
        more = [(f"download/{one.name}.ipynb", "notebook")]
        more += [(f"slides/{one.name}.html", "slides")] if slides else []
        more += [(homework[one.number], "homework")] if one.number in homework else []
        links = " · ".join(f'<a href="{address}">{name}</a>' for address, name in more)
        parts.append(
            f'<li><a class="card-main" href="{page}">{shown}<b>{one.number}</b> {escape(one.title)}</a>'
            f"<span>{one.minutes} min · {links}</span></li>"
        )
    return f'<ul class="cards">{"".join(parts)}</ul>'


def gallery_page(shown, lectures):
    """The gallery as Markdown, its pictures in _static/gallery."""
    names = {one.number: one for one in lectures}
    lines = [
        "# What the models made",
        "",
        "Every picture is out of a notebook of the course, trained in seconds on two processor cores.",
        "",
    ]
    for number, each in enumerate(shown):
        lecture = names[each.lecture]
        width, height = Image.open(io.BytesIO(each.png)).size
        lines += [
            f"## {each.caption}",
            "",
            f'<img src="_static/gallery/{number}.png" width="{width}" height="{height}" loading="lazy" '
            f'alt="{escape(each.alt)}">',
            "",
            f"From [{lecture.number} · {lecture.title}](notebooks/{lecture.name}.ipynb).",
            "",
        ]
    return "\n".join(lines)
