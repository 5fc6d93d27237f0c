# ---
# jupyter:
#   coursekit:
#     cpu_seconds: 10
#     minutes: 60
# ---

# %% [markdown] slide="slide"
# # 00 · Start here
#
# **After this notebook you know** what unsupervised learning and generative models are about, how the course is built, how to use its three tools (checks, explorers, homework), and whether your mathematics and your PyTorch are ready.
#
# **Time:** one hour; it runs in about ten seconds. **You need:** Python, derivatives, a little probability. **It follows** the opening of the unsupervised learning deck and of the generative models deck, and the table of model families in the generative AI deck. **It adds** the two directions of the KL divergence and the warm-up.

# %% [markdown] slide="skip" tags=["lab-only"]
# **How to run it.** Click on a cell and press Shift + Enter: it runs, its output appears below, and the next cell is selected. Run the cells from top to bottom, since later ones use the names of earlier ones. If things get mixed up, *Kernel → Restart Kernel and Run All Cells* starts afresh. A line that begins with ✓ is a claim that your computer has just computed on both sides and compared; if one fails, the notebook stops there and shows both values.
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
# **Supervised learning** gets questions with answers: this image is a 7. It learns to answer like the teacher. **Reinforcement learning** gets no answers, only a reward now and then: the game was won. It learns what to do. **Unsupervised learning** gets the data alone. There is no teacher to say what to look for.

# %%
left = rng.normal(size=(40, 2)) * 0.7 - [1.6, 0.3]
right = rng.normal(size=(40, 2)) * 0.8 + [1.5, 0.4]
points = np.vstack([left, right])
plots.show(
    pictures.kinds_of_learning(points, np.repeat([0, 1], 40)),
    alt="Three panels. Supervised learning: two groups of points, marked A and B. "
    "Reinforcement learning: three paths from a start, two end in 0 and one in a star "
    "marked reward 1. Unsupervised learning: the same points in one colour, no "
    "labels.",
)

# %% [markdown]
# In the right panel you still see two groups. You found them without being told, because the points are dense here and sparse there. That is the whole idea: **the data have a distribution, and its shape is what can be learned.** Everything in this course describes that shape in one way or another: by directions (PCA), by groups (clustering), by an energy (Boltzmann machines), by a code (autoencoders), or by a machine that makes new points (generative models).
#
# Why would one want a machine that makes new points? To *simulate*: what else could have happened? To fill in what is missing or too noisy. To learn *features* from plentiful unlabelled data, for tasks with few labels. And as a test of understanding: being able to make something shows deeper understanding than being able to recognise it.

