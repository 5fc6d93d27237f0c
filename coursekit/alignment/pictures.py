"""Pictures of lecture 18: curves beside what is exact, rewards, policies, and their divergence."""

import matplotlib.pyplot as plt
import numpy as np

from coursekit.plots import COLORS, line_label


def lines(x, curves, *, xlabel, ylabel, title, size=(8.2, 3.7), spread=0.0, **limits):
    """Curves over x with a name at each end; curves: list of (name, (len(x),) values, color name, style).

    spread: ends that are nearer than this, in units of y, are named apart; limits go to the axes.
    """
    figure, ax = plt.subplots(figsize=size)
    ends = [values[-1] for _, values, *_ in curves]
    for (name, values, color, style), end in zip(curves, ends, strict=True):
        ax.plot(x, values, style, color=COLORS[color])
        near = sum(np.sign(end - other) for other in ends if abs(end - other) < spread)
        ink = COLORS["data" if color == "noise" else color]  # light grey letters would be too faint
        line_label(ax, x[-1], end, name, ink, dy=7 * near)
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title, **limits)
    return figure


def beside(exact, model, *, title, xlabel, ylabel):
    """A model's probabilities over the exact ones, (n,) both, on one scale."""
    figure, ax = plt.subplots(figsize=(4.6, 4.3))
    ax.plot([0, 1], [0, 1], ":", color=COLORS["data"])
    ax.plot(exact, model, "o", color=COLORS["model"], markersize=2.5, alpha=0.25, markeredgewidth=0)
    ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xlabel=xlabel, ylabel=ylabel, title=title)
    return figure


def dots(groups, *, xlabel, title, **limits):
    """One row per group, a dot per seed; groups: list of (name, values, color name)."""
    figure, ax = plt.subplots(figsize=(8.6, 0.36 * len(groups) + 1.3))
    for i, (_, values, color) in enumerate(groups):
        ax.plot(values, np.full(len(values), i), "o", color=COLORS[color])
    ax.set(yticks=range(len(groups)), yticklabels=[name for name, *_ in groups], xlabel=xlabel, title=title)
    ax.set(ylim=(len(groups) - 0.5, -0.5), **limits)
    ax.grid(axis="y", alpha=0.3)
    return figure


def jump(steps, likelihood, whole):
    """Two views of one run: probability per token, and share of whole answers; (seeds, n) each."""
    figure, ax = plt.subplots(figsize=(8.2, 3.7))
    for values, color in ((likelihood, "model"), (whole, "wrong")):
        ax.plot(steps, np.transpose(values), "-", color=COLORS[color], alpha=0.5, linewidth=1.2)
    third = len(steps) // 3
    line_label(ax, steps[third], np.mean(likelihood, 0)[third], "one place", COLORS["model"], dx=0, dy=12)
    low = steps[int(np.argmax(np.mean(whole, 0) > 0.5))]
    line_label(ax, low, 0.3, "all ten", COLORS["wrong"], dx=30)
    ax.set(xlabel="steps of training", ylabel="probability of being right", ylim=(-0.02, 1.02))
    ax.set_title("one place gets likelier all the time; ten in a row seem to come at once")
    return figure


def old_and_new(points, *, title):
    """Bits above the floor of the old world over those of the new, a dot per seed.

    points: list of (name, new, old, color name, "left" or "right": where the name is).
    """
    figure, ax = plt.subplots(figsize=(8.2, 4.2))
    for name, new, old, color, side in points:
        ax.plot(new, old, "o", color=COLORS[color])
        near = {"dx": 9, "ha": "left"} if side == "right" else {"dx": -9, "ha": "right"}
        edge = np.max(new) if side == "right" else np.min(new)
        line_label(ax, edge, np.mean(old), name, COLORS[color], **near)
    ax.set(xlabel="new world: bits per word above its floor", ylabel="old world: bits above its floor")
    ax.set(title=title, xlim=(-0.12, 0.85), ylim=(0, None))
    return figure


def rewards(taste, learned, weight, *, title):
    """The learned reward over what people think, a dot per text; weight (n,): the reference's probability."""
    figure, ax = plt.subplots(figsize=(8.2, 3.9))
    jitter = np.random.default_rng(0).uniform(-0.25, 0.25, len(taste))
    size = 3 + 12_000 * np.asarray(weight)
    ax.scatter(taste + jitter, learned, s=size, color=COLORS["critic"], alpha=0.3, linewidth=0)
    ax.set(xlabel="people's taste (a whole number; jittered)", ylabel="learned reward", title=title)
    return figure


def climb(rounds, objectives, top, start):
    """J at some rounds of one run, between the reference's J and the best possible one."""
    figure, ax = plt.subplots(figsize=(8.2, 3.7))
    ax.axhline(top, color=COLORS["data"], linestyle=":")
    ax.axhline(start, color=COLORS["noise"], linestyle="--")
    ax.plot(rounds, objectives, color=COLORS["model"])
    ax.fill_between(rounds, objectives, top, color=COLORS["noise"], alpha=0.25, linewidth=0)
    ax.text(0.5, top + 0.02, "J*, the best there is", color=COLORS["data"], va="bottom")
    ax.text(0.62 * rounds[-1], start + 0.02, "J of the reference", color=COLORS["data"], va="bottom")
    middle = len(rounds) // 6
    ax.text(0.5, (objectives[middle] + 2 * top) / 3, "beta KL(policy ‖ best)", color=COLORS["data"])
    ax.set(xlabel="round", ylabel="objective J", xlim=(0, rounds[-1]))
    ax.set_ylim(min(objectives) - 0.1, top + 0.18)
    ax.set_title("PPO climbs to the optimum; what is missing is a divergence")
    return figure


