"""Pictures of lecture 14: two lines, plans and potentials, clipped and penalised critics, their reports."""

import matplotlib.pyplot as plt
import numpy as np

from coursekit.plots import COLORS, line_label


def sure_discriminator(steps, accuracy, slope):
    """Accuracy and generator gradient while a discriminator learns; steps (k,), the others (n_seeds, k)."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.3))
    left.plot(steps, accuracy.T, "o-", color=COLORS["critic"], linewidth=1.2, markersize=3.5)
    left.axhline(0.5, color=COLORS["noise"], linewidth=1)
    left.set(
        ylim=(0.45, 1.03), ylabel="share told right, fresh samples", title="the discriminator becomes sure"
    )
    left.annotate(
        "guessing", (steps[-1], 0.5), (0, 4), textcoords="offset points", ha="right", color=COLORS["data"]
    )
    right.semilogy(steps, slope.T, "o-", color=COLORS["model"], linewidth=1.2, markersize=3.5)
    right.set(ylabel="slope for the generator", title="and the saturating loss goes flat")
    for ax in (left, right):
        ax.set(xlabel="steps of the discriminator", xlim=(0, None))
    return figure


def parallel_lines(theta, thetas, jsd, emd):
    """Two vertical lines a distance theta apart, and both divergences over all thetas (k,)."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.3), width_ratios=[1, 1.3])
    heights = np.linspace(0, 1, 9)
    left.plot(np.zeros(9), heights, "o-", color=COLORS["data"])
    left.plot(np.full(9, theta), heights, "o-", color=COLORS["model"])
    for height in heights[1:-1] if abs(theta) > 0.08 else []:
        left.annotate(
            "", (0, height), (theta, height), arrowprops={"arrowstyle": "->", "color": COLORS["latent"]}
        )
    left.text(0, 1.08, "data", color=COLORS["data"], ha="center")
    left.text(theta, -0.16, "model", color=COLORS["model"], ha="center")
    left.set(xlim=(-1.25, 1.25), ylim=(-0.25, 1.25), xlabel="$x_1$", ylabel="$x_2$")
    left.set(title=rf"$\theta$ = {theta:.2f}: each point travels {abs(theta):.2f}")
    right.plot(thetas, emd, color=COLORS["latent"])
    apart = thetas != 0
    for side in (thetas < 0, thetas > 0):
        right.plot(thetas[side], jsd[side], color=COLORS["critic"])
    right.plot(thetas[~apart], jsd[~apart], "o", color=COLORS["critic"])
    now_jsd = np.log(2) if theta else 0.0
    right.plot([theta, theta], [abs(theta), now_jsd], "o", color=COLORS["model"], markersize=8)
    right.set(
        xlim=(-1.1, 1.1), ylim=(-0.06, 1.15), xlabel=r"distance $\theta$ of the lines", ylabel="divergence"
    )
    slopes = f"slope: earth mover {np.sign(theta):+.0f}, Jensen-Shannon 0"
    right.set(title=slopes if theta else "at 0: a kink in one, a jump in the other")
    line_label(right, 1.1, np.log(2), "JSD", COLORS["critic"])
    line_label(right, 1.1, 1.05, "earth\nmover", COLORS["latent"])
    return figure


