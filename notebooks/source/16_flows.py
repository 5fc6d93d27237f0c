# ---
# jupyter:
#   coursekit:
#     cpu_seconds: 51
#     minutes: 140
# ---

# %% [markdown] slide="slide"
# # 16 · Normalising flows: a rubber sheet with an exact density
#
# **After this notebook you can** compute the density of anything that an invertible map makes out of Gaussian noise, explain the two terms of a flow's loss, write a coupling layer by hand and prove its log-determinant, say what Glow's 1 × 1 convolution adds, train a flow on points and on digits, condition it on a class, report bits per dimension in the right units, and name what flows cannot do.
#
# **Time:** two hours and twenty minutes to work through; it runs in under a minute. **You need:** determinants, the chain rule, the normal distribution (notebook 00). PCA (01) helps.
#
# **It follows** the flow part of the generative AI deck: the two terms of the loss, why the network must be invertible with a cheap determinant, the chain of generators, and Glow's 1 × 1 convolution. The deck writes $c$ for the noise, $x = g(c)$ for the generator and $g^{-1}$ for its inverse; we write $z$ for the noise and $z = f(x)$ for the inverse, so $f = g^{-1}$. **It adds** the coupling layers of Dinh, Sohl-Dickstein and Bengio (2017), the densities of moons, classes and bridges, dequantisation and bits per dimension, which no deck has. Diffusion models, which lift the restriction to invertible maps, are in notebook 17.
#
# Every line that starts with ✓ is a claim that was computed just now, on your machine, except that the long runs of sections 6 to 10 are read from a record. The bars on trained flows were chosen on other seeds than those shown, between the flow and its control: in section 1 on seeds 4 to 7, from section 6 on on seeds 3 to 5, most of them about halfway; those on the flows of 1500 steps in section 8, and on the share of samples off the moons, on seeds 10 to 13. The seeds shown are 0 to 2 (in section 1, 1 to 3). Of a control with three seeds the best must fail.

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
# **Question.** A generative model should answer two requests: *draw me a new example*, and *how likely is this one?* Most models are good at one of them. A VAE gives a bound instead of the likelihood, a GAN gives nothing. An autoregressive model (notebook 06) does both, but it draws one number after another. Is there a model that does both, exactly, and draws in one go?
#
# **Picture.** Take a ruler made of rubber and strew sand on it, thick in the middle, thin at the ends: the normal distribution. Now stretch the ruler here and squeeze it there. No grain is lost. Where the rubber was stretched, the sand is thinner; where it was squeezed, thicker. If we know how much we pulled at each place, we know the new density at each place.
#
# **Formula.** Let $z = f(x)$ tell where on the unstretched ruler the point $x$ came from. A little piece $dx$ holds the same sand as its origin $dz$, so $p(x)\,dx = \mathcal N(z; 0, 1)\,dz$. Divide by $dx$, write $dz/dx = f'(x)$, and take logarithms:
#
# $$\log p(x) \;=\; \log \mathcal N\big(f(x);\, 0, 1\big) \;+\; \log f'(x) .$$
#
# This is the **change-of-variables formula**; the normal density of $z$ is called the **base distribution**. As written it needs an increasing $f$; what matters is that $f$ is one-to-one. A sum of increasing functions guarantees that: a line and a few soft steps, each rising by $2e^{w_k}$ around the place $m_k$, the more abruptly the larger $e^{s_k}$. (A power of $e$ is always positive.)
#
# $$f(x) = e^{a} x + b + \sum_k e^{w_k} \tanh\!\big(e^{s_k}(x - m_k)\big).$$


# %%
def rubber(x, a, b, w, s, m):
    """z = f(x) and log f'(x), both (n,); x (n,), a and b scalars, w, s, m (k,)."""
    step = torch.tanh(s.exp() * (x[:, None] - m))  # (n, k)
    slope = a.exp() + ((w + s).exp() * (1 - step**2)).sum(1)
    return a.exp() * x + b + (w.exp() * step).sum(1), slope.log()


def log_density(x, *parameters):
    z, log_slope = rubber(x, *parameters)
    return -0.5 * (z**2 + math.log(2 * math.pi)) + log_slope


# %% [markdown]
# Before any training, two claims for *random* parameters: the slope is the derivative that autograd finds, and the density integrates to one whatever the parameters.


# %%
def gaussian(*shape):
    """Standard normal numbers in double precision."""
    return torch.randn(shape, generator=dice, dtype=torch.float64)


def random_parameters():
    heights, steepness, middles = gaussian(3, 6) * torch.tensor([[0.5], [0.5], [2.0]])
    return 0.3 * gaussian() - 1, gaussian(), heights, steepness, middles


pulled, x = random_parameters(), gaussian(50).requires_grad_()
z, log_slope = rubber(x, *pulled)
(by_autograd,) = torch.autograd.grad(z.sum(), x)
check("log slope = log of autograd's derivative, 50 places", log_slope,
      by_autograd.log(), atol=1e-12)  # fmt: skip
line = torch.linspace(-60, 60, 24_001, dtype=torch.float64)
spacing = line[1] - line[0]
masses = []
for _ in range(10):
    masses.append(log_density(line, *random_parameters()).exp().sum() * spacing)
check("the density integrates to 1, ten draws of all parameters", masses, 1.0,
      atol=1e-6)  # fmt: skip

# %% [markdown] slide="subslide" says="Now let the data pull: maximise $\\log p(x)$ itself, averaged over the data. There is no bound and no opponent, this *is* **maximum likelihood**."
# Now let the data pull. They have two humps; we maximise $\log p(x)$ itself, averaged over the data. There is no bound and no opponent, this *is* **maximum likelihood**. Since we made the data, we know their true density, and the difference *model minus true* of the mean negative log-likelihood, NLL for short, estimates the Kullback-Leibler divergence from truth to model: zero would be perfect.


# %%
def draw_humps(n, rng):
    first = torch.rand(n, generator=rng) < 0.7
    noise = torch.randn(n, generator=rng, dtype=torch.float64)
    return torch.where(first, -1.5 + 0.6 * noise, 2.0 + 0.4 * noise)


def true_log_density(x):
    humps = [(0.7, torch.distributions.Normal(-1.5, 0.6)),
             (0.3, torch.distributions.Normal(2.0, 0.4))]  # fmt: skip
    parts = [math.log(share) + hump.log_prob(x) for share, hump in humps]
    return torch.logaddexp(*parts)


def starting_values():
    values = torch.zeros(()), torch.zeros(()), torch.full((8,), -2.0), torch.zeros(8)
    return [value.double() for value in (*values, torch.linspace(-3, 3, 8))]


def fit_rubber(seed):
    x = draw_humps(1000, torch.Generator().manual_seed(seed))
    parameters = [value.requires_grad_() for value in starting_values()]
    optimizer = torch.optim.Adam(parameters, lr=0.05)
    for _ in range(300):
        loss = -log_density(x, *parameters).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return [value.detach() for value in parameters]


fresh = draw_humps(50_000, torch.Generator().manual_seed(9))


def excess(log_probability):
    """Mean of true minus model log-density on fresh points: estimates the KL."""
    return (true_log_density(fresh) - log_probability).mean()


# %%
rubbers = [fit_rubber(seed) for seed in (1, 2, 3)]
one_normal = torch.distributions.Normal(fresh.mean(), fresh.std()).log_prob(fresh)
check("model minus true NLL on fresh points, three seeds: at most 0.1",
      [excess(log_density(fresh, *fitted)) for fitted in rubbers], 0.1, relation="<=",
      control={"untrained": excess(log_density(fresh, *starting_values())),
               "one normal distribution": excess(one_normal)})  # fmt: skip

# %% [markdown] slide="subslide"
# And drawing? Draw $z$, go back to $x = f^{-1}(z)$. Here is a first snag: this $f$ has no formula for the way back. It is increasing, so we can halve an interval sixty times until it has closed around the answer. In one dimension that is affordable. With 64 pixels there is no interval to halve. Remember that for section 4.


# %%
from coursekit.flow import pictures


def back(z, *parameters):
    low, high = torch.full_like(z, -60.0), torch.full_like(z, 60.0)
    for _ in range(60):
        middle = (low + high) / 2
        below = rubber(middle, *parameters)[0] < z
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return (low + high) / 2


noise = gaussian(20_000)
drawn = back(noise, *rubbers[0])
check("f(back(z)) = z for 20 000 draws", rubber(drawn, *rubbers[0])[0], noise,
      atol=1e-10)  # fmt: skip

