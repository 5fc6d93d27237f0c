"""The VAE against theorems: models whose likelihood is known, in closed form or by quadrature."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import distributions as D

from coursekit import data
from coursekit.pca import principal_angles
from coursekit.training import fit
from coursekit.vae import (
    VAE,
    active_units,
    gaussian_kl,
    importance_weighted_bound,
    log_bernoulli,
    log_normal,
    reparametrize,
)


def generator(seed):
    return torch.Generator().manual_seed(seed)


def normal(*shape, rng):
    return torch.randn(shape, generator=rng, dtype=torch.float64)


def randomised(model, rng, scale=1.0):
    """The model in float64 with every parameter drawn at random: zero weights prove nothing."""
    model = model.double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(scale * normal(*parameter.shape, rng=rng))
    return model


def standard_error(draws):
    """Of the mean over the first axis."""
    return draws.std(0) / math.sqrt(len(draws))


# --- one latent: integrals over z by the trapezoidal rule, which is spectrally accurate for smooth tails ---

GRID = torch.linspace(-16, 16, 3201, dtype=torch.float64)


def integral(values):
    """Over GRID, along the last axis."""
    return torch.trapezoid(values, GRID)


def log_decoder_on_grid(model, x):
    """log p(x | z) at every z of GRID, (n, n_grid)."""
    return torch.stack([model.conditional_log_prob(row.expand(len(GRID), -1), GRID[:, None]) for row in x])


def log_q_on_grid(mean, log_var):
    """log q(z | x) at every z of GRID; mean, log_var (n, 1) -> (n, n_grid)."""
    return D.Normal(mean, (0.5 * log_var).exp()).log_prob(GRID)


def log_p_on_grid():
    return D.Normal(0.0, 1.0).log_prob(GRID)


@pytest.fixture
def curved():
    """A nonlinear Bernoulli decoder with one latent, and 6 pictures of 5 pixels."""
    rng = generator(1)
    model = randomised(VAE(5, 1, hidden=(16,), activation="tanh"), rng)
    # Approximate posteriors that differ and are wrong, but are well inside GRID.
    model.encoder[-1].weight.data *= 0.3
    model.encoder[-1].bias.data = torch.tensor([0.3, -1.0], dtype=torch.float64)
    x = (torch.rand(6, 5, generator=rng, dtype=torch.float64) < 0.4).double()
    return model.requires_grad_(False), x


# --- linear-Gaussian model: x = W z + b + noise, everything in closed form ---------------------------------


def linear_vae(n_inputs, n_latent, rng, *, variance=0.3):
    model = VAE(n_inputs, n_latent, hidden=(), likelihood="gaussian", observation_variance=variance)
    return randomised(model, rng).requires_grad_(False)


def evidence(model):
    """p(x) = N(b, W W' + variance I)."""
    weight, variance = model.decoder[0].weight, model.observation_log_var.exp()
    covariance = weight @ weight.T + variance * torch.eye(model.n_inputs, dtype=weight.dtype)
    return D.MultivariateNormal(model.decoder[0].bias, covariance)


def true_posterior(model, x):
    """p(z | x), a Gaussian with full covariance."""
    weight, variance = model.decoder[0].weight, model.observation_log_var.exp()
    precision = torch.eye(model.n_latent, dtype=weight.dtype) + weight.T @ weight / variance
    mean = torch.linalg.solve(precision, weight.T @ (x - model.decoder[0].bias).T / variance).T
    return D.MultivariateNormal(mean, precision_matrix=precision)


def exact_elbo(model, x):
    """The bound without noise: log p(x | z) is quadratic in z, so 2 k points mean +- sqrt(k) std suffice."""
    mean, log_var = model.encode(x)
    steps = math.sqrt(model.n_latent) * torch.eye(model.n_latent, dtype=mean.dtype)
    points = torch.cat([steps, -steps])[:, None] * (0.5 * log_var).exp() + mean  # (2 k, n, k)
    reconstruction = torch.stack([model.conditional_log_prob(x, z) for z in points]).mean(0)
    return reconstruction - gaussian_kl(mean, log_var)


def set_encoder(model, weight, bias, log_var):
    """mean = weight x + bias, the same log_var for every x."""
    with torch.no_grad():
        model.encoder[0].weight.copy_(torch.cat([weight, torch.zeros_like(weight)]))
        model.encoder[0].bias.copy_(torch.cat([bias, log_var]))


# --- formulas ----------------------------------------------------------------------------------------------


def test_gaussian_kl_is_that_of_torch_distributions():
    rng = generator(0)
    mean, log_var = normal(50, 3, rng=rng), 2 * normal(50, 3, rng=rng)
    oracle = D.kl_divergence(D.Normal(mean, (0.5 * log_var).exp()), D.Normal(0.0, 1.0)).sum(-1)
    torch.testing.assert_close(gaussian_kl(mean, log_var), oracle, rtol=1e-12, atol=1e-12)
    assert (gaussian_kl(mean, log_var) > 0).all()
    assert gaussian_kl(torch.zeros(1, 3), torch.zeros(1, 3)) == 0


def test_gaussian_kl_is_the_mean_log_ratio():
    rng = generator(1)
    mean, log_var = normal(4, 3, rng=rng), normal(4, 3, rng=rng)
    mean_of_many, log_var_of_many = mean.expand(100_000, 4, 3), log_var.expand(100_000, 4, 3)
    z = reparametrize(mean_of_many, log_var_of_many, rng)
    ratio = log_normal(z, mean, log_var) - log_normal(z, torch.zeros(3), torch.zeros(3))
    assert ((ratio.mean(0) - gaussian_kl(mean, log_var)).abs() < 4 * standard_error(ratio)).all()


def test_log_densities_are_those_of_torch_distributions():
    rng = generator(2)
    x, mean, log_var = (normal(7, 4, rng=rng) for _ in range(3))
    oracle = D.Normal(mean, (0.5 * log_var).exp()).log_prob(x).sum(-1)
    torch.testing.assert_close(log_normal(x, mean, log_var), oracle)
    # One variance for every input still counts once an input.
    oracle = D.Normal(mean, math.exp(0.35)).log_prob(x).sum(-1)
    torch.testing.assert_close(log_normal(x, mean, torch.tensor(0.7).double()), oracle)
    pixels, logits = (x > 0).double(), 3 * mean
    torch.testing.assert_close(
        log_bernoulli(pixels, logits), D.Bernoulli(logits=logits).log_prob(pixels).sum(-1)
    )
    cross_entropy = F.binary_cross_entropy_with_logits(logits, pixels, reduction="sum")
    torch.testing.assert_close(log_bernoulli(pixels, logits).sum(), -cross_entropy)


def test_reparametrized_sample_has_its_moments_and_its_own_noise_everywhere():
    mean, log_var = torch.tensor([1.0, -2.0]).double(), torch.tensor([-1.0, 2.0]).double()
    z = reparametrize(mean.expand(200_000, 2), log_var.expand(200_000, 2), generator(3))
    assert ((z.mean(0) - mean).abs() < 4 * standard_error(z)).all()
    squares = (z - mean) ** 2
    assert ((squares.mean(0) - log_var.exp()).abs() < 4 * standard_error(squares)).all()
    product = (z[1:] - mean) * (z[:-1] - mean)
    assert (product.mean(0).abs() < 4 * standard_error(product)).all()
    across = (z - mean).prod(-1)
    assert across.mean().abs() < 4 * standard_error(across)


# --- the identity elbo + KL(q || posterior) = log p(x) -----------------------------------------------------


def test_elbo_plus_kl_to_posterior_is_log_p_for_any_q_in_the_linear_gaussian_model():
    rng = generator(4)
    for _ in range(50):
        model, x = linear_vae(5, 3, rng), normal(4, 5, rng=rng)
        mean, log_var = model.encode(x)
        q = D.MultivariateNormal(mean, torch.diag_embed(log_var.exp()))
        gap = D.kl_divergence(q, true_posterior(model, x))
        torch.testing.assert_close(
            exact_elbo(model, x) + gap, evidence(model).log_prob(x), rtol=1e-9, atol=1e-8
        )
        assert (gap > 0).all()


def test_elbo_averages_to_the_exact_bound():
    rng = generator(5)
    model = linear_vae(5, 3, rng)
    x = normal(1, 5, rng=rng)
    terms = model.elbo(x.expand(100_000, 5), rng=rng)
    torch.testing.assert_close(terms["elbo"], terms["reconstruction"] - terms["kl"])
    exact = exact_elbo(model, x)
    assert (terms["elbo"].mean() - exact).abs() < 4 * standard_error(terms["elbo"])


def test_bound_is_tight_at_the_posterior_and_every_importance_weight_is_p_of_x():
    rng = generator(6)
    model, x = linear_vae(5, 2, rng), normal(4, 5, rng=rng)
    # Orthogonal columns make the posterior's covariance diagonal, so that q can equal it.
    weight = torch.linalg.qr(normal(5, 2, rng=rng))[0] * torch.tensor([2.0, 0.5])
    model.decoder[0].weight.copy_(weight)
    variance, bias = model.observation_log_var.exp(), model.decoder[0].bias
    posterior_variance = 1 / (1 + (weight**2).sum(0) / variance)
    to_mean = posterior_variance[:, None] * weight.T / variance
    set_encoder(model, to_mean, -to_mean @ bias, posterior_variance.log())
    log_p = evidence(model).log_prob(x)
    torch.testing.assert_close(exact_elbo(model, x), log_p, rtol=1e-10, atol=1e-10)
    for n_samples in (1, 3):
        weights = model.log_likelihood(x, n_samples, rng=rng)
        torch.testing.assert_close(weights, log_p, rtol=1e-10, atol=1e-10)


def test_identity_by_quadrature_for_a_nonlinear_decoder(curved):
    model, x = curved
    mean, log_var = model.encode(x)
    log_q, log_joint = log_q_on_grid(mean, log_var), log_decoder_on_grid(model, x) + log_p_on_grid()
    log_p = integral(log_joint.exp()).log()
    log_posterior = log_joint - log_p[:, None]
    gap = integral(log_q.exp() * (log_q - log_posterior))
    elbo = integral(log_q.exp() * log_decoder_on_grid(model, x)) - gaussian_kl(mean, log_var)
    torch.testing.assert_close(elbo + gap, log_p, rtol=0, atol=1e-6)
    draws = torch.stack([model.elbo(x, rng=generator(seed))["elbo"] for seed in range(4000)])
    assert ((draws.mean(0) - elbo).abs() < 4 * standard_error(draws)).all()


def test_no_q_of_a_thousand_beats_log_p(curved):
    model, x = curved
    rng = generator(7)
    mean, log_var = 2 * normal(1000, 1, rng=rng), normal(1000, 1, rng=rng)
    log_decoder = log_decoder_on_grid(model, x)
    log_p = integral((log_decoder + log_p_on_grid()).exp()).log()
    reconstruction = log_q_on_grid(mean, log_var).exp() @ log_decoder.T * GRID.diff()[0]  # (1000, n)
    elbo = reconstruction - gaussian_kl(mean, log_var)[:, None]
    assert (elbo < log_p).all()


# --- probabilistic PCA is the linear VAE (Tipping & Bishop 1999; Lucas et al. 2019) ------------------------


def correlated_data(n=400, seed=8):
    """Six measurements with two strong directions; eigenvalues and vectors of the covariance, falling."""
    rng = generator(seed)
    x = normal(n, 2, rng=rng) @ (torch.tensor([[3.0], [1.5]]) * normal(2, 6, rng=rng))
    x = x + 0.5 * normal(n, 6, rng=rng) + normal(6, rng=rng)
    values, vectors = torch.linalg.eigh(torch.cov(x.T, correction=0))
    return x, values.flip(0), vectors.flip(1)


def ppca_solution():
    """A VAE at the maximum-likelihood solution of pPCA, with the posterior as its encoder."""
    x, values, vectors = correlated_data()
    variance = values[2:].mean()
    model = VAE(6, 2, hidden=(), likelihood="gaussian", observation_variance="learned").double()
    weight = vectors[:, :2] * (values[:2] - variance).sqrt()
    to_mean = weight.T / values[:2, None]
    with torch.no_grad():
        model.decoder[0].weight.copy_(weight)
        model.decoder[0].bias.copy_(x.mean(0))
        model.observation_log_var.copy_(variance.log())
    set_encoder(model, to_mean, -to_mean @ x.mean(0), (variance / values[:2]).log())
    return model, x


def test_the_elbo_is_stationary_and_tight_at_the_maximum_likelihood_of_ppca():
    model, x = ppca_solution()
    bound = exact_elbo(model, x)
    torch.testing.assert_close(bound, evidence(model).log_prob(x), rtol=1e-9, atol=1e-9)
    bound.mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad.abs().max() < 1e-9, name
    # And not stationary elsewhere.
    model.decoder[0].weight.data *= 1.1
    model.zero_grad()
    exact_elbo(model, x).mean().backward()
    assert model.decoder[0].weight.grad.abs().max() > 1e-2


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_trained_linear_vae_finds_the_pca_subspace(seed):
    x, values, vectors = correlated_data()
    torch.manual_seed(seed)
    model = VAE(6, 2, hidden=(), likelihood="gaussian", observation_variance="learned").double()
    fit(model, x, n_steps=2500, batch_size=400, learning_rate=0.02, schedule="cosine", seed=seed)
    weight = model.decoder[0].weight.detach()
    assert principal_angles(weight.numpy(), vectors[:, :2].numpy()).max() < 0.03
    assert model.observation_log_var.exp().item() == pytest.approx(values[2:].mean().item(), rel=0.05)
    best, _ = ppca_solution()
    missing = evidence(best).log_prob(x).mean() - exact_elbo(model, x).mean()
    assert 0 < missing < 0.05


# --- gradients ---------------------------------------------------------------------------------------------


def test_both_gradient_estimators_are_unbiased_and_reparametrization_is_the_less_noisy(curved):
    model, x = curved
    n = 50_000
    mean, log_var = (p[:1].clone().requires_grad_() for p in model.encode(x))
    reconstruction = integral(log_q_on_grid(mean, log_var).exp() * log_decoder_on_grid(model, x[:1])).sum()
    truth = torch.cat(torch.autograd.grad(reconstruction, [mean, log_var]), 1)[0]

    means, log_vars = (p.detach().expand(n, 1).clone().requires_grad_() for p in (mean, log_var))
    pictures = x[:1].expand(n, -1)
    z = reparametrize(means, log_vars, generator(9))
    log_decoder = model.conditional_log_prob(pictures, z)
    pathwise = torch.cat(torch.autograd.grad(log_decoder.sum(), [means, log_vars]), 1)
    log_q = log_normal(z.detach(), means, log_vars)
    score = torch.cat(torch.autograd.grad(log_q.sum(), [means, log_vars]), 1)
    score_function = log_decoder.detach()[:, None] * score

    for estimates in (pathwise, score_function):
        assert ((estimates.mean(0) - truth).abs() < 4 * standard_error(estimates)).all()
    squares = [(estimates - estimates.mean(0)) ** 2 for estimates in (score_function, pathwise)]
    excess = squares[0] - squares[1]
    assert (excess.mean(0) > 4 * standard_error(excess)).all()


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("residual", [False, True])
def test_loss_gradient_is_that_of_finite_differences_and_reaches_every_parameter(likelihood, residual):
    rng = generator(10)
    options = {"observation_variance": "learned"} if likelihood == "gaussian" else {}
    model = VAE(
        6, 2, hidden=(7, 7), activation="silu", residual=residual, likelihood=likelihood, beta=0.7, **options
    )
    randomised(model, rng, 0.5)
    x = torch.rand(5, 6, generator=rng, dtype=torch.float64)
    model.loss(x, rng=generator(11)).backward()
    for name, parameter in model.named_parameters():
        direction, step = normal(*parameter.shape, rng=rng), 1e-5
        assert parameter.grad.abs().max() > 0, name
        with torch.no_grad():
            start = parameter.clone()
            parameter.copy_(start + step * direction)
            above = model.loss(x, rng=generator(11))
            parameter.copy_(start - step * direction)
            below = model.loss(x, rng=generator(11))
            parameter.copy_(start)
        slope = (above - below) / (2 * step)
        torch.testing.assert_close((parameter.grad * direction).sum(), slope, rtol=1e-6, atol=1e-6)


def test_beta_weighs_the_kl_in_the_loss_and_nowhere_else():
    rng = generator(12)
    x = torch.rand(8, 6, generator=rng, dtype=torch.float64)
    plain = randomised(VAE(6, 2, hidden=5), rng)
    heavy = VAE(6, 2, hidden=5, beta=4.0).double()
    heavy.load_state_dict(plain.state_dict())
    terms, same = plain.elbo(x, rng=generator(0)), heavy.elbo(x, rng=generator(0))
    assert set(terms) == {"reconstruction", "kl", "elbo"}
    for key in terms:
        assert terms[key].shape == (8,)
        torch.testing.assert_close(terms[key], same[key], rtol=0, atol=0)
    torch.testing.assert_close(plain.loss(x, rng=generator(0)), -terms["elbo"].mean())
    weighted = terms["reconstruction"].mean() - 4 * terms["kl"].mean()
    torch.testing.assert_close(heavy.loss(x, rng=generator(0)), -weighted)


# --- importance weights ------------------------------------------------------------------------------------


def test_importance_weighted_bound_is_the_log_of_the_mean_weight_without_underflow():
    log_weights = 3 * normal(5, 4, rng=generator(13))
    expected = log_weights.exp().mean(0).log()
    torch.testing.assert_close(importance_weighted_bound(log_weights), expected)
    torch.testing.assert_close(importance_weighted_bound(log_weights - 5000), expected - 5000)


def test_importance_weighted_bound_rises_from_the_elbo_to_quadrature(curved):
    model, x = curved
    rng = generator(14)
    log_p = integral((log_decoder_on_grid(model, x) + log_p_on_grid()).exp()).log()
    # 4096 single weights an example; the same weights in groups of 1, 4, 16, ... rise without any noise.
    repeated = x.repeat(4096, 1)
    log_weights = model.log_likelihood(repeated, 1, rng=rng).reshape(4096, len(x))
    levels = []
    for k in (1, 4, 16, 64, 256, 1024):
        groups = log_weights.reshape(k, 4096 // k, len(x))
        bounds = torch.stack([importance_weighted_bound(groups[:, i]) for i in range(4096 // k)])
        levels.append(bounds.mean(0))
        # Every level is a bound; the mean of few groups may exceed log p(x) by its standard error only.
        assert (bounds.mean(0) < log_p + 4 * standard_error(bounds)).all()
    levels = torch.stack(levels)
    assert (levels.diff(dim=0) > 0).all()
    elbo = model.elbo(repeated, rng=rng)["elbo"].reshape(4096, len(x))
    noise = (log_weights.var(0) / 4096 + elbo.var(0) / 4096).sqrt()
    assert ((levels[0] - elbo.mean(0)).abs() < 4 * noise).all()
    assert (log_p - levels[0] > 0.05).any(), "the encoder is too good for this test to mean anything"


def test_importance_weighted_log_likelihood_converges_to_quadrature(curved):
    model, x = curved
    log_p = integral((log_decoder_on_grid(model, x) + log_p_on_grid()).exp()).log()
    mean, log_var = model.encode(x)
    # A q about as wide as p(z) has weights of finite variance.
    model.encoder[-1].bias -= torch.stack([mean.mean(), log_var.mean() - 0.5])
    runs = model.log_likelihood(x.repeat(20, 1), 1000, rng=generator(15)).reshape(20, len(x))
    # log is concave: the bias of the bound is half the relative variance of the mean weight.
    bias = 0.5 * runs.var(0)
    assert ((runs.mean(0) - log_p + bias).abs() < 4 * standard_error(runs)).all()
    assert (standard_error(runs) < 0.02).all()


# --- the aggregate posterior -------------------------------------------------------------------------------


def test_mean_kl_is_information_plus_kl_of_the_aggregate_posterior(curved):
    """Hoffman & Johnson 2016: mean KL(q_i || p) = mean KL(q_i || q) + KL(q || p), q the mean of the q_i."""
    model, x = curved
    mean, log_var = model.encode(x)
    log_q = log_q_on_grid(mean, log_var)
    log_aggregate = torch.logsumexp(log_q, 0) - math.log(len(x))
    information = integral(log_q.exp() * (log_q - log_aggregate)).mean()
    distance = integral(log_aggregate.exp() * (log_aggregate - log_p_on_grid()))
    torch.testing.assert_close(
        gaussian_kl(mean, log_var).mean(), information + distance, rtol=1e-8, atol=1e-8
    )
    assert information > 0
    assert distance > 0


def test_aggregate_posterior_of_ppca_has_the_moments_of_the_prior():
    model, x = ppca_solution()
    mean, log_var = model.encode(x)
    covariance = torch.cov(mean.T, correction=0) + torch.diag(log_var.exp().mean(0))
    torch.testing.assert_close(mean.mean(0), torch.zeros(2).double(), rtol=0, atol=1e-9)
    torch.testing.assert_close(covariance, torch.eye(2).double(), rtol=0, atol=1e-9)


def test_active_units_are_those_that_vary_over_the_data():
    rng = generator(15)
    model, x = linear_vae(5, 3, rng), normal(100, 5, rng=rng)
    model.encoder[0].weight[1] *= 1e-3
    assert active_units(model.encode(x)[0]).tolist() == [True, False, True]


# --- samples, randomness, shapes, errors -------------------------------------------------------------------


def test_gaussian_samples_have_the_covariance_of_the_model_and_its_noise():
    rng = generator(16)
    model = linear_vae(3, 2, rng, variance=2.5)
    centred = model.sample(200_000, rng=rng) - model.decoder[0].bias
    assert ((centred.mean(0)).abs() < 4 * standard_error(centred)).all()
    products = centred[:, :, None] * centred[:, None]
    error = (products.mean(0) - evidence(model).covariance_matrix).abs()
    assert (error < 4 * standard_error(products)).all()


def test_bernoulli_samples_are_pixels_with_the_probabilities_of_the_model(curved):
    model, _ = curved
    draws = model.sample(100_000, rng=generator(17))
    assert draws.shape == (100_000, 5)
    assert draws.dtype == torch.float64
    assert set(draws.unique().tolist()) == {0.0, 1.0}
    marginal = integral(log_p_on_grid().exp() * model.decode_mean(GRID[:, None]).T)
    assert ((draws.mean(0) - marginal).abs() < 4 * standard_error(draws)).all()
    torch.testing.assert_close(model.decode_mean(GRID[:, None]), torch.sigmoid(model.decode(GRID[:, None])))


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_randomness_comes_from_rng_alone(likelihood):
    model = randomised(VAE(6, 2, hidden=(5, 4), likelihood=likelihood), generator(18))
    x = torch.rand(3, 6, generator=generator(19), dtype=torch.float64)
    calls = {
        "elbo": lambda rng: model.elbo(x, rng=rng)["elbo"],
        "loss": lambda rng: model.loss(x, rng=rng),
        "log_likelihood": lambda rng: model.log_likelihood(x, 3, rng=rng),
        "sample": lambda rng: model.sample(9, rng=rng),
    }
    before = torch.get_rng_state()
    for name, call in calls.items():
        torch.testing.assert_close(call(generator(1)), call(generator(1)), rtol=0, atol=0)
        assert not torch.equal(call(generator(1)), call(generator(2))), name
    assert torch.equal(torch.get_rng_state(), before)


def test_noise_is_not_shared_over_the_batch():
    model = randomised(VAE(6, 2, hidden=5), generator(20))
    x = torch.rand(1, 6, generator=generator(21), dtype=torch.float64).expand(10, 6)
    assert model.elbo(x, rng=generator(0))["reconstruction"].unique().numel() == 10
    assert model.log_likelihood(x, 2, rng=generator(0)).unique().numel() == 10


def test_architecture_follows_hidden():
    def widths(network):
        return [tuple(p.shape) for name, p in network.named_parameters() if name.endswith("weight")]

    model = VAE(9, 2, hidden=(7, 5))
    assert widths(model.encoder) == [(7, 9), (5, 7), (4, 5)]
    assert widths(model.decoder) == [(5, 2), (7, 5), (9, 7)]
    assert widths(VAE(9, 2, hidden=7).encoder) == [(7, 9), (4, 7)]
    residual = VAE(9, 2, hidden=(7, 7), residual=True)
    assert widths(residual.decoder) == [(7, 2), (7,), (7, 7), (7,), (7, 7), (7,), (9, 7)]
    mean, log_var = residual.encode(torch.zeros(4, 9))
    assert mean.shape == log_var.shape == (4, 2)
    assert residual.decode(mean).shape == residual.decode_mean(mean).shape == (4, 9)
    assert "observation_log_var" not in dict(model.named_parameters())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"likelihood": "poisson"}, "bernoulli, gaussian"),
        ({"activation": "swish"}, "relu, sigmoid, tanh"),
        ({"likelihood": "gaussian", "observation_variance": 0.0}, "must be positive"),
        ({"likelihood": "gaussian", "observation_variance": "free"}, '"learned"'),
        ({"observation_variance": "learned"}, "no free variance"),
        ({"residual": True, "hidden": (5, 4)}, "one width"),
        ({"residual": True, "hidden": ()}, "one width"),
    ],
)
def test_unusable_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        VAE(6, 2, **{"hidden": (5,)} | options)


def test_unusable_data_are_named():
    model = VAE(6, 2, hidden=5)
    with pytest.raises(ValueError, match=r"x must have shape \(n, 6\), got \(3, 5\)"):
        model.elbo(torch.rand(3, 5))
    with pytest.raises(ValueError, match=r"x must have shape \(n, 6\), got \(6,\)"):
        model.loss(torch.rand(6))
    with pytest.raises(ValueError, match="divide the pixels"):
        model.loss(torch.full((3, 6), 16.0))
    with pytest.raises(ValueError, match="n_samples"):
        model.log_likelihood(torch.rand(3, 6), 0)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_digits_are_learned_beyond_independent_pixels(seed):
    train, test = (torch.tensor(part.x).float() for part in data.binarised(data.digits()).split())
    pixel = (train.mean(0) * len(train) + 1) / (len(train) + 2)
    independent = log_bernoulli(test, torch.logit(pixel).expand_as(test)).mean()
    torch.manual_seed(seed)
    model = VAE(64, 8, hidden=64)
    fit(model, train, n_steps=800, batch_size=128, learning_rate=3e-3, schedule="cosine", seed=seed)
    with torch.no_grad():
        bound = torch.stack([model.elbo(test, rng=generator(seed))["elbo"] for seed in range(5)]).mean()
    assert bound > independent + 1.5
    assert np.isfinite(bound.item())


# What a change of a formula would otherwise pass by


def test_a_latent_is_active_by_its_variance():
    wide = torch.tensor([[-1.0], [1.0]]) * torch.tensor([[0.005, 0.02]]).sqrt()
    assert active_units(wide.repeat(500, 1)).tolist() == [False, True]


def test_the_gradient_of_the_importance_weighted_bound_goes_through_q():
    torch.manual_seed(0)
    vae, k = VAE(3, 2, hidden=(4,)).double(), 4
    x = torch.randint(0, 2, (5, 3), generator=generator(1)).double()
    weights = list(vae.encoder.parameters())
    found = torch.autograd.grad(vae.log_likelihood(x, k, rng=generator(2)).mean(), weights)
    mean, log_var = vae.encode(x)
    rng, log_w = generator(2), []
    for _ in range(k):
        z = mean + torch.randn(5, 2, dtype=torch.float64, generator=rng) * (log_var / 2).exp()
        log_joint = D.Bernoulli(logits=vae.decode(z)).log_prob(x).sum(-1) + D.Normal(0, 1).log_prob(z).sum(-1)
        log_w.append(log_joint - D.Normal(mean, (log_var / 2).exp()).log_prob(z).sum(-1))
    by_hand = (torch.stack(log_w).logsumexp(0) - math.log(k)).mean()
    torch.testing.assert_close(torch.autograd.grad(by_hand, weights), found)


# --- arguments that are wrong, or of another kind ----------------------------------------------------------


def test_formulas_refuse_what_would_give_a_wrong_number():
    zero, nan = torch.zeros(2, 3), torch.full((2, 3), math.nan)
    calls = [
        (lambda: active_units(torch.randn(1, 3)), "mean must have two rows or more"),
        (lambda: active_units(torch.zeros(0, 3)), "mean must have two rows or more"),
        (lambda: active_units(nan), "mean holds 6 values that are NaN"),
        (lambda: active_units(torch.zeros(5)), r"mean must have shape \(n, any\)"),
        (lambda: log_bernoulli(zero + 255, zero + 0.01), r"x must lie in \[0, 1\]"),
        (lambda: log_bernoulli(zero, nan), "logits holds 6 values that are NaN"),
        (lambda: gaussian_kl(nan, zero), "mean holds 6 values that are NaN"),
        (lambda: gaussian_kl(zero, nan), "log_var holds 6 values that are NaN"),
        (lambda: importance_weighted_bound(torch.zeros(0, 3)), "log_weights must have shape"),
        (lambda: importance_weighted_bound(torch.zeros(())), "log_weights must have shape"),
        (lambda: importance_weighted_bound(nan), "log_weights holds NaN"),
    ]
    for action, sentence in calls:
        with pytest.raises(ValueError, match=sentence):
            action()
    # A weight of zero is a weight.
    assert importance_weighted_bound(torch.tensor([-math.inf, 0.0])) == pytest.approx(-math.log(2))


def test_formulas_take_arrays():
    rng = np.random.default_rng(3)
    x, mean, log_var = rng.normal(size=(3, 5, 2))
    tensors = [torch.tensor(part) for part in (x, mean, log_var)]
    torch.testing.assert_close(gaussian_kl(mean, log_var), gaussian_kl(*tensors[1:]))
    torch.testing.assert_close(log_normal(x, mean, log_var), log_normal(*tensors))
    bits = x > 0
    torch.testing.assert_close(
        log_bernoulli(bits, mean), log_bernoulli((tensors[0] > 0).double(), tensors[1])
    )
    assert active_units(np.array([[0, 5], [0, 7], [0, 9]])).tolist() == [False, True]
