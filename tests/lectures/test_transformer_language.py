"""Topic worlds against enumeration; n-grams, byte pairs and BERT against loops and theorems."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from coursekit.data import HIDDEN, TopicWorld, topic_world
from coursekit.transformer import BERT, BytePairs, KneserNey, TextClassifier, merge, recipe

DOUBLE = {"dtype": torch.float64}


def generator(seed):
    return torch.Generator().manual_seed(seed)


def small_world(seed=3):
    """3 words, 2 topics, 2 classes: 27 documents of 3 words; topics are not equally likely."""
    world = topic_world(n_words=3, n_topics=2, n_classes=2, word_concentration=1.0, seed=seed)
    return TopicWorld(np.array([0.3, 0.7]), world.transition, world.words)


def joint_by_hand(world, length, cut=None):
    """p(document) of all documents by a sum over every topic, class path and, at a cut, over both stories."""
    documents = list(itertools.product(range(world.n_words), repeat=length))

    def part(words):
        total = 0.0
        for k, p in enumerate(world.topics):
            for path in itertools.product(range(len(world.classes)), repeat=len(words)):
                q = p * world.classes[path[0]]
                for a, b in itertools.pairwise(path):
                    q *= world.transition[a, b]
                for c, w in zip(path, words, strict=True):
                    q *= world.words[k, c, w]
                total += q
        return total

    if cut is None:
        return np.array(documents), np.array([part(d) for d in documents])
    p = [(part(d) + part(d[:cut]) * part(d[cut:])) / 2 for d in documents]
    return np.array(documents), np.array(p)


# The world


def test_the_classes_are_stationary():
    world = topic_world(n_words=9, n_topics=2, n_classes=5, seed=4)
    np.testing.assert_allclose(world.classes @ world.transition, world.classes, atol=1e-12)
    assert world.classes.sum() == pytest.approx(1)


def test_log_prob_is_the_sum_over_all_hidden_paths():
    world = small_world()
    documents, p = joint_by_hand(world, 3)
    assert p.sum() == pytest.approx(1)
    np.testing.assert_allclose(np.exp(world.log_prob(documents).sum(1)), p, rtol=1e-10)
    after = world.next_word(documents[:, :2])
    np.testing.assert_allclose(np.log(after[range(27), documents[:, 2]]), world.log_prob(documents)[:, 2])


@pytest.mark.parametrize("cut", [None, 1, 2])
def test_hidden_words_are_bayes_rule_over_all_documents(cut):
    world = small_world()
    documents, p = joint_by_hand(world, 3, cut)
    for shown in ([0, HIDDEN, 2], [HIDDEN, 1, HIDDEN], [2, 2, 0]):
        result = world.hidden_words(np.array([shown]), cut=cut)[0]
        for i in range(3):
            others = [j for j in range(3) if j != i and shown[j] != HIDDEN]
            fits = np.all(documents[:, others] == np.array(shown)[others], axis=1)
            expected = [p[fits & (documents[:, i] == w)].sum() / p[fits].sum() for w in range(3)]
            np.testing.assert_allclose(result[i], expected, atol=1e-12)


def test_continues_and_topic_are_bayes_rule():
    world = small_world()
    documents, p = joint_by_hand(world, 3)
    apart = 2 * joint_by_hand(world, 3, cut=2)[1] - p
    np.testing.assert_allclose(world.continues(documents, cut=2), p / (p + apart), atol=1e-12)
    one = TopicWorld(np.array([1.0, 0.0]), world.transition, world.words)
    first = 0.3 * joint_by_hand(one, 3)[1]
    np.testing.assert_allclose(world.topic_posterior(documents)[:, 0], first / p, atol=1e-12)


def test_samples_have_the_probabilities_of_the_world():
    world = small_world()
    documents, p = joint_by_hand(world, 3)
    drawn, topics = world.sample(40_000, 3, rng=0)
    counts = np.bincount(drawn @ [9, 3, 1], minlength=27) / 40_000
    assert (np.abs(counts - p) < 5 * np.sqrt(p / 40_000)).all()
    assert abs(topics.mean() - 0.7) < 0.02
    pairs, goes_on, _ = world.sample_pairs(40_000, 1, rng=1)
    _, p = joint_by_hand(world, 2, cut=1)
    counts = np.bincount(pairs @ [3, 1], minlength=9) / 40_000
    assert (np.abs(counts - p) < 5 * np.sqrt(p / 40_000)).all()
    assert abs(goes_on.mean() - 0.5) < 0.02


def test_a_world_refuses_what_are_no_words():
    world = small_world()
    with pytest.raises(ValueError, match="whole numbers"):
        world.log_prob(np.zeros((1, 2)))
    with pytest.raises(ValueError, match="0..2"):
        world.log_prob(np.array([[3]]))


# N-grams


def kneser_ney_by_hand(documents, order, n_words, history, word):
    """The recursion of the docstring with dictionaries of tuples."""
    grams = Counter()
    for document in documents:
        padded = [n_words] * (order - 1) + list(document)
        for i in range(len(document)):
            grams[tuple(padded[i : i + order])] += 1
    levels = [grams]
    for _ in range(order - 1):
        levels.append(Counter(gram[1:] for gram in levels[-1]))

    def p(level, history):
        if level == order:
            return 1 / n_words
        table = levels[level]
        once, twice = (sum(count == j for count in table.values()) for j in (1, 2))
        discount = once / (once + 2 * twice) if once else 0.5
        following = {gram: count for gram, count in table.items() if gram[:-1] == history}
        total, lower = sum(following.values()), p(level + 1, history[1:])
        if not total:
            return lower
        count = table.get((*history, word), 0)
        return (max(count - discount, 0) + discount * len(following) * lower) / total

    return p(0, history)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_kneser_ney_is_its_recursion(order):
    rng = np.random.default_rng(0)
    documents, new = rng.integers(4, size=(5, 6)), rng.integers(4, size=(3, 5))
    log_p = KneserNey(order, n_words=4).fit(documents).log_prob(new)
    for i, j in np.ndindex(new.shape):
        history = ([4] * (order - 1) + list(new[i]))[j : j + order - 1]
        by_hand = kneser_ney_by_hand(documents.tolist(), order, 4, tuple(int(w) for w in history), new[i, j])
        assert log_p[i, j] == pytest.approx(math.log(by_hand), abs=1e-12)


@pytest.mark.parametrize("order", [1, 2, 4])
def test_next_words_add_up_to_one_after_histories_seen_or_not(order):
    model = KneserNey(order, n_words=5).fit([[0, 1, 2, 0, 1, 3, 0, 1, 2]])
    p = model.next_word([[0, 1, 2], [4, 4, 4], [0, 0, 1]])
    np.testing.assert_allclose(p.sum(1), 1, atol=1e-12)
    np.testing.assert_allclose(np.log(p[0, 3]), model.log_prob([[0, 1, 2, 3]])[0, 3], atol=1e-12)
    assert (p > 0).all()


def test_contexts_count_at_the_lower_order_and_not_occurrences():
    """Word 1 is frequent but follows word 0 alone; word 2 is rarer and follows many."""
    text = [[0, 1] * 9 + [3, 2, 4, 2, 5, 2, 0, 2]]
    p = KneserNey(2, n_words=7).fit(text).next_word([[6]])[0]
    assert p[2] > p[1]
    assert KneserNey(1, n_words=7).fit(text).next_word([[6]])[0].argmax() in (0, 1)


def test_codes_that_would_overflow_are_refused():
    with pytest.raises(ValueError, match="do not fit 64 bits"):
        KneserNey(6, n_words=2048)
    KneserNey(5, n_words=2048)


# Byte pairs


def test_the_first_merge_is_the_most_frequent_pair_and_the_text_comes_back():
    text = "the cat and the hat and that, then!\nthe end"
    pairs = BytePairs(40).fit(text)
    counts = Counter(a + b for a, b in itertools.pairwise(text))
    assert counts["".join(pairs.merges_[0])] == max(counts.values())
    assert pairs.decode(pairs.encode(text)) == text
    assert len(pairs.vocabulary_) <= 40
    assert set(text) <= set(pairs.vocabulary_)


def test_merges_are_those_of_counting_everything_anew():
    text = " ".join(np.random.default_rng(0).choice(["aab", "aba", "abab", "bb", "baab"], 60))
    words = [tuple(piece) for piece in text.replace(" ", "| ").split("|")]
    merges = []
    for _ in range(6):
        counts = Counter(pair for word in words for pair in itertools.pairwise(word))
        pair = min(pair for pair, count in counts.items() if count == max(counts.values()))
        merges.append(pair)
        words = [merge(word, pair) for word in words]
    pairs = BytePairs(3 + 6).fit(text)
    assert pairs.merges_ == merges
    assert [pairs.vocabulary_[i] for i in pairs.encode(text)] == [token for word in words for token in word]


def test_byte_pairs_refuse_what_they_cannot_write():
    pairs = BytePairs(10, alphabet="z").fit("abab")
    assert pairs.decode(pairs.encode("zab")) == "zab"
    for call, message in [
        (lambda: pairs.encode("abx"), "no token for 'x'"),
        (lambda: BytePairs(2).fit("abc"), "at least 3"),
        (lambda: BytePairs(9).fit(""), "empty"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()


# BERT


def small_bert(**options):
    settings = {"context": 9, "width": 12, "n_layers": 2, "n_heads": 3} | options
    model, rng = BERT(7, **settings).double(), generator(0)
    for parameter in model.parameters():
        parameter.data = 0.5 * (torch.randn(parameter.shape, generator=rng, **DOUBLE) + 0.1)
    return model


def pairs_of(n, seed=1):
    return [torch.randint(7, (n, 3), generator=generator(seed + i)) for i in range(2)]


def test_bert_looks_both_ways():
    model = small_bert().requires_grad_(False)
    tokens = model.pack(*pairs_of(1))
    vectors = model.words(tokens)[0].requires_grad_(True)
    model.words.forward = lambda _: vectors[None]
    features = model.features(tokens)[0]
    weight = torch.randn(12, generator=generator(5), **DOUBLE)
    for i in range(9):
        (gradient,) = torch.autograd.grad(features[i] @ weight, vectors, retain_graph=True)
        assert (gradient.abs().max(1).values > 1e-6).all()


def test_the_second_sentence_is_marked_from_the_token_after_the_first_separator():
    model = small_bert().requires_grad_(False)
    tokens = model.pack(*pairs_of(2))
    with_signs = model.words(tokens) + model.positions.weight + model.sentences.weight[[0] * 5 + [1] * 4]
    x = with_signs
    for block in model.blocks:
        x, _ = block(x)
    torch.testing.assert_close(model.features(tokens), model.norm(x), atol=1e-12, rtol=0)
    one_sentence = tokens.clone()
    one_sentence[:, 4] = 3
    assert not torch.allclose(model.features(one_sentence)[:, 5:], model.features(tokens)[:, 5:])


def test_masks_hide_words_and_never_signs():
    model = small_bert()
    tokens = model.pack(*pairs_of(3000))
    masked, chosen = model.mask_words(tokens, rng=generator(0))
    assert not chosen[:, [0, 4, 8]].any()
    assert abs(chosen[:, [1, 2, 3, 5, 6, 7]].double().mean() - 0.15) < 0.01
    assert torch.equal(masked == model.mask_token, chosen)
    assert torch.equal(masked[~chosen], tokens[~chosen])


def test_the_loss_is_a_mean_over_masked_words_plus_the_pair():
    model = small_bert()
    tokens, goes_on = model.pack(*pairs_of(20)), torch.arange(20) % 2
    loss = model.loss(tokens, goes_on, rng=generator(4))
    masked, chosen = model.mask_words(tokens, rng=generator(4))
    logits, total = model.logits(masked), 0.0
    places = chosen.nonzero()
    for i, j in places:
        total = total - logits[i, j].log_softmax(-1)[tokens[i, j]]
    p = torch.sigmoid(model.next_logit(masked))
    pair = -torch.where(goes_on == 1, p, 1 - p).log().mean()
    assert loss.item() == pytest.approx((total / len(places) + pair).item(), abs=1e-12)


def test_a_frozen_classifier_learns_its_head_alone():
    for frozen in (True, False):
        model = TextClassifier(small_bert(), 2, frozen=frozen).double()
        model.loss(model.bert.pack(pairs_of(4)[0]), torch.tensor([0, 1, 1, 0])).backward()
        assert model.head.weight.grad.abs().max() > 0
        assert (model.bert.blocks[0].attention.query.weight.grad is None) == frozen


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda m: m.pack([[7]]), "0..6"),
        (lambda m: m.features(torch.full((1, 10), 3)), "context of 9"),
        (lambda m: m.features(torch.full((1, 3), 10)), "0..9"),
        (lambda m: m.loss(m.pack(*pairs_of(2)), torch.tensor([0, 2])), "goes_on"),
    ],
)
def test_bad_input_is_a_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call(small_bert())


# What the recipe does around the models


def test_windows_give_each_token_half_a_context_and_count_it_once():
    torch.manual_seed(0)
    model = recipe.GPT(5, context=8, width=8, n_layers=1, n_heads=2).double()
    for t in (5, 8, 13, 24):
        tokens = torch.randint(5, (t,), generator=generator(t)).numpy()
        log_p = recipe.text_log_prob(model, tokens)
        assert log_p.shape == (t,)
        for i in range(t):
            start = 0 if i < 8 else 4 * (i // 4) - 4
            alone = model.log_prob(torch.tensor(tokens[None, start : i + 1]))[0, -1].item()
            assert log_p[i] == pytest.approx(alone, abs=1e-9)


def test_a_mixture_lies_between_and_bits_count_characters():
    p, q = np.log([0.5, 0.1]), np.log([0.25, 0.4])
    np.testing.assert_allclose(np.exp(recipe.mixed([p, q], 0.3)), [0.325, 0.31])
    assert recipe.bits_per_character(np.log([0.5, 0.25]), "abc") == pytest.approx(1.0)


def test_two_tasks_are_what_they_say():
    rng = np.random.default_rng(0)
    rows = recipe.two_tasks(200, told=True, rng=rng)
    copied = (rows[:, 1:4] == rows[:, 4:]).all(1)
    reversed_ = (rows[:, 3:0:-1] == rows[:, 4:]).all(1)
    assert (np.where(rows[:, 0] == 8, copied, reversed_)).all()
    assert (recipe.two_tasks(200, told=False, rng=rng)[:, 0] == 8).all()
    assert F.one_hot(torch.tensor(rows), 10).sum(2).eq(1).all()
