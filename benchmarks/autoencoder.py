"""Autoencoders of MNIST with 30 codes: squared error per test image, summed over pixels in [0, 1].

Ours follows coursekit/autoencoder/recipe.py. Beside it PCA with 30 components, and the deep network of Hinton
& Salakhutdinov 2006 trained from a random start without normalisation, which had needed pre-training then
(their error: 3.00).
"""

import time
from unittest.mock import patch

import numpy as np
import torch

from benchmarks.harness import OURS, mnist
from coursekit import data, training
from coursekit.autoencoder import Autoencoder, corrupt, recipe, shift_tangents
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


def timed(work):
    start = time.process_time()
    return work(), time.process_time() - start


def curves(bench):
    "Networks of notebook 10: squared error over the steps, 14 x 14 digits."
    train, test = (torch.from_numpy(data.ink(part)) for part in data.train_and_test("mini_mnist"))
    row = bench.row("squared error with all courtesies, 3200 steps", "", "lower")
    with bench.store("autoencoder_curves", recipe, "curve") as table:
        for case in recipe.CASES:
            found = []
            for seed in bench.seeds:
                steps = 9600 if "sigmoid" in case and "first" not in case else 3200
                steps = 1700 if bench.quick else steps
                (model, errors), seconds = timed(
                    lambda case=case, seed=seed, steps=steps: recipe.curve(
                        case, train, test, seed=seed, n_steps=steps
                    )
                )
                last = recipe.squared_error(test, recipe.reconstructed(model, test))
                table.add(seed=seed, steps=steps, seconds=seconds, case=case, error=last)
                found.append(errors)
                if case == "6 cross-entropy":
                    row.add(OURS, seed, last)
            table.arrays[case] = np.array(found, dtype=np.float32)


RATES = (0.001, 0.003, 0.01, 0.03, 0.1)


def rates(bench):
    "Networks of notebook 10, section 4: squared error after 3200 steps by learning rate, on seed 10."
    train, test = (torch.from_numpy(data.ink(part)) for part in data.train_and_test("mini_mnist"))
    n_cases, n_steps = (1, 30) if bench.quick else (5, 3200)
    with bench.store("autoencoder_rates", recipe, "curve") as table:
        for case in list(recipe.CASES)[:n_cases]:
            row = bench.row(f"{case}: squared error by its best rate", "", "lower")
            options, _, first = recipe.CASES[case]
            errors = []
            for rate in RATES:
                with patch.dict(recipe.CASES, {case: (options, rate, first)}):
                    (model, _), seconds = timed(
                        lambda case=case: recipe.curve(case, train, test, seed=10, n_steps=n_steps)
                    )
                errors.append(recipe.squared_error(test, recipe.reconstructed(model, test)))
                table.add(seed=10, steps=n_steps, seconds=seconds, case=case, rate=rate, error=errors[-1])
            row.add(OURS, 10, min(errors))


AFTER = (1, 25, 50, 100, 200, 400, 800, 1600)


def fine_tuning(bench):
    "The pre-trained networks of notebook 10: squared error over the steps that follow the pre-training."
    train, test = (torch.from_numpy(data.ink(part)) for part in data.train_and_test("mini_mnist"))
    row = bench.row("squared error, RBMs first, 100 steps after", "", "lower")
    before = 4 * recipe.FIRST_STEPS
    with bench.store("autoencoder_fine_tuning", recipe, "curve") as table:
        for case in ("sigmoid, RBMs first", "sigmoid, layer pairs first"):
            for seed in bench.seeds:
                for after in (1, 100) if bench.quick else AFTER:
                    how = {"seed": seed, "n_steps": before + after}
                    (model, _), seconds = timed(
                        lambda case=case, how=how: recipe.curve(case, train, test, **how)
                    )
                    error = recipe.squared_error(test, recipe.reconstructed(model, test))
                    table.add(seed=seed, steps=after, seconds=seconds, case=case, error=error)
                    if (case, after) == ("sigmoid, RBMs first", 100):
                        row.add(OURS, seed, error)


NOISE = {"gaussian": 0.5, "masking": 0.5}


