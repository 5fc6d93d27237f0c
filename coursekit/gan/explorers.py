"""Explorer of lecture 12: a model moved over the data, the best discriminator, the generator's two slopes."""

from functools import cache

import ipywidgets
import numpy as np
from matplotlib import pyplot as plt

from coursekit import gan, widgets
from coursekit.plots import COLORS

X = np.linspace(-12, 12, 1201)
POSITIONS = np.linspace(-6, 6, 121)


def normal_density(x, mean, std):
    """Density of N(mean, std^2) at x; the arguments broadcast."""
    return np.exp(-(((x - mean) / std) ** 2) / 2) / (std * np.sqrt(2 * np.pi))


def forces(mean, std, *, x=X):
    """What moves a model N(mean, std^2) towards data N(0, 1) if the discriminator plays D* of this moment.

    Returns JSD in nats and d loss / d mean of the two generator losses, log(1 - D) and -log D, by quadrature.
    Where both densities round to 0, D* comes from the scores: their difference of logarithms never does.
    """
    dx = x[1] - x[0]
    p_data, p_model = normal_density(x, 0, 1), normal_density(x, mean, std)
    score = ((x - mean) / std) ** 2 / 2 + np.log(std) - x**2 / 2  # log p_data - log p_model
    D = 0.5 * (1 + np.tanh(score / 2))
    # A sample x = mean + std z moves as far as the mean does, so the slope of the score in x is what counts.
    slope = (x - mean) / std**2 - x
    saturating = (-D * slope * p_model).sum() * dx
    log_d_trick = (-(1 - D) * slope * p_model).sum() * dx
    return gan.jensen_shannon(p_data, p_model, dx), saturating, log_d_trick


@cache
def _forces_everywhere(std):
    return np.transpose([forces(at, std) for at in POSITIONS])


def best_answer_frame(position, std):
    """Data N(0, 1), a model N(position, std^2): D* between them, JSD, and both slopes of the generator."""
    p_data, p_model = normal_density(X, 0, 1), normal_density(X, position, std)
    divergence, saturating, log_d_trick = _forces_everywhere(std)
    now = forces(position, std)
    figure = plt.figure(figsize=(9.2, 3.9), layout="none")  # a fixed layout is quick, and nothing moves
    grid = figure.add_gridspec(2, 2, left=0.07, right=0.99, bottom=0.13, top=0.92, wspace=0.2, hspace=0.12)
    densities, answer = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[1, 0])
    distance, slopes = figure.add_subplot(grid[0, 1]), figure.add_subplot(grid[1, 1])
    for density, name in ((p_data, "data"), (p_model, "model")):
        densities.plot(X, density, color=COLORS[name])
        densities.fill_between(X, density, color=COLORS[name], alpha=0.2, linewidth=0)
    densities.set(
        xlim=(-8, 8), ylim=(0, 1.1), ylabel="density", title=f"model at {position:.1f}, std {std:.1f}"
    )
    densities.text(-7.8, 0.95, "data", color=COLORS["data"])
    densities.text(-7.8, 0.78, "model", color=COLORS["model"])
    answer.plot(X, gan.optimal_discriminator(p_data, p_model), color=COLORS["critic"])
    answer.set(xlim=(-8, 8), ylim=(-0.05, 1.05), yticks=[0, 0.5, 1], xlabel="x", ylabel="D*(x)")
    distance.plot(POSITIONS, divergence, color=COLORS["critic"])
    distance.axhline(np.log(2), color=COLORS["noise"], linestyle="--", linewidth=1)
    distance.plot(position, now[0], "o", color=COLORS["model"], markersize=7)
    distance.set(xlim=(-6, 6), ylim=(0, 0.78), ylabel="JSD (nats)", title=f"JSD {now[0]:.2f} of at most 0.69")
    for curve, value, name, color in (
        (saturating, now[1], "saturating", "wrong"),
        (log_d_trick, now[2], "log D trick", "model"),
    ):
        slopes.plot(POSITIONS, curve, color=COLORS[color])
        slopes.plot(position, value, "o", color=COLORS[color], markersize=7)
        slopes.text(-5.8, 4.0 if color == "model" else 2.2, f"{name}: {value:+.2f}", color=COLORS[color])
    for ax in (densities, distance):
        ax.tick_params(labelbottom=False)
    slopes.axhline(0, color=COLORS["noise"], linewidth=0.8, zorder=0)
    slopes.set(xlim=(-6, 6), ylim=(-6, 6), xlabel="position of the model", ylabel="d loss / d position")
    return figure


def best_answer_alt(position, std):
    return (
        f"Data at 0 and a model at {position:.1f} with standard deviation {std:.1f}; the best discriminator "
        "between them; their divergence; the slopes of the two generator losses at that position."
    )


def best_answer_explorer():
    """Move and widen the model, and watch D*, the divergence and both forces on the generator."""
    position = ipywidgets.FloatSlider(value=2.0, min=-6, max=6, step=0.5, description="position of the model")
    std = ipywidgets.FloatSlider(value=1.0, min=0.5, max=2.0, step=0.1, description="its standard deviation")
    return widgets.explore(best_answer_frame, alt=best_answer_alt, position=position, std=std)
