"""Autoencoders: squeeze the data through a short code, and learn what the code must keep.

An encoder f maps x to a code z = f(x), a decoder g maps it back; both learn to make g(f(x)) resemble x.
With linear maps this is principal component analysis; with deep ones the subspace becomes a curved sheet.
Noise on the input (denoising) or a penalty on the encoder's slope (contractive) keeps it from copying.

Objective, mean over the batch, squared error summed over the inputs:

    loss = |g(f(x~)) - x|^2 + contraction * |df/dx|_F^2

Up to constants the first term is -log p(x | z) of a Gaussian around g(z) with fixed variance. For data in
[0, 1] the Bernoulli likelihood, a cross-entropy, may take its place; pixels then come out of a sigmoid.

    x       (n, n_inputs)          data
    x~      (n, n_inputs)          x after the corruption; x itself if noise = 0
    z       (n, n_code)            code
    J       (n, n_code, n_inputs)  Jacobian df/dx of the encoder at each x

Sources: Hinton & Salakhutdinov 2006 (deep); Vincent et al. 2010, section 2 (denoising); Rifai et al. 2011a
(contractive) and 2011b, section 3 (tangent vectors).
Notebook: 10_autoencoders.
"""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.nn import functional as F

from coursekit.draws import normal, uniform
from coursekit.inputs import as_input, one_of, positive_int, positive_ints, real_number
from coursekit.networks import activation_layer

NOISE_KINDS = ("gaussian", "masking")
OUTPUTS = {"gaussian": "linear", "bernoulli": "sigmoid"}  # likelihood -> activation of the last layer


def corrupt(
    x: Tensor, amount: float, kind: str = "gaussian", *, rng: torch.Generator | None = None
) -> Tensor:
    """x with noise, of the shape of x.

    Args:
        x: (n, ...), the clean examples.
        amount: of "gaussian" noise the standard deviation, in units of x; of "masking" the probability with
            which an entry is set to 0.
        kind: "gaussian" or "masking".
        rng: generator on the device of x.
    """
    one_of("noise_kind", kind, NOISE_KINDS)
    real_number(amount, "amount", low=0, high=1 if kind == "masking" else math.inf, below=math.inf)
    if kind == "gaussian":
        return x + amount * normal(x, rng)
    return x * (uniform(x, rng) >= amount)


def squared_error(x: Tensor, y: Tensor) -> Tensor:
    """|x - y|^2 of each example, summed over its entries; (n, ...) -> (n,)."""
    return ((x - y) ** 2).flatten(1).sum(-1)


def cross_entropy(y: Tensor, x: Tensor) -> Tensor:
    """-log p of x (n, ...) in [0, 1] under independent Bernoulli of mean y, summed over the entries; (n,)."""
    return F.binary_cross_entropy(y, x, reduction="none").flatten(1).sum(-1)


def posterior_mean(points: ArrayLike, seen: ArrayLike, sigma: float) -> Tensor:
    """E[x | x~] at each row of seen (m, d), if x is a uniformly drawn row of points (n, d); (m, d).

    x~ = x + sigma e, e standard normal. Each point counts by the probability that it was the one (Bayes):
    the best denoiser of a finite list of points for squared error.

    Args:
        points: (n, d), what x may be, each as likely as the others.
        seen: (m, d), noisy examples x~.
        sigma: standard deviation of the noise.
    """
    real_number(sigma, "sigma", above=0)
    points, seen = torch.tensor(np.asarray(points)), torch.tensor(np.asarray(seen))
    squares = ((seen[:, None] - points) ** 2).sum(-1)  # (m, n)
    return torch.softmax(-squares / (2 * sigma**2), dim=1) @ points


def sigmoid_jacobian_norm(z: Tensor, weight: Tensor) -> Tensor:
    """|J|_F^2 of a layer z = sigmoid(W x + b), (n,); z (n, n_code), weight W (n_code, n_inputs).

    Row j of J is z_j (1 - z_j) W_j, so that no differentiation is needed (Rifai et al. 2011a).
    """
    return (z * (1 - z)) ** 2 @ (weight**2).sum(1)


class TiedLinear(nn.Module):
    """z -> W' z + b with the weight W of another linear layer and a bias of its own.

    >>> TiedLinear(nn.Linear(5, 2))(torch.zeros(3, 2)).shape
    torch.Size([3, 5])

    Args:
        layer: the other one, (n, n_inputs) -> (n, n_code); this one goes back.
    """

    def __init__(self, layer: nn.Linear):
        super().__init__()
        self.layer = layer
        self.bias = nn.Parameter(torch.zeros(layer.in_features))

    def forward(self, z: Tensor) -> Tensor:
        return F.linear(z, self.layer.weight.T, self.bias)


