"""Restricted Boltzmann machine, 500 hidden units, binarised MNIST, beside scikit-learn's BernoulliRBM.

Ours follows coursekit/rbm/recipe.py. The test set is binarised once (seed 0). We draw the bits of each batch
anew from the pixels, and so overfit less; the peers, which take bits, get one draw (seed 1). Log-likelihood
of the test set in nats; log Z by annealed importance sampling from the mean image's machine, 10 000 steps,
100 chains: a stated number is as good as the standard error beside it.
"""

import torch

from benchmarks.harness import OURS, cpu_seconds, mnist, take_turns
from benchmarks.references import plain_cd1
from coursekit.data import binarised, ink, train_and_test
from coursekit.rbm import RBM, all_states, mean_logits, recipe

# scikit-learn's batch size and rate: at our batch, and as it comes (it knows CD's persistent form only).
SKLEARN = {"scikit-learn, batch 128": (128, 0.05), "scikit-learn, batch 10": (10, 0.01)}
# Budget in CPU seconds -> (target, moonshot).
BUDGETS = {30: (-88.5, -84), 110: (-86.6, -84)}
BATCH = recipe.SETTINGS["batch_size"]


def problem(bench):
    """(training images, test images, bits to train on, test bits, function of the recipe, AIS steps)."""
    if bench.quick:
        (train, test), build, n_steps = train_and_test("digits"), recipe.digits, 300
    else:
        train, test, build, n_steps = mnist("train"), mnist("test"), recipe.mnist, 10_000
    bits = torch.tensor(binarised(train, seed=1).x, dtype=torch.float32)
    return train, test, bits, recipe.bits_of(test), build, n_steps


def all_coupled(x, n_hidden, *, n_steps, seed):
    """Our machine after n_steps steps of the short recipe, no pixel left out; x: probabilities or bits."""
    torch.manual_seed(seed)
    _, settings = recipe.MNIST[30]
    rbm, stage, finish = recipe.machine(x, n_hidden, n_steps, settings)
    stage.loop(stage.model, stage.x, n_steps=n_steps, seed=seed, device="cpu", **stage.settings)
    finish()
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
    train, test, bits, test_bits, build, n_ais = problem(bench)
    bias = mean_logits(bits)
    for seconds, (target, moonshot) in {0.3: (None, None)}.items() if bench.quick else BUDGETS.items():
        row = bench.row(
            f"log-likelihood after {seconds} CPU-s", "nats", "higher", target=target, moonshot=moonshot
        )
        errors = bench.row(f"standard error of log Z, {seconds} CPU-s", "nats", None)
        for seed in bench.seeds:
            ours, steps = bench.follow(build, train, test, budget=seconds, seed=seed)
            n_hidden = len(ours.model.hidden_bias)
            players = {
                OURS: (ours.model, steps),
                "plain CD-1": plain_cd1(bits, n_hidden, seconds=seconds, seed=seed),
            }
            for who, (rbm, steps) in players.items():
                value, error = recipe.log_likelihood(rbm, test_bits, bias, n_steps=n_ais)
                row.add(who, seed, value, steps=steps)
                errors.add(who, seed, error)


def epoch(bench):
    "CPU seconds of an epoch over bits, smallest of 3 turns over 100 batches; equal batch, equal products."
    _, _, bits, _, _, _ = problem(bench)
    n_hidden, n_steps = (64, 10) if bench.quick else (500, 100)
    part = bits[: n_steps * BATCH]
    row = bench.row("an epoch", "s", "lower")
    for seed in bench.seeds:
        works = {OURS: lambda seed=seed: all_coupled(part, n_hidden, n_steps=n_steps, seed=seed)}
        for who, (batch_size, rate) in SKLEARN.items():
            works[who] = lambda batch_size=batch_size, rate=rate, seed=seed: train_sklearn(
                part, n_hidden, batch_size, rate, seed=seed, n_epochs=1
            )
        for who, seconds in take_turns(works).items():
            row.add(who, seed, seconds * len(bits) / len(part))


