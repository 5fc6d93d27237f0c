# ---
# jupyter:
#   coursekit:
#     cpu_seconds: 42
#     minutes: 100
# ---

# %% [markdown] slide="slide"
# # 12 · Generative adversarial networks: a game and its best discriminator
#
# **After this notebook you can** write down the game of a generator against a discriminator, derive the best discriminator and the value of the game it leads to, say why the first loss one would write hardly moves a bad generator and what to write instead, program Algorithm 1, and recognise a generator that has collapsed.
#
# **Time:** 100 minutes to work through; it runs in under a minute. **You need:** densities, expectations, the logarithm, a derivative, the eigenvalues and the determinant of a 2 × 2 matrix, and having seen a network trained by gradient descent.
#
# **It follows** the GAN lectures of the unsupervised learning deck, the generative models deck, the VAE and GAN class, and the GAN deck, which labels real samples 0 where the others label them 1. We write 1 for real and show that it makes no difference. **It adds** what the $\log D$ trick follows and what it does not, a discriminator that memorises, the order of play on $J = xy$, and R1. **Not here:** everything about images (DCGAN and its rules, walks in the space of codes), unrolled games, minibatch features and the batch norms are in [notebook 13](13_training_gans.ipynb), the Wasserstein GAN in 14, conditional GANs, pix2pix and CycleGAN in 15. Here we stay on a line and in the plane, where the truth is known.
#
# Every line that starts with ✓ is a claim that was computed just now, on your machine, except that the long runs of section 9 are read from a record. If one fails, the notebook stops there. The bars on trained networks were chosen on seeds 3, 4 and 5, about halfway between the network and its control; the seeds shown are 0, 1 and 2.

# %%
import numpy as np
import torch
import torch.nn.functional as F
from scipy import stats

from coursekit import data, gan, plots
from coursekit.checks import check

plots.use_course_style()

# %% [markdown] slide="slide" says="How do you teach a machine to make things when you cannot write down what makes them good? Hire two people.\n\nA **forger** makes things: the *generator* $G$ turns noise $z$ into a sample.\n\nAn **inspector** says how sure she is that a piece is real: the *discriminator*, $D(x)$ between 0 and 1."
# ## 1 · Two players
#
# How do you teach a machine to make things when you cannot write down what makes them good? You can always collect examples. So hire two people. A forger makes things. An inspector is shown real and forged pieces in turn and says how sure she is that each is real. She learns from her errors, he learns from her opinion. Neither ever needs a definition of "good".
#
# The forger is the **generator** $G$. It draws noise $z$ from a standard normal distribution and turns it into a sample $G(z)$; its weights are $\theta$. We call the density of its samples $p_\text{model}$. In general this density cannot be computed; we can only draw from it. The inspector is the **discriminator** $D$, with weights $\phi$. $D(x)$, between 0 and 1, is the probability it assigns to "$x$ is real".
#
# In this notebook we stay on a line for as long as we can, with densities that we do know. So we can compute what the players of a real game can only estimate.

# %%
from coursekit.gan import pictures

x = np.linspace(-15, 15, 6001)
dx = x[1] - x[0]
inside = np.abs(x) < 7  # what the figures show
normal = stats.norm.pdf
p_data = 0.4 * normal(x, -2, 0.7) + 0.6 * normal(x, 1.5, 0.9)
p_model = normal(x, 1.2, 1.8)


def guess(x):
    """A discriminator made up by hand: the further left, the more likely real."""
    return 1 / (1 + np.exp(0.8 * x))


rng = np.random.default_rng(12)
n = 100_000
from_left = rng.random(n) < 0.4
real = np.where(from_left, rng.normal(-2, 0.7, n), rng.normal(1.5, 0.9, n))
fake = 1.2 + 1.8 * rng.normal(size=n)  # the generator G(z) = 1.2 + 1.8 z
plots.show(
    pictures.first_guess(real, fake, x[inside], guess(x[inside])),
    alt="Histograms of samples: the real ones have two humps, at -2 and 1.5, the "
    "generated ones a single wide hump at 1.2. Below, a guessed discriminator falls "
    "from 1 on the left to 0 on the right.",
)

# %% [markdown]
# The guess is not stupid: around the left hump a sample is indeed more likely real. But it is unfair to the right hump, and beyond $-4$, where almost only the wide model goes, it is sure of the wrong thing. We need a score that says *how* good a discriminator is.
#
# **Formula.** Reward $D$ with the logarithm of the probability that it gave to the truth. That is $\log D(x)$ when $x$ is real and $\log(1 - D(x))$ when it is not. Add the two averages (not half of each) and you have the **value** of the game:
#
# $$V(D, G) = \mathbb E_{x \sim p_\text{data}} \log D(x) \;+\; \mathbb E_{z} \log\big(1 - D(G(z))\big).$$
#
# The discriminator wants it large, the generator wants it small: $\min_G \max_D V(D, G)$. One deck prints the generator's cost $\mathbb E \log(1-D)$ with the sign turned round; then the generator would help its opponent. The average over $z$ is an average over $x \sim p_\text{model}$, so with known densities the value is an integral. Samples and integral must agree.

# %%
value_of_guess = gan.game_value(guess(x), p_data, p_model, dx)
rewards = np.log(guess(real)) + np.log(1 - guess(fake))
check("value from 100 000 samples = value by quadrature", rewards.mean(),
      value_of_guess, se=rewards.std() / np.sqrt(n))  # fmt: skip
print(f"the guess is worth {value_of_guess:.3f} nats, a coin {-np.log(4):.3f} nats")

# %% [markdown]
# Is that good? Compare with a discriminator that tosses a coin, $D = \frac12$ everywhere. Both averages are then of the constant $\log\frac12$, so the coin is worth $2\log\frac12 = -\log 4$ against *any* generator. Our guess is worse than a coin. Keep this number in mind: it will come back twice, once as the generator's triumph and once as a trap.

# %% [markdown] slide="slide"
# ## 2 · The best discriminator
#
# **Question.** Hold the generator still. What should $D$ answer at a point $x$?
#
# **Intuition.** Stand at $x$ and count who comes by. If three real samples pass for every generated one, say $\frac34$. Nothing that happens at other points matters here.
#
# <details><summary><b>Predict before you run:</b> where the two densities cross, what is the best answer? And where the data has density zero but the model has not?</summary>
#
# One half at each crossing: both kinds come by equally often. Zero where only the model goes. Where neither goes, any answer is as good as another.
# </details>

# %% [markdown] slide="subslide"
# **Formula, by the calculus of variations.** Write the value as one integral over $x$, and bend the answer a little, $D + \varepsilon\,\eta$, with any function $\eta$:
#
# $$V(D) = \int p_\text{data} \log D + p_\text{model} \log(1-D)\; dx, \qquad
# \frac{d}{d\varepsilon} V(D + \varepsilon \eta)\Big|_{\varepsilon=0} = \int \eta\,\Big(\frac{p_\text{data}}{D} - \frac{p_\text{model}}{1-D}\Big)\, dx .$$
#
# At a maximum this *first variation* is zero for every $\eta$. Could the bracket be positive somewhere? Then choose $\eta$ positive there and zero elsewhere, and the integral is positive. The same goes for a negative bracket. So the bracket vanishes at every point, and solving for $D$ gives
#
# $$\boxed{\,D^*(x) = \frac{p_\text{data}(x)}{p_\text{data}(x) + p_\text{model}(x)}\,}$$
#
# It is a maximum, since the *second variation* $-\int \eta^2 \big(p_\text{data}/D^2 + p_\text{model}/(1-D)^2\big)\,dx$ is negative. And it is negative at *every* $D$, not only at $D^*$: the value is a concave function of $D$, so no other answer, near or far, does better.
#
# Before we trust the calculus: at some points we try ten thousand answers and keep the best.

# %%
best = gan.optimal_discriminator(p_data, p_model)
some = np.flatnonzero(inside)[::50]
tried = np.linspace(0, 1, 10_001)[1:-1, None]
gain = p_data[some] * np.log(tried) + p_model[some] * np.log(1 - tried)
check("the best of 9999 answers at each of 56 points = D*",
      tried[gain.argmax(axis=0), 0], best[some], atol=1e-4)  # fmt: skip

# %%
best_value = gan.game_value(best, p_data, p_model, dx)
print(f"guess {value_of_guess:.3f}, coin {-np.log(4):.3f}, D* {best_value:.3f} nats")
figure = pictures.densities_and_answer(
    *(each[inside] for each in (x, p_data, p_model, best)),
    title="at each point: who comes by more often?")  # fmt: skip
plots.show(figure, alt="Above, a density of the data with two humps and a wide one of "
    "the model. Below, D*: up to 0.87 around the left hump, a little above one half at "
    "the right hump, and towards zero far out.")  # fmt: skip

# %% [markdown] slide="subslide"
# Now the claim as a whole. It is about every perturbation; we test a thousand random waves $\eta$, each scaled by $D(1-D)$, so that the answer stays a probability. The guess is perturbed by the same waves: there some of them must help.

# %%
frequency, phase = rng.uniform(0.2, 4, (1000, 1)), rng.uniform(0, 2 * np.pi, (1000, 1))
waves = np.sin(frequency * x + phase)
sizes = 10 ** rng.uniform(-3, -0.1, 1000)


