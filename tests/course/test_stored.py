"""Runs stored for the notebooks: what is written is read, and a changed recipe is noticed."""

import json
import os
import types
from pathlib import Path

import numpy as np
import pytest

from benchmarks import stored
from benchmarks.harness import Bench, Results
from coursekit import data

ROOT = Path(__file__).resolve().parents[2]
STORED = sorted((ROOT / "data" / "results").glob("*.json"))

RECIPE = '''
"""A recipe."""
from coursekit.vae import VAE
from coursekit.networks import mlp

WIDTH = 64
STEPS = {"digits": 300}
STEPS |= {"mnist": 9}


def digits(seed=0):
    """Small."""
    return VAE(WIDTH, hidden=(8, 8)), _settings("digits")


def _settings(name):
    return {"n_steps": STEPS[name], "label": f"{name:>8} of {len(STEPS)}"}


def mnist():
    return mlp([3, 4])
'''


# Every table in the repository


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_the_recipe_is_the_one_that_was_run(path):
    runs = data.results(path.stem)
    now = stored.fingerprint(ROOT / runs.recipe, runs.parts)
    assert now == runs.fingerprint, f"{runs.recipe} has changed since {path.name} was stored: {runs.command}"
    others = stored.others(ROOT / runs.recipe, runs.parts)
    changed = [name for name in {**others, **runs.others} if others.get(name) != runs.others.get(name)]
    assert not changed, f"{', '.join(changed)} changed since {path.name} was stored: {runs.command}"


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_what_is_stored_is_whole(path):
    runs = data.results(path.stem)
    assert path.stem.startswith(Path(runs.recipe).parent.name), "a table bears the name of its lecture first"
    assert runs.seeds and runs.versions["torch"] and runs.machine and runs.date and runs.command
    assert {row["seed"] for row in runs.rows} == set(runs.seeds)
    for key in ("seed", "steps", "seconds"):
        assert len(runs.column(key)) == len(runs.rows)
    assert str(len(runs.rows)) in repr(runs) and "\n" not in repr(runs)


def test_a_lecture_stores_less_than_100_kb():
    sizes = {}
    for path in STORED:
        lecture = json.loads(path.read_text(encoding="utf-8"))["recipe"]
        files = [path, path.with_suffix(".npz")]
        sizes[lecture] = sizes.get(lecture, 0) + sum(each.stat().st_size for each in files if each.exists())
    assert all(size < 100_000 for size in sizes.values()), sizes
    npz = {path.stem for path in (ROOT / "data" / "results").glob("*.npz")}
    assert npz <= {path.stem for path in STORED}


# Writing and reading


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    """A recipe in a small repository of its own, which both writer and reader take for theirs."""
    path = tmp_path / "coursekit" / "vae" / "recipe.py"
    path.parent.mkdir(parents=True)
    path.write_text(RECIPE)
    monkeypatch.setattr(stored, "ROOT", tmp_path)
    monkeypatch.setattr(data.stored, "embedded", lambda name: tmp_path / "data" / name)
    return types.SimpleNamespace(__file__=os.fspath(path))


def bench(tmp_path, seeds=(0, 1, 2)):
    tables = None if tmp_path is None else tmp_path / "data" / "results"
    return Bench(Results(None, tables), "vae", "digits", seeds=list(seeds))


def test_what_is_written_is_read(tmp_path, recipe):
    run = bench(tmp_path)
    pictures = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    with run.store("vae_digits", recipe, "digits") as table:
        for seed in run.seeds:
            for prior in ("normal", "mixture"):
                elbo = np.float32(-90.0 - seed) if prior == "normal" else -80.0
                table.add(seed=seed, steps=[100, 200], seconds=1.5 + seed, prior=prior, elbo=elbo, good=True)
        table.arrays["samples"] = pictures
    runs = data.results("vae_digits")
    assert runs.seeds == (0, 1, 2) and len(runs.rows) == 6 and set(runs.column("steps")) == {300}
    np.testing.assert_array_equal(runs.column("elbo", prior="normal"), [-90, -91, -92])
    np.testing.assert_array_equal(runs.column("elbo", prior="mixture", seed=1), [-80])
    np.testing.assert_array_equal(runs.arrays["samples"], pictures)
    with pytest.raises(ValueError, match="read-only"):
        runs.arrays["samples"][0] = 0
    assert runs.recipe == "coursekit/vae/recipe.py" and runs.parts == ("digits",)
    assert runs.fingerprint == stored.fingerprint(recipe.__file__, ["digits"])
    assert runs.command == "python3 course.py bench vae:digits" and runs.versions == run.entry["versions"]
    said = "vae_digits: 6 stored runs, seeds 0, 1, 2, 2 to 4 CPU-seconds each"
    assert repr(runs).startswith(said) and runs.command in repr(runs)


