"""Flows: every inverse and log-determinant against autograd, every density against integral and samples."""

import math

import numpy as np
import pytest
import torch

from coursekit.evaluation import bits_per_dim
from coursekit.flow import (
    ActNorm,
    AffineCoupling,
    Flow,
    HistogramToNormal,
    InvertibleLinear,
    Logit,
    Permute,
    Squeeze,
    Whiten,
    dequantize,
    glow,
    real_nvp,
    standard_normal_log_prob,
)
from coursekit.training import fit

VECTOR, IMAGE = (5,), (4, 2, 6)
N_LEVELS = 3


@pytest.fixture(autouse=True)
def double_precision():
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(torch.float32)


def randomize(module, *, std=0.4, seed=1):
    """Add noise to every parameter: zero weights would let a wrong layer pass."""
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += std * torch.randn(parameter.shape, generator=rng)
    return module.eval()


def draw(shape, n=3, seed=2):
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def inside(shape, scale, n=3, seed=2):
    """Points strictly inside [0, scale]."""
    rng = torch.Generator().manual_seed(seed)
    return scale * (0.02 + 0.96 * torch.rand(n, *shape, generator=rng, dtype=torch.float64))


def whitened():
    layer = Whiten(5)
    layer.initialize(draw(VECTOR, n=40, seed=3) @ draw(VECTOR, n=5, seed=4) + 2)
    return layer


def counted():
    layer = HistogramToNormal(5, n_levels=4)
    layer.initialize(inside(VECTOR, 4, n=40, seed=3) ** 2 / 4)
    return layer


CASES = {
    "coupling": (lambda: AffineCoupling(5), draw(VECTOR)),
    "coupling, flipped": (lambda: AffineCoupling(5, flip=True, hidden=(7,), activation="tanh"), draw(VECTOR)),
    "coupling, images": (lambda: AffineCoupling(4, hidden=(6, 6), image=True), draw(IMAGE)),
    "coupling, images, flipped": (
        lambda: AffineCoupling(4, hidden=(6,), flip=True, image=True, dropout=0.5),
        draw(IMAGE),
    ),
    "activation norm": (lambda: ActNorm(5), draw(VECTOR)),
    "activation norm, images": (lambda: ActNorm(4), draw(IMAGE)),
    "invertible linear": (lambda: InvertibleLinear(5), draw(VECTOR)),
    "1 x 1 convolution": (lambda: InvertibleLinear(4), draw(IMAGE)),
    "whitening": (whitened, draw(VECTOR)),
    "histogram": (counted, inside(VECTOR, 4)),
    "permutation": (lambda: Permute([2, 0, 3, 1, 4]), draw(VECTOR)),
    "permutation, images": (lambda: Permute([2, 0, 3, 1]), draw(IMAGE)),
    "squeeze": (Squeeze, draw(IMAGE)),
    "logit": (lambda: Logit(1.0, margin=0.05), inside(VECTOR, 1.0)),
    "logit, images": (lambda: Logit(17), inside(IMAGE, 17)),
    "real_nvp": (lambda: real_nvp(5, n_layers=3), draw(VECTOR)),
    "glow": (lambda: glow(5, n_steps=2), draw(VECTOR)),
    "glow, images": (lambda: glow((1, 4, 6), n_steps=2, hidden=(8, 8), n_levels=17), inside((1, 4, 6), 17)),
}


def jacobian_log_det(function, x):
    """log|det| of the autograd Jacobian of function at each row of x, (n,)."""

    def one(row):
        return function(row[None])[0].flatten()

    matrices = [torch.autograd.functional.jacobian(one, row).reshape(row.numel(), row.numel()) for row in x]
    return torch.linalg.slogdet(torch.stack(matrices)).logabsdet


