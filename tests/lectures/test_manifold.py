"""Manifold learning: the identities of notebook 03 on random data, scikit-learn as oracle, and the limits."""

import re
import warnings

import numpy as np
import pytest
import scipy.linalg
import scipy.spatial
import sklearn.manifold
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from coursekit import evaluation, manifold
from coursekit.manifold import (
    LTSA,
    TSNE,
    ClassicalMDS,
    DiffusionMap,
    HessianEigenmap,
    Isomap,
    LaplacianEigenmap,
    LocallyLinearEmbedding,
)
from coursekit.manifold.spectral import extreme_eigenpairs
from coursekit.manifold.surfaces import LENGTH, WIDTH
from coursekit.pca import PCA, principal_angles

ESTIMATORS = [
    ClassicalMDS(),
    ClassicalMDS(1),
    Isomap(n_neighbors=3),
    LocallyLinearEmbedding(n_neighbors=4),
    LTSA(n_neighbors=4),
    HessianEigenmap(n_neighbors=6),
    HessianEigenmap(1, n_neighbors=3),
    LaplacianEigenmap(n_neighbors=3),
    LaplacianEigenmap(1, n_neighbors=3, bandwidth=20.0),
    DiffusionMap(1, bandwidth=5.0),
    DiffusionMap(1, alpha=1.0, bandwidth=8.0, t=2),
    TSNE(perplexity=2, max_iter=260),
    TSNE(1, perplexity=2, max_iter=30, init="random"),
]
LOCAL = [
    Isomap(n_neighbors=8),
    LocallyLinearEmbedding(n_neighbors=8),
    LTSA(n_neighbors=8),
    HessianEigenmap(n_neighbors=8),
    LaplacianEigenmap(n_neighbors=8),
]
names = {"ids": lambda model: type(model).__name__}


def cloud(n=60, p=4, seed=0):
    rng = np.random.default_rng([seed, n, p])
    return rng.normal(size=(n, p)) * rng.uniform(0.5, 2, p) + rng.normal(size=p)


def plane(n=80, seed=0):
    """Flat coordinates (n, 2) and the same sheet lying in five dimensions."""
    rng = np.random.default_rng(seed)
    flat = rng.uniform(size=(n, 2)) * [3, 2]
    return flat, flat @ np.linalg.qr(rng.normal(size=(5, 2)))[0].T + rng.normal(size=5)


def same_up_to_signs(Y, Z, atol):
    signs = np.sign(np.sum(Y * Z, axis=0))
    np.testing.assert_allclose(Y, Z * signs, rtol=0, atol=atol)


@pytest.mark.filterwarnings("ignore:the neighbour graph is in")
@parametrize_with_checks(ESTIMATORS)
def test_scikit_learns_checks(estimator, check):
    if check.func.__name__ == "check_array_api_input":
        pytest.skip("arrays other than NumPy's are not claimed")
    check(estimator)


# Classical MDS


@pytest.mark.parametrize("n, p", [(40, 6), (6, 40), (30, 2)])
def test_double_centring_gives_the_centred_gram_matrix(n, p):
    X = cloud(n, p)
    centred = X - X.mean(axis=0)
    B = manifold.double_center(manifold.squared_distances(X))
    np.testing.assert_allclose(B, centred @ centred.T, atol=1e-12)
    J = np.eye(n) - 1 / n
    np.testing.assert_allclose(B, -0.5 * J @ scipy.spatial.distance.cdist(X, X) ** 2 @ J, atol=1e-12)


def test_mds_is_pca_seen_from_outside():
    X = cloud()
    D = scipy.spatial.distance.cdist(X, X)
    for model in (ClassicalMDS(3).fit(X), ClassicalMDS(3, metric="precomputed").fit(D)):
        scores = PCA(3).fit(X)
        same_up_to_signs(model.embedding_, scores.transform(X), 1e-12)
        np.testing.assert_allclose(model.eigenvalues_[:3] / len(X), scores.explained_variance_, rtol=1e-12)
    singular = np.linalg.svd(X - X.mean(axis=0), compute_uv=False)
    np.testing.assert_allclose(model.eigenvalues_[:4], singular**2, rtol=1e-12)


