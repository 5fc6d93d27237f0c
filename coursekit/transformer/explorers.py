"""The explorers of lecture 07: what a head looks at, and what the temperature does to the next word."""

from functools import partial

import ipywidgets
import numpy as np
from matplotlib import pyplot as plt

from coursekit import widgets
from coursekit.plots import COLORS
from coursekit.transformer.pictures import attention_row


def attention_frame(weights, words, head, place):
    """What one head looks at when it has read `place` words.

    weights: (n_blocks, n_heads, t + 1, t + 1), place 0 is the start vector's; words: t of them, as text.
    head: counted from 1 through all blocks.
    """
    figure = plt.figure(figsize=(9.2, 3.2), layout="none")  # a fixed layout is quick, and nothing moves
    ax = figure.add_axes((0.08, 0.2, 0.9, 0.66))
    block, number = divmod(head - 1, weights.shape[1])
    attention_row(ax, weights[block, number, place], ["start", *words])
    ax.axvspan(place + 0.5, len(words) + 1, color=COLORS["noise"], alpha=0.25, linewidth=0)
    ax.set_title(
        f"block {block + 1}, head {number + 1}, after {place} words: the grey future is out of sight"
    )
    return figure


def attention_alt(head, place):
    return (
        f"Bars of the attention weights of head {head} over the start and the first {place} words; "
        "the places after them are grey and have no weight."
    )


def attention_explorer(weights, words):
    """Sliders for head and place over the weights of one document (see `attention_frame`)."""
    weights = np.asarray(weights)
    if weights.ndim != 4 or weights.shape[-1] != len(words) + 1:
        raise ValueError(f"weights must be (blocks, heads, t + 1, t + 1) for {len(words)} words")
    head = ipywidgets.IntSlider(min=1, max=weights.shape[0] * weights.shape[1], value=1, description="head")
    place = ipywidgets.IntSlider(min=0, max=len(words), value=len(words) // 2, description="words read")
    frame = partial(attention_frame, weights, list(words))
    return widgets.explore(frame, alt=attention_alt, head=head, place=place)


def temperature_frame(exact, model, temperature):
    """Probabilities of the next word at a temperature: the world's and the model's, both (n_words,).

    Words are sorted by the world's probability; both are raised to the power 1 / temperature and normalised.
    """
    order = np.argsort(-exact)
    figure = plt.figure(figsize=(9.2, 3.3), layout="none")
    ax = figure.add_axes((0.09, 0.16, 0.88, 0.7))
    exact, model = (p ** (1 / temperature) for p in (exact, model))
    exact, model = exact / exact.sum(), model / model.sum()
    for p, name, color, style in ((exact, "exact", "data", "-"), (model, "model", "model", "o")):
        ax.plot(p[order], style, color=COLORS[color], markersize=3, label=name)
    ax.set(xlabel="words, the likeliest first", ylabel="probability", xlim=(-1, len(exact)))
    ax.set(yscale="log", ylim=(1e-4, 1))
    ax.set_title(f"temperature {temperature:.1f}: the likeliest next word has probability {exact.max():.2f}")
    ax.legend(frameon=False)
    return figure


def temperature_alt(temperature):
    return (
        f"Probabilities of the next word at temperature {temperature:.1f}, sorted: a line for the exact "
        "ones, dots for the model's."
    )


def temperature_explorer(exact, model):
    """A slider for the temperature over two distributions of the next word (see `temperature_frame`)."""
    exact, model = np.asarray(exact), np.asarray(model)
    if exact.ndim != 1 or exact.shape != model.shape:
        raise ValueError(f"both must be (n_words,), got {exact.shape} and {model.shape}")
    slider = ipywidgets.FloatSlider(min=0.2, max=3.0, step=0.2, value=1.0, description="temperature")
    return widgets.explore(partial(temperature_frame, exact, model), alt=temperature_alt, temperature=slider)
