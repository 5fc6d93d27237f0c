"""The explorer of lecture 18: beta against reward and divergence, with best-of-n on the same map."""

from functools import partial

import ipywidgets
import numpy as np
import torch
from matplotlib import pyplot as plt

from coursekit import widgets
from coursekit.alignment.policy import best_of_n, optimal_policy
from coursekit.plots import COLORS, line_label

BETAS = [3.0, 2.0, 1.0, 0.7, 0.5, 0.3, 0.2, 0.15, 0.1, 0.07, 0.05, 0.03, 0.02, 0.015, 0.01]
DRAWS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]


def landscape(log_reference, reward, taste):
    """What the frames draw, computed once: for each beta and each n the (KL, reward, taste) of its policy.

    log_reference, reward, taste: (n_texts,) each.
    """
    log_reference, reward, taste = (torch.as_tensor(x).double() for x in (log_reference, reward, taste))
    if not log_reference.shape == reward.shape == taste.shape or taste.ndim != 1:
        raise ValueError("log_reference, reward and taste must all be (n,), one entry per text")

    def measured(log_policy):
        p = log_policy.exp()
        kl = torch.where(p > 0, p * (log_policy - log_reference), 0.0).sum()
        return [kl.item(), (p @ reward).item(), (p @ taste).item()]

    by_beta = [measured(optimal_policy(log_reference, reward, beta)) for beta in BETAS]
    by_draws = [measured(best_of_n(log_reference, reward, n)) for n in DRAWS]
    return np.array(by_beta), np.array(by_draws)


def beta_frame(by_beta, by_draws, beta, n):
    """Learned reward and people's taste over the divergence: the line of all betas, dots at beta and n."""
    figure = plt.figure(figsize=(9.2, 3.6), layout="none")  # a fixed layout is quick, and nothing moves
    chosen, drawn = by_beta[BETAS.index(beta)], by_draws[DRAWS.index(n)]
    for i, (name, color) in enumerate((("what was learned", "critic"), ("what people think", "data")), 1):
        ax = figure.add_axes((0.08 + 0.49 * (i - 1), 0.15, 0.42, 0.72))
        ax.plot(by_beta[:, 0], by_beta[:, i], color=COLORS[color])
        ax.plot(*chosen[[0, i]], "o", color=COLORS["model"], markersize=8)
        ax.plot(*drawn[[0, i]], "s", color=COLORS["latent"], markersize=7)
        both = np.concatenate([by_beta, by_draws])
        low, high = both[:, i].min(), both[:, i].max()
        ax.set(xlim=(-0.3, 1.05 * both[:, 0].max()), ylim=(low - 0.1, high + 0.1 * (high - low)))
        ax.set(xlabel="KL(policy ‖ reference), nats", ylabel="mean reward" if i == 1 else "mean taste")
        ax.set_title(name)
        options = {"dx": 6, "dy": -12, "ha": "left"}
        if chosen[0] > 0.7 * both[:, 0].max():
            options |= {"dx": -6, "ha": "right"}
        line_label(ax, *chosen[[0, i]], f"beta = {beta:g}", COLORS["model"], **options)
    figure.text(0.3, 0.25, f"square: best of {n}", color=COLORS["latent"])
    return figure


def beta_alt(beta, n):
    return (
        f"Two panels over the divergence from the reference: learned reward, and people's taste. A dot at "
        f"beta {beta:g} on the line of all best policies, a square at the best of {n} draws."
    )


def beta_explorer(log_reference, reward, taste):
    """Sliders for beta and n over the best policies of texts that are all listed (see `landscape`)."""
    frame = partial(beta_frame, *landscape(log_reference, reward, taste))
    beta = ipywidgets.SelectionSlider(options=BETAS, value=0.3, description="beta")
    n = ipywidgets.SelectionSlider(options=DRAWS, value=16, description="n (best of n)")
    return widgets.explore(frame, alt=beta_alt, beta=beta, n=n)
