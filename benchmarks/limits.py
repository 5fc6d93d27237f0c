"""Aims that our recipes miss in their seconds: do three times the seconds reach them, or twice the units?

One run each, seed 0; what the recipe reaches in its own seconds stands in its own case. The settings are the
recipe's, its schedule is stretched over the seconds.
"""

from unittest.mock import patch

import torch

from benchmarks.harness import OURS, Skipped, mnist
from coursekit import data
from coursekit.autoencoder import recipe as autoencoder_recipe
from coursekit.flow import InvertibleLinear
from coursekit.flow import recipe as flow_recipe
from coursekit.rbm import mean_logits
from coursekit.rbm import recipe as rbm_recipe
from coursekit.vae import recipe as vae_recipe

SEED = 0


def compared(bench, row, seconds, build, parts, measure, wide):
    """A row of the recipe for three times its seconds, as it is and with the options in `wide`."""
    bench.entry["seeds"] = [SEED]
    for who, options in ((OURS, {}), (f"{OURS}, twice the units", wide)):
        ours, steps = bench.follow(build, *parts, budget=3 * seconds, seed=SEED, **options)
        row.add(who, SEED, measure(ours.model), steps=steps)


def pictures(bench):
    if bench.quick:
        raise Skipped("--quick takes digits and toys only")
    return mnist("train"), mnist("test")


def vae_mnist(bench):
    "VAE, MNIST: 320 units, or 640."
    parts = pictures(bench)
    row = bench.row("bound after 330 CPU-s", "nats", "higher", moonshot=-87)
    bits = vae_recipe.bits_of(parts[1])
    sizes = {"n_latent": 40, "prior_components": 500}

    def build(train, test, *, seconds, hidden=320):
        return vae_recipe.recipe(train, test, vae_recipe.MNIST, seconds, hidden=hidden, **sizes)

    compared(bench, row, 110, build, parts, lambda m: vae_recipe.mean_elbo(m, bits), {"hidden": 640})


def rbm_mnist(bench):
    "RBM, MNIST: 500 hidden units, or 1000."
    parts = pictures(bench)
    row = bench.row("log-likelihood after 330 CPU-s", "nats", "higher", moonshot=-84)
    bits, bias = rbm_recipe.bits_of(parts[1]), mean_logits(torch.from_numpy(data.ink(parts[0])))

    def build(train, test, *, seconds, n_hidden=500):
        return rbm_recipe.recipe(train, test, n_hidden, rbm_recipe.MNIST, seconds)

    def measure(machine):
        return rbm_recipe.log_likelihood(machine, bits, bias, n_steps=10_000)[0]

    compared(bench, row, 110, build, parts, measure, {"n_hidden": 1000})


def autoencoder_mnist(bench):
    "Autoencoder, MNIST in 30 numbers: 784-512-256-30 and back, or 784-1024-512-30."
    parts = pictures(bench)
    row = bench.row("squared error after 300 CPU-s", "", "lower", moonshot=2.3)
    recipe, test = autoencoder_recipe, torch.from_numpy(data.ink(parts[1]))

    def build(train, test, *, seconds, hidden=(512, 256)):
        return recipe.recipe(train, test, recipe.MNIST, seconds, n_code=30, hidden=hidden)

    def measure(model):
        return recipe.squared_error(test, recipe.reconstructed(model, test))

    compared(bench, row, 100, build, parts, measure, {"hidden": (1024, 512)})


def flow_digits(bench):
    "Flow, 8 x 8 digits: couplings 32-256-64, or 32-512-64."
    parts = data.train_and_test("digits")
    row = bench.row("digits, one noise, after 45 CPU-s", "bits/dim", "lower", moonshot=1.95)
    recipe, test = flow_recipe, torch.tensor(parts[1].x, dtype=torch.float32)

    def build(train, test, *, seconds, width=256):
        def behind_logit(train, test, *, seconds):
            return recipe.images(train, test, recipe.DIGITS, seconds, width=width, mix=InvertibleLinear)

        with patch.object(recipe, "digits", behind_logit):
            return recipe.digits_by_histogram(train, test, seconds=seconds)

    def measure(model):
        return recipe.digit_bits(model, test, n_noises=1)[0]

    compared(bench, row, 15, build, parts, measure, {"width": 512})


PARTS = {"flow": flow_digits, "autoencoder": autoencoder_mnist, "rbm": rbm_mnist, "vae": vae_mnist}
