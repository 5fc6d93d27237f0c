"""`Recipe`: a model with all that is needed to train it well, so that command, notebook and benchmark agree.

The recipes themselves are in the lectures' folders, in `recipe.py`. Each is a function of the data that
builds a new model; `RECIPES` there lists them by the name of the data:

    RECIPES = {"digits": digits, "mini_mnist": mini_mnist, "mnist": mnist}
    digits(train, test, *, seconds=None) -> Recipe

The first weights come from PyTorch's global generator, so `torch.manual_seed` before the call makes a run
repeatable. seconds says for which budget the settings should be; None means the longest that they were
chosen for.
"""

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from coursekit.training.distributed import process_group
from coursekit.training.run import History
from coursekit.training.settings import choose_device

EVER = 10**9  # steps, where the time decides
N_SHOWN = 60  # images that `draw` makes, or ten times as many points
Settings = dict[str, Any]  # keywords of a loop
Budgets = dict[float, tuple[int, Settings]]  # CPU seconds -> (steps, keywords of the loop)
Entry = TypeVar("Entry")


@dataclass(frozen=True)
class Stage:
    """One loop of a recipe.

    Args:
        model: what learns in it: the recipe's model, or a part of it.
        x: what the loop learns from; or a function without arguments that makes it when the stage begins,
            out of what earlier stages learned.
        loop: `fit`, `fit_contrastive` or `fit_adversarial`.
        n_steps: number of steps.
        settings: the loop's other keywords.
        loss: what the history's `loss` is, in words.
        share: part of the CPU seconds, where seconds are given instead of steps.
    """

    model: nn.Module
    x: Tensor | Callable[[], Tensor]
    loop: Callable[..., History]
    n_steps: int
    settings: Settings
    loss: str
    share: float = 1.0


@dataclass(frozen=True)
class Recipe:
    """A new model, the stages of its training, and how to look at the result.

    Args:
        model: what comes out in the end; its weights are what is worth keeping.
        stages: one `Stage` after another; their shares add up to 1.
        seconds: CPU seconds of one thread that the stages take, roughly: the budget of the settings.
        draw: function (model, rng) -> images (n, pixels) from 0 paper to 1 ink, or points (n, 2).
        shows: what `draw` gives, in words.
        draw_class: where the model is told the classes, function (model, labels (n,), rng) -> images.
        measure: function (model) -> dict from words to numbers, measured on data never learned from.
        finish: called after the last stage, where something is left to do before the model can be used.
    """

    model: nn.Module
    stages: tuple[Stage, ...]
    seconds: float
    draw: Callable[[nn.Module, torch.Generator], Tensor]
    shows: str
    draw_class: Callable[[nn.Module, Tensor, torch.Generator], Tensor] | None = None
    measure: Callable[[nn.Module], dict[str, float]] = field(default=lambda model: {})
    finish: Callable[[], None] = field(default=lambda: None)

    def train(
        self,
        *,
        n_steps: int | None = None,
        seconds: float | None = None,
        spent: float = 0.0,
        seed: int = 0,
        device: str | torch.device = "auto",
        directory: str | Path | None = None,
        checkpoint_every: int = 500,
        on_step: Callable[[int, nn.Module, float], object] | None = None,
    ) -> list[History]:
        """Go through the stages, in place; a History for each, the last of which may be an interrupted one.

        Args:
            n_steps: instead of the recipe's number, over all stages together.
            seconds: CPU seconds of a process instead, over all stages and what is computed between them.
            spent: how many of these were spent already, on building the model.
            seed: as in `fit`, for every stage.
            device: as in `fit`.
            checkpoint_every: as in `fit`.
            on_step: as in `fit`.
            directory: where the stages keep their checkpoints (`checkpoint_names`), and find them to go on.

        Raises:
            ValueError: the seconds are too few for a single step; and as in `fit`.
            FloatingPointError: as in `fit`.
        """
        group = process_group(choose_device(device))
        total = sum(stage.n_steps for stage in self.stages)
        histories, share = [], 0.0
        for stage, name in zip(self.stages, self.checkpoint_names(), strict=True):
            start = time.process_time()
            x = stage.x() if callable(stage.x) else stage.x
            spent += time.process_time() - start
            share += stage.share
            limits: Settings = {"n_steps": stage.n_steps}
            if n_steps is not None:
                limits = {"n_steps": max(1, n_steps * stage.n_steps // total)}
            if seconds is not None:
                # All processes must stop at the same step, so they share one budget: the mean of theirs.
                left = share * seconds - group.sum(spent)[0] / group.size
                if left <= 0:
                    raise ValueError(f"not one step was made in {seconds:g} CPU seconds: give it longer")
                limits = {"n_steps": EVER, "max_cpu_seconds": left}
            limits |= {"seed": seed, "device": device, "checkpoint_every": checkpoint_every}
            limits |= {} if on_step is None else {"on_step": on_step}
            limits |= {"checkpoint": None if directory is None else Path(directory) / name}
            history = stage.loop(stage.model, x, **stage.settings, **limits)
            if history.stopped == "budget" and not history.learning_rate:
                raise ValueError(f"not one step was made in {seconds:g} CPU seconds: give it longer")
            histories.append(history)
            if history.stopped == "interrupted":
                return histories
            spent += history.cpu_seconds[-1]
        self.finish()
        self.model.eval()
        return histories

    def checkpoint_names(self) -> list[str]:
        """Names of the stages' checkpoints: "checkpoint.pt", or "checkpoint_1.pt" and so on of several."""
        if len(self.stages) == 1:
            return ["checkpoint.pt"]
        return [f"checkpoint_{i + 1}.pt" for i in range(len(self.stages))]


def for_budget(table: Mapping[float, Entry], seconds: float | None) -> tuple[float, Entry]:
    """(budget, settings) of a table of settings by CPU seconds: the nearest in ratio; of None the longest.

    >>> for_budget({30: "short", 110: "long"}, 40)
    (30, 'short')
    """
    if seconds is None:
        budget = max(table)
    elif not seconds > 0:
        raise ValueError(f"seconds must be positive, got {seconds:g}")
    else:
        budget = min(table, key=lambda known: max(known / seconds, seconds / known))
    return budget, copy.deepcopy(table[budget])  # to change one recipe changes no other
