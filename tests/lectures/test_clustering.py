"""Theorems about K-means and agglomerative clustering, with scikit-learn and SciPy as oracles."""

import itertools

import numpy as np
import pytest
from scipy.cluster import hierarchy
from scipy.sparse.csgraph import minimum_spanning_tree as scipy_tree
from scipy.spatial.distance import cdist, pdist, squareform
from sklearn.cluster import KMeans as SklearnKMeans
from sklearn.utils.estimator_checks import check_estimator

from coursekit import data
from coursekit.clustering import AgglomerativeClustering, KMeans, cut, linkage
from coursekit.clustering import agglomerative as trees
from coursekit.clustering.kmeans import _Clusters

METHODS = ("single", "complete", "average", "centroid", "ward")
REDUCIBLE = ("single", "complete", "average", "ward")


def problem(seed):
    """A random problem: n, p, K, scale and position differ; rounded data bring ties and equal points."""
    rng = np.random.default_rng(seed)
    n, p, K = int(rng.integers(8, 120)), int(rng.integers(1, 6)), int(rng.integers(1, 8))
    centers = rng.normal(size=(int(rng.integers(1, 6)), p)) * rng.uniform(0, 5)
    X = centers[rng.integers(len(centers), size=n)] + rng.normal(size=(n, p))
    if seed % 4 == 0:
        X = np.round(X)
    return X * 10.0 ** rng.integers(-3, 4) + rng.normal() * 10, K


def sum_of_squares(X, labels, centers):
    return ((X - centers[labels]) ** 2).sum()


def spread(X):
    return ((X - X.mean(axis=0)) ** 2).sum()


def same_partition(a, b):
    return len(set(zip(a, b, strict=True))) == len(set(a)) == len(set(b))


# --- K-means


@pytest.mark.parametrize("init", ["random_partition", "k-means++", "array"])
def test_objective_never_rises_on_200_problems(init):
    for seed in range(200):
        X, K = problem(seed)
        start = X[np.random.default_rng(seed).choice(len(X), K, replace=False)] if init == "array" else init
        history = KMeans(K, init=start, random_state=seed).fit(X).history_
        told = np.array([state["objective"] for state in history[1:]])
        truth = np.array([sum_of_squares(X, state["labels"], state["centers"]) for state in history[1:]])
        rounding = 1e-11 * spread(X)
        assert np.all(np.diff(truth) <= rounding), seed
        np.testing.assert_allclose(told, truth, rtol=0, atol=rounding, err_msg=str(seed))


