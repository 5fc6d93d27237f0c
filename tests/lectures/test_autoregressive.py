"""Autoregressive models: causal to the last digit, normalised by counting, sampled as promised."""

import itertools
import math

import numpy as np
import pytest
import torch

from coursekit.autoregressive import (
    MADE,
    FullyVisibleBeliefNet,
    MaskGIT,
    PixelCNN,
    PixelRNN,
    causal_mask,
    discretized_logistic_log_prob,
    discretized_mixture_log_prob,
    sample_discretized_logistic,
    seen_pixels,
    steps_to_reveal,
)
from coursekit.autoregressive.pixelcnn import ABLATIONS, gate
from coursekit.training import fit


@pytest.fixture(autouse=True)
def double_precision():
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(torch.float32)


def randomize(module, *, std=0.6, seed=1):
    """Every parameter drawn anew: at zero weights a wrong mask would pass."""
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(std * torch.randn(parameter.shape, generator=rng))
    return module.eval()


def all_images(n_pixels, n_levels):
    """Every image there is, (n_levels^n_pixels, n_pixels)."""
    return torch.cartesian_prod(*[torch.arange(n_levels)] * n_pixels)


def levels(n, n_pixels, n_levels, seed=2):
    return torch.randint(n_levels, (n, n_pixels), generator=torch.Generator().manual_seed(seed))


ORDER = [3, 1, 4, 0, 5, 8, 2, 6, 7, 9, 11, 10]
# name -> model of images (height, width) with k levels, which has the verbs of all
MODELS = {
    "fully visible": lambda shape, k: FullyVisibleBeliefNet(math.prod(shape), k),
    "MADE": lambda shape, k: MADE(math.prod(shape), k, hidden=(20, 17)),
    "MADE, no hidden layer": lambda shape, k: MADE(math.prod(shape), k, hidden=()),
    "row LSTM": lambda shape, k: PixelRNN(shape, n_levels=k, width=5, kernel=3),
    "plain PixelCNN": lambda shape, k: PixelCNN(shape, n_levels=k, gated=False, width=5, n_layers=3),
    "gated PixelCNN": lambda shape, k: PixelCNN(shape, n_levels=k, width=5, n_layers=3),
    "gated, 5 x 5": lambda shape, k: PixelCNN(shape, n_levels=k, width=4, n_layers=2, kernel=5),
    "first layer 5 x 5": lambda shape, k: PixelCNN(shape, n_levels=k, width=4, n_layers=2, first_kernel=5),
    "without gates": lambda shape, k: PixelCNN(shape, n_levels=k, width=5, n_layers=3, without="gates"),
    "without skips": lambda shape, k: PixelCNN(shape, n_levels=k, width=5, n_layers=3, without="skips"),
    "one stack": lambda shape, k: PixelCNN(shape, n_levels=k, width=5, n_layers=3, without="second stack"),
    "logistic head": lambda shape, k: PixelCNN(
        shape, n_levels=k, width=5, n_layers=3, head="logistic", n_components=2
    ),
}
each = pytest.mark.parametrize("name", MODELS)


@each
@torch.no_grad()
@pytest.mark.parametrize(("shape", "k"), [((3, 3), 2), ((2, 3), 3)])
def test_probabilities_of_all_images_add_up_to_one(name, shape, k):
    model = randomize(MODELS[name](shape, k))
    log_p = model.log_prob(all_images(math.prod(shape), k))
    assert log_p.exp().sum() == pytest.approx(1, abs=1e-12)
    assert log_p.std() > 0.5, "an even distribution proves little"


@each
@torch.no_grad()
def test_conditionals_are_ratios_of_marginals(name):
    model = randomize(MODELS[name]((2, 3), 3))
    images = all_images(6, 3)
    p = model.log_prob(images).exp()
    x = images[123]
    conditional = model.logits(x[None])[0].softmax(-1)
    for i in range(6):
        before = (images[:, :i] == x[:i]).all(1)
        at_i = before & (images[:, i] == x[i])
        torch.testing.assert_close(conditional[i, x[i]], p[at_i].sum() / p[before].sum())


