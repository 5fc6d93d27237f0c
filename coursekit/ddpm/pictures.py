"""Pictures of lecture 17: the chain of noise, one step back, the bound, samples, how many steps they took."""

import matplotlib.pyplot as plt
import numpy as np

from coursekit.plots import COLORS, digits_strip, line_label


def strips(rows, image_shape, *, width=8.4, n_columns=None, value_range=(-1, 1), title=""):
    """Rows of images, the label to the left; rows: list of (label, images (n, pixels)).

    n_columns: images side by side, where a label has several rows of them.
    """
    n_columns = n_columns or len(rows[0][1])
    n_rows = [-(-len(images) // n_columns) for _, images in rows]
    height = 0.35 + 0.95 * width * sum(n_rows) / n_columns * image_shape[0] / image_shape[1]
    figure, axes = plt.subplots(len(rows), 1, figsize=(width, height), height_ratios=n_rows, squeeze=False)
    for ax, (label, images) in zip(axes[:, 0], rows, strict=True):
        digits_strip(ax, images, image_shape, n_columns=n_columns, value_range=value_range)
        ax.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=10.5)
    axes[0, 0].set_title(title)
    return figure


def drowning(images, times, image_shape):
    """Images (n_times, n, pixels) of one chain: a column a time, a row an image."""
    n_times, n, _ = images.shape
    figure, ax = plt.subplots(figsize=(8.8, 0.5 + 0.98 * n))
    flat = images.transpose(1, 0, 2).reshape(n * n_times, -1)
    digits_strip(ax, flat, image_shape, n_columns=n_times, value_range=(-1, 1))
    width = image_shape[1] + 1
    ax.set_xticks([width * (i + 0.5) for i in range(n_times)], [f"t = {t}" for t in times])
    ax.tick_params(length=0, labelsize=10.5)
    ax.set_title("a little noise at each step, and in the end nothing else")
    return figure


def schedules(linear, cosine, short):
    """What each step adds, and what is left of the signal; three NoiseSchedules, short is the faulty one."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.2, 3.5))
    cases = [
        (linear, "linear", COLORS["data"], 0.3, (-6, -12, "right")),
        (cosine, "cosine", COLORS["model"], 0.5, (8, 8, "left")),
        (short, f"the linear betas with T = {short.T}", COLORS["wrong"], 0.35, (5, 11, "left")),
    ]
    for schedule, name, color, place, (dx, dy, side) in cases:
        share = np.arange(schedule.T + 1) / schedule.T
        left.plot(share[1:], schedule.betas[1:], color=color)
        right.plot(share, schedule.alpha_bars, color=color)
        at = int(place * schedule.T)
        line_label(right, share[at], schedule.alpha_bars[at].item(), name, color, dx=dx, dy=dy, ha=side)
    left.set(yscale="log", ylim=(5e-5, 1.5), xlabel="t / T", ylabel="variance added by a step")
    left.set_title("what each step adds: $\\beta_t$")
    right.set(ylim=(-0.02, 1.06), xlim=(0, 1), xlabel="t / T", ylabel="share of the signal's variance")
    right.set_title("what is left of the image: $\\bar\\alpha_t$")
    return figure


def product_of_two(grid, before, likelihood, posterior):
    """Densities over x_{t-1}: what x_0 says, what x_t says, and both together."""
    figure, ax = plt.subplots(figsize=(7.6, 3.6))
    parts = [
        (before, COLORS["data"], "from $x_0$: $q(x_{t-1}|x_0)$", {"ha": "left", "dx": 14, "dy": -6}),
        (likelihood, COLORS["latent"], "from $x_t$: $q(x_t|x_{t-1})$", {"ha": "right", "dx": -22, "dy": -6}),
        (posterior, COLORS["model"], "both: $q(x_{t-1}|x_t,x_0)$", {"ha": "center", "dx": 0, "dy": 9}),
    ]
    for values, color, name, place in parts:
        ax.plot(grid, values, color=color)
        peak = int(values.argmax())
        line_label(ax, grid[peak], values[peak], name, color, **place)
    ax.set(xlabel="$x_{t-1}$", ylabel="density", ylim=(0, 1.2 * posterior.max()), yticks=[])
    ax.set_title("the step back lies between the two, and is surer than either")
    return figure


def mixture_over_time(grid, densities, paths):
    """Densities (T + 1, m) of x_t as grey columns, and paths (T + 1, n) of samples on the way back."""
    T = len(densities) - 1
    figure, ax = plt.subplots(figsize=(9, 4))
    shade = (densities / densities.max(axis=1, keepdims=True)).T
    ax.imshow(shade, origin="lower", aspect="auto", cmap="Greys", vmax=1.6, extent=(0, T, grid[0], grid[-1]))
    ax.plot(np.arange(T + 1), paths, color=COLORS["model"], linewidth=1)
    ax.plot(np.zeros(paths.shape[1]), paths[0], "o", color=COLORS["model"], clip_on=False, markersize=4)
    ax.set(xlabel="t   (0: data, T: noise)", ylabel="$x_t$", xlim=(0, T), ylim=(grid[0], grid[-1]))
    ax.set_title("read from right to left: noise walks back into the two humps")
    return figure


def predictor_curves(grid, curves):
    """Estimates of the noise; curves: dict from t to (exact (m,), learned (k, m), density (m,))."""
    figure, axes = plt.subplots(1, len(curves), figsize=(9.2, 3.4), sharey=True)
    for ax, (t, (exact, learned, density)) in zip(axes, curves.items(), strict=True):
        seen = density > 1e-3 * density.max()
        ax.fill_between(grid, -3.2, -3.2 + density / density.max(), color=COLORS["noise"], linewidth=0)
        for curve in learned:
            ax.plot(grid[seen], curve[seen], color=COLORS["model"], linewidth=1.2)
        ax.plot(grid[seen], exact[seen], color=COLORS["data"], linestyle="--", linewidth=1.5)
        ax.set(title=f"t = {t}", xlabel="$x_t$", ylim=(-3.2, 3.2), xlim=(grid[0], grid[-1]))
    axes[0].set_ylabel("estimate of the noise in $x_t$")
    axes[0].text(0.04, 0.95, "exact (dashed)", color=COLORS["data"], transform=axes[0].transAxes, va="top")
    axes[0].text(0.04, 0.86, "three networks", color=COLORS["model"], transform=axes[0].transAxes, va="top")
    axes[-1].text(0.96, 0.3, "where $x_t$\nlies", color="0.4", transform=axes[-1].transAxes, ha="right")
    return figure


def step_weights(bound_weights):
    """Share of the whole weight that falls on each step t = 2..T, in the bound and in the short form."""
    figure, ax = plt.subplots(figsize=(7.6, 3.4))
    t = np.arange(2, len(bound_weights) + 2)
    share, even = bound_weights / bound_weights.sum(), 1 / len(t)
    ax.plot(t, share, color=COLORS["data"])
    ax.axhline(even, color=COLORS["model"])
    line_label(ax, t[-1] * 0.45, even, "short form: the same at every t", COLORS["model"], dx=0, dy=9)
    at = len(t) // 8
    line_label(ax, t[at // 4], share[at // 4], "in the bound", COLORS["data"], dx=10, dy=5)
    ax.set(xlabel="t", ylabel="share of the whole weight", yscale="log", xlim=(0, t[-1]))
    ax.set_title("the bound cares most about the last touches, near t = 1")
    return figure


def clocks(times, embedded, alike):
    """The time embedding (n, k) of times (n,), and the inner products (n,) of one of them with all."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.2, 3.4), width_ratios=[1.4, 1])
    extent = (times[0], times[-1], embedded.shape[1], 0)
    drawn = left.imshow(embedded.T, aspect="auto", cmap="RdBu_r", vmin=-1, vmax=1, extent=extent)
    figure.colorbar(drawn, ax=left, label="value", ticks=[-1, 0, 1])
    half = embedded.shape[1] // 2
    left.axhline(half, color="white", linewidth=2)
    left.set(xlabel="t", title="each t gets a pattern of its own")
    left.set_yticks([half / 2, 1.5 * half], ["cosines,\nfast to slow", "sines,\nfast to slow"])
    left.tick_params(axis="y", length=0)
    right.plot(times, alike, color=COLORS["model"])
    right.set(xlabel="t", ylabel=f"$e(t)\\cdot e({times[alike.argmax()]:.0f})$", ylim=(0, None))
    right.set_title("near times are alike")
    return figure


def falling_lines(lengths, lines, *, title, slope):
    """Log-log errors against T with labels at the ends; lines: list of (name, values, colour name)."""
    figure, ax = plt.subplots(figsize=(7.6, 3.6))
    for name, values, color in lines:
        ax.plot(lengths, values, "o-", color=COLORS[color])
        line_label(ax, lengths[-1], values[-1], name, COLORS[color], dx=8)
    guide = lines[0][1][0] * 1.6 * (np.asarray(lengths) / lengths[0]) ** float(slope)
    ax.plot(lengths, guide, ":", color="0.4", linewidth=1.2)
    line_label(ax, lengths[0], guide[0], f"slope {slope:g}", "0.4", dx=12, dy=3)
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="number of steps T",
        ylabel="standard deviation too small by",
        title=title,
    )
    ax.set_xticks(lengths, [str(T) for T in lengths])
    ax.xaxis.minorticks_off()
    return figure


