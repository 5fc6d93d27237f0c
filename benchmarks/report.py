"""The tables of README.md, from results.json: every row in words, losses like wins."""

import importlib
import math
import statistics
import textwrap

from benchmarks import CASES
from benchmarks.harness import OURS

HEAD = """\
# Beside its peers

What the course computes, beside what people would otherwise pick: same data, same split, one thread, taking
turns on the same clock. Seconds are CPU seconds of the process, because they mean the same whatever else the
machine does; at least three seeds, mean and standard deviation. A row that is lost is printed like one that
is won. This page is written by the command that measures.

```
python3 course.py bench                  # everything (hours), with the peers installed into .venv
python3 course.py bench pca flow:moons   # one case, one part of a case
python3 course.py bench --quick          # tiny budgets, digits and toys, under 3 minutes; nothing is stored
```

After `source .venv/bin/activate`, `python -m benchmarks rbm --seeds 0 1 2` starts at once; `--out FILE` keeps
the values in a file of your own (to try a recipe), `--table` writes this page anew from `results.json`.
A part is saved after every value, and a run renews only the parts that it was asked for. Where a notebook
reads what was measured, the part also stores a small table in `data/results`; see `stored.py`.
MNIST is read from `$COURSEKIT_DATA/mnist`; where it is not, the part says so and is skipped.
What is trained here follows the recipe in the lecture's folder, which is what a person gets by the command:
`coursekit train vae --data mnist --seconds 110 --measure --out DIR` repeats a run of ours. Peers that take a
few lines of code are in `references.py`. Steps are given where the run shown has counted them.

*Target*: of our mean, or, where it says so, of our mean beside the first peer's (a ratio or a difference,
seed by seed). *Within the spread*: missed by less than the standard deviation. *Moonshot*: the aim beyond.
"""


def write_readme(everything, folder):
    """Write README.md into the folder (a Path) from the content of results.json."""
    from benchmarks import scaling_plot

    sections = [HEAD]
    for case in CASES:
        if case in everything:
            module = importlib.import_module(f"benchmarks.{case}")
            sections.append(f"## {case}\n\n{module.__doc__.strip()}\n")
            for part, work in module.PARTS.items():
                if part in everything[case]:
                    entry = everything[case][part]
                    sections.append(section(case, part, work.__doc__, entry))
                    if "curves" in entry:
                        alt = scaling_plot.draw(entry["curves"], folder / f"{case}.png")
                        sections.append(f"![{alt}]({case}.png)\n")
    sections.append(versions_used(everything))
    half = folder / "README.tmp"
    half.write_text("\n".join(sections), encoding="utf-8")
    half.replace(folder / "README.md")


def section(case, part, about, entry):
    """One part: heading, table, notes, machine."""
    lines = [f"### {case}:{part}", "", (about or "").strip(), ""]
    if "skipped" in entry:
        return "\n".join([*lines, f"Skipped: {entry['skipped']}.", ""])
    rows = [row for row in entry["rows"] if row["values"]]
    peers = any(who != OURS for row in rows for who in row["values"])
    goals = any(row["target"] is not None for row in rows)
    titles = ["", "coursekit", *["peers", "beside them"] * peers, *["target", "moonshot"] * goals]
    lines += ["| " + " | ".join(titles) + " |", "|---" * len(titles) + "|"]
    for row in rows:
        cells = [label(row), summary(row["values"].get(OURS, {}), "") + in_steps(row, OURS)]
        cells += [peer_cell(row), beside(row)] * peers
        cells += [goal(row, row["target"], "missed by"), goal(row, row["moonshot"], "away by")] * goals
        lines.append("| " + " | ".join(cells) + " |")
    if not entry["finished"]:
        lines += [
            "",
            "**Unfinished**: this part was interrupted or broke off; what it had measured stands here.",
        ]
    for sentence in entry["notes"]:
        lines += ["", sentence]
    return "\n".join([*lines, "", *textwrap.wrap(stamp(entry), 110), ""])


def verdicts(entry, before=None):
    """One line per row, for those who watch: our mean, how it stands beside the peers, target and moonshot.

    before: the part's entry of the last run, where there is one; then the line ends with what has changed,
        and rows that are no more have a line of their own.
    """
    for row in entry["rows"]:
        said = {"": beside(row), "target ": goal(row, row["target"], "missed by")}
        said["moonshot "] = goal(row, row["moonshot"], "away by")
        tail = "".join(f"; {name}{words}" for name, words in said.items() if words)
        since = f"; {changed(row, before)}" if before else ""
        yield f"{label(row)}: {summary(row['values'].get(OURS, {}), '-')}{tail}{since}"
    now = {label(row) for row in entry["rows"]}
    for row in before["rows"] if before else ():
        if label(row) not in now:
            yield f"{label(row)}: not in this run; was {summary(row['values'].get(OURS, {}), '-')}"


