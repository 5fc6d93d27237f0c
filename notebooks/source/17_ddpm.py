# ---
# jupyter:
#   coursekit:
#     cpu_seconds: 40
#     minutes: 150
# ---

# %% [markdown] slide="slide"
# # 17 · Denoising diffusion: how to walk back out of noise
#
# **After this notebook you can** drown an image in noise step by step and in one leap, derive the step back by Bayes' rule, prove that the best noise predictor is the score in disguise, tell a network what time it is, write both algorithms of the DDPM paper from memory, derive the bound behind the simple loss, sample a digit of your choice with classifier-free guidance, sample in few strides with DDIM, and recognise two classic faults.
#
# **Time:** two and a half hours to work through; it runs in under a minute. **You need:** Gaussians, Bayes' rule, the Kullback–Leibler divergence (notebook 00), PCA (01). Section 5 also needs the evidence lower bound, sections 1 to 3 of notebook 11.
#
# **It follows** the diffusion lecture of the generative AI deck, which follows Ho, Jain and Abbeel (2020): the chain, the leap, the step back, the bound, both algorithms. Where a slide slips, the right form is named beside it. **It adds** the score, the time embedding, the bound's three terms with proof and test, the size of the error at finite $T$, guidance (the deck: diffusion "can be made conditional easily"), and DDIM.
#
# Every line that starts with ✓ was checked just now, on your machine; a bound on a measured number names its *control*, something simpler that fails it. (Where three seeds take too long, the numbers are stored; what is shown of one network is seed 0.) The bars on trained networks were chosen on one or more of seeds 3 to 5, between the network and its control; where a control has three seeds, its best must fail. For a mixture of Gaussians in one dimension everything is known exactly, including the best noise predictor.

# %%
from functools import partial

import numpy as np
import torch

from coursekit import data, ddpm, plots
from coursekit.checks import check

plots.use_course_style()
dice = torch.Generator().manual_seed(17)

# %% [markdown] slide="slide"
# ## 1 · How does one drown a picture?
#
# **Question.** How could a machine make a picture out of nothing but noise? Turn it round: how does a picture *become* noise? That is easy. Let a drop of ink fall into water. At each moment the molecules take a tiny random step, and after a while the water is evenly grey. And each single step is so small that one could imagine undoing it.
#
# Let $x_0$ be a clean image, its pixels scaled to $[-1, 1]$. Step $t$ shrinks the image a little and adds a little Gaussian noise:
#
# $$x_t = \sqrt{1-\beta_t}\; x_{t-1} + \sqrt{\beta_t}\;\varepsilon_t, \qquad \varepsilon_t \sim \mathcal N(0, I), \qquad t = 1, \dots, T.$$
#
# This chain is the **forward process**, and the walk back that we are after is the **reverse process**. The variances $\beta_1, \dots, \beta_T$, the **noise schedule**, are fixed beforehand; nothing in the forward process is learned. As in Ho's paper we take $T = 1000$ and let $\beta_t$ grow evenly from 0.0001 to 0.02. The digits are those of MNIST, reduced to 14 × 14 pixels.


# %%
train_set, test_set = data.mini_mnist().split()
train, test = (part.x / 8 - 1 for part in (train_set, test_set))  # -1 paper, 1 ink
betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
normal = partial(torch.randn, generator=dice, dtype=torch.float64)
drowning = [torch.tensor(train[:4])]  # (4, 196)
for beta in betas:
    shrunk = (1 - beta).sqrt() * drowning[-1]
    drowning.append(shrunk + beta.sqrt() * normal(4, 196))

# %%
from coursekit.ddpm import pictures

moments = [0, 50, 100, 200, 300, 450, 650, 1000]
shots = np.stack([drowning[t].numpy() for t in moments])
figure = pictures.drowning(shots, moments, (14, 14))
plots.show(figure,
    alt="Four digits at eight times of the chain. At t = 100 they are "
    "grainy but easy to read, at 300 faint, and from 450 on only "
    "noise is seen.")  # fmt: skip

# %% [markdown]
# Why shrink at all, why not only add noise? Because the variance would then grow without end. The factor $\sqrt{1-\beta_t}$ does two things. It draws the mean of $x_t$ towards 0. And a variance $v$ becomes $(1-\beta_t)\,v + \beta_t$, a weighted average of $v$ and 1: it drifts to 1, from above or below. So the end of the chain is nearly the same for all images: a standard normal. From there we can start a walk back without any data.

# %% [markdown] slide="slide"
# ## 2 · A thousand steps in one leap
#
# **Question.** To train on $x_{700}$, must we simulate 700 steps?
#
# **Two steps on paper.** Write $\alpha_t = 1 - \beta_t$ and put $x_1$ into $x_2$:
#
# $$x_2 = \sqrt{\alpha_2}\,x_1 + \sqrt{\beta_2}\,\varepsilon_2 = \sqrt{\alpha_2\alpha_1}\;x_0 + \sqrt{\alpha_2\beta_1}\;\varepsilon_1 + \sqrt{\beta_2}\;\varepsilon_2 .$$
#
# A sum of two independent Gaussians is a Gaussian, and variances add: the noise in $x_2$ has variance $(1-\beta_2)\,\beta_1 + \beta_2$. (The deck prints $(1-\beta_1)\,\beta_2 + \beta_2$ here: it is the *older* noise that shrinks.) Multiply out: this is $1 - \alpha_1\alpha_2$.
#
# **Formula.** The pattern continues. Let $\bar\alpha_t = \alpha_1\alpha_2\cdots\alpha_t$, pronounced "alpha bar". If the noise in $x_{t-1}$ has variance $1-\bar\alpha_{t-1}$, one more step makes it $\alpha_t(1-\bar\alpha_{t-1})+\beta_t=\alpha_t+\beta_t-\bar\alpha_t=1-\bar\alpha_t$, and $x_0$ gets one more factor $\sqrt{\alpha_t}$. By induction,
#
# $$x_t = \sqrt{\bar\alpha_t}\;x_0 + \sqrt{1-\bar\alpha_t}\;\varepsilon, \qquad\text{in short}\qquad q(x_t \mid x_0) = \mathcal N\!\big(\sqrt{\bar\alpha_t}\,x_0,\ (1-\bar\alpha_t) I\big).$$
#
# Mind the index on the right: $x_0$, the clean image. (One slide has $x_{t-1}$ there, counting the leap twice.) Take any mean and any covariance matrix for $x_0$, push both through a thousand single steps, and compare with the leap.

# %%
b1, b2 = 0.2, 0.5
check("(1 - b2) b1 + b2 = 1 - a1 a2", (1 - b2) * b1 + b2, 1 - (1 - b1) * (1 - b2),
      atol=1e-15, control={"the deck's order": (1 - b1) * b2 + b2})  # fmt: skip
spread, eye = normal(3, 3), torch.eye(3, dtype=torch.float64)
mean_0, covariance_0 = normal(3), spread @ spread.T
moment, covariance, misses = mean_0, covariance_0, []
abar = torch.cumprod(1 - betas, 0)
for beta, a in zip(betas, abar, strict=True):
    moment = (1 - beta).sqrt() * moment
    covariance = (1 - beta) * covariance + beta * eye
    misses.append((moment - a.sqrt() * mean_0).abs().max())
    misses.append((covariance - a * covariance_0 - (1 - a) * eye).abs().max())
claim = "mean and covariance, one by one = in one leap, all 1000 t"
check(claim, torch.stack(misses), 0.0, atol=1e-12)
unshrunk = covariance_0 + betas.sum() * eye
check("and at the end almost those of N(0, I)", covariance, eye, atol=1e-3,
      control={"nothing shrunk": unshrunk})  # fmt: skip

# %% [markdown]
# In the package a list of betas becomes a `NoiseSchedule`: tables `betas`, `alphas`, `alpha_bars` in which $t$ itself is the index, with $\bar\alpha_0 = 1$ for the clean image. The method `q_sample` makes the leap.

# %%
linear = ddpm.linear_schedule(1000)
leaper = ddpm.DDPM(torch.nn.Identity(), linear, shape=196)
check("alpha bar by hand = coursekit", linear.alpha_bars[1:], abar, atol=1e-15)
t, eps = torch.tensor([1, 50, 700, 1000]), normal(4, 196)
left = abar[t - 1][:, None]  # abar[0] belongs to t = 1
by_hand = left.sqrt() * drowning[0] + (1 - left).sqrt() * eps
package = leaper.q_sample(drowning[0], t, eps)
check("the leap by hand = q_sample", by_hand, package, atol=1e-13)

# %%
cosine, short = ddpm.cosine_schedule(1000), ddpm.linear_schedule(20)
figure = pictures.schedules(linear, cosine, short)
plots.show(figure,
    alt="Left, the variance added at each step on a logarithmic scale: "
    "the linear schedule climbs to 0.02, the cosine to nearly 1. "
    "Right, what is left of the signal: linear falls early, cosine "
    "more evenly; the linear betas with only 20 steps never get "
    "below 0.8.")  # fmt: skip

# %% [markdown]
# What a schedule decides is how fast the **signal-to-noise ratio** $\bar\alpha_t/(1-\bar\alpha_t)$ falls. The linear schedule spoils the image early and then spends its last third stirring noise into noise. The *cosine* schedule of Nichol and Dhariwal (2021) prescribes $\bar\alpha_t$ itself: $\bar\alpha_t=f(t)/f(0)$ with $f(t)=\cos^2\!\big(\frac{t/T+0.008}{1.008}\cdot\frac\pi2\big)$, and $\beta_t=1-\bar\alpha_t/\bar\alpha_{t-1}$, capped at 0.999. It loses the image more evenly, and its curve is nearly the same for any $T$. The red curve is a trap (section 10): the same range of betas in 20 steps leaves most of the image standing.

