"""autoencoder: linear is PCA, denoising finds the posterior mean, contraction and tangents as derived."""

import copy

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from coursekit import pca, training
from coursekit.autoencoder import (
    Autoencoder,
    ConvAutoencoder,
    LayerPair,
    corrupt,
    cross_entropy,
    sigmoid_jacobian_norm,
    squared_error,
)


def new(*arguments, seed=0, scale=None, kind=Autoencoder, **options):
    """A double-precision model; with scale, every parameter is random and nothing is zero by accident."""
    torch.manual_seed(seed)
    model = kind(*arguments, **options).double()
    if scale:
        with torch.no_grad():
            for p in model.parameters():
                p.copy_(scale * torch.randn_like(p))
    return model


def normal(*shape, seed=0):
    return torch.tensor(np.random.default_rng(seed).normal(size=shape))


def digits():
    return torch.tensor(load_digits().data / 16 - load_digits().data.mean(0) / 16)


# Linear autoencoders and PCA


@pytest.mark.parametrize("tied", [False, True])
def test_a_linear_autoencoder_ends_in_the_pca_subspace_with_other_weights(tied):
    rng = np.random.default_rng(4)
    basis = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    x = rng.normal(size=(200, 6)) * [2.0, 1.5, 1.0, 0.5, 0.4, 0.2] @ basis + [0.3, -1, 0, 1, 0.5, 0]
    values, vectors = np.linalg.eigh(np.cov(x.T, bias=True))
    for seed in range(2):
        model = new(6, 3, activation="linear", tied=tied, seed=seed)
        options = {"batch_size": 200, "learning_rate": 0.05, "schedule": "linear"}
        training.fit(model, x, n_steps=900, **options)
        decoder = model.decode(torch.eye(3).double()) - model.decode(torch.zeros(1, 3).double())
        angles = pca.principal_angles(decoder.detach().numpy().T, vectors[:, 3:])
        assert np.max(angles) < 1e-3
        assert abs(model.loss(torch.tensor(x)).item() - values[:3].sum()) < 1e-5
        # Any invertible map of the code does as well: the codes are not the principal components.
        codes = model.encode(torch.tensor(x)).detach().numpy()
        correlation = np.corrcoef(codes.T)
        assert np.abs(correlation - np.eye(3)).max() > 0.01


def test_the_scalar_linear_autoencoder_has_a_saddle_at_the_origin_and_is_free_on_a_hyperbola():
    x = normal(50, 1, seed=3)

    model = _Loss(new(1, 1, activation="linear"))

    def loss(w):
        values = {"encoder.0.0.weight": w[:1, None], "encoder.0.0.bias": torch.zeros(1).double()}
        values |= {"decoder.0.0.weight": w[1:, None], "decoder.0.0.bias": torch.zeros(1).double()}
        return torch.func.functional_call(model, {f"model.{k}": v for k, v in values.items()}, (x,))

    second = float((x**2).mean())
    for w1, w2 in normal(5, 2, seed=1).tolist():
        w = torch.tensor([w1, w2], dtype=torch.float64)
        assert abs(loss(w).item() - (1 - w1 * w2) ** 2 * second) < 1e-12
        assert abs(loss(torch.tensor([w1, 1 / w1], dtype=torch.float64)).item()) < 1e-12
    origin = torch.zeros(2, dtype=torch.float64)
    assert torch.equal(torch.func.grad(loss)(origin), origin)
    curvature = torch.linalg.eigvalsh(torch.func.jacrev(torch.func.grad(loss))(origin))
    np.testing.assert_allclose(curvature, [-2 * second, 2 * second], rtol=1e-12)


