"""Restricted Boltzmann machine, 500 hidden units, binarised MNIST, beside scikit-learn's BernoulliRBM.

The test set is binarised once (seed 0). We draw the bits of each batch anew from the pixels, and so overfit
less; the peers, which take bits, get one draw (seed 1). Log-likelihood of the test set in nats; log Z by
annealed importance sampling from the mean image's machine, 10 000 steps, 100 chains: a stated number is as
good as the standard error beside it.
"""

import time

import torch

from benchmarks.harness import OURS, cpu_seconds, mnist, take_turns
from benchmarks.references import plain_cd1
from coursekit.data import binarised, digits
from coursekit.evaluation import ais_log_partition
from coursekit.rbm import RBM, bernoulli
from coursekit.training import fit_contrastive

# Persistent chains, as many as the batch has examples, centring, a rate that falls to 0, averaged weights. No
# momentum: a gradient of bygone chains is a wrong one. A longer run averages over more steps.
RECIPE = {"k": 1, "persistent": True, "batch_size": 128, "momentum": 0.0, "schedule": "linear"}
SHORT = RECIPE | {"learning_rate": 0.6, "average": 0.9985}
LONG = RECIPE | {"learning_rate": 0.4, "average": 0.9997}
# In the runs by the clock, a pixel that is on in one picture of 5000 or less stays without couplings: a fifth
# of the pixels, and of the work. At most their entropy can be lost by it, .05 nats together.
RARE = 2e-4
# scikit-learn's batch size and rate: at our batch, and as it comes (it knows CD's persistent form only).
SKLEARN = {"scikit-learn, batch 128": (128, 0.05), "scikit-learn, batch 10": (10, 0.01)}
# Budget in CPU seconds -> (settings of `fit_contrastive`, target, moonshot).
BUDGETS = {30: (SHORT, -88.5, -84), 110: (LONG, -86.6, -84)}


class FreshBits(RBM):
    """A machine that learns from pixel probabilities: each gradient is that of bits drawn anew from them."""

    def cd_gradient(self, v, *, rng=None, **how):
        return super().cd_gradient(bernoulli(v, rng), rng=rng, **how)


def problem(bench):
    """(pixel probabilities to train on, bits to train on, test bits, hidden units, AIS steps)."""
    if bench.quick:
        images = digits()
        (train, _), parts = images.split(), binarised(images).split()
        bits, test = (torch.tensor(part.x).float() for part in parts)
        n_hidden, n_steps = 32, 300
    else:
        train = mnist("train")
        bits = torch.tensor(binarised(train, seed=1).x)
        test = torch.tensor(binarised(mnist("test"), seed=0).x)
        n_hidden, n_steps = 500, 10_000
    pixels = torch.tensor(train.x / train.value_range[1]).to(bits.dtype)
    return pixels, bits, test, n_hidden, n_steps


def base_bias(x):
    """Visible biases of the machine without couplings that has the mean of x: logits (n_visible,)."""
    return torch.logit(x.mean(0).clamp(0.5 / len(x), 1 - 0.5 / len(x)))


def log_likelihood(rbm, test, bias, n_steps):
    """(mean log p over the test set in nats, standard error of log Z)."""
    rng = torch.Generator().manual_seed(1234)
    log_z, error = ais_log_partition(rbm, n_steps=n_steps, n_chains=100, rng=rng, base_bias=bias)
    with torch.no_grad():
        free_energy = torch.cat([rbm.free_energy(part) for part in test.split(1000)])
    return -free_energy.double().mean().item() - log_z, error


def train_ours(x, n_hidden, settings, *, seed, seconds=None, n_steps=10**7, rare=0.0):
    """x: pixel probabilities, or bits, which stay what they are. Pixels up to `rare` get no couplings."""
    start = time.process_time()
    torch.manual_seed(seed)
    coupled = x.mean(0) > rare if rare else slice(None)
    x, bias = x[:, coupled], base_bias(x)
    small, rbm = FreshBits(x.shape[1], n_hidden), RBM(len(bias), n_hidden).requires_grad_(False)
    with torch.no_grad():
        small.visible_bias.copy_(bias[coupled])
        small.hidden_bias.fill_(-1.0)  # a unit that is mostly off differs from its neighbours sooner,
        small.weight.mul_(3.0)  # and so does one that is not near zero
    left = seconds and seconds - (time.process_time() - start)
    limits = {"n_steps": n_steps, "max_cpu_seconds": left}
    fit_contrastive(small, x, seed=seed, device="cpu", **limits, **settings)
    small.requires_grad_(False)
    rbm.weight.zero_()
    rbm.weight[:, coupled] = small.weight
    rbm.visible_bias.copy_(bias)
    rbm.visible_bias[coupled] = small.visible_bias
    rbm.hidden_bias.copy_(small.hidden_bias)
    return rbm


