# ---
# jupyter:
#   coursekit:
#     cpu_seconds: 38
#     minutes: 120
# ---

# %% [markdown] slide="slide"
# # 13 · Training GANs: rules of thumb, batches, looking ahead, and what to do with a generator
#
# **After this notebook you can** build a DCGAN and say what each of its rules is worth on your data, explain what batch normalisation does to a game and how to undo it, show a discriminator a whole batch, write an unrolled step and judge whether it pays, and use a trained generator: walk between codes, test it for copies, and search the code of a picture of which you have only a part.
#
# **Time:** two hours to work through; it runs in under a minute. **You need:** [notebook 12](12_gan_optimal_discriminator.ipynb) (the game, $D^*$, the $\log D$ trick) and a little of [notebook 14](14_wgan.ipynb) for the checklist. **It follows** the GAN zoos of the unsupervised learning deck, the generative models deck and the GAN deck. **It adds** the measurements: every rule is left out once, and the remedies are put beside controls, with the seconds of each. **Not here:** conditional GANs, pix2pix and CycleGAN are in notebook 15.
#
# Runs that are too long for a notebook were stored; one of them is repeated here before your eyes.

# %%
import numpy as np
import torch
import torch.nn.functional as F
from scipy import stats
from torch.func import functional_call

from coursekit import data, gan, gan_training, plots
from coursekit.checks import check

plots.use_course_style()

# %% [markdown] slide="slide"
# ## 1 · Why is it hard?
#
# Gradient descent on one loss goes downhill until it cannot. A GAN has two losses, each of which moves the other's landscape. You have met the troubles one at a time. Here is the list that a practitioner goes through when a run fails:
#
# | Trouble | Seen in | Remedies |
# | --- | --- | --- |
# | a sure discriminator hardly moves the generator | 12, section 5 | the $\log D$ trick; least squares (section 7) |
# | no overlap, no slope: the JSD stays at $\log 2$ | 12, section 3; all of 14 | instance noise; a Wasserstein critic |
# | the two players circle around the equilibrium | 12, section 7 | a penalty on slopes (R1); averaged weights |
# | mode collapse | 12, section 8 | sections 5 and 6 |
# | the losses do not say how good the samples are | 12, section 6 | judge samples: Fréchet distance, precision, recall |
#
# Saturation, missing overlap, circling and collapse can each be seen again in a few lines of code.

# %%
score = torch.tensor([-6.0], dtype=torch.float64)  # a sure discriminator
score.requires_grad_()
push = [
    torch.autograd.grad(gan.generator_loss(score, objective=each), score)[0].item()
    for each in ("minimax", "non_saturating")
]
D = torch.sigmoid(score).item()
check("slopes of the two losses are as D to 1 - D", push[0] / push[1], D / (1 - D),
      rtol=1e-12)  # fmt: skip

x = np.linspace(-15, 15, 6001)
dx = x[1] - x[0]
apart = [gan.jensen_shannon(stats.norm.pdf(x, -5, 0.3), stats.norm.pdf(x, at, 0.3), dx)
      for at in (2, 8)]  # fmt: skip
check("without overlap the JSD is log 2, near or far", apart, np.log(2), atol=1e-9)

r = 0.1  # learning rate of both players on J = xy, taking turns
turn = np.array([[1 - r**2, -r], [r, 1]])
check("taking turns on J = xy circles: |eigenvalues| = 1",
      np.abs(np.linalg.eigvals(turn)), 1, atol=1e-12)  # fmt: skip

rng = np.random.default_rng(13)
cost = rng.normal(size=6)  # of six points; D is held fixed
models = rng.dirichlet(np.ones(6), size=1000)  # a thousand distributions on them
check("against a fixed D no distribution beats a single point", models @ cost,
      cost.min(), relation=">=",
      theorem="a mean is at least its smallest term")  # fmt: skip

# %% [markdown]
# The last line is mode collapse in a nutshell. Freeze $D$, and the generator's best reply is to put *everything* on the point that $D$ likes best. Whatever keeps a generator varied must come from $D$'s reaction, or from a $D$ that sees more than one sample at a time.
#
# **A judge for this notebook.** A small classifier of real digits looks at the samples. In its last hidden layer we compute the *Fréchet distance* (FD) between samples and test digits (each cloud is summarised by its mean and covariance, and the two summaries are compared; 0 if they agree), and *precision* (share of samples near real digits) and *recall* (share of real digits near samples). Training digits against test digits give the floor. (*Density* and *coverage*, two cousins of precision and recall, are printed once and not used here.)

# %% tags=["nbval-ignore-output"]
from coursekit.evaluation import frechet_distance, nearest_share, precision_recall
from coursekit.gan_training import recipe

train, test = data.mini_mnist().split()
x_train, x_test = (recipe.pictures(part) for part in (train, test))  # in [-1, 1]
judge = recipe.judge(train)
real, of_train = (judge.features(x.flatten(1)) for x in (x_test, x_train))
print(f"training digits against test digits: FD {frechet_distance(of_train, real):.1f}")
print(precision_recall(real, of_train[:1000]))

# %% [markdown] slide="slide"
# ## 2 · Pictures need convolutions: up as well as down
#
# **Question.** A discriminator shrinks an image to one number with strided convolutions. What is the way back, from a few numbers to an image?
#
# **Intuition.** A convolution is a matrix $C$ with many zeros and few different entries: each output is a weighted sum of some inputs. Walk the same connections backwards, and every small pixel *stamps* its weighted copy of the kernel onto the large image. That is multiplication by $C^\top$, a **transposed convolution**. (Some call it "deconvolution". It is no inverse: $C$ throws information away.)
#
# **Formula.** It is the *adjoint*: $\langle C x,\, y\rangle = \langle x,\, C^\top y\rangle$ for all $x$ and $y$. So it is also what backpropagation does to a gradient on its way through a convolution.

# %%
torch.manual_seed(13)
kernel = torch.randn(1, 1, 4, dtype=torch.float64)
unit = torch.eye(8, dtype=torch.float64)[:, None]  # eight unit vectors, one channel
C = F.conv1d(unit, kernel, stride=2, padding=1)[:, 0].T  # (4, 8), one column for each
y = torch.randn(4, dtype=torch.float64)
up = F.conv_transpose1d(y[None, None], kernel, stride=2, padding=1)[0, 0]
check("transposed convolution = multiplication by C'", C.T @ y, up, atol=1e-14,
      control={"the pseudo-inverse of C": torch.linalg.pinv(C) @ y})  # fmt: skip

grow = gan_training.growing(3, 2, (14, 14)).double()
shrink = gan_training.shrinking(2, 3).double()
shrink.load_state_dict({"weight": grow.weight, "bias": torch.zeros(3)})
large, small = torch.randn(2, 14, 14).double(), torch.randn(3, 7, 7).double()
grown = grow(small[None])[0] - grow.bias[:, None, None]
check("<C x, y> = <x, C' y> in two dimensions, with channels",
      (shrink(large[None])[0] * small).sum(), (large * grown).sum(),
      atol=1e-10)  # fmt: skip

# %% [markdown]
# **Predict before you run:** enlarge a constant image with a kernel of ones and stride 2. For a kernel of 4 × 4, how many small pixels reach each large pixel? And for 3 × 3?
#
# <details><summary>Answer</summary>
#
# Kernel 4, stride 2: two along each side, so 4 everywhere inside. Kernel 3, stride 2: along a side alternately one and two, so 1, 2 or 4 in the plane: a checkerboard, before anything has been learned.
# </details>

# %%
from coursekit.gan_training import pictures

constant, kernels = torch.ones(1, 1, 5, 5), [torch.ones(1, 1, k, k) for k in (3, 4)]
stamps = [F.conv_transpose2d(constant, k, stride=2, padding=1)[0, 0] for k in kernels]
levels = [len(stamp[1:-1, 1:-1].unique()) for stamp in stamps]
check("inner pixels have one level of brightness with kernel 4, stride 2", levels[1], 1,
      control={"kernel 3, stride 2": levels[0]})  # fmt: skip
titles = ["kernel 3, stride 2: a checkerboard", "kernel 4, stride 2: even inside"]
plots.show(pictures.counts_of_inputs([s.numpy() for s in stamps], titles),
           alt="How many inputs reach each pixel of an enlarged constant image. With "
           "kernel 3 and stride 2 the numbers 1, 2 and 4 alternate in a checkerboard; "
           "with kernel 4 they are all 4 inside and fewer only at the "
           "rim.")  # fmt: skip

# %% [markdown]
# The rule follows: let the stride divide the kernel. (The other way out is to enlarge by repeating pixels and then convolve with stride 1.) With kernel 4 the rim is reached by fewer small pixels; a network learns its way round that.

