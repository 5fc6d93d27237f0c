"""Pictures of lecture 06: what a pixel sees, masks, conditionals, bins, reveals, samples."""

import matplotlib.pyplot as plt
import numpy as np

from coursekit.plots import COLORS, digits_strip, line_label


def _colour(name):
    return np.array(plt.matplotlib.colors.to_rgb(COLORS[name]))


def _grid(ax, colours):
    """Cells (height, width, 3) with thin lines between them, no ticks."""
    height, width = colours.shape[:2]
    ax.imshow(colours, interpolation="nearest")
    ax.set_xticks(np.arange(width + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(height + 1) - 0.5, minor=True)
    ax.grid(which="minor", color="#cccccc", linewidth=0.6)
    ax.tick_params(which="both", length=0, labelbottom=False, labelleft=False)


def _frame(ax, row, column):
    """An orange frame around one pixel."""
    ax.add_patch(plt.Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, ec=COLORS["latent"], lw=3))


def by_order(rows, title, *, xlabel):
    """One number per order of the pixels, for several models; rows: list of (name, values (m,), colour)."""
    figure, ax = plt.subplots(figsize=(7.6, 0.75 * len(rows) + 1.3))
    for y, (_, values, colour) in enumerate(rows):
        ax.plot(
            values, np.full(len(values), y), "|", color=COLORS[colour], markersize=16, markeredgewidth=1.6
        )
    ax.set_yticks(range(len(rows)), [name for name, *_ in rows])
    ax.set(ylim=(len(rows) - 0.4, -0.6), xlabel=xlabel, title=title)
    return figure


def matrices(panels):
    """Matrices of numbers from 0 up, zeros white; panels: list of (title, matrix, xlabel, ylabel)."""
    figure, axes = plt.subplots(1, len(panels), figsize=(9.2, 3.3))
    for ax, (title, matrix, xlabel, ylabel) in zip(np.atleast_1d(axes), panels, strict=True):
        matrix = np.asarray(matrix, dtype=float)
        # Roots: one large entry would hide that the others are not zero.
        square = matrix.shape[0] == matrix.shape[1]
        ax.imshow(np.sqrt(matrix), cmap="Greys", vmin=0, aspect="equal" if square else "auto")
        ax.set(title=title, xticks=[], yticks=[], xlabel=xlabel, ylabel=ylabel)
    return figure


def windows(panels):
    """Windows of a convolution; panels: list of (title, mask (k, k) of 0 and 1, marked cell or None)."""
    figure, axes = plt.subplots(1, len(panels), figsize=(2.5 * len(panels), 2.8))
    for ax, (title, mask, centre) in zip(np.atleast_1d(axes), panels, strict=True):
        mask = np.asarray(mask)
        colours = np.where(mask[..., None] > 0, 0.45 + 0.55 * _colour("model"), 1.0)
        _grid(ax, colours)
        for (row, column), one in np.ndenumerate(mask):
            ax.text(column, row, f"{one:.0f}", ha="center", va="center", fontsize=12)
        if centre is not None:
            _frame(ax, *centre)
        ax.set_title(title)
    return figure


def seen_colours(seen, row, column):
    """Colours (h, w, 3): seen blue, the pixel orange, unseen past red, future white."""
    height, width = seen.shape
    past = np.arange(height * width).reshape(height, width) < row * width + column
    colours = np.ones((height, width, 3))
    colours[past & seen] = 0.45 + 0.55 * _colour("model")
    colours[past & ~seen] = _colour("wrong")
    colours[row, column] = _colour("latent")
    return colours


def seen_panels(panels):
    """What a pixel sees; panels: list of (title, seen (h, w) bool, row, column)."""
    figure, axes = plt.subplots(1, len(panels), figsize=(9.2, 9.2 / len(panels) + 0.45))
    for ax, (title, seen, row, column) in zip(np.atleast_1d(axes), panels, strict=True):
        _grid(ax, seen_colours(seen, row, column))
        ax.set_title(title)
    return figure


def seen_one(seen, row, column, title):
    """One such panel, with its legend below; the frame of an explorer."""
    figure, ax = plt.subplots(figsize=(3.05, 3.5))
    _grid(ax, seen_colours(seen, row, column))
    ax.set_title(title)
    past = row * seen.shape[1] + column
    missed = past - int(seen.ravel()[:past].sum())
    ax.set_xlabel(f"red: {missed} of {past} earlier pixels unseen")
    return figure


