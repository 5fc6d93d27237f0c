"""Wasserstein GANs: three ways to one distance, the dual below the primal, a penalty as it is written."""

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance
from torch import nn

from coursekit.gan import jensen_shannon
from coursekit.networks import mlp
from coursekit.wgan import WGAN, earth_mover_1d, earth_mover_lp, gradient_penalty, lipschitz_bound

rng = np.random.default_rng(11)


def critic(n_inputs=2, seed=0, scale=1.0):
    torch.manual_seed(seed)
    net = mlp((n_inputs, 16, 12, 1), activation="tanh").double()
    with torch.no_grad():
        for weight in net.parameters():
            weight.copy_(scale * torch.randn_like(weight))
    return net


# --- the distance


@pytest.mark.parametrize(("n", "m"), [(1, 1), (7, 7), (5, 9), (40, 3)])
def test_one_dimension_three_ways(n, m):
    a, b = rng.normal(size=n), rng.exponential(size=m) * 2 - 3
    distance = earth_mover_1d(a, b)
    by_programme, _ = earth_mover_lp(np.full(n, 1 / n), np.full(m, 1 / m), np.abs(a[:, None] - b))
    assert distance == pytest.approx(by_programme, abs=1e-9)
    assert distance == pytest.approx(wasserstein_distance(a, b), abs=1e-12)
    if n == m:
        assert distance == pytest.approx(np.abs(np.sort(a) - np.sort(b)).mean(), abs=1e-12)


def test_one_dimension_is_the_area_between_the_distribution_functions():
    a, b = rng.normal(size=6), rng.normal(size=4) + 1
    x = np.linspace(-8, 8, 800_001)
    gap = (a[:, None] <= x).mean(axis=0) - (b[:, None] <= x).mean(axis=0)
    assert earth_mover_1d(a, b) == pytest.approx(np.abs(gap).sum() * (x[1] - x[0]), abs=1e-4)


def test_it_is_a_distance():
    a, b, c = rng.normal(size=8), rng.normal(size=5) * 3, rng.uniform(size=6)
    assert earth_mover_1d(a, a) == 0 and earth_mover_1d(a, np.repeat(a, 3)) == pytest.approx(0, abs=1e-15)
    assert earth_mover_1d(a, b) == pytest.approx(earth_mover_1d(b, a), abs=1e-14) and earth_mover_1d(a, b) > 0
    assert earth_mover_1d(a, c) <= earth_mover_1d(a, b) + earth_mover_1d(b, c)
    assert earth_mover_1d(a, a - 2.5) == pytest.approx(2.5, abs=1e-12)
    assert earth_mover_1d(3 * a, 3 * b) == pytest.approx(3 * earth_mover_1d(a, b), rel=1e-12)


def random_masses(n, m, d=2):
    p, q = rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(m) * 2)
    x, y = rng.normal(size=(n, d)), rng.normal(size=(m, d)) + [1.0, -0.5]
    return p, q, x, y, np.linalg.norm(x[:, None] - y, axis=2)


def test_the_plan_has_the_marginals_and_the_cost():
    p, q, _, _, cost = random_masses(9, 6)
    distance, plan = earth_mover_lp(p, q, cost)
    np.testing.assert_allclose(plan.sum(axis=1), p, atol=1e-12)
    np.testing.assert_allclose(plan.sum(axis=0), q, atol=1e-12)
    assert plan.min() >= 0 and distance == pytest.approx((plan * cost).sum(), abs=1e-12)
    for _ in range(50):  # cheaper than any other plan, among them the independent one
        other = (np.outer(p, q) + plan * rng.uniform(0, 3)) / 1
        other = other / other.sum()
        assert distance <= (other * cost).sum() + 1e-12


def test_the_dual_never_exceeds_the_primal_and_reaches_it_on_a_line():
    p, q, x, y, cost = random_masses(8, 7)
    distance, _ = earth_mover_lp(p, q, cost)
    for _ in range(200):
        # A minimum of cones of slope 1 is 1-Lipschitz, whatever their tips and heights.
        tips, heights = rng.normal(size=(5, 2)) * 2, rng.normal(size=5)
        f = lambda z: (heights + np.linalg.norm(z[:, None] - tips, axis=2)).min(axis=1)  # noqa: B023, E731
        assert abs(p @ f(x) - q @ f(y)) <= distance + 1e-12
    a = rng.normal(size=30)
    assert np.mean(a + 2.0) - np.mean(a) == pytest.approx(earth_mover_1d(a + 2.0, a))  # f(x) = x reaches it


