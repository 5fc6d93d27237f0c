# ---
# jupyter:
#   coursekit:
#     cpu_seconds: 55
#     minutes: 140
# ---

# %% [markdown] slide="slide"
# # 16 · Normalising flows: a rubber sheet with an exact density
#
# **After this notebook you can** compute the density of anything that an invertible map makes out of Gaussian noise, explain the two terms of a flow's loss, write a coupling layer by hand and prove its log-determinant, say what Glow's 1 × 1 convolution adds, train a flow on points and on digits, report honest bits per dimension, and name what flows cannot do.
#
# **Time:** two hours and twenty minutes to work through; it runs in under a minute. **You need:** determinants, the chain rule, the normal distribution (notebook 00). PCA (01) helps. **It follows** the flow lecture of the generative AI deck, which follows Dinh, Sohl-Dickstein and Bengio (2017) and Kingma and Dhariwal (2018).
#
# Every line that starts with ✓ was computed on both sides just now, on your machine.

# %%
import math

import numpy as np
import torch

from coursekit import data, flow, plots
from coursekit.checks import check

plots.use_course_style()
dice = torch.Generator().manual_seed(16)

# %% [markdown] slide="slide" says="Sand lies on a ruler made of rubber, thick in the middle and thin at the ends. Stretch the ruler: no grain is lost. A little piece $dx$ holds the same sand as its origin $dz$:"
# ## 1 · A ruler made of rubber
#
# **Question.** A generative model should answer two requests: *draw me a new example*, and *how likely is this one?* Most models are good at one of them. A VAE gives a bound in place of the likelihood, a GAN gives nothing. Is there a model that does both, exactly?
#
# **Picture.** Take a ruler made of rubber and strew sand on it, thick in the middle, thin at the ends: the normal distribution. Now stretch the ruler here and squeeze it there. No grain is lost. Where the rubber was stretched, the sand lies thinner; where it was squeezed, thicker. If we know how much we pulled at each place, we know the new density at each place.
#
# **Formula.** Let $z = f(x)$ tell where on the unstretched ruler the point $x$ came from. A little piece $dx$ holds the same sand as its origin $dz$, so $p(x)\,dx = \mathcal N(z; 0, 1)\,dz$, and
#
# $$\log p(x) \;=\; \log \mathcal N\big(f(x);\, 0, 1\big) \;+\; \log f'(x) .$$
#
# This needs an $f$ that rises everywhere: two places must not have the same origin. One way to make it so is a sum of rising parts, a line and a few soft steps, each of height $e^{w_k}$ and steepness $e^{s_k}$ at the place $m_k$. A power of $e$ cannot become negative:
#
# $$f(x) = e^{a} x + b + \sum_k e^{w_k} \tanh\!\big(e^{s_k}(x - m_k)\big).$$


# %%
def rubber(x, a, b, w, s, m):
    """z = f(x) and log f'(x), both (n,), of the one-dimensional flow; x (n,), a and b scalars, w, s, m (k,)."""
    step = torch.tanh(s.exp() * (x[:, None] - m))  # (n, k)
    slope = a.exp() + ((w + s).exp() * (1 - step**2)).sum(1)
    return a.exp() * x + b + (w.exp() * step).sum(1), slope.log()


def log_density(x, *parameters):
    z, log_slope = rubber(x, *parameters)
    return -0.5 * (z**2 + math.log(2 * math.pi)) + log_slope


# %% [markdown]
# Before any training, two claims for *random* parameters: the slope is the derivative that autograd finds, and the density holds exactly one unit of sand, however we pull.


# %%
normal = lambda *shape: torch.randn(shape, generator=dice, dtype=torch.float64)  # noqa: E731
draw_pulled = lambda: [0.3 * normal() - 1, normal(), normal(6) * 0.5, normal(6) * 0.5, 2 * normal(6)]  # noqa: E731
pulled, x = draw_pulled(), normal(50).requires_grad_()
z, log_slope = rubber(x, *pulled)
check("log slope = log of autograd's derivative, 50 places", log_slope, torch.autograd.grad(z.sum(), x)[0].log(), atol=1e-12)  # fmt: skip
line = torch.linspace(-60, 60, 24_001, dtype=torch.float64)
masses = [log_density(line, *draw_pulled()).exp().sum() * (line[1] - line[0]) for _ in range(10)]
check("the density integrates to 1, for ten draws of all parameters", masses, 1.0, atol=1e-6)

# %% [markdown] slide="subslide" says="Now let data pull: maximise $\\log p(x)$ itself, averaged over the data. There is no bound and no opponent, this *is* **maximum likelihood**."
# Now let data pull. The data have two humps; we maximise $\log p(x)$ itself, averaged over the data. There is no bound and no opponent, this *is* **maximum likelihood**. Since we made the data, we know their true density, and the difference *model minus true* of the mean negative log-likelihood, NLL for short, estimates the Kullback-Leibler divergence from truth to model: zero would be perfect.


# %%
def draw_humps(n, rng):
    first = torch.rand(n, generator=rng) < 0.7
    noise = torch.randn(n, generator=rng, dtype=torch.float64)
    return torch.where(first, -1.5 + 0.6 * noise, 2.0 + 0.4 * noise)


def true_log_density(x):
    parts = [math.log(share) - ((x - mean) / std) ** 2 / 2 - math.log(std * math.sqrt(2 * math.pi))
             for share, mean, std in ((0.7, -1.5, 0.6), (0.3, 2.0, 0.4))]  # fmt: skip
    return torch.logaddexp(*parts)


def fit_rubber(seed):
    rng = torch.Generator().manual_seed(seed)
    x = draw_humps(1000, rng)
    start = [
        torch.zeros(()),
        torch.zeros(()),
        torch.full((8,), -2.0),
        torch.zeros(8),
        torch.linspace(-3, 3, 8),
    ]
    parameters = [value.double().requires_grad_() for value in start]
    optimizer = torch.optim.Adam(parameters, lr=0.05)
    for _ in range(300):
        loss = -log_density(x, *parameters).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return [value.detach() for value in parameters]


# %%
rubbers = [fit_rubber(seed) for seed in (1, 2, 3)]
fresh = draw_humps(50_000, torch.Generator().manual_seed(9))
excess = torch.stack([true_log_density(fresh) - log_density(fresh, *fitted) for fitted in rubbers])  # (3, n)
check("model minus true NLL on fresh points, three seeds: at most 0.04", excess.mean(1), 0.04, relation="<=")
check("and it never beats the truth by more than chance", excess.mean(1), 0.0, relation=">=", se=excess.std(1) / len(fresh) ** 0.5)  # fmt: skip

# %% [markdown] slide="subslide"
# And drawing? Draw $z$, go back to $x = f^{-1}(z)$. Here is a first snag: this $f$ has no formula for the way back. It rises, so we can halve an interval sixty times until it has closed around the answer. In one dimension that is affordable. With 64 pixels there is no interval to halve. Remember that for section 4.


# %%
from coursekit.flow import pictures


