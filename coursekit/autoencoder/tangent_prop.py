"""Tangent prop: a classifier should not answer to movements along the sheet on which the data lie.

At an image x let t be a tangent vector, the direction in which x sets out when it is moved a little. The
classifier's outputs f then set out along J t with J = df/dx, and the penalty is the squared length of that:

    loss = cross-entropy + weight * mean over the images of sum_m |J(x) t_m|^2

For a step s along t, f(x + s t) - f(x) = s J t + O(s^2): the penalty is what training on moved copies asks
for when the moves are small.

    x         (n, d)       images
    tangents  (n, m, d)    m tangent vectors at each image
    slopes    (n, m, k)    J t for each of them; k outputs

Sources: Simard et al. 1992 (tangent prop); Rifai et al. 2011b, section 4 (with an encoder's tangents).
Notebook: 10_autoencoders.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F


def shift_tangents(x: Tensor, image_shape: tuple[int, int]) -> Tensor:
    """The directions in which images set out when moved to the right and down: (n, 2, d), per pixel.

    Central differences of neighbouring pixels, paper (0) around the image; x (n, d).

    Args:
        image_shape: (height, width), h w = d.
    """
    around = F.pad(x.reshape(-1, *image_shape), (1, 1, 1, 1))
    right = (around[:, 1:-1, :-2] - around[:, 1:-1, 2:]) / 2
    down = (around[:, :-2, 1:-1] - around[:, 2:, 1:-1]) / 2
    return torch.stack([right.flatten(1), down.flatten(1)], dim=1)


def slopes(network: Callable[[Tensor], Tensor], x: Tensor, tangents: Tensor) -> Tensor:
    """Derivatives of network's outputs at x (n, d) along tangents (n, m, d): (n, m, k)."""
    x = x.detach().requires_grad_()
    outputs = network(x)
    # J'u is linear in u, so its derivative by u, applied to t, is J t.
    u = torch.zeros_like(outputs, requires_grad=True)
    (back,) = torch.autograd.grad(outputs, x, u, create_graph=True)
    along = [torch.autograd.grad(back, u, t, create_graph=True)[0] for t in tangents.unbind(1)]
    return torch.stack(along, dim=1)


def tangent_penalty(network: Callable[[Tensor], Tensor], x: Tensor, tangents: Tensor) -> Tensor:
    """sum_m |J t_m|^2 at each row of x (n, d); tangents (n, m, d) -> (n,).

    Args:
        network: what is kept from changing, module or function (n, d) -> (n, k).
    """
    return (slopes(network, x, tangents) ** 2).sum((1, 2))