def quality(runs, level):
    """Measures against the number of strides, for eta 0 and 1: mean and range over the seeds.

    runs: stored rows of `recipe.class_quality` with `strides` and `eta`. level: the same of real digits.
    """
    figure, axes = plt.subplots(1, 3, figsize=(9.2, 3.3))
    counts = sorted(set(runs.column("strides", part="strides")))
    panels = (
        ("surest of the blur", "confidence", "confidence of the judge"),
        ("distance falls to the end", "Frechet distance", "Fréchet distance"),
        ("and variety rises", "recall", "recall"),
    )
    for ax, (title, key, unit) in zip(axes, panels, strict=True):
        for eta, color, dy in ((0.0, "model", -1), (1.0, "latent", 1)):
            columns = [runs.column(key, part="strides", strides=n, eta=eta) for n in counts]
            means = [column.mean() for column in columns]
            ax.plot(counts, means, "o-", color=COLORS[color], markersize=4)
            low, high = ([f(column) for column in columns] for f in (min, max))
            ax.fill_between(counts, low, high, color=COLORS[color], alpha=0.2, linewidth=0)
            if ax is axes[0]:
                side = "left" if dy > 0 else "right"
                name = f"$\\eta$ = {eta:g}"
                line_label(ax, counts[2], means[2], name, COLORS[color], dx=6 * dy, dy=10 * dy, ha=side)
        ax.axhline(level[key], color=COLORS["data"], linestyle=":", linewidth=1.2)
        ax.set(xscale="log", xlabel="strides", ylabel=unit, title=title)
        ax.set_xticks(counts, [str(n) for n in counts])
        ax.minorticks_off()
    axes[1].set_yscale("log")
    return figure


