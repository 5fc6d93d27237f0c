"""Preferences and policies: theorems on spaces that can be listed, in float64, with random parameters."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn

from coursekit.alignment import (
    RewardModel,
    advantages,
    all_log_probs,
    all_texts,
    best_objective,
    best_of_n,
    bradley_terry_loss,
    dpo_loss,
    kl_estimates,
    objective,
    optimal_policy,
    ppo_loss,
)
from coursekit.transformer import GPT

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


def small_gpt(n_words=3, context=4, seed=0):
    return randomise(GPT(n_words, context=context, width=12, n_layers=2, n_heads=3), seed=seed)


@pytest.fixture
def world():
    """log reference, reward and a policy on 12 texts, all random."""
    log_reference, reward, log_policy = normal(12, seed=1), 2 * normal(12, seed=2), normal(12, seed=3)
    return log_reference.log_softmax(0), reward, log_policy.log_softmax(0)


# Bradley-Terry


def test_bradley_terry_is_the_likelihood_of_the_comparisons():
    better, worse = normal(7, seed=1), normal(7, seed=2)
    wins = better.exp() / (better.exp() + worse.exp())
    assert bradley_terry_loss(better, worse).item() == pytest.approx(-wins.log().mean().item(), abs=1e-14)


def test_its_gradient_is_the_probability_of_the_upset():
    better, worse = normal(7, seed=1).requires_grad_(), normal(7, seed=2).requires_grad_()
    bradley_terry_loss(better, worse).backward()
    upset = 1 / (1 + (better - worse).exp()).detach() / 7
    torch.testing.assert_close(better.grad, -upset, atol=1e-15, rtol=0)
    torch.testing.assert_close(worse.grad, upset, atol=1e-15, rtol=0)


def test_a_constant_changes_nothing_and_a_factor_does():
    better, worse = normal(7, seed=1), normal(7, seed=2)
    loss = bradley_terry_loss(better, worse)
    torch.testing.assert_close(bradley_terry_loss(better + 3, worse + 3), loss, atol=1e-14, rtol=0)
    assert abs(bradley_terry_loss(2 * better, 2 * worse) - loss) > 0.01


def test_it_stays_finite_for_huge_differences():
    far = torch.tensor([2000.0], **DOUBLE)
    assert bradley_terry_loss(far, -far).item() == 0
    assert bradley_terry_loss(-far, far).item() == pytest.approx(4000)


def test_rewards_that_are_no_pairs_are_refused():
    for better, worse in ((normal(3), normal(4)), (normal(3, 1), normal(3, 1)), (normal(0), normal(0))):
        with pytest.raises(ValueError, match="one reward per comparison"):
            bradley_terry_loss(better, worse)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_rewards_that_are_no_numbers_are_refused(bad):
    worse = torch.tensor([0.0, bad, 1.0], **DOUBLE)
    for loss in (bradley_terry_loss, lambda a, b: dpo_loss(a, b, 0.3)):
        with pytest.raises(ValueError, match="worse holds 1 values that are NaN or infinite"):
            loss(normal(3), worse)


def test_the_reward_is_read_where_the_whole_text_was_read():
    model = randomise(RewardModel(small_gpt()), seed=4)
    texts = all_texts(3, 4)
    rewards = model(texts)
    features = model.trunk.features(texts)
    by_hand = features[:, 4] @ model.trunk.head.weight[0] + model.trunk.head.bias
    torch.testing.assert_close(rewards, by_hand, atol=1e-12, rtol=0)
    assert len(set(rewards.tolist())) == 81, "every letter of a text counts"


def test_the_value_of_a_place_does_not_know_its_token():
    model = randomise(RewardModel(small_gpt()), seed=4)
    texts = all_texts(3, 4)
    values = model.values(texts)
    assert values.shape == (81, 4)
    for place in range(4):
        other = texts.clone()
        other[:, place] = (other[:, place] + 1) % 3
        changed = (model.values(other) - values).abs().amax(0)
        assert (changed[: place + 1] == 0).all() and (changed[place + 1 :] > 1e-6).all()


def test_a_reward_model_leaves_its_gpt_alone_and_learns_all_of_its_own():
    gpt = small_gpt()
    model = RewardModel(gpt)
    better, worse = all_texts(3, 4)[:9], all_texts(3, 4)[9:18]
    model.loss(better, worse).backward()
    assert all(parameter.grad is None for parameter in gpt.parameters())
    assert isinstance(gpt.head, nn.Linear)
    moved = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().max() > 0}
    # What adds the same to every reward cannot learn: only differences count.
    assert {name for name, _ in model.named_parameters()} - moved <= {"trunk.head.bias", "trunk.norm.bias"}


def test_a_reward_model_wants_a_gpt():
    with pytest.raises(ValueError, match="starts from a GPT, got Linear"):
        RewardModel(nn.Linear(2, 2))


# The optimum


def test_no_policy_is_above_the_optimum_and_the_gap_is_beta_times_the_divergence(world):
    log_reference, reward, log_policy = world
    for beta in (0.1, 1.0, 5.0):
        best = optimal_policy(log_reference, reward, beta)
        top = best_objective(log_reference, reward, beta)
        assert objective(best, log_reference, reward, beta).item() == pytest.approx(top.item(), abs=1e-12)
        kl = (log_policy.exp() * (log_policy - best)).sum()
        gap = top - objective(log_policy, log_reference, reward, beta)
        assert gap.item() == pytest.approx(beta * kl.item(), abs=1e-12)


def test_the_optimum_is_found_by_climbing_too(world):
    log_reference, reward, log_policy = world
    logits = log_policy.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([logits], max_iter=500, tolerance_grad=1e-12, tolerance_change=1e-15)

    def loss():
        optimizer.zero_grad()
        value = -objective(logits.log_softmax(0), log_reference, reward, 0.7)
        value.backward()
        return value

    optimizer.step(loss)
    climbed = logits.detach().softmax(0)
    torch.testing.assert_close(climbed, optimal_policy(log_reference, reward, 0.7).exp(), atol=1e-5, rtol=0)


def test_a_large_beta_stays_and_a_small_one_takes_the_best(world):
    log_reference, reward, _ = world
    torch.testing.assert_close(optimal_policy(log_reference, reward, 1e9), log_reference, atol=1e-7, rtol=0)
    assert optimal_policy(log_reference, reward, 1e-3).exp()[reward.argmax()] > 1 - 1e-9
    assert best_objective(log_reference, reward, 1e-6).item() == pytest.approx(reward.max().item(), abs=1e-4)


def test_a_constant_reward_moves_the_objective_and_not_the_optimum(world):
    log_reference, reward, _ = world
    moved = optimal_policy(log_reference, reward + 5, 0.3)
    torch.testing.assert_close(moved, optimal_policy(log_reference, reward, 0.3), atol=1e-12, rtol=0)
    lift = best_objective(log_reference, reward + 5, 0.3) - best_objective(log_reference, reward, 0.3)
    assert lift.item() == pytest.approx(5, abs=1e-12)


def test_dpo_at_the_optimum_is_bradley_terry_of_the_reward(world):
    log_reference, reward, _ = world
    log_ratio = optimal_policy(log_reference, reward, 0.4) - log_reference
    i, j = torch.randperm(12, generator=generator(5)).view(2, 6)
    ours = dpo_loss(log_ratio[i], log_ratio[j], 0.4)
    assert ours.item() == pytest.approx(bradley_terry_loss(reward[i], reward[j]).item(), abs=1e-14)


def test_what_cannot_be_weighed_is_refused(world):
    log_reference, reward, _ = world
    with pytest.raises(ValueError, match=r"both be \(n,\), one entry per text"):
        optimal_policy(log_reference, reward[:5], 1.0)
    with pytest.raises(ValueError, match="beta must be positive, got 0"):
        optimal_policy(log_reference, reward, 0)
    with pytest.raises(ValueError, match="needs a finite reward"):
        best_objective(log_reference, reward * math.nan, 1.0)


def test_an_objective_of_other_texts_or_of_nan_is_refused(world):
    log_reference, reward, log_policy = world
    for columns in ((log_reference, reward[:, None]), (log_reference[:, None], reward)):
        with pytest.raises(ValueError, match=r"log_reference and reward must both be \(n,\)"):
            objective(log_policy, *columns, 0.3)
    for policy in (log_policy[:, None], log_policy[:4], log_policy.expand(5, 12).T):
        with pytest.raises(ValueError, match=r"log_policy must be \(\.\.\., 12\), one entry per text"):
            objective(policy, log_reference, reward, 0.3)
    for i, name in enumerate(("log_policy", "log_reference", "reward")):
        arrays = [x.clone() for x in (log_policy, log_reference, reward)]
        arrays[i][3] = math.nan
        with pytest.raises(ValueError, match=f"{name} holds 1 values that are NaN"):
            objective(*arrays, 0.3)
    with pytest.raises(ValueError, match="log_reference holds 12 values that are NaN"):
        optimal_policy(log_reference * math.nan, reward, 0.3)


def test_the_objective_of_several_policies_is_that_of_each(world):
    log_reference, reward, _ = world
    policies = normal(2, 5, 12, seed=6).log_softmax(-1)
    together = objective(policies, log_reference, reward, 0.3)
    assert together.shape == (2, 5)
    each = objective(policies[1, 2], log_reference, reward, 0.3)
    torch.testing.assert_close(together[1, 2], each, atol=1e-14, rtol=0)


# Texts that can be listed


def test_all_texts_have_the_probabilities_that_the_model_gives_one_by_one():
    gpt = small_gpt()
    texts = all_texts(3, 4)
    assert texts.tolist() == [list(text) for text in itertools.product(range(3), repeat=4)]
    log_p = all_log_probs(gpt, 4)
    torch.testing.assert_close(log_p, gpt.log_prob(texts).sum(1), atol=1e-12, rtol=0)
    assert log_p.exp().sum().item() == pytest.approx(1, abs=1e-12)
    torch.testing.assert_close(all_log_probs(gpt, 1), gpt.log_prob([[0], [1], [2]])[:, 0], atol=1e-12, rtol=0)


def test_too_many_texts_are_refused():
    with pytest.raises(ValueError, match=r"10 \*\* 9 = 1000000000 texts are too many"):
        all_texts(10, 9)


def test_texts_that_are_never_written_count_nothing():
    log_reference = torch.tensor([0.5, 0.0, 0.3, 0.2], **DOUBLE).log()
    reward = torch.tensor([1.0, 9.0, -2.0, 0.5], **DOUBLE)
    written = [0, 2, 3]
    for log_policy in (optimal_policy(log_reference, reward, 0.7), best_of_n(log_reference, reward, 3)):
        left = objective(log_policy, log_reference, reward, 0.7)
        right = objective(log_policy[written], log_reference[written], reward[written], 0.7)
        torch.testing.assert_close(left, right)


# PPO


def test_a_hundred_thousand_texts_are_not_too_many():
    assert all_texts(10, 5).shape == (100_000, 5)


def test_the_clip_is_a_fifth_unless_said_otherwise():
    log_ratio = torch.tensor([1.19, 1.21]).log().requires_grad_()
    ppo_loss(log_ratio, torch.ones(2)).backward()
    assert log_ratio.grad[0] < 0 == log_ratio.grad[1]


def test_ppo_at_ratio_one_has_the_policy_gradient():
    log_ratio, advantage = torch.zeros(5, 3, **DOUBLE, requires_grad=True), normal(5, 3)
    ppo_loss(log_ratio, advantage).backward()
    torch.testing.assert_close(log_ratio.grad, -advantage / 15, atol=1e-16, rtol=0)


@pytest.mark.parametrize("ratio, advantage, moves", [
    (1.3, 2.0, False), (1.1, 2.0, True), (0.5, 2.0, True),
    (0.7, -2.0, False), (0.9, -2.0, True), (1.5, -2.0, True),
])  # fmt: skip
def test_the_clip_stops_only_what_goes_on_in_the_good_direction(ratio, advantage, moves):
    log_ratio = torch.tensor([math.log(ratio)], **DOUBLE, requires_grad=True)
    loss = ppo_loss(log_ratio, torch.tensor([advantage], **DOUBLE), clip=0.2)
    loss.backward()
    assert log_ratio.grad.item() == pytest.approx(-ratio * advantage if moves else 0.0, abs=1e-12)
    capped = min(ratio * advantage, min(max(ratio, 0.8), 1.2) * advantage)
    assert loss.item() == pytest.approx(-capped)


def test_the_clipped_objective_is_never_above_the_plain_one():
    log_ratio, advantage = 0.5 * normal(1000, seed=1), normal(1000, seed=2)
    plain = -(log_ratio.exp() * advantage).mean()
    assert ppo_loss(log_ratio, advantage) >= plain
    assert ppo_loss(log_ratio, advantage, clip=0.999999) >= plain


def test_ppo_refuses_other_shapes_and_clips():
    with pytest.raises(ValueError, match=r"one shape, got \(5, 3\) and \(5,\)"):
        ppo_loss(normal(5, 3), normal(5))
    for clip in (0, 1, -0.2, 1.5):
        with pytest.raises(ValueError, match=r"clip must lie in \(0, 1\)"):
            ppo_loss(normal(3), normal(3), clip=clip)


def test_steps_of_nan_or_of_nothing_are_refused():
    nan = torch.full((3,), math.nan, **DOUBLE)
    with pytest.raises(ValueError, match="log_ratio holds 3 values that are NaN"):
        ppo_loss(nan, normal(3))
    with pytest.raises(ValueError, match="each entry needs a finite advantage"):
        ppo_loss(normal(3), nan)
    with pytest.raises(ValueError, match="at least one entry"):
        ppo_loss(normal(0), normal(0))
    never = torch.tensor([-math.inf], **DOUBLE)  # what the new policy never does again
    assert ppo_loss(never, torch.ones(1, **DOUBLE)).item() == 0


def test_advantages_of_other_shapes_or_of_nan_are_refused():
    with pytest.raises(ValueError, match=r"rewards and values must both be \(n, t\).*\(2, 3\) and \(1, 3\)"):
        advantages(normal(2, 3), normal(1, 3))
    with pytest.raises(ValueError, match=r"must both be \(n, t\), one entry per token"):
        advantages(normal(3), normal(3))
    with pytest.raises(ValueError, match="values holds 6 values that are NaN"):
        advantages(normal(2, 3), normal(2, 3) * math.nan)


def test_advantages_by_the_double_sum():
    rewards, values = normal(6, 4, seed=1), normal(6, 4, seed=2)
    for decay in (0.0, 0.6, 1.0):
        found, target = advantages(rewards, values, decay=decay)
        following = torch.cat([values[:, 1:], torch.zeros(6, 1, **DOUBLE)], 1)
        delta = rewards + following - values
        for i in range(4):
            total = sum(decay ** (j - i) * delta[:, j] for j in range(i, 4))
            torch.testing.assert_close(found[:, i], total, atol=1e-13, rtol=0)
        torch.testing.assert_close(target, found + values)
    # At 1 the critic cancels: what is left is the reward that is still to come.
    torch.testing.assert_close(target, rewards.flip(1).cumsum(1).flip(1), atol=1e-13, rtol=0)


def test_the_policy_gradient_of_tokens_is_the_gradient_of_the_objective():
    """The mean of the clipped loss's gradient over all texts is that of J, beta's part included."""
    gpt, reference, beta = small_gpt(context=3, seed=1), small_gpt(context=3, seed=2), 0.7
    texts, reward = all_texts(3, 3), normal(27, seed=3)
    gpt.requires_grad_(True)
    J = objective(all_log_probs(gpt, 3), all_log_probs(reference, 3), reward, beta)
    exact = torch.autograd.grad(J, list(gpt.parameters()))
    log_p = gpt.log_prob(texts)  # (27, 3)
    old = log_p.detach()
    earned = -beta * (old - reference.log_prob(texts))
    earned[:, -1] += reward
    gain, _ = advantages(earned, normal(27, 3, seed=4) * 0 + 1.7, decay=1.0)
    p = old.sum(1).exp()
    each = torch.stack([ppo_loss(log_p[i] - old[i], gain[i]) * 3 for i in range(27)])
    ours = torch.autograd.grad(-(p * each).sum(), list(gpt.parameters()))
    for one, other in zip(exact, ours, strict=True):
        torch.testing.assert_close(one, other, atol=1e-10, rtol=1e-8)


# Estimates of the divergence, and best-of-n


def test_both_estimates_are_right_on_average_and_only_one_is_never_negative(world):
    log_reference, _, log_policy = world
    k1, k3 = kl_estimates(log_policy, log_reference)
    p, kl = log_policy.exp(), (log_policy.exp() * (log_policy - log_reference)).sum()
    assert (p * k1).sum().item() == pytest.approx(kl.item(), abs=1e-13)
    assert (p * k3).sum().item() == pytest.approx(kl.item(), abs=1e-13)
    assert (k1 < 0).any() and (k3 >= 0).all()
    small, _ = kl_estimates(torch.tensor([1e-9], **DOUBLE), torch.tensor([0.0], **DOUBLE))
    assert kl_estimates(small, 0 * small)[1].item() == pytest.approx(5e-19, rel=1e-3)


def test_estimates_of_texts_that_do_not_belong_together_are_refused(world):
    log_reference, _, log_policy = world
    with pytest.raises(ValueError, match=r"log_policy and log_reference must both be \(n,\)"):
        kl_estimates(log_policy, log_reference[:, None])
    with pytest.raises(ValueError, match="log_policy holds 12 values that are NaN"):
        kl_estimates(log_policy * math.nan, log_reference)
    never = torch.full((12,), -math.inf, **DOUBLE)
    with pytest.raises(ValueError, match="a text of probability 0 is no draw of the policy"):
        kl_estimates(never, log_reference)
    assert all((each == math.inf).all() for each in kl_estimates(log_policy, never))


@pytest.mark.parametrize("n", [1, 2, 3])
def test_best_of_n_by_listing_all_tuples(world, n):
    log_reference, reward, _ = world
    reward = reward.round()  # with ties, which are broken evenly
    p, found = log_reference.exp(), torch.zeros(12, **DOUBLE)
    for drawn in itertools.product(range(12), repeat=n):
        weight, best = p[list(drawn)].prod(), reward[list(drawn)].max()
        winners = [i for i in drawn if reward[i] == best]
        for i in winners:
            found[i] += weight / len(winners)
    torch.testing.assert_close(best_of_n(log_reference, reward, n).exp(), found, atol=1e-13, rtol=0)


def test_best_of_n_stays_within_its_bound(world):
    log_reference, reward, _ = world
    for n in (1, 2, 5, 30, 1000):
        log_best = best_of_n(log_reference, reward, n)
        kl = torch.xlogy(log_best.exp(), log_best.exp() / log_reference.exp()).sum().item()
        assert kl <= math.log(n) - (n - 1) / n + 1e-12
        assert log_best.exp().sum().item() == pytest.approx(1, abs=1e-12)


def test_texts_that_are_never_written_stay_so():
    log_reference = torch.tensor([0.5, 0.5, 0.0], **DOUBLE).log()
    reward = torch.tensor([0.0, 1.0, 9.0], **DOUBLE)
    assert optimal_policy(log_reference, reward, 0.5).exp()[2] == 0
    np.testing.assert_allclose(best_of_n(log_reference, reward, 2).exp(), [0.25, 0.75, 0], atol=1e-15)