@pytest.mark.parametrize("theta", [0.05, 0.4, 1.3, -0.8])
def test_parallel_lines(theta):
    """Disjoint supports: JSD is log 2 wherever the lines are, the distance is |theta|."""
    heights = rng.uniform(size=12)
    left, right = np.c_[np.zeros(12), heights], np.c_[np.full(12, theta), heights]
    cost = np.linalg.norm(left[:, None] - right, axis=2)
    distance, _ = earth_mover_lp(np.full(12, 1 / 12), np.full(12, 1 / 12), cost)
    assert distance == pytest.approx(abs(theta), abs=1e-9)
    p, q = np.r_[np.full(5, 0.2), np.zeros(5)], np.r_[np.zeros(5), np.full(5, 0.2)]
    assert jensen_shannon(p, q, 1.0) == pytest.approx(np.log(2), abs=1e-14)


# --- the penalty


def test_penalty_of_a_linear_critic():
    w = torch.tensor(rng.normal(size=3))
    linear = lambda x: x @ w + 0.7  # noqa: E731
    real, fake = torch.randn(5, 3).double(), torch.randn(5, 3).double()
    for factor in (0.3, 2.0):
        w.mul_(factor / w.norm())
        expected = (factor - 1) ** 2
        np.testing.assert_allclose(gradient_penalty(linear, real, fake), np.full(5, expected), atol=1e-14)
        one_sided = gradient_penalty(linear, real, fake, one_sided=True)
        np.testing.assert_allclose(one_sided, np.full(5, expected * (factor > 1)), atol=1e-14)


@pytest.mark.parametrize("shape", [(2,), (3, 4, 5)])
def test_penalty_looks_on_the_line_between_the_pair(shape):
    torch.manual_seed(3)
    net = torch.nn.Sequential(torch.nn.Flatten(), critic(int(np.prod(shape))))
    real, fake, epsilon = (
        torch.randn(4, *shape).double(),
        torch.randn(4, *shape).double(),
        torch.rand(4).double(),
    )
    got = gradient_penalty(net, real, fake, epsilon=epsilon)
    for i in range(4):
        point = (epsilon[i] * real[i] + (1 - epsilon[i]) * fake[i])[None].requires_grad_()
        slope = torch.autograd.grad(net(point).sum(), point)[0].norm()
        torch.testing.assert_close(got[i], (slope - 1) ** 2)
    at_real = gradient_penalty(net, real, fake, epsilon=torch.ones(4).double())
    torch.testing.assert_close(at_real, gradient_penalty(net, real, real))


def test_row_i_depends_on_pair_i_alone():
    net, epsilon = critic(), torch.rand(4).double()
    real, fake = torch.randn(4, 2).double(), torch.randn(4, 2).double()
    before = gradient_penalty(net, real, fake, epsilon=epsilon)
    for other in (real, fake):
        moved = other.clone()
        moved[1] += 1.0
        pair = (moved, fake) if other is real else (real, moved)
        after = gradient_penalty(net, *pair, epsilon=epsilon)
        assert (after != before).tolist() == [False, True, False, False]


def test_epsilon_is_uniform_and_one_number_a_sample():
    seen = []
    watch = lambda x: seen.append(x.detach().clone()) or x.sum(dim=(1, 2))  # noqa: E731
    n = 20_000
    gradient_penalty(watch, torch.ones(n, 2, 3), torch.zeros(n, 2, 3), rng=torch.Generator().manual_seed(0))
    mixed = seen[0]
    assert (mixed == mixed[:, :1, :1]).all(), "drawn for each pixel, x^ leaves the line"
    drawn = mixed[:, 0, 0].double()
    assert drawn.min() >= 0 and drawn.max() <= 1
    for power in (1, 2, 3):  # moments of the uniform distribution, within four standard errors
        values = drawn**power
        assert abs(values.mean() - 1 / (power + 1)) < 4 * values.std() / n**0.5


def test_penalty_trains_the_critic():
    net = critic(scale=0.7)
    real, fake, epsilon = torch.randn(6, 2).double(), torch.randn(6, 2).double(), torch.rand(6).double()
    gradient_penalty(net, real, fake, epsilon=epsilon).mean().backward()
    weight, step = net[0].weight, 1e-6
    got, values = weight.grad[3, 1].item(), []
    for sign in (1, -1):
        with torch.no_grad():
            weight[3, 1] += sign * step
        values.append(gradient_penalty(net, real, fake, epsilon=epsilon).mean().item())
        with torch.no_grad():
            weight[3, 1] -= sign * step
    assert got == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-5) and abs(got) > 1e-6


# --- the game


def game(**options):
    torch.manual_seed(1)
    return WGAN(mlp((3, 8, 2)).double(), critic(), n_latent=3, **options)


