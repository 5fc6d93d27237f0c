"""The course's docstrings, plain text with a few habits, as reStructuredText for Sphinx and its napoleon.

The habits: indented blocks are formulas and symbol tables and keep their columns; `word` in backticks is a
name of the code; a numbered notebook is named by its file. Sections such as `Args:` are Google's, and
napoleon reads them; here only their words are made safe.
"""

import re

CODE = re.compile(r"(`[^`]+`)")
NOTEBOOK = re.compile(r"(\b\d\d_\w+)")
SECTIONS = ("Args:", "Attributes:", "Raises:", "Returns:", "Yields:")
ENTRY = re.compile(r"    (\w+): +(?=\S)")


def to_rst(lines, notebooks=()):
    """Lines of a docstring as lines of reStructuredText, with sections in Google's style.

    notebooks: names of notebooks, to which their mention links.
    """
    result, block = [], []
    for line in [*lines, ""]:
        if line.strip():
            block.append(line.rstrip())
        elif block:
            result += [*paragraph(block, notebooks), ""]
            block = []
    return result


def paragraph(block, notebooks):
    """One block of lines without a blank one: example, section, listing, list, or prose."""
    if block[0].startswith(">>> "):
        return block
    if block[0] in SECTIONS:
        return [block[0], *(section_line(line, notebooks) for line in block[1:])]
    if all(line.startswith("  ") for line in block):
        return ["::", "", *("   " + line for line in block)]
    if block[0].startswith("- "):
        return [inline(line, notebooks) for line in block]
    return [inline(line.strip(), notebooks) for line in block]


def section_line(line, notebooks):
    """A line of a section: an entry `name: what it is` keeps its name, what goes on keeps its indent."""
    entry = ENTRY.match(line)
    start = entry[0] if entry else line[: len(line) - len(line.lstrip())]
    return start + inline(line[len(start) :], notebooks)


def inline(text, notebooks):
    """One line of prose: names of the code set as code, all other marks taken literally."""
    parts = []
    for part in CODE.split(text):
        if CODE.fullmatch(part):
            name = part[1:-1]
            is_name = re.fullmatch(r"[A-Za-z]\w*(\.\w+)*", name)
            # An escaped space is none, but lets a mark begin or end inside a word.
            parts.append(f"\\ :py:obj:`{name}`\\ " if is_name else f"\\ ``{name}``\\ ")
        else:
            # A name that is no notebook, such as a placeholder, stays text.
            pieces = NOTEBOOK.split(part)
            parts += [link_to(piece) if piece in notebooks else escape(piece) for piece in pieces]
    return "".join(parts)


def link_to(notebook):
    """A link to the page of a notebook."""
    return f"\\ :doc:`{notebook} </notebooks/{notebook}>`\\ "


def escape(text):
    """Text in which reStructuredText sees no mark but *emphasis*."""
    text = re.sub(r"([\\*_|`<>])", r"\\\1", text)
    return re.sub(r"(?<!\w)\\\*(\w[\w ]*)\\\*(?!\w)", r"*\1*", text)
