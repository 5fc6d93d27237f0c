"""What an eye would mind in a figure, measured: small or faint letters, cut-off ones, one text over another.

`faults(figure)` draws a figure twice, with and without its letters, and returns a sentence for each fault;
`run_twin(path)` runs a notebook's twin, `watched(look)` sees what it shows.
"""

import os
import time
import warnings
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import jupytext
import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.text import Text

from coursekit import plots, widgets

COLUMN = 828  # pixels of a JupyterLab output in a window of 1280 with its side bar open (see test_browser.py)
# A figure's point is 100/72 dots, the page's 96/72 pixels, and the widest figure is shrunk to the column.
SMALLEST = round(9 * 96 / 100 * plots.MAX_WIDTH * plots.DPI / COLUMN, 2)  # 9.6, so that the page shows 9
CONTRAST = 4.5  # WCAG 2.2, 1.4.3: text against what lies behind it
CROWDED = 0.15  # share of a text's box that something else may take


def luminance(rgb):
    """Relative luminance (WCAG 2.2) of sRGB colours (..., 3) in [0, 1]."""
    rgb = np.asarray(rgb, dtype=float)
    return linear(rgb) @ [0.2126, 0.7152, 0.0722]


def linear(rgb):
    """sRGB values without their gamma."""
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def contrast(first, second):
    """Contrast ratio (WCAG 2.2) between sRGB colours (..., 3)."""
    one, other = luminance(first), luminance(second)
    return (np.maximum(one, other) + 0.05) / (np.minimum(one, other) + 0.05)


def faults(figure):
    """What is wrong with the texts of a figure, a sentence each."""
    texts = drawn_texts(figure)
    with patch.object(Text, "draw", lambda self, renderer: None):
        behind = pixels(figure)
    found = []
    for text, box in texts:
        name = repr(text.get_text())
        if text.get_fontsize() < SMALLEST:
            found.append(f"{name} has {text.get_fontsize():g} pt")
        if not (box.min >= -1).all() or not (box.max <= np.add(figure.bbox.size, 1)).all():
            found.append(f"{name} is cut off at the edge")
            continue
        found += unreadable(text, name, patch_behind(text, box, behind))
    for i, (text, box) in enumerate(texts):
        for other, its_box in texts[:i]:
            if shared(box, its_box) > CROWDED * min(box.width * box.height, its_box.width * its_box.height):
                found.append(f"{text.get_text()!r} lies over {other.get_text()!r}")
    return found


def drawn_texts(figure):
    """[(text, its box in pixels), ...] of all that is written when the figure is drawn."""
    found, draw = {}, Text.draw

    def watch(self, renderer):
        draw(self, renderer)
        if self.get_visible() and self.get_text().strip():
            found[self] = Text.get_window_extent(self, renderer)

    figure.set_dpi(plots.DPI)
    figure.draw_without_rendering()  # as `savefig` does: the layout settles
    with patch.object(Text, "draw", watch):
        figure.canvas.draw()
    return list(found.items())


def pixels(figure):
    """The drawn figure as colours (height, width, 3) in [0, 1], first row at the bottom."""
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[::-1, :, :3] / 255


def patch_behind(text, box, behind):
    """Colours (n, 3) of what lies behind a text: its own badge, or the pixels in its box."""
    badge = text.get_bbox_patch()
    if badge is not None and badge.get_alpha() in (None, 1):
        return np.array([to_rgb(badge.get_facecolor())])
    (left, low), (right, high) = np.clip(np.round([box.min, box.max]).astype(int), 0, None)
    return behind[low : max(high, low + 1), left : max(right, left + 1)].reshape(-1, 3)


def unreadable(text, name, colors):
    """Faults of a text with these colours (n, 3) behind it."""
    alpha, background = text.get_alpha() or 1, np.median(colors, axis=0)
    ink = alpha * np.array(to_rgb(text.get_color())) + (1 - alpha) * background
    if contrast(ink, background) < CONTRAST:
        return [f"{name} has a contrast of {contrast(ink, background):.1f}"]
    covered = (contrast(ink, colors) < CONTRAST / 2).mean()
    return [f"{name} lies over lines or dots ({covered:.0%} of it)"] if covered > CROWDED else []


def shared(box, other):
    """Area that two boxes share, in square pixels."""
    sides = np.minimum(box.max, other.max) - np.maximum(box.min, other.min)
    return float(np.prod(np.clip(sides, 0, None)))


@contextmanager
def watched(look):
    """Call `look(figure, alt)` for each figure that is shown, by `plots.show` or by an explorer."""
    html = plots.image_html

    def image_html(figure, alt, **options):
        for one in figure if isinstance(figure, (list, tuple)) else [figure]:
            look(one, alt)
        return html(figure, alt, **options)

    with patch.object(plots, "image_html", image_html):
        yield


def run_twin(path):
    """Run the code of a notebook's twin from top to bottom in this process; returns the explorers it made."""
    cells = [c.source for c in jupytext.read(path, fmt="py:percent").cells if c.cell_type == "code"]
    boxes, explore = [], widgets.explore

    def kept(*arguments, **options):
        boxes.append(explore(*arguments, **options))
        return boxes[-1]

    with patch.object(widgets, "explore", kept), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as in a kernel, a warning of another package is no error
        exec(compile("\n\n".join(cells), Path(path).name, "exec"), {"__name__": "__main__"})
    return boxes


def move_to_the_ends(box):
    """Move each control of an explorer to both ends and back; CPU seconds of the slowest move."""
    seconds = []
    for control in box.controls.values():
        options = [v[1] if isinstance(v, tuple) else v for v in getattr(control, "options", [])]
        first, last = (options[0], options[-1]) if options else (control.min, control.max)
        for value in (first, last, control.value):
            began = time.process_time()
            control.value = value
            seconds.append(time.process_time() - began)
    return max(seconds)


def positions_of(control):
    """Both ends and the middle of a control's range."""
    if hasattr(control, "options"):
        values = [v[1] if isinstance(v, tuple) else v for v in control.options]
        return [values[0], values[len(values) // 2], values[-1]]
    middle = control.min + control.step * round((control.max - control.min) / control.step / 2)
    return [control.min, middle, control.max]


def slow_move(box, limit=0.3):
    """What is wrong with the time of an explorer's moves, or ''. limit: the CPU seconds that a reader waits.

    A busy machine only adds to the time: one round of three that keeps the limit is enough, and side by side
    with other tests (course.py says so) it is twice as long.
    """
    limit *= 2 if os.environ.get("COURSEKIT_SIDE_BY_SIDE") else 1
    if any(move_to_the_ends(box) <= limit for _ in range(3)):
        return ""
    return f"a move costs more than {limit} CPU seconds"


def move_through(box):
    """Move each control of an explorer: the picture changes and describes itself, and soon enough."""
    picture, reset = box.children[-1], box.children[-2]
    start = picture.value
    for control in box.controls.values():
        first = control.value
        assert control.description, "a control without a label"
        seen = set()
        for value in positions_of(control):
            control.value = value
            seen.add(picture.value.split('src="')[1])
            picture_of_move = picture.value
            control.value = first
            control.value = value
            assert picture.value == picture_of_move, "a frame must depend on its position alone"
        assert len(seen) == 3, f"the picture does not change with {control.description}"
        assert 'alt="' in picture.value
        control.value = positions_of(control)[-1]
        reset.click()
        assert control.value == first and picture.value == start
    trouble = slow_move(box)
    assert not trouble, trouble