class Autoencoder(nn.Module):
    """Encoder n_inputs -> hidden -> n_code and its mirror image as decoder, all layers fully connected.

    >>> Autoencoder(64, 2, hidden=(32, 16)).encode(torch.zeros(3, 64)).shape
    torch.Size([3, 2])

    Args:
        n_inputs: values per example.
        n_code: length of the code.
        hidden: widths of the encoder's hidden layers; the decoder has them in reverse.
        activation: of the hidden layers, of networks.ACTIVATIONS; "linear" for none.
        code_activation: of the code; by default linear, but `activation` where there are no hidden layers.
        likelihood: "gaussian" (squared error, linear output) or "bernoulli" (cross-entropy, sigmoid output;
            x in [0, 1]).
        norm: LayerNorm before each hidden activation; deep networks train much faster with it.
        tied: decoder weights are the encoder's, transposed.
        noise: how much `loss` corrupts what the encoder sees; see `corrupt`.
        noise_kind: "gaussian" or "masking".
        contraction: weight of the penalty |J|_F^2.

    Raises:
        ValueError: an unknown choice, or a negative amount.
    """

    def __init__(
        self,
        n_inputs: int,
        n_code: int,
        *,
        hidden: int | Sequence[int] = (),
        activation: str = "relu",
        code_activation: str | None = None,
        likelihood: Literal["gaussian", "bernoulli"] = "gaussian",
        norm: bool = False,
        tied: bool = False,
        noise: float = 0.0,
        noise_kind: Literal["gaussian", "masking"] = "gaussian",
        contraction: float = 0.0,
    ):
        super().__init__()
        self.n_inputs, self.n_code = positive_int(n_inputs, "n_inputs"), positive_int(n_code, "n_code")
        self._set_objective(likelihood, noise, noise_kind, contraction)
        hidden = positive_ints(hidden, "hidden")
        code_activation = code_activation or ("linear" if hidden else activation)
        sizes = [n_inputs, *hidden, n_code]
        down = [nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:], strict=True)]
        up = [TiedLinear(a) if tied else nn.Linear(a.out_features, a.in_features) for a in reversed(down)]
        # Block k of the encoder and block -1 - k of the decoder undo each other.
        self.encoder = _blocks(down, sizes[1:], activation, code_activation, norm)
        self.decoder = _blocks(up, sizes[-2::-1], activation, "linear", norm)
        self.one_sigmoid_layer = len(down) == 1 and code_activation == "sigmoid"

    def _set_objective(self, likelihood, noise, noise_kind, contraction):
        self.likelihood = one_of("likelihood", likelihood, OUTPUTS)
        self.noise_kind = one_of("noise_kind", noise_kind, NOISE_KINDS)
        below = 1 if noise_kind == "masking" else math.inf
        self.noise = real_number(noise, "noise", low=0, below=below)
        self.contraction = real_number(contraction, "contraction", low=0)
        # One draw, as ever: without it each seed would start from other weights.
        corrupt(torch.zeros(1, 1), self.noise, self.noise_kind)
        self.output = activation_layer(OUTPUTS[likelihood])

    def encode(self, x: Tensor) -> Tensor:
        """Codes z = f(x); (n, n_inputs) -> (n, n_code)."""
        return self.encoder(as_input(x, self.n_inputs, like=self, finite=False))

    def decode(self, z: Tensor) -> Tensor:
        """Reconstructions g(z); (n, n_code) -> (n, n_inputs)."""
        return self.output(self.decoder(as_input(z, self.n_code, like=self, name="z", finite=False)))

    def reconstruct(self, x: Tensor) -> Tensor:
        """x through the code and back, without noise; (n, n_inputs) -> the same shape."""
        return self.decode(self.encode(x))

    def jacobian(self, x: Tensor) -> Tensor:
        """J = df/dx at each row of x, (n, n_code, n_inputs), by automatic differentiation."""
        x = as_input(x, self.n_inputs, like=self)
        return torch.func.vmap(torch.func.jacrev(lambda row: self.encode(row[None])[0]))(x)

    def jacobian_norm(self, x: Tensor) -> Tensor:
        """|J|_F^2 at each row of x, (n,): in closed form for one sigmoid layer, else from `jacobian`."""
        if self.one_sigmoid_layer:
            return sigmoid_jacobian_norm(self.encode(x), self.encoder[0][0].weight)
        return (self.jacobian(x) ** 2).sum((1, 2))

    def tangent_vectors(self, x: Tensor, n_vectors: int) -> Tensor:
        """The directions in which the code of x moves most, orthonormal rows, (n, n_vectors, n_inputs).

        J = U D V': these are the columns of V of the largest singular values (Rifai et al. 2011b, section 3).
        """
        positive_int(n_vectors, "n_vectors", high=min(self.n_code, self.n_inputs))  # the rank of J
        return torch.linalg.svd(self.jacobian(x), full_matrices=False).Vh[:, :n_vectors]

    def loss(self, x: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """Objective of the head of this file, a scalar; x (n, n_inputs)."""
        low, high = (0, 1) if self.likelihood == "bernoulli" else (-math.inf, math.inf)
        x = as_input(x, self.n_inputs, like=self, low=low, high=high)
        seen = corrupt(x, self.noise, self.noise_kind, rng=rng) if self.noise else x
        drive = self.decoder(self.encode(seen))
        if self.likelihood == "gaussian":
            loss = squared_error(drive, x).mean()
        else:
            # `cross_entropy` of sigmoid(drive), with a slope even where the sigmoid rounds to 0 or 1.
            loss = F.binary_cross_entropy_with_logits(drive, x, reduction="sum") / len(x)
        if self.contraction:
            loss = loss + self.contraction * self.jacobian_norm(x).mean()
        return loss


class ConvAutoencoder(Autoencoder):
    """An Autoencoder whose blocks look at neighbourhoods; x (n, height * width) as everywhere, grey values.

    The encoder's convolutions halve height and width, then one linear layer makes the code; the decoder
    doubles them by repeating pixels (nearest-neighbour upsampling) and convolves.

    >>> ConvAutoencoder((8, 8), 2, channels=(4, 8)).reconstruct(torch.zeros(3, 64)).shape
    torch.Size([3, 64])

    Args:
        image_shape: (height, width), each divisible by 2 for each entry of channels.
        n_code: length of the code.
        channels: number of channels after each of the encoder's 3 x 3 convolutions.
        activation: as in `Autoencoder`.
        likelihood: as in `Autoencoder`.
        noise: as in `Autoencoder`.
        noise_kind: as in `Autoencoder`.
        contraction: as in `Autoencoder`.
    """

    def __init__(
        self,
        image_shape: tuple[int, int],
        n_code: int,
        *,
        channels: int | Sequence[int] = (16, 32),
        activation: str = "relu",
        likelihood: Literal["gaussian", "bernoulli"] = "gaussian",
        noise: float = 0.0,
        noise_kind: Literal["gaussian", "masking"] = "gaussian",
        contraction: float = 0.0,
    ):
        nn.Module.__init__(self)
        height, width = positive_ints(image_shape, "image_shape", at_least=2, at_most=2)
        channels = positive_ints(channels, "channels")
        self.n_inputs, self.n_code = height * width, positive_int(n_code, "n_code")
        self._set_objective(likelihood, noise, noise_kind, contraction)
        self.one_sigmoid_layer = False
        shrink = 2 ** len(channels)
        if not channels or height % shrink or width % shrink:
            raise ValueError(
                f"height and width must be divisible by 2 ** {len(channels)} = {shrink}, got {image_shape}"
            )
        small = (channels[-1], height // shrink, width // shrink)
        n_small = small[0] * small[1] * small[2]
        encoder = [nn.Sequential(nn.Flatten(), nn.Linear(n_small, n_code))]
        decoder = [
            nn.Sequential(nn.Linear(n_code, n_small), activation_layer(activation), nn.Unflatten(1, small))
        ]
        sizes = [1, *channels]
        for i in reversed(range(len(channels))):
            down = [nn.Conv2d(sizes[i], sizes[i + 1], 3, stride=2, padding=1), activation_layer(activation)]
            up = [nn.Upsample(scale_factor=2), nn.Conv2d(sizes[i + 1], sizes[i], 3, padding=1)]
            if i == 0:
                down = [nn.Unflatten(1, (1, height, width)), *down]
                up += [nn.Flatten()]
            else:
                up += [activation_layer(activation)]
            encoder.insert(0, nn.Sequential(*down))
            decoder.append(nn.Sequential(*up))
        self.encoder, self.decoder = nn.Sequential(*encoder), nn.Sequential(*decoder)


def _blocks(linears, sizes, activation, last_activation, norm):
    """One block a layer: linear map, then (LayerNorm and) activation; the last without LayerNorm."""
    blocks = []
    for i, (linear, size) in enumerate(zip(linears, sizes, strict=True)):
        last = i == len(linears) - 1
        middle = [nn.LayerNorm(size)] if norm and not last else []
        blocks.append(
            nn.Sequential(linear, *middle, activation_layer(last_activation if last else activation))
        )
    return nn.Sequential(*blocks)