def transport(x, y, p, q, plan):
    """Masses p of the data at x above masses q of the model at y, and the plan (n, m) between them."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5), width_ratios=[1.6, 1])
    for i, j in zip(*np.nonzero(plan > 1e-9), strict=True):
        left.plot([x[i], y[j]], [1, 0], color=COLORS["latent"], linewidth=22 * plan[i, j], alpha=0.7)
    for places, masses, row, color in ((x, p, 1, "data"), (y, q, 0, "model")):
        left.scatter(places, np.full(len(places), row), s=1800 * masses, color=COLORS[color], zorder=3)
        for number, place in enumerate(places):
            left.text(place, row, number, color="white", ha="center", va="center", zorder=4)
    left.set(yticks=[0, 1], yticklabels=["model q", "data p"], ylim=(-0.35, 1.35), xlabel="place")
    left.set(title="the cheapest plan never crosses itself")
    left.spines["left"].set_visible(False)
    right.imshow(plan, cmap="Oranges", aspect="auto", vmin=0)
    right.set(xlabel="to place j of the model", ylabel="from place i of the data")
    right.set(xticks=range(len(y)), yticks=range(len(x)), title="so its entries form a staircase")
    return figure


def potential(x, y, plan, grid_x, grid_y, f):
    """The best critic f over a grid, f (rows, columns), and the plan (n, m) from x (n, 2) to y (m, 2)."""
    figure, ax = plt.subplots(figsize=(8, 4.4))
    levels = np.arange(np.floor(f.min() * 2) / 2, f.max() + 0.5, 0.5)
    ax.contourf(grid_x, grid_y, f, levels, cmap="Greens", alpha=0.35)
    lines = ax.contour(grid_x, grid_y, f, levels, colors=COLORS["critic"], linewidths=0.7)
    ax.clabel(lines, levels[::2], fmt="%g", fontsize=9.6, colors=COLORS["data"])
    for i, j in zip(*np.nonzero(plan > 1e-9), strict=True):
        ax.plot(*np.stack([x[i], y[j]], axis=1), color=COLORS["latent"], linewidth=1.6)
    ax.plot(*x.T, "o", color=COLORS["data"], markersize=6)
    ax.plot(*y.T, "s", color=COLORS["model"], markersize=6)
    ax.set(aspect="equal", xlim=grid_x[[0, -1]], ylim=grid_y[[0, -1]], xlabel="$x_1$", ylabel="$x_2$")
    ax.set_title(
        "the cheapest plan runs straight down the best critic\ndots: data; squares: model; lines: plan"
    )
    return figure


def area_between(a, b):
    """Distribution functions of two samples; the area between them is the distance."""
    figure, ax = plt.subplots(figsize=(7, 3.3))
    x = np.linspace(min(a.min(), b.min()) - 0.3, max(a.max(), b.max()) + 0.3, 2000)
    below = [(sample[:, None] <= x).mean(axis=0) for sample in (a, b)]
    ax.fill_between(x, *below, color=COLORS["latent"], alpha=0.4, linewidth=0)
    for values, color in zip(below, (COLORS["model"], COLORS["data"]), strict=True):
        ax.plot(x, values, color=color)
    ax.set(xlabel="x", ylabel="share of the sample below x", ylim=(0, 1.08), xlim=(x[0], x[-1]))
    ax.set(title="the area between the two staircases is the earth mover's distance")
    ax.text(x[np.argmax(below[0] > 0.55)] - 0.1, 0.57, "model", color=COLORS["model"], ha="right")
    ax.text(x[np.argmax(below[1] > 0.45)] + 0.1, 0.43, "data", color=COLORS["data"])
    return figure


def critic_on_line(x, curves, a, b, title):
    """Critics f over a grid x, {label: (values, color)}, above the samples a (data) and b (model)."""
    figure, ax = plt.subplots(figsize=(8, 3.6))
    for label, (values, color) in curves.items():
        values = values - values[len(x) // 2]  # a critic is known up to a constant
        ax.plot(x, values, color=color)
        if color == COLORS["noise"]:  # a line to compare with is named where it starts
            line_label(ax, x[0], values[0], label, COLORS["data"], dx=16, dy=4)
        else:
            line_label(ax, x[-1], values[-1], label, color)
    low = min((v - v[len(x) // 2]).min() for v, _ in curves.values())
    for sample, color, row in ((a, COLORS["data"], 0.35), (b, COLORS["model"], 0.75)):
        ax.plot(sample, np.full(len(sample), low - row), "|", color=color, markersize=9, alpha=0.5)
    ax.set(xlim=(x[0], x[-1]), xlabel="x: data in grey, model in blue", ylabel="critic f(x)", title=title)
    return figure


def learning_critic(steps, values, exact, now, x, f, a, b):
    """A critic after `now` steps: its curve over the samples, and its estimate of the distance so far."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4))
    left.plot(x, f, color=COLORS["critic"])
    for sample, color, row in ((a, COLORS["data"], -4.7), (b, COLORS["model"], -5.2)):
        left.plot(sample, np.full(len(sample), row), "|", color=color, markersize=9, alpha=0.5)
    left.set(
        xlim=(x[0], x[-1]), ylim=(-5.6, 4.6), xlabel="x", ylabel="critic f(x)", title=f"after {now} steps"
    )
    right.plot(steps, values, "o-", color=COLORS["critic"], markersize=3.5)
    right.plot([now], [values[list(steps).index(now)]], "o", color=COLORS["model"], markersize=9)
    right.axhline(exact, color=COLORS["latent"], linestyle="--")
    right.annotate(
        "exact distance",
        (steps[-1], exact),
        (0, -14),
        ha="right",
        textcoords="offset points",
        color=COLORS["latent"],
    )
    right.set(xlabel="steps of the critic", ylabel="E f(data) - E f(model)", ylim=(-0.3, 1.35 * exact))
    right.set(title="its estimate of the distance", xlim=(-8, steps[-1] + 8))
    return figure


