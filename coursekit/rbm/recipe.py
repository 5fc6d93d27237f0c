"""How to train a restricted Boltzmann machine on digits: persistent chains, and the starts of `starts`.

As many chains as the batch has examples, centring, a rate that falls to 0, averaged weights. No momentum: the
gradient of some steps ago came from chains that have moved on. A longer run takes a smaller rate and averages
over more steps.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from coursekit.data import Dataset, binarised, ink
from coursekit.evaluation import ais_log_partition
from coursekit.rbm.model import RBM, Gradient
from coursekit.rbm.starts import FreshBits, embed, mean_logits, often_on, start_apart
from coursekit.training import N_SHOWN, Budgets, History, Recipe, Settings, Stage, fit_contrastive, for_budget

SETTINGS: Settings = {"k": 1, "persistent": True, "batch_size": 128, "momentum": 0.0, "schedule": "linear"}
# CPU seconds -> (steps, settings).
DIGITS: Budgets = {15: (10_000, SETTINGS | {"learning_rate": 0.4, "average": 0.999})}
MINI_MNIST: Budgets = {30: (10_000, SETTINGS | {"learning_rate": 0.5, "average": 0.999})}
MNIST: Budgets = {
    30: (3_300, SETTINGS | {"learning_rate": 0.6, "average": 0.9985}),
    110: (12_000, SETTINGS | {"learning_rate": 0.4, "average": 0.9997}),
}
# A fifth of MNIST's pixels are on in one picture of 5000 or less: .05 nats at most, together.
RARE = 2e-4


def digits(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """8 x 8 digits, 64 hidden units."""
    return recipe(train, test, 64, DIGITS, seconds)


def mini_mnist(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """14 x 14 digits, 200 hidden units."""
    return recipe(train, test, 200, MINI_MNIST, seconds)


def mnist(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """MNIST, 500 hidden units."""
    return recipe(train, test, 500, MNIST, seconds)


RECIPES = {"digits": digits, "mini_mnist": mini_mnist, "mnist": mnist}


def recipe(train: Dataset, test: Dataset, n_hidden: int, budgets: Budgets, seconds: float | None) -> Recipe:
    """The recipe of images; budgets: table of steps and settings, of which that for `seconds` is taken."""
    budget, (n_steps, settings) = for_budget(budgets, seconds)
    x = torch.from_numpy(ink(train))
    rbm, stage, finish = machine(x, n_hidden, n_steps, settings, rare=RARE)

    def measure(rbm):
        return {"log-likelihood of the test set, nats": log_likelihood(rbm, bits_of(test), mean_logits(x))[0]}

    return Recipe(
        model=rbm,
        stages=(stage,),
        seconds=budget,
        draw=draw,
        shows="pixel probabilities after 2000 Gibbs steps from noise",
        measure=measure,
        finish=finish,
    )


def machine(
    x: Tensor, n_hidden: int, n_steps: int, settings: Settings, *, rare: float = 0.0
) -> tuple[RBM, Stage, Callable[[], None]]:
    """(new RBM, stage that trains its couplings, what then puts them in); x (n, pixels) in [0, 1].

    rare: pixels whose mean is not above it get no couplings.
    """
    coupled = often_on(x, rare) if rare else torch.ones(x.shape[1], dtype=torch.bool)
    bias = mean_logits(x)
    small, rbm = FreshBits(int(coupled.sum()), n_hidden), RBM(x.shape[1], n_hidden)
    start_apart(small, x[:, coupled])
    loss = "none: persistent chains reconstruct nothing"
    stage = Stage(small, x[:, coupled], fit_contrastive, n_steps, settings, loss)
    return rbm, stage, lambda: embed(small, rbm, coupled, bias)


def bits_of(images: Dataset) -> Tensor:
    """The bits on which likelihoods are measured, always the same draw: float32 (n, pixels)."""
    return torch.tensor(binarised(images).x, dtype=torch.float32)


@torch.no_grad()
def log_likelihood(rbm: RBM, bits: Tensor, bias: Tensor, *, n_steps: int = 10_000) -> tuple[float, float]:
    """(mean log p of bits (n, pixels) in nats, standard error of log Z), by annealed importance sampling.

    bias: visible biases (pixels,) of the machine without couplings from which the chains set out.
    """
    rng = torch.Generator().manual_seed(1234)
    log_z, error = ais_log_partition(rbm, n_steps=n_steps, n_chains=100, rng=rng, base_bias=bias)
    free_energy = torch.cat([rbm.free_energy(part) for part in bits.split(1000)])
    return -free_energy.double().mean().item() - log_z, error


def draw(rbm: RBM, rng: torch.Generator) -> Tensor:
    """Pixel probabilities (N_SHOWN, pixels) at the end of long chains."""
    return rbm.visible_mean(rbm.sample_hidden(rbm.sample(N_SHOWN, n_steps=2000, rng=rng), rng=rng))


# What notebook 08 compares: 12 visible and 8 hidden units, all else the same.
ESTIMATORS = ("CD-1", "PCD-1", "exact gradient")


class ExactRBM(RBM):
    """A machine whose every step follows the exact gradient: for a few units, where it can be summed."""

    def cd_gradient(
        self,
        v: Tensor,
        *,
        k: int = 1,
        chains: tuple[Tensor, Tensor] | None = None,
        rng: torch.Generator | None = None,
    ) -> tuple[Gradient, tuple[Tensor, Tensor]]:
        """`exact_gradient` where a sampled one is expected; the chains stay at v (n, n_visible)."""
        return self.exact_gradient(v), (v, self.hidden_probability(v))


def small_machine(
    x: Tensor, estimator: str, *, seed: int, n_steps: int = 2000, chains_each: int = 4, **settings: Any
) -> tuple[RBM, np.ndarray, History]:
    """A machine with 8 hidden units after n_steps updates on all examples x (n, n_visible), float64.

    Args:
        estimator: of ESTIMATORS.
        chains_each: chains for each example.
        settings: of `fit_contrastive`, instead of a rate of .2 that falls to 0, without centring.

    Returns:
        The machine; its curve (m, 2) of step and exact mean log p in nats, noted at step 1 and every 100;
        the history.
    """
    kind = ExactRBM if estimator == "exact gradient" else RBM
    machine, curve = kind(x.shape[1], 8).double(), []
    # Drawn in single precision, so that the default precision does not change the run.
    first = torch.randn(8, x.shape[1], generator=torch.Generator().manual_seed(seed), dtype=torch.float32)
    machine.weight.data.copy_(0.01 * first)

    def note(step, machine, _):
        if step == 1 or step % 100 == 0:
            curve.append((step, machine.log_prob(x).mean().item()))

    settings = {"learning_rate": 0.2, "centring": False} | settings
    history = fit_contrastive(
        machine, x.repeat(chains_each, 1), n_steps=n_steps, batch_size=chains_each * len(x), seed=seed,
        persistent=estimator == "PCD-1", on_step=note, device="cpu", **settings,
    )  # fmt: skip
    return machine.requires_grad_(False), torch.tensor(curve).numpy(), history
