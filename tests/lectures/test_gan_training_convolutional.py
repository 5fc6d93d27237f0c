"""Lecture 13, convolutions: the shapes of DCGAN, each rule a switch, the adjoint, the checkerboard."""

import pytest
import torch
from torch import nn

from coursekit import gan
from coursekit.gan_training import dcgan, growing, shrinking


@pytest.mark.parametrize("shape", [(1, 14, 14), (3, 16, 16), (1, 28, 28), (1, 8, 8), (2, 9, 21)])
@pytest.mark.parametrize("strided", [True, False])
def test_generator_makes_images_and_discriminator_one_score_each(shape, strided):
    generator, discriminator = dcgan(shape, n_latent=5, width=2, strided=strided)
    images = generator(torch.randn(4, 5))
    assert images.shape == (4, *shape)
    assert images.abs().max() <= 1
    assert discriminator(images).shape == (4, 1)
    assert discriminator[:-1](images).shape == (4, discriminator[-1].in_features)


def layers(network, kind):
    return [layer for layer in network.modules() if isinstance(layer, kind)]


def test_each_rule_is_a_switch():
    whole = dcgan((1, 16, 16), n_latent=5, width=2)
    for network in whole:
        assert layers(network, nn.BatchNorm2d)
        assert not layers(network, (nn.AvgPool2d, nn.Upsample))
        assert len(layers(network, nn.Linear)) == 1
    assert not any(layers(n, nn.BatchNorm2d) for n in dcgan((1, 16, 16), n_latent=5, batch_norm=False))
    generator, discriminator = dcgan((1, 16, 16), n_latent=5, strided=False)
    assert not layers(generator, nn.ConvTranspose2d)
    assert not [conv for conv in layers(discriminator, nn.Conv2d) if conv.stride != (1, 1)]
    assert all(len(layers(n, nn.Linear)) == 2 for n in dcgan((1, 16, 16), n_latent=5, dense=7))
    for network in dcgan((1, 16, 16), n_latent=5, dense=7, dense_norm=True):
        (norm,) = layers(network, nn.BatchNorm1d)
        assert norm.num_features == 7
        assert isinstance(network[list(network).index(norm) - 1], nn.Linear)
    assert not any(layers(n, nn.BatchNorm1d) for n in dcgan((1, 16, 16), n_latent=5, dense=7))
    generator, discriminator = dcgan(
        (1, 16, 16), n_latent=5, output="linear", activation="silu", discriminator_activation="relu"
    )
    assert isinstance(generator[-1], nn.Identity) and layers(generator, nn.SiLU)
    assert not layers(discriminator, nn.LeakyReLU)


def test_no_batch_norm_at_the_pixels():
    generator, discriminator = dcgan((1, 16, 16), n_latent=5, width=2)
    assert isinstance(generator[-2], nn.ConvTranspose2d)
    assert isinstance(discriminator[1], nn.LeakyReLU)
    # One batch norm for each hidden image: 4 x 4 and 8 x 8 on the way up, 4 x 4 on the way down.
    assert [len(layers(n, nn.BatchNorm2d)) for n in (generator, discriminator)] == [2, 1]


@pytest.mark.parametrize("size", [(8, 8), (7, 14), (5, 9)])
def test_growing_is_the_adjoint_of_shrinking(size):
    torch.manual_seed(0)
    grow, shrink = growing(3, 2, size).double(), shrinking(2, 3).double()
    shrink.load_state_dict({"weight": grow.weight, "bias": torch.zeros(3, dtype=torch.float64)})
    x = torch.randn(4, 2, *size, dtype=torch.float64)
    small = shrink(x)
    y = torch.randn_like(small)
    grown = grow(y) - grow.bias[:, None, None]
    torch.testing.assert_close((small * y).sum(), (x * grown).sum())


def test_no_checkerboard_inside():
    """On a constant image a kernel of 4 and a stride of 2 reach every inner pixel alike; 3 and 2 do not."""

    def spread(layer):
        nn.init.ones_(layer.weight)
        return layer(torch.ones(1, 1, 6, 6))[0, 0, 2:-2, 2:-2].detach().unique()

    assert len(spread(growing(1, 1, (12, 12)))) == 1
    assert len(spread(nn.ConvTranspose2d(1, 1, 3, stride=2, padding=1, output_padding=1))) > 1


def test_plays_a_game():
    game = gan.GAN(*dcgan((1, 14, 14), n_latent=5, width=2), n_latent=5)
    loss = game.opponent_loss(torch.randn(6, 1, 14, 14), game.generator(torch.randn(6, 5)))
    loss.backward()
    assert all(p.grad is not None for p in game.parameters())


def test_bad_input_gets_one_sentence():
    with pytest.raises(ValueError, match="more than 4 pixels"):
        dcgan((1, 4, 4), n_latent=5)
    with pytest.raises(ValueError, match="channels, height, width"):
        dcgan((1, 14), n_latent=5)
    with pytest.raises(ValueError, match="choose one of tanh"):
        dcgan((1, 14, 14), n_latent=5, output="softmax")
    with pytest.raises(ValueError, match="choose one of"):
        dcgan((1, 14, 14), n_latent=5, activation="gelu")
    with pytest.raises(ValueError, match="width must be at least 1"):
        dcgan((1, 14, 14), n_latent=5, width=0)
