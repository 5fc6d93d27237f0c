# ---
# jupyter:
#   coursekit:
#     allowed: [numpy]
# ---

# %% [markdown]
# # Homework 18 · Alignment
#
# Five exercises to [notebook 18](../../../18_alignment.ipynb); about two hours. Write your answers where a cell says that it is empty, run the cell below it, and it tells you at once where you stand. Your teacher's grading uses other numbers, so an answer that only fits the example earns nothing.
#
# **Allowed:** NumPy. **Not allowed:** `coursekit.alignment`, SciPy, scikit-learn, PyTorch and other numerical libraries; calling somebody's answer is not an answer. A function leaves its arguments as they were.
#
# Logarithms are natural. A policy or a reference is an array of probabilities (or of their logarithms) of texts $y_1, \dots, y_m$ that are all listed.

# %%
import numpy as np

from coursekit import plots
from coursekit.checks import answer, check

plots.use_course_style()
better = np.array([1.2, -0.3, 0.4, 2.0])
worse = np.array([0.2, 0.5, -1.1, 1.9])
reference = np.array([0.4, 0.3, 0.2, 0.1])
reward = np.array([0.0, 1.0, -0.5, 2.0])

# %% [markdown]
# ## 1 · What a comparison teaches (4 points)
#
# Arrays `better` and `worse`, both $(n,)$, hold the rewards of the preferred texts and of the others. Write `compare(better, worse)`: return three things, the mean Bradley-Terry loss $-\frac1n \sum \log \sigma(b_i - w_i)$, its gradient in `better` $(n,)$ and its gradient in `worse` $(n,)$. Differences of several thousand must neither overflow nor give NaN.
#
# <details><summary>Hint 1</summary>The derivative of log sigma(u) is 1 - sigma(u) = sigma(-u).</details>
# <details><summary>Hint 2</summary>-log sigma(u) = log(1 + exp(-u)); np.logaddexp(0, -u) computes it without overflow.</details>
# <details><summary>Hint 3</summary>sigma(-u) = exp(-log(1 + exp(u))) = np.exp(-np.logaddexp(0, u)). And the mean has a 1 / n.</details>


# %% role="solution" exercise="compare"
def compare(better, worse):
    """The loss, a number, and its gradients in better and in worse, (n,) each."""
    ### BEGIN SOLUTION
    u = np.asarray(better, dtype=float) - np.asarray(worse, dtype=float)
    upset = np.exp(-np.logaddexp(0, u))
    gradient = -upset / len(u)
    return np.logaddexp(0, -u).mean(), gradient, -gradient
    ### END SOLUTION


