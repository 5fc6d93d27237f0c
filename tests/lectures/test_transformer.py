"""Attention, blocks and GPT: theorems in float64, with random parameters: no slip can hide in a zero."""

import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from coursekit.transformer import (
    GPT,
    Block,
    SelfAttention,
    attention,
    attention_weights,
    causal_mask,
)

DOUBLE = {"dtype": torch.float64}


def generator(seed):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=generator(seed), **DOUBLE)


def randomise(module, *, scale=0.5, seed=0):
    """The module in float64 with parameters scale * N(.1, 1)."""
    rng = generator(seed)
    for parameter in module.double().parameters():
        parameter.data = scale * (torch.randn(parameter.shape, generator=rng, **DOUBLE) + 0.1)
    return module.requires_grad_(False)


def tokens_of(n, t, n_words, seed=1):
    return torch.randint(n_words, (n, t), generator=generator(seed))


def small_gpt(n_words=7, context=6, **options):
    settings = {"width": 12, "n_layers": 2, "n_heads": 3} | options
    return randomise(GPT(n_words, context=context, **settings))


# Attention


def test_attention_is_a_weighted_mean_written_as_loops():
    q, k, v = normal(3, 4, seed=1), normal(5, 4, seed=2), normal(5, 2, seed=3)
    for i in range(3):
        scores = [math.exp(sum(q[i, c] * k[j, c] for c in range(4)) / 2) for j in range(5)]
        mean = sum(score * v[j] for j, score in enumerate(scores)) / sum(scores)
        torch.testing.assert_close(attention(q, k, v)[i], mean, atol=1e-12, rtol=0)


@pytest.mark.parametrize("masked", [False, True])
def test_attention_is_pytorchs(masked):
    q, k, v = normal(2, 3, 5, 4, seed=1), normal(2, 3, 7, 4, seed=2), normal(2, 3, 7, 6, seed=3)
    mask = causal_mask(5, 7) if masked else None
    theirs = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    torch.testing.assert_close(attention(q, k, v, mask=mask), theirs, atol=1e-14, rtol=0)


def test_a_masked_key_has_weight_zero_however_well_it_matches():
    q, k = torch.full((1, 4), 1e3, **DOUBLE), torch.tensor([[-1e3] * 4, [1e3] * 4], **DOUBLE)
    weights = attention_weights(q, k, mask=torch.tensor([[True, False]]))
    assert weights.tolist() == [[1.0, 0.0]]


def test_heads_are_pytorchs_multihead_attention():
    ours = randomise(SelfAttention(12, 3))
    theirs = nn.MultiheadAttention(12, 3, bias=False, batch_first=True).double()
    inward = torch.cat([ours.query.weight, ours.key.weight, ours.value.weight])
    theirs.load_state_dict({"in_proj_weight": inward, "out_proj.weight": ours.join.weight})
    x = normal(2, 5, 12)
    mask = causal_mask(5)
    output, weights = theirs(x, x, x, attn_mask=~mask, average_attn_weights=False)
    torch.testing.assert_close(ours(x, mask=mask)[0], output, atol=1e-12, rtol=0)
    torch.testing.assert_close(ours.weights(x, mask=mask), weights, atol=1e-12, rtol=0)


def test_without_positions_a_block_is_permutation_equivariant():
    block, x, order = randomise(Block(12, 3)), normal(2, 6, 12), torch.tensor([3, 0, 5, 1, 4, 2])
    torch.testing.assert_close(block(x[:, order])[0], block(x)[0][:, order], atol=1e-12, rtol=0)
    assert not torch.allclose(block(x)[0], block(x)[0][:, order])


@pytest.mark.parametrize("n_queries, n_keys", [(4, 4), (2, 5), (1, 3)])
def test_the_causal_mask_entry_by_entry(n_queries, n_keys):
    mask = causal_mask(n_queries, n_keys)
    for i, j in itertools.product(range(n_queries), range(n_keys)):
        assert mask[i, j] == (j <= i + n_keys - n_queries)


# GPT


def test_features_depend_on_the_past_and_on_nothing_else():
    """The gradient of row i in the vector of token s: exactly zero for s >= i, and not for s < i."""
    model = small_gpt()
    tokens = tokens_of(1, 6, 7)
    vectors = model.words(tokens)[0].requires_grad_(True)
    model.words.forward = lambda _: vectors[None]
    features = model.features(tokens)[0]  # (7, width)
    weight = normal(12, seed=5)
    for i in range(7):
        (gradient,) = torch.autograd.grad(features[i] @ weight, vectors, retain_graph=True)
        sizes = gradient.abs().max(1).values
        assert (sizes[i:] == 0).all()
        assert (sizes[:i] > 1e-6).all()


def test_probabilities_of_all_strings_add_up_to_one():
    model = small_gpt(n_words=3, context=4)
    strings = torch.tensor(list(itertools.product(range(3), repeat=4)))
    total = model.log_prob(strings).sum(1).exp().sum().item()
    assert total == pytest.approx(1, abs=1e-12)


def test_log_prob_logits_and_loss_agree_and_past_rows_stay():
    model, tokens = small_gpt(), tokens_of(5, 6, 7)
    logits = model.logits(tokens)
    assert logits.shape == (5, 7, 7)
    by_hand = -F.cross_entropy(logits[:, :-1].flatten(0, 1), tokens.flatten(), reduction="none").view(5, 6)
    torch.testing.assert_close(model.log_prob(tokens), by_hand, atol=1e-12, rtol=0)
    assert model.loss(tokens).item() == pytest.approx(-by_hand.mean().item(), abs=1e-12)
    torch.testing.assert_close(model.logits(tokens[:, :3]), logits[:, :4], atol=1e-12, rtol=0)


