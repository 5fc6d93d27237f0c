# ---
# jupyter:
#   coursekit:
#     cpu_seconds: 26
#     minutes: 120
# ---

# %% [markdown] slide="slide"
# # 14 · Wasserstein GAN: how far must the mass travel?
#
# **After this notebook you can** say why a GAN's discriminator stops teaching when two distributions do not overlap, compute the earth mover's distance in four ways, prove its duality, write the critic's step and the gradient penalty by hand, and say what the critic's value does and does not tell you.
#
# **Time:** two hours to work through; it runs in under half a minute. **You need:** notebook 12.
#
# **It follows** the Wasserstein part of the generative AI deck and of the VAE and GAN class: disjoint supports, the earth mover's distance, its dual, weight clipping, the gradient penalty. **It adds** the proof of the duality, the size of the penalty's error, and a fair test of what the critic's value is worth. Mode collapse is in notebook 12; image generators and the tricks of training them are in notebook 13.

# %%
import numpy as np
import torch

from coursekit import data, plots, wgan
from coursekit.checks import check
from coursekit.wgan import pictures

plots.use_course_style()
rng = np.random.default_rng(14)

# %% [markdown] slide="slide" says="A driving instructor says \"wrong!\" to everything you do. He is right, and you learn nothing.\n\nReal images and generated ones are two **thin things in a large space**. They hardly ever overlap, and what does not overlap can be told apart perfectly."
# ## 1 · A teacher who is always right
#
# Think of a driving instructor who says "wrong!" to everything you do, with complete confidence and no explanation. He is right, and you learn nothing. This is what a very good discriminator does to a generator.
#
# Can a discriminator become *that* good? Real images fill almost none of the space of all pixel arrays: they form something thin, a manifold of low dimension. A generator's samples form another thin thing, the image of a small latent space. Two such sets in a large space meet in almost nothing, as two sheets of paper in a room meet at most in a line, and a line holds none of the paper. And what does not overlap can be told apart perfectly.
#
# Here is the smallest example: two vertical lines in the plane, 0.2 apart. We train a discriminator on samples and test it on fresh ones. Beside its accuracy we record what it would offer a generator: the slope of the saturating loss $\log(1 - D(x))$ at generated points.

# %%
from torch.nn.functional import softplus

from coursekit.networks import mlp


def two_lines(n, theta, seed):
    """Points of the lines x1 = 0 (data) and x1 = theta (model), (n, 2) each."""
    draw = torch.Generator().manual_seed(seed)
    height = torch.rand(2, n, generator=draw)
    lines = zip((0.0, theta), height, strict=True)
    return [torch.stack([torch.full((n,), x1), x2], 1) for x1, x2 in lines]


# %%
def train_discriminator(seed, checkpoints, theta=0.2):
    """Accuracy on fresh points, slope of log(1 - D) at generated ones."""
    torch.manual_seed(seed)
    net = mlp((2, 32, 32, 1))  # raw score s(x); D = sigmoid(s)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    record = []
    for step in range(checkpoints[-1] + 1):
        real, fake = two_lines(256, theta, 1000 * seed + step)
        if step in checkpoints:
            point = fake.clone().requires_grad_()
            softplus(net(point)).sum().backward()  # -log(1 - D)
            right = torch.cat([net(real) > 0, net(fake) < 0]).float().mean()
            record.append((right.item(), point.grad.norm(dim=1).mean().item()))
        optimizer.zero_grad()
        (softplus(-net(real)).mean() + softplus(net(fake)).mean()).backward()
        optimizer.step()
    return record


# %%
checkpoints = [0, 2, 5, 10, 20, 40, 80, 160, 320]
record = np.array([train_discriminator(seed, checkpoints) for seed in range(3)])
accuracy, slope = record[..., 0], record[..., 1]  # (seeds, checkpoints) each
check("right on 99 % of fresh points after 320 steps, 3 seeds", accuracy[:, -1], 0.99,
      relation=">=", control={"untrained": accuracy[:, 0]})  # fmt: skip
peak = slope.max(axis=1)
check("slope down to a tenth of its peak, 3 seeds", slope[:, -1], peak / 10,
      relation="<=", control={"after 10 steps": slope[:, 3]})  # fmt: skip
plots.show(
    pictures.sure_discriminator(checkpoints, accuracy, slope),
    alt="Two panels for three seeds. Left, the discriminator's accuracy rises from "
    "about one half to one within ten steps. Right, on a logarithmic scale, the "
    "slope it offers to the generator rises and then falls by orders.",
)

# %% [markdown]
# At first the slope grows with the discriminator's skill. Once it is right everywhere, it only becomes more confident, and the lesson goes flat. Notebook 12 repaired the *loss* (the $\log D$ trick); here we repair the *distance*.

# %% [markdown] slide="slide"
# ## 2 · Two divergences, one pair of lines
#
# Let the model's line move: it is at $x_1 = \theta$, the data's at $x_1 = 0$.
#
# The **Jensen–Shannon divergence** compares densities point by point. As soon as $\theta \ne 0$ the lines share no point, and it equals $\log 2$, its largest value, however small $\theta$ is. The **earth mover's distance** asks how much work it takes: how far must each bit of mass travel, on average, to turn one line into the other? Straight across, so $|\theta|$.
#
# **Predict before you run:** what are the slopes of both as functions of $\theta$, and which of them could a generator use?
#
# <details><summary>Answer</summary>
# The Jensen-Shannon divergence has slope 0 wherever it has a slope, and a jump at 0. The earth mover's distance has slope +1 or -1: at every distance it says which way to go, and just as strongly.
# </details>

# %% tags=["nbval-ignore-output"]
from coursekit.wgan import explorers

explorers.lines_explorer()

# %%
from coursekit import widgets

widgets.static_frames(
    explorers.lines_frame,
    [{"theta": 0.8}, {"theta": 0.1}, {"theta": -0.5}],
    alt="Three positions of the explorer, the model's line at 0.8, 0.1 and -0.5. The "
    "earth mover's distance is a V with its tip at 0; the Jensen-Shannon "
    "divergence is a flat line at log 2 with a single point at 0.",
)

# %% [markdown]
# The curves of the explorer are computed, not drawn by formula: a linear programme for one, a sum over the points of both lines for the other. Here is that computation in the open, at four positions.

# %%
from coursekit.gan import jensen_shannon

