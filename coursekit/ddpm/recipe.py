"""How to train a diffusion model: on the pixels of small digits, on the codes of an autoencoder for MNIST.

The target v and the cosine schedule for all. On 64 pixels a perceptron that knows the time does in a fraction
of the time what a U-Net does, and learns more in the same seconds. On 784 the autoencoder gets the first 40 %
of the time. Digits on demand are the scores of a PCA, of a network that is told the class, with guidance.
"""

from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from coursekit.data import Dataset, ink, signed
from coursekit.ddpm.latent import LatentCoder, LatentDDPM
from coursekit.ddpm.model import DDPM
from coursekit.ddpm.schedule import cosine_schedule
from coursekit.evaluation import (
    DigitClassifier,
    digit_judge,
    digit_quality,
    frechet_distance,
    precision_recall,
)
from coursekit.networks import TimeMLP
from coursekit.pca import PCA
from coursekit.training import N_SHOWN, Budgets, Recipe, Settings, Stage, fit, for_budget

ETA = 1.0  # on pixels and scores DDIM's own noise, that of Algorithm 2; 0 would be its walk without any
PIXELS: Settings = {"batch_size": 64, "learning_rate": 1.5e-3, "schedule": "cosine", "average": 0.998}
CODER: Settings = {"batch_size": 256, "learning_rate": 2e-3, "optimizer": "adamw", "schedule": "cosine"}
CODES: Settings = {"batch_size": 256, "learning_rate": 3e-3, "optimizer": "adamw", "schedule": "cosine"}
CODES |= {"average": 0.995}
CLASS_DIGITS: Settings = {"batch_size": 128, "learning_rate": 3e-3, "schedule": "cosine", "average": 0.995}
# CPU seconds -> (steps, settings); of MNIST: of the coder and of the diffusion.
DIGITS: Budgets = {40: (8_500, PIXELS)}
MINI_MNIST: Budgets = {60: (5_500, PIXELS)}
ON_DEMAND: Budgets = {15: (4_500, CLASS_DIGITS)}
MNIST: dict[float, tuple[tuple[int, Settings], tuple[int, Settings]]] = {60: ((1_400, CODER), (1_700, CODES))}
CODER_SHARE = 0.4
GUIDANCE = 0.25  # of six weights from 0 to 4 that of the least Frechet distance: data/results/ddpm_guided


