"""Boltzmann machines against enumeration: small asymmetric machines with random parameters, in float64."""

import itertools
import math

import numpy as np
import pytest
import torch

from coursekit.evaluation import ais_log_partition
from coursekit.rbm import RBM, BoltzmannMachine, all_states, moments
from coursekit.training import fit_contrastive
from coursekit.training.contrastive import centred

NAMES = ("weight", "visible_bias", "hidden_bias")


def random_machine(n_visible, n_hidden, *, visible="bernoulli", scale=1.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    rbm = RBM(n_visible, n_hidden, visible=visible).double()
    for parameter in rbm.parameters():
        values = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        # The shift keeps zeros and ones apart: no symmetry for a wrong sign to hide behind.
        parameter.data = scale * (values + 0.3)
    return rbm.requires_grad_(False)


def random_bits(n, n_units, *, seed=1):
    return torch.randint(0, 2, (n, n_units), generator=torch.Generator().manual_seed(seed)).double()


def joint_table(rbm):
    """Unnormalised probabilities of all (v, h), (2^n_visible, 2^n_hidden), written out unit by unit."""
    W, c, b = (p.numpy() for p in (rbm.weight, rbm.visible_bias, rbm.hidden_bias))
    n_hidden, n_visible = W.shape
    table = np.empty((2**n_visible, 2**n_hidden))
    for row, v in enumerate(itertools.product((0, 1), repeat=n_visible)):
        for column, h in enumerate(itertools.product((0, 1), repeat=n_hidden)):
            energy = -sum(c[i] * v[i] for i in range(n_visible)) - sum(b[j] * h[j] for j in range(n_hidden))
            energy -= sum(h[j] * W[j, i] * v[i] for j in range(n_hidden) for i in range(n_visible))
            table[row, column] = math.exp(-energy)
    return torch.from_numpy(table)


def flat(gradient):
    return torch.cat([gradient[name].flatten() for name in NAMES])


def cosine(a, b):
    return (flat(a) @ flat(b) / (flat(a).norm() * flat(b).norm())).item()


def bars_and_stripes(height, width):
    """Every picture of whole columns or of whole rows, once, (2^height + 2^width - 2, height * width)."""
    rows = all_states(height).repeat_interleave(width, dim=1)
    columns = all_states(width).repeat(1, height)
    return torch.unique(torch.cat([rows, columns]), dim=0).double()


def total_variation_with_error(visits, exact):
    """Distance of the mean over independent chains from `exact`, and what chance alone gives: mean, std.

    visits: (chains, states), the share of its time that each chain spent in each state.
    """
    error = visits.std(0) / math.sqrt(len(visits))
    distance = (visits.mean(0) - exact).abs().sum().item() / 2
    by_chance = math.sqrt(2 / math.pi) * error.sum().item() / 2
    spread = math.sqrt((1 - 2 / math.pi) * error.square().sum().item()) / 2
    return distance, by_chance, spread


def slowly_mixing_machine():
    """4 x 3, with couplings that favour two states which differ in every unit: chains seldom change sides."""
    rbm = random_machine(4, 3, scale=0.4, seed=9)
    rbm.weight += torch.outer(torch.tensor([1.0, -1.0, 1.0]), torch.tensor([1.0, 1.0, -1.0, 1.0])) * 1.5
    rbm.visible_bias -= rbm.weight.sum(0) / 2
    rbm.hidden_bias -= rbm.weight.sum(1) / 2
    return rbm


def numbers_of(v):
    return (v @ 2.0 ** torch.arange(v.shape[1] - 1, -1, -1, dtype=v.dtype)).long()


# The unrestricted machine


def test_all_states_lists_every_vector_once_in_counting_order():
    assert torch.equal(all_states(5), torch.tensor(list(itertools.product((0.0, 1.0), repeat=5))))
    assert all_states(3, dtype=torch.float64).dtype == torch.float64
    with pytest.raises(ValueError, match=r"2\^21 .*ais_log_partition"):
        all_states(21)


@pytest.fixture
def boltzmann():
    torch.manual_seed(3)
    machine = BoltzmannMachine(4).double().requires_grad_(False)
    machine.weight.data = torch.randn(4, 4, dtype=torch.float64)
    machine.bias.data = torch.randn(4, dtype=torch.float64) + 0.3
    return machine


def test_boltzmann_machine_energy_counts_each_pair_twice(boltzmann):
    W, c = boltzmann.couplings(), boltzmann.bias
    assert torch.equal(W, W.T) and torch.equal(W.diagonal(), torch.zeros(4, dtype=torch.float64))
    assert W.abs().sum() > 1
    for x in all_states(4, dtype=torch.float64):
        pairs = sum(2 * W[i, j] * x[i] * x[j] for i in range(4) for j in range(i))
        assert torch.isclose(boltzmann.energy(x[None])[0], -pairs - c @ x, atol=1e-12)


def test_boltzmann_machine_conditional_is_the_ratio_of_its_probabilities(boltzmann):
    states = all_states(4, dtype=torch.float64)
    p = boltzmann.log_prob(states).exp()
    assert torch.isclose(p.sum(), torch.tensor(1.0, dtype=torch.float64), atol=1e-12)
    for i in range(4):
        on, off = states.clone(), states.clone()
        on[:, i], off[:, i] = 1, 0
        expected = p[numbers_of(on)] / (p[numbers_of(on)] + p[numbers_of(off)])
        assert torch.allclose(boltzmann.conditional(states)[:, i], expected, atol=1e-12)


def test_boltzmann_machine_sweeps_reach_its_distribution(boltzmann):
    rng = torch.Generator().manual_seed(0)
    x = random_bits(2000, 4)
    before = x.clone()
    visits = torch.zeros(2000, 16, dtype=torch.float64)
    for sweep in range(60):
        x = boltzmann.gibbs_sweep(x, rng=rng)
        if sweep >= 20:
            visits[torch.arange(2000), numbers_of(x)] += 1 / 40
    exact = boltzmann.log_prob(all_states(4, dtype=torch.float64)).exp()
    distance, by_chance, spread = total_variation_with_error(visits, exact)
    assert distance < by_chance + 4 * spread
    assert torch.equal(before, random_bits(2000, 4))


# The restricted machine: energies, conditionals, log Z


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (1, 6)])
def test_rbm_is_the_distribution_of_its_energy(shape):
    rbm = random_machine(*shape, seed=sum(shape))
    table = joint_table(rbm)
    joint = table / table.sum()
    v, h = (all_states(n, dtype=torch.float64) for n in shape)
    everything = [
        states.flatten(0, 1) for states in (v[:, None].expand(-1, len(h), -1), h.expand(len(v), -1, -1))
    ]
    assert torch.allclose(rbm.energy(*everything), -table.log().flatten(), atol=1e-11)

    assert torch.allclose(rbm.log_partition(), table.sum().log(), atol=1e-11)
    assert torch.allclose(rbm.log_prob(v).exp(), joint.sum(1), atol=1e-12)
    assert torch.allclose(rbm.free_energy(v), -table.sum(1).log(), atol=1e-11)
    assert torch.allclose(rbm.hidden_free_energy(h), -table.sum(0).log(), atol=1e-11)

    hidden = joint @ h / joint.sum(1, keepdim=True)
    visible = joint.T @ v / joint.T.sum(1, keepdim=True)
    assert torch.allclose(rbm.hidden_probability(v), hidden, atol=1e-12)
    assert torch.allclose(rbm.visible_mean(h), visible, atol=1e-12)
    hidden_given_visible, visible_given_hidden = rbm.gibbs_tables()
    assert torch.allclose(hidden_given_visible, joint / joint.sum(1, keepdim=True), atol=1e-12)
    assert torch.allclose(visible_given_hidden, (joint / joint.sum(0)).T, atol=1e-12)


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_log_partition_over_v_and_over_h_agree(visible):
    rbm = random_machine(2, 4, visible=visible, scale=0.7)
    over_h = torch.logsumexp(-rbm.hidden_free_energy(all_states(4, dtype=torch.float64)), 0)
    if visible == "bernoulli":
        over_v = torch.logsumexp(-rbm.free_energy(all_states(2, dtype=torch.float64)), 0)
    else:
        # On a fine grid the rectangle rule is as good as exact for a smooth function that dies out.
        axis = torch.arange(-14, 18, 0.05, dtype=torch.float64)
        grid = torch.cartesian_prod(axis, axis)
        over_v = torch.logsumexp(-rbm.free_energy(grid), 0) + 2 * math.log(0.05)
    assert torch.allclose(over_h, over_v, atol=1e-9)
    assert torch.allclose(rbm.log_partition(), over_v, atol=1e-9)


