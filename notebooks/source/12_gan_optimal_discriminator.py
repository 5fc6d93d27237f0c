# ---
# jupyter:
#   coursekit:
#     cpu_seconds: 50
#     minutes: 100
# ---

# %% [markdown] slide="slide"
# # 12 · Generative adversarial networks: a forger, an inspector, and the inspector's best answer
#
# **After this notebook you can** write down the game of a generator against a discriminator, derive the best discriminator and the value of the game it leads to, say why the first loss one would write hardly moves a bad generator and what to write instead, program Algorithm 1, and recognise a generator that has collapsed.
#
# **Time:** 100 minutes to work through; it runs in about 50 seconds. **You need:** densities, expectations, the logarithm, a derivative, the eigenvalues and the determinant of a 2 × 2 matrix, and having seen a network trained by gradient descent. **It follows** the GAN lectures of the unsupervised learning deck, the generative models deck, the VAE and GAN class, and the GAN deck, which labels real samples 0 where the others label them 1. We write 1 for real and show that it makes no difference. **It adds** the frozen-$D^*$ argument for the $\log D$ trick, least squares, and the order of play on $J = xy$. **Not here:** image generators (DCGAN), unrolled games and batch norms are in notebook 13; conditional GANs, pix2pix and CycleGAN in notebook 15; the Wasserstein GAN in notebook 14.
#
# Every line that starts with ✓ is a claim that was computed on both sides just now, on your machine. If one fails, the notebook stops there.

# %%
import numpy as np
import torch
import torch.nn.functional as F
from scipy import stats

from coursekit import data, gan, plots
from coursekit.checks import check

plots.use_course_style()

# %% [markdown] slide="slide" says="How do you teach a machine to make things when you cannot write down what makes them good? Hire two people.\n\nA **forger** makes things: the *generator* $G$ turns noise $z$ into a sample.\n\nAn **inspector** says how sure she is that a piece is real: the *discriminator*, $D(x)$ between 0 and 1."
# ## 1 · A forger and an inspector
#
# How do you teach a machine to make things when you cannot write down what makes them good? You can always collect examples. So hire two people. A **forger** makes things. An **inspector** is shown real and forged pieces in turn and says how sure she is that each is real. She learns from her errors, he learns from her opinion. Neither ever needs a definition of "good".
#
# The forger is the *generator* $G$. It draws noise $z$ from a standard normal and turns it into a sample $G(z)$; its weights are $\theta$. We call the density of its samples $p_\text{model}$. Usually nobody can compute this density; we can only draw from it. The inspector is the *discriminator* $D$, with weights $\phi$. $D(x)$, between 0 and 1, is her probability that $x$ is real.

# %% [markdown]
# In this notebook we stay on a line for as long as we can, with densities that we do know. So we can compute what the players in a real game can only feel their way to.

# %%
from coursekit.gan import pictures

x = np.linspace(-15, 15, 6001)
dx = x[1] - x[0]
p_data = 0.4 * stats.norm.pdf(x, -2, 0.7) + 0.6 * stats.norm.pdf(x, 1.5, 0.9)
p_model = stats.norm.pdf(x, 1.2, 1.8)
guess = 1 / (1 + np.exp(0.8 * x))  # an inspector: the further left, the surer

rng = np.random.default_rng(12)
n = 100_000
left = rng.random(n) < 0.4
real = np.where(left, rng.normal(-2, 0.7, n), rng.normal(1.5, 0.9, n))
fake = 1.2 + 1.8 * rng.normal(size=n)  # the generator G(z) = 1.2 + 1.8 z
inside = np.abs(x) < 7
plots.show(
    pictures.first_guess(real, fake, x[inside], guess[inside]),
    alt="Histograms of samples: the real ones have two humps, at -2 and 1.5, the generated ones a single wide hump "
    "at 1.2. Below, a guessed discriminator falls from 1 on the left to 0 on the right.",
)

# %% [markdown]
# The guess is not stupid: around the left hump a sample is indeed more likely real. But it is unfair to the right hump, and beyond $-4$, where almost only the wide model goes, it is sure of the wrong thing. We need a score that says *how* good an inspector is.
#
# **Formula.** Pay her the logarithm of the probability that she gave to the truth. That is $\log D(x)$ when $x$ is real and $\log(1 - D(x))$ when it is not. Add the two averages (not half of each) and you have the **value** of the game:
#
# $$V(D, G) = \mathbb E_{x \sim p_\text{data}} \log D(x) \;+\; \mathbb E_{z} \log\big(1 - D(G(z))\big).$$
#
# She wants it large, he wants it small: $\min_G \max_D V(D, G)$. One deck prints the generator's cost $\mathbb E \log(1-D)$ with the sign turned round; then he would help her. The average over $z$ is an average over $x \sim p_\text{model}$, so with known densities the value is an integral. Samples and integral must agree.

# %%
value = gan.game_value(guess, p_data, p_model, dx)
paid = np.log(1 / (1 + np.exp(0.8 * real))) + np.log(1 - 1 / (1 + np.exp(0.8 * fake)))
check("value from 100 000 samples = value by quadrature", paid.mean(), value, se=paid.std() / np.sqrt(n))
print(f"the guess is worth {value:.3f} nats")

# %% [markdown]
# Is that good? Compare with an inspector who tosses a coin, $D = \frac12$ everywhere. She gets $2\log\frac12 = -\log 4$, whatever the forger does. Keep this number in mind: it will come back twice, once as the forger's triumph and once as a trap.

# %%
coin = np.full_like(x, 0.5)
others = [stats.norm.pdf(x, mean, 0.5) for mean in (-8, 0, 8)]
coins = [gan.game_value(coin, p_data, q, dx) for q in (p_model, p_data, *others)]
check("a coin is worth -log 4 against any generator", coins, -np.log(4), atol=1e-9)
print(f"-log 4 = {-np.log(4):.3f} nats")

# %% [markdown] slide="slide"
# ## 2 · The best inspector
#
# **Question.** Hold the forger still. What should the inspector answer at a point $x$?
#
# **Intuition.** Stand at $x$ and count who comes by. If three real samples pass for every forged one, say $\frac34$. Nothing that happens at other points matters here.
#
# <details><summary><b>Predict before you run:</b> where the two densities cross, what is the best answer? And where the data has density zero but the model has not?</summary>
#
# One half at each crossing: both kinds come by equally often. Zero where only the model goes. Where neither goes, any answer is as good as another.
# </details>

# %% [markdown] slide="subslide"
# **Formula, by calculus of variations.** Write the value as one integral over $x$, and bend the answer a little, $D + \varepsilon\,\eta$, with any function $\eta$:
#
# $$V(D) = \int p_\text{data} \log D + p_\text{model} \log(1-D)\; dx, \qquad
# \frac{d}{d\varepsilon} V(D + \varepsilon \eta)\Big|_{\varepsilon=0} = \int \eta\,\Big(\frac{p_\text{data}}{D} - \frac{p_\text{model}}{1-D}\Big)\, dx .$$
#
# At a maximum this *first variation* is zero for every $\eta$. Could the bracket be positive somewhere? Then choose $\eta$ positive there and zero elsewhere, and the integral is not zero. So the bracket vanishes at every point, and solving for $D$ gives
#
# $$\boxed{\,D^*(x) = \frac{p_\text{data}(x)}{p_\text{data}(x) + p_\text{model}(x)}\,}$$
#
# It is a maximum, since the second variation $-\int \eta^2 \big(p_\text{data}/D^2 + p_\text{model}/(1-D)^2\big)\,dx$ is negative.

