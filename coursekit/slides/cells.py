"""What a code cell offers to a slide: its idea, its figures, the claims that it checked, what it printed."""

import ast
import base64
import re

IMAGE = re.compile(r'<img alt="([^"]*)" src="data:image/png;base64,([A-Za-z0-9+/=]+)"')
QUIET = {"check", "show", "print", "static_frames", "explore"}  # calls that show and compute nothing
LINES, COLUMNS = 8, 90  # of printed text that can be read on a slide


def results(cell):
    """Figures as (alternative text, PNG), claims that hold, and other print if it is for a slide."""
    printed, pictures = [], []
    for output in cell.outputs:
        if output.output_type == "stream" and output.name == "stdout":
            printed += output.text.splitlines()
        html = "".join(output.get("data", {}).get("text/html", ""))
        pictures += [(alt, base64.b64decode(data)) for alt, data in IMAGE.findall(html)]
    claims = [re.sub(r"\s{3}\(.*?\)$", "", line).lstrip("✓ ") for line in printed if line.startswith("✓")]
    other = [line for line in printed if line.strip() and not line.startswith("✓")]
    raw = any(re.search(r"\[\[|{", line) for line in other)  # arrays and dicts are for the notebook
    if raw or len(other) > LINES or max(map(len, other), default=0) > COLUMNS:
        other = []
    return pictures, claims, "\n".join(other)


def idea(source):
    """What a slide shows of a code cell: its functions, or else all but imports, checks and prints."""
    lines, body = source.splitlines(), ast.parse(source).body
    keep = [node for node in body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    keep = keep or [node for node in body if not _is_quiet(node)]
    end, shown = 0, []
    for node in keep:
        start = node.lineno - 1
        while start > end and lines[start - 1].startswith("#"):  # a comment belongs to what it stands above
            start -= 1
        gap = end and any(not line.strip() for line in lines[end:start])
        shown += [""] * bool(gap) + lines[start : node.end_lineno]
        end = node.end_lineno
    return "\n".join(shown)


def _is_quiet(node):
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return True
    call = node.value if isinstance(node, ast.Expr) else None
    if not isinstance(call, ast.Call):
        return False
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    return name in QUIET
