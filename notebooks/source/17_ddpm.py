# ---
# jupyter:
#   coursekit:
#     cpu_seconds: 50
#     minutes: 150
# ---

# %% [markdown] slide="slide"
# # 17 · Denoising diffusion: how to walk back out of noise
#
# **After this notebook you can** drown an image in noise step by step and in one leap, derive the step back by Bayes' rule, say what the best noise predictor is and why it is the score in disguise, write both algorithms of the DDPM paper from memory, read the bound behind the simple loss, sample in few steps with DDIM, and recognise three classic faults.
#
# **Time:** two and a half hours to work through; it runs in under a minute. **You need:** Gaussians, Bayes' rule, the Kullback-Leibler divergence (notebook 00), PCA (01); the bound of notebook 11 helps. **It follows** the diffusion lecture of the generative AI deck, which follows Ho, Jain and Abbeel (2020).
#
# Every line that starts with ✓ was computed on both sides just now, on your machine. Wherever exactness is possible we have it: for a mixture of Gaussians in one dimension everything is known, the best network included.

# %%
import numpy as np
import torch

from coursekit import data, ddpm, plots
from coursekit.checks import check

plots.use_course_style()
dice = torch.Generator().manual_seed(17)

# %% [markdown] slide="slide"
# ## 1 · How does one drown a picture?
#
# **Question.** How could a machine make a picture out of nothing but noise? Asked like that, one does not know where to begin. So turn it round: how does a picture *become* noise? That is easy. Let a drop of ink fall into water. Each moment the molecules take a tiny random step, and after a while the water is evenly grey. Nobody needs to learn anything for that. And each single step is so small that one could imagine undoing it.
#
# Let $x_0$ be a clean image, its pixels scaled to $[-1, 1]$. Step $t$ shrinks the image a little and adds a little Gaussian noise:
#
# $$x_t = \sqrt{1-\beta_t}\; x_{t-1} + \sqrt{\beta_t}\;\varepsilon_t, \qquad \varepsilon_t \sim \mathcal N(0, I), \qquad t = 1, \dots, T.$$
#
# The variances $\beta_1, \dots, \beta_T$ are fixed beforehand; nothing in this encoder is learned. As in Ho's paper we take $T = 1000$ and let $\beta_t$ grow evenly from 0.0001 to 0.02.


# %%
def normal(*shape):
    return torch.randn(*shape, generator=dice, dtype=torch.float64)


images = torch.tensor(data.digits().x / 8 - 1)  # (1797, 64), from -1 (paper) to 1 (ink)
betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
chain = [images[[0, 5, 8]]]
for beta in betas:
    chain.append((1 - beta).sqrt() * chain[-1] + beta.sqrt() * normal(3, 64))

# %%
from coursekit.ddpm import pictures

moments = [0, 50, 100, 200, 300, 450, 650, 1000]
plots.show(
    pictures.drowning(np.stack([chain[t].numpy() for t in moments]), moments, (8, 8)),
    alt="Three digits at eight times of the chain. At t = 100 they are grainy but readable, at 300 one has to "
    "guess, from 450 on nothing but noise is seen.",
)

# %% [markdown]
# Why shrink at all, why not only add noise? Because then the numbers would grow without end. The factor $\sqrt{1-\beta_t}$ does two things. It draws the mean of $x_t$ towards 0. And a variance $v$ becomes $(1-\beta_t)\,v + \beta_t$, a weighted average of $v$ and 1: it drifts to 1, from above or below. So the end of the chain is nearly the same for all images: a standard normal. There we can start a walk back without any data.

# %%
mean, variance = torch.tensor([[-1.0, 0.5, 1.0], [0.01, 1.0, 25.0]], dtype=torch.float64)
for beta in betas:
    mean, variance = (1 - beta).sqrt() * mean, (1 - beta) * variance + beta
check("a mean between -1 and 1 is near 0 after 1000 steps", mean, 0.0, atol=0.01)
check("a variance between 0.01 and 25 is near 1 after 1000 steps", variance, 1.0, atol=2e-3)

# %% [markdown] slide="slide"
# ## 2 · A thousand steps in one leap
#
# **Question.** To train on $x_{700}$, must we simulate 700 steps?
#
# **Two steps on paper.** Write $\alpha_t = 1 - \beta_t$ and put $x_1$ into $x_2$:
#
# $$x_2 = \sqrt{\alpha_2}\,x_1 + \sqrt{\beta_2}\,\varepsilon_2 = \sqrt{\alpha_2\alpha_1}\;x_0 + \sqrt{\alpha_2\beta_1}\;\varepsilon_1 + \sqrt{\beta_2}\;\varepsilon_2 .$$
#
# A sum of two independent Gaussians is a Gaussian, and variances add: the noise in $x_2$ has variance $(1-\beta_2)\,\beta_1 + \beta_2$. (The deck prints $(1-\beta_1)\,\beta_2 + \beta_2$ here: the *older* noise is the one that shrinks.) Multiply out: this is $1 - \alpha_1\alpha_2$.
#
# **Formula.** The pattern goes on. With $\bar\alpha_t = \alpha_1\alpha_2\cdots\alpha_t$, pronounced "alpha bar",
#
# $$x_t = \sqrt{\bar\alpha_t}\;x_0 + \sqrt{1-\bar\alpha_t}\;\varepsilon, \qquad\text{in short}\qquad q(x_t \mid x_0) = \mathcal N\!\big(\sqrt{\bar\alpha_t}\,x_0,\ (1-\bar\alpha_t) I\big).$$
#
# Mind the index on the right: $x_0$, the clean image. (One slide has $x_{t-1}$ there, and then the leap would be counted twice.) Is it true? Take any mean and any covariance matrix for $x_0$, push both through a thousand single steps, and compare with the leap.

# %%
b1, b2 = 0.2, 0.5
check("(1 - b2) b1 + b2 = 1 - a1 a2", (1 - b2) * b1 + b2, 1 - (1 - b1) * (1 - b2), atol=1e-15)
deck = (1 - b1) * b2 + b2
check("the deck's sum is too large by b2 - b1", deck - (b2 - b1), 1 - (1 - b1) * (1 - b2), atol=1e-15)
factor, eye = normal(3, 3), torch.eye(3, dtype=torch.float64)
mean_0, covariance_0 = normal(3), factor @ factor.T
mean, covariance, abar, gaps = mean_0, covariance_0, 1.0, []
for beta in betas:
    mean = (1 - beta).sqrt() * mean
    covariance = (1 - beta) * covariance + beta * eye
    abar = (1 - beta) * abar
    gaps.append((mean - abar.sqrt() * mean_0).abs().max())
    gaps.append((covariance - abar * covariance_0 - (1 - abar) * eye).abs().max())
check("mean and covariance, one by one = in one leap, all 1000 t", torch.stack(gaps), 0.0, atol=1e-12)

# %% [markdown]
# In the package a list of betas becomes a `NoiseSchedule`: tables `betas`, `alphas`, `alpha_bars` in which $t$ itself is the index, with $\bar\alpha_0 = 1$ for the clean image. The method `q_sample` makes the leap.

# %%
linear = ddpm.linear_schedule(1000)
leaper = ddpm.DDPM(torch.nn.Identity(), linear, shape=(64,))
check("alpha bar by hand = coursekit", linear.alpha_bars[1:], torch.cumprod(1 - betas, 0), atol=1e-15)
t, eps = torch.tensor([1, 50, 700, 1000]), normal(4, 64)
abar = torch.cumprod(1 - betas, 0)[t - 1][:, None]  # betas[0] is step 1: here the index is t - 1
by_hand = abar.sqrt() * images[:4] + (1 - abar).sqrt() * eps
check("the leap by hand = q_sample", by_hand, leaper.q_sample(images[:4], t, eps), atol=1e-13)

