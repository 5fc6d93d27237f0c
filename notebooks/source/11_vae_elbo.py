# ---
# jupyter:
#   coursekit:
#     cpu_seconds: 46
#     minutes: 120
# ---

# %% [markdown] slide="slide"
# # 11 · The variational autoencoder: a bound you can check
#
# **After this notebook you can** say what a latent variable model is and why its likelihood is hard to compute, derive the evidence lower bound in two ways and tell exactly how much it misses, send a gradient through a random draw, train a VAE line by line, read its latent space, and recognise the ways in which it goes wrong without an error message.
#
# **Time:** 120 minutes to work through; it runs in under a minute. **You need:** Gaussian densities, expectations, logarithms, a neural network trained by gradient descent (notebook 10).
#
# **It follows** the variational autoencoder lectures of the *generative models deck* and of the *VAE and GAN class*, and the short one of the *generative AI deck*; where a slide slips, the right form is named beside it. **It adds** the size of the bound's gap and what it is made of, the gradient with respect to the variance, importance weights, and a comparison with the machine of notebook 08 on the same bits. Diffusion models, which extend the same bound over a thousand steps, are in notebook 17.
#
# Every line that starts with ✓ is a claim that was checked just now, on your machine: an identity has both of its sides computed, and a bound on a measured number names either its *control*, which must fail the same bound, or the theorem it follows from. (Where three seeds would take too long, the numbers are stored, as the text says; of most records one run is repeated.) The bars on trained models were chosen on seeds 3, 4 and 5, about halfway between the model and its control; the seeds shown are 0, 1 and 2. Of the model with two latents only seed 0 is shown. If a check fails, the notebook stops there.

# %%
import numpy as np
import torch
from torch import distributions as D
from torch.nn import functional as F

from coursekit import data, pca, plots, vae
from coursekit.checks import check

plots.use_course_style()

# %% [markdown] slide="slide" says="The causes of a picture are few (which digit, how slanted, how wide); its pixels are many.\n\nA **latent variable model** draws a few hidden numbers $z$ from a **prior** $p(z)=\\mathcal N(0,I)$, and then the picture from the **decoder** $p_\\theta(x\\mid z)$:"
# ## 1 · What made this picture?
#
# Somebody writes a digit. Before the pen touches the paper a few things are settled: which digit, how slanted, how wide. They were never recorded. We only see the pixels, and the pixels are many while the causes were few.
#
# A **latent variable model** tells this story in two steps. First draw a few hidden numbers, the *latents* $z$, from a fixed distribution $p(z)=\mathcal N(0,I)$, the **prior**. Then draw the picture $x$ from a distribution $p_\theta(x\mid z)$ that depends on them, the **decoder**, with parameters $\theta$. Both steps together give each picture a probability (for grey pixels a density), the **evidence** or marginal likelihood:
#
# $$p_\theta(x) \;=\; \int p_\theta(x\mid z)\,p(z)\,dz .$$
#
# We begin with one latent and pictures of two numbers, so that everything can be drawn and the integral can be done by brute force. The decoder bends the line into a wave, and adds noise of standard deviation 0.25.


# %%
def decode_wave(z):  # (..., 1) -> (..., 2)
    return torch.cat([1.2 * z, torch.sin(2.5 * z)], dim=-1)


def log_likelihood(x, z):  # log p(x | z), x (2,), z (..., 1) -> (...,)
    return vae.log_normal(x, decode_wave(z), torch.tensor(0.25**2).double().log())


rng = torch.Generator().manual_seed(11)
points = torch.tensor([[0.15, 0.1], [3.3, 0.5]], dtype=torch.float64)  # x_1 and x_2

from coursekit.vae import pictures

near = torch.linspace(-3, 3, 601, dtype=torch.float64)[:, None]
z_drawn = torch.randn(600, 1, generator=rng, dtype=torch.float64)
x_drawn = decode_wave(z_drawn) + 0.25 * torch.randn(600, 2, generator=rng).double()
figure = pictures.latent_curve(near[:, 0], decode_wave(near), x_drawn, points)
plots.show(figure,
    alt="Left, the bell curve of z. Right, a blue wave with grey samples "
    "around it; x1 is near its middle, x2 at its right end.")  # fmt: skip

# %% [markdown]
# There is one hidden number, and yet the cloud is a wave: no straight axis, such as PCA would give, can follow it. The samples crowd in the middle because the prior does.

# %% [markdown] slide="subslide"
# **Why is $\log p(x)$ hard?** An integral is a mean: draw $z_1,\dots,z_S$ from the prior and average $p(x\mid z_s)$. That average is unbiased. But most hidden numbers have nothing to do with *this* picture. It is like finding the author of a letter by asking strangers in the street.
#
# **Predict before you run:** with 100 draws per estimate, for which of the two points will the estimate of log p(x) scatter more?
#
# <details><summary>Answer</summary>
# For the one at the end of the wave. Few draws land where it could have come from; most averages contain only one or two useful terms, or none.
# </details>

# %%
from scipy.integrate import quad


def joint(z, x):  # p(x, z), for one number z
    z = torch.tensor([z], dtype=torch.float64)
    return (log_likelihood(x, z) - 0.5 * z[0] ** 2).exp().item() / np.sqrt(2 * np.pi)


evidence = [quad(joint, -8, 8, args=(x,), limit=400, epsabs=1e-14)[0] for x in points]
log_p = np.log(evidence)  # (2,), the truth, for x_1 and x_2

# %%
z = torch.randn(1000, 100, 1, generator=rng, dtype=torch.float64)
naive = torch.stack([log_likelihood(x, z) for x in points])  # (2, 1000, 100)
means = naive.exp().mean(2)  # (2, 1000): 1000 estimates of p(x) from 100 draws each
check("naive Monte Carlo of p(x) is unbiased", means.mean(1), evidence,
      se=means.std(1) / 1000**0.5)  # fmt: skip
logs = naive.logsumexp(2) - np.log(100)
short = (logs < torch.tensor(log_p)[:, None] - 10).double().mean(1)  # by 10 nats
check("at the end it misses log p(x) by 10 nats in a fifth of the runs", short[1], 0.2,
      relation=">=", control={"in the middle": short[0]})  # fmt: skip
titles = ["$x_1$, in the middle", "$x_2$, at the end: often far too low"]
figure = pictures.estimates(logs.numpy(), log_p, titles, xlabel="estimate, nats")
plots.show(figure,
    alt="Two histograms of a thousand estimates of log p(x). For x1 they "
    "gather closely around the true value; for x2 they spread over "
    "many nats, far below it.")  # fmt: skip

# %% [markdown]
# Look at the right panel: the estimates of $p(x)$ are right *on average*, yet those of its *logarithm* have a long tail to the left: many runs see no useful $z$ at all, and are ten *nats* or more too low. (A nat is the unit of a natural logarithm: ten of them are a factor of $e^{10}$, more than twenty thousand.) And this is one latent. With twenty, the useful region is a needle in a haystack. We need something that looks at $x$ and tells us where to search.

# %% [markdown] slide="slide"
# ## 2 · An approximate posterior, and a bound with a known gap
#
# That something is a second distribution $q(z\mid x)$. The right answer to "which $z$ made $x$?" is the **posterior** $p(z\mid x) = p(x\mid z)\,p(z)/p(x)$; we cannot compute it, because of $p(x)$ in the denominator. So we choose $q$ from a family that we can handle, and call it the **approximate posterior**. Choosing the best member of a family of functions is the business of the calculus of variations, hence the name **variational** inference. Two derivations show what any $q$ is good for, even a bad one.
#
# **First, by Jensen's inequality.** Multiply and divide by $q$, and the integral is a mean over $q$ (which must not be zero where $p(x\mid z)\,p(z)$ is not). The logarithm is concave, so the logarithm of a mean is at least the mean of the logarithms; then split the logarithm of the quotient:
#
# $$\log p(x) = \log \mathbb E_{q}\!\left[\frac{p(x\mid z)\,p(z)}{q(z\mid x)}\right] \;\ge\; \mathbb E_{q}\!\left[\log \frac{p(x\mid z)\,p(z)}{q(z\mid x)}\right] = \underbrace{\mathbb E_q[\log p(x\mid z)]}_{\text{reconstruction}} - \underbrace{\mathrm{KL}(q(z\mid x)\,\|\,p(z))}_{\text{regulariser}} .$$
#
# The right side is the **ELBO**, the evidence lower bound. The first term asks that $z\sim q$ explain $x$; the second, the Kullback–Leibler divergence $\mathrm{KL}(q\|p)=\mathbb E_q[\log q - \log p]$, is a penalty, in nats, for how far $q$ is from the prior.