@each
@torch.no_grad()
def test_the_future_has_no_say(name):
    """One pass gives what d passes give in which everything from the pixel on is nonsense."""
    model, x = randomize(MODELS[name]((4, 5), 4)), levels(3, 20, 4)
    together, nonsense = model.logits(x), levels(3, 20, 4, seed=9)
    for i in range(20):
        alone = model.logits(torch.cat([x[:, :i], nonsense[:, i:]], dim=1))[:, i]
        torch.testing.assert_close(alone, together[:, i], atol=1e-12, rtol=0)
    assert not torch.allclose(together, model.logits(nonsense))


@each
@torch.no_grad()
def test_loss_is_the_mean_over_images_of_the_sum_over_pixels(name):
    model, x = randomize(MODELS[name]((3, 3), 3)), levels(7, 9, 3)
    log_p = model.logits(x).log_softmax(-1)
    by_hand = -sum(log_p[n, i, x[n, i]] for n in range(7) for i in range(9)) / 7
    torch.testing.assert_close(model.loss(x), by_hand)
    torch.testing.assert_close(model.loss(x.double().numpy()), by_hand)


@each
@torch.no_grad()
def test_samples_have_the_probabilities(name):
    model, images = randomize(MODELS[name]((2, 2), 3)), all_images(4, 3)
    p, n = model.log_prob(images).exp(), 20_000
    drawn = model.sample(n, rng=torch.Generator().manual_seed(3))
    assert drawn.shape == (n, 4) and drawn.dtype == torch.int64
    share = torch.bincount((drawn * torch.tensor([27, 9, 3, 1])).sum(1), minlength=81) / n
    assert ((share - p).abs() <= 4.5 * (p * (1 - p) / n).sqrt() + 1e-4).all()
    again = model.sample(5, rng=torch.Generator().manual_seed(3))
    assert torch.equal(again, model.sample(5, rng=torch.Generator().manual_seed(3)))


@pytest.mark.parametrize("name", [name for name in MODELS if "MADE" not in name])
@torch.no_grad()
def test_a_start_is_kept_and_the_rest_is_drawn_given_it(name):
    model, images = randomize(MODELS[name]((2, 2), 3)), all_images(4, 3)
    start, n = torch.tensor([[2, 0]]), 20_000
    drawn = model.sample(n, start=start, rng=torch.Generator().manual_seed(4))
    assert torch.equal(drawn[:, :2], start.expand(n, 2))
    p = model.log_prob(images[54:63]).exp()  # those that begin with 2, 0
    share = torch.bincount(3 * drawn[:, 2] + drawn[:, 3], minlength=9) / n
    p = p / p.sum()
    assert ((share - p).abs() <= 4.5 * (p * (1 - p) / n).sqrt() + 1e-4).all()
    one_each = levels(5, 3, 3)
    assert torch.equal(model.sample(5, start=one_each)[:, :3], one_each)
    for wrong in (torch.zeros(3, 2), torch.zeros(5, 5), torch.full((1, 2), 3)):
        with pytest.raises(ValueError, match="start must"):
            model.sample(5, start=wrong)


@each
@pytest.mark.parametrize(
    ("x", "sentence"),
    [
        (torch.zeros(2, 10), r"\(n, 9\)"),
        (torch.full((2, 9), 3.0), "must lie in"),
        (torch.full((2, 9), -1), "must lie in"),
        (torch.full((2, 9), 0.5), "whole"),
        (torch.full((2, 9), float("nan")), "NaN"),
    ],
)
def test_bad_images_are_refused_in_a_sentence(name, x, sentence):
    with pytest.raises(ValueError, match=sentence):
        MODELS[name]((3, 3), 3).log_prob(x)


