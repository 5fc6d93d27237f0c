"""Runs that are too long for a notebook: measured once by `course.py bench`, read by the notebook."""

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from coursekit.data.dataset import embedded


@dataclass(frozen=True, eq=False)
class StoredRuns:
    """A table with one row for each run, and arrays that came out of the runs. Arrays are read-only.

    `print(runs)` says in one line what was run and when.

    >>> runs = StoredRuns("trial", rows=({"seed": 0, "steps": 9, "seconds": 1.0, "loss": 0.5},))
    >>> float(runs.column("loss", seed=0).mean())
    0.5

    Args:
        name: of the files in data/results.
        rows: one dict for each run: "seed", "steps", "seconds" (CPU, one thread), and what was measured.
        arrays: pictures, curves, by name.
        seeds: of the runs.
        versions: of Python and of the packages at work.
        machine: its processor.
        date: of the last run, year-month-day.
        command: what measures all of it again.
        recipe: file that holds the settings, from the repository's root.
        parts: functions of the recipe that were used; empty: all of it.
        fingerprint: of the recipe at the time; a test fails when the recipe has changed since.
        others: fingerprints of what it uses of other recipes, by their files.
    """

    name: str
    rows: tuple[dict, ...]
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    seeds: tuple[int, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    machine: str = ""
    date: str = ""
    command: str = ""
    recipe: str = ""
    parts: tuple[str, ...] = ()
    fingerprint: str = ""
    others: dict[str, str] = field(default_factory=dict)

    def column(self, key: str, **where: Any) -> np.ndarray:
        """Values of one column, in the order of the rows; `where`: only rows with these values.

        Args:
            key: name of the column.

        Raises:
            ValueError: there is no such column, or no such row.
        """
        rows = [row for row in self.rows if all(name in row and row[name] == where[name] for name in where)]
        rows = [row for row in rows if key in row]
        if not rows:
            keys = ", ".join(dict.fromkeys(name for row in self.rows for name in row))
            asked = "".join(f" with {name} = {value!r}" for name, value in where.items())
            raise ValueError(f"{self.name} has no {key!r}{asked}; its columns are {keys}")
        return np.array([row[key] for row in rows])

    def __repr__(self):
        seconds = [row["seconds"] for row in self.rows]
        least, most = f"{min(seconds):.0f}", f"{max(seconds):.0f}"
        each = least if least == most else f"{least} to {most}"
        return (
            f"{self.name}: {len(self.rows)} stored runs, seeds {', '.join(map(str, self.seeds))},"
            f" {each} CPU-seconds each ({self.date}); again with: {self.command}"
        )


def results(name: str) -> StoredRuns:
    """What `course.py bench` has stored in data/results under this name.

    Raises:
        ValueError: nothing is stored under this name; the sentence lists what is.
    """
    folder = embedded("results")
    path = folder / f"{name}.json"
    if not path.exists():
        names = ", ".join(sorted(each.stem for each in folder.glob("*.json"))) or "nothing yet"
        raise ValueError(f"no stored results {name!r}; there is {names}")
    table = json.loads(path.read_text(encoding="utf-8"))
    arrays = {}
    if path.with_suffix(".npz").exists():
        with np.load(path.with_suffix(".npz")) as file:
            arrays = {key: file[key] for key in file.files}
    for array in arrays.values():
        array.setflags(write=False)
    lists: dict[str, Any] = {key: tuple(table.pop(key)) for key in ("rows", "seeds", "parts")}
    return StoredRuns(name=name, arrays=arrays, **lists, **table)
