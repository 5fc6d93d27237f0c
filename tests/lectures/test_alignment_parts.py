"""Chains to be read, LoRA, retrieval and experts: theorems in float64, with random parameters."""

import copy
import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn

from coursekit.alignment import (
    LoRA,
    MixtureOfExperts,
    load_balance,
    merged,
    mixed_answer,
    recipe,
    retrieve,
    with_lora,
)
from coursekit.data import markov_chains
from coursekit.transformer import GPT

DOUBLE = {"dtype": torch.float64}


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


def randomise(module, *, scale=0.5, seed=0):
    rng = torch.Generator().manual_seed(seed)
    for parameter in module.double().parameters():
        parameter.data = scale * (torch.randn(parameter.shape, generator=rng, **DOUBLE) + 0.1)
    return module


# Chains


@pytest.mark.parametrize("concentration", [0.5, 1.0, 3.0])
def test_the_sequences_of_chains_have_probability_one_together(concentration):
    chains = markov_chains(n_states=3, concentration=concentration)
    texts = np.array(list(itertools.product(range(3), repeat=5)))
    assert np.exp(chains.log_prob(texts).sum(1)).sum() == pytest.approx(1, abs=1e-12)


def test_the_probability_of_a_sequence_is_a_product_of_beta_functions():
    """The matrix integrated out row by row: Gamma functions of the counts."""
    chains, a, k = markov_chains(n_states=3, concentration=0.7), 0.7, 3
    tokens = np.random.default_rng(0).integers(3, size=(4, 9))
    counts = chains.counts(tokens)
    for row, table in zip(tokens, counts, strict=True):
        total = -math.log(k)
        for n in table:
            total += math.lgamma(k * a) - math.lgamma(k * a + n.sum())
            total += sum(math.lgamma(a + each) - math.lgamma(a) for each in n)
        assert chains.log_prob(row[None]).sum() == pytest.approx(total, abs=1e-12)


def test_next_state_and_sequence_agree_place_by_place():
    chains = markov_chains(n_states=4)
    tokens, _ = chains.sample(3, 7, rng=0)
    for i in range(7):
        p = chains.next_word(tokens[:, :i])
        assert p.sum(1) == pytest.approx(np.ones(3))
        np.testing.assert_allclose(np.log(p[np.arange(3), tokens[:, i]]), chains.log_prob(tokens)[:, i])


def test_what_was_seen_elsewhere_counts_as_seen():
    chains = markov_chains(n_states=3)
    document, question = (np.random.default_rng(i).integers(3, size=(1, 8)) for i in (0, 1))
    known = chains.log_prob(question, before=chains.counts(document))
    total = chains.counts(document)[0] + 1
    for i in range(1, 8):
        row = total[question[0, i - 1]]
        assert known[0, i] == pytest.approx(np.log(row[question[0, i]] / row.sum()))
        total[question[0, i - 1], question[0, i]] += 1


def test_chains_follow_their_matrices_and_have_their_entropy():
    chains = markov_chains(n_states=3, concentration=0.5)
    _, matrices = chains.sample(2, 2, rng=3)
    long = chains.follow(matrices, 20_000, rng=4)
    seen = chains.counts(long)
    np.testing.assert_allclose(seen / seen.sum(2, keepdims=True), matrices, atol=0.05)
    logs = np.log(matrices[np.arange(2)[:, None], long[:, :-1], long[:, 1:]])
    np.testing.assert_allclose(chains.entropy_rate(matrices), -logs.mean(1), atol=0.02)


def test_states_outside_the_chains_are_refused():
    chains = markov_chains(n_states=3)
    with pytest.raises(ValueError, match=r"states must lie in 0..2"):
        chains.log_prob(np.array([[0, 3]]))
    with pytest.raises(ValueError, match="whole numbers"):
        chains.log_prob(np.zeros((1, 3)))
    with pytest.raises(ValueError, match="n_states must be at least 2"):
        markov_chains(n_states=1)


# LoRA


def test_lora_starts_as_the_layer_and_merges_into_what_it_became():
    linear = randomise(nn.Linear(6, 4))
    x = normal(5, 6)
    layer = LoRA(copy.deepcopy(linear), 2)
    torch.testing.assert_close(layer(x), linear(x), atol=0, rtol=0)
    layer.outward.data = normal(4, 2, seed=1)
    torch.testing.assert_close(layer.merge()(x), layer(x), atol=1e-13, rtol=0)
    assert not torch.allclose(layer(x), linear(x))
    assert torch.linalg.matrix_rank(layer.merge().weight - linear.weight) == 2
    by_hand = x @ linear.weight.T + linear.bias + (x @ layer.inward.T) @ layer.outward.T
    torch.testing.assert_close(layer(x), by_hand, atol=1e-13, rtol=0)