# %% [markdown] slide="slide"
# ## 3 · DCGAN: five rules, and what each is worth
#
# Radford, Metz and Chintala (2016) tried many networks and kept what trained. Their **deep convolutional GAN** is five rules:
#
# 1. strided and transposed convolutions do the shrinking and growing: no pooling;
# 2. batch normalisation after the hidden layers, but not at the pixels (the generator's last layer, the discriminator's first);
# 3. no fully connected hidden layers;
# 4. ReLU in the generator, tanh at its end;
# 5. leaky ReLU in the discriminator: $\max(u,\, 0.01\,u)$ here, $0.2\,u$ in the paper.
#
# The paper argues from pictures. So let us do the **ablation**: leave out one rule at a time, keep everything else, including the number of updates, and measure.

# %%
generator, discriminator = gan_training.dcgan((1, 14, 14), n_latent=32)
h = torch.randn(2, 32)
for layer in generator:
    h = layer(h)
    print(f"{type(layer).__name__:16} {' x '.join(map(str, h.shape[1:]))}")

# %% [markdown]
# We repeat the first stored row now: all five rules, seed 0. The other rows come from the file.

# %% tags=["nbval-ignore-output"]
rules = data.results("gan_training_rules")
print(rules)
game = recipe.variant("all five rules", x_train, seed=0)


def fd_of(images):
    """Fréchet distance of images in [-1, 1] to the test digits, as the judge sees."""
    return frechet_distance(judge.features(images.detach().flatten(1)), real)


# %%
stored_fd = rules.column("fd", model="all five rules", seed=0)[0]
again = fd_of(game.sample(2000, rng=torch.Generator().manual_seed(0)))
check("the stored run, repeated: FD within a quarter", again / stored_fd, 1, atol=0.25,
      control={"an untrained generator":
               fd_of(generator(torch.randn(2000, 32))) / stored_fd})  # fmt: skip

# %%
ablation = [name for name in recipe.VARIANTS if name[0] in "a12345"]


def measured(names, keys=("fd", "precision", "recall")):
    """Stored measures of variants, each (names, seeds)."""
    return [np.array([rules.column(key, model=name) for name in names]) for key in keys]


plots.show(pictures.rules_left_out(ablation, *measured(ablation),
                                   title="two rules decide, two hardly matter here"),
           alt="Fréchet distance, precision and recall of DCGAN with each rule left "
           "out, three seeds each. Without batch norm and with a dense hidden layer "
           "the distance is about ten times larger and recall is zero; a dense layer "
           "with batch norm is worse still in two seeds, and three times as far off in "
           "the third; with a linear "
           "output it is a fifth to two fifths larger; pooling and ReLU in the "
           "discriminator change little.")  # fmt: skip

# %% [markdown] slide="subslide"
# **Two rules decide.** Without batch norm, or with a dense hidden layer, this game collapses: recall is zero. With a linear output instead of tanh every seed is worse, by a fifth to two fifths. Strides instead of pooling hardly change the distance, but pooling takes twice the time. With ReLU in the discriminator all three seeds are a little worse, by a tenth on average, which is not much to build a rule on. Look at the samples before you trust the numbers.

# %%
all_five = rules.column("fd", model=ablation[0])
times = {name: rules.column("fd", model=name) / all_five.mean()
      for name in ablation[1:]}  # fmt: skip
_, pooled, no_norm, dense, normed, no_tanh, relu = ablation
check("no batch norm, or a dense layer: FD over five times that of all rules, 3 seeds",
      [times[no_norm], times[dense]], 5, relation=">=",
      control={name: times[name] for name in (pooled, no_tanh, relu)})  # fmt: skip
check("linear output: every seed worse than every seed of the whole",
      rules.column("fd", model=no_tanh).min(), all_five.max(), relation=">=",
      control={pooled: rules.column("fd", model=pooled).min()})  # fmt: skip
rows = [rules.arrays[name] / 255 for name in ablation]
plots.show(pictures.labelled_rows(rows, ablation, (14, 14),
                                  title="ten samples each, seed 0, not chosen"),
           alt="Seven rows of ten generated digits. Four rows show digits of all "
           "kinds; without batch norm and with a dense hidden layer, normalised or "
           "not, one or two blots are repeated.")  # fmt: skip

# %% [markdown]
# Two cautions. Breaking rule 3 also broke rule 2, for the dense layer had no batch norm of its own. The row below it has one, in both networks, and collapses all the same in two seeds of three. And all rows have the learning rate that suits the whole. Without batch norm a smaller rate may well train; what the table shows is that batch norm *allows* this one.
#
# Or were these rows only slow? Here they have three times the steps:

# %%
slow = data.results("gan_training_rules_longer")
for name in (ablation[0], no_norm, dense, normed):
    fd, recall, classes = (
        slow.column(key, model=name) for key in ("fd", "recall", "classes")
    )  # fmt: skip
    print(f"900 steps, {name:28} FD", *(f"{value:4.0f}" for value in fd), "  recall",
          *(f"{value:.3f}" for value in recall), "  classes", *classes)  # fmt: skip
check("three times the steps: still over five times the FD of all rules, 3 seeds",
      [slow.column("fd", model=name) for name in (no_norm, dense, normed)],
      5 * slow.column("fd", model=ablation[0]).max(), relation=">=",
      control={"all rules, a third of the steps": all_five})  # fmt: skip

# %% [markdown]
# Without batch norm the samples get better and most classes appear, but recall stays at a few in a thousand. With the dense layer nothing improves. It was not for want of time.

# %% [markdown]
# **With more time.** Now let the whole DCGAN run longer, beside the recipe of notebook 12: two dense layers of 256 on each side, instance noise, the spread of the batch. That recipe keeps a second set of settings for short runs, with a quarter of the batch (64) and a larger rate for the generator. All three get the same CPU seconds, 26 and then 60, and their rates and noise fade over the seconds that they get.
#
# **Predict before you run:** who wins after 26 seconds, and who after 60?

# %%
longer = data.results("gan_training_digits")
print(longer)
players = ["DCGAN", "recipe of lecture 12", "recipe of lecture 12, for short runs"]
ours, plain, quick = players
budgets, keys = (26, 60), ("fd", "precision", "recall", "steps")
for budget in budgets:
    for name in players:
        fd, precision, recall, steps = (
            longer.column(key, model=name, budget=budget) for key in keys)  # fmt: skip
        print(f"{budget} s, {name:36} FD", *(f"{value:4.1f}" for value in fd),
              f"  means {fd.mean():4.1f}, precision {precision.mean():.2f}, "
              f"recall {recall.mean():.2f}, {steps.mean():.0f} steps")  # fmt: skip
print(f"training digits: FD {longer.column('fd', model='training digits')[0]:.1f}")
distances = np.array([  # (budgets, players, seeds)
    [longer.column("fd", model=name, budget=budget) for name in players]
    for budget in budgets])  # fmt: skip
check("26 s: DCGAN, and dense layers with the short settings: FD at most 15, 3 seeds",
      distances[0, [0, 2]], 15, relation="<=",
      control={"dense layers, settings for a long run": distances[0, 1]})  # fmt: skip
check("60 s: all of them at most 10", distances[1], 10, relation="<=",
      control={"DCGAN, 300 steps": all_five})  # fmt: skip

# %%
check("DCGAN, all runs: recall at least 0.85", longer.column("recall", model=ours),
      0.85, relation=">=", control={
          "dense layers": longer.column("recall", model=plain),
          "dense, short settings": longer.column("recall", model=quick)})  # fmt: skip
check("dense layers, short settings, all runs: precision at least 0.74",
      longer.column("precision", model=quick), 0.74, relation=">=",
      control={"DCGAN": longer.column("precision", model=ours)})  # fmt: skip
check("DCGAN, all ten classes: each has 2 % of the samples",
      longer.column("smallest class", model=ours), 0.02, relation=">=",
      control={"no batch norm":
               rules.column("smallest class", model=no_norm)})  # fmt: skip
rows = [longer.arrays[name][:10] / 255 for name in players]
plots.show(pictures.labelled_rows(
    rows, ["DCGAN", "dense layers", "dense, short settings"], (14, 14),
    title="after 26 seconds each, seed 0, not chosen"),
           alt="Ten samples each after the same time: of DCGAN, with clean strokes; of "
           "dense layers with the settings for a long run, two of them blots that are "
           "no digit; and of dense layers with the short settings, digits with grey "
           "specks around them.")  # fmt: skip

# %% [markdown]
# After 26 seconds DCGAN seems far ahead of notebook 12's recipe: a distance of 7.8 beside 33.5, on average. But look at the third row of the table. *The same dense networks*, with smaller batches and a larger rate, come to 8.6 in the same seconds, and in one seed of three they are ahead. So the large gap says little about convolutions. It says that settings for a long run suffer badly when it is cut short. After 60 seconds all three are level: 6.5, 7.3 and 6.4.
#
# What is left of the five rules? Recall: in every run DCGAN reaches more of the data than the dense networks do, while the short settings win in precision. (The dense networks leave specks around their digits, which this judge hardly minds.) And DCGAN needs a third of the *steps*, each of which takes three times as long. With one rival at one budget we should have told you that its rules are worth a factor of four.

