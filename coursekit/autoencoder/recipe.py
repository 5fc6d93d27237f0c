"""How to train a deep autoencoder on digits: layer normalisation, cross-entropy, a start at the mean image.

The cross-entropy lowers the squared error faster than the squared error itself does; starting at the mean
image keeps the code from collapsing.
"""

import numpy as np
import torch

from coursekit.autoencoder.model import Autoencoder
from coursekit.autoencoder.pretraining import start_at_mean
from coursekit.data import Dataset, ink
from coursekit.training import N_SHOWN, Recipe, Stage, fit, for_budget

SETTINGS = {"batch_size": 128, "optimizer": "adamw", "schedule": "cosine"}
LARGE = SETTINGS | {"learning_rate": 5e-3, "betas": (0.9, 0.99), "warm_up": 0.05}
# CPU seconds -> (steps, settings).
DIGITS = {10: (4_000, SETTINGS | {"learning_rate": 2e-3})}
MINI_MNIST = {30: (8_000, SETTINGS | {"learning_rate": 3e-3, "warm_up": 0.05})}
MNIST = {30: (2_400, LARGE), 100: (8_000, LARGE)}


def digits(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """8 x 8 digits in 8 numbers: 64-128-64-8 and back."""
    return recipe(train, test, DIGITS, seconds, n_code=8, hidden=(128, 64))


def mini_mnist(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """14 x 14 digits in 16 numbers: 196-256-128-16 and back."""
    return recipe(train, test, MINI_MNIST, seconds, n_code=16, hidden=(256, 128))


def mnist(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """MNIST in 30 numbers: 784-512-256-30 and back."""
    return recipe(train, test, MNIST, seconds, n_code=30, hidden=(512, 256))


RECIPES = {"digits": digits, "mini_mnist": mini_mnist, "mnist": mnist}


def recipe(train, test, budgets, seconds, *, n_code, hidden) -> Recipe:
    """The recipe of images; budgets: table of steps and settings, of which that for `seconds` is taken."""
    budget, (n_steps, settings) = for_budget(budgets, seconds)
    x, new = torch.from_numpy(ink(train)), torch.from_numpy(ink(test))
    network = {"hidden": hidden, "activation": "silu", "norm": True, "likelihood": "bernoulli"}
    model = Autoencoder(x.shape[1], n_code, **network)
    start_at_mean(model, x)

    def measure(model):
        return {"squared error of a test image": squared_error(new, reconstructed(model, new))}

    def draw(model, rng):
        shown = new[: N_SHOWN // 2]
        rows = zip(shown.split(10), reconstructed(model, shown).split(10), strict=True)
        return torch.cat([part for pair in rows for part in pair])

    return Recipe(
        model=model,
        stages=(Stage(model, x, fit, n_steps, settings, "cross-entropy in nats"),),
        seconds=budget,
        draw=draw,
        shows="test digits, below each its reconstruction",
        measure=measure,
    )


@torch.no_grad()
def reconstructed(model, x):
    """What the model makes of x (n, pixels)."""
    return model.reconstruct(x)


def squared_error(x, y):
    """Summed over the pixels, mean over the images; x, y (n, pixels) in [0, 1]."""
    return float(((np.asarray(x) - np.asarray(y)) ** 2).sum(1).mean())
