"""One protocol for every family: the same images, the same budget, the same judge, the same columns.

    task          a data set as everybody gets it: images to learn from, new ones, their judge
    FAMILIES      task -> name -> (function that trains the family, steps)
    train         a name -> a trained `Family`
    measure       a trained family -> its row of the table

The networks and settings are those of the lectures' own recipes. What is set here is the number of steps,
once for each family, so that each takes about 10 CPU-seconds of one thread at most on 8 x 8 digits and 15 on
14 x 14 ones; estimators without steps take what they take. Seconds depend on the machine and on what else it
does; the steps are what repeats a row.

Likelihoods are of whole grey levels, nats per image (`bounds`). Notebook 19_families_compared.
"""

from collections.abc import Callable

import torch

from coursekit.autoencoder import recipe as autoencoder_recipe
from coursekit.comparison.classical import (
    gaussian_mixture,
    independent_pixels,
    mixture_of_bernoullis,
    nmf,
    noisy_copy,
    nothing_learned,
    one_gaussian,
    pca,
    training_set,
)
from coursekit.comparison.from_noise import (
    conditional_ddpm,
    conditional_flow,
    conditional_game,
    ddpm,
    flow,
    game,
    short_gan,
)
from coursekit.comparison.latent import (
    autoencoder,
    bernoulli_vae,
    conditional_vae,
    dbn,
    grey_vae,
    mixture_prior,
    rbm,
)
from coursekit.comparison.mixtures import bernoulli_mixture
from coursekit.comparison.pixelwise import made, masked, pixelcnn
from coursekit.comparison.protocol import N_DRAWN, TASKS, Family, Task, judge, load, measure, trained
from coursekit.conditional_gan import recipe as conditional_gan_recipe
from coursekit.data import ink
from coursekit.ddpm import recipe as ddpm_recipe
from coursekit.flow import recipe as flow_recipe
from coursekit.gan import recipe as gan_recipe
from coursekit.rbm import mean_logits
from coursekit.rbm import recipe as rbm_recipe
from coursekit.wgan import recipe as wgan_recipe

__all__ = ["N_DRAWN", "TASKS", "judge", "load", "measure", "resolution", "train"]

# Name -> (function, steps): the lecture's own number, or as many as fit into the budget where that is less.
CONTROLS = {
    "noise": (nothing_learned, 0),
    "independent pixels": (independent_pixels, 0),
    "training set": (training_set, 0),
    "noisy copy": (noisy_copy, 0),
}
CLASSICAL = {
    "one Gaussian": (one_gaussian, 0),
    "PCA": (pca, 0),
    "mixture of Gaussians": (gaussian_mixture, 0),
    "NMF": (nmf, 0),
}
BITS = {
    "mixture of Bernoullis": (mixture_of_bernoullis, 0),
    "RBM": (rbm, 10_000),
    "DBN": (dbn, 2_500),
    "VAE": (bernoulli_vae, 4_000),
    "VAE, mixture prior": (mixture_prior(bernoulli_vae), 3_000),
    "MADE": (made, 1_500),
    "PixelCNN": (pixelcnn, 600),
    "masked model": (masked, 1_000),
}
DIGITS = CLASSICAL | {
    "autoencoder": (autoencoder(autoencoder_recipe.digits), 4_000),
    "VAE": (grey_vae, 4_000),
    "VAE, mixture prior": (mixture_prior(grey_vae), 3_000),
    "MADE": (made, 800),
    "PixelCNN": (pixelcnn, 400),
    "masked model": (masked, 500),
    "flow": (flow(flow_recipe.digits), 800),
    "GAN": (game(gan_recipe.digits), 800),
    "WGAN": (game(wgan_recipe.digits), 300),
    "DDPM": (ddpm(ddpm_recipe.digits), 2_400),
    "conditional VAE": (conditional_vae, 3_000),
    "conditional GAN": (conditional_game(conditional_gan_recipe.digits), 1_000),
    "conditional DDPM": (conditional_ddpm, 2_400),
}
MINI_MNIST = CLASSICAL | {
    "autoencoder": (autoencoder(autoencoder_recipe.mini_mnist), 2_000),
    "VAE": (grey_vae, 2_000),
    "VAE, mixture prior": (mixture_prior(grey_vae), 2_000),
    "MADE": (made, 500),
    "masked model": (masked, 450),
    "flow": (flow(flow_recipe.mini_mnist), 500),
    "GAN": (game(gan_recipe.mini_mnist, seconds=10), 1_600),
    "DDPM": (ddpm(ddpm_recipe.mini_mnist), 1_200),
    "PixelCNN": (pixelcnn, 220),
    "WGAN": (game(wgan_recipe.mini_mnist), 300),
    "conditional VAE": (conditional_vae, 2_000),
    "conditional flow": (conditional_flow(flow_recipe.mini_mnist_by_class), 450),
    "conditional GAN": (conditional_game(conditional_gan_recipe.mini_mnist), 1_200),
    "conditional DDPM": (conditional_ddpm, 1_200),
}
# Beside the table: a GAN on 8 x 8 digits with settings that were chosen for short runs on 14 x 14 ones.
SETTINGS = {"GAN, short-run settings": (game(short_gan), 1_600)}
FAMILIES = {
    "bits": CONTROLS | BITS,
    "digits": CONTROLS | DIGITS | SETTINGS,
    "mini_mnist": CONTROLS | MINI_MNIST,
}
# Digits with three times the steps: those that were cut furthest below their lecture, then the rest.
CUT_SHORT = ("GAN", "WGAN", "DDPM")
LONGER = (*CUT_SHORT, "autoencoder", "VAE", "VAE, mixture prior", "MADE", "PixelCNN", "masked model", "flow")


def train(task: Task, name: str, *, seed: int, factor: float = 1.0) -> Family:
    """A family of FAMILIES[task.name], trained with this seed; factor: times the steps of the table.

    Raises:
        ValueError: unknown name.
    """
    known = FAMILIES[task.name]
    if name not in known:
        raise ValueError(f"unknown family {name!r} on {task.name}; choose one of {', '.join(known)}")
    return follow(known[name], task, seed, factor)


def follow(entry: tuple[Callable[..., Family], int], task: Task, seed: int, factor: float) -> Family:
    """The family of an entry (function, steps) of the tables above, trained for `factor` times the steps."""
    build, n_steps = entry
    torch.manual_seed(seed)
    return build(task, seed, max(5, round(factor * n_steps)) if n_steps else 0)


def resolution(task: Task, *, seed: int) -> dict[str, float]:
    """How far the new bits tell an RBM from a mixture of Bernoullis, nats: standard errors over the images.

    `error_alone`, of the mixture's mean log-likelihood; `ahead`, mean of the RBM's minus the mixture's, and
    its `error`. log Z of the RBM is estimated once: its error is in `ahead` and not in `error`.
    """
    torch.manual_seed(seed)
    machine = trained(rbm_recipe.digits(task.train, task.test), seed, BITS["RBM"][1])
    start = mean_logits(torch.from_numpy(ink(task.train)))
    nats, _ = rbm_recipe.log_likelihood(machine, task.new, start)
    mixture = bernoulli_mixture(task.x, 80, seed).log_prob(task.new)
    energies = machine.free_energy(task.new).double()  # -log P(x) but for log Z
    ahead = nats + energies.mean() - energies - mixture
    root = len(task.new) ** 0.5
    alone, error = (each.std().item() / root for each in (mixture, ahead))
    return {"ahead": ahead.mean().item(), "error": error, "error_alone": alone}
