"""A sensible recipe for each model on handwritten digits: units, network, loop, settings, pictures.

A model knows nothing of data, a loop nothing of models; here they are put together, as in the notebooks and
the benchmarks, for `coursekit train` and for reading. A recipe is a function (train, test) -> Recipe of two
data sets of 8 x 8 or 28 x 28 images, a part to learn from and a part that is never learned from.

The settings are for CPU minutes, not for records: the 8 x 8 digits take less than one, MNIST two to seven.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from coursekit import data
from coursekit.autoencoder import Autoencoder, start_at_mean
from coursekit.ddpm import DDPM, cosine_schedule
from coursekit.flow import AffineCoupling, Flow, InvertibleLinear, Logit, Permute, Whiten
from coursekit.gan import GAN, batch_discriminator
from coursekit.networks import TimeMLP, UNet, mlp
from coursekit.pca import PCA
from coursekit.rbm import RBM
from coursekit.training import fit, fit_adversarial, fit_contrastive
from coursekit.vae import VAE
from coursekit.wgan import WGAN

N_IMAGES = 60


@dataclass(frozen=True)
class Recipe:
    """A new model and all that is needed to train it and to look at it.

    x: tensor (n, ...), training data in the model's units. loop: fit, fit_contrastive or fit_adversarial.
    settings: its keywords, n_steps among them. loss: what the history's `loss` is, in words.
    draw: function (model, rng) -> N_IMAGES images (n, pixels), 0 paper and 1 ink. shows: what they are.
    """

    model: nn.Module
    x: torch.Tensor
    loop: Callable
    settings: dict
    loss: str
    draw: Callable
    shows: str


def load(name):
    """(train, test), two data sets: the parts of "digits" or of "mnist". Errors as in `data.mnist`."""
    if name not in DATA:
        raise ValueError(f"unknown data {name!r}; choose one of {', '.join(DATA)}")
    return data.digits().split() if name == "digits" else (data.mnist("train"), data.mnist("test"))


def rbm(train, test):
    """Persistent contrastive divergence, one chain for each row of a batch; pictures from long chains."""
    x = ink(train, binary=True)
    mean = x.mean(0).clamp(0.5 / len(x), 1 - 0.5 / len(x))
    model = RBM(x.shape[1], _choose(train, 64, 500))
    with torch.no_grad():
        model.visible_bias.copy_(mean.logit())
    settings = {"persistent": True, "batch_size": 128, "learning_rate": 0.4, "momentum": 0.0}
    settings |= {"average": 0.999, "n_steps": 10_000}
    return Recipe(
        model,
        x,
        fit_contrastive,
        settings,
        "none: persistent chains reconstruct nothing",
        lambda model, rng: model.visible_mean(
            model.sample_hidden(model.sample(N_IMAGES, n_steps=2000, rng=rng), rng=rng)
        ),
        "pixel probabilities after 2000 Gibbs steps from noise",
    )


def autoencoder(train, test):
    """Deep, with LayerNorm, cross-entropy, started at the mean image; pictures of digits it has not seen."""
    x = ink(train)
    hidden = _choose(train, (128, 64), (512, 256))
    model = Autoencoder(
        x.shape[1], _choose(train, 8, 30), hidden=hidden, activation="silu", norm=True, likelihood="bernoulli"
    )
    start_at_mean(model, x)
    originals = ink(test)[: N_IMAGES // 2]

    def draw(model, rng):
        rows = zip(originals.split(10), model.reconstruct(originals).split(10), strict=True)
        return torch.cat([part for pair in rows for part in pair])

    settings = {"batch_size": 128, "learning_rate": 2e-3, "optimizer": "adamw", "schedule": "cosine"}
    settings["n_steps"] = _choose(train, 3000, 6000)
    return Recipe(
        model, x, fit, settings, "cross-entropy in nats", draw, "test digits, below each its reconstruction"
    )


def vae(train, test):
    """A residual block each way, the decoder started at the mean image; pictures from the prior."""
    x = ink(train, binary=True)
    model = VAE(
        x.shape[1],
        _choose(train, 16, 40),
        hidden=_choose(train, (128,), (512,)),
        activation="silu",
        residual=True,
    )
    with torch.no_grad():
        model.decoder[-1].bias.copy_(x.mean(0).clamp(1e-3, 1 - 1e-3).logit())

    def draw(model, rng):
        return model.decode_mean(torch.randn(N_IMAGES, model.n_latent, generator=rng))

    settings = {"batch_size": 128, "learning_rate": 3e-3, "optimizer": "adamw", "schedule": "cosine"}
    settings["n_steps"] = _choose(train, 4000, 6000)
    shows = "pixel probabilities decoded from the prior"
    return Recipe(model, x, fit, settings, "minus the elbo in nats", draw, shows)


def gan(train, test):
    """Instance noise that fades over the run; a faster discriminator that sees the spread of a batch."""
    x, n_latent, width = signed(train), _choose(train, 16, 32), 256
    discriminator = batch_discriminator(x.shape[1], width)
    model = GAN(_generator(n_latent, width, x.shape[1]), discriminator, n_latent=n_latent)
    settings = {"instance_noise": 0.5, "instance_noise_until": 1.0, "average": 0.995, "schedule": "linear"}
    settings |= {"learning_rate": 1e-3, "opponent_learning_rate": 2e-3}
    settings["n_steps"] = _choose(train, 4000, 6000)
    return Recipe(
        model,
        x,
        fit_adversarial,
        settings,
        "the generator's, in nats",
        _from_signed,
        "samples of the generator",
    )


def wgan(train, test):
    """The critic is held by the gradient penalty and takes three steps for one of the generator."""
    x, n_latent, width = signed(train), _choose(train, 16, 64), _choose(train, 256, 512)
    critic = mlp((x.shape[1], width, width, 1), activation="leaky_relu")
    model = WGAN(_generator(n_latent, width, x.shape[1]), critic, n_latent=n_latent)
    settings = {"n_opponent_steps": 3, "betas": (0.0, 0.9), "average": 0.99, "schedule": "linear"}
    settings |= {"learning_rate": 1e-3, "n_steps": 1500}
    return Recipe(
        model,
        x,
        fit_adversarial,
        settings,
        "minus the critic's mean",
        _from_signed,
        "samples of the generator",
    )


def flow(train, test):
    """Logit and whitening, then learned rotations and shallow couplings with dropout; exact likelihood."""
    x = torch.tensor(train.x, dtype=torch.float32)
    n, n_levels = x.shape[1], int(train.value_range[1]) + 1
    layers = [Logit(n_levels, margin=0.003), Whiten(n)]
    for _ in range(4):
        # A product of triangular matrices of size 784 leaves the data behind in a few steps: shuffle instead.
        mix = _choose(train, InvertibleLinear, _shuffle)(n)
        layers += [mix, AffineCoupling(n, hidden=(_choose(train, 256, 512),), dropout=0.3)]
    model = Flow(layers, shape=n, discrete=True)
    # Whiten counts pixels; where few digits are at hand each is seen under several dequantisation noises.
    several = x.repeat(10, 1) if len(x) < 10_000 else x
    model.initialize(several, rng=torch.Generator().manual_seed(0))
    settings = {"learning_rate": _choose(train, 4e-3, 1e-3), "schedule": "cosine"}
    settings["n_steps"] = _choose(train, 500, 1000)

    def draw(model, rng):
        return (model.sample(N_IMAGES, rng=rng).floor() / (n_levels - 1)).clamp(0, 1)

    return Recipe(model, x, fit, settings, "minus the log-likelihood in nats", draw, "samples")


def ddpm(train, test):
    """Diffusion towards v: a U-Net on 8 x 8 pixels; on MNIST a perceptron on the first 64 components."""
    settings = {"learning_rate": 3e-3, "schedule": "cosine", "average": 0.995}
    x = signed(train)
    if train.image_shape == (8, 8):
        model = DDPM(UNet(width=24), cosine_schedule(1000), shape=(1, 8, 8), target="v")
        settings |= {"batch_size": 32, "n_steps": 2000}
        return Recipe(
            model,
            x.reshape(-1, 1, 8, 8),
            fit,
            settings,
            "squared error",
            lambda model, rng: _paper(model.sample_ddim(N_IMAGES, 50, rng=rng).flatten(1)),
            "samples in 50 strides (DDIM)",
        )
    pca = PCA(64).fit(x.numpy())
    scale = np.sqrt(pca.explained_variance_)
    codes = torch.tensor(pca.transform(x.numpy()) / scale, dtype=torch.float32)

    def draw(model, rng):
        codes = model.sample_ddim(N_IMAGES, 50, rng=rng).numpy()
        return _paper(torch.tensor(pca.inverse_transform(codes * scale)))

    model = DDPM(TimeMLP(64, width=256), cosine_schedule(1000), shape=(64,), target="v")
    settings |= {"batch_size": 256, "n_steps": 5000}
    shows = "samples in 50 strides (DDIM), decoded from 64 principal components"
    return Recipe(model, codes, fit, settings, "squared error", draw, shows)


RECIPES = {"rbm": rbm, "autoencoder": autoencoder, "vae": vae, "gan": gan, "wgan": wgan, "flow": flow}
RECIPES["ddpm"] = ddpm
DATA = ("digits", "mnist")


def ink(images, *, binary=False):
    """Pixels in [0, 1], float32 (n, pixels); binary: drawn with these probabilities, few digits ten times."""
    if not binary:
        return torch.tensor(images.x / images.value_range[1], dtype=torch.float32)
    draws = 10 if len(images.x) < 10_000 else 1
    return torch.tensor(
        np.concatenate([data.binarised(images, seed).x for seed in range(draws)]), dtype=torch.float32
    )


def signed(images):
    """Pixels in [-1, 1], float32 (n, pixels)."""
    return 2 * ink(images) - 1


def _paper(x):
    return ((x + 1) / 2).clamp(0, 1)


def _from_signed(model, rng):
    return _paper(model.sample(N_IMAGES, rng=rng))


def _shuffle(n):
    return Permute(torch.randperm(n))


def _generator(n_latent, width, n_pixels):
    return nn.Sequential(mlp((n_latent, width, width, n_pixels)), nn.Tanh())


def _choose(images, for_digits, for_mnist):
    return for_digits if images.image_shape == (8, 8) else for_mnist
