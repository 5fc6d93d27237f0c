# ---
# jupyter:
#   coursekit:
#     cpu_seconds: 55
#     minutes: 120
# ---

# %% [markdown] slide="slide"
# # 11 · The variational autoencoder: a bound you can check to the last digit
#
# **After this notebook you can** say what a latent variable model is and why its likelihood is hard to compute, derive the evidence lower bound in two ways, tell exactly how much it misses, send a gradient through a random draw, train a VAE line by line, read its latent space, and recognise the ways in which it goes wrong without an error message.
#
# **Time:** 120 minutes to work through; it runs in about 55 seconds. **You need:** Gaussian densities, expectations, logarithms, a neural network trained by gradient descent (notebook 10). **It follows** the variational autoencoder lectures of the *generative models deck* and of the *VAE and GAN class*; where a slide slips, the right form is named beside it.
#
# Every line that starts with ✓ is a claim that was computed on both sides just now, on your machine. If one fails, the notebook stops there.

# %%
import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import distributions as D
from torch.nn import functional as F

from coursekit import data, pca, plots, vae
from coursekit.checks import check

plots.use_course_style()

# %% [markdown] slide="slide" says="The causes of a picture are few (which digit, how slanted, how wide); its pixels are many.\n\nA **latent variable model** draws a few hidden numbers $z$ from a **prior** $p(z)=\\mathcal N(0,I)$, and then the picture from the **decoder** $p_\\theta(x\\mid z)$:"
# ## 1 · What made this picture?
#
# Somebody writes a digit. Before the pen touches the paper a few things are settled: which digit, how slanted, how wide. Nobody recorded them. We only see the pixels, and the pixels are many while the causes were few.
#
# A **latent variable model** tells this story in two steps. First draw a few hidden numbers, the *latents* $z$, from a fixed distribution $p(z)=\mathcal N(0,I)$, the **prior**. Then draw the picture $x$ from a distribution $p_\theta(x\mid z)$ that depends on them, the **decoder**, with parameters $\theta$. Both steps together give each picture a probability:
#
# $$p_\theta(x) \;=\; \int p_\theta(x\mid z)\,p(z)\,dz .$$
#
# We begin with one latent and pictures of two numbers, so that everything can be drawn and the integral can be done by brute force. The decoder bends the line into a wave, and adds noise of standard deviation 0.25.


# %%
def decode(z):  # (..., 1) -> (..., 2)
    return torch.cat([1.2 * z, torch.sin(2.5 * z)], dim=-1)


rng = torch.Generator().manual_seed(11)
noise_log_var = torch.tensor(0.25**2, dtype=torch.float64).log()
grid = torch.linspace(-12, 12, 2401, dtype=torch.float64)[:, None]  # (m, 1)
points = torch.tensor([[0.15, 0.1], [3.3, 0.5]], dtype=torch.float64)  # x_1 and x_2
z = torch.randn(600, 1, generator=rng, dtype=torch.float64)
draws = decode(z) + 0.25 * torch.randn(600, 2, generator=rng, dtype=torch.float64)

# %%
from coursekit.vae import pictures

near = grid[grid[:, 0].abs() <= 3]
plots.show(
    pictures.latent_curve(near[:, 0].numpy(), decode(near).numpy(), draws.numpy(), points.numpy()),
    alt="Left, the bell curve of the latent z. Right, a blue wave in the plane with grey sample points around it; "
    "the point x1 lies close to the wave in the middle, the point x2 on it near its right end, where samples are rare.",
)

# %% [markdown]
# One hidden number, and the cloud is a wave that no PCA could flatten. The samples crowd in the middle, since the prior does.

# %% [markdown] slide="subslide"
# **Why is $\log p(x)$ hard?** An integral is a mean: draw $z_1,\dots,z_S$ from the prior and average $p(x\mid z_s)$. Nothing could be more honest, since that average is unbiased. But most hidden numbers have nothing to do with *this* picture. It is like finding the author of a letter by asking strangers in the street.
#
# **Predict before you run:** with 100 draws a time, for which of the two points will the estimate of log p(x) scatter more?
#
# <details><summary>Answer</summary>
# For the one at the end of the wave. Few draws land where it could come from; most averages hold one or two useful terms, or none.
# </details>


# %%
def log_p_x_given_z(x, z):  # x (2,), z (..., 1) -> (...,)
    return vae.log_normal(x, decode(z), noise_log_var)


def integral(values):  # over the grid, along the last axis; exact to many digits for smooth tails
    return torch.trapezoid(values, grid[:, 0])


log_prior = D.Normal(0.0, 1.0).log_prob(grid[:, 0])
log_joint = torch.stack([log_p_x_given_z(x, grid) for x in points]) + log_prior  # (2, m)
log_p = integral(log_joint.exp()).log()  # (2,), the truth
log_p_wave = log_p[0]
z = torch.randn(1000, 100, 1, generator=rng, dtype=torch.float64)
naive = torch.stack([log_p_x_given_z(x, z) for x in points])  # (2, 1000, 100): 1000 estimates of 100 draws
means = naive.exp().mean(2)  # (2, 1000)
check("naive Monte Carlo of p(x) is unbiased", means.mean(1), log_p.exp(), se=means.std(1) / np.sqrt(1000))
logs = naive.logsumexp(2) - np.log(100)  # (2, 1000)
scatter = logs.std(1)
check("its logarithm scatters at least 10 times as much at the end", scatter[1] / scatter[0], 10.0, relation=">=")  # fmt: skip
missed = (logs[1] < log_p[1] - 10).double().mean()
check("and there misses by more than 10 nats at least once in five runs", missed, 0.2, relation=">=")
plots.show(
    pictures.estimates(
        logs.numpy(), log_p.numpy(),
        ["$x_1$, in the middle", "$x_2$, at the end: often far too low"], xlabel="estimate of log p(x), nats",
    ),
    alt="Two histograms of a thousand estimates of log p(x). For x1 they gather closely around the true value; "
    "for x2 they spread over many nats, far below it.",
)  # fmt: skip

# %% [markdown]
# Look at the right panel: the *average* of $p(x)$ is right, yet the estimates of its *logarithm* have a long tail to the left: many a run has seen no useful $z$ at all, and misses by ten *nats* and more. (A nat is the unit of a natural logarithm: ten of them are a factor of $e^{10}$, twenty thousand.) And this is one latent. With twenty, the useful region is a needle in a haystack. We need somebody who looks at $x$ and tells where to search.

# %% [markdown] slide="slide"
# ## 2 · A guess, and a bound with a known gap
#
# That somebody is a second distribution $q(z\mid x)$, the **guess**. The right answer to "which $z$ made $x$?" is the posterior $p(z\mid x) = p(x\mid z)\,p(z)/p(x)$; we cannot compute it, because of $p(x)$ below. So $q$ may be anything. Two derivations show what it is good for.
#
# **First, by Jensen's inequality.** Multiply and divide by $q$, and the integral is a mean over $q$. The logarithm is concave, so the logarithm of a mean is at least the mean of the logarithms:
#
# $$\log p(x) = \log \mathbb E_{q}\!\left[\frac{p(x\mid z)\,p(z)}{q(z\mid x)}\right] \;\ge\; \mathbb E_{q}\!\left[\log \frac{p(x\mid z)\,p(z)}{q(z\mid x)}\right] = \underbrace{\mathbb E_q[\log p(x\mid z)]}_{\text{reconstruction}} - \underbrace{\mathrm{KL}(q(z\mid x)\,\|\,p(z))}_{\text{price of the guess}} .$$
#
# The right side is the **ELBO**, the evidence lower bound. The first term asks that the guessed $z$ explain $x$; the second, the Kullback-Leibler divergence $\mathrm{KL}(q\|p)=\mathbb E_q[\log q - \log p]$, charges for every nat by which the guess is more specific than the prior.

