# ---
# jupyter:
#   coursekit:
#     cpu_seconds: 45
#     minutes: 110
# ---

# %% [markdown] slide="slide"
# # 10 · Autoencoders: what must a short code remember?
#
# **After this notebook you can** write a training loop by hand, say in which sense a linear autoencoder is PCA and in which it is not, tell a plateau from a dead end by looking at the whole curve, train denoising autoencoders and hold them against the best linear answer, train contractive ones, derive what a perfect denoiser knows about the density, read the slope of an encoder as a map of the data, and say why an autoencoder does not generate.
#
# **Time:** 110 minutes to work through; it runs in about 45 seconds. **You need:** notebook 01 (components, reconstruction error), gradients, a little PyTorch; for section 4 it helps to have seen notebooks 08 and 09. **It follows** the autoencoder parts of the unsupervised learning deck, of the generative models deck and, for tangents, of the generative AI deck. **It adds** the curves over training, linear baselines, and the proof of Tweedie's formula. **Elsewhere:** transfer to a task with few labels, by a network that starts from what was learned without them (09), codes of documents (05), convolutions (06; `ConvAutoencoder` is in the package and is not used here), codes from which one can sample (11).
#
# Every line that starts with ✓ is a claim that was computed just now, on your machine, or checked on stored runs; of most sets of them one run is repeated. Most claims about training are made over three seeds, and all of them with a tolerance, since a different processor rounds differently.

# %%
import numpy as np
import torch

from coursekit import data, pca, plots, training, widgets
from coursekit.autoencoder import Autoencoder, corrupt, recipe, squared_error
from coursekit.checks import check

plots.use_course_style()
rng = np.random.default_rng(10)

# %% [markdown] slide="slide"
# ## 1 · The smallest autoencoder has two weights
#
# **Question.** You want to send a picture through a thin wire: eight numbers instead of sixty-four. At one end somebody squeezes, at the other somebody unpacks, and neither has been told how. Can the two learn it with no other aim than that the picture arrives?
#
# The one who squeezes is the **encoder** $f$; what travels is the **code** $z = f(x)$; the one who unpacks is the **decoder** $g$. Both are adjusted so that $\hat x = g(f(x))$ resembles $x$. There is no label anywhere: the target is the input itself.
#
# Before the pictures, the smallest case, and a good exam question. One number goes in, one weight encodes it, $z = w_1 x$, one decodes it, $\hat x = w_2 z$. Since $x - w_2 w_1 x = (1 - w_1 w_2)\, x$, the mean squared error is
#
# $$L(w_1, w_2) \;=\; \mathbb E\,(x - w_2 w_1 x)^2 \;=\; (1 - w_1 w_2)^2\, m, \qquad m = \mathbb E\, x^2 .$$
#
# It is zero exactly where $w_1 w_2 = 1$: not at a point, but on a whole hyperbola. Encoder and decoder may share the work as they like.

# %%
numbers = torch.tensor(rng.normal(size=(50, 1)))
m = (numbers**2).mean()


def scalar_loss(w):
    return ((numbers - w[1] * w[0] * numbers) ** 2).mean()


pairs = torch.tensor(rng.normal(size=(100, 2)))
check("loss = (1 - w1 w2)^2 m", [scalar_loss(w) for w in pairs],
      (1 - pairs.prod(1)) ** 2 * m, atol=1e-12)  # fmt: skip
values = [scalar_loss(torch.tensor([w, 1 / w])) for w in pairs[:, 0]]
check("loss is zero on the hyperbola", values, 0.0, atol=1e-20)

# %% [markdown] slide="subslide"
# **What is at $(0, 0)$?** The gradient is $-2m\,(1 - w_1 w_2)\,(w_2,\; w_1)$, which vanishes there. So gradient descent started at zero stays at zero for ever.
#
# **Predict before you run:** is the origin a minimum, a maximum, or neither?
#
# <details><summary>Answer</summary>
#
# Neither. Walk along the diagonal $w_1 = w_2$ and the product grows: the loss falls. Walk along $w_1 = -w_2$ and the product becomes negative: the loss rises. The second derivatives say the same: the Hessian at the origin has $-2m$ off the diagonal and $0$ on it, and its eigenvalues are $+2m$ and $-2m$. That is a saddle.
# </details>

# %%
origin = torch.zeros(2, dtype=torch.float64)
slope_at, curvature_at = torch.func.grad(scalar_loss), torch.func.hessian(scalar_loss)
check("the gradient at (0, 0) vanishes", slope_at(origin), 0.0)
curvatures = torch.linalg.eigvalsh(curvature_at(origin))
check("eigenvalues of the Hessian there", curvatures, [-2 * m, 2 * m], atol=1e-12)
w = pairs[0]
by_formula = -2 * m * (1 - w[0] * w[1]) * w.flip(0)
check("gradient = -2m (1 - w1 w2) (w2, w1)", slope_at(w), by_formula, atol=1e-12)

# %% [markdown]
# Follow the slope from seven starts, with $m = 1$. This is gradient descent, in three lines.


# %%
def descent(w, n_steps=400, rate=0.02):
    path = [np.array(w)]
    for _ in range(n_steps):
        w1, w2 = path[-1]
        path.append(path[-1] + rate * 2 * (1 - w1 * w2) * np.array([w2, w1]))
    return np.array(path)


from coursekit.autoencoder import explorers, pictures

starts = [(0.1, -0.05), (1.6, -1.2), (-1.6, 1.2), (2.2, 0.1)]
starts += [(-0.3, -2.2), (1.5, -1.5), (0.05, 0.1)]
paths = [descent(start) for start in starts]
plots.show(pictures.saddle_landscape(paths),
           alt="Contours of the loss over both weights, zero on a hyperbola. Paths of "
           "descent bend away from the saddle at the origin and end on different "
           "points of the hyperbola; one, started exactly opposite, runs into the "
           "saddle.")  # fmt: skip
ends = [path[-1].prod() for path in paths]
check("w1 w2 ends at 1, once at 0 (saddle)", ends, [1] * 5 + [0, 1], atol=1e-3)

# %% tags=["nbval-ignore-output"]
explorers.saddle_explorer()

# %% [markdown]
# The ends are scattered along the hyperbola, and all but one are perfect. The one that starts with exactly opposite weights is drawn into the saddle. A random start is practically never exactly opposite, but a path that passes close to the saddle loses time there: the slope is small. Keep the two lessons; both return with 196 inputs. **The best weights are not unique, and at zero there is no slope.**

# %% [markdown] slide="slide" says="The 50 states of notebook 01: four numbers each, squeezed into two."
# ## 2 · The training loop, once by hand
#
# Now several numbers, still linear: $z = W_1 x + b_1$ and $\hat x = W_2 z + b_2$. We take the 50 states of notebook 01, four numbers each in standard deviations, and squeeze them into two.

# %%
states = data.usarrests().x
x = torch.tensor((states - states.mean(0)) / states.std(0))  # (50, 4)


def new_linear(seed, **options):
    torch.manual_seed(seed)
    return Autoencoder(4, 2, activation="linear", **options).double()


W1, b1, W2, b2 = new_linear(0).parameters()
decoded = (x @ W1.T + b1) @ W2.T + b2  # (50, 4), from a code of shape (50, 2)
check("loss by hand = coursekit", ((decoded - x) ** 2).sum(1).mean(),
      new_linear(0).loss(x), atol=1e-12)  # fmt: skip

# %% [markdown]
# Training is the same everywhere in this course. Shuffle the rows. Take a handful, a *batch*. Ask how the loss would change with each weight. Step a little downhill. Once every row has been used, an *epoch* is over: shuffle again. (A generator of random numbers sets the order of the rows. `training.fit` hands a second one to the loss, for models that want noise; this one does not.)

# %% tags=["slide-code"]
model = new_linear(0)
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
order_rng = torch.Generator().manual_seed(5)
for _ in range(100):  # epochs
    for rows in torch.randperm(len(x), generator=order_rng).split(20):
        optimizer.zero_grad()
        model.loss(x[rows]).backward()
        optimizer.step()

# %% [markdown]
# `training.fit` is this loop with a progress bar and checkpoints. With the same seed it must end in the same weights, all of them.

# %%
twin = new_linear(0)
options = {"n_steps": 300, "batch_size": 20, "learning_rate": 0.02}
training.fit(twin, x, seed=5, device="cpu", **options)
for ours, theirs in zip(model.parameters(), twin.parameters(), strict=True):
    check(f"weights {tuple(ours.shape)}: by hand = training.fit", ours, theirs,
          atol=1e-9)  # fmt: skip