def gains(D):
    """What each of the waves adds to the value of D, (1000,)."""
    bent = D + sizes[:, None] * D * (1 - D) * waves
    start = gan.game_value(D, p_data, p_model, dx)
    return [gan.game_value(each, p_data, p_model, dx) - start for each in bent]


check("none of 1000 perturbations of D* gains anything", gains(best), 0.0,
      relation="<=",
      control={"the best perturbation of the guess": max(gains(guess(x)))})  # fmt: skip


def variations(D, eta, step=1e-3):
    """First and second variation of V at D in the direction eta, by differences."""
    low, middle, high = [gan.game_value(D + k * step * eta, p_data, p_model, dx)
                         for k in (-1, 0, 1)]  # fmt: skip
    return (high - low) / (2 * step), (high - 2 * middle + low) / step**2


D = guess(x)
bracket = p_data / D - p_model / (1 - D)
eta = D * (1 - D) * waves[:20]
first_at_guess = [variations(D, direction)[0] for direction in eta]
check("first variation at the guess = the integral of the formula", first_at_guess,
      (eta * bracket).sum(axis=1) * dx, atol=1e-5)  # fmt: skip
eta = best * (1 - best) * waves[:20]
first, second = np.transpose([variations(best, direction) for direction in eta])
check("first variation at D* = 0, in 20 directions", first, 0, atol=1e-5,
      control={"at the guess": first_at_guess})  # fmt: skip
curvature = (1 - best) ** 2 * p_data + best**2 * p_model  # eta^2 (p / D^2 + ...)
check("second variation at D* = the integral of the formula", second,
      -(waves[:20] ** 2 * curvature).sum(axis=1) * dx, rtol=1e-4)  # fmt: skip

# %% [markdown]
# At $D^*$ the first variation is zero, so a small change costs only half the second variation times $\varepsilon^2$. Near its top the value is flat: a discriminator that is slightly wrong loses almost nothing. Expect a trained one to come near $D^*$ but not to sit on it.

# %% [markdown] slide="slide"
# ## 3 · What the game measures
#
# **Question.** Suppose that the discriminator always plays $D^*$. What is the generator then minimising?
#
# **Formula.** Put $D^*$ into the value. With the average density $m = \frac12(p_\text{data} + p_\text{model})$, its denominator is $2m$. Since $\log\frac{p}{2m} = \log\frac pm - \log 2$ and each density integrates to 1, each of the two terms gives up $\log 2$:
#
# $$V(D^*, G) = \int p_\text{data} \log \frac{p_\text{data}}{2m} + p_\text{model} \log\frac{p_\text{model}}{2m}\,dx
# = \underbrace{\mathrm{KL}(p_\text{data}\,\|\,m) + \mathrm{KL}(p_\text{model}\,\|\,m)}_{2\,\mathrm{JSD}} - \log 4 .$$
#
# Here $\mathrm{KL}(p\,\|\,q) = \int p \log\frac pq\,dx$, the *Kullback-Leibler divergence*, is never negative and zero only for $p = q$ (notebook 00). The two together are twice the **Jensen-Shannon divergence**: how far the densities are, on average, from their mean $m$. It is zero if and only if the densities agree, and at most $\log 2$, since $p/m \le 2$. So the best discriminator turns the game into a measure of how far apart the two are (a divergence; its square root is a distance, which we do not prove), and the generator's triumph is the value $-\log 4$: against perfect samples, even the best discriminator can only toss a coin.


# %%
def kl(p, q):
    """KL(p || q) on the grid, in nats; where p is 0 nothing is added."""
    here = p > 1e-300
    return np.sum(p[here] * np.log(p[here] / q[here])) * dx


pairs = {
    "our game": (p_data, p_model),
    "equal": (p_data, p_data),
    "two Gaussians": (normal(x, 0, 1), normal(x, 1, 0.5)),
    "one hump missing": (p_data, normal(x, 1.5, 0.9)),
    "far apart": (normal(x, -8, 0.5), normal(x, 8, 0.5)),
}
by_hand = [(kl(p, (p + q) / 2) + kl(q, (p + q) / 2)) / 2 for p, q in pairs.values()]
package = [gan.jensen_shannon(p, q, dx) for p, q in pairs.values()]
values = [gan.game_value(p / (p + q + 1e-300), p, q, dx) for p, q in pairs.values()]
check("JSD by hand = coursekit, five pairs", by_hand, package, atol=1e-9)
check("value at D* = 2 JSD - log 4, five pairs", values,
      2 * np.array(by_hand) - np.log(4), atol=1e-9)  # fmt: skip
for name, divergence in zip(pairs, by_hand, strict=True):
    print(f"{name:17} JSD = {divergence:.3f}")

# %% [markdown]
# "Far apart" has reached the ceiling, to the three digits shown: $\log 2 = 0.693$ nats is the most that one yes-or-no answer can convey. Push the two further apart and the divergence has nowhere to go. Remember this when a generator starts far from its data; the explorer of section 5 shows the whole curve.

# %% [markdown] slide="subslide"
# **The same game in other signs.** The GAN deck labels real samples 0 and generated ones 1, halves the sum, and lets the discriminator minimise. Its $\tilde D$ is the probability of being *generated*, so $\tilde D = 1 - D$, and its cost is $-\frac12 V$. The best cost is $\log 2 - \mathrm{JSD}$; the deck states its negative, $\mathrm{JSD} - \log 2$. Before you copy a loss from any text, look up which label is 1.

# %%
forged = 1 - guess(x)  # any answer, read as "probability of being generated"
deck_cost = -0.5 * np.sum(p_data * np.log(1 - forged) + p_model * np.log(forged)) * dx
check("the deck's cost = minus half our value", deck_cost, -value_of_guess / 2,
      atol=1e-9)  # fmt: skip
check("its best cost = log 2 - JSD", -best_value / 2, np.log(2) - by_hand[0], atol=1e-9)

# %% [markdown]
# **Equilibrium.** At $p_\text{model} = p_\text{data}$ and $D = \frac12$ neither player gains by moving alone. The discriminator cannot: $D^*$ *is* one half there. The generator cannot: against a coin every generator scores $-\log 4$, as section 1 showed. Such a pair is called a **Nash equilibrium**. That it exists does not mean that two learners find it; sections 6 to 9 are about that.

# %% [markdown] slide="slide"
# ## 4 · Does a network find D*?
#
# A real discriminator has no densities. It has samples and a network. The network returns a raw score (a *logit*) $s(x)$, any number, and $D = \sigma(s) = 1/(1+e^{-s})$. Then $-\log D = \operatorname{softplus}(-s)$ and $-\log(1-D) = \operatorname{softplus}(s)$, with $\operatorname{softplus}(s) = \log(1+e^s)$. Written so, nothing overflows.


# %% tags=["slide-code"]
def discriminator_loss(real_scores, fake_scores):
    """Minus the value of the game, from raw scores (n,) and (m,)."""
    return F.softplus(-real_scores).mean() + F.softplus(fake_scores).mean()


torch.manual_seed(4)
s_real, s_fake = (torch.randn(size, dtype=torch.float64) for size in (6, 9))
by_softplus = discriminator_loss(s_real, s_fake)
package = gan.discriminator_loss(s_real, s_fake, objective="minimax")
check("by hand = coursekit", by_softplus, package, atol=1e-14)


def cross_entropy(scores, target):
    targets = torch.full_like(scores, target)
    return F.binary_cross_entropy(scores.sigmoid(), targets)


by_labels = cross_entropy(s_real, 1.0) + cross_entropy(s_fake, 0.0)
check("= cross-entropy with labels 1 and 0, both halves added", by_softplus, by_labels,
      atol=1e-12)  # fmt: skip

# %% [markdown]
# **Smoothed labels.** A network that is never contradicted can grow ever surer. A common remedy is to aim at $1-\alpha$ instead of 1 for real samples, say 0.9. (Texts differ: some call the *target* $\alpha$, some the amount taken off. Here it is the amount.) Allow a target $\beta$ instead of 0 for generated ones too. At one point the cost is $-p_\text{data}\,[(1-\alpha)\log D + \alpha\log(1-D)] - p_\text{model}\,[\beta\log D + (1-\beta)\log(1-D)]$. Collect what multiplies $\log D$ and what multiplies $\log(1-D)$; these add up to $p_\text{data} + p_\text{model}$, so the derivation of section 2 gives
#
# $$D^*(x) = \frac{(1-\alpha)\,p_\text{data}(x) + \beta\,p_\text{model}(x)}{p_\text{data}(x) + p_\text{model}(x)} .$$
#
# **Least squares** (Mao et al. 2017). Instead of logarithms, take squared distances of the raw score from the labels: $\frac12\mathbb E_\text{data}(s-1)^2 + \frac12\mathbb E_\text{model}\,s^2$. At one point that is $\frac12 p_\text{data}(s-1)^2 + \frac12 p_\text{model}s^2$, with its minimum at $s = p_\text{data}/(p_\text{data}+p_\text{model})$: the same $D^*$, without a sigmoid.

