"""How to train a normalising flow: affine couplings in the plane; digits through a logit and whitening.

On digits the couplings are shallow, with dropout, between learned rotations: without it a flow overfits after
seconds, and the logit is worth half a bit per pixel. On 8 x 8 digits each pixel's own histogram, instead of
the logit, is worth another tenth.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from coursekit.data import Dataset, toy2d
from coursekit.evaluation import bits_per_dim
from coursekit.flow.layers import AffineCoupling, HistogramToNormal, InvertibleLinear, Permute, Whiten
from coursekit.flow.model import Flow, Logit, real_nvp
from coursekit.training import N_SHOWN, Budgets, Recipe, Settings, Stage, fit, for_budget

COSINE: Settings = {"schedule": "cosine"}
# CPU seconds -> (steps, settings).
DIGITS: Budgets = {15: (1_300, COSINE | {"batch_size": 256, "learning_rate": 4e-3})}
MINI_MNIST: Budgets = {40: (1_900, COSINE | {"batch_size": 256, "learning_rate": 2e-3})}
MNIST: Budgets = {60: (1_000, COSINE | {"batch_size": 256, "learning_rate": 1e-3})}
TOYS: dict[str, Budgets] = {
    "moons": {20: (2_900, COSINE | {"batch_size": 512, "learning_rate": 3e-3})},
    "ring": {20: (2_900, COSINE | {"batch_size": 512, "learning_rate": 1e-3})},
    "checkerboard": {20: (2_900, COSINE | {"batch_size": 512, "learning_rate": 3e-3})},
}
MARGIN = 0.003  # of the logit: how far grey levels stay from 0 and 1


def digits(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """8 x 8 digits: 4 learned rotations and couplings 32-256-64."""
    return images(train, test, DIGITS, seconds, width=256, mix=InvertibleLinear)


def digits_by_histogram(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """The same, but each pixel goes through its own histogram instead of one logit for all."""
    made = digits(train, test, seconds=seconds)
    x, n_levels = torch.tensor(train.x, dtype=torch.float32), int(train.value_range[1]) + 1
    first = HistogramToNormal(x.shape[1], n_levels)
    flow = Flow([first, *made.model.layers[1:]], shape=x.shape[1], discrete=True)
    flow.initialize(x.repeat(max(1, 15_000 // len(x)), 1))
    return replace(made, model=flow, stages=(replace(made.stages[0], model=flow),))


def mini_mnist(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """14 x 14 digits: 4 shuffles and couplings 98-512-196."""
    return images(train, test, MINI_MNIST, seconds, width=512, mix=shuffle)


def mnist(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """MNIST: 4 shuffles and couplings 392-512-784."""
    return images(train, test, MNIST, seconds, width=512, mix=shuffle)


def moons(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """Two half circles in the plane: 8 couplings 1-64-64-2."""
    return toy(train, test, TOYS["moons"], seconds)


def ring(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """8 Gaussians on a circle: 8 couplings 1-64-64-2, at a lower rate."""
    return toy(train, test, TOYS["ring"], seconds)


def checkerboard(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """8 squares of 16: 8 couplings 1-64-64-2."""
    return toy(train, test, TOYS["checkerboard"], seconds)


def mini_mnist_by_class(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """14 x 14 digits, a density for each class: 4 shuffles and couplings that see the class."""
    budget, (n_steps, settings) = for_budget(MINI_MNIST, seconds)
    x, labels = torch.tensor(train.x, dtype=torch.float32), torch.tensor(train.labels)
    n_levels = int(train.value_range[1]) + 1
    flow = image_flow(x.shape[1], n_levels, width=512, mix=shuffle, n_classes=10)
    copies = max(1, 15_000 // len(x))
    flow.initialize(x.repeat(copies, 1), condition=labels.repeat(copies))

    def draw_class(flow, labels, rng):
        images = flow.sample(len(labels), condition=labels, rng=rng)
        return (images.floor() / (n_levels - 1)).clamp(0, 1)

    def measure(flow):
        new, told = torch.tensor(test.x, dtype=torch.float32), torch.tensor(test.labels)
        one, many = digit_bits(flow, new, n_noises=10, condition=told)
        return {"bits per pixel of the test set, given its classes": one, "with several noises": many}

    loss = "minus the log-likelihood given the class, in nats"
    return Recipe(
        model=flow,
        stages=(Stage(flow, (x, labels), fit, n_steps, settings, loss),),
        seconds=budget,
        draw=lambda flow, rng: draw_class(flow, torch.arange(N_SHOWN) % 10, rng),
        shows="samples, the digits 0 to 9 in turn",
        draw_class=draw_class,
        measure=measure,
    )


BY_CLASS = {"mini_mnist": mini_mnist_by_class}
RECIPES = {"digits": digits_by_histogram, "mini_mnist": mini_mnist, "mnist": mnist}
RECIPES |= {"moons": moons, "ring": ring, "checkerboard": checkerboard}


def images(
    train: Dataset,
    test: Dataset,
    budgets: Budgets,
    seconds: float | None,
    *,
    width: int,
    mix: Callable[[int], nn.Module],
) -> Recipe:
    """The recipe of grey levels; mix: function of the number of pixels that makes the layer of a step."""
    budget, (n_steps, settings) = for_budget(budgets, seconds)
    x = torch.tensor(train.x, dtype=torch.float32)
    n, n_levels = x.shape[1], int(train.value_range[1]) + 1
    flow = image_flow(n, n_levels, width=width, mix=mix)
    # Whiten counts pixels; where few digits are at hand each is seen under several dequantisation noises.
    flow.initialize(x.repeat(max(1, 15_000 // len(x)), 1))

    def draw(flow, rng):
        return (flow.sample(N_SHOWN, rng=rng).floor() / (n_levels - 1)).clamp(0, 1)

    def measure(flow):
        new = torch.tensor(test.x, dtype=torch.float32)
        one, many = digit_bits(flow, new, n_noises=100 if n == 64 else 10)
        return {"bits per pixel of the test set": one, "with several noises": many}

    return Recipe(
        model=flow,
        stages=(Stage(flow, x, fit, n_steps, settings, "minus the log-likelihood in nats"),),
        seconds=budget,
        draw=draw,
        shows="samples",
        measure=measure,
    )


def image_flow(
    n: int,
    n_levels: int,
    *,
    width: int,
    mix: Callable[[int], nn.Module],
    dropout: float = 0.3,
    n_classes: int = 0,
) -> Flow:
    """Logit, whitening, and four steps of a mixing layer and a coupling.

    Args:
        n: pixels of an image.
        n_levels: grey levels.
        width: of the couplings' hidden layer.
        mix: function of n that makes the layer before each coupling.
        dropout: in the couplings' networks.
        n_classes: of labels that the couplings see; 0 for none.
    """
    layers: list[nn.Module] = [Logit(n_levels, margin=MARGIN), Whiten(n)]
    for _ in range(4):
        layers += [mix(n), AffineCoupling(n, hidden=(width,), dropout=dropout, n_classes=n_classes)]
    return Flow(layers, shape=n, discrete=True)


def toy(train: Dataset, test: Dataset, budgets: Budgets, seconds: float | None) -> Recipe:
    """The recipe of points in the plane."""
    budget, (n_steps, settings) = for_budget(budgets, seconds)
    x = torch.tensor(train.x, dtype=torch.float32)
    flow = real_nvp(2)

    @torch.no_grad()
    def measure(flow):
        new = torch.tensor(test.x, dtype=torch.float32)
        return {"negative log-likelihood of the test points, nats": flow.loss(new).item()}

    return Recipe(
        model=flow,
        stages=(Stage(flow, x, fit, n_steps, settings, "minus the log-likelihood in nats"),),
        seconds=budget,
        draw=lambda flow, rng: flow.sample(10 * N_SHOWN, rng=rng).detach(),
        shows="samples",
        measure=measure,
    )


def shuffle(n: int) -> Permute:
    """A fixed permutation of n features. InvertibleLinear's triangular factors diverge at several hundred."""
    return Permute(torch.randperm(n))


