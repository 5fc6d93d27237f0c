"""Figures of lecture 05: rankings of words, one cell's loss, scores against PMI, maps of texts."""

import numpy as np
from matplotlib import pyplot as plt

from coursekit.plots import COLORS, CYCLE, line_label

MARKERS = "os^Dv*"


def rankings(columns, *, title, xlabels):
    """Several ranked lists of words side by side, each with its own scale of bars.

    columns: heading -> list of (word, value), best first; two or more. xlabels: one for each.
    """
    figure, axes = plt.subplots(1, len(columns), figsize=(9.2, 2.9))
    for ax, xlabel, (heading, ranked) in zip(axes, xlabels, columns.items(), strict=True):
        words, values = zip(*ranked, strict=True)
        ax.barh(range(len(words)), values, color=COLORS["model"], height=0.6)
        ax.set(yticks=range(len(words)), yticklabels=words, xlabel=xlabel)
        ax.invert_yaxis()
        ax.set_title(heading, fontsize=10.5)
        ax.tick_params(left=False)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11.5)
    return figure


def cell_losses(scores, losses, minima, *, title):
    """The loss of one cell against its score: losses, three names -> (m,); minima -> (score, loss)."""
    figure, ax = plt.subplots(figsize=(7.6, 3.6))
    for color, (name, values) in zip(("model", "critic", "data"), losses.items(), strict=True):
        ax.plot(scores, values, color=COLORS[color])
        ax.plot(*minima[name], "o", color=COLORS["latent"], zorder=3)
        line_label(ax, scores[-1], values[-1], name, COLORS[color])
    ax.set(xlabel="score s = w · c", ylabel="loss of the cell, in units of P", title=title)
    ax.set_xlim(scores[0], scores[-1] + 0.38 * (scores[-1] - scores[0]))
    return figure


def scores_against_pmi(target, scores, *, title):
    """Learned scores against PMI - log k; scores: heading -> (n, n), panels on shared axes."""
    figure, axes = plt.subplots(1, len(scores), figsize=(9.2, 3.4), sharex=True, sharey=True)
    low, high = target.min() - 0.5, target.max() + 0.5
    for ax, (heading, values) in zip(axes, scores.items(), strict=True):
        ax.plot([low, high], [low, high], color=COLORS["noise"], linewidth=1)
        ax.plot(
            target.ravel(), np.asarray(values).ravel(), ".", color=COLORS["model"], markersize=2.5, alpha=0.5
        )
        ax.set(xlabel="PMI − log k, nats", title=heading, aspect="equal", xlim=(low, high), ylim=(low, high))
    axes[0].set_ylabel("score w · c, nats")
    figure.suptitle(title, x=0.01, ha="left", fontsize=11.5)
    return figure


def seen_and_unseen(seen, unseen, *, title):
    """Histograms of learned scores for pairs seen and never seen in the text."""
    figure, ax = plt.subplots(figsize=(7.6, 3.2))
    bins = np.linspace(-7, 3, 51)
    centres = (bins[1:] + bins[:-1]) / 2
    for values, name, color, side in ((unseen, "never seen", "wrong", -1), (seen, "seen", "model", 1)):
        heights = np.histogram(values, bins, density=True)[0]
        ax.fill_between(centres, heights, color=COLORS[color], alpha=0.35, linewidth=0)
        ax.plot(centres, heights, color=COLORS[color])
        at = int(heights.argmax()) + 6 * side
        align = "right" if side < 0 else "left"
        line_label(ax, centres[at], heights[at], name, COLORS[color], dx=5 * side, ha=align)
    ax.set(xlabel="score w · c, nats", ylabel="share of pairs, per nat", title=title)
    return figure


def by_method(values, *, title, xlabel, ours=(), low=0.0):
    """Dots, one per run, and a bar at their mean: values, name -> (runs,); those in `ours` in blue.

    low: where the axis starts.
    """
    figure, ax = plt.subplots(figsize=(8.6, 0.42 * len(values) + 1.1))
    for row, (name, runs) in enumerate(values.items()):
        color = COLORS["model"] if name in ours else COLORS["data"]
        ax.plot(runs, [row] * len(runs), "o", color=color, markersize=4.5)
        ax.plot(np.mean(runs), row, "|", color=color, markersize=16, markeredgewidth=2)
    ax.set(yticks=range(len(values)), yticklabels=list(values), xlabel=xlabel, title=title)
    ax.set_ylim(len(values) - 0.5, -0.5)
    top = max(np.max(runs) for runs in values.values())
    ax.set_xlim(low, top + 0.05 * (top - low))
    ax.grid(axis="y", color="#dddddd", linewidth=0.6)
    ax.set_axisbelow(True)
    return figure