# %%
cosine, short = ddpm.cosine_schedule(1000), ddpm.linear_schedule(20)
plots.show(
    pictures.schedules(linear, cosine, short),
    alt="Left, the variance added at each step on a logarithmic scale: the linear schedule climbs to 0.02, the "
    "cosine to nearly 1. Right, what is left of the signal: linear falls early, cosine more evenly; the linear "
    "betas with only 20 steps never get below 0.8.",
)

# %% [markdown]
# The linear schedule spoils the image early and then spends its last third on stirring noise into noise. The *cosine* schedule of Nichol and Dhariwal (2021) loses it more evenly, and the curve is nearly the same for any $T$. The red curve is a trap to which section 9 returns: betas that run again from 0.0001 to 0.02, but in 20 steps, leave most of the image standing.

# %% [markdown] slide="slide"
# ## 3 · One step back, if somebody tells us the start
#
# **Question.** We see $x_t$. Where was the walker one step earlier?
#
# In general that is hard: it depends on all images there are. But suppose a helper whispers $x_0$. Then two witnesses are left. The first says where walkers from $x_0$ are at time $t-1$: $\mathcal N(\sqrt{\bar\alpha_{t-1}}\,x_0,\ 1-\bar\alpha_{t-1})$. The second says from where one can get to $x_t$ in one step. Bayes' rule multiplies what they say:
#
# $$q(x_{t-1} \mid x_t, x_0) \;\propto\; q(x_{t-1} \mid x_0)\; q(x_t \mid x_{t-1}).$$
#
# A product of two Gaussians is a Gaussian. Its precision (one over the variance) is the sum of the two precisions, and its mean is the average of the two opinions, weighted by precision. A few lines of algebra later:
#
# $$\tilde\mu_t = \frac{\sqrt{\bar\alpha_{t-1}}\,\beta_t}{1-\bar\alpha_t}\,x_0 + \frac{\sqrt{\alpha_t}\,(1-\bar\alpha_{t-1})}{1-\bar\alpha_t}\,x_t, \qquad \tilde\beta_t = \frac{1-\bar\alpha_{t-1}}{1-\bar\alpha_t}\,\beta_t .$$
#
# (The deck prints $1-\alpha_{t-1}$ in the numerator of the second weight. It must be $1-\bar\alpha_{t-1}$, the variance of the first witness.)

# %%
from scipy.stats import norm

few = ddpm.NoiseSchedule([0.1, 0.3, 0.4, 0.5])
x0, xt, t = 1.2, -0.9, 3
alpha, beta = few.alphas[t].item(), few.betas[t].item()
abar, before = few.alpha_bars[t].item(), few.alpha_bars[t - 1].item()
posterior_mean = (np.sqrt(before) * beta * x0 + np.sqrt(alpha) * (1 - before) * xt) / (1 - abar)
posterior_variance = beta * (1 - before) / (1 - abar)

line = np.linspace(-4, 4, 8001)
first = norm.pdf(line, np.sqrt(before) * x0, np.sqrt(1 - before))
second = norm.pdf(xt, np.sqrt(alpha) * line, np.sqrt(beta))
product = first * second / (first * second).sum()
check("posterior mean = product of the witnesses on a grid", posterior_mean, product @ line, atol=1e-8)
grid_variance = product @ (line - posterior_mean) ** 2
check("posterior variance = product of the witnesses on a grid", posterior_variance, grid_variance, atol=1e-8)
slip = (np.sqrt(before) * beta * x0 + np.sqrt(alpha) * (1 - few.alphas[t - 1].item()) * xt) / (1 - abar)
check("with the deck's 1 - alpha the mean is off", abs(slip - posterior_mean), 0.05, relation=">=")
plots.show(
    pictures.product_of_two(line, first, second / second.sum() / 0.001, product / 0.001),
    alt="Three bell curves over x at time t - 1: one around the shrunken x0 on the right, one around the value "
    "from which xt is reached on the left, and their product, narrower than both, in between.",
)

# %% [markdown]
# Both witnesses agree on a place between them, and together they are surer than alone. (The orange curve is the second witness as a function of $x_{t-1}$, scaled to area 1.) It would have been surprising to see a blue curve wider than one of the others: more evidence of this kind cannot make a Gaussian less sure. Now for all $t$ at once, and against the package.

# %%
t = torch.arange(2, 1001)
x0, xt = normal(999, 5), normal(999, 5)
mean, variance = linear.posterior(x0, xt, t)
alpha, beta, before = (v[:, None] for v in (linear.alphas[t], linear.betas[t], linear.alpha_bars[t - 1]))
precision = 1 / (1 - before) + alpha / beta
opinions = (before.sqrt() * x0 / (1 - before) + alpha.sqrt() * xt / beta) / precision
check("coursekit's variance = 1 / (sum of precisions), t = 2..1000", variance, 1 / precision, rtol=1e-8)
check("coursekit's mean = precision-weighted opinions, t = 2..1000", mean, opinions, atol=1e-8)

# %% [markdown] slide="slide"
# ## 4 · The best guess of the noise
#
# **Question.** Nobody whispers $x_0$. What is the next best thing?
#
# Guess it. A network sees $x_t$ and $t$ and guesses $x_0$; the guess goes into $\tilde\mu_t$. Or, which is the same information, it guesses the *noise* $\varepsilon$ that was mixed in: since $x_t = \sqrt{\bar\alpha_t}\,x_0 + \sqrt{1-\bar\alpha_t}\,\varepsilon$, either one gives the other. We write $\varepsilon_\theta(x_t, t)$ for the *noise predictor* with parameters $\theta$. Put the guessed $x_0$ into the posterior mean and sort:
#
# $$\mu_\theta(x_t, t) = \frac{1}{\sqrt{\alpha_t}}\Big(x_t - \frac{\beta_t}{\sqrt{1-\bar\alpha_t}}\;\varepsilon_\theta(x_t,t)\Big).$$

# %%
guess = normal(999, 5)  # any guess of the noise
abar = linear.alpha_bars[t][:, None]
guessed_x0 = (xt - (1 - abar).sqrt() * guess) / abar.sqrt()
in_x0_form, _ = linear.posterior(guessed_x0, xt, t)
in_noise_form = (xt - beta / (1 - abar).sqrt() * guess) / alpha.sqrt()
check("mean in x_0 form = mean in noise form, t = 2..1000", in_x0_form, in_noise_form, atol=1e-8)

# %% [markdown]
# **Why the noise, and not $x_{t-1}$ itself?** Because $x_{t-1}$ is nearly $x_t$. A network asked for $x_{t-1}$ gets almost full marks for copying its input, and what it should learn hides in the last per cent (here at $t = 500$, for data of variance 1). The noise has variance 1 at every $t$: the same scale of question everywhere.

# %%
t_mid, n = 500, 100_000
xs = linear.alpha_bars[t_mid - 1].sqrt() * normal(n) + (1 - linear.alpha_bars[t_mid - 1]).sqrt() * normal(n)
x_next = linear.alphas[t_mid].sqrt() * xs + linear.betas[t_mid].sqrt() * normal(n)
copied = 1 - ((xs - x_next) ** 2).mean() / xs.var()
check("copying x_500 explains more than 98 % of the variance of x_499", copied, 0.98, relation=">=")

# %% [markdown] slide="subslide"
# **A world in which the best predictor is known.** Let the data be a mixture of two Gaussians on a line, with weights $w_k$, means $m_k$ and standard deviations $s_k$. Shrinking and adding noise keeps a mixture a mixture: $q(x_t) = \sum_k w_k\,\mathcal N\big(\sqrt{\bar\alpha_t}\,m_k,\ \bar\alpha_t s_k^2 + 1-\bar\alpha_t\big)$. So its logarithm has a known slope $\nabla \log q(x_t)$, called the **score**: it points to where data are denser.
#
# The guess with the smallest squared error is a conditional mean, $\mathbb E[\varepsilon \mid x_t]$. And this is the score in disguise:
#
# $$\mathbb E[\varepsilon \mid x_t] = -\sqrt{1-\bar\alpha_t}\;\nabla \log q(x_t).$$
#
# In words: *to guess the noise is to know which way is uphill.* `ddpm.MixtureNoisePredictor` is the right-hand side. The cell sets up that world and compares: the left-hand side is integrated over all $x_0$ on a grid, the slope taken from two neighbouring points.

