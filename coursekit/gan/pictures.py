"""Pictures of lecture 12: two densities and the discriminator between them, the game over time, modes."""

import matplotlib.pyplot as plt
import numpy as np

from coursekit.plots import COLORS, line_label


def first_guess(real, fake, x, guess):
    """Histograms of samples real (n,) and fake (m,), and a guessed discriminator D(x) on a grid."""
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(7.4, 4.4), sharex=True, height_ratios=[1.5, 1])
    bins = np.linspace(x[0], x[-1], 70)
    for samples, name in ((real, "data"), (fake, "model")):
        top.hist(samples, bins, density=True, color=COLORS[name], alpha=0.65)
    top.set(ylabel="share per unit", title="what the discriminator sees: samples of two kinds")
    top.text(-3.1, 0.19, "real", color=COLORS["data"], ha="right", fontsize=11)
    top.text(3.4, 0.16, "generated", color=COLORS["model"], fontsize=11)
    _probability_axis(bottom)
    bottom.plot(x, guess, color=COLORS["critic"])
    bottom.set(xlabel="x", title="a guess: the further left, the more likely real", xlim=(x[0], x[-1]))
    return figure


def densities_and_answer(x, p_data, p_model, best, *, title):
    """Densities above, the optimal discriminator below, on one axis of x (n,)."""
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(7.4, 4.6), sharex=True, height_ratios=[1.3, 1])
    _densities(top, x, p_data, p_model)
    top.set(title=title)
    _probability_axis(bottom)
    bottom.plot(x, best, color=COLORS["critic"])
    crossing = np.flatnonzero(np.diff(np.sign(p_data - p_model)) * (np.minimum(p_data, p_model)[1:] > 1e-3))
    for ax in (top, bottom):
        for i in crossing:
            ax.axvline(x[i], color=COLORS["noise"], linewidth=0.9, linestyle=":", zorder=0)
    bottom.set(xlabel="x", xlim=(x[0], x[-1]), title="D* = 1/2 where the curves cross")
    return figure


def learned_answers(x, best, learned, titles, seen):
    """Trained discriminators (seeds, n) on D* in one panel a target; seen: mask of x where samples fall."""
    figure, axes = plt.subplots(1, len(best), figsize=(9.2, 3.3), sharex=True, sharey=True)
    for ax, answer, curves, title in zip(axes, best, learned, titles, strict=True):
        _probability_axis(ax)
        ax.axvspan(x[seen][0], x[seen][-1], color=COLORS["noise"], alpha=0.25, linewidth=0)
        ax.plot(x, np.transpose(curves), color=COLORS["critic"], linewidth=1.2, alpha=0.8)
        ax.plot(x, answer, color=COLORS["data"], linestyle="--", linewidth=1.6)
        ax.set(xlabel="x", title=title, xlim=(x[0], x[-1]))
    axes[-1].set_ylabel("")
    for ax in axes[1:]:
        ax.set_ylabel("")
    axes[0].set_ylim(-0.16, 1.04)
    axes[0].text(0.2, 0.9, "dashed: D*", fontsize=10, color=COLORS["data"])
    axes[0].text(0.2, 0.8, "learned", fontsize=10, color=COLORS["critic"])
    return figure


def smoothed_answers(x, p_data, p_model, one_sided, two_sided):
    """Densities above; below D* with the real side smoothed, and with both sides smoothed."""
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(7.4, 4.6), sharex=True, height_ratios=[1, 1.2])
    _densities(top, x, p_data, p_model)
    top.set(title="the model has a hump where there is no data")
    _probability_axis(bottom)
    bottom.plot(x, one_sided, color=COLORS["critic"])
    bottom.plot(x, two_sided, color=COLORS["wrong"])
    line_label(bottom, x[-1], one_sided[-1], "real side\nonly", COLORS["critic"])
    line_label(bottom, x[-1], two_sided[-1], "both\nsides", COLORS["wrong"])
    bottom.set(
        xlabel="x",
        xlim=(x[0], x[-1]),
        title="smoothed on both sides, D stays at 0.3 at the stray hump",
    )
    return figure


