"""What must hold before the first step: settings that make sense, a model for this loop, data, a device.

Whatever is wrong is said in one sentence, a ValueError, before any work is lost.
"""

import inspect
import math
import os
from typing import Any

import torch
from torch import Tensor, nn

from coursekit.inputs import as_tensor, one_of, positive_int, real_number
from coursekit.training.optimizers import OPTIMIZERS, SCHEDULES

# What each loop asks of a model; a model without it is sent to the loop that it was made for.
VERBS = {
    "fit": ("loss",),
    "fit_contrastive": ("cd_gradient", "hidden_probability"),
    "fit_adversarial": ("generator", "opponent", "opponent_loss", "generator_loss", "constrain"),
}


def _count(value, name):
    return positive_int(value, name)


def _seed(value, name):
    return positive_int(value, name, low=-(2**63))


def _rate(value, name):
    return real_number(value, name, above=0)


def _part(value, name):
    return real_number(value, name, low=0, below=1)


def _betas(value, name):
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise ValueError(f"{name} must be two numbers, the decays of Adam's two averages, got {value!r}")
    return [_part(beta, name) for beta in value]


SETTINGS = {
    "n_steps": _count,
    "batch_size": _count,
    "checkpoint_every": _count,
    "n_opponent_steps": _count,
    "k": _count,
    "seed": _seed,
    "learning_rate": _rate,
    "opponent_learning_rate": _rate,
    "momentum": _part,
    "average": lambda value, _: _part(value, "average, the decay of the averaged weights (0: off),"),
    "warm_up": lambda value, _: _part(value, "warm_up, a fraction of the run (0: off),"),
    "max_cpu_seconds": lambda value, name: None if value is None else _rate(value, name),
    "betas": _betas,
    "instance_noise": lambda value, name: real_number(value, name, low=0),
    "instance_noise_until": lambda value, _: real_number(
        value, "instance_noise_until, a fraction of the run,", above=0, high=1
    ),
    "optimizer": lambda value, name: one_of(name, value, OPTIMIZERS),
    "schedule": lambda value, name: one_of(name, value, SCHEDULES),
    "persistent": lambda value, _: bool(value),
    "centring": lambda value, _: bool(value),
    "autocast": lambda value, _: bool(value),
}


# Arguments of a loop that change nothing of what its steps do, or that a checkpoint keeps in another way.
FREE = {"model", "rbm", "game", "x", "device", "checkpoint", "on_step"}
LIMITS = {"n_steps", "max_cpu_seconds", "checkpoint_every"}
# Where one of these is set, something rises or falls over the run: its length then changes every step.
PACE = {"schedule": "constant", "warm_up": 0.0, "instance_noise": 0.0}


