"""Pictures of lecture 10: a saddle, codes beside PCA, noise and its removal, tangents, holes."""

import matplotlib.pyplot as plt
import numpy as np

from coursekit.plots import COLORS, CYCLE, digits_strip, line_label


def saddle_landscape(paths, *, ax=None, title="zero loss on a hyperbola, a saddle in the middle"):
    """Contours of (1 - w1 w2)^2 on [-2.5, 2.5]^2 with paths (steps, 2) of gradient descent."""
    figure, ax = (ax.figure, ax) if ax is not None else plt.subplots(figsize=(6.6, 5.6))
    w = np.linspace(-2.5, 2.5, 201)
    loss = (1 - w[:, None] * w) ** 2
    levels = [0.02, 0.1, 0.3, 0.6, 1, 1.6, 2.5, 5, 10, 20, 40]
    ax.contour(w, w, loss, levels, colors=COLORS["noise"], linewidths=0.9)
    for side in (w[w > 0.39], w[w < -0.39]):
        ax.plot(side, 1 / side, color=COLORS["model"], linewidth=2.5)
    for path in paths:
        ax.plot(*path.T, color=COLORS["data"], linewidth=1.2)
        ax.plot(*path[0], "o", color=COLORS["data"], markersize=5)
        ax.plot(*path[-1], "o", color=COLORS["latent"], markersize=6, zorder=4)
    ax.plot(0, 0, "X", color=COLORS["wrong"], markersize=10, zorder=5)
    ax.annotate("saddle", (0, 0), (9, -16), textcoords="offset points", color=COLORS["wrong"])
    ax.text(1.02, 1.1, "$w_1 w_2 = 1$", color=COLORS["model"], fontsize=11)
    ax.set(xlim=(-2.5, 2.5), ylim=(-2.5, 2.5), aspect="equal", title=title)
    ax.set(xlabel="encoder weight $w_1$", ylabel="decoder weight $w_2$")
    return figure


def losses_and_floor(losses, floor, label):
    """Loss over the steps of several runs (runs, steps) and the value below which none can fall."""
    figure, ax = plt.subplots(figsize=(7.4, 3.6))
    steps = np.arange(1, np.shape(losses)[1] + 1)
    ax.axhline(floor, color=COLORS["data"], linestyle="--", linewidth=1.2)
    ax.plot(steps, np.transpose(losses), color=COLORS["model"], linewidth=1.4, alpha=0.8)
    ax.set(xscale="log", xlim=(1, steps[-1]), ylim=(0, None), xlabel="step", ylabel="squared error per row")
    ax.set(title="three random starts, one end")
    ax.annotate(label, (1.2, floor), (0, -13), textcoords="offset points", color=COLORS["data"])
    return figure


def same_plane_other_axes(scores, codes):
    """Principal scores (n, 2) beside the codes (n, 2) of a linear autoencoder; colour: the first score."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 4.2))
    titles = ("scores of PCA", "codes of the linear autoencoder")
    for ax, z, title in zip(axes, (scores, codes), titles, strict=True):
        ax.scatter(*z.T, c=scores[:, 0], cmap="cividis", s=26)
        ax.set(aspect="equal", title=title, xlabel="first number", ylabel="second number")
        ax.set_box_aspect(0.8)
        ax.set_adjustable("datalim")
    return figure


def gap_to_pca(scales, gaps):
    """How far a sigmoid encoder stays above PCA, against the size of its weights; both axes logarithmic."""
    figure, ax = plt.subplots(figsize=(7, 3.6))
    ax.loglog(scales, gaps, "o", color=COLORS["model"])
    ax.loglog(scales, gaps[-1] * (scales / scales[-1]) ** 4, color=COLORS["noise"], zorder=0)
    ax.set(xlabel="size of the encoder's weights", ylabel="squared error above PCA's")
    ax.set(title="a sigmoid encoder comes near PCA as its weights vanish")
    line_label(ax, scales[0], gaps[0], "grey: slope 4", COLORS["data"], dx=12, dy=-4)
    return figure


def errors_over_steps(curves, steps, *, levels, title):
    """Test error of networks over the steps of training, both axes logarithmic.

    curves: {label: (color, errors (seeds, len(steps)), shift of the label in points)}; NaN: not measured. A
    fourth entry: the steps of this curve, where they are not `steps`.
    levels: (value, label) of what needs no training, drawn as dashed lines.
    """
    figure, ax = plt.subplots(figsize=(9.2, 4.6))
    for value, label in levels:
        ax.axhline(value, color=COLORS["noise"], linestyle="--", linewidth=1.2, zorder=0)
        style = {"textcoords": "offset points", "color": COLORS["data"], "fontsize": 10, "ha": "right"}
        ax.annotate(label, (steps[-1] * 3.4, value), (-3, 3), **style)
    for label, (color, errors, dy, *own) in curves.items():
        places = own[0] if own else steps
        ax.plot(places, np.transpose(errors), "o-", color=color, linewidth=1.3, markersize=3, alpha=0.8)
        last = np.flatnonzero(np.isfinite(errors).all(axis=0))[-1]
        line_label(ax, places[last], np.mean(errors[:, last]), label, color, dx=6, dy=dy)
    ax.set(xscale="log", yscale="log", xlim=(steps[0], steps[-1] * 3.4), xticks=steps, xticklabels=steps)
    ax.set(yticks=[1, 2, 3, 5, 8, 12], yticklabels=[1, 2, 3, 5, 8, 12])
    ax.minorticks_off()
    ax.set(xlabel="steps of training", ylabel="squared error per unseen image", title=title)
    return figure


def two_code_maps(left, right, labels, titles):
    """Two pictures of the same images as points (n, 2), coloured by label, each label at its median."""
    figure, axes = plt.subplots(1, 2, figsize=(9.2, 4.7))
    for ax, z, title in zip(axes, (left, right), titles, strict=True):
        code_map(ax, z, labels)
        ax.set(title=title, xlabel="first number of the code")
    axes[0].set_ylabel("second number of the code")
    return figure


def code_map(ax, z, labels):
    """Draw codes z (n, 2) into ax, coloured by label."""
    for label in np.unique(labels):
        points, color = z[labels == label], CYCLE[int(label) % 10]
        ax.plot(*points.T, ".", color=color, alpha=0.55, markersize=4)
        badge = {"boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": color, "lw": 1.6}
        ax.text(*np.median(points, axis=0), str(label), fontsize=12, ha="center", va="center", bbox=badge)


def image_rows(rows, image_shape, *, value_range=(0, 1), title=""):
    """Rows of at most ten images: rows {label: images (n, pixels)}."""
    most = max(len(images) for images in rows.values())
    line = 7.6 / most * image_shape[0] / image_shape[1] + 0.06
    figure, axes = plt.subplots(len(rows), 1, figsize=(9.2, line * len(rows) + 0.4 * bool(title)))
    for ax, (label, images) in zip(np.atleast_1d(axes), rows.items(), strict=True):
        digits_strip(ax, images, image_shape, n_columns=len(images), value_range=value_range)
        ax.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=10.5)
    np.atleast_1d(axes)[0].set_title(title)
    return figure


def tangent_rows(rows, image_shape, *, title=""):
    """Images and directions: rows {label: (n, pixels)}; grey is 0, black more ink, white less."""
    figure, axes = plt.subplots(len(rows), 1, figsize=(9.2, 0.82 * len(rows) + 0.4 * bool(title)))
    for ax, (label, images) in zip(np.atleast_1d(axes), rows.items(), strict=True):
        most = np.abs(images).max()
        digits_strip(ax, images, image_shape, n_columns=len(images), value_range=(-most, most))
        ax.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=10.5)
    np.atleast_1d(axes)[0].set_title(title)
    return figure


def denoiser_field(points, places, moves, *, title, ax=None):
    """Data (n, 2) and, at each of the places (m, 2), an arrow along the denoiser's move (m, 2)."""
    figure, ax = (ax.figure, ax) if ax is not None else plt.subplots(figsize=(4.5, 4.1))
    ax.plot(*points.T, ".", color=COLORS["data"], markersize=3, alpha=0.6)
    options = {"angles": "xy", "scale_units": "xy", "scale": 2.5, "width": 0.004, "color": COLORS["model"]}
    ax.quiver(*places.T, *moves.T, **options)
    reach = np.stack([places.min(0) - 0.1, places.max(0) + 0.1])
    ax.set(xlim=reach[:, 0], ylim=reach[:, 1], aspect="equal", title=title, xlabel="$x_1$", ylabel="$x_2$")
    return figure


