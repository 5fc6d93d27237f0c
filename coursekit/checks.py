"""One line that proves a claim: both sides are computed, compared, and the verdict is printed.

`check` stands behind the formulas of the notebooks, `answer` behind the exercises of the homework. Both
print one stable line when the claim holds, so that a stored notebook can be compared with a fresh run, and
raise with both values when it does not. Neither ever passes on NaN or on shapes that differ.
"""

import numpy as np

RELATIONS = ("==", "<=", ">=")


class CheckFailed(AssertionError):
    """A claim did not hold; the message carries both sides."""

    # Jupyter shows this instead of a page of traceback: the sentence is the message.
    def _render_traceback_(self):
        return [f"✗ {self}"]


def check(claim, left, right, *, relation="==", atol=0.0, rtol=0.0, se=None):
    """Print `✓ claim` if `left relation right` holds in every entry, else raise CheckFailed.

    left, right: numbers, arrays or tensors of one shape (a single number is compared with every entry).
    relation: "==", "<=" or ">="; the tolerance is atol + rtol * |right|, added on the lenient side.
    se: standard error(s) of left - right for a Monte Carlo claim; the tolerance is then 4 se, in place of
    atol and rtol, and the line says so.
    """
    if relation not in RELATIONS:
        raise ValueError(f"unknown relation {relation!r}; choose one of {', '.join(RELATIONS)}")
    left, right = _array(left, "left"), _array(right, "right")
    if se is not None and (atol or rtol):
        raise ValueError("give either se or atol/rtol: with se the tolerance is 4 standard errors")
    if left.shape != right.shape and left.size != 1 and right.size != 1:
        raise CheckFailed(f"{claim}: the sides have different shapes, {left.shape} and {right.shape}")
    if left.size == 0 or right.size == 0:
        raise CheckFailed(f"{claim}: nothing was compared, a side is empty")
    difference = _difference(left, right)
    error = np.zeros(()) if se is None else _array(se, "se")
    for name, value in (("atol", atol), ("rtol", rtol), ("se", error)):
        # With an infinite tolerance anything would pass.
        if not np.all(np.isfinite(value) & np.greater_equal(value, 0)):
            raise ValueError(f"{name} must be finite and not negative, got {value}")
    if error.size != 1 and error.shape != difference.shape:
        raise ValueError(f"se must be one number or have the shape of the sides, got {error.shape}")
    tolerance = 4 * error + atol + rtol * np.where(np.isfinite(right), np.abs(right), 0.0)
    excess = {"==": np.abs(difference), "<=": difference, ">=": -difference}[relation] - tolerance
    if not np.all(excess <= 0):
        place, a, b = _worst(excess, left, right)
        raise CheckFailed(f"{claim}: left {relation} right fails{place}: left = {a:.10g}, right = {b:.10g}")
    print(f"✓ {claim}{_tolerance_text(relation, atol, rtol, se)}")


def answer(claim, yours, expected, *, wrong=None, atol=1e-8, rtol=1e-8):
    """Check a learner's value; when it equals a well-known wrong one, say which slip makes it.

    yours, expected: as in `check`. wrong: dict from a helpful sentence to the value which that slip produces.
    """
    if yours is None:
        raise CheckFailed(f"{claim}: got None. Does your function end with `return`?")
    try:
        yours = _array(yours, "your answer")
    except (TypeError, ValueError) as error:
        raise CheckFailed(f"{claim}: {error}") from None
    expected = _array(expected, "expected")
    if yours.size == expected.size == 0:
        raise CheckFailed(f"{claim}: nothing was compared, both sides are empty")
    if yours.shape != expected.shape:
        raise CheckFailed(f"{claim}: your answer has shape {yours.shape}, but {expected.shape} is asked for")

    def same(value):
        return np.shape(value) == yours.shape and np.allclose(yours, value, atol=atol, rtol=rtol)

    if same(expected):
        print(f"✓ {claim}")
        return
    for sentence, value in (wrong or {}).items():
        if same(_array(value, "wrong")):
            raise CheckFailed(f"{claim}: {sentence}")
    place, mine, right = _worst(np.abs(_difference(yours, expected)), yours, expected)
    raise CheckFailed(f"{claim}: your value{place} is {mine:.6g}, but {right:.6g} is expected")


def _array(value, name):
    """A float64 array from a number, list, array or tensor (a tensor without importing torch here)."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        # NumPy has no bfloat16; a cast of complex numbers would drop their imaginary part unseen.
        value = (value if value.is_complex() else value.double()).numpy()
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be numbers, got {type(value).__name__} of dtype {array.dtype}")
    return array.astype(np.float64)


def _difference(left, right):
    """left - right; equal entries differ by 0 even where both are infinite, and NaN stays NaN."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.where(left == right, 0.0, left - right)


def _worst(excess, left, right):
    """Where the sides are furthest from agreeing, as text, and both values there."""
    where = np.unravel_index(np.argmax(np.where(np.isnan(excess), np.inf, excess)), excess.shape)
    place = f" at index {tuple(int(i) for i in where)}" if where else ""
    return place, np.broadcast_to(left, excess.shape)[where], np.broadcast_to(right, excess.shape)[where]


def _tolerance_text(relation, atol, rtol, se):
    if se is not None:
        return f"   ({relation} within 4 standard errors)"
    parts = [f"{atol:g}"] * bool(atol) + [f"{rtol:g} relative"] * bool(rtol)
    if not parts:
        return "   (exactly)" if relation == "==" else f"   ({relation})"
    return f"   ({relation} within {' + '.join(parts)})"