# %% [markdown] slide="fragment"
# **Second, without any inequality.** Bayes' rule holds for every single $z$: $\log p(x) = \log p(x\mid z) + \log p(z) - \log p(z\mid x)$. Add and subtract $\log q(z\mid x)$, and average over $q$. The left side has no $z$ in it, so it stays:
#
# $$\log p(x) \;=\; \mathbb E_q[\log p(x\mid z)] \;-\; \mathrm{KL}(q(z\mid x)\,\|\,p(z)) \;+\; \mathrm{KL}(q(z\mid x)\,\|\,p(z\mid x)) .$$
#
# Three terms, an *identity*. The last is never negative, so Jensen's bound follows; and now we know what it misses: exactly the divergence of $q$ from the posterior. To test that, the terms must come from different computations: the first by quadrature *under q* (Gauss–Hermite), the second from a closed formula, the third on a grid, where the posterior is normalised by its own sum. None of them is told $\log p(x)$, which section 1 integrated with SciPy.

# %%
grid = torch.linspace(-10, 10, 4001, dtype=torch.float64)[:, None]
log_posterior = (log_likelihood(points[0], grid) - 0.5 * grid[:, 0] ** 2).log_softmax(0)
log_posterior = log_posterior - np.log(20 / 4000)  # a density, whatever p(x) may be
nodes, weights = (torch.tensor(a) for a in np.polynomial.hermite_e.hermegauss(150))


def terms_for(mean, log_var):
    """ELBO and KL(q || posterior) for x_1, of the Gaussians q; all (n,)."""
    q = D.Normal(mean[:, None], (0.5 * log_var[:, None]).exp())  # (n, 1)
    values = log_likelihood(points[0], (q.mean + q.stddev * nodes)[..., None])
    reconstruction = values @ weights / weights.sum()
    log_q = q.log_prob(grid[:, 0])  # (n, m)
    gap = (log_q.exp() * (log_q - log_posterior)).sum(1) * 20 / 4000
    return reconstruction - vae.gaussian_kl(mean[:, None], log_var[:, None]), gap


# %%
mean_q = 2 * torch.rand(1000, generator=rng, dtype=torch.float64) - 1
log_var_q = 6 * torch.rand(1000, generator=rng, dtype=torch.float64) - 6
elbo, gap = terms_for(mean_q, log_var_q)
check("ELBO + KL(q || posterior) = log p(x_1), for 1000 q", elbo + gap, log_p[0],
      atol=1e-6,
      control={"log p(x_2)": log_p[1], "half the KL": elbo + gap / 2})  # fmt: skip
check("the ELBO is below log p(x) for each of them", elbo, log_p[0], relation="<=",
      theorem="Jensen")  # fmt: skip

# %%
wide = int((mean_q.abs() + log_var_q.abs()).argmin())
aside = int(((mean_q - 0.8).abs() + (log_var_q + 2).abs()).argmin())
three = [wide, aside, int(elbo.argmax())]
q_on_grid = D.Normal(mean_q[three, None], (0.5 * log_var_q[three, None]).exp())
densities = q_on_grid.log_prob(grid[:, 0]).exp().numpy()
bars = [(elbo[i].item(), gap[i].item()) for i in three]
names = ["too wide", "in the wrong place", "best of 1000"]
shape_args = (grid[:, 0].numpy(), log_posterior.exp().numpy(), densities)
figure = pictures.approximate_posteriors(*shape_args, bars, log_p[0], names)
plots.show(figure,
    alt="Three approximate posteriors drawn over the same grey "
    "posterior: one far too wide, one beside it, one nearly equal to "
    "it. Blue bars below show how far the bound is under log p(x): "
    "far, far, and almost not at all.")  # fmt: skip

# %% [markdown]
# The bar's length *is* the divergence from the posterior. So raising the ELBO does two jobs at once: in $q$ it brings the approximate posterior closer to the true one, since the left side $\log p(x)$ does not depend on $q$; in $\theta$ it raises the likelihood, or tightens the bound, or both.

# %% [markdown] slide="subslide"
# **With pencil and paper.** If the decoder is linear, $x = Wz + b + \text{noise}$ with noise variance $s^2$, all the integrals are Gaussian. As a sum of independent Gaussians, $x$ has $p(x)=\mathcal N(b,\,WW^\top + s^2 I)$. In the exponent of $p(x\mid z)\,p(z)$ the terms with $z$ are $-\tfrac12 z^\top(I+W^\top W/s^2)\,z+z^\top W^\top(x-b)/s^2$; so the posterior is Gaussian with covariance $C=(I+W^\top W/s^2)^{-1}$ and mean $C\,W^\top(x-b)/s^2$. And under a $q$ with covariance $\Sigma$ the mean squared error is that at $q$'s mean plus $\operatorname{tr}(W\Sigma W^\top)$. The identity must hold up to rounding, in any dimension, for any Gaussian $q$.

# %%
W, b, x = (torch.randn(*s, generator=rng).double() for s in ((5, 3), (5,), (5,)))
s2, eye = 0.3, torch.eye(3, dtype=torch.float64)
exact = D.MultivariateNormal(b, W @ W.T + s2 * torch.eye(5).double()).log_prob(x)
C = torch.linalg.inv(eye + W.T @ W / s2)
posterior = D.MultivariateNormal(C @ W.T @ (x - b) / s2, C)
standard = D.MultivariateNormal(torch.zeros(3).double(), eye)


def linear_elbo(q):
    at_mean = D.Normal(W @ q.mean + b, s2**0.5).log_prob(x).sum()
    random_part = torch.trace(W @ q.covariance_matrix @ W.T) / (2 * s2)
    return at_mean - random_part - D.kl_divergence(q, standard)


sums = []
for _ in range(100):
    A = torch.randn(3, 4, generator=rng).double()
    q = D.MultivariateNormal(A[:, 3], A[:, :3] @ A[:, :3].T + 0.1 * eye)
    sums.append(linear_elbo(q) + D.kl_divergence(q, posterior))
check("linear decoder: ELBO + KL = log p(x), 100 random q", torch.stack(sums), exact,
      rtol=1e-10, control={"without the KL": linear_elbo(q)})  # fmt: skip
check("tight when q is the posterior", linear_elbo(posterior), exact, rtol=1e-12)

# %% [markdown] slide="slide" says="The **encoder** (recognition network) returns for each latent a mean $\\mu_j$ and a **log-variance** $\\ell_j=\\log\\sigma_j^2$, which may be any real number. For this family the KL to the prior needs no integral:"
# ## 3 · What the networks put out
#
# A network is a function; how can it be a distribution? It puts out the *parameters* of one. The **encoder**, also called **recognition** or **inference network**, with parameters $\phi$, reads $x$ and returns $2k$ numbers for $k$ latents: the means $\mu_j$ and, since a variance must be positive and a network's output need not be, the **log-variances** $\ell_j=\log\sigma_j^2$. Then $q_\phi(z\mid x)=\mathcal N(\mu, \operatorname{diag}\sigma^2)$, independent in each latent. One network serves all pictures: **amortised** inference. (Squaring works as well, $\sigma_j = a_j^2$; but then $a_j$ and $-a_j$ mean the same $q$, and the KL blows up near zero. With $\exp$ every number gives a different $q$.)
#
# For this family the KL to the prior needs no integral. For one latent, $\log q-\log p=-\tfrac12\log\sigma^2-\tfrac{(z-\mu)^2}{2\sigma^2}+\tfrac{z^2}{2}$. Average over $q$: $\mathbb E_q[(z-\mu)^2]=\sigma^2$ by definition of the variance, and $\mathbb E_q[z^2]=\mu^2+\sigma^2$. Summed over the latents,
#
# $$\mathrm{KL} = \tfrac12\sum_{j=1}^k\left(\mu_j^2+\sigma_j^2-1-\log\sigma_j^2\right).$$

# %%
mean, log_var = (torch.randn(6, 4, generator=rng).double() for _ in range(2))
by_hand = 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(-1)
q, p = D.Normal(mean, (0.5 * log_var).exp()), D.Normal(0.0, 1.0)
theirs = D.kl_divergence(q, p).sum(-1)
check("KL by hand = torch.distributions", by_hand, theirs, atol=1e-12)
check("KL by hand = coursekit", by_hand, vae.gaussian_kl(mean, log_var), atol=1e-12)
z = q.mean + q.stddev * torch.randn(50_000, 6, 4, generator=rng).double()
ratio = (q.log_prob(z) - p.log_prob(z)).sum(-1)  # (50000, 6)
check("KL = mean of log q - log p over draws from q", ratio.mean(0), by_hand,
      se=ratio.std(0) / 50_000**0.5)  # fmt: skip

# %% [markdown]
# One deck writes $\exp(\sigma)-(1+\sigma)+\mu^2$. What it calls $\sigma$ is the *log-variance*, and the factor ½ has gone. That is consistent only if the ½ of the squared error is dropped too: then the whole loss is twice ours (for pixels of variance 1), and has the same minimum. Beside a true log-likelihood, such as minus the cross-entropy, it weighs the KL double.

