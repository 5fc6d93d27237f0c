"""Generative adversarial networks: a generator and a discriminator learn from each other.

The generator turns noise into samples, the discriminator says how likely a sample is to be real. Each step of
the discriminator makes it better at telling the two apart, each step of the generator uses what it has
learned. Where the discriminator plays its best, the game measures how far apart the two distributions are,
and the generator wins only by making them equal: a forger against an inspector.

    value(D, G) = E_data[log D(x)] + E_z[log(1 - D(G(z)))]          raised by D, lowered by G
    max_D value = 2 JSD(p_data, p_model) - log 4                reached by D* = p_data / (p_data + p_model)

    z  (n, n_latent), standard normal       D(x)    probability that x is real, sigmoid(s(x))
    x  (n, ...), samples                    s(x)    (n,), raw score of the discriminator
    theta, phi  weights of generator and discriminator
    alpha  taken off the target of real samples (1 - alpha), beta  target of generated ones

Two expectations are added, not halved (least squares keeps its halves). Texts that label real samples 0 and
halve the sum play the same game: their value is log 2 - JSD for the discriminator that minimises.

Sources: Goodfellow et al. 2014 (the value, eq. 1; D*, eq. 2; its value, eq. 6; the loss that does not
saturate, section 3); Salimans et al. 2016, section 3.4 (smoothed labels); Mao et al. 2017 (least squares,
eq. 2 with a = 0, b = c = 1); Karras et al. 2018 (spread of the batch); Mescheder, Geiger & Nowozin 2018
(gradient penalty R1). Notebook 12.
"""

from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike
from scipy.special import rel_entr, xlog1py, xlogy
from torch import Tensor, nn

from coursekit.draws import normal
from coursekit.inputs import as_input, positive_int, real_number, shape_sentence
from coursekit.networks import mlp

OBJECTIVES = ("minimax", "non_saturating", "least_squares")
Objective = Literal["minimax", "non_saturating", "least_squares"]


def optimal_discriminator(
    p_data: ArrayLike, p_model: ArrayLike, *, alpha: float = 0.0, beta: float = 0.0
) -> np.ndarray:
    """The best answer to a given generator: ((1 - alpha) p_data + beta p_model) / (p_data + p_model).

    Returns probabilities, NaN where both densities are 0, since nothing that is ever drawn tells what to
    answer there. Goodfellow et al. 2014, eq. 2; with smoothed targets Salimans et al. 2016, section 3.4.

    Args:
        p_data: density of the data, any shape.
        p_model: density of the generator's samples at the same points.
        alpha: taken off the target of real samples, 1 - alpha instead of 1.
        beta: target of generated ones, instead of 0.
    """
    _check_targets(alpha, beta)
    p_data, p_model = _densities(p_data, p_model)
    with np.errstate(invalid="ignore"):
        return ((1 - alpha) * p_data + beta * p_model) / (p_data + p_model)


def jensen_shannon(p: ArrayLike, q: ArrayLike, dx: float) -> float:
    """Jensen-Shannon divergence in nats of two densities on one grid of cells of size dx; in [0, log 2].

    Half the divergence of each from their mean m = (p + q) / 2: KL(p || m) / 2 + KL(q || m) / 2. The sum over
    cells is exact to rounding for smooth densities inside the grid.

    Args:
        p: a density at the points of the grid.
        q: another.
        dx: size of a cell; with 1, p and q are probabilities.

    Raises:
        ValueError: p or q is negative somewhere, not finite, or integrates to more than 1.
    """
    p, q = _densities(p, q, dx)
    # Numerators doubled instead of p + q halved: half of the smallest number is 0, and p / 0 is not near 2.
    return float((rel_entr(2 * p, p + q) + rel_entr(2 * q, p + q)).sum() * dx / 4)


def game_value(discriminator_values: ArrayLike, p_data: ArrayLike, p_model: ArrayLike, dx: float) -> float:
    """E_data[log D] + E_model[log(1 - D)] in nats, on a grid of cells of size dx. Goodfellow et al., eq. 1.

    D is read as no surer than rounding allows, 2^-53 from 0 and 1, so a certain error costs 37 nats and not
    infinitely many: D* itself rounds to 1 wherever p_model is small enough.

    Args:
        discriminator_values: D in [0, 1] at the points of the densities; where both are 0 it does not count.
        p_data: density of the data.
        p_model: density of the generator's samples.
        dx: size of a cell.
    """
    p_data, p_model = _densities(p_data, p_model, dx)
    D = np.asarray(discriminator_values, dtype=np.float64)
    if D.shape != p_data.shape:
        raise ValueError(f"D has shape {D.shape}, but the densities have {p_data.shape}")
    D = np.where(p_data + p_model > 0, D, 0.5)
    if not ((D >= 0) & (D <= 1)).all():
        raise ValueError("D must be probabilities in [0, 1]: apply the sigmoid to raw scores")
    D = D.clip(2**-53, 1 - 2**-53)
    return float((xlogy(p_data, D) + xlog1py(p_model, -D)).sum() * dx)