# %%
small = gan.GAN(
    torch.nn.Linear(1, 1), torch.nn.Linear(1, 1), n_latent=1, objective="minimax",
    label_smoothing=0.1, fake_label=0.3).double()  # fmt: skip
points_real, points_fake = (s[:, None] for s in (s_real, s_fake))
scores_real, scores_fake = small.score(points_real), small.score(points_fake)
by_targets = cross_entropy(scores_real, 0.9) + cross_entropy(scores_fake, 0.3)
check("GAN(label_smoothing=.1, fake_label=.3): cross-entropy, targets 0.9 and 0.3",
      small.opponent_loss(points_real, points_fake), by_targets,
      atol=1e-12)  # fmt: skip

log_D, log_not_D = np.log(tried), np.log(1 - tried)
cost = -p_data[some] * (0.9 * log_D + 0.1 * log_not_D)
cost = cost - p_model[some] * (0.3 * log_D + 0.7 * log_not_D)
smoothed = gan.optimal_discriminator(p_data, p_model, alpha=0.1, beta=0.3)
check("the best of 9999 answers to smoothed labels = the formula",
      tried[cost.argmin(axis=0), 0], smoothed[some], atol=1e-4)  # fmt: skip

# %% [markdown]
# We train a small network for each of the three versions, on fresh samples, from three random starts. How far is it from its own $D^*$? We measure the root of the mean squared error, where the mean is over real and generated samples alike. The control is the *wrong* target: networks trained without smoothing, compared with the smoothed answer.

# %%
from coursekit.networks import mlp

real_rows, fake_rows, grid = [torch.tensor(points[:, None], dtype=torch.float32)
                              for points in (real, fake, x)]  # fmt: skip


def trained(objective, alpha, seed, n_steps=300):
    """D(x) on the grid, of a network trained with 512 samples of each kind per step."""
    torch.manual_seed(seed)
    still, net = torch.nn.Linear(1, 1), mlp((1, 32, 32, 1), activation="tanh")
    game = gan.GAN(still, net, n_latent=1, objective=objective, label_smoothing=alpha)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1, 0, n_steps)
    for _ in range(n_steps):
        rows, others = torch.randint(len(real_rows), (2, 512))
        optimizer.zero_grad()
        game.opponent_loss(real_rows[rows], fake_rows[others]).backward()
        optimizer.step()
        schedule.step()
    return game.probability(grid).detach().numpy()


def error(D, target):
    """Root mean squared difference, weighted by (p_data + p_model) / 2."""
    return np.sqrt(((D - target) ** 2 * (p_data + p_model) / 2).sum(axis=-1) * dx)


versions = {"cross-entropy": ("minimax", 0.0), "smoothed, α = 0.1": ("minimax", 0.1),
            "least squares": ("least_squares", 0.0)}  # fmt: skip
alphas = [alpha for _, alpha in versions.values()]
answers = np.array([gan.optimal_discriminator(p_data, p_model, alpha=alpha)
    for alpha in alphas])  # fmt: skip
learned = np.array([[trained(*version, seed) for seed in range(3)]
                    for version in versions.values()])  # fmt: skip

# %%
check("error of the plain and the least-squares networks, 3 seeds each",
      error(learned[::2], answers[0]), 0.045, relation="<=",
      control={"trained with smoothed labels":
               error(learned[1], answers[0])})  # fmt: skip
check("error of the networks with smoothed labels, 3 seeds",
      error(learned[1], answers[1]), 0.045, relation="<=",
      control={"trained without smoothing": error(learned[0], answers[1])})  # fmt: skip

# %%
left_edge = learned[..., inside.argmax()]  # (versions, seeds), at x = -7
check("at the left edge of the figure all nine say 0.6 or more", left_edge, 0.6,
      relation=">=", control={"D*": answers[:, inside.argmax()].max()})  # fmt: skip
visited = (p_data + p_model) / 2 > 0.01
figure = pictures.learned_answers(x[inside], answers[:, inside], learned[:, :, inside],
                                  list(versions), visited[inside])  # fmt: skip
plots.show(figure,
           alt="Three panels with D* dashed and three learned answers in green, for "
           "cross-entropy, smoothed labels and least squares. They agree in most of "
           "the shaded range, where samples fall; the smoothed ones stay below 0.9; at "
           "its left end and outside they part from the dashed line.")  # fmt: skip

# %% [markdown] slide="subslide"
# Over most of the grey band, where samples fall, the networks are close to $D^*$. At its left end they begin to part from it, and at the left edge of the picture, where hardly any sample ever corrected them, all nine say "probably real", where the right answer is almost 0. The generator gets its directions from this network, so where few samples have been its advice may be wrong, as it is here.
#
# **Why smooth one side only?** Look at the numerator. With $\alpha$ alone, $D^*$ keeps its shape and is scaled by $1-\alpha$. With $\beta > 0$ the model's own density enters: wherever the generator puts many samples and the data none, $D^*$ tends to $\beta$ rather than 0. The discriminator then gives a place credit only because the generator keeps going there.

# %%
astray = 0.5 * normal(x, 1.5, 0.9) + 0.5 * normal(x, 5, 0.5)  # half of it off the data
one_sided = gan.optimal_discriminator(p_data, astray, alpha=0.1)
two_sided = gan.optimal_discriminator(p_data, astray, alpha=0.1, beta=0.3)
stray = np.abs(x - 5).argmin()
check("at the stray hump: D* = 0 with one side smoothed, beta with both",
      [one_sided[stray], two_sided[stray]], [0, 0.3], atol=1e-3)  # fmt: skip
curves = (x, p_data, astray, one_sided, two_sided)
figure = pictures.smoothed_answers(*(each[inside] for each in curves))
plots.show(figure,
           alt="A model with a stray hump at 5 where the data has none. Below, D* with "
           "one side smoothed is zero there, with both sides smoothed it is "
           "0.3.")  # fmt: skip

# %% [markdown] slide="slide"
# ## 5 · A gradient that goes flat
#
# **Question.** The generator's part of the value is $\mathbb E \log(1 - D(G(z)))$. Descending it is the natural thing to do. Early in training the discriminator has an easy life: samples are bad and $D(G(z)) \approx 0$. How hard is such a sample pushed?
#
# **Predict before you run:** a sample has $D = 0.01$. Compare the slope of $\log(1-D)$ with that of $-\log D$, both taken with respect to the raw score $s$. Which is larger, and by what factor?
#
# <details><summary>Answer</summary>
# With D = σ(s): d/ds log(1 − D) = −D, and d/ds (−log D) = −(1 − D). So 0.01 against 0.99, a factor of 99. The first loss pushes hardest the samples that are already believed.
# </details>

# %% [markdown] slide="fragment"
# Both say "raise $s$". But the first *saturates*: the less $D$ believes a sample, the smaller its push. The **$\log D$ trick** is to let the generator maximise $\log D$ instead of minimising $\log(1-D)$; this is the *non-saturating loss*. Each player then has a loss of its own: the game is no longer *zero-sum*, where one player's gain is the other's loss.

# %%
score = torch.linspace(-6, 6, 241, dtype=torch.float64, requires_grad=True)
losses = {"log(1 − D), saturating": -F.softplus(score),
          "−log D, the log D trick": F.softplus(-score)}  # fmt: skip
slopes = {k: torch.autograd.grad(v.sum(), score)[0] for k, v in losses.items()}
D = torch.sigmoid(score.detach())
flat, steep = slopes.values()
check("slope of log(1 - D) on the score = -D", flat, -D, atol=1e-15)
check("slope of -log D on the score = -(1 - D)", steep, D - 1, atol=1e-15)
package = [gan.generator_loss(score, objective=objective).item()
           for objective in ("minimax", "non_saturating")]  # fmt: skip
check("both losses = coursekit, means over the batch",
      [loss.mean().item() for loss in losses.values()], package,
      atol=1e-14)  # fmt: skip
plots.show(
    pictures.generator_losses(
        score.detach().numpy(),
        {name: loss.detach().numpy() for name, loss in losses.items()},
        {name: -slope.numpy() for name, slope in slopes.items()},
    ),
    alt="Left, two losses of the generator over the raw score: log of one minus D is "
    "flat for small D, minus log D falls steeply there. Right, the size of their "
    "slopes: D for the first, one minus D for the second.",
)

# %% [markdown] slide="subslide"
# **What does the generator follow?** Let the data be a standard normal and the model a normal whose position we move. The discriminator plays $D^*$ of each moment, and we compute the slope of either loss with respect to the position. Move the slider: watch $D^*$, the divergence, and both slopes.

# %% tags=["nbval-ignore-output"]
from coursekit.gan import explorers

explorers.best_answer_explorer()

# %%
from coursekit import widgets

widgets.static_frames(
    explorers.best_answer_frame,
    [{"position": 1.5, "std": 1.0}, {"position": 5.5, "std": 1.0}],
    alt="Two positions of the explorer. At 1.5 D* falls smoothly, and both slopes are "
    "positive. At 5.5 the divergence is near its ceiling, the saturating slope is "
    "almost zero, the slope of the log D trick is large.",
)