def test_gaussian_units_have_the_conditionals_of_their_energy():
    rbm = random_machine(2, 3, visible="gaussian")
    v = torch.randn(7, 2, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    h = all_states(3, dtype=torch.float64)
    weight = torch.stack([-rbm.energy(v, state.expand(7, -1)) for state in h], 1).exp()
    assert torch.allclose(rbm.free_energy(v), -weight.sum(1).log(), atol=1e-11)
    assert torch.allclose(rbm.hidden_probability(v), weight @ h / weight.sum(1, keepdim=True), atol=1e-12)

    axis = torch.arange(-14, 18, 0.05, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)
    for state in h:
        density = (-rbm.energy(grid, state.expand(len(grid), -1))).softmax(0)
        mean = density @ grid
        assert torch.allclose(rbm.visible_mean(state[None])[0], mean, atol=1e-9)
        assert torch.allclose(density @ (grid - mean) ** 2, torch.ones(2, dtype=torch.float64), atol=1e-9)

    n = 40_000
    draws = rbm.sample_visible(h[5].expand(n, -1), rng=torch.Generator().manual_seed(6))
    assert torch.all((draws.mean(0) - rbm.visible_mean(h[5:6])[0]).abs() < 4 / math.sqrt(n))
    assert torch.all((draws.var(0) - 1).abs() < 4 * math.sqrt(2 / n))
    assert abs(torch.corrcoef(draws.T)[0, 1]) < 4 / math.sqrt(n)


# The exact gradient


@pytest.mark.parametrize(
    "shape, visible", [((5, 3), "bernoulli"), ((3, 5), "bernoulli"), ((6, 3), "gaussian")]
)
def test_exact_gradient_is_that_of_the_exact_log_likelihood(shape, visible):
    rbm = random_machine(*shape, visible=visible, scale=0.6, seed=2)
    v = random_bits(9, shape[0])
    if visible == "gaussian":
        v = torch.randn(9, shape[0], generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    gradient = rbm.exact_gradient(v)
    assert set(gradient) == set(NAMES) == {name for name, _ in rbm.named_parameters()}
    rbm.requires_grad_(True)
    rbm.log_prob(v).mean().backward()
    for name, parameter in rbm.named_parameters():
        assert parameter.grad.abs().max() > 0.01
        assert torch.allclose(gradient[name], parameter.grad, atol=1e-11), name


def test_moments_weigh_rows_and_keep_hidden_units_in_rows():
    v, h = random_bits(4, 3), random_bits(4, 2, seed=8)
    p = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    result = moments(v, h, p)
    for j in range(2):
        for i in range(3):
            expected = sum(p[row] * h[row, j] * v[row, i] for row in range(4))
            assert torch.isclose(result["weight"][j, i], expected, atol=1e-14)
    for name, value in moments(v, h).items():
        assert torch.allclose(value, moments(v, h, torch.full_like(p, 0.25))[name], atol=1e-14)


# The Gibbs chain


def test_the_step_v_to_v_is_in_detailed_balance_and_the_joint_sweep_is_not():
    rbm = random_machine(4, 3, seed=4)
    v, h = all_states(4, dtype=torch.float64), all_states(3, dtype=torch.float64)
    hidden_given_visible, visible_given_hidden = rbm.gibbs_tables()
    p = rbm.log_prob(v).exp()
    kernel = hidden_given_visible @ visible_given_hidden
    assert torch.allclose(kernel.sum(1), torch.ones(16, dtype=torch.float64), atol=1e-12)
    flow = p[:, None] * kernel
    assert (kernel - kernel.T).abs().max() > 0.1
    assert torch.allclose(flow, flow.T, atol=1e-12)

    # The sweep (v, h) -> (v', h') with h' drawn given v and v' given h' forgets h; states are pairs (v, h).
    joint = p[:, None] * hidden_given_visible
    sweep = torch.einsum("vk,ku->vuk", hidden_given_visible, visible_given_hidden)
    sweep = sweep[:, None].expand(-1, len(h), -1, -1).reshape(joint.numel(), joint.numel())
    joint = joint.flatten()
    assert torch.allclose(joint @ sweep, joint, atol=1e-12)
    flow = joint[:, None] * sweep
    assert (flow - flow.T).abs().max() > 0.005


def test_a_long_chain_visits_states_as_often_as_they_are_probable():
    rbm = random_machine(4, 3, seed=4)
    rng = torch.Generator().manual_seed(7)
    exact = rbm.log_prob(all_states(4, dtype=torch.float64)).exp()
    v = random_bits(400, 4)
    visits = torch.zeros(400, 16, dtype=torch.float64)
    for step in range(600):
        v = rbm.gibbs_step(v, rng=rng)
        if step >= 100:
            visits[torch.arange(400), numbers_of(v)] += 1 / 500
    distance, by_chance, spread = total_variation_with_error(visits, exact)
    assert by_chance < 0.01
    assert distance < by_chance + 4 * spread
    # The same chains are far from a machine with one weight changed: the comparison has teeth.
    rbm.weight[0, 1] += 0.5
    other = rbm.log_prob(all_states(4, dtype=torch.float64)).exp()
    assert total_variation_with_error(visits, other)[0] > by_chance + 20 * spread


def test_sample_forgets_its_random_start():
    rbm = random_machine(4, 3, scale=0.5, seed=4)
    exact = rbm.log_prob(all_states(4, dtype=torch.float64)).exp()
    draws = rbm.sample(20_000, n_steps=50, rng=torch.Generator().manual_seed(0))
    visits = torch.nn.functional.one_hot(numbers_of(draws), 16).double()
    distance, by_chance, spread = total_variation_with_error(visits, exact)
    assert distance < by_chance + 4 * spread
    assert RBM(6, 2, visible="gaussian").sample(3, n_steps=2).shape == (3, 6)


# Contrastive divergence


def test_expected_cd_gradient_is_the_power_of_the_transition_matrix():
    rbm = slowly_mixing_machine()
    v = random_bits(6, 4)
    states = all_states(4, dtype=torch.float64)
    hidden_given_visible, visible_given_hidden = rbm.gibbs_tables()
    start = torch.bincount(numbers_of(v), minlength=16).double() / len(v)
    for k in (1, 2, 5):
        end = start @ torch.linalg.matrix_power(hidden_given_visible @ visible_given_hidden, k)
        data = moments(states, rbm.hidden_probability(states), start)
        model = moments(states, rbm.hidden_probability(states), end)
        expected = rbm.expected_cd_gradient(v, k=k)
        for name in NAMES:
            assert torch.allclose(expected[name], data[name] - model[name], atol=1e-12), (k, name)
    assert torch.allclose(flat(rbm.expected_cd_gradient(v, k=2000)), flat(rbm.exact_gradient(v)), atol=1e-9)
    assert (flat(rbm.expected_cd_gradient(v)) - flat(rbm.exact_gradient(v))).abs().max() > 0.05


@pytest.mark.parametrize("k", [1, 3])
def test_cd_gradient_is_unbiased_for_its_expectation(k):
    rbm = slowly_mixing_machine()
    v = random_bits(6, 4).repeat(20, 1)
    rng = torch.Generator().manual_seed(k)
    draws = torch.stack([flat(rbm.cd_gradient(v, k=k, rng=rng)[0]) for _ in range(600)])
    error = draws.std(0) / math.sqrt(len(draws))

    def z_scores(k):
        return (draws.mean(0) - flat(rbm.expected_cd_gradient(v, k=k))) / error

    assert z_scores(k).abs().max() < 4
    assert z_scores(k + 1).abs().max() > 8


def from_states(rbm, v):
    """Chains that go on from v: the pair that `cd_gradient` takes."""
    return v, rbm.hidden_probability(v)


def test_cd_gradient_averages_over_the_batch_and_leaves_its_inputs_alone():
    rbm, v = random_machine(4, 3), random_bits(6, 4)
    before, chains = v.clone(), from_states(rbm, random_bits(11, 4, seed=5))
    chains_before = [part.clone() for part in chains]
    one, ends = rbm.cd_gradient(v, chains=chains, rng=torch.Generator().manual_seed(0))
    two, _ = rbm.cd_gradient(v.repeat(3, 1), chains=chains, rng=torch.Generator().manual_seed(0))
    assert torch.allclose(flat(one), flat(two), atol=1e-14)
    assert ends[0].shape == (11, 4) and torch.equal(ends[1], rbm.hidden_probability(ends[0]))
    assert torch.equal(v, before) and all(map(torch.equal, chains, chains_before))
    assert not any(value.requires_grad for value in rbm.requires_grad_(True).cd_gradient(v)[0].values())


def test_persistent_chains_remember_where_they_were_and_not_the_data():
    rbm = random_machine(6, 3, seed=11)
    chains = from_states(rbm, random_bits(5, 6, seed=2))

    def ends(v, k=1, seed=0):
        return rbm.cd_gradient(v, k=k, chains=chains, rng=torch.Generator().manual_seed(seed))[1][0]

    rng = torch.Generator().manual_seed(0)
    by_hand = rbm.gibbs_step(rbm.gibbs_step(chains[0], rng=rng), rng=rng)
    assert torch.equal(ends(random_bits(8, 6, seed=3), k=2), by_hand)
    assert torch.equal(ends(random_bits(5, 6, seed=4), k=2), by_hand)
    assert not torch.equal(ends(random_bits(8, 6), seed=1), ends(random_bits(8, 6), seed=2))
    # Two steps by two calls are two steps by one call: nothing but the state is carried over.
    rng = torch.Generator().manual_seed(0)
    _, state = rbm.cd_gradient(random_bits(8, 6), chains=chains, rng=rng)
    _, state = rbm.cd_gradient(random_bits(8, 6, seed=3), chains=state, rng=rng)
    assert torch.equal(state[0], by_hand)


def test_frozen_units_show_the_memory():
    # Couplings so strong that a chain stays for ever where it starts: it can end nowhere else.
    rbm = RBM(2, 2).double()
    rbm.weight.data = 400 * torch.eye(2, dtype=torch.float64)
    rbm.visible_bias.data = rbm.hidden_bias.data = torch.full((2,), -200.0, dtype=torch.float64)
    data, frozen = torch.ones(3, 2).double(), torch.tensor([[1.0, 0.0], [0.0, 0.0]]).double()
    gradient, (ends, _) = rbm.cd_gradient(data, k=5, chains=from_states(rbm, frozen))
    assert torch.equal(ends, frozen)
    assert torch.allclose(gradient["visible_bias"], torch.tensor([0.5, 1.0], dtype=torch.float64))
    _, (ends, _) = rbm.cd_gradient(data, k=5)
    assert torch.equal(ends, data)


# The bias of contrastive divergence, and what chains that persist buy


def trained_on_bars_and_stripes(seed, *, persistent):
    """CD-1, or persistent chains, at equal cost: 2000 steps of 88 chains, four for each picture."""
    torch.manual_seed(seed)
    rbm = RBM(12, 8).double()
    options = {"n_steps": 2000, "batch_size": 88, "learning_rate": 0.2, "centring": False, "device": "cpu"}
    fit_contrastive(rbm, bars_and_stripes(3, 4).repeat(4, 1), persistent=persistent, seed=seed, **options)
    return rbm.requires_grad_(False)


def test_cd_is_unbiased_early_and_biased_late_and_persistent_chains_end_higher():
    x = bars_and_stripes(3, 4)
    assert x.shape == (22, 12)
    torch.manual_seed(0)
    early = RBM(12, 8).double().requires_grad_(False)
    exact = early.exact_gradient(x)
    for k in (1, 2, 20):
        assert cosine(early.expected_cd_gradient(x, k=k), exact) > 0.999

    for seed in range(3):
        late = trained_on_bars_and_stripes(seed, persistent=False)
        exact = late.exact_gradient(x)
        estimates = [late.expected_cd_gradient(x, k=k) for k in (1, 2, 3, 5, 10, 20)]
        # The chain mixes slowly: k steps from the data it is still near them, and the two phases cancel.
        lengths = [(flat(estimate).norm() / flat(exact).norm()).item() for estimate in estimates]
        assert lengths == sorted(lengths)
        assert lengths[0] < 0.1 and lengths[-1] < 0.7
        assert cosine(estimates[0], exact) < 0.5
        assert cosine(estimates[-1], exact) < 0.99
        persistent = trained_on_bars_and_stripes(seed, persistent=True)
        assert persistent.log_prob(x).mean() > late.log_prob(x).mean() + 0.3


# Annealed importance sampling


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("with_base", [False, True])
def test_ais_is_within_its_standard_errors_of_the_exact_log_partition(visible, with_base):
    base_bias = torch.tensor([0.5, -1.0, 0.2, 0.0, 1.0, -0.3]).double() if with_base else None
    z_scores, errors = [], []
    for seed in range(12):
        rbm = random_machine(6, 4, visible=visible, scale=0.8, seed=seed)
        rng = torch.Generator().manual_seed(100 + seed)
        estimate, error = ais_log_partition(rbm, n_steps=150, n_chains=200, rng=rng, base_bias=base_bias)
        z_scores.append((estimate - rbm.log_partition().item()) / error)
        errors.append(error)
    # Three standard errors hold for each machine, and the errors are of the right size.
    assert max(map(abs, z_scores)) < 3
    assert 0.5 < np.sqrt(np.mean(np.square(z_scores))) < 1.6
    assert max(errors) < 0.2


def test_ais_converges_in_the_number_of_steps_and_repeats_with_its_generator():
    rbm = random_machine(6, 4, seed=3)
    few, many = (
        ais_log_partition(rbm, n_steps=n, n_chains=100, rng=torch.Generator().manual_seed(0))
        for n in (10, 1000)
    )
    assert many[1] < few[1] / 3
    assert many == ais_log_partition(rbm, n_steps=1000, n_chains=100, rng=torch.Generator().manual_seed(0))
    with pytest.raises(ValueError, match="n_chains must be at least 2, got 1"):
        ais_log_partition(rbm, n_steps=10, n_chains=1)


def test_ais_agrees_where_visible_units_are_too_many_to_enumerate():
    rbm = random_machine(60, 6, scale=0.3, seed=8)
    estimate, error = ais_log_partition(rbm, n_steps=1000, n_chains=100, rng=torch.Generator().manual_seed(0))
    assert error < 0.3
    assert abs(estimate - rbm.log_partition().item()) < 3 * error


# Unknown choices


def test_what_cannot_work_is_said_at_once():
    with pytest.raises(ValueError, match="'binary'; choose one of bernoulli, gaussian"):
        RBM(3, 2, visible="binary")
    rbm = RBM(25, 22)
    for call in (rbm.log_partition, rbm.gibbs_tables, lambda: rbm.exact_gradient(torch.zeros(1, 25))):
        with pytest.raises(ValueError, match="at most 20 units"):
            call()
    with pytest.raises(ValueError, match="k must be at least 1"):
        rbm.cd_gradient(torch.zeros(1, 25), k=0)
    with pytest.raises(ValueError, match="Bernoulli visible"):
        RBM(3, 2, visible="gaussian").gibbs_tables()


# The loop


def test_centred_gradient_is_the_gradient_of_the_machine_with_offsets():
    rbm, v = random_machine(5, 3, scale=0.6), random_bits(9, 5)
    m, lam = torch.tensor([0.9, 0.2, 0.4, 0.6, 0.1]).double(), torch.tensor([0.1, 0.5, 0.8]).double()

    def log_likelihood(weight, c, b):
        # The energy -(h - lam)'W(v - m) - c'v - b'h is the usual one with these biases, but for a constant.
        c, b = c - lam @ weight, b - weight @ m

        def minus_free_energy(x):
            return x @ c + torch.log1p(torch.exp(x @ weight.T + b)).sum(1)

        return minus_free_energy(v).mean() - minus_free_energy(all_states(5).double()).logsumexp(0)

    # Its own parameters, and how a step along their gradient moves the usual ones.
    own = (rbm.weight, rbm.visible_bias + lam @ rbm.weight, rbm.hidden_bias + rbm.weight @ m)
    weight, c, b = (g.clone() for g in torch.func.grad(log_likelihood, argnums=(0, 1, 2))(*own))
    assert torch.isclose(log_likelihood(*own), rbm.log_prob(v).mean(), atol=1e-12)
    result = centred(rbm.exact_gradient(v), m, lam)
    assert torch.allclose(result["weight"], weight, atol=1e-12)
    assert torch.allclose(result["visible_bias"], c - lam @ weight, atol=1e-12)
    assert torch.allclose(result["hidden_bias"], b - weight @ m, atol=1e-12)
    assert not torch.allclose(result["weight"], rbm.exact_gradient(v)["weight"], atol=0.05)


@pytest.mark.parametrize("centring", [False, True])
def test_fit_contrastive_raises_the_exact_log_likelihood(centring):
    x = bars_and_stripes(2, 3)
    rbm = random_machine(6, 5, scale=0.1).requires_grad_(True)
    before = rbm.log_prob(x).mean().item()
    history = fit_contrastive(
        rbm,
        x,
        n_steps=1500,
        batch_size=len(x),
        learning_rate=0.3,
        centring=centring,
        persistent=True,
        device="cpu",
    )
    # No distribution on these pictures can do better than their own: log 10.
    assert before < -4 < -2.9 < rbm.log_prob(x).mean().item() < -math.log(len(x))
    assert history.loss == [] and len(history.learning_rate) == 1500
    assert history.learning_rate[0] == 0.3 and history.learning_rate[-1] < 0.001


def test_fit_contrastive_learns_a_mixture_of_gaussians():
    rng = torch.Generator().manual_seed(0)
    sides = torch.randint(0, 2, (400, 1), generator=rng).double()
    x = 3 * sides * torch.tensor([1.0, -1.0, 0.5]).double() + torch.randn(400, 3, generator=rng).double()
    torch.manual_seed(0)
    rbm = RBM(3, 2, visible="gaussian").double()
    before = rbm.log_prob(x).mean().item()
    fit_contrastive(rbm, x, n_steps=1500, batch_size=100, learning_rate=0.02, persistent=True, device="cpu")
    mean = torch.tensor([1.0, -1.0, 0.5]).double() * 3
    parts = [-((x - centre) ** 2).sum(1) / 2 for centre in (torch.zeros(3).double(), mean)]
    best = torch.logsumexp(torch.stack(parts), 0).mean().item() - math.log(2) - 1.5 * math.log(2 * math.pi)
    # An RBM with one useful hidden unit is exactly this mixture, so it can reach its likelihood.
    assert before < best - 1
    assert abs(rbm.log_prob(x).mean().item() - best) < 0.15


def run(rbm, n_steps, **options):
    # The schedule is constant, so that a shorter run is the beginning of a longer one.
    options = {"persistent": True, "batch_size": 4, "average": 0.9, "schedule": "constant"} | options
    return fit_contrastive(rbm, bars_and_stripes(2, 3), n_steps=n_steps, seed=5, device="cpu", **options)


@pytest.mark.parametrize("persistent", [False, True])
def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path, persistent):
    whole, parts = random_machine(6, 3).requires_grad_(True), random_machine(6, 3).requires_grad_(True)
    run(whole, 30, persistent=persistent)
    file = tmp_path / "rbm.pt"

    def stop(step, rbm, error):
        if step == 17:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(parts, 30, persistent=persistent, checkpoint=file, checkpoint_every=5, on_step=stop)
    fresh = random_machine(6, 3, seed=99).requires_grad_(True)
    run(fresh, 30, persistent=persistent, checkpoint=file, checkpoint_every=5)
    for one, other in zip(whole.parameters(), fresh.parameters(), strict=True):
        assert torch.equal(one, other)
    again = random_machine(6, 3, seed=99).requires_grad_(True)
    run(again, 30, persistent=persistent)
    assert not torch.equal(again.weight, whole.weight)


def test_fit_contrastive_reports_reconstruction_only_where_there_is_one():
    errors = []
    history = run(
        random_machine(6, 3), 7, persistent=False, on_step=lambda step, rbm, error: errors.append(error)
    )
    assert history.loss == errors and len(errors) == 7 and all(0 <= error <= 6 for error in errors)
    errors = []
    history = run(random_machine(6, 3), 7, on_step=lambda step, rbm, error: errors.append(error))
    assert errors == [None] * 7 and history.loss == []


def test_fit_contrastive_says_what_is_wrong():
    with pytest.raises(ValueError, match="momentum must lie in"):
        run(random_machine(6, 3), 2, momentum=1.0)
    with pytest.raises(ValueError, match="unknown schedule 'step'; choose one of constant, linear, cosine"):
        run(random_machine(6, 3), 2, schedule="step")
    with pytest.raises(FloatingPointError, match="step 1"):
        broken = random_machine(6, 3)
        broken.weight[0, 0] = math.nan
        run(broken, 2)


# What a change of a formula would otherwise pass by


def test_a_sweep_leaves_its_input_as_it_was():
    machine = BoltzmannMachine(5)
    x = torch.zeros(4, 5)
    machine.gibbs_sweep(x, rng=torch.Generator().manual_seed(0))
    assert not x.any()


def test_one_step_is_the_expected_gradients_default():
    rbm = RBM(4, 3).double()
    with torch.no_grad():
        for parameter in rbm.parameters():
            parameter.normal_(generator=torch.Generator().manual_seed(1))
    v = all_states(4).double()[[3, 5, 11]]
    for name, value in rbm.expected_cd_gradient(v).items():
        torch.testing.assert_close(value, rbm.expected_cd_gradient(v, k=1)[name])
        assert not torch.allclose(value, rbm.expected_cd_gradient(v, k=2)[name])


@pytest.mark.parametrize("n_steps", [0, 1])
def test_samples_start_from_fair_hidden_bits_and_make_their_steps(n_steps):
    rbm, n = RBM(2, 2).double(), 200_000
    with torch.no_grad():
        for parameter in rbm.parameters():
            parameter.normal_(std=1.5, generator=torch.Generator().manual_seed(2))
    hidden_given_visible, visible_given_hidden = rbm.gibbs_tables()
    law = torch.full((4,), 0.25, dtype=torch.float64) @ visible_given_hidden
    for _ in range(n_steps):
        law = law @ hidden_given_visible @ visible_given_hidden
    v = rbm.sample(n, n_steps=n_steps, rng=torch.Generator().manual_seed(3))
    share = torch.stack([(v == state).all(1).double().mean() for state in all_states(2).double()])
    assert ((share - law).abs() <= 4 * (law * (1 - law) / n).sqrt()).all()


@pytest.mark.parametrize("seed", [0, 1])
def test_a_fresh_machine_is_nearly_indifferent(seed):
    """Small normal weights and no bias: no unit leans to either side, but no two of them are alike."""
    torch.manual_seed(seed)
    machine, rbm = BoltzmannMachine(80), RBM(80, 60)
    for weight, std in ((machine.weight, 0.1), (rbm.weight, 0.01)):
        error = 5 * std / math.sqrt(2 * weight.numel())  # of a standard deviation
        assert abs(weight.std().item() - std) < error and abs(weight.mean().item()) < 2 * error
        assert weight.abs().max() < 6 * std
    for bias in (machine.bias, rbm.visible_bias, rbm.hidden_bias):
        assert not bias.any()


def test_the_small_machine_of_the_notebook_follows_the_estimator_it_is_asked_for():
    from coursekit.rbm import recipe

    x = torch.tensor(np.random.default_rng(4).integers(0, 2, size=(6, 5)), dtype=torch.float64)
    machine, curve, _ = recipe.small_machine(x, "exact gradient", seed=3, n_steps=1, momentum=0.0)
    fresh = RBM(5, 8).double()
    with torch.no_grad():
        rng = torch.Generator().manual_seed(3)
        fresh.weight.copy_(0.01 * torch.randn(8, 5, generator=rng, dtype=torch.float32))
        for name, direction in fresh.exact_gradient(x).items():
            getattr(fresh, name).add_(0.2 * direction)
    for name, value in machine.named_parameters():
        torch.testing.assert_close(value, fresh.get_parameter(name))
    assert curve.shape == (1, 2) and curve[0, 1] == pytest.approx(machine.log_prob(x).mean().item())
    ends = {name: recipe.small_machine(x, name, seed=3, n_steps=100)[1][-1, 1] for name in recipe.ESTIMATORS}
    assert ends["exact gradient"] == max(ends.values()) and len(set(ends.values())) == 3
