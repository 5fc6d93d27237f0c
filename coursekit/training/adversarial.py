"""`fit_adversarial`: the training loop of a game between a generator and its opponent."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from coursekit.draws import normal
from coursekit.training.optimizers import SCHEDULES, WeightAverage, make_optimizer, set_learning_rate
from coursekit.training.run import History, Run, training_run


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
        seed: as in `fit`.
        device: as in `fit`.
        checkpoint: as in `fit`.
        max_cpu_seconds: as in `fit`.
        checkpoint_every: as in `fit`.

    Raises:
        ValueError: as in `fit`.
        FloatingPointError: one of the losses is no longer finite; the message says whose.
    """
    if opponent_learning_rate is None:
        opponent_learning_rate = learning_rate
    with training_run("fit_adversarial", game, x, locals()) as run:
        opponent_loss, generator_loss = losses(game, run, instance_noise)
        weights = [p for p in game.generator.parameters() if p.requires_grad]
        opponent_weights = list(game.opponent.parameters())
        generator_step = make_optimizer(optimizer, weights, learning_rate, betas=betas)
        opponent_step = make_optimizer(optimizer, opponent_weights, opponent_learning_rate, betas=betas)
        averaged = WeightAverage(game.generator, average)
        run.keep(generator_step=generator_step, opponent_step=opponent_step, averaged=averaged)

        for step in run:
            factor = SCHEDULES[schedule](run.fraction)
            rate, opponent_rate = learning_rate * factor, opponent_learning_rate * factor
            set_learning_rate(generator_step, rate)
            set_learning_rate(opponent_step, opponent_rate)
            std = instance_noise * max(0.0, 1 - run.fraction / instance_noise_until)

            for _ in range(n_opponent_steps):
                batch = run.batch()
                loss = opponent_loss(batch, std)
                opponent_value = run.mean(loss, "opponent's loss", opponent_rate)
                opponent_step.zero_grad()
                loss.backward()
                run.group.average_gradients(opponent_weights)
                opponent_step.step()
                game.constrain()

            loss = generator_loss(batch, std)
            value = run.mean(loss, "generator's loss", rate)
            generator_step.zero_grad()
            # Gradients for the generator alone: those of the opponent's weights are not asked for.
            loss.backward(inputs=weights)
            run.group.average_gradients(weights)
            generator_step.step()
            averaged.update(step)

            run.note(rate, loss=value, opponent_loss=opponent_value)
            if on_step is not None:
                on_step(step, game, value)
        averaged.swap_in()
    return run.history


Loss = Callable[[tuple[Tensor, ...], float], Tensor]


def losses(game: nn.Module, run: Run, instance_noise: float) -> tuple[Loss, Loss]:
    """Both losses as functions of (batch, standard deviation of the noise), for either form of a game.

    Args:
        game: as in `fit_adversarial`.
        run: whose generator draws latents and noise.
        instance_noise: must be 0 where the game makes its fakes itself.
    """
    if "rng" in inspect.signature(game.generator_loss).parameters:
        if instance_noise:
            raise ValueError(
                "instance_noise is the loop's, but this game makes its fakes itself: leave it at 0"
            )
        run.require("opponent_loss", rng=None)
        run.require("generator_loss", rng=None)
        return (
            lambda batch, std: game.opponent_loss(*batch, rng=run.rng),
            lambda batch, std: game.generator_loss(*batch, rng=run.rng),
        )
    if len(run.data) > 1:
        raise ValueError(f"{type(game).__name__} plays on one array, but x is a tuple of {len(run.data)}")
    like = next(p for p in game.generator.parameters() if p.requires_grad)

    def fakes(n):
        return game.generator(normal(like, run.rng, shape=(n, game.n_latent)))

    def noisy(samples, std):
        return samples + std * normal(samples, run.rng) if std else samples

    def opponent_loss(batch, std):
        (real,) = batch
        with torch.no_grad():
            fake = fakes(len(real))
        return game.opponent_loss(noisy(real, std), noisy(fake, std), rng=run.rng)

    def generator_loss(batch, std):
        return game.generator_loss(noisy(fakes(len(batch[0])), std))

    return opponent_loss, generator_loss