def back(z, *parameters):
    low, high = torch.full_like(z, -60.0), torch.full_like(z, 60.0)
    for _ in range(60):
        middle = (low + high) / 2
        below = rubber(middle, *parameters)[0] < z
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return (low + high) / 2


z = normal(20_000)
drawn = back(z, *rubbers[0])
check("f(back(z)) = z for 20 000 draws", rubber(drawn, *rubbers[0])[0], z, atol=1e-10)

axis = torch.linspace(-4, 4, 801, dtype=torch.float64)
plots.show(pictures.stretched_line(
    axis.numpy(), rubber(axis, *rubbers[0])[0].numpy(), log_density(axis, *rubbers[0]).exp().numpy(),
    samples=drawn.numpy(), title="steep: much sand on little room; flat: little sand"),
    alt="A rising curve from x to z with two steep parts and a flat one between. Nine levels of z cut the normal "
    "density into tenths; carried over the curve to the x axis they crowd under the two humps of the density of "
    "x, whose samples fill the curve.")  # fmt: skip

# %% [markdown]
# Between two grey lines lies a tenth of the sand, on both axes. Where the curve is steep, many of these strips come down close together: a hump. Where it is flat, one strip is drawn out over the valley. The grey histogram is drawn, the blue curve is computed, and they are two halves of the same model.

# %% [markdown] slide="slide"
# ## 2 · What the likelihood asks for
#
# **Question.** The loss has two terms. What does each of them want, and what if we forgot one?
#
# Take the smallest flow there is, $z = a x$ with a single factor $a$. Its mean loss is, up to a constant,
#
# $$\underbrace{\tfrac12 a^2\,\overline{x^2}}_{\text{pull } z \text{ to } 0} \;\underbrace{-\,\log |a|}_{\text{do not collapse}} .$$
#
# **Predict before you run:** which $a$ would the first term choose if it were alone? And the second?
#
# <details><summary>Answer</summary>
# The first chooses a = 0: all data on one point, where the normal density is highest. The second chooses an infinite a: everything as far apart as possible. At a = 0 the second term is infinite, for log|det 0| = −∞: the collapse is forbidden, not only discouraged.
# </details>

# %%
lone = 2 * normal(5000)
square = (lone**2).mean()
factors = torch.linspace(0.02, 2, 400, dtype=torch.float64)
pull, spread = factors**2 * square / 2, -factors.log()
plots.show(pictures.two_terms(factors.numpy(), pull.numpy(), spread.numpy()),
    alt="Three curves over the factor a: the pull term rises from 0 as a parabola, the term against collapse "
    "falls from infinity, and their sum has one minimum near a = 0.5.")  # fmt: skip
check("log|det 0| = -infinity", torch.linalg.slogdet(torch.zeros(2, 2)).logabsdet, -math.inf)
best = (1 / square.sqrt()).requires_grad_()
loss_at_best = -(flow.standard_normal_log_prob(best * lone[:, None]) + best.log()).mean()
check("the slope of the loss vanishes at a = 1 / (root mean square of x)", torch.autograd.grad(loss_at_best, best)[0], 0.0, atol=1e-12)  # fmt: skip
entropy = torch.distributions.Normal(0.0, square.sqrt()).entropy()
check("the loss there = entropy of the fitted Gaussian of mean 0", loss_at_best, entropy, atol=1e-12)

# %% [markdown]
# The sum has one minimum, where $z$ has mean square 1. That is all a flow ever does: bring the data to the shape of the noise, and pay for every squeeze.

# %% [markdown] slide="slide"
# ## 3 · From lengths to volumes
#
# **Question.** With two coordinates, what takes the place of the slope?
#
# A matrix $A$ turns the unit square into a parallelogram of area $|\det A|$. That is what a determinant *is*. A bent map is, close by, a matrix too: its **Jacobian** $J = \partial z / \partial x$, the table of all derivatives $\partial z_i / \partial x_j$. So a small square at $x$ becomes nearly a parallelogram of $|\det J(x)|$ times its area, and the sand on it is diluted by that:
#
# $$\log p(x) = \log \mathcal N\big(f(x);\, 0, I\big) + \log\left|\det \frac{\partial z}{\partial x}\right|, \qquad z = f(x).$$


# %%
def area(outline):
    """Area inside a polygon (m, 2), by the shoelace formula."""
    x, y = outline.T
    return (x * y.roll(-1) - y * x.roll(-1)).sum().abs() / 2


A = torch.tensor([[1.4, 0.6], [-0.3, 0.9]], dtype=torch.float64)
corners = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]], dtype=torch.float64)
check("area of the parallelogram = |det A|", area(corners @ A.T), torch.linalg.det(A).abs(), atol=1e-14)


def bend(x):
    return torch.stack([x[..., 0] + 0.4 * torch.sin(2 * x[..., 1]), x[..., 1] + 0.35 * x[..., 0] ** 2], -1)


here, side = torch.tensor([0.7, 0.2], dtype=torch.float64), 1e-4
jacobian = torch.autograd.functional.jacobian(bend, here)
measured = area(bend(here + side * (corners - 0.5))) / side**2
check(
    "area of a tiny square after a bent map = |det J|", measured, torch.linalg.det(jacobian).abs(), atol=1e-6
)

places = torch.cartesian_prod(torch.arange(5), torch.arange(5)).double() / 5
cells = bend(places[:, None] + corners / 5)
plots.show(pictures.square_and_image(corners.numpy(), (corners @ A.T).numpy(), cells.numpy(), torch.linalg.det(A).abs().item()),
    alt="The unit square, the slanted parallelogram that a matrix makes of it, and a square of 25 cells under a "
    "bent map: each cell is nearly a parallelogram, and they differ in area.")  # fmt: skip

# %% [markdown] slide="subslide"
# Each of the 25 cells on the right started as the same small square. Their areas differ, so sand that lay evenly on the squares lies unevenly on the cells.
#
# **Why not any network?** Two conditions stand in the way.
#
# *Invertible.* If two places $x$ had the same $z$, sand from one origin would lie in two places, and the formula would count it twice. And without a way back there is no drawing.
#
# *A cheap determinant.* The determinant of a general $d \times d$ matrix takes about $d^3/3$ multiplications, **for each example and each step of training**:

# %%
for name, d in (("8 x 8 grey", 64), ("28 x 28 grey", 784), ("256 x 256 colour", 196_608)):
    print(f"{name:17} d = {d:6}: {d**3 / 3:8.1e} multiplications an example, against {d} on a diagonal")

# %% [markdown]
# The last row is more than a petaflop for one image. So the art of flows is to find layers which bend a lot, go back as easily as forth, and have a Jacobian whose determinant one can read off.
#
# Chaining them costs nothing new: determinants multiply, so **log-determinants add**, $\log|\det| = \sum_k \log|\det J_k|$. And the inverse map has the inverse Jacobian, so its log-determinant is the same with a minus sign.