def test_each_half_step_does_what_it_says():
    for seed in range(1, 60):
        X, K = problem(seed)
        model = KMeans(K, random_state=seed).fit(X)
        steps = [state["step"] for state in model.history_]
        assert steps == ["assign", "centroids"] * (len(steps) // 2) + ["assign"] * (len(steps) % 2)
        for before, state in itertools.pairwise(model.history_):
            if state["step"] == "centroids":
                for k in np.unique(state["labels"]):
                    mean = X[state["labels"] == k].mean(axis=0)
                    np.testing.assert_allclose(state["centers"][k], mean, atol=1e-9 * np.abs(X).max())
            else:
                assert np.array_equal(before["centers"], state["centers"])
                distances = cdist(X, state["centers"], "sqeuclidean")
                chosen = distances[np.arange(len(X)), state["labels"]]
                np.testing.assert_allclose(chosen, distances.min(axis=1), atol=1e-11 * spread(X))


def test_the_last_state_is_a_fixed_point_and_what_the_attributes_hold():
    for seed in range(1, 100, 2):
        X, K = problem(seed)
        model = KMeans(K, random_state=seed).fit(X)
        assert np.array_equal(model.history_[-1]["labels"], model.history_[-2]["labels"])
        assert np.array_equal(model.labels_, cdist(X, model.cluster_centers_).argmin(axis=1))
        for k in np.unique(model.labels_):
            np.testing.assert_allclose(
                model.cluster_centers_[k], X[model.labels_ == k].mean(axis=0), rtol=1e-9
            )
        assert model.n_iter_ == sum(state["step"] == "assign" for state in model.history_) - 1
        again = KMeans(K, init=model.cluster_centers_).fit(X)
        assert again.n_iter_ <= 2
        assert np.array_equal(again.labels_, model.labels_)
        np.testing.assert_allclose(again.cluster_centers_, model.cluster_centers_, rtol=1e-10, atol=1e-10)
        assert np.array_equal(model.predict(X), model.labels_)
        truth = sum_of_squares(X, model.labels_, model.cluster_centers_)
        assert model.inertia_ == pytest.approx(truth, abs=1e-11 * spread(X))


def test_within_cluster_identity():
    # The textbook's (10.12): mean over ordered pairs of a cluster = twice the sum to its centroid.
    for seed in range(20):
        X, K = problem(seed)
        model = KMeans(K, random_state=seed).fit(X)
        clusters = [X[model.labels_ == k] for k in np.unique(model.labels_)]
        pairs = sum(cdist(c, c, "sqeuclidean").sum() / len(c) for c in clusters)
        assert pairs == pytest.approx(2 * model.inertia_, rel=1e-9, abs=1e-11 * spread(X))


def test_equal_to_scikit_learn_from_the_same_start():
    for seed in range(1, 120, 2):
        X, K = problem(seed)
        first = KMeans(K, random_state=seed).fit(X)
        start = first.history_[1]["centers"]
        for max_iter in (1, 3, 300):
            ours = KMeans(K, init=start, max_iter=max_iter).fit(X)
            theirs = SklearnKMeans(K, init=start, n_init=1, tol=0, algorithm="lloyd", max_iter=max_iter).fit(
                X
            )
            if seed % 4:  # without ties
                assert np.array_equal(ours.labels_, theirs.labels_), seed
                np.testing.assert_allclose(ours.cluster_centers_, theirs.cluster_centers_, rtol=1e-9)
            assert ours.inertia_ == pytest.approx(theirs.inertia_, rel=1e-9, abs=1e-11 * spread(X))
            assert ours.n_iter_ == theirs.n_iter_
        assert np.array_equal(ours.labels_, first.labels_)


def test_no_need_to_look_changes_nothing():
    # The leads let most points be skipped; a plain loop over all points takes exactly the same path.
    rng = np.random.default_rng(5)
    X = rng.normal(size=(3000, 6)) + rng.normal(size=(12, 6))[rng.integers(12, size=3000)] * 2
    model = KMeans(12, random_state=0).fit(X)
    assert model.n_iter_ > 15
    for state in model.history_[1:]:
        if state["step"] == "assign":
            assert np.array_equal(state["labels"], cdist(X, state["centers"]).argmin(axis=1))


def test_far_from_the_origin_and_float32():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(300, 3)) + 6 * rng.integers(3, size=(300, 1))
    near, far = KMeans(3, random_state=1).fit(X), KMeans(3, random_state=1).fit(X + 1e7)
    assert np.array_equal(near.labels_, far.labels_)
    assert far.inertia_ == pytest.approx(near.inertia_, rel=1e-6)
    single = KMeans(3, random_state=1).fit(X.astype(np.float32))
    assert np.array_equal(near.labels_, single.labels_)
    assert single.inertia_ == pytest.approx(near.inertia_, rel=1e-5)


def test_k_means_plus_plus_is_better_on_average():
    rng = np.random.default_rng(0)
    X = np.repeat(rng.uniform(-10, 10, size=(12, 2)), 25, axis=0) + rng.normal(scale=0.3, size=(300, 2))
    runs = {
        init: np.array([KMeans(12, init=init, random_state=seed).fit(X).inertia_ for seed in range(60)])
        for init in ("random_partition", "k-means++")
    }
    gain = runs["random_partition"] - runs["k-means++"]
    standard_error = gain.std(ddof=1) / np.sqrt(len(gain))
    assert gain.mean() > 4 * standard_error
    # Theorem 1.1 of Arthur and Vassilvitskii, with the best value seen in place of the optimum.
    assert runs["k-means++"].mean() <= 8 * (np.log(12) + 2) * min(map(np.min, runs.values()))


