# ---
# jupyter:
#   coursekit:
#     cpu_seconds: 35
#     minutes: 150
# ---

# %% [markdown] slide="slide"
# # 06 · Images pixel by pixel: autoregressive models
#
# **After this notebook you can** write any distribution as a product of conditionals and compute log p of an image exactly; build a fully visible belief net and MADE and prove that neither cheats; write a masked convolution by hand, find its blind spot and cure it; choose between a softmax and a discretised logistic for grey levels; say what sampling costs, what drawing several pixels at once costs, and in which currency.
#
# **Time:** two and a half hours to work through; it runs in under a minute. **You need:** the chain rule of probability, softmax and logistic regression (notebook 00); convolutions help. **It follows** the fully visible belief net, PixelRNN and PixelCNN of the generative models deck and MaskGIT of the generative AI deck. Beyond the decks: MADE, the discretised logistic, and the proofs.
#
# Every line that starts with ✓ was computed on both sides just now, on your machine.

# %%
import math

import torch

from coursekit import autoregressive, data, plots
from coursekit.autoregressive import explorers, pictures
from coursekit.checks import check
from coursekit.plots import show

plots.use_course_style()

# %% [markdown] slide="slide" says="A picture is a long word in an alphabet of grey levels. Spell it, one pixel after the other: each new pixel is drawn given those already there."
# ## 1 · One pixel at a time
#
# **Question.** How likely is this image? A model has to give each of the $2^{64}$ black and white images of 8 × 8 pixels a number, and the numbers must add up to 1. No list can hold them. What can?
#
# **Picture.** Spell the image like a word. The first pixel is a coin. The second is a coin too, but its bias may depend on the first. The third depends on the first two, and so on. To draw an image, toss the coins in this order. To find the probability of an image, multiply the probabilities of its tosses.
#
# **Formula.** For any distribution of $d$ pixels $x = (x_1, \dots, x_d)$,
#
# $$\log p(x) = \sum_{i=1}^{d} \log p(x_i \mid x_1, \dots, x_{i-1}).$$
#
# This is the **chain rule**. Nothing is approximated: each factor is a ratio $p(x_1, \dots, x_i)/p(x_1, \dots, x_{i-1})$, and in the product everything cancels but the last numerator. A model built this way is called **autoregressive**: it predicts each value from the earlier ones.
#
# We try it on all 16 black and white images of 2 × 2 pixels, with sixteen random probabilities, in every order of the four pixels.

# %%
from itertools import permutations

dice = torch.Generator().manual_seed(1)
images = torch.cartesian_prod(*[torch.arange(2)] * 4)  # all 16, one per row
p = torch.rand(16, generator=dice, dtype=torch.float64) ** 5  # most are unlikely
p = p / p.sum()


def conditional(image, i, known):
    """p(x_i | the pixels in `known`) of one image: a ratio of two sums of the table."""
    agree = (images[:, known] == image[known]).all(1)
    return p[agree & (images[:, i] == image[i])].sum() / p[agree].sum()


def spell(image, order):
    """log p of one image, pixel by pixel in this order."""
    return sum(conditional(image, i, order[:k]).log() for k, i in enumerate(order))


orders = [list(order) for order in permutations(range(4))]
spelled = torch.tensor([[spell(image, order) for image in images] for order in orders])
check("16 images, 24 orders: the sum of log conditionals is log p", spelled,
      p.log().expand(24, 16), atol=1e-12)  # fmt: skip
print(f"numbers in a table: {2**4 - 1} for 4 pixels, {float(2**64 - 1):.1e} for 64")

# %% [markdown] slide="subslide"
# So the order is ours to choose, and the answer does not depend on it, *as long as each conditional comes from a table*. A table for 64 pixels has more entries than a computer has room for. We shall replace it by a small model of each conditional. Does the order still not matter?
#
# **Predict before you run.** We fit one logistic regression per pixel instead of a table. Is every order of the pixels as good as every other?
#
# <details><summary>Answer</summary>
#
# No. A logistic regression is a small family of conditionals. In one order the true conditionals may be nearly in that family, in another they are not. The chain rule holds for whatever the model is, but it is a different model for each order.
# </details>
#
# We fit logistic regressions to the same sixteen probabilities, in each of the 24 orders, and measure $\mathrm{KL}(p \,\Vert\, p_\text{model})$, the nats lost by using the model instead of the truth. The best regression for pixel $i$ depends only on *which* pixels are known, so 32 small convex fits, by Newton's method, serve all 24 orders.


# %%
def best_regression(i, known):
    """Smallest mean of -log p(x_i | known) that a logistic regression reaches, nats."""
    features = torch.cat([torch.ones(16, 1), images[:, known]], 1).double()
    y, beta = images[:, i].double(), torch.zeros(len(known) + 1, dtype=torch.float64)
    for _ in range(30):  # Newton's method on the mean log-likelihood
        q = torch.sigmoid(features @ beta)
        curvature = (features * (p * q * (1 - q))[:, None]).T @ features
        gradient = features.T @ (p * (y - q))
        curvature += 1e-9 * torch.eye(len(beta))
        beta = beta + torch.linalg.solve(curvature, gradient)
    return -(p * torch.nn.functional.logsigmoid((2 * y - 1) * (features @ beta))).sum()


entropy_of_p = -(p * p.log()).sum()
by_table = (-(p * spelled).sum(1) - entropy_of_p).abs()
fits = {(i, frozenset(order[:k])): best_regression(i, order[:k]) for order in orders
    for k, i in enumerate(order)}  # fmt: skip
by_order = torch.stack([sum(fits[i, frozenset(order[:k])] for k, i in enumerate(order))
    for order in orders]) - entropy_of_p  # fmt: skip
check("a table loses nothing in any order", by_table, 0.0, atol=1e-12)
check("regressions: worst order at least 0.02 nats behind the best",
      by_order.max() - by_order.min(), 0.02, relation=">=",
      control={"the table": by_table.max() - by_table.min()})  # fmt: skip
show(pictures.by_order([("table", by_table, "data"),
                        ("regressions", by_order, "model")],
                       "a table does not mind the order, logistic regressions do",
                       xlabel="nats lost, one line per order"),
     alt="Two rows of short vertical lines, one per order. For the table all 24 lie at "
     "zero; for the logistic regressions they lie on three places to the right of "
     "it.")  # fmt: skip

# %% [markdown]
# In every order we get a properly normalised model; in some orders it is closer to *these* data. For images one takes reading order, row by row, out of habit and because neighbours are informative.

# %% [markdown] slide="slide" says="The fully visible belief net: one logistic regression per pixel. Nothing is hidden, so the likelihood is exact and training is ordinary classification."
# ## 2 · A network for every factor
#
# **Question.** What is the simplest model of 64 pixels that fits into memory?
#
# **The fully visible belief net** (Frey, 1998): one logistic regression for each pixel, on the pixels before it,
#
# $$p(x_i = 1 \mid x_1, \dots, x_{i-1}) = \sigma\Big(b_i + \sum_{j<i} w_{ij}\, x_j\Big),$$
#
# with the sigmoid $\sigma$. It has no hidden units, hence the name: all its units are pixels. The weights form the lower triangle of a matrix. Here is log p of an image by hand, loop by loop.


# %%
def log_prob_by_hand(image, w, b):
    """log p of one black and white image, a sum over its pixels; w (d, d), b (d,)."""
    total = 0.0
    for i in range(len(image)):
        drive = b[i] + sum(w[i, j] * image[j] for j in range(i))
        probability_of_one = torch.sigmoid(drive)
        probability = probability_of_one if image[i] else 1 - probability_of_one
        total = total + torch.log(probability)
    return total


def randomised(module, std=0.6, seed=1):
    """In float64 with new parameters: at zero weights a wrong mask would pass."""
    rng = torch.Generator().manual_seed(seed)
    module = module.double().eval()
    with torch.no_grad():
        for parameter in module.parameters():
            noise = torch.randn(parameter.shape, generator=rng, dtype=torch.float64)
            parameter.copy_(std * noise)
    return module


net = randomised(autoregressive.FullyVisibleBeliefNet(9))
# the 512 images of 3 x 3 pixels
all_nine = torch.cartesian_prod(*[torch.arange(2)] * 9)
# The package keeps a softmax over two levels; its logistic regression is the difference
# of the two.
w = (net.weight[:, 1, 0] - net.weight[:, 0, 0]).detach()
b = (net.bias[:, 1] - net.bias[:, 0]).detach()
some = all_nine[torch.randperm(512, generator=dice)[:40]]
by_hand = torch.stack([log_prob_by_hand(image, w, b) for image in some])
check("log p of 40 images by hand = coursekit", by_hand, net.log_prob(some), atol=1e-12)
check("the probabilities of all 512 images add up to 1",
      net.log_prob(all_nine).exp().sum(), 1.0, atol=1e-12)  # fmt: skip

# %% [markdown] slide="subslide"
# The second check deserves a pause. We normalised nothing: each conditional sums to 1 by itself, so the product does. No partition function, no bound, no opponent. Training is classification, the loss is $-\log p(x)$ itself, and the parameters get **maximum likelihood**.
#
# **Ancestral sampling** draws $x_1$, then $x_2$ given $x_1$, and so on; parents before children. Do the shares of the samples agree with the probabilities?