# %%
best = p_data / (p_data + p_model)
check("D* by hand = coursekit", best, gan.optimal_discriminator(p_data, p_model), atol=1e-15)
best_value = gan.game_value(best, p_data, p_model, dx)
print(f"the guess was worth {value:.3f}, the coin {-np.log(4):.3f}, D* is worth {best_value:.3f} nats")
plots.show(
    pictures.densities_and_answer(x[inside], p_data[inside], p_model[inside], best[inside],
                                  title="at each point: who comes by more often?"),
    alt="Above, the density of the data with two humps and that of the model with one wide hump. Below, the optimal "
    "discriminator: up to 0.87 around the left hump, a little above one half at the right hump, and towards zero far out.",
)  # fmt: skip

# %% [markdown] slide="subslide"
# Now the claim. It speaks about *every* way of bending, so we ask a thousand random waves $\eta$. We scale each by $D^*(1-D^*)$, so that the answer stays a probability.

# %%
waves = np.sin(rng.uniform(0.2, 4, (1000, 1)) * x + rng.uniform(0, 2 * np.pi, (1000, 1)))
eta = best * (1 - best) * waves
sizes = 10 ** rng.uniform(-3, -0.1, 1000)
bent = [gan.game_value(best + size * e, p_data, p_model, dx) for size, e in zip(sizes, eta, strict=True)]
check("none of 1000 bent answers beats D*", bent, best_value, relation="<=")

small = 1e-4
variation = [
    (gan.game_value(D + small * e, p_data, p_model, dx) - gan.game_value(D - small * e, p_data, p_model, dx))
    / (2 * small)
    for D, e in ((best, eta[0]), (best, eta[1]), (guess, eta[0]), (guess, eta[1]))
]
bracket = p_data / guess - p_model / (1 - guess)
formula = [0, 0, (eta[0] * bracket).sum() * dx, (eta[1] * bracket).sum() * dx]
check("first variation: zero at D*, the integral of the formula elsewhere", variation, formula, atol=1e-6)
check("and at the guess it is not zero", np.abs(formula[2:]), 1e-3, relation=">=")

# %%
bends = np.linspace(-0.9, 0.9, 41)
curves = [[gan.game_value(best + b * e, p_data, p_model, dx) for b in bends] for e in eta[:25]]
plots.show(
    pictures.value_along_directions(bends, curves, best_value),
    alt="Twenty-five curves of the value of the game against how far the discriminator is bent away from D*, all "
    "with their common top at zero, where D* is marked.",
)

# %% [markdown]
# All curves share their top. A curve that rose on one side would have refuted the derivation. Notice the flatness near the top: an inspector who is slightly wrong loses almost nothing, so a trained one will come near $D^*$ but will not sit on it.

# %% [markdown] slide="slide"
# ## 3 · What the game measures
#
# **Question.** Suppose she always plays $D^*$. What is the forger then minimising?
#
# **Formula.** Put $D^*$ into the value, and divide both arguments of the logarithms by two, which costs $\log 2$ each. With the average density $m = \frac12(p_\text{data} + p_\text{model})$,
#
# $$V(D^*, G) = \int p_\text{data} \log \frac{p_\text{data}}{2m} + p_\text{model} \log\frac{p_\text{model}}{2m}\,dx
# = \underbrace{\mathrm{KL}(p_\text{data}\,\|\,m) + \mathrm{KL}(p_\text{model}\,\|\,m)}_{2\,\mathrm{JSD}} - \log 4 .$$
#
# Here $\mathrm{KL}(p\,\|\,q) = \int p \log\frac pq\,dx$, the *Kullback-Leibler divergence*, is never negative and zero only for $p = q$. The two divergences together are twice the **Jensen-Shannon divergence**: how far each density lies from their average. It is zero if and only if the densities agree. So the best inspector turns the game into a measure of how far apart the two are (a divergence; its square root is a distance), and the forger's triumph is the value $-\log 4$: against a perfect forgery, even the best inspector can only toss a coin.

# %%
normal = stats.norm.pdf
couples = {
    "our game": (p_data, p_model),
    "equal": (p_data, p_data),
    "two Gaussians": (normal(x, 0, 1), normal(x, 1, 0.5)),
    "one hump missing": (p_data, normal(x, 1.5, 0.9)),
    "far apart": (normal(x, -8, 0.5), normal(x, 8, 0.5)),
}
values, divergences = [], []
for p, q in couples.values():
    m = (p + q) / 2
    values.append(gan.game_value(gan.optimal_discriminator(p, q), p, q, dx))
    divergences.append(
        sum((f[f > 1e-300] * np.log(f[f > 1e-300] / m[f > 1e-300])).sum() * dx for f in (p, q)) / 2
    )

check("value at D* = 2 JSD - log 4, five couples", values, 2 * np.array(divergences) - np.log(4), atol=1e-9)
check(
    "JSD by hand = coursekit",
    divergences,
    [gan.jensen_shannon(p, q, dx) for p, q in couples.values()],
    atol=1e-9,
)
check("JSD is never negative", divergences, 0, relation=">=", atol=1e-12)
check("and never above log 2", divergences, np.log(2), relation="<=", atol=1e-12)
for name, divergence in zip(couples, divergences, strict=True):
    print(f"{name:17} JSD = {divergence:.3f}")

# %% [markdown]
# "Far apart" has reached the ceiling: $\log 2 = 0.693$ nats is what one yes-or-no answer can tell. Push the two apart further and the number does not move. Remember this when a generator starts far from its data.

# %%
distances = np.linspace(0, 8, 161)
spreads = (0.5, 1.0, 2.0)
curves = [[gan.jensen_shannon(normal(x, -4, s), normal(x, d - 4, s), dx) for d in distances] for s in spreads]
plots.show(
    pictures.divergence_over_distance(distances, curves, [f"std {s:g}" for s in spreads]),
    alt="Jensen-Shannon divergence of two Gaussians against the distance of their means, for three widths. Each "
    "curve rises from zero and flattens at log 2, the narrow Gaussians first.",
)

# %% [markdown] slide="subslide"
# **The same game in other signs.** The GAN deck labels real samples 0 and forged ones 1, halves the sum, and lets the discriminator minimise. Its discriminator $\tilde D$ is then the probability of being *forged*, so $\tilde D = 1 - D$, and its cost is $-\frac12 V$. The best cost is $\log 2 - \mathrm{JSD}$, which the deck writes as $\mathrm{JSD} - \log 2$ for the negative. Nothing else changes. Where you read such a text, check which label is 1 before you copy a loss.


