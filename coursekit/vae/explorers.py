"""Explorers of lecture 11: a point of the latent plane and its decoding; beta against its two costs."""

from functools import partial

import ipywidgets
import numpy as np
import torch
from matplotlib import pyplot as plt

from coursekit import widgets
from coursekit.plots import COLORS, digits_strip
from coursekit.vae import pictures


def latent_frame(model, codes, labels, image_shape, z1, z2):
    """The map of the codes (n, 2) with a cross at (z1, z2), and what `model` decodes there."""
    with torch.no_grad():
        picture = model.decode_mean(torch.tensor([[z1, z2]], dtype=next(model.parameters()).dtype)).numpy()
    figure, (left, right) = plt.subplots(1, 2, figsize=(4.55, 2.75), width_ratios=[1.25, 1], layout="none")
    left.set_position([0.14, 0.19, 0.44, 0.7])  # a fixed layout is quick, and nothing moves
    right.set_position([0.62, 0.19, 0.36, 0.7])
    pictures.latent_map(codes, labels, ax=left, size=2.5, write=False)
    left.plot(z1, z2, "P", color=COLORS["data"], markersize=12, markeredgecolor="white", zorder=5)
    left.set_title(f"z = ({z1:.1f}, {z2:.1f})")
    digits_strip(right, picture, image_shape, n_columns=1, value_range=(0, 1), title="decoded")
    return figure


def latent_alt(z1, z2):
    return f"The latent plane with the point ({z1:.1f}, {z2:.1f}) marked, and the digit decoded from it."


def latent_explorer(model, codes, labels, image_shape):
    """Move a point through the latent plane of a VAE with two latents and see what is decoded."""
    sliders = {
        name: ipywidgets.FloatSlider(value=0.0, min=-3.0, max=3.0, step=0.1, description=name)
        for name in ("z1", "z2")
    }
    frame = partial(latent_frame, model, np.asarray(codes), np.asarray(labels), image_shape)
    return widgets.explore(frame, alt=latent_alt, **sliders)


def beta_frame(runs, originals, image_shape, beta):
    """Both costs of every run, and reconstructions and samples of the run with this beta.

    runs: dict from beta to a dict of reconstruction, kl (nats per picture), active (how many latents are),
    rebuilt (n, pixels) and samples (n, pixels). originals: (n, pixels).
    """
    run = runs[beta]
    kls = np.array([r["kl"] for r in runs.values()])
    losses = np.array([-r["reconstruction"] for r in runs.values()])
    figure = plt.figure(figsize=(9, 2.8), layout="none")
    left = figure.add_axes([0.08, 0.19, 0.34, 0.68])
    left.plot(kls, losses, "o-", color=COLORS["noise"])
    left.plot(run["kl"], -run["reconstruction"], "o", color=COLORS["model"], markersize=10)
    for value, kl, loss in zip(runs, kls, losses, strict=True):
        left.annotate(
            f"{value:g}", (kl, loss), (5, 6), textcoords="offset points", color=COLORS["data"], fontsize=9.6
        )
    left.set(xlim=(-1, 1.12 * kls.max() + 1), ylim=(0, 1.15 * losses.max()))
    left.set(xlabel="KL, nats per picture", ylabel="reconstruction cost, nats", title="the number is beta")
    title = f"beta = {beta:g}: {run['active']} latents in use, KL {run['kl']:.1f} nats"
    rows = (("data", originals), ("rebuilt", run["rebuilt"]), ("samples", run["samples"]))
    for i, (label, images) in enumerate(rows):
        ax = figure.add_axes([0.53, 0.62 - 0.23 * i, 0.46, 0.2])
        digits_strip(ax, images, image_shape, n_columns=len(images), value_range=(0, 1))
        ax.set_ylabel(label, rotation=0, ha="right", va="center")
        ax.set_title(title if i == 0 else "")
    return figure


def beta_alt(beta):
    return (
        f"Reconstruction cost against KL for several beta, the run with beta {beta:g} marked; data, "
        "reconstructions and samples of that run."
    )


def beta_explorer(runs, originals, image_shape):
    """Choose among trained runs by their beta; `runs` as in `beta_frame`."""
    choice = ipywidgets.SelectionSlider(
        options=[(f"{b:g}", b) for b in runs], value=list(runs)[0], description="beta"
    )
    frame = partial(beta_frame, runs, np.asarray(originals), image_shape)
    return widgets.explore(frame, alt=beta_alt, beta=choice)