# %% [markdown] slide="fragment"
# **Second, without any inequality.** Bayes' rule holds for every single $z$: $\log p(x) = \log p(x\mid z) + \log p(z) - \log p(z\mid x)$. Add and subtract $\log q(z\mid x)$, and average over $q$. The left side has no $z$ in it, so it stays:
#
# $$\log p(x) \;=\; \mathbb E_q[\log p(x\mid z)] \;-\; \mathrm{KL}(q(z\mid x)\,\|\,p(z)) \;+\; \mathrm{KL}(q(z\mid x)\,\|\,p(z\mid x)) .$$
#
# Three terms, an *identity*. The last is never negative, so Jensen's bound follows; and now we know what it misses: exactly the divergence of the guess from the posterior. We ask this of a thousand random Gaussian guesses for $x_1$. The KL to the prior comes from a closed formula, the other two terms from the grid.

# %%
mean = 2 * torch.rand(1000, 1, generator=rng, dtype=torch.float64) - 1
log_var = 7 * torch.rand(1000, 1, generator=rng, dtype=torch.float64) - 6
guess = D.Normal(mean, (0.5 * log_var).exp())
log_q = guess.log_prob(grid[:, 0])  # (1000, m)
q = log_q.exp()
reconstruction = integral(q * log_p_x_given_z(points[0], grid))
price = D.kl_divergence(guess, D.Normal(0.0, 1.0))[:, 0]
gap = integral(q * (log_q - (log_joint[0] - log_p[0])))
elbo = reconstruction - price
check("ELBO + KL(q || posterior) = log p(x), for 1000 guesses", elbo + gap, log_p[0], atol=1e-6)
check("the ELBO is below log p(x) for every one of them", elbo, log_p[0], relation="<=")
best = int(elbo.argmax())
chosen = [
    int((mean.abs() + (log_var - 0.9).abs()).argmin()),
    int((mean - 0.8).abs().add((log_var + 2).abs()).argmin()),
    best,
]
plots.show(
    pictures.guesses(
        grid[:, 0].numpy(), (log_joint[0] - log_p[0]).exp().numpy(), [q[i].numpy() for i in chosen],
        [(elbo[i].item(), gap[i].item()) for i in chosen], log_p[0].item(),
        ["too wide", "in the wrong place", "best of 1000"],
    ),
    alt="Three guesses drawn over the same grey posterior: one far too wide, one beside it, one nearly equal to "
    "it. Blue bars below show how far the bound lies under log p(x): far, far, and almost not at all.",
)  # fmt: skip

# %% [markdown]
# The bar's length *is* the divergence from the posterior. The check sees that the sum is the same for every guess; that this number is $\log p(x)$, the draws of section 1 have confirmed, and the next cell does it without a grid.
#
# So raising the ELBO does two jobs at once: in $q$ it brings the guess to the posterior, since the left side $\log p(x)$ does not depend on $q$; in $\theta$ it raises the likelihood, or tightens the bound.

# %% [markdown] slide="subslide"
# **With paper and pencil.** If the decoder is linear, $x = Wz + b + \text{noise}$ with noise variance $s^2$, all the integrals are Gaussian: $p(x)=\mathcal N(b,\,WW^\top + s^2 I)$, and the posterior is Gaussian with covariance $C=(I+W^\top W/s^2)^{-1}$ and mean $C\,W^\top(x-b)/s^2$. So the identity must hold to the last digit, in any dimension, for any Gaussian guess.

# %%
W, b, x = (torch.randn(*s, generator=rng, dtype=torch.float64) for s in ((5, 3), (5,), (5,)))
variance, eye = 0.3, torch.eye(3, dtype=torch.float64)
exact = D.MultivariateNormal(b, W @ W.T + variance * torch.eye(5, dtype=torch.float64)).log_prob(x)
C = torch.linalg.inv(eye + W.T @ W / variance)
posterior = D.MultivariateNormal(C @ W.T @ (x - b) / variance, C)


def exact_elbo(q):
    log_likelihood = vae.log_normal(x, W @ q.mean + b, torch.tensor(variance, dtype=x.dtype).log())
    spread = torch.trace(W @ q.covariance_matrix @ W.T) / (
        2 * variance
    )  # E of the squared error's random part
    return log_likelihood - spread - D.kl_divergence(q, D.MultivariateNormal(torch.zeros_like(q.mean), eye))


sums = []
for _ in range(100):
    A = torch.randn(3, 3, generator=rng, dtype=torch.float64)
    any_q = D.MultivariateNormal(torch.randn(3, generator=rng, dtype=torch.float64), A @ A.T + 0.1 * eye)
    sums.append(exact_elbo(any_q) + D.kl_divergence(any_q, posterior))
check(
    "linear decoder: ELBO + KL(q || posterior) = log p(x), 100 random q", torch.stack(sums), exact, rtol=1e-10
)
check("and the bound is tight when q is the posterior", exact_elbo(posterior), exact, rtol=1e-12)

# %% [markdown] slide="slide" says="The **encoder** returns for each latent a mean $\\mu_j$ and a **log-variance** $\\ell_j=\\log\\sigma_j^2$, which may be any real number. For this family the KL to the prior needs no integral:"
# ## 3 · What the networks put out
#
# A network is a function; how can it be a distribution? It puts out the *parameters* of one. The **encoder**, with parameters $\phi$, reads $x$ and returns $2k$ numbers for $k$ latents: the means $\mu_j$ and, since a variance must be positive and a network's output need not be, the **log-variances** $\ell_j=\log\sigma_j^2$. Then $q_\phi(z\mid x)=\mathcal N(\mu, \operatorname{diag}\sigma^2)$, independent in each latent. (Squaring works as well, $\sigma_j = a_j^2$ or $\sigma_j^2=a_j^2$; then $a_j$ and $-a_j$ mean the same guess, and near zero the KL has a pole to climb. With $\exp$ every real number means another guess.)
#
# For this family the KL to the prior needs no integral. $\mathbb E_q[z^2]=\mu^2+\sigma^2$, so
#
# $$\mathrm{KL} = \mathbb E_q\!\left[-\tfrac12 \log\sigma^2 - \tfrac{(z-\mu)^2}{2\sigma^2} + \tfrac{z^2}{2}\right] \text{ summed over latents} = \tfrac12\sum_{j=1}^k\left(\mu_j^2+\sigma_j^2-1-\log\sigma_j^2\right).$$


# %%
def kl_by_hand(mean, variance):
    return 0.5 * (mean**2 + variance - 1 - variance.log()).sum(-1)


mean, log_var = (torch.randn(6, 4, generator=rng, dtype=torch.float64) for _ in range(2))
q = D.Normal(mean, (0.5 * log_var).exp())
closed = kl_by_hand(mean, log_var.exp())
check("KL by hand = coursekit", closed, vae.gaussian_kl(mean, log_var), atol=1e-12)
check("KL by hand = torch.distributions", closed, D.kl_divergence(q, D.Normal(0.0, 1.0)).sum(-1), atol=1e-12)
a = torch.randn(6, 4, generator=rng, dtype=torch.float64)
squared = D.kl_divergence(D.Normal(mean, a.abs()), D.Normal(0.0, 1.0)).sum(-1)
check(
    "the same formula with a variance made positive by squaring", kl_by_hand(mean, a**2), squared, atol=1e-12
)
z = mean + (0.5 * log_var).exp() * torch.randn(50_000, 6, 4, generator=rng, dtype=torch.float64)
ratio = (q.log_prob(z) - D.Normal(0.0, 1.0).log_prob(z)).sum(-1)  # (50000, 6)
check(
    "KL = mean of log q - log p over draws from q", ratio.mean(0), closed, se=ratio.std(0) / np.sqrt(50_000)
)