def clipped(ratio, losses, titles):
    """The clipped objective over the ratio, one panel per sign of the advantage; losses: list of (n,)."""
    figure, axes = plt.subplots(1, len(losses), figsize=(8.6, 3.2), sharey=True)
    for ax, values, plain, title in zip(axes, losses, (ratio, -ratio), titles, strict=True):
        ax.plot(ratio, plain, ":", color=COLORS["data"])
        ax.plot(ratio, values, color=COLORS["model"])
        ax.axvline(1, color=COLORS["noise"], linewidth=0.8)
        ax.set(xlabel="ratio of new to old probability", title=title)
    axes[0].set_ylabel("objective")
    return figure


def texts_of(names, policies, *, title):
    """Probabilities of a few texts under several policies; policies: list of (name, (n,) values, color)."""
    figure, ax = plt.subplots(figsize=(8.8, 3.5))
    width = 0.8 / len(policies)
    for i, (name, values, color) in enumerate(policies):
        ax.bar(np.arange(len(names)) + (i - (len(policies) - 1) / 2) * width, values, 0.9 * width,
               color=COLORS[color], label=name)  # fmt: skip
    ax.set(xticks=range(len(names)), xticklabels=names, ylabel="probability", title=title)
    ax.legend(frameon=False)
    return figure


def frontier(curves, *, title, points=()):
    """Reward over the divergence that it costs; curves: list of (name, kl, values, color, style).

    points: list of (kl, value, color), drawn as dots.
    """
    figure, ax = plt.subplots(figsize=(8.2, 4.0))
    for name, kl, values, color, style in curves:
        ax.plot(kl, values, style, color=COLORS[color])
        if name:
            line_label(ax, kl[-1], values[-1], name, COLORS[color])
    for kl, value, color in points:
        ax.plot(kl, value, "o", color=COLORS[color])
    ax.set(xlabel="KL(policy ‖ reference), nats", ylabel="mean of reward or taste", title=title)
    return figure


def estimates(values, weights, kl):
    """Histograms of two estimates of a divergence; values: (k1, k3); weights: probability of each text."""
    figure, axes = plt.subplots(1, 2, figsize=(8.8, 3.3), sharex=True, sharey=True)
    bins = np.linspace(-4, 6, 51)
    for ax, each, name in zip(axes, values, ("k1 = log π/ρ", "k3 = ρ/π - 1 + log π/ρ"), strict=True):
        heights, _ = np.histogram(np.clip(each, -3.99, 5.99), bins, weights=weights)
        middles = (bins[1:] + bins[:-1]) / 2
        colors = [COLORS["wrong"] if m < 0 else COLORS["model"] for m in middles]
        ax.bar(middles, heights, 0.19, color=colors)
        ax.axvline(kl, color=COLORS["data"], linestyle=":")
        spread = np.sqrt(weights @ (each - kl) ** 2)
        ax.set(xlabel="nats (6 and more in the last bar)", title=f"{name}: sd {spread:.1f}")
    axes[0].set_ylabel("probability")
    figure.suptitle("both have the mean KL (dotted); only k1 is ever negative (red)")
    return figure


def loads(shares, titles, *, suptitle):
    """Share of tokens that each expert gets, one panel per layer; shares: list of (n_experts,)."""
    figure, axes = plt.subplots(1, len(shares), figsize=(8.6, 2.9), sharey=True)
    for ax, share, title in zip(axes, shares, titles, strict=True):
        ax.bar(np.arange(1, len(share) + 1), share, color=COLORS["model"])
        ax.axhline(1 / len(share), color=COLORS["data"], linestyle=":")
        ax.set(xlabel="expert", title=title, xticks=np.arange(1, len(share) + 1))
    axes[0].set_ylabel("share of tokens")
    figure.suptitle(suptitle)
    return figure


def sizes(names, parameters, tokens):
    """Models by parameters and tokens, on logarithmic axes, with the rule of 20 tokens each."""
    figure, ax = plt.subplots(figsize=(8.2, 3.9))
    span = np.array([3e3, 3e13])
    ax.plot(span, 20 * span, ":", color=COLORS["data"])
    ax.text(1e9, 1.5e9, "20 tokens per parameter", color=COLORS["data"])
    for i, (name, n, d) in enumerate(zip(names, parameters, tokens, strict=True)):
        near = {"dx": 7, "dy": -8, "ha": "left"} if i % 2 == 0 else {"dx": -7, "ha": "right"}
        ax.plot(n, d, "o", color=COLORS["model"])
        line_label(ax, n, d, name, COLORS["model"], **near)
    ax.set(xscale="log", yscale="log", xlabel="parameters", ylabel="tokens of training", xlim=span)
    ax.set_title("from this notebook to the deck's models: seven orders of magnitude")
    return figure