def test_a_run_without_arrays_leaves_none_of_the_last_run(tmp_path, recipe):
    for arrays in ({"samples": np.zeros(3)}, {}):
        with bench(tmp_path).store("vae_digits", recipe) as table:
            table.add(seed=0, steps=1, seconds=0.1)
            table.arrays.update(arrays)
        assert data.results("vae_digits").arrays.keys() == arrays.keys()


def test_a_run_that_breaks_off_leaves_the_table_as_it_was(tmp_path, recipe):
    with bench(tmp_path).store("vae_digits", recipe) as table:
        table.add(seed=0, steps=1, seconds=0.1, elbo=1.0)
    with pytest.raises(KeyboardInterrupt), bench(tmp_path).store("vae_digits", recipe) as table:
        table.add(seed=0, steps=1, seconds=0.1, elbo=2.0)
        raise KeyboardInterrupt
    assert data.results("vae_digits").column("elbo") == [1.0]


def test_quick_runs_store_nothing(tmp_path, recipe, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with bench(None).store("vae_digits", recipe) as table:
        table.add(seed=0, steps=1, seconds=0.1)
    assert not list(tmp_path.rglob("*.json"))
    results = Results(tmp_path / "mine.json")
    assert results.tables == tmp_path / "stored"  # `--out FILE` keeps its tables beside FILE


@pytest.mark.parametrize("out", [True, False])
def test_the_command_stores_in_data_results_and_with_out_beside_the_file(tmp_path, recipe, monkeypatch, out):
    """Of the command only where things go is looked at: cases and page are others' tests."""
    from benchmarks import __main__ as command

    def work(run):
        with run.store("vae_digits", recipe) as table:
            table.add(seed=run.seeds[0], steps=1, seconds=0.1)

    monkeypatch.setattr(command, "HERE", tmp_path)
    monkeypatch.setattr(command, "FOLDER", tmp_path / "data" / "results")
    monkeypatch.setattr(command, "chosen", lambda names: [("vae", "digits", work)])
    monkeypatch.setattr(command, "write_readme", lambda *_: None)
    words = ["--out", str(tmp_path / "mine" / "trial.json")] if out else []
    (tmp_path / "mine").mkdir()
    assert command.main([*words, "--seeds", "5"]) == 0
    stored_in = "mine/stored" if out else "data/results"
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("vae_*")] == [
        f"{stored_in}/vae_digits.json"
    ]


def test_unknown_names_and_columns_are_answered_with_the_known_ones(tmp_path, recipe):
    with pytest.raises(ValueError, match="no stored results 'vae'; there is nothing yet"):
        data.results("vae")
    with bench(tmp_path).store("vae_digits", recipe) as table:
        table.add(seed=0, steps=1, seconds=0.1, elbo=2.0)
    with pytest.raises(ValueError, match="no stored results 'vae'; there is vae_digits"):
        data.results("vae")
    for ask in ({"key": "kl"}, {"key": "elbo", "seed": 7}, {"key": "elbo", "prior": "normal"}):
        with pytest.raises(
            ValueError, match="vae_digits has no .*; its columns are seed, steps, seconds, elbo"
        ):
            data.results("vae_digits").column(**ask)


@pytest.mark.parametrize("value", [float("nan"), np.inf, None, [1, 2], np.zeros(2)])
def test_what_is_no_number_is_not_stored(tmp_path, recipe, value):
    with pytest.raises(ValueError), bench(tmp_path).store("vae_digits", recipe) as table:
        table.add(seed=0, steps=1, seconds=0.1, elbo=value)
    with pytest.raises(ValueError, match="nothing was added"), bench(tmp_path).store("vae_digits", recipe):
        pass


# The fingerprint


def changed(path, old, new, parts=()):
    """Does the fingerprint change with the text?"""
    before = stored.fingerprint(path, parts)
    assert old in RECIPE
    Path(path).write_text(RECIPE.replace(old, new))
    after = stored.fingerprint(path, parts)
    Path(path).write_text(RECIPE)
    return before != after


def test_layout_and_comments_do_not_count(recipe):
    for old, new in [
        ("WIDTH = 64", "WIDTH = (\n    64  # pixels\n)"),
        ('"""Small."""', '"""Small, and quick."""'),
        ('"""A recipe."""', ""),
        ('{"digits": 300}', "{'digits': 300}"),
        ("coursekit.networks", "coursekit.nets"),
    ]:
        assert not changed(recipe.__file__, old, new), new


@pytest.mark.parametrize("parts", [(), ("digits",)])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("digits(seed=0):", "digits(seed: int = 0) -> VAE:"),
        ("_settings(name):", "_settings(name: str) -> dict[str, Any]:"),
        ("mnist():", "mnist() -> VAE | None:"),
        ("WIDTH = 64", "WIDTH: int = 64"),
        ("from coursekit.vae import VAE", "from torch import Tensor\nfrom coursekit.vae import VAE"),
        ("import VAE", "import VAE, Likelihood"),
        ("import mlp", "import mlp\nfrom typing import Any\nimport numpy.typing as npt"),
    ],
)
def test_types_and_what_is_imported_for_them_do_not_count(recipe, old, new, parts):
    assert not changed(recipe.__file__, old, new, parts)


