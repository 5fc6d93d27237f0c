"""Pictures of the course: one style, one palette, and `show`, which never forgets the alternative text.

A plotting function takes arrays and returns a matplotlib Figure or draws into given Axes; it computes nothing
that the text would have to explain. Those of a lecture are in its folder, in `pictures`. The same colour
always means the same thing: `COLORS["data"]`, `"model"`, `"latent"`, `"critic"`, `"noise"`, `"wrong"`.
"""

import base64
import html
import io
from functools import cache

# Letters in these colours have a contrast of at least 4.5 on white (noise: 3, for lines and areas), and each
# pair stays apart for every kind of colour vision and on a grey printer: tests/course/test_palette.py.
COLORS = {
    "data": "#303030",  # dark grey
    "model": "#0f4689",  # blue
    "latent": "#b65d0b",  # orange: latent variables and codes
    "critic": "#06745d",  # green: critics and discriminators
    "noise": "#949494",  # light grey
    "wrong": "#ac0f1f",  # red: what goes wrong
}
# For classes and clusters, where no meaning above applies: name them in the picture or vary the marker too.
CYCLE = ["#35608f", "#9e5c09", "#25966a", "#525001", "#746abb", "#c47bb8", "#d06e1d"]
CYCLE += ["#5c2986", "#7e0331", "#253a19"]
MAX_WIDTH = 9.2  # inches; at 100 dots an inch this is the width of a notebook's output column
DPI = 100


def use_course_style():
    """Set matplotlib's defaults for the course: quiet axes, readable sizes, the palette. No return value."""
    import matplotlib

    matplotlib.use("agg")  # figures are shown by `show`, never by a window or a cell's end
    matplotlib.rcParams.update(_style())


def show(figure, *, alt):
    """Show a figure, or several side by side, in a notebook with its alternative text, and close it.

    figure: a matplotlib Figure, or a list of them (placed in rows no wider than MAX_WIDTH).
    alt: what the picture shows, in a sentence or two, for those who cannot see it; at least five words.
    """
    if len(str(alt).split()) < 5:
        raise ValueError("show needs alt='...': one sentence that tells what the picture shows")
    from IPython.display import display

    display({"text/html": image_html(figure, alt), "text/plain": f"Figure: {alt}"}, raw=True)


def image_html(figure, alt, *, stored=True):
    """The `<img alt=...>` of a figure or a list of figures; closes them.

    stored: take the time to make the file small; a frame of an explorer is shown and forgotten.

    JupyterLab ignores an `alt` in an image output's metadata, so the picture travels as HTML.
    """
    picture = _png([figure] if not isinstance(figure, (list, tuple)) else figure, small=stored)
    source = base64.b64encode(picture).decode()
    narrow = "" if stored else ' style="max-width: 100%"'  # outside a widget the page's own style does that
    return f'<img alt="{html.escape(str(alt), quote=True)}" src="data:image/png;base64,{source}"{narrow}>'


def line_label(ax, x, y, text, color, *, dx=4, dy=0, **text_options):
    """Write a label beside a line's end, in its colour, in place of a legend; offsets dx, dy in points."""
    options = {"ha": "left", "va": "center", "fontsize": 10} | text_options
    return ax.annotate(
        text,
        (x, y),
        xytext=(dx, dy),
        textcoords="offset points",
        color=color,
        annotation_clip=False,
        **options,
    )


def digits_strip(ax, images, image_shape, *, n_columns=10, value_range=(0, 16), title=None):
    """Draw images (n, pixels) as one grid on one shared grey scale, without axes; dark ink on white."""
    import numpy as np

    images = np.asarray(images, dtype=float)
    height, width = image_shape
    n_rows = -(-len(images) // n_columns)
    canvas = np.full((n_rows * (height + 1) + 1, n_columns * (width + 1) + 1), float(value_range[0]))
    for i, image in enumerate(images):
        top, left = (i // n_columns) * (height + 1) + 1, (i % n_columns) * (width + 1) + 1
        canvas[top : top + height, left : left + width] = image.reshape(image_shape)
    ax.imshow(canvas, cmap="gray_r", vmin=value_range[0], vmax=value_range[1], interpolation="nearest")
    ax.set(xticks=[], yticks=[], title=title or "")
    ax.spines[:].set_visible(False)


def image_of(figure):
    """A figure as a PIL image in RGB, DPI dots an inch; closes the figure."""
    import matplotlib.pyplot as plt
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    plt.close(figure)
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def _png(figures, *, small):
    """One PNG from figures drawn at their own size: stitched pixel for pixel, so that no text shrinks."""
    from PIL import Image

    images = []
    for figure in figures:
        figure.set_dpi(DPI)
        if small:
            figure.draw_without_rendering()  # the layout settles at the second drawing
        images.append(image_of(figure))
    rows, width = [[]], 0
    for image in images:
        if rows[-1] and width + image.width > MAX_WIDTH * DPI:
            rows.append([])
            width = 0
        rows[-1].append(image)
        width += image.width
    size = (max(sum(i.width for i in row) for row in rows), sum(max(i.height for i in row) for row in rows))
    canvas, top = Image.new("RGB", size, "white"), 0
    for row in rows:
        left = 0
        for image in row:
            canvas.paste(image, (left, top))
            left += image.width
        top += max(image.height for image in row)
    if small:
        canvas = _fewer_colours(canvas)
    buffer = io.BytesIO()
    canvas.save(buffer, format="png", optimize=small, compress_level=9 if small else 1)
    return buffer.getvalue()


def _fewer_colours(image):
    """The image with 52 levels per channel, which halves a stored figure; grey stays grey.

    Up to 256 colours become an exact palette.
    """
    import numpy as np
    from PIL import Image

    levels = np.rint(np.asarray(image) / 5).astype(np.uint32)
    packed, places = np.unique(
        (levels[..., 0] * 52 + levels[..., 1]) * 52 + levels[..., 2], return_inverse=True
    )
    if len(packed) > 256:
        return Image.fromarray((5 * levels).astype(np.uint8))
    colours = 5 * np.stack([packed // 52**2, packed // 52 % 52, packed % 52], axis=1)
    palette = Image.fromarray(places.reshape(levels.shape[:2]).astype(np.uint8))
    palette.putpalette(colours.astype(np.uint8).tobytes())
    return palette


@cache
def _style():
    from cycler import cycler

    return {
        "figure.dpi": DPI,
        "figure.figsize": (6.4, 3.8),
        "figure.constrained_layout.use": True,
        "font.size": 10.5,
        "axes.titlesize": 11.5,
        "axes.titlelocation": "left",
        "axes.labelsize": 10.5,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.prop_cycle": cycler(color=CYCLE),
        "xtick.labelsize": 9.6,
        "ytick.labelsize": 9.6,
        "legend.frameon": False,
        "legend.fontsize": 9.6,
        "lines.linewidth": 1.8,
        "lines.markersize": 5,
        "image.cmap": "gray_r",
        "svg.hashsalt": "coursekit",
    }
