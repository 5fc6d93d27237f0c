"""The layers of a normalising flow: maps with an inverse and a log-determinant that cost little.

Each layer is an nn.Module with the two verbs of the flow itself,
    forward(x) -> (z, log_det)   from the data's side to the noise's, log_det = log|det dz/dx|
    inverse(z) -> (x, log_det)   the way back,                        log_det = log|det dx/dz|
where log_det is (n,), in nats per example. x is (n, d), or (n, channels, height, width): a layer for vectors
acts on axis 1 in both cases, and on images its log-determinant then counts every one of the H W positions.
ActNorm, Whiten and HistogramToNormal also have initialize(x), which sets them from a batch.

Sources: Dinh et al. 2017 (Real NVP) for coupling; Kingma & Dhariwal 2018 (Glow), table 1, for activation
norm and the 1 x 1 convolution. Notebook 16_flows.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike
from torch import Tensor, nn

from coursekit.inputs import as_input, as_labels, as_tensor, positive_int, positive_ints, real_number
from coursekit.networks import conv_net, mlp


def count_positions(x: Tensor) -> int:
    """Number of positions of x that share the same map of axis 1: H W for images, 1 for vectors."""
    return math.prod(x.shape[2:])


def labels_of(
    condition: Tensor | int | None, n: int, n_classes: int, *, of: str, device: torch.device | None = None
) -> Tensor | None:
    """The condition as labels (n,), None where no classes are known; ValueError where one lacks the other.

    >>> labels_of(2, 3, 4, of="coupling")
    tensor([2, 2, 2])

    Args:
        condition: labels (n,), one label for all, or None.
        n: number of examples.
        n_classes: 0, or the number of classes.
        of: what the sentence calls the layer or the model that was asked.
        device: where the labels go.
    """
    if (condition is None) != (n_classes == 0):
        raise ValueError(
            f"this {of} was built with n_classes={n_classes}: "
            + ("each call needs condition=labels" if n_classes else "a condition needs n_classes")
        )
    if condition is None:
        return None
    return as_labels(condition, n, n_classes=n_classes, device=device, name="condition")


def _with_features(x, n_features, *, like, name="x", finite=False):
    """x (n, n_features) or (n, n_features, H, W) in the precision of `like`; ValueError for another width."""
    x = as_input(x, like=like, name=name, finite=finite)
    if x.ndim < 2 or x.shape[1] != n_features:
        raise ValueError(
            f"{name} must have {n_features} features along axis 1, as this layer has, got {tuple(x.shape)}"
        )
    return x


def _vectors(x, n_features, *, layer, like, name="x", finite=False):
    """x (n, n_features) in the precision of `like`; ValueError for another width, and for images."""
    x = _with_features(x, n_features, like=like, name=name, finite=finite)
    if x.ndim != 2:
        raise ValueError(
            f"{layer} takes vectors (n, {n_features}), got {name} of shape {tuple(x.shape)}: flatten images"
        )
    return x


def apply_matrix(matrix: Tensor, x: Tensor) -> Tensor:
    """matrix (d, d) applied to axis 1 of x (n, d) or (n, d, H, W): a 1 x 1 convolution on images."""
    return F.linear(x.movedim(1, -1), matrix).movedim(-1, 1)


def per_channel(vector: Tensor, x: Tensor) -> Tensor:
    """vector (d,) reshaped to broadcast along axis 1 of x."""
    return vector.reshape(1, -1, *[1] * (x.ndim - 2))


class AffineCoupling(nn.Module):
    """One half passes unchanged and decides how the other half is scaled and shifted. Real NVP, eq. 4-8.

    z_a = x_a,  z_b = x_b * exp(s(x_a)) + t(x_a),  log_det = sum s(x_a). The Jacobian is triangular, so the
    network behind s and t may be anything: nothing of it is ever inverted.

    A fresh layer is the identity.

    >>> z, log_det = AffineCoupling(4)(torch.ones(3, 4))
    >>> z.shape, log_det
    (torch.Size([3, 4]), tensor([0., 0., 0.], grad_fn=<SumBackward1>))

    Args:
        n_features: size of axis 1, at least 2.
        hidden: widths of the network.
        flip: False lets the first n_features // 2 pass, True the rest.
        activation: of the hidden layers, of networks.ACTIVATIONS.
        bound: s stays within (-bound, bound), so that no scale explodes.
        dropout: in the network, while training.
        image: convolutions instead of linear layers.
        n_classes: 0, or the number of classes: the network then sees the class too, and both verbs take
            condition, labels (n,).
    """

    def __init__(
        self,
        n_features: int,
        *,
        hidden: int | Sequence[int] = (64, 64),
        flip: bool = False,
        activation: str = "relu",
        bound: float = 2.0,
        dropout: float = 0.0,
        image: bool = False,
        n_classes: int = 0,
    ):
        super().__init__()
        if positive_int(n_features, "n_features") < 2:
            raise ValueError(f"a coupling needs two halves, so at least 2 features; got {n_features}")
        bound, n_classes = real_number(bound, "bound", above=0), positive_int(n_classes, "n_classes", low=0)
        self.sizes = [n_features // 2, n_features - n_features // 2]
        self.flip, self.bound, self.n_classes = flip, bound, n_classes
        n_passed, n_changed = reversed(self.sizes) if flip else self.sizes
        build = conv_net if image else mlp
        sizes = [n_passed + n_classes, *positive_ints(hidden, "hidden"), 2 * n_changed]
        self.network = build(sizes, activation=activation, dropout=dropout)
        nn.init.zeros_(self.network[-1].weight)
        nn.init.zeros_(self.network[-1].bias)

    def scale_and_shift(self, passed: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """s and t, each shaped as the half that changes.

        Args:
            passed: the half that passes.
            condition: labels (n,), or one for all, where the layer knows classes; there it must be given.
        """
        labels = labels_of(condition, len(passed), self.n_classes, of="coupling", device=passed.device)
        if labels is not None:
            classes = F.one_hot(labels, self.n_classes).to(passed)  # (n, n_classes), the same everywhere
            classes = classes.reshape(*classes.shape, *[1] * (passed.ndim - 2))
            passed = torch.cat([passed, classes.expand(-1, -1, *passed.shape[2:])], dim=1)
        raw, shift = self.network(passed).chunk(2, dim=1)
        return self.bound * torch.tanh(raw / self.bound), shift

    def split(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The two halves of x: the one that passes, the one that changes."""
        x = _with_features(x, sum(self.sizes), like=self)
        first, second = x.split(self.sizes, dim=1)
        return (second, first) if self.flip else (first, second)

    def join(self, passed: Tensor, changed: Tensor) -> Tensor:
        """The inverse of split: x from the half that `passed` and the half that `changed`."""
        return torch.cat([changed, passed] if self.flip else [passed, changed], dim=1)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """x (n, d, ...) -> z of its shape and log_det (n,); condition: labels (n,), if it knows classes."""
        passed, changed = self.split(x)
        log_scale, shift = self.scale_and_shift(passed, condition)
        return self.join(passed, changed * log_scale.exp() + shift), log_scale.flatten(1).sum(1)

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The way back, z -> x and its log_det (n,); condition as in `forward`."""
        passed, changed = self.split(z)
        log_scale, shift = self.scale_and_shift(passed, condition)
        return self.join(passed, (changed - shift) * (-log_scale).exp()), -log_scale.flatten(1).sum(1)


class ActNorm(nn.Module):
    """z = (x + bias) * exp(log_scale), one bias and one scale per feature. Glow, section 3.1.

    The first batch seen in training mode (or initialize) sets both so that z has mean 0 and variance 1
    per feature; from there on they are ordinary parameters. Before that the layer is the identity.
    log_det = H W * sum(log_scale).

    >>> ActNorm(2)(torch.tensor([[1.0, 4.0], [3.0, 8.0]]))[0].tolist()
    [[-1.0, -1.0], [1.0, 1.0]]

    Args:
        n_features: size of axis 1.
    """

    def __init__(self, n_features: int):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(positive_int(n_features, "n_features")))
        self.log_scale = nn.Parameter(torch.zeros(n_features))
        self.register_buffer("initialized", torch.tensor(False))

    @torch.no_grad()
    def initialize(self, x: Tensor) -> None:
        """Set bias and scale from a batch x (n, d) or (n, d, H, W) with at least two values per feature."""
        x = _with_features(x, len(self.bias), like=self.bias, finite=True)
        values = x.movedim(1, 0).flatten(1)  # (d, n H W)
        if values.shape[1] < 2:
            raise ValueError("ActNorm takes its scale from a batch: give it at least two examples")
        self.bias.copy_(-values.mean(1))
        # A feature that is constant up to rounding has no scale of its own: it keeps scale 1.
        std = values.std(1, correction=0)
        rounding = 10 * torch.finfo(std.dtype).eps * values.mean(1).abs()
        self.log_scale.copy_(-torch.where(std > rounding, std, torch.ones_like(std)).log())
        self.initialized.fill_(True)

    def log_det(self, x: Tensor) -> Tensor:
        return (count_positions(x) * self.log_scale.sum()).expand(len(x))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = _with_features(x, len(self.bias), like=self.bias)
        if self.training and not self.initialized:
            self.initialize(x)
        return (x + per_channel(self.bias, x)) * per_channel(self.log_scale, x).exp(), self.log_det(x)

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        z = _with_features(z, len(self.bias), like=self.bias, name="z")
        return z * per_channel(-self.log_scale, z).exp() - per_channel(self.bias, z), -self.log_det(z)


class InvertibleLinear(nn.Module):
    """z = W x on axis 1, a permutation that is learned; on images Glow's invertible 1 x 1 convolution.

    W = P L (U + diag(sign * exp(log_scale))) with P a fixed permutation, L lower triangular with unit
    diagonal, U strictly upper triangular (Glow, eq. 10), so log|det W| = sum(log_scale) costs d additions
    instead of d^3 (eq. 11), W stays invertible whatever the parameters, and log_det = H W log|det W|.
    W starts as a random rotation (torch's global generator), so log|det W| starts at 0.

    >>> InvertibleLinear(3)(torch.zeros(2, 3))[0].shape
    torch.Size([2, 3])

    Args:
        n_features: d, size of axis 1.
    """

    def __init__(self, n_features: int):
        super().__init__()
        n_features = positive_int(n_features, "n_features")
        rotation = torch.linalg.qr(torch.randn(n_features, n_features, dtype=torch.float64)).Q
        permutation, lower, upper = torch.linalg.lu(rotation)
        diagonal = upper.diagonal()
        dtype = torch.get_default_dtype()
        self.register_buffer("permutation", permutation.to(dtype))
        self.register_buffer("sign", diagonal.sign().to(dtype))
        self.lower = nn.Parameter(lower.tril(-1).to(dtype))
        self.upper = nn.Parameter(upper.triu(1).to(dtype))
        self.log_scale = nn.Parameter(diagonal.abs().log().to(dtype))

    def factors(self) -> tuple[Tensor, Tensor, Tensor]:
        """P, L and U with its diagonal, each (d, d); W is their product."""
        lower = self.lower.tril(-1) + torch.eye(
            len(self.lower), dtype=self.lower.dtype, device=self.lower.device
        )
        upper = self.upper.triu(1) + torch.diag(self.sign * self.log_scale.exp())
        return self.permutation, lower, upper

    def weight(self) -> Tensor:
        """W (d, d)."""
        permutation, lower, upper = self.factors()
        return permutation @ lower @ upper

    def log_abs_det(self) -> Tensor:
        """log|det W|, a scalar: of the matrix alone, not yet counted once for each position."""
        return self.log_scale.sum()

    def log_det(self, x: Tensor) -> Tensor:
        return (count_positions(x) * self.log_abs_det()).expand(len(x))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = _with_features(x, len(self.sign), like=self.sign)
        return apply_matrix(self.weight(), x), self.log_det(x)

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        z = _with_features(z, len(self.sign), like=self.sign, name="z")
        permutation, lower, upper = self.factors()
        inverse_weight = torch.linalg.solve_triangular(lower, permutation.T, upper=False, unitriangular=True)
        inverse_weight = torch.linalg.solve_triangular(upper, inverse_weight, upper=True)
        return apply_matrix(inverse_weight, z), -self.log_det(z)


class Whiten(nn.Module):
    """z = A (x - mean), A fixed by initialize: z then has mean 0 and covariance I. For vectors (n, d).

    A = diag(variances)^(-1/2) Q' from the eigenvectors Q of the covariance, largest variance first. It is
    not trained: a full-covariance Gaussian is the flow's starting point, at no cost. log_det = log|det A|.

    >>> Whiten(3)(torch.zeros(2, 3))[0].shape
    torch.Size([2, 3])

    Args:
        n_features: d.
    """

    def __init__(self, n_features: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(positive_int(n_features, "n_features")))
        self.register_buffer("matrix", torch.eye(n_features))

    @torch.no_grad()
    def initialize(self, x: Tensor) -> None:
        """Set mean and A from x (n, d), n > d; ValueError if x spans no full-dimensional set."""
        wide = _vectors(x, len(self.mean), layer="Whiten", like=self.mean.double(), finite=True)
        d = len(self.mean)
        if len(wide) <= d:
            raise ValueError(f"whitening {d} features takes more than {d} examples, got {len(wide)}")
        variances, directions = torch.linalg.eigh(torch.cov(wide.T, correction=0).reshape(d, d))
        if variances[0] <= 1e-10 * variances[-1]:
            raise ValueError(
                "the data lie in a flat subspace: whitening has no inverse; add noise or drop columns"
            )
        self.mean.copy_(wide.mean(0))
        self.matrix.copy_((directions / variances.sqrt()).T.flip(0))

    def log_det(self, x: Tensor) -> Tensor:
        return torch.linalg.slogdet(self.matrix).logabsdet.expand(len(x))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = _vectors(x, len(self.mean), layer="Whiten", like=self.mean)
        return (x - self.mean) @ self.matrix.T, self.log_det(x)

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        z = _vectors(z, len(self.mean), layer="Whiten", like=self.mean, name="z")
        return torch.linalg.solve(self.matrix, z.T).T + self.mean, -self.log_det(z)


class HistogramToNormal(nn.Module):
    """z_j = quantile of the standard normal at F_j(x_j), the share of the data below: each pixel by its own
    histogram, fixed by initialize. For vectors (n, d) of dequantised grey levels, between 0 and n_levels.

    F_j rises linearly within a level, so that uniform noise stays uniform: if the pixels knew nothing of each
    other, this alone would be the whole flow, and the noise would cost nothing. What is left to learn is how
    they depend on each other. log_det = sum over j of log dF_j/dx + z_j^2 / 2 + log(2 pi) / 2. The first step
    of Chen & Gopinath 2000, Gaussianization.

    >>> HistogramToNormal(3, n_levels=17)(torch.full((2, 3), 8.5))[0][0].tolist()
    [0.0, 0.0, 0.0]

    Args:
        n_features: d.
        n_levels: grey levels 0, 1, ..., n_levels - 1.
        prior: added to the count of each level: one never seen must not get the probability 0.
        margin: keeps the ends finite.

    Raises:
        ValueError: x out of range.
    """

    def __init__(self, n_features: int, n_levels: int, *, prior: float = 0.5, margin: float = 1e-6):
        super().__init__()
        d, n_levels = positive_int(n_features, "n_features"), positive_int(n_levels, "n_levels")
        self.prior = real_number(prior, "prior", above=0)
        self.margin = real_number(margin, "margin", low=0, below=0.5)
        self.register_buffer("share", torch.full((n_levels, d), 1 / n_levels))
        self.register_buffer("below", torch.arange(n_levels)[:, None] / n_levels * torch.ones(d))

    @torch.no_grad()
    def initialize(self, x: Tensor) -> None:
        """Count the levels of x (n, d), each example once."""
        level = self._levels(self._vectors(x, finite=True))
        counts = F.one_hot(level, len(self.share)).sum(0).T.double() + self.prior  # (n_levels, d)
        share = counts / counts.sum(0)
        self.share.copy_(share)
        self.below.copy_(share.cumsum(0) - share)

    def _vectors(self, x, name="x", finite=False):
        how = {"layer": "HistogramToNormal", "like": self.share, "name": name, "finite": finite}
        return _vectors(x, self.share.shape[1], **how)

    def _levels(self, x):
        if len(x) and not (x.min() >= 0 and x.max() <= len(self.share)):
            raise ValueError(
                f"HistogramToNormal takes values between 0 and {len(self.share)}, its number of levels, got"
                f" {x.min():g} to {x.max():g}"
            )
        return x.detach().floor().long().clamp(max=len(self.share) - 1)

    def log_det(self, z: Tensor, level: Tensor) -> Tensor:
        slope = self.share.gather(0, level).log() + math.log1p(-2 * self.margin)
        return (slope + z**2 / 2 + math.log(2 * math.pi) / 2).sum(1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self._vectors(x)
        level = self._levels(x)
        u = self.below.gather(0, level) + (x - level) * self.share.gather(0, level)
        z = torch.special.ndtri(self.margin + (1 - 2 * self.margin) * u)
        return z, self.log_det(z, level)

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        z = self._vectors(z, "z")
        u = ((torch.special.ndtr(z) - self.margin) / (1 - 2 * self.margin)).clamp(0, 1)
        level = torch.searchsorted(self.below.T.contiguous(), u.T.contiguous(), right=True).T - 1
        x = level + ((u - self.below.gather(0, level)) / self.share.gather(0, level)).clamp(max=1)
        return x, -self.log_det(z, level)


class Permute(nn.Module):
    """z_i = x_order[i] along axis 1; log_det = 0.

    >>> Permute([2, 0, 1])(torch.tensor([[10.0, 11.0, 12.0]]))[0].tolist()
    [[12.0, 10.0, 11.0]]

    Args:
        order: each of 0..d-1 once.
    """

    def __init__(self, order: ArrayLike | Tensor):
        super().__init__()
        order = as_tensor(order, "order")
        if order.ndim != 1 or order.sort().values.tolist() != list(range(len(order))):
            raise ValueError(f"order must hold each of 0..{order.numel() - 1} once, got {order.tolist()}")
        self.register_buffer("order", order)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = _with_features(x, len(self.order), like=self)
        return x[:, self.order], x.new_zeros(len(x))

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        z = _with_features(z, len(self.order), like=self, name="z")
        return z[:, self.order.argsort()], z.new_zeros(len(z))
