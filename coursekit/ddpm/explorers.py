"""Explorers of lecture 17: what can be guessed at time t, and how many steps of sampling are enough."""

from functools import partial

import ipywidgets
import torch

from coursekit import widgets
from coursekit.ddpm import pictures


@torch.no_grad()
def time_frame(model, codes, noise, decode, image_shape, t):
    """Clean codes (n, d), the same at time t, and the guess of x_0; one step back for the first number.

    model: a DDPM on codes. noise: (n, d), fixed, so that only t changes. decode: codes -> images in [-1, 1].
    """
    times = torch.full((len(codes),), t)
    xt = model.q_sample(codes, times, noise)
    guess = model.predict_x0(xt, times)
    true_mean, variance = model.schedule.posterior(codes, xt, times)
    guessed_mean, _ = model.schedule.posterior(guess, xt, times)
    score = {
        "clean": codes[0, 0].item(),
        "guess": guess[0, 0].item(),
        "noisy": xt[0, 0].item(),
        "true mean": true_mean[0, 0].item(),
        "guessed mean": guessed_mean[0, 0].item(),
        # At t = 1 the posterior is a point; the least width keeps its place visible.
        "spread": max(variance[0, 0].sqrt().item(), 0.01),
    }
    rows = [(name, decode(z)) for name, z in (("clean", codes), ("at time t", xt), ("guess of $x_0$", guess))]
    return pictures.one_time(rows, image_shape, score, t, model.schedule.T)


def time_alt(t):
    return (
        f"Digits, the same digits at time {t}, and the network's guess of the clean ones; beside them the "
        f"density of one number at time {t - 1}, given the truth and given the guess."
    )


def time_explorer(model, codes, noise, decode, image_shape):
    """Choose the time t at which the network is asked."""
    slider = ipywidgets.IntSlider(value=60, min=1, max=model.schedule.T, description="time t")
    return widgets.explore(
        partial(time_frame, model, codes, noise, decode, image_shape), alt=time_alt, t=slider
    )


def steps_frame(samples, confidence, image_shape, n_steps, eta):
    """Samples made in n_steps; samples, confidence: dicts (n_steps, eta) -> images (n, d), numbers (k,)."""
    images = samples[n_steps, eta]
    rows = [("", images[: len(images) // 2]), ("", images[len(images) // 2 :])]
    unit = "step" if n_steps == 1 else "steps"
    title = (
        f"{n_steps} {unit}, $\\eta$ = {eta:g}: confidence of the judge {confidence[n_steps, eta].mean():.2f}"
    )
    return pictures.strips(rows, image_shape, width=9, title=title)


def steps_alt(n_steps, eta):
    return f"Two rows of digits sampled in {n_steps} steps of DDIM with eta = {eta}."


def steps_explorer(samples, confidence, image_shape):
    """Choose how many steps of sampling are taken, and how much fresh noise each gets."""
    counts, etas = (sorted(set(values)) for values in zip(*samples, strict=True))
    middle = counts[len(counts) // 2]
    n_steps = ipywidgets.SelectionSlider(options=counts, value=middle, description="steps of sampling")
    eta = ipywidgets.SelectionSlider(options=etas, description="noise eta")
    frame = partial(steps_frame, samples, confidence, image_shape)
    return widgets.explore(frame, alt=steps_alt, n_steps=n_steps, eta=eta)
