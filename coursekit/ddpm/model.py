"""Denoising diffusion (DDPM, DDIM): data drown in noise step by step, and a network learns the way back.

A fixed chain mixes a little Gaussian noise into x_0 at each of T steps until nothing else is left; it has no
parameters. A network, shown x_t and t, estimates the noise in it, and the estimate gives the mean of the
step back. Training needs one random step at a time, since x_t given x_0 is Gaussian; sampling takes them all.

Objective: E || eps - eps_theta(x_t, t) ||^2 over x_0, t and eps, a reweighted bound on log p(x_0).

    symbol        name here            meaning                                                    shape
    T             schedule.T           number of steps; t runs over 1..T, x_0 is clean            scalar
    beta_t        betas[t]             variance of the noise that step t adds                     (T + 1,)
    alpha_t       alphas[t]            1 - beta_t                                                 (T + 1,)
    abar_t        alpha_bars[t]        alpha_1 ... alpha_t, what is left of the signal's variance (T + 1,)
    beta tilde_t  posterior variance   variance of q(x_{t-1} | x_t, x_0)                          (n, 1, ...)
    eps           noise                the noise mixed into x_0, standard normal                  as x
    v             target="v"           sqrt(abar_t) eps - sqrt(1 - abar_t) x_0                    as x

Sources: Ho, Jain & Abbeel 2020 ("Ho"); Song, Meng & Ermon 2021 ("DDIM"); Salimans & Ho 2022 (v); Ho &
Salimans 2022 ("Guidance": conditions, and how to strengthen them without a classifier). The chain
itself is in schedule.py. Notebook 17_ddpm.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from coursekit.ddpm.schedule import NoiseSchedule, per_example
from coursekit.draws import normal, uniform
from coursekit.inputs import as_input, as_labels, one_of, positive_int, positive_ints, real_number

TARGETS = ("noise", "v")


def kl_between_gaussians(mean_q: Tensor, variance_q: Tensor, mean_p: Tensor, variance_p: Tensor) -> Tensor:
    """KL(N(mean_q, variance_q I) || N(mean_p, variance_p I)) in nats, (n,).

    Args:
        mean_q: (n, *shape).
        variance_q: (n, 1, ...).
        mean_p: (n, *shape).
        variance_p: (n, 1, ...).
    """
    ratio = variance_q / variance_p
    terms = 0.5 * ((mean_q - mean_p) ** 2 / variance_p + ratio - 1 - ratio.log())
    return terms.flatten(1).sum(-1)


class MixtureNoisePredictor(nn.Module):
    """The best possible noise predictor, E[eps | x_t], for data from a mixture of round Gaussians.

    At time t each component is again Gaussian, of mean sqrt(abar) m_k and variance abar s_k^2 + 1 - abar, so
    the score is known; the predictor is -sqrt(1 - abar_t) times it.

    >>> from coursekit.ddpm import linear_schedule
    >>> predictor = MixtureNoisePredictor(linear_schedule(10), [1.0], [[0.0, 0.0]], [1.0])
    >>> predictor(torch.zeros(3, 2), torch.tensor([1, 5, 10])).shape
    torch.Size([3, 2])

    Args:
        schedule: the chain.
        weights: (k,), of the components, at least 0, of sum 1.
        means: (k, d).
        stds: (k,), standard deviations of the components; 0 is a component of one point.
    """

    def __init__(self, schedule: NoiseSchedule, weights: ArrayLike, means: ArrayLike, stds: ArrayLike):
        super().__init__()
        self.schedule = schedule
        for name, value in (("weights", weights), ("means", means), ("stds", stds)):
            self.register_buffer(name, torch.as_tensor(value, dtype=torch.float64))
        if self.means.ndim != 2:
            got = tuple(self.means.shape)
            raise ValueError(f"means must have shape (k, d), one row per component, got {got}")
        for name, value in (("weights", self.weights), ("stds", self.stds)):
            if value.shape != self.means.shape[:1]:
                wanted, got = (len(self.means),), tuple(value.shape)
                raise ValueError(f"{name} must have shape {wanted}, one per row of means, got {got}")
        least, total = self.weights.min().item(), self.weights.sum().item()
        if not (least >= 0 and abs(total - 1) <= 1e-6):  # written so that NaN fails
            raise ValueError(
                f"weights must be at least 0 and sum to 1; the smallest is {least:g}, the sum {total:g}"
            )
        if not (self.stds >= 0).all():
            raise ValueError(f"stds must be at least 0; the smallest is {self.stds.min().item():g}")

    def score(self, x: Tensor, t: Tensor) -> Tensor:
        """Gradient of log q(x_t) at x; x (n, d), t (n,) -> (n, d)."""
        signal, spread = self.schedule.mixing(t, x)  # (n, 1) each
        if x.shape[1:] != self.means.shape[1:]:
            raise ValueError(f"x must have shape (n, {self.means.shape[1]}), got {tuple(x.shape)}")
        variances = (signal * self.stds.to(x)) ** 2 + spread**2  # (n, k)
        pull = signal[:, :, None] * self.means.to(x) - x[:, None]  # (n, k, d)
        log_joint = self.weights.to(x).log() - 0.5 * (pull**2).sum(-1) / variances
        log_joint = log_joint - 0.5 * x.shape[1] * variances.log()
        share = log_joint.softmax(-1)  # (n, k): p(component | x_t)
        return ((share / variances)[:, :, None] * pull).sum(1)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        _, spread = self.schedule.mixing(t, x)
        return -spread * self.score(x, t)


class DDPM(nn.Module):
    """Denoising diffusion model; images or vectors of `shape`, best scaled to [-1, 1] or to unit variance.

    Estimates of x_0 stay as they are: no clipping to [-1, 1] and no thresholding, unlike in diffusers.

    With a network that knows classes every verb takes `condition`, class labels (n,); `sample` a single one
    for all as well. With `guidance` w the network's output is moved from the unconditional one to the
    conditional one and beyond, by a factor of 1 + w ("Guidance", eq. 6); 0 is the conditional model itself.

    In every verb x0 and xt are (n, *shape), the clean and the noisy examples, and t (n,) int64 their times.

    >>> from coursekit.ddpm import linear_schedule
    >>> model = DDPM(lambda x, t: torch.zeros_like(x), linear_schedule(10), shape=4)
    >>> model.sample(3).shape
    torch.Size([3, 4])

    Args:
        noise_predictor: module (x_t (n, *shape), t (n,) int64 in 1..T) -> (n, *shape); one that knows classes
            takes labels (n,) as a third argument, where -1 says that no class is given
            (`networks.LabelEmbedding`).
        schedule: the chain.
        shape: of one example, a tuple or the number of features.
        target: what the network puts out, "noise" (Ho) or "v" (Salimans & Ho).
        dropped: the part of the labels that `loss` hides from the network, so that it learns the
            unconditional noise too.
    """

    def __init__(
        self,
        noise_predictor: nn.Module,
        schedule: NoiseSchedule,
        *,
        shape: int | Sequence[int],
        target: Literal["noise", "v"] = "noise",
        dropped: float = 0.1,
    ):
        super().__init__()
        one_of("target", target, TARGETS)
        self.dropped = real_number(dropped, "dropped", low=0, high=1)
        self.noise_predictor = noise_predictor
        self.schedule = schedule
        self.shape = positive_ints(shape, "shape")
        self.target = target
        # Follows .to() and .double(), and so tells where and in which precision to draw samples.
        self.register_buffer("_origin", torch.zeros(()), persistent=False)

    def q_sample(self, x0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) noise, (n, *shape): t steps in one leap. Ho eq. 4."""
        if x0.shape != noise.shape:
            got = f"{tuple(x0.shape)} and {tuple(noise.shape)}"
            raise ValueError(f"x_0 and its noise must have the same shape, got {got}")
        signal, spread = self.schedule.mixing(t, self._of_shape(x0, "x_0"))
        return signal * x0 + spread * noise

    def output(
        self, xt: Tensor, t: Tensor, *, condition: Tensor | int | None = None, guidance: float = 0.0
    ) -> Tensor:
        """What the network puts out, (n, *shape), moved on by the guidance. Guidance eq. 6."""
        guidance = real_number(guidance, "guidance")
        if condition is None:
            if guidance:
                raise ValueError("guidance strengthens a condition: give condition=labels with it")
            return self._asked(xt, t)
        labels = as_labels(condition, len(xt), low=-1, device=xt.device, name="condition")
        output = self._asked(xt, t, labels)
        if guidance:
            output = output + guidance * (output - self._asked(xt, t))
        return output

    def _asked(self, xt, *given):
        """The network's own output; another shape than that of x_t would broadcast, and the loss with it."""
        output = self.noise_predictor(self._of_shape(xt, "x_t"), *given)
        if output.shape != xt.shape:
            wanted, got = tuple(xt.shape), tuple(output.shape)
            raise ValueError(
                f"the noise predictor must return the shape of x_t, {wanted}, but returned {got}"
            )
        return output

    def _of_shape(self, x, name):
        if x.shape[1:] != self.shape:
            wanted = ", ".join(map(str, ("n", *self.shape)))
            raise ValueError(f"{name} must have shape ({wanted}), got {tuple(x.shape)}")
        return x

    def predict(
        self, xt: Tensor, t: Tensor, *, condition: Tensor | int | None = None, guidance: float = 0.0
    ) -> tuple[Tensor, Tensor]:
        """The network's estimates (x_0, noise), (n, *shape) each; q_sample makes x_t of them. Ho eq. 15."""
        signal, spread = self.schedule.mixing(t, xt)
        output = self.output(xt, t, condition=condition, guidance=guidance)
        if self.target == "noise":
            return (xt - spread * output) / signal, output
        return signal * xt - spread * output, signal * output + spread * xt

    def predict_x0(
        self, xt: Tensor, t: Tensor, *, condition: Tensor | int | None = None, guidance: float = 0.0
    ) -> Tensor:
        """The network's estimate of x_0, (n, *shape); with target="noise" it is of little use near t = T."""
        return self.predict(xt, t, condition=condition, guidance=guidance)[0]

    def p_sample(
        self,
        xt: Tensor,
        t: Tensor,
        *,
        condition: Tensor | int | None = None,
        guidance: float = 0.0,
        rng: torch.Generator | None = None,
    ) -> Tensor:
        """A step of Ho's Algorithm 2, x_t -> x_{t-1}, (n, *shape); variance beta tilde: no noise at t = 1."""
        x0 = self.predict_x0(xt, t, condition=condition, guidance=guidance)
        mean, variance = self.schedule.posterior(x0, xt, t)
        return mean + variance.sqrt() * normal(xt, rng)

    def ddim_step(
        self,
        xt: Tensor,
        t: Tensor,
        s: Tensor,
        *,
        eta: float = 0.0,
        condition: Tensor | int | None = None,
        guidance: float = 0.0,
        rng: torch.Generator | None = None,
    ) -> Tensor:
        """From time t (n,) to any earlier time s (n,); (n, *shape). DDIM eq. 12 and 16.

        Args:
            xt: (n, *shape), examples at time t.
            t: (n,), int64.
            s: (n,), int64, where to go.
            eta: scales the noise: at 1 and s = t - 1 this is p_sample, at 0 nothing is random, and s may then
                be later than t as well: the walk from data to noise.
            condition: labels (n,).
            guidance: w.
            rng: generator for the noise.
        """
        eta = real_number(eta, "eta", low=0, high=1)
        if eta and (s >= t).any():
            raise ValueError("with eta > 0 a step goes back in time: every s must be smaller than its t")
        x0, noise = self.predict(xt, t, condition=condition, guidance=guidance)
        if not eta:
            return self.q_sample(x0, s, noise)
        abar_t, abar_s = (self.schedule.at("alpha_bars", time) for time in (t, s))
        variance = eta**2 * (1 - abar_s) / (1 - abar_t) * (1 - abar_t / abar_s)
        # Rounding may leave a tiny negative number where nothing of the old noise is kept.
        kept = (1 - abar_s - variance).clamp(min=0)
        weights = (per_example(square.sqrt(), xt) for square in (abar_s, kept, variance))
        parts = (x0, noise, normal(xt, rng))
        return sum(weight * part for weight, part in zip(weights, parts, strict=True))

    def denoising_kl(
        self, x0: Tensor, xt: Tensor, t: Tensor, *, condition: Tensor | int | None = None
    ) -> Tensor:
        """KL(q(x_{t-1} | x_t, x_0) || p(x_{t-1} | x_t)) for t >= 2, (n,) nats. Ho eq. 8."""
        if (t < 2).any():
            raise ValueError(
                "the step from t = 1 to data counts as reconstruction: denoising_kl needs t >= 2"
            )
        mean_q, variance = self.schedule.posterior(x0, xt, t)
        mean_p, _ = self.schedule.posterior(self.predict_x0(xt, t, condition=condition), xt, t)
        return kl_between_gaussians(mean_q, variance, mean_p, variance)

    def reconstruction(self, x0: Tensor, x1: Tensor, *, condition: Tensor | int | None = None) -> Tensor:
        """log p(x_0 | x_1), (n,) nats: a Gaussian of variance beta_1 around the estimate of x_0.

        Args:
            x0: (n, *shape), clean.
            x1: (n, *shape), after one step of noise.
            condition: labels (n,).
        """
        t = torch.ones(len(x0), dtype=torch.int64, device=x0.device)
        beta = per_example(self.schedule.at("betas", t), x0)
        error = (x0 - self.predict_x0(x1, t, condition=condition)) ** 2
        return -0.5 * (error / beta + (2 * torch.pi * beta).log()).flatten(1).sum(-1)

    def prior_kl(self, x0: Tensor) -> Tensor:
        """KL(q(x_T | x_0) || N(0, I)), (n,) nats: what the chain failed to forget; nothing to learn in it."""
        t = torch.full((len(x0),), self.schedule.T, dtype=torch.int64, device=x0.device)
        signal, spread = self.schedule.mixing(t, x0)
        return kl_between_gaussians(signal * x0, spread**2, torch.zeros_like(x0), torch.ones_like(spread))

    def elbo(
        self, x: Tensor, condition: Tensor | int | None = None, *, rng: torch.Generator | None = None
    ) -> dict[str, Tensor]:
        """Terms of the bound in nats, each (n,); x (n, *shape). Ho eq. 5.

        elbo = reconstruction - denoising - prior <= log p(x), where denoising sums the KL of steps 2..T.
        Unbiased, from one draw of x_t at every t: T passes through the network.
        """
        x = as_input(x, self.shape, like=self._origin)
        t = torch.ones(len(x), dtype=torch.int64, device=x.device)
        x1 = self.q_sample(x, t, normal(x, rng))
        reconstruction = self.reconstruction(x, x1, condition=condition)
        denoising = torch.zeros_like(reconstruction)
        for step in range(2, self.schedule.T + 1):
            xt = self.q_sample(x, step * t, normal(x, rng))
            denoising = denoising + self.denoising_kl(x, xt, step * t, condition=condition)
        prior = self.prior_kl(x)
        return {
            "prior": prior,
            "denoising": denoising,
            "reconstruction": reconstruction,
            "elbo": reconstruction - denoising - prior,
        }

    def loss(
        self, x: Tensor, condition: Tensor | int | None = None, *, rng: torch.Generator | None = None
    ) -> Tensor:
        """Squared error of the target, summed over an example, averaged over x (n, *shape). Ho eq. 14.

        Each t is uniform on 1..T, as in Algorithm 1; within a batch the times are spread evenly from one
        random start: less variance, the same expectation (Kingma et al. 2021, appendix I.1).
        """
        x = as_input(x, self.shape, like=self._origin)
        n = len(x)
        if n == 0:
            raise ValueError("x holds no examples, and the mean error over none is undefined")
        start = uniform(x.new_empty((), dtype=torch.float64), rng)
        places = (start + torch.arange(n, dtype=torch.float64, device=x.device) / n) % 1
        t = 1 + (places * self.schedule.T).long()
        noise = normal(x, rng)
        if condition is not None:
            condition = as_labels(condition, n, device=x.device, name="condition")
            condition = torch.where(uniform(x, rng, shape=(n,)) < self.dropped, -1, condition)
        output = self.output(self.q_sample(x, t, noise), t, condition=condition)
        signal, spread = self.schedule.mixing(t, x)
        wanted = noise if self.target == "noise" else signal * noise - spread * x
        return ((wanted - output) ** 2).flatten(1).sum(-1).mean()

    @torch.no_grad()
    def sample(
        self,
        n: int,
        *,
        condition: Tensor | int | None = None,
        guidance: float = 0.0,
        rng: torch.Generator | None = None,
    ) -> Tensor:
        """n samples by all T steps of Algorithm 2, (n, *shape)."""
        n = positive_int(n, "n", low=0)
        x = normal(self._origin, rng, shape=(n, *self.shape))
        for step in range(self.schedule.T, 0, -1):
            t = torch.full((n,), step, device=x.device)
            x = self.p_sample(x, t, condition=condition, guidance=guidance, rng=rng)
        return x

    @torch.no_grad()
    def sample_ddim(
        self,
        n: int,
        n_steps: int,
        *,
        eta: float = 0.0,
        condition: Tensor | int | None = None,
        guidance: float = 0.0,
        rng: torch.Generator | None = None,
    ) -> Tensor:
        """n samples in n_steps strides, evenly spaced from T down to 0, (n, *shape). DDIM section 4.2.

        Args:
            n: how many.
            n_steps: passes through the network, at most T.
            eta: of `ddim_step`.
            condition: labels (n,), or one label for all.
            guidance: w.
            rng: generator for start and noise.
        """
        if positive_int(n_steps, "n_steps") > self.schedule.T:
            raise ValueError(f"n_steps must lie in 1..T = {self.schedule.T}, got {n_steps}")
        n = positive_int(n, "n", low=0)
        x = normal(self._origin, rng, shape=(n, *self.shape))
        times = torch.linspace(self.schedule.T, 0, n_steps + 1, dtype=torch.float64).round().long().tolist()
        for t, s in zip(times[:-1], times[1:], strict=True):
            t, s = (torch.full((n,), time, device=x.device) for time in (t, s))
            x = self.ddim_step(x, t, s, eta=eta, condition=condition, guidance=guidance, rng=rng)
        return x