def test_fully_visible_net_is_logistic_regression_pixel_by_pixel():
    model, x = randomize(FullyVisibleBeliefNet(6)), levels(5, 6, 2)
    for i in range(6):
        w, b = model.weight[i, 1, 0, :i] - model.weight[i, 0, 0, :i], model.bias[i, 1] - model.bias[i, 0]
        p_one = torch.sigmoid(x[:, :i].double() @ w + b)
        torch.testing.assert_close(model.logits(x).softmax(-1)[:, i, 1], p_one)


@torch.no_grad()
def test_made_follows_its_order():
    model = randomize(MADE(12, 3, hidden=(40, 30), order=ORDER), std=0.3)
    x = levels(40, 12, 3)
    base = model.logits(x)
    for place, changed in enumerate(ORDER):
        other = x.clone()
        other[:, changed] = (x[:, changed] + 1) % 3
        moved = (model.logits(other) - base).abs().amax((0, 2)) > 1e-9
        assert set(torch.nonzero(moved)[:, 0].tolist()) == set(ORDER[place + 1 :])
    with pytest.raises(ValueError, match="each of 0 to 2 once"):
        MADE(3, order=[0, 1, 1])


def test_causal_masks():
    a, b = causal_mask(5, "A"), causal_mask(5, "B")
    assert a.sum() == 12 and b.sum() == 13 and b[2, 2] == 1 and a[2, 2] == 0
    assert (b[3:] == 0).all() and (b[2, 3:] == 0).all() and (b[:2] == 1).all()
    with pytest.raises(ValueError, match="odd"):
        causal_mask(4, "A")
    with pytest.raises(ValueError, match="A, B"):
        causal_mask(3, "C")


def test_the_gate_is_a_tanh_of_one_half_times_a_sigmoid_of_the_other():
    x = np.random.default_rng(0).normal(size=(2, 6, 3, 3))
    expected = np.tanh(x[:, :3]) / (1 + np.exp(-x[:, 3:]))
    np.testing.assert_allclose(gate(torch.tensor(x)), expected)


@pytest.mark.parametrize("kind", [{}, {"gated": False}, *({"without": name} for name in ABLATIONS)], ids=str)
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("n_layers", [1, 2, 4])
def test_what_a_pixel_sees_is_the_formula(kind, kernel, n_layers):
    """By the Jacobian of the features, at random weights, for pixels in the middle and at the borders."""
    shape, gated = (8, 9), kind not in ({"gated": False}, {"without": "second stack"})
    model = randomize(PixelCNN(shape, width=12, n_layers=n_layers, kernel=kernel, **kind), std=0.5)
    image = torch.randn(1, 1, *shape, requires_grad=True)
    features = model.features(image)
    for row, column in ((4, 3), (7, 8), (0, 5), (5, 0), (6, 4), (0, 0)):
        (slope,) = torch.autograd.grad(features[0, :, row, column].sum(), image, retain_graph=True)
        seen = seen_pixels(shape, row, column, kernel=kernel, n_layers=n_layers, gated=gated)
        np.testing.assert_array_equal(slope[0, 0].numpy() != 0, seen)


@pytest.mark.parametrize("kernel", [1, 4])
def test_what_a_pixel_sees_asks_for_a_window_with_a_centre(kernel):
    with pytest.raises(ValueError, match="kernel must be"):
        seen_pixels((5, 5), 2, 2, kernel=kernel, n_layers=1, gated=True)


@each
def test_sampling_keeps_no_gradients(name, monkeypatch):
    carried, draw = [], torch.multinomial

    def multinomial(probability, *arguments, **options):
        carried.append(probability.requires_grad)
        return draw(probability, *arguments, **options)

    monkeypatch.setattr(torch, "multinomial", multinomial)
    MODELS[name]((2, 2), 3).sample(2)
    assert carried and not any(carried)


