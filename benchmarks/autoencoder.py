"""Autoencoders of MNIST with 30 codes: squared error per test image, summed over pixels in [0, 1].

Ours follows coursekit/autoencoder/recipe.py. Beside it PCA with 30 components, and the deep network of Hinton
& Salakhutdinov 2006 trained from a random start without normalisation, which had needed pre-training then
(their error: 3.00).
"""

import torch

from benchmarks.harness import OURS, mnist
from coursekit import data, training
from coursekit.autoencoder import Autoencoder, recipe
from coursekit.pca import PCA

# Budget in CPU seconds -> (target, moonshot).
TARGETS = {30: (4.2, 2.3), 100: (3.05, 2.3)}
UNNORMALISED = {"hidden": (1000, 500, 250), "activation": "relu"}
PLAIN_TRAINING = {"batch_size": 256, "learning_rate": 1e-3, "schedule": "cosine"}


def plain(x, n_code, *, seconds, seed):
    """(the deep network of 2006 after so many CPU seconds, its steps)."""
    torch.manual_seed(seed)
    model = Autoencoder(x.shape[1], n_code, **UNNORMALISED)
    limits = {"n_steps": 10**9, "max_cpu_seconds": seconds, "seed": seed, "device": "cpu"}
    history = training.fit(model, x, **limits, **PLAIN_TRAINING)
    return model, len(history.learning_rate)


def error_in_seconds(bench):
    "Squared error after a budget of CPU seconds; PCA takes what its own fit takes."
    if bench.quick:
        build, parts, n_code, targets = recipe.digits, data.train_and_test("digits"), 8, {0.3: (None, None)}
    else:
        build, parts, n_code, targets = recipe.mnist, (mnist("train"), mnist("test")), 30, TARGETS
    train, test = (torch.from_numpy(data.ink(part)) for part in parts)
    pca = PCA(n_code).fit(train.numpy())
    linear = recipe.squared_error(test, pca.inverse_transform(pca.transform(test.numpy())))
    for seconds, (target, moonshot) in targets.items():
        row = bench.row(f"squared error after {seconds} CPU-s", "", "lower", target=target, moonshot=moonshot)
        for seed in bench.seeds:
            ours, steps = bench.follow(build, *parts, budget=seconds, seed=seed)
            row.add(OURS, seed, error(ours.model, test), steps=steps)
            row.add(f"PCA, {n_code} components", seed, linear)
            model, steps = plain(train, n_code, seconds=seconds, seed=seed)
            row.add("784-1000-500-250-30, not normalised", seed, error(model, test), steps=steps)


def error(model, test):
    return recipe.squared_error(test, recipe.reconstructed(model, test))


PARTS = {"error": error_in_seconds}