def test_k_means_plus_plus_draws_by_squared_distance():
    # From a first centre at 0 the points 1, 2, 3 are drawn with chances 1/14, 4/14, 9/14.
    from coursekit.clustering import k_means_plus_plus

    X, rng = np.array([[0.0], [1], [2], [3]]), np.random.RandomState(0)
    draws = np.array([k_means_plus_plus(X, 2, rng)[:, 0] for _ in range(8000)])
    second = draws[draws[:, 0] == 0, 1].astype(int)
    chance = np.array([0, 1, 4, 9]) / 14
    error = np.bincount(second, minlength=4) / len(second) - chance
    assert np.all(np.abs(error) <= 4 * np.sqrt(chance * (1 - chance) / len(second)))


def test_n_init_keeps_the_best_and_seeds_repeat():
    X, _ = problem(7)
    rng = np.random.RandomState(3)
    each = [KMeans(5, random_state=rng).fit(X).inertia_ for _ in range(8)]
    best = KMeans(5, n_init=8, random_state=3).fit(X)
    assert len(set(np.round(each, 6))) > 1
    assert best.inertia_ == min(each) == best.history_[-1]["objective"]
    assert np.array_equal(best.labels_, KMeans(5, n_init=8, random_state=3).fit(X).labels_)


def test_the_six_panels_can_be_drawn_from_the_history():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(150, 2)) + np.array([[0, 0], [4, 0], [2, 3]])[rng.integers(3, size=150)]
    history = KMeans(3, random_state=0).fit(X).history_
    first, centroids, assign, second = history[:4]
    assert (first["step"], first["centers"]) == ("assign", None) and np.isnan(first["objective"])
    assert set(first["labels"]) == {0, 1, 2}
    # First centroids nearly on top of each other: far nearer than in the result.
    assert pdist(centroids["centers"]).max() < 0.5 * pdist(history[-1]["centers"]).min()
    assert np.array_equal(centroids["labels"], first["labels"])
    assert not np.array_equal(assign["labels"], first["labels"])
    assert np.array_equal(second["labels"], assign["labels"])
    assert not np.array_equal(second["centers"], assign["centers"])
    given = KMeans(3, init=X[:3]).fit(X).history_[0]
    assert given["step"] == "centroids" and given["labels"] is None
    np.testing.assert_allclose(given["centers"], X[:3], rtol=1e-12, atol=1e-12)


def test_history_shares_what_did_not_change():
    X, _ = problem(9)
    states = KMeans(3, random_state=0).fit(X).history_
    assert all(a["labels"] is b["labels"] for a, b in itertools.pairwise(states) if b["step"] == "centroids")
    assert states[0]["labels"].dtype == np.int32


def test_random_partition_leaves_no_cluster_out():
    X = np.arange(7.0)[:, None]
    for seed in range(50):
        assert set(KMeans(6, random_state=seed).fit(X).history_[0]["labels"]) == set(range(6))
    everyone = KMeans(7, random_state=0).fit(X)
    assert everyone.inertia_ == pytest.approx(0, abs=1e-12) and len(set(everyone.labels_)) == 7


def test_an_empty_cluster_takes_the_farthest_point():
    X = np.array([[0.0], [1], [2], [10]])
    start = np.array([[1.0], [50], [60]])
    model = KMeans(3, init=start).fit(X)
    moved = model.history_[2]  # start, assign, centroids
    assert moved["labels"].tolist() == [
        2,
        0,
        0,
        1,
    ]  # 10 is farthest from 1, then 0 (and 2, which comes later)
    np.testing.assert_allclose(moved["centers"], [[1.5], [10], [0]])
    assert moved["objective"] <= model.history_[1]["objective"] - 81
    theirs = SklearnKMeans(3, init=start, n_init=1, tol=0).fit(X)
    assert model.inertia_ == pytest.approx(theirs.inertia_)


