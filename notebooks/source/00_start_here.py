# ---
# jupyter:
#   coursekit:
#     cpu_seconds: 12
#     minutes: 60
# ---

# %% [markdown] slide="slide"
# # 00 · Start here
#
# **After this notebook you know** what unsupervised learning and generative models are about, how the course is built, how to use its three tools (checks, explorers, homework), and whether your mathematics and your PyTorch are warm enough.
#
# **Time:** one hour; it runs in about ten seconds. **You need:** Python, derivatives, a little probability. **It follows** the opening of the unsupervised learning deck and of the generative models deck.
#
# This is your own copy. Change any cell, break things, run it again; the original stays where it is.

# %%
import numpy as np

from coursekit import plots
from coursekit.checks import answer, check
from coursekit.start import pictures

plots.use_course_style()
rng = np.random.default_rng(0)

# %% [markdown] slide="slide"
# ## 1 · Three ways to learn
#
# **Supervised learning** gets questions with answers: this image is a 7. It learns to answer like the teacher. **Reinforcement learning** gets no answers, only a reward now and then: the game was won. It learns what to do. **Unsupervised learning** gets the data alone. Nobody says what to look for.

# %%
points = np.vstack([rng.normal(size=(40, 2)) * 0.7 - [1.6, 0.3], rng.normal(size=(40, 2)) * 0.8 + [1.5, 0.4]])
plots.show(
    pictures.kinds_of_learning(points, np.repeat([0, 1], 40)),
    alt="Three panels. Supervised learning: two groups of points, marked A and B. Reinforcement learning: a path "
    "from a start to a star marked reward. Unsupervised learning: the same points in one colour, no labels.",
)

# %% [markdown]
# In the right panel you still see two groups. You found them without being told, because the points lie densely here and thinly there. That is the whole idea: **the data have a distribution, and its shape is what can be learned.** Everything in this course describes that shape in one way or another: by directions (PCA), by groups (clustering), by an energy (Boltzmann machines), by a code (autoencoders), or by a machine that makes new points (generative models).
#
# Why would one want a machine that makes new points? To *simulate*: what else could have happened? To fill in what is missing or too noisy. To learn *features* from plentiful unlabelled data, for tasks with few labels. And as a test of understanding: what I can make, I have understood better than what I can only recognise.

# %% [markdown] slide="slide" says="Each says at its top which of the others it needs; 08, 12 and 16 need none."
# ## 2 · The map
#
# | | Notebook | The question |
# | --- | --- | --- |
# | 01 | PCA on USArrests | What is the best flat picture of a table? |
# | 02 | Clustering | What are the groups, and how many? |
# | 08 | Boltzmann machines, CD-k | Can an energy describe the data, and can we learn it? |
# | 10 | Autoencoders | What is a good code, and what is it good for? |
# | 11 | VAE and its ELBO | How does a code become a probability? |
# | 12 | GANs | Can a game replace a likelihood? |
# | 14 | Wasserstein GAN | What if the distributions do not even overlap? |
# | 16 | Flows | Can the likelihood be exact? |
# | 17 | DDPM | Can noise be undone, step by step? |
#
# Each says at its top which of the others it needs. 08, 12 and 16 need none, 02 one idea of 01. The numbers leave room for lectures to come.
#
# How are the generative models related? One question sorts them: *what does the model let you compute?*

# %%
tree = ("generative model", [
    ("explicit density", [
        ("tractable", ["Gaussian with all components (01)", "flows (16)", "autoregressive models (later)"]),
        ("approximate", ["Boltzmann machines: Markov chains (08)", "VAE: a lower bound (11)",
                         "diffusion: a lower bound (17)"])]),
    ("implicit density", [("samples only", ["GAN (12)", "Wasserstein GAN (14)"])])])  # fmt: skip
plots.show(
    pictures.family_tree(tree),
    alt="A tree from left to right. Generative models have an explicit density, tractable (Gaussian with all "
    "components, flows, autoregressive models) or approximate (Boltzmann machines, VAE, diffusion), or an implicit "
    "one, known by its samples only (GAN, Wasserstein GAN).",
)

# %% [markdown]
# An *explicit* model tells how probable a given $x$ is: exactly (tractable), or up to a bound or an estimate (approximate). An *implicit* model only hands out samples. Keep the tree in mind: it says what can be checked about a model. A likelihood, or its bound, can be computed on data that the model has not seen; for a GAN one must find other ways.

