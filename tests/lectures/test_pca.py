"""PCA: the theorems of notebook 01 on random data, R and scikit-learn as oracles, and its limits."""

import itertools
from functools import partial

import numpy as np
import pytest
import scipy.linalg
import sklearn.decomposition
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from coursekit.data import usarrests
from coursekit.pca import PCA, centre_and_spread, eigenpairs, gram, principal_angles, with_fixed_signs

# R 4.2.2: options(digits = 10); prcomp(USArrests, scale. = TRUE), which divides by n - 1 in both places.
R_SDEV = [1.5748782744, 0.9948694148, 0.5971291155, 0.4164493820]
R_ROTATION = [
    [-0.5358994749, -0.4181808654, 0.3412327280, 0.6492278043],
    [-0.5831836349, -0.1879856042, 0.2681484278, -0.7434074799],
    [-0.2781908746, 0.8728061931, 0.3780157931, 0.1338777308],
    [-0.5434320914, 0.1673186354, -0.8177779076, 0.0890243227],
]
# R 4.2.2: prcomp(USArrests)$sdev, not scaled.
R_SDEV_RAW = [83.732400246, 14.212401849, 6.489426073, 2.482790000]
# Table 10.1 of the textbook. Copied as text from its PDF it has no minus signs; these two make PC2 orthogonal
# to PC1.
TABLE_10_1 = [
    [0.5358995, 0.5831836, 0.2781909, 0.5434321],
    [0.4181809, 0.1879856, -0.8728062, -0.1673186],
]
SOLVERS = ("svd", "eigh", "auto")
SHAPES = [(60, 7), (7, 60), (9, 9), (200, 3), (3, 200), (12, 1), (1, 12), (2, 2), (1, 1)]
KINDS = ("plain", "constant", "duplicates", "low_rank")
CASES = list(itertools.product(SHAPES, KINDS))


