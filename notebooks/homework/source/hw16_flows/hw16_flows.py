# ---
# jupyter:
#   coursekit:
#     allowed: [numpy]
# ---

# %% [markdown]
# # Homework 16 · Normalising flows
#
# Five exercises on [notebook 16](../../../16_flows.ipynb). Allow about two hours. Write each answer where a cell says that it is still empty, then run the cell below it, which tells you straight away how you are doing. Grading uses different data, so an answer that fits only the example earns no points.
#
# **Allowed:** NumPy. **Not allowed:** the models of `coursekit.flow`, `coursekit.evaluation`, SciPy, scikit-learn, PyTorch and other numerical libraries; calling a ready-made solution does not count as an answer. A function leaves its arguments as they were.
#
# Direction as in the notebook: $z = f(x)$ runs from the data to the noise. Logarithms are natural unless a name says bits.

# %%
import numpy as np

from coursekit import plots
from coursekit.checks import answer, check

plots.use_course_style()

# %% [markdown]
# ## 1 · A density in one line (3 points)
#
# A flow of one layer, elementwise: $z_j = \operatorname{arsinh}\big(a_j\,(x_j - b_j)\big)$ with all $a_j > 0$. The inverse hyperbolic sine is nearly the identity around 0 and grows like a logarithm far out, so the data it describes have heavy tails. Its derivative is $\frac{d}{du}\operatorname{arsinh} u = 1/\sqrt{1+u^2}$.
#
# Write `log_density(x, a, b)`: the log-density in nats of each row of $x$, of shape $(n, d)$, when $z$ is standard normal; $a$ and $b$ have shape $(d,)$.
#
# <details><summary>Hint 1</summary>Two terms per coordinate: the normal log-density of z, and the log of the slope dz/dx.</details>
# <details><summary>Hint 2</summary>Chain rule: the slope is a / sqrt(1 + u²) with u = a (x − b).</details>
# <details><summary>Hint 3</summary>Coordinates are independent here, so log-densities add up over axis 1. Do not forget log(2π)/2 for each.</details>


# %% role="solution" exercise="log_density"
def log_density(x, a, b):
    """log p(x) in nats, (n,), for z = arsinh(a (x - b)) standard normal;
    x (n, d), a and b (d,).
    """
    ### BEGIN SOLUTION
    u = a * (x - b)
    z = np.arcsinh(u)
    log_normal = -0.5 * (z**2 + np.log(2 * np.pi))
    log_slope = np.log(a) - 0.5 * np.log(1 + u**2)
    return (log_normal + log_slope).sum(axis=1)
    ### END SOLUTION


# %% role="test" exercise="log_density" points=3
_half_log_2pi = 0.5 * np.log(2 * np.pi)
answer("at x = b with a = 1 the density is that of the normal at 0", log_density(np.array([[3.0, 1.0]]), np.ones(2), np.array([3.0, 1.0])), [-2 * _half_log_2pi],
       wrong={"did you forget log(2 pi) / 2 for each coordinate?": [0.0], "log(2 pi) / 2 belongs to each coordinate, not to the row": [-_half_log_2pi]})  # fmt: skip
answer("at x = b with a = (2, 5) the slopes add log 2 + log 5", log_density(np.zeros((1, 2)), np.array([2.0, 5.0]), np.zeros(2)), [np.log(10) - 2 * _half_log_2pi],
       wrong={"the log of the slope is added: what the map stretches was close together before": [-np.log(10) - 2 * _half_log_2pi],
              "without its slope this is the density of z, not of x": [-2 * _half_log_2pi]})  # fmt: skip
