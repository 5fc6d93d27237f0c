"""training: what the loops take (arrays, data sets, rows that stay together), and what they refuse."""

import copy
import inspect

import numpy as np
import pytest
import torch
from torch import nn

from coursekit import data, gan, rbm, training, vae
from coursekit.networks import mlp
from coursekit.training.optimizers import MuonWithAdamW, make_optimizer
from coursekit.training.settings import FREE, LIMITS, split

N = 30
X = np.random.default_rng(0).normal(size=(N, 3))
LABELS = np.arange(N) % 4


def same_weights(a, b):
    return all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))


class Means(nn.Module):
    """One mean per class; keeps what it was shown, so that a test can see which rows came together."""

    def __init__(self):
        super().__init__()
        self.means = nn.Parameter(torch.zeros(4, 3, dtype=torch.float64))
        self.seen = []

    def loss(self, x, condition=None, *, rng=None):
        self.seen.append((x, condition))
        return (x - self.means[condition]).square().sum(1).mean()


# What the loops take


def test_the_rows_of_a_tuple_stay_together_and_come_in_the_order_of_a_single_array():
    model, alone = Means(), Means()
    training.fit(model, (X, LABELS), n_steps=9, batch_size=8)
    x, labels = (torch.cat(part) for part in zip(*model.seen, strict=True))
    assert x.dtype == torch.float64 and labels.dtype == torch.int64
    rows = [int((row.numpy() == X).all(1).argmax()) for row in x]
    assert labels.tolist() == LABELS[rows].tolist()
    for epoch in (rows[:N], rows[N : 2 * N]):
        assert sorted(epoch) == list(range(N))

    class Alone(Means):
        def loss(self, x, *, rng=None):
            return super().loss(x, torch.zeros(len(x), dtype=torch.int64))

    alone = Alone()
    training.fit(alone, X, n_steps=9, batch_size=8)
    assert torch.equal(torch.cat([x for x, _ in alone.seen]), x)


def test_class_means_are_what_a_loss_with_labels_learns():
    model = Means()
    training.fit(model, (X, LABELS), n_steps=300, learning_rate=0.1, schedule="linear", batch_size=N)
    expected = [X[k::4].mean(0) for k in range(4)]
    np.testing.assert_allclose(model.means.detach(), expected, atol=1e-3)


def test_a_tuple_of_one_and_a_data_set_are_their_array():
    toy = data.toy2d("moons", 40)
    models = []
    for x in (toy.x, toy, (toy.x,), (toy,), toy.x.astype(np.float32).astype(np.float64), toy.x.tolist()):
        torch.manual_seed(0)
        models.append(vae.VAE(2, 1, hidden=4, likelihood="gaussian"))
        training.fit(models[-1], x, n_steps=3)
    assert all(same_weights(models[0], model) for model in models[1:])


def test_a_run_knows_labels_again(tmp_path):
    file = tmp_path / "run.pt"
    training.fit(Means(), (X, LABELS), n_steps=3, checkpoint=file)
    with pytest.raises(ValueError, match="belongs to another run .*data was"):
        training.fit(Means(), (X, LABELS[::-1].copy()), n_steps=5, checkpoint=file)
    resumed, whole = Means(), Means()
    training.fit(resumed, (X, LABELS), n_steps=5, checkpoint=file)
    training.fit(whole, (X, LABELS), n_steps=5)
    assert same_weights(resumed, whole)


class Conditional(rbm.RBM):
    """A Boltzmann machine whose hidden biases follow a condition."""

    def __init__(self):
        super().__init__(3, 2)
        self.shown = []

    def hidden_probability(self, v, shift=0.0):
        return (v @ self.weight.T + self.hidden_bias + shift).sigmoid()

    def cd_gradient(self, v, shift=0.0, *, k=1, chains=None, rng=None):
        self.shown.append((v, shift))
        h = self.hidden_probability(v, shift)
        return {name: 0 * p for name, p in self.named_parameters()}, (v, h)


