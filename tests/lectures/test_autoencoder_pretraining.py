"""pretraining: pairs of layers learn in place, one after the other; a start at the mean is one."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from coursekit import training
from coursekit.autoencoder import (
    Autoencoder,
    ConvAutoencoder,
    LayerPair,
    corrupt,
    pretrain_layerwise,
    pretrain_rbms,
    squared_error,
    start_at_mean,
)


def digits():
    return torch.tensor(load_digits().data / 16)


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_the_start_at_the_mean_centres_the_data_and_answers_with_the_mean(likelihood):
    torch.manual_seed(0)
    x = 0.1 + 0.8 * digits()
    model = Autoencoder(64, 3, hidden=(10,), likelihood=likelihood).double()
    start_at_mean(model, x)
    first = model.encoder[0][0]
    torch.testing.assert_close(first(x), (x - x.mean(0)) @ first.weight.T)
    # With no message from the hidden layer the answer is the mean itself.
    silent = model.output(model.decoder[-1](torch.zeros(1, 10, dtype=torch.float64)))
    torch.testing.assert_close(silent[0], x.mean(0))


def test_the_start_at_the_mean_pays():
    x = digits()
    for seed in range(2):
        errors = []
        for start in (False, True):
            torch.manual_seed(seed)
            model = Autoencoder(64, 10, hidden=(64, 32), activation="silu", norm=True, likelihood="bernoulli")
            if start:
                start_at_mean(model, x.float())
            training.fit(model, x, n_steps=150, learning_rate=2e-3, schedule="cosine", seed=seed)
            errors.append(squared_error(model.reconstruct(x.float()), x).mean().item())
        assert errors[1] < 0.9 * errors[0]


@pytest.mark.parametrize("kind", ["dense", "tied", "convolutional"])
def test_layerwise_pretraining_trains_each_pair_in_place_on_the_codes_below(kind):
    torch.manual_seed(0)
    x = digits()[:60]
    if kind == "convolutional":
        model = ConvAutoencoder((8, 8), 5, channels=(3, 4)).double()
    else:
        model = Autoencoder(64, 5, hidden=(20, 10), activation="sigmoid", tied=kind == "tied").double()
    seen = []

    def train(pair, inputs):
        before = pair.loss(inputs).item()
        training.fit(pair, inputs, n_steps=60, learning_rate=0.01)
        seen.append((inputs, before, pair.loss(inputs).item()))

    pretrain_layerwise(model, x, train)
    assert len(seen) == 3
    assert all(after < before for _, before, after in seen)
    # Each pair saw the codes of the trained layers below, and those layers were not touched again.
    for k, (inputs, _, _) in enumerate(seen):
        torch.testing.assert_close(inputs, model.encoder[:k](x).detach())


def test_a_layer_pair_corrupts_as_its_autoencoder_does():
    torch.manual_seed(1)
    model = Autoencoder(6, 2, hidden=(4,), noise=0.5, noise_kind="masking").double()
    x = torch.tensor(np.random.default_rng(0).normal(size=(8, 6)))
    pair = LayerPair(model, 0)
    seen = corrupt(x, 0.5, "masking", rng=torch.Generator().manual_seed(3))
    expected = squared_error(model.decoder[1](model.encoder[0](seen)), x).mean()
    assert pair.loss(x, rng=torch.Generator().manual_seed(3)).item() == expected.item()


def sigmoid_autoencoder(**changed):
    options = {"activation": "sigmoid", "code_activation": "sigmoid", "likelihood": "bernoulli"} | changed
    return Autoencoder(6, 2, hidden=(5, 4), **options).double()


def test_boltzmann_machines_become_the_layers_and_their_mirror_images():
    torch.manual_seed(2)
    model, x = sigmoid_autoencoder(), torch.rand(40, 6, dtype=torch.float64)
    machines, inputs = [], []

    def train(machine, seen):
        for parameter in machine.parameters():
            torch.nn.init.normal_(parameter)
        machines.append(machine)
        inputs.append(seen)

    pretrain_rbms(model, x, train)
    assert [(len(m.visible_bias), len(m.hidden_bias)) for m in machines] == [(6, 5), (5, 4), (4, 2)]
    hidden = x
    for machine, seen in zip(machines, inputs, strict=True):
        torch.testing.assert_close(seen, hidden)
        hidden = machine.hidden_probability(hidden)
    torch.testing.assert_close(model.encode(x), hidden)  # up through the machines
    for machine in reversed(machines):
        hidden = machine.visible_mean(hidden)
    torch.testing.assert_close(model.reconstruct(x), hidden)  # and down again
    assert all(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize(
    "changed",
    [{"activation": "relu"}, {"code_activation": "linear"}, {"likelihood": "gaussian"}, {"norm": True}],
)
def test_only_sigmoid_layers_can_start_as_boltzmann_machines(changed):
    with pytest.raises(ValueError, match="needs sigmoid layers throughout"):
        pretrain_rbms(sigmoid_autoencoder(**changed), torch.rand(8, 6), lambda machine, x: None)
