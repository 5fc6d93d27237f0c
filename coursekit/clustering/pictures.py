"""Pictures of lecture 02: K-means half step by half step, starts, dendrograms, how linkages differ."""

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import linear_sum_assignment

from coursekit.plots import COLORS, CYCLE, line_label

MARKERS = "osD^vP*"  # clusters differ in shape too, for those who do not see colours apart


def scatter(ax, x, labels=None, centers=None, *, title="", size=3.5):
    """Points x (n, 2) on an axis without numbers, coloured by labels (n,), -1 is grey; centres as crosses."""
    labels = np.full(len(x), -2) if labels is None else labels
    for k in np.unique(labels):
        color = COLORS["data"] if k == -2 else COLORS["noise"] if k == -1 else CYCLE[k % 7]
        mark = MARKERS[k % 7] if k >= 0 else "o"
        ax.plot(*x[labels == k].T, mark, color=color, markersize=size, alpha=0.85, markeredgewidth=0)
    for k, center in enumerate([] if centers is None else centers):
        style = {"markeredgecolor": "black", "markeredgewidth": 1.3, "zorder": 5}
        ax.plot(*center, MARKERS[k % 7], color=CYCLE[k % 7], markersize=11, **style)
    ax.set(aspect="equal", xticks=[], yticks=[], title=title)
    ax.spines[:].set(visible=True, color=COLORS["noise"])


def half_steps(x, history):
    """The six panels of textbook Figure 10.6: x (n, 2) and the `history_` of a run from random labels."""
    figure, axes = plt.subplots(2, 3, figsize=(9.2, 6), sharex=True, sharey=True)
    result = f"result, after {len(history)} half steps"
    titles = ("data", "random labels", "first centroids", "first reassignment", "second centroids", result)
    states = [{"labels": None, "centers": None}, *(history[i] for i in (0, 1, 2, 3, -1))]
    for ax, state, title in zip(axes.flat, states, titles, strict=True):
        scatter(ax, x, state["labels"], state["centers"], title=title)
    return figure


