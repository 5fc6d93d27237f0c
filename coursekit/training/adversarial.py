"""`fit_adversarial`: the training loop of a game between a generator and its opponent."""

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


def fit_adversarial(
    game,
    x,
    *,
    n_steps,
    n_opponent_steps=1,
    batch_size=256,
    learning_rate=1e-3,
    opponent_learning_rate=None,
    optimizer="adam",
    betas=(0.5, 0.99),
    schedule="constant",
    instance_noise=0.0,
    instance_noise_until=0.7,
    average=0.0,
    seed=0,
    device="auto",
    checkpoint=None,
    on_step=None,
    max_cpu_seconds=None,
    checkpoint_every=500,
):
    """Play a two-player game on x, in place (Goodfellow et al. 2014, Algorithm 1); returns a History.

    game: module with the parts `generator` and `opponent` (modules) and `n_latent`, and the methods
    `opponent_loss(real, fake, *, rng)`, `generator_loss(fake)` (scalars, both minimised) and `constrain()`,
    which is called after every step of the opponent. Latents are standard normal, (batch, n_latent).
    One step of the run is n_opponent_steps steps of the opponent, each on a fresh batch of data and of fakes,
    then one of the generator on fresh fakes. History: `loss` is the generator's, `opponent_loss` the last of
    the opponent's in each step.
    opponent_learning_rate: the generator's where None. betas: Adam's; the field's choice is less momentum.
    instance_noise: standard deviation of Gaussian noise on data and fakes alike, in units of the data; falls
    linearly to 0 over the fraction instance_noise_until of the run (Soenderby et al. 2017).
    average: decay of the averaged weights of the generator, which replace its weights at the end.
    on_step: function (step, game, loss) with the generator's loss. All else, errors included: see `fit`.
    """
    check_numbers(
        n_steps=n_steps,
        batch_size=batch_size,
        n_opponent_steps=n_opponent_steps,
        checkpoint_every=checkpoint_every,
        learning_rate=learning_rate,
        average=average,
        max_cpu_seconds=max_cpu_seconds,
    )
    one_of("schedule", schedule, SCHEDULES)
    if instance_noise < 0 or not 0 < instance_noise_until <= 1:
        raise ValueError(
            "instance_noise must be at least 0 and instance_noise_until, a fraction of the run, in (0, 1];"
            f" got {instance_noise} and {instance_noise_until}"
        )
    if opponent_learning_rate is None:
        opponent_learning_rate = learning_rate
    device = choose_device(device)
    group = process_group(device)
    with moved_to(game, group):
        x = as_data(x, game, device)
        batches = Batches(len(x), batch_size, seed)
        weights = [p for p in game.generator.parameters() if p.requires_grad]
        generator_step = make_optimizer(optimizer, weights, learning_rate, betas=betas)
        opponent_weights = list(game.opponent.parameters())
        opponent_step = make_optimizer(optimizer, opponent_weights, opponent_learning_rate, betas=betas)
        averaged = WeightAverage(game.generator, average)
        history = History()

        parts = {"model": game, "generator_step": generator_step, "opponent_step": opponent_step}
        parts |= {"batches": batches, "averaged": averaged, "history": history}
        settings = {"seed": seed, "batch_size": batch_size, "n_opponent_steps": n_opponent_steps}
        settings |= {"learning_rate": learning_rate, "opponent_learning_rate": opponent_learning_rate}
        settings |= {"optimizer": optimizer, "betas": list(betas), "schedule": schedule, "average": average}
        settings |= {"instance_noise": instance_noise, "instance_noise_until": instance_noise_until}
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

            def fakes(n):
                return game.generator(
                    torch.randn(n, game.n_latent, generator=run.rng, device=device, dtype=weights[0].dtype)
                )

            def noisy(samples, std):
                if std == 0:
                    return samples
                noise = torch.randn(samples.shape, generator=run.rng, device=device, dtype=samples.dtype)
                return samples + std * noise

            for step in run:
                factor = SCHEDULES[schedule](run.fraction)
                set_learning_rate(generator_step, learning_rate * factor)
                set_learning_rate(opponent_step, opponent_learning_rate * factor)
                std = instance_noise * max(0.0, 1 - run.fraction / instance_noise_until)

                for _ in range(n_opponent_steps):
                    real = x[group.share(batches.next())]
                    with torch.no_grad():
                        fake = fakes(len(real))
                    loss = game.opponent_loss(noisy(real, std), noisy(fake, std), rng=run.rng)
                    opponent_value = group.mean(loss)
                    require_finite("opponent's loss", opponent_value, step, opponent_learning_rate * factor)
                    opponent_step.zero_grad()
                    loss.backward()
                    group.average_gradients(opponent_weights)
                    opponent_step.step()
                    game.constrain()

                loss = game.generator_loss(noisy(fakes(len(real)), std))
                value = group.mean(loss)
                require_finite("generator's loss", value, step, learning_rate * factor)
                generator_step.zero_grad()
                # Gradients for the generator alone: those of the opponent's weights are not asked for.
                loss.backward(inputs=weights)
                group.average_gradients(weights)
                generator_step.step()
                averaged.update(step)

                history.loss.append(value)
                history.opponent_loss.append(opponent_value)
                history.learning_rate.append(learning_rate * factor)
                if on_step is not None:
                    on_step(step, game, value)
        averaged.swap_in()
    return history