# %% [markdown] slide="slide" says="Suppose a helper whispers $x_0$. Then there are two witnesses, and Bayes' rule multiplies what they say:\n\n$$q(x_{t-1} \\mid x_t, x_0) \\;\\propto\\; q(x_{t-1} \\mid x_0)\\; q(x_t \\mid x_{t-1}).$$\n\nA product of two Gaussians is a Gaussian, and precisions add:\n\n$$\\tilde\\beta_t = \\frac{1-\\bar\\alpha_{t-1}}{1-\\bar\\alpha_t}\\,\\beta_t, \\qquad \\tilde\\mu_t = \\frac{\\sqrt{\\bar\\alpha_{t-1}}\\,\\beta_t}{1-\\bar\\alpha_t}\\,x_0 + \\frac{\\sqrt{\\alpha_t}\\,(1-\\bar\\alpha_{t-1})}{1-\\bar\\alpha_t}\\,x_t .$$"
# ## 3 · One step back, if somebody tells us the start
#
# **Question.** We see $x_t$. Where was the walker one step earlier?
#
# In general that is hard: it depends on all the images there are. But suppose a helper whispers $x_0$. Then there are two witnesses. The first says where walkers from $x_0$ are at time $t-1$. The second says from where one can get to $x_t$ in one step; it does not need $x_0$, since the chain is Markov. Bayes' rule multiplies what they say:
#
# $$q(x_{t-1} \mid x_t, x_0) \;\propto\; \underbrace{q(x_{t-1} \mid x_0)}_{\mathcal N(\sqrt{\bar\alpha_{t-1}}\,x_0,\ 1-\bar\alpha_{t-1})}\; \underbrace{q(x_t \mid x_{t-1})}_{\mathcal N(\sqrt{\alpha_t}\,x_{t-1},\ \beta_t)} .$$
#
# **The algebra.** Write $x$ for $x_{t-1}$ and collect powers of $x$ in the exponent:
#
# $$-\frac{(x - \sqrt{\bar\alpha_{t-1}}\,x_0)^2}{2(1-\bar\alpha_{t-1})} - \frac{(x_t-\sqrt{\alpha_t}\,x)^2}{2\beta_t} \;=\; -\frac{1}{2}\Big(\underbrace{\frac{1}{1-\bar\alpha_{t-1}}+\frac{\alpha_t}{\beta_t}}_{\text{precision}}\Big)x^2 + \Big(\frac{\sqrt{\bar\alpha_{t-1}}\,x_0}{1-\bar\alpha_{t-1}}+\frac{\sqrt{\alpha_t}\,x_t}{\beta_t}\Big)x + \dots$$
#
# A quadratic exponent is a Gaussian. Its variance $\tilde\beta_t$ is one over the precision; its mean $\tilde\mu_t$ is the variance times the coefficient of $x$. On the common denominator the precision is $\frac{\beta_t + \alpha_t(1-\bar\alpha_{t-1})}{\beta_t(1-\bar\alpha_{t-1})}$, and the numerator is $\beta_t+\alpha_t-\bar\alpha_t = 1-\bar\alpha_t$, since $\alpha_t\bar\alpha_{t-1}=\bar\alpha_t$ and $\alpha_t+\beta_t=1$. So
#
# $$\tilde\beta_t = \frac{1-\bar\alpha_{t-1}}{1-\bar\alpha_t}\,\beta_t, \qquad \tilde\mu_t = \frac{\sqrt{\bar\alpha_{t-1}}\,\beta_t}{1-\bar\alpha_t}\,x_0 + \frac{\sqrt{\alpha_t}\,(1-\bar\alpha_{t-1})}{1-\bar\alpha_t}\,x_t .$$
#
# (The deck prints $1-\alpha_{t-1}$ in the numerator of the second weight. It must be $1-\bar\alpha_{t-1}$, the variance of the first witness.) We check it on a grid, with no algebra at all:

# %%
from scipy.stats import norm

few, line = ddpm.NoiseSchedule([0.1, 0.3, 0.4, 0.5]), np.linspace(-4, 4, 8001)
a2, a3 = few.alpha_bars[2].item(), few.alphas[3].item()  # step t = 3: abar_2, alpha_3
first = norm.pdf(line, np.sqrt(a2) * 1.2, np.sqrt(1 - a2))  # from x_0 = 1.2
second = norm.pdf(-0.9, np.sqrt(a3) * line, np.sqrt(1 - a3))  # to x_3 = -0.9
both = first * second / (first * second).sum()
start, end = torch.tensor([[1.2], [-0.9]], dtype=torch.float64)
mean_3, variance_3 = few.posterior(start, end, torch.tensor([3]))
check("posterior mean = that of the product, on a grid", mean_3, both @ line, atol=1e-8)
check("posterior variance = that of the product", variance_3,
      both @ (line - both @ line) ** 2, atol=1e-8,
      control={"beta_3": 1 - a3})  # fmt: skip
every_t = torch.arange(2, 1001)
x0, xt = normal(999, 5), normal(999, 5)
alpha, beta = linear.alphas[every_t][:, None], linear.betas[every_t][:, None]
abar = linear.alpha_bars[every_t][:, None]
before = linear.alpha_bars[every_t - 1][:, None]
from_x0 = before.sqrt() * beta / (1 - abar) * x0
by_hand = from_x0 + alpha.sqrt() * (1 - before) / (1 - abar) * xt
wrong = 1 - linear.alphas[every_t - 1][:, None]  # for 1 - abar at t - 1
slip = from_x0 + alpha.sqrt() * wrong / (1 - abar) * xt
mean, _ = linear.posterior(x0, xt, every_t)
check("posterior mean by hand = coursekit, t = 2..1000", by_hand, mean, atol=1e-8,
      control={"the deck's 1 - alpha": slip})  # fmt: skip
bell = second / second.sum() / 0.001  # scaled to area 1
figure = pictures.product_of_two(line, first, bell, both / 0.001)
plots.show(figure,
    alt="Three bell curves over x at time t - 1: one around the shrunken "
    "x0 on the right, one around the value from which xt is reached "
    "on the left, and their product, narrower than both, in between.")  # fmt: skip

# %% [markdown]
# The two witnesses meet at a place between them, and together they are surer than either alone: precisions add. (The orange curve is the second witness as a function of $x_{t-1}$, scaled to area 1.)

# %% [markdown] slide="slide"
# ## 4 · The best estimate of the noise
#
# **Question.** There is no helper to whisper $x_0$. What is the next best thing?
#
# Estimate it. A network sees $x_t$ and $t$ and estimates $x_0$; the estimate goes into $\tilde\mu_t$. Or, which is the same information, it estimates the *noise* $\varepsilon$ that was mixed in: since $x_t = \sqrt{\bar\alpha_t}\,x_0 + \sqrt{1-\bar\alpha_t}\,\varepsilon$, either one gives the other. We write $\varepsilon_\theta(x_t, t)$ for this **noise predictor** with parameters $\theta$. Replace $x_0$ by $(x_t-\sqrt{1-\bar\alpha_t}\,\varepsilon_\theta)/\sqrt{\bar\alpha_t}$ in $\tilde\mu_t$. Since $\sqrt{\bar\alpha_{t-1}}/\sqrt{\bar\alpha_t}=1/\sqrt{\alpha_t}$, the weight of $\varepsilon_\theta$ becomes $-\frac{\beta_t}{\sqrt{\alpha_t}\sqrt{1-\bar\alpha_t}}$, and that of $x_t$ becomes $\frac{\beta_t+\alpha_t(1-\bar\alpha_{t-1})}{\sqrt{\alpha_t}(1-\bar\alpha_t)} = \frac{1}{\sqrt{\alpha_t}}$, by the numerator of section 3:
#
# $$\mu_\theta(x_t, t) = \frac{1}{\sqrt{\alpha_t}}\Big(x_t - \frac{\beta_t}{\sqrt{1-\bar\alpha_t}}\;\varepsilon_\theta(x_t,t)\Big).$$

# %%
any_noise = normal(999, 5)  # any estimate of the noise
estimated_x0 = (xt - (1 - abar).sqrt() * any_noise) / abar.sqrt()
in_x0_form, _ = linear.posterior(estimated_x0, xt, every_t)
in_noise_form = (xt - beta / (1 - abar).sqrt() * any_noise) / alpha.sqrt()
slip = (xt - beta / (1 - alpha).sqrt() * any_noise) / alpha.sqrt()
check("mean in x_0 form = mean in noise form, t = 2..1000", in_x0_form, in_noise_form,
      atol=1e-8, control={"the deck's root of 1 - alpha": slip})  # fmt: skip

# %% [markdown] slide="skip"
# **Why the noise, and not $x_{t-1}$ itself?** It works better in practice, says the deck; we do not test that. A plausible reason: $x_{t-1}$ is nearly $x_t$, so a network would mostly learn to copy its input.

# %% [markdown] slide="subslide"
# **What would the best noise predictor say?** Let $m(x_t)=\mathbb E[\varepsilon\mid x_t]$ be the mean of the noise among all cases with this $x_t$. For any other predictor $g$, write $\varepsilon-g=(\varepsilon-m)+(m-g)$ and square. The mixed term $\mathbb E\,(\varepsilon-m)(m-g)$ is zero: given $x_t$ the second factor is fixed, and the first has mean 0. So
#
# $$\mathbb E\lVert\varepsilon-g\rVert^2=\mathbb E\lVert\varepsilon-m\rVert^2+\mathbb E\lVert m-g\rVert^2 :$$
#
# under a squared error **the conditional mean is best**, and the error of any other $g$ is larger by its mean squared distance from it.
#
# **And the conditional mean is the score.** The slope $\nabla\log q(x_t)$ of the log density is called the **score**: it points in the direction in which the density rises fastest. Its relation to the noise takes three lines.
#
# 1. The density of $x_t$ averages the leap over the data: $q(x_t)=\int q(x_t\mid x_0)\,q(x_0)\,dx_0$.
# 2. Differentiate under the integral. The leap is a Gaussian, so $\nabla q(x_t\mid x_0) = -\frac{x_t-\sqrt{\bar\alpha_t}\,x_0}{1-\bar\alpha_t}\;q(x_t\mid x_0)$, and the numerator is $\sqrt{1-\bar\alpha_t}\,\varepsilon$.
# 3. Divide by $q(x_t)$. The left side is $\nabla\log q(x_t)$. On the right, by Bayes' rule, $q(x_t\mid x_0)\,q(x_0)/q(x_t)=q(x_0\mid x_t)$, so the integral is a mean given $x_t$:
#
# $$\nabla\log q(x_t) = -\frac{\mathbb E[\varepsilon\mid x_t]}{\sqrt{1-\bar\alpha_t}}, \qquad\text{that is}\qquad \mathbb E[\varepsilon \mid x_t] = -\sqrt{1-\bar\alpha_t}\;\nabla \log q(x_t).$$
#
# In words: *to estimate the noise is to know which way is uphill.* So training on the noise is **denoising score matching** (Vincent 2011). (With $x_0$ on the left it is Tweedie's formula of notebook 10.)
#
# **A world in which all this is known.** Let the data be a mixture of two Gaussians on a line, with weights $w_k$, means $m_k$ and standard deviations $s_k$. Shrinking and adding noise keeps a mixture a mixture: $q(x_t) = \sum_k w_k\,\mathcal N\big(\sqrt{\bar\alpha_t}\,m_k,\ \bar\alpha_t s_k^2 + 1-\bar\alpha_t\big)$, so its score is a formula. `ddpm.MixtureNoisePredictor` is $-\sqrt{1-\bar\alpha_t}$ times that formula.

# %%
HUMPS = WEIGHTS, MEANS, STDS = [0.35, 0.65], [[-1.4], [0.8]], [0.2, 0.45]


