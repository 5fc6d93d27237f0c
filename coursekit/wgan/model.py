"""Wasserstein GANs: the critic measures how far the mass has to travel, not whether the two differ.

The earth mover's distance is the smallest mean distance over all plans that carry one distribution into the
other. By duality it is also the largest difference of means of a function that rises nowhere faster than 1:
this function, the critic, is what a network can learn. It has slopes where the distributions do not overlap,
so the generator is told where to go. How the slope is held at 1 is the whole difficulty: by clipping the
weights, or by a penalty on the norm of the critic's gradient.

    W(p, q) = min_plan E_plan |x - y|                        over plans with marginals p and q   (primal)
            = max_f E_p f(x) - E_q f(y)                      over f with |f(x) - f(y)| <= |x - y|  (dual)
    critic minimises      E f(G(z)) - E f(x) + lambda E (|grad f(x^)| - 1)^2,   x^ = e x + (1 - e) G(z)
    generator minimises   -E f(G(z))

    x  (n, ...), data                     f  critic, raw scores (n,), no sigmoid
    z  (n, n_latent), standard normal     e  (n,), uniform, one number for each sample
    c  bound of each weight of the critic where it is clipped: the *weights* are, not the gradients

Sources: Arjovsky et al. 2017 (eqs. 1 and 2, Algorithm 1: alpha 5e-5, c .01, m 64, n_critic 5, RMSProp);
Gulrajani et al. 2017 (penalty, eq. 3); Petzka et al. 2018 (one-sided, eq. 8). Notebook 14_wgan.
"""

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.optimize import linprog
from scipy.sparse import eye_array, kron, vstack
from torch import Tensor, nn

from coursekit.draws import normal, uniform
from coursekit.inputs import as_input, as_tensor, one_of, positive_int, real_number, shape_sentence

CONSTRAINTS = ("penalty", "clip")
MASS = 1000.0  # in the linear programme


def earth_mover_1d(a: ArrayLike, b: ArrayLike) -> float:
    """Earth mover's distance between two samples of numbers, in their units; a float.

    On a line no plan is better than keeping the order, so the distance is the area between the two empirical
    distribution functions; with n = m it is the mean of |a_(i) - b_(i)| over the sorted samples. Every number
    weighs the same: for places with masses of their own see `earth_mover_lp`.

    >>> earth_mover_1d([0.0, 1.0], [2.0, 3.0])
    2.0

    Args:
        a: (n,).
        b: (m,).
    """
    a, b = (np.sort(np.asarray(sample, dtype=np.float64)) for sample in (a, b))
    if a.ndim != 1 or b.ndim != 1 or not len(a) or not len(b) or not np.isfinite([a.sum(), b.sum()]).all():
        raise ValueError(f"two lists of finite numbers are needed, got shapes {a.shape} and {b.shape}")
    places = np.sort(np.concatenate([a, b]))
    between = places[:-1]  # the distribution functions are constant from one place to the next
    gap = np.searchsorted(a, between, side="right") / len(a) - np.searchsorted(
        b, between, side="right"
    ) / len(b)
    return float(np.abs(gap) @ np.diff(places))


