"""Deep belief networks against enumeration: small asymmetric networks with random parameters, in float64."""

import itertools
import math

import numpy as np
import pytest
import torch

from coursekit.dbn import DBN, LabelRBM
from coursekit.evaluation import ais_log_partition
from coursekit.rbm import RBM, all_states

DOUBLE = {"dtype": torch.float64}


def generator(seed):
    return torch.Generator().manual_seed(seed)


def randomise(module, *, scale=0.8, seed=0):
    """The module in float64 with parameters scale * N(.3, 1): no symmetry for a slip to hide behind."""
    rng = generator(seed)
    for parameter in module.double().parameters():
        parameter.data = scale * (torch.randn(parameter.shape, generator=rng, **DOUBLE) + 0.3)
    return module.requires_grad_(False)


def random_bits(n, n_units, *, seed=1):
    return torch.randint(0, 2, (n, n_units), generator=generator(seed)).double()


def numbers_of(v):
    return (v @ 2.0 ** torch.arange(v.shape[1] - 1, -1, -1, **DOUBLE)).long()


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def joint_by_hand(dbn):
    """p(v, h1, y, h2) of a network of two machines, unit by unit; axes: states of v, of h1, classes."""
    first, top = dbn.machines
    W, c = first.weight.numpy(), first.visible_bias.numpy()
    R, a, b = top.weight.numpy(), top.visible_bias.numpy(), top.hidden_bias.numpy()
    n_v, n_1, n_2 = dbn.sizes
    labels = range(max(dbn.n_labels, 1))
    prior = np.zeros((2**n_1, len(labels)))
    for i, h in enumerate(itertools.product((0, 1), repeat=n_1)):
        for y in labels:
            seen = np.concatenate([h, np.eye(dbn.n_labels)[y] if dbn.n_labels else []])
            for g in itertools.product((0, 1), repeat=n_2):
                prior[i, y] += math.exp(np.array(g) @ R @ seen + a @ seen + b @ np.array(g))
    prior /= prior.sum()
    table = np.zeros((2**n_v, 2**n_1, len(labels)))
    for i, h in enumerate(itertools.product((0, 1), repeat=n_1)):
        on = sigmoid(np.array(h) @ W + c)
        for k, v in enumerate(itertools.product((0, 1), repeat=n_v)):
            table[k, i] = np.prod(np.where(v, on, 1 - on)) * prior[i]
    return torch.from_numpy(table)


# The machine with labels


@pytest.mark.parametrize("shape", [(4, 3, 3), (2, 6, 4)])
def test_label_machine_is_the_distribution_of_its_energy(shape):
    n, m, n_labels = shape
    machine = randomise(LabelRBM(n, m, n_labels))
    x, h = all_states(n, **DOUBLE), all_states(m, **DOUBLE)
    y = torch.arange(n_labels)
    seen = machine.join(x.repeat_interleave(n_labels, 0), y.repeat(len(x)))
    pairs = seen.repeat_interleave(len(h), 0), h.repeat(len(seen), 1)
    table = (-machine.energy(*pairs)).exp().reshape(len(x), n_labels, len(h))
    assert torch.isclose(machine.log_partition(), table.sum().log(), atol=1e-11)
    joint = table / table.sum()
    assert torch.allclose(machine.log_prob(seen).exp(), joint.sum(2).flatten(), atol=1e-12)
    assert torch.allclose(machine.label_free_energy(x), -table.sum(2).log(), atol=1e-11)
    assert torch.allclose(
        machine.label_log_prob(x).exp(), joint.sum(2) / joint.sum((1, 2))[:, None], atol=1e-12
    )
    assert torch.allclose(machine.hidden_free_energy(h), -table.sum((0, 1)).log(), atol=1e-11)
    given_h = joint / joint.sum((0, 1))
    mean = torch.cat([torch.einsum("xyh,xi->hi", given_h, x), given_h.sum(0).T], 1)
    assert torch.allclose(machine.visible_mean(h), mean, atol=1e-12)
    # The class fixed: an ordinary machine, and log Z is put together from theirs.
    parts = [machine.given_label(k) for k in range(n_labels)]
    d = machine.visible_bias[n:]
    for k, part in enumerate(parts):
        assert torch.allclose(part.log_prob(x).exp(), joint[:, k].sum(1) / joint[:, k].sum(), atol=1e-12)
    total = torch.logsumexp(torch.stack([d[k] + part.log_partition() for k, part in enumerate(parts)]), 0)
    assert torch.isclose(total, machine.log_partition(), atol=1e-11)


