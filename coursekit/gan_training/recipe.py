"""How to train a DCGAN on digits, the same with a rule left out, and games on a ring.

Small batches, a learning rate of .002 that falls to 0, the loss that does not saturate.

    digits, mini_mnist, mnist   the recipe for images
    variant                     the same on a small budget, with one rule of DCGAN left out or one trick added
    arithmetic                  sums of codes: do directions have a meaning?
    ring_game                   eight narrow Gaussians on a circle: plain, unrolled, and what costs as much
    judge                       the classifier by which generated digits are judged

Notebook 13_training_gans.
"""

import itertools
from collections.abc import Callable

import torch
from torch import Tensor, nn

from coursekit.data import Dataset, signed, toy2d
from coursekit.evaluation import DigitClassifier, mode_coverage
from coursekit.gan import GAN, batch_discriminator
from coursekit.gan_training import MinibatchDiscrimination, UnrolledGAN, dcgan
from coursekit.networks import mlp
from coursekit.training import N_SHOWN, Budgets, Recipe, Settings, Stage, fit_adversarial, for_budget

N_LATENT = 32
IMAGES: Settings = {"batch_size": 64, "learning_rate": 2e-3, "schedule": "linear"}
# CPU seconds -> (steps, settings).
DIGITS: Budgets = {30: (2_500, IMAGES)}
MINI_MNIST: Budgets = {60: (1_900, IMAGES)}
MNIST: Budgets = {120: (3_000, IMAGES)}