# %%
def deck_cost(forged):
    """Half the cross-entropy with labels real = 0 and forged = 1; forged: (n,) probabilities on the grid."""
    forged = forged.clip(2**-53, 1 - 2**-53)  # far out it rounds to 1, and log(1 - 1) would be infinite
    return -0.5 * (p_data * np.log(1 - forged) + p_model * np.log(forged)).sum() * dx


forged = p_model / (p_data + p_model)
check("the deck's best answer is 1 - D*", forged, 1 - best, atol=1e-15)
check("its best cost is log 2 - JSD", deck_cost(forged), np.log(2) - divergences[0], atol=1e-9)
check("its cost is minus half our value, for any answer", deck_cost(1 - guess), -value / 2, atol=1e-9)

# %% [markdown]
# **A point of rest.** At $p_\text{model} = p_\text{data}$ and $D = \frac12$ neither player gains by moving alone. She cannot: $D^*$ *is* one half there. He cannot: against a coin every generator scores $-\log 4$, as section 1 showed. Such a pair is called a **Nash equilibrium**. That it exists does not mean that two learners find it; sections 6 to 8 are about that.

# %% [markdown] slide="slide"
# ## 4 · Does a network find D*?
#
# A real inspector has no densities. She has samples and a network. The network returns a raw score $s(x)$, any number, and $D = \sigma(s) = 1/(1+e^{-s})$. Then $-\log D = \operatorname{softplus}(-s)$ and $-\log(1-D) = \operatorname{softplus}(s)$, with $\operatorname{softplus}(s) = \log(1+e^s)$. Written so, nothing overflows.


# %% tags=["slide-code"]
def inspector_loss(real_scores, fake_scores):
    """Minus the value of the game, from raw scores (n,) and (m,)."""
    return F.softplus(-real_scores).mean() + F.softplus(fake_scores).mean()


s_real, s_fake = torch.randn(6, dtype=torch.float64), torch.randn(9, dtype=torch.float64)
by_hand = inspector_loss(s_real, s_fake)
check("by hand = coursekit", by_hand, gan.discriminator_loss(s_real, s_fake, objective="minimax"), atol=1e-14)
ce = sum(F.binary_cross_entropy_with_logits(s, torch.full_like(s, y)) for s, y in ((s_real, 1), (s_fake, 0)))
check("= cross-entropy with labels 1 and 0, both halves added", by_hand, ce, atol=1e-14)

# %% [markdown]
# **Smoothed labels.** A network that is never contradicted grows ever surer. A common remedy is to aim at $1-\alpha$ instead of 1 for real samples, say 0.9. (Texts differ: some call the *target* $\alpha$, some the amount taken off. Here it is the amount.) Allow a target $\beta$ instead of 0 for forged ones too, and the derivation of section 2 gives
#
# $$D^*(x) = \frac{(1-\alpha)\,p_\text{data}(x) + \beta\,p_\text{model}(x)}{p_\text{data}(x) + p_\text{model}(x)} .$$
#
# **Least squares.** Instead of logarithms, pay squared distances of the raw score from the labels: $\frac12\mathbb E_\text{data}(s-1)^2 + \frac12\mathbb E_\text{model}\,s^2$. At one point that is $\frac12 p_\text{data}(s-1)^2 + \frac12 p_\text{model}s^2$, with its minimum at $s = p_\text{data}/(p_\text{data}+p_\text{model})$. The same $D^*$, without a sigmoid. The generator then pays $\frac12\mathbb E_\text{model}(s-1)^2$: it wants its samples to score like real ones.
#
# We train a small network for each of the three, on fresh samples, from three random starts.

# %%
from coursekit.networks import mlp


def trained(objective, alpha, seed, n_steps=300):
    """D(x) on the grid, of a network trained with 512 samples of each kind a step."""
    torch.manual_seed(seed)
    game = gan.GAN(torch.nn.Linear(1, 1), mlp((1, 32, 32, 1), activation="tanh"), n_latent=1,
                   objective=objective, label_smoothing=alpha)  # fmt: skip
    step = torch.optim.Adam(game.opponent.parameters(), 1e-2, fused=True)
    decay = torch.optim.lr_scheduler.LinearLR(step, 1, 0, n_steps)
    reals, fakes = (torch.tensor(a[:, None], dtype=torch.float32) for a in (real, fake))
    for _ in range(n_steps):
        rows, others = torch.randint(n, (2, 512))
        step.zero_grad()
        game.opponent_loss(reals[rows], fakes[others]).backward()
        step.step()
        decay.step()
    return game.probability(torch.tensor(x[:, None], dtype=torch.float32)).detach().numpy()


# %%
versions = {"cross-entropy": ("minimax", 0.0), "smoothed, α = 0.1": ("minimax", 0.1),
            "least squares": ("least_squares", 0.0)}  # fmt: skip
learned = [[trained(*version, seed) for seed in (0, 1, 2)] for version in versions.values()]
answers = [gan.optimal_discriminator(p_data, p_model, alpha=alpha) for _, alpha in versions.values()]
seen = (x > np.quantile(fake, 0.01)) & (x < np.quantile(fake, 0.99))
errors = np.abs(np.array(learned) - np.array(answers)[:, None])[:, :, seen].max(axis=2)  # (versions, seeds)

# %% tags=["nbval-ignore-output"]
for name, row in zip(versions, errors, strict=True):
    print(
        f"{name:18} largest error {row.mean():.3f}, standard error over 3 seeds {row.std(ddof=1) / np.sqrt(3):.3f}"
    )

# %%
check("largest error where 98 % of the model's samples fall, 3 x 3 networks", errors, 0.2, relation="<=")
plots.show(
    pictures.learned_answers(x[inside], np.array(answers)[:, inside], np.array(learned)[:, :, inside],
                             list(versions), seen[inside]),
    alt="Three panels with the optimal discriminator as a dashed line and three learned ones in green, for "
    "cross-entropy, smoothed labels and least squares. They agree in the shaded range where samples fall; the "
    "smoothed ones stay below 0.9; outside the range they wander.",
)  # fmt: skip

# %% [markdown] slide="subslide"
# In the grey band, where the model's samples fall, the networks are close to $D^*$. Outside, their output is arbitrary: no sample ever corrected it. The generator gets its directions from this network, so where it has no samples its advice is worth nothing.
#
# **Why smooth one side only?** Look at the numerator. With $\alpha$ alone, $D^*$ keeps its shape and is scaled by $1-\alpha$. With $\beta > 0$ the model's own density enters: wherever the generator puts many samples and the data none, $D^*$ tends to $\beta$ rather than 0. The inspector then speaks well of a place only because the generator keeps going there.

# %%
astray = 0.5 * normal(x, 1.5, 0.9) + 0.5 * normal(x, 5, 0.5)  # half of the samples where there is no data
one_sided = gan.optimal_discriminator(p_data, astray, alpha=0.1)
two_sided = gan.optimal_discriminator(p_data, astray, alpha=0.1, beta=0.3)
check(
    "one-sided smoothing: D* times 0.9",
    one_sided,
    0.9 * gan.optimal_discriminator(p_data, astray),
    atol=1e-15,
)
formula = (0.9 * p_data + 0.3 * astray) / (p_data + astray)
check("both sides: the formula with alpha and beta = coursekit", formula, two_sided, atol=1e-15)


