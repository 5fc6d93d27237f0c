"""A probe: inputs, a call, and how to judge its value. The hidden tests of a homework are lists of probes.

Code that runs beside a submission can be bent by it: an `assert` dropped, `allclose` redefined, the expected
value read. So nothing is judged there. The submission's kernel only evaluates `call` on inputs drawn from the
class seed, and the value leaves it as plain data. The expected value comes from the solution, run in a clean
process with the same inputs, and the comparison happens in that clean process.

    Probe("covariance(X)", {"X": lambda rng: rng.normal(size=(7, 3))}, message="divide by what?")
"""

import base64
import builtins
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

SCALARS = (bool, int, float, str, type(None))
PLAIN_DTYPE = re.compile(r"[<>|=]?[biuf][0-9]{1,2}")
MAX_EMPTY = 10_000
SINGLE = 2e-5  # what rounding leaves of a short computation in single precision
# As they were before any cell ran: a call uses `list` and `range`, whatever a student has made of the names.
BUILTINS = {name: value for name, value in vars(builtins).items() if not name.startswith("_")}


@dataclass(frozen=True)
class Probe:
    """One hidden test.

    call: an expression over names of the homework and of `inputs`. Its value must depend on the inputs and be
    data, not a verdict: a call that returns True could be answered without doing the exercise.
    inputs: name -> plain data, or a function of a numpy Generator that draws plain data (see `encode`).
    message: what a learner should think about when the probe fails; must not give the answer away.
    normalise: takes away what the exercise leaves free (a sign, an order); applied to both by the judge.
    oracle: optional function of the inputs that gives the value in another way than the solution does.
    times: how often the inputs are drawn. A slip that agrees by luck on one draw does not on three.
    kinds: whether arrays of integers must be of integers, where the text asks for them.
    """

    call: str
    inputs: dict
    message: str
    atol: float = 1e-8
    rtol: float = 1e-6
    normalise: Callable = field(default=lambda value: value)
    oracle: Callable | None = None
    times: int = 3
    kinds: bool = False

    def draws(self, class_seed):
        """The inputs of one class, a list: the same seed gives every student the same, and the judge too."""
        rng = np.random.default_rng([class_seed, zlib.crc32(self.call.encode())])
        # Drawing twice what is the same each time would prove nothing.
        times = self.times if any(map(callable, self.inputs.values())) else 1
        return [
            {name: value(rng) if callable(value) else value for name, value in self.inputs.items()}
            for _ in range(times)
        ]


@dataclass(frozen=True)
class Visible:
    """Stands for a probe for each call that the visible checks make of a function, with its own arguments.

    So an answer that fails a check of its notebook earns no points for it. The arguments, which a function
    leaves as they were, belong to the value. Calls whose arguments are no plain data are left out.
    """

    function: str
    message: str = "on the notebook's own example your value differs, or an argument was changed"
    atol: float = 1e-8
    rtol: float = 1e-6
    normalise: Callable = field(default=lambda value: value)
    kinds: bool = False

    def probes(self, arguments):
        """The probes, for a list of (args, kwargs)."""
        return [
            Probe(
                f"[{self.function}(*args, **kwargs), args, kwargs]",
                {"args": list(args), "kwargs": kwargs},
                self.message,
                self.atol,
                self.rtol,
                lambda value: [self.normalise(value[0]), *value[1:]],
                kinds=self.kinds,
            )
            for args, kwargs in arguments
        ]


def evaluate(probe, inputs, namespace):
    """The value of the call, as plain data, with fresh copies of the inputs; raises what the call raises.

    This is all that happens beside a submission.
    """
    fresh = {name: decode(encode(value)) for name, value in inputs.items()}
    return encode(eval(probe.call, {**namespace, **BUILTINS, **fresh}))