def test_label_machine_learns_along_the_exact_gradient():
    machine = randomise(LabelRBM(4, 3, 3))
    v = machine.join(random_bits(7, 4), torch.arange(7) % 3)
    gradient = machine.exact_gradient(v)
    machine.requires_grad_(True).log_prob(v).mean().backward()
    for name, parameter in machine.named_parameters():
        assert torch.allclose(gradient[name], parameter.grad, atol=1e-11), name
    machine.requires_grad_(False)
    long_chains, (ends, _) = machine.cd_gradient(v.repeat(1000, 1), k=40, rng=generator(0))
    assert torch.equal(ends[:, 4:].sum(1), torch.ones(7000, **DOUBLE))
    for name in gradient:
        assert torch.allclose(long_chains[name], gradient[name], atol=0.04), name
    with pytest.raises(ValueError, match="given_label"):
        machine.gibbs_tables()


# Distribution, bound, likelihood


@pytest.mark.parametrize("n_labels", [0, 3])
def test_log_prob_is_that_of_the_table(n_labels):
    dbn = randomise(DBN((5, 3, 4), n_labels=n_labels))
    v, table = all_states(5, **DOUBLE), joint_by_hand(dbn)
    assert torch.allclose(dbn.log_prob(v).exp(), table.sum((1, 2)), atol=1e-12)
    for y in range(n_labels):
        assert torch.allclose(dbn.log_prob(v, y).exp(), table[:, :, y].sum(1), atol=1e-12)


def test_three_machines_add_up_to_one_and_the_bound_lies_below():
    dbn = randomise(DBN((5, 4, 3, 4)))
    v = all_states(5, **DOUBLE)
    log_p, terms = dbn.log_prob(v), dbn.bound(v)
    assert torch.isclose(log_p.exp().sum(), torch.tensor(1.0, **DOUBLE), atol=1e-12)
    assert torch.all(terms["bound"] < log_p - 1e-4)
    parts = terms["reconstruction"] + terms["prior"] + terms["entropy"]
    assert torch.allclose(parts, terms["bound"], atol=1e-12)


def test_the_gap_of_the_bound_is_the_divergence_of_q_from_the_posterior():
    dbn = randomise(DBN((5, 3, 4)))
    v, h = all_states(5, **DOUBLE), all_states(3, **DOUBLE)
    table = joint_by_hand(dbn)[:, :, 0]
    posterior = table / table.sum(1, keepdim=True)
    on = torch.sigmoid(dbn.recognition_logits(0, v))
    q = torch.where(h[None] == 1, on[:, None], 1 - on[:, None]).prod(2)
    gap = (q * (q / posterior).log()).sum(1)
    assert gap.min() > 1e-3
    assert torch.allclose(dbn.log_prob(v) - dbn.bound(v)["bound"], gap, atol=1e-12)


def test_a_machine_turned_over_on_top_changes_nothing():
    rbm = randomise(RBM(5, 3))
    dbn = DBN.from_rbm(rbm)
    v = all_states(5, **DOUBLE)
    assert torch.allclose(dbn.log_prob(v), rbm.log_prob(v), atol=1e-12)
    assert torch.allclose(dbn.bound(v)["bound"], rbm.log_prob(v), atol=1e-12)
    # The slip: without the transposition of the biases p(h1) is another one.
    dbn.machines[1].visible_bias.data = torch.flip(dbn.machines[1].visible_bias, (0,))
    assert (dbn.log_prob(v) - rbm.log_prob(v)).abs().max() > 0.01
    with pytest.raises(ValueError, match="turned over"):
        DBN((5, 3, 4)).turn_over()


def test_training_the_second_machine_raises_the_bound_by_what_it_gains_on_q():
    rbm = randomise(RBM(6, 4), scale=1.0, seed=3)
    x, states = random_bits(8, 6), all_states(4, **DOUBLE)
    dbn = DBN.from_rbm(rbm)
    on = rbm.hidden_probability(x)
    q = torch.where(states[None] == 1, on[:, None], 1 - on[:, None]).prod(2).mean(0)
    before = {"bound": dbn.bound(x)["bound"].mean(), "prior": q @ dbn.machines[1].log_prob(states)}
    for _ in range(40):
        rows = torch.multinomial(q, 4000, replacement=True, generator=generator(0))
        gradient = dbn.machines[1].exact_gradient(states[rows])
        for name, direction in gradient.items():
            getattr(dbn.machines[1], name).data += 0.3 * direction
        gain = q @ dbn.machines[1].log_prob(states) - before["prior"]
        raised = dbn.bound(x)["bound"].mean() - before["bound"]
        assert torch.isclose(raised, gain, atol=1e-12)
        assert dbn.log_prob(x).mean() >= before["bound"] + gain - 1e-12
    assert gain > 0.05


