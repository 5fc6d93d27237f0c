"""Variational autoencoder: a latent variable model, and a lower bound on its likelihood that can be trained.

A picture x is explained by a few hidden numbers z: draw z from a standard normal, let a network (the
decoder) turn it into a distribution over x. The likelihood p(x) is an integral over z without a closed form,
so a second network (the encoder) approximates the posterior of z given x. Both learn together by raising the
evidence lower bound, which misses log p(x) by exactly the divergence of this approximate posterior from the
true one.

    elbo(x) = E_q[log p(x | z)] - KL(q(z | x) || p(z)) = log p(x) - KL(q(z | x) || p(z | x))

    p(z)        N(0, I), or learned: the prior           z      (n, n_latent), the latent variables
    p(x | z)    decoder, with parameters theta           x      (n, n_inputs), the data
    q(z | x)    N(mean, diag exp(log_var)), the encoder, with parameters phi

Everything is in nats per example and summed over pixels and latents. A mean over pixels would be the same
objective with a KL term n_inputs times as heavy: a beta of 784 on MNIST that was never written down.

Sources: Kingma & Welling 2014 (the bound, eq. 3; the estimator, eq. 10; the KL, appendix B); Rezende, Mohamed
& Wierstra 2014; Burda, Grosse & Salakhutdinov 2016 (importance weights, eq. 8); Higgins et al. 2017 (beta,
eq. 4); Tomczak & Welling 2018 (learned priors). Notebook 11.
"""

import math
from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coursekit.draws import bernoulli, normal
from coursekit.inputs import (
    as_input,
    as_labels,
    as_tensor,
    one_of,
    positive_int,
    positive_ints,
    real_number,
)
from coursekit.networks import mlp, residual_mlp

LIKELIHOODS = ("bernoulli", "gaussian")


def _numbers(x, name, shape=None, **limits):
    """x as a floating tensor of its own precision; limits as in `as_input`."""
    x = as_tensor(x, name)
    like = x if x.is_floating_point() else torch.zeros((), device=x.device)
    return as_input(x, shape, like=like, name=name, **limits)


def reparametrize(mean: Tensor, log_var: Tensor, rng: torch.Generator | None = None) -> Tensor:
    """A sample of N(mean, diag exp(log_var)) that gradients pass through: the noise knows no parameter.

    Every entry gets noise of its own. Kingma & Welling 2014, section 2.4.

    Args:
        mean: (n, k).
        log_var: (n, k), log-variances.
        rng: generator for the noise.
    """
    return mean + (0.5 * log_var).exp() * normal(mean, rng)


def gaussian_kl(mean: Tensor, log_var: Tensor) -> Tensor:
    """KL(N(mean, diag exp(log_var)) || N(0, I)) in nats, summed over the last axis; (n, k) -> (n,).

    Kingma & Welling 2014, appendix B. Where a text writes exp(sigma) - (1 + sigma) + mu^2, its sigma is the
    log-variance used here, and its factor 1/2 has gone astray.

    Raises:
        ValueError: an argument holds NaN or infinity.
    """
    return _gaussian_kl(_numbers(mean, "mean"), _numbers(log_var, "log_var"))


def _gaussian_kl(mean, log_var):
    return 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(-1)


def log_normal(x: Tensor, mean: Tensor, log_var: Tensor) -> Tensor:
    """log N(x; mean, diag exp(log_var)) in nats, summed over the last axis; the arguments broadcast."""
    x, mean, log_var = as_tensor(x), as_tensor(mean, "mean"), as_tensor(log_var, "log_var")
    return -0.5 * (math.log(2 * math.pi) + log_var + (x - mean) ** 2 * (-log_var).exp()).sum(-1)


def log_bernoulli(x: Tensor, logits: Tensor) -> Tensor:
    """log p(x) of independent Bernoulli pixels in nats, summed over the last axis.

    This is minus the binary cross-entropy, *summed* over the pixels.

    Args:
        x: (..., d), in [0, 1].
        logits: (..., d), of p(x_i = 1).

    Raises:
        ValueError: x is not in [0, 1], or an argument holds NaN or infinity.
    """
    logits = _numbers(logits, "logits")
    return _log_bernoulli(as_input(x, like=logits, low=0, high=1), logits)


