"""The protocol of lecture 19: densities and masses that sum to one, bounds that are bounds, fair columns."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

from benchmarks import families
from coursekit import data
from coursekit.comparison import bounds, mixtures, protocol, recipe
from coursekit.ddpm import DDPM, linear_schedule

# Of the larger digits only the family that the others lack.
NAMES = [(task, name) for task in ("bits", "digits") for name in recipe.FAMILIES[task]]
NAMES.append(("mini_mnist", "conditional flow"))


def all_images(d, n_levels):
    return torch.tensor(list(itertools.product(range(n_levels), repeat=d)), dtype=torch.float32)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def task():
    """8 x 8 digits in grey."""
    return recipe.load("digits")


# Masses and densities


def test_noisy_copies_are_a_distribution_and_the_mean_over_the_images():
    images = torch.randint(3, (5, 4), generator=generator(1)).float()
    table = torch.tensor([[0.7, 0.2, 0.1], [0.25, 0.5, 0.25], [0.05, 0.35, 0.6]], dtype=torch.float64)
    model = mixtures.Copies(images, table)
    every = all_images(4, 3)
    log_p = model.log_prob(every)
    assert torch.logsumexp(log_p, 0).item() == pytest.approx(0, abs=1e-12)
    x = every[50].long()
    by_hand = np.mean([np.prod([table[a, b] for a, b in zip(i.long(), x, strict=True)]) for i in images])
    assert log_p[50].exp().item() == pytest.approx(by_hand, rel=1e-6)
    drawn = model.sample(40_000, rng=generator(2)).long() @ torch.tensor([27, 9, 3, 1])
    share = torch.bincount(drawn, minlength=81).double() / 40_000
    error = (log_p.exp() * (1 - log_p.exp()) / 40_000).sqrt()
    assert bool(((share - log_p.exp()).abs() < 5 * error + 1e-9).all())


def test_a_noisy_channel_has_rows_that_sum_to_one_and_falls_with_the_distance():
    table = mixtures.noisy_channel(17, 0.5)
    torch.testing.assert_close(table.sum(1), torch.ones(17, dtype=torch.float64))
    # Inside, a step of one level costs exp(-1 / (2 spread^2)).
    assert (table[8, 9] / table[8, 8]).item() == pytest.approx(math.exp(-2))
    assert (table[8].diff() > 0).sum() == 8


def test_a_mixture_of_bernoullis_is_a_distribution_and_em_never_falls():
    rng = generator(3)
    x = (torch.rand(60, 5, generator=rng) < torch.tensor([0.2, 0.9, 0.5, 0.7, 0.1])).float()
    x[:30, 2] = x[:30, 0]  # something to learn
    model = mixtures.bernoulli_mixture(x, 3, seed=0)
    every = all_images(5, 2)
    assert torch.logsumexp(model.log_prob(every), 0).item() == pytest.approx(0, abs=1e-10)

    def objective(rounds, prior):  # what EM climbs: likelihood and the imagined pixels
        model = mixtures.bernoulli_mixture(x, 3, seed=0, n_rounds=rounds, prior=prior)
        p = model.probabilities
        return (model.log_prob(x).sum() + prior * (p.log() + (-p).log1p()).sum()).item()

    climb = [objective(n, 0.5) for n in (1, 2, 5, 20, 80)]
    assert np.diff(climb).min() > -1e-3  # the smoothing of the weights is not part of the objective
    assert climb[-1] > climb[0] + 0.5
    share = torch.bincount(
        model.sample(40_000, rng=generator(4)).long() @ torch.tensor([16, 8, 4, 2, 1]), minlength=32
    )
    truth = model.log_prob(every).exp()
    error = (truth * (1 - truth) / 40_000).sqrt()
    assert bool(((share.double() / 40_000 - truth).abs() < 5 * error + 1e-9).all())


def test_a_mixture_of_gaussians_against_scipy():
    rng = np.random.default_rng(5)
    means, weights = rng.normal(size=(3, 4)), np.array([0.2, 0.5, 0.3])
    covariances = np.array([a @ a.T + 0.3 * np.eye(4) for a in rng.normal(size=(3, 4, 4))])
    model, x = mixtures.Mixture(weights, means, covariances), rng.normal(size=(20, 4))
    parts = zip(weights, means, covariances, strict=True)
    density = sum(w * stats.multivariate_normal.pdf(x, m, c) for w, m, c in parts)
    np.testing.assert_allclose(model.log_prob(torch.tensor(x)), np.log(density), rtol=1e-10)
    drawn = model.sample(60_000, rng=generator(6)).numpy()
    np.testing.assert_allclose(drawn.mean(0), weights @ means, atol=0.06)
    assert model.n_parameters == 2 + 12 + 3 * 10


def test_the_moments_of_dequantised_levels():
    x = torch.randint(17, (4000, 3), generator=generator(7)).float()
    mean, covariance = mixtures.moments(x)
    noisy = (x.repeat(50, 1) + torch.rand(200_000, 3, generator=generator(8))).double().numpy()
    np.testing.assert_allclose(mean, noisy.mean(0), atol=0.01)
    np.testing.assert_allclose(covariance, np.cov(noisy.T, bias=True), atol=0.01)


def test_a_density_bounds_the_mass_of_its_cells_from_below_and_noises_close_the_gap():
    mean, std = torch.tensor([3.1, 5.4, 2.0]), 1.3
    x = torch.tensor([[3.0, 5, 1], [0, 6, 3], [4, 2, 2]])
    normal = torch.distributions.Normal(mean, std)

    def log_density(y):
        return normal.log_prob(y).sum(1).double()

    mass = (normal.cdf(x + 1) - normal.cdf(x)).log().sum(1).mean().item()
    one, twenty, many = (bounds.density_bound(log_density, x, n_noises=n) for n in (1, 20, 20_000))
    assert many == pytest.approx(mass, abs=0.02)
    assert twenty < mass + 0.05
    # One noise misses about half the variance of the log density over the cell.
    ones = [log_density(x + torch.rand(3, 3, generator=generator(seed))).mean().item() for seed in range(400)]
    assert np.mean(ones) < mass - 4 * np.std(ones) / 20 and one < mass + 4 * np.std(ones)


def test_masses_of_intervals_sum_to_one_and_lose_no_digits_in_the_tails():
    level, mean, scale, top = torch.arange(17, dtype=torch.float64), 0.13, 0.05, 16
    x = 2 * level / top - 1
    z = (x - mean) / scale
    half = torch.tensor(1 / (top * scale), dtype=torch.float64)
    log_mass = bounds.gaussian_interval(z, half, low=level == 0, high=level == 16)
    assert torch.logsumexp(log_mass, 0).item() == pytest.approx(0, abs=1e-12)
    for i in (1, 9, 12):  # in the far tail scipy's difference of cdfs is taken on the small side
        a, b = float(z[i] - half), float(z[i] + half)
        log_a, log_b = (stats.norm.logcdf(b), stats.norm.logcdf(a)) if b < 0 else (None, None)
        if b < 0:
            assert log_mass[i].item() == pytest.approx(log_a + np.log1p(-np.exp(log_b - log_a)), rel=1e-9)
        else:
            assert log_mass[i].exp().item() == pytest.approx(stats.norm.cdf(b) - stats.norm.cdf(a), rel=1e-9)
    mirrored = bounds.gaussian_interval(-z, half, low=level == 16, high=level == 0)
    torch.testing.assert_close(mirrored, log_mass)


class Guess(torch.nn.Module):
    """A noise predictor that is wrong, but smooth."""

    def forward(self, x, t):
        return 0.6 * x + 0.1 * torch.sin(3 * x) + 0.02 * t[:, None].to(x)


def test_the_bound_of_a_diffusion_model_is_below_the_probability_of_the_levels():
    model = DDPM(Guess(), linear_schedule(4, 0.02, 0.5), shape=1).double()
    top, n = 4, 200_000
    levels = torch.arange(5, dtype=torch.float64)
    x = (2 * levels / top - 1)[:, None]
    # The probability itself: walk back from noise to x_1, then the last step's mass for each level.
    rng = generator(9)
    x1 = torch.randn(n, 1, generator=rng, dtype=torch.float64)
    for step in range(4, 1, -1):
        x1 = model.p_sample(x1, torch.full((n,), step), rng=rng)
    scale = model.schedule.betas[1].double().sqrt()
    z = (x.T - model.predict_x0(x1, torch.ones(n, dtype=torch.int64))) / scale
    mass = bounds.gaussian_interval(
        z, 1 / (top * scale), low=(levels == 0).expand_as(z), high=(levels == 4).expand_as(z)
    ).exp()
    log_p = mass.mean(0).log()
    assert mass.mean(0).sum().item() == pytest.approx(1, abs=1e-9)
    below = [bounds.ddpm_bound(model, each.expand(20_000, 1), top, rng=generator(10)) for each in x]
    assert all(bound < each.item() + 0.02 for bound, each in zip(below, log_p, strict=True))
    assert max(b - each.item() for b, each in zip(below, log_p, strict=True)) > -4  # and no empty one


# The table


@pytest.mark.parametrize("task_name", recipe.TASKS)
def test_each_family_that_is_trained_has_its_steps(task_name):
    without = {name for name, (_, n_steps) in recipe.FAMILIES[task_name].items() if not n_steps}
    assert without <= {*recipe.CONTROLS, *recipe.CLASSICAL, "mixture of Bernoullis"}


def test_only_what_is_trained_can_be_trained_for_longer():
    assert all(recipe.DIGITS[name][1] for name in recipe.LONGER)


def test_unknown_names_are_answered_with_the_known_ones(task):
    with pytest.raises(ValueError, match="unknown task 'mnist'; choose one of bits, digits, mini_mnist"):
        recipe.load("mnist")
    with pytest.raises(ValueError, match="unknown family 'RBM' on digits; choose one of noise"):
        recipe.train(task, "RBM", seed=0)


def test_the_tasks_hold_what_they_say():
    bits, grey = recipe.load("bits"), recipe.load("digits")
    assert bits.x.unique().tolist() == [0, 1] and len(bits.x) == 5 * 1437 == len(bits.labels)
    np.testing.assert_array_equal(bits.new, data.binarised(bits.test).x)
    assert grey.x.max() == 16 and len(grey.new) == 360 == len(grey.new_labels)
    # The bits belong to their labels, and their mean is the ink.
    ink = torch.tensor(bits.train.x / 16)
    gap = (bits.x.reshape(5, 1437, 64).mean(0) - ink).mean(0).abs().max()
    assert gap < 5 * (0.25 / (5 * 1437)) ** 0.5
    assert (bits.judge.predict_proba(bits.new).argmax(1) == bits.new_labels).double().mean() > 0.9


@pytest.mark.parametrize(("task_name", "name"), NAMES, ids=map(" ".join, NAMES))
def test_each_family_gives_every_column_and_the_same_ones_again(task_name, name):
    task = tasks(task_name)
    first, again, other = (recipe.train(task, name, seed=seed, factor=0.0) for seed in (3, 3, 4))
    drawn, d = first.draw(6, generator(1)), task.x.shape[1]
    assert drawn.shape == (6, d) and torch.equal(drawn, drawn.round())
    assert drawn.min() >= 0 and drawn.max() < task.n_levels
    assert torch.equal(drawn, again.draw(6, generator(1)))
    learned_by_chance = recipe.FAMILIES[task_name][name][1] > 0
    if learned_by_chance:
        assert not torch.equal(drawn, other.draw(6, generator(1)))
        assert first.n_steps == 5
    if first.rebuild is not None and "GAN" not in name:
        rebuilt = first.rebuild(task.new[:5])
        assert rebuilt.shape == (5, d) and first.n_latent > 0
        if name == "flow":
            torch.testing.assert_close(rebuilt, task.new[:5], atol=1e-2, rtol=0)
    if first.on_demand is not None:
        assert first.on_demand(torch.arange(10), generator(2)).shape == (10, d)
    assert (first.kind == "none") == (first.log_prob is None)


TASKS = {}


def tasks(name):
    """Each task is loaded once."""
    if name not in TASKS:
        TASKS[name] = recipe.load(name)
    return TASKS[name]


def test_what_the_judge_says_of_copies_of_noise_and_of_new_images(task):
    def seen(name):
        family = recipe.train(task, name, seed=0)
        return recipe.measure(task, family, seed=0, n=400)[0]

    noise, copies, noisy = (seen(name) for name in ("noise", "training set", "noisy copy"))
    assert copies["nearest"] > 0.99 and noisy["nearest"] > 0.9 and noise["nearest"] < 0.01
    assert copies["fd"] < 0.2 * noise["fd"] and copies["precision"] > 0.8 > noise["precision"]
    assert "nats" not in copies and copies["kind"] == "none"
    assert noise["nats"] == pytest.approx(-64 * math.log(17))
    assert noisy["nats"] < noise["nats"]  # what is not seen is as good as impossible
    new, _ = recipe.judge(task, lambda n, rng: task.new, seed=0, n=360)
    assert new["fd"] == pytest.approx(0, abs=1e-3) and new["edges"] == pytest.approx(1)
    assert new["precision"] == new["recall"] == new["coverage"] == 1 and new["nearest"] == 0.5


def test_edges_of_a_checkerboard():
    board = (torch.arange(16).reshape(4, 4) + torch.arange(4)[:, None]).remainder(2).float()
    assert protocol.edges(board.reshape(1, 16), (4, 4)) == 1
    assert protocol.edges(torch.ones(2, 16), (4, 4)) == 0
    stripes = torch.tensor([0.0, 1]).repeat(8)
    assert protocol.edges(stripes[None], (4, 4)) == 0.5


def test_a_run_that_was_stopped_goes_on_where_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr(families, "ROOT", tmp_path)
    made, parts = [], families.PARTS_OF_RECIPE["digits"]
    for _ in range(2):
        journal = families.Journal("trial", parts, keep=True)
        journal.get("a, 0", lambda: made.append("a") or {"value": 1})
        assert journal.get("a, 0", lambda: {"value": 9})["value"] == 1
    assert made == ["a"]
    monkeypatch.setattr(families, "prints", lambda *_: {"recipe": "another one"})
    assert not families.Journal("trial", parts, keep=True).rows
    journal.forget()
    assert not list(tmp_path.rglob("*.jsonl"))
    families.Journal("quick", parts, keep=False).get("a, 0", lambda: {"value": 1})
    assert not list(tmp_path.rglob("*.jsonl"))


def test_a_table_is_of_its_families_and_of_the_recipes_that_these_follow():
    prints = {task: families.prints(families.PARTS_OF_RECIPE[task]) for task in recipe.TASKS}
    folders = {task: {Path(name).parent.name for name in prints[task]} for task in recipe.TASKS}
    assert {"rbm", "dbn", "vae"} <= folders["bits"] and not {"gan", "flow", "ddpm"} & folders["bits"]
    assert {"gan", "wgan", "flow", "ddpm", "autoencoder", "conditional_gan"} <= folders["digits"]
    # On larger digits the games have settings of their own.
    game = "coursekit/gan/recipe.py"
    assert prints["digits"][game] != prints["mini_mnist"][game]
    for name, (build, _) in (recipe.DIGITS | recipe.FAMILIES["mini_mnist"]).items():
        assert Path(build.__code__.co_filename).parent.name == "comparison", f"{name} is followed"
