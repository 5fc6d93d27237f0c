"""draws: the numbers of PyTorch's own calls, from the generator that is given."""

import numpy as np
import pytest
import torch

from coursekit.draws import bernoulli, normal, uniform


def rng(seed=5):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_numbers_are_those_of_the_call_written_out(dtype):
    like = torch.zeros(3, 17, dtype=dtype)
    written_out = {"generator": rng(), "dtype": dtype}
    assert torch.equal(normal(like, rng()), torch.randn(like.shape, **written_out))
    assert torch.equal(normal(like, rng(), shape=(4, 2)), torch.randn(4, 2, generator=rng(), dtype=dtype))
    assert torch.equal(uniform(like, rng()), torch.rand(like.shape, generator=rng(), dtype=dtype))
    assert torch.equal(uniform(like, rng(), shape=()), torch.rand((), generator=rng(), dtype=dtype))
    p = torch.linspace(0, 1, 34, dtype=dtype).reshape(17, 2).T
    drawn = bernoulli(p, rng())
    assert torch.equal(drawn, (torch.rand(2, 17, generator=rng(), dtype=dtype) < p).to(dtype))
    assert torch.equal(bernoulli(p.contiguous(), rng()), drawn)


def test_without_a_generator_the_global_one_decides():
    like = torch.zeros(5)
    torch.manual_seed(3)
    first = normal(like), uniform(like), bernoulli(like + 0.5)
    torch.manual_seed(3)
    assert all(
        torch.equal(a, draw())
        for a, draw in zip(
            first, (lambda: normal(like), lambda: uniform(like), lambda: bernoulli(like + 0.5)), strict=True
        )
    )


def test_moments():
    like = torch.zeros(20_000, dtype=torch.float64)
    z, u = normal(like, rng()).numpy(), uniform(like, rng()).numpy()
    np.testing.assert_allclose([z.mean(), z.std()], [0, 1], atol=4 / np.sqrt(20_000))
    np.testing.assert_allclose([u.mean(), u.std()], [0.5, 12**-0.5], atol=0.01)
    p = torch.tensor([0.0, 0.3, 1.0], dtype=torch.float64).repeat(20_000, 1)
    bits = bernoulli(p, rng())
    assert set(bits.unique().tolist()) == {0.0, 1.0}
    np.testing.assert_allclose(bits.mean(0), [0, 0.3, 1], atol=4 * np.sqrt(0.21 / 20_000))


def test_probabilities_are_left_unchanged_and_no_gradient_flows():
    p = torch.full((4,), 0.5, requires_grad=True)
    assert not bernoulli(p, rng()).requires_grad
    assert torch.equal(p, torch.full((4,), 0.5))


@pytest.mark.parametrize("draw", [normal, uniform, bernoulli])
@pytest.mark.parametrize("bad", [0, np.random.default_rng(0), "seed"])
def test_another_kind_of_generator_is_refused_in_a_sentence(draw, bad):
    with pytest.raises(ValueError, match=r"rng must be a torch\.Generator, such as .*, got "):
        draw(torch.zeros(2), bad)