# %% [markdown] slide="slide"
# ## 4 · What batch normalisation does to a game
#
# Rule 2 was one of the two that decided. What does the layer do? For each feature it subtracts the mean over the batch and divides by the standard deviation over the batch,
#
# $$\hat x_i = \frac{x_i - \mu}{\sqrt{\sigma^2 + \varepsilon}}, \qquad \mu = \frac1n \sum_j x_j, \qquad \sigma^2 = \frac1n \sum_j (x_j - \mu)^2 .$$
#
# **Question.** Sample $i$ is normalised by numbers to which all the others contribute. So what a generator draws for one code depends on the codes that happen to be drawn beside it. How strongly?
#
# **Formula.** Take the Jacobian $\partial \hat x_i / \partial x_j$. For independent samples it is zero whenever $i \ne j$. We call the size of what is off the diagonal, relative to the diagonal, the **coupling**. Salimans and others (2016) proposed two remedies:
#
# - **reference batch norm**: $\mu$ and $\sigma$ come from a batch of codes chosen once and kept for good. No coupling, but the network can overfit to that batch.
# - **virtual batch norm**: for sample $i$, $\mu$ and $\sigma$ come from the reference batch *and sample $i$ itself*.
#
# A deck describes the second as "the reference batch plus the current batch". Let us see whether the wording matters.


# %%
def normalise(x, seen):
    """Rows x (n, d) with the mean and variance of the rows `seen`."""
    return (x - seen.mean(0)) / (seen.var(0, correction=0) + 1e-5).sqrt()


torch.manual_seed(4)
reference = 1 + 2 * torch.randn(16, 3, dtype=torch.float64)  # chosen once
batch = 1 + 2 * torch.randn(8, 3, dtype=torch.float64)


def virtual(x):
    """Each row with the mean and variance of the reference batch and of itself."""
    own = [normalise(row, torch.cat([reference, row])) for row in x.split(1)]
    return torch.cat(own)


layers = {
    "batch norm": lambda x: normalise(x, x),
    "reference": lambda x: normalise(x, reference),
    "as the deck says": lambda x: normalise(x, torch.cat([reference, x])),
    "virtual": virtual,
}
norm = gan_training.VirtualBatchNorm(reference)
check("virtual batch norm, row by row = coursekit", layers["virtual"](batch),
      norm(batch), atol=1e-12)  # fmt: skip
of_torch = torch.nn.BatchNorm1d(3).double()
check("plain batch norm by hand = PyTorch", layers["batch norm"](batch),
      of_torch(batch), atol=1e-12)  # fmt: skip

# %%
jacobian = torch.autograd.functional.jacobian  # here of shape (8, 3, 8, 3)
jacobians = {name: jacobian(layer, batch).square().sum((1, 3)).sqrt()
             for name, layer in layers.items()}  # fmt: skip
coupled = {name: gan_training.coupling(layer, batch) for name, layer in layers.items()}
for name, size in jacobians.items():
    off = size - size.diag().diag()
    check(f"coupling by hand = coursekit, {name}", off.norm() / size.diag().norm(),
          coupled[name], atol=1e-12)  # fmt: skip
check("reference and virtual batch norm leave samples independent",
      [coupled["reference"], coupled["virtual"]], 0,
      control={"the deck's wording": coupled["as the deck says"]})  # fmt: skip
print(", ".join(f"{name}: {value:.2f}" for name, value in coupled.items()))
plots.show(pictures.who_feels_whom([size.numpy() for size in jacobians.values()],
                                   list(jacobians)),
           alt="Four matrices of the size of the derivative of each sample's output in "
           "each sample's input. Reference and virtual batch norm are diagonal; plain "
           "batch norm and the deck's version have shaded cells off the "
           "diagonal.")  # fmt: skip

# %% [markdown]
# The deck's version is milder than plain batch norm and still couples. The word *itself* matters. Virtual batch norm costs a second forward pass, of the reference batch, at every step; that is one reason why most people live with plain batch norm, train on fairly large batches, and freeze running averages of $\mu$ and $\sigma$ for use.
#
# **A trap with averaged weights.** Those running averages belong to the weights of the last steps. If you average the weights afterwards, as the recipes of notebook 12 do, the two need not fit; `gan_training.recompute_statistics` measures $\mu$ and $\sigma$ anew.
#
# **And in the discriminator?** Suppose that the generator has collapsed: all fakes are equal. Then $x_j = \mu$ for all of them, and what leaves the layer is zero, *whichever* point they sit on.

# %%
places = torch.tensor([[-3.0, 0.0, 5.0], [4.0, 1.0, -2.0]],
      dtype=torch.float64)  # two ways to collapse  # fmt: skip
after = torch.stack([layers["batch norm"](place.repeat(8, 1)) for place in places])
check("a collapsed batch leaves batch norm as zeros, wherever it sits", after, 0,
      atol=1e-12,
      control={"virtual batch norm": layers["virtual"](places)})  # fmt: skip

# %% [markdown]
# A discriminator whose first layer were batch norm could not tell these two apart: one more reason for "not at the pixels".

# %% [markdown] slide="slide"
# ## 5 · A discriminator that sees the whole batch
#
# **Question.** Coupling is a fault in a generator. Can it be a merit in a discriminator?
#
# **Intuition.** One perfect banknote is a good forgery. A suitcase of banknotes with the *same serial number* is not, but you have to look at two notes to notice. **Minibatch discrimination** (Salimans and others 2016) tells the discriminator, for each sample, how near the others in its batch are.
#
# **Formula.** A learned tensor $T$ maps the features $f_i$ of sample $i$ to $B$ rows of $C$ numbers, $M_i \in \mathbb R^{B \times C}$. Row $b$ of two samples is compared in $L_1$ distance:
#
# $$o(x_i)_b = \sum_{j=1}^n \exp\big(-\lVert M_{i,b} - M_{j,b} \rVert_1\big) .$$
#
# The $B$ numbers $o(x_i)$ are appended to $f_i$. The sum includes $j = i$, which adds 1.


# %% tags=["slide-code"]
def closeness(f, T):
    """o (n, B) of features f (n, d) by a tensor T (d, B, C)."""
    M = torch.einsum("nd,dbc->nbc", f, T)
    distance = (M[:, None] - M[None, :]).abs().sum(-1)  # (n, n, B)
    return torch.exp(-distance).sum(1)


layer = gan_training.MinibatchDiscrimination(3, 4, 5).double()
T = layer.directions.detach()
o = closeness(batch, T)
check("minibatch features by hand = coursekit", o, layer.closeness(batch), atol=1e-12)
check("at least 1: each sample is near itself", o, 1, relation=">=",
      theorem="exp(0) is one of the terms")  # fmt: skip
check("at most n", o, len(batch), relation="<=", theorem="exp(-distance) is at most 1")
shuffled = torch.randperm(8)
check("shuffle the samples, and the features follow", closeness(batch[shuffled], T),
      o[shuffled], atol=1e-12)  # fmt: skip
check("a collapsed batch of n has n everywhere", closeness(batch[:1].repeat(8, 1), T),
      8, atol=1e-12, control={"a batch that is not collapsed": o})  # fmt: skip

# %% [markdown]
# **What does the generator feel?** It wants to look like data, so it moves its samples apart, along $\partial o / \partial x$. Let us draw this slope while the batch closes in on a single point.
#
# **Predict before you run:** how large is the slope when the samples almost coincide? And when they coincide exactly?
#
# <details><summary>Answer</summary>
#
# Almost: full size. The $L_1$ distance has a kink at zero, so its slope does not fade. Exactly: zero, by convention. At the kink $|u|$ has no derivative; PyTorch takes 0, the mean of the slopes on its two sides, since no direction is preferred. (Exactly is rare: if the features of equal samples are rounded differently, as some processors do, the slope is back at full size.)
# </details>


# %%
shape = torch.randn(32, 3, dtype=torch.float64)
# Of few bits, so that no product is rounded: equal samples have equal features.
point, T = ((64 * each).round() / 64 for each in (batch[:1], T))


def slope_of(feature, spread):
    """Mean length of d (sum of features) / d x_i in a batch of this spread."""
    x = (point + spread * shape).requires_grad_()
    (slope,) = torch.autograd.grad(feature(x).sum(), x)
    return slope.norm(dim=1).mean().item()


spreads = np.geomspace(1e-5, 10, 31)
seen_by = {
    "minibatch features": lambda f: closeness(f, T),
    "spread of the batch": lambda f: gan.MinibatchStd()(f)[:, -1],
}
curves = {name: np.array([slope_of(f, s) for s in spreads])
          for name, f in seen_by.items()}  # fmt: skip
