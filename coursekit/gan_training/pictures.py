"""Pictures of lecture 13: checkerboards, rules left out, who feels whom in a batch, rings, walks, wishes."""

import matplotlib.pyplot as plt
import numpy as np

from coursekit.plots import COLORS, digits_strip


def counts_of_inputs(images, titles):
    """How many inputs reach each pixel when a constant image is enlarged; images: list of (h, w)."""
    figure, axes = plt.subplots(1, len(images), figsize=(8.4, 3.9))
    top = max(np.max(image) for image in images)
    for ax, image, title in zip(axes, images, titles, strict=True):
        ax.imshow(image, cmap="Blues", vmin=0, vmax=1.35 * top, interpolation="nearest")
        for (i, j), value in np.ndenumerate(image):
            color = "white" if value > 0.6 * top else COLORS["data"]
            ax.text(j, i, f"{value:.0f}", ha="center", va="center", fontsize=10.5, color=color)
        ax.set(xticks=[], yticks=[], title=title)
        ax.spines[:].set_visible(False)
    return figure


def rules_left_out(names, fd, precision, recall, *, title):
    """One row per rule: Frechet distance (log axis), precision and recall; each (rows, seeds)."""
    figure, axes = plt.subplots(
        1, 2, figsize=(9.2, 0.36 * len(names) + 1.5), sharey=True, width_ratios=[1.3, 1]
    )
    rows = np.arange(len(names))[:, None] + np.zeros_like(fd)
    axes[0].plot(fd.T, rows.T, "o", color=COLORS["model"], markersize=6, alpha=0.85)
    axes[0].axvline(fd[0].mean(), color=COLORS["noise"], linewidth=1, linestyle="--", zorder=0)
    axes[0].set(xscale="log", xlabel="Fréchet distance to test digits (log scale)", title=title)
    steps = (1, 2, 5) if fd.max() > 4 * fd.min() else (1, 1.5, 2, 2.5, 3, 4, 5, 7)
    ticks = [round(step * size) for size in (1, 10, 100) for step in steps]
    ticks = [tick for tick in ticks if 0.8 * fd.min() <= tick <= 1.25 * fd.max()]
    axes[0].set_xticks(ticks, [str(t) for t in ticks])
    axes[0].minorticks_off()
    axes[0].set_yticks(rows[:, 0], names)
    axes[0].invert_yaxis()
    for values, marker, color, word in (
        (precision, "s", "critic", "squares: precision"),
        (recall, "^", "latent", "triangles: recall"),
    ):
        axes[1].plot(values.T, rows.T, marker, color=COLORS[color], markersize=5.5, alpha=0.85)
        axes[1].text(0.02 if color == "critic" else 0.52, 1.02, word, color=COLORS[color], fontsize=10,
                     transform=axes[1].transAxes)  # fmt: skip
    axes[1].set(xlim=(-0.03, 1.03), xlabel="share of the images")
    return figure


def labelled_rows(rows, names, image_shape, *, title):
    """Rows of ten images (10, pixels) in [0, 1] with a name at the left of each; all on one grey scale."""
    height = 0.7 * len(rows) + 0.4
    figure, axes = plt.subplots(len(rows), 1, figsize=(9.2, height), layout="none")
    figure.subplots_adjust(left=0.25, right=0.99, bottom=0.01, top=1 - 0.38 / height, hspace=0.04)
    for ax, row, name in zip(axes, rows, names, strict=True):
        digits_strip(ax, row, image_shape, n_columns=len(row), value_range=(0, 1))
        ax.text(-0.02, 0.5, name, ha="right", va="center", fontsize=10.5, transform=ax.transAxes)
    figure.text(0.01, 1 - 0.28 / height, title, fontsize=11.5)
    return figure


def who_feels_whom(matrices, titles):
    """Size of d output_i / d input_j over the samples i, j of a batch, one (n, n) matrix per layer."""
    figure, axes = plt.subplots(1, len(matrices), figsize=(9.2, 3.0), sharey=True)
    top = max(matrix.max() for matrix in matrices)
    for ax, matrix, title in zip(axes, matrices, titles, strict=True):
        image = ax.imshow(matrix, cmap="Blues", vmin=0, vmax=top, interpolation="nearest")
        ax.set(xticks=[0, len(matrix) - 1], yticks=[0, len(matrix) - 1], xlabel="input of sample j")
        ax.set_xticklabels(["1", str(len(matrix))])
        ax.set_yticklabels(["1", str(len(matrix))])
        ax.set_title(title, fontsize=10.5)
    axes[0].set_ylabel("output of sample i")
    figure.colorbar(image, ax=axes, label="size of the derivative", shrink=0.85, pad=0.02)
    figure.suptitle(
        "only where the matrix is diagonal are the samples left alone", x=0.01, ha="left", fontsize=11.5
    )
    return figure