class _Loss(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model.loss(x)


def test_a_sigmoid_encoder_is_linear_only_in_the_limit_of_small_weights():
    # sigmoid(a) = 1/2 + a/4 - a^3/48 + ...: the departure from the linear map falls with the square of scale.
    x = normal(40, 5)
    model = new(5, 2, activation="sigmoid", scale=1.0)
    weight, bias = (p.detach().clone() for p in model.encoder[0][0].parameters())
    departures = []
    for scale in (0.1, 0.05):
        with torch.no_grad():
            model.encoder[0][0].weight.copy_(scale * weight)
            model.encoder[0][0].bias.copy_(scale * bias)
        linear = 0.5 + scale * (x @ weight.T + bias) / 4
        departures.append(((model.encode(x) - linear).norm() / (linear - 0.5).norm()).item())
    assert 3.5 < departures[0] / departures[1] < 4.2


def test_loss_is_the_squared_error_summed_over_inputs_and_averaged_over_examples():
    model, x = new(7, 3, hidden=(5,), scale=0.7), normal(11, 7)
    layers = [model.encoder[0][0], model.encoder[1][0], model.decoder[0][0], model.decoder[1][0]]
    w = [(layer.weight.detach().numpy(), layer.bias.detach().numpy()) for layer in layers]
    h = np.maximum(x.numpy() @ w[0][0].T + w[0][1], 0)
    z = h @ w[1][0].T + w[1][1]
    h = np.maximum(z @ w[2][0].T + w[2][1], 0)
    y = h @ w[3][0].T + w[3][1]
    np.testing.assert_allclose(model.encode(x).detach(), z, rtol=1e-10)
    np.testing.assert_allclose(model.reconstruct(x).detach(), y, rtol=1e-10)
    assert abs(model.loss(x).item() - ((y - x.numpy()) ** 2).sum() / 11) < 1e-9
    # A Gaussian around the reconstruction with variance 1/2: -log p = squared error + constant.
    log_p = torch.distributions.Normal(model.reconstruct(x), 0.5**0.5).log_prob(x).sum(-1)
    constant = -0.5 * 7 * np.log(np.pi)
    np.testing.assert_allclose((constant - log_p).detach(), squared_error(model.reconstruct(x), x).detach())


def test_bernoulli_likelihood_is_the_log_probability_of_bits_and_is_best_at_the_mean():
    x = torch.tensor(np.random.default_rng(5).integers(0, 2, size=(12, 7)), dtype=torch.float64)
    model = new(7, 3, hidden=(5,), likelihood="bernoulli", scale=0.7)
    y = model.reconstruct(x)
    assert y.min() > 0 and y.max() < 1
    log_p = torch.distributions.Bernoulli(y).log_prob(x).sum(-1)
    torch.testing.assert_close(cross_entropy(y, x), -log_p)
    assert abs(model.loss(x).item() + log_p.mean().item()) < 1e-12
    grey = torch.rand(4, 7, dtype=torch.float64)
    assert (cross_entropy(grey, grey) < cross_entropy((grey + 0.02).clamp(max=0.999), grey)).all()
    with pytest.raises(ValueError, match="unknown likelihood 'poisson'; choose one of gaussian, bernoulli"):
        ConvAutoencoder((8, 8), 2, likelihood="poisson")


def test_a_pixel_that_is_surely_wrong_still_has_a_slope():
    # sigmoid(200) is 1 exactly; its own slope is 0, that of the cross-entropy in the logit is 1.
    model, x = new(6, 2, hidden=(4,), likelihood="bernoulli"), torch.zeros(3, 6, dtype=torch.float64)
    bias = model.decoder[-1][0].bias
    with torch.no_grad():
        bias.fill_(200.0)
    assert (model.reconstruct(x) == 1).all()
    model.loss(x).backward()
    torch.testing.assert_close(bias.grad, torch.ones_like(bias))


def test_tied_weights_are_one_matrix_used_both_ways():
    model, x = new(6, 2, hidden=(4,), activation="tanh", tied=True, scale=0.6), normal(9, 6)
    w1, w2 = (block[0].weight for block in model.encoder)
    b1, b2 = (block[0].bias for block in model.decoder)
    expected = torch.tanh(model.encode(x) @ w2 + b1) @ w1 + b2
    torch.testing.assert_close(model.reconstruct(x), expected)
    assert sum(p.numel() for p in model.parameters()) == 6 * 4 + 4 * 2 + 4 + 2 + 4 + 6
    duplicate = copy.deepcopy(model)
    training.fit(duplicate, x, n_steps=5)
    assert duplicate.encoder[0][0].weight is duplicate.decoder[1][0].layer.weight


# Denoising


def test_corruption_has_the_stated_distribution():
    x, rng = torch.full((400, 50), 3.0).double(), torch.Generator().manual_seed(1)
    added = corrupt(x, 0.7, rng=rng) - x
    assert abs(added.mean()) < 4 * 0.7 / 20000**0.5 and abs(added.std() - 0.7) < 4 * 0.7 / 40000**0.5
    masked = corrupt(x, 0.3, "masking", rng=rng)
    assert set(masked.unique().tolist()) == {0.0, 3.0}
    assert abs((masked == 0).double().mean() - 0.3) < 4 * (0.21 / 20000) ** 0.5


@pytest.mark.parametrize("kind", ["gaussian", "masking"])
def test_only_the_input_is_corrupted_never_the_target(kind):
    model, x = new(5, 3, noise=0.4, noise_kind=kind, scale=0.5), normal(20, 5)
    seen = corrupt(x, 0.4, kind, rng=torch.Generator().manual_seed(2))
    expected = squared_error(model.reconstruct(seen), x).mean()
    assert model.loss(x, rng=torch.Generator().manual_seed(2)).item() == expected.item()
    torch.testing.assert_close(model.reconstruct(x), model.reconstruct(x), rtol=0, atol=0)


def test_denoising_gaussian_data_finds_the_posterior_mean_and_so_the_score():
    # x ~ N(m, S), x~ = x + sigma e: E[x | x~] = m + S (S + sigma^2)^-1 (x~ - m), a linear map, and
    # E[x | x~] - x~ = sigma^2 * score of x~, whose density is N(m, S + sigma^2).
    rng, sigma = np.random.default_rng(0), 0.6
    mean, root = np.array([1.0, -2.0]), np.array([[1.2, 0.0], [0.5, 0.4]])
    covariance = root @ root.T
    x = mean + rng.normal(size=(20000, 2)) @ root.T
    points = torch.tensor(mean + rng.normal(size=(50, 2)))
    noisy = covariance + sigma**2 * np.eye(2)
    posterior = mean + (points.numpy() - mean) @ np.linalg.solve(noisy, covariance)
    score = -(points.numpy() - mean) @ np.linalg.inv(noisy)
    np.testing.assert_allclose(posterior - points.numpy(), sigma**2 * score, atol=1e-12)
    for seed in range(2):
        model = new(2, 2, activation="linear", noise=sigma, seed=seed)
        options = {"batch_size": 1000, "learning_rate": 0.02, "schedule": "linear", "average": 0.99}
        training.fit(model, x, n_steps=800, seed=seed, **options)
        found = model.reconstruct(points).detach().numpy()
        # 800 000 noisy pairs leave an error of about .01 in the map's coefficients.
        np.testing.assert_allclose(found, posterior, atol=0.04)
        np.testing.assert_allclose(found - points.numpy(), sigma**2 * score, atol=0.04)


# Contraction and tangents


def test_jacobian_penalty_in_closed_form_equals_automatic_differentiation():
    model, x = new(6, 4, activation="sigmoid", contraction=0.3, scale=0.8), normal(13, 6)
    by_autograd = torch.autograd.functional.jacobian(lambda x: model.encode(x).sum(0), x).permute(1, 0, 2)
    torch.testing.assert_close(model.jacobian(x), by_autograd)
    norms = (by_autograd**2).sum((1, 2))
    torch.testing.assert_close(model.jacobian_norm(x), norms)
    torch.testing.assert_close(sigmoid_jacobian_norm(model.encode(x), model.encoder[0][0].weight), norms)
    expected = squared_error(model.reconstruct(x), x).mean() + 0.3 * norms.mean()
    torch.testing.assert_close(model.loss(x), expected)


@pytest.mark.parametrize("norm", [False, True])
def test_the_penalty_of_a_deep_encoder_and_its_gradient_agree_with_finite_differences(norm):
    model, x = new(4, 2, hidden=(5,), activation="tanh", norm=norm, contraction=0.5, scale=0.6), normal(6, 4)
    step = 1e-5
    for i in range(4):
        shift = torch.zeros(4).double()
        shift[i] = step
        column = (model.encode(x + shift) - model.encode(x - shift)) / (2 * step)
        torch.testing.assert_close(model.jacobian(x)[:, :, i], column, rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(model.jacobian_norm(x), (model.jacobian(x) ** 2).sum((1, 2)))
    model.loss(x).backward()
    weight = model.encoder[0][0].weight
    with torch.no_grad():
        weight[1, 2] += step
        up = model.loss(x).item()
        weight[1, 2] -= 2 * step
        down = model.loss(x).item()
    assert abs((up - down) / (2 * step) - weight.grad[1, 2].item()) < 1e-6


def spectrum(model, x):
    """Mean singular values of the encoder's Jacobian, each relative to the largest of its example."""
    values = torch.linalg.svdvals(model.jacobian(x))
    return (values / values[:, :1]).mean(0).detach().numpy()


def test_contraction_makes_a_tied_codes_spectrum_steeper_and_untied_it_merely_shrinks():
    x = digits()[:600]
    options = {"n_steps": 300, "batch_size": 100, "learning_rate": 0.01, "schedule": "linear"}
    for seed in range(2):
        models = {}
        for tied, contraction in [(True, 0.0), (True, 0.3), (False, 0.0), (False, 0.3)]:
            model = new(64, 24, activation="sigmoid", tied=tied, contraction=contraction, seed=seed)
            training.fit(model, x, seed=seed, **options)
            models[tied, contraction] = model
        plain, contractive = spectrum(models[True, 0.0], x[:50]), spectrum(models[True, 0.3], x[:50])
        assert contractive[12:].mean() < 0.6 * plain[12:].mean()

        def sizes(model):
            return model.encoder[0][0].weight.norm().item(), model.decoder[0][0].weight.norm().item()

        (plain_encoder, plain_decoder), (encoder, decoder) = (
            sizes(models[False, 0.0]),
            sizes(models[False, 0.3]),
        )
        assert encoder < 0.6 * plain_encoder and decoder > 1.1 * plain_decoder


def test_tangent_vectors_are_the_right_singular_vectors():
    model, x = new(6, 3, hidden=(8,), activation="tanh", scale=0.7), normal(5, 6)
    vectors = model.tangent_vectors(x, 2)
    assert vectors.shape == (5, 2, 6)
    torch.testing.assert_close(vectors @ vectors.mT, torch.eye(2).double().expand(5, 2, 2))
    jacobian = model.jacobian(x)
    # V are the eigenvectors of J'J, largest first.
    values, eigenvectors = torch.linalg.eigh(jacobian.mT @ jacobian)
    overlap = (vectors * eigenvectors.mT.flip(1)[:, :2]).sum(-1).abs()
    torch.testing.assert_close(overlap, torch.ones(5, 2).double())
    with pytest.raises(ValueError, match="n_vectors must be at most 3, got 4"):
        model.tangent_vectors(x, 4)


def test_tangent_vectors_align_with_a_swiss_roll():
    for seed in range(2):
        rng = np.random.default_rng(seed)
        angle, height = rng.uniform(1.5 * np.pi, 3.5 * np.pi, size=3000), rng.uniform(-2, 2, size=3000)
        radius = angle / 4
        x = np.stack([radius * np.cos(angle), height, radius * np.sin(angle)], 1)
        along = np.stack(
            [np.cos(angle) - angle * np.sin(angle), 0 * angle, np.sin(angle) + angle * np.cos(angle)], 1
        )
        along /= np.linalg.norm(along, axis=1, keepdims=True)
        model = new(3, 2, hidden=(64, 64), activation="silu", norm=True, noise=0.3, seed=seed)
        options = {"learning_rate": 0.01, "schedule": "cosine"}
        training.fit(model, x, n_steps=1000, seed=seed, **options)
        rows = rng.choice(3000, 300, replace=False)
        found = model.tangent_vectors(torch.tensor(x[rows]), 2).detach().numpy()
        true = np.stack([along[rows], np.tile([0.0, 1.0, 0.0], (300, 1))], 1)
        # The cosine of the largest angle between the planes is the smallest singular value of their product.
        cosines = np.linalg.svd(found @ true.transpose(0, 2, 1), compute_uv=False)[:, -1]
        random = np.linalg.qr(rng.normal(size=(300, 3, 2)))[0].transpose(0, 2, 1)
        chance = np.linalg.svd(random @ true.transpose(0, 2, 1), compute_uv=False)[:, -1]
        assert np.median(cosines) > 0.95 and np.median(chance) < 0.6


# Deep, convolutional, stacked


def test_a_deep_code_beats_pca_on_unseen_digits_and_a_linear_one_does_not():
    x = digits()
    train, test = x[:1400], x[1400:]
    values = torch.linalg.svd(train - train.mean(0), full_matrices=False).Vh[:4]
    centred = test - train.mean(0)
    pca_error = squared_error(centred @ values.T @ values, centred).mean().item()
    for seed in range(2):
        deep = new(64, 4, hidden=(128, 64), activation="silu", norm=True, noise=0.1, seed=seed)
        linear = new(64, 4, activation="linear", seed=seed)
        options = {"learning_rate": 5e-3, "schedule": "cosine", "optimizer": "adamw", "batch_size": 128}
        for model in (deep, linear):
            training.fit(model, train, n_steps=300, seed=seed, **options)
        assert squared_error(deep.reconstruct(test), test).mean().item() < 0.9 * pca_error
        assert squared_error(linear.reconstruct(test), test).mean().item() > 0.98 * pca_error


def test_the_convolutional_one_has_the_same_verbs():
    x = digits()[:40]
    model = new((8, 8), 5, channels=(3, 4), kind=ConvAutoencoder, noise=0.1, contraction=0.01)
    assert model.encode(x).shape == (40, 5) and model.reconstruct(x).shape == (40, 64)
    assert model.jacobian(x[:3]).shape == (3, 5, 64) and model.tangent_vectors(x[:3], 2).shape == (3, 2, 64)
    column = (model.encode(x[:3] + 1e-6 * torch.eye(64)[9]) - model.encode(x[:3])) / 1e-6
    torch.testing.assert_close(model.jacobian(x[:3])[:, :, 9], column, rtol=1e-3, atol=1e-5)
    before = squared_error(model.reconstruct(x), x).mean().item()
    training.fit(model, x, n_steps=150, learning_rate=0.02)
    assert squared_error(model.reconstruct(x), x).mean().item() < 0.6 * before
    wide = new((4, 12), 2, channels=(3,), kind=ConvAutoencoder)
    assert wide.reconstruct(normal(5, 48)).shape == (5, 48)
    with pytest.raises(ValueError, match="divisible by 2 \\*\\* 3 = 8"):
        ConvAutoencoder((12, 12), 3, channels=(2, 2, 2))


def test_same_seed_same_model():
    x = digits()[:100]
    results = []
    for _ in range(2):
        model = new(64, 3, hidden=(16,), norm=True, noise=0.2)
        training.fit(model, x, n_steps=20, seed=5)
        results.append(model.encode(x))
    assert torch.equal(*results)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"activation": "softsign"}, "unknown activation 'softsign'; choose one of linear, relu"),
        ({"noise_kind": "salt"}, "unknown noise_kind 'salt'; choose one of gaussian, masking"),
        ({"noise": -0.1}, "noise must be at least 0, got -0.1"),
        ({"contraction": -1}, "contraction must be at least 0, got -1"),
        ({"noise": 1.0, "noise_kind": "masking"}, r"noise must lie in \[0, 1\), got 1"),
    ],
)
def test_unusable_options(options, message):
    with pytest.raises(ValueError, match=message):
        Autoencoder(4, 2, **options)


def test_of_the_pairs_of_layers_only_the_outermost_answers_in_pixels():
    """Its output is the autoencoder's sigmoid; the others answer with codes, which may have any size."""
    torch.manual_seed(0)
    model = Autoencoder(6, 2, hidden=(4,), likelihood="bernoulli").double()
    outer, inner = (LayerPair(model, k) for k in (0, 1))
    drive = 5 * torch.randn(3, 6, dtype=torch.float64)
    torch.testing.assert_close(outer.output(drive), torch.sigmoid(drive))
    torch.testing.assert_close(inner.output(drive), drive)
