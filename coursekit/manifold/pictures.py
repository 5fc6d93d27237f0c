"""Pictures of lecture 03: maps with names, sheets and rolls, networks, and maps made by t-SNE."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from coursekit.plots import COLORS, CYCLE, line_label

# Position along the true sheet, in all pictures of this lecture; nine steps keep stored pictures small.
SHEET = plt.get_cmap("viridis", 9)
DOTS = {"linewidths": 0, "antialiased": False}
Maps = list[tuple[str, np.ndarray]]
COORDINATES = ("first coordinate", "second coordinate")


def city_map(places: np.ndarray, names: Sequence[str], *, title: str, unit: str) -> Figure:
    """Cities at their places (n, 2), each with its name; equal scales."""
    figure, ax = plt.subplots(figsize=(8.6, 4.6))
    _named_points(ax, places, names, unit)
    ax.set_title(title)
    return figure


def named_map_and_eigenvalues(
    places: np.ndarray, names: Sequence[str], listed: np.ndarray, repaired: np.ndarray, *, unit: str
) -> Figure:
    """A map (n, 2) with names, and the eigenvalues (n,) of a table as listed and as repaired."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.2, 5), width_ratios=[2.1, 1])
    _named_points(left, places, names, unit)
    left.set_title("the map of the table as it is listed")
    ranks = np.arange(1, len(listed) + 1)
    for values, color, shift in ((listed, COLORS["data"], -0.2), (repaired, COLORS["model"], 0.2)):
        right.barh(ranks + shift, values / 1e6, height=0.4, color=color)
    right.axvline(0, color=COLORS["data"], linewidth=0.8)
    right.set(ylim=(len(listed) + 0.7, 0.3), yticks=[1, 5, 10, 15, 20], ylabel="rank of the eigenvalue")
    right.set(xlabel=f"eigenvalue (million {unit}²)", title="both have negative ones")
    right.annotate("as listed", (6, 12.0), color=COLORS["data"], fontsize=10.5)
    right.annotate("shortest paths", (6, 13.4), color=COLORS["model"], fontsize=10.5)
    return figure


def map_over_scores(
    scores: np.ndarray, placed_rows: Sequence[int], placed: np.ndarray, names: Sequence[str]
) -> Figure:
    """PCA scores (n, 2) as rings, and on them points placed from distances alone, with their names."""
    figure, ax = plt.subplots(figsize=(8.6, 4.8))
    others = np.setdiff1d(np.arange(len(scores)), placed_rows)
    ax.plot(*scores[others].T, "o", color=COLORS["data"], markersize=3.5)
    ax.plot(*scores[placed_rows].T, "o", color=COLORS["data"], markersize=13, markerfacecolor="none")
    ax.plot(*placed.T, "o", color=COLORS["latent"], markersize=6)
    for name, point in zip(names, placed, strict=True):
        ax.annotate(name, point, (9, 7), textcoords="offset points", color=COLORS["latent"], fontsize=10.5)
    ax.set(xlabel="first score", ylabel="second score", aspect="equal")
    ax.set(title="placed from distances alone (orange), each state falls on its PCA score (ring)")
    return figure


def roll_and_maps(X: np.ndarray, position: np.ndarray, maps: Maps) -> Figure:
    """A roll (n, 3) coloured by the true position along it (n,), and maps of it: list of (title, Y)."""
    figure = plt.figure(figsize=(9.2, 3.4))
    ax = figure.add_subplot(1, len(maps) + 1, 1, projection="3d")
    ax.scatter(X[:, 0], X[:, 1], X[:, 2], c=position, cmap=SHEET, s=8, depthshade=False, **DOTS)
    ax.view_init(elev=12, azim=-72)
    ax.set(title="the data", xticklabels=[], yticklabels=[], zticklabels=[])
    ax.set_box_aspect(np.ptp(X, axis=0) / np.ptp(X, axis=0).max() * [1, 1, 1], zoom=1.15)
    for number, (title, Y) in enumerate(maps, start=2):
        panel = figure.add_subplot(1, len(maps) + 1, number)
        _sheet_scatter(panel, Y, position, title, equal=True)
    return figure


