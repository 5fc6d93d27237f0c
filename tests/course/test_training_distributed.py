"""training under torchrun: several processes take the steps of one, fail and stop together, and resume.

Run by torchrun, this file is the program of each process (see `main`); run by pytest, it starts torchrun and
looks at what the processes have written down.
"""

import importlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from test_training import noisy_model, press_ctrl_c_at, stop_at
from torch import nn

from coursekit import data as datasets
from coursekit import rbm, training
from coursekit.flow import glow
from coursekit.training.settings import choose_device

pytestmark = pytest.mark.long
BATCH = 16  # of 49 rows: the last batch of an epoch has 1, so that one of the two processes gets none
OPTIONS = {"n_steps": 60, "batch_size": BATCH, "average": 0.9, "schedule": "cosine", "learning_rate": 1e-2}


def data():
    return torch.tensor(np.random.default_rng(1).normal(size=(49, 5)))


class Calm(nn.Module):
    """A model without randomness: several processes must take exactly the steps of one."""

    def __init__(self, seed):
        super().__init__()
        torch.manual_seed(seed)
        self.net = nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Linear(16, 5)).double()

    def loss(self, x, *, rng=None):
        return ((self.net(x) - x) ** 2).sum(-1).mean()


class CalmGame(nn.Module):
    """A game whose generator ignores its latents: its only sample is its bias."""

    n_latent = 1

    def __init__(self, seed):
        super().__init__()
        torch.manual_seed(seed)
        self.generator = nn.Linear(1, 5).double()
        self.generator.weight.requires_grad_(False).zero_()
        self.opponent = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 1)).double()

    def opponent_loss(self, real, fake, *, rng=None):
        return (self.opponent(fake) + 1).square().mean() + (self.opponent(real) - 1).square().mean()

    def generator_loss(self, fake):
        return (self.opponent(fake) - 1).square().mean()

    def constrain(self):
        pass


class CalmRBM(rbm.RBM):
    """A Boltzmann machine with probabilities in the place of samples."""

    def __init__(self, seed):
        torch.manual_seed(seed)
        super().__init__(5, 4)
        self.double()

    @torch.no_grad()
    def cd_gradient(self, v, *, k=1, chains=None, rng=None):
        h = self.hidden_probability(v)
        v_k = self.visible_mean(h)
        h_k = self.hidden_probability(v_k)
        return rbm.difference(rbm.moments(v, h), rbm.moments(v_k, h_k)), (v_k, h_k)


class Normalised(nn.Module):
    """BatchNorm keeps running means, which are buffers and no parameters."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Linear(4, 5)).double()

    def loss(self, x, *, rng=None):
        return ((self.net(x) - x) ** 2).sum(-1).mean()


class Estimate(nn.Module):
    """loss = mean of (x_1 + noise)^2 and a weight that hardly moves: draws of one random number."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros((), dtype=torch.float64))
        self.noise = []

    def loss(self, x, *, rng=None):
        noise = torch.randn(len(x), generator=rng, dtype=x.dtype)
        self.noise.append(noise)
        return (x[:, 0] + noise).square().mean() + 0 * self.weight


def result(model, history):
    return {"state": model.state_dict(), "history": history.state_dict()}


def raised(action):
    try:
        action()
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def calm(seed=0, **options):
    model = Calm(seed)
    return result(model, training.fit(model, data(), **OPTIONS | options))


def calm_game(seed=0):
    game = CalmGame(seed)
    options = {"n_steps": 30, "n_opponent_steps": 2, "batch_size": BATCH, "average": 0.9}
    return result(game, training.fit_adversarial(game, data(), **options))


def calm_rbm(seed=0):
    machine = CalmRBM(seed)
    options = {"n_steps": 30, "batch_size": BATCH, "average": 0.9}
    return result(machine, training.fit_contrastive(machine, data().sigmoid(), **options))


def noisy(folder, where=None):
    """A run with noise and dropout; with `where`, one that breaks off there and is then resumed."""
    model, checkpoint = noisy_model(), folder / "noisy.pt"
    if where:
        options = {"checkpoint": checkpoint, "checkpoint_every": 10, "on_step": stop_at(where)}
        raised(lambda: training.fit(model, data(), **OPTIONS | options))
        model = noisy_model(seed=99)
        return result(model, training.fit(model, data(), **OPTIONS, checkpoint=checkpoint))
    return result(model, training.fit(model, data(), **OPTIONS))