def train_sklearn(x, n_hidden, batch_size, rate, *, seed, n_epochs):
    """scikit-learn's machine as an RBM of ours."""
    from sklearn.neural_network import BernoulliRBM

    model = BernoulliRBM(
        n_hidden, batch_size=batch_size, learning_rate=rate, n_iter=n_epochs, random_state=seed
    )
    model.fit(x.numpy())
    rbm = RBM(x.shape[1], n_hidden).requires_grad_(False)
    rbm.weight.copy_(torch.from_numpy(model.components_))
    rbm.visible_bias.copy_(torch.from_numpy(model.intercept_visible_))
    rbm.hidden_bias.copy_(torch.from_numpy(model.intercept_hidden_))
    return rbm


def nats_in_seconds(bench):
    "Test log-likelihood after a budget of CPU seconds, beside plain CD-1."
    pixels, bits, test, n_hidden, n_steps = problem(bench)
    bias = base_bias(bits)
    budgets = {0.3: (SHORT, None, None)} if bench.quick else BUDGETS
    for seconds, (settings, target, moonshot) in budgets.items():
        row = bench.row(
            f"log-likelihood after {seconds} CPU-s", "nats", "higher", target=target, moonshot=moonshot
        )
        errors = bench.row(f"standard error of log Z, {seconds} CPU-s", "nats", None)
        for seed in bench.seeds:
            models = {
                OURS: train_ours(pixels, n_hidden, settings, seed=seed, seconds=seconds, rare=RARE),
                "plain CD-1": plain_cd1(bits, n_hidden, seconds=seconds, seed=seed),
            }
            for who, rbm in models.items():
                value, error = log_likelihood(rbm, test, bias, n_steps)
                row.add(who, seed, value)
                errors.add(who, seed, error)


def epoch(bench):
    "CPU seconds of an epoch over bits, the smallest of three turns over 100 batches."
    _, bits, _, n_hidden, _ = problem(bench)
    n_steps = 10 if bench.quick else 100
    part = bits[: n_steps * RECIPE["batch_size"]]
    row = bench.row("an epoch", "s", "lower", target=0.7, against="ratio")
    for seed in bench.seeds:
        works = {OURS: lambda seed=seed: train_ours(part, n_hidden, SHORT, seed=seed, n_steps=n_steps)}
        for who, (batch_size, rate) in SKLEARN.items():
            works[who] = lambda batch_size=batch_size, rate=rate, seed=seed: train_sklearn(
                part, n_hidden, batch_size, rate, seed=seed, n_epochs=1
            )
        for who, seconds in take_turns(works).items():
            row.add(who, seed, seconds * len(bits) / len(part))


def five_epochs(bench):
    "Test log-likelihood after five epochs each."
    pixels, bits, test, n_hidden, n_ais = problem(bench)
    bias, n_epochs = base_bias(bits), 1 if bench.quick else 5
    n_steps = n_epochs * -(-len(bits) // RECIPE["batch_size"])
    row = bench.row(
        f"log-likelihood after {n_epochs} epochs", "nats", "higher", target=65, against="difference"
    )
    clock = bench.row(f"time of these {n_epochs} epochs", "s", "lower")
    for seed in bench.seeds:
        works = {OURS: lambda seed=seed: train_ours(pixels, n_hidden, SHORT, seed=seed, n_steps=n_steps)}
        for who, (batch_size, rate) in SKLEARN.items():
            works[who] = lambda batch_size=batch_size, rate=rate, seed=seed: train_sklearn(
                bits, n_hidden, batch_size, rate, seed=seed, n_epochs=n_epochs
            )
        for who, work in works.items():
            rbm, seconds = cpu_seconds(work)
            clock.add(who, seed, seconds)
            row.add(who, seed, log_likelihood(rbm, test, bias, n_ais)[0])


PARTS = {"nats": nats_in_seconds, "epoch": epoch, "five_epochs": five_epochs}
