"""Every family of the course on one table: lecture 19's protocol, three seeds.

Each family gets the same images, about the same CPU-seconds (as fixed numbers of steps), and is looked at by
one judge per task. A row is noted as soon as it is measured; a run that was stopped goes on where it was.
"""

import json
from functools import partial

import numpy as np

from benchmarks.harness import OURS, Skipped, cpu_seconds
from benchmarks.stored import ROOT, fingerprint
from coursekit.comparison import recipe

PARTS_OF_RECIPE = ("load", "train", "measure", "LONGER")
QUICK = ("independent pixels", "mixture of coins", "mixture of Gaussians", "MADE", "GAN")
N_SHOWN = 10  # samples of the first seed, stored for the galleries
NOT_SHOWN = ("noise", "DDPM: DDIM, 50", "DDPM: DDIM, 50, eta 1")


class Journal:
    """Rows of a run under way, one JSON line each, so that it can be resumed; forgotten when it is whole.

    What was measured with another recipe is forgotten too.
    """

    def __init__(self, name: str, *, keep: bool):
        self.path, self.rows = ROOT / "build" / "bench" / f"{name}.jsonl", {}
        self.keep, self.now = keep, fingerprint(recipe.__file__, PARTS_OF_RECIPE)
        if keep and self.path.exists():
            found = [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines()]
            self.rows = {each["key"]: each for each in found if each["fingerprint"] == self.now}

    def get(self, key: str, work):
        """The entry under this key: read, or made by work() and noted."""
        if key not in self.rows:
            self.rows[key] = {"key": key, "fingerprint": self.now, **work()}
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
        seen, samples = recipe.look(task, draw, seed=seed, n=n)
        rows.append({"family": f"{name}: {way}", "kind": "none", **seen})
        shown.append(samples)
    pictures = [each[:N_SHOWN].int().tolist() for each in shown]
    return {"steps": family.n_steps, "seconds": seconds, "rows": rows, "pictures": pictures}


def table(bench, task_name, name, factors):
    """Measure the families of `factors` (name -> times the steps of the table) and store them as `name`."""
    task, journal = recipe.load(task_name), Journal(name, keep=not bench.quick)
    shown = {}
    if bench.quick:
        factors = {family: 0.01 for family in factors if family in QUICK}
    with bench.store(name, recipe, *PARTS_OF_RECIPE) as stored:
        for seed in bench.seeds:
            for family, factor in factors.items():
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
                    if seed == bench.seeds[0] and row["family"] not in NOT_SHOWN:
                        stored.arrays[row["family"]] = np.array(pictures, dtype=np.uint8)
    journal.forget()


def shown_of(row, task):
    """(metric, unit, better, value) of a row that the page of the benchmarks shows."""
    if "nats" in row:
        yield f"log-likelihood ({row['kind']})", "nats", "higher", row["nats"]
    yield "Frechet distance", "", "lower", row["fd"]


def bits(bench):
    "8 x 8 digits in black and white, where only probabilities compete."
    table(bench, "bits", "comparison_bits", dict.fromkeys(recipe.FAMILIES["bits"], 1.0))


def digits(bench):
    "8 x 8 digits in 17 grey levels."
    table(bench, "digits", "comparison_digits", dict.fromkeys(recipe.FAMILIES["digits"], 1.0))


def longer(bench):
    "The families that were stopped earliest, with three times the steps: 8 x 8 digits in grey."
    table(bench, "digits", "comparison_longer", dict.fromkeys(recipe.LONGER, 3.0))


def mini_mnist(bench):
    "14 x 14 digits in 17 grey levels."
    if bench.quick:
        raise Skipped("--quick takes digits and toys only")
    table(bench, "mini_mnist", "comparison_mini_mnist", dict.fromkeys(recipe.FAMILIES["mini_mnist"], 1.0))


PARTS = {"bits": bits, "digits": digits, "mini_mnist": mini_mnist, "longer": longer}
