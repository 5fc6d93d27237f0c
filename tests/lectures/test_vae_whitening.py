"""What the recipe of the VAE puts in front of its encoder, and where its decoder starts."""

import numpy as np
import pytest
import torch

from coursekit.vae import VAE, Whitened, start_at_mean, whiten_encoder


def pixels(n=4000, seed=0):
    """Probabilities with correlations, one pixel always off."""
    rng = np.random.default_rng(seed)
    x = 1 / (1 + np.exp(-rng.normal(size=(n, 2)) @ rng.normal(size=(2, 7))))
    x[:, 3] = 0
    return torch.tensor(x, dtype=torch.float32)


def test_whitened_bits_are_uncorrelated_with_variance_below_one():
    """Variance s^2 / (s^2 + .01) in each direction, by the formula; of the bits that it has looked at."""
    x = pixels()
    torch.manual_seed(3)
    whitened = Whitened(x, n_components=5)
    torch.manual_seed(3)
    bits = (torch.rand(x.shape) < x).float()
    covariance = np.cov(whitened(bits).double().numpy().T, bias=True)
    values = np.linalg.eigvalsh(np.cov(bits.double().numpy().T, bias=True))[::-1][:5]
    np.testing.assert_allclose(covariance, np.diag(values / (values + 0.01)), atol=1e-4)
    assert whitened(bits).mean(0).abs().max() < 1e-4
    raw = np.corrcoef(bits[:, [0, 1, 2, 4, 5, 6]].numpy().T)
    assert np.abs(raw - np.eye(6)).max() > 0.1  # the bits themselves are correlated


def test_a_pixel_that_is_always_off_stays_finite():
    x = pixels()
    assert torch.isfinite(Whitened(x)(torch.ones(2, 7))).all()


def test_the_encoder_sees_whitened_bits_and_nothing_else_changes():
    torch.manual_seed(0)
    vae = VAE(7, 2, hidden=(8,), residual=True, activation="silu")
    x, rest = pixels(), [p.clone() for p in vae.decoder.parameters()]
    whiten_encoder(vae, x)
    whitened, first = vae.encoder[0]
    bits = (x[:5] > 0.5).float()
    expected = vae.encoder[1:](first(whitened(bits)))
    torch.testing.assert_close(torch.cat(vae.encode(bits), 1), expected)
    assert all(torch.equal(a, b) for a, b in zip(rest, vae.decoder.parameters(), strict=True))
    assert not any("axes" in name for name, _ in vae.named_parameters())  # fixed, not learned


def test_the_decoder_starts_at_the_mean():
    torch.manual_seed(0)
    vae, x = VAE(7, 2, hidden=(8,), residual=True), pixels()
    start_at_mean(vae, x)
    with torch.no_grad():
        vae.decoder[-1].weight.zero_()
        answer = vae.decode_mean(torch.randn(3, 2))
    torch.testing.assert_close(answer, x.mean(0).clamp(1e-3, 1 - 1e-3).expand(3, -1))
    assert answer[0, 3].item() == pytest.approx(1e-3)
