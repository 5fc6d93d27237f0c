"""training: the loop equals one written by hand, survives kills and Ctrl-C bit for bit, says what failed."""

import copy
import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from coursekit import training
from coursekit.training.batches import Batches
from coursekit.training.optimizers import OPTIMIZERS, SCHEDULES
from coursekit.training.progress import _NotebookLine


class Noisy(nn.Module):
    """A model with every source of randomness: its own rng in the loss, and dropout."""

    def __init__(self, dropout=0.2):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Dropout(dropout), nn.Linear(16, 5))

    def loss(self, x, *, rng=None):
        noise = torch.randn(x.shape, generator=rng, dtype=x.dtype)
        return ((self.net(x + 0.3 * noise) - x) ** 2).sum(-1).mean()


class Point(nn.Module):
    """loss = mean |x - theta|^2: gradient descent on it has a closed form."""

    def __init__(self, start):
        super().__init__()
        self.theta = nn.Parameter(torch.tensor(start, dtype=torch.float64))

    def loss(self, x, *, rng=None):
        return ((x - self.theta) ** 2).sum(-1).mean()


@pytest.fixture
def x():
    return torch.tensor(np.random.default_rng(1).normal(size=(50, 5)), dtype=torch.float32)


def noisy_model(seed=3):
    torch.manual_seed(seed)
    return Noisy()


def same_weights(a, b):
    return all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))


# The loop itself


def test_equals_the_loop_written_by_hand(x):
    model = noisy_model()
    by_hand = copy.deepcopy(model)
    options = {"betas": (0.8, 0.95), "average": 0.9}
    history = training.fit(model, x, n_steps=40, batch_size=16, learning_rate=1e-2, seed=7, **options)

    order_rng, rng = torch.Generator().manual_seed(7), torch.Generator().manual_seed(8)
    torch.manual_seed(7)
    optimizer = torch.optim.Adam(by_hand.parameters(), lr=1e-2, betas=(0.8, 0.95), fused=True)
    losses, step, averages = [], 0, [p.detach().clone() for p in by_hand.parameters()]
    while step < 40:
        order = torch.randperm(50, generator=order_rng)
        for rows in order.split(16):
            if step == 40:
                break
            step += 1
            loss = by_hand.loss(x[rows], rng=rng)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            decay = min(0.9, (1 + step) / (10 + step))
            averages = [
                a + (1 - decay) * (p.detach() - a)
                for a, p in zip(averages, by_hand.parameters(), strict=True)
            ]
    assert history.loss == losses
    for average, p in zip(averages, model.parameters(), strict=True):
        torch.testing.assert_close(p.detach(), average, rtol=0, atol=1e-6)


def test_without_average_the_hand_written_loop_gives_the_same_bits(x):
    model = noisy_model()
    by_hand = copy.deepcopy(model)
    training.fit(model, x, n_steps=12, batch_size=50, optimizer="sgd", learning_rate=0.05)
    order_rng, rng = torch.Generator().manual_seed(0), torch.Generator().manual_seed(1)
    torch.manual_seed(0)
    optimizer = torch.optim.SGD(by_hand.parameters(), lr=0.05, fused=True)
    for _ in range(12):
        optimizer.zero_grad()
        by_hand.loss(x[torch.randperm(50, generator=order_rng)], rng=rng).backward()
        optimizer.step()
    assert same_weights(model, by_hand)


@pytest.mark.parametrize("warm_up", [0.0, 0.3])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_gradient_descent_on_a_parabola_has_its_closed_form(schedule, warm_up):
    x = np.random.default_rng(2).normal(size=(30, 3))
    start = [1.0, -2.0, 0.5]
    model = Point(start)
    options = {"optimizer": "sgd", "schedule": schedule, "warm_up": warm_up}
    history = training.fit(model, x, n_steps=25, batch_size=30, learning_rate=0.1, **options)
    fraction = np.arange(25) / 25
    rates = {
        "constant": 1 + 0 * fraction,
        "linear": 1 - fraction,
        "cosine": np.cos(np.pi * fraction / 2) ** 2,
    }[schedule]
    if warm_up:
        rates = rates * np.minimum(fraction / warm_up, 1)
    np.testing.assert_allclose(history.learning_rate, 0.1 * rates, rtol=1e-12)
    shrink = np.prod(1 - 2 * 0.1 * rates)
    expected = x.mean(0) + shrink * (np.array(start) - x.mean(0))
    np.testing.assert_allclose(model.theta.detach().numpy(), expected, rtol=1e-12)


