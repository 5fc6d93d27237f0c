"""Images pixel by pixel: bits per pixel, samples and seconds of lecture 06's models, beside the course's
flow.

8 x 8 digits with 17 grey levels, 1437 to learn from and 360 to test on; the number of steps is fixed, the CPU
seconds are measured. Samples are judged by a classifier of real digits, trained once: Frechet distance
between its features of 300 samples and of the test digits, and recall. The flow's number is its bound with
100 noises.
"""

import time
from functools import partial

import torch

from benchmarks.harness import OURS, Skipped, mnist, take_turns, training_step
from coursekit import data
from coursekit.autoregressive import recipe
from coursekit.autoregressive.pixelcnn import ABLATIONS
from coursekit.data import mini_mnist
from coursekit.evaluation import DigitClassifier, frechet_distance, precision_recall
from coursekit.flow import recipe as flow_recipe
from coursekit.vae import recipe as vae_recipe

N_DRAWN = 300
MNIST_SECONDS = 110
FLOW_STEPS = 500  # about the seconds of the PixelCNN
STEPS = (1, 2, 4, 16, 64)  # of the masked model's sampling


def judge(train, test):
    """Function of samples (n, d) -> dict: Frechet distance to the test digits, precision, recall."""
    classifier = DigitClassifier(train.x.shape[1]).fit(train.x, train.labels)
    real = classifier.features(test.x)

    def verdict(samples):
        fake = classifier.features(samples)
        both = precision_recall(real, fake[: len(real)])
        return {
            "fd": frechet_distance(real, fake),
            "precision": both["precision"],
            "recall": both["recall"],
        }

    verdict.floor = frechet_distance(real, classifier.features(train.x))
    return verdict


def trained(build, train, test, seed, quick, *, n_steps=None, **options):
    """(recipe, CPU seconds of its training) with this seed; n_steps: instead of the recipe's."""
    torch.manual_seed(seed)
    made = build(train, test, **options)
    start = time.process_time()
    made.train(seed=seed, device="cpu", n_steps=3 if quick else n_steps)
    return made, time.process_time() - start


def drawn(model, seed, **options):
    """(samples, CPU seconds they took)."""
    start = time.process_time()
    with torch.no_grad():
        samples = model.sample(N_DRAWN, rng=torch.Generator().manual_seed(seed), **options)
    return samples.floor().clamp(0, 16), time.process_time() - start


def digits(bench):
    "Bits per pixel of 8 x 8 digits in 17 levels, and what samples look like to a judge: the simpler models."
    train, test = data.train_and_test("digits")
    verdict = judge(train, test)
    families = {
        "fully visible": (recipe.fully_visible, {}),
        "masked": (recipe.masked, {}),
        "plain": (recipe.plain, {}),
        "flow": (flow_recipe.digits, {"n_steps": FLOW_STEPS}),
    }
    row = bench.row("bits per pixel, plain, 600 steps", "bits", better="lower")
    parts = ("plain", "fully_visible", "masked", "mean_log_prob")
    with bench.store("autoregressive_digits", recipe, *parts) as table:
        for seed in bench.seeds:
            for name, (build, options) in families.items():
                made, seconds = trained(build, train, test, seed, bench.quick, **options)
                bits = list(made.measure(made.model).values())[-1]
                steps = options.get("n_steps", made.stages[0].n_steps)
                kept = {"seed": seed, "steps": steps, "seconds": seconds, "model": name, "bits": bits}
                if name == "plain":
                    row.add(OURS, seed, bits, steps=steps)
                    table.add(**kept)
                    continue
                # The bits of the masked model are those of one pixel at a time, beside whatever passes.
                ways = [{"n_steps": n} for n in STEPS] if name == "masked" else [{}]
                if name == "masked":
                    ways += [{"n_steps": n, "choose": "confidence"} for n in STEPS]
                for way in ways:
                    samples, draw_seconds = drawn(made.model, seed, **way)
                    more = {"passes": way.get("n_steps", 64), "choose": way.get("choose", "random")}
                    if name == "flow":
                        more["passes"] = 1
                    table.add(**kept, draw_seconds=draw_seconds, **more, **verdict(samples))
                    if seed == 0:
                        key = f"{name}, {more['passes']}, {more['choose']}" if name == "masked" else name
                        table.arrays[key] = samples[:20].byte().numpy()
        table.add(seed=0, steps=0, seconds=0, model="training digits", fd=verdict.floor)


def gated(bench):
    "The gated PixelCNN on the same digits after its two budgets, and samples of the longer one."
    train, test = data.train_and_test("digits")
    verdict = judge(train, test)
    targets = {10: 1.92, 25: 1.81}
    with bench.store("autoregressive_gated", recipe, "digits", "mean_log_prob") as table:
        for budget, (n_steps, _) in recipe.DIGITS.items():
            what = f"bits per pixel, {n_steps} steps, about {budget} CPU-s"
            row = bench.row(what, "bits", better="lower", target=targets[budget])
            for seed in bench.seeds:
                made, seconds = trained(recipe.digits, train, test, seed, bench.quick, n_steps=n_steps)
                (value,) = made.measure(made.model).values()
                row.add(OURS, seed, value, steps=n_steps)
                kept = {"seed": seed, "steps": n_steps, "seconds": seconds, "model": "gated", "bits": value}
                if budget == max(recipe.DIGITS):
                    samples, draw_seconds = drawn(made.model, seed)
                    kept |= {"draw_seconds": draw_seconds, "passes": 64} | verdict(samples)
                    table.arrays |= {"gated": samples[:20].byte().numpy()} if seed == 0 else {}
                table.add(**kept)