def test_what_is_left_out_of_the_gated_network():
    """Without gates it is piecewise linear; without skips only the last layer speaks; and what is refused."""
    image = torch.randn(1, 1, 5, 5)
    curved = {}
    for without in (None, "gates"):
        model = randomize(PixelCNN((5, 5), width=4, n_layers=2, without=without))
        near = [model.features(image + t * 1e-4 * torch.ones_like(image)) for t in (-1, 0, 1)]
        curved[without] = (near[0] - 2 * near[1] + near[2]).abs().max().item()
    assert curved[None] > 1e-10 > 1e-12 > curved["gates"]
    model = randomize(PixelCNN((5, 5), width=4, n_layers=2, without="skips"))
    assert not any("skip" in name for name, _ in model.named_parameters())
    with torch.no_grad():
        model.layers[1].out.weight.zero_()  # the last layer's own share; what is left came by the residual
        assert not torch.equal(model.features(image), model.features(torch.zeros_like(image)))
    with pytest.raises(ValueError, match="gates, skips, second stack"):
        PixelCNN((5, 5), without="layers")
    with pytest.raises(ValueError, match="only the gated network"):
        PixelCNN((5, 5), gated=False, without="gates")


def test_the_recipe_of_black_and_white_images_measures_what_its_model_says():
    from coursekit import data
    from coursekit.autoregressive import recipe

    torch.set_default_dtype(torch.float32)
    train, test = data.train_and_test("digits")
    made = recipe.mnist(train, test)
    made.train(n_steps=2, device="cpu")
    (nats,) = made.measure(made.model).values()
    bits = torch.tensor(data.binarised(test).x, dtype=torch.float32)
    assert nats == pytest.approx(made.model.log_prob(bits).mean().item(), abs=1e-3)


def test_dropout_between_the_layers_silences_whole_channels_and_only_in_training():
    model = randomize(PixelCNN((4, 4), width=6, n_layers=3, layer_dropout=0.5))
    image, sure = torch.randn(2, 1, 4, 4), randomize(PixelCNN((4, 4), width=6, n_layers=3))
    torch.testing.assert_close(model.features(image), sure.features(image))
    torch.manual_seed(1)
    seen = {}
    model.layers[1].register_forward_hook(lambda layer, given, out: seen.update(v=given[0], h=given[1]))
    model.train().features(image)
    model.eval()
    for i, name in enumerate(("v", "h")):
        kept = model.layers[0](*[torch.cat([image, torch.ones_like(image)], 1)] * 2)[i]
        silent = (seen[name] == 0).all((2, 3))  # (images, channels)
        assert 0 < silent.sum() < 12
        torch.testing.assert_close(seen[name], 2 * kept * ~silent[:, :, None, None])


@pytest.mark.parametrize("kernel", [3, 5, 7])
def test_the_gated_network_has_no_blind_spot_and_the_plain_one_has(kernel):
    shape = (8, 8)
    past = np.arange(64).reshape(shape)
    gaps = {True: 0, False: 0}
    for gated, (row, column) in itertools.product(gaps, itertools.product(range(8), range(8))):
        seen = seen_pixels(shape, row, column, kernel=kernel, n_layers=8, gated=gated)
        before = past < 8 * row + column
        assert not (seen & ~before).any()
        gaps[gated] += (before & ~seen).sum()
    assert gaps[True] == 0 and (gaps[False] > 0) == (kernel < 13)


@torch.no_grad()
def test_row_lstm_carried_along_is_the_whole_pass():
    """What sampling computes row by row are the features and states of the teacher-forced pass."""
    model, x = randomize(PixelRNN((5, 4), n_levels=4, width=6, kernel=5)), levels(3, 20, 4)
    state, rows = model.empty_state(3), []
    for row in range(5):
        state = model.step(model.row_features(x, row), state)
        rows.append(model.row_logits(state[0], row))
    torch.testing.assert_close(torch.cat(rows, 1), model.logits(x), atol=1e-12, rtol=0)


def logistic_draws(n=400, n_levels=17, seed=5):
    rng = torch.Generator().manual_seed(seed)
    x = torch.randint(n_levels, (n,), generator=rng).double()
    mean = n_levels * (1.4 * torch.rand(n, generator=rng, dtype=torch.float64) - 0.2)
    return x, mean, 2 * torch.randn(n, generator=rng, dtype=torch.float64)