@pytest.mark.parametrize("name", CASES)
def test_layer(name):
    """The one test case of a layer: the inverse, and both log-determinants against autograd."""
    build, x = CASES[name]
    layer, x_before = randomize(build()), x.clone()
    z, log_det = layer.forward(x)
    x_back, log_det_back = layer.inverse(z)

    assert log_det.shape == log_det_back.shape == (len(x),)
    assert torch.equal(x, x_before)
    assert z.shape != x.shape or not torch.allclose(z, x, atol=1e-2)
    torch.testing.assert_close(x_back, x, atol=1e-9, rtol=1e-9)
    torch.testing.assert_close(log_det, jacobian_log_det(layer.forward, x), atol=1e-8, rtol=1e-8)
    torch.testing.assert_close(log_det_back, jacobian_log_det(layer.inverse, z), atol=1e-8, rtol=1e-8)
    torch.testing.assert_close(log_det + log_det_back, torch.zeros(len(x)), atol=1e-9, rtol=0)
    if "permutation" not in name and name != "squeeze":
        assert log_det.abs().max() > 0.1, "a log-determinant near 0 proves little"


def test_every_layer_has_a_case():
    layers = (ActNorm, AffineCoupling, HistogramToNormal, InvertibleLinear, Logit, Permute, Squeeze, Whiten)
    assert {type(build()) for build, _ in CASES.values()} == {*layers, Flow}


@pytest.mark.parametrize("flip", [False, True])
def test_coupling_passes_one_half_and_starts_as_the_identity(flip):
    x = draw(VECTOR)
    fresh = AffineCoupling(5, flip=flip)
    z, log_det = fresh.forward(x)
    assert torch.equal(z, x) and torch.equal(log_det, torch.zeros(3))
    z, log_det = randomize(fresh, std=3.0).forward(x)
    passed, changed = (slice(2, 5), slice(0, 2)) if flip else (slice(0, 2), slice(2, 5))
    assert torch.equal(z[:, passed], x[:, passed])
    assert (z[:, changed] != x[:, changed]).all()
    # However wild the weights, no scale leaves exp(-bound) to exp(bound).
    assert (log_det.abs() <= 2.0 * (changed.stop - changed.start)).all()


@pytest.mark.parametrize("shape", [VECTOR, IMAGE])
def test_activation_norm_starts_from_the_first_training_batch(shape):
    x = 3 * draw(shape, n=50) + torch.arange(shape[0]).reshape(-1, *[1] * (len(shape) - 1))
    layer = ActNorm(shape[0]).eval()
    assert torch.equal(layer.forward(x)[0], x)
    z, _ = layer.train().forward(x)
    values = z.movedim(1, 0).flatten(1)
    torch.testing.assert_close(values.mean(1), torch.zeros(shape[0]), atol=1e-12, rtol=0)
    torch.testing.assert_close(values.var(1, correction=0), torch.ones(shape[0]))
    bias = layer.bias.clone()
    layer.forward(x + 1)
    assert torch.equal(layer.bias, bias)
    with pytest.raises(ValueError, match="at least two examples"):
        ActNorm(5).forward(draw(VECTOR, n=1))


def test_activation_norm_leaves_a_constant_feature_its_scale():
    layer = ActNorm(2)
    z, log_det = layer.forward(torch.tensor([[1.0, 5.0], [3.0, 5.0]]))
    torch.testing.assert_close(z, torch.tensor([[-1.0, 0.0], [1.0, 0.0]]))
    assert torch.isfinite(log_det).all()


def test_lu_form_is_slogdet_and_starts_as_a_rotation():
    layer = InvertibleLinear(6)
    torch.testing.assert_close(layer.weight() @ layer.weight().T, torch.eye(6))
    torch.testing.assert_close(layer.log_abs_det(), torch.tensor(0.0), atol=1e-12, rtol=0)
    for seed in range(5):
        randomize(layer, seed=seed)
        torch.testing.assert_close(layer.log_abs_det(), torch.linalg.slogdet(layer.weight()).logabsdet)


