"""Pictures of lecture 16: stretched lines and squares, the cascade, the bridge, grey levels, digits."""

import matplotlib.pyplot as plt
import numpy as np

from coursekit.plots import COLORS, digits_strip, line_label


def stretched_line(x, z, density, *, samples=None, title=""):
    """A map z(x), the normal noise to its left, the density below that the map gives; arrays (m,)."""
    figure = plt.figure(figsize=(8, 5.2))
    parts = figure.add_gridspec(2, 2, width_ratios=[1, 4], height_ratios=[2.1, 1])
    main, left, below = (figure.add_subplot(parts[i, j]) for i, j in ((0, 1), (0, 0), (1, 1)))
    noise = np.linspace(-3.5, 3.5, 301)
    left.fill_betweenx(noise, np.exp(-(noise**2) / 2), color=COLORS["latent"], alpha=0.55, linewidth=0)
    left.set(ylim=(-3.5, 3.5), xlim=(1.1, 0), xticks=[], ylabel="noise z", title="$\\mathcal{N}(0,1)$")
    left.spines[["left", "bottom"]].set_visible(False)
    # The deciles of the standard normal: between two neighbours lies a tenth of the mass, on both axes.
    for decile in (-1.2816, -0.8416, -0.5244, -0.2533, 0.0, 0.2533, 0.5244, 0.8416, 1.2816):
        at = np.interp(decile, z, x)
        main.plot([x[0], at, at], [decile, decile, -3.5], color=COLORS["noise"], linewidth=1)
        left.axhline(decile, color="white", linewidth=1)
        below.axvline(at, color=COLORS["noise"], linewidth=1)
    main.plot(x, z, color=COLORS["model"])
    main.set(xlim=(x[0], x[-1]), ylim=(-3.5, 3.5), title=title, xticklabels=[], yticklabels=[])
    if samples is not None:
        below.hist(samples, bins=80, range=(x[0], x[-1]), density=True, color=COLORS["data"], alpha=0.35)
    below.plot(x, density, color=COLORS["model"])
    below.set(xlim=(x[0], x[-1]), ylim=(0, None), yticks=[], xlabel="data x", ylabel="density of x")
    return figure


def two_terms(scales, pull, spread):
    """Mean loss of z = a x split in its two terms, against the factor a."""
    figure, ax = plt.subplots(figsize=(7.6, 3.8))
    total, a = pull + spread, scales
    ax.plot(a, pull, color=COLORS["latent"])
    ax.plot(a, spread, color=COLORS["wrong"])
    ax.plot(a, total, color=COLORS["model"], linewidth=2.5)
    best = total.argmin()
    ax.plot(a[best], total[best], "o", color=COLORS["model"], markersize=8)
    high = int(np.searchsorted(pull, 2.6))
    line_label(ax, a[high], pull[high], "pull: $z^2/2$", COLORS["latent"], dx=10, dy=-6)
    line_label(ax, a[-1], spread[-1], "do not collapse:\n$-\\log|a|$", COLORS["wrong"])
    line_label(ax, a[best], total[best], "sum", COLORS["model"], dx=0, dy=14, ha="center")
    ax.set(xlim=(0, a[-1]), ylim=(-1, 4), xlabel="factor a of the map z = a x", ylabel="nats per example")
    ax.set_title("neither term has a minimum worth having; their sum has one")
    return figure


def cells_and_images(panels):
    """Outlines of cells on shared axes; panels: dict from a title to cells (k, m, 2), undistorted first."""
    panels = {title: np.asarray(cells) for title, cells in panels.items()}
    figure, axes = plt.subplots(1, len(panels), figsize=(9.2, 3.3), sharex=True, sharey=True)
    every = np.concatenate([cells.reshape(-1, 2) for cells in panels.values()])
    low, high = every.min(axis=0) - 0.15, every.max(axis=0) + 0.15
    colors = ["data"] + ["model"] * (len(panels) - 1)
    for ax, (title, cells), color in zip(axes, panels.items(), colors, strict=True):
        for cell in cells:
            ax.fill(*cell.T, color=COLORS[color], alpha=0.25, linewidth=0)
            ax.plot(*np.vstack([cell, cell[:1]]).T, color=COLORS[color], linewidth=1.1)
        ax.set(aspect="equal", xlabel="first coordinate", title=title)
    axes[0].set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), ylabel="second coordinate")
    return figure


def jacobians(panels):
    """Jacobian matrices as pictures on one scale, zeros white; panels: list of (title, matrix)."""
    figure, axes = plt.subplots(1, len(panels), figsize=(9.2, 3.8))
    reach = max(np.abs(matrix).max() for _, matrix in panels) ** 0.5
    for ax, (title, matrix) in zip(axes, panels, strict=True):
        # Roots: one large entry would hide that the others are not zero.
        shade = np.sign(matrix) * np.sqrt(np.abs(matrix))
        ax.imshow(shade, cmap="RdBu_r", vmin=-reach, vmax=reach)
        ax.set(title=title, xticks=[], yticks=[], xlabel="input $x_j$")
    axes[0].set_ylabel("output $z_i$")
    figure.suptitle("shade: $\\partial z_i / \\partial x_j$ on a root scale (white: zero)")
    return figure


