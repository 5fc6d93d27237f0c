"""Explorers of lecture 14: two parallel lines, and a critic that is given more steps."""

from functools import cache, partial

import ipywidgets
import numpy as np
import torch

from coursekit import widgets
from coursekit.wgan import pictures
from coursekit.wgan.model import earth_mover_lp

THETAS = np.linspace(-1.1, 1.1, 45).round(2)


@cache
def divergences():
    """Jensen-Shannon divergence and earth mover's distance of nine points on each line, for all THETAS."""
    heights, mass = np.linspace(0, 1, 9), np.full(9, 1 / 9)
    jsd, distance = np.zeros(len(THETAS)), np.zeros(len(THETAS))
    for k, theta in enumerate(THETAS):
        lines = [np.column_stack([np.full(9, x), heights]) for x in (0.0, theta)]
        distance[k], _ = earth_mover_lp(mass, mass, np.linalg.norm(lines[0][:, None] - lines[1], axis=2))
        places = np.unique(np.vstack(lines), axis=0)
        for line in lines:  # half of KL(line || mixture), over the places where the line has mass
            own, both = (
                (places[:, None] == points).all(axis=2).sum(axis=1) for points in (line, np.vstack(lines))
            )
            p, m = own / 9, both / 18
            jsd[k] += (p[p > 0] * np.log(p[p > 0] / m[p > 0])).sum() / 2
    return jsd, distance


def lines_frame(theta):
    """Two vertical lines theta apart, the way of each point, and both divergences with their slopes."""
    return pictures.parallel_lines(theta, THETAS, *divergences())


def lines_alt(theta):
    return f"Two parallel lines at distance {theta:.2f}; the earth mover's distance is {abs(theta):.2f}."


def lines_explorer():
    """Move one of two parallel lines."""
    divergences()  # 45 linear programmes, before the first move
    theta = ipywidgets.FloatSlider(value=0.8, min=-1, max=1, step=0.05, description="distance theta")
    return widgets.explore(lines_frame, alt=lines_alt, theta=theta)


def snapshots(game, optimizer, real, fake, steps, x):
    """Train a critic and keep its curve over the grid x (k,) and its estimate after each of `steps`."""
    curves, values, grid = [], [], torch.as_tensor(x, dtype=real.dtype)[:, None]
    for step in range(steps[-1] + 1):
        if step in steps:
            with torch.no_grad():
                curve = game.score(grid).numpy()
                values.append(game.dual_value(real, fake).item())
            curves.append(curve - curve.mean())
        optimizer.zero_grad()
        game.opponent_loss(real, fake, rng=torch.Generator().manual_seed(step)).backward()
        optimizer.step()
        game.constrain()
    return curves, values


def critic_frame(steps, curves, values, exact, x, a, b, n_critic):
    """The critic after n_critic steps of `steps`, from what `snapshots` kept."""
    i = list(steps).index(n_critic)
    return pictures.learning_critic(steps, values, exact, n_critic, x, curves[i], a, b)


def critic_alt(n_critic):
    return (
        f"The critic's curve after {n_critic} steps, and its estimate of the distance beside the exact one."
    )


def critic_explorer(steps, curves, values, exact, x, a, b):
    """Give the critic more steps before it is asked."""
    slider = ipywidgets.SelectionSlider(
        options=list(steps), value=steps[1], description="steps of the critic"
    )
    frame = partial(critic_frame, steps, curves, values, exact, x, a, b)
    return widgets.explore(frame, alt=critic_alt, n_critic=slider)
