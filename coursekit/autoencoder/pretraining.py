"""Where an autoencoder starts: at the mean of the data, or with layers trained one after the other.

A deep autoencoder that starts at random first learns the mean image, and may stay on that plateau for many
steps. `start_at_mean` sets two biases to spare it that. Before normalisation layers, deep sigmoid networks
were pre-trained, layer by layer: `pretrain_rbms` (2006) makes every layer a restricted Boltzmann machine
first, `pretrain_layerwise` (2007) trains every pair of layers as a small autoencoder.

    mean    (n_inputs,)   mean of the data; the first layer sees x - mean, the last one answers with mean

Sources: Hinton & Salakhutdinov 2006; Bengio et al. 2007, section 2.3; Vincent et al. 2010, section 3.3.
Notebook: 10_autoencoders.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from coursekit.autoencoder.model import Autoencoder, corrupt, squared_error
from coursekit.rbm import RBM


def start_at_mean(autoencoder: Autoencoder, x: Tensor) -> None:
    """Set the first and the last bias so that x is centred on the way in and its mean is the first answer.

    The first bias becomes -W mean, the last one mean, or logit(mean) where outputs are sigmoid (mean kept in
    [.01, .99]).

    Args:
        autoencoder: fully connected, new; changed in place.
        x: (n, n_inputs), in its precision.
    """
    mean = x.mean(0)
    first, last = autoencoder.encoder[0][0], autoencoder.decoder[-1][0]
    with torch.no_grad():
        first.bias.copy_(-first.weight @ mean)
        last.bias.copy_(mean if autoencoder.likelihood == "gaussian" else mean.clamp(0.01, 0.99).logit())


class LayerPair(nn.Module):
    """Block k of an autoencoder's encoder and its partner in the decoder, as an autoencoder of their own.

    The layers are the autoencoder's own, so that training the pair trains them in place.

    >>> pair = LayerPair(Autoencoder(8, 2, hidden=4), 0)
    >>> pair.loss(torch.zeros(3, 8)).shape
    torch.Size([])

    Args:
        autoencoder: where the layers are.
        k: which block of its encoder, from 0.
    """

    def __init__(self, autoencoder: Autoencoder, k: int):
        super().__init__()
        self.encoder, self.decoder = autoencoder.encoder[k], autoencoder.decoder[-1 - k]
        # Only the outermost pair answers in pixels.
        self.output = nn.Identity() if k else autoencoder.output
        self.noise, self.noise_kind = autoencoder.noise, autoencoder.noise_kind

    def loss(self, x: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """Squared error of the pair on its own input x, corrupted as the autoencoder's; a scalar."""
        seen = corrupt(x, self.noise, self.noise_kind, rng=rng) if self.noise else x
        return squared_error(self.output(self.decoder(self.encoder(seen))), x).mean()


def pretrain_layerwise(
    autoencoder: Autoencoder, x: Tensor, train: Callable[[LayerPair, Tensor], object]
) -> None:
    """Greedy pre-training, from the data inwards: each pair of layers learns to rebuild the codes below it.

    Args:
        autoencoder: fully connected; changed in place.
        x: (n, n_inputs).
        train: function (layer_pair, inputs) that minimises layer_pair.loss over inputs, such as
            `lambda pair, inputs: training.fit(pair, inputs, n_steps=500)`.
    """
    for k, block in enumerate(autoencoder.encoder):
        train(LayerPair(autoencoder, k), x)
        with torch.no_grad():
            x = block(x)


@torch.no_grad()
def pretrain_rbms(autoencoder: Autoencoder, x: Tensor, train: Callable[[RBM, Tensor], object]) -> None:
    """Greedy pre-training with restricted Boltzmann machines, from the data inwards, in place.

    Machine k learns from the hidden probabilities of machine k - 1. Its weights W and hidden biases become
    layer k of the encoder, W' and its visible biases the mirror layer of the decoder. Hinton & Salakhutdinov
    2006, where only the innermost units are real numbers; here all are sigmoids.

    Args:
        autoencoder: fully connected, not tied, all layers sigmoid, the code and the output too.
        x: (n, n_inputs) in [0, 1].
        train: function (machine, inputs) that trains the machine, for example
            `lambda machine, inputs: training.fit_contrastive(machine, inputs, n_steps=500)`.

    Raises:
        ValueError: a layer is not a linear map followed by a sigmoid.
    """
    layers = list(autoencoder.encoder) + list(autoencoder.decoder[:-1])
    sigmoids = all(len(layer) == 2 and isinstance(layer[1], nn.Sigmoid) for layer in layers)
    if not (sigmoids and isinstance(autoencoder.output, nn.Sigmoid)):
        raise ValueError(
            "pretrain_rbms needs sigmoid layers throughout: activation and code_activation 'sigmoid', "
            "likelihood 'bernoulli', no norm"
        )
    for block, mirror in zip(autoencoder.encoder, reversed(autoencoder.decoder), strict=True):
        down, up = block[0], mirror[0]
        machine = RBM(down.in_features, down.out_features).to(down.weight)
        with torch.enable_grad():
            train(machine, x)
        down.weight.copy_(machine.weight)
        down.bias.copy_(machine.hidden_bias)
        up.weight.copy_(machine.weight.T)
        up.bias.copy_(machine.visible_bias)
        x = machine.hidden_probability(x)
