"""Modes found and share of good samples on the two classic toys, in a fixed CPU time.

    python benchmarks/gan_toys.py ring  [--seconds 20] [--seeds 0 1 2]
    python benchmarks/gan_toys.py grid  [--seconds 45] [--seeds 0 1 2] [--plain]

Ring: 8 Gaussians, std .02, on a circle of radius 2. Grid: 5 x 5 Gaussians, std .0177, .707 apart. A sample is
good within 3 std of a mode (.989 of the data are), a mode is found with a thousandth of the samples.
The recipe: the loss that does not saturate, noise on data and samples that fades over the run (instance
noise), learning rates falling to 0, large batches, a latent with as many numbers as the data, averaged
weights. --plain runs the same networks without them, at batch 256. Times are CPU seconds of one thread; set
OMP_NUM_THREADS=1.
"""

import argparse
import time

import torch

from coursekit.data import toy2d
from coursekit.evaluation import mode_coverage
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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", choices=sorted(STD))
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--plain", action="store_true")
    choices = parser.parse_args()
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