def made(shape, kind, seed=0):
    """Random data with unequal variances and a mean far from 0."""
    n, p = shape
    rng = np.random.default_rng([seed, n, p])
    X = rng.normal(size=shape) * rng.uniform(0.5, 2, p) + 5 * rng.normal(size=p)
    if kind == "constant":
        X[:, :: max(1, p // 2)] = [0.1 * (j + 1) for j in range(len(range(0, p, max(1, p // 2))))]
    if kind == "duplicates":
        X[n // 2 :] = X[: n - n // 2]
        X[:, p // 2 :] = X[:, : p - p // 2]
    if kind == "low_rank":
        X = np.outer(X[:, 0], X[0]) + 1
    return X


def reference(X, standardize):
    """Z, eigenvalues of C and the eigenvectors, written out with none of the module's functions."""
    varies = np.ptp(X, axis=0) > 0
    mean, spread = np.where(varies, X.mean(axis=0), X[0]), np.ones(X.shape[1])
    if standardize:
        spread[varies] = X.std(axis=0)[varies]
    Z = (X - mean) / spread
    _, S, Vt = scipy.linalg.svd(Z, full_matrices=False)
    return Z, S**2 / len(X), Vt


def projector(V):
    return V.T @ V


@parametrize_with_checks([PCA(), PCA(standardize=True), PCA(1, solver="svd"), PCA(solver="eigh")])
def test_scikit_learns_checks(estimator, check, request):
    if check.func.__name__ == "check_array_api_input":
        # The estimator does not claim the array interface, and scikit-learn skips it unless asked.
        pytest.skip("arrays other than NumPy's are not claimed")
    check(estimator)


@pytest.mark.parametrize("solver, atol", [("svd", 1e-12), ("eigh", 1e-9), ("auto", 1e-9)])
@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("shape, kind", CASES)
def test_variances_equal_those_of_the_svd(shape, kind, standardize, solver, atol):
    X = made(shape, kind)
    _, variances, _ = reference(X, standardize)
    pca = PCA(standardize=standardize, solver=solver).fit(X)
    scale = max(variances[0], 1e-12)
    np.testing.assert_allclose(pca.explained_variance_ / scale, variances / scale, rtol=0, atol=atol)
    assert pca.components_.shape == (min(shape), shape[1])
    assert np.all(np.diff(pca.explained_variance_) <= 0) and np.all(pca.explained_variance_ >= 0)


@pytest.mark.parametrize("solver, atol", [("svd", 1e-12), ("eigh", 1e-9), ("auto", 1e-9)])
@pytest.mark.parametrize("shape", [(300, 12), (12, 300), (40, 8), (8, 40)])
@pytest.mark.parametrize("seed", range(3))
def test_projectors_equal_those_of_the_svd(shape, solver, atol, seed):
    n, p = shape
    rng = np.random.default_rng(seed)
    k = min(shape) - 1
    left = np.linalg.qr(rng.normal(size=(n, k)) - rng.normal(size=(n, k)).mean(axis=0))[0]
    left = np.linalg.qr(left - left.mean(axis=0))[0]
    right = np.linalg.qr(rng.normal(size=(p, k)))[0]
    singular_values = np.linspace(2, 1, k) * np.sqrt(n)
    X = (left * singular_values) @ right.T + rng.normal(size=p)
    pca = PCA(solver=solver).fit(X)
    for j in range(1, k + 1):
        expected = projector(right.T[:j])
        np.testing.assert_allclose(projector(pca.components_[:j]), expected, rtol=0, atol=atol)
    np.testing.assert_allclose(pca.explained_variance_[:k], np.linspace(2, 1, k) ** 2, rtol=atol)


@pytest.mark.parametrize("shape", [(80, 6), (6, 80)])
def test_the_gram_matrix_squares_the_condition_number(shape):
    """Standard deviations 1 and 1e-10: the SVD still sees the small one, the Gram matrix does not."""
    rng = np.random.default_rng(1)
    n, p = shape
    left = rng.normal(size=(n, 2))
    left = np.linalg.qr(left - left.mean(axis=0))[0] * np.sqrt(n)
    right = np.linalg.qr(rng.normal(size=(p, 2)))[0].T
    X = (left * [1, 1e-10]) @ right
    by_svd, by_gram = PCA(2, solver="svd").fit(X), PCA(2, solver="eigh").fit(X)
    assert by_svd.explained_variance_[1] == pytest.approx(1e-20, rel=1e-4)
    assert abs(by_gram.explained_variance_[1] - 1e-20) > 1e-20
    # What is large is right with both, and the bound of the docstring holds: 1e-16 times the largest, and p.
    assert by_gram.explained_variance_[0] == pytest.approx(1, rel=1e-12)
    assert by_gram.explained_variance_[1] < 80 * 1e-16
    assert principal_angles(by_gram.components_[:1].T, right[:1].T)[0] < 1e-7
    np.testing.assert_allclose(by_gram.components_ @ by_gram.components_.T, np.eye(2), atol=1e-13)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("shape, kind", CASES)
def test_theorems(shape, kind, standardize, solver):
    """Orthonormal components; scores uncorrelated, eigenvalues their variances; the error for every k."""
    X = made(shape, kind, seed=1)
    n, p = shape
    before = X.copy()
    X.setflags(write=False)
    Z, variances, _ = reference(X, standardize)
    total = max(variances.sum(), 1e-12)
    pca = PCA(standardize=standardize, solver=solver).fit(X)
    V = pca.components_
    scores = pca.transform(X)
    np.testing.assert_allclose(V @ V.T, np.eye(min(shape)), rtol=0, atol=1e-12)
    # A mean is right to n eps of its size, and dividing by a small spread makes more of that.
    rounding = n * np.finfo(float).eps * (np.linalg.norm(pca.mean_ / pca.scale_) + np.abs(Z).max())
    np.testing.assert_allclose(scores.mean(axis=0), 0, atol=rounding)
    covariance = scores.T @ scores / n
    np.testing.assert_allclose(covariance, np.diag(pca.explained_variance_), rtol=0, atol=1e-12 * total)
    for k in range(1, min(shape) + 1):
        truncated = clone(pca).set_params(n_components=k).fit(X)
        np.testing.assert_array_equal(truncated.components_, V[:k])
        rebuilt = truncated.inverse_transform(truncated.transform(X))
        error = np.mean(np.sum(((X - rebuilt) / pca.scale_) ** 2, axis=1))
        assert error == pytest.approx(variances[k:].sum(), rel=0, abs=1e-11 * total)
        share = truncated.explained_variance_ratio_
        np.testing.assert_allclose(share, variances[:k] / total, rtol=0, atol=1e-11)
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize("solver", SOLVERS)
def test_eigenvectors_of_the_covariance_are_right_singular_vectors(solver):
    X = made((50, 5), "plain", seed=2)
    covariance = np.cov(X, rowvar=False, bias=True)
    V = PCA(solver=solver).fit(X).components_
    _, S, Vt = scipy.linalg.svd(X - X.mean(axis=0))
    np.testing.assert_allclose(covariance @ V.T, V.T * (S**2 / 50), atol=1e-12)
    np.testing.assert_allclose(np.abs(np.sum(V * Vt, axis=1)), 1, atol=1e-12)


def test_whitening():
    X = made((80, 6), "plain", seed=3)
    pca = PCA(standardize=True).fit(X)
    white = pca.transform(X) / np.sqrt(pca.explained_variance_)
    np.testing.assert_allclose(np.cov(white, rowvar=False, bias=True), np.eye(6), atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_no_linear_encoder_beats_it(seed):
    X = made((40, 6), "plain", seed)
    rng = np.random.default_rng(seed)
    centred = X - X.mean(axis=0)
    for k in (1, 3, 5):
        best = PCA().fit(X).explained_variance_[k:].sum()
        for _ in range(100):
            basis = np.linalg.qr(rng.normal(size=(6, k)))[0]
            assert np.mean(np.sum((centred - centred @ basis @ basis.T) ** 2, axis=1)) > best


@pytest.mark.parametrize("solver", SOLVERS)
def test_usarrests_equals_r_and_the_textbook(solver):
    X = usarrests().x
    pca = PCA(standardize=True, solver=solver).fit(X)
    # Correlations do not know n or n - 1, so R's scaled variances are ours as they are.
    np.testing.assert_allclose(pca.explained_variance_, np.square(R_SDEV), rtol=0, atol=5e-10)
    assert_equal_up_to_sign(pca.components_, np.transpose(R_ROTATION), atol=5.1e-11)
    assert_equal_up_to_sign(pca.components_[:2], TABLE_10_1, atol=5.1e-8)
    np.testing.assert_array_equal(
        np.round(pca.explained_variance_ratio_, 4), [0.6201, 0.2474, 0.0891, 0.0434]
    )
    raw = PCA(solver=solver).fit(X)
    np.testing.assert_allclose(np.sqrt(raw.explained_variance_ * 50 / 49), R_SDEV_RAW, rtol=0, atol=5.1e-9)


def assert_equal_up_to_sign(rows, expected, atol):
    """One free sign a row, none inside it."""
    expected = np.asarray(expected)
    signs = np.sign(np.sum(rows * expected, axis=1, keepdims=True))
    np.testing.assert_allclose(rows, signs * expected, rtol=0, atol=atol)


@pytest.mark.parametrize("shape", [(70, 5), (5, 70), (30, 20)])
@pytest.mark.parametrize("solver", SOLVERS)
def test_equals_scikit_learn_after_the_factor(shape, solver):
    X = made(shape, "plain", seed=4)
    n = shape[0]
    k = min(shape) - 1
    ours, theirs = PCA(k, solver=solver).fit(X), sklearn.decomposition.PCA(k).fit(X)
    np.testing.assert_allclose(ours.explained_variance_ * n / (n - 1), theirs.explained_variance_, rtol=1e-9)
    np.testing.assert_allclose(ours.explained_variance_ratio_, theirs.explained_variance_ratio_, rtol=1e-9)
    assert_equal_up_to_sign(ours.components_, theirs.components_, atol=1e-9)
    np.testing.assert_allclose(ours.mean_, theirs.mean_, rtol=1e-12)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("shape", [(40, 6), (6, 40)])
def test_largest_entry_of_each_row_is_positive(shape, solver):
    for seed in range(5):
        V = PCA(solver=solver).fit(made(shape, "plain", seed)).components_
        assert np.all(V[np.arange(len(V)), np.argmax(np.abs(V), axis=1)] > 0)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("seed", range(5))
def test_sign_is_settled_where_entries_tie(solver, seed):
    """Two standardised columns have the components (1, 1) and (1, -1) over root 2, whatever the rounding."""
    X = made((30, 2), "plain", seed)
    X[:, 1] += X[:, 0]
    V = PCA(standardize=True, solver=solver).fit(X).components_
    np.testing.assert_allclose(V, np.array([[1, 1], [1, -1]]) / np.sqrt(2), atol=1e-12)
    flipped = with_fixed_signs(-V)
    np.testing.assert_allclose(flipped, V, atol=1e-12)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("shape", [(100, 5), (5, 100)])
def test_float32_stays_float32(shape, solver):
    X = made(shape, "plain", seed=5)
    for standardize in (False, True):
        pca = PCA(standardize=standardize, solver=solver).fit(X.astype(np.float32))
        exact = PCA(standardize=standardize).fit(X)
        for name in ("components_", "explained_variance_", "explained_variance_ratio_", "mean_", "scale_"):
            assert getattr(pca, name).dtype == np.float32, name
        scores = pca.transform(X.astype(np.float32))
        assert scores.dtype == pca.inverse_transform(scores).dtype == np.float32
        largest = exact.explained_variance_[0]
        np.testing.assert_allclose(pca.explained_variance_, exact.explained_variance_, atol=2e-6 * largest)
        np.testing.assert_allclose(pca.inverse_transform(scores), X, atol=1e-4)
    assert PCA().fit(X.astype(int)).components_.dtype == np.float64


def test_float32_mean_of_many_rows():
    """A running sum in float32 would be wrong in the fourth digit."""
    X = np.full((300_000, 2), 0.1, np.float32) + np.array([0, 1], np.float32)
    np.testing.assert_allclose(PCA().fit(X).mean_, [0.1, 1.1], rtol=2e-7)


def test_constant_columns_become_exactly_zero():
    """The mean of 0.1 repeated is not 0.1 in floating point; divided by its rounding, noise becomes 1."""
    X = made((7, 3), "plain")
    X[:, 1] = 0.1
    pca = PCA(standardize=True).fit(X)
    assert pca.scale_[1] == 1 and pca.mean_[1] == 0.1
    assert np.all(pca.components_[:2, 1] == 0)
    np.testing.assert_allclose(pca.scale_[[0, 2]], X[:, [0, 2]].std(axis=0), rtol=1e-14)
    still = PCA(standardize=True).fit(np.full((5, 2), 0.1))
    assert np.all(still.explained_variance_ == 0) and np.all(still.explained_variance_ratio_ == 0)
    np.testing.assert_allclose(still.components_ @ still.components_.T, np.eye(2), atol=1e-15)
    # Without standardising nothing is scaled.
    np.testing.assert_array_equal(PCA().fit(X).scale_, 1)
    # Constant for the first thousands of rows is not constant.
    X = np.full((5001, 2), 0.1)
    X[-1] = 1
    np.testing.assert_allclose(PCA(standardize=True).fit(X).scale_, X.std(axis=0), rtol=1e-12)


def test_gram_in_blocks_equals_the_formula():
    X = made((50, 4), "plain")
    mean, scale = X.mean(axis=0), X.std(axis=0)
    Z = (X - mean) / scale
    for n_rows in (1, 7, 50, 51):
        np.testing.assert_allclose(gram(X, mean, scale, n_rows=n_rows), Z.T @ Z, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(Z.T @ Z / 50, np.corrcoef(X, rowvar=False), atol=1e-12)


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("dtype, rtol", [(np.float64, 1e-9), (np.float32, 1e-3)])
def test_constant_columns_are_left_out_of_the_products(dtype, rtol, standardize):
    """Fifty constant columns among sixty, far from 0: axes of no variance."""
    X = np.full((700, 60), 1e3 + 0.1)
    X[:, 5::6] += np.random.default_rng(8).normal(size=(700, 10))
    X = X.astype(dtype)
    mean, scale, still = centre_and_spread(X, False)
    np.testing.assert_array_equal(still, np.flatnonzero(np.arange(60) % 6 != 5))
    np.testing.assert_array_equal(mean[still], X[0, still])
    varies = np.delete(np.arange(60), still)
    np.testing.assert_array_equal(
        gram(X, mean, scale, varies), gram(np.ascontiguousarray(X[:, varies]), mean[varies], scale[varies])
    )
    pca = PCA(standardize=standardize).fit(X)
    np.testing.assert_array_equal(pca.components_[:10, still], 0)
    np.testing.assert_array_equal(pca.explained_variance_[10:], 0)
    np.testing.assert_allclose(pca.components_ @ pca.components_.T, np.eye(60), atol=1e-6)
    covariance = np.corrcoef if standardize else partial(np.cov, bias=True)
    expected = np.linalg.eigvalsh(covariance(X[:, 5::6].astype(float), rowvar=False))[::-1]
    np.testing.assert_allclose(pca.explained_variance_[:10], expected, rtol=rtol)
    assert np.all(PCA().fit(np.full((80, 50), 0.1)).explained_variance_ == 0)
    # A column is constant only if all its rows say so.
    X[-1, still[0]] += 1
    np.testing.assert_array_equal(centre_and_spread(X, False, n_rows=100)[2], still[1:])
    X[-1, still[0]] = np.nextafter(X[0, still[0]], dtype(np.inf))  # a mean that rounds to the constant
    np.testing.assert_array_equal(centre_and_spread(X, False)[2], still[1:])


def test_eigenpairs_fall_and_rebuild_the_matrix():
    A = np.random.default_rng(6).normal(size=(5, 3))
    values, vectors = eigenpairs(A @ A.T)
    assert np.all(np.diff(values) <= 0) and np.all(values >= 0)
    np.testing.assert_allclose(vectors.T @ np.diag(values) @ vectors, A @ A.T, atol=1e-12)


def test_a_mean_far_from_zero_costs_no_digits():
    """X^T X - n mean mean^T would lose the variance of 1 beside a mean of 1e7; centring first does not."""
    X = np.random.default_rng(7).normal(size=(100, 3))
    shifted = PCA(solver="eigh").fit(X + 1e7)
    np.testing.assert_allclose(shifted.explained_variance_, PCA().fit(X).explained_variance_, rtol=1e-7)


@pytest.mark.parametrize("bad", [0, -1, 4, 1.5, True, "mle", 0.9])
def test_n_components_is_a_whole_number_in_range(bad):
    with pytest.raises(ValueError, match=r"must be None or a whole number from 1 to min\(n, p\) = 3"):
        PCA(bad).fit(made((10, 3), "plain"))


def test_errors_are_sentences():
    X = made((10, 3), "plain")
    with pytest.raises(ValueError, match="unknown solver 'full'; choose one of auto, svd, eigh"):
        PCA(solver="full").fit(X)
    with pytest.raises(ValueError, match="contains NaN"):
        PCA().fit(np.where(np.eye(10, 3), np.nan, X))
    with pytest.raises(ValueError, match="contains infinity"):
        PCA().fit(np.where(np.eye(10, 3), np.inf, X))
    with pytest.raises(ValueError, match="Expected 2D array"):
        PCA().fit(X[0])
    with pytest.raises(ValueError, match="scores must have 2 columns, got 3"):
        PCA(2).fit(X).inverse_transform(X)
    with pytest.raises(ValueError, match="same number of rows"):
        principal_angles(X, X[:5])


@pytest.mark.parametrize("seed", range(5))
def test_principal_angles_equal_scipys(seed):
    rng = np.random.default_rng(seed)
    A, B = rng.normal(size=(9, 4)), rng.normal(size=(9, 2 + seed % 4))
    ours = principal_angles(A, B)
    np.testing.assert_allclose(ours, scipy.linalg.subspace_angles(A, B)[::-1], atol=1e-12)
    np.testing.assert_allclose(ours, principal_angles(B, A), atol=1e-12)
    mixed = principal_angles(A @ rng.normal(size=(4, 4)), -3 * B)
    np.testing.assert_allclose(ours, mixed, atol=1e-10)


@pytest.mark.parametrize("angle", [0.0, 1e-12, 1e-6, 0.3, np.pi / 2 - 1e-6, np.pi / 2 - 1e-12, np.pi / 2])
def test_principal_angles_are_exact_at_both_ends(angle):
    A = np.array([[1.0, 0], [0, 1], [0, 0]])
    B = np.array([[1.0], [0], [0]]) * np.cos(angle) + np.array([[0.0], [0], [1]]) * np.sin(angle)
    np.testing.assert_allclose(principal_angles(A, B), [angle], rtol=0, atol=1e-15)


def test_principal_angles_do_not_count_repeated_columns():
    A = np.array([[1.0, 2, 3], [0, 0, 0], [0, 0, 0]])
    B = np.array([[1.0, 0], [0, 1], [0, 0]])
    np.testing.assert_allclose(principal_angles(A, B), [0], atol=1e-15)


# Columns and data of every size


def test_a_column_that_varies_by_rounding_alone_is_not_blown_up():
    X = np.random.default_rng(2).normal(size=(40, 3))
    X[:, 1] = [0.3, 0.1 + 0.2] * 20
    model = PCA(standardize=True).fit(X)
    assert model.scale_[1] == 1
    assert np.abs(model.explained_variance_).min() < 1e-30
    X[:, 1] = 1 + 1e-7 * X[:, 0]  # small, and no rounding
    np.testing.assert_allclose(PCA(standardize=True).fit(X).scale_, X.std(axis=0), rtol=1e-12)


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("solver", ["svd", "eigh"])
@pytest.mark.parametrize("size", [1e-24, 1e18])
def test_float32_data_far_from_one(size, solver, standardize):
    X = np.random.default_rng(3).normal(size=(50, 3)) * [3, 2, 1]
    expected = PCA(standardize=standardize).fit(X)
    found = PCA(solver=solver, standardize=standardize).fit((X * size).astype(np.float32))
    np.testing.assert_allclose(found.components_, expected.components_, atol=1e-5)
    np.testing.assert_allclose(found.explained_variance_ratio_, expected.explained_variance_ratio_, rtol=1e-5)
    back = found.inverse_transform(found.transform((X * size).astype(np.float32)))
    np.testing.assert_allclose(back / size, X, atol=1e-5)


def test_variances_beyond_float32_get_a_sentence():
    X = (np.random.default_rng(4).normal(size=(50, 3)) * 1e20).astype(np.float32)
    with pytest.raises(ValueError, match="float64"):
        PCA().fit(X)


def test_dependent_columns_make_no_angle_of_their_own():
    rng = np.random.default_rng(9)
    A = rng.normal(size=(6, 2))
    assert len(principal_angles(np.c_[A, A @ [0.3, 0.7]], rng.normal(size=(6, 4)))) == 2
