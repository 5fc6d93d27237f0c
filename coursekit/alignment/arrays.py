"""Arrays that belong together entry by entry: a text and its reward, a question and its documents.

PyTorch stretches (4,) and (4, 1) to (4, 4) and hands NaN on, so that a slip in the input becomes a number
that looks like a result. What the functions of this lecture compare goes through here first.
"""

from typing import Any

from torch import Tensor

from coursekit.inputs import as_tensor


def alike(axes: str = "", each: str = "", **arrays: Any) -> tuple[Tensor, ...]:
    """The arrays as tensors, or one sentence: of one shape, not empty, and with a number in every entry.

    An array whose name begins with `log_` may hold -inf, the log of 0; any other must be finite.

    >>> alike("n", "one reward per text", reward=[0.0, 1.0, 2.0], log_policy=[[0.0], [0.0], [0.0]])
    Traceback (most recent call last):
    ValueError: reward and log_policy must both be (n,), one reward per text, got (3,) and (3, 1)

    Args:
        axes: names of the axes, such as "n, k"; "" where any shape will do.
        each: what an entry is, for the sentence.
        arrays: by the names that the sentence calls them.

    Raises:
        ValueError: shapes that differ, no entry at all, NaN, or an infinity that is not allowed.
    """
    tensors = [as_tensor(x, name) for name, x in arrays.items()]
    tensors = [x if x.is_floating_point() else x.double() for x in tensors]
    names, each = " and ".join(arrays), each and f", {each}"
    n_axes, shapes = len(axes.split(",")), {tuple(x.shape) for x in tensors}
    if len(shapes) > 1 or (axes and tensors[0].ndim != n_axes):
        wanted = "have one shape"
        if axes:
            both = "both " if len(tensors) > 1 else ""
            wanted = f"{both}be ({axes}{',' * (n_axes == 1)})"
        found = " and ".join(str(tuple(x.shape)) for x in tensors)
        raise ValueError(f"{names} must {wanted}{each}, got {found}")
    if tensors[0].numel() == 0:
        raise ValueError(f"{names} must hold at least one entry{each}, got {tuple(tensors[0].shape)}")
    for name, x in zip(arrays, tensors, strict=True):
        log = name.startswith("log_")
        if bad := int((x.isnan() | x.isposinf() if log else ~x.isfinite()).sum()):
            kind = "+infinity" if log else "infinite"
            need = "a log probability may be -inf, for 0" if log else f"each entry needs a finite {name}"
            raise ValueError(f"{name} holds {bad} values that are NaN or {kind}: {need}")
    return tuple(tensors)
