"""Models and training loops on another device than the CPU, with the results of the CPU.

Run by pytest, this file starts itself in a process of its own, where `second_device` gives PyTorch a device
that computes on the CPU and is as strict as a GPU about what lies where; there it is a program that writes
down the outcome of each trial.
"""

import contextlib
import copy
import functools
import importlib
import json
import os
import subprocess
import sys
import traceback
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from coursekit import autoencoder, ddpm, evaluation, flow, gan, rbm, training, vae, wgan
from coursekit.data import train_and_test
from coursekit.networks import TimeMLP, UNet, mlp

pytestmark = pytest.mark.long
CPU, OTHER = "cpu", "mirror"
RECIPES = ("rbm", "autoencoder", "vae", "gan", "wgan", "flow", "ddpm")


def rng(device, seed=3):
    return torch.Generator(device).manual_seed(seed)


def close(here, there):
    """Compare a result of the CPU with that of the other device; nested, and all of it must lie there."""
    if isinstance(here, dict):
        assert here.keys() == there.keys()
        return close(list(here.values()), list(there.values()))
    if isinstance(here, (list, tuple)):
        return [close(a, b) for a, b in zip(here, there, strict=True)]
    if isinstance(here, torch.Tensor):
        assert there.device.type == OTHER, f"a result on {there.device.type}"
        there = there.detach().cpu()
    torch.testing.assert_close(there, here, rtol=1e-9, atol=1e-11)


def randomised(model, seed=0):
    """In double precision, with parameters that are not what they start from (zero weights hide a lot)."""
    model, generator = model.double(), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return model.eval()


