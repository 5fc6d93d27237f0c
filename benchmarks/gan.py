"""Generative adversarial nets: modes found and share of good samples on two toys; digits read by a judge.

Ring: 8 Gaussians of std .02 on a circle of radius 2. Grid: 5 x 5 Gaussians of std .0177, .707 apart. A
sample is good within 3 std of a mode (.989 of the data are); a mode is found with a thousandth of the
samples; KL of the shares by nearest mode from even ones. Digits: a classifier trained in the run on the real
training digits reads the samples; Frechet distance to the test digits in its features. Peers: the vanilla
GAN, with networks as large and the same seconds; on MNIST the classic DCGAN too. Ours follow
coursekit/gan/recipe.py; on the toys the same recipe without R1 is beside it.
"""

import numpy as np
import scipy.stats
import torch

from benchmarks import references
from benchmarks.harness import OURS, Judged, Skipped, cpu_seconds, mnist, take_turns
from coursekit.data import signed, toy2d, train_and_test
from coursekit.evaluation import mode_coverage
from coursekit.gan import recipe
from coursekit.wgan import earth_mover_1d, earth_mover_lp
from coursekit.wgan import recipe as wgan_recipe

# What -> (CPU seconds, width of the peers' networks: that of ours).
BUDGETS = {"ring": (20, 64), "grid": (45, 128), "digits": (40, 256), "mnist": (60, 256)}
# Measure -> {toy: (target, moonshot)}.
TOY_MEASURES = {
    "modes": ("higher", {"ring": (8, 8), "grid": (22, 25)}),
    "good_share": ("higher", {"ring": (0.88, None), "grid": (0.45, 0.85)}),
    "kl": ("lower", {}),
}
TARGETS = {"digits": {"confidence": 0.9, "classes": 10}, "mnist": {}}


def vanilla_samples(nets, x, n, *, n_latent, seconds, seed):
    """(n samples of the reference after so many CPU seconds, its steps); nets (generator, discriminator)."""
    steps = references.play(*nets, x, n_latent=n_latent, seconds=seconds, seed=seed)
    torch.manual_seed(seed)
    with torch.no_grad():
        return nets[0].eval()(torch.randn(n, n_latent)), steps


def our_samples(bench, build, parts, n, *, budget, seed, **options):
    """(n samples of the recipe after its budget, the steps made)."""
    ours, steps = bench.follow(build, *parts, budget=budget, seed=seed, **options)
    return ours.model.sample(n, rng=torch.Generator().manual_seed(seed)), steps


def toy(name):
    def part(bench):
        budget, width = BUDGETS[name]
        seconds, build = bench.budget(budget), recipe.RECIPES[name]
        rows = {}
        for measure, (better, goals) in TOY_MEASURES.items():
            target, moonshot = goals.get(name, (None, None))
            what = f"{name} after {seconds} CPU-s: {measure.replace('_', ' ')}"
            rows[measure] = bench.row(what, "", better, target=target, moonshot=moonshot)
        for seed in bench.seeds:
            data, samples = toy2d(name, 50_000, rng=1000 + seed), {}
            for who, r1 in ((OURS, recipe.R1), ("coursekit, r1 = 0", 0.0)):
                options = {"budget": budget, "seed": seed, "r1": r1}
                samples[who] = our_samples(bench, build, (data, None), 10_000, **options)
            torch.manual_seed(seed)
            nets = references.vanilla_gan(2, n_latent=2, width=width)
            x = torch.tensor(data.x, dtype=torch.float32)
            samples["vanilla GAN"] = vanilla_samples(nets, x, 10_000, n_latent=2, seconds=seconds, seed=seed)
            for who, (points, steps) in samples.items():
                for measure, value in mode_coverage(points, data.centers, recipe.STD[name]).items():
                    rows[measure].add(who, seed, value, steps=steps)

    part.__doc__ = f"The {name} of Gaussians, 10 000 samples."
    return part


def images(bench, name, parts):
    """Rows of one set of images; parts: training and test set."""
    budget, width = BUDGETS[name]
    seconds, build = bench.budget(budget), recipe.RECIPES[name]
    train, test = (torch.from_numpy(signed(part)) for part in parts)
    d = train.shape[1]
    judged = Judged(bench, train, parts[0].labels, test)
    judged.rows(f"{name} after {seconds} CPU-s", TARGETS[name])
    for seed in bench.seeds:
        samples = {OURS: our_samples(bench, build, parts, 1000, budget=budget, seed=seed)}
        torch.manual_seed(seed)
        generator, discriminator = references.vanilla_gan(d, n_latent=100, width=width)
        peers = {"vanilla GAN": (torch.nn.Sequential(generator, torch.nn.Tanh()), discriminator)}
        if d == 784:
            peers["DCGAN"] = references.dcgan()
        for who, nets in peers.items():
            samples[who] = vanilla_samples(nets, train, 1000, n_latent=100, seconds=seconds, seed=seed)
        for who, (points, steps) in samples.items():
            judged.add(who, seed, points, steps)


def digit_images(bench):
    "8 x 8 digits, 1437 for training, 1000 samples."
    images(bench, "digits", train_and_test("digits"))


