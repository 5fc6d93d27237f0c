"""`fit_contrastive`: the loop of contrastive divergence, which follows a sampled gradient and no loss."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from coursekit.training.optimizers import SCHEDULES, WeightAverage, set_learning_rate
from coursekit.training.run import History, training_run
from coursekit.training.settings import require_finite


def centred(gradient: dict[str, Tensor], visible_offset: Tensor, hidden_offset: Tensor) -> dict[str, Tensor]:
    """The same ascent direction, as it looks when units are counted from their offsets (m for v, l for h).

    With h - l and v - m in the energy the biases no longer have to follow every change of the weights, so
    that a light and a dark picture are learned alike. The result is in the parameters of the usual energy.
    Melchior, Fischer & Wiskott 2016.

    Args:
        gradient: dict of `weight` (n_hidden, n_visible), `visible_bias`, `hidden_bias`; it is used up.
        visible_offset: m, (n_visible,).
        hidden_offset: l, (n_hidden,).
    """
    c, b = gradient["visible_bias"], gradient["hidden_bias"]
    # E[(h - l)(v - m)'] of the data less that of the model, W - b m' - l c': the constant l m' cancels.
    left, right = torch.stack([b, hidden_offset], 1), torch.stack([visible_offset, c])
    weight = gradient["weight"].addmm_(left, right, alpha=-1)  # in place: a copy takes longer than the sum
    return {
        "weight": weight,
        "visible_bias": c - hidden_offset @ weight,
        "hidden_bias": b - weight @ visible_offset,
    }


class Chains:
    """Where the persistent chains are; None until the first step, and always without persistence.

    Args:
        device: where the machine is.
    """

    def __init__(self, device: torch.device):
        self.device = device
        self.states: list[Tensor] | None = None

    def state_dict(self) -> dict[str, Any]:
        return {"states": None if self.states is None else [state.cpu() for state in self.states]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        states = state["states"]
        self.states = None if states is None else [state.to(self.device) for state in states]


def fit_contrastive(
    rbm: nn.Module,
    x: Any,
    *,
    k: int = 1,
    persistent: bool = False,
    n_steps: int,
    batch_size: int = 128,
    learning_rate: float = 0.1,
    momentum: float = 0.5,
    schedule: Literal["constant", "linear", "cosine"] = "linear",
    centring: bool = True,
    average: float = 0.0,
    seed: int = 0,
    device: str | torch.device = "auto",
    checkpoint: str | Path | None = None,
    on_step: Callable[[int, nn.Module, float | None], object] | None = None,
    max_cpu_seconds: float | None = None,
    checkpoint_every: int = 500,
) -> History:
    """Climb rbm.cd_gradient on x, in place (Hinton 2002); returns a History.

    History: `loss` is the reconstruction error, the mean of |v - v_k|^2 over the batch. It is *not* what is
    being improved, and may fall while the likelihood falls; persistent chains reconstruct nothing, so that it
    is None and `loss` stays empty.

    Args:
        rbm: module with `cd_gradient(v, *, k, chains, rng) -> (gradient by parameter name, chains)`, uphill,
            and `hidden_probability(v)`; chains are a pair (states, their hidden probabilities).
        x: (n, n_visible), bits, or standardised reals for Gaussian visible units, which want about a tenth of
            the learning rate; or a tuple of v and what it is conditioned on, which both methods get after v.
        k: Gibbs steps for each gradient.
        persistent: the chains go on where the last step left them (Tieleman 2008), batch_size of them;
            otherwise they start at the batch each time.
        n_steps: number of steps.
        batch_size: rows per step.
        learning_rate: for the gradient of the mean log-likelihood per example.
        momentum: .5 doubles the step.
        schedule: as in `fit`.
        centring: use `centred`; the offsets are the mean of x and of the hidden probabilities in a part of
            the batch.
        average: decay of averaged weights, which replace the weights at the end; 0 for none.
        on_step: function (step, rbm, reconstruction error), called after each step.
        seed: as in `fit`.
        device: as in `fit`.
        checkpoint: as in `fit`.
        max_cpu_seconds: as in `fit`.
        checkpoint_every: as in `fit`.

    Raises:
        ValueError: as in `fit`.
        FloatingPointError: the gradient is no longer finite.
    """
    with training_run("fit_contrastive", rbm, x, locals()) as run:
        run.require("cd_gradient", k=k, chains=None, rng=None)
        mean = run.data[0].mean(0)
        parameters = dict(rbm.named_parameters())
        ascent = torch.optim.SGD(
            parameters.values(), lr=learning_rate, momentum=momentum, maximize=True, fused=True
        )
        averaged = WeightAverage(rbm, average)
        chains = Chains(run.group.device)
        run.keep(ascent=ascent, averaged=averaged)
        run.keep_own(chains=chains)

        for step in run:
            rate = learning_rate * SCHEDULES[schedule](run.fraction)
            set_learning_rate(ascent, rate)

            v, *given = run.batch()
            gradient, ends = rbm.cd_gradient(v, *given, k=k, chains=chains.states, rng=run.rng)
            run.group.average(list(gradient.values()))
            require_finite("gradient", gradient["hidden_bias"].sum().item(), step, rate)
            if centring:
                with torch.no_grad():
                    # Any offsets will do, good ones are near the means: a part of the batch is enough.
                    # Not the chains' mean: their noise is in the gradient too, and would not cancel.
                    offset = rbm.hidden_probability(v[:32], *(part[:32] for part in given)).mean(0)
                    run.group.average([offset])
                    gradient = centred(gradient, mean, offset)
            for name, parameter in parameters.items():
                parameter.grad = gradient[name]
            ascent.step()
            averaged.update(step)

            error = None
            if persistent:
                chains.states = ends
                run.note(rate)
            else:
                error = run.group.mean((v - ends[0]).square().sum(1).mean())
                run.note(rate, loss=error)
            if on_step is not None:
                on_step(step, rbm, error)
        averaged.swap_in()
    return run.history
