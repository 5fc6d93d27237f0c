"""Signatures and docstrings: types, an entry or a word for every parameter, and examples that run."""

import ast
import doctest
import importlib
import re
from pathlib import Path

import numpy as np
import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "coursekit"
# Pictures and explorers are called by notebooks and by the course itself; their words are prose.
APART = {"explorers.py", "pictures.py", "plots.py", "widgets.py"}
TYPED = [path for path in sorted(PACKAGE.rglob("*.py")) if path.name not in APART]
# What recipes take means the same in all of them: `train`, `test`, `budgets` and `seconds`, as
# `training.recipe` says, and in lecture 19 `task`, `seed` and `n_steps`.
RECIPES = {path for path in TYPED if path.name == "recipe.py" or path.parent.name == "comparison"}
FILES = [path for path in TYPED if path not in RECIPES or path.parent.name == "training"]
EXAMPLES = [path for path in FILES if ">>> " in path.read_text(encoding="utf-8")]
ids = {"ids": lambda path: path.relative_to(PACKAGE).with_suffix("").as_posix()}
# What a layer's verb takes is what its class says; PyTorch and scikit-learn say the rest.
VERBS = {"forward", "inverse", "log_det", "load_state_dict"}


def functions(path):
    """Every public function and method of a file: (qualified name, its node, its class or None)."""

    def inside(body, prefix, owner):
        for node in body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield from inside(node.body, f"{prefix}{node.name}.", node)
            elif isinstance(node, ast.FunctionDef) and (node.name[0] != "_" or node.name == "__init__"):
                yield prefix + node.name, node, owner

    return inside(ast.parse(path.read_text(encoding="utf-8")).body, "", None)


def parameters(node, owner):
    static = any(isinstance(mark, ast.Name) and mark.id == "staticmethod" for mark in node.decorator_list)
    arguments = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
    return arguments[1:] if owner is not None and not static else arguments


@pytest.mark.parametrize("path", TYPED, **ids)
def test_public_functions_are_typed(path):
    bare = []
    for name, node, owner in functions(path):
        bare += [f"{name}({argument.arg})" for argument in parameters(node, owner) if not argument.annotation]
        bare += [f"{name}() ->"] * (node.returns is None and node.name != "__init__")
    assert not bare, f"without a type: {', '.join(bare)}"


@pytest.mark.parametrize("path", FILES, **ids)
def test_every_parameter_has_its_words(path):
    """An entry under `Args:`, or its name in the text; of a constructor and of long functions, the entry."""
    silent = []
    for name, node, owner in functions(path):
        if node.name in VERBS:
            continue
        own, whole = ast.get_docstring(node) or "", (ast.get_docstring(owner) or "") if owner else ""
        text = f"{own}\n{whole}"
        entries = set(re.findall(r"^ {4}(\w+):", text, re.MULTILINE))
        found = parameters(node, owner)
        strict = node.name == "__init__" or len(found) > 3 and owner is None
        for argument in found:
            known = argument.arg in entries or not strict and re.search(rf"\b{argument.arg}\b", text)
            usual = argument.arg == "rng" or argument.arg == "y" and node.name.startswith("fit")
            if not known and not usual:
                silent.append(f"{name}({argument.arg})")
    assert not silent, f"no word about: {', '.join(silent)}"


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), **ids)
def test_nothing_is_said_twice(path):
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    bodies = [node.body for node in nodes if isinstance(node, (ast.ClassDef, ast.FunctionDef))]
    texts = [
        [s.value.value for s in body[:2] if isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant)]
        for body in bodies
    ]
    assert all(len(found) < 2 for found in texts), "two docstrings"
    for text in (found[0] for found in texts if found and isinstance(found[0], str)):
        parts = [part.strip() for part in text.split("\n\n")]
        assert len(set(parts)) == len(parts), f"a paragraph stands twice: {text[:80]}"


@pytest.mark.parametrize("path", EXAMPLES, **ids)
def test_examples_run(path):
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    torch.manual_seed(0)
    result = doctest.testmod(
        importlib.import_module(name),
        extraglobs={"np": np, "torch": torch},
        optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE,
    )
    assert result.attempted and not result.failed


def classes_of_models():
    """The classes that the folders of the lectures hand on, and those of the files that lectures share."""
    for path in FILES:
        if path.name == "__init__.py":
            module = importlib.import_module(".".join(path.parent.relative_to(ROOT).parts))
            for name in getattr(module, "__all__", []):
                thing = getattr(module, name)
                if isinstance(thing, type):
                    yield thing
        elif path.parent == PACKAGE and path.name != "checks.py":
            module = importlib.import_module(f"coursekit.{path.stem}")
            yield from (
                thing
                for thing in vars(module).values()
                if isinstance(thing, type)
                and thing.__module__ == module.__name__
                and not thing.__name__.startswith("_")
            )


# What a function returns, and what recipes fill: there is no call to show.
WITHOUT = {"Localization", "Recipe", "Stage"}


def test_every_public_class_shows_how_it_is_used():
    found = set(classes_of_models())
    assert len(found) > 60
    lacking = {each.__name__ for each in found if ">>> " not in (each.__doc__ or "")} - WITHOUT
    assert not lacking, f"no example: {', '.join(sorted(lacking))}"
