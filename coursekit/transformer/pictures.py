"""Pictures of lecture 07: who sees whom, bits by place, weights of attention, odds beside the exact ones."""

import matplotlib.pyplot as plt
import numpy as np

from coursekit.plots import COLORS, line_label


def topics(words):
    """Word probabilities of each topic, (n_topics, n_words), as rows of one picture on a shared scale."""
    names = range(1, len(words) + 1)
    figure, ax = plt.subplots(figsize=(9.2, 2.4))
    ax.imshow(words, cmap="Blues", aspect="auto", vmin=0, vmax=np.quantile(words, 0.99))
    ax.set(yticks=range(len(names)), yticklabels=names, xlabel="word", ylabel="topic")
    ax.set(title="each topic has favourite words (dark), and shares some with the others")
    return figure


def bits_by_place(curves, *, title, ylim=None):
    """Bits per word over the place in the document; curves: list of (name, (t,) values, color name)."""
    figure, ax = plt.subplots(figsize=(8.2, 3.9))
    places = np.arange(1, len(curves[0][1]) + 1)
    ends = [np.mean(values[-4:]) for _, values, _ in curves]
    for (name, values, color), end in zip(curves, ends, strict=True):
        ax.plot(places, values, "-", color=COLORS[color])
        near = sum(np.sign(end - other) for other in ends if abs(end - other) < 0.15)
        line_label(ax, places[-1], end, name, COLORS[color], dy=6 * near)  # pushed away from its neighbour
    ax.set(
        xlabel="place in the document", ylabel="bits per word", title=title, xlim=(1, places[-1]), ylim=ylim
    )
    return figure


def sharpness(widths, scaled, plain):
    """Mean of the largest attention weight over the width of a head, with and without the square root."""
    figure, ax = plt.subplots(figsize=(7.4, 3.5))
    for values, name, color in ((plain, "q · k", "wrong"), (scaled, "q · k / √d", "model")):
        ax.plot(widths, values, "o-", color=COLORS[color])
        line_label(ax, widths[-1], values[-1], name, COLORS[color])
    ax.set(xscale="log", xticks=widths, xticklabels=widths, ylim=(0, 1.02), xlabel="width d of a head")
    ax.minorticks_off()
    ax.set(
        ylabel="largest of 16 weights, mean",
        title="without √d, a wide head puts almost all weight on one key",
    )
    return figure


def who_sees_whom(tables, titles, *, suptitle):
    """Sizes of gradients (t, t): row, what is read out; column, what goes in. White is exactly zero."""
    figure, axes = plt.subplots(1, len(tables), figsize=(9.2, 3.9), sharey=True)
    for ax, table, title in zip(axes, tables, titles, strict=True):
        seen = np.ma.masked_equal(np.asarray(table) > 0, False)
        ax.imshow(seen, cmap="Blues", vmin=0, vmax=1.4)
        ax.set(title=title, xlabel="input at place s")
    axes[0].set_ylabel("output at place t")
    figure.suptitle(suptitle)
    return figure


def attention_row(ax, weights, words):
    """Weights (t,) of one query over the words that it may look at, as bars."""
    ax.bar(range(len(weights)), weights, color=COLORS["model"])
    ax.set(xticks=range(len(words)), xticklabels=words, ylim=(0, 1), xlim=(-0.7, len(words) - 0.3))
    ax.set(xlabel="word that is looked at", ylabel="attention weight")


def bars_of_words(panels, titles, *, ylabel="probability", suptitle=""):
    """Two sets of bars per panel; panels: list of (word numbers, exact, model), the latter (n,) each."""
    figure, axes = plt.subplots(1, len(panels), figsize=(9.2, 3.4), sharey=True)
    for ax, (words, exact, model), title in zip(np.atleast_1d(axes), panels, titles, strict=True):
        places = np.arange(len(words))
        ax.bar(places - 0.2, exact, 0.38, color=COLORS["data"], label="exact")
        ax.bar(places + 0.2, model, 0.38, color=COLORS["model"], label="model")
        ax.set(xticks=places, xticklabels=words, xlabel="word", title=title)
    np.atleast_1d(axes)[0].set_ylabel(ylabel)
    np.atleast_1d(axes)[-1].legend(frameon=False)
    figure.suptitle(suptitle)
    return figure


def dots_by_method(groups, *, xlabel, title):
    """One row per method, a dot per run; groups: list of (name, values, color name)."""
    figure, ax = plt.subplots(figsize=(8.6, 0.34 * len(groups) + 1.2))
    for i, (_, values, color) in enumerate(groups):
        ax.plot(values, np.full(len(values), i), "o", color=COLORS[color])
    ax.set(yticks=range(len(groups)), yticklabels=[name for name, *_ in groups], xlabel=xlabel, title=title)
    ax.invert_yaxis()
    ax.grid(axis="y", alpha=0.3)
    return figure


def odds(exact, model):
    """A model's log-odds of each pair over the exact ones, (n,) both."""
    figure, ax = plt.subplots(figsize=(8.2, 3.9))
    ax.axline((0, 0), slope=1, color=COLORS["data"], linestyle=":")
    ax.axhline(0, color=COLORS["noise"], linewidth=0.8)
    ax.axvline(0, color=COLORS["noise"], linewidth=0.8)
    ax.plot(exact, model, "o", color=COLORS["model"], markersize=3, alpha=0.3)
    ax.set(xlim=(-42, 6), ylim=(-8, 6), xlabel="exact log-odds that the pair continues")
    ax.set(ylabel="BERT's log-odds", title="BERT agrees with Bayes' rule on the side, not on how sure to be")
    return figure


def label_curves(n_labels, shares, ceiling, *, title):
    """Accuracy on sentences over the number of labels; shares: name -> ((seeds, n), color name)."""
    figure, ax = plt.subplots(figsize=(8.2, 4.2))
    ax.plot(n_labels, np.full(len(n_labels), ceiling), ":", color=COLORS["data"])
    ax.text(n_labels[0], ceiling + 0.008, "exact Bayes", color=COLORS["data"], va="bottom")
    ends = {name: np.mean(values, 0)[-1] for name, (values, _) in shares.items()}
    lowest = {name: rank for rank, name in enumerate(sorted(ends, key=ends.get))}
    for name, (values, color) in shares.items():
        ax.plot(n_labels, np.mean(values, 0), "-", color=COLORS[color])
        ax.plot(n_labels, np.transpose(values), "o", color=COLORS[color], markersize=3)
        line_label(ax, n_labels[-1], ends[name], name, COLORS[color], dx=8, dy=10 * (lowest[name] - 1.5))
    ax.set(xscale="log", xticks=n_labels, xticklabels=n_labels, xlabel="labelled sentences")
    ax.minorticks_off()
    ax.set(ylabel="accuracy", ylim=(0.48, 1.05), title=title)
    return figure


def work(lengths, cached, whole):
    """Positions computed while a text of each length is written, with the cache and without."""
    figure, ax = plt.subplots(figsize=(7.4, 3.3))
    for values, name, color in ((whole, "everything again", "wrong"), (cached, "with the cache", "model")):
        ax.plot(lengths, values, color=COLORS[color])
        line_label(ax, lengths[-1], values[-1], name, COLORS[color])
    ax.set(xlabel="tokens written", ylabel="positions computed", title="the cache turns a square into a line")
    return figure
