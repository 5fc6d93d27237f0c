"""The explorer of lecture 08: the number of Gibbs steps and the learning rate of contrastive divergence."""

from functools import partial

import ipywidgets
import numpy as np
from matplotlib import pyplot as plt

from coursekit import widgets
from coursekit.plots import COLORS

BEST = "highest possible"


def contrastive_frame(runs, best, k, rate):
    """One run of CD-k among all others: exact log-likelihood, and how wrong its gradient's direction is.

    runs: dict from (k, rate) to a dict of arrays `step`, `log_prob` (nats, over the data) and `cosine` (of
    the expected CD-k gradient with the exact one). best: the highest log_prob there is.
    """
    figure = plt.figure(figsize=(9.2, 3.6), layout="none")  # a fixed layout is quick, and nothing moves
    grid = figure.add_gridspec(1, 2, left=0.07, right=0.985, bottom=0.16, top=0.9, wspace=0.2)
    left, right = (figure.add_subplot(cell) for cell in grid)
    chosen = runs[k, rate]
    for name, ax in (("log_prob", left), ("cosine", right)):
        for run in runs.values():
            ax.plot(run["step"], run[name], color=COLORS["noise"], linewidth=0.7, zorder=0)
        ax.plot(chosen["step"], chosen[name], "o-", color=COLORS["model"], markersize=4)
        ax.set(xlabel="update", xlim=(0, chosen["step"][-1]))
    left.axhline(best, color=COLORS["data"], linestyle=":", linewidth=1.2)
    left.text(chosen["step"][-1], best, BEST, color=COLORS["data"], ha="right", va="bottom")
    left.set(ylim=(-14, -2.4), ylabel="nats", title=f"mean log p: ends at {chosen['log_prob'][-1]:.1f}")
    right.axhline(1, color=COLORS["data"], linestyle=":", linewidth=1.2)
    right.set(ylim=(-0.6, 1.1), title=f"cosine with the exact gradient: ends at {chosen['cosine'][-1]:.1f}")
    left.text(0.03, 0.13, "grey: all other runs", color=COLORS["data"], transform=left.transAxes)
    left.text(0.03, 0.05, f"k = {k}, learning rate {rate:g}", color=COLORS["model"], transform=left.transAxes)
    return figure


def contrastive_alt(k, rate):
    return (
        f"Contrastive divergence with {k} Gibbs steps and learning rate {rate:g}: its exact mean "
        "log-likelihood over the updates, and the cosine of its expected gradient with the exact one."
    )


def contrastive_explorer(runs, best):
    """Choose k and the learning rate among the `runs` that were made before (see `contrastive_frame`)."""
    ks, rates = (sorted(set(values)) for values in zip(*runs, strict=True))
    missing = [(k, rate) for k in ks for rate in rates if (k, rate) not in runs]
    if missing:
        raise ValueError(f"the explorer needs a run for every pair of k and rate; missing: {missing}")
    runs = {key: {name: np.asarray(v) for name, v in run.items()} for key, run in runs.items()}
    k = ipywidgets.SelectionSlider(options=ks, value=ks[0], description="Gibbs steps k")
    rate = ipywidgets.SelectionSlider(options=rates, value=rates[1], description="learning rate")
    return widgets.explore(partial(contrastive_frame, runs, best), alt=contrastive_alt, k=k, rate=rate)
