"""Pictures of lecture 01: clouds and lines, biplots, scree plots, the SVD as three moves."""

import matplotlib.pyplot as plt
import numpy as np

from coursekit.plots import COLORS, CYCLE, digits_strip, line_label


def feature_pairs(x, names):
    """Every feature against every other: x (n, d) with d = 4, six panels."""
    figure, axes = plt.subplots(2, 3, figsize=(9, 5.4))
    pairs = [(i, j) for i in range(4) for j in range(i + 1, 4)]
    for ax, (i, j) in zip(axes.flat, pairs, strict=True):
        ax.plot(x[:, i], x[:, j], "o", color=COLORS["data"], markersize=3.5, alpha=0.8)
        correlation = np.corrcoef(x[:, i], x[:, j])[0, 1]
        ax.set(xlabel=names[i], ylabel=names[j], title=f"correlation {correlation:.2f}")
    return figure


def line_through_cloud(x, angle):
    """A centred cloud x (n, 2), a line at `angle` degrees, what the line keeps and what it loses."""
    turn = np.radians(angle)
    direction = np.array([np.cos(turn), np.sin(turn)])
    feet = np.outer(x @ direction, direction)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5), width_ratios=[1, 1.3])
    for point, foot in zip(x, feet, strict=True):
        left.plot(*zip(point, foot, strict=True), color=COLORS["wrong"], linewidth=0.8, alpha=0.6)
    left.plot(*x.T, "o", color=COLORS["data"], markersize=4)
    left.plot(*feet.T, "o", color=COLORS["latent"], markersize=3.5)
    reach = 1.15 * np.abs(x).max()
    left.plot(*np.outer([-2 * reach, 2 * reach], direction).T, color=COLORS["model"], zorder=0)
    left.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xlabel="first feature")
    left.set(ylabel="second feature", title=f"the line at {angle:.0f} degrees")

    angles = np.radians(np.arange(0, 181))
    directions = np.stack([np.cos(angles), np.sin(angles)])
    kept = ((x @ directions) ** 2).mean(axis=0)
    total = (x**2).sum(axis=1).mean()
    now = ((x @ direction) ** 2).mean()
    right.plot(np.degrees(angles), kept, color=COLORS["latent"])
    right.plot(np.degrees(angles), total - kept, color=COLORS["wrong"])
    right.axhline(total, color=COLORS["data"], linestyle=":", linewidth=1.2)
    right.plot([angle] * 2, [now, total - now], "o", color=COLORS["model"], zorder=3)
    right.axvline(angle, color=COLORS["model"], linewidth=0.8)
    right.set(xlim=(0, 180), ylim=(0, 1.2 * total), xticks=range(0, 181, 45))
    right.set(
        xlabel="angle of the line (degrees)", ylabel="mean square", title="kept + lost = total, at each angle"
    )
    line_label(right, 180, kept[-1], "variance\nkept", COLORS["latent"])
    line_label(right, 180, total - kept[-1], "squared\nerror", COLORS["wrong"])
    line_label(right, 180, total, "total", COLORS["data"], dy=8)
    return figure


def biplot(scores, components, row_names, feature_names, *, ax=None, title="", label_rows=True):
    """Scores (n, 2) as points, components (2, d) as arrows, as in textbook Figure 10.1.

    Scores are read on the axes at the bottom and left, loadings on those at the top and right.
    """
    figure, ax = (ax.figure, ax) if ax is not None else plt.subplots(figsize=(9, 8))
    limit = 1.14 * np.abs(scores).max()
    ax.axhline(0, color=COLORS["noise"], linewidth=0.8, zorder=0)
    ax.axvline(0, color=COLORS["noise"], linewidth=0.8, zorder=0)
    ax.plot(*scores.T, "o", color=COLORS["latent"], markersize=3, zorder=3)
    ax.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal", title=title)
    ax.set(xlabel="score on the first component", ylabel="score on the second component")
    arrow = 0.9 * limit / np.abs(components).max()
    scale = {"functions": (lambda score: score / arrow, lambda loading: loading * arrow)}
    for letter, second in (("x", ax.secondary_xaxis), ("y", ax.secondary_yaxis)):
        axis = second("top" if letter == "x" else "right", **scale)
        axis.tick_params(axis=letter, colors=COLORS["model"])
        axis.set(**{f"{letter}label": "loading"})
        getattr(axis, f"{letter}axis").label.set_color(COLORS["model"])
    for loading, name in zip(components.T, feature_names, strict=True):
        tip = arrow * loading
        ax.annotate("", tip, (0, 0), arrowprops={"arrowstyle": "->", "color": COLORS["model"], "lw": 1.8})
        place = {"ha": "left" if tip[0] >= 0 else "right", "va": "bottom" if tip[1] >= 0 else "top"}
        ax.text(*(1.03 * tip), name, color=COLORS["model"], fontsize=11, fontweight="bold", **place)
    if label_rows:
        _label_points(ax, scores, row_names, arrow * components.T)
    return figure