# %% [markdown] slide="slide" says="The *affine coupling* of Real NVP: one half passes unchanged and decides how the other half is scaled and shifted. The way back uses $s$ and $t$ again, forwards."
# ## 4 · One half talks, the other half listens
#
# **Question.** Can a layer hold an arbitrary neural network, one that nobody can invert, and still be invertible?
#
# <details><summary><b>Predict before you run:</b> a layer contains a ReLU network from 2 numbers to 6. Can the layer have an exact inverse?</summary>
#
# Yes, if the network's input is still there afterwards. Then one computes the network again, forwards, and undoes what it did to the rest.
# </details>
#
# **Picture.** Two people with a safe. One shouts the combination and stays in the room; the other turns the dial. To turn it back, ask the first one again. Nobody needs to know how he made the combination up.
#
# **Formula.** The *affine coupling* of Real NVP splits $x = (x_a, x_b)$. One half passes unchanged and decides how the other half is scaled and shifted:
#
# $$z_a = x_a, \qquad z_b = x_b \odot e^{s(x_a)} + t(x_a); \qquad\qquad x_b = \big(z_b - t(z_a)\big) \odot e^{-s(z_a)} .$$
#
# The way back uses $s$ and $t$ again, forwards. Here it is by hand, with any network in the middle:


# %% tags=["slide-code"]
def couple(x, network):
    """Affine coupling by hand; x (n, 5): the first 2 pass, the other 3 change. Returns z and log|det|."""
    x_a, x_b = x[:, :2], x[:, 2:]
    s, t = network(x_a).chunk(2, dim=1)
    return torch.cat([x_a, x_b * s.exp() + t], dim=1), s.sum(1)


def uncouple(z, network):
    z_a, z_b = z[:, :2], z[:, 2:]
    s, t = network(z_a).chunk(2, dim=1)
    return torch.cat([z_a, (z_b - t) * (-s).exp()], dim=1), -s.sum(1)


torch.manual_seed(4)
network = torch.nn.Sequential(torch.nn.Linear(2, 16), torch.nn.ReLU(), torch.nn.Linear(16, 6)).double()

# %% [markdown] says="$z_a$ depends on $x_a$ only; $z_b$ depends on $x_b$ only through a factor, each on its own. So the Jacobian is triangular, and nobody looks at the network's derivative in the corner:"
# What is its Jacobian? Row by row: $z_a$ depends on $x_a$ only, as the identity. $z_b$ depends on both, but on $x_b$ only through a factor, each on its own: a diagonal. So the matrix is triangular,
#
# $$J = \begin{pmatrix} I & 0 \\ \ast & \operatorname{diag}\, e^{s} \end{pmatrix}, \qquad \log|\det J| = \sum_j s_j(x_a) .$$
#
# The derivative of the network stands in the corner $\ast$, which a triangular determinant never looks at. We let autograd compute all 25 entries and the determinant the expensive way.


# %%
def autograd_log_det(function, x):
    """log|det| of the whole Jacobian of `function` at each row of x, by autograd: (n,)."""

    def one(row):
        return function(row[None])[0].flatten()

    matrices = [torch.autograd.functional.jacobian(one, row).reshape(row.numel(), -1) for row in x]
    return torch.linalg.slogdet(torch.stack(matrices)).logabsdet


x = normal(8, 5)
z, log_det = couple(x, network)
x_back, log_det_back = uncouple(z, network)
check("uncouple(couple(x)) = x", x_back, x, atol=1e-12)
check(
    "sum of s = log|det| of autograd's Jacobian",
    log_det,
    autograd_log_det(lambda x: couple(x, network)[0], x),
    atol=1e-12,
)
check("log-determinants of both ways cancel", log_det + log_det_back, 0.0, atol=1e-12)

# %% [markdown] slide="subslide"
# Does the package do the same? Its `AffineCoupling` starts as the identity, which would prove little, so we randomise all its weights first. It also keeps $s$ within $\pm 2$ by a soft bound, $2\tanh(s/2)$; section 9 shows why.


# %%
def randomised(module, std=0.4):
    """The module in float64 with noise on every parameter: at zero weights a wrong formula may pass."""
    module = module.double().eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += std * normal(*parameter.shape)
    return module


def bounded(x_a):
    raw, shift = layer.network(x_a).chunk(2, dim=1)
    return torch.cat([2 * torch.tanh(raw / 2), shift], dim=1)


layer = randomised(flow.AffineCoupling(5, hidden=(16,)))
for left, right, what in zip(couple(x, bounded), layer.forward(x), ("z", "log-determinant"), strict=True):
    check(f"coupling by hand = coursekit: {what}", left, right, atol=1e-12)

first, second = (randomised(flow.AffineCoupling(8, hidden=(16,), flip=flip)) for flip in (False, True))
both, free = flow.Flow([first, second], shape=8), randomised(torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Tanh(), torch.nn.Linear(16, 8)))  # fmt: skip
maps = {"any network": free, "one coupling": lambda x: first.forward(x)[0], "two, halves in turn": lambda x: both.forward(x)[0]}  # fmt: skip
place = normal(8)
panels = [(name, torch.autograd.functional.jacobian(lambda x, f=f: f(x[None])[0], place).numpy()) for name, f in maps.items()]  # fmt: skip
plots.show(pictures.jacobians(panels),
    alt="Three Jacobians of 8 by 8 entries as pictures. Of any network: all entries are filled. Of one coupling: a diagonal, and one "
    "filled corner below it. Of two couplings in which the halves take turns: all is filled but the lower right corner, where only the diagonal is.")  # fmt: skip

# %% [markdown]
# In the middle the white triangle: the determinant is the product of the diagonal. On the right two couplings in a row, the second with the roles exchanged. All but one corner of the Jacobian is filled now (there only the diagonal is), a third coupling would fill that too, and yet the log-determinant is a sum of numbers that we read off. That is the trick of the lecture.

# %% [markdown] slide="slide"
# ## 5 · Everyone takes a turn
#
# **Question.** In one coupling half of the numbers never move. Who decides which half talks next?
#
# Two answers, in the order of history. A **permutation** shuffles the features: Jacobian a permutation matrix, $\log|\det| = 0$. **Glow's invertible 1 × 1 convolution** *learns* the shuffle: multiply the channels at every position of an image by one and the same matrix $W$. Before it Glow puts an **activation norm**, a bias and a scale a channel, which starts from the first batch so that every layer begins with values of mean 0 and variance 1.
#
# The matrix acts once at each of the $H \times W$ positions. The whole image's Jacobian then has $H \cdot W$ copies of the matrix $W$ on its diagonal, so
#
# $$\log\left|\det \frac{\partial z}{\partial x}\right| = H\, W \,\log|\det W| .$$
#
# (The letter $W$ does double duty here: width of the image and weight.) A frequent slip is to count it once.