def discriminator_loss(
    real_scores: Tensor, fake_scores: Tensor, *, objective: Objective, alpha: float = 0.0, beta: float = 0.0
) -> Tensor:
    """What the discriminator minimises; a scalar, means over both batches added.

    Cross-entropy with targets 1 - alpha and beta (minus the value of the game where both are 0), or squared
    distances of the raw scores from these targets, halved. Goodfellow et al. 2014, eq. 1; Mao et al., eq. 2.

    Args:
        real_scores: (n,), raw scores of real samples.
        fake_scores: (m,), of generated ones.
        objective: of OBJECTIVES.
        alpha: taken off the target of real samples.
        beta: target of generated ones.
    """
    _known(objective)
    _check_targets(alpha, beta)
    if objective == "least_squares":
        return ((real_scores - (1 - alpha)) ** 2).mean() / 2 + ((fake_scores - beta) ** 2).mean() / 2
    # softplus(-s) = -log D and softplus(s) = -log(1 - D), without the overflow of a logarithm of a sigmoid.
    real = (1 - alpha) * F.softplus(-real_scores) + alpha * F.softplus(real_scores)
    fake = beta * F.softplus(-fake_scores) + (1 - beta) * F.softplus(fake_scores)
    return real.mean() + fake.mean()


def generator_loss(fake_scores: Tensor, *, objective: Objective) -> Tensor:
    """What the generator minimises; raw scores of its samples (m,) -> scalar.

    "minimax"         E log(1 - D), its part of the value: flat where the discriminator is sure
    "non_saturating"  -E log D: steep there, with the same equilibrium (Goodfellow et al. 2014, section 3)
    "least_squares"   E (s - 1)^2 / 2

    Args:
        fake_scores: (m,), raw scores s of its samples.
        objective: of OBJECTIVES.
    """
    _known(objective)
    if objective == "minimax":
        return -F.softplus(fake_scores).mean()
    if objective == "non_saturating":
        return F.softplus(-fake_scores).mean()
    return ((fake_scores - 1) ** 2).mean() / 2


def r1_penalty(scores: Tensor, x: Tensor) -> Tensor:
    """Squared slope of the score at each sample, |grad s(x)|^2, (n,); as part of a loss it can be minimised.

    Where a score depends on its whole batch (MinibatchStd), the slope is that of the sum of all. R1 of
    Mescheder, Geiger & Nowozin 2018 is gamma / 2 times the mean of this over real samples.

    Args:
        scores: (n,), s(x), computed from x.
        x: (n, ...), which requires gradients.
    """
    (slope,) = torch.autograd.grad(scores.sum(), x, create_graph=True)
    return slope.reshape(len(x), -1).square().sum(1)


class MinibatchStd(nn.Module):
    """A layer that tells a discriminator how much the samples of a batch differ: (n, k) -> (n, k + 1).

    It appends to every row one number, the standard deviation of each feature over the batch, averaged over
    the features. A discriminator that judges one sample at a time cannot notice a generator that
    always makes the same one; with this layer D judges a batch of real samples or a batch of fakes. Karras
    et al. 2018, section 3.

    >>> MinibatchStd()(torch.zeros(5, 3)).shape
    torch.Size([5, 4])
    """

    def forward(self, features: Tensor) -> Tensor:
        """features (n, k) -> (n, k + 1)."""
        # The small number keeps the gradient finite where all rows agree.
        spread = (features.var(0, correction=0) + 1e-8).sqrt().mean()
        return torch.cat([features, spread.expand(len(features), 1)], dim=1)


def batch_discriminator(n_inputs: int, width: int) -> nn.Sequential:
    """A discriminator of two hidden layers with MinibatchStd between them, (n, n_inputs) -> (n, 1).

    Args:
        n_inputs: values per sample.
        width: of the hidden layers.
    """
    n_inputs, width = positive_int(n_inputs, "n_inputs"), positive_int(width, "width")
    first = [nn.Linear(n_inputs, width), nn.LeakyReLU(), MinibatchStd()]
    return nn.Sequential(*first, mlp((width + 1, width, 1), activation="leaky_relu"))


