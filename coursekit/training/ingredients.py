"""What every training loop is made of: data, batches, optimisers, learning rates, averaged weights."""

import inspect
import math
import os

import numpy as np
import torch

OPTIMIZERS = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
    "rmsprop": torch.optim.RMSprop,
}
# The factor on the learning rate as a function of the fraction of the run that lies behind.
SCHEDULES = {
    "constant": lambda fraction: 1.0,
    "linear": lambda fraction: 1.0 - fraction,
    "cosine": lambda fraction: 0.5 * (1.0 + math.cos(math.pi * fraction)),
}


class Batches:
    """Row numbers of one batch after another.

    Each epoch draws a fresh permutation of the n rows from a generator seeded once with `seed` and cuts it
    into pieces of batch_size; the last piece of an epoch may be shorter, so that an epoch visits each row
    exactly once. Written out: `order = torch.randperm(n, generator=rng)`, then `order[:batch_size]`, ...
    """

    def __init__(self, n, batch_size, seed):
        self.n, self.batch_size = n, batch_size
        self.rng = torch.Generator().manual_seed(seed)
        self.order, self.start = torch.arange(n), n

    def next(self):
        """The next batch, int64 (at most batch_size,)."""
        if self.start >= self.n:
            self.order, self.start = torch.randperm(self.n, generator=self.rng), 0
        rows = self.order[self.start : self.start + self.batch_size]
        self.start += self.batch_size
        return rows

    def state_dict(self):
        return {"rng": self.rng.get_state(), "order": self.order, "start": self.start}

    def load_state_dict(self, state):
        self.rng.set_state(state["rng"])
        self.order, self.start = state["order"], state["start"]


class WeightAverage:
    """Exponential moving average of a module's parameters; decay 0 switches it off.

    After step t the average moves by 1 - d towards the weights, d = min(decay, (1 + t) / (10 + t)): a young
    average forgets quickly, so that the random start leaves no trace. Buffers are not averaged.
    """

    def __init__(self, module, decay):
        self.decay = decay
        self.parameters = [p.detach() for p in module.parameters()] if decay else []
        self.averages = [p.clone() for p in self.parameters]

    def update(self, step):
        if self.decay:
            decay = min(self.decay, (1 + step) / (10 + step))
            torch._foreach_lerp_(self.averages, self.parameters, 1 - decay)

    def swap_in(self):
        """Put the averages in the place of the weights."""
        for parameter, average in zip(self.parameters, self.averages, strict=True):
            parameter.copy_(average)

    def state_dict(self):
        return {"averages": self.averages}

    def load_state_dict(self, state):
        for average, saved in zip(self.averages, state["averages"], strict=True):
            average.copy_(saved)


def as_data(x, model, device):
    """x as a tensor on the device: floats (and bytes) in the model's precision, whole numbers as int64.

    Raises ValueError for data that is empty or not finite: better now than at step 5000.
    """
    # Arrays that cannot be written to are copied: PyTorch warns about them, rightly.
    data = x.detach() if isinstance(x, torch.Tensor) else torch.from_numpy(np.require(x, requirements="CW"))
    if data.ndim == 0 or len(data) == 0:
        raise ValueError(
            f"x must hold at least one example along its first axis, got shape {tuple(data.shape)}"
        )
    if data.is_floating_point() or data.dtype in (torch.uint8, torch.bool):
        data = data.to(device, next(model.parameters()).dtype)
        bad = int((~torch.isfinite(data)).sum())
        if bad:
            raise ValueError(
                f"x holds {bad} values that are NaN or infinite: fill or drop them before training"
            )
        return data
    return data.to(device, torch.int64)


def choose_device(name):
    """The torch device of "auto" (the GPU if there is one, else the CPU) or of any name torch knows.

    Under torchrun every process of a machine takes a GPU of its own; ValueError if there are too few.
    """
    try:
        device = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name)
    except RuntimeError:
        raise ValueError(f'unknown device {name!r}; choose "auto", "cpu" or "cuda"') from None
    local_rank = os.environ.get("LOCAL_RANK")
    if device.type != "cuda" or device.index is not None or local_rank is None:
        return device
    if int(local_rank) >= torch.cuda.device_count():
        raise ValueError(
            f"torchrun started more processes than there are GPUs ({torch.cuda.device_count()});"
            ' start one for each, or train with device="cpu"'
        )
    return torch.device("cuda", int(local_rank))


def make_optimizer(name, parameters, learning_rate, *, betas=None):
    """An optimiser by its name with PyTorch's defaults: "adamw" decays weights by .01, "sgd" has no momentum.

    betas: the two decays of Adam and AdamW where they are not (.9, .999). Fused kernels where they exist.
    """
    one_of("optimizer", name, OPTIMIZERS)
    options = {"betas": betas} if betas and name.startswith("adam") else {}
    # One kernel for all weights in place of a loop over them: same update, a fraction of the time.
    if "fused" in inspect.signature(OPTIMIZERS[name]).parameters:
        options["fused"] = True
    return OPTIMIZERS[name](list(parameters), lr=learning_rate, **options)


def set_learning_rate(optimizer, learning_rate):
    """Give every parameter of the optimiser this learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate


def require_finite(name, loss, step, learning_rate):
    """Raise FloatingPointError with the step and a hint if the loss is NaN or infinite."""
    if not math.isfinite(loss):
        raise FloatingPointError(
            f"the {name} became {loss} at step {step}. Most often the learning rate"
            f" ({learning_rate:g}) is too large: try a tenth of it. Else look for a log of 0, a division"
            " by 0 or data that was never scaled."
        )


def one_of(what, value, choices):
    """Raise ValueError that lists the choices unless value is one of them."""
    if value not in choices:
        raise ValueError(f"unknown {what} {value!r}; choose one of {', '.join(choices)}")


def check_numbers(*, average, learning_rate, max_cpu_seconds, **counts):
    """Raise ValueError for numbers with which no loop can run; counts: those that must be at least 1."""
    for name, count in counts.items():
        if count < 1:
            raise ValueError(f"{name} must be at least 1, got {count}")
    if max_cpu_seconds is not None and not max_cpu_seconds > 0:
        raise ValueError(f"max_cpu_seconds must be positive, or None for no limit, got {max_cpu_seconds}")
    if not learning_rate > 0:
        raise ValueError(f"learning_rate must be positive, got {learning_rate}")
    if not 0 <= average < 1:
        raise ValueError(f"average is the decay of the averaged weights, in [0, 1) (0: off), got {average}")