def judge(probe, value, expected):
    """None if the plain values agree, else a sentence. Both come from `encode`; neither can run code here."""
    try:
        value, expected = decode(value), decode(expected)
        value = _as_array(value, expected)
        agree = _same(probe.normalise(value), probe.normalise(expected), probe)
    except Exception:  # a value of another form than expected may fail in any way; it is wrong in every case
        agree = False
    return None if agree else probe.message


def encode(value):
    """Plain JSON data for numbers, strings, None, arrays, tensors, and lists, tuples and dicts of these.

    An array becomes {"dtype", "shape", "base64"}. Anything else raises TypeError: no object gets out.
    """
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if isinstance(value, (np.ndarray, np.generic)):
        value = np.asarray(value)
        if value.dtype.kind not in "biuf":
            raise TypeError(f"an array of dtype {value.dtype} is not plain data; return numbers")
        data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
        return {"dtype": value.dtype.str, "shape": list(value.shape), "base64": data}
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    if isinstance(value, dict):
        return {"dict": [[str(key), encode(item)] for key, item in value.items()]}
    if type(value) in SCALARS:
        return value
    raise TypeError(f"a value of type {type(value).__name__} is not plain data; return numbers or arrays")


def decode(data):
    """The value that `encode` was given (tuples come back as lists, tensors and numpy scalars as arrays)."""
    if isinstance(data, list):
        return [decode(item) for item in data]
    if isinstance(data, dict) and "base64" in data:
        # Checked as text: NumPy would take half a minute over a dtype of a million fields.
        if not isinstance(data["dtype"], str) or not PLAIN_DTYPE.fullmatch(data["dtype"]):
            raise TypeError(f"an array of dtype {data['dtype']!r:.60} is not plain data")
        # An axis of a billion costs nothing where another has length 0, until somebody makes a list of it.
        if 0 in data["shape"] and max(data["shape"]) > MAX_EMPTY:
            raise ValueError("an array without entries has no axis of this length")
        dtype = np.dtype(data["dtype"])
        flat = np.frombuffer(base64.b64decode(data["base64"]), dtype=dtype)
        return flat.reshape(data["shape"]).copy()
    if isinstance(data, dict):
        return {key: decode(item) for key, item in data["dict"]}
    return data


def _as_array(value, expected):
    """Lists of numbers where the solution has an array, since `normalise` was written for its form."""
    if isinstance(expected, np.ndarray) and isinstance(value, list):
        return np.array(value)
    if isinstance(expected, list) and isinstance(value, list) and len(value) == len(expected):
        return [_as_array(v, e) for v, e in zip(value, expected, strict=True)]
    return value


def _same(value, expected, probe):
    if isinstance(expected, dict):
        return (
            isinstance(value, dict)
            and value.keys() == expected.keys()
            and all(_same(value[key], expected[key], probe) for key in expected)
        )
    if isinstance(expected, list):
        if isinstance(value, np.ndarray) and value.ndim and len(value) == len(expected):
            value = list(value)
        return (
            isinstance(value, list)
            and len(value) == len(expected)
            and all(_same(v, e, probe) for v, e in zip(value, expected, strict=True))
        )
    if isinstance(expected, str) or expected is None:
        return type(value) is type(expected) and value == expected
    value, expected = np.asarray(value), np.asarray(expected)
    if value.dtype.kind not in "biuf" or value.shape != expected.shape:
        return False
    if probe.kinds and expected.dtype.kind in "iu" and value.dtype.kind not in "iu":
        return False
    atol, rtol = probe.atol, probe.rtol
    if value.dtype == np.float32:  # computed in single precision: right as far as that goes
        size = np.abs(expected[np.isfinite(expected)], dtype=float).max(initial=0.0)
        atol, rtol = max(atol, SINGLE * size), max(rtol, SINGLE)
    # A complex-free, NaN-free comparison: NaN equals NaN only where the solution has one too.
    return bool(np.allclose(value, expected, atol=atol, rtol=rtol, equal_nan=True))