def density(x, signal=1.0, spread=0.0):
    """Of x_t at x, an array: both humps shrunk by signal, with noise of std spread."""
    humps = [norm.pdf(x, signal * m, np.hypot(signal * s, spread))
             for (m,), s in zip(MEANS, STDS, strict=True)]  # fmt: skip
    return WEIGHTS[0] * humps[0] + WEIGHTS[1] * humps[1]


hundred = ddpm.cosine_schedule(100)
exact = ddpm.MixtureNoisePredictor(hundred, *HUMPS)

# %% [markdown]
# The left side, $\mathbb E[\varepsilon\mid x_t]$, is integrated over all $x_0$ on a grid; the slope on the right is taken from two neighbouring points.

# %%
signal = hundred.alpha_bars[60].sqrt().item()
spread = np.sqrt(1 - signal**2)
places = np.linspace(-5, 5, 401)  # x_60
noise = (places[:, None] - signal * line) / spread  # eps from x_0 = line
joint = density(line) * norm.pdf(noise)
given_xt = (joint * noise).sum(axis=1) / joint.sum(axis=1)
found = exact(torch.tensor(places[:, None]), torch.full((401,), 60))[:, 0]
check("exact predictor = E[eps | x_t], integrated", found, given_xt, atol=1e-6)
up, down = (np.log(density(places + h, signal, spread)) for h in (1e-5, -1e-5))
score = (up - down) / 2e-5
check("exact predictor = -sqrt(1 - abar) times the slope of log q", found,
      -spread * score, atol=1e-6, control={"the factor left out": -score})  # fmt: skip

wave = np.sin(3 * places)  # some other predictor
least, error = ((joint * (noise - g[:, None]) ** 2).sum() for g in (given_xt, wave))
further = joint.sum(axis=1) @ (given_xt - wave) ** 2
check("error of another predictor = least error + its distance", error, least + further,
      rtol=1e-10)  # fmt: skip

# %% [markdown] slide="slide"
# ## 5 · Which loss? The bound and its short form
#
# **Question.** The network is trained with a squared error. Is that maximum likelihood, or just a heuristic?
#
# Read the chain as a latent variable model: the latents are $x_1, \dots, x_T$, all as large as the image; the encoder $q$ is fixed; the decoder walks back, $p_\theta(x_{t-1}\mid x_t) = \mathcal N(\mu_\theta(x_t,t),\ \tilde\beta_t)$, starting from $p(x_T) = \mathcal N(0, I)$. (Its last step, to $x_0$, gets the variance $\beta_1$, since $\tilde\beta_1 = 0$ would leave no density.)
#
# **From Jensen's inequality to three terms.**
#
# 1. *Jensen*, as for the VAE: $\log p_\theta(x_0)=\log\mathbb E_q\frac{p_\theta(x_{0:T})}{q(x_{1:T}\mid x_0)}\ge\mathbb E_q\log\frac{p_\theta(x_{0:T})}{q(x_{1:T}\mid x_0)}$. (The deck compares the right side with $P(x)$ instead of $\log P(x)$. That is true as well, since $\log p < p$, and says nothing.)
# 2. *Both chains are Markov*, so the logarithm of the quotient is a sum: $\log p(x_T)+\sum_{t\ge1}\log p_\theta(x_{t-1}\mid x_t)-\sum_{t\ge1}\log q(x_t\mid x_{t-1})$.
# 3. *Turn the steps of $q$ round.* For $t\ge2$ Bayes' rule, given $x_0$, says $q(x_t\mid x_{t-1})=q(x_{t-1}\mid x_t,x_0)\,\frac{q(x_t\mid x_0)}{q(x_{t-1}\mid x_0)}$.
# 4. *The fractions telescope.* From $t=2$ to $T$ their product is $q(x_T\mid x_0)/q(x_1\mid x_0)$, and the denominator cancels with the step $t=1$, which was not turned.
# 5. *Collect*, and take expectations; logarithms of quotients become divergences:
#
# $$\log p_\theta(x_0) \;\ge\; \underbrace{\mathbb E \log p_\theta(x_0\mid x_1)}_{\text{reconstruction}} - \sum_{t=2}^{T} \underbrace{\mathbb E\, \mathrm{KL}\big(q(x_{t-1}\mid x_t,x_0)\,\|\,p_\theta(x_{t-1}\mid x_t)\big)}_{\text{denoising}} - \underbrace{\mathrm{KL}\big(q(x_T\mid x_0)\,\|\,p(x_T)\big)}_{\text{prior}} .$$
#
# Each denoising term compares two Gaussians of the same variance $\tilde\beta_t$, so only the means count; and by section 4 these differ by $\frac{\beta_t}{\sqrt{\alpha_t}\sqrt{1-\bar\alpha_t}}\,(\varepsilon_\theta-\varepsilon)$. Square, and divide by $2\tilde\beta_t$:
#
# $$\mathrm{KL} = \frac{\lVert \tilde\mu_t - \mu_\theta\rVert^2}{2\tilde\beta_t} = \frac{\beta_t}{2\,\alpha_t\,(1-\bar\alpha_{t-1})}\;\lVert \varepsilon - \varepsilon_\theta(x_t,t)\rVert^2 .$$
#
# The grouping must hold for any predictor, not only for the best. So we test it on two, with $T = 8$: the exact one, and one that puts out only 80 % of what it should.


# %% [markdown] slide="subslide" says="Before the grouping: the log-ratio of step 2, averaged over paths. After it: the three terms. They must agree."
# **Before the grouping:** walk out, and add up the log-ratio of step 2 along the path, a Gaussian density for each step out and each step back. **After the grouping:** the three terms, in the package's `elbo`. Both are averaged over random noise, and agree to within its error.


# %%
from torch.distributions import Normal


def back(net, s, x, t):
    """p(x_{t-1} | x_t = x), a Normal; its variance at t = 1 is beta_1."""
    eps = net(x, torch.full((len(x),), t))
    mean = (x - s.betas[t] / (1 - s.alpha_bars[t]).sqrt() * eps) / s.alphas[t].sqrt()
    tilde = s.betas[t] * (1 - s.alpha_bars[t - 1]) / (1 - s.alpha_bars[t])
    return Normal(mean, (tilde if t > 1 else s.betas[1]).sqrt())


def log_ratio(net, s, x):
    """log p(x_0, ..., x_T) - log q(x_1, ..., x_T | x_0) along random paths, (n, 1)."""
    total = 0.0
    for t in range(1, s.T + 1):
        out = Normal(s.alphas[t].sqrt() * x, s.betas[t].sqrt())
        later = out.mean + out.stddev * normal(*x.shape)
        total = total + back(net, s, later, t).log_prob(x) - out.log_prob(later)
        x = later
    return total + Normal(0.0, 1.0).log_prob(x)


eight = ddpm.NoiseSchedule(np.linspace(0.05, 0.6, 8))
ideal_8 = ddpm.MixtureNoisePredictor(eight, *HUMPS)
point = torch.full((50_000, 1), 0.7, dtype=torch.float64)
for share in (1.0, 0.8):  # of the noise that the predictor puts out
    predictor = partial(lambda c, x, t: c * ideal_8(x, t), share)
    model_8 = ddpm.DDPM(predictor, eight, shape=1).double()
    terms = model_8.elbo(point, rng=dice)
    grouped, paths = terms["elbo"], log_ratio(predictor, eight, point)
    ungrouped = (grouped + terms["denoising"]).mean()
    claim = f"{share:.0%}: log-ratio of whole paths = three terms"
    check(claim, paths.mean(), grouped.mean(),
          se=torch.hypot(grouped.std(), paths.std()) / 50_000**0.5,
          control={"no denoising terms": ungrouped})  # fmt: skip

# %%
t, x0, eps = torch.arange(2, 9), normal(7, 1), normal(7, 1)
xt = model_8.q_sample(x0, t, eps)
squared = ((eps - model_8.output(xt, t)) ** 2).sum(1)
weight = eight.betas[2:] / (2 * eight.alphas[2:] * (1 - eight.alpha_bars[1:-1]))
check("KL of a step = weighted noise error, t = 2..8", model_8.denoising_kl(x0, xt, t),
      weight * squared, rtol=1e-9, control={"unweighted": squared})  # fmt: skip

# %% [markdown]
# **The short form.** Ho et al. drop the weights and train with $\mathbb E\,\lVert \varepsilon - \varepsilon_\theta(x_t, t)\rVert^2$, each $t$ equally often. What does that change? A common factor changes no minimum, so we compare shapes: what share of the weight falls on each $t$?

# %%
weights = linear.betas[2:] / (2 * linear.alphas[2:] * (1 - linear.alpha_bars[1:-1]))
claim = "in the bound t = 2 weighs 90 times as much as t = 200"
check(claim, weights[0], 90 * weights[198], relation=">=",
      control={"short form": weights[198]})  # fmt: skip
early = weights[:99].sum() / weights.sum()  # t = 2..100
print(f"t <= 100 has {early:.0%} of the bound's weight, "
      f"{99 / 999:.0%} of the short form's")  # fmt: skip
figure = pictures.step_weights(weights.numpy())
plots.show(figure,
    alt="Share of all weight by step: the bound's falls steeply from t = "
    "2, then creeps up; the short form is level.")  # fmt: skip

# %% [markdown]
# Step for step, the bound weighs the smallest noise levels most: the first tenth of the steps gets four times the weight that the short form gives it. These last touches matter for the likelihood, and, as Ho et al. argue, little for the appearance; the short form moves effort to larger $t$, where shapes are decided. The best predictor is the same for both, since it is best at every $t$ separately; they differ in what a network of limited size spends itself on.

# %% [markdown] slide="slide"
# ## 6 · The two algorithms, line by line
#
# **Algorithm 1, training.** Repeat: draw a clean $x_0$; draw $t$ uniformly from $1, \dots, T$; draw $\varepsilon$; leap to $x_t$; take a gradient step on $\lVert\varepsilon - \varepsilon_\theta(x_t,t)\rVert^2$. No chain is ever simulated.


# %% tags=["slide-code"]
def simple_loss(net, x0, schedule):
    t, eps = (
        torch.randint(1, schedule.T + 1, (len(x0),), generator=dice),
        normal(*x0.shape),
    )
    abar = schedule.alpha_bars[t][:, None]
    xt = abar.sqrt() * x0 + (1 - abar).sqrt() * eps
    return ((eps - net(xt, t)) ** 2).sum(1).mean()


# %%
def draw_mixture(n):
    """Points (n, 1) of the two humps."""
    hump = torch.multinomial(torch.tensor(WEIGHTS), n, replacement=True, generator=dice)
    return torch.tensor(MEANS)[hump] + torch.tensor(STDS)[hump, None] * normal(n, 1)