def test_mds_equals_scikit_learn_also_where_the_table_is_not_euclidean():
    D = scipy.spatial.distance.cdist(cloud(), cloud(), "cityblock") ** 1.4
    ours = ClassicalMDS(3, metric="precomputed").fit(D)
    theirs = sklearn.manifold.ClassicalMDS(3, metric="precomputed").fit(D)
    assert ours.eigenvalues_[-1] < -0.01 * ours.eigenvalues_[0], "the table is too good for this test"
    same_up_to_signs(ours.embedding_, theirs.embedding_, 1e-10)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_strain_is_the_sum_of_the_squared_eigenvalues_left_out(k):
    D = scipy.spatial.distance.cdist(cloud(), cloud(), "cityblock") ** 1.4
    model = ClassicalMDS(k, metric="precomputed").fit(D)
    np.testing.assert_allclose(model.strain_, np.sum(model.eigenvalues_[k:] ** 2), rtol=1e-10)
    rng = np.random.default_rng(k)
    B = manifold.double_center(D**2)
    for size in (0.001, 0.1, 1):
        other = model.embedding_ + size * rng.normal(size=model.embedding_.shape)
        assert np.sum((B - other @ other.T) ** 2) > model.strain_


@pytest.mark.parametrize("metric", ["euclidean", "precomputed"])
def test_gowers_formula_for_new_points_is_the_projection(metric):
    X, new = cloud(50, 5), cloud(7, 5, seed=1) * 3
    old_D, new_D = scipy.spatial.distance.cdist(X, X), scipy.spatial.distance.cdist(new, X)
    model = ClassicalMDS(3, metric=metric).fit(X if metric == "euclidean" else old_D)
    placed = model.transform(new if metric == "euclidean" else new_D)
    scores = PCA(3).fit(X)
    signs = np.sign(np.sum(model.embedding_ * scores.transform(X), axis=0))
    np.testing.assert_allclose(placed * signs, scores.transform(new), atol=1e-12)
    again = model.transform(X if metric == "euclidean" else old_D)
    np.testing.assert_allclose(again, model.embedding_, atol=1e-12)


def test_a_direction_that_is_not_there_is_zero():
    X = np.outer(np.arange(6.0), [1, 2, 2])
    model = ClassicalMDS(3).fit(X)
    np.testing.assert_allclose(np.ptp(model.embedding_[:, 0]), 15, rtol=1e-12)
    assert np.all(model.embedding_[:, 1:] == 0)
    assert np.all(np.isfinite(model.transform(X)))
    assert np.all(ClassicalMDS(1).fit(np.ones((4, 2))).embedding_ == 0)


@pytest.mark.parametrize(
    "table, sentence",
    [
        ([[0, 1, 2], [1, 0, 1]], "square, got 2 x 3"),
        ([[0, -1], [-1, 0]], "not be negative"),
        ([[0, 1], [2, 0]], "not symmetric"),
        ([[1, 1], [1, 0]], "diagonal is not 0"),
        ([[0, np.nan], [np.nan, 0]], "NaN"),
    ],
)
def test_a_table_that_is_none_gets_a_sentence(table, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)) as error:
        ClassicalMDS(1, metric="precomputed").fit(table)
    assert sentence == "NaN" or "\n" not in str(error.value)
    with pytest.raises(ValueError, match="choose one of euclidean, precomputed"):
        ClassicalMDS(metric="road").fit(cloud())
    with pytest.raises(ValueError, match="from 1 to 60"):
        ClassicalMDS(61).fit(cloud())


# Neighbours and geodesics


def test_neighbours_are_the_nearest_in_order():
    X = cloud(40, 3)
    _, expected = scipy.spatial.cKDTree(X).query(X, k=7)
    np.testing.assert_array_equal(manifold.neighbor_lists(X, 6), expected[:, 1:])


@pytest.mark.parametrize("k", [40, 0, -1, 2.0, True, None])
@pytest.mark.parametrize("model", [*LOCAL, None], **names)
def test_impossible_numbers_of_neighbours_get_a_sentence(model, k):
    with pytest.raises(ValueError, match="n_neighbors=.* must be a whole number from 1 to n - 1 = 39"):
        if model is None:
            manifold.geodesic_distances(cloud(40, 3), k)
        else:
            clone(model).set_params(n_neighbors=k).fit(cloud(40, 3))


