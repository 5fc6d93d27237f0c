"""Families that turn noise into images: flows, GANs, diffusion.

Where tasks have recipes of their own, a family is made for one: `flow(recipe.digits)` is a function
(task, seed, n_steps) -> `Family`.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F

from coursekit.comparison.bounds import ddpm_bound, density_bound
from coursekit.comparison.protocol import Family, Task, classes, count, floored, rounded, trained
from coursekit.data import Dataset, signed
from coursekit.ddpm import DDPM, cosine_schedule
from coursekit.ddpm import recipe as ddpm_recipe
from coursekit.gan import recipe as gan_recipe
from coursekit.gan_training import find_code
from coursekit.networks import TimeMLP
from coursekit.training import Recipe, fit


def flow(build: Callable) -> Callable:
    """Couplings between rotations or shuffles, behind a logit."""

    def family(task: Task, seed: int, n_steps: int) -> Family:
        torch.manual_seed(seed)
        model = trained(build(task.train, task.test), seed, n_steps)
        return Family(
            draw=lambda n, rng: floored(model.sample(n, rng=rng), task.n_levels),
            kind="bound",
            log_prob=lambda x: (density_bound(model.log_prob, x), 0.0),
            n_parameters=count(model),
            n_steps=n_steps,
            rebuild=lambda x: model.inverse(model.forward(x + 0.5)[0])[0] - 0.5,
            n_latent=task.x.shape[1],
        )

    return family


def conditional_flow(build: Callable) -> Callable:
    """The flow whose couplings see the class."""

    def family(task: Task, seed: int, n_steps: int) -> Family:
        torch.manual_seed(seed)
        model = trained(build(task.train, task.test), seed, n_steps)

        def on_demand(labels, rng):
            return floored(model.sample(len(labels), condition=labels, rng=rng), task.n_levels)

        def log_density(y):  # p(x) is at least p(x, y) = p(x | y) / 10 for the right class y
            return model.log_prob(y, condition=task.new_labels) - math.log(10)

        return Family(
            draw=lambda n, rng: on_demand(classes(n, rng), rng),
            kind="bound",
            log_prob=lambda x: (density_bound(log_density, x), 0.0),
            n_parameters=count(model),
            n_steps=n_steps,
            on_demand=on_demand,
        )

    return family


def game(build: Callable, *, seconds: float | None = None) -> Callable:
    """The perceptrons of lecture 12 or 14; an image's code is searched by gradient (lecture 13).

    seconds: the recipe's budget of that many CPU-seconds, where it has several.
    """

    def family(task: Task, seed: int, n_steps: int) -> Family:
        torch.manual_seed(seed)
        made = build(task.train, task.test, seconds=seconds)
        model, top = trained(made, seed, n_steps), task.n_levels - 1

        def rebuild(x):
            rng, target = torch.Generator().manual_seed(0), 2 * task.shade(x) - 1
            how = {"n_latent": model.n_latent, "n_starts": 4, "n_steps": 200, "rng": rng}
            z, _ = find_code(model.generator, target, **how)
            return (model.generator(z) + 1) / 2 * top

        return Family(
            draw=lambda n, rng: rounded((model.sample(n, rng=rng) + 1) / 2 * top, task.n_levels),
            n_parameters=count(model),
            n_steps=n_steps,
            rebuild=rebuild,
            n_latent=model.n_latent,
        )

    return family


def short_gan(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """The GAN of lecture 12 on 8 x 8 digits, with its settings for a short run on 14 x 14 ones."""
    return gan_recipe.images(train, test, {10: (1_600, gan_recipe.SHORT)}, seconds, n_latent=16)


def conditional_game(build: Callable) -> Callable:
    """The GAN whose generator and discriminator are told the class (lecture 15)."""

    def family(task: Task, seed: int, n_steps: int) -> Family:
        torch.manual_seed(seed)
        model = trained(build(task.train, task.test), seed, n_steps)

        def on_demand(labels, rng):
            images = model.sample(F.one_hot(labels, 10).float(), rng=rng)
            return rounded((task.n_levels - 1) * images, task.n_levels)

        return Family(
            draw=lambda n, rng: on_demand(classes(n, rng), rng),
            n_parameters=count(model),
            n_steps=n_steps,
            on_demand=on_demand,
        )

    return family


def ddpm(build: Callable) -> Callable:
    """All 1000 steps back; also 50 steps of DDIM, without noise and with all of it."""

    def family(task: Task, seed: int, n_steps: int) -> Family:
        torch.manual_seed(seed)
        model, top = trained(build(task.train, task.test), seed, n_steps), task.n_levels - 1

        def levels(x):
            return rounded((x + 1) / 2 * top, task.n_levels)

        return Family(
            draw=lambda n, rng: levels(model.sample(n, rng=rng)),
            kind="bound",
            log_prob=lambda x: (ddpm_bound(model, 2 * task.shade(x) - 1, top), 0.0),
            n_parameters=count(model),
            n_steps=n_steps,
            rebuild=lambda x: (there_and_back(model, 2 * task.shade(x) - 1) + 1) / 2 * top,
            n_latent=task.x.shape[1],
            other_ways={
                "DDIM, 50": lambda n, rng: levels(model.sample_ddim(n, 50, rng=rng)),
                "DDIM, 50, eta 1": lambda n, rng: levels(model.sample_ddim(n, 50, eta=1.0, rng=rng)),
            },
        )

    return family


def there_and_back(model: DDPM, x: torch.Tensor) -> torch.Tensor:
    """Images (n, d) in [-1, 1], up to noise in 50 steps of DDIM and down again."""
    steps = torch.linspace(0, model.schedule.T, 51).round().long().tolist()
    way = list(zip(steps[1:-1], steps[2:], strict=True))  # at t = 0 there is no noise to predict yet
    for t, s in [(steps[1], steps[1]), *way, *[(s, t) for t, s in reversed(way)]]:
        x = model.ddim_step(x, torch.full((len(x),), t), torch.full((len(x),), s))
    return model.predict_x0(x, torch.full((len(x),), steps[1]))


def conditional_ddpm(task: Task, seed: int, n_steps: int) -> Family:
    """The same network, told the class of nine in ten examples; 50 steps of DDIM with noise."""
    torch.manual_seed(seed)
    d, width = task.x.shape[1], 128 if task.name == "digits" else 256
    network = TimeMLP(d, width=width, n_classes=10)
    model, top = DDPM(network, cosine_schedule(1000), shape=d, target="v"), task.n_levels - 1
    rows = torch.from_numpy(signed(task.train)), task.labels
    fit(model, rows, n_steps=n_steps, seed=seed, device="cpu", **ddpm_recipe.PIXELS)
    model.requires_grad_(False).eval()

    def on_demand(labels, rng):
        x = model.sample_ddim(len(labels), 50, eta=1.0, condition=labels, rng=rng)
        return rounded((x + 1) / 2 * top, task.n_levels)

    return Family(
        draw=lambda n, rng: on_demand(classes(n, rng), rng),
        n_parameters=count(model),
        n_steps=n_steps,
        on_demand=on_demand,
    )