def maps_of_a_sheet(maps: Maps, position: np.ndarray, *, n_columns: int = 4, equal: bool = False) -> Figure:
    """Maps in panels, each on its own scale, coloured by true position (n,): list of (title, Y (n, 2))."""
    n_rows = -(-len(maps) // n_columns)
    figure, axes = plt.subplots(n_rows, n_columns, figsize=(9.2, 2.7 * n_rows), squeeze=False)
    for ax, (title, Y) in zip(axes.flat, maps, strict=True):
        _sheet_scatter(ax, Y, position, title, equal=equal)
    return figure


def neighbor_frame(
    X: np.ndarray,
    position: np.ndarray,
    edges: np.ndarray,
    jumps: np.ndarray,
    Y: np.ndarray,
    *,
    n_neighbors: int,
    residual: float,
) -> Figure:
    """The roll from the side with its neighbour graph, edges that jump in red, and the map made of it.

    Of the edges that do not jump about a thousand are drawn: seen from the side they hide one another.
    X (n, 3); position (n,), 0 to 70; edges (m, 2) and which of them jump (m,), bool; Y (n, 2).
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.2, 3.7), width_ratios=[1, 1.25])
    flat = X[:, [0, 2]]
    calm = np.flatnonzero(~jumps)
    calm = calm[:: max(1, len(calm) // 1000)]
    for chosen, color, width in ((calm, COLORS["noise"], 0.5), (jumps, COLORS["wrong"], 0.9)):
        ends = flat[edges[chosen]]  # (m, 2, 2)
        broken = np.concatenate([ends, np.full((len(ends), 1, 2), np.nan)], axis=1).reshape(-1, 2)
        left.plot(*broken.T, color=color, linewidth=width, zorder=1 + (color == COLORS["wrong"]))
    left.scatter(*flat.T, c=position, cmap=SHEET, s=8, zorder=3, **DOTS)
    left.set(xlim=(-14, 14), ylim=(-14, 14), aspect="equal", xlabel="$x_1$ (the roll from the side)")
    left.set(ylabel="$x_3$", title=f"k = {n_neighbors}: {jumps.sum()} edges jump")
    left.set(xticks=(-10, 0, 10), yticks=(-10, 0, 10))  # few ticks: they are what a move waits for
    right.scatter(*Y.T, c=position, cmap=SHEET, s=8, **DOTS)
    right.set(xlim=(-50, 50), ylim=(-31, 31), aspect="equal", xlabel="first coordinate of Isomap")
    right.set(ylabel="second coordinate", title=f"share of the sheet missed: {residual:.3f}")
    right.set(xticks=(-40, -20, 0, 20, 40), yticks=(-20, 0, 20))
    return figure


def distances_from_one(x: np.ndarray, start: int, panels: list) -> Figure:
    """A flat sheet x (n, 2) coloured by the distance of each point from one of them, `start`.

    panels: rows of [(title, distances (n,)), ...]; the panels of a row share one scale.
    """
    figure, axes = plt.subplots(len(panels), len(panels[0]), figsize=(9.2, 4.2), sharex=True, sharey=True)
    for row, contents in zip(axes, panels, strict=True):
        largest = max(distance.max() for _, distance in contents)
        for ax, (title, distance) in zip(row, contents, strict=True):
            shown = ax.scatter(
                *x.T, c=distance, cmap=plt.get_cmap("cividis", 9), s=11, vmin=0, vmax=largest, **DOTS
            )
            ax.plot(*x[start], "*", color=COLORS["wrong"], markersize=13)
            ax.set(aspect="equal", title=title)
        figure.colorbar(shown, ax=row, label="distance from the star")
    for ax in axes[-1]:
        ax.set_xlabel("position along the sheet")
    for ax in axes[:, 0]:
        ax.set_ylabel("across it")
    return figure


def networks(truth: np.ndarray, edges: np.ndarray, panels: list) -> Figure:
    """Sensors (n, 2) with the edges (m, 2) whose lengths are known, and maps of them laid on the truth.

    panels: list of (title, map (n, 2) already aligned); a red line leads from the truth to the map.
    """
    figure, axes = plt.subplots(1, len(panels) + 1, figsize=(9.2, 3.3), sharex=True, sharey=True)
    for i, j in edges:
        axes[0].plot(*truth[[i, j]].T, color=COLORS["noise"], linewidth=0.6, zorder=0)
    axes[0].set(title=f"truth, and {len(edges)} known lengths", ylabel="$x_2$ (km)")
    for ax, (title, places) in zip(axes[1:], panels, strict=True):
        for there, here in zip(truth, places, strict=True):
            ax.plot(*zip(there, here, strict=True), color=COLORS["wrong"], linewidth=1.2)
        ax.plot(*places.T, "o", color=COLORS["model"], markersize=4)
        ax.set_title(title)
    for ax in axes:
        ax.plot(
            *truth.T, "o", color=COLORS["data"], markersize=8, markerfacecolor="none", markeredgewidth=0.9
        )
        ax.set(aspect="equal", xlabel="$x_1$ (km)", xlim=(-0.15, 1.15), ylim=(-0.15, 1.15))
    return figure


def room_on_the_map(distance: np.ndarray, on_the_map: np.ndarray) -> Figure:
    """Distance in the data (in widths) against the distance on the map with the same weight; both (m,)."""
    figure, ax = plt.subplots(figsize=(7.2, 3.6))
    ax.plot(distance, on_the_map, color=COLORS["model"])
    ax.plot(distance, distance, color=COLORS["noise"], linestyle="--")
    line_label(ax, distance[-1], on_the_map[-1], "Student t", COLORS["model"])
    line_label(ax, distance[-1], distance[-1], "Gaussian:\nno change", "#6b6b6b")
    ax.set(xlabel="distance in the data, in units where the weight is exp(-d²)", ylabel="distance on the map")
    ax.set(title="a heavy tail makes room: near stays near, moderate goes far", ylim=(0, 13))
    ax.set(xlim=(0, distance[-1]))
    return figure


def labelled_maps(maps: Maps, labels: np.ndarray, *, n_columns: int = 4) -> Figure:
    """Maps (n, 2) of digits in panels, each point drawn as its digit: list of (title, Y); labels (n,)."""
    n_rows = -(-len(maps) // n_columns)
    figure, axes = plt.subplots(n_rows, n_columns, figsize=(9.2, 2.55 * n_rows), squeeze=False)
    for ax, (title, Y) in zip(axes.flat, maps, strict=True):
        _digits(ax, Y, labels, size=5)
        ax.set(title=title, xticks=[], yticks=[])
    for ax in axes[-1]:
        ax.set_xlabel(COORDINATES[0])
    for ax in axes[:, 0]:
        ax.set_ylabel(COORDINATES[1])
    return figure


def perplexity_frame(
    Y: np.ndarray,
    labels: np.ndarray,
    perplexities: Sequence[float],
    same_label: Sequence[float],
    far: Sequence[float],
    now: int,
) -> Figure:
    """A t-SNE map (n, 2) of digits; by perplexity (m,), how well near and far are kept, and where we are.

    same_label: share of points whose nearest on the map has the same label, (m,). far: rank correlation of
    all distances, data against map, (m,). now: index of the perplexity drawn.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.2, 4), width_ratios=[1.3, 1])
    reach = 1.08 * np.abs(Y).max()
    _digits(left, Y / reach, labels, size=6)
    left.set(xlim=(-1, 1), ylim=(-1, 1), aspect="equal", xticks=[], yticks=[], xlabel=COORDINATES[0])
    left.set(ylabel=COORDINATES[1], title=f"perplexity {perplexities[now]}")
    for values, name, color in (
        (same_label, "nearest has the same label (share)", COLORS["data"]),
        (far, "distances keep their order (rank correlation)", COLORS["latent"]),
    ):
        right.plot(perplexities, values, "o-", color=color, markersize=4)
        right.plot(perplexities[now], values[now], "o", color=color, markersize=10)
        below = -30 if values is far else 14
        right.annotate(
            name, (perplexities[0], values[0]), (0, below), textcoords="offset points", color=color
        )
    right.set(xscale="log", ylim=(0, 1.15), xlabel="perplexity", ylabel="share, or correlation")
    right.set(title="near is kept at any perplexity, far only roughly")
    right.set_xticks(perplexities[::2], [str(p) for p in perplexities[::2]])
    right.minorticks_off()
    return figure