# %%
HUMPS = [0.35, 0.65], [[-1.4], [0.8]], [0.2, 0.45]  # weights, means, standard deviations


def mixture(function, x, signal=1.0, spread=0.0):
    """Weighted sum of norm.pdf or norm.cdf over both humps, after shrinking by signal and adding noise."""
    return sum(
        w * function(x, signal * m[0], np.hypot(signal * s, spread)) for w, m, s in zip(*HUMPS, strict=True)
    )


hundred = ddpm.cosine_schedule(100)
exact = ddpm.MixtureNoisePredictor(hundred, *HUMPS)

t, abar, places = 60, hundred.alpha_bars[60].item(), np.array([-1.7, -0.4, 0.1, 1.5])
signal, spread = np.sqrt(abar), np.sqrt(1 - abar)
found = exact(torch.tensor(places[:, None]), torch.full((4,), t))[:, 0]
share = mixture(norm.pdf, line) * norm.pdf(places[:, None], signal * line, spread)  # p(x_0) q(x_t | x_0)
noise = (places[:, None] - signal * line) / spread
conditional_mean = (share * noise).sum(axis=1) / share.sum(axis=1)
check("exact predictor = E[eps | x_t], integrated over x_0", found, conditional_mean, atol=1e-8)
up, down = (np.log(mixture(norm.pdf, places + h, signal, spread)) for h in (1e-5, -1e-5))
check(
    "exact predictor = - sqrt(1 - abar) times the slope of log q",
    found,
    -spread * (up - down) / 2e-5,
    atol=1e-8,
)

# %% [markdown] slide="slide"
# ## 5 · Which loss? The bound and its short form
#
# **Question.** A guess is trained with a squared error. But is that maximum likelihood, or a hunch?
#
# Read the chain as a latent variable model: the latents are $x_1, \dots, x_T$, all as large as the image; the encoder $q$ is fixed; the decoder walks back, $p_\theta(x_{t-1}\mid x_t) = \mathcal N(\mu_\theta(x_t,t),\ \tilde\beta_t)$, starting from $p(x_T) = \mathcal N(0, I)$. (Its last step, to $x_0$, gets the variance $\beta_1$, since $\tilde\beta_1 = 0$ would leave no density.) Then, as for the VAE, Jensen's inequality gives a lower bound on $\log p_\theta(x_0)$. The logarithm matters: the deck compares the bound with $P(x)$ itself, and a bound on one is no bound on the other. Grouped step by step, the bound has three kinds of terms:
#
# $$\log p_\theta(x_0) \;\ge\; \underbrace{\mathbb E \log p_\theta(x_0\mid x_1)}_{\text{reconstruction}} - \sum_{t=2}^{T} \underbrace{\mathbb E\, \mathrm{KL}\big(q(x_{t-1}\mid x_t,x_0)\,\|\,p_\theta(x_{t-1}\mid x_t)\big)}_{\text{denoising}} - \underbrace{\mathrm{KL}\big(q(x_T\mid x_0)\,\|\,p(x_T)\big)}_{\text{prior}} .$$
#
# Each denoising term compares two Gaussians of the same variance $\tilde\beta_t$, so only the means count, and the means differ only by the guess:
#
# $$\mathrm{KL} = \frac{\lVert \tilde\mu_t - \mu_\theta\rVert^2}{2\tilde\beta_t} = \frac{\beta_t}{2\,\alpha_t\,(1-\bar\alpha_{t-1})}\;\lVert \varepsilon - \varepsilon_\theta(x_t,t)\rVert^2 .$$


# %%
class Spoilt(ddpm.MixtureNoisePredictor):
    def forward(self, x, t):
        return 0.8 * super().forward(x, t)  # takes only 80 % of the noise for noise


eight = ddpm.NoiseSchedule(np.linspace(0.05, 0.6, 8))
good, poor = (
    ddpm.DDPM(P(eight, *HUMPS), eight, shape=(1,)).double() for P in (ddpm.MixtureNoisePredictor, Spoilt)
)
weight = eight.betas[2:] / (2 * eight.alphas[2:] * (1 - eight.alpha_bars[1:-1]))  # t = 2..8

# %% [markdown] slide="subslide" says="The three terms of the bound by hand, with the noise integrated exactly; and again by the package, which draws it at random."
# **The whole bound, twice.** The bound must hold for any predictor, not only for the best one. So we take two, with $T = 8$: the exact one, and a spoilt one that puts out only 80 % of the best guess. Below, the three terms by hand, for the spoilt one, with the noise integrated exactly (Gauss-Hermite quadrature, a weighted sum over 80 values of $\varepsilon$). Then the package's `elbo`, which draws the noise at random.

# %%
t, x0, eps = torch.arange(2, 9), normal(7, 1), normal(7, 1)
xt = poor.q_sample(x0, t, eps)
weighted_error = weight * ((eps - poor.noise_predictor(xt, t)) ** 2).sum(1)
check(
    "KL of a step = weighted noise error, t = 2..8", poor.denoising_kl(x0, xt, t), weighted_error, rtol=1e-9
)

nodes, mass = np.polynomial.hermite_e.hermegauss(80)
nodes, mass = torch.tensor(nodes), torch.tensor(mass / mass.sum())


def bound_terms(model, x0):
    """(reconstruction, denoising, prior) in nats for data x0 (m,), no random number used; (m,) each."""
    abar, errors = model.schedule.alpha_bars, []
    for t in range(1, model.schedule.T + 1):
        xt = abar[t].sqrt() * x0[:, None] + (1 - abar[t]).sqrt() * nodes  # (m, 80)
        guess = model.noise_predictor(xt.reshape(-1, 1), torch.full((xt.numel(),), t)).reshape(xt.shape)
        errors.append((nodes - guess) ** 2 @ mass)
    # At t = 1 the error of x_0 is the error of the noise times sqrt((1 - abar) / abar).
    variance = model.schedule.betas[1]
    reconstruction = -0.5 * (
        errors[0] * (1 - abar[1]) / abar[1] / variance + torch.log(2 * torch.pi * variance)
    )
    denoising = weight @ torch.stack(errors[1:])
    prior = 0.5 * (abar[-1] * x0**2 - abar[-1] - torch.log(1 - abar[-1]))
    return reconstruction, denoising, prior


by_hand = [term.item() for term in bound_terms(poor, torch.tensor([0.7], dtype=torch.float64))]
drawn = poor.elbo(torch.full((50_000, 1), 0.7, dtype=torch.float64), rng=dice)
for name, value in zip(("reconstruction", "denoising", "prior"), by_hand, strict=True):
    error = drawn[name].std() / len(drawn[name]) ** 0.5
    check(f"{name} term: by hand = mean of coursekit's draws", drawn[name].mean(), value, se=error + 1e-9)

# %% [markdown]
# **Is it below $\log p_\theta(x)$, at every point?** In one dimension the model's own density can be had: start with $\mathcal N(0,1)$ on a grid and push it through the eight steps back. And we know from notebook 00 what no model can beat: averaged over data, $-\log p_\theta$ is at least the entropy of the data, $-\mathbb E \log q(x_0)$.


# %%
def model_density(model, grid):
    """p_theta(x_0) on a grid (m,), by integrating over x_8, ..., x_1 in turn."""
    s, density, x = model.schedule, norm.pdf(grid), torch.tensor(grid)[:, None]
    for t in range(s.T, 0, -1):
        eps = model.noise_predictor(x, torch.full((len(grid),), t))
        mean = (x - s.betas[t] / (1 - s.alpha_bars[t]).sqrt() * eps) / s.alphas[t].sqrt()
        variance = s.betas[t] * (1 - s.alpha_bars[t - 1]) / (1 - s.alpha_bars[t]) if t > 1 else s.betas[1]
        kernel = norm.pdf(grid[:, None], mean[:, 0].numpy(), variance.sqrt().item())
        density = kernel @ density * (grid[1] - grid[0])
    return density