def chains(folder, where=None):
    """The same for a Boltzmann machine with persistent chains, of which each process has its own."""
    torch.manual_seed(0)
    machine, checkpoint = rbm.RBM(5, 4), folder / "chains.pt"
    options = {"n_steps": 30, "batch_size": BATCH, "persistent": True}
    if where:
        broken = {"checkpoint": checkpoint, "checkpoint_every": 10, "on_step": stop_at(where)}
        raised(lambda: training.fit_contrastive(machine, data().sigmoid(), **options | broken))
        options["checkpoint"] = checkpoint
    return result(machine, training.fit_contrastive(machine, data().sigmoid(), **options))


def estimate():
    model = Estimate()
    history = training.fit(model, data(), n_steps=400, batch_size=49, optimizer="sgd")
    return result(model, history) | {"noise": model.noise[0]}


def main(folder):
    """What each process does: all scenarios, then a run in which one is killed, started again by torchrun."""
    rank, first = int(os.environ["RANK"]), os.environ["TORCHELASTIC_RESTART_COUNT"] == "0"
    if first:
        torch.save(scenarios(folder, rank), folder / f"rank{rank}.pt")
    torch.save(killed(folder, rank, first), folder / f"killed{rank}.pt")


def scenarios(folder, rank):
    """Everything but the kill: name -> findings of this process."""
    found = {"calm": calm(seed=rank)}  # each starts elsewhere: only the start of process 0 counts
    found["game"], found["rbm"] = calm_game(seed=rank), calm_rbm(seed=rank)
    found["noisy"], found["noisy resumed"] = noisy(folder), noisy(folder, where=23)
    found["chains"], found["chains resumed"] = chains(folder), chains(folder, where=23)
    found["estimate"] = estimate()

    torch.manual_seed(rank)
    flow, normalised = glow(5, n_steps=2).double(), Normalised()
    midway = []

    def on_step(step, model, loss):
        midway.append(nn.utils.parameters_to_vector(model.parameters()).detach().clone())

    options = {"n_steps": 20, "batch_size": BATCH, "average": 0.9, "on_step": on_step}
    found["flow"] = result(flow, training.fit(flow, data(), **options)) | {"midway": midway[9]}
    found["normalised"] = result(normalised, training.fit(normalised, data(), n_steps=20, batch_size=30))

    model, once = noisy_model(), press_ctrl_c_at(17) if rank == 1 else None
    found["ctrl-c"] = result(model, training.fit(model, data(), **OPTIONS, on_step=once))
    model = noisy_model()
    options = {"n_steps": 10**9, "schedule": "linear", "max_cpu_seconds": 0.3}
    found["budget"] = result(model, training.fit(model, data(), **options))

    found["other data"] = raised(lambda: training.fit(Calm(0), data() + rank, n_steps=3))
    found["other rate"] = raised(lambda: training.fit(Calm(0), data(), n_steps=3, learning_rate=1 + rank))
    (folder / "file").touch()
    unwritable = {"n_steps": 3, "checkpoint": folder / "file" / "run.pt", "on_step": stop_at(1)}
    found["unwritable"] = raised(lambda: training.fit(Calm(0), data(), **unwritable))
    return found


def killed(folder, rank, first):
    """A run that loses process 1 at step 27; torchrun starts it again, and it goes on from its checkpoint."""
    checkpoint = folder / "run.pt"
    if not first and rank == 0:
        shutil.copy(checkpoint, folder / "left.pt")
    seen = []

    def on_step(step, model, loss):
        seen.append(step)
        if first and rank == 1 and step == 27:
            os.kill(os.getpid(), signal.SIGKILL)

    model = Calm(rank)
    history = training.fit(
        model, data(), **OPTIONS, checkpoint=checkpoint, checkpoint_every=10, on_step=on_step
    )
    return result(model, history) | {"seen": seen}