# %% [markdown]
# At distance 5.5 the divergence has almost reached its ceiling. The saturating slope is almost zero: the curve is flat there, though far above its minimum. The trick still pulls. Here both slopes vanish at the same place, where the model is the data: **the equilibrium is shared**, the way there is not.
#
# **Formula.** Write $q_\theta$ for the model's density and $p$ for the data's. In each step of the game the generator meets a discriminator that is *held still*: take $D = D^*$ of the present moment, freeze it, and differentiate with respect to $\theta$ only where $\theta$ moves the samples.
#
# 1. *The first loss* has the slope $\int \nabla q_\theta \log(1 - D^*)$, with $1 - D^* = \frac{q}{p+q}$. Since $\int \nabla q_\theta = \nabla 1 = 0$, we may add a constant to the logarithm: it equals $\int \nabla q_\theta \log\frac{2q}{p+q}$, and that is the slope of $2\,\mathrm{JSD} = \int p \log\frac{2p}{p+q_\theta} + q_\theta \log\frac{2q_\theta}{p+q_\theta}$. Why? Use the product rule. Differentiating the factor $q_\theta$ gives the integral just found. Differentiating inside the two logarithms gives $\int \nabla q_\theta\big({-\frac{p}{p+q}} + 1 - \frac{q}{p+q}\big) = 0$. (The *value* $V(D^*, G)$ has this slope even when $D^*$ is allowed to move along: $D^*$ is a maximum, and at a maximum the value does not feel a small move of $D$. This is the envelope theorem.)
# 2. *The trick* has the slope $-\int \nabla q_\theta \log D^*$, with $D^* = \frac{p}{p+q}$. Now $-\log\frac{p}{p+q} = \log\frac qp - \log\frac{2q}{p+q} + \log 2$. The first term gives the slope of $\mathrm{KL}(q_\theta\,\|\,p)$ (differentiating inside its logarithm adds $\int q\,\frac{\nabla q}{q} = \int \nabla q_\theta = 0$), the second that of $2\,\mathrm{JSD}$ as in step 1, the constant gives nothing.
#
# So **with $D^*$ frozen** the trick follows $\mathrm{KL}(p_\text{model}\,\|\,p_\text{data}) - 2\,\mathrm{JSD}$ (Arjovsky and Bottou 2017). The minus sign looks odd, as if the trick drove the two apart. Collect the terms with $q$ and those with $p$ in this difference: $\int q\,\big(\log\frac qp - \log\frac qm\big) - p\log\frac pm = \int (q + p)\log\frac mp = 2\,\mathrm{KL}(m\,\|\,p)$, never negative, and zero only when model and data agree. So it is a divergence after all (Shannon and others 2020).


# %%
def frozen_slopes(position):
    """Slopes of both losses in the model's position, with D* held still."""
    log_p, log_q = stats.norm.logpdf(x), stats.norm.logpdf(x, position)
    log_sum = np.logaddexp(log_p, log_q)
    moved = (x - position) * np.exp(log_q)  # derivative of q in the position
    saturating = np.sum(moved * (log_q - log_sum)) * dx  # log(1 - D*)
    trick = -np.sum(moved * (log_p - log_sum)) * dx  # -log D*
    return saturating, trick


def numerical_slope(function, at, step=1e-4):
    return (function(at + step) - function(at - step)) / (2 * step)


def divergence_at(position):
    return gan.jensen_shannon(normal(x), normal(x, position), dx)


def kl_of_the_mean(position):
    """KL(m || p) in nats, m the mean of data and model."""
    log_p, log_q = stats.norm.logpdf(x), stats.norm.logpdf(x, position)
    log_m = np.logaddexp(log_p, log_q) - np.log(2)
    return np.sum(np.exp(log_m) * (log_m - log_p)) * dx


def loss_with_fresh_D(position):
    """E[-log D*(x)] over the model, D* computed anew for this position."""
    p, q = normal(x), normal(x, position)
    return -np.sum(q * np.log(gan.optimal_discriminator(p, q))) * dx


def extra(position):
    q = normal(x, position)
    return np.sum(q * (x - position) * q / (normal(x) + q)) * dx


# %%
positions = np.array([-4.0, -1.5, 0.0, 0.5, 3.0, 5.5])
saturating, trick = np.transpose([frozen_slopes(at) for at in positions])
explored = np.transpose([explorers.forces(at, 1.0)[1:] for at in positions])
check("frozen slopes = those of the explorer, which moves samples, not densities",
      explored, [saturating, trick], atol=1e-6)  # fmt: skip
slope = np.array([numerical_slope(divergence_at, at) for at in positions])
check("saturating loss: slope of 2 JSD", saturating, 2 * slope, atol=1e-6)
check("log D trick: slope of KL - 2 JSD", trick, positions - 2 * slope, atol=1e-6)
bent = [pairs[name] for name in ("our game", "two Gaussians", "one hump missing")]
from_mean = np.array([kl((p + q) / 2, p) for p, q in bent])
check("KL(q || p) - 2 JSD = 2 KL(m || p), three pairs",
      [kl(q, p) - 2 * gan.jensen_shannon(p, q, dx) for p, q in bent], 2 * from_mean,
      atol=1e-9, control={"KL(m || p) once": from_mean})  # fmt: skip
slope = np.array([numerical_slope(kl_of_the_mean, at) for at in positions])
check("log D trick: slope of 2 KL(m || p)", trick, 2 * slope, atol=1e-6)

# %% [markdown]
# The word *frozen* matters. For the trick $D^*$ is not a maximum, so if we computed $D^*$ anew at each $\theta$ and then differentiated, we would get another slope. The extra term is what $\theta$ does to $D^*$ itself: from $-\log D^* = \log(p+q) - \log p$ its derivative in $\theta$ is $\frac{\nabla q}{p+q}$, so the extra is $\int q\,\frac{\nabla q_\theta}{p+q}$. So a step of the trick does not follow the gradient of $\mathbb E[-\log D^*]$, which a training log would print if its discriminator were $D^*$; it follows that of $\mathrm{KL} - 2\,\mathrm{JSD}$, and only as far as the discriminator is $D^*$. (In the table below, the two slopes have the same sign and differ in size.)


# %%
anew = np.array([numerical_slope(loss_with_fresh_D, at) for at in positions])
extras = np.array([extra(at) for at in positions])
check("D* computed anew: the frozen slope + the extra term", anew, trick + extras,
      atol=1e-6, control={"the frozen slope alone": trick})  # fmt: skip
print("distance   saturating   trick, frozen   trick, D* anew")
for row in zip(positions, saturating, trick, anew, strict=True):
    print("{:8.1f} {:12.3f} {:15.3f} {:16.3f}".format(*(value + 0.0 for value in row)))

# %% [markdown] slide="slide" says="**Algorithm 1** takes turns: $k$ steps of the discriminator, each on a fresh batch, then one step of the generator, and again. The line to look at twice is `detach()`."
# ## 6 · Algorithm 1
#
# The discriminator cannot be trained to perfection after each move of the generator. **Algorithm 1** of the GAN paper takes turns: $k$ steps of the discriminator, each on a fresh batch, then one step of the generator, and again. Here it is. (The paper's listing descends $\log(1-D)$; its text recommends the trick, and so do we.) The one line to look at twice is `detach()`: in the discriminator's turn the samples are evidence, and the generator must not learn from it.


# %% tags=["slide-code"]
from torch.optim import Adam


def batches(points, size, order):
    while True:
        for rows in torch.randperm(len(points), generator=order).split(size):
            yield points[rows]


def draw(game, rng):
    return game.generator(torch.randn(250, game.n_latent, generator=rng))


def play(game, points, n_turns, *, k=1, n_generator=1, rate=2e-2, seed=0,
         look=lambda turn: None):  # fmt: skip
    """Algorithm 1 with the log D trick; n_generator: steps of G in a turn."""
    order, noise = (torch.Generator().manual_seed(seed + i) for i in (0, 1))
    score, stream = game.discriminator, batches(points, 250, order)
    d_step, g_step = (Adam(part.parameters(), rate, betas=(0.5, 0.99), fused=True)
                      for part in (score, game.generator))  # fmt: skip
    for turn in range(1, n_turns + 1):
        for _ in range(k):
            d_step.zero_grad()
            samples = draw(game, noise).detach()
            discriminator_loss(score(next(stream)), score(samples)).backward()
            d_step.step()
        for _ in range(n_generator):
            g_step.zero_grad()
            F.softplus(-score(draw(game, noise))).mean().backward()  # -log D
            g_step.step()
        look(turn)


# %% [markdown]
# The task is small enough to watch: the data is $\mathcal N(3, 0.5^2)$, and the generator is a line, $G(z) = a z + b$. So $p_\text{model}$ is $\mathcal N(b, a^2)$, and for once we *know* it at every step. It starts at $\mathcal N(0, 1)$. First, does the package play the same game, move for move?

# %%
from coursekit.training import fit_adversarial

target = normal(x, 3, 0.5)


def new_game(seed, a=1.0, b=0.0):
    """The generator a z + b against a fresh discriminator."""
    torch.manual_seed(seed)
    line = torch.nn.Linear(1, 1)
    line.load_state_dict({"weight": torch.tensor([[a]]), "bias": torch.tensor([b])})
    return gan.GAN(line, mlp((1, 16, 16, 1), activation="tanh"), n_latent=1)


