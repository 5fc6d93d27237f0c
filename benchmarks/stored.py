"""The way from a case to a notebook: runs that are too long for it go into data/results, as small files.

    from coursekit.vae import recipe

    def mixture(bench):
        "One sentence that the table of README.md shows."
        row = bench.row("ELBO on the test images", "nats", better="higher")
        with bench.store("vae_mixture", recipe, "digits") as table:
            for seed in bench.seeds:
                (model, history), seconds = cpu_seconds(recipe.digits, seed)
                table.add(seed=seed, steps=len(history.loss), seconds=seconds, elbo=...)
                row.add(OURS, seed, ...)
            table.arrays["samples"] = ...  # bytes, please: a lecture has 100 kB

writes data/results/vae_mixture.json and .npz when all is done, and the notebook reads them with
`data.results("vae_mixture")`. The fingerprint is of the recipe's function `digits` and of all that it uses in
its file (of the whole file when no function is named): a test fails when they have changed since. Where the
recipe takes something from other recipes, as lecture 19 does, their fingerprints are stored beside it.
"""

import ast
import hashlib
import json
import math
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "data" / "results"


def fingerprint(path, parts=()):
    """Hash of what a Python file says: comments, docstrings, layout and types do not count.

    parts: names of functions or constants; then only they count, and what they use of the same file.
    """
    statements = _Untyped().visit(ast.parse(Path(path).read_text(encoding="utf-8"))).body
    if parts:
        statements = _used(statements, parts, path)
    return hashlib.sha256(_text(_needed(statements, parts)).encode()).hexdigest()[:16]


def others(path, parts=()):
    """{file from the repository's root: fingerprint} of what is used of other recipes, directly or by others.

    A recipe is a recipe.py, or any file of coursekit/comparison.
    """
    needed, waiting = {}, [(Path(path), None if not parts else set(parts))]
    while waiting:
        file, names = waiting.pop()
        known = needed.get(file, set())
        if known is None or (names is not None and names <= known and file in needed):
            continue
        needed[file] = None if names is None else known | names
        tree = _Untyped().visit(ast.parse(file.read_text(encoding="utf-8"))).body
        used = _used(tree, needed[file], file) if needed[file] else tree
        waiting += _taken_from_recipes(_needed(used, needed[file] or ()))
    del needed[Path(path)]
    found = {file.relative_to(ROOT).as_posix(): names for file, names in needed.items()}
    return {name: fingerprint(ROOT / name, sorted(found[name] or ())) for name in sorted(found)}


def _taken_from_recipes(statements):
    """[(file, names used of it; None for all)] of the imports among statements that bring in a recipe."""
    nodes = [node for each in statements for node in ast.walk(each)]
    for each in statements:
        if not isinstance(each, ast.ImportFrom):
            continue
        folder = ROOT.joinpath(*each.module.split("."))
        for alias in each.names:
            if _is_recipe(folder / f"{alias.name}.py"):  # from coursekit.gan import recipe as gan_recipe
                attributes = [node for node in nodes if isinstance(node, ast.Attribute)]
                names = [node for node in nodes if isinstance(node, ast.Name) and node.id == _bound(alias)]
                owners = [node for node in attributes if node.value in names]
                whole = len(owners) < len(names)  # the module itself is handed on
                yield folder / f"{alias.name}.py", None if whole else {node.attr for node in owners}
            elif _is_recipe(folder.with_suffix(".py")):  # from coursekit.comparison.bounds import ...
                yield folder.with_suffix(".py"), {alias.name}


def _is_recipe(file):
    return file.is_file() and (file.stem == "recipe" or file.parent.name == "comparison")


class _Untyped(ast.NodeTransformer):
    """A file without its annotations; in a class `width: int` stays a field under its name."""

    in_class = False

    def visit_FunctionDef(self, node):
        node.returns = None
        return self._with_body(node, in_class=False)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node):
        return self._with_body(node, in_class=True)

    def _with_body(self, node, in_class):
        before, self.in_class = self.in_class, in_class
        self.generic_visit(node)
        self.in_class = before
        return node

    def visit_arg(self, node):
        node.annotation = None
        return node

    def visit_AnnAssign(self, node):
        self.generic_visit(node)
        node.annotation = None
        if self.in_class:
            return node
        return None if node.value is None else ast.Assign(targets=[node.target], value=node.value)


def _needed(statements, parts):
    """The statements, their imports cut down to parts and to the names that something uses."""
    used = set(parts) | {
        node.id for each in statements for node in ast.walk(each) if isinstance(node, ast.Name)
    }
    for each in statements:
        if isinstance(each, (ast.Import, ast.ImportFrom)):
            each.names = [name for name in each.names if _bound(name) in used]
    return [each for each in statements if getattr(each, "names", True)]


