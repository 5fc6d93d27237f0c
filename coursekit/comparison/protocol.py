"""What is the same for every family: the images, the judge, and the columns of the table.

    Task      a data set as everybody gets it: images to learn from, new ones, their judge
    Family    a trained family, as the protocol sees it: how it draws, what it calls probable, and so on
    measure   a family -> its row of the table

A sample is rounded to whole grey levels before anybody looks at it, because the data are.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from coursekit.data import Dataset, binarised, train_and_test
from coursekit.dbn import recipe as dbn_recipe
from coursekit.evaluation import (
    DigitClassifier,
    digit_judge,
    frechet_distance,
    nearest_share,
    precision_recall,
)
from coursekit.training import Recipe

TASKS = ("bits", "digits", "mini_mnist")
N_DRAWN = 1000
N_REBUILT = 100  # test images that are brought back from their own latents


@dataclass(frozen=True)
class Task:
    """A data set as every family gets it. `load(name)` makes one.

    Args:
        name: of TASKS.
        train, test: the grey images, with labels.
        n_levels: 2 on the bits, 17 on the others.
        x: float32 (n, d), whole levels to learn from; on the bits one draw of each image, several times.
        new: float32 (m, d), whole levels that nobody learns from.
        judge: a classifier of images in [0, 1].
    """

    name: str
    train: Dataset
    test: Dataset
    n_levels: int
    x: Tensor
    new: Tensor
    judge: DigitClassifier

    @property
    def labels(self) -> Tensor:
        """Classes of `x`, int64 (n,)."""
        return torch.tensor(self.train.labels).repeat(len(self.x) // len(self.train.x))

    @property
    def new_labels(self) -> Tensor:
        """Classes of `new`, int64 (m,)."""
        return torch.tensor(self.test.labels)

    def shade(self, levels: ArrayLike) -> Tensor:
        """Levels as shares of ink in [0, 1], the judge's units; float32."""
        return torch.as_tensor(levels, dtype=torch.float32) / (self.n_levels - 1)


def load(name: str) -> Task:
    """The task of this name.

    bits        8 x 8 digits, each pixel drawn to 0 or 1 with the ink as probability
    digits      8 x 8 digits in 17 grey levels, 1437 to learn from and 360 new ones
    mini_mnist  14 x 14 digits in 17 grey levels, 5000 and 1000
    """
    if name not in TASKS:
        raise ValueError(f"unknown task {name!r}; choose one of {', '.join(TASKS)}")
    train, test = train_and_test("digits" if name == "bits" else name)
    if name == "bits":
        x, labels = dbn_recipe.bits_and_labels(train, 5)
        new, n_levels = torch.tensor(binarised(test).x, dtype=torch.float32), 2
    else:
        x, labels = torch.tensor(train.x, dtype=torch.float32), torch.tensor(train.labels)
        new, n_levels = torch.tensor(test.x, dtype=torch.float32), 17
    return Task(name, train, test, n_levels, x, new, digit_judge(x / (n_levels - 1), labels))


@dataclass
class Family:
    """A trained family, as the protocol sees it.

    Args:
        draw: function (n, rng) -> whole levels (n, d).
        kind: what `log_prob` gives: "exact", "bound" (from below), "estimate" (log Z by annealed importance
            sampling) or "none".
        log_prob: function (levels (n, d)) -> (mean nats per image, standard error of an estimated log Z).
        n_parameters: all numbers that are learned, those of an opponent too.
        n_steps: of training.
        rebuild: function (levels (n, d)) -> levels (n, d), not rounded: image -> its latent -> image.
        n_latent: numbers that such a latent has.
        on_demand: function (labels (n,), rng) -> whole levels (n, d).
        other_ways: name -> another `draw` from the same weights, whose samples have another distribution.
    """

    draw: Callable
    kind: str = "none"
    log_prob: Callable | None = None
    n_parameters: int = 0
    n_steps: int = 0
    rebuild: Callable | None = None
    n_latent: int = 0
    on_demand: Callable | None = None
    other_ways: dict[str, Callable] = field(default_factory=dict)


def rounded(x: Tensor, n_levels: int) -> Tensor:
    """The nearest whole level: (n, d) -> (n, d)."""
    return x.round().clamp(0, n_levels - 1)


