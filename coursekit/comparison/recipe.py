"""One protocol for every family: the same images, the same budget, the same judge, the same columns.

    task          a data set as everybody gets it: images to learn from, new ones, their judge
    FAMILIES      name -> function (task, seed, n_steps) -> `Family`, for each task
    measure       a trained family -> its row of the table

The networks and settings are those of the lectures' own recipes. What is set here is the number of steps,
once for each family, so that each takes at most about 10 CPU-seconds of one thread on 8 x 8 digits and 15 on
14 x 14 ones (`STEPS`); estimators without steps take what they take. A sample is rounded to whole grey levels
before anybody looks at it, because the data are.

Likelihoods are of grey levels, nats per image. Where a model has a density, the levels get uniform noise u
of the width of a level, and log E_u p(x + u) = log P(x) is bounded from below with a few draws of u.
Notebook 19_families_compared.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.mixture import GaussianMixture
from torch import Tensor, nn

from coursekit.autoencoder import recipe as autoencoder_recipe
from coursekit.autoregressive import MADE, MaskGIT, PixelCNN
from coursekit.autoregressive import recipe as autoregressive_recipe
from coursekit.conditional_gan import recipe as conditional_gan_recipe
from coursekit.data import Dataset, binarised, ink, signed, train_and_test
from coursekit.dbn import DBN
from coursekit.dbn import recipe as dbn_recipe
from coursekit.ddpm import DDPM, cosine_schedule
from coursekit.ddpm import recipe as ddpm_recipe
from coursekit.draws import normal
from coursekit.evaluation import (
    DigitClassifier,
    digit_judge,
    frechet_distance,
    nearest_share,
    precision_recall,
)
from coursekit.factorization import NMF
from coursekit.flow import dequantize
from coursekit.flow import recipe as flow_recipe
from coursekit.gan import recipe as gan_recipe
from coursekit.gan_training import find_code
from coursekit.networks import TimeMLP
from coursekit.pca import PCA
from coursekit.rbm import mean_logits
from coursekit.rbm import recipe as rbm_recipe
from coursekit.training import FreshPixels, fit
from coursekit.vae import VAE, whiten_encoder
from coursekit.vae import recipe as vae_recipe
from coursekit.wgan import recipe as wgan_recipe

TASKS = ("bits", "digits", "mini_mnist")
JUDGE_SEED = 100  # of `evaluation.digit_judge`: one judge for each task, the same for everybody
N_DRAWN = 1000
N_NOISES = 20  # draws of the dequantisation noise for each test image, for every density alike
N_REBUILT = 100  # test images that are brought back from their own latents


# A task


@dataclass(frozen=True)
class Task:
    """A data set as every family gets it. `load(name)` makes one.

    Args:
        name: of TASKS.
        train, test: the grey images, with labels.
        n_levels: 2 on the bits, 17 on the others.
        x: float32 (n, d), whole levels to learn from; on the bits one draw of each image, several times.
        new: float32 (m, d), whole levels that nobody learns from.
        judge: a classifier of images in [0, 1].
    """

    name: str
    train: Dataset
    test: Dataset
    n_levels: int
    x: Tensor
    new: Tensor
    judge: DigitClassifier

    @property
    def labels(self) -> Tensor:
        """Classes of `x`, int64 (n,)."""
        return torch.tensor(self.train.labels).repeat(len(self.x) // len(self.train.x))

    @property
    def new_labels(self) -> Tensor:
        """Classes of `new`, int64 (m,)."""
        return torch.tensor(self.test.labels)

    def shade(self, levels) -> Tensor:
        """Levels as shares of ink in [0, 1], the judge's units; float32."""
        return torch.as_tensor(levels, dtype=torch.float32) / (self.n_levels - 1)


def load(name: str) -> Task:
    """The task of this name.

    bits        8 x 8 digits, each pixel drawn to 0 or 1 with the ink as probability
    digits      8 x 8 digits in 17 grey levels, 1437 to learn from and 360 new ones
    mini_mnist  14 x 14 digits in 17 grey levels, 5000 and 1000
    """
    if name not in TASKS:
        raise ValueError(f"unknown task {name!r}; choose one of {', '.join(TASKS)}")
    train, test = train_and_test("digits" if name == "bits" else name)
    if name == "bits":
        x, labels = dbn_recipe.bits_and_labels(train, 5)
        new, n_levels = torch.tensor(binarised(test).x, dtype=torch.float32), 2
    else:
        x, labels = torch.tensor(train.x, dtype=torch.float32), torch.tensor(train.labels)
        new, n_levels = torch.tensor(test.x, dtype=torch.float32), 17
    return Task(name, train, test, n_levels, x, new, digit_judge(x / (n_levels - 1), labels))