f, step = batch.clone().requires_grad_(), 1e-6 * torch.randn(8, 3, dtype=torch.float64)
(slope,) = torch.autograd.grad(closeness(f, T).sum(), f)
change = closeness(batch + step, T).sum() - closeness(batch - step, T).sum()
check("the slope = finite differences", (slope * step).sum(), change / 2, rtol=1e-4)
check("at a perfect collapse the slope is exactly 0",
      [slope_of(f, 0.0) for f in seen_by.values()], 0, atol=1e-10,
      control={"spread 0.00001": [curve[0] for curve in curves.values()]})  # fmt: skip
check("but just beside it the minibatch features push as hard as at 0.01",
      curves["minibatch features"][0],
      0.9 * np.interp(0.01, spreads, curves["minibatch features"]), relation=">=",
      control={"the collapse itself":
               slope_of(seen_by["minibatch features"], 0.0)})  # fmt: skip

# %%
plots.show(pictures.slopes_near_collapse(spreads,
                                         [c / c.max() for c in curves.values()],
                                         list(curves)),
           alt="Slope of two batch features against the spread of the batch, relative "
           "to its maximum. The minibatch features keep their full slope down to the "
           "smallest spread and lose it above a tenth; the standard deviation keeps it "
           "at large spreads and loses it below a thousandth; at exactly zero both are "
           "zero.")  # fmt: skip

# %% [markdown]
# So the remedy works *near* a collapse and has nothing to say *at* one. (The spread fades only below $10^{-4}$: that is the $10^{-8}$ under its root, which keeps its gradient finite. Far from a collapse it is the other way round: the spread keeps its slope, while the exponential no longer feels distant samples.) In practice a generator with a continuous code never sits there exactly. How well the remedy works is measured in the next section, on the same footing as its rival.

# %% [markdown] slide="slide"
# ## 6 · Looking ahead: the unrolled GAN
#
# **Question.** The generator piles up where $D$ likes it, $D$ reacts, the generator moves on. Could the generator foresee the reaction?
#
# **Intuition.** A chess player who looks only at the present position walks into every trap. Look a few of the opponent's replies ahead.
#
# **Formula.** Metz and others (2017) let a *copy* of the discriminator make $K$ steps of gradient descent with learning rate $\eta$ on its own loss,
#
# $$\phi_0 = \phi, \qquad \phi_{k+1} = \phi_k - \eta\, \nabla_\phi L_D(\theta, \phi_k),$$
#
# and the generator descends the value of the game against $\phi_K$, which is itself a function of $\theta$. By the chain rule
#
# $$\frac{d}{d\theta} V(\theta, \phi_K(\theta)) = \underbrace{\frac{\partial V}{\partial \theta}}_{\text{against } \phi_K \text{ as it is}} + \underbrace{\frac{\partial V}{\partial \phi_K}\, \frac{d \phi_K}{d \theta}}_{\text{how } D \text{ would react}} .$$
#
# Mind that $V$ is the *whole* value: its real part, $\mathbb E_\text{data} \log D$, depends on $\theta$ too, by way of $\phi_K$. The copy is then thrown away, and the real discriminator makes its ordinary step. With $K = 0$ this is the game of notebook 12. (One may take the $-\log D$ loss instead of $V$; we shall try both.) By hand, one step:


# %% tags=["slide-code"]
def one_step_ahead(game, z, real, rate):
    """Value of the game against the discriminator one gradient step from now."""
    fake = game.generator(z)
    phi = dict(game.discriminator.named_parameters())
    loss = game.opponent_loss(real, fake)
    slopes = torch.autograd.grad(loss, list(phi.values()), create_graph=True)
    steps = zip(phi, slopes, strict=True)
    ahead = {name: phi[name] - rate * slope for name, slope in steps}
    s_real = functional_call(game.discriminator, ahead, (real,))
    s_fake = functional_call(game.discriminator, ahead, (fake,))
    return -F.softplus(-s_real).mean() - F.softplus(s_fake).mean()


def small_game(objective):
    torch.manual_seed(6)
    Linear, Tanh = torch.nn.Linear, torch.nn.Tanh
    G = torch.nn.Sequential(Linear(2, 8), Tanh(), Linear(8, 2))
    D = torch.nn.Sequential(Linear(2, 8), Tanh(), Linear(8, 1))
    return gan.GAN(G, D, n_latent=2, objective=objective).double()


z, near = torch.randn(20, 2).double(), torch.randn(20, 2).double()
small = small_game("minimax")
unrolled_loss = gan_training.unrolled_generator_loss
by_package = unrolled_loss(small, z, near, n_steps=1, learning_rate=0.3)
at_once = unrolled_loss(small, z, near, n_steps=0, learning_rate=0.3)
check("one step by hand = coursekit", one_step_ahead(small, z, near, 0.3), by_package,
      atol=1e-12, control={"no step": at_once})  # fmt: skip

# %% [markdown]
# `create_graph=True` is the crux: PyTorch keeps the graph of the *gradient*, so that the step itself can be differentiated. Is the total derivative right? Move one weight of the generator a little, both ways, with five steps ahead. As a control we take the five steps as given, without their derivative ("cut off").


# %%
def slope_ahead(game, **options):
    """d loss / d weight for the first weight of the generator, five steps ahead."""
    loss = unrolled_loss(game, z, near, n_steps=5, learning_rate=0.3, **options)
    return torch.autograd.grad(loss, game.generator[0].weight)[0][0, 0].item()


def loss_at(game, move):
    with torch.no_grad():
        game.generator[0].weight[0, 0] += move
    loss = unrolled_loss(game, z, near, n_steps=5, learning_rate=0.3)
    with torch.no_grad():
        game.generator[0].weight[0, 0] -= move
    return loss.item()


numeric = (loss_at(small, 1e-5) - loss_at(small, -1e-5)) / 2e-5
check("gradient through 5 steps = finite differences", slope_ahead(small), numeric,
      rtol=1e-6,
      control={"inner steps cut off":
               slope_ahead(small, differentiate=False)})  # fmt: skip

# %% [markdown] slide="subslide"
# **Where does it lead as $K$ grows?** Take a world of three points, so that $D$ is a table of three scores and everything can be computed. After many steps the copy *is* the best response $D^*$. The generator then descends the value at $D^*$, which is $2\,\mathrm{JSD} - \log 4$ by notebook 12. And the reaction term? At $D^*$ the value is at its maximum in $\phi$, so $\partial V/\partial\phi = 0$, and the term fades: cut off or not, the limit is the same. The $-\log D$ loss is *not* at an extremum there, and for it the reaction term stays.


# %%
p = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)  # data
start = torch.tensor([-0.5, 0.2, 1.0], dtype=torch.float64)  # the model: their softmax
along = torch.tensor([1.0, -0.5, -0.5], dtype=torch.float64)  # direction of slopes


def value(q, s):
    """The value of the game for a model q and a table of scores s."""
    return (p * F.logsigmoid(s) + q * F.logsigmoid(-s)).sum()


def table_game(n_steps, objective, cut=False):
    """(loss, slope along `along`) of the generator, n_steps of ascent ahead."""
    theta = start.clone().requires_grad_()
    q = theta.softmax(0)
    s = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    for _ in range(n_steps):
        seen = q.detach() if cut else q
        s = s + torch.autograd.grad(value(seen, s), s, create_graph=True)[0]
    s = s.detach() if cut else s
    loss = value(q, s) if objective == "value" else -(q * F.logsigmoid(s)).sum()
    return loss.item(), (torch.autograd.grad(loss, theta)[0] @ along).item()


def best_response(shift, objective):
    """The generator's loss where D* is computed anew, at start + shift * along."""
    q = (start + shift * along).softmax(0)
    if objective == "value":
        return value(q, (p / q).log()).item()
    return -(q * (p / (p + q)).log()).sum().item()


# %%
depths, kinds = [0, 1, 2, 5, 10, 20, 50, 100, 300], ("value", "-log D")
limits = [(best_response(1e-5, kind) - best_response(-1e-5, kind)) / 2e-5
      for kind in kinds]  # fmt: skip
slopes = [{way: [table_game(k, kind, way == "cut")[1] for k in depths]
           for way in ("through", "cut")} for kind in kinds]  # fmt: skip
q = start.softmax(0).numpy()
check("the value after 300 steps = 2 JSD - log 4", table_game(300, "value")[0],
      2 * gan.jensen_shannon(p.numpy(), q, 1) - np.log(4), atol=1e-9,
      control={"after 1 step": table_game(1, "value")[0]})  # fmt: skip
through, cut = ([slope[way][-1] for slope in slopes] for way in ("through", "cut"))
check("through the steps: the slope of the best response, both losses", through, limits,
      atol=1e-8, control={"cut off": cut})  # fmt: skip
check("cut off: the same limit for the value", cut[0], limits[0], atol=1e-8)
check("cut off: for -log D another one, over 0.05 away", abs(cut[1] - limits[1]), 0.05,
      relation=">=", control={"the value": abs(cut[0] - limits[0])})  # fmt: skip
