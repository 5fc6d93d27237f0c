"""Lecture 15: conditional games, translation, super-resolution, growing and capsules, on random inputs."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn

from coursekit import conditional_gan as cgan
from coursekit.gan import jensen_shannon
from coursekit.training import fit, fit_adversarial


@pytest.fixture(autouse=True)
def double_precision():
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(torch.float32)


def randomised(module):
    """The module with parameters from N(0, 0.5), so that nothing passes at zero."""
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.5)
    return module


# --- the conditional discriminator ------------------------------------------------------------------------


def three_tables(rng, cells=12):
    return [rng.dirichlet(np.ones(cells)) for _ in range(3)]


@pytest.mark.parametrize("weight", [0.0, 0.3, 0.5, 1.0])
def test_optimal_discriminator_is_where_the_value_is_greatest(weight):
    p, m, p_model = three_tables(np.random.default_rng(1))
    best = cgan.optimal_conditional_discriminator(p, m, p_model, weight)
    scores = torch.zeros(12, requires_grad=True)
    p, m, p_model = (torch.tensor(each) for each in (p, m, p_model))

    def value(D):
        return (p * D.log() + (weight * m + (1 - weight) * p_model) * (1 - D).log()).sum()

    climber = torch.optim.LBFGS([scores], lr=1, max_iter=500, tolerance_grad=1e-12, tolerance_change=0)

    def closure():
        climber.zero_grad()
        loss = -value(scores.sigmoid())
        loss.backward()
        return loss

    climber.step(closure)
    np.testing.assert_allclose(scores.sigmoid().detach(), best, atol=1e-6)
    mixed = weight * m + (1 - weight) * p_model
    at_best = value(torch.tensor(best)).item()
    assert at_best == pytest.approx(2 * jensen_shannon(p, mixed, 1) - math.log(4), abs=1e-12)


@pytest.mark.parametrize("weight", [0.0, 0.25, 0.5, 0.9])
def test_no_other_generator_is_nearer(weight):
    rng = np.random.default_rng(2)
    p, m, _ = three_tables(rng)
    best = cgan.best_generator(p, m, weight)
    assert best.sum() == pytest.approx(1) and best.min() >= 0

    def divergence(p_model):
        return jensen_shannon(p, weight * m + (1 - weight) * p_model, 1)

    for share in (1e-3, 0.03, 0.5):
        others = rng.dirichlet(np.full(12, 0.3), size=200)
        assert all(divergence((1 - share) * best + share * other) > divergence(best) for other in others)
    if weight == 0:
        np.testing.assert_allclose(best, p, atol=1e-12)
    else:
        assert divergence(p) > divergence(best) + 1e-6  # the data are not the best generator


def test_the_best_generator_makes_its_discriminator_indifferent():
    p, m, _ = three_tables(np.random.default_rng(3))
    best = cgan.best_generator(p, m, 0.5)
    D = cgan.optimal_conditional_discriminator(p, m, best, 0.5)
    np.testing.assert_allclose(D[best > 1e-9], D[best > 1e-9][0], atol=1e-9)
    assert (D[best <= 1e-9] <= D[best > 1e-9][0] + 1e-9).all()


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: cgan.optimal_conditional_discriminator([0.5, 0.5], [1.0], [0.5, 0.5], 0.5), "same points"),
        (lambda: cgan.optimal_conditional_discriminator([-1.0], [1.0], [1.0], 0.5), "not negative"),
        (lambda: cgan.optimal_conditional_discriminator([1.0], [1.0], [1.0], 1.5), "weight"),
        (lambda: cgan.best_generator([0.5, 0.4], [0.5, 0.5], 0.5), "p must be probabilities"),
        (lambda: cgan.best_generator([0.5, 0.5], [0.5, 0.5], 1.0), "weight"),
        (lambda: cgan.ConditionalDiscriminator(4, 2, merge="sum"), "projection, early, late"),
        (lambda: cgan.ConditionalGAN(nn.Identity(), nn.Identity(), n_latent=0), "n_latent"),
        (lambda: cgan.ConditionalGAN(nn.Identity(), nn.Identity(), n_latent=1, mismatched=1.0), "mismatched"),
        (lambda: cgan.shrink(torch.zeros(1, 1, 5, 4), 2), "cannot be shrunk"),
        (lambda: cgan.GrowingGenerator(alpha=1.5), "alpha"),
        (lambda: cgan.GrowingGenerator(level=3), "level"),
        (lambda: cgan.Pix2Pix(nn.Identity(), nn.Identity(), n_latent=1, norm="l3"), "l1, l2"),
    ],
)
def test_bad_input_gets_a_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --- the conditional game ---------------------------------------------------------------------------------


def small_game(merge="projection", **options):
    torch.manual_seed(4)
    generator = randomised(cgan.ConditionalGenerator(3, 2, 5, width=8))
    discriminator = randomised(cgan.ConditionalDiscriminator(5, 2, merge=merge, width=8))
    return cgan.ConditionalGAN(generator, discriminator, n_latent=3, **options)


@pytest.mark.parametrize("weight", [0.0, 0.3, 0.5])
def test_opponent_loss_is_minus_the_value_with_mismatched_pairs(weight):
    game = small_game(mismatched=weight)
    x, c = torch.rand(6, 5), torch.randn(6, 2)
    rng = torch.Generator().manual_seed(5)
    fake = game.generator(torch.randn(6, 3, generator=rng), c)
    wrong = c[[5, 0, 1, 2, 3, 4]]

    def D(images, conditions):
        return game.discriminator(images, conditions).sigmoid()

    value = D(x, c).log().mean() + (1 - weight) * (1 - D(fake, c)).log().mean()
    value = value + weight * (1 - D(x, wrong)).log().mean()
    torch.testing.assert_close(game.opponent_loss(x, c, rng=torch.Generator().manual_seed(5)), -value)


def test_the_generator_gets_no_gradient_from_the_opponents_loss():
    game = small_game()
    game.opponent_loss(torch.rand(6, 5), torch.randn(6, 2)).backward()
    assert all(parameter.grad is None for parameter in game.generator.parameters())


def test_generator_loss_does_not_look_at_the_pictures():
    game = small_game()
    c = torch.randn(6, 2)
    losses = [
        game.generator_loss(torch.rand(6, 5), c, rng=torch.Generator().manual_seed(1)) for _ in range(2)
    ]
    assert losses[0] == losses[1] and losses[0].requires_grad


@pytest.mark.parametrize("merge", ["projection", "early", "late"])
def test_every_merge_sees_picture_and_condition_together(merge):
    """s(x, c) - s(x, c') - s(x', c) + s(x', c') is 0 for a sum of two separate scores, and not here."""
    discriminator = small_game(merge).discriminator
    x, c = torch.rand(4, 5), torch.randn(4, 2)
    y, d = torch.rand(4, 5), torch.randn(4, 2)
    score = discriminator
    assert (score(x, c) - score(x, d) - score(y, c) + score(y, d)).abs().max() > 1e-3


def test_projection_is_linear_in_the_condition():
    discriminator = small_game().discriminator
    x, c, d = torch.rand(4, 5), torch.randn(4, 2), torch.randn(4, 2)
    middle = discriminator(x, (c + d) / 2)
    torch.testing.assert_close(middle, (discriminator(x, c) + discriminator(x, d)) / 2)


def test_sampling_is_repeatable_and_varied():
    game = small_game()
    c = torch.zeros(50, 2)
    first = game.sample(c, rng=torch.Generator().manual_seed(1))
    torch.testing.assert_close(first, game.sample(c, rng=torch.Generator().manual_seed(1)), rtol=0, atol=0)
    assert first.std(0).min() > 1e-3


def test_pairs_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="one condition per picture"):
        small_game().opponent_loss(torch.rand(6, 5), torch.randn(5, 2))


def test_the_game_learns_two_classes():
    """Two Gaussians in one dimension, told apart by the condition; the loop, not the quality, is tested."""
    torch.set_default_dtype(torch.float32)
    label = torch.arange(400) % 2
    x = (0.25 + 0.5 * label + 0.05 * torch.randn(400))[:, None]
    c = nn.functional.one_hot(label).float()
    generator = cgan.ConditionalGenerator(2, 2, 1, width=16)
    game = cgan.ConditionalGAN(generator, cgan.ConditionalDiscriminator(1, 2, width=16), n_latent=2)
    before = game.sample(c).squeeze()
    fit_adversarial(game, (x, c), n_steps=300, learning_rate=5e-3, batch_size=64, device="cpu")
    drawn = game.sample(c).squeeze()

    def apart(samples):
        return (samples[label == 1].mean() - samples[label == 0].mean()).item()

    assert apart(drawn) > 0.3 > abs(apart(before))


def test_the_second_stage_draws_from_the_words_and_the_small_picture_and_leaves_the_first_alone():
    first, second = (
        cgan.ConditionalGenerator(2, 3, 4, width=8),
        cgan.ConditionalGenerator(5, 3 + 4, 16, width=8),
    )
    stacked = cgan.StackedGenerator(randomised(first), randomised(second), n_first=2)
    z, c = torch.randn(6, 7), torch.randn(6, 3)
    small = first(z[:, :2], c)
    assert torch.equal(stacked(z, c), second(z[:, 2:], torch.cat([c, small], dim=1)))
    stacked(z, c).sum().backward()
    assert all(parameter.grad is None for parameter in first.parameters())
    assert all(parameter.grad is not None for parameter in second.parameters())


@pytest.mark.parametrize("sign", [-1, 1])
def test_conditioning_augmentation(sign):
    mean, log_var = torch.randn(3, 4), sign * torch.rand(3, 4)
    rng = torch.Generator().manual_seed(6)
    condition, divergence = cgan.conditioning_augmentation(
        mean.expand(50_000, 3, 4), log_var.expand(50_000, 3, 4), rng=rng
    )
    torch.testing.assert_close(condition.mean(0), mean, atol=0.03, rtol=0)
    torch.testing.assert_close(condition.var(0), log_var.exp(), atol=0.1, rtol=0)
    q = torch.distributions.Normal(mean, (log_var / 2).exp())
    exact = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum(-1)
    torch.testing.assert_close(divergence[0], exact)


def test_conditioning_augmentation_passes_gradients():
    mean, log_var = torch.zeros(2, 3, requires_grad=True), torch.zeros(2, 3, requires_grad=True)
    condition, _ = cgan.conditioning_augmentation(mean, log_var)
    condition.sum().backward()
    assert (mean.grad == 1).all() and (log_var.grad != 0).all()


# --- super-resolution -------------------------------------------------------------------------------------


def test_enlarging_is_the_adjoint_of_shrinking():
    x, y = torch.randn(2, 3, 8, 12), torch.randn(2, 3, 2, 3)
    assert (cgan.shrink(x, 4) * y).sum() == pytest.approx(float((x * cgan.enlarge(y, 4)).sum()) / 16)
    torch.testing.assert_close(cgan.shrink(cgan.enlarge(y, 4), 4), y)


def test_consistent_is_the_nearest_picture_that_shrinks_to_the_small_one():
    x, y = torch.randn(2, 3, 8, 8), torch.randn(2, 3, 2, 2)
    held = cgan.consistent(x, y)
    torch.testing.assert_close(cgan.shrink(held, 4), y)
    torch.testing.assert_close(cgan.consistent(held, y), held)
    other = cgan.consistent(torch.randn(2, 3, 8, 8), y)
    assert ((x - other) ** 2).sum() > ((x - held) ** 2).sum()
    assert float(((x - held) * (other - held)).sum()) == pytest.approx(0, abs=1e-10)  # orthogonal


def test_consistent_generator_shrinks_to_its_condition():
    generator = cgan.ConsistentGenerator(randomised(cgan.ConditionalGenerator(2, 12, 3 * 64)), (3, 8, 8))
    y = torch.rand(5, 3, 2, 2)
    torch.testing.assert_close(cgan.shrink(generator(torch.randn(5, 2), y), 4), y)


# --- translation ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "layers", [[(4, 2), (4, 2), (1, 1)], [(3, 1), (3, 2), (2, 1)], [(4, 2), (4, 2), (4, 1)]]
)
def test_receptive_field_by_arithmetic_is_that_of_the_gradient(layers):
    network = randomised(cgan.conv_layers([1] + [2] * len(layers), layers))
    x = torch.randn(1, 1, 61, 61, requires_grad=True)
    scores = network(x)
    middle = scores.shape[-1] // 2
    (slope,) = torch.autograd.grad(scores[0, :, middle, middle].sum(), x)
    seen = slope[0, 0].abs() > 0
    rows, columns = seen.any(1).nonzero(), seen.any(0).nonzero()
    assert int(rows.max() - rows.min()) + 1 == cgan.receptive_field(layers)
    assert int(columns.max() - columns.min()) + 1 == cgan.receptive_field(layers)


def test_leaky_rectifiers_stand_between_convolutions_and_not_after_the_last():
    network, x = randomised(cgan.conv_layers([2, 3, 4, 1], [(3, 1)] * 3)), torch.randn(2, 2, 7, 7)
    first, second, third = (layer for layer in network if isinstance(layer, nn.Conv2d))

    def leaky(a):
        return torch.where(a > 0, a, 0.2 * a)

    torch.testing.assert_close(network(x), third(leaky(second(leaky(first(x))))))


def test_patch_discriminator_sees_ten_pixels():
    assert cgan.receptive_field(list(cgan.PatchDiscriminator.LAYERS)) == 10
    assert cgan.PatchDiscriminator(3)(torch.rand(2, 3, 16, 16)).shape == (2, 16)


def test_unet_hands_fine_features_across_and_uses_its_latents():
    network = randomised(cgan.TranslationUNet(1, 3, n_latent=2, width=4))
    y, z = torch.rand(2, 1, 16, 16), torch.randn(2, 2)
    out = network(y, z)
    assert out.shape == (2, 3, 16, 16) and out.min() >= 0
    assert (network(y, z + 1) - out).abs().max() > 1e-6
    nn.init.zeros_(network.up[0].weight)  # the way through the bottom is closed
    nn.init.zeros_(network.up[0].bias)
    assert (network(1 - y, z) - network(y, z)).abs().max() > 1e-6
    moved = y.clone()
    moved[:, :, 0, 0] += 1
    changed = (network(moved, z) - network(y, z)).abs().sum(1)[0] > 0
    assert changed[:3, :3].any() and not changed[3:].any()  # across, a pixel moves only its neighbours


class Constant(nn.Module):
    """The same picture for every sketch."""

    def __init__(self):
        super().__init__()
        self.value = nn.Parameter(torch.tensor(0.45))

    def forward(self, y, z):
        return self.value.expand(len(y), 1, 1, 1)


@pytest.mark.parametrize("norm, best", [("l2", np.mean), ("l1", np.median)])
def test_distances_alone_give_mean_and_median(norm, best):
    answers = torch.tensor([0.1, 0.2, 0.3, 0.4, 1.0])
    game = cgan.Pix2Pix(Constant(), nn.Identity(), n_latent=1, norm=norm)
    y, x = torch.zeros(5, 1, 1, 1), answers.reshape(5, 1, 1, 1)
    fit(game, (y, x), n_steps=600, batch_size=5, learning_rate=0.01, schedule="linear", device="cpu")
    assert game.generator.value.item() == pytest.approx(best(answers.numpy()), abs=3e-3)


def pix2pix():
    generator = randomised(cgan.TranslationUNet(1, 3, n_latent=2, width=4))
    return cgan.Pix2Pix(generator, randomised(cgan.PatchDiscriminator(4, width=4)), n_latent=2, weight=7.0)


def test_pix2pix_losses_are_those_of_the_docstring():
    game, y, x = pix2pix(), torch.rand(3, 1, 16, 16), torch.rand(3, 3, 16, 16)
    fake = game.generator(y, torch.randn(3, 2, generator=torch.Generator().manual_seed(1)))

    def D(images):
        return game.discriminator(torch.cat([y, images], dim=1)).sigmoid()

    expected = -D(fake).log().mean() + 7 * (fake - x).abs().mean()
    torch.testing.assert_close(game.generator_loss(y, x, rng=torch.Generator().manual_seed(1)), expected)
    expected = -D(x).log().mean() - (1 - D(fake)).log().mean()
    torch.testing.assert_close(game.opponent_loss(y, x, rng=torch.Generator().manual_seed(1)), expected)
    expected = (fake - x).abs().mean()
    torch.testing.assert_close(game.loss(y, x, rng=torch.Generator().manual_seed(1)), expected)


def test_the_distance_counts_unless_it_is_switched_off():
    generator, discriminator = cgan.TranslationUNet(1, 3, n_latent=2), cgan.PatchDiscriminator(4)
    y, x, losses = torch.rand(3, 1, 16, 16), torch.rand(3, 3, 16, 16), {}
    for options in ({}, {"weight": 0.0}):
        game = cgan.Pix2Pix(generator, discriminator, n_latent=2, **options)
        rng = torch.Generator().manual_seed(1)
        losses[len(options)] = game.generator_loss(y, x, rng=rng)
        distance = game.loss(y, x, rng=torch.Generator().manual_seed(1))
    assert losses[0] > losses[1] + distance


def test_each_permutation_has_cycle_loss_zero_and_one_is_right():
    pictures = torch.randn(4, 6)
    zero = right = 0
    for order in itertools.permutations(range(4)):

        def forth(a, order=order):
            return pictures[[order[(pictures == row).all(1).nonzero().item()] for row in a]]

        def back(b, order=order):
            return pictures[[order.index((pictures == row).all(1).nonzero().item()) for row in b]]

        zero += cgan.cycle_loss(forth, back, pictures, pictures).item() == 0
        right += bool((forth(pictures) == pictures).all())
    assert (zero, right) == (24, 1)


def test_cycle_loss_adds_both_ways():
    a, b = torch.randn(3, 4), torch.randn(5, 4)
    loss = cgan.cycle_loss(lambda x: 2 * x, lambda x: x / 3, a, b)
    torch.testing.assert_close(loss, (a / 3).abs().mean() + (b / 3).abs().mean())


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_cyclegan_losses_are_those_of_the_docstring(noise):
    forth, back = randomised(nn.Linear(3, 2)), randomised(nn.Linear(2, 3))
    judges = randomised(nn.Linear(3, 1)), randomised(nn.Linear(2, 1))
    game = cgan.CycleGAN(forth, back, *judges, cycle_weight=4.0, noise=noise)
    a, b = torch.randn(5, 3), torch.randn(5, 2)
    rng = torch.Generator().manual_seed(2)

    def spoilt(pictures):
        return pictures + noise * torch.randn(pictures.shape, generator=rng) if noise else pictures

    fake_a, fake_b = back(spoilt(b)), forth(a)
    expected = ((judges[1](fake_b) - 1) ** 2).mean() / 2 + ((judges[0](fake_a) - 1) ** 2).mean() / 2
    cycle = (back(spoilt(fake_b)) - a).abs().mean() + (forth(fake_a) - b).abs().mean()
    loss = game.generator_loss(a, b, rng=torch.Generator().manual_seed(2))
    torch.testing.assert_close(loss, expected + 4 * cycle)
    rng = torch.Generator().manual_seed(2)
    fake_a = back(spoilt(b))
    expected = ((judges[0](a) - 1) ** 2).mean() / 2 + (judges[0](fake_a) ** 2).mean() / 2
    expected = expected + ((judges[1](b) - 1) ** 2).mean() / 2 + (judges[1](fake_b) ** 2).mean() / 2
    loss = game.opponent_loss(a, b, rng=torch.Generator().manual_seed(2))
    torch.testing.assert_close(loss, expected)


# --- growing ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [1, 2])
def test_a_new_layer_changes_nothing_at_first(level):
    generator = randomised(cgan.GrowingGenerator(0.0, level=level, width=4))
    discriminator = randomised(cgan.GrowingDiscriminator(0.0, level=level, width=4))
    z = torch.randn(6, 16)
    drawn = generator(z)
    judged = discriminator(drawn)
    generator.set_growth(level - 1, 1.0)
    discriminator.set_growth(level - 1, 1.0)
    torch.testing.assert_close(drawn, cgan.enlarge(generator(z), 2))
    torch.testing.assert_close(judged, discriminator(cgan.shrink(drawn, 2)))


def test_in_the_end_only_the_new_path_is_left():
    generator = randomised(cgan.GrowingGenerator(1.0, level=2, width=4))
    drawn = generator(torch.ones(2, 16))
    randomised(generator.paint[1])
    torch.testing.assert_close(generator(torch.ones(2, 16)), drawn)


def test_a_network_starts_at_four_pixels_and_a_named_level_is_whole():
    assert cgan.GrowingDiscriminator()(cgan.GrowingGenerator()(torch.randn(3, 16))).shape == (3,)
    generator, z = cgan.GrowingGenerator(level=2), torch.randn(3, 16)
    drawn = generator(z)
    generator.set_growth(2, 1.0)
    torch.testing.assert_close(generator(z), drawn)


def test_pictures_and_gradients_are_linear_in_alpha():
    generator = randomised(cgan.GrowingGenerator(level=1, width=4))
    z, weight = torch.randn(3, 16), torch.randn(3, 3, 8, 8)
    pictures, slopes = {}, {}
    for alpha in (0.0, 0.25, 0.5, 1.0):
        generator.set_growth(1, alpha)
        generator.zero_grad()
        pictures[alpha] = generator(z)
        (weight * pictures[alpha]).sum().backward()
        slopes[alpha] = generator.paint[1].weight.grad
    torch.testing.assert_close(pictures[0.25], 0.75 * pictures[0.0] + 0.25 * pictures[1.0])
    torch.testing.assert_close(slopes[0.5], slopes[1.0] / 2)
    assert slopes[0.0] is None or (slopes[0.0] == 0).all()


# --- capsules ---------------------------------------------------------------------------------------------


def test_squash_keeps_the_direction_and_bounds_the_length():
    s = torch.randn(20, 4) * torch.logspace(-3, 3, 20)[:, None]
    out = cgan.squash(s)
    lengths = s.norm(dim=1)
    torch.testing.assert_close(out.norm(dim=1), lengths**2 / (1 + lengths**2))
    torch.testing.assert_close(out / out.norm(dim=1, keepdim=True), s / lengths[:, None])
    zero = torch.zeros(3, requires_grad=True)
    cgan.squash(zero).sum().backward()
    assert torch.isfinite(zero.grad).all()


def test_routing_listens_to_votes_that_agree():
    agree = torch.tensor([1.0, 0.0, 1.0]).expand(6, 3)
    scattered = torch.randn(6, 3)
    scattered *= agree.norm(dim=1, keepdim=True) / scattered.norm(dim=1, keepdim=True)
    votes = torch.stack([agree, scattered], dim=1)[None]  # (1, 6 parts, 2 wholes, 3)
    whole, coupling = cgan.route(votes, n_iterations=4)
    torch.testing.assert_close(coupling.sum(-1), torch.ones(1, 6))
    _, undecided = cgan.route(votes, n_iterations=1)
    torch.testing.assert_close(undecided, torch.full((1, 6, 2), 0.5))
    assert (coupling[0, :, 0] > 0.6).all() and whole[0, 0].norm() > whole[0, 1].norm()
    shuffled, _ = cgan.route(votes[:, [3, 1, 5, 0, 2, 4]], n_iterations=4)
    torch.testing.assert_close(shuffled, whole)  # the order of the parts does not matter