def digits(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """8 x 8 digits: a perceptron of width 128 on the pixels."""
    return pixels(train, test, DIGITS, seconds, width=128)


def mini_mnist(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """14 x 14 digits: a perceptron of width 256 on the pixels."""
    return pixels(train, test, MINI_MNIST, seconds, width=256)


def mnist(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """MNIST: an autoencoder 784-512-256-32, and a perceptron of width 256 on its codes."""
    budget, ((coder_steps, coder_settings), (n_steps, settings)) = for_budget(MNIST, seconds)
    x = torch.from_numpy(ink(train))
    coder = LatentCoder(x.shape[1])
    model = LatentDDPM(coder, DDPM(TimeMLP(32, width=256), cosine_schedule(1000), shape=32, target="v"))

    def measure(model):
        samples = model.sample(500, rng=torch.Generator().manual_seed(0))
        return digit_quality(digit_judge(x, train.labels), samples, x, ink(test))

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
        measure=measure,
    )


def mini_mnist_by_class(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """14 x 14 digits on demand: 40 scores of a PCA, a perceptron of width 128 that is told the class.

    The model of notebook 17, trained for longer. It never learns the class of one example in ten, so that
    classifier-free guidance has both its scores.
    """
    budget, (n_steps, settings) = for_budget(ON_DEMAND, seconds)
    x, labels = signed(train), torch.tensor(train.labels)
    flat = PCA(40).fit(x)
    scale = np.sqrt(flat.explained_variance_.mean())  # one for all scores: their mean variance is then 1
    codes = torch.tensor(flat.transform(x) / scale, dtype=torch.float32)
    network = TimeMLP(codes.shape[1], width=128, n_blocks=2, n_classes=10)
    model = DDPM(network, cosine_schedule(200), shape=codes.shape[1], target="v")

    def guided(model, labels, rng):
        given = {"condition": labels, "guidance": GUIDANCE, "rng": rng}
        made = model.sample_ddim(len(labels), 50, eta=ETA, **given)
        return torch.tensor(flat.inverse_transform(made.numpy() * scale), dtype=torch.float32)

    def draw_class(model, labels, rng):
        return ((guided(model, labels, rng) + 1) / 2).clamp(0, 1)

    def measure(model):
        asked = torch.arange(1000) % 10
        samples = guided(model, asked, torch.Generator().manual_seed(0))
        return class_quality(digit_judge(x, labels), samples, asked, signed(test))

    return Recipe(
        model=model,
        stages=(Stage(model, (codes, labels), fit, n_steps, settings, "squared error"),),
        seconds=budget,
        draw=lambda model, rng: draw_class(model, torch.arange(N_SHOWN) % 10, rng),
        shows="samples with guidance, the digits 0 to 9 in turn",
        draw_class=draw_class,
        measure=measure,
    )


RECIPES = {"digits": digits, "mini_mnist": mini_mnist, "mnist": mnist}
BY_CLASS = {"mini_mnist": mini_mnist_by_class}


def pixels(train: Dataset, test: Dataset, budgets: Budgets, seconds: float | None, *, width: int) -> Recipe:
    """The recipe on pixels in [-1, 1]; budgets: table of steps and settings, that for `seconds` is taken."""
    budget, (n_steps, settings) = for_budget(budgets, seconds)
    x = torch.from_numpy(signed(train))
    n = x.shape[1]
    model = DDPM(TimeMLP(n, width=width), cosine_schedule(1000), shape=n, target="v")

    def measure(model):
        samples = model.sample_ddim(1000, 50, eta=ETA, rng=torch.Generator().manual_seed(0))
        return digit_quality(digit_judge(x, train.labels), samples, x, signed(test))

    return Recipe(
        model=model,
        stages=(Stage(model, x, fit, n_steps, settings, "squared error"),),
        seconds=budget,
        draw=lambda model, rng: ((model.sample_ddim(N_SHOWN, 50, eta=ETA, rng=rng) + 1) / 2).clamp(0, 1),
        shows="samples in 50 strides (DDIM)",
        measure=measure,
    )


def class_digits(
    codes: Tensor, labels: Tensor, *, seed: int, target: Literal["noise", "v"] = "v", n_steps: int = 1_500
) -> DDPM:
    """The model of notebook 17: T = 200, told the class of nine in ten examples, and none of the tenth.

    Args:
        codes: (n, d), of mean 0 and mean variance 1.
        labels: (n,), int64 in 0..9.
        seed: of the network, of the batches and of the noise.
        target: what the network puts out, "v" or "noise".
        n_steps: of training.
    """
    torch.manual_seed(seed)
    network = TimeMLP(codes.shape[1], width=128, n_blocks=2, n_classes=10)
    model = DDPM(network, cosine_schedule(200), shape=codes.shape[1], target=target)
    fit(model, (codes, labels), n_steps=n_steps, seed=seed, device="cpu", **CLASS_DIGITS)
    return model


def class_quality(
    judge: DigitClassifier, images: ArrayLike, asked: Tensor, test: ArrayLike
) -> dict[str, float]:
    """How good digits made on demand are, in the eyes and in the features of a judge.

    `read as asked`: share that the judge reads as the digit asked for. `confidence`: its mean largest
    probability. `Frechet distance` to the test digits, `precision` and `recall` in its features: which share
    of the images looks like test digits, and of which share of these there are images.

    Args:
        judge: `evaluation.digit_judge` of real digits.
        images: (n, d), in the judge's units.
        asked: (n,), int64, the digits asked for.
        test: (m, d), real digits that nobody has learned from.
    """
    probability, features, real = judge.predict_proba(images), judge.features(images), judge.features(test)
    shares = precision_recall(real, features)
    return {
        "read as asked": (probability.argmax(1) == asked).double().mean().item(),
        "confidence": probability.amax(1).mean().item(),
        "Frechet distance": frechet_distance(features, real),
        "precision": shares["precision"],
        "recall": shares["recall"],
    }


def edges(images: ArrayLike, image_shape: tuple[int, int]) -> float:
    """Mean squared difference between neighbouring pixels, across and down: low where pictures are blurred.

    It tells blur and nothing else: noise has more of it than any picture.

    Args:
        images: (n, d), array or tensor.
        image_shape: (height, width), of product d.
    """
    pictures = torch.as_tensor(images, dtype=torch.float64).reshape(-1, *image_shape)
    return torch.stack([(pictures.diff(dim=axis) ** 2).mean() for axis in (1, 2)]).mean().item()
