"""The faults that a source file allows: each one small, in a formula, and of the kind that people make.

A fault is a change of one line: another operator, a number off by one, a comparison turned round, a mean for
a sum, a factor left out, a call forgotten. What checks arguments or only says something stays as it is.
Which faults are drawn depends on the text of each line alone: an edit elsewhere in the file changes nothing.
"""

import ast
import hashlib
import re
from dataclasses import dataclass

OPERATORS = {
    ast.Add: ["-"], ast.Sub: ["+"], ast.Mult: ["/"], ast.Div: ["*"], ast.FloorDiv: ["/"], ast.Mod: ["//"],
    ast.Pow: ["*"], ast.BitAnd: ["|"], ast.BitOr: ["&"], ast.LShift: [">>"], ast.RShift: ["<<"],
    ast.Lt: ["<=", ">"], ast.LtE: ["<", ">"], ast.Gt: [">=", "<"], ast.GtE: [">", "<"], ast.Eq: ["!="],
    ast.NotEq: ["=="], ast.Is: ["is not"], ast.IsNot: ["is"], ast.In: ["not in"], ast.NotIn: ["in"],
}  # fmt: skip
SIGNS = {
    "+": r"\+", "-": "-", "*": r"\*(?!\*)", "/": "/(?!/)", "//": "//", "%": "%", "**": r"\*\*", "&": "&",
    "|": r"\|", "<<": "<<", ">>": ">>", "<": "<(?!=)", "<=": "<=", ">": ">(?!=)", ">=": ">=", "==": "==",
    "!=": "!=", "is": r"\bis\b(?!\s+not)", "is not": r"\bis\s+not\b", "in": r"\bin\b",
    "not in": r"\bnot\s+in\b",
}  # fmt: skip
OWN_SIGN = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
    ast.BitAnd: "&", ast.BitOr: "|", ast.LShift: "<<", ast.RShift: ">>", ast.Lt: "<", ast.LtE: "<=",
    ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=", ast.Is: "is", ast.IsNot: "is not",
    ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip
PAIRS = [
    ("mean", "sum"), ("max", "min"), ("amax", "amin"), ("argmax", "argmin"), ("maximum", "minimum"),
    ("exp", "expm1"), ("log", "log1p"), ("sin", "cos"), ("zeros", "ones"), ("zeros_like", "ones_like"),
    ("tril", "triu"), ("floor", "ceil"), ("cumsum", "cumprod"), ("softplus", "relu"), ("rand", "randn"),
    ("sigmoid", "tanh"), ("sqrt", "square"), ("any", "all"), ("std", "var"), ("argsort", "sort"),
]  # fmt: skip
NAMES = {a: b for pair in PAIRS for a, b in (pair, pair[::-1])}
# What turns bad input into a sentence, and where random numbers and devices come from: no mathematics.
PLUMBING = {"as_input", "as_labels", "as_tensor", "as_levels", "positive_int", "positive_ints", "real_number"}
PLUMBING |= {"one_of", "isinstance", "hasattr", "getattr", "register_buffer", "__init__", "warn", "zip"}
PLUMBING |= {"checked", "as_data", "validate_data", "finite", "print"}


@dataclass(frozen=True)
class Edit:
    """One fault: in `file`, within `function`, the line `old` becomes `new`.

    Lines are without the blanks around them; `source` is the whole file with the fault in it.
    """

    file: str
    function: str
    number: int
    old: str
    new: str
    source: str

    @property
    def key(self):
        """What tests/equivalent_mutants.txt calls it."""
        return f"{self.file} :: {self.function} :: {self.old} => {self.new}"


def edits_of(file, source):
    """Every fault that a file allows, a list of `Edit`s in the order of the lines."""
    data, starts, found = source.encode(), [0], []
    for line in data.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for function, start, end, new in _changes(ast.parse(source), data, starts):
        changed = (data[:start] + new.encode() + data[end:]).decode()
        number = data[:start].count(b"\n")
        old_line, new_line = (text.splitlines()[number].strip() for text in (source, changed))
        if old_line != new_line:
            found.append(Edit(file, function, number + 1, old_line, new_line, changed))
    return found


