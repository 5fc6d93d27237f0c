"""Deep belief networks on digits: error, samples and seconds, beside what is simpler and what came later.

8 x 8 digits, 1437 to learn from and 360 to test on. Generative training sees bits, several draws of each
image; classifiers and the judge see grey values. The steps of pre-training and fine-tuning are fixed;
the networks without pre-training get as many CPU seconds as both took together. Samples are judged by a
classifier of real digits, trained once.
"""

import copy
import time
from itertools import product

import torch
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from benchmarks.harness import OURS, Skipped, mnist, take_turns
from coursekit import data
from coursekit.data import ink, mini_mnist
from coursekit.dbn import DBN, recipe
from coursekit.evaluation import DigitClassifier, frechet_distance

FINE_TUNING = 600  # steps
MODERN_STEPS = 1500  # of the modern net; others get its seconds
MNIST_SECONDS = 300
DRAWN = torch.arange(500) % 10
GIBBS = (0, 1, 3, 10, 30, 100, 300)  # steps at which the pictures are kept


def trained(build, train, test, seed, quick):
    """(recipe, CPU seconds of its training) with this seed."""
    torch.manual_seed(seed)
    made = build(train, test)
    start = time.process_time()
    made.train(seed=seed, device="cpu", n_steps=4 if quick else None)
    return made, time.process_time() - start


def tuned(network, x, labels, seed, *, n_steps=None, seconds=None):
    """(the network fine-tuned in place, steps, CPU seconds); or as many steps as the seconds hold."""
    start = time.process_time()
    if seconds is not None:
        recipe.fine_tune(copy.deepcopy(network), x, labels, n_steps=50, seed=seed)
        n_steps = max(1, int(50 * seconds / (time.process_time() - start)))
        start = time.process_time()
    recipe.fine_tune(network, x, labels, n_steps=n_steps, seed=seed)
    return network, n_steps, time.process_time() - start


def digits(bench):
    "Error on 8 x 8 digits, and how good the digits are that are drawn on demand."
    train, test = data.train_and_test("digits")
    x, labels = torch.from_numpy(ink(train)), torch.tensor(train.labels)
    seen, truth = torch.from_numpy(ink(test)), torch.tensor(test.labels)
    judge = DigitClassifier(64).fit(x, labels)
    real = judge.features(seen)
    row = bench.row("error on the test set, 2500 updates", "", better="lower")

    def wrong(logits):
        return (logits.argmax(1) != truth).double().mean().item()

    def drawn(images):
        obeyed = (judge.predict_proba(images).argmax(1) == DRAWN).double().mean().item()
        return {"fd": frechet_distance(real, judge.features(images)), "obeyed": obeyed}

    parts = ("digits", "fine_tune", "relu_net", "one_machine", "error")
    with bench.store("dbn_digits", recipe, *parts) as table:
        for seed in bench.seeds:
            rng = torch.Generator().manual_seed(seed)
            made, seconds = trained(recipe.digits, train, test, seed, bench.quick)
            net, steps = made.model, sum(stage.n_steps for stage in made.stages)
            error = recipe.error(net, test)
            row.add(OURS, seed, error)
            images = net.sample(len(DRAWN), labels=DRAWN, n_steps=300, means=True, rng=rng)
            table.add(seed=seed, steps=steps, seconds=seconds, model="DBN", error=error, **drawn(images))

            n_steps = 5 if bench.quick else FINE_TUNING
            net, n_steps, more = tuned(net, x, labels, seed, n_steps=n_steps)
            images = net.sample(len(DRAWN), labels=DRAWN, n_steps=300, means=True, rng=rng)
            budget = bench.budget(seconds + more)
            table.add(seed=seed, steps=steps + n_steps, seconds=seconds + more, model="DBN, fine-tuned",
                      error=wrong(net.label_logits(seen)), **drawn(images))  # fmt: skip

            torch.manual_seed(seed)
            others = {"same net, no pre-training": DBN(net.sizes, n_labels=10).float()}
            others["ReLU and dropout"] = recipe.relu_net(64)
            for name, other in others.items():
                other, n_steps, more = tuned(other, x, labels, seed, seconds=budget)
                logits = other.label_logits(seen) if isinstance(other, DBN) else other(seen)
                table.add(seed=seed, steps=n_steps, seconds=more, model=name, error=wrong(logits))

            torch.manual_seed(seed)
            start = time.process_time()
            single = recipe.one_machine(train, 300, 4 if bench.quick else steps)
            more = time.process_time() - start
            images = torch.zeros(len(DRAWN), 64)
            for y in range(10):
                machine = single.given_label(y)
                h = machine.sample_hidden(machine.sample(50, n_steps=300, rng=rng), rng=rng)
                images[y == DRAWN] = machine.visible_mean(h).detach()
            error = wrong(single.label_log_prob(seen))
            table.add(seed=seed, steps=steps, seconds=more, model="one machine", error=error, **drawn(images))
        for name, peer in (
            ("logistic regression", LogisticRegression(max_iter=2000)),
            ("3 nearest neighbours", KNeighborsClassifier(3)),
        ):
            start = time.process_time()
            error = 1 - peer.fit(train.x, train.labels).score(test.x, test.labels)
            table.add(seed=0, steps=0, seconds=time.process_time() - start, model=name, error=error)
        means = torch.stack([x[labels == y].mean(0) for y in range(10)])[DRAWN]
        pixels = torch.bernoulli(means, generator=torch.Generator().manual_seed(0))
        table.add(seed=0, steps=0, seconds=0, model="independent pixels of each class", **drawn(pixels))
        floor = frechet_distance(real, judge.features(x))
        table.add(seed=0, steps=0, seconds=0, model="training digits", fd=floor)


