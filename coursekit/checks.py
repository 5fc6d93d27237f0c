"""One line that proves a claim: both sides are computed, compared, and the verdict is printed.

`check` proves the formulas of the notebooks, `answer` the exercises of the homework. Both print one stable
line when the claim holds, so that a stored notebook can be compared with a fresh run, and raise with both
values when it does not. Neither ever passes on NaN or on shapes that differ.

A bound that everything meets proves nothing. So a bound on a measured number names its *control*: what noise,
an untrained model or a simple baseline gets. The control is held to the same bar and must fail it, with each
of its seeds if it has several.
"""

import base64
import sys
import zlib
from typing import Any

import numpy as np

RELATIONS = ("==", "<=", ">=")

# What is printed for a sign that the terminal's encoding lacks (cp1252 on Windows, plain ASCII).
PLAIN_SIGNS = {"✓": "OK", "✗": "FAILED", "≤": "<=", "≥": ">=", "−": "-", "’": "'", "→": "->", "²": "^2"}


class CheckFailed(AssertionError):
    """A claim did not hold; the message carries both sides."""

    # Jupyter shows this instead of a page of traceback: the sentence is the message.
    def _render_traceback_(self):
        return [_printable(f"✗ {self}")]


def check(
    claim: str,
    left: Any,
    right: Any,
    *,
    relation: str = "==",
    atol: float = 0.0,
    rtol: float = 0.0,
    se: Any = None,
    control: Any = None,
    theorem: str | None = None,
) -> None:
    """Print `✓ claim` if `left relation right` holds in every entry, else raise CheckFailed.

    >>> check("half the digits are ones", 0.52, 0.45, relation=">=", control={"a blank page": 0.0})
    ✓ half the digits are ones   (>=; the control fails: a blank page)

    Args:
        claim: the sentence that is proved; it is printed, without either value.
        left: number, array or tensor; has the shape of `right`, unless one of them is a single number.
        right: what `left` is compared with, entry by entry.
        relation: "==", "<=" or ">=".
        atol: absolute tolerance, added on the lenient side.
        rtol: relative tolerance; the sides may differ by atol + rtol * |right|.
        se: standard error(s) of left - right for a Monte Carlo claim; the tolerance is then 4 se, instead of
            atol and rtol, and the line says so.
        control: what noise, an untrained model, a baseline or a well-known slip gets for `left`; a value, or
            a dict from names to values. Each must fail the same relation with the same tolerance, else
            CheckFailed is raised. Of an array, such as one value per seed, *every* entry must fail a "<=" or
            ">=". For "==" it is a slip: two arrays differ as soon as one entry does. The line names the
            controls, without their values.
        theorem: name of the theorem by which a "<=" or ">=" holds for every input: it needs no control.

    Raises:
        CheckFailed: the claim does not hold, or one of its controls passes too.
        ValueError: an argument makes no sense, such as a control that is NaN (it fails whatever the bar),
            both control and theorem, or a theorem for "==" (an equality is checked whole as it is).
    """
    if relation not in RELATIONS:
        raise ValueError(f"unknown relation {relation!r}; choose one of {', '.join(RELATIONS)}")
    controls, reason = _reason(relation, control, theorem)
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
    excess = _excess(relation, difference) - tolerance
    if not np.all(excess <= 0):
        place, a, b = _worst(excess, left, right)
        digits = _telling_digits(a, b, (10, 12, 15))
        said = {"==": "is not", "<=": "is not at most", ">=": "is not at least"}[relation]
        raise CheckFailed(f"{claim}: {a:.{digits}g} {said} {b:.{digits}g}{place.replace(' at', ', at')}")
    for name, value in controls.items():
        if value.size != 1 and right.size != 1 and value.shape != right.shape:
            raise ValueError(f"{name} has shape {value.shape}, but is compared with {right.shape}")
        beyond = _excess(relation, _difference(value, right)) - tolerance
        # A bound has to tell every seed of the control from the claim; an equality is one claim as a whole.
        passes = np.all(beyond <= 0) if relation == "==" else np.any(beyond <= 0)
        if passes:
            place, a, b = _worst(beyond if relation == "==" else -beyond, value, right)
            raise CheckFailed(
                f"{claim}: {name} passes too{place}: this proves nothing. It gets {a:.10g}, to be compared"
                f" with {b:.10g}"
            )
    print(_printable(f"✓ {claim}   ({_tolerance_text(relation, atol, rtol, se)}{reason})"))