# %%
x_hat, x = (torch.randn(6, 9, generator=rng).double() for _ in range(2))
deck = ((x - x_hat) ** 2).sum(-1) + (log_var.exp() - (1 + log_var) + mean**2).sum(-1)
unit = torch.zeros(1).double()
ours = vae.gaussian_kl(mean, log_var) - vae.log_normal(x, x_hat, unit)  # minus ELBO
check("the deck's loss = 2 (minus ELBO), up to a constant", deck,
      2 * ours - 9 * np.log(2 * np.pi), atol=1e-12)  # fmt: skip

# %% [markdown] slide="subslide"
# The **decoder** returns the parameters of $p_\theta(x\mid z)$. For pixels that are 0 or 1 these are probabilities $\pi_i$, and pixels are independent *given* $z$: $\log p(x\mid z)=\sum_i \left[x_i\log\pi_i+(1-x_i)\log(1-\pi_i)\right]$. This is minus the binary cross-entropy, **summed** over the pixels: probabilities of independent pixels multiply, so their logarithms add. (Libraries default to the mean; section 9 shows what that does.)
#
# **On grey pixels the cross-entropy is no likelihood.** The VAE and GAN class computes it for pixels such as 0.1, 0.8, 0.7. The formula runs, but $\pi^x(1-\pi)^{1-x}$ is not a density on $[0,1]$. Write it as $(1-\pi)\,e^{ax}$ with $a=\log\frac{\pi}{1-\pi}$ and integrate: $(1-\pi)\,\frac{e^{a}-1}{a}=\frac{2\pi-1}{a}$. Now $2\pi-1=\tanh\frac a2$, and $|\tanh t|\le|t|$; so this is never more than ½ (the limit at $\pi=\tfrac12$), let alone 1. A "log-likelihood" made of it cannot be compared with a true one. Three ways out: draw bits, use a Gaussian (section 7), or divide by that constant (the *continuous Bernoulli* of Loaiza-Ganem and Cunningham, 2019).

# %%
logits = 3 * torch.randn(4, 64, generator=rng).double()
pixels = (torch.rand(4, 64, generator=rng) < 0.5).double()
pi = logits.sigmoid()
one_by_one = torch.where(pixels == 1, pi, 1 - pi).prod(-1).log()
summed = -F.binary_cross_entropy_with_logits(logits, pixels, reduction="none").sum(-1)
check("log of the product of pixel probabilities = -BCE, summed", one_by_one, summed,
      rtol=1e-10, control={"mean": summed / 64})  # fmt: skip
check("that is coursekit's log_bernoulli", vae.log_bernoulli(pixels, logits), summed)
grey = torch.linspace(0, 1, 20_001, dtype=torch.float64)
for pi in (0.05, 0.3, 0.9):
    total = torch.trapezoid(pi**grey * (1 - pi) ** (1 - grey), grey)
    constant = (2 * pi - 1) / np.log(pi / (1 - pi))
    check(f"pi = {pi}: the integral over grey values is (2 pi - 1) / logit(pi)", total,
          constant, atol=1e-7, control={"1, as for a density": 1.0})  # fmt: skip

# %% [markdown] slide="slide" says="**Reparametrise.** Draw the noise outside and hand it in: $z=\\mu+\\sigma\\varepsilon$ with $\\varepsilon\\sim\\mathcal N(0,I)$. Then the gradient passes through $z$.\n\n**The older way**, the *score function*, needs no derivative of $f$: $\\nabla\\,\\mathbb E_q[f(z)]=\\mathbb E_q[f(z)\\,\\nabla\\log q(z)]$."
# ## 4 · A gradient through a die
#
# **Question.** The reconstruction term is a mean over $q_\phi$, estimated by drawing a $z$. How does its value change with $\mu$ and $\sigma$? The draw has happened; a drawn number has no derivative.
#
# **Reparametrise.** Do not roll the die inside the network. Roll it outside, and hand the result in: $z=\mu+\sigma\varepsilon$ with $\varepsilon\sim\mathcal N(0,1)$. The distribution of $\varepsilon$ contains no parameter, so the derivative may go under the expectation, and the chain rule does the rest. With $\sigma=e^{\ell/2}$ we have $\partial z/\partial\mu=1$ and $\partial z/\partial\ell=\tfrac12\sigma\varepsilon$:
#
# $$\frac{\partial}{\partial\mu}\,\mathbb E[f(z)] = \mathbb E[f'(z)], \qquad \frac{\partial}{\partial\ell}\,\mathbb E[f(z)] = \mathbb E\big[f'(z)\,\tfrac12\sigma\varepsilon\big].$$
#
# **The older way**, the *score-function* estimator, moves the derivative to the density: $\nabla\int f q=\int f\,\nabla q=\mathbb E_q[f\,\nabla\log q]$. From $\log q=-\tfrac{(z-\mu)^2}{2\sigma^2}-\tfrac{\ell}{2}+\text{const}$,
#
# $$\frac{\partial\log q}{\partial\mu}=\frac{z-\mu}{\sigma^2}=\frac{\varepsilon}{\sigma}, \qquad \frac{\partial\log q}{\partial\ell}=\tfrac12\big(\varepsilon^2-1\big).$$
#
# It needs no derivative of $f$. It only learns from high and low values, like a climber in fog who can only compare heights. All four are unbiased. The question is how noisy.

# %%
n, mu, ell, sigma = 40_000, 0.3, -4.0, np.exp(-2.0)
eps = torch.randn(n, generator=rng, dtype=torch.float64)
z = (mu + sigma * eps).requires_grad_()
f = log_likelihood(points[0], z[:, None])  # f(z) = log p(x_1 | z)
(slope,) = torch.autograd.grad(f.sum(), z)
f = f.detach()
pathwise = {"mu": slope, "log-variance": slope * 0.5 * sigma * eps}
score = {"mu": f * eps / sigma, "log-variance": f * 0.5 * (eps**2 - 1)}

parameters = torch.tensor([mu, ell], dtype=torch.float64, requires_grad=True)
q = D.Normal(parameters[0], (0.5 * parameters[1]).exp())
average = (q.log_prob(grid[:, 0]).exp() * log_likelihood(points[0], grid)).sum() / 200
truth = dict(zip(pathwise, torch.autograd.grad(average, parameters)[0], strict=True))
for name in pathwise:
    for kind, draws in (("reparametrised", pathwise), ("score function", score)):
        claim = f"gradient in the {name}, {kind}: unbiased"
        check(claim, draws[name].mean(), truth[name], se=draws[name].std() / n**0.5)

# %%
wriggle = torch.sin(60 * z).detach()  # more than one wave within one sigma
rough = (wriggle * eps / sigma).var() / (60 * torch.cos(60 * z)).var()
centred = ((f - f.mean()) * eps / sigma).var() / slope.var()
for name in pathwise:
    draws = score[name].var() / pathwise[name].var()
    check(f"{name}: 10 draws of the score function for one reparametrised, or more",
          draws, 10, relation=">=", control={"mean, f = sin(60 z)": rough})  # fmt: skip
    print(f"{name}: {draws:.0f} draws for one")
print(f"mu, mean of f subtracted: {centred:.0f}; mu, f = sin(60 z): {rough:.2f}")
figure = pictures.gradient_noise(slope.numpy(), score["mu"].numpy(), truth["mu"].item())
plots.show(figure,
    alt="Two histograms of single-sample gradients on one axis with the "
    "true gradient as a line. Those of the score function are spread "
    "far wider than the reparametrised ones.")  # fmt: skip

# %% [markdown]
# Both clouds have their mean on the line. Here $f=\log p(x\mid z)$ is smooth over the width of $q$, and its derivative is worth many draws, for both parameters. That is no theorem: $f(z)=\sin 60z$, which completes more than one wave within $\sigma$, reverses the order, and subtracting a constant from $f$, a *baseline*, about halves the variance of the score function for $\mu$ here. (For discrete latents there is no $\varepsilon$ to pull out, and the score function returns.)

# %% [markdown] slide="slide" says="The data: digits of 14 × 14 pixels, each pixel a bit. One step of the algorithm, each line a thing we have derived:"
# ## 5 · Training, line by line
#
# We now have all the parts. The data: MNIST digits reduced to 14 × 14 pixels, each pixel drawn once to 0 or 1 with its ink as the probability, so that a likelihood in nats means something.

# %%
from coursekit.vae import recipe

train, test = data.binarised(data.mini_mnist()).split()
x_train, x_test = (torch.tensor(part.x).float() for part in (train, test))  # bits
shape = train.image_shape  # (14, 14): 5000 and 1000 rows of 196
ink, ink_test = (data.ink(part) for part in data.mini_mnist().split())  # the same, grey
some = slice(0, 1000, 100)  # ten test digits
torch.manual_seed(0)
young = vae.VAE(196, 8, hidden=128, activation="silu")

# %% [markdown]
# One step of the algorithm, each line a thing we have derived. We take a single draw of $z$ per picture: its gradient is unbiased, and the noise averages out over many pictures and many steps.

