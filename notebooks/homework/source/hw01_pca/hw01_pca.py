# ---
# jupyter:
#   coursekit:
#     allowed: [numpy]
# ---

# %% [markdown]
# # Homework 01 · Principal component analysis
#
# Four exercises on [notebook 01](../../../01_pca_usarrests.ipynb). Allow about two hours. Write each answer where a cell says that it is still empty, then run the cell below it, which tells you straight away how you are doing. Grading uses different data, so an answer that fits only the example earns no points.
#
# **Allowed:** NumPy, also `np.linalg.eigh` and `np.linalg.svd`, except where an exercise says otherwise. **Not allowed:** the models of `coursekit.pca`, SciPy, scikit-learn, PyTorch and other numerical libraries; calling a ready-made solution does not count as an answer. A function leaves its arguments as they were. An exercise that builds on an earlier one is graded with your own functions, so an error there costs you again: fix it first.
#
# As in the lecture, variances and covariances divide by $n$.

# %%
import numpy as np

from coursekit import data, plots
from coursekit.checks import answer, check
from coursekit.pca import pictures

plots.use_course_style()
states = data.usarrests()

# %% [markdown]
# ## 1 · Whitening (5 points)
#
# Many methods like data whose covariance matrix is the identity: no feature is larger than another, none is correlated with another. PCA gives such data almost for free. Take the scores on **all** components, the one with the largest variance first, and divide each column by its standard deviation.
#
# Write `whiten(X)`: it takes $X$ of shape $(n, p)$ with $n > p$ and returns $Z$ of the same shape. The sign of each column is free.
#
# <details><summary>Hint 1</summary>Three steps: centre, rotate, divide.</details>
# <details><summary>Hint 2</summary>The rotation is the matrix of eigenvectors of the covariance matrix; `np.linalg.eigh` returns them as columns, in ascending order of the eigenvalues.</details>
# <details><summary>Hint 3</summary>The variance of a score is the eigenvalue. What is its standard deviation?</details>


# %% role="solution" exercise="whiten"
def whiten(X):
    """Scores of X (n, p) on all its components, in falling order,
    each scaled to variance 1; (n, p).
    """
    ### BEGIN SOLUTION
    centred = X - X.mean(axis=0)
    variances, directions = np.linalg.eigh(centred.T @ centred / len(X))
    variances, directions = variances[::-1], directions[:, ::-1]
    return centred @ directions / np.sqrt(variances)
    ### END SOLUTION


