# ---
# jupyter:
#   coursekit:
#     allowed: [numpy]
# ---

# %% [markdown]
# # Homework 06 · Images pixel by pixel
#
# Six exercises on [notebook 06](../../../06_autoregressive_images.ipynb). Allow about two and a half hours. Write each answer where a cell says that it is still empty, then run the cell below it, which tells you straight away how you are doing. Grading uses different data, so an answer that fits only the example earns no points.
#
# **Allowed:** NumPy. **Not allowed:** the models of `coursekit.autoregressive`, SciPy, scikit-learn, PyTorch and other numerical libraries; calling a ready-made solution does not count as an answer. A function leaves its arguments as they were.
#
# Pixels are numbered in reading order, from 0. Logarithms are natural.

# %%
import numpy as np

from coursekit import plots
from coursekit.checks import answer

plots.use_course_style()

# %% [markdown]
# ## 1 · A chain by hand (3 points)
#
# A fully visible belief net for black and white images of $d$ pixels: $p(x_i = 1 \mid x_0, \dots, x_{i-1}) = \sigma\big(b_i + \sum_{j<i} w_{ij} x_j\big)$.
#
# Write `log_prob(x, w, b)`: $\log p$ of each image in nats, of shape $(n,)$. $x$ has shape $(n, d)$ and holds zeros and ones, $w$ has shape $(d, d)$, $b$ has shape $(d,)$. Only the part of $w$ strictly below the diagonal counts: the rest is rubbish, some of it put there to tempt you.
#
# <details><summary>Hint 1</summary>np.tril(w, -1) is the part that counts. The drives of all pixels of all images are then one matrix product and b.</details>
# <details><summary>Hint 2</summary>A white pixel has the probability 1 − σ(drive) = σ(−drive).</details>
# <details><summary>Hint 3</summary>log σ(a) = −log(1 + e^(−a)) = −np.logaddexp(0, −a), without overflow. Sum over pixels, not over images.</details>


# %% role="solution" exercise="log_prob"
def log_prob(x, w, b):
    """log p in nats, (n,), of black and white images x (n, d);
    w (d, d), of which j < i counts, b (d,).
    """
    ### BEGIN SOLUTION
    drive = x @ np.tril(w, -1).T + b
    sign = 2 * x - 1
    return -np.logaddexp(0, -sign * drive).sum(axis=1)
    ### END SOLUTION


# %% role="test" exercise="log_prob" points=3
_w = np.array([[9.0, -3.0, 5.0], [2.0, 9.0, -4.0], [-1.0, 0.5, 9.0]])
_b = np.array([0.3, -0.6, 0.1])
_x = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
_drives = np.array([[0.3, 1.4, -0.9], [0.3, -0.6, 0.6]])
_log_sigma = lambda a: -np.logaddexp(0, -a)  # noqa: E731
_right = np.array(
    [
        _log_sigma(0.3) + _log_sigma(-1.4) + _log_sigma(-0.9),
        _log_sigma(-0.3) + _log_sigma(-0.6) + _log_sigma(0.6),
    ]
)
answer("two images of three pixels", log_prob(_x, _w, _b), _right,
       wrong={"a white pixel counts too, with log(1 - p)": (_x * _log_sigma(_drives)).sum(1),
              "each pixel as if it were black": _log_sigma(_drives).sum(1),
              "the mean over pixels is not log p": _right / 3,
              "the sign: log p is negative": -_right,
              "log p of the whole batch: one number per image is asked for": np.full(2, _right.sum())})  # fmt: skip
