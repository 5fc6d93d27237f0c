"""Explorer of notebook 00: a Gaussian moved over a density with two bumps, and both divergences."""

from functools import partial

import ipywidgets
import numpy as np

from coursekit import widgets
from coursekit.start import pictures


def gaussian(x, mean, std):
    """Density of the normal distribution on a grid x."""
    return np.exp(-0.5 * ((x - mean) / std) ** 2) / (std * np.sqrt(2 * np.pi))


def divergence(p, q, dx):
    """KL(p || q) in nats, by summing over a grid of spacing dx; where p is 0 it adds nothing."""
    # Densities below the smallest float would make 0/0; 1e-300 is far below what the sum can see.
    return float(np.sum(p * (np.log(p + 1e-300) - np.log(q + 1e-300))) * dx)


def against(x, p, mean, std):
    """A Gaussian q on the grid x, and (KL(p || q), KL(q || p)) to the density p (n,)."""
    q, dx = gaussian(x, mean, std), x[1] - x[0]
    return q, (divergence(p, q, dx), divergence(q, p, dx))


def kl_frame(x, p, mean, std):
    """The density p (n,) on the grid x (n,), a Gaussian, and both divergences between them."""
    return pictures.gaussian_against(x, p, *against(x, p, mean, std))


def kl_alt(x, p, mean, std):
    _, (forward, reverse) = against(x, p, mean, std)
    return (
        f"A density p with two bumps, a Gaussian q with mean {mean:.1f} and standard deviation {std:.1f}: "
        f"KL(p || q) is {forward:.2f}, KL(q || p) is {reverse:.2f}."
    )


def kl_explorer(x, p):
    """Move a Gaussian over the density p (n,) on the grid x (n,)."""
    mean = ipywidgets.FloatSlider(value=0.0, min=-4, max=4, step=0.2, description="mean of q")
    std = ipywidgets.FloatSlider(value=1.0, min=0.4, max=4, step=0.2, description="standard deviation of q")
    return widgets.explore(partial(kl_frame, x, p), alt=partial(kl_alt, x, p), mean=mean, std=std)