axis = torch.linspace(-4, 4, 801, dtype=torch.float64)
plots.show(
    pictures.stretched_line(
        axis.numpy(), rubber(axis, *rubbers[0])[0].numpy(),
        log_density(axis, *rubbers[0]).exp().numpy(), samples=drawn.numpy(),
        title="steep: much sand in little room; flat: little sand"),
    alt="A rising curve from x to z with two steep parts and a flat one between. Nine "
    "levels of z cut the normal density into tenths; carried over the curve to the x "
    "axis they crowd under the two humps of the density of x, whose samples fill the "
    "curve.",
)  # fmt: skip

# %% [markdown]
# Between two neighbouring grey lines there is a tenth of the sand, on both axes. Where the curve is steep, many of these strips come down close together: a hump. Where it is flat, one strip is drawn out over the valley. The grey histogram comes from samples, the blue curve is computed: the model does both jobs.

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
lone = 2 * gaussian(5000)
square = (lone**2).mean()
factors = torch.linspace(0.02, 2, 400, dtype=torch.float64)
pull, spread = factors**2 * square / 2, -factors.log()
plots.show(
    pictures.two_terms(factors.numpy(), pull.numpy(), spread.numpy()),
    alt="Three curves over the factor a: the pull term rises from 0 as a parabola, the "
    "term against collapse falls from infinity, and their sum has one minimum near "
    "a = 0.5.",
)
best = (1 / square.sqrt()).requires_grad_()
log_normal = flow.standard_normal_log_prob(best * lone[:, None])
loss_at_best = -(log_normal + best.log()).mean()
(slope_at_best,) = torch.autograd.grad(loss_at_best, best)
check("the slope of the loss vanishes at a = 1 / (root mean square of x)",
      slope_at_best, 0.0, atol=1e-12)  # fmt: skip
entropy = torch.distributions.Normal(0.0, square.sqrt()).entropy()
check("the loss there = entropy of the fitted Gaussian of mean 0", loss_at_best,
      entropy, atol=1e-12)  # fmt: skip

# %% [markdown]
# The slope of the sum, for $a > 0$, is $a\,\overline{x^2} - 1/a$. It vanishes only at $a^2\,\overline{x^2} = 1$, where $z$ has mean square 1. That is all the loss of any flow asks for: bring the data to the shape of the noise, and pay for every squeeze.

# %% [markdown] slide="slide"
# ## 3 · From lengths to volumes
#
# **Question.** With two coordinates, what replaces the slope?
#
# A matrix $A$ turns the unit square into a parallelogram of area $|\det A|$. That is what a determinant *is*. A bent map, seen from close by, is nearly a matrix too: its **Jacobian** $J = \partial z / \partial x$, the table of all derivatives $\partial z_i / \partial x_j$. So a small square at $x$ becomes nearly a parallelogram of $|\det J(x)|$ times its area, and the sand on it is diluted by that. The change-of-variables formula in $d$ dimensions is
#
# $$\log p(x) = \log \mathcal N\big(f(x);\, 0, I\big) + \log\left|\det \frac{\partial z}{\partial x}\right|, \qquad z = f(x).$$


# %%
def area(outline):
    """Area inside a polygon (m, 2), by the shoelace formula."""
    x, y = outline.T
    return (x * y.roll(-1) - y * x.roll(-1)).sum().abs() / 2


def bend(x):
    x1, x2 = x[..., 0], x[..., 1]
    return torch.stack([x1 + 0.4 * torch.sin(2 * x2), x2 + 0.35 * x1**2], -1)