plots.show(pictures.towards_the_best_response(
    depths, slopes, limits,
    ["value: cut off or not, the same limit", "−log D: cut off, a different limit"]),
           alt="Slope of the generator's loss over the number of inner steps. For the "
           "value of the game both curves, through the steps and cut off, end on the "
           "dotted line of the best response; for minus log D only the one through the "
           "steps does.")  # fmt: skip

# %% [markdown] slide="subslide"
# **Does it pay?** Eight narrow humps on a ring, 800 steps, in a regime chosen so that the plain game collapses: the generator learns five times as fast as the discriminator. All games share networks, rates and batches; inner steps have the rate $\eta = 0.1$. The generator plays for the value, as in the paper, or with the $-\log D$ loss, and a game should be compared only with games for the same loss. The settings were chosen on a seed other than the three shown.
#
# The unrolled game makes five extra (inner) discriminator steps for each step of the generator. Two controls, neither of which costs more, take its possible merits apart. **Cut off**: the same copies, but no derivative, so that the generator knows nothing of any reaction. And the plainest remedy there is: **give the real discriminator six steps**, with no looking ahead.

# %% tags=["nbval-ignore-output"]
rings = data.results("gan_training_ring")
print(rings)
repeated = recipe.ring_game("six steps of D, −log D", seed=0)  # one of them, now
live = recipe.ring_coverage(repeated)

# %%
stored_share = rings.column("good_share", model="six steps of D, −log D", seed=0)[0]
check("the stored run, repeated: share of good samples within 0.1", live["good_share"],
      stored_share, atol=0.1,
      control={"plain":
               rings.column("good_share", model="plain, −log D", seed=0)})  # fmt: skip
figure = pictures.rings_over_steps(
    rings.arrays["clouds"], data.toy2d("ring", 2, rng=0).centers,
    list(recipe.RING_SHOWN), rings.arrays["steps"])  # fmt: skip
plots.show(figure,
           alt="Samples of three games for the value, over the steps of the generator. "
           "The plain game sits in one place and moves about, at times nearly out of "
           "the frame; the unrolled game and the game with six discriminator steps "
           "spread over the ring and cover all eight at the end, the unrolled one "
           "with fewer samples between them.")  # fmt: skip


# %%
def of(key, *games):
    """One column of the table for some games, (games, seeds)."""
    return np.array([rings.column(key, model=name) for name in games])


def good(*games):
    return of("good_share", *games)


ahead, six = (
    [f"{way}, {loss}" for loss in ("value", "−log D")]
    for way in ("unrolled", "six steps of D")
)  # fmt: skip
cut_off = [f"{name}, cut off" for name in ahead]
plain_games = ("plain, value", "plain, −log D", "plain, three times as long")
check("unrolled on the value, cut off, and six steps: all 8 modes, 3 seeds",
      of("modes", ahead[0], *cut_off, *six), 8, relation=">=",
      control={"plain games": of("modes", *plain_games)})  # fmt: skip
check("value: cut off, no seed has fewer good samples than through the steps",
      good(cut_off[0]), good(ahead[0]), relation=">=",
      control={"six steps of D": good(six[0]), "plain": good("plain, value")})  # fmt: skip
check("−log D: cut off, every seed beats the best through the steps",
      good(cut_off[1]), good(ahead[1]).max(), relation=">=",
      control={"minibatch features": good("minibatch features")})  # fmt: skip
check("−log D: six steps, on average half as many good samples again",
      good(six[1]).mean(), 1.5 * good(ahead[1]).mean(), relation=">=",
      control={"minibatch features": good("minibatch features").mean()})  # fmt: skip

# %% tags=["nbval-ignore-output"]
names = list(dict.fromkeys(row["model"] for row in rings.rows))
print(f"{'':28} modes        good share          KL     CPU s")
for name in names:
    m, g, k, t = (of(key, name)[0] for key in ("modes", "good_share", "kl", "seconds"))
    print(
        f"{name:28} {m[0]:.0f} {m[1]:.0f} {m[2]:.0f}   {g.mean():7.2f} ({g.min():.2f} "
        f"to {g.max():.2f})   {k.mean():.3f}   {t.mean():.1f}"
    )  # fmt: skip

# %%
check("cut off, or six steps: on average at most three quarters of the time",
      of("seconds", *cut_off, *six).mean(1), 0.75 * of("seconds", *ahead).mean(),
      relation="<=",
      control={"minibatch features":
               of("seconds", "minibatch features").mean()})  # fmt: skip
check("copies, cut off or not, fill the modes evenly: KL at most 0.02 nats",
      of("kl", *ahead, *cut_off), 0.02, relation="<=",
      control={"six steps, −log D": of("kl", six[1])})  # fmt: skip
plots.show(pictures.good_share_and_seconds(names, of("seconds", *names), good(*names),
                                           of("modes", *names), n_modes=8),
           alt="Share of good samples and CPU seconds of eleven games, three seeds "
           "each. The plain games are at zero with modes missing. For the value, the "
           "unrolled game lies near a half, cut off a little above, six steps of D "
           "below; with minus log D the unrolled game lies lowest of the three, at "
           "zero in one seed. The unrolled games take one and a half times to nearly "
           "twice the time of their controls. Minibatch features lie between 0.2 and "
           "0.4, the spread of the batch below 0.1.")  # fmt: skip

# %% [markdown]
# (Where the plain row looks almost empty, the generator has left the frame.) Read the table one loss at a time.
#
# **For the value**, the game of the paper: the plain game collapses, and unrolling finds all eight modes, as the paper says. But cut the derivative off, and every seed has a few *more* good samples, in little more than half the time. So what helps is not that the generator foresees the answer. Six real steps of $D$ find all modes too, with fewer good samples in every seed. So the copies are worth something: the generator faces a discriminator that has caught up, and the real one is not carried along. Why this is better here, the table does not say.
#
# **With $-\log D$** the plain game collapses again, and three times the steps do not help it. Six real steps do about as well as the copies cut off. Unrolling *through* the steps is the worst of the three; in one seed it went astray altogether.
#
# The column KL says how far the shares of the eight modes are from one eighth each, in nats; 0 is even. There the copies win: six real steps leave some modes thin, most of all with $-\log D$.
#
# Two more rows, both with $-\log D$. Minibatch features find all modes with fewer good samples; the spread of the batch finds nearly all, with few good ones. None of this is a law: it is one toy in one regime. The lesson that travels is the form of the table. A remedy that costs six times the discriminator steps must be put beside six times the discriminator steps, and two rows that are compared should differ in one thing.
#
# The picture in one of the decks runs to 25 000 steps, as in the paper; ours to 800, at larger rates.

# %% [markdown] slide="slide"
# ## 7 · Softer targets: least squares and smoothed labels
#
# **Question.** Cross-entropy pays for being sure. Least squares and smoothed labels ask $D$ for less. What does the generator then follow?
#
# **Formula.** A least squares GAN (Mao and others 2017) has targets $b$ for real and $a$ for fake samples, and the generator aims at $c$. The best $D$ at each $x$ is a weighted mean of the targets, $D^* = (b\,p_\text{data} + a\,p_\text{model}) / (p_\text{data} + p_\text{model})$. Put it into $2C = \mathbb E_\text{data}(D^*-c)^2 + \mathbb E_\text{model}(D^*-c)^2$, where the first term does not depend on the generator as long as $D$ is held. With $s = p_\text{data} + p_\text{model}$,
#
# $$2C = \int s\,(D^* - c)^2 = \int \frac{\big((b-c)\,s - (b-a)\,p_\text{model}\big)^2}{s}\,dx \;\overset{b-c=1,\;b-a=2}{=}\; \int \frac{(2p_\text{model} - s)^2}{s}\,dx ,$$
#
# which is **Pearson's $\chi^2$** from $s$ to $2p_\text{model}$. With the deck's targets, $a = 0$ and $b = c = 1$, the value is $C = (\chi^2 + 2)/8$: the same divergence in other units.

# %%
density = stats.norm.pdf


def model_at(mean):
    return density(x, mean, 1.5)


def pearson(mean):
    s = density(x, 0, 1) + model_at(mean)
    return ((2 * model_at(mean) - s) ** 2 / s).sum() * dx


def least_squares_value(mean, a, b, c):
    """C at the best discriminator."""
    p_data, p_model = density(x, 0, 1), model_at(mean)
    best = (b * p_data + a * p_model) / (p_data + p_model)
    return ((p_data + p_model) * (best - c) ** 2).sum() * dx / 2


means = np.array([0.0, 0.7, 2.0, 5.0])
chi2 = np.array([pearson(mean) for mean in means])
check("targets -1, 1, 0: twice the value = Pearson chi^2",
      [2 * least_squares_value(mean, -1, 1, 0) for mean in means], chi2,
      atol=1e-9)  # fmt: skip
check("targets 0, 1, 1: (chi^2 + 2) / 8",
      [least_squares_value(mean, 0, 1, 1) for mean in means], (chi2 + 2) / 8, atol=1e-9,
      control={"chi^2 / 8": chi2 / 8})  # fmt: skip

