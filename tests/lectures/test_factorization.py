"""NMF: the theorems of notebook 04 on random data, scikit-learn as oracle, missing entries, limits."""

import numpy as np
import pytest
import sklearn.decomposition
from scipy import sparse
from scipy.optimize import nnls
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from coursekit.factorization import (
    NMF,
    Biases,
    hold_out,
    nndsvda_start,
    parts_found,
    random_start,
    rmse,
    swimmer,
    updates,
)

WAYS = [("frobenius", "mu"), ("frobenius", "hals"), ("kullback-leibler", "mu")]
each_way = pytest.mark.parametrize("loss, solver", WAYS)


def made(n=23, p=14, k=4, seed=0, missing=0.0):
    """A noisy product of positive factors, some entries missing, with a random start of k parts."""
    rng = np.random.default_rng([seed, n, p])
    X = rng.gamma(1, size=(n, k)) @ rng.gamma(1, size=(k, p)) + rng.uniform(size=(n, p))
    X[rng.random(X.shape) < missing] = np.nan
    return X, rng.uniform(0.1, 2, (n, k)), rng.uniform(0.1, 2, (k, p))


def divergence(X, W, H, loss):
    """The objective written out entry by entry, with none of the module's functions."""
    total = 0.0
    for (i, j), x in np.ndenumerate(X):
        if np.isnan(x):
            continue
        wh = W[i] @ H[:, j]
        total += (x - wh) ** 2 / 2 if loss == "frobenius" else (x * np.log(x / wh) if x else 0) - x + wh
    return total


def derivative(X, W, H, loss):
    """The derivative of the objective with respect to W, by central differences."""
    slope, h = np.zeros_like(W), 1e-5
    for place in np.ndindex(*W.shape):
        step = np.zeros_like(W)
        step[place] = h
        up, down = (divergence(X, W + s * step, H, loss) for s in (1, -1))
        slope[place] = (up - down) / (2 * h)
    return slope


def parted(X):
    """X with 0 where missing and the observed entries, dense and sparse."""
    seen = ~np.isnan(X)
    dense = np.where(seen, X, 0), seen.astype(float)
    places = sparse.csr_array(dense[1])
    rows, columns = np.nonzero(seen)
    return dense, (sparse.csr_array((X[rows, columns], places.indices, places.indptr), shape=X.shape), places)


@parametrize_with_checks(
    [
        NMF(2, max_iter=1000, tol=0),
        NMF(2, solver="hals", max_iter=200, tol=0),
        NMF(2, loss="kullback-leibler", max_iter=600, tol=0),
        Biases(),
        Biases(ridge=2.0),
    ]
)
def test_scikit_learns_checks(estimator, check):
    if check.func.__name__ == "check_array_api_input":
        pytest.skip("arrays other than NumPy's are not claimed")
    check(estimator)


@each_way
@pytest.mark.parametrize("missing", [0.0, 0.3, 0.95])
def test_never_rises_and_the_objective_is_the_one_written_out(loss, solver, missing):
    X, W, H = made(60, 30, missing=missing)
    X = X[~np.isnan(X).all(axis=1)][:, ~np.isnan(X).all(axis=0)]
    W, H = W[: len(X)], H[:, : X.shape[1]]
    model = NMF(4, loss=loss, solver=solver, max_iter=80, tol=0)
    model.fit_transform(X, W=W, H=H)
    history = np.array(model.objective_)
    assert len(history) == 81 and model.n_iter_ == 80
    assert np.all(np.diff(history) <= 1e-12 * history[0])
    assert history[0] == pytest.approx(divergence(X, W, H, loss), rel=1e-12)
    assert history[-1] == pytest.approx(divergence(X, model.W_, model.components_, loss), rel=1e-10)
    assert model.reconstruction_err_ == pytest.approx(np.sqrt(2 * history[-1]), rel=1e-12)
    assert history[-1] < 0.9 * history[0], "a rule that does nothing never rises either"