# %% [markdown] slide="slide" says="Each lecture says at its top which of the others it needs; 06, 08, 12 and 16 need none."
# ## 2 · The map
#
# | | Notebook | The question | Homework |
# | --- | --- | --- | --- |
# | 01 | [PCA on USArrests](01_pca_usarrests.ipynb) | What is the best flat picture of a table? | [hw01](homework/release/hw01_pca/hw01_pca.ipynb) |
# | 02 | [Clustering](02_clustering.ipynb) | What are the groups, and how many? | [hw02](homework/release/hw02_clustering/hw02_clustering.ipynb) |
# | 03 | [Manifold learning](03_manifold_learning.ipynb) | What if the flat picture has to be unrolled first? | [hw03](homework/release/hw03_manifold_learning/hw03_manifold_learning.ipynb) |
# | 04 | [Non-negative factors and ratings](04_nmf_ratings.ipynb) | What is in a matrix with holes? | [hw04](homework/release/hw04_nmf_ratings/hw04_nmf_ratings.ipynb) |
# | 05 | [Word vectors](05_word_vectors.ipynb) | Can a word be known by the company it keeps? | [hw05](homework/release/hw05_word_vectors/hw05_word_vectors.ipynb) |
# | 06 | [Images pixel by pixel](06_autoregressive_images.ipynb) | What does it cost to draw an image in order? | [hw06](homework/release/hw06_autoregressive_images/hw06_autoregressive_images.ipynb) |
# | 07 | [Transformers](07_transformers.ipynb) | What comes next, and what must be looked at to know? | [hw07](homework/release/hw07_transformers/hw07_transformers.ipynb) |
# | 08 | [Boltzmann machines, CD-k](08_rbm_cdk.ipynb) | Can an energy describe the data, and can we learn it? | [hw08](homework/release/hw08_rbm_cdk/hw08_rbm_cdk.ipynb) |
# | 09 | [Deep belief networks](09_deep_belief_networks.ipynb) | What is gained by stacking them? | [hw09](homework/release/hw09_deep_belief_networks/hw09_deep_belief_networks.ipynb) |
# | 10 | [Autoencoders](10_autoencoders.ipynb) | What is a good code, and what is it good for? | [hw10](homework/release/hw10_autoencoders/hw10_autoencoders.ipynb) |
# | 11 | [VAE and its ELBO](11_vae_elbo.ipynb) | How does a code become a probability? | [hw11](homework/release/hw11_vae_elbo/hw11_vae_elbo.ipynb) |
# | 12 | [GANs](12_gan_optimal_discriminator.ipynb) | Can a game replace a likelihood? | [hw12](homework/release/hw12_gan_optimal_discriminator/hw12_gan_optimal_discriminator.ipynb) |
# | 13 | [Training GANs](13_training_gans.ipynb) | Why is the game hard to play, and what helps? | [hw13](homework/release/hw13_training_gans/hw13_training_gans.ipynb) |
# | 14 | [Wasserstein GAN](14_wgan.ipynb) | What if the distributions do not even overlap? | [hw14](homework/release/hw14_wgan/hw14_wgan.ipynb) |
# | 15 | [Conditional GANs](15_conditional_gans.ipynb) | How does one ask for a picture? | [hw15](homework/release/hw15_conditional_gans/hw15_conditional_gans.ipynb) |
# | 16 | [Flows](16_flows.ipynb) | Can the likelihood be exact? | [hw16](homework/release/hw16_flows/hw16_flows.ipynb) |
# | 17 | [DDPM](17_ddpm.ipynb) | Can noise be undone, step by step? | [hw17](homework/release/hw17_ddpm/hw17_ddpm.ipynb) |
# | 18 | [Alignment](18_alignment.ipynb) | What should a language model be made to want, and how near does it get? | [hw18](homework/release/hw18_alignment/hw18_alignment.ipynb) |
# | 19 | [All families on one table](19_families_compared.ipynb) | Which of them should I take, and what for? | an exam in the notebook |
# | 99 | [Formula sheet](99_formula_sheet.ipynb) | What do I need before the exam? | |
#
# Each says at its top which of the others it needs, which deck it follows and what it leaves out. 06, 08, 12 and 16 stand alone; 02 borrows one idea from 01. 19 puts them all on one table.
#
# How are the generative models related? One question sorts them: *what does the model let you compute?*

# %%
tractable = ["Gaussian (01)", "flows (16)", "autoregressive models (06, 07)"]
approximate = [
    "Boltzmann machines: Markov chains (08)",
    "VAE: a lower bound (11)",
    "diffusion: a lower bound (17)",
]
explicit = [("tractable", tractable), ("approximate", approximate)]
implicit = [("samples only", ["GAN (12, 13, 15)", "Wasserstein GAN (14)"])]
branches = [("explicit density", explicit), ("implicit density", implicit)]
tree = ("generative model", branches)
plots.show(
    pictures.family_tree(tree),
    alt="A tree from left to right. Generative models have an explicit density, "
    "tractable (Gaussian, flows, autoregressive models) or approximate (Boltzmann "
    "machines, VAE, diffusion), or an implicit one, known by its samples only (GAN, "
    "Wasserstein GAN).",
)

# %% [markdown]
# An *explicit* model tells how probable a given $x$ is: exactly (tractable), or up to a bound or an estimate (approximate). An *implicit* model only hands out samples. Keep the tree in mind: it says what can be checked about a model. A likelihood, or its bound, can be computed on data that the model has not seen; a GAN must be judged in other ways.
#
# The five families that make today's images and texts, each with what speaks for it and against it:
#
# | Family | The idea | For it | Against it |
# | --- | --- | --- | --- |
# | Autoregressive (06, 07) | $p(x)=\prod_i p(x_i\mid x_1,\dots,x_{i-1})$, one factor after the other | exact likelihood; stable training; any kind of sequence | sampling is slow, one entry at a time; no code; an order must be chosen |
# | VAE (11) | a latent code, and a lower bound on $\log p(x)$ | fast sampling; a code for every $x$; stable training | only a bound; samples tend to be blurred |
# | GAN (12 to 15) | a generator against a discriminator | sharp samples in one pass | no likelihood; training can oscillate; modes may be missed |
# | Flow (16) | an invertible map to a Gaussian | exact likelihood; exact codes; sampling in one pass | the map must be invertible and keep the dimension; large networks |
# | Diffusion (17) | undo a little noise, many times | sharp and varied samples; stable training, a regression | many network calls per sample; only a bound on the likelihood |
#
# The entries are tendencies. The notebooks test them, on small data, one by one.

