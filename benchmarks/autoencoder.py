"""Autoencoders of MNIST with 30 codes: squared error per test image, summed over pixels in [0, 1].

Beside PCA with 30 components and the deep network of Hinton & Salakhutdinov 2006 trained from a random start
without normalisation, which had needed pre-training then (their error: 3.00).
"""

import numpy as np
import torch

from benchmarks.harness import OURS, mnist
from coursekit import training
from coursekit.autoencoder import Autoencoder, start_at_mean
from coursekit.data import digits
from coursekit.pca import PCA

# By budget in CPU seconds. The cross-entropy lowers the squared error faster than the squared error itself
# does; starting at the mean image keeps its code from collapsing.
NETWORK = {"hidden": (512, 256), "activation": "silu", "norm": True, "likelihood": "bernoulli"}
TRAINING = {"batch_size": 128, "learning_rate": 5e-3, "optimizer": "adamw", "betas": (0.9, 0.99)}
TRAINING |= {"schedule": "cosine", "warm_up": 0.05}
RECIPES = {30: (NETWORK, TRAINING), 100: (NETWORK, TRAINING)}
QUICK = {0.3: (NETWORK | {"hidden": (64,)}, TRAINING)}
TARGETS = {30: (4.2, 2.3), 100: (3.05, 2.3)}

UNNORMALISED = {"hidden": (1000, 500, 250), "activation": "relu"}
PLAIN_TRAINING = {"batch_size": 256, "learning_rate": 1e-3, "schedule": "cosine"}


def problem(bench):
    """(training pixels, test pixels in [0, 1], number of codes)."""
    if bench.quick:
        train, test = (torch.tensor(part.x / 16).float() for part in digits().split())
        return train, test, 8
    return *(torch.from_numpy(mnist(split).x / 255) for split in ("train", "test")), 30


def squared_error(x, y):
    """Summed over the pixels, mean over the images."""
    return float(((np.asarray(x) - np.asarray(y)) ** 2).sum(1).mean())


@torch.no_grad()
def trained(train, test, n_code, network, settings, *, seconds, seed):
    """Squared error on the test images after so many CPU seconds."""
    torch.manual_seed(seed)
    model = Autoencoder(train.shape[1], n_code, **network)
    if model.likelihood == "bernoulli":
        start_at_mean(model, train)
    with torch.enable_grad():
        training.fit(
            model, train, n_steps=10**9, max_cpu_seconds=seconds, seed=seed, device="cpu", **settings
        )
    return squared_error(test, model.reconstruct(test))


def error_in_seconds(bench):
    "Squared error after a budget of CPU seconds; PCA takes what its own fit takes."
    train, test, n_code = problem(bench)
    pca = PCA(n_code).fit(train.numpy())
    linear = squared_error(test, pca.inverse_transform(pca.transform(test.numpy())))
    for seconds, (network, settings) in (QUICK if bench.quick else RECIPES).items():
        target, moonshot = TARGETS.get(seconds, (None, None))
        row = bench.row(f"squared error after {seconds} CPU-s", "", "lower", target=target, moonshot=moonshot)
        for seed in bench.seeds:
            arguments = {"seconds": seconds, "seed": seed}
            row.add(OURS, seed, trained(train, test, n_code, network, settings, **arguments))
            row.add(f"PCA, {n_code} components", seed, linear)
            plain = trained(train, test, n_code, UNNORMALISED, PLAIN_TRAINING, **arguments)
            row.add("784-1000-500-250-30, not normalised", seed, plain)


PARTS = {"error": error_in_seconds}
