# ---
# jupyter:
#   coursekit:
#     allowed: [numpy]
# ---

# %% [markdown]
# # Homework 12 · The best discriminator, and the generator's turn
#
# Five exercises on [notebook 12](../../../12_gan_optimal_discriminator.ipynb). Allow about two hours. Write each answer where a cell says that it is still empty, then run the cell below it, which tells you straight away how you are doing. Grading uses different data, so an answer that fits only the example earns no points.
#
# **Allowed:** NumPy. **Not allowed:** the models of `coursekit.gan`, SciPy, scikit-learn, PyTorch and other numerical libraries; calling a ready-made solution does not count as an answer, and the gradients of exercise 3 are to be worked out on paper. A function leaves its arguments as they were. An exercise that builds on an earlier one is graded with your own functions, so an error there costs you twice: fix it first.
#
# Throughout, real is labelled 1 and generated 0, $D$ is the probability of being real, logarithms are natural, and the two expectations of the value are added, not halved.

# %%
import numpy as np

from coursekit.checks import answer, check

# %% [markdown]
# ## 1 · The best answer, with smoothed labels (4 points)
#
# The discriminator aims at $1-\alpha$ for real samples and at $\beta$ for generated ones. At a point with densities $p$ (data) and $q$ (model) its loss is
#
# $$-p\,\big[(1-\alpha)\log D + \alpha \log(1-D)\big] \;-\; q\,\big[\beta \log D + (1-\beta)\log(1-D)\big].$$
#
# **Derive** the $D$ that makes this smallest, and write `best_answer(p, q, alpha, beta)` for arrays of densities. Where both densities are zero every answer is as good as another; return 0.5 there, without a NumPy warning about division by zero. The arrays may have any shape and hold whole numbers, and densities may be tiny.
#
# <details><summary>Hint 1</summary>Collect the factors of log D and those of log(1 − D). Call them A and B.</details>
# <details><summary>Hint 2</summary>A log D + B log(1 − D) is largest at D = A / (A + B).</details>
# <details><summary>Hint 3</summary>A + B does not depend on alpha and beta. For the empty places, np.divide takes `out` and `where`.</details>


# %% role="solution" exercise="best_answer"
def best_answer(p, q, alpha, beta):
    """The best D at densities p (data) and q (model), arrays of one shape;
    0.5 where both are 0.
    """
    ### BEGIN SOLUTION
    total = p + q
    for_real = (1 - alpha) * p + beta * q
    return np.divide(for_real, total, out=np.full(np.shape(total), 0.5), where=total > 0)
    ### END SOLUTION


# %% role="test" exercise="best_answer" points=4
_p, _q = np.array([3.0, 1.0, 0.0, 2.0]), np.array([1.0, 1.0, 2.0, 0.0])
answer(
    "without smoothing: p / (p + q)",
    best_answer(_p, _q, 0.0, 0.0),
    _p / (_p + _q),
    wrong={
        "this is the probability of being generated; real is 1 here": _q / (_p + _q),
        "this is the ratio of the densities; it must lie between 0 and 1": np.array([3.0, 1.0, 0.0, np.inf]),
    },
)
answer(
    "real side smoothed by 0.1",
    best_answer(_p, _q, 0.1, 0.0),
    0.9 * _p / (_p + _q),
    wrong={
        "alpha is the amount taken off the target, not the target": 0.1 * _p / (_p + _q),
        "smoothing does not change the denominator: work out A + B": 0.9 * _p / (0.9 * _p + _q),
    },
)
answer(
    "both sides smoothed",
    best_answer(_p, _q, 0.1, 0.2),
    (0.9 * _p + 0.2 * _q) / (_p + _q),
    wrong={"beta goes with the density of the model": (0.9 * _p + 0.2 * _p) / (_p + _q)},
)
with np.errstate(divide="raise", invalid="raise"):  # a division by zero is an error here, not a warning
    _alone = best_answer(np.array([0.0, 1.0]), np.array([0.0, 0.0]), 0.0, 0.0)
