"""Pictures of lecture 04: parts as images, falling objectives, ratings filled in, topics over chapters."""

import matplotlib.pyplot as plt
import numpy as np

from coursekit.plots import COLORS, line_label


def signed_and_positive(signed, positive, image_shape, *, titles, n_columns=16):
    """Components with signs (m, pixels), blue below zero and red above, over parts without (k, pixels)."""
    counts = [-(-len(images) // n_columns) for images in (signed, positive)]
    height, width = image_shape
    strip = 8.8 / n_columns * (height + 1) / (width + 1)  # inches that one row of images takes
    figure, axes = plt.subplots(2, 1, figsize=(9, sum(counts) * strip + 0.9), height_ratios=counts)
    _strip(axes[0], signed / np.abs(signed).max(axis=1, keepdims=True), image_shape, n_columns, signed=True)
    _strip(axes[1], _to_one(positive), image_shape, n_columns)
    for ax, title in zip(axes, titles, strict=True):
        ax.set_title(title)
    return figure


def parts_strip(parts, image_shape, *, title, n_columns=9):
    """Parts (k, pixels), each on its own grey scale."""
    height, width = image_shape
    n_rows = -(-len(parts) // n_columns)
    figure, ax = plt.subplots(figsize=(8.8, n_rows * 8.6 / n_columns * (height + 1) / (width + 1) + 0.4))
    _strip(ax, _to_one(parts), image_shape, n_columns)
    ax.set_title(title)
    return figure


def majoriser(w, objective, bound, here, there, values):
    """An objective along one factor and the curve above it that touches it at `here`; its minimum is `there`.

    w (m,), objective (m,), bound (m,); values: the objective at here and at there.
    """
    figure, ax = plt.subplots(figsize=(7.4, 3.8))
    ax.plot(w, objective, color=COLORS["model"])
    ax.plot(w, bound, color=COLORS["latent"])
    ax.plot([here, there], values, "o", color=COLORS["data"], zorder=3)
    top = 1.05 * max(objective[0], objective[-1])
    ax.set(xlim=(w[0], w[-1]), ylim=(0.9 * objective.min(), top), xlabel="one entry of W")
    ax.set(ylabel="objective", title="the bound touches here; where it is lowest, the objective is lower too")
    ax.annotate("now", (here, values[0]), (8, 6), textcoords="offset points", color=COLORS["data"])
    ax.annotate(
        "next", (there, values[1]), (0, -16), textcoords="offset points", color=COLORS["data"], ha="center"
    )
    line_label(ax, w[-1], objective[-1], "objective", COLORS["model"])
    high = int(np.argmax(bound <= top)) if bound[0] > top else 0
    line_label(ax, w[high], min(bound[high], top), "bound", COLORS["latent"], dx=8, dy=-6)
    return figure


def falling(curves, *, top, floor=None, floor_label="", title, ylabel):
    """Objectives over steps, up to `top`; curves: label -> (values (m,), colour), the highest first."""
    figure, ax = plt.subplots(figsize=(8, 3.8))
    longest = max(len(values) for values, _ in curves.values())
    lowest = min(values[-1] for values, _ in curves.values())
    for number, (label, (values, color)) in enumerate(curves.items(), start=1):
        ax.plot(values, color=COLORS[color])
        place = number * len(values) // 5  # one label behind the other, so that none covers its neighbour
        line_label(ax, place, values[place], label, COLORS[color], dy=9)
    if floor is not None:
        ax.axhline(floor, color=COLORS["data"], linestyle=":", linewidth=1.3)
        line_label(ax, longest // 2, floor, floor_label, COLORS["data"], dy=9)
        lowest = floor
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    ax.set(xlim=(0, longest - 1), ylim=(lowest - 0.08 * (top - lowest), top))
    ax.set(xlabel="step", ylabel=ylabel, title=title)
    return figure


def sum_of_parts(image, parts, amounts, image_shape, n_terms=5):
    """An image (pixels,) and how its largest terms, amount times part, build it up from left to right."""
    order = np.argsort(-amounts * parts.max(axis=1))[:n_terms]
    sums = np.cumsum(amounts[order, None] * parts[order], axis=0)
    terms = amounts[order, None] * parts[order]
    whole = amounts @ parts
    figure, axes = plt.subplots(2, n_terms + 2, figsize=(9, 2.9))
    top = [*terms, whole, image]
    below = [*sums, whole, image]
    names = [f"part {i + 1}" for i in order] + ["all parts", "image"]
    for column, name in enumerate(names):
        for row, pictures in enumerate((top, below)):
            ax = axes[row, column]
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
            if row == 0 and column >= n_terms:
                continue
            ax.imshow(pictures[column].reshape(image_shape), cmap="gray_r", vmin=0, vmax=image.max())
        axes[0 if column < n_terms else 1, column].set_title(name, fontsize=10.5)
    axes[0, 0].set_ylabel("term")
    axes[1, 0].set_ylabel("sum so far")
    return figure


def predicted_by_true(levels, curves, *, title):
    """Mean prediction for each true answer; curves: label -> (means (m,), colour); the diagonal dotted."""
    figure, ax = plt.subplots(figsize=(6.6, 3.9))
    ax.plot(levels, levels, ":", color=COLORS["data"], linewidth=1.3)
    line_label(ax, levels[-1], levels[-1], "perfect", COLORS["data"])
    for label, (means, color) in curves.items():
        ax.plot(levels, means, "o-", color=COLORS[color])
        line_label(ax, levels[-1], means[-1], label, COLORS[color])
    ax.set(xticks=levels, xlim=(levels[0] - 0.1, levels[-1] + 0.1), ylim=(-0.1, levels[-1] + 0.2))
    ax.set(xlabel="the hidden answer", ylabel="mean prediction", title=title)
    return figure


def error_by_rank(ranks, curves, levels, *, title, ylabel="held-out error (RMSE)", ylim=None):
    """Error by rank. curves: label -> (errors (m, splits), colour); levels: label -> (value, colour)."""
    figure, ax = plt.subplots(figsize=(8.2, 4.2))
    for label, (errors, color) in curves.items():
        errors = np.asarray(errors)
        ax.plot(ranks, errors.mean(axis=1), "o-", color=COLORS[color], markersize=4)
        ax.plot(ranks, errors, ".", color=COLORS[color], markersize=3)
        line_label(ax, ranks[-1], errors[-1].mean(), label, COLORS[color], dx=8)
    for label, (value, color) in levels.items():
        ax.axhline(value, color=COLORS[color], linestyle=":", linewidth=1.3)
        line_label(ax, ranks[-1], value, label, COLORS[color], dx=8)
    ax.set(xticks=ranks, xlabel="number of factors", ylabel=ylabel, title=title)
    ax.set_xlim(ranks[0] - 0.3, ranks[-1] + 0.3)
    if ylim is not None:
        ax.set_ylim(*ylim)
    return figure


def factor_words(components, words, *, n_words=6, title):
    """The words that each factor (k, p) holds most of, as bars relative to its largest entry."""
    n_factors = len(components)
    n_columns = 3
    n_rows = -(-n_factors // n_columns)
    figure, axes = plt.subplots(n_rows, n_columns, figsize=(9, 1.75 * n_rows + 0.4), squeeze=False)
    for ax in axes.flat[n_factors:]:
        ax.set_visible(False)
    for ax, component, number in zip(axes.flat, components, range(1, n_factors + 1), strict=False):
        best = np.argsort(-component)[:n_words]
        ax.barh(range(n_words), component[best] / component.max(), color=COLORS["latent"], height=0.7)
        ax.set(yticks=range(n_words), yticklabels=[words[j] for j in best], xlim=(0, 1), xticks=[])
        ax.invert_yaxis()
        ax.set_title(f"factor {number}", fontsize=10.5)
        ax.spines[["bottom", "left"]].set_visible(False)
        ax.tick_params(left=False)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11.5)
    return figure


def rank_and_person(ranks, trained, held_out, rank, words, answers, predicted, *, top):
    """Errors against the rank with one rank marked, and one person's hidden answers beside their predictions.

    ranks, trained, held_out (m,); words, answers, predicted: of the hidden words of one person.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4.2), width_ratios=[1, 1.15])
    left.plot(ranks, trained, color=COLORS["noise"])
    left.plot(ranks, held_out, color=COLORS["model"])
    here = list(ranks).index(rank)
    left.plot([rank] * 2, [trained[here], held_out[here]], "o", color=COLORS["latent"], zorder=3)
    left.set(
        xlim=(ranks[0] - 0.5, ranks[-1] + 0.5), ylim=(0, 1.15 * max(held_out)), xlabel="number of factors"
    )
    left.set(
        ylabel="error (RMSE)", title=f"{rank} factor{'s' if rank > 1 else ''}: held out {held_out[here]:.2f}"
    )
    middle = len(ranks) // 2
    line_label(left, ranks[middle], held_out[middle], "held out", COLORS["model"], dx=0, dy=12, ha="center")
    line_label(left, ranks[middle], trained[middle], "trained on", "#6b6b6b", dx=0, dy=-12, ha="center")
    rows = np.arange(len(words))
    for row, answer, guess in zip(rows, answers, predicted, strict=True):
        right.plot([answer, guess], [row, row], color=COLORS["wrong"], linewidth=0.9)
    right.plot(answers, rows, "o", color=COLORS["data"], markersize=5)
    right.plot(predicted, rows, "D", color=COLORS["model"], markersize=4.5)
    right.set(yticks=rows, yticklabels=words, xlim=(-0.2, top + 0.9), ylim=(len(words) - 0.4, -0.6))
    right.set(xticks=range(int(top) + 1), xlabel="dark: answer; blue: prediction")
    right.set_title("hidden answers of one person")
    return figure


def ratings_by_method(names, errors, *, title, xlabel):
    """Errors of methods as dots on one line each; errors (m, splits), the smallest mean marked."""
    errors = np.asarray(errors)
    figure, ax = plt.subplots(figsize=(8.2, 0.42 * len(names) + 1.1))
    best = int(errors.mean(axis=1).argmin())
    for row, values in enumerate(errors):
        color = COLORS["model"] if row == best else COLORS["data"]
        ax.plot(values, [row] * len(values), "o", color=color, markersize=4.5)
        ax.plot(values.mean(), row, "|", color=color, markersize=16, markeredgewidth=2)
    ax.set(yticks=range(len(names)), yticklabels=names, xlabel=xlabel, title=title)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.grid(axis="y", color="#dddddd", linewidth=0.6)
    ax.set_axisbelow(True)
    return figure


def topics_over_chapters(shares, starts, names, labels, *, title):
    """Shares of topics (k, chapters), dark where large; a novel begins at each of `starts`."""
    figure, ax = plt.subplots(figsize=(9, 0.34 * len(shares) + 1.6))
    ax.imshow(shares, aspect="auto", cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    ends = [*starts[1:], shares.shape[1]]
    for start in starts[1:]:
        ax.axvline(start - 0.5, color=COLORS["data"], linewidth=1)
    ax.set(yticks=range(len(labels)), yticklabels=labels, title=title)
    ax.set_xticks([])
    for number, (name, start, end) in enumerate(zip(names, starts, ends, strict=True)):
        # Every second name one line lower: short novels lie close together.
        place = {"xytext": (0, -6 - 15 * (number % 2)), "textcoords": "offset points", "fontsize": 9.6}
        ax.annotate(
            name, ((start + end) / 2, 0), xycoords=("data", "axes fraction"), ha="center", va="top", **place
        )
    ax.tick_params(left=False)
    return figure


def _to_one(parts):
    """Each part (k, pixels) divided by its largest entry."""
    return parts / np.maximum(parts.max(axis=1, keepdims=True), 1e-12)


def _strip(ax, images, image_shape, n_columns, *, signed=False):
    """Images (n, pixels) as framed tiles: from -1, blue, to 1, red, if signed, else from 0 to 1 in grey."""
    height, width = image_shape
    n_rows = -(-len(images) // n_columns)
    canvas = np.full((n_rows * (height + 1) - 1, n_columns * (width + 1) - 1), np.nan)
    for i, image in enumerate(images):
        top, left = (i // n_columns) * (height + 1), (i % n_columns) * (width + 1)
        canvas[top : top + height, left : left + width] = image.reshape(image_shape)
        frame = plt.Rectangle(
            (left - 0.5, top - 0.5), width, height, fill=False, edgecolor="#c8c8c8", linewidth=0.8
        )
        ax.add_patch(frame)
    ax.imshow(
        canvas,
        cmap="RdBu_r" if signed else "gray_r",
        vmin=-1 if signed else 0,
        vmax=1,
        interpolation="nearest",
    )
    ax.set(xticks=[], yticks=[], xlim=(-1, canvas.shape[1]), ylim=(canvas.shape[0], -1))
    ax.spines[:].set_visible(False)
