"""What a code cell offers to a slide: its idea, its figures, the claims that it checked, what it printed."""

import ast
import base64
import re

IMAGE = re.compile(r'<img alt="([^"]*)" src="data:image/png;base64,([A-Za-z0-9+/=]+)"')
QUIET = {"check", "show", "print", "static_frames", "explore"}  # calls that show and compute nothing
LONGEST = 15  # lines of code on a slide
# A claim about the code is for who reads the notebook; a class sees those about the mathematics.
OF_THE_CODE = re.compile(
    r"coursekit|\bby hand\b|\bpackage\b|PyTorch|scikit|SciPy|NumPy|\bours?\b|`|\bcell\b|\w_\w|\(\)"
    r"|\bautograd|\btorch\b|\bnumpy\b|\bstored\b|\brepeats? the\b|\bagain:"
)
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
    claims = [claim for claim in claims if not OF_THE_CODE.search(claim)]
    while claims and re.match(r"=|and ", claims[0]):  # it went on from one that is not for a class
        del claims[0]
    other = [line for line in printed if line.strip() and not line.startswith("✓")]
    raw = any(re.search(r"\[\[|{", line) for line in other)  # arrays and dicts are for the notebook
    if raw or len(other) > LINES or max(map(len, other), default=0) > COLUMNS:
        other = []
    return pictures, claims, "\n".join(other)


def idea(source):
    """What a slide shows of a code cell: its functions, or else all but imports, checks and prints."""
    body = ast.parse(source).body
    functions = [node for node in body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    shown = [_lines(source, node) for node in functions or body if not _is_quiet(node)]
    if functions and sum(map(len, shown)) > LONGEST:
        shown = shown[-1:]  # the last function is the one that the others serve
    return ("\n\n" if functions else "\n").join("\n".join(lines) for lines in shown)


def _lines(source, node):
    """The lines of a statement with the comments above it, without docstring: the speaker says that."""
    lines, start = source.splitlines(), node.lineno - 1
    while start and lines[start - 1].startswith("#"):  # a comment belongs to what it stands above
        start -= 1
    document = node.body[0] if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) else None
    hidden = range(document.lineno - 1, document.end_lineno) if document else ()
    return [lines[i] for i in range(start, node.end_lineno) if i not in hidden]


def _is_quiet(node):
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return True
    call = node.value if isinstance(node, ast.Expr) else None
    if not isinstance(call, ast.Call):
        return False
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    return name in QUIET