def test_one_by_one_convolution_counts_every_position():
    layer, x = randomize(InvertibleLinear(3)), draw((3, 2, 5))
    convolved = torch.nn.functional.conv2d(x, layer.weight()[:, :, None, None])
    torch.testing.assert_close(layer.forward(x)[0], convolved)
    whole_image = jacobian_log_det(layer.forward, x)
    matrix = torch.linalg.slogdet(layer.weight()).logabsdet
    torch.testing.assert_close(whole_image, (2 * 5 * matrix).expand(3))


def test_whitening_makes_the_covariance_the_identity():
    x = draw((4,), n=60) @ draw((4,), n=4, seed=5) - 3
    layer = Whiten(4)
    layer.initialize(x)
    z, _ = layer.forward(x)
    torch.testing.assert_close(torch.cov(z.T, correction=0), torch.eye(4))
    torch.testing.assert_close(z.mean(0), torch.zeros(4), atol=1e-10, rtol=0)
    with pytest.raises(ValueError, match="flat subspace"):
        layer.initialize(x[:, [0, 1, 2, 2]])


def plane_flow(seed=7):
    """A random, decidedly non-Gaussian flow on the plane."""
    layers = [AffineCoupling(2, hidden=(16,), activation="tanh", flip=bool(i % 2)) for i in range(4)]
    return randomize(Flow([*layers, InvertibleLinear(2), ActNorm(2)], shape=2), std=0.25, seed=seed)


def grid(flow, n_cells):
    """Centres (n_cells^2, 2) and sides of the cells of a box that holds all but a few samples."""
    with torch.no_grad():
        samples = flow.sample(20_000, rng=torch.Generator().manual_seed(0))
    low, high = samples.min(0).values, samples.max(0).values
    low, high = low - 0.3 * (high - low), high + 0.3 * (high - low)
    sides = (high - low) / n_cells
    axes = [low[i] + sides[i] * (torch.arange(n_cells) + 0.5) for i in range(2)]
    return torch.cartesian_prod(*axes), low, sides


@torch.no_grad()
@pytest.mark.parametrize("seed", [7, 8, 9])
def test_density_integrates_to_one(seed):
    flow = plane_flow(seed)
    points, _, sides = grid(flow, 500)
    assert flow.log_prob(points).exp().sum() * sides.prod() == pytest.approx(1, abs=1e-5)


@torch.no_grad()
def test_histogram_of_samples_is_the_density():
    flow, n_samples, n_coarse, fine = plane_flow(9), 50_000, 25, 20
    points, low, sides = grid(flow, n_coarse * fine)

    def bins(log_density):
        mass = (log_density.exp() * sides.prod()).reshape(n_coarse, fine, n_coarse, fine)
        return mass.sum((1, 3)).flatten()

    samples = flow.sample(n_samples, rng=torch.Generator().manual_seed(1))
    index = ((samples - low) / (fine * sides)).floor().long().clamp(0, n_coarse - 1)
    counts = torch.bincount(index[:, 0] * n_coarse + index[:, 1], minlength=n_coarse**2)

    def chi_square(probability):
        """Pearson's statistic in standard deviations above its mean; the small bins are pooled."""
        expected = n_samples * probability
        large = expected > 10
        expected = torch.cat([expected[large], (n_samples - expected[large].sum())[None].clamp(min=1)])
        observed = torch.cat([counts[large], (n_samples - counts[large].sum())[None]])
        assert len(expected) > 30
        freedom = len(expected) - 1
        return (((observed - expected) ** 2 / expected).sum() - freedom) / math.sqrt(2 * freedom)

    probability = bins(flow.log_prob(points))
    assert abs(chi_square(probability)) < 4
    # The same test must notice a density without its log-determinant.
    wrong = bins(standard_normal_log_prob(flow.forward(points)[0]))
    assert chi_square(wrong / wrong.sum()) > 20


