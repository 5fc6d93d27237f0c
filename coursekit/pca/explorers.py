"""Explorers of lecture 01: a line turned through a cloud, and the number of components of a digit."""

from functools import partial

import ipywidgets
import numpy as np
from matplotlib import pyplot as plt

from coursekit import plots, widgets
from coursekit.pca import pictures


def line_frame(x, angle):
    """A centred cloud x (n, 2) and a line at `angle` degrees: what it keeps, what it loses."""
    return pictures.line_through_cloud(x, angle)


def line_alt(angle):
    return (
        f"A cloud and a line at {angle:.0f} degrees; the share of the variance kept and lost at that angle."
    )


def line_explorer(x):
    """Turn a line through the centred cloud x (n, 2)."""
    angle = ipywidgets.IntSlider(value=90, min=0, max=180, step=5, description="angle (degrees)")
    return widgets.explore(partial(line_frame, x), alt=line_alt, angle=angle)


def digit_frame(model, images, image_shape, n_components):
    """Images (m, d) above their reconstruction from the first components of a fitted PCA `model`."""
    centred = images - model.mean_
    components = model.components_[:n_components]
    rebuilt = model.mean_ + centred @ components.T @ components
    error = ((images - rebuilt) ** 2).sum() / (centred**2).sum()
    figure, axes = plt.subplots(2, 1, figsize=(8.4, 2.4))
    for ax, row, label in zip(axes, (images, rebuilt), ("original", f"from {n_components}"), strict=True):
        plots.digits_strip(ax, row, image_shape, n_columns=len(images))
        ax.set_ylabel(label, rotation=0, ha="right", va="center")
    axes[0].set_title(
        f"{n_components} numbers an image in place of {images.shape[1]}: {error:.0%} of the variance lost"
    )
    return figure


def digit_alt(n_components):
    return f"Ten digits above their reconstructions from {n_components} principal components."


def digit_explorer(model, images, image_shape):
    """Choose how many components rebuild the images."""
    most = len(model.components_)
    slider = ipywidgets.IntSlider(value=5, min=0, max=most, description="components kept")
    frame = partial(digit_frame, model, np.asarray(images), image_shape)
    return widgets.explore(frame, alt=digit_alt, n_components=slider)