# %% [markdown] slide="slide"
# ## 3 · What does "close to the data" mean?
#
# Every generative model makes a distribution $p_\text{model}$ that should be close to that of the data, $p_\text{data}$. Close in which sense? The most used answer is the **Kullback–Leibler divergence** of two densities $p$ and $q$,
#
# $$\mathrm{KL}(p \,\|\, q) = \int p(x) \log \frac{p(x)}{q(x)}\,dx .$$
#
# in *nats*, since $\log$ is the natural logarithm. It is never negative, and zero only when both are the same. It is not a distance: the two directions differ, and this will matter all through the course.
#
# **Why it is maximum likelihood.** Split the logarithm: $\mathrm{KL}(p_\text{data}\|p_\text{model}) = \mathbb E_{p_\text{data}}\log p_\text{data} - \mathbb E_{p_\text{data}}\log p_\text{model}$. The first term does not depend on the model. So the model with the smallest divergence is the one with the largest expected log-likelihood, and the average over a sample $x_1, \dots, x_n$ of the data, $\frac1n\sum_i \log p_\text{model}(x_i)$, estimates just that. Whoever maximises a likelihood minimises a divergence, in this direction.
#
# Let us compute, on a density with two bumps.

# %%
from coursekit.start.explorers import divergence, gaussian

x = np.linspace(-30, 30, 12001)
dx = x[1] - x[0]
p = 0.6 * gaussian(x, -2.0, 0.7) + 0.4 * gaussian(x, 2.2, 0.6)

# %%
entropy = -np.sum(p * np.log(p + 1e-300)) * dx
shifts, stds = rng.uniform(-3, 3, 50), rng.uniform(0.5, 3, 50)
forward = [divergence(p, gaussian(x, m, s), dx) for m, s in zip(shifts, stds, strict=True)]
likelihood = [np.sum(p * np.log(gaussian(x, m, s) + 1e-300)) * dx for m, s in zip(shifts, stds, strict=True)]
check(
    "KL(p || q) = -entropy(p) - expected log-likelihood of q, 50 Gaussians",
    forward,
    -entropy - np.array(likelihood),
    atol=1e-10,
)
check("KL is never negative", forward, 0.0, relation=">=")

# %% [markdown] says="For $\\mathrm{KL}(p\\|q)$ there is a theorem: the best Gaussian has the mean and the variance of $p$."
# Now look for the best Gaussian $q$ in both directions. For $\mathrm{KL}(p\|q)$ there is a theorem: the best Gaussian has the mean and the variance of $p$. (Set the derivatives of $\mathbb E_p \log q$ by mean and variance to zero.) For the other direction we let an optimiser search, from two starting points.
#
# **Predict before you run:** where will the best $q$ be when $\mathrm{KL}(q\|p)$ is made small?
#
# <details><summary>Answer</summary>
# On one of the bumps. In KL(q || p) the average is taken over q, so q pays dearly for any place where it has mass and p has hardly any, such as the valley. It pays nothing for a bump that it leaves out.
# </details>

# %%
from scipy.optimize import minimize


def nearest(direction, start):
    """Mean and standard deviation of the Gaussian that minimises direction(q), found from a start."""
    found = minimize(lambda t: direction(gaussian(x, t[0], np.exp(t[1]))), start, method="Nelder-Mead",
                     options={"xatol": 1e-7, "fatol": 1e-12})  # fmt: skip
    return found.x[0], np.exp(found.x[1])


mean = np.sum(p * x) * dx
std = np.sqrt(np.sum(p * (x - mean) ** 2) * dx)
cover = nearest(lambda q: divergence(p, q, dx), (1.0, 0.0))
seek_left = nearest(lambda q: divergence(q, p, dx), (-1.0, 0.0))
seek_right = nearest(lambda q: divergence(q, p, dx), (1.0, 0.0))
check("the best q in KL(p || q) has the mean and standard deviation of p", cover, (mean, std), atol=1e-5)
check(
    "in KL(q || p) each search ends on the bump it started near",
    (seek_left[0], seek_right[0]),
    (-2.0, 2.2),
    atol=0.05,
)
found = [divergence(gaussian(x, *q), p, dx) for q in (seek_left, seek_right)]
check("the left one, on the larger bump, is the better of the two", found[0], found[1], relation="<=")
tried = [
    divergence(gaussian(x, m, s), p, dx) for m in np.linspace(-4, 4, 41) for s in np.linspace(0.4, 4, 37)
]
check("and none of 1517 Gaussians on a grid is better", tried, found[0], relation=">=")