def test_weighted_samples_climb_from_the_bound_to_log_p():
    dbn = randomise(DBN((5, 4, 3, 4)))
    dbn.untie()
    dbn.recognition[0] += 0.2
    v = random_bits(4, 5)
    bound, log_p = dbn.bound(v)["bound"], dbn.log_prob(v)

    def weighted(n_samples, n_runs):
        rows = v.repeat_interleave(n_runs, 0)
        runs = dbn.log_likelihood(rows, n_samples, rng=generator(n_samples)).reshape(4, n_runs)
        return runs.mean(1), runs.std(1) / math.sqrt(n_runs)

    one, error = weighted(1, 8000)
    assert torch.all((one - bound).abs() < 4 * error)
    means = torch.stack([one, *(weighted(n, 2000)[0] for n in (3, 10, 50))])
    assert torch.all(means.diff(dim=0) > 0) and torch.all(means < log_p + 0.01)
    many = dbn.log_likelihood(v.repeat_interleave(4000, 0), 10, rng=generator(5)).reshape(4, 4000)
    assert torch.all((torch.logsumexp(many, 1) - math.log(4000) - log_p).abs() < 0.02)
    top = ais_log_partition(dbn.machines[-1], n_steps=300, n_chains=300, rng=generator(1))
    assert abs(top[0] - dbn.machines[-1].log_partition()) < 4 * top[1]
    shifted = dbn.log_likelihood(v, 10, log_partition=dbn.machines[-1].log_partition() + 1, rng=generator(2))
    assert torch.allclose(shifted + 1, dbn.log_likelihood(v, 10, rng=generator(2)), atol=1e-12)


# Samples and classes


def frequencies(draws, n_units):
    return torch.bincount(numbers_of(draws), minlength=2**n_units).double() / len(draws)


@pytest.mark.parametrize("labels", [None, 1])
def test_samples_are_as_frequent_as_they_are_probable(labels):
    dbn = randomise(DBN((4, 3, 3, 3), n_labels=2), scale=0.6)
    v = all_states(4, **DOUBLE)
    exact = dbn.log_prob(v, labels).exp()
    exact = exact / exact.sum()
    draws = dbn.sample(40_000, labels=labels, n_steps=40, rng=generator(0))
    error = (exact * (1 - exact) / len(draws)).sqrt()
    assert torch.all((frequencies(draws, 4) - exact).abs() < 4 * error)
    # Gibbs steps of the lowest machine alone, the classic slip, go somewhere else.
    lowest = dbn.machines[0].log_prob(v).exp()
    assert ((lowest - exact).abs() / error).max() > 8


def test_means_are_the_probabilities_of_the_bits_and_chains_may_be_started():
    dbn = randomise(DBN((4, 3, 3), n_labels=2))
    means = dbn.sample(50_000, labels=0, n_steps=5, means=True, rng=generator(0)).mean(0)
    bits = dbn.sample(50_000, labels=0, n_steps=5, rng=generator(0)).mean(0)
    assert torch.all((means - bits).abs() < 4 * 0.5 / math.sqrt(50_000))
    start = random_bits(6, 3)
    assert torch.equal(dbn.sample_top(6, labels=1, n_steps=0, start=start), start)


def test_class_probabilities_average_over_q():
    dbn = randomise(DBN((5, 3, 4), n_labels=3))
    v, h = random_bits(6, 5), all_states(3, **DOUBLE)
    on = torch.sigmoid(dbn.recognition_logits(0, v))
    q = torch.where(h[None] == 1, on[:, None], 1 - on[:, None]).prod(2)
    given_h = joint_by_hand(dbn).sum(0)
    given_h = given_h / given_h.sum(1, keepdim=True)
    exact = q @ given_h
    n = 1000
    draws = dbn.predict_proba(v, n_samples=n, rng=generator(0))
    assert torch.allclose(draws.sum(1), torch.ones(6, **DOUBLE), atol=1e-12)
    assert torch.all((draws - exact).abs() < 4 * 0.5 / math.sqrt(n))
    by_means = dbn.predict_proba(v, n_samples=0)
    assert torch.equal(by_means, dbn.label_logits(v).softmax(1))
    assert torch.allclose(by_means, dbn.machines[1].label_log_prob(on).exp(), atol=1e-12)
    assert (by_means - exact).abs().max() > 0.005


