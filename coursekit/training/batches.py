"""Which rows of the data make a batch."""

from typing import Any

import torch
from torch import Tensor


class Batches:
    """Row numbers of one batch after another.

    Each epoch draws a fresh permutation of the n rows from a generator seeded once with `seed` and cuts it
    into pieces of batch_size; the last piece of an epoch may be shorter, so that an epoch visits each row
    exactly once. Written out: `order = torch.randperm(n, generator=rng)`, then `order[:batch_size]`, ...

    >>> batches = Batches(5, 2, seed=0)
    >>> [len(batches.next()) for _ in range(4)]
    [2, 2, 1, 2]

    Args:
        n: number of rows.
        batch_size: rows per batch.
        seed: of the order.
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

    def state_dict(self) -> dict[str, Any]:
        return {"rng": self.rng.get_state(), "order": self.order, "start": self.start}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.rng.set_state(state["rng"])
        self.order, self.start = state["order"], state["start"]