grid = np.linspace(-8, 8, 801)
inside = np.abs(grid) <= 2.6
log_p = [np.log(model_density(model, grid))[inside] for model in (good, poor)]
lower = []
for model in (good, poor):
    reconstruction, denoising, prior = bound_terms(model, torch.tensor(grid[inside]))
    lower.append((reconstruction - denoising - prior).numpy())
p_data = mixture(norm.pdf, grid[inside]) / mixture(norm.pdf, grid[inside]).sum()
entropy = -p_data @ np.log(mixture(norm.pdf, grid[inside]))

# %%
for name, density, bound in zip(("exact", "spoilt"), log_p, lower, strict=True):
    check(f"{name}: bound <= log p(x) at {inside.sum()} points", bound, density, relation="<=", atol=1e-9)
    check(f"{name}: mean of -log p(x) over data >= entropy", -p_data @ density, entropy, relation=">=")
plots.show(
    pictures.bounds(grid[inside], log_p, lower),
    alt="Two panels, each with the log density of a model and the bound below it. The gap is about half a nat on "
    "the humps, and two nats or more between them and at both ends; with the spoilt predictor the ends fall less.",
)

# %% [markdown]
# The grey strip is what the bound gives away. Even with the *exact* noise predictor it does not vanish: with only eight steps the true step back is no Gaussian. Keep that in mind for section 6.
#
# **The short form.** Ho et al. drop the weights and train with $\mathbb E\,\lVert \varepsilon - \varepsilon_\theta(x_t, t)\rVert^2$, each $t$ equally often. What does that change?

# %%
weights = linear.betas[2:] / (2 * linear.alphas[2:] * (1 - linear.alpha_bars[1:-1]))
ratio = weights[0] / weights[198]  # the list starts at t = 2
check("in the bound t = 2 weighs over 90 times what t = 200 does", ratio, 90, relation=">=")
plots.show(
    pictures.step_weights(weights.numpy()),
    alt="Weight of the squared noise error at each step on a logarithmic scale: in the bound it is 0.6 at "
    "t = 2, falls steeply to 0.005 at t = 350 and climbs slowly to 0.01; in the simplified loss it is 1 everywhere.",
)

# %% [markdown]
# (Only the shape of a curve counts: a common factor changes no best guess.) The bound pays most for the last touches: the finest noise, which decides about nats and hardly about looks. The short form moves the effort to larger $t$, where shapes are decided. The best predictor is the same for both, since it is best at every $t$ separately; they differ in what a network of limited size spends itself on.
#
# The prior term contains no parameter. It only asks: is the chain long enough to forget the image?

# %%
forgets = leaper.prior_kl(images)
remembers = ddpm.DDPM(torch.nn.Identity(), short, shape=(64,)).prior_kl(images)
check("linear, T = 1000: the prior term is below 0.01 nats for every digit", forgets, 0.01, relation="<=")
check("linear, T = 20: it is above 40 nats for every digit", remembers, 40.0, relation=">=")

# %% [markdown] slide="slide"
# ## 6 · The two algorithms, line by line
#
# **Algorithm 1, training.** Repeat: draw a clean $x_0$; draw $t$ uniformly from $1, \dots, T$; draw $\varepsilon$; leap to $x_t$; take a gradient step on $\lVert\varepsilon - \varepsilon_\theta(x_t,t)\rVert^2$. No chain is ever simulated.


# %% tags=["slide-code"]
def simple_loss(net, x0, schedule):
    t, eps = torch.randint(1, schedule.T + 1, (len(x0),), generator=dice), normal(*x0.shape)
    abar = schedule.alpha_bars[t][:, None]
    return ((eps - net(abar.sqrt() * x0 + (1 - abar).sqrt() * eps, t)) ** 2).sum(1).mean()


hump = torch.multinomial(torch.tensor(HUMPS[0]), 8192, replacement=True, generator=dice)
samples = torch.tensor(HUMPS[1])[hump] + torch.tensor(HUMPS[2])[hump, None] * normal(8192, 1)
spoilt = ddpm.DDPM(Spoilt(hundred, *HUMPS), hundred, shape=(1,)).double()
ours = torch.stack([simple_loss(spoilt.noise_predictor, samples, hundred) for _ in range(100)])
theirs = torch.stack([spoilt.loss(samples, rng=dice) for _ in range(100)])
error = torch.hypot(ours.std(), theirs.std()) / 100**0.5
check("the loss by hand = coursekit's, on average", ours.mean(), theirs.mean(), se=error)

# %% [markdown]
# (Coursekit spreads the times of a batch evenly over $1..T$. Each $t$ still comes equally often; the average is the same.)
#
# Now train small networks on draws from the mixture, where we know what they should find.

# %% tags=["nbval-ignore-output"]
from coursekit.networks import TimeMLP
from coursekit.training import fit

trained, errors = [], []
t = torch.randint(1, 101, (8192,), generator=dice)
xt = spoilt.q_sample(samples, t, normal(8192, 1))
best = exact(xt, t)
for seed in (0, 1, 2):
    torch.manual_seed(seed)
    model = ddpm.DDPM(TimeMLP(1, width=32, n_blocks=1, n_time=16), hundred, shape=(1,))
    fit(model, samples, n_steps=500, learning_rate=3e-3, schedule="cosine", seed=seed, device="cpu")
    missed = best - model.noise_predictor(xt.float(), t).detach()
    errors.append((missed**2).mean() / (best**2).mean())
    trained.append(model.noise_predictor.requires_grad_(False))
print(
    f"distance from the exact predictor, squared: {np.mean(errors):.3f} +- {np.std(errors):.3f} of its size"
)

# %%
check("three seeds: each is within 4 % of the exact predictor, in squares", errors, 0.04, relation="<=")
panels, x = [], torch.linspace(-3, 3, 301, dtype=torch.float64)[:, None]
for t in (10, 40, 80):
    times, abar = torch.full((301,), t), hundred.alpha_bars[t].item()
    learned = torch.cat([net(x.float(), times) for net in trained], dim=1).T
    density = mixture(norm.pdf, x[:, 0].numpy(), abar**0.5, (1 - abar) ** 0.5)
    panels.append((t, exact(x, times)[:, 0].numpy(), learned.numpy(), density))
plots.show(
    pictures.predictor_curves(x[:, 0].numpy(), panels),
    alt="Guess of the noise against x at t = 10, 40 and 80. The curves of three trained networks follow the dashed "
    "exact curve where x lies; at small t it is a steep zigzag that they round off, at large t nearly a straight line.",
)

# %% [markdown]
# At $t = 80$ nearly all of $x_t$ is noise, so the best guess of the noise is nearly $x_t$ itself: a straight line. At $t = 10$ the guess is zero near the middle of each hump, and jumps between them: to the left of the gap it says "you belong to the left hump". The small networks round the jump off. And at $t = 40$ and 80 they bend away at the edges, where hardly any $x_t$ lies.

# %% [markdown] slide="subslide"
# **Algorithm 2, sampling.** Start with $x_T \sim \mathcal N(0, I)$. For $t = T, \dots, 1$: draw $z \sim \mathcal N(0, I)$, but $z = 0$ when $t = 1$; then
#
# $$x_{t-1} = \frac{1}{\sqrt{\alpha_t}}\Big(x_t - \frac{1-\alpha_t}{\sqrt{1-\bar\alpha_t}}\;\varepsilon_\theta(x_t,t)\Big) + \sigma_t z .$$
#
# That is the mean of section 4 plus noise, for now of the variance $\sigma_t^2 = \tilde\beta_t$. Under the root stands $1-\bar\alpha_t$; the deck prints $\sqrt{1-\alpha_t}$, which makes the correction far too large. At $t=1$ there is no noise: $\tilde\beta_1 = 0$, since with $x_0$ known nothing is left to guess.


