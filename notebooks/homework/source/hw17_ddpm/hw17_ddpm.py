# ---
# jupyter:
#   coursekit:
#     allowed: [numpy]
# ---

# %% [markdown]
# # Homework 17 · Denoising diffusion
#
# Five exercises on [notebook 17](../../../17_ddpm.ipynb). Allow about two hours. Write each answer where a cell says that it is still empty, then run the cell below it, which tells you straight away how you are doing. Grading uses different data, so an answer that fits only the example earns no points.
#
# **Allowed:** NumPy. **Not allowed:** the models of `coursekit.ddpm`, SciPy, scikit-learn, PyTorch and other numerical libraries; calling a ready-made solution does not count as an answer. A function leaves its arguments as they were. An exercise that builds on an earlier one is graded with your own functions, so an error there costs you again: fix it first.
#
# **One convention for all exercises.** `betas` is an array of $T$ numbers, and `betas[0]` is $\beta_1$: the paper's $t$ counts from 1, Python from 0. As in the lecture $\alpha_t = 1-\beta_t$, $\bar\alpha_t = \alpha_1\cdots\alpha_t$, and $\bar\alpha_0 = 1$. Times $t$ and $s$ are single integers.

# %%
import numpy as np
from matplotlib import pyplot as plt

from coursekit import plots
from coursekit.checks import answer, check

plots.use_course_style()
example = np.array([0.1, 0.2, 0.5])  # alpha bar: 0.9, 0.72, 0.36

# %% [markdown]
# ## 1 · The leap (3 points)
#
# Write `leap(x0, t, noise, betas)`: the noisy $x_t$ made of the clean $x_0$ and the given noise, in one go. For $t = 0$ it returns $x_0$.
#
# <details><summary>Hint 1</summary>You need alpha bar at t: a product of t factors.</details>
# <details><summary>Hint 2</summary>`np.prod(1 - betas[:t])`; for t = 0 the product of nothing is 1.</details>
# <details><summary>Hint 3</summary>The two squared weights, of x_0 and of the noise, add up to 1.</details>


# %% role="solution" exercise="leap"
def leap(x0, t, noise, betas):
    """x_t for x0 and noise of one shape, t in 0..T; the shape of x0."""
    ### BEGIN SOLUTION
    abar = np.prod(1 - betas[:t])
    return np.sqrt(abar) * x0 + np.sqrt(1 - abar) * noise
    ### END SOLUTION


