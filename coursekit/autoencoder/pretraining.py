"""Where an autoencoder starts: at the mean of the data, or with layers trained one after the other.

A deep autoencoder that starts at random first learns the mean image, and on the way there its code may
collapse to a constant, from which it hardly returns. `start_at_mean` sets two biases to spare it that;
`pretrain_layerwise` gives every pair of layers a first training of its own, as deep networks once needed.

    mean    (n_inputs,)   mean of the data; the first layer sees x - mean, the last one answers with mean

Sources: Bengio et al. 2007, section 2.3; Vincent et al. 2010, section 3.3 (with noise).
Notebook: 10_autoencoders.
"""

import torch
from torch import nn

from coursekit.autoencoder.model import corrupt, squared_error


def start_at_mean(autoencoder, x):
    """Set the first and the last bias so that x is centred on the way in and its mean is the first answer.

    autoencoder: fully connected, new. x: tensor (n, n_inputs), in its precision. Changes it in place, no
    return value: the first bias becomes -W mean, the last one mean, or logit(mean) where outputs are sigmoid
    (mean kept in [.01, .99]).
    """
    mean = x.mean(0)
    first, last = autoencoder.encoder[0][0], autoencoder.decoder[-1][0]
    with torch.no_grad():
        first.bias.copy_(-first.weight @ mean)
        last.bias.copy_(mean if autoencoder.likelihood == "gaussian" else mean.clamp(0.01, 0.99).logit())


class LayerPair(nn.Module):
    """Block k of an autoencoder's encoder and its partner in the decoder, as an autoencoder of their own.

    The layers are the autoencoder's own, so that training the pair trains them in place.
    """

    def __init__(self, autoencoder, k):
        super().__init__()
        self.encoder, self.decoder = autoencoder.encoder[k], autoencoder.decoder[-1 - k]
        # Only the outermost pair answers in pixels.
        self.output = nn.Identity() if k else autoencoder.output
        self.noise, self.noise_kind = autoencoder.noise, autoencoder.noise_kind

    def loss(self, x, *, rng=None):
        """Squared error of the pair on its own input, corrupted as the autoencoder's; a scalar."""
        seen = corrupt(x, self.noise, self.noise_kind, rng=rng) if self.noise else x
        return squared_error(self.output(self.decoder(self.encoder(seen))), x).mean()


def pretrain_layerwise(autoencoder, x, train):
    """Greedy pre-training, from the data inwards: each pair of layers learns to rebuild the codes below it.

    train: function (layer_pair, inputs) that minimises layer_pair.loss over inputs, such as
    `lambda pair, inputs: training.fit(pair, inputs, n_steps=500)`. x: (n, n_inputs). Changes the autoencoder
    in place, no return value.
    """
    for k, block in enumerate(autoencoder.encoder):
        train(LayerPair(autoencoder, k), x)
        with torch.no_grad():
            x = block(x)