# %% tags=["slide-code"]
def step_back(net, schedule, x, t, z):
    """One line of Algorithm 2 with sigma^2 = beta tilde; x (n, d), t a number, z (n, d)."""
    alpha, abar, before = schedule.alphas[t], schedule.alpha_bars[t], schedule.alpha_bars[t - 1]
    eps = net(x, torch.full((len(x),), t))
    sigma = ((1 - before) / (1 - abar) * (1 - alpha)).sqrt()
    return (x - (1 - alpha) / (1 - abar).sqrt() * eps) / alpha.sqrt() + sigma * z


model = ddpm.DDPM(exact, hundred, shape=(1,)).double()
path, gaps = [normal(16, 1)], []
for t in range(100, 0, -1):
    z = torch.randn(16, 1, generator=torch.Generator().manual_seed(t), dtype=torch.float64)
    package = model.p_sample(path[-1], torch.full((16,), t), rng=torch.Generator().manual_seed(t))
    path.append(step_back(exact, hundred, path[-1], t, z))
    gaps.append((path[-1] - package).abs().max())
check("Algorithm 2 by hand = p_sample, at each of 100 steps", torch.stack(gaps), 0.0, atol=1e-9)
canvas = np.linspace(-3, 3, 400)
shades = [mixture(norm.pdf, canvas, a**0.5, (1 - a) ** 0.5) for a in hundred.alpha_bars.tolist()]
plots.show(
    pictures.mixture_over_time(canvas, np.stack(shades), torch.cat(path[::-1], dim=1).T.numpy()),
    alt="The density of x against t in grey: two humps at the left edge melt into one at the right. Sixteen blue "
    "paths start on the right anywhere and end on the left in the two humps.",
)

# %% [markdown]
# Follow one path from the right. For a long time it is undecided, around the middle of the chain it drifts to one side, and the last steps only polish. Nobody chose the hump: the noise did.

# %% [markdown] slide="subslide"
# **Predict before you run:** with the *exact* predictor, do samples follow the data's distribution exactly?
#
# <details><summary>Answer</summary>
# No, for no finite $T$. The true step back $q(x_{t-1}\mid x_t)$ is a mixture, and we replace it by a Gaussian. Small steps make the error small: that is what a large $T$ is for.
# </details>
#
# To see a small distance one must not draw samples, their own scatter would hide it. In one dimension we can move the whole distribution: its cumulative distribution function travels along the mean of each step (which is an increasing function of $x_t$), and the noise blurs it.

# %%
from scipy.interpolate import PchipInterpolator

wide, zeros = np.linspace(-6, 6, 1201), torch.zeros(1201, 1, dtype=torch.float64)
frequency = 2 * np.pi * np.fft.rfftfreq(1201, 0.01)


def sampled_cdf(schedule, *, net=None, sigma="tilde", start=None):
    """CDF of what Algorithm 2 samples, on the grid `wide`, without a random number; start: CDF of x_T."""
    net = net or ddpm.MixtureNoisePredictor(schedule, *HUMPS)
    cdf = norm.cdf(wide) if start is None else start
    tilde = schedule.betas[1:] * (1 - schedule.alpha_bars[:-1]) / (1 - schedule.alpha_bars[1:])
    variance = {"tilde": tilde, "beta": schedule.betas[1:] * (tilde > 0), "none": 0 * tilde}[sigma]
    for t in range(schedule.T, 0, -1):
        mean = step_back(net, schedule, torch.tensor(wide)[:, None], t, zeros)[:, 0].numpy()
        cdf = PchipInterpolator(mean, cdf)(wide.clip(mean[0], mean[-1]))
        pieces = np.fft.rfft(np.diff(cdf, prepend=cdf[0])) * np.exp(
            -0.5 * variance[t - 1].item() * frequency**2
        )
        cdf = cdf[0] + np.cumsum(np.fft.irfft(pieces, 1201))
    return cdf


def distance(cdf):
    """Earth mover's distance from the data: how far, on average, a grain of probability must be carried."""
    return np.abs(cdf - mixture(norm.cdf, wide)).sum() * 0.01


spots = torch.tensor([-1.5, -1.2, 0.0, 0.5, 1.0, 1.5], dtype=torch.float64)
below = (model.sample(20_000, rng=dice) <= spots).double().mean(0)  # share of samples left of each spot
expected = np.interp(spots.numpy(), wide, sampled_cdf(hundred))
error = np.sqrt(expected * (1 - expected) / 20_000)
check("sampled_cdf agrees with 20 000 samples of coursekit, at six places", below, expected, se=error)

# %%
lengths, chains = [50, 200, 1000], [ddpm.cosine_schedule(T) for T in (50, 200, 1000)]
tilde, plain = ([distance(sampled_cdf(c, sigma=kind)) for c in chains] for kind in ("tilde", "beta"))
print("distance at T = 50, 200, 1000:", " ".join(f"{d:.4f}" for d in tilde))
check(
    "four or five times the steps: less than half the distance",
    tilde[1:],
    np.array(tilde[:-1]) / 2,
    relation="<=",
)
check("but at none of them zero", tilde, 1e-4, relation=">=")
check("noise of variance beta comes nearer here", plain, tilde, relation="<=")
lines = [("$\\tilde\\beta_t$", tilde, "model"), ("$\\beta_t$", plain, "latent")]
plots.show(
    pictures.falling_lines(
        lengths, lines, title="the exact predictor samples the data only as T grows", slope=-1
    ),
    alt="Distance of the sampled from the true distribution at T = 50, 200 and 1000 on logarithmic scales, for "
    "two choices of the variance. Both lines fall about like one over T.",
)

# %% [markdown]
# **Which $\sigma_t$?** Two choices are natural. $\sigma_t^2 = \tilde\beta_t$ is right if the data were a single point, $\sigma_t^2 = \beta_t$ if they were a standard normal. For many steps both are nearly equal, and both lines fall. Here the larger one comes nearer, at every $T$; the smaller one leaves the humps a little too narrow. What if we leave the noise out and always take the mean?

# %%
kinds, names = (
    ("tilde", "beta", "none"),
    ("variance $\\tilde\\beta_t$", "variance $\\beta_t$", "no noise: the mean"),
)
cdfs = [sampled_cdf(hundred, sigma=kind) for kind in kinds]
check(
    "without noise the distance is over 20 times larger",
    distance(cdfs[2]) / distance(cdfs[0]),
    20,
    relation=">=",
)
plots.show(
    pictures.density_panels(wide, mixture(norm.pdf, wide), names, cdfs, ("model", "latent", "wrong")),
    alt="Three panels with the density of the data in grey and of samples as a line, T = 100. With either noise "
    "the line follows the two grey humps; without noise all samples sit in one spike in the right hump.",
)

# %% [markdown]
# All walkers end in one spot. Every step is then the average of many possible pasts, and averages huddle together, a hundred times in a row. The noise is no ornament; it puts back the spread that each mean takes out. (Section 8 shows how one can do without it after all, with another step.)

# %% [markdown] slide="slide" says="**Where to diffuse?** An image has many pixels but few ways to vary. So first compress, then diffuse the codes, then decode: **latent diffusion**.\n\n**What to guess?** $v = \\sqrt{\\bar\\alpha_t}\\,\\varepsilon - \\sqrt{1-\\bar\\alpha_t}\\,x_0$: never a dull task, neither at small $t$ nor at large."
# ## 7 · Digits, and why they come out sharp
#
# **Where to diffuse?** An image has many pixels but few ways to vary. So first compress, then diffuse the codes, then decode: **latent diffusion**. For larger images the compressor is an autoencoder; for our 8 × 8 digits PCA will do. We keep 24 scores and divide them all by one number, so that their mean variance is 1.
#
# One change in what the network puts out. At large $t$ it is a dull task to guess the noise, at small $t$ it is a dull task to guess $x_0$. The target $v = \sqrt{\bar\alpha_t}\,\varepsilon - \sqrt{1-\bar\alpha_t}\,x_0$ of Salimans and Ho (2022) turns from one into the other; from $v$ and $x_t$ both can be had. Section 9 shows what happens here without it.

