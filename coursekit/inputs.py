"""What turns bad input into one sentence, at the public verb and before any work is lost.

`as_input`     data as a tensor (n, *shape) in a model's precision, on its device, within a range
`as_labels`    class labels as int64 (n,)
`as_bits`      the same where a formula counts states: zeros and ones and nothing between
`as_tensor`    numbers as they are
`shape_sentence`  PyTorch's error about shapes, from a network of the caller's own, as a sentence
`positive_int`, `positive_ints`, `real_number`, `one_of`   settings: a count, widths, amounts, choices
`numpy_rng`    a generator, or a seed for one, where the course draws with NumPy

Each raises ValueError with the name that the caller gives. Nothing here changes a value: floats are cast
to the model's precision, NumPy arrays and lists become tensors, and that is all. PyTorch is loaded where a
tensor is made or looked at, so that data and classical methods do without it.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import operator
import re
from collections.abc import Iterable, Iterator
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


def as_input(
    x: Any,
    shape: int | tuple[int | None, ...] | None = None,
    *,
    like: nn.Module | Tensor,
    name: str = "x",
    low: float = -math.inf,
    high: float = math.inf,
    finite: bool = True,
) -> Tensor:
    """x as a tensor (n, *shape) in the precision and on the device of `like`; gradients pass through.

    >>> as_input(np.zeros((4, 2)), 2, like=torch.zeros(())).dtype
    torch.float32

    Args:
        x: tensor, array, or nested list of numbers; whole numbers and bits are cast too.
        shape: of one example: its width, a tuple (None for an axis of any length), or None for any shape.
        like: module or tensor; of a module, the first floating parameter or buffer. One without any leaves
            floats as they are.
        name: what the sentence calls x.
        low: smallest value allowed.
        high: largest value allowed.
        finite: refuse NaN and infinity. False leaves out the look at every value, as range and all.

    Raises:
        ValueError: x is no array of numbers, has another shape, or holds a value that is not allowed.
    """
    import torch

    x = as_tensor(x, name)
    like = _pattern(like, x)
    x = x.to(like.device, like.dtype)
    if shape is not None:
        wanted = (shape,) if isinstance(shape, int) else tuple(shape)
        found = tuple(x.shape[1:])
        same = len(found) == len(wanted) and all(w in (None, f) for w, f in zip(wanted, found, strict=True))
        if x.ndim == 0 or not same:
            text = ", ".join("any" if w is None else str(w) for w in ("n", *wanted))
            text += "," * (not wanted)
            raise ValueError(f"{name} must have shape ({text}), got {tuple(x.shape)}")
    if finite and x.numel():
        least, most = (value.item() for value in x.detach().aminmax())  # NaN anywhere makes both NaN
        if not (math.isfinite(least) and math.isfinite(most)):
            bad = int((~torch.isfinite(x)).sum())
            raise ValueError(f"{name} holds {bad} values that are NaN or infinite: fill or drop them first")
        if least < low or most > high:
            raise ValueError(
                f"{name} must lie in {_interval(low, high)}, got values from {least:.4g} to {most:.4g}"
            )
    return x


def as_bits(x: Any, n_units: int, *, like: nn.Module | Tensor, name: str = "v") -> Tensor:
    """Binary states (n, n_units), for a formula that sums over all of them; arguments as in `as_input`.

    >>> as_bits([[0, 1, 1]], 3, like=torch.zeros(()))
    tensor([[0., 1., 1.]])

    Args:
        x: as in `as_input`.
        n_units: how many.
        like: as in `as_input`.
        name: what the sentence calls x.

    Raises:
        ValueError: as in `as_input`, or for a value between 0 and 1, which is no state.
    """
    x = as_input(x, n_units, like=like, name=name, low=0, high=1)
    if not bool(((x == 0) | (x == 1)).all()):
        raise ValueError(
            f"{name} must hold zeros and ones only, as each row is one of 2^{n_units} states: round grey"
            f" values, ({name} > 0.5), or draw bits with draws.bernoulli({name})"
        )
    return x


@contextlib.contextmanager
def shape_sentence(network: str, x: Tensor) -> Iterator[None]:
    """In this block PyTorch's error about shapes becomes a ValueError that says what `network` was given.

    >>> with shape_sentence("the critic", torch.zeros(5, 3)):
    ...     torch.nn.Linear(2, 1)(torch.zeros(5, 3))
    Traceback (most recent call last):
    ValueError: the critic does not take samples of shape (n, 3): mat1 ...

    Args:
        network: what the sentence calls it.
        x: (n, ...), what it was given.
    """
    try:
        yield
    except RuntimeError as error:
        if not re.search("shape|size|channels|dimension", str(error)) or "memory" in str(error):
            raise
        shape = ", ".join(["n", *map(str, x.shape[1:])])
        raise ValueError(f"{network} does not take samples of shape ({shape}): {error}") from error


def as_labels(
    labels: Any,
    n: int | None = None,
    *,
    n_classes: int | None = None,
    low: int = 0,
    device: torch.device | str | None = None,
    name: str = "labels",
) -> Tensor:
    """Class labels as int64 (n,), on `device` where it is given.

    >>> as_labels(3, 2, n_classes=10)
    tensor([3, 3])

    Args:
        labels: whole numbers (n,), in any dtype; or one number for all n.
        n: how many there must be.
        n_classes: labels must lie in low..n_classes - 1; None sets no upper end.
        low: the smallest label allowed; -1 where -1 means that no class is given.
        device: where the labels go; None leaves a tensor where it is.
        name: what the sentence calls the labels.

    Raises:
        ValueError: the labels are of another shape, not whole, or out of range.
    """
    import torch

    labels = as_tensor(labels, name).detach().to(device)
    if labels.ndim == 0 and n is not None:
        labels = labels.expand(n)
    if labels.ndim != 1 or (n is not None and len(labels) != n):
        wanted = "(n,)" if n is None else f"({n},)"
        raise ValueError(f"{name} must have shape {wanted}, one per example, got {tuple(labels.shape)}")
    if labels.is_floating_point() and not bool((labels == labels.round()).all()):  # NaN is not whole either
        raise ValueError(f"{name} must be whole numbers: one class number per example, not probabilities")
    labels = labels.to(torch.int64)
    if len(labels):
        least, most = int(labels.min()), int(labels.max())
        if least < low or (n_classes is not None and most >= n_classes):
            end = f"from {low}" if n_classes is None else f"in {low}..{n_classes - 1}"
            raise ValueError(f"{name} must be class numbers {end}, got {least} to {most}")
    return labels


def positive_int(value: Any, name: str, *, low: int = 1, high: int | None = None) -> int:
    """The whole number `value` as an int; ValueError unless low <= value <= high.

    >>> positive_int(np.int64(3), "n_steps")
    3

    Args:
        value: a number of any kind.
        name: what the sentence calls it.
        low: the smallest allowed.
        high: the largest, None for no limit.
    """
    if not _is_whole(value) or isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name} must be a whole number, got {value!r}")
    number = operator.index(value)
    if number < low:
        raise ValueError(f"{name} must be at least {low}, got {number}")
    if high is not None and number > high:
        raise ValueError(f"{name} must be at most {high}, got {number}")
    return number


def positive_ints(
    value: Any, name: str, *, at_least: int = 0, at_most: int | None = None, low: int = 1
) -> tuple[int, ...]:
    """Whole numbers, such as the widths of layers, as a tuple of ints; one number counts as a tuple of one.

    >>> positive_ints(8, "hidden"), positive_ints([64, 32], "hidden")
    ((8,), (64, 32))

    Args:
        value: a whole number, or a tuple, list or array of them.
        name: what the sentence calls it.
        at_least: how many there must be.
        at_most: how many there may be; None sets no limit.
        low: the smallest number allowed.

    Raises:
        ValueError: something else, too few, too many, or a number below `low`.
    """
    if isinstance(value, (str, bytes, dict)) or not (isinstance(value, Iterable) or _is_whole(value)):
        raise ValueError(f"{name} must hold whole numbers, such as (64, 32), got {value!r}")
    given = (value,) if _is_whole(value) else tuple(value)
    if len(given) < at_least or (at_most is not None and len(given) > at_most):
        bound = "" if at_least == at_most else "at least " if len(given) < at_least else "at most "
        wanted = at_least if len(given) < at_least else at_most
        raise ValueError(f"{name} must hold {bound}{wanted} whole numbers, got {value!r}")
    each_name = name if _is_whole(value) else f"each of {name}"
    return tuple(positive_int(each, each_name, low=low) for each in given)


def real_number(
    value: Any,
    name: str,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    above: float = -math.inf,
    below: float = math.inf,
) -> float:
    """The number `value` as a float; ValueError unless low <= value <= high and above < value < below.

    >>> real_number(1, "beta", low=0)
    1.0

    Args:
        value: a number of any kind.
        name: what the sentence calls it.
        low: the smallest allowed.
        high: the largest.
        above: it must be larger than this.
        below: it must be smaller.
    """
    if getattr(value, "ndim", None) == 0:  # an array or a tensor of one number
        value = value.item()
    if not isinstance(value, Real) or isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name} must be a number, got {value!r}")
    number = float(value)
    # Written so that NaN fails, whatever the bounds; infinity is not below infinity, and so fails too.
    if not (low <= number <= high and above < number < below):
        start, end = max(low, above), min(high, below)
        if math.isfinite(end):
            interval = _interval(start, end, "(["[low > above], ")]"[high < below])
            wanted = f"lie in {interval}"
        elif not math.isfinite(start):
            wanted = "be finite"
        elif low > above:
            wanted = f"be at least {low:g}"
        else:
            wanted = f"be above {above:g}" if above else "be positive"
        raise ValueError(f"{name} must {wanted}, got {number:g}")
    return number


def one_of(name: str, value: Any, choices: Iterable[str]) -> Any:
    """`value`, if it is one of the choices; else ValueError that lists them.

    >>> one_of("solver", "eigh", ("svd", "eigh"))
    'eigh'

    Args:
        name: what the sentence calls it.
        value: what was given.
        choices: what may be given.
    """
    choices = tuple(choices)
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"unknown {name} {value!r}; choose one of {', '.join(choices)}")
    return value


def numpy_rng(rng: Any, name: str = "rng") -> np.random.Generator:
    """The generator itself, one that starts at a seed, or for None one that nobody has seen before.

    >>> numpy_rng(0).integers(10, size=3).tolist()
    [8, 6, 5]

    Args:
        rng: numpy.random.Generator, whole number or None.
        name: what the sentence calls it.

    Raises:
        ValueError: it is none of these.
    """
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError):
        wanted = "a whole number of at least 0, a numpy.random.Generator or None"
        raise ValueError(f"{name} must be {wanted}, got {rng!r}") from None


def _is_whole(value):
    try:
        operator.index(value)
    except TypeError:
        return False
    return True


def _pattern(like, x):
    """A floating tensor that tells in which precision and on which device a module computes on x."""
    import torch

    if isinstance(like, torch.Tensor):
        return like
    for tensor in itertools.chain(like.parameters(), like.buffers()):
        if tensor.is_floating_point():
            return tensor
    return x if x.is_floating_point() else x.new_empty((), dtype=torch.get_default_dtype())


def as_tensor(x: Any, name: str = "x") -> Tensor:
    """x as a tensor of its own dtype; a tensor itself is handed on, with its gradient.

    >>> as_tensor([1, 2])
    tensor([1, 2])

    Args:
        x: tensor, array, or nested list of numbers.
        name: what the sentence calls x.
    """
    import torch

    if isinstance(x, torch.Tensor):
        if x.is_complex():
            raise ValueError(f"{name} must be real numbers, got {x.dtype}")
        return x
    try:
        array = np.asarray(x)
    except ValueError:
        raise ValueError(f"{name} must be an array of numbers: its rows have different lengths") from None
    if array.dtype.kind not in "biuf":
        hint = f": use its {name}.x" if hasattr(x, "x") else ""
        raise ValueError(f"{name} must be an array of numbers, got {type(x).__name__}{hint}")
    # Arrays that cannot be written to are copied: PyTorch warns about them, rightly.
    return torch.from_numpy(np.require(array, requirements=["C", "W"]))


def _interval(low, high, left="[", right="]"):
    left, right = ("(" if low == -math.inf else left), (")" if high == math.inf else right)
    return f"{left}{low:g}, {high:g}{right}"