def test_cascade_shows_every_stage():
    flow = randomize(glow(3, n_steps=2))
    z = draw((3,), n=4)
    stages = flow.cascade(z)
    assert len(stages) == len(flow.layers) + 1
    assert torch.equal(stages[0], z)
    torch.testing.assert_close(stages[-1], flow.inverse(z)[0])
    for layer, (near_noise, near_data) in zip(
        reversed(flow.layers), zip(stages, stages[1:], strict=False), strict=True
    ):
        torch.testing.assert_close(layer.forward(near_data)[0], near_noise)


def test_sample_takes_its_randomness_as_an_argument():
    flow = randomize(glow((1, 4, 6), n_steps=1, hidden=(4,), n_levels=17))
    a, b, c = (flow.sample(5, rng=torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert a.shape == (5, 1, 4, 6) and torch.equal(a, b) and not torch.equal(a, c)
    assert flow.float().sample(2).dtype == torch.float32


def test_logit_turns_a_logistic_variable_into_8_bits():
    """z logistic means x uniform on 256 levels, whose cost is 8 bits a value whatever x is."""
    layer, x = Logit(256, margin=0.0), inside(IMAGE, 256)
    z, log_det = layer.forward(x)
    logistic = (-z - 2 * torch.nn.functional.softplus(-z)).flatten(1).sum(1)
    torch.testing.assert_close(bits_per_dim(logistic + log_det, 48), torch.full((3,), 8.0))


def test_bits_per_dim_does_not_depend_on_the_units():
    inner = randomize(real_nvp(6, n_layers=2))
    x = inside((6,), 17)
    levels = Flow([Logit(17), inner], shape=6).log_prob(x)
    scaled = Flow([Logit(1), inner], shape=6).log_prob(x / 17)
    torch.testing.assert_close(bits_per_dim(levels, 6), bits_per_dim(scaled, 6, level=1 / 17))
    # And back: bits to nats.
    torch.testing.assert_close(-bits_per_dim(levels, 6) * 6 * math.log(2), levels)
    assert bits_per_dim(-64 * math.log(17), 64) == pytest.approx(math.log2(17))
    np.testing.assert_allclose(bits_per_dim(np.array([-2.0, -4.0]), 2), np.array([1, 2]) / math.log(2))
    with pytest.raises(ValueError, match="n_dims"):
        bits_per_dim(-1.0, 0)


@torch.no_grad()
def test_dequantised_bound_on_a_model_that_can_be_enumerated():
    """Two pixels of three levels: P(x) is the density's integral over the level's unit square."""
    flow = randomize(Flow([Logit(N_LEVELS), *plane_flow().layers], shape=2, discrete=True), std=0.1)
    levels = torch.cartesian_prod(torch.arange(3.0), torch.arange(3.0))
    # Substituting u = s^2 (3 - 2 s) makes the integrand smooth where the logit is not, at the edges.
    s = (torch.arange(400) + 0.5) / 400
    u, weight = s**2 * (3 - 2 * s), 6 * s * (1 - s) / 400
    noise, weights = torch.cartesian_prod(u, u), torch.outer(weight, weight).flatten()
    log_p = torch.stack([flow.log_prob(level + noise) for level in levels])
    log_probability = (log_p + weights.log()).logsumexp(1)
    bound = (log_p * weights).sum(1)

    # The margin of the Logit leaves about 1e-5 of the range outside the levels.
    assert log_probability.exp().sum() == pytest.approx(1, abs=1e-3)
    assert (bound <= log_probability).all() and (log_probability - bound).max() > 0.1
    rng = torch.Generator().manual_seed(0)

    def draws(n_repeats, n_samples):
        repeated = levels.repeat(n_repeats, 1)
        return flow.discrete_log_prob(repeated, n_samples, rng=rng).reshape(n_repeats, len(levels))

    one = draws(4000, 1)
    assert ((one.mean(0) - bound).abs() <= 4 * one.std(0) / math.sqrt(4000)).all()
    many = draws(100, 50)
    standard_error = many.std(0) / math.sqrt(100)
    assert (many.mean(0) >= bound - 4 * standard_error).all()
    assert (many.mean(0) <= log_probability + 4 * standard_error).all()
    gap = log_probability - bound
    assert (log_probability - many.mean(0) <= 0.2 * gap + 4 * standard_error).all()


def test_dequantisation_noise_has_the_width_of_one_level():
    x = torch.randint(0, 17, (20_000, 4), generator=torch.Generator().manual_seed(0))
    noisy = dequantize(x, rng=torch.Generator().manual_seed(1))
    noise = noisy - x
    assert torch.equal(noisy.floor(), x.double())
    # Mean 1/2 and variance 1/12, the variance's own standard error being sqrt((1/80 - 1/144) / n).
    assert abs(noise.mean() - 1 / 2) <= 4 * math.sqrt(1 / 12 / noise.numel())
    assert abs(noise.var() - 1 / 12) <= 4 * math.sqrt((1 / 80 - 1 / 144) / noise.numel())
    assert torch.equal(noisy, dequantize(x, rng=torch.Generator().manual_seed(1)))
    with pytest.raises(ValueError, match="whole grey levels"):
        dequantize(x / 16)


def test_loss_is_the_mean_negative_log_likelihood():
    flow = randomize(glow(4, n_steps=2))
    x = draw((4,), n=10)
    torch.testing.assert_close(flow.loss(x), -flow.log_prob(x).mean())
    flow.discrete = True
    levels = x.round()
    noisy = dequantize(levels, rng=torch.Generator().manual_seed(3))
    torch.testing.assert_close(
        flow.loss(levels, rng=torch.Generator().manual_seed(3)), -flow.log_prob(noisy).mean()
    )
    assert flow.loss(levels) != flow.loss(levels)


def gaussian_data(n=4000):
    """Correlated data, and 1/2 log det(2 pi e C) with the true covariance C and with that of the data."""
    factor = torch.tensor([[2.0, 0.0], [1.2, 0.3]])
    x = draw((2,), n=n, seed=11) @ factor.T + torch.tensor([3.0, -1.0])
    entropy = torch.logdet(2 * math.pi * math.e * factor @ factor.T) / 2
    fitted = torch.logdet(2 * math.pi * math.e * torch.cov(x.T, correction=0)) / 2
    return x, entropy, fitted


def test_whitening_alone_is_the_maximum_likelihood_gaussian():
    x, _, fitted = gaussian_data()
    flow = Flow([Whiten(2)], shape=2).initialize(x)
    torch.testing.assert_close(flow.loss(x), fitted)


def test_a_flow_fitted_to_a_gaussian_finds_its_entropy():
    x, entropy, fitted = gaussian_data()
    flow = Flow([ActNorm(2), InvertibleLinear(2), ActNorm(2)], shape=2).initialize(x)
    fit(flow, x, n_steps=800, batch_size=len(x), learning_rate=0.03, schedule="cosine", device="cpu")
    # No linear flow is below the fitted Gaussian on its own data, and training gets there.
    assert fitted - 1e-9 <= flow.loss(x) <= fitted + 1e-4
    # -log p of a Gaussian in d dimensions has variance d / 2: the standard error of its mean over n.
    assert abs(flow.loss(x) - entropy) <= 4 * math.sqrt(2 / 2 / len(x))


def test_a_nonlinear_flow_finds_the_entropy_too_and_never_beats_it():
    x, entropy, _ = gaussian_data()
    flow = real_nvp(2, n_layers=4, hidden=(32,)).float()
    fit(flow, x, n_steps=600, learning_rate=5e-3, schedule="cosine", device="cpu")
    factor = torch.tensor([[2.0, 0.0], [1.2, 0.3]])
    fresh = draw((2,), n=20_000, seed=12) @ factor.T + torch.tensor([3.0, -1.0])
    with torch.no_grad():
        nll = flow.loss(fresh.float())
    standard_error = math.sqrt(1 / len(fresh))
    assert entropy - 4 * standard_error <= nll <= entropy + 0.03 + 4 * standard_error


def test_histograms_alone_are_the_best_independent_levels():
    """With the noise of any draw the bound is exact: the mean of log share, each level counted 1/2 more."""
    levels = torch.tensor([[0, 2], [0, 1], [1, 2], [0, 2]])
    flow = Flow([HistogramToNormal(2, n_levels=3)], shape=2, discrete=True)
    flow.initialize(levels.double(), rng=torch.Generator().manual_seed(5))
    share = torch.tensor([[3.5, 1.5, 0.5], [0.5, 1.5, 3.5]]) / 5.5
    expected = share[0, levels[:, 0]].log() + share[1, levels[:, 1]].log()
    for seed in range(3):
        rng = torch.Generator().manual_seed(seed)
        # What is lost at the two ends has a probability of 1e-6 each.
        torch.testing.assert_close(flow.discrete_log_prob(levels, rng=rng), expected, atol=1e-5, rtol=0)
    drawn = flow.sample(20_000, rng=torch.Generator().manual_seed(1))
    assert drawn.min() >= 0 and drawn.max() <= 3
    found = torch.stack([(drawn.floor() == level).double().mean(0) for level in range(3)], dim=1)
    torch.testing.assert_close(found, share, atol=0.015, rtol=0)


def test_histograms_in_single_precision_keep_both_ends():
    """Pixels nearly always white or black: whatever noise falls on them, all is finite and comes back."""
    rng = torch.Generator().manual_seed(0)
    levels = torch.tensor([[0.0, 16.0]], dtype=torch.float32).repeat(2000, 1)
    layer = HistogramToNormal(2, n_levels=17).float()
    layer.initialize(dequantize(levels, rng=rng))
    x = levels[:3] + torch.tensor([[0.0], [0.5], [1 - 2**-24]], dtype=torch.float32)
    z, log_det = layer.forward(x)
    assert z.isfinite().all() and log_det.isfinite().all()
    torch.testing.assert_close(layer.inverse(z)[0], x, atol=1e-4, rtol=0)
    far = torch.tensor([[-9.0, 9.0], [9.0, -9.0]], dtype=torch.float32)
    torch.testing.assert_close(layer.inverse(far)[0], torch.tensor([[0.0, 17], [17, 0]]), check_dtype=False)


def test_dropout_acts_in_training_only():
    flow = randomize(glow(4, n_steps=1, dropout=0.5))
    x = draw((4,), n=6)
    assert torch.equal(flow.log_prob(x), flow.log_prob(x))
    flow.train()
    assert not torch.equal(flow.log_prob(x), flow.log_prob(x))


def test_initialize_prepares_each_layer_with_the_output_of_the_one_before():
    flow = glow(3, n_steps=3)
    x = 5 * draw((3,), n=200) + 2
    z, _ = flow.initialize(x).forward(x)
    assert all(layer.initialized for layer in flow.layers if isinstance(layer, ActNorm))
    torch.testing.assert_close(flow.layers[0].forward(x)[0].std(0, correction=0), torch.ones(3))
    assert z.abs().mean() < 2


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: AffineCoupling(1), "at least 2 features"),
        (lambda: AffineCoupling(4, bound=0), "bound must be positive"),
        (lambda: AffineCoupling(4, activation="step"), "choose one of"),
        (lambda: Permute([0, 2]), "each of 0..1 once"),
        (lambda: Logit(0), "scale must be positive"),
        (lambda: Logit(17).forward(torch.tensor([[3.0, 18.0]])), "number of levels"),
        (lambda: Logit(1, margin=0.0).forward(torch.tensor([[0.0]])), "dequantised"),
        (lambda: HistogramToNormal(1, n_levels=17).forward(torch.tensor([[18.0]])), "between 0 and 17"),
        (lambda: HistogramToNormal(1, n_levels=17, prior=0), "prior must be positive"),
        (lambda: glow((1, 5, 4)), "even sides"),
        (lambda: Squeeze().forward(torch.zeros(2, 3)), "even sides"),
        (lambda: real_nvp(3).log_prob(torch.zeros(2, 4)), r"shape \(n, 3\)"),
        (lambda: real_nvp(3).discrete_log_prob(torch.zeros(2, 3), 0), "n_samples must be at least 1"),
    ],
)
def test_errors_say_what_to_do(build, message):
    with pytest.raises(ValueError, match=message):
        build()


