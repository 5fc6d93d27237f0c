"""The scores of a graded class in the form that a learning platform imports.

Canvas wants its own five columns in front, a second line with the points possible, and over the scores the
title of its assignment. Moodle takes any table with a column that names the user in every line. An empty
score would erase the one that is there, so whoever is not finished gets no line.
"""

import csv
import io

from coursetools.homework.grading.report import harmless

# The platform's column -> what a roster may call it, in small letters.
CANVAS = {
    "Student": ("name", "full name", "student name"),
    "ID": ("canvas id", "id"),
    "SIS User ID": ("sis user id", "sis id", "id number", "number"),
    "SIS Login ID": ("sis login id", "login", "username", "email", "e-mail"),
    "Section": ("section", "group"),
}
MOODLE = {
    "Username": ("username", "login"),
    "Email address": ("email", "e-mail", "email address"),
    "ID number": ("id number", "number", "id"),
}


def exported(results, title, max_score, platform):
    """(CSV text, who has no line in it: dict from student to the reason).

    results: of `load_results`, with what the roster says of each in `roster`. title: stands over the scores.
    platform: canvas or moodle.
    """
    columns = {"canvas": CANVAS, "moodle": MOODLE}[platform]
    left, rows = {}, {}
    for result in results:
        score = final_score(result) if result["status"] == "graded" else None
        if score is None:
            left[result["student"]] = result["status"]
            continue
        about = {name.lower(): value for name, value in (result.get("roster") or {}).items()}
        if platform == "canvas" and not any(name.startswith("sis ") for name in about):
            about.pop("id", None)  # a number of the university's would be somebody else's in Canvas
        who = [next((about[n] for n in names if about.get(n)), "") for names in columns.values()]
        if platform == "canvas":
            who[0] = who[0] or result["student"]
            who[3] = who[3] or result["student"]
        elif not any(who):
            who[0] = result["student"]
        rows[result["student"]] = [*who, f"{score:g}"]
    head = [*columns, title]
    if platform == "moodle":
        head, rows = named_in_every_line(head, rows, left)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    if platform == "canvas":
        writer.writerow(["    Points Possible", "", "", "", "", f"{max_score:g}"])
    for row in rows.values():
        writer.writerow(map(harmless, row))
    return out.getvalue(), left


def named_in_every_line(head, rows, left):
    """Head and rows with the columns that name each user; adds to `left` whom the fullest does not name.

    Moodle gives the score of a line that names nobody to the student of the line before.
    """
    users = range(len(head) - 1)
    fullest = max(users, key=lambda i: sum(bool(row[i]) for row in rows.values()))
    left |= {student: f"no {head[fullest].lower()}" for student, row in rows.items() if not row[fullest]}
    rows = {student: row for student, row in rows.items() if row[fullest]}
    kept = [*(i for i in users if all(row[i] for row in rows.values())), len(head) - 1]
    return [head[i] for i in kept], {student: [row[i] for i in kept] for student, row in rows.items()}


def final_score(result):
    """The score after what lateness takes off, None where there is none."""
    late = result.get("late") or {}
    return late.get("final", result["score"]) if result["score"] is not None else None
