"""How to train a DCGAN on digits and on drawn shapes, the same with a rule left out, and games on a ring.

Small batches, a learning rate of .002 that falls to 0, the loss that does not saturate.

    digits, mini_mnist, mnist   the recipe for images
    variant                     the same on a small budget, with one rule of DCGAN left out or one trick added
    drawn_shapes, arithmetic    coloured shapes, and sums of their codes
    ring_game                   eight narrow Gaussians on a circle: plain, unrolled, and what costs as much
    judge                       the classifier by which generated digits are judged

Notebook 13_training_gans.
"""

import itertools
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from coursekit.data import Dataset, read_shapes, shapes, signed, toy2d
from coursekit.evaluation import DigitClassifier, mode_coverage
from coursekit.gan import GAN, batch_discriminator
from coursekit.gan_training import MinibatchDiscrimination, UnrolledGAN, dcgan
from coursekit.networks import mlp
from coursekit.training import N_SHOWN, Recipe, Stage, fit_adversarial, for_budget

N_LATENT = 32
IMAGES = {"batch_size": 64, "learning_rate": 2e-3, "schedule": "linear"}
# CPU seconds -> (steps, settings).
DIGITS = {30: (2_500, IMAGES)}
MINI_MNIST = {60: (1_900, IMAGES)}
MNIST = {120: (3_000, IMAGES)}