samples = draw_mixture(8192)
timid = ddpm.DDPM(lambda x, t: 0.8 * exact(x, t), hundred, shape=1).double()
ours = torch.stack([simple_loss(timid.output, samples, hundred) for _ in range(100)])
theirs = torch.stack([timid.loss(samples, rng=dice) for _ in range(100)])
error = torch.hypot(ours.std(), theirs.std()) / 10
check("loss by hand = coursekit's, on average", ours.mean(), theirs.mean(), se=error)

# %% [markdown]
# (Coursekit spreads the times of a batch evenly over $1..T$; the average is the same.)

# %% [markdown] slide="subslide"
# **How does the network know what time it is?** One network serves all $t$, and its task changes with $t$, so it must be told. The number $t$ itself is a poor input: to tell $t=3$ from $t=4$ and yet accept $t=900$, a linear layer would need huge weights. So $t$ is turned into many smooth numbers between $-1$ and $1$, the hands of many clocks, some fast, some slow. This **time embedding** is the position code of the transformer (notebook 07):
#
# $$e(t) = \big(\cos\omega_0 t, \dots, \cos\omega_{k-1}t,\ \sin\omega_0 t,\dots,\sin\omega_{k-1}t\big), \qquad \omega_i = 10000^{-i/k}.$$
#
# Since $\cos a\cos b+\sin a\sin b=\cos(a-b)$, the inner product $e(t)\cdot e(s)=\sum_i\cos\omega_i(t-s)$ depends on the *difference* of the times only: near times are alike, wherever they are.

# %%
from coursekit.networks import TimeMLP, time_embedding

times = torch.arange(0, 201, dtype=torch.float64)
angles = times[:, None] * 10_000.0 ** (-torch.arange(16, dtype=torch.float64) / 16)
embedded = torch.cat([angles.cos(), angles.sin()], dim=1)  # (201, 32)
check("e(t) by hand = coursekit", embedded, time_embedding(times, 32), atol=1e-12)
alike = embedded @ embedded.T
check("e(t) . e(s) depends on t - s alone", alike.diagonal(37), alike[0, 37],
      atol=1e-10)  # fmt: skip
plots.show(pictures.clocks(times.numpy(), embedded.numpy(), alike[100].numpy()),
    alt="Left, 32 numbers for each t from 0 to 200: cosines above, sines "
    "below, fast stripes in the first rows of each and slowly "
    "changing shades in the last. Right, the inner product of e(100) "
    "with all others: a peak at 100 that falls off to both sides in "
    "waves.")  # fmt: skip

# %% [markdown]
# And how does it act? The embedding goes through a small network of its own. If there are classes (section 8), a learned vector for the class is added. What comes out is turned into three numbers for each hidden unit: a *scale* and a *shift* of the block's normalised input, and a *gate* on its output. So the same weights compute a different function at each $t$. That is all of `TimeMLP`; here it is by hand.

# %%
torch.manual_seed(0)
net = TimeMLP(3, width=16, n_blocks=2, n_time=8, n_classes=4).double()
for parameter in net.parameters():  # a new network answers 0: move all weights
    torch.nn.init.normal_(parameter, std=0.5)
x, t, y = normal(7, 3), torch.arange(10, 80, 10), torch.arange(7) % 4
told = net.time(time_embedding(t.double(), 8)) + net.labels.vectors(y + 1)  # (7, 8)
h = net.enter(x)
for modulation, block in zip(net.modulations, net.blocks, strict=True):
    scale, shift, gate = modulation(told).chunk(3, dim=-1)
    h = h + gate * block(net.norm(h) * (1 + scale) + shift)
check("forward pass by hand = TimeMLP", net.leave(net.norm(h)), net(x, t, y),
      atol=1e-12,
      control={"another time": net(x, t + 1, y), "no class": net(x, t)})  # fmt: skip

# %% [markdown]
# Now train small networks on draws from the mixture, where we know what they should find: three seeds. We measure the mean squared distance from the exact predictor, relative to its mean square, in three bands of $t$. For comparison: the first network after three times the steps; the first when it is always told $t=50$; and the best *linear* predictor, which knows only the mean and variance of the data.


# %%
def best_line(x, t):
    """E[eps | x_t] for a single Gaussian with the data's mean and variance."""
    abar = hundred.alpha_bars[t][:, None]
    total = abar * samples.var() + 1 - abar
    return (1 - abar).sqrt() * (x - abar.sqrt() * samples.mean()) / total


def missed(predictor, low, high):
    """Squared distance from the exact predictor, relative to its size."""
    t = torch.linspace(low, high, 8192).round().long()
    xt = timid.q_sample(samples, t, normal(8192, 1))
    best = exact(xt, t)
    return ((predictor(xt.float(), t) - best) ** 2).mean() / (best**2).mean()


# %% tags=["nbval-ignore-output"]
from coursekit.training import fit


def small_net(seed, n_steps):
    """A noise predictor for the mixture, trained."""
    torch.manual_seed(seed)
    net = TimeMLP(1, width=32, n_blocks=1, n_time=16)
    fit(ddpm.DDPM(net, hundred, shape=1), samples, n_steps=n_steps, seed=seed,
        learning_rate=3e-3, schedule="cosine")  # fmt: skip
    return net.requires_grad_(False)


networks = [small_net(seed, 500) for seed in range(3)]
predictors = dict(zip(("net 0", "net 1", "net 2"), networks, strict=True))
predictors["net 0, 1500 steps"] = small_net(0, 1500)
predictors["always told t = 50"] = lambda x, t: networks[0](x, torch.full_like(t, 50))
predictors["best line"] = best_line
bands = (1, 10), (11, 60), (61, 100)
misses = {name: [missed(each, *band).item() for band in bands]
          for name, each in predictors.items()}  # fmt: skip
heads = (f"t = {low}..{high}" for low, high in bands)
print("squared error, relative", *(f"{head:>12}" for head in heads))
for name, row in misses.items():
    print(f"{name:23}", *(f"{miss:12.1%}" for miss in row))

# %%
for k, bar in enumerate((0.5, 0.15, 0.05)):
    nets = [misses[f"net {seed}"][k] for seed in range(3)]
    controls = {"always told t = 50": misses["always told t = 50"][k]}
    controls |= {"best line": misses["best line"][k]} if k < 2 else {}
    claim = "t = {}..{}: squared error at most {:.0%} of the exact one's mean square"
    check(claim.format(*bands[k], bar), nets, bar, relation="<=", control=controls)
for k, bar in ((0, 0.25), (2, 0.004)):
    claim = "three times the steps, t = {}..{}: at most {:.1%}"
    check(claim.format(*bands[k], bar), misses["net 0, 1500 steps"][k], bar,
          relation="<=", control={"net 0": misses["net 0"][k]})  # fmt: skip
check("t = 61..100: after 500 steps the best line misses less than every network",
      misses["best line"][2], min(nets), relation="<=",
      control={"always told t = 50": misses["always told t = 50"][2]})  # fmt: skip

curves, xs = {}, torch.linspace(-3, 3, 301)[:, None]
for t in (10, 40, 80):
    at, bar = torch.full((301,), t), hundred.alpha_bars[t].item()
    learned = torch.cat([net(xs, at) for net in networks], dim=1).T.numpy()
    likely = density(xs[:, 0].numpy(), bar**0.5, (1 - bar) ** 0.5)
    curves[t] = exact(xs, at)[:, 0].numpy(), learned, likely
figure = pictures.predictor_curves(xs[:, 0].numpy(), curves)
plots.show(figure,
    alt="Estimate of the noise against x at t = 10, 40 and 80. The "
    "curves of three trained networks follow the dashed exact curve "
    "where x lies; at small t it is a steep zigzag that they round "
    "off, at large t nearly a straight line.")  # fmt: skip

# %% [markdown]
# At $t = 80$ nine tenths of the variance of $x_t$ are noise, so the best estimate of the noise is nearly proportional to $x_t$: a straight line. In this last band the best line misses less than all three networks (the last check); the first comes near it after three times the steps. At $t = 10$ the estimate is zero near the middle of each hump and jumps between them: to the left of the gap it says "you belong to the left hump". The small networks round the jump off, and miss by most there; three times the steps mend most of it.

# %% [markdown] slide="subslide"
# **Algorithm 2, sampling** (*ancestral sampling*: one draw per step, from the end of the chain to its start). Start with $x_T \sim \mathcal N(0, I)$. For $t = T, \dots, 1$: draw $z \sim \mathcal N(0, I)$, but $z = 0$ when $t = 1$; then
#
# $$x_{t-1} = \frac{1}{\sqrt{\alpha_t}}\Big(x_t - \frac{1-\alpha_t}{\sqrt{1-\bar\alpha_t}}\;\varepsilon_\theta(x_t,t)\Big) + \sigma_t z .$$
#
# That is the mean of section 4 plus noise, with the variance $\sigma_t^2 = \tilde\beta_t$. Under the root is $1-\bar\alpha_t$; the deck prints $\sqrt{1-\alpha_t}$, which makes the correction too large (section 4's control). At $t=1$ there is no noise: $\tilde\beta_1 = 0$, since with $x_0$ known nothing is left to estimate.


# %% tags=["slide-code"]
def step_back(net, schedule, x, t, z):
    """One line of Algorithm 2, sigma^2 = beta tilde; x and z (n, d), t a number."""
    alpha, abar = schedule.alphas[t], schedule.alpha_bars[t]
    sigma = ((1 - schedule.alpha_bars[t - 1]) / (1 - abar) * (1 - alpha)).sqrt()
    eps = net(x, torch.full((len(x),), t))
    return (x - (1 - alpha) / (1 - abar).sqrt() * eps) / alpha.sqrt() + sigma * z


# %%
ideal = ddpm.DDPM(exact, hundred, shape=1).double()
path, misses, again = [normal(16, 1)], [], torch.Generator()
for t in range(100, 0, -1):
    z = torch.randn(16, 1, generator=again.manual_seed(t), dtype=torch.float64)
    rng = again.manual_seed(t)
    package = ideal.p_sample(path[-1], torch.full((16,), t), rng=rng)
    path.append(step_back(exact, hundred, path[-1], t, z))
    misses.append((path[-1] - package).abs().max())
claim = "Algorithm 2 by hand = p_sample, at each of 100 steps"
check(claim, torch.stack(misses), 0.0, atol=1e-9)
canvas = np.linspace(-3, 3, 400)
shades = [density(canvas, a**0.5, (1 - a) ** 0.5) for a in hundred.alpha_bars.tolist()]
walks = torch.cat(path[::-1], dim=1).T.numpy()
figure = pictures.mixture_over_time(canvas, np.stack(shades), walks)
plots.show(figure,
    alt="The density of x against t in grey: two humps at the left edge "
    "melt into one at the right. Sixteen blue paths start on the "
    "right anywhere and end on the left in the two humps.")  # fmt: skip

