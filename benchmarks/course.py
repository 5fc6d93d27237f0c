"""The whole course: CPU seconds and peak memory of every notebook, from a fresh kernel under strict nbval.

The published seconds are in each notebook's metadata; all together may take 18 minutes. Memory
is that of the largest process that ran it, kernel included; 1.5 GB is what a learner's machine must have
free. One run per notebook: no seed changes it.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.harness import OURS, Skipped

ROOT = Path(__file__).parent.parent
STRICT = ["--nbval", "--nbval-cell-timeout=300", "--nbval-sanitize-with=tests/nbval_sanitize.cfg"]
MOST_MEGABYTES = 1500
MEGABYTES = 1e-3 if sys.platform == "linux" else 1e-6  # ru_maxrss: kilobytes on Linux, bytes on macOS


def measured(command):
    """(exit code, CPU seconds, peak megabytes) of a command and of all it waited for."""
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "MPLBACKEND": "Agg"})
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * MEGABYTES


def notebooks(bench):
    "Each notebook beside its published seconds."
    if not hasattr(os, "wait4"):
        raise Skipped("this system does not report the seconds of other programs; Linux and macOS do")
    paths = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))[: 1 if bench.quick else None]
    rows, total, most = {}, 0.0, 0.0
    for path in paths:
        published = json.loads(path.read_text(encoding="utf-8"))["metadata"]["coursekit"]["cpu_seconds"]
        peak = bench.row(f"{path.stem}: peak memory", "MB", "lower", target=MOST_MEGABYTES)
        rows[path] = bench.row(path.stem, "s", "lower", target=published), peak
    whole = bench.row("the whole course", "s", "lower", target=18 * 60)
    memory = bench.row("peak memory of a notebook, the largest", "MB", "lower", target=MOST_MEGABYTES)
    for path, (row, peak) in rows.items():
        command = [sys.executable, "-m", "pytest", "-q", *STRICT, str(path.relative_to(ROOT))]
        code, seconds, megabytes = measured(command)
        if code != 0:
            bench.note(f"{path.stem} failed its checks in this run.")
        row.add(OURS, bench.seeds[0], seconds)
        peak.add(OURS, bench.seeds[0], megabytes)
        total, most = total + seconds, max(most, megabytes)
    whole.add(OURS, bench.seeds[0], total)
    memory.add(OURS, bench.seeds[0], most)


PARTS = {"notebooks": notebooks}
