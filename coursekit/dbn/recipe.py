"""How to train a deep belief network: machine after machine, then all together, then as a classifier.

    pretrain     each machine by persistent contrastive divergence on the hidden bits of the one before
    up_down      contrastive wake-sleep over all layers at once, without labels or with them
    fine_tune    backpropagation through the class probabilities; afterwards it no longer draws

Notebook 09_deep_belief_networks; MNIST in the settings of `mnist`.
"""

import torch
import torch.nn.functional as F
from torch import nn

from coursekit.dbn.model import DBN
from coursekit.evaluation import ais_log_partition
from coursekit.rbm.model import RBM
from coursekit.training import fit, fit_contrastive


def start_at_mean(machine: RBM, x: torch.Tensor) -> None:
    """Set the visible bias to the logit of the mean of x (n, n_visible), so that learning starts there."""
    mean = x.mean(0).clamp(0.5 / len(x), 1 - 0.5 / len(x))
    with torch.no_grad():
        machine.visible_bias.copy_(mean.logit())


def pretrain(dbn, x, labels=None, *, n_steps, learning_rate=0.2, batch_size=100, average=0.99, seed=0, **options):
    """Train the machines one after another, from the pixels up, in place.

    What a machine hands to the next are its hidden units *drawn* given the data, not their probabilities: the
    bound of the text is an average over draws.

    Args:
        dbn: a new network.
        x: bits (n, sizes[0]); repeat few examples with several draws of their bits.
        labels: int64 (n,), where the top machine sees them.
        n_steps: updates for each machine, one number or one per machine.
        options: further keywords of `training.fit_contrastive`.
    """
    rng = torch.Generator().manual_seed(seed)
    steps = [n_steps] * len(dbn.machines) if isinstance(n_steps, int) else n_steps
    h = torch.as_tensor(x).to(dbn.machines[0].weight)
    for k, machine in enumerate(dbn.machines):
        if machine is dbn.machines[-1] and dbn.n_labels:
            h = machine.join(h, torch.as_tensor(labels))
        start_at_mean(machine, h)
        settings = {"persistent": True, "learning_rate": learning_rate, "batch_size": batch_size}
        settings |= {"average": average, "n_steps": steps[k], "seed": seed + k} | options
        fit_contrastive(machine, h, **settings)
        if k < len(dbn.machines) - 1:
            h = machine.sample_hidden(h, rng=rng).detach()
