"""PixelCNN: convolutions that look only at pixels already drawn, so that one pass gives all conditionals.

A convolution is causal when its window ends before the pixel it speaks about. Two ways to get there:
    plain   square windows with a mask; stacked, they miss a wedge of the past on the right, the blind spot
    gated   two stacks: a vertical one sees all rows above, a horizontal one the pixels to the left in the
            same row and what the vertical one hands over; together they see exactly the past
Each layer of the gated one lets its features through gates, tanh(f) * sigmoid(g), and adds to the output by a
skip connection of its own.

    x        images, (n, d), whole grey levels 0, ..., n_levels - 1; d = height * width in reading order
    logits   (n, d, n_levels); the softmax of logits[:, i] is p(x_i | x_1, ..., x_{i-1})
    v, h     features of the vertical and the horizontal stack, (n, width, height, width of the image)

Sources: van den Oord, Kalchbrenner & Kavukcuoglu 2016 (Pixel recurrent neural networks), section 3.4 and
figure 2; van den Oord et al. 2016 (Conditional image generation with PixelCNN decoders), eq. 2 and figures
1-2; Salimans et al. 2017 for the logistic head. Notebook 06_autoregressive_images.
"""

import math
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coursekit.autoregressive.chain import as_levels, level_log_prob, start_from
from coursekit.autoregressive.logistic import discretized_mixture_log_prob
from coursekit.inputs import one_of, positive_int, positive_ints, real_number

# What a gated network can be built without, one at a time: its gates (ReLU instead), its skip connections
# (the output reads the last layer only), its second stack (masked windows, with their blind spot).
Ablation = Literal["gates", "skips", "second stack"]
ABLATIONS = ("gates", "skips", "second stack")


def causal_mask(kernel: int, kind: Literal["A", "B"]) -> Tensor:
    """Mask of a square window: 1 for what comes before its centre in reading order; (kernel, kernel).

    Args:
        kernel: side of the window, odd.
        kind: "A" leaves the centre out, for the first layer, where the centre is the pixel itself; "B" lets
            it in, for later layers, where the centre holds features that were made without the pixel.
    """
    if positive_int(kernel, "kernel", low=3) % 2 == 0:
        raise ValueError(f"kernel must be odd, so that its window has a centre, got {kernel}")
    one_of("kind of mask", kind, ("A", "B"))
    centre = kernel * kernel // 2
    mask = torch.zeros(kernel * kernel)
    mask[: centre + (kind == "B")] = 1
    return mask.reshape(kernel, kernel)


def seen_pixels(
    shape: tuple[int, int], row: int, column: int, *, kernel: int, n_layers: int, gated: bool
) -> np.ndarray:
    """Which pixels the conditional at (row, column) can depend on: a boolean array of the image's shape.

    By arithmetic, without a network. Plain: every layer moves the window one kernel further, r = kernel // 2.
    From d rows above, what is e columns to the right is seen only if e <= d r: moving right costs moving up.

    Args:
        shape: (height, width) of the image.
        row: of the pixel that is predicted.
        column: of the pixel that is predicted.
        kernel: side of the windows, odd.
        n_layers: number of layers that look at neighbours.
        gated: two stacks, or one with masks.
    """
    positive_int(row, "row", low=0, high=shape[0] - 1)
    positive_int(column, "column", low=0, high=shape[1] - 1)
    positive_int(n_layers, "n_layers", low=0)
    causal_mask(kernel, "A")  # says what is wrong with the kernel
    r = kernel // 2
    up, right = np.meshgrid(row - np.arange(shape[0]), np.arange(shape[1]) - column, indexing="ij")
    left_here = (up == 0) & (right < 0) & (-right <= n_layers * r)
    near = (up > 0) & (up <= n_layers * r) & (np.abs(right) <= n_layers * r)
    if gated:
        # n steps of the vertical stack, then the horizontal one, which may go on to the left.
        return left_here | near
    return left_here | (near & (right <= up * r))


class MaskedConv2d(nn.Conv2d):
    """A convolution with a causal mask over its window; keeps the size of the image.

    >>> MaskedConv2d(1, 4, 3, "A")(torch.zeros(2, 1, 5, 5)).shape
    torch.Size([2, 4, 5, 5])

    Args:
        n_in: channels in.
        n_out: channels out.
        kernel: side of the window, odd.
        kind: "A" for the first layer, "B" for later ones; see `causal_mask`.
    """

    def __init__(self, n_in: int, n_out: int, kernel: int, kind: Literal["A", "B"]):
        mask = causal_mask(kernel, kind)
        super().__init__(
            positive_int(n_in, "n_in"), positive_int(n_out, "n_out"), kernel, padding=kernel // 2
        )
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """x (n, n_in, height, width) -> (n, n_out, height, width)."""
        return F.conv2d(x, self.weight * self.mask, self.bias, padding=self.padding)