# %% tags=["slide-code"]
batch = x_train[:128]
mean, log_var = young.encoder(batch).chunk(2, dim=-1)  # two numbers per latent
noise = torch.randn(mean.shape, generator=rng.manual_seed(5))  # fresh for each entry
z = mean + (0.5 * log_var).exp() * noise  # reparametrise
logits = young.decoder(z)
cross_entropy = F.binary_cross_entropy_with_logits(logits, batch, reduction="none")
kl = 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(-1)
loss = (cross_entropy.sum(-1) + kl).mean()  # minus the ELBO; a mean over the batch only

# %%
by_hand = torch.autograd.grad(loss, list(young.parameters()))
package = young.loss(batch, rng=rng.manual_seed(5))
theirs = torch.autograd.grad(package, list(young.parameters()))
ours, theirs = (torch.cat([part.flatten() for part in g]) for g in (by_hand, theirs))
check("loss by hand = coursekit", loss, package, rtol=1e-6)
check("every entry of its gradient, too", ours, theirs, atol=1e-5)
terms = young.elbo(batch, rng=rng.manual_seed(5))
check("coursekit's elbo", terms["elbo"], -cross_entropy.sum(-1) - kl, rtol=1e-5)

# %% [markdown]
# So `fit` may do the loop. We train three seeds with eight latents, and one with two latents for the maps of section 6 (it has *residual blocks*, which add their input to their output; so it differs from the other three by more than its number of latents). To judge a number of nats we need a floor: pixels that are independent of each other, each with its own frequency.


# %% tags=["nbval-ignore-output"]
def bound(model, x=x_test):  # mean over pictures and 5 draws of z, nats
    draws = [model.elbo(x, rng=rng.manual_seed(i))["elbo"].mean() for i in range(5)]
    return torch.stack(draws).mean().item()


eight = [recipe.bits_model(x_train, seed=seed) for seed in range(3)]
plane = recipe.bits_model(x_train, seed=0, n_latent=2, residual=True)
collapsed = recipe.bits_model(x_train, seed=0, beta=16.0)  # for section 9
gaussian = recipe.rebuilder(recipe.BLURRED[0], torch.tensor(ink), seed=0)  # for 7
print("8 latents", *(f"{bound(m):.1f}" for m in eight), "2:", f"{bound(plane):.1f}")

# %%
frequency = (x_train.sum(0) + 1) / (len(x_train) + 2)
floor = vae.log_bernoulli(x_test, frequency.logit().expand_as(x_test)).mean().item()
print(f"independent pixels: {floor:.1f} nats per test picture")
check("8 latents: test ELBO 9 nats above the floor or more, 3 seeds",
      [bound(m) for m in eight], floor + 9, relation=">=",
      control={"untrained": bound(young), "2 latents": bound(plane)})  # fmt: skip

# %% [markdown] slide="subslide"
# **Sampling in three steps**: draw $z$ from the *prior*, not from $q$ (there is no $x$ to look at); decode it to probabilities; draw each pixel. (This is *ancestral sampling*: causes first.) Many pictures in papers stop after the second step and show the probabilities, which look smoother than the pictures that the model draws.

# %%
model = eight[0]
rng.manual_seed(3)
z = torch.randn(10, 8, generator=rng)  # 1. the prior
probability = model.decoder(z).sigmoid()  # 2. the decoder
sampled = (torch.rand(10, 196, generator=rng) < probability).float()  # 3. the pixels
package = model.sample(10, rng=rng.manual_seed(3))
check("the three steps = coursekit's sample", sampled, package)
rebuilt = model.decode_mean(model.encode(x_test[some])[0])
rows = {"data": x_test[some], "rebuilt": rebuilt}
rows |= {"2: decoded": probability, "3: drawn": sampled}
figure = pictures.strips(rows, shape, title="smooth means, rough draws")
plots.show(figure,
    alt="Four rows of ten pictures: binary digits; their grey "
    "reconstructions, smooth and mostly of the same digit; decoded "
    "probabilities from the prior, some of them digits and some "
    "between two; and binary draws from them, as rough as the data.")  # fmt: skip

# %% [markdown]
# The reconstructions look cleaner than the data: the roughness is the pixels' own noise, which no latent explains. But are they the *same* digits? A classifier reads the bits, and the reconstructions from eight latents and from two. (It learned on such bits, and misreads some of them itself.)

# %%
from coursekit.evaluation import digit_judge

judge = digit_judge(x_train, train.labels)


def misread(images):
    return (judge.predict_proba(images).argmax(1).numpy() != test.labels).mean()


print(f"bits: ≈ {misread(x_test):.0%} misread")
wrong = {}
for name, m in (("8 latents", model), ("2 latents", plane)):
    wrong[name] = misread(m.decode_mean(m.encode(x_test)[0]))
    nats_told = m.elbo(x_test, rng=rng)["kl"].mean().item()
    told = f"KL ≈ {nats_told:.1f} nats, e^KL ≈ {np.exp(nats_told):.0f}"
    print(f"{name}: ≈ {wrong[name]:.0%} misread; {told}")
check("rebuilt from 2 latents: 2 of 5 are misread, or more", wrong["2 latents"], 0.4,
      relation=">=",
      control={"bits": misread(x_test), "8": wrong["8 latents"]})  # fmt: skip

# %%
sizes, by_beta = (data.results(f"vae_{name}") for name in ("latents", "beta"))
print(sizes)
settings_of_code = ((8, 1.0), (8, 0.25), (16, 1.0), (16, 0.25))


def nats_and_misread(table, **which):  # prints both, returns the share misread, (3,)
    kl, shares = (table.column(key, **which) for key in ("kl", "misread"))
    shown = ", ".join(f"{name} {value}" for name, value in which.items())
    each = " ".join(f"{share:.1%}" for share in shares)
    print(f"{shown}: KL {kl.mean():.1f} nats, misread {each}, mean {shares.mean():.1%}")
    return shares


after_800, after_2400 = ([nats_and_misread(sizes, steps=steps, latents=k, beta=beta)
                          for k, beta in settings_of_code]
                         for steps in (800, 2400))  # fmt: skip
print("8 latents, from the record of section 9:")
lightest = nats_and_misread(by_beta, steps=800, beta=0.1)
check("16 latents and beta = 1/4, 800 steps: at most 17 % misread, 3 seeds",
      after_800[3], 0.17, relation="<=",
      control={"only 16 latents": after_800[2], "only beta = 1/4": after_800[1],
               "8 latents, beta = 0.1": lightest})  # fmt: skip
check("16 latents, beta = 1, 2400 steps: at most 17 % misread, 3 seeds",
      after_2400[2], 0.17, relation="<=",
      control={"after 800 steps": after_800[2],
               "8 latents, 2400 steps": after_2400[0]})  # fmt: skip

# %% [markdown]
# Not always: through 8 latents about one in five is misread, through 2 more than half, and one in nine of the bits themselves. What limits a code? The first thing is how much it *tells*: section 6 shows that on average the KL is at least the information that a drawn $z$ carries about $x$, and with $I$ nats one can tell about $e^I$ pictures apart. For two latents that is about twenty. Naming the ten digits would take $\log 10=2.3$ nats of the 2.9, and the rest would have to do for slant and width. (We decode the mean of $q$; the bound on the information is for draws, on which the decoder was trained.)
#
# For 8 latents the printed $e^{\mathrm{KL}}$ is over a thousand, enough for ten names many times over, and still about one in five is misread. The stored runs change two things, alone and together, and train for 800 steps, as we did, or for 2400.
#
# *After 800 steps*, twice as many latents at $\beta=1$ tell no more, and as much is misread. A lighter penalty, $\beta=\tfrac14$ (section 9), makes 8 latents tell twice as much, and still about a fifth is misread. Only both together come below the bar of 17 %, and even then a third more is misread than of the bits themselves. (The runs with both also tell more nats than the other three. But 8 latents with $\beta=0.1$, from the record of section 9, tell about as many, and about a fifth is misread.)
#
# *After 2400 steps* that conclusion is gone. Less is misread in all four settings. The 16 latents now tell more at $\beta=1$, and come below the bar without a lighter penalty; the lighter penalty without more latents reaches it only on average; both together come within two points of the bits. So much of what looked like a limit of the code was the short training. A reconstruction is the decoder's answer *given the code*, and may be a clean picture of a different digit.

# %% [markdown] slide="slide"
# ## 6 · A walk through the latent plane
#
# With two latents the whole code can be seen. Each test picture is placed at its mean $\mu(x)$; the colours are labels that the model was never given.

# %%
codes = plane.encode(x_test)[0].numpy()
title = "some kinds of digit have a region of their own, others share one"
figure = pictures.latent_map(codes, test.labels, title=title)
plots.show(figure,
    alt="Scatter plot of the codes of the test digits in the latent "
    "plane, coloured by label. The 0s and 1s have regions of their "
    "own, others, such as 4, 7 and 9, overlap; dotted circles hold "
    "half and 95 per cent of the prior.")  # fmt: skip

# %% tags=["nbval-ignore-output"]
from coursekit.vae import explorers

explorers.latent_explorer(plane, codes, test.labels, shape)

