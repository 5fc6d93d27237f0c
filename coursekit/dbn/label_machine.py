"""A restricted machine that sees an example and its class: the top of a deep belief network with labels.

The visible layer is [x, y]: bits x as before, and beside them one unit per class, exactly one of which is
on. The energy is the ordinary one; only the set of visible states is smaller. So the units of y are no longer
independent given h: they are a *softmax* group, and a sum over y has n_labels terms instead of 2^n_labels.

    energy       E(x, y, h) = -h'Wx - h'U e_y - c'x - d_y - b'h       e_y: the unit vector of class y
    free energy  F(x, y) = -c'x - d_y - sum_j softplus(b_j + W_j x + U_jy)
    class        p(y | x) = softmax over y of -F(x, y);    p(y | h) = softmax(d + U'h)

    W, U  the first n_features and the last n_labels columns of `weight`;  c, d  the same of `visible_bias`

Sources: Hinton, Osindero & Teh 2006, section 6; Larochelle & Bengio 2008, eq. 2. Notebook 09.
"""

import torch
import torch.nn.functional as F

from coursekit.draws import bernoulli
from coursekit.inputs import positive_int
from coursekit.rbm import RBM, states_of


class LabelRBM(RBM):
    """Restricted machine over bits and a class beside them.

    Rows are [features, one-hot label], (n, n_features + n_labels), as `join` makes them. Given h each bit is
    drawn by itself, and the class from the softmax over all of them.

    >>> machine = LabelRBM(6, 4, 3)
    >>> machine.label_log_prob(torch.zeros(2, 6)).shape
    torch.Size([2, 3])

    Args:
        n_features: number of bits.
        n_hidden: number of hidden units.
        n_labels: number of classes.
    """

    def __init__(self, n_features: int, n_hidden: int, n_labels: int):
        n_features, n_labels = positive_int(n_features, "n_features"), positive_int(n_labels, "n_labels")
        super().__init__(n_features + n_labels, n_hidden)
        self.n_features, self.n_labels = n_features, n_labels

    def join(self, features: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """[features, one-hot label]; features (n, n_features), labels int64 (n,)."""
        return torch.cat([features, F.one_hot(labels, self.n_labels).to(features)], dim=1)

    def label_free_energy(self, features: torch.Tensor) -> torch.Tensor:
        """F(x, y) in nats for every class y, (n, n_features) -> (n, n_labels)."""
        W, U = self.weight.split([self.n_features, self.n_labels], dim=1)
        c, d = self.visible_bias.split([self.n_features, self.n_labels])
        logits = features @ W.T + self.hidden_bias  # (n, n_hidden), the part that all classes share
        softplus = torch.stack([F.softplus(logits + U[:, y]).sum(-1) for y in range(self.n_labels)], dim=1)
        return -(features @ c)[:, None] - d - softplus

    def label_log_prob(self, features: torch.Tensor) -> torch.Tensor:
        """log p(y | x), (n, n_features) -> (n, n_labels): no sampling, no partition function."""
        return torch.log_softmax(-self.label_free_energy(features), dim=1)

    def given_label(self, label: int) -> RBM:
        """The ordinary machine over the features that is left when the class is fixed.

        A label that is on adds its column of weights to the hidden biases, no more. Its free energy is
        F(x, y) + d_y, so that log Z of the whole is logsumexp over y of d_y + log Z_y.
        """
        positive_int(label, "label", low=0, high=self.n_labels - 1)
        machine = RBM(self.n_features, len(self.hidden_bias)).to(self.weight)
        with torch.no_grad():
            machine.weight.copy_(self.weight[:, : self.n_features])
            machine.visible_bias.copy_(self.visible_bias[: self.n_features])
            machine.hidden_bias.copy_(self.hidden_bias + self.weight[:, self.n_features + label])
        return machine

    def hidden_free_energy(self, h: torch.Tensor) -> torch.Tensor:
        """-log of exp(-E) summed over bits and classes, (n, n_hidden) -> (n,).

        Args:
            h: (n, n_hidden), bits.
        """
        h = self._hidden(h)
        bits, classes = self._visible_drive(h).split([self.n_features, self.n_labels], dim=1)
        return -h @ self.hidden_bias - F.softplus(bits).sum(-1) - torch.logsumexp(classes, dim=1)

    def _visible_mean(self, h):
        """[p(x_i = 1 | h), p(y | h)]: a sigmoid for each bit, a softmax over the classes."""
        bits, classes = self._visible_drive(h).split([self.n_features, self.n_labels], dim=1)
        return torch.cat([torch.sigmoid(bits), torch.softmax(classes, dim=1)], dim=1)

    def _around(self, mean, rng):
        """[x, one-hot y] drawn, given the probabilities of the bits and of the classes."""
        bits, classes = mean.split([self.n_features, self.n_labels], dim=1)
        return self.join(bernoulli(bits, rng), torch.multinomial(classes, 1, generator=rng)[:, 0])

    def gibbs_tables(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Raises ValueError: the tables of single bits would list states with several classes at once."""
        raise ValueError(
            "a label machine has no tables of single bits: take `given_label(y)`, which has them"
        )

    def _enumerated(self):
        """All visible states, each bit pattern with each class, or all hidden ones: the shorter list."""
        n_hidden = len(self.hidden_bias)
        if 2**self.n_features * self.n_labels > 2**n_hidden:
            return states_of(self.hidden_bias), False
        x = states_of(self.visible_bias[: self.n_features])
        y = torch.arange(self.n_labels, device=x.device)
        return self.join(x.repeat_interleave(self.n_labels, 0), y.repeat(len(x))), True