def spectra(curves):
    """Mean singular values of the encoder's Jacobian relative to the first; curves {label: (seeds, k)}."""
    figure, ax = plt.subplots(figsize=(7.4, 3.9))
    colors = (COLORS["data"], COLORS["model"])
    for (label, values), color in zip(curves.items(), colors, strict=True):
        numbers = np.arange(1, np.shape(values)[1] + 1)
        ax.plot(numbers, np.transpose(values), color=color, linewidth=1.3, alpha=0.8)
        middle = np.mean(values, axis=0)
        at = (14, middle[13]) if label == "plain" else (11, middle[10])
        place = {"dx": 8, "dy": 10} if label == "plain" else {"dx": -8, "dy": -10, "ha": "right"}
        line_label(ax, *at, label, color, **place)
    ax.set(xlim=(1, numbers[-1]), ylim=(0, 1.05), xlabel="direction of the code, strongest first")
    ax.set(ylabel="singular value / largest", xticks=[1, 6, 12, 18, 24])
    ax.set(title="tied weights: beside the strongest direction, the penalty weakens nearly all others")
    return figure


def tangents_on_roll(x, position, points, planes):
    """A swiss roll x (n, 3) from above, coloured by position, and tangent planes (m, 2, 3) edge on."""
    figure, ax = plt.subplots(figsize=(6.4, 5))
    ax.scatter(x[:, 0], x[:, 2], c=position, cmap="cividis", s=5, alpha=0.5)
    for point, plane in zip(points, planes, strict=True):
        # Seen from above a plane that holds the height direction is a line: its trace on the ground.
        direction = np.linalg.svd(plane[:, [0, 2]])[2][0]
        ends = point[[0, 2]] + 0.36 * np.outer([-1, 1], direction)
        ax.plot(*ends.T, color=COLORS["latent"], linewidth=2.4)
    ax.set(aspect="equal", xlabel="$x_1$", ylabel="$x_3$")
    ax.set(title="tangent planes follow the sheet, roughly; colour: angle")
    return figure


def walk_through_codes(codes, labels, at, image, image_shape):
    """Map of the codes (n, 2) with a cross at `at`, and the image (pixels,) that the decoder makes there."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4.4), width_ratios=[1.35, 1])
    code_map(left, codes, labels)
    left.plot(*at, "P", color=COLORS["latent"], markersize=15, markeredgecolor="black", zorder=9)
    low, high = codes.min(0), codes.max(0)
    margin = 0.06 * (high - low)
    left.set(xlim=(low[0] - margin[0], high[0] + margin[0]), ylim=(low[1] - margin[1], high[1] + margin[1]))
    left.set(xlabel="$z_1$", ylabel="$z_2$", title="the cross on the map of codes ...")
    digits_strip(right, image[None], image_shape, n_columns=1, value_range=(0, 1), title="... and its image")
    return figure
