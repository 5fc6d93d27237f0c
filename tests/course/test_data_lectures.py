"""The data sets of single lectures: what their files hold, and what the loaders make of it."""

import bz2
import csv
import importlib.util
import lzma
import os
from pathlib import Path

import numpy as np
import pytest

from coursekit import data

ROOT = Path(__file__).parent.parent.parent


def source(name):
    """A script of data/sources as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "data" / "sources" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "load",
    [data.eurodist, data.us_cities, data.moods, data.lecturers, data.mini_mnist, data.austen, data.sonnets],
)
def test_each_says_its_source_and_licence_and_is_read_only(load):
    dataset = load()
    assert dataset.source and dataset.licence and len(repr(dataset)) < 200
    first = dataset.licence.split(",")[0].split(" (")[0]
    assert first in (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    for array in (getattr(dataset, name, None) for name in ("x", "labels", "chapters", "test_rows")):
        if array is not None:
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 0


# Distances


@pytest.mark.parametrize("load, n", [(data.eurodist, 21), (data.us_cities, 10)])
def test_distances_are_symmetric_and_named(load, n):
    dataset = load()
    assert dataset.x.shape == (n, n) and dataset.row_names == dataset.feature_names
    np.testing.assert_array_equal(dataset.x, dataset.x.T)
    assert np.all(np.diag(dataset.x) == 0) and np.all(dataset.x[~np.eye(n, dtype=bool)] > 0)
    assert all(name.replace(" ", "").isalpha() for name in dataset.row_names)


def test_eurodist_is_no_metric_and_us_cities_is_one():
    """The longest detour that is shorter than the listed way; by air there is none."""
    for load, shorter in ((data.eurodist, True), (data.us_cities, False)):
        x = load().x
        by_way_of = (x[:, :, None] + x[None, :, :]).min(axis=1)
        assert (by_way_of < x).any() == shorter
    names, x = data.eurodist().row_names, data.eurodist().x
    marseilles, rome, athens = (names.index(name) for name in ("Marseilles", "Rome", "Athens"))
    assert x[marseilles, athens] - x[marseilles, rome] - x[rome, athens] == 1037


# Ratings


def test_moods_are_the_file_without_its_blank_rows():
    with lzma.open(ROOT / "data" / "msq.csv.xz", "rt") as file:
        header, *rows = csv.reader(file)
    dataset = data.moods()
    answered = [row for row in rows if any(row)]
    assert len(rows) - len(answered) == 3 and dataset.x.shape == (len(answered), 75)
    for row, values in zip(answered[::97], dataset.x[::97], strict=True):
        assert [value and float(value) for value in row] == ["" if np.isnan(v) else v for v in values]
    assert set(np.unique(dataset.x[~np.isnan(dataset.x)])) == {0, 1, 2, 3}
    assert [name.replace(" ", ".") for name in dataset.feature_names] == header
    assert np.isnan(dataset.x).mean() == pytest.approx(0.055, abs=5e-4)
    train, test = dataset.split()
    assert len(train.x) + len(test.x) == len(dataset.x)


def test_lecturers_are_numbered_without_gaps_and_no_pair_is_rated_twice():
    dataset = data.lecturers()
    student, lecturer, rating = dataset.x.T
    assert dataset.x.shape == (73_421, 3) and dataset.feature_names == ("student", "lecturer", "rating")
    np.testing.assert_array_equal(np.unique(student), np.arange(2972))
    np.testing.assert_array_equal(np.unique(lecturer), np.arange(1128))
    assert set(rating) == {1, 2, 3, 4, 5}
    matrix = np.full((2972, 1128), np.nan)
    matrix[student, lecturer] = rating
    assert np.isfinite(matrix).sum() == len(rating)
    with lzma.open(ROOT / "data" / "InstEval.csv.xz", "rt") as file:
        rows = np.array(list(csv.reader(file))[1:], dtype=int)
    np.testing.assert_array_equal(rating, rows[:, 2])
    # Numbering anew keeps who is who: the same old number has the same new one, in the same order.
    for old, new in ((rows[:, 0], student), (rows[:, 1], lecturer)):
        order = np.argsort(old, kind="stable")
        np.testing.assert_array_equal(np.diff(old[order]) > 0, np.diff(new[order]) == 1)


# Texts


def test_austen_has_every_word_of_six_novels_in_order():
    novels = data.austen()
    assert len(novels.texts) == 10_001 and novels.label_names[3] == "Emma"
    assert np.all(np.diff(novels.labels) >= 0) and set(novels.labels) == set(range(6))
    chapters = [len(set(novels.chapters[novels.labels == label])) for label in range(6)]
    assert chapters == [50, 61, 48, 55, 31, 24]  # as in any edition
    content = bz2.decompress((ROOT / "data" / "austen.tsv.bz2").read_bytes())
    lines = content.decode("utf-8").splitlines()
    assert [line.split("\t")[2] for line in lines] == list(novels.texts)
    assert novels.texts[novels.labels.tolist().index(1)].startswith("It is a truth universally acknowledged")
    assert all(text and text == " ".join(text.split()) for text in novels.texts)


def test_chapters_hold_the_words_of_their_paragraphs():
    novels = data.austen()
    chapters = novels.by_chapter()
    assert len(chapters.texts) == 269
    assert "\n".join(chapters.texts) == "\n".join(novels.texts)
    for i in (0, 100, 268):
        rows = (novels.labels == chapters.labels[i]) & (novels.chapters == chapters.chapters[i])
        assert chapters.texts[i].split("\n") == [novels.texts[row] for row in np.flatnonzero(rows)]
    assert chapters.by_chapter().texts == chapters.texts
    with pytest.raises(ValueError, match="these texts have no chapters"):
        data.sonnets().by_chapter()


def test_sonnets_are_fourteen_lines_but_for_two():
    sonnets = data.sonnets()
    assert len(sonnets.texts) == len(sonnets.label_names) == 154
    lines = {i + 1: text.count("\n") + 1 for i, text in enumerate(sonnets.texts)}
    # Sonnet 99 has a line more, 126 two less: so has every edition.
    assert {number: n for number, n in lines.items() if n != 14} == {99: 15, 126: 12}
    assert sonnets.label_names[17] == "XVIII" and sonnets.texts[17].startswith("Shall I compare thee")
    couplet = sonnets.texts[17].split("\n")[-2:]
    assert all(line.startswith("  ") and line.rstrip() == line for line in couplet)


def test_a_corpus_whose_parts_do_not_fit_is_refused():
    with pytest.raises(ValueError, match="2 texts need as many labels, got 1"):
        data.Corpus(texts=("a", "b"), labels=[0], label_names=("x",))


# Mini-MNIST


def test_mini_mnist_has_600_of_each_class_and_one_fixed_split():
    dataset = data.mini_mnist()
    assert dataset.x.shape == (6000, 196) and dataset.image_shape == (14, 14)
    np.testing.assert_array_equal(np.unique(dataset.x), np.arange(17))
    assert (dataset.x.dtype, dataset.value_range) == (np.float64, (0, 16))  # the units of digits()
    np.testing.assert_array_equal(np.bincount(dataset.labels), np.full(10, 600))
    train, test = dataset.split()
    np.testing.assert_array_equal(np.bincount(train.labels), np.full(10, 500))
    np.testing.assert_array_equal(np.bincount(test.labels), np.full(10, 100))
    both = np.concatenate([train.x, test.x])
    assert len(np.unique(both, axis=0)) == len(np.unique(dataset.x, axis=0)) == 6000  # none is there twice
    np.testing.assert_array_equal(dataset.split()[1].x, test.x)
    assert train.test_rows is None and len(train.split()[1].x) == 1000  # a part is split as any other
    with pytest.raises(ValueError, match="one fixed split, so seed must be 0, got 1"):
        dataset.split(seed=1)
    binary = data.binarised(dataset)
    np.testing.assert_array_equal(binary.split()[1].labels, test.labels)
    assert set(np.unique(binary.x)) == {0, 1}


def test_the_script_averages_squares_and_takes_the_first_of_each_class():
    made = source("mini_mnist")
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(3, 28, 28)).astype(np.uint8)
    small = made.shrink(images)
    for i, row, column in [(0, 0, 0), (1, 3, 13), (2, 13, 5), (2, 7, 8)]:
        mean = sum(int(images[i, 2 * row + a, 2 * column + b]) for a in (0, 1) for b in (0, 1)) / 4
        assert abs(small[i, row, column] - 16 * mean / 255) < 0.5
    assert made.shrink(np.full((1, 28, 28), 255, np.uint8)).min() == 16
    labels = rng.integers(10, size=7000)
    rows = made.first_of_each_class(labels)
    counts = np.zeros(10, dtype=int)
    expected = []
    for row, label in enumerate(labels):
        counts[label] += 1
        if counts[label] <= 600:
            expected.append(row)
    np.testing.assert_array_equal(rows, expected)


def test_mini_mnist_is_what_the_script_makes_of_mnist():
    if not os.environ.get("COURSEKIT_DATA"):
        pytest.skip("MNIST is not at hand: set COURSEKIT_DATA")
    made = source("mini_mnist")
    whole = data.mnist("train")
    rows = made.first_of_each_class(whole.labels)
    small = made.shrink(whole.x[rows].reshape(-1, 28, 28))
    np.testing.assert_array_equal(small.reshape(6000, 196), data.mini_mnist().x)
    np.testing.assert_array_equal(whole.labels[rows], data.mini_mnist().labels)


# Bad input


def test_a_data_set_whose_parts_do_not_fit_is_refused():
    x = np.zeros((3, 2))
    for parts in ({"labels": [0, 1]}, {"row_names": ("a",)}, {"test_rows": [True]}):
        with pytest.raises(ValueError, match=f"x has 3 rows, so {next(iter(parts))} must have as many"):
            data.Dataset(x, **parts)


@pytest.mark.parametrize("n", [0, -5, 2.5, True, "ten"])
def test_toys_need_a_number_of_points(n):
    with pytest.raises(ValueError, match="n must be (a whole number|at least 1), got"):
        data.toy2d("ring", n)


def test_import_of_the_data_is_quick():
    import subprocess
    import sys

    heavy = ("torch", "sklearn", "scipy", "matplotlib")
    code = f"import sys; from coursekit import data; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"
