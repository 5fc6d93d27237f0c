"""Lecture 13, unrolling: the gradient through K steps, its limits, the game that fit_adversarial plays."""

import copy

import pytest
import torch
from torch import nn

from coursekit.gan import GAN
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
    ours = unrolled_generator_loss(game, z, real, n_steps=0, learning_rate=0.1)
    torch.testing.assert_close(ours, game.generator_loss(game.generator(z)))


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
    torch.testing.assert_close(ours, game.generator_loss(fake))


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


def table_game(objective):
    """Real and generated points at three places, a free score for each place: the best response is known."""
    table = nn.Linear(3, 1, bias=False).double()
    nn.init.zeros_(table.weight)
    return GAN(nn.Sequential(nn.Linear(1, 3), nn.Softmax(1)).double(), table, n_latent=1, objective=objective)


def test_value_tends_to_the_best_response():
    game = table_game("minimax")
    z, real = torch.zeros(1, 1).double(), torch.eye(3).double()[[0, 0, 1]]

    def value(n_steps):
        return unrolled_generator_loss(game, z, real, n_steps=n_steps, learning_rate=0.5).item()

    gaps = [abs(value(n) - value(20_000)) for n in (0, 10, 100, 1000)]
    assert gaps[0] > gaps[1] > gaps[2] > gaps[3]


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