def mnist_images(bench):
    "MNIST, 1000 samples."
    if bench.quick:
        raise Skipped("--quick takes digits and toys only")
    images(bench, "mnist", (mnist("train"), mnist("test")))


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


# Games on a line -> kind, opponent steps for each of the generator, one-sided or not.
REPORTS = {
    "GAN, k = 1": ("GAN", 1, False),
    "GAN, k = 5": ("GAN", 5, False),
    "WGAN, k = 1": ("WGAN", 1, False),
    "WGAN, k = 1, one-sided": ("WGAN", 1, True),
    "WGAN, k = 5": ("WGAN", 5, False),
    "WGAN, k = 5, one-sided": ("WGAN", 5, True),
}


def reports(bench):
    "Games on a line, k opponent steps for each of the generator: does the report follow the true distance?"
    n_steps = 20 if bench.quick else 480
    rows = {name: bench.row(f"{name}: distance at the end", "", "lower") for name in REPORTS}
    with bench.store("wgan_reports", wgan_recipe, "line_game") as table:
        for name, (kind, k, one_sided) in REPORTS.items():
            runs = []
            for seed in bench.seeds:
                options = {"n_opponent_steps": k, "n_steps": n_steps, "seed": seed, "one_sided": one_sided}
                run, seconds = cpu_seconds(wgan_recipe.line_game, kind, **options)
                runs.append(run)
                rows[name].add(OURS, seed, run[1][-1], steps=n_steps)
                table.add(seed=seed, steps=n_steps, seconds=seconds, game=name, distance=run[1][-1])
            table.arrays[name] = np.array(runs, dtype=np.float32)  # seeds, (reports, distances), measurements
        for seed in bench.seeds:
            options = {"n_opponent_steps": 5, "n_steps": 3 * n_steps, "seed": seed}
            run, seconds = cpu_seconds(wgan_recipe.line_game, "WGAN", **options)
            name, last = "WGAN, k = 5, three times as long", run[1][-1]
            table.add(seed=seed, steps=3 * n_steps, seconds=seconds, game=name, distance=last)


def r1_alone(bench):
    "The grid once more, a plain game at a constant rate: the same 6000 steps with R1 and without."
    n_steps = 250 if bench.quick else 6000
    with bench.store("gan_r1", recipe, "grid_game") as table:
        for r1 in (0.0, recipe.R1):
            row = bench.row(f"r1 = {r1}: KL of the shares at the end", "nats", "lower")
            curves = []
            for seed in bench.seeds:
                options = {"n_steps": n_steps, "seed": seed}
                (_, looks), seconds = cpu_seconds(recipe.grid_game, r1, **options)
                modes, good_share, kl = looks[-1]
                table.add(seed=seed, steps=n_steps, seconds=seconds, r1=r1, modes=int(modes),
                          good_share=good_share, kl=kl)  # fmt: skip
                row.add(OURS, seed, kl, steps=n_steps)
                curves.append(looks)
            table.arrays[f"r1 = {r1}"] = np.array(curves, dtype=np.float32)  # seeds, looks, 3


# Steps of the generator in a turn -> turns after which to look. Of both, 150, 450 and 1350 turns are equally
# many steps of D; 825 and 2475 turns of two steps are as many steps in all as 150 and 450 of eleven.
LOOKS = {10: (150, 450, 1350), 1: (150, 450, 825, 1350, 2475)}


def collapse(bench):
    "The grid by Algorithm 1, ten steps of the generator in a turn or one, one of D: does it collapse?"
    grid = toy2d("grid", 20_000, rng=0)
    with bench.store("gan_collapse", recipe, "unequal_turns") as table:
        for n, looks in LOOKS.items():
            row = bench.row(f"{n} generator steps in a turn: KL of the shares at the end", "nats", None)
            looks, counts = (3, 6) if bench.quick else looks, []
            for seed in bench.seeds:
                (kept, shares), seconds = cpu_seconds(recipe.unequal_turns, n, looks=looks, seed=seed)
                for turns, samples in kept.items():
                    found = mode_coverage(samples, grid.centers, recipe.STD["grid"])
                    part = {"steps": turns * (1 + n), "seconds": seconds * turns / looks[-1]}
                    table.add(seed=seed, **part, n_generator=n, turns=turns, **found)
                row.add(OURS, seed, found["kl"], steps=looks[-1] * (1 + n))
                counts.append((1000 * shares[:50]).round())
                if seed == bench.seeds[0]:
                    some = [samples[:1000].numpy() for samples in kept.values()]
                    table.arrays[f"samples, {n}"] = np.array(some, dtype=np.float16)  # looks, 1000, 2
            table.arrays[f"nearest, {n}"] = np.array(counts, dtype=np.int16)  # seeds, looks, 25; of 1000


PARTS = {
    "ring": toy("ring"),
    "grid": toy("grid"),
    "digits": digit_images,
    "mnist": mnist_images,
    "earth_mover": earth_mover,
    "reports": reports,
    "r1": r1_alone,
    "collapse": collapse,
}
