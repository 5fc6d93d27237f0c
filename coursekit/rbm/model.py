"""Boltzmann machines: an energy for every configuration, and learning that lowers it where the data are.

A machine gives the state x the probability exp(-E(x)) / Z; the partition function Z sums over all states.
When every pair of units may be coupled, Z and even one exact sample are out of reach. The *restricted*
machine couples only visible with hidden units: each layer is independent given the other, the hidden units
can be summed out by hand (free energy F), and the gradient needs only samples, which a Gibbs chain provides.

    Boltzmann machine   E(x) = -x'Wx - c'x, W symmetric, diagonal 0; p(x_i=1 | rest) = sigmoid(2 W_i x + c_i)
    restricted          E(v, h) = -h'Wv - c'v - b'h   [+ v'v / 2 for real-valued, "gaussian" visible units]
    free energy         F(v) = -c'v - sum_j softplus(b_j + W_j v)   [+ v'v / 2],   p(v) = exp(-F(v)) / Z
    objective           mean log p(v) over the data = -mean F(v) - log Z
    its gradient        W: E_data[hv'] - E_model[hv'],  c: E_data[v] - E_model[v],  b: E_data[h] - E_model[h]
    CD-k                replaces E_model by an average over chains: k Gibbs steps each, from the data

    v  visible units, (n, n_visible)        W  `weight`, (n_hidden, n_visible); row j belongs to hidden unit j
    h  hidden units, (n, n_hidden)          c  `visible_bias`, (n_visible,);    b  `hidden_bias`, (n_hidden,)

Every public method wants bits, or numbers between 0 and 1 such as probabilities; Gaussian v may be any finite
number. Anything else raises ValueError: a draw from NaN would be a bit like any other. The steps inside a
chain are not looked at again.

Sources: Hinton 2002 (CD-k); Tieleman 2008 (persistent chains); Hinton 2012 (practical advice). Notebook 08.
"""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coursekit.draws import bernoulli, normal
from coursekit.inputs import as_bits, as_input, one_of, positive_int

VISIBLE = ("bernoulli", "gaussian")
MAX_ENUMERATED = 20
Gradient = dict[str, Tensor]  # by parameter name


def all_states(
    n_units: int, *, dtype: torch.dtype | None = None, device: torch.device | str | None = None
) -> Tensor:
    """Every binary vector, (2^n_units, n_units), counted upwards, last unit fastest.

    >>> all_states(2).tolist()
    [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]

    Args:
        n_units: how many units.
        dtype: of the states; PyTorch's default where None.
        device: where they go.

    Raises:
        ValueError: more than 20 units.
    """
    if positive_int(n_units, "n_units", low=0) > MAX_ENUMERATED:
        raise ValueError(
            f"enumerating 2^{n_units} states takes too long (at most {MAX_ENUMERATED} units): "
            "estimate log Z with evaluation.ais_log_partition instead"
        )
    places = torch.arange(n_units - 1, -1, -1, device=device)
    bits = torch.arange(2**n_units, device=device)[:, None] >> places & 1
    return bits.to(dtype or torch.get_default_dtype())


def states_of(bias: Tensor) -> Tensor:
    """`all_states` of the units of which `bias` (n,) are the biases, in its precision and on its device."""
    return all_states(len(bias), dtype=bias.dtype, device=bias.device)


def log_bernoulli_table(logits: Tensor, states: Tensor) -> Tensor:
    """log prod_i p(s_i), p(s_i = 1) = sigmoid(logits_i), for each pair of rows; (n, m).

    Args:
        logits: (n, d).
        states: (m, d), bits s.
    """
    return logits @ states.T - F.softplus(logits).sum(-1, keepdim=True)


def moments(v: Tensor, h: Tensor, probability: Tensor | None = None) -> Gradient:
    """E[h v'], E[v], E[h] as a dict by parameter name.

    These are the derivatives of -E(v, h) with respect to W, c and b: the whole gradient is one such dict
    less another.

    Args:
        v: (n, n_visible).
        h: (n, n_hidden), states or probabilities.
        probability: (n,), what each row weighs; 1/n each where None.
    """
    weighted_h = h / len(h) if probability is None else probability[:, None] * h
    mean_v = v.mean(0) if probability is None else probability @ v
    return {"weight": weighted_h.T @ v, "visible_bias": mean_v, "hidden_bias": weighted_h.sum(0)}


