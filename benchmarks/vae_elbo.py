"""Test bound of the VAE after so much CPU time, beside the plain 784-400-20 network of many a first example.

    python benchmarks/vae_elbo.py digits --seconds 15 --seeds 0 1 2
    python benchmarks/vae_elbo.py mnist --seconds 30 110 --seeds 0        (MNIST: see coursekit.data.mnist)

Both train on pixels drawn anew for every batch and are tested on one fixed draw; they take turns, and have
the same seconds of CPU time, one thread. Digits: independent pixels are the floor. MNIST: the last columns
are the importance-weighted bound with 200 samples, on the first 2000 images and, added to the elbo, on all.
"""

import argparse
import math
import time

import torch
import torch.nn.functional as F
from torch import nn

from coursekit import data
from coursekit.training import fit
from coursekit.vae import VAE, active_units, log_bernoulli

# One residual block each way: a second one costs more steps than it gains in so short a run.
RECIPES = {
    "digits": {"n_latent": 16, "hidden": (128,), "batch_size": 128, "learning_rate": 3e-3},
    "mnist": {"n_latent": 40, "hidden": (512,), "batch_size": 128, "learning_rate": 3e-3},
}


class PlainVAE(nn.Module):
    """The reference: one hidden layer of 400 ReLU units each way, 20 latents, as in many a first example."""

    def __init__(self, n_inputs):
        super().__init__()
        self.hidden, self.code = nn.Linear(n_inputs, 400), nn.Linear(400, 40)
        self.back, self.out = nn.Linear(20, 400), nn.Linear(400, n_inputs)

    def elbo(self, x, *, rng=None):
        mean, log_var = self.code(F.relu(self.hidden(x))).chunk(2, -1)
        z = mean + (0.5 * log_var).exp() * torch.randn(mean.shape, generator=rng)
        logits = self.out(F.relu(self.back(z)))
        cross_entropy = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
        return {"elbo": -cross_entropy - 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(-1)}

    def loss(self, x, *, rng=None):
        return -self.elbo(x, rng=rng)["elbo"].mean()


class FreshPixels(nn.Module):
    """Dynamic binarisation: the loss of a model on pixels drawn anew from their probabilities x."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def loss(self, x, *, rng=None):
        pixels = (torch.rand(x.shape, generator=rng) < x).float()
        return self.model.loss(pixels, rng=rng)


def load(name):
    """Pixel probabilities to train on, binary pixels to test on."""
    if name == "digits":
        images = data.digits()
        train, test = images.split()[0], data.binarised(images).split()[1]
    else:
        train, test = data.mnist("train"), data.binarised(data.mnist("test"))
    return torch.tensor(train.x / train.value_range[1]).float(), torch.tensor(test.x).float()


def build(name, n_inputs, train, seed):
    """Our model and the settings of `fit` for it."""
    recipe = dict(RECIPES[name])
    torch.manual_seed(seed)
    sizes = {key: recipe.pop(key) for key in ("n_latent", "hidden")}
    model = VAE(n_inputs, **sizes, activation="silu", residual=True)
    # The decoder starts from the mean picture.
    with torch.no_grad():
        model.decoder[-1].bias.copy_(torch.logit(train.mean(0).clamp(1e-3, 1 - 1e-3)))
    return model, recipe


@torch.no_grad()
def mean_elbo(model, x, n_draws=10):
    rng = torch.Generator().manual_seed(0)
    return sum(model.elbo(x, rng=rng)["elbo"].mean().item() for _ in range(n_draws)) / n_draws


def train_for(model, x, seconds, seed, **settings):
    wrapped = FreshPixels(model)
    history = fit(wrapped, x, n_steps=10**7, max_cpu_seconds=seconds, seed=seed, device="cpu", **settings)
    return len(history.loss)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=RECIPES)
    parser.add_argument("--seconds", type=float, nargs="+", required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    options = parser.parse_args()
    torch.set_num_threads(1)
    train, test = load(options.name)
    pixel = (train.sum(0) + 1) / (len(train) + 2)
    floor = log_bernoulli(test, torch.logit(pixel).expand_as(test)).mean()
    print(f"{options.name}: independent pixels {floor:.2f} nats")
    for seconds in options.seconds:
        for seed in options.seeds:
            torch.manual_seed(seed)
            plain = PlainVAE(train.shape[1])
            steps = train_for(plain, train, seconds, seed, batch_size=128, learning_rate=1e-3)
            print(
                f"{seconds:4.0f} s, seed {seed}: plain {mean_elbo(plain, test):8.2f} ({steps} steps)", end=""
            )
            model, settings = build(options.name, train.shape[1], train, seed)
            steps = train_for(model, train, seconds, seed, optimizer="adamw", schedule="cosine", **settings)
            elbo = mean_elbo(model, test)
            print(f"   ours {elbo:8.2f} ({steps} steps)", end="", flush=True)
            report_importance(model, test[:2000], elbo)


@torch.no_grad()
def report_importance(model, x, elbo):
    start = time.process_time()
    gain = model.log_likelihood(x, 200, rng=torch.Generator().manual_seed(0)) - model.elbo(x)["elbo"]
    error = gain.std().item() / math.sqrt(len(x))
    units = int(active_units(model.encode(x)[0]).sum())
    print(
        f"   importance-weighted (200) {elbo + gain.mean():8.2f} +- {error:.2f}, {units} active latents"
        f" ({time.process_time() - start:.0f} s)"
    )


if __name__ == "__main__":
    main()
