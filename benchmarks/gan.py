"""Generative adversarial nets: modes found and share of good samples on two toys; digits read by a judge.

Ring: 8 Gaussians of std .02 on a circle of radius 2. Grid: 5 x 5 Gaussians of std .0177, .707 apart. A
sample is good within 3 std of a mode (.989 of the data are); a mode is found with a thousandth of the
samples; KL of the shares by nearest mode from even ones. Digits: a classifier trained in the run on the real
training digits reads the samples; Frechet distance to the test digits in its features. Peers: the vanilla
GAN, with networks as large and the same seconds; on MNIST the classic DCGAN too. The recipe: the loss that
does not saturate, rates falling to 0, few latents, averaged weights. For the toys also a price on the slope
of the score at the data (R1), and beside it the same recipe without; for images noise on data and samples
that fades over the run, and a discriminator that sees how much a batch varies.
"""

import numpy as np
import scipy.stats
import torch

from benchmarks import references
from benchmarks.harness import OURS, Skipped, mnist, take_turns
from coursekit.data import digits, toy2d
from coursekit.evaluation import DigitClassifier, frechet_distance, mode_coverage
from coursekit.gan import GAN, batch_discriminator
from coursekit.networks import mlp
from coursekit.training import fit_adversarial
from coursekit.wgan import earth_mover_1d, earth_mover_lp

TOY_STD = {"ring": 0.02, "grid": 0.05 / 2.828}
# Toy -> (seconds, width of the networks).
TOY_RECIPES = {"ring": (20, 64), "grid": (45, 128)}
TOY_R1 = 0.1
TOY_TRAINING = {"learning_rate": 3e-3, "batch_size": 128, "schedule": "linear", "average": 0.99}
# Measure -> {toy: (target, moonshot)}.
TOY_MEASURES = {
    "modes": ("higher", {"ring": (8, 8), "grid": (22, 25)}),
    "good_share": ("higher", {"ring": (0.88, None), "grid": (0.45, 0.85)}),
    "kl": ("lower", {}),
}
# Images: (seconds, latents, width, settings).
IMAGE_TRAINING = {"learning_rate": 1e-3, "opponent_learning_rate": 2e-3, "schedule": "linear"}
IMAGE_TRAINING |= {"instance_noise": 0.5, "instance_noise_until": 1.0, "average": 0.995}
IMAGE_RECIPES = {"digits": (40, 16, 256, IMAGE_TRAINING), "mnist": (60, 32, 256, IMAGE_TRAINING)}
IMAGE_MEASURES = {
    "confidence": ("higher", {"digits": 0.9}),
    "classes": ("higher", {"digits": 10}),
    "smallest class": ("higher", {}),
    "Frechet distance": ("lower", {}),
    "nearest": (None, {}),
}


def vanilla_samples(nets, x, n, *, n_latent, seconds, seed):
    """n samples of the reference after so many CPU seconds; nets (generator, discriminator)."""
    references.play(*nets, x, n_latent=n_latent, seconds=seconds, seed=seed)
    torch.manual_seed(seed)
    with torch.no_grad():
        return nets[0].eval()(torch.randn(n, n_latent))


def toy(name):
    def part(bench):
        seconds, width = TOY_RECIPES[name]
        seconds = bench.budget(seconds)
        rows = {}
        for measure, (better, goals) in TOY_MEASURES.items():
            target, moonshot = goals.get(name, (None, None))
            what = f"{name} after {seconds} CPU-s: {measure.replace('_', ' ')}"
            rows[measure] = bench.row(what, "", better, target=target, moonshot=moonshot)
        for seed in bench.seeds:
            data, samples = toy2d(name, 50_000, rng=1000 + seed), {}
            limits = {"n_steps": 10**6, "max_cpu_seconds": seconds, "seed": seed, "device": "cpu"}
            for who, price in ((OURS, TOY_R1), ("coursekit, r1 = 0", 0.0)):
                torch.manual_seed(seed)
                discriminator = mlp((2, width, width, 1), activation="leaky_relu")
                gan = GAN(mlp((2, width, width, 2)), discriminator, n_latent=2, r1=price)
                fit_adversarial(gan, data.x, **limits, **TOY_TRAINING)
                samples[who] = gan.sample(10_000, rng=torch.Generator().manual_seed(seed))
            torch.manual_seed(seed)
            nets = references.vanilla_gan(2, n_latent=2, width=width)
            x = torch.tensor(data.x, dtype=torch.float32)
            samples["vanilla GAN"] = vanilla_samples(nets, x, 10_000, n_latent=2, seconds=seconds, seed=seed)
            for who, points in samples.items():
                for measure, value in mode_coverage(points, data.centers, TOY_STD[name]).items():
                    rows[measure].add(who, seed, value)

    part.__doc__ = f"The {name} of Gaussians, 10 000 samples."
    return part