# A family


@dataclass
class Family:
    """A trained family, as the protocol sees it.

    Args:
        draw: function (n, rng) -> whole levels (n, d).
        kind: what `log_prob` gives: "exact", "bound" (from below), "estimate" (log Z by annealed importance
            sampling) or "none".
        log_prob: function (levels (n, d)) -> (mean nats per image, standard error of an estimated log Z).
        n_parameters: all numbers that are learned, those of an opponent too.
        n_steps: of training.
        rebuild: function (levels (n, d)) -> levels (n, d), not rounded: image -> its latent -> image.
        on_demand: function (labels (n,), rng) -> whole levels (n, d).
        other_ways: name -> another `draw` from the same weights, whose samples have another distribution.
    """

    draw: Callable
    kind: str = "none"
    log_prob: Callable | None = None
    n_parameters: int = 0
    n_steps: int = 0
    rebuild: Callable | None = None
    on_demand: Callable | None = None
    other_ways: dict[str, Callable] = field(default_factory=dict)


def rounded(x: Tensor, n_levels: int) -> Tensor:
    """The nearest whole level: (n, d) -> (n, d)."""
    return x.round().clamp(0, n_levels - 1)


def floored(x: Tensor, n_levels: int) -> Tensor:
    """The level whose unit interval holds x, as dequantised levels need it: (n, d) -> (n, d)."""
    return x.floor().clamp(0, n_levels - 1)


@torch.no_grad()
def density_bound(log_density: Callable, levels: Tensor, *, n_noises: int = N_NOISES) -> float:
    """Mean over images of log 1/k sum_k p(x + u_k), nats: a lower bound of log P(x), in expectation.

    log_density: function (x + u (n, d)) -> (n,), nats per unit of volume, in levels. Theis et al. 2016, eq.
    1-3; Burda et al. 2016 for the mean.
    """
    rng = torch.Generator().manual_seed(0)
    noisy = torch.stack([log_density(dequantize(levels, rng=rng)) for _ in range(n_noises)])
    return (noisy.logsumexp(0) - math.log(n_noises)).double().mean().item()


def count(*modules: nn.Module) -> int:
    """Numbers that are learned."""
    return sum(p.numel() for module in modules for p in module.parameters())


# Controls and mixtures


class Copies:
    """Training images, each pixel sent through a channel: P(x) = mean_i prod_j table[image_ij, x_j].

    A mixture with a component for each training image, so its log-likelihood is exact. images (n, d), whole
    levels; table (n_levels, n_levels), rows that sum to 1.
    """

    def __init__(self, images: Tensor, table: Tensor):
        self.images, self.table = images.long(), table.double()

    def log_prob(self, x: Tensor) -> Tensor:
        """log P(x) in nats, (n,); x (n, d), whole levels."""
        n_levels = len(self.table)
        # sum_j log table[image_ij, x_j] as one product: one-hot images against looked-up rows.
        seen = F.one_hot(self.images, n_levels).flatten(1).double()
        parts = []
        for part in x.long().split(200):
            wanted = self.table.log().T[part]  # (n, d, n_levels)
            parts.append(torch.logsumexp(wanted.flatten(1) @ seen.T, 1) - math.log(len(seen)))
        return torch.cat(parts)

    def sample(self, n: int, *, rng: torch.Generator) -> Tensor:
        """n noisy copies, (n, d), float."""
        rows = torch.randint(len(self.images), (n,), generator=rng)
        cells = self.table[self.images[rows].flatten()]
        return torch.multinomial(cells, 1, generator=rng).reshape(n, -1).float()


def noisy_channel(n_levels: int, spread: float) -> Tensor:
    """Rows of a channel: weights exp(-distance^2 / 2 spread^2) between levels, each row summing to 1."""
    level = torch.arange(n_levels, dtype=torch.float64)
    return torch.softmax(-((level[:, None] - level) ** 2) / (2 * spread**2), dim=1)


