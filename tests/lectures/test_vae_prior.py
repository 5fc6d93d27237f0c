"""The learned prior of the VAE, against torch.distributions, closed forms and the trapezoidal rule."""

import math

import pytest
import torch
from torch import distributions as D

from coursekit.vae import VAE, MixturePrior, log_normal

GRID = torch.linspace(-20, 20, 4001, dtype=torch.float64)


def generator(seed):
    return torch.Generator().manual_seed(seed)


def randomised(model, seed):
    """The model in float64 with every parameter drawn at random."""
    model, rng = model.double().requires_grad_(False), generator(seed)
    for parameter in model.parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=rng, dtype=torch.float64))
    return model


def by_distributions(prior):
    components = D.Independent(D.Normal(prior.mean, (0.5 * prior.log_var).exp()), 1)
    return D.MixtureSameFamily(D.Categorical(logits=prior.logits), components)


def test_log_density_equals_torch_distributions():
    prior = randomised(MixturePrior(3, 5), 0)
    z = 2 * torch.randn(50, 3, generator=generator(1), dtype=torch.float64)
    torch.testing.assert_close(prior.log_prob(z), by_distributions(prior).log_prob(z), rtol=1e-12, atol=1e-12)


def test_samples_have_the_moments_of_the_mixture():
    prior, n = randomised(MixturePrior(2, 4), 2), 100_000
    z = prior.sample(n, rng=generator(3))
    weight = prior.logits.softmax(0)[:, None]
    mean = (weight * prior.mean).sum(0)
    second = (weight * (prior.mean**2 + prior.log_var.exp())).sum(0)
    product = (weight[:, 0] * prior.mean.prod(1)).sum()
    for draws, expected in ((z, mean), (z**2, second), (z.prod(1), product)):
        assert ((draws.mean(0) - expected).abs() < 4 * draws.std(0) / math.sqrt(n)).all()


def test_one_standard_component_is_the_standard_normal():
    plain, mixed = VAE(6, 2, hidden=5), VAE(6, 2, hidden=5, prior_components=1)
    plain = randomised(plain, 4)
    mixed.double().load_state_dict(plain.state_dict(), strict=False)
    mixed.prior.double().mean.data.zero_()
    x = torch.rand(1, 6, generator=generator(5), dtype=torch.float64).expand(40_000, 6)
    torch.testing.assert_close(mixed.log_prior(x[:, :2]), plain.log_prior(x[:, :2]))
    exact, sampled = plain.elbo(x, rng=generator(6)), mixed.elbo(x, rng=generator(6))
    torch.testing.assert_close(exact["reconstruction"], sampled["reconstruction"])
    error = sampled["kl"].std() / 200
    assert error > 0 and abs(sampled["kl"].mean() - exact["kl"][0]) < 4 * error


def test_elbo_and_its_gap_add_up_to_log_p_under_a_mixture():
    """One latent: both KL and log p(x) by quadrature, the bound by its own samples."""
    model = VAE(5, 1, hidden=(16,), activation="tanh", prior_components=3)
    model = randomised(model, 7)
    model.encoder[-1].weight.data *= 0.3
    pixels = (torch.rand(4, 5, generator=generator(8), dtype=torch.float64) < 0.4).double()
    log_prior = by_distributions(model.prior).log_prob(GRID[:, None])
    for x in pixels:
        log_joint = model.conditional_log_prob(x.expand(len(GRID), -1), GRID[:, None]) + log_prior
        log_p = torch.trapezoid(log_joint.exp(), GRID).log()
        mean, log_var = model.encode(x[None])
        log_q = D.Normal(mean[0], (0.5 * log_var[0]).exp()).log_prob(GRID)
        gap = torch.trapezoid(log_q.exp() * (log_q - log_joint + log_p), GRID)
        draws = model.elbo(x.expand(50_000, -1), rng=generator(9))
        torch.testing.assert_close(draws["reconstruction"] - draws["kl"], draws["elbo"])
        bound = draws["elbo"]
        assert abs(bound.mean() + gap - log_p) < 4 * bound.std() / math.sqrt(len(bound))