def read(judge, samples, train, test):
    """The measures of samples (n, d), in the order of IMAGE_MEASURES."""
    probability = judge.predict_proba(samples)
    shares = probability.argmax(1).bincount(minlength=10) / len(samples)
    nearest = [torch.cdist(points, train).min(1).values.median() for points in (samples, test[:1000])]
    return [
        probability.max(1).values.mean().item(),
        int((shares >= 0.02).sum()),
        shares.min().item(),
        frechet_distance(judge.features(samples), judge.features(test)),
        (nearest[0] / nearest[1]).item(),
    ]


def images(bench, name, parts, middle):
    """Rows of one set of images; parts: training and test set, middle: the grey that becomes 0."""
    seconds, n_latent, width, settings = IMAGE_RECIPES[name]
    seconds = bench.budget(seconds)
    train, test = (torch.tensor(part.x / middle - 1, dtype=torch.float32) for part in parts)
    d, few = train.shape[1], train[:10_000]
    judge = DigitClassifier(d).fit(train, parts[0].labels, n_epochs=30 if name == "digits" else 3, seed=100)
    real = zip(IMAGE_MEASURES, read(judge, test, few, test), strict=True)
    bench.note("Test digits themselves: " + ", ".join(f"{key} {value:.3g}" for key, value in real) + ".")
    rows = [
        bench.row(f"{name} after {seconds} CPU-s: {measure}", "", better, target=goals.get(name))
        for measure, (better, goals) in IMAGE_MEASURES.items()
    ]
    for seed in bench.seeds:
        torch.manual_seed(seed)
        generator = torch.nn.Sequential(mlp((n_latent, width, width, d)), torch.nn.Tanh())
        gan = GAN(generator, batch_discriminator(d, width), n_latent=n_latent)
        limits = {"n_steps": 10**6, "max_cpu_seconds": seconds, "seed": seed, "device": "cpu"}
        fit_adversarial(gan, train, **limits, **settings)
        samples = {OURS: gan.sample(1000, rng=torch.Generator().manual_seed(seed))}
        torch.manual_seed(seed)
        generator, discriminator = references.vanilla_gan(d, n_latent=100, width=width)
        peers = {"vanilla GAN": (torch.nn.Sequential(generator, torch.nn.Tanh()), discriminator)}
        if d == 784:
            peers["DCGAN"] = references.dcgan()
        for who, nets in peers.items():
            samples[who] = vanilla_samples(nets, train, 1000, n_latent=100, seconds=seconds, seed=seed)
        for who, points in samples.items():
            for row, value in zip(rows, read(judge, points, few, test), strict=True):
                row.add(who, seed, value)


def digit_images(bench):
    "8 x 8 digits, 1437 for training, 1000 samples."
    images(bench, "digits", digits().split(), 8)


def mnist_images(bench):
    "MNIST, 1000 samples; nearest: among the first 10 000 training digits."
    if bench.quick:
        raise Skipped("--quick takes digits and toys only")
    images(bench, "mnist", (mnist("train"), mnist("test")), 127.5)


def earth_mover(bench):
    "Earth mover's distance beside SciPy on a line and POT in the plane: CPU seconds, and the same number."
    ot, n = bench.peer("ot"), 30 if bench.quick else 200
    line = bench.row("between samples of 10000 and 7000 on a line", "s", "lower")
    plane = bench.row(f"plan between {n} and {n} points in the plane", "s", "lower")
    gap = bench.row("largest difference from the peers' distances", "", None)
    for seed in bench.seeds:
        rng = np.random.default_rng(seed)
        a, b, p = rng.normal(size=10_000), rng.normal(1, 2, size=7000), np.full(n, 1 / n)
        cost = np.linalg.norm(rng.normal(size=(n, 1, 2)) - rng.normal(1, 2, size=(n, 2)), axis=2)
        works = {
            OURS: lambda a=a, b=b: earth_mover_1d(a, b),
            "SciPy": lambda a=a, b=b: scipy.stats.wasserstein_distance(a, b),
        }
        gaps = [abs(works[OURS]() - works["SciPy"]())]
        for who, seconds in take_turns(works, n_calls=10).items():
            line.add(who, seed, seconds)
        works = {OURS: lambda p=p, cost=cost: earth_mover_lp(p, p, cost)[0]}
        if ot:
            works["POT"] = lambda p=p, cost=cost: ot.emd2(p, p, cost)
            gaps.append(abs(works[OURS]() - works["POT"]()))
        for who, seconds in take_turns(works).items():
            plane.add(who, seed, seconds)
        gap.add(OURS, seed, max(gaps))


PARTS = {
    "ring": toy("ring"),
    "grid": toy("grid"),
    "digits": digit_images,
    "mnist": mnist_images,
    "earth_mover": earth_mover,
}