# %% [markdown] slide="slide"
# ## 3 · A linear autoencoder finds the plane of PCA, not its axes
#
# **Question.** Section 7 of notebook 01 proved that no linear pair of encoder and decoder has a smaller error than PCA: here $\lambda_3 + \lambda_4$, the sum of the discarded eigenvalues. Does gradient descent, which knows nothing of eigenvectors, get there? And does it find the eigenvectors?

# %%
full = pca.PCA().fit(x.numpy())
floor = full.explained_variance_[2:].sum()
fits = [new_linear(seed) for seed in range(3)]
STEADY = {"n_steps": 800, "batch_size": 50, "learning_rate": 0.05}
STEADY |= {"schedule": "linear", "device": "cpu"}
losses = [training.fit(f, x, seed=seed, **STEADY).loss for seed, f in enumerate(fits)]
plots.show(pictures.losses_and_floor(losses, floor, "sum of the discarded eigenvalues"),
           alt="The loss of three linear autoencoders against the step: all come down "
           "to the dashed line, the sum of the two discarded eigenvalues, and none "
           "goes below it.")  # fmt: skip
claim = "no step is below the sum of the discarded eigenvalues"
check(claim, losses, floor, relation=">=", atol=1e-9,
      theorem="PCA is the best linear pair")  # fmt: skip
claim = "three seeds: loss = sum of the discarded eigenvalues"
check(claim, [row[-1] for row in losses], floor, atol=1e-4)
planes = [f.decoder[0][0].weight.detach().numpy() for f in fits]
angles = [pca.principal_angles(plane, full.components_[:2].T) for plane in planes]
claim = "three seeds: angles between decoder and principal plane are 0"
check(claim, angles, 0.0, atol=1e-3)

# %% [markdown]
# So the plane is right, to a thousandth of a radian. Now the axes. If the code were the two principal scores, its two columns would be uncorrelated.

# %%
scores = full.transform(x.numpy())[:, :2]
codes = [f.encode(x).detach().numpy() for f in fits]


def correlation(z):
    return abs(np.corrcoef(z.T)[0, 1])


claim = "in at least one run the code's columns are correlated"
control = {"principal scores": correlation(scores)}
found = [correlation(z) for z in codes]
check(claim, max(found), 0.1, relation=">=", control=control)
print("correlation of the two columns, by seed:", np.round(found, 2))
centred = codes[0] - codes[0].mean(0)
left_over = np.linalg.lstsq(scores, centred)[1]
check("a linear map leads from scores to codes", left_over, 0.0, atol=1e-3)
plots.show(pictures.same_plane_other_axes(scores, codes[0]),
           alt="Two scatter plots of the 50 states, coloured by the first score: the "
           "principal scores, and the codes of a linear autoencoder, which are the "
           "same cloud turned, stretched and sheared.")  # fmt: skip

# %% [markdown]
# The same cloud, turned, stretched and sheared. For any invertible $2\times2$ matrix $A$ the pair $A W_1$, $W_2 A^{-1}$ does exactly as well: this is the hyperbola of section 1, grown up. **Tied weights**, $W_2 = W_1^\top$, take part of the freedom away: the decoder must use $(A W_1)^\top = W_1^\top A^\top$, which is the right partner only if $A^\top = A^{-1}$. Only rotations and mirror images are left.

# %%
tied = new_linear(0, tied=True)
training.fit(tied, x, **STEADY)
W = tied.encoder[0][0].weight
check("tied: the rows of W become orthonormal", W @ W.T, np.eye(2), atol=1e-3)
check("tied: the loss is the same", tied.loss(x), floor, atol=1e-4)

# %% [markdown] slide="subslide"
# **A sigmoid in the encoder.** The deck says that a sigmoid encoder with a linear decoder *is* PCA too. That needs a condition. Near zero $\sigma(a) = \tfrac12 + \tfrac a4 - \tfrac{a^3}{48} + \dots$ is a straight line, and only there. So take the PCA encoder, shrink its weights by $\varepsilon$ and let the decoder grow by $4/\varepsilon$. From a score $a$ the code keeps $\varepsilon a$, and what comes back is $\tfrac4\varepsilon \bigl(\sigma(\varepsilon a) - \tfrac12\bigr) = a - \tfrac{1}{12}\, \varepsilon^2 a^3 + \dots$ So the first neglected term is of order $\varepsilon^2$. It lies in the principal plane, at right angles to what PCA loses, so by Pythagoras the squared error exceeds that of PCA by its square, of order $\varepsilon^4$: **halving small weights divides the gap by 16.**

# %%
V = torch.tensor(full.components_[:2])
gaps = []
for scale in (1, 1 / 2, 1 / 4, 1 / 8, 1 / 16):  # centred states: no bias is needed
    rebuilt = 4 / scale * (torch.sigmoid(scale * x @ V.T) - 0.5) @ V
    gaps.append(float(squared_error(rebuilt, x).mean() - floor))
ratios = np.array(gaps[:-1]) / gaps[1:]
print("each halving of the weights divides the gap by", np.round(ratios, 1))
check("for small weights by 16", ratios[-1], 16, rtol=0.05)

# %% [markdown]
# With weights of ordinary size the sigmoid bends; there more than the first neglected term counts, and a halving divides the gap by less than 16. A trained sigmoid encoder may choose any size of weights, but it never gets below the error of PCA: that is the second theorem of section 7 in notebook 01.

# %% [markdown] slide="slide" says="Digits of 14 × 14 pixels: 5000 to learn from, 1000 unseen ones to judge by. Squared error of an unseen image, by the steps of training:"
# ## 4 · Deep: a bent sheet instead of a flat one
#
# **Question.** With a linear decoder nothing beats PCA on the data it was fitted to, whatever the encoder. So to win, the *decoder* must bend. How much does it gain, and after how much training?
#
# The data are digits of 14 × 14 pixels, ink from 0 to 1: 5000 images to learn from and 1000 unseen ones to judge by. The error is $\lVert x - \hat x\rVert^2$, summed over the 196 pixels, mean over the unseen images.
#
# Each hidden layer of the networks in the next figure is followed by *LayerNorm*, which brings the numbers of a layer to mean 0 and variance 1, image by image, and by a *SiLU*, $a\,\sigma(a)$, a ReLU with a rounded corner. They start at the mean image. Their learning rate is constant, so that one run shows the result of every budget on the way.

# %% [markdown]
# Why the squared error? Let the decoder give the mean of a Gaussian with variance 1 in each of the $d$ pixels. Then $-\log p(x \mid z) = \tfrac12 \lVert x - g(z)\rVert^2 + \tfrac d2 \log 2\pi$: **minimising the squared error is maximum likelihood** of the image given its code, up to a factor and a constant that no weight can change. How likely *codes* are is a different question, for notebook 11.
#
# Runs of thousands of steps, three seeds each, are stored with the course. The cell reads them, and then repeats one of them whole: the network of section 10 with all that helps, which we shall use below.

# %% tags=["nbval-ignore-output"]
train_set, test_set = data.train_and_test("mini_mnist")
shape, labels = train_set.image_shape, train_set.labels
ink, ink_test = (torch.from_numpy(data.ink(part)) for part in (train_set, test_set))
runs = data.results("autoencoder_curves")
print(runs)
deep, live = recipe.curve("6 cross-entropy", ink, ink_test, seed=0)
deep.requires_grad_(False)
flatland, _ = recipe.curve("code of 2", ink, ink_test, seed=0, n_steps=800)  # section 9

# %%
stored = runs.arrays["6 cross-entropy"][0]
reached = np.isfinite(stored)
claim = "seed 0 repeats the stored curve, within 5 % at every mark"
check(claim, live[reached], stored[reached], rtol=0.05)


def pca_rebuilt(k):
    linear = pca.PCA(k).fit(ink.numpy())
    images = linear.inverse_transform(linear.transform(ink_test.numpy()))
    return linear, torch.tensor(images).float()


by_pca = {}
for k in (2, 8, 32):
    _, images = pca_rebuilt(k)
    by_pca[k] = squared_error(images, ink_test).mean().item()
by_mean = squared_error(ink.mean(0)[None], ink_test).mean().item()
named = ", ".join(f"{k} numbers {error:.2f}" for k, error in by_pca.items())
print(f"mean image {by_mean:.2f}; PCA with {named}")

# %%
C, marks = plots.COLORS, list(recipe.MARKS[:-1])
lengths = {}
for k, color in ((2, "latent"), (8, "critic"), (32, "model")):
    errors = runs.arrays[f"code of {k}"][:, : len(marks)]
    lengths[f"{k} numbers"] = (C[color], errors, 0)
    first = (errors < by_pca[k]).all(axis=0).argmax()
    print(f"{k:2} numbers: below PCA from {marks[first]:4} steps on, every seed")
