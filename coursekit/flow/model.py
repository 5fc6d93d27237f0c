"""Normalising flows: an invertible network carries data to Gaussian noise; its Jacobian gives the density.

A flow is a chain of layers, each with an inverse and a log-determinant that cost little; run forward it gives
the exact likelihood of an example, run backward it draws samples. It is trained by maximum likelihood itself,
    log p(x) = log N(z; 0, I) + log|det dz/dx|,    z = f(x),
whose first term pulls z to 0 and whose second forbids the collapse that would be its easiest reward.

    x      data, (n, *shape)                     z        noise, (n, *latent_shape)
    f      forward, x -> z                       g        inverse, z -> x: the generator
    log_det  (n,), log|det| of the Jacobian of whichever way was taken

The papers' direction is kept: `forward` is the data's way to the noise, z = f(x).
Sources: Dinh et al. 2017 (Real NVP), eq. 2-3; Kingma & Dhariwal 2018 (Glow), eq. 3-7; Theis et al. 2016,
section 3.1, for dequantisation. The general layers are in layers.py; the two that images need, Squeeze
and Logit, stand here. Notebook 16_flows.
"""

import math
from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coursekit.draws import normal, uniform
from coursekit.flow.layers import ActNorm, AffineCoupling, InvertibleLinear, Permute, Whiten, labels_of
from coursekit.inputs import as_input, as_tensor, positive_int, positive_ints, real_number

__all__ = [
    "ActNorm",
    "AffineCoupling",
    "Flow",
    "InvertibleLinear",
    "Logit",
    "Permute",
    "Squeeze",
    "Whiten",
    "dequantize",
    "glow",
    "real_nvp",
    "standard_normal_log_prob",
]


def standard_normal_log_prob(z: Tensor) -> Tensor:
    """log N(z; 0, I) in nats, (n,), summed over all values of an example z (n, ...)."""
    z = as_tensor(z, "z")
    return -0.5 * (z.flatten(1) ** 2 + math.log(2 * math.pi)).sum(1)


