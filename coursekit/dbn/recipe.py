"""How to train a deep belief network: machine after machine, then all together, then as a classifier.

    layers       one stage per machine: contrastive divergence on the hidden bits of the one below
    pretrain     goes through these stages
    up_down      contrastive wake-sleep over all layers at once
    fine_tune    backpropagation through the class probabilities; afterwards the network no longer draws

`digits` and its like put data and settings together. Notebook 09_deep_belief_networks.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coursekit.data import Dataset, binarised, ink
from coursekit.dbn.label_machine import LabelRBM
from coursekit.dbn.model import DBN
from coursekit.evaluation import ais_log_partition
from coursekit.networks import mlp
from coursekit.rbm.starts import start_apart
from coursekit.training import N_SHOWN, Recipe, Settings, Stage, fit, fit_contrastive, for_budget

SETTINGS: Settings = {"persistent": True, "batch_size": 100, "learning_rate": 1.0, "average": 0.99}
# CPU seconds -> (steps of each machine, settings).
MachineBudgets = dict[float, tuple[tuple[int, ...], Settings]]
DIGITS: MachineBudgets = {15: ((1000, 1500), SETTINGS)}
MINI_MNIST: MachineBudgets = {30: ((1500, 2500), SETTINGS)}
# The sizes of the 2006 paper.
MNIST_SIZES = (500, 500, 2000)
MNIST: MachineBudgets = {125: ((6000, 6000, 6000), SETTINGS | {"learning_rate": 0.1})}

# The same network as a classifier: steps and settings of its machines, the part of the time that they get,
# and the shares of inputs and units silenced in the rest.
GREEDY: MachineBudgets = {300: ((1500, 1500, 1500), SETTINGS | {"learning_rate": 0.1})}
PRETRAINING = 0.2
DROPOUT = (0.1, 0.2)


def layers(
    dbn: DBN, x: Tensor, labels: Tensor | None = None, *, n_steps: tuple[int, ...], settings: Settings
) -> tuple[Stage, ...]:
    """One stage per machine of a new network, from the pixels up.

    What a machine hands to the next are its hidden units *drawn* given the data, not their probabilities: the
    bound is an average over such draws.

    Args:
        dbn: a new network.
        x: bits (n, sizes[0]); few examples come several times, each with bits of their own.
        labels: int64 (n,), where the top machine sees them.
        n_steps: updates of each machine.
        settings: keywords of `training.fit_contrastive`.
    """
    rng = torch.Generator().manual_seed(int(torch.randint(2**31, ())))
    loss = "none: persistent chains reconstruct nothing"

    def seen_by(k):
        h = x.to(dbn.machines[0].weight)
        for machine in dbn.machines[:k]:
            h = machine.sample_hidden(h, rng=rng).detach()
        if k == len(dbn.machines) - 1 and dbn.n_labels:
            h = dbn.machines[k].join(h, labels)
        start_apart(dbn.machines[k], h)
        return h

    return tuple(
        Stage(
            machine,
            lambda k=k: seen_by(k),  # type: ignore[misc]
            fit_contrastive,
            n_steps[k],
            settings,
            loss,
            share=n_steps[k] / sum(n_steps),
        )
        for k, machine in enumerate(dbn.machines)
    )


def pretrain(
    dbn: DBN,
    x: Tensor,
    labels: Tensor | None = None,
    *,
    n_steps: tuple[int, ...],
    seed: int = 0,
    **options: Any,
) -> None:
    """Train the machines of a new network one after another, in place; arguments as in `layers`.

    options: keywords of `training.fit_contrastive` beside SETTINGS. The first weights, and the bits handed
    on, come from PyTorch's global generator.
    """
    for stage in layers(dbn, x, labels, n_steps=n_steps, settings=SETTINGS | options):
        stage.loop(stage.model, stage.x(), n_steps=stage.n_steps, seed=seed, **stage.settings)


@torch.no_grad()
def up_down(
    dbn: DBN,
    x: Tensor,
    labels: Tensor | None = None,
    *,
    n_steps: int,
    learning_rate: float = 0.02,
    batch_size: int = 100,
    k: int = 3,
    seed: int = 0,
) -> None:
    """Contrastive wake-sleep from where `pretrain` ended, in place; the rate falls linearly to 0.

    Args:
        dbn: a pretrained network; its two directions are untied first.
        x: bits (n, sizes[0]).
        labels: int64 (n,), where the top machine sees them.
        n_steps: updates of all layers.
        learning_rate: of every parameter at the start.
        batch_size: rows per step.
        k: Gibbs steps of the top machine in each update.
        seed: of the batches and of every draw.
    """
    dbn.untie()
    rng = torch.Generator().manual_seed(seed)
    parameters = dict(dbn.named_parameters())
    for step in range(n_steps):
        rows = torch.randint(len(x), (batch_size,), generator=rng)
        seen = None if labels is None else labels[rows]
        for name, direction in dbn.up_down_gradient(x[rows], labels=seen, k=k, rng=rng).items():
            parameters[name] += learning_rate * (1 - step / n_steps) * direction


def fine_tune(
    network: nn.Module,
    x: Tensor,
    labels: Tensor,
    *,
    n_steps: int,
    learning_rate: float = 1e-3,
    batch_size: int = 100,
    noise: float = 0.0,
    seed: int = 0,
) -> None:
    """Cross-entropy of the classes by Adam, in place; the rate falls along a cosine.

    Args:
        network: a DBN with labels (its `label_logits` are trained), or a module x -> logits (n, n_classes).
        x: inputs in [0, 1], (n, n_inputs).
        labels: int64 (n,).
        n_steps: updates.
        learning_rate: at the start.
        batch_size: rows per step.
        noise: share of the inputs set to 0 at random, the simplest regulariser.
        seed: of the batches and the noise.
    """
    rng = torch.Generator().manual_seed(seed)
    logits = network.label_logits if isinstance(network, DBN) else network
    x, labels = torch.as_tensor(x), torch.as_tensor(labels)
    optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_steps)
    network.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # dropout layers draw from the global generator
        for _ in range(n_steps):
            rows = torch.randint(len(x), (batch_size,), generator=rng)
            seen = x[rows]
            if noise:
                seen = seen * (torch.rand(seen.shape, generator=rng) >= noise)
            loss = F.cross_entropy(logits(seen), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    network.eval()


def log_partition(
    dbn: DBN,
    *,
    n_steps: int = 10_000,
    n_chains: int = 100,
    rng: torch.Generator | None = None,
    base_bias: Tensor | None = None,
) -> tuple[float, float]:
    """log Z of the top machine by annealed importance sampling, and its standard error.

    With labels each class is a machine of its own, and log Z = logsumexp of d_y + log Z_y.

    Args:
        dbn: a network.
        n_steps: length of the path.
        n_chains: how many walk it.
        rng: of every draw.
        base_bias: visible biases (sizes[-2],) of the machine without couplings from which the chains set
            out; None for those of the top machine.
    """
    top, options = dbn.machines[-1], {"n_steps": n_steps, "n_chains": n_chains, "rng": rng}
    if not dbn.n_labels:
        return ais_log_partition(top, base_bias=base_bias, **options)
    bias = top.visible_bias.detach()[dbn.sizes[-2] :].double()
    parts = [
        ais_log_partition(top.given_label(y), base_bias=base_bias, **options) for y in range(dbn.n_labels)
    ]
    log_z = torch.tensor([part[0] for part in parts]).double() + bias
    error = torch.tensor([part[1] for part in parts]).double()
    share = log_z.softmax(0)
    return torch.logsumexp(log_z, 0).item(), (share * error).norm().item()


def relu_net(n_inputs: int, n_classes: int = 10) -> nn.Sequential:
    """What people train today instead: ReLU, dropout, no pre-training; x (n, n_inputs) -> logits."""
    return mlp((n_inputs, 400, 400, n_classes), dropout=0.5)


def rival(n_inputs: int, *, relu: bool, dropout: bool, wide: bool) -> nn.Sequential:
    """`relu_net`, its three ideas one by one; x (n, n_inputs) -> logits (n, 10).

    Args:
        n_inputs: pixels.
        relu: or else sigmoid units.
        dropout: or else none.
        wide: two hidden layers of 400; or else the 128 and 300 units of the deep belief network.
    """
    hidden, activation = (400, 400) if wide else (128, 300), "relu" if relu else "sigmoid"
    return mlp((n_inputs, *hidden, 10), activation=activation, dropout=0.5 if dropout else 0.0)


def one_machine(train: Dataset, n_hidden: int, n_steps: int) -> LabelRBM:
    """A single machine that sees pixels and label, trained with SETTINGS: the control without depth."""
    x, labels = bits_and_labels(train, 10)
    machine = LabelRBM(x.shape[1], n_hidden, 10).float()
    seen = machine.join(x, labels)
    start_apart(machine, seen)
    fit_contrastive(machine, seen, n_steps=n_steps, device="cpu", **SETTINGS)
    return machine


def bits_and_labels(images: Dataset, n_draws: int = 1) -> tuple[Tensor, Tensor]:
    """Bits (n_draws * n, pixels) and their labels: several draws of the same images, a seed each."""
    x = np.concatenate([binarised(images, seed).x for seed in range(n_draws)])
    return torch.tensor(x, dtype=torch.float32), torch.tensor(images.labels).repeat(n_draws)


def error(network: DBN, images: Dataset) -> float:
    """Share of the images that get a wrong class; grey pixels count as probabilities of bits."""
    guess = network.predict_proba(ink(images), rng=torch.Generator().manual_seed(0)).argmax(1)
    return (guess != torch.tensor(images.labels)).double().mean().item()


def draw(network: DBN, rng: torch.Generator) -> Tensor:
    """Pixel probabilities (N_SHOWN, pixels) at the end of long top chains, each label in turn."""
    return network.sample(N_SHOWN, labels=torch.arange(N_SHOWN) % 10, n_steps=500, means=True, rng=rng)


def recipe(
    train: Dataset,
    test: Dataset,
    sizes: tuple[int, ...],
    n_draws: int,
    budgets: MachineBudgets,
    seconds: float | None,
) -> Recipe:
    """The recipe of images.

    Args:
        train: what is learned from.
        test: what the error is measured on.
        sizes: hidden units of each machine, from the pixels up.
        n_draws: draws of the bits of every training image.
        budgets: table of steps and settings.
        seconds: that for this budget is taken; None for the longest.
    """
    budget, (n_steps, settings) = for_budget(budgets, seconds)
    dbn = DBN((train.x.shape[1], *sizes), n_labels=10).float()
    x, labels = bits_and_labels(train, n_draws)
    return Recipe(
        model=dbn,
        stages=layers(dbn, x, labels, n_steps=n_steps, settings=settings),
        seconds=budget,
        draw=draw,
        shows="pixel probabilities, the digits 0 to 9 in turn, after 500 Gibbs steps of the top machine",
        measure=lambda model: {"error on the test set": error(model, test)},
    )


def digits(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """8 x 8 digits, 128 and 300 hidden units, labels on top."""
    return recipe(train, test, (128, 300), 10, DIGITS, seconds)


def mini_mnist(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """14 x 14 digits, 200 and 500 hidden units, labels on top."""
    return recipe(train, test, (200, 500), 3, MINI_MNIST, seconds)


def mnist(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """MNIST, 500, 500 and 2000 hidden units, labels on top: the network of Hinton et al. 2006."""
    return recipe(train, test, MNIST_SIZES, 1, MNIST, seconds)


class Classifier(nn.Module):
    """A network as backpropagation sees it: the loss is the mean of -log p(y | x) of the class, in nats.

    >>> Classifier(mlp((6, 3))).loss(torch.rand(5, 6), torch.zeros(5, dtype=torch.int64)).shape
    torch.Size([])

    Args:
        network: a DBN with labels, whose units hand probabilities upwards, or a module x -> logits.
        dropout: shares of the inputs, and of the units of a DBN's lower layers, silenced in training.
    """

    def __init__(self, network: nn.Module, dropout: tuple[float, float] = (0.0, 0.0)):
        super().__init__()
        self.network, self.dropout = network, dropout

    def logits(self, x: Tensor) -> Tensor:
        """(n, n_inputs) -> (n, n_classes); of a DBN, without dropout, its `label_logits`."""
        h = F.dropout(x, self.dropout[0], self.training)
        if not isinstance(self.network, DBN):
            return self.network(h)
        *below, top = self.network.machines
        for k in range(len(below)):
            h = torch.sigmoid(self.network.recognition_logits(k, h))
            h = F.dropout(h, self.dropout[1], self.training)
        return -top.label_free_energy(h)

    def loss(self, x: Tensor, labels: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """Mean cross-entropy in nats; x (n, n_inputs) in [0, 1], labels int64 (n,)."""
        return F.cross_entropy(self.logits(x), labels)


def classifier(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """MNIST, the network of 2006 trained greedily and then fine-tuned, with dropout, which came later."""
    budget, (n_steps, settings) = for_budget(GREEDY, seconds)
    dbn = DBN((train.x.shape[1], *MNIST_SIZES), n_labels=10).float()
    x, labels = bits_and_labels(train)
    greedy = [
        dataclasses.replace(stage, share=PRETRAINING * stage.share)
        for stage in layers(dbn, x, labels, n_steps=n_steps, settings=settings)
    ]
    tuning = tuned_stage(Classifier(dbn, DROPOUT), train, 1 - PRETRAINING)
    return Recipe(
        model=dbn,
        stages=(*greedy, tuning),
        seconds=budget,
        draw=draw,
        shows="blots: after fine-tuning the network no longer draws",
        measure=lambda model: {"error on the test set": class_error(model.label_logits, test)},
    )


def modern(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """MNIST, ReLU and dropout without pre-training: `classifier`'s rival for the same seconds."""
    model = Classifier(mlp((train.x.shape[1], 1024, 1024, 10), dropout=0.5), (0.2, 0.0))
    return Recipe(
        model=model,
        stages=(tuned_stage(model, train, 1.0),),
        seconds=max(GREEDY) if seconds is None else seconds,
        draw=lambda model, rng: torch.zeros(N_SHOWN, train.x.shape[1]),
        shows="nothing: it only classifies",
        measure=lambda model: {"error on the test set": class_error(model.logits, test)},
    )


def tuned_stage(model: Classifier, train: Dataset, share: float) -> Stage:
    """Backpropagation on grey images as the last stage of a recipe.

    Args:
        model: what learns.
        train: images with labels.
        share: of the recipe's seconds.
    """
    x, labels = torch.from_numpy(ink(train)).float(), torch.tensor(train.labels)
    settings: Settings = {"batch_size": 100, "learning_rate": 1e-3, "schedule": "cosine"}
    return Stage(model, lambda: (x, labels), fit, 12_000, settings, "cross-entropy, nats", share=share)


@torch.no_grad()
def class_error(logits: Callable[[Tensor], Tensor], images: Dataset) -> float:
    """Share of the images whose largest logit, (n, pixels) -> (n, classes), is not their own class's."""
    x = torch.from_numpy(ink(images)).float()
    guess = torch.cat([logits(part).argmax(1) for part in x.split(500)])
    return (guess != torch.tensor(images.labels)).double().mean().item()


RECIPES = {"digits": digits, "mini_mnist": mini_mnist, "mnist": mnist}
