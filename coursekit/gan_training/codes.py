"""What to do with a trained generator: walk between codes, and look for the code of a wish.

A generator maps codes to images, and most of what one wants from it goes the other way: given a picture, a
part of one, or a rough sketch, which code makes it? There is no encoder, so the code is searched by gradient.

    find_code    argmin_z  mean over known pixels of (G(z) - target)^2  +  penalty |z|^2 / d
    straight     (1 - t) a + t b                     shrinks towards the origin: at t = 1/2 E|z|^2 is d / 2
    great_circle sin((1 - t) w) / sin w a + sin(t w) / sin w b     keeps the length, w the angle between them

    z  (n, d), codes    G(z)  (n, ...)    target, mask  like images; mask 1 where a pixel is known, else 0

Sources: Zhu, Kraehenbuehl, Shechtman & Efros 2016 (iGAN), equations 2 to 4; Yeh et al. 2017 (inpainting);
White 2016 (great circles). Notebook 13.
"""

from typing import Any

import torch
from torch import Tensor, nn

from coursekit.draws import normal
from coursekit.inputs import as_input, positive_int, real_number


def straight(a: Tensor, b: Tensor, t: float) -> Tensor:
    """The point at t of the straight line from a (t = 0) to b (t = 1); codes (n, d) -> (n, d)."""
    return (1 - t) * a + t * b


def great_circle(a: Tensor, b: Tensor, t: float) -> Tensor:
    """The point at t of the arc from a (t = 0) to b (t = 1) around the origin; codes (n, d) -> (n, d).

    The length goes from |a| to |b| in the proportion of t. Codes that point the same way give their line;
    between opposite ones no arc is shorter than the others, and they are refused.
    """
    length_a, length_b = (each.norm(dim=-1, keepdim=True) for each in (a, b))
    u, v = a / length_a, b / length_b
    angle = torch.atan2((u - v).norm(dim=-1, keepdim=True), (u + v).norm(dim=-1, keepdim=True)) * 2
    if bool((angle > torch.pi - 1e-3).any()):
        raise ValueError("two of the codes point in opposite directions: no arc between them is the shortest")
    small = angle < 1e-4  # there sin(t w) / sin w is t
    sine = torch.where(small, torch.ones_like(angle), torch.sin(angle))
    share_a = torch.where(small, torch.full_like(angle, 1 - t), torch.sin((1 - t) * angle) / sine)
    share_b = torch.where(small, torch.full_like(angle, t), torch.sin(t * angle) / sine)
    return (share_a * u + share_b * v) * straight(length_a, length_b, t)


def find_code(
    generator: nn.Module,
    target: Any,
    mask: Any = 1.0,
    *,
    n_latent: int,
    n_starts: int = 8,
    n_steps: int = 200,
    learning_rate: float = 0.1,
    penalty: float = 0.0,
    start: Any = None,
    rng: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Codes whose images agree with the targets where the mask says so: (z (n, d), mismatch (n,)).

    Adam from several random codes for each target; the best is kept. The mismatch is the mean squared error
    over the known pixels. A small one does not say that the rest of the picture is right: where few pixels
    are known, many codes fit. The weights of the generator do not move; it is used in evaluation mode.

    Args:
        generator: module (n, n_latent) -> (n, ...).
        target: (n, ...), values where unknown do not count.
        mask: 1 where a pixel is known and 0 where not, numbers between as weights; of the shape of `target`,
            of one image, or 1 for all.
        n_latent: d.
        n_starts: random codes tried for each target, from a standard normal.
        n_steps: steps of Adam.
        learning_rate: its rate, in units of the latents.
        penalty: weight of |z|^2 / d, which keeps the code where the generator has been trained.
        start: codes (n, d) to start from instead, one for each target: an edit stays near its picture.
        rng: of the random codes.

    Raises:
        ValueError: shapes that do not fit, or a mask that leaves a target without any known pixel.
    """
    n_latent, n_starts = positive_int(n_latent, "n_latent"), positive_int(n_starts, "n_starts")
    n_steps, penalty = positive_int(n_steps, "n_steps"), real_number(penalty, "penalty", low=0)
    target, mask = _target_and_mask(target, mask, generator)
    if start is None:
        z = normal(target, rng, shape=(n_starts * len(target), n_latent))
    else:
        z, n_starts = as_input(start, n_latent, like=generator, name="start").detach().clone(), 1
        if len(z) != len(target):
            raise ValueError(f"one starting code for each of {len(target)} targets is needed, got {len(z)}")
    z.requires_grad_()
    tries = (n_starts,) + (1,) * (target.ndim - 1)
    target, mask = target.repeat(tries), mask.repeat(tries)
    known = mask.flatten(1).sum(1)

    def mismatch():
        return (mask * (generator(z) - target) ** 2).flatten(1).sum(1) / known

    was_training = generator.training
    generator.eval()
    optimizer = torch.optim.Adam([z], lr=real_number(learning_rate, "learning_rate", above=0))
    with torch.enable_grad():
        for _ in range(n_steps):
            loss = mismatch() + penalty * z.square().mean(1)
            (z.grad,) = torch.autograd.grad(loss.sum(), z)
            optimizer.step()
    with torch.no_grad():
        found = mismatch()
    generator.train(was_training)
    best = (found + penalty * z.detach().square().mean(1)).reshape(n_starts, -1).argmin(0)
    rows = best * (len(z) // n_starts) + torch.arange(len(best), device=z.device)
    return z.detach()[rows], found[rows]


def _target_and_mask(target, mask, generator):
    """Both as tensors (n, ...) in the generator's precision; ValueError as `find_code` says."""
    target = as_input(target, like=generator, name="target").detach()
    mask = as_input(mask, like=generator, name="mask", low=0).detach()
    try:
        mask = mask.expand_as(target)
    except RuntimeError:
        raise ValueError(f"mask {tuple(mask.shape)} does not fit the targets {tuple(target.shape)}") from None
    if bool((mask.flatten(1).sum(1) == 0).any()):
        raise ValueError("the mask hides all of a target: at least one pixel must be known")
    return target, mask
