"""`Recipe`: stages in order, budgets, checkpoints for each; images in the units of a model."""

import numpy as np
import pytest
import torch
from torch import nn

from coursekit import data
from coursekit.training import FreshPixels, Recipe, Stage, fit, for_budget


class Line(nn.Module):
    """Learns the mean of x."""

    def __init__(self):
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(2))

    def loss(self, x, *, rng=None):
        return (x - self.mean).square().sum(1).mean()


def two_stages(events=None):
    """The second learns from what the first has learned."""
    first, second = Line(), Line()
    x = torch.randn(50, 2, generator=torch.Generator().manual_seed(0)) + 3
    settings = {"learning_rate": 0.1, "batch_size": 10}

    def between():
        if events is not None:
            events.append(first.mean.detach().clone())
        return x - first.mean.detach()

    return Recipe(
        model=nn.ModuleList([first, second]),
        stages=(
            Stage(first, x, fit, 30, settings, "squared error", 0.25),
            Stage(second, between, fit, 90, settings, "squared error", 0.75),
        ),
        seconds=1,
        draw=lambda model, rng: x,
        shows="points",
        finish=lambda: events.append("finish") if events is not None else None,
    )


def test_stages_follow_one_another():
    events = []
    recipe = two_stages(events)
    histories = recipe.train()
    assert [len(history.loss) for history in histories] == [30, 90]
    assert len(events) == 2 and events[1] == "finish" and (events[0] > 1).all()
    assert not recipe.model.training
    # What remains for the second is what the first has missed.
    total = recipe.model[0].mean + recipe.model[1].mean
    torch.testing.assert_close(total, torch.full((2,), 3.0), atol=0.5, rtol=0)


def test_steps_and_seconds_are_shared_out():
    assert [len(h.loss) for h in two_stages().train(n_steps=8)] == [2, 6]
    assert [len(h.loss) for h in two_stages().train(n_steps=1)] == [1, 1]
    first, second = two_stages().train(seconds=0.4)
    assert [first.stopped, second.stopped] == ["budget", "budget"]
    assert first.cpu_seconds[-1] < second.cpu_seconds[-1]
    assert first.learning_rate[0] == 0.1 and len(first.loss) > 2


def test_what_was_spent_on_building_counts():
    with pytest.raises(ValueError, match="not one step was made in 0.5 CPU seconds"):
        two_stages().train(seconds=0.5, spent=0.6)


def test_a_run_that_broke_off_goes_on(tmp_path):
    whole = two_stages()
    whole.train(n_steps=120)
    broken = two_stages()

    def stopping(*arguments, **settings):
        def stop(step, *_):
            if step == 20:
                raise KeyError

        return fit(*arguments, **settings, on_step=stop)

    second = broken.stages[1]
    stages = (broken.stages[0], Stage(second.model, second.x, stopping, 90, second.settings, "", 0.75))
    with pytest.raises(KeyError):
        Recipe(broken.model, stages, 1, broken.draw, "").train(directory=tmp_path, checkpoint_every=7)
    assert sorted(path.name for path in tmp_path.iterdir()) == broken.checkpoint_names()
    resumed = two_stages()
    histories = resumed.train(directory=tmp_path, checkpoint_every=7)
    assert [len(history.loss) for history in histories] == [30, 90]
    for a, b in zip(whole.model.parameters(), resumed.model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_names_of_checkpoints():
    recipe = two_stages()
    assert recipe.checkpoint_names() == ["checkpoint_1.pt", "checkpoint_2.pt"]
    one = Recipe(recipe.model, recipe.stages[:1], 1, recipe.draw, "")
    assert one.checkpoint_names() == ["checkpoint.pt"] and one.measure(one.model) == {}


def test_the_settings_of_the_nearest_budget():
    table = {30: "short", 110: "long"}
    asked = [(None, "long"), (30, "short"), (57, "short"), (58, "long"), (0.3, "short"), (1e4, "long")]
    for seconds, wanted in asked:
        assert for_budget(table, seconds)[1] == wanted, seconds
    with pytest.raises(ValueError, match="seconds must be positive"):
        for_budget(table, 0)


def test_fresh_pixels_are_bits_with_the_probabilities_of_the_picture():
    class Seen(nn.Module):
        def loss(self, x, *, rng=None):
            self.bits = x
            return x.mean()

    x = torch.tensor([[0.0, 0.2, 0.7, 1.0]], dtype=torch.float64).repeat(20_000, 1)
    fresh, rng = FreshPixels(Seen()), torch.Generator().manual_seed(0)
    fresh.loss(x, rng=rng)
    first = fresh.model.bits
    assert set(first.unique().tolist()) == {0.0, 1.0} and first.dtype == torch.float64
    torch.testing.assert_close(first.mean(0), x[0], atol=4 * 0.5 / 20_000**0.5, rtol=0)
    fresh.loss(x, rng=rng)
    assert not torch.equal(first, fresh.model.bits)  # drawn anew


# Data in units.


def test_ink_and_signed():
    images = data.digits()
    ink = data.ink(images)
    assert ink.dtype == np.float32 and ink.min() == 0 and ink.max() == 1
    np.testing.assert_array_equal(16 * ink, images.x)
    np.testing.assert_array_equal(data.signed(images), images.x.astype(np.float32) / 8 - 1)
    ink[0] = 7  # a copy of its own
    with pytest.raises(ValueError, match="ink needs images"):
        data.ink(data.toy2d("ring", 5, rng=0))


@pytest.mark.parametrize(("name", "sizes"), [("digits", (1437, 360)), ("mini_mnist", (5000, 1000))])
def test_a_part_to_learn_from_and_a_part_to_test_on(name, sizes):
    parts = data.train_and_test(name)
    assert tuple(len(part.x) for part in parts) == sizes
    # The same picture may be in both by chance, but not many are.
    together = {row.tobytes() for row in parts[0].x} & {row.tobytes() for row in parts[1].x}
    assert len(together) <= 1


def test_toys_have_new_points_for_each_seed_and_one_test_set():
    (a, test_a), (b, test_b) = (data.train_and_test("ring", seed=seed) for seed in (0, 1))
    assert len(a.x) == 100_000 and len(test_a.x) == 20_000
    assert not np.array_equal(a.x, b.x) and np.array_equal(test_a.x, test_b.x)
    with pytest.raises(
        ValueError, match="unknown data 'cifar'; choose one of digits, mini_mnist, mnist, moons"
    ):
        data.train_and_test("cifar")