def smoothed_cost(D):
    """Cross-entropy of D (n,) on the grid, with targets 0.9 for real and 0.3 for forged samples."""
    real_part = p_data * (0.9 * np.log(D) + 0.1 * np.log(1 - D))
    return -(real_part + astray * (0.3 * np.log(D) + 0.7 * np.log(1 - D))).sum() * dx


bends = two_sided * (1 - two_sided) * waves[:200]
bent = [smoothed_cost(two_sided + size * e) for size, e in zip(sizes[:200], bends, strict=True)]
check("none of 200 bent answers has a lower smoothed cost", bent, smoothed_cost(two_sided), relation=">=")
there = np.argmin(np.abs(x - 5))
print(
    f"at the stray hump D* says {one_sided[there]:.3f} with one side smoothed, {two_sided[there]:.3f} with both"
)
plots.show(
    pictures.smoothed_answers(
        x[inside], p_data[inside], astray[inside], one_sided[inside], two_sided[inside]
    ),
    alt="A model with a stray hump at 5 where the data has none. Below, D* with one side smoothed is zero there, "
    "with both sides smoothed it is 0.3.",
)

# %% [markdown] slide="slide"
# ## 5 · A gradient that goes flat
#
# **Question.** The forger's part of the value is $\mathbb E \log(1 - D(G(z)))$. Descending it is the natural thing to do. Early in training the inspector has an easy life: forgeries are bad and $D(G(z)) \approx 0$. How hard is such a forgery pushed?
#
# **Predict before you run:** a sample has $D = 0.01$. Compare the slope of $\log(1-D)$ with that of $-\log D$, both taken with respect to the raw score $s$. Which is larger, and by what factor?
#
# <details><summary>Answer</summary>
# With D = σ(s): d/ds log(1 − D) = −D, and d/ds (−log D) = −(1 − D). So 0.01 against 0.99, a factor of 99. The first loss pushes hardest the samples that are already believed.
# </details>

# %% [markdown] slide="fragment"
# Both say "raise $s$". But the first *saturates*: the worse the sample, the smaller its push. The **log D trick** is to let the forger maximise $\log D$ instead of minimising $\log(1-D)$. (Each player then has a loss of his own, and the game is no longer a tug of war over one number.) Least squares has another remedy: its slope on the score is $s - 1$, the larger the further a sample is from the label 1.

# %%
score = torch.linspace(-6, 6, 241, dtype=torch.float64, requires_grad=True)
losses = {"log(1 − D), saturating": -F.softplus(score), "−log D, the log D trick": F.softplus(-score)}
slopes = {name: torch.autograd.grad(loss.sum(), score)[0] for name, loss in losses.items()}
D = torch.sigmoid(score.detach())
check("slope of log(1 - D) on the score = -D", slopes["log(1 − D), saturating"], -D, atol=1e-15)
check("slope of -log D on the score = -(1 - D)", slopes["−log D, the log D trick"], D - 1, atol=1e-15)

# %%
squares = ((s_real - 1) ** 2).mean() / 2 + (s_fake**2).mean() / 2
check("least squares by hand = coursekit", squares,
      gan.discriminator_loss(s_real, s_fake, objective="least_squares"), atol=1e-14)  # fmt: skip
check("and its generator's loss", ((s_fake - 1) ** 2).mean() / 2,
      gan.generator_loss(s_fake, objective="least_squares"), atol=1e-14)  # fmt: skip
low = torch.logit(torch.tensor([0.01], dtype=torch.float64)).requires_grad_()
pushes = [
    torch.autograd.grad(gan.generator_loss(low, objective=o), low)[0].item()
    for o in ("non_saturating", "minimax")
]
check("their ratio at D = 0.01", pushes[0] / pushes[1], 99, rtol=1e-12)
plots.show(
    pictures.generator_losses(
        score.detach().numpy(),
        {name: loss.detach().numpy() for name, loss in losses.items()},
        {name: -slope.numpy() for name, slope in slopes.items()},
    ),
    alt="Left, two losses of the generator over the raw score: log of one minus D is flat for small D, minus log D "
    "falls steeply there. Right, the size of their slopes: D for the first, one minus D for the second.",
)

# %% [markdown] slide="subslide"
# **What does the generator follow?** Let the data be a standard normal and the model a normal whose position we move. She plays $D^*$ of each moment, and we compute the slope of either loss with respect to the position. Move the slider: watch $D^*$, the divergence, and both slopes.

# %% tags=["nbval-ignore-output"]
from coursekit.gan import explorers

explorers.best_answer_explorer()

# %%
from coursekit import widgets

widgets.static_frames(
    explorers.best_answer_frame,
    [{"position": 0.0, "std": 1.0}, {"position": 1.5, "std": 1.0}, {"position": 5.5, "std": 1.0}],
    alt="Three positions of the explorer. At 0 the densities agree, D* is one half and both slopes are zero. At 1.5 "
    "D* is a step, both slopes are positive. At 5.5 the divergence has reached its ceiling, the saturating slope is "
    "almost zero, the slope of the log D trick is large.",
)

# %% [markdown]
# At distance 5.5 the divergence is at its ceiling, so the saturating slope is almost zero: nothing is left to descend. The trick still pulls. Both slopes vanish at the same place, where the model is the data: **the point of rest is shared**, the way there is not.
#
# **Formula.** Write $q_\theta$ for the model's density and $p$ for the data's. In each step of the game the generator meets a discriminator that is *held still*: take $D = D^*$ of the present moment, freeze it, and differentiate with respect to $\theta$ only where $\theta$ moves the samples.
#
# 1. *The first loss* has the slope $\int \nabla q_\theta \log(1 - D^*)$, with $1 - D^* = \frac{q}{p+q}$. Since $\int \nabla q_\theta = \nabla 1 = 0$, we may add a constant to the logarithm: it equals $\int \nabla q_\theta \log\frac{2q}{p+q}$, and that is the slope of $2\,\mathrm{JSD}$. (Freezing changes nothing here: $D^*$ is a maximum of the value, and at a maximum the value does not feel a small move of $D$.)
# 2. *The trick* has the slope $-\int \nabla q_\theta \log D^*$, with $D^* = \frac{p}{p+q}$. Now $-\log\frac{p}{p+q} = \log\frac qp - \log\frac{2q}{p+q} + \log 2$. The first term gives the slope of $\mathrm{KL}(q_\theta\,\|\,p)$, the second that of $2\,\mathrm{JSD}$ as in step 1, the constant gives nothing.
#
# So **with $D^*$ frozen** the trick follows $\mathrm{KL}(p_\text{model}\,\|\,p_\text{data}) - 2\,\mathrm{JSD}$ (Arjovsky and Bottou 2017). The word matters. For the trick $D^*$ is *not* a maximum, so the loss in which $D^*$ is computed anew at each $\theta$ has another slope; no divergence is being descended, only its slope is borrowed at each moment. Between normals with standard deviation 1, KL is half the squared distance, and its slope is the distance.


# %%
def numerical_slope(function, at, step=1e-4):
    return (function(at + step) - function(at - step)) / (2 * step)


