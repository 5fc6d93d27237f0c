# ---
# jupyter:
#   coursekit:
#     allowed: [numpy]
# ---

# %% [markdown]
# # Homework 13 · Training GANs
#
# Five exercises on [notebook 13](../../../13_training_gans.ipynb). Allow about two hours. Write each answer where a cell says that it is still empty, then run the cell below it, which tells you straight away how you are doing. Grading uses different numbers, so an answer that fits only the example earns no points.
#
# **Allowed:** NumPy. **Not allowed:** `coursekit.gan_training`, PyTorch, SciPy, scikit-learn and other numerical libraries; calling a ready-made solution does not count as an answer. A function leaves its arguments as they were.
#
# Samples are rows. Logarithms are natural, and $\sigma(u) = 1/(1+e^{-u})$.

# %%
import numpy as np

from coursekit import plots
from coursekit.checks import answer, check

plots.use_course_style()
reference = np.array([[0.0, 2.0], [1.0, -1.0], [5.0, 0.0], [2.0, 3.0]])
batch = np.array([[1.0, 1.0], [-2.0, 4.0], [3.0, 0.5]])


# %% [markdown]
# ## 1 · Virtual batch norm (4 points)
#
# Write `virtual_batch_norm(x, reference, epsilon)`: each row of `x` (n, d) is normalised by the mean and the variance of the reference batch (m, d) *and that row itself*, m + 1 rows in all. The variance is a mean of m + 1 squares (not of m), and `epsilon` is added to it under the root. There are no weights and biases here.
#
# <details><summary>Hint 1</summary>Which rows may take part in the mean that is used for row i?</details>
# <details><summary>Hint 2</summary>A loop over the rows of x is fine: stack the reference and the one row.</details>
# <details><summary>Hint 3</summary>For each row: union = np.vstack([reference, row]), then (row - union.mean(0)) / np.sqrt(union.var(0) + epsilon).</details>


# %% role="solution" exercise="virtual_batch_norm"
def virtual_batch_norm(x, reference, epsilon):
    """Rows of x (n, d), each normalised by the reference batch (m, d) and itself."""
    ### BEGIN SOLUTION
    rows = []
    for row in x:
        union = np.vstack([reference, row])
        rows.append((row - union.mean(axis=0)) / np.sqrt(union.var(axis=0) + epsilon))
    return np.array(rows)
    ### END SOLUTION


# %% role="test" exercise="virtual_batch_norm" points=4
_kept = batch.copy(), reference.copy()
_ours = virtual_batch_norm(batch, reference, 0.1)
check("x is left as it was", batch, _kept[0])
check("the reference is left as it was", reference, _kept[1])
_gap, _m = batch - reference.mean(axis=0), len(reference)
_expected = _gap * _m / (_m + 1) / np.sqrt(_m / (_m + 1) * (reference.var(axis=0) + _gap**2 / (_m + 1)) + 0.1)
_both = np.vstack([reference, batch])
answer(
    "three rows, each with the reference",
    _ours,
    _expected,
    wrong={
        "this is reference batch norm: the row itself counts too": _gap
        / np.sqrt(reference.var(axis=0) + 0.1),
        "the whole batch takes part: so the samples still depend on each other": (batch - _both.mean(axis=0))
        / np.sqrt(_both.var(axis=0) + 0.1),
        "this is plain batch norm: where is the reference?": (batch - batch.mean(axis=0))
        / np.sqrt(batch.var(axis=0) + 0.1),
    },
)
answer(
    "a row alone gets what it gets in company", virtual_batch_norm(batch[1:2], reference, 0.1), _expected[1:2]
)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