# %%
image = normal(2, 4, 3, 5)  # two images: 4 channels, 3 x 5 positions
mixer = randomised(flow.InvertibleLinear(4))
W, (z, log_det) = mixer.weight().detach(), mixer.forward(image)
check("it is a 1 x 1 convolution", z, torch.nn.functional.conv2d(image, W[:, :, None, None]), atol=1e-12)
expensive = autograd_log_det(lambda x: mixer.forward(x)[0], image)  # of matrices 60 x 60
check("H W log|det W| = log|det| of the Jacobian of the whole image", 3 * 5 * torch.linalg.slogdet(W).logabsdet, expensive, atol=1e-10)  # fmt: skip
check("and that is what the layer returns", log_det, expensive, atol=1e-10)

# %% [markdown] slide="subslide"
# **The LU form.** With many channels even one determinant a step hurts, and nothing so far keeps $W$ invertible while it learns. Glow writes it as a product
#
# $$W = P\, L\, \big(U + \operatorname{diag}(\pm e^{\ell})\big),$$
#
# with a fixed permutation $P$, a lower triangle $L$ with ones on its diagonal, and a strict upper triangle $U$. Then $\log|\det W| = \sum_i \ell_i$, a sum of $d$ numbers, and no value of the parameters makes $W$ singular. It starts as a random rotation (or its mirror image), so at the start $\log|\det W| = 0$.

# %%
newborn = flow.InvertibleLinear(6).double()
rotation = newborn.weight().detach()
check("it starts as a rotation: W W' = I", rotation @ rotation.T, torch.eye(6), atol=1e-5)
check("so log|det W| starts at 0", newborn.log_abs_det(), 0.0, atol=1e-5)
grown = randomised(newborn)
check(
    "LU form: sum of l = slogdet(W)",
    grown.log_abs_det(),
    torch.linalg.slogdet(grown.weight()).logabsdet,
    atol=1e-10,
)
norm = flow.ActNorm(4).double()
norm.initialize(5 * image + 3)
started = norm.forward(5 * image + 3)[0].movedim(1, 0).flatten(1)
check("activation norm starts with mean 0 a channel", started.mean(1), 0.0, atol=1e-12)
check("and with variance 1 a channel", started.var(1, correction=0), 1.0, atol=1e-12)

# %% [markdown] slide="subslide"
# Now every layer of the package in one sweep, parameters randomised: there and back, and the log-determinant against all of autograd's Jacobian. Two of them we have not met. `Squeeze` trades space for channels: each 2 × 2 block of pixels becomes 4 channels, so that a 1 × 1 convolution can mix neighbours. `Logit` waits for us in section 8.

# %%
whiten = flow.Whiten(5).double()
whiten.initialize(normal(40, 5) @ normal(5, 5))
vectors, pictures_4 = normal(3, 5), normal(3, 4, 2, 4)
layers = {
    "AffineCoupling": (randomised(flow.AffineCoupling(5, flip=True)), vectors),
    "AffineCoupling, images": (randomised(flow.AffineCoupling(4, hidden=(6,), image=True)), pictures_4),
    "ActNorm": (randomised(flow.ActNorm(5)), vectors),
    "ActNorm, images": (randomised(flow.ActNorm(4)), pictures_4),
    "InvertibleLinear": (randomised(flow.InvertibleLinear(5)), vectors),
    "Permute": (flow.Permute([2, 0, 3, 1, 4]), vectors),
    "Whiten": (whiten, vectors),
    "Squeeze": (flow.Squeeze(), pictures_4),
    "Logit": (flow.Logit(17), 17 * torch.rand(3, 5, generator=dice, dtype=torch.float64)),
    "glow, the whole flow": (randomised(flow.glow((1, 4, 6), n_steps=2, hidden=(8,))), normal(3, 1, 4, 6)),
}
rows = []
with torch.no_grad():
    for layer, given in layers.values():
        z, log_det = layer.forward(given)
        again, log_det_back = layer.inverse(z)
        expensive = autograd_log_det(lambda x, f=layer: f.forward(x)[0], given)
        errors = (again - given, log_det - expensive, log_det + log_det_back)
        rows.append([error.abs().max() for error in errors])
gaps = torch.tensor(rows)
check("ten cases: inverse(forward(x)) = x", gaps[:, 0], 0.0, atol=1e-8)
check("ten cases: log_det = log|det| of the autograd Jacobian", gaps[:, 1], 0.0, atol=1e-8)
check("ten cases: log-determinants forth and back cancel", gaps[:, 2], 0.0, atol=1e-8)

# %% [markdown]
# **Multi-scale, in words.** Real NVP and Glow squeeze, take some steps, and then send *half of the channels straight to the noise*; only the other half goes on to the next squeeze. Coarse structure gets many layers, fine grain few, and the cost stays bounded. The noise is spread over several levels, the log-determinants add as always. For our 8 × 8 digits we leave it out.
#
# **The yardstick: a Gaussian.** If all layers are linear, the flow is a Gaussian with any covariance. Then everything is known: the best possible mean loss is the entropy of the Gaussian fitted to the data, $\tfrac12\log\det(2\pi e\, C)$, with the data's covariance $C$. `Whiten` gets there in one step, without training; layers that are trained must come down to the same number.

# %%
from coursekit.training import fit

cloud = normal(2000, 2) @ torch.tensor([[2.0, 1.2], [0.0, 0.3]], dtype=torch.float64) + 3
fitted_entropy = torch.logdet(2 * math.pi * math.e * torch.cov(cloud.T, correction=0)) / 2
gaussian = flow.Flow([flow.Whiten(2)], shape=2).double().initialize(cloud)
check(
    "whitening alone: loss = entropy of the fitted Gaussian", gaussian.loss(cloud), fitted_entropy, atol=1e-10
)

# %% tags=["nbval-ignore-output"]
found = []
for seed in (0, 1, 2):
    torch.manual_seed(seed)
    linear = flow.Flow([flow.ActNorm(2), flow.InvertibleLinear(2)], shape=2).double().initialize(cloud)
    fit(linear, cloud, n_steps=250, batch_size=2000, learning_rate=0.03, schedule="cosine", seed=seed, device="cpu")  # fmt: skip
    found.append(linear.loss(cloud).item())

# %%
check("trained linear flows, three seeds: never below it", found, fitted_entropy - 1e-9, relation=">=")
check("and they find it", found, fitted_entropy, atol=1e-3)

# %% [markdown] slide="slide"
# ## 6 · Two moons, layer by layer
#
# **Question.** Enough algebra. Can a chain of couplings bend a round cloud into two thin moons?
#
# Eight couplings, the two coordinates take turns, each with a network of two hidden layers of 64. Three seeds. The truth is known here too: a moon is a half circle, blurred by noise of .05, and its density is an average of Gaussians over the angle, which we sum up numerically.


# %%
angles = (torch.arange(500, dtype=torch.float64) + 0.5) / 500 * math.pi
upper = torch.stack([angles.cos(), angles.sin()], dim=1)
middles = torch.cat([upper, torch.tensor([1.0, 0.5], dtype=torch.float64) - upper])  # (1000, 2)


