"""Conditional GANs: a generator that is told what to draw, and a discriminator that knows what was asked for.

The condition c goes into both networks. The discriminator sees pairs, and says whether picture *and*
condition came from the data together. A real picture with another picture's condition is a fake of a second
kind, a *mismatched pair*: only by looking at the condition can it be told from a real one.

    value(D, G) = E_p log D(x, c) + w E_m log(1 - D(x, c)) + (1 - w) E_pg log(1 - D(x, c))
    max_D value = 2 JSD(p, w m + (1 - w) p_g) - log 4      reached by D* = p / (p + w m + (1 - w) p_g)

    x  (n, ...), pictures          c  (n, k), the condition: numbers, such as ones and zeros for words
    z  (n, n_latent), standard normal latents
    p    pairs of the data         p_g  conditions of the data with the generator's pictures
    m    mismatched pairs: pictures of the data with conditions of other rows
    w    share of the fakes that are mismatched pairs

Sources: Mirza & Osindero 2014, eq. 2 (the condition in both networks); Reed et al. 2016, Algorithm 1
(mismatched pairs, with w = 1/2); Miyato & Koyama 2018, eq. 3 (projection); Zhang et al. 2017, eq. 2 and 3
(conditioning augmentation). D*, its value and the best generator are derived in notebook 15.
"""

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from coursekit.draws import normal
from coursekit.gan import MinibatchStd, discriminator_loss, generator_loss
from coursekit.inputs import as_input, one_of, positive_int, real_number
from coursekit.networks import mlp

MERGES = ("projection", "early", "late")


def optimal_conditional_discriminator(
    p: ArrayLike, m: ArrayLike, p_model: ArrayLike, weight: float
) -> np.ndarray:
    """D* = p / (p + weight m + (1 - weight) p_model), NaN where nothing is ever drawn.

    >>> optimal_conditional_discriminator([1.0, 0.0], [0.0, 1.0], [1.0, 0.0], 0.5).round(3).tolist()
    [0.667, 0.0]

    Args:
        p: density of the data's pairs at some points (x, c), any shape.
        m: density of the mismatched pairs there.
        p_model: density of the generator's pairs there.
        weight: w, share of the fakes that are mismatched, in [0, 1].

    Raises:
        ValueError: densities of different shapes, negative or not finite; weight outside [0, 1].
    """
    weight = real_number(weight, "weight", low=0, high=1)
    p, m, p_model = _densities(p, m, p_model)
    with np.errstate(invalid="ignore"):
        return p / (p + weight * m + (1 - weight) * p_model)


def best_generator(p: ArrayLike, m: ArrayLike, weight: float) -> np.ndarray:
    """The p_model that minimises JSD(p, weight m + (1 - weight) p_model): a probability per cell, (n,).

    Where it draws at all, D* has one value, so that weight m + (1 - weight) p_model = k p; where k p does not
    reach weight m it draws nothing. Bisection finds the k with which the probabilities add up to 1. With
    weight 0 the best generator is p; with more it keeps away from where mismatched pairs are likely.

    Args:
        p: probabilities (n,) of pictures in the data, given one condition.
        m: probabilities (n,) of the pictures that come with this condition by mistake.
        weight: w in [0, 1).

    Raises:
        ValueError: as `optimal_conditional_discriminator`; or p or m do not add up to 1.
    """
    weight = real_number(weight, "weight", low=0, below=1)
    p, m = _densities(p, m)
    for name, each in (("p", p), ("m", m)):
        if not abs(each.sum() - 1) < 1e-6:
            raise ValueError(f"{name} must be probabilities that add up to 1, got a sum of {each.sum():.6g}")
    low, high = 0.0, 1.0  # with k = 1 the positive parts of k p - w m add up to 1 - w at least
    for _ in range(100):
        k = (low + high) / 2
        drawn = np.maximum(k * p - weight * m, 0)
        low, high = (k, high) if drawn.sum() < 1 - weight else (low, k)
    return drawn / (1 - weight)


