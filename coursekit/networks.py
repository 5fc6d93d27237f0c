"""Small networks that several lectures share. They map tensors to tensors and know nothing of any loss."""

from torch import nn

ACTIVATIONS = {
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "silu": nn.SiLU,
    "leaky_relu": nn.LeakyReLU,
}


def activation_layer(name):
    """A fresh activation module by its name; ValueError lists the known names."""
    if name not in ACTIVATIONS:
        raise ValueError(f"unknown activation {name!r}; choose one of {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]()


def mlp(sizes, *, activation="relu", norm=False):
    """Multilayer perceptron sizes[0] -> ... -> sizes[-1], linear at the end; (n, sizes[0]) -> (n, sizes[-1]).

    norm: put LayerNorm before each hidden activation.
    """
    layers = []
    for i, (n_in, n_out) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
        layers.append(nn.Linear(n_in, n_out))
        if i < len(sizes) - 2:
            layers += [nn.LayerNorm(n_out)] * norm + [activation_layer(activation)]
    return nn.Sequential(*layers)