heights, share = rng.uniform(size=15), np.full(15, 1 / 15)
for theta in (0.02, 0.7, -1.0, 0.0):
    line_a, line_b = (np.c_[np.full(15, x), heights] for x in (0.0, theta))
    lengths = np.linalg.norm(line_a[:, None] - line_b, axis=2)
    work, _ = wgan.earth_mover_lp(share, share, lengths)
    here = f"theta = {theta:5.2f}:"
    check(f"{here} earth mover's distance = |theta|", work, abs(theta), atol=1e-9)
    places = np.unique(np.vstack([line_a, line_b]), axis=0)
    # The mass of each line on each of these places:
    on_a, on_b = ((places[:, None] == z).all(2).mean(axis=1) for z in (line_a, line_b))
    expected, name = (np.log(2), "log 2") if theta else (0.0, "0")
    apart = jensen_shannon(on_a, on_b, 1.0)
    check(f"{here} Jensen-Shannon = {name}", apart, expected, atol=1e-12)

# %% [markdown] slide="slide"
# ## 3 · The primal: a transport plan
#
# **Question.** Heaps of earth at places $x_i$ have masses $p_i$. Holes at places $y_j$ have room for masses $q_j$. Which heap should go into which hole?
#
# A **plan** is a table $\gamma_{ij} \ge 0$: how much goes from $i$ to $j$. Every heap is cleared and every hole is filled, so the rows sum to $p$ and the columns to $q$. The cost is mass times distance. The earth mover's (Wasserstein-1) distance is the cost of the cheapest plan:
#
# $$W(p, q) = \min_{\gamma} \sum_{ij} \gamma_{ij}\, \lVert x_i - y_j \rVert .$$
#
# Cost and conditions are linear in $\gamma$. This is a linear programme, and a solver finds its exact solution.

# %%
x_places = np.array([-1.6, -0.6, 0.2, 1.1, 2.0])
y_places = np.array([-3.0, -2.2, -1.1, -0.2, 0.7, 1.6])
p, q = np.array([0.3, 0.15, 0.25, 0.2, 0.1]), np.array([0.1, 0.25, 0.15, 0.2, 0.1, 0.2])
length = np.abs(x_places[:, None] - y_places)
cheapest, _ = wgan.earth_mover_lp(p, q, length)
# Among equally cheap plans, pick the one without long hauls.
_, plan = wgan.earth_mover_lp(p, q, length + 1e-6 * length**2)

# %%
check("the plan's rows sum to p", plan.sum(axis=1), p, atol=1e-12)
check("its columns sum to q", plan.sum(axis=0), q, atol=1e-12)
check("its cost is the distance", np.sum(plan * length), cheapest, atol=1e-6)

# %%
independent = np.outer(p, q)  # a share q_j of each heap goes to each hole


def next_hole(plan):
    """By how many holes one moves on from each load to the next."""
    return np.diff(np.argwhere(plan > 1e-9)[:, 1])


check("no two loads cross: later heaps go to later holes", next_hole(plan), 0,
      relation=">=", control={"independent plan": next_hole(independent).min()})  # fmt: skip
factor = np.sum(independent * length) / cheapest
print(f"the independent plan p q' costs {factor:.2f} times as much as the cheapest")

# %%
plots.show(
    pictures.transport(x_places, y_places, p, q, plan),
    alt="Five numbered grey masses above and six numbered blue masses below, joined by "
    "orange ribbons that never cross; beside it the plan as a table with its "
    "entries along a staircase from the top left to the bottom right.",
)

# %% [markdown]
# The ribbons do not cross: on a line it never pays to let two loads pass each other. (Where all mass travels the same way, crossing costs nothing either, and there are many cheapest plans. We asked for the one without long hauls.) So keep the order. For two samples of equal size that means: sort both, and pair the smallest with the smallest.
#
# By hand, then, the distance in one dimension takes one line; and a second time it is the area between the two distribution functions. Both must agree with the linear programme, which knows nothing of sorting.

# %%
a, b = rng.normal(size=40), 0.6 * rng.normal(size=40) + 1.8
by_sorting = np.abs(np.sort(a) - np.sort(b)).mean()
places = np.sort(np.concatenate([a, b]))
below_a, below_b = ((z[:, None] <= places[:-1]).mean(axis=0) for z in (a, b))
by_area = np.sum(np.abs(below_a - below_b) * np.diff(places))
equal = np.full(40, 1 / 40)
by_programme, _ = wgan.earth_mover_lp(equal, equal, np.abs(a[:, None] - b))
check("sorted samples = area between the staircases", by_sorting, by_area, atol=1e-12)
check("= linear programme", by_programme, by_area, atol=1e-9)
check("= coursekit", wgan.earth_mover_1d(a, b), by_area, atol=1e-12)

# %%
plots.show(
    pictures.area_between(b, a),
    alt="Two staircases rising from 0 to 1, the data's to the left of the model's; the "
    "area between them is shaded.",
)

# %% [markdown] slide="slide" says="A haulier charges $f(x)$ for collecting at $x$ and pays $f(y)$ for delivering at $y$, in all never more than the distance would cost you. The most he can earn is **what the cheapest plan costs**:"
# ## 4 · The dual: a critic who may not exaggerate
#
# Images have no order, and a plan between a million of them has $10^{12}$ entries. We need another road. Imagine a haulier who offers to do the job for you. He charges you $f(x)$ for each unit he collects at $x$ and pays you $f(y)$ for each unit he delivers at $y$; in all never more than the transport would cost you: $f(x) - f(y) \le \lVert x - y\rVert$. You lose nothing by accepting. What is the most he can earn? **As much as the cheapest plan costs.** That is the Kantorovich–Rubinstein duality:
#
# $$W(p, q) = \max_{f \text{ 1-Lipschitz}} \; \mathbb E_{p} f(x) - \mathbb E_{q} f(y) .$$
#
# *1-Lipschitz* means that $|f(x) - f(y)| \le \lVert x - y\rVert$ for all $x, y$: nowhere steeper than 1. Without that condition (the GAN deck leaves it out) we could multiply $f$ by a thousand, and the maximum would be infinite.
#
# **First half: no $f$ says more than $W$** (*weak duality*). Take any plan $\gamma$ and any such $f$. The rows of $\gamma$ sum to $p$ and its columns to $q$, which gives the first step; the Lipschitz condition gives the second:
#
# $$\mathbb E_p f - \mathbb E_q f = \sum_{ij}\gamma_{ij}\,\big(f(x_i) - f(y_j)\big) \le \sum_{ij}\gamma_{ij}\lVert x_i - y_j\rVert .$$
#
# We try two thousand functions.

