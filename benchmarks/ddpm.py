"""Diffusion: how clean the digits are after so many CPU seconds; agreement and step time beside diffusers.

Ours follow coursekit/ddpm/recipe.py. The judge is `evaluation.DigitClassifier`, trained in the run on the
same training set. Of the samples (DDIM, 50 steps): its mean largest probability (confidence), how many of the
ten classes get at least 2 %, the smallest share of a class, the Frechet distance to the test digits in its
features, and the median distance to the nearest training digit over that of a test digit (far below 1: the
model memorises).
"""

import numpy as np
import torch

from benchmarks.ddpm_peers import agreement, step_time
from benchmarks.harness import OURS, Skipped, cpu_seconds, mnist
from benchmarks.references import PixelDDPM
from coursekit.data import ink, signed, train_and_test
from coursekit.ddpm import recipe
from coursekit.evaluation import DigitClassifier, frechet_distance
from coursekit.networks import UNet
from coursekit.training import fit

DIGITS_SECONDS, MNIST_SECONDS = 40, 60
# The peer on the pixels: as in the paper but for a rate and an average that such a short run needs.
PLAIN_WIDTH = 16
PLAIN_RECIPE = {"batch_size": 64, "learning_rate": 1e-3, "average": 0.99}
# Measure -> (better, target on digits, target on MNIST).
MEASURES = {
    "confidence": ("higher", 0.94, 0.93),
    "classes": ("higher", 10, None),
    "smallest class": ("higher", None, None),
    "Frechet distance": ("lower", None, None),
    "nearest": (None, None, None),
}


def plain_samples(train, n, shape, *, seconds, seed):
    """(images (n, d) in [-1, 1] of the plain diffusion on pixels, its steps)."""
    torch.manual_seed(seed)
    model = PixelDDPM(UNet(width=PLAIN_WIDTH), shape[1:])
    limits = {"n_steps": 10**7, "max_cpu_seconds": seconds, "seed": seed, "device": "cpu"}
    history = fit(model, train.reshape(-1, *shape), **limits, **PLAIN_RECIPE)
    images = model.sample(n, 50, rng=torch.Generator().manual_seed(seed)).flatten(1)
    return images, len(history.learning_rate)


def nearest(a, b):
    """Median over rows of a of the distance to the nearest row of b."""
    return torch.cat([torch.cdist(part, b).min(1).values for part in a.split(500)]).median().item()


def judged(samples, judge, train, test):
    """The measures of samples; samples, train, test (n, d) in the judge's units."""
    probability = judge.predict_proba(samples)
    shares = np.bincount(probability.argmax(1), minlength=10) / len(samples)
    values = [
        probability.max(1).values.mean().item(),
        (shares >= 0.02).sum(),
        shares.min(),
        frechet_distance(judge.features(samples), judge.features(test)),
        nearest(samples, train) / nearest(test[:2000], train),
    ]
    return dict(zip(MEASURES, values, strict=True))


def measure_rows(bench, what, which):
    """name of a measure -> its row; which: 1 for the targets on digits, 2 on MNIST, 0 for none."""
    return {
        name: bench.row(f"{what}: {name}", "", goals[0], target=goals[which] if which else None)
        for name, goals in MEASURES.items()
    }


def add_judged(rows, who, seed, values, steps):
    for name, value in values.items():
        rows[name].add(who, seed, value, steps=steps)


def real_line(bench, judge, train, test):
    values = judged(test, judge, train, test)
    bench.note("Test digits themselves: " + ", ".join(f"{k} {v:.3g}" for k, v in values.items()) + ".")


def digit_samples(bench):
    "8 x 8 digits, 1437 for training, beside a U-Net trained plainly; 1000 samples."
    seconds, n = bench.budget(DIGITS_SECONDS), 50 if bench.quick else 1000
    parts = train_and_test("digits")
    train, test = (torch.from_numpy(signed(part)) for part in parts)
    judge = DigitClassifier(64).fit(train, parts[0].labels, seed=100)
    real_line(bench, judge, train, test)
    rows = measure_rows(bench, f"digits after {seconds} CPU-s", 1)
    clock = bench.row("64 images by DDIM in 50 steps", "s", "lower", target=1.0)
    for seed in bench.seeds:
        ours, steps = bench.follow(recipe.digits, *parts, budget=DIGITS_SECONDS, seed=seed)
        draw, rng = ours.model.sample_ddim, torch.Generator().manual_seed(seed)
        clock.add(OURS, seed, cpu_seconds(draw, 64, 50, eta=recipe.ETA, rng=rng)[1])
        samples = draw(n, 50, eta=recipe.ETA, rng=rng)
        add_judged(rows, OURS, seed, judged(samples, judge, train, test), steps)
        plain, steps = plain_samples(train, n, (1, 8, 8), seconds=seconds, seed=seed)
        add_judged(rows, "plain U-Net", seed, judged(plain, judge, train, test), steps)


def mnist_samples(bench):
    "MNIST in a latent space of 32, autoencoder included, beside a plain U-Net on the pixels; 500 samples."
    if bench.quick:
        raise Skipped("--quick takes digits and toys only")
    parts = mnist("train"), mnist("test")
    train, test = (torch.from_numpy(ink(part)) for part in parts)
    judge = DigitClassifier(784, n_hidden=256)
    judge.fit(train, parts[0].labels, n_epochs=6, batch_size=128, seed=100)
    reference = train[:10_000]
    real_line(bench, judge, reference, test)
    rows = measure_rows(bench, f"MNIST after {MNIST_SECONDS} CPU-s", 2)
    for seed in bench.seeds:
        ours, steps = bench.follow(recipe.mnist, *parts, budget=MNIST_SECONDS, seed=seed)
        samples = ours.model.sample(500, rng=torch.Generator().manual_seed(seed))
        add_judged(rows, OURS, seed, judged(samples, judge, reference, test), steps)
        plain, steps = plain_samples(2 * train - 1, 500, (1, 28, 28), seconds=MNIST_SECONDS, seed=seed)
        add_judged(rows, "plain pixel U-Net", seed, judged((plain + 1) / 2, judge, reference, test), steps)


def step(bench):
    "CPU seconds of a training step on 8 x 8 digits at batch 32, the smallest of five turns of 10 steps."
    step_time(bench, UNet(width=24))


PARTS = {"digits": digit_samples, "mnist": mnist_samples, "agreement": agreement, "step": step}
