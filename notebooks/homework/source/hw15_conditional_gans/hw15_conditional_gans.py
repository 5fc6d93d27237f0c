# ---
# jupyter:
#   coursekit:
#     allowed: [numpy]
# ---

# %% [markdown]
# # Homework 15 · Conditional GANs
#
# Five exercises on [notebook 15](../../../15_conditional_gans.ipynb). Allow about two hours. Write each answer where a cell says that it is still empty, then run the cell below it, which tells you straight away how you are doing. Grading uses different numbers and shapes, so an answer that fits only the example earns no points.
#
# **Allowed:** NumPy. **Not allowed:** the models of `coursekit.conditional_gan` and `coursekit.gan`, SciPy, scikit-learn, PyTorch and other numerical libraries; calling a ready-made solution does not count as an answer. A function leaves its arguments as they were.

# %%
import numpy as np

from coursekit import plots
from coursekit.checks import answer, check

plots.use_course_style()

# %% [markdown]
# ## 1 · The loss with mismatched pairs (4 points)
#
# The discriminator gives raw scores $s$, with $D = \sigma(s) = 1 / (1 + e^{-s})$. Write `discriminator_loss(real, wrong, fake, w)`: the loss, a number in nats, from the scores of matching real pairs, of mismatched real pairs and of the generator's pairs, where mismatched pairs have the weight $w$ among the fakes:
#
# $$L_D = -\overline{\log D(\text{real})} \;-\; w\, \overline{\log(1 - D(\text{wrong}))} \;-\; (1 - w)\, \overline{\log(1 - D(\text{fake}))} .$$
#
# The bar is the mean over the scores of one kind; the three batches may be of different sizes. The scores may be lists. It must work for scores of $\pm 800$.
#
# <details><summary>Hint 1</summary>Which of the three kinds should get a high D, and which a low one?</details>
# <details><summary>Hint 2</summary>-log σ(s) = log(1 + exp(-s)), and -log(1 - σ(s)) = log(1 + exp(s)).</details>
# <details><summary>Hint 3</summary>np.logaddexp(0, s) is log(1 + exp(s)) without overflow.</details>


# %% role="solution" exercise="discriminator_loss"
def discriminator_loss(real, wrong, fake, w):
    """The loss, a number, from raw scores (n,), (m,) and (k,);
    w is the weight of the mismatched pairs.
    """
    ### BEGIN SOLUTION
    real, wrong, fake = (np.asarray(scores, dtype=float) for scores in (real, wrong, fake))
    missed = np.logaddexp(0, -real).mean()
    return missed + w * np.logaddexp(0, wrong).mean() + (1 - w) * np.logaddexp(0, fake).mean()
    ### END SOLUTION


# %% role="test" exercise="discriminator_loss" points=4
_the_real, _the_wrong, _the_fake = (
    np.array([2.0, -1.0, 0.5]),
    np.array([1.5, -0.5]),
    np.array([-2.0, 0.3, 1.0, -1.0]),
)


def _logs(scores):
    return np.log(1 / (1 + np.exp(-scores))), np.log(1 / (1 + np.exp(scores)))


_parts = _logs(_the_real)[0].mean(), _logs(_the_wrong)[1].mean(), _logs(_the_fake)[1].mean()
answer(
    "the loss with w = 0.3",
    discriminator_loss(_the_real, _the_wrong, _the_fake, 0.3),
    -(_parts[0] + 0.3 * _parts[1] + 0.7 * _parts[2]),
    wrong={
        "this is the value that D raises; the loss is its negative": _parts[0]
        + 0.3 * _parts[1]
        + 0.7 * _parts[2],
        "w belongs to the mismatched pairs, 1 - w to the generator's": -(
            _parts[0] + 0.7 * _parts[1] + 0.3 * _parts[2]
        ),
        "the weights of the two kinds of fakes add up to 1": -(_parts[0] + 0.3 * _parts[1] + _parts[2]),
        "mismatched pairs are fakes: they want a low D": -(
            _parts[0] + 0.3 * _logs(_the_wrong)[0].mean() + 0.7 * _parts[2]
        ),
        "take means, not sums": -(
            _logs(_the_real)[0].sum() + 0.3 * _logs(_the_wrong)[1].sum() + 0.7 * _logs(_the_fake)[1].sum()
        ),
    },
)
answer("with huge scores", discriminator_loss([800.0], [-800.0], [800.0], 0.5), 400.0)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

