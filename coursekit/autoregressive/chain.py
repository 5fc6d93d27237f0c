"""The chain rule with a network for each conditional: the fully visible belief net and MADE.

Put the pixels of an image in a row. Then, for any distribution,
    log p(x) = sum over i of log p(x_i | x_1, ..., x_{i-1}),
and a model of images is d classifiers of one pixel each, of which number i may look at the first i - 1 pixels
only. It is trained by maximum likelihood itself, all d at once; a sample takes d passes, one for each pixel.

    x       images, (n, d), whole grey levels 0, ..., n_levels - 1 as float or int; pixels in reading order
    logits  (n, d, n_levels), logits[:, i] from x[:, :i] alone: its softmax is p(x_i | the pixels before)

Sources: Frey 1998, chapter 3 (fully visible belief net); Bengio & Bengio 2000; Germain et al. 2015 (MADE),
eq. 3, 8-9. Notebook 06_autoregressive_images.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coursekit.inputs import as_input, positive_int, positive_ints, real_number


def as_levels(x: Tensor, n_pixels: int, n_levels: int, *, like: nn.Module, name: str = "x") -> Tensor:
    """Images as int64 levels (n, d) on the device of a model, or one sentence on what is wrong with them.

    Args:
        x: images (n, d), array or tensor, whole numbers in any dtype.
        n_pixels: d, pixels per image.
        n_levels: number of grey levels.
        like: the model.
        name: what the sentence calls the images.

    Raises:
        ValueError: for another width, for levels that are not whole or out of range, and for NaN.
    """
    x = as_input(x, n_pixels, like=like, name=name, low=0, high=n_levels - 1)
    levels = x.long()
    if not bool((levels == x).all()):
        raise ValueError(f"{name} must hold whole grey levels from 0 to {n_levels - 1}, got fractions")
    return levels


def level_log_prob(logits: Tensor, levels: Tensor) -> Tensor:
    """log p(x) in nats, (n,): for each pixel the log-softmax at its own level, summed over pixels.

    Args:
        logits: (n, d, n_levels), those of pixel i made from the pixels before it.
        levels: (n, d), int64.
    """
    conditionals = F.log_softmax(logits, dim=-1).gather(-1, levels[..., None])  # (n, d, 1)
    return conditionals.sum((1, 2))


@torch.no_grad()
def sample_in_order(
    logits: Callable[[Tensor], Tensor],
    x: Tensor,
    order: Sequence[int],
    *,
    rng: torch.Generator | None = None,
) -> Tensor:
    """Ancestral sampling: draw the pixels in `order`, each from its conditional given what is there already.

    One pass of the network per pixel, of which all but one conditional is thrown away: that is what it costs.

    Args:
        logits: maps images (n, d) to logits (n, d, n_levels).
        x: (n, d), int64; what is known stays, the pixels named in `order` are overwritten in a copy.
        order: indices of the pixels to draw, first to last.
        rng: where the randomness comes from.
    """
    x = x.clone()
    for i in order:
        probability = logits(x)[:, i].softmax(-1)  # (n, n_levels)
        x[:, i] = torch.multinomial(probability, 1, generator=rng)[:, 0]
    return x


def start_from(
    start: Tensor | None, n: int, n_pixels: int, n_levels: int, *, like: nn.Module
) -> tuple[Tensor, int]:
    """Empty images (n, d) whose first pixels are those of `start` (n, m) or (1, m), and m; see `sample`.

    Args:
        start: (n, m) or (1, m), whole levels, or None.
        n: how many images.
        n_pixels: d.
        n_levels: number of grey levels.
        like: the model, whose device the images get.
    """
    n_known = 0 if start is None else as_input(start, like=like, name="start").shape[-1]
    start = torch.zeros(1, 0) if start is None else start
    known = as_levels(start, n_known, n_levels, like=like, name="start")
    if len(known) not in (1, n) or n_known > n_pixels:
        raise ValueError(f"start must hold the first pixels, (1 or {n}, m), got {tuple(known.shape)}")
    x = known.new_zeros(positive_int(n, "n"), n_pixels)
    x[:, :n_known] = known
    return x, n_known


class FullyVisibleBeliefNet(nn.Module):
    """One softmax regression per pixel, on the pixels before it. Frey 1998, chapter 3.

    logits_i = bias_i + sum over j < i of weight_ij features(x_j): d classifiers without a hidden layer. For
    black and white the feature of a pixel is its value, and they are logistic regressions. With more levels
    there are three: the level, scaled to [0, 1], its square, and whether there is any ink at all.

    Args:
        n_pixels: d, pixels per image.
        n_levels: number of grey levels; 2 for black and white.

    >>> model = FullyVisibleBeliefNet(9)
    >>> model.log_prob(torch.ones(1, 9)).exp() == 0.5**9  # untrained: a coin for each pixel
    tensor([True])
    """

    def __init__(self, n_pixels: int, n_levels: int = 2):
        super().__init__()
        self.n_pixels = positive_int(n_pixels, "n_pixels")
        self.n_levels = positive_int(n_levels, "n_levels", low=2)
        n_features = 1 if n_levels == 2 else 3
        self.weight = nn.Parameter(torch.zeros(n_pixels, n_levels, n_features, n_pixels))
        self.bias = nn.Parameter(torch.zeros(n_pixels, n_levels))
        earlier = torch.ones(n_pixels, n_pixels).tril(-1)  # [i, j] = 1 where j < i
        self.register_buffer("earlier", earlier, persistent=False)

    def logits(self, x: Tensor) -> Tensor:
        """Logits (n, d, n_levels) of every pixel given those before it; x (n, d)."""
        levels = as_levels(x, self.n_pixels, self.n_levels, like=self)
        grey = levels.to(self.bias.dtype) / (self.n_levels - 1)
        features = torch.stack([grey, grey**2, (levels > 0).to(grey.dtype)], dim=1)  # (n, 3, d)
        weight = self.weight * self.earlier[:, None, None]
        return torch.einsum("nfj,ikfj->nik", features[:, : weight.shape[2]], weight) + self.bias

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) in nats, (n,), exactly; x (n, d)."""
        return level_log_prob(self.logits(x), as_levels(x, self.n_pixels, self.n_levels, like=self))

    def loss(self, x: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """Mean negative log-likelihood, nats per image; x (n, d). There is nothing random about it."""
        return -self.log_prob(x).mean()

    def sample(self, n: int, *, start: Tensor | None = None, rng: torch.Generator | None = None) -> Tensor:
        """n images (n, d), int64; start (n, m) or (1, m) holds their first m pixels."""
        x, n_known = start_from(start, n, self.n_pixels, self.n_levels, like=self)
        return sample_in_order(self.logits, x, range(n_known, self.n_pixels), rng=rng)


class MaskedLinear(nn.Linear):
    """A linear layer with some weights held at zero: y = (W * mask) x + b. Germain et al. 2015, eq. 8.

    >>> MaskedLinear(torch.tensor([[1.0, 0.0]])).weight.shape
    torch.Size([1, 2])

    Args:
        mask: (n_out, n_in), zeros and ones.
    """

    def __init__(self, mask: Tensor):
        super().__init__(mask.shape[1], mask.shape[0])
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """x (n, n_in) -> (n, n_out)."""
        return F.linear(x, self.weight * self.mask, self.bias)


class MADE(nn.Module):
    """A perceptron with masks: one pass gives all d conditionals, and none sees its own pixel or a later one.

    Every unit carries a number, its degree. A pixel's is its place in the order, 1 to d; a hidden unit of
    degree m may read units of degree at most m below it; the logits of the pixel in place i read hidden units
    of degree below i. So every path from an input to an output leads from an earlier pixel to a later one.
    Germain et al. 2015, eq. 8-9.

    Args:
        n_pixels: d, pixels per image.
        n_levels: number of grey levels; 2 for black and white.
        hidden: widths of the hidden layers.
        order: order[i] is the pixel in place i; reading order if None.
        dropout: probability, after each hidden activation.

    >>> model = MADE(9, hidden=(32,))
    >>> model.logits(torch.zeros(5, 9)).shape
    torch.Size([5, 9, 2])
    """

    def __init__(
        self,
        n_pixels: int,
        n_levels: int = 2,
        *,
        hidden: Sequence[int] = (256,),
        order: Sequence[int] | None = None,
        dropout: float = 0.0,
    ):
        super().__init__()
        self.n_pixels = positive_int(n_pixels, "n_pixels")
        self.n_levels = positive_int(n_levels, "n_levels", low=2)
        dropout = real_number(dropout, "dropout", low=0, below=1)
        self.order = list(range(n_pixels)) if order is None else [int(i) for i in order]
        if sorted(self.order) != list(range(n_pixels)):
            raise ValueError(f"order must hold each of 0 to {n_pixels - 1} once")
        pixel_degree = torch.empty(n_pixels, dtype=torch.int64)
        pixel_degree[self.order] = torch.arange(1, n_pixels + 1)
        layers, degree = [], pixel_degree
        for width in positive_ints(hidden, "hidden"):
            # Spread over 1, ..., d - 1: a unit of degree d could be read by no output.
            degree_here = torch.arange(width) * (n_pixels - 1) // width + 1
            layers += [MaskedLinear((degree_here[:, None] >= degree).float()), nn.ReLU()]
            layers += [nn.Dropout(dropout)] * (dropout > 0)
            degree = degree_here
        below = (pixel_degree[:, None] > degree).float()  # strictly: no pixel sees itself
        layers.append(MaskedLinear(below.repeat_interleave(n_levels, dim=0)))
        self.net = nn.Sequential(*layers)

    def logits(self, x: Tensor) -> Tensor:
        """Logits (n, d, n_levels) of every pixel given those before it in the order; x (n, d)."""
        levels = as_levels(x, self.n_pixels, self.n_levels, like=self)
        scaled = 2 * levels.to(self.net[-1].bias.dtype) / (self.n_levels - 1) - 1
        return self.net(scaled).reshape(-1, self.n_pixels, self.n_levels)

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) in nats, (n,), exactly; x (n, d)."""
        return level_log_prob(self.logits(x), as_levels(x, self.n_pixels, self.n_levels, like=self))

    def loss(self, x: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """Mean negative log-likelihood, nats per image; x (n, d)."""
        return -self.log_prob(x).mean()

    def sample(self, n: int, *, rng: torch.Generator | None = None) -> Tensor:
        """n images (n, d), int64, drawn in the model's order."""
        positive_int(n, "n", low=0)
        x = torch.zeros(n, self.n_pixels, dtype=torch.int64, device=self.net[-1].bias.device)
        return sample_in_order(self.logits, x, self.order, rng=rng)