def read_with_care(columns: list) -> Figure:
    """Data above their t-SNE maps, groups in two colours: list of (title above, x, title below, Y, group)."""
    figure, axes = plt.subplots(2, len(columns), figsize=(9.2, 5.6))
    for (above, below), (first, x, second, Y, group) in zip(axes.T, columns, strict=True):
        for ax, points, title in ((above, x, first), (below, Y, second)):
            for value, color in ((0, CYCLE[0]), (1, CYCLE[1])):
                ax.plot(*points[group == value].T, ".", color=color, markersize=4)
            ax.set(title=title, aspect="equal", xticks=[], yticks=[])
            ax.set_adjustable("datalim")
        above.set_xlabel("first two principal scores")
        below.set_xlabel("map by t-SNE")
    return figure


def named_groups(places: np.ndarray, groups: np.ndarray, *, title: str) -> Figure:
    """Points (n, 2) in their group's colour, each group with its name above it; groups (n,) of text."""
    figure, ax = plt.subplots(figsize=(8.6, 4.2))
    for name, color in zip(np.unique(groups), CYCLE, strict=False):
        points = places[groups == name]
        ax.plot(*points.T, "o", color=color, markersize=4)
        top = (points[:, 0].mean(), points[:, 1].max())
        ax.annotate(name, top, (0, 8), textcoords="offset points", color=color, fontsize=14, ha="center")
    ax.set(aspect="equal", xlabel=COORDINATES[0], ylabel=COORDINATES[1], title=title)
    ax.margins(y=0.2)
    return figure


