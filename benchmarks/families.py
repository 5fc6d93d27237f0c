"""Every family of the course on one table: lecture 19's protocol, three seeds.

Each family gets the same images, about the same CPU-seconds (as fixed numbers of steps), and is looked at by
one judge per task. A row is noted as soon as it is measured; a run that was stopped goes on where it was.
"""

import json
from functools import partial

import numpy as np

from benchmarks.harness import OURS, Skipped, cpu_seconds
from benchmarks.stored import ROOT, fingerprint, others
from coursekit.comparison import recipe

# What a table depends on, in the recipe; what these take from other recipes is followed (`stored.others`).
PROTOCOL = ("CONTROLS", "load", "measure", "follow")
PARTS_OF_RECIPE = {name: (*PROTOCOL, name.upper()) for name in (*recipe.TASKS, "settings")}
QUICK = ("independent pixels", "mixture of Bernoullis", "mixture of Gaussians", "MADE", "GAN")
N_SHOWN = 10  # samples of the first seed, stored for the galleries
IN_GALLERY = {
    "bits": ("mixture of Bernoullis", "RBM", "DBN", "VAE", "MADE", "PixelCNN", "masked model"),
    "digits": ("mixture of Gaussians", "autoencoder", "VAE", "VAE: means", "PixelCNN", "flow", "GAN", "WGAN"),
    "mini_mnist": ("mixture of Gaussians", "autoencoder", "VAE, mixture prior", "MADE", "PixelCNN", "flow"),
}
IN_GALLERY["bits"] += ("independent pixels", "training set")
IN_GALLERY["digits"] += ("DDPM", "training set")
IN_GALLERY["mini_mnist"] += ("GAN", "WGAN", "DDPM", "conditional GAN", "training set")
DIGITS_KEPT = 4  # of each number


def prints(parts: tuple[str, ...]) -> dict[str, str]:
    """Fingerprints of these parts of the recipe and of what they take from other recipes, by file."""
    return {"recipe": fingerprint(recipe.__file__, parts), **others(recipe.__file__, parts)}


class Journal:
    """Rows of a run under way, one JSON line each, so that it can be resumed; forgotten when it is whole.

    What was measured with another recipe is forgotten too.
    """

    def __init__(self, name: str, parts: tuple[str, ...], *, keep: bool):
        self.path, self.rows = ROOT / "build" / "bench" / f"{name}.jsonl", {}
        self.keep, self.now = keep, prints(parts)
        if keep and self.path.exists():
            found = [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines()]
            self.rows = {each["key"]: each for each in found if each.get("prints") == self.now}

    def get(self, key: str, work):
        """The entry under this key: read, or made by work() and noted."""
        if key not in self.rows:
            self.rows[key] = {"key": key, "prints": self.now, **work()}
            if self.keep:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with open(self.path, "a", encoding="utf-8") as file:
                    file.write(json.dumps(self.rows[key]) + "\n")
        return self.rows[key]

    def forget(self):
        """Delete the file."""
        if self.keep:
            self.path.unlink(missing_ok=True)


def measured(task, name, seed, *, factor, n):
    """What the journal keeps of one family: its rows, and the first samples of each as whole levels."""
    family, seconds = cpu_seconds(recipe.train, task, name, seed=seed, factor=factor)
    row, samples = recipe.measure(task, family, seed=seed, n=n)
    rows, shown = [{"family": name, **row}], [samples]
    for way, draw in family.other_ways.items():
        seen, samples = recipe.judge(task, draw, seed=seed, n=n)
        rows.append({"family": f"{name}: {way}", "kind": "none", **seen})
        shown.append(samples)
    rows = [{key: short(value) for key, value in each.items()} for each in rows]
    pictures = [each[:N_SHOWN].int().tolist() for each in shown]
    return {"steps": family.n_steps, "seconds": short(seconds), "rows": rows, "pictures": pictures}


def short(value):
    """A number with so many digits as a measurement knows; words and whole numbers as they are."""
    return float(f"{value:.{DIGITS_KEPT}g}") if isinstance(value, float) else value