def generator_losses(scores, losses, slopes):
    """Two losses and the size of their slopes over the raw score; dicts name -> (n,), saturating first."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.2, 3.4), sharex=True)
    for loss, slope, color in zip(losses.values(), slopes.values(), ("wrong", "model"), strict=True):
        left.plot(scores, loss, color=COLORS[color])
        right.plot(scores, slope, color=COLORS[color])
    for ax in (left, right):
        marked = (-4.595, 0, 4.595)
        ax.set_xticks(marked, ["D = 0.01", "D = 0.5", "D = 0.99"])
        ax.set(xlim=(scores[0], scores[-1]))
    left.set(ylabel="generator's loss (nats)", title="what the generator minimises")
    right.set(ylabel="size of the slope", title="how hard a sample is pushed")
    saturating, trick = losses
    left.text(1.4, -3.4, saturating, color=COLORS["wrong"], ha="right")
    left.text(-2.6, 3.3, trick, color=COLORS["model"])
    right.text(scores[0] + 0.3, 0.14, "saturating: D", color=COLORS["wrong"])
    right.text(scores[0] + 0.3, 0.74, "log D trick: 1 − D", color=COLORS["model"])
    return figure


def moves_of_the_game(x, p_data, moments):
    """Some moments of a one-dimensional game; moments: list of (title, p_model, D), all on x."""
    figure, axes = plt.subplots(2, len(moments), figsize=(9.2, 4), sharex=True, sharey="row",
                                height_ratios=[1.4, 1])  # fmt: skip
    for (top, bottom), (title, p_model, D) in zip(axes.T, moments, strict=True):
        _densities(top, x, p_data, p_model, names=False)
        top.set_title(title, fontsize=10.5)
        _probability_axis(bottom)
        bottom.plot(x, D, color=COLORS["critic"])
        bottom.axhline(0.5, color=COLORS["noise"], linewidth=0.8, zorder=0)
        bottom.set(xlabel="x", xlim=(x[0], x[-1]))
    for ax in (*axes[0, 1:], *axes[1, 1:]):
        ax.set_ylabel("")
    at = np.argmax(p_data)
    axes[0, 0].text(x[at], p_data[at] * 1.03, "data", color=COLORS["data"], ha="center", va="bottom")
    start = np.argmax(moments[0][1])
    place = (x[start], moments[0][1][start] + 0.03)
    axes[0, 0].text(*place, "model", color=COLORS["model"], ha="center", va="bottom")
    axes[0, 0].set_ylim(0, 1.4 * p_data[at])
    return figure


def value_over_time(steps, quadrature, fresh, running):
    """Three readings of the game over the generator's steps, each (seeds, len(steps))."""
    figure, ax = plt.subplots(figsize=(8.4, 4))
    floor = -np.log(4)
    ax.axhline(floor, color=COLORS["data"], linewidth=1, linestyle=":")
    for values, color, style in ((running, "wrong", "-"), (quadrature, "model", "-"), (fresh, "critic", "o")):
        ax.plot(
            steps, np.transpose(values), style, color=COLORS[color], alpha=0.75, markersize=4, linewidth=1.4
        )
    ax.set(xlim=(0, steps[-1] * 1.01), ylim=(-1.6, 0.1), xlabel="steps of the generator", ylabel="nats")
    place = 0.42 * steps[-1]
    ax.text(place, -0.2, "2 JSD − log 4, by quadrature", color=COLORS["model"])
    ax.text(place, -0.36, "a freshly trained discriminator", color=COLORS["critic"])
    ax.text(place, -0.52, "the game's own running value", color=COLORS["wrong"])
    ax.text(steps[-1], floor - 0.03, "− log 4", color=COLORS["data"], ha="right", va="top")
    ax.set(title="the running value starts low, rises, and falls again")
    return figure