def test_losses():
    real, fake = torch.randn(6, 2).double(), torch.randn(6, 2).double()
    clipped = game(constraint="clip", clip=0.3)
    f = clipped.opponent
    value = f(real).mean() - f(fake).mean()
    torch.testing.assert_close(clipped.opponent_loss(real, fake), -value)
    torch.testing.assert_close(clipped.generator_loss(fake), -f(fake).mean())
    penalised = game(penalty_weight=3.0)
    f, draw = penalised.opponent, torch.Generator().manual_seed(5)
    penalty = gradient_penalty(f, real, fake, rng=torch.Generator().manual_seed(5)).mean()
    expected = f(fake).mean() - f(real).mean() + 3.0 * penalty
    torch.testing.assert_close(penalised.opponent_loss(real, fake, rng=draw), expected)


def test_clipping_is_of_weights_and_its_bound_holds():
    clipped = game(constraint="clip", clip=0.05)
    with torch.no_grad():
        for weight in clipped.opponent.parameters():
            weight.add_(torch.randn_like(weight))
    clipped.constrain()
    assert max(w.abs().max() for w in clipped.opponent.parameters()) == 0.05
    bound = lipschitz_bound(clipped.opponent)
    assert bound <= 0.05**3 * np.sqrt(2 * 16) * np.sqrt(16 * 12) * np.sqrt(12) + 1e-15  # Frobenius norms
    x, y = torch.randn(500, 2).double() * 3, torch.randn(500, 2).double() * 3
    rise = (clipped.score(x) - clipped.score(y)).abs() / (x - y).norm(dim=1)
    assert rise.max().item() <= bound
    # So a small c caps the dual value, whatever the distance is.
    assert abs(clipped.dual_value(x, x + 5).item()) <= bound * 5 * 2**0.5
    free = game()
    before = [w.clone() for w in free.opponent.parameters()]
    free.constrain()
    assert all((a == b).all() for a, b in zip(before, free.opponent.parameters(), strict=True))


def test_a_trained_critic_finds_the_distance():
    """On a line, samples of N(0, 1) and N(1.5, .5^2): the dual value of a trained critic and the exact one.

    The penalty is soft. Where x^ has density r and the distribution functions differ by g(x), the best slope
    is 1 + g / (2 lambda r), so the value exceeds W by the integral of g^2 / (2 lambda r), which is at least
    W^2 / (2 lambda) by Cauchy and Schwarz.
    """
    gaps, floors = [], []
    for seed in range(3):
        torch.manual_seed(seed)
        real, fake = torch.randn(512, 1), 1.5 + 0.5 * torch.randn(512, 1)
        play = WGAN(torch.nn.Identity(), mlp((1, 32, 32, 1)), n_latent=1, one_sided=True)
        step = torch.optim.Adam(play.opponent.parameters(), lr=5e-3)
        for _ in range(400):
            step.zero_grad()
            play.opponent_loss(real, fake).backward()
            step.step()
        exact = earth_mover_1d(real.numpy()[:, 0], fake.numpy()[:, 0])
        gaps.append(play.dual_value(real, fake).item() / exact - 1)
        floors.append(exact / (2 * play.penalty_weight))
    assert abs(np.mean(gaps) - np.mean(floors)) < 0.03, (gaps, floors)


def test_sample_is_by_rng_alone():
    play = game()
    a, b = (play.sample(5, rng=torch.Generator().manual_seed(2)) for _ in range(2))
    assert a.shape == (5, 2) and (a == b).all() and not a.requires_grad


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: game(constraint="spectral"), "penalty, clip"),
        (lambda: game(clip=0.0), "clip must be positive"),
        (lambda: gradient_penalty(critic(), torch.zeros(3, 2), torch.zeros(2, 2)), "one shape"),
        (lambda: earth_mover_1d([], [1.0]), "finite numbers"),
        (lambda: earth_mover_1d([np.nan], [1.0]), "finite numbers"),
        (lambda: earth_mover_lp([0.5, 0.6], [1.0], np.ones((2, 1))), "one positive sum"),
        (lambda: earth_mover_lp([0.5, 0.5], [1.0], np.ones((1, 2))), "shape"),
        (lambda: lipschitz_bound(torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.SiLU())), "SiLU"),
        (
            lambda: WGAN(torch.nn.Identity(), torch.nn.Linear(2, 2), n_latent=2).score(torch.zeros(3, 2)),
            "one score",
        ),
    ],
)
def test_errors_are_for_people(call, words):
    with pytest.raises(ValueError, match=words):
        call()


# Masses of every size


def on_a_line(p, q, places):
    """The distance by the distribution functions, and the linear programme's answer with its plan."""
    by_cdf = np.abs(np.cumsum(p - q))[:-1] @ np.diff(places)
    return by_cdf, *earth_mover_lp(p, q, np.abs(places[:, None] - places))