def moons_log_density(x, std=0.05):
    exponent = -(torch.cdist(x, middles) ** 2) / (2 * std**2)
    return exponent.logsumexp(1) - math.log(len(middles) * 2 * math.pi * std**2)


def train_moons(seed, n_layers):
    torch.manual_seed(seed)
    model = flow.real_nvp(2, n_layers=n_layers)
    x = data.toy2d("moons", 20_000, rng=seed).x
    fit(model, x, n_steps=600, learning_rate=5e-3, schedule="cosine", seed=seed, device="cpu")
    return model.double()  # evaluated in double precision


# %% tags=["nbval-ignore-output"]
seeds, depths = (0, 1, 2), (2, 4, 8)
moons = {(depth, seed): train_moons(seed, depth) for depth in depths for seed in seeds}
held_out = torch.tensor(data.toy2d("moons", 5000, rng=99).x)
with torch.no_grad():
    true_nll = -moons_log_density(held_out).mean()
    gaps = np.array([[(moons[d, s].loss(held_out) - true_nll).item() for s in seeds] for d in depths])
for depth, row in zip(depths, gaps, strict=True):
    print(
        f"{depth} couplings: model minus true NLL {row.mean():.3f} +- {row.std():.3f} nats, seeds {row.round(3)}"
    )

# %%
check("eight couplings, each of three seeds: within 0.2 nats of the truth", gaps[-1], 0.2, relation="<=")
check("and no flow below it", gaps, 0.0, relation=">=")
model = moons[8, 0]

# %%
box = (-1.6, 2.6, -1.1, 1.6)
across, up = (torch.arange(n, dtype=torch.float64) + 0.5 for n in (210, 135))
points = torch.stack(torch.meshgrid(box[0] + across / 50, box[2] + up / 50, indexing="xy"), dim=-1).reshape(
    -1, 2
)
with torch.no_grad():
    density = model.log_prob(points).exp().reshape(135, 210).numpy()
    samples = model.sample(60_000, rng=torch.Generator().manual_seed(1)).numpy()
truth = moons_log_density(points).exp().reshape(135, 210).numpy()
edges = np.arange(28) / 10 + box[2], np.arange(43) / 10 + box[0]
counts = np.histogram2d(samples[:, 1], samples[:, 0], bins=edges)[0]
plots.show(pictures.density_panels([("true", truth), ("the flow", density), ("60 000 samples", counts / 600)], box),
    alt="Three panels on one logarithmic grey scale: the true density of two interlocked half moons, the density "
    "of the flow with the same moons and a grey veil between them, and a coarse histogram of its samples with "
    "the same shape and the same veil.")  # fmt: skip

# %% [markdown] slide="subslide"
# The middle panel is *computed*, the right one is *drawn*. Both come out of the same eight layers, and they must agree: the density sums to 1 over the box, and each cell of the histogram holds what the density promises.

# %%
check("the flow's density sums to 1 over the box", density.sum() / 50**2, 1.0, atol=0.01)
expected = 60_000 * density.reshape(27, 5, 42, 5).sum((1, 3)) / 50**2
filled = expected >= 50
error = (counts - expected)[filled] / np.sqrt(expected[filled])
check("samples in each filled cell = what the density promises, in standard errors", error, 0.0, atol=6.0)

# %% [markdown]
# (Six standard errors and not four, for the cells are about a hundred at once, and a cell's content is summed on a grid.)
#
# **The cascade.** The generator is the way back, one layer after the other: $x = g_1(\dots g_{T-1}(g_T(z)))$. Each $g_k$ is the inverse of one coupling. We look at the cloud after every second of them; the colour tells the angle at which a point started.

# %%
z = torch.randn(3000, 2, generator=dice, dtype=torch.float64)
with torch.no_grad():
    stages = [stage.numpy() for stage in model.cascade(z)]
    check("the last stage of the cascade is the inverse", stages[-1], model.inverse(z)[0], atol=1e-12)
titles = ["noise z", "2 layers", "4 layers", "6 layers", "8: the data"]
plots.show(pictures.cascade(stages[::2], titles, torch.atan2(z[:, 1], z[:, 0]).numpy(), 3.3),
    alt="Five clouds: a round one coloured by angle, then more and more bent ones, and after eight layers two "
    "half moons, each of which holds a connected range of colours.")  # fmt: skip

# %% tags=["nbval-ignore-output"]
from coursekit.flow import explorers

grids, clouds = explorers.grid_stages(model, rng=torch.Generator().manual_seed(2))
explorers.grid_explorer(grids, clouds)

# %%
from functools import partial

from coursekit import widgets

widgets.static_frames(partial(explorers.grid_frame, grids, clouds), [{"n_layers": k} for k in (1, 4, 6, 8)],
    alt="Four positions of the explorer, after 1, 4, 6 and 8 layers. A square grid drawn on the noise is first drawn "
    "out to the right along a band below its middle; then two arms form, and at the end its lines crowd into the two "
    "moons, with a few strung between them; no line crosses its neighbour.")  # fmt: skip

# %% [markdown]
# Watch the grid, not the points. Each layer moves points along one axis only, up and down or left and right. Lines of one family never cross each other: an invertible map can stretch the sheet as it likes, but not fold it over and not tear it. That will be its undoing in the next section.

# %% [markdown] slide="slide" says="The noise is *one* piece, and a continuous map takes one piece to one piece. The moons are *two*. So a walk from moon to moon has to cross the gap somewhere, and the model puts density there."
# ## 7 · What a flow cannot do, and what depth costs
#
# **Question.** Where does the grey veil between the moons come from? Too little training?
#
# Perhaps in part. But it never vanishes altogether. The noise is *one* piece. A continuous map takes one piece to one piece. The two moons are *two* pieces, with a gap between them. Take a point on each moon, find their noise, and walk from one to the other in a straight line, through noise that is nowhere rare. The generator carries this walk to a curve from moon to moon, without a jump, and the curve has to cross the gap somewhere. So the model puts density there. The truth has next to none.
#
# This much is a theorem: on any curve from one half circle to the other some point is equally far from both, and thus at least half the gap away from each. We try it with 200 pairs of points.

# %%
upper_moon, lower_moon = middles[:500], middles[500:]
half_gap = torch.cdist(upper_moon, lower_moon).min() / 2
share = torch.linspace(0, 1, 1001, dtype=torch.float64)
with torch.no_grad():
    starts = model.forward(upper_moon[::50])[0]
    ends = model.forward(lower_moon[::25])[0]
    pairs = [(a, b) for a in starts for b in ends]
    walks = [model.inverse(a + share[:, None] * (b - a))[0] for a, b in pairs]
    outside = torch.stack([torch.cdist(walk, middles[::5]).min(1).values for walk in walks])
check("each of 200 walks leaves both moons by at least half the gap", outside.max(1).values, half_gap - 0.03, relation=">=")  # fmt: skip
print(f"half the gap is {half_gap:.2f}: {half_gap / 0.05:.0f} standard deviations of the noise")
walk = walks[(outside > 0.15).sum(1).argmax()]  # the one that is longest outside
with torch.no_grad():
    along = model.log_prob(walk).numpy()