def _bound(alias):
    """The name that an import binds: numpy for `import numpy.linalg`."""
    return (alias.asname or alias.name).split(".")[0]


def _used(statements, parts, path):
    """Those statements that define the names in parts, or what they use, in the order of the file."""
    defines = {}  # a name may be defined in several steps: A = ...; A |= ...
    for statement in statements:
        for name in _defined(statement):
            defines.setdefault(name, []).append(statement)
    unknown = [name for name in parts if name not in defines]
    if unknown:
        raise ValueError(f"{Path(path).name} has no {', '.join(unknown)}")
    used, waiting = [], list(parts)
    while waiting:
        for statement in defines.pop(waiting.pop(), []):
            used.append(statement)
            waiting += [node.id for node in ast.walk(statement) if isinstance(node, ast.Name)]
    return [statement for statement in statements if statement in used]


def _defined(statement):
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return [statement.name]
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return [_bound(alias) for alias in statement.names]
    stored = (node for node in ast.walk(statement) if isinstance(node, ast.Name))
    return [node.id for node in stored if isinstance(node.ctx, ast.Store)]


def _text(node):
    """The tree as text. `ast.dump` would do, were it the same in every version of Python."""
    if isinstance(node, list):
        return "[" + ",".join(_text(each) for each in node if not _is_docstring(each)) + "]"
    if not isinstance(node, ast.AST):
        return repr(node)
    # Where a name is imported from may change with the house; what is done with it may not.
    left_out = ("module", "level") if isinstance(node, ast.ImportFrom) else ()
    fields = ((name, value) for name, value in ast.iter_fields(node) if name not in left_out)
    fields = ((name, value) for name, value in fields if value is not None and value != [])
    return f"{type(node).__name__}({','.join(f'{name}={_text(value)}' for name, value in fields)})"


def _is_docstring(node):
    """A string that stands alone does nothing, wherever it is."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


class Table:
    """Rows and arrays under way; written when the `with` block ends without an error, and not before."""

    def __init__(self, bench, name, recipe, parts):
        self.bench, self.name, self.parts = bench, name, parts
        self.path = Path(recipe.__file__)
        self.rows, self.arrays = [], {}

    def add(self, *, seed, steps, seconds, **values):
        """One run: its seed, steps made, CPU seconds, and what was measured: numbers and short words.

        steps: a number, or one for each stage of the training; then their sum is stored.
        """
        if self.bench.interrupts and self.bench.interrupts.pressed():
            raise KeyboardInterrupt
        steps = sum(steps) if isinstance(steps, (list, tuple)) else steps
        row = {"seed": int(seed), "steps": int(steps), "seconds": float(seconds), **values}
        self.rows.append({key: _plain(key, value) for key, value in row.items()})
        where = "for" if self.bench.results.tables is not None else "not stored, would be for"
        self.bench.say(f"{where} {self.name}: {self.rows[-1]}")

    def __enter__(self):
        self.fingerprint = fingerprint(self.path, self.parts)  # of what is about to run
        self.others = others(self.path, self.parts)
        return self

    def __exit__(self, kind, error, trace):
        if kind is None and not self.rows:
            raise ValueError(f"{self.name}: nothing was added to the table")
        folder = self.bench.results.tables
        if kind is None and folder is not None:
            self.write(folder)

    def write(self, folder):
        """NAME.json, one row a line, and NAME.npz where there are arrays."""
        entry = self.bench.entry
        about = {
            "seeds": sorted({row["seed"] for row in self.rows}),
            "versions": entry["versions"],
            "machine": entry["machine"]["processor"],
            "date": entry["date"],
            "command": f"python3 course.py bench {self.bench.case}:{self.bench.part}",
            "recipe": self.path.relative_to(ROOT).as_posix(),
            "parts": list(self.parts),
            "fingerprint": self.fingerprint,
        }
        about |= {"others": self.others} if self.others else {}
        lines = [f" {json.dumps(key)}: {json.dumps(value)}," for key, value in about.items()]
        rows = ",\n".join(f"  {json.dumps(row)}" for row in self.rows)
        folder.mkdir(parents=True, exist_ok=True)
        arrays = folder / f"{self.name}.npz"
        arrays.unlink(missing_ok=True)
        if self.arrays:
            np.savez_compressed(arrays, **self.arrays)
        text = "\n".join(["{", *lines, ' "rows": [', rows, " ]", "}", ""])
        (folder / f"{self.name}.json").write_text(text, encoding="utf-8")


def _plain(key, value):
    """A number of JSON, or a word; six digits say all that a measurement knows."""
    if isinstance(value, (str, bool, np.bool_)):
        return value if isinstance(value, str) else bool(value)
    value = value.item() if hasattr(value, "item") else value
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{key} must be a finite number or a word, got {value!r}; arrays go into .arrays")
    return value if isinstance(value, int) else float(f"{value:.6g}")
