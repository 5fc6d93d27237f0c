"""Lecture 13, batches: coupling, virtual batch norm, minibatch discrimination, running statistics."""

import pytest
import torch
from torch import nn

from coursekit.gan_training import (
    MinibatchDiscrimination,
    VirtualBatchNorm,
    coupling,
    dcgan,
    recompute_statistics,
)


@pytest.fixture
def double():
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(torch.float32)


def plain(x):
    return (x - x.mean(0)) / (x.var(0, correction=0) + 1e-5).sqrt()


def test_coupling_of_layers_that_are_known(double):
    x = torch.randn(6, 3)
    assert coupling(torch.tanh, x) == 0
    assert coupling(plain, x) > 0.1
    # y_i = x_i - mean: diagonal (1 - 1/n), off it -1/n: n (n - 1) / n^2 over n (1 - 1/n)^2 = 1 / (n - 1).
    assert coupling(lambda x: x - x.mean(0), x) == pytest.approx((1 / 5) ** 0.5)
    # A weighted sum over the batch, entry by entry.
    A = torch.randn(6, 6)
    off = A.square().sum() - A.diagonal().square().sum()
    assert coupling(lambda x: A @ x, x) == pytest.approx((off / A.diagonal().square().sum()).sqrt().item())


def test_coupling_wants_a_batch():
    with pytest.raises(ValueError, match="at least 2 rows"):
        coupling(torch.tanh, torch.randn(1, 3))


def test_virtual_batch_norm_is_that_of_the_union(double):
    reference, x = 3 + 2 * torch.randn(7, 4), torch.randn(5, 4)
    norm = VirtualBatchNorm(reference)
    with torch.no_grad():
        norm.weight.normal_()
        norm.bias.normal_()
    for row, y in zip(x, norm(x), strict=True):
        union = torch.cat([reference, row[None]])
        expected = nn.functional.batch_norm(union, None, None, norm.weight, norm.bias, training=True)[-1]
        torch.testing.assert_close(y, expected)


def test_virtual_batch_norm_does_not_couple(double):
    x, norm = torch.randn(5, 4), VirtualBatchNorm(torch.randn(7, 4))
    assert coupling(norm, x) == 0
    assert coupling(plain, x) > 0.1
    torch.testing.assert_close(norm(x)[:1], norm(x[:1]))  # a batch of one


def test_virtual_batch_norm_tends_to_the_reference(double):
    x = torch.randn(5, 4)
    gaps = []
    for m in (10, 100, 1000):
        reference = torch.randn(m, 4) * 2 + 1
        alone = (x - reference.mean(0)) / (reference.var(0, correction=0) + 1e-5).sqrt()
        gaps.append((VirtualBatchNorm(reference)(x) - alone).abs().max().item())
    assert gaps[0] > 5 * gaps[1] > 25 * gaps[2]


def test_virtual_batch_norm_can_be_renewed_and_learned_through(double):
    first = nn.Linear(4, 3)
    norm, z, x = VirtualBatchNorm(torch.zeros(2, 3)), torch.randn(6, 4), torch.randn(2, 4)
    norm.refer(first(z))
    torch.testing.assert_close(norm(first(x)), VirtualBatchNorm(first(z))(first(x)))
    norm(first(x)).square().sum().backward()
    ours = first.weight.grad.clone()
    first.zero_grad()
    rows = [plain(torch.cat([first(z), first(row[None])]))[-1] for row in x]
    torch.stack(rows).square().sum().backward()
    torch.testing.assert_close(ours, first.weight.grad)


def test_virtual_batch_norm_bad_input():
    with pytest.raises(ValueError, match="reference must have shape"):
        VirtualBatchNorm(torch.randn(3))
    with pytest.raises(ValueError, match="at least one row"):
        VirtualBatchNorm(torch.randn(0, 3))
    with pytest.raises(ValueError, match="reference must have shape"):
        VirtualBatchNorm(torch.randn(3, 2)).refer(torch.randn(3, 4))


def test_closeness_by_loops(double):
    layer, x = MinibatchDiscrimination(4, 3, 2), torch.randn(5, 4)
    T = layer.directions
    expected = torch.zeros(5, 3)
    for i in range(5):
        for j in range(5):
            for b in range(3):
                distance = sum(abs(x[i] @ T[:, b, c] - x[j] @ T[:, b, c]) for c in range(2))
                expected[i, b] += torch.exp(-distance)
    torch.testing.assert_close(layer.closeness(x), expected)
    torch.testing.assert_close(layer(x), torch.cat([x, expected], 1))


def test_closeness_is_between_one_and_n_and_follows_its_rows(double):
    layer, x = MinibatchDiscrimination(4, 3, 2), torch.randn(6, 4)
    o = layer.closeness(x)
    assert (o >= 1).all() and (o <= 6).all()
    rows = torch.tensor([3, 0, 5, 1, 4, 2])
    torch.testing.assert_close(layer.closeness(x[rows]), o[rows])
    torch.testing.assert_close(layer.closeness(x[:1].repeat(6, 1)), torch.full((6, 3), 6.0))
    torch.testing.assert_close(layer.closeness(1e6 * x), torch.ones(6, 3))


def test_gradient_of_closeness(double):
    layer, x = MinibatchDiscrimination(4, 3, 2), torch.randn(5, 4, requires_grad=True)
    assert torch.autograd.gradcheck(layer.closeness, x)
    # At a perfect collapse there is no way out: every distance is at its kink, and PyTorch takes slope 0.
    same = torch.randn(1, 4).repeat(5, 1).requires_grad_()
    (slope,) = torch.autograd.grad(layer.closeness(same).sum(), same)
    assert slope.abs().max() == 0


def test_statistics_are_those_of_the_present_weights():
    torch.manual_seed(0)
    generator, _ = dcgan((1, 14, 14), n_latent=5, width=2)
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.normal_()
    z = torch.randn(256, 5)
    recompute_statistics(generator, [z])
    norm = next(layer for layer in generator.modules() if isinstance(layer, nn.BatchNorm2d))
    assert not generator.training and norm.momentum == 0.1
    torch.testing.assert_close(norm.running_mean, generator[0](z).mean((0, 2, 3)))
    with torch.no_grad():
        used = generator(z)
        generator.train()
        torch.testing.assert_close(used, generator(z), atol=2e-2, rtol=0)  # n against n - 1 in the variance


def test_what_was_seen_before_is_forgotten():
    network = nn.Sequential(nn.BatchNorm1d(2))
    network(100 + torch.randn(50, 2))
    x = torch.randn(60, 2)
    recompute_statistics(network, x.split(20))
    torch.testing.assert_close(network[0].running_mean, x.mean(0))


def test_statistics_of_a_network_without_norms():
    network = nn.Sequential(nn.Linear(2, 2))
    before = network[0].weight.clone()
    recompute_statistics(network, [torch.randn(4, 2)])
    torch.testing.assert_close(network[0].weight, before)