plots.show(pictures.bridge(density, box, walk.numpy(), share.numpy(), moons_log_density(walk).numpy(), along),
    alt="Left, the density of the flow with a red curve from the upper to the lower moon that crosses the gap. Right, "
    "log densities along the curve: the true one drops steeply in the gap, that of the model stays far above.")  # fmt: skip

# %% [markdown]
# Off the moons the truth falls off a cliff. The model walks on as if nothing had happened: this is the bridge. The theorem says that there is a way across, not how wide it is: by stretching harder and harder a flow may make it as thin as one likes. How much mass lies on ours? A point of the data is five standard deviations away from its half circle with a probability of at most $e^{-5^2/2}$, about four in a million. We count among the flow's samples, for each seed.

# %%
far = []
for seed in seeds:
    with torch.no_grad():
        points_drawn = moons[8, seed].sample(20_000, rng=torch.Generator().manual_seed(seed))
    far.append((torch.cdist(points_drawn, middles[::5]).min(1).values > 0.25).double().mean().item())
check("samples farther out than 5 standard deviations: each seed at least 25 times what is true",
      far, 25 * math.exp(-(5**2) / 2), relation=">=")  # fmt: skip

# %% [markdown] slide="subslide"
# **Remedies** pay in one of three coins: a base with several humps, more dimensions than the data (then it is no longer exact), or a diffusion model (17), which takes hundreds of tiny steps and noise on the way.
#
# **Depth.** In one coupling half of the numbers stay, and the others are only scaled and shifted as these say; the rest of the bending has to come from many. We trained two, four and eight above.

# %%
plots.show(pictures.gap_by_depth(depths, gaps, "twice the couplings, twice the networks: a fraction of the distance"),
    alt="Model minus true NLL for 2, 4 and 8 couplings, three seeds each: it falls steeply from 2 to 4 and once "
    "more from 4 to 8, and the three seeds lie close together.")  # fmt: skip
check("four couplings: at least 0.1 nats better than two, on average", gaps[0].mean() - gaps[1].mean(), 0.1, relation=">=")  # fmt: skip
check("eight: better than four, on average", gaps[1].mean(), gaps[2].mean(), relation=">=")

# %% [markdown]
# Every layer has a network of its own, to be computed on the way there and on the way back: time and memory grow in proportion to the depth. The layers of a VAE or a GAN may be narrow and throw information away. A flow carries all $d$ numbers through every layer, to the end. That is the price of exactness. Glow for faces of 256 × 256 pixels has 6 levels of 32 steps.

# %% [markdown] slide="slide"
# ## 8 · Digits: from grey levels to a density and back
#
# **Question.** A pixel of our digits is one of 17 grey levels, 0 to 16. What is the *density* of a whole number?
#
# Infinite, and that is a trap: a flow could put an ever thinner spike on each of the 17 levels, and its likelihood would grow without end while it learns nothing. The cure is called **dequantisation**: add noise, uniform on $[0, 1)$, of exactly the width of one level. Then the *probability* of an image is the integral of the density over its unit cube, and Jensen's inequality gives an honest bound:
#
# $$\log P(x) = \log \int_{[0,1)^d} p(x+u)\,du \;\ge\; \mathbb E_u \log p(x+u) .$$
#
# A claim like that wants a model so small that one can count: two pixels with three levels each, nine images, a random flow.

# %%
couplings = (flow.AffineCoupling(2, hidden=(8,), flip=flip) for flip in (False, True))
tiny = randomised(flow.Flow([flow.Logit(3), *couplings], shape=2), std=0.15)
levels = torch.cartesian_prod(torch.arange(3.0), torch.arange(3.0)).double()  # all nine images
s = (torch.arange(300, dtype=torch.float64) + 0.5) / 300
u = s**2 * (3 - 2 * s)  # more places near the edges, where the logit is steep
weights = torch.outer(6 * s * (1 - s), 6 * s * (1 - s)).flatten() / 300**2
with torch.no_grad():
    log_p = torch.stack([tiny.log_prob(level + torch.cartesian_prod(u, u)) for level in levels])
log_probability, bound = (log_p + weights.log()).logsumexp(1), (log_p * weights).sum(1)
check("the nine probabilities add up to 1", log_probability.exp().sum(), 1.0, atol=2e-3)
check("dequantised bound <= log P(x), for each of the nine", bound, log_probability, relation="<=")
print(
    f"lost by the bound: {(log_probability - bound).min():.2f} to {(log_probability - bound).max():.2f} nats"
)

# %% [markdown] slide="subslide"
# **The logit.** Dequantised pixels lie between 0 and 17, but a flow reaches the whole line, and would waste mass outside. So we first scale to $y = \epsilon + (1 - 2\epsilon)\,x/17$ and then take $z = \log\frac{y}{1-y}$. It is a layer like any other, so it has a log-determinant:
#
# $$\sum_{\text{pixels}} \big[\log(1-2\epsilon) - \log 17 - \log y - \log(1-y)\big].$$
#
# The *margin* $\epsilon$ keeps the ends finite.

# %%
digits = data.digits()
train, test = (torch.tensor(part.x, dtype=torch.float32) for part in digits.split())
noisy = flow.dequantize(train, rng=torch.Generator().manual_seed(0)).double()
logit = flow.Logit(17, margin=0.003)
y = 0.003 + (1 - 2 * 0.003) * noisy / 17
by_hand = (math.log(1 - 2 * 0.003) - math.log(17) - y.log() - (1 - y).log()).sum(1)
check("the logit's log-determinant by hand = coursekit", by_hand, logit.forward(noisy)[1], atol=1e-9)
pixel = 20
plots.show(pictures.pixel_histograms([
    ("17 spikes", train[:, pixel].numpy(), np.arange(-0.5, 18, 0.25), "grey level", "data"),
    ("+ noise of one level", noisy[:, pixel].numpy(), np.linspace(0, 17, 52), "dequantised", "noise"),
    ("logit: the whole line", logit.forward(noisy)[0][:, pixel].numpy(), 50, "what the flow sees", "latent")]),
    alt="Histograms of one pixel over all training images: 17 separate spikes, the two ends the highest; a filled "
    "histogram between 0 and 17; and after the logit a broad hump around 0 with a narrow one on each side, near -3 and 3.")  # fmt: skip

# %% [markdown] slide="subslide"
# On the left, where the spikes were, there was no density to speak of; on the right the flow finds a variable that a bent Gaussian can reach.
#
# **Bits per dimension.** Nats an image depend on the size of the image, so one divides: $-\log P(x) / (64 \log 2)$ is the number of bits which an ideal code spends on each pixel. The unit matters. If somebody scales the pixels to $[0, 1]$, the density grows by $17^{64}$, and unless this is taken back the result is $\log_2 17 = 4.09$ bits too good. In both units the same image must cost the same.

