"""Families with hidden units or latent variables: RBM, DBN, variational autoencoders, autoencoder.

Where tasks have recipes of their own, a family is made for one: `autoencoder(recipe.digits)` is a function
(task, seed, n_steps) -> `Family`.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from coursekit.comparison.bounds import N_NOISES, density_bound
from coursekit.comparison.mixtures import fitted_mixture
from coursekit.comparison.protocol import Family, Task, classes, count, floored, rounded, trained
from coursekit.data import ink
from coursekit.dbn import DBN
from coursekit.dbn import recipe as dbn_recipe
from coursekit.draws import normal
from coursekit.flow import dequantize
from coursekit.rbm import mean_logits
from coursekit.rbm import recipe as rbm_recipe
from coursekit.training import fit
from coursekit.vae import VAE, whiten_encoder
from coursekit.vae import recipe as vae_recipe


def rbm(task: Task, seed: int, n_steps: int) -> Family:
    """64 hidden units, persistent chains; drawn after 1000 Gibbs steps."""
    model = trained(rbm_recipe.digits(task.train, task.test), seed, n_steps)
    start = mean_logits(torch.from_numpy(ink(task.train)))
    return Family(
        draw=lambda n, rng: model.sample(n, n_steps=1000, rng=rng),
        kind="estimate",
        log_prob=lambda x: rbm_recipe.log_likelihood(model, x, start),
        n_parameters=count(model),
        n_steps=n_steps,
    )


def dbn(task: Task, seed: int, n_steps: int) -> Family:
    """128 and 300 hidden units, machine after machine; drawn after 1000 Gibbs steps of the upper one."""
    x, _ = dbn_recipe.bits_and_labels(task.train, 10)
    model = DBN((64, 128, 300)).float()
    first = 2 * n_steps // 5
    dbn_recipe.pretrain(model, x, n_steps=(first, n_steps - first), seed=seed)
    start = mean_logits(model.up_means(x).detach())

    def log_prob(bits):
        rng = torch.Generator().manual_seed(0)
        log_z, error = dbn_recipe.log_partition(model, n_steps=3000, rng=rng, base_bias=start)
        return model.log_likelihood(bits, 500, log_partition=log_z, rng=rng).double().mean().item(), error

    return Family(
        draw=lambda n, rng: model.sample(n, n_steps=1000, rng=rng),
        kind="estimate",
        log_prob=log_prob,
        n_parameters=count(model),
        n_steps=n_steps,
    )


def bernoulli_vae(task: Task, seed: int, n_steps: int, *, prior_components: int = 0) -> Family:
    """16 latents; each pixel is drawn from the decoder's Bernoulli distribution."""
    sizes = {"n_latent": 16, "hidden": 128, "prior_components": prior_components}
    made = vae_recipe.recipe(task.train, task.test, vae_recipe.DIGITS, None, **sizes)
    model = trained(made, seed, n_steps)

    def log_prob(bits):
        rng = torch.Generator().manual_seed(0)
        return model.log_likelihood(bits, 500, rng=rng).double().mean().item(), 0.0

    return Family(
        draw=lambda n, rng: model.sample(n, rng=rng),
        kind="bound",
        log_prob=log_prob,
        n_parameters=count(model),
        n_steps=n_steps,
    )


def mixture_prior(vae: Callable) -> Callable:
    """A VAE's builder with a prior of 50 learned Gaussians instead of N(0, I)."""
    return lambda task, seed, n_steps: vae(task, seed, n_steps, prior_components=50)


class Dequantised(nn.Module):
    """The loss of a model of (x + u) / n_levels on levels x (n, d), with fresh noise for every batch."""

    def __init__(self, model: nn.Module, n_levels: int):
        super().__init__()
        self.model, self.n_levels = model, n_levels

    def loss(
        self, x: Tensor, condition: Tensor | None = None, *, rng: torch.Generator | None = None
    ) -> Tensor:
        """The model's loss, a scalar."""
        told = () if condition is None else (condition,)
        return self.model.loss(dequantize(x, rng=rng) / self.n_levels, *told, rng=rng)


