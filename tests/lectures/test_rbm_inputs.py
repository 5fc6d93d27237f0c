"""Lecture 08's public verbs refuse what is no state and no probability: drawn from NaN, a bit looks fine."""

import math

import numpy as np
import pytest
import torch

from coursekit.dbn import LabelRBM
from coursekit.rbm import RBM, BoltzmannMachine, FreshBits, all_states, mean_logits, often_on

VISIBLE, HIDDEN = torch.tensor([[0.0, 1, 0.5], [1, 0, 1]]), torch.tensor([[1.0, 0], [0.3, 1]])


def machine(kind=RBM, **how):
    rbm = kind(3, 2, **how).double().requires_grad_(False)
    for seed, parameter in enumerate(rbm.parameters()):
        parameter.normal_(generator=torch.Generator().manual_seed(seed))
    return rbm


def spoilt(x, value):
    x = x.clone()
    x[1, 1] = value
    return x


OF_VISIBLE = {
    "energy": lambda rbm, v: rbm.energy(v, HIDDEN),
    "free_energy": lambda rbm, v: rbm.free_energy(v),
    "hidden_probability": lambda rbm, v: rbm.hidden_probability(v),
    "sample_hidden": lambda rbm, v: rbm.sample_hidden(v),
    "gibbs_step": lambda rbm, v: rbm.gibbs_step(v),
    "exact_gradient": lambda rbm, v: rbm.exact_gradient(v),
    "cd_gradient": lambda rbm, v: rbm.cd_gradient(v),
}
OF_HIDDEN = {
    "energy": lambda rbm, h: rbm.energy(VISIBLE, h),
    "hidden_free_energy": lambda rbm, h: rbm.hidden_free_energy(h),
    "visible_mean": lambda rbm, h: rbm.visible_mean(h),
    "sample_visible": lambda rbm, h: rbm.sample_visible(h),
    "chains": lambda rbm, h: rbm.cd_gradient(VISIBLE, chains=(VISIBLE, h)),
}
BAD = [(math.nan, "holds 1 values that are NaN or infinite"), (math.inf, "holds 1 values that are NaN")]
BAD += [(255.0, r"must lie in \[0, 1\], got values from 0 to 255"), (-1.0, r"must lie in \[0, 1\]")]


@pytest.mark.parametrize(("value", "sentence"), BAD)
@pytest.mark.parametrize("verb", OF_VISIBLE)
def test_a_visible_unit_is_a_bit_or_between_two(verb, value, sentence):
    OF_VISIBLE[verb](machine(), VISIBLE)
    with pytest.raises(ValueError, match=f"^v {sentence}"):
        OF_VISIBLE[verb](machine(), spoilt(VISIBLE, value))


@pytest.mark.parametrize("verb", OF_VISIBLE)
def test_a_gaussian_unit_is_any_finite_number(verb):
    OF_VISIBLE[verb](machine(visible="gaussian"), spoilt(VISIBLE, -255.0))
    with pytest.raises(ValueError, match="^v holds 1 values that are NaN or infinite"):
        OF_VISIBLE[verb](machine(visible="gaussian"), spoilt(VISIBLE, math.nan))


@pytest.mark.parametrize(("value", "sentence"), BAD)
@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("verb", OF_HIDDEN)
def test_a_hidden_unit_is_a_bit_or_a_probability(verb, visible, value, sentence):
    OF_HIDDEN[verb](machine(visible=visible), HIDDEN)
    name = "the hidden half of chains" if verb == "chains" else "h"
    with pytest.raises(ValueError, match=f"^{name} {sentence}"):
        OF_HIDDEN[verb](machine(visible=visible), spoilt(HIDDEN, value))


def test_a_mean_over_no_examples_is_refused():
    for verb in ("exact_gradient", "expected_cd_gradient", "cd_gradient"):
        with pytest.raises(ValueError, match="^v must hold at least one example, got an empty batch"):
            getattr(machine(), verb)(VISIBLE[:0])
    with pytest.raises(ValueError, match="^chains must hold at least one chain"):
        machine().cd_gradient(VISIBLE, chains=(VISIBLE[:0], HIDDEN[:0]))
    for call in (mean_logits, lambda x: often_on(x, 0.1)):
        with pytest.raises(ValueError, match="^x must hold at least one example, got an empty batch"):
            call(VISIBLE[:0])


@pytest.mark.parametrize(("value", "sentence"), BAD)
def test_pixels_from_which_a_machine_starts_are_probabilities(value, sentence):
    bad = spoilt(VISIBLE, value)
    for call in (mean_logits, lambda x: often_on(x, 0.1)):
        with pytest.raises(ValueError, match=f"^x {sentence}"):
            call(bad)
    for visible in ("bernoulli", "gaussian"):
        fresh = machine(FreshBits, visible=visible)
        with pytest.raises(ValueError, match=f"^v {sentence}"):
            fresh.cd_gradient(bad)


def test_a_start_keeps_the_precision_of_its_pixels():
    for dtype in (np.float32, np.float64):
        x = VISIBLE.numpy().astype(dtype)
        assert mean_logits(x).dtype == torch.from_numpy(x).dtype
        assert torch.equal(mean_logits(x), mean_logits(torch.from_numpy(x)))
    assert mean_logits(np.array([[0, 1], [1, 1]])).tolist() == pytest.approx([0, math.log(3)])


@pytest.mark.parametrize(("value", "sentence"), BAD)
@pytest.mark.parametrize("verb", ["energy", "conditional", "gibbs_sweep"])
def test_the_unrestricted_machine_too(verb, value, sentence):
    call = getattr(BoltzmannMachine(3), verb)
    torch.manual_seed(0)
    own = call(VISIBLE)
    for other in (VISIBLE.numpy(), VISIBLE.double(), VISIBLE.tolist()):
        torch.manual_seed(0)
        assert torch.equal(own, call(other))
    with pytest.raises(ValueError, match=f"^x {sentence}"):
        call(spoilt(VISIBLE, value))
    with pytest.raises(ValueError, match=r"^x must have shape \(n, 3\), got \(2, 2\)"):
        call(VISIBLE[:, :2])


def test_a_machine_with_a_rule_of_its_own_keeps_it_inside_a_chain():
    """One class unit is on in every visible state of a label machine, wherever its chain is made."""
    labels = machine(lambda n_features, n_hidden: LabelRBM(n_features, n_hidden, 3))
    v = labels.join(all_states(3).double()[:6], torch.arange(6) % 3)
    drawn = [labels.gibbs_step(v), labels.sample(6, n_steps=3), labels.cd_gradient(v, k=3)[1][0]]
    assert all((one_hot == 1).all() for one_hot in (state[:, 3:].sum(1) for state in drawn))


@pytest.mark.parametrize(("value", "sentence"), BAD)
@pytest.mark.parametrize("verb", ["hidden_free_energy", "visible_mean", "sample_visible"])
def test_a_label_machine_looks_at_its_hidden_units_too(verb, value, sentence):
    labels = machine(lambda n_features, n_hidden: LabelRBM(n_features, n_hidden, 3))
    OF_HIDDEN[verb](labels, HIDDEN)
    with pytest.raises(ValueError, match=f"^h {sentence}"):
        OF_HIDDEN[verb](labels, spoilt(HIDDEN, value))
