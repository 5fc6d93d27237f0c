"""DCGAN on mini-MNIST beside lecture 12's recipe; its rules left out one at a time; rings; codes.

Samples are judged by a classifier of real digits, trained once: Frechet distance (FD) to the test digits in
its features, precision and recall of 1000 samples, classes with at least 2 % of the samples. The ring has
eight Gaussians of std .02; a sample is good within 3 std of one.
"""

import numpy as np
import torch

from benchmarks.harness import OURS, cpu_seconds
from coursekit.data import mini_mnist
from coursekit.evaluation import frechet_distance, precision_recall
from coursekit.gan import recipe as plain_recipe
from coursekit.gan_training import find_code, recipe

N_DRAWN = 2000
RING_TIMES = (100, 200, 400, 800)


class Judge:
    """What is measured of samples in [-1, 1]; the test digits and the judge are always the same."""

    def __init__(self, train, test):
        self.judge = recipe.judge(train)
        self.real = self.judge.features(recipe.pictures(test).flatten(1))

    def read(self, samples):
        samples = samples.flatten(1)
        features, probability = self.judge.features(samples), self.judge.predict_proba(samples)
        both = precision_recall(self.real, features[: len(self.real)])
        share = probability.argmax(1).bincount(minlength=10) / len(samples)
        return {
            "fd": frechet_distance(features, self.real),
            "precision": both["precision"],
            "recall": both["recall"],
            "classes": int((share >= 0.02).sum()),
            "smallest class": share.min().item(),
            "confidence": probability.max(1).values.mean().item(),
        }


def drawn(game, seed):
    return game.sample(N_DRAWN, rng=torch.Generator().manual_seed(seed))


def as_bytes(images):
    """Images in [-1, 1] as bytes 0 to 255."""
    return (127.5 * (images.detach() + 1)).round().clamp(0, 255).byte().numpy()


def digits(bench):
    "Mini-MNIST: DCGAN beside the recipe of lecture 12 and that for short runs, at equal CPU-seconds."
    train, test = mini_mnist().split()
    judge = Judge(train, test)
    players = {
        OURS: lambda: recipe.mini_mnist(train, test),
        "recipe of lecture 12": lambda: plain_recipe.mini_mnist(train, test),
        "recipe of lecture 12, for short runs": lambda: plain_recipe.mini_mnist(train, test, seconds=10),
    }
    with bench.store("gan_training_digits", recipe, "mini_mnist", "judge") as table:
        for budget in (26, 60):
            seconds = bench.budget(budget)
            fd = bench.row(f"mini-MNIST after {budget} CPU-s: Frechet distance", "", "lower")
            classes = bench.row(f"mini-MNIST after {budget} CPU-s: classes", "", "higher", target=10)
            for seed in bench.seeds:
                for name, build in players.items():
                    torch.manual_seed(seed)
                    made = build()
                    (history,), spent = cpu_seconds(made.train, seconds=seconds, seed=seed, device="cpu")
                    samples = drawn(made.model, seed)
                    found, steps = judge.read(samples), len(history.loss)
                    fd.add(name, seed, found["fd"], steps=steps)
                    classes.add(name, seed, found["classes"], steps=steps)
                    model = "DCGAN" if name == OURS else name
                    table.add(seed=seed, steps=steps, seconds=spent, model=model, budget=budget, **found)
                    if seed == 0 and budget == 26:
                        table.arrays[model] = as_bytes(samples[:20].flatten(1))
        floor = judge.read(recipe.pictures(train)[torch.randperm(5000)[:N_DRAWN]])
        table.add(seed=0, steps=0, seconds=0, model="training digits", budget=26, **floor)


def rules(bench):
    "DCGAN on mini-MNIST, 300 steps: each rule left out once, and some tricks."
    train, test = mini_mnist().split()
    judge, x = Judge(train, test), recipe.pictures(train)
    with bench.store("gan_training_rules", recipe, "variant", "judge") as table:
        for name in recipe.VARIANTS:
            row = bench.row(f"{name}: Frechet distance", "", "lower")
            for seed in bench.seeds:
                n_steps = 4 if bench.quick else None
                game, spent = cpu_seconds(recipe.variant, name, x, seed=seed, n_steps=n_steps)
                samples = drawn(game, seed)
                found = judge.read(samples)
                row.add(OURS, seed, found["fd"])
                steps = n_steps or recipe.VARIANTS[name][2].get("n_steps", recipe.N_STEPS)
                table.add(seed=seed, steps=steps, seconds=spent, model=name, **found)
                if seed == 0:
                    table.arrays[name] = as_bytes(samples[:10].flatten(1))


