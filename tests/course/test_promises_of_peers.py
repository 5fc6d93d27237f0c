"""What well-known libraries promise of the same methods, each kept here or refused in the docstring.

The facts are those of the test suites of scikit-learn, SciPy, POT and diffusers; the tests are our own.
"""

import inspect
import itertools

import numpy as np
import pytest
import torch
from scipy.cluster import hierarchy
from scipy.spatial.distance import cdist, pdist, squareform
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from coursekit import clustering, ddpm, pca, wgan
from coursekit.clustering import AgglomerativeClustering, KMeans, cut, linkage

METHODS = ["single", "complete", "average", "centroid", "ward"]
MONOTONE = ["single", "complete", "average", "ward"]


def table(seed=0, shape=(40, 5)):
    rng = np.random.default_rng(seed)
    return rng.normal(size=shape) @ rng.normal(size=(shape[1], shape[1])) + 3 * rng.normal(size=shape[1])


# PCA


@pytest.mark.parametrize("solver", ["svd", "eigh"])
@pytest.mark.parametrize("shape", [(40, 5), (5, 40), (8, 8)])
def test_pca_scores_are_uncorrelated_with_the_variances_it_names(solver, shape):
    X = table(shape=shape)
    model = pca.PCA(solver=solver).fit(X)
    scores = model.transform(X)
    np.testing.assert_allclose(scores.mean(axis=0), 0, atol=1e-8)
    np.testing.assert_allclose(scores.T @ scores / len(X), np.diag(model.explained_variance_), atol=1e-6)
    assert (np.diff(model.explained_variance_) <= 1e-9).all() and (model.explained_variance_ >= 0).all()
    assert model.explained_variance_ratio_.sum() == pytest.approx(1)
    np.testing.assert_allclose(model.inverse_transform(scores), X, atol=1e-6)


@pytest.mark.parametrize("solver", ["svd", "eigh"])
def test_pca_knows_neither_the_origin_nor_the_axes_nor_the_order_of_the_rows(solver):
    X = table(1)
    rotation = np.linalg.qr(np.random.default_rng(2).normal(size=(5, 5)))[0]
    plain = pca.PCA(solver=solver).fit(X)
    for other, back in (
        (X + 100, np.eye(5)),
        (X[::-1], np.eye(5)),
        (np.asfortranarray(X), np.eye(5)),
        (X @ rotation.T, rotation),
        (np.vstack([X, X]), np.eye(5)),  # with 1/n a table counted twice has the same variances
    ):
        model = pca.PCA(solver=solver).fit(other)
        np.testing.assert_allclose(model.explained_variance_, plain.explained_variance_, rtol=1e-6)
        overlap = np.abs(model.components_ @ back @ plain.components_.T)
        np.testing.assert_allclose(overlap, np.eye(5), atol=1e-5)


def test_pca_keeps_the_best_k_dimensions_for_every_k_at_once():
    X = table(3)
    whole = pca.PCA().fit(X)
    for k in range(1, 6):
        part = pca.PCA(k).fit(X)
        np.testing.assert_allclose(part.components_, whole.components_[:k], atol=1e-9)
        left = ((X - part.inverse_transform(part.transform(X))) ** 2).sum() / len(X)
        assert left == pytest.approx(whole.explained_variance_[k:].sum(), abs=1e-9)


def test_pca_serves_as_a_step_of_scikit_learn():
    X = table(4)
    model = clone(pca.PCA(2, standardize=True))
    steps = make_pipeline(model, KMeans(3, random_state=0)).fit(X)
    assert steps.predict(X).shape == (len(X),)
    assert list(model.fit(X).get_feature_names_out()) == ["pca0", "pca1"]
    np.testing.assert_allclose(model.fit_transform(X), model.transform(X), atol=1e-12)
    whole = np.round(X).astype(int)
    np.testing.assert_allclose(pca.PCA().fit(whole).components_, pca.PCA().fit(whole * 1.0).components_)


@pytest.mark.parametrize("share", [0.9, "mle", 0, 6])
def test_pca_refuses_what_scikit_learns_takes_for_a_number_of_components(share):
    with pytest.raises(ValueError, match="must be None or a whole number from 1 to"):
        pca.PCA(share).fit(table())
    assert "no share of the variance" in inspect.getdoc(pca.PCA)


# K-means