plots.show(pictures.errors_over_steps(
    lengths, marks, levels=[(error, f"PCA, {k}") for k, error in by_pca.items()],
    title="of three lengths, the longer code takes more steps to get below PCA"),
           alt="Squared error of unseen images over the steps of training for codes of "
           "2, 8 and 32 numbers, three seeds each, with dashed lines for PCA of the "
           "same length. The shortest code crosses its line first, the longest last; "
           "all end below.")  # fmt: skip
for k in (2, 8, 32):
    ended = lengths[f"{k} numbers"][1] / by_pca[k]
    claim = f"{k} numbers, 3 seeds, 3200 steps: at most 0.8 of PCA's error"
    control = {"PCA": 1.0, "25 steps": ended[:, 0]}
    check(claim, ended[:, -1], 0.8, relation="<=", control=control)

# %% [markdown]
# Stop at 200 steps and you would report that short codes gain from depth and long ones do not. That is a sentence about 200 steps. PCA solves its problem at once; a deep network has to *learn* even what a flat plane does for free, and with these three lengths that took longer, the better the plane was. Where the flat plane does the job, take the flat plane.

# %%
columns = [int(np.flatnonzero(test_set.labels == digit)[3]) for digit in range(10)]
flat, flat_images = pca_rebuilt(8)
rows = {"unseen": ink_test, "PCA, 8": flat_images,
        "deep, 8": deep.reconstruct(ink_test)}  # fmt: skip
plots.show(pictures.image_rows({name: im[columns] for name, im in rows.items()}, shape),
           alt="Ten unseen digits; their reconstructions from 8 principal components, "
           "blurred, with grey shadows; and from a deep code of 8 numbers, where most "
           "strokes are clear and the paper is white.")  # fmt: skip

# %% [markdown]
# Look at the grey shadows beside the strokes. PCA adds and subtracts whole patterns, so ink that is too much in one place cannot be taken back without changing others. The deep decoder is not tied to sums of fixed patterns.
#
# **Is the code a description?** Take an unseen digit, look up the ten training images with the nearest codes, and count how many show the same digit. This is **retrieval**, and the code makes it cheap: eight numbers to compare instead of 196. Here it does not make it better: look at the last number below, for comparison by all pixels. (The codes come from networks trained for 400 steps; we did not try more.) Hinton and Salakhutdinov did the same with documents: word counts went in, a short code came out, and similar texts had neighbouring codes. Notebook 05 builds codes of documents.


# %% tags=["nbval-ignore-output"]
def shared_neighbours(codes, codes_seen):
    """Share of the ten nearest training codes that have the same label."""
    near = torch.cdist(codes, codes_seen).topk(10, largest=False).indices
    return float((labels[near.numpy()] == test_set.labels[:, None]).mean())


coded, encoded = [], []  # networks; their codes of the unseen and the training images
for seed in range(3):
    coded.append(recipe.curve("code of 8", ink, ink_test, seed=seed, n_steps=400)[0])
    encoded.append([coded[-1].encode(part).detach() for part in (ink_test, ink)])

# %%
hits = [shared_neighbours(*pair) for pair in encoded]
scores8 = [torch.tensor(flat.transform(part.numpy())) for part in (ink_test, ink)]
by_flat, by_pixels = shared_neighbours(*scores8), shared_neighbours(ink_test, ink)
print(f"PCA {by_flat:.2f}, codes {np.mean(hits):.2f}, all pixels {by_pixels:.2f}")
control = {"codes of the wrong images":
           shared_neighbours(encoded[0][0].flip(0), encoded[0][1])}  # fmt: skip
claim = "8 numbers, 3 seeds: as many neighbours agree as by PCA, or more"
check(claim, hits, by_flat, relation=">=", control=control)

# %% [markdown] slide="subslide"
# **How it was done in 2006.** The first deep autoencoders had sigmoid layers. The slope of a sigmoid is at most a quarter, so, the usual explanation goes, with weights of ordinary size each layer passes back only a fraction of the gradient, and little arrives at the first layers. The cure of Hinton and Salakhutdinov was to start near a solution: train a *restricted Boltzmann machine* (notebook 08) on the images, a second one on its hidden probabilities, and so on, as in notebook 09. Machine $k$ then becomes layer $k$ of the encoder, and its transpose the mirror layer of the decoder; from there the whole network is trained by gradient descent. A year later Bengio and others showed that small autoencoders, one for each *pair of layers*, do much the same job.
#
# All networks are 196-128-64-32-8 and back, with the same objective (the cross-entropy of section 10; what is shown is still the squared error) and the same batches; none starts at the mean image; pre-training counts as 4 × 400 steps; each rate is the best of five on seed 10, which is not among those shown, except that the layer pairs would do slightly better at a higher one (the errors are printed below). The plain sigmoid network was also given three times the steps.
#
# <details><summary><b>Predict before you run:</b> the plain sigmoid network, after 100 steps and after 9600?</summary>
#
# After 100 steps its error is still that of the mean image. After 9600 it is about half of that, but not where the pre-trained ones were after 3200, nor even where PCA is. It was a plateau, not a dead end; but a long, slow slope comes after it.
# </details>

# %%
history = {
    "sigmoid": (C["wrong"], 9),
    "sigmoid, RBMs first": (C["latent"], 4),
    "sigmoid, layer pairs first": (C["data"], -9),
    "ReLU": (C["critic"], 8),
    "SiLU, LayerNorm": (C["model"], 0),
}
lines = {name: [c, runs.arrays[name], dy] for name, (c, dy) in history.items()}
fine = data.results("autoencoder_fine_tuning")
after = sorted(set(fine.column("steps")))  # the steps that follow 1600 of pre-training
for name in ("sigmoid, RBMs first", "sigmoid, layer pairs first"):
    errors = [fine.column("error", case=name, steps=n) for n in after]
    lines[name][1:2] = [np.transpose(errors)]
    lines[name].append([1600 + n for n in after])
plots.show(pictures.errors_over_steps(
    lines, recipe.MARKS,
    levels=[(by_mean, "mean image"), (by_pca[8], "PCA, 8 numbers")],
    title="pre-training spares the sigmoid network its plateau; ReLU and norm need "
    "none"),
           alt="Squared error over the steps for five networks. The sigmoid network "
           "stays at the mean image for 100 steps and falls slowly, still above PCA "
           "after 9600. With Boltzmann machines or layer pairs first, its curve begins "
           "at 1600 steps, drops at once and is well below PCA at 3200. ReLU is there "
           "too, and the normalised network is lowest.")  # fmt: skip

# %%
at_end = {name: runs.arrays[name][:, marks.index(3200)] for name in lines}
for name, errors in at_end.items():
    print(f"{name:27} 3200 steps: {errors.mean():.2f} ± {errors.std(ddof=1):.2f}")
plain, longer = at_end["sigmoid"], lines["sigmoid"][1][:, -1]
print(f"{'sigmoid':27} 9600 steps: {longer.mean():.2f} ± {longer.std(ddof=1):.2f}")
claim = "RBMs first, 3 seeds: at most 0.75 of the plain sigmoid's error"
ratio = at_end["sigmoid, RBMs first"] / plain
control = {"three times the steps": longer / plain}
check(claim, ratio, 0.75, relation="<=", control=control)
claim = "the plain sigmoid is not stuck: 3 seeds at most 0.75 of the mean image"
early = lines["sigmoid"][1][:, marks.index(100)]
control = {"100 steps": early / by_mean}
check(claim, plain / by_mean, 0.75, relation="<=", control=control)
claim = "SiLU and norm without pre-training: below RBMs first, 3 seeds"
best_old = at_end["sigmoid, RBMs first"].min()
control = {"the plain sigmoid": plain}
check(claim, at_end["SiLU, LayerNorm"], best_old, relation="<=", control=control)
claim = "100 steps after the RBMs, 3 seeds: at most 0.75 of the mean image"
tuned = {n: fine.column("error", case="sigmoid, RBMs first", steps=n) for n in after}
hundred = tuned[100] / by_mean
print(f"the mean image {by_mean:.1f}; after the RBMs and 1, 25, 100 steps:",
      *(f"{tuned[n].mean():.1f}" for n in (1, 25, 100)))  # fmt: skip
check(claim, hundred, 0.75, relation="<=",
      control={"no RBMs, 100 steps": early / by_mean})  # fmt: skip

