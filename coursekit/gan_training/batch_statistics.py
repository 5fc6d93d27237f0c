"""What a layer may know of the other samples in its batch: batch norms, and features of a whole minibatch.

Batch norm makes the samples of a batch depend on each other. For a generator that is a fault: its images
are then not drawn independently. Virtual batch norm removes it by taking mean and variance from a reference
batch that is chosen once, with each sample counted in by itself. For a discriminator it can be a merit: one
that judges a sample at a time does not notice a generator which always makes the same one. Minibatch
discrimination tells it, for every sample, how near the others are.

    virtual batch norm        (x_i - m_i) / sqrt(s_i + eps) * weight + bias,
                              m_i, s_i  mean and variance of reference and x_i together, m + 1 rows
    minibatch discrimination  M_i = x_i T,    o(x_i)_b = sum_j exp(-||M_ib - M_jb||_1)

    x  (n, d)    reference  (m, d)    T  (d, b, c)    M  (n, b, c)    o  (n, b), in [1, n]

Sources: Ioffe & Szegedy 2015; Salimans et al. 2016, sections 3.2 and 3.5. The deck's wording of virtual batch
norm, reference and the *whole* current batch, still couples the samples. Notebook 13.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from coursekit.inputs import as_input, as_tensor, positive_int, real_number


def coupling(layer: Callable[[Tensor], Tensor], x: Any) -> float:
    """How strongly a sample's output depends on the other samples of its batch; 0: not at all.

    The share of the squared Jacobian d layer(x)_i / d x_j that is off its diagonal, j != i, relative to what
    is on it, summed over all entries; its square root.

    >>> coupling(torch.relu, torch.ones(4, 3))
    0.0

    Args:
        layer: (n, d) -> (n, k), differentiable.
        x: batch (n, d), at least 2 rows.

    Raises:
        ValueError: x is no batch of at least two rows.
    """
    x = as_tensor(x)
    if x.ndim != 2 or len(x) < 2:
        raise ValueError(f"x must be a batch (n, d) of at least 2 rows, got {tuple(x.shape)}")
    jacobian = torch.autograd.functional.jacobian(layer, x)  # (n, k, n, d)
    squares = jacobian.square().sum((1, 3))  # (n, n)
    own = squares.diagonal().sum()
    return ((squares.sum() - own) / own).sqrt().item()


class VirtualBatchNorm(nn.Module):
    """Batch norm whose statistics come from a fixed reference batch and the sample itself: (n, d) -> (n, d).

    No sample sees another one of its batch, so a batch of one is possible, and training and use are alike.
    Inside a network the reference is first taken through the layers below, and `refer` renews it when their
    weights have moved: a second forward pass at every step, which is what this costs.

    >>> VirtualBatchNorm(torch.randn(8, 3))(torch.randn(2, 3)).shape
    torch.Size([2, 3])

    Args:
        reference: (m, d), inputs of this layer for the reference batch.
        epsilon: added to the variance.
    """

    def __init__(self, reference: Any, *, epsilon: float = 1e-5):
        super().__init__()
        self.epsilon = real_number(epsilon, "epsilon", above=0)
        reference = as_input(reference, (None,), like=nn.Identity(), name="reference")
        self.weight = nn.Parameter(torch.ones(reference.shape[1], dtype=reference.dtype))
        self.bias = nn.Parameter(torch.zeros(reference.shape[1], dtype=reference.dtype))
        self.register_buffer("mean", None)
        self.register_buffer("variance", None)
        self.refer(reference)

    def refer(self, reference: Any) -> None:
        """Take the statistics of another reference batch (m, d); gradients flow through it."""
        reference = as_input(reference, self.weight.shape[0], like=self.weight, name="reference")
        if len(reference) == 0:
            raise ValueError("the reference batch must hold at least one row")
        self.n_reference = len(reference)
        self.mean, self.variance = reference.mean(0), reference.var(0, correction=0)

    def forward(self, x: Tensor) -> Tensor:
        m, gap = self.n_reference, x - self.mean
        # Mean and variance of m rows and one more, from those of the m rows.
        variance = m / (m + 1) * (self.variance + gap**2 / (m + 1))
        return gap * m / (m + 1) / (variance + self.epsilon).sqrt() * self.weight + self.bias


class MinibatchDiscrimination(nn.Module):
    """Appends to each sample's features how near the others of its batch are: (n, d) -> (n, d + n_features).

    Each of n_features looks along its own n_dims directions. A sample with no other one near gets 1 (itself),
    one whose n - 1 companions are all equal to it gets n.

    >>> MinibatchDiscrimination(3, 2, 4)(torch.randn(6, 3)).shape
    torch.Size([6, 5])

    Args:
        n_inputs: d.
        n_features: b, how many numbers are appended.
        n_dims: c, dimensions in which each of them measures distance.
    """

    def __init__(self, n_inputs: int, n_features: int, n_dims: int = 5):
        super().__init__()
        n_inputs, n_features = positive_int(n_inputs, "n_inputs"), positive_int(n_features, "n_features")
        n_dims = positive_int(n_dims, "n_dims")
        # Distances of standardised inputs are then of order 1, where the exponential has a slope.
        self.directions = nn.Parameter(torch.randn(n_inputs, n_features, n_dims) / (n_inputs**0.5 * n_dims))

    def closeness(self, x: Tensor) -> Tensor:
        """The appended numbers alone, o(x) (n, n_features)."""
        M = torch.einsum("nd,dbc->nbc", x, self.directions)
        distance = (M[:, None] - M[None]).abs().sum(3)  # (n, n, b), L1
        return torch.exp(-distance).sum(1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.closeness(x)], dim=1)


@torch.no_grad()
def recompute_statistics(network: nn.Module, batches: Any) -> None:
    """Measure the running mean and variance of every batch norm anew, in place; leaves evaluation mode.

    Needed after averaging weights: the running statistics still belong to the last weights, not to their
    average. Each batch counts alike.

    Args:
        network: module with batch-norm layers, or without any, which is left as it is.
        batches: iterable of inputs, such as latents `z.split(128)`.
    """
    norms = [layer for layer in network.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # PyTorch's way of asking for a plain mean
    network.train()
    for batch in batches:
        network(batch)
    network.eval()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