def _log_bernoulli(x, logits):
    return -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)


def importance_weighted_bound(log_weights: Tensor) -> Tensor:
    """log of the mean weight over the first axis of log_weights, log p(x, z) - log q(z | x): (k, n) -> (n,).

    At k = 1 an estimate of the elbo; it rises with k, towards log p(x). Burda et al. 2016, eq. 8. The largest
    weight is taken out before exp: exp(-1000) would be 0, and its log minus infinity.

    Raises:
        ValueError: there is no weight, or one of them is NaN.
    """
    log_weights = as_tensor(log_weights, "log_weights")
    if log_weights.ndim == 0 or not len(log_weights):
        shape = tuple(log_weights.shape)
        raise ValueError(f"log_weights must have shape (k, n) with k of at least 1, got {shape}")
    if log_weights.isnan().any():
        raise ValueError("log_weights holds NaN, and the mean of NaN is undefined")
    return torch.logsumexp(log_weights, 0) - math.log(log_weights.shape[0])


def active_units(mean: Tensor, *, threshold: float = 0.01) -> Tensor:
    """Which latents carry information; bool (n_latent,).

    One that is off has collapsed to the prior and is ignored by the decoder. Burda et al. 2016, section 5.2.

    Args:
        mean: (n, n_latent), posterior means from `encode`, of two pictures or more.
        threshold: the variance over the data above which a latent counts as active.

    Raises:
        ValueError: mean has another shape, fewer than two rows, or holds NaN or infinity.
    """
    mean = _numbers(mean, "mean", (None,))
    if len(mean) < 2:
        raise ValueError(f"mean must have two rows or more: a variance over {len(mean)} is not defined")
    return mean.var(0) > real_number(threshold, "threshold", low=0)


class MixturePrior(nn.Module):
    """p(z) as a learned mixture of diagonal Gaussians; trained with the rest of the model.

    Among all priors, the mean of q(z | x) over the data gives the best bound, and a mixture can come near it:
    Tomczak & Welling 2018.

    >>> MixturePrior(2, 5).sample(3).shape
    torch.Size([3, 2])

    Args:
        n_latent: dimensions of z.
        n_components: number of Gaussians.
    """

    def __init__(self, n_latent: int, n_components: int):
        super().__init__()
        size = positive_int(n_components, "n_components"), positive_int(n_latent, "n_latent")
        self.mean = nn.Parameter(0.5 * torch.randn(size))
        self.log_var = nn.Parameter(torch.zeros(size))
        self.logits = nn.Parameter(torch.zeros(n_components))

    def log_prob(self, z: Tensor) -> Tensor:
        """log p(z) in nats, (n, n_latent) -> (n,)."""
        precision = (-self.log_var).exp()
        # sum_j (z_j - m_j)^2 / v_j for each pair, multiplied out: no array of (n, n_components, n_latent)
        square = z**2 @ precision.T - 2 * z @ (self.mean * precision).T + (self.mean**2 * precision).sum(1)
        log_scale = (self.log_var + math.log(2 * math.pi)).sum(1)
        return torch.logsumexp(self.logits.log_softmax(0) - 0.5 * (log_scale + square), 1)

    def sample(self, n: int, *, rng: torch.Generator | None = None) -> Tensor:
        """n draws of z, (n, n_latent): a component by its weight, then a point of it."""
        n = positive_int(n, "n")
        chosen = torch.multinomial(self.logits.softmax(0), n, replacement=True, generator=rng)
        return reparametrize(self.mean[chosen], self.log_var[chosen], rng)