def test_every_optimizer_reaches_the_minimum():
    x = np.random.default_rng(2).normal(size=(30, 2))
    for optimizer in OPTIMIZERS:
        model = Point([1.0, -2.0])
        training.fit(model, x, n_steps=400, learning_rate=0.1, optimizer=optimizer, schedule="linear")
        # AdamW decays weights towards 0, so that its fixed point is a little off the mean.
        np.testing.assert_allclose(model.theta.detach().numpy(), x.mean(0), atol=0.01, err_msg=optimizer)


def test_an_epoch_visits_each_row_once_and_the_seed_decides_the_order():
    batches, other = Batches(23, 5, seed=0), Batches(23, 5, seed=1)
    epochs = [torch.cat([batches.next() for _ in range(5)]) for _ in range(3)]
    for epoch in epochs:
        assert sorted(epoch.tolist()) == list(range(23))
    assert not torch.equal(epochs[0], epochs[1])
    assert not torch.equal(epochs[0], torch.cat([other.next() for _ in range(5)]))
    assert len(Batches(3, 100, seed=0).next()) == 3


def test_seed_decides_everything_and_the_global_generator_is_left_alone(x):
    runs = []
    for seed in (0, 0, 1):
        model = noisy_model()
        torch.manual_seed(99)
        before = torch.get_rng_state()
        training.fit(model, x, n_steps=20, seed=seed)
        assert torch.equal(before, torch.get_rng_state())
        runs.append(model)
    assert same_weights(runs[0], runs[1]) and not same_weights(runs[0], runs[2])


def test_looks_on_along_the_way_and_leaves_the_model_ready_to_use(x):
    seen = []
    model = noisy_model()
    history = training.fit(model, x, n_steps=5, on_step=lambda *arguments: seen.append(arguments))
    assert [step for step, _, _ in seen] == [1, 2, 3, 4, 5]
    assert [loss for _, _, loss in seen] == history.loss and seen[0][1] is model
    assert not model.training and history.stopped == "finished"
    assert np.all(np.diff(history.cpu_seconds) >= 0) and len(history.cpu_seconds) == 5


def test_data_in_any_form(x):
    read_only = x.double().numpy()
    read_only.setflags(write=False)
    models = []
    for data in (x, read_only, read_only[::-1][::-1], x.double()):
        models.append(noisy_model())
        training.fit(models[-1], data, n_steps=4)
        assert same_weights(models[0], models[-1])

    class Tokens(nn.Embedding):
        def loss(self, tokens, *, rng=None):
            assert tokens.dtype == torch.int64
            return (self(tokens) ** 2).mean()

    training.fit(Tokens(7, 2), np.arange(7, dtype=np.int32), n_steps=2)


def test_a_budget_ends_the_run_and_the_schedule_follows_it(x):
    history = training.fit(noisy_model(), x, n_steps=10**9, schedule="linear", max_cpu_seconds=0.3)
    assert history.stopped == "budget"
    assert history.cpu_seconds[-1] >= 0.3 > history.cpu_seconds[-2]
    assert np.all(np.diff(history.learning_rate) < 0) and history.learning_rate[-1] < 1e-3 * 0.5


# Kills, interruptions, resuming


class Stop(Exception):
    pass


def stop_at(where):
    def on_step(step, model, loss):
        if step == where:
            raise Stop

    return on_step


