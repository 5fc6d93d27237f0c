"""The policy that earns a reward without leaving the reference far behind, and steps towards it.

A language model that is to be aligned is called a policy. It should earn reward, and stay near the model
that it started from, because the reward is only trusted near there. On a space that can be listed, the best
policy has a formula, and any other is worse by exactly beta times its divergence from it.

    objective    J(pi)  = E_pi r - beta KL(pi || reference)
    optimum      pi*    = reference exp(r / beta) / Z,     J* = J(pi*) = beta log Z
    gap          J* - J(pi) = beta KL(pi || pi*)
    clipped step loss   = -mean min(ratio A, clip(ratio, 1 - c, 1 + c) A),   ratio = pi_new / pi_old
    best of n    the best by reward of n draws of the reference: no training at all

Sources: Ziegler et al. 2019, eq. 1 and 2; Schulman et al. 2017, eq. 7; Rafailov et al. 2023, eq. 4; Schulman
2020, Approximating KL divergence; Beirami et al. 2024 for best-of-n. Notebook 18_alignment.
"""

import itertools
import math

import torch
from torch import Tensor

from coursekit.alignment.arrays import alike
from coursekit.inputs import positive_int, real_number
from coursekit.transformer import GPT

LARGEST = 100_000  # texts that are listed


def all_texts(n_words: int, length: int) -> Tensor:
    """Every text of so many tokens, (n_words**length, length), int64, the last token changing fastest.

    Raises:
        ValueError: there are more than 100 000.
    """
    n = positive_int(n_words, "n_words") ** positive_int(length, "length")
    if n > LARGEST:
        raise ValueError(f"{n_words} ** {length} = {n} texts are too many to list: at most {LARGEST}")
    return torch.tensor(list(itertools.product(range(n_words), repeat=length)))


def all_log_probs(gpt: GPT, length: int) -> Tensor:
    """log p of every text in the order of `all_texts`, (n_words**length,), nats.

    Texts share their beginnings: the logits of all but the last token are enough.

    Args:
        gpt: the model.
        length: tokens per text.
    """
    if positive_int(length, "length") == 1:
        logits = gpt.logits(torch.zeros(1, 0, dtype=torch.int64))
        return logits.log_softmax(-1).flatten()
    beginnings = all_texts(gpt.n_words, length - 1)  # (m, length - 1)
    log_p = gpt.logits(beginnings).log_softmax(-1)  # (m, length, n_words)
    before = log_p[:, :-1].gather(-1, beginnings[..., None]).sum((1, 2))
    return (before[:, None] + log_p[:, -1]).flatten()


def objective(log_policy: Tensor, log_reference: Tensor, reward: Tensor, beta: float) -> Tensor:
    """J = E_policy r - beta KL(policy || reference).

    Args:
        log_policy: log probabilities of all texts, (n,), or of several policies, (..., n); -inf for a text
            that is never written.
        log_reference: the same of the reference, (n,).
        reward: r of each text, (n,).
        beta: weight of the divergence.

    Raises:
        ValueError: another number of texts, NaN, or a reward that is not finite.
    """
    log_reference, reward = alike("n", "one entry per text", log_reference=log_reference, reward=reward)
    (log_policy,) = alike(log_policy=log_policy)
    if log_policy.shape[-1:] != reward.shape:
        raise ValueError(
            f"log_policy must be (..., {len(reward)}), one entry per text, got {tuple(log_policy.shape)}"
        )
    real_number(beta, "beta", low=0, below=math.inf)
    gain = reward - beta * (log_policy - log_reference)
    return (log_policy.exp() * torch.where(log_policy.isneginf(), 0.0, gain)).sum(-1)


def best_objective(log_reference: Tensor, reward: Tensor, beta: float) -> Tensor:
    """J* = beta log Z = beta log E_reference exp(r / beta): no policy is above it.

    Args:
        log_reference: log probabilities of all texts, (n,).
        reward: of each, (n,).
        beta: positive; the smaller, the nearer J* comes to the largest reward.
    """
    log_reference, reward, beta = _weighed(log_reference, reward, beta)
    return beta * (log_reference + reward / beta).logsumexp(-1)


def optimal_policy(log_reference: Tensor, reward: Tensor, beta: float) -> Tensor:
    """log pi* = log reference + r / beta - log Z of all texts, (n,). Rafailov et al. 2023, eq. 4.

    >>> half = torch.tensor([0.5, 0.5])
    >>> optimal_policy(half.log(), torch.tensor([1.0, 0.0]), beta=1.0).exp()  # odds of e to 1
    tensor([0.7311, 0.2689])

    Args:
        log_reference: log probabilities of all texts, (n,); -inf for a text that the reference never writes.
        reward: of each, (n,).
        beta: positive.

    Raises:
        ValueError: shapes that differ, a beta that is not positive, a reward that is not finite.
    """
    log_reference, reward, beta = _weighed(log_reference, reward, beta)
    return (log_reference + reward / beta).log_softmax(-1)


