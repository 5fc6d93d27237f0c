"""How to train a deep belief network: machine after machine, then all together, then as a classifier.

    pretrain     each machine by persistent contrastive divergence on the hidden bits of the one before
    up_down      contrastive wake-sleep over all layers at once
    fine_tune    backpropagation through the class probabilities; afterwards the network no longer draws

`digits` puts data and settings together, for the 8 x 8 digits and for MNIST. Notebook 09_deep_belief_networks.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coursekit import data
from coursekit.dbn.model import DBN
from coursekit.evaluation import ais_log_partition
from coursekit.rbm import RBM
from coursekit.training import fit_contrastive


def start_at_mean(machine: RBM, x: Tensor) -> None:
    """Set the visible bias to the logit of the mean of x (n, n_visible), so that learning starts there."""
    mean = x.mean(0).clamp(0.5 / len(x), 1 - 0.5 / len(x))
    with torch.no_grad():
        machine.visible_bias.copy_(mean.logit())


def pretrain(
    dbn: DBN,
    x: Tensor,
    labels: Tensor | None = None,
    *,
    n_steps: int | tuple[int, ...],
    learning_rate: float = 0.2,
    batch_size: int = 100,
    average: float = 0.99,
    seed: int = 0,
    **options,
) -> None:
    """Train the machines of a new network one after another, from the pixels up, in place.

    What a machine hands to the next are its hidden units *drawn* given the data, not their probabilities: the
    bound is an average over such draws.

    Args:
        dbn: a new network.
        x: bits (n, sizes[0]); repeat few examples with several draws of their bits.
        labels: int64 (n,), where the top machine sees them.
        n_steps: updates of each machine, one number or one per machine.
        learning_rate: of every machine, falling to 0; see `training.fit_contrastive`.
        batch_size: rows per step, and number of persistent chains.
        average: decay of the averaged weights.
        seed: of the batches and of the hidden bits handed on.
        options: further keywords of `training.fit_contrastive`, such as on_step.
    """
    rng = torch.Generator().manual_seed(seed)
    steps = [n_steps] * len(dbn.machines) if isinstance(n_steps, int) else n_steps
    h = torch.as_tensor(x).to(dbn.machines[0].weight)
    for k, machine in enumerate(dbn.machines):
        if k == len(dbn.machines) - 1 and dbn.n_labels:
            h = machine.join(h, torch.as_tensor(labels))
        start_at_mean(machine, h)
        settings = {"persistent": True, "learning_rate": learning_rate, "batch_size": batch_size}
        settings |= {"average": average, "n_steps": steps[k], "seed": seed + k} | options
        fit_contrastive(machine, h, **settings)
        if k < len(dbn.machines) - 1:
            h = machine.sample_hidden(h, rng=rng).detach()


@torch.no_grad()
def up_down(dbn, x, labels=None, *, n_steps, learning_rate=0.02, batch_size=100, k=3, seed=0) -> None:
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


def log_partition(dbn: DBN, *, n_steps=10_000, n_chains=100, rng=None, base_bias=None) -> tuple[float, float]:
    """log Z of the top machine by annealed importance sampling, and its standard error.

    With labels each class is a machine of its own, and log Z = logsumexp of d_y + log Z_y.
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


def binary_digits(images: data.Dataset, n_draws: int = 1) -> tuple[Tensor, Tensor]:
    """Bits (n_draws * n, pixels) and their labels: several draws of the same images, each with its own seed."""
    x = np.concatenate([data.binarised(images, seed).x for seed in range(n_draws)])
    return torch.tensor(x, dtype=torch.float32), torch.tensor(images.labels).repeat(n_draws)


# Sizes, draws of each image, and updates per machine. The 8 x 8 digits take about ten CPU-seconds; MNIST in
# the sizes of the paper takes minutes.
SETTINGS = {
    64: {"sizes": (64, 128, 300), "n_draws": 10, "n_steps": (1000, 1500)},
    196: {"sizes": (196, 200, 500), "n_draws": 3, "n_steps": (800, 1000)},
    784: {"sizes": (784, 500, 500, 2000), "n_draws": 1, "n_steps": (6000, 6000, 6000)},
}


def digits(images: data.Dataset, *, seed: int = 0, **options) -> DBN:
    """A pretrained network with ten labels for images of 8 x 8, 14 x 14 or 28 x 28 pixels.

    options: keywords of `pretrain` that replace those of SETTINGS.
    """
    settings = SETTINGS[images.x.shape[1]]
    torch.manual_seed(seed)
    dbn = DBN(settings["sizes"], n_labels=10)
    x, labels = binary_digits(images, settings["n_draws"])
    pretrain(dbn, x, labels, **({"n_steps": settings["n_steps"], "seed": seed} | options))
    return dbn
