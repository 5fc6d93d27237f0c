"""Pictures of lecture 15: rows of small pictures with their words, densities, dots per seed, curves."""

import matplotlib.pyplot as plt
import numpy as np

from coursekit.plots import COLORS, line_label

GAP = 2  # white pixels between two pictures


def as_rgb(images):
    """Pictures (n, 1 or 3, h, w) in [0, 1] as (n, h, w, 3); values outside are cut off."""
    images = np.clip(np.asarray(images, dtype=float), 0, 1)
    return np.broadcast_to(images, (len(images), 3, *images.shape[2:])).transpose(0, 2, 3, 1)


def draw_row(ax, images):
    """Pictures (n, 1 or 3, h, w) side by side on `ax`, without axes."""
    pictures = as_rgb(images)
    height, width = pictures.shape[1:3]
    canvas = np.ones((height, len(pictures) * (width + GAP) - GAP, 3))
    for i, picture in enumerate(pictures):
        canvas[:, i * (width + GAP) : i * (width + GAP) + width] = picture
    ax.imshow(canvas, interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


def rows_of_pictures(rows, labels, *, title, columns=(), width=9.2):
    """One row of pictures per entry, its label to the left; columns: words above the first row's pictures.

    rows: list of arrays (n, 1 or 3, h, w), all with the same n. width: of the figure in inches.
    """
    n = len(rows[0])
    left = 1.75
    side = min((width - left - 0.1) / n, 0.95)
    above = 0.38 + 0.22 * bool(len(columns)) * (1 + max((str(c).count("\n") for c in columns), default=0))
    height = above + len(rows) * (side + 0.08)
    figure = plt.figure(figsize=(width, height), layout="none")
    figure.text(0.01, 1 - 0.06 / height, title, fontsize=11.5, va="top")
    for k, (images, label) in enumerate(zip(rows, labels, strict=True)):
        bottom = (height - above - (k + 1) * (side + 0.08)) / height
        ax = figure.add_axes((left / width, bottom, n * side / width, side / height))
        draw_row(ax, images)
        middle = bottom + side / height / 2
        figure.text((left - 0.1) / width, middle, label, ha="right", va="center", fontsize=9.6)
    for i, word in enumerate(columns):
        at = (left + (i + 0.5) * side) / width
        figure.text(at, 1 - (above - 0.05) / height, word, ha="center", va="bottom", fontsize=9.6)
    return figure


def best_generators(x, p, m, best):
    """Data and mismatched pictures of one condition above, the best generator for each weight below.

    x, p, m: (n,). best: dict from the weight of mismatched pairs to the best generator's density (n,).
    """
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(7.6, 4.8), sharex=True, sharey=True)
    for density, color, name, side in (
        (p, "data", "data with c", "left"),
        (m, "wrong", "mismatched", "right"),
    ):
        top.plot(x, density, color=COLORS[color])
        at = np.argmax(density)
        top.text(x[at], density[at] * 1.05, name, color=COLORS[color], ha=side, va="bottom")
    bottom.plot(x, p, color=COLORS["data"], linestyle=":")
    for shade, (weight, density) in zip(np.linspace(0.45, 1, len(best)), best.items(), strict=True):
        bottom.plot(x, density, color=COLORS["model"], alpha=shade)
        at = np.argmax(density)
        place = (x[at] + 0.2 + 1.3 * shade, density[at])
        bottom.annotate(f"w = {weight:g}", (x[at], density[at]), place, color=COLORS["model"], va="center",
                        arrowprops={"arrowstyle": "-", "color": COLORS["model"], "alpha": shade})  # fmt: skip
    highest = max(max(density) for density in best.values())
    top.set(ylim=(0, 1.25 * highest), ylabel="density")
    top.set(title="the heavier the mismatched pairs, the further the best generator keeps away")
    bottom.set(xlabel="x", ylabel="density", xlim=(x[0], x[-1]))
    return figure


def dots(groups, *, xlabel, title, xlim, chance=None):
    """A row of dots for each method, one per seed.

    groups: list of (name, values, colour of COLORS). chance: (value, name) of a dotted line.
    """
    figure, ax = plt.subplots(figsize=(8.6, 0.9 + 0.42 * len(groups)))
    for place, (_, values, color) in enumerate(groups):
        ax.axhline(place, color=COLORS["noise"], linewidth=0.6, alpha=0.6, zorder=0)
        ax.plot(values, np.full(len(values), place), "o", color=COLORS[color], markersize=7, alpha=0.75)
    if chance is not None:
        ax.axvline(chance[0], color=COLORS["data"], linestyle=":", linewidth=1.2)
        ax.annotate(
            chance[1], (chance[0], -0.5), (4, 0), textcoords="offset points", va="center", fontsize=9.6
        )
    ax.set(yticks=range(len(groups)), yticklabels=[name for name, *_ in groups], xlim=xlim)
    ax.set(xlabel=xlabel, title=title, ylim=(len(groups) - 0.5, -0.8))
    return figure


def two_judges(error, distance, names):
    """Squared error to the right, Fréchet distance upwards, a dot per seed; (methods, seeds) each."""
    figure, ax = plt.subplots(figsize=(7.2, 3.9))
    for k, (x, y, name) in enumerate(zip(error, distance, names, strict=True)):
        color = COLORS[("data", "model", "latent")[k]]
        ax.plot(x, y, "os^"[k], color=color, markersize=7, alpha=0.75)
        place = (np.max(x), np.max(y)) if k < 2 else (np.min(x), np.min(y))
        ax.annotate(name, place, (9, (0, 12, -12)[k]), textcoords="offset points", va="center", color=color)
    ax.set(xlim=(0, 1.4 * np.max(error)), ylim=(0, 1.15 * np.max(distance)))
    ax.set(xlabel="mean squared error per pixel (less is better)", ylabel="Fréchet distance (less is better)")
    ax.set_title("the least error is not the nearest to real digits")
    return figure


def growth(seconds, readable, kinds, names):
    """Two measures over CPU seconds; each list of (seeds, times) arrays, one for every name."""
    figure, axes = plt.subplots(1, 2, figsize=(9.2, 3.6), sharex=True)
    for values, ax, label in ((readable, axes[0], "share that can be read"), (kinds, axes[1], "kinds of 48")):
        for x, y, color in zip(seconds, values, ("model", "data"), strict=True):
            ax.plot(np.transpose(x), np.transpose(y), "o-", color=COLORS[color], alpha=0.6, markersize=4)
        ax.set(xlabel="CPU-seconds", ylabel=label, ylim=(0, 1.15 * max(np.max(y) for y in values)))
    for x, y, name, color in zip(seconds, readable, names, ("model", "data"), strict=True):
        best = np.argmax(y[:, -1])
        line_label(axes[0], x[best][-1], y[best][-1], name, COLORS[color])
    axes[0].set(xlim=(0, 1.3 * max(float(np.max(x)) for x in seconds)))
    title = "at equal seconds two of three grown games cannot be read at all"
    figure.suptitle(title, x=0.01, ha="left", fontsize=11.5)
    return figure


def arrangements(images, titles):
    """Line drawings (n, h, w) of faces, ink 1, side by side."""
    figure, axes = plt.subplots(1, len(images), figsize=(3.4 * len(images), 3.2))
    for ax, image, title in zip(axes, images, titles, strict=True):
        ax.imshow(image, cmap="gray_r", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[], title=title)
        ax.spines[:].set_visible(True)
    return figure
