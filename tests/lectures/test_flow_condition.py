"""Flows with a condition: for each class a density of its own, exact as without."""

import numpy as np
import pytest
import torch

from coursekit.flow import AffineCoupling, Flow, glow, real_nvp
from coursekit.training import fit


def generator(seed):
    return torch.Generator().manual_seed(seed)


def randomised(flow, *, scale=0.3, seed=0):
    """The flow in float64 with parameters that are no start."""
    rng = generator(seed)
    with torch.no_grad():
        for parameter in flow.double().parameters():
            parameter.add_(scale * torch.randn(parameter.shape, generator=rng, dtype=torch.float64))
    return flow


def vectors():
    return randomised(real_nvp(3, n_layers=3, hidden=(8,), n_classes=4)), (3,)


def images():
    torch.manual_seed(1)
    return randomised(glow((1, 4, 4), n_steps=2, hidden=(6,), n_classes=4), scale=0.1), (1, 4, 4)


@pytest.mark.parametrize("make", [vectors, images])
def test_the_inverse_and_the_log_determinant_of_each_class(make):
    flow, shape = make()
    x = torch.randn(5, *shape, generator=generator(2), dtype=torch.float64)
    labels = torch.tensor([0, 3, 1, 2, 3])
    flow.eval()
    z, log_det = flow(x, labels)
    back, log_det_back = flow.inverse(z, labels)
    torch.testing.assert_close(back, x)
    torch.testing.assert_close(log_det_back, -log_det)
    for i in range(5):
        one = torch.autograd.functional.jacobian(lambda v, i=i: flow(v[None], labels[i : i + 1])[0][0], x[i])
        exact = torch.linalg.slogdet(one.reshape(x[i].numel(), -1)).logabsdet
        torch.testing.assert_close(log_det[i], exact)
    torch.testing.assert_close(flow.cascade(z, labels)[-1], x)
    assert (flow(x, torch.zeros(5, dtype=torch.int64))[0] - z).abs().amax() > 1e-3, "the class is not seen"


def test_the_density_of_each_class_integrates_to_one():
    flow = randomised(real_nvp(2, n_layers=2, hidden=(6,), n_classes=2), scale=0.2)
    axis = torch.linspace(-12, 12, 601, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)
    masses = [
        flow.log_prob(grid, condition=label).exp().sum().item() * float(axis[1] - axis[0]) ** 2
        for label in (0, 1)
    ]
    np.testing.assert_allclose(masses, 1, atol=1e-3)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_samples_obey_the_class_they_are_asked_for(seed):
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1, 2], 200)
    centres = np.array([[3.0, 0], [-3, 0], [0, 3]])
    x = centres[labels] + 0.3 * rng.normal(size=(600, 2))

    def obeyed(given):
        torch.manual_seed(seed)
        flow = real_nvp(2, n_layers=4, hidden=(32,), n_classes=3)
        fit(flow, (x, given), n_steps=300, learning_rate=5e-3, seed=seed, device="cpu")
        drawn = flow.sample(600, condition=torch.tensor(labels), rng=generator(seed)).detach().numpy()
        nearest = ((drawn[:, None] - centres) ** 2).sum(-1).argmin(1)
        return (nearest == labels).mean()

    assert obeyed(labels) >= 0.9 > obeyed(rng.permutation(labels)), "what shuffled labels get"


def test_a_condition_is_asked_for_where_it_belongs():
    with_classes, without = real_nvp(2, n_classes=3), real_nvp(2)
    x = torch.zeros(4, 2)
    for call, sentence in (
        (lambda: with_classes.log_prob(x), "each call needs condition=labels"),
        (lambda: without.log_prob(x, condition=torch.zeros(4)), "a condition needs n_classes"),
        (lambda: with_classes.loss(x, torch.full((4,), 3)), r"in 0\.\.2"),
        (lambda: with_classes.sample(4, condition=torch.zeros(3)), r"shape \(4,\)"),
    ):
        with pytest.raises(ValueError, match=sentence):
            call()
    assert isinstance(with_classes, Flow) and with_classes.sample(4, condition=1).shape == (4, 2)


@pytest.mark.parametrize("verb", ["forward", "inverse"])
def test_a_single_coupling_refuses_labels_where_the_flow_would(verb):
    with_classes, without = AffineCoupling(4, hidden=8, n_classes=3), AffineCoupling(4, hidden=8)
    x = torch.ones(5, 4)
    for layer, given, sentence in (
        (without, [0, 0, 0, 0, 0], "n_classes=0: a condition needs n_classes"),
        (with_classes, None, "n_classes=3: each call needs condition=labels"),
        (with_classes, [0, 1, 2, 7, 0], r"condition must be class numbers in 0\.\.2, got 0 to 7"),
        (with_classes, [0, 1], r"condition must have shape \(5,\)"),
    ):
        with pytest.raises(ValueError, match=sentence):
            getattr(layer, verb)(x, given)
    one_for_all, one_each = (getattr(with_classes, verb)(x, given)[0] for given in (2, [2] * 5))
    assert torch.equal(one_for_all, one_each)


def test_a_flow_has_one_number_of_classes():
    three, five, none = (AffineCoupling(4, hidden=8, n_classes=k) for k in (3, 5, 0))
    with pytest.raises(ValueError, match=r"the same classes, got n_classes of \[3, 5\]"):
        Flow([three, none, five], shape=4)
    assert Flow([none, three], shape=4).n_classes == 3
