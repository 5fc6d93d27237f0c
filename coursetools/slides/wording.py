"""From a paragraph to what a slide says: blocks of Markdown, sentences, and which few of them stay.

Pure functions over text. What is not chosen is not lost: the planner puts the whole cell into the notes.
"""

import re
from dataclasses import dataclass

HEADLINE = 28  # words that a headline can hold
WORDS = 55  # of prose that a slide may carry; formulas, tables and questions come on top
FOLD = re.compile(r"<details>\s*<summary>(.*?)</summary>(.*?)</details>", re.DOTALL)
LEAD = re.compile(r"(\*\*?)([^*]+?)(?:(?<=[.:?!])\1|\1[.:])\s*(.*)", re.DOTALL)
# A sentence ends before a blank that a capital, a quotation, emphasis or mathematics follows.
END = re.compile(r"(?<=[.?!])(?:(?<=[^A-Z]\.)|(?<=[?!]))[\"*)_$]*\s+(?=[\"“(\[*_$]*[A-Z$\\])")
LABELS = ("Question", "Formula", "Intuition", "Picture", "Answer", "Try it")  # they name no topic
PREDICT = "Predict before you run"
# Sentences that point to the notebook's next cell, or stand in brackets.
ASIDE = re.compile(
    r"\(|(?:Below|Here|Now|We (?:begin|move|try|ask)|To see|Let us|Look at|Does the package)\b"
    r"|The (?:first )?cell\b"
)
# They announce a finding and are none.
POINTS = re.compile(r"(?:Two|Three|Four|Five) \w+\.$|(?:Follow|Look|Compare|Read|See|Watch|Start)\b")
ABBREVIATION = re.compile(r"\b(?:al|vs|cf|e\.g|i\.e|Fig|Sect|eq)\.[*_]*$")


@dataclass
class Block:
    """One block of a Markdown cell; kind: heading, text, formula, table, list, fold or quote."""

    kind: str
    text: str
    answer: str = ""  # of a fold; its text is the summary


def blocks(source):
    """The blocks of a Markdown cell, in order."""
    found = []

    def keep(match):
        found.append(Block("fold", match[1].strip(), match[2].strip()))
        return f"\n\n\0{len(found) - 1}\0\n\n"

    rest = FOLD.sub(keep, source)
    rest = re.sub(r"(\$\$.+?\$\$)[ \t]*", lambda m: f"\n\n{m[1]}\n\n", rest, flags=re.DOTALL)
    parts = re.split(r"\n\s*\n", rest)
    return [_block(part.strip(), found) for part in parts if part.strip(" \n.,;")]


def _block(part, folds):
    if part.startswith("\0"):
        return folds[int(part.strip("\0"))]
    kinds = {"#": "heading", "$$": "formula", "|": "table", ">": "quote"}
    kind = next((kind for start, kind in kinds.items() if part.startswith(start)), "text")
    if re.match(r"(?:[-*+]|\d+\.)\s", part):
        kind = "list"
    return Block(kind, part)


def sentences(text):
    """Split a paragraph into sentences; what stands between dollars, backquotes or brackets stays whole."""
    hidden = []

    def hide(match):
        hidden.append(match[0])
        return f"$\0{len(hidden) - 1}\0" + (match[0][-2] if match[0][-2] in ".?!" else "") + "$"

    text = re.sub(r"\$[^$]+\$|`[^`]+`|\([^()]*\)", hide, " ".join(text.split()))
    pieces, start = [], 0
    for match in END.finditer(text):
        if not ABBREVIATION.search(text[start : match.start()]):
            pieces.append(text[start : match.end()].strip())
            start = match.end()
    pieces.append(text[start:].strip())
    while any("\0" in piece for piece in pieces):  # brackets may hold mathematics
        pieces = [re.sub(r"\$\0(\d+)\0[.?!]?\$", lambda m: hidden[int(m[1])], piece) for piece in pieces]
    return [piece for piece in pieces if piece]


def opening(text):
    """('Why is it hard?', rest) of a paragraph that opens in bold or italics, else (None, text)."""
    match = LEAD.match(text)
    return (match[2].strip().rstrip(".:"), match[3]) if match else (None, text)


def name(block):
    """The name of the topic that a block opens with, or None."""
    lead = opening(block.text)[0] if block.kind == "text" else None
    return None if lead in (*LABELS, PREDICT) else lead


def from_next_name(found):
    """What follows a figure's caption: from the next topic on, or all of it if no topic is named."""
    return next((found[i:] for i, block in enumerate(found) if name(block)), found)


def worth_a_slide(found):
    """Prose in the middle of a topic is for the notes, but for a name, a formula, a table or a question."""
    kinds = {block.kind for block in found}
    return bool(found) and bool(name(found[0]) or kinds & {"heading", "formula", "table", "fold"})


def finding(text):
    """What a caption says in short, and what it asks of the next figure, one of them ''.

    The first sentence, with the second if the first only points.
    """
    parts = [part for part in sentences(text) if not part.startswith("(")] or [text]
    if POINTS.match(parts[0]) and len(" ".join(parts[:2]).split()) > HEADLINE:
        parts = parts[1:] or parts
    if parts[0].endswith("?"):
        return "", parts[0]
    if re.match(r"(?:Now|Below|Here|The cell|In the explorer)\b", parts[0]):
        return "", ""
    both = " ".join(parts[:2])
    return both if len(parts[0].split()) < 8 and len(both.split()) <= HEADLINE else parts[0], ""


def chosen(paragraphs, *, limit=WORDS):
    """The sentences that stay on the slide, joined in their order, one string a paragraph ('' if none).

    paragraphs: list of (text, leads to a formula, list or table?). First what leads on, then what names a
    term in bold, then openings, as long as the words last.
    """
    ranked = []
    for i, (text, leads) in enumerate(paragraphs):
        parts = sentences(text)
        if len(parts) > 1 and opening(parts[0])[1] == "":  # a name in bold says nothing alone
            parts[:2] = [f"{parts[0]} {parts[1]}"]
        for j, sentence in enumerate(parts):
            last = j == len(parts) - 1
            rank = 0 if leads and last else 1 if "**" in sentence else 2 if j == 0 else 3
            if rank < 2 or not (ASIDE.match(sentence) or len(sentence.split()) < 5 or sentence.endswith(":")):
                ranked.append((rank, i, j, sentence if leads else re.sub(":$", ".", sentence)))
    kept, words = [], 0
    for rank, i, j, sentence in sorted(ranked):
        length = len(re.sub(r"\$[^$]+\$", "x x", sentence).split())
        if words + length <= limit and (rank < 3 or words + length <= limit // 2):
            kept.append((i, j, sentence))
            words += length
    kept.sort()
    return [" ".join(s for k, _, s in kept if k == i) for i in range(len(paragraphs))]


def up_to_the_question(text):
    """The paragraph's sentences up to the first that asks; all if none does."""
    parts = sentences(text)
    last = next((i for i, part in enumerate(parts) if part.rstrip("*_").endswith("?")), len(parts) - 1)
    return " ".join(parts[: last + 1])