def test_importance_weights_reach_the_mixture_of_gaussians_of_a_linear_decoder():
    """p(x) = sum_k w_k N(W m_k + b, W V_k W' + s^2 I), and the mean weight is unbiased for it."""
    model = VAE(4, 2, hidden=(), likelihood="gaussian", observation_variance=0.5, prior_components=3)
    model = randomised(model, 10)
    model.encoder[-1].weight.data *= 0.1
    model.encoder[-1].bias.data = torch.tensor([0.0, 0.0, 1.5, 1.5], dtype=torch.float64)  # wide q
    weight, prior = model.decoder[0].weight, model.prior
    noise = model.observation_log_var.exp() * torch.eye(4, dtype=torch.float64)
    covariance = weight @ torch.diag_embed(prior.log_var.exp()) @ weight.T + noise
    parts = D.MultivariateNormal(prior.mean @ weight.T + model.decoder[0].bias, covariance)
    exact = D.MixtureSameFamily(D.Categorical(logits=prior.logits), parts)
    torch.manual_seed(11)  # torch.distributions takes no generator
    x = exact.sample((1,))
    runs = model.log_likelihood(x.expand(4000, -1), 20, rng=generator(12))
    likelihood = runs.exp()
    error = likelihood.std() / math.sqrt(len(runs))
    assert abs(likelihood.mean() - exact.log_prob(x)[0].exp()) < 4 * error
    assert runs.mean() < exact.log_prob(x)[0]


def test_the_best_prior_is_the_mean_of_the_approximate_posteriors():
    """Mean KL(q_i || p) = mean KL(q_i || aggregate) + KL(aggregate || p), one latent, by quadrature."""
    n, rng = 7, generator(11)
    mean, log_var = (torch.randn(n, 1, generator=rng, dtype=torch.float64) for _ in range(2))
    log_q = log_normal(GRID[:, None], mean[:, None], log_var[:, None])  # (n, n_grid)
    aggregate = MixturePrior(1, n).double().requires_grad_(False)
    aggregate.mean.copy_(mean)
    aggregate.log_var.copy_(log_var)

    def mean_kl(prior):
        return torch.trapezoid(log_q.exp() * (log_q - prior.log_prob(GRID[:, None])), GRID).mean()

    best, log_best = mean_kl(aggregate), aggregate.log_prob(GRID[:, None])
    for seed in range(50):
        other = randomised(MixturePrior(1, 3), 100 + seed)
        misfit = torch.trapezoid(log_best.exp() * (log_best - other.log_prob(GRID[:, None])), GRID)
        torch.testing.assert_close(mean_kl(other), best + misfit, rtol=1e-8, atol=1e-8)
        assert misfit > 0


def test_the_loss_has_a_gradient_in_the_prior_and_beta_weighs_it():
    x = torch.rand(8, 6, generator=generator(12), dtype=torch.float64)
    model = randomised(VAE(6, 2, hidden=5, prior_components=3, beta=3.0), 13).requires_grad_(True)
    loss = model.loss(x, rng=generator(14))
    terms = model.elbo(x, rng=generator(14))
    torch.testing.assert_close(loss, (3 * terms["kl"] - terms["reconstruction"]).mean())
    loss.backward()
    step = 1e-6
    for parameter in model.prior.parameters():
        direction = torch.randn(parameter.shape, generator=generator(15), dtype=torch.float64)
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                parameter.add_(direction, alpha=sign * step)
                values.append(model.loss(x, rng=generator(14)))
                parameter.sub_(direction, alpha=sign * step)
        slope = (values[0] - values[1]) / (2 * step)
        assert slope.abs() > 1e-4
        torch.testing.assert_close((parameter.grad * direction).sum(), slope, rtol=1e-6, atol=1e-7)


def test_randomness_comes_from_rng_alone():
    model = randomised(VAE(6, 2, hidden=5, prior_components=3), 16)
    before = torch.get_rng_state()
    torch.testing.assert_close(model.sample(9, rng=generator(1)), model.sample(9, rng=generator(1)))
    assert not torch.equal(model.sample(9, rng=generator(1)), model.sample(9, rng=generator(2)))
    assert model.sample(9, rng=generator(1)).dtype == torch.float64
    assert torch.equal(torch.get_rng_state(), before)


def test_samples_of_the_model_start_at_the_prior():
    """A decoder that copies z shows where z came from."""
    options = {"hidden": (), "likelihood": "gaussian", "observation_variance": 1e-8}
    model = randomised(VAE(2, 2, **options, prior_components=2), 17)
    model.decoder[0].weight.data, model.decoder[0].bias.data = torch.eye(2).double(), torch.zeros(2).double()
    z = model.prior.sample(500, rng=generator(18))
    torch.testing.assert_close(model.sample(500, rng=generator(18)), z, rtol=0, atol=1e-3)


def test_a_negative_number_of_components_is_named():
    with pytest.raises(ValueError, match=r"0 for N\(0, I\), must be at least 0, got -1"):
        VAE(6, 2, hidden=5, prior_components=-1)


def test_a_fresh_mixture_is_spread_around_the_origin_with_equal_weights():
    torch.manual_seed(0)
    prior = MixturePrior(40, 100)
    error = 5 * 0.5 / math.sqrt(prior.mean.numel())
    assert abs(prior.mean.mean().item()) < error and abs(prior.mean.std().item() - 0.5) < error
    assert not prior.log_var.any() and not prior.logits.any()