def test_k_means_answers_agree_with_each_other():
    X = table(5, (60, 3))
    model = KMeans(4, random_state=0).fit(X)
    assert np.array_equal(model.labels_, KMeans(4, random_state=0).fit_predict(X))
    assert np.array_equal(model.labels_, model.predict(X))
    assert np.array_equal(model.predict(model.cluster_centers_), np.arange(4))
    squares = cdist(X, model.cluster_centers_, "sqeuclidean")
    assert model.inertia_ == pytest.approx(squares.min(axis=1).sum())
    assert sorted(set(model.labels_)) == list(range(4)) and model.labels_.dtype.kind == "i"


def test_k_means_from_given_centres_knows_neither_order_nor_unit_nor_origin():
    X = table(6, (60, 3))
    start = X[[3, 20, 41]]
    plain = KMeans(3, init=start).fit(X)
    shuffle = np.random.default_rng(0).permutation(60)
    for other, first, unit, shift in (
        (X[shuffle], start, 1.0, 0.0),
        (1e6 * X, 1e6 * start, 1e6, 0.0),
        (1e-6 * X, 1e-6 * start, 1e-6, 0.0),
        (X - 50, start - 50, 1.0, -50.0),
    ):
        model = KMeans(3, init=first).fit(other)
        np.testing.assert_allclose(model.cluster_centers_, unit * plain.cluster_centers_ + shift, rtol=1e-9)
        assert model.inertia_ == pytest.approx(unit**2 * plain.inertia_, rel=1e-9)
    named = KMeans(3, init=start[[2, 0, 1]]).fit(X)  # clusters keep the names that the start gave them
    np.testing.assert_allclose(named.cluster_centers_, plain.cluster_centers_[[2, 0, 1]])


def test_k_means_with_as_many_clusters_as_points_and_with_one():
    X = table(7, (6, 2))
    every = KMeans(6, random_state=0).fit(X)
    assert every.inertia_ == pytest.approx(0, abs=1e-12) and len(set(every.labels_)) == 6
    one = KMeans(1, random_state=0).fit(X)
    np.testing.assert_allclose(one.cluster_centers_[0], X.mean(axis=0))
    assert one.inertia_ == pytest.approx(((X - X.mean(axis=0)) ** 2).sum())


def test_k_means_better_start_is_kept_and_more_starts_never_hurt():
    X = np.random.default_rng(8).normal(size=(80, 2))
    inertia = [KMeans(7, n_init=n, random_state=3).fit(X).inertia_ for n in (1, 4, 16)]
    assert inertia[0] >= inertia[1] >= inertia[2]


def test_k_means_counts_twice_what_stands_twice():
    """What scikit-learn's weights mean, for whole weights; weights themselves are not taken."""
    X = table(9, (12, 2))
    start, twice = X[[0, 5]], np.r_[np.arange(12), [3, 3, 7]]
    model = KMeans(2, init=start).fit(X[twice])
    weights = np.bincount(twice)
    for k in range(2):
        mine = model.predict(X) == k
        mean = np.average(X[mine], axis=0, weights=weights[mine])
        np.testing.assert_allclose(model.cluster_centers_[k], mean)
    with pytest.raises(TypeError, match="sample_weight"):
        model.fit(X, sample_weight=weights)
    assert "no weights of points" in inspect.getdoc(KMeans)


# Agglomerative clustering, as SciPy's hierarchy and scikit-learn


@pytest.mark.parametrize("method", METHODS)
def test_a_merge_tree_is_one_for_scipy(method):
    X = table(10, (30, 3))
    Z = linkage(X, method)
    assert hierarchy.is_valid_linkage(Z, throw=True)
    assert sorted(hierarchy.leaves_list(Z)) == list(range(30))
    assert hierarchy.inconsistent(Z).shape == (29, 4)
    assert Z[-1, 3] == 30 and len(hierarchy.dendrogram(Z, no_plot=True)["leaves"]) == 30
    assert hierarchy.is_monotonic(Z) or method == "centroid"


@pytest.mark.parametrize("method", MONOTONE)
def test_cutting_at_a_height_or_at_a_number_gives_the_same_clusters(method):
    X = table(11, (25, 2))
    Z = linkage(X, method)
    for k in (1, 2, 5, 12, 25):
        ours, theirs = cut(Z, k), hierarchy.fcluster(Z, k, "maxclust")
        assert len(set(zip(ours, theirs, strict=True))) == len(set(ours)) == len(set(theirs)) == k
    # Finer cuts only split: a cluster of the finer one lies in a single cluster of the coarser.
    for fine, coarse in itertools.pairwise((25, 12, 5, 2, 1)):
        assert len(set(zip(cut(Z, fine), cut(Z, coarse), strict=True))) == fine


