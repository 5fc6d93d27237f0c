"""Unrolled GAN: the generator asks what the discriminator will answer K steps from now.

In the ordinary game the generator moves against the discriminator of this moment, which then moves away. An
unrolled generator lets a copy of the discriminator take K gradient steps first, and differentiates its own
loss *through* these steps. With K = 0 it is the ordinary game. As K grows the copy tends to its best
response, and the generator descends the Jensen-Shannon divergence itself.

    phi_0 = phi,    phi_{k+1} = phi_k - eta grad_phi loss_D(theta, phi_k)
    generator's loss  f(theta, phi_K(theta, phi)),    d/d theta = df/d theta + df/d phi_K  d phi_K/d theta

    theta, phi  weights of generator and discriminator    eta  learning rate of the inner steps
    z  (n, n_latent)    real  (n, ...)

The second term of the derivative tells the generator how the discriminator would *react*. In the paper f is
the value of the game: there the term fades at the best response, where df/d phi = 0. With f = -E log D, the
loss that does not saturate, it does not.

Sources: Metz, Poole, Pfau & Sohl-Dickstein 2017, equations 6 to 12. Notebook 13.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from coursekit.draws import normal
from coursekit.gan import GAN, discriminator_loss, generator_loss
from coursekit.inputs import as_input, positive_int, real_number


def unrolled_generator_loss(
    game: GAN,
    z: Any,
    real: Any,
    *,
    n_steps: int,
    learning_rate: float,
    differentiate: bool = True,
) -> Tensor:
    """The generator's loss against the discriminator after n_steps of gradient descent; a scalar.

    The discriminator itself does not move. The same z and real serve for all inner steps. For "minimax" the
    loss is the whole value of the game: its real part, too, depends on the generator, by way of the steps.

    Args:
        game: a GAN; its objective decides both losses.
        z: latents (n, n_latent).
        real: samples of the data (m, ...).
        n_steps: K, steps of plain gradient descent; 0 is the ordinary loss.
        learning_rate: eta.
        differentiate: False takes the K steps as given, without the discriminator's reaction.

    Raises:
        ValueError: the game has an R1 penalty, which the inner steps do not know; or bad settings.
    """
    if game.r1:
        raise ValueError("the inner steps have no R1 penalty: unroll a game with r1 = 0")
    n_steps = positive_int(n_steps, "n_steps", low=0)
    learning_rate = real_number(learning_rate, "learning_rate", above=0)
    z = as_input(z, game.n_latent, like=game.generator, name="z")
    real = as_input(real, like=game.discriminator, name="real")
    fake = game.generator(z)
    seen = fake if differentiate else fake.detach()
    phi = dict(game.discriminator.named_parameters())
    if not differentiate:
        phi = {name: weight.detach().requires_grad_() for name, weight in phi.items()}

    def score(phi, x):
        return functional_call(game.discriminator, phi, (x,)).reshape(len(x))

    with torch.enable_grad():
        for _ in range(n_steps):
            loss = discriminator_loss(
                score(phi, real),
                score(phi, seen),
                objective=game.objective,
                alpha=game.label_smoothing,
                beta=game.fake_label,
            )
            slopes = torch.autograd.grad(loss, list(phi.values()), create_graph=differentiate)
            phi = {
                name: weight - learning_rate * slope
                for (name, weight), slope in zip(phi.items(), slopes, strict=True)
            }
            if not differentiate:
                phi = {name: weight.detach().requires_grad_() for name, weight in phi.items()}
    if game.objective == "minimax":
        return -discriminator_loss(score(phi, real), score(phi, fake), objective="minimax")
    return generator_loss(score(phi, fake), objective=game.objective)


class UnrolledGAN(GAN):
    """A GAN whose generator looks n_unrolled steps ahead; `training.fit_adversarial` plays it.

    >>> networks = nn.Linear(2, 4), nn.Linear(4, 1)
    >>> game = UnrolledGAN(*networks, n_latent=2, n_unrolled=3, inner_rate=0.1)
    >>> game.generator_loss(torch.zeros(5, 4)).shape
    torch.Size([])

    Args:
        generator: as in `GAN`.
        discriminator: as in `GAN`.
        n_latent: as in `GAN`.
        n_unrolled: K.
        inner_rate: learning rate of the inner steps.
        differentiate: as in `unrolled_generator_loss`.
        objective: as in `GAN`; the paper's is "minimax".
        label_smoothing: as in `GAN`.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *,
        n_latent: int,
        n_unrolled: int,
        inner_rate: float,
        differentiate: bool = True,
        objective: str = "minimax",
        label_smoothing: float = 0.0,
    ):
        super().__init__(
            generator, discriminator, n_latent=n_latent, objective=objective, label_smoothing=label_smoothing
        )
        self.n_unrolled = positive_int(n_unrolled, "n_unrolled", low=0)
        self.inner_rate = real_number(inner_rate, "inner_rate", above=0)
        self.differentiate = differentiate

    def _latents(self, real, rng):
        return normal(next(self.generator.parameters()), rng, shape=(len(real), self.n_latent))

    def opponent_loss(self, real: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """The discriminator's loss on real (n, ...) and n fresh fakes, without gradient for the generator."""
        with torch.no_grad():
            fake = self.generator(self._latents(real, rng))
        return super().opponent_loss(real, fake)

    def generator_loss(self, real: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """The unrolled loss; real (n, ...) is what the inner steps learn from."""
        return unrolled_generator_loss(
            self,
            self._latents(real, rng),
            real,
            n_steps=self.n_unrolled,
            learning_rate=self.inner_rate,
            differentiate=self.differentiate,
        )