# %%
from coursekit.evaluation import bits_per_dim

inner = randomised(flow.real_nvp(64, n_layers=2, hidden=(16,)), std=0.1)
in_levels = flow.Flow([flow.Logit(17), inner], shape=64).log_prob(noisy[:50])
in_units = flow.Flow([flow.Logit(1), inner], shape=64).log_prob(noisy[:50] / 17)
honest, careless, adjusted = bits_per_dim(in_levels, 64), bits_per_dim(in_units, 64), bits_per_dim(in_units, 64, level=1 / 17)  # fmt: skip
check("by hand = coursekit, and back to nats", torch.stack([-in_levels / (64 * math.log(2)), -honest * 64 * math.log(2)]), torch.stack([honest, in_levels]), atol=1e-9)  # fmt: skip
check("grey levels or [0, 1]: the same bits", honest, adjusted, atol=1e-9)
check("forget the unit, and it looks log2(17) bits better", honest - careless, math.log2(17), atol=1e-9)

# %% [markdown] slide="subslide" says="Logit, then `Whiten`, then four times a learned 64 × 64 matrix in LU form and a wide coupling with dropout. Three seeds, a few seconds each."
# Now the flow. Logit, then `Whiten`, so that training starts from a full Gaussian in place of from nothing, then four times a learned 64 × 64 matrix in LU form and a wide coupling with dropout. Three seeds, a few seconds each. Now and then we note the bits on 360 training images and the 360 test images and $\log|\det W|$ of the four matrices.


# %%
def digit_flow(dropout, *, n_steps=4):
    layers = [flow.Logit(17, margin=0.003), flow.Whiten(64)]
    for _ in range(n_steps):
        layers += [flow.InvertibleLinear(64), flow.AffineCoupling(64, hidden=(256,), dropout=dropout)]
    model = flow.Flow(layers, shape=64, discrete=True)
    return model.initialize(train.repeat(10, 1), rng=torch.Generator().manual_seed(0))


@torch.no_grad()
def bits(model, x):
    """Bits per dimension by the dequantised bound, one noise an image."""
    return bits_per_dim(model.discrete_log_prob(x, rng=torch.Generator().manual_seed(5)), 64).mean().item()


def train_digits(seed, dropout):
    torch.manual_seed(seed)
    model, seen = digit_flow(dropout), []

    def look(step, model, _):
        if step == 1 or step % 50 == 0:
            model.eval()
            determinants = [matrix.log_abs_det().item() for matrix in model.layers[2::2]]
            seen.append([bits(model, train[:360]), bits(model, test), *determinants])
            model.train()

    options = {"n_steps": 200, "learning_rate": 4e-3, "schedule": "cosine", "seed": seed, "device": "cpu"}
    fit(model, train, on_step=look, **options)
    return model, np.array(seen)  # (5, 2 + 4)


# %% tags=["nbval-ignore-output"]
regular = [train_digits(seed, 0.3) for seed in seeds]
last = np.array([seen[-1, :2] for _, seen in regular])
print(
    f"bits per dimension: test {last[:, 1].mean():.3f} +- {last[:, 1].std():.3f}, train {last[:, 0].mean():.3f}"
)

# %%
plain = flow.Flow([flow.Whiten(64)], shape=64, discrete=True)
plain.initialize(train.repeat(10, 1), rng=torch.Generator().manual_seed(0))
gauss, squashed = bits(plain, test), bits(digit_flow(0.0, n_steps=0), test)
print(
    f"all levels alike {math.log2(17):.2f}, one Gaussian {gauss:.2f}, Gaussian behind a logit {squashed:.2f}"
)
print(f"each tenth of a bit a pixel makes {0.1 * 64:.1f} bits an image: a factor of {2 ** (0.1 * 64):.0f}")
check("the flow, each of three seeds: at most 2.2", last[:, 1], 2.2, relation="<=")
check("the Gaussian behind a logit: at least 0.05 more", squashed - last[:, 1], 0.05, relation=">=")

digit_model = regular[0][0]
with torch.no_grad():
    drawn_digits = digit_model.sample(20, rng=torch.Generator().manual_seed(3)).floor().numpy()
    drawn_gauss = plain.sample(10, rng=torch.Generator().manual_seed(3)).floor().numpy()
rows = [
    ("data", digits.x[:10]),
    ("Gaussian", drawn_gauss),
    ("flow", drawn_digits[:10]),
    ("flow", drawn_digits[10:]),
]
plots.show(pictures.strips(rows, (8, 8)),
    alt="Four rows of ten 8 by 8 images: digits from the data, soft blurs from a Gaussian, and two rows from the flow, "
    "with firm dark strokes, faint specks on the paper, and several shapes that can be read as digits.")  # fmt: skip

# %% [markdown]
# The flow knows paper from ink, and its strokes hang together; some of the shapes can be read. The largest leap in bits came from the logit and not from the couplings: most pixels of these images are nearly white or nearly black, and no Gaussian likes edges. What the couplings and the matrices between them add is a tenth of a bit and a little more. It does not sound like much, but there are 64 pixels in an image, and the factors multiply.

# %%
steps, tracked = [1, *range(50, 201, 50)], regular[0][1][:, 2:]
curves = [(f"matrix {k + 1}", tracked[:, k], plots.CYCLE[k], 0) for k in range(4)]
plots.show(pictures.lines_over_steps(steps, curves, ylabel="log|det W| (nats)", title="each matrix starts as a rotation and learns to stretch"),
    alt="The log-determinants of the four learned matrices over the training: all start near zero and grow to between one and two nats, fast at first and then slowly.")  # fmt: skip
check("log|det W| of all four matrices after one step: still near 0", tracked[0], 0.0, atol=0.5)
final = np.array([seen[-1, 2:].sum() for _, seen in regular])
check("at the end their sum is above 3 nats, each seed", final, 3.0, relation=">=")

# %% [markdown]
# A positive log-determinant means that the layer enlarges volumes. `Whiten` has given the data the covariance of the noise, but of all densities with that covariance the Gaussian has the largest entropy: the data still lie on less room than the noise, and the layers after it have to make up the difference. What the matrices leave, the couplings settle.

# %% [markdown] slide="slide"
# ## 9 · What goes wrong
#
# **Overfitting.** A flow has the exact likelihood as its goal, and 1437 images are few. The same flow without dropout, all else the same:

# %% tags=["nbval-ignore-output"]
loose = [train_digits(seed, 0.0) for seed in seeds]
distance = {
    name: np.array([seen[-1, 1] - seen[-1, 0] for _, seen in runs])
    for name, runs in (("dropout", regular), ("none", loose))
}
print({name: f"test minus train {gap.mean():.3f} +- {gap.std():.3f}" for name, gap in distance.items()})

# %%
panels = [(title, [seen[:, 0] for _, seen in runs], [seen[:, 1] for _, seen in runs])
          for title, runs in (("dropout .3", regular), ("no dropout", loose))]  # fmt: skip