# %% [markdown] slide="slide"
# ## 3 · What does "close to the data" mean?
#
# Every generative model makes a distribution $p_\text{model}$ that should be close to that of the data, $p_\text{data}$. Close in what sense? The usual answer is the **Kullback–Leibler divergence** of two densities $p$ and $q$,
#
# $$\mathrm{KL}(p \,\|\, q) = \int p(x) \log \frac{p(x)}{q(x)}\,dx ,$$
#
# in *nats*, since $\log$ is the natural logarithm. It is never negative, and zero only when both are the same. It is not a distance: the two directions differ, and this matters throughout the course.
#
# **Why it is maximum likelihood.** Split the logarithm: $\mathrm{KL}(p_\text{data}\|p_\text{model}) = \mathbb E_{p_\text{data}}\log p_\text{data} - \mathbb E_{p_\text{data}}\log p_\text{model}$. The first term does not depend on the model. So the model with the smallest divergence is the one with the largest expected log-likelihood, and the average over a sample $x_1, \dots, x_n$ of the data, $\frac1n\sum_i \log p_\text{model}(x_i)$, estimates just that. To maximise the likelihood is to minimise a divergence, in this direction.
#
# Let us compute, on a density with two bumps.


# %%
def gaussian(x, mean, std):
    return np.exp(-0.5 * ((x - mean) / std) ** 2) / (std * np.sqrt(2 * np.pi))


def divergence(p, q, dx):
    """KL(p || q) on a grid of step dx; 1e-300 keeps log 0 finite."""
    return np.sum(p * np.log((p + 1e-300) / (q + 1e-300))) * dx


x = np.linspace(-30, 30, 12001)
dx = x[1] - x[0]
p = 0.6 * gaussian(x, -2.0, 0.7) + 0.4 * gaussian(x, 2.2, 0.6)

# %%
entropy = -np.sum(p * np.log(p + 1e-300)) * dx
shifts, stds = rng.uniform(-3, 3, 50), rng.uniform(0.5, 3, 50)
some = [gaussian(x, m, s) for m, s in zip(shifts, stds, strict=True)]
forward = [divergence(p, q, dx) for q in some]
likelihood = [np.sum(p * np.log(q + 1e-300)) * dx for q in some]
claim = "KL(p || q) = -entropy(p) - expected log-likelihood of q, 50 Gaussians"
check(claim, forward, -entropy - np.array(likelihood), atol=1e-10)
check("KL is never negative", forward, 0.0, relation=">=", theorem="Gibbs' inequality")

# %% [markdown] says="For $\\mathrm{KL}(p\\|q)$ there is a theorem: the best Gaussian has the mean and the variance of $p$."
# Now look for the best Gaussian $q$ in both directions. For $\mathrm{KL}(p\|q)$ there is a theorem: the best Gaussian has the mean and the variance of $p$. (Set the derivatives of $\mathbb E_p \log q$ by mean and variance to zero.) For the other direction we let an optimiser search, from two starting points. (It moves the mean and the *logarithm* of the standard deviation, so that the latter stays positive.)
#
# **Predict before you run:** which $q$ minimises $\mathrm{KL}(q\|p)$?
#
# <details><summary>Answer</summary>
# One that sits on one of the bumps. In KL(q || p) the average is taken over q, so q pays dearly for any place where it has mass and p has hardly any, such as the valley. For leaving a bump out it pays little: about −log of the share of p that it keeps, since on its bump p is that share times q.
# </details>

# %%
from scipy.optimize import minimize