# %%
tried = data.results("autoencoder_rates")
print(f"errors after {tried.column('steps')[0]} steps, seed {tried.seeds[0]}, by rate")
best_rate = {}
for name in history:
    rates, errors = (tried.column(key, case=name) for key in ("rate", "error"))
    best_rate[name] = rates[errors.argmin()]
    shown = ", ".join(f"{r:g}: {e:.2f}" for r, e in zip(rates, errors, strict=True))
    print(f"{name:27} {shown}")
check("no best rate is at an end of the grid",
      np.isin([*best_rate.values()], rates[1:-1]), 1)  # fmt: skip
others = [name for name in history if name != "sigmoid, layer pairs first"]
check("but for the layer pairs, the rate used is the best of five",
      [recipe.CASES[name][1] for name in others],
      [best_rate[name] for name in others])  # fmt: skip

# %% [markdown]
# So pre-training is worth more than a head start here: the plain network does not catch up in three times the steps. It also widens the choice of rates, on the one seed tried: at 0.03 the plain network is still at the mean image after 3200 steps, and those with a first stage are not. The stacked machines, after a single step of gradient descent, are still no better than the mean image. But from there descent gets well below it in 25 steps, while the plain network is still at the mean image after a hundred. And what replaced it is visible as well: ReLU ends about level with the pre-trained pairs, and SiLU with norm below everything, both without any first stage. The usual explanation is that the slope of an active ReLU is 1, so that gradients pass undiminished, and that normalisation keeps the numbers of a layer in a range where slopes are large. The figure does not separate SiLU from norm; section 10 adds them one at a time.

# %% [markdown] slide="slide"
# ## 5 · Denoising: repair what was broken on purpose
#
# **Question.** If the code is longer than the input, what stops the network from copying? One answer: never show it the original. Corrupt the input, $\tilde x$, and still ask for the clean $x$:
#
# $$L = \mathbb E\, \lVert g(f(\tilde x)) - x \rVert^2, \qquad \tilde x = x + \sigma\,\epsilon \;\text{ (Gaussian), or each pixel set to 0 with probability } p \;\text{ (masking)}.$$
#
# Here $\epsilon$ is a vector of standard normal numbers and $\sigma$ the size of the noise. (Our images are centred for this section, so a masked pixel shows its mean over all digits.) Mind the target: it is $x$. Put $\tilde x$ there, and you train the copier you wanted to avoid.
#
# **The baseline.** Before a network may boast, ask what the best *linear* repair does. Which matrix $A$ has the smallest $\mathbb E \lVert A\tilde x - x\rVert^2$? The derivative, $2\,\mathbb E[(A\tilde x - x)\,\tilde x^\top]$, must vanish, so $A = \mathbb E[x \tilde x^\top]\, \mathbb E[\tilde x \tilde x^\top]^{-1}$. Let $S = \mathbb E[x x^\top]$ be the covariance of the clean, centred images. Gaussian noise is independent of $x$, so it leaves $\mathbb E[x \tilde x^\top] = S$ and adds $\sigma^2 I$ to $\mathbb E[\tilde x \tilde x^\top]$. A mask keeps a pixel with probability $q$ and two different pixels with probability $q^2$, so $\mathbb E[x \tilde x^\top] = q S$, and $\mathbb E[\tilde x \tilde x^\top]$ is $q^2 S$ off the diagonal and $q S$ on it:
#
# $$\text{Gaussian: } S\,(S + \sigma^2 I)^{-1}, \qquad \text{masking, } q = 1 - p: \; q S\,\bigl(q^2 S + q(1-q)\operatorname{diag} S\bigr)^{-1} .$$
#
# Now a code of 256 numbers for 196 pixels, with and without noise in training. Three seeds and two budgets are stored; the cell repeats one run.

# %% tags=["nbval-ignore-output"]
average = ink.mean(0)
clean, clean_test = ink - average, ink_test - average
broken = {}
for kind in ("gaussian", "masking"):  # sigma = p = 0.5
    broken[kind] = corrupt(clean_test, 0.5, kind, rng=torch.Generator().manual_seed(1))
noisy_runs = data.results("autoencoder_denoisers")
repairer = recipe.denoiser(clean, kind="gaussian", noise=0.5, seed=0)
repaired = repairer.reconstruct(broken["gaussian"]).detach()

# %%
where = {"trained": "gaussian", "shown": "gaussian", "seed": 0, "steps": 800}
again = squared_error(repaired, clean_test).mean().item()
claim = "seed 0 repeats the stored error, within 3 %"
check(claim, again, noisy_runs.column("error", **where)[0], rtol=0.03)
S = clean.double().T @ clean.double() / len(clean)
q, unit = 0.5, torch.eye(196, dtype=torch.float64)
into, seen = {"gaussian": S, "masking": q * S}, {"gaussian": S + 0.5**2 * unit}
# The border pixels never vary: 1e-6 keeps the matrix invertible.
seen["masking"] = q**2 * S + q * (1 - q) * torch.diag(S.diagonal()) + 1e-6 * unit
linear = {}
for kind in broken:
    A = torch.linalg.solve(seen[kind], into[kind].T).T.float()
    linear[kind] = broken[kind] @ A.T


# %%
def wrong_label(images):
    """Share whose nearest clean training image shows a different digit."""
    nearest = torch.cdist(images, clean).argmin(1).numpy()
    return float((labels[nearest] != test_set.labels).mean())


print("                          squared error   nearest image: wrong digit")
print(f"clean                              0.00   {wrong_label(clean_test):.1%}")
errors, wrong = {}, {}
for kind, images in broken.items():
    cases = {"unrepaired": images, "best linear": linear[kind]}
    for name, shown in cases.items():
        errors[kind, name] = squared_error(shown, clean_test).mean().item()
        wrong[kind, name] = wrong_label(shown)
    for name, trained, steps in (
        ("plain network", "none", 800),
        ("plain, 3 x steps", "none", 2400),
        ("denoiser", kind, 800),
        ("denoiser, 3 x steps", kind, 2400),
    ):
        where = {"trained": trained, "shown": kind, "steps": steps}
        errors[kind, name] = noisy_runs.column("error", **where)
        wrong[kind, name] = noisy_runs.column("wrong", **where)
    for name in [key[1] for key in errors if key[0] == kind]:
        row = errors[kind, name], wrong[kind, name]
        print(f"{kind:9} {name:20} {np.mean(row[0]):9.2f}   {np.mean(row[1]):.1%}")

# %%
for kind in broken:
    base = errors[kind, "best linear"]
    claim = f"{kind}, 3 seeds: at most 0.92 of the best linear error"
    control = {"linear": base, "plain network": errors[kind, "plain network"]}
    control["plain, 3 x steps"] = errors[kind, "plain, 3 x steps"]
    check(claim, errors[kind, "denoiser"], 0.92 * base, relation="<=", control=control)
    worse = errors[kind, "plain, 3 x steps"] - errors[kind, "plain network"]
    claim = f"{kind}, 3 seeds: after three times the steps plain repairs worse"
    control = errors[kind, "denoiser, 3 x steps"] - errors[kind, "denoiser"]
    check(claim, worse, 0.0, relation=">=", control={"the denoiser": control})
copied = [noisy_runs.column("error", trained="none", shown="none", steps=n)
          for n in (800, 2400)]  # fmt: skip
claim = "the plain network copies clean images: error at most 0.5"
check(claim, copied, 0.5, relation="<=", control={"PCA, 32": by_pca[32]})
print("error, 800 and 2400 steps:", *(f"{each.mean():.2f}" for each in copied))

# %%
rows = {"clean": clean_test, "noisy": broken["gaussian"], "linear": linear["gaussian"]}
rows["denoiser"] = repaired
plots.show(pictures.image_rows(
    {name: im[columns] + average for name, im in rows.items()}, shape),
           alt="Ten unseen digits; the same with so much Gaussian noise that they are "
           "hard to read; repaired by the best linear map, with a grey haze around the "
           "strokes; and by the denoising network, with cleaner paper and clearer "
           "strokes.")  # fmt: skip

# %% [markdown] finding="The plain network, with its long code, is a near-perfect copier of clean images, and a poor repairer."
# Look at the first column. The plain network, with its long code, is a near-perfect copier of clean images, and a poor repairer. On masked images its error is hardly smaller than if it had returned them as they came. Gaussian noise it does reduce, but to twice the error of the best linear map, hardly less than answering with the mean image. The same network trained on noise beats the best linear map by between a seventh and a sixth, for both kinds of noise, and three times the steps add to that. The plain network, given three times the steps, copies better and repairs worse: under Gaussian noise its answer is then further off than the mean image, and masked images it leaves no better than they came.
#
# The second column is a warning. Ask which training image is nearest, and with Gaussian noise the *unrepaired* images fare better than the repaired ones, whichever method repaired them. There is a reason. $-\log p(\tilde x \mid x) = \lVert\tilde x - x\rVert^2 / 2\sigma^2$ plus a constant, so of all training images the nearest to $\tilde x$ is already the one most likely to have led to it. The repair cannot add information about $x$, and it replaces the image by a *mean* over all digits it might have been. (This is an argument and not a proof: the true $x$ is unseen, so it is not among the training images.) With masking the distance has no such meaning, and there the repair helps.

