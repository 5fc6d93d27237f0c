"""A second device that computes on the CPU, and is as strict as a GPU about what lies where.

Most machines that run these tests have no GPU, and on one device nothing can lie on the wrong one. Importing
this module gives PyTorch the device "mirror". A tensor there holds one of the CPU, and every operation is
carried out by the CPU's kernel, so that results agree to the last digit. Refused are tensors of both devices
in one operation (but for a CPU scalar, CPU row numbers, and copies from one to the other), and a generator of
one device that fills a tensor of the other. Its global generator is its own.

PyTorch cannot forget a device: import this in a process of its own, before any gradient is computed.
"""

import torch
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

NAME = "mirror"
COPIES = ("aten::_to_copy", "aten::copy_")
INDEXING = ("aten::index.Tensor", "aten::index_put_")  # row numbers may lie on the CPU, and nothing else


class Elsewhere(torch.Tensor):
    """A tensor of the second device around one of the CPU."""

    @staticmethod
    def __new__(cls, held):
        return torch.Tensor._make_wrapper_subclass(
            cls,
            held.shape,
            dtype=held.dtype,
            device=torch.device(NAME, 0),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
        )

    def __init__(self, held):
        self.held = held

    @classmethod
    def __torch_dispatch__(cls, operation, types, args=(), kwargs=None):
        return compute(operation, *args, **(kwargs or {}))

    def __reduce_ex__(self, protocol):
        return self.cpu().__reduce_ex__(protocol)  # what loading with map_location="cpu" comes to

    def tolist(self):
        return self.cpu().tolist()


class Generator(torch.Generator):
    """torch.Generator that knows the device it was made for."""

    def __new__(cls, device="cpu"):
        self = super().__new__(cls)
        self.made_for = torch.device(device).type
        return self


class StrictGenerators(TorchFunctionMode):
    """While this is entered, a generator fills tensors of its own device alone."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is torch.tensor and (kwargs or {}).get("device") is not None:
            return torch.tensor(*args, **kwargs | {"device": "cpu"}).to(kwargs["device"])
        result = function(*args, **(kwargs or {}))
        generator = (kwargs or {}).get("generator")
        if generator is not None:
            assert generator.made_for == result.device.type, f"{function}: a generator of the other device"
        return result


class Module:
    """What torch.mirror is: the counterpart of torch.cuda."""

    def __init__(self):
        self.state = torch.Generator().get_state()

    def is_available(self):
        return True

    is_initialized = is_available

    def device_count(self):
        return 1

    def current_device(self):
        return 0

    def _is_in_bad_fork(self):
        return False

    def manual_seed_all(self, seed):
        self.state = torch.Generator().manual_seed(seed).get_state()

    def get_rng_state(self, device=0):
        return self.state

    def set_rng_state(self, state, device=0):
        self.state = state


def compute(operation, *args, **kwargs):
    """Carry out an operation of which something lies, or is to be made, on the second device."""
    tensors = [leaf for leaf in pytree.tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    target = torch.device(kwargs.get("device") or NAME).type
    if operation.name() not in COPIES:
        indexing = operation.name() in INDEXING
        together = [args[0], *args[2:]] if indexing else tensors
        strangers = [t for t in together if isinstance(t, torch.Tensor) and not isinstance(t, Elsewhere)]
        assert not [t for t in strangers if t.ndim or indexing], f"{operation}: tensors of both devices"
    held_args, held_kwargs = pytree.tree_map(lambda t: getattr(t, "held", t), (args, kwargs))
    if "device" in held_kwargs:
        held_kwargs["device"] = torch.device("cpu")
    if kwargs.get("generator") is None and torch.Tag.nondeterministic_seeded in operation.tags:
        here = torch.get_rng_state()
        torch.set_rng_state(module.state)
        result = operation(*held_args, **held_kwargs)
        module.state = torch.get_rng_state()
        torch.set_rng_state(here)
    else:
        result = operation(*held_args, **held_kwargs)

    if torch.Tag.inplace_view in operation.tags:
        tensors[0].data = Elsewhere(tensors[0].held)  # its shape has changed
    known = {id(getattr(t, "held", t)): t for t in tensors}  # what was changed in place is the same tensor

    def wrap(value):
        if not isinstance(value, torch.Tensor) or target == "cpu":
            return value
        return known[id(value)] if id(value) in known else Elsewhere(value)

    return pytree.tree_map(wrap, result)


module = Module()
_setup_privateuseone_for_python_backend(NAME, backend_module=module)
library = torch.library.Library("_", "IMPL")
library.fallback(compute, "PrivateUse1")
torch.Generator = Generator
StrictGenerators().__enter__()
