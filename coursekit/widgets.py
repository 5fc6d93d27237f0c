"""Explorers: sliders over a picture. Each is a pure function `frame(value, ...) -> Figure` plus its controls.

Those of a lecture are in its folder, in `explorers`; what is slow is computed once, before the frame
is made, so that a move costs a drawing and no more. `explore` shows the moving form, `static_frames` the
positions that tell the story on paper. A frame fixes its axes' limits: nothing rescales under the reader.
"""

from coursekit import plots


def steady(frame):
    """The function `frame` with its axes held where the first picture has them: nothing jumps."""
    places = []  # finding them anew would also double the time of a move

    def draw(**values):
        figure = frame(**values)
        if not places:
            figure.draw_without_rendering()
            places.extend(ax.get_position(original=True) for ax in figure.axes)
        figure.set_layout_engine("none")
        for ax, place in zip(figure.axes, places, strict=True):
            ax.set_position(place)
        return figure

    return draw


def explore(frame, *, alt, **controls):
    """Show an explorer: labelled controls that work by keyboard, a reset button, and the picture of `frame`.

    frame: function of the controls' names that returns a Figure, always with the same axes. alt: function of
    the same names that returns the alternative text of that position. controls: for each argument an
    ipywidgets widget with a `value` and a `description`. Returns the ipywidgets box (its `.controls` is the
    dict of widgets), displayed by being the last line of a cell; where no kernel runs, its first picture is.
    """
    import ipywidgets

    picture = ipywidgets.HTML()
    start = {name: control.value for name, control in controls.items()}
    reset = ipywidgets.Button(description="Reset", tooltip="Back to the starting position")
    at = steady(frame)

    class Explorer(ipywidgets.VBox):
        """The controls over the picture."""

        def _repr_mimebundle_(self, **options):
            still = {"text/html": plots.image_html(at(**start), alt(**start))}
            return {**super()._repr_mimebundle_(**options), **still}

    def draw(_=None):
        values = {name: control.value for name, control in controls.items()}
        picture.value = plots.image_html(at(**values), alt(**values), stored=False)

    def back(_):
        for name, control in controls.items():
            control.value = start[name]

    for control in controls.values():
        control.style.description_width = "initial"
        control.layout.width = "420px"
        control.observe(draw, names="value")
    reset.on_click(back)
    draw()
    box = Explorer([*controls.values(), reset, picture])
    box.controls = controls
    return box


def static_frames(frame, positions, *, alt):
    """Show several positions of an explorer side by side, as they belong on paper.

    positions: list of dicts, each the arguments of one frame. alt: one text for the whole row.
    """
    plots.show([frame(**position) for position in positions], alt=alt)
