"""The map of the course as a picture: a box a lecture, an arrow to each lecture that builds on it."""

import textwrap
from pathlib import Path

from coursekit.plots import COLORS

INK = {
    "light": {
        "box": "#ffffff",
        "edge": COLORS["model"],
        "text": "#1f2328",
        "quiet": "#57606a",
        "arrow": "#6e7781",
    },
    "dark": {"box": "#1b2430", "edge": "#6cb6ff", "text": "#e6edf3", "quiet": "#adbac7", "arrow": "#8b98a5"},
}
WIDTH, GAP, ROW, LANE = 9.8, 0.36, 0.9, 0.3  # inches: the map, between columns, height of a box, of a lane
SUMMARIES = "9"  # numbers from 90 on hang on every lecture and stand beside the map


def save_maps(lectures, folder):
    """Write map-light.svg, map-dark.svg and their tall forms for a phone into `folder`."""
    import matplotlib.pyplot as plt

    drawn = drawn_ones(lectures)
    for mode, ink in INK.items():
        for name, draw in ((f"map-{mode}.svg", wide_map), (f"map-{mode}-tall.svg", tall_map)):
            figure = draw(drawn, ink)
            figure.savefig(Path(folder) / name, transparent=True, metadata={"Date": None})
            plt.close(figure)


def drawn_ones(lectures):
    """The lectures that the map draws."""
    return [lecture for lecture in lectures if not lecture.number.startswith(SUMMARIES)]


def wide_boxes(lectures):
    """(lecture, left, top, width, height) of the boxes of the wide map, in shares of it, for links."""
    drawn = drawn_ones(lectures)
    place, height = places(drawn)
    step = WIDTH / (1 + max(column for column, _ in place.values()))
    half = (step - GAP) / 2
    for one in drawn:
        column, y = place[one.number]
        left, top = step * (column + 0.5) - half, height - y - 0.36
        yield one, left / WIDTH, top / height, 2 * half / WIDTH, 0.72 / height


def tall_boxes(lectures):
    """The same of the tall map."""
    drawn = drawn_ones(lectures)
    for i, one in enumerate(drawn):
        yield (
            one,
            0.85 / 3.6,
            (i + 0.5) / len(drawn) - 0.23 / (0.6 * len(drawn)),
            2.72 / 3.6,
            0.46 / (0.6 * len(drawn)),
        )


def arrows(lectures):
    """Triples (from, to, needed) by number; what follows from two other needs is left out.

    A lecture that names no other one builds on the first.
    """
    first = lectures[0].number
    needs = {one.number: set(one.needs) or ({first} - {one.number}) for one in lectures}
    numbers = set(needs)

    def below(number):
        return {number}.union(*(below(earlier) for earlier in needs[number] & numbers))

    found = []
    for one in lectures:
        direct = needs[one.number] & numbers
        for earlier in sorted(direct):
            if not any(earlier in below(other) - {other} for other in direct):
                found.append((earlier, one.number, True))
        found += [(earlier, one.number, False) for earlier in one.helps if earlier in numbers - direct]
    return found


def places(lectures):
    """Where everything lies: {item: (column, height of its middle)} in inches, and the height of the map.

    An item is the number of a lecture, or (from, to, column): the lane of an arrow that passes a column.
    Columns go by the longest way there; within a column, items lie near what leads to them.
    """
    edges, column = arrows(lectures), {}
    for one in lectures:
        column[one.number] = 1 + max((column[a] for a, b, _ in edges if b == one.number), default=-1)
    before = {number: [] for number in column}
    for a, b, _ in edges:
        last = a
        for passed in range(column[a] + 1, column[b]):
            before[a, b, passed] = [last]
            last = a, b, passed
        before[b].append(last)
    heights, place = {}, {}
    for now in range(max(column.values()) + 1):
        items = [item for item in before if now == (item[2] if isinstance(item, tuple) else column[item])]
        pull = {item: sum(place[b][1] for b in before[item]) / max(len(before[item]), 1) for item in items}
        number = {item: item[1] if isinstance(item, tuple) else item for item in items}
        items.sort(key=lambda item: (-pull[item], number[item]))
        top = sum(ROW if isinstance(item, str) else LANE for item in items) / 2
        heights[now] = top
        for item in items:
            size = ROW if isinstance(item, str) else LANE
            place[item] = now, top - size / 2
            top -= size
    highest = max(heights.values())
    return {item: (at, y + highest) for item, (at, y) in place.items()}, 2 * highest