@pytest.mark.parametrize("method", METHODS)
def test_merge_trees_know_neither_origin_nor_direction_and_scale_with_the_unit(method):
    X = table(12, (20, 2))
    turned = X @ np.array([[0.6, -0.8], [0.8, 0.6]]).T + [5, -7]
    Z = linkage(X, method)
    np.testing.assert_allclose(linkage(turned, method), Z, rtol=1e-8)
    scaled = linkage(1000 * X, method)
    np.testing.assert_allclose(scaled[:, 2], 1000 * Z[:, 2], rtol=1e-9)
    assert np.array_equal(scaled[:, [0, 1, 3]], Z[:, [0, 1, 3]])


@pytest.mark.parametrize("method", METHODS)
def test_two_points_and_points_that_are_equal(method):
    np.testing.assert_allclose(linkage([[0.0, 0.0], [3.0, 4.0]], method), [[0, 1, 5, 2]])
    np.testing.assert_allclose(linkage(np.ones((5, 2)), method)[:, 2], 0)
    for bad in (np.empty((0, 2)), [[1.0, 2.0]], []):
        with pytest.raises(ValueError):
            linkage(bad, method)


@pytest.mark.parametrize("method", MONOTONE)
def test_the_cophenetic_distances_are_an_ultrametric(method):
    X = table(13, (15, 2))
    heights = squareform(hierarchy.cophenet(linkage(X, method)))
    for i, j, k in itertools.combinations(range(15), 3):
        low, middle, high = sorted((heights[i, j], heights[i, k], heights[j, k]))
        assert middle == pytest.approx(high)
    distances = squareform(pdist(X))
    if method == "single":
        assert (heights <= distances + 1e-9).all()
    if method == "complete":
        assert (heights >= distances - 1e-9).all()


@pytest.mark.parametrize("method", METHODS)
def test_agglomerative_labels_are_a_partition_of_the_size_asked_for(method):
    X = table(14, (18, 3))
    for k in (1, 3, 18):
        model = AgglomerativeClustering(k, linkage=method).fit(X)
        assert sorted(set(model.labels_)) == list(range(k))
        assert np.array_equal(model.labels_, model.fit_predict(X))
        assert hierarchy.is_valid_linkage(model.linkage_matrix_)
    text = inspect.getdoc(clustering.AgglomerativeClustering)
    assert "no connectivity" in text and "no other metric" in text


# Optimal transport on a line, as POT's


def test_the_distance_on_a_line_is_translation_scale_and_order():
    rng = np.random.default_rng(15)
    a, b = rng.normal(size=9), rng.normal(size=14) + 2
    d = wgan.earth_mover_1d(a, b)
    assert wgan.earth_mover_1d(a, a) == 0 and d == pytest.approx(wgan.earth_mover_1d(b, a))
    assert wgan.earth_mover_1d(a, a + 3) == pytest.approx(3) == wgan.earth_mover_1d(a, a - 3)
    assert wgan.earth_mover_1d(-5 * a, -5 * b) == pytest.approx(5 * d)
    assert wgan.earth_mover_1d(rng.permutation(a), rng.permutation(b)) == pytest.approx(d)
    assert wgan.earth_mover_1d(np.repeat(a, 3), b) == pytest.approx(d)  # masses count, not numbers of points
    assert wgan.earth_mover_1d([2], [1, 5]) == pytest.approx(2)
    assert d >= abs(a.mean() - b.mean()) - 1e-12  # x itself is 1-Lipschitz
    c = rng.normal(size=5)
    assert d <= wgan.earth_mover_1d(a, c) + wgan.earth_mover_1d(c, b) + 1e-12


def test_weights_on_a_line_go_through_the_programme():
    """POT's 1-D distance takes weights; ours does not, and says where to go."""
    rng = np.random.default_rng(16)
    places, p, q = np.sort(rng.normal(size=7)), rng.dirichlet(np.ones(7)), rng.dirichlet(np.ones(7))
    distance, plan = wgan.earth_mover_lp(p, q, np.abs(places[:, None] - places))
    by_cdf = (np.abs(np.cumsum(p - q))[:-1] * np.diff(places)).sum()
    assert distance == pytest.approx(by_cdf)
    assert plan.min() >= 0
    # Under a strictly convex cost the one best plan is monotone: no two routes cross.
    _, plan = wgan.earth_mover_lp(p, q, (places[:, None] - places) ** 2)
    routes = np.argwhere(plan > 1e-9)
    assert all((a[0] - b[0]) * (a[1] - b[1]) >= 0 for a, b in itertools.combinations(routes, 2))
    assert "earth_mover_lp" in inspect.getdoc(wgan.earth_mover_1d)


