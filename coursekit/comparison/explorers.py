"""Explorer of lecture 19: two criteria against each other, families as points. And the means it shows."""

import math
from functools import partial

import ipywidgets
import numpy as np

from coursekit import widgets
from coursekit.comparison import pictures
from coursekit.data import StoredRuns

# Column -> (what the axis says, is it logarithmic?).
CRITERIA = {
    "bits": ("bits per pixel of new images (lower is better)", False),
    "fd": ("Fréchet distance to new images (lower is better)", True),
    "precision": ("precision: samples near new images (higher is better)", False),
    "coverage": ("coverage: new images with a sample near (higher is better)", False),
    "nearest": ("share nearer to training images than new ones (1/2: as new data)", False),
    "edges": ("squared steps between neighbouring pixels (1: as new images)", True),
    "seconds": ("CPU-seconds to train", True),
    "draw_seconds": ("CPU-seconds to draw 1000", True),
}
ACROSS = ("bits", "seconds", "draw_seconds", "nearest")  # what a family promises, costs and keeps
UPWARDS = ("fd", "precision", "coverage")  # what its samples are like
SHORTEST = 1e-3  # seconds; a clock of the operating system tells no less


def families(runs: StoredRuns) -> list[str]:
    """The families of a stored table, in its order."""
    return list(dict.fromkeys(row["family"] for row in runs.rows))


def values_of(runs: StoredRuns, family: str, key: str, n_pixels: int = 1) -> np.ndarray | None:
    """A column of one family, a number per seed, or None where it has none.

    key: a column of the table, or "bits", the likelihood in bits per pixel of n_pixels.
    """
    column = "nats" if key == "bits" else key
    rows = [row for row in runs.rows if row["family"] == family and column in row]
    if not rows:
        return None
    values = np.array([row[column] for row in rows], dtype=float)
    if key == "bits":
        return -values / (n_pixels * math.log(2))
    return np.maximum(values, SHORTEST) if "seconds" in key else values


def means_of(runs: StoredRuns, key: str, n_pixels: int = 1) -> dict[str, float]:
    """Mean over the seeds, for each family that has a value."""
    found = {name: values_of(runs, name, key, n_pixels) for name in families(runs)}
    return {name: float(values.mean()) for name, values in found.items() if values is not None}


def criteria_frame(tables, task, x, y):
    """Families of one task as points; tables: task -> (StoredRuns, number of pixels); x, y of CRITERIA."""
    runs, n_pixels = tables[task]
    columns = [means_of(runs, key, n_pixels) for key in (x, y)]
    names = [name for name in families(runs) if all(name in column for column in columns)]
    (xlabel, xlog), (ylabel, ylog) = CRITERIA[x], CRITERIA[y]
    return pictures.plane(
        names, *([column[name] for name in names] for column in columns), xlabel=xlabel, ylabel=ylabel,
        logs=(xlog, ylog), title=f"{task}: {len(names)} of {len(families(runs))} rows have both values",
    )  # fmt: skip


def criteria_alt(tables, task, x, y):
    runs, n_pixels = tables[task]
    columns = [means_of(runs, key, n_pixels) for key in (x, y)]
    both = [name for name in families(runs) if all(name in column for column in columns)]
    ends = [f"from {min(both, key=column.get)} to {max(both, key=column.get)}" for column in columns]
    return (
        f"On {task}, each family is a point. Across: {CRITERIA[x][0]}, {ends[0]}. Upwards: {CRITERIA[y][0]}, "
        f"{ends[1]}."
    )


def criteria_explorer(tables):
    """Choose a task and two criteria; tables: task -> (StoredRuns, number of pixels)."""
    across, upwards = ([(CRITERIA[key][0].split(" (")[0], key) for key in keys] for keys in (ACROSS, UPWARDS))
    return widgets.explore(
        partial(criteria_frame, tables),
        alt=partial(criteria_alt, tables),
        task=ipywidgets.Dropdown(options=list(tables), value=list(tables)[1], description="images"),
        x=ipywidgets.Dropdown(options=across, value="bits", description="across"),
        y=ipywidgets.Dropdown(options=upwards, value="fd", description="upwards"),
    )
