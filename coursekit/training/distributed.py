"""Several processes train one model: each takes its share of every batch, and all take the same step.

Data parallelism over torch.distributed. torchrun starts the processes; without it there is a group of one,
for which every method below does nothing. Each process holds the whole model and the whole data and draws the
same batches. A loss is a mean over rows, so that with n_r of the n rows in the share of process r

    loss = sum_r n_r / n * loss_r        gradient = sum_r n_r / n * gradient_r      (one all-reduce a step)

whatever the shares, those of an epoch's short last batch included. Up to rounding the steps are those of one
process with the same batch; where a model draws noise, each process draws its own, so that the losses agree
only in distribution. Layers that look at the batch as a whole see a share of it: BatchNorm normalises by its
share, and ActNorm sets itself from that of process 0. Source: Li et al. 2020, section 3.
"""

import atexit
import os
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


def process_group(device: torch.device) -> "ProcessGroup":
    """The processes that torchrun started, this one among them; a group of one without torchrun.

    Args:
        device: of this process; they talk by nccl on GPUs and by gloo elsewhere.
    """
    if not dist.is_available() or not (dist.is_initialized() or dist.is_torchelastic_launched()):
        return ProcessGroup(0, 1, device)
    if not dist.is_initialized():
        if device.type == "cuda":
            torch.cuda.set_device(device)
        store, rank, size = next(dist.rendezvous("env://"))
        if size == int(os.environ["LOCAL_WORLD_SIZE"]):
            # torchrun keeps one store over its restarts, with the addresses of those who have died in it
            # (PyTorch's issue 167288): on one machine, whose processes restart together, each start gets a
            # part of its own. Over several, set TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 for torchrun.
            store = dist.PrefixStore(os.environ["TORCHELASTIC_RESTART_COUNT"], store)
        backend = "nccl" if device.type == "cuda" else "gloo"
        dist.init_process_group(backend, store=store, rank=rank, world_size=size)
        atexit.register(dist.destroy_process_group)
    return ProcessGroup(dist.get_rank(), dist.get_world_size(), device)


class ProcessGroup:
    """Several processes of which this is one. What one calls, all must call, in the same order.

    Args:
        rank: number of this process, from 0.
        size: how many there are.
        device: of this process.
    """

    def __init__(self, rank: int, size: int, device: torch.device):
        self.rank, self.size, self.device = rank, size, device
        self.weight = 1.0  # n_r / n of the last share

    def share(self, rows: Tensor) -> Tensor:
        """This process's part of a batch's rows, int64 (n,) -> (n_r,); sizes differ by at most 1."""
        if self.size == 1:
            return rows
        mine = rows.tensor_split(self.size)[self.rank]
        self.weight = len(mine) / len(rows)
        # The mean over no rows is NaN: who gets none looks at a row that weighs nothing.
        return mine if len(mine) else rows[:1]

    def mean(self, loss: Tensor) -> float:
        """The loss of the whole batch, a float, from that of the share, a scalar tensor."""
        value = loss.item()
        return value if self.size == 1 else self.sum(self.weight * value)[0]

    def average(self, tensors: list[Tensor]) -> None:
        """Replace means over the share, in these tensors, by means over the batch, in place."""
        if self.size == 1:
            return
        flat = torch.cat([tensor.flatten() for tensor in tensors]).mul_(self.weight)
        dist.all_reduce(flat)
        for tensor, mean in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
            tensor.copy_(mean.view_as(tensor))

    def average_gradients(self, parameters: list[nn.Parameter]) -> None:
        """`average` for the gradients of a list of parameters."""
        if self.size > 1:
            self.average([p.grad for p in parameters if p.grad is not None])

    def sum(self, *numbers: float) -> list[float]:
        """Each number summed over the processes, a list of floats."""
        if self.size == 1:
            return list(numbers)
        total = torch.tensor(numbers, dtype=torch.float64, device=self.device)
        dist.all_reduce(total)
        return total.tolist()

    def broadcast(self, module: nn.Module) -> None:
        """Give every process the parameters and buffers of the module in process 0."""
        if self.size > 1:
            for tensor in (*module.parameters(), *module.buffers()):
                copy = tensor.detach().contiguous()
                dist.broadcast(copy, 0)
                tensor.detach().copy_(copy)

    def gather(self, value: Any) -> list[Any]:
        """This value of all processes, a list by rank; anything that can be pickled."""
        values = [value]
        if self.size > 1:
            values = [None] * self.size
            dist.all_gather_object(values, value)
        return values

    def on_rank_0(self, action: Callable[[], Any]) -> Any:
        """Call action() in process 0 alone; what it returns or raises, all return or raise."""
        if self.size == 1:
            return action()
        outcome: list[Any] = [None, None]
        if self.rank == 0:
            try:
                outcome[0] = action()
            except Exception as error:
                outcome[1] = error
        dist.broadcast_object_list(outcome, 0, device=self.device)
        if outcome[1] is not None:
            raise outcome[1]
        return outcome[0]
