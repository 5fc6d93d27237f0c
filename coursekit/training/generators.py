"""PyTorch's global random generators, which dropout draws from: one of the CPU, and one of each GPU."""

from contextlib import AbstractContextManager
from typing import Any

import torch


class GlobalGenerators:
    """Those of the CPU and of one device. torch.manual_seed would seed the ones of all other GPUs as well.

    Args:
        device: the CPU, or a GPU.
    """

    def __init__(self, device: torch.device):
        self.device = device
        # torch.cuda, torch.mps, ...
        self.gpu = None if device.type == "cpu" else torch.get_device_module(device)

    def borrowed(self) -> AbstractContextManager:
        """A context after which they are as they were."""
        return torch.random.fork_rng([self.device] if self.gpu else [], device_type=self.device.type)

    def manual_seed(self, seed: int) -> None:
        """Start all of them from this seed."""
        torch.default_generator.manual_seed(seed)
        if self.gpu:
            state = torch.Generator(self.device).manual_seed(seed).get_state()
            self.gpu.set_rng_state(state, self.device)

    def state_dict(self) -> dict[str, Any]:
        state = {"global_rng": torch.get_rng_state()}
        return state | {"device_rng": self.gpu.get_rng_state(self.device)} if self.gpu else state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """A GPU goes on from where it is if the state was saved on the CPU alone."""
        torch.set_rng_state(state["global_rng"])
        if self.gpu and "device_rng" in state:
            self.gpu.set_rng_state(state["device_rng"], self.device)