def guidance(runs):
    """Measures against the strength of guidance, mean and range over the seeds; runs: as in `quality`."""
    figure, axes = plt.subplots(1, 3, figsize=(9.2, 3.2))
    strengths = sorted(set(runs.column("guidance", part="guidance")))
    places = np.arange(len(strengths))
    lines = (
        (axes[0], "read as asked", "", "model", (0, 0)),
        (axes[1], "Frechet distance", "", "model", (0, 0)),
        (axes[2], "precision", "precision", "model", (12, 6)),
        (axes[2], "recall", "recall", "latent", (4, -12)),
    )
    for ax, key, name, color, (dx, dy) in lines:
        columns = np.array([runs.column(key, part="guidance", guidance=w) for w in strengths])
        columns = 1 - columns if ax is axes[0] else columns
        ax.plot(places, columns.mean(1), "o-", color=COLORS[color], markersize=4)
        ax.fill_between(places, columns.min(1), columns.max(1), color=COLORS[color], alpha=0.2, linewidth=0)
        line_label(ax, places[0], columns[0].mean(), name, COLORS[color], dx=dx, dy=dy)
        ax.set_xlabel("guidance $w$")
        ax.set_xticks(places, [f"{w:g}" for w in strengths])
    axes[0].set(ylabel="misread by the judge", title="a little is enough")
    axes[1].set(yscale="log", ylabel="Fréchet distance", title="best at a quarter")
    axes[2].set(ylabel="share", ylim=(0, 1.05), title="what it costs")
    return figure


def one_time(rows, image_shape, score, t, T):
    """Explorer at time t: strips of clean, noisy and estimated images, and one number with its step back.

    score: dict with the clean value, the estimated one, x_t, and means and spread of the two posteriors.
    """
    figure = plt.figure(figsize=(9.2, 3.2))
    parts = figure.add_gridspec(3, 2, width_ratios=[1.7, 1])
    for i, (label, images) in enumerate(rows):
        ax = figure.add_subplot(parts[i, 0])
        digits_strip(ax, images, image_shape, n_columns=len(images), value_range=(-1, 1))
        ax.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=10)
        if i == 0:
            ax.set_title(f"t = {t} of {T}")
    right = figure.add_subplot(parts[:, 1])
    grid = np.linspace(-3.5, 3.5, 1401)
    for mean, color, width in (
        (score["true mean"], COLORS["noise"], 6),
        (score["estimated mean"], COLORS["model"], 1.8),
    ):
        right.plot(grid, np.exp(-0.5 * ((grid - mean) / score["spread"]) ** 2), color=color, linewidth=width)
    marks = (("clean", "data", -0.14), ("estimate", "model", -0.3), ("noisy", "latent", -0.46))
    for name, color, height in marks:
        right.plot(score[name], height, "v", color=COLORS[color], markersize=9)
        right.text(score[name] + 0.18, height, name, color=COLORS[color], va="center", fontsize=10)
    right.set(xlim=(-3.5, 3.5), ylim=(-0.6, 1.15), yticks=[], xlabel="first score of the first image")
    right.set_title("$x_{t-1}$: given $x_0$, and its estimate", fontsize=10.5)
    return figure