def ppo_loss(log_ratio: Tensor, advantage: Tensor, *, clip: float = 0.2) -> Tensor:
    """Minus the clipped objective, mean over all entries. Schulman et al. 2017, eq. 7.

    Where an action turned out well (A > 0), there is no gradient once its probability has risen by the
    factor 1 + clip; where it turned out badly, once it has fallen by 1 - clip. On the other side there is.

    Args:
        log_ratio: log pi_new - log pi_old of the actions taken, any shape.
        advantage: how much better than expected each was, the same shape.
        clip: in (0, 1).

    Raises:
        ValueError: shapes that differ, NaN, or a clip outside (0, 1).
    """
    log_ratio, advantage = alike(log_ratio=log_ratio, advantage=advantage)
    clip = real_number(clip, "clip", above=0, below=1)
    ratio = log_ratio.exp()
    return -torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage).mean()


def advantages(rewards: Tensor, values: Tensor, *, decay: float = 0.95) -> tuple[Tensor, Tensor]:
    """How much better than the critic expected each token was, and what the critic should have said.

    delta_i = rewards_i + values_{i+1} - values_i is the surprise at token i (there is no value after the
    last), and A_i = delta_i + decay A_{i+1}. Schulman et al. 2016, eq. 16, without discount.

    Args:
        rewards: (n, t), for each token.
        values: (n, t), of the state before each token.
        decay: in [0, 1]; 1 trusts the rewards that came, 0 the critic.

    Returns:
        Advantages (n, t), and targets (n, t) for the critic, A + values.

    Raises:
        ValueError: shapes that differ, or a value that is not finite.
    """
    rewards, values = alike("n, t", "one entry per token", rewards=rewards, values=values)
    real_number(decay, "decay", low=0, high=1)
    following = torch.cat([values[:, 1:], torch.zeros_like(values[:, :1])], dim=1)
    surprise = rewards + following - values
    found = torch.zeros_like(surprise)
    later = torch.zeros_like(surprise[:, 0])
    for i in reversed(range(surprise.shape[1])):
        later = surprise[:, i] + decay * later
        found[:, i] = later
    return found, found + values


def kl_estimates(log_policy: Tensor, log_reference: Tensor) -> tuple[Tensor, Tensor]:
    """Two estimates of KL(policy || reference) from each draw of the policy: k1 and k3, (n,) both.

    k1 = log policy - log reference is right on average, and negative wherever the reference finds the text
    likelier. k3 = exp(-k1) - 1 + k1 is right on average too, and never negative. Schulman 2020.

    Args:
        log_policy: log probabilities of texts drawn from the policy, (n,).
        log_reference: the same texts under the reference, (n,).

    Raises:
        ValueError: shapes that differ, NaN, or a text that the policy cannot have written.
    """
    pair = {"log_policy": log_policy, "log_reference": log_reference}
    log_policy, log_reference = alike("n", "one entry per text", **pair)
    if bool(log_policy.isneginf().any()):
        raise ValueError("log_policy holds -inf: a text of probability 0 is no draw of the policy")
    k1 = log_policy - log_reference
    return k1, (-k1).expm1() + k1


def best_of_n(log_reference: Tensor, reward: Tensor, n: int) -> Tensor:
    """log probabilities of the best by reward of n draws of the reference, (n_texts,).

    With F(r) the probability of a reward of at most r, all n are at most r with probability F(r)^n. So texts
    of reward r have F(r)^n - F(r-)^n between them, shared in proportion to the reference.

    Args:
        log_reference: log probabilities of all texts, (n_texts,).
        reward: of each.
        n: draws, at least 1.
    """
    n = positive_int(n, "n")
    log_reference, reward, _ = _weighed(log_reference, reward, 1.0)
    levels, place = reward.unique(return_inverse=True)
    at = torch.zeros_like(levels).index_add(0, place, log_reference.exp())  # probability of each level
    up_to = at.cumsum(0).clamp(max=1)
    below = torch.cat([up_to.new_zeros(1), up_to[:-1]])
    share = torch.where(at > 0, (up_to**n - below**n) / at, 0.0)  # of what is never drawn, none
    return log_reference + share.log()[place]


def _weighed(log_reference, reward, beta):
    pair = alike("n", "one entry per text", log_reference=log_reference, reward=reward)
    return *pair, real_number(beta, "beta", above=0)