# %%
n_drawn = 100_000
with torch.no_grad():
    drawn = net.sample(n_drawn, rng=torch.Generator().manual_seed(2))
    probability = net.log_prob(all_nine).exp()
share = torch.bincount((drawn * 2 ** torch.arange(8, -1, -1)).sum(1),
                       minlength=512) / n_drawn  # fmt: skip
often = probability > 1e-4
standard_error = (probability * (1 - probability) / n_drawn).sqrt()
check("share of each image among the samples = its probability", share[often],
      probability[often], se=standard_error[often])  # fmt: skip

# %% [markdown] slide="subslide"
# **MADE** (Germain and others, 2015) puts hidden layers in between, for all pixels together, and still predicts each pixel from earlier ones only. Every unit gets a number, its *degree*. The pixel in place $i$ has degree $i$. A hidden unit of degree $m$ reads units of degree at most $m$. The output for place $i$ reads hidden units of degree *below* $i$. Along any path the degree never falls, and in the last step it must rise. So no path leads from a pixel to itself or to an earlier one.
#
# The masks are matrices of zeros and ones, multiplied onto the weights. Their product counts the paths from each pixel to each output.

# %%
made = randomised(autoregressive.MADE(9, hidden=(24,)))
# an output per pixel: of two levels, one
mask_in, mask_out = made.net[0].mask, made.net[2].mask[::2]
paths = mask_out @ mask_in
check("paths from pixel j to output i: none for j >= i", torch.triu(paths), 0.0)
check("and some for every j < i, so nothing of the past is lost",
      (torch.tril(paths + torch.triu(torch.ones(9, 9)), -1) > 0).sum(), 36)  # fmt: skip
show(pictures.matrices([("mask into 24 hidden units", mask_in.T, "hidden unit",
                         "pixel j"),
                        ("mask out of them", mask_out, "hidden unit", "output i"),
                        ("paths: below the diagonal", paths, "pixel j", "output i")]),
     alt="Three matrices. The two masks are staircases of ones; their product, the "
     "paths, is filled below the diagonal only.")  # fmt: skip

# %% [markdown]
# Zeros in a mask are a promise about derivatives. We hold it to the promise: the Jacobian of the outputs with respect to the pixels, by autograd, at random weights. It has to be *exactly* zero on and above the diagonal. The control is the same network with its masks taken off.


# %%
def slopes(network, n_pixels, seed=3):
    """|d output_i / d x_j|, how much output i changes with pixel j: (d, d)."""
    rng = torch.Generator().manual_seed(seed)
    place = torch.randn(n_pixels, generator=rng, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda x: network(x[None])[0], place)
    return jacobian.reshape(n_pixels, -1, n_pixels).abs().sum(1)


free = randomised(autoregressive.MADE(9, hidden=(24,)))
for layer in (free.net[0], free.net[2]):
    layer.mask = torch.ones_like(layer.mask)
upper = torch.triu(torch.ones(9, 9)) > 0
check("MADE: no slope on or above the diagonal, exactly", slopes(made.net, 9)[upper],
      0.0, control={"without masks": slopes(free.net, 9)[upper]})  # fmt: skip

# %% [markdown] slide="subslide"
# What does the hidden layer buy? A world small enough to know: 3 × 3 images in which **every row has an even number of black pixels**. The first two pixels of a row are coins, the third makes the number even: $4^3 = 64$ images, equally likely, so the best possible mean of $-\log p$ is $\log 64$. What a model loses beyond that is its KL to the truth, exactly.
#
# The third pixel is the *exclusive or* of the first two, the textbook's example of what a neuron without a hidden layer cannot compute. So the regressions should lose $\log 2$ per row, no less. Beside it we take *bars and stripes*, in which either each row or each column is of one colour.

# %%
from coursekit.training import fit

pairs = torch.cartesian_prod(*[torch.arange(2)] * 6).reshape(64, 3, 2)
# the 64 images
even = torch.cat([pairs, pairs.sum(2, keepdim=True) % 2], 2).reshape(64, 9)
switches = torch.cartesian_prod(*[torch.arange(2)] * 3)
# 16 rows, see below
bars = torch.cat([switches.repeat_interleave(3, 1), switches.repeat(1, 3)])


def entropy(world):
    """Entropy in nats of a row drawn from `world` (n, pixels); rows may be repeated."""
    share = world.unique(dim=0, return_counts=True)[1] / len(world)
    return -(share * share.log()).sum().item()


def lost_on(world, model, learning_rate):
    """KL(world || model) in nats after 300 steps."""
    options = {"n_steps": 300, "batch_size": 64, "learning_rate": learning_rate}
    fit(model, world.float(), **options, device="cpu")
    return model.loss(world).item() - entropy(world)


# %% tags=["nbval-ignore-output"]
lost_by = {"logistic regressions": [], "MADE": []}
for seed in (0, 1, 2):
    torch.manual_seed(seed)
    regressions = autoregressive.FullyVisibleBeliefNet(9)
    lost_by["logistic regressions"].append(lost_on(even, regressions, 0.1))
    lost_by["MADE"].append(lost_on(even, autoregressive.MADE(9, hidden=(128,)), 0.02))
lost_on_bars = lost_on(bars, autoregressive.FullyVisibleBeliefNet(9), 0.1)
print({name: [round(value, 3) for value in values] for name, values in lost_by.items()})

# %%
check("logistic regressions lose log 2 per row", lost_by["logistic regressions"],
      3 * math.log(2), atol=0.01)  # fmt: skip
check("MADE loses at most 0.1 nats, three seeds", lost_by["MADE"], 0.1, relation="<=",
      control={"logistic regressions":
               min(lost_by["logistic regressions"])})  # fmt: skip
check("bars and stripes: regressions lose at most 0.05 nats", lost_on_bars, 0.05,
      relation="<=",
      control={"nine coins": 9 * math.log(2) - entropy(bars)})  # fmt: skip
print(f"logistic regressions on bars and stripes: ≈ {lost_on_bars:.2f} nats")

# %% [markdown]
# The last line is a surprise. **Bars and stripes** is a world in which each *row* is of one colour or each *column* is. That also sounds like an exclusive or, and yet the regressions lose next to nothing, as printed. "It needs a hidden layer" is a claim to be measured, not felt.

# %% [markdown] slide="slide" says="An image is not a word: nearness counts in two directions. A convolution knows that. We only have to blindfold it."
# ## 3 · A convolution with a blindfold
#
# **Question.** MADE treats pixels as a list. In an image what matters is *near*, and what is learned at one place should hold at others. That is a convolution. But a convolution looks in all directions, and we must not look ahead. What now?
#
# **Picture.** Put a card over the window, as one covers the lines below while reading. Everything that comes after the current pixel in reading order is hidden.
#
# **Formula.** A $k \times k$ window with weights $w_{ab}$, $a, b$ from $-r$ to $r$, $k = 2r+1$, is multiplied by a mask that keeps offsets $(a, b)$ before $(0, 0)$ in reading order: all rows above, and in the same row what is to the left.
#
# - **Mask A** leaves the centre out. It is for the first layer, where the centre *is* the pixel to be predicted.
# - **Mask B** keeps the centre. It is for all later layers, where the centre holds features made without the pixel.


# %% tags=["slide-code"]
def masked_convolution(image, weight, kind):
    """By hand, one channel: image (h, w), window weight (k, k), kind "A" or "B"."""
    (height, width), r = image.shape, len(weight) // 2
    out = torch.zeros_like(image)
    for row in range(height):
        for column in range(width):
            for a in range(-r, r + 1):
                for b in range(-r, r + 1):
                    allowed = (a, b) < (0, 0) or (kind == "B" and (a, b) == (0, 0))
                    i, j = row + a, column + b
                    if allowed and 0 <= i < height and 0 <= j < width:
                        out[row, column] += weight[r + a, r + b] * image[i, j]
    return out


image = torch.randn(5, 6, generator=dice, dtype=torch.float64)
for kind in ("A", "B"):
    layer = randomised(autoregressive.MaskedConv2d(1, 1, 5, kind))
    mine = masked_convolution(image, layer.weight[0, 0].detach(), kind) + layer.bias
    check(f"masked convolution by hand = coursekit, mask {kind}", mine,
          layer(image[None, None])[0, 0], atol=1e-12)  # fmt: skip