# %% [markdown]
# Follow one path from the right. Around the middle of the chain it drifts to one side, and the last steps only polish. Nothing but noise chose the hump: that of the start, and that of the steps.

# %% [markdown] slide="subslide"
# **Predict before you run:** with the *exact* predictor, do samples follow the data's distribution exactly?
#
# <details><summary>Answer</summary>
# Not in general, for any finite $T$. The true step back $q(x_{t-1}\mid x_t)$ is a mixture of Gaussians, one for each possible $x_0$, and we replace it by a single Gaussian with the variance of one of them. Small steps make the error small: that is what a large $T$ is for.
# </details>
#
# To see a small error we cannot rely on samples: their own scatter would hide it. So take data that are one Gaussian, $\mathcal N(m, s^2)$. Then everything stays Gaussian, the true step back included, and two numbers tell all. The score of $x_t$ is $-(x-\sqrt{\bar\alpha_t}\,m)/(\bar\alpha_t s^2+1-\bar\alpha_t)$. By section 4, Algorithm 2 adds $\beta_t$ times the score to $x_t$. With $c_t=\beta_t/(\bar\alpha_t s^2+1-\bar\alpha_t)$ the step is therefore *linear*, $x_{t-1}=\big(x_t-c_t\,(x_t-\sqrt{\bar\alpha_t}\,m)\big)/\sqrt{\alpha_t}+\sqrt{\tilde\beta_t}\,z$, and the variance of the samples becomes $(1-c_t)^2/\alpha_t$ times what it was, plus $\tilde\beta_t$: a recursion from $\mathcal N(0,1)$ at $t=T$ down to $t=0$.


# %%
def sampled_moments(schedule, m, s, *, noise=1.0):
    """Mean and standard deviation of Algorithm 2's samples, for data N(m, s^2)."""
    mean, variance = 0.0, 1.0
    for t in range(schedule.T, 0, -1):
        abar, beta = schedule.alpha_bars[t].item(), schedule.betas[t].item()
        pull = beta / (abar * s**2 + 1 - abar)  # beta / sqrt(1 - abar) times eps' slope
        mean = (mean - pull * (mean - abar**0.5 * m)) / (1 - beta) ** 0.5
        tilde = beta * (1 - schedule.alpha_bars[t - 1].item()) / (1 - abar)
        variance = ((1 - pull) ** 2 * variance) / (1 - beta) + noise * tilde
    return mean, variance**0.5


def too_narrow(T, noise=1.0):
    return 0.45 - sampled_moments(ddpm.cosine_schedule(T), 0.8, 0.45, noise=noise)[1]


lengths = [25, 50, 100, 200, 400, 1000]
loss = [too_narrow(T) for T in lengths]
silent = [too_narrow(T, noise=0.0) for T in lengths]
check("twice the steps: half the error", np.divide(loss[1:5], loss[:4]), 0.5, atol=0.1,
      control={"without noise": np.divide(silent[1:5], silent[:4])})  # fmt: skip
lines = [("Algorithm 2", loss, "model"), ("no noise", silent, "wrong")]
title = "with its noise, the exact predictor nears the data as T grows"
figure = pictures.falling_lines(lengths, lines, slope=-1, title=title)
plots.show(figure,
    alt="By how much the standard deviation of the samples is too small, "
    "for T from 25 to 1000 on logarithmic scales. Algorithm 2 falls "
    "like one over T; without noise the error stays at 0.45, the "
    "whole width of the data.")  # fmt: skip

# %%
one = ddpm.MixtureNoisePredictor(hundred, [1.0], [[0.8]], [0.45])  # data N(0.8, 0.45^2)
draws = ddpm.DDPM(one, hundred, shape=1).double().sample(20_000, rng=dice)
computed, std = sampled_moments(hundred, 0.8, 0.45)
check("mean of 20 000 samples = computed", draws.mean(), computed, se=std / 20_000**0.5)
check("their standard deviation too", draws.std(), std, se=std / 40_000**0.5)

# %% [markdown]
# The samples are too narrow at each of the six $T$, less and less so: $\tilde\beta_t$, which was derived for a known $x_0$, is the right variance only if the data are a single point. ($\sigma_t^2=\beta_t$, the other choice of Ho et al., is right if they are a standard normal; with many steps the two differ little at most $t$.)
#
# The red line leaves the noise out, and its samples lose their whole width, at each of the six $T$. Every step is an average over many possible pasts, and averaging shrinks the spread. The noise puts it back. (Section 9 does without noise after all, with another step.)

# %% [markdown] slide="slide" says="**Where to diffuse?** An image has many pixels but few ways to vary. So first compress, then diffuse the codes, then decode: **latent diffusion**.\n\n**What to predict?** $v = \\sqrt{\\bar\\alpha_t}\\,\\varepsilon - \\sqrt{1-\\bar\\alpha_t}\\,x_0$: never a nearly empty task, neither at small $t$ nor at large."
# ## 7 · Digits, and why they are no blur
#
# **Where to diffuse?** An image has many pixels but few ways to vary. So first compress, then diffuse the codes, then decode: **latent diffusion**. For larger images the compressor is an autoencoder; for 14 × 14 digits PCA will do. We keep 40 scores (coordinates, not the *score* of section 4) and divide them all by one number, so that their mean variance is 1.

# %%
from coursekit import pca

flat = pca.PCA(40).fit(train)
scale = np.sqrt(flat.explained_variance_.mean())


def encode(images):
    return torch.tensor(flat.transform(images) / scale, dtype=torch.float32)


def decode(codes):
    return flat.inverse_transform(codes.double().numpy() * scale)


# %% [markdown]
# **What should the network predict?** At large $t$ the noise is nearly $x_t$ itself, at small $t$ the clean image is: either task is then nearly empty, and what follows from it is badly determined (section 10 shows how badly). Salimans and Ho (2022) turn from one into the other: $v = \sqrt{\bar\alpha_t}\,\varepsilon - \sqrt{1-\bar\alpha_t}\,x_0$. Multiply $x_t$ by $\sqrt{\bar\alpha_t}$, subtract $\sqrt{1-\bar\alpha_t}\,v$, and the noise cancels: $x_0=\sqrt{\bar\alpha_t}\,x_t-\sqrt{1-\bar\alpha_t}\,v$. In the same way $\varepsilon=\sqrt{\bar\alpha_t}\,v+\sqrt{1-\bar\alpha_t}\,x_t$. We ask the package: a model with `target="v"` whose network puts out the true $v$ must recover both.


# %%
x0, eps, t = normal(9, 5), normal(9, 5), torch.arange(10, 100, 10)
s, r = hundred.mixing(t, x0)  # sqrt(abar), sqrt(1 - abar)
v, xt = s * eps - r * x0, s * x0 + r * eps
of_v, of_noise = (ddpm.DDPM(lambda x, t: v, hundred, shape=5, target=target)
                  for target in ("v", "noise"))  # fmt: skip
for k, (name, truth) in enumerate({"x_0": x0, "eps": eps}.items()):
    misread = of_noise.predict(xt, t)[k]
    check(f"target v: {name} recovered", of_v.predict(xt, t)[k], truth, atol=1e-12,
          control={"read as noise": misread})  # fmt: skip

# %% [markdown]
# One network is enough for sections 7 to 9. In nine of ten training examples it is told the digit's class (section 8 says how). The measurements over three seeds are stored; seed 0 is trained again here.

# %% tags=["nbval-ignore-output"]
from coursekit.ddpm import recipe

labels = torch.tensor(train_set.labels)
model = recipe.class_digits(encode(train), labels, seed=0).requires_grad_(False)
chain = model.schedule  # cosine, T = 200

# %% [markdown]
# **How good are the samples?** A *judge*, a small classifier of real digits, reads them. Its *confidence* is its mean largest probability. Beside it we use measures from its features (notebook 13): the *Fréchet distance* between Gaussians fitted to samples and test digits; *precision*, the share of samples that look like test digits; and *recall*, the share of test digits that some samples look like. Last, the *edges*, the mean squared difference between neighbouring pixels: low for a blur, high for noise. (The samples are drawn in 50 strides, as in section 9.) For comparison: real digits, the same from their 40 scores, the same averaged over 2 × 2 pixels, samples from ten Gaussians, one fitted to each class's scores, and each class's mean image.

# %% tags=["nbval-ignore-output"]
from scipy.ndimage import uniform_filter

from coursekit import evaluation

judge = evaluation.digit_judge(train, labels)
asked = torch.arange(10).repeat_interleave(100)  # a hundred of each digit
order = np.argsort(train_set.labels, kind="stable").reshape(10, 500)
real = train[order[:, :100].ravel()]
given = {"condition": asked, "rng": torch.Generator().manual_seed(1)}
chance, tens = np.random.default_rng(0), []
for of_one in order:
    cloud = encode(train[of_one]).double().numpy()
    tens.append(chance.multivariate_normal(cloud.mean(axis=0), np.cov(cloud.T), 100,
                                           method="cholesky"))  # fmt: skip
rivals = {
    "training digits": real,
    "the same from 40 scores": decode(encode(real)),
    "the same blurred": uniform_filter(real.reshape(-1, 14, 14), (1, 2, 2)),
    "diffusion, seed 0": decode(model.sample_ddim(1000, 50, eta=1.0, **given)),
    "ten Gaussians": decode(torch.tensor(np.concatenate(tens))),
    "class means": train[order].mean(axis=1).repeat(100, axis=0),
}
table = {}
for name, x in rivals.items():
    table[name] = recipe.class_quality(judge, x.reshape(1000, 196), asked, test)
    table[name]["edges"] = recipe.edges(x, (14, 14))
print(" " * 23, *(f"{measure.split()[0]:>10}" for measure in table["class means"]))
for name, row in table.items():
    print(f"{name:23}", *(f"{value:10.2f}" for value in row.values()))


# %%
def over_seeds(runs, **given):
    """Three measures in three stored runs each."""
    return {key: runs.column(key, **given) for key in (fid, "precision", "recall")}


stored, more = data.results("ddpm_guided"), data.results("ddpm_more")  # seeds 0, 1, 2
print(stored)
print(more)
fid, through = "Frechet distance", table["the same from 40 scores"]
here, blurs = table["diffusion, seed 0"], ("the same blurred", "class means")
unguided = over_seeds(stored, part="guidance", guidance=0)
unguided["edges"] = more.column("edges", part="clipped", guidance=0)
check("seed 0 again: Fréchet distance as stored", here[fid], unguided[fid][0], rtol=0.1,
      control={"seed 1": unguided[fid][1], "seed 2": unguided[fid][2]})  # fmt: skip
