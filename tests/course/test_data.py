"""Data sets: stated shapes, ranges and distributions; R as oracle; files that are missing or damaged."""

import gzip
import hashlib
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import scipy.cluster.hierarchy
import sklearn.datasets

from coursekit import data

ROOT = Path(__file__).parents[2]
DATASETS = {
    "usarrests": data.usarrests,
    "eurodist": data.eurodist,
    "us_cities": data.us_cities,
    "digits": data.digits,
    "binarised": lambda: data.binarised(data.digits()),
    **{name: lambda name=name: data.toy2d(name, 50, rng=0) for name in data.TOYS},
}


@pytest.mark.parametrize("name", DATASETS)
def test_every_data_set_is_finite_read_only_and_says_where_it_comes_from(name):
    dataset = DATASETS[name]()
    n, d = dataset.x.shape
    assert dataset.x.dtype == np.float64 and np.all(np.isfinite(dataset.x))
    for array in (dataset.x, dataset.labels, dataset.centers):
        if array is not None:
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 0
    with pytest.raises(AttributeError):
        dataset.x = None
    assert dataset.labels is None or dataset.labels.shape == (n,)
    assert len(dataset.row_names) in (0, n) and len(dataset.feature_names) == d
    assert dataset.source and dataset.licence
    if dataset.image_shape:
        assert np.prod(dataset.image_shape) == d
    if dataset.value_range:
        assert (dataset.x.min(), dataset.x.max()) == dataset.value_range
    assert str(dataset.x.shape) in repr(dataset) and len(repr(dataset)) < 200


def test_a_data_set_does_not_share_memory_with_what_it_was_made_of():
    x = np.zeros((3, 2))
    dataset = data.Dataset(x)
    x[0] = 1
    assert dataset.x.sum() == 0


