"""What surrounds a training loop: progress bar, checkpoint and resume, Ctrl-C, budget. No mathematics."""

import contextlib
import dataclasses
import io
import os
import re
import signal
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from coursekit.training.batches import Batches
from coursekit.training.distributed import ProcessGroup, process_group
from coursekit.training.generators import GlobalGenerators
from coursekit.training.progress import progress_bar
from coursekit.training.settings import (
    as_data,
    choose_device,
    require_call,
    require_finite,
    require_model,
    split,
)

DTYPES = re.compile(r"dtype|\bLong\b|long int")  # in PyTorch's errors about whole numbers


@dataclasses.dataclass
class History:
    """What a run did, step by step (one entry per step, from the first step even if the run was resumed).

    >>> History(loss=[0.5, 0.25]).loss[-1]
    0.25

    Args:
        loss: the model's loss on each batch; in a game the generator's.
        opponent_loss: empty but for games.
        learning_rate: as used.
        cpu_seconds: process time since the start (each process its own).
        stopped: "finished", "interrupted" (Ctrl-C) or "budget" (max_cpu_seconds used up).
    """

    loss: list = dataclasses.field(default_factory=list)
    opponent_loss: list = dataclasses.field(default_factory=list)
    learning_rate: list = dataclasses.field(default_factory=list)
    cpu_seconds: list = dataclasses.field(default_factory=list)
    stopped: str = "finished"

    def state_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)


@contextlib.contextmanager
def training_run(loop: str, model: nn.Module, x: Any, arguments: dict[str, Any]) -> Iterator["Run"]:
    """All that surrounds a loop: `with training_run("fit", model, x, locals()) as run: for step in run: ...`.

    Before the block the arguments are checked, the model goes to its device and x becomes tensors. In it
    PyTorch's global generators (dropout uses them) are seeded, and the first Ctrl-C waits for the end of a
    step. Afterwards the generators are as they were, the model is where it was, and in evaluation mode.

    Args:
        loop: name of the loop, a key of settings.VERBS.
        model: what is trained.
        x: the data, in any form that `as_data` takes.
        arguments: all that the loop was called with, by name. Each is checked, and each that changes what the
            steps do is kept in the checkpoint (settings.split).
    """
    require_model(model, loop)
    settings, limits = split(arguments)
    group = process_group(choose_device(arguments["device"]))
    with moved_to(model, group):
        data = as_data(x, model, group.device, first_as_floats=loop != "fit")
        run = Run(model, data, settings, group=group, checkpoint=arguments["checkpoint"], **limits)
        with run.global_rng.borrowed(), run.deferring_interrupts():
            run.global_rng.manual_seed(run.seed)
            try:
                yield run
            except RuntimeError as error:
                if sentence := run.whole_numbers(error):
                    raise ValueError(sentence) from error
                raise
            finally:
                run.close()


