"""Explorers that move where no kernel runs: on the site and in a deck.

A notebook is run once, in a process of its own, and what `widgets.explore` is given there is drawn at every
position of its controls by the same frame function. A picture and, for each position, what changes in it
travel inside the page, with the alternative text of each position; moving.js, of one kilobyte, lays one over
the other. Films are kept beside the packages of `assets` until the notebook or the package changes.
"""

import base64
import hashlib
import html
import io
import itertools
import json
import math
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from coursetools import assets

HERE = Path(__file__).parent
PACKAGE = HERE.parent / "coursekit"
MOST = 240  # positions of one explorer: where its controls have more, some are left out
ROOM = 1_000_000  # characters that all explorers of one page may take
BASE64 = "data:image/png;base64,"


class MovingError(Exception):
    """A notebook that cannot be run; the message is one sentence."""


@dataclass
class Film:
    """An explorer at all its positions.

    picture: PNG of the start, base64. width, height: of it, in pixels.
    axes: one for each control, {"label": ..., "values": [as text], "start": index, "choice": is it a menu?}.
    changes: PNGs, transparent where a position is as the start, "" for the start itself; the last axis moves
        fastest. alts: the text of each.
    """

    picture: str
    width: int
    height: int
    axes: list
    changes: list
    alts: list

    def html(self):
        """The explorer as HTML; moving.js and moving.css belong to the page once."""
        start = 0
        for axis in self.axes:
            start = start * len(axis["values"]) + axis["start"]
        size = f'width="{self.width}" height="{self.height}"'
        controls = "".join(control(axis) for axis in self.axes)
        film = {"axes": [axis["values"] for axis in self.axes], "changes": self.changes, "alts": self.alts}
        data = json.dumps(film, ensure_ascii=False).replace("</", "<\\/")
        picture = f'<img src="{BASE64}{self.picture}" {size} alt="{html.escape(self.alts[start])}">'
        return (
            f'<div class="moving">{controls}<div class="moving-pictures">{picture}</div>'
            '<p class="moving-says" aria-live="polite"></p>'
            f'<script type="application/json">{data}</script></div>'
        )


def control(axis):
    """A slider, or where words are chosen a menu, with its label."""
    start, values = axis["start"], axis["values"]
    if axis["choice"]:
        options = "".join(
            f'<option value="{i}"{" selected" * (i == start)}>{html.escape(value)}</option>'
            for i, value in enumerate(values)
        )
        field = f"<select>{options}</select>"
    else:
        said = html.escape(values[start])  # a screen reader would say the index
        field = f'<input type="range" min="0" max="{len(values) - 1}" value="{start}"'
        field += f' aria-valuetext="{said}"><output>{said}</output>'
    return f"<label><span>{html.escape(axis['label'])}</span>{field}</label>"


# Making one


def film(frame, alt, controls, *, max_chars):
    """The Film of what `widgets.explore` was given. max_chars: what its pictures and texts may take."""
    from coursekit import widgets

    draw = widgets.steady(frame)
    axes, values = zip(*(axis_of(each) for each in controls.values()), strict=True)
    thin(axes, values, MOST)
    names, start = list(controls), [v[axis["start"]] for axis, v in zip(axes, values, strict=True)]
    base = image(draw(**dict(zip(names, start, strict=True))))
    drawn = {}
    while True:
        for place in itertools.product(*values):
            if place not in drawn:
                values_there = dict(zip(names, place, strict=True))
                picture = image(draw(**values_there)) if list(place) != start else base
                drawn[place] = change(base, picture), alt(**values_there)
        shown = [drawn[place] for place in itertools.product(*values)]
        if sum(len(picture) + len(text) for picture, text in shown) <= max_chars:
            break
        thin(axes, values, len(shown) - 1)
    changes, alts = map(list, zip(*shown, strict=True))
    return Film(encode(base), base.width, base.height, list(axes), changes, alts)


def axis_of(control):
    """(axis as in Film, the values behind its texts) of an ipywidgets control."""
    if hasattr(control, "options"):
        options = [o if isinstance(o, tuple) else (str(o), o) for o in control.options]
        texts, values = map(list, zip(*options, strict=True))
        choice = "Slider" not in type(control).__name__
    else:
        count = round((control.max - control.min) / control.step) + 1
        values = [control.min + i * control.step for i in range(count)]
        if not isinstance(control.value, int):
            values = [round(value, 10) for value in values]
        if control.value not in values:  # a slider may start between its steps
            values = sorted([*values, control.value])
        texts, choice = [f"{round(value, 4):g}" for value in values], False
    start = values.index(control.value)
    axis = {"label": control.description.rstrip(":"), "values": texts, "start": start, "choice": choice}
    return axis, values


def thin(axes, values, most):
    """Leave out, in place, every other value of the longest slider until at most `most` positions are left.

    Both ends and the start stay. Raises MovingError where too many are left by menus, which keep their words.
    """
    while math.prod(map(len, values)) > most:
        sliders = [i for i, axis in enumerate(axes) if not axis["choice"] and len(values[i]) > 3]
        if not sliders:
            many = " times ".join(str(len(each)) for each in values)
            raise MovingError(
                f"the {many} positions of an explorer need too much room: give it fewer choices."
            )
        i = max(sliders, key=lambda i: len(values[i]))
        n, start = len(values[i]), axes[i]["start"]
        kept = sorted({0, n - 1, start} | set(range(start % 2, n, 2)))
        kept = kept if len(kept) < n else [k for k in kept if k in (0, n - 1, start)]
        values[i][:] = [values[i][k] for k in kept]
        axes[i]["values"] = [axes[i]["values"][k] for k in kept]
        axes[i]["start"] = kept.index(start)


