"""Capsules: features that know where they are, and agree on a whole before it counts.

Pooling says that an eye, a nose and a mouth are there, and forgets how they are arranged. A capsule is a
vector: its length says how likely its part is there, its direction how it lies. Each part votes for the pose
of the whole; routing listens more to votes that agree with the others, so that parts in disorder make no
face.

    votes      (n, n_parts, n_wholes, d)     what each part predicts of each whole
    coupling   (n, n_parts, n_wholes)        how much of a part goes to each whole; adds up to 1 over wholes

Source: Sabour, Frosst & Hinton 2017, eq. 1 to 3 and Procedure 1. Notebook 15.
"""

import torch
from torch import Tensor

from coursekit.inputs import positive_int


def squash(s: Tensor) -> Tensor:
    """s |s| / (1 + |s|^2): the direction of s, and a length below 1; (..., d). 0 stays 0, with a gradient.

    >>> squash(torch.tensor([3.0, 4.0]))
    tensor([0.5769, 0.7692])
    """
    length_squared = (s**2).sum(-1, keepdim=True)
    # The square root of 0 has no slope; a number far below rounding gives it one.
    return s * (length_squared + 1e-30).sqrt() / (1 + length_squared)


def route(votes: Tensor, *, n_iterations: int = 3) -> tuple[Tensor, Tensor]:
    """Routing by agreement: the capsules (n, n_wholes, d) of the wholes, and the coupling.

    Every part starts undecided. A whole is the squashed sum of its votes, each times its coupling; the logits
    of the coupling then grow by the scalar product of vote and whole.

    Args:
        votes: (n, n_parts, n_wholes, d).
        n_iterations: how often the wholes are computed.
    """
    positive_int(n_iterations, "n_iterations")
    logits = torch.zeros_like(votes[..., 0])
    for _ in range(n_iterations):
        coupling = logits.softmax(-1)
        whole = squash((coupling[..., None] * votes).sum(1))
        logits = logits + (votes * whole[:, None]).sum(-1)
    return whole, coupling
