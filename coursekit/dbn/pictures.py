"""Pictures of lecture 09: posteriors that are no products, depth, the bound in training, digits on demand."""

import matplotlib.pyplot as plt
import numpy as np

from coursekit.plots import COLORS, digits_strip, line_label


def two_causes(tables, titles, *, names=("truck", "earthquake")):
    """Joint probabilities (2, 2) of two causes, side by side; row: first cause, column: the second."""
    figure, axes = plt.subplots(1, len(tables), figsize=(9.2, 3.1), sharey=True)
    for ax, table, title in zip(axes, tables, titles, strict=True):
        ax.imshow(table, cmap="Blues", vmin=0, vmax=1.1, aspect="auto")
        for (i, j), value in np.ndenumerate(table):
            color = "white" if value > 0.6 else "black"
            ax.text(j, i, f"{value:.2f}", ha="center", va="center", color=color, fontsize=12)
        words = ["no", "yes"]
        ax.set(xticks=[0, 1], xticklabels=words, yticks=[0, 1], yticklabels=words, title=title)
        ax.set(xlabel=names[1])
        ax.spines[:].set_visible(False)
        ax.tick_params(length=0)
    axes[0].set_ylabel(names[0])
    return figure


def dependence(independent, complementary, total_chance=None):
    """How far the posterior of each picture is from a product, nats (states,), under two priors."""
    figure, ax = plt.subplots(figsize=(8.4, 3.5))
    order = np.argsort(-independent)
    places = np.arange(len(order))
    ax.bar(places, independent[order], color=COLORS["wrong"], width=0.8)
    ax.plot(places, complementary[order], "o", color=COLORS["model"], markersize=5, clip_on=False)
    ax.text(len(order) - 0.5, 0.62 * independent.max(), "bars: independent hidden units", ha="right",
            color=COLORS["wrong"])  # fmt: skip
    ax.text(len(order) - 0.5, 0.5 * independent.max(), "dots: the machine's own prior", ha="right",
            color=COLORS["model"])  # fmt: skip
    ax.set(xticks=[], xlabel="the pictures v, sorted", ylabel="total correlation (nats)")
    ax.set(title="with the right prior the hidden units no longer explain each other away")
    ax.set_xlim(-0.8, len(order) - 0.2)
    return figure


def depth(n_layers, distance, second_eigenvalue):
    """Total variation to the machine's p(v) over the number of tied layers, and the slope of lambda_2."""
    figure, ax = plt.subplots(figsize=(7.6, 3.6))
    n_layers = np.asarray(n_layers)
    # Twice as high as the curve's end: parallel, and both can be seen.
    slope = 2 * distance[-1] * second_eigenvalue ** (n_layers - n_layers[-1]).astype(float)
    ax.plot(n_layers, slope, color=COLORS["data"], linestyle=":", linewidth=1.4)
    ax.plot(n_layers, distance, "o-", color=COLORS["model"])
    line_label(ax, n_layers[2], slope[2], "slope of $\\lambda_2$", COLORS["data"], dx=10, dy=8)
    ax.set(yscale="log", xlabel="pairs of tied layers", ylabel="total variation")
    ax.set(title="a deep directed net with tied weights closes in on the machine")
    return figure


def graphs(kinds, titles):
    """Three layers of units, with the arrows of each kind: "rbm", "dbn", "sbn" (directed), "dbm"."""
    figure, axes = plt.subplots(1, len(kinds), figsize=(9.2, 3.3), sharex=True, sharey=True)
    layers = [(0.0, 5, "v", "data"), (1.0, 4, "$h_1$", "latent"), (2.0, 4, "$h_2$", "latent")]
    for ax, kind, title in zip(np.atleast_1d(axes), kinds, titles, strict=True):
        shown = layers[:2] if kind == "rbm" else layers
        places = [np.linspace(-1, 1, n) * 0.45 * (n - 1) / 2 for _, n, *_ in shown]
        for k in range(len(shown) - 1):
            undirected = kind in ("rbm", "dbm") or (kind == "dbn" and k == 1)
            for a in places[k]:
                for b in places[k + 1]:
                    style = "-" if undirected else "-|>"
                    color = COLORS["model"] if undirected else COLORS["noise"]
                    ends = (a, shown[k][0] + 0.13), (b, shown[k + 1][0] - 0.13)
                    arrow = {"arrowstyle": style, "color": color, "lw": 1, "shrinkA": 0, "shrinkB": 0}
                    ax.annotate("", ends[0], ends[1], arrowprops=arrow, zorder=0)
        for (height, n, name, color), x in zip(shown, places, strict=True):
            ax.plot(x, np.full(n, height), "o", color=COLORS[color], markersize=11)
            ax.text(1.12, height, name, color=COLORS[color], va="center", fontsize=12)
        ax.set(xlim=(-1.2, 1.5), ylim=(-0.35, 2.35), xticks=[], yticks=[], title=title)
        ax.spines[:].set_visible(False)
    return figure


