"""The page a student gets back: one file, no script, no network, everything escaped, no hidden test in it."""

import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

MAX_CELL = 30_000  # characters of one cell that are shown
PAGE = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True).get_template(
    "feedback.html.j2"
)
NAME = re.compile(r"[\w-]+")  # of an exercise, where it can be the target of a link


def feedback_page(result, homework_name, max_score, figures=None):
    """HTML of one result (see `grade`): verdict, one row an exercise, then the student's answers as they ran.

    figures: exercise -> pairs (alternative text, PNG in base64) of the homework's own pictures.
    """
    cells, headed = [], set()
    for cell in result["cells"]:
        name = cell["grade_id"] if cell["role"] in ("answer", "manual") else ""
        name = name if NAME.fullmatch(name) and name not in headed else ""
        headed.add(name)
        if shown := _cell(cell, name, (figures or {}).get(name, ())):
            cells.append(shown)
    return PAGE.render(
        homework=homework_name,
        student=result["student"],
        handed_in=result.get("handed_in"),
        verdict=_verdict(result, max_score),
        notes=[sentence(note) for note in [*result.get("regraded", ()), *result["notes"]]],
        rows=[_row(row) for row in result["exercises"]],
        headed=headed - {""},
        cells=cells,
    )


def sentence(text):
    """With a capital letter and a full stop."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '?', '!')) else '.'}"


def _verdict(result, max_score):
    """What stands at the top, a list of lines."""
    if result["status"] == "not graded":
        lines = [f"Not graded: {result['message']}."]
        return [*lines, "This is no zero. Mend what the sentence says, or ask your teacher."]
    waits = any(row["points"] is None for row in result["exercises"])
    waiting = " so far; an answer in words waits for your teacher" if waits else ""
    lines = [f"{result['score']:g} of {max_score:g} points{waiting}."]
    return lines + ([sentence(result["late"]["says"])] if (result.get("late") or {}).get("says") else [])


def _row(row):
    right = False
    if row["points"] is None:
        found = "is read by your teacher" if row["kind"] == "manual" else sentence(row["hidden"])
    elif row["hidden"] is None:
        right = row["kind"] != "manual"
        found = "right, on other data too" if right else "read"
    elif row["visible"]:
        found = sentence(row["visible"])
    else:
        found = sentence(row["hidden"])
        if row["kind"] != "manual":
            found = f"The checks in the notebook pass, the grading on other data does not: {found}"
    points = f"{'?' if row['points'] is None else format(row['points'], 'g')} of {row['max']:g}"
    shown = {"name": row["exercise"], "found": found, "right": right, "points": points}
    return shown | {"comment": row.get("comment")}


def _cell(cell, heading, figures):
    """What is shown of a cell: what the student wrote, what a check said; None if that is nothing."""
    words = cell["type"] != "code"
    hers = cell["role"] in ("answer", "manual") or (cell["role"] == "other" and not words)
    shown = {
        "heading": heading,
        "figures": figures,
        "words": words,
        "source": cell["source"][:MAX_CELL] if hers else "",
        "text": "" if words else cell["text"].rstrip(),
        "error": cell["error"],
    }
    return shown if hers or shown["text"].strip() or shown["error"] else None
