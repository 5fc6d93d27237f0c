"""What people usually copy, written here from the papers: the plain model and the plain way to train it.

    PlainVAE       784-400-20, one hidden layer of ReLUs each way          Kingma & Welling 2014
    plain_cd1      one Gibbs step from the data, constant rate            Hinton 2002
    vanilla_gan    two perceptrons and Adam, the loss of Algorithm 1      Goodfellow et al. 2014
    dcgan          strided convolutions, batch normalisation              Radford et al. 2016
    PixelDDPM      linear schedule, noise target, U-Net on the pixels     Ho et al. 2020

The first needs nothing from the package, and neither do the others but for what measures them: they answer to
the verbs `loss`, `elbo`, `sample` of the course.
"""

import time

import torch
import torch.nn.functional as F
from torch import nn

from coursekit.rbm import RBM


class PlainVAE(nn.Module):
    """One hidden layer of 400 ReLU units each way, 20 latents, Bernoulli pixels."""

    def __init__(self, n_inputs):
        super().__init__()
        self.hidden, self.code = nn.Linear(n_inputs, 400), nn.Linear(400, 40)
        self.back, self.out = nn.Linear(20, 400), nn.Linear(400, n_inputs)

    def draw(self, x, rng):
        """(z, log p(x|z) (n,), mean, log variance of q(z|x)) for one z a row of x."""
        mean, log_var = self.code(F.relu(self.hidden(x))).chunk(2, -1)
        z = mean + (0.5 * log_var).exp() * torch.randn(mean.shape, generator=rng)
        logits = self.out(F.relu(self.back(z)))
        cross_entropy = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
        return z, -cross_entropy, mean, log_var

    def elbo(self, x, *, rng=None):
        _, log_pixels, mean, log_var = self.draw(x, rng)
        return {"elbo": log_pixels - 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(-1)}

    def log_likelihood(self, x, n_samples, *, rng=None):
        """Importance-weighted bound, (n,): Burda et al. 2016, eq. 8."""
        weights = []
        for _ in range(n_samples):
            z, log_pixels, mean, log_var = self.draw(x, rng)
            log_q = -0.5 * (log_var + (z - mean) ** 2 / log_var.exp()).sum(-1)
            weights.append(log_pixels - 0.5 * (z**2).sum(-1) - log_q)
        return torch.stack(weights).logsumexp(0) - torch.tensor(float(n_samples)).log()

    def loss(self, x, *, rng=None):
        return -self.elbo(x, rng=rng)["elbo"].mean()


@torch.no_grad()
def plain_cd1(x, n_hidden, *, seconds, seed, rate=0.05, batch_size=100):
    """CD-1 on bits x (n, n_visible) for so many CPU seconds: (the machine as an RBM of ours, steps made)."""
    torch.manual_seed(seed)
    weight = 0.01 * torch.randn(n_hidden, x.shape[1])
    b, c = torch.zeros(n_hidden), torch.zeros(x.shape[1])
    stop, n_steps = time.process_time() + seconds, 0
    while time.process_time() < stop:
        for rows in torch.randperm(len(x)).split(batch_size):
            v = x[rows]
            h = torch.sigmoid(v @ weight.T + b)
            v1 = torch.bernoulli(torch.sigmoid(torch.bernoulli(h) @ weight + c))
            h1 = torch.sigmoid(v1 @ weight.T + b)
            weight += rate * (h.T @ v - h1.T @ v1) / len(v)
            b += rate * (h - h1).mean(0)
            c += rate * (v - v1).mean(0)
            n_steps += 1
            if time.process_time() > stop:
                break
    rbm = RBM(x.shape[1], n_hidden).requires_grad_(False)
    rbm.weight.copy_(weight)
    rbm.hidden_bias.copy_(b)
    rbm.visible_bias.copy_(c)
    return rbm, n_steps


def dense(sizes, activation):
    layers = []
    for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [nn.Linear(n_in, n_out), activation()]
    return nn.Sequential(*layers[:-1])