def test_objective_never_rises_when_clusters_run_empty():
    emptied = 0
    for seed in range(100):
        X, _ = problem(seed)
        start = X.mean(axis=0) + np.random.default_rng(seed).normal(size=(6, X.shape[1])) * 4 * X.std()
        history = KMeans(6, init=start).fit(X).history_
        emptied += any(len(np.unique(s["labels"])) < 6 for s in history[1:])
        truth = [sum_of_squares(X, s["labels"], s["centers"]) for s in history[1:]]
        last = cdist(X, history[-1]["centers"], "sqeuclidean")
        chosen = last[np.arange(len(X)), history[-1]["labels"]]
        np.testing.assert_allclose(chosen, last.min(axis=1), atol=1e-11 * spread(X))
        assert np.all(np.diff(truth) <= 1e-11 * spread(X)), seed
        if len(np.unique(X, axis=0)) >= 6:
            assert len(np.unique(history[-1]["labels"])) == 6, seed
    assert emptied > 30


def test_fewer_distinct_points_than_clusters():
    X = np.repeat([[0.0, 1.0], [2.0, 5.0]], 4, axis=0)
    for init in ("random_partition", "k-means++"):
        for seed in range(20):
            model = KMeans(3, init=init, random_state=seed).fit(X)
            assert model.n_iter_ < 10 and np.isfinite(model.cluster_centers_).all()
            assert model.inertia_ == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    "change, sentence",
    [
        (dict(X=np.array([[1.0, np.nan], [2, 3], [4, 5]])), "X contains NaN"),
        (dict(X=np.array([[1.0, np.inf], [2, 3], [4, 5]])), "X contains NaN or inf"),
        (dict(n_clusters=5), "n_samples=3 points cannot make n_clusters=5"),
        (dict(n_clusters=0), "n_clusters must be a positive integer, got 0"),
        (dict(n_clusters=2.0), "n_clusters must be a positive integer, got 2.0"),
        (dict(n_init=0), "n_init must be a positive integer"),
        (dict(max_iter=0), "max_iter must be a positive integer"),
        (dict(init="random"), "unknown init 'random'; choose one of random_partition, k-means"),
        (dict(init=np.zeros((2, 3))), r"init has shape \(2, 3\), but must be \(2, 2\)"),
    ],
)
def test_bad_input_to_k_means_gets_a_sentence(change, sentence):
    X = change.pop("X", np.array([[1.0, 0], [2, 3], [4, 5]]))
    with pytest.raises(ValueError, match=sentence) as caught:
        KMeans(**{"n_clusters": 2, **change}).fit(X)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("estimator", [KMeans(3), KMeans(3, init="k-means++"), AgglomerativeClustering()])
def test_scikit_learns_own_checks(estimator):
    check_estimator(estimator, on_skip=None)


def test_input_stays_as_it_was():
    X, _ = problem(11)
    X.setflags(write=False)
    before = X.copy()
    KMeans(3, random_state=0).fit(X)
    for method in METHODS:
        linkage(X, method)
    assert np.array_equal(X, before)


# --- Agglomerative clustering


def dissimilarity(A, B, method):
    """Of two clusters given as arrays of points, by the definition of each linkage."""
    if method in ("centroid", "ward"):
        gap = np.linalg.norm(A.mean(axis=0) - B.mean(axis=0))
        return gap if method == "centroid" else gap * np.sqrt(2 * len(A) * len(B) / (len(A) + len(B)))
    return {"single": np.min, "complete": np.max, "average": np.mean}[method](cdist(A, B))


@pytest.mark.parametrize("method", trees.METHODS)
def test_equal_to_scipy_on_random_data(method):
    for seed in range(30):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(int(rng.integers(2, 150)), int(rng.integers(1, 8)))) * 10.0 ** rng.integers(
            -3, 4
        )
        np.testing.assert_allclose(linkage(X, method), hierarchy.linkage(X, method), rtol=1e-9)