class Mixture:
    """A mixture of Gaussians with full covariances, in float64: weights (k,), means (k, d), (k, d, d)."""

    def __init__(self, weights, means, covariances):
        self.weights, self.means, covariances = (
            torch.as_tensor(np.asarray(each), dtype=torch.float64) for each in (weights, means, covariances)
        )
        self.factors = torch.linalg.cholesky(covariances)

    @property
    def n_parameters(self) -> int:
        """Weights, means and the entries of symmetric matrices."""
        k, d = self.means.shape
        return k - 1 + k * d + k * d * (d + 1) // 2

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) in nats, (n,); x (n, d)."""
        d = x.shape[1]
        parts = []
        for weight, mean, factor in zip(self.weights, self.means, self.factors, strict=True):
            scaled = torch.linalg.solve_triangular(factor, (x.double() - mean).T, upper=False)
            log_volume = factor.diagonal().log().sum() + d / 2 * math.log(2 * math.pi)
            parts.append(weight.log() - log_volume - (scaled**2).sum(0) / 2)
        return torch.logsumexp(torch.stack(parts), 0)

    def sample(self, n: int, *, rng: torch.Generator) -> Tensor:
        """n points, (n, d)."""
        chosen = torch.multinomial(self.weights, n, replacement=True, generator=rng)
        noise = normal(self.means, rng, shape=(n, self.means.shape[1], 1))
        return self.means[chosen] + (self.factors[chosen] @ noise)[:, :, 0]


def fitted_mixture(x, n_components: int, seed: int, *, ridge: float) -> Mixture:
    """scikit-learn's expectation-maximisation on x (n, d); ridge: added to each variance."""
    gmm = GaussianMixture(n_components, reg_covar=ridge, random_state=seed, max_iter=50, tol=1e-2)
    gmm.fit(np.asarray(x, dtype=np.float64))
    return Mixture(gmm.weights_, gmm.means_, gmm.covariances_)


class BernoulliMixture:
    """A mixture of k independent coins per pixel: weights (k,), probabilities (k, d), float64."""

    def __init__(self, weights: Tensor, probabilities: Tensor):
        self.weights, self.probabilities = weights, probabilities

    def log_joint(self, x: Tensor) -> Tensor:
        """log of weight_k p_k(x), (n, k); x (n, d) bits."""
        p = self.probabilities
        return self.weights.log() + x.double() @ p.logit().T + (-p).log1p().sum(1)

    def log_prob(self, x: Tensor) -> Tensor:
        """log P(x) in nats, (n,)."""
        return torch.logsumexp(self.log_joint(x), 1)

    def sample(self, n: int, *, rng: torch.Generator) -> Tensor:
        """n images of bits, (n, d), float."""
        chosen = torch.multinomial(self.weights, n, replacement=True, generator=rng)
        return torch.bernoulli(self.probabilities[chosen], generator=rng).float()


def bernoulli_mixture(x: Tensor, n_components: int, seed: int, *, n_rounds=40, prior=0.5) -> BernoulliMixture:
    """Expectation-maximisation on bits x (n, d); prior: imagined ones, and zeros, in each coin."""
    rng = torch.Generator().manual_seed(seed)
    x = x.double()
    share = torch.rand(len(x), n_components, generator=rng, dtype=torch.float64) ** 4  # no two start alike
    share = share / share.sum(1, keepdim=True)
    for _ in range(n_rounds):
        total = share.sum(0)
        probabilities = (share.T @ x + prior) / (total[:, None] + 2 * prior)
        model = BernoulliMixture((total + 1e-3) / (total + 1e-3).sum(), probabilities)
        share = model.log_joint(x).softmax(1)
    return model


def nothing_learned(task: Task, seed: int, n_steps: int) -> Family:
    """Each pixel uniform over its levels."""
    d, k = task.x.shape[1], task.n_levels
    return Family(
        draw=lambda n, rng: torch.randint(k, (n, d), generator=rng).float(),
        kind="exact",
        log_prob=lambda x: (-d * math.log(k), 0.0),
    )


def independent_pixels(task: Task, seed: int, n_steps: int) -> Family:
    """Each pixel by its own histogram, half a case added to each level."""
    d, k = task.x.shape[1], task.n_levels
    counts = F.one_hot(task.x.long(), k).sum(0) + 0.5
    log_share = (counts / counts.sum(1, keepdim=True)).double().log()
    return Family(
        draw=lambda n, rng: torch.multinomial(log_share.exp(), n, replacement=True, generator=rng).T.float(),
        kind="exact",
        log_prob=lambda x: (log_share[torch.arange(d), x.long()].sum(1).mean().item(), 0.0),
        n_parameters=d * (k - 1),
    )