def density_panels(panels, extent):
    """Densities (m, m) over the plane on one logarithmic scale; panels: list of (title, density)."""
    figure, axes = plt.subplots(1, len(panels), figsize=(9.2, 2.9), sharex=True, sharey=True)
    top = max(density.max() for _, density in panels)
    for ax, (title, density) in zip(axes, panels, strict=True):
        shade = np.log10(np.maximum(density, 1e-4 * top))
        ax.imshow(
            shade, origin="lower", extent=extent, cmap="Greys", vmin=np.log10(top) - 4, vmax=np.log10(top)
        )
        ax.set(title=title, xlabel="$x_1$", aspect="equal")
    axes[0].set_ylabel("$x_2$")
    return figure


def cascade(stages, titles, reach):
    """Clouds (n, 2) after more and more stages, on the same axes, coloured by the angle of the first."""
    stages = [np.asarray(points) for points in stages]
    hue = np.arctan2(stages[0][:, 1], stages[0][:, 0])
    figure, axes = plt.subplots(1, len(stages), figsize=(9.2, 2.5), sharex=True, sharey=True)
    for ax, points, title in zip(axes, stages, titles, strict=True):
        ax.scatter(*points.T, c=hue, s=2, cmap="twilight", linewidths=0)
        ax.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", title=title)
    return figure


def grid_stage(lines, points, reach, title):
    """Lines (k, m, 2) of a grid and a cloud (n, 2) after some layers."""
    figure, ax = plt.subplots(figsize=(4.5, 3.7))
    for line in lines:
        ax.plot(*line.T, color=COLORS["latent"], linewidth=0.9)
    ax.plot(*points.T, ".", color=COLORS["model"], markersize=2.5)
    ax.set(xlim=(-reach, reach), ylim=(-0.8 * reach, 0.8 * reach), aspect="equal", title=title)
    return figure


def bridge(density, extent, path, along, truth, model):
    """Model density with the curve made of straight lines of noise; log densities along it (m,)."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.2, 3.6), width_ratios=[1.1, 1])
    top = np.log10(density.max())
    shade = np.log10(np.maximum(density, 10 ** (top - 5)))
    left.imshow(shade, origin="lower", extent=extent, cmap="Greys", vmin=top - 5, vmax=top)
    left.plot(*path.T, color=COLORS["wrong"])
    left.plot(*path[[0, -1]].T, "o", color=COLORS["wrong"])
    left.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal", title="a walk from moon to moon")
    right.plot(along, truth, color=COLORS["data"], linestyle="--")
    right.plot(along, model, color=COLORS["model"])
    low, floor = truth.argmin(), truth.min()
    side = {"dx": -8, "ha": "right"} if along[low] > 0.5 else {"dx": 8}
    line_label(right, along[low], 0.85 * floor, "true", COLORS["data"], **side)
    early = len(along) // 20  # where the two are still alike
    line_label(right, along[early], model[early], "model", COLORS["model"], dy=-11)
    right.set(xlabel="share of the walk", ylabel="log density (nats)", xlim=(0, 1), ylim=(1.08 * floor, 4))
    right.set_title("the truth drops far, the model little")
    return figure


def pixel_histograms(panels):
    """One pixel's values on three scales; panels: list of (title, values, bins, axis label, colour name)."""
    figure, axes = plt.subplots(1, len(panels), figsize=(9.2, 2.8))
    for ax, (title, values, bins, label, color) in zip(axes, panels, strict=True):
        ax.hist(values, bins=bins, color=COLORS[color])
        ax.set(title=title, xlabel=label)
    axes[0].set_ylabel("number of images")
    return figure


def strips(rows, image_shape, *, value_range=(0, 16)):
    """Rows of images, the label to the left; rows: list of (label, images (n, pixels))."""
    figure, axes = plt.subplots(len(rows), 1, figsize=(8.8, 1.0 * len(rows)), squeeze=False)
    for ax, (label, images) in zip(axes[:, 0], rows, strict=True):
        digits_strip(ax, images, image_shape, n_columns=len(images), value_range=value_range)
        ax.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=10.5)
    return figure


def train_and_test(steps, panels):
    """Bits per dimension over training, one line per seed; panels: (title, train, test), each (seeds, m)."""
    figure, axes = plt.subplots(1, len(panels), figsize=(9.2, 3.5), sharex=True, sharey=True)
    for ax, (title, train, test) in zip(axes, panels, strict=True):
        for name, runs, color in (("train", train, COLORS["model"]), ("test", test, COLORS["wrong"])):
            for run in runs:
                ax.plot(steps, run, color=color, linewidth=1.2)
            line_label(ax, steps[-1], np.mean([run[-1] for run in runs]), name, color)
        lowest = np.mean(test, axis=0)
        ax.plot(steps[lowest.argmin()], lowest.min(), "o", color=COLORS["wrong"], markersize=6)
        ax.set(title=title, xlabel="training step", xlim=(0, steps[-1]))
    axes[0].set_ylabel("bits per dimension")
    return figure