def divergence_at(position):
    return gan.jensen_shannon(normal(x, 0, 1), normal(x, position, 1), dx)


positions = np.array([-4.0, -1.5, 0.0, 0.5, 3.0, 5.5])
_, saturating, trick = np.transpose([explorers.forces(at, 1.0) for at in positions])
slope = np.array([numerical_slope(divergence_at, at) for at in positions])
check("saturating: slope of 2 JSD", saturating, 2 * slope, atol=1e-6)
check("log D trick: slope of KL - 2 JSD", trick, positions - 2 * slope, atol=1e-6)
check("both are zero where the model is the data", [saturating[2], trick[2]], 0, atol=1e-12)
print(f"at distance 5.5: saturating {saturating[-1]:.3f}, log D trick {trick[-1]:.2f}")

# %% [markdown] slide="slide" says="**Algorithm 1** takes turns: $k$ steps of the discriminator, each on a fresh batch, then one step of the generator, and again. The line to look at twice is `detach()`."
# ## 6 · Algorithm 1
#
# Nobody can train the inspector to perfection after each move of the forger. **Algorithm 1** of the GAN paper takes turns: $k$ steps of the discriminator, each on a fresh batch, then one step of the generator, and again. Here it is, whole. The one line to look at twice is `detach()`: in the inspector's turn the forgeries are exhibits and not somebody to be taught.


# %% tags=["slide-code"]
def batches(x, size, order):
    while True:
        for rows in torch.randperm(len(x), generator=order).split(size):
            yield x[rows]


def play(game, x, n_steps, *, k=1, n_generator=1, rate=2e-2, seed=0, on_step=None):
    """Algorithm 1, with the log D trick; x (n, d) tensor. n_generator: steps of G in a turn, for section 8."""
    order, rng = (torch.Generator().manual_seed(seed + i) for i in (0, 1))
    G, D = game.generator, game.opponent
    g_step, d_step = (
        torch.optim.Adam(player.parameters(), rate, betas=(0.5, 0.99), fused=True) for player in (G, D)
    )
    stream = batches(x, 250, order)
    for step in range(1, n_steps + 1):
        for _ in range(k):
            real, fake = next(stream), G(torch.randn(250, game.n_latent, generator=rng)).detach()
            d_step.zero_grad()
            inspector_loss(D(real), D(fake)).backward()
            d_step.step()
        for _ in range(n_generator):
            g_step.zero_grad()
            F.softplus(-D(G(torch.randn(250, game.n_latent, generator=rng)))).mean().backward()
            g_step.step()
        if on_step is not None:
            on_step(step)


# %% [markdown]
# The task is small enough to watch: the data is $\mathcal N(3, 0.5^2)$, and the generator is a line, $G(z) = a z + b$. So $p_\text{model}$ is $\mathcal N(b, a^2)$, and for once we *know* it at every step. It starts at $\mathcal N(0, 1)$. First, does the package play the same game, move for move?

# %%
from coursekit.training import fit_adversarial

target = normal(x, 3, 0.5)


def new_game(seed):
    torch.manual_seed(seed)
    line = torch.nn.Linear(1, 1)
    line.load_state_dict({"weight": torch.ones(1, 1), "bias": torch.zeros(1)})  # a = 1, b = 0
    return gan.GAN(line, mlp((1, 16, 16, 1), activation="tanh"), n_latent=1)


def points(seed):
    return 3 + 0.5 * torch.randn(5000, 1, generator=torch.Generator().manual_seed(100 + seed))


by_hand, by_package = new_game(0), new_game(0)
play(by_hand, points(0), 60, k=2)
fit_adversarial(by_package, points(0), n_steps=60, n_opponent_steps=2, batch_size=250, learning_rate=2e-2,
                device="cpu")  # fmt: skip
pairs = zip(by_hand.parameters(), by_package.parameters(), strict=True)
check(
    "60 turns by hand = coursekit, every weight", [(a - b).abs().max().item() for a, b in pairs], 0, atol=1e-5
)

# %% [markdown] slide="subslide" says="Three games from three random starts, and three numbers:\n\n1. $2\\,\\mathrm{JSD} - \\log 4$, by quadrature;\n2. the value that a **freshly trained** discriminator reaches;\n3. the value with the game's *own* discriminator: what a training log shows."
# Now three whole games from three random starts. At some steps we look at three numbers: $2\,\mathrm{JSD} - \log 4$ by quadrature; the value that a **freshly trained** discriminator reaches against the generator of that moment, measured on new samples; and the value with the game's *own* discriminator, which is what a training log shows.


# %%
def model_density(game):
    G = game.generator
    return normal(x, G.bias.item(), abs(G.weight.item()) + 1e-3)


def fresh_value(game, seed, n_steps=120):
    """Train a new discriminator against the frozen generator; its value on 20 000 new samples of each kind."""
    judge, draw = new_game(seed + 50), torch.Generator().manual_seed(seed)
    step = torch.optim.Adam(judge.opponent.parameters(), 2e-2, fused=True)
    for last in [False] * n_steps + [True]:
        size = 20_000 if last else 512
        real, fake = 3 + 0.5 * torch.randn(size, 1, generator=draw), game.sample(size, rng=draw)
        loss = judge.opponent_loss(real, fake)
        if not last:
            step.zero_grad()
            loss.backward()
            step.step()
    return -loss.item()


# %%
looks = [1, 25, 50, 100, 150, 200, 300, 500]
grid = torch.tensor(x[:, None], dtype=torch.float32)


def follow(seed, moments=None):
    game, readings = new_game(seed), []

    def look(step, game, loss):
        if step in looks:
            q, D = model_density(game), game.probability(grid).detach().numpy().astype(float)
            readings.append([2 * gan.jensen_shannon(target, q, dx) - np.log(4), fresh_value(game, seed),
                             gan.game_value(D, target, q, dx)])  # fmt: skip
            if moments is not None and step in (1, 50, 100, 500):
                moments.append((f"after step {step}", q, D))

    fit_adversarial(game, points(seed), n_steps=500, learning_rate=2e-2, schedule="linear", seed=seed,
                    device="cpu", on_step=look)  # fmt: skip
    return readings


moments = []
readings = np.array([follow(0, moments), follow(1), follow(2)])  # (seeds, looks, 3)

# %%
window = (x > -3) & (x < 6)
plots.show(
    pictures.moves_of_the_game(x[window], target[window], [(t, q[window], D[window]) for t, q, D in moments]),
    alt="Four moments of the game, densities above and the discriminator below. The model starts left of the data, "
    "moves towards it, and covers it at the end, where the discriminator is close to one half around the data "
    "and wanders elsewhere.",
)

# %% tags=["nbval-ignore-output"]
print(f"the game's own value after the first step, by seed: {np.round(readings[:, 0, 2], 2)}")
for seed, (by_quadrature, by_fresh, own) in enumerate(readings[:, -1]):
    print(f"seed {seed}: at the end {by_quadrature:.4f} by quadrature, {by_fresh:.4f} by a fresh discriminator, "
          f"{own:.4f} the game's own; -log 4 = {-np.log(4):.4f}")  # fmt: skip