def vanilla_gan(n_features, *, n_latent, width):
    """(generator, discriminator): two hidden layers each, without an activation at the end."""
    generator = dense((n_latent, width, width, n_features), nn.ReLU)
    return generator, dense((n_features, width, width, 1), nn.ReLU)


def dcgan(*, n_latent=100, width=64):
    """(generator, discriminator) of images (n, 784) in [-1, 1], by Radford et al.'s rules, for 28 x 28."""
    generator = nn.Sequential(
        nn.Linear(n_latent, 2 * width * 49, bias=False),
        nn.Unflatten(1, (2 * width, 7, 7)),
        nn.BatchNorm2d(2 * width),
        nn.ReLU(),
        nn.ConvTranspose2d(2 * width, width, 4, 2, 1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.ConvTranspose2d(width, 1, 4, 2, 1),
        nn.Tanh(),
        nn.Flatten(),
    )
    discriminator = nn.Sequential(
        nn.Unflatten(1, (1, 28, 28)),
        nn.Conv2d(1, width, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False),
        nn.BatchNorm2d(2 * width),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(2 * width * 49, 1),
    )
    for net in (generator, discriminator):
        for layer in net:
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
                nn.init.normal_(layer.weight, 0, 0.02)
    return generator, discriminator


def play(generator, discriminator, x, *, n_latent, seconds, seed, rate=2e-4, betas=(0.5, 0.999), batch=128):
    """Algorithm 1 with k = 1 and the log D trick, for so many CPU seconds; returns the number of steps."""
    torch.manual_seed(seed)
    adams = [torch.optim.Adam(net.parameters(), lr=rate, betas=betas) for net in (generator, discriminator)]
    ones, zeros = torch.ones(batch, 1), torch.zeros(batch, 1)
    stop, n_steps = time.process_time() + seconds, 0
    while time.process_time() < stop:
        real = x[torch.randint(len(x), (batch,))]
        fake = generator(torch.randn(batch, n_latent))
        loss = F.binary_cross_entropy_with_logits(discriminator(real), ones)
        loss = loss + F.binary_cross_entropy_with_logits(discriminator(fake.detach()), zeros)
        adams[1].zero_grad()
        loss.backward()
        adams[1].step()
        loss = F.binary_cross_entropy_with_logits(discriminator(fake), ones)
        adams[0].zero_grad()
        loss.backward()
        adams[0].step()
        n_steps += 1
    return n_steps


class PixelDDPM(nn.Module):
    """The noise predictor on pixels (n, 1, h, w) in [-1, 1], beta from 1e-4 to .02 in 1000 steps."""

    def __init__(self, network, image_shape):
        super().__init__()
        self.network, self.image_shape = network, image_shape
        self.register_buffer("beta", torch.linspace(1e-4, 0.02, 1000))
        self.register_buffer("alpha_bar", (1 - self.beta).cumprod(0))

    def loss(self, x, *, rng=None):
        t = torch.randint(1000, (len(x),), generator=rng)
        noise = torch.randn(x.shape, generator=rng)
        keep = self.alpha_bar[t].view(-1, 1, 1, 1)
        return F.mse_loss(self.network(keep.sqrt() * x + (1 - keep).sqrt() * noise, t), noise)

    @torch.no_grad()
    def sample(self, n, n_steps, *, rng=None):
        """(n, 1, h, w) by DDIM without noise (Song et al. 2021, eq. 12): all 1000 steps take minutes."""
        x = torch.randn(n, 1, *self.image_shape, generator=rng)
        times = torch.linspace(999, 0, n_steps).round().long().tolist()
        for t, following in zip(times, [*times[1:], None], strict=True):
            noise = self.network(x, torch.full((n,), t))
            keep = self.alpha_bar[t]
            clean = ((x - (1 - keep).sqrt() * noise) / keep.sqrt()).clamp(-1, 1)
            left = torch.tensor(1.0) if following is None else self.alpha_bar[following]
            x = left.sqrt() * clean + (1 - left).sqrt() * noise
        return x