def scree(ratio):
    """Share of variance of each component and of the first k together; ratio (k,)."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True)
    numbers = np.arange(1, len(ratio) + 1)
    for ax, values in ((left, ratio), (right, np.cumsum(ratio))):
        ax.plot(numbers, values, "o-", color=COLORS["model"])
        ax.set(ylim=(0, 1.08), xticks=numbers, xlabel="component")
        for number, value in zip(numbers, values, strict=True):
            place = (6, 5) if ax is left else (4, -14)
            ax.annotate(f"{value:.0%}", (number, value), place, textcoords="offset points", fontsize=9.6)
    left.set(ylabel="share of the variance", title="each component alone", xlim=(0.7, len(ratio) + 0.5))
    right.set(xlabel="number of components kept", title="the first k together", xlim=(0.7, len(ratio) + 0.5))
    return figure


def svd_moves(matrix):
    """A 2 x 2 matrix as rotation, scaling, rotation of the unit circle (reflections may take part)."""
    u, singular, vt = np.linalg.svd(matrix)
    turn = np.linspace(0, 2 * np.pi, 200)
    circle, basis = np.stack([np.cos(turn), np.sin(turn)]), vt.T  # basis: the right singular vectors
    stages = [np.eye(2), vt, np.diag(singular) @ vt, u @ np.diag(singular) @ vt]
    titles = ["the unit circle", "turned by $V^T$", "stretched by $\\Sigma$", "turned by $U$"]
    figure, axes = plt.subplots(1, 4, figsize=(9.2, 2.8), sharex=True, sharey=True)
    reach = 1.3 * singular.max()
    for ax, stage, title in zip(axes, stages, titles, strict=True):
        ax.plot(*(stage @ circle), color=COLORS["data"])
        for vector, color, name in zip((stage @ basis).T, CYCLE, ("$v_1$", "$v_2$"), strict=False):
            ax.annotate("", vector, (0, 0), arrowprops={"arrowstyle": "->", "color": color, "lw": 2})
            tip = vector * (1 + 0.32 / np.linalg.norm(vector))  # a label's width beyond the arrow
            ax.text(*tip, name, color=color, ha="center", va="center")
        ax.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", title=title)
        ax.axhline(0, color=COLORS["noise"], linewidth=0.6, zorder=0)
        ax.axvline(0, color=COLORS["noise"], linewidth=0.6, zorder=0)
    return figure


def error_by_components(n_components, measured, predicted):
    """Reconstruction error against the number of components: measured dots on the predicted line."""
    figure, ax = plt.subplots(figsize=(7, 3.8))
    ax.plot(n_components, predicted, color=COLORS["model"])
    ax.plot(n_components, measured, "o", color=COLORS["data"], markersize=4)
    ax.set(xlabel="number of components kept", ylabel="mean squared error per image", ylim=(0, None))
    ax.set(title="the error is the sum of the eigenvalues thrown away", xlim=(-1, max(n_components) + 1))
    i, j = 1, 3
    line_label(
        ax, n_components[i], predicted[i], "sum of discarded eigenvalues", COLORS["model"], dx=10, dy=8
    )
    line_label(ax, n_components[j], measured[j], "measured on the digits", COLORS["data"], dx=10, dy=8)
    return figure


def errors_of_others(errors, best, title):
    """Histogram of errors of rival encoders beside the error of PCA."""
    figure, ax = plt.subplots(figsize=(7, 3.4))
    ax.hist(errors, bins=40, color=COLORS["noise"])
    ax.axvline(best, color=COLORS["model"], linewidth=2.5)
    ax.set(xlabel="mean squared error of the reconstruction", ylabel="number of encoders", title=title)
    ax.set(xlim=(0, None))
    ax.annotate("PCA", (best, 0.92), (-6, 0), xycoords=("data", "axes fraction"), textcoords="offset points",
                color=COLORS["model"], ha="right", fontsize=11, fontweight="bold")  # fmt: skip
    return figure


def reconstructions(originals, rows, image_shape):
    """Images (n, pixels) above their reconstructions; rows: list of (label, images)."""
    figure, axes = plt.subplots(len(rows) + 1, 1, figsize=(8.4, 0.95 * (len(rows) + 1)))
    for ax, (label, images) in zip(axes, [("original", originals), *rows], strict=True):
        digits_strip(ax, images, image_shape, n_columns=len(originals))
        ax.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=10.5)
    return figure


def component_images(components, mean, image_shape):
    """The mean and the first components as images; blue takes ink away, red adds it."""
    columns = -(-(len(components) + 1) // 2)
    figure, axes = plt.subplots(2, columns, figsize=(9, 3.8), layout="constrained")
    shades = axes.flat[0].imshow(mean.reshape(image_shape), cmap="gray_r")
    axes.flat[0].set_title("mean", fontsize=10.5)
    limit = np.abs(components).max()
    for k, (ax, component) in enumerate(zip(axes.flat[1:], components, strict=False), start=1):
        shades = ax.imshow(component.reshape(image_shape), cmap="RdBu_r", vmin=-limit, vmax=limit)
        ax.set_title(f"$v_{{{k}}}$", fontsize=10.5)
    figure.colorbar(shades, ax=axes, label="entry of the component", shrink=0.8)
    for ax in axes.flat[len(components) + 1 :]:
        ax.set_visible(False)
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    return figure


def labelled_scatter(z, labels, *, title, names=("first score", "second score")):
    """Points z (n, 2) coloured by label, each label written at the median of its points."""
    figure, ax = plt.subplots(figsize=(7.4, 5.6))
    for label in np.unique(labels):
        points, color = z[labels == label], CYCLE[int(label) % 10]
        ax.plot(*points.T, ".", color=color, alpha=0.55, markersize=5)
        badge = {"boxstyle": "circle,pad=0.2", "facecolor": "white", "edgecolor": color, "lw": 2}
        middle = np.median(points, axis=0)
        ax.text(*middle, str(label), fontsize=15, fontweight="bold", ha="center", va="center", bbox=badge)
    ax.set(xlabel=names[0], ylabel=names[1], title=title, aspect="equal")
    return figure


def outlier_turns_axis(x, outlier, before, after):
    """A cloud x (n, 2), its first direction without and with one more point."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 4.3), sharex=True, sharey=True)
    reach = 1.1 * max(np.abs(x).max(), np.abs(outlier).max())
    for ax, direction, title in zip(axes, (before, after), ("without it", "with one outlier"), strict=True):
        ax.plot(*x.T, "o", color=COLORS["data"], markersize=4)
        ax.plot(*np.outer([-reach, reach], direction).T, color=COLORS["model"])
        ax.set(
            xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", title=title, xlabel="first feature"
        )
    axes[0].set_ylabel("second feature")
    axes[1].plot(*outlier, "X", color=COLORS["wrong"], markersize=11)
    axes[1].annotate(
        "outlier", outlier, (-10, -14), textcoords="offset points", color=COLORS["wrong"], ha="right"
    )
    return figure


