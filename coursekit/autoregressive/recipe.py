"""How to train autoregressive models on digits: few channels, small batches, a mixture of logistics.

Wide convolutions are slow on a CPU, and on 1437 digits the wide and the long-trained overfit, unless whole
channels are silenced now and then, between the layers too. Small batches:
at the same number of images seen, many small steps beat few large ones. The same loop serves every model of
the lecture, so that what differs in a table is the model.
"""

import math

import torch
from torch import Tensor, nn

from coursekit.autoregressive.chain import MADE, FullyVisibleBeliefNet
from coursekit.autoregressive.maskgit import MaskGIT
from coursekit.autoregressive.pixelcnn import Ablation, PixelCNN
from coursekit.autoregressive.pixelrnn import PixelRNN
from coursekit.data import Dataset, binarised, ink
from coursekit.training import N_SHOWN, Budgets, FreshPixels, Recipe, Settings, Stage, fit, for_budget

SETTINGS: Settings = {"schedule": "cosine", "batch_size": 32, "learning_rate": 0.01}
# CPU seconds -> (steps, settings).
DIGITS: Budgets = {10: (400, SETTINGS), 25: (1000, SETTINGS)}
MINI_MNIST: Budgets = {60: (400, SETTINGS)}
# Nats of 3000 images kept from training, seed 10: 4 layers of 32 channels in batches of 16 (rate .005) -91.4,
# of 8 -90.3, of 4 -90.2; 24 channels in batches of 8 (.007 to .01) with 4 layers -90.3, 5 -89.9, 6 -89.8.
MNIST: Budgets = {110: (2100, {"schedule": "cosine", "batch_size": 8, "learning_rate": 7e-3})}
N_LEVELS = 17  # of digits and mini-MNIST


