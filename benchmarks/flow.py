"""Normalising flows beside normflows and nflows: same data, same 8 affine couplings, same loop and seconds.

Toys: model minus true negative log-likelihood in nats on the same 20 000 test points; the truth of the moons
is integrated numerically, of the ring it is a sum of 8 Gaussians, of the checkerboard log 32. Digits: bits
per dimension of 360 test digits after 1437 for training, with one noise a digit (the bound of the
literature) and with 100.
"""

import math

import numpy as np
import torch

from benchmarks.flow_peers import Peer, builders
from benchmarks.harness import OURS, take_turns, training_step
from coursekit.data import digits, toy2d
from coursekit.evaluation import bits_per_dim
from coursekit.flow import AffineCoupling, Flow, InvertibleLinear, Logit, Whiten, real_nvp
from coursekit.training import fit

SECONDS = {"moons": 20, "ring": 20, "checkerboard": 20, "digits": 15}
TARGETS = {"moons": (0.012, None), "digits": (2.15, 1.95)}
# For all libraries. The first rate is ours; the peers, which may learn better at another one, take each.
TOY_RECIPE = {"batch_size": 512, "schedule": "cosine"}
TOY_RATES = {"moons": (3e-3, 1e-3), "ring": (1e-3, 3e-3), "checkerboard": (3e-3,)}
DIGITS_RECIPE = {"batch_size": 256, "learning_rate": 4e-3, "schedule": "cosine"}
MARGIN = 0.003  # of the logit: how far grey levels stay from 0 and 1


def our_toy_flow():
    return real_nvp(2)


def our_digit_flow(n_steps=4):
    """Logit and whitening, then learned rotations and wide, shallow couplings with dropout."""
    layers = [Logit(17, margin=MARGIN), Whiten(64)]
    for _ in range(n_steps):
        layers += [InvertibleLinear(64), AffineCoupling(64, hidden=(256,), dropout=0.3)]
    return Flow(layers, shape=64, discrete=True)


def moons_log_prob(x, *, std=0.05, n_angles=2000):
    """True log density (n,): two half circles, integrated over the angle by the midpoint rule."""
    angle = (np.arange(n_angles) + 0.5) / n_angles * np.pi
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return mixture_log_prob(x, np.concatenate([upper, [1.0, 0.5] - upper]), std)


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


def toy(name):
    def part(bench):
        test = toy2d(name, 20_000, rng=123)
        truth, seconds = true_nll(name, test), bench.budget(SECONDS[name])
        bench.note(f"True negative log-likelihood on the test points: {truth:.4f} nats.")
        target, moonshot = TARGETS.get(name, (None, None))
        row = bench.row(
            f"{name}: model - truth after {seconds} CPU-s", "nats", "lower", target=target, moonshot=moonshot
        )
        builds = builders(bench, our_toy_flow, n_features=2, hidden=(64, 64))
        ours, *others = TOY_RATES[name]
        players = {who: (build, ours) for who, build in builds.items()}
        players |= {
            f"{who}, rate {rate:g}": (builds[who], rate) for who in builds if who != OURS for rate in others
        }
        for seed in bench.seeds:
            x = toy2d(name, 100_000, rng=1000 + seed).x
            for who, (build, rate) in players.items():
                torch.manual_seed(seed)
                model = build() if who == OURS else Peer(build())
                try:
                    limits = {"n_steps": 10**6, "max_cpu_seconds": seconds}
                    fit(model, x, learning_rate=rate, seed=seed, device="cpu", **limits, **TOY_RECIPE)
                except FloatingPointError as error:
                    bench.note(f"{who}, seed {seed}: diverged, {str(error).split('.')[0]}.")
                    continue
                with torch.no_grad():
                    nll = model.loss(torch.tensor(test.x, dtype=torch.float32)).item()
                row.add(who, seed, nll - truth)

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


@torch.no_grad()
def digit_bits(flow, x, *, n_noises):
    """(bits per dimension at one noise a digit, averaged over the noises; at the mean of n_noises)."""
    rng = torch.Generator().manual_seed(0)
    flow.eval()
    log_probs = torch.stack([flow.discrete_log_prob(x, rng=rng) for _ in range(n_noises)])
    many = log_probs.logsumexp(0) - math.log(n_noises)
    return [bits_per_dim(value.mean().item(), 64) for value in (log_probs, many)]


def digit_density(bench):
    "8 x 8 digits; the peers get our logit and whitening, and couplings 32-256-64."
    train, test = (torch.tensor(part.x, dtype=torch.float32) for part in digits().split())
    seconds, n_noises = bench.budget(SECONDS["digits"]), 5 if bench.quick else 100
    several = train.repeat(10, 1)
    target, moonshot = TARGETS["digits"]
    one = bench.row(f"digits after {seconds} CPU-s", "bits/dim", "lower", target=target, moonshot=moonshot)
    many = bench.row(f"digits after {seconds} CPU-s, {n_noises} noises", "bits/dim", "lower")
    players = builders(bench, our_digit_flow, n_features=64, hidden=(256,))
    for seed in bench.seeds:
        rng = torch.Generator().manual_seed(seed)
        for who, build in players.items():
            torch.manual_seed(seed)
            if who == OURS:
                model = build().initialize(several, rng=rng)
            else:
                prepare = Flow([Logit(17, margin=MARGIN), Whiten(64)], shape=64, discrete=True)
                model = Peer(build(), prepare.initialize(several, rng=rng).requires_grad_(False))
            limits = {"n_steps": 10**6, "max_cpu_seconds": seconds}
            try:
                fit(model, train, seed=seed, device="cpu", **limits, **DIGITS_RECIPE)
            except FloatingPointError as error:
                bench.note(f"{who}, seed {seed}: diverged, {str(error).split('.')[0]}.")
                continue
            for row, value in zip((one, many), digit_bits(model, test, n_noises=n_noises), strict=True):
                row.add(who, seed, value)
        gauss = Flow([Whiten(64)], shape=64, discrete=True).initialize(several, rng=rng)
        for row, value in zip((one, many), digit_bits(gauss, test, n_noises=n_noises), strict=True):
            row.add("one Gaussian", seed, value)


PARTS = {
    "moons": toy("moons"),
    "ring": toy("ring"),
    "checkerboard": toy("checkerboard"),
    "step": step_time,
    "digits": digit_density,
}