def five_epochs(bench):
    "Test log-likelihood after five epochs each."
    train, _, bits, test_bits, _, n_ais = problem(bench)
    pixels, bias = torch.from_numpy(ink(train)), mean_logits(bits)
    n_hidden, n_epochs = (64, 1) if bench.quick else (500, 5)
    n_steps = n_epochs * -(-len(bits) // BATCH)
    row = bench.row(
        f"log-likelihood after {n_epochs} epochs", "nats", "higher", target=65, against="difference"
    )
    clock = bench.row(f"time of these {n_epochs} epochs", "s", "lower")
    for seed in bench.seeds:
        works = {OURS: lambda seed=seed: all_coupled(pixels, n_hidden, n_steps=n_steps, seed=seed)}
        for who, (batch_size, rate) in SKLEARN.items():
            works[who] = lambda batch_size=batch_size, rate=rate, seed=seed: train_sklearn(
                bits, n_hidden, batch_size, rate, seed=seed, n_epochs=n_epochs
            )
        for who, work in works.items():
            rbm, seconds = cpu_seconds(work)
            clock.add(who, seed, seconds)
            row.add(who, seed, recipe.log_likelihood(rbm, test_bits, bias, n_steps=n_ais)[0])


def pictures(bench):
    "14 x 14 digits in notebook 08: test log-likelihood of short and long training, and what to look at."
    train, test = train_and_test("mini_mnist")
    x, bits = torch.from_numpy(ink(train)), recipe.bits_of(test)
    bias = mean_logits(x)
    independent = (bits @ bias - torch.nn.functional.softplus(bias).sum()).mean().item()
    row = bench.row("test log-likelihood, 14 x 14 digits", "nats", "higher")
    with bench.store("rbm_pictures", recipe, "mini_mnist", "log_likelihood") as table:
        table.add(seed=0, steps=0, seconds=0, nats=independent, error=0.0)
        for seed in bench.seeds:
            for n_steps, n_ais in ((50, 100),) if bench.quick else ((1000, 3000), (10_000, 10_000)):
                torch.manual_seed(seed)
                made = recipe.mini_mnist(train, test)
                _, seconds = cpu_seconds(
                    lambda made=made, n=n_steps, seed=seed: made.train(n_steps=n, seed=seed, device="cpu")
                )
                nats, error = recipe.log_likelihood(made.model, bits, bias, n_steps=n_ais)
                table.add(seed=seed, steps=n_steps, seconds=seconds, nats=nats, error=error)
            row.add(OURS, seed, nats)
            if seed == 0:
                shown = recipe.draw(made.model, torch.Generator().manual_seed(0))[:30]
                table.arrays["samples"] = (16 * shown).round().byte().numpy()
                some = made.model.weight.detach()
                some = some[some.norm(dim=1).argsort(descending=True)[:30]]
                table.arrays["filters"] = (some / some.abs().max() * 127).round().char().numpy()


def longer(bench):
    "Bars and stripes in notebook 08: mean log p after 2000 and 6000 updates, by three estimators."
    rows, columns = all_states(3).repeat_interleave(4, dim=1), all_states(4).repeat(1, 3)
    x = torch.unique(torch.cat([rows, columns]), dim=0).double()
    row = bench.row("mean log p by the exact gradient, 6000 updates", "nats", "higher")
    with bench.store("rbm_longer", recipe, "small_machine") as table:
        for estimator in recipe.ESTIMATORS:
            for n_steps in (100,) if bench.quick else (2000, 6000):
                for seed in bench.seeds:
                    (machine, curve, _), seconds = cpu_seconds(
                        recipe.small_machine, x, estimator, seed=seed, n_steps=n_steps
                    )
                    mass = machine.log_prob(x).exp().sum().item()
                    table.add(seed=seed, steps=n_steps, seconds=seconds, estimator=estimator,
                              nats=curve[-1, 1], mass=mass)  # fmt: skip
                    if estimator == "exact gradient" and n_steps != 2000:
                        row.add(OURS, seed, curve[-1, 1])


PARTS = {"pictures": pictures, "longer": longer}
PARTS |= {"nats": nats_in_seconds, "epoch": epoch, "five_epochs": five_epochs}