# %%
check("at the start the value is well above -log 4", readings[:, 0, 0], -0.6, relation=">=")
check(
    "but the game's own value starts below -1, though nothing is learned yet",
    readings[:, 0, 2],
    -1.0,
    relation="<=",
)
check(
    "at the end, by quadrature, within 0.03 of -log 4", readings[:, -1, 0], -np.log(4) + 0.03, relation="<="
)
check("and by a fresh discriminator within 0.06", np.abs(readings[:, -1, 1] + np.log(4)), 0.06, relation="<=")
check(
    "a fresh discriminator never beats D* by more than chance",
    readings[..., 1],
    readings[..., 0] + 0.03,
    relation="<=",
)
plots.show(
    pictures.value_over_time(looks, *np.moveaxis(readings, 2, 0)),
    alt="Three readings over the steps of the generator for three seeds. The quadrature and the fresh discriminators "
    "fall together from near zero to minus log 4. The running value starts low, between -1.1 and -1.4, "
    "rises to about -0.55 at step 25 and then falls with the others to minus log 4.",
)

# %% [markdown] slide="subslide"
# Blue and green agree: a fresh inspector is a good instrument, and anyone who can draw samples can use it. The red curve, the one that a training log shows, starts at $-1.1$ to $-1.4$, not far from $-\log 4$, the forger's triumph, while the forgeries are as bad as they will ever be. That is the trap announced in section 1. The running value is low when the forger is good *or when the inspector is bad* (at the first step she is a beginner), and it cannot tell which. It can only be too low, since nothing beats $D^*$.
#
# **How many steps k?** With larger $k$ she stays nearer to her best answer, and each turn of his costs more. Let us measure how much value she leaves on the table along the way.


# %%
def value_gaps(k, seed):
    """Value of D* less value of the game's own D, at steps 10, 20, ..., 200; (20,)."""
    game, gaps = new_game(seed), []

    def look(step):
        if step % 10 == 0:
            q, D = model_density(game), game.probability(grid).detach().numpy().astype(float)
            best = 2 * gan.jensen_shannon(target, q, dx) - np.log(4)
            gaps.append(best - gan.game_value(D, target, q, dx))

    play(game, points(seed), 200, k=k, seed=seed, on_step=look)
    return gaps


gaps = {k: np.array([value_gaps(k, seed) for seed in (0, 1, 2)]) for k in (1, 5)}  # (seeds, looks) each
mean_gaps = {k: values.mean(axis=1) for k, values in gaps.items()}

# %% tags=["nbval-ignore-output"]
for k, values in mean_gaps.items():
    print(
        f"k = {k}: value left on the table {values.mean():.2f} nats, spread over seeds {values.std(ddof=1):.2f}"
    )

# %%
check("no discriminator of the games is ever above D*", np.concatenate(list(gaps.values())), 0, relation=">=")
check(
    "k = 5 leaves less than k = 1, mean of 3 seeds", mean_gaps[5].mean(), mean_gaps[1].mean(), relation="<="
)
check("and less than 0.06 nats for each seed", mean_gaps[5], 0.06, relation="<=")

# %% [markdown]
# So why not a huge $k$? The decks disagree. One says not to keep $D$ from becoming "too smart", since $D$ is supposed to be perfect; another asks for a balance. There are three reasons for few steps, and they are not equally good. *Time:* each extra step costs some. *A flat loss:* with the saturating loss a perfect inspector leads back to the flat part of section 5; with the $\log D$ trick, which this game uses, the slope at $D^*$ is large, so here this is no reason. *Overfitting:* $D$ sees finitely many real samples. Trained on them for long, it learns these samples rather than their density, and then it pulls the generator towards a wrong target. Nothing in the game above is short of data, so this third reason is not tested here. Notebook 14 changes the score so that a better critic still has a slope.

# %% [markdown] slide="slide"
# ## 7 · Who moves first?
#
# We wrote $\min_G \max_D V$. Is $\max_D \min_G V$ the same? Take the smallest game there is: she picks a row, he picks a column, and the table says what she *pays* him.
#
# $$J(D, G) = \begin{pmatrix} 1 & 4 \\ 3 & 2 \end{pmatrix}, \qquad D \text{ chooses the row and minimises, } G \text{ the column and maximises.}$$
#
# <details><summary><b>Predict before you run:</b> who has the advantage, the one who chooses first or the one who answers?</summary>
#
# The one who answers. If D answers (D in the inner loop), she pays min(1, 3) = 1 for the first column and min(4, 2) = 2 for the second; he takes the second: 2. If G answers, rows cost max(1, 4) = 4 and max(3, 2) = 3; she takes the second: 3.
# </details>

# %%
J = np.array([[1, 4], [3, 2]])
check("D in the inner loop: max over G of min over D", J.min(axis=0).max(), 2)
check("G in the inner loop: min over D of max over G", J.max(axis=1).min(), 3)
tables = rng.normal(size=(1000, 3, 4))
inner_D, inner_G = tables.min(axis=1).max(axis=1), tables.max(axis=2).min(axis=1)
check("on 1000 random tables, answering is never a disadvantage", inner_D, inner_G, relation="<=")
print(f"the order makes a difference in {np.mean(inner_D < inner_G):.0%} of the tables")

# %% [markdown] slide="subslide" says="Now put **G in the inner loop**: $D$ is fixed and $G$ may adapt for as long as it likes. Its loss is an average of numbers $-\\log D(x)$, smallest when all its weight lies on the smallest of them.\n\nSo the best answer is one single point. That is **mode collapse**, and here it is the optimal move."
# For GANs the order is everything. With $D$ in the inner loop, $G$ minimises a divergence. Now put **G in the inner loop**: $D$ is fixed and $G$ may adapt for as long as it likes. Its loss $\mathbb E_{p_\text{model}}[-\log D(x)]$ is an average of numbers $-\log D(x)$. An average is smallest when all its weight lies on the smallest number. So the best answer is one single point: every $z$ goes to the $x$ that $D$ likes most. That is **mode collapse**, and here it is no accident but the optimal move.

# %%
cost = -np.log(guess[inside])
rivals = rng.dirichlet(
    np.full(cost.size, 0.01), size=1000
)  # random distributions on the grid, most of them spiky
check("no distribution beats the single best point", rivals @ cost, cost.min(), relation=">=")

# %% [markdown] slide="subslide" says="Alternating gradient steps are neither order. The smallest case is $J = xy$: he descends in $x$, she climbs in $y$. One step is a matrix that turns the plane, and its determinant says whether the circles grow.\n\n*Both at once:* $1+r^2$, it diverges. *Taking turns:* $1$, it circles. *With a penalty* $\\frac\\gamma2 y^2$ *for her:* $1-r\\gamma$, it converges."
# Alternating gradient steps, as in Algorithm 1, are neither order. What do they do near an equilibrium? The smallest case is $J = xy$: he owns $x$ and descends, she owns $y$ and climbs, as in $V$ (in the table above it was the other way round); the point of rest is $(0, 0)$. With step size $r$, *both at once* is $(x, y) \to (x - r y,\; y + r x)$; *taking turns* is first $y' = y + r x$, then $x' = x - r y'$.
#
# In each case one step multiplies $(x, y)$ by a matrix, and its determinant is the factor by which a step scales areas. If the two eigenvalues are complex, they are conjugates: the step turns the plane, and the absolute value of each, squared, is the determinant. So a determinant above 1 means that the path diverges, 1 that it circles, below 1 that it converges. With simultaneous steps the determinant is $1 + r^2$ and the path spirals out, for any step size. With alternating steps it is $1$ and the path circles, for any $r < 2$. Neither converges.
#
# **A penalty.** Let her pay for being far from 0: $J = xy - \frac\gamma2 y^2$. Now $y' = (1 - r\gamma)\,y + r x$, and the determinant in turns is $1 - r\gamma$. It is below 1, and as long as $r + \gamma < 2$ the step still turns the plane: the path converges.