# %% [markdown]
# One deck writes $\exp(\sigma)-(1+\sigma)+\mu^2$. What it calls $\sigma$ is the *log-variance*, and the factor ½ has gone. That is consistent only if the ½ of the squared error is dropped too: then the whole loss is twice ours, and has the same minimum. Beside a true log-likelihood, such as minus the cross-entropy, it weighs the KL double.

# %%
x_hat, x = (torch.randn(6, 9, generator=rng, dtype=torch.float64) for _ in range(2))
deck = ((x - x_hat) ** 2).sum(-1) + (log_var.exp() - (1 + log_var) + mean**2).sum(-1)
ours = vae.gaussian_kl(mean, log_var) - vae.log_normal(x, x_hat, torch.zeros(1, dtype=x.dtype))
check(
    "the deck's loss = 2 (minus ELBO), up to a constant", deck, 2 * ours - 9 * np.log(2 * np.pi), atol=1e-12
)

# %% [markdown] slide="subslide"
# The **decoder** returns the parameters of $p_\theta(x\mid z)$. For pixels that are 0 or 1 these are probabilities $\pi_i$, and pixels are independent *given* $z$: $\log p(x\mid z)=\sum_i \left[x_i\log\pi_i+(1-x_i)\log(1-\pi_i)\right]$. This is minus the binary cross-entropy, **summed** over the pixels: probabilities of independent pixels multiply, so their logarithms add. (Libraries default to the mean; section 9 shows what that does.)

# %%
logits = 3 * torch.randn(4, 64, generator=rng, dtype=torch.float64)
pixels = (torch.rand(4, 64, generator=rng) < 0.5).double()
cross_entropy = F.binary_cross_entropy_with_logits(logits, pixels, reduction="none")
one_by_one = torch.where(pixels == 1, logits.sigmoid(), 1 - logits.sigmoid()).prod(-1).log()
check(
    "log of the product of pixel probabilities = -BCE, summed", one_by_one, -cross_entropy.sum(-1), rtol=1e-10
)
check("and that is coursekit's log_bernoulli", vae.log_bernoulli(pixels, logits), one_by_one, rtol=1e-10)

# %% [markdown] slide="slide" says="**Reparametrize.** Roll the die outside and hand the result in: $z=\\mu+\\sigma\\varepsilon$ with $\\varepsilon\\sim\\mathcal N(0,I)$. Then $\\nabla_\\mu \\mathbb E[f(z)] = \\mathbb E[f'(\\mu+\\sigma\\varepsilon)]$.\n\n**The older way**, the *score function*, needs no derivative of $f$: $\\nabla_\\mu\\mathbb E_q[f(z)]=\\mathbb E_q[f(z)\\,\\nabla_\\mu\\log q(z)]$."
# ## 4 · A gradient through a die
#
# **Question.** The reconstruction term is a mean over $q_\phi$, estimated by drawing a $z$. How does its value change with $\mu$? The draw has happened; a drawn number has no derivative.
#
# **Reparametrize.** Do not roll the die inside the network. Roll it outside, and hand the result in: $z=\mu+\sigma\varepsilon$ with $\varepsilon\sim\mathcal N(0,I)$. The noise $\varepsilon$ knows no parameter, so for a fixed $\varepsilon$ this is an ordinary function, and the gradient passes: $\nabla_\mu \mathbb E[f(z)] = \mathbb E[f'(\mu+\sigma\varepsilon)]$.
#
# **The older way**, the *score-function* estimator, needs no derivative of $f$: $\nabla_\mu\mathbb E_q[f(z)]=\mathbb E_q[f(z)\,\nabla_\mu\log q(z)]$, with $\nabla_\mu \log q = (z-\mu)/\sigma^2$. It only learns from high and low values, as one who looks for the summit in fog by comparing heights. Both are unbiased. The question is how noisy.

# %%
mean = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
log_var = torch.tensor(-4.0, dtype=torch.float64)
q = D.Normal(mean, (0.5 * log_var).exp()).log_prob(grid[:, 0]).exp()
(truth,) = torch.autograd.grad(integral(q * log_p_x_given_z(points[0], grid)), mean)

n = 40_000
means = mean.detach().expand(n).clone().requires_grad_()
z = means + (0.5 * log_var).exp() * torch.randn(n, generator=rng, dtype=torch.float64)
value = log_p_x_given_z(points[0], z[:, None])
(pathwise,) = torch.autograd.grad(value.sum(), means)
score_function = (value * (z - means) / log_var.exp()).detach()
check("reparametrized gradient: unbiased", pathwise.mean(), truth, se=pathwise.std() / n**0.5)
check("score-function gradient: unbiased", score_function.mean(), truth, se=score_function.std() / n**0.5)
excess = (score_function - truth) ** 2 - (pathwise - truth) ** 2
check(
    "and its variance is larger, by more than 4 standard errors",
    excess.mean() - 4 * excess.std() / n**0.5,
    0,
    relation=">=",
)
print(
    f"the score function needs about {score_function.var() / pathwise.var():.0f} draws for one reparametrized"
)
plots.show(
    pictures.gradient_noise(pathwise.numpy(), score_function.numpy(), truth.item()),
    alt="Two histograms of single-sample gradients on one axis with the true gradient as a line. Those of the "
    "score function are spread far wider than the reparametrized ones.",
)

# %% [markdown]
# Both clouds have their mean on the line. Here $f=\log p(x\mid z)$ is smooth over the width of $q$, and the derivative is worth many draws. That is no theorem: an $f$ that wriggles many times within $\sigma$ turns the order round, and a constant subtracted from $f$ quietens the score function. (For discrete latents there is no $\varepsilon$ to pull out, and the score function returns.)

# %% [markdown] slide="slide" says="The data: digits of 8 × 8 pixels, each pixel a bit. One step of the algorithm, each line a thing we have derived:"
# ## 5 · Training, line by line
#
# All the parts are there. The data: digits of 8 × 8 pixels, each pixel drawn once to 0 or 1 with its ink as the probability, so that a likelihood in nats means something.

# %%
train, test = data.binarised(data.digits()).split()
x_train, x_test = (torch.tensor(part.x).float() for part in (train, test))  # (1437, 64), (360, 64)
shape = train.image_shape


def new_model(seed, n_latent, **options):
    torch.manual_seed(seed)
    return vae.VAE(64, n_latent, **({"hidden": (64,), "activation": "silu"} | options))


model = new_model(0, 8)

# %% [markdown]
# One step of the algorithm, each line a thing we have derived. A single draw of $z$ a picture is enough, since the mean over many pictures and many steps does the averaging.

# %% tags=["slide-code"]
batch = x_train[:128]
mean, log_var = model.encoder(batch).chunk(2, dim=-1)  # encode: two numbers a latent
noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(5))  # its own for each entry
z = mean + (0.5 * log_var).exp() * noise  # reparametrize
logits = model.decoder(z)  # decode
reconstruction = -F.binary_cross_entropy_with_logits(logits, batch, reduction="none").sum(-1)
kl = 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(-1)
loss = -(reconstruction - kl).mean()  # minus the ELBO, mean over the batch only; now a step of any optimiser

# %%
by_hand = torch.autograd.grad(loss, list(model.parameters()))
package = model.loss(batch, rng=torch.Generator().manual_seed(5))
check("loss by hand = coursekit", loss, package, rtol=1e-6)
theirs = torch.autograd.grad(package, list(model.parameters()))
ours, theirs = (torch.cat([part.flatten() for part in parts]) for parts in (by_hand, theirs))
check("every entry of its gradient, too", ours, theirs, atol=1e-5)
check("reconstruction - KL = the elbo that coursekit reports",
      model.elbo(batch, rng=torch.Generator().manual_seed(5))["elbo"], reconstruction - kl, rtol=1e-5)  # fmt: skip