def bars_at_pixel(rows, bar):
    """Loss at one pixel by model; rows: list of (name, values (n_seeds,), colour); bar: (value, its name)."""
    figure, ax = plt.subplots(figsize=(8.2, 0.55 * len(rows) + 1.3))
    for y, (_, values, colour) in enumerate(rows):
        ax.plot(values, np.full(len(values), y), "o", color=COLORS[colour], markersize=8, clip_on=False)
    ax.axvline(bar[0], color=COLORS["noise"], linewidth=1.2)
    ax.set_yticks(range(len(rows)), [name for name, *_ in rows])
    ax.text(bar[0] + 0.008, -0.75, bar[1], va="center", fontsize=10)
    ax.set(
        ylim=(len(rows) - 0.5, -1.1), xlim=(-0.02, 0.92), xlabel="nats paid for the copied pixel, three seeds"
    )
    ax.set_title("a copy in the blind spot cannot be learned")
    return figure


def rounded_logistic(level, density_at, density, mass, title):
    """The bell over the line and the mass of each level's bin; the outer bins keep the tails."""
    figure, ax = plt.subplots(figsize=(7.6, 3.5))
    ax.bar(level, mass, width=0.92, color=0.55 + 0.45 * _colour("model"), label="mass of a level")
    ax.plot(density_at, density, color=COLORS["latent"])
    peak = int(np.argmax(density))
    line_label(ax, density_at[peak], density[peak], "density", COLORS["latent"], dx=-62, dy=-8)
    ax.axvline(-0.5, color=COLORS["noise"], linewidth=1)
    ax.axvline(level[-1] + 0.5, color=COLORS["noise"], linewidth=1)
    ax.set(xlabel="grey level", ylabel="probability", title=title, ylim=(0, None))
    return figure


def far_out(distance, curves):
    """log P of a level against its distance from the mean; curves: list of (name, values, colour, dy)."""
    figure, ax = plt.subplots(figsize=(7.6, 3.5))
    for name, values, colour, dy in curves:
        style = "--" if colour == "wrong" else "-"
        ax.plot(distance, values, style, color=COLORS[colour], linewidth=2.2)
        last = np.flatnonzero(np.isfinite(values))[-1]
        line_label(ax, distance[last], values[last], name, COLORS[colour], dx=6, dy=dy)
    ax.set(xlabel="distance of the level from the mean", ylabel="log P (nats)")
    ax.set_title("far out the difference of two sigmoids is rounded to zero")
    ax.set_xlim(distance[0], distance[-1] * 1.3)
    return figure


def against_size(sizes, curves, *, ylabel, title, xlabel="number of training examples"):
    """Curves on two logarithmic axes; curves: list of (name, values (n_seeds, m), colour)."""
    figure, ax = plt.subplots(figsize=(7.6, 3.6))
    for name, values, colour in curves:
        ax.plot(sizes, np.transpose(values), color=COLORS[colour], linewidth=1.1)
        line_label(ax, sizes[-1], np.mean(values, axis=0)[-1], name, COLORS[colour])
    ax.set(xscale="log", yscale="log", xlabel=xlabel, ylabel=ylabel, title=title)
    ax.set_xticks(sizes, [str(size) for size in sizes])
    ax.minorticks_off()
    return figure


def dots(rows, *, xlabel, title, lines=()):
    """One row of dots per model; rows: list of (name, values, colour); lines: list of (x, name)."""
    figure, ax = plt.subplots(figsize=(8.6, 0.42 * len(rows) + 1.5))
    for y, (_, values, colour) in enumerate(rows):
        ax.plot(values, np.full(len(values), y), "o", color=COLORS[colour], markersize=7)
    for x, name in lines:
        ax.axvline(x, color=COLORS["noise"], linewidth=1)
        ax.text(x, -0.85, name, ha="center", va="center", fontsize=10)
    ax.set_yticks(range(len(rows)), [name for name, *_ in rows])
    ax.set(ylim=(len(rows) - 0.5, -1.25 if lines else -0.6), xlabel=xlabel, title=title)
    ax.grid(axis="y", color="#e5e5e5", linewidth=0.7)
    return figure


def strips(rows, image_shape, *, value_range=(0, 16)):
    """Rows of images, the label to the left; rows: list of (label, images (n, pixels))."""
    height = 8.2 / len(rows[0][1]) * image_shape[0] / image_shape[1]
    figure, axes = plt.subplots(len(rows), 1, figsize=(9.2, (height + 0.08) * len(rows)), squeeze=False)
    for ax, (label, images) in zip(axes[:, 0], rows, strict=True):
        digits_strip(ax, images, image_shape, n_columns=len(images), value_range=value_range)
        ax.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=10.5)
    return figure