def test_geodesics_by_floyd_and_warshall():
    X = cloud(30, 2)
    D = scipy.spatial.distance.cdist(X, X)
    paths = np.full(D.shape, np.inf)
    for i, near in enumerate(manifold.neighbor_lists(X, 5)):
        paths[i, near] = paths[near, i] = D[i, near]
    np.fill_diagonal(paths, 0)
    for via in range(30):
        paths = np.minimum(paths, paths[:, [via]] + paths[[via], :])
    ours = manifold.geodesic_distances(X, 5)
    np.testing.assert_allclose(ours, paths, rtol=1e-12)
    assert np.all(ours >= D - 1e-12), "no way is shorter than the straight line"
    np.testing.assert_allclose(manifold.geodesic_distances(X, 29), D, atol=1e-12)


def test_isomap_equals_scikit_learn():
    X = manifold.roll_up(manifold.flat_sheet(200, rng=0))
    ours = Isomap(n_neighbors=12).fit(X)
    theirs = sklearn.manifold.Isomap(n_neighbors=12, eigen_solver="dense").fit(X)
    np.testing.assert_allclose(ours.distances_, theirs.dist_matrix_, rtol=1e-13)
    same_up_to_signs(ours.embedding_, theirs.embedding_, 1e-9)


@pytest.mark.parametrize("model", LOCAL, **names)
def test_a_graph_in_pieces_is_joined_and_said(model):
    X = np.concatenate([cloud(20, 3), cloud(20, 3, seed=1) + 50, cloud(20, 3, seed=2) - 70])
    with pytest.warns(UserWarning, match="the neighbour graph is in 3 pieces, now joined") as told:
        Y = clone(model).fit_transform(X)
    assert len(told) == 1 and np.all(np.isfinite(Y)) and np.all(Y.std(axis=0) > 0)


def test_pieces_are_joined_by_their_shortest_edges():
    X = np.array([[0.0], [1], [2], [10], [11], [12], [30], [31], [32]])
    with pytest.warns(UserWarning, match="3 pieces"):
        D = manifold.geodesic_distances(X, 1)
    np.testing.assert_array_equal(D, np.abs(X - X.T))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        manifold.geodesic_distances(X, 3)


