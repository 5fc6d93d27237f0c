"""What a flow does with arrays, with missing values, and with shapes that a layer cannot take."""

import numpy as np
import pytest
import torch

from coursekit.flow import (
    ActNorm,
    Flow,
    HistogramToNormal,
    Logit,
    Permute,
    Squeeze,
    Whiten,
    glow,
    real_nvp,
    standard_normal_log_prob,
)


def points(n=8, d=2):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(0))


def with_one(x, value):
    x = x.clone()
    x[3, 1] = value
    return x


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize(
    "make",
    [
        lambda: glow(2, n_steps=2, hidden=8),
        lambda: Flow([Whiten(2)], shape=2),
        lambda: Whiten(2),
        lambda: ActNorm(2),
        lambda: HistogramToNormal(2, n_levels=3),
    ],
    ids=["glow", "flow", "Whiten", "ActNorm", "HistogramToNormal"],
)
def test_one_missing_value_sets_no_layer(make, value):
    layer = make()
    before = {name: part.clone() for name, part in layer.state_dict().items()}
    with pytest.raises(ValueError, match="x holds 1 values that are NaN or infinite"):
        layer.initialize(with_one(points().sigmoid(), value))
    assert all(torch.equal(part, before[name]) for name, part in layer.state_dict().items())


def test_an_activation_norm_that_trains_refuses_a_first_batch_with_a_missing_value():
    layer = ActNorm(2)
    with pytest.raises(ValueError, match="NaN or infinite"):
        layer.forward(with_one(points(), float("nan")))
    assert not layer.initialized


def test_log_prob_refuses_what_the_loss_refuses():
    flow = real_nvp(2, n_layers=2, hidden=8)
    for verb in (flow.loss, flow.log_prob):
        with pytest.raises(ValueError, match="x holds 1 values that are NaN or infinite"):
            verb(with_one(points(), float("nan")))


@torch.no_grad()
@pytest.mark.parametrize("kind", ["array", "list"])
def test_arrays_and_lists_are_taken_as_tensors_are(kind):
    torch.manual_seed(0)
    grey, image = 3 * points(4, 16).sigmoid(), points(4, 16).reshape(4, 1, 4, 4)
    cases = [
        (Logit(3), "forward", grey),
        (Logit(3), "inverse", points()),
        (Squeeze(), "forward", image),
        (Squeeze(), "inverse", image.reshape(4, 4, 2, 2)),
        (Permute([1, 0]), "forward", points()),
        (Whiten(2), "inverse", points()),
        (glow((1, 4, 4), n_steps=1, hidden=8, n_levels=3), "log_prob", grey.reshape(image.shape)),
        (real_nvp(2, n_layers=2, hidden=8), "cascade", points()),
    ]
    for layer, verb, x in cases:
        given = x.numpy() if kind == "array" else x.tolist()
        found, expected = getattr(layer, verb)(given), getattr(layer, verb)(x)
        for one, other in zip(found, expected, strict=True):
            assert isinstance(one, torch.Tensor)
            torch.testing.assert_close(
                one, other, check_dtype=False
            )  # a layer without numbers keeps its input's
    assert torch.equal(standard_normal_log_prob(points().numpy()), standard_normal_log_prob(points()))


def test_a_discrete_flow_starts_from_an_array_of_whole_numbers():
    levels = np.random.default_rng(0).integers(0, 3, size=(50, 2))
    flow = Flow([Logit(3), ActNorm(2)], shape=2, discrete=True)
    flow.initialize(levels, rng=torch.Generator().manual_seed(0))
    again = Flow([Logit(3), ActNorm(2)], shape=2, discrete=True)
    again.initialize(torch.tensor(levels).float(), rng=torch.Generator().manual_seed(0))
    assert flow.layers[1].initialized and torch.equal(flow.layers[1].bias, again.layers[1].bias)


@pytest.mark.parametrize("layer", [Whiten(3), HistogramToNormal(3, n_levels=2)], ids=["Whiten", "Histogram"])
@pytest.mark.parametrize("verb", ["initialize", "forward", "inverse"])
def test_a_layer_of_vectors_refuses_images_in_one_sentence(layer, verb):
    with pytest.raises(
        ValueError, match=r"takes vectors \(n, 3\), got [xz] of shape \(2, 3, 4, 4\): flatten"
    ):
        getattr(layer, verb)(torch.full((2, 3, 4, 4), 0.5))


@pytest.mark.parametrize("n", [0, 1, 2])
def test_whitening_refuses_as_many_examples_as_features(n):
    with pytest.raises(ValueError, match=f"takes more than 2 examples, got {n}"):
        Whiten(2).initialize(points(n))


def test_cascade_refuses_noise_of_another_shape():
    with pytest.raises(ValueError, match=r"z must have shape \(n, 2\), got \(4, 3\)"):
        real_nvp(2, n_layers=2, hidden=8).cascade(np.zeros((4, 3)))