# %%
from coursekit import pca

train_set, test_set = data.digits().split(0)
train, test = (part.x / 8 - 1 for part in (train_set, test_set))
flat = pca.PCA(24).fit(train)
scale = np.sqrt(flat.explained_variance_.mean())


def encode(images):
    return torch.tensor(flat.transform(images) / scale, dtype=torch.float32)


def decode(codes):
    return flat.inverse_transform(codes.detach().double().numpy() * scale)


kept = 1 - ((decode(encode(test)) - test) ** 2).sum() / ((test - train.mean(axis=0)) ** 2).sum()
check("24 scores keep more than 90 % of the variance of unseen digits", kept, 0.9, relation=">=")

signal, spread = 0.6, 0.8  # abar = 0.36
x0, eps = normal(5), normal(5)
xt, v = signal * x0 + spread * eps, signal * eps - spread * x0
check("x_0 = sqrt(abar) x_t - sqrt(1 - abar) v", signal * xt - spread * v, x0, atol=1e-14)
check("eps = sqrt(abar) v + sqrt(1 - abar) x_t", signal * v + spread * xt, eps, atol=1e-14)


# %% tags=["nbval-ignore-output"]
def train_on_digits(seed, *, target="v", n_steps=900):
    torch.manual_seed(seed)
    net = TimeMLP(24, width=128, n_blocks=2)
    model = ddpm.DDPM(net, ddpm.cosine_schedule(200), shape=(24,), target=target)
    fit(model, encode(train), n_steps=n_steps, batch_size=64, learning_rate=3e-3,
        schedule="cosine", average=0.99, seed=seed, device="cpu")  # fmt: skip
    return model


models = [train_on_digits(seed) for seed in (0, 1, 2)]

# %% [markdown]
# A judge helps to put a number on "looks like a digit": a small classifier, trained on real digits. Its *confidence* is its largest probability, averaged over the samples; smeared digits leave it in doubt. As a yardstick we draw from the Gaussian of notebook 01, which knows mean and covariance and nothing else.

# %% tags=["nbval-ignore-output"]
from coursekit.evaluation import DigitClassifier

judge = DigitClassifier(64).fit(train, train_set.labels, n_epochs=15)
sampled = [decode(m.sample(400, rng=torch.Generator().manual_seed(s))) for s, m in enumerate(models)]
heights = torch.tensor(np.sqrt(flat.explained_variance_) / scale)
gaussian = [decode(heights * torch.randn(400, 24, generator=dice)) for _ in range(3)]
sure = [judge.predict_proba(batch).amax(1).mean().item() for batch in sampled]
unsure = [judge.predict_proba(batch).amax(1).mean().item() for batch in gaussian]
print(f"diffusion {np.mean(sure):.3f} +- {np.std(sure):.3f}, Gaussian {np.mean(unsure):.3f}")

# %%
check("confidence in samples of diffusion, three seeds: at least 0.82", sure, 0.82, relation=">=")
check("in samples of the Gaussian: at most 0.78", unsure, 0.78, relation="<=")
classes = [np.bincount(judge.predict_proba(batch).argmax(1), minlength=10).min() for batch in sampled]
check("every seed makes all ten digits, says the judge, each 10 times or more", classes, 10, relation=">=")
rows = [(f"seed {s}", x[:16]) for s, x in enumerate(sampled)]
rows = [("data", test[:16]), *rows, ("Gaussian", gaussian[0][:16])]
plots.show(pictures.strips(rows, (8, 8), title="samples of diffusion are readable more often than those of the Gaussian"),
           alt="Rows of 16: test digits, samples of three diffusion models, some smeared, of a Gaussian more.")  # fmt: skip

# %% [markdown]
# **Why is this sharp where autoencoders and VAEs blur?** A decoder trained with a squared error answers *once*, and when several images are possible, its best answer is their average. Diffusion is trained with a squared error too! Its guess of $x_0$ from pure noise is the average of all digits. But it does not print that guess. It takes a small step towards it, draws a little noise, and asks again; each draw rules some images out, and the next guess is an average of fewer.

# %%
code, rows = torch.randn(16, 24, generator=dice), []
for t in range(200, 0, -1):
    times = torch.full((16,), t)
    if t in (200, 150, 120, 90, 60, 1):
        rows.append((f"t = {t}", decode(models[0].predict_x0(code, times))))
    code = models[0].p_sample(code, times, rng=dice).detach()
plots.show(
    pictures.strips(rows, (8, 8), title="the guess of the final image, on the way"),
    alt="Guessed images for 16 samples. At t = 200 all are the same blur, the mean digit; further down the rows they "
    "part, at t = 90 most are digits, and after that they change little.",
)
start, last, total = torch.randn(400, 24, generator=dice), torch.full((400,), 200), train.var(axis=0).sum()
once = [decode(m.predict_x0(start, last)).var(axis=0).sum() / total for m in models]
final = [batch.var(axis=0).sum() / total for batch in sampled]
check("one guess from noise has less than 5 % of the data's variance", once, 0.05, relation="<=")
check(
    "after all the steps the samples have 70 to 110 % of it",
    np.abs(np.array(final) - 0.9),
    0.2,
    relation="<=",
)

# %% [markdown]
# In the explorer you choose $t$. Above, digits that the network has never seen; below, what they look like at time $t$ and what it guesses. To the right, one of the 24 numbers: triangles for its clean, guessed and noisy value, and the bell curve of $q(x_{t-1}\mid x_t, x_0)$, in grey with the true $x_0$, in blue with the guess.

# %% tags=["nbval-ignore-output"]
from functools import partial

from coursekit import widgets
from coursekit.ddpm import explorers

unseen, fog = encode(test[:8]), torch.randn(8, 24, generator=torch.Generator().manual_seed(1))
explorers.time_explorer(models[0], unseen, fog, decode, (8, 8))

# %%
widgets.static_frames(
    partial(explorers.time_frame, models[0], unseen, fog, decode, (8, 8)),
    [{"t": 25}, {"t": 100}, {"t": 180}],
    alt="Three positions of the explorer. At t = 25 the guess is nearly the clean image and the two bell curves "
    "coincide; at t = 100 the guess looks like a digit, not always the right one; at t = 180 all guesses are grey blurs. The "
    "bell curves nearly coincide there, too.",
)

# %% [markdown]
# Look at the bell curves: at $t = 180$ the guess is far from the truth, and yet the two curves nearly coincide. One step back depends little on $x_0$. So a vague guess does little harm there, and a vague guess is all one can have.
#
# **Is it not reciting?** A sharp question, since we know the best predictor for the *training set*: a mixture with one hump of width zero at each training digit. It has the smallest possible training loss; no network gets below it. Here is what it samples.

# %%
codes, chain = encode(train).double(), models[0].schedule
perfect = ddpm.MixtureNoisePredictor(chain, np.ones(len(codes)), codes, np.zeros(len(codes)))  # equal weights
recited = ddpm.DDPM(perfect, chain, shape=(24,)).double().sample_ddim(24, 40, rng=dice)
sets = (recited, encode(test), *map(encode, sampled))
near = [torch.cdist(z.double(), codes).min(1).values for z in sets]  # distance to a training digit
check("the perfect predictor recites training digits", near[0], 0.01, relation="<=")
ratio = [z.median() / near[1].median() for z in near[2:]]
check("samples lie a fifth or more further off than new digits do", ratio, 1.2, relation=">=")

# %% [markdown]
# The networks do not recite. But that their samples lie further off than *new digits* is no praise: many of them are not quite digits. So a diffusion model makes *new* images only because its network falls short of the minimum: it is too smooth to single out every training image. That is a strength and a warning. A large network, trained for long on few images, recites.

