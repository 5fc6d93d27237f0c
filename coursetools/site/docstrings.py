"""The course's docstrings, plain text with a few habits, as reStructuredText.

The habits: indented blocks are formulas and symbol tables and keep their columns; a line `name: what it is`
describes an argument or a learned attribute; `word` in backticks is a name of the code; a numbered notebook
is named by its file.
"""

import re

CODE = re.compile(r"(`[^`]+`)")
ENTRY = re.compile(r"(\w+(?:, \w+)*(?: \([^)]*\))?(?:, \w+(?: \([^)]*\))?)*): +(?=\S)")
NOTEBOOK = re.compile(r"(\b\d\d_\w+)")
ALWAYS = {"Source", "Sources", "Notebook", "Returns", "Raises"}


def to_rst(lines, names=(), notebooks=()):
    """Lines of a docstring as lines of reStructuredText.

    names: arguments of what is documented; only these and names ending in `_` make an entry of a list.
    notebooks: names of notebooks, to which their mention links.
    """
    result, block = [], []
    for line in [*lines, ""]:
        if line.strip():
            block.append(line.rstrip())
        elif block:
            result += [*paragraph(block, names, notebooks), ""]
            block = []
    return result


def paragraph(block, names, notebooks):
    """One block of lines without a blank one: listing, list of entries, or prose."""
    if all(line.startswith("  ") for line in block):
        return ["::", "", *("   " + line for line in block)]
    if block[0].startswith("- "):
        return [inline(line, notebooks) for line in block]
    result, inside = [], False
    for line in block:
        entry = ENTRY.match(line)
        if entry and is_entry(entry[1], names):
            if not inside and result:
                result.append("")
            inside = True
            result += [escape(entry[1]), "   " + inline(line[entry.end() :], notebooks)]
        else:
            result.append("   " * inside + inline(line.strip(), notebooks))
    return result


def is_entry(label, names):
    """Does `label`, such as `a, b (n, d)`, name arguments or learned attributes?"""
    words = re.findall(r"\w+", re.sub(r"\([^)]*\)", "", label))
    return all(word in names or word in ALWAYS or word.endswith("_") for word in words)


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