@torch.no_grad()
def digit_bits(flow: Flow, x: Tensor, *, n_noises: int, condition: Tensor | None = None) -> list[float]:
    """Bits per dimension of grey levels x (n, pixels): (one noise each, on average; the mean of n_noises).

    condition: labels (n,), where the flow knows classes. The mean density over several noises is nearer to
    the probability of the levels: Burda et al. 2016.
    """
    rng = torch.Generator().manual_seed(0)
    flow.eval()
    noisy = (flow.discrete_log_prob(x, condition=condition, rng=rng) for _ in range(n_noises))
    log_probs = torch.stack(list(noisy))
    many = log_probs.logsumexp(0) - math.log(n_noises)
    return [bits_per_dim(value.mean().item(), x.shape[1]) for value in (log_probs, many)]


def watched(
    train: Dataset, test: Dataset, *, n_steps: int, seed: int, dropout: float = 0.3, n_classes: int = 0
) -> tuple[Flow, np.ndarray]:
    """Train a flow of digits at a constant rate, and look at its bits on the way.

    Returns the flow and an array (n_steps / 50, 2): bits per dimension, with one noise per image, of the
    first 360 training images and of the test images, every 50 steps.

    Args:
        train, test: 8 x 8 digits or 14 x 14 ones, with labels.
        n_steps: steps of training.
        seed: of the weights and of the batches.
        dropout: in the couplings' networks, while training.
        n_classes: 10 for couplings that see the label, 0 for none.
    """
    (x, labels), (new, new_labels) = (
        (torch.tensor(part.x, dtype=torch.float32), torch.tensor(part.labels) if n_classes else None)
        for part in (train, test)
    )
    n = x.shape[1]
    width, mix = (256, InvertibleLinear) if n == 64 else (512, shuffle)
    torch.manual_seed(seed)
    flow = image_flow(n, 17, width=width, mix=mix, dropout=dropout, n_classes=n_classes)
    copies = max(1, 15_000 // len(x))
    repeated = labels.repeat(copies) if n_classes else None
    flow.initialize(x.repeat(copies, 1), condition=repeated, rng=torch.Generator().manual_seed(0))
    looks = []

    def look(step, flow, _):
        if step % 50:
            return
        seen = digit_bits(flow, x[:360], n_noises=1, condition=labels[:360] if n_classes else None)
        unseen = digit_bits(flow, new, n_noises=1, condition=new_labels)
        looks.append([seen[0], unseen[0]])
        flow.train()

    settings: Settings = {"batch_size": 256, "learning_rate": 2e-3, "average": 0.998, "device": "cpu"}
    rows = (x, labels) if n_classes else x
    fit(flow, rows, n_steps=n_steps, seed=seed, on_step=look, **settings)
    return flow.eval(), np.array(looks)


def two_moons(
    seed: int, *, n_layers: int = 8, width: int = 64, n_classes: int = 0, n_steps: int = 500
) -> Flow:
    """The flow of the moons in notebook 16, trained; in double precision.

    Args:
        seed: of the 20 000 points, of the weights and of the batches.
        n_layers: couplings; the two coordinates take turns.
        width: of both hidden layers in the network of each.
        n_classes: 2 for couplings that see which moon, 0 for none.
        n_steps: of training.
    """
    torch.manual_seed(seed)
    flow = real_nvp(2, n_layers=n_layers, hidden=(width, width), n_classes=n_classes)
    toy = toy2d("moons", 20_000, rng=seed)
    rows = (toy.x, toy.labels) if n_classes else toy.x
    fit(flow, rows, n_steps=n_steps, learning_rate=5e-3, schedule="cosine", seed=seed, device="cpu")
    return flow.double()