# %%
r, gamma = 0.1, 0.4
dances = {  # one step, as a matrix on (x, y)
    "both at once: outwards": [[1, -r], [r, 1]],
    "in turns: round and round": [[1 - r**2, -r], [r, 1]],
    "in turns, with a price: home": [[1 - r**2, -r * (1 - r * gamma)], [r, 1 - r * gamma]],
}
a, b = rng.normal(size=2)
b_next = b + r * (a - gamma * b)  # she climbs J = xy - gamma / 2 y^2
steps = np.array(list(dances.values()))
check("a turn by hand = the last matrix", steps[2] @ (a, b), [a - r * b_next, b_next], atol=1e-12)
eigenvalues = np.linalg.eigvals(steps).T  # (2, 3)
check("all of them turn: imaginary parts clearly not 0", np.abs(eigenvalues.imag), r / 2, relation=">=")
determinants = [1 + r**2, 1, 1 - r * gamma]
check("|eigenvalue|^2 = 1 + r^2, 1, 1 - r gamma", np.abs(eigenvalues) ** 2, [determinants] * 2, rtol=1e-12)
paths = [[np.linalg.matrix_power(step, n) @ (0.8, 0.6) for n in range(150)] for step in steps]
plots.show(
    pictures.dances(paths, list(dances)),
    alt="Three paths in the plane from the same start. Steps taken at once spiral outwards, steps taken in turns close "
    "to an ellipse around the origin, steps in turns with a price spiral into the origin.",
)  # fmt: skip

# %% [markdown] slide="subslide" says="Data at $0$, samples at $x$, score $s(u) = -y\\,u$: near rest $V = -\\log 4 + \\frac12 xy$, and $y^2$ is the squared slope at the data.\n\n**R1:** $\\frac\\gamma2\\, \\mathbb E_\\text{data} \\lVert\\nabla s(x)\\rVert^2$. Where $D = \\frac12$ it costs nothing, so the point of rest stays."
# **That penalty has a name in GANs.** Let all data lie at $0$, all samples at $x$, and let her score be a line, $s(u) = -y\,u$. Near the point of rest the value is $V = -\log 4 + \frac12 x y$ plus smaller terms: the same dance, half as fast, so that the same $\gamma$ weighs twice as much. And $y^2$ is the squared slope of her score at the data. So let her pay $\frac\gamma2\, \mathbb E_\text{data} \lVert\nabla s(x)\rVert^2$. It is called **R1** (Mescheder, Geiger and Nowozin 2018), and `gan.GAN(..., r1=0.1)` charges it. Where $D = \frac12$ everywhere the score is flat and nothing is paid. The penalty is already at its minimum of zero there, so it exerts no pull, and the point of rest stays where it is.

# %%
x_small, y_small = 1e-3 * torch.tensor(rng.normal(size=2))
at_data = torch.zeros(1, dtype=torch.float64, requires_grad=True)
scores = -y_small * at_data, -y_small * x_small[None]
value = -gan.discriminator_loss(*scores, objective="minimax")
check("near rest V = -log 4 + xy / 2", value, -np.log(4) + x_small * y_small / 2, atol=1e-11)
paid = gan.r1_penalty(scores[0], at_data)
check("the squared slope at the data is y^2", paid, y_small[None] ** 2, rtol=1e-12)

# %% [markdown] slide="slide"
# ## 8 · What goes wrong
#
# **Collapse, on purpose.** The data are 25 narrow humps on a 5 × 5 grid. We play two games with the same networks, three seeds each. (a) *G in the inner loop*: ten steps of the generator for each of the discriminator. (b) *One for one*: Algorithm 1 with $k = 1$, no momentum, a learning rate that falls to zero, and averaged weights. The two differ in more than the order: (a) also has a smaller rate, more generator steps, fewer discriminator steps, momentum 0.5, a constant rate and its last weights. So this pair alone does not show that the order is the cause.

# %%
toy = data.toy2d("grid", 20_000, rng=0)
cloud = torch.tensor(toy.x, dtype=torch.float32)


def grid_game(seed):
    torch.manual_seed(seed)
    return gan.GAN(mlp((2, 64, 64, 2)), mlp((2, 64, 64, 1), activation="leaky_relu"), n_latent=2)


def shares(game):
    """Share of 1000 samples nearest to each of the 25 modes."""
    samples = game.sample(1000, rng=torch.Generator().manual_seed(1))
    nearest = torch.cdist(samples.double(), torch.tensor(toy.centers)).argmin(dim=1)
    return np.bincount(nearest, minlength=25) / 1000


def collapsed(seed, history):
    game = grid_game(seed)
    play(game, cloud, 150, n_generator=10, rate=1e-3, seed=seed,
         on_step=lambda step: history.append(shares(game)) if step % 3 == 0 else None)  # fmt: skip
    return game


# %%
histories = [[], [], []]
games = {"G in the inner loop": [collapsed(seed, histories[seed]) for seed in (0, 1, 2)]}
games["one for one"] = [grid_game(seed) for seed in (0, 1, 2)]
for seed, game in enumerate(games["one for one"]):
    fit_adversarial(game, cloud, n_steps=900, batch_size=250, learning_rate=5e-3, schedule="linear", betas=(0.0, 0.9),
                    average=0.99, seed=seed, device="cpu")  # fmt: skip

# %% [markdown]
# Counting: a sample is *good* if it lies within 0.15 of a mode, and a mode is *covered* if it holds at least one good sample in a thousand. (The humps themselves are narrower; these games last seconds. [`benchmarks/gan.py`](../benchmarks/gan.py) plays longer, with R1, and counts within three standard deviations of the data.)

# %% tags=["nbval-ignore-output"]
from coursekit.evaluation import mode_coverage

draw = torch.Generator().manual_seed(5)
results = {
    name: [mode_coverage(g.sample(5000, rng=draw), toy.centers, 0.05) for g in row]
    for name, row in games.items()
}
modes = {name: np.array([r["modes"] for r in row]) for name, row in results.items()}
for name, row in results.items():
    good = [f"{r['good_share']:.0%}" for r in row]
    print(f"{name:20} modes covered {modes[name]}, mean {modes[name].mean():.1f}, spread {modes[name].std(ddof=1):.1f}; "
          f"good {' '.join(good)}")  # fmt: skip

