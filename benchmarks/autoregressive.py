"""Images pixel by pixel: bits per pixel, samples and seconds of lecture 06's models, beside the course's
flow.

8 x 8 digits with 17 grey levels, 1437 to learn from and 360 to test on; the number of steps is fixed, the CPU
seconds are measured. Samples are judged by a classifier of real digits, trained once: Frechet distance
between its features of 300 samples and of the test digits, and recall. The flow's number is its bound with
100 noises.
"""

import time

import torch

from benchmarks.harness import OURS
from coursekit import data
from coursekit.autoregressive import recipe
from coursekit.data import mini_mnist
from coursekit.evaluation import DigitClassifier, frechet_distance, precision_recall
from coursekit.flow import recipe as flow_recipe
from coursekit.vae import recipe as vae_recipe

N_DRAWN = 300
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
    "Bits per pixel of 8 x 8 digits in 17 levels, and what samples look like to a judge."
    train, test = data.train_and_test("digits")
    verdict = judge(train, test)
    families = {
        "fully visible": (recipe.fully_visible, {}),
        "masked": (recipe.masked, {}),
        "plain": (recipe.plain, {}),
        "gated": (recipe.digits, {}),
        "flow": (flow_recipe.digits, {"n_steps": FLOW_STEPS}),
    }
    row = bench.row("bits per pixel, 600 steps", "bits", better="lower", target=1.81)
    parts = ("digits", "plain", "fully_visible", "masked", "mean_log_prob")
    with bench.store("autoregressive_digits", recipe, *parts) as table:
        for seed in bench.seeds:
            for name, (build, options) in families.items():
                made, seconds = trained(build, train, test, seed, bench.quick, **options)
                bits = list(made.measure(made.model).values())[-1]
                steps = options.get("n_steps", made.stages[0].n_steps)
                kept = {"seed": seed, "steps": steps, "seconds": seconds, "model": name, "bits": bits}
                if name == "gated":
                    row.add(OURS, seed, bits)
                if name == "plain":
                    table.add(**kept)
                    continue
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


PARTS = {"digits": digits, "heads": heads, "bits": bits, "pictures": pictures}