def table(bench, task_name, families, name, *, names, factor=1.0):
    """Measure families and store them.

    families: the recipe's table of them, a key of PARTS_OF_RECIPE. name: of the stored table. names: of the
    families. factor: times the recipe's steps.
    """
    parts = PARTS_OF_RECIPE[families]
    task, journal = recipe.load(task_name), Journal(name, parts, keep=not bench.quick)
    shown = {}
    if bench.quick:
        names, factor = [each for each in names if each in QUICK], 0.01
        if not names:
            raise Skipped("--quick takes none of these families")
    with bench.store(name, recipe, *parts) as stored:
        for seed in bench.seeds:
            for family in names:
                how = {"factor": factor, "n": 100 if bench.quick else recipe.N_DRAWN}
                work = partial(measured, task, family, seed, **how)
                entry = journal.get(f"{family}, seed {seed}, times {factor:g}", work)
                for row, pictures in zip(entry["rows"], entry["pictures"], strict=True):
                    stored.add(seed=seed, steps=entry["steps"], seconds=entry["seconds"], **row)
                    for metric, unit, better, value in shown_of(row, task):
                        key = f"{row['family']}: {metric}"
                        if key not in shown:
                            shown[key] = bench.row(key, unit, better)
                        shown[key].add(OURS, seed, value, steps=entry["steps"] or None)
                    in_gallery = factor == 1 and row["family"] in IN_GALLERY[task_name]
                    if in_gallery and seed == bench.seeds[0]:
                        stored.arrays[row["family"]] = np.array(pictures, dtype=np.uint8)
    journal.forget()


def shown_of(row, task):
    """(metric, unit, better, value) of a row that the page of the benchmarks shows."""
    if "nats" in row:
        yield f"log-likelihood ({row['kind']})", "nats", "higher", row["nats"]
    yield "Frechet distance", "", "lower", row["fd"]


def bits(bench):
    "8 x 8 digits in black and white, where only probabilities compete."
    table(bench, "bits", "bits", "comparison_bits", names=recipe.FAMILIES["bits"])


def digits(bench):
    "8 x 8 digits in 17 grey levels."
    table(bench, "digits", "digits", "comparison_digits", names=recipe.CONTROLS | recipe.DIGITS)


def mini_mnist(bench):
    "14 x 14 digits in 17 grey levels."
    if bench.quick:
        raise Skipped("--quick takes digits and toys only")
    names = recipe.FAMILIES["mini_mnist"]
    table(bench, "mini_mnist", "mini_mnist", "comparison_mini_mnist", names=names)


def longer(bench):
    "Whoever trains in steps, with three times as many: 8 x 8 digits in grey."
    table(bench, "digits", "digits", "comparison_longer", names=recipe.LONGER, factor=3.0)


def settings(bench):
    "A GAN with settings for a short run: 8 x 8 digits in grey."
    table(bench, "digits", "settings", "comparison_settings", names=recipe.SETTINGS)


def resolution(bench):
    "How far 360 new images tell an RBM from a mixture of Bernoullis: 8 x 8 digits in black and white."
    if bench.quick:
        raise Skipped("--quick takes none of these families")
    rows = {
        "ahead": bench.row("RBM ahead of the mixture, log Z estimated", "nats", None),
        "error": bench.row("standard error of that difference over the images", "nats", None),
        "error_alone": bench.row("standard error of the mixture's mean over the images", "nats", None),
    }
    task, steps = recipe.load("bits"), recipe.BITS["RBM"][1]
    with bench.store("comparison_resolution", recipe, "load", "resolution") as stored:
        for seed in bench.seeds:
            found, seconds = cpu_seconds(recipe.resolution, task, seed=seed)
            stored.add(seed=seed, steps=steps, seconds=seconds, **found)
            for key, row in rows.items():
                row.add(OURS, seed, found[key], steps=steps)


PARTS = {"bits": bits, "digits": digits, "mini_mnist": mini_mnist, "longer": longer}
PARTS |= {"settings": settings, "resolution": resolution}
