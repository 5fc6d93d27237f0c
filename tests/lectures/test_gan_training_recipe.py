"""Lecture 13, the recipe: variants change one thing, every ring game plays, sums of codes are counted."""

import pytest
import torch
from torch import nn

from coursekit.data import mini_mnist
from coursekit.gan import MinibatchStd
from coursekit.gan_training import MinibatchDiscrimination, recipe


@pytest.fixture(scope="module")
def x():
    return recipe.pictures(mini_mnist().split()[0])[:200]


def test_pictures_are_signed_images():
    x = recipe.pictures(mini_mnist().split()[1])
    assert x.shape == (1000, 1, 14, 14) and x.min() == -1 and x.max() == 1


@pytest.mark.parametrize("name", recipe.VARIANTS)
def test_every_variant_trains_and_is_repeatable(name, x):
    runs = [recipe.variant(name, x, seed=3, n_steps=2).sample(4, rng=torch.Generator().manual_seed(0))
            for _ in range(2)]  # fmt: skip
    assert runs[0].shape == (4, 1, 14, 14)
    torch.testing.assert_close(*runs, atol=0, rtol=0)


def test_variants_change_one_thing():
    whole = recipe.VARIANTS["all five rules"]
    for name, parts in recipe.VARIANTS.items():
        changed = [part for part, before in zip(parts, whole, strict=True) if part != before]
        assert len(changed) == (name != "all five rules"), name


@pytest.mark.parametrize("name", recipe.RING_GAMES)
def test_every_ring_game_plays(name):
    game = recipe.ring_game(name, seed=0, n_steps=2)
    kinds = {type(layer) for layer in game.discriminator.modules()}
    assert (MinibatchDiscrimination in kinds) == (name == "minibatch features")
    assert (MinibatchStd in kinds) == (name == "spread of the batch")
    assert game.n_unrolled == (5 if name.startswith("unrolled") else 0)
    assert (game.objective == "minimax") == ("value" in name.split(", "))
    assert game.differentiate == (not name.endswith("cut off"))
    assert set(recipe.ring_coverage(game)) == {"modes", "good_share", "kl"}


def test_ring_shows_games_that_exist():
    assert set(recipe.RING_SHOWN) <= set(recipe.RING_GAMES)


class Painter(nn.Module):
    """A generator whose codes add up: entries 0 to 9 choose the row that is black, entry 10 how black."""

    def __init__(self):
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, z):
        images = -torch.ones(len(z), 1, 10, 14)
        images[torch.arange(len(z)), 0, z[:, :10].argmax(1)] = torch.tanh(z[:, 10:11])
        return images


class Reader:
    """A judge that reads the row with the most ink."""

    def predict_proba(self, images):
        return images.reshape(-1, 10, 14).sum(2).softmax(1)


def test_arithmetic_counts_sums_that_come_out():
    game = recipe.GAN(Painter(), nn.Linear(1, 1), n_latent=11)
    shares, images = recipe.arithmetic(game, Reader(), seed=0)
    assert shares["all"] > 0.95 and shares["class kept"] == 1 and shares["bolder"] == 1
    assert shares["no sum"] == 0 and shares["one"] < 0.8
    assert shares["one"] < shares["three"] < shares["thirty"]  # the more codes, the less of their own
    assert shares["codes per kind"] == pytest.approx(4000 / 30, abs=1)
    assert shares["chance"] == pytest.approx(1 / 30, abs=1e-3)
    assert images.shape == (4, 4, 140)


def test_arithmetic_redraws_its_codes():
    """With one draw the share is a count of 90 sums; with more it is the mean of several, and repeatable."""
    game = recipe.GAN(Painter(), nn.Linear(1, 1), n_latent=11)
    one, many, again = (recipe.arithmetic(game, Reader(), seed=0, n_draws=n)[0] for n in (1, 6, 6))
    assert one["three"] * 90 == pytest.approx(round(one["three"] * 90))
    assert many == again and many["three"] != one["three"]


def test_codes_on_the_shell():
    z = torch.randn(5, 3, 9)
    torch.testing.assert_close(recipe.on_shell(z).norm(dim=2), torch.full((5, 3), 3.0))
    ways = recipe.added(z)
    torch.testing.assert_close(ways, recipe.on_shell(z[:, 0] - z[:, 1] + z[:, 2]))
