"""Every model's public verbs: arrays of any precision are taken, bad ones refused in a sentence."""

import numpy as np
import pytest
import torch

from coursekit import autoencoder, ddpm, flow, gan, rbm, vae, wgan
from coursekit.networks import TimeMLP, mlp

BITS = (np.random.default_rng(0).random((6, 4)) < 0.5).astype(float)


def models():
    torch.manual_seed(0)
    return {
        "rbm": rbm.RBM(4, 3),
        "gaussian rbm": rbm.RBM(4, 3, visible="gaussian"),
        "autoencoder": autoencoder.Autoencoder(4, 2, hidden=3, likelihood="bernoulli"),
        "vae": vae.VAE(4, 2, hidden=3),
        "flow": flow.Flow([flow.AffineCoupling(4, hidden=8)], shape=4),
        "ddpm": ddpm.DDPM(TimeMLP(4, width=8), ddpm.cosine_schedule(3), shape=4),
        "gan": gan.GAN(mlp((2, 4)), mlp((4, 1)), n_latent=2),
        "wgan": wgan.WGAN(mlp((2, 4)), mlp((4, 1)), n_latent=2),
    }


# What each model makes of data x; seeded where it is random.
VERBS = {
    "rbm": ["free_energy", "log_prob", "hidden_probability", "exact_gradient", "expected_cd_gradient"],
    "gaussian rbm": ["free_energy", "log_prob", "cd_gradient"],
    "autoencoder": ["loss", "encode", "reconstruct", "jacobian_norm"],
    "vae": ["loss", "elbo", "encode"],
    "flow": ["loss", "log_prob", "forward"],
    "ddpm": ["loss", "elbo"],
    "gan": ["score", "probability", "generator_loss"],
    "wgan": ["score", "generator_loss"],
}
CASES = [(name, verb) for name, verbs in VERBS.items() for verb in verbs]
RANDOM = {
    ("vae", "loss"),
    ("vae", "elbo"),
    ("ddpm", "loss"),
    ("ddpm", "elbo"),
    ("gaussian rbm", "cd_gradient"),
}


def call(name, verb, x):
    options = {"rng": torch.Generator().manual_seed(1)} if (name, verb) in RANDOM else {}
    return getattr(models()[name], verb)(x, **options)


def flat(result):
    if isinstance(result, torch.Tensor):
        return [result.detach()]
    return [
        part for value in (result.values() if isinstance(result, dict) else result) for part in flat(value)
    ]


@pytest.mark.parametrize(("name", "verb"), CASES)
def test_arrays_of_any_kind_give_the_numbers_of_the_models_own_precision(name, verb):
    own = flat(call(name, verb, torch.tensor(BITS, dtype=torch.float32)))
    for x in (BITS, BITS.astype(np.int64), BITS.tolist(), torch.tensor(BITS), torch.tensor(BITS).long()):
        for mine, other in zip(own, flat(call(name, verb, x)), strict=True):
            assert mine.dtype == other.dtype == torch.float32 and torch.equal(mine, other)


@pytest.mark.parametrize(("name", "verb"), [case for case in CASES if case[0] not in ("gan", "wgan")])
def test_another_width_is_refused_in_a_sentence(name, verb):
    with pytest.raises(ValueError, match=r"[xv] must have shape \(n, 4\), got \(6, 3\)"):
        call(name, verb, BITS[:, :3])


@pytest.mark.parametrize(
    ("name", "verb"),
    [("rbm", "log_prob"), ("rbm", "exact_gradient"), ("gaussian rbm", "cd_gradient"), ("autoencoder", "loss")]
    + [("vae", "loss"), ("flow", "loss"), ("ddpm", "loss"), ("ddpm", "elbo")],
)
def test_nan_is_refused_in_a_sentence(name, verb):
    bad = BITS.copy()
    bad[2, 1] = np.nan
    with pytest.raises(ValueError, match="[xv] holds 1 values that are NaN or infinite"):
        call(name, verb, bad)


@pytest.mark.parametrize(
    ("name", "verb"),
    [
        ("rbm", "log_prob"),
        ("rbm", "free_energy"),
        ("rbm", "exact_gradient"),
        ("autoencoder", "loss"),
        ("vae", "loss"),
    ],
)
def test_pixels_beyond_1_are_no_bits_and_grey_ones_are_allowed(name, verb):
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        call(name, verb, 16 * BITS)
    call(name, verb, BITS / 3)


def test_the_rest():
    machine, x = rbm.RBM(4, 3), torch.tensor(BITS)
    calls = [
        (lambda: machine.cd_gradient(x, k=0), "k must be at least 1, got 0"),
        (lambda: machine.expected_cd_gradient(x, k=0), "k must be at least 1, got 0"),
        (lambda: machine.expected_cd_gradient(x, k=-5), "k must be at least 1, got -5"),
        (lambda: machine.cd_gradient(x[:0]), "v must hold at least one example"),
        (lambda: machine.sample(2, rng=0), "rng must be a torch.Generator"),
        (lambda: machine.visible_mean(x), r"h must have shape \(n, 3\), got \(6, 4\)"),
        (lambda: machine.energy(x, x), r"h must have shape \(n, 3\)"),
        (lambda: autoencoder.Autoencoder(4, 2).decode(x), r"z must have shape \(n, 2\), got \(6, 4\)"),
        (lambda: autoencoder.Autoencoder(4, 2, noise="much"), "noise must be a number"),
        (lambda: flow.real_nvp(4).inverse(x[:, :3]), r"z must have shape \(n, 4\), got \(6, 3\)"),
        (lambda: flow.real_nvp(4).discrete_log_prob(x, 0), "n_samples must be at least 1"),
        (
            lambda: wgan.gradient_penalty(mlp((4, 1)), x, x, epsilon=0.5),
            r"epsilon must have shape \(n,\), got \(\)",
        ),
    ]
    for action, sentence in calls:
        with pytest.raises(ValueError, match=sentence):
            action()