# %%
claim = "Gaussian, 3 seeds, 800 and 2400 steps: repaired, 2 more in 100 are wrong"
again = corrupt(clean_test, 0.5, "gaussian", rng=torch.Generator().manual_seed(2))
control = {"unrepaired, other noise": wrong_label(again)}
both = [wrong["gaussian", name] for name in ("denoiser", "denoiser, 3 x steps")]
bar = wrong["gaussian", "unrepaired"] + 0.02
check(claim, both, bar, relation=">=", control=control)
claim = "masking, 3 seeds: the repair mends at least 4 in 100"
bar = wrong["masking", "unrepaired"] - 0.04
control = {"plain network": wrong["masking", "plain network"]}
check(claim, wrong["masking", "denoiser"], bar, relation="<=", control=control)

# %% [markdown] slide="subslide"
# **What does a perfect denoiser know?** For squared error the best answer to $\tilde x$ is the mean of all $x$ that might have led to it, $\mathbb E[x \mid \tilde x]$: any other answer $g$ adds $\lVert g - \mathbb E[x \mid \tilde x]\rVert^2$ to the expected error. Let $p(x)$ be any distribution of the data and $p_\sigma$ the density of the noisy data. Four steps.
#
# 1. The noisy density is a mixture, one Gaussian around each $x$: $\;p_\sigma(\tilde x) = \int p(x)\, \mathcal N(\tilde x; x, \sigma^2 I)\, dx$.
# 2. Differentiate under the integral. A Gaussian has $\nabla_{\tilde x}\, \mathcal N = \mathcal N \cdot (x - \tilde x)/\sigma^2$, so $\;\nabla p_\sigma(\tilde x) = \frac{1}{\sigma^2} \int p(x)\, \mathcal N(\tilde x; x, \sigma^2 I)\,(x - \tilde x)\, dx$.
# 3. Divide by $p_\sigma(\tilde x)$. The left-hand side becomes $\nabla \log p_\sigma$. On the right, by Bayes, $p(x)\,\mathcal N / p_\sigma(\tilde x)$ is the posterior $p(x \mid \tilde x)$.
# 4. The integral of the posterior times $(x - \tilde x)$ is $\mathbb E[x \mid \tilde x] - \tilde x$. Hence **Tweedie's formula**
#
# $$\mathbb E[x \mid \tilde x] - \tilde x \;=\; \sigma^2\, \nabla \log p_\sigma(\tilde x).$$
#
# **The move of a perfect denoiser is the noise variance times the score**, the slope of the log density. Keep it in mind for the diffusion models of notebook 17. We check it twice: for a list of eight points, where the posterior is a softmax, and for a Gaussian $\mathcal N(\mu, S)$, where the mean is the linear repair from above.

# %%
sigma, mu = 0.6, torch.tensor([1.0, -2.0], dtype=torch.float64)
places = mu + torch.tensor(rng.normal(size=(50, 2)))
points = places[:8] + 0.3  # x is one of eight points
distances = ((places[:, None] - points) ** 2).sum(-1)
likelihood = torch.exp(-distances / (2 * sigma**2))  # N(x~; x), up to a factor
posterior = likelihood / likelihood.sum(1, keepdim=True)
best = posterior @ points  # E[x | x~]
cloud = torch.distributions.MultivariateNormal(
    points[:, None], sigma**2 * torch.eye(2).double())  # fmt: skip
score = torch.func.grad(lambda y: torch.logsumexp(cloud.log_prob(y), 0).sum())(places)
check("eight points: move = sigma^2 score", best - places, sigma**2 * score, atol=1e-10)
from coursekit.autoencoder import posterior_mean

theirs = posterior_mean(points, places, sigma)
check("posterior mean by hand = coursekit", best, theirs, atol=1e-12)

root = torch.tensor([[1.2, 0.0], [0.5, 0.4]], dtype=torch.float64)
spread = root @ root.T
noisy = spread + sigma**2 * torch.eye(2).double()
best = mu + (places - mu) @ torch.linalg.solve(noisy, spread)
gauss = torch.distributions.MultivariateNormal(mu, noisy)
score = torch.func.grad(lambda y: gauss.log_prob(y).sum())(places)
check("a Gaussian: the same", best - places, sigma**2 * score, atol=1e-10)

# %% [markdown] slide="subslide" says="For a finite list of points the best repair is a mean of all points, each weighted by the probability that it was the one."
# Now 300 points on two moons. Turn the size of the noise.

# %% tags=["nbval-ignore-output"]
moons = data.toy2d("moons", 300, rng=0).x
explorers.denoiser_explorer(moons)

# %%
from functools import partial

widgets.static_frames(partial(explorers.denoiser_frame, moons),
                      [{"sigma": 0.15}, {"sigma": 0.7}],
                      alt="Arrows of the best denoiser around two moons of points. "
                      "With little noise they point to the nearest part of a moon; "
                      "with much noise all point to the middle of the whole "
                      "cloud.")  # fmt: skip

# %% [markdown]
# (Arrows are drawn at two fifths of their length.) Little noise: nearly every arrow points to the nearest part of the shape. Much noise: the shape is nearly forgotten, and the arrows point towards the middle. A trained denoiser is an estimate of these arrows, made from samples.

# %% [markdown] slide="slide"
# ## 6 · Contractive: a penalty on the slope
#
# **Question.** Noise says: inputs that differ only a little must get the same answer. Can we ask for that without random numbers? Yes: make the *derivative* of the code small. The **contractive** autoencoder adds to the squared error the penalty
#
# $$\lambda\, \lVert J(x) \rVert_F^2, \qquad J = \frac{\partial f}{\partial x}, \qquad \lVert J \rVert_F^2 = \sum_{j,k} \Big(\frac{\partial z_j}{\partial x_k}\Big)^2 .$$
#
# For one sigmoid layer, $z_j = \sigma(W_j x + b_j)$, the chain rule gives $J_{jk} = z_j (1 - z_j) W_{jk}$, so the norm has a closed form:
#
# $$\lVert J \rVert_F^2 = \sum_j \big(z_j (1 - z_j)\big)^2 \sum_k W_{jk}^2 .$$
#
# The deck adds a practical point: this objective is a fixed function of the weights, so second-order optimisers can be used, while each evaluation of the denoising loss draws new noise.

# %%
torch.manual_seed(0)
layer = Autoencoder(196, 24, activation="sigmoid").double()
some, W = clean_test[:20].double(), layer.encoder[0][0].weight
z = torch.sigmoid(some @ W.T + layer.encoder[0][0].bias)
by_hand = ((z * (1 - z)) ** 2 * (W**2).sum(1)).sum(1)
by_autograd = (layer.jacobian(some) ** 2).sum((1, 2))
check("|J|^2 by hand = automatic differentiation", by_hand, by_autograd, rtol=1e-10)
check("|J|^2 by hand = coursekit", by_hand, layer.jacobian_norm(some), rtol=1e-10)

# %% [markdown]
# What does the penalty buy? The singular values of $J$ say how strongly the code answers to a small step of the input, direction by direction. Reconstruction wants the code to answer along the data; the penalty wants it to answer nowhere. Where will the compromise fall? We train one layer of 24 sigmoids, with tied weights, with and without the penalty.


# %% tags=["nbval-ignore-output"]
def one_layer(seed, penalty):
    torch.manual_seed(seed)
    net = Autoencoder(196, 24, activation="sigmoid", tied=True, contraction=penalty)
    options = STEADY | {"n_steps": 300, "batch_size": 128, "learning_rate": 0.01}
    training.fit(net, clean, seed=seed, **options)
    return net.requires_grad_(False)


plain_nets = [one_layer(seed, 0.0) for seed in range(3)]
contracted = [one_layer(seed, 1.0) for seed in range(3)]


# %%
def spectra_of(nets):
    """(seeds, 100, 24): singular values of J at every tenth unseen image."""
    jacobians = [net.jacobian(clean_test[::10]) for net in nets]
    return np.array([torch.linalg.svdvals(J).numpy() for J in jacobians])


def relative(values):
    """Relative to the largest, mean over the images; (seeds, 24)."""
    return (values / values[..., :1]).mean(1)