def slopes_near_collapse(spread, slopes, names):
    """How hard a sample is pushed away from its companions as they close in; slopes (2, n), relative."""
    figure, ax = plt.subplots(figsize=(8.4, 3.7))
    for slope, name, color, place in zip(
        slopes, names, ("critic", "latent"), ((0.13, 0.6), (8e-5, 0.5)), strict=True
    ):
        ax.plot(spread, slope, color=COLORS[color])
        ax.text(*place, name, color=COLORS[color], ha="right" if color == "critic" else "left")
    ax.plot(spread[0] / 2, 0, "o", color=COLORS["wrong"], markersize=8, clip_on=False)
    ax.annotate("all equal: exactly 0", (spread[0] / 2, 0), (10, 5), textcoords="offset points",
                color=COLORS["wrong"])  # fmt: skip
    ax.set(xscale="log", xlim=(spread[0] / 2, spread[-1]), ylim=(0, 1.08))
    ax.set(xlabel="spread of the batch (log scale; the red dot stands for 0)")
    ax.set(ylabel="slope, relative to its largest")
    ax.set(title="just beside a collapse minibatch features push with full strength, at it not at all")
    return figure


def towards_the_best_response(n_steps, slopes, limits, titles):
    """Slope of an unrolled loss over K; slopes: one dict "through" and "cut" -> (len(n_steps),) per panel."""
    figure, axes = plt.subplots(1, len(slopes), figsize=(9.2, 3.7), sharey=True)
    for ax, slope, limit, title in zip(axes, slopes, limits, titles, strict=True):
        ax.axhline(limit, color=COLORS["data"], linestyle=":", linewidth=1.4)
        ax.plot(n_steps, slope["through"], "o-", color=COLORS["model"])
        ax.plot(n_steps, slope["cut"], "s--", color=COLORS["wrong"])
        ax.set(xscale="symlog", xlim=(-0.2, 1.4 * n_steps[-1]), xlabel="inner steps K", title=title)
        ax.set_xticks([0, 1, 10, 100], ["0", "1", "10", "100"])
        ax.minorticks_off()
        ax.text(n_steps[0], limit, "best response", va="bottom", fontsize=10, color=COLORS["data"])
    axes[0].set_ylabel("slope of the generator's loss")
    axes[1].text(20, slopes[1]["cut"][-1] + 0.012, "cut off", color=COLORS["wrong"], va="bottom")
    axes[1].text(0.2, slopes[1]["through"][3], "through\nthe steps", color=COLORS["model"], va="center")
    return figure


def rings_over_steps(clouds, centers, names, steps):
    """Samples (rows, times, n, 2) of several games over the steps of the generator."""
    figure, axes = plt.subplots(len(clouds), len(steps), figsize=(9.2, 1.9 * len(clouds) + 0.3), sharex=True,
                                sharey=True)  # fmt: skip
    reach = 1.35 * np.abs(centers).max()
    for i, (row, name) in enumerate(zip(clouds, names, strict=True)):
        for j, (cloud, step) in enumerate(zip(row, steps, strict=True)):
            ax = axes[i, j]
            ax.plot(*np.transpose(centers), "o", color="none", markeredgecolor=COLORS["noise"], markersize=9)
            ax.plot(*np.transpose(cloud), ".", color=COLORS["wrong" if i == 0 else "model"], markersize=2.5)
            ax.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=[], yticks=[])
            ax.spines[:].set_color(COLORS["noise"])
            ax.spines[:].set_visible(True)
            if i == 0:
                ax.set_title(f"step {step}", fontsize=10.5)
        axes[i, 0].set_ylabel(name, fontsize=10)
    return figure


