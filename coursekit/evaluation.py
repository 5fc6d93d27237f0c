"""How good is a generative model, or a map? Measures that need only samples, densities or energies.

Likelihood    `bits_per_dim`, `ais_log_partition`
Samples       `frechet_distance`, `precision_recall`, `nearest_share`, `mode_coverage`, all on points or, for
              images, on the features of a `DigitClassifier`; `digit_judge` and `digit_quality`, all at once
Maps          `trustworthiness`

Arrays and tensors are taken, and measured in float64. NaN is an error everywhere: a model that has diverged
has no quality to measure.
"""

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike
from torch import Tensor, nn

from coursekit.draws import bernoulli, normal
from coursekit.inputs import as_input, as_labels, as_tensor, one_of, positive_int, real_number

# Likelihood


def bits_per_dim(log_prob: Any, n_dims: int, *, level: float = 1.0) -> Any:
    """-log2 of the probability of one grey level, per value; same shape as log_prob (number, array, tensor).

    Theis et al. 2016, section 3.1.

    >>> bits_per_dim(-8 * math.log(2), 4)  # eight bits for four pixels
    2.0

    Args:
        log_prob: nats per example; of the levels themselves, or of a density at dequantised data.
        n_dims: values per example (pixels times channels).
        level: width of a grey level in the units of the density: 1 for levels 0, 1, 2, ..., and 1/256 for
            bytes scaled to [0, 1), where log P = log p + n_dims log(level).
    """
    n_dims, level = positive_int(n_dims, "n_dims"), real_number(level, "level", above=0)
    log_prob = np.asarray(log_prob) if isinstance(log_prob, (list, tuple)) else log_prob
    return -(log_prob / n_dims + math.log(level)) / math.log(2)


@torch.no_grad()
def ais_log_partition(
    rbm: nn.Module,
    *,
    n_steps: int = 10_000,
    n_chains: int = 100,
    rng: torch.Generator | None = None,
    base_bias: ArrayLike | Tensor | None = None,
) -> tuple[float, float]:
    """log Z of an RBM in nats by annealed importance sampling: (log_z, standard_error), two floats.

    A path of machines leads from one without couplings, whose Z is known, to the one asked for: the machine
    at t has couplings tW, hidden biases tb, visible biases (1 - t) a + tc. Each chain walks it in n_steps
    steps, t = 0 to 1, and its weight is an unbiased estimate of Z: the average over n_chains of them is too,
    but its logarithm falls short of log Z as long as the weights scatter, so log-likelihoods look too good.
    The standard error says how much the weights of *these* chains scatter, not what none of them has seen.
    Neal 2001; Salakhutdinov & Murray 2008.

    Args:
        rbm: a restricted Boltzmann machine.
        n_steps: length of the path.
        n_chains: how many walk it, at least 2.
        rng: generator for the chains.
        base_bias: a, (n_visible,); a good choice is the logit of the data's mean (Gaussian units: the mean
            itself), the default is c.
    """
    n_steps, n_chains = positive_int(n_steps, "n_steps"), positive_int(n_chains, "n_chains", low=2)
    W, b, c = rbm.weight, rbm.hidden_bias, rbm.visible_bias
    a = c if base_bias is None else as_input(base_bias, (), like=c, name="base_bias")
    if len(a) != len(c):
        raise ValueError(f"base_bias must have one entry for each of {len(c)} visible units, got {len(a)}")

    def draw_visible(drive):
        if rbm.visible == "gaussian":
            return drive + normal(drive, rng)
        return bernoulli(torch.sigmoid(drive), rng)

    if rbm.visible == "gaussian":
        log_z_visible = (a.double() ** 2 + math.log(2 * math.pi)).sum() / 2
    else:
        log_z_visible = F.softplus(a.double()).sum()
    v = draw_visible(a.expand(n_chains, -1))
    log_weight = torch.zeros(n_chains, dtype=torch.float64, device=c.device)
    for step in range(n_steps):
        t, t_next = step / n_steps, (step + 1) / n_steps
        logits = v @ W.T + b
        gain = (v @ (c - a)) / n_steps + (F.softplus(t_next * logits) - F.softplus(t * logits)).sum(1)
        log_weight += gain
        h = bernoulli(torch.sigmoid(t_next * logits), rng)
        v = draw_visible((1 - t_next) * a + t_next * (h @ W + c))
    log_mean = torch.logsumexp(log_weight, 0) - math.log(n_chains)
    # The logarithm of a mean: its standard error is the relative one of the mean itself (delta method).
    relative = (log_weight - log_mean).exp().std() / math.sqrt(n_chains)
    return (log_z_visible + len(b) * math.log(2) + log_mean).item(), relative.item()


