"""What notebook 17 trains: a model that has learned what its labels mean, and the measures of its samples."""

import numpy as np
import pytest
import torch

from coursekit import data
from coursekit.ddpm import recipe
from coursekit.evaluation import DigitClassifier
from coursekit.pca import PCA


def two_clouds(n, seed=0):
    """Codes (n, 3) of two classes, 0 to the left and 1 to the right, and their labels."""
    rng = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 2
    codes = 0.3 * torch.randn(n, 3, generator=rng)
    codes[:, 0] += 2.0 * labels - 1
    return codes, labels


def test_samples_are_of_the_class_that_is_asked_for():
    codes, labels = two_clouds(400)
    model = recipe.class_digits(codes, labels, seed=0, n_steps=200)
    assert model.target == "v" and model.schedule.T == 200
    for k in (0, 1):
        rng = torch.Generator().manual_seed(1)
        made = model.sample_ddim(100, 20, condition=torch.full((100,), k), rng=rng)
        assert ((made[:, 0] > 0) == bool(k)).float().mean() > 0.9


def test_training_is_seeded():
    codes, labels = two_clouds(64)
    first, again, other = (recipe.class_digits(codes, labels, seed=s, n_steps=3) for s in (0, 0, 1))
    weights = [model.noise_predictor.enter.weight for model in (first, again, other)]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


@pytest.fixture(scope="module")
def judge():
    x, labels = two_clouds(400, seed=1)
    return DigitClassifier(3, n_hidden=16, n_features=4, n_classes=2).fit(x, labels, n_epochs=200)


def test_quality_of_real_examples_of_constants_and_of_swapped_labels(judge):
    (real, labels), (test, _) = two_clouds(300, seed=2), two_clouds(300, seed=3)
    good = recipe.class_quality(judge, real, labels, test)
    assert good["read as asked"] > 0.95 and good["precision"] > 0.8 and good["recall"] > 0.8
    swapped = recipe.class_quality(judge, real, 1 - labels, test)
    assert swapped["read as asked"] == pytest.approx(1 - good["read as asked"])
    means = torch.stack([real[labels == k].mean(0) for k in (0, 1)])[labels]
    blurred = recipe.class_quality(judge, means + 1e-6 * torch.randn(means.shape), labels, test)
    assert blurred["read as asked"] == 1 and blurred["recall"] < 0.1 < good["recall"]
    assert blurred["Frechet distance"] > 5 * good["Frechet distance"]


def test_quality_takes_arrays(judge):
    real, labels = two_clouds(100, seed=4)
    given = recipe.class_quality(judge, real.double().numpy(), labels, np.asarray(real))
    assert given == pytest.approx(recipe.class_quality(judge, real, labels, real), rel=1e-4, abs=1e-6)


def test_edges_of_a_step_of_noise_and_of_a_blur():
    step = [[-1.0, 1.0, 1.0, -1.0, 1.0, 1.0]]
    assert recipe.edges(step, (2, 3)) == pytest.approx(((4 + 0) / 2 + 0) / 2)
    assert recipe.edges(step, (3, 2)) == pytest.approx((8 / 3 + 12 / 4) / 2)
    noise = torch.randn(400, 80, generator=torch.Generator().manual_seed(5))
    assert recipe.edges(noise, (8, 10)) == pytest.approx(2, rel=0.05)  # twice the variance
    blurred = (noise.reshape(-1, 8, 10)[:, 1:] + noise.reshape(-1, 8, 10)[:, :-1]) / 2
    assert recipe.edges(blurred.numpy(), (7, 10)) < 0.7 * recipe.edges(noise, (8, 10))
    assert recipe.edges(noise * 0 + 3, (8, 10)) == 0


# `coursekit train ddpm --digit 7`


@pytest.fixture(scope="module")
def told():
    """The recipe of 14 x 14 digits with classes, hardly trained."""
    torch.manual_seed(0)
    told = recipe.BY_CLASS["mini_mnist"](*data.train_and_test("mini_mnist"))
    told.train(n_steps=150, device="cpu")
    return told


def rng(seed=1):
    return torch.Generator().manual_seed(seed)


def test_what_it_learns_is_scores_of_mean_variance_1_with_their_labels(told):
    (stage,) = told.stages
    codes, labels = stage.x
    train, _ = data.train_and_test("mini_mnist")
    assert codes.shape == (len(train.x), 40) and codes.dtype == torch.float32
    assert codes.mean(0).abs().max() < 1e-4
    assert codes.var(0, correction=0).mean().item() == pytest.approx(1, rel=1e-4)
    np.testing.assert_array_equal(labels, train.labels)


def test_a_digit_on_demand_is_drawn_with_guidance(told, monkeypatch):
    """As one computes it by hand: 50 strides with guidance .25, read by the PCA, white paper 0 and ink 1."""
    asked = torch.tensor([7, 7, 3, 0])
    images = told.draw_class(told.model, asked, rng())
    assert images.shape == (4, 196) and images.dtype == torch.float32
    assert images.min() == 0 and images.max() <= 1
    train, _ = data.train_and_test("mini_mnist")
    x = data.signed(train).astype(float)
    flat = PCA(40).fit(x)
    given = {"eta": 1.0, "condition": asked, "rng": rng()}
    codes = told.model.sample_ddim(4, 50, guidance=0.25, **given).double()
    by_hand = flat.inverse_transform(codes * np.sqrt(flat.explained_variance_.mean()))
    np.testing.assert_allclose(images, ((by_hand + 1) / 2).clip(0, 1), atol=1e-3)
    assert torch.equal(images, told.draw_class(told.model, asked, rng())), "it is seeded"
    monkeypatch.setattr(recipe, "GUIDANCE", 0.0)
    assert (told.draw_class(told.model, asked, rng()) - images).abs().max() > 0.05
    shown = told.draw(told.model, rng())
    assert shown.shape == (60, 196)


def test_the_measure_is_the_judges_who_reads_what_was_asked_for(told):
    measured = told.measure(told.model)
    assert measured.keys() == {"read as asked", "confidence", "Frechet distance", "precision", "recall"}
    assert 0.3 < measured["read as asked"] <= 1, "chance level is one in ten"