# %%
x2, y2 = rng.normal(size=(20, 2)), rng.normal(size=(25, 2)) * [1.5, 0.5] + [1, 1]
p2, q2 = rng.dirichlet(np.full(20, 3.0)), rng.dirichlet(np.full(25, 3.0))
length2 = np.linalg.norm(x2[:, None] - y2, axis=2)
primal, plan2 = wgan.earth_mover_lp(p2, q2, length2)


def lowest_cone(z, tips, heights):
    """min_k heights_k + |z - tips_k|, (n,): cones of slope 1, so it is 1-Lipschitz."""
    return (heights + np.linalg.norm(z[:, None] - tips, axis=2)).min(axis=1)


# %%
said = []
for _ in range(2000):
    cones = 2 * rng.normal(size=(6, 2)), rng.normal(size=6)
    said.append(p2 @ lowest_cone(x2, *cones) - q2 @ lowest_cone(y2, *cones))
check("no 1-Lipschitz f says more than the distance, 2000 tries", said, primal,
      relation="<=", theorem="weak duality")  # fmt: skip
print(f"the best of them reaches {max(said) / primal:.0%} of it")

# %% [markdown] slide="subslide"
# **Second half: some $f$ says as much.** Guessing did not find it. So let us derive it, in three steps.
#
# 1. *A price for each condition.* Give the condition "row $i$ sums to $p_i$" a multiplier $u_i$ and "column $j$ sums to $q_j$" a multiplier $-v_j$, and minimise over all $\gamma \ge 0$, now without conditions: $\sum_i p_i u_i - \sum_j q_j v_j + \sum_{ij} \gamma_{ij}\,(\lVert x_i - y_j\rVert - u_i + v_j)$. If one of the brackets is negative, the minimum is $-\infty$; if none is, $\gamma = 0$ is best, and what remains is $\sum p_i u_i - \sum q_j v_j$.
# 2. *The best prices.* The largest of these minima is the **dual linear programme**: maximise $\sum p_i u_i - \sum q_j v_j$ over all $u, v$ with $u_i - v_j \le \lVert x_i - y_j\rVert$. That the two programmes have *equal* values is the strong duality theorem of linear programming, which we cite and do not prove.
# 3. *From two lists to one function.* Let $f(z) = \min_j\,(v_j + \lVert z - y_j\rVert)$. As a minimum of cones it is 1-Lipschitz. At $y_j$ it is at most $v_j$ (its own cone). At $x_i$ it is at least $u_i$ (the conditions of step 2). So $\mathbb E_p f - \mathbb E_q f \ge \sum p_i u_i - \sum q_j v_j = W$, and by the first half it is no more than $W$. Hence it is $W$. $\square$
#
# The five lines of code know nothing of plans.

# %% tags=["slide-code"]
from scipy.optimize import linprog

i, j = np.indices(length2.shape).reshape(2, -1)  # one condition for each pair (i, j)
conditions = np.hstack([np.eye(20)[i], -np.eye(25)[j]])  # u_i - v_j
gain = np.concatenate([p2, -q2])
solved = linprog(-gain, A_ub=conditions, b_ub=length2.ravel(), bounds=(None, None))
u, v = np.split(solved.x, [20])

# %%
check("dual programme = primal programme", gain @ solved.x, primal, atol=1e-9)
f_x, f_y = lowest_cone(x2, y2, v), lowest_cone(y2, y2, v)
check("the 1-Lipschitz f made of v reaches W", p2 @ f_x - q2 @ f_y, primal, atol=1e-9)

# %%
here, there = rng.normal(size=(2, 5000, 2)) * 3
steepest = np.abs(lowest_cone(here, y2, v) - lowest_cone(there, y2, v))
steepest = (steepest / np.linalg.norm(here - there, axis=1)).max()
check("f is nowhere steeper than 1, 5000 pairs", steepest, 1 + 1e-12, relation="<=",
      theorem="a minimum of 1-Lipschitz functions is 1-Lipschitz")  # fmt: skip
used, slope_of_f = plan2 > 1e-9, (f_x[:, None] - f_y) / length2
check("along each route of the plan f falls with slope 1", slope_of_f[used], 1.0,
      atol=1e-6, control={"other pairs": slope_of_f[~used]})  # fmt: skip

# %%
grid_x, grid_y = np.linspace(-3.2, 5, 140), np.linspace(-2.6, 2.8, 100)
points = np.stack(np.meshgrid(grid_x, grid_y), axis=-1).reshape(-1, 2)
heights_of_f = lowest_cone(points, y2, v).reshape(100, 140)
figure = pictures.potential(x2, y2, plan2, grid_x, grid_y, heights_of_f)
plots.show(figure, alt="A green contour map of the best critic over the plane, "
    "higher at the left "
    "than at the right. Grey data dots are joined to blue model squares by orange "
    "lines, and each line crosses the contours at right angles, one contour for "
    "every half unit of length.")  # fmt: skip

# %% [markdown]
# The map is the best critic, also called the *Kantorovich potential*. The last check is its most useful property: **along each route that the plan uses, $f$ falls with slope exactly 1**, as steeply as it may. Why? By the first half, $\sum\gamma_{ij}\,(\lVert x_i - y_j\rVert - f(x_i) + f(y_j)) = 0$ for the best pair. No term is negative, so each one is 0. A generator that follows $f$ uphill from its blue squares therefore travels along the cheapest routes.
#
# A programme with a condition for every pair does not scale to images either. But $f$ is a *function*, and functions can be learned. The network that learns it is called the **critic**: no sigmoid, no probability, a number.

# %% [markdown] slide="subslide"
# ## 5 · The critic's step by hand
#
# The critic climbs $\mathbb E f(\text{data}) - \mathbb E f(\text{model})$, which means that it descends minus that. How do we keep its slope in bounds? The first paper's answer is blunt: after each step, put every **weight** back into $[-c, c]$. (One deck writes that the gradients are clipped. The paper clips weights.) With bounded weights the slope is bounded too. Its Algorithm 1 uses $c = 0.01$, batches of 64, RMSProp with rate $5\cdot10^{-5}$, and $k = 5$ critic steps per generator step. (The GAN deck's listing counts $t = 0, \dots, k$, which makes six.)
#
# The package's game comes first, so that both critics start from the same clipped weights. Then five steps by hand.

# %% tags=["slide-code"]
from copy import deepcopy

from torch.nn.utils import parameters_to_vector as flat

