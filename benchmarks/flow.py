"""Normalising flows beside normflows and nflows: same data, same 8 affine couplings, same loop and seconds.

Ours follow coursekit/flow/recipe.py, and the peers are trained with its settings. Toys: model minus true
negative log-likelihood in nats on the same 20 000 test points; the truth of the moons is integrated
numerically, of the ring it is a sum of 8 Gaussians, of the checkerboard log 32. Digits: bits per dimension of
360 test digits after 1437 for training, with one noise per digit (the bound of the literature) and with 100.
"""

import math

import numpy as np
import torch
from scipy.spatial.distance import cdist

from benchmarks.flow_peers import Peer, builders
from benchmarks.harness import OURS, cpu_seconds, take_turns, training_step
from coursekit.data import ink, toy2d, train_and_test
from coursekit.evaluation import digit_judge
from coursekit.flow import Flow, HistogramToNormal, Logit, Whiten, real_nvp, recipe
from coursekit.training import fit

SECONDS = {"moons": 20, "ring": 20, "checkerboard": 20, "digits": 15}
TARGETS = {"moons": (0.012, None), "digits": (2.15, 1.95)}
# The peers, which may learn better at another rate than ours, also get these.
OTHER_RATES = {"moons": (1e-3,), "ring": (3e-3,), "checkerboard": ()}

# Of notebook 16: the wide one has as many weights as eight couplings.
SHAPES = {"2 couplings": {"n_layers": 2}, "2, wide": {"n_layers": 2, "width": 131}}
SHAPES |= {"8 couplings": {"n_layers": 8}, "8, conditional": {"n_layers": 8, "n_classes": 2}}


def our_toy_flow():
    return real_nvp(2)


def moons_log_prob(x, *, std=0.05, n_angles=2000):
    """True log density (n,): two half circles, integrated over the angle by the midpoint rule."""
    return mixture_log_prob(x, np.concatenate(half_circles(n_angles)), std)


def half_circles(n_angles):
    """Points of the upper moon's half circle and of the lower moon's, the middles of n_angles equal arcs."""
    angle = (np.arange(n_angles) + 0.5) / n_angles * np.pi
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return upper, [1.0, 0.5] - upper


def off_the_moons(x, *, far=0.25):
    """The share of the points x (n, 2) farther than `far` from both half circles, and of those between them.

    Between: the directions to the nearest points of the two are more than a right angle apart.
    """
    ways = [circle[cdist(x, circle).argmin(1)] - x for circle in half_circles(500)]
    off = np.minimum(*(np.linalg.norm(way, axis=1) for way in ways)) > far
    return off.mean(), (off & ((ways[0] * ways[1]).sum(1) < 0)).mean()