def digits(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """8 x 8 digits: gated, 4 layers of 20 channels, a mixture of 5 discretised logistics, dropout."""
    options: Settings = {"head": "logistic", "width": 20, "dropout": 0.1, "layer_dropout": 0.05}
    model = PixelCNN(train.image_shape, n_levels=N_LEVELS, **options)
    budget, (n_steps, settings) = for_budget(DIGITS, seconds)
    return grey(model, train, test, budget, n_steps, settings)


def mini_mnist(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """14 x 14 digits: gated, 5 layers of 16 channels that look 5 pixels wide."""
    model = PixelCNN(train.image_shape, n_levels=N_LEVELS, head="logistic", kernel=5, n_layers=5)
    budget, (n_steps, settings) = for_budget(MINI_MNIST, seconds)
    return grey(model, train, test, budget, n_steps, settings)


def mnist(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """28 x 28 digits in black and white: two stacks with ReLU, the first windows wide, the others narrow."""
    model = PixelCNN(train.image_shape, first_kernel=7, width=24, n_layers=6, without="gates")
    budget, (n_steps, settings) = for_budget(MNIST, seconds)
    return black_and_white(model, train, test, budget, n_steps, settings)


RECIPES = {"digits": digits, "mini_mnist": mini_mnist, "mnist": mnist}


def softmax(train: Dataset, test: Dataset) -> Recipe:
    """8 x 8 digits: as `digits`, with a softmax over the 17 levels."""
    model = PixelCNN(train.image_shape, n_levels=N_LEVELS, width=20, dropout=0.1, layer_dropout=0.05)
    return grey(model, train, test, 25, 1000, SETTINGS)


def plain(train: Dataset, test: Dataset) -> Recipe:
    """8 x 8 digits: masked convolutions with their blind spot, ReLU, no skip connections, no dropout."""
    model = PixelCNN(train.image_shape, n_levels=N_LEVELS, head="logistic", gated=False, width=24)
    return grey(model, train, test, 15, 600, SETTINGS)


# What the gated network is built without -> its width: about 20 000 weights that no mask holds at 0, each.
WIDTHS: dict[Ablation | None, int] = {None: 16, "gates": 22, "skips": 16, "second stack": 22}


def ablated(train: Dataset, test: Dataset, *, without: Ablation | None) -> Recipe:
    """8 x 8 digits: a gated network with one of its parts left out, or with none; no dropout.

    Args:
        train: what is learned from.
        test: what the bits are counted on.
        without: the part.
    """
    width = WIDTHS[without]
    model = PixelCNN(train.image_shape, n_levels=N_LEVELS, head="logistic", width=width, without=without)
    return grey(model, train, test, 15, 600, SETTINGS)


def row_lstm(train: Dataset, test: Dataset) -> Recipe:
    """8 x 8 digits: a row LSTM of 32 channels."""
    return grey(PixelRNN(train.image_shape, n_levels=N_LEVELS), train, test, 15, 300, SETTINGS)


def fully_visible(train: Dataset, test: Dataset) -> Recipe:
    """8 x 8 digits: 64 softmax regressions, the baseline of the lecture; longer runs overfit."""
    model = FullyVisibleBeliefNet(train.x.shape[1], N_LEVELS)
    return grey(model, train, test, 2, 300, SETTINGS | {"batch_size": 64})


def masked(train: Dataset, test: Dataset) -> Recipe:
    """8 x 8 digits: fill in the blanks, two residual blocks of 256."""
    model = MaskGIT(train.x.shape[1], n_levels=N_LEVELS)
    settings = SETTINGS | {"batch_size": 256, "learning_rate": 2e-3}
    return grey(model, train, test, 5, 500, settings)


def bits(train: Dataset, test: Dataset) -> Recipe:
    """8 x 8 digits in black and white: MADE with one hidden layer, pixels drawn anew for every batch."""
    model = MADE(train.x.shape[1], hidden=(512, 512), dropout=0.2)
    settings: Settings = {"schedule": "cosine", "batch_size": 128, "learning_rate": 3e-3}
    return black_and_white(model, train, test, 20, 2000, settings)


def black_and_white(
    model: nn.Module, train: Dataset, test: Dataset, budget: float, n_steps: int, settings: Settings
) -> Recipe:
    """The recipe of bits for any of the models: pixels drawn anew for every batch, tested on one draw."""
    new = torch.tensor(binarised(test).x, dtype=torch.float32)
    x = torch.from_numpy(ink(train))
    stage = Stage(FreshPixels(model), x, fit, n_steps, settings, "minus the log-likelihood in nats")
    return Recipe(
        model=model,
        stages=(stage,),
        seconds=budget,
        draw=lambda model, rng: model.sample(N_SHOWN, rng=rng).float(),
        shows="samples",
        measure=lambda model: {"log-likelihood of the test set, nats": mean_log_prob(model, new)},
    )


def grey(
    model: nn.Module, train: Dataset, test: Dataset, budget: float, n_steps: int, settings: Settings
) -> Recipe:
    """The recipe of grey levels for any of the models."""
    new = torch.tensor(test.x, dtype=torch.float32)
    stage = Stage(
        model,
        torch.tensor(train.x, dtype=torch.float32),
        fit,
        n_steps,
        settings,
        "minus the log-likelihood in nats",
    )
    per_bit = new.shape[1] * math.log(2)
    return Recipe(
        model=model,
        stages=(stage,),
        seconds=budget,
        draw=lambda model, rng: model.sample(N_SHOWN, rng=rng) / (N_LEVELS - 1),
        shows="samples",
        measure=lambda model: {"bits per pixel of the test set": -mean_log_prob(model, new) / per_bit},
    )


@torch.no_grad()
def mean_log_prob(model: nn.Module, x: Tensor) -> float:
    """Mean log p in nats of images x (n, d); of a masked model over random orders, one for each fifty."""
    rng = torch.Generator().manual_seed(0)
    options = {"rng": rng} if isinstance(model, MaskGIT) else {}
    return torch.cat([model.log_prob(part, **options) for part in x.split(50)]).mean().item()