def earth_mover_lp(p: ArrayLike, q: ArrayLike, cost: ArrayLike) -> tuple[float, np.ndarray]:
    """The primal as a linear programme: smallest cost of carrying p (n,) into q (m,), and the plan (n, m).

    Entry (i, j) of the plan is the mass that goes from i to j: rows sum to p, columns to q. Sums that differ
    by the rounding of their precision (a float32 softmax) are allowed: q is then scaled to the sum of p.
    Arjovsky et al., eq. 1.

    Args:
        p: (n,), masses, none negative.
        q: (m,), masses with the same sum.
        cost: (n, m), price of one unit from place i to place j.
    """
    p, q = np.asarray(p), np.asarray(q)
    rounding = max(
        [np.finfo(mass.dtype).eps * mass.size for mass in (p, q) if mass.dtype.kind == "f"] + [1e-9]
    )
    p, q, cost = (np.asarray(array, dtype=np.float64) for array in (p, q, cost))
    if p.ndim != 1 or q.ndim != 1 or cost.shape != (len(p), len(q)):
        raise ValueError(
            f"cost must have shape (len(p), len(q)), got {cost.shape} for {p.shape} and {q.shape}"
        )
    if not np.isfinite(cost).all():
        raise ValueError("cost holds values that are NaN or infinite: name a price for every pair of places")
    if not (
        (p >= 0).all() and (q >= 0).all() and np.isclose(p.sum(), q.sum(), rtol=rounding) and p.sum() > 0
    ):
        raise ValueError(
            f"p and q must be masses, none negative, of one positive sum, got {p.sum():.9g} and {q.sum():.9g}"
        )
    rows = kron(eye_array(len(p)), np.ones((1, len(q))))
    columns = kron(np.ones((1, len(p))), eye_array(len(q)))
    # The solver's tolerance is an absolute one: beside a mass of MASS it is below the smallest that counts.
    unit, price = p.sum() / MASS, max(np.abs(cost).max(), np.finfo(float).tiny)
    marginals = np.concatenate([p / unit, q / (q.sum() / MASS)])
    found = linprog(
        cost.ravel() / price,
        A_eq=vstack([rows, columns]),
        b_eq=marginals,
        method="highs",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    if not found.success:
        raise ValueError(f"the linear programme has no solution: {found.message}")
    plan = np.maximum(found.x, 0).reshape(cost.shape) * unit
    return float((plan * cost).sum()), plan


def gradient_penalty(
    critic: Callable[[Tensor], Tensor],
    real: Tensor,
    fake: Tensor,
    *,
    epsilon: Tensor | None = None,
    one_sided: bool = False,
    rng: torch.Generator | None = None,
) -> Tensor:
    """(|grad f(x^)| - 1)^2 for each pair, (n,), unweighted; Gulrajani et al. 2017, eq. 3.

    x^ = epsilon real + (1 - epsilon) fake, one epsilon for a whole sample: x^ lies on the line between the
    two. Row i depends on pair i alone as long as the critic has no batch normalisation, which mixes rows.

    Args:
        critic: module or function (n, ...) -> scores.
        real: (n, ...), data.
        fake: samples of the same shape.
        epsilon: (n,), in [0, 1]; drawn uniformly where None.
        one_sided: only slopes above 1 cost, max(0, |grad| - 1)^2 (the square belongs to it).
        rng: generator for epsilon.
    """
    like = next(critic.parameters(), torch.zeros(())) if isinstance(critic, nn.Module) else as_tensor(real)
    real, fake = as_input(real, like=like, name="real"), as_input(fake, like=like, name="fake")
    if real.shape != fake.shape:
        raise ValueError(
            f"real and fake must have one shape, got {tuple(real.shape)} and {tuple(fake.shape)}"
        )
    n = len(real)
    if epsilon is None:
        epsilon = uniform(real, rng, shape=(n,))
    epsilon = as_input(epsilon, (), like=real, name="epsilon", low=0, high=1)
    epsilon = epsilon.reshape(n, *[1] * (real.dim() - 1))
    between = (epsilon * real + (1 - epsilon) * fake).detach().requires_grad_()
    # The sum lets one backward pass give every row its own gradient; the graph is kept to train the critic.
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    excess = slope.reshape(n, -1).norm(dim=1) - 1
    return (excess.clamp(min=0) if one_sided else excess) ** 2


def lipschitz_bound(network: nn.Module) -> float:
    """An upper bound of the slope of a network: linear layers and activations whose slope is at most 1.

    The product of the largest singular values of the weights: a composition rises no faster than its parts
    together. ValueError for a layer whose slope is not known here.
    """
    if isinstance(network, nn.Sequential):
        return math.prod(lipschitz_bound(layer) for layer in network)
    if isinstance(network, nn.Linear):
        return torch.linalg.matrix_norm(network.weight.detach(), ord=2).item()
    if isinstance(network, nn.LeakyReLU):
        return max(1.0, abs(network.negative_slope))
    if isinstance(network, (nn.ReLU, nn.Tanh, nn.Flatten, nn.Identity)):
        return 1.0
    raise ValueError(f"the slope of {type(network).__name__} is not known: use linear layers and ReLU")


class WGAN(nn.Module):
    """Generator and critic of one game; `training.fit_adversarial` plays it.

    The critic is also called `opponent`, which is its name in the training loop.

    >>> from coursekit.networks import mlp
    >>> WGAN(mlp((2, 8)), mlp((8, 1)), n_latent=2).sample(5).shape
    torch.Size([5, 8])

    Args:
        generator: module (n, n_latent) -> (n, ...).
        critic: module (n, ...) -> raw scores, (n,) or (n, 1).
        n_latent: latents per sample.
        constraint: "penalty" on slopes, or "clip" of the weights.
        penalty_weight: lambda.
        clip: each weight of the critic is kept in [-clip, clip].
        one_sided: the penalty counts slopes above 1 only.
    """

    def __init__(
        self,
        generator: nn.Module,
        critic: nn.Module,
        *,
        n_latent: int,
        constraint: Literal["penalty", "clip"] = "penalty",
        penalty_weight: float = 10.0,
        clip: float = 0.01,
        one_sided: bool = False,
    ):
        super().__init__()
        one_of("constraint", constraint, CONSTRAINTS)
        penalty_weight = real_number(penalty_weight, "penalty_weight", low=0)
        clip = real_number(clip, "clip", above=0)
        self.generator, self.critic = generator, critic
        self.n_latent = positive_int(n_latent, "n_latent")
        self.constraint, self.penalty_weight, self.clip = constraint, penalty_weight, clip
        self.one_sided = one_sided
        self.constrain()

    @property
    def opponent(self) -> nn.Module:
        """The critic, under the name that the training loop uses for either game."""
        return self.critic

    def __setattr__(self, name, value):
        # A module that is assigned goes past a property, and the old opponent would play on.
        super().__setattr__("critic" if name == "opponent" else name, value)

    def score(self, x: Tensor) -> Tensor:
        """The critic f(x), (n, ...) -> (n,)."""
        x = as_input(x, like=self.critic, finite=False)
        with shape_sentence("the critic", x):
            scores = self.critic(x)
        if scores.numel() != len(x):
            raise ValueError(
                f"the critic made {tuple(scores.shape)} of {len(x)} samples: one score each is needed"
            )
        return scores.reshape(len(x))

    def dual_value(self, real: Tensor, fake: Tensor) -> Tensor:
        """E f(real) - E f(fake), a scalar; with slope at most 1 no more than the earth mover's distance."""
        return self.score(real).mean() - self.score(fake).mean()

    def opponent_loss(self, real: Tensor, fake: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """What the critic minimises on real (n, ...) and fake (n, ...); a scalar. Gulrajani et al., eq. 3."""
        loss = -self.dual_value(real, fake)
        if self.constraint == "penalty":
            real, fake = (as_input(x, like=self.critic, finite=False) for x in (real, fake))
            slopes = gradient_penalty(self.score, real, fake, one_sided=self.one_sided, rng=rng)
            loss = loss + self.penalty_weight * slopes.mean()
        return loss

    def generator_loss(self, fake: Tensor) -> Tensor:
        """What the generator minimises, -E f(fake), with gradients through fake (n, ...); a scalar."""
        return -self.score(fake).mean()

    @torch.no_grad()
    def constrain(self) -> None:
        """After a step of the critic: with "clip", each of its weights is put back into [-clip, clip]."""
        if self.constraint == "clip":
            for weight in self.critic.parameters():
                weight.clamp_(-self.clip, self.clip)

    @torch.no_grad()
    def sample(self, n: int, *, rng: torch.Generator | None = None) -> Tensor:
        """n samples of the generator, (n, ...), from standard normal latents."""
        n, like = positive_int(n, "n", low=0), next(self.generator.parameters())
        z = normal(like, rng, shape=(n, self.n_latent))
        with shape_sentence("the generator", z):
            return self.generator(z)