def wide_map(lectures, ink):
    """The map from left to right, for a screen; returns a matplotlib Figure."""
    place, height = places(lectures)
    step = WIDTH / (1 + max(column for column, _ in place.values()))
    half = (step - GAP) / 2
    figure, ax = canvas(WIDTH, height)
    middle = {item: (step * (column + 0.5), y) for item, (column, y) in place.items()}
    for a, b, needed in arrows(lectures):
        stops = [a, *sorted((item for item in place if item[:2] == (a, b)), key=lambda lane: lane[2]), b]
        points = []
        for here, there in zip(stops, stops[1:], strict=False):
            (x0, y0), (x1, y1) = middle[here], middle[there]
            points += [(x0 + half, y0), (x0 + half + GAP / 2, y0), (x1 - half - GAP / 2, y1), (x1 - half, y1)]
        arrow(ax, points, needed, ink)
    for one in lectures:
        x, y = middle[one.number]
        frame(ax, x - half, y - 0.36, 2 * half, 0.72, ink)
        ax.text(
            x - half + 0.08, y + 0.2, one.number, color=ink["edge"], fontsize=13, va="center", weight="bold"
        )
        ax.text(
            x + half - 0.08,
            y + 0.2,
            f"{one.minutes} min",
            color=ink["quiet"],
            fontsize=9,
            va="center",
            ha="right",
        )
        # A letter of 8.8 points is about 0.075 inches wide.
        letters = int((2 * half - 0.1) / 0.075)
        title = "\n".join(textwrap.wrap(one.title, letters, break_long_words=False))
        ax.text(x - half + 0.08, y + 0.08, title, color=ink["text"], fontsize=8.8, va="top", linespacing=1.12)
    return figure


def tall_map(lectures, ink):
    """The map as one column with arcs beside it, for a phone; returns a matplotlib Figure."""
    row, left, right = 0.6, 0.85, 3.57
    figure, ax = canvas(3.6, row * len(lectures))
    height = {one.number: row * (len(lectures) - i - 0.5) for i, one in enumerate(lectures)}
    for a, b, needed in arrows(lectures):
        reach = left - min(0.2 + 0.16 * (height[a] - height[b]), 1.05)
        start, end = height[a] - 0.07, height[b] + 0.07
        arrow(ax, [(left, start), (reach, start), (reach, end), (left, end)], needed, ink)
    for one in lectures:
        y = height[one.number]
        frame(ax, left, y - 0.23, right - left, 0.46, ink)
        ax.text(
            left + 0.09, y, one.number, color=ink["edge"], fontsize=13, va="center_baseline", weight="bold"
        )
        title = "\n".join(textwrap.wrap(one.title, 30))
        ax.text(left + 0.43, y, title, color=ink["text"], fontsize=9.5, va="center", linespacing=1.15)
    return figure


def canvas(width, height):
    """A figure of this size in inches, and its only axes, which count in inches."""
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(width, height), layout="none")
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, width), ylim=(0, height))
    ax.axis("off")
    return figure, ax


def arrow(ax, points, needed, ink):
    """An arrow through Bezier curves of four points each, joined by lines; dashed if not `needed`."""
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path as Curve

    codes = [Curve.LINETO, Curve.CURVE4, Curve.CURVE4, Curve.CURVE4] * (len(points) // 4)
    curve = Curve(points, [Curve.MOVETO, *codes[1:]])
    ax.add_patch(
        FancyArrowPatch(
            path=curve,
            arrowstyle="-|>",
            mutation_scale=9,
            color=ink["arrow"],
            linestyle="-" if needed else (0, (4, 3)),
            linewidth=1.3,
            zorder=0,
        )
    )


def frame(ax, left, bottom, width, height, ink):
    """The frame of a box."""
    from matplotlib.patches import FancyBboxPatch

    style = {"boxstyle": "round,pad=0,rounding_size=0.08", "facecolor": ink["box"], "edgecolor": ink["edge"]}
    ax.add_patch(FancyBboxPatch((left, bottom), width, height, **style, linewidth=1.3))
