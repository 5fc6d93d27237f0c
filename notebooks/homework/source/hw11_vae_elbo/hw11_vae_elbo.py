# ---
# jupyter:
#   coursekit:
#     allowed: [numpy]
# ---

# %% [markdown]
# # Homework 11 · The variational autoencoder
#
# Five exercises on [notebook 11](../../../11_vae_elbo.ipynb). Allow about two hours. Write each answer where a cell says that it is still empty, then run the cell below it, which tells you straight away how you are doing. Grading uses different data, so an answer that fits only the example earns no points.
#
# **Allowed:** NumPy. **Not allowed:** the models of `coursekit.vae`, SciPy, scikit-learn, PyTorch and other numerical libraries; calling a ready-made solution does not count as an answer. A function leaves its arguments as they were.
#
# As in the lecture, everything is in nats, summed over pixels and over latents, one number for each picture. A *log-variance* is the logarithm of σ², not of σ.

# %%
import numpy as np

from coursekit.checks import answer, check

# %% [markdown]
# ## 1 · The KL between any two Gaussians (4 points)
#
# The lecture's closed form has the standard normal as its second argument. Models with several layers of latents, and diffusion models, need it for any two diagonal Gaussians $q=\mathcal N(\mu_q,\operatorname{diag}\sigma_q^2)$ and $p=\mathcal N(\mu_p,\operatorname{diag}\sigma_p^2)$.
#
# Derive it on paper: write $\log q(z)-\log p(z)$ for one latent, and average over $z\sim q$. You need $\mathbb E_q[(z-\mu_p)^2]$, and the lecture used its special case $\mu_p=0$. Then write `gaussian_kl(mean_q, log_var_q, mean_p, log_var_p)`: all of shape $(n, k)$, the result of shape $(n,)$.
#
# <details><summary>Hint 1</summary>The mean of (z − m)² under q is σ² of q plus (mean of q − m)².</details>
# <details><summary>Hint 2</summary>For one latent: half of log(σ_p² / σ_q²) + (σ_q² + squared distance of the means) / (2 σ_p²) − 1/2.</details>
# <details><summary>Hint 3</summary>KL(q‖q) must be 0; KL(q‖p) and KL(p‖q) differ. Sum over the last axis.</details>


# %% role="solution" exercise="gaussian_kl"
def gaussian_kl(mean_q, log_var_q, mean_p, log_var_p):
    """KL(q || p) of diagonal Gaussians in nats; four arrays (n, k) -> (n,)."""
    ### BEGIN SOLUTION
    ratio = np.exp(log_var_q - log_var_p)
    distance = (mean_q - mean_p) ** 2 / np.exp(log_var_p)
    return 0.5 * (ratio + distance - 1 - (log_var_q - log_var_p)).sum(axis=-1)
    ### END SOLUTION


# %% role="test" exercise="gaussian_kl" points=4
_zero, _one = np.zeros((1, 2)), np.ones((1, 2))
answer("the divergence of a Gaussian from itself is 0", gaussian_kl(3 * _one, _one, 3 * _one, _one), [0.0])
answer(
    "means one apart in two latents, variances 1: one half each, so 1",
    gaussian_kl(_one, _zero, _zero, _zero),
    [1.0],
    wrong={
        "the factor 1/2 is missing": [2.0],
        "sum over the latents, no mean": [0.5],
        "the sign: a divergence is never negative": [-1.0],
    },
)
_e = np.e
answer(
    "log-variance 1 against 0, twice: e - 2",
    gaussian_kl(_zero, _one, _zero, _zero),
    [_e - 2],
    wrong={
        "log_var is the logarithm of the variance, not of the standard deviation": [_e**2 - 3],
        "is this KL(p || q)? the order matters": [1 / _e],
        "the factor 1/2 is missing": [2 * (_e - 2)],
        "the logarithm has the wrong sign": [_e],
    },
)
answer(
    "the distance of the means is measured in variances of p",
    gaussian_kl(_one, _zero, _zero, _one),
    [2 / _e],
    wrong={"in variances of p, not of q": [1 / _e + 1]},
)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible


def array(*shape, scale=1.0):
    return lambda rng: scale * rng.normal(size=shape)


probes = [
    Visible("gaussian_kl"),
    Probe(
        "gaussian_kl(a, b, c, d)",
        {name: array(5, 3) for name in "abcd"},
        message="on other means and log-variances your divergence differs: go through the derivation again",
        # The same integral by brute force, one latent at a time.
        oracle=lambda a, b, c, d: np.array(
            [
                sum(brute_force(*latent) for latent in zip(*row, strict=True))
                for row in zip(a, b, c, d, strict=True)
            ]
        ),
        rtol=1e-5,
    ),
]