def half_step(x, history, step, top):
    """State `step` of a history and the objective up to there, on an axis from 0 to `top`."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.7), width_ratios=[1, 1.15])
    state, last = history[min(step, len(history) - 1)], len(history) - 1
    done = "random labels" if step == 0 else "moved the centres" if state["step"] == "centroids" else ""
    done = done or "gave each point its nearest centre"
    scatter(left, x, state["labels"], state["centers"])
    left.set_title(f"{step}: ended at half step {last}" if step > last else f"{step}: {done}")
    objectives = [past["objective"] for past in history]
    right.plot(objectives, "-", color=COLORS["noise"], linewidth=1.2)
    right.plot(objectives[: step + 1], "o-", color=COLORS["model"])
    right.axvline(step, color=COLORS["data"], linewidth=0.8)
    right.set(xlim=(-0.5, 20.5), ylim=(0, top), xticks=range(0, 21, 4), xlabel="half step")
    right.set(ylabel="objective", title="each half step goes down, or stays")
    return figure


def starts(x, models):
    """Six fitted K-means models in the plane, each with its objective; the lowest is framed."""
    figure, axes = plt.subplots(2, 3, figsize=(9.2, 6), sharex=True, sharey=True)
    best = min(model.inertia_ for model in models)
    for number, (ax, model) in enumerate(zip(axes.flat, models, strict=True)):
        scatter(ax, x, model.labels_, model.cluster_centers_)
        won = model.inertia_ == best
        ax.set_title(f"start {number}: {model.inertia_:.1f}" + "   (best)" * won)
        ax.title.set(color=COLORS["model"] if won else COLORS["data"], fontweight="bold" if won else "normal")
        ax.spines[:].set(color=COLORS["model" if won else "noise"], linewidth=2.5 if won else 1)
    return figure


def objectives_of_starts(named):
    """A strip of dots for each kind of start; named: name -> objectives (m,), 1 for the true grouping."""
    figure, ax = plt.subplots(figsize=(8.6, 3.2))
    for row, values in enumerate(named.values()):
        shift = 0.13 * np.sin(2.4 * np.arange(len(values)))
        ax.plot(values, row + shift, "o", color=COLORS["data"], markersize=5, alpha=0.45, markeredgewidth=0)
        ax.plot([values.mean()] * 2, [row - 0.28, row + 0.28], color=COLORS["model"], linewidth=3)
        line_label(ax, values.mean(), row - 0.4, f"mean {values.mean():.1f}", COLORS["model"], dx=0)
    ax.axvline(1, color=COLORS["data"], linestyle=":", linewidth=1.4)
    ax.set(yticks=range(len(named)), yticklabels=list(named), ylim=(len(named) - 0.5, -0.7), xlim=(0, None))
    ax.set(xlabel="objective at the end, that of the grouping as drawn being 1 (dotted)")
    ax.set_title("careful starts end lower: each dot is one data set")
    return figure


def choose_k(cases, numbers, objectives, silhouettes):
    """Columns: cases (name -> x); below each cloud its objective (share of K = 1) and its silhouette by K."""
    figure, axes = plt.subplots(3, len(cases), figsize=(9.2, 7.6), height_ratios=[1.5, 1, 1])
    for column, (name, x) in enumerate(cases.items()):
        scatter(axes[0, column], x, title=name, size=2.6)
        axes[0, column].set_aspect("equal", adjustable="datalim")  # three panels of one size
        axes[1, column].plot(numbers, objectives[name], "o-", color=COLORS["model"])
        axes[2, column].plot(numbers[1:], silhouettes[name][1:], "o-", color=COLORS["critic"])
        best = int(np.nanargmax(silhouettes[name]))
        axes[2, column].plot(numbers[best], silhouettes[name][best], "o", color=COLORS["wrong"], markersize=8)
        axes[1, column].set(ylim=(0, 1.08), xticks=numbers)
        axes[2, column].set(ylim=(0, 0.95), xticks=numbers, xlabel="K", xlim=axes[1, column].get_xlim())
        place = {"dx": 0, "dy": 12, "ha": "center"}
        line_label(axes[2, column], numbers[best], silhouettes[name][best], f"largest at {numbers[best]}",
                   COLORS["wrong"], **place)  # fmt: skip
    axes[1, 0].set_ylabel("objective, share")
    axes[2, 0].set_ylabel("mean silhouette")
    return figure


def leaf_order(Z):
    """The points from left to right, the first cluster of each merge on the left, as SciPy draws them."""
    n, stack, order = len(Z) + 1, [2 * len(Z)], []
    while stack:
        node = stack.pop()
        if node < n:
            order.append(node)
        else:
            stack += [int(Z[node - n, 1]), int(Z[node - n, 0])]
    return order


def dendrogram(ax, Z, labels=None, *, names=None, sideways=False, width=1.3):
    """A merge tree Z (n - 1, 4); links inside one cluster of labels (n,) take its colour.

    names: written at the leaves; sideways: the root at the left and the leaves at the right.
    """
    n, order = len(Z) + 1, leaf_order(Z)
    places, heights = dict(zip(order, np.arange(n), strict=True)), dict.fromkeys(order, 0.0)
    labels = np.full(n, -2) if labels is None else np.asarray(labels)
    owner = {i: {int(label) if label != -1 else -3 - i} for i, label in enumerate(labels)}
    for i, (a, b, height, _) in enumerate(Z):
        a, b, node = int(a), int(b), n + i
        owner[node] = owner[a] | owner[b]
        (only, *others) = owner[node]
        color = COLORS["data"] if others or only < 0 else CYCLE[only % 7]
        across, up = [places[a], places[a], places[b], places[b]], [heights[a], height, height, heights[b]]
        ax.plot(*((up, across) if sideways else (across, up)), color=color, linewidth=width)
        places[node], heights[node] = (places[a] + places[b]) / 2, height
    written = [] if names is None else [names[i] for i in order]
    ticks = range(n) if written else []
    if sideways:
        ax.set(ylim=(n - 0.5, -0.5), xlim=(1.03 * Z[:, 2].max(), 0), yticks=ticks, yticklabels=written)
        ax.yaxis.tick_right()
        ax.spines["left"].set_visible(False)
        ax.set_xlabel("height")
    else:
        ax.set(xlim=(-0.8, n - 0.2), ylim=(0, 1.05 * Z[:, 2].max()), xticks=ticks, xticklabels=written)
        ax.set_ylabel("height")
    ax.tick_params(axis="y" if sideways else "x", length=0)


def numbered_points(x, trees):
    """A few points x (n, 2) with their numbers, and their trees, title -> Z, each on a scale of its own."""
    beside = len(trees) == 1
    layout = [["points", *trees]] if beside else [["points"] * len(trees), list(trees)]
    figure, axes = plt.subplot_mosaic(layout, figsize=(9, 3.9) if beside else (9, 5.4))
    scatter(axes["points"], x, size=5)
    for number, point in enumerate(x):  # on the side away from the nearest neighbour
        gaps = point - np.delete(x, number, axis=0)
        right, up = gaps[(gaps**2).sum(axis=1).argmin()] >= 0
        place = {"ha": "left" if right else "right", "va": "bottom" if up else "top", "fontsize": 10.5}
        offset = (4 if right else -4, 2 if up else -2)
        axes["points"].annotate(str(number), point, offset, textcoords="offset points", **place)
    axes["points"].margins(0.12, 0.2)
    for title, Z in trees.items():
        dendrogram(axes[title], Z, names=[str(i) for i in range(len(x))])
        axes[title].set_title(title)
        axes[title].tick_params(axis="x", labelsize=9.6, rotation=0 if beside else 90)
    return figure


def cut_tree(x, Z, labels, height):
    """A tree with a cut at `height` and the points x (n, 2) in the colours of the clusters below the cut."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.7), width_ratios=[1.25, 1])
    dendrogram(left, Z, labels)
    left.axhline(height, color=COLORS["wrong"], linestyle="--", linewidth=1.5)
    crossed = 1 + int((Z[:, 2] > height).sum())
    left.set_title(f"the cut at {height:.2f} leaves {crossed} cluster{'s' * (crossed > 1)}")
    scatter(right, x, labels, size=4.5, title="points alone are grey")
    return figure


