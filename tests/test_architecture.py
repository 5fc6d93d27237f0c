"""The house: who may import whom, how long a file may be, and that the maps are complete."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "coursekit"
FILES = sorted(PACKAGE.rglob("*.py"))
TOPICS = {p.relative_to(PACKAGE).parts[0].removesuffix(".py") for p in FILES} - {"__init__"}
FREE = {"data", "checks", "training", "evaluation", "plots", "networks"}  # know nothing of each other
OUTER = {"widgets", "homework", "cli", "assets", "slides", "site", "recipes", "train_command"}
MODELS = TOPICS - FREE - OUTER
# A model may use networks, its own parts, and these earlier models; nothing else of the package.
EARLIER = {
    "flow": {"flow_layers"},
    "clustering": {"linkage"},
    "ddpm": {"noise_schedule"},
    "wgan": {"gan"},
    "pretraining": {"autoencoder"},
}
ALLOWED = {
    **{name: {name} for name in FREE},
    **{name: {name, "networks"} | EARLIER.get(name, set()) for name in MODELS},
    "widgets": {"widgets", "plots", "data", "networks"} | MODELS,
    "homework": {"homework"},
    "assets": {"assets"},
    "slides": {"slides", "assets"},
    "site": {"site", "assets", "plots"},
    "recipes": {"recipes", "networks", "data", "training"} | MODELS,
    "train_command": {"train_command", "recipes", "plots"},
    "cli": {"cli", "train_command", "homework", "slides", "site", "data", "training", "plots"} | MODELS,
    "__init__": set(),
}
each_file = pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))


def imports_of(path):
    """Topics of the package that a file imports, at the top or inside functions."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (a.name.split(".")[1] for a in node.names if a.name.startswith("coursekit."))
        elif (
            isinstance(node, ast.ImportFrom)
            and node.level == 0
            and (node.module or "").split(".")[0] == "coursekit"
        ):
            parts = node.module.split(".")
            yield from parts[1:2] or [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level:
            pytest.fail(f"{path.name}: relative import; name the module from coursekit on")


@each_file
def test_imports_point_inwards(path):
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    extra = set(imports_of(path)) - ALLOWED[own]
    assert not extra, f"{path.relative_to(ROOT)} imports {', '.join(sorted(extra))}; {own} may not"


@each_file
def test_files_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 250


@each_file
def test_docstrings(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), f"{path.name} has no docstring"
    public = [
        n for n in tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef)) and not n.name.startswith("_")
    ]
    for node in public:
        if node.name.endswith("_alt"):
            continue  # its return value is a description already
        assert ast.get_docstring(node), f"{path.name}: {node.name} has no docstring"


@pytest.mark.parametrize("topic", sorted(MODELS))
def test_models_hold_no_plotting_printing_saving_or_device_logic(topic):
    for path in (
        [PACKAGE / f"{topic}.py"] if (PACKAGE / f"{topic}.py").exists() else (PACKAGE / topic).glob("*.py")
    ):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
        attributes = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
        assert not names & {"print", "open", "plt", "matplotlib"}
        assert not attributes & {"cuda", "save", "savefig", "is_available"}


def test_no_drawer_for_odds_and_ends():
    assert not {"utils", "util", "helpers", "misc", "common"} & {p.stem for p in FILES}


@pytest.mark.parametrize("topic", sorted(TOPICS))
def test_maps_name_every_module(topic):
    import coursekit

    assert f"`{topic}`" in coursekit.__doc__, f"the map in coursekit/__init__.py does not name {topic}"


@pytest.mark.parametrize("topic", sorted(MODELS))
def test_readme_names_every_model(topic):
    assert f"coursekit/{topic}" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_import_is_quick():
    """Heavy modules load on use: importing the package loads none of them."""
    heavy = ("torch", "sklearn", "scipy", "matplotlib")
    code = f"import sys, coursekit; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def test_package_list_is_complete():
    import tomllib

    with open(ROOT / "pyproject.toml", "rb") as file:
        packages = tomllib.load(file)["tool"]["setuptools"]["packages"]
    folders = {"coursekit"} | {
        "coursekit." + ".".join(p.parent.relative_to(PACKAGE).parts) for p in PACKAGE.glob("*/__init__.py")
    }
    assert set(packages) == folders | {"coursekit.embedded"}