# What a change of a formula would otherwise pass by


def test_dequantized_levels_keep_their_precision():
    assert dequantize(torch.zeros(3, 2, dtype=torch.float64)).dtype == torch.float64
    assert dequantize(torch.zeros(3, 2, dtype=torch.int64)).dtype == torch.get_default_dtype()


def test_whitening_puts_the_largest_variance_first():
    x = torch.randn(500, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x = x * torch.tensor([1.0, 5.0, 0.2])
    layer = Whiten(3).double()
    layer.initialize(x)
    # Row i of A is an eigenvector divided by its standard deviation: the largest has the shortest row.
    assert layer.matrix.norm(dim=1).argsort().tolist() == [0, 1, 2]
    assert layer.matrix[0].abs().argmax() == 1


def test_act_norm_scales_small_features_and_leaves_rounding_alone():
    x = torch.randn(200, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    x[:, 1] = 1 + 1e-8 * x[:, 1]
    x[:, 2] = torch.tensor([0.3, 0.1 + 0.2], dtype=torch.float64).repeat(100)
    layer = ActNorm(3).double()
    layer.initialize(x)
    spread = layer(x)[0].std(0, correction=0)
    torch.testing.assert_close(spread[:2], torch.ones(2, dtype=torch.float64), rtol=1e-6, atol=0)
    assert spread[2] < 1e-10


def test_a_discrete_flow_starts_from_dequantized_levels():
    x = torch.randint(0, 2, (400, 2), generator=torch.Generator().manual_seed(2)).double()
    flow = (
        Flow([ActNorm(2)], shape=2, discrete=True)
        .double()
        .initialize(x, rng=torch.Generator().manual_seed(3))
    )
    # Uniform noise adds 1/12 to the variance of the levels.
    expected = (x.var(0, correction=0) + 1 / 12).rsqrt()
    torch.testing.assert_close(flow.layers[0].log_scale.exp(), expected, rtol=0.1, atol=0)
    assert (flow.layers[0].log_scale.exp() < x.std(0, correction=0).reciprocal() * 0.95).all()


def test_squeeze_undoes_whole_blocks_only():
    with pytest.raises(ValueError, match="Squeeze undoes"):
        Squeeze().inverse(torch.zeros(1, 3, 4, 4))


def test_a_real_nvp_has_eight_couplings_where_nothing_else_is_said():
    assert sum(isinstance(layer, AffineCoupling) for layer in real_nvp(4).layers) == 8


def test_a_flow_of_float64_layers_computes_in_float64():
    layers = [AffineCoupling(4, hidden=(8,)).double(), Permute([2, 0, 3, 1])]
    flow, x = Flow(layers, shape=4), torch.rand(5, 4, dtype=torch.float64)
    assert flow.log_prob(x).dtype == flow.sample(2).dtype == torch.float64
    torch.testing.assert_close(flow.inverse(flow(x)[0])[0], x, rtol=1e-14, atol=1e-14)


def test_the_builders_defaults_are_those_of_their_signature_and_reach_the_layers():
    couplings = [layer for layer in real_nvp(4).layers if isinstance(layer, AffineCoupling)]
    assert len(couplings) == 8 and [layer.flip for layer in couplings] == [False, True] * 4
    steps = [layer for layer in glow(4).layers if isinstance(layer, AffineCoupling)]
    assert len(steps) == 8
    for layer in couplings + steps:
        widths = [part.out_features for part in layer.network if isinstance(part, torch.nn.Linear)]
        assert widths == [64, 64, 4]
        assert not [part for part in layer.network if isinstance(part, torch.nn.Dropout)]
        assert layer.bound == 2.0