def linkages(x, trees):
    """Columns: trees, name -> (Z, labels): the points in the colours of a cut above the tree itself.

    Groups that share most points have one colour throughout; a merge below its child is a red dot.
    """
    figure, axes = plt.subplots(2, len(trees), figsize=(9.2, 5))
    reference = list(trees.values())[-1][1]
    for column, (name, (Z, labels)) in enumerate(trees.items()):
        labels = _like(reference, labels)
        scatter(axes[0, column], x, labels, title=name, size=3.2)
        dendrogram(axes[1, column], Z, labels, width=1)
        axes[1, column].set_ylabel("height" if column == 0 else "")
        _mark_inversions(axes[1, column], Z)
    return figure


def _like(reference, labels):
    """The same groups with the numbers of those in `reference` (n,) that share most points with them."""
    size = max(reference.max(), labels.max()) + 1
    shared = np.zeros((size, size))
    np.add.at(shared, (labels, reference), 1)
    rows, columns = linear_sum_assignment(-shared)
    return columns[np.argsort(rows)][labels]


def _mark_inversions(ax, Z):
    """A red dot at every merge that is lower than one of the clusters it joins."""
    n, places = len(Z) + 1, {leaf: float(i) for i, leaf in enumerate(leaf_order(Z))}
    for i, (a, b, height, _) in enumerate(Z):
        places[n + i] = (places[a] + places[b]) / 2
        if any(child >= n and Z[int(child) - n, 2] > height for child in (a, b)):
            ax.plot(places[n + i], height, "o", color=COLORS["wrong"], markersize=4, zorder=3)


def inversion(x, Z):
    """Three points, the middle of the first pair, and the tree whose second merge is the lower one."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.5))
    scatter(left, x, size=8)
    middle = x[Z[0, :2].astype(int)].mean(axis=0)
    tip = x[int(Z[1, 0])]
    left.plot(*x[:2].T, color=COLORS["data"], linewidth=1.2)
    left.plot(*np.array([middle, tip]).T, color=COLORS["wrong"])
    left.plot(*middle, "+", color=COLORS["wrong"], markersize=12)
    line_label(
        left, middle[0], middle[1], f"first merge: {Z[0, 2]:.1f}", COLORS["data"], dx=0, dy=-12, ha="center"
    )
    line_label(left, *(0.5 * (middle + tip)), f"second\nmerge: {Z[1, 2]:.1f}", COLORS["wrong"], dx=7)
    left.margins(0.25)
    dendrogram(right, Z, names=["0", "1", "2"], width=2)
    right.set(ylim=(0, 1.2), title="the parent lies below its child")
    return figure


def chain(x, tree_edges, trees):
    """Rows: trees, name -> (Z, labels); points x (n, 2), first with the tree's edges (m, 2)."""
    figure, axes = plt.subplots(len(trees), 2, figsize=(9.2, 4), width_ratios=[1.9, 1])
    for row, (name, (Z, labels)) in enumerate(trees.items()):
        scatter(axes[row, 0], x, labels, title=f"{name} linkage, cut into two", size=4.5)
        dendrogram(axes[row, 1], Z, labels, width=1)
    for a, b in tree_edges:
        axes[0, 0].plot(*x[[a, b]].T, color=COLORS["data"], linewidth=0.9, zorder=0)
    axes[0, 1].set_title("stairs: the stones join one at a time")
    axes[1, 1].set_title("no stairs: groups join groups")
    return figure


def state_trees(named, names):
    """Trees of named rows side by side, the root at the left; named: title -> (Z, labels)."""
    figure, axes = plt.subplots(1, len(named), figsize=(9.2, 8.6))
    for ax, (title, (Z, labels)) in zip(axes, named.items(), strict=True):
        dendrogram(ax, Z, labels, names=names, sideways=True)
        ax.tick_params(axis="y", labelsize=9.6)
        ax.set_title(title)
    return figure


def failures(columns):
    """Columns: (x, wrong labels, title, repaired labels, title); the failure stands above its repair."""
    figure, axes = plt.subplots(2, len(columns), figsize=(9.2, 5.2))
    for column, (x, wrong, problem, repaired, cure) in enumerate(columns):
        for ax, labels, title in ((axes[0, column], wrong, problem), (axes[1, column], repaired, cure)):
            scatter(ax, x, labels, title=title, size=2.8)
            ax.set(aspect="auto")
            ax.title.set(fontsize=10.5)
        axes[0, column].title.set_color(COLORS["wrong"])
    return figure