def _sheet_scatter(ax: Axes, Y: np.ndarray, position: np.ndarray, title: str, *, equal: bool) -> None:
    ax.scatter(*Y.T, c=position, cmap=SHEET, s=8, **DOTS)
    ax.set(title=title, xlabel=COORDINATES[0], xticks=[], yticks=[])
    if equal:
        ax.set_aspect("equal", adjustable="datalim")
    if ax.get_subplotspec().is_first_col():
        ax.set_ylabel(COORDINATES[1])


def _digits(ax: Axes, Y: np.ndarray, labels: np.ndarray, *, size: float) -> None:
    for label in np.unique(labels):
        points, color = Y[labels == label], CYCLE[int(label) % 10]
        ax.plot(*points.T, linestyle="none", marker=f"${label}$", color=color, markersize=size, mew=0.2)


def _named_points(ax: Axes, places: np.ndarray, names: Sequence[str], unit: str) -> None:
    """Points with names, each name on the side where it covers least."""
    ax.plot(*places.T, "o", color=COLORS["data"], markersize=4)
    middle, reach = (places.max(axis=0) + places.min(axis=0)) / 2, np.ptp(places, axis=0)
    for axis, low, high in zip("xy", middle - 0.62 * reach, middle + 0.58 * reach, strict=True):
        getattr(ax, f"set_{axis}lim")(low, high)
    ax.set(aspect="equal", xlabel=f"{COORDINATES[0]} ({unit})", ylabel=f"{COORDINATES[1]} ({unit})")
    ax.figure.canvas.draw()  # fixes the layout, so that data and pixels can be compared
    dots = ax.transData.transform(places)
    boxes = []
    for name, point, dot in zip(names, places, dots, strict=True):
        text = ax.annotate(
            name, point, (0, 0), textcoords="offset points", fontsize=9.6, color=COLORS["data"]
        )
        size = text.get_window_extent().size

        def cost(place, size=size, dot=dot):
            low = dot + place + (np.sign(place) - 1) / 2 * size
            high = low + size
            shared = sum(
                np.prod(np.clip(np.minimum(high, b) - np.maximum(low, a), 0, None)) for a, b in boxes
            )
            covered = np.all((dots > low - 4) & (dots < high + 4), axis=1).sum()
            outside = np.any(low < ax.bbox.min) or np.any(high > ax.bbox.max)
            return shared + 300 * covered + 1e5 * outside + np.abs(place).sum()

        places_tried = [
            np.array([dx * r, dy * r])
            for r in (6, 12, 20)
            for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1))
        ]
        best = min(places_tried, key=cost)
        low = dot + best + (np.sign(best) - 1) / 2 * size
        boxes.append((low - 2, low + size + 2))
        text.set_position(tuple(0.72 * best))  # pixels to points at 100 dots an inch
        text.set_horizontalalignment(("right", "center", "left")[int(np.sign(best[0])) + 1])
        text.set_verticalalignment(("top", "center", "bottom")[int(np.sign(best[1])) + 1])
