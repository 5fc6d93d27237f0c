"""Answers that look alike: shingles of tokens, each against each other and against the solution.

A shingle is a run of SHINGLE tokens; comments, layout and the names that a student chose are left out, so
that renaming hides nothing. What the release gave, and what many of the class wrote, is no sign of anything.
What is left is still a hint and no proof: a short exercise has few right answers.
"""

import builtins
import io
import keyword
import tokenize
from collections import Counter

SHINGLE = 6  # tokens
LEAST = 15  # shingles that an answer needs to be compared at all
ALIKE = 0.8  # share of the shorter one's shingles that the other has too
COMMON = 0.3  # of the class: a shingle that so many have tells nothing
MOST = 40  # pairs that are listed
KEPT = {*keyword.kwlist, *dir(builtins), "np", "torch"}
LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
LAYOUT |= {tokenize.ENCODING, tokenize.ENDMARKER}


def shingles(source):
    """The shingles of an answer, a set; what cannot be read as Python is cut at blanks."""
    tokens, dot = [], False
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type in LAYOUT:
                continue
            chosen = token.type == tokenize.NAME and token.string not in KEPT and not dot
            words = token.type == tokenize.STRING and token.string.startswith(('"""', "'''"))
            if not words:
                tokens.append("name" if chosen else token.string)
            dot = token.string == "."
    except (tokenize.TokenError, SyntaxError):
        tokens = source.split()
    return {tuple(tokens[i : i + SHINGLE]) for i in range(len(tokens) - SHINGLE + 1)}


def alike(answers, given="", solution=""):
    """Triples (share, student, other), most alike first; other is None for the solution.

    answers: student -> source of one exercise. given: what the release has in its place.
    """
    stub = shingles(given)
    found = {student: shingles(source) - stub for student, source in answers.items()}
    seen = Counter(shingle for each in found.values() for shingle in each)
    most = max(2, COMMON * len(found))
    rare = {student: {s for s in each if seen[s] <= most} for student, each in found.items()}
    pairs, model = [], shingles(solution) - stub
    students = sorted(student for student in rare if len(rare[student]) >= LEAST)
    for i, student in enumerate(students):
        mine = rare[student]
        for other in students[i + 1 :]:
            share = len(mine & rare[other]) / min(len(mine), len(rare[other]))
            pairs += [(share, student, other)] if share >= ALIKE else []
    for student, each in found.items():
        if min(len(each), len(model)) >= LEAST:
            share = len(each & model) / min(len(each), len(model))
            pairs += [(share, student, None)] if share >= ALIKE else []
    return sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2] or ""))


def similarity_page(classes):
    """The page as Markdown. classes: exercise -> list of triples of `alike`, names safe for Markdown."""
    lines = [
        "# Answers that look alike",
        "",
        "**A hint and no proof.** Compared are runs of tokens, without names, comments and layout. Short "
        "exercises have few right answers, people learn from the same lecture, and the solutions are public. "
        "Look at both answers, and talk to both people, before you think anything.",
        "",
    ]
    for exercise, pairs in classes.items():
        if not pairs:
            continue
        lines += [f"## `{exercise}`", ""]
        for share, student, other in pairs[:MOST]:
            who = f"{student} and {other}" if other else f"{student} and the course's solution"
            lines.append(f"- {share:.0%}: {who}")
        lines += [f"- and {len(pairs) - MOST} more"] if len(pairs) > MOST else []
        lines.append("")
    if not any(classes.values()):
        lines += [f"No two answers share {ALIKE:.0%} of what is not common to the class.", ""]
    return "\n".join(lines)
