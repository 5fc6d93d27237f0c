"""Diffusion: the chain, its reversal, the bound and the samplers, each against an independent computation."""

import math

import numpy as np
import pytest
import torch
from scipy.interpolate import PchipInterpolator
from scipy.linalg import sqrtm
from scipy.stats import kstest, norm
from torch import nn

from coursekit.data import digits
from coursekit.ddpm import (
    DDPM,
    MixtureNoisePredictor,
    NoiseSchedule,
    cosine_schedule,
    kl_between_gaussians,
    linear_schedule,
)
from coursekit.evaluation import DigitClassifier, frechet_distance
from coursekit.networks import TimeMLP, UNet, mlp
from coursekit.training import fit

SCHEDULES = {
    "linear": linear_schedule(1000),
    "cosine": cosine_schedule(60),
    "short": NoiseSchedule([0.3, 0.5, 0.7]),
}
WEIGHTS, MEANS, STDS = [0.3, 0.7], [[-1.2], [0.9]], [0.25, 0.4]


class RandomPredictor(nn.Module):
    """A noise predictor with random weights, so that nothing holds because it is zero; any shape."""

    def __init__(self, n_features, seed):
        super().__init__()
        torch.manual_seed(seed)
        self.net = mlp([n_features + 1, 16, n_features], activation="tanh").double()
        for parameter in self.net.parameters():
            nn.init.normal_(parameter, std=0.7)

    def forward(self, x, t):
        flat = x.flatten(1)
        return self.net(torch.cat([flat, t[:, None].to(x) / 10], dim=1)).reshape(x.shape)


def random_model(schedule, shape=(3,), target="noise", seed=0):
    return DDPM(RandomPredictor(math.prod(shape), seed), schedule, shape=shape, target=target).double()


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def times(schedule, n, seed=0, lowest=1):
    return torch.randint(lowest, schedule.T + 1, (n,), generator=generator(seed))


def mixture_model(schedule):
    """The exact noise predictor of the one-dimensional test mixture, as a model."""
    predictor = MixtureNoisePredictor(schedule, WEIGHTS, MEANS, STDS)
    return DDPM(predictor, schedule, shape=(1,)).double()


def mixture_sample(n, seed=0):
    rng = np.random.default_rng(seed)
    k = rng.choice(2, size=n, p=WEIGHTS)
    return torch.tensor(np.array(MEANS)[k] + np.array(STDS)[k][:, None] * rng.normal(size=(n, 1)))


def mixture_cdf(x):
    return sum(w * norm.cdf(x, m[0], s) for w, m, s in zip(WEIGHTS, MEANS, STDS, strict=True))


def mixture_pdf(x):
    return sum(w * norm.pdf(x, m[0], s) for w, m, s in zip(WEIGHTS, MEANS, STDS, strict=True))


