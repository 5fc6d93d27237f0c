"""How to train a variational autoencoder on digits: a whitened encoder, fresh bits, on MNIST a learned prior.

One residual block each way: a second one costs more steps than it gains in so short a run. Pixels are drawn
anew for every batch. The longer the run, the lower the rate.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from coursekit.autoencoder import Autoencoder
from coursekit.data import Dataset, binarised, ink
from coursekit.training import N_SHOWN, Budgets, FreshPixels, Recipe, Settings, Stage, fit, for_budget
from coursekit.vae.model import VAE
from coursekit.vae.whitening import start_at_mean, whiten_encoder

SETTINGS: Settings = {"batch_size": 128, "optimizer": "adamw", "schedule": "cosine"}
LARGE = SETTINGS | {"batch_size": 192, "betas": (0.9, 0.99), "warm_up": 0.05}
# CPU seconds -> (steps, settings).
DIGITS: Budgets = {15: (4_000, SETTINGS | {"learning_rate": 3e-3})}
MINI_MNIST: Budgets = {30: (4_000, SETTINGS | {"learning_rate": 3e-3, "warm_up": 0.05})}
MNIST: Budgets = {
    30: (2_000, LARGE | {"learning_rate": 8e-3}),
    110: (7_000, LARGE | {"learning_rate": 6e-3}),
}


def digits(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """8 x 8 digits: 16 latents, 128 units, the prior N(0, I)."""
    return recipe(train, test, DIGITS, seconds, n_latent=16, hidden=128)


def mini_mnist(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """14 x 14 digits: 24 latents, 256 units, the prior N(0, I)."""
    return recipe(train, test, MINI_MNIST, seconds, n_latent=24, hidden=256)


def mnist(
    train: Dataset, test: Dataset, *, seconds: float | None = None, prior_components: int = 500
) -> Recipe:
    """MNIST: 40 latents, 320 units; the prior a mixture of 500 Gaussians, or N(0, I) with 0 components."""
    sizes: Settings = {"n_latent": 40, "hidden": 320, "prior_components": prior_components}
    return recipe(train, test, MNIST, seconds, **sizes)


def mini_mnist_by_class(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """14 x 14 digits whose class encoder and decoder are told: 16 latents, 256 units."""
    budget, (n_steps, settings) = for_budget(MINI_MNIST, seconds)
    x, labels = torch.from_numpy(ink(train)), torch.tensor(train.labels)
    vae = VAE(x.shape[1], 16, hidden=256, activation="silu", n_classes=10)
    start_at_mean(vae, x)

    @torch.no_grad()
    def draw_class(vae, labels, rng):
        return vae.decode_mean(torch.randn(len(labels), vae.n_latent, generator=rng), labels)

    @torch.no_grad()
    def measure(vae):
        terms = vae.elbo(bits_of(test), torch.tensor(test.labels), rng=torch.Generator().manual_seed(0))
        return {"bound on log p(x | class) of the test set, nats": terms["elbo"].mean().item()}

    stage = Stage(FreshPixels(vae), (x, labels), fit, n_steps, settings, "minus the bound in nats")
    return Recipe(
        model=vae,
        stages=(stage,),
        seconds=budget,
        draw=lambda vae, rng: draw_class(vae, torch.arange(N_SHOWN) % 10, rng),
        shows="pixel probabilities, the digits 0 to 9 in turn",
        draw_class=draw_class,
        measure=measure,
    )


RECIPES = {"digits": digits, "mini_mnist": mini_mnist, "mnist": mnist}
BY_CLASS = {"mini_mnist": mini_mnist_by_class}


def recipe(train: Dataset, test: Dataset, budgets: Budgets, seconds: float | None, **sizes: Any) -> Recipe:
    """The recipe of images; budgets: table of steps and settings, of which that for `seconds` is taken."""
    budget, (n_steps, settings) = for_budget(budgets, seconds)
    x = torch.from_numpy(ink(train))
    vae = VAE(x.shape[1], activation="silu", residual=True, **sizes)
    whiten_encoder(vae, x)
    start_at_mean(vae, x)

    def measure(vae):
        bits = bits_of(test)
        elbo = mean_elbo(vae, bits)
        return {
            "bound on the test set, nats": elbo,
            "importance-weighted bound, nats": importance_weighted(vae, bits[:2000], elbo),
        }

    return Recipe(
        model=vae,
        stages=(Stage(FreshPixels(vae), x, fit, n_steps, settings, "minus the bound in nats"),),
        seconds=budget,
        draw=draw,
        shows="pixel probabilities decoded from the prior",
        measure=measure,
    )


def bits_of(images: Dataset) -> Tensor:
    """The bits on which likelihoods are measured, always the same draw: float32 (n, pixels)."""
    return torch.tensor(binarised(images).x, dtype=torch.float32)


@torch.no_grad()
def mean_elbo(model: VAE, bits: Tensor, *, n_draws: int = 10) -> float:
    """The bound in nats, averaged over bits (n, pixels) and over n_draws draws of z for each."""
    rng = torch.Generator().manual_seed(0)
    return sum(model.elbo(bits, rng=rng)["elbo"].mean().item() for _ in range(n_draws)) / n_draws


@torch.no_grad()
def importance_weighted(model: VAE, bits: Tensor, elbo: float, *, n_samples: int = 200) -> float:
    """The bound with n_samples samples: what it gains on these bits (n, pixels), added to `elbo` of all."""
    rng = torch.Generator().manual_seed(0)
    gain = [
        model.log_likelihood(part, n_samples, rng=rng) - model.elbo(part, rng=rng)["elbo"]
        for part in bits.split(500)
    ]
    return elbo + torch.cat(gain).mean().item()


def draw(vae: VAE, rng: torch.Generator) -> Tensor:
    """Pixel probabilities (N_SHOWN, pixels) of latents from the prior."""
    if vae.prior is not None:
        return vae.decode_mean(vae.prior.sample(N_SHOWN, rng=rng))
    return vae.decode_mean(torch.randn(N_SHOWN, vae.n_latent, generator=rng))


NOTEBOOK: Settings = {"batch_size": 128, "learning_rate": 4e-3, "schedule": "cosine"}


def bits_model(
    bits: Tensor,
    *,
    seed: int,
    n_latent: int = 8,
    beta: float = 1.0,
    residual: bool = False,
    n_steps: int = 800,
) -> VAE:
    """The model of notebook 11: one hidden layer of 128 each way.

    Args:
        bits: (n, pixels), to learn from.
        seed: of the network, of the batches and of the draws.
        n_latent: latents.
        beta: weight of the KL term in the loss.
        residual: blocks that add to what they get, see `VAE`.
        n_steps: of training.
    """
    torch.manual_seed(seed)
    vae = VAE(bits.shape[1], n_latent, hidden=128, activation="silu", residual=residual, beta=beta)
    fit(vae, bits, n_steps=n_steps, seed=seed, device="cpu", **NOTEBOOK)
    return vae.requires_grad_(False)


BLURRED = (
    "Gaussian VAE, 4 latents",
    "Gaussian VAE, 32 latents",
    "Bernoulli VAE, 4 latents",
    "autoencoder, 4 numbers",
)


def rebuilder(kind: str, grey: Tensor, *, seed: int, n_steps: int = 800) -> Callable[[Tensor], Tensor]:
    """A function that rebuilds images (n, pixels) from a short code, learned from grey images in [0, 1].

    kind: one of `BLURRED`. All have the same layers, batches, rates and steps; the Bernoulli VAE sees bits
    drawn anew for every batch.
    """
    torch.manual_seed(seed)
    how: Settings = {"n_steps": n_steps, "seed": seed, "device": "cpu"} | NOTEBOOK
    if kind == "autoencoder, 4 numbers":
        model = Autoencoder(grey.shape[1], 4, hidden=(128,), activation="silu")
        fit(model, grey, **how)
        return lambda x: model.decode(model.encode(x)).detach()
    n_latent = 32 if "32" in kind else 4
    sizes: Settings = {"hidden": 128, "activation": "silu"}
    if "Bernoulli" in kind:
        vae = VAE(grey.shape[1], n_latent, **sizes)
        fit(FreshPixels(vae), grey, **how)
    else:
        vae = VAE(grey.shape[1], n_latent, likelihood="gaussian", observation_variance=0.03, **sizes)
        fit(vae, grey, **how)
    return lambda x: vae.decode_mean(vae.encode(x)[0]).detach()