def training_set(task: Task, seed: int, n_steps: int) -> Family:
    """Training images, replayed."""
    return Family(
        draw=lambda n, rng: task.x[torch.randint(len(task.x), (n,), generator=rng)],
        n_parameters=task.x.numel(),
    )


def noisy_copy(task: Task, seed: int, n_steps: int) -> Family:
    """Training images with a little noise: 2 % of the bits turned over, or a spread of half a level."""
    if task.n_levels == 2:
        model = Copies(task.x, torch.tensor([[0.98, 0.02], [0.02, 0.98]]))
    else:
        model = Copies(task.x, noisy_channel(task.n_levels, 0.5))
    return Family(
        draw=lambda n, rng: model.sample(n, rng=rng),
        kind="exact",
        log_prob=lambda x: (model.log_prob(x).mean().item(), 0.0),
        n_parameters=task.x.numel(),
    )


def coin_mixture(task: Task, seed: int, n_steps: int) -> Family:
    """A mixture of 80 products of coins."""
    model = bernoulli_mixture(task.x, 80, seed)
    return Family(
        draw=lambda n, rng: model.sample(n, rng=rng),
        kind="exact",
        log_prob=lambda x: (model.log_prob(x).mean().item(), 0.0),
        n_parameters=80 * (task.x.shape[1] + 1) - 1,
    )


def of_density(task: Task, model: Mixture, **more) -> Family:
    """The family of a density of dequantised levels."""
    settings = {"n_parameters": model.n_parameters} | more
    return Family(
        draw=lambda n, rng: floored(model.sample(n, rng=rng), task.n_levels).float(),
        kind="bound",
        log_prob=lambda x: (density_bound(model.log_prob, x), 0.0),
        **settings,
    )


def moments(x: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Mean (d,) and covariance (d, d) of x + u: the noise moves the mean by 1/2 and adds a variance 1/12."""
    x = x.double().numpy()
    return x.mean(0) + 0.5, np.cov(x.T, bias=True) + np.eye(x.shape[1]) / 12


def one_gaussian(task: Task, seed: int, n_steps: int) -> Family:
    """Mean and covariance."""
    mean, covariance = moments(task.x)
    return of_density(task, Mixture([1.0], mean[None], covariance[None]))


def pca(task: Task, seed: int, n_steps: int) -> Family:
    """Probabilistic PCA (Tipping & Bishop 1999): components, and one variance for all that is left."""
    k, (mean, covariance) = 20 if task.x.shape[1] == 64 else 50, moments(task.x)
    fitted = PCA(k).fit(task.x.double().numpy())
    kept = fitted.explained_variance_ + 1 / 12
    rest = (covariance.trace() - kept.sum()) / (len(mean) - k)
    axes = fitted.components_
    low_rank = axes.T @ np.diag(kept - rest) @ axes + rest * np.eye(len(mean))

    def rebuild(x):
        return torch.tensor(fitted.inverse_transform(fitted.transform(x.double().numpy())))

    n = len(mean) * (k + 1) + 1
    return of_density(task, Mixture([1.0], mean[None], low_rank[None]), n_parameters=n, rebuild=rebuild)


def gaussian_mixture(task: Task, seed: int, n_steps: int) -> Family:
    """10 Gaussians with full covariances, on levels with fresh noise for each of three copies."""
    rng = torch.Generator().manual_seed(seed)
    x = dequantize(task.x.repeat(3 if len(task.x) < 3000 else 1, 1), rng=rng)
    return of_density(task, fitted_mixture(x, 10, seed, ridge=RIDGE))


def nmf(task: Task, seed: int, n_steps: int) -> Family:
    """24 non-negative parts that add up, and a mixture of 10 Gaussians over their amounts."""
    x = task.x.double().numpy()
    model = NMF(24, solver="hals", random_state=seed)
    amounts = model.fit_transform(x)
    codes = fitted_mixture(amounts, 10, seed, ridge=1e-3 * amounts.var())

    def draw(n, rng):
        drawn = codes.sample(n, rng=rng).clamp(min=0).numpy()
        return rounded(torch.tensor(model.inverse_transform(drawn)), task.n_levels).float()

    def rebuild(x):
        return torch.tensor(model.inverse_transform(model.transform(x.double().numpy())))

    n = model.components_.size + codes.n_parameters
    return Family(draw=draw, n_parameters=n, n_steps=model.n_iter_, rebuild=rebuild)


# Energies and latent variables


def trained(made, seed: int, n_steps: int):
    """The model of a lecture's recipe after n_steps."""
    made.train(n_steps=n_steps, seed=seed, device="cpu")
    return made.model.requires_grad_(False).eval()


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
    """16 latents; the decoder's coins are thrown."""
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

    def loss(self, x: Tensor, condition: Tensor | None = None, *, rng=None) -> Tensor:
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
        rebuild=None
        if conditional
        else lambda x: k * model.decode_mean(model.encode((x + 0.5) / k)[0]) - 0.5,
        on_demand=(lambda labels, rng: draw(len(labels), rng, labels)) if conditional else None,
        other_ways={} if conditional else {"means": means},
    )


