"""Lecture 13, codes: lines and arcs between them, and the search for the code of a picture."""

import numpy as np
import pytest
import torch
from torch import nn

from coursekit.gan_training import find_code, great_circle, straight


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def test_both_ways_start_and_end_at_the_codes():
    a, b = torch.randn(2, 5, 7).double()
    for way in (straight, great_circle):
        torch.testing.assert_close(way(a, b, 0.0), a)
        torch.testing.assert_close(way(a, b, 1.0), b)


def test_the_arc_keeps_length_and_speed():
    a, b = nn.functional.normalize(torch.randn(2, 5, 7).double(), dim=-1)
    points = torch.stack([great_circle(a, b, t) for t in np.linspace(0, 1, 11)])
    torch.testing.assert_close(points.norm(dim=-1), torch.ones(11, 5).double())
    steps = (points[1:] - points[:-1]).norm(dim=-1)
    torch.testing.assert_close(steps, steps[:1].expand(10, 5))
    torch.testing.assert_close(great_circle(a, b, 0.5), nn.functional.normalize(a + b, dim=-1))
    assert (straight(a, b, 0.5).norm(dim=-1) < 0.99).all()


def test_the_arc_between_nearly_equal_and_opposite_codes():
    a = torch.randn(3, 4).double()
    torch.testing.assert_close(great_circle(a, 2 * a, 0.5), 1.5 * a)
    torch.testing.assert_close(great_circle(a, a + 1e-9, 0.3), a)
    with pytest.raises(ValueError, match="opposite directions"):
        great_circle(a, -a, 0.5)


def linear_generator(n_latent, shape):
    size = int(np.prod(shape))
    return nn.Sequential(nn.Linear(n_latent, size), nn.Unflatten(1, shape)).double()


def test_a_linear_generator_gives_least_squares():
    generator = linear_generator(3, (2, 4))
    target = torch.randn(5, 2, 4).double()
    mask = torch.tensor([[1, 1, 0, 1], [0, 1, 1, 1.0]]).double()
    z, mismatch = find_code(generator, target, mask, n_latent=3, n_steps=3000, n_starts=2, learning_rate=0.05)
    seen = mask.flatten() > 0
    W, c = generator[0].weight[seen], generator[0].bias[seen]
    best = torch.linalg.lstsq(W, (target.flatten(1)[:, seen] - c).T).solution.T
    torch.testing.assert_close(z, best.detach(), atol=1e-5, rtol=1e-5)
    residual = (best @ W.T + c - target.flatten(1)[:, seen]).square().mean(1)
    torch.testing.assert_close(mismatch, residual.detach(), atol=1e-8, rtol=1e-6)


def test_hidden_pixels_do_not_count_and_weights_do():
    generator = linear_generator(3, (8,))
    target = torch.randn(4, 8).double()
    mask = torch.tensor([1, 1, 1, 1, 0.5, 0.5, 0, 0]).double()
    options = {"n_latent": 3, "n_steps": 2000, "n_starts": 1, "learning_rate": 0.05}
    z, _ = find_code(generator, target, mask, **options)
    other = target.clone()
    other[:, 6:] = 100
    torch.testing.assert_close(find_code(generator, other, mask, **options)[0], z, atol=1e-5, rtol=1e-4)
    W, root = generator[0].weight.detach(), mask.sqrt()[:, None]
    best = torch.linalg.lstsq(root * W, root * (target - generator[0].bias.detach()).T).solution.T
    torch.testing.assert_close(z, best, atol=1e-5, rtol=1e-4)


def test_penalty_is_ridge_regression():
    generator = linear_generator(3, (8,))
    target = torch.randn(4, 8).double()
    z, _ = find_code(generator, target, n_latent=3, n_steps=2000, n_starts=1, learning_rate=0.05, penalty=0.6)
    W, c = generator[0].weight.detach(), generator[0].bias.detach()
    ridge = torch.linalg.solve(W.T @ W / 8 + 0.6 / 3 * torch.eye(3).double(), W.T @ (target - c).T / 8).T
    torch.testing.assert_close(z, ridge, atol=1e-5, rtol=1e-4)


def test_too_few_pixels_have_many_answers():
    generator = linear_generator(6, (20,))
    truth = torch.randn(1, 6).double()
    picture = generator(truth).detach()
    options = {"n_latent": 6, "n_starts": 1, "n_steps": 3000, "learning_rate": 0.05}
    off = {}
    for seen in (4, 9):
        mask = (torch.arange(20) < seen).double()
        z, mismatch = find_code(generator, picture, mask, rng=torch.Generator().manual_seed(3), **options)
        assert mismatch < 1e-8
        off[seen] = (z - truth).abs().max().item()
    assert off[9] < 1e-3 < 0.1 < off[4]


def test_best_of_several_starts_and_generator_untouched():
    generator = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Dropout(0.5), nn.Linear(16, 5)).double().train()
    target = torch.randn(3, 5).double()
    weights = [p.clone() for p in generator.parameters()]
    options = {"n_latent": 2, "n_steps": 50}
    one = find_code(generator, target, n_starts=1, rng=torch.Generator().manual_seed(0), **options)
    many = find_code(generator, target, n_starts=20, rng=torch.Generator().manual_seed(0), **options)
    assert (many[1] <= one[1] + 1e-12).all()
    assert generator.training
    for p, before in zip(generator.parameters(), weights, strict=True):
        torch.testing.assert_close(p, before)
        assert p.grad is None
    with torch.no_grad():
        error = (generator.eval()(many[0]) - target).square().mean(1)
    torch.testing.assert_close(error, many[1])


def test_an_edit_starts_where_it_is_told():
    generator = linear_generator(6, (20,))
    start = torch.randn(2, 6).double()
    target = generator(start).detach()
    mask = (torch.arange(20) < 4).double()
    z, _ = find_code(generator, target, mask, n_latent=6, start=start, n_steps=10)
    torch.testing.assert_close(z, start)


def test_bad_input_gets_one_sentence():
    generator = linear_generator(3, (8,))
    target = torch.zeros(2, 8)
    with pytest.raises(ValueError, match="does not fit"):
        find_code(generator, target, torch.ones(7), n_latent=3)
    with pytest.raises(ValueError, match="hides all of a target"):
        find_code(generator, target, torch.zeros(8), n_latent=3)
    with pytest.raises(ValueError, match="NaN"):
        find_code(generator, target * float("nan"), n_latent=3)
    with pytest.raises(ValueError, match="one starting code for each"):
        find_code(generator, target, n_latent=3, start=torch.zeros(1, 3))