class WindowConv2d(nn.Module):
    """A convolution over a window that need not be centred; keeps the size of the image.

    >>> WindowConv2d(1, 4, (-1, 0), (-1, 1))(torch.zeros(2, 1, 5, 5)).shape
    torch.Size([2, 4, 5, 5])

    Args:
        n_in: channels in.
        n_out: channels out.
        rows: first and last row of the window, relative to the pixel: (-1, 0) is the row above and its own.
        columns: first and last column likewise.
    """

    def __init__(self, n_in: int, n_out: int, rows: tuple[int, int], columns: tuple[int, int]):
        super().__init__()
        # Left, right, top, bottom; a negative number cuts off instead.
        self.padding = (-columns[0], columns[1], -rows[0], rows[1])
        self.conv = nn.Conv2d(n_in, n_out, (rows[1] - rows[0] + 1, columns[1] - columns[0] + 1))

    def forward(self, x: Tensor) -> Tensor:
        """x (n, n_in, height, width) -> (n, n_out, height, width)."""
        return self.conv(F.pad(x, self.padding))


def gate(features: Tensor) -> Tensor:
    """tanh(f) * sigmoid(g) of the two halves of the channels, (n, 2 w, ...) -> (n, w, ...). Eq. 2.

    Args:
        features: (n, 2 w, ...), f and g one above the other.
    """
    f, g = features.chunk(2, dim=1)
    return torch.tanh(f) * torch.sigmoid(g)


