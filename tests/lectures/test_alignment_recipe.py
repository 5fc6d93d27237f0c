"""The recipes of lecture 18: each leaves what it starts from alone, and does what its name says."""

import copy
import math

import numpy as np
import pytest
import torch

from coursekit.alignment import LoRA, RewardModel, all_texts, bradley_terry_loss, load_balance, recipe
from coursekit.transformer import GPT


@pytest.fixture(scope="module")
def reference():
    torch.manual_seed(0)
    return GPT(5, context=5, width=8, n_layers=1, n_heads=2).float()


@pytest.fixture(scope="module")
def reward(reference):
    torch.manual_seed(1)
    return RewardModel(reference).requires_grad_(False)


def weights(model):
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def test_ppo_looks_before_each_round_and_leaves_reference_and_reward_alone(reference, reward):
    before, rounds = [weights(reference), weights(reward)], []
    policy = recipe.ppo(
        reference,
        reward,
        n_rounds=3,
        n_texts=64,
        on_round=lambda i, model: rounds.append((i, weights(model))),
    )
    assert [i for i, _ in rounds] == [0, 1, 2, 3]
    assert torch.equal(rounds[0][1], before[0]) and torch.equal(rounds[3][1], weights(policy))
    assert not torch.equal(rounds[1][1], rounds[0][1])
    assert torch.equal(weights(reference), before[0]) and torch.equal(weights(reward), before[1])
    again = recipe.ppo(reference, reward, n_rounds=3, n_texts=64)
    assert torch.equal(weights(again), weights(policy)), "the seed decides"


def test_with_a_reward_that_is_clear_ppo_finds_it(reference):
    class First(RewardModel):
        """One for each letter 2."""

        def forward(self, tokens):
            return (tokens == 2).float().sum(1)

    policy = recipe.ppo(reference, First(reference), n_rounds=15, n_texts=128, rate=0.02, beta=0.1)
    texts = policy.generate(torch.zeros(200, 0), 5, rng=torch.Generator().manual_seed(0))
    before = reference.generate(torch.zeros(200, 0), 5, rng=torch.Generator().manual_seed(0))
    assert (texts == 2).float().mean() > 0.8 > 0.5 > (before == 2).float().mean()


def test_dpo_starts_at_log_two_and_climbs_to_what_was_preferred(reference):
    better, worse = all_texts(5, 5)[:400], all_texts(5, 5)[-400:]
    log_p = torch.stack([reference.log_prob(texts).sum(1) for texts in (better, worse)], 1).detach()
    model = recipe.Preferring(copy.deepcopy(reference), 0.3)
    assert model.loss(better, worse, log_p).item() == pytest.approx(math.log(2), abs=1e-6)
    policy = recipe.dpo(reference, better, worse, n_steps=20, rate=0.02)
    with torch.no_grad():
        moved = torch.stack([policy.log_prob(texts).sum(1) for texts in (better, worse)], 1) - log_p
    assert moved[:, 0].mean() > moved[:, 1].mean() + 1


def test_people_prefer_as_their_taste_says(reference):
    better, worse = recipe.comparisons(reference, 4000, seed=3)
    gap = recipe.taste(better) - recipe.taste(worse)
    for size in (1, 2, 3):
        share = (gap[gap.abs() == size] > 0).float()
        assert share.mean().item() == pytest.approx(1 / (1 + math.exp(-size)), abs=0.06)
    ours = bradley_terry_loss(recipe.taste(better), recipe.taste(worse))
    assert ours < min(bradley_terry_loss(c * gap, 0 * gap) for c in (0.5, 2.0))


def test_demonstrations_are_better_than_the_language():
    texts, matrix = all_texts(5, 5), torch.tensor(recipe.language())
    log_p = matrix.log()[texts[:, :-1], texts[:, 1:]].sum(1) - math.log(5)
    assert log_p.exp().sum().item() == pytest.approx(1)
    plain = (log_p.exp() @ recipe.taste(texts).double()).item()
    assert recipe.taste(recipe.demonstrations(2000)).mean().item() > plain + 0.5


def test_fine_tuning_leaves_the_base_alone_and_moves_what_it_should():
    few, _ = recipe.new_world().sample(128, recipe.WORLD_LENGTH, rng=0)
    model = recipe.base(few, n_steps=1)
    before = weights(model)
    whole, thin = (recipe.fine_tuned(model, few, rank=rank, n_steps=2) for rank in (None, 2))
    assert torch.equal(weights(model), before)
    assert not torch.equal(weights(whole), before)
    loras = [part for part in thin.modules() if isinstance(part, LoRA)]
    assert len(loras) == 12 and all(part.update().abs().max() > 0 for part in loras)
    assert torch.equal(thin.head.weight, model.head.weight)


def test_the_worlds_differ_in_their_grammar_alone():
    old, new = recipe.old_world(), recipe.new_world()
    np.testing.assert_array_equal(old.words, new.words)
    np.testing.assert_array_equal(old.topics, new.topics)
    assert np.abs(old.transition - new.transition).max() > 0.2


def test_each_kind_of_token_has_a_matrix_of_its_own():
    x, y = recipe.kinds(4000, rng=0)
    assert x.shape == y.shape == (4000, 8)
    joined = torch.cat([x, torch.ones(4000, 1)], 1)
    residual = y - joined @ torch.linalg.lstsq(joined, y).solution
    assert (residual**2).mean() > 0.5 * (y**2).mean(), "one matrix for all must not do"


def test_the_balance_term_evens_out_the_load():
    x, _ = recipe.kinds(1000, rng=5)
    even, alone = (load_balance(*recipe.routed(w, n_steps=150).route(x)) for w in (0.5, 0.0))
    assert even < 1.1 < alone