_line = np.sinh(np.linspace(-8, 8, 40_001))[:, None] / 1.7 + 0.4
_density = np.exp(log_density(_line, np.array([1.7]), np.array([0.4])))
_mass = np.sum(0.5 * (_density[1:] + _density[:-1]) * np.diff(_line[:, 0]))
answer("the density integrates to 1", _mass, 1.0, atol=1e-4)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("log_density"),
    Probe(
        "log_density(x, a, b)",
        {
            "x": lambda rng: 3 * rng.normal(size=(rng.integers(5, 9), 3)),
            "a": lambda rng: rng.permutation(
                [rng.uniform(0.3, 0.8), rng.uniform(1.5, 4), rng.uniform(0.3, 4)]
            ),
            "b": lambda rng: rng.normal(size=3),
        },
        message="on other points, slopes and centres your log-density differs: both terms, every coordinate",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 2 · A coupling, there and back (5 points)
#
# Here is a coupling whose little network has no hidden layer. Of the $d$ features the **last** $d - k$ pass unchanged; they decide how the **first** $k$ are scaled and shifted:
#
# $$s = \tanh(x_\text{pass} A), \qquad t = x_\text{pass} B, \qquad z_\text{pass} = x_\text{pass}, \qquad z_\text{change} = x_\text{change} \odot e^{s} + t .$$
#
# $A$ and $B$ have shape $(d-k, k)$. Note which half changes: here it is the first.
#
# **(a)** Write `couple(x, A, B)`: it returns $z$ of shape $(n, d)$, in the order of the columns of $x$, and the log-determinant of shape $(n,)$. The arguments stay as they were.
#
# <details><summary>Hint 1</summary>k is the number of columns of A.</details>
# <details><summary>Hint 2</summary>np.concatenate([changed, passed], axis=1) keeps the order.</details>
# <details><summary>Hint 3</summary>The log-determinant is the sum of s, one number per row.</details>


# %% role="solution" exercise="couple"
def couple(x, A, B):
    """z (n, d) and log|det| (n,) of the coupling;
    x (n, d), A and B (d - k, k): the first k change.
    """
    ### BEGIN SOLUTION
    k = A.shape[1]
    change, keep = x[:, :k], x[:, k:]
    s, t = np.tanh(keep @ A), keep @ B
    z = np.concatenate([change * np.exp(s) + t, keep], axis=1)
    return z, s.sum(axis=1)
    ### END SOLUTION


# %% role="test" exercise="couple" points=3
_x = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, -1.0]])
_A, _B = np.array([[0.4, -0.3]]), np.array([[2.0, 1.0]])
_given = _x.copy()
_z, _log_det = couple(_given, _A, _B)
check("x itself is left as it was", _given, _x)
answer("z has the shape of x", np.shape(_z), _x.shape)
answer("the last column passes", np.asarray(_z)[:, 2], _x[:, 2])
_s = np.tanh(_x[:, 2:] @ _A)
answer("the first two columns are scaled and shifted", np.asarray(_z)[:, :2], _x[:, :2] * np.exp(_s) + _x[:, 2:] @ _B,
       wrong={"scale by exp(s), so that the scale is never 0 or negative": _x[:, :2] * _s + _x[:, 2:] @ _B,
              "first scale, then shift": (_x[:, :2] + _x[:, 2:] @ _B) * np.exp(_s),
              "this is the way back: multiply by exp(s), not by exp(-s)": (_x[:, :2] - _x[:, 2:] @ _B) * np.exp(-_s)})  # fmt: skip
