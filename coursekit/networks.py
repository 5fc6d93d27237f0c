"""Small networks that several lectures share. They map tensors to tensors and know nothing of any loss."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from coursekit.inputs import as_input, as_labels, one_of, positive_int, positive_ints, real_number

ACTIVATIONS = {
    "linear": nn.Identity,
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "silu": nn.SiLU,
    "leaky_relu": nn.LeakyReLU,
}


def activation_layer(name: str) -> nn.Module:
    """A fresh activation module by its name, of ACTIVATIONS; ValueError lists the known names."""
    return ACTIVATIONS[one_of("activation", name, ACTIVATIONS)]()


def mlp(
    sizes: Sequence[int], *, activation: str = "relu", norm: bool = False, dropout: float = 0.0
) -> nn.Sequential:
    """Multilayer perceptron sizes[0] -> ... -> sizes[-1], linear at the end; (n, sizes[0]) -> (n, sizes[-1]).

    >>> mlp((3, 16, 2))(torch.zeros(5, 3)).shape
    torch.Size([5, 2])

    Args:
        sizes: widths of input, hidden layers and output.
        activation: of the hidden layers, of ACTIVATIONS.
        norm: put LayerNorm before each hidden activation.
        dropout: probability, after each hidden activation.
    """
    sizes, dropout = _sizes_and_dropout(sizes, dropout)
    layers = []
    for i, (n_in, n_out) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
        layers.append(nn.Linear(n_in, n_out))
        if i < len(sizes) - 2:
            layers += [nn.LayerNorm(n_out)] * norm + [activation_layer(activation)]
            layers += [nn.Dropout(dropout)] * (dropout > 0)
    return nn.Sequential(*layers)


def conv_net(sizes: Sequence[int], *, activation: str = "relu", dropout: float = 0.0) -> nn.Sequential:
    """Convolutions that keep the size of the image; (n, sizes[0], h, w) -> (n, sizes[-1], h, w).

    The first and the last look at 3 x 3 neighbourhoods, those between at single pixels, as in Glow's
    couplings.

    Args:
        sizes: numbers of channels, first to last.
        activation: of the hidden layers, of ACTIVATIONS.
        dropout: probability of a whole channel, after each hidden activation.
    """
    sizes, dropout = _sizes_and_dropout(sizes, dropout)
    layers = []
    for i, (n_in, n_out) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
        width = 3 if i in (0, len(sizes) - 2) else 1
        layers.append(nn.Conv2d(n_in, n_out, width, padding=width // 2))
        if i < len(sizes) - 2:
            layers += [activation_layer(activation)] + [nn.Dropout2d(dropout)] * (dropout > 0)
    return nn.Sequential(*layers)


def _sizes_and_dropout(sizes, dropout):
    """Both looked at: at least two whole numbers, and a probability below 1."""
    return positive_ints(sizes, "sizes", at_least=2), real_number(dropout, "dropout", low=0, below=1)


def time_embedding(t: Tensor, n_features: int, *, max_period: float = 10_000.0) -> Tensor:
    """Cosines and sines of t at n_features / 2 frequencies; (n,) -> (n, n_features).

    Frequency i = 0, 1, ... is max_period^(-2i / n_features): from 1 down to almost 1 / max_period.
    Vaswani et al. 2017, section 3.5.

    Args:
        t: (n,); floats keep their dtype, whole numbers give float32.
        n_features: an even number.
        max_period: about the longest period, in units of 2 pi.
    """
    half = _even(n_features, "n_features") // 2
    real_number(max_period, "max_period", above=0)
    t = t if t.is_floating_point() else t.float()
    frequencies = max_period ** (-torch.arange(half, dtype=t.dtype, device=t.device) / half)
    angles = t[:, None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


def _even(value, name):
    if positive_int(value, name) % 2:
        raise ValueError(f"{name} must be even (half cosines, half sines), got {value}")
    return value


class LabelEmbedding(nn.Module):
    """A learned vector for each class and one for "no class given"; labels (n,) -> (n, n_features).

    The label -1 says that no class is given. A network that sees it in training now and then works with a
    class and without, which is what classifier-free guidance needs (Ho & Salimans 2022).

    Args:
        n_classes: labels are int64 in 0..n_classes - 1, or -1.
        n_features: length of a vector.

    >>> LabelEmbedding(10, 3)(torch.tensor([7, -1])).shape
    torch.Size([2, 3])
    """

    def __init__(self, n_classes: int, n_features: int):
        super().__init__()
        self.n_classes = positive_int(n_classes, "n_classes")
        self.vectors = nn.Embedding(n_classes + 1, positive_int(n_features, "n_features"))
        nn.init.normal_(self.vectors.weight, std=0.02)

    def forward(self, labels: Tensor) -> Tensor:
        device = self.vectors.weight.device
        return self.vectors(as_labels(labels, n_classes=self.n_classes, low=-1, device=device) + 1)


class TimeMLP(nn.Module):
    """Residual perceptron that knows the time: (x (n, d), t (n,)) -> (n, d); zero when new.

    Every block normalises its input, scales and shifts it by amounts read off t, and is let in through a gate
    that also depends on t and starts closed (AdaLN-Zero, Peebles & Xie 2023, section 3.2).

    Args:
        n_features: d.
        width: of the hidden layers.
        n_blocks: number of residual blocks.
        n_time: size of the embedding of t, an even number.
        n_classes: 0, or the number of classes: a third argument, labels (n,), then tells which; without it,
            or where it is -1, no class is given.

    >>> TimeMLP(4, width=8)(torch.zeros(2, 4), torch.tensor([1, 2])).shape
    torch.Size([2, 4])
    """

    def __init__(
        self, n_features: int, *, width: int = 256, n_blocks: int = 3, n_time: int = 64, n_classes: int = 0
    ):
        super().__init__()
        for name, value in (("n_features", n_features), ("width", width), ("n_blocks", n_blocks)):
            positive_int(value, name)
        self.n_time = _even(n_time, "n_time")
        n_classes = positive_int(n_classes, "n_classes", low=0)
        self.time = nn.Sequential(nn.Linear(n_time, n_time), nn.SiLU(), nn.Linear(n_time, n_time), nn.SiLU())
        self.enter = nn.Linear(n_features, width)
        self.modulations = nn.ModuleList(nn.Linear(n_time, 3 * width) for _ in range(n_blocks))
        self.blocks = nn.ModuleList(
            mlp([width, 2 * width, width], activation="silu") for _ in range(n_blocks)
        )
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.leave = nn.Linear(width, n_features)
        for layer in (*self.modulations, self.leave):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        self.labels = LabelEmbedding(n_classes, n_time) if n_classes else None

    def forward(self, x: Tensor, t: Tensor, condition: Tensor | int | None = None) -> Tensor:
        x = as_input(x, self.enter.in_features, like=self.enter.weight, finite=False)
        time = self.time(time_embedding(_times(t, x), self.n_time))
        time = _add_labels(time, self.labels, condition)
        h = self.enter(x)
        for modulation, block in zip(self.modulations, self.blocks, strict=True):
            scale, shift, gate = modulation(time).chunk(3, dim=-1)
            h = h + gate * block(self.norm(h) * (1 + scale) + shift)
        return self.leave(self.norm(h))


class TimeConvBlock(nn.Module):
    """Two 3 x 3 convolutions around a shift and scale read off t: (n, n_in, h, w) -> (n, n_out, h, w).

    >>> TimeConvBlock(8, 16, 4)(torch.zeros(2, 8, 6, 6), torch.zeros(2, 4)).shape
    torch.Size([2, 16, 6, 6])

    Args:
        n_in: channels of the input, a multiple of 8.
        n_out: channels of the output, a multiple of 8.
        n_time: size of the embedding of t.
    """

    def __init__(self, n_in: int, n_out: int, n_time: int):
        super().__init__()
        self.first = nn.Sequential(nn.GroupNorm(8, n_in), nn.SiLU(), nn.Conv2d(n_in, n_out, 3, padding=1))
        self.modulation = nn.Linear(n_time, 2 * n_out)
        self.norm = nn.GroupNorm(8, n_out)
        self.second = nn.Sequential(nn.SiLU(), nn.Conv2d(n_out, n_out, 3, padding=1))
        self.skip = nn.Identity() if n_in == n_out else nn.Conv2d(n_in, n_out, 1)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        scale, shift = self.modulation(time)[:, :, None, None].chunk(2, dim=1)
        return self.skip(x) + self.second(self.norm(self.first(x)) * (1 + scale) + shift)


class UNet(nn.Module):
    """Small U-Net that knows the time: (x (n, c, h, w), t (n,)) -> (n, c, h, w); h and w even; zero when new.

    Two resolutions, `width` channels at the full one and twice as many at half of it; the fine features are
    handed across, so that the way up need not invent the details. Ronneberger et al. 2015; Ho et al. 2020,
    appendix B.

    >>> UNet(width=8)(torch.zeros(2, 1, 8, 8), torch.tensor([1, 2])).shape
    torch.Size([2, 1, 8, 8])

    Args:
        n_channels: c.
        width: channels at the full resolution, a multiple of 8.
        n_time: size of the embedding of t, an even number.
        n_classes: as in `TimeMLP`.
    """

    def __init__(self, n_channels: int = 1, *, width: int = 32, n_time: int = 64, n_classes: int = 0):
        super().__init__()
        positive_int(n_channels, "n_channels")
        if positive_int(width, "width") % 8:
            raise ValueError(
                f"width must be a multiple of 8 (the channels are normalised in 8 groups), got {width}"
            )
        self.n_time = _even(n_time, "n_time")
        n_classes, n_wide = positive_int(n_classes, "n_classes", low=0), 4 * n_time
        self.time = nn.Sequential(nn.Linear(n_time, n_wide), nn.SiLU(), nn.Linear(n_wide, n_wide), nn.SiLU())
        self.enter = nn.Conv2d(n_channels, width, 3, padding=1)
        self.fine = TimeConvBlock(width, width, n_wide)
        self.down = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.coarse = nn.ModuleList(TimeConvBlock(2 * width, 2 * width, n_wide) for _ in range(2))
        self.up = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.merge = TimeConvBlock(2 * width, width, n_wide)
        self.leave = nn.Sequential(
            nn.GroupNorm(8, width), nn.SiLU(), nn.Conv2d(width, n_channels, 3, padding=1)
        )
        nn.init.zeros_(self.leave[-1].weight)
        nn.init.zeros_(self.leave[-1].bias)
        self.labels = LabelEmbedding(n_classes, n_wide) if n_classes else None

    def forward(self, x: Tensor, t: Tensor, condition: Tensor | int | None = None) -> Tensor:
        x = as_input(x, (self.enter.in_channels, None, None), like=self.enter.weight, finite=False)
        if x.shape[-2] % 2 or x.shape[-1] % 2:
            raise ValueError(f"UNet halves height and width, so both must be even, got {tuple(x.shape)}")
        time = self.time(time_embedding(_times(t, x), self.n_time))
        time = _add_labels(time, self.labels, condition)
        fine = self.fine(self.enter(x), time)  # (n, width, h, w)
        h = self.down(fine)  # (n, 2 width, h/2, w/2)
        for block in self.coarse:
            h = block(h, time)
        return self.leave(self.merge(torch.cat([fine, self.up(h)], dim=1), time))


def _times(t, x):
    """t (n,) in the precision of x (n, ...), one time for each example."""
    t = as_input(t, (), like=x, name="t", finite=False)
    if len(t) != len(x):
        raise ValueError(f"t must hold one time per example: {len(t)} times for {len(x)} examples")
    return t


def _add_labels(time, labels, condition):
    """The embedded times (n, n_time) plus the embedded condition (n,), if the network knows any."""
    if labels is None:
        if condition is not None:
            raise ValueError("this network was built without classes: give it n_classes")
        return time
    if condition is None:
        condition = torch.full((len(time),), -1)
    return time + labels(condition)


class ResidualBlock(nn.Module):
    """x + Linear(activation(LayerNorm(x))): starts near the identity, so that depth costs no trainability.

    >>> ResidualBlock(4)(torch.zeros(2, 4)).shape
    torch.Size([2, 4])

    Args:
        width: of input and output.
        activation: of ACTIVATIONS.
    """

    def __init__(self, width: int, *, activation: str = "silu"):
        super().__init__()
        self.change = nn.Sequential(
            nn.LayerNorm(width), activation_layer(activation), nn.Linear(width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.change(x)


def residual_mlp(sizes: Sequence[int], *, activation: str = "silu") -> nn.Sequential:
    """Like `mlp`, with a residual block for each hidden layer; (n, sizes[0]) -> (n, sizes[-1]).

    The hidden sizes must be equal, since a block adds its input to its output. He et al. 2016.

    Args:
        sizes: widths of input, hidden layers and output.
        activation: of the hidden layers, of ACTIVATIONS.
    """
    n_in, *hidden, n_out = positive_ints(sizes, "sizes", at_least=2)
    if len(set(hidden)) != 1:
        raise ValueError(
            f"residual blocks need at least one hidden layer, all of one width; got {tuple(hidden)}"
        )
    width = hidden[0]
    blocks = [ResidualBlock(width, activation=activation) for _ in hidden]
    end = [nn.LayerNorm(width), activation_layer(activation), nn.Linear(width, n_out)]
    return nn.Sequential(nn.Linear(n_in, width), *blocks, *end)
