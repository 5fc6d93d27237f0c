"""Variational autoencoders: test bound in nats beside the plain 784-400-20 network of many a first example.

Ours follow coursekit/vae/recipe.py. On MNIST the prior is learned, a mixture of Gaussians; the same network
with the prior N(0, I) is beside it to show what that is worth. On the digits it is N(0, I). All train on
pixels drawn anew for every batch, 1 with probability pixel / maximum, and are tested on one fixed draw. The
importance-weighted bound takes 200 samples of the latent, on the first 2000 test images.
"""

import torch

from benchmarks.harness import OURS, Skipped, mnist
from benchmarks.references import PlainVAE
from benchmarks.vae_bits import beside, betas, blur, latents
from coursekit import data
from coursekit.training import FreshPixels, fit
from coursekit.vae import log_bernoulli, recipe

# Budget in CPU seconds -> (target, moonshot) of the bound, and the target of the importance-weighted one.
DIGITS = {15: (-23.2, None, None)}
MNIST = {30: (-98.8, None, None), 110: (-91.8, -87, -87.5)}
PLAIN_TRAINING = {"batch_size": 128, "learning_rate": 1e-3}


def plain(x, *, seconds, seed):
    """(PlainVAE after so many CPU seconds, its steps)."""
    torch.manual_seed(seed)
    model = PlainVAE(x.shape[1])
    limits = {"n_steps": 10**7, "max_cpu_seconds": seconds, "seed": seed, "device": "cpu"}
    history = fit(FreshPixels(model), x, **limits, **PLAIN_TRAINING)
    return model, len(history.learning_rate)


def bound(bench, build, parts, targets, **others):
    """Rows of one set of images; build: a recipe's function, others: more of them by what they are called."""
    x, bits = torch.from_numpy(data.ink(parts[0])), recipe.bits_of(parts[1])
    pixel = (x.sum(0) + 1) / (len(x) + 2)
    floor = log_bernoulli(bits, torch.logit(pixel).expand_as(bits)).mean().item()
    bench.note(f"Independent pixels, the floor: {floor:.2f} nats.")
    for budget, (target, moonshot, target_iw) in targets.items():
        seconds = bench.budget(budget)
        row = bench.row(f"bound after {seconds} CPU-s", "nats", "higher", target=target, moonshot=moonshot)
        weighted = bench.row(
            f"importance-weighted bound after {seconds} CPU-s", "nats", "higher", target=target_iw
        )
        for seed in bench.seeds:
            for who in (OURS, "plain 784-400-20", *others):
                if who == "plain 784-400-20":
                    model, steps = plain(x, seconds=seconds, seed=seed)
                else:
                    make, options = others.get(who, (build, {}))
                    ours, steps = bench.follow(make, *parts, budget=budget, seed=seed, **options)
                    model = ours.model
                elbo = recipe.mean_elbo(model, bits)
                row.add(who, seed, elbo, steps=steps)
                few = bits[: 50 if bench.quick else 2000]
                weighted.add(who, seed, recipe.importance_weighted(model, few, elbo), steps=steps)


def digits(bench):
    "8 x 8 digits, binarised."
    bound(bench, recipe.digits, data.train_and_test("digits"), DIGITS)


def mnist_bound(bench):
    "MNIST, binarised anew for every batch."
    if bench.quick:
        raise Skipped("--quick takes digits and toys only")
    others = {"coursekit, prior N(0, I)": (recipe.mnist, {"prior_components": 0})}
    bound(bench, recipe.mnist, (mnist("train"), mnist("test")), MNIST, **others)


PARTS = {"digits": digits, "mnist": mnist_bound, "beta": betas, "latents": latents}
PARTS |= {"beside": beside, "blur": blur}