def torchrun(folder):
    """Run this file in two processes, one of which is killed; torchrun's exit code and what it said."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", "--max-restarts", "1", __file__, str(folder)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            _, err = process.communicate(timeout=300)
        finally:
            process.terminate()  # torchrun then ends its own; a kill would leave them behind
    return process.returncode, err


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What two processes under torchrun have left behind."""
    folder = tmp_path_factory.mktemp("torchrun")
    code, err = torchrun(folder)
    if code != 0:  # once in a dozen times on a very busy machine torchrun's own restart did not come up
        folder = tmp_path_factory.mktemp("torchrun_again")
        code, err = torchrun(folder)
    assert code == 0 and "exitcode: -9" in err, err
    return folder


@pytest.fixture(scope="module")
def ranks(folder):
    return [torch.load(folder / f"rank{rank}.pt", weights_only=False) for rank in range(2)]


def assert_same_run(together, alone, atol):
    """The losses and the weights of two runs agree."""
    for name in ("loss", "opponent_loss", "learning_rate"):
        a, b = together["history"][name], alone["history"][name]
        assert len(a) == len(b)
        np.testing.assert_allclose(a, b, rtol=0, atol=atol, err_msg=name)
    for name, value in alone["state"].items():
        torch.testing.assert_close(together["state"][name], value, rtol=0, atol=atol)


@pytest.mark.parametrize(("name", "alone"), [("calm", calm), ("game", calm_game), ("rbm", calm_rbm)])
def test_several_processes_take_the_steps_of_one(ranks, name, alone):
    alone = alone()
    assert len(alone["history"]["loss"]) >= 30
    for found in ranks:
        assert_same_run(found[name], alone, atol=1e-12)


@pytest.mark.parametrize(
    "name", ["noisy", "noisy resumed", "chains", "flow", "normalised", "ctrl-c", "budget"]
)
def test_all_processes_end_with_the_same_bits(ranks, name):
    first = ranks[0][name]
    for found in ranks[1:]:
        for key, value in first["state"].items():
            assert torch.equal(found[name]["state"][key], value), key
        for key in ("loss", "learning_rate", "stopped"):
            assert found[name]["history"][key] == first["history"][key]


@pytest.mark.parametrize("name", ["noisy", "chains"])
def test_what_was_resumed_equals_what_was_never_interrupted(ranks, name):
    for found in ranks:
        assert_same_run(found[f"{name} resumed"], found[name], atol=0)


def test_each_process_draws_noise_of_its_own_and_the_loss_keeps_its_distribution(ranks):
    noise = torch.cat([found["estimate"]["noise"] for found in ranks])
    assert len(noise) == len(noise.unique()) == 49
    first = torch.randn(25, generator=torch.Generator().manual_seed(1), dtype=noise.dtype)
    assert torch.equal(noise[:25], first)  # that of process 0 is seeded as that of one process
    alone = estimate()
    together, alone = np.array(ranks[0]["estimate"]["history"]["loss"]), np.array(alone["history"]["loss"])
    # Given x, the variance of mean((x + e)^2) is sum(4 x^2 + 2) / n^2.
    x = data()[:, 0].numpy()
    mean, variance = (x**2).mean() + 1, (4 * x**2 + 2).sum() / 49**2
    for losses in (together, alone):
        assert abs(losses.mean() - mean) < 4 * np.sqrt(variance / 400)
        assert abs(losses.var() / variance - 1) < 4 * np.sqrt(2 / 400)


def test_a_layer_that_sets_itself_from_its_first_batch_is_the_same_everywhere_from_then_on(ranks):
    # ActNorm: each process has seen another share.
    first = ranks[0]["flow"]["midway"]
    assert all(torch.equal(found["flow"]["midway"], first) for found in ranks)


def test_ctrl_c_in_one_process_stops_all_after_the_same_step(ranks):
    for found in ranks:
        assert found["ctrl-c"]["history"]["stopped"] == "interrupted"
        assert len(found["ctrl-c"]["history"]["loss"]) == 17