# %% role="test" exercise="compare" points=4
_loss, _up, _down = compare(better, worse)
_sigma = 1 / (1 + np.exp(worse - better))
answer(
    "the loss",
    _loss,
    -np.log(_sigma).mean(),
    wrong={
        "this is the sum: take the mean over the comparisons": -np.log(_sigma).sum(),
        "the sign: a loss is minus the log likelihood": np.log(_sigma).mean(),
        "better less worse, not the other way round": -np.log(1 - _sigma).mean(),
    },
)
answer(
    "the gradient in better",
    _up,
    -(1 - _sigma) / 4,
    wrong={
        "the 1 / n of the mean is missing": -(1 - _sigma),
        "the sign: a higher reward of the better text lowers the loss": (1 - _sigma) / 4,
        "sigma of the upset is meant, worse less better": -_sigma / 4,
    },
)
answer(
    "the gradient in worse is its opposite", _down, (1 - _sigma) / 4, wrong={"the sign": -(1 - _sigma) / 4}
)
_far, _, _ = compare(np.array([-3000.0]), np.array([3000.0]))
answer("a huge upset costs its difference", _far, 6000.0, wrong={"exp overflows": np.inf})
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("compare"),
    Probe(
        "[np.asarray(part) for part in compare(better, worse)]",
        {"better": lambda rng: rng.normal(size=7) + 0.4, "worse": lambda rng: 1.5 * rng.normal(size=7)},
        message="on other rewards loss or gradients differ: sign, mean, whose reward goes up",
    ),
    Probe(
        "[np.asarray(part) for part in compare(4000 * better, 4000 * worse)]",
        {"better": lambda rng: rng.normal(size=6), "worse": lambda rng: rng.normal(size=6)},
        message="with huge differences everything must stay finite and right",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 2 · A careful step (4 points)
#
# Of each token we know the log ratio $\ell = \log \pi_{\text{new}} - \log \pi_{\text{old}}$ and the advantage $A$. Write `clipped(log_ratio, advantage, clip)`: return the *objective* (to be maximised), the mean of $\min(w A, \mathrm{clip}(w, 1 - c, 1 + c) A)$ with the ratio $w = e^\ell$ and $c$ = `clip`, and its gradient in `log_ratio`, an array of the same shape $(n,)$.
#
# <details><summary>Hint 1</summary>Which of the two terms is the smaller one decides about the gradient too.</details>
# <details><summary>Hint 2</summary>Where the minimum is the clipped term and the clip is active, nothing depends on the ratio.</details>
# <details><summary>Hint 3</summary>Elsewhere the derivative of e^l A in l is e^l A itself. There are four cases: A positive or negative, ratio above 1 + c or below 1 - c.</details>


# %% role="solution" exercise="clipped"
def clipped(log_ratio, advantage, clip):
    """The clipped objective, a number, and its gradient in log_ratio, (n,)."""
    ### BEGIN SOLUTION
    ratio, advantage = np.exp(np.asarray(log_ratio, dtype=float)), np.asarray(advantage, dtype=float)
    plain = ratio * advantage
    held = np.clip(ratio, 1 - clip, 1 + clip) * advantage
    gradient = np.where(plain <= held, plain, 0.0) / len(ratio)
    return np.minimum(plain, held).mean(), gradient
    ### END SOLUTION


# %% role="test" exercise="clipped" points=4
_log_ratio = np.log([1.5, 1.1, 0.6, 0.6, 0.9, 1.5])
_A = np.array([2.0, 2.0, 2.0, -1.0, -1.0, -1.0])
_objective, _gradient = clipped(_log_ratio, _A, 0.2)
_plain, _held = np.exp(_log_ratio) * _A, np.clip(np.exp(_log_ratio), 0.8, 1.2) * _A
answer(
    "the objective",
    _objective,
    np.mean([2.4, 2.2, 1.2, -0.8, -0.9, -1.5]),
    wrong={
        "nothing is clipped": _plain.mean(),
        "the minimum of both terms, not the clipped one alone": _held.mean(),
        "the smaller of the two, not the larger": np.maximum(_plain, _held).mean(),
        "this is the sum over the tokens": np.minimum(_plain, _held).sum(),
        "the sign: an objective, to be maximised, is asked for": -np.minimum(_plain, _held).mean(),
    },
)
answer(
    "the gradient",
    _gradient,
    np.array([0.0, 2.2, 1.2, 0.0, -0.9, -1.5]) / 6,
    wrong={
        "a ratio that has gone far enough has no gradient left": _plain / 6,
        "an overshoot must be taken back: there the gradient stays": np.array([0.0, 2.2, 0.0, 0.0, -0.9, 0.0])
        / 6,
        "the derivative is asked for in the log ratio: a factor of the ratio": np.array(
            [0.0, 2, 2, 0, -1, -1]
        )
        / 6,
        "the 1 / n of the mean is missing": np.array([0.0, 2.2, 1.2, 0.0, -0.9, -1.5]),
    },
)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("clipped"),
    Probe(
        "[np.asarray(part) for part in clipped(log_ratio, advantage, clip)]",
        {
            "log_ratio": lambda rng: 0.5 * rng.normal(size=40),
            "advantage": lambda rng: rng.normal(size=40) + 0.1,
            "clip": lambda rng: float(rng.uniform(0.1, 0.4)),
        },
        message="on other tokens objective or gradient differ: look at the four cases one by one",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 3 · The best policy, and the reward behind a policy (4 points)
#
# Write `best_policy(reference, reward, beta)`: from probabilities $(m,)$, rewards $(m,)$ and $\beta > 0$ return the probabilities of $\pi^*$ $(m,)$ and its objective $J^* = \mathbb E_{\pi^*} r - \beta\, \mathrm{KL}(\pi^* \Vert \rho)$. Rewards over beta may be several thousand.
#
# Then write `implied_reward(policy, reference, beta)`: the reward $(m,)$ for which a given policy would be the best one. It is known up to a constant; choose it so that its mean under the *reference* is 0.
#
# <details><summary>Hint 1</summary>pi* is proportional to reference times exp(r / beta), and J* = beta log Z.</details>
# <details><summary>Hint 2</summary>Subtract the largest r / beta before np.exp, and remember it in log Z.</details>
# <details><summary>Hint 3</summary>For the second function: solve the formula of pi* for r, then subtract the mean, weighted by the reference.</details>


# %% role="solution" exercise="best_policy"
def best_policy(reference, reward, beta):
    """pi*, probabilities (m,), and J*, a number."""
    ### BEGIN SOLUTION
    scaled = np.asarray(reward, dtype=float) / beta
    top = scaled.max()
    weight = np.asarray(reference, dtype=float) * np.exp(scaled - top)
    return weight / weight.sum(), beta * (top + np.log(weight.sum()))
    ### END SOLUTION


def implied_reward(policy, reference, beta):
    """The reward (m,) that policy is best for, with mean 0 under the reference."""
    ### BEGIN SOLUTION
    found = beta * (np.log(policy) - np.log(reference))
    return found - np.asarray(reference) @ found
    ### END SOLUTION


# %% role="test" exercise="best_policy" points=4
_policy, _best = best_policy(reference, reward, 0.5)
_weight = reference * np.exp(reward / 0.5)
answer(
    "the best policy at beta = 0.5",
    _policy,
    _weight / _weight.sum(),
    wrong={
        "divide the reward by beta, do not multiply": reference
        * np.exp(reward * 0.5)
        / (reference @ np.exp(reward * 0.5)),
        "the reference is missing": np.exp(reward / 0.5) / np.exp(reward / 0.5).sum(),
        "the sign of the reward": reference * np.exp(-reward / 0.5) / (reference @ np.exp(-reward / 0.5)),
        "divide by Z: probabilities add up to 1": _weight,
    },
)
_kl = _policy @ np.log(_policy / reference)
answer(
    "its objective",
    _best,
    _policy @ reward - 0.5 * _kl,
    wrong={
        "this is the mean reward: beta times the divergence comes off": _policy @ reward,
        "log Z, but beta is missing": np.log(_weight.sum()),
        "the divergence is subtracted": _policy @ reward + 0.5 * _kl,
    },
)
_found = implied_reward(_policy, reference, 0.5)
answer(
    "the reward behind it",
    _found,
    reward - reference @ reward,
    wrong={
        "beta is missing": (reward - reference @ reward) / 0.5,
        "the mean under the reference is to be 0, not the plain mean": reward - reward.mean(),
        "the mean under the reference is to be 0, not that under the policy": reward - _policy @ reward,
        "policy over reference, not the other way round": reference @ reward - reward,
    },
)
_sure, _top = best_policy(reference, 3000 * reward, 1.0)
answer("a huge reward takes the best text", _sure, [0, 0, 0, 1], wrong={"exp overflows": [np.nan] * 4})
answer("and its objective stays finite", _top, 6000 + np.log(0.1), atol=1e-6, wrong={"exp overflows": np.inf})
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

LISTED = {
    "reference": lambda rng: rng.dirichlet(np.ones(9)),
    "reward": lambda rng: rng.normal(size=9) + 0.5,
    "beta": lambda rng: float(rng.uniform(0.2, 0.8)),
}
probes = [
    Visible("best_policy"),
    Probe(
        "[np.asarray(part) for part in best_policy(reference, reward, beta)]",
        LISTED,
        message="on other texts policy or objective differ: beta, the reference, Z",
    ),
    Probe(
        "[np.asarray(part) for part in best_policy(reference, 2000 * reward - 5000, beta)]",
        LISTED,
        message="with huge rewards, positive or negative, policy and objective must stay finite and right",
    ),
    Probe(
        "np.asarray(implied_reward(policy, reference, beta))",
        LISTED | {"policy": lambda rng: rng.dirichlet(np.full(9, 2.0))},
        message="the implied reward of another policy differs: beta, which ratio, mean 0 under the reference",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 4 · The best of n (4 points)
#
# Write `best_of(reference, reward, n)`: the probabilities $(m,)$ with which each text is handed over when the reference writes $n$ texts independently and the one with the highest reward is taken. **Texts may have equal rewards**: then one of the tied draws is chosen evenly, so tied texts share their probability in proportion to the reference.
#
# <details><summary>Hint 1</summary>All n draws have a reward of at most r with probability F(r)^n.</details>
# <details><summary>Hint 2</summary>The highest reward is exactly r with probability F(r)^n - F(r-)^n, where F(r-) counts the rewards below r only.</details>
# <details><summary>Hint 3</summary>For text i: at most = reference[reward <= reward[i]].sum(), below = reference[reward < reward[i]].sum(), and its share of that level is reference[i] / (at most - below).</details>


# %% role="solution" exercise="best_of"
def best_of(reference, reward, n):
    """Probabilities (m,) of what best-of-n hands over."""
    ### BEGIN SOLUTION
    reference, reward = np.asarray(reference, dtype=float), np.asarray(reward)
    at_most = np.array([reference[reward <= r].sum() for r in reward])
    below = np.array([reference[reward < r].sum() for r in reward])
    return reference / (at_most - below) * (at_most**n - below**n)
    ### END SOLUTION


# %% role="test" exercise="best_of" points=4
answer("of one draw: the reference itself", best_of(reference, reward, 1), reference)
_two = best_of(reference, reward, 2)
answer(
    "of two draws",
    _two,
    [0.6**2 - 0.2**2, 0.9**2 - 0.6**2, 0.2**2, 1 - 0.9**2],
    wrong={
        "this is the worst of two": [0.8**2 - 0.4**2, 0.4**2 - 0.1**2, 1 - 0.8**2, 0.1**2],
        "take off what lies below the reward": [0.6**2, 0.9**2, 0.2**2, 1.0],
        "F counts the reference's probabilities, in the order of the rewards": [
            0.4**2,
            0.7**2 - 0.4**2,
            0.9**2 - 0.7**2,
            1 - 0.9**2,
        ],
    },
)
check("they add up to 1", np.sum(_two), 1.0, atol=1e-12)
_tied = best_of(reference, np.array([1.0, 1.0, 0.0, 0.0]), 3)
answer(
    "equal rewards share in proportion to the reference",
    _tied,
    np.array([4 / 7, 3 / 7, 0, 0]) * (1 - 0.3**3) + np.array([0, 0, 2 / 3, 1 / 3]) * 0.3**3,
    wrong={
        "tied texts share in proportion to the reference, not evenly": np.array([0.5, 0.5, 0, 0])
        * (1 - 0.3**3)
        + np.array([0, 0, 0.5, 0.5]) * 0.3**3,
        "one of the tied texts gets all here": [1 - 0.6**3, 0.6**3 - 0.3**3, 0.3**3 - 0.1**3, 0.1**3],
    },
)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("best_of"),
    Probe(
        "np.asarray(best_of(reference, reward, n))",
        {
            "reference": lambda rng: rng.dirichlet(np.ones(8)),
            "reward": lambda rng: rng.normal(size=8),
            "n": lambda rng: int(rng.integers(3, 9)),
        },
        message="on other texts the probabilities differ: F at most and below, to the power n",
    ),
    Probe(
        "np.asarray(best_of(reference, reward, n))",
        {
            "reference": lambda rng: rng.dirichlet(np.ones(9)),
            "reward": lambda rng: rng.permutation([0, 0, 0, 1, 1, 2, 2, 2, 3]),
            "n": lambda rng: int(rng.integers(2, 6)),
        },
        message="with equal rewards the probabilities differ: a whole level wins, and shares by the reference",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 5 · Too good to be true, once more (4 points)
#
# A start-up aligns its assistant. From the report:
#
# ```python
# texts = reference.generate(prompts)                     # 1000 texts
# pairs = [(i, j) for i in range(1000) for j in random.sample(range(1000), 8)]
# votes = [judge(texts[i], texts[j]) for i, j in pairs]   # the number of the better text; of equals, the first
# random.shuffle_together(pairs, votes)
# reward = train(pairs[:7000], votes[:7000], n_epochs=50)
# print(accuracy(reward, pairs[7000:], votes[7000:]))     # 0.94: "as good as people are"
#
# policy = ppo(reference, reward, beta=0.001)
# print(mean(reward(policy.generate(prompts))))           # from 0.3 to 4.1: "people will like it 14 times as much"
# ```
#
# **(a)** Find the leak in the test of the reward model. Why can a network that understands nothing reach 0.94 in this way, and how should the pairs be divided? **(b)** What does `judge` do with texts that are equally good, what does the reward model learn from it, and what should be done with them? **(c)** Judge the last line in words. What do 0.3 and 4.1 say, what does their *ratio* say, and why is neither a measurement of what people will like? Name two numbers that you would ask for.

# %% [markdown] role="manual" exercise="leak" points=4
# ### BEGIN SOLUTION
# **(a)** The pairs are divided, the texts are not: each text is in about sixteen pairs, so nearly every text of a test pair was compared in training too. With 50 passes a network can store one number for each of 1000 texts, its rank among them, and answer new pairs of old texts from memory. The *texts* must be divided first (better still, the prompts), and test pairs made of test texts alone.
#
# **(b)** It says that the first one won. In Bradley and Terry's model that is an observation: the reward of the first text is pushed up and that of the second down, though nobody saw a difference. It is noise with a direction, that of the place in the pair. Ties have to be left out (or entered into a model that has ties); and which text stands first should be drawn at random.
#
# **(c)** That the learned reward rose says that the optimiser worked: it rises for any reward, right or wrong. The ratio says nothing at all, for the reward is known up to a constant: add 10, and it is from 10.3 to 14.1. With a beta of 0.001 the policy is hardly held to the reference, so it will be where no text was ever compared and where the reward is least to be trusted (Goodhart). Ask for: what people (or a second reward model that was trained on other comparisons and never optimised) think of new texts of policy against reference, as a share of wins; and the divergence KL(policy || reference). Also the variety of the texts, or the same curve over several values of beta.
#
# *Rubric, 4 points:* 1 for the texts that are in training and test pairs, with the remedy; 1 for ties as false observations; 1 for "the reward rises in any case, and its ratio means nothing because of the constant"; 1 for two sensible measurements (people's wins on new texts, KL, a reward model that was kept aside).
# ### END SOLUTION

# %% [markdown]
# **Solutions** are in `notebooks/homework/source/hw18_alignment`. Look only after you have an opinion of your own.
