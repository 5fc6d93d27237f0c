"""Modes found and share of good samples on the two classic toys, and digits, in a fixed CPU time.

    python benchmarks/gan_toys.py ring  [--seconds 20] [--seeds 0 1 2]
    python benchmarks/gan_toys.py grid  [--seconds 45] [--seeds 0 1 2] [--plain]
    python benchmarks/gan_toys.py digits [--seconds 40] [--seeds 0 1 2] [--figure samples.png]

Ring: 8 Gaussians, std .02, on a circle of radius 2. Grid: 5 x 5 Gaussians, std .0177, .707 apart. A sample is
good within 3 std of a mode (.989 of the data are), a mode is found with a thousandth of the samples.
The recipe: the loss that does not saturate, noise on data and samples that fades over the run (instance
noise), learning rates falling to 0, large batches, a latent with as many numbers as the data, averaged
weights. --plain runs the same networks without them, at batch 256.
Digits, 8 x 8: a classifier trained on the 1437 real training digits reads 2000 samples: its mean confidence,
the smallest share of a class, and the mean distance to the nearest training digit, beside the same of the 360
test digits. --figure draws samples of the last seed above their nearest training digits.
Times are CPU seconds of one thread; set OMP_NUM_THREADS=1.
"""

import argparse
import time

import torch

from coursekit.data import digits, toy2d
from coursekit.evaluation import DigitClassifier, frechet_distance, mode_coverage
from coursekit.gan import GAN
from coursekit.networks import mlp
from coursekit.training import fit_adversarial

STD = {"ring": 0.02, "grid": 0.05 / 2.828}
PLAIN = {"learning_rate": 1e-3, "batch_size": 256}
RECIPE = {
    "ring": {"instance_noise": 0.3, "instance_noise_until": 0.6},
    "grid": {"instance_noise": 0.5, "instance_noise_until": 0.7},
}
for recipe in RECIPE.values():
    recipe |= {"learning_rate": 3e-3, "batch_size": 512, "schedule": "linear", "average": 0.99}
WIDTH = {"ring": 64, "grid": 128}


def play(name, seconds, seed, settings):
    """One game; returns (coverage, steps, CPU seconds)."""
    torch.manual_seed(seed)
    toy = toy2d(name, 50_000, rng=1000 + seed)
    width = WIDTH[name]
    generator = mlp((2, width, width, 2))
    discriminator = mlp((2, width, width, 1), activation="leaky_relu")
    gan = GAN(generator, discriminator, n_latent=2)
    start = time.process_time()
    run = fit_adversarial(
        gan, toy.x, n_steps=10**6, max_cpu_seconds=seconds, seed=seed, device="cpu", **settings
    )
    used = time.process_time() - start
    samples = gan.sample(10_000, rng=torch.Generator().manual_seed(seed))
    return mode_coverage(samples, toy.centers, STD[name]), len(run.loss), used


def read(judge, train, images):
    """(mean confidence, shares of the ten classes, mean distance to the nearest of `train`, their rows)."""
    probability = judge.predict_proba(images)
    distance, row = torch.cdist(images, train).min(dim=1)
    shares = probability.argmax(1).bincount(minlength=10) / len(images)
    return probability.max(dim=1).values.mean().item(), shares, distance.mean().item(), row


def play_digits(seconds, seeds, figure):
    parts = digits().split()
    train, test = (torch.tensor(part.x / 8 - 1, dtype=torch.float32) for part in parts)
    judge = DigitClassifier(64).fit(train, parts[0].labels)
    confidence, shares, distance, _ = read(judge, train, test)
    print(
        f"test digits: confidence {confidence:.3f}, smallest class {shares.min():.1%},"
        f" distance {distance:.2f}",
        flush=True,
    )
    for seed in seeds:
        torch.manual_seed(seed)
        generator = torch.nn.Sequential(mlp((16, 256, 256, 64)), torch.nn.Tanh())
        gan = GAN(generator, mlp((64, 256, 256, 1), activation="leaky_relu"), n_latent=16)
        start = time.process_time()
        settings = {
            "instance_noise": 0.5,
            "instance_noise_until": 1.0,
            "average": 0.995,
            "schedule": "linear",
        }
        settings |= {"learning_rate": 1e-3, "opponent_learning_rate": 2e-3, "device": "cpu", "seed": seed}
        run = fit_adversarial(gan, train, n_steps=10**6, max_cpu_seconds=seconds, **settings)
        used = time.process_time() - start
        samples = gan.sample(2000, rng=torch.Generator().manual_seed(seed))
        confidence, shares, distance, row = read(judge, train, samples)
        far = frechet_distance(judge.features(samples), judge.features(test))
        print(
            f"digits seed {seed}: confidence {confidence:.3f}, smallest class {shares.min():.1%}, distance"
            f" {distance:.2f}, Frechet {far:.1f}, {len(run.loss)} steps, {used:.1f} CPU-s",
            flush=True,
        )
    if figure:
        draw(figure, samples[:20], train[row[:20]])


def draw(path, samples, neighbours):
    """Samples above their nearest training digits."""
    import matplotlib.pyplot as plt

    from coursekit import plots

    plots.use_course_style()
    picture, axes = plt.subplots(2, 1, figsize=(9.2, 2.4))
    for ax, images, title in zip(
        axes, (samples, neighbours), ("samples", "nearest training digits"), strict=True
    ):
        plots.digits_strip(ax, images, (8, 8), n_columns=20, value_range=(-1, 1), title=title)
    picture.savefig(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", choices=[*STD, "digits"])
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--figure")
    choices = parser.parse_args()
    if choices.data == "digits":
        play_digits(choices.seconds or 40, choices.seeds, choices.figure)
        return
    seconds = choices.seconds or {"ring": 20, "grid": 45}[choices.data]
    settings = PLAIN if choices.plain else RECIPE[choices.data]
    for seed in choices.seeds:
        cover, steps, used = play(choices.data, seconds, seed, settings)
        print(
            f"{choices.data} seed {seed}: {cover['modes']} modes, {cover['good_share']:.1%} good,"
            f" KL {cover['kl']:.3f}, {steps} steps, {used:.1f} CPU-s",
            flush=True,
        )


if __name__ == "__main__":
    main()
