"""Diffusion: how clean the digits are after so many CPU seconds; agreement and step time beside diffusers.

Ours follow coursekit/ddpm/recipe.py. What is said of the samples (DDIM, 50 steps) is
`evaluation.digit_quality`, with a judge trained in the run on the same training set.
"""

import torch

from benchmarks.ddpm_guided import guided, more
from benchmarks.ddpm_peers import agreement, step_time
from benchmarks.harness import OURS, Judged, Skipped, cpu_seconds, mnist
from benchmarks.references import PixelDDPM
from coursekit.data import ink, signed, train_and_test
from coursekit.ddpm import recipe
from coursekit.networks import UNet
from coursekit.training import fit

DIGITS_SECONDS, MNIST_SECONDS = 40, 60
# The peer on the pixels: as in the paper but for a rate and an average that such a short run needs.
PLAIN_WIDTH = 16
PLAIN_RECIPE = {"batch_size": 64, "learning_rate": 1e-3, "average": 0.99}


def plain_samples(train, n, shape, *, seconds, seed):
    """(images (n, d) in [-1, 1] of the plain diffusion on pixels, its steps)."""
    torch.manual_seed(seed)
    model = PixelDDPM(UNet(width=PLAIN_WIDTH), shape[1:])
    limits = {"n_steps": 10**7, "max_cpu_seconds": seconds, "seed": seed, "device": "cpu"}
    history = fit(model, train.reshape(-1, *shape), **limits, **PLAIN_RECIPE)
    images = model.sample(n, 50, rng=torch.Generator().manual_seed(seed)).flatten(1)
    return images, len(history.learning_rate)


def digit_samples(bench):
    "8 x 8 digits, 1437 for training, beside a U-Net trained plainly; 1000 samples."
    seconds, n = bench.budget(DIGITS_SECONDS), 50 if bench.quick else 1000
    parts = train_and_test("digits")
    train, test = (torch.from_numpy(signed(part)) for part in parts)
    judged = Judged(bench, train, parts[0].labels, test)
    judged.rows(f"digits after {seconds} CPU-s", {"confidence": 0.94, "classes": 10})
    clock = bench.row("64 images by DDIM in 50 steps", "s", "lower", target=1.0)
    for seed in bench.seeds:
        ours, steps = bench.follow(recipe.digits, *parts, budget=DIGITS_SECONDS, seed=seed)
        draw, rng = ours.model.sample_ddim, torch.Generator().manual_seed(seed)
        clock.add(OURS, seed, cpu_seconds(draw, 64, 50, eta=recipe.ETA, rng=rng)[1])
        samples = draw(n, 50, eta=recipe.ETA, rng=rng)
        judged.add(OURS, seed, samples, steps)
        plain, steps = plain_samples(train, n, (1, 8, 8), seconds=seconds, seed=seed)
        judged.add("plain U-Net", seed, plain, steps)


def mnist_samples(bench):
    "MNIST in a latent space of 32, autoencoder included, beside a plain U-Net on the pixels; 500 samples."
    if bench.quick:
        raise Skipped("--quick takes digits and toys only")
    parts = mnist("train"), mnist("test")
    train, test = (torch.from_numpy(ink(part)) for part in parts)
    judged = Judged(bench, train, parts[0].labels, test)
    judged.rows(f"MNIST after {MNIST_SECONDS} CPU-s", {"confidence": 0.93})
    for seed in bench.seeds:
        ours, steps = bench.follow(recipe.mnist, *parts, budget=MNIST_SECONDS, seed=seed)
        samples = ours.model.sample(500, rng=torch.Generator().manual_seed(seed))
        judged.add(OURS, seed, samples, steps)
        plain, steps = plain_samples(2 * train - 1, 500, (1, 28, 28), seconds=MNIST_SECONDS, seed=seed)
        judged.add("plain pixel U-Net", seed, (plain + 1) / 2, steps)


def step(bench):
    "CPU seconds of a training step on 8 x 8 digits at batch 32, the smallest of five turns of 10 steps."
    step_time(bench, UNet(width=24))


PARTS = {
    "digits": digit_samples,
    "mnist": mnist_samples,
    "agreement": agreement,
    "step": step,
    "guided": guided,
    "more": more,
}
