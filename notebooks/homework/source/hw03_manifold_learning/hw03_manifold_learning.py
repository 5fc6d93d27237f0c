# ---
# jupyter:
#   coursekit:
#     allowed: [numpy]
# ---

# %% [markdown]
# # Homework 03 · Manifold learning
#
# Four exercises on [notebook 03](../../../03_manifold_learning.ipynb). Allow about two and a half hours. Write each answer where a cell says that it is still empty, then run the cell below it, which tells you straight away how you are doing. Grading uses different data, so an answer that fits only the example earns no points.
#
# **Allowed:** NumPy, also `np.linalg.eigh`. **Not allowed:** the models of `coursekit.manifold` and `coursekit.pca`, SciPy, scikit-learn, PyTorch and other numerical libraries; calling a ready-made solution does not count as an answer. A function leaves its arguments as they were. An exercise that builds on an earlier one is graded with your own functions, so an error there costs you again: fix it first.

# %%
import base64

import numpy as np

from coursekit import plots
from coursekit.checks import answer, check
from coursekit.manifold import pictures

plots.use_course_style()

# %% [markdown]
# ## 1 · A map with weights (6 points)
#
# **(a)** Section 1 of the lecture put the origin at the mean of all points. Suppose instead that cities count by their population: point $i$ has weight $w_i \geq 0$, the weights add to 1, and the origin is the *weighted* mean, $\sum_k w_k x_k = 0$.
#
# Repeat the derivation: start from $d_{ij}^2 = b_{ii} + b_{jj} - 2b_{ij}$ and take weighted means over $j$, over $i$, and over both. Then write `weighted_center(squared, weights)`: it takes the squared distances (n, n) and the weights (n,) and returns the inner products $b_{ij} = x_i^\top x_j$ about the weighted mean, (n, n).
#
# <details><summary>Hint 1</summary>The weighted mean of row i is b_ii + m with m the weighted mean of all b_kk. What is the weighted mean of the whole table?</details>
# <details><summary>Hint 2</summary>With equal weights 1/n your formula must be the one of the lecture.</details>
# <details><summary>Hint 3</summary>`squared @ weights` is the vector of the weighted means of the rows.</details>


# %% role="solution" exercise="weighted_center"
def weighted_center(squared, weights):
    """Inner products (n, n) about the weighted mean,
    from squared distances (n, n) and weights (n,) adding to 1.
    """
    ### BEGIN SOLUTION
    rows = squared @ weights
    overall = weights @ rows
    return -0.5 * (squared - rows[:, None] - rows[None, :] + overall)
    ### END SOLUTION