# %%
plots.show(
    pictures.two_directions(x, p, gaussian(x, *cover), gaussian(x, *seek_left)),
    alt="Two panels with the same two-bump density in grey. Left, the best Gaussian for KL(p || q) is wide, covers "
    "both bumps and puts most mass near the valley. Right, the best for KL(q || p) lies on the left bump alone.",
)

# %% [markdown]
# Left is **mass-covering**: rather blur than miss something. Right is **mode-seeking**: rather miss something than make an impossible $x$. When a VAE's images look blurred, think of the left panel. A GAN that draws only threes looks like the right one, but notebook 12 looks for the reason elsewhere, in the order of the game.

# %% [markdown] slide="slide"
# ## 4 · Three tools
#
# **Checks.** A line with ✓ is a claim that was computed just now. A claim that fails stops the notebook and shows both sides:

# %%
from coursekit.checks import CheckFailed

check("sin² + cos² = 1, at 1000 angles", np.sin(x[:1000]) ** 2 + np.cos(x[:1000]) ** 2, 1.0, atol=1e-14)
try:
    check("log(a + b) = log a + log b", np.log(2.0 + 3.0), np.log(2.0) + np.log(3.0), atol=1e-9)
except CheckFailed as failure:
    print("✗", failure)

# %% [markdown] says="*Try it:* find the Gaussian with the smallest $\\mathrm{KL}(p\\|q)$ by hand, then the one with the smallest $\\mathrm{KL}(q\\|p)$."
# **Explorers.** Move a slider with the mouse, or click on it and use the arrow keys. *Try it:* find the Gaussian with the smallest $\mathrm{KL}(p\|q)$ by hand, then the one with the smallest $\mathrm{KL}(q\|p)$. The latter has two low points; which one is lower?

# %% tags=["nbval-ignore-output"]
from coursekit.start import explorers

explorers.kl_explorer(x, p)

# %%
from functools import partial

from coursekit import widgets

widgets.static_frames(
    partial(explorers.kl_frame, x, p),
    [{"mean": 0.0, "std": 1.0}, {"mean": -0.2, "std": 2.2}, {"mean": -2.0, "std": 0.8}],
    alt="Three positions of the explorer. A narrow Gaussian in the valley is bad in both directions; of the "
    "three, a wide one has the smallest KL(p || q), and one on the left bump the smallest KL(q || p) and the largest "
    "KL(p || q).",
)

# %% [markdown]
# **Homework.** Each lecture has one. You fill a function, run the cell below it, and it answers at once. Here is how that feels. The exercise: *write the variance of a list of numbers, dividing by n*. Somebody wrote this:


# %%
def variance(numbers):
    return np.var(numbers, ddof=1)


try:
    answer("variance of 1, 2, 3, 6", variance([1, 2, 3, 6]), 3.5,
           wrong={"you divide by n - 1; the lecture divides by n": 14 / 3})  # fmt: skip
except CheckFailed as failure:
    print("✗", failure)

# %% [markdown]
# *Try it:* mend the function above and run the cell again. Teachers grade with other numbers than those you see, so an answer that only fits the example earns nothing. Solutions are in the repository, in a folder of their own.
#
# **Colours.** Where a picture shows one of these, its colour is always the same: data dark grey, model blue, latent variables and codes orange, critics and discriminators green, red what goes wrong, and noise light grey, like all that stands in the background. Classes and groups have colours of their own, and are named or have a marker of their own as well.

# %% [markdown] slide="slide"
# ## 5 · Ten minutes of warm-up
#
# If these six lines feel familiar, you are ready. If one does not, its cell is the place to stop and look something up.
#
# **An expectation is an average, and a sample average wobbles.** From $n$ draws, $\mathbb E f(x)$ is estimated with standard error $\mathrm{std}(f)/\sqrt n$. A check that ends in *within 4 standard errors* allows four of those; others say in words what they allow.

# %%
draws = rng.normal(size=100_000)
f = np.cos(draws)
check("E cos(x) = exp(-1/2) for standard normal x", f.mean(), np.exp(-0.5), se=f.std() / np.sqrt(len(f)))

# %% [markdown]
# **Jensen's inequality.** The logarithm is bent downwards, so the mean of logs is at most the log of the mean. The whole of the VAE hangs on this line.

# %%
values = rng.uniform(0.1, 5.0, size=(1000, 7))
check(
    "mean of logs <= log of the mean, 1000 random lists",
    np.log(values).mean(axis=1),
    np.log(values.mean(axis=1)),
    relation="<=",
)
plots.show(
    pictures.jensen(np.array([0.3, 3.6])),
    alt="The logarithm and a chord between two of its points. In the middle the curve, the log of the mean, lies "
    "above the chord, the mean of the logs.",
)