def draw_data(seed):
    draw = torch.Generator().manual_seed(100 + seed)
    return 3 + 0.5 * torch.randn(5000, 1, generator=draw)


own, theirs = new_game(0), new_game(0)
play(own, draw_data(0), 60, k=2)
fit_adversarial(theirs, draw_data(0), n_steps=60, n_opponent_steps=2, batch_size=250,
                learning_rate=2e-2, device="cpu")  # fmt: skip
flat_weights = torch.nn.utils.parameters_to_vector
check("60 turns by hand = coursekit, every weight", flat_weights(own.parameters()),
      flat_weights(theirs.parameters()), atol=1e-5)  # fmt: skip

# %% [markdown] slide="subslide" says="Three games from three random starts, and three numbers:\n\n1. $2\\,\\mathrm{JSD} - \\log 4$, by quadrature;\n2. the value that a **freshly trained** discriminator reaches;\n3. the value with the game's *own* discriminator: what a training log shows."
# Now three whole games from three random starts. At some steps we look at three numbers: $2\,\mathrm{JSD} - \log 4$ by quadrature; the value that a **freshly trained** discriminator reaches against the generator of that moment, measured on new samples; and the value with the game's *own* discriminator, which is what a training log estimates.


# %%
def model_density(game):
    G = game.generator
    return normal(x, G.bias.item(), abs(G.weight.item()) + 1e-3)


def value_at_best(game):
    return 2 * gan.jensen_shannon(target, model_density(game), dx) - np.log(4)


def own_value(game):
    D = game.probability(grid).detach().numpy().astype(float)
    return gan.game_value(D, target, model_density(game), dx)


def fresh_value(game, seed, n_steps=120):
    """Value of a new D, trained on this generator, on 20 000 new samples."""
    judge, draw = new_game(seed + 50), torch.Generator().manual_seed(seed)

    def loss(size):
        new = 3 + 0.5 * torch.randn(size, 1, generator=draw)
        return judge.opponent_loss(new, game.sample(size, rng=draw))

    optimizer = torch.optim.Adam(judge.discriminator.parameters(), 2e-2, fused=True)
    for _ in range(n_steps):
        optimizer.zero_grad()
        loss(512).backward()
        optimizer.step()
    return -loss(20_000).item()


# %%
looks = [1, 25, 50, 100, 150, 200, 300, 500]


def follow(seed):
    """Readings (looks, 3) of one game, and its densities and D at four moments."""
    readings, moments = [], []

    def look(step, game, loss):
        if step in looks:
            fresh = fresh_value(game, seed)
            readings.append([value_at_best(game), fresh, own_value(game)])
        if step in (1, 50, 100, 500):
            D = game.probability(grid).detach().numpy()
            moments.append((f"after step {step}", model_density(game), D))

    fit_adversarial(new_game(seed), draw_data(seed), n_steps=500, learning_rate=2e-2,
                    schedule="linear", seed=seed, device="cpu",
                    on_step=look)  # fmt: skip
    return np.array(readings), moments


readings, moments = zip(*(follow(seed) for seed in range(3)), strict=True)
at_best, fresh, running = np.moveaxis(np.array(readings), 2, 0)  # (seeds, looks) each

# %%
window = (x > -3) & (x < 6)
stills = [(title, q[window], D[window]) for title, q, D in moments[0]]
plots.show(
    pictures.moves_of_the_game(x[window], target[window], stills),
    alt="Four moments of the game, densities above and the discriminator below. The "
    "model starts left of the data, moves towards it, and covers it at the end, where "
    "the discriminator is close to one half around the data and wanders elsewhere.",
)

# %% tags=["nbval-ignore-output"]
print(f"by seed; -log 4 = {-np.log(4):.4f}")
for name, values in (("quadrature", at_best), ("fresh", fresh), ("own", running)):
    for when in (0, 1, -1):
        seeds = " ".join(f"{value:7.4f}" for value in values[:, when])
        print(f"{name:10} after step {looks[when]:3}: {seeds}")

# %%
nearly = {f"N({b:g}, {a:g}²)": new_game(0, a, b) for a, b in ((0.6, 3.0), (0.5, 3.17))}
misses = {name: value_at_best(game) + np.log(4) for name, game in nearly.items()}
misses_fresh = {name: fresh_value(game, 0) + np.log(4) for name, game in nearly.items()}
check("at the end, by quadrature: within 0.004 of -log 4, 3 seeds",
      at_best[:, -1] + np.log(4), 0.004, relation="<=", control=misses)  # fmt: skip
check("and by a fresh discriminator: within 0.008", np.abs(fresh[:, -1] + np.log(4)),
      0.008, relation="<=", control=misses_fresh)  # fmt: skip
check("the game's own value starts below -1", running[:, 0], -1.0, relation="<=",
      control={"the best discriminator's value": at_best[:, 0]})  # fmt: skip
check("a fresh discriminator never beats D* (0.03 for sampling)", fresh, at_best,
      relation="<=", atol=0.03, theorem="D* maximises the value")  # fmt: skip
plots.show(pictures.value_over_time(looks, at_best, fresh, running),
           alt="Three readings over the steps of the generator for three seeds. The "
           "quadrature and the fresh discriminators fall together from near zero to "
           "minus log 4. The running value starts low, between -1.1 and -1.4, rises to "
           "about -0.55 at step 25 and then falls with the others to minus log "
           "4.")  # fmt: skip

# %% [markdown] slide="subslide"
# Blue and green nearly agree: in this game, a fresh discriminator is a good instrument, and it needs nothing but samples. The red curve, the one that a training log estimates, starts below $-1$ with all three seeds, and with one of them close to $-\log 4$, the generator's triumph, while the samples are still about as bad as at the start. That is the trap announced in section 1. The running value is low when the generator is good *or when the discriminator is bad* (at the first step it has learned next to nothing), and the number does not say which. Computed with the true densities, as here, it can only be too low, since nothing beats $D^*$. Measured on the training samples it can be too high as well: see the next section.

# %% [markdown] slide="slide"
# ## 7 · How many steps for the discriminator?
#
# **Question.** With a larger $k$ each turn costs more. How much less value does the discriminator leave on the table along the way?


# %%
def value_gaps(k, seed):
    """Value of D* less value of the game's own D, at turns 10, 20, ..., 200; (20,)."""
    game, gaps = new_game(seed), []

    def look(turn):
        if turn % 10 == 0:
            gaps.append(value_at_best(game) - own_value(game))

    play(game, draw_data(seed), 200, k=k, seed=seed, look=look)
    return gaps


gaps = {k: np.array([value_gaps(k, seed) for seed in range(3)]) for k in (1, 5)}
mean_gaps = {k: each.mean(axis=1) for k, each in gaps.items()}
check("no discriminator of these games is ever above D*", list(gaps.values()), 0,
      relation=">=", theorem="D* maximises the value")  # fmt: skip
check("k = 5 leaves less than 0.04 nats, 3 seeds", mean_gaps[5], 0.04, relation="<=",
      control={"k = 1": mean_gaps[1]})  # fmt: skip
for k, each in mean_gaps.items():
    print(f"k = {k}: {each.mean():.2f} nats left on the table")

# %% [markdown]
# So why not a huge $k$? The decks disagree. The generative models deck says not to keep $D$ from becoming "too smart", since $D$ is supposed to be perfect; others ask for a balance. Three reasons for few steps are given, and they are not equally good. *Time:* each extra step costs some. *A flat loss:* with the saturating loss a perfect discriminator leads back to the flat part of section 5; with the $\log D$ trick, which this game uses, the slope at $D^*$ is large as long as the model is far away, so it does not apply here. *Overfitting*, which the generative AI deck names: $D$ sees finitely many real samples. Trained on them for long, it learns these samples rather than their density. Let us see that: the same network, once with 20 real samples, once with 5000, as many steps for both.


# %%
checkpoints = [1, 5, 10, 25, 50, 100, 200, 400]


def memorise(n_real, seed):
    """Train D on n_real real samples; its value on them and on new ones, and D(x)."""
    torch.manual_seed(seed)
    net, few = mlp((1, 64, 64, 1)), real_rows[torch.randint(len(real_rows), (n_real,))]
    optimizer, record = torch.optim.Adam(net.parameters(), lr=1e-2), []
    for step in range(1, checkpoints[-1] + 1):
        rows, others = (torch.randint(k, (250,)) for k in (n_real, len(fake_rows)))
        optimizer.zero_grad()
        discriminator_loss(net(few[rows]), net(fake_rows[others])).backward()
        optimizer.step()
        if step in checkpoints:
            with torch.no_grad():
                scores = net(fake_rows[:20_000])
                seen, unseen = (-discriminator_loss(net(points), scores).item()
                                for points in (few, real_rows[:20_000]))  # fmt: skip
            record.append([seen, unseen])
    return np.array(record), net(grid)[:, 0].sigmoid().detach().numpy(), few.numpy()