def nearest(direction, start):
    """Mean and standard deviation of the Gaussian with the least direction(q)."""

    def cost(t):
        return direction(gaussian(x, t[0], np.exp(t[1])))

    options = {"xatol": 1e-7, "fatol": 1e-12}
    found = minimize(cost, start, method="Nelder-Mead", options=options)
    return found.x[0], np.exp(found.x[1])


mean = np.sum(p * x) * dx
std = np.sqrt(np.sum(p * (x - mean) ** 2) * dx)
cover = nearest(lambda q: divergence(p, q, dx), (1.0, 0.0))
seek_left = nearest(lambda q: divergence(q, p, dx), (-1.0, 0.0))
seek_right = nearest(lambda q: divergence(q, p, dx), (1.0, 0.0))
claim = "the best q in KL(p || q) has the mean and standard deviation of p"
check(claim, cover, (mean, std), atol=1e-5)
claim = "in KL(q || p) each search ends on the bump it started near"
check(claim, (seek_left[0], seek_right[0]), (-2.0, 2.2), atol=0.05)
found = [divergence(gaussian(x, *q), p, dx) for q in (seek_left, seek_right)]
kept = -np.log([0.6, 0.4])  # the shares of the left and of the right bump
check("each pays about -log of the share that it keeps", found, kept, atol=0.01)
grid = [(m, s) for m in np.linspace(-4, 4, 41) for s in np.linspace(0.4, 4, 37)]
tried = [divergence(gaussian(x, m, s), p, dx) for m, s in grid]
claim = "the best of 1517 Gaussians on a grid: the left one"
check(claim, grid[np.argmin(tried)], seek_left, atol=0.1)

# %%
plots.show(
    pictures.two_directions(x, p, gaussian(x, *cover), gaussian(x, *seek_left)),
    alt="Two panels with the same two-bump density in grey. Left, the best Gaussian "
    "for KL(p || q) is wide, covers both bumps and puts most mass near the valley. "
    "Right, the best for KL(q || p) lies on the left bump alone.",
)

# %% [markdown]
# Left is **mass-covering**: it would rather blur than miss anything. Right is **mode-seeking**: it would rather miss something than make an impossible $x$. When a VAE's images look blurred, think of the left panel; it is one reason, and notebook 11 separates it from others. A GAN that draws only threes looks like the right one, but notebook 12 looks for the reason elsewhere, in the order of the game.

# %% [markdown] slide="slide"
# ## 4 · Three tools
#
# **Checks.** A line with ✓ is a claim that was computed when its cell ran. A claim that fails stops the notebook and shows both sides:

# %%
from coursekit.checks import CheckFailed

claim = "sin² + cos² = 1, at 1000 angles"
check(claim, np.sin(x[:1000]) ** 2 + np.cos(x[:1000]) ** 2, 1.0, atol=1e-14)
try:
    claim = "log(a + b) = log a + log b"
    check(claim, np.log(2.0 + 3.0), np.log(2.0) + np.log(3.0), atol=1e-9)
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
    alt="Three positions of the explorer. A narrow Gaussian in the valley is bad in "
    "both directions; of the three, a wide one has the smallest KL(p || q), and one "
    "on the left bump the smallest KL(q || p) and the largest KL(p || q).",
)

# %% [markdown]
# **Homework.** Each lecture has one. You fill a function, run the cell below it, and it answers at once. Here is what that looks like. The exercise: *write the variance of a list of numbers, dividing by n*. Suppose you had written:


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
# **Colours.** Where a picture shows one of these, its colour is always the same: data dark grey, model blue, latent variables and codes orange, critics and discriminators green, red what goes wrong; noise, like anything in the background, is light grey. Classes and groups have colours of their own, and are also labelled or given their own marker.

# %% [markdown] slide="slide"
# ## 5 · Ten minutes of warm-up
#
# If these six ideas are familiar, you are ready. If one of them is new, stop at its cell and look it up.
#
# **An expectation is an average, and a sample average wobbles.** From $n$ draws, $\mathbb E f(x)$ is estimated with standard error $\mathrm{std}(f)/\sqrt n$. A check that ends in *within 4 standard errors* allows four of them; other checks state their tolerance.