for key, relation, bar, others in (
    (fid, "<=", 20, blurs),
    ("recall", ">=", 0.4, blurs),
    ("precision", ">=", 0.8, ["ten Gaussians"]),
):
    check(f"3 seeds: {key} {relation} {bar}", unguided[key], bar, relation=relation,
          control={other: table[other][key] for other in others})  # fmt: skip
check("3 seeds: at least two thirds of the edges of real digits from 40 scores",
      unguided["edges"], through["edges"] * 2 / 3, relation=">=",
      control={other: table[other]["edges"] for other in blurs})  # fmt: skip
tens = table["ten Gaussians"]
for key, relation in ((fid, ">="), ("recall", "<=")):
    check(f"3 seeds: {key} {relation} that of ten Gaussians", unguided[key], tens[key],
          relation=relation,
          control={"training digits": table["training digits"][key]})  # fmt: skip

# %%
calm, calmer = (over_seeds(stored, part="strides", strides=n, eta=0) for n in (50, 100))
longer, both = (over_seeds(more, part="longer", eta=eta) for eta in (1, 0))
check("3 seeds: with eta = 0 and three times the steps closer than ten Gaussians",
      both[fid], tens[fid], relation="<=",
      control={"diffusion": unguided[fid].min(),
               "eta = 1": longer[fid].min()})  # fmt: skip
gap = {"ten Gaussians": tens, "diffusion": unguided, "50 strides, eta = 0": calm,
       "100 strides, eta = 0": calmer, "three times the steps": longer,
       "the last two together": both}  # fmt: skip
for name, row in gap.items():
    about = "≈ " if row is tens else ""
    print(f"{name:21}", *(f"{key} {about}{np.mean(row[key]):.2f}" for key in longer))
by_label = np.argsort(test_set.labels, kind="stable")[::34]  # thirty, all classes
names, rng = torch.tensor(test_set.labels[by_label]), torch.Generator().manual_seed(2)
shown = decode(model.sample(30, condition=names, rng=rng))
of_class = [100 * k + j for k in range(10) for j in range(3)]  # three of each digit
rows = [("test digits", test[by_label]), ("diffusion", shown)]
rows += [("Gaussians", rivals["ten Gaussians"][of_class])]
figure = pictures.strips(rows, (14, 14), n_columns=10,
                         title="ten Gaussians are no easy rival")  # fmt: skip
plots.show(figure,
    alt="Three blocks of thirty, sorted: test digits; samples of the diffusion model, "
    "asked for the same digits, and samples of ten Gaussians. In both most can be "
    "read and some are smeared, of the Gaussians a few more.")  # fmt: skip

# %% [markdown]
# Read the table from its last row. The judge is *surest* of the mean of each class, and its precision is perfect: confidence alone would call ten blurred pictures the best generator. Recall unmasks them, and so do the edges. Diffusion has most of the edges that the 40 scores let through: its samples are no blur. Ten Gaussians, told the class as diffusion is, are a close rival: by distance and recall they are *better* than our network. Part of the gap is our sampler: without fresh noise ($\eta=0$, section 9) and in 100 strides the same networks come to 5.6 in distance and 0.76 in recall. Three times the steps of training bring less, and cost recall. With both (last line) diffusion is ahead in distance, too, but not in recall. In precision it is ahead in every line: more of its samples are close to test digits.

# %% [markdown]
# **Why does this not end in a blur, as autoencoders and VAEs do?** The squared error averages (notebook 11), maximum likelihood would rather blur than miss anything (00), the deck blames the "assumption that $x\sim\mathcal N$". These are one explanation: a Gaussian likelihood per pixel *is* a squared error; where several images are possible its maximum is their average. A decoder must answer *once*. Diffusion has the same squared error! Its estimate of $x_0$ from pure noise is the average of all digits of the class. But then it takes a small step and asks again. At the new, less noisy point fewer images are possible, so the next estimate is an average of fewer. Repeated asking is what leads away from the mean, not the fresh noise: section 9 draws none.

# %%
digits, code, estimates = torch.arange(10), torch.randn(10, 40, generator=dice), {}
for t in range(200, 0, -1):
    now = torch.full((10,), t)
    estimates[t] = decode(model.predict_x0(code, now, condition=digits))
    code = model.p_sample(code, now, condition=digits, rng=dice)
blur = rivals["class means"][::100]
error = {t: np.sqrt(((estimates[t] - blur) ** 2).mean(axis=1)) for t in (200, 1)}
check("at t = 200 each estimate is its class mean, to 0.15 per pixel", error[200], 0.15,
      relation="<=", control={"at t = 1": error[1].min()})  # fmt: skip
strength = {t: recipe.edges(estimates[t], (14, 14)) for t in (200, 150, 90, 1)}
check("at t = 1: at least two thirds of the edges of real digits from 40 scores",
      strength[1], through["edges"] * 2 / 3, relation=">=",
      control={"at t = 200": strength[200]})  # fmt: skip
print("edges at t = 200, 150, 90, 1:", *(f"≈ {each:.2f}" for each in strength.values()))
rows = [(f"t = {t}", estimates[t]) for t in (200, 150, 120, 90, 60, 1)]
figure = pictures.strips(rows, (14, 14), title="from the mean of a class to one digit")
plots.show(figure,
    alt="Estimated images of ten walks, one for each digit. At t = 200 "
    "each is the blurred mean of its class; further down the rows "
    "they take a shape of their own, at t = 90 they are settled, and "
    "after that they only become crisper.")  # fmt: skip

# %% [markdown]
# In the explorer you choose $t$. Left, digits that the network has never seen, the same at time $t$, and its estimate. Right, one of the 40 numbers: triangles for its clean, estimated and noisy value, and the bell curve of $q(x_{t-1}\mid x_t, x_0)$, in grey with the true $x_0$, in blue with the estimate.

# %% tags=["nbval-ignore-output"]
from coursekit import widgets
from coursekit.ddpm import explorers

unseen, rng = encode(test[::125]), torch.Generator().manual_seed(1)
fog = torch.randn(8, 40, generator=rng)
explorers.time_explorer(model, unseen, fog, decode, (14, 14))

# %% slide="skip"
frame = partial(explorers.time_frame, model, unseen, fog, decode, (14, 14))
widgets.static_frames(frame, [{"t": 25}, {"t": 100}, {"t": 180}],
    alt="Three positions of the explorer. At t = 25 the estimate is "
    "nearly the clean image and the two bell curves coincide; at t "
    "= 100 the estimate looks like a digit, not always the right "
    "one; at t = 180 all estimates are grey blurs. The bell curves "
    "nearly coincide there, too.")  # fmt: skip

# %% [markdown]
# At $t = 180$ the estimate is far from the truth, and yet the bell curves nearly coincide: one step back depends little on $x_0$, so a vague estimate does little harm there.
#
# **Is it merely memorising?** A pointed question, since we know the best predictor for the *training set*: a mixture with one hump of width zero at each training digit. No network gets below its training loss. Here is what it samples. Over all pairs of a sample and a new digit we count *how often the sample is nearer to the training set*: half of the time if samples keep the distance that new digits keep, always for copies. And how often is the *nearest* of all 6000 digits one of the 5000 seen in training? For copies always, by chance five times in six.

# %%
codes, unseen_codes = encode(train).double(), encode(test).double()
even = np.full(5000, 1 / 5000)
perfect = ddpm.MixtureNoisePredictor(chain, even, codes, 0 * even)
copier = ddpm.DDPM(perfect, chain, shape=40).double()
everyone = torch.cat([codes, unseen_codes])  # 5000 seen, 1000 new


def nearest_is_seen(z):
    """Share of the codes z whose nearest digit of all is a training digit."""
    return (torch.cdist(z.double(), everyone).argmin(1) < 5000).double().mean().item()


share, seen = {}, {}
print(" " * 22, "nearer  nearest is seen")
for name, z in (("perfect predictor", copier.sample_ddim(12, 20, rng=dice)),
                ("our network, seed 0", encode(rivals["diffusion, seed 0"])),
                ("ten Gaussians", encode(rivals["ten Gaussians"])),
                ("white noise", normal(1000, 40))):  # fmt: skip
    share[name] = evaluation.nearest_share(z, codes, unseen_codes)
    seen[name] = nearest_is_seen(z)
    print(f"{name:22} {share[name]:4.1f}   ≈ {seen[name]:.2f}")
trained = {1500: {"part": "clipped", "guidance": 0}, 4500: {"part": "longer", "eta": 1}}
for n_steps, given in trained.items():
    nearer, of_seen = (more.column(k, **given) for k in ("nearer", "nearest is seen"))
    print(f"{n_steps} steps, 3 seeds {nearer.mean():9.2f}    {of_seen.mean():.2f}")
    claim = f"{n_steps} steps, 3 seeds: the nearest digit is seen in at most 92%"
    check(claim, of_seen, 0.92, relation="<=",
          control={"perfect predictor": seen["perfect predictor"]})  # fmt: skip

# %% [markdown]
# The perfect predictor memorises. Our network does not. Its share of 0.42 rises to 0.53 with three times the steps; but even then the nearest digit is one seen in training hardly more often than for ten Gaussians, which cannot copy. (A few copies would not show.) That alone is no praise: white noise copies nothing either. So a diffusion model makes *new* images only because its network falls short of the minimum; ours, we suppose, is too smooth to single out every training image.

# %% [markdown] slide="slide" says="**Tell the network the class** $y$: a learned vector, added to the time embedding. Hide it in one of ten training examples, and one network knows both $\\varepsilon_\\theta(x_t,t,y)$ and $\\varepsilon_\\theta(x_t,t)$.\n\n**Classifier-free guidance** goes further in the direction in which the two differ:"
# ## 8 · A digit on demand
#
# **Question.** How do we ask for a seven?
#
# **Tell the network the class.** Each class $y$ gets a learned vector, and that vector is added to the time embedding, as computed by hand in section 6: it reaches every scale, shift and gate. Nothing else changes. By section 4 the best $\varepsilon_\theta(x_t, t, y)$ is $-\sqrt{1-\bar\alpha_t}\;\nabla\log q(x_t\mid y)$. In one of ten training examples the label is hidden, and a further vector, for "no class", is used instead: so the same network also learns the unconditional score.
#
# **Guidance.** With both at hand one can exaggerate (Ho and Salimans 2022). Bayes' rule, $q(y\mid x_t)=q(x_t\mid y)\,q(y)/q(x_t)$, has the slope
#
# $$\nabla\log q(y\mid x_t)=\nabla\log q(x_t\mid y)-\nabla\log q(x_t),$$
#
# the direction in which $x_t$ becomes a clearer example of $y$. A classifier could supply it; the difference of our two scores *is* it, hence **classifier-free**. Add $w$ times this difference:
#
# $$\tilde\varepsilon=\varepsilon_\theta(x_t,t,y)+w\,\big(\varepsilon_\theta(x_t,t,y)-\varepsilon_\theta(x_t,t)\big)\ \ \text{is, up to}\ -\sqrt{1-\bar\alpha_t},\ \ \text{the score of}\ \ q(x_t\mid y)\;q(y\mid x_t)^w .$$
#
# $w=0$ is the conditional model. The larger $w$, the more the samples are pushed towards what tells $y$ from the other classes. Let us see it where we know everything: $y$ is the left hump of our mixture.


