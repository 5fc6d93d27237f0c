"""Lecture 13, the recipe: variants change one thing, every ring game plays, sums of codes are counted."""

import numpy as np
import pytest
import torch
from torch import nn

from coursekit.data import mini_mnist, shapes
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
    assert (game.objective == "minimax") == name.endswith("value of the game")
    assert set(recipe.ring_coverage(game)) == {"modes", "good_share", "kl"}


def test_ring_shows_games_that_exist():
    assert set(recipe.RING_SHOWN) <= set(recipe.RING_GAMES)


class Painter(nn.Module):
    """A generator whose codes add up: entries 0 to 3 choose the colour, 4 to 6 the shape."""

    def __init__(self):
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))
        attributes = np.array([[colour, shape, 0] for colour in range(4) for shape in range(3)])
        self.drawings = torch.from_numpy(2 * shapes(12, attributes=attributes)[0] - 1)

    def forward(self, z):
        return self.drawings[3 * z[:, :4].argmax(1) + z[:, 4:7].argmax(1)]


def test_arithmetic_counts_sums_that_come_out():
    torch.manual_seed(0)
    game = recipe.GAN(Painter(), nn.Linear(1, 1), n_latent=7)
    shares, images = recipe.arithmetic(game, seed=0, n_codes=3000)
    assert shares["means"] == 1 and shares["readable"] == 1 and shares["agreement"] > 0.9
    assert shares["single"] < 1
    assert shares["chance"] == pytest.approx(1 / 12, abs=0.01)
    assert images.shape == (4, 4, 3, 16, 16)


def test_arithmetic_wants_every_kind():
    class Blank(Painter):
        def forward(self, z):
            return self.drawings[:1].expand(len(z), -1, -1, -1)

    with pytest.raises(ValueError, match="does not draw every colour"):
        recipe.arithmetic(recipe.GAN(Blank(), nn.Linear(1, 1), n_latent=7), seed=0, n_codes=50)