class GatedLayer(nn.Module):
    """One layer of both stacks: (v, h) -> (v, h, skip). van den Oord et al. 2016 (Conditional), figure 2.

    >>> image = torch.zeros(2, 1, 5, 5)
    >>> [part.shape[1] for part in GatedLayer(1, 4, 3, first=True)(image, image)]
    [4, 4, 4]

    Args:
        n_in: channels of v and h coming in.
        width: channels going out.
        kernel: side of the windows, odd.
        first: in the first layer both stacks read the image itself, so the vertical one must leave out the
            pixel's own row, and the horizontal one the pixel.
        without: one of ABLATIONS, or None.
    """

    def __init__(self, n_in: int, width: int, kernel: int, *, first: bool, without: Ablation | None = None):
        super().__init__()
        r, last = kernel // 2, -1 if first else 0
        n = width if without == "gates" else 2 * width
        self.activate = torch.relu if without == "gates" else gate
        self.two_stacks = without != "second stack"
        if self.two_stacks:
            self.vertical = WindowConv2d(n_in, n, rows=(-r, last), columns=(-r, r))
            self.horizontal = WindowConv2d(n_in, n, rows=(0, 0), columns=(-r, last))
            self.down = nn.Conv2d(n, n, 1)  # v's part of h; never the other way round
        else:
            self.horizontal = MaskedConv2d(n_in, n, kernel, "A" if first else "B")
        self.out = nn.Conv2d(width, width, 1)
        self.skip = None if without == "skips" else nn.Conv2d(width, width, 1)
        self.first = first

    def forward(self, v: Tensor, h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """v, h (n, n_in, ...) -> v, h and this layer's share of the output, (n, width, ...) each."""
        drive = self.horizontal(h)
        if self.two_stacks:
            from_above = self.vertical(v)
            v, drive = self.activate(from_above), drive + self.down(from_above)
        through = self.activate(drive)
        # No residual in the first layer: there h is the image, which holds the pixel itself.
        h = self.out(through) + (0 if self.first else h)
        return v, h, h if self.skip is None else self.skip(through)


class PixelCNN(nn.Module):
    """Images pixel by pixel, all conditionals in one pass of a convolutional network.

    Args:
        shape: (height, width) of the images.
        n_levels: number of grey levels.
        gated: two stacks with gates and skip connections, or plain masked convolutions with ReLU.
        width: channels of the hidden layers.
        n_layers: layers that look at neighbours.
        kernel: side of the windows, odd.
        first_kernel: side of those of the first layer, which look at the image itself; kernel if None.
        without: one of ABLATIONS, left out of the gated network to see what it is worth.
        head: "softmax", a number for each level; "logistic", a mixture of discretised logistics.
        n_components: of that mixture.
        dropout: probability of a whole channel, before the output.
        layer_dropout: the same between the layers of the gated network, for v and h each.

    >>> model = PixelCNN((8, 8), n_levels=17)
    >>> model.log_prob(model.sample(2)).shape
    torch.Size([2])
    """

    def __init__(
        self,
        shape: tuple[int, int],
        *,
        n_levels: int = 2,
        gated: bool = True,
        width: int = 16,
        n_layers: int = 4,
        kernel: int = 3,
        first_kernel: int | None = None,
        without: Ablation | None = None,
        head: Literal["softmax", "logistic"] = "softmax",
        n_components: int = 5,
        dropout: float = 0.0,
        layer_dropout: float = 0.0,
    ):
        super().__init__()
        self.shape = positive_ints(shape, "shape", at_least=2, at_most=2)
        self.n_levels = positive_int(n_levels, "n_levels", low=2)
        self.gated, self.head = gated, one_of("head", head, ("softmax", "logistic"))
        for name, value in (("width", width), ("n_layers", n_layers), ("n_components", n_components)):
            positive_int(value, name)
        dropout = real_number(dropout, "dropout", low=0, below=1)
        self.layer_dropout = real_number(layer_dropout, "layer_dropout", low=0, below=1)
        kernels = [kernel if first_kernel is None else first_kernel] + [kernel] * (n_layers - 1)
        for side in kernels:
            causal_mask(side, "A")  # says what is wrong with the kernel
        self.without = without if without is None else one_of("without", without, ABLATIONS)
        if without is not None and not gated:
            raise ValueError("only the gated network can be built without one of its parts")
        n_in = 2  # the image, and a channel of ones that tells the border from a grey pixel
        layers = []
        for i, (n, side) in enumerate(zip([n_in] + [width] * (n_layers - 1), kernels, strict=True)):
            if gated:
                layers.append(GatedLayer(n, width, side, first=i == 0, without=without))
            else:
                layers.append(MaskedConv2d(n, width, side, "B" if i else "A"))
        self.layers = nn.ModuleList(layers)
        n_out = n_levels if head == "softmax" else 3 * n_components
        self.readout = nn.Sequential(
            nn.ReLU(),
            nn.Dropout2d(dropout),
            nn.Conv2d(width, width, 1),
            nn.ReLU(),
            nn.Conv2d(width, n_out, 1),
        )
        # A place of its own for every pixel, beside what the convolutions say everywhere alike.
        self.bias = nn.Parameter(torch.zeros(n_out, *self.shape))

    @property
    def n_pixels(self) -> int:
        """d, pixels per image."""
        return self.shape[0] * self.shape[1]

    def features(self, image: Tensor) -> Tensor:
        """What the readout gets: (n, 1, height, width), scaled to [-1, 1] -> (n, width, height, width).

        Args:
            image: (n, 1, height, width), scaled to [-1, 1].
        """
        image = torch.cat([image, torch.ones_like(image)], dim=1)
        if self.gated:
            v, h, total = image, image, 0
            for layer in self.layers:
                v, h, skip = layer(v, h)
                total = skip if self.without == "skips" else total + skip
                if self.training and self.layer_dropout:
                    v, h = (F.dropout2d(each, self.layer_dropout) for each in (v, h))
            return total
        h = self.layers[0](image)
        for layer in self.layers[1:]:
            h = h + layer(torch.relu(h))
        return h

    def outputs(self, x: Tensor) -> Tensor:
        """What the network says of each pixel, from those before it: (n, d, n_levels or 3 n_components).

        Args:
            x: (n, d), whole grey levels.
        """
        levels = as_levels(x, self.n_pixels, self.n_levels, like=self)
        image = 2 * levels.to(self.bias.dtype).reshape(-1, 1, *self.shape) / (self.n_levels - 1) - 1
        return (self.readout(self.features(image)) + self.bias).flatten(2).transpose(1, 2)

    def mixture(self, outputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of weights, means and log-scales of the mixture, (n, d, n_components) each.

        Args:
            outputs: (n, d, 3 n_components), of `outputs`.
        """
        weight, mean, log_scale = outputs.chunk(3, dim=-1)
        # In units of half the range of levels and spread over it, so that outputs near 0 are a sensible
        # start.
        half = (self.n_levels - 1) / 2
        spread = torch.linspace(-1, 1, mean.shape[-1], dtype=outputs.dtype, device=outputs.device)
        return weight, half * (1 + spread + mean), math.log(half / 4) + log_scale.clamp(min=-7)

    def logits(self, x: Tensor) -> Tensor:
        """Logits (n, d, n_levels) of every pixel given those before it; x (n, d)."""
        return self._level_logits(self.outputs(x))

    def _level_logits(self, outputs: Tensor) -> Tensor:
        if self.head == "softmax":
            return outputs
        level = torch.arange(self.n_levels, dtype=outputs.dtype, device=outputs.device)
        parameters = (part[..., None, :] for part in self.mixture(outputs))  # (n, d, 1, n_components)
        return discretized_mixture_log_prob(level, *parameters, n_levels=self.n_levels)

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) in nats, (n,), exactly; x (n, d)."""
        levels, outputs = as_levels(x, self.n_pixels, self.n_levels, like=self), self.outputs(x)
        if self.head == "softmax":
            return level_log_prob(outputs, levels)
        return discretized_mixture_log_prob(levels, *self.mixture(outputs), n_levels=self.n_levels).sum(1)

    def loss(self, x: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """Mean negative log-likelihood, nats per image; x (n, d)."""
        return -self.log_prob(x).mean()

    @torch.no_grad()
    def sample(self, n: int, *, start: Tensor | None = None, rng: torch.Generator | None = None) -> Tensor:
        """n images (n, d), int64, a pass per pixel; start (n, m) or (1, m) holds their first m pixels."""
        x, n_known = start_from(start, n, self.n_pixels, self.n_levels, like=self)
        for i in range(n_known, self.n_pixels):  # as `sample_in_order`, but levels of the one pixel only
            probability = self._level_logits(self.outputs(x)[:, i : i + 1])[:, 0].softmax(-1)
            x[:, i] = torch.multinomial(probability, 1, generator=rng)[:, 0]
        return x