class VAE(nn.Module):
    """Gaussian encoder and Bernoulli or Gaussian decoder.

    A conditional VAE (n_classes) tells encoder and decoder the class, and every verb takes `condition`,
    labels (n,) in 0..n_classes - 1 (Kingma et al. 2014; Sohn et al. 2015).

    >>> VAE(64, 2, hidden=32).sample(3).shape
    torch.Size([3, 64])

    Args:
        n_inputs: size of x.
        n_latent: size of z.
        hidden: width of the encoder's hidden layer, or widths of several; the decoder has them in reverse.
            () is linear, and with a Gaussian likelihood probabilistic PCA.
        likelihood: "bernoulli" (x in [0, 1]) or "gaussian".
        beta: weight of the KL term, in `loss` alone.
        activation: of the hidden layers, of networks.ACTIVATIONS.
        residual: hidden layers as residual blocks with LayerNorm (at least one, all of one width): trains
            deeper and faster.
        observation_variance: of the Gaussian likelihood, the same for every input: a number, or "learned".
        prior_components: 0 for the prior N(0, I); else the number of Gaussians of a learned `MixturePrior`.
        n_classes: number of classes of a conditional VAE, 0 for none.
    """

    def __init__(
        self,
        n_inputs: int,
        n_latent: int,
        *,
        hidden: int | Sequence[int],
        likelihood: Literal["bernoulli", "gaussian"] = "bernoulli",
        beta: float = 1.0,
        activation: str = "relu",
        residual: bool = False,
        observation_variance: float | Literal["learned"] = 1.0,
        prior_components: int = 0,
        n_classes: int = 0,
    ):
        super().__init__()
        one_of("likelihood", likelihood, LIKELIHOODS)
        learned, variance = observation_variance == "learned", 1.0
        if not learned:
            variance = real_number(observation_variance, 'observation_variance, if not "learned",', above=0)
        if likelihood == "bernoulli" and observation_variance != 1.0:
            raise ValueError("a Bernoulli pixel has no free variance: leave observation_variance out")
        prior_components = positive_int(prior_components, "prior_components, 0 for N(0, I),", low=0)
        n_inputs, n_latent = positive_int(n_inputs, "n_inputs"), positive_int(n_latent, "n_latent")
        n_classes, hidden = positive_int(n_classes, "n_classes", low=0), positive_ints(hidden, "hidden")
        network = residual_mlp if residual else mlp
        self.encoder = network((n_inputs + n_classes, *hidden, 2 * n_latent), activation=activation)
        self.decoder = network((n_latent + n_classes, *reversed(hidden), n_inputs), activation=activation)
        self.prior = MixturePrior(n_latent, prior_components) if prior_components else None
        self.n_inputs, self.n_latent, self.n_classes = n_inputs, n_latent, n_classes
        self.likelihood, self.beta = likelihood, real_number(beta, "beta", low=0)
        log_var = torch.tensor(math.log(variance))
        if learned:
            self.observation_log_var = nn.Parameter(log_var)
        else:
            self.register_buffer("observation_log_var", log_var)

    def encode(self, x: Tensor, condition: Tensor | int | None = None) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z | x), each (n, n_latent); x (n, n_inputs)."""
        x = as_input(x, self.n_inputs, like=self, finite=False)
        return self.encoder(self._beside_class(x, condition)).chunk(2, dim=-1)

    def decode(self, z: Tensor, condition: Tensor | int | None = None) -> Tensor:
        """Of p(x | z), the logits (Bernoulli) or the means (Gaussian); (n, n_latent) -> (n, n_inputs)."""
        z = as_input(z, self.n_latent, like=self, name="z", finite=False)
        return self.decoder(self._beside_class(z, condition))

    def _beside_class(self, x, condition):
        """The rows with their class beside them, a 1 among zeros: (n, k) -> (n, k + n_classes)."""
        if (condition is None) != (self.n_classes == 0):
            raise ValueError(
                f"this VAE has {self.n_classes} classes: "
                + ("each call needs condition=labels" if self.n_classes else "a condition needs n_classes")
            )
        if condition is None:
            return x
        how = {"n_classes": self.n_classes, "device": x.device, "name": "condition"}
        return torch.cat([x, F.one_hot(as_labels(condition, len(x), **how), self.n_classes).to(x)], 1)

    def decode_mean(self, z: Tensor, condition: Tensor | int | None = None) -> Tensor:
        """E[x | z]: pixel probabilities (Bernoulli) or means (Gaussian); shapes as in `decode`."""
        drive = self.decode(z, condition)
        return drive.sigmoid() if self.likelihood == "bernoulli" else drive

    def conditional_log_prob(self, x: Tensor, z: Tensor, condition: Tensor | int | None = None) -> Tensor:
        """log p(x | z) in nats, summed over the inputs; x (n, n_inputs), z (n, n_latent) -> (n,)."""
        x = as_input(x, self.n_inputs, like=self)
        if self.likelihood == "gaussian":
            return log_normal(x, self.decode(z, condition), self.observation_log_var)
        if len(x) and (x.min() < 0 or x.max() > 1):
            raise ValueError("a Bernoulli likelihood needs x in [0, 1]; divide the pixels by their maximum")
        return _log_bernoulli(x, self.decode(z, condition))

    def log_prior(self, z: Tensor) -> Tensor:
        """log p(z) in nats, (n, n_latent) -> (n,)."""
        zero = torch.zeros_like(z)
        return log_normal(z, zero, zero) if self.prior is None else self.prior.log_prob(z)

    def elbo(
        self, x: Tensor, condition: Tensor | int | None = None, *, rng: torch.Generator | None = None
    ) -> dict[str, Tensor]:
        """Terms of the bound from one sample of z, a dict of (n,) in nats. Kingma & Welling 2014, eq. 10.

        Keys: `reconstruction`, `kl`, and `elbo` = reconstruction - kl, which knows no beta. The KL to N(0, I)
        is exact; to a learned prior it is log q(z | x) - log p(z) at the same sample, and may be negative.
        With a condition all of it is given the class, and so bounds log p(x | class).
        """
        mean, log_var = self.encode(x, condition)  # (n, n_latent) each
        z = reparametrize(mean, log_var, rng)
        reconstruction = self.conditional_log_prob(x, z, condition)
        if self.prior is None:
            kl = _gaussian_kl(mean, log_var)
        else:
            kl = log_normal(z, mean, log_var) - self.log_prior(z)
        return {"reconstruction": reconstruction, "kl": kl, "elbo": reconstruction - kl}

    def log_likelihood(
        self,
        x: Tensor,
        n_samples: int,
        *,
        condition: Tensor | int | None = None,
        rng: torch.Generator | None = None,
    ) -> Tensor:
        """Importance-weighted bound on log p(x), (n, n_inputs) -> (n,); tight as n_samples grows.

        Burda et al. 2016, eq. 8. Memory grows with n_samples only where gradients are recorded.
        """
        n_samples = positive_int(n_samples, "n_samples")
        mean, log_var = self.encode(x, condition)
        log_weights = []
        for _ in range(n_samples):
            z = reparametrize(mean, log_var, rng)
            log_joint = self.conditional_log_prob(x, z, condition) + self.log_prior(z)
            log_weights.append(log_joint - log_normal(z, mean, log_var))
        return importance_weighted_bound(torch.stack(log_weights))  # (n_samples, n) -> (n,)

    def loss(
        self, x: Tensor, condition: Tensor | int | None = None, *, rng: torch.Generator | None = None
    ) -> Tensor:
        """Minus the bound with its KL term times beta, mean over the batch. Higgins et al. 2017, eq. 4."""
        terms = self.elbo(x, condition, rng=rng)
        return -(terms["reconstruction"] - self.beta * terms["kl"]).mean()

    @torch.no_grad()
    def sample(
        self, n: int, *, condition: Tensor | int | None = None, rng: torch.Generator | None = None
    ) -> Tensor:
        """n draws of x, (n, n_inputs): z from the prior, its decoding, then the noise of p(x | z).

        Args:
            n: how many.
            condition: labels (n,), or one label for all.
            rng: generator for z and the noise.
        """
        n, like = positive_int(n, "n", low=0), self.observation_log_var
        if self.prior is None:
            z = normal(like, rng, shape=(n, self.n_latent))
        else:
            z = self.prior.sample(n, rng=rng)
        mean = self.decode_mean(z, condition)
        if self.likelihood == "gaussian":
            return reparametrize(mean, like.expand_as(mean), rng)
        return bernoulli(mean, rng)
