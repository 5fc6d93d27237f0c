"""Preferences: which of two texts is better, and a reward learned from such answers.

People find it hard to mark a text out of ten, and easy to say which of two they like better. Bradley and
Terry's model turns that into a number per text: the better one wins with a probability that depends on the
difference of the two rewards alone. So a constant added to all rewards changes nothing, and a tie says
nothing: the model has no outcome for it.

    p(y beats y') = sigmoid(r(y) - r(y'))
    loss          = -mean log sigmoid(r(better) - r(worse))
    d loss / d r(better) = -sigmoid(r(worse) - r(better)) / n,  and the opposite for the worse one
    DPO           the same loss with r(y) = beta (log p(y) - log reference(y)): no reward model is needed

Sources: Bradley & Terry 1952; Ouyang et al. 2022, eq. 1; Rafailov et al. 2023, eq. 7. Notebook 18_alignment.
"""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coursekit.alignment.arrays import alike
from coursekit.inputs import as_tensor, real_number
from coursekit.transformer import GPT


def bradley_terry_loss(better: Tensor, worse: Tensor) -> Tensor:
    """Mean of -log sigmoid(better - worse), nats per comparison. Bradley & Terry 1952.

    >>> bradley_terry_loss(torch.tensor([1.0]), torch.tensor([1.0]))  # undecided: log 2
    tensor(0.6931)

    Args:
        better: rewards of the preferred texts, (n,).
        worse: rewards of the others, (n,), in the same order.

    Raises:
        ValueError: the two are not (n,) of one length, empty, or not finite.
    """
    meant = "one reward per comparison (a tie is none)"
    better, worse = alike("n", meant, better=better, worse=worse)
    return -F.logsigmoid(better - worse).mean()


def dpo_loss(better: Tensor, worse: Tensor, beta: float) -> Tensor:
    """Direct preference optimisation: Bradley-Terry with the reward that the policy itself implies.

    Args:
        better: log p(y) - log reference(y) of the preferred texts, (n,).
        worse: the same of the others, (n,).
        beta: weight of the divergence in the objective, positive.

    Rafailov et al. 2023, eq. 7.
    """
    beta = real_number(beta, "beta", above=0)
    return bradley_terry_loss(beta * as_tensor(better, "better"), beta * as_tensor(worse, "worse"))


class RewardModel(nn.Module):
    """A GPT with one number at the end of the text instead of the next word.

    The reward is read where the whole text has been read; the values, one for each place before a token is
    chosen, make the same network a critic.

    Args:
        gpt: the network to start from; it is copied.

    >>> model = RewardModel(GPT(5, context=5, width=8, n_layers=1, n_heads=2))
    >>> model(torch.zeros(3, 5)).shape, model.values(torch.zeros(3, 5)).shape
    (torch.Size([3]), torch.Size([3, 5]))
    """

    def __init__(self, gpt: GPT):
        super().__init__()
        if not isinstance(gpt, GPT):
            raise ValueError(f"a reward model starts from a GPT, got {type(gpt).__name__}")
        self.trunk = copy.deepcopy(gpt).requires_grad_(True)
        head = nn.Linear(gpt.head.in_features, 1).to(gpt.head.weight)
        nn.init.normal_(head.weight, std=0.02)
        nn.init.zeros_(head.bias)
        self.trunk.head = head  # instead of the one for the next word

    def forward(self, tokens: Tensor) -> Tensor:
        """The reward of texts (n, t), (n,), read off the last row, which has seen all of the text."""
        return self.trunk.logits(tokens)[:, -1, 0]

    def values(self, tokens: Tensor) -> Tensor:
        """A number for each state in which a token is chosen, (n, t): row i has read i tokens."""
        return self.trunk.logits(tokens)[:, :-1, 0]

    def loss(self, better: Tensor, worse: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """Bradley-Terry loss of texts `better` and `worse`, (n, t) each, in nats; nothing is random."""
        return bradley_terry_loss(self(better), self(worse))