# %%
left = ddpm.MixtureNoisePredictor(hundred, [1.0], MEANS[:1], STDS[:1])  # knows y = left


def log_tilted(x, w):
    """log of q(x_60 | left) q(left | x_60)^w, up to a constant."""
    only = norm.pdf(x, signal * MEANS[0][0], np.hypot(signal * STDS[0], spread))
    return np.log(only) + w * np.log(WEIGHTS[0] * only / density(x, signal, spread))


def told_or_not(x, t, y=None):
    return exact(x, t) if y is None else left(x, t)


either = ddpm.DDPM(told_or_not, hundred, shape=1)
grid, t_60 = np.linspace(-3, 3, 61), torch.full((61,), 60)
y_left = torch.zeros(61, dtype=torch.int64)
x_60 = torch.tensor(grid[:, None])
for w in (0.0, 1.0, 3.0):
    guided = either.output(x_60, t_60, condition=y_left, guidance=w)[:, 0]
    slope = (log_tilted(grid + 1e-5, w) - log_tilted(grid - 1e-5, w)) / 2e-5
    claim = f"w = {w:g}: guided output = score of q(x | y) q(y | x)^w"
    check(claim, guided, -spread * slope, atol=1e-5,
          control={"no class": exact(x_60, t_60)[:, 0]})  # fmt: skip

# %% [markdown] slide="subslide"
# **Predict before you run:** ten digits, asked for by name, with $w=0$, 0.25 and 4. What gets better as $w$ grows, and what gets worse?
#
# <details><summary>Answer</summary>
# They become easier to read. But strokes get blacker than any in the data, and unusual ways of writing a digit disappear.
# </details>

# %%
named, sheets = torch.arange(10).repeat(3), []
for w in (0.0, 0.25, 4.0):
    given = {"condition": named, "guidance": w, "rng": torch.Generator().manual_seed(4)}
    sheets.append((f"w = {w:g}", decode(model.sample_ddim(30, 50, eta=1.0, **given))))
title = "digits, asked for by name"
figure = pictures.strips(sheets, (14, 14), n_columns=10, title=title)
plots.show(figure, alt="Three blocks of three rows; each row has the digits 0 to 9 in "
    "order. Without guidance nearly all can be read and a few are faint or smeared; "
    "with a little those become clearer; at w = 4 all are black and neat.")  # fmt: skip
plots.show(pictures.guidance(stored),
    alt="Three panels against the guidance from 0 to 4, three seeds. The share of "
    "digits the judge misreads falls from three per cent to nearly zero. The Fréchet "
    "distance is lowest at 0.25 and then rises steeply. Precision falls from 0.9 to "
    "zero, recall more slowly.")  # fmt: skip


# %%
def at_w(key, w):
    return stored.column(key, part="guidance", guidance=w)


check("w = 0.25: Fréchet distance at most 6.5, 3 seeds", at_w(fid, 0.25), 6.5,
      relation="<=",
      control={"w = 0": at_w(fid, 0).min(),
               "w = 0.5": at_w(fid, 0.5).min()})  # fmt: skip
read = "read as asked"
check("w = 1: at most 1 in 100 is misread, 3 seeds", 1 - at_w(read, 1.0), 0.01,
      relation="<=", control={"w = 0": (1 - at_w(read, 0.0)).min()})  # fmt: skip


def cut(key, w):
    """As at_w, every pixel clipped to [-1, 1]."""
    return more.column(key, part="clipped", guidance=w)


check("w = 4, clipped to [-1, 1]: recall at most 0.2, 3 seeds", cut("recall", 4), 0.2,
      relation="<=", control={"w = 0, clipped": cut("recall", 0).min()})  # fmt: skip
for w in (0, 4):
    for name, column in (("as they are", at_w), ("clipped", cut)):
        precision, recall = column("precision", w).mean(), column("recall", w).mean()
        print(f"w = {w}, {name:12} precision {precision:.2f}, recall {recall:.2f}")
print(f"w = 4: largest pixel {at_w('largest pixel', 4.0).mean():.1f}")
print(f"w = 0.25: distance {at_w(fid, 0.25).mean():.1f}, "
      f"recall {at_w('recall', 0.25).mean():.2f}")  # fmt: skip

# %% [markdown]
# A little guidance mends the doubtful digits: the judge reads more of them as asked, and the Fréchet distance falls, while precision already falls a little. The distance alone could be had otherwise: with $\eta=0$ and 100 strides (section 7) it is as low without guidance. With more of it the samples leave the data: at $w=4$ the judge reads every one of them as asked, and yet hardly any is close to a test digit; the darkest pixels are far beyond the 1 that stands for black. Clipping the pixels, as image generators do, brings back part of the precision but not the variety: recall stays far below that of the unguided samples, clipped likewise. Clipping itself costs recall. (One caution: at different $t$ these densities $q(x_t\mid y)\,q(y\mid x_t)^w$ belong to no one noising chain, so not even an exact network samples them exactly.)

# %% [markdown] slide="slide"
# ## 9 · Fewer steps: DDIM
#
# **Question.** Hundreds of calls of a network for one image? A GAN needs one.
#
# The loss only ever used $q(x_t\mid x_0)$, never the single steps. So the same trained network serves any other chain with the same leaps. Song, Meng and Ermon (2021) take strides (papers: *sampling steps*) from $t$ to any earlier $s$: estimate $\hat x_0$ and $\hat\varepsilon$, and mix them again for time $s$, keeping part of the old noise and drawing part of it afresh, $z\sim\mathcal N(0,I)$. A number $\eta$ between 0 and 1 sets how much is fresh:
#
# $$x_s = \sqrt{\bar\alpha_s}\,\hat x_0 + \sqrt{1-\bar\alpha_s-\sigma^2}\;\hat\varepsilon + \sigma z, \qquad \sigma^2 = \eta^2\,\frac{1-\bar\alpha_s}{1-\bar\alpha_t}\Big(1-\frac{\bar\alpha_t}{\bar\alpha_s}\Big).$$
#
# If $\hat x_0$ and $\hat\varepsilon$ were the true ones, $x_s$ would have, given $x_0$, the mean $\sqrt{\bar\alpha_s}\,x_0$ and the variance $(1-\bar\alpha_s-\sigma^2)+\sigma^2$: the leap to $s$, whatever $\sigma$ is. With $\eta = 1$ and $s = t-1$ this is Algorithm 2: $\sigma^2$ is then $\tilde\beta_t$, so $1-\bar\alpha_s-\sigma^2=\alpha_t(1-\bar\alpha_{t-1})^2/(1-\bar\alpha_t)$; its root times $\hat\varepsilon=(x_t-\sqrt{\bar\alpha_t}\,\hat x_0)/\sqrt{1-\bar\alpha_t}$ gives $x_t$ its weight in $\tilde\mu_t$, and leaves $\hat x_0$ its own. With $\eta = 0$ only the start is drawn.


# %% tags=["slide-code"]
def stride(net, schedule, x, t, s, eta, z):
    """One DDIM step from time t to time s, numbers; x and z (n, d)."""
    abar_t, abar_s = schedule.alpha_bars[t], schedule.alpha_bars[s]
    eps = net(x, torch.full((len(x),), t))
    x0 = (x - (1 - abar_t).sqrt() * eps) / abar_t.sqrt()
    variance = eta**2 * (1 - abar_s) / (1 - abar_t) * (1 - abar_t / abar_s)
    kept_noise = (1 - abar_s - variance).clamp(min=0).sqrt() * eps
    return abar_s.sqrt() * x0 + kept_noise + variance.sqrt() * z


# %%
x, t_80, t_40 = normal(50, 1), torch.full((50,), 80), torch.full((50,), 40)
ours = torch.stack([stride(exact, hundred, x, t, t - 1, 1.0, x) for t in range(1, 101)])
theirs = torch.stack([step_back(exact, hundred, x, t, x) for t in range(1, 101)])
check("eta = 1, s = t - 1: the DDPM step, at each of 100 t", ours, theirs, atol=1e-8)
z = torch.randn(50, 1, generator=dice.manual_seed(3), dtype=torch.float64)
for eta in (0.0, 0.5, 1.0):
    package, other = (ideal.ddim_step(x, t_80, t_40, eta=e, rng=dice.manual_seed(3))
                      for e in (eta, 1 - eta / 2))  # fmt: skip
    check(f"a stride with eta = {eta:g}, by hand = coursekit", package,
          stride(exact, hundred, x, 80, 40, eta, z), atol=1e-12,
          control={"another eta": other})  # fmt: skip

# %% [markdown]
# **How many strides do digits need?** Here are stored measurements for 1 to 100 strides, three seeds, no guidance.

# %%
through = table["the same from 40 scores"]
figure = pictures.quality(stored, through)
plots.show(figure,
    alt="Three panels against the number of strides from 1 to 100, for "
    "eta 0 and 1, three seeds; dotted, real digits from 40 scores. "
    "The judge's confidence falls from 0.99 to 0.95. The Fréchet "
    "distance falls from over 80 to 6, steeply until 10 strides. "
    "Recall rises from zero to the dotted line. Eta 0 is the better "
    "line in the last two.")  # fmt: skip


def after(key, n, eta=0.0):
    return stored.column(key, part="strides", strides=n, eta=eta)


check("one stride: the judge is surer than of real digits", after("confidence", 1),
      through["confidence"], relation=">=",
      control={"50 strides": after("confidence", 50).max()})  # fmt: skip
check("20 strides, eta = 0: Fréchet distance at most 8, 3 seeds", after(fid, 20), 8.0,
      relation="<=",
      control={"5 strides": after(fid, 5).min(),
               "eta = 1": after(fid, 20, 1.0).min()})  # fmt: skip
check("20 strides: recall at least 0.6, 3 seeds", after("recall", 20), 0.6,
      relation=">=", control={"5 strides": after("recall", 5).max()})  # fmt: skip

print("strides  eta  distance  recall  precision  read as asked")
for n, eta in ((5, 0), (20, 0), (20, 1), (100, 0), (100, 1)):
    row = [after(key, n, eta).mean() for key in (fid, "recall", "precision", read)]
    print(f"{n:7} {eta:4} {row[0]:9.1f} {row[1]:7.2f} {row[2]:10.2f} {row[3]:14.1%}")