def test_the_budget_is_the_mean_clock_of_all(ranks):
    assert ranks[0]["budget"]["history"]["stopped"] == "budget"
    rates = np.array(ranks[0]["budget"]["history"]["learning_rate"])
    assert np.all(np.diff(rates) < 0) and rates[-1] < 0.5 * rates[0]
    clocks = [found["budget"]["history"]["cpu_seconds"] for found in ranks]
    assert np.mean([clock[-1] for clock in clocks]) >= 0.3 > np.mean([clock[-2] for clock in clocks])


def test_errors_reach_every_process(ranks):
    for found in ranks:
        for name in ("other data", "other rate"):
            assert found[name].startswith("ValueError: the processes were given different settings or data")
        assert found["unwritable"].startswith("FileExistsError")


def test_a_killed_process_leaves_a_checkpoint_from_which_torchrun_goes_on(folder):
    found = [torch.load(folder / f"killed{rank}.pt", weights_only=False) for rank in range(2)]
    alone = calm()
    for one in found:
        assert one["seen"] == list(range(21, 61))  # step 20 was the last to be kept
        assert_same_run(one, alone, atol=1e-12)
    # What the kill left behind, one process can use as well.
    assert torch.load(folder / "left.pt", weights_only=True)["step"] == 20
    assert_same_run(calm(seed=5, checkpoint=folder / "left.pt"), alone, atol=1e-12)


def test_fewer_processes_go_on_with_noise_that_is_new(tmp_path):
    # A checkpoint of two, made by hand from one: its second generator belongs to nobody here.
    model, file = Estimate(), tmp_path / "run.pt"
    options = {"batch_size": 49, "optimizer": "sgd", "checkpoint": file}
    training.fit(model, data(), n_steps=3, **options)
    state = torch.load(file, weights_only=True)
    torch.save(state | {"own": 2 * state["own"]}, file)
    history = training.fit(model, data(), n_steps=6, **options)
    assert len(history.loss) == 6
    assert len(torch.cat(model.noise).unique()) == 6 * 49


def test_each_process_takes_a_gpu_of_its_own(monkeypatch):
    assert choose_device("auto") == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("auto") == choose_device("cuda") == torch.device("cuda")
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert choose_device("auto") == choose_device("cuda") == torch.device("cuda", 1)
    assert choose_device("cuda:0") == torch.device("cuda", 0) and choose_device("cpu").type == "cpu"
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(ValueError, match=r"more processes than there are GPUs \(2\)"):
        choose_device("auto")


@pytest.mark.parametrize("seed", range(3))
def test_autocast_computes_the_loss_in_half_precision_and_keeps_the_weights(seed):
    class Watched(Calm):
        def loss(self, x, *, rng=None):
            self.seen = self.net(x).dtype
            return super().loss(x, rng=rng)

    models = [Watched(seed).float() for _ in range(2)]
    losses = [
        training.fit(m, data(), n_steps=300, learning_rate=1e-2, batch_size=49, autocast=half).loss
        for m, half in zip(models, (False, True), strict=True)
    ]
    assert [m.seen for m in models] == [torch.float32, torch.bfloat16]
    assert all(p.dtype == torch.float32 for p in models[1].parameters())
    assert losses[0] != losses[1] and losses[1][-1] < 0.5 * losses[1][0]
    np.testing.assert_allclose(losses[1], losses[0], rtol=0.05)


@pytest.mark.parametrize("name", ["autoencoder", "vae", "ddpm"])
def test_recipes_learn_alike_in_half_precision(name):
    losses = []
    for autocast in (False, True):
        torch.manual_seed(0)
        recipes = importlib.import_module(f"coursekit.{name}.recipe").RECIPES
        (stage,) = recipes["digits"](*datasets.train_and_test("digits")).stages
        settings = stage.settings | {"n_steps": 60, "device": "cpu"}
        losses.append(stage.loop(stage.model, stage.x, **settings, autocast=autocast).loss)
    assert losses[0] != losses[1]
    np.testing.assert_allclose(losses[1], losses[0], rtol=0.01)


def test_a_run_in_half_precision_is_another_run(tmp_path):
    options = {"n_steps": 3, "checkpoint": tmp_path / "run.pt"}
    training.fit(Calm(0).float(), data(), **options)
    with pytest.raises(ValueError, match="autocast was False, now True"):
        training.fit(Calm(0).float(), data(), **options, autocast=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
