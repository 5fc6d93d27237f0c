"""Pictures of lecture 11: a latent curve, bars of the bound, gradient noise, latent maps, rows of digits."""

import matplotlib.pyplot as plt
import numpy as np

from coursekit.plots import COLORS, CYCLE, digits_strip, line_label

PIXELS = (0, 1)  # pixels and pixel probabilities share one grey scale


def latent_curve(z, curve, samples, marked):
    """One latent z (m,), the points curve (m, 2) it is decoded to, draws (n, 2), and marked points (k, 2)."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), width_ratios=[1, 1.5])
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    left.plot(z, density, color=COLORS["latent"])
    left.fill_between(z, density, color=COLORS["latent"], alpha=0.25, linewidth=0)
    left.set(xlabel="latent z", ylabel="density", title="a hidden number is drawn", ylim=(0, None))
    right.plot(*samples.T, ".", color=COLORS["noise"], markersize=4)
    right.plot(*curve.T, color=COLORS["model"])
    for number, (point, side) in enumerate(zip(marked, (1, -1), strict=True), start=1):
        right.plot(*point, "o", color=COLORS["data"], markersize=8)
        right.annotate(f"$x_{number}$", point, (side * 12, 8), textcoords="offset points", fontsize=12)
    right.set(aspect="equal", xlabel="first feature", ylabel="second feature")
    right.set(title="it is decoded to a point of the curve, and noise is added")
    return figure


def estimates(values, truths, titles, *, xlabel):
    """Histograms of estimates of log p(x): values and titles one per panel, truths the vertical lines."""
    figure, axes = plt.subplots(1, len(values), figsize=(9, 3.2))
    for ax, draws, truth, title in zip(np.atleast_1d(axes), values, truths, titles, strict=True):
        ax.hist(draws, bins=40, color=COLORS["model"], alpha=0.7)
        ax.axvline(truth, color=COLORS["data"], linewidth=2)
        ax.annotate(
            "log p(x)", (truth, 1), (4, -2), xycoords=("data", "axes fraction"), textcoords="offset points",
            va="top", color=COLORS["data"],
        )  # fmt: skip
        ax.set(xlabel=xlabel, title=title, yticks=[], ylim=(0, 1.25 * np.histogram(draws, 40)[0].max()))
        ax.spines.left.set_visible(False)
    return figure


def approximate_posteriors(z, posterior, densities, terms, log_p, names):
    """Each q(z | x) (m,) over the true posterior (m,), and below it its bound and its gap as one bar."""
    figure, axes = plt.subplots(2, len(names), figsize=(9, 4.6), sharex="row", height_ratios=[2, 1])
    for ax, below, q, (elbo, gap), name in zip(*axes, densities, terms, names, strict=True):
        ax.fill_between(z, posterior, color=COLORS["noise"], alpha=0.7, linewidth=0)
        ax.plot(z, q, color=COLORS["latent"])
        ax.set(xlim=(-2.5, 2.5), ylim=(0, 1.1 * max(d.max() for d in (posterior, *densities))), yticks=[])
        ax.set(title=name, xlabel="latent z")
        below.barh(0, elbo - log_p, color=COLORS["model"], height=0.5)
        below.axvline(0, color=COLORS["data"], linewidth=2)
        below.text(0.02, 0.92, f"KL to the posterior: {gap:.2f}", transform=below.transAxes, va="top")
        below.set(ylim=(-0.5, 1.0), yticks=[], xlabel="ELBO $-$ log p(x), nats")
        below.set(xlim=(1.15 * min(e - log_p for e, _ in terms), 0.15))
    axes[0, 0].text(0.03, 0.95, "q(z | x)", color=COLORS["latent"], va="top", transform=axes[0, 0].transAxes)
    axes[0, 0].text(
        0.03, 0.83, "p(z | x)", color=COLORS["data"], va="top", transform=axes[0, 0].transAxes, alpha=0.7
    )
    return figure


def gradient_noise(pathwise, score_function, truth):
    """Single-sample gradients (n,) of two estimators on shared axes, and the true gradient."""
    figure, axes = plt.subplots(2, 1, figsize=(7.4, 4.2), sharex=True)
    low, high = (np.quantile(np.concatenate([score_function, pathwise]), q) for q in (0.005, 0.999))
    bins = np.linspace(low, high, 81)
    rows = ((score_function, "score function", "wrong"), (pathwise, "reparametrised", "model"))
    for ax, (draws, name, color) in zip(axes, rows, strict=True):
        ax.hist(draws, bins=bins, color=COLORS[color], alpha=0.75)
        ax.axvline(truth, color=COLORS["data"])
        ax.set(xlim=(low, high), yticks=[], title=f"{name}: standard deviation {draws.std():.1f}")
    axes[1].set_xlabel("gradient from one sample of z; the line is the truth, and the mean of both")
    return figure


def strips(rows, image_shape, *, value_range=PIXELS, title=""):
    """Rows of pictures, each with its label to the left: rows is a dict from labels to images (n, pixels)."""
    n = max(len(images) for images in rows.values())
    size = (8.8, 0.3 + (7.1 / n + 0.07) * len(rows))
    figure, axes = plt.subplots(len(rows), 1, figsize=size, squeeze=False, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.12)
    for ax, (label, images) in zip(axes[:, 0], rows.items(), strict=True):
        digits_strip(ax, images, image_shape, n_columns=len(images), value_range=value_range)
        ax.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=10.5)
        ax.set_anchor("W")  # centred, the row would draw its label into the margin
    axes[0, 0].set_title(title)
    return figure


def manifold(images, image_shape, side):
    """Decodings of a side x side grid of (z1, z2), first row on top (largest z2)."""
    figure, ax = plt.subplots(figsize=(6.4, 6.4))
    digits_strip(ax, images, image_shape, n_columns=side, value_range=PIXELS)
    ax.set_xlabel("$z_1$: from the 2nd to the 98th percentile of the prior", fontsize=10.5)
    ax.set_ylabel("$z_2$: the same, upwards", fontsize=10.5)
    ax.set_title("neighbours in z look alike, and one digit turns into another")
    return figure


def latent_map(z, labels, *, ax=None, title="", reach=3.1, size=5, write=True):
    """Codes z (n, 2) coloured by label, and the circles that hold 50 % and 95 % of the prior."""
    figure, ax = (ax.figure, ax) if ax is not None else plt.subplots(figsize=(6.6, 6))
    written = []
    for label in np.unique(labels):
        points, color = z[labels == label], CYCLE[int(label) % 10]
        ax.plot(*points.T, ".", color=color, alpha=0.6, markersize=size)
        if write:
            badge = {"boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": color, "lw": 1.6}
            middle = np.median(points, axis=0)
            while any(np.linalg.norm(middle - other) < 0.07 * reach for other in written):
                middle = middle - [0.03 * reach, 0.0]  # two kinds in one place: their names side by side
            written.append(middle)
            ax.text(*middle, str(label), fontsize=12, fontweight="bold", ha="center", va="center", bbox=badge)
    turn = np.linspace(0, 2 * np.pi, 100)
    for share in (0.5, 0.95):  # of a standard normal in the plane: radius sqrt(-2 log(1 - share))
        radius = np.sqrt(-2 * np.log(1 - share))
        ax.plot(radius * np.cos(turn), radius * np.sin(turn), color=COLORS["data"], lw=1, ls=":")
        if write:
            ax.text(0, radius, f"{share:.0%}", ha="center", va="bottom", fontsize=9.6, color=COLORS["data"])
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", title=title)
    ax.set(xlabel="$z_1$", ylabel="$z_2$")
    return figure


def bound_by_samples(ks, bounds, log_p):
    """Importance-weighted bound (m,) at k samples (m,), below the exact log-likelihood."""
    figure, ax = plt.subplots(figsize=(7.2, 3.7))
    ax.plot(ks, bounds, "o-", color=COLORS["model"])
    ax.axhline(log_p, color=COLORS["data"], linestyle="--")
    ax.set(xscale="log", xlabel="samples K for each picture", ylabel="nats for each picture")
    ax.set(title="more samples, a tighter bound: from the ELBO up to log p(x)")
    ax.set(xticks=ks, xticklabels=ks, xlim=(ks[0] / 1.3, ks[-1] * 1.5))
    ax.minorticks_off()
    line_label(ax, ks[0], log_p, "log p(x), by quadrature", COLORS["data"], dx=0, dy=-11)
    line_label(ax, ks[0], bounds[0], "ELBO", COLORS["model"], dx=10, dy=-2)
    return figure


def gaps(log_p, best, encoder, order):
    """Per picture: log p(x), the bound at its own best q, the bound at the encoder's q; each (n,)."""
    figure, ax = plt.subplots(figsize=(8.2, 3.8))
    where = np.arange(len(order))
    lost, missed = log_p - best, log_p - encoder
    ax.fill_between(where, 0, lost[order], color=COLORS["noise"], linewidth=0, step="mid")
    ax.fill_between(
        where, lost[order], missed[order], color=COLORS["wrong"], alpha=0.6, linewidth=0, step="mid"
    )
    ax.set(xlim=(0, len(order) - 1), ylim=(0, None), xlabel="pictures, sorted by the gap of the encoder")
    ax.set(ylabel="log p(x) $-$ bound, nats", title="most of the gap is the encoder's")
    ax.text(0.03, 0.93, "amortisation gap: the encoder's q is not the best one", color=COLORS["wrong"],
            transform=ax.transAxes, va="top")  # fmt: skip
    ax.text(0.03, 0.84, "grey: even the best diagonal Gaussian is not the posterior", color=COLORS["data"],
            transform=ax.transAxes, va="top")  # fmt: skip
    return figure