@pytest.mark.parametrize("method", trees.METHODS)
@pytest.mark.parametrize("kind", ["random", "grid", "copies"])
def test_every_merge_is_a_current_minimum(method, kind):
    for seed in range(6):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(18, 2)) if kind == "random" else rng.integers(4, size=(18, 2)).astype(float)
        if kind == "grid":
            X = rng.permutation(np.array(list(itertools.product(range(4), range(5))), dtype=float))
        Z = linkage(X, method)
        clusters = {i: X[[i]] for i in range(len(X))}
        for i, (a, b, height, size) in enumerate(Z):
            smallest = min(
                dissimilarity(A, B, method) for A, B in itertools.combinations(clusters.values(), 2)
            )
            A, B = clusters.pop(int(a)), clusters.pop(int(b))
            assert a < b and size == len(A) + len(B)
            assert dissimilarity(A, B, method) == pytest.approx(height, abs=1e-7)
            assert height == pytest.approx(smallest, abs=1e-7)
            clusters[len(X) + i] = np.vstack([A, B])
        assert hierarchy.is_valid_linkage(Z)


def test_ties_are_broken_as_documented():
    square = np.array([[0.0, 0], [1, 0], [0, 1], [1, 1]])
    for method in METHODS:
        assert linkage(square, method)[0, :2].tolist() == [0, 1]  # the lowest indices first
    # A chain goes back rather than on: 1 is as near to 0 as to 2, and came from 0.
    row = np.arange(4.0)[:, None]
    assert linkage(row, "complete")[:, :2].tolist() == [[0, 1], [2, 3], [4, 5]]
    for seed in range(20):  # SciPy breaks ties in the same way where dissimilarities are exact
        X = np.random.default_rng(seed).integers(4, size=(30, 2)).astype(float)
        for method in ("single", "complete"):
            assert np.array_equal(linkage(X, method), hierarchy.linkage(X, method))


@pytest.mark.parametrize("method", REDUCIBLE)
def test_heights_are_monotone_and_parents_above_children(method):
    for seed in range(40):
        X, _ = problem(seed)
        Z = linkage(X, method)
        assert np.all(np.diff(Z[:, 2]) >= 0)
        assert np.all(Z[:, :2] < len(X) + np.arange(len(Z))[:, None])


def test_centroid_linkage_has_an_inversion_on_three_points():
    # Nearly equilateral: after the base (length 1) the tip is only 0.9 from its middle.
    X = np.array([[0.0, 0], [1, 0], [0.5, 0.9]])
    assert linkage(X, "centroid")[:, 2] == pytest.approx([1.0, 0.9])
    assert np.all(np.diff(linkage(X, "ward")[:, 2]) > 0)
    inverted = [np.any(np.diff(linkage(problem(s)[0], "centroid")[:, 2]) < 0) for s in range(1, 40, 2)]
    assert np.mean(inverted) > 0.5


@pytest.mark.parametrize("method", REDUCIBLE)
def test_the_quick_ways_equal_the_algorithm_as_written(method):
    for seed in range(20):
        X = np.random.default_rng(seed).normal(size=(70, 3))
        D = squareform(pdist(X)) ** (2 if method in ("ward",) else 1)
        heights = trees.closest_pairs(D, method)[:, 2]
        if method == "ward":
            heights = np.sqrt(heights)
        np.testing.assert_allclose(linkage(X, method)[:, 2], heights, rtol=1e-9)


def clusters_formed(merges):
    """All sets of points that the merges make; each merge names its two clusters by a point of theirs."""
    members = {}
    for a, b in merges[:, :2].astype(int):
        both = members.get(a, frozenset([a])) | members.get(b, frozenset([b]))
        members |= dict.fromkeys(both, both)
        yield both


def test_the_chain_is_wrong_for_centroid_linkage():
    wrong = 0
    for seed in range(10):
        D = trees.squared_distances(np.random.default_rng(seed).normal(size=(100, 2)))
        chain = set(clusters_formed(trees.nearest_neighbour_chain(D.copy(), "centroid")))
        wrong += chain != set(clusters_formed(trees.closest_pairs(D.copy(), "centroid")))
        chain = set(clusters_formed(trees.nearest_neighbour_chain(D.copy(), "ward")))
        assert chain == set(clusters_formed(trees.closest_pairs(D.copy(), "ward")))
    assert wrong >= 5


