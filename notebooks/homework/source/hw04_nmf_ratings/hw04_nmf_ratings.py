# ---
# jupyter:
#   coursekit:
#     allowed: [numpy]
# ---

# %% [markdown]
# # Homework 04 · Non-negative factors and ratings
#
# Five exercises on [notebook 04](../../../04_nmf_ratings.ipynb). Allow about two hours. Write each answer where a cell says that it is still empty, then run the cell below it, which tells you straight away how you are doing. Grading uses different data, so an answer that fits only the example earns no points.
#
# **Allowed:** NumPy. **Not allowed:** the models of `coursekit.factorization`, SciPy, scikit-learn, PyTorch and other numerical libraries; calling a ready-made solution does not count as an answer.
#
# Throughout, $X$ is a table of shape $(n, p)$, $W$ is $(n, k)$, $H$ is $(k, p)$, and `np.nan` in $X$ marks a blank: not rated. Leave the arrays that you are given as they are.

# %%
import numpy as np

from coursekit import data, plots
from coursekit.checks import answer, check
from coursekit.factorization import pictures

plots.use_course_style()
moods = data.moods()
# A small X with one blank, for the checks.
table = np.array([[4.0, 1.0], [np.nan, 6.0]])
amounts = np.array([[1.0], [2.0]])
part = np.array([[2.0, 1.0]])  # W H = [[2, 1], [4, 2]]


def with_blanks(rng, shape, high=5):
    """A random table (n, p) to try things on, a third of it blank,
    an entry in every row and column.
    """
    X = rng.uniform(0, high, shape)
    blank = rng.random(shape) < 0.35
    blank[np.arange(max(shape)) % shape[0], np.arange(max(shape)) % shape[1]] = False
    return np.where(blank, np.nan, X)


# %% [markdown]
# ## 1 · One round with blanks (6 points)
#
# **(a)** Write `masked_loss(X, W, H)`: **half** the sum of squared errors $(X_{ij} - (WH)_{ij})^2$ over the entries that were observed. One number.
#
# <details><summary>Hint 1</summary><code>np.isnan(X)</code> says where nothing was observed.</details>
# <details><summary>Hint 2</summary>Pick the observed entries first, with <code>~np.isnan(X)</code> as an index, then square.</details>
# <details><summary>Hint 3</summary><code>nan * 0</code> is <code>nan</code>: multiplying by a mask does not remove a NaN.</details>


# %% role="solution" exercise="masked_loss"
def masked_loss(X, W, H):
    """Half the sum of squared errors of W H over the observed entries of X;
    one number.
    """
    ### BEGIN SOLUTION
    seen = ~np.isnan(X)
    return 0.5 * np.sum((X - W @ H)[seen] ** 2)
    ### END SOLUTION