# %% role="test" exercise="leap" points=3
_one, _zero = np.array([1.0]), np.array([0.0])
answer(
    "what is left of x_0 at t = 3: sqrt(0.36)",
    leap(_one, 3, _zero, example),
    [0.6],
    wrong={
        "this is alpha bar; the weight of x_0 is its square root": [0.36],
        "you took alpha_t instead of alpha bar: multiply all factors up to t": [np.sqrt(0.5)],
        "one factor is missing: betas[0] is step 1": [np.sqrt(0.72)],
        "this is the product of the betas; alpha is 1 - beta": [0.1],
    },
)
answer(
    "how much noise there is at t = 3: sqrt(0.64)",
    leap(_zero, 3, _one, example),
    [0.8],
    wrong={
        "this is the variance; the noise is multiplied by its square root": [0.64],
        "the weights' squares add up to 1, not the weights": [0.4],
        "this is the noise of the last step alone": [np.sqrt(0.5)],
    },
)
answer("at t = 0 the image is clean", leap(_one * 7, 0, _one, example), [7.0])
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("leap"),
    Probe(
        "[leap(x0, t, noise, betas) for t in range(7)]",
        {
            "x0": lambda rng: rng.normal(size=(3, 4)),
            "noise": lambda rng: rng.normal(size=(3, 4)),
            "betas": lambda rng: rng.uniform(0.05, 0.6, size=6),
        },
        message="with other betas some x_t differ: which factors belong to alpha bar, and where do roots stand?",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 2 · The step back, when the start is known (4 points)
#
# Write `posterior(x0, xt, t, betas)`: mean and variance of $q(x_{t-1}\mid x_t, x_0)$ for $t$ in $1..T$. The mean has the shape of $x_0$, the variance is one number.
#
# You may use the formula, or multiply the two Gaussians: $q(x_{t-1}\mid x_0)$ and $q(x_t\mid x_{t-1})$.
#
# <details><summary>Hint 1</summary>You need two alpha bars, at t and at t - 1. At t = 1 the second is 1.</details>
# <details><summary>Hint 2</summary>Both weights of the mean have 1 - alpha bar at t in the denominator.</details>
# <details><summary>Hint 3</summary>Test yourself: at t = 1 the mean must be x_0 and the variance 0.</details>


# %% role="solution" exercise="posterior"
def posterior(x0, xt, t, betas):
    """Mean (shape of x0) and variance (a number) of q(x_{t-1} | x_t, x_0),
    t in 1..T.
    """
    ### BEGIN SOLUTION
    beta = betas[t - 1]
    abar, before = np.prod(1 - betas[:t]), np.prod(1 - betas[: t - 1])
    weight_x0 = np.sqrt(before) * beta / (1 - abar)
    weight_xt = np.sqrt(1 - beta) * (1 - before) / (1 - abar)
    return weight_x0 * x0 + weight_xt * xt, beta * (1 - before) / (1 - abar)
    ### END SOLUTION


# %% role="test" exercise="posterior" points=4
_one, _zero = np.array([1.0]), np.array([0.0])
_of_x0, _variance = posterior(_one, _zero, 3, example)
_of_xt, _ = posterior(_zero, _one, 3, example)
answer(
    "weight of x_0 at t = 3",
    _of_x0,
    [np.sqrt(0.72) * 0.5 / 0.64],
    wrong={
        "you took alpha bar at t where alpha bar at t - 1 belongs": [0.6 * 0.5 / 0.64],
        "the root over alpha bar at t - 1 is missing": [0.72 * 0.5 / 0.64],
    },
)
answer(
    "weight of x_t at t = 3",
    _of_xt,
    [np.sqrt(0.5) * 0.28 / 0.64],
    wrong={
        "1 - alpha at t - 1 is where 1 - alpha bar at t - 1 belongs (a slide has this slip)": [
            np.sqrt(0.5) * 0.2 / 0.64
        ],
        "the root over alpha_t is missing": [0.5 * 0.28 / 0.64],
    },
)
answer(
    "variance at t = 3",
    _variance,
    0.5 * 0.28 / 0.64,
    wrong={
        "this is beta, the variance of the step out; the step back is surer": 0.5,
        "this is the standard deviation": np.sqrt(0.5 * 0.28 / 0.64),
    },
)
_mean, _variance = posterior(_one * 2.5, _one * 9, 1, example)
answer("at t = 1 the past is x_0 itself", _mean, [2.5])
answer("and there is no doubt about it", _variance, 0.0)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("posterior"),
    Probe(
        "[posterior(x0, xt, t, betas) for t in range(1, 7)]",
        {
            "x0": lambda rng: 3 * rng.normal(size=(4, 3)),
            "xt": lambda rng: 3 * rng.normal(size=(4, 3)),
            "betas": lambda rng: rng.uniform(0.05, 0.6, size=6),
        },
        message="with other betas mean or variance differs: check both weights at t = 1 and the indices",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 3 · One line of Algorithm 2 (4 points)
#
# Write `step_back(predict, xt, t, z, betas)`: from $x_t$ to $x_{t-1}$. `predict(x, t)` is the noise predictor, `z` the standard normal numbers to use. Take $\sigma_t^2 = \tilde\beta_t$; so at $t = 1$ no noise is added, whatever `z` is.
#
# <details><summary>Hint 1</summary>Either estimate x_0 from the predicted noise and use your `posterior`, or use Algorithm 2's mean.</details>
# <details><summary>Hint 2</summary>x_0 is estimated as (x_t - sqrt(1 - alpha bar) noise) / sqrt(alpha bar).</details>
# <details><summary>Hint 3</summary>z is multiplied by a standard deviation, the root of the variance.</details>


# %% role="solution" exercise="step_back"
def step_back(predict, xt, t, z, betas):
    """x_{t-1} from xt with the predicted noise and fresh noise z; the shape of xt."""
    ### BEGIN SOLUTION
    beta = betas[t - 1]
    abar, before = np.prod(1 - betas[:t]), np.prod(1 - betas[: t - 1])
    mean = (xt - beta / np.sqrt(1 - abar) * predict(xt, t)) / np.sqrt(1 - beta)
    return mean + np.sqrt(beta * (1 - before) / (1 - abar)) * z
    ### END SOLUTION


# %% role="test" exercise="step_back" points=4
_one, _zero = np.array([1.0]), np.array([0.0])


def _silent(x, t):
    return 0 * x


def _loud(x, t):
    return np.ones_like(x)


answer(
    "no noise predicted: x_t is only stretched",
    step_back(_silent, _one, 3, _zero, example),
    [1 / np.sqrt(0.5)],
    wrong={
        "you shrink where you should stretch: divide by sqrt(alpha_t)": [np.sqrt(0.5)],
        "divide by sqrt(alpha_t), not by sqrt(alpha bar)": [1 / 0.6],
    },
)
answer(
    "predicted noise of 1, taken out of x_t = 0",
    step_back(_loud, _zero, 3, _zero, example),
    [-0.5 / 0.8 / np.sqrt(0.5)],
    wrong={
        "under the root is 1 - alpha bar_t, not 1 - alpha_t (a slide has this slip)": [-1.0],
        "the noise is taken out, not put in": [0.5 / 0.8 / np.sqrt(0.5)],
        "all the noise at once would be an estimate of x_0, not one step": [-0.8 / 0.6],
    },
)
answer(
    "fresh noise at t = 3",
    step_back(_silent, _zero, 3, _one, example),
    [np.sqrt(0.5 * 0.28 / 0.64)],
    wrong={
        "z is multiplied by the standard deviation, not by the variance": [0.5 * 0.28 / 0.64],
        "this is sqrt(beta); the exercise asks for sigma^2 = beta tilde": [np.sqrt(0.5)],
    },
)
answer("at t = 1 z plays no part", step_back(_silent, _zero, 1, _one, example), [0.0])
answer(
    "the predictor is told the time t",
    step_back(lambda x, t: 0 * x + t, _zero, 2, _zero, example),
    [-2 * 0.2 / np.sqrt(0.28) / np.sqrt(0.8)],
    wrong={"the predictor was asked about t - 1": [-0.2 / np.sqrt(0.28) / np.sqrt(0.8)]},
)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe

probes = [
    Probe(
        "[step_back(lambda x, t: np.tanh(a * x) + t / 5, xt, t, z, betas) for t in range(1, 7)]",
        {
            "a": lambda rng: rng.uniform(0.5, 2),
            "xt": lambda rng: 3 * rng.normal(size=(2, 3)),
            "z": lambda rng: rng.normal(size=(2, 3)),
            "betas": lambda rng: rng.uniform(0.05, 0.6, size=6),
        },
        message="with another predictor the step differs: which time, which root, how much fresh noise, none at t = 1?",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 4 · A stride of DDIM (4 points)
#
# Write `stride(predict, xt, t, s, betas)`: the deterministic step ($\eta = 0$) from time $t$ to any earlier time $s \ge 0$. Estimate $x_0$, then mix the *same* predicted noise in again, as much as belongs to time $s$.
#
# <details><summary>Hint 1</summary>Two lines: an estimate of x_0, then your `leap`.</details>
# <details><summary>Hint 2</summary>The predictor is asked once, at time t.</details>
# <details><summary>Hint 3</summary>For s = 0 the result is the estimate of x_0 itself.</details>


# %% role="solution" exercise="stride"
def stride(predict, xt, t, s, betas):
    """x_s from xt for 0 <= s < t <= T without fresh noise; the shape of xt."""
    ### BEGIN SOLUTION
    abar_t, abar_s = np.prod(1 - betas[:t]), np.prod(1 - betas[:s])
    noise = predict(xt, t)
    x0 = (xt - np.sqrt(1 - abar_t) * noise) / np.sqrt(abar_t)
    return np.sqrt(abar_s) * x0 + np.sqrt(1 - abar_s) * noise
    ### END SOLUTION


# %% role="test" exercise="stride" points=4
_one, _zero = np.array([1.0]), np.array([0.0])


def _silent(x, t):
    return 0 * x


def _loud(x, t):
    return np.ones_like(x)


answer(
    "no noise predicted: from t = 3 to s = 1",
    stride(_silent, _one, 3, 1, example),
    [np.sqrt(0.9) / 0.6],
    wrong={
        "this is the estimate of x_0; mix it for time s": [1 / 0.6],
    },
)
answer(
    "predicted noise of 1 in x_t = 0: part of it comes back",
    stride(_loud, _zero, 3, 1, example),
    [-np.sqrt(0.9) * 0.8 / 0.6 + np.sqrt(0.1)],
    wrong={
        "the predicted noise must be mixed in again at time s": [-np.sqrt(0.9) * 0.8 / 0.6],
        "mix in sqrt(1 - alpha bar_s) of it, the amount of time s, not of time t": [
            -np.sqrt(0.9) * 0.8 / 0.6 + 0.8
        ],
    },
)
answer("to s = 0: the estimate of x_0", stride(_loud, _one, 3, 0, example), [0.2 / 0.6])
_told = stride(lambda x, t: 0 * x + t, _zero, 2, 1, example)
_late = -np.sqrt(0.9) * np.sqrt(0.28) / np.sqrt(0.72) + np.sqrt(0.1)
answer(
    "the predictor is asked about the time t",
    _told,
    [2 * _late],
    wrong={"the predictor was asked about s; x_t is the image of time t": [_late]},
)
check("x_t itself is left as it was", _one, [1.0])
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe

probes = [
    Probe(
        "[stride(lambda x, t: np.tanh(a * x) + t / 5, xt, t, s, betas) for t in range(1, 7) for s in range(t)]",
        {
            "a": lambda rng: rng.uniform(0.5, 2),
            "xt": lambda rng: rng.normal(size=(2, 3)),
            "betas": lambda rng: rng.uniform(0.05, 0.6, size=6),
        },
        message="for some t and s your stride differs: the estimate of x_0, then how much noise at time s, and which?",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 5 · A sampler that fails twice (4 points)
#
# A colleague's data are numbers in two equal humps, at 2 and at 4. He lets the betas rise evenly from 0.0001 to 0.02, as in Ho's paper, but at first in only $T = 20$ steps, "for speed". His noise predictor is perfect; here it is even the exact one. He leaves the term $\sigma_t z$ out of Algorithm 2, "to get cleaner samples". On the left is his first try. *"Mode collapse, as with GANs,"* he writes, *"so I trained the network longer, and while I was at it took $T = 1000$."* On the right is his second try: *"Longer training has cured it, and the samples are even sharper than the data."*


# %%
def _exact_noise(x, abar):
    """E[noise | x_t] for the two humps, of standard deviation 0.3."""
    means, variance = np.sqrt(abar) * np.array([2.0, 4.0]), abar * 0.09 + 1 - abar
    share = np.exp(-0.5 * (x[:, None] - means) ** 2 / variance)
    share /= share.sum(axis=1, keepdims=True)
    return np.sqrt(1 - abar) * (x - share @ means) / variance


def _his_sampler(T, rng):
    betas, x = np.linspace(1e-4, 0.02, T), rng.normal(size=5000)
    for t in range(T, 0, -1):
        beta, abar = betas[t - 1], np.prod(1 - betas[:t])
        x = (x - beta / np.sqrt(1 - abar) * _exact_noise(x, abar)) / np.sqrt(1 - beta)
    return x


# %%
_rng, _bins = np.random.default_rng(0), np.linspace(0, 5, 101)
_figure, _axes = plt.subplots(1, 2, figsize=(9.2, 3.2), sharex=True, sharey=True)
for _ax, _T in zip(_axes, (20, 1000), strict=True):
    _data = _rng.choice([2.0, 4.0], 5000) + 0.3 * _rng.normal(size=5000)
    _his = _his_sampler(_T, _rng)
    _ax.hist(_data, _bins, color=plots.COLORS["noise"])
    _ax.hist(_his, _bins, color=plots.COLORS["wrong"], histtype="step", linewidth=1.8)
    _ax.set(
        xlabel="$x_0$",
        xlim=(0, 5),
        title=f"T = {_T}: data in grey, his samples in red",
    )
_axes[0].set_ylabel("number of samples")
plots.show(
    _figure,
    alt="Two histograms. Grey data have two humps at 2 and 4. His samples with T = 20 "
    "form one hump around 1.4, left of the data's left hump; with T = 1000 they form "
    "two peaks near 2.4 and 3.6, narrower and higher than the data's.",
)

# %% [markdown]
# The predictor cannot be improved, so more training cannot be the answer. Name the **fault of each picture**. For both, say what in the picture betrays it, why it has this effect, and how to fix it. Name one number, computed before any training, that would have given the first fault away. What is wrong with "sharper than the data"?

# %% [markdown] role="manual" exercise="sampler" points=4
# ### BEGIN SOLUTION
# **Left: the chain is too short.** After 20 such steps 82 % of the signal's variance is left: the noisy data lie near 1.8 and 3.6, not around 0. The walk starts from a standard normal, to the left of nearly all of them, and from there the left hump is always the nearer one. So the right hump gets almost nothing, and the samples do not even get as far as the left one. To fix it: as many steps as the betas were made for ($T = 1000$; that is what cured it, not the training), or a schedule that reaches $\bar\alpha_T \approx 0$ at any $T$ (cosine). The number: $\bar\alpha_T$ (0.82 where about 0 is needed), or the prior term of the bound, KL(q(x_T | x_0) || N(0, I)).
#
# **Right: the noise is left out.** The mean of the step back is an average over all possible pasts; a chain of averages pulls the samples together. So the peaks are narrower than the humps, and both have moved inwards, to 2.4 and 3.6. To fix it: add $\sigma_t z$ for $t > 1$, or use a deterministic step that is made for it, DDIM with $\eta = 0$.
#
# **"Sharper than the data"** means: a different distribution from the data's. The aim is to have their spread, too.
#
# *Rubric, 4 points:* 1 for the short chain and why the right hump is empty (start and end of the chain do not match); 1 for its repair and the number ($\bar\alpha_T$ or the prior term); 1 for the missing noise and why the peaks are narrow or moved inwards; 1 for its repair (noise for $t > 1$, or DDIM) and what is wrong with "sharper". A fault named without its sign in the picture earns half a point.
# ### END SOLUTION

# %% [markdown]
# **Solutions** are in `notebooks/homework/source/hw17_ddpm`. Look only once you have an answer of your own.