@pytest.mark.parametrize("name", DATASETS)
def test_split_is_a_partition_that_keeps_rows_together(name):
    dataset = DATASETS[name]()
    n = len(dataset.x)
    numbered = data.Dataset(
        x=np.arange(n)[:, None] + np.zeros((n, 2)),
        labels=np.arange(n),
        row_names=tuple(map(str, range(n))),
        image_shape=(1, 2),
    )
    train, test = numbered.split()
    np.testing.assert_array_equal(np.sort(np.concatenate([train.labels, test.labels])), np.arange(n))
    for part in (train, test):
        np.testing.assert_array_equal(part.x[:, 0], part.labels)
        assert part.row_names == tuple(map(str, part.labels)) and part.image_shape == (1, 2)
    np.testing.assert_array_equal(test.labels, numbered.split(seed=0)[1].labels)
    assert not np.array_equal(test.labels, numbered.split(seed=1)[1].labels)
    train, test = dataset.split()
    assert (len(train.x), len(test.x)) == (4 * n // 5, n - 4 * n // 5)
    assert train.source == dataset.source and train.feature_names == dataset.feature_names


def test_usarrests():
    dataset = data.usarrests()
    assert dataset.x.shape == (50, 4) and dataset.labels is None
    assert dataset.feature_names == ("Murder", "Assault", "UrbanPop", "Rape")
    assert dataset.row_names[0] == "Alabama" and dataset.row_names[-1] == "Wyoming"
    np.testing.assert_array_equal(dataset.x[0], [13.2, 236, 58, 21.2])
    # R 4.2.2: colMeans(USArrests)
    np.testing.assert_allclose(dataset.x.mean(axis=0), [7.788, 170.76, 65.54, 21.232], rtol=1e-12)


def test_usarrests_clusters_as_in_r():
    """R 4.2.2: h <- hclust(dist(USArrests), "complete"); table(cutree(h, 3)); tail(h$height, 5)."""
    tree = scipy.cluster.hierarchy.linkage(data.usarrests().x, "complete")
    sizes = np.bincount(scipy.cluster.hierarchy.fcluster(tree, 3, "maxclust"))[1:]
    assert sorted(sizes) == [14, 16, 20]
    heights = [68.76227163, 87.32634196, 102.86155744, 168.61141717, 293.62275116]
    np.testing.assert_allclose(tree[-5:, 2], heights, rtol=0, atol=5.1e-9)


def test_an_installed_package_carries_the_same_file(tmp_path):
    """Builds the wheel as pip does and reads the data with the code and the file that lie in it."""
    build = "from setuptools import build_meta; import sys; print(build_meta.build_wheel(sys.argv[1]))"
    source = tmp_path / "source"
    listing = subprocess.run(
        ["git", "ls-files", "coursekit", "coursetools", "data", "pyproject.toml", "README.md", "LICENSE"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listing.returncode:
        pytest.skip("not a git checkout: the wheel's sources cannot be listed")
    for name in listing.stdout.split():
        if (ROOT / name).exists():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-W", "ignore", "-c", build, str(tmp_path)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--target", str(site)]
    subprocess.run([*install, str(next(tmp_path.glob("*.whl")))], check=True, capture_output=True)
    assert (site / "coursekit/py.typed").exists()
    assert (site / "coursekit/embedded/USArrests.csv").read_bytes() == (
        ROOT / "data/USArrests.csv"
    ).read_bytes()
    # All of the data, and every licence that the data have.
    there = {path.name for path in (site / "coursekit/embedded").iterdir() if path.is_file()}
    assert there >= {path.name for path in (ROOT / "data").iterdir() if path.is_file()}
    texts = {path.name for path in site.glob("coursekit-*.dist-info/licenses/data/licences/*.txt")}
    assert texts == {path.name for path in (ROOT / "data/licences").iterdir()} != set()
    metadata = next(site.glob("coursekit-*.dist-info/METADATA")).read_text(encoding="utf-8")
    assert "License-Expression: MIT AND (GPL-2.0-only OR GPL-3.0-only)" in metadata
    script = f"import sys; sys.path.insert(0, {str(site)!r}); from coursekit import data; "
    script += "print(data.__file__, data.dataset.embedded('USArrests.csv'), data.usarrests().x.sum())"
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    code, path, total = done.stdout.split()
    assert Path(code).is_relative_to(site) and Path(path).is_relative_to(site)
    assert float(total) == data.usarrests().x.sum()


def test_digits_are_scikit_learns():
    dataset = data.digits()
    x, labels = sklearn.datasets.load_digits(return_X_y=True)
    np.testing.assert_array_equal(dataset.x, x)
    np.testing.assert_array_equal(dataset.labels, labels)
    train, test = dataset.split()
    assert (len(train.x), len(test.x)) == (1437, 360)
    assert set(test.labels) == set(range(10))


def test_binarised_draws_each_pixel_once_with_its_own_probability():
    dataset = data.digits()
    binary = data.binarised(dataset)
    assert set(np.unique(binary.x)) == {0, 1} and binary.value_range == (0, 1)
    np.testing.assert_array_equal(binary.x, data.binarised(dataset, seed=0).x)
    assert not np.array_equal(binary.x, data.binarised(dataset, seed=1).x)
    np.testing.assert_array_equal(binary.labels, dataset.labels)
    probability = dataset.x / 16
    assert np.all(binary.x[probability == 0] == 0) and np.all(binary.x[probability == 1] == 1)
    # Given the grey value, a pixel is 1 in that share of cases, within 4 standard errors.
    for grey in range(1, 16):
        ones = binary.x[dataset.x == grey]
        assert abs(ones.mean() - grey / 16) < 4 * np.sqrt(grey / 16 * (1 - grey / 16) / ones.size)
    for other in (data.usarrests(), data.toy2d("ring", 5, rng=0)):
        with pytest.raises(ValueError, match="binarised needs images"):
            data.binarised(other)


N = 20_000


@pytest.mark.parametrize("name", data.TOYS)
def test_toys_take_every_kind_of_rng(name):
    by_int = data.toy2d(name, 40, rng=3)
    by_generator = data.toy2d(name, 40, rng=np.random.default_rng(3))
    np.testing.assert_array_equal(by_int.x, by_generator.x)
    assert not np.array_equal(data.toy2d(name, 40).x, data.toy2d(name, 40).x)
    generator = np.random.default_rng(3)
    data.toy2d(name, 40, rng=generator)
    assert not np.array_equal(by_int.x, data.toy2d(name, 40, rng=generator).x)
    assert by_int.x.shape == (40, 2)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "name, n_modes, std", [("ring", 8, 0.02), ("grid", 25, 0.05 / 2.828), ("blobs", 3, (0.6, 0.8, 1))]
)
def test_mixtures_have_their_modes_and_spreads(name, n_modes, std, seed):
    dataset = data.toy2d(name, N, rng=seed)
    assert dataset.centers.shape == (n_modes, 2)
    counts = np.bincount(dataset.labels, minlength=n_modes)
    assert np.all(np.abs(counts - N / n_modes) < 5 * np.sqrt(N / n_modes))
    residual = dataset.x - dataset.centers[dataset.labels]
    for mode, expected in enumerate(np.broadcast_to(std, n_modes)):
        spread = residual[dataset.labels == mode]
        assert np.all(np.abs(spread.mean(axis=0)) < 5 * expected / np.sqrt(len(spread)))
        assert np.sqrt(np.mean(spread**2)) == pytest.approx(expected, rel=5 / np.sqrt(4 * len(spread)))


def test_centres_of_ring_and_grid():
    ring = data.toy2d("ring", 1, rng=0).centers
    np.testing.assert_allclose(np.hypot(*ring.T), 2)
    gaps = np.hypot(*(ring - np.roll(ring, 1, axis=0)).T)
    np.testing.assert_allclose(gaps, 4 * np.sin(np.pi / 8))
    grid = data.toy2d("grid", 1, rng=0).centers
    for axis in (0, 1):
        np.testing.assert_allclose(np.unique(grid[:, axis]), 2 / 2.828 * np.array([-2, -1, 0, 1, 2]))
    assert len(np.unique(grid, axis=0)) == 25


@pytest.mark.parametrize("seed", range(3))
def test_moons_lie_on_two_half_circles(seed):
    dataset = data.toy2d("moons", N, rng=seed)
    upper, lower = dataset.x[dataset.labels == 0], [1, 0.5] - dataset.x[dataset.labels == 1]
    assert len(upper) == pytest.approx(N / 2, abs=5 * np.sqrt(N) / 2)
    for moon in (upper, lower):
        radius = np.hypot(*moon.T)
        # To first order the radius is 1 + noise, and noise across it adds its variance / 2.
        assert radius.std() == pytest.approx(0.05, rel=0.03)
        assert radius.mean() == pytest.approx(1 + 0.05**2 / 2, abs=5 * 0.05 / np.sqrt(len(moon)))
        angle = np.arctan2(moon[:, 1], moon[:, 0])
        inside = angle[(angle > 0.3) & (angle < np.pi - 0.3)]
        assert inside.mean() == pytest.approx(np.pi / 2, abs=5 * angle.std() / np.sqrt(len(inside)))


def test_checkerboard_is_uniform_on_half_the_squares():
    dataset = data.toy2d("checkerboard", N, rng=0)
    assert np.abs(dataset.x).max() <= 4
    square = np.floor((dataset.x + 4) / 2).astype(int)
    assert len({tuple(s) for s in square}) == 8
    assert len(np.unique(square.sum(axis=1) % 2)) == 1
    counts = np.bincount(dataset.labels)
    assert np.all(np.abs(counts - N / 8) < 5 * np.sqrt(N / 8))
    assert len({(label, *s) for label, s in zip(dataset.labels, square, strict=True)}) == 8
    within = (dataset.x + 4) / 2 - square
    np.testing.assert_allclose(within.mean(axis=0), 0.5, atol=5 / np.sqrt(12 * N))
    np.testing.assert_allclose(within.var(axis=0), 1 / 12, atol=0.002)


def test_swiss_roll_follows_its_angle():
    dataset = data.toy2d("swiss_roll", N, rng=0)
    angle = dataset.labels
    curve = (angle / 5 * np.stack([np.cos(angle), np.sin(angle)])).T
    residual = dataset.x - curve
    assert residual.std() == pytest.approx(0.1, rel=5 / np.sqrt(4 * N))
    assert angle.min() >= 1.5 * np.pi and angle.max() <= 4.5 * np.pi


def test_unknown_choices_list_the_valid_ones():
    with pytest.raises(ValueError, match="unknown toy 'spiral'; choose one of moons, ring, grid, checkerb"):
        data.toy2d("spiral", 5)
    with pytest.raises(ValueError, match="unknown split 'dev'; choose one of train, test"):
        data.mnist("dev")


def idx(array):
    """An IDX file of unsigned bytes, written out from the format's description."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


@pytest.fixture
def small_mnist(tmp_path, monkeypatch):
    """A folder with small files in place of the four, whose sums are entered as the published ones."""
    rng = np.random.default_rng(0)
    arrays, sums = {}, {}
    (tmp_path / "mnist").mkdir()
    for prefix, n, ending in (("train", 7, ".gz"), ("t10k", 4, "")):
        arrays[prefix] = rng.integers(256, size=(n, 28, 28)), rng.integers(10, size=n)
        for kind, array in zip(("images-idx3-ubyte", "labels-idx1-ubyte"), arrays[prefix], strict=True):
            content = gzip.compress(idx(array)) if ending else idx(array)
            name = f"{prefix}-{kind}{ending}"
            (tmp_path / "mnist" / name).write_bytes(content)
            sums[name] = hashlib.md5(content).hexdigest()
    assert sums.keys() <= data.MNIST_MD5.keys()
    monkeypatch.setattr(data.images, "MNIST_MD5", sums)
    monkeypatch.setenv("COURSEKIT_DATA", str(tmp_path))
    return tmp_path / "mnist", arrays


@pytest.mark.parametrize("split, prefix", [("train", "train"), ("test", "t10k")])
def test_mnist_reads_idx_files(small_mnist, split, prefix):
    images, labels = small_mnist[1][prefix]
    dataset = data.mnist(split)
    np.testing.assert_array_equal(dataset.x, images.reshape(len(images), 784))
    np.testing.assert_array_equal(dataset.labels, labels)
    assert dataset.x.dtype == np.float32 and dataset.labels.dtype == np.int64
    assert dataset.image_shape == (28, 28) and dataset.value_range == (0, 255)
    assert not dataset.x.flags.writeable
    binary = data.binarised(dataset)
    assert binary.x.dtype == np.float32 and set(np.unique(binary.x)) == {0, 1}


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"])
def test_a_damaged_mnist_file_is_named(small_mnist, name):
    path = small_mnist[0] / name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=f"{name} is not the published file .its md5 differs.: download it"):
        data.mnist()


def without_network(*args, **kwargs):
    warnings.warn("A network error occurred while downloading an address. Retrying...", stacklevel=1)
    raise OSError("no network")


@pytest.mark.parametrize("missing", ["folder", "one file", "variable"])
def test_mnist_without_files_or_network_names_both_ways(small_mnist, monkeypatch, missing):
    monkeypatch.setattr(sklearn.datasets, "fetch_openml", without_network)
    if missing == "folder":
        monkeypatch.setenv("COURSEKIT_DATA", str(small_mnist[0] / "nowhere"))
    elif missing == "variable":
        monkeypatch.delenv("COURSEKIT_DATA")
    else:
        (small_mnist[0] / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(FileNotFoundError, match=r"COURSEKIT_DATA/mnist .*, or go online once .*fetch_openml"):
        data.mnist()


def test_mnist_from_openml_takes_its_first_60000_rows_for_training(monkeypatch):
    """scikit-learn gives all 70000 images in one array, the training set first, labels as strings."""
    rows = np.arange(70_000)
    asked = []

    def fetch(name, **options):
        asked.append((name, options["version"], options["as_frame"]))
        images = np.repeat(rows[:, None] % 256, 784, axis=1).astype(np.uint8)
        return sklearn.utils.Bunch(data=images, target=(rows % 10).astype(str).astype(object))

    monkeypatch.delenv("COURSEKIT_DATA", raising=False)
    monkeypatch.setattr(sklearn.datasets, "fetch_openml", fetch)
    test = data.mnist("test")
    assert asked == [("mnist_784", 1, False)]
    assert test.x.shape == (10_000, 784) and test.x.dtype == np.float32
    np.testing.assert_array_equal(test.x[:, 0], rows[60_000:] % 256)
    np.testing.assert_array_equal(test.labels, rows[60_000:] % 10)
    assert len(data.mnist("train").x) == 60_000
