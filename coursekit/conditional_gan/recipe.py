"""How to train the conditional games of lecture 15: each function takes a seed and returns what has learned.

    words           coloured shapes from their three words
    stacked         the same in two stages, 8 x 8 pixels first
    colour_cycle    red and blue shapes against white ones, without pairs
    coloured        outlines into shapes whose colour is a coin
    enlarged        8 x 8 digits from 2 x 2 pixels
    grown           coloured shapes without words, from 4 x 4 pixels up
    mini_mnist      handwritten digits from their class, also for `coursekit train`

Shapes come from `data.shapes` with the seed of the run. Notebook 15_conditional_gans.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike
from torch import Tensor, nn

from coursekit.conditional_gan.conditional import (
    ConditionalDiscriminator,
    ConditionalGAN,
    ConditionalGenerator,
    StackedGenerator,
)
from coursekit.conditional_gan.growing import GrowingDiscriminator, GrowingGenerator
from coursekit.conditional_gan.super_resolution import ConsistentGenerator, shrink
from coursekit.conditional_gan.translation import CycleGAN, PatchDiscriminator, Pix2Pix, TranslationUNet
from coursekit.data import SHAPE_WORDS, Dataset, ink, shapes
from coursekit.draws import normal
from coursekit.evaluation import digit_judge
from coursekit.gan import GAN, batch_discriminator
from coursekit.networks import conv_net
from coursekit.training import N_SHOWN, Budgets, Recipe, Settings, Stage, fit, fit_adversarial, for_budget

GAMES: Settings = {"learning_rate": 2e-3, "batch_size": 64, "schedule": "linear", "average": 0.99}
# CPU seconds -> (steps, settings).
MINI_MNIST: Budgets = {20: (1200, GAMES)}
WORDS: Settings = {"n_latent": 8, "noise": 0.2}
# Error of the colours that come back, seeds 10 to 12: with a judge's rate of .002 and linear decay .045 to
# .049, with .001 .012 to .015, with .0005 .009 to .020; with .0007 and cosine .011 each.
CYCLE: Settings = {
    "learning_rate": 1e-2,
    "opponent_learning_rate": 7e-4,
    "batch_size": 12,
    "schedule": "cosine",
}
STACKED_STEPS = (250, 400)  # they take about as long as 500 updates at 16 x 16 alone
CYCLE_STEPS = 900
COLOURED_STEPS = 350
ENLARGED_STEPS = 1800
GROWN = {"growing": (200, 200, 400), "direct": (500,)}  # about the same CPU-seconds


def one_hot(attributes: ArrayLike) -> Tensor:
    """Words as ones and zeros: attributes (n, 3) -> (n, 11), colour, shape and place in turn."""
    attributes = torch.as_tensor(attributes)
    counts = [len(words) for words in SHAPE_WORDS.values()]
    return torch.cat([F.one_hot(attributes[:, k], n) for k, n in enumerate(counts)], dim=1).float()


def drawings(n: int, seed: int, attributes: np.ndarray | None = None) -> tuple[Tensor, Tensor]:
    """Drawn shapes (n, 3, 16, 16) in [0, 1], and their attributes (n, 3)."""
    images, attributes = shapes(n, attributes=attributes, rng=seed)
    return torch.from_numpy(images), torch.from_numpy(attributes)


def words(
    seed: int,
    *,
    merge: str = "projection",
    mismatched: float = 0.5,
    n_steps: int = 1000,
    attributes: np.ndarray | None = None,
) -> ConditionalGAN:
    """Shapes from words.

    Args:
        seed: of the drawings, of the networks and of the batches.
        merge: how the discriminator sees the words, see `ConditionalDiscriminator`.
        mismatched: weight of drawings with words of others among the fakes, in [0, 1).
        n_steps: of training.
        attributes: of the drawings to learn from, (n, 3); None draws 5000 of all kinds.
    """
    images, attributes = drawings(5000 if attributes is None else len(attributes), seed, attributes)
    torch.manual_seed(seed)
    generator = ConditionalGenerator(WORDS["n_latent"], 11, images[0].numel())
    game = ConditionalGAN(
        generator,
        ConditionalDiscriminator(images[0].numel(), 11, merge=merge),
        mismatched=mismatched,
        **WORDS,
    )
    pairs = (images.flatten(1), one_hot(attributes))
    fit_adversarial(game, pairs, n_steps=n_steps, seed=seed, device="cpu", **GAMES)
    return game


def stacked(seed: int, steps: tuple[int, int] = STACKED_STEPS) -> ConditionalGAN:
    """Shapes from words in two stages; steps: updates at 8 x 8 pixels, and at 16 x 16 on top of them."""
    images, attributes = drawings(5000, seed)
    pictures, conditions = (shrink(images, 2).flatten(1), images.flatten(1)), one_hot(attributes)
    n_latent, n_small = WORDS["n_latent"], pictures[0].shape[1]
    torch.manual_seed(seed)
    generator = ConditionalGenerator(n_latent, 11, n_small)
    for stage, n_steps in enumerate(steps):
        if stage == 1:
            second = ConditionalGenerator(n_latent, 11 + n_small, pictures[1].shape[1])
            generator = StackedGenerator(generator, second, n_first=n_latent)
        settings = WORDS | {"n_latent": (1 + stage) * n_latent}
        judge = ConditionalDiscriminator(pictures[stage].shape[1], 11)
        game = ConditionalGAN(generator, judge, **settings)
        fit_adversarial(
            game, (pictures[stage], conditions), n_steps=n_steps, seed=seed, device="cpu", **GAMES
        )
    return game


def chalk_white(images: Tensor) -> Tensor:
    """Drawn shapes (n, 3, h, w) without their colour, (n, 1, h, w): 0.1 the board, 0.9 the shape."""
    above = images.amax(1, keepdim=True) - 0.1
    return 0.1 + 0.8 * above / above.amax((2, 3), keepdim=True)


def red_and_blue(n: int, seed: int) -> Tensor:
    """Drawn shapes (n, 3, 16, 16), red or blue with equal chances."""
    return sketches(n, seed, share=0.5)[1]


class PixelTranslator(nn.Module):
    """Three convolutions on top of the brightness, (n, n_in, h, w) -> (n, n_out, h, w) in (0, 1).

    When new it is close to the identity on brightness, so that training need not invent the shapes.
    """

    def __init__(self, n_in: int, n_out: int, width: int = 24):
        super().__init__()
        self.network = conv_net((n_in, width, width, n_out))

    def forward(self, x: Tensor) -> Tensor:
        logits = x.clamp(0.02, 0.98).logit()  # small differences near white count for more
        brightness = x.mean(1, keepdim=True).clamp(0.02, 0.98)
        return (brightness.logit() + self.network(logits)).sigmoid()


def colour_cycle(seed: int, *, n_steps: int = CYCLE_STEPS, noise: float = 0.0) -> CycleGAN:
    """Red and blue shapes (A) and white ones (B), drawn independently; noise: see `CycleGAN`."""
    coloured, white = red_and_blue(4000, seed), chalk_white(red_and_blue(4000, seed + 1000))
    torch.manual_seed(seed)
    translators = PixelTranslator(3, 1), PixelTranslator(1, 3)
    judges = [nn.Sequential(nn.Flatten(), batch_discriminator(256 * k, 128)) for k in (3, 1)]
    game = CycleGAN(*translators, *judges, cycle_weight=30.0, noise=noise)
    fit_adversarial(game, (coloured, white), n_steps=n_steps, seed=seed, device="cpu", **CYCLE)
    return game


@torch.no_grad()
def hidden_colours(game: CycleGAN, images: Tensor) -> dict[str, float]:
    """Errors of the colours that come back through the white pictures, root mean squares.

    "plain": as they are; "noise 0.1": after noise on the white pictures; "16 levels": after rounding these to
    16 grey levels. For comparison "mean colour", always the same, and "another colour", that of a random
    other shape. "white": how far the white pictures are from chalk white, per pixel.
    """
    rng = torch.Generator().manual_seed(0)
    white, covered = game.forth(images), (images.amax(1, keepdim=True) > 0.5).float()

    def colour(pictures):
        return (pictures * covered).sum((2, 3)) / covered.sum((2, 3))

    def error(found):
        return (found - colour(images)).square().mean().sqrt().item()

    ways = {
        "plain": white,
        "noise 0.1": white + 0.1 * normal(white, rng),
        "16 levels": (15 * white).round() / 15,
    }
    errors = {name: error(colour(game.generator["back"](seen))) for name, seen in ways.items()}
    others = colour(images)[torch.randperm(len(images), generator=rng)]
    errors |= {"mean colour": error(colour(images).mean(0)), "another colour": error(others)}
    return errors | {"white": (white - chalk_white(images)).square().mean().sqrt().item()}


def outlines(images: Tensor) -> Tensor:
    """The edge of each drawn shape, ones and zeros (n, 1, h, w): covered pixels beside one that is not."""
    covered = (images.amax(1, keepdim=True) > 0.5).float()
    inner = -F.max_pool2d(-covered, 3, stride=1, padding=1)
    return covered - inner


def sketches(n: int, seed: int, share: float = 0.7) -> tuple[Tensor, Tensor, Tensor]:
    """Outlines (n, 1, 16, 16), drawings (n, 3, 16, 16), colours (n,): blue with chance `share`, else red."""
    rng = np.random.default_rng(seed)
    attributes = rng.integers(0, (4, 3, 4), size=(n, 3))
    attributes[:, 0] = 2 * (rng.random(n) < share)
    images, attributes = drawings(n, seed, attributes)
    return outlines(images), images, attributes[:, 0]


def coloured(seed: int, kind: str, *, n_steps: int = COLOURED_STEPS) -> Pix2Pix:
    """Outlines into shapes; kind: "l2", "l1" (the distance alone), "l1+gan" or "gan" (the game)."""
    outline, image, _ = sketches(4000, seed)
    torch.manual_seed(seed)
    network = TranslationUNet(1, 3, n_latent=4)
    weight, norm = (0.0 if kind == "gan" else 10.0), ("l2" if kind == "l2" else "l1")
    game = Pix2Pix(network, PatchDiscriminator(4), n_latent=4, weight=weight, norm=norm)
    options: Settings = {"n_steps": n_steps, "batch_size": 32, "learning_rate": 2e-3, "schedule": "linear"}
    loop = fit if kind in ("l1", "l2") else fit_adversarial
    loop(game, (outline, image), seed=seed, device="cpu", **options)
    return game


class MeanGame(nn.Module):
    """The generator of a conditional game alone, under squared error: what it learns is the mean picture."""

    def __init__(self, generator: nn.Module, n_latent: int):
        super().__init__()
        self.generator, self.n_latent = generator, n_latent

    def draw(self, y: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """A picture for each small one: all latents are 0."""
        return self.generator(y.new_zeros(len(y), self.n_latent), y)

    def loss(self, x: Tensor, y: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """Mean squared error over pictures and pixels."""
        return F.mse_loss(self.draw(y), x)


def enlarged(train: Dataset, seed: int, kind: str, *, n_steps: int = ENLARGED_STEPS) -> nn.Module:
    """8 x 8 digits from 2 x 2 pixels; kind: "mean" (squared error), "gan", "consistent" (shrinks to y)."""
    images, small = small_and_large(train)
    torch.manual_seed(seed)
    n_latent, n_small = 16, small[0].numel()
    generator = ConditionalGenerator(n_latent, n_small, images[0].numel())
    generator = (ConsistentGenerator if kind == "consistent" else Unflattened)(generator, images.shape[1:])
    if kind == "mean":
        game = MeanGame(generator, n_latent)
        fit(game, (images, small), n_steps=n_steps, seed=seed, device="cpu", **GAMES)
        return game
    discriminator = ConditionalDiscriminator(images[0].numel(), n_small)
    game = ConditionalGAN(generator, discriminator, n_latent=n_latent, noise=0.2)
    fit_adversarial(game, (images, small), n_steps=n_steps, seed=seed, device="cpu", **GAMES)
    return game


def small_and_large(images: Dataset) -> tuple[Tensor, Tensor]:
    """8 x 8 digits as ink (n, 1, 8, 8), and the means of their quarters (n, 1, 2, 2)."""
    large = torch.from_numpy(ink(images)).reshape(-1, 1, 8, 8)
    return large, shrink(large, 4)


class Unflattened(nn.Module):
    """A generator (z, y) -> (n, pixels) whose pictures get the shape image_shape."""

    def __init__(self, generator: nn.Module, image_shape: tuple[int, int, int]):
        super().__init__()
        self.generator, self.image_shape = generator, tuple(image_shape)

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        return self.generator(z, y).reshape(-1, *self.image_shape)


def grown(
    seed: int,
    steps: tuple[int, ...],
    *,
    width: int = 24,
    on_step: Callable[[GAN], object] | None = None,
    max_cpu_seconds: float | None = None,
) -> GAN:
    """Shapes without words. Each new layer is faded in over the first half of its steps.

    Args:
        seed: of the drawings, of the networks and of the batches.
        steps: updates at 4 x 4, 8 x 8 and 16 x 16 pixels; (n,) starts at 16 x 16.
        width: of both networks.
        on_step: called with the game after each step.
        max_cpu_seconds: for each size at most.
    """
    images, _ = drawings(5000, seed)
    torch.manual_seed(seed)
    generator, discriminator = GrowingGenerator(width=width), GrowingDiscriminator(width=width)
    game = GAN(generator, discriminator, n_latent=16)
    settings: Settings = {
        "learning_rate": 1e-3,
        "batch_size": 64,
        "instance_noise": 0.2,
        "instance_noise_until": 1.0,
    }
    first = 3 - len(steps)
    for level, n_steps in enumerate(steps, start=first):

        def grow(step, game, loss, level=level, n_steps=n_steps):
            if level > first:
                for part in (generator, discriminator):
                    part.set_growth(level, min(1.0, 2 * step / n_steps))
            if on_step is not None:
                on_step(game)

        for part in (generator, discriminator):
            part.set_growth(level, 1.0 if level == first else 0.0)
        x = shrink(images, 2 ** (2 - level))
        limits: Settings = {"n_steps": n_steps, "max_cpu_seconds": max_cpu_seconds}
        fit_adversarial(game, x, seed=seed + level, device="cpu", on_step=grow, **limits, **settings)
    return game


def mini_mnist(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """14 x 14 digits from their class: 16 latents, networks of two layers of 256, projection."""
    budget, (n_steps, settings) = for_budget(MINI_MNIST, seconds)
    x, labels = torch.from_numpy(ink(train)).float(), torch.tensor(train.labels)
    generator = ConditionalGenerator(16, 10, x.shape[1])
    game = ConditionalGAN(generator, ConditionalDiscriminator(x.shape[1], 10), n_latent=16, noise=0.2)
    pairs = (x, F.one_hot(labels, 10).float())

    def measure(game):
        judge = digit_judge(x, labels)
        rng = torch.Generator().manual_seed(0)
        return {"obeys": agreement(judge, game.sample(classes(1000), rng=rng), torch.arange(1000) % 10)}

    return Recipe(
        model=game,
        stages=(Stage(game, pairs, fit_adversarial, n_steps, settings, "the generator's, in nats"),),
        seconds=budget,
        draw=lambda game, rng: game.sample(classes(N_SHOWN), rng=rng),
        shows="samples of the generator, the digits 0 to 9 in turn",
        measure=measure,
    )


def classes(n: int) -> Tensor:
    """The classes 0 to 9 in turn, as ones and zeros (n, 10)."""
    return F.one_hot(torch.arange(n) % 10, 10).float()


def agreement(judge: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Share of the images in which the judge sees the class that was asked for."""
    return (judge.predict_proba(images).argmax(1) == labels).double().mean().item()


def digits(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """8 x 8 digits from their class, as `mini_mnist`."""
    return mini_mnist(train, test, seconds=seconds)


RECIPES = {"digits": digits, "mini_mnist": mini_mnist}


def by_class(make: Callable[..., Recipe]) -> Callable[..., Recipe]:
    """The same recipe, which also draws one digit on demand: none of these games does without the class."""

    def draw_class(game, labels, rng):
        return game.sample(F.one_hot(labels, 10).float(), rng=rng)

    return lambda *data, seconds=None: replace(make(*data, seconds=seconds), draw_class=draw_class)


BY_CLASS = {name: by_class(make) for name, make in RECIPES.items()}