of_plain, of_contracted = spectra_of(plain_nets), spectra_of(contracted)
plain_curves, curves = relative(of_plain), relative(of_contracted)
for name, values in (("plain", of_plain), ("contractive", of_contracted)):
    first, middle = values[..., 0].mean(), values[..., 12:20].mean()
    print(f"{name:12} largest {first:.2f}, 13th to 20th {middle:.2f}, means of 3 seeds")
plots.show(pictures.spectra({"plain": plain_curves, "contractive": curves}),
           alt="Singular values of the encoder's Jacobian relative to the largest, for "
           "three plain and three contractive autoencoders with tied weights. The "
           "contractive curves fall faster: a little lower in the first directions, "
           "and far lower from the middle on.")  # fmt: skip
upper = curves[:, 1:8].mean(1) / plain_curves[:, 1:8].mean(1)
lower = curves[:, 12:20].mean(1) / plain_curves[:, 12:20].mean(1)
claim = "tied, 3 seeds: directions 13 to 20 keep at most 0.6 of the plain ones"
check(claim, lower, 0.6, relation="<=", control={"directions 2 to 8": upper})


def image_error(net):
    return squared_error(net.reconstruct(clean_test), clean_test).mean().item()


saved = np.array([image_error(net) for net in plain_nets])
spent = np.array([image_error(net) for net in contracted])
claim = "the images pay: an error at least a tenth larger, 3 seeds"
check(claim, spent, 1.1 * saved, relation=">=", control={"plain": saved})

# %% [markdown]
# The penalty does not make a sharp cut. Measured against the strongest direction, nearly all others lose, and the weak ones from the middle on lose most. (The curves are relative. The printed lines give the sizes: the strongest direction itself shrinks only a little.)
#
# **Why tied?** Untied, the penalty can be dodged: let the encoder shrink, let the decoder grow by the same factor, and the slope falls while the image stays. For linear maps that is the hyperbola of section 1 for the third time; for sigmoids, section 3 has shown that it comes as close to PCA as you like. (This is an argument; we train no untied network here.)

# %% [markdown] slide="slide"
# ## 7 · Tangents: the encoder knows roughly which way the data lie
#
# **Question.** A sheet of paper, rolled up, is two-dimensional, though it lives in three. Can an autoencoder tell us, at a point, in which directions the sheet goes on?
#
# The sheet goes on in the directions in which the code changes. Along the sheet it has to, or the point could not be rebuilt. Across the sheet it should not: we train with noise, as in section 5, and whatever the noise adds across the sheet has to be forgotten. (Without noise nothing is ever seen off the sheet, and nothing tells the encoder what to do there.) With the singular value decomposition $J = U D V^\top$ they are the **columns of $V$** that belong to the largest singular values: a unit step along column $k$ changes the code by the $k$-th singular value. (The generative AI deck says rows of $V$. Rows of $V^\top$ would be right; rows of $V$ mix the directions.)


# %% tags=["nbval-ignore-output"]
def swiss_roll(rng, n=3000):
    """Points (n, 3), their angle (n,), and the true tangent planes (n, 2, 3)."""
    angle = rng.uniform(1.5 * np.pi, 4.5 * np.pi, n)
    cos, sin, zero = np.cos(angle), np.sin(angle), np.zeros(n)
    along = np.stack([cos - angle * sin, zero, sin + angle * cos], 1)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    up = np.tile([0.0, 1.0, 0.0], (n, 1))
    spots = np.stack([angle / 4 * cos, rng.uniform(-2, 2, n), angle / 4 * sin], 1)
    return spots, angle, np.stack([along, up], 1)


def cosine(planes, others):
    """Median cosine of the largest angle between planes (m, 2, 3)."""
    product = planes @ others.transpose(0, 2, 1)
    return np.median(np.linalg.svd(product, compute_uv=False)[:, -1])


def planes_found(seed, roll, n_steps=1500):
    torch.manual_seed(seed)
    net = Autoencoder(3, 2, hidden=(64, 64), activation="silu", noise=0.3)
    options = {"learning_rate": 0.01, "schedule": "cosine", "device": "cpu"}
    training.fit(net, roll, n_steps=n_steps, seed=seed, **options)
    directions = net.tangent_vectors(torch.tensor(roll[:300]).float(), 2)
    return net, directions.detach().numpy()


cosines = []
for seed in range(3):
    roll, angle, truth = swiss_roll(np.random.default_rng(seed))
    finder, found = planes_found(seed, roll)
    cosines.append(cosine(found, truth[:300]))

# %%
random_planes = np.linalg.qr(rng.normal(size=(300, 3, 2)))[0].transpose(0, 2, 1)
control = {"random planes": cosine(random_planes, truth[:300])}
control["untrained"] = cosine(planes_found(2, roll, n_steps=1)[1], truth[:300])
print("median cosine to the true plane:", *(f"≈ {value:.2f}" for value in cosines),
      *(f"{name} ≈ {value:.2f}" for name, value in control.items()))  # fmt: skip
inner = angle[:300] < 3 * np.pi
halves = [cosine(found[part], truth[:300][part]) for part in (inner, ~inner)]
print("last seed: inner half ≈ {:.2f}, outer half ≈ {:.2f}".format(*halves))
check("3 seeds: at least 0.75", cosines, 0.75, relation=">=", control=control)
at_random = cosine(random_planes[~inner], truth[:300][~inner])
check("last seed: the outer half is found better, by .05", halves[1], halves[0] + 0.05,
      relation=">=", control={"random planes": at_random})  # fmt: skip
plots.show(pictures.tangents_on_roll(roll, angle, roll[:40], found[:40]),
           alt="A spiral of one and a half turns, a swiss roll seen from above, "
           "coloured by the angle, with short orange segments where the tangent planes "
           "found by the autoencoder cut the ground: most lie along the spiral, a few "
           "are askew.")  # fmt: skip
J = finder.jacobian(torch.tensor(roll[:300]).float()).detach()
lengths_along = (J @ torch.tensor(found).mT).norm(dim=1)
check("|J v| = singular value", lengths_along, torch.linalg.svdvals(J), rtol=1e-3)

# %% [markdown]
# These cosines are medians, and a cosine of 0.8 to 0.9 is an angle of 25 to 36 degrees: better than random planes and than the untrained network, which miss the bar, but only a rough map. In the figure most of the askew segments are on the inner turn.

# %% [markdown] slide="slide"
# ## 8 · Tangent prop: what tangents are good for
#
# **Question.** A digit moved by a pixel is the same digit. How do we tell a classifier?
#
# One answer is to show it moved copies. The other is to tell its *slope*. When an image $x$ moves, it sets out in a direction $t$, a tangent vector of the sheet on which all its moved copies lie. The outputs $F$ of the classifier set out along the directional derivative $\partial F/\partial x \cdot t$. **Tangent prop** (Simard and others, 1992) adds its square to the cross-entropy,
#
# $$\lambda \sum_m \Big\lVert \frac{\partial F}{\partial x}\, t_m \Big\rVert^2 .$$
#
# The two answers are related. Take a small random step $s$ of size about $\tau$, with variance $\tau^2$ and as likely to go forward as back. With $a = \frac{\partial F}{\partial x} t$ and the second derivative $b$ along $t$, $F(x + s\,t) - F(x) = s\, a + \frac12 s^2 b + O(s^3)$. Its square is $s^2 \lVert a\rVert^2 + s^3\, a^\top b + O(s^4)$, and the middle term has mean 0. So the mean squared change of the outputs is $\tau^2 \lVert a\rVert^2$, that is $\tau^2$ times the penalty, up to a relative error of order $\tau^2$. Halve the steps and that error must fall by 4. (We take $s = \pm\tau$, so that the mean has two terms.)

# %%
from coursekit.autoencoder import shift_tangents, tangent_penalty

torch.manual_seed(1)
layers = torch.nn.Linear(196, 12), torch.nn.Tanh(), torch.nn.Linear(12, 10)
tiny = torch.nn.Sequential(*layers).double()
digit = ink[:6].double()
right, down = shift_tangents(digit, shape).unbind(1)
inner, outer = tiny[0].weight, tiny[2].weight
hidden_slope = 1 - torch.tanh(tiny[0](digit)) ** 2  # (6, 12)
by_chain_rule = (hidden_slope * (right @ inner.T)) @ outer.T  # (6, 10)
by_hand = (by_chain_rule**2).sum(1)
theirs = tangent_penalty(tiny, digit, right[:, None])
check("penalty by the chain rule = coursekit", by_hand, theirs, rtol=1e-10)
errors_of_tau = []
for tau in (0.2, 0.1, 0.05):
    change = [((tiny(digit + s * right) - tiny(digit)) ** 2).sum(1)
              for s in (tau, -tau)]  # fmt: skip
    errors_of_tau.append((sum(change) / 2 / tau**2 / by_hand - 1).abs().mean().item())