def test_discretised_logistic_is_the_mass_of_its_bin():
    x, mean, log_scale = logistic_draws()
    level = torch.arange(17.0)
    log_p = discretized_logistic_log_prob(level, mean[:, None], log_scale[:, None], n_levels=17)
    torch.testing.assert_close(log_p.logsumexp(1), torch.zeros(400), atol=1e-12, rtol=0)
    # Inner levels: Simpson's rule over the bin, where the density is wide enough for 200 pieces.
    wide = (log_scale > -1) & (x > 0) & (x < 16)
    t = torch.linspace(-0.5, 0.5, 401)
    z = (x[wide, None] + t - mean[wide, None]) / log_scale[wide, None].exp()
    density = torch.exp(-z.abs()) / (1 + torch.exp(-z.abs())) ** 2 / log_scale[wide, None].exp()
    weight = torch.ones(401)
    weight[1:-1:2], weight[2:-1:2] = 4, 2
    mass = (density * weight).sum(1) / 1200
    mine = discretized_logistic_log_prob(x[wide], mean[wide], log_scale[wide], n_levels=17)
    torch.testing.assert_close(mine.exp(), mass, rtol=1e-6, atol=1e-300)
    torch.testing.assert_close(mine, mass.log(), rtol=1e-5, atol=1e-5)


def test_discretised_logistic_keeps_its_digits_far_out():
    """Where the plain difference of sigmoids is 0 the logarithm is still right, and so is its gradient."""
    far = discretized_logistic_log_prob(
        torch.tensor(250.0), torch.tensor(3.0), torch.tensor(0.0), n_levels=256
    )
    assert far.item() == pytest.approx(-(250 - 0.5 - 3) + math.log1p(-math.exp(-1)), abs=1e-9)
    x, mean, log_scale = logistic_draws(n=60)
    mean.requires_grad_(), log_scale.requires_grad_()
    assert torch.isfinite(discretized_logistic_log_prob(x, mean, log_scale, n_levels=17)).all()
    torch.autograd.gradcheck(
        lambda m, s: discretized_logistic_log_prob(x, m, s, n_levels=17), (mean, log_scale)
    )
    single = discretized_logistic_log_prob(x.float(), mean.float(), log_scale.float(), n_levels=17)
    assert torch.isfinite(single).all()
    double = discretized_logistic_log_prob(x, mean, log_scale, n_levels=17)
    torch.testing.assert_close(single.double(), double, rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match="levels from 0"):
        discretized_logistic_log_prob(torch.tensor(17.0), mean, log_scale, n_levels=17)


@pytest.mark.parametrize("level", [math.nan, 3.5, -1.0])
def test_discretised_logistic_refuses_what_is_no_level(level):
    x, zero = torch.tensor([3.0, level]), torch.tensor(0.0)
    with pytest.raises(ValueError, match="whole levels from 0"):
        discretized_logistic_log_prob(x, zero, zero, n_levels=17)


def test_mixture_sums_to_one_and_is_a_sum_of_probabilities():
    mean, log_scale, weight = (torch.randn(30, 1, 5) for _ in range(3))
    level = torch.arange(17.0).expand(30, 17)
    mixed = discretized_mixture_log_prob(level, weight, 8 + 8 * mean, log_scale, n_levels=17)
    torch.testing.assert_close(mixed.exp().sum(1), torch.ones(30))
    parts = discretized_logistic_log_prob(level[..., None], 8 + 8 * mean, log_scale, n_levels=17).exp()
    torch.testing.assert_close(mixed.exp(), (weight.softmax(-1) * parts).sum(-1))


