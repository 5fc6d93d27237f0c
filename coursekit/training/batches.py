"""Which rows of the data make a batch."""

import torch
from torch import Tensor


class Batches:
    """Row numbers of one batch after another.

    Each epoch draws a fresh permutation of the n rows from a generator seeded once with `seed` and cuts it
    into pieces of batch_size; the last piece of an epoch may be shorter, so that an epoch visits each row
    exactly once. Written out: `order = torch.randperm(n, generator=rng)`, then `order[:batch_size]`, ...
    """

    def __init__(self, n: int, batch_size: int, seed: int):
        self.n, self.batch_size = n, batch_size
        self.rng = torch.Generator().manual_seed(seed)
        self.order, self.start = torch.arange(n), n

    def next(self) -> Tensor:
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
