# ---
# jupyter:
#   coursekit:
#     allowed: [numpy]
# ---

# %% [markdown]
# # Homework 10 · Autoencoders
#
# Five exercises on [notebook 10](../../../10_autoencoders.ipynb). Allow about two hours. Write each answer where a cell says that it is still empty, then run the cell below it, which tells you straight away how you are doing. Grading uses different data, so an answer that fits only the example earns no points.
#
# **Allowed:** NumPy. **Not allowed:** the models of `coursekit.autoencoder`, SciPy, scikit-learn, PyTorch and other numerical libraries; calling a ready-made solution does not count as an answer. A function leaves its arguments as they were. An exercise that builds on an earlier one is graded with your own functions, so an error there costs you again: fix it first.
#
# Errors are summed over the entries of an example and averaged over the examples, as in the lecture.

# %%
import numpy as np

from coursekit.checks import answer, check

# %% [markdown]
# ## 1 · The saddle (4 points, an exam question)
#
# A linear autoencoder of single numbers: $z = w_1 x$, $\hat x = w_2 z$. The loss is $L = \frac1n \sum_i (x_i - w_2 w_1 x_i)^2$.
#
# Write `scalar_gradient(w1, w2, x)`: the array $(\partial L/\partial w_1,\ \partial L/\partial w_2)$, and `scalar_hessian(w1, w2, x)`: the matrix of second derivatives, shape (2, 2). Derive both on paper first.
#
# <details><summary>Hint 1</summary>With m the mean of the squares of x, the loss is (1 - w1 w2)² m.</details>
# <details><summary>Hint 2</summary>The chain rule: the inner derivative of 1 - w1 w2 with respect to w1 is -w2.</details>
# <details><summary>Hint 3</summary>For the entry off the diagonal, differentiate -2 m (1 - w1 w2) w2 with respect to w2: a product, two terms.</details>


# %% role="solution" exercise="saddle"
def scalar_gradient(w1, w2, x):
    """(dL/dw1, dL/dw2) as an array (2,); x (n,)."""
    ### BEGIN SOLUTION
    m = np.mean(np.asarray(x) ** 2)
    return -2 * m * (1 - w1 * w2) * np.array([w2, w1])
    ### END SOLUTION


def scalar_hessian(w1, w2, x):
    """Second derivatives of L, (2, 2); x (n,)."""
    ### BEGIN SOLUTION
    m = np.mean(np.asarray(x) ** 2)
    mixed = 4 * m * w1 * w2 - 2 * m
    return np.array([[2 * m * w2**2, mixed], [mixed, 2 * m * w1**2]])
    ### END SOLUTION