def split(arguments: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """All arguments of a loop, each checked: (settings, limits).

    Settings are kept in the checkpoint, and a resumed run must have the same: every argument that is not
    named above is one, so that none can be forgotten; one that has no check in SETTINGS is a KeyError. The
    number of steps is among them where the pace depends on it; otherwise a run may be prolonged. A budget of
    seconds is not, since no two runs make the same number of steps in it.
    """
    checked = {name: SETTINGS[name](value, name) for name, value in arguments.items() if name not in FREE}
    limits = {name: checked.pop(name) for name in LIMITS}
    if any(checked.get(name, at_rest) != at_rest for name, at_rest in PACE.items()):
        checked["n_steps"] = limits["n_steps"]
    return checked, limits


def require_model(model: nn.Module, loop: str) -> None:
    """ValueError unless `model` is a module with parameters and the verbs of this loop."""
    kind = type(model).__name__
    if not isinstance(model, nn.Module):
        raise ValueError(f"{loop} trains a torch.nn.Module, got {kind}")
    if missing := [verb for verb in VERBS[loop] if not hasattr(model, verb)]:
        fitting = [other for other, verbs in VERBS.items() if all(hasattr(model, verb) for verb in verbs)]
        remedy = f": train it with training.{fitting[0]}" if fitting else ""
        raise ValueError(f"{loop} needs {', '.join(missing)}, which {kind} does not have{remedy}")
    if next(model.parameters(), None) is None:
        raise ValueError(f"{kind} has no parameters, so there is nothing to train")


def as_data(x: Any, model: nn.Module, device: torch.device, *, first_as_floats: bool) -> tuple[Tensor, ...]:
    """The arrays of x on the device: floats and bytes in the model's precision, whole numbers as int64.

    Args:
        x: an array or tensor (n, ...), a `Dataset` (its x counts), or a tuple of arrays of one length.
        model: its first parameter tells the precision.
        device: where the tensors go.
        first_as_floats: whole numbers in the first array become floats too: they are quantities, no labels.

    Raises:
        ValueError: data that is empty or not finite, or arrays of different lengths.
    """
    dtype = next(model.parameters()).dtype
    parts = x if isinstance(x, tuple) else (x,)
    names = ["x"] if len(parts) == 1 else [f"x[{i}]" for i in range(len(parts))]
    whole = [dtype if first_as_floats and not i else torch.int64 for i in range(len(parts))]
    data = tuple(_as_part(*each, dtype, device) for each in zip(parts, names, whole, strict=True))
    if not data:
        raise ValueError("x must hold at least one array, got an empty tuple")
    if len({len(part) for part in data}) > 1:
        lengths = ", ".join(str(len(part)) for part in data)
        raise ValueError(f"the rows of all arrays in x belong together, but their lengths are {lengths}")
    return data


def _as_part(x, name, whole, dtype, device):
    part = as_tensor(x, name).detach()
    if part.ndim == 0 or len(part) == 0:
        raise ValueError(
            f"{name} must hold at least one example along its first axis, got shape {tuple(part.shape)}"
        )
    if not part.is_floating_point() and part.dtype not in (torch.uint8, torch.bool):
        return part.to(device, whole)
    part = part.to(device, dtype)
    if bad := int((~torch.isfinite(part)).sum()):
        raise ValueError(
            f"{name} holds {bad} values that are NaN or infinite: fill or drop them before training"
        )
    return part


def require_call(model: nn.Module, verb: str, *arguments: Any, **keywords: Any) -> None:
    """ValueError unless model.verb takes these arguments: labels for a model without a condition, say."""
    signature = inspect.signature(getattr(model, verb))
    try:
        signature.bind(*arguments, **keywords)
    except TypeError:
        given = "1 array" if len(arguments) == 1 else f"{len(arguments)} arrays"
        raise ValueError(
            f"x holds {given} for each call of {type(model).__name__}.{verb}, which takes {signature}"
        ) from None


def choose_device(name: str | torch.device) -> torch.device:
    """The torch device of "auto" (the GPU if there is one, else the CPU) or of any name torch knows.

    Under torchrun every process of a machine takes a GPU of its own; ValueError if there are too few.
    """
    try:
        device = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name)
    except (RuntimeError, TypeError):
        raise ValueError(f'unknown device {name!r}; choose "auto", "cpu" or "cuda"') from None
    if device.type == "cuda":
        n_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if n_gpus <= (device.index or 0):
            raise ValueError(f'device "{device}" is asked for, but PyTorch finds {n_gpus} GPUs: take "auto"')
    elif device.type != "cpu":
        try:
            torch.empty(0, device=device)
        except (RuntimeError, AssertionError, NotImplementedError):
            raise ValueError(f'device "{device}" does not work here: take "auto"') from None
    local_rank = os.environ.get("LOCAL_RANK")
    if device.type != "cuda" or device.index is not None or local_rank is None:
        return device
    if int(local_rank) >= torch.cuda.device_count():
        raise ValueError(
            f"torchrun started more processes than there are GPUs ({torch.cuda.device_count()});"
            ' start one for each, or train with device="cpu"'
        )
    return torch.device("cuda", int(local_rank))


def require_finite(name: str, loss: float, step: int, learning_rate: float) -> None:
    """Raise FloatingPointError with the step and a hint if the loss is NaN or infinite.

    Args:
        name: what the error calls it.
        loss: its value.
        step: when, from 1.
        learning_rate: for the error's advice.
    """
    if not math.isfinite(loss):
        raise FloatingPointError(
            f"the {name} became {loss} at step {step}. Most often the learning rate"
            f" ({learning_rate:g}) is too large: try a tenth of it. Else look for a log of 0, a division"
            " by 0 or data that was never scaled."
        )