def dequantize(x: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
    """x + u with u uniform on [0, 1): one noise of the width of one level for each value. Theis et al. 2016.

    A density p on the result bounds the probability of the level: E_u log p(x + u) <= log P(x), by Jensen,
    with P(x) = integral of p over the level's unit cube.

    Args:
        x: (n, ...), whole numbers (grey levels); a floating tensor of the same shape comes back.
        rng: generator for u.

    Raises:
        ValueError: x is not whole numbers.
    """
    x = as_tensor(x)
    x = x if x.is_floating_point() else x.to(torch.get_default_dtype())
    if not torch.equal(x, x.round()):
        raise ValueError(
            "dequantize expects whole grey levels (0, 1, 2, ...); rescale the data to levels first"
        )
    return x + uniform(x, rng)


class Squeeze(nn.Module):
    """Trade space for channels: each 2 x 2 block becomes 4 channels; log_det = 0. Real NVP, section 3.6.

    (n, c, h, w) -> (n, 4 c, h / 2, w / 2), so h and w must be even.

    >>> Squeeze()(torch.zeros(1, 1, 8, 8))[0].shape
    torch.Size([1, 4, 4, 4])
    """

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of one example after the layer, from its `shape` before: (c, h, w)."""
        if len(shape) != 3 or shape[1] % 2 or shape[2] % 2:
            raise ValueError(
                f"Squeeze needs images (channels, height, width) with even sides, got {tuple(shape)}"
            )
        return (4 * shape[0], shape[1] // 2, shape[2] // 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = as_input(x, like=self, finite=False)
        self.output_shape(x.shape[1:])
        return F.pixel_unshuffle(x, 2), x.new_zeros(len(x))

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        z = as_input(z, like=self, name="z", finite=False)
        if z.ndim != 4 or z.shape[1] % 4:
            raise ValueError(f"Squeeze undoes (n, 4 channels, height, width), got {tuple(z.shape)}")
        return F.pixel_shuffle(z, 2), z.new_zeros(len(z))


class Logit(nn.Module):
    """z = logit(y), y = margin + (1 - 2 margin) x / scale: from the interval [0, scale] to the whole line.

    log_det = sum over values of log(1 - 2 margin) - log(scale) - log y - log(1 - y). Forget it and the
    likelihood is that of another variable. Real NVP, section 4.1.

    >>> Logit(scale=16)(torch.tensor([[8.0]]))[0].item()
    0.0

    Args:
        scale: length of the interval, the number of grey levels after `dequantize`.
        margin: keeps the ends finite.

    Raises:
        ValueError: x out of range.
    """

    def __init__(self, scale: float = 1.0, *, margin: float = 1e-5):
        super().__init__()
        self.scale = real_number(scale, "scale", above=0)
        self.margin = real_number(margin, "margin", low=0, below=0.5)

    def log_det(self, z: Tensor) -> Tensor:
        # With z = logit(y): -log y - log(1 - y) = softplus(-z) + softplus(z), without a small number's log.
        constant = math.log1p(-2 * self.margin) - math.log(self.scale)
        return (F.softplus(z) + F.softplus(-z) + constant).flatten(1).sum(1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = as_input(x, like=self, finite=False)
        y = self.margin + (1 - 2 * self.margin) * x / self.scale
        if len(x) and not (y.min() > 0 and y.max() < 1):
            raise ValueError(
                f"Logit takes values between 0 and {self.scale:g}, got {x.min():g} to {x.max():g}:"
                " its scale must be the number of levels, and whole levels are dequantised first"
            )
        z = torch.logit(y)
        return z, self.log_det(z)

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        z = as_input(z, like=self, name="z", finite=False)
        return (torch.sigmoid(z) - self.margin) / (1 - 2 * self.margin) * self.scale, -self.log_det(z)


class Flow(nn.Module):
    """A chain of layers between data x (n, *shape) and standard normal noise z (n, *latent_shape).

    Where layers know classes (n_classes), the flow is conditional: each verb takes `condition`, labels (n,),
    and every class has a density of its own.

    >>> Flow([AffineCoupling(2), AffineCoupling(2, flip=True)], shape=2).sample(5).shape
    torch.Size([5, 2])

    Args:
        layers: in the order of forward, data first.
        shape: of one example, a tuple or the number of features.
        discrete: the data are whole grey levels, and `loss` adds dequantisation noise afresh at every call.

    Raises:
        ValueError: two layers know different numbers of classes.
    """

    def __init__(self, layers: Iterable[nn.Module], *, shape: int | Sequence[int], discrete: bool = False):
        super().__init__()
        layers = list(layers)
        if not all(isinstance(layer, nn.Module) for layer in layers):
            raise ValueError(f"layers must be a list of modules with forward and inverse, got {layers!r:.80}")
        self.layers = nn.ModuleList(layers)
        self.shape = positive_ints(shape, "shape", at_least=1)
        self.discrete = discrete
        known = sorted({getattr(layer, "n_classes", 0) for layer in self.layers} - {0})
        if len(known) > 1:
            raise ValueError(f"all conditional layers must know the same classes, got n_classes of {known}")
        self.n_classes = known[0] if known else 0
        self.latent_shape = self.shape
        for layer in self.layers:
            if hasattr(layer, "output_shape"):
                self.latent_shape = layer.output_shape(self.latent_shape)
        # The centre of the noise: in the layers' precision; it follows the flow to another one, or a device.
        like = next(self.parameters(), torch.zeros(()))
        self.register_buffer("origin", like.new_zeros(self.latent_shape), persistent=False)

    @torch.no_grad()
    def initialize(
        self, x: Tensor, *, condition: Tensor | int | None = None, rng: torch.Generator | None = None
    ) -> "Flow":
        """Set the layers that start from data (ActNorm, Whiten), one after the other; returns self."""
        x = as_input(x, self.shape, like=self.origin)
        x = dequantize(x, rng=rng) if self.discrete else x
        for layer, given in self._given(condition, len(x)):
            if hasattr(layer, "initialize"):
                layer.initialize(x)
            x, _ = layer.forward(x, *given)
        return self

    def _given(self, condition, n):
        """Pairs (layer, what it is given beside its input): the labels (n,) if it knows classes."""
        labels = labels_of(condition, n, self.n_classes, of="flow", device=self.origin.device)
        return [(layer, (labels,) if getattr(layer, "n_classes", 0) else ()) for layer in self.layers]

    def forward(self, x: Tensor, condition: Tensor | int | None = None) -> tuple[Tensor, Tensor]:
        """x (n, *shape) -> z (n, *latent_shape) and log|det dz/dx| (n,), summed over layers. Glow, eq. 7."""
        x = as_input(x, self.shape, like=self.origin, finite=False)
        total = x.new_zeros(len(x))
        for layer, given in self._given(condition, len(x)):
            x, log_det = layer.forward(x, *given)
            total = total + log_det
        return x, total

    def inverse(self, z: Tensor, condition: Tensor | int | None = None) -> tuple[Tensor, Tensor]:
        """z (n, *latent_shape) -> x (n, *shape) and log|det dx/dz| (n,)."""
        z = as_input(z, self.latent_shape, like=self.origin, name="z", finite=False)
        total = z.new_zeros(len(z))
        for layer, given in reversed(self._given(condition, len(z))):
            z, log_det = layer.inverse(z, *given)
            total = total + log_det
        return z, total

    def cascade(self, z: Tensor, condition: Tensor | int | None = None) -> list[Tensor]:
        """The generator stage by stage: [z, g_T(z), ..., x], one tensor more than there are layers."""
        stages = [as_input(z, self.latent_shape, like=self.origin, name="z", finite=False)]
        for layer, given in reversed(self._given(condition, len(stages[0]))):
            stages.append(layer.inverse(stages[-1], *given)[0])
        return stages

    def log_prob(self, x: Tensor, *, condition: Tensor | int | None = None) -> Tensor:
        """log p(x) in nats, (n,): the density at x, per unit of volume of x. Real NVP, eq. 3."""
        z, log_det = self.forward(as_input(x, self.shape, like=self.origin), condition)
        return standard_normal_log_prob(z) + log_det

    def discrete_log_prob(
        self,
        x: Tensor,
        n_samples: int = 1,
        *,
        condition: Tensor | int | None = None,
        rng: torch.Generator | None = None,
    ) -> Tensor:
        """A lower bound of log P(x), nats per example (n,), for whole grey levels x (n, *shape).

        log of the mean density at n_samples noises: for one sample its expectation is E_u log p(x + u), and
        it rises to log P(x) as n_samples grows. Theis et al. 2016, eq. 1-3; Burda et al. 2016 for the mean.
        """
        n_samples, x = positive_int(n_samples, "n_samples"), as_input(x, self.shape, like=self.origin)
        noisy = (dequantize(x, rng=rng) for _ in range(n_samples))
        log_probs = torch.stack([self.log_prob(each, condition=condition) for each in noisy])
        return log_probs.logsumexp(0) - math.log(n_samples)

    def loss(
        self, x: Tensor, condition: Tensor | int | None = None, *, rng: torch.Generator | None = None
    ) -> Tensor:
        """Mean negative log-likelihood of the batch, nats per example; rng draws the dequantisation noise."""
        x = as_input(x, self.shape, like=self.origin)
        x = dequantize(x, rng=rng) if self.discrete else x
        return -self.log_prob(x, condition=condition).mean()

    def sample(
        self, n: int, *, condition: Tensor | int | None = None, rng: torch.Generator | None = None
    ) -> Tensor:
        """n examples (n, *shape) from noise z ~ N(0, I); not rounded to levels.

        condition: labels (n,) or one label for all.
        """
        n = positive_int(n, "n", low=0)
        return self.inverse(normal(self.origin, rng, shape=(n, *self.latent_shape)), condition)[0]


def real_nvp(
    n_features: int, *, n_layers: int = 8, hidden: int | Sequence[int] = (64, 64), n_classes: int = 0
) -> Flow:
    """Affine couplings in which the two halves take turns; for vectors. Real NVP, section 3.5.

    Args:
        n_features: d, at least 2.
        n_layers: number of couplings.
        hidden: widths of the network in each.
        n_classes: number of classes of a condition, 0 for none.
    """
    layers = [
        AffineCoupling(n_features, hidden=hidden, flip=bool(i % 2), n_classes=n_classes)
        for i in range(positive_int(n_layers, "n_layers"))
    ]
    return Flow(layers, shape=n_features)


def glow(
    shape: int | Sequence[int],
    *,
    n_steps: int = 8,
    hidden: int | Sequence[int] = (64, 64),
    n_levels: int | None = None,
    dropout: float = 0.0,
    n_classes: int = 0,
) -> Flow:
    """Steps of activation norm, invertible linear map and affine coupling, at one scale. Glow, figure 2a.

    Args:
        shape: the number of features, or (channels, height, width) with even sides: images are squeezed once,
            and the networks are convolutions.
        n_steps: how many.
        hidden: widths of the network in each coupling.
        n_levels: of grey in discrete data; puts a Logit in front. None: continuous data.
        dropout: in the networks, while training.
        n_classes: number of classes of a condition, 0 for none.
    """
    shape = positive_ints(shape, "shape", at_least=1)
    image = len(shape) == 3
    layers: list[nn.Module] = [] if n_levels is None else [Logit(positive_int(n_levels, "n_levels", low=2))]
    layers += [Squeeze()] if image else []
    n_features = 4 * shape[0] if image else shape[0]
    for _ in range(positive_int(n_steps, "n_steps")):
        layers += [ActNorm(n_features), InvertibleLinear(n_features)]
        layers += [
            AffineCoupling(n_features, hidden=hidden, dropout=dropout, image=image, n_classes=n_classes)
        ]
    return Flow(layers, shape=shape, discrete=n_levels is not None)