def test_a_field_of_a_class_counts_its_type_does_not(tmp_path):
    def of(fields):
        path = tmp_path / "recipe.py"
        path.write_text(f"@dataclass\nclass Task:\n    {fields}\n")
        return stored.fingerprint(path)

    assert of("width: int; depth: int = 3") == of("width: float; depth: Depth = 3")
    different = ("width: int; depth: int = 3", "depth: int = 3; width: int", "depth: int = 3")
    different += ("width: int; depth: int = 4", "width: int; depth = 3")
    assert len({of(fields) for fields in different}) == len(different)


@pytest.mark.parametrize(
    ("old", "new", "of_digits"),
    [
        ("WIDTH = 64", "WIDTH = 65", True),
        ("300", "301", True),
        ('"mnist": 9', '"mnist": 8', True),  # digits looks into the same dict
        ("n_steps", "n_step", True),
        (":>8", ":>9", True),
        ("seed=0", "seed=1", True),
        ("import VAE", "import Other as VAE", True),
        ("mlp([3, 4])", "mlp([3, 5])", False),
    ],
)
def test_every_setting_counts_for_what_uses_it(recipe, old, new, of_digits):
    assert changed(recipe.__file__, old, new)
    assert changed(recipe.__file__, old, new, ["digits"]) == of_digits


def test_a_part_that_is_not_there_is_named(recipe):
    with pytest.raises(ValueError, match="recipe.py has no cifar"):
        stored.fingerprint(recipe.__file__, ["digits", "cifar"])


def test_the_fingerprint_does_not_depend_on_the_version_of_python(recipe):
    """`ast.dump` differs between versions; this is a value from Python 3.11 that others must find too."""
    assert stored.fingerprint(recipe.__file__) == "e22f57a08a75d40a"


# What a recipe takes from others

COMPARISON = """
from coursekit.comparison.bounds import bound
from coursekit.vae import recipe as vae_recipe
from coursekit.vae import VAE

ONE = {"VAE": vae_recipe.digits}
OTHER = {"bound": bound}
WHOLE = [vae_recipe]
"""
BOUND = """
from coursekit.flow import recipe as flow_recipe

def bound():
    return flow_recipe.MARGIN
"""


@pytest.fixture
def comparison(tmp_path, recipe):
    """Beside the recipe of `recipe` one that uses it, and one that it uses through a sister file."""
    files = {
        "comparison/recipe": COMPARISON,
        "comparison/bounds": BOUND,
        "flow/recipe": "MARGIN = 3\nWIDTH = 1",
    }
    for name, text in files.items():
        path = tmp_path / "coursekit" / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    (tmp_path / "coursekit" / "vae" / "model.py").write_text("class VAE: pass")
    return tmp_path / "coursekit" / "comparison" / "recipe.py"


@pytest.mark.parametrize(
    ("file", "old", "new", "noticed_by"),
    [
        ("vae", "300", "301", {"ONE", "WHOLE", ""}),
        ("vae", "[3, 4]", "[3, 5]", {"WHOLE", ""}),  # mnist, of which ONE takes nothing
        ("vae", "WIDTH = 64", "WIDTH: int = 64  # pixels", set()),
        ("flow", "MARGIN = 3", "MARGIN = 4", {"OTHER", "", "bound"}),  # bound: a part may be imported
        ("flow", "WIDTH = 1", "WIDTH = 2", set()),
    ],
)
def test_what_is_taken_from_other_recipes_counts(tmp_path, comparison, file, old, new, noticed_by):
    parts = {name: [name] if name else [] for name in ("ONE", "OTHER", "WHOLE", "", "bound")}
    before = {name: stored.others(comparison, of) for name, of in parts.items()}
    assert list(before["ONE"]) == ["coursekit/vae/recipe.py"]
    assert (
        list(before["OTHER"])
        == list(before["bound"])
        == ["coursekit/comparison/bounds.py", "coursekit/flow/recipe.py"]
    )
    path = tmp_path / "coursekit" / file / "recipe.py"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    assert {name for name, of in parts.items() if stored.others(comparison, of) != before[name]} == noticed_by


def test_the_other_recipes_are_stored_and_read(tmp_path, comparison):
    module = types.SimpleNamespace(__file__=os.fspath(comparison))
    with bench(tmp_path).store("vae_digits", module, "ONE") as table:
        table.add(seed=0, steps=1, seconds=0.1)
    assert data.results("vae_digits").others == stored.others(comparison, ["ONE"])
    assert data.results("vae_digits").fingerprint == stored.fingerprint(comparison, ["ONE"])
