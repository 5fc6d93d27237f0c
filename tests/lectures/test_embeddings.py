"""Word vectors: what is counted, what negative sampling must find, analogies, a convex inference."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.optimize import minimize

from coursekit import embeddings
from coursekit.embeddings import CBOW, DocumentVectors, SkipGram, Vocabulary, recipe
from coursekit.embeddings.questions import GROUPS, KINDS


@pytest.fixture
def rng():
    return np.random.default_rng(5)


@pytest.fixture
def counts(rng):
    """A table without zeros, not symmetric, rows of unlike sizes."""
    return rng.integers(1, 40, (9, 7)).astype(float) * rng.uniform(0.3, 3, (9, 1))


def factors(rng, n=9, m=7, d=3):
    return (torch.tensor(rng.normal(size=(size, d))) for size in (n, m))


# Counting


def test_tokens_and_vocabulary():
    assert embeddings.tokenize("Emma’s _not_ here; isn't she?") == ["emma's", "not", "here", "isn't", "she"]
    vocabulary = Vocabulary(["b a b", "c b a"], min_count=2)
    assert vocabulary.words == ("b", "a") and vocabulary.counts.tolist() == [3, 2]
    assert vocabulary.ids("a b").tolist() == vocabulary.ids(["a", "b"]).tolist() == [1, 0]
    assert [text.tolist() for text in vocabulary.encode(["c a", "c"])] == [[1], []]


@pytest.mark.parametrize("window", [1, 2, 5, 20])
def test_every_pair_in_the_window_counts_and_none_across_a_break(rng, window):
    tokens = rng.integers(0, 6, 40)
    tokens[[7, 8, 20]] = -1
    expected, flat = np.zeros((6, 6)), np.zeros((6, 6))
    for i, j in itertools.permutations(range(40), 2):
        far = abs(i - j)
        if far <= window and not (tokens[min(i, j) : max(i, j) + 1] == -1).any():
            expected[tokens[i], tokens[j]] += (window + 1 - far) / window
            flat[tokens[i], tokens[j]] += 1
    np.testing.assert_allclose(embeddings.cooccurrence(tokens, window=window, n_words=6), expected)
    table = embeddings.cooccurrence(tokens, window=window, n_words=6, weighting="flat")
    np.testing.assert_allclose(table, flat)


def test_dynamic_weights_are_the_mean_of_random_windows(rng):
    tokens, window = rng.integers(0, 4, 30), 4
    each = [embeddings.cooccurrence(tokens, window=w, n_words=4, weighting="flat") for w in range(1, 5)]
    np.testing.assert_allclose(embeddings.cooccurrence(tokens, window=window, n_words=4), np.mean(each, 0))


def test_windows_hold_what_window_pairs_lists(rng):
    tokens = rng.integers(0, 9, 50)
    tokens[[10, 30]] = -1
    words, around = embeddings.windows(tokens, window=3)
    one = sorted((int(w), int(c)) for w, row in zip(words, around, strict=True) for c in row if c >= 0)
    left, right, _ = embeddings.window_pairs(tokens, window=3)
    assert one == sorted(zip(left.tolist(), right.tolist(), strict=True))
    assert around[0].tolist() == [-1, -1, -1, *tokens[1:4]]
    assert embeddings.windows([3, -1, 4, 5], window=1)[0].tolist() == [4, 5]  # 3 is alone


def test_pmi_is_the_log_of_a_ratio_of_shares(counts):
    p = counts / counts.sum()
    expected = np.log(p / np.outer(p.sum(1), p.sum(0)))
    np.testing.assert_allclose(embeddings.pmi(counts), expected)
    np.testing.assert_allclose(embeddings.pmi(7 * counts), expected)
    np.testing.assert_allclose(embeddings.ppmi(counts), expected.clip(min=0))
    # Under the joint shares its mean is the mutual information, never negative; under independence it is 0.
    assert np.sum(p * expected) > 0
    np.testing.assert_allclose(embeddings.pmi(np.outer([1, 2, 5], [3, 4])), 0, atol=1e-12)
    flatter = p.sum(0) ** 0.75 / (p.sum(0) ** 0.75).sum()
    np.testing.assert_allclose(embeddings.pmi(counts, power=0.75), np.log(p / np.outer(p.sum(1), flatter)))


def test_svd_vectors_keep_inner_products_as_well_as_rank_d_can(counts):
    table = embeddings.ppmi(counts)
    S = np.linalg.svd(table, compute_uv=False)
    whole = embeddings.svd_vectors(table, 4, power=1.0)
    rest = np.linalg.norm(table @ table.T - whole @ whole.T, 2)
    np.testing.assert_allclose(rest, S[4] ** 2, rtol=1e-8)
    np.testing.assert_allclose(np.linalg.norm(embeddings.svd_vectors(table, 4), axis=0), S[:4] ** 0.5)


def test_tf_idf_forgets_words_that_are_everywhere():
    bags = embeddings.word_counts([[0, 1, 1], [0, 2], [0, 1]], 3)
    assert bags.tolist() == [[1, 2, 0], [1, 0, 1], [1, 1, 0]]
    table = embeddings.tf_idf(bags)
    assert (table[:, 0] == 0).all()
    np.testing.assert_allclose(np.linalg.norm(table, axis=1), 1)


# Predicting


def randomised(model, seed=0):
    rng = torch.Generator().manual_seed(seed)
    model.double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=rng, dtype=torch.float64))
    return model


@pytest.mark.parametrize("kind", [SkipGram, CBOW])
def test_softmax_gradient_is_p_minus_y(kind, rng):
    model = randomised(kind(6, 3, n_negative=0))
    words = torch.tensor([4])
    if kind is SkipGram:
        given, right, hidden = words, torch.tensor([2]), model.W[4]
        loss = model.loss(given, right)
        target, log_p = 2, model.log_prob(given)[0]
    else:
        given = torch.tensor([[2, -1, 5, 5]])
        hidden = (model.W[2] + 2 * model.W[5]) / 3
        loss = model.loss(words, given)
        target, log_p = 4, model.log_prob(given)[0]
    torch.testing.assert_close(loss, -log_p[target])
    loss.backward()
    slope = log_p.exp() - F.one_hot(torch.tensor(target), 6)
    torch.testing.assert_close(model.C.grad, torch.outer(slope, hidden).detach())
    back = (slope @ model.C).detach()
    if kind is SkipGram:
        torch.testing.assert_close(model.W.grad[4], back)
    else:
        torch.testing.assert_close(model.W.grad[[2, 5]], torch.stack([back / 3, 2 * back / 3]))
    assert log_p.exp().sum().item() == pytest.approx(1)


def test_sampled_loss_has_the_table_for_its_mean(rng):
    noise = rng.uniform(1, 5, 6)
    model = randomised(SkipGram(6, 3, n_negative=4, noise=noise))
    words, contexts = torch.tensor([0, 0, 3, 5]), torch.tensor([1, 2, 2, 4])
    table = torch.zeros(6, 6).double()
    table.index_put_((words, contexts), torch.ones(4).double(), accumulate=True)
    scores, q = (model.W @ model.C.T).detach(), torch.tensor(noise / noise.sum())
    exact = -(table * F.logsigmoid(scores)).sum() / 4
    exact -= 4 * (table.sum(1, keepdim=True) * q * F.logsigmoid(-scores)).sum() / 4
    g = torch.Generator().manual_seed(1)
    draws = torch.stack([model.loss(words, contexts, rng=g).detach() for _ in range(4000)])
    assert abs(draws.mean() - exact) < 4 * draws.std() / 4000**0.5


def test_expected_loss_is_its_formula_and_its_gradient_autograd(counts, rng):
    (W, C), k = factors(rng), 3
    p = counts / counts.sum()
    q = p.sum(0) ** 0.75 / (p.sum(0) ** 0.75).sum()
    s = (W @ C.T).numpy()
    loss = (p * np.log1p(np.exp(-s)) + k * np.outer(p.sum(1), q) * np.log1p(np.exp(s))).sum()
    W.requires_grad_(), C.requires_grad_()
    ours = embeddings.sgns_loss(counts, W, C, k, power=0.75)
    assert ours.item() == pytest.approx(loss)
    ours.backward()
    for ours, grad in zip(
        embeddings.sgns_gradient(counts, W.detach(), C.detach(), k, power=0.75), (W.grad, C.grad), strict=True
    ):
        torch.testing.assert_close(ours, grad)


@pytest.mark.parametrize("power", [1.0, 0.75])
def test_at_full_rank_negative_sampling_finds_pmi_minus_log_k(counts, rng, power):
    k, shapes = 4, ((9, 7), (7, 7))

    def loss(flat):
        W, C = torch.tensor(flat[:63]).view(shapes[0]), torch.tensor(flat[63:]).view(shapes[1])
        slopes = embeddings.sgns_gradient(counts, W, C, k, power=power)
        value = embeddings.sgns_loss(counts, W, C, k, power=power)
        return value.item(), torch.cat([g.flatten() for g in slopes]).numpy()

    options = {"maxiter": 5000, "ftol": 0, "gtol": 1e-11}
    best = minimize(loss, 0.5 * rng.normal(size=112), jac=True, method="L-BFGS-B", options=options)
    W, C = best.x[:63].reshape(shapes[0]), best.x[63:].reshape(shapes[1])
    np.testing.assert_allclose(W @ C.T, embeddings.pmi(counts, power=power) - np.log(k), atol=1e-4)
    floor = embeddings.sgns_floor(counts, k, power=power).item()
    assert best.fun == pytest.approx(floor, abs=1e-9)
    for other in (0.5 * rng.normal(size=112), best.x + 0.1):
        assert loss(other)[0] > floor


def test_the_floor_with_an_empty_cell_is_approached_and_not_reached():
    counts = np.array([[4.0, 0.0], [1.0, 3.0]])
    P, N = embeddings.sgns_table(counts, 2)
    floor = embeddings.sgns_floor(counts, 2).item()
    gaps = []
    for s in (5.0, 10.0, 20.0):
        scores = torch.log(P / N).clamp(min=-s)
        gaps.append(embeddings.table_loss(P, N, scores).item() - floor)
    assert gaps[0] > gaps[1] > gaps[2] > 0 and gaps[2] < 1e-8


def test_balanced_vectors_depend_on_the_scores_alone(rng):
    W, C = factors(rng)
    M = torch.tensor(rng.normal(size=(3, 3)))
    ours = embeddings.balanced(W, C)
    other = embeddings.balanced(W @ M, C @ torch.linalg.inv(M).T)
    torch.testing.assert_close(ours @ ours.T, other @ other.T)  # up to a sign per column
    whole = embeddings.balanced(W, C, power=1.0)
    torch.testing.assert_close(whole @ whole.T, (W @ C.T) @ (W @ C.T).T)


# Asking


@pytest.mark.parametrize("kind", [SkipGram, CBOW])
def test_words_start_small_on_both_sides_of_zero(kind):
    model = kind(400, 5)
    assert model.W.abs().max() <= 0.5 / 5 and (model.C == 0).all()
    assert -0.05 < model.W.min() * 5 + 0.5 < 0.05 and -0.05 < model.W.max() * 5 - 0.5 < 0.05


def test_every_context_counts_in_the_mean_and_empty_places_do_not(rng):
    model = CBOW(6, 3)
    contexts = [[0, 1, 5, -1], [-1, 0, -1, -1], [1, 1, 2, 0]]
    expected = [model.W[[c for c in row if c >= 0]].mean(0) for row in contexts]
    torch.testing.assert_close(model.mean_of(contexts), torch.stack(expected))


def test_the_royal_family_is_a_distribution():
    shares = embeddings.royal_family(3, interaction=0.7, rng=4)
    assert shares.shape == (4, 9) and shares.min() > 0
    np.testing.assert_allclose(shares.sum(), 1)


def test_nearest_goes_by_the_angle():
    vectors = [[1.0, 0], [100, 30], [0.1, 0.01], [0, 1], [-1, 0]]
    assert embeddings.nearest(vectors, 0, 3).tolist() == [2, 1, 3]


def test_analogies_hold_exactly_where_traces_are_separate():
    for seed in range(5):
        pmi = embeddings.pmi(embeddings.royal_family(rng=seed))
        np.testing.assert_allclose(pmi[2] - pmi[0], pmi[3] - pmi[1], atol=1e-12)
        mixed = embeddings.pmi(embeddings.royal_family(rng=seed, interaction=1.0))
        assert np.abs(mixed[2] - mixed[0] - mixed[3] + mixed[1]).max() > 0.1


def test_analogy_by_hand_and_ranks(rng):
    vectors = rng.normal(size=(12, 4))
    a, b, c, d = (v / np.linalg.norm(v) for v in vectors[[1, 2, 3, 7]])
    goal = b - a + c
    assert embeddings.analogy(vectors, 1, 2, 3)[7] == pytest.approx(goal @ d / np.linalg.norm(goal))
    assert embeddings.analogy(vectors, [1, 4], [2, 5], [3, 6]).shape == (2, 12)
    pairs = np.array([[0, 1], [2, 3], [4, 5]])
    ranks = embeddings.analogy_ranks(vectors, pairs, exclude=False)
    question = embeddings.analogy(vectors, 0, 1, 2)
    assert ranks[0] == 1 + np.sum(question > question[3])
    assert (embeddings.analogy_ranks(vectors, pairs) <= ranks).all() and len(ranks) == 6
    step = rng.normal(size=4)
    exact = np.vstack([vectors[:3], vectors[:3] + step])[[0, 3, 1, 4, 2, 5]]
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)
    assert np.linalg.norm(exact[1] - exact[0]) > 0


# Documents


def document_model(mode, seed=3):
    noise = np.arange(1.0, 9)
    return randomised(DocumentVectors(4, 8, 3, mode=mode, window=2, n_negative=3, noise=noise), seed)


@pytest.mark.parametrize("mode", ["dbow", "dm"])
def test_inference_is_the_one_minimum_of_a_convex_function(mode):
    model, tokens = document_model(mode), [1, 5, 5, 2, 7]
    best = model.infer(tokens)
    free = best.clone().requires_grad_()
    gradient = torch.autograd.grad(model.document_loss(free, tokens), free)[0]
    assert gradient.abs().max() < 1e-9
    rng = torch.Generator().manual_seed(0)
    for _ in range(20):
        other = best + torch.randn(3, generator=rng, dtype=torch.float64)
        H = torch.autograd.functional.hessian(lambda d: model.document_loss(d, tokens), other)
        assert torch.linalg.eigvalsh(H).min() > 1e-4
        assert model.document_loss(other, tokens) > model.document_loss(best, tokens)


def test_inference_asks_every_entry_of_the_gradient():
    model, tokens = document_model("dbow"), [1, 5, 5, 2, 7]
    with torch.no_grad():
        model.A[:, 1] = 0  # no word looks at this entry, so its gradient is 0 from the start
    best = model.infer(tokens).requires_grad_()
    gradient = torch.autograd.grad(model.document_loss(best, tokens), best)[0]
    assert gradient.abs().max() < 1e-9 < best.abs().max() and best[1] == 0


@pytest.mark.parametrize("mode", ["dbow", "dm"])
def test_document_loss_is_the_mean_of_the_sampled_loss(mode):
    model, tokens = document_model(mode), torch.tensor([1, 5, 5, 2, 7])
    documents = torch.full((5,), 2)
    contexts = embeddings.preceding(tokens, 2) if mode == "dm" else None
    g = torch.Generator().manual_seed(1)
    draws = torch.stack([model.loss(documents, tokens, contexts, rng=g).detach() for _ in range(4000)])
    exact = model.document_loss(model.D[2].detach(), tokens, ridge=0)
    assert abs(draws.mean() - exact) < 4 * draws.std() / 4000**0.5


def test_a_bag_has_no_order_and_memory_has():
    john_likes_mary, mary_likes_john = [0, 1, 2], [2, 1, 0]
    dbow, dm = document_model("dbow"), document_model("dm")
    assert torch.equal(dbow.infer(john_likes_mary), dbow.infer(mary_likes_john))
    assert (dm.infer(john_likes_mary) - dm.infer(mary_likes_john)).abs().max() > 0.1


def test_dbow_is_negative_sampling_on_documents_by_words(rng):
    counts = rng.integers(1, 6, (4, 8)).astype(float)
    model = document_model("dbow")
    model.noise = torch.tensor(counts.sum(0) / counts.sum())
    each = [
        model.document_loss(model.D[i].detach(), np.repeat(np.arange(8), counts[i].astype(int)), ridge=0)
        for i in range(4)
    ]
    shares = torch.tensor(counts.sum(1) / counts.sum())
    whole = embeddings.sgns_loss(counts, model.D.detach(), model.A.detach(), 3)
    torch.testing.assert_close(shares @ torch.stack(each), whole)


# The recipe


def test_the_recipe_lowers_the_loss_and_meets_its_floor_from_above(rng):
    counts = rng.gamma(0.5, size=(30, 30)) * 9
    settings = recipe.SETTINGS | {"n_steps": 5}
    first = embeddings.sgns_loss(counts, *recipe.table_vectors(counts, 4, **settings), 5, power=0.75)
    W, C = recipe.table_vectors(counts, 4, **recipe.SETTINGS)
    last = embeddings.sgns_loss(counts, W, C, 5, power=0.75)
    assert embeddings.sgns_floor(counts, 5, power=0.75) < last < first


def test_names_are_found_by_their_capitals():
    texts = ["When Emma saw Mr. Elton, she smiled at Emma.", "She saw Emma, and I saw the day."] * 3
    assert recipe.names(texts) == {"emma", "mr"} | {"elton"} or recipe.names(texts) >= {"emma", "mr"}
    assert not recipe.names(texts) & {"she", "day", "i", "saw"}


def test_questions_are_words_of_the_novels():
    vocabulary, _ = recipe.novels()
    words, groups = embeddings.grouped_words(vocabulary)
    assert len(words) == sum(len(line.split()) for line in GROUPS.values()) == len(set(words.tolist()))
    assert groups.max() == len(GROUPS) - 1
    pairs = embeddings.analogy_pairs(vocabulary)
    assert {kind: len(p) for kind, p in pairs.items()} == {k: len(t.split("|")) for k, t in KINDS.items()}


# Bad input


def bad_calls():
    vocabulary, model = Vocabulary(["to be or not"]), document_model("dbow")
    return [
        (lambda: vocabulary.ids("to see"), "not in the vocabulary of 4 words: 'see'"),
        (lambda: vocabulary.ids(""), "the text is empty"),
        (lambda: Vocabulary(["one"], min_count=2), "no word that occurs 2 times"),
        (lambda: embeddings.cooccurrence([], window=2), "the text is empty"),
        (lambda: embeddings.cooccurrence([-1, -1], window=2), "the text is empty"),
        (lambda: embeddings.cooccurrence(["to", "be"], window=2), "encode words with a Vocabulary"),
        (lambda: embeddings.cooccurrence([0, 5], window=2, n_words=3), "word 5, but n_words is 3"),
        (lambda: embeddings.cooccurrence([0, 1], window=0), "window must be at least 1"),
        (lambda: embeddings.pmi([[1, 0], [1, 0]]), "row or column 1 of counts is empty"),
        (lambda: embeddings.ppmi([[1.0, np.nan]]), "without NaN"),
        (lambda: SkipGram(5, 2).loss([7], [1]), "words must be class numbers in 0..4"),
        (lambda: CBOW(5, 2).loss([1], [[-1, -1]]), "at least one per example"),
        (lambda: SkipGram(5, 2, noise=[1, 2]), r"noise must have shape \(5,\)"),
        (lambda: model.infer([]), "the text is empty"),
        (lambda: model.infer([8]), "tokens must be class numbers in 0..7"),
        (lambda: DocumentVectors(1, 5, 2, mode="bow"), "unknown mode 'bow'"),
        (lambda: document_model("dm").loss([0], [1]), "needs contexts"),
        (lambda: embeddings.nearest([[np.nan, 1]], 0), "vectors must be finite"),
        (lambda: embeddings.sgns_loss([[1.0]], torch.ones(1, 1), torch.ones(1, 1), 0), "k must be positive"),
    ]


@pytest.mark.parametrize("number", range(19))
def test_bad_input_gets_one_sentence(number):
    call, sentence = bad_calls()[number]
    with pytest.raises(ValueError, match=sentence) as raised:
        call()
    assert "\n" not in str(raised.value)