def good_share_and_seconds(names, seconds, good, modes, *, n_modes):
    """One row per game: share of good samples, and CPU seconds; each (games, seeds). Cross: modes missing."""
    size = (9.2, 0.36 * len(names) + 1.5)
    figure, (left, right) = plt.subplots(1, 2, figsize=size, sharey=True, width_ratios=[1.4, 1])
    rows = np.arange(len(names))[:, None] + np.zeros_like(good)
    whole = modes == n_modes
    left.plot(good[whole], rows[whole], "o", color=COLORS["model"], markersize=6.5, alpha=0.85)
    left.plot(good[~whole], rows[~whole], "x", color=COLORS["wrong"], markersize=7, clip_on=False)
    right.plot(seconds.T, rows.T, "o", color=COLORS["noise"], markersize=6)
    left.set(xlim=(-0.03, 1), xlabel="share of good samples (red cross: modes are missing)")
    left.set(title="unrolling the value finds all modes, and so do cheaper controls")
    right.set(xlim=(0, None), xlabel="CPU seconds of the run")
    left.set_yticks(rows[:, 0], names)
    left.invert_yaxis()
    return figure


def curvatures(r, curves, names):
    """F'' (2, n) over the ratio r (n,) = p_model / p_data, of the value and of the generator's step."""
    figure, ax = plt.subplots(figsize=(8.4, 3.8))
    for curve, name, color, place in zip(
        curves, names, ("model", "wrong"), ((0.42, 0.5), (0.75, 0.2)), strict=True
    ):
        ax.plot(r, curve, color=COLORS[color])
        ax.text(*place, name, color=COLORS[color])
    ax.set(xlim=(0, r[-1]), ylim=(0, 1.05), xlabel="r = p_model / p_data", ylabel="curvature F''(r)")
    ax.set(title="near r = 0 the step hardly tells a missed place from a rare one")
    return figure


def lengths_of_codes(bins, draws, midpoints, arcs, *, title):
    """Histograms of |z| of fresh codes, of midpoints of straight lines, and of arcs."""
    figure, ax = plt.subplots(figsize=(8.4, 3.6))
    ax.hist(draws, bins, density=True, histtype="stepfilled", color=COLORS["noise"], alpha=0.6)
    for values, color in ((midpoints, "wrong"), (arcs, "latent")):
        ax.hist(values, bins, density=True, histtype="step", color=COLORS[color], linewidth=1.8)
    top = ax.get_ylim()[1]
    ax.text(np.median(midpoints) - 0.5, 0.72 * top, "midpoints\nof lines", color=COLORS["wrong"], ha="right")
    ax.text(bins[-1], 0.8 * top, "midpoints of arcs", color=COLORS["latent"], ha="right")
    ax.text(bins[-1], 0.66 * top, "grey: fresh codes", color=COLORS["data"], ha="right")
    ax.set(xlabel="length of the code |z|", ylabel="density", title=title)
    return figure


def wishes(columns, names, image_shape, *, width=9.2):
    """A table of images: one column for each name, grey (rows, pixels) in [0, 1] with NaN where unknown."""
    n_rows, n_columns = len(columns[0]), len(columns)
    size = (width, width / n_columns * n_rows + 0.45)
    figure, axes = plt.subplots(n_rows, n_columns, figsize=size, squeeze=False)
    style = {"cmap": grey_with_holes(), "vmin": 0, "vmax": 1, "interpolation": "nearest"}
    for j, (images, name) in enumerate(zip(columns, names, strict=True)):
        for ax, image in zip(axes[:, j], images, strict=True):
            ax.imshow(image.reshape(image_shape), **style)
            frame(ax)
        axes[0, j].set_title(name, fontsize=10, loc="center")
    return figure


def sums_of_codes(rows, names):
    """Coloured images (rows, columns, 3, h, w) in [0, 1]: what is added, taken off, and what comes out."""
    figure, axes = plt.subplots(len(rows), len(names), figsize=(9.2, 9.2 / len(names) * len(rows) + 0.45))
    for i, row in enumerate(rows):
        for ax, image in zip(axes[i], row, strict=True):
            ax.imshow(np.clip(np.moveaxis(image, 0, -1), 0, 1), interpolation="nearest")
            frame(ax)
    for ax, name in zip(axes[0], names, strict=True):
        ax.set_title(name, fontsize=10, loc="center")
    return figure


def frame(ax):
    """No ticks, and a thin grey frame on all four sides."""
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_color(COLORS["noise"])
    ax.spines[:].set_visible(True)


def grey_with_holes():
    """Grey scale, dark ink on white, in which NaN, an unknown pixel, is a pale blue."""
    return plt.get_cmap("gray_r").with_extremes(bad="#cfe0f2")
