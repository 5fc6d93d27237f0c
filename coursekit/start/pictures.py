"""Pictures of notebook 00: kinds of learning, the family tree, two directions of a divergence."""

import matplotlib.pyplot as plt
import numpy as np

from coursekit.plots import COLORS, CYCLE, line_label


def kinds_of_learning(points, classes):
    """Three panels from the same points (n, 2): with classes given, with a reward to find, with nothing."""
    figure, axes = plt.subplots(1, 3, figsize=(9.2, 3.3), sharex=True, sharey=True)
    titles = [
        "supervised: an answer for each",
        "reinforcement: only a reward",
        "unsupervised: the points",
    ]
    for ax, title in zip(axes, titles, strict=True):
        ax.set(xticks=[], yticks=[], aspect="equal", xlim=(-4, 4), ylim=(-3.4, 3.4))
        ax.set_title(title, fontsize=10.5)
    for k, color in enumerate(CYCLE[:2]):
        axes[0].plot(*points[classes == k].T, "os"[k], color=color, markersize=4.5)
        axes[0].text(
            *(points[classes == k].mean(axis=0) + [0, 1.9 * (-1) ** k]), "AB"[k], color=color, fontsize=15
        )
    path = np.array(
        [[-3.4, -2.8], [-2.4, -1.2], [-2.6, 0.6], [-0.8, 0.4], [0.6, -0.7], [1.3, 0.9], [2.6, 1.5]]
    )
    for failed in ([[-2.4, 0.8], [-3, 2.4]], [[-1.2, -2.2], [1, -2.6], [2.4, -1.6]]):
        tried = np.array([path[0], *failed])
        axes[1].plot(*tried.T, "-o", color=COLORS["noise"], markersize=4)
        axes[1].text(*(tried[-1] + [0.2, 0.1]), "0", color=COLORS["data"], fontsize=12)
    axes[1].plot(*path.T, "-o", color=COLORS["model"], markersize=5)
    axes[1].plot(*path[-1], "*", color=COLORS["latent"], markersize=18)
    axes[1].annotate(
        "reward 1", path[-1], (-6, 12), textcoords="offset points", color=COLORS["latent"], ha="center"
    )
    axes[1].annotate("start", path[0], (4, -15), textcoords="offset points", color=COLORS["model"])
    axes[2].plot(*points.T, "o", color=COLORS["data"], markersize=4.5)
    return figure


def family_tree(tree, *, width=9.2, row=0.46):
    """A taxonomy drawn from left to right. tree: (name, [subtrees]) with a leaf written as a string."""
    figure, ax = plt.subplots(figsize=(width, row * _leaves(tree) + 0.3))
    columns = [0.0, 0.21, 0.45, 0.66]
    _branch(ax, tree, 0, _leaves(tree), 0, columns)
    ax.set(xlim=(-0.01, 1.03), ylim=(0, _leaves(tree)))
    ax.axis("off")
    return figure


def _leaves(tree):
    return 1 if isinstance(tree, str) else sum(_leaves(child) for child in tree[1])


def _branch(ax, tree, depth, top, bottom, columns):
    """Draw a subtree between two heights; returns the height of its own name."""
    middle = (top + bottom) / 2
    if isinstance(tree, str):
        ax.text(columns[3], middle, tree, va="center", fontsize=10.5, color=COLORS["data"])
        return middle
    name, children = tree
    frame = {"boxstyle": "round,pad=0.35", "facecolor": "white", "edgecolor": COLORS["model"], "lw": 1.4}
    for child in children:
        low = top - _leaves(child)
        height = _branch(ax, child, depth + 1, top, low, columns)
        end = columns[3] - 0.01 if isinstance(child, str) else columns[depth + 1]
        bend = (columns[min(depth + 1, 3)] if not isinstance(child, str) else columns[3]) - 0.035
        ax.plot(
            [columns[depth], bend, bend, end],
            [middle, middle, height, height],
            color=COLORS["noise"],
            zorder=0,
        )
        top = low
    ax.text(columns[depth], middle, name, va="center", fontsize=10.5, color=COLORS["model"], bbox=frame)
    return middle


def two_directions(x, p, forward, reverse):
    """A density p on a grid x and the Gaussians that are nearest in the two directions of the divergence."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.5), sharex=True, sharey=True)
    titles = ["KL(p || q) small: q covers all of p", "KL(q || p) small: q settles on one bump"]
    for ax, q, title in zip(axes, (forward, reverse), titles, strict=True):
        ax.fill_between(x, p, color=COLORS["noise"], alpha=0.7, linewidth=0)
        ax.plot(x, q, color=COLORS["model"])
        ax.set(title=title, xlabel="x", xlim=(-6, 6), ylim=(0, 1.15 * max(forward.max(), reverse.max())))
        top = np.argmax(q)
        line_label(ax, x[top], q[top], "q", COLORS["model"], dx=0, dy=9, ha="center", fontsize=12)
        ax.annotate("p", (-2.0, 0.1), color=COLORS["data"], ha="center", fontsize=12)
    axes[0].set_ylabel("density")
    return figure


def gaussian_against(x, p, q, values):
    """Density p and a Gaussian q on a grid x, with both divergences as bars; values: (KL(p||q), KL(q||p))."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), width_ratios=[2, 1])
    left.fill_between(x, p, color=COLORS["noise"], alpha=0.7, linewidth=0)
    left.plot(x, q, color=COLORS["model"])
    left.set(
        xlim=(-6, 6), ylim=(0, 0.75), xlabel="x", ylabel="density", title="grey: p, blue: your Gaussian q"
    )
    bars = right.barh([1, 0], np.minimum(values, 6), color=[COLORS["model"], COLORS["latent"]], height=0.55)
    for bar, value in zip(bars, values, strict=True):
        right.text(min(value, 6) + 0.12, bar.get_y() + 0.275, f"{value:.2f}", va="center")
    right.set(
        xlim=(0, 7.6), yticks=[1, 0], yticklabels=["KL(p || q)", "KL(q || p)"], xlabel="nats (bars end at 6)"
    )
    return figure


def jensen(x):
    """The logarithm between two points x (2,): the chord lies below the curve."""
    figure, ax = plt.subplots(figsize=(6.4, 3.4))
    grid = np.linspace(0.1, 4.2, 200)
    ax.plot(grid, np.log(grid), color=COLORS["model"])
    ax.plot(x, np.log(x), "o-", color=COLORS["latent"])
    middle = np.mean(x)
    ax.plot([middle] * 2, [np.mean(np.log(x)), np.log(middle)], color=COLORS["wrong"])
    ax.plot([middle] * 2, [np.mean(np.log(x)), np.log(middle)], "o", color=COLORS["wrong"])
    line_label(ax, middle, np.log(middle), "log of the mean", COLORS["wrong"], dx=-4, dy=10, ha="right")
    line_label(ax, middle, np.mean(np.log(x)), "mean of the logs", COLORS["wrong"], dx=8, dy=-8)
    line_label(ax, grid[-1], np.log(grid[-1]), "log x", COLORS["model"])
    ax.set(xlabel="x", xlim=(0, 4.2), ylim=(-2.4, 1.7), title="a bent curve lies above its chords")
    return figure
