"""What the teacher gets: the table of grades, and one page on how the class did and who needs a look."""

import csv
import io
import re
from collections import Counter

CAUSES = 8  # most common failing checks that are listed


def grades_table(results, homework):
    """The table as CSV text: one line a student. An exercise or score nobody could grade is empty, not 0.

    What the roster says of somebody comes right after the student, lateness after the score.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = [exercise.name for exercise in homework.exercises]
    about = list(dict.fromkeys(title for result in results for title in result.get("roster") or {}))
    late = ["handed_in", "days_late", "final"] if any(result.get("late") for result in results) else []
    titles = ["student", *about, *names, "score", "max_score", *late, "status", "message"]
    writer.writerow(map(harmless, titles))
    for result in results:
        points = {row["exercise"]: row["points"] for row in result["exercises"]}
        cells = ["" if points.get(name) is None else f"{points[name]:g}" for name in names]
        score = "" if result["score"] is None else f"{result['score']:g}"
        row = [result["student"], *((result.get("roster") or {}).get(title, "") for title in about)]
        row += [*cells, score, f"{homework.max_score:g}"]
        if late:
            judged = result.get("late") or {}
            final = judged.get("final")
            days = "" if judged.get("days") is None else judged["days"]
            row += [judged.get("when", ""), days, "" if final is None else f"{final:g}"]
        writer.writerow(map(harmless, [*row, result["status"], result["message"]]))
    return out.getvalue()


def report_page(results, homework, *, isolated, remarks, missing):
    """The page as Markdown text. remarks: on what counts for nobody. missing: students no longer there."""
    counts = Counter(result["status"] for result in results)
    lines = [f"# {homework.name}: {len(results)} students", ""]
    lines += [f"- {counts[status]} {status}" for status in ("graded", "needs manual grading", "not graded")]
    full = [r for r in results if r["score"] is not None]
    if full:
        scores = sorted(r["score"] for r in full)
        lines.append(
            f"- scores of those {len(full)} who have one: lowest {scores[0]:g}, "
            f"middle {scores[len(scores) // 2]:g}, highest {scores[-1]:g}, of {homework.max_score:g}"
        )
    if not isolated:
        lines += [
            "",
            "**Without the sandbox** (`--no-sandbox`): the submissions ran with your own rights. They could ",
        ]
        lines[-1] += (
            "read and change your files, this report and the gradebook included, and use the network."
        )
    if homework.readable_tests:
        lines += [
            "",
            "**Hidden asserts** of this homework ran beside the submissions, which can read and bend them: ",
        ]
        lines[-1] += "full marks are no proof. Only tests written as probes are judged out of reach."
    lines += ["", "## Exercises", "", "| exercise | points | all | some | none | open | mean |"]
    lines += ["|---|---:|---:|---:|---:|---:|---:|"]
    lines += [_distribution(exercise, full) for exercise in homework.exercises]
    lines += ["", "## Most common failing checks", ""]
    causes = Counter(
        (row["exercise"], plain(row["visible"] or row["hidden"]))
        for result in full
        for row in result["exercises"]
        if row["hidden"] and row["kind"] != "manual"
    )
    lines += [f"- {number} × `{name}`: {cause}" for (name, cause), number in causes.most_common(CAUSES)]
    lines += [] if causes else ["- none"]
    again = [(r["student"], note) for r in results for note in r.get("regraded", ())]
    if again:
        lines += ["", "## Graded again", ""]
        lines += [f"- **{plain(student)}**: {plain(note)}" for student, note in again]
    late = [r for r in results if (r.get("late") or {}).get("says")]
    if late:
        lines += ["", "## Late", ""]
        lines += [f"- **{plain(r['student'])}**: {plain(r['late']['says'])}" for r in late]
    unknown = sum((r.get("late") or {"days": 0})["days"] is None for r in results)
    if unknown:
        lines += ["", f"Of {unknown} nothing tells when they handed in: they count as in time."]
    lines += ["", "## Who needs a look", ""]
    look = [r for r in results if r["status"] == "not graded" or r["notes"]]
    for result in look:
        words = [result["message"]] if result["status"] == "not graded" else []
        why = plain("; ".join(words + result["notes"]))
        lines.append(f"- **{plain(result['student'])}** ({result['status']}): {why}")
    lines += [
        f"- **{plain(name)}** is no longer in the folder; the earlier result is kept" for name in missing
    ]
    lines += [f"- {plain(remark)}" for remark in remarks]
    lines += [] if look or missing or remarks else ["- nobody"]
    return "\n".join(lines) + "\n"


def _distribution(exercise, results):
    rows = [row for result in results for row in result["exercises"] if row["exercise"] == exercise.name]
    points = [row["points"] for row in rows if row["points"] is not None]
    most = sum(p == exercise.points for p in points)
    none = sum(p == 0 for p in points)
    mean = f"{sum(points) / len(points):.2f}" if points else ""
    counts = f"{most} | {len(points) - most - none} | {none} | {len(rows) - len(points)}"
    return f"| `{exercise.name}` | {exercise.points:g} | {counts} | {mean} |"


def plain(text):
    """Text in a Markdown line: no mark-up, no HTML, no line break of its own."""
    text = " ".join(str(text).split())[:400]
    for mark in "\\`*_[]<>|":
        text = text.replace(mark, f"\\{mark}" if mark not in "<>" else {"<": "&lt;", ">": "&gt;"}[mark])
    return text


FORMULA = re.compile(r"(^|[;,\t\r\n|])(?=\s*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20])")


def harmless(value):
    """A spreadsheet takes text that begins with one of these for a formula, and would run it. So would one
    that divides a line at semicolons, as in half of Europe: a quote goes before each.
    """
    return FORMULA.sub(r"\1'", str(value))