# %% [markdown] slide="subslide"
# **What it really follows.** The generator does not see this value. It sees $D$ *held still*, and only its own term, $\frac12 \mathbb E_\text{model}(D-1)^2$. Write $r = p_\text{model}/p_\text{data}$. Then $D^* - 1 = -r/(1+r)$, and with $D^*$ frozen the slope is $\frac12\int \nabla p_\text{model}\, \frac{r^2}{(1+r)^2}$.
#
# An $f$-divergence $\int p_\text{data} F(r)$ has the slope $\int \nabla p_\text{model}\, F'(r)$. So the generator follows the one with $F' = \frac12 r^2/(1+r)^2$, whose curvature is $F'' = r/(1+r)^3$. The value above has $F = \frac12 r^2/(1+r)$ and $F'' = 1/(1+r)^3$. The factor $r$ is the whole difference, and it is not small: **where the model has few samples, $r \approx 0$, $F'$ is flat.** There the step hardly tells a place that the model misses altogether from one that it visits a little, so it does little to fill a missed mode.


# %%
def slope_of_value(mean, h=1e-4):
    """Slope in the mean, D* computed anew at each mean."""
    right, left = (least_squares_value(mean + step, 0, 1, 1) for step in (h, -h))
    return (right - left) / (2 * h)


def slope_of_step(mean, h=1e-4):
    """Slope in the mean of the generator's own term, D* frozen."""
    p_data = density(x, 0, 1)
    held = p_data / (p_data + model_at(mean))
    change = (model_at(mean + h) - model_at(mean - h)) / (2 * h)
    return (change * (held - 1) ** 2).sum() * dx / 2


def slope_by_formula(mean, F_prime, h=1e-4):
    r = model_at(mean) / density(x, 0, 1).clip(1e-300)
    return ((model_at(mean + h) - model_at(mean - h)) * F_prime(r)).sum() * dx / (2 * h)


of_value = [slope_of_value(mean) for mean in means]
of_step = [slope_of_step(mean) for mean in means]
own = [slope_by_formula(mean, lambda r: (r / (1 + r)) ** 2 / 2) for mean in means]
whole = [slope_by_formula(mean, lambda r: (1 - 1 / (1 + r) ** 2) / 2) for mean in means]
check("D* frozen: the slope of the divergence with F'' = r / (1 + r)^3", of_step, own,
      atol=1e-8, control={"the slope of the value": of_value})  # fmt: skip
check("D* anew: that with F'' = 1 / (1 + r)^3", of_value, whole, atol=1e-7)

# %%
ratio = np.linspace(0, 4, 200)
plots.show(pictures.curvatures(
    ratio, [1 / (1 + ratio) ** 3, ratio / (1 + ratio) ** 3],
    ["1 / (1 + r)³, the value with the best D", "r / (1 + r)³, what the step follows"]),
           alt="Curvature F'' over the ratio of model density to data density. That of "
           "the value is 1 at zero and falls; that of the generator's step starts at "
           "zero, rises to 0.15 and falls.")  # fmt: skip

# %% [markdown] slide="subslide"
# **Smoothed labels and balance, in one table.** Notebook 12 derived, and checked with trained networks, what smoothing does to $D^*$: with target $1 - \alpha$ for real samples it is scaled, with a target $\beta > 0$ for fakes it rises wherever the model already is. In practice both are tried, like least squares and like more steps for $D$. Here they are with everything else as in section 3; more steps for $D$ come with fewer for $G$, so that the cost is the same.

# %%
tricks = [name for name in recipe.VARIANTS if name not in ablation[1:]]
check("two steps of D, fewer of G: every seed behind every seed of the whole",
      rules.column("fd", model=tricks[-1]).min(), all_five.max(), relation=">=",
      control={"least squares":
               rules.column("fd", model="least squares").min()})  # fmt: skip
for name in tricks:
    of_seeds = rules.column("fd", model=name)
    print(f"{name:32} FD", *(f"{value:5.0f}" for value in of_seeds))
plots.show(pictures.rules_left_out(tricks, *measured(tricks),
                                   title="none of the tricks helps at this cost"),
           alt="Fréchet distance, precision and recall of the DCGAN with smoothed "
           "labels, with least squares and with two discriminator steps for each of "
           "the generator, three seeds each. All lie close to the plain DCGAN, two "
           "discriminator steps clearly above it in distance.")  # fmt: skip

# %% [markdown]
# None of them helps here. Smoothing is a little behind the plain game in every seed, and least squares is level with it or a little behind; two steps for $D$, paid for with fewer steps for $G$, are clearly behind. On the ring of section 6 more steps for $D$ were the whole remedy, because there the generator was five times as fast. Balance is a property of the pair, not a virtue in itself: first find out which of the two is behind.

# %% [markdown] slide="slide"
# ## 8 · Using a generator: walks between codes, and a test for copies
#
# A trained generator is a map from codes to pictures. Walk from code $a$ to code $b$, and one digit should turn into another through plausible digits. If it jumped instead, the generator would have memorised pictures.
#
# **Which way?** The straight line, $(1-t)\,a + t\,b$, is what everybody writes first. But codes are drawn from $N(0, I_d)$, and in $d$ dimensions these lie in a thin shell: $|z|^2$ has mean $d$ and standard deviation $\sqrt{2d}$. The midpoint $\frac12(a + b)$ has $\mathbb E|z|^2 = d/2$: it has left the shell, for a region from which the generator hardly ever saw a code in training. Two ways stay on it: the midpoint times $\sqrt 2$, or in general the **great circle** (White 2016), with $\omega$ the angle between $a$ and $b$,
#
# $$z(t) = \frac{\sin((1-t)\,\omega)}{\sin\omega}\, a + \frac{\sin(t\,\omega)}{\sin\omega}\, b .$$
#
# (For codes of different length we turn the direction and let the length go from one to the other.)

# %%
n_latent = game.n_latent
a, b = torch.randn(2, 20_000, n_latent,
      generator=torch.Generator().manual_seed(8)).double()  # fmt: skip
middle, arc = gan_training.straight(a, b, 0.5), gan_training.great_circle(a, b, 0.5)
length2 = middle.square().sum(1)
check("midpoints: E|z|^2 = d / 2", length2.mean(), n_latent / 2,
      se=length2.std() / 20_000**0.5,
      control={"fresh codes": a.square().sum(1).mean()})  # fmt: skip
short = stats.chi2(n_latent).ppf(0.01)  # 1 % of fresh codes have an |z|^2 below this
share = (length2 < short).double().mean().item()
expected = stats.chi2(n_latent).cdf(2 * short)  # 2 |middle|^2 is chi-squared again
check("share of midpoints among the shortest 1 % = chi-square formula", share, expected,
      se=(expected * (1 - expected) / 20_000) ** 0.5)  # fmt: skip
print(f"d = {n_latent}: {expected:.0%} of the midpoints are shorter than 99 % of codes")
u, v = (each / each.norm(dim=1, keepdim=True) for each in (a, b))
check("the arc's midpoint, by hand: along u + v, with the mean length",
      F.normalize(u + v) * (a.norm(dim=1) + b.norm(dim=1))[:, None] / 2, arc,
      atol=1e-10)  # fmt: skip

# %%
bins = np.linspace(2, 8.5, 80)
plots.show(pictures.lengths_of_codes(
    bins, a.norm(dim=1), middle.norm(dim=1), arc.norm(dim=1),
    title="half way, a straight line is inside the shell and an arc is on it"),
           alt="Histograms of the length of codes. Fresh codes form a hump around 5.6, "
           "midpoints of straight lines one around 4, midpoints of arcs one at 5.6 "
           "again, narrower.")  # fmt: skip

# %% tags=["nbval-ignore-output"]
from coursekit.gan_training import explorers

ends = torch.randn(2, 10, n_latent, generator=torch.Generator().manual_seed(4))
strips = explorers.walks(game.generator, *ends)  # once; the slider only draws
explorers.walk_explorer(strips, (14, 14))

# %%
from coursekit import widgets

widgets.static_frames(lambda t: explorers.walk_frame(strips, (14, 14), t),
                      [{"t": t} for t in (0.0, 0.5, 1.0)],
                      alt="Three positions of the walk, each with ten digits on the "
                      "straight line above and ten on the great circle below. At both "
                      "ends the rows agree; halfway the digits of the straight line "
                      "differ from those of the arc.")  # fmt: skip

# %%
drawn = {"fresh": a, "line": middle, "times sqrt 2": 2**0.5 * middle, "arc": arc}
with torch.no_grad():
    fds = {name: fd_of(game.generator(z[:2000].float())) for name, z in drawn.items()}
worse = {name: fd / fds["fresh"] for name, fd in fds.items()}
check("half way on the line: FD over a fifth above that of fresh codes", worse["line"],
      1.2, relation=">=",
      control={"arc": worse["arc"], "times sqrt 2": worse["times sqrt 2"]})  # fmt: skip

