"""The scores of a graded class in the form that a learning platform imports.

Canvas wants its own five columns in front and a second line with the points possible; Moodle takes any
table with a column that names the user. Both leave a grade alone where the field is empty, so whoever is not
finished is left empty.
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


def exported(results, homework_name, max_score, platform):
    """(CSV text, names of students who are left empty).

    results: of `load_results`, with what the roster says of each in `roster`. platform: canvas or moodle.
    """
    columns, rows, left = {"canvas": CANVAS, "moodle": MOODLE}[platform], [], []
    for result in results:
        about = {title.lower(): value for title, value in (result.get("roster") or {}).items()}
        who = [next((about[n] for n in names if about.get(n)), "") for names in columns.values()]
        score = final_score(result) if result["status"] == "graded" else None
        left += [result["student"]] if score is None else []
        if platform == "canvas":
            who[0] = who[0] or result["student"]
            who[3] = who[3] or result["student"]
        elif not any(who):
            who[0] = result["student"]
        rows.append([*who, "" if score is None else f"{score:g}"])
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*columns, homework_name])
    if platform == "canvas":
        writer.writerow(["    Points Possible", "", "", "", "", f"{max_score:g}"])
    for row in rows:
        writer.writerow(map(harmless, row))
    return out.getvalue(), left


def final_score(result):
    """The score after what lateness takes off, None where there is none."""
    late = result.get("late") or {}
    return late.get("final", result["score"]) if result["score"] is not None else None
