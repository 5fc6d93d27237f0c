"""Families that go pixel by pixel, or fill in the blanks: MADE, PixelCNN, the masked model (lecture 06)."""

from typing import Any

import torch
from torch import nn

from coursekit.autoregressive import MADE, MaskGIT, PixelCNN
from coursekit.autoregressive import recipe as autoregressive_recipe
from coursekit.comparison.protocol import Family, Task, count
from coursekit.data import ink
from coursekit.training import FreshPixels, fit


def autoregressive(task: Task, seed: int, n_steps: int, model: nn.Module, **settings: Any) -> Family:
    """Any model of lecture 06: on the bits each batch is drawn anew."""
    settings = autoregressive_recipe.SETTINGS | settings
    learner, x = (
        (FreshPixels(model), torch.from_numpy(ink(task.train))) if task.name == "bits" else (model, task.x)
    )
    fit(learner, x, n_steps=n_steps, seed=seed, device="cpu", **settings)
    model.requires_grad_(False).eval()
    masked = isinstance(model, MaskGIT)
    return Family(
        draw=lambda n, rng: model.sample(n, rng=rng).float(),
        # The mean over orders of log P is a bound for the mixture over orders, from which one draws.
        kind="bound" if masked else "exact",
        log_prob=lambda x: (autoregressive_recipe.mean_log_prob(model, x), 0.0),
        n_parameters=count(model),
        n_steps=n_steps,
    )


def made(task: Task, seed: int, n_steps: int) -> Family:
    """MADE: a masked perceptron."""
    torch.manual_seed(seed)
    hidden = (512, 512) if task.name == "bits" else (512,)
    model = MADE(task.x.shape[1], task.n_levels, hidden=hidden, dropout=0.2 if task.name == "bits" else 0.5)
    return autoregressive(task, seed, n_steps, model, batch_size=128, learning_rate=3e-3)


def pixelcnn(task: Task, seed: int, n_steps: int) -> Family:
    """On grey levels the network of lecture 06 for small digits, on bits a plain one with a softmax."""
    torch.manual_seed(seed)
    if task.n_levels == 2:
        model = PixelCNN(task.train.image_shape)
    else:  # on 14 x 14 digits too: the lecture's larger one is for a minute
        model = autoregressive_recipe.digits(task.train, task.test).model
    return autoregressive(task, seed, n_steps, model)


def masked(task: Task, seed: int, n_steps: int) -> Family:
    """Fill in the blanks, a pixel at a time in random order; also 8 passes, the most confident first."""
    torch.manual_seed(seed)
    model = MaskGIT(task.x.shape[1], n_levels=task.n_levels)
    family = autoregressive(task, seed, n_steps, model, batch_size=256, learning_rate=2e-3)

    def quick(n, rng):
        return model.sample(n, n_steps=8, choose="confidence", temperature=1.0, rng=rng).float()

    family.other_ways = {"8 passes": quick}
    return family