real, fake = torch.tensor(a)[:, None].float(), torch.tensor(b)[:, None].float()
still = torch.nn.Identity()  # a generator that does not move
torch.manual_seed(0)
game = wgan.WGAN(still, mlp((1, 16, 1)), n_latent=1, constraint="clip", clip=0.1)
critic = deepcopy(game.critic)
optimizer = torch.optim.RMSprop(critic.parameters(), lr=5e-3)
for _ in range(5):  # k
    loss = critic(fake).mean() - critic(real).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        for weight in critic.parameters():
            weight.clamp_(-0.1, 0.1)

# %%
optimizer = torch.optim.RMSprop(game.critic.parameters(), lr=5e-3)
for _ in range(5):
    optimizer.zero_grad()
    game.opponent_loss(real, fake).backward()
    optimizer.step()
    game.constrain()
check("by hand = coursekit: weights after five steps", flat(critic.parameters()),
      flat(game.critic.parameters()))  # fmt: skip

# %%
bound = wgan.lipschitz_bound(critic)
layers = [layer for layer in critic if isinstance(layer, torch.nn.Linear)]
product = np.prod([np.linalg.svd(layer.weight.detach())[1][0] for layer in layers])
check("coursekit's bound = product of the singular values", bound, product, rtol=1e-6)
line = torch.linspace(-4, 6, 2001)[:, None]
rise = (critic(line[1:]) - critic(line[:-1])).abs().max() / (line[1] - line[0])
check("the critic is nowhere steeper than its layers allow", rise, 1.001 * bound,
      relation="<=", theorem="slopes multiply (chain rule)")  # fmt: skip

# %% [markdown] slide="slide" says="A chain of layers is at most as steep as the product of its layers' largest singular values.\n\nWith tiny weights the critic's value is capped, whatever the distance is. With large weights the product exceeds 1, and the value overshoots."
# ## 6 · Why clipping hurts
#
# A chain of layers is at most as steep as the product of its layers' largest singular values. With tiny weights that product is tiny, and the critic's value is capped at *bound × distance*, whatever the distance is. With large weights the product still bounds the slope, but no longer keeps it below 1. Let us train critics for several $c$ and look at where the weights go.

# %%
exact = wgan.earth_mover_1d(a, b)


def trained(constraint, seed=0, n_steps=250, **options):
    """A game whose critic is trained on the samples a and b, rate falling to 0."""
    torch.manual_seed(seed)
    net = mlp((1, 32, 32, 1))
    game = wgan.WGAN(still, net, n_latent=1, constraint=constraint, **options)
    optimizer = torch.optim.RMSprop(net.parameters(), lr=3e-3)
    draw = torch.Generator().manual_seed(seed)
    for step in range(n_steps):
        optimizer.param_groups[0]["lr"] = 3e-3 * (1 - step / n_steps)
        optimizer.zero_grad()
        game.opponent_loss(real, fake, rng=draw).backward()
        optimizer.step()
        game.constrain()
    return game


# %%
clips = [0.01, 0.03, 0.1, 0.3]
clipped = [trained("clip", clip=c) for c in clips]
values = [game.dual_value(real, fake).item() for game in clipped]
caps = np.array([wgan.lipschitz_bound(game.critic) * exact for game in clipped])
check("the value never exceeds slope bound times distance", values, caps,
      relation="<=", theorem="slopes multiply (chain rule)")  # fmt: skip
check("c = 0.01: it is less than a twentieth of the distance", values[0], exact / 20,
      relation="<=", control={"c = 0.1": values[2]})  # fmt: skip
check("c = 0.3: it is more than twice the distance", values[3], 2 * exact,
      relation=">=", control={"c = 0.1": values[2]})  # fmt: skip

# %%
penalised = trained("penalty")


def weights(game):
    return torch.cat([w.detach().flatten() for w in game.critic.parameters()]).numpy()


def share_at_an_end(w):
    """Share of the weights within 1 % of the largest."""
    return np.mean(np.abs(w) > 0.99 * np.abs(w).max())


w_clipped, w_penalised = weights(clipped[2]), weights(penalised)
ends = share_at_an_end(w_clipped)
check("c = 0.1: more than a third of the weights are at an end", ends, 1 / 3,
      relation=">=", control={"penalty": share_at_an_end(w_penalised)})  # fmt: skip

# %%
plots.show(
    pictures.clipping(clips, values, caps, exact, w_clipped, w_penalised, 0.1),
    alt="Left, on logarithmic scales, the value of the clipped critic grows with the "
    "clipping bound and stays below the shaded region of its cap; it meets the "
    "exact distance only by luck. Right, clipped weights pile up at both ends, "
    "penalised ones do not.",
)

# %% [markdown]
# The *unit* of the clipped critic's value is set by $c$, so the number means nothing by itself. And a critic whose weights are mostly at $\pm c$ has reduced itself to two values per weight.
#
# Depth makes it worse. Suppose that all weights of a layer are at $\pm c$, with random signs. On the way back through a layer of $n$ units, ReLU lets half of the gradient's entries pass, and each of the $n$ new entries collects $n/2$ squares of size $c^2$. So the gradient's length is multiplied by about $c\sqrt{n/2}$ per layer. Below 1 it vanishes, above 1 it explodes, exponentially in the depth. It stays level only at $c = \sqrt{2/n}$, which is He's rule for initial weights, and no accident.


# %%
def factor_per_layer(c, seed, depth=10, n=32):
    """Factor of the gradient's length per layer, when all weights are -c or c."""
    torch.manual_seed(seed)
    entering = [torch.randn(64, n, requires_grad=True)]
    for _ in range(depth):
        entering.append((entering[-1] @ (c * torch.randn(n, n).sign())).relu())
    score = (entering[-1] @ torch.randn(n)).sum()
    sizes = [g.norm() for g in torch.autograd.grad(score, (entering[0], entering[-1]))]
    return (sizes[0] / sizes[1]).item() ** (1 / depth)


for c in (0.05, 0.25, 1.0):
    measured = np.mean([factor_per_layer(c, seed) for seed in range(20)])
    check(f"c = {c}: factor per layer = c sqrt(n / 2)", measured, c * 4, rtol=0.1)
    print(f"   over ten layers that makes {(c * 4) ** 10:.0e}")

