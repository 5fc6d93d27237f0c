"""Diffusion: how clean the digits are after so many CPU seconds; agreement and step time beside diffusers.

The judge is `evaluation.DigitClassifier`, trained in the run on the same training set. Of the samples (DDIM,
50 steps): its mean largest probability (confidence), how many of the ten classes get at least 2 %, the
smallest share of a class, the Frechet distance to the test digits in its features, and the median distance
to the nearest training digit over that of a test digit (far below 1: the model recites).
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.ddpm_peers import agreement, step_time
from benchmarks.harness import OURS, Skipped, cpu_seconds, mnist
from benchmarks.references import PixelDDPM
from coursekit.data import digits
from coursekit.ddpm import DDPM, cosine_schedule
from coursekit.evaluation import DigitClassifier, frechet_distance
from coursekit.networks import TimeMLP, UNet, mlp
from coursekit.training import fit

DIGITS_SECONDS, MNIST_SECONDS = 40, 60
# 8 x 8 digits, network and training; the target v and the cosine schedule for both. On 64 pixels a perceptron
# does in a fraction of the time what a U-Net does, and learns more in the same seconds.
DIGITS_NETWORK = {"width": 128}
DIGITS_RECIPE = {"batch_size": 64, "learning_rate": 1.5e-3, "schedule": "cosine", "average": 0.998}
# DDIM's own noise, the variance of Ho's Algorithm 2; 0 would be its walk without any.
ETA = 1.0
# MNIST: an autoencoder takes this share of the seconds, diffusion of its codes the rest.
CODER_SHARE = 0.4
CODER_RECIPE = {"batch_size": 256, "learning_rate": 2e-3, "optimizer": "adamw", "schedule": "cosine"}
LATENT_NETWORK = {"width": 256}
LATENT_RECIPE = {"batch_size": 256, "learning_rate": 3e-3, "optimizer": "adamw", "schedule": "cosine"}
LATENT_RECIPE |= {"average": 0.995}
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


def digit_model():
    return DDPM(TimeMLP(64, **DIGITS_NETWORK), cosine_schedule(1000), shape=(64,), target="v")


class LatentCoder(nn.Module):
    """784-512-256-32 autoencoder of pixels in [0, 1]; codes are standardised, then decoded under noise."""

    def __init__(self, n_inputs=784, n_code=32, *, noise=0.1):
        super().__init__()
        self.encoder = mlp([n_inputs, 512, 256, n_code], activation="silu", norm=True)
        self.decoder = mlp([n_code, 256, 512, n_inputs], activation="silu", norm=True)
        self.standardise = nn.BatchNorm1d(n_code, affine=False)
        self.noise = noise

    def encode(self, x):
        return self.standardise(self.encoder(x))

    def loss(self, x, *, rng=None):
        code = self.encode(x)
        code = code + self.noise * torch.randn(code.shape, generator=rng)
        return F.binary_cross_entropy_with_logits(self.decoder(code), x, reduction="none").sum(-1).mean()


def latent_samples(train, n, *, seconds, seed):
    """Pixels (n, 784) in [0, 1] of a diffusion of codes; the seconds include the autoencoder's."""
    torch.manual_seed(seed)
    coder, limits = LatentCoder(), {"n_steps": 10**7, "seed": seed, "device": "cpu"}
    fit(coder, train, max_cpu_seconds=CODER_SHARE * seconds, **limits, **CODER_RECIPE)
    with torch.no_grad():
        codes, encoding = cpu_seconds(lambda: torch.cat([coder.encode(part) for part in train.split(5000)]))
    # A unit Gaussian is what the schedule expects; the running statistics only come near it.
    mean, std = codes.mean(0), codes.std(0)
    model = DDPM(TimeMLP(32, **LATENT_NETWORK), cosine_schedule(1000), shape=(32,), target="v")
    left = (1 - CODER_SHARE) * seconds - encoding
    fit(model, (codes - mean) / std, max_cpu_seconds=left, **limits, **LATENT_RECIPE)
    with torch.no_grad():
        rng = torch.Generator().manual_seed(seed)
        return coder.decoder(model.sample_ddim(n, 50, rng=rng) * std + mean).sigmoid()