def conditional_vae(task: Task, seed: int, n_steps: int) -> Family:
    """`grey_vae` whose encoder and decoder are told the class."""
    return grey_vae(task, seed, n_steps, conditional=True)


def classes(n: int, rng: torch.Generator) -> Tensor:
    """n random classes, int64."""
    return torch.randint(10, (n,), generator=rng)


def autoencoder(task: Task, seed: int, n_steps: int) -> Family:
    """The network of lecture 10, and a mixture of 10 Gaussians fitted to its codes."""
    build = autoencoder_recipe.digits if task.name == "digits" else autoencoder_recipe.mini_mnist
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
    )


# Pixel by pixel


def autoregressive(task: Task, seed: int, n_steps: int, model: nn.Module, **settings) -> Family:
    """Any model of lecture 06: on the bits each batch is drawn anew."""
    settings = autoregressive_recipe.SETTINGS | settings
    learner, x = (
        (FreshPixels(model), torch.from_numpy(ink(task.train))) if task.name == "bits" else (model, task.x)
    )
    fit(learner, x, n_steps=n_steps, seed=seed, device="cpu", **settings)
    model.requires_grad_(False).eval()
    masked = isinstance(model, MaskGIT)
    return Family(
        draw=lambda n, rng: model.sample(n, rng=rng).float(),
        # The mean over orders of log P is a bound for the mixture over orders, from which one draws.
        kind="bound" if masked else "exact",
        log_prob=lambda x: (autoregressive_recipe.mean_log_prob(model, x), 0.0),
        n_parameters=count(model),
        n_steps=n_steps,
    )


def made(task: Task, seed: int, n_steps: int) -> Family:
    """MADE: a masked perceptron."""
    torch.manual_seed(seed)
    hidden = (512, 512) if task.name == "bits" else (512,)
    model = MADE(task.x.shape[1], task.n_levels, hidden=hidden, dropout=0.2 if task.name == "bits" else 0.5)
    return autoregressive(task, seed, n_steps, model, batch_size=128, learning_rate=3e-3)


def pixelcnn(task: Task, seed: int, n_steps: int) -> Family:
    """Gated, 4 layers of 16 channels; a softmax over two levels, a mixture of logistics over 17."""
    torch.manual_seed(seed)
    head = "softmax" if task.n_levels == 2 else "logistic"
    model = PixelCNN(task.train.image_shape, n_levels=task.n_levels, head=head)
    return autoregressive(task, seed, n_steps, model)


def masked(task: Task, seed: int, n_steps: int) -> Family:
    """Fill in the blanks, a pixel at a time in random order; also 8 passes, the most confident first."""
    torch.manual_seed(seed)
    model = MaskGIT(task.x.shape[1], n_levels=task.n_levels)
    family = autoregressive(task, seed, n_steps, model, batch_size=256, learning_rate=2e-3)

    def quick(n, rng):
        return model.sample(n, n_steps=8, choose="confidence", temperature=1.0, rng=rng).float()

    family.other_ways = {"8 passes": quick}
    return family


# From noise to image


def flow(task: Task, seed: int, n_steps: int) -> Family:
    """Couplings between rotations or shuffles, behind a logit."""
    build = flow_recipe.digits if task.name == "digits" else flow_recipe.mini_mnist
    torch.manual_seed(seed)
    model = trained(build(task.train, task.test), seed, n_steps)
    return Family(
        draw=lambda n, rng: floored(model.sample(n, rng=rng), task.n_levels),
        kind="bound",
        log_prob=lambda x: (density_bound(model.log_prob, x), 0.0),
        n_parameters=count(model),
        n_steps=n_steps,
        rebuild=lambda x: model.inverse(model.forward(x + 0.5)[0])[0] - 0.5,
    )