# %% role="test" exercise="weighted_center" points=3
_line = np.array([[0.0], [2.0], [6.0]])  # three points on a line
_squared = (_line - _line.T) ** 2
_equal = np.full(3, 1 / 3)
_centred = _line - _line.mean()
answer(
    "with equal weights it is the double centring of the lecture",
    weighted_center(_squared, _equal),
    _centred @ _centred.T,
    wrong={
        "the sign: inner products are minus one half of the centred table": -_centred @ _centred.T,
        "the factor one half is missing": 2 * _centred @ _centred.T,
    },
)
_weights = np.array([0.5, 0.5, 0.0])
_about_1 = (_line - 1.0) @ (_line - 1.0).T
answer(
    "weights 1/2, 1/2, 0: the origin is half way between the first two points",
    weighted_center(_squared, _weights),
    _about_1,
    wrong={
        "the weights are not used: these are inner products about the plain mean": _centred @ _centred.T,
        "the weighted mean of the whole table is missing": _about_1 + 0.5 * (_weights @ _squared @ _weights),
        "the means of rows and columns need the weights too": -0.5
        * (
            _squared
            - _squared.mean(axis=1)[:, None]
            - _squared.mean(axis=0)
            + _weights @ _squared.mean(axis=1)
        ),
        "the weighted mean of the whole table has to be added": _about_1 + (_weights @ _squared @ _weights),
        "the weighted mean of the whole table has two weights in each term": _about_1
        + 0.5 * (_weights @ _squared @ _weights - (_squared @ _weights).mean()),
    },
)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("weighted_center"),
    Probe(
        "[weighted_center(squared, weights), squared, weights]",
        {
            "squared": lambda rng: (lambda X: ((X[:, None] - X) ** 2).sum(axis=2))(
                rng.normal(size=(9, 3)) + 2
            ),
            "weights": lambda rng: rng.dirichlet(np.ones(9)),
        },
        message="with other points and weights your inner products differ: which means carry the weights?",
    ),
    Probe(
        "weighted_center(squared, weights)",
        {
            "squared": lambda rng: (lambda A: (A + A.T) ** 2 * (1 - np.eye(6)))(rng.uniform(size=(6, 6))),
            "weights": lambda rng: rng.dirichlet(np.full(6, 0.5)),
        },
        message="it must also work for a table that no points have, such as road distances",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# **(b)** The deck's slide is called *Manifold Learning: Nonlinear Dimensionality Reduction*, and the first method that it names is MDS. For straight-line distances, classical MDS is nothing of the kind: there is one matrix $A$, the same for all points, with map = $(X - \text{mean})A$.
#
# Write `linear_map(X, k)`: it takes the points (n, p) and returns this matrix $A$ of shape (p, k), for the map of classical MDS with $k$ dimensions, the longest first. The sign of each column is free.
#
# <details><summary>Hint 1</summary>What does section 2 of the lecture say that the map is?</details>
# <details><summary>Hint 2</summary>One way: the eigenvectors of a p × p matrix. Another: solve centred X times A = map for A.</details>
# <details><summary>Hint 3</summary>The columns of A have length 1. Why?</details>


# %% role="solution" exercise="linear_map"
def linear_map(X, k):
    """The matrix A (p, k) by which classical MDS maps the centred points:
    map = (X - mean) A.
    """
    ### BEGIN SOLUTION
    centred = X - X.mean(axis=0)
    values, vectors = np.linalg.eigh(centred @ centred.T)
    values, vectors = values[::-1][:k], vectors[:, ::-1][:, :k]
    Y = vectors * np.sqrt(values)
    return centred.T @ Y / values
    ### END SOLUTION


# %% role="test" exercise="linear_map" points=3
_cross = np.array([[3.0, 0, 0], [-3, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 2], [0, 0, -2]]) + [5, 7, 0]
_A = linear_map(_cross, 2)
answer("A has p rows and k columns", np.shape(_A), (3, 2))
answer(
    "the map of the cross: its longest arm, then the second longest",
    np.abs(_A),
    np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]]),
    wrong={
        "the smallest eigenvalues come first from eigh: take the largest": np.array(
            [[0.0, 0], [1, 0], [0, 1]]
        ),
        "each column is too long: A = X'Y divided by the eigenvalues": np.array([[18.0, 0], [0, 0], [0, 8]]),
        "divide by the eigenvalues, not by their roots": np.array([[18**0.5, 0], [0, 0], [0, 8**0.5]]),
    },
)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible


def fixed_signs(A):
    return A * np.sign(A[np.abs(A).argmax(axis=0), range(A.shape[1])])


