"""Any order, several pixels at once: a network that fills in blanks, and what drawing in parallel costs.

Hide some pixels, and let a network say for each hidden one how likely each level is, given all that is
visible. Such a masked model knows the conditionals of every order at once. It may draw one pixel at a time,
in any order, exactly; or many in one step, each from its own conditional, as if they were independent. With
groups fixed beforehand, what is lost is exactly their conditional total correlation: the sum of their
entropies minus their joint entropy, given what is visible. `sample` draws its groups anew for each image; by
chance, it loses at most the mean of that.

    x        images, (n, d), whole grey levels 0, ..., n_levels - 1
    visible  (n, d), True where the pixel is known
    logits   (n, d, n_levels), meaningful where a pixel is hidden

Sources: Uria, Murray & Larochelle 2014 (any order), eq. 10; Chang et al. 2022 (MaskGIT), section 3.2 and
appendix for the rule of confidence and the cosine schedule. The network is a perceptron: MaskGIT's
transformer is not needed for 64 pixels. Notebook 06_autoregressive_images.
"""

import math
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from coursekit.autoregressive.chain import as_levels
from coursekit.inputs import one_of, positive_int, positive_ints, real_number
from coursekit.networks import residual_mlp

CHOICES = ("random", "confidence")
SCHEDULES = ("cosine", "linear")


def steps_to_reveal(
    n_pixels: int, n_steps: int, schedule: Literal["cosine", "linear"] = "cosine"
) -> list[int]:
    """How many pixels each step reveals, first to last: whole numbers of at least 1 that add up to n_pixels.

    cosine: after the share s of the steps a share cos(pi s / 2) is still hidden, so that the first steps,
    which know the least, draw the fewest pixels. Rounding must not leave a step without a pixel: it would be
    a pass for nothing.

    Args:
        n_pixels: to be revealed in all.
        n_steps: 1 to n_pixels.
        schedule: "cosine" or "linear".

    Raises:
        ValueError: for more steps than pixels, or an unknown schedule.
    """
    one_of("schedule", schedule, SCHEDULES)
    positive_int(n_steps, "n_steps", high=positive_int(n_pixels, "n_pixels"))
    counts, hidden = [], n_pixels
    for step in range(1, n_steps + 1):
        share = step / n_steps
        left = math.cos(math.pi / 2 * share) if schedule == "cosine" else 1 - share
        # At least one pixel now, and at least one for each step that follows.
        after = min(max(math.floor(n_pixels * left + 1e-9), n_steps - step), hidden - 1)
        counts.append(hidden - after)
        hidden = after
    return counts