def test_rounding_never_puts_a_parent_below_its_child():
    # In a regular simplex all merges of singletons tie, and rounding alone would order the rest.
    merges = trees.nearest_neighbour_chain(trees.squared_distances(0.37 * np.eye(60)), "ward")
    height = {}
    for a, b, d in merges:
        assert d >= max(height.get(a, 0), height.get(b, 0))
        height[b] = d


@pytest.mark.parametrize("method", trees.METHODS)
def test_lance_williams_is_the_definition(method):
    rng = np.random.default_rng(4)
    A, B, K = rng.normal(size=(3, 4)), rng.normal(size=(5, 4)) + 1, rng.normal(size=(2, 4)) - 1
    power = 2 if method in ("centroid", "ward") else 1
    d = [dissimilarity(*pair, method) ** power for pair in ((A, K), (B, K), (A, B))]
    new = trees.lance_williams(method, np.array(d[:1]), np.array(d[1:2]), d[2], 3, 5, np.array([2.0]))
    assert new[0] == pytest.approx(dissimilarity(np.vstack([A, B]), K, method) ** power)


def test_ward_heights_are_twice_the_rise_of_the_sum_of_squares():
    X = np.random.default_rng(6).normal(size=(40, 3))
    Z = linkage(X, "ward")
    within = [
        sum(spread(X[labels == k]) for k in range(K)) for K in range(40, 0, -1) for labels in [cut(Z, K)]
    ]
    np.testing.assert_allclose(np.diff(within), Z[:, 2] ** 2 / 2, rtol=1e-8, atol=1e-10)


def test_single_linkage_is_the_minimum_spanning_tree():
    for seed in range(10):
        X = np.random.default_rng(seed).normal(size=(80, 3))
        edges = np.sort(scipy_tree(squareform(pdist(X))).data)
        np.testing.assert_allclose(linkage(X, "single")[:, 2], edges, rtol=1e-12)


@pytest.mark.parametrize("method", trees.METHODS)
def test_cophenetic_distance_by_linkage(method):
    X = np.random.default_rng(8).normal(size=(25, 2))
    Z = linkage(X, method)
    cophenetic, D = squareform(hierarchy.cophenet(Z)), squareform(pdist(X))
    partition = {K: cut(Z, K) for K in range(1, 26)}
    for i, j in itertools.combinations(range(25), 2):  # the height of the merge that first puts both together
        together = max(K for K in partition if partition[K][i] == partition[K][j])
        assert cophenetic[i, j] == Z[25 - together - 1, 2]
    if method == "single":  # never above the distance itself, and the lowest pass between the two points
        passes = D.copy()
        for k in range(25):
            passes = np.minimum(passes, np.maximum(passes[:, [k]], passes[[k]]))
        np.testing.assert_allclose(cophenetic, passes, rtol=1e-12)
    if method == "complete":
        assert np.all(cophenetic >= D - 1e-12)
    if method != "centroid":  # an ultrametric: of three distances the two largest are equal
        assert np.all(cophenetic <= np.maximum(cophenetic[:, :, None], cophenetic[None]).min(axis=1) + 1e-12)


def test_single_linkage_trails_where_complete_does_not():
    # A string of 39 points of growing gaps: single linkage takes up one point at a time, complete does not.
    X = np.cumsum(1 + 0.01 * np.arange(39))[:, None]
    single, complete = linkage(X, "single"), linkage(X, "complete")
    assert np.all(single[1:, 0] < 39) and np.all(np.diff(single[:, 3]) == 1)
    assert np.sum(complete[:, :2].min(axis=1) < 39) < 25


@pytest.mark.parametrize("method", trees.METHODS)
def test_cut_equals_scipy_and_counts_from_the_first_point(method):
    X = np.random.default_rng(9).normal(size=(50, 2))
    Z = linkage(X, method)
    for K in (1, 2, 7, 49, 50):
        labels = cut(Z, K)
        _, first = np.unique(labels, return_index=True)
        assert np.array_equal(np.unique(labels), np.arange(K)) and np.all(np.diff(first) > 0)
        assert same_partition(labels, hierarchy.cut_tree(Z, K)[:, 0])
        assert np.array_equal(AgglomerativeClustering(K, linkage=method).fit(X).labels_, labels)


