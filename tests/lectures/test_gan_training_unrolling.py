"""Lecture 13, unrolling: the gradient through K steps, its limits, the game that fit_adversarial plays."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from coursekit.gan import GAN, jensen_shannon
from coursekit.gan_training import UnrolledGAN, unrolled_generator_loss
from coursekit.networks import mlp
from coursekit.training import fit_adversarial


def random_game(objective="minimax", **options):
    torch.manual_seed(0)
    game = GAN(mlp((2, 5, 3), activation="tanh"), mlp((3, 5, 1), activation="tanh"), n_latent=2,
               objective=objective, **options).double()  # fmt: skip
    with torch.no_grad():
        for parameter in game.parameters():
            parameter.normal_()
    return game, torch.randn(7, 2).double(), torch.randn(6, 3).double()


OBJECTIVES = ["minimax", "non_saturating", "least_squares"]


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_no_steps_is_the_ordinary_loss(objective):
    game, z, real = random_game(objective)
    weights = list(game.generator.parameters())
    ours = unrolled_generator_loss(game, z, real, n_steps=0, learning_rate=0.1)
    plain = game.generator_loss(game.generator(z))
    if objective == "minimax":  # the whole value: the real part is a constant for the generator
        plain = plain - F.softplus(-game.score(real)).mean()
    torch.testing.assert_close(ours, plain)
    for a, b in zip(*(torch.autograd.grad(loss, weights) for loss in (ours, plain)), strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("differentiate", [True, False])
def test_value_is_that_after_plain_gradient_steps(objective, differentiate):
    game, z, real = random_game(objective, label_smoothing=0.1)
    before = copy.deepcopy(game.state_dict())
    ours = unrolled_generator_loss(game, z, real, n_steps=3, learning_rate=0.2, differentiate=differentiate)
    for name, weight in game.state_dict().items():
        torch.testing.assert_close(weight, before[name], atol=0, rtol=0)
    optimizer = torch.optim.SGD(game.discriminator.parameters(), lr=0.2)
    fake = game.generator(z).detach()
    for _ in range(3):
        optimizer.zero_grad()
        game.opponent_loss(real, fake).backward()
        optimizer.step()
    plain = game.generator_loss(fake)
    if objective == "minimax":
        plain = plain - F.softplus(-game.score(real)).mean()
    torch.testing.assert_close(ours, plain)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_gradient_through_the_steps_is_that_of_finite_differences(objective):
    game, z, real = random_game(objective)
    weights = list(game.generator.parameters())
    direction = [torch.randn_like(w) for w in weights]

    def loss(t, **options):
        moved = copy.deepcopy(game)
        with torch.no_grad():
            for w, d in zip(moved.generator.parameters(), direction, strict=True):
                w += t * d
        return unrolled_generator_loss(moved, z, real, n_steps=4, learning_rate=0.3, **options), moved

    value, moved = loss(0)
    slopes = torch.autograd.grad(value, list(moved.generator.parameters()))
    ours = sum((s * d).sum() for s, d in zip(slopes, direction, strict=True))
    numeric = (loss(1e-5)[0] - loss(-1e-5)[0]) / 2e-5
    torch.testing.assert_close(ours, numeric, rtol=1e-6, atol=1e-9)
    value, moved = loss(0, differentiate=False)
    slopes = torch.autograd.grad(value, list(moved.generator.parameters()))
    cut = sum((s * d).sum() for s, d in zip(slopes, direction, strict=True))
    assert abs(cut - numeric) > 1e-3 * abs(numeric)


class Table(nn.Module):
    """A free score at each of k places; a sample is the number of its place, as one-hot row."""

    def __init__(self, k):
        super().__init__()
        self.scores = nn.Parameter(torch.zeros(k, 1, dtype=torch.float64))

    def forward(self, x):
        return x @ self.scores


def test_value_tends_to_that_of_the_best_response():
    """Against three places, data (2, 1, 1) / 4 and model (1, 3, 0) / 4: 2 JSD - log 4."""
    game = GAN(nn.Sequential(nn.Linear(4, 3, bias=False)).double(), Table(3), n_latent=4, objective="minimax")
    places = torch.eye(3, dtype=torch.float64)
    with torch.no_grad():
        game.generator[0].weight.copy_(places[[0, 1, 1, 1]].T)
    z, real = torch.eye(4, dtype=torch.float64), places[[0, 0, 1, 2]]
    p, q = np.array([2, 1, 1]) / 4, np.array([1, 3, 0]) / 4
    best = 2 * jensen_shannon(p, q, 1) - np.log(4)
    gaps = [
        unrolled_generator_loss(game, z, real, n_steps=n, learning_rate=1.0).item() - best
        for n in (0, 10, 100, 1000)
    ]
    assert all(gap < 0 for gap in gaps) and gaps == sorted(gaps)
    assert gaps[-1] > -2e-2


def test_the_game_plays_and_no_steps_is_the_plain_game():
    x = torch.randn(64, 2)
    scores = []
    for kind, options in ((GAN, {}), (UnrolledGAN, {"n_unrolled": 0, "inner_rate": 0.1})):
        torch.manual_seed(0)
        game = kind(mlp((2, 8, 2)), mlp((2, 8, 1)), n_latent=2, objective="minimax", **options)
        fit_adversarial(game, x, n_steps=5, batch_size=16, device="cpu", seed=1)
        scores.append(game.score(x))
    torch.testing.assert_close(*scores)


@pytest.mark.parametrize("differentiate", [True, False])
def test_the_unrolled_game_moves_the_generator(differentiate):
    torch.manual_seed(0)
    game = UnrolledGAN(mlp((2, 8, 2)), mlp((2, 8, 1)), n_latent=2, n_unrolled=3, inner_rate=0.1,
                       differentiate=differentiate)  # fmt: skip
    before = [p.clone() for p in game.generator.parameters()]
    fit_adversarial(game, torch.randn(64, 2), n_steps=3, batch_size=16, device="cpu")
    assert all((p != b).any() for p, b in zip(game.generator.parameters(), before, strict=True))


def test_bad_input_gets_one_sentence():
    game, z, real = random_game(r1=0.1)
    with pytest.raises(ValueError, match="no R1 penalty"):
        unrolled_generator_loss(game, z, real, n_steps=1, learning_rate=0.1)
    game, z, real = random_game()
    with pytest.raises(ValueError, match="n_steps must be at least 0"):
        unrolled_generator_loss(game, z, real, n_steps=-1, learning_rate=0.1)
    with pytest.raises(ValueError, match="learning_rate"):
        unrolled_generator_loss(game, z, real, n_steps=1, learning_rate=0)
    with pytest.raises(ValueError, match="z must have shape"):
        unrolled_generator_loss(game, real, real, n_steps=1, learning_rate=0.1)