def test_contrastive_divergence_hands_a_condition_on():
    bits = (X > 0).astype(float)
    machine = Conditional()
    training.fit_contrastive(machine, (bits, np.stack([LABELS, -LABELS], 1) / 4), n_steps=4, batch_size=8)
    assert [(v.shape, shift.shape) for v, shift in machine.shown] == 3 * [((8, 3), (8, 2))] + [
        ((6, 3), (6, 2))
    ]


# Games that make their own fakes


class OwnFakes(gan.GAN):
    """The plain GAN again, in the second form: it draws the fakes as the loop would."""

    def _fake(self, n, rng):
        return self.generator(torch.randn(n, self.n_latent, generator=rng))

    def opponent_loss(self, real, *, rng=None):
        with torch.no_grad():
            fake = self._fake(len(real), rng)
        return super().opponent_loss(real, fake)

    def generator_loss(self, real, *, rng=None):
        return super().generator_loss(self._fake(len(real), rng))


def new_game(kind):
    torch.manual_seed(0)
    return kind(mlp((2, 8, 3)), mlp((3, 8, 1)), n_latent=2)


@pytest.mark.parametrize("x", [X, (X,)], ids=["array", "tuple"])
def test_both_forms_play_the_same_game(x):
    games = [new_game(kind) for kind in (gan.GAN, OwnFakes)]
    options = {"n_steps": 12, "n_opponent_steps": 2, "batch_size": 8, "average": 0.9}
    histories = [training.fit_adversarial(game, x, **options) for game in games]
    assert same_weights(*games)
    assert histories[0].loss == histories[1].loss
    assert histories[0].opponent_loss == histories[1].opponent_loss


