"""The game against theorems: densities by quadrature, losses by hand, gradients in closed form."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import stats
from scipy.special import xlogy
from torch import nn

from coursekit.data import toy2d
from coursekit.evaluation import mode_coverage
from coursekit.gan import (
    GAN,
    MinibatchStd,
    batch_discriminator,
    discriminator_loss,
    game_value,
    generator_loss,
    jensen_shannon,
    optimal_discriminator,
    r1_penalty,
    recipe,
)
from coursekit.gan.model import OBJECTIVES
from coursekit.networks import mlp
from coursekit.training import fit_adversarial

GRID = np.linspace(-30, 30, 12001)
DX = GRID[1] - GRID[0]
GAUSSIAN = stats.norm(0.7, 1.3).pdf(GRID)
PAIRS = {
    "two Gaussians": (GAUSSIAN, stats.norm(-1.1, 0.6).pdf(GRID)),
    "equal": (GAUSSIAN, GAUSSIAN),
    "mixture and one mode": (
        0.3 * stats.norm(-4, 0.5).pdf(GRID) + 0.7 * stats.norm(4, 0.5).pdf(GRID),
        stats.norm(4, 0.5).pdf(GRID),
    ),
    "far apart": (stats.norm(-12, 0.4).pdf(GRID), stats.norm(12, 0.4).pdf(GRID)),
    "heavy tails": (stats.logistic(0, 0.6).pdf(GRID), stats.norm(0.5, 1.5).pdf(GRID)),
}
pairs = pytest.mark.parametrize("name", PAIRS)
games = pytest.mark.parametrize("objective", OBJECTIVES)


def scores(n, seed, scale=3.0):
    rng = torch.Generator().manual_seed(seed)
    return scale * torch.randn(n, generator=rng, dtype=torch.float64)


# --- the optimal discriminator and its value ---


@pairs
def test_value_at_the_best_answer_is_two_divergences_less_log_four(name):
    p, q = PAIRS[name]
    value = game_value(optimal_discriminator(p, q), p, q, DX)
    assert value == pytest.approx(2 * jensen_shannon(p, q, DX) - math.log(4), abs=1e-12)


@pairs
def test_no_other_discriminator_does_better(name):
    p, q = PAIRS[name]
    best = optimal_discriminator(p, q)
    value = game_value(best, p, q, DX)
    inside = np.where(np.isnan(best), 0.5, best).clip(1e-9, 1 - 1e-9)
    logit = np.log(inside) - np.log1p(-inside)
    rng = np.random.default_rng(5)
    for size in 10 ** rng.uniform(-3, 1, 300):
        bump = size * np.sin(rng.uniform(0.1, 3) * GRID + rng.uniform(0, 6))
        assert game_value(1 / (1 + np.exp(-(logit + bump))), p, q, DX) <= value + 1e-12
    assert game_value(np.full_like(p, 0.5), p, q, DX) == pytest.approx(-math.log(4), abs=1e-9)


@pytest.mark.parametrize(("alpha", "beta"), [(0.0, 0.0), (0.1, 0.0), (0.0, 0.2), (0.15, 0.25)])
@games
def test_optimal_discriminator_is_where_the_loss_has_no_slope(objective, alpha, beta):
    # On a finite space each point has a score of its own, and the loss is a weighted sum over the points.
    rng = np.random.default_rng(2)
    p, q = rng.dirichlet(np.ones(6)), rng.dirichlet(np.ones(6))
    best = torch.tensor(optimal_discriminator(p, q, alpha=alpha, beta=beta))
    s = (best if objective == "least_squares" else torch.logit(best)).requires_grad_()
    each = [
        discriminator_loss(s[i : i + 1], s[i : i + 1].detach(), objective=objective, alpha=alpha, beta=beta)
        * p[i]
        + discriminator_loss(s[i : i + 1].detach(), s[i : i + 1], objective=objective, alpha=alpha, beta=beta)
        * q[i]
        for i in range(6)
    ]
    loss = torch.stack(each).sum()
    (slope,) = torch.autograd.grad(loss, s)
    torch.testing.assert_close(slope, torch.zeros_like(slope), atol=1e-15, rtol=0)


def test_optimal_discriminator_by_cases():
    p, q = np.array([1.0, 0.0, 2.0, 0.0]), np.array([0.0, 3.0, 2.0, 0.0])
    np.testing.assert_array_equal(optimal_discriminator(p, q), [1, 0, 0.5, np.nan])
    np.testing.assert_allclose(optimal_discriminator(p, q, alpha=0.1, beta=0.3)[:3], [0.9, 0.3, 0.6])
    assert optimal_discriminator(3.0, 1.0) == 0.75


@pairs
def test_divergence_is_symmetric_and_between_zero_and_log_two(name):
    p, q = PAIRS[name]
    divergence = jensen_shannon(p, q, DX)
    assert divergence == pytest.approx(jensen_shannon(q, p, DX), abs=1e-15)
    assert 0 <= divergence <= math.log(2) + 1e-12
    if name == "equal":
        assert divergence == 0
    if name == "far apart":
        assert divergence == pytest.approx(math.log(2), abs=1e-12)


def test_divergence_is_the_entropy_of_the_mean_less_the_mean_of_the_entropies():
    rng = np.random.default_rng(3)
    p, q = rng.dirichlet(np.ones(7)), rng.dirichlet(np.ones(7))
    entropies = stats.entropy((p + q) / 2) - (stats.entropy(p) + stats.entropy(q)) / 2
    assert jensen_shannon(p, q, 1) == pytest.approx(entropies, abs=1e-15)


def test_the_deck_that_swaps_the_labels_plays_the_same_game():
    p, q = PAIRS["two Gaussians"]
    fake = optimal_discriminator(q, p)  # the probability of being generated: real is 0, generated is 1
    halved = -0.5 * (xlogy(p, 1 - fake) + xlogy(q, fake)).sum() * DX
    assert -halved == pytest.approx(jensen_shannon(p, q, DX) - math.log(2), abs=1e-10)


def test_value_knows_where_nobody_looks_and_what_certainty_costs():
    p, q = np.array([0.5, 0.5, 0.0]), np.array([0.0, 1.0, 0.0])
    assert game_value([1.0, 1 / 3, np.nan], p, q, 1) == pytest.approx(0.5 * math.log(1 / 3) + math.log(2 / 3))
    # Sure and wrong: log(2^-53), as far from certain as rounding can tell.
    assert game_value([1.0, 1.0, 0.5], p, q, 1) == pytest.approx(-53 * math.log(2))


# --- the losses ---


def test_a_misspelt_objective_is_not_another_one():
    s, message = torch.zeros(3), "unknown objective 'nonsaturating'; choose one of minimax, non_saturating"
    with pytest.raises(ValueError, match=message):
        discriminator_loss(s, s, objective="nonsaturating")
    with pytest.raises(ValueError, match=message):
        generator_loss(s, objective="nonsaturating")


@pytest.mark.parametrize(("alpha", "beta"), [(0.0, 0.0), (0.1, 0.0), (0.15, 0.25)])
@pytest.mark.parametrize("objective", ["minimax", "non_saturating"])
def test_discriminator_loss_is_cross_entropy_with_the_targets(objective, alpha, beta):
    real, fake = scores(7, 1), scores(5, 2)
    loss = discriminator_loss(real, fake, objective=objective, alpha=alpha, beta=beta)
    expected = F.binary_cross_entropy(real.sigmoid(), torch.full_like(real, 1 - alpha))
    expected += F.binary_cross_entropy(fake.sigmoid(), torch.full_like(fake, beta))
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=0)


def test_discriminator_loss_is_minus_the_value():
    rng = np.random.default_rng(4)
    p, q = rng.dirichlet(np.ones(5)), rng.dirichlet(np.ones(5))
    counts_p, counts_q = rng.integers(1, 9, 5), rng.integers(1, 9, 5)
    s = scores(5, 6)
    p, q = counts_p / counts_p.sum(), counts_q / counts_q.sum()
    real, fake = s[np.repeat(range(5), counts_p)], s[np.repeat(range(5), counts_q)]
    loss = discriminator_loss(real, fake, objective="minimax")
    assert -loss.item() == pytest.approx(game_value(s.sigmoid(), p, q, 1), abs=1e-14)


def test_least_squares_by_hand():
    real, fake = scores(4, 1), scores(3, 2)
    loss = discriminator_loss(real, fake, objective="least_squares", alpha=0.1, beta=0.2)
    expected = 0.5 * np.mean((real.numpy() - 0.9) ** 2) + 0.5 * np.mean((fake.numpy() - 0.2) ** 2)
    assert loss.item() == pytest.approx(expected, rel=1e-14)
    expected = 0.5 * np.mean((fake.numpy() - 1) ** 2)
    assert generator_loss(fake, objective="least_squares").item() == pytest.approx(expected, rel=1e-14)


def test_generator_gradients_in_closed_form():
    D = torch.tensor([0.01, 0.3, 0.5, 0.99], dtype=torch.float64)
    slopes = {}
    for objective in ("minimax", "non_saturating"):
        s = torch.logit(D).requires_grad_()
        # The mean over four samples divides each slope by four.
        (slope,) = torch.autograd.grad(4 * generator_loss(s, objective=objective), s)
        slopes[objective] = slope
    torch.testing.assert_close(slopes["minimax"], -D)
    torch.testing.assert_close(slopes["non_saturating"], D - 1)
    assert (slopes["non_saturating"] / slopes["minimax"])[0].item() == pytest.approx(99)


@games
def test_losses_stay_finite_at_any_score(objective):
    extreme = torch.tensor([-1e4, 1e4], dtype=torch.float64, requires_grad=True)
    loss = discriminator_loss(extreme, extreme, objective=objective)
    loss = loss + generator_loss(extreme, objective=objective)
    (slope,) = torch.autograd.grad(loss, extreme)
    assert torch.isfinite(loss) and torch.isfinite(slope).all()


# --- what the generator feels under the best answer: p_model = N(theta, 1.2), p_data = N(0, 1) ---


def model_slope(theta, objective):
    """E_z of d loss(s*(x)) / d theta for x = theta + 1.2 z, the discriminator held at s* of this theta."""
    x = torch.tensor(GRID, requires_grad=True)
    s = torch.distributions.Normal(0.0, 1.0).log_prob(x)
    s = s - torch.distributions.Normal(theta, 1.2).log_prob(x)
    loss = -F.softplus(s) if objective == "minimax" else F.softplus(-s)
    (slope,) = torch.autograd.grad(loss.sum(), x)  # dx / dtheta = 1
    return (slope.numpy() * stats.norm(theta, 1.2).pdf(GRID)).sum() * DX


def finite_difference(function, theta, step=1e-4):
    return (function(theta + step) - function(theta - step)) / (2 * step)


@pytest.mark.parametrize("theta", [-2.0, -0.3, 0.0, 0.9])
def test_generator_follows_the_divergence_it_is_said_to_follow(theta):
    p = stats.norm(0, 1).pdf(GRID)

    def js(at):
        return jensen_shannon(p, stats.norm(at, 1.2).pdf(GRID), DX)

    def kl(at):  # KL(N(at, 1.2) || N(0, 1))
        return (1.2**2 + at**2 - 1) / 2 - math.log(1.2)

    # Minimax: the envelope theorem. Non-saturating: Arjovsky & Bottou 2017, theorem 2.5.
    assert model_slope(theta, "minimax") == pytest.approx(
        finite_difference(lambda t: 2 * js(t), theta), abs=1e-7
    )
    expected = finite_difference(lambda t: kl(t) - 2 * js(t), theta)
    assert model_slope(theta, "non_saturating") == pytest.approx(expected, abs=1e-7)
    for objective in ("minimax", "non_saturating"):
        slope = model_slope(theta, objective)
        assert abs(slope) < 1e-12 if theta == 0 else slope * theta > 0


@pytest.mark.parametrize("theta", [-2.0, 0.4, 1.5])
def test_the_trick_follows_its_divergence_only_while_the_discriminator_is_frozen(theta):
    # -log D* = log(p + q) - log p, so that D* itself adds E_q[dq / dtheta / (p + q)] where it may move.
    p = stats.norm(0, 1).pdf(GRID)

    def loss(at):
        q = stats.norm(at, 1.2).pdf(GRID)
        best = optimal_discriminator(p, q).clip(1e-300)
        return -np.nansum(q * np.log(best)) * DX

    q = stats.norm(theta, 1.2).pdf(GRID)
    extra = np.nansum(q * (GRID - theta) / 1.2**2 * q / (p + q + 1e-300)) * DX
    frozen = model_slope(theta, "non_saturating")
    assert finite_difference(loss, theta) == pytest.approx(frozen + extra, abs=1e-6)
    assert abs(extra) > 0.01
    # The value at D* is a maximum over D: whether D* moves makes no difference there.
    at_best = finite_difference(
        lambda t: 2 * jensen_shannon(p, stats.norm(t, 1.2).pdf(GRID), DX) - math.log(4), theta
    )
    assert model_slope(theta, "minimax") == pytest.approx(at_best, abs=1e-7)


# --- the class ---


def small_gan(seed=0, **options):
    torch.manual_seed(seed)
    return GAN(mlp((3, 8, 2)), mlp((2, 8, 1)), n_latent=3, **options).double()


@games
def test_losses_of_the_class_are_the_formulas(objective):
    gan = small_gan(objective=objective, label_smoothing=0.1, fake_label=0.05)
    real, fake = scores(8, 3).reshape(4, 2), scores(6, 4).reshape(3, 2)
    options = {"objective": objective, "alpha": 0.1, "beta": 0.05}
    expected = discriminator_loss(gan.opponent(real)[:, 0], gan.opponent(fake)[:, 0], **options)
    torch.testing.assert_close(gan.opponent_loss(real, fake), expected)
    expected = generator_loss(gan.opponent(fake)[:, 0], objective=objective)
    torch.testing.assert_close(gan.generator_loss(fake), expected)
    assert gan.score(real).shape == (4,)
    D = gan.score(real) if objective == "least_squares" else torch.sigmoid(gan.score(real))
    torch.testing.assert_close(gan.probability(real), D)


def test_sample_is_reproducible_and_is_the_generator_of_normal_noise():
    gan = small_gan()
    a = gan.sample(5, rng=torch.Generator().manual_seed(3))
    z = torch.randn(5, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    torch.testing.assert_close(a, gan.generator(z))
    assert a.shape == (5, 2) and not a.requires_grad


def test_errors_are_for_people():
    with pytest.raises(ValueError, match="choose one of minimax, non_saturating, least_squares"):
        small_gan(objective="wasserstein")
    for alpha, beta in ((-0.1, 0.0), (0.6, 0.5), (0.0, -0.1), (math.nan, 0.0)):
        with pytest.raises(ValueError, match="targets"):
            small_gan(label_smoothing=alpha, fake_label=beta)
    with pytest.raises(ValueError, match="one score each"):
        GAN(mlp((3, 2)), mlp((2, 2)), n_latent=3).score(torch.zeros(4, 2))
    with pytest.raises(ValueError, match="logarithms"):
        jensen_shannon([-0.1, 1.1], [0.5, 0.5], 1)
    with pytest.raises(ValueError, match="same points"):
        optimal_discriminator(np.ones(3), np.ones(4))
    with pytest.raises(ValueError, match="sigmoid"):
        game_value([2.0, 0.5], [0.5, 0.5], [0.5, 0.5], 1)
    with pytest.raises(ValueError, match="shape"):
        game_value([0.5], [0.5, 0.5], [0.5, 0.5], 1)


# --- training ---


@pytest.mark.parametrize(
    ("objective", "alpha"), [("non_saturating", 0.0), ("minimax", 0.1), ("least_squares", 0.0)]
)
def test_a_trained_discriminator_approaches_the_optimal_one(objective, alpha):
    torch.manual_seed(1)
    gan = GAN(nn.Linear(1, 1), mlp((1, 32, 32, 1), activation="tanh"), n_latent=1, objective=objective)
    gan.label_smoothing = alpha
    with torch.no_grad():
        gan.generator.weight.fill_(0.8)  # samples of N(1, 0.8)
        gan.generator.bias.fill_(1.0)
    rng = torch.Generator().manual_seed(2)
    optimizer = torch.optim.Adam(gan.opponent.parameters(), 1e-2, fused=True)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1, 0, 300)
    for _ in range(300):
        loss = gan.opponent_loss(torch.randn(1024, 1, generator=rng), gan.sample(1024, rng=rng))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    x = np.linspace(-2.0, 2.5, 40)  # where there is data to learn from
    best = optimal_discriminator(stats.norm.pdf(x), stats.norm(1, 0.8).pdf(x), alpha=alpha)
    found = gan.probability(torch.tensor(x[:, None], dtype=torch.float32)).detach().numpy()
    assert np.abs(found - best).max() < 0.06


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_gaussian_is_learned(seed):
    torch.manual_seed(seed)
    gan = GAN(nn.Linear(1, 1), mlp((1, 16, 16, 1), activation="tanh"), n_latent=1)
    x = np.random.default_rng(seed).normal(3.0, 0.5, (5000, 1))
    settings = {"learning_rate": 2e-2, "schedule": "linear", "seed": seed, "device": "cpu"}
    fit_adversarial(gan, x, n_steps=600, **settings)
    mean, std = gan.generator.bias.item(), abs(gan.generator.weight.item())
    p = stats.norm(3.0, 0.5).pdf(GRID)
    # An untrained generator, N(0, ~1), is at 0.6.
    assert jensen_shannon(p, stats.norm(mean, std).pdf(GRID), DX) < 0.02


def test_the_game_on_the_grid_differs_in_its_penalty_alone_and_is_measured_on_the_way():
    runs = {r1: recipe.grid_game(r1, n_steps=250, seed=3) for r1 in (0.0, 0.1)}
    for r1, (game, looks) in runs.items():
        assert game.r1 == r1 and looks.shape == (1, 3)
        samples = game.sample(5000, rng=torch.Generator().manual_seed(1))
        centers = toy2d("grid", 10, rng=0).centers
        expected = list(mode_coverage(samples, centers, recipe.STD["grid"]).values())
        np.testing.assert_array_equal(looks[-1], expected)
    assert not np.array_equal(runs[0.0][1], runs[0.1][1])
    np.testing.assert_array_equal(recipe.grid_game(0.1, n_steps=250, seed=3)[1], runs[0.1][1])


def test_the_grid_pays_less_for_slopes_at_the_end():
    made, seen = recipe.grid(toy2d("grid", 500, rng=0), None, r1=0.3), []
    early, late = made.train(n_steps=10, device="cpu", on_step=lambda step, gan, loss: seen.append(gan.r1))
    assert seen == [0.3] * 6 + [0.003] * 4
    assert set(early.learning_rate) == {3e-3} and late.learning_rate[-1] == pytest.approx(3e-3 / 4)


# --- mode coverage ---


def test_coverage_of_the_data_themselves():
    for name, std, k in (("ring", 0.02, 8), ("grid", 0.05 / 2.828, 25)):
        toy = toy2d(name, 20_000, rng=0)
        cover = mode_coverage(toy.x, toy.centers, std)
        assert cover["modes"] == k
        # Within 3 std in the plane: 1 - exp(-4.5).
        inside = 1 - math.exp(-4.5)
        assert cover["good_share"] == pytest.approx(inside, abs=4 * math.sqrt(inside * (1 - inside) / 20_000))
        # 2 n KL is chi-squared with k - 1 degrees of freedom.
        assert 2 * 20_000 * cover["kl"] < stats.chi2(k - 1).ppf(0.9999)


def test_coverage_by_hand():
    centers = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]])
    samples = np.concatenate([
        np.tile([0.0, 2.9], (1000, 1)),  # inside the first
        np.tile([10.0, 3.1], (995, 1)),  # nearest the second, too far off
        np.tile([0.0, 10.0], (2, 1)),  # exactly a thousandth
        np.tile([10.0, 10.0], (3, 1)),
    ])  # fmt: skip
    cover = mode_coverage(samples, centers, 1.0)
    assert cover["modes"] == 3
    assert cover["good_share"] == pytest.approx(1005 / 2000)
    share = np.array([1000, 995, 2, 3]) / 2000
    assert cover["kl"] == pytest.approx(stats.entropy(share, np.ones(4)), abs=1e-12)
    assert mode_coverage(samples[1:], centers, 1.0)["modes"] == 3
    assert mode_coverage(np.concatenate([samples, samples[:1]]), centers, 1.0)["modes"] == 2
    assert mode_coverage(samples, centers, [1.0, 1.1, 1.0, 1.0])["good_share"] == 1.0
    assert mode_coverage(torch.tensor(samples[:5]), centers, 1.0) == {
        "modes": 1,
        "good_share": 1.0,
        "kl": pytest.approx(math.log(4)),
    }
    with pytest.raises(ValueError, match="samples"):
        mode_coverage(samples, centers[:, :1], 1.0)


# The spread of a batch


def test_minibatch_std_appends_the_mean_standard_deviation():
    x = torch.randn(7, 5, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    out = MinibatchStd()(x)
    assert out.shape == (7, 6) and torch.equal(out[:, :5], x)
    expected = np.full(7, x.numpy().std(axis=0).mean())
    np.testing.assert_allclose(out[:, 5].numpy(), expected, atol=1e-7)


def test_minibatch_std_has_a_finite_gradient_where_all_samples_agree():
    x = torch.ones(4, 3, dtype=torch.float64, requires_grad=True)
    MinibatchStd()(x).sum().backward()
    assert torch.isfinite(x.grad).all()


def test_batch_discriminator_can_tell_a_collapsed_batch_by_its_company():
    torch.manual_seed(0)
    discriminator, x = batch_discriminator(6, 16).double(), torch.randn(8, 6, dtype=torch.float64)
    alone, together = discriminator(x[:1].repeat(8, 1)), discriminator(x)
    assert together.shape == (8, 1)
    assert (alone - alone[0]).abs().max() == 0 and abs(alone[0] - together[0]) > 1e-3
    order = torch.tensor([3, 1, 7, 0, 2, 5, 6, 4])
    torch.testing.assert_close(discriminator(x[order]), together[order])


@pytest.mark.parametrize("shape", [(), (4,), (2, 3)])
def test_slope_of_a_quadratic_score(shape):
    rng = np.random.default_rng(5)
    d = math.prod(shape)
    A, b = torch.tensor(rng.normal(size=(d, d))), torch.tensor(rng.normal(size=d))
    x = torch.tensor(rng.normal(size=(7, *shape))).requires_grad_()
    rows = x.reshape(7, d)
    scores = ((rows @ A) * rows).sum(1) + rows @ b
    expected = (rows @ (A + A.T) + b).square().sum(1)
    torch.testing.assert_close(r1_penalty(scores, x), expected, rtol=1e-12, atol=0)


def r1_game(r1, seed=0, **options):
    torch.manual_seed(seed)
    nets = mlp((2, 5, 3)).double(), mlp((3, 6, 1), activation="tanh").double()
    real, fake = torch.randn(2, 8, 3, dtype=torch.float64)
    return GAN(*nets, n_latent=2, r1=r1, **options), real, 0.5 * fake + 1


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_r1_is_added_to_the_loss_of_the_discriminator_alone(objective):
    priced, real, fake = r1_game(0.7, objective=objective)
    plain, _, _ = r1_game(0.0, objective=objective)
    x = real.clone().requires_grad_()
    expected = plain.opponent_loss(real, fake) + 0.7 / 2 * r1_penalty(plain.score(x), x).mean()
    torch.testing.assert_close(priced.opponent_loss(real, fake), expected, rtol=1e-14, atol=0)
    assert torch.equal(priced.generator_loss(fake), plain.generator_loss(fake))
    assert not real.requires_grad


def test_the_loop_charges_the_price():
    slopes = []
    for r1 in (0.0, 5.0):
        game, real, _ = r1_game(r1)
        fit_adversarial(game, real, n_steps=100, batch_size=4, learning_rate=1e-2, device="cpu")
        x = real.clone().requires_grad_()
        slopes.append(r1_penalty(game.score(x), x).mean().item())
    assert slopes[1] < 0.1 * slopes[0]


def test_gradient_of_the_price_by_finite_differences():
    game, real, fake = r1_game(0.7)
    game.opponent_loss(real, fake).backward()
    for weight in game.opponent.parameters():
        for i in range(weight.numel()):
            values = []
            for step in (1e-5, -1e-5):
                with torch.no_grad():
                    weight.view(-1)[i] += step
                values.append(game.opponent_loss(real, fake).item())
                with torch.no_grad():
                    weight.view(-1)[i] -= step
            numeric = (values[0] - values[1]) / 2e-5
            assert abs(numeric - weight.grad.view(-1)[i].item()) < 1e-8


def test_a_flat_discriminator_pays_nothing_and_is_not_moved_by_the_price():
    game, real, fake = r1_game(0.7)
    with torch.no_grad():
        game.opponent[-1].weight.zero_()
    priced = torch.autograd.grad(game.opponent_loss(real, fake), list(game.opponent.parameters()))
    game.r1 = 0.0
    plain = torch.autograd.grad(game.opponent_loss(real, fake), list(game.opponent.parameters()))
    for a, b in zip(priced, plain, strict=True):
        assert torch.equal(a, b)


class Point(nn.Module):
    """A generator whose every sample is theta."""

    def __init__(self, theta):
        super().__init__()
        self.theta = nn.Parameter(torch.tensor([theta], dtype=torch.float64))

    def forward(self, z):
        return self.theta.expand(len(z), 1)


@pytest.mark.parametrize("objective", ["minimax", "non_saturating"])
@pytest.mark.parametrize("gamma", [0.0, 0.3, 1.0, 2.5])
def test_one_point_against_a_line_goes_round_unless_slopes_cost(objective, gamma):
    # Data at 0, model at theta, s(x) = phi x: near rest they move by -theta / 2 - gamma phi and phi / 2.
    line = nn.Linear(1, 1, bias=False).double()
    game = GAN(Point(0.0), line, n_latent=1, objective=objective, r1=gamma)

    def velocity(phi, theta):
        with torch.no_grad():
            line.weight.fill_(phi)
            game.generator.theta.fill_(theta)
        at = game.generator(torch.zeros(3, 1))
        (climb,) = torch.autograd.grad(
            game.opponent_loss(torch.zeros(3, 1).double(), at.detach()), line.weight
        )
        (move,) = torch.autograd.grad(game.generator_loss(at), game.generator.theta)
        return np.array([-climb.item(), -move.item()])

    step = 1e-4
    jacobian = np.stack([(velocity(*e) - velocity(*-e)) / (2 * step) for e in step * np.eye(2)], axis=1)
    # Its eigenvalues are -gamma / 2 +- sqrt(gamma^2 - 1) / 2: on the imaginary axis for gamma = 0 alone.
    np.testing.assert_allclose(jacobian, [[-gamma, -0.5], [0.5, 0]], atol=1e-7)


@pytest.mark.parametrize("r1", [-0.1, math.nan, math.inf])
def test_a_price_that_cannot_be_is_refused(r1):
    with pytest.raises(ValueError, match="r1, the weight of the penalty on slopes, must be at least 0"):
        r1_game(r1)


def test_the_loop_knows_the_discriminator_as_the_opponent():
    game = GAN(mlp((2, 3)), mlp((3, 1)), n_latent=2)
    assert game.opponent is game.discriminator and "opponent" not in dict(game.named_children())
    for name in ("opponent", "discriminator"):
        other = mlp((3, 4, 1))
        setattr(game, name, other)
        assert game.opponent is game.discriminator is other
        x = torch.rand(5, 3)
        assert torch.equal(game.score(x), other(x)[:, 0])
        assert torch.equal(game.score(x.double().numpy()), other(x)[:, 0])  # arrays of any precision


def test_turns_of_one_step_each_are_the_loop_of_the_package():
    kept, shares = recipe.unequal_turns(1, looks=(2, 6), seed=4)
    grid = toy2d("grid", 20_000, rng=0)
    torch.manual_seed(4)
    discriminator = mlp((2, 64, 64, 1), activation="leaky_relu")
    game = GAN(mlp((2, 64, 64, 2)), discriminator, n_latent=2)
    x = torch.tensor(grid.x, dtype=torch.float32)
    fit_adversarial(game, x, n_steps=6, batch_size=250, learning_rate=1e-3, seed=4, device="cpu")
    theirs = game.sample(5000, rng=torch.Generator().manual_seed(5))
    torch.testing.assert_close(kept[6], theirs, atol=1e-5, rtol=0)
    assert (kept[2] - theirs).abs().max() > 1e-4
    assert shares.shape == (2, 25)
    np.testing.assert_allclose(shares.sum(axis=1), 1)


def test_more_steps_of_the_generator_in_a_turn_play_another_game():
    samples = [recipe.unequal_turns(n, looks=(3,), seed=4)[0][3] for n in (1, 2)]
    assert (samples[0] - samples[1]).abs().max() > 1e-4
