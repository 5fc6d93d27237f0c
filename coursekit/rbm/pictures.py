"""Pictures of lecture 08: energies and chains of small machines, phases, the bias of CD-k, filters."""

import matplotlib.pyplot as plt
import numpy as np

from coursekit.plots import COLORS, digits_strip, line_label


def picture_rows(rows, image_shape, *, n_columns=22):
    """Strips of binary pictures below each other; rows: list of (title, images (n, pixels))."""
    lines = [-(-len(images) // n_columns) for _, images in rows]
    line = 9.2 / n_columns * (image_shape[0] + 1) / (image_shape[1] + 1)  # inches, as wide as the page
    height = line * sum(lines) + 0.36 * len(rows)
    figure, axes = plt.subplots(len(rows), 1, figsize=(9.2, height), height_ratios=lines, squeeze=False)
    for ax, (title, images) in zip(axes.flat, rows, strict=True):
        _framed_strip(ax, np.asarray(images), image_shape, n_columns)
        ax.set_title(title)
    return figure


def two_graphs():
    """The couplings of a machine with eight units: all of them, and only those between two layers."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.6, 3.2))
    turn = np.pi / 8 + np.pi / 4 * np.arange(8)
    circle = np.stack([1.5 * np.cos(turn), np.sin(turn)], axis=1)
    for i in range(8):
        for j in range(i):
            left.plot(*circle[[i, j]].T, color=COLORS["noise"], linewidth=1, zorder=0)
    left.plot(*circle.T, "o", color=COLORS["data"], markersize=15)
    left.set(title="Boltzmann machine: every pair is coupled")
    visible = np.stack([np.linspace(-1.5, 1.5, 5), np.full(5, -0.7)], axis=1)
    hidden = np.stack([np.linspace(-1, 1, 3), np.full(3, 0.7)], axis=1)
    for v in visible:
        for h in hidden:
            right.plot(*np.transpose([v, h]), color=COLORS["noise"], linewidth=1, zorder=0)
    right.plot(*visible.T, "o", color=COLORS["data"], markersize=15)
    right.plot(*hidden.T, "o", color=COLORS["latent"], markersize=15)
    right.text(1.8, -0.7, "visible v", color=COLORS["data"], va="center", fontsize=11)
    right.text(1.8, 0.7, "hidden h", color=COLORS["latent"], va="center", fontsize=11)
    right.set(title="restricted: couplings only across the two layers")
    for ax, reach in ((left, 1.9), (right, 2.7)):
        ax.set(xlim=(-1.9, reach), ylim=(-1.25, 1.25), aspect="equal", xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    return figure


def energy_landscape(energy, probability, names):
    """Energies and probabilities (2^n, 2^m) of all states of a tiny machine, with the numbers written in."""
    figure, axes = plt.subplots(1, 2, figsize=(8.6, 3.7), sharey=True)
    left = (axes[0], energy, "Greys_r", "energy E(v, h): valleys are dark", "{:.1f}")
    right = (axes[1], probability, "Blues", "probability exp(-E) / Z", "{:.2f}")
    for ax, table, cmap, title, form in (left, right):
        image = ax.imshow(table, cmap=cmap, aspect="auto")
        for (i, j), value in np.ndenumerate(table):
            light = np.dot(image.to_rgba(value)[:3], [0.2126, 0.7152, 0.0722])
            color = "white" if light < 0.46 else "black"  # there both have the same contrast
            ax.text(j, i, form.format(value), ha="center", va="center", color=color)
        ax.set(xticks=range(len(names)), xticklabels=names, yticks=range(len(names)), yticklabels=names)
        ax.set(title=title, xlabel="hidden units $h_1 h_2$")
        ax.spines[:].set_visible(False)
        ax.tick_params(length=0)
    axes[0].set_ylabel("visible units $v_1 v_2$")
    return figure


def free_energy_parts(names, parts, labels):
    """What each unit adds to the free energy of each visible state; parts (states, 3), 3 labels."""
    figure, ax = plt.subplots(figsize=(8, 3.8))
    colors, hatches = [COLORS["data"], COLORS["latent"], COLORS["latent"]], ["", "", "///"]
    width = 0.2
    places = np.arange(len(names))
    for k, (label, color, hatch) in enumerate(zip(labels, colors, hatches, strict=True)):
        style = {"color": color, "hatch": hatch, "edgecolor": "white", "linewidth": 0}
        ax.bar(places + (k - 1.5) * width, parts[:, k], width * 0.92, label=label, **style)
    ax.bar(places + 1.5 * width, parts.sum(1), width * 0.92, color=COLORS["model"], label="sum: F(v)")
    ax.axhline(0, color=COLORS["data"], linewidth=0.8)
    ax.set(xticks=places, xticklabels=names, xlabel="visible units $v_1 v_2$", ylabel="nats")
    ax.set(title="every hidden unit that recognises v lowers its free energy")
    ax.legend(loc="lower right", ncols=2)
    ax.set_ylim(1.45 * parts.sum(1).min(), 1.2 * max(parts.max(), 0.3))
    return figure


def there_and_back(flow, joint_flow):
    """Probability flowing from state to state against the flow back, for two kernels (states, states)."""
    figure, axes = plt.subplots(1, 2, figsize=(8.4, 4.2), sharex=True, sharey=True)
    titles = ("v to v': as much there as back", "(v, h) to (v', h'): not so")
    ends = [1e-9, 3 * flow.max()]
    for ax, table, title in zip(axes, (flow, joint_flow), titles, strict=True):
        upper = np.triu_indices(len(table), 1)
        ax.plot(ends, ends, color=COLORS["noise"], linewidth=1, zorder=0)
        size, alpha = (4, 0.8) if len(upper[0]) < 500 else (2, 0.25)
        ax.plot(table[upper], table.T[upper], "o", color=COLORS["model"], markersize=size, alpha=alpha, mew=0)
        ax.set(xscale="log", yscale="log", xlim=ends, ylim=ends, aspect="equal", title=title)
        ax.set(xlabel="flow from s to s'")
    axes[0].set(ylabel="flow from s' to s")
    return figure


def visits(exact, measured, errors, names):
    """Share of time in each state, with its standard error, over the exact probabilities."""
    figure, ax = plt.subplots(figsize=(8.6, 3.6))
    places = np.arange(len(exact))
    ax.bar(places, exact, color=COLORS["model"], alpha=0.35, width=0.8)
    ax.errorbar(places, measured, 3 * errors, fmt="o", color=COLORS["data"], markersize=4, capsize=2)
    ax.set(xticks=places, xlabel="visible state", ylabel="probability", ylim=(0, None))
    ax.set_xticklabels(names, rotation=45, fontsize=9.6)
    ax.set(title="bars: exact; dots: share of the chains' time, with 3 standard errors")
    return figure


def two_phases(before, after, is_data, states, image_shape):
    """-log p of every state before and after some exact steps: data fall, former favourites rise."""
    order = np.argsort(before)
    figure, ax = plt.subplots(figsize=(9, 4.2))
    for place, i in enumerate(order):
        color = COLORS["data"] if is_data[i] else COLORS["model"]
        style = {"arrowstyle": "-|>", "color": color, "lw": 2 if is_data[i] else 1.2}
        ax.annotate("", (place, after[i]), (place, before[i]), arrowprops=style)
        ax.plot(place, before[i], "o", color=color, markersize=4)
        _picture_below(ax, place, states[i], image_shape)
    low, high = min(before.min(), after.min()), max(before.max(), after.max())
    ax.set(xlim=(-0.7, len(order) - 0.3), ylim=(low - 0.3, high + 0.3), xticks=[])
    ax.set(ylabel="-log p (nats)", title="400 steps: data (dark) end at one level, old favourites rise")
    return figure


def likelihood_curves(steps, curves, best):
    """Exact mean log p over steps; curves {estimator: (seeds, steps)}, the worst first; best: a line."""
    figure, ax = plt.subplots(figsize=(8.4, 4))
    colors = zip(curves.items(), ("wrong", "model", "critic"), (0, 7, -7), strict=True)
    for (label, values), color, dy in colors:
        ax.plot(steps, np.transpose(values), color=COLORS[color], linewidth=1.3, alpha=0.75)
        line_label(ax, steps[-1], np.mean(values, 0)[-1], label, COLORS[color], dy=dy)
    ax.axhline(best, color=COLORS["data"], linestyle=":", linewidth=1.2)
    line_label(ax, steps[-1], best, "-log 22, the best", COLORS["data"])
    ax.set(xlabel="update", ylabel="exact mean log p (nats)", xlim=(0, steps[-1]))
    ax.set(title="CD-1 stops first; three seeds each, the same rate and number of updates")
    return figure


def grey_rows(images, image_shape, *, title, n_columns=10):
    """Images (n, pixels) from 0 paper to 1 ink, ten in a row and large enough to be read."""
    n_rows = -(-len(images) // n_columns)
    figure, ax = plt.subplots(figsize=(9.2, 9.2 / n_columns * n_rows + 0.35))
    digits_strip(ax, np.asarray(images), image_shape, n_columns=n_columns, value_range=(0, 1), title=title)
    return figure


def filters(weight, image_shape, *, n_columns=8, title=""):
    """Rows of `weight` (n_hidden, pixels) as pictures: red wants the pixel on, blue wants it off."""
    n_rows = -(-len(weight) // n_columns)
    size = 9.2 / n_columns
    figure, axes = plt.subplots(
        n_rows, n_columns, figsize=(9.2, n_rows * size * image_shape[0] / image_shape[1] * 0.92 + 0.4)
    )
    limit = np.quantile(np.abs(weight), 0.99)
    for ax in axes.flat:
        ax.axis("off")
    for ax, row in zip(axes.flat, weight, strict=False):
        ax.imshow(row.reshape(image_shape), cmap="RdBu_r", vmin=-limit, vmax=limit)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11.5)
    return figure


def cd_bias(ks, groups):
    """Direction and length of the expected CD-k gradient; groups: (label, color, cosines, ratios).

    cosines and ratios are (seeds, k): against the exact gradient, one curve per seed.
    """
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), sharex=True)
    for label, color, *values in groups:
        for ax, curves in zip(axes, values, strict=True):
            ax.plot(ks, np.transpose(curves), "o-", color=COLORS[color], markersize=3.5, linewidth=1.2)
            line_label(ax, ks[-1], np.mean(curves, 0)[-1], label, COLORS[color], dy=-9 * (label == "late"))
    for ax in axes:
        ax.axhline(1, color=COLORS["noise"], linewidth=1, zorder=0)
        ax.set(xscale="log", xlabel="Gibbs steps k", ylim=(-0.35, 1.1), xticks=ks, xticklabels=ks)
        ax.minorticks_off()
    axes[0].set(title="cosine with the exact gradient")
    axes[1].set(title="length, as a share of the exact one")
    return figure


def ais_estimates(n_steps, estimates, errors, exact):
    """AIS estimates of log Z with 3 standard errors, against the number of steps, and the exact value."""
    figure, ax = plt.subplots(figsize=(7.6, 3.6))
    ax.axhline(exact, color=COLORS["data"], linewidth=1.2)
    ax.errorbar(
        n_steps, estimates, 3 * np.asarray(errors), fmt="o", color=COLORS["model"], capsize=3, markersize=5
    )
    line_label(ax, n_steps[-1], exact, "exact", COLORS["data"], dx=26)
    ax.set(xscale="log", xlabel="steps from the known machine to ours", ylabel="log Z (nats)")
    ax.set(title="a slower walk is surer (bars: 3 standard errors)")
    return figure


def means_and_points(points, names, means, probability, *, title):
    """Points (n, 2), and the means (m, 2) of a Gaussian machine's hidden states, as large as probable."""
    figure, ax = plt.subplots(figsize=(7.6, 4.6))
    ax.plot(*points.T, "o", color=COLORS["data"], markersize=4, alpha=0.7)
    for name, point in zip(names, points, strict=True):
        if name:
            ax.annotate(name, point, (5, 4), textcoords="offset points", fontsize=9.6, color=COLORS["data"])
    turn = np.linspace(0, 2 * np.pi, 100)
    for mean, p in zip(means, probability, strict=True):
        ax.plot(mean[0] + np.cos(turn), mean[1] + np.sin(turn), color=COLORS["latent"], alpha=0.25 + 0.7 * p)
        ax.plot(*mean, "o", color=COLORS["latent"], markersize=4 + 14 * p)
    ax.set(
        xlabel="score on the first principal component",
        ylabel="score on the second",
        aspect="equal",
        title=title,
    )
    return figure


def error_and_likelihood(steps, errors, likelihoods, exact):
    """Reconstruction error of CD-1 above, exact log-likelihoods below, over steps; one line per seed.

    likelihoods are those of CD-1, exact those along the exact gradient, each (seeds, steps).
    """
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(8, 4.8), sharex=True)
    top.plot(steps, np.transpose(errors), color=COLORS["data"], linewidth=1.3)
    top.set(yscale="log", ylabel="pixels", title="CD-1: its reconstruction error keeps falling")
    for label, values, color in (("exact gradient", exact, "critic"), ("CD-1", likelihoods, "wrong")):
        bottom.plot(steps, np.transpose(values), color=COLORS[color], linewidth=1.3)
        line_label(bottom, steps[-1], np.mean(values, 0)[-1], label, COLORS[color])
    bottom.set(xlabel="update", ylabel="nats", xlim=(0, steps[-1]))
    bottom.set(title="exact mean log p: of CD-1 up, then down; along the exact gradient up")
    return figure


def valleys(probability, states, image_shape, even):
    """Probability (n,) of the pictures states (n, pixels) on a log axis, largest first; even: a line."""
    order = np.argsort(-probability)
    figure, ax = plt.subplots(figsize=(9.2, 3.8))
    ax.vlines(range(len(order)), 1e-7, probability[order], color=COLORS["wrong"], linewidth=5, alpha=0.5)
    ax.plot(probability[order], "o", color=COLORS["wrong"], markersize=6)
    ax.axhline(even, color=COLORS["data"], linestyle=":", linewidth=1.2)
    ax.text(len(order) - 0.6, even * 1.15, "if all were equal", color=COLORS["data"], ha="right", va="bottom")
    ax.set(yscale="log", xlim=(-0.7, len(order) - 0.3), xticks=[], ylabel="probability")
    ax.set(
        ylim=(probability.min() / 3, 1.2),
        title="long CD-1 at a large, constant rate: valleys of very different depth",
    )
    for place, i in enumerate(order):
        _picture_below(ax, place, states[i], image_shape)
    return figure


def _picture_below(ax, place, state, image_shape):
    inset = ax.inset_axes([place - 0.4, -0.15, 0.8, 0.12], transform=ax.get_xaxis_transform())
    _framed_strip(inset, state[None], image_shape, 1)


def _framed_strip(ax, images, image_shape, n_columns):
    """Black on white pictures on a grey ground, so that an empty picture is seen too."""
    height, width = image_shape
    canvas = np.full((-(-len(images) // n_columns) * (height + 1) + 1, n_columns * (width + 1) + 1), 0.25)
    for i, picture in enumerate(images):
        top, left = (i // n_columns) * (height + 1) + 1, (i % n_columns) * (width + 1) + 1
        canvas[top : top + height, left : left + width] = picture.reshape(image_shape)
    last = -(-len(images) // n_columns) * (height + 1)
    canvas[last - height :, (len(images) - 1) % n_columns * (width + 1) + width + 2 :] = 0
    ax.imshow(canvas, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