# Samples


def frechet_distance(a: ArrayLike | Tensor, b: ArrayLike | Tensor) -> float:
    """Distance of the Gaussians fitted to two samples; a float.

    ||mean_a - mean_b||^2 + tr(cov_a + cov_b - 2 (cov_a cov_b)^(1/2)), in squared units of the features.
    It sees means and covariances only. Dowson & Landau 1982; on features of a classifier Heusel et al. 2017.

    Args:
        a: (n, d), array or tensor.
        b: (m, d).
    """
    a, b = _samples(a=a, b=b)
    if min(len(a), len(b)) < 2:
        raise ValueError(f"two samples of at least 2 points are needed, got {len(a)} and {len(b)}")
    cov_a, cov_b = (torch.atleast_2d(torch.cov(sample.T)) for sample in (a, b))
    values, vectors = torch.linalg.eigh(cov_a)
    root_a = vectors * values.clamp(min=0).sqrt() @ vectors.T
    # cov_a cov_b has the same eigenvalues as this symmetric matrix, which is kinder to eigh.
    cross = torch.linalg.eigvalsh(root_a @ cov_b @ root_a).clamp(min=0).sqrt().sum()
    shift = ((a.mean(0) - b.mean(0)) ** 2).sum()
    return (shift + cov_a.trace() + cov_b.trace() - 2 * cross).clamp(min=0).item()


def precision_recall(real: ArrayLike | Tensor, fake: ArrayLike | Tensor, *, k: int = 3) -> dict[str, float]:
    """Are the samples good, and are they varied? Two numbers for each question, from balls around points.

    A ball around a point of a set reaches to its k-th nearest neighbour in the same set; the union of the
    balls stands for the support of the distribution.

    - `precision`: share of the fakes in some ball of the real set. `recall`: share of the real points in some
      ball of the fake set. Kynkaanniemi et al. 2019, equations 1 and 2.
    - `density`: in how many balls of the real set a fake is on average, divided by k. One outlier among the
      real points, with its huge ball, no longer decides; near 1 for equal distributions, and it may be more.
      `coverage`: share of the balls of the real set that hold a fake. Naeem et al. 2020, equations 3 and 4.

    Args:
        real: (n, d), data.
        fake: (m, d), samples; take as many as data, for recall rises with m.
        k: which neighbour a ball reaches, smaller than n and m.

    Raises:
        ValueError: shapes that do not fit, NaN, or k too large.
    """
    real, fake = _samples(real=real, fake=fake)
    k = positive_int(k, "k", high=min(len(real), len(fake)) - 1)
    reach_real, reach_fake = _reach(real, k), _reach(fake, k)
    n_balls = []
    covered = recalled = torch.zeros(len(real), dtype=torch.bool, device=real.device)
    for points, reach in zip(fake.split(STRIP), reach_fake.split(STRIP), strict=True):
        distance = _distances(points, real)  # (strip, n)
        inside = distance <= reach_real
        n_balls.append(inside.sum(1))
        covered = covered | inside.any(0)
        recalled = recalled | (distance <= reach[:, None]).any(0)
    n_balls = torch.cat(n_balls).double()
    return {
        "precision": (n_balls > 0).double().mean().item(),
        "recall": recalled.double().mean().item(),
        "density": n_balls.mean().item() / k,
        "coverage": covered.double().mean().item(),
    }