def mixture_log_prob(x, centers, std):
    """Log density (n,) of equally likely round Gaussians in the plane."""
    result = []
    for rows in np.array_split(x, max(1, len(x) // 1000)):
        exponent = -((rows[:, None] - centers) ** 2).sum(-1) / (2 * std**2)
        largest = exponent.max(1)
        result.append(largest + np.log(np.exp(exponent - largest[:, None]).mean(1)))
    return np.concatenate(result) - math.log(2 * math.pi * std**2)


def true_nll(name, test):
    """Mean negative log-likelihood of the truth on the test points themselves, nats."""
    if name == "checkerboard":
        return math.log(32)
    truth = moons_log_prob(test.x) if name == "moons" else mixture_log_prob(test.x, test.centers, 0.02)
    return -truth.mean()


def fitted(model, x, *, seconds, seed, **settings):
    """(a peer after so many CPU seconds in our loop, its steps)."""
    limits = {"n_steps": 10**6, "max_cpu_seconds": seconds, "seed": seed, "device": "cpu"}
    history = fit(model, x, **limits, **settings)
    return model, len(history.learning_rate)


def toy(name):
    def part(bench):
        _, test = train_and_test(name)
        truth, seconds = true_nll(name, test), bench.budget(SECONDS[name])
        bench.note(f"True negative log-likelihood on the test points: {truth:.4f} nats.")
        target, moonshot = TARGETS.get(name, (None, None))
        row = bench.row(
            f"{name}: model - truth after {seconds} CPU-s", "nats", "lower", target=target, moonshot=moonshot
        )
        builds = builders(bench, our_toy_flow, n_features=2, hidden=(64, 64))
        _, ours = recipe.TOYS[name][SECONDS[name]]
        players = {who: (build, ours) for who, build in builds.items()}
        players |= {
            f"{who}, rate {rate:g}": (builds[who], ours | {"learning_rate": rate})
            for who in builds
            if who != OURS
            for rate in OTHER_RATES[name]
        }
        for seed in bench.seeds:
            train, _ = train_and_test(name, seed=seed)
            for who, (build, settings) in players.items():
                try:
                    if who == OURS:
                        build, budget = recipe.RECIPES[name], SECONDS[name]
                        done, steps = bench.follow(build, train, test, budget=budget, seed=seed)
                        model = done.model
                    else:
                        torch.manual_seed(seed)
                        model, steps = fitted(Peer(build()), train.x, seconds=seconds, seed=seed, **settings)
                except FloatingPointError as error:
                    bench.note(f"{who}, seed {seed}: diverged, {str(error).split('.')[0]}.")
                    continue
                with torch.no_grad():
                    nll = model.loss(torch.tensor(test.x, dtype=torch.float32)).item()
                row.add(who, seed, nll - truth, steps=steps)

    part.__doc__ = f"Density of the {name} in the plane."
    return part


def step_time(bench):
    "CPU seconds of a training step at batch 512, the smallest of five turns of 50 steps."
    row = bench.row("a step, 8 couplings 1-64-64-2, batch 512", "s", "lower")
    x = torch.tensor(toy2d("moons", 512, rng=0).x, dtype=torch.float32)
    for seed in bench.seeds:
        works = {}
        for who, build in builders(bench, our_toy_flow, n_features=2, hidden=(64, 64)).items():
            torch.manual_seed(seed)
            model = build() if who == OURS else Peer(build())
            works[who] = training_step(model, x)
        turns = {"n_turns": 1, "n_calls": 2} if bench.quick else {"n_turns": 5, "n_calls": 50}
        for who, seconds in take_turns(works, **turns).items():
            row.add(who, seed, seconds)


def digit_density(bench):
    "8 x 8 digits; the peers get our histograms and whitening, and couplings 32-256-64."
    parts = train_and_test("digits")
    train, test = (torch.tensor(part.x, dtype=torch.float32) for part in parts)
    seconds, n_noises = bench.budget(SECONDS["digits"]), 5 if bench.quick else 100
    several = train.repeat(10, 1)
    target, moonshot = TARGETS["digits"]
    one = bench.row(f"digits after {seconds} CPU-s", "bits/dim", "lower", target=target, moonshot=moonshot)
    many = bench.row(f"digits after {seconds} CPU-s, {n_noises} noises", "bits/dim", "lower")
    _, settings = recipe.DIGITS[SECONDS["digits"]]

    def add(who, seed, flow, steps=None):
        values = recipe.digit_bits(flow, test, n_noises=n_noises)
        for row, value in zip((one, many), values, strict=True):
            row.add(who, seed, value, steps=steps)

    for seed in bench.seeds:
        for who, build in builders(bench, None, n_features=64, hidden=(256,)).items():
            try:
                if who == OURS:
                    budget = SECONDS["digits"]
                    build = recipe.RECIPES["digits"]
                    ours, steps = bench.follow(build, *parts, budget=budget, seed=seed)
                    add(who, seed, ours.model, steps)
                else:
                    torch.manual_seed(seed)
                    prepare = Flow([HistogramToNormal(64, 17), Whiten(64)], shape=64, discrete=True)
                    prepare.initialize(several).requires_grad_(False)
                    add(
                        who,
                        seed,
                        *fitted(Peer(build(), prepare), train, seconds=seconds, seed=seed, **settings),
                    )
            except FloatingPointError as error:
                bench.note(f"{who}, seed {seed}: diverged, {str(error).split('.')[0]}.")
        yardsticks = {
            "one Gaussian": (),
            "one Gaussian behind our logit": (Logit(17, margin=recipe.MARGIN),),
            "one Gaussian behind our histograms": (HistogramToNormal(64, 17),),
        }
        for who, first in yardsticks.items():
            flow = Flow([*first, Whiten(64)], shape=64, discrete=True)
            add(who, seed, flow.initialize(several))


def overfitting(bench):
    "8 x 8 digits, 2000 steps at a constant rate, with dropout and without: bits of training and test images."
    parts = train_and_test("digits")
    n_steps = 50 if bench.quick else 2000
    with bench.store("flow_overfitting", recipe, "watched") as table:
        for dropout in (0.0, 0.3):
            row = bench.row(f"dropout {dropout}: test images at the end", "bits/dim", "lower")
            curves = []
            for seed in bench.seeds:
                options = {"dropout": dropout, "n_steps": n_steps, "seed": seed}
                (_, looks), seconds = cpu_seconds(recipe.watched, *parts, **options)
                table.add(seed=seed, steps=n_steps, seconds=seconds, dropout=dropout, train=looks[-1, 0],
                          test=looks[-1, 1], best=looks[:, 1].min())  # fmt: skip
                row.add(OURS, seed, looks[-1, 1], steps=n_steps)
                curves.append(looks)
            table.arrays[f"dropout {dropout}"] = np.array(curves, dtype=np.float32)  # seeds, looks, 2


def classes(bench):
    "14 x 14 digits: couplings that see the label beside couplings that do not, all else equal."
    parts = train_and_test("mini_mnist")
    x, labels = torch.tensor(parts[1].x, dtype=torch.float32), torch.tensor(parts[1].labels)
    n_steps = 50 if bench.quick else 1500
    judge = digit_judge(ink(parts[0]), parts[0].labels)
    with bench.store("flow_classes", recipe, "watched") as table:
        for n_classes in (0, 10):
            row = bench.row(f"{n_classes or 'no'} classes: test images", "bits/dim", "lower")
            curves = []
            for seed in bench.seeds:
                options = {"n_classes": n_classes, "n_steps": n_steps, "seed": seed}
                (flow, looks), seconds = cpu_seconds(recipe.watched, *parts, **options)
                told = labels if n_classes else None
                bits, _ = recipe.digit_bits(flow, x, n_noises=1, condition=told)
                results = {"n_classes": n_classes, "bits": bits}
                if n_classes:
                    results["error"] = read_by_bayes(flow, x, labels)
                asked = torch.arange(1000) % 10
                told = asked if n_classes else None
                drawn = flow.sample(1000, condition=told, rng=torch.Generator().manual_seed(4)).detach()
                drawn = drawn.floor().clamp(0, 16) / 16
                results["read"] = (judge.predict_proba(drawn).argmax(1) == asked).double().mean().item()
                table.add(seed=seed, steps=n_steps, seconds=seconds, **results)
                row.add(OURS, seed, bits, steps=n_steps)
                curves.append(looks)
                if seed == bench.seeds[0]:
                    told = torch.arange(40) % 10 if n_classes else None
                    images = flow.sample(40, condition=told, rng=torch.Generator().manual_seed(3))
                    images = images.detach().floor().clamp(0, 16).to(torch.uint8).numpy()
                    table.arrays[f"samples, {n_classes} classes"] = images
            table.arrays[f"{n_classes} classes"] = np.array(curves, dtype=np.float32)  # seeds, looks, 2


def depth(bench):
    "Two moons, 500 and 1500 steps: two couplings, two with as many weights as eight, eight, and with labels."
    test = toy2d("moons", 5000, rng=99)
    truth, new = moons_log_prob(test.x).mean(), torch.tensor(test.x)
    with bench.store("flow_depth", recipe, "two_moons") as table:
        for n_steps in (5,) if bench.quick else (500, 1500):
            for name, shape in SHAPES.items():
                row = bench.row(f"{name}, {n_steps} steps: model - truth", "nats", "lower")
                for seed in bench.seeds:
                    options = {"seed": seed, "n_steps": n_steps, **shape}
                    flow, seconds = cpu_seconds(recipe.two_moons, **options)
                    off, between = off_the_moons(drawn_in_turn(flow, 20_000, seed).numpy())
                    gap = truth - log_density(flow, new).mean().item()
                    about = {"shape": name, "weights": sum(each.numel() for each in flow.parameters())}
                    table.add(seed=seed, steps=n_steps, seconds=seconds, **about, gap=gap, off=off,
                              between=between)  # fmt: skip
                    row.add(OURS, seed, gap, steps=n_steps)


@torch.no_grad()
def drawn_in_turn(flow, n, seed):
    """n samples; of a conditional flow from its classes in turn."""
    turns = torch.arange(n) % flow.n_classes if flow.n_classes else None
    return flow.sample(n, condition=turns, rng=torch.Generator().manual_seed(seed))


@torch.no_grad()
def log_density(flow, x):
    """log p(x) (n,); of a conditional flow the mean density of its classes, all equally likely."""
    if not flow.n_classes:
        return flow.log_prob(x)
    each = torch.stack([flow.log_prob(x, condition=k) for k in range(flow.n_classes)])
    return each.logsumexp(0) - math.log(flow.n_classes)


@torch.no_grad()
def read_by_bayes(flow, x, labels):
    """Share of images x whose label is not the class of largest density, all classes equally likely."""
    densities = [
        flow.discrete_log_prob(x, condition=torch.full((len(x),), k), rng=torch.Generator().manual_seed(5))
        for k in range(flow.n_classes)
    ]
    return (torch.stack(densities).argmax(0) != labels).double().mean().item()


PARTS = {
    "moons": toy("moons"),
    "ring": toy("ring"),
    "checkerboard": toy("checkerboard"),
    "step": step_time,
    "digits": digit_density,
    "overfitting": overfitting,
    "classes": classes,
    "depth": depth,
}
