"""Deadlines, from a file that a teacher writes:

    grace_minutes = 15        # nobody is late before
    free_late_days = 3        # for each student, over the term
    off_per_day = 0.1         # of the score, for each late day beyond these

    [hw01_pca]
    deadline = 2026-11-21T23:59:00+01:00

    [hw01_pca.extended]       # somebody's own deadline
    zoe = 2026-11-24T23:59:00+01:00

    [hw01_pca.handed_in]      # where the files do not tell; nbgrader's exchange does
    ada = 2026-11-22T08:10:00+01:00

A begun day counts as a day. Free days go to the homeworks in the order of their deadlines; which were used is
kept in `.coursekit/late_days.json`, and each run of `grade` writes those of its own homework anew.
"""

import json
import math
import tomllib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

LEDGER = ".coursekit/late_days.json"


@dataclass(frozen=True)
class Deadline:
    """The rules for one homework; `order`: all homeworks of the file by their deadlines."""

    homework: str
    at: datetime
    extended: dict = field(default_factory=dict)
    handed_in: dict = field(default_factory=dict)
    grace: timedelta = timedelta(0)
    free_days: int = 0
    off_per_day: float = 0.0
    order: tuple = ()


def read_deadline(path, homework):
    """The Deadline of one homework; ValueError in a sentence for a file that is none, or does not name it."""
    try:
        found = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"the deadlines {path} cannot be read as TOML: {error}") from None
    tables = {name: table for name, table in found.items() if isinstance(table, dict)}
    if unknown := found.keys() - tables.keys() - {"grace_minutes", "free_late_days", "off_per_day"}:
        raise ValueError(f"the deadlines {path} hold {sorted(unknown)[0]}, which nobody knows")
    for name, table in tables.items():
        if not isinstance(table.get("deadline"), datetime):
            raise ValueError(f"the deadlines {path}: [{name}] needs deadline = 2026-11-21T23:59:00")
        if unknown := table.keys() - {"deadline", "extended", "handed_in"}:
            raise ValueError(f"the deadlines {path}: [{name}] holds {sorted(unknown)[0]}, which nobody knows")
        for student, when in [*table.get("extended", {}).items(), *table.get("handed_in", {}).items()]:
            if not isinstance(when, datetime):
                raise ValueError(f"the deadlines {path}: [{name}] has no date and time for {student}")
    if homework not in tables:
        raise ValueError(f"the deadlines {path} do not name {homework}: add [{homework}] with its deadline")
    grace, free, off = (found.get(n, 0) for n in ("grace_minutes", "free_late_days", "off_per_day"))
    for name, value in (("grace_minutes", grace), ("free_late_days", free), ("off_per_day", off)):
        if not isinstance(value, int | float) or isinstance(value, bool) or value < 0:
            raise ValueError(f"the deadlines {path}: {name} is a number from 0 on, got {value!r}")
    table = tables[homework]
    return Deadline(
        homework=homework,
        at=_aware(table["deadline"]),
        extended={student: _aware(when) for student, when in table.get("extended", {}).items()},
        handed_in={student: _aware(when) for student, when in table.get("handed_in", {}).items()},
        grace=timedelta(minutes=grace),
        free_days=int(free),
        off_per_day=float(off),
        order=tuple(sorted(tables, key=lambda name: _aware(tables[name]["deadline"]))),
    )


def judge_lateness(results, deadline, course):
    """Put `late` into each result with points, and keep the free days used.

    late: {"when", "days", "free", "final", "says"}: when it came, days late, how many of them cost nothing,
    the score that is left, a sentence ("" where nothing is to be said).
    """
    path = Path(course) / LEDGER
    ledger = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    earlier = deadline.order[: deadline.order.index(deadline.homework)]
    mine = {}
    for result in results:
        result["late"] = None
        if not result["exercises"]:
            continue
        student = result["student"]
        when = deadline.handed_in.get(student) or _when(result.get("handed_in"))
        if when is None:
            result["late"] = {"when": "", "days": None, "free": 0, "final": result["score"], "says": ""}
            continue
        late = when - deadline.extended.get(student, deadline.at)
        days = 0 if late <= deadline.grace else math.ceil(late / timedelta(days=1))
        used = sum(ledger.get(name, {}).get(student, 0) for name in earlier)
        free = min(days, max(deadline.free_days - used, 0))
        if free:
            mine[student] = free
        off, score = min(1.0, deadline.off_per_day * (days - free)), result["score"]
        final = None if score is None else round(score * (1 - off), 6)
        says = ""
        if days:
            says = f"handed in {days} day{'s' * (days != 1)} late, {free} of them free"
            if off and final is not None:
                says += f"; {100 * off:g} % less leaves {final:g} points"
        result["late"] = {"days": days, "free": free, "final": final, "says": says}
        result["late"]["when"] = f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    path.parent.mkdir(exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps({**ledger, deadline.homework: mine}, indent=1), encoding="utf-8")


def _aware(when):
    """A time without a zone is this machine's."""
    return when if when.tzinfo else when.astimezone()


def _when(text):
    """The time of nbgrader's exchange, `2026-11-21 10:00:00 UTC`, or None."""
    try:
        return datetime.strptime(text or "", "%Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC)
    except ValueError:
        return None