OPTIONS = {"n_steps": 60, "batch_size": 16, "average": 0.9, "schedule": "cosine", "learning_rate": 1e-2}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(x, tmp_path, optimizer):
    whole, resumed = noisy_model(), noisy_model()
    options = OPTIONS | {"optimizer": optimizer}
    history = training.fit(whole, x, **options)
    for where in (23, 41):
        with pytest.raises(Stop):
            training.fit(
                resumed,
                x,
                **options,
                checkpoint=tmp_path / "run.pt",
                checkpoint_every=10,
                on_step=stop_at(where),
            )
        resumed = noisy_model(seed=where)  # what is resumed is the checkpoint, not the model handed in
    again = training.fit(resumed, x, **options, checkpoint=tmp_path / "run.pt", checkpoint_every=10)
    assert same_weights(whole, resumed)
    assert again.loss == history.loss and again.learning_rate == history.learning_rate
    assert len(again.cpu_seconds) == 60 and np.all(np.diff(again.cpu_seconds) >= 0)
    assert os.listdir(tmp_path) == ["run.pt"]


SCRIPT = """
import sys
sys.path[:0] = {path!r}
from test_training import OPTIONS, noisy_model
import numpy as np, torch
from coursekit import training
x = torch.tensor(np.random.default_rng(1).normal(size=(50, 5)), dtype=torch.float32)
training.fit(noisy_model(), x, **OPTIONS | {{"n_steps": 10**6}}, checkpoint={checkpoint!r},
             checkpoint_every=1, on_step=lambda step, model, loss: print(step, flush=True))
"""


def test_a_run_killed_by_the_system_leaves_a_checkpoint_that_resumes_exactly(x, tmp_path):
    checkpoint = tmp_path / "run.pt"
    script = SCRIPT.format(path=[os.path.dirname(__file__)], checkpoint=str(checkpoint))
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if int(line) == 27:
                process.send_signal(signal.SIGKILL)
                break
        process.stdout.read()
    assert process.returncode == -signal.SIGKILL
    saved = torch.load(checkpoint, weights_only=True)["step"]
    assert 26 <= saved < 10**6
    n_steps = saved + 20
    options = OPTIONS | {"schedule": "constant"}
    # The schedule saw a million steps: what is left of it at the start is the same to the last bit only if
    # the run is resumed with the same n_steps, so stop both by hand.
    models = [noisy_model(), noisy_model(seed=5)]
    for model, file in zip(models, (None, checkpoint), strict=True):
        with pytest.raises(Stop):
            training.fit(model, x, **OPTIONS | {"n_steps": 10**6}, checkpoint=file, on_step=stop_at(n_steps))
    assert same_weights(*models)
    with pytest.raises(ValueError, match="schedule was cosine, now constant"):
        training.fit(noisy_model(), x, **options | {"n_steps": 10**6}, checkpoint=checkpoint)


def press_ctrl_c_at(where, times=1):
    def on_step(step, model, loss):
        if step == where:
            for _ in range(times):
                os.kill(os.getpid(), signal.SIGINT)

    return on_step


def test_where_the_seconds_decide_ctrl_c_names_them(x, capsys):
    model, budget = noisy_model(), {"n_steps": 10**7, "max_cpu_seconds": 500}
    training.fit(model, x, **budget, on_step=press_ctrl_c_at(3))
    assert re.search(r"Interrupted after step 3 and \d of 500 CPU seconds; ", capsys.readouterr().err)


def test_ctrl_c_keeps_what_was_learned_and_says_so(x, tmp_path, capsys):
    before = signal.getsignal(signal.SIGINT)
    model, whole = noisy_model(), noisy_model()
    options = OPTIONS | {"average": 0.0}
    file = tmp_path / "deep" / "run.pt"
    history = training.fit(model, x, **options, on_step=press_ctrl_c_at(17), checkpoint=file)
    assert history.stopped == "interrupted" and len(history.loss) == 17
    message = capsys.readouterr().err
    assert "Interrupted after step 17 of 60; the model keeps what it learned." in message
    assert "takes up from here" in message
    kept = noisy_model()
    with pytest.raises(Stop):
        training.fit(kept, x, **options, on_step=stop_at(17))
    assert same_weights(model, kept)
    assert signal.getsignal(signal.SIGINT) is before
    with pytest.raises(Stop):
        training.fit(model, x, **options, checkpoint=file, on_step=stop_at(20))
    assert capsys.readouterr().err == ""  # an error is no interruption
    resumed = training.fit(model, x, **options, checkpoint=file)
    training.fit(whole, x, **options)
    assert same_weights(model, whole) and resumed.stopped == "finished"