# %% [markdown]
# **Gradients, by hand and by autograd.** The gradient of $\log\sum_i e^{a_i}$ is the softmax of $a$. PyTorch finds it by itself: it records what is computed and walks back through the record.

# %%
import torch

a = torch.tensor(rng.normal(size=5), requires_grad=True)
torch.logsumexp(a, dim=0).backward()
check("gradient of log-sum-exp = softmax", a.grad, torch.softmax(a, dim=0), atol=1e-14)

# %% [markdown] slide="subslide" says="**A training loop** is five lines: compute the loss, clear old gradients, walk back, take a step, repeat."
# **A training loop** is five lines: compute the loss, clear old gradients, walk back, take a step, repeat. Here it fits a line, and ends where the formula says.

# %% tags=["slide-code"]
inputs = torch.tensor(rng.normal(size=(200, 1)))
targets = 3.0 * inputs - 1.0 + 0.1 * torch.tensor(rng.normal(size=(200, 1)))
line = torch.nn.Linear(1, 1).double()
optimizer = torch.optim.SGD(line.parameters(), lr=0.3)
for _ in range(200):
    loss = ((line(inputs) - targets) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
best = np.linalg.lstsq(np.hstack([inputs, np.ones((200, 1))]), targets.numpy(), rcond=None)[0].ravel()
check(
    "gradient descent ends at the least-squares line",
    [line.weight.item(), line.bias.item()],
    best,
    atol=1e-10,
)

# %% [markdown]
# **Change of variables.** If $y = 2x$, the density of $y$ is *half* that of $x$ at the matching point: the same mass on twice the length. In general one divides by $|\det|$ of the map's Jacobian, the table of its derivatives. Flows are built on nothing else.

# %%
density_y = gaussian(x / 2, 0.0, 1.0) / 2
check("the density of y = 2x still integrates to 1", density_y.sum() * dx, 1.0, atol=1e-12)
check("and is the normal density of standard deviation 2", density_y, gaussian(x, 0.0, 2.0), atol=1e-14)

# %% [markdown]
# **Eigenvectors.** A symmetric matrix has orthonormal eigenvectors $v_i$, with eigenvalues $\lambda_i$, and it is the sum of its parts $\lambda_i v_i v_i^\top$.

# %%
B = rng.normal(size=(4, 4))
B = B + B.T
eigenvalues, V = np.linalg.eigh(B)
check("the eigenvectors are orthonormal", V.T @ V, np.eye(4), atol=1e-13)
check(
    "a symmetric matrix = sum of eigenvalue times v v'",
    sum(w * np.outer(v, v) for w, v in zip(eigenvalues, V.T, strict=True)),
    B,
    atol=1e-13,
)

# %% [markdown] slide="slide"
# ## 6 · Where should you begin?
#
# <details><summary>1. Two standardised features have correlation 0.6. Can you name the eigenvalues of their covariance matrix?</summary>
# 1.6 and 0.4. If that took no effort, skim notebook 01 and start with 02 or 08. If not, 01 is yours.
# </details>
#
# <details><summary>2. K-means was run twice on the same data and gave different answers. Is that a bug?</summary>
# No: it stops in a local optimum that depends on the start. If you want to see why, notebook 02.
# </details>
#
# <details><summary>3. Why can one not compute the partition function of 500 binary units by summing?</summary>
# The sum has 2 to the power 500 terms. What one does in its place: notebook 08.
# </details>
#
# <details><summary>4. What is log p(x) minus the ELBO?</summary>
# KL(q(z|x) || p(z|x)). If that was new, notebook 11; if you would like to see it proved to the last digit, also 11.
# </details>
#
# <details><summary>5. A discriminator outputs 1/2 everywhere. Has the generator won?</summary>
# Not necessarily: the discriminator may be bad. Notebook 12.
# </details>
#
# <details><summary>6. Which models of the tree can tell you the exact log-likelihood of an image?</summary>
# Those with a tractable density: a Gaussian with all its components, flows (16), autoregressive models. (The Gaussian of notebook 01 keeps 16 of 64 components: it lives in a flat slice and gives an image outside it no density. And a flow speaks of images to whose grey levels noise was added.)
# </details>
#
# **Next:** [01 · PCA on USArrests](01_pca_usarrests.ipynb).
#
# **References.** I. Goodfellow (2016), *NIPS tutorial: generative adversarial networks* (the family tree). C. Bishop (2006), *Pattern Recognition and Machine Learning*, section 10.1 (the two directions). S. Kullback and R. Leibler (1951), *On information and sufficiency*.
