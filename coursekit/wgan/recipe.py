"""How to train a Wasserstein GAN on digits: the gradient penalty, three steps of the critic for each of the
generator, Adam without momentum, rates that fall to 0, averaged weights. And a game on a line, where the true
distance is known at every step, for either kind of loss.
"""

import numpy as np
import torch
from torch import nn

from coursekit.data import Dataset, signed
from coursekit.evaluation import digit_judge, digit_quality
from coursekit.gan import GAN
from coursekit.networks import mlp
from coursekit.training import N_SHOWN, Budgets, Recipe, Settings, Stage, fit_adversarial, for_budget
from coursekit.wgan.model import WGAN, earth_mover_1d

SETTINGS: Settings = {"n_opponent_steps": 3, "betas": (0.0, 0.9), "learning_rate": 1e-3, "schedule": "linear"}
SETTINGS |= {"average": 0.99}
LINE: Settings = {
    "learning_rate": 1e-3,
    "opponent_learning_rate": 3e-3,
    "batch_size": 128,
    "betas": (0.0, 0.9),
}
# CPU seconds -> (steps, settings).
DIGITS: Budgets = {50: (1_500, SETTINGS)}
MINI_MNIST: Budgets = {60: (1_500, SETTINGS)}
MNIST: Budgets = {150: (1_500, SETTINGS)}


def digits(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """8 x 8 digits: 16 latents, networks of two layers of 256."""
    return recipe(train, test, DIGITS, seconds, n_latent=16, width=256)


def mini_mnist(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """14 x 14 digits: 32 latents, networks of two layers of 256."""
    return recipe(train, test, MINI_MNIST, seconds, n_latent=32, width=256)


def mnist(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """MNIST: 64 latents, networks of two layers of 512."""
    return recipe(train, test, MNIST, seconds, n_latent=64, width=512)


RECIPES = {"digits": digits, "mini_mnist": mini_mnist, "mnist": mnist}


def recipe(
    train: Dataset, test: Dataset, budgets: Budgets, seconds: float | None, *, n_latent: int, width: int
) -> Recipe:
    """The recipe of images; budgets: table of steps and settings, of which that for `seconds` is taken."""
    budget, (n_steps, settings) = for_budget(budgets, seconds)
    x = torch.from_numpy(signed(train))
    generator = nn.Sequential(mlp((n_latent, width, width, x.shape[1])), nn.Tanh())
    critic = mlp((x.shape[1], width, width, 1), activation="leaky_relu")
    wgan = WGAN(generator, critic, n_latent=n_latent)

    def measure(wgan):
        samples = wgan.sample(1000, rng=torch.Generator().manual_seed(0))
        return digit_quality(digit_judge(x, train.labels), samples, x, signed(test))

    return Recipe(
        model=wgan,
        stages=(Stage(wgan, x, fit_adversarial, n_steps, settings, "minus the critic's mean"),),
        seconds=budget,
        draw=lambda wgan, rng: ((wgan.sample(N_SHOWN, rng=rng) + 1) / 2).clamp(0, 1),
        shows="samples of the generator",
        measure=measure,
    )


def line_game(
    kind: str, *, n_opponent_steps: int, n_steps: int, seed: int, one_sided: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """A game for N(3, 1/2) on a line: what the opponent reports while both learn, and the true distance.

    Both kinds play with the same networks, batches, rates and numbers of steps; only the loss differs.
    Returns two arrays (n_steps / 10,), measured every 10 generator steps. The critic reports
    E f(data) - E f(model), the discriminator minus its loss, E log D(data) + E log(1 - D(model)).

    Args:
        kind: "GAN" (its generator's loss is the one that does not saturate) or "WGAN" (with penalty).
        n_opponent_steps: steps of the opponent for each of the generator.
        n_steps: steps of the generator.
        seed: of the networks and of the batches.
        one_sided: the WGAN's penalty counts slopes above 1 only.
    """
    data = 3 + torch.randn(2000, 1, generator=torch.Generator().manual_seed(9)) / 2
    torch.manual_seed(seed)
    networks = mlp((2, 16, 1)), mlp((1, 32, 1))
    game = WGAN(*networks, n_latent=2, one_sided=one_sided) if kind == "WGAN" else GAN(*networks, n_latent=2)
    reports, distances = [], []

    def watch(step, game, _):
        if step % 10:
            return
        drawn = game.sample(500, rng=torch.Generator().manual_seed(0))
        with torch.no_grad():
            if kind == "WGAN":
                report = game.dual_value(data[:500], drawn)
            else:
                report = -game.opponent_loss(data[:500], drawn)
        reports.append(report.item())
        distances.append(earth_mover_1d(drawn[:, 0], data[:, 0]))

    steps: Settings = {"n_steps": n_steps, "n_opponent_steps": n_opponent_steps}
    fit_adversarial(game, data, **steps, **LINE, seed=seed, on_step=watch)
    return np.array(reports), np.array(distances)