# %%
check(
    "G in the inner loop covers at most 6 of 25 modes, 3 seeds",
    modes["G in the inner loop"],
    6,
    relation="<=",
)
check("one for one covers at least 18 of 25, 3 seeds", modes["one for one"], 18, relation=">=")
good = [r["good_share"] for r in results["one for one"]]
check("but it is no master: fewer than 70 % of its samples are good", good, 0.7, relation="<=")
plots.show(
    pictures.sample_clouds(
        [row[0].sample(2000, rng=draw) for row in games.values()],
        toy.centers,
        ["G in the inner loop: collapsed", "one for one: all 25, if not sharply"],
        colors=["wrong", "model"],
    ),
    alt="Samples of two generators over the 25 modes of the grid. With G in the inner loop all samples form a short "
    "streak; in the game of one for one they spread over the whole grid, densest along its rim, many of them between the modes.",
)

# %% [markdown] slide="subslide"
# The collapsed generator has not settled on its favourite mode, though. Wherever it piles up, the inspector soon learns to say "forged", and it moves on. Here is the share of its samples at each mode over time.

# %%
history = np.array(histories[0])  # (looks, 25)
plots.show(
    pictures.modes_over_time(3 * np.arange(1, len(history) + 1), history,
                             title="most samples sit at one mode, and the mode keeps changing"),
    alt="Share of the samples at each of the 25 modes over time, as a heat map. At any time one or two modes are dark "
    "red and the rest are empty; every few steps the dark cell jumps to another mode.",
)  # fmt: skip
favourites = [np.array(h).argmax(axis=1) for h in histories]
jumps = [int((np.diff(f) != 0).sum()) for f in favourites]
check("the favourite mode changes at least 15 times in 50 looks, 3 seeds", jumps, 15, relation=">=")
check("and the favourite holds a third of all samples or more, on average",
      [np.array(h).max(axis=1).mean() for h in histories], 1 / 3, relation=">=")  # fmt: skip

# %% [markdown]
# A photograph of one moment would suggest that the model "knows only one mode". The film shows that it has visited most of them, and keeps none. So look at samples over time, count modes where you can, and do not trust a loss: section 6 has shown what a running value is worth.

# %% [markdown] slide="subslide" says="*A penalty on slopes,* R1: in the benchmark all 25 modes, evenly; the same game without the penalty loses several of them.\n\n*Company:* a batch from one mode looks like no batch of data, even if each sample in it looks real. `gan.MinibatchStd` shows $D$ the spread of the batch."
# **What helps.** *A penalty on slopes:* the [benchmark](../benchmarks/README.md) plays on this grid for three quarters of a minute, with R1 and without, all else equal, three times each. With the penalty all 25 modes are covered every time, almost evenly, and most samples are good, now counted within three standard deviations of the data. Without it the samples are at least as sharp, but several modes are missing. (R1 is not the only way to find them: a plain GAN in the same table, without R1, also finds nearly all of them, with more of its samples in between.)
#
# *Company:* an inspector who sees several samples at a time notices that a batch from one mode looks like no batch of data, even if each sample in it looks real. `gan.MinibatchStd` is the simplest such layer: it appends the spread of the batch to the features of every sample (Karras et al. 2018). In the benchmark on the digits, a recipe that contains it makes all ten kinds; the usual one loses some.

# %% [markdown] slide="slide"
# ## 9 · Summary
#
# | Claim | Where it was checked |
# | --- | --- |
# | the value from samples is the integral; a coin is worth −log 4 against anybody | section 1 |
# | D* = p_data / (p_data + p_model): no bent answer is better, first variation zero | section 2 |
# | value at D* = 2 JSD − log 4, for five couples; 0 ≤ JSD ≤ log 2 | section 3 |
# | real = 0, forged = 1 and halved: the same game in other signs | section 3 |
# | a trained network approaches D*, with cross-entropy, smoothed labels, least squares | section 4 |
# | slopes −D and −(1 − D) on the score, ratio 99 at D = 0.01 | section 5 |
# | with D* frozen: log(1 − D) follows 2 JSD, −log D follows KL − 2 JSD; both rest at p_model = p_data | section 5 |
# | Algorithm 1 by hand = coursekit, every weight | section 6 |
# | a Gaussian is learned: by quadrature and by a fresh discriminator the value falls to −log 4 | section 6 |
# | larger k: nearer to D* | section 6 |
# | minimax is not maximin; G in the inner loop should collapse to a point | section 7 |
# | on xy: at once spirals out, in turns circles, with a penalty (R1) converges | section 7 |
# | G in the inner loop covers few of 25 modes and wanders among them | section 8 |
#
# **The code behind it:** [`gan/model.py`](../coursekit/gan/model.py), which reads in the order of this notebook, and [`training/adversarial.py`](../coursekit/training/adversarial.py), the loop.
#
# ### Five questions
#
# <details><summary>1. A discriminator reports 50 % on real and on generated samples. Is the generator perfect?</summary>
# It may be; or the discriminator is bad. Train a fresh one against the frozen generator: if that one does no better on new samples, the generator is good as far as such a network can see.
# </details>
#
# <details><summary>2. Data and model have no point in common. What is D*, what is the JSD, and what does the saturating loss tell the generator?</summary>
# D* is 1 on the data and 0 on the samples, the JSD is log 2, and it stays there if the model moves a little: the slope is zero.
# </details>
#
# <details><summary>3. Twice as many generated as real samples in each batch, one mean over all of them: what is the best answer?</summary>
# p_data / (p_data + 2 p_model). The means over both kinds must be taken separately, then added.
# </details>
#
# <details><summary>4. With real labels smoothed to 0.9, D says 0.9 at some x. What do you know?</summary>
# That the model hardly ever goes there: the best answer is 0.9 p_data / (p_data + p_model).
# </details>
#
# <details><summary>5. Why is forgetting detach() in the discriminator's step not fatal here, and yet a fault?</summary>
# The generator's gradients are cleared before its own step, so the result is the same; but the backward pass through the generator is computed for nothing. With one optimiser for both players it would be fatal: the generator would descend the discriminator's loss, and help her.
# </details>
#
# **Homework:** [`hw12_gan_optimal_discriminator`](homework/release/hw12_gan_optimal_discriminator/hw12_gan_optimal_discriminator.ipynb): best answers with smoothed labels, the divergence from the game, losses on raw scores, one turn of the game with gradients by hand, the order of play, and a training log with a fault. [Solutions](../notebooks/homework/source/hw12_gan_optimal_discriminator/hw12_gan_optimal_discriminator.ipynb) stand in a folder of their own.
#
# **References.** I. Goodfellow and others (2014), *Generative adversarial nets*. T. Salimans and others (2016), *Improved techniques for training GANs*. I. Goodfellow (2016), *NIPS 2016 tutorial: generative adversarial networks*. X. Mao and others (2017), *Least squares generative adversarial networks*. M. Arjovsky and L. Bottou (2017), *Towards principled methods for training generative adversarial networks*. L. Metz and others (2017), *Unrolled generative adversarial networks*. T. Karras and others (2018), *Progressive growing of GANs for improved quality, stability, and variation*. L. Mescheder, A. Geiger and S. Nowozin (2018), *Which training methods for GANs do actually converge?*
