"""Where the recipe of the Boltzmann machine starts, fresh bits, and pixels without couplings."""

import itertools

import pytest
import torch

from coursekit.rbm import RBM, FreshBits, embed, mean_logits, often_on, start_apart


def pixels(n=300, seed=0):
    x = torch.rand(n, 5, generator=torch.Generator().manual_seed(seed)) ** 2
    x[:, 2] = 0
    return x


def test_without_couplings_the_machine_has_the_mean_of_the_data():
    x = pixels()
    rbm = RBM(5, 2)
    with torch.no_grad():
        rbm.visible_bias.copy_(mean_logits(x))
        rbm.weight.zero_()
        states = torch.tensor(list(itertools.product([0.0, 1.0], repeat=5)))
        mean = rbm.log_prob(states).exp() @ states
    expected = x.mean(0).clamp(0.5 / 300, 1)
    torch.testing.assert_close(mean, expected, atol=1e-5, rtol=1e-4)


def test_start_apart():
    x = pixels()
    torch.manual_seed(0)
    rbm = RBM(5, 4)
    before = rbm.weight.detach().clone()
    start_apart(rbm, x)
    torch.testing.assert_close(rbm.weight.detach(), 3 * before)
    assert (rbm.hidden_bias == -1).all() and torch.equal(rbm.visible_bias.detach(), mean_logits(x))


def test_fresh_bits_give_on_average_the_gradient_of_the_expected_bits():
    """The positive phase is linear in the hidden probabilities of bits, so many draws come near its mean."""
    torch.manual_seed(0)
    rbm = FreshBits(5, 3)
    with torch.no_grad():
        rbm.weight.normal_(0, 1)
    x = pixels(1).expand(40_000, -1)
    rng = torch.Generator().manual_seed(1)
    gradient, (ends, _) = rbm.cd_gradient(x, rng=rng)
    bits = (torch.rand(x.shape, generator=torch.Generator().manual_seed(7)) < x).float()
    torch.manual_seed(0)
    plain = RBM(5, 3)
    plain.load_state_dict(rbm.state_dict())
    other, _ = plain.cd_gradient(bits, rng=torch.Generator().manual_seed(8))
    for name in gradient:
        torch.testing.assert_close(gradient[name], other[name], atol=0.02, rtol=0)
    # Handing the grey levels themselves to the machine is another gradient.
    grey, _ = plain.cd_gradient(x, rng=torch.Generator().manual_seed(8))
    assert max((gradient[name] - grey[name]).abs().max() for name in gradient) > 0.05
    assert set(ends.unique().tolist()) == {0.0, 1.0}


def test_bits_stay_what_they_are():
    torch.manual_seed(0)
    bits = (pixels() > 0.3).float()
    rbm, plain = FreshBits(5, 3), RBM(5, 3)
    plain.load_state_dict(rbm.state_dict())
    rng, same = torch.Generator().manual_seed(1), torch.Generator().manual_seed(1)
    torch.rand(bits.shape, generator=same)
    gradients = rbm.cd_gradient(bits, rng=rng)[0], plain.cd_gradient(bits, rng=same)[0]
    for name in gradients[0]:
        torch.testing.assert_close(gradients[0][name], gradients[1][name])


def test_the_machine_on_all_pixels_is_that_on_the_coupled_ones_times_independent_pixels():
    x = pixels()
    coupled = often_on(x, 2e-4)
    assert coupled.tolist() == [True, True, False, True, True]
    torch.manual_seed(0)
    small, rbm = RBM(4, 3).double(), RBM(5, 3).double()
    with torch.no_grad():
        for parameter in small.parameters():
            parameter.normal_()
    bias = mean_logits(x).double()
    embed(small, rbm, coupled, bias)
    v = (torch.rand(20, 5, dtype=torch.float64) < 0.5).double()
    v[0, 2], v[1, 2] = 0, 1
    alone = v[:, 2] * bias[2] - torch.nn.functional.softplus(bias[2])
    torch.testing.assert_close(rbm.log_prob(v), small.log_prob(v[:, coupled]) + alone)
    assert (rbm.log_prob(v)[0] - small.log_prob(v[:, coupled])[0]).item() == pytest.approx(0, abs=0.01)