def _label_points(ax, points, names, obstacles, *, fontsize=9.6):
    """Write each name beside its point, where it covers least of the dots, arrows and other names."""
    ax.figure.canvas.draw()  # fixes the layout, so that data and pixels can be compared
    style = {"textcoords": "offset points", "fontsize": fontsize, "color": COLORS["data"]}
    texts = [ax.annotate(name, point, (0, 0), **style) for name, point in zip(names, points, strict=True)]
    sizes = np.array([text.get_window_extent().size for text in texts])
    dots = ax.transData.transform(points)
    shafts = ax.transData.transform([t * tip for tip in obstacles for t in np.linspace(0, 1, 40)])
    written = [text.get_window_extent() for text in ax.texts if text not in texts and text.get_text()]
    sides = [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1)]
    places = [(dx * reach, dy * reach) for reach in (6, 13, 20) for dx, dy in sides]

    def corners(i, place):
        centre = dots[i] + place + np.sign(place) * sizes[i] / 2
        return centre - sizes[i] / 2, centre + sizes[i] / 2

    def cost(i, place, boxes):
        low, high = corners(i, place)
        others = [boxes[j] for j in range(len(boxes)) if j != i and boxes[j] is not None]
        others += [(box.min, box.max) for box in written]
        shared = sum(np.prod(np.clip(np.minimum(high, h) - np.maximum(low, b), 0, None)) for b, h in others)
        covered = (
            ((np.vstack([dots, shafts]) > low - 2) & (np.vstack([dots, shafts]) < high + 2)).all(axis=1).sum()
        )
        outside = np.any(low < ax.bbox.min) or np.any(high > ax.bbox.max)
        return shared + 40 * covered + 1e4 * outside + np.abs(place).sum()

    chosen, boxes = [None] * len(texts), [None] * len(texts)
    for _ in range(6):  # each name moves to the best place that the others leave it
        for i in range(len(texts)):
            chosen[i] = min(places, key=lambda place: cost(i, place, boxes))
            boxes[i] = corners(i, chosen[i])
    for text, (dx, dy) in zip(texts, chosen, strict=True):
        text.set_position((dx * 0.72, dy * 0.72))  # pixels to points at 100 dots per inch
        if max(abs(dx), abs(dy)) > 13:  # a thin line leads to a name that is not beside its point
            leader = {"arrowstyle": "-", "color": COLORS["noise"], "lw": 0.9, "shrinkA": 0, "shrinkB": 2}
            ax.annotate("", text.xy, text.get_position(), textcoords="offset points", arrowprops=leader)
        text.set_horizontalalignment(("right", "center", "left")[int(np.sign(dx)) + 1])
        text.set_verticalalignment(("top", "center", "bottom")[int(np.sign(dy)) + 1])
