"""The glossary: its links lead somewhere, its names exist, and no model of the package is missing."""

import ast
import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/glossary.md"
ROWS = [
    [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith(("| ---", "| Symbol"))
]
MODELS = sorted(path.parent.name for path in (ROOT / "coursekit").glob("*/model.py"))


def names(row):
    return re.findall(r"`([^`]+)`", row[3])


def test_every_row_is_whole():
    assert len(ROWS) > 60
    for row in ROWS:
        assert len(row) == 4 and all(row[:3]), row
    terms = [row[0] for row in ROWS]
    assert len(set(terms)) == len(terms)


def test_links_lead_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", PAGE.read_text(encoding="utf-8"))
    assert len(links) >= len(ROWS)
    for link in links:
        assert (PAGE.parent / link).exists(), f"the glossary links {link}, which is not there"


def words(text):
    """A term or a text without capitals, and without what separates symbols only for the eye."""
    return re.sub(r"\\[,;!]|\s|[{}]", "", text.lower().replace(r"\|", "|"))


@pytest.mark.parametrize("row", [row for row in ROWS if "](" in row[2]], ids=lambda row: row[0])
def test_the_notebook_explains_the_term(row):
    linked = re.search(r"\]\(([^)]+)\)", row[2])
    notebook = json.loads((PAGE.parent / linked[1]).read_text(encoding="utf-8"))
    text = words("\n".join("".join(cell["source"]) for cell in notebook["cells"]))
    for term in row[0].split(", "):
        bare = words(re.sub(r"\s+\(.*\)$", "", term)).strip("$`")
        assert bare in text, f"{linked[1]} does not speak of {term}"


def arguments_and_attributes():
    """Every name that the package gives to an argument or an attribute."""
    found = set()
    for path in (ROOT / "coursekit").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            found |= {node.arg} if isinstance(node, ast.arg) else set()
            found |= {node.attr} if isinstance(node, ast.Attribute) else set()
            found |= {node.id} if isinstance(node, ast.Name) else set()
    return found


def exists(dotted, known):
    """Whether `module.Class.method` is there; a word without a dot is a module or an argument's name."""
    first, *rest = dotted.split(".")
    if not rest:
        return dotted in known or importlib.util.find_spec(f"coursekit.{dotted}") is not None
    thing = importlib.import_module(f"coursekit.{first}")
    for name in rest:
        module = f"{getattr(thing, '__name__', '')}.{name}"
        if isinstance(thing, ModuleType) and not hasattr(thing, name) and importlib.util.find_spec(module):
            importlib.import_module(module)
        # What fit() sets is no attribute of the class.
        thing = name if name.endswith("_") and name in known else getattr(thing, name, None)
    return thing is not None


def test_every_name_exists():
    known = arguments_and_attributes()
    wrong = [name for row in ROWS for name in names(row) if not exists(name, known)]
    assert not wrong, f"the glossary names what the package has not: {', '.join(wrong)}"
    assert not exists("rbm.RBM.entropy", known) and not exists("nonsense", known)


@pytest.mark.parametrize("module", MODELS)
def test_each_lecture_has_its_names(module):
    named = {name.split(".")[0] for row in ROWS for name in names(row)}
    assert module in named