answer("one log-determinant per row", np.shape(_log_det), (2,))
answer("the log-determinant is the sum of s", _log_det, _s.sum(axis=1),
       wrong={"the sign: this is the log-determinant of the way back": -_s.sum(axis=1),
              "log of exp(s) is s": np.exp(_s).sum(axis=1), "a sum, not a mean": _s.mean(axis=1),
              "a determinant is a product, so its log is the sum of logs, s": np.exp(_s.sum(axis=1))})  # fmt: skip
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("couple"),
    Probe(
        "couple(x, A, B)",
        {
            "x": lambda rng: rng.normal(size=(6, 5)),
            "A": lambda rng: rng.normal(size=(2, 3)),
            "B": lambda rng: rng.normal(size=(2, 3)),
        },
        message="with other sizes of the two halves z or the log-determinant differs: who passes, who changes?",
    ),
    Probe(
        "[couple(x, A, B)[1], x]",
        {
            "x": lambda rng: 2 * rng.normal(size=(4, 4)),
            "A": lambda rng: rng.normal(size=(3, 1)),
            "B": lambda rng: rng.normal(size=(3, 1)),
        },
        message="the log-determinant differs when one column changes, or couple changes its argument",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# **(b)** Write `uncouple(z, A, B)`: the way back. It returns $x$ and **its own** log-determinant, $\log|\det \partial x/\partial z|$.
#
# <details><summary>Hint 1</summary>What passed is still there: compute s and t from it again.</details>
# <details><summary>Hint 2</summary>Undo in the opposite order: first take the shift off, then the scale.</details>
# <details><summary>Hint 3</summary>The two log-determinants of a map and its inverse add up to 0.</details>


# %% role="solution" exercise="uncouple"
def uncouple(z, A, B):
    """x (n, d) and log|det dx/dz| (n,): the inverse of couple."""
    ### BEGIN SOLUTION
    k = A.shape[1]
    change, keep = z[:, :k], z[:, k:]
    s, t = np.tanh(keep @ A), keep @ B
    x = np.concatenate([(change - t) * np.exp(-s), keep], axis=1)
    return x, -s.sum(axis=1)
    ### END SOLUTION


# %% role="test" exercise="uncouple" points=2
_z = np.array([[0.3, 1.0, -0.8]])
_A, _B = np.array([[0.4, -0.3]]), np.array([[2.0, 1.0]])
_s = np.tanh(_z[:, 2:] @ _A)
_x_back, _log_det_back = uncouple(_z, _A, _B)
answer("the way back takes off the shift, then the scale", np.asarray(_x_back)[:, :2], (_z[:, :2] - _z[:, 2:] @ _B) * np.exp(-_s),
       wrong={"first take off the shift, then the scale": _z[:, :2] * np.exp(-_s) - _z[:, 2:] @ _B})  # fmt: skip
answer("its log-determinant has the other sign", _log_det_back, -_s.sum(axis=1),
       wrong={"this is the log-determinant of the way there": _s.sum(axis=1)})  # fmt: skip
check("what passed is still there", np.asarray(_x_back)[:, 2], _z[:, 2])
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("uncouple"),
    Probe(
        "[uncouple(z, A, B), z]",
        {
            "z": lambda rng: 2 * rng.normal(size=(5, 6)),
            "A": lambda rng: rng.normal(size=(4, 2)),
            "B": lambda rng: rng.normal(size=(4, 2)),
        },
        message="the way back differs on other data: the order of undoing, or the sign of the log-determinant",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 3 · Glow's convolution, by its triangles (3 points)
#
# A 1 × 1 convolution multiplies the $c$ channels at each position of an image by one matrix $W = P\,L\,U$. $P$ is a permutation. $L$ takes the entries of `lower` strictly below the diagonal and has ones on it. $U$ takes the entries of `upper` strictly above the diagonal, and its own diagonal is $\text{sign}_i\, e^{\ell_i}$.
#
# Write `mix(images, order, lower, upper, sign, log_scale)`. `images` has shape $(n, c, H, W)$; `order` holds $0 \dots c-1$ once each, and $P$ moves row `order[i]` of $LU$ to row $i$. Return the convolved images and the log-determinant of the **whole image**, one number per image, computed **without** any determinant of a matrix.
#
# <details><summary>Hint 1</summary>np.tril(lower, -1) + np.eye(c), and np.triu(upper, 1) + np.diag(...).</details>
# <details><summary>Hint 2</summary>(L @ U)[order] is P L U; np.einsum("ij,njhw->nihw", W, images) acts on the channels.</details>
# <details><summary>Hint 3</summary>The same matrix acts at H · W positions.</details>


# %% role="solution" exercise="mix"
def mix(images, order, lower, upper, sign, log_scale):
    """Images (n, c, H, W) after the 1 x 1 convolution,
    and log|det| of the whole image (n,).
    """
    ### BEGIN SOLUTION
    n, c, height, width = images.shape
    L = np.tril(lower, -1) + np.eye(c)
    U = np.triu(upper, 1) + np.diag(sign * np.exp(log_scale))
    weight = (L @ U)[order]
    mixed = np.einsum("ij,njhw->nihw", weight, images)
    return mixed, np.full(n, height * width * log_scale.sum())
    ### END SOLUTION


# %% role="test" exercise="mix" points=3
_picture = np.arange(12.0).reshape(1, 2, 2, 3)
_given = (np.array([1, 0]), np.array([[9.0, 9.0], [2.0, 9.0]]), np.array([[9.0, 3.0], [9.0, 9.0]]), np.array([1.0, -1.0]), np.array([0.5, 0.2]))  # fmt: skip
_mixed, _log_det = mix(_picture, *_given)
_e1, _e2 = np.exp(0.5), np.exp(0.2)
_product = np.array([[_e1, 3.0], [2 * _e1, 6 - _e2]])
answer("every position is multiplied by P L U", _mixed, np.einsum("ij,njhw->nihw", _product[[1, 0]], _picture),
       wrong={"the permutation is missing": np.einsum("ij,njhw->nihw", _product, _picture),
              "this multiplies by the transposed matrix": np.einsum("ji,njhw->nihw", _product[[1, 0]], _picture)})  # fmt: skip
answer("the log-determinant counts all 6 positions", _log_det, [6 * 0.7],
       wrong={"the same matrix acts at each of the H W positions": [0.7]})  # fmt: skip
_three = np.arange(12.0).reshape(1, 3, 2, 2)
_scaled = _three * np.array([1.0, 2.0, 4.0])[:, None, None]  # by L U, which is diagonal here
_turned, _ = mix(
    _three, np.array([1, 2, 0]), np.zeros((3, 3)), np.zeros((3, 3)), np.ones(3), np.log([1.0, 2.0, 4.0])
)
answer(
    "three channels in the order 1, 2, 0",
    _turned,
    _scaled[:, [1, 2, 0]],
    wrong={"row `order[i]` goes to row i, not row i to row `order[i]`": _scaled[:, [2, 0, 1]]},
)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("mix"),
    Probe(
        "mix(images, order, lower, upper, sign, log_scale)",
        {
            "images": lambda rng: rng.normal(size=(3, 4, 2, 5)),
            # A cycle of all four, which is never its own inverse.
            "order": lambda rng: np.roll(p := rng.permutation(4), 1)[np.argsort(p)],
            "lower": lambda rng: rng.normal(size=(4, 4)),
            "upper": lambda rng: rng.normal(size=(4, 4)),
            "sign": lambda rng: rng.permutation([1.0, -1.0, 1.0, -1.0]),
            "log_scale": lambda rng: rng.normal(size=4),
        },
        message="on other images the result or its log-determinant differs: triangles, diagonals, order, positions",
    ),
    Probe(
        "mix(images, np.array([1, 2, 0]), lower, upper, np.ones(3), log_scale)[1]",
        {
            "images": lambda rng: rng.normal(size=(2, 3, 2, 2)),
            "lower": lambda rng: rng.normal(size=(3, 3)),
            "upper": lambda rng: rng.normal(size=(3, 3)),
            "log_scale": lambda rng: [40.0, 1.0, -40.0] + rng.normal(size=3),
        },
        message="with scales that are tiny and huge the log-determinant differs: it needs no determinant of a matrix",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 4 · From nats to bits, through the logit (4 points)
#
# A flow was trained on grey levels $0 \dots n_\text{levels}-1$, dequantised to $x \in (0, n_\text{levels})$, scaled to $y = x / n_\text{levels}$, and sent through $v = \log\frac{y}{1-y}$. It reports $\log p(v)$ in nats per image. But the density that we want is that of $x$, not of $v$.
#
# Write `bits(log_p_v, x, n_levels)`: bits per dimension of each dequantised image, **per grey level**. `log_p_v` has shape $(n,)$, `x` has shape $(n, d)$.
#
# <details><summary>Hint 1</summary>log p(x) = log p(v) + log|det dv/dx|, and the map acts on each pixel by itself.</details>
# <details><summary>Hint 2</summary>dv/dy = 1 / (y (1 − y)) and dy/dx = 1 / n_levels.</details>
# <details><summary>Hint 3</summary>Bits per dimension: minus the nats, divided by d and by log 2.</details>


# %% role="solution" exercise="bits"
def bits(log_p_v, x, n_levels):
    """Bits per dimension (n,) of dequantised grey levels x (n, d),
    from log p(v) (n,) at v = logit(x / n_levels).
    """
    ### BEGIN SOLUTION
    y = x / n_levels
    log_det = (-np.log(y) - np.log(1 - y) - np.log(n_levels)).sum(axis=1)
    log_p_x = log_p_v + log_det
    return -log_p_x / (x.shape[1] * np.log(2))
    ### END SOLUTION


# %% role="test" exercise="bits" points=4
_noisy = 256 * np.array([[0.2, 0.5, 0.9], [0.01, 0.7, 0.35]])
_v = np.log(_noisy / 256) - np.log(1 - _noisy / 256)
_log_logistic = (-_v - 2 * np.log1p(np.exp(-_v))).sum(axis=1)
_slopes = (np.log(_noisy / 256) + np.log(1 - _noisy / 256)).sum(axis=1)
_per = 3 * np.log(2)
answer("a logistic v means equally likely levels: 256 of them cost 8 bits each", bits(_log_logistic, _noisy, 256), [8.0, 8.0],
       wrong={"the scale is missing: the density is asked for in grey levels": [0.0, 0.0],
              "nats, not bits: divide by log 2": [8 * np.log(2)] * 2,
              "bits per image, not per dimension": [24.0, 24.0],
              "a sign: bits are minus the log-density, and the scale lowers the density": [-8.0, -8.0],
              "the logit's slopes are missing": -(_log_logistic - 3 * np.log(256)) / _per,
              "the logit's slopes have the wrong sign": -(_log_logistic + _slopes - 3 * np.log(256)) / _per})  # fmt: skip
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("bits"),
    Probe(
        "bits(log_p_v, x, n_levels)",
        {
            "log_p_v": lambda rng: -20 + 5 * rng.normal(size=6),
            "x": lambda rng: rng.uniform(0.01, 16.99, size=(6, 10)),
            "n_levels": 17,
        },
        message="on other images and numbers of levels the bits differ: each pixel's slope, the scale, the unit",
    ),
    Probe(
        "bits(log_p_v, x, 4)",
        {"log_p_v": lambda rng: rng.normal(size=3), "x": lambda rng: rng.uniform(0.2, 3.8, size=(3, 2))},
        message="with four levels the bits differ",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 5 · Three reports (5 points)
#
# Three colleagues trained flows with Gaussian noise on data in two well-separated clusters.
#
# *Ada:* "My samples contain about 1 % of points between the clusters. I will train ten times as long, then they will be gone altogether."
#
# *Ben:* "My training loss has been falling steadily for an hour and is below minus one million. The data all lie in one spot of $z$, and the samples fly off in all directions." (His loss, in code: `loss = (0.5 * (z**2).sum(1) + log_det).mean()`.)
#
# *Cem:* "On images with 256 grey levels, scaled to [0, 1], I reach 1.1 bits per dimension by −log p(x) / (d log 2). The best paper has 3.0."

# %% [markdown]
# What is wrong in each report, why, and how can it be fixed? Two or three sentences each.

# %% [markdown] role="manual" exercise="three_reports" points=5
# ### BEGIN SOLUTION
# **Ada.** The samples between the clusters can become fewer, but never vanish: the noise is one connected piece, and a continuous map takes it to one connected piece, so some density must lie on a bridge between the clusters. To mend it: a base with two humps (a mixture), one class for each cluster where there are labels, or a different kind of model; report the share of points on the bridge.
#
# **Ben.** The sign of the log-determinant is wrong. The log-density is log N(z) **plus** log_det, so the loss must subtract it. With the plus sign both terms reward the collapse: z goes to 0 and log_det to minus infinity. To fix it: `0.5 * (z**2).sum(1) - log_det` (and the constant d/2 log 2π for the value). The data collapse to one spot in z; the way back stretches noise without limit, so the samples fly apart.
#
# **Cem.** His density is per unit of [0, 1], the paper's per grey level. Going from one to the other multiplies the density by 1/256 per pixel, log2(256) = 8 bits: per grey level he has 9.1 bits per dimension, more than the 8 bits of no model at all, so something else is wrong too (a missing Jacobian of the logit, worth at least 2 bits per pixel, or a model that has learned nothing; missing dequantisation would make the number too small, not too large). To fix it: dequantise, divide by 256 and count its Jacobian, and the logit's.
#
# *Rubric, 5 points:* 1 for Ada's "never" with the reason (connected noise, continuous map); 1 for a remedy; 1 for Ben's sign and why both terms then reward collapse; 1 for Cem's unit with the 8 bits; 1 for seeing that 9.1 bits is worse than 8, the cost without a model.
# ### END SOLUTION

# %% [markdown]
# The **solutions** are in `notebooks/homework/source/hw16_flows`. Look only once you have an answer of your own.
