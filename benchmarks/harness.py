"""What every case shares: seeds, the clock, whose turn it is, a line for each result, the file it goes to.

A case is a module with `PARTS`, a dict of functions; each takes a `Bench` and adds values to rows:

    def nats(bench):
        "One sentence that the table shows."
        row = bench.row("log-likelihood after 30 CPU-s", "nats", better="higher", target=-88.5, moonshot=-84)
        for seed in bench.seeds:
            row.add("coursekit", seed, ...)
            row.add("scikit-learn", seed, ...)
"""

import contextlib
import importlib
import json
import os
import platform
import signal
import socket
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.stored import Table

OURS = "coursekit"
PEERS = ["scikit-learn", "scipy", "normflows", "nflows", "diffusers", "POT", "gensim", "cvxpy"]
BETTER = ("higher", "lower", None)  # None: shown, not judged
AGAINST = (None, "ratio", "difference")


class Skipped(Exception):
    """A part that cannot run here; the message says why, and what to do."""


def cpu_seconds(work, *arguments, **keywords):
    """(what work returns, CPU seconds of this process that it took)."""
    start = time.process_time()
    result = work(*arguments, **keywords)
    return result, time.process_time() - start


def take_turns(works, *, n_turns=3, n_calls=1):
    """CPU seconds of one call of each of works (dict name -> function): they take turns, the smallest counts.

    What else runs on the machine only ever adds time, so the smallest of n_turns says most about the work.
    """
    seconds = {name: [] for name in works}
    for _ in range(n_turns):
        for name, work in works.items():
            start = time.process_time()
            for _ in range(n_calls):
                work()
            seconds[name].append((time.process_time() - start) / n_calls)
    return {name: min(values) for name, values in seconds.items()}


def training_step(model, x):
    """A function that makes one step of Adam with model.loss on the batch x; it has been called once."""
    import torch

    adam = torch.optim.Adam(model.parameters(), lr=1e-4, fused=True)

    def step():
        loss = model.loss(x)
        adam.zero_grad()
        loss.backward()
        adam.step()

    step()
    return step


def mnist(split="train"):
    """`coursekit.data.mnist` where its files are at hand; else the part is skipped."""
    from coursekit import data

    folder = os.environ.get("COURSEKIT_DATA")
    if not folder or not any(Path(folder, "mnist").glob("*-ubyte*")):
        raise Skipped("MNIST is not at hand: put its four files into $COURSEKIT_DATA/mnist")
    return data.mnist(split)


def machine():
    """What a CPU second is worth here: processor, cores, and the speed of a product of 1024 x 1024 floats."""
    import torch

    a = torch.rand(1024, 1024)
    seconds = take_turns({"product": lambda: a @ a}, n_turns=5)["product"]
    name = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), name)
    return {
        "processor": name,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "system": platform.system(),
        "gflops_float32": round(2 * 1024**3 / seconds / 1e9, 1),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
    }


def versions():
    """Versions of Python, of the course's numerical packages and of the peers that are installed."""
    found = {"python": platform.python_version()}
    for name in ("numpy", "torch", *PEERS):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


class Interrupts:
    """Was Ctrl-C pressed? A training loop takes it for "enough" and returns early: that gives no value."""

    def __enter__(self):
        self.reader, self.writer = socket.socketpair()
        self.reader.setblocking(False)
        self.writer.setblocking(False)
        self.before = signal.set_wakeup_fd(self.writer.fileno())  # told of every signal, whoever handles it
        return self

    def __exit__(self, *exception):
        signal.set_wakeup_fd(self.before)
        self.reader.close()
        self.writer.close()

    def pressed(self):
        with contextlib.suppress(BlockingIOError):
            return signal.SIGINT in self.reader.recv(100)
        return False


class Results:
    """results.json: {case: {part: {machine, versions, seeds, finished, notes, rows}}}; None: nowhere.

    tables: the folder for `Bench.store`, or None; by default stored/ beside the file.
    """

    def __init__(self, path, tables=None):
        self.path = None if path is None else Path(path)
        self.tables = self.path.parent / "stored" if tables is None and path is not None else tables

    def read(self):
        if self.path is None or not self.path.exists():
            return {}
        return json.loads(self.path.read_text(encoding="utf-8"))

    def write(self, case, part, entry):
        """Replace one part and nothing else: another run may have written its own part meanwhile."""
        if self.path is None:
            return
        everything = self.read()
        everything.setdefault(case, {})[part] = entry
        half = self.path.with_suffix(".tmp")
        half.write_text(json.dumps(everything, indent=1) + "\n", encoding="utf-8")
        half.replace(self.path)