def test_only_the_thin_matrices_learn():
    layer = LoRA(randomise(nn.Linear(6, 4)), 3)
    assert {name for name, p in layer.named_parameters() if p.requires_grad} == {"inward", "outward"}
    assert sum(p.numel() for p in layer.parameters() if p.requires_grad) == 3 * (6 + 4)
    layer(normal(5, 6)).pow(2).sum().backward()
    assert layer.outward.grad.abs().max() > 0 and layer.linear.weight.grad is None


def test_a_gpt_with_lora_is_the_gpt_until_it_learns_and_merges_afterwards():
    gpt = randomise(GPT(5, context=6, width=12, n_layers=2, n_heads=3)).requires_grad_(False)
    tokens = torch.randint(5, (4, 6), generator=torch.Generator().manual_seed(1))
    before = gpt.logits(tokens)
    model = with_lora(gpt, 2)
    torch.testing.assert_close(model.logits(tokens), before, atol=0, rtol=0)
    loras = [layer for layer in model.modules() if isinstance(layer, LoRA)]
    assert len(loras) == 12  # query, key, value, join, and two of the perceptron, in each block
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert trainable == 2 * 2 * (4 * (12 + 12) + 2 * (12 + 48))
    for i, layer in enumerate(loras):
        layer.outward.data = normal(*layer.outward.shape, seed=i)
    after = model.logits(tokens)
    assert (after - before).abs().max() > 0.1
    torch.testing.assert_close(merged(model).logits(tokens), after, atol=1e-11, rtol=0)
    assert not any(isinstance(layer, LoRA) for layer in merged(model).modules())
    torch.testing.assert_close(gpt.logits(tokens), before, atol=0, rtol=0)


def test_what_cannot_have_a_lora_is_refused():
    with pytest.raises(ValueError, match="beside a linear layer, got Embedding"):
        LoRA(nn.Embedding(3, 4), 1)
    with pytest.raises(ValueError, match="rank must be at most 3, got 4"):
        LoRA(nn.Linear(3, 7), 4)
    with pytest.raises(ValueError, match="no linear layer within 'nowhere'"):
        with_lora(nn.Linear(3, 3), 1, within="nowhere")


# Retrieval


def test_retrieval_is_a_sort_of_all_scores():
    query, documents = normal(5, 4, seed=1), normal(30, 4, seed=2)
    numbers, scores = retrieve(query, documents, 7)
    every = (query[:, None] * documents).sum(2)
    for i in range(5):
        order = sorted(range(30), key=lambda j, i=i: -every[i, j].item())[:7]
        assert numbers[i].tolist() == order
        torch.testing.assert_close(scores[i], every[i, order], atol=1e-13, rtol=0)


def test_counts_and_log_probabilities_retrieve_by_likelihood():
    chains = markov_chains(n_states=3)
    _, matrices = chains.sample(20, 2, rng=0)
    questions = chains.follow(matrices[:6], 30, rng=1)
    numbers, scores = retrieve(chains.counts(questions).reshape(6, 9), np.log(matrices).reshape(20, 9), 20)
    for i, question in enumerate(questions):
        likelihood = np.log(matrices[:, question[:-1], question[1:]]).sum(1)
        np.testing.assert_allclose(scores[i], likelihood[numbers[i]], atol=1e-10)


def test_answers_mix_by_total_probability():
    log_weight, log_answer = normal(4, 6, seed=1) * 3, -(normal(4, 6, seed=2) ** 2)
    weight = log_weight.exp() / log_weight.exp().sum(1, keepdim=True)
    expected = (weight * log_answer.exp()).sum(1).log()
    torch.testing.assert_close(mixed_answer(log_weight, log_answer), expected, atol=1e-13, rtol=0)


def test_a_document_without_weight_counts_nothing():
    log_weight, log_answer = normal(4, 6, seed=1), -(normal(4, 6, seed=2) ** 2)
    without = mixed_answer(log_weight[:, 1:], log_answer[:, 1:])
    log_weight[:, 0] = -math.inf
    torch.testing.assert_close(mixed_answer(log_weight, log_answer), without, atol=1e-13, rtol=0)
    whole = torch.tensor([[0, 1, 0]])  # weights are given up to a constant: whole numbers will do
    torch.testing.assert_close(mixed_answer(whole, -whole), mixed_answer(whole.double(), -whole.double()))


def test_answers_that_belong_to_other_documents_are_refused():
    for weights, answers in (((3, 1), (3, 5)), ((3,), (3,)), ((2, 3), (3, 2))):
        with pytest.raises(ValueError, match=r"log_weight and log_answer must both be \(n, k\)"):
            mixed_answer(torch.zeros(weights), torch.full(answers, -1.0))
    with pytest.raises(ValueError, match="log_answer holds 6 values that are NaN"):
        mixed_answer(normal(2, 3), normal(2, 3) * math.nan)
    with pytest.raises(ValueError, match=r"log_weight holds 6 values that are NaN or \+infinity"):
        mixed_answer(torch.full((2, 3), math.inf), normal(2, 3))
    with pytest.raises(ValueError, match="a row of -inf"):
        mixed_answer(torch.full((2, 3), -math.inf), normal(2, 3))


