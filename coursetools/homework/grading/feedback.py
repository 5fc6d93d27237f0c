"""The page a student gets back: one file, no script, no network, everything escaped, no hidden test in it."""

from html import escape

STYLE = """
body { font: 16px/1.55 system-ui, sans-serif; color: #222; background: #fff; max-width: 46rem;
  margin: 2.5rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
th, td { text-align: left; vertical-align: top; padding: .45rem .6rem; border-bottom: 1px solid #ddd; }
td.points, th.points { text-align: right; white-space: nowrap; }
pre { background: #f6f6f4; border-left: 3px solid #bbb; padding: .6rem .8rem; white-space: pre-wrap;
  overflow-wrap: anywhere; font: 14px/1.45 ui-monospace, monospace; }
pre.text { background: none; border-left-color: #e5e5e5; font-family: inherit; font-size: 16px; }
pre.output { margin-top: -.6rem; background: #fff; border: 1px solid #e5e5e5; color: #444; }
pre.wrong { border-left-color: #b3261e; } .note { color: #555; } .right { color: #1b6e3a; }
.score { font-size: 1.15rem; } code { overflow-wrap: anywhere; } td:first-child { white-space: nowrap; }
@media print { body { margin: 0; } }
"""
HEAD = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    # Nothing on this page may run or be loaded, even if something slipped through the escaping.
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
)
MAX_CELL = 30_000  # characters of one cell that are shown


def feedback_page(result, homework_name, max_score):
    """HTML of one result (see `grade`): verdict, one row an exercise, then the notebook as it was run."""
    title = f"{homework_name} · {result['student']}"
    parts = [HEAD, f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>"]
    when = f", handed in {escape(result['handed_in'])}" if result.get("handed_in") else ""
    parts.append(f"<h1>{escape(homework_name)}</h1><p class='note'>{escape(result['student'])}{when}</p>")
    if result["status"] == "not graded":
        parts.append(f"<p class='score'>Not graded: {escape(result['message'])}.</p>")
        parts.append("<p>This is no zero. Mend what the sentence says, or ask your teacher.</p>")
    else:
        open_points = [row for row in result["exercises"] if row["points"] is None]
        waiting = " so far; an answer in words waits for your teacher" if open_points else ""
        parts.append(
            f"<p class='score'><b>{_number(result['score'])} of {_number(max_score)} points</b>{waiting}.</p>"
        )
    parts += [f"<p class='note'>{escape(sentence(note))}</p>" for note in result["notes"]]
    if result["exercises"]:
        parts.append("<table><tr><th>exercise<th>what was found<th class='points'>points</tr>")
        parts += [_row(row) for row in result["exercises"]]
        parts.append("</table>")
    if result["cells"]:
        parts.append("<h2>Your notebook, as it was run</h2>")
        parts += [_cell(cell) for cell in result["cells"]]
    return "".join([*parts, "</body></html>\n"])


def sentence(text):
    """With a capital letter and a full stop."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '?', '!')) else '.'}"


def _row(row):
    if row["points"] is None:
        found = "is read by your teacher" if row["kind"] == "manual" else escape(sentence(row["hidden"]))
    elif row["hidden"] is None:
        found = "<span class='right'>right, on other data too</span>" if row["kind"] != "manual" else "read"
    elif row["visible"]:
        found = escape(sentence(row["visible"]))
    else:
        found = escape(sentence(row["hidden"]))
        if row["kind"] != "manual":
            found = f"The checks in the notebook pass, the grading on other data does not: {found}"
    if row.get("comment"):
        found += f"<br>{escape(row['comment'])}"
    points = "?" if row["points"] is None else _number(row["points"])
    return (
        f"<tr><td><code>{escape(row['exercise'])}</code><td>{found}"
        f"<td class='points'>{points} of {_number(row['max'])}</tr>"
    )


def _cell(cell):
    source = cell["source"][:MAX_CELL]
    if cell["type"] != "code":
        # The homework's own text is known to the student; only the student's is shown.
        return f"<pre class='text'>{escape(source)}</pre>" if cell["role"] == "manual" else ""
    shown = f"<pre>{escape(source)}</pre>"
    if cell["text"].strip():
        shown += f"<pre class='output'>{escape(cell['text'].rstrip())}</pre>"
    if cell["error"]:
        shown += f"<pre class='output wrong'>{escape(cell['error'])}</pre>"
    return shown


def _number(value):
    return f"{value:g}"