# %%
draws = rng.normal(size=100_000)
f = np.cos(draws)
claim = "E cos(x) = exp(-1/2) for standard normal x"
check(claim, f.mean(), np.exp(-0.5), se=f.std() / np.sqrt(len(f)))

# %% [markdown]
# **Jensen's inequality.** The logarithm is bent downwards, so the mean of logs is at most the log of the mean. The whole of the VAE rests on this line.

# %%
values = rng.uniform(0.1, 5.0, size=(1000, 7))
check(
    "mean of logs <= log of the mean, 1000 random lists",
    np.log(values).mean(axis=1),
    np.log(values.mean(axis=1)),
    relation="<=",
    theorem="Jensen",
)
plots.show(
    pictures.jensen(np.array([0.3, 3.6])),
    alt="The logarithm and a chord between two of its points. In the middle the "
    "curve, the log of the mean, lies above the chord, the mean of the logs.",
)

# %% [markdown]
# **Gradients, by hand and by autograd.** The gradient of $\log\sum_i e^{a_i}$ is the softmax of $a$. PyTorch finds it by itself: it records what is computed and walks back through the record. (`torch.tensor` makes a PyTorch array out of a NumPy one; `requires_grad=True` starts the record.)

# %%
import torch

a = torch.tensor(rng.normal(size=5), requires_grad=True)
torch.logsumexp(a, dim=0).backward()
check("gradient of log-sum-exp = softmax", a.grad, torch.softmax(a, dim=0), atol=1e-14)

# %% [markdown] slide="subslide" says="**A training loop** is five lines: compute the loss, clear old gradients, walk back, take a step, repeat."
# **A training loop** is five lines: compute the loss, clear old gradients, walk back, take a step, repeat. Here it fits a line, and ends where the formula says.

# %% tags=["slide-code"]
torch.manual_seed(0)
inputs = torch.tensor(rng.normal(size=(200, 1)))
targets = 3.0 * inputs - 1.0 + 0.1 * torch.tensor(rng.normal(size=(200, 1)))
line = torch.nn.Linear(1, 1).double()
optimizer = torch.optim.SGD(line.parameters(), lr=0.3)
for _ in range(200):
    loss = ((line(inputs) - targets) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
table = np.hstack([inputs.numpy(), np.ones((200, 1))])
best = np.linalg.lstsq(table, targets.numpy())[0].ravel()
claim = "gradient descent ends at the least-squares line"
check(claim, [line.weight.item(), line.bias.item()], best, atol=1e-10)

# %% [markdown]
# **Change of variables.** If $y = 2x$, the density of $y$ is *half* that of $x$ at the matching point: the same mass on twice the length. In general we divide by $|\det|$ of the map's Jacobian, the table of its derivatives. Flows are built on this alone.

# %%
density_y = gaussian(x / 2, 0.0, 1.0) / 2
claim = "the density of y = 2x still integrates to 1"
check(claim, density_y.sum() * dx, 1.0, atol=1e-12)
claim = "and is the normal density of standard deviation 2"
check(claim, density_y, gaussian(x, 0.0, 2.0), atol=1e-14)

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
# <details><summary>3. Why can't we compute the partition function of 500 binary units by summing?</summary>
# The sum has 2 to the power 500 terms. What to do instead: notebook 08.
# </details>
#
# <details><summary>4. What is log p(x) minus the ELBO?</summary>
# KL(q(z|x) || p(z|x)). If that was new, notebook 11; if you would like to see it checked to the last digit, also 11.
# </details>
#
# <details><summary>5. A discriminator outputs 1/2 everywhere. Has the generator won?</summary>
# Not necessarily: the discriminator may be bad. Notebook 12.
# </details>
#
# <details><summary>6. Which models of the tree can tell you the exact log-likelihood of an image?</summary>
# Those with a tractable density: a Gaussian such as probabilistic PCA (01), flows (16), autoregressive models. (For a flow, noise is first added to the grey levels of the images: notebook 16.)
# </details>
#
# **Next:** [01 · PCA on USArrests](01_pca_usarrests.ipynb).
#
# **References.** I. Goodfellow (2016), *NIPS tutorial: generative adversarial networks* (the family tree). C. Bishop (2006), *Pattern Recognition and Machine Learning*, section 10.1 (the two directions). S. Kullback and R. Leibler (1951), *On information and sufficiency*.
