"""Variational autoencoders: test bound in nats beside the plain 784-400-20 network of many a first example.

On MNIST the prior is learned, a mixture of Gaussians; the same network with the prior N(0, I) stands beside
it to show what that is worth. On the digits it is N(0, I). All train on pixels drawn anew for every batch, 1
with probability pixel / maximum, and are tested on one fixed draw. The importance-weighted bound takes 200
samples of the latent, on the first 2000 test images.
"""

import numpy as np
import torch
from torch import nn

from benchmarks.harness import OURS, Skipped, cpu_seconds, mnist
from benchmarks.references import PlainVAE
from coursekit import data
from coursekit.pca import PCA
from coursekit.training import fit
from coursekit.vae import VAE, log_bernoulli

# One residual block each way: a second one costs more steps than it gains in so short a run.
DIGITS = (
    {"n_latent": 16, "hidden": (128,)},
    {"batch_size": 128, "learning_rate": 3e-3, "optimizer": "adamw", "schedule": "cosine"},
)
MNIST = {"n_latent": 40, "hidden": (320,), "prior_components": 500}
MNIST_TRAINING = {"batch_size": 192, "betas": (0.9, 0.99), "warm_up": 0.05}
MNIST_TRAINING |= {"optimizer": "adamw", "schedule": "cosine"}
# Budget in CPU seconds -> (sizes of the network, settings of `fit`).
RECIPES = {
    "digits": {15: DIGITS},
    "mnist": {
        30: (MNIST, MNIST_TRAINING | {"learning_rate": 8e-3}),
        110: (MNIST, MNIST_TRAINING | {"learning_rate": 6e-3}),
    },
}
# Budget -> (target, moonshot) of the bound, and the target of the importance-weighted one.
TARGETS = {"digits": {15: (-23.2, None, None)}, "mnist": {30: (-98.8, None, None), 110: (-91.8, -87, -87.5)}}
PLAIN_TRAINING = {"batch_size": 128, "learning_rate": 1e-3}
N_SAMPLES = 200


class Whitened(nn.Module):
    """The first principal components of the bits, brought to variance 1: what our encoder sees.

    128 numbers in place of 784 pixels cost fewer products, and no direction is louder than another.
    """

    def __init__(self, pixels, n_components=128, n_rows=10_000):
        super().__init__()
        part = pixels[:n_rows]
        pca = PCA(min(n_components, part.shape[1])).fit((torch.rand(part.shape) < part).float().numpy())
        scale = np.sqrt(pca.explained_variance_ + 0.01)  # a pixel that is always 0 has no variance
        self.register_buffer("mean", torch.tensor(pca.mean_))
        self.register_buffer("axes", torch.tensor(pca.components_.T / scale))

    def forward(self, x):
        return (x - self.mean) @ self.axes


class FreshPixels(nn.Module):
    """Dynamic binarisation: the loss of a model on pixels drawn anew from their probabilities x."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def loss(self, x, *, rng=None):
        pixels = (torch.rand(x.shape, generator=rng) < x).float()
        return self.model.loss(pixels, rng=rng)


def problem(name):
    """(pixel probabilities to train on, binary pixels to test on)."""
    if name == "digits":
        images = data.digits()
        train, test = images.split()[0], data.binarised(images).split()[1]
    else:
        train, test = mnist("train"), data.binarised(mnist("test"))
    return torch.tensor(train.x / train.value_range[1]).float(), torch.tensor(test.x).float()


def build(train, sizes, seed):
    """Our model; its encoder sees whitened components, its decoder starts from the mean picture."""
    torch.manual_seed(seed)
    model = VAE(train.shape[1], **sizes, activation="silu", residual=True)
    whitened = Whitened(train)
    first = nn.Linear(whitened.axes.shape[1], model.encoder[0].out_features)
    model.encoder[0] = nn.Sequential(whitened, first)
    with torch.no_grad():
        model.decoder[-1].bias.copy_(torch.logit(train.mean(0).clamp(1e-3, 1 - 1e-3)))
    return model


def build_plain(train, seed):
    torch.manual_seed(seed)
    return PlainVAE(train.shape[1])


@torch.no_grad()
def mean_elbo(model, x, n_draws=10):
    rng = torch.Generator().manual_seed(0)
    return sum(model.elbo(x, rng=rng)["elbo"].mean().item() for _ in range(n_draws)) / n_draws


@torch.no_grad()
def importance_weighted(model, x, elbo, n_images):
    """Bound with N_SAMPLES samples: its gain over the bound on the first images, added to elbo."""
    rng = torch.Generator().manual_seed(0)
    gain = [
        model.log_likelihood(part, N_SAMPLES, rng=rng) - model.elbo(part, rng=rng)["elbo"]
        for part in x[:n_images].split(500)
    ]
    return elbo + torch.cat(gain).mean().item()


def bound(bench, name):
    train, test = problem(name)
    pixel = (train.sum(0) + 1) / (len(train) + 2)
    floor = log_bernoulli(test, torch.logit(pixel).expand_as(test)).mean().item()
    bench.note(f"Independent pixels, the floor: {floor:.2f} nats.")
    for budget, (sizes, settings) in RECIPES[name].items():
        seconds = bench.budget(budget)
        target, moonshot, target_iw = TARGETS[name][budget]
        row = bench.row(f"bound after {seconds} CPU-s", "nats", "higher", target=target, moonshot=moonshot)
        weighted = bench.row(
            f"importance-weighted bound after {seconds} CPU-s", "nats", "higher", target=target_iw
        )
        for seed in bench.seeds:
            ours, building = cpu_seconds(build, train, sizes, seed)
            players = {
                OURS: (ours, seconds - building, settings),
                "plain 784-400-20": (build_plain(train, seed), seconds, PLAIN_TRAINING),
            }
            if "prior_components" in sizes:
                plain_prior = build(train, sizes | {"prior_components": 0}, seed)
                players["coursekit, prior N(0, I)"] = (plain_prior, seconds - building, settings)
            for who, (model, left, how) in players.items():
                limits = {"n_steps": 10**7, "max_cpu_seconds": left}
                fit(FreshPixels(model), train, seed=seed, device="cpu", **limits, **how)
                elbo = mean_elbo(model, test)
                row.add(who, seed, elbo)
                weighted.add(who, seed, importance_weighted(model, test, elbo, 50 if bench.quick else 2000))


def digits(bench):
    "8 x 8 digits, binarised."
    bound(bench, "digits")


def mnist_bound(bench):
    "MNIST, binarised anew for every batch."
    if bench.quick:
        raise Skipped("--quick takes digits and toys only")
    bound(bench, "mnist")


PARTS = {"digits": digits, "mnist": mnist_bound}