def family(places, words, headings, *, title):
    """Words as corners of a figure, one panel each: places, list of (4, 2); sides 0-1-3-2 are drawn."""
    figure, axes = plt.subplots(1, len(places), figsize=(8.6, 2.7), sharex=True, sharey=True)
    for ax, Y, heading in zip(axes, places, headings, strict=True):
        for side, color in (((0, 1), "latent"), ((2, 3), "latent"), ((0, 2), "critic"), ((1, 3), "critic")):
            ax.plot(*Y[list(side)].T, color=COLORS[color])
        ax.plot(*Y.T, "o", color=COLORS["data"])
        for word, place in zip(words, Y, strict=True):
            line_label(ax, *place, word, COLORS["data"], dx=6, dy=8)
        ax.set(title=heading, xlabel="first direction, nats", aspect="equal")
        ax.margins(0.25)
    axes[0].set_ylabel("second direction, nats")
    figure.suptitle(title, x=0.01, ha="left", fontsize=11.5)
    return figure


def pairs_of_words(Y, words, *, title):
    """Arrows from the first to the second word of each pair: Y (n_pairs, 2, 2), words (n_pairs, 2)."""
    figure, ax = plt.subplots(figsize=(8.2, 4.6))
    for (start, end), (first, second) in zip(Y, words, strict=True):
        ax.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": COLORS["latent"]})
        ahead = 9 if end[1] > start[1] else -9  # a label lies beyond its end of the arrow
        line_label(ax, *start, first, COLORS["data"], dx=0, dy=-ahead, ha="center")
        line_label(ax, *end, second, COLORS["model"], dx=0, dy=ahead, ha="center")
    ax.plot(*Y.reshape(-1, 2).T, ".", color=COLORS["data"], markersize=4)
    ax.set(xlabel="first principal component", ylabel="second principal component", title=title)
    ax.margins(0.12)
    return figure


def shares_by_kind(kinds, shares, *, title, ylabel):
    """Grouped bars: shares, name -> (n_kinds,)."""
    figure, ax = plt.subplots(figsize=(7.6, 3.3))
    width = 0.8 / len(shares)
    for number, (name, values) in enumerate(shares.items()):
        places = np.arange(len(kinds)) + (number - (len(shares) - 1) / 2) * width
        ax.bar(places, values, 0.9 * width, color=CYCLE[number], label=name)
        for place, value in zip(places, values, strict=True):
            ax.text(place, value + 0.012, f"{value:.2f}", ha="center", fontsize=9.6)
    ax.set(xticks=range(len(kinds)), xticklabels=kinds, ylabel=ylabel, title=title)
    ax.set_ylim(0, 1.3 * max(max(v) for v in shares.values()))
    ax.legend(loc="upper right")
    return figure


def map_of_texts(maps, labels, names, *, title):
    """Places of texts in the plane, marked by label: maps, heading -> (n, 2)."""
    figure, axes = plt.subplots(1, len(maps), figsize=(9.2, 4.9))
    for ax, (heading, Y) in zip(axes, maps.items(), strict=True):
        for number, name in enumerate(names):
            chosen = labels == number
            ax.plot(*Y[chosen].T, MARKERS[number], color=CYCLE[number], markersize=4, label=name, alpha=0.8)
        ax.set(xticks=[], yticks=[], aspect="equal", title=heading)
        ax.spines[:].set_visible(False)
    handles, texts = axes[0].get_legend_handles_labels()
    figure.legend(handles, texts, loc="outside lower center", ncols=3, fontsize=9.6)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11.5)
    return figure


def lines(curves, *, title, xlabel, ylabel, logx=False):
    """Curves with a label at each end: name -> (x, y, colour of `COLORS`)."""
    figure, ax = plt.subplots(figsize=(7.6, 3.4))
    for name, (x, y, color) in curves.items():
        ax.plot(x, y, color=COLORS[color])
        line_label(ax, x[-1], y[-1], name, COLORS[color])
    if logx:
        ax.set_xscale("log")
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    return figure


def rank_and_neighbours(dims, shares, d, word, neighbours, cosines):
    """How often neighbours share a group, against d, with d marked; and the nearest words at that d.

    dims, shares (m,); neighbours and cosines: of the nearest words, best first.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.7))
    left.semilogx(dims, shares, color=COLORS["model"], base=2)
    here = list(dims).index(d)
    left.plot(d, shares[here], "o", color=COLORS["latent"], zorder=3)
    left.set(xticks=dims, xticklabels=dims, ylim=(0, 1), xlabel="dimensions d")
    left.set(ylabel="nearest word in the same group", title=f"d = {d}: share {shares[here]:.2f}")
    left.minorticks_off()
    right.barh(range(len(neighbours)), cosines, color=COLORS["model"], height=0.6)
    right.set(yticks=range(len(neighbours)), yticklabels=neighbours, xlim=(0, 1), xlabel="cosine")
    right.invert_yaxis()
    right.set_title(f"nearest to “{word}”")
    return figure
