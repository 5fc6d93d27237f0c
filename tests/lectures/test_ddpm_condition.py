"""Conditional diffusion: the known noise of each class, guidance as a density, labels hidden in training."""

import numpy as np
import pytest
import torch
from torch import nn

from coursekit import ddpm, training
from coursekit.networks import LabelEmbedding, TimeMLP, UNet

SCHEDULE = ddpm.cosine_schedule(20)
MEANS = [[1.5, 0.0], [-1.0, 1.0], [0.0, -2.0]]
STDS = [0.5, 0.3, 0.4]


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


class Known(nn.Module):
    """The best noise predictor of a mixture; with a label, that of the label's component."""

    def __init__(self):
        super().__init__()
        self.mixture = ddpm.MixtureNoisePredictor(SCHEDULE, [1 / 3] * 3, MEANS, STDS)
        parts = [
            ddpm.MixtureNoisePredictor(SCHEDULE, [1.0], [m], [s]) for m, s in zip(MEANS, STDS, strict=True)
        ]
        self.parts = nn.ModuleList(parts)
        self.seen = []

    def forward(self, x, t, condition=None):
        self.seen.append(condition)
        if condition is None:
            return self.mixture(x, t)
        assert condition.dtype == torch.int64
        noises = torch.stack([part(x, t) for part in (self.mixture, *self.parts)])
        return noises[condition + 1, torch.arange(len(x))]


@pytest.fixture
def known():
    return ddpm.DDPM(Known(), SCHEDULE, shape=2).double()


def data(n=600, seed=0):
    generator = np.random.default_rng(seed)
    labels = generator.integers(3, size=n)
    return generator.normal(size=(n, 2)) * np.array(STDS)[labels, None] + np.array(MEANS)[labels], labels


def test_given_the_class_everything_is_that_of_the_class(known):
    x, _ = data(8)
    for k in range(3):
        alone = ddpm.DDPM(known.noise_predictor.parts[k], SCHEDULE, shape=2).double()
        mine, other = (m.elbo(x, rng=rng(), **c) for m, c in ((known, {"condition": [k] * 8}), (alone, {})))
        for name in mine:
            assert torch.equal(mine[name], other[name])
        samples = [known.sample(5, condition=k, rng=rng()), alone.sample(5, rng=rng())]
        assert torch.equal(*samples)
        strides = [
            m.sample_ddim(5, 4, eta=0.5, rng=rng(), **c) for m, c in ((known, {"condition": k}), (alone, {}))
        ]
        assert torch.equal(*strides)


def test_labels_go_row_by_row(known):
    labels = torch.tensor([2, 0, 1, 1, 2])
    mixed = known.sample(5, condition=labels, rng=rng())
    for k in range(3):
        assert torch.equal(known.sample(5, condition=k, rng=rng())[labels == k], mixed[labels == k])


@pytest.mark.parametrize("target", ["noise", "v"])
@pytest.mark.parametrize("w", [0.0, 0.7, 3.0])
def test_guidance_follows_the_score_of_the_sharpened_density(w, target):
    # (1 + w) log q(x_t | c) - w log q(x_t) has as its slope the guided noise over -sqrt(1 - abar).
    x = torch.tensor(data(9)[0]).requires_grad_()
    t, labels = torch.arange(1, 10), torch.arange(9) % 3
    abar = SCHEDULE.alpha_bars[t]
    squares = ((x[:, None] - abar.sqrt()[:, None, None] * torch.tensor(MEANS)) ** 2).sum(-1)
    variances = abar[:, None] * torch.tensor(STDS, dtype=torch.float64) ** 2 + 1 - abar[:, None]
    log_q = -squares / 2 / variances - variances.log()  # (n, class), up to a constant
    guided = (1 + w) * log_q[torch.arange(9), labels] - w * log_q.logsumexp(1)
    (slope,) = torch.autograd.grad(guided.sum(), x)

    model = ddpm.DDPM(Known(), SCHEDULE, shape=2).double()
    if target == "v":  # the same network, asked for v

        class AsV(nn.Module):
            def forward(self, x, t, condition=None):
                signal, spread = SCHEDULE.mixing(t, x)
                noise = known(x, t, condition)
                return (noise - spread * x) / signal

        known, model = Known().double(), ddpm.DDPM(AsV(), SCHEDULE, shape=2, target="v").double()
    _, noise = model.predict(x.detach(), t, condition=labels, guidance=w)
    torch.testing.assert_close(noise, -(1 - abar).sqrt()[:, None] * slope, rtol=1e-9, atol=1e-11)