print("relative error for steps .2, .1, .05:", np.round(errors_of_tau, 5))
check("halving the step divides it by 4", errors_of_tau[1] / errors_of_tau[2], 4,
      rtol=0.05)  # fmt: skip

# %% [markdown]
# The experiment: 300 labelled digits, a small classifier, test digits as they are and moved by one pixel in each of the four directions. We give it the tangents of moving, random directions of the same length, and the two strongest tangents of an autoencoder's code. Settings were chosen on a different seed; the runs are stored, one is repeated.

# %% tags=["nbval-ignore-output"]
tangent_runs = data.results("autoencoder_tangents")
truth_of_test = torch.tensor(test_set.labels)
chosen = recipe.few_labels(labels, 30, seed=0)
few, few_labels = ink[chosen], torch.tensor(labels)[chosen]
how = {"tangents": shift_tangents(few, shape), "weight": 0.03, "seed": 0}
network = recipe.tangent_classifier(few, few_labels, **how)
moved = recipe.moved_by_a_pixel(ink_test)
live_wrong = recipe.share_wrong(network, moved, truth_of_test.repeat(4))

# %%
at_zero = tangent_runs.column("moved", case="shifts", seed=0)[0]
check("seed 0 repeats the stored error, within 2 points", live_wrong, at_zero,
      atol=0.02)  # fmt: skip
cases = ("none", "shifts", "random directions", "tangents of an autoencoder",
         "moved copies")  # fmt: skip
print("                                as they are   moved by a pixel")
shares = {}
for case in cases:
    as_is, shares[case] = (
        tangent_runs.column(k, case=case) for k in ("wrong", "moved"))  # fmt: skip
    print(f"{case:30} {as_is.mean():10.1%} {shares[case].mean():16.1%}")
claim = "tangents of moving, 3 seeds: at least 10 points fewer errors on moved digits"
bar = shares["none"] - 0.1
control = {case: shares[case] for case in (cases[2], cases[3])}
check(claim, shares["shifts"], bar, relation="<=", control=control)
directions = shift_tangents(ink_test[columns], shape)
learned = coded[0].tangent_vectors(ink_test[columns], 2).detach()
rows = {"moved right": directions[:, 0], "moved down": directions[:, 1]}
rows |= {"learned, 1st": learned[:, 0], "learned, 2nd": learned[:, 1]}
rows = {"digit": ink_test[columns]} | rows
plots.show(pictures.tangent_rows(rows, shape),
           alt="Ten digits and below each four directions, ink to add in black and ink "
           "to take away in white. Moving right or down gives every stroke a dark and "
           "a bright edge; the learned tangents are grainy, with faint "
           "strokes.")  # fmt: skip

# %% [markdown]
# On moved digits, knowing the tangents of moving is worth about as much as seeing moved copies; directions at random are worth a quarter of it. On digits as they are the differences are small, and in the mean random directions do at least as well as the tangents. One weight of the penalty serves all the directions. With it the *learned* tangents do not help against moves. They are grainy; and the training digits are all centred, so there may be little in the data from which an encoder could learn what moving is. Rifai and others built their *manifold tangent classifier* on such tangents; with 300 labels, eight numbers and this weight ours gains nothing.

# %% [markdown] slide="slide"
# ## 9 · Does it generate?
#
# **Question.** The decoder turns any code into an image. So draw a code and decode it: is that a digit? Walk over the map of a network with a code of two numbers and see.

# %% tags=["nbval-ignore-output"]
codes_seen = flatland.encode(ink[:600]).detach().numpy()
nothing = np.zeros(196)  # this network answers in ink: there is no mean to add
explorers.walk_explorer(flatland, codes_seen, labels[:600], nothing, shape)

# %%
args = flatland, codes_seen, labels[:600], nothing, shape
of_a_zero = codes_seen[labels[:600] == 0][0].tolist()
low, high = np.quantile(codes_seen, (0.1, 0.9), axis=0)
spots = low + (high - low) * rng.random((2000, 2))
to_codes = np.linalg.norm(spots[:, None] - codes_seen, axis=2).min(axis=1)
empty = spots[to_codes.argmax()].tolist()  # far from every code, not outside of them
widgets.static_frames(partial(explorers.walk_frame, *args),
                      [{"z1": z1, "z2": z2} for z1, z2 in (of_a_zero, empty)],
                      alt="Two positions of a cross on the map of the codes. On the "
                      "code of a training image the decoder draws a zero; in an empty "
                      "place between two groups, far from every code, an upright "
                      "stroke with blurred edges.")  # fmt: skip

# %% [markdown]
# The second place was chosen for its emptiness, and the decoder still draws a stroke there, with blurred edges. Two numbers leave little room for holes; eight leave far more. So where should one draw codes from? We try three ways, for the networks with eight numbers that section 4 trained for 400 steps: evenly from the box that holds all codes; from a Gaussian fitted to them; from the neighbourhood of training codes. The yardstick is the squared distance of an image to the nearest training image, the median over 500; unseen digits set the standard. (It sees broken shapes, but not everything: a blurred digit, or a copy of a training image, comes out *nearer* than a real one.)


# %%
def to_training_image(images):
    return torch.cdist(images, ink).min(1).values.square().median().item()


def drawn_codes(net, seen, dice):
    """500 images by each of three ways to draw codes."""
    low, high = seen.aminmax(dim=0)
    root = torch.linalg.cholesky(torch.cov(seen.T))
    steps = torch.randn(500, 8, generator=dice) @ root.T
    near = seen[torch.randint(len(seen), (500,), generator=dice)] + 0.3 * steps
    box = low + (high - low) * torch.rand(500, 8, generator=dice)
    ways = {"near codes": near, "Gaussian": seen.mean(0) + steps, "box": box}
    return {name: net.decode(z).detach() for name, z in ways.items()}


standard = to_training_image(ink_test[::2])
dice = torch.Generator().manual_seed(3)
drawn = [drawn_codes(net, pair[1], dice)
         for net, pair in zip(coded, encoded, strict=True)]  # fmt: skip
far = {}
for name in drawn[0]:
    far[name] = np.array(
        [to_training_image(images[name]) for images in drawn]) / standard  # fmt: skip
    print(f"{name:10} {far[name].mean():.2f} times as far as unseen digits")
claim = "the box, 3 seeds: at least 1.5 times as far as unseen digits"
control = {name: far[name] for name in ("near codes", "Gaussian")}
check(claim, far["box"], 1.5, relation=">=", control=control)
rows = {"unseen": ink_test[columns]}
rows |= {name: images[:10] for name, images in drawn[0].items()}
plots.show(pictures.image_rows(rows, shape),
           alt="Ten unseen digits; ten images decoded near training codes, ten from a "
           "Gaussian fitted to the codes and ten from their box. Digits can be read in "
           "every row; the box has the most broken shapes.")  # fmt: skip

# %% [markdown]
# What is wrong with the box? In eight dimensions it has 256 corners, and a cloud of codes need not reach into any of them. Where there are no codes the training asks nothing of the decoder: the map has **holes**. (That is the likely reason; the check measures only the images.) Some of its images are digits all the same; a Gaussian fitted afterwards does better, and a better density of the codes may do better still. But nothing in the loss asks for codes that any simple distribution describes. The variational autoencoder of the next notebook puts that into the objective.

# %% [markdown] slide="slide"
# ## 10 · What goes wrong
#
# **The network that says the mean.** Raw ink instead of centred data, sigmoid layers, no normalisation, squared error. The first thing to learn is the mean image. Soon the decoder answers every image with nearly that, whatever the code, and the loss hardly moves: it looks like the saddle of section 1 again (we do not measure the slope). You might take that for the end. (The last row of the figure is a network with all the remedies, or *courtesies*, that are listed below it.)

# %% tags=["nbval-ignore-output"]
stuck, _ = recipe.curve("1 sigmoid, squared error", ink, ink_test, seed=0, n_steps=100)
rows = {"unseen": ink_test[columns]}
rows["sigmoid, 100 steps"] = stuck.reconstruct(ink_test[columns]).detach()
rows["courtesies, 3200"] = deep.reconstruct(ink_test[columns])
plots.show(pictures.image_rows(rows, shape),
           alt="Ten unseen digits; below them ten times the same grey blob, the mean "
           "image, from the sigmoid network; below that ten readable reconstructions "
           "by the network with all courtesies.")  # fmt: skip


def range_of_answers(net):
    return np.ptp(net.reconstruct(ink_test[columns]).detach().numpy(), axis=0).max()