N_STEPS = 300  # of every variant
MEANS = {"one": 1, "three": 3, "ten": 10, "thirty": 30}  # codes per mean; the DCGAN paper took three
SEARCH: Settings = {"n_starts": 4, "n_steps": 120, "penalty": 0.02}  # for the code of half a picture
# Rule of DCGAN that is left out, or trick that is added -> keywords of `dcgan`, of GAN, of the loop.
VARIANTS: dict[str, tuple[Settings, Settings, Settings]] = {
    "all five rules": ({}, {}, {}),
    "1 · pooling, no strides": ({"strided": False}, {}, {}),
    "2 · no batch norm": ({"batch_norm": False}, {}, {}),
    "3 · a dense hidden layer": ({"dense": 128}, {}, {}),
    "3 · the same with batch norm": ({"dense": 128, "dense_norm": True}, {}, {}),
    "4 · linear output, no tanh": ({"output": "linear"}, {}, {}),
    "5 · ReLU in D": ({"discriminator_activation": "relu"}, {}, {}),
    "labels smoothed by .1": ({}, {"label_smoothing": 0.1}, {}),
    "least squares": ({}, {"objective": "least_squares"}, {}),
    "two steps of D, 5/8 of the run": ({}, {}, {"n_opponent_steps": 2, "n_steps": 5 * N_STEPS // 8}),
}

# Eight Gaussians on a circle; the generator is five times as fast as the discriminator, so the plain game
# collapses.
RING: Settings = {
    "batch_size": 128,
    "learning_rate": 5e-3,
    "opponent_learning_rate": 1e-3,
    "schedule": "linear",
}
RING_STD, RING_STEPS, INNER_RATE = 0.02, 800, 0.1
# Game -> objective (else −log D), K and what becomes of the derivative, steps of D, how D sees a batch.
RING_GAMES: dict[str, Settings] = {
    "plain, value": {"objective": "minimax"},
    "unrolled, value": {"objective": "minimax", "n_unrolled": 5},
    "unrolled, value, cut off": {"objective": "minimax", "n_unrolled": 5, "differentiate": False},
    "six steps of D, value": {"objective": "minimax", "n_opponent_steps": 6},
    "plain, −log D": {},
    "plain, three times as long": {"n_steps": 3 * RING_STEPS},
    "unrolled, −log D": {"n_unrolled": 5},
    "unrolled, −log D, cut off": {"n_unrolled": 5, "differentiate": False},
    "six steps of D, −log D": {"n_opponent_steps": 6},
    "minibatch features": {"sees": "features"},
    "spread of the batch": {"sees": "spread"},
}
RING_SHOWN = ("plain, value", "unrolled, value", "six steps of D, value")


def digits(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """8 x 8 digits."""
    return images(train, DIGITS, seconds)


def mini_mnist(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """14 x 14 digits."""
    return images(train, MINI_MNIST, seconds)


def mnist(train: Dataset, test: Dataset, *, seconds: float | None = None) -> Recipe:
    """MNIST."""
    return images(train, MNIST, seconds)


RECIPES = {"digits": digits, "mini_mnist": mini_mnist, "mnist": mnist}


def images(train: Dataset, budgets: Budgets, seconds: float | None) -> Recipe:
    """The recipe of images; budgets: table of steps and settings, of which that for `seconds` is taken."""
    budget, (n_steps, settings) = for_budget(budgets, seconds)
    x = pictures(train)
    game = GAN(*dcgan(x.shape[1:], n_latent=N_LATENT), n_latent=N_LATENT)
    return Recipe(
        model=game,
        stages=(Stage(game, x, fit_adversarial, n_steps, settings, "the generator's, in nats"),),
        seconds=budget,
        draw=lambda game, rng: ((game.sample(N_SHOWN, rng=rng).flatten(1) + 1) / 2).clamp(0, 1),
        shows="samples of the generator",
    )


def pictures(images: Dataset) -> Tensor:
    """Grey images as a generator with tanh makes them: (n, 1, height, width) in [-1, 1]."""
    return torch.from_numpy(signed(images)).reshape(-1, 1, *images.image_shape)


def variant(name: str, x: Tensor, *, seed: int, n_steps: int | None = None) -> GAN:
    """A DCGAN on pictures x (n, channels, height, width), trained, with what `name` of VARIANTS changes."""
    network, of_game, of_loop = VARIANTS[name]
    settings = IMAGES | {"n_steps": N_STEPS} | of_loop | ({} if n_steps is None else {"n_steps": n_steps})
    torch.manual_seed(seed)
    game = GAN(*dcgan(x.shape[1:], n_latent=N_LATENT, **network), n_latent=N_LATENT, **of_game)
    fit_adversarial(game, x, seed=seed, device="cpu", **settings)
    return game


def judge(train: Dataset) -> DigitClassifier:
    """A classifier of real digits in [-1, 1], always the same: what samples are judged by."""
    return DigitClassifier(train.x.shape[1]).fit(signed(train), train.labels, seed=100)


@torch.no_grad()
def arithmetic(
    game: GAN, judge: DigitClassifier, *, seed: int, n_codes: int = 4000, n_draws: int = 20
) -> tuple[dict[str, float], Tensor]:
    """A bold 7, less a light 7, plus a light 3: a bold 3? All 90 pairs of classes; (shares, pictures).

    Bold and light are the upper and the lower third of a class in ink, as the judge sees the classes among
    n_codes samples. A sum is formed of mean codes and brought back to the length of a code. "all" are means
    of every code of a kind, the sizes of MEANS means of so many, drawn n_draws times: the shares of sums that
    are of the class and bold. "class kept" and "bolder" say the two things of "all" one by one. "no sum" is
    the share of bold ones of the class among the mean codes of the light ones, with nothing added, "chance"
    that among fresh samples. pictures (4, 4, pixels): three mean codes and their sum.
    """
    rng = torch.Generator().manual_seed(seed)
    z = torch.randn(n_codes, game.n_latent, generator=rng)
    label, ink = seen(game, judge, z)
    kinds, limits = [], []
    for y in range(10):
        low, high = torch.quantile(ink[label == y], torch.tensor([1 / 3, 2 / 3]))
        kinds.append((z[(label == y) & (ink >= high)], z[(label == y) & (ink <= low)]))
        limits.append((low, high))
    pairs = list(itertools.permutations(range(10), 2))
    target = torch.tensor([j for _, j in pairs])
    high = torch.stack([limits[j][1] for _, j in pairs])

    def terms(size=None):
        """Means of so many codes of each kind, or of all, as they are added: (90, 3, n_latent)."""

        def mean(codes):
            return codes[torch.randperm(len(codes), generator=rng)[:size]].mean(0)

        means = [[mean(codes) for codes in kind] for kind in kinds]
        return torch.stack([torch.stack([*means[i], means[j][1]]) for i, j in pairs])

    def read(codes):
        got, ink_of = seen(game, judge, codes)
        return got == target, ink_of

    def come_out(size):
        right, ink_of = read(added(terms(size)))
        return (right & (ink_of >= high)).double().mean().item()

    found = {name: sum(come_out(size) for _ in range(n_draws)) / n_draws for name, size in MEANS.items()}
    whole = terms()
    total, alone = added(whole), on_shell(whole[:, 2])
    (right, ink_of), (light, light_ink) = read(total), read(alone)
    found["all"] = (right & (ink_of >= high)).double().mean().item()
    found["class kept"] = right.double().mean().item()
    found["bolder"] = (ink_of > light_ink).double().mean().item()
    found["no sum"] = (light & (light_ink >= high)).double().mean().item()
    found["chance"] = sum(len(kind[0]) for kind in kinds) / 10 / n_codes
    found["codes per kind"] = sum(len(codes) for kind in kinds for codes in kind) / 20
    shown = torch.cat([on_shell(whole[::25]), total[::25, None]], 1)
    return found, game.generator(shown.flatten(0, 1)).reshape(4, 4, -1)


def seen(game: GAN, judge: DigitClassifier, z: Tensor) -> tuple[Tensor, Tensor]:
    """Class (n,) that the judge sees on the pictures of codes z (n, n_latent), and their mean ink (n,)."""
    images = game.generator(z).flatten(1)
    return judge.predict_proba(images).argmax(1), (images.mean(1) + 1) / 2


def on_shell(z: Tensor) -> Tensor:
    """Codes (..., d) brought to the length of a code, the root of d."""
    return z * (z.shape[-1] ** 0.5 / z.norm(dim=-1, keepdim=True))


def added(terms: Tensor) -> Tensor:
    """The first code less the second plus the third, (n, 3, d) -> (n, d), at the length of a code."""
    return on_shell(terms[:, 0] - terms[:, 1] + terms[:, 2])


def ring_game(
    name: str, *, seed: int, n_steps: int | None = None, on_step: Callable | None = None
) -> UnrolledGAN:
    """One game on the ring, trained; name: of RING_GAMES. on_step: as in `fit_adversarial`."""
    options: Settings = {"objective": "non_saturating", "n_unrolled": 0, "differentiate": True, "sees": "one"}
    options |= {"n_opponent_steps": 1, "n_steps": RING_STEPS} | RING_GAMES[name]
    torch.manual_seed(seed)
    generator = mlp((2, 64, 64, 2))
    match options["sees"]:
        case "features":
            first = [nn.Linear(2, 64), nn.LeakyReLU(), MinibatchDiscrimination(64, 8)]
            discriminator = nn.Sequential(*first, mlp((72, 64, 1), activation="leaky_relu"))
        case "spread":
            discriminator = batch_discriminator(2, 64)
        case _:
            discriminator = mlp((2, 64, 64, 1), activation="leaky_relu")
    game = UnrolledGAN(
        generator,
        discriminator,
        n_latent=2,
        n_unrolled=options["n_unrolled"],
        inner_rate=INNER_RATE,
        differentiate=options["differentiate"],
        objective=options["objective"],
    )
    x = torch.tensor(toy2d("ring", 20_000, rng=1000 + seed).x, dtype=torch.float32)
    loop = RING | {"n_opponent_steps": options["n_opponent_steps"], "n_steps": n_steps or options["n_steps"]}
    fit_adversarial(game, x, seed=seed, device="cpu", on_step=on_step, **loop)
    return game


def ring_coverage(game: GAN) -> dict[str, float]:
    """Modes, share of good samples and KL from even shares, of 5000 samples of a game on the ring."""
    samples = game.sample(5000, rng=torch.Generator().manual_seed(0))
    return mode_coverage(samples, toy2d("ring", 1, rng=0).centers, RING_STD)
