"""Pictures from pictures: pix2pix where pairs are known, CycleGAN where they are not.

Pix2pix is a conditional GAN whose condition is a picture y (a sketch), plus a distance to the one answer x
that the data give. The distance alone draws the mean (squared) or the median (absolute) of all answers; the
discriminator, which sees (y, x) patch by patch, asks for *one* of them.

    generator   E[-log D(y, G(y, z))] + weight E |x - G(y, z)|^norm

CycleGAN has two heaps of pictures, A and B, and no pairs. Each direction has a generator and a discriminator,
and who goes there and back must be where he started:

    E |back(forth(a)) - a| + E |forth(back(b)) - b|        the cycle loss, means over pixels

It holds the two maps to be inverse to each other, not to be the right ones: of K pictures, equally likely on
either side, K! pairs of maps have cycle loss 0.

    x, y   (n, channels, height, width)      a, b  likewise      z  (n, n_latent)

Sources: Isola et al. 2017, eq. 1 to 4 (pix2pix), section 3.2.2 (patches); Ronneberger et al. 2015 (U-Net);
Zhu et al. 2017, eq. 1 to 3 (CycleGAN); Chu, Zhmoginov & Sandler 2017 (what it hides). Notebook 15.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from coursekit.draws import normal
from coursekit.gan import discriminator_loss, generator_loss
from coursekit.inputs import as_input, one_of, positive_int, real_number

NORMS = {"l1": 1, "l2": 2}


def cycle_loss(forth: Tensor, back: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """E |back(forth(a)) - a| + E |forth(back(b)) - b|, means over pictures and pixels; a scalar.

    >>> double, half = lambda x: 2 * x, lambda x: x / 2
    >>> cycle_loss(double, half, torch.ones(2, 3), torch.ones(2, 3))
    tensor(0.)

    Args:
        forth: function from pictures of A to pictures of B.
        back: function from pictures of B to pictures of A.
        a: pictures (n, ...) of A.
        b: pictures (m, ...) of B.
    """
    return (back(forth(a)) - a).abs().mean() + (forth(back(b)) - b).abs().mean()


def receptive_field(layers: list[tuple[int, int]]) -> int:
    """Side, in pixels, of the patch that one score sees, under convolutions of (kernel, stride) in order.

    Seen from the top: a layer with kernel k and stride s sees (n - 1) s + k of what is below, where n is what
    the layers above see of it.

    >>> receptive_field([(4, 2), (4, 2), (4, 2), (4, 1), (4, 1)])
    70
    """
    side = 1
    for kernel, stride in reversed(layers):
        side = (side - 1) * stride + kernel
    return side


def conv_layers(sizes: Sequence[int], layers: Sequence[tuple[int, int]]) -> nn.Sequential:
    """Convolutions of sizes[i] to sizes[i + 1] channels, each (kernel, stride), LeakyReLU between them.

    Args:
        sizes: numbers of channels, first to last.
        layers: (kernel, stride) of each convolution, one fewer than sizes.
    """
    stack = []
    for i, (kernel, stride) in enumerate(layers):
        padding = (kernel - 1) // 2
        stack.append(nn.Conv2d(sizes[i], sizes[i + 1], kernel, stride, padding=padding))
        if i < len(layers) - 1:
            stack.append(nn.LeakyReLU(0.2))
    return nn.Sequential(*stack)


class PatchDiscriminator(nn.Module):
    """A raw score for every patch: (x (n, n_channels, h, w)) -> (n, patches); it never sees the whole.

    Every score comes from the same convolutions over a patch of 10 x 10 pixels.

    >>> PatchDiscriminator(3)(torch.zeros(2, 3, 16, 16)).shape
    torch.Size([2, 16])

    Args:
        n_channels: of the pictures; sketch and picture together, where it judges pairs.
        width: channels of the first hidden layer; the next has twice as many.
    """

    LAYERS = ((4, 2), (4, 2), (1, 1))  # kernel and stride

    def __init__(self, n_channels: int, *, width: int = 32):
        super().__init__()
        for name, count in (("n_channels", n_channels), ("width", width)):
            positive_int(count, name)
        self.network = conv_layers([n_channels, width, 2 * width, 1], self.LAYERS)

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x).flatten(1)


class TranslationUNet(nn.Module):
    """A U-Net of three resolutions: y (n, n_in, h, w) and latents z -> pictures (n, n_out, h, w) in (0, 1).

    On the way down the picture loses detail and gains overview; on the way up every resolution is handed the
    features of the same size, so that edges stay where they were. Latents enter beside the picture, each as
    one more channel that has the same value everywhere.

    >>> TranslationUNet(1, 3, width=4)(torch.zeros(2, 1, 16, 16)).shape
    torch.Size([2, 3, 16, 16])

    Args:
        n_in: channels of the picture that comes in.
        n_out: channels of the picture that goes out.
        n_latent: number of latents; with 0 the answer depends on y alone.
        width: channels at the full resolution, twice as many below.
    """

    def __init__(self, n_in: int, n_out: int, *, n_latent: int = 0, width: int = 16):
        super().__init__()
        for name, count in (("n_in", n_in), ("n_out", n_out), ("width", width)):
            positive_int(count, name)
        self.n_latent = positive_int(n_latent, "n_latent", low=0)
        self.enter = nn.Sequential(nn.Conv2d(n_in + n_latent, width, 3, padding=1), nn.LeakyReLU(0.2))
        self.down_half = nn.Sequential(nn.Conv2d(width, 2 * width, 4, 2, padding=1), nn.LeakyReLU(0.2))
        self.down_quarter = nn.Sequential(nn.Conv2d(2 * width, 2 * width, 4, 2, padding=1), nn.LeakyReLU(0.2))
        self.up_half = nn.Sequential(nn.ConvTranspose2d(2 * width, 2 * width, 4, 2, padding=1), nn.ReLU())
        self.up = nn.Sequential(nn.ConvTranspose2d(4 * width, width, 4, 2, padding=1), nn.ReLU())
        self.leave = nn.Conv2d(2 * width, n_out, 3, padding=1)

    def forward(self, y: Tensor, z: Tensor | None = None) -> Tensor:
        if self.n_latent:
            if z is None:
                raise ValueError(f"this generator draws on latents: give z (n, {self.n_latent}) beside y")
            y = torch.cat([y, z[:, :, None, None].expand(-1, -1, *y.shape[2:])], dim=1)
        full = self.enter(y)  # (n, width, h, w)
        half = self.down_half(full)  # (n, 2 width, h / 2, w / 2)
        bottom = self.down_quarter(half)  # (n, 2 width, h / 4, w / 4)
        rising = torch.cat([self.up_half(bottom), half], dim=1)
        return self.leave(torch.cat([self.up(rising), full], dim=1)).sigmoid()


class Pix2Pix(nn.Module):
    """Translation learned from pairs; `fit_adversarial(game, (y, x))` plays the game.

    `fit(game, (y, x))` leaves the discriminator out and descends the distance alone: the baseline.

    >>> game = Pix2Pix(TranslationUNet(1, 3, n_latent=2, width=4), PatchDiscriminator(4), n_latent=2)
    >>> game.sample(torch.zeros(2, 1, 16, 16)).shape
    torch.Size([2, 3, 16, 16])

    Args:
        generator: module (y (n, ...), z (n, n_latent)) -> pictures (n, ...).
        discriminator: module on sketch and picture, stacked as channels, -> raw scores (n, patches).
        n_latent: number of latents.
        weight: of the distance; 0 leaves the discriminator alone.
        norm: "l1" or "l2", the distance.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *,
        n_latent: int,
        weight: float = 10.0,
        norm: str = "l1",
    ):
        super().__init__()
        self.generator, self.discriminator = generator, discriminator
        self.n_latent = positive_int(n_latent, "n_latent")
        self.weight = real_number(weight, "weight", low=0)
        self.norm = NORMS[one_of("norm", norm, NORMS)]

    @property
    def opponent(self) -> nn.Module:
        """The discriminator, under the name that the training loop uses."""
        return self.discriminator

    def distance(self, fake: Tensor, x: Tensor) -> Tensor:
        """Mean of |fake - x|^norm over pictures and pixels."""
        return (fake - x).abs().pow(self.norm).mean()

    def draw(self, y: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """A picture for each sketch y (n, ...), through which gradients flow."""
        return self.generator(y, normal(y, rng, shape=(len(y), self.n_latent)))

    def loss(self, y: Tensor, x: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """The distance alone, for sketches y and the pictures x that belong to them."""
        return self.distance(self.draw(y, rng=rng), x)

    def opponent_loss(self, y: Tensor, x: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """The discriminator's loss, a mean over all patches of all pictures."""
        with torch.no_grad():
            fake = self.draw(y, rng=rng)
        real_scores, fake_scores = (self.discriminator(torch.cat([y, each], dim=1)) for each in (x, fake))
        return discriminator_loss(real_scores, fake_scores, objective="non_saturating")

    def generator_loss(self, y: Tensor, x: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """What the discriminator says of the generator's pictures, plus weight times the distance."""
        fake = self.draw(y, rng=rng)
        scores = self.discriminator(torch.cat([y, fake], dim=1))
        return generator_loss(scores, objective="non_saturating") + self.weight * self.distance(fake, x)

    def constrain(self) -> None:
        """Nothing to do after a step of the discriminator."""

    @torch.no_grad()
    def sample(self, y: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """A picture for each sketch y (n, ...)."""
        return self.draw(as_input(y, like=self.generator, name="y"), rng=rng)


class CycleGAN(nn.Module):
    """Translation learned without pairs; `fit_adversarial(game, (a, b))` plays it.

    The rows of a and b are of one number but do not belong to each other.

    >>> forth, back = TranslationUNet(3, 3, width=4), TranslationUNet(3, 3, width=4)
    >>> game = CycleGAN(forth, back, PatchDiscriminator(3), PatchDiscriminator(3))
    >>> pictures = torch.zeros(2, 3, 16, 16)
    >>> game.generator_loss(pictures, pictures).shape
    torch.Size([])

    Args:
        forth: module from pictures of A to pictures of B.
        back: module from pictures of B to pictures of A.
        judge_a: discriminator of A, (n, ...) -> raw scores.
        judge_b: discriminator of B, likewise.
        cycle_weight: of the cycle loss.
        objective: of `gan.OBJECTIVES`; the paper's is least squares.
        noise: standard deviation of Gaussian noise on b, on its way into `back`. It drowns what is hidden
            there; 0 in the paper.
    """

    def __init__(
        self,
        forth: nn.Module,
        back: nn.Module,
        judge_a: nn.Module,
        judge_b: nn.Module,
        *,
        cycle_weight: float = 10.0,
        objective: str = "least_squares",
        noise: float = 0.0,
    ):
        super().__init__()
        self.generator = nn.ModuleDict({"forth": forth, "back": back})
        self.opponent = nn.ModuleDict({"a": judge_a, "b": judge_b})
        self.cycle_weight = real_number(cycle_weight, "cycle_weight", low=0)
        self.objective = objective
        self.noise = real_number(noise, "noise", low=0)

    def forth(self, a: Tensor) -> Tensor:
        """Pictures of B for pictures a (n, ...) of A."""
        return self.generator["forth"](a)

    def back(self, b: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """Pictures of A for pictures b (n, ...) of B."""
        return self.generator["back"](b + self.noise * normal(b, rng) if self.noise else b)

    def opponent_loss(self, a: Tensor, b: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """The losses of both discriminators, added."""
        with torch.no_grad():
            fakes = {"a": self.back(b, rng=rng), "b": self.forth(a)}
        losses = [
            discriminator_loss(judge(real).flatten(), judge(fake).flatten(), objective=self.objective)
            for judge, real, fake in (
                (self.opponent["a"], a, fakes["a"]),
                (self.opponent["b"], b, fakes["b"]),
            )
        ]
        return sum(losses)

    def generator_loss(self, a: Tensor, b: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """What both discriminators say of the fakes, plus cycle_weight times the cycle loss."""
        fake_b, fake_a = self.forth(a), self.back(b, rng=rng)
        judged = generator_loss(self.opponent["b"](fake_b).flatten(), objective=self.objective)
        judged = judged + generator_loss(self.opponent["a"](fake_a).flatten(), objective=self.objective)
        cycle = (self.back(fake_b, rng=rng) - a).abs().mean() + (self.forth(fake_a) - b).abs().mean()
        return judged + self.cycle_weight * cycle

    def constrain(self) -> None:
        """Nothing to do after a step of the discriminators."""