class Row:
    """One measure: values by who and by seed. target and moonshot are of our mean or, with `against`, of the
    mean over the seeds of our value divided by ("ratio") or less ("difference") the first peer's."""

    def __init__(self, bench, metric, unit, better, target, moonshot, against):
        if better not in BETTER or against not in AGAINST:
            raise ValueError(f"better is one of {BETTER}, against of {AGAINST}; got {better}, {against}")
        self.bench = bench
        self.entry = {"metric": metric, "unit": unit, "better": better}
        self.entry |= {"target": target, "moonshot": moonshot, "against": against, "values": {}}

    def add(self, who, seed, value, *, steps=None):
        """Note a value, print it and save; who is OURS or a peer's name.

        steps: of the training behind it, a number or one for each stage.
        """
        if self.bench.interrupts and self.bench.interrupts.pressed():
            raise KeyboardInterrupt
        self.entry["values"].setdefault(who, {})[str(seed)] = float(value)
        if steps is not None:
            steps = steps[0] if isinstance(steps, list) and len(steps) == 1 else steps
            self.entry.setdefault("steps", {}).setdefault(who, {})[str(seed)] = steps
        self.bench.say(f"seed {seed}  {self.entry['metric']}  {who}: {value:.4g} {self.entry['unit']}")
        self.bench.save()


class Judged:
    """Rows for generated digits, one for each measure of `evaluation.digit_quality`.

    train, test: real digits, tensors (n, d) in the units of the samples; labels: of `train`, for the judge.
    """

    BETTER = {"confidence": "higher", "classes": "higher", "smallest class": "higher"}
    BETTER |= {"Frechet distance": "lower", "nearest": None}

    def __init__(self, bench, train, labels, test):
        from coursekit.evaluation import digit_judge

        self.bench, self.train, self.test = bench, train, test
        self.judge = digit_judge(train, labels)
        real = self.measure(test).items()
        bench.note(
            "Test digits themselves: " + ", ".join(f"{name} {value:.3g}" for name, value in real) + "."
        )

    def measure(self, samples):
        from coursekit.evaluation import digit_quality

        return digit_quality(self.judge, samples, self.train, self.test)

    def rows(self, what, targets):
        """New rows called `what: measure`; targets: dict from some of the measures to numbers."""
        self.row = {
            name: self.bench.row(f"{what}: {name}", "", better, target=targets.get(name))
            for name, better in self.BETTER.items()
        }

    def add(self, who, seed, samples, steps):
        for name, value in self.measure(samples).items():
            self.row[name].add(who, seed, value, steps=steps)


class Bench:
    """One part of a case under way. seeds: list of ints; quick: tiny budgets, digits and toys only."""

    def __init__(self, results, case, part, *, seeds, quick=False):
        self.results, self.case, self.part, self.seeds, self.quick = results, case, part, seeds, quick
        self.interrupts = None
        self.entry = {"machine": machine(), "versions": versions(), "date": time.strftime("%Y-%m-%d")}
        self.entry |= {"seeds": seeds, "finished": False, "notes": [], "rows": []}

    def budget(self, seconds):
        """CPU seconds to train for: with --quick as few as show that it runs."""
        return 0.3 if self.quick else seconds

    def follow(self, build, train, test, *, budget, seed, **options):
        """(a recipe trained for its budget of CPU seconds, steps of each stage): what `coursekit train` does.

        build: function of a lecture's recipe.py, which gets the two data sets, the budget and the options.
        """
        import torch

        torch.manual_seed(seed)
        recipe, spent = cpu_seconds(build, train, test, seconds=budget, **options)
        # With --quick building alone may take longer than the budget.
        limits = {"seconds": self.budget(budget), "spent": 0.0 if self.quick else spent}
        histories = recipe.train(**limits, seed=seed, device="cpu")
        return recipe, [len(history.learning_rate) for history in histories]

    def row(self, metric, unit, better, *, target=None, moonshot=None, against=None):
        """A new row of the table; see `Row`."""
        row = Row(self, metric, unit, better, target, moonshot, against)
        self.entry["rows"].append(row.entry)
        return row

    def store(self, name, recipe, *parts):
        """A table in data/results for a notebook, see `stored`; name begins with the lecture's folder.

        recipe: the lecture's module coursekit.X.recipe; parts: its functions that are used, none: the whole.
        """
        return Table(self, name, recipe, parts)

    def peer(self, name):
        """The module of a peer, or None and a note where it is not installed."""
        try:
            return importlib.import_module(name)
        except ImportError:
            self.note(
                f"{name} is not installed, so it does not appear: `python3 course.py bench` installs it."
            )
            return None

    def note(self, sentence):
        """A sentence below the table."""
        self.entry["notes"].append(sentence)
        self.say(sentence)

    def keep(self, name, value):
        """Store something else beside the rows: curves of a plot."""
        self.entry[name] = value

    def say(self, text):
        print(f"{self.case}:{self.part}  {text}", flush=True)

    def save(self):
        self.results.write(self.case, self.part, self.entry)

    def run(self, work):
        """Run the part; True unless it failed. One part that fails or is skipped does not stop the others."""
        start = time.process_time()
        try:
            with Interrupts() as self.interrupts:
                work(self)
        except Skipped as reason:
            self.say(f"skipped: {reason}")
            if self.part not in self.results.read().get(self.case, {}):
                self.entry["skipped"] = str(reason)
                self.save()
            return True
        except Exception as error:
            self.note(f"It broke off with {type(error).__name__}: {error}")
            self.save()
            if self.quick:
                raise
            return False
        finally:
            self.interrupts = None
        self.entry["finished"] = True
        self.entry["cpu_seconds"] = round(time.process_time() - start, 1)
        self.save()
        return True