ROWS = {
    "x": lambda rng: rng.normal(1, 2, size=(5, 3)),
    "reference": lambda rng: rng.normal(-1, 3, size=(4, 3)),
}
probes = [
    Visible("virtual_batch_norm"),
    Probe(
        "np.asarray(virtual_batch_norm(x, reference, 0.3))",
        ROWS,
        message="on other rows the result differs: m + 1 rows, the variance divided by m + 1, epsilon under the root",
    ),
    Probe(
        "np.asarray(virtual_batch_norm(x[:1], reference, 1e-5))",
        ROWS,
        message="with a single row and a small epsilon the result differs: the row itself takes part",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 2 · The gradient of a minibatch feature (5 points)
#
# One row of minibatch features compares samples by $M$ (n, c): $o_i = \sum_{j} \exp(-\lVert M_i - M_j \rVert_1)$. A discriminator weighs the samples with numbers $w_i$. Write `closeness_gradient(M, w)`: the gradient of $\sum_i w_i\, o_i$ with respect to $M$, an array (n, c). Where two entries are equal, take slope 0 (`np.sign` does).
#
# <details><summary>Hint 1</summary>M_k occurs in its own feature o_k, and in those of all the others.</details>
# <details><summary>Hint 2</summary>d exp(-|u|) / du = -exp(-|u|) sign(u). The distance of i and j has the same slope in both, up to the sign.</details>
# <details><summary>Hint 3</summary>The gradient in M_k is the sum over j of -(w_k + w_j) exp(-distance_kj) sign(M_k - M_j).</details>


# %% role="solution" exercise="closeness_gradient"
def closeness_gradient(M, w):
    """Gradient (n, c) of sum_i w_i sum_j exp(-|M_i - M_j|_1) in M (n, c); w (n,)."""
    ### BEGIN SOLUTION
    difference = M[:, None] - M[None, :]  # (n, n, c)
    near = np.exp(-np.abs(difference).sum(axis=2))  # (n, n)
    pull = (w[:, None] + w[None, :]) * near
    return -(pull[:, :, None] * np.sign(difference)).sum(axis=1)
    ### END SOLUTION


# %% role="test" exercise="closeness_gradient" points=5
_M, _w = np.array([[0.0, 1.0], [0.4, 0.7], [-0.3, 1.6], [1.1, 0.2]]), np.array([1.0, -0.5, 2.0, 0.3])


def _total(points):
    return sum(_w[i] * np.exp(-np.abs(points[i] - points[j]).sum()) for i in range(4) for j in range(4))


_numeric = np.zeros((4, 2))
for _i in range(4):
    for _j in range(2):
        _step = np.zeros((4, 2))
        _step[_i, _j] = 1e-6
        _numeric[_i, _j] = (_total(_M + _step) - _total(_M - _step)) / 2e-6
_difference = _M[:, None] - _M[None, :]
_near = np.exp(-np.abs(_difference).sum(axis=2))
_own = -(_w[:, None, None] * _near[:, :, None] * np.sign(_difference)).sum(axis=1)
_ours = closeness_gradient(_M, _w)
answer(
    "finite differences",
    _ours,
    _numeric,
    wrong={
        "only the slope of a sample's own feature: it moves those of the others too": _own,
        "twice its own slope: right only where all weights are equal": 2 * _own,
        "the sign is turned round": -_numeric,
    },
    atol=1e-6,
)
answer(
    "a perfect collapse: no slope at all",
    closeness_gradient(np.ones((5, 3)), np.arange(5.0)),
    np.zeros((5, 3)),
)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("closeness_gradient"),
    Probe(
        "np.asarray(closeness_gradient(M, w))",
        {"M": lambda rng: rng.normal(size=(6, 3)), "w": lambda rng: rng.normal(size=6)},
        message="with other samples and weights the gradient differs: both roles of a sample, L1 distance, the sign",
    ),
    Probe(
        "np.asarray(closeness_gradient(M, w))",
        {
            "M": lambda rng: np.repeat(rng.normal(size=(3, 2)), 2, axis=0),
            "w": lambda rng: rng.uniform(size=6),
        },
        message="where pairs of samples coincide the gradient differs: their own distance has slope 0 there",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 3 · Through one unrolled step (5 points)
#
# The world has k points, so the discriminator is a table of scores $s$ (k,). Data have probabilities $p$, the model $q$. The discriminator makes one step of gradient *ascent* on the value, with learning rate $\eta$,
#
# $$V(q, s) = \sum_i p_i \log \sigma(s_i) + q_i \log \sigma(-s_i), \qquad s_i' = s_i + \eta\, \frac{\partial V}{\partial s_i} .$$
#
# Write `unrolled_slope(p, q, s, rate)`: the total derivative $\frac{d}{dq_i} V(q, s'(q))$, an array (k,). Take the $q_i$ as free numbers; do not make them sum to one.
#
# <details><summary>Hint 1</summary>q enters twice: in V itself, and in s'.</details>
# <details><summary>Hint 2</summary>dV/ds_i = p_i sigma(-s_i) - q_i sigma(s_i), so ds'_i/dq_i = -rate * sigma(s_i).</details>
# <details><summary>Hint 3</summary>log sigma(-s'_i) + (p_i sigma(-s'_i) - q_i sigma(s'_i)) * (-rate * sigma(s_i)): the first two factors at s', the last at s.</details>


# %% role="solution" exercise="unrolled_slope"
def unrolled_slope(p, q, s, rate):
    """Total derivative (k,) of V(q, s') in q, one ascent step ahead; p, q, s (k,)."""

    ### BEGIN SOLUTION
    def sigmoid(u):
        return 1 / (1 + np.exp(-u))

    ahead = s + rate * (p * sigmoid(-s) - q * sigmoid(s))
    direct = np.log(sigmoid(-ahead))
    reaction = (p * sigmoid(-ahead) - q * sigmoid(ahead)) * (-rate * sigmoid(s))
    return direct + reaction
    ### END SOLUTION


# %% role="test" exercise="unrolled_slope" points=5
_p, _q, _s = np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.3, 0.6]), np.array([0.4, -0.2, 0.1])


def _sig(u):
    return 1 / (1 + np.exp(-u))


def _ahead(q):
    return _s + 2.0 * (_p * _sig(-_s) - q * _sig(_s))


def _value(q, s):
    return (_p * np.log(_sig(s)) + q * np.log(_sig(-s))).sum()


_numeric = np.array(
    [(_value(_q + _e, _ahead(_q + _e)) - _value(_q - _e, _ahead(_q - _e))) / 2e-6 for _e in 1e-6 * np.eye(3)]
)
_next = _ahead(_q)
_down = _s - 2.0 * (_p * _sig(-_s) - _q * _sig(_s))
answer(
    "finite differences",
    unrolled_slope(_p, _q, _s, 2.0),
    _numeric,
    wrong={
        "the discriminator's reaction is missing": np.log(_sig(-_next)),
        "this looks no step ahead": np.log(_sig(-_s)),
        "the discriminator climbs on the value: s' = s + rate * slope, not minus": np.log(_sig(-_down))
        + (_p * _sig(-_down) - _q * _sig(_down)) * 2.0 * _sig(_s),
        "the reaction has the wrong sign": 2 * np.log(_sig(-_next)) - _numeric,
        "ds'/dq is taken at s, not at s'": np.log(_sig(-_next))
        - (_p * _sig(-_next) - _q * _sig(_next)) * 2.0 * _sig(_next),
    },
    atol=1e-6,
)
_best = np.log(_p / _q)
answer("at the best response the reaction fades", unrolled_slope(_p, _q, _best, 2.0), np.log(_q / (_p + _q)))
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

TABLE = {
    "p": lambda rng: rng.dirichlet(np.ones(5)),
    "q": lambda rng: rng.dirichlet(np.ones(5)),
    "s": lambda rng: rng.normal(size=5),
}
probes = [
    Visible("unrolled_slope"),
    Probe(
        "np.asarray(unrolled_slope(p, q, s, 3.0))",
        TABLE,
        message="with five points the slope differs: both terms, s' in the first factors and s in the last",
    ),
    Probe(
        "np.asarray(unrolled_slope(p, q, s, 0.0))",
        TABLE,
        message="with rate 0 there is no step, and only the direct term at s is left",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 4 · The code of half a picture (4 points)
#
# For a linear generator $G(z) = W z + c$, with $W$ (pixels, codes), the code of a wish has a closed form. Write `linear_code(W, c, target, mask, penalty)`: the $z$ that minimises
#
# $$\frac{\sum_i m_i\,\big((Wz + c)_i - x_i\big)^2}{\sum_i m_i} + \lambda\, \frac{|z|^2}{d},$$
#
# where $x$ is the target, $m$ the mask (weights from 0 to 1) and $d$ the number of codes. The target may hold any nonsense where the mask is 0.
#
# <details><summary>Hint 1</summary>Set the gradient in z to zero: a linear system with d unknowns.</details>
# <details><summary>Hint 2</summary>The weights appear once, not squared: W' diag(m) W.</details>
# <details><summary>Hint 3</summary>(W' diag(m) W / sum(m) + penalty / d * I) z = W' (m * (target - c)) / sum(m).</details>


# %% role="solution" exercise="linear_code"
def linear_code(W, c, target, mask, penalty):
    """The best code z (d,) for pixels `target` (n,) with weights `mask` (n,);
    W (n, d), c (n,).
    """
    ### BEGIN SOLUTION
    d, total = W.shape[1], mask.sum()
    left = W.T @ (mask[:, None] * W) / total + penalty / d * np.eye(d)
    return np.linalg.solve(left, W.T @ (mask * (target - c)) / total)
    ### END SOLUTION


# %% role="test" exercise="linear_code" points=4
_W = np.array([[1.0, 0.5], [-1.0, 2.0], [0.3, 0.0], [2.0, -1.0], [0.0, 1.0]])
_c = np.array([0.5, -1.0, 0.0, 0.2, 1.0])
_x = _W @ np.array([0.7, -0.4]) + _c
_mask = np.array([1.0, 1.0, 0.0, 1.0, 0.0])
_nonsense = np.where(_mask > 0, _x, 99.0)
answer(
    "three known pixels give the code back",
    linear_code(_W, _c, _nonsense, _mask, 0.0),
    [0.7, -0.4],
    wrong={
        "pixels with mask 0 must not count": np.linalg.lstsq(_W, _nonsense - _c, rcond=None)[0],
        "the constant c comes off the target first": np.linalg.lstsq(
            _W[_mask > 0], _x[_mask > 0], rcond=None
        )[0],
    },
)
_weights = np.array([1.0, 0.5, 0.0, 0.25, 1.0])
_y = np.array([1.0, 0.0, -3.0, 2.0, 0.5])


def _ridge(share):
    gram = _W.T @ (_weights[:, None] * _W)
    return np.linalg.solve(gram + share * np.eye(2), _W.T @ (_weights * (_y - _c)))


answer(
    "weights between 0 and 1, and a penalty",
    linear_code(_W, _c, _y, _weights, 0.6),
    _ridge(2.75 * 0.6 / 2),
    wrong={
        "the penalty is missing": _ridge(0.0),
        "divide the first term by sum(mask): it is a weighted mean, not a sum": _ridge(0.6 / 2),
        "divide the penalty by d, the number of codes": _ridge(2.75 * 0.6),
        "divide the first term by sum(mask), not by the number of pixels": _ridge(5 * 0.6 / 2),
    },
)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

PICTURE = {
    "W": lambda rng: rng.normal(size=(9, 3)),
    "c": lambda rng: rng.normal(size=9),
    "target": lambda rng: rng.normal(size=9),
    "mask": lambda rng: rng.permutation([0.0, 0.0, 0.2, 0.5, 0.7, 1.0, 1.0, 0.4, 0.9]),
}
probes = [
    Visible("linear_code"),
    Probe(
        "np.asarray(linear_code(W, c, target, mask, 0.0))",
        PICTURE,
        message="without a penalty the code differs: the weights count once, c comes off the target",
    ),
    Probe(
        "np.asarray(linear_code(W, c, target, mask, 0.8))",
        PICTURE,
        message="with a penalty the code differs: the first term is divided by sum(mask), the second by d",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 5 · A table that proves too much (4 points)
#
# A colleague reports on a ring of eight modes:
#
# | | seed | steps of G | steps of D, inner ones included | CPU seconds | modes | good |
# | --- | --- | --- | --- | --- | --- | --- |
# | plain game | 1 | 800 | 800 | 1.2 | 2 | .02 |
# | unrolled, K = 5 | 4 | 800 | 4800 | 10 | 8 | .55 |
#
# *"The step size of each game was tuned on the seed shown. Unrolling cures mode collapse because the generator foresees the discriminator's reaction. And the generator does not memorise: no sample is equal to a training point."*
#
# **(a)** Which two games should be added so that the table can say *why* the second row is better, and what would each of their possible results mean? **(b)** What is wrong with the seeds, and what should be reported instead? **(c)** Why does the last sentence say nothing about memorising, and what would you measure?

# %% [markdown] role="manual" exercise="a_fair_table" points=4
# ### BEGIN SOLUTION
# **(a)** A game with six steps of the real discriminator for each step of the generator and no unrolling: it costs about the same. If it does as well, more training of $D$ is the explanation, and looking ahead adds nothing at this cost. And the unrolled game with the inner steps cut off (their derivative left out): same $\phi_K$, but no knowledge of the reaction. If it does as well, the reaction term is not what helps. Only if both are clearly worse is foresight the cause.
#
# **(b)** One seed each, and not the same one; and the settings were chosen on the very seed that is reported, which flatters both rows, the one with more knobs more. Choose the settings on some seeds, report at least three others, the same for all rows, with the spread.
#
# **(c)** With continuous data a copy with a little noise is not equal to any training point, so the sentence would hold for a perfect copying machine. Measure how near samples are to the training points compared with how near *new* data are (the share that is nearer: 1 for copies, one half for samples that keep the distance of new data, near 0 for samples far from all data), beside recall or the modes.
#
# *Rubric, 4 points:* 1 for the control of equal cost and what it would mean; 1 for the cut-off control (or another control that separates the reaction from more discriminator steps); 1 for tuning and reporting on the same, single and different seeds; 1 for copies that are not equal, and a comparison with new data.
# ### END SOLUTION

# %% [markdown]
# **Solutions** are in `notebooks/homework/source/hw13_training_gans`. Look only once you have an answer of your own.