def game(task: Task, seed: int, n_steps: int, recipe) -> Family:
    """The perceptrons of lecture 12 or 14; an image's code is searched by gradient (lecture 13)."""
    build = recipe.digits if task.name == "digits" else recipe.mini_mnist
    torch.manual_seed(seed)
    model, top = trained(build(task.train, task.test), seed, n_steps), task.n_levels - 1

    def rebuild(x):
        rng, target = torch.Generator().manual_seed(0), 2 * task.shade(x) - 1
        z, _ = find_code(model.generator, target, n_latent=model.n_latent, n_starts=4, n_steps=200, rng=rng)
        return (model.generator(z) + 1) / 2 * top

    return Family(
        draw=lambda n, rng: rounded((model.sample(n, rng=rng) + 1) / 2 * top, task.n_levels),
        n_parameters=count(model),
        n_steps=n_steps,
        rebuild=rebuild,
    )


def gan(task: Task, seed: int, n_steps: int) -> Family:
    """The game with the loss that does not saturate."""
    return game(task, seed, n_steps, gan_recipe)


def wgan(task: Task, seed: int, n_steps: int) -> Family:
    """The critic with a gradient penalty."""
    return game(task, seed, n_steps, wgan_recipe)


def conditional_gan(task: Task, seed: int, n_steps: int) -> Family:
    """The game in which both are told the class."""
    torch.manual_seed(seed)
    model = trained(conditional_gan_recipe.mini_mnist(task.train, task.test), seed, n_steps)

    def on_demand(labels, rng):
        images = model.sample(F.one_hot(labels, 10).float(), rng=rng)
        return rounded((task.n_levels - 1) * images, task.n_levels)

    return Family(
        draw=lambda n, rng: on_demand(classes(n, rng), rng),
        n_parameters=count(model),
        n_steps=n_steps,
        on_demand=on_demand,
    )


def ddpm(task: Task, seed: int, n_steps: int) -> Family:
    """All 1000 steps back; also 50 strides of DDIM, without noise and with all of it."""
    build = ddpm_recipe.digits if task.name == "digits" else ddpm_recipe.mini_mnist
    torch.manual_seed(seed)
    model, top = trained(build(task.train, task.test), seed, n_steps), task.n_levels - 1

    def levels(x):
        return rounded((x + 1) / 2 * top, task.n_levels)

    def there_and_back(x):
        steps = torch.linspace(0, model.schedule.T, 51).round().long().tolist()
        xt = 2 * task.shade(x) - 1
        way = list(zip(steps[1:-1], steps[2:], strict=True))  # at t = 0 there is no noise to predict yet
        for t, s in [(steps[1], steps[1]), *way, *[(s, t) for t, s in reversed(way)]]:
            xt = model.ddim_step(xt, torch.full((len(x),), t), torch.full((len(x),), s))
        xt = model.predict_x0(xt, torch.full((len(x),), steps[1]))
        return (xt + 1) / 2 * top

    return Family(
        draw=lambda n, rng: levels(model.sample(n, rng=rng)),
        kind="bound",
        log_prob=lambda x: (ddpm_bound(model, 2 * task.shade(x) - 1, top), 0.0),
        n_parameters=count(model),
        n_steps=n_steps,
        rebuild=there_and_back,
        other_ways={
            "DDIM, 50": lambda n, rng: levels(model.sample_ddim(n, 50, rng=rng)),
            "DDIM, 50, eta 1": lambda n, rng: levels(model.sample_ddim(n, 50, eta=1.0, rng=rng)),
        },
    )


@torch.no_grad()
def ddpm_bound(model: DDPM, x: Tensor, top: int, *, rng=None) -> float:
    """Mean bound on log P of whole levels, nats; x (n, d) in [-1, 1], the levels 2 / top apart.

    The chain's terms are those of `DDPM.elbo`. Its last step gives a level the mass that a Gaussian of
    variance beta_1 has in the level's interval, tails included at both ends: Ho et al. 2020, eq. 13.
    """
    rng = torch.Generator().manual_seed(0) if rng is None else rng
    terms = model.elbo(x, rng=rng)
    t = torch.ones(len(x), dtype=torch.int64)
    mean = model.predict_x0(model.q_sample(x, t, normal(x, rng)), t).double()
    scale = model.schedule.betas[1].double().sqrt()
    mass = gaussian_interval((x - mean) / scale, 1 / (top * scale), low=x <= -1, high=x >= 1)
    return (mass.sum(1) - terms["denoising"] - terms["prior"]).mean().item()