def test_usarrests_cut_at_three():
    arrests = data.usarrests()
    Z = linkage(arrests.x, "complete")
    labels = cut(Z, 3)
    assert np.bincount(labels).tolist() == [16, 14, 20]
    names = np.array(arrests.row_names)
    assert {"Alabama", "Florida", "Nevada"} <= set(names[labels == 0])
    assert {"Hawaii", "Iowa", "Vermont"} <= set(names[labels == 2])
    scaled = (arrests.x - arrests.x.mean(axis=0)) / arrests.x.std(axis=0)
    assert not same_partition(labels, cut(linkage(scaled, "complete"), 3))


def test_number_of_dissimilarities():
    for n in (2, 3, 10, 41):
        D = trees.squared_distances(np.random.default_rng(n).normal(size=(n, 3)))
        assert np.array_equal(D, D.T) and np.all(np.diag(D) == 0)
        assert np.count_nonzero(np.triu(D)) == n * (n - 1) // 2


@pytest.mark.parametrize("method", trees.METHODS)
def test_bad_input_to_linkage_gets_a_sentence(method):
    for X, sentence in (
        ([[1.0, np.nan], [2, 3]], "X contains NaN"),
        ([[1.0, 2.0]], "1 sample"),
    ):
        for call in (lambda x: linkage(x, method), AgglomerativeClustering(1, linkage=method).fit):
            with pytest.raises(ValueError, match=sentence) as caught:
                call(np.array(X))
            assert "\n" not in str(caught.value)


def test_unknown_linkage_and_impossible_cuts():
    X = np.eye(3)
    for call in (lambda: linkage(X, "median"), AgglomerativeClustering(linkage="median").fit):
        with pytest.raises(ValueError, match="unknown linkage 'median'; choose one of single, complete"):
            call(*([] if call.__name__ == "<lambda>" else [X]))
    with pytest.raises(ValueError, match="unknown linkage 'median'; choose one of single, complete"):
        trees.lance_williams("median", 1.0, 2.0, 3.0, 1, 1, 1)
    for K in (0, 4):
        with pytest.raises(ValueError, match=f"n_clusters={K} is impossible: 3 points make 1 to 3"):
            cut(linkage(X, "ward"), K)


def test_too_many_points_say_how_much_memory():
    X = np.zeros((20_001, 1))
    for method in ("complete", "average", "centroid", "ward"):
        with pytest.raises(MemoryError, match=r"20001 points would take 3\.2 GB"):
            linkage(X, method)


# Data of every size


@pytest.mark.parametrize("method", trees.METHODS)
@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_merge_heights_keep_their_digits_far_from_one(method, size):
    X = np.random.default_rng(5).normal(size=(30, 2))
    expected = linkage(X, method)
    found = linkage(X * size, method)
    np.testing.assert_array_equal(found[:, [0, 1, 3]], expected[:, [0, 1, 3]])
    np.testing.assert_allclose(found[:, 2] / size, expected[:, 2], rtol=1e-12)


@pytest.mark.parametrize("method", trees.METHODS)
def test_distances_of_pairs_make_the_same_tree_and_a_square_matrix_is_warned_of(method):
    X = np.random.default_rng(6).normal(size=(25, 3))
    pairs = pdist(X)
    expected = linkage(X, method)
    np.testing.assert_allclose(linkage(pairs, method), expected, rtol=1e-9)
    with pytest.warns(UserWarning, match="squareform"):
        linkage(squareform(pairs), method)
    with pytest.raises(ValueError, match="negative"):
        linkage(-pairs, method)


def test_distances_beyond_one_strip_of_the_matrix():
    X = np.random.default_rng(7).normal(size=(400, 3))
    expected = cdist(X, X, "sqeuclidean")
    np.testing.assert_allclose(trees.squared_distances(X), expected, rtol=1e-10, atol=1e-12)
    for method in ("complete", "ward"):
        found = linkage(X, method)
        np.testing.assert_allclose(found, hierarchy.linkage(X, method), rtol=1e-9)


