"""How to train a Wasserstein GAN on digits: the gradient penalty, three steps of the critic for each of the
generator, Adam without momentum, rates that fall to 0, averaged weights.
"""

import torch
from torch import nn

from coursekit.data import Dataset, signed
from coursekit.networks import mlp
from coursekit.training import N_SHOWN, Recipe, Stage, fit_adversarial, for_budget
from coursekit.wgan.model import WGAN

SETTINGS = {"n_opponent_steps": 3, "betas": (0.0, 0.9), "learning_rate": 1e-3, "schedule": "linear"}
SETTINGS |= {"average": 0.99}
# CPU seconds -> (steps, settings).
DIGITS = {50: (1_500, SETTINGS)}
MINI_MNIST = {60: (1_500, SETTINGS)}
MNIST = {150: (1_500, SETTINGS)}


def digits(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """8 x 8 digits: 16 latents, networks of two layers of 256."""
    return recipe(train, DIGITS, seconds, n_latent=16, width=256)


def mini_mnist(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """14 x 14 digits: 32 latents, networks of two layers of 256."""
    return recipe(train, MINI_MNIST, seconds, n_latent=32, width=256)


def mnist(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """MNIST: 64 latents, networks of two layers of 512."""
    return recipe(train, MNIST, seconds, n_latent=64, width=512)


RECIPES = {"digits": digits, "mini_mnist": mini_mnist, "mnist": mnist}


def recipe(train, budgets, seconds, *, n_latent, width) -> Recipe:
    """The recipe of images; budgets: table of steps and settings, of which that for `seconds` is taken."""
    budget, (n_steps, settings) = for_budget(budgets, seconds)
    x = torch.from_numpy(signed(train))
    generator = nn.Sequential(mlp((n_latent, width, width, x.shape[1])), nn.Tanh())
    critic = mlp((x.shape[1], width, width, 1), activation="leaky_relu")
    wgan = WGAN(generator, critic, n_latent=n_latent)
    return Recipe(
        model=wgan,
        stages=(Stage(wgan, x, fit_adversarial, n_steps, settings, "minus the critic's mean"),),
        seconds=budget,
        draw=lambda wgan, rng: ((wgan.sample(N_SHOWN, rng=rng) + 1) / 2).clamp(0, 1),
        shows="samples of the generator",
    )
