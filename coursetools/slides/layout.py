"""How much room a thing takes on a slide of 1280 x 720, estimated: a browser measures in the tests.

And what is too tall for a slide: the positions of an explorer, cut apart to be shown one after the other.
"""

import io
import re
import struct

from PIL import Image

LONG = 75  # characters of a formula that fit on one line
ROOM = 560  # pixels of a slide of 1280 x 720 for what stands below the headline
WIDTH = 1160  # and across
LARGE = 1.2  # a figure is shown at least this much larger than in the notebook, or as large as a slide allows
ROWS = 12  # of a table
CODE = 76  # characters of code that fit on one line
TALL = 1.4  # width over height
WHITE = (255, 255, 255)


def height(kind, content):
    """About how many pixels a part takes; 28 px text has 88 characters on a line of 38 px."""
    if kind == "formula":
        return 90 + 50 * content.count("\\\\") + 36 * ("brace" in content)
    if kind == "table":
        return 40 * (content.count("\n") - 1) + 20
    if kind == "checks":
        return 32 * len(content) + 16
    if kind in ("output", "code"):
        return 33 * sum(len(line) // CODE + 1 for line in content.split("\n")) + 30
    return 38 * (len(visible(content)) // 86 + 1 + content.count("\n- ")) + 16


def tables(text):
    """A table in pieces that fit; of a summary the claims, for where they were checked is in the notebook."""
    if "| Claim" in text:
        cell = r"(?:\\.|[^|\\\n])*"  # a bar with a backslash before it belongs to the text
        text = re.sub(rf"^(\|{cell}\|)[^\n]*$", r"\1", text, flags=re.MULTILINE)
    head, line, *rows = text.splitlines()
    count = -(-len(rows) // ROWS)
    size = -(-len(rows) // count)
    return ["\n".join([head, line, *rows[i : i + size]]) for i in range(0, len(rows), size)]


def broken(formula):
    """A display formula that is too long for a slide, broken where it is wide or before its last relation."""
    if len(visible(formula)) <= LONG or "\\\\" in formula or "&" in formula:
        return formula
    if "\\qquad" in formula:
        lines = " \\\\ ".join(re.split(r"(?:\\qquad\s*)+", formula.strip("$ \n")))
        return f"$$\\begin{{gathered}} {lines} \\end{{gathered}}$$"
    body, depth, relations = formula.strip("$ \n"), 0, []
    for match in re.finditer(r"\\left|\\right|[{}]|\\[gl]e\b|\\approx\b|\\propto\b|=", body):
        token = match[0]
        if token in ("{", "\\left"):
            depth += 1
        elif token in ("}", "\\right"):
            depth -= 1
        elif depth == 0:
            relations.append(match.start())
    if len(relations) < 2:
        return formula
    first, last = relations[0], relations[-1]
    lines = f"{body[:first]} &{body[first:last]} \\\\ &{body[last:]}"
    return f"$$\\begin{{aligned}} {lines} \\end{{aligned}}$$"


def visible(text):
    """Roughly the characters that a reader sees of Markdown with mathematics."""
    return re.sub(
        r"\\(?:left|right|[bB]igg?[lr]?|mathbb|mathcal|text|q?quad|[;,! ])|[{}$*^_]|(?<=\\)[a-zA-Z]+",
        "",
        text,
    )


def figure_height(png, larger=LARGE):
    """How high a figure should be shown, in pixels: so much larger than in the notebook if there is room."""
    width, height = struct.unpack(">II", png[16:24])
    return int(height * min(larger, WIDTH / width, ROOM / height))


def is_tall(png):
    """Is the figure better off beside the words than below them?"""
    width, height = struct.unpack(">II", png[16:24])
    return width / height < TALL


def frames(png):
    """Positions of an explorer that stand one above the other, cut apart where white runs across."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    width, height = image.size
    for count in (4, 3, 2):
        step = height // count
        edges = [image.crop((0, i * step - 1, width, i * step + 1)) for i in range(1, count)]
        if (
            height > width / 2
            and height % count == 0
            and all(e.getcolors() == [(2 * width, WHITE)] for e in edges)
        ):
            return [_png(image.crop((0, i * step, width, (i + 1) * step))) for i in range(count)]
    return [png]


def _png(image):
    buffer = io.BytesIO()
    image.quantize(128).save(buffer, format="png", optimize=True)
    return buffer.getvalue()
