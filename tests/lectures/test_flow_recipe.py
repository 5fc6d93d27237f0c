"""The digits of lecture 16 are measured on the way as they are at the end, told the class or not."""

import numpy as np
import pytest
import torch

from coursekit.data import train_and_test
from coursekit.flow import AffineCoupling, HistogramToNormal, recipe

DIGITS = train_and_test("digits")


@pytest.mark.parametrize("n_classes", [0, 10])
def test_a_watched_flow_is_repeatable_and_knows_what_it_is_told(n_classes):
    flow, looks = recipe.watched(*DIGITS, n_steps=50, seed=2, n_classes=n_classes, dropout=0.2)
    assert looks.shape == (1, 2) and not flow.training and flow.n_classes == n_classes
    couplings = [layer for layer in flow.layers if isinstance(layer, AffineCoupling)]
    assert len(couplings) == 4
    assert all(part.p == 0.2 for each in couplings for part in each.network if "Dropout" in repr(part))
    _, again = recipe.watched(*DIGITS, n_steps=50, seed=2, n_classes=n_classes, dropout=0.2)
    np.testing.assert_array_equal(again, looks)
    # One Gaussian behind a logit costs 2.26 bits on the test images, and 4.09 with all levels alike.
    assert looks.max() < 2.3


def test_histograms_come_before_the_couplings_of_the_digits():
    torch.manual_seed(0)
    made = recipe.RECIPES["digits"](*DIGITS)
    first, *rest = made.model.layers
    assert (
        isinstance(first, HistogramToNormal) and sum(isinstance(each, AffineCoupling) for each in rest) == 4
    )
    (history,) = made.train(n_steps=20, device="cpu")
    assert len(history.loss) == 20
    # One Gaussian costs 2.27 bits behind a logit and 2.14 behind histograms.
    assert made.measure(made.model)["bits per pixel of the test set"] < 2.2
    drawn = made.draw(made.model, torch.Generator().manual_seed(0))
    assert drawn.min() >= 0 and drawn.max() <= 1 and torch.equal(16 * drawn, (16 * drawn).round())


def test_the_bits_of_a_class_are_those_of_its_density():
    flow, _ = recipe.watched(*DIGITS, n_steps=50, seed=0, n_classes=10)
    x, labels = torch.tensor(DIGITS[1].x[:40], dtype=torch.float32), torch.tensor(DIGITS[1].labels[:40])
    one, many = recipe.digit_bits(flow, x, n_noises=3, condition=labels)
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        nats = torch.stack([flow.discrete_log_prob(x, condition=labels, rng=rng) for _ in range(3)])
    assert one == pytest.approx(-nats.mean().item() / 64 / np.log(2), rel=1e-6)
    assert many == pytest.approx(-(nats.logsumexp(0) - np.log(3)).mean().item() / 64 / np.log(2), rel=1e-6)
    wrong, _ = recipe.digit_bits(flow, x, n_noises=3, condition=(labels + 1) % 10)
    assert wrong > one + 0.01


@pytest.mark.parametrize("n_classes", [0, 2])
def test_the_flow_of_the_moons_is_as_wide_and_deep_as_asked_and_repeatable(n_classes):
    options = {"n_layers": 3, "width": 7, "n_classes": n_classes, "n_steps": 3}
    flow, again, other = (recipe.two_moons(seed, **options) for seed in (1, 1, 2))
    couplings = [layer for layer in flow.layers if isinstance(layer, AffineCoupling)]
    assert len(couplings) == 3 and all(each.network[0].out_features == 7 for each in couplings)
    weights = [torch.cat([part.flatten() for part in each.parameters()]) for each in (flow, again, other)]
    assert weights[0].dtype == torch.float64 and flow.n_classes == n_classes
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])