answer("where there is no sample: 0.5, and no division by zero", _alone, [0.5, 1.0])
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("best_answer"),
    Probe(
        "[np.errstate(divide='raise', invalid='raise')(best_answer)(*densities, alpha, beta)"
        " for densities in ((p, q), (1e-9 * p, 1e-9 * q), (np.ceil(p).astype(int), np.ceil(q).astype(int)))]",
        {
            # Both are zero at the place of number 7, whatever the class seed.
            "p": lambda rng: (
                rng.gamma(1.0, size=(4, 5)) * (rng.random((4, 5)) < 0.7) * (np.arange(20).reshape(4, 5) != 7)
            ),
            "q": lambda rng: (
                rng.gamma(1.0, size=(4, 5)) * (rng.random((4, 5)) < 0.7) * (np.arange(20).reshape(4, 5) != 7)
            ),
            "alpha": lambda rng: rng.uniform(0.05, 0.3),
            "beta": lambda rng: rng.uniform(0.05, 0.3),
        },
        message="with other densities, alpha and beta your answer differs: collect the terms with log D, and mind the empty places",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 2 · What the best discriminator earns (5 points)
#
# **(a)** Write `divergence(p, q)`: the Jensen-Shannon divergence in nats of two probability vectors (entries at least 0, sum 1),
#
# $$\mathrm{JSD} = \tfrac12 \mathrm{KL}(p\,\|\,m) + \tfrac12 \mathrm{KL}(q\,\|\,m), \qquad m = \tfrac12(p+q), \qquad 0 \log 0 = 0 .$$
#
# <details><summary>Hint 1</summary>Places where p is 0 contribute nothing to the first term. Leave them out before you take a logarithm.</details>
# <details><summary>Hint 2</summary>`seen = p > 0`, then sum over p[seen] * log(p[seen] / m[seen]).</details>
# <details><summary>Hint 3</summary>Both terms have the same form: write it once, call it twice.</details>


# %% role="solution" exercise="divergence"
def divergence(p, q):
    """Jensen-Shannon divergence in nats of two probability vectors of one length."""
    ### BEGIN SOLUTION
    middle = (p + q) / 2
    total = 0.0
    for part in (p, q):
        seen = part > 0
        total += np.sum(part[seen] * np.log(part[seen] / middle[seen])) / 2
    return total
    ### END SOLUTION


# %% role="test" exercise="divergence" points=3
_a, _b = np.array([0.5, 0.5, 0.0]), np.array([0.0, 0.0, 1.0])
answer(
    "nothing in common: log 2",
    divergence(_a, _b),
    np.log(2),
    wrong={
        "this is in bits; use the natural logarithm": 1.0,
        "each of the two terms counts by one half": 2 * np.log(2),
    },
)
answer("equal: 0", divergence(_a, _a), 0.0)
_c, _d = np.array([0.25, 0.75]), np.array([0.75, 0.25])
_value = 0.25 * np.log(0.5) + 0.75 * np.log(1.5)
answer(
    "a quarter against three quarters",
    divergence(_c, _d),
    _value,
    wrong={
        "this is KL(p || q): each is compared with the middle": 0.5 * np.log(3),
        "the middle is the average (p + q) / 2, not the sum": _value - np.log(2),
    },
)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("divergence"),
    Probe(
        "[divergence(p, q), divergence(q, p), divergence(p, e)]",
        {
            "p": lambda rng: rng.dirichlet(np.ones(6)),
            "q": lambda rng: rng.dirichlet(np.full(6, 0.3)),
            "e": lambda rng: np.eye(6)[rng.integers(6)],
        },
        message="for other vectors, also with zeros, your divergence differs: both terms, halves, natural logarithm",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# **(b)** Write `best_value(p, q)`: the value of the game $\sum_x p \log D + q \log(1-D)$ when $D$ plays its best answer (no smoothing). Use your `divergence`, and the relation between the two that section 3 of the notebook derives.
#
# <details><summary>Hint 1</summary>When the generator is perfect, the best D tosses a coin. What is that worth?</details>
# <details><summary>Hint 2</summary>When the two have nothing in common, D is always sure and right. What is that worth?</details>
# <details><summary>Hint 3</summary>The value is twice the divergence, plus a constant that both cases tell.</details>


# %% role="solution" exercise="best_value"
def best_value(p, q):
    """Value of the game in nats for probability vectors p, q
    and the best discriminator.
    """
    ### BEGIN SOLUTION
    return 2 * divergence(p, q) - np.log(4)
    ### END SOLUTION


# %% role="test" exercise="best_value" points=2
_c, _d = np.array([0.25, 0.75]), np.array([0.75, 0.25])
_alone, _alone_too = np.array([0.5, 0.5, 0.0]), np.array([0.0, 0.0, 1.0])
answer(
    "a perfect generator: two coin tosses",
    best_value(_c, _c),
    -np.log(4),
    wrong={
        "this is half of it; the two expectations are added": -np.log(2),
        "the sign: logarithms of probabilities are not positive": np.log(4),
    },
)
answer(
    "nothing in common: 0",
    best_value(_alone, _alone_too),
    0.0,
    wrong={"the divergence counts twice": np.log(2) - np.log(4)},
)
check(
    "it is what the answer p / (p + q) earns",
    best_value(_c, _d),
    2 * (0.25 * np.log(0.25) + 0.75 * np.log(0.75)),
    atol=1e-12,
)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("best_value"),
    Probe(
        "best_value(p, q)",
        {"p": lambda rng: rng.dirichlet(np.ones(5)), "q": lambda rng: rng.dirichlet(np.ones(5))},
        message="for other vectors your value differs from what D* earns: twice the divergence, less what?",
        oracle=lambda p, q: float(np.sum(p * np.log(p / (p + q)) + q * np.log(q / (p + q)))),
    ),
    Probe(
        "[best_value(p, q), best_value(q, p)]",
        {
            "p": lambda rng: np.concatenate([rng.dirichlet(np.ones(4)), [0.0, 0.0]]),
            "q": lambda rng: np.concatenate([[0.0], rng.dirichlet(np.ones(4)), [0.0]]),
        },
        message="where a probability is 0 the game goes on elsewhere: 0 log 0 = 0, and the other keeps its part",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 3 · One turn of the game, by hand (7 points)
#
# The smallest GAN: the generator shifts, $G(z) = z + \theta$; the discriminator is a logistic regression with the raw score $s(x) = w x + b$ and $D = \sigma(s) = 1/(1+e^{-s})$.
#
# **(a)** Write `discriminator_slopes(w, b, real, fake)`: the slopes of the *discriminator's loss* $-\frac1n\sum \log D(x_i) - \frac1m\sum\log(1 - D(\tilde x_j))$ with respect to $w$ and $b$, for real samples $x$ (length $n$) and generated ones $\tilde x$ (length $m$).
#
# <details><summary>Hint 1</summary>First with respect to the score: the slope of −log σ(s) is σ(s) − 1, the slope of −log(1 − σ(s)) is σ(s).</details>
# <details><summary>Hint 2</summary>Then by the chain rule: ds/dw = x and ds/db = 1.</details>
# <details><summary>Hint 3</summary>Take the mean over the real ones and the mean over the generated ones, and add the two. The numbers n and m may differ.</details>


# %% role="solution" exercise="discriminator_slopes"
def discriminator_slopes(w, b, real, fake):
    """Slopes (d loss / d w, d loss / d b) of the discriminator's loss;
    real (n,), fake (m,).
    """
    ### BEGIN SOLUTION
    push_real = 1 / (1 + np.exp(-(w * real + b))) - 1
    push_fake = 1 / (1 + np.exp(-(w * fake + b)))
    slope_w = np.mean(push_real * real) + np.mean(push_fake * fake)
    slope_b = np.mean(push_real) + np.mean(push_fake)
    return slope_w, slope_b
    ### END SOLUTION


# %% role="test" exercise="discriminator_slopes" points=3
_some_real, _some_fake = np.array([2.0, 3.0]), np.array([-1.0, 0.0, 4.0])
answer(
    "at w = b = 0 the slope is half the difference of the means",
    discriminator_slopes(0.0, 0.0, _some_real, _some_fake),
    [(1.0 - 2.5) / 2, 0.0],
    wrong={
        "the sign: slopes of the value and not of the loss, or the labels are exchanged": [0.75, 0.0],
        "take the means of both kinds separately; n and m differ": [-2.5 * 0.2 + 0.3, 0.1],
    },
)
_slope = discriminator_slopes(0.3, -0.2, _some_real, _some_fake)


def _loss_of_D(w, b):
    """The discriminator's loss on the samples of this cell."""
    log_D = -np.log1p(np.exp(-(w * _some_real + b)))
    log_not_D = -np.log1p(np.exp(w * _some_fake + b))
    return -log_D.mean() - log_not_D.mean()


_by_differences = [
    (_loss_of_D(0.3 + h, -0.2 + k) - _loss_of_D(0.3 - h, -0.2 - k)) / 2e-5 for h, k in ((1e-5, 0), (0, 1e-5))
]
answer("elsewhere: as by finite differences", _slope, _by_differences, atol=1e-7)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("discriminator_slopes"),
    Probe(
        "discriminator_slopes(w, b, real, fake)",
        {
            "w": lambda rng: rng.normal(),
            "b": lambda rng: rng.normal(),
            "real": lambda rng: rng.normal(2, 1, size=5),
            "fake": lambda rng: rng.normal(0, 1, size=8),
        },
        message="for other samples the slopes differ: labels, chain rule, one mean for each kind",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# **(b)** Write `one_turn(theta, w, b, real, z_discriminator, z_generator, rate)`, one turn of Algorithm 1 with $k = 1$ and plain gradient descent, both players with the same rate:
#
# 1. the discriminator is shown `real` and samples made from `z_discriminator`, and steps down its loss, $w$ and $b$ together;
# 2. the generator makes samples from `z_generator`, looks at the discriminator **as it is now**, and steps $\theta$ down its loss $-\frac1m\sum\log D(G(z_j))$.
#
# Return `(theta, w, b)` after the turn. The three samples may differ in size.
#
# <details><summary>Hint 1</summary>Your discriminator_slopes does the first half. The discriminator descends its loss.</details>
# <details><summary>Hint 2</summary>The generator's slope by the chain rule: (D − 1) on the score, times ds/dx = w, times dx/dθ = 1.</details>
# <details><summary>Hint 3</summary>Use the new w and b in the generator's half.</details>


# %% role="solution" exercise="one_turn"
def one_turn(theta, w, b, real, z_discriminator, z_generator, rate):
    """(theta, w, b) after one step of the discriminator
    and then one of the generator.
    """
    ### BEGIN SOLUTION
    slope_w, slope_b = discriminator_slopes(w, b, real, z_discriminator + theta)
    w, b = w - rate * slope_w, b - rate * slope_b
    D = 1 / (1 + np.exp(-(w * (z_generator + theta) + b)))
    theta = theta - rate * np.mean((D - 1) * w)
    return theta, w, b
    ### END SOLUTION


# %% role="test" exercise="one_turn" points=4
_z = np.array([-1.0, 0.0, 1.0])
_theta, _w, _b = one_turn(0.0, 0.0, 0.0, np.array([3.0, 3.0]), _z, _z, 0.1)
answer(
    "discriminator: w rises to 0.15, b stays",
    [_w, _b],
    [0.15, 0.0],
    wrong={"the discriminator went uphill on its loss": [-0.15, 0.0]},
)
_z_of_D, _z_of_G = np.array([0.4, -1.1, 2.0]), np.array([1.5, -0.3, 0.2])
_theta, _w, _b = one_turn(0.5, 0.6, -0.2, np.array([2.0, 3.5]), _z_of_D, _z_of_G, 0.3)


def _step_on(log_part, w, b, noise):
    """0.5 less 0.3 times the slope in theta, by finite differences, of a loss of the scores of samples."""
    high, low = (log_part(w * (noise + 0.5 + h) + b).mean() for h in (1e-6, -1e-6))
    return 0.5 - 0.3 * (high - low) / 2e-6


def _minus_log_D(s):
    return np.log1p(np.exp(-s))


def _step_of_D(fake):
    return np.array([0.6, -0.2]) - 0.3 * np.array(discriminator_slopes(0.6, -0.2, np.array([2.0, 3.5]), fake))


answer(
    "discriminator: from another start",
    [_w, _b],
    _step_of_D(_z_of_D + 0.5),
    wrong={"show D samples G(z), not the noise z": _step_of_D(_z_of_D)},
)
answer(
    "generator: from 0.5, downhill on its loss, with the discriminator as it is now",
    _theta,
    _step_on(_minus_log_D, _w, _b, _z_of_G),
    wrong={
        "the generator looked at the discriminator before its step": _step_on(
            _minus_log_D, 0.6, -0.2, _z_of_G
        ),
        "the generator went uphill on its own loss": 1 - _step_on(_minus_log_D, _w, _b, _z_of_G),
        "this is the saturating loss, log(1 - D)": _step_on(lambda s: -np.log1p(np.exp(s)), _w, _b, _z_of_G),
        "the generator's samples are made from z_generator": _step_on(_minus_log_D, _w, _b, _z_of_D),
    },
    atol=1e-7,
)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("one_turn"),
    Probe(
        "one_turn(theta, w, b, real, z1, z2, rate)",
        {
            "theta": lambda rng: rng.normal(),
            "w": lambda rng: rng.normal(),
            "b": lambda rng: rng.normal(),
            "real": lambda rng: rng.normal(2, 1, size=7),
            "z1": lambda rng: rng.normal(size=5),
            "z2": lambda rng: rng.normal(size=4),
            "rate": lambda rng: rng.uniform(0.2, 0.5),
        },
        message="after one turn from another start your numbers differ: who moves when, and on which samples?",
    ),
    Probe(
        "one_turn(*one_turn(theta, 0.1, 0.0, real, z1, z2, 0.3), real, z2, z1, 0.3)",
        {
            "theta": lambda rng: rng.normal(),
            "real": lambda rng: rng.normal(2, 1, size=8),
            "z1": lambda rng: rng.normal(size=6),
            "z2": lambda rng: rng.normal(size=5),
        },
        message="after two turns your game has taken another course",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 4 · Who answers? (3 points)
#
# $J$ is a table; $D$ picks the row and wants the entry small, $G$ picks the column and wants it large. Write `two_orders(J)`: the pair *(value with D in the inner loop, value with G in the inner loop)*. The player in the inner loop sees the other's choice and answers it. For many tables the two differ; keep an eye on which is the larger.
#
# <details><summary>Hint 1</summary>D in the inner loop: for each column D takes the smallest entry; G knows it, and picks the column where this is largest.</details>
# <details><summary>Hint 2</summary>J.min(axis=0) is the smallest entry of each column.</details>
# <details><summary>Hint 3</summary>The exam's table [[1, 4], [3, 2]] gives 2 and 3.</details>


# %% role="solution" exercise="two_orders"
def two_orders(J):
    """(D in the inner loop, G in the inner loop) for a table J;
    D picks rows and minimises, G columns.
    """
    ### BEGIN SOLUTION
    return J.min(axis=0).max(), J.max(axis=1).min()
    ### END SOLUTION


# %% role="test" exercise="two_orders" points=3
answer(
    "the exam's table",
    two_orders(np.array([[1, 4], [3, 2]])),
    [2, 3],
    wrong={
        "the pair is turned round: who answers in the inner loop?": [3, 2],
        "neither answers the other here: one takes the smallest of all, the other the largest": [1, 4],
    },
)
answer(
    "a table of one row: D has no choice",
    two_orders(np.array([[5.0, 7.0, 6.0]])),
    [7.0, 7.0],
    wrong={"rows and columns are exchanged: D picks the row": [5.0, 5.0]},
)
answer("a table of one column: G has none", two_orders(np.array([[5.0], [7.0], [6.0]])), [5.0, 5.0])
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("two_orders"),
    Probe(
        "two_orders(J)",
        {"J": lambda rng: rng.normal(size=(4, 6))},
        message="for a table that is not square your values differ: which axis belongs to whom?",
    ),
    Probe(
        "two_orders(J)[1] - two_orders(J)[0]",
        {"J": lambda rng: rng.permutation(12).reshape(3, 4) * rng.uniform(1, 2)},
        message="answering is never a disadvantage; the difference of your two values is not right",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 5 · What is wrong with this training log? (4 points)
#
# A colleague trains a GAN on eight clusters on a ring, and sends this log with the words: *"It converged. From step 4000 on the value sits at −1.38, which is −log 4, the theoretical optimum: the discriminator is at 50 % and the generator is perfect. I let the generator make ten steps for each of the discriminator, since it was the weaker player."*

# %%
_log = """
step   value   D(real)   D(fake)   clusters with samples, of 8
1000   -1.21     0.61      0.45    3
2000   -1.36     0.52      0.49    1
4000   -1.38     0.50      0.50    1
6000   -1.38     0.50      0.50    1
8000   -1.38     0.50      0.50    1
"""
print(_log)

# %% [markdown]
# Say (a) why a value of $-\log 4$ does not show that the generator is perfect, and which column refutes it; (b) what happened, and why ten steps for one invite it; (c) which measurement on the frozen generator would have shown it, and roughly what it would give here; (d) one change that you would try first, with its reason.

# %% [markdown] role="manual" exercise="training_log" points=4
# ### BEGIN SOLUTION
# **(a)** Any discriminator that says 1/2 everywhere earns −log 4 against any generator. The value is −log 4 when the generator is perfect *or* when the discriminator has given up. The last column refutes the first: one cluster of eight.
#
# **(b)** Mode collapse. With the discriminator fixed, the generator's loss is an average over its samples, and it is smallest when all samples sit where D is largest. Ten steps for one bring the game near this order (G in the inner loop). As soon as the discriminator objects, all samples move on to another cluster.
#
# **(c)** Freeze the generator, train a fresh discriminator, and measure its value on new samples. A generator that covers one of eight clusters perfectly has D* = 1 on seven clusters and 1/9 on the eighth (there p_model is eight times p_data), so the value is (1/8) log(1/9) + log(8/9), about −0.39, far above −1.39. Counting the clusters, as the last column does, tells the same.
#
# **(d)** Turn the ratio round: one step or a few of the discriminator for each of the generator, so that it is near D* and the generator follows a divergence. Or: instance noise that fades, which makes the clusters overlap, so that D's advice leads from one to the other.
#
# *Rubric, 4 points:* 1 for (a) with the column; 1 for (b), the average and its smallest point; 1 for (c), a fresh discriminator (or coverage) with a value clearly above −log 4; 1 for (d), any reasoned change that strengthens the discriminator or widens the data. "Train longer" earns nothing.
# ### END SOLUTION

# %% [markdown]
# The **solutions** are in `notebooks/homework/source/hw12_gan_optimal_discriminator`. Look only once you have an answer of your own.