of_few, of_many = ([memorise(size, seed) for seed in range(3)] for size in (20, 5000))
few_curves = np.array([run[0] for run in of_few])  # (seeds, checkpoints, 2)
many_curves = np.array([run[0] for run in of_many])
check("20 real samples: on new ones the value ends below that of a coin, 3 seeds",
      few_curves[:, -1, 1], -np.log(4), relation="<=",
      control={"5000 real samples": many_curves[:, -1, 1],
               "20 samples, after 10 steps": few_curves[:, 2, 1]})  # fmt: skip
later = checkpoints.index(100)
check("5000 real samples: on new ones no loss of 0.02 nats after step 100, 3 seeds",
      many_curves[:, -1, 1] - many_curves[:, later, 1], -0.02, relation=">=",
      control={"20 real samples":
               few_curves[:, -1, 1] - few_curves[:, later, 1]})  # fmt: skip

# %% tags=["nbval-ignore-output"]
print("at the end     on those seen     on new ones")
for size, curve in ((20, few_curves), (5000, many_curves)):
    seen, new = (" ".join(f"{v:.1f}" for v in curve[:, -1, i]) for i in (0, 1))
    print(f"{size:4} samples    {seen}    {new}")

# %%
figure = pictures.memorised(checkpoints, few_curves, many_curves, x[inside],
                            best[inside], of_few[0][2][:, 0],
                            of_few[0][1][inside], of_many[0][1][inside])  # fmt: skip
plots.show(figure,
           alt="Left, values over the steps of D. With 20 real samples the value on "
           "these keeps rising while that on new samples falls below a coin's. With "
           "5000 the value on new samples rises and stays. Right, D with 20 samples is "
           "high where its samples are and jagged; with 5000 it follows D* where data "
           "are.")  # fmt: skip

# %% [markdown] finding="With 20 real samples more steps make the discriminator worse than a coin on new ones; with 5000 they do no harm."
# (One of the three red curves leaves the picture.) This is a good reason, and it depends on the amount of data. The discriminator of 20 samples, which after ten steps was still better than a coin on new samples, ends worse than one, and a generator that followed it could be pulled towards these 20 points instead of their distribution. (No generator moved in this experiment.) With 5000 samples the same number of steps does no harm. Notebook 14 changes the game so that even a perfect discriminator, there called a *critic*, still has a useful slope.

# %% [markdown] slide="slide"
# ## 8 · Who moves first?
#
# We wrote $\min_G \max_D V$. Is $\max_D \min_G V$ the same? Take the smallest game there is: $D$ picks a row, $G$ picks a column, and the table says what $D$ *pays* to $G$.
#
# $$J(D, G) = \begin{pmatrix} 1 & 4 \\ 3 & 2 \end{pmatrix}, \qquad D \text{ chooses the row and minimises, } G \text{ the column and maximises.}$$
#
# <details><summary><b>Predict before you run:</b> who has the advantage, the one who chooses first or the one who answers?</summary>
#
# The one who answers. If D answers (D in the inner loop), it pays min(1, 3) = 1 for the first column and min(4, 2) = 2 for the second; G takes the second: 2. If G answers, rows cost max(1, 4) = 4 and max(3, 2) = 3; D takes the second: 3.
# </details>

# %%
J = np.array([[1, 4], [3, 2]])
check("D in the inner loop: max over G of min over D", J.min(axis=0).max(), 2)
check("G in the inner loop: min over D of max over G", J.max(axis=1).min(), 3)
tables = rng.normal(size=(1000, 3, 4))
inner_D, inner_G = tables.min(axis=1).max(axis=1), tables.max(axis=2).min(axis=1)
check("on 1000 random tables, answering is never a disadvantage", inner_D, inner_G,
      relation="<=", theorem="max min <= min max")  # fmt: skip
print(f"the order makes a difference in {np.mean(inner_D < inner_G):.0%} of the tables")

# %% [markdown] slide="subslide" says="Now put **G in the inner loop**: $D$ is fixed and $G$ may adapt for as long as it likes. Its loss is an average of numbers $-\\log D(x)$, smallest when all its weight lies on the smallest of them.\n\nSo the best answer is one single point. That is **mode collapse**, and here it is the optimal move."
# For GANs the order matters a great deal. With $D$ in the inner loop, $G$ minimises a divergence. Now put **G in the inner loop**: $D$ is fixed and $G$ may adapt for as long as it likes. Its loss $\mathbb E_{p_\text{model}}[-\log D(x)]$ is an average of numbers $-\log D(x)$. An average is smallest when all its weight is on the smallest number. So, unless two points tie, the best answer is one single point: every $z$ goes to the $x$ that $D$ likes most. That is **mode collapse**, and here it is no accident but the optimal move.
#
# Let us watch it with a generator that may choose *any* distribution: a table of probabilities $w$ on a grid. Its step multiplies each entry by $e^{-\text{rate}\,\cdot\,\text{loss}}$, where the loss at a point is $-\log D$, and normalises (*exponentiated gradient descent*, which keeps probabilities positive). Both runs use the same rule from the same start; the only difference is whether $D$ answers after each step or never again.

# %%
cells = np.linspace(-6, 6, 121)
width = cells[1] - cells[0]
p_cells = 0.4 * normal(cells, -2, 0.7) + 0.6 * normal(cells, 1.5, 0.9)
p_cells /= p_cells.sum()


def adapt(answers, steps=(10, 100, 2000), rate=0.1):
    """Probabilities after some steps; answers: D plays D* each time."""
    w, kept = normal(cells, 1.2, 1.8), {}
    w /= w.sum()
    D = gan.optimal_discriminator(p_cells, w)
    for step in range(1, steps[-1] + 1):
        if answers:
            D = gan.optimal_discriminator(p_cells, w)
        w = w * np.exp(rate * np.log(D))
        w /= w.sum()
        if step in steps:
            kept[step] = w
    return kept, D


alone, D_alone = adapt(answers=False)
answered, _ = adapt(answers=True)
w_alone, w_answered = alone[2000], answered[2000]

# %%
check("D fixed: the generator ends where D is largest", cells[w_alone.argmax()],
      cells[D_alone.argmax()], atol=1.01 * width)  # fmt: skip
check("D fixed: 95 % of its weight is on at most 9 of 121 cells",
      np.sort(w_alone)[-9:].sum(), 0.95, relation=">=",
      control={"D answers each step": np.sort(w_answered)[-9:].sum()})  # fmt: skip
check("D answers: the generator becomes the data", w_answered, p_cells, atol=1e-3,
      control={"D fixed": w_alone})  # fmt: skip


# %%
def spread(w):
    """Standard deviation of the probabilities w on the cells."""
    return np.sqrt(w @ (cells - w @ cells) ** 2)


print(f"standard deviation of the data {spread(p_cells):.2f}; of the generator")
for who, kept in (("D fixed", alone), ("D answers", answered)):
    print(f"{who:9}", ", ".join(f"{spread(w):.2f} after {k}" for k, w in kept.items()))
panels = [(title, {k: w / width for k, w in kept.items()})
          for title, kept in (("D fixed: narrower and narrower", alone),
                              ("D answers: becomes the data", answered))]  # fmt: skip
plots.show(
    pictures.two_orders(cells, p_cells / width, panels),
    alt="Two panels with the density of the data in grey. Left, with D fixed, the "
    "generator's density narrows to a spike near -2.6. Right, with D answering after "
    "each step, it takes on both humps of the data.",
)

# %% [markdown] slide="subslide" says="Alternating gradient steps are neither order. The smallest case is $J = xy$: $G$ descends in $x$, $D$ climbs in $y$. One step is a matrix that turns the plane, and its determinant says whether the circles grow.\n\n*Both at once:* $1+r^2$, it diverges. *Taking turns:* $1$, it circles. *With a penalty* $\\frac\\gamma2 y^2$ *for* $D$: $1-r\\gamma$, it converges."
# **Alternating gradient steps,** as in Algorithm 1, are neither order. What do they do near an equilibrium? The smallest case is $J = xy$: the generator owns $x$ and descends, the discriminator owns $y$ and climbs, as in $V$. The equilibrium is $(0, 0)$. With step size $r$,
#
# - *both at once* means $(x, y) \to (x - r y,\; y + r x)$;
# - *taking turns* means first $y' = y + r x$, then $x' = x - r y'$.
#
# In each case one step multiplies $(x, y)$ by a 2 × 2 matrix. If its two eigenvalues are complex, they are conjugates: the step turns the plane, and the square of their absolute value is the determinant. So above 1 the path diverges, at 1 it goes round an ellipse for ever (we say it circles), below 1 it converges. Put $y'$ into $x'$ and the two matrices are
#
# $$\text{at once: } \begin{pmatrix} 1 & -r \\ r & 1 \end{pmatrix}, \qquad \text{in turns: } \begin{pmatrix} 1 - r^2 & -r \\ r & 1 \end{pmatrix} .$$
#
# With simultaneous steps the determinant is $1 + r^2$: the path spirals out, for any step size. With alternating steps it is $(1 - r^2) + r^2 = 1$. The eigenvalues are complex if the squared trace $(2 - r^2)^2$ is less than 4 times the determinant, so the path circles for any $r < 2$. Neither converges.
#
# **A penalty.** Let the discriminator pay for being far from 0: $J = xy - \frac\gamma2 y^2$. Now $y' = (1 - r\gamma)\,y + r x$. The second column of the matrix in turns is multiplied by $1 - r\gamma$, and so is its determinant, which becomes $1 - r\gamma$. The trace is $2 - u$ with $u = r(r + \gamma)$, so the eigenvalues are complex if $(2-u)^2 < 4(1 - r\gamma)$, that is $u^2 < 4u - 4r\gamma = 4r^2$, that is $r + \gamma < 2$. Then $r\gamma < 1$ too (a product of two numbers is at most the square of half their sum), so the determinant is between 0 and 1: the step still turns the plane, and the path converges.