def controls(bench):
    "What the judge of part digits says of pictures that no network made, in grey and in black and white."
    train, test = data.train_and_test("digits")
    x, labels = torch.from_numpy(ink(train)), torch.tensor(train.labels)
    judge = DigitClassifier(64).fit(x, labels)
    real = judge.features(torch.from_numpy(ink(test)))
    row = bench.row("independent grey pixels of each class: Frechet distance", "", better="lower")
    with bench.store("dbn_controls", recipe, "one_machine") as table:
        for seed in bench.seeds:
            rng = torch.Generator().manual_seed(seed)
            independent = torch.zeros(len(DRAWN), 64)
            for y in range(10):
                pool, n = x[labels == y], int((y == DRAWN).sum())
                drawn = torch.randint(len(pool), (n, 64), generator=rng)
                independent[y == DRAWN] = pool[drawn, torch.arange(64)]
            pictures = {
                "independent grey pixels of each class": (independent, DRAWN),
                "training digits as bits": (torch.bernoulli(x, generator=rng), labels),
            }
            for name, (images, wished) in pictures.items():
                fd = frechet_distance(real, judge.features(images))
                obeyed = (judge.predict_proba(images).argmax(1) == wished).double().mean().item()
                table.add(seed=seed, steps=0, seconds=0, model=name, fd=fd, obeyed=obeyed)
                if images is independent:
                    row.add(OURS, seed, fd)


def seconds(bench):
    "The network of part digits after its whole budget of seconds: more updates than the part makes."
    train, test = data.train_and_test("digits")
    budget = max(recipe.DIGITS)
    row = bench.row(f"error on the test set after {budget} CPU-s", "", better="lower", target=0.06)
    with bench.store("dbn_seconds", recipe, "digits", "error") as table:
        for seed in bench.seeds:
            start = time.process_time()
            made, steps = bench.follow(recipe.digits, train, test, budget=budget, seed=seed)
            spent, error = time.process_time() - start, recipe.error(made.model, test)
            table.add(seed=seed, steps=steps, seconds=spent, error=error)
            row.add(OURS, seed, error, steps=steps)


def longer(bench):
    "The same network with three times the updates: error, and digits drawn on demand."
    train, test = data.train_and_test("digits")
    judge = DigitClassifier(64).fit(torch.from_numpy(ink(train)), torch.tensor(train.labels))
    real = judge.features(ink(test))
    row = bench.row("error on the test set, three times as long", "", better="lower")
    with bench.store("dbn_longer", recipe, "digits", "error") as table:
        for seed in bench.seeds:
            torch.manual_seed(seed)
            made = recipe.digits(train, test)
            steps = 3 * sum(stage.n_steps for stage in made.stages)
            start = time.process_time()
            made.train(seed=seed, device="cpu", n_steps=4 if bench.quick else steps)
            seconds = time.process_time() - start
            rng = torch.Generator().manual_seed(seed)
            images = made.model.sample(len(DRAWN), labels=DRAWN, n_steps=300, means=True, rng=rng)
            obeyed = (judge.predict_proba(images).argmax(1) == DRAWN).double().mean().item()
            error, fd = recipe.error(made.model, test), frechet_distance(real, judge.features(images))
            row.add(OURS, seed, error)
            table.add(seed=seed, steps=steps, seconds=seconds, error=error, fd=fd, obeyed=obeyed)