def difference(data: Gradient, model: Gradient) -> Gradient:
    """`data` less `model`, the positive phase less the negative: the direction that raises log p(data)."""
    return {name: data[name] - model[name] for name in data}


class BoltzmannMachine(nn.Module):
    """Every pair of binary units coupled: exact for a handful of units, hopeless for many.

    Parameters `weight` (n, n), of which only the symmetric part off the diagonal counts, and `bias` c (n,).

    >>> BoltzmannMachine(3).log_prob(all_states(3)).exp().sum().round(decimals=4).item()
    1.0

    Args:
        n_units: n.
    """

    def __init__(self, n_units: int):
        super().__init__()
        n_units = positive_int(n_units, "n_units")
        self.weight = nn.Parameter(0.1 * torch.randn(n_units, n_units))
        self.bias = nn.Parameter(torch.zeros(n_units))

    def couplings(self) -> Tensor:
        """The W of the formulas, (n, n): symmetric with zero diagonal."""
        symmetric = (self.weight + self.weight.T) / 2
        return symmetric - torch.diag(symmetric.diagonal())

    def energy(self, x: Tensor) -> Tensor:
        """E(x) = -x'Wx - c'x in nats, (m, n) -> (m,); without a factor 1/2 each pair counts twice."""
        x = self._checked(x)
        return -((x @ self.couplings()) * x).sum(-1) - x @ self.bias

    def conditional(self, x: Tensor) -> Tensor:
        """p(x_i = 1 | all other units of x) for each unit i, (m, n) -> (m, n)."""
        return self._conditional(self._checked(x))

    def _checked(self, x):
        return as_input(x, len(self.bias), like=self.bias, low=0, high=1)

    def _conditional(self, x):
        return torch.sigmoid(2 * x @ self.couplings() + self.bias)

    @torch.no_grad()
    def gibbs_sweep(self, x: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """Redraw the units of x one after another, each given the newest state of the others; (m, n) both."""
        x = self._checked(x).clone()
        for i in range(x.shape[1]):
            x[:, i] = bernoulli(self._conditional(x)[:, i], rng)
        return x

    def log_partition(self) -> Tensor:
        """log Z in nats, a scalar, over all 2^n states; ValueError beyond 20 units."""
        return torch.logsumexp(-self.energy(states_of(self.bias)), 0)

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) in nats of binary states, (m, n) -> (m,); ValueError beyond 20 units."""
        return -self.energy(as_bits(x, len(self.bias), like=self.bias, name="x")) - self.log_partition()


class RBM(nn.Module):
    """Restricted Boltzmann machine with binary hidden units.

    Gaussian units have variance 1 given h: standardise the data, and learn about ten times more slowly.

    >>> RBM(4, 3).sample(2, n_steps=10).shape
    torch.Size([2, 4])

    Args:
        n_visible: number of visible units.
        n_hidden: number of hidden units.
        visible: "bernoulli" units, for bits, or "gaussian" ones, for real numbers.
    """

    def __init__(
        self, n_visible: int, n_hidden: int, *, visible: Literal["bernoulli", "gaussian"] = "bernoulli"
    ):
        super().__init__()
        self.visible = one_of("visible units", visible, VISIBLE)
        n_visible, n_hidden = positive_int(n_visible, "n_visible"), positive_int(n_hidden, "n_hidden")
        self.weight = nn.Parameter(0.01 * torch.randn(n_hidden, n_visible))
        self.visible_bias = nn.Parameter(torch.zeros(n_visible))
        self.hidden_bias = nn.Parameter(torch.zeros(n_hidden))

    def energy(self, v: Tensor, h: Tensor) -> Tensor:
        """E(v, h) in nats; v (n, n_visible), h (n, n_hidden) -> (n,)."""
        v, h = self._visible(v), self._hidden(h)
        energy = -((h @ self.weight) * v).sum(-1) - v @ self.visible_bias - h @ self.hidden_bias
        return energy + (v**2).sum(-1) / 2 if self.visible == "gaussian" else energy

    def free_energy(self, v: Tensor) -> Tensor:
        """F(v) = -log sum_h exp(-E(v, h)) in nats, (n, n_visible) -> (n,)."""
        v = self._visible(v)
        free_energy = -v @ self.visible_bias - F.softplus(self._hidden_logits(v)).sum(-1)
        return free_energy + (v**2).sum(-1) / 2 if self.visible == "gaussian" else free_energy

    def hidden_free_energy(self, h: Tensor) -> Tensor:
        """-log of exp(-E(v, h)) summed (Gaussian: integrated) over v, in nats, (n, n_hidden) -> (n,)."""
        h = self._hidden(h)
        drive = self._visible_drive(h)
        if self.visible == "bernoulli":
            return -h @ self.hidden_bias - F.softplus(drive).sum(-1)
        # The integral of exp(-v^2/2 + a v) is sqrt(2 pi) exp(a^2/2), once for each visible unit.
        return -h @ self.hidden_bias - (drive**2 + math.log(2 * math.pi)).sum(-1) / 2

    def _visible(self, v):
        """v (n, n_visible) as a tensor; a Bernoulli unit takes values in [0, 1], grey ones included."""
        high = 1 if self.visible == "bernoulli" else math.inf
        low = 0 if self.visible == "bernoulli" else -math.inf
        return as_input(v, len(self.visible_bias), like=self.weight, name="v", low=low, high=high)

    def _examples(self, v):
        """The same, of data whose mean is taken: at least one row."""
        v = self._visible(v)
        if not len(v):
            raise ValueError("v must hold at least one example, got an empty batch")
        return v

    def _hidden(self, h, name="h"):
        return as_input(h, len(self.hidden_bias), like=self.weight, name=name, low=0, high=1)

    def _hidden_logits(self, v):
        return v @ self.weight.T + self.hidden_bias

    def _visible_drive(self, h):
        return h @ self.weight + self.visible_bias

    def hidden_probability(self, v: Tensor) -> Tensor:
        """p(h_j = 1 | v) = sigmoid(b_j + W_j v), (n, n_visible) -> (n, n_hidden)."""
        return self._hidden_probability(self._visible(v))

    def visible_mean(self, h: Tensor) -> Tensor:
        """E[v | h] = sigmoid(c + W'h), Gaussian c + W'h; (n, n_hidden) -> (n, n_visible)."""
        return self._visible_mean(self._hidden(h))

    def sample_hidden(self, v: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """h drawn given v, (n, n_visible) -> (n, n_hidden)."""
        return bernoulli(self.hidden_probability(v), rng)

    def sample_visible(self, h: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """v drawn given h, (n, n_hidden) -> (n, n_visible); Gaussian units with noise of variance 1."""
        return self._around(self.visible_mean(h), rng)

    @torch.no_grad()
    def gibbs_step(self, v: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """One step v -> h -> v' of the chain whose stationary distribution is p(v), (n, n_visible) both."""
        return self._step(self._visible(v), rng)

    # The same without a look at the values, for those that were drawn here

    def _hidden_probability(self, v):
        return torch.sigmoid(self._hidden_logits(v))

    def _visible_mean(self, h):
        drive = self._visible_drive(h)
        return drive if self.visible == "gaussian" else torch.sigmoid(drive)

    def _around(self, mean, rng):
        """v drawn, given its mean."""
        return bernoulli(mean, rng) if self.visible == "bernoulli" else mean + normal(mean, rng)

    def _visible_given(self, h, rng):
        return self._around(self._visible_mean(h), rng)

    def _step(self, v, rng):
        return self._visible_given(bernoulli(self._hidden_probability(v), rng), rng)

    def log_partition(self) -> Tensor:
        """log Z in nats, a scalar, over all states of the smaller layer (v Gaussian: h), up to 20 units."""
        states, of_visible = self._enumerated()
        return torch.logsumexp(-(self.free_energy if of_visible else self.hidden_free_energy)(states), 0)

    def log_prob(self, v: Tensor) -> Tensor:
        """log p(v) in nats, a density for Gaussian units; (n, n_visible) -> (n,). Errors as log_partition.

        Bernoulli units: v must be bits, since only these are states that have a probability.
        """
        if self.visible == "bernoulli":
            v = as_bits(v, len(self.visible_bias), like=self.weight)
        return -self.free_energy(v) - self.log_partition()

    @torch.no_grad()
    def exact_gradient(self, v: Tensor) -> Gradient:
        """Gradient of mean log p(v), uphill, as a dict by parameter name; ValueError as log_partition.

        A grey v counts as the mean of bits in the first phase, as in contrastive divergence.
        """
        v = self._examples(v)
        states, of_visible = self._enumerated()
        if of_visible:
            pair, free_energy = (states, self._hidden_probability(states)), self.free_energy(states)
        else:
            pair, free_energy = (self.visible_mean(states), states), self.hidden_free_energy(states)
        model = moments(*pair, torch.softmax(-free_energy, 0))
        return difference(moments(v, self._hidden_probability(v)), model)

    @torch.no_grad()
    def cd_gradient(
        self,
        v: Tensor,
        *,
        k: int = 1,
        chains: tuple[Tensor, Tensor] | None = None,
        rng: torch.Generator | None = None,
    ) -> tuple[Gradient, tuple[Tensor, Tensor]]:
        """CD-k estimate of `exact_gradient`: (the same dict, where the chains ended).

        Args:
            v: (n, n_visible), the data.
            k: Gibbs steps.
            chains: a pair, states (m, n_visible) and the hidden probabilities given these, (m, n_hidden),
                from which the chains go on; None means at the data, and passing back what the last call
                returned makes them persistent (Tieleman 2008). Only the probabilities are looked at.
            rng: generator for the chains.
        """
        k, v = positive_int(k, "k"), self._examples(v)
        hidden = self._hidden_probability(v)
        start = hidden if chains is None else self._hidden(chains[1], "the hidden half of chains")
        if not len(start):
            raise ValueError("chains must hold at least one chain")
        v_k = self._visible_given(bernoulli(start, rng), rng)
        for _ in range(k - 1):
            v_k = self._step(v_k, rng)
        hidden_k = self._hidden_probability(v_k)
        # Both phases in one sum, and p(h | v) for a sample of h: the same expectation with less noise.
        sign = torch.cat([v.new_full((len(v),), 1 / len(v)), v.new_full((len(v_k),), -1 / len(v_k))])
        return moments(torch.cat([v, v_k]), torch.cat([hidden, hidden_k]), sign), (v_k, hidden_k)

    @torch.no_grad()
    def expected_cd_gradient(self, v: Tensor, *, k: int = 1) -> Gradient:
        """Mean of `cd_gradient` over its random bits: k exact steps of v's law. Errors as gibbs_tables."""
        k, v = positive_int(k, "k"), self._examples(v)
        hidden_given_visible, visible_given_hidden = self.gibbs_tables()
        visible, hidden = states_of(self.visible_bias), states_of(self.hidden_bias)
        p_hidden = log_bernoulli_table(self._hidden_logits(v), hidden).exp().mean(0)
        for _ in range(k - 1):
            p_hidden = p_hidden @ visible_given_hidden @ hidden_given_visible
        model = moments(visible, self._hidden_probability(visible), p_hidden @ visible_given_hidden)
        return difference(moments(v, self._hidden_probability(v)), model)

    def gibbs_tables(self) -> tuple[Tensor, Tensor]:
        """p(h | v), (2^n_visible, 2^n_hidden), and p(v | h), the other way; their product moves v -> h -> v'.

        Rows are ordered as in `all_states` and sum to 1. ValueError for Gaussian units or beyond 20 units.
        """
        if self.visible == "gaussian":
            raise ValueError("the tables list every visible state, so they need Bernoulli visible units")
        v, h = states_of(self.visible_bias), states_of(self.hidden_bias)
        return log_bernoulli_table(self._hidden_logits(v), h).exp(), log_bernoulli_table(
            self._visible_drive(h), v
        ).exp()

    @torch.no_grad()
    def sample(self, n: int, *, n_steps: int = 1000, rng: torch.Generator | None = None) -> Tensor:
        """(n, n_visible), n_steps Gibbs steps from fair hidden bits: draws from p(v) as far as chains mix."""
        n, n_steps = positive_int(n, "n", low=0), positive_int(n_steps, "n_steps", low=0)
        fair = torch.full_like(self.hidden_bias, 0.5).expand(n, -1)
        v = self._visible_given(bernoulli(fair, rng), rng)
        for _ in range(n_steps):
            v = self._step(v, rng)
        return v

    def _enumerated(self):
        """All states of the smaller layer (Gaussian: of the hidden one), and True if that is visible."""
        of_visible = self.visible == "bernoulli" and len(self.visible_bias) <= len(self.hidden_bias)
        return states_of(self.visible_bias if of_visible else self.hidden_bias), of_visible
