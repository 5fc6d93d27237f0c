"""Progressive growing: learn small pictures first, then let a finer layer in little by little.

Both networks start at 4 x 4 pixels. When that game has settled, each gets a layer for 8 x 8, and `alpha`
fades it in: at 0 the new layer changes nothing, at 1 only the new path is left.

    generator       (1 - alpha) enlarge(old picture) + alpha new picture
    discriminator   (1 - alpha) old path of the shrunken picture + alpha new path

    z  (n, n_latent)         pictures  (n, n_channels, side, side), side 4, 8, 16, ...

Source: Karras et al. 2018, section 2 and figure 2. Notebook 15.
"""

from torch import Tensor, nn

from coursekit.conditional_gan.super_resolution import enlarge, shrink
from coursekit.gan import MinibatchStd
from coursekit.inputs import positive_int, real_number


class GrowingGenerator(nn.Module):
    """(z (n, n_latent)) -> pictures (n, n_channels, side, side) in (0, 1), at the resolution `level`.

    >>> import torch
    >>> generator = GrowingGenerator(alpha=0.5, level=1, n_latent=3)
    >>> generator(torch.zeros(2, 3)).shape
    torch.Size([2, 3, 8, 8])

    Args:
        alpha: how far the newest layer is faded in, in [0, 1]. An attribute that training raises.
        level: 0 for 4 x 4 pixels, 1 for 8 x 8, and so on. An attribute that training raises.
        n_levels: number of resolutions that there are layers for.
        n_latent: number of latents.
        n_channels: of the pictures.
        width: features at every resolution.
    """

    def __init__(
        self,
        alpha: float = 1.0,
        *,
        level: int = 0,
        n_levels: int = 3,
        n_latent: int = 16,
        n_channels: int = 3,
        width: int = 32,
    ):
        super().__init__()
        self.n_levels = positive_int(n_levels, "n_levels")
        self.set_growth(level, alpha)
        for name, count in (("n_latent", n_latent), ("n_channels", n_channels), ("width", width)):
            positive_int(count, name)
        self.width = width
        self.first = nn.Sequential(nn.Linear(n_latent, 16 * width), nn.ReLU())
        finer = [nn.Conv2d(width, width, 3, padding=1) for _ in range(n_levels - 1)]
        self.finer = nn.ModuleList(nn.Sequential(layer, nn.ReLU()) for layer in finer)
        self.paint = nn.ModuleList(nn.Conv2d(width, n_channels, 1) for _ in range(n_levels))

    def set_growth(self, level: int, alpha: float) -> None:
        """Go to a resolution, its layer faded in as far as alpha; ValueError beyond n_levels or [0, 1]."""
        self.level = positive_int(level, "level", low=0, high=self.n_levels - 1)
        self.alpha = real_number(alpha, "alpha", low=0, high=1)

    def forward(self, z: Tensor) -> Tensor:
        features = self.first(z).reshape(len(z), self.width, 4, 4)
        for finer in self.finer[: self.level]:
            coarse = features  # of half the side
            features = finer(enlarge(features, 2))
        picture = self.paint[self.level](features).sigmoid()
        if self.level and self.alpha < 1:
            old = enlarge(self.paint[self.level - 1](coarse).sigmoid(), 2)
            picture = (1 - self.alpha) * old + self.alpha * picture
        return picture


class GrowingDiscriminator(nn.Module):
    """Its mirror image: x (n, n_channels, side, side) -> raw scores (n,).

    >>> GrowingDiscriminator(level=1)(torch.zeros(2, 3, 8, 8)).shape
    torch.Size([2])

    Args:
        alpha: as in `GrowingGenerator`.
        level: as there.
        n_levels: as there.
        n_channels: as there.
        width: as there.
    """

    def __init__(
        self,
        alpha: float = 1.0,
        *,
        level: int = 0,
        n_levels: int = 3,
        n_channels: int = 3,
        width: int = 32,
    ):
        super().__init__()
        self.n_levels = positive_int(n_levels, "n_levels")
        self.set_growth(level, alpha)
        for name, count in (("n_channels", n_channels), ("width", width)):
            positive_int(count, name)
        read = [nn.Conv2d(n_channels, width, 1) for _ in range(n_levels)]
        self.read = nn.ModuleList(nn.Sequential(layer, nn.LeakyReLU(0.2)) for layer in read)
        finer = [nn.Conv2d(width, width, 3, padding=1) for _ in range(n_levels - 1)]
        self.finer = nn.ModuleList(nn.Sequential(layer, nn.LeakyReLU(0.2)) for layer in finer)
        last = [nn.Flatten(), MinibatchStd(), nn.Linear(16 * width + 1, 4 * width), nn.LeakyReLU(0.2)]
        self.last = nn.Sequential(*last, nn.Linear(4 * width, 1))

    set_growth = GrowingGenerator.set_growth

    def forward(self, x: Tensor) -> Tensor:
        features = self.read[self.level](x)
        for level in range(self.level, 0, -1):
            features = shrink(self.finer[level - 1](features), 2)
            if level == self.level and self.alpha < 1:
                old = self.read[level - 1](shrink(x, 2))
                features = (1 - self.alpha) * old + self.alpha * features
        return self.last(features)[:, 0]