# %% [markdown]
# So `fit` may do the loop. We train three seeds with eight latents, and for the maps of section 6 three with two; these get residual blocks and half as many steps again, so the two rows below differ in more than the latents. To judge a number of nats we need a floor: pixels that are independent of each other, each with its own frequency.

# %% tags=["nbval-ignore-output"]
from coursekit.training import fit


def trained(seed, n_latent, x=x_train, n_steps=600, **options):
    model = new_model(seed, n_latent, **options)
    fit(model, x, n_steps=n_steps, batch_size=128, learning_rate=5e-3, schedule="cosine", seed=seed)
    return model.requires_grad_(False)


def terms(model, x=x_test):  # mean over pictures and 5 draws of z, nats
    runs = [model.elbo(x, rng=torch.Generator().manual_seed(i)) for i in range(5)]
    return {key: np.mean([run[key].mean().item() for run in runs]) for key in runs[0]}


eight = [trained(seed, 8) for seed in range(3)]
flat = [trained(seed, 2, n_steps=900, residual=True) for seed in range(3)]
for name, models in (("8 latents", eight), ("2 latents", flat)):
    bounds = [terms(m)["elbo"] for m in models]
    print(f"{name}: test ELBO {np.mean(bounds):.2f} nats, spread {np.std(bounds):.2f}, seeds 0, 1, 2")

# %%
frequency = (x_train.sum(0) + 1) / (len(x_train) + 2)
floor = vae.log_bernoulli(x_test, frequency.logit().expand_as(x_test)).mean()
print(f"independent pixels: {floor:.1f} nats a test picture")
check("8 latents: test ELBO at least 2 nats above independent pixels, 3 seeds",
      [terms(m)["elbo"] for m in eight], floor + 2.0, relation=">=")  # fmt: skip
check(
    "2 latents: at least 1 nat above, 3 seeds", [terms(m)["elbo"] for m in flat], floor + 1.0, relation=">="
)

# %% [markdown] slide="subslide"
# **Sampling in three steps**: draw $z$ from the *prior*, not from $q$ (there is no $x$ to look at); decode it to probabilities; draw each pixel. Many pictures in papers stop after the second step and show the probabilities, which look smoother than any picture the model would draw.

# %%
model = eight[0]
seeded = torch.Generator().manual_seed(3)
z = torch.randn(16, 8, generator=seeded)  # 1. the prior
probability = model.decoder(z).sigmoid()  # 2. the decoder
drawn = (torch.rand(16, 64, generator=seeded) < probability).float()  # 3. the pixels
check("the three steps = coursekit's sample", drawn, model.sample(16, rng=torch.Generator().manual_seed(3)))
rebuilt = model.decode_mean(model.encode(x_test[:16])[0])
rows = [("data", x_test[:16]), ("rebuilt", rebuilt), ("2: decoded", probability), ("3: drawn", drawn)]
plots.show(
    pictures.strips([(label, images.numpy()) for label, images in rows], shape),
    alt="Four rows of sixteen small pictures: binary digits, their grey reconstructions which can be read better "
    "than the originals, decoded probabilities from the prior, and binary draws from them.",
)

# %% [markdown]
# The reconstructions are cleaner than the data: speckles are the pixels' own noise, which no latent explains. Among the samples some are digits and some lie between two. A Gaussian prior has no empty alleys between the kinds of digit, so the model must put something there.

# %% [markdown] slide="slide"
# ## 6 · A walk through the latent plane
#
# With two latents the whole code can be seen. Each test picture is placed at its mean $\mu(x)$; the colours are labels that the model was never given.

# %%
plane = flat[0]
codes = plane.encode(x_test)[0].numpy()
figure = pictures.latent_map(codes, test.labels, title="some kinds of digit find a place of their own, others share one")  # fmt: skip
plots.show(figure,
    alt="Scatter plot of the codes of the test digits in the latent plane, coloured by label. The 0s, 2s, "
    "4s, 6s and 7s have regions of their own, while 3s and 9s lie in one place, and 1s, 5s and 8s are mixed; dotted "
    "circles hold half and 95 per cent of the prior.")  # fmt: skip

# %% tags=["nbval-ignore-output"]
from coursekit.vae import explorers

explorers.latent_explorer(plane, codes, test.labels, shape)

# %%
from functools import partial

from coursekit import widgets

widgets.static_frames(
    partial(explorers.latent_frame, plane, codes, test.labels, shape),
    [{"z1": -1.2, "z2": 0.0}, {"z1": 1.2, "z2": 0.0}, {"z1": 0.0, "z2": -1.2}, {"z1": 0.0, "z2": 1.2}],
    alt="Four positions of the explorer: the marked point lies left, right, below and above the middle of the "
    "latent plane, and four different grey shapes are decoded there, the one on the right a plain 0.",
)

# %% [markdown]
# Two numbers are few: kinds that look alike to the decoder share a place. Drag slowly: the picture changes without a jump, since the decoder is continuous and the noise of $q$ has smeared each code over its neighbourhood during training. Below nearly the whole plane at once, spaced by quantiles of the prior, so that each tile stands for the same probability.

# %%
side = 15
at = D.Normal(0.0, 1.0).icdf(torch.linspace(0.02, 0.98, side))
tiles = torch.stack([torch.stack([a, b]) for b in at.flip(0) for a in at])  # (225, 2), top row first
plots.show(
    pictures.manifold(plane.decode_mean(tiles).numpy(), shape, side),
    alt="A grid of fifteen by fifteen decoded digits. Regions of zeros, sixes, fours, sevens and others pass "
    "smoothly into each other; at the borders the shapes are in between.",
)

# %% [markdown] slide="subslide"
# **Varying one latent, and walking between two digits.** Hold one coordinate and move the other; then join the mean code of the 2s and the mean code of the 6s by a straight line. Beside it the other straight line, through the pixels.

# %%
steps = torch.linspace(-2, 2, 12)[:, None]
t = torch.linspace(0, 1, 12)[:, None]
code_a, code_b = (torch.tensor(codes[test.labels == label].mean(0)) for label in (2, 6))
walks = {
    "vary $z_1$": plane.decode_mean(torch.cat([steps, 0 * steps], 1)),
    "vary $z_2$": plane.decode_mean(torch.cat([0 * steps, steps], 1)),
    "2 to 6 in z": plane.decode_mean((1 - t) * code_a + t * code_b),
    "in pixels": (1 - t) * plane.decode_mean(code_a[None]) + t * plane.decode_mean(code_b[None]),
}
plots.show(
    pictures.strips([(label, images.numpy()) for label, images in walks.items()], shape),
    alt="Four rows of twelve pictures. Varying either latent passes through several digits. The walk from two to "
    "six in the latent plane passes through other legible digits, the walk in pixels through double exposures.",
)

# %% [markdown]
# The mixture in pixels is a double exposure. The walk in $z$ goes through other shapes, each of them drawn with one pen.

# %% [markdown] slide="subslide"
# **Do the codes fill the prior?** Average the guesses over the pictures: $q(z)=\frac1n\sum_i q(z\mid x_i)$, the **aggregate posterior**. If it equals the prior, prior samples land where the decoder has learned. The mean KL splits into two parts with different meanings (Hoffman and Johnson 2016):
#
# $$\frac1n\sum_i \mathrm{KL}(q(z\mid x_i)\|p(z)) = \underbrace{\frac1n\sum_i \mathrm{KL}(q(z\mid x_i)\|q(z))}_{\text{what } z \text{ tells about which } x} + \underbrace{\mathrm{KL}(q(z)\|p(z))}_{\text{misfit to the prior}} .$$
#
# In two dimensions we can integrate on a grid, so this too is checked, for 100 test pictures, and with it the identity of section 2 for a *trained* network on real digits.