def test_guidance_pulls_samples_away_from_the_other_classes(known):
    other = torch.tensor([MEANS[0], MEANS[2]], dtype=torch.float64).mean(0)
    away = [
        (known.sample(400, condition=1, guidance=w, rng=rng()) - other).norm(dim=1).mean() for w in (0, 1, 4)
    ]
    assert away[0] < away[1] < away[2]


def test_loss_hides_the_labels_at_the_rate_that_is_asked_for():
    x, labels = data(3000)
    for dropped in (0.0, 0.25, 1.0):
        model = ddpm.DDPM(Known(), SCHEDULE, shape=2, dropped=dropped).double()
        model.loss(x, labels, rng=rng())
        (seen,) = model.noise_predictor.seen
        hidden = seen == -1
        assert torch.equal(seen[~hidden], torch.tensor(labels)[~hidden])
        share = hidden.double().mean()
        assert abs(share - dropped) <= 4 * np.sqrt(dropped * (1 - dropped) / 3000)


def test_without_a_condition_nothing_has_changed():
    x, _ = data(50)
    model = ddpm.DDPM(Known(), SCHEDULE, shape=2).double()
    generator, x = rng(), torch.tensor(x)
    start = torch.rand((), generator=generator, dtype=torch.float64)
    t = 1 + ((start + torch.arange(50, dtype=torch.float64) / 50) % 1 * 20).long()
    noise = torch.randn(50, 2, generator=generator, dtype=torch.float64)
    expected = (noise - model.noise_predictor.mixture(model.q_sample(x, t, noise), t)).square().sum(1).mean()
    assert torch.equal(model.loss(x, rng=rng()), expected)
    assert model.noise_predictor.seen == [None]


# Networks that know classes


@pytest.mark.parametrize(
    "make, shape",
    [(lambda **n: TimeMLP(2, width=16, **n), (2,)), (lambda **n: UNet(width=8, **n), (1, 4, 4))],
    ids=["mlp", "u-net"],
)
def test_networks_take_labels(make, shape):
    torch.manual_seed(0)
    network, x, t = (
        make(n_classes=3).double(),
        torch.randn(6, *shape, dtype=torch.float64),
        torch.arange(1, 7),
    )
    labels = torch.tensor([0, 1, 2, 0, 1, -1])
    assert torch.equal(network(x, t, labels), torch.zeros_like(x))  # zero when new, as ever
    with torch.no_grad():
        for p in network.parameters():
            p.add_(0.2 * torch.randn(p.shape, generator=rng(), dtype=p.dtype))
    out, none = network(x, t, labels), network(x, t)
    assert torch.equal(none, network(x, t, torch.full((6,), -1)))
    assert torch.equal(out[5], none[5]) and (out[:5] != none[:5]).flatten(1).any(1).all()
    out.sum().backward()
    assert (network.labels.vectors.weight.grad != 0).any(1).all()
    with pytest.raises(ValueError, match=r"labels must be class numbers in -1\.\.2, got 0 to 3"):
        network(x, t, torch.tensor([0, 1, 2, 3, 0, 0]))
    with pytest.raises(ValueError, match="this network was built without classes: give it n_classes"):
        make()(x.float(), t, labels)