def test_a_mass_below_the_solvers_tolerance_is_carried():
    cost = np.abs(np.arange(3.0)[:, None] - np.arange(3.0))
    distance, plan = earth_mover_lp([0.5, 0.5 - 1e-7, 1e-7], [0.5 - 1e-7, 0.5, 1e-7], cost)
    np.testing.assert_allclose(distance, 1e-7, rtol=1e-6)
    assert plan.min() >= 0


@pytest.mark.parametrize("total", [1e-9, 1.0, 1e9])
def test_a_plan_has_its_marginals_whatever_the_unit_of_mass(total):
    places = np.arange(100.0)
    p, q = (np.exp(-0.5 * ((places - m) / s) ** 2) for m, s in ((20, 5), (60, 10)))
    p, q = total * p / p.sum(), total * q / q.sum()
    by_cdf, distance, plan = on_a_line(p, q, places)
    np.testing.assert_allclose(distance, by_cdf, rtol=1e-9)
    assert plan.min() >= 0
    np.testing.assert_allclose(plan.sum(axis=1), p, atol=1e-9 * total)
    np.testing.assert_allclose(plan.sum(axis=0), q, atol=1e-9 * total)


def test_sums_may_differ_by_the_rounding_of_their_precision_and_no_more():
    rng = np.random.default_rng(0)
    p, q = np.exp(rng.normal(size=(2, 40)).astype(np.float32))
    p, q = p / p.sum(), q / q.sum() * np.float32(1 + 3e-7)
    by_cdf, distance, _ = on_a_line(p, q, np.sort(rng.normal(size=40)))
    np.testing.assert_allclose(distance, by_cdf, rtol=1e-5)
    cost = np.ones((40, 40))
    for wrong in (q.astype(float), q * np.float32(1.001), -q, q * np.nan):
        with pytest.raises(ValueError, match="of one positive sum"):
            earth_mover_lp(p.astype(float), wrong, cost)
    with pytest.raises(ValueError, match="cost holds"):
        earth_mover_lp(p, q, np.full((40, 40), np.nan))


def test_lipschitz_bound_is_the_product_of_spectral_norms():
    layer = nn.Linear(2, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.diag(torch.tensor([3.0, 2.0])))
    assert lipschitz_bound(layer) == pytest.approx(3)
    assert lipschitz_bound(nn.Sequential(layer, nn.ReLU(), layer)) == pytest.approx(9)
    assert lipschitz_bound(nn.Sequential(layer, nn.LeakyReLU(4.0))) == pytest.approx(12)


def test_clipping_keeps_what_is_small_and_holds_from_the_start():
    critic = nn.Linear(3, 1)
    with torch.no_grad():
        critic.weight.copy_(torch.tensor([[-1.0, 0.05, 1.0]]))
    game = WGAN(nn.Linear(1, 3), critic, n_latent=1, constraint="clip", clip=0.1)
    torch.testing.assert_close(critic.weight.data, torch.tensor([[-0.1, 0.05, 0.1]]))
    with torch.no_grad():
        critic.weight.copy_(torch.tensor([[0.02, -3.0, 3.0]]))
    game.constrain()
    torch.testing.assert_close(critic.weight.data, torch.tensor([[0.02, -0.1, 0.1]]))
    assert WGAN(nn.Linear(1, 3), nn.Linear(3, 1), n_latent=1).clip == 0.01  # Algorithm 1's c


def test_the_loop_knows_the_critic_as_the_opponent():
    game = WGAN(mlp((2, 3)), mlp((3, 1)), n_latent=2)
    assert game.opponent is game.critic and "opponent" not in dict(game.named_children())
    for name in ("opponent", "critic"):
        other = mlp((3, 4, 1))
        setattr(game, name, other)
        assert game.opponent is game.critic is other
        x = torch.rand(5, 3)
        assert torch.equal(game.score(x), other(x)[:, 0])
        losses = [game.opponent_loss(a, 0 * a, rng=torch.Generator().manual_seed(0)) for a in (x, x.double())]
        assert torch.equal(*losses)


@pytest.mark.parametrize("unit", [1e-12, 1e-6, 1.0, 1e6, 1e12])
def test_the_unit_of_the_cost_is_the_unit_of_the_distance(unit):
    rng = np.random.default_rng(0)
    p, q = rng.dirichlet(np.ones(9)), rng.dirichlet(np.ones(9))
    places = np.arange(9.0)
    exact = np.abs(np.cumsum(p - q)).sum()
    distance, _ = earth_mover_lp(p, q, unit * np.abs(places[:, None] - places))
    assert distance == pytest.approx(unit * exact, rel=1e-9)