# %% [markdown]
# Half way on the straight line the digits are pale and thin, and their Fréchet distance says so. Stretching the midpoint by $\sqrt2$ or walking along the arc mends it. Had the generator memorised pictures, a walk would jump from one to the next; drag the slider and look for jumps.
#
# **Is it memorising?** Put next to each sample the training digit nearest to it. If they were the same, the generator would be a filing cabinet. The eye is easily fooled here, so we need a number: the probability that a sample is nearer to the training digits than a *new* digit is. One half: samples keep the distance that new digits keep. Near 1: copies. Near 0: the samples are far from *all* digits, and the test says nothing about memorising.

# %%
samples = game.sample(500, rng=torch.Generator().manual_seed(3)).flatten(1)
seen, new = x_train.flatten(1), x_test.flatten(1)
noisy = seen[:500] + 0.1 * torch.randn(500, 196,
      generator=torch.Generator().manual_seed(0))  # fmt: skip
near = nearest_share(samples, seen, new)
print(f"probability to be nearer than a new digit: ≈ {near:.2f}")
with torch.no_grad():  # the networks of section 3, which have learned nothing
    untrained = generator(torch.randn(500, n_latent)).flatten(1)
check("not copies, and not far from all digits: between 0.05 and 0.35", near, 0.2,
      atol=0.15, control={
          "training digits with a little noise": nearest_share(noisy, seen, new),
          "an untrained generator": nearest_share(untrained, seen, new)})  # fmt: skip
closest = seen[torch.cdist(samples[:10], seen).argmin(1)]
rows = [(images[:10] + 1) / 2 for images in (samples, closest)]
plots.show(pictures.labelled_rows(
    rows, ["sample", "nearest"], (14, 14),
    title="samples, and the training digits nearest to them"),
           alt="Ten samples above the ten training digits nearest to them: alike in "
           "kind and slant, different in their strokes.")  # fmt: skip

# %% [markdown]
# The number is far below one half. So these are no copies. But neither do the samples come as near to the training digits as new digits do: after 300 steps the generator is not yet good enough for this test to be a hard one.

# %% [markdown] slide="slide"
# ## 9 · The code of a wish
#
# **Question.** Given half a picture, what is the other half? There is no encoder in a GAN. But we can *search*: find the code whose picture agrees with what is known,
#
# $$z^\ast = \arg\min_z \frac{\sum_i m_i \big(G(z)_i - x_i\big)^2}{\sum_i m_i} + \lambda\,\frac{|z|^2}{d}, \qquad m_i = 1 \text{ where pixel } i \text{ is known, else } 0 .$$
#
# The gradient in $z$ comes from backpropagation through $G$, whose weights rest. The penalty keeps $z$ where the generator has been trained. Filling a hole like this is **inpainting** (Yeh and others 2017); a rough sketch as the constraint gives the editing of **iGAN** (Zhu and others 2016).
#
# For a linear generator this is least squares, so we know the answer, and we know how many pixels it takes: with fewer known pixels than codes many codes fit, and all of them look equally right from outside.

# %%
torch.manual_seed(9)
affine = torch.nn.Linear(6, 20).double()
hidden_code = torch.randn(1, 6).double()
picture = affine(hidden_code).detach()
options = {"n_latent": 6, "n_starts": 1, "n_steps": 500,
      "rng": torch.Generator().manual_seed(1)}  # fmt: skip
off = {}
for n_known in (4, 12):
    known = (torch.arange(20) < n_known).double()
    found, mismatch = gan_training.find_code(affine, picture, known, **options)
    missed = affine(torch.randn(1, 6).double()) - picture
    check(f"{n_known} known pixels: the constraint is met", mismatch, 0, atol=1e-8,
          control={"a random code": missed[0, :n_known].square().mean()})  # fmt: skip
    off[n_known] = (affine(found) - picture).abs().max().item()
W, rest = affine.weight[:12].detach(), picture[0, :12] - affine.bias[:12].detach()
check("12 known pixels: the search = least squares", found[0],
      torch.linalg.lstsq(W, rest).solution, atol=1e-6)  # fmt: skip
check("they fix the 6 codes, and so the hidden pixels", off[12], 1e-6, relation="<=",
      control={"4 known pixels": off[4]})  # fmt: skip

# %% [markdown] slide="subslide"
# Now digits: the lower half is hidden. Against the search we put two baselines. *Ridge regression* predicts the 98 hidden pixels linearly from the 98 known ones; the *nearest neighbour* copies the lower half of the training digit whose upper half fits best.

# %%
upper = torch.zeros(1, 14, 14)
upper[:, :7] = 1
hidden = upper.flatten() == 0
targets = x_test[torch.arange(60) * 16 % 1000]
code, fit = gan_training.find_code(game.generator, targets, upper, n_latent=n_latent,
                                   rng=torch.Generator().manual_seed(0),
                                   **recipe.SEARCH)  # fmt: skip
above, below = x_train.flatten(1)[:, ~hidden], x_train.flatten(1)[:, hidden]
probe = targets.flatten(1)[:, ~hidden]
gram = above.T @ above + 100 * torch.eye(98)
slopes_of_ridge = torch.linalg.solve(gram, above.T @ (below - below.mean(0)))
completed = {
    "code search": game.generator(code).detach().flatten(1)[:, hidden],
    "ridge": below.mean(0) + (probe - above.mean(0)) @ slopes_of_ridge,
    "nearest": below[torch.cdist(probe, above).argmin(1)],
    "mean": below.mean(0).expand(60, -1),
}

# %%
truth = targets.flatten(1)[:, hidden]
error = {name: ((half - truth) ** 2).mean().item() for name, half in completed.items()}
by_chance = ((samples[:60][:, hidden] - truth) ** 2).mean().item()
for_another = ((completed["code search"].roll(1, 0) - truth) ** 2).mean().item()
longer_search = data.results("gan_training_halves")
stored_error = {n: longer_search.column("error", steps=n) for n in (300, 1900)}
print("squared error of the hidden half:",
      *(f"{name} ≈ {value:.2f}" for name, value in error.items()))  # fmt: skip
for n, errors in stored_error.items():
    print(f"code search, stored, {n:4} steps of G:", *(f"{e:.2f}" for e in errors))
check("the search of seed 0 = the stored one, within 0.05", error["code search"],
      stored_error[300][0], atol=0.05,
      control={"random codes": by_chance})  # fmt: skip
check("hidden half: code search beats random codes by a quarter", error["code search"],
      0.75 * by_chance, relation="<=",
      control={"the search for a different digit": for_another})  # fmt: skip
check("after 1900 steps of G: error at most 0.25, 3 seeds", stored_error[1900], 0.25,
      relation="<=", control={"300 steps": stored_error[300]})  # fmt: skip
check("ridge, the nearest neighbour and even the mean digit are better",
      [error[name] for name in ("ridge", "nearest", "mean")], error["code search"],
      relation="<=", control={"random codes": by_chance})  # fmt: skip

# %%
grey, rows = (targets.flatten(1).numpy() + 1) / 2, [3, 14, 27, 38]
columns = [np.where(hidden, np.nan, grey)]
for half in completed.values():
    columns.append(np.where(hidden, 0, grey))
    columns[-1][:, hidden] = (half.numpy() + 1) / 2
titles = ["known", *(f"{name}\nerror {error[name]:.2f}" for name in completed), "truth"]
shown = [images[rows] for images in (*columns, grey)]
plots.show(pictures.wishes(shown, titles, (14, 14)),
           alt="Four digits of which only the upper half is known, and what four "
           "methods put below it: the code search and the nearest neighbour draw "
           "strokes, ridge regression and the mean draw grey shadows; the truth is in "
           "the last column.")  # fmt: skip

# %% [markdown]
# On the hidden half the search beats random codes, and it loses to both baselines and even to the mean of all training digits. How bad is that? Squared error rewards hedging: a grey shadow is never far off, while a sharp stroke in the wrong place pays twice, for the ink it drew and for the ink it missed. A perfect *sample* of the lower half would have twice the error of the best mean (notebook 15, section 4). Ridge, which is no better than the best mean, has 0.15; so about 0.3 alone does not show that the search is bad. That the nearest neighbour, also sharp, has 0.21 shows that it could be better. It takes a better generator: after 1900 steps instead of 300 the same search has 0.22 to 0.24 (the stored runs), close to the nearest neighbour.
#
# What the search gives that the others cannot is a picture in one piece, from a model, for *any* constraint that can be differentiated.
#
# **A sketch.** The same search edits a picture. Take a sample and its code, draw a rough stroke over it, and search *from that code* for a picture that shows the stroke, with a small weight on all the other pixels. The generator turns the scribble into something it knows.

# %%
many = torch.randn(200, n_latent, generator=torch.Generator().manual_seed(12))
with torch.no_grad():
    like_one = judge.predict_proba(game.generator(many).flatten(1))[:, 1]
    start_code = many[like_one.argsort(descending=True)[:3]]  # the most convincing
    before = game.generator(start_code)