def denoisers(bench):
    "Denoising autoencoders of notebook 10, plain ones beside them, at one and at three budgets."
    train, test = (torch.from_numpy(data.ink(part)) for part in data.train_and_test("mini_mnist"))
    labels, truth = (part.labels for part in data.train_and_test("mini_mnist"))
    mean = train.mean(0)
    train, test = train - mean, test - mean
    row = bench.row("squared error of a repaired image, Gaussian noise", "", "lower")
    seen = {"none": test}
    for kind, amount in NOISE.items():
        seen[kind] = corrupt(test, amount, kind, rng=torch.Generator().manual_seed(1))
    with bench.store("autoencoder_denoisers", recipe, "denoiser") as table:
        for seed in bench.seeds:
            for n_steps in (5,) if bench.quick else (800, 2400):
                for kind, amount in (NOISE | {"none": 0.0}).items():
                    how = {"kind": "gaussian" if kind == "none" else kind, "noise": amount}
                    model, seconds = timed(
                        lambda how=how, seed=seed, n_steps=n_steps: recipe.denoiser(
                            train, seed=seed, n_steps=n_steps, **how
                        )
                    )
                    for shown, images in seen.items():
                        repaired = recipe.reconstructed(model, images)
                        near = torch.cdist(repaired, train).argmin(1).numpy()
                        error = recipe.squared_error(test, repaired)
                        wrong = float((labels[near] != truth).mean())
                        table.add(seed=seed, steps=n_steps, seconds=seconds, trained=kind, shown=shown,
                                  error=error, wrong=wrong)  # fmt: skip
                        if kind == shown == "gaussian" and n_steps != 2400:
                            row.add(OURS, seed, error)


TANGENT_WEIGHT = 0.03  # of .001, .003, .01, .03; the spread of .7 and 1: both on seed 10


def tangents(bench):
    "Tangent prop in notebook 10: errors on test digits as they are and moved by a pixel."
    halves = data.train_and_test("mini_mnist")
    x, test = (torch.from_numpy(data.ink(part)) for part in halves)
    labels, truth = (torch.tensor(part.labels) for part in halves)
    moved = recipe.moved_by_a_pixel(test)
    row = bench.row("error on moved digits with tangent prop", "", "lower")
    parts = ("tangent_classifier", "few_labels", "moved_by_a_pixel")
    with bench.store("autoencoder_tangents", recipe, *parts) as table:
        for seed in bench.seeds:
            rows = recipe.few_labels(labels, 30, seed)
            some, right = x[rows], labels[rows]
            shift = shift_tangents(some, (14, 14))
            rng = torch.Generator().manual_seed(seed)
            random = torch.randn(shift.shape, generator=rng)
            random *= shift.norm(dim=2, keepdim=True) / random.norm(dim=2, keepdim=True)
            net, _ = recipe.curve("code of 8", x, test, seed=seed, n_steps=30 if bench.quick else 800)
            learned = net.tangent_vectors(some, 2).detach() * shift.norm(dim=2, keepdim=True)
            for name, tangents, weight, spread in (
                ("none", shift, 0.0, 0.0),
                ("shifts", shift, TANGENT_WEIGHT, 0.0),
                ("random directions", random, TANGENT_WEIGHT, 0.0),
                ("tangents of an autoencoder", learned, TANGENT_WEIGHT, 0.0),
                ("moved copies", shift, 0.0, 1.0),
            ):
                how = {"tangents": tangents, "weight": weight, "spread": spread, "seed": seed}
                network, seconds = timed(lambda how=how, some=some, right=right: (
                    recipe.tangent_classifier(some, right, **how)))  # fmt: skip
                wrong = recipe.share_wrong(network, test, truth)
                wrong_moved = recipe.share_wrong(network, moved, truth.repeat(4))
                table.add(seed=seed, steps=300, seconds=seconds, case=name, wrong=wrong, moved=wrong_moved)
                if name == "shifts":
                    row.add(OURS, seed, wrong_moved)


PARTS = {"error": error_in_seconds, "curves": curves, "fine_tuning": fine_tuning}
PARTS |= {"rates": rates, "denoisers": denoisers, "tangents": tangents}