# %% [markdown] slide="slide"
# ## 8 · Fewer steps: DDIM
#
# **Question.** A thousand calls of a network for one image? A GAN needs one.
#
# The loss only ever used $q(x_t\mid x_0)$, never the single steps. So any other chain with the same leaps goes with the same trained network. Song, Meng and Ermon (2021) take strides from $t$ to any earlier $s$: guess $\hat x_0$ and $\hat\varepsilon$, and mix them again for time $s$, keeping part of the old noise and drawing part of it afresh:
#
# $$x_s = \sqrt{\bar\alpha_s}\,\hat x_0 + \sqrt{1-\bar\alpha_s-\sigma^2}\;\hat\varepsilon + \sigma z, \qquad \sigma^2 = \eta^2\,\frac{1-\bar\alpha_s}{1-\bar\alpha_t}\Big(1-\frac{\bar\alpha_t}{\bar\alpha_s}\Big).$$
#
# With $\eta = 1$ and $s = t-1$ this must be Algorithm 2. With $\eta = 0$ nothing is drawn but the start.
#
# Without noise the walk is a smooth curve, an ordinary differential equation solved in strides. Then one can also walk it *up*, from an image to the noise that would make it. Down and up again in strides of finite length, one does not come back exactly. An error of first order halves when the strides do.

# %% tags=["slide-code"]
from itertools import pairwise


def stride(net, schedule, x, t, s, eta, z):
    """One DDIM step from time t to time s, numbers; x and z (n, d)."""
    abar_t, abar_s = schedule.alpha_bars[t], schedule.alpha_bars[s]
    eps = net(x, torch.full((len(x),), t))
    x0 = (x - (1 - abar_t).sqrt() * eps) / abar_t.sqrt()
    variance = eta**2 * (1 - abar_s) / (1 - abar_t) * (1 - abar_t / abar_s)
    return abar_s.sqrt() * x0 + (1 - abar_s - variance).clamp(min=0).sqrt() * eps + variance.sqrt() * z


x, z = normal(50, 1), normal(50, 1)
as_ddpm = [
    stride(exact, hundred, x, t, t - 1, 1.0, z) - step_back(exact, hundred, x, t, z) for t in range(1, 101)
]
check("eta = 1, s = t - 1: the DDPM step, at each of 100 t", torch.stack(as_ddpm), 0.0, atol=1e-8)
package = model.ddim_step(x, torch.full((50,), 80), torch.full((50,), 40))
check(
    "a stride by hand = coursekit's ddim_step", stride(exact, hundred, x, 80, 40, 0.0, z), package, atol=1e-12
)

fine = ddpm.cosine_schedule(1600)
best, start, misses = ddpm.MixtureNoisePredictor(fine, *HUMPS), normal(200, 1), []
for n_strides in (50, 100, 200, 400):
    times, x = torch.linspace(1400, 0, n_strides + 1).round().long().tolist(), start
    for t, s in pairwise([*times, *times[-2::-1]]):  # down and up again; at t = 0 we ask for t = 1
        x = stride(best, fine, x, max(t, 1), s, 0.0, 0.0)
    misses.append((x - start).abs().mean().item())
halving = np.array(misses[:-1]) / misses[1:]
check("twice as many strides, about half the error", np.abs(halving - 2.0), 0.5, relation="<=")

# %% [markdown]
# How many strides do digits need? We sample with each of the three models, in 1 to 100 strides, with $\eta$ = 0, 0.5 and 1.

# %% tags=["nbval-ignore-output"]
counts, etas, gallery, scores = [1, 2, 5, 10, 20, 50, 100], [0.0, 0.5, 1.0], {}, {}
for n, eta in [(n, eta) for n in counts for eta in etas]:
    made = [decode(m.sample_ddim(150, n, eta=eta, rng=torch.Generator().manual_seed(5))) for m in models]
    gallery[n, eta] = made[0][:24]
    scores[n, eta] = np.array([judge.predict_proba(batch).amax(1).mean().item() for batch in made])
explorers.steps_explorer(gallery, scores, (8, 8))

# %%
widgets.static_frames(
    partial(explorers.steps_frame, gallery, scores, (8, 8)),
    [{"n_steps": 1, "eta": 0.0}, {"n_steps": 5, "eta": 0.0}, {"n_steps": 20, "eta": 0.0}],
    alt="Samples in 1, 5 and 20 strides of DDIM. One stride gives the same blur 24 times, five give recognisable "
    "but soft digits, twenty the same digits with more contrast.",
)
plots.show(
    pictures.quality(counts, scores, judge.predict_proba(test).amax(1).mean().item()),
    alt="Confidence of the judge against the number of steps from 1 to 100, for eta 0 and 1, mean and spread of "
    "three models: it rises steeply up to 5 steps and slowly after that. The two lines hardly differ.",
)
check(
    "10 deterministic strides: within 0.06 of 100, three seeds",
    np.abs(scores[10, 0.0] - scores[100, 0.0]),
    0.06,
    relation="<=",
)

# %% [markdown]
# Ten times fewer calls, and the judge sees little difference. That is DDIM's gift: the network is trained for all $t$ once, and the number of steps is chosen afterwards. Here it is the strides that save the work, not the missing noise: with $\eta = 1$ the line is nearly the same.
#
# **On a laptop, for larger images.** Put the pieces together: an autoencoder compresses 28 × 28 pixels to 32 numbers, a diffusion model learns these, DDIM samples in 50 strides, the decoder paints. `benchmarks/ddpm.py` does that for MNIST, beside a U-Net on the pixels that is given the same CPU time. The same plan with larger parts is what image generators of our days use.

# %% [markdown] slide="slide"
# ## 9 · What goes wrong
#
# **Off by one in t.** Arrays start at 0, the paper's $t$ starts at 1, and so people read a table one place too far, or tell the network the wrong time. Nothing crashes. Here the exact predictor is told $t+1$ in place of $t$, and then $t-1$.


# %%
class Shifted(ddpm.MixtureNoisePredictor):
    def forward(self, x, t):
        return super().forward(x, (t + self.shift).clamp(1, self.schedule.T))


late, early = [], []
for c in chains[:2]:  # T = 50 and 200
    net = Shifted(c, *HUMPS)
    for net.shift, found in ((1, late), (-1, early)):
        found.append(distance(sampled_cdf(c, net=net)))
check(
    "told t + 1: over 1.5 times the distance, T = 50 and 200", np.array(late) / tilde[:2], 1.5, relation=">="
)
check("yet with four times the steps it falls below half", late[1], late[0] / 2, relation="<=")
check("told t - 1: nearer than the right program!", early, tilde[:2], relation="<=")

# %% [markdown]
# The last line came as a surprise to us, too. Told $t-1$, the predictor believes in less noise and at most $t$ corrects less; here that happens to cancel a part of the error that every finite $T$ makes. And told $t+1$, the samples still come nearer as $T$ grows, only later. So the look of the samples is no test of the program: compare one step with a known case, as in sections 3 and 6.

# %% [markdown] slide="subslide"
# **A schedule that is too short.** Somebody wants faster sampling and sets $T = 50$, or 20, with betas that again run from 0.0001 to 0.02.

# %%
cdfs = [sampled_cdf(ddpm.linear_schedule(T)) for T in (1000, 50, 20)]
print("distance, linear betas, T = 1000, 50, 20:", " ".join(f"{distance(cdf):.4f}" for cdf in cdfs))
cosines = [sampled_cdf(ddpm.cosine_schedule(T)) for T in (50, 20)]
print("the cosine schedule,    T = 50, 20:      ", " ".join(f"{distance(cdf):.4f}" for cdf in cosines))
left = short.alpha_bars[-1].item()  # T = 20: this share of the signal is left
from_there = sampled_cdf(short, start=mixture(norm.cdf, wide, left**0.5, (1 - left) ** 0.5))
ratio = distance(cdfs[2]) / distance(from_there)
check("T = 20, started where the walk out ends: over 5 times nearer", ratio, 5, relation=">=")
names = ["linear betas, T = 1000", "the same, T = 50", "the same, T = 20"]
plots.show(
    pictures.density_panels(wide, mixture(norm.pdf, wide), names, cdfs, ("model", "wrong", "wrong")),
    alt="Three densities of samples over the grey density of the data. With 1000 steps the line follows it, "
    "with 50 it is a little off, with 20 the right hump is moved towards the middle.",
)