def bound_in_training(steps, bound, log_p, start, *, title, label="bound"):
    """Bound and exact log p over the training of the second machine, both (steps,), and where both began."""
    figure, ax = plt.subplots(figsize=(8, 3.8))
    ax.axhline(start, color=COLORS["data"], linestyle=":", linewidth=1.2)
    for values, name, color, dy in ((log_p, "log p(v)", "model", 7), (bound, label, "latent", -7)):
        ax.plot(steps, values, color=COLORS[color])
        line_label(ax, steps[-1], values[-1], name, COLORS[color], dy=dy)
    ax.text(steps[-1], start, "one machine alone", color=COLORS["data"], ha="right", va="bottom")
    ax.set_ylim(start - 0.08 * (max(log_p) - start), None)
    ax.set(xlabel="update of the second machine", ylabel="nats per picture", title=title, xlim=(0, steps[-1]))
    return figure


def shares(exact, sampled, error, slip, names):
    """Probability of each state: exact bars, sampled dots with 3 standard errors, and crosses for a slip."""
    figure, ax = plt.subplots(figsize=(8.6, 3.6))
    places = np.arange(len(exact))
    ax.bar(places, exact, color=COLORS["model"], alpha=0.35, width=0.8, label="exact p(v)")
    dots = {"fmt": "o", "color": COLORS["data"], "markersize": 4, "capsize": 2}
    ax.errorbar(places, sampled, 3 * error, **dots, label="top chain, then one pass down")
    ax.plot(places, slip, "x", color=COLORS["wrong"], markersize=7, label="chain of the lowest machine")
    ax.set(xticks=places, xlabel="visible state", ylabel="probability", ylim=(0, None))
    ax.set_xticklabels(names, rotation=45, fontsize=9.6)
    ax.legend(loc="upper left")
    ax.set(title="the top chain draws from p(v), a chain of the lowest machine does not")
    return figure


def digit_rows(rows, image_shape, *, labels=None, n_columns=10, title="", size=0.9):
    """Rows of grey images in [0, 1], each (n, pixels), with a label before each row."""
    height = 9.2 / n_columns * size * len(rows)
    figure, axes = plt.subplots(len(rows), 1, figsize=(9.2 * size, height + 0.4), squeeze=False)
    for i, (ax, images) in enumerate(zip(axes.flat, rows, strict=True)):
        digits_strip(ax, images, image_shape, n_columns=n_columns, value_range=(0, 1))
        if labels is not None:
            ax.set_ylabel(labels[i], rotation=0, ha="right", va="center")
    axes[0, 0].set_title(title)
    return figure


def dots_by_method(groups, *, xlabel, title):
    """One row per method, a dot per seed; groups: list of (name, values, color name), best first or not."""
    figure, ax = plt.subplots(figsize=(8.4, 0.5 * len(groups) + 1.1))
    for place, (_, values, color) in enumerate(groups):
        ax.plot(values, np.full(len(values), place), "o", color=COLORS[color], markersize=7, alpha=0.8)
        ax.plot(np.mean(values), place, "|", color=COLORS[color], markersize=18)
    ax.set(yticks=range(len(groups)), ylim=(len(groups) - 0.5, -0.5), xlabel=xlabel, title=title)
    ax.set_yticklabels([name for name, *_ in groups])
    ax.set_xlim(0, None)
    ax.grid(axis="x", color="#e4e4e4", linewidth=0.8)
    return figure


def curves_by_seed(steps, groups, *, ylabel, title, xlabel="update", levels=()):
    """A line per seed over updates; groups: (name, color, curves (seeds, steps)); levels: (name, y)."""
    figure, ax = plt.subplots(figsize=(8, 3.8))
    for place, (name, color, curves) in enumerate(groups):
        ax.plot(steps, np.transpose(curves), color=COLORS[color], linewidth=1.3, alpha=0.8)
        # The first group's label above its line's end, the others below: the ends may be near each other.
        line_label(ax, steps[-1], np.mean(curves, 0)[-1], name, COLORS[color], dy=-7 if place else 7)
    for name, height in levels:
        ax.axhline(height, color=COLORS["data"], linestyle=":", linewidth=1.2)
        line_label(ax, steps[-1], height, name, COLORS["data"])
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title, xlim=(steps[0], steps[-1]))
    return figure


def three_distributions(probabilities, names, *, title):
    """Three distributions over the same states, each (states,), as steps in one picture."""
    figure, ax = plt.subplots(figsize=(8.6, 3.5))
    places = np.arange(len(probabilities[0]))
    marks = [("s", "noise"), ("o", "model"), ("^", "latent")]
    for k, (p, name, (mark, color)) in enumerate(zip(probabilities, names, marks, strict=True)):
        ax.vlines(places + 0.22 * (k - 1), 0, p, color=COLORS[color], linewidth=2)
        ax.plot(places + 0.22 * (k - 1), p, mark, color=COLORS[color], markersize=5, label=name)
    ax.set(xticks=places, xlabel="visible state", ylabel="probability", ylim=(0, None), title=title)
    ax.set_xticklabels([f"{i:0{int(np.log2(len(places)))}b}" for i in places], rotation=45, fontsize=9.6)
    ax.legend(loc="upper center", ncols=3)
    ax.set_ylim(0, 1.25 * max(p.max() for p in probabilities))
    return figure