# Schedules and steps of a diffusion model, as diffusers'


@pytest.mark.parametrize("T", [1, 2, 10, 1000])
def test_schedules_start_and_end_where_they_say(T):
    linear = ddpm.linear_schedule(T, 1e-4, 0.02)
    assert linear.betas[1].item() == pytest.approx(1e-4)
    assert T == 1 or linear.betas[-1].item() == pytest.approx(0.02)
    cosine = ddpm.cosine_schedule(T)
    for schedule in (linear, cosine):
        assert len(schedule.betas) == T + 1 and schedule.betas.dtype == torch.float64
        assert (schedule.betas[1:] > 0).all() and (schedule.betas <= 0.999).all()
        assert (schedule.alpha_bars.diff() < 0).all() and schedule.alpha_bars[0] == 1
    assert T == 1 or (cosine.betas[1:].diff() >= 0).all()


class Knows(torch.nn.Module):
    """A network that knows the noise and the data: it puts out the target itself."""

    def __init__(self, schedule, x0, noise, target):
        super().__init__()
        self.schedule, self.x0, self.noise, self.target = schedule, x0, noise, target

    def forward(self, xt, t):
        signal, spread = self.schedule.mixing(t, xt)
        return self.noise if self.target == "noise" else signal * self.noise - spread * self.x0


@pytest.mark.parametrize("target", ["noise", "v"])
@pytest.mark.parametrize("n_steps", [1, 4, 50])
def test_with_the_true_target_ddim_walks_straight_back_to_the_data(target, n_steps):
    rng = torch.Generator().manual_seed(0)
    x0, noise = torch.randn(2, 3, 6, generator=rng, dtype=torch.float64)
    schedule = ddpm.cosine_schedule(50)
    model = ddpm.DDPM(Knows(schedule, x0, noise, target), schedule, shape=6, target=target).double()
    times = torch.linspace(50, 0, n_steps + 1).round().long().tolist()
    x = model.q_sample(x0, torch.full((3,), 50), noise)
    for t, s in itertools.pairwise(times):
        x = model.ddim_step(x, torch.full((3,), t), torch.full((3,), s))
        torch.testing.assert_close(x, model.q_sample(x0, torch.full((3,), s), noise), atol=1e-6, rtol=0)
    torch.testing.assert_close(x, x0, atol=1e-6, rtol=0)


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
def test_the_noise_of_a_stride_is_eta_squared_of_the_full_one(eta):
    """At eta = 1 and a stride of one it is the posterior's variance; at eta = 0 there is none."""
    schedule, n = ddpm.linear_schedule(20), 40_000
    t, s = torch.full((n,), 12), torch.full((n,), 11)
    predictor = lambda xt, t: torch.zeros_like(xt)  # noqa: E731
    model = ddpm.DDPM(torch.nn.Module(), schedule, shape=1).double()
    model.noise_predictor.forward = predictor
    x = model.ddim_step(
        torch.ones(n, 1, dtype=torch.float64), t, s, eta=eta, rng=torch.Generator().manual_seed(1)
    )
    wanted = eta**2 * schedule.posterior(x, x, t)[1][0, 0].item()
    error = 4 * wanted * (2 / n) ** 0.5  # four standard errors of a variance
    assert x.var(correction=0).item() == pytest.approx(wanted, abs=error + 1e-15)


def test_more_steps_than_the_schedule_has_are_refused_and_times_are_never_repeated():
    model = ddpm.DDPM(torch.nn.Module(), ddpm.linear_schedule(7), shape=1)
    seen = []
    model.noise_predictor.forward = lambda xt, t: seen.append(t[0].item()) or torch.zeros_like(xt)
    for n_steps in range(1, 8):
        seen.clear()
        model.sample_ddim(2, n_steps)
        assert len(seen) == n_steps and seen[0] == 7 and (np.diff(seen) < 0).all()
    seen.clear()
    model.sample(2)
    assert seen == [7, 6, 5, 4, 3, 2, 1]
    with pytest.raises(ValueError, match="n_steps"):
        model.sample_ddim(2, 8)
    assert "no clipping" in inspect.getdoc(ddpm.DDPM)
