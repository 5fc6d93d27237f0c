"""A mixture of experts: many perceptrons, of which each token uses a few.

A router looks at a token and gives every expert a probability; the k likeliest compute, and their answers
are added with those probabilities as weights. So the layer has the parameters of all experts and the cost of
k. Left alone, the router may send everything to the same few: a second term in the loss evens out the load.

    p = softmax(router x),   y = sum over the k chosen e of  p_e expert_e(x)
    balance = n_experts * sum_e  f_e P_e,   f_e share of choices, P_e mean of p_e;  1 where both are even

Sources: Shazeer et al. 2017, section 2; Fedus et al. 2022, eq. 2 and 4. Notebook 18_alignment.
"""

import torch
from torch import Tensor, nn

from coursekit.inputs import as_input, positive_int


class MixtureOfExperts(nn.Module):
    """Experts side by side behind a router: (n, width) -> (n, width).

    Args:
        width: of a token's vector.
        n_experts: perceptrons, each with one hidden layer.
        k: how many of them a token uses.
        n_hidden: width of an expert's hidden layer.

    >>> layer = MixtureOfExperts(4, 3, k=1, n_hidden=8)
    >>> layer(torch.zeros(5, 4)).shape
    torch.Size([5, 4])
    """

    def __init__(self, width: int, n_experts: int, *, k: int = 1, n_hidden: int = 16):
        super().__init__()
        positive_int(width, "width")
        positive_int(n_hidden, "n_hidden")
        self.k = positive_int(k, "k", high=positive_int(n_experts, "n_experts"))
        self.router = nn.Linear(width, n_experts)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(width, n_hidden), nn.ReLU(), nn.Linear(n_hidden, width))
            for _ in range(n_experts)
        )

    def route(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Of tokens x (n, d): probabilities of the experts (n, n_experts), and the k likeliest (n, k)."""
        x = as_input(x, self.router.in_features, like=self)
        probability = self.router(x).softmax(-1)
        return probability, probability.topk(self.k, dim=1).indices

    def forward(self, x: Tensor) -> Tensor:
        """The weighted answers of each token's k experts; the others are not computed."""
        x = as_input(x, self.router.in_features, like=self)
        probability, chosen = self.route(x)
        y = torch.zeros_like(x)
        for e, expert in enumerate(self.experts):
            rows, _ = (chosen == e).nonzero(as_tuple=True)
            y = y.index_add(0, rows, probability[rows, e, None] * expert(x[rows]))
        return y


def load_balance(probability: Tensor, chosen: Tensor) -> Tensor:
    """n_experts * sum_e f_e P_e: 1 for an even load, n_experts if one expert gets all. Fedus et al., eq. 4.

    Only P, the mean probability, has a gradient; f, the share of choices, is counted.

    Args:
        probability: of each expert, (n, n_experts).
        chosen: numbers of the experts chosen, (n, k).
    """
    n_experts = probability.shape[1]
    share = torch.bincount(chosen.flatten(), minlength=n_experts) / chosen.numel()
    return n_experts * (share.to(probability) * probability.mean(0)).sum()
