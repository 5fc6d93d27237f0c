"""The conditional VAE: closed forms given the class, training on labels, and what is refused."""

import numpy as np
import pytest
import torch
from scipy import stats

from coursekit import training
from coursekit.vae import VAE

N_CLASSES, VARIANCE = 3, 0.3


@pytest.fixture
def exact():
    """A linear Gaussian VAE whose encoder is the true posterior, with the pieces of its decoder."""
    rng = np.random.default_rng(2)
    model = VAE(4, 2, hidden=(), likelihood="gaussian", observation_variance=VARIANCE, n_classes=N_CLASSES)
    model = model.double()
    model.observation_log_var.fill_(np.log(VARIANCE))  # which was rounded to float32
    # Orthogonal columns make the posterior's covariance diagonal, so that the encoder can reach it.
    D = np.linalg.qr(rng.normal(size=(4, 2)))[0] * [1.5, 0.7]
    of_class, bias = rng.normal(size=(4, N_CLASSES)), rng.normal(size=4)
    precision = 1 + (D**2).sum(0) / VARIANCE
    back = D.T / VARIANCE / precision[:, None]  # (2, 4)
    with torch.no_grad():
        (decoder,), (encoder,) = model.decoder, model.encoder
        decoder.weight.copy_(torch.tensor(np.hstack([D, of_class])))
        decoder.bias.copy_(torch.tensor(bias))
        encoder.weight.zero_()
        encoder.weight[:2].copy_(torch.tensor(np.hstack([back, -back @ of_class])))
        encoder.bias.copy_(torch.tensor(np.concatenate([-back @ bias, -np.log(precision)])))
    return model, D, of_class, bias


def log_density(x, labels, D, of_class, bias):
    covariance = D @ D.T + VARIANCE * np.eye(4)
    return np.array(
        [
            stats.multivariate_normal(bias + of_class[:, k], covariance).logpdf(row)
            for row, k in zip(x, labels, strict=True)
        ]
    )


def test_with_the_true_posterior_the_bound_is_the_likelihood_given_the_class(exact):
    model, *parts = exact
    x, labels = np.random.default_rng(0).normal(size=(7, 4)), np.array([0, 1, 2, 2, 1, 0, 1])
    expected = log_density(x, labels, *parts)
    found = model.log_likelihood(x, 1, condition=labels, rng=torch.Generator().manual_seed(0))
    np.testing.assert_allclose(found.detach(), expected, rtol=1e-10)
    bounds = np.mean(
        [model.elbo(x, condition=torch.tensor(labels))["elbo"].detach().numpy() for _ in range(2000)], 0
    )
    np.testing.assert_allclose(bounds, expected, atol=0.1)
    wrong = model.log_likelihood(x, 1, condition=(labels + 1) % N_CLASSES).detach().numpy()
    assert np.abs(wrong - expected).min() > 0.01


def test_samples_have_the_mean_and_the_covariance_of_their_class(exact):
    model, D, of_class, bias = exact
    n = 40_000
    for k in range(N_CLASSES):
        x = model.sample(n, condition=k, rng=torch.Generator().manual_seed(k)).numpy()
        covariance = D @ D.T + VARIANCE * np.eye(4)
        error = 4 * np.sqrt(np.diag(covariance) / n)
        assert np.all(np.abs(x.mean(0) - bias - of_class[:, k]) < error)
        np.testing.assert_allclose(np.cov(x.T), covariance, atol=0.05)
    labels = torch.arange(6) % N_CLASSES
    mixed = model.sample(6, condition=labels, rng=torch.Generator().manual_seed(9))
    for k in range(N_CLASSES):
        alone = model.sample(6, condition=k, rng=torch.Generator().manual_seed(9))
        assert torch.equal(mixed[labels == k], alone[labels == k])


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("seed", range(3))
def test_trained_on_labels_it_draws_the_class_that_is_asked_for(likelihood, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(N_CLASSES, size=600)
    means = np.eye(N_CLASSES)[:, [0, 1, 2, 0, 1, 2]] * 0.8 + 0.1  # (class, pixel)
    x = (rng.random((600, 6)) < means[labels]).astype(float)
    torch.manual_seed(seed)
    model = VAE(6, 2, hidden=16, likelihood=likelihood, observation_variance=1.0, n_classes=N_CLASSES)
    training.fit(model, (x, labels), n_steps=250, batch_size=100, learning_rate=1e-2, seed=seed)
    for k in range(N_CLASSES):
        drawn = model.sample(2000, condition=k, rng=torch.Generator().manual_seed(1)).mean(0)
        nearest = np.abs(means - drawn.numpy()).mean(1).argmin()
        assert nearest == k and np.abs(means[k] - drawn.numpy()).mean() < 0.12


def test_bad_conditions_are_refused_in_a_sentence(exact):
    model, plain = exact[0], VAE(4, 2, hidden=3)
    x = torch.rand(5, 4)
    calls = [
        (lambda: plain.loss(x, [0] * 5), "this VAE has 0 classes: a condition needs n_classes"),
        (lambda: plain.sample(3, condition=0), "a condition needs n_classes"),
        (lambda: model.loss(x), "this VAE has 3 classes: each call needs condition=labels"),
        (lambda: model.sample(3), "each call needs condition=labels"),
        (lambda: model.elbo(x, condition=[0] * 4), r"condition must have shape \(5,\), one per example"),
        (lambda: model.loss(x, [0, 1, 2, 3, 0]), r"condition must be class numbers in 0\.\.2, got 0 to 3"),
        (lambda: model.decode(x[:, :2], [0.5] * 5), "condition must be whole numbers"),
        (lambda: model.decode(x), r"z must have shape \(n, 2\), got \(5, 4\)"),
        (lambda: model.loss([[0, 1, np.nan, 0]], [0]), "x holds 1 values that are NaN or infinite"),
    ]
    for call, sentence in calls:
        with pytest.raises(ValueError, match=sentence):
            call()


def test_arrays_of_any_precision_give_the_numbers_of_the_models_own():
    torch.manual_seed(0)
    model = VAE(4, 2, hidden=3)
    x = np.random.default_rng(0).random((5, 4))
    own = model.elbo(torch.tensor(x, dtype=torch.float32), rng=torch.Generator().manual_seed(1))["elbo"]
    for data in (x, x.tolist(), torch.tensor(x)):
        assert torch.equal(model.elbo(data, rng=torch.Generator().manual_seed(1))["elbo"], own)