# %% role="test" exercise="masked_loss" points=2
answer(
    "three observed entries with the errors 2, 0 and 4 give 10",
    masked_loss(table, amounts, part),
    10.0,
    wrong={
        "half the sum: you left out the half": 20.0,
        "the blank counts as a rating of 0; leave it out": 18.0,
        "the sum, not the mean": 10.0 / 3,
        "the sum, not the mean over all places": 10.0 / 4,
    },
)
answer("without blanks every entry counts", masked_loss(np.full((2, 2), 3.0), amounts, part), 3.5)
answer("a rating of 0 is a rating", masked_loss(np.array([[0.0, 1.0]]), np.array([[2.0]]), part), 8.5)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("masked_loss"),
    Probe(
        "[masked_loss(X, W, H), masked_loss(X[:2], W[:2], H)]",
        {
            "X": lambda rng: with_blanks(rng, (7, 5)),
            "W": lambda rng: rng.uniform(size=(7, 3)),
            "H": lambda rng: rng.uniform(size=(3, 5)),
        },
        message="on another table your loss differs: half the sum of squares, over the observed entries only",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# **(b)** Derive the multiplicative update for this loss as in section 2 of the notebook: write its slope with respect to $W$ as pull minus push, and multiply $W$ by push / pull. Then write `masked_update(X, W, H)`: one round, $W$ first, then $H$ **with the new $W$**; it returns both.
#
# <details><summary>Hint 1</summary>Only observed entries contribute to the slope: the push is (M * X) H', the pull is (M * (W H)) H'.</details>
# <details><summary>Hint 2</summary><code>np.where(seen, X, 0)</code> is M * X, without a NaN.</details>
# <details><summary>Hint 3</summary>For H the same formula with the roles swapped: multiply by W' from the left.</details>


# %% role="solution" exercise="masked_update"
def masked_update(X, W, H):
    """W (n, k) and H (k, p) after one multiplicative round
    over the observed entries of X (n, p).
    """
    ### BEGIN SOLUTION
    seen = ~np.isnan(X)
    filled = np.where(seen, X, 0)
    W = W * (filled @ H.T) / ((seen * (W @ H)) @ H.T)
    H = H * (W.T @ filled) / (W.T @ (seen * (W @ H)))
    return W, H
    ### END SOLUTION


# %% role="test" exercise="masked_update" points=4
_given = table.copy(), amounts.copy(), part.copy()
_new_W, _new_H = masked_update(*_given)
answer(
    "the new W",
    _new_W,
    [[1.8], [6.0]],
    wrong={
        "the pull must leave out the blank as well: multiply W H by the mask": [[1.8], [1.2]],
        "upside down: multiply by push / pull, not by pull / push": [[1 / 1.8], [2 / 3]],
        "this is the factor; multiply the old W by it": [[1.8], [3.0]],
        "W comes first, with the old H": [[18.6 / 22.76], [30 / 13]],
    },
    atol=1e-6,
)
answer(
    "the new H",
    _new_H,
    [[20 / 9, 37.8 / 39.24]],
    wrong={
        "H must be updated with the new W, not with the old one": [[4.0, 2.6]],
        "H has not moved: both factors are updated": [[2.0, 1.0]],
        "the pull of H must leave out the blank as well": [[14.4 / 78.48, 37.8 / 39.24]],
    },
    atol=1e-6,
)
check(
    "X and W are left as they were",
    np.nan_to_num(np.hstack(_given[:2])),
    np.nan_to_num(np.hstack([table, amounts])),
)
check("H is left as it was", _given[2], part)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("masked_update"),
    Probe(
        "masked_update(X, W, H)",
        {
            "X": lambda rng: with_blanks(rng, (8, 6)),
            "W": lambda rng: rng.uniform(0.2, 2, size=(8, 3)),
            "H": lambda rng: rng.uniform(0.2, 2, size=(3, 6)),
        },
        message="on another table your factors differ: leave blanks out above and below the bar, and update H second",
    ),
    Probe(
        "[masked_update(X, W, H), W, H]",
        {
            "X": lambda rng: rng.uniform(1, 3, (4, 5)),
            "W": lambda rng: rng.uniform(0.2, 2, size=(4, 2)),
            "H": lambda rng: rng.uniform(0.2, 2, size=(2, 5)),
        },
        message="a table without a blank must work too, and the arguments must not change",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 2 · Are we there yet? (3 points)
#
# For a full table and $F = \tfrac12\lVert X - WH\rVert^2$, the Karush-Kuhn-Tucker conditions say: the slope is 0 where a factor is positive, and not negative where a factor is 0. Write `kkt_violation(X, W, H)`: the largest absolute value of $\min(\text{slope}, \text{factor})$ over all entries of **both** factors. It is 0 exactly when the conditions hold.
#
# <details><summary>Hint 1</summary>The slope with respect to W is (WH - X) H', with respect to H it is W' (WH - X).</details>
# <details><summary>Hint 2</summary><code>np.minimum</code> compares entry by entry.</details>
# <details><summary>Hint 3</summary>Take the absolute value after the minimum, not before it.</details>


# %% role="solution" exercise="kkt_violation"
def kkt_violation(X, W, H):
    """Largest |min(slope, factor)| over the entries of W and H,
    for half the squared error; one number.
    """
    ### BEGIN SOLUTION
    residual = W @ H - X
    by_W = np.abs(np.minimum(residual @ H.T, W)).max()
    by_H = np.abs(np.minimum(W.T @ residual, H)).max()
    return max(by_W, by_H)
    ### END SOLUTION


# %% role="test" exercise="kkt_violation" points=3
_diagonal = np.array([[2.0, 0.0], [0.0, 1.0]])
_column, _row = np.array([[1.0], [1.0]]), np.array([[1.0, 1.0]])
answer("an exact factorisation has none", kkt_violation(_column @ _row, _column, _row), 0.0)
answer(
    "slopes 0 and 1 beside factors of 1: 1",
    kkt_violation(_diagonal, _column, _row),
    1.0,
    wrong={"half the squared error: the 2 of the square and the half cancel": 2.0},
)
answer(
    "an entry of 0 with slope -6 would like to grow: 6",
    kkt_violation(np.array([[3.0]]), np.array([[0.0]]), np.array([[2.0]])),
    6.0,
    wrong={
        "not 0: an entry of 0 whose slope is negative would like to grow. Take the smaller of slope and factor "
        "(not their product), the slope as (WH - X) H', and the absolute value last": 0.0,
    },
)
answer(
    "an entry of 0 with a positive slope is as it should be; here only H is off, by 1",
    kkt_violation(np.array([[1.0, 3.0]]), np.array([[1.0, 0.0]]), np.array([[2.0, 2.0], [3.0, 0.0]])),
    1.0,
    wrong={
        "a positive slope at a zero is allowed: take min(slope, factor)": 3.0,
        "look at both factors": 0.0,
    },
)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("kkt_violation"),
    Probe(
        "[kkt_violation(X, W, H), kkt_violation(3 * X, W, H), kkt_violation(X / 9, W, H)]",
        {
            "X": lambda rng: rng.uniform(0, 5, (6, 4)),
            "W": lambda rng: rng.uniform(0, 1, (6, 2)) * (rng.random((6, 2)) < 0.7),
            "H": lambda rng: rng.uniform(0, 1, (2, 4)) * (rng.random((2, 4)) < 0.7),
        },
        message="on another table your number differs: min of slope and factor, both factors, largest absolute value",
    ),
    Probe(
        "[kkt_violation(s * X, a * W, H / a) for s in (1, 80) for a in (0.1, 10)]",
        {
            "X": lambda rng: rng.uniform(0, 1, (3, 5)),
            "W": lambda rng: rng.uniform(1, 2, (3, 2)),
            "H": lambda rng: rng.uniform(1, 2, (2, 5)),
        },
        message="a slope far below 0 counts whole, one far above 0 only as far as the factor goes; and the larger side is asked for",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 3 · The rival to beat (3 points)
#
# Write `biases(X, n_rounds)`: fit $x_{ij} \approx \mu + b_i + c_j$ to the observed entries. $\mu$ is the mean of all of them; $b$ and $c$ start at 0. Each round sets $b_i$ to the mean of $x_{ij} - \mu - c_j$ over the observed $j$, then $c_j$ to the mean of $x_{ij} - \mu - b_i$ over the observed $i$, with the new $b$. Return `mu, b, c`.
#
# <details><summary>Hint 1</summary><code>np.nanmean(..., axis=1)</code> is the mean of each row without its blanks.</details>
# <details><summary>Hint 2</summary><code>X - mu - c</code> subtracts c from every row; for b you need <code>b[:, None]</code>.</details>
# <details><summary>Hint 3</summary>With n_rounds = 0 both biases are zeros.</details>


# %% role="solution" exercise="biases"
def biases(X, n_rounds):
    """mu, b (n,) and c (p,) after n_rounds alternating means
    over the observed entries of X (n, p).
    """
    ### BEGIN SOLUTION
    mu = np.nanmean(X)
    b, c = np.zeros(X.shape[0]), np.zeros(X.shape[1])
    for _ in range(n_rounds):
        b = np.nanmean(X - mu - c, axis=1)
        c = np.nanmean(X - mu - b[:, None], axis=0)
    return mu, b, c
    ### END SOLUTION


# %% role="test" exercise="biases" points=3
_three = np.array([[1.0, 2.0], [3.0, np.nan]])
_mu, _b, _c = biases(_three, 1)
answer("mu is the mean of 1, 2 and 3", _mu, 2.0, wrong={"a blank is not a 0": 1.5})
answer(
    "after one round b = (-0.5, 1)",
    _b,
    [-0.5, 1.0],
    wrong={"b is taken about mu": [1.5, 3.0], "this is a mean over columns": [0.0, 0.0]},
)
answer(
    "and c = (-0.25, 0.5)",
    _c,
    [-0.25, 0.5],
    wrong={"c is computed with the new b, not with zeros": [0.0, 0.0]},
)
_mu, _b, _c = (np.asarray(part) for part in biases(_three, 100))
answer("many rounds fit these three ratings exactly", _mu + _b[[0, 0, 1]] + _c[[0, 1, 0]], [1.0, 2.0, 3.0])
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("biases"),
    Probe(
        "[biases(X, n) for n in (0, 1, 3)]",
        {"X": lambda rng: with_blanks(rng, (9, 6))},
        message="after 0, 1 or 3 rounds on another table your biases differ: means over observed entries, b before c",
    ),
    Probe(
        "biases(X, 2)",
        {"X": lambda rng: with_blanks(rng, (4, 11), high=100)},
        message="a wide table must work too: rows have b, columns have c",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 4 · What next? (3 points)
#
# The generative AI deck reads recommendations for user $i$ off the row $\hat X_{i,:}$ of $\hat X = WH$. It does not say that one should not recommend what the user has rated already. Write `recommend(X, W, H, i, n)`: the `n` columns with the largest predictions among those that row $i$ of $X$ leaves **blank**, best first. If fewer than `n` are blank, return them all.
#
# <details><summary>Hint 1</summary>Find the blank columns first, then look at the predictions there.</details>
# <details><summary>Hint 2</summary><code>np.argsort</code> sorts from small to large.</details>
# <details><summary>Hint 3</summary>What argsort returns are positions among the blanks; translate them back into columns of X.</details>


# %% role="solution" exercise="recommend"
def recommend(X, W, H, i, n):
    """The n blank columns of row i with the largest predictions, best first;
    all of them if fewer are blank.
    """
    ### BEGIN SOLUTION
    blank = np.flatnonzero(np.isnan(X[i]))
    predicted = W[i] @ H[:, blank]
    return blank[np.argsort(-predicted)][:n]
    ### END SOLUTION


# %% role="test" exercise="recommend" points=3
_ratings = np.array([[3.0, np.nan, np.nan, np.nan, 1.0], [np.nan, 1.0, 2.0, 2.0, np.nan]])
_tastes = np.array([[1.0, 0.0], [0.0, 1.0]])  # so the rows of `things` are the predictions
_things = np.array([[3.0, 1.0, 2.0, 0.5, 4.0], [6.0, 1.0, 2.0, 3.0, 5.0]])
answer(
    "of the blanks 1, 2 and 3 the first user gets 2, then 1",
    recommend(_ratings, _tastes, _things, 0, 2),
    [2, 1],
    wrong={
        "these were rated already: recommend only blanks": [4, 0],
        "this is the worst first": [3, 1],
        "these are positions among the blanks, not columns of X": [1, 0],
        "these are blank, but not sorted by prediction": [1, 2],
    },
)
answer(
    "the second user gets 0",
    recommend(_ratings, _tastes, _things, 1, 1),
    [0],
    wrong={"this is for the first user: the amounts are in row i of W": [4]},
)
answer(
    "three blanks make three recommendations at most", recommend(_ratings, _tastes, _things, 0, 9), [2, 1, 3]
)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("recommend"),
    Probe(
        "[[int(j) for j in recommend(X, W, H, i, n)] for i in range(6) for n in (1, 3, 12)]",
        {
            "X": lambda rng: with_blanks(rng, (6, 12)),
            "W": lambda rng: rng.uniform(size=(6, 3)),
            "H": lambda rng: rng.uniform(size=(3, 12)),
        },
        message="for some user of another table your recommendations differ: blanks only, best first, columns of X",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 5 · What is wrong with this report? (4 points)
#
# A colleague has factorised the moods of 400 people and writes:
#
# *"We put 0 for the answers that were missing and fitted factors of several ranks. The figure shows the error on our table: twelve factors are best by far, so we use twelve. Their amounts (the columns of W) differ a lot in size; factor 1 has the largest mean amount, so it is the mood that matters most."*


# %%
def _error_on_the_fitted_table(k, rng):
    """The colleague's error (RMSE) with k factors, after 60 rounds,
    blanks taken for zeros.
    """
    X = np.nan_to_num(moods.x[:400])
    W, H = rng.uniform(size=(len(X), k)), rng.uniform(size=(k, X.shape[1]))
    for _ in range(60):
        W = W * (X @ H.T) / (W @ H @ H.T)
        H = H * (W.T @ X) / (W.T @ W @ H)
    return np.sqrt(np.mean((X - W @ H) ** 2))


_rng, _ranks = np.random.default_rng(1), (1, 2, 4, 6, 8, 12)
_errors = [[_error_on_the_fitted_table(k, _rng)] for k in _ranks]
plots.show(
    pictures.error_by_rank(
        _ranks, {"NMF": (_errors, "model")}, {}, ylabel="error (RMSE)",
        title="the colleague's figure: the error falls with every factor"),
    alt="The root mean squared error on the colleague's table falls steadily from one "
    "factor to twelve.",
)  # fmt: skip

# %% [markdown]
# Find **three separate faults**: one in the data, one in how the rank was chosen, one in the conclusion. For each, say why it is a fault and how to fix it. Then say in one sentence what the colleague should compare the twelve factors with before recommending them.

# %% [markdown] role="manual" exercise="report" points=4
# ### BEGIN SOLUTION
# **Blanks as zeros.** A missing answer says nothing, a 0 says "not at all". The factors are fitted to answers that were never given, and every prediction is pulled down. To fix it: sum over the observed entries only (the masked update of exercise 1).
#
# **The rank was chosen on the data it was fitted to.** There the error can only fall with more factors, so the largest rank tried always wins, whatever the data. To fix it: hide some answers, fit without them, and choose the rank with the smallest error on the hidden ones; repeat with other splits.
#
# **The size of a column of W means nothing.** $WH = (WD)(D^{-1}H)$ for every positive diagonal $D$: double a column and halve its part, and nothing changes. To fix it: scale every part to the same length (or sum) first; or measure how much the error grows when a factor is left out. (And another start may give other factors.)
#
# **What to compare with:** person and word biases (or at least the mean of each word), on the same hidden answers.
#
# *Rubric, 4 points:* 1 for blanks with the reason; 1 for the choice of the rank with held-out answers as the remedy; 1 for the scaling ambiguity; 1 for a baseline on held-out answers. A fault named without a reason or remedy earns half a point.
# ### END SOLUTION

# %% [markdown]
# **Solutions** are in `notebooks/homework/source/hw04_nmf_ratings`. Look only once you have an answer of your own.