def conditioning_augmentation(
    mean: Tensor, log_var: Tensor, *, rng: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """A condition blurred on purpose: c ~ N(mean, exp(log_var)), and its KL divergence from N(0, 1), in nats.

    Few sentences leave most of the space of conditions empty. Draws around each sentence fill it, and the
    divergence, added to the generator's loss, keeps the draws from shrinking back to points.

    >>> conditioning_augmentation(torch.zeros(2, 3), torch.zeros(2, 3))[1]
    tensor([0., 0.])

    Args:
        mean: (n, k), computed from the sentence by a layer that learns.
        log_var: (n, k), likewise: the logarithm of the variance.

    Returns:
        condition: (n, k), through which gradients flow to both arguments.
        divergence: (n,). Zhang et al. 2017, eq. 2.
    """
    condition = mean + (log_var / 2).exp() * normal(mean, rng)
    return condition, 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(-1)


class ConditionalGenerator(nn.Module):
    """Latents and condition side by side, then two hidden layers: (z (n, n_latent), c (n, k)) -> (n, pixels).

    >>> ConditionalGenerator(2, 3, 64)(torch.zeros(5, 2), torch.zeros(5, 3)).shape
    torch.Size([5, 64])

    Args:
        n_latent: number of latents.
        n_condition: k.
        n_outputs: pixels, whose values are in (0, 1).
        width: of the hidden layers.
    """

    def __init__(self, n_latent: int, n_condition: int, n_outputs: int, *, width: int = 256):
        super().__init__()
        for name, count in (("n_latent", n_latent), ("n_condition", n_condition)):
            positive_int(count, name)
        self.network = mlp((n_latent + n_condition, width, width, n_outputs))

    def forward(self, z: Tensor, condition: Tensor) -> Tensor:
        return self.network(torch.cat([z, condition.flatten(1)], dim=1)).sigmoid()


class StackedGenerator(nn.Module):
    """The second stage of a StackGAN: a picture from the words *and* from a small picture drawn for them.

    The first stage has been trained and rests; the second is given what it drew beside the words:
    (z (n, n_first + n_second), c (n, k)) -> (n, pixels). Zhang et al. 2017, section 3.4.

    >>> stages = ConditionalGenerator(2, 3, 16), ConditionalGenerator(4, 3 + 16, 64)
    >>> StackedGenerator(*stages, n_first=2)(torch.zeros(5, 6), torch.zeros(5, 3)).shape
    torch.Size([5, 64])

    Args:
        first: module (z (n, n_first), c (n, k)) -> small pictures (n, ...); its weights are frozen.
        second: module (z (n, n_second), words and small picture side by side) -> pictures (n, ...).
        n_first: number of latents of the first stage.
    """

    def __init__(self, first: nn.Module, second: nn.Module, *, n_first: int):
        super().__init__()
        self.first, self.second = first.requires_grad_(False), second
        self.n_first = positive_int(n_first, "n_first")

    def forward(self, z: Tensor, condition: Tensor) -> Tensor:
        small = self.first(z[:, : self.n_first], condition)
        seen = torch.cat([condition.flatten(1), small.flatten(1)], dim=1)
        return self.second(z[:, self.n_first :], seen)


class ConditionalDiscriminator(nn.Module):
    """Raw scores of pairs: (x (n, ...), c (n, k)) -> (n,), from two hidden layers with MinibatchStd.

    h(x) are the features after the second hidden layer; u and V are learned. merge says where c comes in:

        "projection"   s(x, c) = u h(x) + h(x) . V c       every word has its own direction among the features
        "early"        c stands beside the pixels, as if it were some more of them
        "late"         c stands beside the features, before one more hidden layer

    >>> ConditionalDiscriminator(64, 3)(torch.zeros(5, 64), torch.zeros(5, 3)).shape
    torch.Size([5])

    Args:
        n_inputs: pixels.
        n_condition: k.
        merge: of MERGES.
        width: of the hidden layers.
    """

    def __init__(self, n_inputs: int, n_condition: int, *, merge: str = "projection", width: int = 256):
        super().__init__()
        self.merge = one_of("merge", merge, MERGES)
        for name, count in (("n_inputs", n_inputs), ("n_condition", n_condition), ("width", width)):
            positive_int(count, name)
        n_seen = n_inputs + n_condition * (merge == "early")
        first = [nn.Linear(n_seen, width), nn.LeakyReLU(0.2), MinibatchStd()]
        self.features = nn.Sequential(*first, nn.Linear(width + 1, width), nn.LeakyReLU(0.2))
        if merge == "late":
            self.score = mlp((width + n_condition, width // 4, 1), activation="leaky_relu")
        else:
            self.score = nn.Linear(width, 1)
        self.directions = nn.Linear(n_condition, width, bias=False) if merge == "projection" else None

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        x, condition = x.flatten(1), condition.flatten(1)
        if self.merge == "early":
            return self.score(self.features(torch.cat([x, condition], dim=1)))[:, 0]
        h = self.features(x)
        if self.directions is None:  # late
            return self.score(torch.cat([h, condition], dim=1))[:, 0]
        return self.score(h)[:, 0] + (h * self.directions(condition)).sum(1)


class ConditionalGAN(nn.Module):
    """Generator and discriminator that both see the condition; `fit_adversarial(game, (x, c))` plays it.

    >>> parts = ConditionalGenerator(4, 2, 9), ConditionalDiscriminator(9, 2)
    >>> ConditionalGAN(*parts, n_latent=4).sample(torch.eye(2)).shape
    torch.Size([2, 9])

    Args:
        generator: module (z (n, n_latent), c (n, ...)) -> pictures (n, ...).
        discriminator: module (x (n, ...), c (n, ...)) -> raw scores (n,).
        n_latent: number of latents.
        mismatched: w, the weight of mismatched pairs among the fakes, in [0, 1); 0 for none.
        objective: of `gan.OBJECTIVES`.
        noise: standard deviation of Gaussian noise on every picture that the discriminator is shown.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *,
        n_latent: int,
        mismatched: float = 0.5,
        objective: str = "non_saturating",
        noise: float = 0.0,
    ):
        super().__init__()
        self.generator, self.discriminator = generator, discriminator
        self.n_latent = positive_int(n_latent, "n_latent")
        self.mismatched = real_number(mismatched, "mismatched", low=0, below=1)
        self.objective = objective
        self.noise = real_number(noise, "noise", low=0)

    @property
    def opponent(self) -> nn.Module:
        """The discriminator, under the name that the training loop uses."""
        return self.discriminator

    def __setattr__(self, name, value):
        # A module that is assigned goes past a property, and the old opponent would play on.
        super().__setattr__("discriminator" if name == "opponent" else name, value)

    def draw(self, condition: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """A picture for each row of condition (n, ...), through which gradients flow."""
        z = normal(next(self.generator.parameters()), rng, shape=(len(condition), self.n_latent))
        return self.generator(z, condition)

    def score(self, x: Tensor, condition: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """Raw scores (n,) of pairs, under the noise that the discriminator sees through."""
        return self.discriminator(x + self.noise * normal(x, rng) if self.noise else x, condition)

    def opponent_loss(self, x: Tensor, condition: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """The discriminator's loss on a batch of pairs x (n, ...), c (n, ...); a scalar.

        Mismatched pairs get the condition of the row before. Batches come in random order, so that is the
        condition of a random other picture, which may be the same by chance.
        """
        x, condition = self._pairs(x, condition)
        with torch.no_grad():
            fake = self.draw(condition, rng=rng)
        real = self.score(x, condition, rng=rng)
        loss = discriminator_loss(real, self.score(fake, condition, rng=rng), objective=self.objective)
        if self.mismatched:
            wrong = self.score(x, condition.roll(1, dims=0), rng=rng)
            # The part of the real pairs is in both losses once; the weights of the fakes add up to 1.
            other = discriminator_loss(real, wrong, objective=self.objective)
            loss = (1 - self.mismatched) * loss + self.mismatched * other
        return loss

    def generator_loss(self, x: Tensor, condition: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """The generator's loss on pictures of its own for the conditions of a batch; x is not looked at."""
        x, condition = self._pairs(x, condition)
        scores = self.score(self.draw(condition, rng=rng), condition, rng=rng)
        return generator_loss(scores, objective=self.objective)

    def constrain(self) -> None:
        """Nothing to do after a step of the discriminator."""

    @torch.no_grad()
    def sample(self, condition: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """A picture for each row of condition (n, ...)."""
        return self.draw(as_input(condition, like=self.generator, name="condition"), rng=rng)

    def _pairs(self, x, condition):
        x = as_input(x, like=self.generator, finite=False)
        condition = as_input(condition, like=self.generator, name="condition", finite=False)
        if len(x) != len(condition):
            raise ValueError(f"one condition per picture is needed, got {len(condition)} for {len(x)}")
        return x, condition


def _densities(*named):
    arrays = [np.asarray(each, dtype=np.float64) for each in named]
    if len({each.shape for each in arrays}) > 1:
        shapes = ", ".join(str(each.shape) for each in arrays)
        raise ValueError(f"densities at the same points are needed, got shapes {shapes}")
    if not all((np.isfinite(each) & (each >= 0)).all() for each in arrays):
        raise ValueError("densities must be finite and not negative: did you pass logarithms?")
    return arrays