def rules_longer(bench):
    "The two rules without which the game collapses, each left out with three times the steps."
    train, test = mini_mnist().split()
    judge, x = Judge(train, test), recipe.pictures(train)
    names = (
        "all five rules",
        "2 · no batch norm",
        "3 · a dense hidden layer",
        "3 · the same with batch norm",
    )
    with bench.store("gan_training_rules_longer", recipe, "variant", "judge") as table:
        for name in names:
            row = bench.row(f"{name}, three times as long: Frechet distance", "", "lower")
            for seed in bench.seeds:
                steps = 4 if bench.quick else 3 * recipe.N_STEPS
                game, spent = cpu_seconds(recipe.variant, name, x, seed=seed, n_steps=steps)
                found = judge.read(drawn(game, seed))
                row.add(OURS, seed, found["fd"])
                table.add(seed=seed, steps=steps, seconds=spent, model=name, **found)


def ring(bench):
    "Eight Gaussians on a ring, 800 steps of the generator: plain, unrolled, and what costs as much."
    with bench.store("gan_training_ring", recipe, "ring_game", "RING_SHOWN") as table:
        clouds = {}
        for name in recipe.RING_GAMES:
            row = bench.row(f"{name}: share of good samples", "", "higher")
            for seed in bench.seeds:
                n_steps = 4 if bench.quick else None
                seen = []

                def look(step, game, loss, seen=seen):
                    if step in RING_TIMES:
                        seen.append(game.sample(250, rng=torch.Generator().manual_seed(1)).half().numpy())

                options = {"seed": seed, "n_steps": n_steps}
                options |= {"on_step": look} if seed == 0 and name in recipe.RING_SHOWN else {}
                game, spent = cpu_seconds(recipe.ring_game, name, **options)
                found = recipe.ring_coverage(game)
                row.add(OURS, seed, found["good_share"])
                steps = n_steps or recipe.RING_GAMES[name].get("n_steps", recipe.RING_STEPS)
                table.add(seed=seed, steps=steps, seconds=spent, model=name, **found)
                if seen:
                    clouds[name] = seen
        if not bench.quick:  # else no game comes as far
            table.arrays["clouds"] = np.array([clouds[name] for name in recipe.RING_SHOWN])
            table.arrays["steps"] = np.array(RING_TIMES)


def codes(bench):
    "Arithmetic on codes of digits: a bold 7, less a light 7, plus a light 3, is it a bold 3?"
    train, _ = mini_mnist().split()
    judge, x = recipe.judge(train), recipe.pictures(train)
    row = bench.row("sums of mean codes with the class and the boldness hoped for", "", "higher")
    three = bench.row("the same with means of three codes, 20 draws", "", "higher")
    with bench.store("gan_training_codes", recipe, "variant", "arithmetic", "judge") as table:
        for seed in bench.seeds:
            n_steps = 100 if bench.quick else recipe.N_STEPS
            game, spent = cpu_seconds(recipe.variant, "all five rules", x, seed=seed, n_steps=n_steps)
            found, images = recipe.arithmetic(game, judge, seed=seed)
            row.add(OURS, seed, found["all"])
            three.add(OURS, seed, found["three"])
            table.add(seed=seed, steps=n_steps, seconds=spent, **found)
            if seed == 0:
                table.arrays["sums"] = as_bytes(images)


def halves(bench):
    "The lower half of a test digit, by a code search in a DCGAN of 300 steps and in one of 1900."
    train, test = mini_mnist().split()
    x, targets = recipe.pictures(train), recipe.pictures(test)[torch.arange(60) * 16 % 1000]
    known = torch.zeros(1, 14, 14)
    known[:, :7] = 1
    with bench.store("gan_training_halves", recipe, "variant", "SEARCH") as table:
        for n_steps in (recipe.N_STEPS, 1_900):
            row = bench.row(
                f"code search after {n_steps} steps: squared error of the hidden half", "", "lower"
            )
            for seed in bench.seeds:
                steps = 4 if bench.quick else n_steps
                game, spent = cpu_seconds(recipe.variant, "all five rules", x, seed=seed, n_steps=steps)
                rng = torch.Generator().manual_seed(seed)
                z, fit = find_code(
                    game.generator, targets, known, n_latent=game.n_latent, rng=rng, **recipe.SEARCH
                )
                off = (game.generator(z).detach() - targets)[:, :, 7:].square().mean().item()
                row.add(OURS, seed, off)
                table.add(seed=seed, steps=steps, seconds=spent, error=off, mismatch=fit.mean().item())


PARTS = {"digits": digits, "rules": rules, "rules_longer": rules_longer, "ring": ring, "codes": codes}
PARTS |= {"halves": halves}