def test_ctrl_c_swaps_the_averages_in_too(x):
    models = [noisy_model() for _ in range(2)]
    training.fit(models[0], x, **OPTIONS, on_step=press_ctrl_c_at(30))
    training.fit(models[1], x, **OPTIONS | {"average": 0.0}, on_step=press_ctrl_c_at(30))
    assert not same_weights(*models)


def test_a_second_ctrl_c_stops_at_once(x):
    with pytest.raises(KeyboardInterrupt):
        training.fit(noisy_model(), x, n_steps=10, on_step=press_ctrl_c_at(3, times=2))


def test_a_kill_while_saving_leaves_the_old_checkpoint(x, tmp_path, monkeypatch):
    file = tmp_path / "run.pt"
    training.fit(noisy_model(), x, n_steps=10, checkpoint=file)

    def killed(*_):
        raise Stop

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(Stop):
        training.fit(noisy_model(), x, n_steps=20, checkpoint=file)
    assert torch.load(file, weights_only=True)["step"] == 10


def test_a_finished_run_is_not_run_again_and_can_be_prolonged(x, tmp_path):
    file = tmp_path / "run.pt"
    once, again, longer, whole = (noisy_model(seed) for seed in range(4))
    whole.load_state_dict(once.state_dict())
    training.fit(once, x, n_steps=15, checkpoint=file)
    training.fit(again, x, n_steps=15, checkpoint=file, on_step=stop_at(1))
    assert same_weights(once, again)
    training.fit(longer, x, n_steps=25, checkpoint=file)
    training.fit(whole, x, n_steps=25)
    assert same_weights(longer, whole)


def test_a_run_with_a_warm_up_is_not_prolonged(x, tmp_path):
    options = {"warm_up": 0.2, "checkpoint": tmp_path / "run.pt"}
    training.fit(noisy_model(), x, n_steps=5, **options)
    with pytest.raises(ValueError, match="n_steps was 5, now 10"):
        training.fit(noisy_model(), x, n_steps=10, **options)


# What goes wrong


def test_nan_stops_with_the_step_and_a_hint(x):
    class Exploding(Noisy):
        def loss(self, x, *, rng=None):
            self.calls = getattr(self, "calls", 0) + 1
            return super().loss(x, rng=rng) * (float("nan") if self.calls == 6 else 1.0)

    model = Exploding()
    with pytest.raises(FloatingPointError, match="became nan at step 6.*learning rate") as caught:
        training.fit(model, x, n_steps=10)
    assert "0.001" in str(caught.value)
    assert all(torch.isfinite(p).all() for p in model.parameters())


def test_too_large_a_learning_rate_is_noticed():
    with pytest.raises(FloatingPointError, match=r"became (inf|nan) at step \d+"):
        training.fit(Point([2.0]), np.ones((4, 1)), n_steps=2000, learning_rate=9.0, optimizer="sgd")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": "lion"}, "unknown optimizer 'lion'; choose one of adam, adamw, sgd, rmsprop, muon"),
        ({"schedule": "step"}, "unknown schedule 'step'; choose one of constant, linear, cosine"),
        ({"average": 1.0}, "decay of the averaged weights"),
        ({"warm_up": 1.0}, "fraction of the run"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"checkpoint_every": 0}, "checkpoint_every must be at least 1, got 0"),
        ({"max_cpu_seconds": 0}, "max_cpu_seconds must be positive"),
        ({"max_cpu_seconds": -1.0}, "max_cpu_seconds must be positive"),
        ({"device": "gpu"}, 'unknown device \'gpu\'; choose "auto", "cpu" or "cuda"'),
        ({"n_steps": 0}, "at least 1"),
        ({"learning_rate": 0.0}, "learning_rate must be positive, got 0"),
    ],
)
def test_unusable_options(x, options, message):
    with pytest.raises(ValueError, match=message):
        training.fit(noisy_model(), x, **{"n_steps": 3} | options)