def test_the_gradient_of_cross_entropy_is_p_minus_y():
    model, tokens = small_gpt(), tokens_of(1, 4, 7)
    logits = model.logits(tokens)[0, :-1].requires_grad_(True)
    (gradient,) = torch.autograd.grad(F.cross_entropy(logits, tokens[0], reduction="sum"), logits)
    torch.testing.assert_close(gradient, logits.softmax(-1) - F.one_hot(tokens[0], 7), atol=1e-14, rtol=0)


def test_cached_features_are_those_of_a_whole_pass():
    model, tokens = small_gpt(), tokens_of(3, 6, 7)
    whole = model.features(tokens)
    first, past = model._stream(tokens[:, :2])
    rest, past = model._stream(tokens[:, 2:5], past)
    last, _ = model._stream(tokens[:, 5:], past)
    torch.testing.assert_close(torch.cat([first, rest, last], 1), whole, atol=1e-12, rtol=0)


@pytest.mark.parametrize("length", [0, 1, 5, 6, 15])
def test_generate_with_and_without_cache_writes_the_same_beyond_the_context_too(length):
    model, prompt = small_gpt(), tokens_of(4, length, 7)
    texts = [model.generate(prompt, 20, cache=cache, rng=generator(3)) for cache in (True, False)]
    assert texts[0].shape == (4, length + 20)
    assert torch.equal(*texts)
    assert torch.equal(texts[0][:, :length], prompt)


def test_generate_draws_from_the_model_at_each_temperature():
    model = small_gpt(n_words=3, context=3)
    prompt = torch.tensor([[1]])
    strings = torch.tensor([[1, a, b] for a in range(3) for b in range(3)])
    for temperature in (0.5, 1.0, 2.0):
        steps = (model.logits(strings)[:, 1:3] / temperature).log_softmax(-1)
        exact = steps.gather(-1, strings[:, 1:, None])[..., 0].sum(1).exp()
        drawn = model.generate(prompt.repeat(20_000, 1), 2, temperature=temperature, rng=generator(0))
        counts = torch.bincount(3 * drawn[:, 1] + drawn[:, 2], minlength=9) / 20_000
        error = (exact * (1 - exact) / 20_000).sqrt()
        assert ((counts - exact).abs() < 5 * error).all()
    greedy = model.generate(prompt, 2, temperature=0)
    for i in (1, 2):
        assert greedy[0, i] == model.logits(greedy[:, :i])[0, -1].argmax()


def test_attention_weights_of_a_gpt_are_causal_and_those_of_its_first_block():
    model, tokens = small_gpt(), tokens_of(2, 5, 7)
    weights = model.attention_weights(tokens)
    assert [w.shape for w in weights] == [(2, 3, 6, 6)] * 2
    for w in weights:
        torch.testing.assert_close(w.sum(-1), torch.ones(2, 3, 6, **DOUBLE), atol=1e-12, rtol=0)
        assert (w.triu(1) == 0).all() and (w.tril() > 0).sum() == 2 * 3 * 21
    x = torch.cat([torch.zeros(2, 1, 12, **DOUBLE), model.words(tokens)], 1) + model.positions.weight[:6]
    x = model.blocks[0].attention_norm(x)
    q, k = (
        (x @ layer.weight.T).view(2, 6, 3, 4).transpose(1, 2)
        for layer in (model.blocks[0].attention.query, model.blocks[0].attention.key)
    )
    torch.testing.assert_close(weights[0], attention_weights(q, k, mask=causal_mask(6)), atol=1e-12, rtol=0)


def test_a_new_model_knows_nothing_and_has_no_zero_projection():
    torch.manual_seed(0)
    model = GPT(50, context=8, width=32, n_layers=2, n_heads=4)
    assert model.loss(tokens_of(16, 8, 50)).item() == pytest.approx(math.log(50), abs=0.02)
    assert all(p.abs().max() > 0 for name, p in model.named_parameters() if "bias" not in name)


def test_it_learns_to_copy():
    from coursekit.training import fit

    torch.manual_seed(0)
    half = tokens_of(512, 4, 8)
    model = GPT(8, context=8, width=32, n_layers=2, n_heads=2).float()
    fit(model, torch.cat([half, half], 1), n_steps=400, batch_size=64, learning_rate=5e-3, optimizer="muon")
    new = tokens_of(100, 4, 8, seed=9)
    loss = -model.log_prob(torch.cat([new, new], 1)).detach()
    assert loss[:, 4:].mean() < 0.1
    assert loss[:, :4].mean() > math.log(8) - 0.1  # the first half is noise: nothing can be learned of it


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda m: m.log_prob(torch.full((1, 3), 7)), "0..6, the vocabulary, got 7 to 7"),
        (lambda m: m.log_prob(torch.zeros(1, 9)), "beyond the context of 6"),
        (lambda m: m.log_prob(torch.zeros(1, 0)), "empty"),
        (lambda m: m.log_prob(torch.zeros(3)), "shape"),
        (lambda m: m.features(torch.full((1, 3), 0.5)), "whole numbers"),
        (lambda m: m.generate(torch.zeros(1, 2), 3, temperature=-1), "temperature"),
        (lambda m: m.generate(torch.zeros(1, 2), 0), "n must be"),
        (lambda m: GPT(5, context=4, width=10, n_layers=1, n_heads=3), "multiple of n_heads"),
        (lambda m: attention(normal(2, 3), normal(2, 4), normal(2, 3)), "one width"),
        (lambda m: attention(*[normal(2, 3)] * 3, mask=torch.ones(2, 2)), "must be bool"),
        (lambda m: attention(*[normal(2, 3)] * 3, mask=torch.eye(2).bool() & False), "without any key"),
    ],
)
def test_bad_input_is_a_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call(small_gpt())