def floored(x: Tensor, n_levels: int) -> Tensor:
    """The level whose unit interval holds x, as dequantised levels need it: (n, d) -> (n, d)."""
    return x.floor().clamp(0, n_levels - 1)


def count(*modules: nn.Module) -> int:
    """Numbers that are learned."""
    return sum(p.numel() for module in modules for p in module.parameters())


def trained(made: Recipe, seed: int, n_steps: int) -> nn.Module:
    """The model of a lecture's recipe after n_steps."""
    made.train(n_steps=n_steps, seed=seed, device="cpu")
    return made.model.requires_grad_(False).eval()


def classes(n: int, rng: torch.Generator) -> Tensor:
    """n random classes, int64."""
    return torch.randint(10, (n,), generator=rng)


def measure(task: Task, family: Family, *, seed: int, n: int = N_DRAWN) -> tuple[dict[str, float], Tensor]:
    """(all columns of a trained family but its seconds of training, its samples (n, d) in levels).

    `kind` of likelihood, `nats`, and `error` where log Z is estimated; `parameters`; `rebuilt`, the squared
    error of a test image brought back from its latent, in ink, `rebuild_seconds` per 1000, and `latents`, the
    numbers of such a latent; `obeys`, the share of the digits made on demand that the judge reads as asked,
    and `obeys_least`, that of the digit that obeys least; and the columns of `judge`. A column without a
    value is left out.
    """
    row = {"kind": family.kind, "parameters": family.n_parameters}
    if family.log_prob is not None:
        row["nats"], error = family.log_prob(task.new)
        row |= {"error": error} if error else {}
    if family.rebuild is not None:
        x = task.new[:N_REBUILT]
        start = time.process_time()
        rebuilt = family.rebuild(x).detach()
        row["rebuild_seconds"] = (time.process_time() - start) * 1000 / len(x)
        row["rebuilt"] = (task.shade(rebuilt) - task.shade(x)).square().sum(1).mean().item()
        row["latents"] = family.n_latent
    if family.on_demand is not None:
        asked = torch.arange(n) % 10
        images = family.on_demand(asked, torch.Generator().manual_seed(seed))
        right = (task.judge.predict_proba(task.shade(images)).argmax(1) == asked).double()
        row["obeys"] = right.mean().item()
        row["obeys_least"] = min(right[asked == digit].mean().item() for digit in range(10))
    seen, samples = judge(task, family.draw, seed=seed, n=n)
    return row | seen, samples


@torch.no_grad()
def judge(task: Task, draw: Callable, *, seed: int, n: int = N_DRAWN) -> tuple[dict[str, float], Tensor]:
    """(what the judge says of n samples, the samples).

    `draw_seconds` of 1000; `fd`, to the test images in the judge's features; `precision`, `recall`,
    `coverage`, of as many samples as there are test images; `nearest`, the share nearer to training images
    than new ones are; `rarest`, the share of the rarest class; `edges`, squared steps between neighbouring
    pixels, over those of the test images.
    """
    start = time.process_time()
    samples = draw(n, torch.Generator().manual_seed(seed))
    seconds = (time.process_time() - start) * 1000 / n
    shown, real = task.shade(samples), task.shade(task.new)
    features, of_real = task.judge.features(shown), task.judge.features(real)
    balls = precision_recall(of_real, features[: len(real)])
    classes_seen = task.judge.predict_proba(shown).argmax(1).bincount(minlength=10)
    return {
        "draw_seconds": seconds,
        "fd": frechet_distance(features, of_real),
        **{key: balls[key] for key in ("precision", "recall", "coverage")},
        "nearest": nearest_share(shown, task.shade(task.x), real),
        "rarest": classes_seen.min().item() / n,
        "edges": edges(shown, task.train.image_shape) / edges(real, task.train.image_shape),
    }, samples


def edges(images: Tensor, shape: tuple[int, int]) -> float:
    """Mean squared step between neighbouring pixels of images (n, pixels)."""
    images = images.reshape(-1, *shape).double()
    return (images.diff(dim=1).square().mean() + images.diff(dim=2).square().mean()).item() / 2