def gaussian_interval(z: Tensor, half: Tensor, *, low: Tensor, high: Tensor) -> Tensor:
    """log of the mass of N(0, 1) between z - half and z + half; without the lower end where `low`, and so on.

    Taken on the side of 0 where the mass is small, so that no digit is lost however large |z|.
    """
    flip = z > 0
    a, b = torch.where(flip, -z - half, z - half), torch.where(flip, -z + half, z + half)
    open_a, open_b = torch.where(flip, high, low), torch.where(flip, low, high)
    log_b = torch.where(open_b, torch.zeros_like(z), torch.special.log_ndtr(b))
    log_a = torch.where(open_a, torch.full_like(z, -math.inf), torch.special.log_ndtr(a))
    return log_b + torch.log1p(-(log_a - log_b).exp())


def conditional_ddpm(task: Task, seed: int, n_steps: int) -> Family:
    """The same network, told the class of nine in ten examples; 50 strides of DDIM with noise."""
    torch.manual_seed(seed)
    d, width = task.x.shape[1], 128 if task.name == "digits" else 256
    network = TimeMLP(d, width=width, n_classes=10)
    model, top = DDPM(network, cosine_schedule(1000), shape=d, target="v"), task.n_levels - 1
    rows = torch.from_numpy(signed(task.train)), task.labels
    fit(model, rows, n_steps=n_steps, seed=seed, device="cpu", **ddpm_recipe.PIXELS)
    model.requires_grad_(False).eval()

    def on_demand(labels, rng):
        x = model.sample_ddim(len(labels), 50, eta=1.0, condition=labels, rng=rng)
        return rounded((x + 1) / 2 * top, task.n_levels)

    return Family(
        draw=lambda n, rng: on_demand(classes(n, rng), rng),
        n_parameters=count(model),
        n_steps=n_steps,
        on_demand=on_demand,
    )


# The tables of names, steps and settings

CONTROLS = {
    "noise": nothing_learned,
    "independent pixels": independent_pixels,
    "training set": training_set,
    "noisy copy": noisy_copy,
}
BITS = {
    "mixture of coins": coin_mixture,
    "RBM": rbm,
    "DBN": dbn,
    "VAE": bernoulli_vae,
    "VAE, mixture prior": mixture_prior(bernoulli_vae),
    "MADE": made,
    "PixelCNN": pixelcnn,
    "masked model": masked,
}
GREY = {
    "one Gaussian": one_gaussian,
    "PCA": pca,
    "mixture of Gaussians": gaussian_mixture,
    "NMF": nmf,
    "autoencoder": autoencoder,
    "VAE": grey_vae,
    "VAE, mixture prior": mixture_prior(grey_vae),
    "MADE": made,
    "PixelCNN": pixelcnn,
    "masked model": masked,
    "flow": flow,
    "GAN": gan,
    "WGAN": wgan,
    "DDPM": ddpm,
    "conditional VAE": conditional_vae,
    "conditional GAN": conditional_gan,
    "conditional DDPM": conditional_ddpm,
}
# Fewer families on the larger digits: 1000 draws of the PixelCNN take four minutes there, and what the others
# would show, the small digits show.
LARGE = ("one Gaussian", "PCA", "mixture of Gaussians", "NMF", "autoencoder", "VAE", "masked model", "flow")
LARGE += ("GAN", "DDPM")
FAMILIES = {
    "bits": CONTROLS | BITS,
    "digits": CONTROLS | GREY,
    "mini_mnist": CONTROLS | {name: GREY[name] for name in LARGE},
}
RIDGE = 0.05  # of the mixture of Gaussians, squared levels
# The lecture's own number, or as many as fit into the budget where that is less.
STEPS = {
    "bits": {
        "RBM": 10_000, "DBN": 2_500, "VAE": 4_000, "VAE, mixture prior": 3_000, "MADE": 1_500,
        "PixelCNN": 600, "masked model": 1_000,
    },
    "digits": {
        "autoencoder": 4_000, "VAE": 4_000, "VAE, mixture prior": 3_000, "MADE": 800, "PixelCNN": 600,
        "masked model": 500, "flow": 800, "GAN": 800, "WGAN": 300, "DDPM": 2_400,
        "conditional VAE": 3_000, "conditional GAN": 1_000, "conditional DDPM": 2_400,
    },
    "mini_mnist": {
        "autoencoder": 2_000, "VAE": 2_000, "masked model": 200, "flow": 500, "GAN": 700, "DDPM": 1_200,
    },
}  # fmt: skip
LONGER = ("GAN", "WGAN", "DDPM")  # of the digits: once more with three times the steps