def test_samples_of_the_discretised_logistic():
    n, level = 50_000, torch.arange(17.0)
    for mean, log_scale in ((3.3, 0.4), (15.0, 1.2), (-2.0, 0.0)):
        mean, log_scale = torch.tensor(mean), torch.tensor(log_scale)
        p = discretized_logistic_log_prob(level, mean, log_scale, n_levels=17).exp()
        drawn = sample_discretized_logistic(
            mean.expand(n), log_scale, n_levels=17, rng=torch.Generator().manual_seed(0)
        )
        share = torch.bincount(drawn.long(), minlength=17) / n
        assert ((share - p).abs() <= 4 * (p * (1 - p) / n).sqrt() + 1e-4).all()


def test_logistic_head_says_the_same_by_levels_and_by_logits():
    model, x = randomize(MODELS["logistic head"]((3, 4), 17)), levels(5, 12, 17)
    log_p = model.logits(x).log_softmax(-1).gather(-1, x[..., None])[..., 0]
    torch.testing.assert_close(model.log_prob(x), log_p.sum(1))
    with pytest.raises(ValueError, match="softmax, logistic"):
        PixelCNN((3, 3), head="normal")


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
def test_schedules_reveal_everything_and_waste_no_step(schedule):
    for n_pixels, n_steps in [(64, 1), (64, 4), (64, 63), (64, 64), (9, 5), (1, 1), (196, 20)]:
        counts = steps_to_reveal(n_pixels, n_steps, schedule)
        assert len(counts) == n_steps and sum(counts) == n_pixels and min(counts) >= 1
    assert steps_to_reveal(64, 8, "cosine")[0] < steps_to_reveal(64, 8, "cosine")[-1]
    assert set(steps_to_reveal(64, 8, "linear")) == {8}
    for bad in (0, 10):
        with pytest.raises(ValueError, match="n_steps"):
            steps_to_reveal(9, bad)
    with pytest.raises(ValueError, match="cosine, linear"):
        steps_to_reveal(9, 3, "square")


@torch.no_grad()
def test_masked_model_hides_what_is_hidden():
    model, x = randomize(MaskGIT(9, n_levels=3, hidden=(16,))), levels(4, 9, 3)
    visible = torch.rand(4, 9, generator=torch.Generator().manual_seed(0)) < 0.5
    other = torch.where(visible, x, (x + 1) % 3)
    assert torch.equal(model.logits(x, visible), model.logits(other, visible))
    assert not torch.allclose(model.logits(x, visible), model.logits(x, ~visible))


@torch.no_grad()
def test_masked_loss_is_the_mean_over_orders():
    """Four pixels, 24 orders: expectation of the loss = mean over orders of -log p, both by enumeration."""
    model, x = randomize(MaskGIT(4, n_levels=3, hidden=(16,))), levels(5, 4, 3)
    orders = torch.stack([-model.log_prob(x, order=o) for o in itertools.permutations(range(4))])
    assert orders.std(0).max() > 0.1, "orders that agree would prove little"
    expected = 0.0
    for k in range(1, 5):
        for hidden in itertools.combinations(range(4), k):
            mask = torch.zeros(5, 4, dtype=torch.bool)
            mask[:, list(hidden)] = True
            log_p = model.logits(x, ~mask).log_softmax(-1).gather(-1, x[..., None])[..., 0]
            expected = expected - (log_p * mask).sum(1) * 4 / k / 4 / math.comb(4, k)
    torch.testing.assert_close(expected, orders.mean(0))
    rng = torch.Generator().manual_seed(1)
    drawn = torch.stack([model.loss(x, rng=rng) for _ in range(3000)])
    assert (drawn.mean() - expected.mean()).abs() <= 4 * drawn.std() / math.sqrt(3000)