# %% [markdown]
# One stride gives nearly the mean image of the class, and the judge is surer of it than of real digits from 40 scores: confidence measures the wrong thing. With $\eta=0$ 20 strides are a little behind 100, by distance and by recall; five are far behind. But precision and the share read as asked *fall* from 5 strides to 100. By distance and recall $\eta=0$ is better from two strides on. By precision and by the share read as asked $\eta=1$ is a little ahead from five on.

# %% [markdown] slide="skip"
# **Larger images.** In `benchmarks/ddpm.py` an autoencoder compresses the 784 pixels of MNIST to 32 numbers, and a diffusion model learns these.

# %% [markdown] slide="slide"
# ## 10 · What goes wrong
#
# **A schedule that is too short.** Somebody wants faster sampling and sets $T = 20$, with betas that again run from 0.0001 to 0.02.

# %%
brief = ddpm.DDPM(torch.nn.Identity(), short, shape=196)
all_digits = torch.tensor(test)
forgotten, remembered = (model_t.prior_kl(all_digits) for model_t in (leaper, brief))
check("linear, T = 1000: prior term below 0.01 nats for every digit", forgotten, 0.01,
      relation="<=", control={"T = 20": remembered.min()})  # fmt: skip
print(f"T = 20: {remembered.min():.0f} nats or more for every digit")

# %% [markdown]
# The prior term of the bound contains no parameter: it says *before any training* that this chain does not forget. The walk back would start from $\mathcal N(0, I)$, a distribution that the walk out never reaches. Is that the cause, or is it that 20 steps are few? On our mixture we can tell them apart.

# %% [markdown] slide="subslide"
# The same 20 steps are started from $\mathcal N(0,1)$, and from where the walk out really ends.

# %%
from coursekit.wgan import earth_mover_1d


def walked_back(schedule, x):
    """Where points x (n, 1) at t = T end at t = 0, with the exact predictor."""
    predictor = ddpm.MixtureNoisePredictor(schedule, *HUMPS)
    for t in range(schedule.T, 0, -1):
        x = step_back(predictor, schedule, x, t, normal(*x.shape))
    return x


n, left_over, reached = 50_000, short.alpha_bars[20], {}
for _ in range(3):  # all draws anew
    data_0, noise_0 = draw_mixture(n), normal(n, 1)
    walk_end = left_over.sqrt() * data_0 + (1 - left_over).sqrt() * noise_0
    points = {"20 steps from the walk's end": walked_back(short, walk_end),
              "20 steps from N(0, 1)": walked_back(short, normal(n, 1)),
              "20 steps, cosine": walked_back(ddpm.cosine_schedule(20), normal(n, 1)),
              "the walk's end": walk_end, "fresh data": draw_mixture(n)}  # fmt: skip
    goal = draw_mixture(n)
    for name, x in points.items():
        distance = earth_mover_1d(x[:, 0], goal[:, 0])
        reached.setdefault(name, []).append(distance)
first, *others, fresh = reached
check("20 steps from where the walk out ends: distance at most 0.035, 3 draws",
      reached[first], 0.035, relation="<=",
      control={name: min(reached[name]) for name in others})  # fmt: skip
for name, values in reached.items():
    print(f"{name:28} {np.mean(values):.3f}")

# %% [markdown]
# Only the second walk comes near the data, if not as near as fresh data do. Twenty steps *are* few, too: a cosine schedule of 20, which does forget, makes a smaller error than the walk from $\mathcal N(0,1)$, but still a visible one. So look at $\bar\alpha_T$ before you train.

# %% [markdown] slide="subslide"
# **Predicting the noise near $t = T$.** An estimate of the noise gives an estimate of the image,
# $\hat x_0 = (x_t - \sqrt{1-\bar\alpha_t}\;\hat\varepsilon)/\sqrt{\bar\alpha_t}$. Any error of $\hat\varepsilon$ is multiplied by $\sqrt{(1-\bar\alpha_t)/\bar\alpha_t}$.
#
# **Predict before you run:** the cosine schedule has $\bar\alpha_T$ near 0. Train the network of section 7 for 200 steps, to put out the *noise* instead of $v$; and, to be fair, another with the target $v$. What will the samples look like, and what will the judge say?
#
# <details><summary>Answer</summary>
# With the target v they are smeared digits. With the noise they blow up to numbers more than a hundred times larger than in any digit. And the judge is more confident about these than about real digits.
# </details>

# %% tags=["nbval-ignore-output"]
blown = []
for target in ("noise", "v"):
    short_run = {"seed": 0, "target": target, "n_steps": 200}
    young = recipe.class_digits(encode(train), labels, **short_run)
    given = {"condition": named[:20], "rng": torch.Generator().manual_seed(5)}
    made = young.sample_ddim(20, 50, eta=1.0, **given)
    blown.append((f"target {target}", decode(made)))

# %%
x0, eps, t = codes[:4], normal(4, 40), torch.tensor([20, 100, 180, 200])
s, r = chain.mixing(t, x0)
off = (s * x0 + r * eps - r * (eps + 0.01)) / s - x0  # from an error of 0.01 in eps
check("error of x_0 = sqrt((1 - abar) / abar) times that of eps", off.abs().amax(1),
      0.01 * (r / s)[:, 0], rtol=1e-6)  # fmt: skip
print("factors at t = 20, 100, 180, 200:", *(f"{f:.1f}" for f in (r / s)[:, 0]))
print("steps: largest pixel and share read as asked, target noise | target v")
for n_steps, runs in ((200, stored), (600, more), (1500, more)):
    noisy, tame = (partial(runs.column, part="target", steps=n_steps, target=target)
                   for target in ("noise", "v"))  # fmt: skip
    for key, bar in (("largest pixel", 100), ("confidence", 0.99)):
        check(f"target noise, {n_steps} steps, 3 seeds: {key} above {bar}", noisy(key),
              bar, relation=">=", control={"target v": tame(key).max()})  # fmt: skip
    sides = (f"{each('largest pixel').mean():6.1f} {each(read).mean():4.0%}"
             for each in (noisy, tame))  # fmt: skip
    print(f"{n_steps:5}:", " | ".join(sides))
largest, tame = (np.abs(images).max() for _, images in blown)
check("seed 0 again: largest pixel above 100", largest, 100, relation=">=",
      control={"target v": tame})  # fmt: skip
title = "200 steps: with the target noise the samples blow up"
figure = pictures.strips(blown, (14, 14), n_columns=10, title=title)
plots.show(figure,
    alt="Two blocks of two rows, made after 200 steps of training. With "
    "the target noise all pictures are blocks of pure black and "
    "white; with the target v they are smeared digits in the order 0 "
    "to 9, many of which can be read.")  # fmt: skip

# %% [markdown]
# The last $\beta$ of the cosine schedule is 0.999, and the first step, from $t = T$, magnifies any error. (After 1500 steps, as many as our own network had, the largest pixel is still in the hundreds, and no more samples are read as asked than with $v$ after 200.) Ho's linear schedule, with its last $\beta$ of 0.02, takes no such step; predicting $v$ removes the cause. And a classifier may be most confident far away from everything it knows.

# %% [markdown] slide="slide"
# ## 11 · Summary
#
# | Claim | Where it was checked | Code in [`ddpm/model.py`](../coursekit/ddpm/model.py) |
# | --- | --- | --- |
# | step by step = one leap, mean and covariance | section 2 | `DDPM.q_sample`, [`ddpm/schedule.py`](../coursekit/ddpm/schedule.py) |
# | the step back given $x_0$ is a product of two Gaussians | section 3 | `NoiseSchedule.posterior` |
# | mean in $x_0$ form = mean in noise form | section 4 | `DDPM.predict` |
# | the conditional mean is the best predictor, and it is $-\sqrt{1-\bar\alpha_t}$ times the score | section 4 | `MixtureNoisePredictor` |
# | log-ratio of whole paths = three terms of the bound; KL of a step = weighted noise error | section 5 | `DDPM.denoising_kl`, `DDPM.elbo` |
# | Algorithms 1 and 2 by hand = package | section 6 | `DDPM.loss`, `DDPM.p_sample` |
# | inner products of the time embedding depend on time differences; the network by hand | section 6 | [`networks.time_embedding`, `TimeMLP`](../coursekit/networks.py) |
# | data of one Gaussian: the exact predictor's samples are too narrow, about half as much at twice the $T$; without noise they lose their width | section 6 | `DDPM.sample` |
# | from $v$ follow $x_0$ and $\varepsilon$ | section 7 | `DDPM.predict` |
# | the first estimate is nearly the class mean, the last is not; the samples are no blur and not memorised | section 7 | |
# | guidance = score of $q(x\mid y)\,q(y\mid x)^w$; a little helps, much destroys variety | section 8 | `DDPM.output` |
# | DDIM with $\eta = 1$ and all steps is DDPM; by distance and recall 20 strides are far ahead of five | section 9 | `DDPM.ddim_step`, `DDPM.sample_ddim` |
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
# Not for that reason: the smallest possible training loss belongs to the model that memorises. Look at the loss on unseen images.
# </details>
#
# <details><summary>5. You trained with T = 1000. Must you train again in order to sample in 50 steps, or with guidance?</summary>
# For 50 steps, no: the loss depends on q(x_t | x_0) alone, and DDIM's strides share it. For guidance the network must know both the conditional and the unconditional score, so the label must have been hidden now and then in training.
# </details>
#
# **Homework:** [`hw17_ddpm`](homework/release/hw17_ddpm/hw17_ddpm.ipynb): the leap, the posterior, a step of Algorithm 2, a DDIM stride, and a sampler that fails twice. The [solutions](../notebooks/homework/source/hw17_ddpm/hw17_ddpm.ipynb) are in a folder of their own.
#
# **References.** J. Sohl-Dickstein et al. (2015), *Deep unsupervised learning using nonequilibrium thermodynamics*. P. Vincent (2011), *A connection between score matching and denoising autoencoders*. J. Ho, A. Jain and P. Abbeel (2020), *Denoising diffusion probabilistic models*. J. Song, C. Meng and S. Ermon (2021), *Denoising diffusion implicit models*. Y. Song et al. (2021), *Score-based generative modeling through stochastic differential equations*. A. Nichol and P. Dhariwal (2021), *Improved denoising diffusion probabilistic models*. J. Ho and T. Salimans (2022), *Classifier-free diffusion guidance*. T. Salimans and J. Ho (2022), *Progressive distillation for fast sampling of diffusion models*. R. Rombach et al. (2022), *High-resolution image synthesis with latent diffusion models*. W. Peebles and S. Xie (2023), *Scalable diffusion models with transformers* (scale, shift and gate).
