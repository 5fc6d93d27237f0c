"""Pictures of lecture 19: ladders of families, two criteria against each other, rows of samples."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from coursekit.plots import COLORS, digits_strip

# Marker of a likelihood: the truth is where the mark is, or to its right, or uncertain by the error of log Z.
MARKERS = {"exact": "o", "bound": ">", "estimate": "D", "none": "o"}
SIGNS = {"exact": "● exact", "bound": "▶ lower bound", "estimate": "◆ estimated log Z"}
LETTER, LINE = 7.6, 18.0  # pixels of a letter and of a line of labels, roughly


def color_of(name):
    """The colour of a family: controls grey, codes and latents orange, GANs green, all others blue."""
    if name.split(":")[0] in ("noise", "independent pixels", "training set", "noisy copy"):
        return COLORS["data"]
    if "GAN" in name:
        return COLORS["critic"]
    return COLORS["latent"] if "VAE" in name or name in ("autoencoder", "NMF", "PCA") else COLORS["model"]


def ladder(names, values, *, xlabel, title, kinds=None, log=False, floor=None, best="right"):
    """One row per family, one mark per seed; the best on top.

    Args:
        names: of the families.
        values: for each family an array with one number per seed.
        kinds: for each family "exact", "bound" or "estimate", where the values are likelihoods.
        log: a logarithmic axis.
        floor: (value, words) of a vertical line.
        best: "right" or "left", where the good values are.
    """
    means = [np.mean(each) for each in values]
    order = np.argsort(means)[:: -1 if best == "right" else 1]
    figure, ax = plt.subplots(figsize=(8.6, 0.26 * len(names) + 1.3))
    for row, i in enumerate(order):
        marker = MARKERS[kinds[i]] if kinds else "o"
        ax.plot(
            values[i], np.full(len(values[i]), row), marker, color=color_of(names[i]), markersize=6, alpha=0.8
        )
    ax.set_yticks(range(len(names)), [names[i] for i in order])
    for tick, i in zip(ax.get_yticklabels(), order, strict=True):
        tick.set_color(color_of(names[i]))
    if floor is not None:
        ax.axvline(floor[0], color=COLORS["noise"], linewidth=1.2, linestyle="--", zorder=0)
    if log:
        ax.set_xscale("log")
        plain_numbers(ax.xaxis, *ax.get_xlim())
    note = "" if floor is None else f"; dashed: {floor[1]}"
    shown = "   ".join(SIGNS[kind] for kind in SIGNS if kinds and kind in kinds)
    ax.set(xlabel=xlabel + note + (f"\n{shown}" if shown else ""), ylim=(len(names) - 0.4, -0.6))
    ax.grid(axis="y", color="#e6e6e6", linewidth=0.8)
    ax.set_axisbelow(True)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11.5)
    return figure


def ladders(names, columns, *, title):
    """Several columns of dots beside each other, one row per family in the given order.

    columns: list of (label, values per family, log). A family without a value has None and gets no dot.
    """
    figure, axes = plt.subplots(
        1, len(columns), figsize=(9.2, 0.26 * len(names) + 1.3), sharey=True, squeeze=False
    )
    for ax, (label, values, log) in zip(axes[0], columns, strict=True):
        for row, each in enumerate(values):
            if each is not None:
                ax.plot(
                    each, np.full(len(each), row), "o", color=color_of(names[row]), markersize=5.5, alpha=0.8
                )
        if log:
            ax.set_xscale("log")
            plain_numbers(ax.xaxis, *ax.get_xlim())
        ax.set(xlabel=label)
        ax.grid(axis="y", color="#e6e6e6", linewidth=0.8)
        ax.set_axisbelow(True)
    axes[0, 0].set_yticks(range(len(names)), names)
    axes[0, 0].set_ylim(len(names) - 0.4, -0.6)
    for tick, name in zip(axes[0, 0].get_yticklabels(), names, strict=True):
        tick.set_color(color_of(name))
    figure.suptitle(title, x=0.01, ha="left", fontsize=11.5)
    return figure


def plane(names, x, y, *, xlabel, ylabel, title, logs=(False, False), size=(8.6, 5.4)):
    """Families as labelled points; x and y are numbers, one per family."""
    figure, ax = plt.subplots(figsize=size, layout="none")
    figure.subplots_adjust(left=0.1, right=0.97, bottom=0.12, top=0.91)
    ax.scatter(x, y, s=42, color=[color_of(name) for name in names], zorder=3)
    for axis, values, log in (("x", x, logs[0]), ("y", y, logs[1])):
        if log:
            getattr(ax, f"set_{axis}scale")("log")
        low, high = np.log10([min(values), max(values)]) if log else (min(values), max(values))
        margin = 0.09 * (high - low or 1)
        ends = np.array([low - margin, high + margin])
        ends = 10**ends if log else ends
        getattr(ax, f"set_{axis}lim")(*ends)
        if log:
            plain_numbers(getattr(ax, f"{axis}axis"), *ends)
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    place_labels(ax, x, y, names)
    return figure


def plain_numbers(axis, low, high):
    """Write a logarithmic axis from low to high with ordinary numbers: 2, 5, 10, not powers of ten."""
    decades = np.log10(high / low)
    if decades < 0.7:
        axis.set_major_locator(MaxNLocator(6))
    else:
        steps = (1, 2, 3, 5, 7) if decades < 1.2 else (1, 2, 5) if decades < 2.2 else (1,)
        axis.set_major_locator(LogLocator(subs=steps, numticks=20))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def place_labels(ax, x, y, names):
    """Write each name near its point, where no other point or name is in the way; far ones get a line."""
    at = ax.transData.transform(np.column_stack([x, y]).astype(float))
    scale = 72 / ax.figure.dpi
    frame = ax.get_window_extent()
    taken = [(p[0] - 6, p[1] - 6, p[0] + 6, p[1] + 6) for p in at]
    for point, name in sorted(zip(at.tolist(), names, strict=True)):
        width = LETTER * len(name) + 6  # short names are capitals, which are wider
        box, far = _free_box(point, width, taken, frame, at)
        taken.append(box)
        middle = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
        offset = (middle - point) * scale
        arrow = {"arrowstyle": "-", "color": COLORS["noise"], "linewidth": 0.8, "shrinkA": 0, "shrinkB": 3}
        ax.annotate(
            name, ax.transData.inverted().transform(point), xytext=offset, textcoords="offset points",
            ha="center", va="center", fontsize=9.6, color=color_of(name),
            arrowprops=arrow if far else None,
        )  # fmt: skip


def _free_box(point, width, taken, frame, points):
    """(left, low, right, high) of a free place for a name, and whether it needs a line to its point.

    At best none of points (n, 2) is nearer to the place, or the name would seem to belong to that one; where
    there is no such place close by, the nearest free one is taken.
    """
    free_ones = []
    for radius in range(12, 270, 6):
        for angle in np.linspace(0, 2 * np.pi, 24, endpoint=False):
            x = point[0] + np.cos(angle) * (radius + width / 2)
            y = point[1] + np.sin(angle) * radius
            box = np.array([x - width / 2, y - LINE / 2, x + width / 2, y + LINE / 2])
            inside = box[0] > frame.x0 and box[2] < frame.x1 and box[1] > frame.y0 and box[3] < frame.y1
            if not inside or any(
                box[2] >= t[0] and t[2] >= box[0] and box[3] >= t[1] and t[3] >= box[1] for t in taken
            ):
                continue
            free_ones.append(box)
            gaps = np.maximum(np.maximum(box[:2] - points, points - box[2:]), 0)
            own = np.maximum(np.maximum(box[:2] - point, point - box[2:]), 0)
            if np.hypot(*own) <= np.hypot(*gaps.T).min() + 1e-6:
                return box, radius > 20
        if free_ones and radius > 30:
            return free_ones[0], True
    return np.array([x - width / 2, y - LINE / 2, x + width / 2, y + LINE / 2]), True


def gallery(rows, names, image_shape, *, top, title):
    """Rows of ten images (10, pixels) in whole levels 0 to top, with a name at the left of each."""
    height = 0.66 * len(rows) + 0.42
    figure, axes = plt.subplots(len(rows), 1, figsize=(8.6, height), layout="none", squeeze=False)
    figure.subplots_adjust(left=0.25, right=0.99, bottom=0.01, top=1 - 0.4 / height, hspace=0.05)
    for ax, row, name in zip(axes[:, 0], rows, names, strict=True):
        digits_strip(ax, row, image_shape, n_columns=len(row), value_range=(0, top))
        ax.text(-0.02, 0.5, name, ha="right", va="center", fontsize=10.5, color=color_of(name),
                transform=ax.transAxes)  # fmt: skip
    figure.text(0.01, 1 - 0.28 / height, title, fontsize=11.5)
    return figure


def two_scales(x, left, right, *, xlabel, labels, title, logs=(False, False), marks=None):
    """Two curves over one axis in two panels, one above the other's left: (x, left) and (x, right).

    labels: of the two vertical axes. marks: for each panel a list of (height, words) of dashed
    lines, or of (height, words, "left") where the right end is taken.
    """
    figure, axes = plt.subplots(1, 2, figsize=(9.2, 3.5))
    for ax, values, label, color, lines in zip(
        axes, (left, right), labels, ("model", "wrong"), marks or ([], []), strict=True
    ):
        ax.plot(x, values, "o-", color=COLORS[color])
        for height, words, *side in lines:
            ax.axhline(height, color=COLORS["noise"], linewidth=1.2, linestyle="--", zorder=0)
            at, side = (0.02, "left") if side == ["left"] else (0.98, "right")
            ax.annotate(words, (at, height), xycoords=("axes fraction", "data"), xytext=(0, 4),
                        textcoords="offset points", ha=side, va="bottom", fontsize=9.8)  # fmt: skip
        ax.set(xlabel=xlabel, ylabel=label)
        if logs[0]:
            ax.set_xscale("log")
            plain_numbers(ax.xaxis, min(x), max(x))
    if logs[1]:
        axes[1].set_yscale("log")
        plain_numbers(axes[1].yaxis, *axes[1].get_ylim())
    figure.suptitle(title, x=0.01, ha="left", fontsize=11.5)
    return figure