plots.show(pictures.train_and_test(steps, panels),
    alt="Bits per dimension over training, three seeds, all curves falling. The test curves end above the training "
    "curves, and without dropout the two end farther apart.")  # fmt: skip
check("without dropout the distance from train to test is larger, each seed", distance["none"] - distance["dropout"], 0.01, relation=">=")  # fmt: skip

# %% [markdown]
# By the training curves alone the flow on the right would be the better one. The red curves end at nearly the same height: what it gained on images that it has seen is worth next to nothing on new ones. Report likelihoods on images that the flow has not seen.

# %% [markdown] slide="subslide"
# **Exploding scale.** A coupling multiplies by $e^{s}$, and the network behind $s$ reads what earlier couplings have multiplied. A few unlucky weights, and each layer feeds the next. Here are twelve couplings with large random weights, once with $e^s$ raw, once with the package's bound $|s| \le 2$.

# %%
torch.manual_seed(0)
stack = [randomised(flow.AffineCoupling(4, hidden=(16,), flip=bool(k % 2)), std=0.7) for k in range(12)]
sizes = {1e9: [1.0], 2.0: [1.0]}
with torch.no_grad():
    for bound in sizes:
        z = torch.ones(1, 4, dtype=torch.float64)
        for coupling in stack:
            coupling.bound = bound  # 1e9 is as good as none
            z, _ = coupling.forward(z)
            sizes[bound].append(z.abs().max().item())
finite = [size for size in sizes[1e9] if math.isfinite(size)]
plots.show(pictures.growth([("raw: the next is infinite", finite, "wrong", 0), ("bounded", sizes[2.0], "model", 0)]),
    alt="Largest value after each coupling on a logarithmic scale: with raw exponentials it shoots up and overflows "
    "after a few couplings; with the bound it grows by a limited factor a layer.")  # fmt: skip
check("raw: overflow before the twelfth coupling", len(finite) - 1, 11, relation="<=")

# %% [markdown] slide="subslide" says="The quietest slip: the flow that one gets is the same, and only the number one reports is that of another variable, the logits."
# **Forgetting the logit's Jacobian.** The quietest slip. The logit has no parameters, so its log-determinant is a constant of training: the flow that one gets is the same, and only the number one reports is that of another variable, the logits. Here the forgotten terms even cancel in part: those of nearly white and nearly black pixels are positive, those of the greys between negative.

# %%
with torch.no_grad():
    noisy_test = flow.dequantize(test, rng=torch.Generator().manual_seed(5))
    honest = bits_per_dim(digit_model.log_prob(noisy_test), 64)
    term = digit_model.layers[0].forward(noisy_test)[1] / (64 * math.log(2))  # bits a pixel
print(
    f"average over the test images: honest {honest.mean():.1f}, forgotten {(honest + term).mean():.1f} bits"
)
print(f"the term of single images: from {term.min():.1f} to {term.max():.1f} bits a pixel")
check("it differs from image to image: spread in bits a pixel", term.std(), 0.15, relation=">=")
wrong = honest + term
swapped = ((honest[:, None] < honest) != (wrong[:, None] < wrong)).double().mean()
check("of all pairs of images at least one in ten changes its order", swapped, 0.1, relation=">=")

# %% [markdown]
# On average one would hardly notice, and that makes it dangerous: image by image the number is wrong by a good part of a bit a pixel, in both directions, so that even the *order* of likely and unlikely images changes for many pairs. The cure is section 5's sweep: compare every layer's log-determinant with autograd, once, and never trust a formula that has only been trained with.

# %% [markdown] slide="slide"
# ## 10 · Summary
#
# | Claim | Where it was checked | Code in [`flow/model.py`](../coursekit/flow/model.py), [`flow/layers.py`](../coursekit/flow/layers.py) |
# | --- | --- | --- |
# | one-dimensional flow: log slope = autograd, density integrates to 1 | section 1 | |
# | the pull and the term against collapse balance at mean square 1 | section 2 | `standard_normal_log_prob` |
# | area after a map = \|det J\| times the area before | section 3 | |
# | coupling: there and back, log-det = sum of $s$ = autograd; by hand = coursekit | section 4 | `AffineCoupling` |
# | 1 × 1 convolution: $H W \log\lvert\det W\rvert$; LU form = slogdet; starts as a rotation | section 5 | `InvertibleLinear` |
# | every layer: inverse, log-determinant, both ways cancel | section 5 | all layers |
# | linear flows find the entropy of the fitted Gaussian | section 5 | `Whiten` |
# | density integrates to 1, samples follow it; the cascade ends in the data | section 6 | `Flow.log_prob`, `Flow.cascade` |
# | a walk through the noise crosses the gap: the bridge | section 7 | |
# | dequantised bound ≤ log-probability, all nine images | section 8 | `dequantize`, `discrete_log_prob` |
# | logit and units: bits per dimension there and back | section 8 | `Logit` |
#
# ### Five questions
#
# <details><summary>1. Somebody adds the log-determinant of the way back in place of that of the way there, so its sign is wrong. What happens in training?</summary>
# The loss then rewards the collapse: the data are pulled to 0 and the second term, with its wrong sign, applauds. The loss falls without end.
# </details>
#
# <details><summary>2. Why may the network inside a coupling be anything, but the coupling itself may not use x_b in s?</summary>
# Going back one knows z_a = x_a and can compute s and t again. If s needed x_b, one would need what one is looking for. The triangle in the Jacobian would be gone too.
# </details>
#
# <details><summary>3. A 1 × 1 convolution on 16 × 16 positions has log|det W| = 0.5. How much does it add to an image's log-likelihood?</summary>
# 16 · 16 · 0.5 = 128 nats.
# </details>
#
# <details><summary>4. A paper reports 1.2 bits per dimension on 256 grey levels scaled to [0, 1], and 9.2 after a reviewer's question. What was the question?</summary>
# In which unit the density was taken: log2(256) = 8 bits had been forgotten.
# </details>
#
# <details><summary>5. Can a flow with Gaussian noise model two separated clusters exactly?</summary>
# No. A continuous map of one piece is one piece, so some density remains between them. It may be thin, and a mixture as base would do away with it.
# </details>
#
# **Homework:** [`hw16_flows`](homework/release/hw16_flows/hw16_flows.ipynb): a density in one line, a coupling whose roles change, the logit in bits, and a bridge to explain. [Solutions](../notebooks/homework/source/hw16_flows/hw16_flows.ipynb) stand in a folder of their own.
#
# **References.** L. Dinh, D. Krueger and Y. Bengio (2015), *NICE: non-linear independent components estimation*. L. Dinh, J. Sohl-Dickstein and S. Bengio (2017), *Density estimation using Real NVP*. D. Kingma and P. Dhariwal (2018), *Glow: generative flow with invertible 1 × 1 convolutions*. L. Theis, A. van den Oord and M. Bethge (2016), *A note on the evaluation of generative models*. G. Papamakarios and others (2021), *Normalizing flows for probabilistic modeling and inference*.
