"""DCGAN: a generator and a discriminator made of convolutions, after five rules found by trying.

The generator starts from a small image with many channels and doubles its sides with transposed convolutions;
the discriminator goes the other way with strided ones. What made the pair train are five rules:

    1  strided convolutions do the shrinking and the growing, no pooling
    2  batch norm after every hidden layer, but not at the pixels: neither the generator's last layer nor the
       discriminator's first
    3  no fully connected hidden layer
    4  ReLU in the generator, tanh at its end
    5  leaky ReLU in the discriminator

Each is a switch of `dcgan`, so that it can be left out. A transposed convolution is the adjoint of a
convolution, the matrix transposed and not inverted: <conv(x), y> = <x, conv_transpose(y)>. Its kernel is 4
wide and its stride 2, so that every output pixel is reached by equally many inputs; with 3 and 2 the numbers
alternate, and the image shows a checkerboard.

    z  (n, n_latent), standard normal latents       x  (n, channels, height, width), values in [-1, 1]

Sources: Radford, Metz & Chintala 2016, section 3; Odena, Dumoulin & Olah 2016 (checkerboards). Notebook 13.
"""

import math
from typing import Literal

from torch import nn

from coursekit.inputs import one_of, positive_int
from coursekit.networks import activation_layer

SMALLEST = 4  # sides are halved until they are at most this


def dcgan(
    shape: tuple[int, int, int],
    *,
    n_latent: int,
    width: int = 32,
    strided: bool = True,
    batch_norm: bool = True,
    dense: int = 0,
    dense_norm: bool = False,
    activation: str = "relu",
    output: Literal["tanh", "sigmoid", "linear"] = "tanh",
    discriminator_activation: str = "leaky_relu",
) -> tuple[nn.Sequential, nn.Sequential]:
    """(generator, discriminator) of one game on images; each switch leaves out one of the five rules.

    The generator maps z (n, n_latent) to images (n, *shape), the discriminator images to raw scores (n, 1).
    The discriminator's last layer is linear, so `discriminator[:-1]` makes features (n, k), with
    k = `discriminator[-1].in_features`, for whoever wants to ask more of them than one score.

    >>> generator, discriminator = dcgan((1, 14, 14), n_latent=8, width=4)
    >>> generator(torch.zeros(3, 8)).shape, discriminator(torch.zeros(3, 1, 14, 14)).shape
    (torch.Size([3, 1, 14, 14]), torch.Size([3, 1]))

    Args:
        shape: (channels, height, width) of an image; the sides are halved, rounded down, until both are at
            most 4: 16 -> 8 -> 4, 14 -> 7 -> 3.
        n_latent: entries of z.
        width: channels after the first halving; twice as many after each further one.
        strided: rule 1; False shrinks by average pooling and grows by repeating pixels, each beside a 3 x 3
            convolution.
        batch_norm: rule 2.
        dense: rule 3; width of a fully connected hidden layer at the small end of both networks, 0 for none.
        dense_norm: batch norm after that layer too.
        activation: rule 4, of the generator's hidden layers; a name of `networks.ACTIVATIONS`.
        output: rule 4, at the generator's pixels.
        discriminator_activation: rule 5.

    Raises:
        ValueError: an image too small to be halved, or an unknown activation.
    """
    one_of("output", output, ("tanh", "sigmoid", "linear"))
    n_latent, width = positive_int(n_latent, "n_latent"), positive_int(width, "width")
    dense = positive_int(dense, "dense", low=0)
    n_colours, *sides = shape
    if len(sides) != 2 or min(sides) < 2 or max(sides) <= SMALLEST:
        raise ValueError(f"shape must be (channels, height, width), more than 4 pixels wide, got {shape}")
    sizes, channels = [tuple(sides)], [n_colours]  # from the whole image down to the smallest
    while max(sizes[-1]) > SMALLEST:
        sizes.append(tuple(max(1, side // 2) for side in sizes[-1]))
        channels.append(width * 2 ** (len(sizes) - 2))
    small = (channels[-1], *sizes[-1])

    def hidden(layer, n, name):
        return [layer, *([nn.BatchNorm2d(n)] if batch_norm else []), activation_layer(name)]

    def dense_layer(n_in, name):
        norm = [nn.BatchNorm1d(dense)] if dense_norm else []
        return [nn.Linear(n_in, dense), *norm, activation_layer(name)] if dense else []

    start = nn.Sequential(nn.Linear(dense or n_latent, math.prod(small)), nn.Unflatten(1, small))
    up = dense_layer(n_latent, activation)
    up += hidden(start, channels[-1], activation)
    for i in range(len(sizes) - 1, 1, -1):
        up += hidden(
            growing(channels[i], channels[i - 1], sizes[i - 1], strided), channels[i - 1], activation
        )
    up += [growing(channels[1], n_colours, sizes[0], strided), activation_layer(output)]

    name = discriminator_activation
    down = [shrinking(n_colours, channels[1], strided), activation_layer(name)]
    for i in range(1, len(sizes) - 1):
        down += hidden(shrinking(channels[i], channels[i + 1], strided), channels[i + 1], name)
    down += [nn.Flatten(), *dense_layer(math.prod(small), name)]
    return nn.Sequential(*up), nn.Sequential(*down, nn.Linear(dense or math.prod(small), 1))


def growing(n_in: int, n_out: int, size: tuple[int, ...], strided: bool = True) -> nn.Module:
    """A layer that doubles the sides of an image: (n, n_in, size // 2) -> (n, n_out, *size).

    Args:
        n_in: channels that come in.
        n_out: channels that go out.
        size: (height, width) of the result.
        strided: by a strided convolution, else by repeating pixels.
    """
    if strided:
        odd = tuple(side % 2 for side in size)
        return nn.ConvTranspose2d(n_in, n_out, 4, stride=2, padding=1, output_padding=odd)
    return nn.Sequential(nn.Upsample(size=size), nn.Conv2d(n_in, n_out, 3, padding=1))


def shrinking(n_in: int, n_out: int, strided: bool = True) -> nn.Module:
    """A layer that halves the sides, rounded down: (n, n_in, h, w) -> (n, n_out, h // 2, w // 2).

    Args:
        n_in: channels that come in.
        n_out: channels that go out.
        strided: by a strided convolution, else by pooling.
    """
    if strided:
        return nn.Conv2d(n_in, n_out, 4, stride=2, padding=1)
    return nn.Sequential(nn.Conv2d(n_in, n_out, 3, padding=1), nn.AvgPool2d(2))