# %% [markdown]
# The walk back starts from $\mathcal N(0, I)$, but the walk out never got there. The predictor is perfect, and it is asked about points that it can only misread. Is that the cause, or is it that 20 steps are few for any schedule? The check tells them apart: the same 20 steps, started where the walk out really ends, come much nearer. At $T = 50$ the fault hardly shows, the cosine schedule is little better. For our mixture is lenient: its mean is near 0 and its variance not far from 1. The digits are not. The prior term of the bound had said so before any sampling, for $T = 20$: more than 40 nats a digit. Look at $\bar\alpha_T$ before you train.

# %% [markdown] slide="subslide"
# **Predicting $x_0$ near $t = T$.** From a guess of the noise follows a guess of the image,
# $\hat x_0 = (x_t - \sqrt{1-\bar\alpha_t}\;\hat\varepsilon)/\sqrt{\bar\alpha_t}$. Any error of $\hat\varepsilon$ is multiplied by $\sqrt{(1-\bar\alpha_t)/\bar\alpha_t}$.
#
# **Predict before you run:** the cosine schedule has $\bar\alpha_T$ near 0. Train the networks of section 7 for 200 steps, to put out the *noise* in place of $v$; and, to be fair, others for 200 steps with the target $v$. What will the samples look like, and what will the judge say?
#
# <details><summary>Answer</summary>
# With the target $v$ they are smeared digits. With the noise they run away, to numbers far larger than in any digit. And of these the judge is *more* confident than of real digits.
# </details>

# %%
times, eps = torch.tensor([20, 100, 180, 200]), normal(4, 24)
signal, spread = chain.mixing(times, eps)
xt = signal * codes[:4] + spread * eps
missed = ((xt - spread * (eps + 0.01)) / signal - codes[:4]).abs().amax(1)  # what becomes of an error of 0.01
factor = (spread / signal)[:, 0]
check("an error of the noise grows by sqrt((1 - abar) / abar)", missed, 0.01 * factor, rtol=1e-6)
print("factors at t = 20, 100, 180, 200:", ", ".join(f"{f:.1f}" for f in factor))

# %%
runaway, tame = (
    [train_on_digits(seed, target=target, n_steps=200) for seed in (0, 1, 2)] for target in ("noise", "v")
)
lost, safe = (
    [decode(m.sample(200, rng=torch.Generator().manual_seed(5))) for m in nets] for nets in (runaway, tame)
)
rows = [(f"noise, seed {s}", batch[:16]) for s, batch in enumerate(lost)]
plots.show(
    pictures.strips([*rows, ("v, seed 0", safe[0][:16])], (8, 8), title="who guesses the noise runs away"),
    alt="Three rows of samples that are no digits at all: blocks of black and white. Below them, made with the "
    "target v after as many steps, smeared shapes like digits.",
)
size, safe_size = ([np.abs(batch).max(axis=1).mean() for batch in group] for group in (lost, safe))
check("noise target: pixels of size over 10, where 1 is black, three seeds", size, 10.0, relation=">=")
check("target v, as many steps: below 3, three seeds", safe_size, 3.0, relation="<=")
certain = [judge.predict_proba(batch).amax(1).mean().item() for batch in lost]
real = judge.predict_proba(test).amax(1).mean().item()
check("of the runaways the judge is surer than of real digits, three seeds", certain, real, relation=">=")
for name, c in (("cosine, T = 200", chain), ("linear, T = 1000", linear)):
    step = c.betas[-1] / ((1 - c.alpha_bars[-1]) * c.alphas[-1]).sqrt()  # Algorithm 2 at t = T
    print(f"{name}: the first step multiplies an error of the noise by {step:.2f}")

# %% [markdown]
# Two lessons. The last $\beta$ of the cosine schedule is 0.999, and the first step, from $t = T$, makes a small error large: the last two lines above. Ho's linear schedule takes no such step, and many codes clip $\hat x_0$ to $[-1, 1]$; predicting $v$ removes the cause. And a number without a picture beside it is worth little: a classifier may be most confident far away from everything it knows.

# %% [markdown] slide="slide"
# ## 10 · Summary
#
# | Claim | Where it was checked | Code in [`ddpm/model.py`](../coursekit/ddpm/model.py) |
# | --- | --- | --- |
# | step by step = one leap, mean and covariance | section 2 | `DDPM.q_sample`, [`ddpm/schedule.py`](../coursekit/ddpm/schedule.py) |
# | the step back given $x_0$ is a product of two Gaussians | section 3 | `NoiseSchedule.posterior` |
# | mean in $x_0$ form = mean in noise form | section 4 | `DDPM.predict` |
# | best noise predictor = E[noise given $x_t$] = $-\sqrt{1-\bar\alpha_t}$ score | section 4 | `MixtureNoisePredictor` |
# | KL of a step = weighted noise error; terms of the bound two ways | section 5 | `DDPM.denoising_kl`, `DDPM.elbo` |
# | the bound is below $\log p_\theta(x)$ at every point | section 5 | |
# | Algorithms 1 and 2 by hand = package | section 6 | `DDPM.loss`, `DDPM.p_sample` |
# | a trained network approaches the best one | section 6 | |
# | samples of the exact predictor are exact only as $T$ grows | section 6 | `DDPM.sample` |
# | one guess blurs, many small steps do not | section 7 | |
# | DDIM with $\eta = 1$ and all steps is DDPM; without noise it can be retraced, in the limit of short strides | section 8 | `DDPM.ddim_step`, `DDPM.sample_ddim` |
#
# ### Five questions
#
# <details><summary>1. Two steps with β = 0.5 each. What share of the signal's variance is left, and what is the variance of the noise?</summary>
# ᾱ = 0.25 of the signal, and noise of variance 0.75.
# </details>
#
# <details><summary>2. What is the standard deviation of the noise that Algorithm 2 adds in its last step, t = 1?</summary>
# Zero: β̃₁ = 0, since ᾱ₀ = 1.
# </details>
#
# <details><summary>3. The data are one single image m. What is the best noise predictor?</summary>
# (x_t − √ᾱ m) / √(1 − ᾱ): with the image known, so is the noise. Every sample ends in m.
# </details>
#
# <details><summary>4. A colleague's training loss is far below yours. Is her model better?</summary>
# Not for that reason: the smallest possible training loss belongs to the model that recites. Look at the loss on unseen images, and at the distance of samples to the training set.
# </details>
#
# <details><summary>5. You trained with T = 1000. Must you train again in order to sample in 50 steps?</summary>
# No. The loss depends on q(x_t | x_0) alone, and DDIM's strides share it.
# </details>
#
# **Homework:** [`hw17_ddpm`](homework/release/hw17_ddpm/hw17_ddpm.ipynb): the leap, the posterior, a step of Algorithm 2, a DDIM stride, and a sampler that fails twice. [Solutions](../notebooks/homework/source/hw17_ddpm/hw17_ddpm.ipynb) stand in a folder of their own.
#
# **References.** J. Sohl-Dickstein et al. (2015), *Deep unsupervised learning using nonequilibrium thermodynamics*. J. Ho, A. Jain and P. Abbeel (2020), *Denoising diffusion probabilistic models*. J. Song, C. Meng and S. Ermon (2021), *Denoising diffusion implicit models*. Y. Song et al. (2021), *Score-based generative modeling through stochastic differential equations*. A. Nichol and P. Dhariwal (2021), *Improved denoising diffusion probabilistic models*. T. Salimans and J. Ho (2022), *Progressive distillation for fast sampling of diffusion models*. R. Rombach et al. (2022), *High-resolution image synthesis with latent diffusion models*.