# %% [markdown] slide="slide"
# ## 7 · The gradient penalty
#
# If the slope should be 1, ask for just that. Section 4 showed that the best critic has slope exactly 1 along the lines on which the cheapest plan carries mass. We do not know the plan. So take the straight line from *any* real to *any* generated point, pick a place on it at random, and make deviations from slope 1 cost something:
#
# $$\lambda\,\mathbb E\,\big(\lVert\nabla f(\hat x)\rVert - 1\big)^2, \qquad \hat x = \epsilon\, x + (1-\epsilon)\,\tilde x,\quad \epsilon \sim \mathrm{Uniform}(0, 1).$$
#
# One $\epsilon$ for a *whole sample*. If it is drawn per pixel, $\hat x$ leaves the line. If it is drawn from a normal distribution, $\hat x$ leaves the stretch between the points. Both are found in public code, and both train well enough to go unnoticed.
#
# Do not confuse this with R1 of notebook 12, which penalises *every* slope, at the data alone. A discriminator that can no longer tell real from generated is flat; the best critic has slope 1 along every transport path until the two distributions agree.
#
# By hand:


# %% tags=["slide-code"]
def penalty_by_hand(f, x, x_fake, epsilon):
    """(|grad f(x^)| - 1)^2 for each pair, (n,); x, x_fake (n, d), epsilon (n,)."""
    between = (epsilon[:, None] * x + (1 - epsilon[:, None]) * x_fake).requires_grad_()
    (slope,) = torch.autograd.grad(f(between).sum(), between, create_graph=True)
    return (slope.norm(dim=1) - 1) ** 2


# %%
x, x_fake = torch.randn(2, 6, 3).double() + torch.tensor([0, 1])[:, None, None]
epsilon, net = torch.rand(6).double(), mlp((3, 16, 1), activation="tanh").double()
w = torch.tensor(rng.normal(size=3))
package = wgan.gradient_penalty(net, x, x_fake, epsilon=epsilon)
by_hand = penalty_by_hand(net, x, x_fake, epsilon)
check("penalty by hand = coursekit", by_hand, package, atol=1e-14)
linear = wgan.gradient_penalty(lambda z: z @ w, x, x_fake)
everywhere = (w.norm() - 1) ** 2
check("for a linear critic it is (|w| - 1)² everywhere", linear, everywhere, atol=1e-14)
moved = x + torch.tensor([0, 0, 1, 0, 0, 0])[:, None]
change = wgan.gradient_penalty(net, moved, x_fake, epsilon=epsilon) != package
check("row i depends on pair i alone", change.double(), [0, 0, 1, 0, 0, 0])

# %% [markdown]
# The last check would fail for a critic with batch normalisation, which mixes the rows of a batch. That is why such critics use layer normalisation or none.

# %%
pairs_real = np.array([[-1.9, -0.5], [-1.6, 0.9], [-2.2, 0.3], [-1.2, -0.1]])
pairs_fake = np.array([[1.3, -1.0], [1.9, 0.2], [0.9, 1.1], [2.2, -0.4]])
one, many = rng.uniform(size=(4, 12, 1)), rng.uniform(size=(4, 12, 2))
on_line = one * pairs_real[:, None] + (1 - one) * pairs_fake[:, None]
off_line = many * pairs_real[:, None] + (1 - many) * pairs_fake[:, None]


def detour(z):
    """How much longer it is from real to fake through z (4, 12, 2); 0 on the line."""
    ends = pairs_real[:, None], pairs_fake[:, None]
    through_z = sum(np.linalg.norm(z - end, axis=2) for end in ends)
    return through_z - np.linalg.norm(ends[0] - ends[1], axis=2)


check("one epsilon per pair: x^ is on the line between the two", detour(on_line), 0.0,
      atol=1e-12, control={"one per coordinate": detour(off_line)})  # fmt: skip
plots.show(
    pictures.lines_between(pairs_real, pairs_fake, on_line, off_line),
    alt="Four pairs of grey dots and blue squares joined by lines. Left, green crosses "
    "are on the lines. Right, with one random number per coordinate, red crosses "
    "scatter beside them.",
)

# %% [markdown] slide="subslide"
# **How good is the number now?** The penalty is soft, so the critic exaggerates a little. On a line we can say by how much. Let $g \ge 0$ be the difference of the two distribution functions, $r$ the density of $\hat x$, and let the critic fall with slope $s(x)$.
#
# 1. Integration by parts turns the gap of the means into $\mathbb E_p f - \mathbb E_q f = \int s\,g\,dx$. (With $s = 1$ this is the area $W = \int g\,dx$ of section 3.)
# 2. The critic maximises $\int \big(s\,g - \lambda\, r\,(s-1)^2\big)\,dx$. Nothing ties one place to the next, so it does so at each $x$ separately: $g = 2\lambda r\,(s-1)$, hence $s = 1 + g/(2\lambda r)$.
# 3. It therefore reports $\int s\,g\,dx = W + \int g^2/(2\lambda r)\,dx$. The second term is the **excess**.
# 4. By Cauchy and Schwarz $W^2 = \big(\int \tfrac{g}{\sqrt r}\sqrt r\,dx\big)^2 \le \int \tfrac{g^2}{r}\,dx\int r\,dx$, and $r$ integrates to 1. So the excess is at least $W^2/(2\lambda)$: it grows with the *square* of the distance.
#
# All this is about the *best* critic; a trained one comes close and may fall on either side, even below the bound of step 4. Our 40 pairs stay the same throughout, so $r$ is known: each pair spreads a mass of $\frac1{40}$ evenly over the stretch between its two points. The **one-sided** penalty $\max(0, \lVert\nabla f\rVert - 1)^2$ only punishes slopes above 1, which is all that the theorem asks for. (The generative AI deck prints it without the square.) Here all slopes are above 1, so both should give the same.

# %%
lo, hi = np.minimum(a, b), np.maximum(a, b)
middle, width = (places[1:] + places[:-1]) / 2, np.diff(places)
r = ((lo < middle[:, None]) & (middle[:, None] < hi)) @ (1 / (hi - lo)) / len(a)
g = np.abs(below_a - below_b)
best_s = 1 + g / (2 * 10.0 * r)  # lambda = 10
tried = np.linspace(0, 4, 4001)[:, None]
found = tried[np.argmax(tried * g - 10.0 * r * (tried - 1) ** 2, axis=0), 0]
inner = (g > 0) & (best_s < 4)
check("best of 4001 slopes tried = 1 + g / (2 lambda r)", found[inner], best_s[inner],
      atol=6e-4)  # fmt: skip
derived = (g * (best_s - 1) * width).sum() / exact
check("the derived excess is at least W / (2 lambda) of W", derived, exact / 20,
      relation=">=", theorem="Cauchy and Schwarz")  # fmt: skip


