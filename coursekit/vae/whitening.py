"""What a variational autoencoder's encoder sees, and where its decoder starts: more learned in the same time.

    whitened    u = (x - mean) V / s, the first principal components at variance 1: 128 numbers instead of 784
                pixels cost fewer products, and no direction is louder than another
    at mean     the decoder's last bias is the logit of each pixel's mean: the first answer to every z

The columns of V are the leading eigenvectors of the covariance of the bits, s^2 their variances plus .01. The
bound is a bound whatever the encoder looks at: any q(z | x) will do. Notebook 11.
"""

import numpy as np
import torch
from torch import Tensor, nn

from coursekit.inputs import positive_int
from coursekit.pca import PCA
from coursekit.vae.model import VAE


class Whitened(nn.Module):
    """The first principal components of the bits, brought to variance 1: (n, n_inputs) -> (n, n_components).

    >>> Whitened(torch.rand(50, 6), n_components=4)(torch.ones(3, 6)).shape
    torch.Size([3, 4])

    Args:
        pixels: probabilities (n, n_inputs) of bits, one draw of which is looked at.
        n_components: how many at most.
        n_rows: of pixels, how many are looked at.
    """

    def __init__(self, pixels: Tensor, n_components: int = 128, n_rows: int = 10_000):
        super().__init__()
        part = pixels[: positive_int(n_rows, "n_rows")]
        positive_int(n_components, "n_components")
        pca = PCA(min(n_components, part.shape[1])).fit((torch.rand(part.shape) < part).float().numpy())
        scale = np.sqrt(pca.explained_variance_ + 0.01)  # a pixel that is always 0 has no variance
        self.register_buffer("mean", torch.tensor(pca.mean_))
        self.register_buffer("axes", torch.tensor(pca.components_.T / scale))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) @ self.axes


def whiten_encoder(vae: VAE, pixels: Tensor) -> None:
    """Put `Whitened` and a new first layer in front of the encoder of a new model, in place.

    Args:
        vae: new, changed in place.
        pixels: (n, n_inputs), data.
    """
    whitened = Whitened(pixels)
    first = nn.Linear(whitened.axes.shape[1], vae.encoder[0].out_features)
    vae.encoder[0] = nn.Sequential(whitened, first)


@torch.no_grad()
def start_at_mean(vae: VAE, pixels: Tensor) -> None:
    """Let the decoder of a new Bernoulli model answer with the mean of pixels (n, n_inputs), in place.

    Args:
        vae: new, Bernoulli, changed in place.
        pixels: (n, n_inputs), data.
    """
    vae.decoder[-1].bias.copy_(torch.logit(pixels.mean(0).clamp(1e-3, 1 - 1e-3)))