def conditional(image, image_shape, n_known, probability):
    """An image known up to a pixel, and the distribution of the next one, level by level."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.2, 3.1), width_ratios=[1, 2])
    _picture(left, image, image_shape, np.arange(len(image)) < n_known)
    row, column = divmod(n_known, image_shape[1])
    _frame(left, row, column)
    left.set_title(f"{n_known} pixels are known")
    right.bar(np.arange(len(probability)), probability, color=COLORS["model"])
    right.bar(image[n_known], probability[int(image[n_known])], color=COLORS["latent"])
    right.set(xlabel="level of the next pixel (orange: what came)", ylabel="probability", ylim=(0, None))
    right.set_xticks(range(0, len(probability), 4))
    right.set_title("the distribution of the next one")
    return figure


def _picture(ax, image, image_shape, visible):
    """Grey levels where visible, a pale tint elsewhere."""
    grey = 1 - np.asarray(image, dtype=float).reshape(image_shape) / 16
    colours = np.repeat(grey[..., None], 3, axis=2)
    colours[~np.asarray(visible).reshape(image_shape)] = [0.99, 0.9, 0.8]
    ax.imshow(colours, interpolation="nearest", vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[])


def reveals(rows, image_shape):
    """Images while they are filled in; rows: list of (label, [(image, visible), ...])."""
    n_columns = max(len(stages) for _, stages in rows)
    size = (9.2, 9.2 / n_columns * len(rows) + 0.2)
    figure, axes = plt.subplots(len(rows), n_columns, figsize=size, squeeze=False)
    for line, (label, stages) in zip(axes, rows, strict=True):
        for ax in line:
            ax.axis("off")
        for ax, (image, visible) in zip(line, stages, strict=False):
            ax.axis("on")
            _picture(ax, image, image_shape, visible)
        line[0].set_ylabel(label, rotation=0, ha="right", va="center", fontsize=10.5)
    return figure


def sample_sheet(images, image_shape, title, *, n_columns=10):
    """A sheet of samples; the frame of an explorer."""
    figure, ax = plt.subplots(figsize=(7.6, 1.95))
    digits_strip(ax, images, image_shape, n_columns=n_columns, title=title)
    return figure


def parallel_cost(steps, curves, right, mean):
    """Left: nats lost against the number of steps. Right: the share of samples that are true patterns.

    curves: list of (name, values, colour, dy) for the left; right: the same for the right; mean: (name,
    values) of a thin line on the left, named in its second piece.
    """
    figure, axes = plt.subplots(1, 2, figsize=(9.2, 3.6), sharex=True)
    for ax, lines in zip(axes, (curves, right), strict=True):
        for name, values, colour, dy in lines:
            ax.plot(steps, values, "o-", color=COLORS[colour])
            line_label(ax, steps[-1], values[-1], name, COLORS[colour], dx=6, dy=dy)
        if ax is axes[0]:
            name, values = mean
            ax.plot(steps, values, color=COLORS["noise"], linewidth=1)
            middle = sum(steps[:2]) / 2, sum(values[:2]) / 2
            line_label(ax, *middle, name, COLORS["noise"], dx=8)
        ax.set(xlabel="number of steps", xlim=(0.7, steps[-1] * 1.42))
        ax.set_xticks(steps)
    axes[0].set(ylabel="KL(data || samples), nats", ylim=(0, None), title="what the distribution loses")
    axes[1].set(ylabel="share of samples", ylim=(0, 1.05), title="how many samples are bars or stripes")
    return figure


def schedule_bars(schedules):
    """Pixels revealed in each step; schedules: list of (title, counts)."""
    figure, axes = plt.subplots(1, len(schedules), figsize=(9.2, 2.6), sharey=True)
    for ax, (title, counts) in zip(axes, schedules, strict=True):
        ax.bar(np.arange(1, len(counts) + 1), counts, color=COLORS["model"])
        ax.set(title=title, xlabel="step")
    axes[0].set_ylabel("pixels revealed")
    return figure


def training_curves(steps, curves, *, ylabel, title):
    """Curves over training; curves: list of (name, values (m,), colour, dy)."""
    figure, ax = plt.subplots(figsize=(7.6, 3.4))
    for name, values, colour, dy in curves:
        ax.plot(steps, values, color=COLORS[colour])
        line_label(ax, steps[-1], values[-1], name, COLORS[colour], dy=dy)
    ax.set(xlabel="training step", ylabel=ylabel, title=title, xlim=(0, steps[-1]), ylim=(0, None))
    return figure