def clipping(clips, values, bounds, exact, clipped_weights, free_weights, clip):
    """What clipping does: the dual value for several c beside its cap, and where the weights end."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5))
    top = 3 * max(bounds)
    left.fill_between(clips, bounds, top, color=COLORS["wrong"], alpha=0.15, linewidth=0)
    left.loglog(clips, bounds, color=COLORS["wrong"], linestyle="--")
    left.loglog(clips, values, "o-", color=COLORS["critic"])
    left.axhline(exact, color=COLORS["latent"])
    note = {"textcoords": "offset points", "annotation_clip": False}
    left.annotate("exact distance", (clips[0], exact), (8, -15), color=COLORS["data"], **note)
    left.text(
        clips[0] * 1.15,
        top / 4,
        "out of reach: above\nslope bound x distance",
        color=COLORS["wrong"],
        va="top",
    )
    left.annotate("critic", (clips[1], values[1]), (8, -10), color=COLORS["critic"], **note)
    left.set(xlabel="clipping bound c", ylabel="E f(data) - E f(model)", ylim=(None, top))
    left.set(xlim=(clips[0], clips[-1]), title="the unit of the value is set by c")
    left.set_xticks(clips, [f"{c:g}" for c in clips])
    left.minorticks_off()
    bins = np.linspace(-3 * clip, 3 * clip, 61)
    right.hist(np.clip(free_weights, bins[0], bins[-1]), bins, color=COLORS["noise"])
    right.hist(clipped_weights, bins, color=COLORS["wrong"], alpha=0.8)
    right.set(xlabel="weight; grey: with penalty (outer bars: the rest)", ylabel="number of weights")
    right.set(title="clipped weights (red) gather at the ends")
    return figure


def stop_indicator(exact, opponents):
    """Opponents trained against frozen generators at distances exact (k,), beside the best that there is.

    opponents: {title: (values (k,) of trained ones, values (k,) of the best, name of the best, color, unit)}.
    """
    figure, axes = plt.subplots(1, len(opponents), figsize=(9, 3.5), sharex=True)
    for ax, (title, (values, best, name, color, unit)) in zip(axes, opponents.items(), strict=True):
        ax.plot(exact, best, color=COLORS["latent"])
        ax.plot(exact, values, "o", color=color)
        place = {"xytext": (0, -32), "textcoords": "offset points", "ha": "right"}
        ax.annotate(name, (exact[-1], best[-2]), color=COLORS["latent"], **place)
        ax.set(xlabel="true distance", ylabel=f"value, {unit}", title=title, xlim=(0, None))
    return figure


def running_reports(games, every=10):
    """Reports and distances during games of several seeds; games: {title: array (n_seeds, 2, k)}.

    The middle axis of an array holds report and distance. A title begins with the kind of game and a comma.
    every: generator steps between two measurements.
    """
    figure, axes = plt.subplots(2, len(games), figsize=(9.2, 4.8), sharex=True)
    reports_of = {}  # nats share an axis with nats, lengths with lengths
    for column, (title, runs) in zip(axes.T, games.items(), strict=True):
        steps = every * np.arange(runs.shape[2])
        for (report, distance), style in zip(runs, ("-", "--", ":"), strict=True):
            column[0].plot(steps, report, style, color=COLORS["critic"], linewidth=1.2)
            column[1].plot(steps, distance, style, color=COLORS["latent"], linewidth=1.2)
        column[0].axhline(0, color=COLORS["noise"], linewidth=0.8)
        column[0].set_title(title.replace(", one", ",\none"), fontsize=9)
        column[1].set(xlabel="generator steps", ylim=(0, 8.5))
        reports_of.setdefault(title.split(",")[0], []).append(column[0])
    for alike in reports_of.values():
        low, high = min(ax.get_ylim()[0] for ax in alike), max(ax.get_ylim()[1] for ax in alike)
        for ax in alike:
            ax.set_ylim(low, high)
    axes[0, 0].set_ylabel("opponent's report")
    axes[1, 0].set_ylabel("true distance")
    figure.suptitle(
        "both GANs and the one-sided WGANs arrive; the two-sided WGANs run away", x=0.01, ha="left"
    )
    return figure


def lines_between(real, fake, right_way, wrong_way):
    """Pairs of real and fake points (n, 2), and points x^ (n, k, 2) drawn on the lines or off them."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 2.8), sharex=True, sharey=True)
    titles = ("one number per pair: on the line", "one number per coordinate: off it")
    for ax, between, title in zip(axes, (right_way, wrong_way), titles, strict=True):
        ax.plot(*np.stack([real, fake], axis=2).transpose(1, 2, 0), color=COLORS["noise"], linewidth=0.8)
        ax.plot(*real.T, "o", color=COLORS["data"])
        ax.plot(*fake.T, "s", color=COLORS["model"])
        color = COLORS["wrong"] if "off" in title else COLORS["critic"]
        ax.plot(*between.reshape(-1, 2).T, "x", color=color, markersize=5)
        ax.set(title=title, aspect="equal", xlabel="$x_1$")
    axes[0].set_ylabel("$x_2$")
    return figure


def slope_barrier(s, losses):
    """Loss of the critic s x over its slope s (k,), for the penalties in losses: {name: values (k,)}."""
    figure, ax = plt.subplots(figsize=(7, 3.4))
    for (name, values), color, at in zip(losses.items(), ("wrong", "critic"), (0.45, -0.5), strict=True):
        ax.plot(s, values, color=COLORS[color])
        k = np.argmin(np.abs(s - at))
        line_label(ax, s[k], values[k], name, COLORS[color], dx=8, dy=10)
    ax.axvline(0, color=COLORS["noise"], linewidth=0.8)
    ax.set(xlabel="slope s of the critic", ylabel="critic's loss", xlim=(s[0], s[-1]))
    ax.set(title="two-sided: a hill at 0 keeps the wrong slope from turning")
    return figure
