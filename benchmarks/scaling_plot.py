"""The log-log picture of the scaling case: time and memory against n, ours solid, the peers dashed."""

import numpy as np

from benchmarks.harness import OURS
from coursekit import plots

ROWS = {"seconds": "CPU seconds", "megabytes": "memory, MB"}
COLUMNS = {
    "n examples": ("PCA", "K-means", "linkage", "RBM epoch"),
    "batch of n": ("flow step", "DDPM step"),
}


def draw(curves, path):
    """Write the picture to path and return its alternative text. curves: the list that the case has kept."""
    import matplotlib.pyplot as plt

    plots.use_course_style()
    shape = {"sharex": "col", "sharey": "row", "width_ratios": (3, 2), "layout": "constrained"}
    figure, axes = plt.subplots(2, 2, figsize=(plots.MAX_WIDTH, 6.4), **shape)
    for (key, unit), row in zip(ROWS.items(), axes, strict=True):
        row[0].set_ylabel(unit)
        for (name, methods), ax in zip(COLUMNS.items(), row, strict=True):
            ends = panel(ax, [curve for curve in curves if curve["method"] in methods], key)
            if key == "seconds":  # the row below shares its axis
                low, high = ax.get_xlim()
                ax.set_xlim(low, high * 30)  # room for the names
            for (n, _), (method, color), value in zip(*spaced(ends), strict=True):
                plots.line_label(ax, n, value, method, color)
            slopes(ax)
            if key == "megabytes":
                ax.set_xlabel(name)
    axes[0, 0].set_title("In n examples: linkage alone is steep")
    axes[0, 1].set_title("In the batch: at most linear")
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)
    return (
        "Time (above) and memory (below) against n on logarithmic axes, ours solid and the peers dashed: "
        + "; ".join(f"{', '.join(methods)} over {name}" for name, methods in COLUMNS.items())
        + ". The slopes are the exponents of the table; linkage is the steep one."
    )


def panel(ax, curves, key):
    """Draw the means over the seeds; the ends of our lines as (n, value, method, color)."""
    ends = []
    ax.set(xscale="log", yscale="log")
    for i, method in enumerate(dict.fromkeys(curve["method"] for curve in curves)):
        for who in dict.fromkeys(curve["who"] for curve in curves if curve["method"] == method):
            mine = [curve for curve in curves if (curve["method"], curve["who"]) == (method, who)]
            n, values = mine[0]["n"], np.mean([curve[key] for curve in mine], axis=0)
            ax.plot(n, values, "o-" if who == OURS else "s--", ms=3, color=plots.CYCLE[i])
            if who == OURS:
                ends.append((n[-1], values[-1], method, plots.CYCLE[i]))
    return ends


def spaced(ends, *, apart=1.6):
    """(places, names, heights) of the labels at the ends: a factor apart where n is the same."""
    ends = sorted(ends)
    heights, last = [], (None, 0.0)
    for n, value, *_ in ends:
        height = max(value, last[1] * apart) if n == last[0] else value
        heights.append(height)
        last = (n, height)
    return [end[:2] for end in ends], [end[2:] for end in ends], heights


def slopes(ax):
    """Two dotted lines in the lower right corner, to compare with: n and n squared."""
    (_, high), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    for power, name in ((1, "n"), (2, "n²")):
        ends = high / 40 * np.array([1.0, 16 ** (1 / power)])
        heights = bottom * np.array([2, 32])
        ax.plot(ends, heights, ":", color=plots.COLORS["noise"], zorder=0)
        above = {"dx": 0, "dy": 2, "ha": "center", "va": "bottom"}
        plots.line_label(ax, ends[1], heights[1], name, plots.COLORS["noise"], **above)
    ax.set_ylim(bottom, top)
