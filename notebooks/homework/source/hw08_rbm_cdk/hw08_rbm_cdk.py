# ---
# jupyter:
#   coursekit:
#     allowed: [numpy]
# ---

# %% [markdown]
# # Homework 08 · Boltzmann machines
#
# Five exercises on [notebook 08](../../../08_rbm_cdk.ipynb). Allow about two hours. Write each answer where a cell says that it is still empty, then run the cell below it, which tells you straight away how you are doing. Grading uses different machines, so an answer that fits only the example earns no points.
#
# **Allowed:** NumPy. **Not allowed:** the models of `coursekit.rbm`, SciPy, scikit-learn, PyTorch and other numerical libraries; calling a ready-made solution does not count as an answer. A function leaves its arguments as they were. An exercise that builds on an earlier one is graded with your own functions, so an error there costs you again: fix it first.
#
# As in the lecture $E(v, h) = -h^\top W v - c^\top v - b^\top h$, with $W$ of shape (hidden, visible), $c$ the visible and $b$ the hidden biases. Examples are rows, and every unit is 0 or 1.

# %%
import numpy as np

from coursekit import plots
from coursekit.checks import answer, check

plots.use_course_style()
W = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, -1.0]])  # two hidden, three visible units
c, b = np.array([0.5, -1.0, 0.2]), np.array([-0.5, 1.0])

# %% [markdown]
# ## 1 · Free energy (3 points)
#
# Write `free_energy(v, W, c, b)`: for $v$ of shape $(n, n_{\text{visible}})$ the $n$ numbers $F(v) = -\log \sum_h e^{-E(v, h)}$. It must also work where a logit is $\pm 800$.
#
# <details><summary>Hint 1</summary>The sum over h factorises; there is no need to list the hidden states.</details>
# <details><summary>Hint 2</summary>Each hidden unit contributes log(1 + exp(b_j + W_j v)).</details>
# <details><summary>Hint 3</summary>np.logaddexp(0, a) is log(1 + exp(a)) without overflow.</details>


# %% role="solution" exercise="free_energy"
def free_energy(v, W, c, b):
    """F(v) (n,) of visible states v (n, n_visible)."""
    ### BEGIN SOLUTION
    logits = v @ W.T + b
    return -(v @ c) - np.logaddexp(0, logits).sum(axis=1)
    ### END SOLUTION


