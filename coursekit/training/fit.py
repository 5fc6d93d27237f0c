"""`fit`: the training loop for every model that has a `loss`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from coursekit.training.optimizers import SCHEDULES, WeightAverage, make_optimizer, set_learning_rate
from coursekit.training.run import History, training_run


def fit(
    model: nn.Module,
    x: Any,
    *,
    n_steps: int,
    batch_size: int = 256,
    learning_rate: float = 1e-3,
    optimizer: Literal["adam", "adamw", "sgd", "rmsprop", "muon"] = "adam",
    betas: tuple[float, float] = (0.9, 0.999),
    schedule: Literal["constant", "linear", "cosine"] = "constant",
    warm_up: float = 0.0,
    average: float = 0.0,
    seed: int = 0,
    device: str | torch.device = "auto",
    autocast: bool = False,
    checkpoint: str | Path | None = None,
    on_step: Callable[[int, nn.Module, float], object] | None = None,
    max_cpu_seconds: float | None = None,
    checkpoint_every: int = 500,
) -> History:
    """Minimise model.loss over x by stochastic gradient descent, in place; returns a History.

    Every epoch visits each row once, in the order of a permutation seeded with `seed`; its last batch may be
    short. Afterwards the model is in evaluation mode. Ctrl-C ends the run after the step under way and keeps
    what was learned.

    Args:
        model: module with `loss(*batch, rng=rng)`, a scalar, the mean over a batch; rng is a torch.Generator.
        x: array or tensor (n, ...), a `Dataset` (its x counts), or a tuple of arrays of one length, whose
            rows stay together and go to the loss in this order: `(images, labels)` for a model with a
            condition. Floats are cast to the model's precision, whole numbers to int64.
        n_steps: number of steps.
        batch_size: rows per step.
        learning_rate: the rate at its highest.
        optimizer: "adam", "adamw" (weight decay .01), "sgd" (no momentum), "rmsprop", or "muon" (Muon for
            weight matrices, AdamW for the rest and for embeddings).
        betas: the two decays of Adam and AdamW.
        schedule: "constant", or from learning_rate to 0 over the run: "linear", "cosine".
        warm_up: part of the run over which the rate first rises from 0, on top of the schedule.
        average: decay of averaged weights (.999 say), which replace the weights at the end; 0 for none.
        seed: the batch order uses seed, the generator handed to `loss` seed + 1, dropout a global one that
            is put back afterwards.
        device: "auto" trains on a GPU if there is one; the model comes back to its own device afterwards.
        autocast: True computes matrix products and convolutions of the loss in bfloat16: large networks train
            faster on a GPU. Weights stay as they are. Not for flows, whose log-determinants need the digits.
        checkpoint: file kept up to date; if it exists, the run takes up from it and ends in the same weights
            as one that was never interrupted.
        on_step: function (step, model, loss) called after each step; step counts from 1, loss is a float.
        max_cpu_seconds: stop when the process has used so much CPU time; schedules then follow the time.
        checkpoint_every: steps between two saves.

    Raises:
        ValueError: an unknown choice, unusable data, a model for another loop, another run's checkpoint.
        FloatingPointError: the loss is no longer finite; the message has the step.

    Under torchrun each process takes its share of every batch, and all end in the same weights: up to
    rounding those of one process, as long as `loss` draws no noise (see distributed.py). batch_size stays
    that of the whole batch, on_step is called in every process, process 0 writes the checkpoint, and the same
    number of processes resumes exactly.
    """
    with training_run("fit", model, x, locals()) as run:
        run.require("loss", rng=None)
        weights = list(model.parameters())
        gradient_step = make_optimizer(optimizer, weights, learning_rate, betas=betas, model=model)
        averaged = WeightAverage(model, average)
        run.keep(optimizer=gradient_step, averaged=averaged)

        for step in run:
            rate = learning_rate * SCHEDULES[schedule](run.fraction)
            if run.fraction < warm_up:
                rate *= run.fraction / warm_up
            set_learning_rate(gradient_step, rate)

            with run.precision(autocast):
                loss = model.loss(*run.batch(), rng=run.rng)
            value = run.mean(loss, "loss", rate)

            gradient_step.zero_grad()
            loss.backward()
            run.group.average_gradients(weights)
            gradient_step.step()
            averaged.update(step)

            run.note(rate, loss=value)
            if on_step is not None:
                on_step(step, model, value)
        averaged.swap_in()
    return run.history
