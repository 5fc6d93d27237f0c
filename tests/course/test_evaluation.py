"""Measures of samples and of maps: closed cases, loops written out beside them, what must not change them."""

import math

import numpy as np
import pytest
import sklearn.manifold
import torch

from coursekit.data import train_and_test
from coursekit.evaluation import (
    DigitClassifier,
    ais_log_partition,
    bits_per_dim,
    digit_judge,
    digit_quality,
    frechet_distance,
    mode_coverage,
    nearest_share,
    precision_recall,
    trustworthiness,
)
from coursekit.rbm import RBM

FINE = {"precision": 1.0, "recall": 1.0, "coverage": 1.0}


def points(n, d=3, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def three(found):
    return {key: found[key] for key in FINE}


# Precision, recall, density, coverage


def by_loops(real, fake, k):
    """The four definitions, one ball at a time."""

    def balls(data):
        reach = []
        for i, x in enumerate(data):
            others = sorted(math.dist(x, y) for j, y in enumerate(data) if j != i)
            reach.append(others[k - 1])
        return reach

    reach_real, reach_fake = balls(real), balls(fake)
    holds = [[math.dist(x, y) <= r for x, r in zip(real, reach_real, strict=True)] for y in fake]
    back = [[math.dist(x, y) <= r for y, r in zip(fake, reach_fake, strict=True)] for x in real]
    return {
        "precision": np.mean([any(row) for row in holds]),
        "recall": np.mean([any(row) for row in back]),
        "density": sum(map(sum, holds)) / (k * len(fake)),
        "coverage": np.mean([any(row[i] for row in holds) for i in range(len(real))]),
    }


@pytest.mark.parametrize("k", [1, 3, 7])
@pytest.mark.parametrize("n, m", [(20, 33), (33, 20), (8, 8)])
def test_four_numbers_are_those_of_the_loops(n, m, k):
    real, fake = points(n, seed=n), 0.8 * points(m, seed=m + 1) + [0.7, 0, 0]
    assert precision_recall(real, fake, k=k) == pytest.approx(by_loops(real, fake, k), abs=1e-12)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_equal_sets_are_perfect(k):
    x = points(40, 5)
    found = precision_recall(x, x[::-1].copy(), k=k)
    assert three(found) == FINE
    # A ball holds its centre and k neighbours: k + 1 fakes.
    assert found["density"] == pytest.approx((k + 1) / k)


def test_sets_that_are_far_apart_have_nothing_in_common():
    found = precision_recall(points(30), points(30, seed=1) + 1000)
    assert found == {"precision": 0, "recall": 0, "density": 0, "coverage": 0}


def test_one_mode_of_two_is_precise_and_lacks_half():
    """Two far clusters of the same shape; the fakes are one of them, to the last point."""
    one = points(25)
    real = np.concatenate([one, one + 1000])
    found = precision_recall(real, one)
    assert three(found) == {"precision": 1, "recall": 0.5, "coverage": 0.5}
    found = precision_recall(one, real)
    assert three(found) == {"precision": 0.5, "recall": 1, "coverage": 1}


def test_a_collapse_is_precise_and_recalls_nothing():
    real = points(50, 2)
    centre = real[np.argmin(np.linalg.norm(real, axis=1))]
    found = precision_recall(real, centre + 1e-6 * points(50, 2, seed=1))
    assert found["precision"] == 1 and found["recall"] <= 1 / 50 and found["coverage"] < 0.5


def test_one_outlier_raises_precision_but_hardly_density():
    """Why Naeem et al. want density: the outlier's ball holds every fake."""
    real, fake = points(100, 2), points(100, 2, seed=1) + 30
    assert precision_recall(real, fake)["precision"] == 0
    found = precision_recall(np.concatenate([real, [[60.0, 60.0]]]), fake)
    assert (
        found["precision"] == 1 and found["density"] == pytest.approx(1 / 3) and found["coverage"] <= 1 / 101
    )


def test_copies_of_one_point_have_balls_without_extent():
    """Closed balls: with k copies of each point the reach is 0, and a point is still in its own ball."""
    x = np.repeat(points(10), 4, axis=0)
    found = precision_recall(x, x, k=3)
    assert three(found) == FINE and found["density"] == pytest.approx(4 / 3)
    moved = precision_recall(x, x + 1e-9, k=3)
    assert moved == {"precision": 0, "recall": 0, "density": 0, "coverage": 0}


def test_turning_moving_scaling_and_order_change_nothing():
    real, fake = points(30), 0.9 * points(40, seed=1) + 0.3
    turn = np.linalg.qr(points(3, seed=2))[0]
    before = precision_recall(real, fake)
    order = np.random.default_rng(3).permutation(40)
    for move in (lambda x: x @ turn, lambda x: x + [3, -8, 2], lambda x: 1e-3 * x, lambda x: 1e5 * x):
        assert precision_recall(move(real), move(fake)) == pytest.approx(before)
        assert nearest_share(move(fake), move(real), move(real[:7] + 0.1)) == pytest.approx(
            nearest_share(fake, real, real[:7] + 0.1)
        )
    assert precision_recall(real, fake[order]) == pytest.approx(before)
    swapped = precision_recall(fake, real)
    assert (swapped["precision"], swapped["recall"]) == (before["recall"], before["precision"])


def test_strips_give_what_all_at_once_gives(monkeypatch):
    real, fake, new = points(57), points(43, seed=1) + 0.4, points(31, seed=2)
    whole = precision_recall(real, fake), nearest_share(fake, real, new)
    monkeypatch.setattr("coursekit.evaluation.STRIP", 10)
    assert (precision_recall(real, fake), nearest_share(fake, real, new)) == whole


def test_arrays_lists_and_tensors_give_the_same():
    real, fake = points(12), points(15, seed=1)
    for kind in (np.ndarray.tolist, torch.tensor, lambda x: np.asfortranarray(x)):
        assert precision_recall(kind(real), kind(fake)) == precision_recall(real, fake)
        assert nearest_share(kind(fake), kind(real), kind(fake[:3])) == nearest_share(fake, real, fake[:3])


# Memorising


def test_nearest_share_is_the_average_over_all_pairs():
    samples, train, test = points(17), points(29, seed=1), points(13, seed=2)
    samples[:3] = train[:3]
    test[:2] = train[5:7]  # ties with the copies

    def reach(x):
        return min(math.dist(x, y) for y in train)

    pairs = [(reach(s), reach(t)) for s in samples for t in test]
    expected = np.mean([(s < t) + (s == t) / 2 for s, t in pairs])
    assert nearest_share(samples, train, test) == pytest.approx(expected, abs=1e-12)


def test_copies_noise_and_new_data_are_told_apart():
    train, test = points(200), points(200, seed=1)
    assert nearest_share(train[::3], train, test) == 1
    assert nearest_share(points(50) + 1000, train, test) == 0
    assert nearest_share(test, train, test) == 0.5  # every pair once each way
    shares = [nearest_share(points(200, seed=seed), train, test) for seed in range(2, 22)]
    # For equal distributions the statistic has mean 1/2 and variance about 1 / (12 n) from each side; that of
    # the test set is common to all twenty.
    assert abs(np.mean(shares) - 0.5) < 4 * math.sqrt(1 / (12 * 200) * (1 + 1 / 20))
    assert np.mean(shares) < nearest_share(train + 0.01 * points(200, seed=3), train, test)


# Maps


@pytest.mark.parametrize("k", [1, 4, 14])
def test_trustworthiness_of_distances_is_that_of_the_points(k):
    x, z = points(30, 4), points(30, 2, seed=1)
    distances = np.linalg.norm(x[:, None] - x[None], axis=2)
    ours = trustworthiness(distances, z, k=k, metric="precomputed")
    assert ours == pytest.approx(trustworthiness(x, z, k=k), abs=1e-12)
    theirs = sklearn.manifold.trustworthiness(distances, z, n_neighbors=k, metric="precomputed")
    assert ours == pytest.approx(theirs, abs=1e-12)


def test_worst_map_has_trustworthiness_0():
    """On a line, the k on the map are the k farthest in the data: the sum that the formula divides by."""
    x = np.arange(9.0)[:, None] ** 2  # from the first point on, ranks are those of the order
    one = trustworthiness(x, x, k=3)
    farthest = np.linalg.norm(x[:, None] - x[None], axis=2).max() - np.abs(x - x.T)
    excess = 0
    for i in range(9):
        rank = np.argsort(np.argsort(np.where(np.arange(9) == i, np.inf, np.abs(x[:, 0] - x[i, 0])))) + 1
        neighbours = sorted(range(9), key=lambda j, i=i: farthest[i, j] if j != i else np.inf)[:3]
        excess += sum(max(0, rank[j] - 3) for j in neighbours)
    # Ranks 6, 7, 8 beyond 3: 3 + 4 + 5 for each of nine points.
    assert one == 1 and excess == 9 * 12 and 1 - 2 * excess / (9 * 3 * (18 - 9 - 1)) == 0


# Modes


def test_share_of_a_mode_is_counted_by_the_nearest_center():
    found = mode_coverage([[0.0], [1.0], [9.0]], [[0.0], [10.0]], [1.0, 0.1])
    assert found["modes"] == 1 and found["good_share"] == pytest.approx(2 / 3)
    assert found["kl"] == pytest.approx(2 / 3 * math.log(4 / 3) + 1 / 3 * math.log(2 / 3))


# The judge


@pytest.fixture(scope="module")
def judge():
    labels = np.arange(300) % 6
    x = points(300, 6) + 4 * np.eye(6)[labels]
    model = DigitClassifier(6, n_hidden=16, n_features=12, n_classes=6).fit(x, labels, n_epochs=40)
    return x, labels, model


def test_features_are_those_that_the_judge_decides_by(judge):
    x, labels, model = judge
    with torch.no_grad():
        torch.testing.assert_close(model.head(model.features(x)).softmax(-1), model.predict_proba(x))
        torch.testing.assert_close(model(torch.tensor(x).float()).softmax(-1), model.predict_proba(x))
    assert (model.predict_proba(x).argmax(1).numpy() == labels).mean() > 0.9
    assert model.features(x).shape == (300, 12) and model.features(x).min() == 0


def test_the_judge_standardises_so_that_units_do_not_matter(judge):
    x, labels, model = judge
    other = DigitClassifier(6, n_hidden=16, n_features=12, n_classes=6).fit(100 * x + 7, labels, n_epochs=40)
    torch.testing.assert_close(other.predict_proba(100 * x + 7), model.predict_proba(x), atol=2e-3, rtol=0)
    torch.testing.assert_close(model.mean, torch.tensor(x.mean(0)).float())
    assert model.scale.item() == pytest.approx(x.std(ddof=1))


def test_learning_under_noise_makes_the_judge_less_sure(judge):
    x, labels, _ = judge

    def confidence(noise):
        model = DigitClassifier(6, n_hidden=16, n_classes=6).fit(x, labels, n_epochs=30, noise=noise)
        return model.predict_proba(x).amax(1).mean().item()

    assert confidence(1.0) < confidence(0.2) < confidence(0.0)


# Annealed importance sampling


def test_ais_walks_through_machines_that_its_moves_leave_alone():
    """Two steps: a move at any other temperature than the path's would bias the estimate by many errors."""
    torch.manual_seed(0)
    rbm = RBM(3, 2).double()
    for parameter in rbm.parameters():
        torch.nn.init.normal_(parameter, 0, 1.5)
    rng = torch.Generator().manual_seed(1)
    estimate, error = ais_log_partition(rbm, n_steps=2, n_chains=400_000, rng=rng, base_bias=torch.zeros(3))
    assert abs(estimate - rbm.log_partition().item()) < 4 * error < 0.1


# Bad input

NAN = np.array([[0.0, 1.0], [np.nan, 2.0], [3.0, 1.0]])
FLAT = np.zeros((8, 2))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_have_no_quality(bad):
    x = points(8, 2)
    broken = x.copy()
    broken[3, 1] = bad
    calls = [
        lambda: frechet_distance(broken, x),
        lambda: frechet_distance(x, broken),
        lambda: precision_recall(broken, x),
        lambda: precision_recall(x, broken),
        lambda: nearest_share(broken, x, x),
        lambda: nearest_share(x, broken, x),
        lambda: nearest_share(x, x, broken),
        lambda: mode_coverage(broken, x[:2], 1.0),
        lambda: mode_coverage(x, broken, 1.0),
        lambda: trustworthiness(broken, x, k=2),
        lambda: trustworthiness(x, broken, k=2),
        lambda: DigitClassifier(2).fit(broken, np.arange(8)),
        lambda: DigitClassifier(2).predict_proba(broken),
        lambda: DigitClassifier(2).features(broken),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="holds 1 values that are NaN or infinite"):
            call()
    with pytest.raises(ValueError, match="std must be one positive number or one for each of 2 centers"):
        mode_coverage(x, x[:2], [1.0, bad] if bad != np.inf else [-1.0, 1.0])


@pytest.mark.parametrize(
    "call, sentence",
    [
        (
            lambda x: frechet_distance(x, x[:, :1]),
            r"samples of one width are needed, got a \(8, 2\) and b \(8, 1\)",
        ),
        (lambda x: frechet_distance(x, x[:1]), "at least 2 points are needed, got 8 and 1"),
        (lambda x: frechet_distance(x[0], x), r"a must have shape \(n, any\)"),
        (lambda x: precision_recall(x, x[:0]), "fake must hold at least one point"),
        (lambda x: precision_recall(x, x[:3]), "k must be at most 2, got 3"),
        (lambda x: precision_recall(x, x, k=0), "k must be at least 1, got 0"),
        (lambda x: precision_recall(x, x, k=1.5), "k must be a whole number"),
        (lambda x: nearest_share(x, x[:, :1], x), "samples of one width are needed"),
        (lambda x: nearest_share(x, x, x[:0]), "test must hold at least one point"),
        (lambda x: trustworthiness(x, x, k=4), "k must be below n / 2 = 4, got 4"),
        (lambda x: trustworthiness(x, x, k=0), "k must be at least 1, got 0"),
        (lambda x: trustworthiness(x, x[:7]), "the data have 8 points and the map 7"),
        (lambda x: trustworthiness(x, x, k=2, metric="precomputed"), r"are \(8, 8\), got \(8, 2\)"),
        (
            lambda x: trustworthiness(x, x, metric="cosine"),
            "unknown metric 'cosine'; choose one of euclidean",
        ),
        (lambda x: mode_coverage(x[:0], x, 1.0), "samples must hold at least one point"),
        (lambda x: mode_coverage(x, x[:3], [1.0, 2.0]), "one positive number or one for each of 3 centers"),
        (lambda x: mode_coverage(x, x[:3], 0.0), "one positive number"),
        (
            lambda x: DigitClassifier(2).fit(x, np.arange(8) + 3),
            r"labels must be class numbers in 0..9, got 3 to 10",
        ),
        (lambda x: DigitClassifier(2).fit(x, np.arange(7)), r"labels must have shape \(8,\)"),
        (lambda x: DigitClassifier(2).fit(x, np.arange(8) / 2), "labels must be whole numbers"),
        (lambda x: DigitClassifier(3).fit(x, np.arange(8)), r"x must have shape \(n, 3\), got \(8, 2\)"),
        (lambda x: DigitClassifier(2).fit(FLAT, np.arange(8)), "images that are not all alike"),
        (lambda x: DigitClassifier(2).fit(x, np.arange(8), n_epochs=0), "n_epochs must be at least 1"),
        (lambda x: DigitClassifier(2).fit(x, np.arange(8), noise=-1), "noise must be at least 0"),
        (
            lambda x: ais_log_partition(RBM(3, 2), base_bias=[0.0, 1.0]),
            "one entry for each of 3 visible units, got 2",
        ),
        (lambda x: ais_log_partition(RBM(3, 2), rng=0), "rng must be a torch.Generator"),
    ],
)
def test_bad_input_gets_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        call(points(8, 2))
    assert "\n" not in str(error.value)


def test_nothing_is_written_into_what_was_handed_in():
    real, fake = points(10), points(12, seed=1)
    copies = real.copy(), fake.copy()
    distances = torch.cdist(torch.tensor(real), torch.tensor(real))
    before = distances.clone()
    precision_recall(real, fake), nearest_share(fake, real, real), frechet_distance(real, fake)
    trustworthiness(real, real, k=2), trustworthiness(distances, real, k=2, metric="precomputed")
    np.testing.assert_array_equal(real, copies[0])
    np.testing.assert_array_equal(fake, copies[1])
    assert torch.equal(distances, before)


# Digits, all measures at once


def test_digit_quality_of_real_digits_of_copies_and_of_one_class():
    train, test = train_and_test("digits")
    judge = digit_judge(train.x, train.labels)
    assert (judge.predict_proba(test.x).argmax(1).numpy() == test.labels).mean() > 0.95
    real = digit_quality(judge, test.x, train.x, test.x)
    assert real["classes"] == 10 and real["nearest"] == 1 and real["confidence"] > 0.9
    assert real["Frechet distance"] < 1e-6
    copies = digit_quality(judge, train.x[:500], train.x, test.x)
    assert copies["nearest"] == 0 and copies["classes"] == 10
    noise = np.random.default_rng(0).uniform(0, 16, size=(500, 64))
    noise = digit_quality(judge, noise, train.x, test.x)
    assert noise["confidence"] < real["confidence"] and noise["nearest"] > 1.5
    assert noise["Frechet distance"] > 20 * copies["Frechet distance"]
    threes = digit_quality(judge, train.x[train.labels == 3], train.x, test.x)
    assert threes["classes"] == 1 and threes["smallest class"] == 0


def test_shares_of_classes_are_counted():
    """A judge that reads the class off the pixels: 197 zeros and 3 ones, which are less than 2 %."""
    judge = DigitClassifier(10)
    judge.predict_proba = lambda x: torch.as_tensor(x, dtype=torch.float64)
    samples = np.eye(10)[[0] * 197 + [1] * 3] * 0.7
    found = digit_quality(judge, samples, points(20, 10), points(20, 10, seed=1))
    assert found["classes"] == 1 and found["smallest class"] == 0
    assert found["confidence"] == pytest.approx(0.7)
    samples = np.eye(10)[list(range(10)) * 19 + [1] * 10]
    found = digit_quality(judge, samples, points(20, 10), points(20, 10, seed=1))
    assert found["classes"] == 10 and found["smallest class"] == pytest.approx(19 / 200)


@pytest.mark.parametrize(("n_levels", "n_dims", "level"), [(16, 5, 1.0), (256, 12, 1.0), (16, 5, 0.25)])
def test_bits_per_dimension_of_a_uniform_density_count_its_levels(n_levels, n_dims, level):
    """A density that is even over the cube of all levels costs log2(levels) bits in each dimension."""
    log_prob = -n_dims * np.log(n_levels * level)
    assert bits_per_dim(log_prob, n_dims, level=level) == pytest.approx(np.log2(n_levels))
    one_bit_more = log_prob - n_dims * np.log(2)
    assert bits_per_dim(one_bit_more, n_dims, level=level) == pytest.approx(np.log2(n_levels) + 1)


def test_the_judges_features_are_64_numbers_and_its_classes_ten():
    judge = DigitClassifier(9)
    assert judge.features(np.zeros((2, 9))).shape == (2, 64)
    assert judge.predict_proba(np.zeros((2, 9))).shape == (2, 10)