@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_a_multiplicative_step_is_a_gradient_step_with_its_own_length(missing):
    X, W, H = made(9, 7, 3, missing=missing)
    (filled, seen), _ = parted(X)
    below = (seen * (W @ H)) @ H.T
    expected = W - W / below * derivative(X, W, H, "frobenius")
    np.testing.assert_allclose(updates.frobenius_step(filled, W, H, seen), expected, rtol=1e-6)
    expected = W - W / (seen @ H.T) * derivative(X, W, H, "kullback-leibler")
    np.testing.assert_allclose(updates.kullback_leibler_step(filled, W, H, seen), expected, rtol=1e-6)


@each_way
@pytest.mark.parametrize("missing", [0.0, 0.5])
def test_sparse_dense_and_plain_steps_agree(loss, solver, missing):
    X, W, H = made(12, 9, 3, missing=missing)
    X[0, 1] = 0  # a rating of 0 is a rating
    step = {"hals": updates.hals_step}.get(solver) or getattr(updates, f"{loss.replace('-', '_')}_step")
    (filled, seen), (few, places) = parted(X)
    dense = step(filled, W, H, seen)
    np.testing.assert_allclose(step(few, W, H, places), dense, rtol=1e-12)
    if not missing:
        np.testing.assert_allclose(step(filled, W, H), dense, rtol=1e-12)
    measure = updates.kullback_leibler if loss.startswith("k") else updates.half_squared_error
    assert measure(few, W, H, places) == pytest.approx(measure(filled, W, H, seen), rel=1e-12)


def test_hals_sets_each_column_to_its_minimum():
    X, W, H = made(8, 6, 3, missing=0.3)
    (filled, seen), _ = parted(X)
    new = updates.hals_step(filled, W, H, seen)
    mixed = W.copy()
    for k in range(3):
        mixed[:, k] = new[:, k]
        best = divergence(X, mixed, H, "frobenius")
        for move in (-0.01, 0.01):
            other = mixed.copy()
            other[:, k] = np.maximum(other[:, k] + move, 0)
            assert divergence(X, other, H, "frobenius") >= best - 1e-12