class Swap(nn.Module):
    """Two generators and two opponents, on pairs: a shift that carries a onto b, and one back."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.there, self.back = nn.Linear(3, 3).double(), nn.Linear(3, 3).double()
        self.judges = nn.ModuleList([mlp((3, 8, 1)).double(), mlp((3, 8, 1)).double()])
        self.generator = nn.ModuleList([self.there, self.back])
        self.seen = []

    @property
    def opponent(self):
        return self.judges

    def constrain(self):
        pass

    def opponent_loss(self, a, b, *, rng=None):
        self.seen.append((a, b))
        with torch.no_grad():
            fakes = self.back(b), self.there(a)
        scores = [
            (judge(real), judge(fake)) for judge, real, fake in zip(self.judges, (a, b), fakes, strict=True)
        ]
        return sum((real - 1).square().mean() + fake.square().mean() for real, fake in scores)

    def generator_loss(self, a, b, *, rng=None):
        fakes = self.back(b), self.there(a)
        cycle = (self.back(fakes[1]) - a).abs().mean() + (self.there(fakes[0]) - b).abs().mean()
        return cycle + sum((j(fake) - 1).square().mean() for j, fake in zip(self.judges, fakes, strict=True))


def test_a_game_of_several_networks_on_pairs():
    game = Swap()
    start = copy.deepcopy(game)
    history = training.fit_adversarial(game, (X, X + 1), n_steps=200, n_opponent_steps=2, batch_size=10)
    assert all(torch.allclose(b - a, torch.ones_like(a)) for a, b in game.seen)
    assert len(game.seen) == 400 and len(history.loss) == 200
    for part, before in zip(game.generator.parameters(), start.generator.parameters(), strict=True):
        assert not torch.equal(part, before)
    for part, before in zip(game.judges.parameters(), start.judges.parameters(), strict=True):
        assert not torch.equal(part, before)


def test_a_game_on_pairs_resumes_bit_for_bit(tmp_path):
    whole, resumed, options = Swap(), Swap(), {"batch_size": 7, "average": 0.9}
    training.fit_adversarial(whole, (X, X + 1), n_steps=9, **options)
    for n_steps in (4, 9):
        training.fit_adversarial(
            resumed, (X, X + 1), n_steps=n_steps, checkpoint=tmp_path / "game.pt", **options
        )
    assert not same_weights(whole, Swap())
    # The first part ended with its averages swapped in; what is resumed is the checkpoint.
    assert same_weights(whole, resumed)


# Muon


def test_muon_takes_the_matrices_and_adamw_the_rest():
    class Words(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.net = nn.Embedding(5, 4), nn.Sequential(nn.Linear(4, 3), nn.Conv1d(1, 2, 3))

    model = Words()
    step = make_optimizer("muon", model.parameters(), 0.01, betas=(0.8, 0.9), model=model)
    muon, adamw = step.optimizers
    assert isinstance(muon, torch.optim.Muon) and isinstance(adamw, torch.optim.AdamW)
    names = {id(p): name for name, p in model.named_parameters()}
    assert [names[id(p)] for p in muon.param_groups[0]["params"]] == ["net.0.weight"]
    assert len(adamw.param_groups[0]["params"]) == 4 and adamw.param_groups[0]["betas"] == (0.8, 0.9)
    assert [group["lr"] for group in step.param_groups] == [0.01, 0.01]
    assert len(MuonWithAdamW([model.net[0].bias], lr=0.1).optimizers) == 1


@pytest.mark.parametrize("seed", range(3))
def test_muon_moves_every_direction_of_a_matrix_alike(seed):
    # One step from a gradient with singular values 1, .1, .01: that of Muon has singular values near one.
    generator = torch.Generator().manual_seed(seed)
    u, v = (torch.linalg.qr(torch.randn(3, 3, generator=generator)).Q for _ in range(2))
    weight = nn.Parameter(torch.zeros(3, 3))
    weight.grad = u @ torch.diag(torch.tensor([1.0, 0.1, 0.01])) @ v.T
    optimizer = MuonWithAdamW([weight], lr=1.0)
    optimizer.step()
    sizes = torch.linalg.svdvals(weight.detach())
    plain = torch.linalg.svdvals(weight.grad)
    assert sizes.max() / sizes.min() < 3 < plain.max() / plain.min()


def test_muon_trains_a_network():
    torch.manual_seed(0)
    model = vae.VAE(64, 3, hidden=32)
    history = training.fit(model, data.digits().x / 16, n_steps=60, optimizer="muon", learning_rate=3e-2)
    assert np.mean(history.loss[-5:]) < 0.8 * history.loss[0]


# What is refused


@pytest.mark.parametrize(
    "loop, model, sentence",
    [
        (
            "fit",
            lambda: new_game(gan.GAN),
            "fit needs loss, which GAN does not have: .*training.fit_adversarial",
        ),
        ("fit", lambda: rbm.RBM(3, 2), "fit needs loss, which RBM does not have: .*training.fit_contrastive"),
        (
            "fit_contrastive",
            lambda: vae.VAE(3, 1, hidden=4),
            "fit_contrastive needs cd_gradient, hidden_probability, which VAE does not have: .*training.fit$",
        ),
        (
            "fit_adversarial",
            lambda: vae.VAE(3, 1, hidden=4),
            "fit_adversarial needs generator, opponent, opponent_loss, .* VAE does not have: .*training.fit$",
        ),
        ("fit", lambda: nn.Linear(3, 3), "fit needs loss, which Linear does not have$"),
        ("fit", lambda: lambda x: x, "fit trains a torch.nn.Module, got function"),
        ("fit", lambda: None, "fit trains a torch.nn.Module, got NoneType"),
        ("fit_adversarial", lambda: gan.GAN, "fit_adversarial trains a torch.nn.Module, got type"),
    ],
)
def test_a_model_for_another_loop_is_sent_there(loop, model, sentence):
    with pytest.raises(ValueError, match=sentence):
        getattr(training, loop)(model(), X, n_steps=3)


def test_a_model_without_parameters_is_refused():
    class Nothing(nn.Module):
        def loss(self, x, *, rng=None):
            return x.mean()

    with pytest.raises(ValueError, match="Nothing has no parameters, so there is nothing to train"):
        training.fit(Nothing(), X, n_steps=3)


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"n_steps": 2.5}, "n_steps must be a whole number, got 2.5"),
        ({"n_steps": "10"}, "n_steps must be a whole number, got '10'"),
        ({"batch_size": 2.5}, "batch_size must be a whole number"),
        ({"checkpoint_every": None}, "checkpoint_every must be a whole number"),
        ({"seed": None}, "seed must be a whole number, got None"),
        ({"seed": 0.5}, "seed must be a whole number"),
        ({"betas": (0.9, 0.9, 0.9)}, "betas must be two numbers, the decays of Adam's two averages"),
        ({"betas": 0.9}, "betas must be two numbers"),
        ({"betas": (0.9, 1.0)}, r"betas must lie in \[0, 1\), got 1"),
        ({"learning_rate": "fast"}, "learning_rate must be a number, got 'fast'"),
        ({"learning_rate": np.nan}, "learning_rate must be positive, got nan"),
        ({"average": None}, "average, .* must be a number, got None"),
        ({"warm_up": -0.1}, r"warm_up, .* must lie in \[0, 1\), got -0.1"),
        ({"max_cpu_seconds": "60"}, "max_cpu_seconds must be a number"),
        (
            {"optimizer": torch.optim.Adam},
            "unknown optimizer .*; choose one of adam, adamw, sgd, rmsprop, muon",
        ),
        ({"schedule": None}, "unknown schedule None; choose one of constant, linear, cosine"),
        ({"device": "cuda"}, 'device "cuda" is asked for, but PyTorch finds 0 GPUs: take "auto"'),
        ({"device": "cuda:3"}, 'device "cuda:3" is asked for, but PyTorch finds 0 GPUs'),
        ({"device": None}, "unknown device None"),
        ({"device": "mps"}, 'device "mps" does not work here: take "auto"'),
    ],
)
@pytest.mark.parametrize("loop", ["fit", "fit_contrastive", "fit_adversarial"])
def test_settings_that_make_no_sense_are_refused_in_a_sentence(loop, options, sentence, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    if options.get("device") == "mps" and torch.backends.mps.is_available():
        pytest.skip("works here")
    if loop == "fit_contrastive" and options.keys() & {"betas", "optimizer", "warm_up"}:
        pytest.skip("not an option of this loop")
    if loop == "fit_adversarial" and "warm_up" in options:
        pytest.skip("not an option of this loop")
    models = {
        "fit": Means,
        "fit_contrastive": lambda: rbm.RBM(3, 2),
        "fit_adversarial": lambda: new_game(gan.GAN),
    }
    with pytest.raises(ValueError, match=sentence):
        getattr(training, loop)(models[loop](), X, **{"n_steps": 3} | options)


@pytest.mark.parametrize("options", [{"k": 0}, {"k": 1.5}, {"momentum": 1.0}, {"momentum": "no"}])
def test_the_settings_of_contrastive_divergence_too(options):
    with pytest.raises(ValueError, match=f"^{next(iter(options))} must "):
        training.fit_contrastive(rbm.RBM(3, 2), X > 0, n_steps=3, **options)


@pytest.mark.parametrize(
    "x, sentence",
    [
        ((X, LABELS[:-1]), "the rows of all arrays in x belong together, but their lengths are 30, 29"),
        ((), "x must hold at least one array"),
        ((X, 3), r"x\[1\] must hold at least one example along its first axis, got shape \(\)"),
        ((X, None), r"x\[1\] must be an array of numbers, got NoneType"),
        ((X * np.nan, LABELS), r"x\[0\] holds 90 values that are NaN or infinite"),
        (
            (X, LABELS, LABELS),
            r"x holds 3 arrays for each call of Means\.loss, which takes \(x, condition=None",
        ),
        ("digits", "x must be an array of numbers, got str"),
        (None, "x must be an array of numbers, got NoneType"),
        ([[1], [1, 2]], "x must be an array of numbers: its rows have different lengths"),
        (X[:0], "x must hold at least one example"),
    ],
)
def test_data_that_is_no_data_is_refused_in_a_sentence(x, sentence):
    with pytest.raises(ValueError, match=sentence):
        training.fit(Means(), x, n_steps=3)


def test_a_condition_for_a_model_or_a_game_that_knows_none_is_refused():
    class Plain(Means):
        def loss(self, x, *, rng=None):
            return (x - self.means[0]).square().mean()

    with pytest.raises(
        ValueError, match=r"x holds 2 arrays for each call of Plain.loss, which takes \(x, \*, rng"
    ):
        training.fit(Plain(), (X, LABELS), n_steps=3)
    with pytest.raises(ValueError, match="GAN plays on one array, but x is a tuple of 2"):
        training.fit_adversarial(new_game(gan.GAN), (X, LABELS), n_steps=3)
    with pytest.raises(ValueError, match="x holds 2 arrays for each call of RBM.cd_gradient"):
        training.fit_contrastive(rbm.RBM(3, 2), (X > 0, LABELS), n_steps=3)
    with pytest.raises(ValueError, match="x holds 1 array for each call of Swap.opponent_loss"):
        training.fit_adversarial(Swap(), X, n_steps=3)
    with pytest.raises(ValueError, match="this game makes its fakes itself"):
        training.fit_adversarial(new_game(OwnFakes), X, n_steps=3, instance_noise=0.1)


# A resumed run

# Another value than the default for each argument of a loop that changes what its steps do.
OTHER = {
    "batch_size": 3,
    "learning_rate": 0.007,
    "opponent_learning_rate": 0.007,
    "optimizer": "rmsprop",
    "betas": (0.8, 0.9),
    "schedule": "cosine",
    "warm_up": 0.5,
    "average": 0.5,
    "seed": 7,
    "autocast": True,
    "k": 2,
    "persistent": True,
    "momentum": 0.1,
    "centring": False,
    "n_opponent_steps": 2,
    "instance_noise": 0.1,
    "instance_noise_until": 0.2,
}
LOOPS = {
    training.fit: lambda: vae.VAE(4, 2, hidden=3),
    training.fit_contrastive: lambda: rbm.RBM(4, 3),
    training.fit_adversarial: lambda: gan.GAN(mlp((2, 4)), mlp((4, 1)), n_latent=2),
}
CHANGES = [(loop, name) for loop in LOOPS for name in inspect.signature(loop).parameters]
CHANGES = [change for change in CHANGES if change[1] not in FREE | LIMITS]


@pytest.mark.parametrize(("loop", "name"), CHANGES)
def test_every_argument_that_changes_the_steps_must_be_the_same_in_a_resumed_run(loop, name, tmp_path):
    bits, own = torch.ones(9, 4), tmp_path / "run.pt"
    loop(LOOPS[loop](), bits, n_steps=2, checkpoint=own)
    with pytest.raises(ValueError, match=f"belongs to another run .*{name} was .*, now"):
        loop(LOOPS[loop](), bits, n_steps=2, checkpoint=own, **{name: OTHER[name]})


@pytest.mark.parametrize("loop", LOOPS)
def test_a_run_is_prolonged_only_where_nothing_falls_over_its_length(loop, tmp_path):
    bits = torch.ones(9, 4)
    for number, options in enumerate(({}, {"schedule": "linear"}, {"instance_noise": 0.1})):
        if "instance_noise" in options and loop is not training.fit_adversarial:
            continue
        options = {"schedule": "constant", "checkpoint": tmp_path / f"{number}.pt"} | options
        loop(LOOPS[loop](), bits, n_steps=2, **options)
        loop(LOOPS[loop](), bits, n_steps=2, **options, on_step=print, checkpoint_every=1, device="cpu")
        if number == 0:
            assert len(loop(LOOPS[loop](), bits, n_steps=3, **options).learning_rate) == 3
        with pytest.raises(ValueError, match="n_steps was "):
            loop(LOOPS[loop](), bits, n_steps=1 if number == 0 else 3, **options)


def test_an_argument_without_a_check_cannot_be_forgotten():
    with pytest.raises(KeyError, match="new_option"):
        split({"n_steps": 1, "max_cpu_seconds": None, "checkpoint_every": 1, "new_option": 2})
