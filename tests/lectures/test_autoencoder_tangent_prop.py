"""tangent_prop: slopes along directions, and what images do when they move."""

import numpy as np
import torch
from torch import nn

from coursekit.autoencoder import recipe, shift_tangents, slopes, tangent_penalty


def a_network(width=6):
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(width, 5), nn.Tanh(), nn.Linear(5, 3)).double()


def test_slopes_are_those_of_finite_differences():
    network, rng = a_network(), np.random.default_rng(0)
    x, tangents = torch.tensor(rng.normal(size=(4, 6))), torch.tensor(rng.normal(size=(4, 2, 6)))
    found = slopes(network, x, tangents)
    assert found.shape == (4, 2, 3)
    for m in range(2):
        step = 1e-5 * tangents[:, m]
        torch.testing.assert_close(found[:, m], (network(x + step) - network(x - step)) / 2e-5)
    torch.testing.assert_close(tangent_penalty(network, x, tangents), (found**2).sum((1, 2)))
    assert tangent_penalty(network, x, tangents).requires_grad  # it can be trained


def test_the_penalty_is_zero_along_directions_that_the_network_does_not_see():
    network = a_network()
    blind = torch.linalg.svd(network[0].weight, full_matrices=True).Vh[-1]  # 5 outputs of 6 inputs
    x = torch.randn(4, 6, dtype=torch.float64)
    penalty = tangent_penalty(network, x, blind.expand(4, 1, 6))
    torch.testing.assert_close(penalty, torch.zeros(4, dtype=torch.float64), atol=1e-20, rtol=0)


def test_shift_tangents_are_the_first_order_of_moving_a_picture():
    # A ramp of ink in the middle of paper: one pixel to the right takes one unit off every inner pixel.
    image = torch.zeros(1, 6, 6, dtype=torch.float64)
    image[0, 1:5, 1:5] = torch.arange(1.0, 5.0, dtype=torch.float64)
    right, down = shift_tangents(image.reshape(1, 36), (6, 6))[0].reshape(2, 6, 6)
    torch.testing.assert_close(right[2, 2:4], torch.tensor([-1.0, -1.0], dtype=torch.float64))
    torch.testing.assert_close(down[2:4, 2:4], torch.zeros(2, 2, dtype=torch.float64))
    # Turning the picture turns the directions into each other, and no ink is made inside the frame.
    turned = shift_tangents(image.mT.reshape(1, 36), (6, 6))[0].reshape(2, 6, 6)
    torch.testing.assert_close(turned[1], right.mT)
    torch.testing.assert_close(right.sum(), torch.tensor(0.0, dtype=torch.float64))


def test_moved_by_a_pixel_moves_right_left_down_and_up():
    image = torch.zeros(1, 14, 14)
    image[0, 4, 7] = 1
    found = recipe.moved_by_a_pixel(image.reshape(1, 196)).reshape(4, 14, 14)
    assert [tuple(each.nonzero()[0].tolist()) for each in found] == [(4, 8), (4, 6), (5, 7), (3, 7)]


def test_a_classifier_with_the_penalty_is_flatter_along_the_tangents():
    rng = torch.Generator().manual_seed(0)
    x, labels = torch.rand(30, 196, generator=rng), torch.arange(30) % 10
    tangents = shift_tangents(x, (14, 14))
    flat, steep = (
        recipe.tangent_classifier(x, labels, tangents=tangents, weight=weight, seed=0, n_steps=40)
        for weight in (0.03, 0.0)
    )
    assert tangent_penalty(flat, x, tangents).mean() < 0.5 * tangent_penalty(steep, x, tangents).mean()
    rows = recipe.few_labels(labels, 2, seed=1)
    assert sorted(labels[rows].tolist()) == sorted(2 * list(range(10)))