# %%
axis = torch.linspace(-6, 6, 201, dtype=torch.float64)
mesh = torch.cartesian_prod(axis, axis)  # (40401, 2)
cell = (axis[1] - axis[0]) ** 2
exact_plane, x = plane.double(), x_test[:100].double()
all_logits = exact_plane.decode(mesh)
log_decoder = x @ all_logits.T - F.softplus(all_logits).sum(1)  # (100, 40401), Bernoulli
log_prior = D.Normal(0.0, 1.0).log_prob(mesh).sum(-1)
log_p = (log_decoder + log_prior).logsumexp(1) + cell.log()  # (100,), exact up to quadrature


def log_q_on_mesh(mean, log_var):
    return sum(D.Normal(mean[:, [j]], (0.5 * log_var[:, [j]]).exp()).log_prob(mesh[:, j]) for j in (0, 1))


mean, log_var = exact_plane.encode(x)
log_q = log_q_on_mesh(mean, log_var)
q = log_q.exp() * cell
kl = vae.gaussian_kl(mean, log_var)
elbo = (q * log_decoder).sum(1) - kl
gap = (q * (log_q - (log_decoder + log_prior - log_p[:, None]))).sum(1)
check("trained on digits: ELBO + KL(q || posterior) = log p(x), 100 pictures", elbo + gap, log_p, atol=1e-6)
aggregate = vae.MixturePrior(2, len(x)).double().requires_grad_(False)  # with equal weights
aggregate.mean.copy_(mean)
aggregate.log_var.copy_(log_var)
log_aggregate = aggregate.log_prob(mesh)
information = (q * (log_q - log_aggregate)).sum(1).mean()
misfit = (log_aggregate.exp() * cell * (log_aggregate - log_prior)).sum()
check("mean KL = information + misfit of the aggregate posterior", kl.mean(), information + misfit, atol=1e-6)
check("information is at least twice the misfit", information, 2 * misfit, relation=">=")

# %% [markdown]
# (In code the aggregate posterior is a mixture, one Gaussian for each picture.) The identity holds for any density in the place of $p(z)$, and only the last term asks which. So for given guesses the best prior is the aggregate posterior itself: with it the misfit is zero, and the mean bound is higher by that much. Section 7 comes back to this.

# %% [markdown] slide="subslide"
# **Codes as features.** A mean $\mu(x)$ is a short description made without labels. Suppose that only 100 of the digits have labels. Is a linear classifier better off with the eight codes or with the 64 pixels?


# %% tags=["nbval-ignore-output"]
def accuracy(features_train, features_test, few):
    classifier = LogisticRegression(max_iter=2000).fit(features_train[few], train.labels[few])
    return classifier.score(features_test, test.labels)


few = [np.random.default_rng(seed).permutation(len(x_train))[:100] for seed in range(3)]
by_codes = [accuracy(m.encode(x_train)[0], m.encode(x_test)[0], f) for m, f in zip(eight, few, strict=True)]
by_pixels = [accuracy(x_train, x_test, f) for f in few]
print("told right, seeds 0, 1, 2: 8 codes", np.round(by_codes, 3), "64 pixels", np.round(by_pixels, 3))
check("8 codes and 100 labels: at least half of the test digits, 3 seeds", by_codes, 0.5, relation=">=")

# %% [markdown]
# The line above may surprise: for a linear classifier the pixels need not lose. The codes were chosen to rebuild pictures, and what rebuilds well need not separate classes. What one does get is eight numbers in place of 64, most of what matters, and no label spent on it.

# %% [markdown] slide="slide"
# ## 7 · Gaussian pixels: PCA again, and blur
#
# For grey pixels one takes $p(x\mid z)=\mathcal N(\hat x(z), s^2 I)$. Then $\log p(x\mid z) = -\frac{1}{2s^2}\lVert x-\hat x\rVert^2 - \frac d2\log(2\pi s^2)$: squared error with a scale. **The scale is not decoration.** It is the exchange rate between squared grey levels and nats, and it can be learned.
#
# **The linear VAE is probabilistic PCA.** With linear encoder and decoder the best likelihood is known (Tipping and Bishop 1999): the columns of $W$ span the principal subspace, and $s^2$ is the mean of the discarded eigenvalues. We train on the 50 states of notebook 01, by gradient steps and noise alone.

# %% tags=["nbval-ignore-output"]
states = torch.tensor(data.usarrests().x)
states = (states - states.mean(0)) / states.std(0, correction=0)
principal, linear = pca.PCA().fit(states.numpy()), []
for seed in range(3):
    torch.manual_seed(seed)
    m = vae.VAE(4, 2, hidden=(), likelihood="gaussian", observation_variance="learned").double()
    fit(m, states, n_steps=1200, batch_size=50, learning_rate=0.02, schedule="cosine", seed=seed)
    linear.append(m.requires_grad_(False))

# %%
angles = [
    pca.principal_angles(m.decoder[0].weight.numpy(), principal.components_[:2].T).max() for m in linear
]
check("the decoder spans the principal plane: largest angle in radians, 3 seeds", angles, 0.05, relation="<=")
left = principal.explained_variance_[2:].mean()
learned = [m.observation_log_var.exp().item() for m in linear]
check("learned variance = mean of the discarded eigenvalues, 3 seeds", learned, left, rtol=0.05)
weight = torch.tensor(principal.components_[:2].T * np.sqrt(principal.explained_variance_[:2] - left))
best = D.MultivariateNormal(torch.zeros(4).double(), weight @ weight.T + left * torch.eye(4).double())
reached = [m.log_likelihood(states, 50, rng=rng).mean() for m in linear]
check(
    "log-likelihood = that of the closed-form solution, within 0.05 nats",
    reached,
    best.log_prob(states).mean(),
    atol=0.05,
)

# %% [markdown] slide="subslide"
# **Why the axes mean something, sometimes.** Turn the latent space by an angle, $W\to WR$. The prior is round, so $p(x)$ cannot notice. The *bound* can: its guess is a diagonal Gaussian, and only if the columns of $W$ are orthogonal is the posterior diagonal too. Turned, the best diagonal guess has variances $1/M_{jj}$ with $M=C^{-1}$ and misses $\frac12(\sum_j\log M_{jj}-\log\det M)$. So the ELBO prefers one set of axes, here the principal ones, whereas the likelihood has no preference.

# %%
missed = []
for degrees in (0, 20, 45):
    turn = torch.tensor(np.radians(degrees))
    turned = weight @ torch.stack(
        [torch.stack([turn.cos(), -turn.sin()]), torch.stack([turn.sin(), turn.cos()])]
    )
    M = torch.eye(2).double() + turned.T @ turned / left
    diagonal = D.MultivariateNormal(torch.zeros(2).double(), torch.diag(1 / M.diagonal()))
    missed.append(
        D.kl_divergence(diagonal, D.MultivariateNormal(torch.zeros(2).double(), precision_matrix=M))
    )
    check(f"turned by {degrees} degrees: p(x) is the same", turned @ turned.T, weight @ weight.T, atol=1e-12)
    check("  best diagonal guess misses half of (sum log M_jj - log det M)",
          missed[-1], 0.5 * (M.diagonal().log().sum() - M.logdet()), atol=1e-12)  # fmt: skip
print("nats lost by turning 0, 20 and 45 degrees:", " ".join(f"{abs(m.item()):.3f}" for m in missed))
heavier = []
for beta in (1, 2, 4):  # the best guess then has the precision I + W'W / (beta s^2)
    M = torch.eye(2).double() + turned.T @ turned / (beta * left)
    heavier.append(beta * 0.5 * (M.diagonal().log().sum() - M.logdet()))