# %% role="test" exercise="whiten" points=3
_table = np.array([[2.0, 1.0, 0.5], [0.0, 3.0, 1.0], [5.0, 4.0, -1.0], [1.0, -2.0, 2.0], [4.0, 6.0, 0.0]])
_given = _table.copy()
_Z = np.asarray(whiten(_given))
check("X itself is left as it was", _given, _table)
answer("Z has the shape of X", np.shape(_Z), _table.shape)
check("every column of Z has mean 0 (did you centre?)", _Z.mean(axis=0), 0.0, atol=1e-6)
_covariance, _spread = (
    _Z.T @ _Z / len(_Z),
    (_table - _table.mean(axis=0)).T @ (_table - _table.mean(axis=0)) / len(_table),
)
_sizes = np.linalg.eigvalsh(_spread)[::-1]
answer(
    "the covariance of Z is the identity",
    _covariance,
    np.eye(3),
    wrong={
        "your standard deviation divides by n - 1; the lecture divides by n": np.eye(3)
        * (1 - 1 / len(_table)),
        "you rotated but did not divide by the standard deviations": np.diag(_sizes),
        "you divided by the variance; divide by its square root": np.diag(1 / _sizes),
    },
    atol=1e-6,
)
_shared = np.linalg.norm(_Z.T @ (_table - _table.mean(axis=0)) / len(_table), axis=1)
answer(
    "the columns of Z are the scores, largest variance first",
    _shared,
    np.sqrt(_sizes),
    wrong={"the order is turned round: eigh returns the smallest eigenvalue first": np.sqrt(_sizes[::-1])},
    atol=1e-6,
)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("whiten", normalise=lambda Z: Z * np.sign(Z[np.abs(Z).argmax(axis=0), range(Z.shape[1])])),
    Probe(
        "whiten(X)",
        {
            "X": lambda rng: (
                rng.normal(size=(rng.integers(20, 40), 4)) @ rng.normal(size=(4, 4)) + [5, -3, 0, 80]
            )
        },
        message="on another table the whitened scores are different: centre, rotate, divide, and keep the order",
        normalise=lambda Z: Z * np.sign(Z[np.abs(Z).argmax(axis=0), range(Z.shape[1])]),
    ),
    Probe(
        "[np.mean(np.asarray(whiten(X)) ** 4, axis=0), X]",
        {"X": lambda rng: rng.uniform(size=(15, 2)) * [1, 900]},
        message="whiten must work for columns of very different size, and must not change its argument",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# A result deserves a check. Write `whiteness_error(Z)`: one number, the largest absolute difference between an entry of the covariance matrix of $Z$ and the same entry of the identity. It must be right for any $Z$, including one that is neither centred nor white.


# %% role="solution" exercise="whiteness_error"
def whiteness_error(Z):
    """Largest absolute entry of (covariance of Z) - identity, for any Z (n, p);
    one number.
    """
    ### BEGIN SOLUTION
    centred = Z - Z.mean(axis=0)
    return np.abs(centred.T @ centred / len(Z) - np.eye(Z.shape[1])).max()
    ### END SOLUTION


# %% role="test" exercise="whiteness_error" points=2
_square = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
answer("the corners of a square are white", whiteness_error(_square), 0.0)
answer(
    "moving them does not change that",
    whiteness_error(_square + [3.0, 0.0]),
    0.0,
    wrong={"a covariance is taken about the mean: centre Z first": 9.0},
)
answer(
    "two equal columns differ from white by 1, off the diagonal",
    whiteness_error(_square[:, [0, 0]]),
    1.0,
    wrong={"look at the entries beside the diagonal too": 0.0},
)
answer("a narrow square is off by 0.75, whatever the sign", whiteness_error(_square * 0.5), 0.75)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("whiteness_error"),
    Probe(
        "[whiteness_error(part) for part in (Z, 0.2 * Z, Z[:, :2] + 4, Z[:, :1])]",
        {"Z": lambda rng: rng.normal(size=(rng.integers(6, 12), 3)) * [1, 0.5, 0.7]},
        message="your error differs on another table: absolute values, all entries, about the mean, divided by n",
    ),
    Probe(
        "whiteness_error((C - C.mean(axis=0)) / C.std(axis=0))",
        {"C": lambda rng: rng.normal(size=(9, 1)) + 0.5 * rng.normal(size=(9, 3))},
        message="each column may have variance 1 and yet the table is not white",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 2 · How many components? (3 points)
#
# Write `components_needed(X, share)`: the smallest number $k$ of components which together keep **at least** the given share of the variance. A share that is met up to rounding, within $10^{-12}$, counts as met. Work on the columns as they are, without standardising.
#
# <details><summary>Hint 1</summary>Shares are eigenvalues divided by their sum.</details>
# <details><summary>Hint 2</summary>`np.cumsum` adds them up. Mind the order.</details>
# <details><summary>Hint 3</summary>If the first entry of the sum is enough already, the answer is 1, not 0.</details>


# %% role="solution" exercise="components_needed"
def components_needed(X, share):
    """Smallest k whose first k components keep at least `share` (0 < share <= 1)
    of the variance of X (n, p).
    """
    ### BEGIN SOLUTION
    singular = np.linalg.svd(X - X.mean(axis=0), compute_uv=False)
    kept = np.cumsum(singular**2) / np.sum(singular**2)
    # Rounding may leave the last sum a hair below 1.
    return int(np.argmax(kept >= share - 1e-12)) + 1
    ### END SOLUTION


# %% role="test" exercise="components_needed" points=3
_cross = np.array(
    [[3.0, 0, 0], [-3, 0, 0], [0, 2, 0], [0, -2, 0], [0, 0, 1], [0, 0, -1]]
)  # variances 9 : 4 : 1
answer(
    "60 % of the cross takes one component (it keeps 9/14)",
    components_needed(_cross, 0.6),
    1,
    wrong={
        "you count from 0: the first component alone is k = 1": 0,
        "one too many: is the count off, are these shares of the standard deviation (variances are squares), "
        "or did you standardise?": 2,
        "start with the largest eigenvalue": 3,
    },
)
answer("90 % takes two (13/14)", components_needed(_cross, 0.9), 2)
answer(
    "exactly 13/14 takes two: at least means at least",
    components_needed(_cross, 13 / 14),
    2,
    wrong={"at least, not more than; and allow 1e-12 for rounding": 3},
)
answer(
    "everything takes three",
    components_needed(_cross, 1.0),
    3,
    wrong={"no sum reached 1: rounding left the last a hair too small, allow 1e-12": 1},
)
answer(
    "exactly 9/14 takes one, in whatever unit the cross is measured",
    max(components_needed(_cross * unit, 9 / 14) for unit in (0.1, 0.3, 7.0)),
    1,
    wrong={"rounding left a share a hair too small: allow 1e-12": 2},
)
answer("moving the data changes nothing", components_needed(_cross + 7, 0.9), 2, wrong={"did you centre?": 1})
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("components_needed"),
    Probe(
        "[components_needed(X, share) for share in shares]",
        {
            "X": lambda rng: (
                rng.normal(size=(60, 8)) @ (rng.normal(size=(8, 8)) * rng.uniform(0.2, 2, 8)) + 20
            ),
            "shares": lambda rng: np.sort(rng.uniform(0.2, 0.995, size=12)),
        },
        message="on another table some of your numbers differ: check the order, the squares, the centring",
    ),
    Probe(
        "[components_needed(X * unit, share) for unit in units for share in shares]"
        " + [components_needed(Y, 7 / 9 + 1e-4)]",
        {
            "Y": np.vstack([np.diag([7.0, 1, 1]) ** 0.5, -(np.diag([7.0, 1, 1]) ** 0.5)]),
            "X": np.vstack([np.diag([4.0, 2.0, 2.0, 1.0]), -np.diag([4.0, 2.0, 2.0, 1.0])]),
            # Rounding spares some answers without a tolerance in one unit, hardly any in 40.
            "units": lambda rng: rng.uniform(0.5, 2, size=40),
            "shares": lambda rng: rng.permutation(
                [16 / 25, 20 / 25, 24 / 25, 1.0, 0.63, 0.65, 0.01, 0.64 + 1e-10, 0.8 + 1e-6, 0.96 + 4e-4]
            ),
        },
        message="a share that is met within 1e-12 is enough, and one that is missed by 1e-10 is not",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 3 · PCA without an eigensolver (6 points)
#
# How does a computer find an eigenvector? The oldest way still works for huge matrices, since it only ever multiplies: start with some vector, multiply by $S$, scale to length 1, repeat. Each multiplication stretches the part along the largest eigenvector most, so that part wins.
#
# **Not allowed in this exercise:** `np.linalg.eigh`, `eig`, `svd`. Your grading looks at vectors *before* they have converged, so those would not help.
#
# **(a)** Write `power_iteration(S, start, n_steps)`. It scales `start` to length 1, then does `n_steps` times: multiply by $S$, scale to length 1. It returns the vector and the *Rayleigh quotient* $v^\top S v$, its estimate of the eigenvalue.
#
# <details><summary>Hint 1</summary>It is a loop with two lines in it.</details>
# <details><summary>Hint 2</summary>For a vector of length 1 the Rayleigh quotient is v @ S @ v; compute it after the loop.</details>
# <details><summary>Hint 3</summary>With n_steps = 0 you return the scaled start and its quotient.</details>


# %% role="solution" exercise="power_iteration"
def power_iteration(S, start, n_steps):
    """The unit vector (p,) after n_steps multiplications by S (p, p),
    and its Rayleigh quotient.
    """
    ### BEGIN SOLUTION
    v = start / np.linalg.norm(start)
    for _ in range(n_steps):
        v = S @ v
        v = v / np.linalg.norm(v)
    return v, v @ S @ v
    ### END SOLUTION


# %% role="test" exercise="power_iteration" points=3
_S = np.array([[3.0, 0.0], [0.0, 1.0]])
_v, _value = power_iteration(_S, np.array([1.0, 1.0]), 1)
answer(
    "after one step from (1, 1): direction (3, 1)",
    _v,
    np.array([3.0, 1.0]) / np.sqrt(10),
    wrong={"scale the vector to length 1 after each step": np.array([3.0, 1.0]),
           "this is no step yet; does the loop run n_steps times?": np.array([1.0, 1.0]) / np.sqrt(2)},
)  # fmt: skip
answer(
    "its Rayleigh quotient is 2.8",
    _value,
    2.8,
    wrong={
        "this is the length of S v, not v' S v": np.linalg.norm(_S @ [3, 1]) / np.sqrt(10),
        "this is the quotient of the vector before the last step": 2.0,
    },
)
answer(
    "no step: the start itself, scaled to length 1",
    power_iteration(_S, np.array([3.0, 4.0]), 0)[0],
    [0.6, 0.8],
)
_v, _value = power_iteration(_S, np.array([1.0, 1.0]), 40)
answer("after 40 steps the largest eigenvalue is found", _value, 3.0)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("power_iteration"),
    Probe(
        "[[power_iteration(A @ A.T / 5, way * start, n) for n in (0, 1, 4) for way in (1, -1)], start]",
        {"A": lambda rng: rng.normal(size=(5, 5)), "start": lambda rng: 3 * rng.normal(size=5)},
        message="on another matrix, after 0, 1 or 4 steps, your vector or its quotient differs",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# **(b)** The second component: once $v_1$ is known, take its share out of the matrix, $S - \lambda_1 v_1 v_1^\top$ (*deflation*), and iterate again. Write `first_components(X, k, start, n_steps)`: centre $X$, form the covariance matrix, and find $k$ components with your `power_iteration`, each from the same `start` with `n_steps` steps. Return them as rows, shape $(k, p)$; the sign of each row is free.
#
# <details><summary>Hint 1</summary>After each component, replace the matrix by the deflated one.</details>
# <details><summary>Hint 2</summary>`np.outer(v, v)` is the matrix v v'.</details>
# <details><summary>Hint 3</summary>Use the eigenvalue that power_iteration returned for this vector.</details>


# %% role="solution" exercise="first_components"
def first_components(X, k, start, n_steps):
    """The first k components (k, p) of X (n, p), by power iteration and deflation."""
    ### BEGIN SOLUTION
    centred = X - X.mean(axis=0)
    S = centred.T @ centred / len(X)
    found = []
    for _ in range(k):
        v, value = power_iteration(S, start, n_steps)
        S = S - value * np.outer(v, v)
        found.append(v)
    return np.array(found)
    ### END SOLUTION


# %% role="test" exercise="first_components" points=3
_scaled = (states.x - states.x.mean(axis=0)) / states.x.std(axis=0)
_found = first_components(_scaled + [5, 0, 0, 3], 2, np.ones(4), 200)
answer("two components of four numbers", np.shape(_found), (2, 4))
_printed = np.array(
    [[0.5358995, 0.5831836, 0.2781909, 0.5434321], [0.4181809, 0.1879856, 0.8728062, 0.1673186]]
)
answer(
    "their sizes are those of the textbook's Table 10.1",
    np.abs(_found),
    _printed,
    atol=1e-6,
    wrong={"you found the first component twice: deflate the matrix before the second": _printed[[0, 0]]},
)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible(
        "first_components",
        normalise=lambda v: v * np.sign(v[range(len(v)), np.abs(v).argmax(axis=1)])[:, None],
    ),
    Probe(
        "first_components(X, k, start, n_steps)",
        {
            "X": lambda rng: rng.normal(size=(30, 5)) * [5, 3, 2, 1, 0.5] + 10,
            "start": lambda rng: rng.normal(size=5),
            "k": lambda rng: int(rng.integers(3, 5)),
            "n_steps": lambda rng: int(rng.integers(5, 9)),
        },
        message="on another table, with few steps, your components differ: centring, deflation, or the start",
        normalise=lambda v: v * np.sign(v[range(len(v)), np.abs(v).argmax(axis=1)])[:, None],
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 4 · What is wrong with this biplot? (4 points)
#
# A colleague hands you this picture of the 50 states and writes: *"The first component explains 98 % of the variance, so the states differ in one thing only. It is a general level of crime: all four arrows have a part in it."*

# %%
_faulty = states.x
_, _sizes, _axes = np.linalg.svd(_faulty, full_matrices=False)
_axes = _axes * np.sign(_axes.sum(axis=1))[:, None]
_share = _sizes[0] ** 2 / np.sum(_sizes**2)
plots.show(
    pictures.biplot(
        _faulty @ _axes[:2].T,
        _axes[:2],
        states.row_names,
        states.feature_names,
        label_rows=False,
        title=f"first component: {_share:.0%} of the sum of squares",
    ),
    alt="A biplot in which all fifty points lie to the right of the origin, spread "
    "along the first axis up to a score of about 350; the assault arrow lies along "
    "that axis, urban population along the second, and murder and rape are tiny.",
)

# %% [markdown]
# Find **two separate faults** in how the picture was made. For each, say what in the picture betrays it, what it does to the 98 %, and how to fix it. Then say in one sentence what is left of the colleague's conclusion.

# %% [markdown] role="manual" exercise="biplot" points=4
# ### BEGIN SOLUTION
# **Not centred.** All points lie on one side of the origin: their scores are all positive, and scores of centred data have mean 0. The first direction points from zero to the mean of the cloud, so most of the "98 %" is the square of the mean and no variance. To fix it: subtract the column means.
#
# **Not standardised.** The first axis is Assault alone, and murder and rape have hardly an arrow: Assault has the largest numbers. Centring does not cure it: after centring alone the first component keeps 97 % of the variance, with Assault as its content. To fix it: divide each column by its standard deviation.
#
# **What is left:** after both repairs the first component keeps 62 % and the second, the share of people in towns, 25 %. There is a common level of the three crimes, but the states differ in more than one thing.
#
# *Rubric, 4 points:* 1 for "not centred" with the betraying sign (all scores on one side); 1 for "not standardised" with its sign (one arrow owns the axis); 1 for what each does to the 98 % (squares of the mean; units of Assault); 1 for the mended conclusion with both shares or an equivalent statement. A fault named without its sign in the picture earns half a point.
# ### END SOLUTION

# %% [markdown]
# **Solutions** are in `notebooks/homework/source/hw01_pca`. Look only once you have an answer of your own.