@pytest.mark.parametrize("offset", [0.0, 100.0])
def test_the_objective_keeps_its_digits_where_clusters_are_narrow(offset):
    X = np.array([-1.0001, -0.9999, 0.9999, 1.0001], np.float32)[:, None] + np.float32(offset)
    model = KMeans(2, n_init=5, random_state=0).fit(X)
    centers = np.array([X[:2].mean(dtype=float), X[2:].mean(dtype=float)])
    expected = ((X[:, 0] - centers[[0, 0, 1, 1]]) ** 2).sum()
    np.testing.assert_allclose(model.inertia_, expected, rtol=1e-3)


@pytest.mark.parametrize("size", [1e-24, 1e18])
def test_k_means_in_float32_far_from_one(size):
    X = np.random.default_rng(8).normal(size=(60, 3)).astype(np.float32)
    expected, found = (KMeans(3, random_state=0).fit(x) for x in (X, X * np.float32(size)))
    np.testing.assert_array_equal(found.labels_, expected.labels_)
    np.testing.assert_allclose(found.inertia_ / size / size, expected.inertia_, rtol=1e-5)
    np.testing.assert_array_equal(found.predict(X * np.float32(size)), found.labels_)


def test_a_refilled_cluster_is_looked_at_again_in_small_units():
    for seed in range(100):
        rng = np.random.default_rng(seed)
        X = 1e-3 * rng.normal(size=(30, 2))
        start = np.vstack([X[:2], 1e-2 * rng.normal(size=(2, 2)) + 0.1])
        model = KMeans(4, init=start).fit(X)
        nearest = cdist(X, model.cluster_centers_).argmin(axis=1)
        np.testing.assert_array_equal(model.labels_, nearest)


def test_the_lead_of_a_point_is_never_more_than_it_has():
    """A lead says by how much a centre is nearer than every other; a refilled cluster's point has none."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X = np.vstack([0.01 * rng.normal(size=(24, 2)), [[1.0, 1.0]]])
        clusters = _Clusters(X, 6)
        centers = X[[0, 0, 0, 1, 2, 24]]  # of the three equal ones two run empty
        for _ in range(6):
            clusters.assign(centers)
            means = clusters.means()
            distances = cdist(X, centers)
            own = distances[np.arange(len(X)), clusters.labels]
            distances[np.arange(len(X)), clusters.labels] = np.inf
            lead = np.maximum(distances.min(axis=1) - own, 0)
            assert (clusters.leads <= lead + 1e-12).all()
            centers = means


def test_prediction_keeps_its_digits_far_from_the_origin():
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(400, 2)) + 3000).astype(np.float32)
    model = KMeans(8, random_state=0).fit(X)
    nearest = cdist(X.astype(float), model.cluster_centers_)
    own = nearest[np.arange(len(X)), model.predict(X)]
    assert (own <= nearest.min(axis=1) + 1e-5).all()


def test_a_point_that_was_not_looked_at_would_not_have_moved():
    """Also in float32, where rounding makes a lead look larger than it is."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        X = np.vstack([1e-3 * rng.normal(size=(300, 2)), [[1.0, 1], [-1, -1]]]).astype(np.float32)
        clusters, centers = _Clusters(X, 9), X[[*range(7), 300, 301]].astype(float)
        for _ in range(25):
            clusters.assign(centers)
            afresh = _Clusters(X, 9)
            afresh.assign(centers)
            assert np.array_equal(clusters.labels, afresh.labels)
            centers = clusters.means()


def test_two_clusters_by_complete_linkage_are_what_one_gets_without_asking():
    X = np.random.default_rng(0).normal(size=(20, 2))
    model = AgglomerativeClustering().fit(X)
    assert sorted(set(model.labels_)) == [0, 1]
    assert np.array_equal(model.linkage_matrix_, linkage(X, "complete"))