def starts(bench):
    "The sigmoid net without pre-training, from weights of the size that Glorot and Bengio (2010) advise."
    train, test = data.train_and_test("digits")
    x, labels = torch.from_numpy(ink(train)), torch.tensor(train.labels)
    seen, truth = torch.from_numpy(ink(test)), torch.tensor(test.labels)
    row = bench.row("error on the test set, no pre-training, larger first weights", "", better="lower")
    with bench.store("dbn_starts", recipe, "fine_tune") as table:
        for seed in bench.seeds:
            torch.manual_seed(seed)
            net = DBN((64, 128, 300), n_labels=10).float()
            for machine in net.machines:
                torch.nn.init.xavier_uniform_(machine.weight)
            net, steps, seconds = tuned(net, x, labels, seed, n_steps=5 if bench.quick else 1800)
            error = (net.label_logits(seen).argmax(1) != truth).double().mean().item()
            row.add(OURS, seed, error)
            table.add(seed=seed, steps=steps, seconds=seconds, error=error)


def causes(bench):
    "What makes the modern net win: ReLU, dropout and width in all eight combinations, for equal seconds."
    train, test = data.train_and_test("digits")
    x, labels = torch.from_numpy(ink(train)), torch.tensor(train.labels)
    seen, truth = torch.from_numpy(ink(test)), torch.tensor(test.labels)
    kinds = [
        dict(zip(("relu", "dropout", "wide"), on, strict=True)) for on in product((True, False), repeat=3)
    ]

    def step(kind):
        net = recipe.rival(64, **kind)
        return lambda: recipe.fine_tune(net, x, labels, n_steps=50)

    turns = take_turns({i: step(kind) for i, kind in enumerate(kinds)})
    row = bench.row("cross-entropy of ReLU, dropout and width together", "nats", better="lower")
    with bench.store("dbn_causes", recipe, "fine_tune", "rival") as table:
        for seed in bench.seeds:
            for i, kind in enumerate(kinds):
                n_steps = 5 if bench.quick else round(MODERN_STEPS * turns[0] / turns[i])
                torch.manual_seed(seed)
                net, _, seconds = tuned(recipe.rival(64, **kind), x, labels, seed, n_steps=n_steps)
                with torch.no_grad():
                    logits = net(seen)
                nats = torch.nn.functional.cross_entropy(logits, truth).item()
                error = (logits.argmax(1) != truth).double().mean().item()
                table.add(seed=seed, steps=n_steps, seconds=seconds, **kind, error=error, nats=nats)
                if i == 0:
                    row.add(OURS, seed, nats, steps=n_steps)


def pictures(bench):
    "14 x 14 digits: chains of the top machine with each label clamped, of one run."
    train, test = mini_mnist().split()
    row = bench.row("error on the test set, mini-MNIST", "", better="lower")
    with bench.store("dbn_pictures", recipe, "mini_mnist", "error") as table:
        made, seconds = trained(recipe.mini_mnist, train, test, 0, bench.quick)
        error = recipe.error(made.model, test)
        row.add(OURS, 0, error)
        steps = sum(stage.n_steps for stage in made.stages)
        table.add(seed=0, steps=steps, seconds=seconds, error=error)
        rng, y = torch.Generator().manual_seed(0), torch.arange(80) // 8
        h, kept = (torch.rand(80, made.model.sizes[1], generator=rng) < 0.5).float(), []
        for before, now in zip((0, *GIBBS), GIBBS, strict=False):
            h = made.model.sample_top(80, labels=y, n_steps=now - before, start=h, rng=rng)
            kept.append(torch.sigmoid(made.model.generation_logits(0, h)).detach())
        images = torch.stack(kept, 1).reshape(10, 8, len(GIBBS), -1).transpose(1, 2)
        table.arrays["chains"] = (16 * images).round().byte().numpy()  # (class, time, chain, pixel)
        table.arrays["steps"] = torch.tensor(GIBBS).numpy()
        some = made.model.machines[0].weight.detach()[:20]
        table.arrays["filters"] = (some / some.abs().max() * 127).round().char().numpy()


def mnist_error(bench):
    "MNIST, 784-500-500-2000 as in 2006: pre-trained and fine-tuned, beside ReLU and dropout from scratch."
    if bench.quick:
        raise Skipped("--quick takes digits and toys only")
    train, test = mnist("train"), mnist("test")
    what = f"error on MNIST after {MNIST_SECONDS} CPU-s"
    row = bench.row(what, "", better="lower", target=0.0125, moonshot=0.01)
    players = {OURS: recipe.classifier, "ReLU and dropout, 784-1024-1024": recipe.modern}
    for seed in bench.seeds:
        for who, build in players.items():
            made, steps = bench.follow(build, train, test, budget=MNIST_SECONDS, seed=seed)
            (error,) = made.measure(made.model).values()
            row.add(who, seed, error, steps=steps)


PARTS = {"digits": digits, "longer": longer, "starts": starts, "pictures": pictures}
PARTS |= {"controls": controls, "seconds": seconds, "causes": causes, "mnist": mnist_error}