print("cost in the loss at 45 degrees, beta = 1, 2 and 4:", " ".join(f"{m.item():.3f}" for m in heavier))

# %% [markdown]
# This is the honest core of **disentangling**. A heavier KL, $-\mathbb E_q[\log p(x\mid z)]+\beta\,\mathrm{KL}$ with $\beta>1$ (Higgins et al. 2017), makes the preference stronger: at 45 degrees the turn costs more at $\beta=2$ and at 4. It is a preference for axes that rebuild independently, not for the causes that you have in mind: two factors of equal strength leave it undecided, and without further assumptions no unsupervised method can know better (Locatello et al. 2019).

# %% [markdown] slide="subslide"
# **Blur.** Suppose the code cannot tell whether a stroke was in this column or in the next. Which picture should a Gaussian decoder put out? The one with the smallest expected squared error, and that is the *mean* of the two.

# %%
stroke = np.zeros((8, 8))
stroke[1:7, 3] = 1
options = np.stack([stroke.ravel(), np.roll(stroke, 1, axis=1).ravel()])
average = options.mean(axis=0)
rivals = average + np.random.default_rng(0).normal(size=(1000, 64)) * 0.2
rivals = np.vstack([rivals, options])  # the two sharp pictures are rivals too
errors = ((rivals[:, None] - options) ** 2).sum(axis=2).mean(axis=1)
check("no picture has a smaller expected squared error than the blurred mean", errors,
      ((average - options) ** 2).sum(axis=1).mean(), relation=">=")  # fmt: skip
plots.show(
    pictures.averages([*options, average], ["may be this", "or this", "best answer: a smear"], shape),
    alt="Three small pictures: a vertical stroke, the same stroke one column to the right, and their mean, a "
    "stroke of double width in half the darkness.",
)

# %% [markdown]
# And in training? Grey digits, four latents, $s^2 = 0.03$, three seeds. We compare the *edges*, squared steps from pixel to pixel, of reconstructions and data.

# %% tags=["nbval-ignore-output"]
grey_train, grey_test = (torch.tensor(part.x / 16).float() for part in data.digits().split())
options = {"likelihood": "gaussian", "observation_variance": 0.03}
grey = [trained(seed, 4, grey_train, **options) for seed in range(3)]


def contrast(images):  # mean squared step between horizontal neighbours
    return (images.reshape(-1, 8, 8).diff(dim=2) ** 2).mean().item()


sharpness = [contrast(m.decode_mean(m.encode(grey_test)[0])) / contrast(grey_test) for m in grey]
print(f"edges of the reconstructions: {np.mean(sharpness):.0%} of the data's, spread {np.std(sharpness):.1%}")

# %%
check("reconstructions have at most 85 % of the data's edges, 3 seeds", sharpness, 0.85, relation="<=")
means = grey[0].decode_mean(grey[0].encode(grey_test[:12])[0])
noisy = means + np.sqrt(0.03) * torch.randn(means.shape, generator=rng)
plots.show(
    pictures.strips([("data", grey_test[:12].numpy()), ("mean", means.numpy()), ("a draw", noisy.numpy())], shape),
    alt="Three rows of twelve pictures: grey digits, their smooth reconstructions, and the same with the pixel noise "
    "that the model believes in.",
)  # fmt: skip

# %% [markdown]
# The mean is smooth and the draw is full of grain: by its own words the model explains the missing edges as noise. A GAN (notebook 12) has nothing to gain from averaging two possible strokes: its critic would see the smear.

# %% [markdown] slide="subslide"
# **A prior that learns.** Section 6 found a price that buys nothing, the misfit. To use the mean of all guesses as the prior would be costly, and learning by heart; a mixture of a few Gaussians, $p(z)=\sum_k w_k\,\mathcal N(z;\, m_k, \operatorname{diag} v_k)$, can follow it while everything learns (Tomczak and Welling 2018). Its KL has no closed form, but $\log q(z\mid x)-\log p(z)$ at the drawn $z$ is an unbiased estimate of it, and gradients pass through that $z$ as before. Twenty components; seeds, steps and networks as above.

# %% tags=["nbval-ignore-output"]
mixed = [trained(seed, 4, grey_train, **options, prior_components=20) for seed in range(3)]
pairs = list(zip(grey, mixed, strict=True))
gains = [terms(m, grey_test)["elbo"] - terms(g, grey_test)["elbo"] for g, m in pairs]
print("test ELBO gained, nats, seeds 0, 1, 2:", " ".join(f"{gain:.2f}" for gain in gains))
check("a learned prior gains at least 0.1 nats a test picture, 3 seeds", gains, 0.1, relation=">=")

seeded = torch.Generator().manual_seed(4)
drawn = [vae.reparametrize(*m.encode(grey_train), seeded)[:, :2].numpy() for m in pairs[0]]
prior = mixed[0].prior
learned = [part.numpy() for part in (prior.logits.softmax(0), prior.mean[:, :2], prior.log_var[:, :2].exp())]
standard = [np.ones(1), np.zeros((1, 2)), np.ones((1, 2))]
titles = ["N(0, I): two knots lie at its edge", "learned: the prior bends to them"]
plots.show(
    pictures.priors(list(zip(titles, drawn, (standard, learned), strict=True))),
    alt="Two scatter plots of the first two latents of the training digits, with lines of equal prior density. Left, the "
    "lines are circles, and two knots of codes lie at their upper edge; right, the lines bulge out to the two knots.",
)

# %% [markdown]
# The dots are draws of $q(z\mid x)$, one for each training digit, seen in two of the four latents; the lines join points of equal prior density. On the left a code in one of the upper knots pays for being unusual, on the right it does not. Samples come from the places where the codes are.

# %% [markdown] slide="slide"
# ## 8 · A tighter bound, and who is to blame for the gap
#
# Draw $K$ guesses in place of one and average the *weights* $w_k = p(x,z_k)/q(z_k\mid x)$ before the logarithm: $\mathcal L_K=\mathbb E\left[\log\frac1K\sum_k w_k\right]$ (Burda et al. 2016). $K=1$ is the ELBO. The mean inside is unbiased for $p(x)$, so by Jensen each $\mathcal L_K\le\log p(x)$; and more terms scatter less, so $\mathcal L_K$ rises. In code the largest weight is taken out before $\exp$: here $w$ is about $e^{-25}$, with 784 pixels it may be $e^{-500}$, and single precision rounds everything below $e^{-104}$ to zero.

# %%
samples, ks = [], [1, 4, 16, 64, 256]
for _ in range(256):  # log w for 256 guesses a picture
    z = vae.reparametrize(mean, log_var, rng)
    log_w = exact_plane.conditional_log_prob(x, z) + D.Normal(0.0, 1.0).log_prob(z).sum(-1)
    samples.append(log_w - vae.log_normal(z, mean, log_var))