def memorised(steps, of_few, of_many, x, best, few, D_few, D_many):
    """A discriminator trained on few real samples and one trained on many.

    steps (m,); of_few, of_many: values on the samples trained on and on new ones, (seeds, m, 2). On a grid x
    (n,): best, D_few and D_many, which are D* and both answers; few (k,): the few samples.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.2, 3.7), width_ratios=[1.25, 1])
    curves = [
        ("few, on themselves", of_few[..., 0], "critic"),
        ("many, on new ones", of_many[..., 1], "model"),
    ]
    curves += [("few, on new ones", of_few[..., 1], "wrong")]
    for label, values, color in curves:
        left.plot(steps, np.transpose(values), color=COLORS[color], linewidth=1.2)
        line_label(left, steps[-1], np.median(values[:, -1]), label, COLORS[color], fontsize=9.6)
    left.axhline(-np.log(4), color=COLORS["data"], linewidth=1, linestyle=":")
    left.text(0.02 * steps[-1], -np.log(4) - 0.02, "a coin", va="top", fontsize=9.6)
    left.set(xlabel="steps of the discriminator", ylabel="value (nats)", xlim=(0, steps[-1]))
    left.set_ylim(-3, -0.7)
    left.set_title("few samples: on new ones the value falls")
    for label, D, color, height in (("few", D_few, "wrong", 0.94), ("many", D_many, "model", 0.85)):
        right.plot(x, D, color=COLORS[color], linewidth=1.3)
        style = {"transform": right.transAxes, "ha": "right", "fontsize": 9.6}
        right.text(0.98, height, f"{label} samples", color=COLORS[color], **style)
    right.plot(x, best, color=COLORS["data"], linestyle="--", linewidth=1.5)
    right.plot(few, np.full(len(few), -0.03), "|", color=COLORS["data"], markersize=9)
    _probability_axis(right)
    right.set(xlabel="x (ticks: the few samples)", xlim=(x[0], x[-1]), ylim=(-0.08, 1.04))
    right.set_title("D after training; dashed: D*")
    return figure


def two_orders(x, p_data, panels):
    """A generator that may choose any distribution, after some steps; p_data and each density (n,) on x.

    panels: list of (title, dict from a number of steps to the density).
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(9.2, 3.4), sharex=True, sharey=True)
    for ax, (title, densities), color in zip(axes, panels, ("wrong", "model"), strict=True):
        ax.fill_between(x, p_data, color=COLORS["data"], alpha=0.22, linewidth=0)
        for (steps, density), shade in zip(densities.items(), (0.35, 0.6, 1.0), strict=True):
            ax.plot(x, density, color=COLORS[color], alpha=shade)
            at = np.argmax(density)
            if ax is axes[0]:
                ax.annotate(f"{steps} steps", (x[at], density[at]), (8, -3), textcoords="offset points",
                            color=COLORS[color], fontsize=9.6)  # fmt: skip
        ax.set(xlabel="x", title=title, xlim=(x[0], x[-1]))
    axes[0].set_ylabel("density")
    axes[1].text(-2, 0.27, "data", color=COLORS["data"], ha="right")
    return figure


def dances(paths, titles):
    """Paths (n, 2) of two players around their point of rest (0, 0), one panel each, with their starts."""
    figure, axes = plt.subplots(1, len(paths), figsize=(9.2, 3.6), sharex=True, sharey=True)
    reach = 1.08 * np.abs(paths).max()
    for ax, path, title, color in zip(axes, paths, titles, ("wrong", "noise", "model"), strict=True):
        ax.plot(*np.transpose(path), color=COLORS[color], linewidth=1.1)
        ax.plot(*path[0], "o", color=COLORS["data"], markersize=7)
        ax.plot(0, 0, "+", color=COLORS["data"], markersize=11)
        ax.annotate("start", path[0], (8, 4), textcoords="offset points", bbox=_paper())
        ax.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xlabel="x: descends")
        ax.set_title(title, fontsize=10.5)
    axes[0].set_ylabel("y: climbs")
    return figure


