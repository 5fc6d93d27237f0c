"""`fit`: the training loop for every model that has a `loss`."""

import contextlib

import torch

from coursekit.training.distributed import process_group
from coursekit.training.ingredients import (
    SCHEDULES,
    Batches,
    WeightAverage,
    as_data,
    check_numbers,
    choose_device,
    make_optimizer,
    one_of,
    require_finite,
    set_learning_rate,
)
from coursekit.training.run import History, Run, fingerprint, moved_to


def fit(
    model,
    x,
    *,
    n_steps,
    batch_size=256,
    learning_rate=1e-3,
    optimizer="adam",
    betas=(0.9, 0.999),
    schedule="constant",
    warm_up=0.0,
    average=0.0,
    seed=0,
    device="auto",
    autocast=False,
    checkpoint=None,
    on_step=None,
    max_cpu_seconds=None,
    checkpoint_every=500,
):
    """Minimise model.loss over x by stochastic gradient descent, in place; returns a History.

    model: module with `loss(x, *, rng) -> scalar`, the mean over a batch; rng is a torch.Generator.
    x: array or tensor (n, ...); floats are cast to the model's precision. batch_size: rows a step; every
    epoch visits each row once in the order of a permutation seeded with `seed` (its last batch may be short).
    optimizer: "adam", "adamw" (weight decay .01), "sgd" (no momentum), "rmsprop". betas: of Adam and AdamW.
    schedule: "constant", or from learning_rate to 0 over the run: "linear", "cosine". warm_up: part of the
    run over which the rate first rises from 0, on top of the schedule.
    average: decay of averaged weights (.999 say), which replace the weights at the end; 0 for none.
    seed: the batch order uses seed, the generator handed to `loss` seed + 1, dropout a global one of its own.
    device: "auto" trains on a GPU if there is one; the model comes back to its own device afterwards.
    autocast: True computes matrix products and convolutions of the loss in bfloat16: large networks train
    faster on a GPU. Weights stay as they are. Not for flows, whose log-determinants need the digits.
    checkpoint: file kept up to date every checkpoint_every steps; if it exists, the run takes up from it and
    ends in the same weights as one that was never interrupted.
    on_step: function (step, model, loss) called after each step; step counts from 1, loss is a float.
    max_cpu_seconds: stop when the process has used so much CPU time; schedules then follow the time.

    Under torchrun each process takes its share of every batch, and all end in the same weights: up to
    rounding those of one process, as long as `loss` draws no noise (see distributed.py). batch_size stays
    that of the whole batch, on_step is called in every process, process 0 writes the checkpoint, and the same
    number of processes resumes exactly.

    Ctrl-C ends the run after the step under way and keeps what was learned. Afterwards the model is in
    evaluation mode. Raises ValueError for an unknown choice, unusable data or another run's checkpoint, and
    FloatingPointError with the step when the loss is no longer finite.
    """
    check_numbers(
        n_steps=n_steps,
        batch_size=batch_size,
        checkpoint_every=checkpoint_every,
        learning_rate=learning_rate,
        average=average,
        max_cpu_seconds=max_cpu_seconds,
    )
    if not 0 <= warm_up < 1:
        raise ValueError(f"warm_up is a fraction of the run, in [0, 1) (0: off), got {warm_up}")
    one_of("schedule", schedule, SCHEDULES)
    device = choose_device(device)
    group = process_group(device)
    with moved_to(model, group):
        x = as_data(x, model, device)
        batches = Batches(len(x), batch_size, seed)
        weights = list(model.parameters())
        gradient_step = make_optimizer(optimizer, weights, learning_rate, betas=betas)
        averaged = WeightAverage(model, average)
        history = History()

        parts = {"model": model, "optimizer": gradient_step, "batches": batches}
        parts |= {"averaged": averaged, "history": history}
        settings = {"seed": seed, "batch_size": batch_size, "learning_rate": learning_rate}
        settings |= {"optimizer": optimizer, "schedule": schedule, "average": average}
        settings |= {"betas": list(betas), "warm_up": warm_up, "autocast": autocast}
        if checkpoint is not None or group.size > 1:
            settings["data"] = fingerprint(x)
        with Run(
            parts,
            settings,
            group=group,
            n_steps=n_steps,
            seed=seed,
            checkpoint=checkpoint,
            checkpoint_every=checkpoint_every,
            max_cpu_seconds=max_cpu_seconds,
        ) as run:
            for step in run:
                rate = learning_rate * SCHEDULES[schedule](run.fraction)
                if run.fraction < warm_up:
                    rate *= run.fraction / warm_up
                set_learning_rate(gradient_step, rate)

                rows = group.share(batches.next())
                with torch.autocast(device.type, torch.bfloat16) if autocast else contextlib.nullcontext():
                    loss = model.loss(x[rows], rng=run.rng)
                value = group.mean(loss)
                require_finite("loss", value, step, rate)

                gradient_step.zero_grad()
                loss.backward()
                group.average_gradients(weights)
                gradient_step.step()
                averaged.update(step)

                history.loss.append(value)
                history.learning_rate.append(rate)
                if on_step is not None:
                    on_step(step, model, value)
        averaged.swap_in()
    return history