@pytest.mark.parametrize(
    "loss, solver, theirs", [(*WAYS[0], "mu"), (*WAYS[1], "cd"), (*WAYS[2], "mu")], ids=str
)
def test_equals_scikit_learn_from_the_same_start(loss, solver, theirs):
    """HALS is what scikit-learn calls coordinate descent."""
    X, W, H = made(40, 25, 5)
    ours = NMF(5, loss=loss, solver=solver, max_iter=200, tol=0)
    amounts = ours.fit_transform(X, W=W, H=H)
    other = sklearn.decomposition.NMF(
        5, init="custom", solver=theirs, beta_loss=loss, max_iter=200, tol=0, shuffle=False
    )
    np.testing.assert_allclose(amounts, other.fit_transform(X, W=W.copy(), H=H.copy()), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(ours.components_, other.components_, rtol=1e-9, atol=1e-12)
    assert ours.reconstruction_err_ == pytest.approx(other.reconstruction_err_, rel=1e-12)


def test_starts_equal_scikit_learns():
    from sklearn.decomposition._nmf import _initialize_nmf

    X, _, _ = made(30, 20)
    for ours, theirs in zip(
        random_start(X, 3, 7), _initialize_nmf(X, 3, "random", random_state=7), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    theirs = _initialize_nmf(X, 3, "nndsvda", random_state=0)
    for ours, other in zip(nndsvda_start(X, 3), theirs, strict=True):
        np.testing.assert_allclose(ours, other, atol=1e-6)
    assert (
        NMF(3, init="nndsvda").fit(X).objective_ == NMF(3, init="nndsvda", random_state=9).fit(X).objective_
    )


@each_way
@pytest.mark.parametrize("missing", [0.3, 0.93])
def test_a_missing_entry_has_no_say(loss, solver, missing):
    """Whatever the updates are handed where nothing was observed, the factors are the same."""
    X, W, H = made(50, 40, 3, missing=missing)
    X = np.where(np.isnan(X).all(axis=1, keepdims=True) | np.isnan(X).all(axis=0), 1.0, X)
    model = NMF(3, loss=loss, solver=solver, max_iter=15, tol=0)
    amounts = model.fit_transform(X, W=W[:, :3], H=H[:3])
    seen = (~np.isnan(X)).astype(float)
    step = {"hals": updates.hals_step}.get(solver) or getattr(updates, f"{loss.replace('-', '_')}_step")
    filled, W, H = np.where(seen == 1, X, 0), W[:, :3], H[:3]
    for _ in range(15):
        W = step(filled, W, H, seen)
        H = step(filled.T, H.T, W.T, seen.T).T
    np.testing.assert_allclose(amounts, W, rtol=1e-9, atol=1e-12)
    # And a whole row of missing entries more, placed by the rest, changes nothing that was there.
    assert np.all(np.isfinite(model.reconstruct()))


def test_missing_is_not_zero():
    X, _, _ = made(40, 30, 2, missing=0.5)
    truth, _, _ = made(40, 30, 2)
    gaps = np.isnan(X)
    by_gaps = NMF(2, max_iter=300, random_state=0, tol=0).fit(X)
    by_zeros = NMF(2, max_iter=300, random_state=0, tol=0).fit(np.nan_to_num(X))
    assert rmse(by_gaps.reconstruct(), truth, gaps) < 0.5 * rmse(by_zeros.reconstruct(), truth, gaps)
    assert by_zeros.reconstruct()[gaps].mean() < 0.8 * truth[gaps].mean()


def test_noiseless_ratings_are_filled_in_exactly():
    rng = np.random.default_rng(3)
    truth = rng.uniform(0.2, 1, (60, 2)) @ rng.uniform(0.2, 1, (2, 40))
    X, hidden = hold_out(truth, 0.4, rng=4)
    model = NMF(2, solver="hals", max_iter=1000, tol=0, random_state=0).fit(X)
    assert rmse(model.reconstruct(), truth, hidden) < 1e-3


@each_way
def test_karush_kuhn_tucker_at_convergence(loss, solver):
    """At a minimum no slope is negative, and it is 0 where a factor is positive: min(slope, factor) = 0."""
    X, W, H = made(10, 8, 2, seed=2)
    X[:3, :4] = 0.01  # so that some entries of the factors want to be 0
    start = W[:, :2], H[:2]
    model = NMF(2, loss=loss, solver=solver, max_iter=4000, tol=0)
    model.fit_transform(X, W=start[0], H=start[1])

    def violation(W, H):
        sides = (
            (derivative(X, np.maximum(W, 1e-4), H, loss), W),
            (derivative(X.T, H.T + 1e-4, W.T, loss), H.T),
        )
        return max(np.abs(np.minimum(slope, factor)).max() for slope, factor in sides)

    assert violation(model.W_, model.components_) < 0.02 < 0.5 < violation(*start)


@pytest.mark.parametrize("k", [1, 3, 6])
def test_the_svd_is_a_lower_bound(k):
    X, _, _ = made(30, 20)
    tail = 0.5 * (np.linalg.svd(X, compute_uv=False)[k:] ** 2).sum()
    found = NMF(k, solver="hals", max_iter=500, tol=0, random_state=0).fit(X).objective_[-1]
    assert found >= tail * (1 - 1e-9)
    if k == 1:  # Perron and Frobenius: the best rank 1 of a positive table is positive
        assert found == pytest.approx(tail, rel=1e-9)


def test_nonnegative_rank_may_exceed_rank():
    X = np.array([[1.0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 1]])
    assert np.linalg.matrix_rank(X) == 3
    fits = [NMF(3, solver="hals", max_iter=500, tol=0, random_state=s).fit(X) for s in range(8)]
    best = min(2 * model.objective_[-1] for model in fits)
    assert best == pytest.approx(2 - np.sqrt(2), abs=1e-7)
    assert NMF(4, solver="hals", max_iter=500, tol=0, random_state=0).fit(X).objective_[-1] < 1e-9


def test_kullback_leibler_keeps_the_sums_of_the_columns():
    X, _, _ = made(30, 20)
    model = NMF(3, loss="kullback-leibler", max_iter=7, tol=0, random_state=0).fit(X)
    np.testing.assert_allclose(model.reconstruct().sum(axis=0), X.sum(axis=0), rtol=1e-12)
    rows = np.abs(model.reconstruct().sum(axis=1) / X.sum(axis=1) - 1)
    assert rows.max() > 1e-6, "before convergence the rows are not yet kept"
    gaps, _, _ = made(30, 20, missing=0.3)
    model = NMF(3, loss="kullback-leibler", max_iter=7, tol=0, random_state=0).fit(gaps)
    seen = ~np.isnan(gaps)
    np.testing.assert_allclose((model.reconstruct() * seen).sum(axis=0), np.nansum(gaps, axis=0), rtol=1e-12)


def test_kullback_leibler_step_is_em_of_plsa():
    """One round of EM on P(word | topic) and P(topic | document) = both multiplicative steps, normalised."""
    rng = np.random.default_rng(5)
    counts = rng.poisson(2.0, (12, 9)).astype(float)
    W, H = rng.dirichlet(np.ones(3), 12), rng.dirichlet(np.ones(9), 3)
    posterior = W[:, :, None] * H / (W @ H)[:, None]  # (documents, topics, words)
    shares = (counts[:, None] * posterior).sum(axis=2)
    words = (counts[:, None] * posterior).sum(axis=0)
    new_W = updates.kullback_leibler_step(counts, W, H)
    new_H = updates.kullback_leibler_step(counts.T, H.T, W.T).T
    np.testing.assert_allclose(
        new_W / new_W.sum(axis=1, keepdims=True), shares / shares.sum(axis=1, keepdims=True)
    )
    np.testing.assert_allclose(
        new_H / new_H.sum(axis=1, keepdims=True), words / words.sum(axis=1, keepdims=True)
    )


def test_zeros_stay_zero_under_multiplication():
    X, W, H = made(10, 8, 3)
    W[2, 1] = 0
    for loss in ("frobenius", "kullback-leibler"):
        model = NMF(3, loss=loss, max_iter=20, tol=0)
        assert model.fit_transform(X, W=W, H=H)[2, 1] == 0
    assert NMF(3, solver="hals", max_iter=20, tol=0).fit_transform(X, W=W, H=H).shape == (10, 3)


@each_way
def test_tables_of_zeros(loss, solver):
    """An empty row, an empty column, an empty table: no NaN comes out."""
    X, _, _ = made(8, 6)
    X[3], X[:, 2] = 0, 0
    model = NMF(2, loss=loss, solver=solver, max_iter=50, tol=0, random_state=0).fit(X)
    rebuilt = model.reconstruct()
    assert (
        np.all(np.isfinite(rebuilt))
        and np.abs(rebuilt[3]).max() < 1e-3
        and np.abs(rebuilt[:, 2]).max() < 1e-3
    )
    assert np.all(NMF(2, loss=loss, solver=solver, random_state=0).fit(np.zeros((4, 3))).reconstruct() == 0)


def test_transform_solves_non_negative_least_squares():
    X, _, _ = made(30, 20, missing=0.2)
    model = NMF(3, solver="hals", max_iter=500, tol=0, random_state=0).fit(X)
    new, _, _ = made(6, 20, seed=8, missing=0.3)
    amounts = model.transform(new)
    for row, w in zip(new, amounts, strict=True):
        seen = ~np.isnan(row)
        np.testing.assert_allclose(w, nnls(model.components_[:, seen].T, row[seen])[0], atol=1e-6)
    np.testing.assert_allclose(model.inverse_transform(amounts), amounts @ model.components_)
    blank = model.transform(np.full((1, 20), np.nan))
    assert np.all(blank == 0) or np.all(np.isfinite(blank))


@each_way
@pytest.mark.parametrize("missing", [0.0, 0.2, 0.95])
def test_float32_stays_float32_and_inputs_are_left_alone(loss, solver, missing):
    X, W, H = made(60, 40, missing=missing)
    X[np.isnan(X).all(axis=1)] = 1
    X[:, np.isnan(X).all(axis=0)] = 1
    single = X.astype(np.float32)
    for array in (single, W, H):
        array.setflags(write=False)
    model = NMF(4, loss=loss, solver=solver, max_iter=20, tol=0)
    assert model.fit_transform(single, W=W, H=H).dtype == model.components_.dtype == np.float32
    exact = NMF(4, loss=loss, solver=solver, max_iter=20, tol=0)
    exact.fit_transform(X, W=W, H=H)
    assert model.objective_[-1] == pytest.approx(exact.objective_[-1], rel=1e-3)
    assert model.transform(single).dtype == model.reconstruct().dtype == np.float32


def test_stops_when_settled_and_says_when_it_has_not():
    X, _, _ = made(40, 30)
    settled = NMF(4, random_state=0, max_iter=5000).fit(X)
    assert settled.n_iter_ < 5000
    last = settled.objective_[-11] - settled.objective_[-1]
    assert last <= 1e-4 * settled.objective_[0]
    with pytest.warns(ConvergenceWarning, match="still improves after max_iter=12"):
        NMF(4, random_state=0, max_iter=12, tol=1e-9).fit(X)


@pytest.mark.parametrize(
    "change, message",
    [
        (dict(n_components=0), "n_components must be a positive integer, got 0"),
        (dict(n_components=2.0), "n_components must be a positive integer, got 2.0"),
        (dict(max_iter=True), "max_iter must be a positive integer, got True"),
        (dict(tol=-1), "tol must be a number of at least 0, got -1"),
        (dict(tol=np.nan), "tol must be a number of at least 0, got nan"),
        (dict(loss="l1"), "unknown loss 'l1'; choose one of frobenius, kullback-leibler"),
        (dict(solver="cd"), "unknown solver 'cd'; choose one of mu, hals"),
        (dict(init="zeros"), "unknown init 'zeros'; choose one of random, nndsvda"),
        (dict(loss="kullback-leibler", solver="hals"), "minimises the squared error only"),
        (dict(init="nndsvda", n_components=9), "has only min\\(n, p\\) = 8 singular vectors"),
    ],
)
def test_settings_are_refused_in_a_sentence(change, message):
    X, _, _ = made(10, 8)
    with pytest.raises(ValueError, match=message) as caught:
        NMF(**{"n_components": 2, **change}).fit(X)
    assert "\n" not in str(caught.value)


def test_tables_are_refused_in_a_sentence():
    X, W, H = made(10, 8)
    gap = X.copy()
    gap[0, 0] = np.nan
    with pytest.raises(ValueError, match="nndsvda' needs a table without missing"):
        NMF(2, init="nndsvda").fit(gap)
    gap[4] = np.nan
    with pytest.raises(ValueError, match="row 4 of X has no observed entry"):
        NMF(2).fit(gap)
    with pytest.raises(ValueError, match="column 4 of X has no observed entry"):
        NMF(2).fit(gap.T)
    with pytest.raises(ValueError, match="Negative values in data"):
        NMF(2).fit(-X)
    with pytest.raises(ValueError, match="infinity"):
        NMF(2).fit(np.where(np.eye(10, 8), np.inf, X))
    with pytest.raises(ValueError, match=r"W must have shape \(10, 4\), got \(10, 3\)"):
        NMF(4).fit_transform(X, W=W[:, :3])
    with pytest.raises(ValueError, match="Negative values in data"):
        NMF(4).fit_transform(X, H=-H)
    with pytest.raises(ValueError, match="W must have 4 columns, got 3"):
        NMF(4, random_state=0).fit(X).inverse_transform(W[:, :3])


def test_hold_out_hides_what_it_says():
    X, _, _ = made(50, 40, missing=0.5)
    train, hidden = hold_out(X, 0.2, rng=1)
    seen = ~np.isnan(X)
    assert hidden.sum() == round(0.2 * seen.sum()) and np.all(seen[hidden])
    assert np.array_equal(np.isnan(train), ~seen | hidden)
    np.testing.assert_array_equal(train[~np.isnan(train)], X[seen & ~hidden])
    assert np.array_equal(hidden, hold_out(X, 0.2, rng=1)[1])
    assert not np.array_equal(hidden, hold_out(X, 0.2, rng=2)[1])
    lonely = np.full((6, 6), np.nan)
    lonely[np.arange(6), np.arange(6)] = 1
    assert not hold_out(lonely, 0.5, rng=0)[1].any(), "a row keeps its only entry"
    with pytest.raises(ValueError, match=r"share must lie in \(0, 1\), got 1"):
        hold_out(X, 1.0)


def test_rmse():
    X = np.array([[1.0, 2.0], [3.0, np.nan]])
    where = np.array([[True, False], [True, False]])
    assert rmse([[2.0, 0], [5, 0]], X, where) == pytest.approx(np.sqrt(2.5))
    with pytest.raises(ValueError, match="at least one entry"):
        rmse(X, X, where & False)
    with pytest.raises(ValueError, match="missing entry"):
        rmse(X, X, ~where)


@pytest.mark.parametrize("ridge", [0.0, 3.0])
def test_biases_solve_their_least_squares(ridge):
    """Against the normal equations of all biases at once."""
    X, _, _ = made(12, 7, missing=0.3)
    rows, columns = np.nonzero(~np.isnan(X))
    design = np.zeros((len(rows), 19))
    design[np.arange(len(rows)), rows] = 1
    design[np.arange(len(rows)), 12 + columns] = 1
    rest = X[rows, columns] - np.nanmean(X)
    best = np.linalg.lstsq(design.T @ design + ridge * np.eye(19), design.T @ rest, rcond=None)[0]
    model = Biases(ridge=ridge, max_iter=500).fit(X)
    expected = np.nanmean(X) + best[:12, None] + best[12:]
    np.testing.assert_allclose(model.reconstruct(), expected, atol=1e-8)
    for change, message in ((dict(ridge=-1), "ridge must be"), (dict(max_iter=0), "max_iter must be")):
        with pytest.raises(ValueError, match=message):
            Biases(**change).fit(X)
    with pytest.raises(ValueError, match="no observed entry"):
        Biases().fit(np.full((2, 2), np.nan))


def test_swimmer_is_made_of_disjoint_parts():
    images, parts = swimmer()
    assert images.shape == (256, 260) and parts.shape == (16, 260)
    assert parts.sum(axis=0).max() == 1 and set(np.unique(images)) == {0.0, 1.0}
    assert len(np.unique(images, axis=0)) == 256 and np.linalg.matrix_rank(images) == 13
    assert np.all(images @ parts.T / parts.sum(axis=1) >= 0) and np.all(
        (images @ parts.T > 0).sum(axis=1) == 4
    )
    bodies, seventeen = swimmer(torso=True)
    assert seventeen.shape == (17, 260) and np.all(bodies >= images) and seventeen.sum(axis=0).max() == 1
    assert parts_found(parts[::-1] * 3, parts) == 16 and parts_found(np.ones((16, 260)), parts) == 0


@pytest.mark.parametrize("seed", range(3))
def test_hals_finds_the_parts_of_the_swimmer(seed):
    images, parts = swimmer()
    model = NMF(16, solver="hals", max_iter=200, tol=0, random_state=seed).fit(images)
    assert model.objective_[-1] < 1e-20 and parts_found(model.components_, parts) == 16
    assert parts_found(np.linalg.svd(images)[2][:16], parts) == 0


def test_every_limb_of_the_swimmer_has_four_pixels_in_a_row():
    _, parts = swimmer()
    assert (parts.sum(axis=1) == 4).all()
    for part in parts.reshape(16, 20, 13):
        places = np.argwhere(part)
        steps = np.diff(places, axis=0)
        assert (np.abs(steps) <= 1).all() and (steps == steps[0]).all(axis=1).all()


def test_what_is_not_asked_for_is_as_the_documents_say():
    model = NMF(2)
    assert (model.loss, model.solver, model.init) == ("frobenius", "mu", "random")
    assert (model.max_iter, model.tol, model.random_state) == (200, 1e-4, None)
    X = np.random.default_rng(0).uniform(size=(50, 40))
    seen, hidden = hold_out(X, rng=0)
    assert hidden.sum() == 0.2 * X.size and np.array_equal(np.isnan(seen), hidden)