@pytest.mark.parametrize("model", LOCAL, **names)
def test_duplicates_are_neighbours_at_distance_0(model):
    X = np.repeat(cloud(12, 3), 4, axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Y = clone(model).set_params(n_neighbors=8).fit_transform(X)
    assert np.all(np.isfinite(Y))
    if isinstance(model, Isomap):
        np.testing.assert_allclose(Y[::4], Y[1::4], atol=1e-6)
    with pytest.warns(UserWarning, match="12 pieces"):
        D = manifold.geodesic_distances(X, 2)
    assert np.all(np.isfinite(D)) and D[0, 3] == 0


def test_points_that_all_coincide():
    for model in LOCAL:
        assert np.all(np.isfinite(clone(model).fit_transform(np.ones((20, 3))))), model


# The local methods


def test_lle_weights_rebuild_best_and_move_with_the_data():
    X, k = cloud(50, 6), 4
    near = manifold.neighbor_lists(X, k)
    W = manifold.lle_weights(X, near, regularization=0.0)
    np.testing.assert_allclose(W.sum(axis=1), 1, atol=1e-13)
    assert np.all(np.count_nonzero(W, axis=1) == k)
    rng = np.random.default_rng(3)
    for i in (0, 17, 49):
        best = np.sum((X[i] - W[i] @ X) ** 2)
        for _ in range(50):
            other = W[i, near[i]] + 0.1 * rng.normal(size=k)
            assert np.sum((X[i] - other / other.sum() @ X[near[i]]) ** 2) >= best - 1e-12
    turn = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    for regularization in (0.0, 1e-3):
        W = manifold.lle_weights(X, near, regularization=regularization)
        moved = manifold.lle_weights(3 * X @ turn + 5, near, regularization=regularization)
        np.testing.assert_allclose(moved, W, atol=1e-11)


def test_lle_equals_scikit_learn():
    X = manifold.roll_up(manifold.flat_sheet(200, rng=0))
    ours = LocallyLinearEmbedding(n_neighbors=12).fit(X)
    theirs = sklearn.manifold.LocallyLinearEmbedding(n_neighbors=12, eigen_solver="dense").fit(X)
    np.testing.assert_allclose(ours.eigenvalues_.sum(), theirs.reconstruction_error_, rtol=1e-6)
    same_up_to_signs(ours.embedding_, theirs.embedding_ * np.sqrt(200), 1e-6)


@pytest.mark.parametrize("noise", [0, 1e-17, 1e-14])
def test_eigenpairs_of_many_equal_eigenvalues(noise):
    """LAPACK's subset routine returns none at all for some of these."""
    f = np.full(60, 60**-0.5)
    for seed in range(5):
        M = np.eye(60) - 2 * np.outer(f, f) + noise * np.random.default_rng(seed).normal(size=(60, 60))
        M = (M + M.T) / 2
        for first, last, expected in ((0, 1, [-1, 1]), (57, 59, [1, 1, 1])):
            values, vectors = extreme_eigenpairs(M, first, last)
            np.testing.assert_allclose(values, expected, atol=1e-12)
            np.testing.assert_allclose(vectors.T @ vectors, np.eye(len(expected)), atol=1e-12)
            np.testing.assert_allclose(M @ vectors, vectors * values, atol=1e-12)


def test_ltsa_equals_scikit_learn_and_so_does_its_hessian():
    X = manifold.roll_up(manifold.flat_sheet(200, rng=0))
    M = manifold.ltsa_matrix(X, manifold.neighbor_lists(X, 12), 2, with_itself=False)
    ours = np.sqrt(200) * manifold.bottom_eigenvectors(M, 2, free=np.ones(200))[1]
    for method in ("ltsa", "hessian"):
        theirs = sklearn.manifold.LocallyLinearEmbedding(n_neighbors=12, eigen_solver="dense", method=method)
        same_up_to_signs(ours, theirs.fit_transform(X) * np.sqrt(200), 1e-8)
    for model in (LTSA(n_neighbors=12), HessianEigenmap(n_neighbors=12)):
        assert np.abs(model.fit(X).embedding_ - ours).max() > 1e-3


def test_a_point_that_is_nobodys_neighbour_needs_its_own_patch():
    """Left out of its own patch it costs nothing wherever a map puts it; in scikit-learn's LTSA it does."""
    X = np.concatenate([plane()[1], [[20.0] * 5]])
    near = manifold.neighbor_lists(X, 10)
    assert not any(80 in found for found in near)
    alone = np.eye(81)[80]
    M = manifold.ltsa_matrix(X, near, 2, with_itself=False)
    assert alone @ M @ alone == 0 < 1e-9 < alone @ manifold.ltsa_matrix(X, near, 2) @ alone


@pytest.mark.parametrize("matrix", [manifold.ltsa_matrix, manifold.hessian_matrix])
def test_on_a_flat_sheet_exactly_the_affine_functions_cost_nothing(matrix):
    flat, X = plane()
    M = matrix(X, manifold.neighbor_lists(X, 10), 2)
    np.testing.assert_allclose(M, M.T, atol=1e-13)
    values, vectors = np.linalg.eigh(M)
    assert np.abs(values[:3]).max() < 1e-12 < 1e-5 < values[3]
    affine = np.column_stack([np.ones(len(flat)), flat])
    assert principal_angles(vectors[:, :3], affine).max() < 1e-6


@pytest.mark.parametrize("model", [LTSA(n_neighbors=10), HessianEigenmap(n_neighbors=10)], **names)
def test_a_flat_sheet_is_recovered(model):
    """Dropping the first eigenvector would not do: the solver mixes the constant with the coordinates."""
    flat, X = plane()
    Y = model.fit(X).embedding_
    assert manifold.affine_residual(Y, flat) < 1e-12
    np.testing.assert_allclose(Y.T @ Y / len(Y), np.eye(2), atol=1e-10)
    np.testing.assert_allclose(Y.mean(axis=0), 0, atol=1e-10)


def test_hessian_costs_only_what_is_quadratic():
    """On one patch: linear functions cost 0, and a product costs what is left of it after a linear fit."""
    flat, X = plane(7)
    near = [np.delete(np.arange(7), i) for i in range(7)]
    M = manifold.hessian_matrix(X, near, 2)
    affine = np.column_stack([np.ones(7), flat])
    for f in (flat[:, 0] * flat[:, 1], flat[:, 0] ** 2, flat[:, 1] ** 2):
        left = f - affine @ np.linalg.lstsq(affine, f, rcond=None)[0]
        np.testing.assert_allclose(f @ M @ f, 7 * left @ left, rtol=1e-10)


def test_hessian_beats_ltsa_on_a_bent_sheet_with_a_hole():
    ratios = []
    for seed in range(5):
        sheet = manifold.flat_sheet(600, hole=True, rng=seed)
        X = manifold.roll_up(sheet)
        hessian, ltsa, isomap = (
            manifold.affine_residual(model(n_neighbors=12).fit_transform(X), sheet)
            for model in (HessianEigenmap, LTSA, Isomap)
        )
        assert hessian < ltsa < isomap
        ratios.append(ltsa / hessian)
    assert np.median(ratios) > 2.5


def test_laplacian_counts_differences():
    rng = np.random.default_rng(0)
    weights = rng.uniform(size=(9, 9))
    weights += weights.T
    L = manifold.graph_laplacian(weights)
    for f in rng.normal(size=(5, 9)):
        np.testing.assert_allclose(f @ L @ f, 0.5 * np.sum(weights * (f[:, None] - f) ** 2), rtol=1e-12)
    np.testing.assert_allclose(L @ np.ones(9), 0, atol=1e-13)


@pytest.mark.parametrize("bandwidth", [None, 0.8])
def test_laplacian_eigenmap(bandwidth):
    X = cloud(70, 3)
    model = LaplacianEigenmap(3, n_neighbors=7, bandwidth=bandwidth).fit(X)
    W, Y = model.weights_, model.embedding_
    D = np.diag(W.sum(axis=1))
    np.testing.assert_array_equal(W, W.T)
    np.testing.assert_allclose(manifold.graph_laplacian(W) @ Y, D @ Y * model.eigenvalues_, atol=1e-12)
    np.testing.assert_allclose(Y.T @ D @ Y, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(Y.T @ D @ np.ones(70), 0, atol=1e-12)
    values = scipy.linalg.eigh(manifold.graph_laplacian(W), D, eigvals_only=True)
    np.testing.assert_allclose(model.eigenvalues_, values[1:4], atol=1e-12)
    theirs = sklearn.manifold.spectral_embedding(W, n_components=3, eigen_solver="arpack", random_state=0)
    for ours, other in zip(Y.T, theirs.T, strict=True):
        assert abs(ours @ other) / np.linalg.norm(ours) / np.linalg.norm(other) > 1 - 1e-9


@pytest.mark.parametrize("k, least", [(LTSA, 3), (HessianEigenmap, 5)])
def test_too_few_neighbours_for_the_method(k, least):
    with pytest.raises(ValueError, match=f"needs at least {least} neighbours, got n_neighbors={least - 1}"):
        k(2, n_neighbors=least - 1).fit(cloud())
    k(2, n_neighbors=least).fit(manifold.roll_up(manifold.flat_sheet(100, rng=0)) / 10)


def test_other_bad_arguments_get_a_sentence():
    for model, sentence in [
        (LaplacianEigenmap(bandwidth=-1.0), "positive length"),
        (LaplacianEigenmap(bandwidth=1e-3), "too small"),
        (DiffusionMap(bandwidth=0.0), "positive length"),
        (DiffusionMap(bandwidth=1e-3), "too small"),
        (DiffusionMap(t=-1), "0 or more"),
        (LTSA(0), "from 1 to 59"),
        (TSNE(perplexity=60), "from 1 to n - 1 = 59"),
        (TSNE(init="best"), "choose 'pca', 'random' or an array"),
        (TSNE(init=np.zeros((3, 2))), re.escape("shape (60, 2), got (3, 2)")),
        (TSNE(max_iter=0), "positive whole"),
        (TSNE(learning_rate="fast"), "positive number"),
        (TSNE(early_exaggeration=0.5), "1 or more"),
    ]:
        with pytest.raises(ValueError, match=sentence):
            model.fit(cloud())
    for model in ESTIMATORS:
        with pytest.raises(ValueError, match="NaN"):
            clone(model).fit(np.where(cloud() > 0, cloud(), np.nan))


# Diffusion maps


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("t", [1, 3])
def test_diffusion_distance_is_the_distance_between_coordinates(t, alpha):
    X = cloud(30, 3)
    model = DiffusionMap(29, bandwidth=1.0, t=t, alpha=alpha).fit(X)
    P, pi = model.transition_, model.stationary_
    np.testing.assert_allclose(P.sum(axis=1), 1, rtol=1e-13)
    np.testing.assert_allclose(pi @ P, pi, atol=1e-15)
    np.testing.assert_allclose(pi[:, None] * P, (pi[:, None] * P).T, atol=1e-16)
    walked = np.linalg.matrix_power(P, t)
    distance = np.sum((walked[:, None, :] - walked[None, :, :]) ** 2 / pi, axis=2)
    np.testing.assert_allclose(manifold.squared_distances(model.embedding_), distance, atol=1e-10)
    psi = model.embedding_[:, :5] / model.eigenvalues_[:5] ** t
    np.testing.assert_allclose(P @ psi, psi * model.eigenvalues_[:5], atol=1e-12)
    np.testing.assert_allclose(psi.T @ (pi[:, None] * psi), np.eye(5), atol=1e-10)
    assert np.all(np.diff(model.eigenvalues_) <= 0) and model.eigenvalues_.min() >= 0


def test_diffusion_and_laplacian_have_one_spectrum():
    """With the same weights mu = 1 - lambda: I - P = D^-1 L."""
    X = cloud(40, 3)
    K = manifold.diffusion_kernel(manifold.squared_distances(X), 1.0)
    mu = scipy.linalg.eigh(manifold.graph_laplacian(K), np.diag(K.sum(axis=1)), eigvals_only=True)
    np.testing.assert_allclose(DiffusionMap(10, bandwidth=1.0).fit(X).eigenvalues_, 1 - mu[1:11], atol=1e-12)


def test_alpha_1_takes_the_density_out():
    """A circle with three quarters of its points on one half: with alpha = 1 the map is a circle again."""
    rng = np.random.default_rng(0)
    half = np.sort(rng.uniform(size=900)) * np.pi
    angle = np.concatenate([half, np.pi + np.sort(rng.uniform(size=300)) * np.pi])
    X = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    residual = [
        manifold.procrustes_residual(DiffusionMap(2, bandwidth=0.15, t=0, alpha=alpha).fit_transform(X), X)
        for alpha in (0.0, 1.0)
    ]
    assert residual[1] < 0.05 < 0.1 < residual[0]


# t-SNE


@pytest.mark.parametrize("perplexity", [1.5, 5, 30, 58.9])
def test_every_row_has_the_perplexity_asked_for(perplexity):
    P = manifold.conditional_probabilities(manifold.squared_distances(cloud()), perplexity)
    entropy = -np.sum(P * np.log(np.where(P > 0, P, 1)), axis=1)
    np.testing.assert_allclose(np.exp(entropy), perplexity, rtol=1e-11)
    np.testing.assert_allclose(P.sum(axis=1), 1, rtol=1e-13)
    assert np.all(np.diagonal(P) == 0)


def test_perplexity_with_duplicates_and_far_points():
    X = np.concatenate([cloud(), np.zeros((9, 4)), [[1e6] * 4]])
    P = manifold.joint_probabilities(manifold.squared_distances(X), 5)
    assert np.all(np.isfinite(P))
    np.testing.assert_allclose([P.sum(), np.abs(P - P.T).max()], [1, 0], atol=1e-13)
    assert np.all(np.isfinite(TSNE(perplexity=5, max_iter=300).fit_transform(X)))
    assert np.all(np.isfinite(TSNE(perplexity=5, max_iter=50).fit_transform(np.ones((20, 3)))))


def test_joint_probabilities_equal_scikit_learn():
    from sklearn.manifold._t_sne import _joint_probabilities

    D2 = manifold.squared_distances(cloud())
    theirs = scipy.spatial.distance.squareform(_joint_probabilities(D2.astype(np.float32), 12, 0))
    np.testing.assert_allclose(manifold.joint_probabilities(D2, 12), theirs, atol=1e-6)


def test_gradient_is_autograds_and_sums_to_zero():
    import torch

    rng = np.random.default_rng(1)
    P = manifold.joint_probabilities(manifold.squared_distances(cloud(25)), 6)
    Y = torch.tensor(rng.normal(size=(25, 2)), requires_grad=True)
    weights = 1 / (1 + ((Y[:, None] - Y[None]) ** 2).sum(dim=2))
    weights = weights * (1 - torch.eye(25, dtype=torch.float64))
    Q, target = weights / weights.sum(), torch.tensor(P)
    used = target > 0
    loss = (target[used] * (target[used] / Q[used]).log()).sum()
    loss.backward()
    kl, gradient = manifold.kl_and_gradient(P, Y.detach().numpy())
    np.testing.assert_allclose(kl, loss.item(), rtol=1e-13)
    np.testing.assert_allclose(gradient, Y.grad.numpy(), atol=1e-15)
    np.testing.assert_allclose(gradient.sum(axis=0), 0, atol=1e-16)


@pytest.mark.parametrize("seed", range(3))
def test_tsne_ends_as_low_as_scikit_learn(seed):
    """Exact against exact, the same start and as many steps."""
    rng = np.random.default_rng(seed)
    X = np.concatenate([rng.normal(size=(50, 8)) + 4 * rng.normal(size=8) for _ in range(3)])
    start = 1e-4 * rng.normal(size=(150, 2))
    ours = TSNE(perplexity=15, early_exaggeration=12.0, init=start).fit(X)
    theirs = sklearn.manifold.TSNE(perplexity=15, init=start.copy(), method="exact", min_grad_norm=0).fit(X)
    np.testing.assert_allclose(ours.kl_divergence_, theirs.kl_divergence_, rtol=0.05)
    P = manifold.joint_probabilities(manifold.squared_distances(X), 15)
    assert ours.kl_divergence_ == pytest.approx(manifold.kl_and_gradient(P, ours.embedding_)[0], rel=1e-9)
    assert ours.kl_divergence_ < manifold.kl_and_gradient(P, 10 * rng.normal(size=(150, 2)))[0] / 3
    assert len(ours.history_) == 40 and ours.n_iter_ == 1000


def test_tsne_repeats_itself():
    model = TSNE(perplexity=5, max_iter=60, init="random")
    runs = [clone(model).set_params(random_state=seed).fit_transform(cloud()) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert not np.allclose(runs[0], runs[2])


# Sensors


def sensors(seed, radius, n=30):
    X = np.random.default_rng(seed).uniform(size=(n, 2))
    D = scipy.spatial.distance.cdist(X, X)
    edges = np.argwhere(np.triu(radius > D, 1))
    return X, edges, D[tuple(edges.T)]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("unit", [1.0, 1e4])
def test_sensors_are_found_with_a_certificate(seed, unit):
    X, edges, lengths = sensors(seed, 0.55)
    found = manifold.sensor_localization(30, edges, unit * lengths)
    assert found.residual < 1e-10
    assert manifold.procrustes_residual(found.positions, X) < 1e-9
    G, S, y = found.gram / unit**2, found.slack, found.multipliers
    first, second = found.positions[edges[:, 0]], found.positions[edges[:, 1]]
    np.testing.assert_allclose(np.linalg.norm(first - second, axis=1), unit * lengths, rtol=1e-4)
    incidence = np.eye(30)[edges[:, 0]] - np.eye(30)[edges[:, 1]]
    np.testing.assert_allclose(S, (incidence.T * y) @ incidence - (np.eye(30) - 1 / 30), atol=1e-9)
    values = np.linalg.eigvalsh(S)
    assert values[0] > -1e-8 and np.sum(np.abs(values) < 1e-6) == 3, "psd, of rank n - 1 - 2"
    np.testing.assert_allclose(S @ G, 0, atol=1e-8)
    np.testing.assert_allclose(np.trace(G), y @ lengths**2, rtol=1e-6)


def test_sensors_refuse_what_is_no_network():
    square, sides = [[0, 1], [1, 2], [2, 3], [3, 0]], [1.0, 1, 1, 1]
    for n, edges, lengths, sentence in [
        (5, square, sides, "2 pieces"),
        (4, square, sides[:3], "4 edges and lengths of shape"),
        (4, [[0, 0], *square[1:]], sides, "two different points"),
        (3, square, sides, "numbered from 0 to n_points - 1 = 2"),
        (4, [*square, [1, 0]], [*sides, 1.0], "only once"),
        (4, square, [1, 1, 1, -1.0], "positive and finite"),
        (4, [[0.0, 1.0]], [1.0], "whole numbers"),
    ]:
        with pytest.raises(ValueError, match=sentence):
            manifold.sensor_localization(n, edges, lengths)


# Sheets, and how maps are compared with them


def test_rolling_up_keeps_lengths_and_angles():
    sheet = manifold.flat_sheet(200, rng=0)
    assert sheet.min() >= 0 and np.all(sheet.max(axis=0) <= [LENGTH, WIDTH])
    step = 1e-6
    along = (manifold.roll_up(sheet + [step, 0]) - manifold.roll_up(sheet - [step, 0])) / (2 * step)
    across = (manifold.roll_up(sheet + [0, step]) - manifold.roll_up(sheet - [0, step])) / (2 * step)
    tangent = np.stack([along, across], axis=2)
    identity = np.broadcast_to(np.eye(2), (200, 2, 2))
    np.testing.assert_allclose(tangent.transpose(0, 2, 1) @ tangent, identity, atol=1e-7)
    holed = manifold.flat_sheet(500, hole=True, rng=0) / [LENGTH, WIDTH]
    assert len(holed) == 500 and not np.any(np.all(np.abs(holed - 0.5) < 1 / 6, axis=1))


def test_residuals_leave_free_what_a_map_leaves_free():
    rng = np.random.default_rng(0)
    T = rng.normal(size=(30, 2))
    turn = np.linalg.qr(rng.normal(size=(2, 2)))[0]
    assert manifold.procrustes_residual(3 * T @ turn + 1, T) < 1e-14
    sheared = T @ [[2, 1], [0, 0.5]] + 4
    assert manifold.affine_residual(sheared, T) < 1e-14 < 0.05 < manifold.procrustes_residual(sheared, T)
    np.testing.assert_allclose(manifold.aligned(T @ turn + 1, T), T, atol=1e-12)
    np.testing.assert_array_equal(manifold.with_signs_of(T * [1, -1], T), T)
    assert manifold.same_label_share([[0.0], [1], [5], [9]], [1, 1, 2, 2]) == 0.75
    other = rng.normal(size=(30, 2))
    disparity = scipy.spatial.procrustes(T, other)[2]
    np.testing.assert_allclose(manifold.procrustes_residual(other, T), disparity, rtol=1e-10)
    assert manifold.affine_residual(other, T) > 0.5
    with pytest.raises(ValueError, match="29 points and the truth 30"):
        manifold.affine_residual(other[1:], T)


@pytest.mark.parametrize("k", [1, 5, 12])
def test_trustworthiness_equals_scikit_learn(k):
    X = cloud()
    for Y in (X[:, :2], PCA(2).fit(X).transform(X), cloud(seed=5)[:, :2], X):
        theirs = sklearn.manifold.trustworthiness(X, Y, n_neighbors=k)
        np.testing.assert_allclose(evaluation.trustworthiness(X, Y, k=k), theirs, atol=1e-14)
    assert evaluation.trustworthiness(X, X, k=k) == 1
    assert abs(evaluation.trustworthiness(X, np.random.default_rng(0).normal(size=(60, 2)), k=k) - 0.5) < 0.15
    for sentence, Y, wrong in (("below n / 2", X, 30), ("60 points and the map 59", X[1:], 5)):
        with pytest.raises(ValueError, match=sentence):
            evaluation.trustworthiness(X, Y, k=wrong)


@pytest.mark.parametrize("max_iter", [2.5, True, "9", -1, None])
def test_the_number_of_steps_is_a_whole_one(max_iter):
    with pytest.raises(ValueError, match="positive whole number"):
        TSNE(perplexity=2, max_iter=max_iter).fit(np.eye(5))


def test_a_map_in_one_spot_misses_everything_and_no_truth_is_an_error():
    T = np.random.default_rng(0).normal(size=(30, 2))
    assert manifold.procrustes_residual(np.ones((30, 2)), T) == 1
    for residual in (manifold.procrustes_residual, manifold.affine_residual):
        with pytest.raises(ValueError, match="coincide"):
            residual(T, np.ones((30, 2)))
        with pytest.raises(ValueError, match="finite"):
            residual(np.full_like(T, np.nan), T)
