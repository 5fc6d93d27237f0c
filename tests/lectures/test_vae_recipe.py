"""What notebook 11 trains: seeded, told apart by kind, and a code that cannot hold everything."""

import pytest
import torch

from coursekit.vae import recipe


def bars(n):
    """Grey images (n, 16) of 4 x 4: one row and one column are dark."""
    rng = torch.Generator().manual_seed(0)
    x = torch.zeros(n, 4, 4)
    x[torch.arange(n), torch.randint(4, (n,), generator=rng)] = 0.9
    x[torch.arange(n), :, torch.randint(4, (n,), generator=rng)] = 0.9
    return x.flatten(1)


def test_the_model_of_bits_is_seeded_and_told_its_beta():
    bits = (bars(64) > 0.5).float()
    one, again, other = (recipe.bits_model(bits, seed=s, n_latent=3, n_steps=5) for s in (0, 0, 1))
    assert torch.equal(one.encode(bits)[0], again.encode(bits)[0])
    assert not torch.equal(one.encode(bits)[0], other.encode(bits)[0])
    assert recipe.bits_model(bits, seed=0, beta=16.0, n_steps=1).beta == 16.0
    assert not any(parameter.requires_grad for parameter in one.parameters())


def test_a_heavy_kl_leaves_the_code_empty():
    bits = (bars(256) > 0.5).float()
    told = [recipe.bits_model(bits, seed=0, n_latent=3, beta=beta, n_steps=300) for beta in (1.0, 100.0)]
    light, heavy = (model.elbo(bits, rng=torch.Generator().manual_seed(0))["kl"].mean() for model in told)
    assert light > 1.0 and heavy < 0.05


@pytest.mark.parametrize("kind", recipe.BLURRED)
def test_each_kind_rebuilds_images_as_they_come(kind):
    grey = bars(300)
    rebuild = recipe.rebuilder(kind, grey, seed=0, n_steps=300)
    rebuilt = rebuild(grey[:7])
    assert rebuilt.shape == (7, 16) and not rebuilt.requires_grad
    assert torch.equal(rebuilt, rebuild(grey[:7]))
    mean = grey.mean(0).expand_as(grey)
    assert ((rebuild(grey) - grey) ** 2).sum() < 0.6 * ((mean - grey) ** 2).sum()  # what no code would lose