_everything = np.array(np.meshgrid([0.0, 1.0], [0.0, 1.0], [0.0, 1.0])).reshape(3, -1).T
answer("the eight images of three pixels sum to 1", np.exp(log_prob(_everything, _w, _b)).sum(), 1.0)
answer("far out there is no overflow", log_prob(np.array([[0.0]]), np.zeros((1, 1)), np.array([800.0])), [-800.0])  # fmt: skip
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("log_prob"),
    Probe(
        "log_prob(x, w, b)",
        {
            "x": lambda rng: rng.integers(0, 2, size=(6, 7)).astype(float),
            "w": lambda rng: 2 * rng.normal(size=(7, 7)),
            "b": lambda rng: rng.normal(size=7),
        },
        message="on other images and weights log p differs: which weights count, and what is a white pixel worth?",
    ),
    Probe(
        "log_prob(x, w, b)",
        {
            "x": lambda rng: rng.integers(0, 2, size=(3, 4)).astype(float),
            "w": lambda rng: rng.normal(size=(4, 4)),
            "b": lambda rng: 900 + rng.normal(size=4),
        },
        message="with drives of several hundred log p must still be finite and right",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 2 · A mask for colour (3 points)
#
# In a colour image each pixel has three values, and the chain runs through them within the pixel: red, then green given red, then blue given both, and only then the next pixel. The features of a layer are split likewise into three groups, one for each colour. So a mask also says which *group* may see which.
#
# Write `colour_mask(kernel, kind)`: zeros and ones of shape $(3, 3, k, k)$; entry $[o, c, a, b]$ says whether output group $o$ may see input group $c$ at the position $(a, b)$ of the window. What lies before the centre in reading order is seen by all, in all colours; what lies after it by none. **At the centre** it goes by colour: with `kind="A"` (first layer) a group sees the colours *before* its own, with `kind="B"` its own too.
#
# <details><summary>Hint 1</summary>The centre is (k // 2, k // 2). Rows above it, all columns; in its row, the columns to the left.</details>
# <details><summary>Hint 2</summary>mask[:, :, :r, :] = 1 and mask[:, :, r, :r] = 1 with r = k // 2.</details>
# <details><summary>Hint 3</summary>At the centre: np.tril(np.ones((3, 3)), -1) for A, np.tril(np.ones((3, 3))) for B; row o, column c.</details>


# %% role="solution" exercise="colour_mask"
def colour_mask(kernel, kind):
    """Zeros and ones (3, 3, kernel, kernel):
    may output group o see input group c at (a, b)?
    """
    ### BEGIN SOLUTION
    r = kernel // 2
    mask = np.zeros((3, 3, kernel, kernel))
    mask[:, :, :r, :] = 1
    mask[:, :, r, :r] = 1
    mask[:, :, r, r] = np.tril(np.ones((3, 3)), -1 if kind == "A" else 0)
    return mask
    ### END SOLUTION


# %% role="test" exercise="colour_mask" points=3
_first, _later = colour_mask(3, "A"), colour_mask(3, "B")
answer("shape", np.shape(_first), (3, 3, 3, 3))
answer("blue sees red at the centre, in the first layer too", np.asarray(_first)[2, 0, 1, 1], 1.0,
       wrong={"row o is the output, column c the input": 0.0})  # fmt: skip
answer("at the centre, kind A: strictly earlier colours", np.asarray(_first)[:, :, 1, 1], [[0, 0, 0], [1, 0, 0], [1, 1, 0]],
       wrong={"this lets a colour see itself: that is kind B": np.tril(np.ones((3, 3))),
              "this lets red see blue": np.triu(np.ones((3, 3)), 1), "the colours before its own may be seen": np.zeros((3, 3))})  # fmt: skip
answer("at the centre, kind B: its own colour too", np.asarray(_later)[:, :, 1, 1], [[1, 0, 0], [1, 1, 0], [1, 1, 1]],
       wrong={"that is every colour, later ones too": np.ones((3, 3)), "that is kind A": np.tril(np.ones((3, 3)), -1),
              "blue may see red as well as itself": np.eye(3)})  # fmt: skip
answer("off the centre all colours see alike", np.asarray(_first)[0, 2], [[1, 1, 1], [1, 0, 0], [0, 0, 0]],
       wrong={"what is to the right of the centre comes later": [[1, 1, 1], [1, 0, 1], [0, 0, 0]]})  # fmt: skip
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("colour_mask"),
    Probe(
        "colour_mask(kernel, kind)",
        {"kernel": lambda rng: [5, 7, 9][int(rng.integers(3))], "kind": "A"},
        message="for larger windows of kind A the mask differs",
        oracle=lambda kernel, kind: np.array(
            [
                [
                    [
                        [float((a, b, c) < (kernel // 2, kernel // 2, o)) for b in range(kernel)]
                        for a in range(kernel)
                    ]
                    for c in range(3)
                ]
                for o in range(3)
            ]
        ),
    ),
    Probe(
        "colour_mask(kernel, kind)",
        {"kernel": lambda rng: [5, 7, 11][int(rng.integers(3))], "kind": "B"},
        message="for larger windows of kind B the mask differs",
    ),
    Probe(
        "float(np.asarray(colour_mask(kernel, kind)).sum()) * scale",
        {"kernel": 3, "kind": "A", "scale": lambda rng: float(rng.uniform(1, 2))},
        message="the number of ones in a 3 x 3 mask of kind A differs",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 3 · Prove it: who sees whom (4 points)
#
# A stack of masked convolutions on a $h \times w$ image (one colour). Layer after layer, a feature at $(i, j)$ sees the features at $(i + a - r, j + b - r)$ of the layer below wherever its mask has a one at $(a, b)$ and the position is inside the image; $r = k // 2$.
#
# Write `who_sees(masks, height, width)`: a boolean array of shape $(hw, hw)$; entry $[p, q]$ says whether the output at pixel $p$ depends on pixel $q$ of the image, along any path. `masks` is a list of masks, first layer first, each $(k, k)$ with its own odd $k$. This array is the proof that no pixel sees itself or its future, and it shows what is never seen.
#
# <details><summary>Hint 1</summary>First write the (hw, hw) matrix of one layer: a one at [p, q] if p sees q in one step.</details>
# <details><summary>Hint 2</summary>A path through two layers: p sees m in the second, m sees q in the first. That is a matrix product, second @ first.</details>
# <details><summary>Hint 3</summary>Multiply from the left, layer after layer, starting with the identity; at the end ask where the product is positive.</details>


# %% role="solution" exercise="who_sees"
def who_sees(masks, height, width):
    """(hw, hw) bool: does the output at pixel p depend on pixel q?
    masks: list of (k, k), first layer first.
    """
    ### BEGIN SOLUTION
    paths = np.eye(height * width)
    for mask in masks:
        mask = np.asarray(mask)
        r = len(mask) // 2
        layer = np.zeros((height * width, height * width))
        for i in range(height):
            for j in range(width):
                for a, b in zip(*np.nonzero(mask), strict=True):
                    y, x = i + a - r, j + b - r
                    if 0 <= y < height and 0 <= x < width:
                        layer[i * width + j, y * width + x] = 1
        paths = layer @ paths
    return paths > 0
    ### END SOLUTION


# %% role="test" exercise="who_sees" points=4
_mask_a, _mask_b = np.array([[1, 1, 1], [1, 0, 0], [0, 0, 0]]), np.array([[1, 1, 1], [1, 1, 0], [0, 0, 0]])
_seen = np.asarray(who_sees([_mask_a], 2, 3))
answer("one layer, pixel 4 of a 2 x 3 image sees pixels 0, 1, 2, 3", _seen[4], [True, True, True, True, False, False],
       wrong={"the other way round: row p is who sees": [False, False, False, False, False, True]})  # fmt: skip
_stack = np.asarray(who_sees([_mask_a, _mask_b, _mask_b], 4, 4))
answer("A, B, B: no pixel sees itself or a later one", np.triu(_stack).sum(), 0)
answer("pixel 8 of a 4 x 4 image (start of the third row): its blind spot is 3, 6, 7",
       _stack[8].astype(int), [1, 1, 1, 0, 1, 1] + [0] * 10,
       wrong={"that is what the first layer sees: go on through the others": [0, 0, 0, 0, 1, 1] + [0] * 10})  # fmt: skip
answer("B first: a pixel sees itself", np.diag(who_sees([_mask_b, _mask_b], 3, 3)).sum(), 9)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

some_mask = lambda k: lambda rng: (rng.random((k, k)) < 0.3).astype(float)  # noqa: E731
probes = [
    Visible("who_sees"),
    Probe(
        "np.asarray(who_sees([first], 4, 5)).astype(float)",
        {"first": some_mask(3)},
        message="with one layer and another mask the answer differs: is row p the one who sees?",
    ),
    Probe(
        "np.asarray(who_sees([first, second], 4, 6)).astype(float)",
        {"first": some_mask(5), "second": some_mask(3)},
        message="with two layers of different windows the answer differs: in which order do you chain them?",
    ),
    Probe(
        "np.asarray(who_sees([first, second, third], 5, 3)).astype(float)",
        {"first": some_mask(3), "second": some_mask(3), "third": some_mask(3)},
        message="with three layers the answer differs: along any path",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 4 · A mixture that never underflows (4 points)
#
# The discretised logistic on levels $0, \dots, L-1$ with mean $m$ and scale $s$ gives level $k$ the mass $\sigma(\frac{k + 1/2 - m}{s}) - \sigma(\frac{k - 1/2 - m}{s})$; the first level also gets all below it, the last all above it. A mixture weights several of them, $P(k) = \sum_c \pi_c P_c(k)$, $\pi = \operatorname{softmax}(\text{logits})$.
#
# Write `log_mixture(k, logits, mean, log_scale, n_levels)`: $\log P$ for each entry of $k$, of shape $(n,)$. `logits`, `mean` and `log_scale` have shape $(n, C)$; $s = e^{\text{log\_scale}}$. It has to be right to many digits even where all of $P$ is as small as $e^{-500}$.
#
# <details><summary>Hint 1</summary>σ(a) − σ(b) = σ(a) σ(−b) (1 − e^(b − a)), and a − b = 1/s. Take the logarithm of the product.</details>
# <details><summary>Hint 2</summary>log σ(a) = −np.logaddexp(0, −a). For log(1 − e^(−1/s)) use np.log(-np.expm1(-1 / s)).</details>
# <details><summary>Hint 3</summary>First level: log σ(a) alone. Last level: log σ(−b) alone. Then np.logaddexp.reduce(log_weight + log_component, axis=1).</details>


# %% role="solution" exercise="log_mixture"
def log_mixture(k, logits, mean, log_scale, n_levels):
    """log P (n,) of levels k (n,) under mixtures of discretised logistics;
    parameters (n, C).
    """
    ### BEGIN SOLUTION
    k = np.asarray(k)[:, None]
    s = np.exp(log_scale)
    a, b = (k + 0.5 - mean) / s, (k - 0.5 - mean) / s
    below, above = -np.logaddexp(0, -a), -np.logaddexp(0, b)
    inner = below + above + np.log(-np.expm1(-1 / s))
    component = np.where(k == 0, below, np.where(k == n_levels - 1, above, inner))
    log_weight = logits - np.logaddexp.reduce(logits, axis=1)[:, None]
    return np.logaddexp.reduce(log_weight + component, axis=1)
    ### END SOLUTION


# %% role="test" exercise="log_mixture" points=4
_every = np.arange(6.0)
_spread = lambda values: np.tile(values, (6, 1))  # noqa: E731
_levels = log_mixture(_every, _spread([0.0, 1.0]), _spread([1.0, 4.5]), _spread([0.0, -1.0]), 6)
answer("one value per level", np.shape(_levels), (6,))
answer("the six levels sum to 1", np.exp(_levels).sum(), 1.0, atol=1e-9,
       wrong={"softmax: the weights sum to 1": 1 + np.e})  # fmt: skip
_sigma = lambda t: 1 / (1 + np.exp(-t))  # noqa: E731
_single = log_mixture(np.array([2.0]), np.zeros((1, 1)), np.array([[1.2]]), np.array([[0.4]]), 6)
_scale = np.exp(0.4)
answer("level 2 of a single bell", _single, [np.log(_sigma(1.3 / _scale) - _sigma(0.3 / _scale))],
       wrong={"the scale is e to the log_scale": [np.log(_sigma(1.3 / 0.4) - _sigma(0.3 / 0.4))],
              "that is the density, not the mass of the level": [-0.8 / _scale - 0.4 - 2 * np.log1p(np.exp(-0.8 / _scale))],
              "divide by the scale, do not multiply": [np.log(_sigma(1.3 * _scale) - _sigma(0.3 * _scale))]})  # fmt: skip
answer("400 levels from both means", log_mixture(np.array([420.0]), np.zeros((1, 2)), np.array([[10.0, 20.0]]), np.zeros((1, 2)), 512),
       [np.logaddexp(-409.5, -399.5) + np.log(1 - np.exp(-1)) - np.log(2)])  # fmt: skip
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

drawn = lambda shape, scale, shift=0.0: lambda rng: shift + scale * rng.normal(size=shape)  # noqa: E731
probes = [
    Visible("log_mixture"),
    Probe(
        "log_mixture(k, logits, mean, log_scale, 17)",
        {
            "k": lambda rng: rng.integers(0, 17, size=40).astype(float),
            "logits": drawn((40, 5), 1.5),
            "mean": drawn((40, 5), 5.0, 8.0),
            "log_scale": drawn((40, 5), 0.7),
        },
        message="on other levels and mixtures log P differs: weights, inner levels, the two ends",
    ),
    Probe(
        "log_mixture(k, logits, mean, log_scale, 17)",
        {
            "k": lambda rng: np.array([0.0, 16.0, 0.0, 16.0]),
            "logits": drawn((4, 3), 1.0),
            "mean": drawn((4, 3), 5.0, 8.0),
            "log_scale": drawn((4, 3), 0.5, 1.0),
        },
        message="at the first and the last level log P differs: what lies beyond belongs to them",
    ),
    Probe(
        "log_mixture(k, logits, mean, log_scale, 1024)",
        {
            "k": lambda rng: rng.integers(700, 900, size=8).astype(float),
            "logits": drawn((8, 3), 1.0),
            "mean": drawn((8, 3), 20.0, 100.0),
            "log_scale": drawn((8, 3), 0.1),
        },
        message="far from all means log P must still be finite and right to many digits",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 5 · The cost of drawing at once (4 points)
#
# A small image of $d$ pixels with $K$ levels has the table $p$ of shape $(K, \dots, K)$, one axis per pixel, all entries positive. It is sampled by a perfect network in groups of pixels, one group after the other; within a group each pixel is drawn from its own conditional, given all earlier groups.
#
# Write `parallel_cost(p, groups)`: $\mathrm{KL}(p \,\Vert\, \text{samples})$ in nats. `groups` is a list of lists of axes and holds each axis once.
#
# <details><summary>Hint 1</summary>It is a sum over groups: the sum of H(x_i | earlier) over the group, minus H(group | earlier).</details>
# <details><summary>Hint 2</summary>H(A | B) = H(A and B) − H(B). The joint entropy of some axes needs the marginal: p.sum over all the other axes.</details>
# <details><summary>Hint 3</summary>Write a helper entropy(axes); entropy of no axes is 0.</details>


# %% role="solution" exercise="parallel_cost"
def parallel_cost(p, groups):
    """KL(p || samples) in nats when the axes of the table p are drawn group by group,
    each group in parallel.
    """

    ### BEGIN SOLUTION
    def entropy(axes):
        others = tuple(axis for axis in range(p.ndim) if axis not in axes)
        marginal = p.sum(axis=others)
        return -(marginal * np.log(marginal)).sum()

    total, known = 0.0, []
    for group in groups:
        single = sum(entropy([*known, i]) - entropy(known) for i in group)
        joint = entropy([*known, *group]) - entropy(known)
        total += single - joint
        known = [*known, *group]
    return total
    ### END SOLUTION


# %% role="test" exercise="parallel_cost" points=4
_nearly_equal = np.array([[0.45, 0.05], [0.05, 0.45]])  # two pixels that mostly agree
_flip = -(0.9 * np.log(0.9) + 0.1 * np.log(0.1))
answer("one after the other costs nothing", parallel_cost(_nearly_equal, [[0], [1]]), 0.0, atol=1e-12)
answer("both at once cost their mutual information", parallel_cost(_nearly_equal, [[0, 1]]), np.log(2) - _flip,
       wrong={"in nats, not in bits": 1 - _flip / np.log(2), "the sign: a KL is never negative": _flip - np.log(2),
              "that is the entropy of both pixels": np.log(2) + _flip, "that is the sum of their entropies": 2 * np.log(2)})  # fmt: skip
_copies = np.zeros((2, 2, 2)) + 1e-12
_copies[0, 0, 0] = _copies[1, 1, 1] = 0.5
_copies /= _copies.sum()
answer("three copies of a coin, the last two at once: nothing, since the first tells both", parallel_cost(_copies, [[0], [1, 2]]), 0.0, atol=1e-9,
       wrong={"the conditionals are given the earlier groups": np.log(2)})  # fmt: skip
answer("three copies at once", parallel_cost(_copies, [[0, 1, 2]]), 2 * np.log(2), atol=1e-9)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible


def table(shape):
    def draw(rng):
        p = rng.random(shape) ** 3 + 0.01
        return p / p.sum()

    return draw


probes = [
    Visible("parallel_cost"),
    Probe(
        "parallel_cost(p, [[2], [0, 3], [1]])",
        {"p": table((2, 2, 2, 2))},
        message="on another table, in three groups, the cost differs: conditionals given the earlier groups",
    ),
    Probe(
        "parallel_cost(p, [[1, 0], [2, 3]])",
        {"p": table((3, 3, 3, 3))},
        message="with three levels and two groups of two the cost differs",
    ),
    Probe(
        "parallel_cost(p, [[0, 1, 2]])",
        {"p": table((3, 3, 3))},
        message="with all pixels at once the cost differs",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 6 · Three reports (5 points)
#
# Three colleagues train autoregressive models on 8 × 8 digits with 17 levels.
#
# *Ada:* "My PixelCNN reaches 0.4 bits per pixel on the test set after a minute. All layers have the same masked convolution, rows above, pixels to the left, and the centre. The samples look like noise; I suppose my sampler has a bug."
#
# *Ben:* "My two-stack network reaches 1.3 bits per pixel. To save a layer, I let the vertical stack also read the features of the horizontal one at the same pixel. In the Jacobian only the pixel itself and pixels to its right in the same row look odd."
#
# *Cem:* "My masked model draws in 64 steps, one pixel per step, always the pixel it is most sure of. The samples are the cleanest of all of us, so its distribution must be the best."

# %% [markdown]
# What is wrong in each report, why, and which check would have shown it before training? Two or three sentences each.

# %% [markdown] role="manual" exercise="three_reports" points=5
# ### BEGIN SOLUTION
# **Ada.** The first layer has mask B, so every pixel sees itself; the network copies its input, and the bits it reports are not those of the conditionals. The sampler is fine: when a pixel is drawn, its value is not there to be copied. Check: the diagonal of the Jacobian at random weights, or one pixel at a time with nonsense from that pixel on. Cure: mask A in the first layer.
#
# **Ben.** The horizontal features at a pixel hold what is to the left in its own row. So those at (i, j+1) know pixel (i, j). Once they are in the vertical stack, the next vertical window, which looks right as well as left, hands them to (i, j): the pixel sees itself, and with each further layer pixels further right. The bits are too good, as in Ada's case. Check: the Jacobian on and above the diagonal must be exactly zero: the odd entries are the leak. Cure: information goes from the vertical to the horizontal stack only.
#
# **Cem.** Clean samples are not the right distribution. Choosing the pixels whose *drawn* values are most probable keeps likely values more often than their probability says: the distribution is biased towards the likely, even with one pixel per step and a perfect network; rare digits are missing. Check: on a small world that can be counted, compare shares with probabilities, or measure recall beside precision. Cure: choose the pixels at random, or without looking at the values drawn.
#
# *Rubric, 5 points:* 1 for Ada's mask B in the first layer and why the bits are worthless; 1 for a check that shows it before training; 1 for Ben's leak along the row through the vertical stack's two-sided window; 1 for Cem's bias (the choice looks at the value drawn); 1 for saying that likelihood, or recall, is what Cem should look at beside the looks of samples.
# ### END SOLUTION

# %% [markdown]
# **Solutions** are in `notebooks/homework/source/hw06_autoregressive_images`. Look only once you have an answer of your own.