def test_what_cannot_be_searched_is_refused():
    with pytest.raises(ValueError, match="k must be at most 3, got 4"):
        retrieve(normal(2, 4), normal(3, 4), 4)
    with pytest.raises(ValueError, match=r"query must have shape \(n, 4\), got \(2, 5\)"):
        retrieve(normal(2, 5), normal(3, 4), 1)
    with pytest.raises(ValueError, match="documents must be"):
        retrieve(normal(2, 5), normal(5), 1)
    with pytest.raises(ValueError, match="NaN"):
        retrieve(normal(2, 4) * math.nan, normal(3, 4), 1)


# Experts


def test_all_experts_together_are_the_weighted_sum():
    layer = randomise(MixtureOfExperts(4, 3, k=3, n_hidden=5))
    x = normal(7, 4)
    p = layer.router(x).softmax(-1)
    dense = sum(p[:, e, None] * layer.experts[e](x) for e in range(3))
    torch.testing.assert_close(layer(x), dense, atol=1e-12, rtol=0)


def test_one_expert_is_the_likeliest_and_the_others_get_no_gradient():
    layer = randomise(MixtureOfExperts(4, 3, k=1, n_hidden=5), seed=2)
    x = normal(1, 4)
    p, chosen = layer.route(x)
    best = p.argmax(1).item()
    assert chosen.tolist() == [[best]]
    torch.testing.assert_close(layer(x), p[:, best, None] * layer.experts[best](x), atol=1e-13, rtol=0)
    layer(x).sum().backward()
    for e, expert in enumerate(layer.experts):
        size = sum(0.0 if w.grad is None else w.grad.abs().sum().item() for w in expert.parameters())
        assert (size > 0) == (e == best)
    assert layer.router.weight.grad.abs().sum() > 0


def test_balance_is_one_for_an_even_load_and_n_experts_for_a_single_one():
    even = torch.full((6, 3), 1 / 3, **DOUBLE)
    assert load_balance(even, torch.tensor([[0], [1], [2]] * 2)).item() == pytest.approx(1)
    alone = torch.tensor([[1.0, 0.0, 0.0]] * 6, **DOUBLE)
    assert load_balance(alone, torch.zeros(6, 1, dtype=torch.int64)).item() == pytest.approx(3)
    p, chosen = normal(6, 3).softmax(1), torch.tensor([[0, 1], [0, 2], [0, 1], [0, 1], [2, 1], [0, 2]])
    by_hand = 3 * sum((chosen == e).double().mean() * p[:, e].mean() for e in range(3))
    assert load_balance(p, chosen).item() == pytest.approx(by_hand.item())


def test_experts_refuse_more_choices_than_there_are():
    with pytest.raises(ValueError, match="k must be at most 2, got 3"):
        MixtureOfExperts(4, 2, k=3)
    with pytest.raises(ValueError, match=r"x must have shape \(n, 4\), got \(2, 5\)"):
        MixtureOfExperts(4, 2)(torch.zeros(2, 5))


# The recipes' worlds


@pytest.mark.parametrize("per_step", [1, 2, 5, 10])
def test_walks_are_walked(per_step):
    rows = recipe.walks(50, per_step, rng=np.random.default_rng(0))
    assert rows.shape == (50, 11 + 10 // per_step)
    for row in rows:
        place, written = row[0], []
        for i, move in enumerate(row[1:11], 1):
            place = recipe.MOVES[move - 5][place]
            written += [place] * (i % per_step == 0)
        assert written == row[11:].tolist()


def test_the_moves_lead_everywhere_and_do_not_commute():
    """They generate all 120 permutations of five places, so that no count of moves tells the answer."""
    reached, frontier = {tuple(range(5))}, [tuple(range(5))]
    while frontier:
        here = frontier.pop()
        for move in recipe.MOVES:
            there = tuple(move[list(here)])
            if there not in reached:
                reached.add(there)
                frontier.append(there)
    assert len(reached) == 120


def test_taste_by_hand():
    texts = torch.tensor([[0, 1, 2, 3, 0], [0, 0, 0, 0, 0], [4, 3, 2, 1, 0], [1, 1, 2, 3, 4]])
    assert recipe.taste(texts).tolist() == [6.0, -5.0, 5.0, 2.0]


def test_the_answer_alone_is_trained_on():
    torch.manual_seed(0)
    gpt = randomise(GPT(8, context=21, width=8, n_layers=1, n_heads=2)).requires_grad_(False)
    rows = torch.tensor(recipe.walks(5, 5, rng=np.random.default_rng(1)))
    loss = recipe.Answering(gpt, 11).loss(rows)
    torch.testing.assert_close(loss, -gpt.log_prob(rows)[:, [11, 12]].mean())
