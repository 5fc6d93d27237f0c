"""How a loop makes a step: optimisers, learning-rate schedules, averaged weights."""

import inspect
import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn


class MuonWithAdamW:
    """Muon for weight matrices, AdamW for all other parameters, as one optimiser.

    Muon replaces the momentum of a matrix by the nearest matrix with orthonormal rows or columns, so that a
    step moves all its directions alike (Jordan et al. 2024). Its steps are scaled to the size of AdamW's (Liu
    et al. 2025), so that one learning rate serves both; weights decay by .01 in both.

    Args:
        parameters: the weights.
        lr: learning rate.
        betas: the two decays of AdamW.
        tables: matrices that go to AdamW all the same, such as look-up tables: their rows are no directions.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        *,
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        tables: Iterable[Tensor] = (),
    ):
        tables = {id(table) for table in tables}
        matrices, others = [], []
        for parameter in parameters:
            (matrices if parameter.ndim == 2 and id(parameter) not in tables else others).append(parameter)
        self.optimizers = []
        if matrices:
            muon = torch.optim.Muon(matrices, lr=lr, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")
            self.optimizers.append(muon)
        if others:
            self.optimizers.append(torch.optim.AdamW(others, lr=lr, betas=betas, fused=True))

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    def zero_grad(self) -> None:
        for optimizer in self.optimizers:
            optimizer.zero_grad()

    def step(self) -> None:
        for optimizer in self.optimizers:
            optimizer.step()

    def state_dict(self) -> dict[str, Any]:
        return {"optimizers": [optimizer.state_dict() for optimizer in self.optimizers]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)


OPTIMIZERS = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
    "rmsprop": torch.optim.RMSprop,
    "muon": MuonWithAdamW,
}
# The factor on the learning rate as a function of the fraction of the run that lies behind.
SCHEDULES = {
    "constant": lambda fraction: 1.0,
    "linear": lambda fraction: 1.0 - fraction,
    "cosine": lambda fraction: 0.5 * (1.0 + math.cos(math.pi * fraction)),
}


class WeightAverage:
    """Exponential moving average of a module's parameters; decay 0 switches it off.

    After step t the average moves by 1 - d towards the weights, d = min(decay, (1 + t) / (10 + t)): a young
    average forgets quickly, so that the random start leaves no trace. Buffers are not averaged.

    Args:
        module: whose parameters are averaged.
        decay: d, below 1.
    """

    def __init__(self, module: nn.Module, decay: float):
        self.decay = decay
        self.parameters = [p.detach() for p in module.parameters()] if decay else []
        self.averages = [p.clone() for p in self.parameters]

    def update(self, step: int) -> None:
        """Move the averages after a step, counted from 1."""
        if self.decay:
            decay = min(self.decay, (1 + step) / (10 + step))
            torch._foreach_lerp_(self.averages, self.parameters, 1 - decay)

    def swap_in(self) -> None:
        """Replace the weights by their averages."""
        for parameter, average in zip(self.parameters, self.averages, strict=True):
            parameter.copy_(average)

    def state_dict(self) -> dict[str, Any]:
        return {"averages": self.averages}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for average, saved in zip(self.averages, state["averages"], strict=True):
            average.copy_(saved)


def make_optimizer(
    name: str,
    parameters: Iterable[Tensor],
    learning_rate: float,
    *,
    betas: tuple[float, float] | None = None,
    model: nn.Module | None = None,
) -> Any:
    """An optimiser by its name with PyTorch's defaults, and fused kernels where they exist.

    Args:
        name: of OPTIMIZERS; "adamw" decays weights by .01, "sgd" has no momentum, "muon": MuonWithAdamW.
        parameters: the weights.
        learning_rate: the first; a schedule changes it.
        betas: the two decays of Adam and AdamW where they are not (.9, .999).
        model: its embeddings are look-up tables, which "muon" leaves to AdamW.
    """
    options: dict[str, Any] = {"betas": tuple(betas)} if betas and name.startswith(("adam", "muon")) else {}
    if name == "muon" and model is not None:
        options["tables"] = [layer.weight for layer in model.modules() if isinstance(layer, nn.Embedding)]
    # One kernel for all weights instead of a loop over them: same update, a fraction of the time.
    if "fused" in inspect.signature(OPTIMIZERS[name]).parameters:
        options["fused"] = True
    return OPTIMIZERS[name](list(parameters), lr=learning_rate, **options)


def set_learning_rate(optimizer: Any, learning_rate: float) -> None:
    """Give every parameter of an optimizer this learning_rate."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