def excess(seed, one_sided, n_steps=250):
    """What a trained critic reports beyond the distance, as a share of it."""
    game = trained("penalty", seed=seed, one_sided=one_sided, n_steps=n_steps)
    return game.dual_value(real, fake).item() / exact - 1


one_sided = [excess(seed, True) for seed in range(3)]
two_sided = [excess(seed, False) for seed in range(3)]
longer = excess(2, False, n_steps=750)
slips = {"lambda where 2 lambda belongs": 2 * derived, "clipped": values[2] / exact - 1}
check("excess, one-sided = integral derived, 3 seeds", one_sided, derived, atol=0.015,
      control=slips)  # fmt: skip
check("two-sided, seed 2, three times the steps: the same", longer, derived, atol=0.015,
      control=slips)  # fmt: skip

# %% tags=["nbval-ignore-output"]
print(f"excess of the best critic: {derived:.1%}, at least {exact / 20:.1%}")
for name, found in {"one-sided": one_sided, "two-sided": two_sided}.items():
    print(f"trained, {name}, by seed:", ", ".join(f"{e:.1%}" for e in found))
print(f"two-sided, seed 2, three times the steps: {longer:.1%}")

# %% [markdown]
# Where training has come to its end, the excess comes within a percentage point or so of the derived number; the three one-sided runs are all a little below it. One run is different: the two-sided penalty with seed 2 reports far *less* than the distance after 250 steps, and needs three times as many to get there. Keep it in mind; section 9 explains what held it up.

# %%
grid = np.linspace(-3.5, 4.5, 400)
with torch.no_grad():
    falling, level = (game.score(torch.tensor(grid)[:, None].float()).numpy()
                  for game in (penalised, clipped[2]))  # fmt: skip
curves = {
    "penalty": (falling, plots.COLORS["critic"]),
    "clipped, c = 0.1": (level, plots.COLORS["wrong"]),
    "slope -1": (-grid - 0.35, plots.COLORS["noise"]),
}
title = "the penalised critic falls with slope 1 where mass travels"
plots.show(
    pictures.critic_on_line(grid, curves, a, b, title),
    alt="Critics over a line with data on the left and model samples on the right. The "
    "penalised critic falls with slope near one between them, like the reference "
    "line; the clipped critic is flatter.",
)

# %% [markdown]
# How many steps does a critic need before its value means anything? The explorer shows one being trained. Its estimate rises from below, passes the exact distance, and settles a little above it, by the excess that we have just derived.

# %% tags=["nbval-ignore-output"]
steps = [0, 5, 10, 20, 40, 80, 160, 320]
torch.manual_seed(3)
young = wgan.WGAN(still, mlp((1, 32, 32, 1)), n_latent=1)
optimizer = torch.optim.Adam(young.critic.parameters(), lr=3e-3)
shots, estimates = explorers.snapshots(young, optimizer, real, fake, steps, grid)
explorers.critic_explorer(steps, shots, estimates, exact, grid, a, b)

# %%
from functools import partial

frame = partial(explorers.critic_frame, steps, shots, estimates, exact, grid, a, b)
shots_at = [{"n_critic": 5}, {"n_critic": 40}, {"n_critic": 320}]
widgets.static_frames(frame, shots_at, alt="The critic after 5, 40 and 320 steps: "
    "first tilted too little, with an "
    "estimate of about a third of the distance, then and at the end falling with a "
    "slope of about one between data and model, with an estimate a little above "
    "the exact distance.")  # fmt: skip

# %% [markdown] slide="slide"
# ## 8 · Does the critic's value tell when to stop?
#
# It is often said that a GAN's loss tells you nothing about its samples and that a critic's value does. We test it in two ways. Both times both opponents get the same networks, the same data and the same number of steps.
#
# **First, under ideal conditions.** Freeze a row of generators, from good to bad, and train a fresh opponent against each. Does its value order them by their true distance?

# %%
from scipy.stats import norm, spearmanr

from coursekit.gan import GAN

shifts = np.linspace(0.3, 8, 9)  # generators: mean shift, std 0.3 + shift / 4


def frozen(kind, shift, n_steps=150):
    """True distance, and value of an opponent trained against a frozen generator."""
    draw = torch.Generator().manual_seed(int(100 * shift))
    x = torch.randn(256, 1, generator=draw)
    y = (0.3 + shift / 4) * torch.randn(256, 1, generator=draw) + shift
    torch.manual_seed(0)
    game = kind(still, mlp((1, 32, 1)), n_latent=1)
    optimizer = torch.optim.Adam(game.opponent.parameters(), lr=0.01)
    for _ in range(n_steps):
        optimizer.zero_grad()
        game.opponent_loss(x, y, rng=draw).backward()
        optimizer.step()
    value = game.dual_value(x, y) if kind is wgan.WGAN else -game.opponent_loss(x, y)
    return wgan.earth_mover_1d(x[:, 0], y[:, 0]), value.item()


# %%
true, critics = np.array([frozen(wgan.WGAN, s) for s in shifts]).T
_, discriminators = np.array([frozen(GAN, s) for s in shifts]).T
_, untrained = np.array([frozen(wgan.WGAN, s, n_steps=0) for s in shifts]).T
opponents = {"trained critics": critics, "trained discriminators": discriminators}
for name, value in (opponents | {"critics never trained": untrained}).items():
    order = spearmanr(true, value).statistic
    print(f"{name:24} rank correlation with the distance {order:.2f}")

# %% [markdown]
# So the order proves nothing. The discriminator orders the generators too, and so does *a critic that was never trained*: any tilted function does, when the generators are in a row. What sets the trained critic apart is its **unit**. Its value grows as the distance does; the best discriminator's value, $2\,\mathrm{JSD} - \log 4$, has a ceiling at 0.

# %%
z = np.linspace(-12, 30, 8001)
p_model = norm.pdf(z, shifts[:, None], 0.3 + shifts[:, None] / 4)
jsd = np.array([jensen_shannon(norm.pdf(z), row, z[1] - z[0]) for row in p_model])
best = 2 * jsd - np.log(4)
far = true > 4


def share_used(value):
    """How much of its whole range a value still covers among the far generators."""
    return np.ptp(value[far]) / np.ptp(value)


check("beyond distance 4 the critic uses 40 % of its range", share_used(critics), 0.4,
      relation=">=", control={"best discriminator": share_used(best),
               "trained discriminators": share_used(discriminators)})  # fmt: skip
apart = true > 1
check("its value is the distance, to within half of it", (critics / true)[apart], 1.0,
      atol=0.5, control={"untrained": (untrained / true)[apart]})  # fmt: skip

