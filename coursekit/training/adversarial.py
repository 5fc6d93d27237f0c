"""`fit_adversarial`: the training loop of a game between a generator and its opponent."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from coursekit.draws import normal
from coursekit.training.distributed import process_group
from coursekit.training.ingredients import SCHEDULES, WeightAverage, make_optimizer, set_learning_rate
from coursekit.training.run import History, Run, moved_to
from coursekit.training.settings import (
    as_data,
    checked,
    choose_device,
    require_call,
    require_finite,
    require_model,
)


def builds_fakes(game: nn.Module) -> bool:
    """Whether the game makes its own fakes: its generator_loss then takes `rng`, to draw their latents."""
    return "rng" in inspect.signature(game.generator_loss).parameters


def fit_adversarial(
    game: nn.Module,
    x: Any,
    *,
    n_steps: int,
    n_opponent_steps: int = 1,
    batch_size: int = 256,
    learning_rate: float = 1e-3,
    opponent_learning_rate: float | None = None,
    optimizer: Literal["adam", "adamw", "sgd", "rmsprop", "muon"] = "adam",
    betas: tuple[float, float] = (0.5, 0.99),
    schedule: Literal["constant", "linear", "cosine"] = "constant",
    instance_noise: float = 0.0,
    instance_noise_until: float = 0.7,
    average: float = 0.0,
    seed: int = 0,
    device: str | torch.device = "auto",
    checkpoint: str | Path | None = None,
    on_step: Callable[[int, nn.Module, float], object] | None = None,
    max_cpu_seconds: float | None = None,
    checkpoint_every: int = 500,
) -> History:
    """Play a two-player game on x, in place (Goodfellow et al. 2014, Algorithm 1); returns a History.

    One step of the run is n_opponent_steps steps of the opponent, each on a fresh batch of data and of fakes,
    then one of the generator on fresh fakes. History: `loss` is the generator's, `opponent_loss` the last of
    the opponent's in each step.

    Every game has the parts `generator` and `opponent` (modules, which may hold several networks) and the
    method `constrain()`, which is called after every step of the opponent. Its two losses, scalars that are
    minimised, come in one of two forms:

    1. opponent_loss(real, fake, *, rng) and generator_loss(fake): the loop makes the fakes, from standard
       normal latents (batch, game.n_latent).
    2. opponent_loss(*batch, rng=rng) and generator_loss(*batch, rng=rng): the game makes the fakes itself,
       from rows of x. For conditions, for several generators, for generators whose loss looks at data.

    The second form is taken where `generator_loss` has an argument `rng`. Its opponent_loss then makes the
    fakes under torch.no_grad(), and its generator_loss is given the rows of the opponent's last batch.

    Args:
        game: module with the parts and methods above.
        x: array, tensor or `Dataset` as in `fit`; in the second form also a tuple of arrays of one length.
        n_steps: number of steps of the generator.
        n_opponent_steps: steps of the opponent before each of them.
        batch_size: rows per step.
        learning_rate: the generator's.
        opponent_learning_rate: the generator's where None.
        optimizer: of both, as in `fit`.
        betas: Adam's; the field's choice is less momentum.
        schedule: of both rates, as in `fit`.
        instance_noise: standard deviation of Gaussian noise on data and fakes alike, in units of the data;
            falls linearly to 0 (Soenderby et al. 2017). In the first form only.
        instance_noise_until: fraction of the run after which it is 0.
        average: decay of the averaged weights of the generator, which replace its weights at the end.
        on_step: function (step, game, loss) with the generator's loss, called after each step.
        seed, device, checkpoint, max_cpu_seconds, checkpoint_every: as in `fit`.

    Raises:
        ValueError: as in `fit`.
        FloatingPointError: one of the losses is no longer finite; the message says whose.
    """
    require_model(game, "fit_adversarial")
    if opponent_learning_rate is None:
        opponent_learning_rate = learning_rate
    limits = checked(n_steps=n_steps, checkpoint_every=checkpoint_every, max_cpu_seconds=max_cpu_seconds)
    settings = checked(
        seed=seed,
        batch_size=batch_size,
        n_opponent_steps=n_opponent_steps,
        learning_rate=learning_rate,
        opponent_learning_rate=opponent_learning_rate,
        optimizer=optimizer,
        betas=betas,
        schedule=schedule,
        average=average,
        instance_noise=instance_noise,
        instance_noise_until=instance_noise_until,
    )
    own = builds_fakes(game)
    if own and instance_noise:
        raise ValueError("instance_noise is the loop's, but this game makes its fakes itself: leave it at 0")
    group = process_group(choose_device(device))
    with moved_to(game, group):
        data = as_data(x, game, group.device, first_as_floats=True)
        if own:
            require_call(game, "opponent_loss", *data, rng=None)
            require_call(game, "generator_loss", *data, rng=None)
        elif len(data) > 1:
            raise ValueError(f"{type(game).__name__} plays on one array, but x is a tuple of {len(data)}")
        weights = [p for p in game.generator.parameters() if p.requires_grad]
        generator_step = make_optimizer(optimizer, weights, learning_rate, betas=betas)
        opponent_weights = list(game.opponent.parameters())
        opponent_step = make_optimizer(optimizer, opponent_weights, opponent_learning_rate, betas=betas)
        averaged = WeightAverage(game.generator, average)

        parts = {"model": game, "generator_step": generator_step, "opponent_step": opponent_step}
        parts |= {"averaged": averaged}
        with Run(parts, settings, data, group=group, checkpoint=checkpoint, **limits) as run:

            def fakes(n):
                return game.generator(normal(weights[0], run.rng, shape=(n, game.n_latent)))

            def noisy(samples, std):
                return samples + std * normal(samples, run.rng) if std else samples

            def opponent_loss(batch, std):
                if own:
                    return game.opponent_loss(*batch, rng=run.rng)
                (real,) = batch
                with torch.no_grad():
                    fake = fakes(len(real))
                return game.opponent_loss(noisy(real, std), noisy(fake, std), rng=run.rng)

            def generator_loss(batch, std):
                if own:
                    return game.generator_loss(*batch, rng=run.rng)
                return game.generator_loss(noisy(fakes(len(batch[0])), std))

            for step in run:
                factor = SCHEDULES[schedule](run.fraction)
                set_learning_rate(generator_step, learning_rate * factor)
                set_learning_rate(opponent_step, opponent_learning_rate * factor)
                std = instance_noise * max(0.0, 1 - run.fraction / instance_noise_until)

                for _ in range(n_opponent_steps):
                    batch = run.batch()
                    loss = opponent_loss(batch, std)
                    opponent_value = group.mean(loss)
                    require_finite("opponent's loss", opponent_value, step, opponent_learning_rate * factor)
                    opponent_step.zero_grad()
                    loss.backward()
                    group.average_gradients(opponent_weights)
                    opponent_step.step()
                    game.constrain()

                loss = generator_loss(batch, std)
                value = group.mean(loss)
                require_finite("generator's loss", value, step, learning_rate * factor)
                generator_step.zero_grad()
                # Gradients for the generator alone: those of the opponent's weights are not asked for.
                loss.backward(inputs=weights)
                group.average_gradients(weights)
                generator_step.step()
                averaged.update(step)

                run.history.loss.append(value)
                run.history.opponent_loss.append(opponent_value)
                run.history.learning_rate.append(learning_rate * factor)
                if on_step is not None:
                    on_step(step, game, value)
        averaged.swap_in()
    return run.history