# %%
from functools import partial

from coursekit import widgets

frame = partial(explorers.latent_frame, plane, codes, test.labels, shape)
corners = [{"z1": a, "z2": b} for a, b in ((-1.2, 0), (1.2, 0), (0, -1.2), (0, 1.2))]
widgets.static_frames(frame, corners,
    alt="Four positions of the explorer: the marked point is left, "
    "right, below and above the middle of the latent plane, and four "
    "different grey shapes are decoded there.")  # fmt: skip

# %% [markdown] finding="The picture changes without a jump: the decoder is continuous."
# Drag slowly: the picture changes without a jump, since the decoder is continuous. That it also changes gradually is what one expects, since during training the noise of $q$ smears each code over its neighbourhood (we have not trained without the noise to compare). Below is most of the prior's mass at once, spaced by quantiles of the prior, so that neighbouring tiles are equally far apart in probability.

# %%
at = D.Normal(0.0, 1.0).icdf(torch.linspace(0.02, 0.98, 10))
tiles = torch.cartesian_prod(at, at.flip(0)).reshape(10, 10, 2).transpose(0, 1)
figure = pictures.manifold(plane.decode_mean(tiles.reshape(100, 2)), shape, 10)
plots.show(figure,
    alt="A grid of ten by ten decoded digits. Regions of noughts, ones, "
    "sevens, nines and others pass smoothly into each other; at the "
    "borders the shapes are in between.")  # fmt: skip

# %% [markdown] slide="subslide"
# **Do the codes fill the prior?** Average the approximate posteriors over the pictures: $q(z)=\frac1n\sum_i q(z\mid x_i)$, the **aggregate posterior**. If it equals the prior, prior samples land where the decoder has learned. Write $\log\frac{q(z\mid x_i)}{p(z)}=\log\frac{q(z\mid x_i)}{q(z)}+\log\frac{q(z)}{p(z)}$ and average over $z$ and $i$. The second fraction does not know $i$, so its average is over $q(z)$ (Hoffman and Johnson 2016):
#
# $$\frac1n\sum_i \mathrm{KL}(q(z\mid x_i)\|p(z)) = \underbrace{\frac1n\sum_i \mathrm{KL}(q(z\mid x_i)\|q(z))}_{\text{information: what } z \text{ tells about } x} + \underbrace{\mathrm{KL}(q(z)\|p(z))}_{\text{misfit to the prior}} .$$
#
# So for given $q$ the best prior is the aggregate posterior itself: with it the misfit is zero. (A **learned prior**, a mixture of Gaussians trained with the rest, can follow it: `VAE(..., prior_components=500)` on MNIST, measured in `benchmarks/vae.py`.) In two dimensions a grid is fine enough to check this, and with it the identity of section 2 for a *trained* network on real digits. We take every tenth test picture, a hundred in all and digits of all ten kinds. (Not the first hundred: neighbours in this file are alike, and those are ones, fours and sevens only. The identities would hold for them, too, but three kinds of digit cannot fill a prior that ten share.) Again the terms come from different computations: the ELBO from quadrature under $q$, the gap from posteriors normalised on the mesh, $\log p(x)$ from a sum over a second, shifted mesh.

# %%
exact_plane, x = plane.double(), x_test[::10].double()
mean_100, log_var_100 = exact_plane.encode(x)
q_100 = D.Normal(mean_100[:, None], (0.5 * log_var_100[:, None]).exp())  # (100, 1, 2)
prior = D.Normal(0.0, 1.0)


def square_mesh(n, shift=0.0):
    """Points (n^2, 2) of the square from -6 to 6, and the area of a cell."""
    axis = torch.linspace(-6, 6, n, dtype=torch.float64) + shift
    return torch.cartesian_prod(axis, axis), (12 / (n - 1)) ** 2


def log_joint(z):  # log p(x, z) for 100 pictures and m points: (100, m)
    logits = exact_plane.decode(z)
    return x @ logits.T - F.softplus(logits).sum(1) + prior.log_prob(z).sum(1)


# %%
mesh, cell = square_mesh(161)
log_q = q_100.log_prob(mesh).sum(-1)  # (100, m)
log_posteriors = log_joint(mesh).log_softmax(1) - np.log(cell)  # densities
gap = (log_q.exp() * (log_q - log_posteriors)).sum(1) * cell
points_1d, w_1d = (torch.tensor(a) for a in np.polynomial.hermite_e.hermegauss(9))
lattice = torch.cartesian_prod(points_1d, points_1d)  # (81, 2)
w = torch.cartesian_prod(w_1d, w_1d).prod(1) / (2 * np.pi)


def plane_elbo(mean, log_var):
    """The ELBO of Gaussians (100, 2) for the 100 pictures by quadrature, (100,)."""
    z = mean + (0.5 * log_var).exp() * lattice[:, None]  # (81, 100, 2)
    logits = exact_plane.decode(z.reshape(-1, 2)).reshape(*z.shape[:2], 196)
    log_px = vae.log_bernoulli(x.expand(len(w), -1, -1), logits)  # (81, 100)
    return w @ log_px - vae.gaussian_kl(mean, log_var)


# %%
kinds, every_tenth = np.unique(test.labels[:100]), np.unique(test.labels[::10])
print(f"kinds of digit in the first hundred: {kinds}; in every tenth: {every_tenth}")
elbo_100 = plane_elbo(mean_100, log_var_100)
shifted, cell_2 = square_mesh(121, shift=0.037)
log_p_100 = log_joint(shifted).logsumexp(1) + np.log(cell_2)
check("trained on digits: ELBO + KL(q || posterior) = log p(x), 100 pictures",
      elbo_100 + gap, log_p_100, atol=0.02,
      control={"half the KL": elbo_100 + gap / 2})  # fmt: skip
log_aggregate = log_q.logsumexp(0) - np.log(100)
information = (log_q.exp() * (log_q - log_aggregate)).sum(1).mean() * cell
log_prior = prior.log_prob(mesh).sum(1)
misfit = (log_aggregate.exp() * (log_aggregate - log_prior)).sum() * cell
kl = vae.gaussian_kl(mean_100, log_var_100).mean()
check("mean KL = information + misfit", kl, information + misfit, atol=1e-6,
      control={"information alone": information})  # fmt: skip
print(f"KL ≈ {kl:.2f} = information ≈ {information:.2f} + misfit ≈ {misfit:.2f} nats")

# %% [markdown] slide="slide"
# ## 7 · Gaussian pixels: PCA again, and blur
#
# For grey pixels one may take $p(x\mid z)=\mathcal N(\hat x(z), s^2 I)$. Then $\log p(x\mid z) = -\frac{1}{2s^2}\lVert x-\hat x\rVert^2 - \frac d2\log(2\pi s^2)$: squared error with a scale. **The scale matters.** It is the exchange rate between squared grey levels and nats, and it can be learned.
#
# **The linear VAE is probabilistic PCA.** With linear encoder and decoder the best likelihood is known (Tipping and Bishop 1999, cited, not proved here): the columns of $W$ span the principal subspace, and $s^2$ is the mean of the discarded eigenvalues. The bound can reach that optimum: by section 2 the posterior's mean is linear in $x$ and its covariance is the same for every $x$, and diagonal if the columns of $W$ are orthogonal. We train on the 50 states of notebook 01; gradient steps on a noisy bound must find what an eigendecomposition gives.

# %% tags=["nbval-ignore-output"]
from coursekit.training import fit

states = torch.tensor(data.usarrests().x)
states = (states - states.mean(0)) / states.std(0, correction=0)
gauss = {"hidden": (), "likelihood": "gaussian"}
settings = {"learning_rate": 0.02, "schedule": "cosine"}
linear = []
for seed in range(3):
    torch.manual_seed(seed)
    m = vae.VAE(4, 2, **gauss, observation_variance="learned").double()
    fit(m, states, n_steps=1200, batch_size=50, seed=seed, **settings)
    linear.append(m.requires_grad_(False))

# %%
principal = pca.PCA().fit(states.numpy())
axes, spectrum = principal.components_[:2].T, principal.explained_variance_
angles = [pca.principal_angles(m.decoder[0].weight.numpy(), axes).max() for m in linear]
random = vae.VAE(4, 2, **gauss).decoder[0].weight.detach().numpy()
check("the decoder spans the principal plane: largest angle, radians, 3 seeds", angles,
      0.05, relation="<=",
      control={"untrained": pca.principal_angles(random, axes).max()})  # fmt: skip
left = spectrum[2:].mean()
learned = [m.observation_log_var.exp().item() for m in linear]
check("learned variance = mean of the discarded eigenvalues", learned, left, rtol=0.05,
      control={"their sum": 2 * left})  # fmt: skip