@torch.no_grad()
def test_masked_model_samples_one_at_a_time_as_promised():
    """Random order, a pixel per step: the mean over orders of p. All at once: the product of marginals."""
    model, images, n = randomize(MaskGIT(3, n_levels=3, hidden=(16,)), std=0.8), all_images(3, 3), 20_000
    orders = itertools.permutations(range(3))
    mean = torch.stack([model.log_prob(images, order=order).exp() for order in orders]).mean(0)
    at_once = model.logits(images, torch.zeros_like(images, dtype=torch.bool)).log_softmax(-1)
    product = at_once.gather(-1, images[..., None])[..., 0].sum(1).exp()
    for n_steps, p in ((3, mean), (1, product)):
        drawn = model.sample(n, n_steps=n_steps, rng=torch.Generator().manual_seed(6))
        share = torch.bincount((drawn * torch.tensor([9, 3, 1])).sum(1), minlength=27) / n
        assert ((share - p).abs() <= 4.5 * (p * (1 - p) / n).sqrt() + 1e-4).all()
    assert not torch.allclose(mean, product, atol=0.02)


@torch.no_grad()
def test_masked_model_completes_and_shows_its_steps():
    model, x = randomize(MaskGIT(9, n_levels=3, hidden=(16,))), levels(4, 9, 3)
    visible = torch.arange(9).expand(4, 9) < 3
    seen = []
    done = model.sample(4, n_steps=4, x=x, visible=visible, on_step=lambda x, v: seen.append(v.sum(1)))
    assert torch.equal(done[:, :3], x[:, :3])
    assert torch.stack(seen)[:, 0].tolist() == [3, *(3 + np.cumsum(steps_to_reveal(6, 4))).tolist()]
    for choose, temperature in (("confidence", 0.0), ("confidence", 5.0)):
        drawn = model.sample(4, n_steps=3, choose=choose, temperature=temperature)
        assert drawn.shape == (4, 9) and drawn.min() >= 0 and drawn.max() <= 2
    with pytest.raises(ValueError, match="random, confidence"):
        model.sample(2, choose="best")


@pytest.mark.parametrize("order", [[0, 1], [0, 0, 0, 0], [0, 1, 2, 3, 3], [1, 2, 3, 4]])
def test_masked_model_refuses_what_is_no_order(order):
    model = MaskGIT(4, hidden=(8,))
    with pytest.raises(ValueError, match="each of 0 to 3 once"):
        model.log_prob(levels(5, 4, 2), order=order)


def test_masked_model_refuses_images_that_do_not_fit():
    model, x = MaskGIT(4, hidden=(8,)), levels(5, 4, 2)
    visible = torch.arange(4).expand(5, 4) < 2
    with pytest.raises(ValueError, match="x must have shape \\(3, 4\\), as n is 3"):
        model.sample(3, x=x, visible=visible)
    with pytest.raises(ValueError, match="visible must have shape \\(5, 4\\)"):
        model.sample(5, x=x, visible=visible[:3])
    for half in ({"x": x}, {"visible": visible}):
        with pytest.raises(ValueError, match="go together"):
            model.sample(5, **half)


@torch.no_grad()
def test_confidence_keeps_the_surest_draws():
    """With a network that is sure about one pixel, that pixel is revealed first in every image."""
    model = randomize(MaskGIT(4, n_levels=2, hidden=(8,)), std=0.0)
    model.net[-1].bias.copy_(torch.tensor([0.0, 0, 0, 0, 9, 0, 0, 0]))  # pixel 2: level 0
    seen = []
    model.sample(50, n_steps=4, choose="confidence", on_step=lambda x, v: seen.append(v.clone()))
    assert seen[1][:, 2].double().mean() > 0.95


def test_a_fit_of_the_fully_visible_net_finds_what_counting_finds():
    """Two binary pixels: the maximum of the likelihood is known in closed form."""
    x = torch.tensor([[0, 0]] * 30 + [[0, 1]] * 10 + [[1, 0]] * 5 + [[1, 1]] * 15)
    model = FullyVisibleBeliefNet(2)
    fit(model, x.double(), n_steps=400, batch_size=60, learning_rate=0.1, device="cpu")
    share = torch.tensor([30, 10, 5, 15]) / 60
    torch.testing.assert_close(model.log_prob(all_images(2, 2)).exp(), share, atol=1e-3, rtol=0)