def brute_force(mean_q, log_var_q, mean_p, log_var_p):
    z = mean_q + np.exp(log_var_q / 2) * np.linspace(-12, 12, 20001)
    log_q = -0.5 * (np.log(2 * np.pi) + log_var_q + (z - mean_q) ** 2 / np.exp(log_var_q))
    log_p = -0.5 * (np.log(2 * np.pi) + log_var_p + (z - mean_p) ** 2 / np.exp(log_var_p))
    return np.trapezoid(np.exp(log_q) * (log_q - log_p), z)


### END HIDDEN TESTS

# %% [markdown]
# ## 2 · A Gaussian decoder that learns its noise (5 points)
#
# The decoder says $p(x\mid z)=\mathcal N(\hat x, s^2 I)$ with one variance $s^2$ for all pixels. Write
#
# - `gaussian_elbo(x, x_hat, observation_log_var, kl)`: the bound for each picture, reconstruction minus `kl`, from pictures `x` $(n,d)$, decoded means `x_hat` $(n,d)$, the number $\log s^2$, and the KL terms `kl` $(n,)$. Keep all constants: a likelihood without its $2\pi$ cannot be compared with anything.
# - `best_log_var(x, x_hat)`: the $\log s^2$ that maximises the mean of this bound. Set the derivative to zero on paper; it is a one-line answer, and a program can do without gradient steps for it.
#
# <details><summary>Hint 1</summary>One pixel: −½ (log 2π + log s² + (x − x̂)²/s²). Sum over d of them.</details>
# <details><summary>Hint 2</summary>The constant occurs d times, also if s² is a single number.</details>
# <details><summary>Hint 3</summary>The derivative with respect to log s² vanishes where s² equals the mean squared error, over pictures and pixels.</details>


# %% role="solution" exercise="gaussian_elbo"
def gaussian_elbo(x, x_hat, observation_log_var, kl):
    """The bound in nats for each picture, (n,);
    x, x_hat (n, d), kl (n,), observation_log_var a number.
    """
    ### BEGIN SOLUTION
    squares = (x - x_hat) ** 2 / np.exp(observation_log_var)
    reconstruction = -0.5 * (np.log(2 * np.pi) + observation_log_var + squares).sum(axis=1)
    return reconstruction - kl
    ### END SOLUTION


def best_log_var(x, x_hat):
    """The log-variance of the pixels that maximises the mean bound;
    x, x_hat (n, d) -> a number.
    """
    ### BEGIN SOLUTION
    return np.log(np.mean((x - x_hat) ** 2))
    ### END SOLUTION


# %% role="test" exercise="gaussian_elbo" points=5
_x, _x_hat, _kl = np.array([[1.0, 3.0], [0.0, 0.0]]), np.array([[0.0, 1.0], [0.0, 2.0]]), np.array([0.5, 0.0])
_constant = np.log(2 * np.pi)
answer(
    "s = 1: minus half the squared error, minus log(2 pi) for two pixels, minus the KL",
    gaussian_elbo(_x, _x_hat, 0.0, _kl),
    [-2.5 - _constant - 0.5, -2.0 - _constant],
    wrong={
        "the constant occurs once for each pixel": [-2.5 - _constant / 2 - 0.5, -2.0 - _constant / 2],
        "the constant log(2 pi) / 2 for each pixel is missing": [-3.0, -2.0],
        "sum over the pixels, no mean": [-1.25 - _constant / 2 - 0.5, -1.0 - _constant / 2],
        "the KL counts against the model: subtract it": [-2.5 - _constant + 0.5, -2.0 - _constant],
        "the squared error has a factor 1/2": [-5 - _constant - 0.5, -4.0 - _constant],
    },
)
answer(
    "log s^2 = 2 costs one nat for each pixel and divides the squares by e^2",
    gaussian_elbo(_x, _x_hat, 2.0, 0 * _kl),
    [-2.5 / np.e**2 - 2 - _constant, -2.0 / np.e**2 - 2 - _constant],
    wrong={
        "log s^2 is counted once for each pixel": [
            -2.5 / np.e**2 - 1 - _constant,
            -2.0 / np.e**2 - 1 - _constant,
        ],
        "this takes log s^2 for log s": [-2.5 / np.e**4 - 4 - _constant, -2.0 / np.e**4 - 4 - _constant],
    },
)
answer(
    "the best variance is the mean squared error, 9/4",
    best_log_var(_x, _x_hat),
    np.log(9 / 4),
    wrong={
        "return the logarithm of the variance": 9 / 4,
        "mean over pixels and pictures: this is the sum over pixels": np.log(9 / 2),
        "this is the logarithm of the standard deviation": 0.5 * np.log(9 / 4),
    },
)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible


def array(*shape, scale=1.0):
    return lambda rng: scale * rng.normal(size=shape)


probes = [
    Visible("gaussian_elbo"),
    Visible("best_log_var"),
    Probe(
        "[gaussian_elbo(x, y, log_var, kl) for log_var in (-1.5, 0.7)]",
        {"x": array(4, 7), "y": array(4, 7), "kl": lambda rng: rng.uniform(0, 3, size=4)},
        message="on other pictures your bound differs: which terms occur once for each pixel?",
    ),
    Probe(
        "best_log_var(x, y)",
        {"x": array(6, 5, scale=3.0), "y": array(6, 5)},
        message="on other pictures another variance is the best",
        # The derivative of the mean bound in log s^2 is zero where s^2 is the mean squared error.
        oracle=lambda x, y: np.log(((x - y) ** 2).sum() / x.size),
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 3 · Importance weights that survive (4 points)
#
# The bound of Burda et al. with $K$ draws from $q$ is $\log\frac1K\sum_k w_k$ with $\log w_k=\log p(x,z_k)-\log q(z_k\mid x)$. For an image of 784 pixels $\log w$ is around $-100$, and with noise it may be $-1000$, where `np.exp` returns 0.
#
# Write `weighted_bound(log_joint, log_q)`: both $(K, n)$, the result $(n,)$. It must be right for log-weights of any size.
#
# <details><summary>Hint 1</summary>log Σ exp(a) = m + log Σ exp(a − m), for every m.</details>
# <details><summary>Hint 2</summary>Take m as the largest log-weight of each picture: then the largest term is exp(0).</details>
# <details><summary>Hint 3</summary>The mean, not the sum; and the logarithm of the mean, not the mean of the logarithms.</details>


# %% role="solution" exercise="weighted_bound"
def weighted_bound(log_joint, log_q):
    """log of the mean of exp(log_joint - log_q) over the first axis, (K, n) -> (n,)."""
    ### BEGIN SOLUTION
    log_w = log_joint - log_q
    largest = log_w.max(axis=0)
    return largest + np.log(np.exp(log_w - largest).mean(axis=0))
    ### END SOLUTION


# %% role="test" exercise="weighted_bound" points=4
_log_joint = np.log([[6.0, 2.0], [1.0, 4.0]])
_log_q = np.log([[2.0, 0.5], [1.0, 4.0]])  # weights 3, 1 and 4, 1
answer(
    "weights 3, 1 and 4, 1: the logarithms of 2 and 2.5",
    weighted_bound(_log_joint, _log_q),
    np.log([2.0, 2.5]),
    wrong={
        "this is the mean of the logarithms: the ELBO": np.log([3.0, 4.0]) / 2,
        "divide by K: the mean of the weights, not their sum": np.log([4.0, 5.0]),
        "the weight is p divided by q": np.log([6.5, 8.5]),
        "mean over the K samples, the first axis": np.log([3.5, 1.0]),
        "this is the mean of the weights; its logarithm is asked for": [2.0, 2.5],
    },
)
with np.errstate(all="ignore"):
    _tiny = weighted_bound(_log_joint - 2000, _log_q)
    _huge = weighted_bound(_log_joint + 2000, _log_q)
    _both = weighted_bound(_log_joint + [-2000, 2000], _log_q)
answer(
    "weights of the size of exp(-2000)",
    _tiny,
    np.log([2.0, 2.5]) - 2000,
    wrong={"exp(-2000) is 0 for a computer: take the largest weight out first": [-np.inf, -np.inf]},
)
answer("weights of the size of exp(2000)", _huge, np.log([2.0, 2.5]) + 2000)
answer("one picture with tiny weights beside one with huge ones", _both, np.log([2.0, 2.5]) + [-2000, 2000])
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible


def array(*shape, scale=1.0):
    return lambda rng: scale * rng.normal(size=shape)


probes = [
    Visible("weighted_bound"),
    Probe(
        "weighted_bound(a, b)",
        {"a": array(6, 4), "b": array(6, 4)},
        message="on other weights your bound differs",
        oracle=lambda a, b: np.log(np.exp(a - b).mean(axis=0)),
    ),
    Probe(
        "weighted_bound(a + shift, b)",
        {
            "a": array(5, 3),
            "b": array(5, 3),
            "shift": lambda rng: np.array([-3000.0, 0.0, 3000.0]) + rng.normal(size=3),
        },
        message="each picture has its own largest weight; one may be at exp(-3000) beside another at exp(3000)",
    ),
    Probe(
        "weighted_bound(1000 * a, 1000 * b)",
        {"a": array(6, 4), "b": array(6, 4)},
        message="the weights of one picture may differ by a thousand nats: which one has to be taken out?",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 4 · A training step with faults (7 points)
#
# A colleague's VAE trains without a complaint, its reconstructions all look alike, and its test scores look different from everyone else's. The networks are linear here, so that the code is short: `A` $(d, 2k)$ is the encoder, its first $k$ columns for the means and the others for the log-variances, `B` $(k, d)$ the decoder, which returns logits. The pixels are 0 or 1. Each line runs; there are **four faults**.


# %%
def faulty_loss(x, A, B, rng):
    k = len(B)
    mean, log_var = (x @ A)[:, :k], (x @ A)[:, k:]
    noise = rng.standard_normal(k)
    z = mean + np.exp(log_var) * noise
    logits = z @ B
    log_likelihood = (x * logits - np.logaddexp(0, logits)).mean(axis=1)
    kl = 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).sum(axis=1)
    return -(log_likelihood + kl).mean()


# %% [markdown]
# **(a)** Write `mended_loss(x, A, B, rng)`: minus the ELBO, estimated with one sample of $z$ for each picture, mean over the batch. Draw the noise with one call, `rng.standard_normal(shape)`, of the right shape, and nothing else from `rng`.
#
# <details><summary>Hint 1</summary>The line with the logits, and `np.logaddexp`, are right: log(1 + exp(l)) without overflow.</details>
# <details><summary>Hint 2</summary>How many numbers of noise does a batch of n pictures with k latents need?</details>
# <details><summary>Hint 3</summary>The standard deviation is the square root of the variance; logarithms of probabilities add over the pixels; a loss is minus (reconstruction − KL).</details>


# %% role="solution" exercise="mended_loss"
def mended_loss(x, A, B, rng):
    """Minus the ELBO from one sample per picture, mean over the batch:
    x (n, d), A (d, 2 k), B (k, d).
    """
    ### BEGIN SOLUTION
    k = len(B)
    mean, log_var = (x @ A)[:, :k], (x @ A)[:, k:]
    noise = rng.standard_normal(mean.shape)
    z = mean + np.exp(log_var / 2) * noise
    logits = z @ B
    log_likelihood = (x * logits - np.logaddexp(0, logits)).sum(axis=1)
    kl = 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).sum(axis=1)
    return -(log_likelihood - kl).mean()
    ### END SOLUTION


# %% role="test" exercise="mended_loss" points=4
_x = np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
answer(
    "all weights 0: three undecided pixels, no KL: 3 log 2",
    mended_loss(_x, np.zeros((3, 2)), np.zeros((1, 3)), np.random.default_rng(0)),
    3 * np.log(2),
    wrong={"sum over the pixels: this is their mean": np.log(2)},
)
_A = np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]])  # means 1 and 0, log-variances 0
answer(
    "a decoder that ignores z: 3 log 2, and a KL of 1/2 for one picture of two",
    mended_loss(_x, _A, np.zeros((1, 3)), np.random.default_rng(0)),
    3 * np.log(2) + 0.25,
    wrong={"a q far from the prior must cost, not pay: the sign of the KL": 3 * np.log(2) - 0.25},
)
_same = np.tile(_x[:1], (4000, 1))
_A = np.array([[0.0, -2.0], [0.0, 0.0], [0.0, 0.0]])  # log-variance -2
_many = [
    mended_loss(_same, _A, np.array([[3.0, 0.0, 0.0]]), np.random.default_rng(seed)) for seed in range(20)
]
check(
    "4000 equal pictures with noise of their own: the estimate hardly scatters",
    np.std(_many),
    0.05,
    relation="<=",
)
_z = np.linspace(-4, 4, 4001)  # E[softplus(3 z)] for z of standard deviation exp(-1), by quadrature
_softplus = np.trapezoid(
    np.logaddexp(0, 3 * _z) * np.exp(-((_z * np.e) ** 2) / 2) * np.e / np.sqrt(2 * np.pi), _z
)
_expected = _softplus + 2 * np.log(2) + 0.5 * (np.exp(-2) + 1)
check(
    "their mean loss is right: the standard deviation is exp(log_var / 2)",
    np.mean(_many),
    _expected,
    atol=0.02,
)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe

probes = [
    Probe(
        # Noise drawn as (n, k), or as (k, n) and turned, is the same noise here.
        "mended_loss(x, A, B, type('Noise', (), {'standard_normal': lambda self, size=None:"
        " noise.T.copy() if size == noise.T.shape else np.resize(noise, size if size is not None else ())})())",
        {
            "x": lambda rng: (rng.random((6, 5)) < 0.5).astype(float),
            "A": lambda rng: 0.7 * rng.normal(size=(5, 4)),
            "B": lambda rng: rng.normal(size=(2, 5)),
            "noise": lambda rng: rng.normal(size=(6, 2)),
        },
        message="on other pictures and weights your loss differs: noise, spread, sum over pixels, sign of the KL",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# **(b)** After training the codes are handed to a classifier. Write `features(x, A, k)`: the best single code for each picture, $(n, k)$. The same picture must get the same code each time.
#
# <details><summary>Hint 1</summary>Sampling belongs to training, where the noise keeps neighbours alike.</details>
# <details><summary>Hint 2</summary>Which of the encoder's two outputs says where q is centred?</details>
# <details><summary>Hint 3</summary>The first k columns.</details>


# %% role="solution" exercise="features"
def features(x, A, k):
    """Codes (n, k) for pictures x (n, d) from the encoder A (d, 2 k)."""
    ### BEGIN SOLUTION
    return x @ A[:, :k]
    ### END SOLUTION


# %% role="test" exercise="features" points=3
_x = np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
_A = np.array([[1.0, 2.0, 8.0, 0.0], [0.0, -1.0, 0.0, 9.0], [3.0, 0.0, 0.0, 0.0]])
answer(
    "the means of q, without noise",
    features(_x, _A, 2),
    [[4.0, 2.0], [3.0, 0.0]],
    wrong={"these are the log-variances": [[8.0, 0.0], [0.0, 0.0]]},
)
check("the same picture has the same code each time", features(_x, _A, 2), features(_x, _A, 2))
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("features"),
    Probe(
        "features(x, A, 3)",
        {"x": lambda rng: rng.random((4, 6)), "A": lambda rng: rng.normal(size=(6, 6))},
        message="on other pictures your codes differ, or change from call to call",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 5 · Explain the faults (4 points)
#
# For **each of the four faults** of `faulty_loss` write two sentences: what is wrong, and what someone who trains with this fault alone would *see*. Some of them make a reported bound better than the true log-likelihood could be: name one, and say why.

# %% [markdown] role="manual" exercise="explain" points=4
# ### BEGIN SOLUTION
# **Noise of shape (k,):** all pictures of the batch share one draw. Each term is still unbiased, but the errors do not average out over the batch: a loss that jumps from step to step, and slow learning.
#
# **exp(log_var) for the standard deviation:** the draws do not come from the q that the KL charges for. Where the log-variance is negative they are narrower, so the reconstruction looks better than draws from q give on average. *The reported bound* can lie above log p(x): reconstruction and KL belong to two different distributions, and the identity ELBO = log p(x) − KL(q‖posterior) does not hold for such a mixture.
#
# **Mean over the pixels:** the KL, a sum, then weighs d times as much, a beta of d that was never written down. The latents collapse to the prior and all reconstructions are alike. The reported number is also far above log p(x), since the reconstruction is divided by d.
#
# **The KL added to the reconstruction inside the bracket:** the loss rewards a q far from the prior. The means run away and the loss falls without limit; samples from the prior land where the decoder has never been trained. The reported number can lie above log p(x) here too: it is the true bound plus twice the KL.
#
# *Rubric, 4 points:* 1 for each fault with what it does and a symptom that fits it; half a point for a fault without a symptom. Take off 1 if no fault that inflates the reported bound is named with its reason; any of the three does: the spread, the mean over the pixels, the sign of the KL.
# ### END SOLUTION

# %% [markdown]
# **Solutions** are in `notebooks/homework/source/hw11_vae_elbo`. Look only once you have an answer of your own.