def draw(edits, n, seed):
    """n of the edits: lines first, so that a long line counts once, and then one fault of each.

    The rank of a line or fault is a hash of its text, so that the others stay when one line changes.
    """
    by_line = {}
    for edit in edits:
        by_line.setdefault((edit.file, edit.number), []).append(edit)
    drawn = [min(choices, key=lambda edit: _rank(seed, edit.key)) for choices in by_line.values()]
    drawn.sort(key=lambda edit: _rank(seed, f"{edit.file} {edit.function} {edit.old}"))
    return sorted(drawn[:n], key=lambda edit: (edit.file, edit.number))


def _rank(seed, text):
    return hashlib.sha256(f"{seed} {text}".encode()).hexdigest()


def _changes(tree, data, starts):
    """(function, start, end, new text) of each fault; positions in bytes."""

    def place(node):
        return starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset

    def between(left, right, op):
        start, end = place(left)[1], place(right)[0]
        for match in re.finditer(SIGNS[OWN_SIGN[type(op)]], data[start:end].decode()):
            for new in OPERATORS[type(op)]:
                yield start + match.start(), start + match.end(), new

    def visit(node, function):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            function = f"{function}.{node.name}" if function else node.name
        for change in _of_node(node, place, between, data):
            yield function, *change
        for child in _children(node):
            yield from visit(child, function)

    return list(visit(tree, ""))


def _of_node(node, place, between, data):
    """(start, end, new text) of the faults of one node of the syntax tree, without its children's."""
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        yield from between(node.left, node.right, node.op)
    elif isinstance(node, ast.Compare):
        operands = [node.left, *node.comparators]
        for left, op, right in zip(operands[:-1], node.ops, operands[1:], strict=True):
            yield from between(left, right, op)
    elif isinstance(node, ast.AugAssign) and type(node.op) in OPERATORS:
        yield from between(node.target, node.value, node.op)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.Not, ast.Invert)):
        yield place(node)[0], place(node.operand)[0], ""
    elif isinstance(node, ast.BoolOp):
        own, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        for left, right in zip(node.values[:-1], node.values[1:], strict=True):
            start, end = place(left)[1], place(right)[0]
            for match in re.finditer(rf"\b{own}\b", data[start:end].decode()):
                yield start + match.start(), start + match.end(), new
    elif isinstance(node, ast.keyword) and node.arg in ("axis", "dim") and _number(node.value) is not None:
        yield *place(node.value), "1" if _number(node.value) == 0 else "0"
    elif isinstance(node, ast.Constant):
        for text in _other_constants(node.value):
            yield *place(node), text
    elif isinstance(node, ast.Attribute):
        start, end = place(node.value)[1], place(node)[1]
        if node.attr in NAMES:
            yield end - len(node.attr), end, NAMES[node.attr]
        elif node.attr in ("T", "mT"):
            yield start, end, ""
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in NAMES:
        yield *place(node.func), NAMES[node.func.id]
    elif isinstance(node, (ast.IfExp, ast.If)) and not _refuses(node):
        yield *place(node.test), f"not ({data[slice(*place(node.test))].decode()})"
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and not _is_plumbing(node.value):
        yield *place(node), "pass"  # a call forgotten


def _other_constants(value):
    if isinstance(value, bool):
        return [str(not value)]
    if isinstance(value, int):
        return [str(value + 1), *([str(value - 1)] if value > 0 else []), *(["2"] if value == 0 else [])]
    if isinstance(value, float):
        return [repr(2 * value) if value else "1.0", *(["0.0"] if value else [])]
    return []


def _children(node):
    """The children in which a fault may be planted."""
    if isinstance(node, (ast.Raise, ast.Assert, ast.Import, ast.ImportFrom, ast.JoinedStr)):
        return []
    if _refuses(node):
        return node.orelse
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return [*filter(None, [*node.args.defaults, *node.args.kw_defaults]), *node.body]
    if isinstance(node, ast.ClassDef):
        return node.body
    if isinstance(node, ast.AnnAssign):
        return [node.value] if node.value else []
    if isinstance(node, ast.Call) and _is_plumbing(node):
        return []
    if isinstance(node, ast.keyword) and node.arg in ("axis", "dim"):
        return []
    return list(ast.iter_child_nodes(node))


def _is_plumbing(call):
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    return name in PLUMBING or name.startswith(("check_", "require", "_check"))


def _refuses(node):
    """Is it an `if` before a sentence about bad input?"""
    return isinstance(node, ast.If) and isinstance(node.body[-1], ast.Raise)


def _number(node):
    """The whole number that a node is, with its sign; None for anything else."""
    try:
        value = ast.literal_eval(node)
    except ValueError:
        return None
    return value if type(value) is int else None
