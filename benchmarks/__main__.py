"""`python -m benchmarks [case[:part] ...] [--seeds 0 1 2] [--quick] [--out FILE]`; see README.md."""

import os
import sys

# Before NumPy and PyTorch are loaded, which read it once: a CPU second is that of one thread.
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"
if not sys.stderr.isatty():
    os.environ.setdefault("TQDM_DISABLE", "1")

import argparse
import importlib
from pathlib import Path

from benchmarks import CASES
from benchmarks.harness import Bench, Results
from benchmarks.report import verdicts, write_readme
from benchmarks.stored import FOLDER

HERE = Path(__file__).parent


def parser():
    top = argparse.ArgumentParser(prog="python3 course.py bench", description="The course beside its peers.")
    top.add_argument("names", nargs="*", metavar="case[:part]", help=f"which ones (all): {' '.join(CASES)}")
    top.add_argument("--seeds", type=int, nargs="+", help="default: 0 1 2 (--quick: 0)")
    top.add_argument("--quick", action="store_true", help="tiny budgets, digits and toys; nothing is stored")
    top.add_argument("--out", type=Path, help="keep the results in this file instead of results.json")
    top.add_argument("--table", action="store_true", help="only write the tables of README.md anew")
    return top


def chosen(names):
    """[(case, part, function)] of the names on the command line; ValueError lists what there is."""
    parts = []
    for name in names or CASES:
        case, _, part = name.partition(":")
        if case not in CASES:
            raise ValueError(f"There is no case {case}: choose among {', '.join(CASES)}.")
        every = importlib.import_module(f"benchmarks.{case}").PARTS
        if part and part not in every:
            raise ValueError(f"{case} has no part {part}: choose among {', '.join(every)}.")
        parts += [(case, key, work) for key, work in every.items() if part in ("", key)]
    return parts


def main(argv=None):
    top = parser()
    options = top.parse_args(argv)
    try:
        parts = [] if options.table else chosen(options.names)
    except ValueError as error:
        top.exit(2, f"{error}\n")
    path = options.out or (None if options.quick else HERE / "results.json")
    seeds = options.seeds or ([0] if options.quick else [0, 1, 2])
    tables = FOLDER if path == HERE / "results.json" else None
    results, failed = Results(path, tables), []
    for case, part, work in parts:
        before = results.read().get(case, {}).get(part)
        try:
            bench = Bench(results, case, part, seeds=seeds, quick=options.quick)
            if not bench.run(work):
                failed.append(f"{case}:{part}")
            for line in verdicts(bench.entry, before):
                bench.say(f"= {line}")
        finally:  # after Ctrl-C too the page says what results.json holds
            if path == HERE / "results.json":
                write_readme(results.read(), HERE)
    if options.table:
        write_readme(results.read(), HERE)
    if failed:
        print("failed: " + ", ".join(failed))
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\nStopped; results.json keeps what was measured.", file=sys.stderr)
        sys.exit(130)