class MaskGIT(nn.Module):
    """A masked model of images: p(hidden pixel | visible pixels) for every set of visible pixels.

    Args:
        n_pixels: d, pixels per image.
        n_levels: number of grey levels.
        hidden: widths of the network's residual blocks, all equal.

    >>> model = MaskGIT(64, n_levels=17)
    >>> model.sample(3, n_steps=4).shape
    torch.Size([3, 64])
    """

    def __init__(self, n_pixels: int, *, n_levels: int = 2, hidden: Sequence[int] = (256, 256)):
        super().__init__()
        self.n_pixels = positive_int(n_pixels, "n_pixels")
        self.n_levels = positive_int(n_levels, "n_levels", low=2)
        hidden = positive_ints(hidden, "hidden", at_least=1)
        self.net = residual_mlp([2 * n_pixels, *hidden, n_pixels * n_levels])

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the weights."""
        return next(self.parameters()).dtype

    def logits(self, x: Tensor, visible: Tensor) -> Tensor:
        """Logits (n, d, n_levels) given the visible pixels alone; x (n, d), visible (n, d) bool."""
        levels = as_levels(x, self.n_pixels, self.n_levels, like=self).to(self.dtype)
        grey = 2 * levels / (self.n_levels - 1) - 1
        known = visible.to(self.dtype)
        # A hidden pixel enters as 0 whatever its level; the second half tells it from a grey one.
        return self.net(torch.cat([grey * known, known], dim=1)).reshape(-1, self.n_pixels, self.n_levels)

    def loss(self, x: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """An unbiased estimate of -log p(x), averaged over all orders and the batch, nats per image.

        Draw k uniform from 1 to d and hide k random pixels: d / k times the sum over hidden pixels of -log p
        has, in expectation, the value of the mean over orders of the sum over all steps. Uria et al. 2014,
        eq. 10.
        """
        levels = as_levels(x, self.n_pixels, self.n_levels, like=self)
        (n, d), device = levels.shape, levels.device
        n_hidden = torch.randint(1, d + 1, (n, 1), generator=rng, device=device)
        place = torch.rand(n, d, generator=rng, device=device).argsort(1).argsort(1)  # a random order
        hidden = place < n_hidden
        log_p = self.logits(levels, ~hidden).log_softmax(-1).gather(-1, levels[..., None])[..., 0]
        return -((log_p * hidden).sum(1) * d / n_hidden[:, 0]).mean()

    @torch.no_grad()
    def log_prob(
        self, x: Tensor, *, order: Sequence[int] | None = None, rng: torch.Generator | None = None
    ) -> Tensor:
        """log p(x) in nats, (n,), along an order, one pixel at a time: d passes. It depends on the order.

        Args:
            x: (n, d).
            order: indices of the pixels, first to last, each once; random if None.
            rng: draws the order.

        Raises:
            ValueError: for an order that leaves a pixel out or names one twice.
        """
        levels = as_levels(x, self.n_pixels, self.n_levels, like=self)
        order = [int(i) for i in (torch.randperm(self.n_pixels, generator=rng) if order is None else order)]
        if sorted(order) != list(range(self.n_pixels)):
            raise ValueError(f"order must hold each of 0 to {self.n_pixels - 1} once")
        visible, total = torch.zeros_like(levels, dtype=torch.bool), 0.0
        for i in order:
            log_p = self.logits(levels, visible)[:, i].log_softmax(-1)
            total = total + log_p.gather(1, levels[:, i : i + 1])[:, 0]
            visible[:, i] = True
        return total

    @torch.no_grad()
    def sample(
        self,
        n: int,
        *,
        n_steps: int | None = None,
        choose: Literal["random", "confidence"] = "random",
        temperature: float = 0.0,
        schedule: Literal["cosine", "linear"] = "cosine",
        x: Tensor | None = None,
        visible: Tensor | None = None,
        rng: torch.Generator | None = None,
        on_step: Callable[[Tensor, Tensor], object] | None = None,
    ) -> Tensor:
        """n images (n, d), int64, in n_steps passes.

        Each step draws a level for every hidden pixel, all at once, and keeps some of them.

        Args:
            n: number of images.
            n_steps: from 1 (all pixels at once) to the number of hidden pixels (one at a time), which is the
                default.
            choose: which draws to keep: "random", which leaves their distribution as it is, or "confidence",
                those the network gave the highest probability, MaskGIT's rule, which favours likely levels.
            temperature: of Gumbel noise on the log-confidence: 0 is the bare rule, much of it is random
                choice.
            schedule: "cosine" or "linear"; see `steps_to_reveal`.
            x: (n, d), images to complete; together with `visible`, the same number of hidden pixels in every
                row.
            visible: (n, d) bool, the pixels of x that are known.
            rng: where the randomness comes from.
            on_step: function (x, visible) called before the first step and after each.

        Raises:
            ValueError: for another number of images in x than n, and for visible pixels of no image.
        """
        one_of("choose", choose, CHOICES)
        real_number(temperature, "temperature", low=0)
        positive_int(n, "n")
        if (x is None) != (visible is None):
            raise ValueError("x and visible go together: the images, and which of their pixels are known")
        x = torch.zeros(n, self.n_pixels) if x is None else x
        x = as_levels(x, self.n_pixels, self.n_levels, like=self)
        for name, given in (("x", x), ("visible", visible)):
            if given is not None and given.shape != (n, self.n_pixels):
                wanted = (n, self.n_pixels)
                raise ValueError(f"{name} must have shape {wanted}, as n is {n}, got {tuple(given.shape)}")
        visible = torch.zeros_like(x, dtype=torch.bool) if visible is None else visible.clone()
        n_hidden = self.n_pixels - int(visible[0].sum())
        if not bool((visible.sum(1) == self.n_pixels - n_hidden).all()):
            raise ValueError("visible must leave the same number of pixels hidden in every image")
        counts = steps_to_reveal(n_hidden, n_hidden if n_steps is None else n_steps, schedule)
        for count in counts:
            if on_step is not None:
                on_step(x, visible)
            probability = self.logits(x, visible).softmax(-1)
            drawn = torch.multinomial(probability.flatten(0, 1), 1, generator=rng).reshape(x.shape)
            noise = torch.rand(x.shape, generator=rng, dtype=self.dtype, device=x.device)
            if choose == "random":
                rank = noise
            else:
                log_p = probability.gather(-1, drawn[..., None])[..., 0].log()
                rank = log_p - temperature * (-noise.clamp(min=1e-20).log()).log()
            rank = rank.masked_fill(visible, -math.inf)
            chosen = torch.zeros_like(visible).scatter(1, rank.topk(count, dim=1).indices, True)
            x, visible = torch.where(chosen, drawn, x), visible | chosen
        if on_step is not None:
            on_step(x, visible)
        return x