def heads(bench):
    "Two ways to say how likely each of 17 levels is: a softmax, and a mixture of 5 discretised logistics."
    train, test = data.train_and_test("digits")
    row = bench.row("bits per pixel, softmax", "bits", better="lower")
    with bench.store("autoregressive_heads", recipe, "softmax", "digits", "mean_log_prob") as table:
        for seed in bench.seeds:
            for name, build in (("softmax", recipe.softmax), ("logistic", recipe.digits)):
                made, seconds = trained(build, train, test, seed, bench.quick)
                (value,) = made.measure(made.model).values()
                if name == "softmax":
                    row.add(OURS, seed, value)
                table.add(seed=seed, steps=made.stages[0].n_steps, seconds=seconds, head=name, bits=value)


def bits(bench):
    "Black and white 8 x 8 digits: nats per image of MADE, beside the course's VAE and its bounds."
    train, test = data.train_and_test("digits")
    row = bench.row("log-likelihood, MADE", "nats", better="higher", target=-22.4)
    with bench.store("autoregressive_bits", recipe, "bits", "mean_log_prob") as table:
        for seed in bench.seeds:
            made, seconds = trained(recipe.bits, train, test, seed, bench.quick)
            (nats,) = made.measure(made.model).values()
            row.add(OURS, seed, nats)
            table.add(seed=seed, steps=made.stages[0].n_steps, seconds=seconds, model="MADE", nats=nats)
            vae, seconds = trained(vae_recipe.digits, train, test, seed, bench.quick)
            bound, weighted = vae.measure(vae.model).values()
            more = {"steps": vae.stages[0].n_steps, "seconds": seconds, "model": "VAE"}
            table.add(seed=seed, nats=weighted, bound=bound, **more)


def pictures(bench):
    "14 x 14 digits: samples, and halves of test digits completed, of one long run."
    train, test = mini_mnist().split()
    row = bench.row("bits per pixel, mini-MNIST", "bits", better="lower")
    with bench.store("autoregressive_pictures", recipe, "mini_mnist", "mean_log_prob") as table:
        made, seconds = trained(recipe.mini_mnist, train, test, 0, bench.quick)
        (value,) = made.measure(made.model).values()
        row.add(OURS, 0, value)
        table.add(seed=0, steps=made.stages[0].n_steps, seconds=seconds, bits=value)
        rng = torch.Generator().manual_seed(0)
        table.arrays["samples"] = made.model.sample(30, rng=rng).byte().numpy()
        halves = torch.tensor(test.x[::100])[:, :98]
        completed = [made.model.sample(len(halves), start=halves, rng=rng) for _ in range(4)]
        table.arrays["halves_of"] = test.x[::100].astype("uint8")
        table.arrays["completed"] = torch.stack(completed).byte().numpy()


def parts(bench):
    "What gates, skip connections and the second stack are worth: each left out of the gated network."
    train, test = data.train_and_test("digits")
    builds = {"gated": partial(recipe.ablated, without=None)}
    builds |= {f"without {part}": partial(recipe.ablated, without=part) for part in ABLATIONS}
    builds["plain"] = recipe.plain
    batch = torch.tensor(train.x[:32])
    works = {name: training_step(build(train, test).model, batch) for name, build in builds.items()}
    clock = take_turns(works, n_calls=1 if bench.quick else 5)
    row = bench.row("bits per pixel, 600 steps, without gates", "bits", better="lower")
    with bench.store("autoregressive_parts", recipe, "ablated", "plain", "mean_log_prob") as table:
        for seed in bench.seeds:
            for name, build in builds.items():
                cost = clock[name] / clock["gated"]  # of a step
                n_steps = build(train, test).stages[0].n_steps
                if name == "plain":  # part digits has it at equal steps: here at equal seconds
                    n_steps = round(n_steps / cost)
                made, seconds = trained(build, train, test, seed, bench.quick, n_steps=n_steps)
                (value,) = made.measure(made.model).values()
                kept = {"seed": seed, "steps": n_steps, "seconds": seconds, "model": name}
                table.add(**kept, cost=cost, bits=value)
                if name == "without gates":
                    row.add(OURS, seed, value, steps=n_steps)


def mnist_nats(bench):
    "MNIST in black and white, 28 x 28: log-likelihood of the test set, one draw of its bits (seed 0)."
    if bench.quick:
        raise Skipped("--quick takes digits and toys only")
    train, test = mnist("train"), mnist("test")
    pixel = torch.from_numpy(data.ink(train)).mean(0).clamp(1e-5, 1 - 1e-5)
    bits = torch.tensor(data.binarised(test).x)
    floor = torch.where(bits == 1, pixel, 1 - pixel).log().sum(1).mean().item()
    bench.note(f"Independent pixels: {floor:.1f} nats.")
    what = f"log-likelihood after {MNIST_SECONDS} CPU-s"
    row = bench.row(what, "nats", better="higher", target=-90, moonshot=-85)
    for seed in bench.seeds:
        made, steps = bench.follow(recipe.mnist, train, test, budget=MNIST_SECONDS, seed=seed)
        (nats,) = made.measure(made.model).values()
        row.add(OURS, seed, nats, steps=steps)


PARTS = {"digits": digits, "gated": gated, "heads": heads, "bits": bits, "pictures": pictures, "parts": parts}
PARTS |= {"mnist": mnist_nats}
