"""A deck as one HTML file that asks nothing of the network: reveal.js, MathJax, fonts, figures are inside."""

import base64
import re
from html import unescape
from pathlib import Path

from coursetools import assets, moving
from coursetools.slides import cells
from coursetools.slides.plan import plan

HERE = Path(__file__).parent
FONTS = [("regular", 400, "normal"), ("italic", 400, "italic"), ("semibold", 600, "normal")]


def deck(notebook, *, code=True, films=None, sharp=None):
    """The HTML of the deck of a notebook (nbformat's node). code=False leaves out all code; films: as `plan`.

    sharp: (id of a cell, alternative text) -> PNG to stand for the stored figure, in more dots.

    Raises assets.AssetError when reveal.js or MathJax has to be fetched and cannot be.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from nbconvert.filters import Highlight2HTML
    from pygments.formatters import HtmlFormatter

    slides = plan(notebook, code=code, films=films)
    finer = {
        stored: (sharp or {}).get((cell.id, unescape(alt)))
        for cell in notebook.cells
        if cell.cell_type == "code"
        for alt, stored in cells.results(cell)[0]
    }
    columns, before = [], None
    for slide in slides:
        slide.again, before = slide.headline == before, slide.headline
        if slide.column or not columns:
            columns.append([])
        columns[-1].append(slide)
    number, _, name = slides[0].title.partition(" · ")
    heading, _, subtitle = name.partition(": ")
    reveal, mathjax = assets.package("reveal.js"), assets.package("mathjax")
    environment = Environment(loader=FileSystemLoader(HERE), undefined=StrictUndefined, autoescape=False)
    environment.filters |= {
        "markdown": markdown,
        "stepwise": stepwise,
        "steps": lambda text: re.sub(r"(?<=</li>\n)<li>", '<li class="fragment">', markdown(text)),
        "inline": lambda text: re.sub(r"^\s*<p>|</p>\s*$", "", markdown(text)),
        "base64": lambda data: base64.b64encode(finer.get(data) or data).decode(),
        "code": Highlight2HTML(pygments_lexer="ipython3"),
    }
    styles = [_read(reveal / "dist" / "reset.css"), _read(reveal / "dist" / "reveal.css"), _fonts(reveal)]
    styles += [HtmlFormatter(style="default").get_style_defs(".code")]
    styles += [_read(moving.HERE / "moving.css"), _read(HERE / "deck.css")]
    return environment.get_template("deck.html.j2").render(
        title=slides[0].title,
        number=f"Notebook {number}",
        heading=heading,
        subtitle=subtitle,
        columns=columns,
        css="\n".join(styles),
        mathjax=_script(mathjax / "es5" / "tex-svg-full.js"),
        reveal=_script(reveal / "dist" / "reveal.js"),
        notes=_script(reveal / "plugin" / "notes" / "notes.js"),
        zoom=_script(reveal / "plugin" / "zoom" / "zoom.js"),
        moving=_script(moving.HERE / "moving.js"),
        script=_script(HERE / "deck.js"),
    )


ROW = re.compile(r"(\\\\(?:\[[^\]]*\])?)")  # where a line of a formula ends


def stepwise(formula):
    """A formula of several lines, aligned or gathered: those from the second on come one by one."""
    kind = "gathered" if r"\begin{gathered}" in formula else "aligned"
    opening, begin, rest = formula.partition(rf"\begin{{{kind}}}")
    body, end, closing = rest.partition(rf"\end{{{kind}}}")
    if not begin or r"\begin" in body:
        return formula
    parts = ROW.split(body)
    for i in range(2, len(parts), 2):
        blank, mark, line = parts[i].partition("&") if kind == "aligned" else ("", " ", parts[i])
        if mark and not blank.strip() and "&" not in line and line.strip():
            parts[i] = rf"{blank}{mark} \class{{fragment}}{{{{}}{line.strip()}}} "
    return f"{opening}{begin}{''.join(parts)}{end}{closing}"


def markdown(text):
    """Markdown to HTML as nbconvert does it; links into the repository become words: a deck travels alone."""
    from nbconvert.filters import markdown2html

    text = re.sub(r"\[([^\]]+)\]\((?!https?:)[^)]*\)", r"\1", text)
    html = markdown2html(re.sub(r"(?<=\d) (?=\d{3}\b)", "\N{NO-BREAK SPACE}", text))
    html = re.sub(r'<a class="anchor-link"[^>]*>.*?</a>', "", html)
    # A browser may break a line after a formula, and a comma must not begin the next one.
    return re.sub(r"(?<!\$)(\$[^$]+\$[.,;:!?)’]+)", r'<span class="tied">\1</span>', html)


def _read(path):
    return path.read_text(encoding="utf-8")


def _script(path):
    """A script to stand inside a page: its own strings must not end the element."""
    return _read(path).replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _fonts(reveal):
    faces = []
    for name, weight, style in FONTS:
        data = (reveal / f"dist/theme/fonts/source-sans-pro/source-sans-pro-{name}.woff").read_bytes()
        source = f"url(data:font/woff;base64,{base64.b64encode(data).decode()}) format('woff')"
        faces.append(
            f"@font-face {{ font-family: 'Source Sans Pro'; font-weight: {weight}; font-style: {style}; "
            f"src: {source}; }}"
        )
    return "\n".join(faces)