probes = [
    Visible("linear_map", normalise=fixed_signs),
    Probe(
        "[linear_map(X, 2), X]",
        {"X": lambda rng: rng.normal(size=(25, 4)) @ (rng.normal(size=(4, 4)) * [3, 2, 1, 0.5]) + 20},
        message="on other points your matrix differs: centre, take the largest eigenvalues, mind the length",
        normalise=lambda value: [fixed_signs(value[0]), value[1]],
    ),
    Probe(
        "linear_map(X, 3)",
        {"X": lambda rng: rng.normal(size=(7, 30)) - 3},
        message="it must also work with more columns than rows",
        normalise=fixed_signs,
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 2 · The first eigenvector of a graph (3 points)
#
# A graph has symmetric weights $w_{ij} \geq 0$, zeros on the diagonal, and is in one piece. Let Deg be the diagonal matrix of its row sums and $L = \text{Deg} - W$. The constant function solves $Ly = \mu\,\text{Deg}\,y$ with $\mu = 0$. Write `first_coordinate(weights)`: it returns the *next* $\mu$ and its $y$ (n,), scaled so that $y^\top\text{Deg}\,y = 1$. The sign of $y$ is free.
#
# `np.linalg.eigh` solves symmetric problems without the Deg on the right. Turn this one into such a problem.
#
# <details><summary>Hint 1</summary>Put u = Deg^(1/2) y. What equation does u solve?</details>
# <details><summary>Hint 2</summary>The matrix is Deg^(-1/2) L Deg^(-1/2); its entries are those of L divided by the roots of two row sums.</details>
# <details><summary>Hint 3</summary>If u has length 1, what is y' Deg y?</details>


# %% role="solution" exercise="first_coordinate"
def first_coordinate(weights):
    """The smallest mu > 0 of L y = mu Deg y, and its y (n,) with y' Deg y = 1;
    weights (n, n).
    """
    ### BEGIN SOLUTION
    degrees = weights.sum(axis=1)
    root = np.sqrt(degrees)
    L = np.diag(degrees) - weights
    values, vectors = np.linalg.eigh(L / np.outer(root, root))
    return values[1], vectors[:, 1] / root
    ### END SOLUTION


# %% role="test" exercise="first_coordinate" points=3
_path = np.array([[0.0, 1, 0], [1, 0, 1], [0, 1, 0]])  # a - b - c
_mu, _y = first_coordinate(_path)
answer(
    "a path of three points: mu = 1",
    _mu,
    1.0,
    wrong={
        "mu is 0: is this the constant function? Take the next; or is your matrix not L?": 0.0,
        "this is the largest mu; coordinates are the cheapest functions": 2.0,
        "mu is negative: L is the degrees minus the weights": -1.0,
    },
)
answer(
    "on the path the ends get opposite values, the middle 0",
    np.abs(_y),
    np.array([1.0, 0.0, 1.0]) / np.sqrt(2),
    wrong={"y is the constant function": np.full(3, 0.5)},
)
_kite = np.array([[0.0, 1, 2, 0], [1, 0, 3, 0], [2, 3, 0, 1], [0, 0, 1, 0]])
_mu, _y = first_coordinate(_kite)
_degrees = _kite.sum(axis=1)
answer(
    "on a kite L y = mu Deg y (is the Deg on the right in your problem?)",
    _degrees * _y - _kite @ _y,
    _mu * _degrees * _y,
)
answer(
    "and y' Deg y = 1",
    _y @ (_degrees * _y),
    1.0,
)
check("and y' Deg 1 = 0", _y @ _degrees, 0.0, atol=1e-9)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible


def one_sign(found):
    """The first entry that is not small is positive; the largest may come twice, with either sign."""
    mu, y = found
    return [mu, y * np.sign(y[np.argmax(np.abs(y) > 0.5 * np.abs(y).max())])]


def graph(rng):
    weights = rng.uniform(size=(8, 8)) * (rng.uniform(size=(8, 8)) < 0.5)
    weights += np.diag(np.ones(7), 1)
    return np.triu(weights, 1) + np.triu(weights, 1).T


probes = [
    Visible("first_coordinate", normalise=one_sign),
    Probe(
        "[first_coordinate(W), W]",
        {"W": lambda rng: graph(rng)},
        message="on another graph mu or y differs: the second smallest, the Deg on both sides, y' Deg y = 1",
        normalise=lambda value: [one_sign(value[0]), value[1]],
    ),
    Probe(
        "[first_coordinate(scale * W)[0] for scale in (0.1, 1.0, 50.0)]",
        {"W": lambda rng: graph(rng)},
        message="mu must not change when all weights are multiplied by the same number",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 3 · Perplexity (5 points)
#
# **(a)** Write `perplexity_of(p)`: the exponential of the entropy of the probabilities `p` (m,), the number of equally likely choices that would be as open. Some entries may be 0; they contribute nothing.
#
# <details><summary>Hint 1</summary>Entropy in nats is minus the sum of p log p.</details>
# <details><summary>Hint 2</summary>0 log 0 counts as 0, but NumPy says nan: leave those entries out.</details>
# <details><summary>Hint 3</summary>For four equally likely choices the answer is 4.</details>


# %% role="solution" exercise="perplexity_of"
def perplexity_of(p):
    """exp(entropy in nats) of probabilities p (m,), which may hold zeros;
    one number.
    """
    ### BEGIN SOLUTION
    used = p[p > 0]
    return np.exp(-np.sum(used * np.log(used)))
    ### END SOLUTION


# %% role="test" exercise="perplexity_of" points=2
answer(
    "four equally likely choices",
    perplexity_of(np.full(4, 0.25)),
    4.0,
    wrong={
        "this is the entropy in nats: take the exponential": np.log(4),
        "this is the entropy in bits": 2.0,
        "entropy in bits goes with powers of 2, in nats with exp; you mixed them": np.exp(2.0),
        "the sign of the entropy": 0.25,
    },
)
answer("a choice that is certain, among three", perplexity_of(np.array([0.0, 1.0, 0.0])), 1.0)
answer(
    "1/2, 1/4, 1/4",
    perplexity_of(np.array([0.5, 0.25, 0.25])),
    2**1.5,
    wrong={"this counts the entries; unequal choices are less open than equal ones": 3.0},
)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("perplexity_of"),
    Probe(
        "[perplexity_of(p), perplexity_of(np.append(p, [0.0, 0.0])), p]",
        {"p": lambda rng: rng.dirichlet(np.ones(rng.integers(4, 9)))},
        message="for other probabilities, with and without zeros, your perplexity differs",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# **(b)** Write `find_beta(d2, perplexity)`: given the squared distances (m,) from one point to all others, find the $\beta$ for which $p_j \propto \exp(-\beta d_j^2)$ has the given perplexity, to a relative accuracy of $10^{-6}$. Use bisection. The distances may be in metres or in light years, so you cannot know in advance where $\beta$ is: look for an upper end first.
#
# <details><summary>Hint 1</summary>The larger beta, the fewer neighbours count, the smaller the perplexity.</details>
# <details><summary>Hint 2</summary>Double beta until the perplexity is too small; then halve the interval.</details>
# <details><summary>Hint 3</summary>For large beta all exponentials become 0 and p is 0/0. Subtract the smallest d2 first: it changes no probability.</details>


# %% role="solution" exercise="find_beta"
def find_beta(d2, perplexity):
    """beta > 0 for which p ~ exp(-beta d2), d2 (m,), has this perplexity
    (between 1 and m).
    """
    ### BEGIN SOLUTION
    shifted = d2 - d2.min()
    low, high = 0.0, np.inf
    beta = 1 / shifted.max()
    for _ in range(200):
        p = np.exp(-beta * shifted)
        too_open = perplexity_of(p / p.sum()) > perplexity
        low, high = (beta, high) if too_open else (low, beta)
        beta = 2 * beta if np.isinf(high) else (low + high) / 2
    return beta
    ### END SOLUTION


# %% role="test" exercise="find_beta" points=3
_ladder = np.array([1.0, 4.0, 9.0, 16.0, 25.0])
_beta = find_beta(_ladder, 2.0)
_p = np.exp(-_beta * _ladder)
answer(
    "five points on a ladder, perplexity 2",
    perplexity_of(_p / _p.sum()),
    2.0,
    atol=1e-4,
    wrong={
        "beta is 1: did the search move at all?": perplexity_of(np.exp(-_ladder) / np.exp(-_ladder).sum())
    },
)
answer("ten times the distances, a hundredth of beta", find_beta(100 * _ladder, 2.0), _beta / 100, rtol=1e-5)
answer("tiny distances", find_beta(1e-8 * _ladder, 2.0), _beta * 1e8, rtol=1e-5, atol=0)
answer(
    "a constant added to all squared distances changes nothing",
    find_beta(_ladder + 5000, 2.0),
    _beta,
    rtol=1e-5,
)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("find_beta", rtol=1e-5),
    Probe(
        "[[np.log(find_beta(unit * d2, perplexity)) for unit in units for perplexity in (1.5, 4.0, 11.0)], d2]",
        {
            "d2": lambda rng: rng.chisquare(6, size=15) + 1,
            "units": lambda rng: 10 ** rng.uniform(-8, 8, size=3),
        },
        message="in other units, or for another perplexity, your beta differs: find the upper end by doubling",
        atol=1e-5,
    ),
    Probe(
        "np.log(find_beta(d2 + 1e4, 3.0))",
        {"d2": lambda rng: rng.chisquare(6, size=9)},
        message="far points give exponentials of 0: subtract the smallest squared distance first",
        atol=1e-5,
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 4 · What does this map say? (4 points)
#
# A colleague has run t-SNE at perplexity 5 on measurements with ten columns, three species in three colours. The picture is real; the coordinates are stored below.

# %%
_stored = (
    "jBuNBJ8OmwypK4Ymjg6VDZwMmCKJGJcdhiqHFJ8cjQCcKYYsgRilK43+jA+EEZgflxiRHaMqjgqb"
    "G5wnBB/lCRjI9g3Y+ewG8rkOIggfGcsf/g4Q5ukEAQH0Jdz33R7uIufy1vcFH8rpCADz/CQZzdQI"
    "+s/0E+3Z7gMm6BgEFA4g7h/p6vcPC94AGegV8Q0ODiT/Iun98dcY8NbxBtH1yQHhFBcEDtfxFuPe"
    "/N/43dzwDyrcB+vVB9PuGSP88RsiEAj3zCD55evzvRAZ6toHAvriAB0j2//hAA4H0fMNEgXd3QL3"
    "9ccG7f0P5/scAvS/fAB3D238bQJkE3b2dwh2BWX9YRpgDXP4dQlmHXsFYhVpFWoEafl29HEib/tg"
    "E3AJcCNkAGgPfgh1IVsV"
)
_places = np.frombuffer(base64.b64decode(_stored), dtype=np.int8).reshape(150, 2) / 127
_species = np.repeat(["A", "B", "C"], [30, 90, 30])
plots.show(
    pictures.named_groups(_places, _species, title="t-SNE, perplexity 5"),
    alt="A t-SNE map with three groups in a row: A at the left, small; B in the "
    "middle, about twice as wide, in many little clumps; C at the right, as small as "
    "A. B is as far from A as from C.",
)

# %% [markdown]
# The report says:
#
# 1. *"B is the most variable species: it covers the largest area."*
# 2. *"A and C are equally variable."*
# 3. *"B is as different from A as from C: the gaps are equally wide."*
# 4. *"B falls into about a dozen subspecies, the little clumps."*
#
# In fact the standard deviations (over all ten columns together) are 3.0, 3.1 and 23.7 for A, B and C; the centres of A and B are 15 apart, those of B and C 285; and B was drawn from a single Gaussian. For **each** of the four sentences, say which step of t-SNE makes the picture look that way, and name one computation on the data, or one further run, that would have exposed the sentence. Then say in one sentence what the picture does show.

# %% [markdown] role="manual" exercise="reading" points=4
# ### BEGIN SOLUTION
# **1. Area counts points.** Every point gets the same perplexity, whatever the density around it, so room on the map follows the number of points and not the spread; B has three times as many (90 against 30), and gets even more than three times the area. Exposed by the standard deviations in the data: A and B are equal.
#
# **2. Each point has its own width.** The Gaussian around a point is widened or narrowed until the perplexity is 5, so a group eight times as wide is drawn as wide as a tight one: density is divided out before the map is made. Exposed by the same standard deviations, or by the chosen widths $1/\sqrt{2\beta_i}$ themselves, which are about eight times as large in C.
#
# **3. Probabilities of far pairs are zero.** For points of different groups $p_{ij}$ is zero up to rounding, whether they are 15 or 285 apart; all that is left is a weak repulsion, and where the groups end up depends on the start and on when the descent stops. Exposed by the distances between the centres in the data, or by a second run from a random start.
#
# **4. A low perplexity makes clumps.** With 5 neighbours per point, the pulls hold together handfuls of points that happen to be near each other by chance; nothing ties one handful to the next. Exposed by a run at perplexity 30 (the clumps merge), or by drawing a single Gaussian of 90 points and seeing the same clumps.
#
# **What it does show:** near points in ten dimensions are near on the map, and no point of one species has its neighbours in another: there are three separate groups.
#
# *Rubric, 4 points:* one point for each sentence: half for the step of t-SNE that is responsible, half for a computation or a run that would have exposed it. Deduct half a point in all if the last sentence is missing, or claims more than separate groups of neighbours.
# ### END SOLUTION

# %% [markdown]
# **Solutions** are in `notebooks/homework/source/hw03_manifold_learning`. Look only once you have an answer of your own.