masks = [(f"mask {kind}, {k} x {k}", autoregressive.causal_mask(k, kind),
    (k // 2, k // 2)) for k, kind in ((3, "A"), (3, "B"), (5, "A"))]  # fmt: skip
show(pictures.windows(masks),
    alt="Three windows of zeros and ones, the centre framed. Rows above the centre "
    "are ones, rows below zeros; in the centre's row what is to the left is one. The "
    "centre is 0 in mask A and 1 in mask B.")  # fmt: skip

# %% [markdown] slide="subslide"
# A **PixelCNN** is a stack of these: mask A once, then mask B as often as we like (from the second layer on each adds its input to its output, a **residual connection**), then at each pixel a small network that turns features into logits. One pass gives all $d$ conditionals at once.
#
# Does the stack keep the promise? Two tests, at random weights. The Jacobian of the features, for all pairs of pixels. And the plain meaning of the word *conditional*: compute pixel $i$ once in the full image, and once in an image where everything from $i$ on is nonsense.


# %%
def feature_slopes(model, shape, seed=3):
    """(d, d): how much the features at pixel i change with pixel j."""
    rng = torch.Generator().manual_seed(seed)
    place = torch.randn(1, 1, *shape, generator=rng, dtype=torch.float64)

    def features(z):
        return model.features(z).sum(1).flatten()

    jacobian = torch.autograd.functional.jacobian(features, place)
    return jacobian.reshape(math.prod(shape), -1).abs()


# %%
def with_nonsense(model, x, nonsense):
    """Logits of every pixel, each with nonsense from that pixel on."""
    mixed = [torch.cat([x[:, :i], nonsense[:, i:]], 1) for i in range(x.shape[1])]
    return torch.stack([model.logits(image)[:, i] for i, image in enumerate(mixed)], 1)


shape = (6, 6)
size = {"gated": False, "width": 8, "n_layers": 3}
plain = randomised(autoregressive.PixelCNN(shape, n_levels=4, **size))
leaky = randomised(autoregressive.PixelCNN(shape, n_levels=4, **size))
# the classic slip: mask B in the first layer
leaky.layers[0].mask = autoregressive.causal_mask(3, "B")
x, nonsense = torch.randint(4, (2, 3, 36), generator=dice)
own_or_later = torch.triu(torch.ones(36, 36)) > 0
sealed_slopes, leaks = feature_slopes(plain, shape), feature_slopes(leaky, shape)
with torch.no_grad():
    check("no feature has a slope in its own pixel or a later one",
          sealed_slopes[own_or_later], 0.0,
          control={"mask B first, own pixel": leaks.diagonal()})  # fmt: skip
    off = [(each.logits(x) - with_nonsense(each, x, nonsense)).abs().max()
           for each in (plain, leaky)]  # fmt: skip
    check("one pass = 36 conditionals computed one by one, the future nonsense",
          off[0], 0.0, atol=1e-12, control={"mask B first": off[1]})  # fmt: skip
    small = randomised(autoregressive.PixelCNN((3, 3), **size))
    check("and the 512 probabilities add up to 1", small.log_prob(all_nine).exp().sum(),
          1.0, atol=1e-12)  # fmt: skip
axes = ("pixel j", "features at pixel i")
show(pictures.matrices([("mask A, then B", sealed_slopes, *axes),
                        ("mask B first: the diagonal", leaks, *axes)]),
    alt="Two Jacobians of 36 by 36 entries, empty above the diagonal. In the right "
    "one, of the network with mask B in its first layer, the diagonal itself is "
    "dark.")  # fmt: skip

# %% [markdown]
# The dark diagonal on the right is a pixel that sees itself. It trains beautifully; section 10 shows what it is worth.

# %% [markdown] slide="slide"
# ## 4 · The blind spot, and two stacks that cure it
#
# **Question.** No pixel sees its future. Does it see all of its past? The pixels that can have a say in a feature are its **receptive field**.
#
# Each layer lets a feature look $r$ columns to the right *only while it moves at least one row up*; in its own row it may look to the left only. So from $d$ rows above, a pixel $e$ columns to the right is within reach only if
#
# $$e \le d\, r .$$
#
# What is further right is a wedge that no depth of layers opens up. This is the **blind spot** of stacked masked convolutions. We compare the formula with the Jacobian for every pair of pixels, and count.

# %%
shape, every = (8, 8), [(row, column) for row in range(8) for column in range(8)]
deep = {
    gated: autoregressive.PixelCNN(shape, gated=gated, width=12, n_layers=7)
    for gated in (False, True)
}  # fmt: skip


def formula(kernel, gated):
    """(64, 64) bool: may pixel i see pixel j, by arithmetic?"""
    options = {"kernel": kernel, "n_layers": 7, "gated": gated}
    seen = [autoregressive.seen_pixels(shape, *at, **options) for at in every]
    return torch.stack([torch.from_numpy(grid.ravel()) for grid in seen])


found = {
    gated: feature_slopes(randomised(network, std=0.5), shape) > 0
    for gated, network in deep.items()
}  # fmt: skip
check(
    "plain: what a Jacobian finds is what the formula says, 64 x 64 pairs",
    found[False],
    formula(3, gated=False),
)
past = torch.tril(torch.ones(64, 64), -1) > 0
for k in (3, 5, 7):
    unseen = (past & ~formula(k, gated=False)).sum() / past.sum()
    print(f"{k} x {k}, any depth: {unseen:.0%} of all earlier pixels are never seen")
panels = [(f"{n} layer{'s' * (n > 1)}", autoregressive.seen_pixels((9, 9), 6, 3,
    kernel=3, n_layers=n, gated=False), 6, 3) for n in (1, 2, 4, 8)]  # fmt: skip
show(pictures.seen_panels(panels),
    alt="Four nine by nine grids for 1, 2, 4 and 8 layers. Around the orange pixel a "
    "blue triangle grows to the upper left; on the right a red wedge of earlier "
    "pixels stays unseen however many layers there are.")  # fmt: skip

# %% [markdown] slide="subslide" says="Two stacks. The vertical one may see all of every row above, so it needs no mask. The horizontal one sees the pixels to the left and what the vertical one hands over."
# **The cure** (van den Oord and others, 2016) uses two stacks.
#
# - The **vertical stack** works on whole rows *above* the pixel. A window that ends above the current row needs no mask, so it may look right as far as left, and it stays a full rectangle.
# - The **horizontal stack** sees the pixels to the left in the same row, and what the vertical stack hands down to it. Nothing flows the other way. The vertical window reaches to the right, from the second layer on also in the current row. If the horizontal features at $(i, j+1)$, which know pixel $(i, j)$, got into the vertical stack, the next layer would hand them back to $(i, j)$: the pixel would see itself.
#
# Each layer is **gated**, like the cells of an LSTM: of $2w$ channels, one half says *what*, the other *how much*,
#
# $$h = \tanh(f) \odot \sigma(g),$$
#
# and each layer has a **skip connection** of its own to the output, so that training reaches the lower layers directly. The horizontal stack also has a residual connection in all layers but the first, where the input is the image itself.

# %%
check("two stacks: the Jacobian finds exactly the past; pairs of pixels that differ",
      (found[True] != past).sum(), 0,
      control={"one stack": (found[False] != past).sum()})  # fmt: skip
gated = randomised(autoregressive.PixelCNN((6, 6), n_levels=4, width=8, n_layers=3))
with torch.no_grad():
    check("one pass = 36 conditionals computed one by one, the future nonsense",
          gated.logits(x), with_nonsense(gated, x, nonsense), atol=1e-12)  # fmt: skip
    small = randomised(autoregressive.PixelCNN((3, 3), width=8, n_layers=3))
    check("and the 512 probabilities add up to 1", small.log_prob(all_nine).exp().sum(),
          1.0, atol=1e-12)  # fmt: skip

# %% tags=["nbval-ignore-output"]
explorers.seen_explorer()

# %%
from coursekit import widgets

positions = [
    {"kernel": 3, "n_layers": 2, "gated": False},
    {"kernel": 7, "n_layers": 10, "gated": False},
    {"kernel": 3, "n_layers": 6, "gated": True},
]
widgets.static_frames(explorers.seen_frame, positions,
                      alt="Three positions of the explorer. Plain 3 by 3, two layers: "
                      "a small triangle is seen. Plain 7 by 7, ten layers: all but a "
                      "few pixels at the right. Gated 3 by 3, six layers: all of the "
                      "past.")  # fmt: skip

# %% [markdown] slide="subslide"
# **Does it matter?** It matters when the answer is hidden in the blind spot. Images of coin flips, 4 × 5 pixels, in which one pixel copies another: once a neighbour in sight, once a pixel of the blind spot. A coin costs $\log 2$ nats, a copy that has been understood costs nothing. We train the conditional of that pixel alone, for the plain network and the gated one, from three seeds.


# %% tags=["nbval-ignore-output"]
def copying(gated, source, seed, *, target=(2, 1), shape=(4, 5)):
    """Nats paid for the target pixel, which copies the source, after 150 steps."""
    rng, at = torch.Generator().manual_seed(seed), target[0] * shape[1] + target[1]
    torch.manual_seed(seed)
    model = autoregressive.PixelCNN(shape, gated=gated, width=8, n_layers=2)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.015)
    for _ in range(150):
        flips = torch.randint(2, (32, *shape), generator=rng)
        flips[:, *target] = flips[:, *source]
        flips = flips.flatten(1)
        logits = model.logits(flips)[:, at]
        loss = torch.nn.functional.cross_entropy(logits, flips[:, at])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


# one row up: 1 column to the right, 2 columns to the right
in_sight, in_blind_spot = (1, 2), (1, 3)
cases = {
    "plain, copy in sight": (False, in_sight),
    "plain, blind spot": (False, in_blind_spot),
    "gated, blind spot": (True, in_blind_spot),
}
paid = {
    name: [copying(*case, seed) for seed in (0, 1, 2)] for name, case in cases.items()
}  # fmt: skip
print({name: [round(nats, 3) for nats in values] for name, values in paid.items()})

# %%
learned = max(paid["plain, copy in sight"] + paid["gated, blind spot"])
check("plain in sight, gated in the blind spot: at most 0.1 nats, each seed", learned,
      0.1, relation="<=",
      control={"plain, blind spot": min(paid["plain, blind spot"])})  # fmt: skip
check("plain, blind spot: a coin, log 2, whatever the seed", paid["plain, blind spot"],
      math.log(2), atol=0.15)  # fmt: skip
colours = ("model", "wrong", "model")
groups = [(*row, colour) for row, colour in zip(paid.items(), colours, strict=True)]
show(pictures.bars_at_pixel(groups, (math.log(2), "a coin")),
     alt="Nats paid for the copied pixel. Plain with the copy in sight and gated with "
     "the copy in the blind spot pay nothing; plain with the copy in the blind spot "
     "pays about 0.69, as for a coin.")  # fmt: skip

# %% [markdown]
# More training will not help the plain network: what it would need never reaches it. On real images neighbours carry most of the information, and the damage is milder. Section 7 measures it.

# %% [markdown] slide="slide" says="PixelRNN: the same question, an older answer. Instead of looking further, remember."
# ## 5 · A memory that walks down the image
#
# **Question.** A convolution sees as far as its layers reach. Could a network *remember* instead?
#
# **PixelRNN** with a **row LSTM** (van den Oord, Kalchbrenner and Kavukcuoglu, 2016) keeps a hidden state $h$ and a memory $c$ at each position of a row. A row's states are made from the states of the three neighbours above and from features of its own row,
#
# $$c = \sigma(f) \odot c_\text{above} + \sigma(i) \odot \tanh(g), \qquad h = \sigma(o) \odot \tanh(c),$$
#
# where all four drives $o, f, i, g$ are convolutions of $h_\text{above}$ and of the row. There are as many steps as rows, so depth no longer limits how far up it sees.
#
# In training all pixels are known, and the true ones are fed in; this is called **teacher forcing**. In sampling the network feeds on its own draws, row by row, with the state carried along. If both are the same function, the two must agree to the last digit.

# %%
rnn = randomised(autoregressive.PixelRNN((6, 6), n_levels=4, width=6, kernel=3))
with torch.no_grad():
    state, rows = rnn.empty_state(3), []
    for row in range(6):
        # from this row and the one above only
        state = rnn.step(rnn.row_features(x, row), state)
        rows.append(rnn.row_logits(state[0], row))
    check("teacher-forced pass = rows one after the other, the state carried along",
          rnn.logits(x), torch.cat(rows, 1), atol=1e-12)  # fmt: skip
    check("one pass = 36 conditionals computed one by one, the future nonsense",
          rnn.logits(x), with_nonsense(rnn, x, nonsense), atol=1e-12)  # fmt: skip
    changed = {place: x.scatter(1, torch.full((3, 1), place), (x[:, [place]] + 1) % 4)
        for place in (14, 15)}  # fmt: skip
    check("pixel 19 sees 14, one row up and one column right, but not 15",
          rnn.logits(changed[15])[:, 19], rnn.logits(x)[:, 19], atol=1e-12,
          control={"pixel 14 changed": rnn.logits(changed[14])[:, 19]})  # fmt: skip
    tiny = randomised(autoregressive.PixelRNN((3, 3), width=6, kernel=3))
    check("and the 512 probabilities add up to 1", tiny.log_prob(all_nine).exp().sum(),
          1.0, atol=1e-12)  # fmt: skip

# %% [markdown]
# What the state buys is sampling: for a pixel, one row is computed anew instead of the whole image. What it costs is training: the rows wait for each other. And it has a blind spot of its own, as the third line shows: a state too looks one column to the right per row. The paper's *diagonal BiLSTM* sees all of the past and costs more still; we only mention it.

# %% [markdown] slide="slide"
# ## 6 · Two hundred and fifty-six shades of grey
#
# **Question.** A pixel of a photograph has 256 levels. A softmax gives each level a number of its own and does not know that 117 is next to 118. Is there a distribution that does?
#
# **Picture.** A bell over the line of grey levels, cut into slices of width 1. A level's probability is the area of its slice. The first and the last slice also get everything beyond them.
#
# **Formula.** The **discretised logistic** (PixelCNN++, 2017) with mean $m$ and scale $s$ gives level $k$
#
# $$P(k) = \sigma\Big(\frac{k + \frac12 - m}{s}\Big) - \sigma\Big(\frac{k - \frac12 - m}{s}\Big),$$
#
# with $+\infty$ for the upper edge of the last level and $-\infty$ for the lower edge of the first. Two numbers instead of 256. By hand, as written:


# %%
def logistic_by_hand(k, m, s, n_levels):
    """P(k), the difference of two sigmoids; all arguments tensors of one shape."""
    upper = torch.where(k == n_levels - 1, math.inf, k + 0.5)
    lower = torch.where(k == 0, -math.inf, k - 0.5)
    return torch.sigmoid((upper - m) / s) - torch.sigmoid((lower - m) / s)


level = torch.arange(17, dtype=torch.float64)
m = 16 * torch.rand(200, 1, generator=dice, dtype=torch.float64)
log_s = torch.randn(200, 1, generator=dice, dtype=torch.float64)
mine = logistic_by_hand(level.expand(200, 17), m, log_s.exp(), 17)
theirs = autoregressive.discretized_logistic_log_prob(level, m, log_s, n_levels=17)
check("200 random bells: the 17 levels sum to 1, by hand", mine.sum(1), 1.0, atol=1e-12)
check("by hand = coursekit", mine, theirs.exp(), atol=1e-12)
line = torch.linspace(-4, 20, 481, dtype=torch.float64)
bell = torch.exp(-(line - 13) / 1.6) / 1.6 / (1 + torch.exp(-(line - 13) / 1.6)) ** 2
mass = logistic_by_hand(level, torch.tensor(13.0), torch.tensor(1.6), 17)
show(pictures.rounded_logistic(level.numpy(), line.numpy(), bell.numpy(), mass.numpy(),
    "the last level gets the tail beyond it"),
    alt="A bell-shaped density over the grey levels 0 to 16 with its peak at 13, and "
    "bars of the levels' masses. The bars follow the bell, but for the last one, "
    "which is higher, as it holds the tail.")  # fmt: skip

# %% [markdown] slide="subslide"
# **The trap.** Early in training a level may be far from $m$ in units of $s$. Both sigmoids are then 1 to the last digit, the difference is 0, its logarithm $-\infty$, and training is over. The usual patch switches to *density times width* where the difference is below $10^{-5}$; then the levels no longer sum to 1. There is no need for a patch. With $a$ and $b$ for the two arguments, $a - b = 1/s$, and
#
# $$\sigma(a) - \sigma(b) = \frac{e^a - e^b}{(1+e^a)(1+e^b)} = \sigma(a)\,\sigma(-b)\,\big(1 - e^{-1/s}\big) .$$
#
# The middle step puts both sigmoids on one denominator; the last takes $e^a$ out of the numerator. A product has a sum for its logarithm, and each of the three terms is known to full precision. The package uses this form.

# %%
# levels 2 to 100 when the mean is 1 and the scale 1
far = torch.arange(2, 101, dtype=torch.float64)
one, zero = torch.ones_like(far), torch.zeros_like(far)
naive = logistic_by_hand(far, one, one, 256).log()
stable = autoregressive.discretized_logistic_log_prob(far, one, zero, n_levels=256)
# Far out a logistic tail is e^-a: the mass of a slice is e^-b - e^-a, of which we take
# the logarithm by hand.
tail = -(far - 1.5) + math.log(1 - math.exp(-1))
check("50 to 100 levels out: stable form = the logarithm of the tail", stable[-50:],
      tail[-50:], atol=1e-12,
      control={"difference, then log": naive[-50:]})  # fmt: skip
show(pictures.far_out((far - 1).numpy(), [("stable", stable.numpy(), "model", 0),
    ("difference, then log", naive.numpy(), "wrong", 12)]),
    alt="Log probability against distance from the mean. The stable form falls on "
    "along a straight line; the naive one begins to stagger near 33 and breaks off at "
    "about 37, where the difference is rounded to zero.")  # fmt: skip

# %% [markdown] slide="subslide"
# One bell cannot have two humps, and pixels often do: paper or ink. So one takes a **mixture** of a few, $P(k) = \sum_c \pi_c P_c(k)$, with the logarithm taken by log-sum-exp. Is that better than a softmax? It depends on how much data there is. A known truth on 256 levels: much paper at level 0, and greys from 60 to 220, the darker the rarer. A softmax that sees no other pixel can only count: the share of each level, with a little added so that no level gets probability 0. How much to add? To be fair to counting we try several amounts and keep the best for each sample, judged by the truth itself, which no real user could do. Against it stands a mixture of three, fitted by maximum likelihood.

# %%
levels = torch.arange(256, dtype=torch.float64)
truth = torch.where((levels >= 60) & (levels < 220), 220 - levels, 0.0)
truth = 0.6 * truth / truth.sum()
truth[0] += 0.4


def mixture(parameters):
    """log P of all 256 levels; parameters (3, 3): weights, means, log-scales."""
    weight, mean, log_scale = parameters[:, None].expand(3, 256, 3)
    return autoregressive.discretized_mixture_log_prob(levels, weight, 128 + 64 * mean,
        3 + log_scale, n_levels=256)  # fmt: skip


def lost_by_model(log_p):
    """KL(truth || model) in nats."""
    return torch.special.xlogy(truth, truth).sum() - (truth * log_p).sum()


def two_ways(n, seed):
    """KL(truth || model) in nats of counting and of the mixture, both from n draws."""
    rng = torch.Generator().manual_seed(seed)
    draws = torch.multinomial(truth, n, replacement=True, generator=rng)
    counts = torch.bincount(draws, minlength=256)
    parameters = torch.tensor([[0.0, 0, 0], [-1.5, 0, 1.5], [0, 0, 0]],
        dtype=torch.float64, requires_grad=True)  # fmt: skip
    optimizer = torch.optim.Adam([parameters], lr=0.15)
    for _ in range(150):
        loss = -(counts * mixture(parameters)).sum() / n
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    added = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
    counted = [lost_by_model(((counts + c) / (n + 256 * c)).log()) for c in added]
    return min(counted), lost_by_model(mixture(parameters.detach()))


# %%
sizes = (50, 500, 5000, 50_000)
# (seed, size, way)
lost = torch.tensor([[two_ways(n, seed) for n in sizes] for seed in (0, 1, 2)])
check("500 draws: the mixture loses at most 0.1 nats, three seeds", lost[:, 1, 1], 0.1,
      relation="<=", control={"counting": lost[:, 1, 0].min()})  # fmt: skip
check("50 000 draws: counting loses at most 0.01 nats, three seeds", lost[:, 3, 0],
      0.01, relation="<=", control={"the mixture": lost[:, 3, 1].min()})  # fmt: skip
show(pictures.against_size(
    sizes,
    [("counting", lost[..., 0].numpy(), "data"),
     ("mixture of 3", lost[..., 1].numpy(), "model")], ylabel="KL to the truth, nats",
    title="few data: the mixture wins; many data: counting"),
     alt="KL to the truth against the number of examples on logarithmic axes, three "
     "seeds. Counting falls steadily; the mixture is far lower at 50 and 500 draws and "
     "then levels off, and at 50 000 counting is lower.")  # fmt: skip

# %% [markdown]
# A mixture of bells is an **inductive bias**: it assumes that neighbouring levels are about equally likely. With few data a good assumption is worth a great deal; with enough data it is in the way, since the truth is no mixture of three logistics.
#
# (An image in colour adds one more step to the chain: red, then green given red, then blue given both, pixel by pixel. The masks then also order the channels. Our images are grey.)

# %% [markdown] slide="slide"
# ## 7 · Digits, one pixel at a time
#
# **Question.** What does all this give on handwritten digits: 8 × 8 pixels, 17 levels of grey, 1437 to learn from, 360 to test on?
#
# Likelihoods are given in **bits per pixel**, $-\log_2 p(x) / 64$: what an ideal code would spend on a pixel. No model at all costs $\log_2 17$. The baseline is the fully visible net, now with 64 softmax regressions on the earlier pixels. It trains in a second or two, so we run it here.
#
# The PixelCNNs take longer. They have mixtures of five discretised logistics at their outputs (section 6). They were trained with `coursekit/autoregressive/recipe.py`, from three seeds, and their results are stored with the course. The settings of the gated one (channels, steps, dropout) were chosen on a fifth of the *training* digits, with other seeds. We read the stored results and repeat the baseline's first run live, to see that it comes out the same.

# %%
from coursekit.autoregressive import recipe

runs = data.results("autoregressive_digits")
gated_runs = data.results("autoregressive_gated")
parts = data.results("autoregressive_parts")
train, test = data.train_and_test("digits")
print(runs, gated_runs, parts, sep="\n")

# %% tags=["nbval-ignore-output"]
torch.manual_seed(0)
baseline = recipe.fully_visible(train, test)
baseline.train(seed=0, device="cpu")
(baseline_bits,) = baseline.measure(baseline.model).values()
torch.manual_seed(0)
short = recipe.digits(train, test)
short.train(n_steps=120, seed=0, device="cpu")
print(f"fully visible net, trained here: ≈ {baseline_bits:.3f} bits per pixel")

# %%
check("fully visible net, seed 0: as stored", baseline_bits,
      runs.column("bits", model="fully visible", seed=0)[0], atol=0.01)  # fmt: skip
stored = [(name, runs, {"model": name})
          for name in ("fully visible", "masked", "flow", "plain")]  # fmt: skip
stored += [("plain (1135 steps)", parts, {"model": "plain"}),
           ("gated (400 steps)", gated_runs, {"steps": 400}),
           ("gated", gated_runs, {"steps": 1000})]  # fmt: skip
bits = {name: table.column("bits", **which) for name, table, which in stored}
mean_bits = {name: values.mean() for name, values in bits.items()}
print("means over three seeds")
for name, table, which in stored:
    steps, seconds = (table.column(key, **which).mean() for key in ("steps", "seconds"))
    print(f"{name:19}{mean_bits[name]:.2f} bits per pixel, {steps:4.0f} steps, "
          f"{seconds:2.0f} s")  # fmt: skip
saved = {name: math.log2(17) - mean for name, mean in mean_bits.items()}
way = saved["fully visible"] / saved["gated"]
print(f"of the way from log2(17) to the gated network the regressions cover {way:.0%};")
lead = 64 * (mean_bits["fully visible"] - mean_bits["gated"])
print(f"what they miss is {lead:.0f} bits per image, a factor of about "
      f"{round(2**lead, -4):,.0f} in its probability")  # fmt: skip
check("gated PixelCNN: at most 1.83 bits per pixel, each seed", bits["gated"], 1.83,
      relation="<=", control={name: min(values) for name, values in bits.items()
      if name != "gated"})  # fmt: skip

# %% [markdown]
# Two readings. A tenth of a bit per pixel is 6.4 bits per image, a factor of more than eighty in its probability; over the regressions the gated network leads by about 18 bits per image, a factor of a quarter of a million, so it is much better. And 64 regressions without a hidden layer cover most of the way from no model to the gated network, as printed. Report the simple baseline, always. (How much of the lead is due to convolutions, and how much to the mixture of logistics, which the regressions lack, this table does not say.)
#
# The gated network needs its longer training. After 400 steps, about seven seconds, it is behind the plain network with 1135 steps, about eight. With 1000 steps it is ahead of both. We have not run the plain network for those 18 seconds. (Seconds are from runs at different times on a machine with other work on it, as the two rows of the plain network show: read them as orders of magnitude. The cost of a step, in the next table, was measured side by side.)
#
# **Which part does it?** From the plain network to the gated one four things change: gates, skip connections, a second stack instead of a blind spot, and dropout with more steps. So start from a smaller gated network without dropout and leave out one part at a time. All of these have about 20 000 weights (where something is missing, the layers are wider) and make 600 steps. How much a step costs, compared with the gated network's, is printed. The plain network, with none of the three, has the cheapest steps; it appears at equal steps and at equal seconds.

# %%
left_out = ("without gates", "without skips", "without second stack")
by_part = {name: parts.column("bits", model=name) for name in ("gated", *left_out)}
by_part["plain, equal steps"] = runs.column("bits", model="plain")
by_part["plain, equal seconds"] = parts.column("bits", model="plain")
for name, values in by_part.items():
    cost = parts.column("cost", model=name.split(",")[0])[0]
    print(f"{name:21} {values.mean():.3f} +- {values.std(ddof=1):.3f} bits per pixel, "
          f"a step costs {cost:.2f}")  # fmt: skip
show(pictures.dots([(name, values, "model") for name, values in by_part.items()],
    xlabel="bits per pixel of the test digits, three seeds (less is better)",
    title="of three parts left out, the second stack costs most"),
    alt="A row of three dots per network. Gated, without gates and without skips lie "
    "close together at the left; without the second stack and plain at equal seconds "
    "are further right, plain at equal steps furthest.")  # fmt: skip
behind = {name: values.mean() - by_part["gated"].mean()
          for name, values in by_part.items()}  # fmt: skip
small = {name: behind[name] for name in left_out[:2]}
for name in ("without second stack", "plain, equal seconds"):
    check(f"{name}: at least 0.015 bits per pixel behind, mean of three seeds",
          behind[name], 0.015, relation=">=", control=small)  # fmt: skip
check("without gates: no worse than with them, each of three seeds",
      by_part["without gates"], by_part["gated"], relation="<=",
      control={"without second stack": by_part["without second stack"]})  # fmt: skip

# %% [markdown]
# Of the three parts, the second stack costs most to leave out. Part of it may be the blind spot, part that a layer of two stacks has two non-linear steps; this table does not separate them. Without skip connections the network loses a little in the mean, less than the seeds differ among themselves. And without gates, with ReLU and layers wide enough for as many weights, it is no worse at all: a hair ahead in each of the three seeds. Cheap steps bring the plain network closer at equal seconds, but not level. (This is for four layers and 1437 small images. In deep networks on photographs gates and skips may well earn their keep.)
#
# What does a conditional look like? Here is one of the short run: a test digit, known up to a pixel.

# %%
digit, n_known = test.x[1], 35
with torch.no_grad():
    logits = short.model.logits(torch.tensor(digit[None]))[0, n_known]
    one_conditional = logits.softmax(-1)
check("a conditional sums to 1", one_conditional.sum(), 1.0, atol=1e-5)
show(pictures.conditional(digit, (8, 8), n_known, one_conditional.numpy()),
     alt="Left, the upper half of a handwritten digit; the next pixel is framed, the "
     "rest is hidden. Right, the probabilities of the 17 levels for that pixel as "
     "bars, with the level that really came in orange.")  # fmt: skip

# %% [markdown] slide="subslide"
# **Samples, and what they cost.** Sampling goes pixel by pixel: $d$ passes of the network, of which each gives $d$ conditionals, and all but one are thrown away. (The row LSTM computes a row instead of an image; caching of what does not change does the same for convolutions.)

# %%
drawing = {"gated": gated_runs.column("draw_seconds", steps=1000)}
drawing |= {model: runs.column("draw_seconds", model=model)
            for model in ("fully visible", "flow")}  # fmt: skip
for model, passes in (("gated", 64), ("fully visible", 64), ("flow", 1)):
    print(f"{model:14} {passes:3} passes, {drawing[model].mean():7.3f} CPU-s for 300 "
          "images")  # fmt: skip
ratio, slower = (drawing[name] / drawing["flow"] for name in ("gated", "fully visible"))
check("a flow draws at least 100 times faster than the PixelCNN, each seed", ratio,
      100.0, relation=">=", control={"fully visible net": slower.max()})  # fmt: skip
samples = [("data", test.x[:10]), ("fully visible", runs.arrays["fully visible"][:10]),
           ("gated", gated_runs.arrays["gated"][:10]),
           ("flow", runs.arrays["flow"][:10])]  # fmt: skip
show(pictures.strips(samples, (8, 8)),
    alt="Four rows of ten 8 by 8 images: test digits, samples of the fully visible "
    "net with torn strokes and stray dark pixels at the edge, samples of the gated "
    "PixelCNN with dark strokes on clean paper, and samples of a flow, paler, with "
    "faint specks on the paper; in each row some can be read as digits.")  # fmt: skip

# %% [markdown] slide="subslide"
# **Completion comes free.** Any beginning can be given: the chain goes on from there. Give the upper half of a digit and draw the lower one, several times. The answers should agree with the half and differ from each other. These come from a stored run of about a minute on `mini_mnist`, 14 × 14 pixels; the halves are of test digits that it has never seen.

# %%
longer = data.results("autoregressive_pictures")
print(longer)

# %%
originals, completed = longer.arrays["halves_of"], longer.arrays["completed"]
check("the given half is kept in all completions", completed[:, :, :98],
      originals[None, :, :98].repeat(4, 0))  # fmt: skip
lower = completed[:, :, 98:]
repeated = lower[:1].repeat(4, 0)
check("four completions of one half differ in at least 5 % of the pixels, each digit",
      (lower[1:] != lower[:1]).mean((0, 2)), 0.05, relation=">=",
      control={"one completion, repeated":
               (repeated[1:] != repeated[:1]).mean((0, 2))})  # fmt: skip
hidden = originals.copy()
hidden[:, 98:] = 0
show(pictures.strips([("test digit", originals), ("given", hidden)]
                     + [(f"drawn {k + 1}", completed[k]) for k in range(4)], (14, 14)),
     alt="Six rows of ten digits of 14 by 14 pixels: the test digits, their upper "
     "halves alone, and four completions of each half; many continue the strokes "
     "plausibly, some turn one digit into a different one, and a few fall "
     "apart.")  # fmt: skip

# %% [markdown]
# The bar of the 7 was given four times; once it became a 2. The top of the first 0 once became an arch. Where the half leaves little doubt, as for the 6, three of the four answers agree. And some lower halves belong to no digit at all: a minute of training is not enough for 14 × 14 pixels.

# %% [markdown] slide="skip"
# **More than one scale.** For large images the PixelRNN paper and later work draw a small image first, and then fill in the pixels between those already there, coarse to fine. It is the chain rule in another order: the coarse pixels come first, so that long-range structure is settled early, and those of one level can be drawn in parallel if one is willing to treat them as independent given the level above. What that costs is the subject of the next section; we do not train one here.

# %% [markdown] slide="slide" says="Sixty-four passes for sixty-four pixels. Why not draw several at once? Because pixels drawn at once do not know of each other. How much is lost can be said exactly."
# ## 8 · Many pixels at once: MaskGIT and what it costs
#
# **Question.** One pass per pixel is slow. What if we draw many pixels in one pass?
#
# **Picture.** A crossword. Fill in a word here, a word there, in any order; each helps with the next. Now two people fill in two crossing words *at the same time*, without talking. Sometimes the letters clash.
#
# **The model.** MaskGIT (Chang and others, 2022) learns $p(x_i \mid \text{any set of visible pixels})$: hide a random part of an image and predict each hidden pixel. To sample, start with everything hidden. In each step predict all hidden pixels, draw them all, keep some, hide the rest again.
#
# **The cost.** Pixels kept in the same step are drawn independently given what was visible before. If the group $S$ is revealed when $V$ is visible, what is lost is their **conditional total correlation**,
#
# $$\mathrm{TC}(S \mid V) = \sum_{i \in S} H(x_i \mid V) - H(S \mid V),$$
#
# with the entropy $H$ in nats. It is zero for one pixel. Over all steps,
#
# $$\mathrm{KL}(p \,\Vert\, \text{samples}) = \sum_{\text{steps}} \mathrm{TC}(S_t \mid V_t),$$
#
# because $\log p$ is a sum of $\log p(S_t \mid V_t)$ and the sampler's is a sum of $\log p(x_i \mid V_t)$ over the same steps; take the expectation of the difference.
#
# This holds for groups fixed beforehand, the same for every image. A sampler that draws its groups anew for each image is a mixture of such samplers; KL is convex, so it loses *at most* the mean of these sums. The figure below shows what it loses.
#
# To see the cost of *parallelism* alone, we take a perfect network. The world: toss a coin for "rows" or "columns", then a coin for each of the three bars. That makes 16 rows, in which all white and all black occur twice, and every conditional can be counted in them.


# %%
def chance_of_black(values, visible):
    """p(pixel is black | visible pixels), counted: (n, 9); a half where none agrees."""
    agree = ((bars == values[:, None]) | ~visible[:, None]).all(2).double()  # (n, 16)
    counted = agree @ bars.double() / agree.sum(1, keepdim=True).clamp(min=1)
    return torch.where(agree.sum(1, keepdim=True) > 0, counted, 0.5)


def lost_in_groups(groups):
    """KL(p || samples) in nats when these groups are revealed one after the other."""
    log_q = torch.zeros(16, dtype=torch.float64)
    visible = torch.zeros(16, 9, dtype=torch.bool)
    for group in groups:
        black = chance_of_black(bars, visible)
        log_q += torch.where(bars == 1, black, 1 - black).log()[:, group].sum(1)
        visible[:, group] = True
    return -entropy(bars) - log_q.mean()


def total_correlation(group, known):
    """TC(group | known) in nats: sum of conditional entropies minus the joint one."""
    h = [entropy(bars[:, [*known, *more]]) if known or more else 0.0
        for more in ([], group)]  # fmt: skip
    return sum(entropy(bars[:, [*known, i]]) - h[0] for i in group) - (h[1] - h[0])


# %%
def random_groups(n_steps, rng):
    """A random order of the nine pixels, cut into groups by the cosine schedule."""
    order = torch.randperm(9, generator=rng)
    sizes = autoregressive.steps_to_reveal(9, n_steps)
    return [group.tolist() for group in order.split(sizes)]


rng = torch.Generator().manual_seed(8)
partitions = [random_groups(n_steps, rng) for n_steps in (1, 2, 3, 4, 6)
    for _ in range(30)]  # fmt: skip
summed = [
    sum(total_correlation(group, sum(groups[:k], [])) for k, group in enumerate(groups))
    for groups in partitions
]
check("150 partitions: KL(p || samples) = sum of conditional total correlations",
      [lost_in_groups(groups) for groups in partitions], summed, atol=1e-5)  # fmt: skip
one_by_one = [lost_in_groups(random_groups(9, rng)) for _ in range(30)]
check("one pixel at a time loses nothing, in any order", one_by_one, 0.0, atol=1e-6,
      control={"all at once": lost_in_groups([list(range(9))])})  # fmt: skip

# %% [markdown] slide="subslide"
# **Which pixels to keep?** MaskGIT keeps the draws it was most *confident* of: those whose own probability was highest. That sounds like good sense.
#
# **Predict before you run.** One pixel per step, a perfect network, and always the most confident draw is kept. Do the samples have the right distribution?
#
# <details><summary>Answer</summary>
#
# They do not. Random choice does not look at what was drawn, so a kept draw is a fair draw. Choosing the most confident one does look: a likely value is kept more often than its probability says, an unlikely one is thrown back. The samples look cleaner, and the rare ones are missing.
# </details>


# %%
def fill_in(n, n_steps, choose, seed=0):
    """n images from the perfect table in n_steps: by hand what MaskGIT.sample does."""
    rng = torch.Generator().manual_seed(seed)
    values = torch.zeros(n, 9, dtype=torch.int64)
    visible = torch.zeros(n, 9, dtype=torch.bool)
    for count in autoregressive.steps_to_reveal(9, n_steps):
        black = chance_of_black(values, visible)
        drawn = (torch.rand(n, 9, generator=rng) < black).long()
        rank = torch.rand(n, 9, generator=rng).double()  # by chance
        if choose == "confidence":
            # ties are broken by chance
            rank = torch.where(drawn == 1, black, 1 - black) + 1e-6 * rank
        rank[visible] = -1
        chosen = torch.zeros_like(visible).scatter(1, rank.topk(count).indices, True)
        values, visible = torch.where(chosen, drawn, values), visible | chosen
    return values


# %%
# 14 images, their shares of 16
patterns, counts = bars.unique(dim=0, return_counts=True)


def judged(n_steps, choose, n=20_000):
    """(KL(p || samples) in nats, share of bars or stripes), counted in n samples."""
    found = (fill_in(n, n_steps, choose)[:, None] == patterns).all(2).double().mean(0)
    return (counts / 16 * (counts / 16 / found).log()).sum().item(), found.sum().item()


step_counts = (1, 2, 3, 4, 6, 9)
fixed = torch.tensor([[lost_in_groups(random_groups(n, rng)) for _ in range(200)]
    for n in step_counts]).mean(1)  # fmt: skip
by_chance, by_confidence = (torch.tensor([judged(n, way) for n in step_counts])
    for way in ("random", "confidence"))  # fmt: skip
check("nine steps by chance: counted KL within 0.01 of 0", by_chance[-1, 0], 0.0,
      atol=0.01, control={"by confidence": by_confidence[-1, 0]})  # fmt: skip
check("2 to 6 steps by chance: at most 0.9 times the mean loss of fixed groups",
      by_chance[1:5, 0] / fixed[1:5], 0.9, relation="<=",
      control={"one step": by_chance[0, 0] / fixed[0]})  # fmt: skip
worse = by_confidence[:, 0] - by_chance[:, 0]
check("confidence: at least 0.1 nats worse than chance, from three steps on",
      worse[2:], 0.1, relation=">=", control={"one and two steps": worse[:2]})  # fmt: skip
check("six steps by confidence: at least 0.95 of the samples are bars or stripes",
      by_confidence[4, 1], 0.95, relation=">=",
      control={"by chance": by_chance[4, 1]})  # fmt: skip
show(pictures.parallel_cost(step_counts, [("by chance", by_chance[:, 0], "model", 8),
    ("by confidence", by_confidence[:, 0], "wrong", 0)],
    [("by chance", by_chance[:, 1], "model", 8), ("by confidence", by_confidence[:, 1],
    "wrong", -8)], ("groups fixed, the mean", fixed)),
    alt="Two panels against the number of steps. Left, nats lost: by chance they fall "
    "to zero at nine steps, from two to six below a thin line, the mean of fixed "
    "groups; by confidence they rise again after three. Right, share of true bars: "
    "at three steps lower by confidence, at four and six higher.")  # fmt: skip

# %% [markdown]
# Two rules, two currencies. By chance, the loss goes to zero as the number of steps approaches the number of pixels, and in few steps many samples are broken. At one step the two rules are the same; here at two as well, since in a blank image every pixel is a fair coin and no draw is surer than another, and the second step keeps all the rest. From three steps on the distribution is worse by confidence at every number that we tried, up to one pixel at a time, although at four and six steps fewer samples are broken. If every single picture must look right, the second rule helps; if the samples are to be distributed like the data, use the first. (MaskGIT itself adds noise to the confidence, a compromise between the two: `temperature` in the package. We do not measure it here.)

# %% [markdown] slide="subslide"
# **The schedule.** How many pixels per step? The first steps know least, so they should reveal least: after a share $s$ of the steps, MaskGIT leaves a share $\cos(\pi s/2)$ hidden. Rounding sets a trap: with as many steps as pixels, $\lfloor 64 \cos(\cdot)\rfloor$ leaves steps that reveal nothing.

# %%
rounded = [64, *(math.floor(64 * math.cos(math.pi / 2 * t / 64) + 1e-9)
    for t in range(1, 65))]  # fmt: skip
revealed = [before - after for before, after in zip(rounded, rounded[1:], strict=False)]
wasted = revealed.count(0)
print(f"plain rounding: {wasted} of 64 passes reveal nothing")
check("the package's schedules: 1 to 64 steps, all reveal 64 pixels in all",
      [sum(autoregressive.steps_to_reveal(64, t)) for t in range(1, 65)],
      64)  # fmt: skip
fewest = [min(autoregressive.steps_to_reveal(64, t)) for t in range(1, 65)]
check("and no step is wasted", fewest, 1, relation=">=",
      control={"plain rounding": min(revealed)})  # fmt: skip
show(pictures.schedule_bars([(f"{name}, {n} steps", autoregressive.steps_to_reveal(64,
    n, name)) for name, n in (("linear", 8), ("cosine", 8), ("cosine", 16))]),
    alt="Pixels revealed per step. Linear: eight in each of eight steps. Cosine, in 8 "
    "and 16 steps: few at first, most at the end.")  # fmt: skip

# %% [markdown] slide="subslide"
# **On digits.** A perceptron that fills in blanks, trained for a few seconds by the stored recipe. We judge by the **Fréchet distance** between features of samples and of test digits in a classifier of digits (less is better; it compares means and covariances), and by the number of passes.

# %%
fd = {(n, way): runs.column("fd", model="masked", passes=n, choose=way)
    for n in (1, 2, 4, 16, 64) for way in ("random", "confidence")}  # fmt: skip
print("Fréchet distance, mean of three seeds; the training digits themselves:",
    f"{runs.column('fd', model='training digits')[0]:.1f}")  # fmt: skip
for n in (1, 2, 4, 16, 64):
    chance, confidence = (fd[n, way].mean() for way in ("random", "confidence"))
    print(f"  {n:2} passes: by chance {chance:5.1f}   by confidence {confidence:6.1f}")
in_four = runs.column("draw_seconds", model="masked", passes=4, choose="random")
share_of_time = in_four.mean() / drawing["gated"].mean()
print(f"four passes take {share_of_time:.1%} of the PixelCNN's time to draw")
of_gated = gated_runs.column("fd", steps=1000)
check("four passes by chance: at most 1.3 times the PixelCNN's distance, each seed",
      fd[4, "random"] / of_gated, 1.3, relation="<=",
      control={"one pass": (fd[1, "random"] / of_gated).min()})  # fmt: skip
check("the bare rule of confidence, 64 passes: at least 5 times the distance of chance",
      fd[64, "confidence"] / fd[64, "random"], 5.0, relation=">=",
      control={"chance, 16 passes":
               (fd[16, "random"] / fd[64, "random"]).max()})  # fmt: skip
check("and it gets worse from 4 passes to 64, each seed", fd[64, "confidence"],
      fd[4, "confidence"], relation=">=",
      control={"by chance": fd[64, "random"]})  # fmt: skip

# %% tags=["nbval-ignore-output"]
sheets = {(n, way): runs.arrays[f"masked, {n}, {way}"] for n, way in fd}
explorers.steps_explorer(sheets, (8, 8))

# %%
from functools import partial

widgets.static_frames(partial(explorers.steps_frame, sheets, (8, 8)),
    [{"n_steps": n, "choose": way}
     for n, way in ((1, "random"), (4, "random"), (64, "confidence"))],
    alt="Three positions of the explorer. One pass: grey specks without shape. Four "
    "passes by chance: strokes that hang together, many readable. Sixty-four passes "
    "by confidence: clean and much alike.")  # fmt: skip

# %% [markdown]
# By this distance four passes are enough to rival the PixelCNN's samples, at the small fraction of its time that is printed. And the bare rule of confidence is *worse* with 16 or 64 steps than with four: each step is one more chance to prefer the likely. (The rule of the paper, with its noise, is not in this table.)

# %% [markdown] slide="slide"
# ## 9 · Pros and cons, with numbers
#
# The deck lists for autoregressive models: an explicit likelihood, easy training, good samples; and against them: slow sampling and no latent code. Here is the list as a table, on the same digits, the same split, the same judge; means of three stored seeds. **Precision** is the share of samples that fall among the real digits, **recall** the share of real digits that fall among the samples, both in the classifier's features. The masked model's bits are those of one pixel at a time, so its four passes have none in the table.

# %%
print("model          bits/pixel  Fréchet  precision  recall  passes  training s")
four, all_64 = ({"passes": n, "choose": "random"} for n in (4, 64))
rows = [("fully visible", {}), ("gated", {"steps": 1000}), ("masked", four),
        ("masked", all_64), ("flow", {})]  # fmt: skip
keys = ("bits", "fd", "precision", "recall", "passes", "seconds")
for name, way in rows:
    table = gated_runs if name == "gated" else runs
    mean = {key: table.column(key, model=name, **way).mean() for key in keys}
    # the masked model's bits are those of one pixel at a time
    own_bits = "–" if way.get("passes") == 4 else f"{mean['bits']:.2f}"
    judged_by = f"{mean['fd']:9.1f} {mean['precision']:10.2f} {mean['recall']:7.2f}"
    passes, seconds = f"{mean['passes']:7.0f}", f"{mean['seconds']:11.0f}"
    print(f"{name:14} {own_bits:>10}{judged_by} {passes} {seconds}")
check("64 passes of the masked model have the smaller distance, each seed",
      fd[64, "random"], of_gated, relation="<=",
      control={"fully visible": runs.column("fd", model="fully visible")})  # fmt: skip
precise = {name: runs.column("precision", model=name)
           for name in ("fully visible", "flow")}  # fmt: skip
check("the flow has the higher precision than the gated network, each seed",
      precise["flow"], gated_runs.column("precision", steps=1000), relation=">=",
      control={"fully visible": precise["fully visible"]})  # fmt: skip

# %% [markdown]
# - **Likelihood.** Exact, by one pass, and the best of the table. A VAE (11) has a bound, a GAN (12) nothing. The flow (16) is exact for densities and a bound for grey levels. The plain PixelCNN of section 7, which took no more seconds than the flow, is ahead of it too.
# - **Training.** Classification; stable, no opponent, no balance to keep.
# - **Sampling.** As many passes as pixels. The masked model may take fewer, and pays in nats; the flow needs one.
# - **Samples.** The best likelihood does not win the Fréchet distance: the masked model with 64 passes does, whose bits are worse. By precision the flow leads in the mean, and the gated network is behind it in each seed. Three judges, three orders: likelihood and looks are two questions, and lecture 19 asks both of all families.
# - **Seconds** were measured on a machine with other work on it, at different times: read them as orders of magnitude.
# - **Code.** None: there is no $z$ to interpolate in.

# %% [markdown] slide="slide"
# ## 10 · What goes wrong
#
# **The leak.** One letter: mask B in the first layer. Each pixel sees itself. The code runs, the loss falls faster than ever, and a loss that is too low raises no alarm. We train the plain PixelCNN for a moment with either mask in its first layer, everything else equal, and ask each for its bits twice: as it reports them, in one pass; and one pixel at a time, with everything from that pixel on hidden, as sampling will have it.


# %% tags=["nbval-ignore-output"]
def short_plain(kind):
    """The plain PixelCNN after 120 steps, with this mask in its first layer."""
    torch.manual_seed(0)
    made = recipe.plain(train, test)
    made.model.layers[0].mask = autoregressive.causal_mask(3, kind)
    made.train(n_steps=120, seed=0, device="cpu")
    return made.model


@torch.no_grad()
def bits_twice(model, x):
    """Bits per pixel as reported in one pass, and pixel by pixel, the rest blank."""
    logits = model.logits(x), with_nonsense(model, x, torch.zeros_like(x))
    return [-autoregressive.level_log_prob(each, x).mean().item() / 64 / math.log(2)
        for each in logits]  # fmt: skip


leaking, sealed = short_plain("B"), short_plain("A")
some_digits = torch.tensor(test.x[:60]).long()
leak, sound = (bits_twice(each, some_digits) for each in (leaking, sealed))
for name, (reported, true) in (("leak", leak), ("sound", sound)):
    print(f"{name}: reports {reported:.2f} bits per pixel, is {true:.2f}")

# %%
check("the leak reports less than 1.2 bits per pixel", leak[0], 1.2, relation="<=",
      control={"the sound network": sound[0]})  # fmt: skip
check("and costs more than no model at all, log2 17", leak[1], math.log2(17),
      relation=">=", control={"the sound network": sound[1]})  # fmt: skip
check("the sound network reports what it costs", sound[0], sound[1], atol=1e-4)
drawn_wrong, drawn_right = (each.sample(10, rng=torch.Generator().manual_seed(0))
    for each in (leaking, sealed))  # fmt: skip
show(pictures.strips([("leak", drawn_wrong), ("sound", drawn_right)], (8, 8)),
     alt="Two rows of ten samples: those of the leaking network are almost blank "
     "paper, those of the sound one after the same short training have "
     "strokes.")  # fmt: skip

# %% [markdown]
# The cure is the test of section 3, once, at random weights, before any training: the Jacobian on and above the diagonal, or one pixel at a time with nonsense behind it. Other leaks that it finds: a horizontal stack that feeds the vertical one, stacks shifted by one row against each other, normalisation over the image.
#
# **A mean for a sum.** The likelihood of an image is a *sum* over its pixels. A loss that averages over pixels trains the same network (the gradient is 64 times smaller, Adam hardly minds), but as a number it is bits per pixel in disguise: compared with another paper's nats per image it looks 64 times better.

# %%
x_few = torch.tensor(train.x[:32])
with torch.no_grad():
    per_image = short.model.loss(x_few)
    per_pixel = torch.nn.functional.cross_entropy(
        short.model.logits(x_few).flatten(0, 1), x_few.long().flatten()
    )
check("nats per image = 64 times the mean over pixels", per_image, 64 * per_pixel,
      rtol=1e-5)  # fmt: skip

# %% [markdown] slide="slide"
# ## 11 · Summary
#
# | Claim | Where it was checked | Code in [`coursekit/autoregressive`](../coursekit/autoregressive) |
# | --- | --- | --- |
# | chain rule: the sum of log conditionals is log p, in all 24 orders; logistic regressions mind the order | section 1 | |
# | log p of an image by hand; all images sum to 1; samples follow | section 2 | `FullyVisibleBeliefNet` |
# | MADE: paths and slopes only from earlier to later; log 2 per exclusive or | section 2 | `MADE` |
# | masked convolution by hand; one pass = d conditionals one by one | section 3 | `MaskedConv2d`, `causal_mask` |
# | blind spot: Jacobian = formula; two stacks see exactly the past; a copy in the blind spot is a coin | section 4 | `seen_pixels`, `PixelCNN` |
# | row LSTM: teacher-forced = state carried along | section 5 | `PixelRNN` |
# | discretised logistic sums to 1; stable far out; bell or counting, by the number of examples | section 6 | `discretized_logistic_log_prob` |
# | digits: gated ahead of plain, flow and regressions, three stored seeds | section 7 | `recipe` |
# | with fixed groups, parallel drawing costs the sum of conditional total correlations, with random ones at most the mean of that; in a small world, choosing by confidence is worse than choosing by chance from three steps on | section 8 | `MaskGIT`, `steps_to_reveal` |
# | a leak reports few bits and costs more than no model | section 10 | |
#
# ### Five questions
#
# <details><summary>1. Why does no autoregressive model need a partition function?</summary>
# Each conditional is normalised by its own softmax, and a product of conditionals that sum to 1 sums to 1 over all images.
# </details>
#
# <details><summary>2. A colleague uses mask A in all layers. Does it leak? Is anything lost?</summary>
# It does not leak: mask A allows less than mask B. But a layer can no longer use what the layer below found at its own place: each has to step at least one place back in reading order. In a bare stack, from the second layer on the left neighbour is not seen at all, and with every further layer one more pixel to the left is lost: the pixels that tell most. Residual or skip connections, such as ours, keep what the first layer saw, but the later layers add less than they could.
# </details>
#
# <details><summary>3. From three rows above, how far to the right does a plain 5 × 5 PixelCNN see, however deep it is?</summary>
# Six columns: e ≤ d r with r = 2 and d = 3.
# </details>
#
# <details><summary>4. A PixelCNN of 28 × 28 pixels is sampled with one pass per pixel. How many passes, and how many of the conditionals computed are thrown away?</summary>
# 784 passes of 784 conditionals each; one per pass is used, so 783 of 784 are thrown away.
# </details>
#
# <details><summary>5. Two pixels are always equal, black or white with equal chance. What does it cost to draw both in one step?</summary>
# Their total correlation: log 2 + log 2 − log 2 = log 2 nats, one bit. Half of the samples are broken.
# </details>
#
# **Homework:** [`hw06_autoregressive_images`](homework/release/hw06_autoregressive_images/hw06_autoregressive_images.ipynb): a chain by hand, a mask to design and prove, a mixture of discretised logistics that never underflows, the cost of parallel drawing, and a leak to explain. [Solutions](../notebooks/homework/source/hw06_autoregressive_images/hw06_autoregressive_images.ipynb) are in a folder of their own.
#
# **References.** B. Frey (1998), *Graphical models for machine learning and digital communication*. M. Germain, K. Gregor, I. Murray and H. Larochelle (2015), *MADE: masked autoencoder for distribution estimation*. A. van den Oord, N. Kalchbrenner and K. Kavukcuoglu (2016), *Pixel recurrent neural networks*. A. van den Oord and others (2016), *Conditional image generation with PixelCNN decoders*. T. Salimans, A. Karpathy, X. Chen and D. Kingma (2017), *PixelCNN++*. B. Uria, I. Murray and H. Larochelle (2014), *A deep and tractable density estimator*. H. Chang and others (2022), *MaskGIT: masked generative image transformer*.