def sample_clouds(clouds, centers, titles, *, colors):
    """Samples (n, 2) of six models over the centers (k, 2) of the data's modes, on shared axes.

    Two rows of three panels; samples far outside the modes are not shown.
    """
    figure, axes = plt.subplots(2, 3, figsize=(8.4, 5.9), sharex=True, sharey=True)
    reach = 1.55 * np.abs(centers).max()
    for ax, cloud, title, color in zip(axes.flat, clouds, titles, colors, strict=True):
        ax.plot(*np.transpose(centers), "o", color="none", markeredgecolor=COLORS["noise"], markersize=10)
        ax.plot(*np.transpose(cloud), ".", color=COLORS[color], markersize=2.5, alpha=0.5)
        ax.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=[], yticks=[])
        ax.set_title(title, fontsize=10.5)
        ax.spines[:].set_color(COLORS["noise"])
        ax.spines[:].set_visible(True)
    return figure


def modes_over_time(turns, shares, *, title):
    """Share of the samples at each mode (rows) over the turns of a game; shares (len(turns), k)."""
    figure, ax = plt.subplots(figsize=(8.6, 4))
    extent = (turns[0], turns[-1], len(shares[0]) + 0.5, 0.5)
    style = {"aspect": "auto", "cmap": "Reds", "vmin": 0, "vmax": 1, "interpolation": "nearest"}
    image = ax.imshow(np.transpose(shares), extent=extent, **style)
    ax.set(xlabel="turns (ten generator steps each)", ylabel="mode of the data", title=title)
    figure.colorbar(image, ax=ax, label="share of the samples", pad=0.02)
    return figure


def penalty_alone(steps, curves, noise):
    """Modes found, share of good samples and KL over training, of games that differ in one setting.

    curves: dict from a label to an array (seeds, len(steps), 3) and a colour name; noise (3,): what uniform
    noise gets.
    """
    figure, axes = plt.subplots(1, 3, figsize=(9.2, 3.3), sharex=True)
    names = ("modes found (of 25)", "share of good samples", "KL of the shares (nats)")
    for i, (ax, name) in enumerate(zip(axes, names, strict=True)):
        ax.axhline(noise[i], color=COLORS["noise"], linewidth=1.2, linestyle="--")
        for label, (values, color) in curves.items():
            ax.plot(steps, values[:, :, i].T, color=COLORS[color], linewidth=1.2, alpha=0.85)
            if i == 2:
                line_label(ax, steps[-1], values[:, -1, i].mean(), label, COLORS[color])
        ax.set(xlabel="steps of either player", title=name, xlim=(0, steps[-1]), ylim=(0, None))
        ax.set_xticks([0, steps[-1] // 2, steps[-1]])
    line_label(axes[0], steps[-1], noise[0], "noise", COLORS["data"], dx=-4, dy=-8, ha="right")
    return figure


def _densities(ax, x, p_data, p_model, *, names=True):
    for density, name in ((p_data, "data"), (p_model, "model")):
        ax.fill_between(x, density, color=COLORS[name], alpha=0.22, linewidth=0)
        ax.plot(x, density, color=COLORS[name])
        if names:  # where it is furthest above the other
            above = density - np.minimum(p_data, p_model)
            at = np.argmax(np.where((name == "data") | (x >= x[np.argmax(density)]), above, 0))
            side = "left" if density[at] < 0.9 * density.max() else "center"
            style = {"color": COLORS[name], "ha": side, "va": "bottom", "fontsize": 11}
            ax.annotate(name, (x[at], density[at]), (0, 3), textcoords="offset points", **style)
    ax.set(ylabel="density", ylim=(0, 1.22 * max(p_data.max(), p_model.max())))


def _probability_axis(ax):
    ax.set(ylim=(-0.04, 1.04), yticks=[0, 0.5, 1], ylabel="D(x)")


def _paper():
    return {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
