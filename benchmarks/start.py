"""How soon one can begin: seconds to import the course, each time in a fresh Python."""

import os
import subprocess
import sys

from benchmarks.harness import OURS


def import_seconds(code):
    """CPU seconds of a fresh Python that runs the line and ends, less those of one that does nothing."""
    return child_seconds(code) - child_seconds("pass")


def child_seconds(code):
    before = os.times()
    subprocess.run([sys.executable, "-c", code], check=True)
    after = os.times()
    return (after.children_user + after.children_system) - (before.children_user + before.children_system)


def imports(bench):
    "CPU seconds of an import, the smallest of three, beside the heaviest package that it loads."
    lines = {
        "import coursekit": None,
        "from coursekit import pca": "import sklearn.decomposition",
        "from coursekit import vae": "import torch",
    }
    if bench.quick:
        lines = {"import coursekit": None}
    n_turns = 1 if bench.quick else 3
    for line, peer in lines.items():
        row = bench.row(line, "s", "lower")
        for seed in bench.seeds:
            row.add(OURS, seed, min(import_seconds(line) for _ in range(n_turns)))
            if peer:
                row.add(peer, seed, min(import_seconds(peer) for _ in range(n_turns)))


PARTS = {"imports": imports}
