"""How to train a diffusion model: on the pixels of small digits, on the codes of an autoencoder for MNIST.

The target v and the cosine schedule for all. On 64 pixels a perceptron that knows the time does in a fraction
of the time what a U-Net does, and learns more in the same seconds. On 784 the autoencoder gets the first 40 %
of the time.
"""

import torch

from coursekit.data import Dataset, ink, signed
from coursekit.ddpm.latent import LatentCoder, LatentDDPM
from coursekit.ddpm.model import DDPM
from coursekit.ddpm.schedule import cosine_schedule
from coursekit.networks import TimeMLP
from coursekit.training import N_SHOWN, Recipe, Stage, fit, for_budget

ETA = 1.0  # on pixels DDIM's own noise, that of Algorithm 2; 0 would be its walk without any
PIXELS = {"batch_size": 64, "learning_rate": 1.5e-3, "schedule": "cosine", "average": 0.998}
CODER = {"batch_size": 256, "learning_rate": 2e-3, "optimizer": "adamw", "schedule": "cosine"}
CODES = {"batch_size": 256, "learning_rate": 3e-3, "optimizer": "adamw", "schedule": "cosine"}
CODES |= {"average": 0.995}
# CPU seconds -> (steps, settings); of MNIST: of the coder and of the diffusion.
DIGITS = {40: (8_500, PIXELS)}
MINI_MNIST = {60: (5_500, PIXELS)}
MNIST = {60: ((1_400, CODER), (1_700, CODES))}
CODER_SHARE = 0.4


def digits(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """8 x 8 digits: a perceptron of width 128 on the pixels."""
    return pixels(train, DIGITS, seconds, width=128)


def mini_mnist(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """14 x 14 digits: a perceptron of width 256 on the pixels."""
    return pixels(train, MINI_MNIST, seconds, width=256)


def mnist(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """MNIST: an autoencoder 784-512-256-32, and a perceptron of width 256 on its codes."""
    budget, ((coder_steps, coder_settings), (n_steps, settings)) = for_budget(MNIST, seconds)
    x = torch.from_numpy(ink(train))
    coder = LatentCoder(x.shape[1])
    model = LatentDDPM(coder, DDPM(TimeMLP(32, width=256), cosine_schedule(1000), shape=32, target="v"))
    return Recipe(
        model=model,
        stages=(
            Stage(coder, x, fit, coder_steps, coder_settings, "cross-entropy in nats", CODER_SHARE),
            Stage(
                model.ddpm,
                lambda: model.learn_codes(x),
                fit,
                n_steps,
                settings,
                "squared error",
                1 - CODER_SHARE,
            ),
        ),
        seconds=budget,
        draw=lambda model, rng: model.sample(N_SHOWN, rng=rng),
        shows="samples: codes in 50 strides (DDIM), read by the autoencoder",
    )


RECIPES = {"digits": digits, "mini_mnist": mini_mnist, "mnist": mnist}


def pixels(train, budgets, seconds, *, width) -> Recipe:
    """The recipe on pixels in [-1, 1]; budgets: table of steps and settings, that for `seconds` is taken."""
    budget, (n_steps, settings) = for_budget(budgets, seconds)
    x = torch.from_numpy(signed(train))
    n = x.shape[1]
    model = DDPM(TimeMLP(n, width=width), cosine_schedule(1000), shape=n, target="v")
    return Recipe(
        model=model,
        stages=(Stage(model, x, fit, n_steps, settings, "squared error"),),
        seconds=budget,
        draw=lambda model, rng: ((model.sample_ddim(N_SHOWN, 50, eta=ETA, rng=rng) + 1) / 2).clamp(0, 1),
        shows="samples in 50 strides (DDIM)",
    )