SCORES = {
    "real": lambda rng: 2 * rng.normal(size=7),
    "wrong": lambda rng: 2 * rng.normal(size=5) + 0.5,
    "fake": lambda rng: 2 * rng.normal(size=9) - 0.5,
    "w": lambda rng: rng.uniform(0.1, 0.4),
}
probes = [
    Visible("discriminator_loss"),
    Probe(
        "discriminator_loss(real, wrong, fake, w)",
        SCORES,
        message="with other scores the loss differs: three means, the weights w and 1 - w, minus signs",
    ),
    Probe(
        "discriminator_loss(list(real), list(wrong), list(fake), 0.0)",
        SCORES,
        message="with w = 0 the mismatched pairs do not count at all; lists are scores too",
    ),
    Probe(
        "discriminator_loss(900 * real, 900 * wrong, 900 * fake, w)",
        SCORES,
        message="with scores of some hundreds the loss must stay finite",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 2 · The best discriminator (4 points)
#
# Let $p$, $m$ and $p_g$ be tables of probabilities over the same pairs $(x, c)$: data, mismatched pairs, generator. Write `best_discriminator(p, m, p_g, w)`: the table $D^*$ that minimises the loss of exercise 1, and its value, $\max_D \mathbb E_p \log D + w\, \mathbb E_m \log(1 - D) + (1 - w)\, \mathbb E_{p_g} \log(1 - D)$, in nats. All entries of $p$ are positive; $m$ and $p_g$ may be 0 in places, where $0 \log 0 = 0$. Derive both on paper first.
#
# <details><summary>Hint 1</summary>Fix one pair; call the weight of all fakes there q. What are you maximising in D?</details>
# <details><summary>Hint 2</summary>p log D + q log(1 - D): set the derivative to 0.</details>
# <details><summary>Hint 3</summary>Put D* back. 1 - D* is q / (p + q), which is 0 where q is; leave such pairs out of the second sum.</details>


# %% role="solution" exercise="best_discriminator"
def best_discriminator(p, m, p_g, w):
    """D* in the shape of p, and the value that it reaches."""
    ### BEGIN SOLUTION
    p, m, p_g = (np.asarray(table, dtype=float) for table in (p, m, p_g))
    q = w * m + (1 - w) * p_g
    D = p / (p + q)
    there = q > 0
    value = (p * np.log(D)).sum() + (q[there] * np.log(q[there] / (p + q)[there])).sum()
    return D, value
    ### END SOLUTION


# %% role="test" exercise="best_discriminator" points=4
_table = np.array([[0.3, 0.1], [0.2, 0.4]])
_mixed_up = _table.sum(1, keepdims=True) * _table.sum(0)  # pictures and words drawn independently
_drawn = np.array([[0.1, 0.3], [0.4, 0.2]])
_best, _value = best_discriminator(_table, _mixed_up, _drawn, 0.25)
_fakes = 0.25 * _mixed_up + 0.75 * _drawn
answer(
    "D*",
    _best,
    _table / (_table + _fakes),
    wrong={
        "this is the best D without mismatched pairs": _table / (_table + _drawn),
        "w belongs to the mismatched pairs": _table / (_table + 0.75 * _mixed_up + 0.25 * _drawn),
        "this is how likely a pair is a fake": _fakes / (_table + _fakes),
        "the real pairs are missing below": _table / _fakes,
        "the fakes' weights add up to 1; do not average again": _table / (_table + _fakes / 2),
    },
)
_right_value = (_table * np.log(_table / (_table + _fakes))).sum() + (
    _fakes * np.log(_fakes / (_table + _fakes))
).sum()
answer(
    "its value",
    _value,
    _right_value,
    wrong={
        "this is the loss; the value is its negative": -_right_value,
        "this is the Jensen-Shannon divergence; the value is twice it, less log 4": (_right_value + np.log(4))
        / 2,
        "nats, not bits": _right_value / np.log(2),
    },
)
answer(
    "where the fakes are the data, the value is -log 4",
    best_discriminator(_table, _table, _table, 0.5)[1],
    -np.log(4),
)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible


def holed(rng, shape=(4, 3)):
    """A table with two empty places."""
    table = rng.dirichlet(np.ones(shape[0] * shape[1]))
    table[[0, 5]] = 0
    return (table / table.sum()).reshape(shape)


TABLES = {
    "p": lambda rng: rng.dirichlet(np.ones(12)).reshape(4, 3),
    "m": holed,
    "p_g": holed,
    "w": lambda rng: rng.uniform(0.1, 0.4),
}
probes = [
    Visible("best_discriminator"),
    Probe(
        "np.asarray(best_discriminator(p, m, p_g, w)[0])",
        TABLES,
        message="on a table of 4 pictures and 3 words D* differs",
    ),
    Probe(
        "best_discriminator(p, m, p_g, w)[1]",
        TABLES,
        message="the value differs: 0 log 0 counts as 0, sums and not means",
    ),
    Probe(
        "best_discriminator(p, m, p_g, 0.0)[1]",
        TABLES,
        message="with w = 0 the value is that of the plain game",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 3 · There and back again (4 points)
#
# Two linear maps lead between two heaps of pictures: $F(a) = P a$ and $R(b) = Q b$, with matrices `P` $(k, d)$ and `Q` $(d, k)$; examples are rows of `a` $(n, d)$ and `b` $(m, k)$. Write `cycle(a, b, P, Q)`: the two terms
#
# $$\overline{|R(F(a)) - a|} \qquad \text{and} \qquad \overline{|F(R(b)) - b|},$$
#
# each a mean over all examples and all pixels, in this order. The check uses a map from three pixels to two: what is lost there cannot be restored by any way back.
#
# <details><summary>Hint 1</summary>For rows, F(a) is a @ P.T.</details>
# <details><summary>Hint 2</summary>The first term compares with a, the second with b; they need not be alike.</details>
# <details><summary>Hint 3</summary>np.abs(...).mean() over the whole array.</details>


# %% role="solution" exercise="cycle"
def cycle(a, b, P, Q):
    """The two terms of the cycle loss, of a (n, d) there and back,
    and of b (m, k) back and there.
    """
    ### BEGIN SOLUTION
    there_and_back = (a @ P.T) @ Q.T
    back_and_there = (b @ Q.T) @ P.T
    return np.abs(there_and_back - a).mean(), np.abs(back_and_there - b).mean()
    ### END SOLUTION


# %% role="test" exercise="cycle" points=4
_P = np.array([[1.0, 0.5, 0.0], [0.0, 1.0, -1.0]])  # three pixels become two
_Q = _P.T @ np.linalg.inv(_P @ _P.T)  # the best way back: P Q = 1
_a, _b = np.array([[1.0, 2.0, 0.5], [0.0, -1.0, 1.0]]), np.array([[1.0, -2.0], [0.5, 0.3], [2.0, 1.0]])
_ours = cycle(_a, _b, _P, _Q)
answer("two terms", np.shape(_ours), (2,))
_lost = _a @ _P.T @ _Q.T - _a
answer(
    "three pixels through two and back",
    _ours[0],
    np.abs(_lost).mean(),
    wrong={
        "absolute values, not squares": (_lost**2).mean(),
        "a mean, not a sum": np.abs(_lost).sum(),
        "compare with a, where the way began": np.abs(_a @ _P.T @ _Q.T).mean(),
        "a mean over pixels too: this sums them": np.abs(_lost).sum(axis=1).mean(),
    },
)
answer("two pixels through three and back: nothing is lost", _ours[1], 0.0, atol=1e-9)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

LINEAR = {
    "a": lambda rng: rng.normal(size=(6, 4)),
    "b": lambda rng: rng.normal(size=(5, 4)) + 0.5,
    "P": lambda rng: rng.normal(size=(4, 4)),
    "Q": lambda rng: rng.normal(size=(4, 4)),
}
probes = [
    Visible("cycle"),
    Probe(
        "np.asarray(cycle(a, b, P, Q))",
        LINEAR,
        message="with square matrices a missing transposition keeps the shape and changes the value",
    ),
    Probe(
        "np.asarray(cycle(a, b, P, Q))",
        {
            **LINEAR,
            "a": lambda rng: rng.normal(size=(3, 5)),
            "P": lambda rng: rng.normal(size=(4, 5)),
            "Q": lambda rng: rng.normal(size=(5, 4)),
        },
        message="with five pixels there and four here the terms differ: their order, absolute values, means",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 4 · Held to what is known (4 points)
#
# A generator enlarges a small picture $y$ $(h, w)$ to $x$ $(f h, f w)$, but $x$ does not shrink to $y$. Write `consistent(x, y)`: the picture nearest to $x$ in squared distance in which the mean of each square of $f \times f$ pixels is the pixel of $y$ that belongs to it. Grey pictures, one at a time; find $f$ from the shapes. Leave the arguments as they were.
#
# <details><summary>Hint 1</summary>In each square, how much is the mean off? The nearest picture spreads the correction evenly.</details>
# <details><summary>Hint 2</summary>x.reshape(h, f, w, f).mean(axis=(1, 3)) are the means of the squares.</details>
# <details><summary>Hint 3</summary>np.repeat twice, once along each axis, enlarges the correction.</details>


# %% role="solution" exercise="consistent"
def consistent(x, y):
    """The picture (f h, f w) nearest to x whose squares have the means y (h, w)."""
    ### BEGIN SOLUTION
    h, w = np.shape(y)
    f = np.shape(x)[0] // h
    off = y - np.reshape(x, (h, f, w, f)).mean(axis=(1, 3))
    return x + np.repeat(np.repeat(off, f, axis=0), f, axis=1)
    ### END SOLUTION


# %% role="test" exercise="consistent" points=4
_x = np.arange(24.0).reshape(4, 6) ** 1.5 / 20
_y = np.array([[0.2, 1.0, 0.5], [3.0, 2.0, 4.0]])
_kept = _x.copy(), _y.copy()
_held = consistent(_x, _y)
check(
    "the arguments are left as they were",
    np.concatenate([_x.ravel(), _y.ravel()]),
    np.concatenate([each.ravel() for each in _kept]),
)
answer("shape", np.shape(_held), (4, 6))
_means = _x.reshape(2, 2, 3, 2).mean(axis=(1, 3))
_right = _x + np.kron(_y - _means, np.ones((2, 2)))
answer(
    "the nearest picture that shrinks to y",
    _held,
    _right,
    wrong={
        "this forgets x altogether: it is y, enlarged": np.kron(_y, np.ones((2, 2))),
        "the correction has the wrong sign": _x - np.kron(_y - _means, np.ones((2, 2))),
        "the means must be those of y, not the sums": _x + np.kron(_y - 4 * _means, np.ones((2, 2))) / 4,
        "y is added without taking away what is there": _x + np.kron(_y, np.ones((2, 2))),
        "the picture is tiled; each pixel of y belongs to one square": _x + np.tile(_y - _means, (2, 2)),
    },
)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("consistent"),
    Probe(
        "consistent(x, y)",
        {"x": lambda rng: rng.normal(size=(6, 9)), "y": lambda rng: rng.normal(size=(2, 3))},
        message="with squares of 3 x 3 pixels the nearest picture differs",
    ),
    Probe(
        "consistent(x, y)",
        {"x": lambda rng: rng.normal(size=(8, 8)), "y": lambda rng: rng.normal(size=(2, 2))},
        message="with squares of 4 x 4 pixels the nearest picture differs",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 5 · Two enlargers, two judges (4 points)
#
# A hospital tests two networks that enlarge scans by a factor of 4, on the same 500 scans whose large originals are known:
#
# | | squared error per pixel | a second scan of the same patients, squared error | radiologists who take it for a real scan | shrunken output against the input, squared error |
# | --- | --- | --- | --- | --- |
# | network A | 0.010 | 0.011 | 4 of 100 | 0.0000 |
# | network B | 0.021 | 0.022 | 93 of 100 | 0.0031 |
# | mean of 50 samples of B | 0.012 | 0.013 | 6 of 100 | 0.0008 |
# | *small scan, pixels repeated* | *0.035* | *0.036* | *0 of 100* | *0.0000* |
#
# *"B's error is twice A's, so B is worse. On the other hand 93 of 100 radiologists believe it, so B has recovered the details that the small scan had lost. We buy B."*
#
# **(a)** What kind of network is A probably, and what kind is B? Which numbers say so, and what does the factor two in the first column have to do with it? **(b)** Is the sentence about the details right? What is in B's fine structures? **(c)** One number in B's row is a defect that can be removed without training anything again. Which, how, and what happens to the first column? **(d)** Which network would you use to measure the size of a tumour, and what of B's output would you show the doctor?

# %% [markdown] role="manual" exercise="two_judges" points=4
# ### BEGIN SOLUTION
# **(a)** A draws something close to the mean of all large scans that fit (trained by squared error): the least error, and looks like no scan. B draws samples (a conditional GAN): believed, and its error is about twice A's, which is what an exact posterior sample must have: E|x - x'|² = 2 E|x - mean|². The third row confirms it: averaging 50 samples of B brings its error nearly down to A's (0.010 (1 + 1/50) would be expected of perfect samples) and makes it as little believed as A.
#
# **(b)** No. Information that is not in the small scan cannot come back. B's fine structures are one *possible* completion, drawn from what the training scans usually look like; another draw gives others. That radiologists believe them says that they are plausible, not that they are true. Had B recovered them, its error would be below A's, not above.
#
# **(c)** The last column: B's outputs do not shrink to their input, so they contradict what is known. Add the enlarged difference between the input and the shrunken output, x + U(y - Sx), the smallest change that repairs it. It is an orthogonal projection onto a set that contains the truth, so the squared error cannot rise; it falls.
#
# **(d)** For measuring, A (or the mean of many samples), whose error is least and which invents nothing. Of B, never one picture: several samples side by side or their spread per pixel, which shows what is not known.
#
# *Rubric, 4 points:* 1 for mean against sample with the factor two, or the mean of 50 as evidence; 1 for saying that the details are invented, with a reason; 1 for the projection and that the error cannot rise; 1 for (d): the mean for measuring, several samples or their spread for showing.
# ### END SOLUTION

# %% [markdown]
# **Solutions** are in `notebooks/homework/source/hw15_conditional_gans`. Look only once you have an answer of your own.