def answer(
    claim: str,
    yours: Any,
    expected: Any,
    *,
    wrong: dict[str, Any] | str | None = None,
    atol: float = 1e-8,
    rtol: float = 1e-8,
) -> None:
    """Check a learner's value; when it equals a well-known wrong one, say which slip makes it.

    An answer in single precision is compared as far as that precision goes.

    Args:
        claim: the sentence that is proved; it is printed.
        yours: the learner's value.
        expected: the right one.
        wrong: dict from a helpful sentence to the value which that slip produces; a student's copy has the
            source of that dict, packed: nobody should read the slips before trying.
        atol: absolute tolerance.
        rtol: relative tolerance.
    """
    if isinstance(wrong, str):
        caller = sys._getframe(1)
        source = zlib.decompress(base64.b85decode(wrong)).decode()
        wrong = eval(source, {**caller.f_globals, **caller.f_locals})
    single = "float32" in str(getattr(yours, "dtype", ""))
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

    if single:
        size = np.abs(expected[np.isfinite(expected)]).max(initial=0.0)
        atol, rtol = max(atol, 2e-5 * size), max(rtol, 2e-5)

    def same(value):
        return np.shape(value) == yours.shape and np.allclose(yours, value, atol=atol, rtol=rtol)

    if same(expected):
        print(_printable(f"✓ {claim}"))
        return
    for sentence, value in (wrong or {}).items():
        if same(_array(value, "wrong")):
            raise CheckFailed(f"{claim}: {sentence}")
    place, mine, right = _worst(np.abs(_difference(yours, expected)), yours, expected)
    digits = _telling_digits(mine, right, (6, 9, 12))
    raise CheckFailed(f"{claim}: your value{place} is {mine:.{digits}g}, but {right:.{digits}g} is expected")


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


def _reason(relation, control, theorem):
    """The controls as arrays by their names, and what the printed line says of them or of the theorem."""
    if control is not None and theorem is not None:
        raise ValueError("give either control or theorem: what a theorem promises needs no control")
    if theorem is not None:
        if relation == "==":
            raise ValueError('theorem names a bound, "<=" or ">=": an equality is checked whole as it is')
        if not isinstance(theorem, str) or not theorem.strip():
            raise ValueError(f'theorem is the name of a theorem, such as "Jensen", got {theorem!r}')
        return {}, f"; theorem: {theorem}"
    if control is None:
        return {}, ""
    named = control if isinstance(control, dict) else {"": control}
    if not named or (named is control and not all(isinstance(name, str) and name for name in named)):
        raise ValueError("control must be a value, or a dict from names to values, at least one")
    controls = {
        f'the control "{name}"' if name else "the control": _array(value, "control")
        for name, value in named.items()
    }
    for name, value in controls.items():
        if value.size == 0 or np.isnan(value).any():
            raise ValueError(f"{name} is empty or NaN: it would fail whatever the bar")
    names = ": " * (named is control) + ", ".join(named)
    reason = f"; the controls fail{names}" if len(named) > 1 else f"; the control fails{names}"
    return controls, reason


def _excess(relation, difference):
    """How far left - right goes beyond the relation; at most 0 where it holds."""
    return {"==": np.abs(difference), "<=": difference, ">=": -difference}[relation]


def _difference(left, right):
    """left - right; equal entries differ by 0 even where both are infinite, and NaN stays NaN."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.where(left == right, 0.0, left - right)


def _worst(excess, left, right):
    """Where the sides are furthest from agreeing, as text, and both values there."""
    where = np.unravel_index(np.argmax(np.where(np.isnan(excess), np.inf, excess)), excess.shape)
    place = f" at index {tuple(int(i) for i in where)}" if where else ""
    return place, np.broadcast_to(left, excess.shape)[where], np.broadcast_to(right, excess.shape)[where]


def _telling_digits(a, b, choices):
    """The first of some numbers of digits that shows that a and b differ, else all there are."""
    return next((digits for digits in choices if f"{a:.{digits}g}" != f"{b:.{digits}g}"), 17)


def _tolerance_text(relation, atol, rtol, se):
    if se is not None:
        return f"{relation} within 4 standard errors"
    parts = [f"{atol:g}"] * bool(atol) + [f"{rtol:g} relative"] * bool(rtol)
    if not parts:
        return "exactly" if relation == "==" else relation
    return f"{relation} within {' + '.join(parts)}"


def _printable(text):
    """The text with another sign for each that standard output cannot print."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"

    def sign(character):
        try:
            character.encode(encoding)
        except UnicodeEncodeError:
            return PLAIN_SIGNS.get(character, "?")
        return character

    return "".join(map(sign, text))
