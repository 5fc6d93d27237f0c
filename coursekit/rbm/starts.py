"""Where a restricted Boltzmann machine starts and what it is shown: more learned in the same time.

    visible biases    the logit of each pixel's mean: without couplings the machine is then as good as
                      independent pixels can be, and the weights need not learn how light a picture is
                      (Hinton 2012, section 8)
    hidden biases     -1, and weights three times as large as usual: a unit that is mostly off, and not near
                      zero, differs from its neighbours sooner
    bits              drawn anew from the pixels for every batch (`FreshBits`), so that none is memorised
    rare pixels       on in hardly any picture: they keep their bias and get no couplings, which saves work

The entropy of a pixel that is on with probability p bounds what its couplings can be worth: at p = 1/5000
less than .002 nats. Notebook 08.
"""

from typing import Any

import torch
from torch import Tensor, nn

from coursekit.draws import bernoulli
from coursekit.inputs import as_input, real_number
from coursekit.rbm.model import RBM


def mean_logits(x: Tensor) -> Tensor:
    """Visible biases of the machine without couplings that has the mean of x (n, n_visible): (n_visible,).

    A mean is kept half an example away from 0 and 1, where the logit is infinite. ValueError unless x holds
    at least one example, and bits or probabilities.
    """
    x = _probabilities(x)
    return torch.logit(x.mean(0).clamp(0.5 / len(x), 1 - 0.5 / len(x)))


@torch.no_grad()
def start_apart(rbm: RBM, x: Tensor) -> None:
    """Give a new machine the biases and weights above, in place; x (n, n_visible): bits or probabilities.

    Args:
        rbm: the machine, new.
        x: (n, n_visible), bits or probabilities.
    """
    rbm.visible_bias.copy_(mean_logits(x))
    rbm.hidden_bias.fill_(-1.0)
    rbm.weight.mul_(3.0)


class FreshBits(RBM):
    """A machine that learns from pixel probabilities: each gradient is that of bits drawn anew from them.

    >>> gradient, chains = FreshBits(4, 3).cd_gradient(torch.full((5, 4), 0.5))
    >>> gradient["weight"].shape
    torch.Size([3, 4])
    """

    def cd_gradient(
        self, v: Tensor, *, rng: torch.Generator | None = None, **how: Any
    ) -> tuple[dict[str, Tensor], tuple[Tensor, Tensor]]:
        """`RBM.cd_gradient` on bits with the probabilities v (n, n_visible)."""
        v = as_input(v, len(self.visible_bias), like=self.weight, name="v", low=0, high=1)
        return super().cd_gradient(bernoulli(v, rng), rng=rng, **how)


def often_on(x: Tensor, rare: float) -> Tensor:
    """Which pixels get couplings, bool (n_visible,): those with a mean over x (n, n_visible) above `rare`."""
    return _probabilities(x).mean(0) > real_number(rare, "rare", low=0, high=1)


@torch.no_grad()
def embed(small: RBM, rbm: RBM, coupled: Tensor, bias: Tensor) -> None:
    """Make `rbm`, in place, the machine on all pixels that is `small` on the coupled ones.

    Args:
        small: machine on the coupled pixels alone.
        rbm: machine on all pixels with as many hidden units.
        coupled: bool (n_visible,), True for the pixels of `small`.
        bias: visible biases (n_visible,); those of the other pixels stay.
    """
    rbm.weight.zero_()
    rbm.weight[:, coupled] = small.weight
    rbm.visible_bias.copy_(bias)
    rbm.visible_bias[coupled] = small.visible_bias
    rbm.hidden_bias.copy_(small.hidden_bias)


def _probabilities(x):
    """x (n, n_visible) as a tensor of its own precision, with at least one row and all of it in [0, 1]."""
    x = as_input(x, (None,), like=nn.Identity(), low=0, high=1)
    if not len(x):
        raise ValueError("x must hold at least one example, got an empty batch")
    return x