claim = "ten questions, one answer: no pixel varies by more than 0.15"
control = {"all courtesies": range_of_answers(deep)}
check(claim, range_of_answers(stuck), 0.15, relation="<=", control=control)

# %% [markdown]
# Two signs betray it early: the loss stands still at the variance of the data, and the answers are all alike. Is the network dead? Do not stop; look at the whole curve. We add five *courtesies*, one after the other, all at the same learning rate. *SiLU* instead of sigmoids you know. *Start at the mean* sets the first and last bias so that the mean need not be learned. *LayerNorm* you know. *Sigmoid output* sends the output through a sigmoid, so that ink stays between 0 and 1; the loss is still the squared error. *Cross-entropy* changes the loss, too, to
#
# $$-\sum_k \bigl(x_k \log \hat x_k + (1 - x_k)\log(1 - \hat x_k)\bigr) .$$
#
# For bits that is a negative log-likelihood. For *grey* ink it is not one, since a Bernoulli variable takes no value between 0 and 1; it is a loss whose minimum is where it should be, at $\hat x = x$, and notebook 11 comes back to that.

# %%
from coursekit.autoencoder import cross_entropy

answers = ink_test.flip(0).clamp(0.01, 0.99)
by_hand = -(ink_test * answers.log() + (1 - ink_test) * (1 - answers).log()).sum(1)
theirs = cross_entropy(answers, ink_test)
check("cross-entropy by hand = coursekit", by_hand, theirs, rtol=1e-5)

# %%
colors = "wrong", "latent", "critic", "data", "latent", "model"
names = [name for name in recipe.CASES if name[0] in "123456"]
places = zip(names, colors, (9, 26, 14, 2, 0, -12), strict=True)
ladder = {name: (C[color], runs.arrays[name], dy) for name, color, dy in places}
plots.show(pictures.errors_over_steps(ladder, recipe.MARKS,
    levels=[(by_mean, "mean image"), (by_pca[8], "PCA, 8 numbers")],
    title="each network leaves the plateau; the courtesies decide when, and how far"),
    alt="Squared error over the steps for six networks. The sigmoid network stays at "
    "the mean image for about 100 steps and is still falling after 9600. SiLU, start "
    "at the mean and norm leave earlier and meet at 3200 steps. The two with a sigmoid "
    "at the output lie on each other, lowest from the start.")  # fmt: skip
for name, (_, errors, _) in ladder.items():
    below = (errors < by_pca[8]).all(axis=0)
    first = f"from {marks[below.argmax()]} steps on" if below.any() else "at no mark"
    last = errors[:, marks.index(3200)].mean()
    print(f"{name:26} below PCA {first}; at 3200: {last:.2f}")
sigmoid = ladder["1 sigmoid, squared error"][1]
claim = "the sigmoid network is not dead: below 0.7 of the mean image in 9600 steps"
control = {"after 100 steps": sigmoid[:, marks.index(100)] / by_mean}
check(claim, sigmoid[:, -1] / by_mean, 0.7, relation="<=", control=control)
at = {name: errors[:, marks.index(400)] for name, (_, errors, _) in ladder.items()}
claim = "400 steps, 3 seeds: with all courtesies at most 0.8 of SiLU alone"
third, second = at["3 start at the mean"], at["2 SiLU"]
control = {"start at the mean alone": third.mean() / second.mean()}
check(claim, at["6 cross-entropy"] / second, 0.8, relation="<=", control=control)
last = {name: runs.arrays[name][:, marks.index(3200)] for name in names[3:]}
linear_out, squared, entropy = last.values()
claim = "3200 steps, 3 seeds: with a sigmoid output both losses end within 10 %"
control = {"linear output": linear_out / squared}
check(claim, entropy / squared, 1.0, atol=0.1, control=control)

# %% [markdown]
# At 100 steps this figure would read "without courtesies it dies". It does not die; but at this rate three times the steps do not bring it down to PCA either, so SiLU buys more than a quicker start. The next two courtesies mostly buy time: at 3200 steps networks 2 to 4 are level, LayerNorm having added nothing that lasts. The sigmoid at the output is worth more, early and late. And the loss, which usually gets the credit, is not what does it: with the same output the curves of squared error and cross-entropy lie on each other. (What the figure shows is the squared error, which one of the two was trained for.) So before you say that a network *cannot*, give it three times the steps; and before you say *why* one can, change one thing at a time.

# %% [markdown] slide="slide"
# ## 11 · Summary
#
# | Claim | Where it was checked | Code in [`autoencoder/`](../coursekit/autoencoder/model.py) |
# | --- | --- | --- |
# | scalar case: zero loss exactly on $w_1 w_2 = 1$, saddle at the origin | section 1 | |
# | the loop by hand = `training.fit`, all weights | section 2 | [`training/fit.py`](../coursekit/training/fit.py) |
# | linear: principal plane, error = discarded eigenvalues, other axes | section 3 | `Autoencoder(activation="linear")` |
# | sigmoid encoder, linear decoder: the error tends to that of PCA as the weights shrink | section 3 | |
# | deep codes of 2, 8 and 32 numbers end below PCA; the longer ones needed more steps | section 4 | [`recipe.py`](../coursekit/autoencoder/recipe.py) |
# | sigmoid layers: RBMs or layer pairs first help; ReLU, and SiLU with norm, need neither | section 4 | [`pretraining.py`](../coursekit/autoencoder/pretraining.py) |
# | denoisers beat the best linear repair; under Gaussian noise the nearest training image shows a wrong digit more often after the repair | section 5 | `corrupt` |
# | Tweedie: a perfect denoiser moves by $\sigma^2$ times the score | section 5 | `posterior_mean` |
# | contractive penalty in closed form; it shrinks the weak directions most, at the expense of the images | section 6 | `sigmoid_jacobian_norm` |
# | the first columns of $V$ span the tangent plane, roughly | section 7 | `tangent_vectors` |
# | the tangent penalty is the mean squared change of the outputs under small moves, divided by $\tau^2$ | section 8 | [`tangent_prop.py`](../coursekit/autoencoder/tangent_prop.py) |
# | codes drawn from their box decode to images farther from the training images than unseen digits are | section 9 | |
# | this plateau at the mean image ends | section 10 | |
#
# ### Five questions
#
# <details><summary>1. An autoencoder has a code as long as its input and zero training error. What has it learned?</summary>
# Perhaps nothing: the identity does as much. A short code, noise on the input or a penalty on the slope is needed to make the task interesting.
# </details>
#
# <details><summary>2. All weights and biases start at zero. What happens in a linear autoencoder of centred data?</summary>
# The weights never move: every gradient of a weight contains the other weight, or the code, as a factor, and both are zero. It sits on the saddle. (In small batches the last bias trembles around zero.)
# </details>
#
# <details><summary>3. Someone plots the two code columns of a linear autoencoder and names the axes "first and second principal component". What is wrong?</summary>
# The plane is the principal one, the axes are not: any invertible mixture of the two is as good.
# </details>
#
# <details><summary>4. Your denoiser halves the squared error of noisy images, and a nearest-neighbour classifier gets worse on the repaired ones. Is there a bug?</summary>
# Not necessarily. Under Gaussian noise the training image nearest to the noisy one is already the most likely of them. The repair is a mean over all candidates, and a mean may lie near the wrong one.
# </details>
#
# <details><summary>5. How can a network dodge a penalty on the encoder's slope if the decoder's weights are free?</summary>
# The encoder shrinks, the decoder grows by the same factor, the product stays: the slope falls without any change in what the code keeps.
# </details>
#
# **Homework:** [`hw10_autoencoders`](homework/release/hw10_autoencoders/hw10_autoencoders.ipynb): the saddle, the denoising loss, the contractive penalty and its tangents, the best denoiser, and exam questions. The [solutions](../notebooks/homework/source/hw10_autoencoders/hw10_autoencoders.ipynb) are in a separate folder.
#
# **References.** P. Baldi and K. Hornik (1989), *Neural networks and principal component analysis: learning from examples without local minima*. P. Simard, B. Victorri, Y. LeCun and J. Denker (1992), *Tangent prop: a formalism for specifying selected invariances in an adaptive network*. G. Hinton and R. Salakhutdinov (2006), *Reducing the dimensionality of data with neural networks*. Y. Bengio et al. (2007), *Greedy layer-wise training of deep networks*. P. Vincent et al. (2010), *Stacked denoising autoencoders*. P. Vincent (2011), *A connection between score matching and denoising autoencoders*. S. Rifai et al. (2011), *Contractive auto-encoders: explicit invariance during feature extraction*. S. Rifai et al. (2011), *The manifold tangent classifier*. B. Efron (2011), *Tweedie's formula and selection bias*.
