"""Deep belief networks: a directed net whose top two layers are a restricted machine.

A deep directed net is easy to sample and hard to learn: its hidden units explain each other away, so that
the posterior over them is no product. A restricted machine has an exact factorial posterior, and can be read
as an infinitely deep directed net with tied weights. Untie the lowest layer, and what is above it may learn
to be a better prior for its hidden units: that is the next machine. If it starts as the old one turned over,
each gain of its training raises a bound on log p(v).

    the model     p(v, h1, ..., hL) = p(v | h1) ... p(h_{L-2} | h_{L-1}) p(h_{L-1}, hL), the last a machine's
    downwards     p(h_k = 1 | h_{k+1}) = sigmoid(c_k + W_k' h_{k+1})    generative weights, h_0 = v
    upwards       q(h_{k+1} = 1 | h_k) = sigmoid(b_k + R_k h_k)         recognition weights, R_k = W_k if tied
    the bound     log p(v) >= E_q[log p(v, h) - log q(h | v)],  the gap is KL(q || p(h | v))
    up-down       wake: gradient of the bound in W_k, c_k;   sleep: of E_p[log q(h | v)] in R_k, b_k;
                  top: contrastive divergence from where the wake phase arrives

    machine k     rows (n, sizes[k]) below, (n, sizes[k + 1]) above;  W_k `weight`, c_k `visible_bias`,
                  b_k `hidden_bias`, R_k `recognition[k]` after `untie`

Sources: Hinton, Osindero & Teh 2006 (eq. 8 for the bound, appendix B for up-down); Salakhutdinov & Murray
2008 (likelihood); Hinton & Salakhutdinov 2006 (fine-tuning). Notebook 09_deep_belief_networks.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from coursekit.dbn.label_machine import LabelRBM
from coursekit.draws import bernoulli
from coursekit.inputs import as_bits, as_input, as_labels, positive_int, positive_ints
from coursekit.rbm import RBM, log_bernoulli_table, states_of


class DBN(nn.Module):
    """Deep belief network over bits; `sizes` counts the units of v, h1, ..., hL, at least three layers.

    With n_labels the top machine also sees the class (see `LabelRBM`), and every verb that takes `labels` may
    clamp it. A new network is random: train its `machines` one after another (`dbn.recipe.pretrain`).

    Args:
        sizes: number of units in each layer, from the visible one up.
        n_labels: number of classes seen by the top machine; 0 for none.

    Raises:
        ValueError: fewer than three layers, or sizes that are not positive.

    >>> DBN((6, 5, 4), n_labels=3).sample(2, n_steps=1).shape
    torch.Size([2, 6])
    """

    def __init__(self, sizes: Sequence[int], *, n_labels: int = 0):
        super().__init__()
        sizes = positive_ints(sizes, "sizes")
        if len(sizes) < 3:
            raise ValueError(
                "a deep belief network has at least three layers, such as sizes=(64, 32, 32), got "
                f"{sizes}; one machine alone is rbm.RBM or dbn.LabelRBM"
            )
        n_labels = positive_int(n_labels, "n_labels", low=0)
        *below, (n_in, n_top) = zip(sizes[:-1], sizes[1:], strict=True)
        top = LabelRBM(n_in, n_top, n_labels) if n_labels else RBM(n_in, n_top)
        self.sizes, self.n_labels = sizes, n_labels
        self.machines = nn.ModuleList([*(RBM(*pair) for pair in below), top])
        self.recognition = nn.ParameterList()  # empty while the two directions share their weights

    @classmethod
    def from_rbm(cls, rbm: RBM) -> "DBN":
        """Two machines: `rbm`, and on top of it the same one turned over, which leaves p(v) as it was.

        The hidden units of the first and the visible units of the second then have one and the same
        distribution, and so the bound is tight. The parameters are copies.
        """
        n_hidden, n_visible = rbm.weight.shape
        dbn = cls((n_visible, n_hidden, n_visible)).to(rbm.weight)
        dbn.machines[0].load_state_dict(rbm.state_dict())
        dbn.turn_over()
        return dbn

    @torch.no_grad()
    def turn_over(self) -> None:
        """Set the top machine to the one below it upside down: W transposed, its two biases exchanged."""
        below, top = self.machines[-2:]
        if top.weight.shape != below.weight.T.shape:
            raise ValueError(
                f"only a machine of shape {tuple(below.weight.T.shape)} is the one below turned over; "
                f"the top machine has {tuple(top.weight.shape)}"
            )
        top.weight.copy_(below.weight.T)
        top.visible_bias.copy_(below.hidden_bias)
        top.hidden_bias.copy_(below.visible_bias)

    def untie(self) -> None:
        """Give the way up weights of its own, equal to those of the way down at first; needed for up-down."""
        if not len(self.recognition):
            weights = [machine.weight for machine in self.machines[:-1]]
            self.recognition.extend(nn.Parameter(W.detach().clone(), W.requires_grad) for W in weights)

    # The two directions

    def recognition_logits(self, k: int, h: Tensor) -> Tensor:
        """b_k + R_k h_k, the logits of q(h_{k+1} | h_k), (n, sizes[k]) -> (n, sizes[k + 1]).

        Args:
            k: number of the layer, 0 the visible one.
            h: (n, sizes[k]), its states.
        """
        machine = self.machines[k]
        weight = self.recognition[k] if len(self.recognition) else machine.weight
        return h @ weight.T + machine.hidden_bias

    def generation_logits(self, k: int, h: Tensor) -> Tensor:
        """c_k + W_k' h_{k+1}, the logits of p(h_k | h_{k+1}), (n, sizes[k + 1]) -> (n, sizes[k]).

        Args:
            k: number of the layer, 0 the visible one.
            h: (n, sizes[k + 1]), states of the layer above.
        """
        return h @ self.machines[k].weight + self.machines[k].visible_bias

    @torch.no_grad()
    def up(self, v: Tensor, *, rng: torch.Generator | None = None) -> list[Tensor]:
        """[v, h1, ..., h_{L-1}] drawn from q, layer by layer, bits (n, sizes[k]) each."""
        states = [self._checked(v)]
        for k in range(len(self.machines) - 1):
            states.append(bernoulli(torch.sigmoid(self.recognition_logits(k, states[-1])), rng))
        return states

    def up_means(self, v: Tensor) -> Tensor:
        """Probabilities of h_{L-1} when probabilities are handed upwards: a perceptron, (n, sizes[-2])."""
        h = self._checked(v)
        for k in range(len(self.machines) - 1):
            h = torch.sigmoid(self.recognition_logits(k, h))
        return h

    @torch.no_grad()
    def down(self, h: Tensor, *, rng: torch.Generator | None = None) -> list[Tensor]:
        """[v, h1, ..., h_{L-1}] drawn from p given h_{L-1} (n, sizes[-2]), which comes last.

        Args:
            h: (n, sizes[-2]).
            rng: generator for the draws.
        """
        states = [h]
        for k in reversed(range(len(self.machines) - 1)):
            states.insert(0, bernoulli(torch.sigmoid(self.generation_logits(k, states[0])), rng))
        return states

    # Samples and classes

    @torch.no_grad()
    def sample_top(
        self,
        n: int,
        *,
        labels: Tensor | int | None = None,
        n_steps: int = 1000,
        start: Tensor | None = None,
        rng: torch.Generator | None = None,
    ) -> Tensor:
        """h_{L-1} after n_steps Gibbs steps of the top machine, (n, sizes[-2]); arguments as `sample`.

        Args:
            n: how many.
            labels: classes (n,) to be held fixed, or None.
            n_steps: Gibbs steps.
            start: (n, sizes[-2]), where the chains begin (fair bits where None).
            rng: generator for the chains.
        """
        n, n_steps = positive_int(n, "n", low=0), positive_int(n_steps, "n_steps", low=0)
        top, n_features = self.machines[-1], self.sizes[-2]
        fair = torch.full_like(top.visible_bias[:n_features], 0.5).expand(n, -1)
        v = bernoulli(fair, rng) if start is None else start
        if self.n_labels:
            clamped = labels is not None
            y = self._labels(labels, n) if clamped else torch.randint(self.n_labels, (n,), generator=rng)
            v = top.join(v, y)
        for _ in range(n_steps):
            v = top.gibbs_step(v, rng=rng)
            if self.n_labels and clamped:
                v[:, n_features:] = top.join(v[:, :0], y)
        return v[:, :n_features]

    def sample(
        self,
        n: int,
        *,
        labels: Tensor | int | None = None,
        n_steps: int = 1000,
        start: Tensor | None = None,
        means: bool = False,
        rng: torch.Generator | None = None,
    ) -> Tensor:
        """Draws from p(v), or from p(v | y), as far as the top chains mix: Gibbs on top, one pass down.

        Args:
            n: number of draws, each from a chain of its own.
            labels: classes to clamp in the top machine, int64 (n,) or one number; None lets them run free.
            n_steps: Gibbs steps of the top machine.
            start: bits (n, sizes[-2]) at which the chains start; None for fair coins.
            means: return the probabilities of v instead of bits.

        Returns:
            (n, sizes[0]).
        """
        states = self.down(self.sample_top(n, labels=labels, n_steps=n_steps, start=start, rng=rng), rng=rng)
        return torch.sigmoid(self.generation_logits(0, states[1])).detach() if means else states[0]

    def label_logits(self, v: Tensor) -> Tensor:
        """-F(h, y) for each class y at h = `up_means(v)`, (n, n_labels); differentiable, for fine-tuning."""
        self._require_labels()
        return -self.machines[-1].label_free_energy(self.up_means(v))

    @torch.no_grad()
    def predict_proba(self, v: Tensor, *, n_samples: int = 20, rng: torch.Generator | None = None) -> Tensor:
        """Probabilities of the classes, (n, n_labels): p(y | h_{L-1}) by free energy, averaged over q(h | v).

        n_samples: draws of h for each row; 0 puts the mean activations into the free energy instead, which is
        quicker, and exact only where the units are sure of themselves.
        """
        self._require_labels()
        if positive_int(n_samples, "n_samples", low=0) == 0:
            return self.label_logits(v).softmax(1)
        top = self.machines[-1]
        return sum(top.label_log_prob(self.up(v, rng=rng)[-1]).exp() for _ in range(n_samples)) / n_samples

    # Likelihood: exact by enumeration, its bound, and an estimate

    def log_prob(self, v: Tensor, labels: Tensor | None = None) -> Tensor:
        """log p(v), or log p(v, y), in nats, exact, (n,); ValueError where a layer is beyond 20 units."""
        layers = self._layers(v)
        log_p = self._top_log_prob(layers[-1])  # (states of h_{L-1}, classes or 1)
        for k in reversed(range(len(layers) - 1)):
            down = log_bernoulli_table(self.generation_logits(k, layers[k + 1]), layers[k])  # (above, below)
            log_p = torch.stack([torch.logsumexp(down + column[:, None], 0) for column in log_p.T], 1)
        if labels is None:
            return torch.logsumexp(log_p, 1)
        self._require_labels()
        return log_p.gather(1, self._labels(labels, len(log_p))[:, None])[:, 0]

    def bound(self, v: Tensor) -> dict[str, Tensor]:
        """Terms of E_q[log p(v, h) - log q(h | v)] in nats, exact, (n,) each; errors as `log_prob`.

        `reconstruction` E_q log p(v | h1), `prior` E_q of log p(h1) (of its bound, where there are more than
        two machines), `entropy` of q(h1 | v), and their sum `bound`. Hinton et al. 2006, eq. 8.
        """
        layers = self._layers(v)
        prior = torch.logsumexp(self._top_log_prob(layers[-1]), 1)
        for k in reversed(range(len(layers) - 1)):
            log_q = log_bernoulli_table(
                self.recognition_logits(k, layers[k]), layers[k + 1]
            )  # (below, above)
            down = log_bernoulli_table(self.generation_logits(k, layers[k + 1]), layers[k]).T
            q = log_q.exp()
            terms = {"reconstruction": (q * down).sum(1), "prior": q @ prior, "entropy": -(q * log_q).sum(1)}
            prior = sum(terms.values())
        return terms | {"bound": prior}

    @torch.no_grad()
    def log_likelihood(
        self,
        v: Tensor,
        n_samples: int = 100,
        *,
        log_partition: float | Tensor | None = None,
        rng: torch.Generator | None = None,
    ) -> Tensor:
        """log of the mean of p(v, h) / q(h | v) over draws of h from q, in nats, (n,).

        In expectation it lies between the bound (one sample) and log p(v), and rises with n_samples.

        Args:
            v: bits (n, sizes[0]).
            log_partition: log Z of the top machine, such as `evaluation.ais_log_partition` estimates it; None
                to enumerate it.
        """
        log_z = self.machines[-1].log_partition() if log_partition is None else log_partition
        log_weights = []
        for _ in range(positive_int(n_samples, "n_samples")):
            states = self.up(v, rng=rng)
            log_weight = self._top_score(states[-1]) - log_z
            for k, (below, above) in enumerate(zip(states[:-1], states[1:], strict=True)):
                log_weight = log_weight + _log_bits(self.generation_logits(k, above), below)
                log_weight = log_weight - _log_bits(self.recognition_logits(k, below), above)
            log_weights.append(log_weight)
        return torch.logsumexp(torch.stack(log_weights), 0) - math.log(n_samples)

    # Learning all layers together

    @torch.no_grad()
    def up_down_gradient(
        self, v: Tensor, *, labels: Tensor | int | None = None, k: int = 1, rng: torch.Generator | None = None
    ) -> dict[str, Tensor]:
        """One sample of contrastive wake-sleep, uphill, by parameter name. Hinton et al. 2006, appendix B.

        Wake: a pass up draws h from q, and the generative weights learn to reproduce each layer from the one
        above it. Top: k Gibbs steps from where the pass up arrived (CD-k), with the label. Sleep: a pass down
        from where they end, and the recognition weights learn to recover what was drawn.

        Args:
            v: bits (n, sizes[0]).
            labels: classes int64 (n,), where the top machine sees them.
            k: Gibbs steps of the top machine.

        Raises:
            ValueError: while the two directions share their weights; call `untie` first.
        """
        if not len(self.recognition):
            raise ValueError("up-down needs recognition weights of their own: call untie() first")
        top, last = self.machines[-1], len(self.machines) - 1
        awake = self.up(v, rng=rng)
        seen = awake[-1]
        if self.n_labels:
            seen = top.join(seen, self._labels(labels, len(seen)))
        contrast, (end, _) = top.cd_gradient(seen, k=k, rng=rng)
        asleep = self.down(end[:, : self.sizes[-2]], rng=rng)

        gradient = {f"machines.{last}.{name}": value for name, value in contrast.items()}
        for j in range(last):
            missed = awake[j] - torch.sigmoid(self.generation_logits(j, awake[j + 1]))
            gradient[f"machines.{j}.weight"] = awake[j + 1].T @ missed / len(missed)
            gradient[f"machines.{j}.visible_bias"] = missed.mean(0)
            missed = asleep[j + 1] - torch.sigmoid(self.recognition_logits(j, asleep[j]))
            gradient[f"recognition.{j}"] = missed.T @ asleep[j] / len(missed)
            gradient[f"machines.{j}.hidden_bias"] = missed.mean(0)
        return gradient

    def _layers(self, v):
        """[v, all states of h1, ..., all states of h_{L-1}]; ValueError beyond 20 units."""
        v = as_bits(v, self.sizes[0], like=self)
        return [v, *(states_of(machine.hidden_bias) for machine in self.machines[:-1])]

    def _top_score(self, h):
        """log p(h_{L-1}) + log Z, (n,)."""
        top = self.machines[-1]
        return torch.logsumexp(-top.label_free_energy(h), 1) if self.n_labels else -top.free_energy(h)

    def _top_log_prob(self, h):
        """log p(h_{L-1}, y) for each class, (n, n_labels), or log p(h_{L-1}) (n, 1) without labels."""
        top = self.machines[-1]
        energy = top.label_free_energy(h) if self.n_labels else top.free_energy(h)[:, None]
        return -energy - top.log_partition()

    def _require_labels(self):
        if not self.n_labels:
            raise ValueError("this network has no labels: build it with DBN(sizes, n_labels=...)")

    def _labels(self, labels, n):
        """Classes as int64 (n,), one number repeated; ValueError where they are missing or out of range."""
        self._require_labels()
        if labels is None:
            raise ValueError("the top machine sees the class too: give labels, int64 (n,)")
        return as_labels(labels, n, n_classes=self.n_labels, device=self.machines[0].weight.device)

    def _checked(self, v):
        """v in the model's precision; ValueError for a wrong width or values that are no probabilities."""
        return as_input(v, self.sizes[0], like=self, name="v", low=0, high=1)


def _log_bits(logits, states):
    """log prod_i p(s_i) row by row, p(s_i = 1) = sigmoid(logits_i): (n, d), (n, d) -> (n,)."""
    return -nn.functional.binary_cross_entropy_with_logits(logits, states, reduction="none").sum(-1)