def test_unusable_data(x):
    bad = x.clone()
    bad[3, 2] = float("nan")
    with pytest.raises(ValueError, match="1 values that are NaN or infinite"):
        training.fit(noisy_model(), bad, n_steps=3)
    with pytest.raises(ValueError, match="at least one example"):
        training.fit(noisy_model(), x[:0], n_steps=3)


def test_a_checkpoint_of_another_run_is_refused(x, tmp_path):
    file = tmp_path / "run.pt"
    training.fit(noisy_model(), x, n_steps=4, checkpoint=file, schedule="linear")
    for data, options, what in [
        (x, {"seed": 5}, "seed was 0, now 5"),
        (x + 1, {}, "data was"),
        (x, {"n_steps": 9}, "n_steps was 4, now 9"),
    ]:
        with pytest.raises(ValueError, match=f"belongs to another run .*{what}"):
            options = {"n_steps": 4, "schedule": "linear"} | options
            training.fit(noisy_model(), data, **options, checkpoint=file)
    file.write_bytes(b"not a checkpoint")
    with pytest.raises(ValueError, match="cannot read the checkpoint"):
        training.fit(noisy_model(), x, n_steps=4, checkpoint=file)


def test_a_checkpoint_that_cannot_be_written_is_found_out_before_any_work(x, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):
        training.fit(noisy_model(), x, n_steps=4, checkpoint=tmp_path / "file" / "run.pt", on_step=stop_at(1))


def test_silent_without_a_terminal(x, capfd):
    training.fit(noisy_model(), x, n_steps=30)
    captured = capfd.readouterr()
    assert captured.out == "" and captured.err == ""


def test_the_bar_in_a_notebook_leaves_nothing_behind(monkeypatch):
    import IPython.display
    from tqdm import tqdm

    shown = []

    class Handle:
        def update(self, bundle, raw):
            shown.append(bundle["text/plain"])

    monkeypatch.setattr(IPython.display, "display", lambda *_, **__: Handle())
    with tqdm(total=3, file=_NotebookLine(), ncols=80, leave=False, mininterval=0) as bar:
        for _ in range(3):
            bar.update()
    assert any("2/3" in line for line in shown) and shown[-1] == ""


# The game


class Game(nn.Module):
    """A game small enough to write its loop by hand, with dropout-free players and counted calls."""

    n_latent = 2

    def __init__(self):
        super().__init__()
        self.generator = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 5))
        self.opponent = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 1))
        self.constrained = 0

    def opponent_loss(self, real, fake, *, rng=None):
        assert not fake.requires_grad
        return self.opponent(fake).mean() - self.opponent(real).mean()

    def generator_loss(self, fake):
        return -self.opponent(fake).mean()

    def constrain(self):
        self.constrained += 1
        with torch.no_grad():
            for p in self.opponent.parameters():
                p.clamp_(-0.3, 0.3)


def new_game(seed=0):
    torch.manual_seed(seed)
    return Game()


def test_the_game_equals_algorithm_1_written_by_hand(x):
    game = new_game()
    by_hand = copy.deepcopy(game)
    history = training.fit_adversarial(
        game,
        x,
        n_steps=20,
        n_opponent_steps=3,
        batch_size=16,
        learning_rate=1e-3,
        opponent_learning_rate=5e-3,
        instance_noise=0.4,
        instance_noise_until=0.5,
        schedule="linear",
    )
    order_rng, rng = torch.Generator().manual_seed(0), torch.Generator().manual_seed(1)
    players = by_hand.generator, by_hand.opponent
    g, o = (torch.optim.Adam(p.parameters(), betas=(0.5, 0.99), fused=True) for p in players)
    rows, losses = [], []

    def noise(*shape):
        return torch.randn(*shape, generator=rng)

    for step in range(20):
        g.param_groups[0]["lr"] = 1e-3 * (1 - step / 20)
        o.param_groups[0]["lr"] = 5e-3 * (1 - step / 20)
        std = 0.4 * max(0, 1 - step / 10)

        def blur(a, std=std):
            return a + std * noise(*a.shape) if std else a

        for _ in range(3):
            if not rows:
                rows = list(torch.randperm(50, generator=order_rng).split(16))
            real = x[rows.pop(0)]
            fake = by_hand.generator(noise(len(real), 2)).detach()
            loss = by_hand.opponent_loss(blur(real), blur(fake))
            o.zero_grad()
            loss.backward()
            o.step()
            by_hand.constrain()
        loss = by_hand.generator_loss(blur(by_hand.generator(noise(len(real), 2))))
        g.zero_grad()
        loss.backward()
        g.step()
        losses.append(loss.item())
    assert same_weights(game, by_hand)
    assert history.loss == losses and len(history.opponent_loss) == 20
    assert game.constrained == 60