# --- The forward chain ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_one_step_kernel_iterated_is_the_closed_form(name):
    """Mean and covariance of x_t, pushed through x -> sqrt(alpha) x + sqrt(beta) noise, for a random x_0."""
    schedule = SCHEDULES[name]
    model = random_model(schedule, shape=(2,))
    factor = normal(2, 2)
    mean, covariance = normal(2), factor @ factor.T
    start_mean, start_covariance = mean.clone(), covariance.clone()
    for t in range(1, schedule.T + 1):
        alpha = 1 - schedule.betas[t]
        mean = alpha.sqrt() * mean
        covariance = alpha * covariance + schedule.betas[t] * torch.eye(2)
        if t in (1, 2, schedule.T // 2, schedule.T):
            step = torch.full((1,), t)
            # q_sample is affine in (x_0, noise): read its two coefficients off.
            one, zero = torch.ones(1, 2).double(), torch.zeros(1, 2).double()
            signal, spread = model.q_sample(one, step, zero), model.q_sample(zero, step, one)
            torch.testing.assert_close(signal[0] * start_mean, mean)
            torch.testing.assert_close(signal**2 * start_covariance + spread**2 * torch.eye(2), covariance)


def test_a_simulated_chain_has_the_moments_of_q_sample():
    schedule, n = SCHEDULES["short"], 100_000
    x = torch.full((n, 1), 1.3, dtype=torch.float64)
    for t in (1, 2, 3):
        x = schedule.alphas[t].sqrt() * x + schedule.betas[t].sqrt() * normal(n, 1, seed=t)
    leap = random_model(schedule, (1,)).q_sample(
        torch.full((n, 1), 1.3, dtype=torch.float64), torch.full((n,), 3), normal(n, 1, seed=9)
    )
    error = math.sqrt(2 / n)
    assert abs(x.mean() - leap.mean()) < 4 * error
    assert abs(x.var() - leap.var()) < 4 * error * math.sqrt(2)


@pytest.mark.parametrize("name", SCHEDULES)
def test_tables_start_clean(name):
    schedule = SCHEDULES[name]
    for table in (schedule.betas, schedule.alphas, schedule.alpha_bars):
        assert table.shape == (schedule.T + 1,) and table.dtype == torch.float64
    assert (schedule.betas[0], schedule.alphas[0], schedule.alpha_bars[0]) == (0, 1, 1)
    assert (schedule.alpha_bars.diff() < 0).all()
    model, x = random_model(schedule), normal(4, 3)
    assert torch.equal(model.q_sample(x, torch.zeros(4, dtype=torch.int64), normal(4, 3, seed=1)), x)


def test_schedules_are_those_of_the_papers():
    """Direct loops over the printed formulas: Ho section 4, Nichol & Dhariwal eq. 17."""
    T, product = 1000, 1.0
    schedule = linear_schedule(T)
    for t in range(1, T + 1):
        beta = 1e-4 + (t - 1) / (T - 1) * (0.02 - 1e-4)
        product *= 1 - beta
        assert schedule.betas[t].item() == pytest.approx(beta, rel=1e-12)
        assert schedule.alpha_bars[t].item() == pytest.approx(product, rel=1e-10)
    T, product = 50, 1.0
    schedule = cosine_schedule(T)
    for t in range(1, T + 1):
        now = math.cos((t / T + 0.008) / (1 + 0.008) * math.pi / 2) ** 2
        before = math.cos(((t - 1) / T + 0.008) / (1 + 0.008) * math.pi / 2) ** 2
        beta = min(1 - now / before, 0.999)
        product *= 1 - beta
        assert schedule.betas[t].item() == pytest.approx(beta, rel=1e-10)
        assert schedule.alpha_bars[t].item() == pytest.approx(product, rel=1e-9)
        if t < T:
            assert product == pytest.approx(now / math.cos(0.008 / 1.008 * math.pi / 2) ** 2, rel=1e-9)


# --- One step back ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("t", [1, 2, 3])
def test_posterior_is_the_product_of_two_gaussians(t):
    """Bayes: q(x_{t-1} | x_0) q(x_t | x_{t-1}), multiplied and normalised on a grid."""
    schedule, x0, xt = SCHEDULES["short"], 0.8, -0.6
    mean, variance = schedule.posterior(
        torch.tensor([[x0]], dtype=torch.float64),
        torch.tensor([[xt]], dtype=torch.float64),
        torch.tensor([t]),
    )
    if t == 1:
        assert (mean.item(), variance.item()) == (pytest.approx(x0, rel=1e-12), 0)
        return
    before = schedule.alpha_bars[t - 1].item()
    grid = np.linspace(-12, 12, 200_001)
    product = norm.pdf(grid, math.sqrt(before) * x0, math.sqrt(1 - before))
    product *= norm.pdf(xt, math.sqrt(schedule.alphas[t].item()) * grid, math.sqrt(schedule.betas[t].item()))
    product /= product.sum()
    grid_mean = (grid * product).sum()
    assert mean.item() == pytest.approx(grid_mean, abs=1e-9)
    assert variance.item() == pytest.approx(((grid - grid_mean) ** 2 * product).sum(), abs=1e-9)


@pytest.mark.parametrize("name", SCHEDULES)
def test_posterior_is_bayes_in_natural_parameters(name):
    """Precisions add, and so do precision-weighted means."""
    schedule = SCHEDULES[name]
    x0, xt, t = normal(40, 2, 3), normal(40, 2, 3, seed=1), times(schedule, 40, lowest=2)
    mean, variance = schedule.posterior(x0, xt, t)
    assert variance.shape == (40, 1, 1)
    alpha, beta, before = (
        table[index].reshape(-1, 1, 1)
        for table, index in ((schedule.alphas, t), (schedule.betas, t), (schedule.alpha_bars, t - 1))
    )
    precision = 1 / (1 - before) + alpha / beta
    torch.testing.assert_close(variance, 1 / precision, rtol=1e-9, atol=0)
    pull = before.sqrt() * x0 / (1 - before) + alpha.sqrt() * xt / beta
    torch.testing.assert_close(mean, pull / precision, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("target", ["noise", "v"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_a_step_is_algorithm_2(name, target):
    """p_sample (mean by way of x_0) against the line of Algorithm 2 (mean by way of the noise), by hand."""
    schedule = SCHEDULES[name]
    model = random_model(schedule, target=target)
    for t in (1, 2, schedule.T // 2 + 1, schedule.T):
        xt, step = normal(5, 3, seed=t), torch.full((5,), t)
        alpha, beta = schedule.alphas[t].item(), schedule.betas[t].item()
        abar = math.prod(schedule.alphas[: t + 1].tolist())
        before = math.prod(schedule.alphas[:t].tolist())
        noise = model.noise_predictor(xt, step)
        if target == "v":  # eps = sqrt(abar) v + sqrt(1 - abar) x_t
            noise = math.sqrt(abar) * noise + math.sqrt(1 - abar) * xt
        z = normal(5, 3, seed=99) if t > 1 else 0
        sigma = math.sqrt((1 - before) / (1 - abar) * beta)
        expected = (xt - beta / math.sqrt(1 - abar) * noise) / math.sqrt(alpha) + sigma * z
        torch.testing.assert_close(
            model.p_sample(xt, step, rng=generator(99)), expected, rtol=1e-7, atol=1e-7
        )


def test_coefficients_survive_single_precision():
    """float32 examples: the weights of the posterior are those of float64 still, at t = 1 exactly (1, 0)."""
    schedule = SCHEDULES["linear"]
    for t in (1, 2, 3, 1000):
        one, zero, step = torch.ones(1, 1), torch.zeros(1, 1), torch.tensor([t])
        for x0, xt in ((one, zero), (zero, one)):
            mean, variance = schedule.posterior(x0, xt, step)
            exact_mean, exact_variance = schedule.posterior(x0.double(), xt.double(), step)
            torch.testing.assert_close(mean.double(), exact_mean, rtol=1e-7, atol=0)
            torch.testing.assert_close(variance.double(), exact_variance, rtol=1e-7, atol=0)
    assert schedule.posterior(one, zero, torch.tensor([1]))[0].item() == 1


def test_the_last_step_adds_no_noise():
    model, x, t = random_model(SCHEDULES["short"]), normal(4, 3), torch.ones(4, dtype=torch.int64)
    assert torch.equal(model.p_sample(x, t, rng=generator(1)), model.p_sample(x, t, rng=generator(2)))
    assert not torch.equal(
        model.p_sample(x, t + 1, rng=generator(1)), model.p_sample(x, t + 1, rng=generator(2))
    )


@pytest.mark.parametrize("target", ["noise", "v"])
def test_predictions_are_consistent(target):
    schedule = SCHEDULES["cosine"]
    model, xt, t = random_model(schedule, target=target), normal(30, 3), times(schedule, 30)
    x0, noise = model.predict(xt, t)
    torch.testing.assert_close(model.q_sample(x0, t, noise), xt)
    assert torch.equal(model.predict_x0(xt, t), x0)


# --- What the best predictor is ---------------------------------------------------------------------------


@pytest.mark.parametrize("t", [1, 20, 45, 60])
def test_exact_predictor_is_the_conditional_mean_of_the_noise(t):
    """E[eps | x_t] integrated over x_0 on a grid, for the mixture."""
    schedule = SCHEDULES["cosine"]
    grid = np.linspace(-6, 6, 120_001)
    abar = schedule.alpha_bars[t].item()
    exact = MixtureNoisePredictor(schedule, WEIGHTS, MEANS, STDS)
    for x in (-1.7, -0.1, 0.4, 2.0):
        weight = mixture_pdf(grid) * norm.pdf(x, math.sqrt(abar) * grid, math.sqrt(1 - abar))
        noise = (x - math.sqrt(abar) * grid) / math.sqrt(1 - abar)
        found = exact(torch.tensor([[x]], dtype=torch.float64), torch.tensor([t])).item()
        assert found == pytest.approx((noise * weight).sum() / weight.sum(), abs=1e-7)


def test_noise_and_score_are_related():
    """eps = -sqrt(1 - abar) grad log q(x_t), the gradient by autograd of an independently written density."""
    schedule, dim = SCHEDULES["cosine"], 2
    weights, means, stds = [0.2, 0.5, 0.3], normal(3, dim), [0.3, 0.1, 0.5]
    exact = MixtureNoisePredictor(schedule, weights, means, stds)
    x, t = normal(50, dim, seed=1).requires_grad_(), times(schedule, 50)
    abar = schedule.alpha_bars[t]
    components = [
        torch.distributions.MultivariateNormal(
            abar.sqrt()[:, None] * means[k],
            (abar * stds[k] ** 2 + 1 - abar)[:, None, None] * torch.eye(dim, dtype=torch.float64),
        ).log_prob(x)
        + math.log(weights[k])
        for k in range(3)
    ]
    (score,) = torch.autograd.grad(torch.stack(components).logsumexp(0).sum(), x)
    expected = -(1 - abar).sqrt()[:, None] * score
    torch.testing.assert_close(exact(x.detach(), t), expected)
    torch.testing.assert_close(exact.score(x.detach(), t), score)


@pytest.mark.parametrize("target", ["noise", "v"])
def test_no_predictor_beats_the_exact_one(target):
    """The loss at the exact predictor is smaller than at four perturbations of it."""
    schedule = SCHEDULES["cosine"]
    exact = MixtureNoisePredictor(schedule, WEIGHTS, MEANS, STDS)
    bump = RandomPredictor(1, seed=3)

    class Perturbed(nn.Module):
        def __init__(self, amount):
            super().__init__()
            self.amount = amount

        def forward(self, x, t):
            noise = exact(x, t) + self.amount * bump(x, t)
            if target == "noise":
                return noise
            abar = schedule.alpha_bars[t][:, None]
            return (noise - (1 - abar).sqrt() * x) / abar.sqrt()

    x = mixture_sample(50_000)
    losses = [
        DDPM(Perturbed(amount), schedule, shape=(1,), target=target).double().loss(x, rng=generator(4)).item()
        for amount in (0.0, -0.2, -0.05, 0.05, 0.2)
    ]
    assert losses[0] == min(losses)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_trained_predictor_approaches_the_exact_one(seed):
    schedule = cosine_schedule(100)
    torch.manual_seed(seed)
    model = DDPM(TimeMLP(1, width=32, n_blocks=1, n_time=16), schedule, shape=(1,))
    x = mixture_sample(8192, seed=seed).float()
    fit(model, x, n_steps=400, batch_size=256, learning_rate=3e-3, schedule="cosine", seed=seed, device="cpu")
    exact = mixture_model(schedule)
    fresh, t = mixture_sample(4000, seed=50 + seed), times(schedule, 4000, seed=seed)
    noise = normal(4000, 1, seed=seed)
    xt = exact.q_sample(fresh, t, noise)
    with torch.no_grad():
        best = exact.noise_predictor(xt, t)
        error = ((model.noise_predictor(xt.float(), t) - best) ** 2).mean()
    # A new network says zero, and starts at mean(best^2).
    assert error < 0.05 * (best**2).mean()


# --- Finite T ---------------------------------------------------------------------------------------------


def model_cdf(model, grid):
    """CDF of the samples of a one-dimensional model with no random number: pushed through every step.

    The mean of a step is an increasing function of x_t when the predictor is exact, so the CDF is carried
    along by interpolation; the noise of the step is a convolution. Grid: evenly spaced, (m,).
    """
    n, dx = len(grid), grid[1] - grid[0]
    frequency = 2 * np.pi * np.fft.rfftfreq(n, dx)
    cdf = norm.cdf(grid)
    x = torch.tensor(grid)[:, None]
    for t in range(model.schedule.T, 0, -1):
        step = torch.full((n,), t)
        mean, variance = model.schedule.posterior(model.predict_x0(x, step), x, step)
        mean = mean[:, 0].numpy()
        assert (np.diff(mean) > 0).all()
        moved = PchipInterpolator(mean, cdf)(grid.clip(mean[0], mean[-1]))
        # The density, not the CDF, is periodic enough for a Fourier convolution.
        mass = np.diff(moved, prepend=moved[0])
        mass = np.fft.irfft(np.fft.rfft(mass) * np.exp(-0.5 * variance[0].item() * frequency**2), n)
        cdf = moved[0] + np.cumsum(mass)
    return cdf


def test_exact_predictor_at_finite_T_single_gaussian():
    """For Gaussian data the chain of variances is a recursion; the tool used below must agree with it."""
    std, grid = 0.5, np.linspace(-7, 7, 4001)
    for T in (50, 200):
        schedule = cosine_schedule(T)
        model = DDPM(MixtureNoisePredictor(schedule, [1.0], [[0.0]], [std]), schedule, shape=(1,)).double()
        variance = 1.0
        for t in range(T, 0, -1):
            step, one = torch.tensor([t]), torch.ones(1, 1).double()
            slope, added = schedule.posterior(model.predict_x0(one, step), one, step)
            variance = slope.item() ** 2 * variance + added.item()
        np.testing.assert_allclose(model_cdf(model, grid), norm.cdf(grid, 0, math.sqrt(variance)), atol=2e-5)
        assert variance != pytest.approx(std**2, rel=1e-3)


def test_samples_approach_the_mixture_as_T_grows_but_never_reach_it():
    grid = np.linspace(-6, 6, 2401)
    dx = grid[1] - grid[0]
    distance = {}
    for T in (50, 200, 1000):
        cdf = model_cdf(mixture_model(cosine_schedule(T)), grid)
        distance[T] = np.abs(cdf - mixture_cdf(grid)).sum() * dx  # earth mover's distance
        if T == 50:
            samples = mixture_model(cosine_schedule(T)).sample(10_000, rng=generator(5))[:, 0].numpy()
            # Two ways to one distribution, and the next lines show that it is not the data's.
            assert kstest(samples, lambda x, cdf=cdf: np.interp(x, grid, cdf)).pvalue > 0.001
    assert distance[50] > 2 * distance[200] > 4 * distance[1000]
    assert distance[1000] > 5e-4


# --- The bound --------------------------------------------------------------------------------------------


def test_gaussian_kl_is_the_textbook_kl():
    mean_q, mean_p = normal(6, 2, 3), normal(6, 2, 3, seed=1)
    q_var, p_var = normal(6, 1, 1, seed=2).exp(), normal(6, 1, 1, seed=3).exp()
    expected = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean_q, q_var.sqrt()), torch.distributions.Normal(mean_p, p_var.sqrt())
    )
    torch.testing.assert_close(kl_between_gaussians(mean_q, q_var, mean_p, p_var), expected.sum((1, 2)))


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_kl_of_a_step_is_a_weighted_noise_error(name):
    """Ho eq. 12, sigma^2 = beta tilde: beta / (2 alpha (1 - abar_{t-1})) ||eps - eps_theta||^2, t >= 2."""
    schedule = SCHEDULES[name]
    model, x0, noise, t = (
        random_model(schedule),
        normal(50, 3),
        normal(50, 3, seed=1),
        times(schedule, 50, lowest=2),
    )
    xt = model.q_sample(x0, t, noise)
    weight = schedule.betas[t] / (2 * schedule.alphas[t] * (1 - schedule.alpha_bars[t - 1]))
    error = ((noise - model.noise_predictor(xt, t)) ** 2).sum(1)
    torch.testing.assert_close(model.denoising_kl(x0, xt, t), weight * error, rtol=1e-6, atol=1e-9)


def one_dimensional_terms(model, x0, nodes=80):
    """Prior, denoising, reconstruction of one x0 with the noise integrated by Gauss-Hermite quadrature."""
    points, weights = np.polynomial.hermite_e.hermegauss(nodes)
    noise, weights = torch.tensor(points)[:, None], torch.tensor(weights / weights.sum())
    x = torch.full((nodes, 1), float(x0), dtype=torch.float64)
    ones = torch.ones(nodes, dtype=torch.int64)
    reconstruction = weights @ model.reconstruction(x, model.q_sample(x, ones, noise))
    denoising = sum(
        weights @ model.denoising_kl(x, model.q_sample(x, t * ones, noise), t * ones)
        for t in range(2, model.schedule.T + 1)
    )
    return model.prior_kl(x[:1])[0].item(), denoising.item(), reconstruction.item()


def step_means(model, grid, t):
    """Mean of p(x_{t-1} | x_t) at every x_t of the grid, in noise form, and beta tilde (t = 1: beta_1)."""
    s = model.schedule
    x, step = torch.tensor(grid)[:, None], torch.full((len(grid),), t)
    noise = model.noise_predictor(x, step)
    mean = (x - s.betas[t] / (1 - s.alpha_bars[t]).sqrt() * noise) / s.alphas[t].sqrt()
    variance = s.betas[t] * (1 - s.alpha_bars[t - 1]) / (1 - s.alpha_bars[t]) if t > 1 else s.betas[1]
    return mean.detach().numpy()[:, 0], variance.item()


@torch.no_grad()
def test_the_terms_add_up_to_the_bound_in_its_first_form():
    """T = 2: E_q[log p(x_0, x_1, x_2) - log q(x_1, x_2 | x_0)] on a plane grid = reconstruction - KLs."""
    schedule = NoiseSchedule([0.35, 0.6])
    model = random_model(schedule, shape=(1,), seed=5)
    grid = np.linspace(-8, 8, 1601)
    dx = grid[1] - grid[0]
    mean_1, variance_1 = step_means(model, grid, 1)
    mean_2, variance_2 = step_means(model, grid, 2)
    for x0 in (-1.1, 0.2, 1.6):
        log_q = norm.logpdf(grid, math.sqrt(0.65) * x0, math.sqrt(0.35))[:, None]
        log_q = log_q + norm.logpdf(grid[None, :], math.sqrt(0.4) * grid[:, None], math.sqrt(0.6))
        log_p = norm.logpdf(x0, mean_1, math.sqrt(variance_1))[:, None]
        log_p = log_p + norm.logpdf(grid[:, None], mean_2[None, :], math.sqrt(variance_2)) + norm.logpdf(grid)
        direct = (np.exp(log_q) * (log_p - log_q)).sum() * dx * dx
        prior, denoising, reconstruction = one_dimensional_terms(model, x0)
        assert reconstruction - denoising - prior == pytest.approx(direct, abs=1e-6)


@torch.no_grad()
def test_elbo_is_an_unbiased_estimate_of_its_terms():
    model = random_model(SCHEDULES["short"], shape=(1,), seed=5)
    n = 20_000
    terms = model.elbo(torch.full((n, 1), 0.7, dtype=torch.float64), rng=generator(1))
    prior, denoising, reconstruction = one_dimensional_terms(model, 0.7)
    torch.testing.assert_close(terms["elbo"], terms["reconstruction"] - terms["denoising"] - terms["prior"])
    torch.testing.assert_close(terms["prior"], torch.full((n,), prior, dtype=torch.float64))
    for name, expected in (("denoising", denoising), ("reconstruction", reconstruction)):
        assert terms[name].shape == (n,)
        assert abs(terms[name].mean() - expected) < 4 * terms[name].std() / math.sqrt(n)


@torch.no_grad()
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_bound_holds_pointwise_and_its_mean_exceeds_the_entropy(seed):
    """p(x_0) by integration over x_3, x_2, x_1 on a grid; random and exact predictors."""
    schedule = SCHEDULES["short"]
    grid = np.linspace(-16, 16, 1281)
    dx = grid[1] - grid[0]
    inside = np.flatnonzero(np.abs(grid) < 2.6)[::3]  # all but 1e-5 of the data
    data = mixture_pdf(grid)[inside]
    entropy = -(data * np.log(data)).sum() / data.sum()
    for model in (random_model(schedule, shape=(1,), seed=seed), mixture_model(schedule)):
        density = norm.pdf(grid)
        for t in (3, 2, 1):
            mean, variance = step_means(model, grid, t)
            density = norm.pdf(grid[:, None], mean[None, :], math.sqrt(variance)) @ density * dx
        # The little that a random network throws off the grid lowers the density: a stricter test.
        assert 0.999 < density.sum() * dx < 1 + 1e-9
        terms = np.array([one_dimensional_terms(model, x0) for x0 in grid[inside]])
        bound = terms[:, 2] - terms[:, 1] - terms[:, 0]
        assert (bound <= np.log(density[inside]) + 1e-9).all()
        assert -(data * bound).sum() / data.sum() >= entropy


def test_the_prior_term_is_small_only_when_the_chain_is_long_enough():
    x = normal(10, 64)
    long, short = (random_model(linear_schedule(T), shape=(64,)).prior_kl(x) for T in (1000, 50))
    expected = torch.distributions.kl_divergence(
        torch.distributions.Normal(
            linear_schedule(50).alpha_bars[-1].sqrt() * x, (1 - linear_schedule(50).alpha_bars[-1]).sqrt()
        ),
        torch.distributions.Normal(torch.zeros(()).double(), torch.ones(()).double()),
    ).sum(1)
    torch.testing.assert_close(short, expected)
    assert (long < 0.01).all() and (short > 10).all()


# --- Loss -------------------------------------------------------------------------------------------------


def test_loss_is_the_squared_noise_error_with_every_t_equally_often():
    """Against the exact expectation: mean over t = 1..T and Gauss-Hermite noise, for one x_0."""
    schedule = SCHEDULES["short"]
    for target in ("noise", "v"):
        model = random_model(schedule, shape=(1,), target=target, seed=2)
        points, weights = np.polynomial.hermite_e.hermegauss(60)
        noise, weights = torch.tensor(points)[:, None], torch.tensor(weights / weights.sum())
        x0 = torch.full((60, 1), 0.6, dtype=torch.float64)
        expected = 0.0
        for t in (1, 2, 3):
            step = torch.full((60,), t)
            abar = schedule.alpha_bars[t]
            xt = abar.sqrt() * x0 + (1 - abar).sqrt() * noise
            wanted = noise if target == "noise" else abar.sqrt() * noise - (1 - abar).sqrt() * x0
            expected += (weights @ ((wanted - model.noise_predictor(xt, step)) ** 2)[:, 0]).item() / 3
        x = torch.full((1000, 1), 0.6, dtype=torch.float64)
        losses = torch.stack([model.loss(x, rng=generator(seed)).detach() for seed in range(100)])
        assert abs(losses.mean() - expected) < 4 * losses.std() / math.sqrt(100)
        # A batch of one must see every t as well: the spread of a batch hides no bias.
        losses = torch.stack([model.loss(x[:1], rng=generator(seed)).detach() for seed in range(1500)])
        assert abs(losses.mean() - expected) < 4 * losses.std() / math.sqrt(1500)


def test_loss_sums_over_an_example_and_averages_over_the_batch():
    """A predictor of zeros leaves E ||eps||^2 = number of entries."""

    class Zeros(nn.Module):
        def forward(self, x, t):
            return torch.zeros_like(x)

    model = DDPM(Zeros(), SCHEDULES["cosine"], shape=(2, 4, 4)).double()
    assert model.loss(normal(4000, 2, 4, 4), rng=generator()).item() == pytest.approx(32, rel=0.02)


# --- DDIM -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cosine", "short"])
def test_ddim_with_eta_one_and_all_steps_is_ddpm(name):
    schedule = SCHEDULES[name]
    model = random_model(schedule)
    for t in range(1, schedule.T + 1):
        xt, step = normal(4, 3, seed=t), torch.full((4,), t)
        ours = model.ddim_step(xt, step, step - 1, eta=1.0, rng=generator(t))
        torch.testing.assert_close(ours, model.p_sample(xt, step, rng=generator(t)), rtol=1e-7, atol=1e-7)
    exact = mixture_model(schedule)
    ancestral, ddim = (
        exact.sample(50, rng=generator(1)),
        exact.sample_ddim(50, schedule.T, eta=1.0, rng=generator(1)),
    )
    torch.testing.assert_close(ddim, ancestral, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
def test_ddim_step_keeps_the_marginals(eta):
    """With the true x_0, a stride from t to s lands on q(x_s | x_0): DDIM lemma 1, by its two moments."""
    schedule = SCHEDULES["cosine"]

    class Oracle(nn.Module):
        def forward(self, x, t):
            abar = schedule.alpha_bars[t][:, None]
            return (x - abar.sqrt() * 0.7) / (1 - abar).sqrt()

    n = 40_000
    model = DDPM(Oracle(), schedule, shape=(1,)).double()
    t, s = torch.full((n,), 40), torch.full((n,), 17)
    xt = model.q_sample(torch.full((n, 1), 0.7, dtype=torch.float64), t, normal(n, 1))
    xs = model.ddim_step(xt, t, s, eta=eta, rng=generator(3))
    abar = schedule.alpha_bars[17]
    assert abs(xs.mean() - abar.sqrt() * 0.7) < 4 * (1 - abar).sqrt() / math.sqrt(n)
    assert abs(xs.var() - (1 - abar)) < 4 * (1 - abar) * math.sqrt(2 / n)


def test_deterministic_ddim_is_invertible_to_first_order():
    """Down in n strides and up again in the same ones: the error halves when the strides do."""
    model = mixture_model(cosine_schedule(1600))
    start = normal(200, 1)
    errors = {}
    for n_strides in (50, 100, 200, 400):
        grid = torch.linspace(1400, 0, n_strides + 1).round().long().tolist()
        x = start
        for t, s in zip(grid[:-1], grid[1:], strict=True):
            x = model.ddim_step(x, torch.full((200,), t), torch.full((200,), s))
        # The first stride up cannot ask for the noise at t = 0, where there is none to see: it asks at t = 1.
        for t, s in zip(grid[:0:-1], grid[-2::-1], strict=True):
            x = model.ddim_step(x, torch.full((200,), max(t, 1)), torch.full((200,), s))
        errors[n_strides] = (x - start).abs().mean().item()
    assert errors[50] < 0.5
    for n_strides in (50, 100, 200):
        assert 1.6 < errors[n_strides] / errors[2 * n_strides] < 2.6


def test_ddim_is_deterministic_and_needs_few_steps():
    model = mixture_model(cosine_schedule(1000))
    one, two = (model.sample_ddim(8000, 50, rng=generator(2)) for _ in range(2))
    assert torch.equal(one, two)
    assert kstest(one[:, 0].numpy(), mixture_cdf).statistic < 0.04


# --- The judge of samples ---------------------------------------------------------------------------------


def test_frechet_distance_of_gaussians():
    """Against the matrix square root, and the closed form when the covariances commute; also of low rank."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(40, 5)) @ rng.normal(size=(5, 5)), 1 + 2 * rng.normal(size=(70, 5))
    cov_a, cov_b = np.cov(a.T), np.cov(b.T)
    trace = np.trace(cov_a + cov_b - 2 * sqrtm(cov_a @ cov_b).real)
    assert frechet_distance(a, b) == pytest.approx(((a.mean(0) - b.mean(0)) ** 2).sum() + trace)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(torch.tensor(b), torch.tensor(a)))
    centre = a.mean(0)
    # Scaled by 3 about the mean and moved by 2 along each axis: sum (3 s - s)^2 + 5 * 2^2.
    assert frechet_distance(a, 3 * (a - centre) + centre + 2) == pytest.approx(4 * np.trace(cov_a) + 20)
    flat = np.hstack([a[:, :2], np.zeros((40, 3))])
    assert frechet_distance(flat, flat) == pytest.approx(0, abs=1e-6)
    with pytest.raises(ValueError, match="samples of one width"):
        frechet_distance(a, b[:, :3])


def test_digit_classifier_reads_digits_and_is_seeded():
    train, test = digits().split(0)
    state = torch.get_rng_state()
    with torch.random.fork_rng():
        judge = DigitClassifier(64).fit(train.x, train.labels, n_epochs=12)
        again = DigitClassifier(64).fit(train.x, train.labels, n_epochs=12)
    assert torch.equal(torch.get_rng_state(), state)
    probability = judge.predict_proba(test.x)
    assert torch.equal(probability, again.predict_proba(test.x))
    torch.testing.assert_close(probability.sum(1), torch.ones(len(test.x)))
    assert (probability.argmax(1).numpy() == test.labels).mean() > 0.95
    assert judge.features(test.x).shape == (len(test.x), 64)
    # Sure of digits, unsure of pixels drawn one by one from digits.
    scrambled = np.random.default_rng(0).permuted(test.x, axis=0)
    assert probability.amax(1).mean() > 0.9 > judge.predict_proba(scrambled).amax(1).mean() + 0.1


# --- Images, networks, errors -----------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["noise", "v"])
def test_images_with_a_u_net(target):
    torch.manual_seed(0)
    net = UNet(2, width=8, n_time=8)
    x, t = torch.randn(3, 2, 8, 6), torch.tensor([1, 5, 10])
    assert torch.equal(net(x, t), torch.zeros_like(x))
    nn.init.normal_(net.leave[-1].weight)
    assert not torch.allclose(net(x, t), net(x, t.flip(0)))
    model = DDPM(net, cosine_schedule(10), shape=(2, 8, 6), target=target)
    assert model.loss(x, rng=generator()).ndim == 0
    assert model.sample(3, rng=generator()).shape == (3, 2, 8, 6)
    assert model.sample_ddim(3, 4, rng=generator()).shape == (3, 2, 8, 6)
    assert {key: value.shape for key, value in model.elbo(x, rng=generator()).items()} == dict.fromkeys(
        ("prior", "denoising", "reconstruction", "elbo"), (3,)
    )


def test_time_mlp_sees_the_time_once_its_gates_are_open():
    torch.manual_seed(0)
    net = TimeMLP(3, width=16, n_blocks=2, n_time=8)
    x, t = torch.randn(3, 3), torch.tensor([1, 5, 10])
    assert torch.equal(net(x, t), torch.zeros_like(x))
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.3)
    assert not torch.allclose(net(x, t), net(x, t.flip(0)))
    torch.testing.assert_close(net(x, t)[1:2], net(x[1:2], t[1:2]))


def test_samples_do_not_touch_the_global_generator():
    model = mixture_model(SCHEDULES["short"])
    state = torch.get_rng_state()
    one, two = model.sample(5, rng=generator(1)), model.sample(5, rng=generator(1))
    model.loss(mixture_sample(5), rng=generator(1))
    model.elbo(mixture_sample(5), rng=generator(1))
    assert torch.equal(one, two) and torch.equal(torch.get_rng_state(), state)


def test_errors_say_what_to_do():
    schedule, x = SCHEDULES["short"], normal(2, 3)
    model = random_model(schedule)
    with pytest.raises(ValueError, match="noise, v"):
        DDPM(nn.Identity(), schedule, shape=(3,), target="x0")
    assert DDPM(nn.Identity(), schedule, shape=3).shape == (3,)
    with pytest.raises(ValueError, match="between 0 and 1"):
        NoiseSchedule([0.1, 1.0])
    with pytest.raises(ValueError, match="1..T = 3"):
        model.sample_ddim(2, 4)
    with pytest.raises(ValueError, match="0..T = 3, got 2 to 4"):
        model.q_sample(x, torch.tensor([2, 4]), x)
    with pytest.raises(ValueError, match="int64"):
        model.q_sample(x, torch.tensor([1.0, 2.0]), x)
    with pytest.raises(ValueError, match="int64"):
        model.q_sample(x, torch.tensor(2), x)
    with pytest.raises(ValueError, match="no step before it"):
        model.p_sample(x, torch.tensor([0, 1]))
    with pytest.raises(ValueError, match="needs t >= 2"):
        model.denoising_kl(x, x, torch.tensor([1, 2]))
    with pytest.raises(ValueError, match="betas, alphas, alpha_bars"):
        schedule.at("sigmas", torch.tensor([1, 1]))
    with pytest.raises(ValueError, match="1 times t were given for 2 examples"):
        model.q_sample(x, torch.tensor([1]), x)
    with pytest.raises(ValueError, match="the mean error over none is undefined"):
        model.loss(x[:0])


def test_whole_numbers_are_refused_and_do_not_vanish():
    """Weights between 0 and 1 cast to int64 are all 0: an image of whole numbers would turn into zeros."""
    model, t, whole = random_model(SCHEDULES["short"]), torch.tensor([1, 2]), torch.ones(2, 3).long()
    exact = MixtureNoisePredictor(SCHEDULES["short"], [1.0], torch.zeros(1, 3), [1.0])
    for call in (
        lambda: model.q_sample(whole, t, normal(2, 3)),
        lambda: model.schedule.posterior(whole, whole, t),
        lambda: model.p_sample(whole, t),
        lambda: exact(whole, t),
    ):
        with pytest.raises(ValueError, match="must be floating-point numbers, got torch.int64"):
            call()


def test_shapes_that_would_broadcast_are_refused():
    schedule, x, t = SCHEDULES["short"], normal(2, 3), torch.tensor([1, 2])
    model, exact = random_model(schedule), MixtureNoisePredictor(schedule, [1.0], torch.zeros(1, 3), [1.0])
    column = DDPM(lambda x, t: x[:, :1], schedule, shape=3).double()
    one_row = DDPM(lambda x, t: x[:1], schedule, shape=3).double()
    for call, sentence in (
        (lambda: model.q_sample(x, t, x[:, :1]), r"x_0 and its noise .* \(2, 3\) and \(2, 1\)"),
        (lambda: model.q_sample(x[:, :2], t, x[:, :2]), r"x_0 must have shape \(n, 3\), got \(2, 2\)"),
        (lambda: model.p_sample(x[:, :1], t), r"x_t must have shape \(n, 3\), got \(2, 1\)"),
        (lambda: schedule.posterior(x[:1], x, t), r"x_0 and x_t .* \(1, 3\) and \(2, 3\)"),
        (lambda: schedule.posterior(x, x[:, :1], t), r"x_0 and x_t .* \(2, 3\) and \(2, 1\)"),
        (lambda: column.loss(x), r"must return the shape of x_t, \(2, 3\), but returned \(2, 1\)"),
        (lambda: one_row.sample(2), r"must return the shape of x_t, \(2, 3\), but returned \(1, 3\)"),
        (lambda: exact(x[:, :1], t), r"x must have shape \(n, 3\), got \(2, 1\)"),
    ):
        with pytest.raises(ValueError, match=sentence):
            call()


def test_a_mixture_that_is_none_is_refused():
    good = {"weights": WEIGHTS, "means": MEANS, "stds": STDS}
    for wrong, sentence in (
        ({"weights": [1.0]}, r"weights must have shape \(2,\), one per row of means, got \(1,\)"),
        ({"stds": 0.3}, r"stds must have shape \(2,\), one per row of means, got \(\)"),
        ({"means": [-1.2, 0.9]}, r"means must have shape \(k, d\), one row per component, got \(2,\)"),
        ({"weights": [-0.3, 1.3]}, "weights must be at least 0 and sum to 1; the smallest is -0.3"),
        ({"weights": [0.3, 0.6]}, "weights must be at least 0 .* the sum 0.9"),
        ({"weights": [0.3, math.nan]}, "weights must be at least 0"),
        ({"stds": [0.25, -0.4]}, "stds must be at least 0; the smallest is -0.4"),
        ({"stds": [0.25, math.nan]}, "stds must be at least 0"),
    ):
        with pytest.raises(ValueError, match=sentence):
            MixtureNoisePredictor(SCHEDULES["short"], **good | wrong)