# %%
def in_turns(r, gamma):
    """One turn on J = xy - gamma / 2 y^2, as a matrix on (x, y)."""
    new_y = np.array([r, 1 - r * gamma])  # the discriminator climbs first
    new_x = np.array([1, 0]) - r * new_y  # then the generator descends
    return np.array([new_x, new_y])


def discriminant(matrix):
    """Negative: the eigenvalues are complex."""
    return np.trace(matrix) ** 2 - 4 * np.linalg.det(matrix)


r, gamma = 0.1, 0.4
dances = {"both at once: diverges": np.array([[1, -r], [r, 1]]),
    "in turns: circles": in_turns(r, 0),
    "in turns, penalty: converges": in_turns(r, gamma)}  # fmt: skip
steps = np.array(list(dances.values()))
check("all three turn the plane", [discriminant(step) for step in steps], 0,
      relation="<=",
      control={"r + gamma = 2.2": discriminant(in_turns(r, 2.1))})  # fmt: skip
check("|eigenvalue|² = 1 + r², 1, 1 - r gamma", np.abs(np.linalg.eigvals(steps)) ** 2,
    np.transpose([[1 + r**2, 1, 1 - r * gamma]] * 2), rtol=1e-12)  # fmt: skip
paths = [[np.linalg.matrix_power(step, k) @ (0.8, 0.6) for k in range(150)]
         for step in steps]  # fmt: skip
plots.show(pictures.dances(paths, list(dances)),
    alt="Three paths in the plane from the same start. Steps taken at once spiral "
    "outwards, steps taken in turns close to an ellipse around the origin, steps in "
    "turns with a penalty spiral into the origin.")  # fmt: skip

# %% [markdown] slide="subslide" says="Data at $0$, samples at $x$, score $s(u) = -y\\,u$: near equilibrium $V = -\\log 4 + \\frac12 xy$, and $y^2$ is the squared slope at the data.\n\n**R1:** $\\frac\\gamma2\\, \\mathbb E_\\text{data} \\lVert\\nabla s(x)\\rVert^2$. Where $D = \\frac12$ it is zero, so the equilibrium stays."
# **That penalty has a name in GANs.** Let all data be at $0$, all samples at $x$, and let the score be a line, $s(u) = -y\,u$. Then $V = \log\sigma(0) + \log(1 - \sigma(-y x)) = -\log 2 - \log(1 + e^{-xy})$. To first order in $xy$ this is $-\log 4 + \frac12 xy$: the same dance, half as fast, so that the same $\gamma$ weighs twice as much.
#
# And $y^2$ is the squared slope of the score at the data. So add the penalty $\frac\gamma2\, \mathbb E_\text{data} \lVert\nabla s(x)\rVert^2$ to the discriminator's loss. It is called **R1** (Mescheder, Geiger and Nowozin 2018); `gan.GAN(..., r1=0.1)` has it. Where $D = \frac12$ everywhere the score is flat, so the penalty is at its minimum of zero, exerts no pull, and leaves the equilibrium where it is.

# %%
x_small, y_small = 1e-3 * torch.tensor(rng.normal(size=2))
at_data = torch.zeros(1, dtype=torch.float64, requires_grad=True)
scores = -y_small * at_data, -y_small * x_small[None]
value = -gan.discriminator_loss(*scores, objective="minimax")
check("near equilibrium V = -log 4 + xy / 2", value, -np.log(4) + x_small * y_small / 2,
      atol=1e-11,
      control={"without the half": -np.log(4) + x_small * y_small})  # fmt: skip
squared_slope = gan.r1_penalty(scores[0], at_data)
check("squared slope at the data = y²", squared_slope, y_small[None] ** 2, rtol=1e-12)

# %% [markdown] slide="slide" says="**Collapse, on purpose.** The data are 25 narrow humps on a 5 × 5 grid. Ten steps of the generator for each of the discriminator, beside one to one: compared after equally many turns, and after equally many updates."
# ## 9 · What goes wrong
#
# **Collapse, on purpose.** The data are 25 narrow humps on a 5 × 5 grid. Two games with the same networks, the same rate and the same optimiser: (a) *ten to one*, ten steps of the generator for each of the discriminator; (b) *one to one*. When are they to be compared? After equally many turns, the discriminators have made equally many updates, but the generator of (a) ten times as many. After equally many updates in *all*, (b) has made 5.5 times as many turns. We do both, with three seeds each, up to 1350 turns of (a) and 2475 of (b). These games take longer than a notebook may, so they are stored; the first is opened here, by the Algorithm 1 of section 6, to go on with D frozen.
#
# **How to count.** `mode_coverage` reports the modes found (at least a thousandth of the samples within three standard deviations), and the KL divergence of the shares per mode from even ones: 0 if every mode gets the same, $\log 25 = 3.2$ if one gets everything. What would *noise* get, spread evenly over the square? We put it beside the games.

# %%
from coursekit.evaluation import mode_coverage

toy, std = data.toy2d("grid", 20_000, rng=0), 0.05 / 2.828
cloud = torch.tensor(toy.x, dtype=torch.float32)
torch.manual_seed(0)
inspector = mlp((2, 64, 64, 1), activation="leaky_relu")
collapsed = gan.GAN(mlp((2, 64, 64, 2)), inspector, n_latent=2)


def shares(game):
    """Share of 1000 samples nearest to each of the 25 modes."""
    samples = game.sample(1000, rng=torch.Generator().manual_seed(1)).double()
    nearest = torch.cdist(samples, torch.tensor(toy.centers)).argmin(dim=1)
    return np.bincount(nearest, minlength=25) / 1000


def coverage(samples):
    """Modes found, share of good samples, KL of the shares."""
    return np.array(list(mode_coverage(samples, toy.centers, std).values()))


play(collapsed, cloud, 150, n_generator=10, rate=1e-3)

# %%
games = data.results("gan_collapse")
print(games)
side = np.abs(toy.centers).max() + 3 * std
order = torch.Generator().manual_seed(5)
noise = side * (2 * torch.rand(5000, 2, generator=order) - 1)
of_noise, kl_of = coverage(noise), {}
print(f"{'':24}{'modes':>12}{'good samples':>20}{'KL (nats)':>20}")
for n_generator, name in ((10, "ten to one"), (1, "one to one")):
    for turns in sorted(set(games.column("turns", n_generator=n_generator))):
        found, good, kl_of[name, turns] = (
            games.column(key, n_generator=n_generator, turns=turns)
            for key in ("modes", "good_share", "kl"))  # fmt: skip
        print(f"{f'{name}, {turns} turns':24}{' '.join(f'{v:.0f}' for v in found):>12}"
              f"{' '.join(f'{v:.1%}' for v in good):>20}"
              f"{' '.join(f'{v:.2f}' for v in kl_of[name, turns]):>20}")  # fmt: skip
found, good, uneven = of_noise
print(f"{'uniform noise':24}{found:>12.0f}{good:>20.1%}{uneven:>20.2f}")

# %%
for turns, beside in ((150, (825,)), (450, (450, 2475)), (1350, (1350, 2475))):
    others = {f"one to one, {m} turns": kl_of["one to one", m] for m in beside}
    check(f"ten to one, {turns} turns: KL at least 1.5 nats, 3 seeds",
          kl_of["ten to one", turns], 1.5, relation=">=",
          control=others | {"noise": of_noise[2]})  # fmt: skip
few, many = games.arrays["samples, 10"], games.arrays["samples, 1"]  # of seed 0
clouds = {"ten to one, 150 turns": few[0], "ten to one, 1350 turns": few[2],
          "one to one, 150 turns": many[0], "one to one, 825 turns": many[2],
          "one to one, 2475 turns": many[4], "noise": noise[:1000]}  # fmt: skip
plots.show(pictures.sample_clouds(
    list(clouds.values()), toy.centers, list(clouds),
    colors=["wrong", "wrong", "model", "model", "model", "noise"]),
           alt="Six panels over the 25 modes of the grid. With ten generator steps per "
           "turn all samples form one small blot, after 150 turns and after 1350. With "
           "one to one they cover a wide fan at the lower edge after 150 turns, a "
           "crooked frame about as large as the grid after 825, and after 2475 a frame "
           "on the outer modes with a line through the middle. The last panel is even "
           "noise.")  # fmt: skip