def points(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def machine(m, v, g):
    return m.energy(v, m.hidden_probability(v)), m.log_prob(v), m.exact_gradient(v)


def chains(m, v, g):
    return m.cd_gradient(v, k=2, rng=g), m.sample(4, rng=g)


def exact_chains(m, v, g):
    return m.expected_cd_gradient(v, k=2), m.gibbs_tables()


def annealed(m, v, g):
    return evaluation.ais_log_partition(m, n_steps=20, n_chains=5, rng=g, base_bias=v.mean(0))


def sweep(m, x, g):
    return m.log_prob(x), m.gibbs_sweep(x, rng=g)


def bound(m, x, g):
    return m.elbo(x, rng=g), m.log_likelihood(x, 3, rng=g), m.sample(4, rng=g)


def code(m, x, g):
    return m.loss(x, rng=g), m.reconstruct(x), m.jacobian_norm(x), m.tangent_vectors(x, 2).abs()


def play(m, x, g):
    m.constrain()
    fake = m.sample(len(x), rng=g)
    value = m.probability(x) if isinstance(m, gan.GAN) else m.dual_value(x, fake)
    return m.opponent_loss(x, fake, rng=g), m.generator_loss(fake), m.score(x), value


def slope(m, x, g):
    return wgan.lipschitz_bound(m)


def density(m, x, g):
    return m.log_prob(x), m.sample(4, rng=g), m.cascade(m.forward(x)[0])


def counts(m, x, g):
    return m.initialize(x, rng=g).discrete_log_prob(x, 2, rng=g), m.sample(4, rng=g)


def diffuse(m, x, g):
    ddim = m.sample_ddim(4, 3, eta=0.5, rng=g)
    return m.loss(x, rng=g), m.elbo(x, rng=g), m.sample(4, rng=g), ddim


def judge(m, x, g):
    m.fit(x, torch.arange(len(x)) % 10, n_epochs=2)
    return m.features(x), m.predict_proba(x)


def measures(m, x, g):
    centers = np.array([[0.0, 0.0], [1.0, 1.0]])  # of the CPU, as data sets have them
    near = evaluation.precision_recall(x, 0.9 * x.flip(0)), evaluation.nearest_share(x[:9], x[9:], x[20:])
    of_modes = evaluation.mode_coverage(x, centers, [0.5, 0.7]), evaluation.frechet_distance(x, centers)
    return *near, *of_modes, evaluation.trustworthiness(x, x**3)


def methods():
    """(name, model, data, function of model, data and generator): what is computed on both devices."""
    x = points(9, 5)
    bits, levels = (x > 0).double(), (points(40, 16).abs() * 8).floor().clamp(max=15)
    binary, gaussian = rbm.RBM(5, 4), rbm.RBM(5, 4, visible="gaussian")
    yield "rbm", binary, bits, machine
    yield "rbm, gaussian", gaussian, x, machine
    yield "rbm: chains", binary, bits, chains
    yield "rbm, gaussian: chains", gaussian, x, chains
    yield "rbm: exact chains", binary, bits, exact_chains
    yield "rbm: annealed importance sampling", binary, bits, annealed
    yield "boltzmann machine", rbm.BoltzmannMachine(5), bits, sweep

    for kind, data in (("bernoulli", bits), ("gaussian", x)):
        for n in (0, 3):
            model = vae.VAE(5, 2, hidden=(8,), residual=True, likelihood=kind, prior_components=n)
            yield f"vae, {kind}, {n} components", model, data, bound
    shallow = {"noise": 0.2, "contraction": 0.1, "tied": True, "activation": "sigmoid"}
    yield "autoencoder", autoencoder.Autoencoder(5, 3, **shallow), x, code
    deep = {"hidden": (4,), "norm": True, "contraction": 0.1, "likelihood": "bernoulli"}
    yield "autoencoder, deep", autoencoder.Autoencoder(5, 3, **deep), bits, code
    yield "autoencoder, convolutions", autoencoder.ConvAutoencoder((4, 4), 3), points(9, 16), code

    yield "gan", gan.GAN(mlp((2, 8, 5)), gan.batch_discriminator(5, 8), n_latent=2), x, play
    yield "gan, r1", gan.GAN(mlp((2, 8, 5)), mlp((5, 8, 1)), n_latent=2, r1=0.7), x, play
    for constraint in ("penalty", "clip"):
        game = wgan.WGAN(mlp((2, 8, 5)), mlp((5, 8, 1)), n_latent=2, constraint=constraint)
        yield f"wgan, {constraint}", game, x, play
    yield "wgan: slope of a critic", mlp((5, 8, 1)), x, slope

    yield "flow, real_nvp", flow.real_nvp(5, n_layers=2), x, density
    images = levels.reshape(40, 1, 4, 4)
    yield "flow, glow of images", flow.glow((1, 4, 4), n_steps=2, n_levels=16), images, counts
    layers = [flow.Logit(16), flow.Whiten(16), flow.Permute(torch.arange(15, -1, -1))]
    yield "flow, whitened", flow.Flow(layers, shape=16, discrete=True), levels, counts

    schedule = ddpm.cosine_schedule(5)
    for target in ("noise", "v"):
        model = ddpm.DDPM(TimeMLP(5, width=16), schedule, shape=5, target=target)
        yield f"ddpm, {target}", model, x, diffuse
    yield "ddpm, u-net", ddpm.DDPM(UNet(width=8), schedule, shape=(1, 4, 4)), points(9, 1, 4, 4), diffuse
    known = ddpm.MixtureNoisePredictor(schedule, [0.3, 0.7], [[0.0, 1.0], [2.0, -1.0]], [0.5, 0.2])
    yield "ddpm, known data", ddpm.DDPM(known, schedule, shape=2), points(9, 2), diffuse

    yield "evaluation: digit classifier", evaluation.DigitClassifier(5, n_hidden=8), points(40, 5), judge
    yield "evaluation: measures", nn.Linear(1, 1), points(40, 2), measures


def try_method(model, x, function):
    model = randomised(model)
    there = copy.deepcopy(model).to(OTHER)
    close(function(model, x, rng(CPU)), function(there, x.to(OTHER), rng(OTHER)))


def small(name):
    torch.manual_seed(0)
    recipes = importlib.import_module(f"coursekit.{name}.recipe").RECIPES
    (stage,) = recipes["digits"](*train_and_test("digits")).stages
    return stage.model.double(), stage.x[:300], stage


def weights_close(here, there):
    for a, b in zip(here.state_dict().values(), there.state_dict().values(), strict=True):
        assert b.device.type == CPU  # the model came home
        torch.testing.assert_close(b, a, rtol=1e-7, atol=1e-9)


def try_loop(name):
    """The recipe's first steps; and the same with a break, resumed from a checkpoint."""
    model, x, stage = small(name)
    settings = stage.settings | {"batch_size": 20, "n_steps": 4}
    there, broken = copy.deepcopy(model), copy.deepcopy(model)
    file = Path(f"{name}.pt")
    before = torch.get_rng_state(), torch.mirror.get_rng_state()

    def stop(step, *_):
        if step == 2:
            raise KeyboardInterrupt

    stage.loop(model, x, device=CPU, **settings)
    stage.loop(there, x, device=OTHER, **settings)
    weights_close(model, there)
    settings |= {"device": OTHER, "checkpoint": file, "checkpoint_every": 1}
    with contextlib.suppress(KeyboardInterrupt):
        stage.loop(broken, x, on_step=stop, **settings)
        raise AssertionError("on_step was not called")
    stage.loop(broken, x, **settings)
    weights_close(model, broken)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert torch.equal(torch.mirror.get_rng_state(), before[1])


def try_strangers():
    """The other device is as strict as it claims, or nothing above says anything."""
    there = torch.ones(3, device=OTHER)
    refused = 0
    for action in (
        lambda: there + torch.ones(3),
        lambda: torch.ones(2, 3) @ there,
        lambda: torch.cat([there, torch.ones(3)]),
        lambda: nn.Linear(3, 1)(there),
        lambda: torch.ones(3)[torch.arange(2, device=OTHER)],
        lambda: there.index_put((torch.arange(2),), torch.zeros(2)),
        lambda: torch.randn(3, device=OTHER, generator=rng(CPU)),
        lambda: torch.randn(3, generator=rng(OTHER)),
        lambda: there.uniform_(generator=rng(CPU)),
        lambda: there.numpy(),
    ):
        try:
            action()
        except Exception:
            refused += 1
    assert refused == 10, f"refused {refused} of 10 mixtures"
    doubled = torch.ones(3, device=OTHER) * torch.tensor(2.0)
    assert doubled[torch.arange(2)].tolist() == [2.0, 2.0]


def try_pretraining():
    model = randomised(autoencoder.Autoencoder(5, 2, hidden=(4,), noise=0.1))
    there = copy.deepcopy(model)
    for each, device in ((model, CPU), (there, OTHER)):
        train = functools.partial(training.fit, n_steps=3, device=device)
        autoencoder.pretrain_layerwise(each, points(20, 5), train)
    weights_close(model, there)


def loops():
    for name in RECIPES:
        yield f"loop: {name}", functools.partial(try_loop, name)


def trials():
    yield "strangers", try_strangers
    yield "pretraining", try_pretraining
    for name, model, x, function in methods():
        yield name, functools.partial(try_method, model, x, function)
    yield from loops()


def main():
    import second_device  # noqa: F401

    torch.manual_seed(0)
    rank, outcomes = os.environ.get("RANK"), {}
    for name, trial in trials() if rank is None else loops():
        try:
            trial()
            outcomes[name] = "passed"
        except Exception:
            outcomes[name] = traceback.format_exc()
    Path(f"process {rank or 0}.json").write_text(json.dumps(outcomes))


def start(launcher, folder):
    """Run this file by the launcher; for each process name -> "passed", or the traceback."""
    run = subprocess.run(
        [sys.executable, *launcher, __file__],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert run.returncode == 0, run.stderr
    return [json.loads(path.read_text()) for path in sorted(folder.glob("process *.json"))]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return start([], tmp_path_factory.mktemp("alone"))


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    return start(torchrun, tmp_path_factory.mktemp("together"))


@pytest.mark.parametrize("name", [name for name, _ in trials()])
def test_one_process_on_another_device(name, alone):
    assert alone[0][name] == "passed", alone[0][name]


@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("name", [name for name, _ in loops()])
def test_two_processes_on_another_device(name, rank, together):
    assert together[rank][name] == "passed", together[rank][name]


if __name__ == "__main__":
    main()
