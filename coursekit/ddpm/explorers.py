"""Explorer of lecture 17: what can be known of the clean image at time t."""

from functools import partial

import ipywidgets
import torch

from coursekit import widgets
from coursekit.ddpm import pictures


@torch.no_grad()
def time_frame(model, codes, noise, decode, image_shape, t):
    """Clean codes (n, d), the same at time t, and the estimate of x_0; one step back for the first number.

    model: a DDPM on codes. noise: (n, d), fixed, so that only t changes. decode: codes -> images in [-1, 1].
    """
    times = torch.full((len(codes),), t)
    xt = model.q_sample(codes, times, noise)
    estimate = model.predict_x0(xt, times)
    true_mean, variance = model.schedule.posterior(codes, xt, times)
    estimated_mean, _ = model.schedule.posterior(estimate, xt, times)
    score = {
        "clean": codes[0, 0].item(),
        "estimate": estimate[0, 0].item(),
        "noisy": xt[0, 0].item(),
        "true mean": true_mean[0, 0].item(),
        "estimated mean": estimated_mean[0, 0].item(),
        # At t = 1 the posterior is a point; the least width keeps its place visible.
        "spread": max(variance[0, 0].sqrt().item(), 0.01),
    }
    rows = [
        (name, decode(z))
        for name, z in (("clean", codes), ("at time t", xt), ("estimate of $x_0$", estimate))
    ]
    return pictures.one_time(rows, image_shape, score, t, model.schedule.T)


def time_alt(t):
    return (
        f"Digits, the same digits at time {t}, and the network's estimate of the clean ones; beside them the "
        f"density of one number at time {t - 1}, given the truth and given the estimate."
    )


def time_explorer(model, codes, noise, decode, image_shape):
    """Choose the time t at which the network is asked."""
    slider = ipywidgets.IntSlider(value=60, min=1, max=model.schedule.T, description="time t")
    return widgets.explore(
        partial(time_frame, model, codes, noise, decode, image_shape), alt=time_alt, t=slider
    )