def switched_off(eigenvalues, runs):
    """Eigenvalues (k,), assumed variances, and what latents carry; runs: pairs (variance, sorted KL (k,))."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
    numbers = np.arange(1, len(eigenvalues) + 1)
    left.plot(numbers, eigenvalues, "o-", color=COLORS["data"], markersize=3.5)
    colors = (COLORS["model"], COLORS["latent"], COLORS["wrong"])
    for (variance, kl), color in zip(runs, colors, strict=True):
        left.axhline(variance, color=color, linestyle="--", linewidth=1.2)
        line_label(left, numbers[-1] + 0.15, variance, f"$s^2$ = {variance:g}", color, dx=3)
        right.plot(np.arange(1, len(kl) + 1), kl, "o-", color=color, markersize=4)
        line_label(right, 1, kl[0], f"$s^2$ = {variance:g}", color, dx=8, dy=8)
    left.set(yscale="log", xlabel="principal component", ylabel="variance of the data along it")
    left.set(title="above the assumed variance (dashed)?", xticks=numbers, xlim=(0.8, numbers[-1] + 0.15))
    most = max(kl.max() for _, kl in runs)
    right.set(xlabel="latent, sorted", ylabel="KL of that latent (nats)", title="what each latent carries")
    right.set(xticks=numbers, ylim=(-0.05 * most, 1.2 * most))
    return figure