# %% [markdown]
# So ten generator steps per turn are enough to collapse this game, and nine times as many turns do not mend it. Was its discriminator taught too little? After equally many of *its* updates, every seed of one to one is spread more widely. (After 150, one of them is just above the bar of the check, 1.5 nats, which was chosen on other seeds; there the check compares at equal totals only.) All seeds of one to one become even, two within 1350 turns and the third within 2475. None of ten to one does.
#
# What the even game has learned comes late. Up to 825 turns it finds no more modes than noise does, and its share of good samples is hardly above that of noise (the standard error is about 0.2 %). It knows at best the rough size of the square, and not yet the humps. After 2475 turns all three seeds find more modes than noise, and at least three times as many samples are good.
#
# The collapsed generator has not settled on its favourite mode, though. The usual explanation is that wherever it piles up, the discriminator soon learns to say "generated", and it moves on. Here is, over time, the share of its samples that are *nearest* to each mode. Nearest does not mean good: few of them are within three standard deviations.

# %%
histories, of_even = (games.arrays[f"nearest, {k}"] / 1000 for k in (10, 1))
plots.show(
    pictures.modes_over_time(
        3 * np.arange(1, 51), histories[0],
        title="most samples are nearest to one or two modes, which keep changing"),
    alt="Share of the samples at each of the 25 modes over time, as a heat map. At "
    "most times one or two modes are red and the rest nearly empty; every few turns "
    "the red cell jumps to a different mode.",
)  # fmt: skip


# %%
def jumps(history):
    """How often the mode with the largest share changes from look to look."""
    return np.sum(np.diff(history.argmax(axis=1)) != 0)


frozen = []


def look(turn):
    if turn % 3 == 0:
        frozen.append(shares(collapsed))


play(collapsed, cloud, 150, k=0, n_generator=10, rate=1e-3, look=look)
check("the favourite mode changes at least 36 times in 50 looks, 3 seeds",
      [jumps(history) for history in histories], 36, relation=">=",
      control={"the first game goes on, D frozen": jumps(np.array(frozen)),
               "one to one": [jumps(history) for history in of_even]})  # fmt: skip
print("mean share of the favourite: ten to one",
      f"{histories.max(axis=2).mean():.2f}, one to one",
      f"{of_even.max(axis=2).mean():.2f}")  # fmt: skip
check("on average the favourite holds at least two fifths of all samples",
      histories.max(axis=2).mean(axis=1), 0.4, relation=">=",
      control={"one to one": of_even.max(axis=2).mean(axis=1)})  # fmt: skip

# %% [markdown]
# A photograph of one moment would suggest that the model "knows only one mode". The film shows one that wanders from mode to mode and stays at none. (In the even game it changes too, but holds a small part.) So look at samples over time, count modes where you can, and do not trust a loss (section 6).

# %% [markdown] slide="subslide" says="*A penalty on slopes,* R1: the same game, 6000 steps, with R1 and without. With it the modes get even shares; without it some get nearly nothing.\n\n*Several samples at a time:* a batch from one mode looks like no batch of data, even if each sample in it looks real."
# **What helps: a penalty on slopes.** In section 8 this penalty turned a circle into a spiral. Does it help here? The same plain game one to one, larger networks, 6000 steps at a constant rate, three seeds, once with `r1=0.1` and once without, all else equal. These runs take longer than a notebook may, so we load a record.

# %%
stored = data.results("gan_r1")
print(stored)
without, with_r1 = (stored.arrays[f"r1 = {r1}"] for r1 in (0.0, 0.1))
check("with R1 the shares of the modes are even: KL at most 0.2 nats, 3 seeds",
      with_r1[:, -1, 2], 0.2, relation="<=",
      control={"without": without[:, -1, 2]})  # fmt: skip
check("and at least 20 modes are found, 3 seeds", with_r1[:, -1, 0], 20, relation=">=",
      control={"without": without[:, -1, 0], "noise": of_noise[0]})  # fmt: skip
check("its samples are sharper than noise: 25 % good, 3 seeds", with_r1[:, -1, 1], 0.25,
      relation=">=", control={"noise": of_noise[1]})  # fmt: skip
risen = [runs[:, -1, 2] - runs[:, :, 2].min(axis=1) for runs in (without, with_r1)]
check("without R1 the KL rises again from its lowest, by 0.15 nats at least, 3 seeds",
      risen[0], 0.15, relation=">=", control={"with R1": risen[1]})  # fmt: skip
sharper = (without[:, :, 1] > with_r1[:, :, 1]).mean(axis=1)
by_seed = " ".join(f"{share:.0%}" for share in sharper)
print(f"without R1 more samples are good at {by_seed} of the looks, by seed")
for name, runs in (("with R1", with_r1), ("without", without)):
    good = " ".join(f"{share:.0%}" for share in runs[:, -1, 1])
    print(f"{name:8} good samples at the end, by seed: {good}")
plots.show(pictures.penalty_alone(
    250 * np.arange(1, 25), {"R1": (with_r1, "model"), "without": (without, "wrong")},
    of_noise),
           alt="Three panels over 6000 steps, three seeds with R1 in blue and three "
           "without in red. With R1 more modes are found, and the KL falls to nearly "
           "zero; without it the KL rises again. At most looks the share of good "
           "samples is no higher with R1.")  # fmt: skip

# %% [markdown]
# After 6000 steps with R1 the modes have even shares, and more of them are found; without it some have far too much and others nearly nothing. (We have not played longer.) In *sharpness* R1 is no gain in this game: without it more samples are good at most of our looks, and at the end it depends on the seed. Even shares alone would prove nothing (noise has them too); it is even shares together with samples that are sharper than noise. The [benchmark](../benchmarks/README.md) adds falling rates and averaged weights, and with R1 most samples are then good as well. It also shows that R1 is not the only way: the vanilla GAN in the same table finds nearly all modes without it, with more of its samples in between.
#
# **Several samples at a time.** A discriminator that sees several samples at a time can notice that a batch from one mode looks like no batch of data, even if each sample in it looks real. `gan.MinibatchStd`, the *minibatch standard deviation*, is the simplest such layer: it appends the spread of the batch to the features of every sample (Karras et al. 2018). [Notebook 13](13_training_gans.ipynb) goes on with minibatch features, unrolled games and images.

# %% [markdown] slide="slide"
# ## 10 · Summary
#
# | Claim | Where it was checked |
# | --- | --- |
# | the value from samples is the integral | section 1 |
# | D* = p_data / (p_data + p_model): ten thousand answers tried, no perturbation gains, both variations | section 2 |
# | value at D* = 2 JSD − log 4, for five pairs; the deck's signs | section 3 |
# | a trained network comes near D* where samples fall, with cross-entropy, smoothed labels, least squares | section 4 |
# | slopes −D and −(1 − D) on the score | section 5 |
# | with D* frozen: log(1 − D) follows 2 JSD, −log D follows KL − 2 JSD = 2 KL(m ‖ p); with D* computed anew it does not | section 5 |
# | Algorithm 1 by hand = coursekit, every weight | section 6 |
# | a Gaussian is learned, with three seeds: by quadrature and by a fresh discriminator the value falls to −log 4 | section 6 |
# | the running value starts below −1 though next to nothing has been learned | section 6 |
# | k = 5 is nearer to D* than k = 1 in this game; with 20 real samples D ends worse than a coin on new ones | section 7 |
# | minimax is not maximin; with D fixed the generator shrinks towards a point, with D answering it becomes the data | section 8 |
# | on xy: at once diverges, in turns circles, with a penalty (R1) converges | section 8 |
# | ten generator steps per turn: collapse, beside one to one after equally many updates of D (450 and 1350 turns) and at equal totals (150 and 450 turns); and wandering | section 9 |
# | R1 alone: even shares of the modes, but no sharper samples (stored runs) | section 9 |
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
# If D is close to its best answer, 0.9 p_data / (p_data + p_model): that the model goes there far less often than the data. If no samples fall there at all: nothing (section 4).
# </details>
#
# <details><summary>5. Why is forgetting detach() in the discriminator's step not fatal here, and yet a fault?</summary>
# The generator's gradients are cleared before its own step, so the result is the same; but the backward pass through the generator is computed for nothing. With one optimiser for both players it would be fatal: the generator would descend the discriminator's loss, and help it.
# </details>
#
# **Homework:** [`hw12_gan_optimal_discriminator`](homework/release/hw12_gan_optimal_discriminator/hw12_gan_optimal_discriminator.ipynb): best answers with smoothed labels, the divergence from the game, losses on raw scores, one turn of the game with gradients by hand, the order of play, and a training log with a fault. The [solutions](../notebooks/homework/source/hw12_gan_optimal_discriminator/hw12_gan_optimal_discriminator.ipynb) are in a folder of their own.
#
# **References.** I. Goodfellow and others (2014), *Generative adversarial nets*. M. Shannon and others (2020), *Non-saturating GAN training as divergence minimization*. I. Goodfellow (2016), *NIPS 2016 tutorial: generative adversarial networks*. T. Salimans and others (2016), *Improved techniques for training GANs* (one-sided smoothing). X. Mao and others (2017), *Least squares generative adversarial networks*. M. Arjovsky and L. Bottou (2017), *Towards principled methods for training generative adversarial networks*. T. Karras and others (2018), *Progressive growing of GANs for improved quality, stability, and variation*. L. Mescheder, A. Geiger and S. Nowozin (2018), *Which training methods for GANs do actually converge?*