def image(figure):
    """A figure in few colours, RGB; grey stays grey."""
    from coursekit import plots

    return plots.image_of(figure).point(lambda level: 15 * round(level / 15))


def change(base, picture):
    """PNG, base64, of `picture` where it differs from `base`, elsewhere transparent; "" if nowhere."""
    import numpy as np
    from PIL import Image

    if picture.size != base.size:
        raise MovingError(f"an explorer's picture changes its size from {base.size} to {picture.size}.")
    before, after = np.asarray(base), np.asarray(picture)
    differs = (before != after).any(axis=2)
    if not differs.any():
        return ""
    colours, places = np.unique(after[differs], axis=0, return_inverse=True)
    if len(colours) > 255:
        return encode(Image.fromarray(np.dstack([after, 255 * differs.astype(np.uint8)])))
    indices = np.zeros(differs.shape, dtype=np.uint8)
    indices[differs] = places.ravel() + 1
    overlay = Image.fromarray(indices)
    overlay.putpalette(np.vstack([[[255, 255, 255]], colours]).astype(np.uint8).tobytes())
    overlay.info["transparency"] = 0
    return encode(overlay)


def encode(image):
    """An image as PNG, base64."""
    buffer = io.BytesIO()
    image.save(buffer, format="png", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()


# All of a notebook


def films(path, say=print):
    """Dict from the id of a cell to the Films of the explorers that it shows, for the notebook at `path`.

    say: is told, in a sentence, when the notebook has to be run, which takes as long as running it and
    drawing some hundred pictures. Raises MovingError where it does not run.
    """
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    if not any("explorer(" in "".join(cell["source"]) for cell in cells):
        return {}
    kept = drawn(path, cells, say)
    stored = json.loads(kept.read_text(encoding="utf-8"))
    return {cell: [Film(**each) for each in found] for cell, found in stored.items()}


def sharp(path):
    """The figures of the notebook at `path` as its last run for `films` drew them again, twice as large.

    Dict from (id of the cell, alternative text) to PNG; empty where it was not run, or has changed since.
    """
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    kept = kept_as(path.stem, cells).with_suffix(".figures")
    if not kept.exists():
        return {}
    stored = json.loads(kept.read_text(encoding="utf-8"))
    return {(cell, alt): base64.b64decode(picture) for cell, alt, picture in stored}


def drawn(path, cells, say):
    """The file with the films of a notebook, which is run if that is not there."""
    kept = kept_as(path.stem, cells)
    if not kept.exists():
        say(f"Drawing the explorers of {path.stem} ...")
        kept.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "coursetools.moving", str(path), str(kept)]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(HERE.parent)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=path.parent)
        if done.returncode:
            last = done.stderr.strip().splitlines()[-1:] or ["no word"]
            raise MovingError(f"{path.name} cannot be run for its explorers: {last[0]}.")
        for old in kept.parent.glob(f"{path.stem}-*"):
            if old.stem != kept.stem:
                old.unlink()
    return kept


def kept_as(name, cells):
    """The file that keeps a notebook's films, named after what they depend on: code, package, this file.

    The ids too, since films are found by them: a new Markdown cell changes those of all cells below it.
    """
    digest = hashlib.sha256(json.dumps([(cell["id"], "".join(cell["source"])) for cell in cells]).encode())
    for path in [*sorted(PACKAGE.rglob("*.py")), Path(__file__)]:
        digest.update(path.read_bytes())
    return assets.cache() / "explorers" / f"{name}-{digest.hexdigest()[:16]}.json"


def run(cells, figures=None):
    """Run code cells in order; a list of (id of the cell, frame, alt, controls) of their explorers.

    figures: a list that gets [id of the cell, alternative text, PNG in base64] of each figure, at twice the
    size of the stored one.
    """
    from coursekit import plots, widgets

    shown, explore, show = [], widgets.explore, plots.show

    def twice(figure, *, alt):
        if figures is None:
            show(figure, alt=alt)
            return
        dots, plots.DPI = plots.DPI, 2 * plots.DPI
        try:
            page = plots.image_html(figure, alt)
        finally:
            plots.DPI = dots
        figures.append([current, alt, page.partition("base64,")[2].partition('"')[0]])

    def kept(frame, *, alt, **controls):
        shown.append((current, frame, alt, controls))
        return explore(frame, alt=alt, **controls)

    names, widgets.explore, plots.show = {"__name__": "__main__"}, kept, twice
    try:
        for cell in cells:
            current = cell["id"]
            exec(compile("".join(cell["source"]), current, "exec"), names)
    finally:
        widgets.explore, plots.show = explore, show
    return shown


def main(path, target):
    """Run a notebook and write its films; the process that `films` starts."""
    notebook = json.loads(Path(path).read_text(encoding="utf-8"))
    figures = []
    shown = run([cell for cell in notebook["cells"] if cell["cell_type"] == "code"], figures)
    Path(target).with_suffix(".figures").write_text(json.dumps(figures), encoding="utf-8")
    result = {}
    for cell, frame, alt, controls in shown:
        made = film(frame, alt, controls, max_chars=ROOM // len(shown))
        result.setdefault(cell, []).append(asdict(made))
    half = Path(target).with_suffix(".tmp")
    half.write_text(json.dumps(result), encoding="utf-8")
    half.replace(target)


if __name__ == "__main__":
    main(*sys.argv[1:])
