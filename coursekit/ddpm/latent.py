"""Diffusion in the code of an autoencoder: 32 numbers instead of 784 pixels, so that minutes are enough.

First an autoencoder learns to write an image as a short code, and to read codes that are a little wrong. Then
a diffusion model learns the distribution of the codes, brought to mean 0 and variance 1, which is what its
schedule expects. A sample is a sampled code, read.

    x  (n, n_inputs)  images, pixels in [0, 1]       z = (c - mean) / std,  c = encode(x)  (n, n_code)

Source: Rombach et al. 2022, section 3. Notebook 17_ddpm.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coursekit.ddpm.model import DDPM
from coursekit.draws import normal
from coursekit.inputs import as_input, positive_int, positive_ints, real_number
from coursekit.networks import mlp


class LatentCoder(nn.Module):
    """Autoencoder of pixels in [0, 1]; codes are standardised, then decoded under noise.

    The noise keeps neighbouring codes alike: what diffusion samples is never exactly a code that was seen.

    >>> LatentCoder(64, 8, hidden=(32, 16)).eval().encode(torch.rand(5, 64)).shape
    torch.Size([5, 8])

    Args:
        n_inputs: pixels of an image.
        n_code: numbers in its code.
        hidden: widths of the encoder's layers; the decoder has them in reverse.
        noise: standard deviation of the noise on standardised codes, while training.
    """

    def __init__(
        self,
        n_inputs: int = 784,
        n_code: int = 32,
        *,
        hidden: tuple[int, ...] = (512, 256),
        noise: float = 0.1,
    ):
        super().__init__()
        self.n_inputs, n_code = positive_int(n_inputs, "n_inputs"), positive_int(n_code, "n_code")
        hidden = positive_ints(hidden, "hidden")
        self.encoder = mlp([n_inputs, *hidden, n_code], activation="silu", norm=True)
        self.decoder = mlp([n_code, *reversed(hidden), n_inputs], activation="silu", norm=True)
        self.standardise = nn.BatchNorm1d(n_code, affine=False)
        self.noise = real_number(noise, "noise", low=0)

    def encode(self, x: Tensor) -> Tensor:
        """Codes (n, n_code) of x (n, n_inputs); over the data each number has nearly mean 0 and std 1."""
        return self.standardise(self.encoder(x))

    def decode_mean(self, code: Tensor) -> Tensor:
        """Pixel probabilities (n, n_inputs) of codes (n, n_code)."""
        return self.decoder(code).sigmoid()

    def loss(self, x: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """Cross-entropy of x given its noisy code, in nats, summed over the pixels; mean over the batch."""
        x = as_input(x, self.n_inputs, like=self, low=0, high=1)
        code = self.encode(x)
        code = code + self.noise * normal(code, rng)
        return F.binary_cross_entropy_with_logits(self.decoder(code), x, reduction="none").sum(-1).mean()


class LatentDDPM(nn.Module):
    """A `LatentCoder` and a diffusion model of its codes, trained one after the other.

        fit(model.coder, x, ...)
        fit(model.ddpm, model.learn_codes(x), ...)
        model.sample(10)

    >>> from coursekit.ddpm import linear_schedule
    >>> diffusion = DDPM(lambda x, t: torch.zeros_like(x), linear_schedule(10), shape=2)
    >>> LatentDDPM(LatentCoder(64, 2, hidden=8), diffusion).sample(3, n_steps=5).shape
    torch.Size([3, 64])

    Args:
        coder: the autoencoder.
        ddpm: diffusion model of vectors with as many numbers as a code.
    """

    def __init__(self, coder: LatentCoder, ddpm: DDPM):
        super().__init__()
        self.coder, self.ddpm = coder, ddpm
        (n_code,) = ddpm.shape
        self.register_buffer("mean", torch.zeros(n_code))
        self.register_buffer("std", torch.ones(n_code))

    @torch.no_grad()
    def learn_codes(self, x: Tensor) -> Tensor:
        """Codes (n, n_code) of x (n, n_inputs), brought to mean 0 and std 1; both are remembered for reading.

        The running statistics of the coder only come near that.
        """
        self.coder.eval()
        codes = torch.cat([self.coder.encode(part) for part in x.split(5000)])
        self.mean.copy_(codes.mean(0))
        self.std.copy_(codes.std(0))
        return (codes - self.mean) / self.std

    @torch.no_grad()
    def sample(
        self, n: int, *, n_steps: int = 50, eta: float = 0.0, rng: torch.Generator | None = None
    ) -> Tensor:
        """n images (n, n_inputs), pixel probabilities: codes by DDIM in n_steps strides, then read.

        Args:
            n: how many.
            n_steps: of DDIM.
            eta: of DDIM.
            rng: generator for the codes.
        """
        codes = self.ddpm.sample_ddim(n, n_steps, eta=eta, rng=rng)
        return self.coder.decode_mean(codes * self.std + self.mean)