# Up-down


def exact_up_down(dbn, x):
    """Gradients by autograd of enumerated objectives: the bound, and E_p log q(h | v), by parameter name."""
    dbn.requires_grad_(True)
    names = [name for name, _ in dbn.named_parameters()]
    v, h = all_states(dbn.sizes[0], **DOUBLE), all_states(dbn.sizes[1], **DOUBLE)
    bound = torch.autograd.grad(dbn.bound(x)["bound"].mean(), list(dbn.parameters()), allow_unused=True)
    log_q = torch.nn.functional.binary_cross_entropy_with_logits(
        dbn.recognition_logits(0, v)[:, None].expand(-1, len(h), -1),
        h.expand(len(v), -1, -1),
        reduction="none",
    ).sum(2)
    with torch.no_grad():
        joint = joint_by_hand(dbn.requires_grad_(False))[:, :, 0]
    dbn.requires_grad_(True)
    sleep = torch.autograd.grad(-(joint * log_q).sum(), list(dbn.parameters()), allow_unused=True)
    dbn.requires_grad_(False)
    return dict(zip(names, bound, strict=True)), dict(zip(names, sleep, strict=True))


def test_wake_follows_the_bound_and_sleep_follows_the_other_divergence():
    dbn = randomise(DBN((4, 3, 3)), scale=0.6)
    dbn.untie()
    dbn.recognition[0] += torch.randn(3, 4, generator=generator(3), **DOUBLE) * 0.5
    x = random_bits(5, 4)
    bound, sleep = exact_up_down(dbn, x)
    runs = [dbn.up_down_gradient(x.repeat(400, 1), k=30, rng=generator(s)) for s in range(30)]
    assert set(runs[0]) == {name for name, _ in dbn.named_parameters()}
    for name in runs[0]:
        draws = torch.stack([run[name] for run in runs])
        mean, error = draws.mean(0), draws.std(0) / math.sqrt(len(runs))
        target = sleep if name in ("recognition.0", "machines.0.hidden_bias") else bound
        assert torch.all((mean - target[name]).abs() < 5 * error), name
    # In the recognition weights the two objectives differ: sleep is no gradient of the bound.
    ours, other = sleep["recognition.0"], bound["recognition.0"]
    assert (ours - other).abs().max() > 0.01


def test_up_down_needs_two_sets_of_weights():
    dbn = randomise(DBN((4, 3, 3), n_labels=2))
    with pytest.raises(ValueError, match="untie"):
        dbn.up_down_gradient(random_bits(3, 4), labels=0)
    v = all_states(4, **DOUBLE)
    before = dbn.log_prob(v)
    dbn.untie()
    assert torch.equal(dbn.log_prob(v), before)
    dbn.machines[0].weight += 0.5
    assert (dbn.log_prob(v) - before).abs().max() > 0.01
    assert torch.equal(dbn.recognition[0] + 0.5, dbn.machines[0].weight)
    with pytest.raises(ValueError, match="give labels"):
        dbn.up_down_gradient(random_bits(3, 4))


# Input


def test_bad_input_gets_one_sentence():
    with pytest.raises(ValueError, match="three layers"):
        DBN((4, 3))
    with pytest.raises(ValueError, match="at least 1"):
        DBN((4, 0, 3))
    dbn = DBN((4, 3, 3))
    with pytest.raises(ValueError, match=r"v must have shape \(n, 4\)"):
        dbn.up(torch.zeros(2, 5))
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        dbn.log_prob(16 * torch.ones(2, 4))
    with pytest.raises(ValueError, match="n_labels"):
        dbn.predict_proba(torch.zeros(2, 4))
    with pytest.raises(ValueError, match=r"0\.\.1"):
        DBN((4, 3, 3), n_labels=2).sample(2, labels=2, n_steps=1)
    with pytest.raises(ValueError, match="2\\^30"):
        DBN((4, 30, 3)).log_prob(torch.zeros(2, 4))
    assert DBN((4, 3, 3)).up(np.zeros((2, 4), dtype=np.uint8))[-1].shape == (2, 3)