A = torch.tensor([[1.4, 0.6], [-0.3, 0.9]], dtype=torch.float64)
corners = torch.tensor([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=torch.float64)
check("area of the parallelogram = |det A|", area(corners @ A.T),
      torch.linalg.det(A).abs(), atol=1e-14)  # fmt: skip
here, side = torch.tensor([0.7, 0.2], dtype=torch.float64), 1e-4
jacobian = torch.autograd.functional.jacobian(bend, here)
measured = area(bend(here + side * (corners - 0.5))) / side**2
check("area of a tiny square after a bent map = |det J|", measured,
      torch.linalg.det(jacobian).abs(), atol=1e-6)  # fmt: skip

# %%
places = torch.cartesian_prod(torch.arange(5), torch.arange(5)).double() / 5
cells = places[:, None] + corners / 5  # (25, 4, 2): the unit square in 25 cells
stretched = {"25 cells of one size": cells, "after A: all alike": cells @ A.T,
             "bent: each its own area": bend(cells)}  # fmt: skip
plots.show(pictures.cells_and_images(stretched),
           alt="Three panels on the same axes: the unit square in 25 equal cells; the "
           "parallelogram that a matrix makes of it, with 25 equal cells; and a bent "
           "figure whose 25 cells differ in area.")  # fmt: skip

# %% [markdown] slide="subslide"
# Sand that was spread evenly over the square is still even after the matrix, and uneven after the bent map: the same amount in a larger cell is thinner.
#
# **Why not any network?** A layer must be easy to invert, and its determinant cheap.
#
# *Invertible.* If two places $x$ had the same $z$, sand from one origin would be in two places, and the formula would count it twice: in general the density would no longer integrate to 1. And without a way back there is no drawing.
#
# *A cheap determinant.* The determinant of a general $d \times d$ matrix takes about $d^3/3$ multiplications, **for each example and each step of training**:

# %%
for name, d in (
    ("8 x 8 grey", 64),
    ("28 x 28 grey", 784),
    ("256 x 256 colour", 196_608),
):
    print(f"{name:17} d = {d:6}: {d**3 / 3:8.1e} multiplications per example, "
          f"against {d} on a diagonal")  # fmt: skip

# %% [markdown]
# The last row is 2.5 million billion multiplications for one image. So the art of flows is to find layers that are flexible, as easy to invert as to apply, and whose Jacobian has a determinant that one can read off.
#
# Chaining them needs nothing new. By the chain rule the Jacobian of a chain is the product of the Jacobians, and determinants multiply, so **log-determinants add**, $\log|\det| = \sum_k \log|\det J_k|$. And the inverse map has the inverse matrix as its Jacobian, so its log-determinant is the same with a minus sign.

# %% [markdown] slide="slide" says="The *affine coupling* of Real NVP: one half passes unchanged and decides how the other half is scaled and shifted. The way back uses $s$ and $t$ again, forwards."
# ## 4 · One half talks, the other half listens
#
# **Question.** Can a layer contain an arbitrary neural network, which has no inverse, and still be invertible?
#
# <details><summary><b>Predict before you run:</b> a layer contains a ReLU network from 2 numbers to 6. Can the layer have an exact inverse?</summary>
#
# Yes, if the network's input is still there afterwards. Then one computes the network again, forwards, and undoes what it did to the rest.
# </details>
#
# **Picture.** Two people with a safe. One shouts the combination and stays in the room; the other turns the dial. To turn it back, ask the first one again. How the combination was made up does not matter.
#
# **Formula.** The *affine coupling* of Real NVP splits $x = (x_a, x_b)$. One half passes unchanged and decides how the other half is scaled and shifted:
#
# $$z_a = x_a, \qquad z_b = x_b \odot e^{s(x_a)} + t(x_a); \qquad\qquad x_b = \big(z_b - t(z_a)\big) \odot e^{-s(z_a)} .$$
#
# The way back uses $s$ and $t$ again, forwards. Here it is by hand, with any network in the middle. Of five numbers the first two pass and the other three change; both functions return the result and $\log|\det|$.


# %% tags=["slide-code"]
def couple(x, network):
    x_a, x_b = x[:, :2], x[:, 2:]
    s, t = network(x_a).chunk(2, dim=1)
    return torch.cat([x_a, x_b * s.exp() + t], dim=1), s.sum(1)


def uncouple(z, network):
    z_a, z_b = z[:, :2], z[:, 2:]
    s, t = network(z_a).chunk(2, dim=1)
    return torch.cat([z_a, (z_b - t) * (-s).exp()], dim=1), -s.sum(1)


# %% [markdown] says="$z_a$ depends on $x_a$ only; $z_b$ depends on $x_b$ only through a factor, each on its own. So the Jacobian is triangular, and the network's derivative in the corner does not count:"
# What is its Jacobian? Row by row: $z_a$ depends on $x_a$ only, as the identity. $z_b$ depends on both, but on $x_b$ only through a factor, each on its own: a diagonal. So the matrix is triangular,
#
# $$J = \begin{pmatrix} I & 0 \\ \ast & \operatorname{diag}\, e^{s} \end{pmatrix}, \qquad \log|\det J| = \sum_j s_j(x_a) .$$
#
# The derivative of the network is in the corner $\ast$, which a triangular determinant never looks at. We let autograd compute all 25 entries and the determinant the expensive way.


# %%
from functools import partial


def autograd_log_det(forward, x):
    """log|det| (n,) of the whole Jacobian of z, where forward(x) = (z, log_det)."""

    def one(row):
        return forward(row[None])[0].flatten()

    jacobian = torch.autograd.functional.jacobian
    matrices = [jacobian(one, row).reshape(row.numel(), -1) for row in x]
    return torch.linalg.slogdet(torch.stack(matrices)).logabsdet


torch.manual_seed(4)
layers = torch.nn.Linear(2, 16), torch.nn.ReLU(), torch.nn.Linear(16, 6)
relu_net = torch.nn.Sequential(*layers).double()
x = gaussian(8, 5)
z, log_det = couple(x, relu_net)
x_again, log_det_back = uncouple(z, relu_net)
check("uncouple(couple(x)) = x", x_again, x, atol=1e-12)
check("sum of s = log|det| of autograd's Jacobian", log_det,
      autograd_log_det(partial(couple, network=relu_net), x), atol=1e-12)  # fmt: skip
check("log-determinants of both ways cancel", log_det + log_det_back, 0.0, atol=1e-12)

# %% [markdown] slide="subslide"
# Does the package do the same? Its `AffineCoupling` starts as the identity, which would prove little, so we randomise all its weights first. It also keeps $s$ within $\pm 2$ by a soft bound, $2\tanh(s/2)$: the network behind $s$ reads what earlier couplings have multiplied, and without a bound a few unlucky weights can feed each other until $e^s$ overflows.


# %%
def randomised(module, std=0.4):
    """The module in float64, with noise on all parameters: zeros would hide a slip."""
    module = module.double().eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += std * gaussian(*parameter.shape)
    return module


layer = randomised(flow.AffineCoupling(5, hidden=(16,)))


def bounded_network(x_a):
    raw, shift = layer.network(x_a).chunk(2, dim=1)
    return torch.cat([2 * torch.tanh(raw / 2), shift], dim=1)


for left, right, what in zip(couple(x, bounded_network), layer.forward(x),
                             ("z", "log-determinant"), strict=True):  # fmt: skip
    check(f"coupling by hand = coursekit: {what}", left, right, atol=1e-12)

first, second = (randomised(flow.AffineCoupling(8, hidden=(16,), flip=flip))
                 for flip in (False, True))  # fmt: skip
free = randomised(torch.nn.Sequential(
    torch.nn.Linear(8, 16), torch.nn.Tanh(), torch.nn.Linear(16, 8)))  # fmt: skip
maps = {
    "any network": free,
    "one coupling": lambda x: first.forward(x)[0],
    "two, halves in turn": lambda x: second.forward(first.forward(x)[0])[0],
}
place = gaussian(1, 8)
matrices = [(name, torch.autograd.functional.jacobian(each, place)[0, :, 0].numpy())
            for name, each in maps.items()]  # fmt: skip

# %%
plots.show(
    pictures.jacobians(matrices),
    alt="Three Jacobians of 8 by 8 entries as pictures, on one scale. Of any network: "
    "all entries are filled. Of one coupling: a diagonal, and one filled corner below "
    "it. Of two couplings in which the halves take turns: all is filled but the lower "
    "right corner, where only the diagonal is.",
)

# %% [markdown]
# The middle panel has a white triangle, so its determinant is the product of the diagonal. On the right two couplings in a row, the second with the roles exchanged. All but one corner of the Jacobian is filled now (there only the diagonal is). A third coupling would fill that too, since by then the half that talks depends on every input. And yet the log-determinant is a sum of numbers that we read off. That is the trick of the coupling.

# %% [markdown] slide="slide"
# ## 5 · Everyone takes a turn
#
# **Question.** In one coupling half of the numbers never move. Who decides which half talks next?
#
# Two answers, in the order of history. A **permutation** shuffles the features: its Jacobian is a permutation matrix, $\log|\det| = 0$. **Glow's invertible 1 × 1 convolution** *learns* the shuffle: multiply the channels at every position of an image by one and the same matrix $W$.
#
# The matrix acts once at each of the $H \times W$ positions. Sort the entries of the image by position, before and after in the same way, which leaves $|\det|$ as it is. The whole image's Jacobian then has $H \cdot W$ copies of the matrix $W$ along its diagonal and zeros elsewhere, so
#
# $$\log\left|\det \frac{\partial z}{\partial x}\right| = H\, W \,\log|\det W| .$$
#
# (The letter $W$ does double duty here: width of the image and weight.) A frequent slip is to count it once.

# %%
image = gaussian(2, 4, 3, 5)  # two images: 4 channels, 3 x 5 positions
mixer = randomised(flow.InvertibleLinear(4))
W, (z, log_det) = mixer.weight().detach(), mixer.forward(image)
convolved = torch.nn.functional.conv2d(image, W[:, :, None, None])
check("it is a 1 x 1 convolution", z, convolved, atol=1e-12)
of_W, of_image = torch.linalg.slogdet(W)[1], autograd_log_det(mixer.forward, image)
check("H W log|det W| = log|det| of the Jacobian of the whole image", 15 * of_W,
      of_image, atol=1e-10, control={"counted once": of_W})  # fmt: skip

# %% [markdown] slide="subslide"
# **Does $W$ stay invertible while it learns?** The deck says that it is *likely* to: singular matrices are rare. True, but with many channels the determinant costs time at every step, and "likely" is not "certainly". Glow's **LU form** makes it certain, and cheap:
#
# $$W = P\, L\, \big(U + \operatorname{diag}(\pm e^{\ell})\big),$$
#
# with a fixed permutation $P$, a lower triangle $L$ with ones on its diagonal, and a strict upper triangle $U$. Then $\log|\det W| = \sum_i \ell_i$, a sum of $d$ numbers, and no value of the parameters makes $W$ singular. (It can still come close, when some $\ell_i$ is very negative.) It starts as a random rotation, so at the start $\log|\det W| = 0$.
#
# Two more layers of Glow: an **activation norm**, one bias and one scale per channel, set from the first batch so that each channel starts with mean 0 and variance 1; and **squeeze**, which turns each 2 × 2 block of pixels into 4 channels, so that a 1 × 1 convolution can mix neighbours. We shall meet `Whiten` and `Logit` in section 9. Here is every layer of the package in one sweep, parameters randomised: there and back, and the log-determinant against all of autograd's Jacobian.

# %%
check("LU form: sum of l = slogdet(W)", mixer.log_abs_det(), of_W, atol=1e-10)
whiten = flow.Whiten(5).double()
whiten.initialize(gaussian(40, 5) @ gaussian(5, 5))
vectors, images = gaussian(3, 5), gaussian(3, 4, 2, 4)
levels = 17 * torch.rand(3, 5, generator=dice, dtype=torch.float64)
on_images = flow.AffineCoupling(4, hidden=(6,), image=True)
cases = [
    (randomised(flow.AffineCoupling(5, flip=True)), vectors),
    (randomised(on_images), images),
    (randomised(flow.ActNorm(5)), vectors),
    (randomised(flow.ActNorm(4)), images),
    (randomised(flow.InvertibleLinear(5)), vectors),
    (flow.Permute([2, 0, 3, 1, 4]), vectors),
    (whiten, vectors),
    (flow.Squeeze(), images),
    (flow.Logit(17), levels),
    (randomised(flow.glow((1, 4, 6), n_steps=2, hidden=(8,))), gaussian(3, 1, 4, 6)),
]
errors = []
for layer, given in cases:
    with torch.no_grad():
        z, log_det = layer.forward(given)
        again, log_det_back = layer.inverse(z)
    expensive = autograd_log_det(layer.forward, given)
    differences = again - given, log_det - expensive, log_det + log_det_back
    errors.append([difference.abs().max().item() for difference in differences])
there_and_back, determinants, both_ways = zip(*errors, strict=True)

# %%
check("ten cases: inverse(forward(x)) = x", there_and_back, 0.0, atol=1e-8)
check("ten cases: log_det = log|det| of autograd's Jacobian", determinants, 0.0,
      atol=1e-8)  # fmt: skip
check("ten cases: log-determinants forth and back cancel", both_ways, 0.0, atol=1e-8)

# %% [markdown]
# **Multi-scale, in words.** Real NVP and Glow squeeze, take some steps, and then send *half of the channels straight to the noise*; only the other half goes on to the next squeeze. Coarse structure gets many layers, fine grain few, and the cost stays bounded. The noise is spread over several levels, the log-determinants add as always. For our small digits we leave it out.

# %% [markdown] slide="slide"
# ## 6 · Two moons, layer by layer
#
# **Question.** Enough algebra. Can a chain of couplings bend a round cloud into two thin moons?
#
# Eight couplings, the two coordinates take turns, each with a network of two hidden layers of 64: 500 steps on 20 000 points, three seeds. From a record we read the same for two couplings, once of the same width and once so wide (131) that they have as many weights as the eight; and all of them again after three times the steps. The truth is known here too: a moon is a half circle, blurred by Gaussian noise of standard deviation 0.05, and its density is an average of Gaussians over the angle, which we sum up numerically.


# %%
from coursekit.flow import recipe

angles = (torch.arange(500, dtype=torch.float64) + 0.5) / 500 * math.pi
upper_moon = torch.stack([angles.cos(), angles.sin()], dim=1)
lower_moon = torch.tensor([1.0, 0.5], dtype=torch.float64) - upper_moon
circles = torch.cat([upper_moon, lower_moon])  # (1000, 2)


def moons_log_density(x, std=0.05):
    exponent = -(torch.cdist(x, circles) ** 2) / (2 * std**2)
    return exponent.logsumexp(1) - math.log(1000 * 2 * math.pi * std**2)


held_out = data.toy2d("moons", 5000, rng=99)
new = torch.tensor(held_out.x)
truth_on_new = moons_log_density(new)


@torch.no_grad()
def gap(log_probability):
    """Model minus true NLL on the new points, nats."""
    return (truth_on_new - log_probability).mean().item()


# %% tags=["nbval-ignore-output"]
seeds, shapes = (0, 1, 2), ("2 couplings", "2, wide", "8 couplings")
moons, by_depth = [recipe.two_moons(seed) for seed in seeds], data.results("flow_depth")
print(by_depth)
gaps = {(name, steps): by_depth.column("gap", shape=name, steps=steps)
        for steps in (500, 1500) for name in shapes}  # fmt: skip
print("model minus true NLL, nats, three seeds each:")
for (name, steps), row in gaps.items():
    n_weights = by_depth.column("weights", shape=name)[0]
    print(f"{name:12}{n_weights:6} weights {steps:5} steps", row.round(3))

# %%
one_gaussian = flow.Flow([flow.Whiten(2)], shape=2).double().initialize(new)
live = np.array([gap(each.log_prob(new)) for each in moons])
check("eight couplings, here and stored, three seeds: within 0.25 nats of the truth",
      np.stack([live, gaps["8 couplings", 500]]), 0.25, relation="<=",
      control={"two couplings": gaps["2 couplings", 500].min(),
               "two, wide": gaps["2, wide", 500].min(),
               "one Gaussian": gap(one_gaussian.log_prob(new))})  # fmt: skip

model = moons[0]
box = (-1.6, 2.6, -1.1, 1.6)
across = box[0] + (torch.arange(210, dtype=torch.float64) + 0.5) / 50
up = box[2] + (torch.arange(135, dtype=torch.float64) + 0.5) / 50
points = torch.cartesian_prod(up, across).flip(1)  # row by row, from below
with torch.no_grad():
    density = model.log_prob(points).exp().reshape(135, 210).numpy()
    samples = model.sample(20_000, rng=torch.Generator().manual_seed(1)).numpy()
truth = moons_log_density(points).exp().reshape(135, 210).numpy()
edges = np.arange(28) / 10 + box[2], np.arange(43) / 10 + box[0]


def counted(points):
    """How many of the points (n, 2) fall into each cell of 0.1 x 0.1; (27, 42)."""
    return np.histogram2d(points[:, 1], points[:, 0], bins=edges)[0]


counts = counted(samples)

# %%
panels = [("true", truth), ("the flow", density), ("20 000 samples", counts / 200)]
plots.show(
    pictures.density_panels(panels, box),
    alt="Three panels on one logarithmic grey scale: the true density of two "
    "interlocked half moons, the density of the flow with the same moons and a grey "
    "veil between them, and a coarse histogram of its samples with the same shape and "
    "the same veil.",
)

# %% [markdown] slide="subslide"
# The middle panel is *computed*, the right one is *drawn*. Both come out of the same eight layers, and they must agree: the density sums to 1 over the box, and the cells of the histogram hold what the density promises. For the second claim we use Pearson's test: if the promises $e_i$ are right, $\sum (c_i - e_i)^2/e_i$ over the cells has nearly a $\chi^2$ distribution. The control is the data itself: the flow is not perfect, so with 20 000 points the test tells data from samples.

# %%
from scipy import stats

check("the flow's density sums to 1 over the box", density.sum() / 2500, 1.0, atol=0.01)
expected = 20_000 * density.reshape(27, 5, 42, 5).sum(axis=(1, 3)) / 2500
filled = expected >= 20


def chi_square(counts):
    """Pearson's statistic of the filled cells, and one cell for all the rest."""
    c = np.append(counts[filled], 20_000 - counts[filled].sum())
    e = np.append(expected[filled], 20_000 - expected[filled].sum())
    return ((c - e) ** 2 / e).sum()


limit = stats.chi2(filled.sum()).ppf(0.9999)
from_data = counted(data.toy2d("moons", 20_000, rng=7).x)
check("samples fill the cells as the density promises: below chi²'s 99.99 % point",
      chi_square(counts), limit, relation="<=",
      control={"data instead of samples": chi_square(from_data)})  # fmt: skip

# %% [markdown]
# **The cascade.** The generator is the way back, one layer after the other. We number its stages as the deck does, in the order in which they act: $x = g^{(T)}(\dots g^{(2)}(g^{(1)}(z)))$. So $g^{(1)}$ undoes the *last* layer of $f$. We look at the cloud after every second stage; the colour tells the angle at which a point started.

# %%
z = gaussian(3000, 2)
with torch.no_grad():
    stages, undone = model.cascade(z), model.inverse(z)[0]
check("the last stage of the cascade is the inverse", stages[-1], undone, atol=1e-12)
titles = ["noise z", "2 stages", "4 stages", "6 stages", "8: the samples"]
plots.show(pictures.cascade(stages[::2], titles, 3.3), alt="Five clouds: a round one "
    "coloured by angle, then more and more bent ones, and after eight stages two half "
    "moons, each of which holds a connected range of colours.")  # fmt: skip

# %% tags=["nbval-ignore-output"]
from coursekit.flow import explorers

grids, clouds = explorers.grid_stages(model, rng=torch.Generator().manual_seed(2))
explorers.grid_explorer(grids, clouds)

# %%
from coursekit import widgets

widgets.static_frames(
    partial(explorers.grid_frame, grids, clouds), [{"n_layers": k} for k in (1, 8)],
    alt="Two positions of the explorer. After one layer a square grid drawn on the "
    "noise is pulled out along one axis. After eight its lines crowd into the two "
    "moons, with a few strung between them; no line crosses its neighbour.",
)  # fmt: skip

# %% [markdown] finding="Each layer moves points along one axis only, up and down or left and right."
# Watch the grid, not the points. Each layer moves points along one axis only, up and down or left and right. Lines of one family never cross each other: an invertible map can stretch the sheet as it likes, but not fold it over and not tear it. That will be its undoing in the next section.

# %% [markdown] slide="slide" says="The noise is *one* piece, and a continuous map takes one piece to one piece. The moons are *two*. So a walk from moon to moon has to cross the gap somewhere, and the model puts density there."
# ## 7 · What a flow cannot do, and what depth costs
#
# **Question.** Where does the grey veil between the moons come from? Too little training?
#
# In part, and we shall measure how much. But it never vanishes altogether. The noise is *one* piece. A continuous map takes one piece to one piece. The two moons are *two* pieces, with a gap between them. Take a point on each moon, find their noise, and walk from one to the other in a straight line, through noise that is nowhere rare. The generator carries this walk to a curve from moon to moon, without a jump, and the curve has to cross the gap somewhere. So the model puts density there. The truth has next to none. ("Nowhere rare": on a straight line the normal density is never below its value at the less likely end.)
#
# This much is a theorem: on any curve from one half circle to the other some point is equally far from both, for the difference of the two distances changes its sign on the way. The two distances add up to at least the gap, so each is at least half of it. We try it with 200 pairs of points; the check allows 0.03 less, for the walks and the half circles are rows of separate points. And we draw one walk that is made to cross the middle of the veil: from the noise of a point on one moon straight to the noise of $(0.5, 0.25)$, and straight on to that of a point on the other. Half a turn about $(0.5, 0.25)$ swaps the moons, so it is the middle of the gap.

# %%
half_gap = torch.cdist(upper_moon, lower_moon).min() / 2
share = torch.linspace(0, 1, 501, dtype=torch.float64)[:, None]
with torch.no_grad():
    starts, ends = (
        model.forward(upper_moon[::50])[0],
        model.forward(lower_moon[::25])[0],
    )
    walks = [model.inverse(a + share * (b - a))[0] for a in starts for b in ends]
outside = torch.stack([torch.cdist(walk, circles[::5]).min(1).values for walk in walks])
check("each of 200 walks leaves both moons by at least half the gap",
      outside.max(1).values, half_gap - 0.03, relation=">=",
      theorem="a continuous curve has a point equally far from both")  # fmt: skip
print(f"half the gap is {half_gap:.2f}: {half_gap / 0.05:.0f} standard deviations")
centre = torch.tensor([0.5, 0.25], dtype=torch.float64)
check("half a turn about the centre swaps the moons", 2 * centre - upper_moon,
      lower_moon, atol=1e-12)  # fmt: skip
with torch.no_grad():
    stops = model.forward(torch.stack([upper_moon[250], centre, lower_moon[250]]))[0]
    legs = [a + share[::2] * (b - a) for a, b in (stops[:2], stops[1:])]
    walk = model.inverse(torch.cat([legs[0], legs[1][1:]]))[0]  # (501, 2)
    along, true_along = model.log_prob(walk).numpy(), moons_log_density(walk).numpy()
print(f"deepest on the walk drawn: model ≈ {along.min():.0f}, "
      f"truth {true_along.min():.0f}")  # fmt: skip

# %%
check("on that walk the model falls by at most a third of what the truth does",
      along.max() - along.min(), (true_along.max() - true_along.min()) / 3,
      relation="<=", control={"the truth": true_along.max() - true_along.min()})  # fmt: skip
plots.show(
    pictures.bridge(density, box, walk.numpy(), share[:, 0].numpy(),
                    true_along, along),
    alt="Left, the density of the flow with a red curve from the upper moon to the "
    "middle of the grey veil, and on to the lower moon. Right, log densities along the "
    "curve: the true one drops steeply in the gap, that of the model stays far above.",
)  # fmt: skip

# %% [markdown]
# On this walk the truth falls off a cliff between the moons, by tens of nats. The model falls by a few: this is the bridge. The theorem says that there is a way across, not how wide it is: by stretching harder and harder a flow may make it as thin as one likes. How much mass does our flow put off the moons? A point of the data is five standard deviations away from its half circle with a probability of at most $e^{-5^2/2}$, about four in a million (the length of Gaussian noise in the plane exceeds $r$ standard deviations with probability $e^{-r^2/2}$). We count among 20 000 samples of each seed, after 500 steps and, from the record of section 6, after 1500. And where are they: *between* the moons, on the bridge, or in the whiskers at their ends? Between, say, if the directions to the two moons are more than a right angle apart: a whisker has both moons on the same side.


# %%
def off_and_between(points):
    """Share farther than 5 standard deviations from both circles; also between them."""
    ways = []
    for circle in (upper_moon, lower_moon):
        ways.append(circle[torch.cdist(points, circle).argmin(1)] - points)
    far = torch.stack(ways).norm(dim=2).min(0).values > 0.25
    between = far & ((ways[0] * ways[1]).sum(1) < 0)
    return [each.double().mean().item() for each in (far, between)]


def sample_shares(model, seed, **condition):
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        return off_and_between(model.sample(20_000, rng=rng, **condition))


veil = [[sample_shares(moons[i], i) for i in seeds]]  # those trained here, then stored
for steps in (500, 1500):
    columns = (by_depth.column(each, shape="8 couplings", steps=steps)
               for each in ("off", "between"))  # fmt: skip
    veil.append(np.stack(list(columns), axis=1))
    percent = np.round(100 * veil[-1].T, 3)
    print(f"{steps:4} steps, off the moons: {percent[0]} %, mean "
          f"{percent[0].mean():.2f} %; between them: {percent[1]} %")  # fmt: skip
off, bridge = np.moveaxis(veil, 2, 0)
of_data = off_and_between(torch.tensor(data.toy2d("moons", 20_000, rng=7).x))
check("off the moons: at least 0.1 % of the samples, 500 and 1500 steps, three seeds",
      off, 0.001, relation=">=", control={"data": of_data[0]})  # fmt: skip
noise_off, noise_between = sample_shares(one_gaussian, 16)
check("at least 72 % of these are between the moons, at both budgets", bridge / off,
      0.72, relation=">=",
      control={"one Gaussian": noise_between / noise_off})  # fmt: skip

# %% [markdown]
# After three times the steps the share is 0.52 % on average, instead of 1.07 %: about half of the veil *was* missing training, by seed between a third and three quarters. What is left is still mostly on the bridge, and the theorem says that it cannot all go. With one broad Gaussian a smaller part of the samples off the moons is between them. The whiskers, counted in the same way, hold little.

# %% [markdown] slide="subslide"
# **Depth.** In one coupling half of the numbers stay, and the others are only scaled and shifted as these dictate; further flexibility must come from stacking. Section 6 has two and eight, and two with as many weights as the eight.

# %%
for steps in (500, 1500):
    deep, wide = (gaps[name, steps] / gaps["2 couplings", steps]
                  for name in ("8 couplings", "2, wide"))  # fmt: skip
    check(f"eight couplings, {steps} steps: at most 0.55 of the gap of two, 3 seeds",
          deep, 0.55, relation="<=",
          control={"two, as many weights": wide.min()})  # fmt: skip
    print("gap of eight couplings / gap of two:", deep.round(2))
    print("gap of two, wide       / gap of two:", wide.round(2))

# %% [markdown]
# At equal numbers of weights and of steps the deep flow is far ahead, and it is after three times the steps, too: width does not replace depth here. But every layer has a network of its own, to be computed on the way there and on the way back: time and memory grow in proportion to the depth. (The deck's words are "slow training and inference".) The layers of a VAE or a GAN may be narrow and throw information away. A flow carries all $d$ numbers through every layer, to the end. That is what exactness costs. Glow for faces of 256 × 256 pixels has 6 levels of 32 steps.
#
# **Remedies.** There are several, each with a cost: a base distribution with several humps; more dimensions than the data (then the density is no longer exact); a diffusion model (17), which takes hundreds of tiny steps with noise on the way. And one that needs labels, next.

# %% [markdown] slide="slide" says="Give the network of each coupling the class $y$ too. For a fixed $y$ it is a flow like any other, so each class has an exact density $p(x \\mid y)$: sample a class on demand, classify by Bayes."
# ## 8 · Conditional flows: a density for each class
#
# **Question.** Can we ask a flow for the upper moon, or for a *seven*?
#
# **Formula.** A flow that is told the class is called **conditional** (in full, *class-conditional*); the flows so far were **unconditional**. The network of each coupling now sees the class $y$ besides $x_a$, as a *one-hot* vector: one number per class, 1 for the right class and 0 for all others:
#
# $$z_b = x_b \odot e^{s(x_a,\, y)} + t(x_a, y) .$$
#
# Hold $y$ fixed, and nothing in section 4 has changed: the layer is invertible, and its log-determinant is $\sum_j s_j(x_a, y)$. So there is one flow for each class, with shared weights, and each class has an exact density $p(x \mid y)$. If class $y$ has the share $p(y)$, two things follow without any further training:
#
# 1. *the density of everything* is the sum $p(x) = \sum_y p(y)\, p(x \mid y)$;
# 2. *a classifier*, by Bayes' rule: $p(y \mid x) = p(y)\, p(x \mid y)\, /\, p(x)$.
#
# In the package the class is an argument `condition`. First the layer, by hand.

# %%
by_class = randomised(flow.AffineCoupling(5, hidden=(16,), n_classes=3))


def hand_on(x, network, label):
    """The coupling of section 4, whose network sees one number per class as well."""

    def with_class(x_a):
        one_hot = torch.zeros(len(x_a), 3, dtype=x_a.dtype)
        one_hot[:, label] = 1
        raw, shift = network(torch.cat([x_a, one_hot], dim=1)).chunk(2, dim=1)
        return torch.cat([2 * torch.tanh(raw / 2), shift], dim=1)

    return couple(x, with_class)


x = gaussian(4, 5)
for label in range(3):
    z, log_det = by_class.forward(x, torch.full((4,), label))
    by_hand = partial(hand_on, network=by_class.network, label=label)
    check(f"class {label}: z by hand = coursekit", by_hand(x)[0], z, atol=1e-12)
    check(f"class {label}: log-determinant = autograd's", log_det,
          autograd_log_det(by_hand, x), atol=1e-12)  # fmt: skip


@torch.no_grad()
def class_densities(model, x):
    """log p(x | y) for both moons, (n, 2)."""
    labels = [torch.full((len(x),), label) for label in (0, 1)]
    return torch.stack([model.log_prob(x, condition=each) for each in labels], dim=1)


# %% [markdown]
# Now the moons again, with the label "which moon". The same couplings, steps and seeds as before; only the two extra inputs are new. The record has the conditional flow after three times the steps, too.

# %%
conditional_moons = [recipe.two_moons(seed, n_classes=2) for seed in seeds]
on_new = [class_densities(each, new) for each in conditional_moons]
gap_here = [gap((each - math.log(2)).logsumexp(1)) for each in on_new]
off_here = [sample_shares(conditional_moons[i], i,
                          condition=torch.arange(20_000) % 2)[0] for i in seeds]  # fmt: skip
for steps in (500, 1500):
    for name, shape in (("unconditional", "8 couplings"),
                        ("conditional", "8, conditional")):  # fmt: skip
        nats, shares = (by_depth.column(each, shape=shape, steps=steps)
                        for each in ("gap", "off"))  # fmt: skip
        print(f"{steps:4} steps, {name:13} {nats.mean():.3f} nats from the truth, off "
              f"the moons {np.round(100 * shares, 3)} %, mean "
              f"{100 * shares.mean():.2f} %")  # fmt: skip

# %%
from sklearn.linear_model import LogisticRegression

per_class = class_densities(conditional_moons[0], points).exp().numpy()
check("the density of each class sums to 1 over the box", per_class.sum(axis=0) / 2500,
      1.0, atol=0.01)  # fmt: skip
for steps, most_nats, most_off in ((500, 0.03, 0.003), (1500, 0.012, 0.001)):
    nats, shares = (by_depth.column(each, shape="8, conditional", steps=steps)
                    for each in ("gap", "off"))  # fmt: skip
    if steps == 500:  # here and stored
        nats, shares = np.append(nats, gap_here), np.append(shares, off_here)
    check(f"p(x) from both classes, {steps} steps: at most {most_nats} nats off",
          nats, most_nats, relation="<=",
          control={"unconditional": gaps["8 couplings", steps].min()})  # fmt: skip
    check(f"off the moons, {steps} steps: at most {most_off:.1%} of the samples",
          shares, most_off, relation="<=",
          control={"unconditional": by_depth.column(
              "off", shape="8 couplings", steps=steps).min()})  # fmt: skip
moon = torch.tensor(held_out.labels)
wrong = [(each.argmax(1) != moon).double().mean().item() for each in on_new]
linear = LogisticRegression().fit(held_out.x, held_out.labels)
check("Bayes' rule names the moon of a new point: at most 0.5 % wrong", wrong, 0.005,
      relation="<=",
      control={"logistic regression":
               1 - linear.score(held_out.x, held_out.labels)})  # fmt: skip

# %%
panels = [("unconditional", density)]
for label in (0, 1):
    one_moon = per_class[:, label].reshape(135, 210)
    panels.append((f"conditional: class {label}", one_moon))
plots.show(pictures.density_panels(panels, box),
           alt="Three panels on one logarithmic grey scale: the unconditional flow, "
           "with a veil between the moons, and the two densities of the conditional "
           "one, one moon each and almost no veil.")  # fmt: skip

# %% [markdown]
# The bridge has gone from the picture (of seed 0), as the argument of section 7 would suggest: each class is *one* piece, so its map has nothing to tear. Thin whiskers remain at the ends. Very few samples are still off the moons, though most of these few are between them. Whether they are a thin bridge or merely strays from one moon, so small a number cannot tell. More training would not have done as much: after three times the steps the unconditional flow still puts 0.52 % of its samples off the moons, about ten times the 0.05 % of the conditional one after 500. The comparison is not quite even: the conditional flow was given more information while it learned; at the test neither got any. Where there are labels, and each class is one piece, this is an easy remedy.

# %% [markdown] slide="slide"
# ## 9 · Digits: from grey levels to a density and back
#
# **Question.** A pixel of our digits is one of 17 grey levels, 0 to 16. What is the *density* of a whole number?
#
# A whole number has no density: all its probability is on single points. That is a trap, for a flow could put an ever thinner spike on each of the 17 levels, and its likelihood would grow without end while it learns nothing. The cure is called **dequantisation**: add noise, uniform on $[0, 1)$, of exactly the width of one level. Then the *probability* of an image is the integral of the density over its unit cube, which is a mean over uniform noise $u$. The logarithm is concave, so the logarithm of a mean is at least the mean of the logarithms (Jensen's inequality):
#
# $$\log P(x) = \log \int_{[0,1)^d} p(x+u)\,du \;\ge\; \mathbb E_u \log p(x+u) .$$
#
# To check such a claim we need a model so small that we can count: two pixels with three levels each, nine images, a random flow.

# %%
couplings = [flow.AffineCoupling(2, hidden=(8,), flip=flip) for flip in (False, True)]
tiny = randomised(flow.Flow([flow.Logit(3), *couplings], shape=2), std=0.15)
nine = torch.cartesian_prod(torch.arange(3.0), torch.arange(3.0)).double()
t = (torch.arange(300, dtype=torch.float64) + 0.5) / 300
u = t**2 * (3 - 2 * t)  # more places near the edges, where the logit is steep
weights = torch.outer(6 * t * (1 - t), 6 * t * (1 - t)).flatten() / 300**2
cube = torch.cartesian_prod(u, u)
with torch.no_grad():
    log_p = torch.stack([tiny.log_prob(level + cube) for level in nine])
log_probability = (log_p + weights.log()).logsumexp(1)
bound = (log_p * weights).sum(1)
check("the nine probabilities add up to 1", log_probability.exp().sum(), 1.0, atol=2e-3)
check("dequantised bound <= log P(x), for each of the nine", bound, log_probability,
      relation="<=", theorem="Jensen")  # fmt: skip
lost = log_probability - bound
print(f"lost by the bound: {lost.min():.2f} to {lost.max():.2f} nats")

# %% [markdown] slide="subslide"
# **The logit.** Dequantised pixels are between 0 and 17, but a flow reaches the whole line, and would waste mass outside. So we first scale to $y = \epsilon + (1 - 2\epsilon)\,x/17$ and then take $z = \log\frac{y}{1-y}$. It is a layer like any other, so it has a log-determinant:
#
# $$\sum_{\text{pixels}} \big[\log(1-2\epsilon) - \log 17 - \log y - \log(1-y)\big].$$
#
# The *margin* $\epsilon$ keeps the ends finite.

# %%
digits = data.digits()
parts = digits.split()
train, test = (torch.tensor(part.x, dtype=torch.float32) for part in parts)
noisy = flow.dequantize(train, rng=torch.Generator().manual_seed(0)).double()
logit = flow.Logit(17, margin=0.003)
y = 0.003 + (1 - 2 * 0.003) * noisy / 17
by_hand = (math.log(1 - 2 * 0.003) - math.log(17) - y.log() - (1 - y).log()).sum(1)
squeezed, log_det = logit.forward(noisy)
check("the logit's log-determinant by hand = coursekit", by_hand, log_det, atol=1e-9)
pixel = 20
plots.show(
    pictures.pixel_histograms([
        ("17 spikes", train[:, pixel].numpy(), np.arange(-0.5, 18, 0.25),
         "grey level", "data"),
        ("+ noise of one level", noisy[:, pixel].numpy(), np.linspace(0, 17, 52),
         "dequantised", "noise"),
        ("logit: the whole line", squeezed[:, pixel].numpy(), 50,
         "what the flow sees", "latent")]),
    alt="Histograms of one pixel over all training images: 17 separate spikes, the two "
    "ends the highest; a filled histogram between 0 and 17; and after the logit a "
    "broad hump around 0 with a narrow one on each side, near -3 and 3.",
)  # fmt: skip

# %% [markdown] slide="subslide"
# On the left, where the spikes are, there is no density; on the right there are no spikes and no ends, so a transformed Gaussian has a chance.
#
# **Bits per dimension.** Nats per image depend on the size of the image, so one divides: $-\log P(x) / (64 \log 2)$ is the number of bits per pixel that an ideal code spends. (We put in the dequantised bound for $\log P$, so our bits are, on average, too many; by how much we do not measure on the digits.) The unit matters. If somebody scales the pixels to $[0, 1]$, the density grows by $17^{64}$, and unless this is corrected for, the result is $\log_2 17 = 4.09$ bits too good. In both units the same image must cost the same.

# %%
from coursekit.evaluation import bits_per_dim

inner = randomised(flow.real_nvp(64, n_layers=2, hidden=(16,)), std=0.1)
in_levels = flow.Flow([flow.Logit(17), inner], shape=64).log_prob(noisy[:50])
in_units = flow.Flow([flow.Logit(1), inner], shape=64).log_prob(noisy[:50] / 17)
right_unit = bits_per_dim(in_levels, 64)
careless, adjusted = (
    bits_per_dim(in_units, 64),
    bits_per_dim(in_units, 64, level=1 / 17),
)
check("by hand = coursekit", -in_levels / (64 * math.log(2)), right_unit, atol=1e-9)
check("grey levels or [0, 1]: the same bits", right_unit, adjusted, atol=1e-9,
      control={"unit forgotten": careless})  # fmt: skip
check("forget the unit, and it looks log2(17) bits better", right_unit - careless,
      math.log2(17), atol=1e-9)  # fmt: skip

# %% [markdown] slide="subslide" says="Logit, then `Whiten`, then four times a learned 64 × 64 matrix in LU form and a wide coupling with dropout."
# Now the flow. Logit, then `Whiten`, which subtracts the mean and gives the data the covariance of the noise, then four times a learned 64 × 64 matrix in LU form and a wide coupling with dropout in its network. With `Whiten` alone a flow is a Gaussian with the data's covariance, and its mean loss is that Gaussian's entropy $\tfrac12\log\det(2\pi e\, C)$, since each whitened coordinate has mean square 1 and adds $\tfrac12 = \tfrac12\log e$. This is our yardstick.
#
# Dropout switches off random units of the network while it trains, so in training the density is a slightly different one at each step. At the test all units are on, and the bits are those of one fixed flow.
#
# 2000 steps take longer than a notebook may. We load a record of three seeds, and play the first 100 steps of one again.

# %% tags=["nbval-ignore-output"]
watched, labelled = data.results("flow_overfitting"), data.results("flow_classes")
digit_model, looks = recipe.watched(*parts, n_steps=100, seed=0)
print(watched)
mini = data.mini_mnist().split()
_, mini_looks = recipe.watched(*mini, n_steps=50, seed=0, n_classes=10)
print(labelled)

# %%
check("seed 0 again: bits of training and test images after 50 and 100 steps", looks,
      watched.arrays["dropout 0.3"][0, :2], atol=0.01)  # fmt: skip
plain = flow.Flow([flow.Whiten(64)], shape=64, discrete=True)
squashed = flow.Flow([flow.Logit(17, margin=0.003), flow.Whiten(64)], shape=64,
                     discrete=True)  # fmt: skip
several = train.repeat(10, 1)
for yardstick in (plain, squashed):
    yardstick.initialize(several, rng=torch.Generator().manual_seed(0))
cloud = flow.dequantize(several, rng=torch.Generator().manual_seed(0)).double()
entropy = torch.logdet(2 * math.pi * math.e * torch.cov(cloud.T, correction=0)) / 2
check("whitening alone: loss = entropy of the fitted Gaussian",
      -plain.double().log_prob(cloud).mean(), entropy, atol=1e-3)  # fmt: skip
of_plain, of_squashed = (recipe.digit_bits(yardstick.float(), test, n_noises=1)[0]
                         for yardstick in (plain, squashed))  # fmt: skip
final = watched.arrays["dropout 0.3"][:, -1, 1]
check("the flow on the test images: at most 2.18 bits, three seeds", final, 2.18,
      relation="<=", control={"one Gaussian": of_plain,
                              "one Gaussian behind a logit": of_squashed})  # fmt: skip
print(f"bits per pixel: all levels alike {math.log2(17):.2f}, one Gaussian "
      f"{of_plain:.2f}, behind a logit {of_squashed:.2f}, "
      f"the flow {final.mean():.2f}")  # fmt: skip
added = 64 * (of_squashed - final.mean())
print(f"the matrices and couplings add {added:.0f} bits per image: 2^{added:.0f} = "
      f"{2 ** round(added)} times as likely")  # fmt: skip

# %% [markdown]
# Starting from one Gaussian, most of the gain comes from the logit and not from the matrices and couplings. A likely reason: many pixels of these images are nearly white or nearly black, and a Gaussian cannot model mass piled up at the ends of an interval. What the matrices and couplings add is a small part of a bit per pixel, which does not sound like much. But an image has 64 pixels: the last line adds them up, and says how many times as likely the flow makes a test image as the Gaussian behind the logit does (a geometric mean over images and seeds).
#
# **Digits on demand.** Now larger ones, 14 × 14, and the class of section 8: a conditional flow beside an unconditional one, with the same couplings, 1500 steps, all else equal. The conditional flow gets the label of each *test* image, too, and a label is worth something: to name one of ten classes costs $\log_2 10 = 3.3$ bits per image. A fair comparison charges it for that. Again three seeds are stored; we play 50 steps of the first.

# %%
check("seed 0 again: bits after 50 steps", mini_looks[0],
      labelled.arrays["10 classes"][0, 0], atol=0.01)  # fmt: skip
bits_given, bits_alone = (labelled.column("bits", n_classes=k) for k in (10, 0))
label_cost = math.log2(10) / 196  # bits per pixel for naming the class
saved = bits_alone.min() - bits_given.max()  # best unconditional, worst conditional
check("the conditional flow saves more bits than the label costs, three seeds", saved,
      label_cost, relation=">=",
      control={"another seed": bits_alone.max() - bits_alone.min()})  # fmt: skip
print(f"bits per pixel: conditional {bits_given.mean():.3f}, unconditional "
      f"{bits_alone.mean():.3f}, the label {label_cost:.3f}")  # fmt: skip

# %%
(x_train, y_train), (x_test, y_test) = ((part.x, part.labels) for part in mini)
means = np.stack([x_train[y_train == label].mean(axis=0) for label in range(10)])
nearest = torch.cdist(torch.tensor(x_test), torch.tensor(means)).argmin(1).numpy()
errors = labelled.column("error", n_classes=10)
check("Bayes' rule reads the digit: at most 10 % wrong, three seeds", errors, 0.1,
      relation="<=",
      control={"nearest class mean": np.mean(nearest != y_test)})  # fmt: skip
print(f"Bayes' rule is wrong for {errors.mean():.1%} of the test images")

# %%
first = [np.flatnonzero(mini[0].labels == k)[0] for k in range(10)]
drawn_alone, drawn_given = (labelled.arrays[f"samples, {k} classes"][:30]
                            for k in (0, 10))  # fmt: skip
rows = [("data", mini[0].x[first]), ("unconditional", drawn_alone[:10])]
rows += [("given 0 ... 9", row) for row in drawn_given.reshape(3, 10, 196)]
plots.show(pictures.strips(rows, (14, 14)),
           alt="Five rows of ten 14 by 14 images: digits from the data; samples of the "
           "unconditional flow, some of them readable; and three rows of the "
           "conditional one, given 0 to 9, many of which show that digit.")  # fmt: skip

# %% [markdown]
# Can one read what was asked for? A small classifier of real digits, the *judge* of notebook 13, reads 1000 samples of each stored flow, a hundred of each digit. Beside them it reads unseen digits, and samples from ten Gaussians, one fitted to the pixels of each class.

# %%
from coursekit.evaluation import digit_judge

judge = digit_judge(x_train / 16, y_train)


def read_as(images, labels):
    """Share of the images (n, 196) that the judge reads as labels."""
    return (judge.predict_proba(images / 16).argmax(1).numpy() == labels).mean()


gaussians, numpy_dice = [], np.random.default_rng(0)
for k in range(10):
    of_class = x_train[y_train == k]
    cloud_k = of_class.mean(axis=0), np.cov(of_class.T)
    gaussians.append(numpy_dice.multivariate_normal(*cloud_k, 100).clip(0, 16))
by_gaussians = read_as(np.concatenate(gaussians), np.repeat(np.arange(10), 100))
read = labelled.column("read", n_classes=10)
check("conditional flow: at least 40 % are read as asked, three seeds", read, 0.4,
      relation=">=",
      control={"unconditional": labelled.column("read", n_classes=0).max()})  # fmt: skip
print(f"read as asked: unseen digits {read_as(x_test, y_test):.0%}, ten "
      "Gaussians " f"{by_gaussians:.0%}, flows "
                   f"{' '.join(f'{each:.0%}' for each in read)}")  # fmt: skip

# %% [markdown]
# Many of the digits asked for can be read, how many depends on the seed, and none of those drawn here is as clear as the data above it. Ten Gaussians are read better than the flows, and no worse than real digits. To be read is not yet to look like a digit, so this number ranks nothing (notebook 17 takes that up). It only says that the flow has heard the class. The deck counts "sharp images" among the results of flows; the faces of Glow, which it means, took hundreds of layers, several scales and a great deal of computing. A likely reason for the grey specks is that a flow may throw nothing away: every pixel carries its share of the noise through all layers.

# %% [markdown] slide="slide"
# ## 10 · What goes wrong
#
# **Overfitting.** A flow has the exact likelihood as its goal, and 1437 images are few. The stored runs of section 9 were made twice: with dropout and without, all else the same. We look at curves, not at end points.

# %%
curves = {name: watched.arrays[f"dropout {name}"] for name in (0.0, 0.3)}
rise = {k: runs[:, -1, 1] - runs[:, :, 1].min(axis=1) for k, runs in curves.items()}
check("no dropout: the test bits end at least 0.025 above their lowest, three seeds",
      rise[0.0], 0.025, relation=">=",
      control={"dropout 0.3": rise[0.3].max()})  # fmt: skip
check("while its training images get ever cheaper: below 1.9 bits, three seeds",
      curves[0.0][:, -1, 0], 1.9, relation="<=",
      control={"dropout 0.3": curves[0.3][:, -1, 0].min()})  # fmt: skip
for name, runs in curves.items():
    print(f"dropout {name}: test bits after 200 steps {runs[:, 3, 1].mean():.3f}, "
          f"2000 {runs[:, -1, 1].mean():.3f}")  # fmt: skip
panels = [(title, curves[name][:, :, 0], curves[name][:, :, 1])
          for title, name in (("with dropout: the test bits fall, then level off", 0.3),
                              ("without: they turn and rise", 0.0))]  # fmt: skip
plots.show(
    pictures.train_and_test(50 * np.arange(1, 41), panels),
    alt="Bits per dimension over 2000 steps, three seeds. With dropout both training "
    "and test curves fall, the test curves ever more slowly. Without it the training "
    "curves fall further, and the test curves reach their lowest point after a few "
    "hundred steps and then rise.",
)

# %% [markdown]
# By the training curves alone the flow without dropout is the better one, at every look. On images that it has not seen it is at its best after a few hundred steps, and from there on it gains on the training images while it loses on new ones. Report likelihoods on images that the flow has not seen, and look at the whole curve: after 200 steps the two are still nearly level, and a short experiment would have missed the difference.

# %% [markdown] slide="subslide" says="The quietest slip: the flow that one gets is the same, and only the number one reports is that of another variable, the logits."
# **Forgetting the logit's Jacobian.** The quietest slip. The logit has no parameters, so its log-determinant is a constant of training: the flow that one gets is the same, and only the number one reports is that of another variable, the logits. Here the forgotten terms even cancel in part: those of nearly white and nearly black pixels are positive, those of the greys between negative.

# %%
with torch.no_grad():
    noisy_test = flow.dequantize(test, rng=torch.Generator().manual_seed(5))
    correct = bits_per_dim(digit_model.log_prob(noisy_test), 64)
    term = digit_model.layers[0].forward(noisy_test)[1] / (64 * math.log(2))
print(f"average bits: {correct.mean():.1f}, forgotten {(correct + term).mean():.1f}")
print(f"the term of single images: {term.min():.1f} to {term.max():.1f} bits per pixel")


def reordered(bits):
    """Share of the pairs of images that these bits order differently."""
    differs = (correct[:, None] < correct) != (bits[:, None] < bits)
    return differs.double().mean()


changed = reordered(correct + term)
print(f"{changed:.0%} of all pairs of images change their order")
check("of all pairs of images at least one in ten changes its order", changed, 0.1,
      relation=">=",
      control={"the same error for all images":
               reordered(correct + term.mean())})  # fmt: skip

# %% [markdown]
# The numbers are for the flow of 100 steps from section 9. On average one would hardly notice, and that makes it dangerous: image by image the number is wrong, by up to a good part of a bit per pixel and in both directions, so that even the *order* of likely and unlikely images changes for many pairs. The cure is section 5's sweep: compare every layer's log-determinant with autograd, once, and never trust a log-determinant merely because training ran.

# %% [markdown] slide="slide"
# ## 11 · Summary
#
# | Claim | Where it was checked | Code in [`flow/model.py`](../coursekit/flow/model.py), [`flow/layers.py`](../coursekit/flow/layers.py) |
# | --- | --- | --- |
# | one-dimensional flow: log slope = autograd, density integrates to 1 | section 1 | |
# | the pull and the term against collapse balance at mean square 1 | section 2 | `standard_normal_log_prob` |
# | area after a map = \|det J\| times the area before | section 3 | |
# | coupling: there and back, log-det = sum of $s$ = autograd; by hand = coursekit | section 4 | `AffineCoupling` |
# | 1 × 1 convolution: $H W \log\lvert\det W\rvert$; LU form = slogdet | section 5 | `InvertibleLinear` |
# | every layer: inverse, log-determinant, both ways cancel | section 5 | all layers |
# | density sums to 1 over the box, samples follow it (seed 0); the cascade ends where the inverse does | section 6 | `Flow.log_prob`, `Flow.cascade` |
# | a walk through the noise crosses the gap: the bridge, and the share of samples off the moons at both budgets | section 7 | |
# | eight couplings are far ahead of two, of two with as many weights, too, at both budgets (stored runs) | section 7 | [`recipe.two_moons`](../coursekit/flow/recipe.py) |
# | conditional flow: exact densities of each class, few samples off the moons at both budgets, Bayes' rule | section 8 | `condition=` in each method |
# | dequantised bound ≤ log-probability, all nine images | section 9 | `dequantize`, `discrete_log_prob` |
# | logit and units: bits per dimension there and back | section 9 | `Logit` |
# | whitening alone finds the entropy of the fitted Gaussian | section 9 | `Whiten` |
# | without dropout the test bits turn and rise (stored runs) | section 10 | [`recipe.watched`](../coursekit/flow/recipe.py) |
#
# ### Five questions
#
# <details><summary>1. Somebody adds the log-determinant of the way back instead of that of the way there, so its sign is wrong. What happens in training?</summary>
# The loss then rewards the collapse: the data are pulled to 0, and the second term, with its wrong sign, rewards that too. The loss falls without end.
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
# <details><summary>4. A paper reports −4.8 bits per dimension on 256 grey levels scaled to [0, 1], and 3.2 after a reviewer's question. What was the question?</summary>
# In which unit the density was taken: log2(256) = 8 bits had been forgotten. A negative number of bits should have made anyone ask.
# </details>
#
# <details><summary>5. Can a flow with Gaussian noise model two separated clusters exactly?</summary>
# No. A continuous map of one piece is one piece, so some density remains between them. It may be thin; with a mixture as base, or one class per cluster, this obstacle is gone.
# </details>
#
# **Homework:** [`hw16_flows`](homework/release/hw16_flows/hw16_flows.ipynb): a density in one line, a coupling whose roles change, the logit in bits, and a bridge to explain. The [solutions](../notebooks/homework/source/hw16_flows/hw16_flows.ipynb) are in a folder of their own.
#
# **References.** L. Dinh, D. Krueger and Y. Bengio (2015), *NICE: non-linear independent components estimation*. L. Dinh, J. Sohl-Dickstein and S. Bengio (2017), *Density estimation using Real NVP*. D. Kingma and P. Dhariwal (2018), *Glow: generative flow with invertible 1 × 1 convolutions*. L. Theis, A. van den Oord and M. Bethge (2016), *A note on the evaluation of generative models*. G. Papamakarios and others (2021), *Normalizing flows for probabilistic modeling and inference*.