def changed(row, before):
    """Our mean in the last run, and how far it has moved: in the row's unit and in standard deviations."""
    then = next((each for each in before["rows"] if label(each) == label(row)), None)
    old, new = (each["values"].get(OURS, {}) if each else {} for each in (then, row))
    if not old or not new:
        return "not in the last run" if new else "no value now"
    moved = average(new) - average(old)
    if not moved:
        return f"as on {before['date']}"
    words = f"was {summary(old)} on {before['date']}, moved by {moved:+.2g}"
    noise = math.hypot(spread(old), spread(new))
    return words + (f", {abs(moved) / noise:.1f} standard deviations" if noise else "")


def stamp(entry):
    """When, where, how often."""
    found = entry["machine"]
    return (
        f"*{entry['date']}; {found['processor']}, {found['cores']} cores, {found['threads']} thread,"
        f" {found['gflops_float32']:g} GFLOP/s in float32, load {found['load']};"
        f" {len(entry['seeds'])} seed{'s' * (len(entry['seeds']) > 1)}.*"
    )


def versions_used(everything):
    """The last section: which parts ran with which versions."""
    parts = {}
    for case, entries in everything.items():
        for part, entry in entries.items():
            packages = ", ".join(f"{name} {number}" for name, number in entry["versions"].items())
            parts.setdefault(packages, []).append(f"{case}:{part}")
    lines = [f"{packages}: {', '.join(names)}." for packages, names in parts.items()]
    return "\n".join(["## Versions", *("\n" + textwrap.fill(line, 110) for line in lines), ""])


def label(row):
    return row["metric"] + (f", {row['unit']}" if row["unit"] else "")


def number(value):
    """Four digits, without powers of ten in the range that people read."""
    return f"{value:.4g}" if 1e-4 <= abs(value) < 1e4 or value == 0 else f"{value:.2e}"


def average(values):
    """Mean over the seeds of a dict seed -> value."""
    return statistics.fmean(values.values())


def spread(values):
    """Standard deviation over the seeds; 0 for a single one."""
    return statistics.stdev(values.values()) if len(values) > 1 else 0.0


def summary(values, missing="-"):
    """Mean and spread of a dict seed -> value; said so when fewer than three seeds stand behind it."""
    if not values:
        return missing
    few = "" if len(values) > 2 else f" ({len(values)} seed{'s' * (len(values) > 1)})"
    return number(average(values)) + (f" ± {spread(values):.2g}" if spread(values) > 0 else "") + few


def peers_of(row):
    return {who: values for who, values in row["values"].items() if who != OURS}


def peer_cell(row):
    return "<br>".join(
        f"{who}: {summary(values)}{in_steps(row, who)}" for who, values in peers_of(row).items()
    )


def in_steps(row, who):
    """How many steps of training are behind the values of `who`, on average; of several stages each."""
    counted = list(row.get("steps", {}).get(who, {}).values())
    if not counted:
        return ""
    stages = zip(*(steps if isinstance(steps, list) else [steps] for steps in counted), strict=True)
    return f" in {' + '.join(f'{statistics.fmean(stage):.0f}' for stage in stages)} steps"


def beside(row):
    """Ahead of or behind the best peer, and by how much; times as a ratio."""
    ours, peers = row["values"].get(OURS), peers_of(row)
    if not ours or not peers or row["better"] is None:
        return ""
    sign = 1 if row["better"] == "higher" else -1
    who = max(peers, key=lambda name: sign * average(peers[name]))
    best = average(peers[who])
    gap = sign * (average(ours) - best)
    word = "ahead of" if gap > 0 else "behind"
    if row["unit"] == "s":
        return f"{word} {who}: {average(ours) / best:.2f}x its time"
    level = ", within the spread" if abs(gap) <= max(spread(ours), spread(peers[who])) and gap else ""
    return f"{word} {who} by {number(abs(gap))}{level}" if gap else f"level with {who}"


def judged_values(row):
    """seed -> the value that target and moonshot speak of."""
    ours = row["values"].get(OURS, {})
    if row["against"] is None:
        return ours
    peer = next(iter(peers_of(row).values()), {})
    both = [seed for seed in ours if seed in peer]
    ratio = row["against"] == "ratio"
    return {seed: ours[seed] / peer[seed] if ratio else ours[seed] - peer[seed] for seed in both}


def goal(row, wanted, missed):
    """Met or not, and the distance; '' where nothing was wanted or nothing measured."""
    values = judged_values(row)
    if wanted is None or not values:
        return ""
    sign = 1 if row["better"] == "higher" else -1
    gap = sign * (average(values) - wanted)
    what = number(wanted)
    if row["against"]:
        first = next(iter(peers_of(row)))
        what = f"{what}x {first}" if row["against"] == "ratio" else f"{what} from {first}"
        what += f" (is {number(average(values))})"
    if gap >= 0 or math.isclose(average(values), wanted):
        return f"{what}: met, by {number(gap)}" if gap > 0 else f"{what}: met"
    return f"{what}: {missed} {number(-gap)}" + (", within the spread" if -gap <= spread(values) else "")