def plain_samples(train, n, shape, *, seconds, seed):
    """Images (n, d) in [-1, 1] of the plain diffusion on pixels."""
    torch.manual_seed(seed)
    model = PixelDDPM(UNet(width=PLAIN_WIDTH), shape[1:])
    limits = {"n_steps": 10**7, "max_cpu_seconds": seconds, "seed": seed, "device": "cpu"}
    fit(model, train.reshape(-1, *shape), **limits, **PLAIN_RECIPE)
    return model.sample(n, 50, rng=torch.Generator().manual_seed(seed)).flatten(1)


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


def add_judged(rows, who, seed, values):
    for name, value in values.items():
        rows[name].add(who, seed, value)


def real_line(bench, judge, train, test):
    values = judged(test, judge, train, test)
    bench.note("Test digits themselves: " + ", ".join(f"{k} {v:.3g}" for k, v in values.items()) + ".")


def digit_samples(bench):
    "8 x 8 digits, 1437 for training, beside a U-Net trained plainly; 1000 samples."
    seconds, n = bench.budget(DIGITS_SECONDS), 50 if bench.quick else 1000
    train_set, test_set = digits().split(0)
    train, test = (torch.tensor(part.x / 8 - 1, dtype=torch.float32) for part in (train_set, test_set))
    judge = DigitClassifier(64).fit(train, train_set.labels, seed=100)
    real_line(bench, judge, train, test)
    rows = measure_rows(bench, f"digits after {seconds} CPU-s", 1)
    clock = bench.row("64 images by DDIM in 50 steps", "s", "lower", target=1.0)
    for seed in bench.seeds:
        torch.manual_seed(seed)
        model = digit_model()
        limits = {"n_steps": 10**7, "max_cpu_seconds": seconds, "seed": seed, "device": "cpu"}
        fit(model, train, **limits, **DIGITS_RECIPE)
        rng = torch.Generator().manual_seed(seed)
        clock.add(OURS, seed, cpu_seconds(model.sample_ddim, 64, 50, eta=ETA, rng=rng)[1])
        samples = model.sample_ddim(n, 50, eta=ETA, rng=rng)
        add_judged(rows, OURS, seed, judged(samples, judge, train, test))
        plain = plain_samples(train, n, (1, 8, 8), seconds=seconds, seed=seed)
        add_judged(rows, "plain U-Net", seed, judged(plain, judge, train, test))


def mnist_samples(bench):
    "MNIST in a latent space of 32, autoencoder included, beside a plain U-Net on the pixels; 500 samples."
    if bench.quick:
        raise Skipped("--quick takes digits and toys only")
    train_set, test_set = mnist("train"), mnist("test")
    train, test = (torch.tensor(part.x / 255) for part in (train_set, test_set))
    judge = DigitClassifier(784, n_hidden=256)
    judge.fit(train, train_set.labels, n_epochs=6, batch_size=128, seed=100)
    reference = train[:10_000]
    real_line(bench, judge, reference, test)
    rows = measure_rows(bench, f"MNIST after {MNIST_SECONDS} CPU-s", 2)
    for seed in bench.seeds:
        ours = latent_samples(train, 500, seconds=MNIST_SECONDS, seed=seed)
        add_judged(rows, OURS, seed, judged(ours, judge, reference, test))
        plain = plain_samples(2 * train - 1, 500, (1, 28, 28), seconds=MNIST_SECONDS, seed=seed)
        add_judged(rows, "plain pixel U-Net", seed, judged((plain + 1) / 2, judge, reference, test))


def step(bench):
    "CPU seconds of a training step on 8 x 8 digits at batch 32, the smallest of five turns of 10 steps."
    step_time(bench, UNet(width=24))


PARTS = {"digits": digit_samples, "mnist": mnist_samples, "agreement": agreement, "step": step}