def nearest_share(samples: ArrayLike | Tensor, train: ArrayLike | Tensor, test: ArrayLike | Tensor) -> float:
    """Does the model memorise? Probability that a sample is nearer to the training data than new data are.

    A sample's distance to its nearest training point is compared with that of a new point, over all pairs of
    a sample and a new point; a tie counts half. 0.5: the samples keep the distance that new data keep. 1:
    they are copies. Near 0: they are far from all data. Read it beside `precision_recall`, for half copies
    and half noise give 0.5 as well. Meehan et al. 2020, section 3, without their division into cells.

    Args:
        samples: (m, d), drawn from the model.
        train: (n, d), what the model has learned from.
        test: (l, d), data that it has not seen.
    """
    samples, train, test = _samples(samples=samples, train=train, test=test)
    of_samples, of_test = (
        torch.cat([_distances(strip, train).amin(1) for strip in points.split(STRIP)])
        for points in (samples, test)
    )
    of_test = of_test.sort().values
    nearer = torch.searchsorted(of_test, of_samples)  # how many new points are nearer than this sample
    not_farther = torch.searchsorted(of_test, of_samples, right=True)
    return 1 - (nearer + not_farther).double().mean().item() / (2 * len(test))


def mode_coverage(
    samples: ArrayLike | Tensor, centers: ArrayLike | Tensor, std: float | ArrayLike
) -> dict[str, float]:
    """Which of the known modes were found? Three answers.

    `modes`: how many modes hold at least 0.1 % of the samples within 3 std of their center. `good_share`:
    the share of samples that lie so near to some center (of Gaussian data in the plane 1 - exp(-4.5) = .989).
    `kl`: KL(shares || uniform) in nats of the shares of samples by nearest center, 0 when all modes get the
    same, log k when one gets everything. Srivastava et al. 2017; Lin et al. 2018, section 4.

    Args:
        samples: (n, d), drawn from the model.
        centers: (k, d), of the modes.
        std: of the modes, one number or (k,).
    """
    samples, centers = _samples(samples=samples, centers=centers)
    std = as_tensor(std, "std").to(samples)
    if std.shape not in ((), (len(centers),)) or not bool((std > 0).all()):
        raise ValueError(
            f"std must be one positive number or one for each of {len(centers)} centers, got {std.tolist()}"
        )
    distance, nearest = torch.cdist(samples, centers).min(dim=1)
    good = distance <= 3 * std.expand(len(centers))[nearest]
    found = torch.bincount(nearest[good], minlength=len(centers)) >= max(1, 0.001 * len(samples))
    share = torch.bincount(nearest, minlength=len(centers)).double() / len(samples)
    kl = torch.special.xlogy(share, share * len(centers)).sum()
    return {"modes": int(found.sum()), "good_share": good.double().mean().item(), "kl": kl.item()}


