"""The house: who may import whom, that every folder of a lecture is alike, and that the maps are complete."""

import ast
import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "coursekit"
FILES = sorted(PACKAGE.rglob("*.py"))
TOOLS = sorted((ROOT / "coursetools").rglob("*.py"))
SHARED = {"checks", "data", "draws", "evaluation", "inputs", "networks", "plots"}
SHARED |= {"points", "training", "widgets"}
FREE = {"draws", "inputs"}  # import nothing of the course; every file may import them
# The lectures in the order of the course; a model may build on those before it. Later ones come here.
LECTURES = ["start", "pca", "clustering", "manifold", "factorization", "embeddings", "autoregressive"]
LECTURES += ["transformer", "rbm", "dbn", "autoencoder", "vae", "gan", "gan_training", "wgan"]
LECTURES += ["conditional_gan", "flow", "ddpm", "alignment", "comparison"]
OTHER_FILES = {"pictures", "explorers", "recipe", "__init__"}  # of a lecture; all others are models


def is_model(path):
    """Is a file of a lecture mathematics? In `comparison` none is: it is one recipe in several files."""
    return path.stem not in OTHER_FILES and path.parent.name != "comparison"


ids = {"ids": lambda path: path.relative_to(ROOT).as_posix()}


def may_import(path):
    """What a file may import of the package, as `networks` or `vae.pictures`; `vae` means its models."""
    topic, *inner = path.relative_to(PACKAGE).with_suffix("").parts
    if topic in FREE or topic == "__init__":
        return set()
    if topic in SHARED:
        more = {"widgets": {"plots"}, "evaluation": {"networks"}, "training": {"networks"}}.get(topic, set())
        return FREE | {topic} | more
    models = set(LECTURES)
    match inner[0]:
        case "pictures":
            return FREE | {"plots"}
        case "explorers":
            return FREE | {topic, f"{topic}.pictures", "widgets", "plots", "data"}
        case _ if topic == "comparison":  # the one that brings the lectures together, and has no model
            return FREE | models | {f"{each}.recipe" for each in models} | SHARED - {"plots", "widgets"}
        case "recipe":
            return FREE | models | {f"{topic}.recipe", "networks", "training", "data", "evaluation"}
        case _:
            return FREE | {"networks", *LECTURES[: LECTURES.index(topic) + 1]}


def imports_of(path):
    """What a file imports of the course, at the top or inside functions, in the words of `may_import`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            pytest.fail(f"{path.name}: relative import; name the module from coursekit on")
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            house, *parts = name.split(".")
            if house == "coursekit" and parts:
                outside = parts[0] in LECTURES and parts[1:2] and parts[1] in OTHER_FILES
                yield ".".join(parts[:2]) if outside else parts[0]
            elif house in ("coursetools", "benchmarks", "tests"):
                yield name


@pytest.mark.parametrize("path", FILES, **ids)
def test_imports_point_inwards(path):
    extra = set(imports_of(path)) - may_import(path)
    assert not extra, f"{path.relative_to(ROOT)} imports {', '.join(sorted(extra))}, which it may not"


def test_each_folder_is_a_lecture_or_shared():
    there = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in FILES} - {"__init__"}
    assert there == SHARED | set(LECTURES)


@pytest.mark.parametrize("topic", LECTURES)
def test_a_folder_hands_on_its_models_public_names(topic):
    models = [path for path in (PACKAGE / topic).glob("*.py") if is_model(path)]
    public = {
        node.name
        for path in models
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_")
    }
    folder = importlib.import_module(f"coursekit.{topic}")
    assert set(getattr(folder, "__all__", ())) - {path.stem for path in models} == public
    assert not {path.stem for path in models} & public, "a file bears the name of what its folder hands on"
    assert all(hasattr(folder, name) for name in public)
    for other in ("pictures", "explorers"):
        assert (PACKAGE / topic / f"{other}.py").is_file(), f"{topic} has no {other}.py"


@pytest.mark.parametrize("path", [*FILES, *TOOLS], **ids)
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


@pytest.mark.parametrize("path", [p for p in FILES if p.parent.name in LECTURES and is_model(p)], **ids)
def test_models_hold_no_plotting_printing_saving_or_device_logic(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    attributes = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    assert not names & {"print", "open", "plt", "matplotlib"}
    assert not attributes & {"cuda", "save", "savefig", "is_available"}


def test_no_drawer_for_odds_and_ends():
    assert not {"utils", "util", "helpers", "misc", "common"} & {p.stem for p in [*FILES, *TOOLS]}


def test_maps_name_everything():
    import coursekit

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for topic in SHARED | set(LECTURES):
        assert f"`{topic}`" in coursekit.__doc__, f"the map in coursekit/__init__.py does not name {topic}"
    for topic in set(LECTURES) - {"start"}:
        assert f"(coursekit/{topic})" in readme, f"README's map does not link coursekit/{topic}"


def test_import_is_quick():
    """Heavy modules load on use: importing the package, or a folder of it, loads none of them."""
    heavy = ("torch", "sklearn", "scipy", "matplotlib")
    folders = ", ".join(f"coursekit.{topic}" for topic in LECTURES)
    code = f"import sys, coursekit, {folders}; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def test_package_list_is_complete():
    with open(ROOT / "pyproject.toml", "rb") as file:
        packages = tomllib.load(file)["tool"]["setuptools"]["packages"]
    folders = {path.parent.relative_to(ROOT) for path in [*FILES, *TOOLS] if path.name == "__init__.py"}
    assert sorted(packages) == sorted({".".join(f.parts) for f in folders} | {"coursekit.embedded"})