# %%
green, red = plots.COLORS["critic"], plots.COLORS["wrong"]
plots.show(
    pictures.stop_indicator(true, {
        "critic: grows with the distance":
            (critics, true, "distance itself", green, "units of x"),
        "discriminator: has a ceiling at 0":
            (discriminators, best, "best discriminator", red, "nats")}),
    alt="Left, the value of trained critics over the true distance of nine frozen "
    "generators: it grows faster than the distance itself, by two fifths at the "
    "right end. Right, the exact value of the best discriminator rises "
    "and flattens out below zero; trained discriminators scatter around it.",
)  # fmt: skip

# %% [markdown] slide="subslide"
# The critic's value grows *faster* than the distance: by section 7 the excess is at least $W^2/(2\lambda)$, two fifths of the distance at the right end.
#
# **Second, as it is used:** what the opponent reports *while* both learn. It is never trained to the end, and the generator answers at once. We play on a line, where the true distance is known at every moment, with $k = 1$ or 5 opponent steps per generator step, for either loss. These games take too long to play here, so we load a record of them and replay the beginning of one.

# %%
from coursekit.wgan import recipe

stored = data.results("wgan_reports")  # [seed, (report, distance), every 10th step]
print(stored)
report, distance = recipe.line_game("WGAN", n_opponent_steps=5, n_steps=100, seed=0)
then = stored.arrays["WGAN, k = 5"][0, :, : len(report)]
check("seed 0 played again: the distance is as stored", distance, then[1], atol=0.02)
check("and so is the report", report, then[0], atol=0.05)


# %%
def follows(game, n):
    """Rank correlation of report and distance over n measurements, by seed."""
    return np.array([spearmanr(r[:n], d[:n]).statistic for r, d in stored.arrays[game]])


print(f"{'game':24}{'240 steps':>18}{'480 steps':>19}{'distance at the end':>23}")
for game, runs in stored.arrays.items():
    rows = follows(game, 24), follows(game, 48), runs[:, 1, -1]
    early, whole, end = (" ".join(f"{x:5.2f}" for x in row) for row in rows)
    print(f"{game:24}{early:>18}{whole:>19}{end:>23}")
distances = stored.arrays["WGAN, k = 5"][:, 1, :24]
clock = [spearmanr(-np.arange(24), d).statistic for d in distances]
print("the clock, WGAN, k = 5  ", " ".join(f"{c:5.2f}" for c in clock))

# %%
with_5, with_1 = (follows(f"GAN, k = {k}", 48) for k in (5, 1))
check("GAN, k = 5: rank correlation of report and distance, 3 seeds", with_5, 0.85,
      relation=">=", control={"k = 1": with_1})  # fmt: skip
two, one = (stored.arrays[f"WGAN, k = 5{side}"] for side in ("", ", one-sided"))
check("WGAN, two-sided: it ends up reporting a negative distance, below -1, 3 seeds",
      two[:, 0].min(axis=1), -1.0, relation="<=",
      control={"one-sided": one[:, 0].min(axis=1)})  # fmt: skip
check("WGAN, one-sided: the generator arrives, to within 0.3, 3 seeds", one[:, 1, -1],
      0.3, relation="<=", control={"two-sided": two[:, 1, -1]})  # fmt: skip
two, one = (stored.arrays[f"WGAN, k = 1{side}"] for side in ("", ", one-sided"))
check("and so it does with k = 1", one[:, 1, -1], 0.3, relation="<=",
      control={"two-sided": two[:, 1, -1]})  # fmt: skip
longer = stored.column("distance", game="WGAN, k = 5, three times as long")
print("two-sided, k = 5, after 1440 steps:", " ".join(f"{d:.2f}" for d in longer))
plots.show(
    pictures.running_reports(stored.arrays),
    alt="Six games, three seeds each: the opponent's report above, the true distance "
    "below. Both GANs arrive; with five opponent steps the report falls with the "
    "distance, with one it first rises. The two-sided WGANs approach, overshoot, "
    "report negative values and run away, one of those with one critic step from "
    "the start. The one-sided WGANs arrive with one critic step as with five, and "
    "their reports fall to zero with the distance.",
)

# %% [markdown] finding="Whatever falls with time agrees with the distance; the longer run, in which distances also rise, is the harder test."
# Read the table with care.
#
# - *The first 240 steps prove little.* The generator only approaches, so whatever falls with time agrees with the distance; the clock gets a correlation of one. The longer run, in which distances also rise, is the harder test.
# - *The number of opponent steps counts for a GAN.* Its report follows the distance better with $k = 5$ than with $k = 1$, at equal generator steps: what matters is that the opponent is near its best. The generative AI deck lists "less sensitive to $k$" among the advantages of a WGAN. With the two-sided penalty it is not: with $k = 1$ and seed 1 the generator runs away from the first step. With the one-sided penalty it arrives with $k = 1$ as with $k = 5$. In these games the penalty matters more than $k$.
# - *A critic's report has a unit.* While the WGANs approach, the report *is* the distance, a little exaggerated. A GAN's report is a number of nats.
# - *Then the two-sided WGAN overshoots.* Its critic keeps pointing where it pointed before, and reports a *negative* distance, which no distance can be. A negative value is a sure sign that the critic is not near its best. A positive value is no proof that it is: the runaway of $k = 1$ (dashed) reports a steady positive number while its distance only grows.
# - *With the one-sided penalty the generator arrives,* all else being equal. The two-sided one has not come back after three times the steps. The next section says why.

# %% [markdown] slide="slide"
# ## 9 · What goes wrong
#
# **A critic that cannot turn round.** Why does the report become negative, and why does the generator not come back? Take the simplest critic, $f(x) = s\,x$, with the data $d$ to the right of the model. It minimises $-s\,d + \lambda\,(|s| - 1)^2$. The best slope is positive. But suppose that the generator has just overtaken the data, and the critic still has the slope that was right before, $s < 0$. There the derivative is $-d + 2\lambda\,(1 - |s|)$, and it vanishes at $s = -(1 - \frac{d}{2\lambda})$: the two-sided penalty has a **second minimum with the wrong sign**, as long as $d < 2\lambda$. To turn round, the slope would have to pass 0, and a slope of 0 costs $\lambda$. The one-sided penalty charges nothing there.

