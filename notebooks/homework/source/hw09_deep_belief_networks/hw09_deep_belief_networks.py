# ---
# jupyter:
#   coursekit:
#     allowed: [numpy]
# ---

# %% [markdown]
# # Homework 09 · Deep belief networks
#
# Five exercises on [notebook 09](../../../09_deep_belief_networks.ipynb). Allow about two hours. Write each answer where a cell says that it is still empty, then run the cell below it, which tells you straight away how you are doing. Grading uses different networks, so an answer that fits only the example earns no points.
#
# **Allowed:** NumPy. **Not allowed:** the models of `coursekit.dbn` and `coursekit.rbm`, SciPy, scikit-learn, PyTorch and other numerical libraries; calling a ready-made solution does not count as an answer. A function leaves its arguments as they were.
#
# As in the lecture a machine has the energy $E(v, h) = -h^\top W v - c^\top v - b^\top h$, with $W$ of shape (hidden, visible), $c$ the visible and $b$ the hidden biases. Examples are rows, and every unit is 0 or 1. All states of $n$ units are numbered so that unit $i$ is bit $i$ of the number: `(np.arange(2**n)[:, None] >> np.arange(n)) & 1`.

# %%
import numpy as np

from coursekit import plots
from coursekit.checks import answer, check

plots.use_course_style()
W = np.array([[1.0, -2.0, 0.5], [0.5, 3.0, -1.0]])  # two hidden, three visible units
c, b = np.array([0.5, -1.0, 0.2]), np.array([-0.5, 1.0])


def states(n):
    return ((np.arange(2**n)[:, None] >> np.arange(n)) & 1).astype(float)


# %% [markdown]
# ## 1 · The transposed start (3 points)
#
# A second machine goes on top of the first. Its visible units are the first one's hidden units. Write `turn_over(W, c, b)`: the parameters `W2, c2, b2` with which the second machine gives $h_1$ exactly the distribution that the first one gives it. The check below enumerates both.
#
# <details><summary>Hint 1</summary>What does the first machine look like when you stand on your head?</details>
# <details><summary>Hint 2</summary>The energy must be the same function of the two layers; only their names change.</details>
# <details><summary>Hint 3</summary>Shapes decide the rest: W2 is (hidden of the second, hidden of the first).</details>


# %% role="solution" exercise="turn_over"
def turn_over(W, c, b):
    """W2 (n_visible, n_hidden), c2 (n_hidden,), b2 (n_visible,)
    of the second machine.
    """
    ### BEGIN SOLUTION
    return W.T, b, c
    ### END SOLUTION


