"""Diffusion in the code of an autoencoder: the two halves fit together."""

import torch

from coursekit.ddpm import DDPM, LatentCoder, LatentDDPM, cosine_schedule
from coursekit.networks import TimeMLP


def model(seed=0):
    torch.manual_seed(seed)
    ddpm = DDPM(TimeMLP(3, width=8), cosine_schedule(20), shape=3)
    return LatentDDPM(LatentCoder(8, 3, hidden=(6,)), ddpm)


def images(n=500, seed=1):
    return torch.rand(n, 8, generator=torch.Generator().manual_seed(seed)) ** 2


def test_codes_have_mean_0_and_std_1_and_are_read_as_what_they_were():
    latent, x = model(), images()
    codes = latent.learn_codes(x)
    torch.testing.assert_close(codes.mean(0), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(codes.std(0), torch.ones(3), atol=1e-5, rtol=0)
    raw = latent.coder.encode(x)
    assert (raw.std(0) - 1).abs().max() > 0.1  # new running statistics do not do it
    torch.testing.assert_close(codes * latent.std + latent.mean, raw)


def test_a_sample_is_a_sampled_code_read():
    latent = model()
    latent.learn_codes(images())
    samples = latent.sample(5, n_steps=4, rng=torch.Generator().manual_seed(2))
    codes = latent.ddpm.sample_ddim(5, 4, rng=torch.Generator().manual_seed(2))
    expected = torch.sigmoid(latent.coder.decoder(codes * latent.std + latent.mean))
    torch.testing.assert_close(samples, expected)
    assert samples.shape == (5, 8) and samples.min() >= 0 and samples.max() <= 1


def test_the_loss_is_the_cross_entropy_of_a_noisy_code():
    latent, x = model().double(), images().double()
    coder = latent.coder.train()
    loss = coder.loss(x, rng=torch.Generator().manual_seed(5))
    code = coder.encoder(x)
    code = (code - code.mean(0)) / (code.var(0, unbiased=False) + coder.standardise.eps).sqrt()
    noise = torch.randn(code.shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    p = coder.decoder(code + 0.1 * noise).sigmoid()
    expected = -(x * p.log() + (1 - x) * (1 - p).log()).sum(1).mean()
    torch.testing.assert_close(loss, expected)


def test_what_was_learned_is_in_the_weights_of_the_model():
    latent, other = model(), model(seed=9)
    latent.learn_codes(images())
    other.load_state_dict(latent.state_dict())
    rngs = [torch.Generator().manual_seed(3) for _ in range(2)]
    torch.testing.assert_close(
        latent.sample(4, n_steps=3, rng=rngs[0]), other.eval().sample(4, n_steps=3, rng=rngs[1])
    )