# %%
s, gap = np.linspace(-2, 2, 4001), 3.0  # lambda = 10
loss = {
    "two-sided": -gap * s + 10 * (np.abs(s) - 1) ** 2,
    "one-sided": -gap * s + 10 * np.maximum(0, np.abs(s) - 1) ** 2,
}
minima = {
    kind: s[1:-1][np.diff(np.sign(np.diff(y))) > 0] for kind, y in loss.items()
}  # fmt: skip
wrong, right = -(1 - gap / 20), 1 + gap / 20
check("two-sided: minima at 1 + d / (2 lambda) and at -(1 - d / (2 lambda))",
      minima["two-sided"], [wrong, right], atol=1.1e-3)  # fmt: skip
check("one-sided: only the right one", minima["one-sided"], [right], atol=1.1e-3)
plots.show(
    pictures.slope_barrier(s, loss),
    alt="The critic's loss over its slope from -2 to 2. The two-sided curve has two "
    "valleys, one at a negative and a deeper one at a positive slope, and a hill "
    "at slope 0 between them. The one-sided curve only falls until its single "
    "valley at a positive slope.",
)

# %% [markdown] finding="The two-sided penalty has a second valley, with the wrong tilt: seed 2 of section 7 was caught there."
# This is how seed 2 of section 7 was caught for a while: part of its critic had the wrong tilt. (It does come back, by the longer run there.) And it is what the games of section 8 show: the generator overtakes the data, the critic stays in its valley with the slope that was right before, and drives the generator further away. Same networks, same rates, same steps, but one-sided: no hill, and the critic turns round.
#
# **A sigmoid at the end of the critic.** A sigmoid left over from the discriminator raises no error. But its values are in $(0, 1)$, so whatever the distance is, it can never report more than 1.


# %%
def slope_past_2(seed):
    """Mean slope between 2 and 2.5 of section 7's two-sided critic, 250 steps."""
    game = trained("penalty", seed=seed)
    with torch.no_grad():
        low, high = game.score(torch.tensor([[2.0], [2.5]]))
    return ((high - low) / 0.5).item()


check("seed 2 after 250 steps: the critic rises between 2 and 2.5", slope_past_2(2),
      0.5, relation=">=", control={"seed 0": slope_past_2(0)})  # fmt: skip
far_real, far_fake = torch.zeros(64, 1), torch.full((64, 1), 8.0)
reported = {}
for name, tail in (("raw score", torch.nn.Identity()), ("sigmoid", torch.nn.Sigmoid())):
    torch.manual_seed(0)
    net = torch.nn.Sequential(mlp((1, 32, 1)), tail)
    game = wgan.WGAN(still, net, n_latent=1)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for step in range(200):
        optimizer.zero_grad()
        draw = torch.Generator().manual_seed(step)
        game.opponent_loss(far_real, far_fake, rng=draw).backward()
        optimizer.step()
    reported[name] = game.dual_value(far_real, far_fake).item()
check("two points 8 apart are reported as more than 6", reported["raw score"], 6.0,
      relation=">=", control={"with a sigmoid": reported["sigmoid"]})  # fmt: skip
print(f"with a sigmoid the same two points are reported as {reported['sigmoid']:.2f}")

# %% [markdown] slide="slide"
# ## 10 · Summary
#
# | Claim | Where it was checked | Code in [`wgan/model.py`](../coursekit/wgan/model.py) |
# | --- | --- | --- |
# | disjoint supports: accuracy goes to 1, then the slope falls to less than a tenth of its peak | section 1 | |
# | parallel lines: earth mover = $\lvert\theta\rvert$, JSD = log 2, and 0 at $\theta = 0$ | section 2 | `earth_mover_lp` |
# | a plan has the marginals p and q; on a line no two loads cross | section 3 | `earth_mover_lp` |
# | on a line: sorting = area = linear programme | section 3 | `earth_mover_1d` |
# | no 1-Lipschitz function exceeds the distance; the dual programme and its potential reach it | section 4 | `WGAN.dual_value` |
# | along each route of the cheapest plan the potential has slope 1 | section 4 | |
# | critic step by hand = package; slope below the layers' bound | section 5 | `WGAN.constrain`, `lipschitz_bound` |
# | clipping caps the value and drives weights to the ends; gradients scale by $c\sqrt{n/2}$ per layer | section 6 | |
# | penalty: by hand = package, linear critic, rows independent | section 7 | `gradient_penalty` |
# | the best penalised critic exceeds W by the derived integral, at least $W^2/(2\lambda)$ | section 7 | |
# | discriminators order frozen generators too; what the critic adds is a unit | section 8 | |
# | a running report is only as good as its opponent is close to its best | section 8 | [`recipe.line_game`](../coursekit/wgan/recipe.py) |
# | the two-sided penalty has a second minimum with the wrong sign while $d < 2\lambda$ | section 9 | |
# | a critic with a sigmoid cannot report more than 1 | section 9 | |
#
# ### Five questions
#
# <details><summary>1. All samples are measured in millimetres instead of metres. What happens to the earth mover's distance and to the Jensen-Shannon divergence?</summary>
# The first grows by a factor of 1000, the second stays the same: it knows nothing of distances between points.
# </details>
#
# <details><summary>2. Why may the critic be trained to the end before each generator step, and a discriminator with the saturating loss not?</summary>
# A trained critic still has slope 1 where the mass must travel. Such a discriminator is flat there.
# </details>
#
# <details><summary>3. Your clipped critic reports 0.004 and a colleague's reports 3. Whose generator is better?</summary>
# The numbers do not say: their unit depends on c and on the architecture.
# </details>
#
# <details><summary>4. Why is epsilon drawn once per sample, not once per pixel?</summary>
# The penalty is meant for the straight lines between real and generated samples; with one number per pixel the point leaves the line.
# </details>
#
# <details><summary>5. Which 1-Lipschitz f is best between N(0, 1) and N(3, 1), and what does it report?</summary>
# f(x) = -x (plus any constant), since all mass travels to the right by 3; it reports 3.
# </details>
#
# **Homework:** [`hw14_wgan`](homework/release/hw14_wgan/hw14_wgan.ipynb). The [solutions](../notebooks/homework/source/hw14_wgan/hw14_wgan.ipynb) are in a folder of their own.
#
# **References.** M. Arjovsky, S. Chintala and L. Bottou (2017), *Wasserstein GAN*. I. Gulrajani, F. Ahmed, M. Arjovsky, V. Dumoulin and A. Courville (2017), *Improved training of Wasserstein GANs*. H. Petzka, A. Fischer and D. Lukovnikov (2018), *On the regularization of Wasserstein GANs* (the one-sided penalty). C. Villani (2009), *Optimal Transport, Old and New* (duality: theorem 5.10).