sketch, weight = before.clone(), torch.full((1, 14, 14), 0.05)
sketch[:, 0, 2:4, 3:10], weight[0, 2:4, 3:10] = 1.0, 1.0  # a bar at the top
edited, _ = gan_training.find_code(game.generator, sketch, weight, n_latent=n_latent,
      start=start_code, n_steps=200, learning_rate=0.05, penalty=0.02)  # fmt: skip
with torch.no_grad():
    after = game.generator(edited)
bar = weight[0] == 1
check("the bar is drawn: darker than half grey, on average",
      after[:, 0][:, bar].mean(1), 0.0, relation=">=",
      control={"before the edit": before[:, 0][:, bar].mean(1)})  # fmt: skip
columns = [(images.flatten(1).numpy() + 1) / 2 for images in (before, sketch, after)]
plots.show(pictures.wishes(columns, ["sample", "with a stroke", "after the search"],
                           (14, 14), width=4.6),
           alt="Three generated ones, the same with a black bar drawn across the top, "
           "and the pictures found by the search: digits that have the bar as part of "
           "their stroke.")  # fmt: skip

# %% [markdown] slide="slide"
# ## 10 · What goes wrong: sums of single codes
#
# The most famous picture of the DCGAN paper is arithmetic. *A man with glasses, less a man without, plus a woman without* gives *a woman with glasses*. It suggests that directions in code space have meanings. The paper says in passing that it worked with the *mean* of three codes of each kind, since single ones did not work reliably.
#
# Faces are hard to judge. Digits are not, and they too have a property that goes across the classes: how **bold** they are. So, for all 90 pairs of classes: **a bold 7, less a light 7, plus a light 3: is it a bold 3?** Bold and light mean the upper and the lower third of a class in ink. The judge must see the right class, *and* the ink must be in the upper third. Each sum is brought back to the length of a code. It is made of single codes, of means of three, ten and thirty codes, drawn twenty times anew, and once of the means of *all* codes of a kind, about 130.
#
# **Predict before you run:** of the fresh samples of all kinds, one in thirty is right by chance. How often is the sum right with single codes, how often with means of three, as in the paper, and how often with the means of all?
#
# <details><summary>Answer</summary>
#
# With single codes about one time in ten, as often as the mean code of light digits with nothing added. With means of three about one time in five. With the means of all, more often than not.
# </details>

# %%
sums = data.results("gan_training_codes")
print(sums)
print(f"codes of a kind, on average: {sums.column('codes per kind').mean():.0f}")
print("share of the sums that are of the right class and bold, three seeds:")
for name in ("chance", "no sum", *recipe.MEANS, "all"):
    print(f"   {name:7}", *(f"{share:.2f}" for share in sums.column(name)))
check("sums of means of all: more than half come out", sums.column("all"), 0.5,
      relation=">=",
      control={name: sums.column(name)
               for name in ("one", "three", "no sum", "chance")})  # fmt: skip
check("means of three, as in the paper: about one in five, between 0.15 and 0.3",
      sums.column("three"), 0.225, atol=0.075,
      control={name: sums.column(name)
               for name in ("one", "no sum", "ten")})  # fmt: skip
figures = sums.arrays["sums"].transpose(1, 0, 2) / 255  # (4 columns, 4 trials, pixels)
plots.show(pictures.wishes(
    list(figures),
    ["bold, one class", "− light, same class", "+ light, different", "= ?"], (14, 14),
    width=6.4),
           alt="Four sums of the means of all codes of a kind, as pictures: a bold "
           "digit of one class, a light one of the same class, a light one of a "
           "different class, and the sum, most often a bold digit of that class.")  # fmt: skip

# %% [markdown]
# Why the difference? A single code is bold *and* slanted *and* wide *and* a hundred other things. In the sum $a - b + c$ the class of $a$ and $b$ cancels, but their peculiarities do not: they add up, with three times the variance of one code. A mean of $m$ codes keeps what its kind has in common and divides the variance of the rest by $m$. So with means of over a hundred codes more than half of the sums come out; with means of three, as in the paper, about one in five. The direction exists on average, and it takes many codes to see it. (The mean code of light digits with nothing added comes out bold one time in ten. Sums of single codes do about as well as that, so they show nothing.)
#
# The slip in the wild is to show four sums that came out. Ours are counted, all ninety.

# %% [markdown] slide="slide"
# ## 11 · Summary
#
# | Claim | Where it was checked |
# | --- | --- |
# | four troubles: saturation, a flat JSD, circling, a single point as the best reply | section 1 |
# | transposed convolution is multiplication by C', the adjoint; kernel 4, stride 2 makes no checkerboard | section 2 |
# | DCGAN's rules, each left out: FD, precision, recall, three seeds; one run repeated | section 3 |
# | DCGAN and dense layers at equal seconds: far ahead of settings for a long run after 26 s, level with those for a short one; after 60 s level with both | section 3 |
# | batch norm couples samples; reference and virtual batch norm do not, the deck's wording does | section 4 |
# | a collapsed batch leaves batch norm as zeros | section 4 |
# | minibatch features lie in [1, n]; full slope near a collapse, none at it | section 5 |
# | an unrolled step by hand = coursekit; gradient through K steps = finite differences | section 6 |
# | K to infinity: value and slope of the best response; cut off the same for the value, not for −log D | section 6 |
# | unrolled on the value, K = 5: 8 of 8 modes; so do the copies with the derivative cut off, and six plain steps of D | section 6 |
# | least squares: Pearson's chi², or (chi² + 2) / 8; the step itself follows F'' = r / (1 + r)³ | section 7 |
# | midpoints of codes have E\|z\|² = d / 2; arcs keep the length, and the FD | section 8 |
# | no copies: nearest_share far below one half, so the samples are not yet as near as new digits either | section 8 |
# | code search = least squares for a linear generator; on digits better than random codes, worse than ridge, the nearest digit and the mean | section 9 |
# | sums of mean codes: with all codes of a kind more than half come out, with three codes about one in five, with single codes no more than with no sum | section 10 |
#
# **The code behind it:** [`gan_training/convolutional.py`](../coursekit/gan_training/convolutional.py), [`batch_statistics.py`](../coursekit/gan_training/batch_statistics.py), [`unrolling.py`](../coursekit/gan_training/unrolling.py), [`codes.py`](../coursekit/gan_training/codes.py) and [`recipe.py`](../coursekit/gan_training/recipe.py).
#
# ### Five questions
#
# <details><summary>1. Why does a kernel of 5 with stride 2 risk a checkerboard, and one of 6 not?</summary>
# 2 does not divide 5: some pixels are reached by 3 inputs along a side, their neighbours by 2. 6 gives 3 everywhere.
# </details>
#
# <details><summary>2. A generator with batch norm is sampled in training mode, one image at a time. What comes out?</summary>
# With fully connected layers the same image always: each feature is its own mean, so all normalised features are zero. (Convolutional layers also average over pixels, which leaves some variation.)
# </details>
#
# <details><summary>3. Why does the reaction term fade at the best response for the value, and not for −log D?</summary>
# The best response maximises the value in φ, so the derivative of the value in φ is zero there. It does not maximise or minimise −E log D(G(z)).
# </details>
#
# <details><summary>4. Somebody compares an unrolled game, K = 10, with a plain one at the same number of generator steps. What is missing?</summary>
# A game with as many discriminator steps in all and no unrolling, and the unrolled game with the derivative cut off; several seeds for each.
# </details>
#
# <details><summary>5. A code search meets its constraint exactly. Is the rest of the picture right?</summary>
# Not necessarily. With few known pixels many codes fit, and which one is found depends on the start.
# </details>
#
# **Homework:** [`hw13_training_gans`](homework/release/hw13_training_gans/hw13_training_gans.ipynb): virtual batch norm, the gradient of a minibatch feature, the slope through one unrolled step, the code of half a picture, and a table that proves too much. [Solutions](../notebooks/homework/source/hw13_training_gans/hw13_training_gans.ipynb) are in a folder of their own.
#
# **References.** A. Radford, L. Metz and S. Chintala (2016), *Unsupervised representation learning with deep convolutional generative adversarial networks*. T. Salimans and others (2016), *Improved techniques for training GANs*. A. Odena, V. Dumoulin and C. Olah (2016), *Deconvolution and checkerboard artifacts*. S. Ioffe and C. Szegedy (2015), *Batch normalization*. L. Metz and others (2017), *Unrolled generative adversarial networks*. X. Mao and others (2017), *Least squares generative adversarial networks*. T. White (2016), *Sampling generative networks*. J.-Y. Zhu and others (2016), *Generative visual manipulation on the natural image manifold*. R. Yeh and others (2017), *Semantic image inpainting with deep generative models*. C. Meehan and others (2020), *A non-parametric test to detect data-copying in generative models*.
