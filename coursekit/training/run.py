"""What surrounds a training loop: progress bar, checkpoint and resume, Ctrl-C, budget. No mathematics."""

import contextlib
import dataclasses
import os
import signal
import sys
import threading
import time
import zlib
from pathlib import Path

import torch
from tqdm import tqdm


@dataclasses.dataclass
class History:
    """What a run did, step by step (one entry a step, from the first step even if the run was resumed).

    loss: the model's loss on each batch; in a game the generator's. opponent_loss: empty but for games.
    learning_rate: as used. cpu_seconds: process time since the start.
    stopped: "finished", "interrupted" (Ctrl-C) or "budget" (max_cpu_seconds used up).
    """

    loss: list = dataclasses.field(default_factory=list)
    opponent_loss: list = dataclasses.field(default_factory=list)
    learning_rate: list = dataclasses.field(default_factory=list)
    cpu_seconds: list = dataclasses.field(default_factory=list)
    stopped: str = "finished"

    def state_dict(self):
        return dataclasses.asdict(self)

    def load_state_dict(self, state):
        for name, value in state.items():
            setattr(self, name, value)


class Run:
    """The steps of one run as something to loop over: `with Run(...) as run: for step in run: ...`.

    step counts from 1. `run.fraction` is the part of the run (or of its CPU budget) that lies behind,
    `run.rng` the generator for the model's own randomness, seeded with seed + 1. Inside the block the parts
    live on the device and PyTorch's global generator (dropout uses it) is seeded too; afterwards the model is
    back on its own device, in evaluation mode, and the global generator is as it was.

    parts: name -> object with state_dict and load_state_dict; "model" and "history" must be among them.
    settings: whatever a resumed run must have in common with the first part, data included.
    """

    def __init__(
        self, parts, settings, *, n_steps, seed, device, checkpoint, checkpoint_every, max_cpu_seconds
    ):
        self.parts, self.settings, self.n_steps = parts, settings, n_steps
        self.model, self.history = parts["model"], parts["history"]
        self.device, self.max_cpu_seconds = device, max_cpu_seconds
        self.checkpoint = None if checkpoint is None else Path(checkpoint)
        self.checkpoint_every = checkpoint_every
        self.rng = torch.Generator(device).manual_seed(seed + 1)
        self.seed, self.step, self.seconds_before, self.interrupted = seed, 0, 0.0, False

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            stack.enter_context(torch.random.fork_rng([self.device] if self.device.type == "cuda" else []))
            torch.manual_seed(self.seed)
            stack.enter_context(self._deferring_interrupts())
            self.started = time.process_time()
            if self.checkpoint is not None:
                # A first save before any work: a folder that cannot be written to is found out now.
                self._load() if self.checkpoint.exists() else self._save()
            self.bar = stack.enter_context(progress_bar(self.n_steps, self.step))
            self._stack = stack.pop_all()
        return self

    def __iter__(self):
        while self.step < self.n_steps and self.fraction < 1 and not self.interrupted:
            self.model.train()
            yield self.step + 1
            self.step += 1
            self.history.cpu_seconds.append(self.seconds)
            self.bar.update()
            if self.step % self.checkpoint_every == 0:
                self._save()
        done = self.step >= self.n_steps
        self.history.stopped = "finished" if done else "interrupted" if self.interrupted else "budget"
        self._save()

    def __exit__(self, *exception):
        self._stack.close()
        self.model.eval()
        if self.interrupted and self.history.stopped == "interrupted":
            again = " The same call takes up from here." if self.checkpoint else ""
            print(
                f"Interrupted after step {self.step} of {self.n_steps}; the model keeps what it learned."
                + again,
                file=sys.stderr,
            )

    @property
    def seconds(self):
        """CPU seconds of this process spent on the run, those before a resume included."""
        return self.seconds_before + time.process_time() - self.started

    @property
    def fraction(self):
        """The part of the run that lies behind, in [0, 1]: of the steps, or of the budget if that is more."""
        budget = 0.0 if self.max_cpu_seconds is None else self.seconds / self.max_cpu_seconds
        return min(1.0, max(self.step / self.n_steps, budget))

    @contextlib.contextmanager
    def _deferring_interrupts(self):
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
        state = {
            "settings": self.settings,
            "n_steps": self.n_steps,
            "step": self.step,
            "seconds": self.seconds,
            "rng": self.rng.get_state(),
            "global_rng": torch.get_rng_state(),
            "cuda_rng": torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None,
            "parts": {name: part.state_dict() for name, part in self.parts.items()},
        }
        self.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        # Written beside and then renamed: a kill at any moment leaves either the old file or the new one.
        beside = self.checkpoint.with_name(f"{self.checkpoint.name}.{os.getpid()}.tmp")
        with open(beside, "wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, self.checkpoint)

    def _load(self):
        try:
            state = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
            saved = state["settings"]
        except Exception as error:
            raise ValueError(
                f"cannot read the checkpoint {self.checkpoint}; delete it to start afresh"
            ) from error
        now = self.settings
        # Under a constant rate a run may be prolonged; a schedule that saw another end would not be the same.
        if now.get("schedule") != "constant" or self.n_steps < state["step"]:
            saved, now = saved | {"n_steps": state["n_steps"]}, now | {"n_steps": self.n_steps}
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
        self.rng.set_state(state["rng"])
        torch.set_rng_state(state["global_rng"])
        if state["cuda_rng"] is not None and self.device.type == "cuda":
            torch.cuda.set_rng_state(state["cuda_rng"], self.device)


@contextlib.contextmanager
def moved_to(model, device):
    """Move the model to the device for the block, and back to where it was afterwards."""
    home = next(model.parameters()).device
    model.to(device)
    try:
        yield
    finally:
        model.to(home)


def fingerprint(x):
    """A short text by which a resumed run knows its data again: shape, type and checksum."""
    return f"{tuple(x.shape)} {x.dtype} crc {zlib.crc32(x.cpu().contiguous().view(torch.uint8).numpy()):08x}"


def progress_bar(total, done):
    """tqdm on a terminal's standard error or in a notebook; silent in scripts without either, so in tests."""
    options = {"total": total, "initial": done, "leave": False, "unit": "step", "mininterval": 0.2}
    if hasattr(sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None, "kernel"):
        return tqdm(file=_NotebookLine(), ncols=80, **options)
    return tqdm(file=sys.stderr, disable=None, **options)


class _NotebookLine:
    """A one-line display that tqdm writes to. It ends empty, so a stored notebook shows no dead bar."""

    def __init__(self):
        from IPython.display import display

        self.handle = display({"text/plain": ""}, raw=True, display_id=True)

    def write(self, text):
        self.handle.update({"text/plain": text.strip("\r\n ")}, raw=True)

    def flush(self):
        """tqdm calls this; a display has nothing to flush."""