class Run:
    """The steps of one run as something to loop over, counted from 1, with what a step needs.

    `batch()` is the next batch, `fraction` the part of the run (or of its CPU budget) that is over at the
    start of the step, `rng` the generator for the model's own randomness, seeded with seed + 1, `data` the
    tensors whose rows make the batches, `group` the processes that share the work, `history` a History.

    Args:
        model: what is trained; kept in the checkpoint.
        data: tensors of one length.
        settings: what a resumed run must have in common with the first part; has seed and batch_size.
        group: a ProcessGroup.
        n_steps: see `fit`, as for the three others.
        checkpoint: a path or None.
        checkpoint_every: steps between two saves.
        max_cpu_seconds: a budget or None.
    """

    def __init__(
        self,
        model: nn.Module,
        data: tuple[Tensor, ...],
        settings: dict[str, Any],
        *,
        group: ProcessGroup,
        n_steps: int,
        checkpoint: str | Path | None,
        checkpoint_every: int,
        max_cpu_seconds: float | None,
    ):
        self.model, self.data, self.settings, self.group = model, data, settings, group
        if checkpoint is not None or group.size > 1:
            self.settings = settings | {"data": fingerprint(data)}
        self.n_steps, self.max_cpu_seconds = n_steps, max_cpu_seconds
        self.checkpoint = None if checkpoint is None else Path(checkpoint)
        self.checkpoint_every = checkpoint_every
        self.history = History()
        self.batches = Batches(len(data[0]), settings["batch_size"], settings["seed"])
        self.seed = settings["seed"] + 1_000_000 * group.rank  # no two processes draw the same noise
        self.rng = torch.Generator(group.device).manual_seed(self.seed + 1)
        self.global_rng = GlobalGenerators(group.device)
        # What a checkpoint holds: the same in all processes, and what each has for itself.
        self.parts: dict[str, Any] = {"model": model, "batches": self.batches, "history": self.history}
        self.own: dict[str, Any] = {}
        self.step, self.seconds_before, self.fraction = 0, 0.0, 0.0
        self.started: float | None = None  # the clock at the first step
        self.bar: Any = None
        self.interrupted, self.stopping = False, False  # here; in any process

    def keep(self, **parts: Any) -> None:
        """Before the steps: the checkpoint keeps these too, by `state_dict` and `load_state_dict`."""
        self.parts |= parts

    def keep_own(self, **parts: Any) -> None:
        """The same for what each process of the group has for itself."""
        self.own |= parts

    def __iter__(self) -> Iterator[int]:
        self._begin()
        while self._goes_on():
            if not self.model.training:  # on_step may have looked at it; asking costs less than setting
                self.model.train()
            yield self.step + 1
            self.step += 1
            self.history.cpu_seconds.append(self.seconds)
            if self.history.loss:  # a few of the last: a single batch says little
                last = self.history.loss[-20:]
                self.bar.set_postfix_str(f"loss {sum(last) / len(last):.3g}", refresh=False)
            self.bar.update()
            if self.step == 1:
                self.group.broadcast(self.model)  # a layer may have set itself from the first share it saw
            if self.step % self.checkpoint_every == 0:
                self._save()
        done = self.step >= self.n_steps
        self.history.stopped = "finished" if done else "interrupted" if self.stopping else "budget"
        self._save()

    def _begin(self):
        """Take up from the checkpoint, if there is one."""
        self.started = time.process_time()
        if any(settings != self.settings for settings in self.group.gather(self.settings)):
            raise ValueError("the processes were given different settings or data; give all the same")
        if self.checkpoint is not None:
            saved = self.group.on_rank_0(self._read)
            # A first save before any work: a folder that cannot be written to is found out now.
            self._save() if saved is None else self._load(saved)
        # Where the seconds decide, nobody knows how many steps that will be.
        total = self.n_steps if self.max_cpu_seconds is None else None
        self.bar = progress_bar(total, self.step, hidden=self.group.rank > 0)

    def close(self) -> None:
        """After the last step, or an error: the bar goes, and an interruption is said."""
        if self.bar is None:  # it never began
            return
        self.bar.close()
        self.model.eval()
        if self.stopping and self.history.stopped == "interrupted" and self.group.rank == 0:
            again = " The same call takes up from here." if self.checkpoint else ""
            of = f" of {self.n_steps}"
            if self.max_cpu_seconds is not None:
                of = f" and {self.seconds:.0f} of {self.max_cpu_seconds:g} CPU seconds"
            print(
                f"Interrupted after step {self.step}{of}; the model keeps what it learned.{again}",
                file=sys.stderr,
            )

    def whole_numbers(self, error: RuntimeError) -> str:
        """What to say if PyTorch's error in the first step is about whole numbers in the data, else ''."""
        whole = any(part.dtype == torch.int64 for part in self.data)
        if self.step or not whole or not DTYPES.search(str(error)):
            return ""
        return (
            "x holds whole numbers, which reach the loss as int64, as labels and tokens should:"
            f" {type(self.model).__name__}.loss wants floats, so give x.astype(float)"
        )

    def require(self, verb: str, **keywords: Any) -> None:
        """ValueError unless the model's verb takes the arrays of a batch and these keywords."""
        require_call(self.model, verb, *self.data, **keywords)

    def precision(self, autocast: bool) -> contextlib.AbstractContextManager:
        """With autocast a block that computes products and convolutions in bfloat16, else an ordinary one."""
        if autocast:
            return torch.autocast(self.group.device.type, torch.bfloat16)
        return contextlib.nullcontext()

    def mean(self, loss: Tensor, name: str, rate: float) -> float:
        """A loss of the whole batch, a float; FloatingPointError if it is not finite.

        Args:
            loss: that of this process's share.
            name: what the error calls it.
            rate: the learning rate, for the error's advice.
        """
        value = self.group.mean(loss)
        require_finite(name, value, self.step + 1, rate)
        return value

    def note(self, rate: float, **losses: float) -> None:
        """Write the learning rate and the losses of this step into the history."""
        self.history.learning_rate.append(rate)
        for name, value in losses.items():
            getattr(self.history, name).append(value)

    def batch(self) -> tuple[Tensor, ...]:
        """This process's share of the next batch, a tuple of tensors: the same rows of every array."""
        rows = self.group.share(self.batches.next())
        return tuple(part[rows] for part in self.data)

    @property
    def seconds(self) -> float:
        """CPU seconds of this process spent on the run, those before a resume included."""
        return self.seconds_before + time.process_time() - (self.started or 0.0)

    def _goes_on(self):
        """Whether there is a next step; brings `fraction`, of the steps or of the budget if more, up to date.

        The processes must answer alike, or one would wait for another that has stopped: they share one clock
        (the mean of theirs) and stop when any of them is interrupted.
        """
        seconds, interrupted = self.group.sum(self.seconds, self.interrupted)
        self.stopping = interrupted > 0
        budget = 0.0 if self.max_cpu_seconds is None else seconds / self.group.size / self.max_cpu_seconds
        self.fraction = min(1.0, max(self.step / self.n_steps, budget))
        return self.fraction < 1 and not self.stopping

    @contextlib.contextmanager
    def deferring_interrupts(self) -> Iterator[None]:
        """The first Ctrl-C waits for the end of the step."""

        # No step is cut in half: the first Ctrl-C is remembered until it ends, a second one acts at once.
        def remember(signum, frame):
            if self.interrupted:
                raise KeyboardInterrupt
            self.interrupted = True

        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGINT, remember)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _save(self):
        if self.checkpoint is None:
            return
        own = {"rng": self.rng.get_state()} | self.global_rng.state_dict()
        own["parts"] = {name: part.state_dict() for name, part in self.own.items()}
        state = {
            "settings": self.settings,
            "n_steps": self.n_steps,
            "step": self.step,
            "seconds": self.seconds,
            "parts": {name: part.state_dict() for name, part in self.parts.items()},
            "own": self.group.gather(own),
        }
        self.group.on_rank_0(lambda: self._write(state))

    def _write(self, state):
        self.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        # Written beside and then renamed: a kill at any moment leaves either the old file or the new one.
        beside = self.checkpoint.with_name(f"{self.checkpoint.name}.{os.getpid()}.tmp")
        with open(beside, "wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, self.checkpoint)

    def _read(self):
        return self.checkpoint.read_bytes() if self.checkpoint.exists() else None

    def _load(self, content):
        try:
            state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
            saved, own = state["settings"], state["own"]
        except Exception as error:
            raise ValueError(
                f"cannot read the checkpoint {self.checkpoint}; delete it to start afresh"
            ) from error
        saved, now = saved | {"n_steps": state["n_steps"]}, self.settings
        if self.n_steps < state["step"]:
            now = now | {"n_steps": self.n_steps}
        other = [
            f"{name} was {saved.get(name)}, now {now[name]}" for name in now if saved.get(name) != now[name]
        ]
        if other:
            raise ValueError(
                f"the checkpoint {self.checkpoint} belongs to another run ({'; '.join(other)});"
                " name another file, or delete it to start afresh"
            )
        for name, part in self.parts.items():
            part.load_state_dict(state["parts"][name])
        self.step, self.seconds_before = state["step"], state["seconds"]
        if len(own) != self.group.size:
            # Saved by fewer or more processes: noise that none of them has seen yet.
            self.rng.manual_seed(self.seed + 1 + self.step)
            self.global_rng.manual_seed(self.seed + self.step)
            return
        own = own[self.group.rank]
        for name, part in self.own.items():
            part.load_state_dict(own["parts"][name])
        self.rng.set_state(own["rng"])
        self.global_rng.load_state_dict(own)


@contextlib.contextmanager
def moved_to(model: nn.Module, group: ProcessGroup) -> Iterator[None]:
    """Move the model to the group's device for the block, and back to where it was afterwards.

    All processes start from, and end with, the weights of process 0.
    """
    home = next(model.parameters()).device
    model.to(group.device)
    group.broadcast(model)
    try:
        yield
        group.broadcast(model)
    finally:
        model.to(home)


def fingerprint(data: tuple[Tensor, ...]) -> str:
    """A short text by which a resumed run knows its data again: shape, type and checksum of each array."""

    def one(x):
        checksum = zlib.crc32(x.cpu().contiguous().view(torch.uint8).numpy())
        return f"{tuple(x.shape)} {x.dtype} crc {checksum:08x}"

    return ", ".join(map(one, data))