def grey_vae(
    task: Task, seed: int, n_steps: int, *, prior_components: int = 0, conditional: bool = False
) -> Family:
    """Networks as in the recipe of lecture 11, a Gaussian decoder with one learned variance."""
    torch.manual_seed(seed)
    d, k = task.x.shape[1], task.n_levels
    n_latent, hidden = (16, 128) if d == 64 else (24, 256)
    model = VAE(
        d, n_latent, hidden=hidden, likelihood="gaussian", observation_variance="learned",
        activation="silu", residual=True, prior_components=prior_components,
        n_classes=10 if conditional else 0,
    )  # fmt: skip
    if not conditional:  # the class comes beside the pixels, where whitening does not expect it
        whiten_encoder(model, (task.x + 0.5) / k)
    with torch.no_grad():  # a start at independent Gaussian pixels
        model.decoder[-1].bias.copy_((task.x.mean(0) + 0.5) / k)
        model.observation_log_var.copy_((task.x / k).var(0).mean().log())
    rows = (task.x, task.labels) if conditional else task.x
    settings = vae_recipe.SETTINGS | {"learning_rate": 2e-3, "warm_up": 0.05}
    fit(Dequantised(model, k), rows, n_steps=n_steps, seed=seed, device="cpu", **settings)
    model.requires_grad_(False)
    told = {"condition": task.new_labels} if conditional else {}
    # p(x) is at least p(x, y) = p(x | y) / 10 for the right class y.
    class_cost = math.log(10) if conditional else 0.0

    def log_density(y):
        rng = torch.Generator().manual_seed(1)
        return model.log_likelihood(y / k, N_NOISES, rng=rng, **told) - d * math.log(k) - class_cost

    def draw(n, rng, labels=None):
        told = {"condition": classes(n, rng) if labels is None else labels} if conditional else {}
        return floored(k * model.sample(n, rng=rng, **told), k)

    def rebuild(x):
        return k * model.decode_mean(model.encode((x + 0.5) / k)[0]) - 0.5

    def means(n, rng):
        z = normal(torch.zeros(n, n_latent), rng) if model.prior is None else model.prior.sample(n, rng=rng)
        return floored(k * model.decode_mean(z), k)

    return Family(
        draw=draw,
        kind="bound",
        log_prob=lambda x: (density_bound(log_density, x), 0.0),
        n_parameters=count(model),
        n_steps=n_steps,
        rebuild=None if conditional else rebuild,
        n_latent=n_latent,
        on_demand=(lambda labels, rng: draw(len(labels), rng, labels)) if conditional else None,
        other_ways={} if conditional else {"means": means},
    )


def conditional_vae(task: Task, seed: int, n_steps: int) -> Family:
    """`grey_vae` whose encoder and decoder are told the class."""
    return grey_vae(task, seed, n_steps, conditional=True)


def autoencoder(build: Callable) -> Callable:
    """The network of lecture 10 by its recipe `build`, and a mixture of 10 Gaussians fitted to its codes."""

    def family(task: Task, seed: int, n_steps: int) -> Family:
        torch.manual_seed(seed)
        model = trained(build(task.train, task.test), seed, n_steps)
        z = model.encode(task.shade(task.x))
        codes = fitted_mixture(z.numpy(), 10, seed, ridge=1e-3 * z.var().item())

        def decode(z):
            return (task.n_levels - 1) * model.decode(z.float())

        return Family(
            draw=lambda n, rng: rounded(decode(codes.sample(n, rng=rng)), task.n_levels),
            n_parameters=count(model) + codes.n_parameters,
            n_steps=n_steps,
            rebuild=lambda x: decode(model.encode(task.shade(x))),
            n_latent=z.shape[1],
        )

    return family