N_STEPS = 300  # of every variant
# Rule of DCGAN that is left out, or trick that is added -> keywords of `dcgan`, of GAN, of the loop.
VARIANTS = {
    "all five rules": ({}, {}, {}),
    "1 · pooling, no strides": ({"strided": False}, {}, {}),
    "2 · no batch norm": ({"batch_norm": False}, {}, {}),
    "3 · a dense hidden layer": ({"dense": 128}, {}, {}),
    "4 · linear output, no tanh": ({"output": "linear"}, {}, {}),
    "5 · ReLU in D": ({"discriminator_activation": "relu"}, {}, {}),
    "labels smoothed by .1": ({}, {"label_smoothing": 0.1}, {}),
    "least squares": ({}, {"objective": "least_squares"}, {}),
    "two steps of D, 5/8 of the run": ({}, {}, {"n_opponent_steps": 2, "n_steps": 5 * N_STEPS // 8}),
}

SHAPES_STEPS = 350

# Eight Gaussians on a circle; the generator is five times as fast as the discriminator, so the plain game
# collapses.
RING = {"batch_size": 128, "learning_rate": 5e-3, "opponent_learning_rate": 1e-3, "schedule": "linear"}
RING_STD, RING_STEPS, INNER_RATE = 0.02, 800, 0.1
# Game -> objective, K and what becomes of the derivative, steps of D, a layer that sees the batch.
RING_GAMES = {
    "plain": {},
    "plain, three times as long": {"n_steps": 3 * RING_STEPS},
    "plain, value of the game": {"objective": "minimax"},
    "unrolled, value of the game": {"objective": "minimax", "n_unrolled": 5},
    "unrolled": {"n_unrolled": 5},
    "unrolled, derivative cut off": {"n_unrolled": 5, "differentiate": False},
    "six steps of D": {"n_opponent_steps": 6},
    "minibatch features": {"sees": "features"},
    "spread of the batch": {"sees": "spread"},
}
RING_SHOWN = ("plain", "unrolled, value of the game", "six steps of D")


def digits(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """8 x 8 digits."""
    return images(train, DIGITS, seconds)


def mini_mnist(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """14 x 14 digits."""
    return images(train, MINI_MNIST, seconds)


def mnist(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """MNIST."""
    return images(train, MNIST, seconds)


RECIPES = {"digits": digits, "mini_mnist": mini_mnist, "mnist": mnist}


def images(train: Dataset, budgets: dict, seconds: float | None) -> Recipe:
    """The recipe of images; budgets: table of steps and settings, of which that for `seconds` is taken."""
    budget, (n_steps, settings) = for_budget(budgets, seconds)
    x = pictures(train)
    game = GAN(*dcgan(x.shape[1:], n_latent=N_LATENT), n_latent=N_LATENT)
    return Recipe(
        model=game,
        stages=(Stage(game, x, fit_adversarial, n_steps, settings, "the generator's, in nats"),),
        seconds=budget,
        draw=lambda game, rng: ((game.sample(N_SHOWN, rng=rng).flatten(1) + 1) / 2).clamp(0, 1),
        shows="samples of the generator",
    )


def pictures(images: Dataset) -> Tensor:
    """Grey images as a generator with tanh makes them: (n, 1, height, width) in [-1, 1]."""
    return torch.from_numpy(signed(images)).reshape(-1, 1, *images.image_shape)


def variant(name: str, x: Tensor, *, seed: int, n_steps: int | None = None) -> GAN:
    """A DCGAN on pictures x (n, channels, height, width), trained, with what `name` of VARIANTS changes."""
    network, of_game, of_loop = VARIANTS[name]
    settings = IMAGES | {"n_steps": N_STEPS} | of_loop | ({} if n_steps is None else {"n_steps": n_steps})
    torch.manual_seed(seed)
    game = GAN(*dcgan(x.shape[1:], n_latent=N_LATENT, **network), n_latent=N_LATENT, **of_game)
    fit_adversarial(game, x, seed=seed, device="cpu", **settings)
    return game


def second_chance(x: Tensor, *, seed: int, n_steps: int = 3 * N_STEPS) -> GAN:
    """The variant without batch norm, at a quarter of the learning rate and with three times the steps."""
    torch.manual_seed(seed)
    game = GAN(*dcgan(x.shape[1:], n_latent=N_LATENT, batch_norm=False), n_latent=N_LATENT)
    settings = IMAGES | {"learning_rate": IMAGES["learning_rate"] / 4, "n_steps": n_steps}
    fit_adversarial(game, x, seed=seed, device="cpu", **settings)
    return game


def judge(train: Dataset) -> DigitClassifier:
    """A classifier of real digits in [-1, 1], always the same: what samples are judged by."""
    return DigitClassifier(train.x.shape[1]).fit(signed(train), train.labels, seed=100)


def drawn_shapes(*, seed: int, n_steps: int = SHAPES_STEPS) -> GAN:
    """A DCGAN on 6000 drawn coloured shapes, 16 x 16 pixels in [-1, 1], trained."""
    images, _ = shapes(6000, rng=seed)
    x = torch.from_numpy(2 * images - 1)
    torch.manual_seed(seed)
    game = GAN(*dcgan(x.shape[1:], n_latent=N_LATENT), n_latent=N_LATENT)
    fit_adversarial(game, x, n_steps=n_steps, seed=seed, device="cpu", **IMAGES)
    return game


def arithmetic(game: GAN, *, seed: int, n_codes: int = 6000) -> tuple[dict[str, float], Tensor]:
    """Code of a red circle, less a red square, plus a blue square: a blue circle? (shares, some pictures).

    All 72 such sums over 4 colours and 3 shapes, each once with single codes and once with the mean code of
    each kind, brought back to the length of a code. Shares of the sums with the colour and shape hoped for:
    "single", "means", beside "chance", the share of fresh samples of that kind; "readable" of the samples.
    "agreement" is the mean cosine between the step from one colour to another in one shape and in another.
    pictures (4, 4, 3, 16, 16): the three samples and the sum, of four trials with single codes.
    """
    rng = torch.Generator().manual_seed(seed)
    z = torch.randn(n_codes, game.n_latent, generator=rng)
    words = torch.from_numpy(look(game, z))
    found, pictured, cosines = {"single": [], "means": [], "chance": []}, [], []
    for (one, other), (this, that) in itertools.product(
        itertools.permutations(range(4), 2), itertools.permutations(range(3), 2)
    ):
        kinds = [kind(z, words, *of) for of in ((one, this), (one, that), (other, that), (other, this))]
        if min(map(len, kinds)) == 0:
            raise ValueError("the generator does not draw every colour of every shape: train it longer")
        for how, (a, b, c) in (
            ("single", [codes[0] for codes in kinds[:3]]),
            ("means", [codes.mean(0) for codes in kinds[:3]]),
        ):
            total = a - b + c
            total = total * game.n_latent**0.5 / total.norm()
            colour, shape, _ = look(game, total[None])[0]
            found[how].append(colour == other and shape == this)
            if how == "single":
                pictured.append(torch.stack([a, b, c, total]))
        found["chance"].append(len(kinds[3]) / n_codes)
        means = [codes.mean(0) for codes in kinds]
        cosines.append(torch.cosine_similarity(means[3] - means[0], means[2] - means[1], dim=0).item())
    shares = {name: float(np.mean(values)) for name, values in found.items()}
    shares |= {"agreement": float(np.mean(cosines)), "readable": (words >= 0).all(1).double().mean().item()}
    with torch.no_grad():
        some = game.generator(torch.cat(pictured[::20]))
    return shares, some.reshape(-1, 4, *some.shape[1:])


@torch.no_grad()
def look(game: GAN, z: Tensor) -> np.ndarray:
    """Colour, shape and place on the pictures of codes z (n, n_latent), as numbers (n, 3); -1: unreadable."""
    return read_shapes((game.generator(z).numpy() + 1) / 2)


def kind(z: Tensor, words: Tensor, colour: int, shape: int) -> Tensor:
    """Those codes whose pictures show this colour and this shape."""
    return z[(words[:, 0] == colour) & (words[:, 1] == shape)]


def ring_game(
    name: str, *, seed: int, n_steps: int | None = None, on_step: Callable | None = None
) -> UnrolledGAN:
    """One game on the ring, trained; name: of RING_GAMES. on_step: as in `fit_adversarial`."""
    options = {"objective": "non_saturating", "n_unrolled": 0, "differentiate": True, "sees": "one"}
    options |= {"n_opponent_steps": 1, "n_steps": RING_STEPS} | RING_GAMES[name]
    torch.manual_seed(seed)
    generator = mlp((2, 64, 64, 2))
    match options["sees"]:
        case "features":
            first = [nn.Linear(2, 64), nn.LeakyReLU(), MinibatchDiscrimination(64, 8)]
            discriminator = nn.Sequential(*first, mlp((72, 64, 1), activation="leaky_relu"))
        case "spread":
            discriminator = batch_discriminator(2, 64)
        case _:
            discriminator = mlp((2, 64, 64, 1), activation="leaky_relu")
    game = UnrolledGAN(
        generator,
        discriminator,
        n_latent=2,
        n_unrolled=options["n_unrolled"],
        inner_rate=INNER_RATE,
        differentiate=options["differentiate"],
        objective=options["objective"],
    )
    x = torch.tensor(toy2d("ring", 20_000, rng=1000 + seed).x, dtype=torch.float32)
    loop = RING | {"n_opponent_steps": options["n_opponent_steps"], "n_steps": n_steps or options["n_steps"]}
    fit_adversarial(game, x, seed=seed, device="cpu", on_step=on_step, **loop)
    return game


def ring_coverage(game: GAN) -> dict[str, float]:
    """Modes, share of good samples and KL from even shares, of 5000 samples of a game on the ring."""
    samples = game.sample(5000, rng=torch.Generator().manual_seed(0))
    return mode_coverage(samples, toy2d("ring", 1, rng=0).centers, RING_STD)