def test_a_network_without_classes_is_what_it_was():
    torch.manual_seed(3)
    plain = TimeMLP(2, width=16)
    torch.manual_seed(3)
    labelled = TimeMLP(2, width=16, n_classes=4)
    for name, value in plain.state_dict().items():
        assert torch.equal(value, labelled.state_dict()[name])
    assert LabelEmbedding(3, 5)(torch.tensor([2, -1])).shape == (2, 5)


@pytest.mark.parametrize("seed", range(3))
def test_trained_on_labels_it_draws_the_class_that_is_asked_for(seed):
    x, labels = data(1500, seed)
    torch.manual_seed(seed)
    model = ddpm.DDPM(TimeMLP(2, width=32, n_blocks=2, n_classes=3), SCHEDULE, shape=2, dropped=0.3)
    training.fit(
        model,
        (x, labels),
        n_steps=400,
        batch_size=128,
        learning_rate=5e-3,
        schedule="cosine",
        average=0.99,
        seed=seed,
    )

    def shares(**given):
        samples = model.sample(300, rng=rng(seed), **given).double()
        nearest = torch.cdist(samples, torch.tensor(MEANS, dtype=torch.float64)).argmin(1)
        return [(nearest == k).double().mean().item() for k in range(3)]

    for k in range(3):
        assert shares(condition=k)[k] > 0.9
    assert min(shares()) > 0.1  # without a class: all three


def test_bad_conditions_are_refused_in_a_sentence(known):
    x, _ = data(4)
    plain = ddpm.DDPM(TimeMLP(2, width=8), SCHEDULE, shape=2)
    calls = [
        (lambda: known.sample(3, guidance=1.0), "guidance strengthens a condition"),
        (lambda: known.sample(3, condition=1, guidance=float("nan")), "guidance must be finite, got nan"),
        (lambda: known.sample(3, condition=1, guidance="strong"), "guidance must be a number, got 'strong'"),
        (lambda: known.sample(3, condition=[0, 1]), r"condition must have shape \(3,\), one per example"),
        (lambda: known.loss(x, [0, 1, -1, 0]), "condition must be class numbers from 0, got -1 to 1"),
        (lambda: known.loss(x, [0.5] * 4), "condition must be whole numbers"),
        (lambda: plain.loss(x, [0] * 4), "built without classes"),
        (lambda: ddpm.DDPM(Known(), SCHEDULE, shape=2, dropped=1.5), r"dropped must lie in \[0, 1\]"),
        (lambda: plain.loss(x[:, :1]), r"x must have shape \(n, 2\), got \(4, 1\)"),
        (lambda: plain.sample_ddim(3, 4, eta=-1), r"eta must lie in \[0, 1\], got -1"),
        (lambda: plain.sample_ddim(3, 2.5), "n_steps must be a whole number, got 2.5"),
        (lambda: plain.q_sample(torch.zeros(2, 2), 3, torch.zeros(2, 2)), r"t must be int64 .* got 3"),
        (
            lambda: plain.ddim_step(torch.zeros(1, 2), torch.tensor([2]), torch.tensor([5]), eta=1.0),
            "every s must be smaller than its t",
        ),
        (
            lambda: UNet(width=8)(torch.zeros(1, 1, 7, 7), torch.tensor([1])),
            r"both must be even, got \(1, 1, 7, 7\)",
        ),
    ]
    for call, sentence in calls:
        with pytest.raises(ValueError, match=sentence):
            call()


def test_one_label_in_ten_is_hidden_unless_another_share_is_named():
    class Counts(nn.Module):
        def forward(self, xt, t, labels):
            self.hidden = (labels == -1).double().mean().item()
            return xt

    n = 40_000
    for options, share in (({}, 0.1), ({"dropped": 0.25}, 0.25), ({"dropped": 0.0}, 0.0)):
        predictor = Counts()
        model = ddpm.DDPM(predictor, ddpm.linear_schedule(5), shape=1, **options)
        model.loss(torch.zeros(n, 1), torch.zeros(n), rng=torch.Generator().manual_seed(0))
        assert abs(predictor.hidden - share) <= 4 * (share * (1 - share) / n) ** 0.5