# %% [markdown] slide="subslide"
# **Why the axes mean something, sometimes.** Turn the latent space by an angle, $W\to WR$. The prior is round, so $p(x)$ cannot notice: it is $\mathcal N(b,\,WW^\top+s^2I)$, and $(WR)(WR)^\top=WRR^\top W^\top=WW^\top$. As far as the likelihood goes, axes are not identified. The *bound* can tell them apart: its $q$ is a diagonal Gaussian, while the posterior has the precision $M=I+W^\top W/s^2$. With the right mean and variances $v_j$ the divergence $\mathrm{KL}(q\|\text{posterior})$ is $\frac12\big(\sum_j M_{jj}v_j-\sum_j\log v_j-\log\det M-k\big)$. Its derivative in $v_j$ is $\frac12(M_{jj}-1/v_j)$, so $v_j=1/M_{jj}$ is best, and what is missed is $\frac12(\sum_j\log M_{jj}-\log\det M)$: zero only if $M$ is diagonal (Hadamard's inequality, not proved here), that is, if the columns of $W$ are orthogonal.
#
# A heavier KL, weighted with $\beta>1$ (Higgins et al. 2017), makes the preference stronger. Divide that loss by $\beta$: what remains is the squared error over $2\beta s^2$ plus the KL, an ordinary VAE whose pixels have the variance $\beta s^2$. So at its optimum the columns have lengths $\sqrt{\lambda_j-\beta s^2}$ and $q$ has the precision $I+W^\top W/(\beta s^2)$, in which $\beta$ is a common factor that cancels in the difference above. The loss counts it $\beta$ times: turning costs **exactly $\beta$ times as much**, as long as both latents are on ($\lambda_2>\beta s^2$).


