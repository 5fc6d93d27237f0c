"""inputs: what is taken, what is refused, and in which words."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from coursekit.data import digits
from coursekit.inputs import as_input, as_labels, one_of, positive_int, real_number

NAN, INF = np.nan, np.inf
X = np.arange(6.0).reshape(3, 2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "x", [X, X.tolist(), X.astype(np.int64), X.astype(np.uint8), X[::-1][::-1], torch.tensor(X)]
)
def test_numbers_of_any_kind_come_in_the_precision_of_the_model(x, dtype):
    model = nn.Linear(2, 1, dtype=dtype)
    taken = as_input(x, 2, like=model)
    assert taken.dtype == dtype
    assert torch.equal(taken, torch.tensor(X, dtype=dtype))


def test_the_precision_is_read_off_a_buffer_where_there_is_no_parameter():
    model = nn.Module()
    assert as_input(X, like=model).dtype == torch.float64
    assert as_input([[1, 2]], like=model).dtype == torch.float32
    model.register_buffer("counts", torch.zeros(2, dtype=torch.int64))
    model.register_buffer("origin", torch.zeros(2, dtype=torch.float64))
    assert as_input(X, like=model).dtype == torch.float64


def test_read_only_arrays_are_copied_and_left_alone():
    x = digits().x
    taken = as_input(x, 64, like=torch.zeros((), dtype=torch.float64), low=0, high=16)
    taken[0] = 7
    assert x[0].max() > 7


def test_gradients_pass_through_a_tensor_of_another_precision():
    x = torch.tensor(X, requires_grad=True)
    as_input(x, 2, like=torch.zeros(())).sum().backward()
    assert torch.equal(x.grad, torch.ones_like(x))
    same = torch.zeros(2, 2)
    assert as_input(same, like=same) is same


def test_shapes_of_one_example():
    like = torch.zeros(())
    images = np.zeros((2, 1, 4, 6))
    for shape in ((1, 4, 6), (1, None, None), (None, 4, 6), None):
        assert as_input(images, shape, like=like).shape == images.shape
    assert as_input(np.zeros(5), (), like=like).shape == (5,)
    assert as_input(np.zeros((0, 3)), 3, like=like, low=0).shape == (0, 3)


@pytest.mark.parametrize(
    "x, shape, options, sentence",
    [
        (X, 3, {}, r"^x must have shape \(n, 3\), got \(3, 2\)$"),
        (X, 3, {"name": "real"}, r"^real must have shape \(n, 3\), got \(3, 2\)$"),
        (X[0], 2, {}, r"must have shape \(n, 2\), got \(2,\)"),
        (X, (1, None, 2), {}, r"must have shape \(n, 1, any, 2\), got \(3, 2\)"),
        (X, (), {}, r"must have shape \(n,\), got \(3, 2\)"),
        (1.0, (), {}, r"must have shape \(n,\), got \(\)"),
        ([[0, NAN], [INF, 1]], 2, {}, r"^x holds 2 values that are NaN or infinite"),
        ([[0, 1e300]], 2, {}, "NaN or infinite"),  # in float32
        (X, 2, {"low": 0, "high": 1}, r"^x must lie in \[0, 1\], got values from 0 to 5$"),
        (X - 1, 2, {"low": 0}, r"^x must lie in \[0, inf\), got values from -1 to 4$"),
        (["a"], None, {}, "must be an array of numbers, got list"),
        ([[1], [1, 2]], None, {}, "its rows have different lengths"),
        (None, None, {}, "must be an array of numbers, got NoneType"),
        (X + 1j, None, {}, "must be an array of numbers"),
        (torch.tensor(X) + 1j, None, {}, "must be real numbers"),
        (SimpleNamespace(x=X), 2, {}, r"got SimpleNamespace: use its x\.x"),
    ],
)
def test_bad_data_is_refused_in_a_sentence(x, shape, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        as_input(x, shape, like=torch.zeros(()), **options)


def test_nothing_is_asked_of_the_values_where_only_the_form_counts():
    assert torch.isnan(as_input([[NAN]], 1, like=torch.zeros(()), finite=False)).all()


@pytest.mark.parametrize(
    "labels", [[2, 0, 1], np.array([2, 0, 1], dtype=np.uint8), torch.tensor([2.0, 0, 1])]
)
def test_labels_of_any_kind_become_int64(labels):
    taken = as_labels(labels, 3, n_classes=3)
    assert taken.dtype == torch.int64 and taken.tolist() == [2, 0, 1]


def test_one_label_stands_for_all():
    assert as_labels(4, 3).tolist() == [4, 4, 4]
    assert as_labels(torch.tensor(4), 0).tolist() == []


@pytest.mark.parametrize(
    "labels, options, sentence",
    [
        ([0, 1], {"n": 3}, r"^labels must have shape \(3,\), one per example, got \(2,\)"),
        ([[0, 1]], {}, r"labels must have shape \(n,\), one per example, got \(1, 2\)"),
        (0, {}, r"labels must have shape \(n,\)"),
        ([0.5, 1], {}, "labels must be whole numbers"),
        ([NAN, 1], {}, "labels must be whole numbers"),
        ([0, 10], {"n_classes": 10}, r"labels must be class numbers in 0\.\.9, got 0 to 10"),
        ([-1, 1], {}, "labels must be class numbers from 0, got -1 to 1"),
        ([-2, 1], {"low": -1, "n_classes": 3}, r"labels must be class numbers in -1\.\.2, got -2 to 1"),
        (["a", "b"], {"name": "condition"}, "condition must be an array of numbers"),
    ],
)
def test_bad_labels_are_refused_in_a_sentence(labels, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        as_labels(labels, **options)


@pytest.mark.parametrize("value", [3, np.int32(3), np.uint8(3), torch.tensor(3)])
def test_whole_numbers_of_any_kind(value):
    assert positive_int(value, "k") == 3 and type(positive_int(value, "k")) is int


@pytest.mark.parametrize(
    "value, options, sentence",
    [
        (2.5, {}, "^k must be a whole number, got 2.5$"),
        (2.0, {}, "k must be a whole number, got 2.0"),
        ("10", {}, "k must be a whole number, got '10'"),
        (None, {}, "k must be a whole number, got None"),
        (True, {}, "k must be a whole number, got True"),
        (0, {}, "k must be at least 1, got 0"),
        (-1, {"low": 0}, "k must be at least 0, got -1"),
        (9, {"high": 8}, "k must be at most 8, got 9"),
    ],
)
def test_what_is_no_count_is_refused_in_a_sentence(value, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        positive_int(value, "k", **options)


@pytest.mark.parametrize("value", [1, 1.0, np.float32(1), torch.tensor(1.0), np.array(1)])
def test_numbers_of_any_kind(value):
    assert real_number(value, "rate", low=0, below=2) == 1.0
    assert type(real_number(value, "rate")) is float


@pytest.mark.parametrize(
    "value, options, sentence",
    [
        ("1", {}, "^rate must be a number, got '1'$"),
        (True, {}, "rate must be a number, got True"),
        (1j, {}, "rate must be a number"),
        (NAN, {}, "rate must be finite, got nan"),
        (INF, {}, "rate must be finite, got inf"),
        (-1, {"low": 0}, "rate must be at least 0, got -1"),
        (INF, {"low": 0}, "rate must be at least 0, got inf"),
        (NAN, {"above": 0}, "rate must be positive, got nan"),
        (1, {"above": 1}, "rate must be above 1, got 1"),
        (2, {"high": 1}, r"rate must lie in \(-inf, 1\], got 2"),
        (0, {"above": 0}, "rate must be positive, got 0"),
        (1, {"low": 0, "below": 1}, r"rate must lie in \[0, 1\), got 1"),
        (1.5, {"low": 0, "high": 1}, r"rate must lie in \[0, 1\], got 1.5"),
    ],
)
def test_what_is_no_number_in_range_is_refused_in_a_sentence(value, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        real_number(value, "rate", **options)


def test_choices_are_listed():
    assert one_of("solver", "svd", ("svd", "eigh")) == "svd"
    for bad in ("lapack", None, ["svd"]):
        with pytest.raises(ValueError, match=r"unknown solver .*; choose one of svd, eigh"):
            one_of("solver", bad, {"svd": 1, "eigh": 2})