log_w = torch.stack(samples)  # (256, 100)
largest = log_w.max(0).values
by_hand = largest + (log_w - largest).exp().mean(0).log()
check("log-mean-exp by hand = coursekit", by_hand, vae.importance_weighted_bound(log_w), rtol=1e-12)
groups = [vae.importance_weighted_bound(log_w.reshape(k, 256 // k, 100)) for k in ks]  # (256 / k, 100)
bounds = np.array([g.mean().item() for g in groups])
check(
    "the bound rises with K (the same draws in larger groups: exactly)", np.diff(bounds), 0.0, relation=">="
)
error = groups[-1][0] - log_p
check(
    "and with K = 256 it is below log p(x), up to its own noise",
    error.mean() - 4 * error.std() / 10,
    0.0,
    relation="<=",
)
check(
    "at K = 256 less than a tenth of the gap is left",
    log_p.mean() - bounds[-1],
    0.1 * (log_p.mean() - bounds[0]),
    relation="<=",
)

# %%
plots.show(
    pictures.bound_by_samples(ks, bounds, log_p.mean().item()),
    alt="The importance-weighted bound against the number of samples: it rises steeply from the ELBO at one sample "
    "and comes very close to the dashed line of the exact log-likelihood at 256.",
)

# %% [markdown] slide="subslide"
# **Whose gap is it?** Two things are wrong with $q_\phi(z\mid x)$. A diagonal Gaussian may not have the posterior's shape: the *approximation gap*. And one network must answer for all pictures at a glance, where one could think about each: the *amortisation gap*. To separate them, think: for each of 100 pictures raise the ELBO over its own $\mu$ and $\log\sigma^2$, the decoder held fixed. The mean over $q$ is taken with $8\times 8$ Gauss-Hermite points, so nothing is random.

# %%
nodes, weights = (torch.tensor(a) for a in np.polynomial.hermite_e.hermegauss(8))
lattice = torch.cartesian_prod(nodes, nodes)[:, None]  # (64, 1, 2)
weights = torch.cartesian_prod(weights, weights).prod(1) / (2 * np.pi)


def at_both_guesses(x):  # (100, 64): the ELBO at the encoder's guess, and at the picture's own
    glance = exact_plane.encode(x)
    own = [part.clone().requires_grad_() for part in glance]
    optimizer = torch.optim.Adam(own, lr=0.05)
    for _ in range(100):
        z = own[0] + (0.5 * own[1]).exp() * lattice  # (64, 100, 2)
        logits = exact_plane.decode(z.reshape(-1, 2)).reshape(64, 100, 64)
        own_elbo = weights @ vae.log_bernoulli(x.expand(64, -1, -1), logits) - vae.gaussian_kl(*own)
        optimizer.zero_grad()
        (-own_elbo.sum()).backward()
        optimizer.step()
    log_decoder = x @ all_logits.T - F.softplus(all_logits).sum(1)
    guesses = (glance, [part.detach() for part in own])
    return [(log_q_on_mesh(*g).exp() * cell * log_decoder).sum(1) - vae.gaussian_kl(*g) for g in guesses]


(elbo, best), (seen_elbo, seen_best) = (at_both_guesses(part) for part in (x, x_train[:100].double()))
check("thinking about each picture raises the mean bound", best.mean(), elbo.mean(), relation=">=")
check("and it is still a bound", best, log_p, relation="<=", atol=1e-6)
check("the median picture loses at most 0.2 nats to the glance", (best - elbo).median(), 0.2, relation="<=")
check("training pictures that lose more than 0.5: two or more", (seen_best - seen_elbo > 0.5).sum(), 2, relation=">=")  # fmt: skip
plots.show(pictures.gaps(log_p.numpy(), best.numpy(), elbo.numpy(), (log_p - elbo).argsort().numpy()),
    alt="For a hundred pictures sorted by their gap, a stacked area: a grey layer that even the best Gaussian "
    "loses, thin but for a few spikes, and above it a red layer that the encoder loses in addition, large for a few pictures.")  # fmt: skip

# %% [markdown]
# For most pictures a glance costs little. A few pay a lot, and not because they are new: among a hundred pictures of the *training* set some pay as well. One small network has to answer for all pictures at once.

# %% [markdown] slide="slide" says="**A mean for a sum.** A library takes the *mean* of the cross-entropy over 64 pixels, while the KL is summed. That is the ELBO with a $\\beta$ of 64 that nobody wrote down."
# ## 9 · What goes wrong
#
# **A mean for a sum.** A library's default takes the *mean* of the cross-entropy over 64 pixels; the KL is summed over the latents. Multiply that loss by 64, which moves no minimum: it is the ELBO with the KL weighed 64-fold, a $\beta$ that nobody wrote down. (Means over both, 64 pixels and 16 latents, make $\beta=4$.)

# %%
model = new_model(0, 8, beta=64.0)
parts = model.elbo(batch, rng=torch.Generator().manual_seed(1))
careless = -(parts["reconstruction"] / 64).mean() + parts["kl"].mean()
with_beta = model.loss(batch, rng=torch.Generator().manual_seed(1))
check("64 x (mean cross-entropy + KL) = the loss with beta = 64", 64 * careless, with_beta, rtol=1e-5)

# %% [markdown]
# What does a heavy $\beta$ do? It makes information expensive. Where a latent costs more nats than it saves, the best is to set $q(z_j\mid x)$ to the prior, at no price, and the decoder learns to ignore it. This is **posterior collapse**. A latent is called *active* if its mean varies over the data (variance above 0.01).

# %% tags=["nbval-ignore-output"]
runs = {}
for beta in (0.25, 0.5, 1.0, 2.0, 4.0, 64.0):
    seeds = range(3) if beta in (0.25, 4.0, 64.0) else range(1)
    models = eight if beta == 1.0 else [trained(seed, 8, beta=beta) for seed in seeds]
    first = models[0]
    rebuilt, draws = first.decode_mean(first.encode(x_test[:10])[0]), first.sample(10, rng=rng)
    runs[beta] = terms(first) | {"rebuilt": rebuilt.numpy(), "samples": draws.numpy()}
    runs[beta]["all_active"] = [int(vae.active_units(m.encode(x_test)[0]).sum()) for m in models]
    runs[beta] |= {f"all_{key}": [terms(m)[key] for m in models] for key in ("kl", "elbo")}
    runs[beta]["active"] = runs[beta]["all_active"][0]
    print(
        f"beta {beta:5}: active {runs[beta]['all_active']}, test ELBO of seed 0 {runs[beta]['elbo']:.1f} nats"
    )

# %% tags=["nbval-ignore-output"]
shown = {beta: runs[beta] for beta in (0.25, 0.5, 1.0, 2.0, 4.0)}
explorers.beta_explorer(shown, x_test[:10].numpy(), shape)

# %%
widgets.static_frames(
    partial(explorers.beta_frame, shown, x_test[:10].numpy(), shape),
    [{"beta": 0.25}, {"beta": 1.0}, {"beta": 4.0}],
    alt="Three positions of the explorer. With beta 0.25 the KL is 10 nats and the digits are rebuilt in firm strokes; "
    "with beta 1 it is 3.5 nats and they are softer; with beta 4 it is zero and every reconstruction is the same grey "
    "ghost. Samples are bits, and hard to judge by eye.",
)
check(
    "beta = 0.25 spends more nats on z than beta = 1, 3 seeds",
    runs[0.25]["all_kl"],
    max(runs[1.0]["all_kl"]),
    relation=">=",
)
ends = runs[0.25]["all_elbo"] + runs[4.0]["all_elbo"]
check("beta = 1: test ELBO 2 nats above both ends, all seeds", min(runs[1.0]["all_elbo"]), np.add(ends, 2), relation=">=")  # fmt: skip
check("beta = 4: all 8 latents collapse, 3 seeds", runs[4.0]["all_active"], 0)
check("the mean-for-sum slip (beta = 64): all collapse, 3 seeds", runs[64.0]["all_active"], 0)

# %% [markdown]
# Neither end is a good model: a light price buys fine copies with codes that the prior does not expect, a heavy one makes ghosts. The test ELBO of both is near that of independent pixels. Nothing crashed.

# %% [markdown] slide="subslide"
# **A pixel variance that nobody chose.** A common VAE loss on grey pictures in $[0,1]$ is half the squared error plus KL. By the formula of section 7 that means $s^2=1$; without the half it means $s^2=\tfrac12$.
#
# **Predict before you run:** the four eigenvalues of the states are 2.5, 1.0, 0.4 and 0.2, roughly. How many of four linear latents will be used if s² is fixed at 1.5? At 0.6? And on digits scaled to [0, 1], where the largest eigenvalue is 0.7, with s² = 1?
#
# <details><summary>Answer</summary>
# By probabilistic PCA the column for the eigenvalue λ has the length √(λ − s²), and length 0 if λ is smaller. So a latent survives only where the data vary more than the assumed noise: count the eigenvalues above s². That is one, two, and for the digits none.
# </details>

# %% tags=["nbval-ignore-output"]
fixed = {"hidden": (), "likelihood": "gaussian"}
used = {}
for variance in (1.5, 0.6, 0.05):
    used[variance] = []
    for seed in range(3):
        torch.manual_seed(seed)
        m = vae.VAE(4, 4, **fixed, observation_variance=variance)
        # Ten copies of each state, each with noise of its own: the same objective, a calmer gradient.
        copies = states.float().repeat(10, 1)
        fit(m, copies, n_steps=500, batch_size=500, learning_rate=0.02, schedule="cosine", seed=seed)
        used[variance].append(m.requires_grad_(False).encode(states.float()))
on_digits = [trained(seed, 8, grey_train, 600, **fixed, observation_variance=1.0) for seed in range(3)]

# %%
spectrum = principal.explained_variance_
for variance, codes_of_seeds in used.items():
    counted = [vae.active_units(mean).sum() for mean, _ in codes_of_seeds]
    expected = int((spectrum > variance).sum())
    check(f"s^2 = {variance}: active latents = eigenvalues above it = {expected}, 3 seeds", counted, expected)
ghosts = [m.encode(grey_train)[0].var(0).max() for m in on_digits]
check(
    "digits, s^2 = 1: no latent's mean varies by more than 0.05 of the prior, 3 seeds",
    ghosts,
    0.05,
    relation="<=",
)
digit_spectrum = pca.PCA().fit(grey_train.numpy()).explained_variance_
check("  as no eigenvalue is that large", digit_spectrum, 1, relation="<=")
check("  at s^2 = 1/2 three would be above it", (digit_spectrum > 0.5).sum(), 3)
kls = {v: 0.5 * (m[0] ** 2 + m[1].exp() - 1 - m[1]).mean(0) for v, (m, *_) in used.items()}
plots.show(
    pictures.switched_off(spectrum, [(v, kl.sort(descending=True).values.numpy()) for v, kl in kls.items()]),
    alt="Left, the four eigenvalues of the states with dashed levels at 1.5, 0.6 and 0.05: one eigenvalue lies above "
    "the first, two above the second, all above the third. Right, the KL of each of four latents: one, two and four "
    "of them are above zero.",
)

# %% [markdown]
# Half the squared error + KL on digits in $[0,1]$ learns *nothing* with a linear network, by a theorem. Without the half three latents come back; with the *mean* over 64 pixels $s^2$ is 32, and none can. The cure is to state $s^2$, or to learn it.

# %% [markdown] slide="subslide"
# **exp(log_var) used as a standard deviation.** The network puts out log-variances; the sampler must use $\exp(\ell/2)$. Forget the half and, where $\ell<0$, the draws are *narrower* than the guess that the KL charges for. The bound of section 2 then is no bound.

# %%
x, log_var = points[0], torch.linspace(-5, -0.5, 46, dtype=torch.float64)[:, None]
centre = torch.full_like(log_var, 0.06)


def bound_with(std):
    q = D.Normal(centre, std).log_prob(grid[:, 0]).exp()
    return integral(q * log_p_x_given_z(x, grid)) - vae.gaussian_kl(centre, log_var)


right, slip = bound_with((0.5 * log_var).exp()), bound_with(log_var.exp())
check("with exp(log_var / 2): never above log p(x)", right, log_p_wave, relation="<=")
check("with exp(log_var): a nat too much", slip.max(), log_p_wave + 1, relation=">=")

# %% [markdown]
# A test log-likelihood that is too good to be true may be of this kind. The identity of section 2 on a small model, as here, finds it in a second.

# %% [markdown] slide="slide"
# ## 10 · Summary
#
# | Claim | Where it was checked | Code in [`vae/model.py`](../coursekit/vae/model.py) |
# | --- | --- | --- |
# | naive Monte Carlo of p(x) is unbiased, its logarithm far off where few draws land | section 1 | |
# | ELBO + KL(q ‖ posterior) = log p(x), for any q | section 2, and 6 on digits | `VAE.elbo` |
# | tight when q is the posterior | section 2 | |
# | closed-form KL = Monte Carlo = torch.distributions | section 3 | `gaussian_kl` |
# | log p(x given z) = minus cross-entropy, summed | section 3 | `log_bernoulli` |
# | both gradients unbiased, here the reparametrized one less noisy | section 4 | `reparametrize` |
# | the step by hand = coursekit; sampling in three steps | section 5 | `VAE.loss`, `VAE.sample` |
# | mean KL = information + misfit to the prior | section 6 | |
# | the best prior is the aggregate posterior; a learned mixture gains | sections 6 and 7 | `MixturePrior` |
# | the linear VAE finds the principal plane and its noise | section 7 | `observation_variance` |
# | the bound prefers axes, the likelihood does not | section 7 | |
# | importance weights rise to log p(x) | section 8 | `importance_weighted_bound` |
# | the gap is approximation and amortisation | section 8 | |
# | collapse, counted and predicted | section 9 | `active_units` |
#
# ### Five questions
#
# <details><summary>1. q is the exact posterior for every x. What is the ELBO, and is the model then good?</summary>
# It equals log p(x). The model may still be poor: a tight bound on a low likelihood.
# </details>
#
# <details><summary>2. What are mean and log-variance of q if the KL to the prior is zero?</summary>
# Both zero, for every latent: the guess is the prior and says nothing about x.
# </details>
#
# <details><summary>3. Why may the noise not be shared by all pictures of a batch?</summary>
# The estimate stays unbiased, but what the pictures' errors have in common no longer averages out, however large the batch.
# </details>
#
# <details><summary>4. A paper reports an ELBO, another an importance-weighted bound with 5000 samples. Which number is higher for the same model?</summary>
# The second, unless q is the posterior; the two must not be compared.
# </details>
#
# <details><summary>5. You double all pixel values and keep the Gaussian variance at 1. What happens to the number of active latents?</summary>
# Eigenvalues grow fourfold, the threshold stays: more latents can become active. The unit of the data is part of the model.
# </details>
#
# **Homework:** [`hw11_vae_elbo`](homework/release/hw11_vae_elbo/hw11_vae_elbo.ipynb): the KL between two Gaussians, the bound with a learned variance, importance weights without underflow, and a training step with faults. [Solutions](../notebooks/homework/source/hw11_vae_elbo/hw11_vae_elbo.ipynb) stand in a folder of their own.
#
# **References.** D. Kingma and M. Welling (2014), *Auto-encoding variational Bayes*. D. Rezende, S. Mohamed and D. Wierstra (2014), *Stochastic backpropagation and approximate inference in deep generative models*. M. Tipping and C. Bishop (1999), *Probabilistic principal component analysis*. Y. Burda, R. Grosse and R. Salakhutdinov (2016), *Importance weighted autoencoders*. M. Hoffman and M. Johnson (2016), *ELBO surgery*. I. Higgins et al. (2017), *beta-VAE*. J. Tomczak and M. Welling (2018), *VAE with a VampPrior*. C. Cremer, X. Li and D. Duvenaud (2018), *Inference suboptimality in variational autoencoders*. J. Lucas et al. (2019), *Don't blame the ELBO!* F. Locatello et al. (2019), *Challenging common assumptions in the unsupervised learning of disentangled representations*.