def train(task: Task, name: str, *, seed: int, factor: float = 1.0) -> Family:
    """A family of FAMILIES[task.name], trained with this seed; factor: times the steps of the table.

    Raises:
        ValueError: unknown name.
    """
    known = FAMILIES[task.name]
    if name not in known:
        raise ValueError(f"unknown family {name!r} on {task.name}; choose one of {', '.join(known)}")
    torch.manual_seed(seed)
    n_steps = STEPS[task.name].get(name, 0)
    return known[name](task, seed, max(5, round(factor * n_steps)) if n_steps else 0)


# A row of the table


def measure(task: Task, family: Family, *, seed: int, n: int = N_DRAWN) -> tuple[dict[str, float], Tensor]:
    """(all columns of a trained family but its seconds of training, its samples (n, d) in levels).

    `nats` and `error`, `kind` of likelihood; `parameters`; `rebuilt`, the squared error of a test image
    brought back from its latent, in ink, and `rebuild_seconds` per 1000; `obeys`, the share of the digits
    made on demand that the judge reads as asked; and the columns of `look`. A column without a value is left
    out.
    """
    row = {"kind": family.kind, "parameters": family.n_parameters}
    if family.log_prob is not None:
        row["nats"], row["error"] = family.log_prob(task.new)
    if family.rebuild is not None:
        x = task.new[:N_REBUILT]
        start = time.process_time()
        rebuilt = family.rebuild(x).detach()
        row["rebuild_seconds"] = (time.process_time() - start) * 1000 / len(x)
        row["rebuilt"] = (task.shade(rebuilt) - task.shade(x)).square().sum(1).mean().item()
    if family.on_demand is not None:
        asked = torch.arange(n) % 10
        images = family.on_demand(asked, torch.Generator().manual_seed(seed))
        row["obeys"] = (
            (task.judge.predict_proba(task.shade(images)).argmax(1) == asked).double().mean().item()
        )
    seen, samples = look(task, family.draw, seed=seed, n=n)
    return row | seen, samples


@torch.no_grad()
def look(task: Task, draw: Callable, *, seed: int, n: int = N_DRAWN) -> tuple[dict[str, float], Tensor]:
    """(what the judge says of n samples, the samples).

    `draw_seconds` of 1000; `fd`, to the test images in the judge's features; `precision`, `recall`,
    `coverage`, of as many samples as there are test images; `nearest`, the share nearer to training images
    than new ones are; `confidence`, the judge's mean largest probability; `rarest`, the share of the rarest
    class; `edges`, squared steps between neighbouring pixels, over those of the test images.
    """
    start = time.process_time()
    samples = draw(n, torch.Generator().manual_seed(seed))
    seconds = (time.process_time() - start) * 1000 / n
    shown, real = task.shade(samples), task.shade(task.new)
    features, of_real = task.judge.features(shown), task.judge.features(real)
    balls = precision_recall(of_real, features[: len(real)])
    probability = task.judge.predict_proba(shown)
    classes_seen = probability.argmax(1).bincount(minlength=10)
    return {
        "draw_seconds": seconds,
        "fd": frechet_distance(features, of_real),
        **{key: balls[key] for key in ("precision", "recall", "coverage")},
        "nearest": nearest_share(shown, task.shade(task.x), real),
        "confidence": probability.amax(1).mean().item(),
        "rarest": classes_seen.min().item() / n,
        "edges": edges(shown, task.train.image_shape) / edges(real, task.train.image_shape),
    }, samples


def edges(images: Tensor, shape: tuple[int, int]) -> float:
    """Mean squared step between neighbouring pixels of images (n, pixels)."""
    images = images.reshape(-1, *shape).double()
    return (images.diff(dim=1).square().mean() + images.diff(dim=2).square().mean()).item() / 2