class GAN(nn.Module):
    """Generator and discriminator of one game; `training.fit_adversarial` plays it.

    The discriminator is also called `opponent`, which is its name in the training loop. It may be told to be
    less sure (label_smoothing, fake_label), and may pay for the slope of its score at real samples (r1),
    which damps the game and does not move its equilibrium, where D is flat.

    >>> GAN(mlp((2, 8)), mlp((8, 1)), n_latent=2).sample(5).shape
    torch.Size([5, 8])

    Args:
        generator: module (n, n_latent) -> (n, ...).
        discriminator: module (n, ...) -> raw scores, (n,) or (n, 1).
        n_latent: latents per sample.
        objective: of OBJECTIVES.
        label_smoothing: alpha, taken off the target of real samples.
        fake_label: beta, the target of generated ones; above 0 the discriminator has a reason to like samples
            *because* the generator makes many of them.
        r1: gamma in gamma / 2 E_data |grad s(x)|^2, in units of the data squared; 0 for none. The
            discriminator's loss then needs gradients: not under torch.no_grad().
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *,
        n_latent: int,
        objective: Objective = "non_saturating",
        label_smoothing: float = 0.0,
        fake_label: float = 0.0,
        r1: float = 0.0,
    ):
        super().__init__()
        _known(objective)
        _check_targets(label_smoothing, fake_label)
        self.generator, self.discriminator = generator, discriminator
        self.n_latent, self.objective = positive_int(n_latent, "n_latent"), objective
        self.label_smoothing, self.fake_label = label_smoothing, fake_label
        self.r1 = real_number(r1, "r1, the weight of the penalty on slopes,", low=0)

    @property
    def opponent(self) -> nn.Module:
        """The discriminator, under the name that the training loop uses for either game."""
        return self.discriminator

    def __setattr__(self, name, value):
        # A module that is assigned goes past a property, and the old opponent would play on.
        super().__setattr__("discriminator" if name == "opponent" else name, value)

    def score(self, x: Tensor) -> Tensor:
        """Raw scores s(x) of the discriminator, x (n, ...) -> (n,)."""
        x = as_input(x, like=self.discriminator, finite=False)
        with shape_sentence("the discriminator", x):
            scores = self.discriminator(x)
        if scores.numel() != len(x):
            raise ValueError(
                f"the discriminator made {tuple(scores.shape)} of {len(x)} samples: one score each is needed"
            )
        return scores.reshape(len(x))

    def probability(self, x: Tensor) -> Tensor:
        """D(x), how likely x is to be real, (n, ...) -> (n,); least squares learns it without a sigmoid."""
        return self.score(x) if self.objective == "least_squares" else self.score(x).sigmoid()

    def opponent_loss(self, real: Tensor, fake: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """The discriminator's loss on samples real (n, ...) and fake (m, ...); a scalar. rng is not used."""
        real = as_input(real, like=self.discriminator, name="real", finite=False)
        real = real.detach().requires_grad_(self.r1 > 0)
        real_scores = self.score(real)
        loss = discriminator_loss(
            real_scores,
            self.score(fake),
            objective=self.objective,
            alpha=self.label_smoothing,
            beta=self.fake_label,
        )
        return loss + self.r1 / 2 * r1_penalty(real_scores, real).mean() if self.r1 else loss

    def generator_loss(self, fake: Tensor) -> Tensor:
        """The generator's loss on its samples fake (m, ...), through which gradients flow; a scalar."""
        return generator_loss(self.score(fake), objective=self.objective)

    def constrain(self) -> None:
        """Nothing to do after a step of the discriminator; the critic of lecture 14 clips here."""

    @torch.no_grad()
    def sample(self, n: int, *, rng: torch.Generator | None = None) -> Tensor:
        """n samples of the generator, (n, ...), from standard normal latents."""
        n, like = positive_int(n, "n", low=0), next(self.generator.parameters())
        z = normal(like, rng, shape=(n, self.n_latent))
        with shape_sentence("the generator", z):
            return self.generator(z)


def _check_targets(alpha, beta):
    alpha = real_number(alpha, "alpha, taken off the targets,")
    beta = real_number(beta, "beta, of the targets,")
    if not 0 <= beta < 1 - alpha <= 1:
        raise ValueError(
            f"targets 1 - alpha and beta must satisfy 0 <= beta < 1 - alpha <= 1, got {alpha=}, {beta=}"
        )


def _known(objective):
    if objective not in OBJECTIVES:
        raise ValueError(f"unknown objective {objective!r}; choose one of {', '.join(OBJECTIVES)}")


def _densities(p, q, dx=None):
    """Both as arrays; where the size dx of a cell is given, no mass may be much more than 1."""
    p, q = np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)
    if p.shape != q.shape:
        raise ValueError(f"two densities at the same points are needed, got shapes {p.shape} and {q.shape}")
    if not (np.isfinite(p) & np.isfinite(q) & (p >= 0) & (q >= 0)).all():
        raise ValueError("densities must be finite and not negative: did you pass logarithms?")
    if dx is not None:
        dx = real_number(dx, "dx", above=0)
        masses = p.sum() * dx, q.sum() * dx
        if max(masses) > 1.01:
            raise ValueError("densities must integrate to 1, got {:.4g} and {:.4g}".format(*masses))
    return p, q