# %% role="test" exercise="saddle" points=4
_x = np.array([1.0, -2.0, 2.0])  # the mean of the squares is 3
answer(
    "the gradient at (1, 2)",
    scalar_gradient(1.0, 2.0, _x),
    [12.0, 6.0],
    wrong={
        "the sign is reversed: the gradient points uphill": [-12.0, -6.0],
        "the entries are exchanged: the derivative by w1 contains w2": [6.0, 12.0],
        "the loss is a mean over the examples, not a sum": [36.0, 18.0],
        "a factor 2 is missing": [6.0, 3.0],
    },
)
answer("on the hyperbola there is no slope", scalar_gradient(4.0, 0.25, _x), [0.0, 0.0])
answer(
    "the Hessian at (0, 0)",
    scalar_hessian(0.0, 0.0, _x),
    [[0.0, -6.0], [-6.0, 0.0]],
    wrong={"this is a minimum; look at the mixed derivative again": [[6.0, 0.0], [0.0, 6.0]]},
)
answer(
    "the Hessian at (1, 2)",
    scalar_hessian(1.0, 2.0, _x),
    [[24.0, 18.0], [18.0, 6.0]],
    wrong={"the entries on the diagonal are exchanged": [[6.0, 18.0], [18.0, 24.0]],
           "the mixed derivative is that of a product: it has two terms": [[24.0, 6.0], [6.0, 6.0]]},
)  # fmt: skip
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("scalar_gradient"),
    Visible("scalar_hessian"),
    Probe(
        "[scalar_gradient(a, b, x) for a, b in w]",
        {"x": lambda rng: rng.normal(size=rng.integers(4, 9)) + 1, "w": lambda rng: rng.normal(size=(5, 2))},
        message="at other weights or for other data your gradient differs: sign, factors, which weight belongs where",
    ),
    Probe(
        "[scalar_hessian(a, b, x) for a, b in w]",
        {"x": lambda rng: rng.normal(size=rng.integers(4, 9)) + 1, "w": lambda rng: rng.normal(size=(5, 2))},
        message="at other weights your second derivatives differ: the diagonal, the mixed one, the mean of squares",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 2 · The denoising loss (3 points)
#
# An encoder $z = \sigma(W \tilde x + b)$ with the sigmoid $\sigma(a) = 1/(1+e^{-a})$ and a linear decoder with **tied weights**, $\hat x = W^\top z + c$. It sees $\tilde x = x + \text{noise}$ and must give back $x$.
#
# Write `denoising_loss(W, b, c, x, noise)`: one number. Shapes: $W$ (k, d), $b$ (k,), $c$ (d,), `x` and `noise` (n, d).
#
# <details><summary>Hint 1</summary>Examples are rows, so the encoder's sum is seen @ W.T + b.</details>
# <details><summary>Hint 2</summary>The decoder uses the same W, the other way round: z @ W + c.</details>
# <details><summary>Hint 3</summary>Sum the squares over the entries of an example, then take the mean over the examples.</details>


# %% role="solution" exercise="denoising_loss"
def denoising_loss(W, b, c, x, noise):
    """Squared error of the tied autoencoder that sees x + noise; one number."""
    ### BEGIN SOLUTION
    seen = x + noise
    z = 1 / (1 + np.exp(-(seen @ W.T + b)))
    rebuilt = z @ W + c
    return np.sum((rebuilt - x) ** 2, axis=1).mean()
    ### END SOLUTION


# %% role="test" exercise="denoising_loss" points=3
_W = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
_x = np.array([[1.0, 2.0, 2.0], [3.0, 0.0, 4.0]])
_zero = np.zeros_like(_x)
answer(
    "with zero weights only c answers",
    denoising_loss(_W, np.zeros(2), np.array([1.0, 0.0, 0.0]), _x, _zero),
    14.0,
    wrong={
        "sum over the entries of an example; you took the mean": 14.0 / 3,
        "take the mean over the examples; you summed": 28.0,
        "the decoder's bias c is missing": 17.0,
    },
)
answer(
    "with zero weights noise on the input changes nothing",
    denoising_loss(_W, np.zeros(2), np.zeros(3), _x, _zero + 1.0),
    17.0,
    wrong={"the target is the clean x, not what the encoder saw": 32.0},
)
_steep = np.array([[2.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
_z1, _z2 = 1 / (1 + np.exp(-2.0)), 1 / (1 + np.exp(1.0))
answer(
    "one example by hand",
    denoising_loss(_steep, np.array([1.0, 0.0]), np.zeros(3), _zero[:1], np.array([[0.5, -1.0, 9.0]])),
    (2 * _z1) ** 2 + _z2**2,
    wrong={"the encoder's bias b is missing": (2 / (1 + np.exp(-1.0))) ** 2 + _z2**2,
           "the sigmoid is missing": 4.0**2 + 1.0,
           "the encoder must see x + noise": (2 / (1 + np.exp(-1.0))) ** 2 + 0.25},
)  # fmt: skip
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("denoising_loss"),
    Probe(
        "denoising_loss(W, b, c, x, noise)",
        {
            "W": lambda rng: rng.normal(size=(3, 5)),
            "b": lambda rng: rng.normal(size=3),
            "c": lambda rng: rng.normal(size=5),
            "x": lambda rng: rng.normal(size=(7, 5)),
            "noise": lambda rng: 0.7 * rng.normal(size=(7, 5)),
        },
        message="for other weights and noise your loss differs: who sees the noise, what is the target, both biases",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 3 · The penalty on the slope, and the tangents (5 points)
#
# For the encoder $z = \sigma(W x + b)$ write
#
# **(a)** `jacobians(W, b, x)`: the matrices $J = \partial z / \partial x$, shape (n, k, d), one for each row of `x`, and `contractive_penalty(W, b, x)`: the mean over the examples of $\lVert J \rVert_F^2$, one number.
#
# **(b)** `tangents(J, m)`: for one Jacobian `J` (k, d), the `m` directions of the input in which the code moves most, as orthonormal rows, shape (m, d), the strongest first. Their signs are free. `np.linalg.svd` is allowed.
#
# <details><summary>Hint 1</summary>The derivative of the sigmoid is z (1 - z).</details>
# <details><summary>Hint 2</summary>Row j of J is z_j (1 - z_j) times row j of W. For all examples at once: slope[:, :, None] * W.</details>
# <details><summary>Hint 3</summary>With J = U D V' the directions are columns of V. `np.linalg.svd` returns V', whose rows they are.</details>


# %% role="solution" exercise="contractive"
def jacobians(W, b, x):
    """dz/dx at each row of x; W (k, d), b (k,), x (n, d) -> (n, k, d)."""
    ### BEGIN SOLUTION
    z = 1 / (1 + np.exp(-(x @ W.T + b)))
    slope = z * (1 - z)
    return slope[:, :, None] * W
    ### END SOLUTION


def contractive_penalty(W, b, x):
    """Mean over the examples of the squared Frobenius norm of the Jacobian;
    one number.
    """
    ### BEGIN SOLUTION
    return np.sum(jacobians(W, b, x) ** 2, axis=(1, 2)).mean()
    ### END SOLUTION


# %% role="test" exercise="contractive" points=3
_W = np.array([[4.0, 0.0, 0.0], [0.0, 8.0, 4.0]])
_x = np.zeros((2, 3))
_J = jacobians(_W, np.zeros(2), _x)
answer("one (k, d) matrix per example", np.shape(_J), (2, 2, 3))
answer(
    "where the sigmoid is steepest its slope is 1/4",
    _J[0],
    _W / 4,
    wrong={"the derivative of the sigmoid is missing": _W, "this is z, not its derivative z (1 - z)": _W / 2},
)
answer(
    "the penalty there",
    contractive_penalty(_W, np.zeros(2), _x),
    6.0,
    wrong={
        "square the entries": 4.0,
        "mean over the examples, please": 12.0,
        "sum over the entries of J, no mean": 1.0,
        "the norm is to be squared": np.sqrt(6.0),
    },
)
_far = contractive_penalty(_W, np.array([30.0, -30.0]), _x)
check("where the sigmoid is flat there is nothing to pay (is b in it?)", _far, 0.0, atol=1e-12)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

INPUTS = {
    "W": lambda rng: rng.normal(size=(4, 6)),
    "b": lambda rng: rng.normal(size=4),
    "x": lambda rng: rng.normal(size=(rng.integers(5, 9), 6)),
}
probes = [
    Visible("jacobians"),
    Visible("contractive_penalty"),
    Probe(
        "jacobians(W, b, x)",
        INPUTS,
        message="for other weights your Jacobians differ: the slope of the sigmoid at each example, and the order of the axes",
    ),
    Probe(
        "contractive_penalty(W, b, x)",
        INPUTS,
        message="for other weights your penalty differs: squares, summed over J, mean over the examples",
    ),
]
### END HIDDEN TESTS


# %% role="solution" exercise="tangents"
def tangents(J, m):
    """The m directions (m, d) in which the code moves most; J (k, d)."""
    ### BEGIN SOLUTION
    return np.linalg.svd(J, full_matrices=False)[2][:m]
    ### END SOLUTION


# %% role="test" exercise="tangents" points=2
_turn = np.array([[0.8, 0.6, 0.0], [-0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])
_J = np.diag([1.0, 5.0, 0.1]) @ _turn  # the code moves most along row 1 of `turn`
_found = np.asarray(tangents(_J, 2))
answer("two directions of three numbers", np.shape(_found), (2, 3))
answer(
    "the strongest is (-0.6, 0.8, 0), up to sign",
    np.abs(_found[0]),
    [0.6, 0.8, 0.0],
    wrong={
        "this is the weakest direction; the strongest comes first": [0.0, 0.0, 1.0],
        "this is a direction of the code, not of the input": [0.0, 1.0, 0.0],
    },
)
check("the directions are orthonormal", _found @ _found.T, np.eye(2), atol=1e-10)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("tangents", normalise=lambda v: v * np.sign(v[range(len(v)), np.abs(v).argmax(axis=1)])[:, None]),
    Probe(
        "tangents(J, m)",
        {"J": lambda rng: rng.normal(size=(10, 10)) * rng.uniform(0.3, 3, size=10), "m": 6},
        message="for another Jacobian your directions differ: columns of V in J = U D V', strongest first, as rows",
        normalise=lambda v: v * np.sign(v[range(len(v)), np.abs(v).argmax(axis=1)])[:, None],
    ),
    Probe(
        "tangents(J, 2)",
        {"J": lambda rng: rng.normal(size=(3, 7))},
        message="a code of 3 numbers for 7 inputs: each direction has 7 entries",
        normalise=lambda v: v * np.sign(v[range(len(v)), np.abs(v).argmax(axis=1)])[:, None],
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 4 · The best repair (4 points)
#
# The data are Gaussian with mean $\mu$ and covariance $S$; you see $\tilde x = x + \sigma\epsilon$. No denoising autoencoder, however deep, can do better than
#
# $$\mathbb E[x \mid \tilde x] = \mu + S\,(S + \sigma^2 I)^{-1}(\tilde x - \mu).$$
#
# Write `best_repair(seen, mean, covariance, sigma)`: this for each row of `seen` (n, d). And `score_from_repair(seen, repaired, sigma)`: given what *any* perfect denoiser made of `seen`, the slope of the log density of the noisy data there, $\nabla \log p_\sigma(\tilde x)$, shape (n, d).
#
# <details><summary>Hint 1</summary>Rows again: the matrix goes to the right of the rows and is transposed.</details>
# <details><summary>Hint 2</summary>`np.linalg.solve(A, S)` is the inverse of A times S; both matrices are symmetric, and S (S + σ² I)⁻¹ is the transpose of it.</details>
# <details><summary>Hint 3</summary>Repaired minus seen is σ² times the score.</details>


# %% role="solution" exercise="best_repair"
def best_repair(seen, mean, covariance, sigma):
    """Posterior mean of x for each row of seen (n, d); mean (d,), covariance (d, d)."""
    ### BEGIN SOLUTION
    noisy = covariance + sigma**2 * np.eye(len(mean))
    return mean + (seen - mean) @ np.linalg.solve(noisy, covariance)
    ### END SOLUTION


def score_from_repair(seen, repaired, sigma):
    """Slope of the log density of the noisy data at each row of seen, (n, d)."""
    ### BEGIN SOLUTION
    return (repaired - seen) / sigma**2
    ### END SOLUTION


# %% role="test" exercise="best_repair" points=4
_S = np.diag([3.0, 1.0])
_given = np.array([[5.0, 1.0], [1.0, 3.0]])
answer(
    "each direction is pulled to the mean, the narrow one more",
    best_repair(_given, np.array([1.0, 1.0]), _S, 1.0),
    [[4.0, 1.0], [1.0, 2.0]],
    wrong={
        "the mean is to be taken off before and put back after": _given @ np.diag([0.75, 0.5]),
        "this is the part that is taken away, not what is left": [[2.0, 1.0], [1.0, 2.0]],
        "the mean has not been put back": [[3.0, 0.0], [0.0, 1.0]],
    },
)
answer(
    "sigma counts squared",
    best_repair(np.array([[4.0, 5.0]]), np.zeros(2), _S, 2.0),
    [[12 / 7, 1.0]],
    wrong={"the variance of the noise is sigma squared": [[12 / 5, 5 / 3]]},
)
answer(
    "the score of a standard normal blurred by 1 is -x / 2",
    score_from_repair(np.array([[2.0, -4.0]]), np.array([[1.0, -2.0]]), 1.0),
    [[-1.0, 2.0]],
    wrong={"it points away from the data: repaired minus seen, not the other way": [[1.0, -2.0]]},
)
answer(
    "sigma counts squared here too",
    score_from_repair(np.array([[2.0, -4.0]]), np.array([[1.0, -2.0]]), 2.0),
    [[-0.25, 0.5]],
    wrong={"divide by sigma squared": [[-0.5, 1.0]]},
)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("best_repair"),
    Visible("score_from_repair"),
    Probe(
        "best_repair(seen, mean, A @ A.T, sigma)",
        {
            "seen": lambda rng: 3 * rng.normal(size=(rng.integers(4, 8), 3)),
            "mean": lambda rng: rng.normal(size=3),
            "A": lambda rng: rng.normal(size=(3, 3)),
            "sigma": lambda rng: float(rng.uniform(0.4, 0.9)),
        },
        message="for another covariance your repair differs: the order of the matrices, sigma squared, the mean twice",
    ),
    Probe(
        "best_repair(seen, mean, A @ A.T, 0.5)",
        {
            "seen": lambda rng: rng.normal(size=(4, 3)),
            "mean": lambda rng: rng.normal(size=3),
            "A": lambda rng: rng.normal(size=(3, 2)),
        },
        message="the data may lie in a plane: then the covariance has no inverse, and the repair exists all the same",
    ),
    Probe(
        "score_from_repair(seen, repaired, sigma)",
        {
            "seen": lambda rng: rng.normal(size=(4, 3)),
            "repaired": lambda rng: rng.normal(size=(4, 3)),
            "sigma": lambda rng: float(rng.uniform(0.3, 0.8)),
        },
        message="for another sigma your score differs: which minus which, divided by what?",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 5 · True or false, and why? (6 points, from the exam)
#
# Say of each statement whether it is true and give the reason in one or two sentences. An answer without a reason earns no points.
#
# **(a)** Behind a tanh, the gradient that is passed down is never larger in absolute value than the one that came from above.
#
# **(b)** A logistic regression without a bias has learned its weights. All weights are halved. No decision at the threshold 0.5 changes.
#
# **(c)** A network ends with a ReLU and, right behind it, a sigmoid, whose output is read as a probability. It answers "yes" when the probability is at least 0.5. Then it never answers "no".
#
# **(d)** *Break and explain.* Someone trains a deep sigmoid autoencoder on raw images. From step 50 on the loss stands still at the variance of the data, and all reconstructions look the same. The person concludes: "The code is too short." What has happened, how could one tell it from a code that is too short, and name two remedies.

# %% [markdown] role="manual" exercise="exam" points=6
# ### BEGIN SOLUTION
# **(a)** True. The local derivative is $1 - \tanh^2(a)$, which lies in (0, 1]; the gradient from above is multiplied by it. (It is equal only at $a = 0$.)
#
# **(b)** True. The decision depends on the sign of $w^\top x$, which halving does not change. Only the probabilities move towards 0.5.
#
# **(c)** True. A ReLU gives at least 0, and the sigmoid of a number that is at least 0 is at least 0.5. So "no", a probability below 0.5, never occurs; leave out the ReLU.
#
# **(d)** The network has collapsed: it answers every image with the mean image, whose squared error *is* the variance of the data, and its code hardly depends on the input, so that almost no slope arrives at the encoder (a plateau, like the saddle at zero; with many more steps it may end). With a code that is too short the error would be that of PCA of the same length or better, the codes of different images would differ, and so would the reconstructions. Remedies (two of): centre the data or start the biases at the mean, normalisation layers, ReLU or SiLU instead of sigmoid, layer-wise pre-training, cross-entropy.
#
# *Rubric, 6 points:* 1 each for (a), (b), (c), with the reason; 3 for (d): 1 for "answers with the mean image, hence the variance", 1 for a test that tells it from a short code (codes or reconstructions all alike, or worse than PCA), 1 for two working remedies (half a point for one).
# ### END SOLUTION

# %% [markdown]
# **Solutions** are in `notebooks/homework/source/hw10_autoencoders`. Look only once you have an answer of your own.
