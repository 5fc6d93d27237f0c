"""`fit_contrastive`: the loop of contrastive divergence, which follows a sampled gradient and no loss."""

import torch

from coursekit.training.distributed import process_group
from coursekit.training.ingredients import (
    SCHEDULES,
    Batches,
    WeightAverage,
    as_data,
    check_numbers,
    choose_device,
    one_of,
    require_finite,
    set_learning_rate,
)
from coursekit.training.run import History, Run, fingerprint, moved_to


def centred(gradient, visible_offset, hidden_offset):
    """The same ascent direction, as it looks when units are counted from their offsets (m for v, l for h).

    With h - l and v - m in the energy the biases no longer have to follow every change of the weights, so
    that a light and a dark picture are learned alike. gradient: dict of `weight` (n_hidden, n_visible),
    `visible_bias`, `hidden_bias`; offsets (n_visible,) and (n_hidden,); returns such a dict, in the
    parameters of the usual energy; the one given is used up. Melchior, Fischer & Wiskott 2016.
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
    """Where the persistent chains stand; None until the first step, and always without persistence."""

    def __init__(self, device):
        self.device, self.states = device, None

    def state_dict(self):
        return {"states": None if self.states is None else [state.cpu() for state in self.states]}

    def load_state_dict(self, state):
        states = state["states"]
        self.states = None if states is None else [state.to(self.device) for state in states]


def fit_contrastive(
    rbm,
    x,
    *,
    k=1,
    persistent=False,
    n_steps,
    batch_size=128,
    learning_rate=0.1,
    momentum=0.5,
    schedule="linear",
    centring=True,
    average=0.0,
    seed=0,
    device="auto",
    checkpoint=None,
    on_step=None,
    max_cpu_seconds=None,
    checkpoint_every=500,
):
    """Climb rbm.cd_gradient on x, in place (Hinton 2002); returns a History.

    rbm: module with `cd_gradient(v, *, k, chains, rng) -> (gradient by parameter name, chains)`, uphill,
    and `hidden_probability(v)`; chains are a pair (states, their hidden probabilities).
    x (n, n_visible): bits, or standardised reals for Gaussian visible units, which want about a tenth of the
    learning rate.
    k: Gibbs steps for each gradient. persistent: the chains go on where the last step left them (Tieleman
    2008), batch_size of them; otherwise they start at the batch each time.
    learning_rate: for the gradient of the mean log-likelihood, an example. momentum: .5 doubles the step.
    centring: use `centred`; offsets are the mean of x and of the hidden probabilities in a part of the batch.
    average: decay of averaged weights, which replace the weights at the end; 0 for none.
    on_step: function (step, rbm, reconstruction error). History: `loss` is this error, the mean of
    |v - v_k|^2 over the batch. It is *not* what is being improved, and may fall while the likelihood falls;
    persistent chains reconstruct nothing, so that it is None and `loss` stays empty.
    All else, errors included: see `fit`.
    """
    check_numbers(
        n_steps=n_steps,
        batch_size=batch_size,
        checkpoint_every=checkpoint_every,
        learning_rate=learning_rate,
        average=average,
        max_cpu_seconds=max_cpu_seconds,
    )
    one_of("schedule", schedule, SCHEDULES)
    if not 0 <= momentum < 1:
        raise ValueError(f"momentum must lie in [0, 1), got {momentum}")
    device = choose_device(device)
    group = process_group(device)
    with moved_to(rbm, group):
        x = as_data(x, rbm, device)
        mean = x.mean(0)
        batches = Batches(len(x), batch_size, seed)
        parameters = dict(rbm.named_parameters())
        ascent = torch.optim.SGD(
            parameters.values(), lr=learning_rate, momentum=momentum, maximize=True, fused=True
        )
        averaged = WeightAverage(rbm, average)
        chains = Chains(device)
        history = History()

        parts = {"model": rbm, "ascent": ascent, "batches": batches, "averaged": averaged}
        parts |= {"history": history}
        settings = {"seed": seed, "batch_size": batch_size, "k": k, "persistent": persistent}
        settings |= {"learning_rate": learning_rate, "momentum": momentum, "schedule": schedule}
        settings |= {"centring": centring, "average": average}
        if checkpoint is not None or group.size > 1:
            settings["data"] = fingerprint(x)
        with Run(
            parts,
            settings,
            own={"chains": chains},
            group=group,
            n_steps=n_steps,
            seed=seed,
            checkpoint=checkpoint,
            checkpoint_every=checkpoint_every,
            max_cpu_seconds=max_cpu_seconds,
        ) as run:
            for step in run:
                rate = learning_rate * SCHEDULES[schedule](run.fraction)
                set_learning_rate(ascent, rate)

                v = x[group.share(batches.next())]
                gradient, ends = rbm.cd_gradient(v, k=k, chains=chains.states, rng=run.rng)
                group.average(list(gradient.values()))
                require_finite("gradient", gradient["hidden_bias"].sum().item(), step, rate)
                if centring:
                    with torch.no_grad():
                        # Any offsets will do, good ones are near the means: a part of the batch is enough.
                        # Not the chains' mean: their noise is in the gradient too, and would not cancel.
                        offset = rbm.hidden_probability(v[:32]).mean(0)
                        group.average([offset])
                        gradient = centred(gradient, mean, offset)
                for name, parameter in parameters.items():
                    parameter.grad = gradient[name]
                ascent.step()
                averaged.update(step)

                error = None
                if persistent:
                    chains.states = ends
                else:
                    error = group.mean((v - ends[0]).square().sum(1).mean())
                    history.loss.append(error)
                history.learning_rate.append(rate)
                if on_step is not None:
                    on_step(step, rbm, error)
        averaged.swap_in()
    return history