# %% role="test" exercise="turn_over" points=3
_W2, _c2, _b2 = turn_over(W, c, b)
answer("shape of the new weights", np.shape(_W2), (3, 2))
answer(
    "its visible biases, one per unit of h1", _c2, b, wrong={"they are the hidden biases of the old one": c}
)
answer("its hidden biases", _b2, c, wrong={"with zeros here p(h1) changes": np.zeros(3)})
_h1 = states(2)
_old = np.exp(_h1 @ b) * np.prod(1 + np.exp(_h1 @ W + c), axis=1)  # the visible units summed out
_new = np.exp(_h1 @ _c2) * np.prod(1 + np.exp(_h1 @ np.transpose(_W2) + _b2), axis=1)
answer("p(h1) of both machines", _new / _new.sum(), _old / _old.sum())
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("turn_over"),
    Probe(
        "[np.asarray(part) for part in turn_over(W, c, b)]",
        {
            "W": lambda rng: rng.normal(size=(4, 4)),  # square: a missing transposition keeps the shape
            "c": lambda rng: rng.normal(size=4) + 0.4,
            "b": lambda rng: rng.normal(size=4) - 0.3,
        },
        message="with as many hidden as visible units: the weights are transposed, and the biases change places",
    ),
    Probe(
        "[np.asarray(part) for part in turn_over(W, c, b)]",
        {
            "W": lambda rng: rng.normal(size=(2, 5)),
            "c": lambda rng: rng.normal(size=5) + 0.4,
            "b": lambda rng: rng.normal(size=2) - 0.3,
        },
        message="on a machine with 5 visible and 2 hidden units the second machine differs",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 2 · The bound (5 points)
#
# Freeze the first machine, and let *any* distribution `log_prior` (an array of $2^m$ numbers, $\log p(h_1)$ of every state) be above it. Write `bound(v, W, c, b, log_prior)`: for each row of $v$ the number
#
# $$\mathbb E_q \log p(v \mid h_1) + \mathbb E_q \log p(h_1) + H(q), \qquad q(h_1 \mid v) = \prod_j \sigma(b_j + W_j v)^{h_j} (1 - \sigma(b_j + W_j v))^{1 - h_j},$$
#
# in nats, with the first machine's $p(v \mid h_1)$. Enumerate the hidden states. With the first machine's own $p(h_1)$ the bound is tight; the check uses that.
#
# <details><summary>Hint 1</summary>A table log q of shape (n, 2^m), and a table log p(v | h1) of the same shape, and sums over the second axis.</details>
# <details><summary>Hint 2</summary>log of a product of bits with logits a: states @ a - sum of log(1 + exp(a)).</details>
# <details><summary>Hint 3</summary>H(q) = -sum q log q: the bound is the sum over h of q * (log p(v|h) + log_prior - log q).</details>


# %% role="solution" exercise="bound"
def bound(v, W, c, b, log_prior):
    """Lower bounds (n,) on log p(v) of visible states v (n, n_visible);
    log_prior (2^n_hidden,).
    """
    ### BEGIN SOLUTION
    h = (np.arange(2 ** len(b))[:, None] >> np.arange(len(b))) & 1
    up, down = v @ W.T + b, h @ W + c
    log_q = up @ h.T - np.logaddexp(0, up).sum(axis=1, keepdims=True)
    log_v = v @ down.T - np.logaddexp(0, down).sum(axis=1)
    return (np.exp(log_q) * (log_v + log_prior - log_q)).sum(axis=1)
    ### END SOLUTION


# %% role="test" exercise="bound" points=5
_everything, _h1 = states(3), states(2)
_log_old = _h1 @ b + np.log(1 + np.exp(_h1 @ W + c)).sum(axis=1)  # the machine's own log p(h1)
_log_old = _log_old - np.log(np.exp(_log_old).sum())
_log_p = _everything @ c + np.log1p(np.exp(_everything @ W.T + b)).sum(axis=1)
_log_p = _log_p - np.log(np.exp(_log_p).sum())  # minus free energy, less log Z
_ours = bound(_everything, W, c, b, _log_old)
_on = 1 / (1 + np.exp(-(_everything @ W.T + b)))
_entropy = -(_on * np.log(_on) + (1 - _on) * np.log(1 - _on)).sum(axis=1)
answer(
    "with the machine's own prior the bound is log p(v)",
    _ours,
    _log_p,
    wrong={
        "the entropy of q is missing": _log_p - _entropy,
        "the entropy has the wrong sign": _log_p - 2 * _entropy,
    },
)
_q = np.prod(np.where(_h1[None] == 1, _on[:, None], 1 - _on[:, None]), axis=2)
_uniform = np.full(4, -np.log(4))
answer(
    "another prior changes the middle term, and that alone",
    bound(_everything, W, c, b, _uniform),
    _log_p + _q @ (_uniform - _log_old),
    wrong={"the prior term is missing": _log_p - _q @ _log_old},
)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("bound"),
    Probe(
        "bound(v, W, c, b, log_prior)",
        {
            "v": lambda rng: rng.integers(0, 2, size=(6, 5)).astype(float),
            "W": lambda rng: rng.normal(size=(4, 5)),
            "c": lambda rng: rng.normal(size=5) + 0.4,
            "b": lambda rng: rng.normal(size=4) - 0.3,
            "log_prior": lambda rng: np.log(rng.dirichlet(np.ones(16))),
        },
        message="with another prior the bound differs: three terms, the order of the states, sums and not means",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 3 · Which class? (4 points)
#
# The top machine sees $[h, y]$: the features $h$, and one unit for each class, exactly one of which is on. Write `class_probability(h, W, U, c, d, b)`: $p(y \mid h)$ for each row of $h$, of shape $(n, \text{classes})$, where $W$ (hidden, features) and $U$ (hidden, classes) are the weights of features and classes, $c$ and $d$ their biases and $b$ those of the hidden units. Nothing is sampled, and only the classes are enumerated. It must work where a logit is $\pm 800$.
#
# <details><summary>Hint 1</summary>The free energy of (h, y), with the hidden units summed out, for each y in turn.</details>
# <details><summary>Hint 2</summary>-F(h, y) = c'h + d_y + sum over j of log(1 + exp(b_j + W_j h + U_jy)).</details>
# <details><summary>Hint 3</summary>Subtract the largest of a row before you take exp.</details>


# %% role="solution" exercise="class_probability"
def class_probability(h, W, U, c, d, b):
    """p(y | h), (n, n_classes), of features h (n, n_features)."""
    ### BEGIN SOLUTION
    logits = (h @ W.T + b)[:, :, None] + U[None]
    score = d + np.logaddexp(0, logits).sum(axis=1)
    score = score - score.max(axis=1, keepdims=True)
    return np.exp(score) / np.exp(score).sum(axis=1, keepdims=True)
    ### END SOLUTION


# %% role="test" exercise="class_probability" points=4
_U, _d = np.array([[2.0, -1.0], [0.5, 1.5]]), np.array([0.3, -0.4])
_h = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
_ours = class_probability(_h, W, _U, c, _d, b)
answer("two rows, two classes", np.shape(_ours), (2, 2))
_joint = np.zeros((2, 2))
for _row in range(2):
    for _y in range(2):
        for _g in states(2):  # the hidden units, listed one by one
            _joint[_row, _y] += np.exp(_g @ W @ _h[_row] + _g @ _U[:, _y] + _h[_row] @ c + _d[_y] + _g @ b)
_by_mean = np.exp(_d + 1 / (1 + np.exp(-(_h @ W.T + b))) @ _U)
answer(
    "p(y | h), counted over the hidden states",
    _ours,
    _joint / _joint.sum(axis=1, keepdims=True),
    wrong={
        "a hidden unit's mean is not its sum: use softplus": _by_mean / _by_mean.sum(axis=1, keepdims=True),
        "the rows must add up to 1": _joint,
    },
)
_huge = class_probability(_h, 800 * W, 800 * _U, c, _d, b)
answer("rows add up to 1 where logits are huge", np.sum(_huge, axis=1), [1.0, 1.0])
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

TOP = {
    "h": lambda rng: rng.integers(0, 2, size=(7, 5)).astype(float),
    "W": lambda rng: rng.normal(size=(4, 5)),
    "U": lambda rng: 1.5 * rng.normal(size=(4, 3)),
    "c": lambda rng: rng.normal(size=5) + 0.4,
    "d": lambda rng: rng.normal(size=3),
    "b": lambda rng: rng.normal(size=4) - 0.3,
}
probes = [
    Visible("class_probability"),
    Probe(
        "class_probability(h, W, U, c, d, b)",
        TOP,
        message="with three classes the probabilities differ: all biases, softplus inside the sum over hidden units",
    ),
    Probe(
        "class_probability(h, 900 * W, U, c, d, b)",
        {**TOP, "W": lambda rng: rng.uniform(1, 2, size=(4, 5)) * [[1], [-1], [1], [-1]]},
        message="with huge weights the probabilities must stay finite",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 4 · Asleep (5 points)
#
# In the sleep phase of up-down the network draws its own data, and the recognition weights learn to recover the causes. Randomness is hard to compare, so it is handed to you. Write `sleep_step(h, W, c, R, b, uniform, rate)`: draw $v$ below the given $h$ $(n, n_h)$ as `uniform < p` with the *generative* parameters $W, c$, then make one step of logistic regression from $v$ to $h$ with the *recognition* parameters $R$ (hidden, visible) and $b$,
#
# $$R \leftarrow R + \epsilon\, \overline{(h - \tilde h)\, v^\top}, \qquad b \leftarrow b + \epsilon\, \overline{(h - \tilde h)}, \qquad \tilde h = \sigma(b + R v),$$
#
# where the bar is the mean over the $n$ rows. Return the new `R, b`, and leave the arguments as they were.
#
# <details><summary>Hint 1</summary>Which of the two sets of weights leads down, and which leads up?</details>
# <details><summary>Hint 2</summary>The target is h, which was given; the input is v, which you have drawn: bits, no probabilities.</details>
# <details><summary>Hint 3</summary>(h - recovered).T @ v / n has the shape of R.</details>


# %% role="solution" exercise="sleep_step"
def sleep_step(h, W, c, R, b, uniform, rate):
    """New R (n_hidden, n_visible) and b (n_hidden,)
    after one sleep step below h (n, n_hidden).
    """

    ### BEGIN SOLUTION
    def sigmoid(a):
        return 1 / (1 + np.exp(-a))

    v = (uniform < sigmoid(h @ W + c)).astype(float)
    missed = h - sigmoid(v @ R.T + b)
    return R + rate * missed.T @ v / len(v), b + rate * missed.mean(axis=0)
    ### END SOLUTION


# %% role="test" exercise="sleep_step" points=5
_R = W + np.array([[0.5, 1.0, -1.0], [0.0, -2.0, 1.0]])
_asleep = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
_kept = [array.copy() for array in (_asleep, W, c, _R, b)]
_new_R, _new_b = sleep_step(_asleep, W, c, _R, b, np.zeros((3, 3)), 0.3)  # numbers 0 draw every pixel on
for _given, _array in zip((_asleep, W, c, _R, b), _kept, strict=True):
    check("an argument is left as it was", _given, _array)


def _missed_by(weights):
    return _asleep - 1 / (1 + np.exp(-(np.ones((3, 3)) @ weights.T + b)))


answer(
    "recognition biases, all pixels on",
    _new_b,
    b + 0.3 * _missed_by(_R).mean(axis=0),
    wrong={
        "this learns from the generative weights; R leads upwards": b + 0.3 * _missed_by(W).mean(axis=0),
        "the sign is turned round": b - 0.3 * _missed_by(_R).mean(axis=0),
        "take the mean over the rows, not the sum": b + 0.3 * _missed_by(_R).sum(axis=0),
    },
)
answer("recognition weights, all pixels on", _new_R, _R + 0.3 * _missed_by(_R).T @ np.ones((3, 3)) / 3)
_quiet_R, _ = sleep_step(_asleep, W, c, _R, b, np.ones((3, 3)), 0.3)  # numbers 1 draw every pixel off
answer("with all pixels off no weight moves", _quiet_R, _R)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("sleep_step"),
    Probe(
        "[np.asarray(part) for part in sleep_step(h, W, c, R, b, uniform, 0.2)]",
        {
            "h": lambda rng: rng.integers(0, 2, size=(9, 4)).astype(float),
            "W": lambda rng: 1.5 * rng.normal(size=(4, 5)),
            "c": lambda rng: rng.normal(size=5) + 0.4,
            "R": lambda rng: rng.normal(size=(4, 5)),
            "b": lambda rng: rng.normal(size=4) - 0.3,
            "uniform": lambda rng: rng.uniform(size=(9, 5)),
        },
        message="with other random numbers the step differs: W and c downwards, R and b upwards, bits of v, a mean",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 5 · A bound that falls (4 points)
#
# A colleague stacks a second machine with 2000 hidden units on a first one with 500, starts it with small random weights and trains it on the *probabilities* of the first one's hidden units, "because they are less noisy". Her log:
#
# | | bound on $\log p(v)$, training digits | estimate of $\log p(v)$ by 10 000 weighted samples |
# | --- | --- | --- |
# | first machine alone | −88.2 (tight) | −88.2 |
# | with the second, before training | −146.0 | −139.5 |
# | with the second, after training | −90.9 | −87.6 |
#
# *"The bound fell by almost three nats, so the theorem of greedy training is wrong, and my network is worse than one machine."*
#
# **(a)** Which two conditions of the theorem did she not meet, and what does each of them do to the bound? **(b)** Is her last conclusion right? What does the difference between her two columns measure? **(c)** How could she start a second machine of 2000 units and still be protected by the theorem? Name one way, and say what must be true at the start.

# %% [markdown] role="manual" exercise="falling_bound" points=4
# ### BEGIN SOLUTION
# **(a)** The theorem starts from a second machine whose $p(h_1)$ is that of the first, the transposed start; hers is random, so the prior term drops at once by as much as her prior is worse, and training has to win that back. And the term which grows is $\mathbb E_q \log p(h_1)$ over *drawn* hidden states; a machine trained on probabilities maximises something else, and may lower this term.
#
# **(b)** No. The bound is below $\log p(v)$ by $\mathrm{KL}(q \Vert p(h_1 \mid v))$, averaged over the digits; that is what the difference between the columns measures (up to what the estimate itself falls short). It was 0 with the first machine's own prior and is about 3.3 nats now. $\log p(v)$ itself rose from −88.2 to −87.6, so the network is slightly better than one machine. A falling bound does not say that $\log p$ falls, and the theorem says nothing about a start that it does not cover.
#
# **(c)** Take 784 of the 2000 units from the first machine turned over (W transposed, biases exchanged), and let the other 1216 have zero weights: a unit without weights contributes the same factor $1 + e^{b_j}$ for every $h_1$, so $p(h_1)$ is unchanged. At the start $p(h_1)$ must be that of the first machine (then the bound is tight and unchanged), and she must train on drawn bits. (Then break the symmetry of the idle units a little, or let sampled gradients do it. Equally right: keep the second machine only if its prior term ends above that of the *first machine*, −88.2 in the bound.)
#
# *Rubric, 4 points:* 1 for the random start and its effect on the prior term; 1 for probabilities instead of drawn bits, with the average over $q$; 1 for (b): the gap is a KL divergence, and $\log p$ did not fall; 1 for a start in (c) that leaves $p(h_1)$ unchanged, with the reason.
# ### END SOLUTION

# %% [markdown]
# **Solutions** are in `notebooks/homework/source/hw09_deep_belief_networks`. Look only once you have an answer of your own.