# The recipe


def tiny(n_steps=(5, 5)):
    from coursekit.dbn import recipe

    torch.manual_seed(0)
    dbn = DBN((6, 5, 4), n_labels=3)
    x, labels = random_bits(40, 6).float(), torch.arange(40) % 3
    return recipe, dbn, x, labels, recipe.layers(dbn, x, labels, n_steps=n_steps, settings={"batch_size": 8})


def test_each_machine_learns_from_drawn_bits_of_the_one_below():
    _, dbn, x, labels, (first, second) = tiny()
    assert first.model is dbn.machines[0] and torch.equal(first.x(), x)
    seen = second.x()
    assert second.model is dbn.machines[1] and torch.equal(seen[:, 5:].argmax(1), labels)
    assert set(seen[:, :5].unique().tolist()) == {0.0, 1.0}, "bits, no probabilities"
    assert not torch.equal(seen[:, :5], second.x()[:, :5])


def test_the_same_seed_gives_the_same_network():
    ends = []
    for _ in range(2):
        recipe, dbn, x, labels, _ = tiny()
        recipe.pretrain(dbn, x, labels, n_steps=(5, 5), batch_size=8, device="cpu")
        ends.append(dbn.state_dict())
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


def test_up_down_and_fine_tuning_change_what_they_should():
    recipe, dbn, x, labels, _ = tiny()
    before = dbn.state_dict()["machines.0.weight"].clone()
    recipe.up_down(dbn.requires_grad_(False), x, labels, n_steps=3)
    assert not torch.equal(dbn.machines[0].weight, before)
    assert not torch.equal(dbn.machines[0].weight, dbn.recognition[0])
    loss, labels = torch.nn.functional.cross_entropy, x[:, 0].long()
    dbn.requires_grad_(True)
    start = loss(dbn.label_logits(x), labels).item()
    recipe.fine_tune(dbn, x, labels, n_steps=100, learning_rate=0.05)
    assert loss(dbn.label_logits(x), labels).item() < start - 0.1


def test_a_classifier_is_the_network_that_backpropagation_sees():
    recipe, dbn, x, _, _ = tiny()
    labels = torch.randint(dbn.n_labels, (len(x),), generator=generator(1))
    classifier = recipe.Classifier(dbn, dropout=(0.5, 0.5)).eval()
    torch.testing.assert_close(classifier.logits(x), dbn.label_logits(x))
    by_hand = -dbn.label_logits(x).log_softmax(1)[torch.arange(len(x)), labels].mean()
    torch.testing.assert_close(classifier.loss(x, labels), by_hand)
    assert not torch.equal(classifier.train().logits(x), classifier.logits(x))
    sure = recipe.Classifier(dbn).train()
    assert torch.equal(sure.logits(x), sure.logits(x))
    table = torch.nn.Linear(x.shape[1], 3).to(x)
    assert torch.equal(recipe.Classifier(table).logits(x), table(x))


def test_the_classifiers_of_mnist_share_the_seconds_and_count_their_errors():
    from coursekit import data
    from coursekit.dbn import recipe

    train, test = data.train_and_test("digits")
    for build in (recipe.classifier, recipe.modern):
        made = build(train, test)
        assert sum(stage.share for stage in made.stages) == pytest.approx(1)
        made.train(n_steps=30, device="cpu")
        (error,) = made.measure(made.model).values()
        assert 0 < error < 1
    wrong = torch.nn.functional.one_hot(torch.tensor(test.labels) + (torch.arange(len(test.x)) < 36), 11)
    parts = iter(wrong.split(500))
    assert recipe.class_error(lambda x: next(parts), test) == pytest.approx(36 / len(test.x))


def test_log_partition_of_a_network_with_labels_is_put_together_from_its_classes():
    from coursekit.dbn import recipe

    dbn = randomise(DBN((5, 4, 3), n_labels=3))
    log_z, error = recipe.log_partition(dbn, n_steps=300, n_chains=200, rng=generator(0))
    assert abs(log_z - dbn.machines[1].log_partition()) < 4 * error < 0.2
    plain = randomise(DBN((5, 4, 3)))
    log_z, error = recipe.log_partition(plain, n_steps=300, n_chains=200, rng=generator(0))
    assert abs(log_z - plain.machines[1].log_partition()) < 4 * error < 0.2