class DigitClassifier(nn.Module):
    """Judge of generated digits: a small perceptron from images to classes; train it with `fit`.

    x is in any fixed units, the same for `fit` and for judging. Its hidden layer serves as the features of
    `frechet_distance`; its confidence, the largest probability, tells clean digits from smeared ones.

    >>> DigitClassifier(64).predict_proba(torch.zeros(3, 64)).shape
    torch.Size([3, 10])

    Args:
        n_inputs: pixels, d.
        n_hidden: width of the first hidden layer.
        n_features: width of the second, whose values are the features.
        n_classes: number of classes.
    """

    def __init__(self, n_inputs: int, *, n_hidden: int = 128, n_features: int = 64, n_classes: int = 10):
        super().__init__()
        n_inputs, n_hidden = positive_int(n_inputs, "n_inputs"), positive_int(n_hidden, "n_hidden")
        n_features, n_classes = positive_int(n_features, "n_features"), positive_int(n_classes, "n_classes")
        self.register_buffer("mean", torch.zeros(n_inputs))
        self.register_buffer("scale", torch.ones(()))
        self.body = nn.Sequential(
            nn.Linear(n_inputs, n_hidden), nn.ReLU(), nn.Linear(n_hidden, n_features), nn.ReLU()
        )
        self.head = nn.Linear(n_features, n_classes)

    def fit(
        self,
        x: ArrayLike | Tensor,
        labels: ArrayLike | Tensor,
        *,
        n_epochs: int = 30,
        batch_size: int = 64,
        learning_rate: float = 2e-3,
        noise: float = 0.2,
        seed: int = 0,
    ) -> "DigitClassifier":
        """Learn; returns self. Noise on the images keeps the judge from being sure of itself off the data.

        Args:
            x: images (n, d).
            labels: (n,), in 0..n_classes - 1.
            n_epochs: passes over x.
            batch_size: images per step.
            learning_rate: the first; it falls linearly to 0.
            noise: standard deviation of the noise, in units of the spread of x.
            seed: of weights, order and noise.
        """
        x = self._data(x)
        labels = as_labels(labels, len(x), n_classes=self.head.out_features, device=x.device)
        n_epochs, batch_size = positive_int(n_epochs, "n_epochs"), positive_int(batch_size, "batch_size")
        noise = real_number(noise, "noise", low=0)
        real_number(learning_rate, "learning_rate", above=0)
        if len(x) == 0 or not x.std() > 0:
            raise ValueError(f"x must hold images that are not all alike, got {len(x)} of one value")
        self.mean.copy_(x.mean(0))
        self.scale.copy_(x.std())
        rng = torch.Generator(x.device).manual_seed(positive_int(seed, "seed", low=0))
        for layer in (self.body[0], self.body[2], self.head):
            nn.init.kaiming_normal_(layer.weight, generator=rng)
            nn.init.zeros_(layer.bias)
        optimizer = torch.optim.AdamW(self.parameters(), lr=learning_rate, fused=True)
        n_steps = n_epochs * math.ceil(len(x) / batch_size)
        schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, n_steps)
        for _ in range(n_epochs):
            for rows in torch.randperm(len(x), generator=rng, device=x.device).split(batch_size):
                blur = normal(x[rows], rng)
                loss = F.cross_entropy(self(x[rows] + noise * self.scale * blur), labels[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, 10) of images x (n, d)."""
        return self.head(self.body((x - self.mean) / self.scale))

    @torch.no_grad()
    def features(self, x: ArrayLike | Tensor) -> Tensor:
        """Last hidden layer, (n, n_features), of images x (n, d), array or tensor."""
        return self.body((self._data(x) - self.mean) / self.scale)

    @torch.no_grad()
    def predict_proba(self, x: ArrayLike | Tensor) -> Tensor:
        """Probabilities of the classes, (n, 10), for images x (n, d), array or tensor."""
        return self(self._data(x)).softmax(-1)

    def _data(self, x):
        return as_input(x, len(self.mean), like=self.mean)


# Maps


def digit_judge(x: np.ndarray | Tensor, labels: ArrayLike | Tensor) -> DigitClassifier:
    """The judge that recipes and benchmarks share, trained on real digits.

    Args:
        x: digits (n, d).
        labels: (n,).
    """
    n_epochs = max(6, 45_000 // max(1, len(x)))  # about as many images for a small set as for a large one
    return DigitClassifier(x.shape[1], n_hidden=256).fit(x, labels, n_epochs=n_epochs, seed=100)


def digit_quality(
    judge: DigitClassifier, samples: ArrayLike | Tensor, train: ArrayLike | Tensor, test: ArrayLike | Tensor
) -> dict[str, float]:
    """Generated digits as a judge reads them.

    `confidence`: the mean largest probability, high for digits that are clean. `classes`: how many of the
    classes get at least 2 % of the samples; `smallest class`: the share of the rarest. `Frechet distance`:
    to the test digits, in the judge's features. `nearest`: the median distance from a sample to the nearest
    of the first 10 000 training digits, divided by that from a test digit; far below 1 the model memorises.

    Args:
        judge: of `digit_judge`.
        samples: (m, d), generated, in the units that the judge has learned.
        train: (n, d), digits that the model has learned from.
        test: (l, d), digits that it has not seen.
    """
    probability = judge.predict_proba(samples)
    shares = probability.argmax(1).bincount(minlength=probability.shape[1]).double() / len(probability)
    samples, train, test = _samples(samples=samples, train=train, test=test)
    distances = [
        torch.cat([torch.cdist(strip, train[:10_000]).amin(1) for strip in points.split(STRIP)]).median()
        for points in (samples, test[:2000])
    ]
    return {
        "confidence": probability.amax(1).mean().item(),
        "classes": int((shares >= 0.02).sum()),
        "smallest class": shares.min().item(),
        "Frechet distance": frechet_distance(judge.features(samples), judge.features(test)),
        "nearest": (distances[0] / distances[1]).item(),
    }


def trustworthiness(
    x: ArrayLike | Tensor, z: ArrayLike | Tensor, *, k: int = 5, metric: str = "euclidean"
) -> float:
    """Are neighbours on the map neighbours in the data? 1: all of them. An intruder costs by how far it came.

    1 - 2 / (n k (2n - 3k - 1)) sum_i sum_j max(0, r(i, j) - k) over the k nearest neighbours j of i on the
    map, where r(i, j) says that j is the r-th nearest of i in the data. A random map is near 1/2.
    Venna & Kaski 2001, equation 4; scikit-learn's function of the same name.

    Args:
        x: (n, d) data, or (n, n) distances.
        z: (n, m), the map.
        k: how many neighbours, less than n / 2, which keeps the value in [0, 1].
        metric: "euclidean", or "precomputed" where x holds distances.
    """
    one_of("metric", metric, ("euclidean", "precomputed"))
    x, z = _points(x, "x"), _points(z, "z")
    n = len(x)
    if len(z) != n:
        raise ValueError(f"the data have {n} points and the map {len(z)}")
    if metric == "precomputed" and x.shape[1] != n:
        raise ValueError(f"distances between {n} points are ({n}, {n}), got {tuple(x.shape)}")
    k = positive_int(k, "k")
    if not k < n / 2:
        raise ValueError(f"k must be below n / 2 = {n / 2:g}, got {k}")
    of_data, on_map = (
        each.clone().fill_diagonal_(math.inf)  # nothing is its own neighbour
        for each in (x if metric == "precomputed" else _distances(x, x), _distances(z, z))
    )
    rank = of_data.argsort(dim=1, stable=True).argsort(dim=1) + 1
    neighbours = on_map.argsort(dim=1, stable=True)[:, :k]
    excess = (rank.gather(1, neighbours) - k).clamp(min=0).sum().item()
    return 1 - 2 * excess / (n * k * (2 * n - 3 * k - 1))


# Distances, in strips of this many rows where all at once would fill the memory.
STRIP = 1000


def _distances(a, b):
    # Differences and not the expanded square: what is equal must be at distance 0.
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")


def _reach(points, k):
    """Distance (n,) of each point to its k-th nearest other one."""
    # The nearest is the point itself, or its twin.
    return torch.cat([_distances(strip, points).kthvalue(k + 1).values for strip in points.split(STRIP)])


def _samples(**named):
    """Tensors (n, d), float64 and of one width, on the device of the first."""
    first = next(iter(named.values()))
    device = first.device if torch.is_tensor(first) else None
    points = [_points(each, name, device) for name, each in named.items()]
    if len({each.shape[1] for each in points}) > 1:
        shapes = " and ".join(f"{name} {tuple(each.shape)}" for name, each in zip(named, points, strict=True))
        raise ValueError(f"samples of one width are needed, got {shapes}")
    return points


def _points(x, name, device=None) -> Tensor:
    device = x.device if device is None and torch.is_tensor(x) else device
    x = as_input(x, (None,), like=torch.empty((), dtype=torch.float64, device=device), name=name)
    if len(x) == 0:
        raise ValueError(f"{name} must hold at least one point")
    return x