def test_alternating_play_on_xy_circles(x):
    # The opponent (y) climbs on xy, the generator (x) descends, one after the other: with plain gradient
    # steps of size r the map has determinant 1 and keeps x^2 + y^2 + r x y.
    class Bilinear(nn.Module):
        n_latent = 1

        def __init__(self):
            super().__init__()
            self.generator, self.opponent = nn.Linear(1, 1).double(), nn.Linear(1, 1, bias=False).double()
            with torch.no_grad():
                self.generator.weight.zero_()
                self.generator.bias.fill_(0.8)
                self.opponent.weight.fill_(-0.6)
            self.generator.weight.requires_grad_(False)

        def opponent_loss(self, real, fake, *, rng=None):
            return -self.opponent(fake).mean()

        def generator_loss(self, fake):
            return self.opponent(fake).mean()

        def constrain(self):
            pass

    game, path = Bilinear(), []
    options = {"n_steps": 300, "learning_rate": 0.1, "optimizer": "sgd"}
    training.fit_adversarial(
        game,
        x[:, :1],
        **options,
        on_step=lambda step, game, loss: path.append(
            (game.generator.bias.item(), game.opponent.weight.item())
        ),
    )
    a, b = np.array(path).T
    invariant = a**2 + b**2 + 0.1 * a * b
    np.testing.assert_allclose(invariant, invariant[0], rtol=1e-12)
    assert a.min() < -0.9 and a.max() > 0.9


def test_a_killed_game_resumes_bit_for_bit(x, tmp_path):
    options = {"n_steps": 40, "n_opponent_steps": 2, "batch_size": 16, "average": 0.9, "instance_noise": 0.2}
    whole, resumed = new_game(), new_game()
    history = training.fit_adversarial(whole, x, **options)
    with pytest.raises(Stop):
        training.fit_adversarial(
            resumed, x, **options, checkpoint=tmp_path / "game.pt", checkpoint_every=8, on_step=stop_at(29)
        )
    resumed = new_game(seed=4)
    again = training.fit_adversarial(resumed, x, **options, checkpoint=tmp_path / "game.pt")
    assert same_weights(whole, resumed)
    assert again.loss == history.loss and again.opponent_loss == history.opponent_loss


def test_only_the_generator_is_averaged(x):
    plain, averaged = new_game(), new_game()
    training.fit_adversarial(plain, x, n_steps=30)
    training.fit_adversarial(averaged, x, n_steps=30, average=0.9)
    assert same_weights(plain.opponent, averaged.opponent)
    assert not same_weights(plain.generator, averaged.generator)


def test_a_game_says_whose_loss_failed(x):
    game = new_game()
    with torch.no_grad():
        game.generator[2].bias.fill_(float("inf"))
    with pytest.raises(FloatingPointError, match="opponent's loss became nan at step 1"):
        training.fit_adversarial(game, x, n_steps=3, instance_noise=0.1)
    with pytest.raises(ValueError, match="n_opponent_steps must be at least 1"):
        training.fit_adversarial(new_game(), x, n_steps=3, n_opponent_steps=0)
    for noise, message in [
        ({"instance_noise_until": 0}, r"instance_noise_until, a fraction of the run, must lie in \(0, 1\]"),
        ({"instance_noise": -1.0}, "instance_noise must be at least 0, got -1"),
    ]:
        with pytest.raises(ValueError, match=message):
            training.fit_adversarial(new_game(), x, n_steps=3, **noise)