# %%
def cost_of_turning(degrees, beta=1.0):
    """Of the loss, at the best linear model of this beta, whose q is diagonal."""
    a, s2 = np.radians(degrees), beta * left
    R = torch.tensor([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    W = torch.tensor(axes * np.sqrt(spectrum[:2] - s2)) @ R
    M = torch.eye(2).double() + W.T @ W / s2
    posterior = D.MultivariateNormal(torch.zeros(2).double(), precision_matrix=M)
    best = D.MultivariateNormal(torch.zeros(2).double(), torch.diag(1 / M.diagonal()))
    missed = 0.5 * (M.diagonal().log().sum() - M.logdet())
    check(f"{degrees} degrees, beta = {beta}: q misses (sum log M_jj - log det M) / 2",
          D.kl_divergence(best, posterior), missed, atol=1e-12)  # fmt: skip
    return beta * missed


best_W = torch.tensor(axes * np.sqrt(spectrum[:2] - left))  # (4, 2)
maps = torch.randn(100, 2, 2, generator=rng).double()
turned, bent = best_W @ torch.linalg.qr(maps).Q, best_W @ maps
check("W W' is the same after 100 rotations (or reflections) of the latent plane",
      turned @ turned.mT, (best_W @ best_W.T).expand(100, 4, 4), atol=1e-12,
      control={"100 invertible maps": bent @ bent.mT})  # fmt: skip
costs = [cost_of_turning(45, beta) for beta in (1.0, 2.0, 3.0)]
check("beta = 1, 2, 3: turning by 45 degrees costs beta times as much", costs,
      costs[0] * torch.tensor([1.0, 2.0, 3.0]), rtol=1e-6)  # fmt: skip
print(f"not turned {cost_of_turning(0):.3f}, by 45 degrees {costs[0]:.3f} nats; "
      f"second eigenvalue {spectrum[1]:.2f}, s^2 {left:.2f}")  # fmt: skip

# %% [markdown]
# In the linear case this is the core of **disentangling**: a preference for axes along which the data can be rebuilt independently, not for the causes that you have in mind. Two factors of equal strength leave it undecided (then $M$ is a multiple of $I$ at every angle), and without further assumptions no unsupervised method can know better (Locatello et al. 2019).

# %% [markdown] slide="subslide"
# **Blur.** Suppose the code cannot tell whether a stroke was in this column or in the next. Which picture should a Gaussian decoder put out? The one with the smallest expected squared error, and that is the *mean* $\bar x$ of the possible pictures: $\mathbb E\lVert x-\hat x\rVert^2=\mathbb E\lVert x-\bar x\rVert^2+\lVert\bar x-\hat x\rVert^2$, since the mixed term contains $\mathbb E(x-\bar x)=0$. Is it the fault of the VAE, or of Gaussian pixels? We compare, with equal layers and steps: a Gaussian VAE with 4 latents and with 32, a Bernoulli VAE with 4 (it learns from bits, drawn anew for every batch, and rebuilds the grey pictures), and a plain autoencoder with a code of 4 numbers. What counts is how much of the data's *edges*, squared steps from pixel to pixel, the reconstructions keep (three stored seeds, after 800 steps and after 2400; one run is repeated here).

# %%
blurred = data.results("vae_blur")
print(blurred)
unseen = torch.tensor(ink_test)


def edges(images):  # mean squared step between horizontal neighbours
    return (images.reshape(-1, 14, 14).diff(dim=2) ** 2).mean().item()


kept = {steps: [blurred.column("edges", kind=kind, steps=steps)
                for kind in recipe.BLURRED] for steps in (800, 2400)}  # fmt: skip
for kind, early, late in zip(recipe.BLURRED, *kept.values(), strict=True):
    print(f"{kind:26} edges kept:", *map("{:.2f}".format, early),
          " after 2400 steps:", *map("{:.2f}".format, late))  # fmt: skip

# %%
check("seed 0 again: edges kept", edges(gaussian(unseen)) / edges(unseen),
      kept[800][0][0], atol=0.03,
      control={"32 latents": kept[800][1][0],
               "2400 steps": kept[2400][0][0]})  # fmt: skip
for steps, bar in ((800, 0.5), (2400, 0.55)):
    gauss_4, gauss_32, bernoulli_4, code_4 = kept[steps]
    check(f"three kinds, 4 numbers, {steps} steps: at most {bar} of the edges, 3 seeds",
          np.concatenate([gauss_4, bernoulli_4, code_4]), bar, relation="<=",
          control={"32 latents": gauss_32})  # fmt: skip
rows = {"data": unseen[some]} | {k: blurred.arrays[k] / 255 for k in recipe.BLURRED}
title = "a short code blurs, under either likelihood"
figure = pictures.strips(rows, shape, title=title)
plots.show(figure,
    alt="Five rows of ten digits: data, and reconstructions by a "
    "Gaussian VAE with 4 latents and with 32, a Bernoulli VAE with 4 "
    "and an autoencoder with a code of 4. The three rows with a code "
    "of four numbers are smeared alike; the one with 32 latents is "
    "sharper.")  # fmt: skip

# %% [markdown]
# After 800 steps all three short codes lose more than half of the edges, the autoencoder as much as the Gaussian VAE; with the long code it is less, though still more than two fifths. After 2400 steps everything is sharper, and the autoencoder a little sharper than the two VAEs; but every short code still loses about half of the edges or more, and the long code about a third. So neither the VAE nor the Gaussian is to blame by itself: the results fit the calculation, a mean over what the code leaves open, and under a cross-entropy, too, the best output is a mean. (Not tested here: a GAN, notebook 12, has nothing to gain from averaging two possible strokes as long as its discriminator sees the smear; a diffusion model, notebook 17, averages too, but at each of many small steps.)

# %% [markdown] slide="slide"
# ## 8 · A tighter bound, and whose gap it is
#
# Draw $K$ values of $z$ from $q$ instead of one and average the *weights* $w_k = p(x,z_k)/q(z_k\mid x)$ before the logarithm: $\mathcal L_K=\mathbb E\left[\log\frac1K\sum_k w_k\right]$ (Burda et al. 2016). $K=1$ is the ELBO. Two facts:
#
# - *$\mathcal L_K\le\log p(x)$*: the mean inside is unbiased for $p(x)$, and Jensen does the rest.
# - *$\mathcal L_K$ never falls when $K$ is doubled*: split $2K$ weights into two halves. Their mean is the mean of the two halves' means, so by Jensen its logarithm is at least the mean of the two logarithms, whose expectation is $\mathcal L_K$. (This holds for *any* positive weights. That a computed bound rises therefore proves nothing about a model.)
#
# What is worth checking is where it goes (to $\log p(x)$, if the weights are bounded; proved by Burda et al., not here). In code the largest weight is taken out before $\exp$: for our hundred pictures $w$ is tiny (the exponent is printed below); with 784 pixels and an untrained network it is about $e^{-540}$ (each pixel has probability ½), and single precision rounds everything below $e^{-104}$ to zero.

# %%
log_w = []
for _ in range(256):  # 256 draws of z for each of the 100 pictures
    z = vae.reparametrize(mean_100, log_var_100, rng)
    log_p_xz = exact_plane.conditional_log_prob(x, z) + prior.log_prob(z).sum(1)
    log_w.append(log_p_xz - vae.log_normal(z, mean_100, log_var_100))
log_w = torch.stack(log_w)  # (256, 100)
print(f"half of all weights are below e^m, m ≈ {log_w.median():.0f}")
largest = log_w.max(0).values
by_hand = largest + (log_w - largest).exp().mean(0).log()
package = vae.importance_weighted_bound(log_w)
check("log-mean-exp by hand = coursekit", by_hand, package, rtol=1e-12)
ks = [1, 4, 16, 64, 256]
groups = [vae.importance_weighted_bound(log_w.reshape(k, 256 // k, 100)) for k in ks]
bounds = np.array([g.mean().item() for g in groups])
off = groups[-1][0] - log_p_100
check("K = 256: within 0.05 nats of log p(x), on average", off.mean(), 0.0, atol=0.05,
      control={"K = 1": bounds[0] - log_p_100.mean()})  # fmt: skip
figure = pictures.bound_by_samples(ks, bounds, log_p_100.mean().item())
plots.show(figure,
    alt="The importance-weighted bound against the number of samples: it "
    "rises steeply from the ELBO at one sample and comes very close "
    "to the dashed line of the exact log-likelihood at 256.")  # fmt: skip

# %% [markdown] slide="subslide"
# **Whose gap is it?** Two things are wrong with $q_\phi(z\mid x)$. A diagonal Gaussian may not have the posterior's shape: the *approximation gap*. And one network must answer at a glance, although each picture could be optimised separately: the *amortisation gap*. To separate them, optimise: for each of the hundred pictures of section 6 raise the ELBO over its own $\mu$ and $\log\sigma^2$, the decoder held fixed, by quadrature, so that nothing is random.

# %% tags=["nbval-ignore-output"]
import copy

own = [part.clone().requires_grad_() for part in (mean_100, log_var_100)]
optimizer = torch.optim.Adam(own, lr=0.1)
for _ in range(40):
    optimizer.zero_grad()
    (-plane_elbo(*own).sum()).backward()
    optimizer.step()
best_100 = plane_elbo(*own).detach()

# The encoder alone, trained for twice as many steps again; the decoder stays as it is.
tutored = copy.deepcopy(plane).float()
tutored.encoder.requires_grad_(True)
more = {"batch_size": 128, "learning_rate": 4e-3, "schedule": "cosine", "device": "cpu"}
fit(tutored, x_train, n_steps=1600, seed=3, **more)
later_100 = plane_elbo(*tutored.double().encode(x)).detach()

# %%
total, lost = (log_p_100 - elbo_100).mean(), (best_100 - elbo_100).mean()
later, still_lost = (log_p_100 - later_100).mean(), (best_100 - later_100).mean()
print(f"gap ≈ {total:.2f} nats per picture, ≈ {lost / total:.0%} of it the encoder's; "
      f"after 1600 more steps ≈ {later:.2f}, ≈ {still_lost / later:.0%}")  # fmt: skip
check("a q of its own for each picture is still a bound", best_100, log_p_100,
      atol=0.02, relation="<=", theorem="Jensen")  # fmt: skip
check("each picture's own best Gaussian misses a third of the encoder's gap at most",
      total - lost, total / 3, relation="<=",
      control={"the encoder, trained for longer": later})  # fmt: skip
arrays = (a.numpy() for a in (log_p_100, best_100, elbo_100))
figure = pictures.gaps(*arrays, (log_p_100 - elbo_100).argsort().numpy())
plots.show(figure,
    alt="For a hundred pictures sorted by their gap, a stacked area: a "
    "thin grey layer that even the best Gaussian loses, and above it "
    "a thicker red layer that the encoder loses in addition, large "
    "for a few pictures.")  # fmt: skip

# %% [markdown]
# The gap is mostly the *encoder's*, and much of it comes from a few pictures. So it is, at least, for this model of two latents and these hundred pictures. Diagonal Gaussians would do much better than they do here; the network has not found the best ones. We count as the encoder's part what forty gradient steps per picture gain; if more steps gained more, that part would be larger still. Training the encoder alone for longer, with the decoder held fixed, closes about half of the gap; of the smaller gap that remains, about half is still the encoder's.
#
# **Beside another model, on the same bits.** A bound in nats can be compared with any other likelihood of the same bits. Notebook 08's machine, the RBM, has no such bound, but notebook 08 estimated its likelihood by annealed importance sampling. The results are stored, three seeds each.

# %%
beside = data.results("vae_beside")
print(beside)
for kind in dict.fromkeys(row["model"] for row in beside.rows):
    nats = beside.column("nats", model=kind)
    print(f"{kind:24}", *(f"{value:6.1f}" for value in nats))
then = beside.column("elbo", model="VAE of this notebook")[0]
check("seed 0, trained in section 5: ELBO as stored", bound(model), then, atol=0.5,
      control={"untrained": bound(young)})  # fmt: skip

# %% [markdown]
# The RBM, older and without any encoder, comes out best: four and a half nats above our small VAE, which trained for about a second on bits drawn once, and half a nat above a VAE that was given as much time as the RBM (30 CPU-seconds each, bits drawn anew for every batch). The half a nat is not certain. The VAEs' numbers are lower bounds (importance-weighted, 500 samples), so the truth may be higher; the RBM's is an estimate that tends to be too high. Both errors favour the RBM, and we have not measured whether they add up to half a nat. And what a likelihood does not say: the VAE draws an independent sample in one pass, the RBM at the end of a long chain.

# %% [markdown] slide="slide" says="**A mean for a sum.** A library takes the *mean* of the cross-entropy over 196 pixels, while the KL is summed. That is the ELBO with a $\\beta$ of 196 that was never written down."
# ## 9 · What goes wrong
#
# **A mean for a sum.** A library's default takes the *mean* of the cross-entropy over the 196 pixels; the KL is summed over the latents. Multiply that loss by 196, which moves no minimum: it is minus the ELBO with the KL weighed 196-fold, a $\beta$ that was never written down.

# %%
torch.manual_seed(1)
heavy = vae.VAE(196, 8, hidden=128, activation="silu", beta=196.0)
parts = heavy.elbo(batch, rng=rng.manual_seed(1))
careless = -(parts["reconstruction"] / 196).mean() + parts["kl"].mean()
with_beta = heavy.loss(batch, rng=rng.manual_seed(1))
check("196 x (mean cross-entropy + KL): beta = 196", 196 * careless, with_beta,
      rtol=1e-5, control={"beta = 1": -parts["elbo"].mean()})  # fmt: skip

# %% [markdown]
# What does a heavy $\beta$ do? It makes information expensive. Where a latent costs more nats than it saves, it is best to set $q(z_j\mid x)$ to the prior, at no cost, and the decoder learns to ignore it. This is **posterior collapse**. A latent is called *active* if its mean $\mu_j(x)$ varies over the data (variance above 0.01). Eight values of $\beta$, three seeds each, are stored.

# %% tags=["nbval-ignore-output"]
runs = data.results("vae_beta")
shown = {}
for beta in (0.1, 0.5, 1.0, 2.0, 4.0, 16.0):
    images = runs.arrays[f"beta {beta:g}"] / 255
    keys = ("reconstruction", "kl", "elbo", "active")
    shown[beta] = {key: runs.column(key, beta=beta)[0] for key in keys}
    shown[beta] |= {"rebuilt": images[:10], "samples": images[10:]}
explorers.beta_explorer(shown, x_test[some].numpy(), shape)

# %%
print(runs)
frame = partial(explorers.beta_frame, shown, x_test[some].numpy(), shape)
widgets.static_frames(frame, [{"beta": 0.1}, {"beta": 1.0}, {"beta": 16.0}],
    alt="Three positions of the explorer. With beta 0.1 the KL is 20 "
    "nats and the digits are rebuilt in firm strokes; with beta 1 it "
    "is 7 nats and they are softer; with beta 16 it is zero and "
    "every picture is the same grey ghost.")  # fmt: skip

# %%
elbo_at = {b: runs.column("elbo", beta=b) for b in runs.column("beta")}  # all eight
others = {f"beta {b:g}": elbo for b, elbo in elbo_at.items() if b != 1}
check("beta = 1 has the best test ELBO of eight: above -43, 3 seeds", elbo_at[1.0],
      -43.0, relation=">=", control=others)  # fmt: skip
check("beta = 16: all 8 latents collapse, 3 seeds", runs.column("active", beta=16.0), 0,
      control={"beta = 1": runs.column("active", beta=1.0)})  # fmt: skip
check("the mean-for-sum slip: all collapse", runs.column("active", beta=196.0), 0,
      control={"beta = 4": runs.column("active", beta=4.0)})  # fmt: skip
check("beta = 16, seed 0 again: ELBO", bound(collapsed), elbo_at[16.0][0], atol=0.3,
      control={"beta = 1": elbo_at[1.0][0]})  # fmt: skip
print(f"independent pixels have {floor:.1f} nats")

# %% [markdown]
# Neither end is a good model. With $\beta=0.1$ the copies are firm, but they cost more nats of KL than they save in reconstruction: the ELBO is lower. With $\beta=16$ every picture is the same ghost, and the ELBO is about that of independent pixels. No error message appeared. (Two common remedies for collapse: start with $\beta=0$ and raise it during training, *KL annealing*; or do not charge for the first few nats of each latent, *free bits*.)

# %% [markdown] slide="subslide"
# **A pixel variance that was never chosen.** A common VAE loss on grey pictures in $[0,1]$ is half the squared error plus KL. By the formula of section 7 that means $s^2=1$; without the half it means $s^2=\tfrac12$.
#
# **Predict before you run:** the four eigenvalues of the states are 2.5, 1.0, 0.4 and 0.2, roughly. How many of four linear latents will be used if s² is fixed at 1.5? At 0.6? And on the grey 8 × 8 digits of notebook 10, scaled to [0, 1], where the largest eigenvalue is 0.7, with s² = 1?
#
# <details><summary>Answer</summary>
# By probabilistic PCA the column for the eigenvalue λ has the length √(λ − s²), and length 0 if λ is smaller. So a latent survives only where the data vary more than the assumed noise: count the eigenvalues above s². That is one, two, and for the digits none.
# </details>

# %% tags=["nbval-ignore-output"]
small_digits = torch.tensor(data.digits().x / 16).float()
copies = states.float().repeat(10, 1)  # each with noise of its own: a calmer gradient


def codes_with(x, s2, seed, n_steps):
    torch.manual_seed(seed)
    m = vae.VAE(x.shape[1], 4, **gauss, observation_variance=s2)
    fit(m, x, n_steps=n_steps, batch_size=500, seed=seed, **settings)
    return [part.detach() for part in m.encode(x)]


on_states = {}
for s2 in (1.5, 0.6, 0.05):
    on_states[s2] = [codes_with(copies, s2, seed, 400) for seed in range(3)]
on_digits = [codes_with(small_digits, 1.0, seed, 300)[0] for seed in range(3)]

# %%
for s2, runs_of_seeds in on_states.items():
    counted = [vae.active_units(mean).sum() for mean, _ in runs_of_seeds]
    expected = int((spectrum > s2).sum())
    claim = f"s^2 = {s2}: active latents = eigenvalues above it = {expected}, 3 seeds"
    check(claim, counted, expected)
ghosts = [mean.var(0).max() for mean in on_digits]
check("digits, s^2 = 1: no latent's mean varies by more than 0.05", ghosts, 0.05,
      relation="<=",
      control={"states, 0.6": on_states[0.6][0][0].var(0).max()})  # fmt: skip
digit_spectrum = pca.PCA().fit(small_digits.numpy()).explained_variance_
check("as none of their eigenvalues is that large", digit_spectrum.max(), 1,
      relation="<=", control={"of the states": spectrum.max()})  # fmt: skip
for name, values in (("states", spectrum), ("digits", digit_spectrum[:4])):
    print(f"largest eigenvalues, {name}:", ", ".join(f"{v:.2f}" for v in values))
carried = {}
for s2, runs_of_seeds in on_states.items():
    mean, log_var = runs_of_seeds[0]
    per_latent = 0.5 * (mean**2 + log_var.exp() - 1 - log_var).mean(0)
    carried[s2] = per_latent.sort(descending=True).values.numpy()
figure = pictures.switched_off(spectrum, list(carried.items()))
plots.show(figure,
    alt="Left, the four eigenvalues of the states with dashed levels at "
    "1.5, 0.6 and 0.05: one eigenvalue is above the first, two above "
    "the second, all above the third. Right, the KL of each of four "
    "latents: one, two and four of them are above zero.")  # fmt: skip

# %% [markdown]
# Half the squared error + KL on small digits in $[0,1]$ leaves next to nothing in a linear code. No latent's mean varies by more than 0.05, and probabilistic PCA predicts that none varies at all. Without the half, $s^2=\tfrac12$: three of the printed eigenvalues are above it, and three latents can come back. With the *mean* over 64 pixels $s^2$ is 32, and none can. The cure is to choose $s^2$ on purpose, or to learn it.

# %% [markdown] slide="subslide"
# **exp(log_var) used as a standard deviation.** The network puts out log-variances; the sampler must use $\exp(\ell/2)$. Forget the half and, where $\ell<0$, the draws are *narrower* than the $q$ that the KL charges for. What is computed is then no longer a bound.

# %%
ells = torch.linspace(-5, -0.5, 46, dtype=torch.float64)


def bound_with(std):
    z = 0.06 + std[:, None] * nodes
    reconstruction = log_likelihood(points[0], z[..., None]) @ weights / weights.sum()
    return reconstruction - 0.5 * (0.06**2 + ells.exp() - 1 - ells)


right, slip = bound_with((0.5 * ells).exp()), bound_with(ells.exp())
check("with exp(log_var / 2): never above log p(x)", right, log_p[0], relation="<=",
      control={"exp(log_var), at its highest": slip.max()})  # fmt: skip
print(f"with exp(log_var): up to {slip.max() - log_p[0]:.2f} nats above log p(x)")

# %% [markdown]
# A test log-likelihood that is too good to be true may have this cause. Compare the bound with the exact $\log p(x)$ on a small model, as here, and the slip shows.

# %% [markdown] slide="slide"
# ## 10 · Summary
#
# | Claim | Where it was checked | Code in [`vae/model.py`](../coursekit/vae/model.py) |
# | --- | --- | --- |
# | naive Monte Carlo of p(x) is unbiased, its logarithm far off where few draws land | section 1 | |
# | ELBO + KL(q ‖ posterior) = log p(x), derived for any q, computed for random Gaussian ones | section 2, and 6 on digits | `VAE.elbo` |
# | tight when q is the posterior | section 2 | |
# | closed-form KL = Monte Carlo = torch.distributions | section 3 | `gaussian_kl` |
# | log p(x given z) = minus cross-entropy, summed; on grey pixels it is no likelihood | section 3 | `log_bernoulli` |
# | gradients in mean and log-variance: both estimators unbiased; here the reparametrised one is less noisy | section 4 | `reparametrize` |
# | the step by hand = coursekit; sampling in three steps | section 5 | `VAE.loss`, `VAE.sample` |
# | mean KL = information + misfit to the prior | section 6 | |
# | the linear VAE finds the principal plane and its noise | section 7 | `observation_variance` |
# | the bound prefers axes, beta times as much; the likelihood, through W Wᵀ, does not | section 7 | |
# | a short code blurs under either likelihood | section 7 | [`recipe.rebuilder`](../coursekit/vae/recipe.py) |
# | with 256 importance weights the bound comes within 0.05 nats of log p(x) | section 8 | `importance_weighted_bound` |
# | for two latents, on a hundred pictures, most of the gap is amortisation; more training of the encoder about halves it (one seed) | section 8 | |
# | collapse: counted, and for linear networks predicted | section 9 | `active_units` |
#
# ### Five questions
#
# <details><summary>1. q is the exact posterior for every x. What is the ELBO, and is the model then good?</summary>
# It equals log p(x). The model may still be poor: a tight bound on a low likelihood.
# </details>
#
# <details><summary>2. What are mean and log-variance of q if the KL to the prior is zero?</summary>
# Both zero, for every latent: q is the prior and says nothing about x.
# </details>
#
# <details><summary>3. Why may the noise not be shared by all pictures of a batch?</summary>
# The estimate stays unbiased, but what the pictures' errors have in common no longer averages out, however large the batch.
# </details>
#
# <details><summary>4. One paper reports an ELBO, another an importance-weighted bound with 5000 samples. Which number is higher for the same model?</summary>
# The second, unless q is the posterior; the two must not be compared.
# </details>
#
# <details><summary>5. You double all pixel values and keep the Gaussian variance at 1. What happens to the number of active latents?</summary>
# Eigenvalues grow fourfold, the threshold stays: more latents can become active. The unit of the data is part of the model.
# </details>
#
# **Homework:** [`hw11_vae_elbo`](homework/release/hw11_vae_elbo/hw11_vae_elbo.ipynb): the KL between two Gaussians, the bound with a learned variance, importance weights without underflow, and a training step with faults. The [solutions](../notebooks/homework/source/hw11_vae_elbo/hw11_vae_elbo.ipynb) are in a folder of their own.
#
# **References.** D. Kingma and M. Welling (2014), *Auto-encoding variational Bayes*. D. Rezende, S. Mohamed and D. Wierstra (2014), *Stochastic backpropagation and approximate inference in deep generative models*. M. Tipping and C. Bishop (1999), *Probabilistic principal component analysis*. Y. Burda, R. Grosse and R. Salakhutdinov (2016), *Importance weighted autoencoders*. M. Hoffman and M. Johnson (2016), *ELBO surgery*. I. Higgins et al. (2017), *beta-VAE*. J. Tomczak and M. Welling (2018), *VAE with a VampPrior*. C. Cremer, X. Li and D. Duvenaud (2018), *Inference suboptimality in variational autoencoders*. G. Loaiza-Ganem and J. Cunningham (2019), *The continuous Bernoulli*. J. Lucas et al. (2019), *Don't blame the ELBO!* F. Locatello et al. (2019), *Challenging common assumptions in the unsupervised learning of disentangled representations*.