# %% role="test" exercise="free_energy" points=3
_v = np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
_logits = np.array([[1.0, 0.0], [-0.5, 1.0]])
_soft = np.log1p(np.exp(_logits))
_bias = np.array([0.7, 0.0])
answer(
    "two states of the example machine",
    free_energy(_v, W, c, b),
    -_bias - _soft.sum(axis=1),
    wrong={
        "the sign is reversed: this is -F": _bias + _soft.sum(axis=1),
        "the visible bias is missing": -_soft.sum(axis=1),
        "the hidden bias is missing": -_bias - np.log1p(np.exp(_logits - b)).sum(axis=1),
        "sum over the hidden units, do not average": -_bias - _soft.mean(axis=1),
    },
)
_far = free_energy(np.array([[0.0, 1.0, 0.0]]), 300 * W, c, b)
answer("no overflow where a logit is 901", _far, [1.0 - 901.0])
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("free_energy"),
    Probe(
        "free_energy(v, W, c, b)",
        {
            "v": lambda rng: rng.integers(0, 2, size=(7, 5)).astype(float),
            "W": lambda rng: rng.normal(size=(4, 5)),
            "c": lambda rng: rng.normal(size=5) + 0.4,
            "b": lambda rng: rng.normal(size=4) - 0.3,
        },
        message="on another machine the free energies differ: the signs, both biases, a sum over hidden units",
    ),
    Probe(
        "free_energy(v, 800 * W, c, b)",
        {
            "v": lambda rng: np.eye(3),
            "W": lambda rng: rng.uniform(1, 2, size=(2, 3)) * [[1], [-1]],
            "c": lambda rng: rng.normal(size=3),
            "b": lambda rng: rng.normal(size=2),
        },
        message="with large weights the free energy must stay finite",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 2 · The partition function from the cheaper side (3 points)
#
# A machine with 60 visible and 8 hidden units has $2^{68}$ joint states, but $Z$ is the sum of $2^8$ terms. Sum the *visible* units out by hand, as exercise 1 did with the hidden ones, and write `log_partition(W, c, b)`: $\log Z$ by enumeration of the hidden states. It must not overflow.
#
# <details><summary>Hint 1</summary>For a fixed h the sum over v factorises: each visible unit contributes 1 + exp(c_i + (W'h)_i).</details>
# <details><summary>Hint 2</summary>All hidden states: (np.arange(2**m)[:, None] >> np.arange(m)) & 1.</details>
# <details><summary>Hint 3</summary>np.logaddexp.reduce(values) is the log of a sum of exponentials.</details>


# %% role="solution" exercise="log_partition"
def log_partition(W, c, b):
    """log Z of the machine, a sum over its 2^n_hidden hidden states; one number."""
    ### BEGIN SOLUTION
    n_hidden = len(b)
    h = (np.arange(2**n_hidden)[:, None] >> np.arange(n_hidden)) & 1
    terms = h @ b + np.logaddexp(0, h @ W + c).sum(axis=1)
    return np.logaddexp.reduce(terms)
    ### END SOLUTION


# %% role="test" exercise="log_partition" points=3
answer(
    "without couplings Z is a product: 2 hidden and 3 visible fair coins",
    log_partition(np.zeros((2, 3)), np.zeros(3), np.zeros(2)),
    5 * np.log(2),
    wrong={
        "this is Z, and log Z is asked for": 32.0,
        "are all four hidden states in the sum?": 3 * np.log(2),
    },
)
_only_b = log_partition(np.zeros((2, 3)), np.zeros(3), b)
_without = 5 * np.log(2)
answer(
    "hidden biases alone",
    _only_b,
    3 * np.log(2) + np.log1p(np.exp(b)).sum(),
    wrong={"the hidden biases are missing": _without},
)
_vs = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)], dtype=float)
_by_v = np.log(np.exp(_vs @ c + np.log1p(np.exp(_vs @ W.T + b)).sum(axis=1)).sum())
answer("the example machine, as counted from the other side", log_partition(W, c, b), _by_v)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("log_partition"),
    Probe(
        "log_partition(W, c, b)",
        {
            "W": lambda rng: rng.normal(size=(6, 40)),
            "c": lambda rng: rng.normal(size=40) + 0.2,
            "b": lambda rng: rng.normal(size=6) - 0.3,
        },
        message="log Z of a machine with 40 visible and 6 hidden units differs",
    ),
    Probe(
        "log_partition(W, c, b)",
        {
            "W": lambda rng: 0.2 * rng.normal(size=(10, 5)),
            "c": lambda rng: rng.normal(size=5),
            "b": lambda rng: rng.normal(size=10) - 2,
        },
        message="log Z of a machine whose ten hidden units are mostly off differs: are all 1024 states in it?",
    ),
    Probe(
        "log_partition(200 * W, c, b)",
        {
            "W": lambda rng: rng.uniform(1, 2, size=(3, 9)),
            "c": lambda rng: rng.normal(size=9),
            "b": lambda rng: rng.normal(size=3),
        },
        message="with large weights log Z is large, and still finite",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 3 · One CD-k update (6 points)
#
# Randomness is hard to compare, so here it is handed to you. `cd_update(v, W, c, b, uniform_h, uniform_v, rate)` makes one update of contrastive divergence on the batch $v$ $(n, n_{\text{visible}})$ and returns the new `W, c, b`. The lists `uniform_h` and `uniform_v` hold $k$ arrays of uniform random numbers each, of shapes $(n, n_{\text{hidden}})$ and $(n, n_{\text{visible}})$: step number $s$ of the chain draws its hidden bits as `uniform_h[s] < p` and then its visible bits as `uniform_v[s] < p`.
#
# Follow the lecture's rules: inside the chain hidden units are *bits*, at its two ends their *probability* stands in for them; the update is the **mean** over the batch times the rate; the arguments are left as they were.
#
# <details><summary>Hint 1</summary>k is len(uniform_h). The chain starts at v, and v itself is needed again at the end.</details>
# <details><summary>Hint 2</summary>With p the hidden probabilities at v and q those at the chain's end: W + rate * (p.T @ v - q.T @ end) / n.</details>
# <details><summary>Hint 3</summary>The probabilities of the visible units are sigmoid(h @ W + c), without a transpose.</details>


# %% role="solution" exercise="cd_update"
def cd_update(v, W, c, b, uniform_h, uniform_v, rate):
    """New W, c, b after one CD-k step on the batch v (n, n_visible),
    with k = len(uniform_h).
    """

    ### BEGIN SOLUTION
    def sigmoid(a):
        return 1 / (1 + np.exp(-a))

    end = v
    for u_h, u_v in zip(uniform_h, uniform_v, strict=True):
        h = (u_h < sigmoid(end @ W.T + b)).astype(float)
        end = (u_v < sigmoid(h @ W + c)).astype(float)
    p, q = sigmoid(v @ W.T + b), sigmoid(end @ W.T + b)
    new_W = W + rate * (p.T @ v - q.T @ end) / len(v)
    new_c = c + rate * (v - end).mean(axis=0)
    new_b = b + rate * (p - q).mean(axis=0)
    return new_W, new_c, new_b
    ### END SOLUTION


# %% role="test" exercise="cd_update" points=6
def _logistic(a):
    return 1 / (1 + np.exp(-a))


_batch = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
# Numbers 0 draw every unit on, numbers 1 draw every unit off.
_ones_h, _ones_v, _none_h, _none_v = (
    [np.zeros((2, 2))],
    [np.zeros((2, 3))],
    [np.ones((2, 2))],
    [np.ones((2, 3))],
)
_kept = [array.copy() for array in (_batch, W, c, b)]
_new_W, _new_c, _new_b = cd_update(_batch, W, c, b, _ones_h, _none_v, 0.1)
for _given, _array in zip((_batch, W, c, b), _kept, strict=True):
    check("an argument is left as it was", _given, _array)
answer(
    "visible biases, a chain that ends at 000",
    _new_c,
    c + 0.1 * np.array([0.5, 0.5, 0.5]),
    wrong={
        "the two phases are swapped": c - 0.1 * np.array([0.5, 0.5, 0.5]),
        "take the mean over the batch, not the sum": c + 0.1 * np.ones(3),
        "this is the direction; add it to c": 0.1 * np.array([0.5, 0.5, 0.5]),
    },
)
_p, _q = _logistic(_batch @ W.T + b), _logistic(np.ones((2, 3)) @ W.T + b)
_step = (_p - _q).mean(axis=0)
_new_W, _new_c, _new_b = cd_update(_batch, W, c, b, _none_h, _ones_v, 0.1)
answer(
    "hidden biases, a chain that ends at 111",
    _new_b,
    b + 0.1 * _step,
    wrong={
        "at the end of the chain take the probability, not the bits": b + 0.1 * _p.mean(axis=0),
        "the two phases are swapped": b - 0.1 * _step,
    },
)
_pull = (_p.T @ _batch - _q.T @ np.ones((2, 3))) / 2
answer("weights, the same chain", _new_W, W + 0.1 * _pull, wrong={"the sign is reversed": W - 0.1 * _pull})
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

MACHINE = {
    "v": lambda rng: rng.integers(0, 2, size=(20, 5)).astype(float),
    "W": lambda rng: 1.5 * rng.normal(size=(6, 5)),
    "c": lambda rng: rng.normal(size=5) + 0.4,
    "b": lambda rng: rng.normal(size=6) - 0.3,
}
probes = [
    Visible("cd_update"),
    Probe(
        "cd_update(v, W, c, b, [u_h], [u_v], 0.3)",
        {
            **MACHINE,
            "u_h": lambda rng: rng.uniform(size=(20, 6)),
            "u_v": lambda rng: rng.uniform(size=(20, 5)),
        },
        message="with other random numbers CD-1 differs: bits inside the chain, probabilities at its ends, a mean",
    ),
    Probe(
        "cd_update(v, W, c, b, list(u_h), list(u_v), 0.2)",
        {
            **MACHINE,
            "u_h": lambda rng: rng.uniform(size=(4, 20, 6)),
            "u_v": lambda rng: rng.uniform(size=(4, 20, 5)),
        },
        message="CD-4 differs: each step starts where the last one ended, the positive phase stays at the data",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 4 · Where does the chain go? (4 points)
#
# Write `transition_matrix(W, c, b)`: the table $K(v, v') = \sum_h p(h \mid v)\, p(v' \mid h)$ of one Gibbs step, of shape $(2^{n_v}, 2^{n_v})$. State number $s$ is the one in which visible unit $i$ is bit $i$ of $s$, so `states = (np.arange(2**n)[:, None] >> np.arange(n)) & 1`, for the hidden units in the same way.
#
# The check below multiplies your table by itself 200 times and compares all its rows with $e^{-F(v)} / Z$ from your first two exercises: a long chain forgets its start.
#
# <details><summary>Hint 1</summary>Two tables and one matrix product.</details>
# <details><summary>Hint 2</summary>p(h | v) is a product over the units: p_j where h_j is 1, and 1 - p_j where it is 0.</details>
# <details><summary>Hint 3</summary>np.prod(np.where(h[None] == 1, p[:, None], 1 - p[:, None]), axis=2) with p of shape (2^n_v, n_hidden).</details>


# %% role="solution" exercise="transition_matrix"
def transition_matrix(W, c, b):
    """Probability (2^n_visible, 2^n_visible) of moving from state v (row)
    to v' (column) in one Gibbs step.
    """

    ### BEGIN SOLUTION
    def states(n):
        return (np.arange(2**n)[:, None] >> np.arange(n)) & 1

    def table(p, bits):
        return np.prod(np.where(bits[None] == 1, p[:, None], 1 - p[:, None]), axis=2)

    v, h = states(len(c)), states(len(b))
    h_given_v = table(1 / (1 + np.exp(-(v @ W.T + b))), h)
    v_given_h = table(1 / (1 + np.exp(-(h @ W + c))), v)
    return h_given_v @ v_given_h
    ### END SOLUTION


# %% role="test" exercise="transition_matrix" points=4
_K = transition_matrix(W, c, b)
answer("eight states to eight states", np.shape(_K), (8, 8))
check("each row adds up to 1 (where the columns do, it is transposed)", np.sum(_K, axis=1), 1.0, atol=1e-10)
_numbered = ((np.arange(8)[:, None] >> np.arange(3)) & 1).astype(float)
_p_v = np.exp(-free_energy(_numbered, W, c, b) - log_partition(W, c, b))
answer(
    "after many steps every row is p(v), as your free_energy and log_partition give it",
    np.linalg.matrix_power(_K, 200),
    np.tile(_p_v, (8, 1)),
    atol=1e-6,
)
_flow = _p_v[:, None] * _K
check("detailed balance: as much flow there as back", _flow, _flow.T, atol=1e-9)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("transition_matrix"),
    Probe(
        "transition_matrix(W, c, b)",
        {
            "W": lambda rng: 1.3 * rng.normal(size=(3, 4)),
            "c": lambda rng: rng.normal(size=4) + 0.4,
            "b": lambda rng: rng.normal(size=3) - 0.3,
        },
        message="on another machine the table differs: the order of the states, both biases, all hidden states",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 5 · A training log that looks too good (4 points)
#
# A colleague trains an RBM on 22 small pictures with CD-1 and a constant learning rate, and sends this log:
#
# | update | reconstruction error (pixels) | share of pictures rebuilt exactly |
# | --- | --- | --- |
# | 500 | 0.40 | 68 % |
# | 1500 | 0.09 | 92 % |
# | 4000 | 0.03 | 97 % |
#
# *"The error is ten times smaller than at update 500, so the model is much better, and it can still improve. By the way, I set all biases to zero at the end and halved the weights, to make it milder: its hidden units decide as before."*
#
# **(a)** What does the reconstruction error measure, and how can it fall while the likelihood falls? **(b)** What would you compute instead for a machine with 12 visible and 8 hidden units, and what for one with 784 and 500? **(c)** Is the last sentence of the colleague right, for the decisions at one half and for the distribution $p(v)$? (Part of this is an exam question about a logistic regression without bias.)

# %% [markdown] role="manual" exercise="training_log" points=4
# ### BEGIN SOLUTION
# **(a)** It measures how far a chain that starts at a data picture moves in one Gibbs step. A machine with large weights hardly moves, whatever the picture, so the error is small. The likelihood also asks how the probability is shared among *all* pictures; CD-1 never compares the depth of one valley with that of another, and these depths drift apart.
#
# **(b)** With 8 hidden units Z is a sum of 256 terms: the exact mean log p(v) on data, best on held-out data. With 500 hidden units: log Z by annealed importance sampling with many steps, its standard error, and a second run with more steps; then the mean of -F(v) - log Z on held-out data.
#
# **(c)** Half right. Once the biases are zero, halving W halves every logit and keeps its sign, so no decision at one half changes by the halving. But setting biases to zero does change decisions. And p(v) changes in both steps: probabilities are not decisions, with half the weights the valleys are shallower.
#
# *Rubric, 4 points:* 1 for "measures how far the chain moves from the data"; 1 for how the likelihood can fall meanwhile (valleys elsewhere, or unequal depths, which short chains do not see); 1 for exact log-likelihood for the small and AIS for the large machine; 1 for (c): halving keeps decisions of a machine without biases, removing biases does not, and p(v) changes.
# ### END SOLUTION

# %% [markdown]
# **Solutions** are in `notebooks/homework/source/hw08_rbm_cdk`. Look only once you have an answer of your own.
