# ---
# jupyter:
#   coursekit:
#     cpu_seconds: 60
#     minutes: 100
# ---

# %% [markdown] slide="slide"
# # 10 · Autoencoders: what must a short code remember?
#
# **After this notebook you can** write a training loop by hand, say in which sense a linear autoencoder is PCA and in which it is not, train deep, convolutional, denoising and contractive autoencoders, read the slope of an encoder as a map of the data, and say why an autoencoder does not generate.
#
# **Time:** 100 minutes to work through; it runs in about 60 seconds. **You need:** notebook 01 (components, reconstruction error), gradients, a little PyTorch. **It follows** the autoencoder parts of the unsupervised learning deck and of the generative models deck.
#
# Every line that starts with ✓ is a claim that was computed on both sides just now, on your machine. Claims about training are made over three seeds and against a band, since another processor has other last digits.

# %%
import numpy as np
import torch

from coursekit import data, pca, plots, training
from coursekit.autoencoder import Autoencoder, ConvAutoencoder, corrupt, cross_entropy, squared_error
from coursekit.checks import check

plots.use_course_style()
rng = np.random.default_rng(10)

# %% [markdown] slide="slide"
# ## 1 · The smallest autoencoder has two weights
#
# **Question.** You want to send a picture over a thin wire: eight numbers for sixty-four. At one end somebody squeezes, at the other somebody unpacks. Nobody tells either of them how. Can the two learn it from nothing but the wish that the picture arrives?
#
# The one who squeezes is the **encoder** $f$; what travels is the **code** $z = f(x)$; the one who unpacks is the **decoder** $g$. Both are adjusted so that $\hat x = g(f(x))$ resembles $x$. There is no label anywhere: the target is the input itself.
#
# Before the pictures, the smallest case, and a good exam question. One number goes in, one weight encodes it, $z = w_1 x$, one decodes it, $\hat x = w_2 z$. The mean squared error is
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
check("loss = (1 - w1 w2)^2 m", [scalar_loss(w) for w in pairs], (1 - pairs.prod(1)) ** 2 * m, atol=1e-12)
on_it = torch.stack([pairs[:, 0], 1 / pairs[:, 0]], 1)
check("loss is zero on the hyperbola", [scalar_loss(w) for w in on_it], 0.0, atol=1e-20)

# %% [markdown] slide="subslide"
# **What is at $(0, 0)$?** The gradient is $-2m\,(1 - w_1 w_2)\,(w_2,\; w_1)$, which vanishes there. So gradient descent started at zero stays at zero for ever.
#
# **Predict before you run:** is the origin a minimum, a maximum, or neither?
#
# <details><summary>Answer</summary>
#
# Neither. Walk along the diagonal $w_1 = w_2$ and the product grows: the loss falls. Walk along $w_1 = -w_2$ and the product becomes negative: the loss rises. The second derivatives say the same: the Hessian at the origin is $-2m$ beside the diagonal and $0$ on it, and its eigenvalues are $+2m$ and $-2m$. That is a saddle.
# </details>

# %%
origin = torch.zeros(2, dtype=torch.float64)
curvatures = torch.linalg.eigvalsh(torch.func.hessian(scalar_loss)(origin))
check("the gradient at (0, 0) vanishes", torch.func.grad(scalar_loss)(origin), 0.0)
check("the Hessian there has eigenvalues -2m and +2m", curvatures, [-2 * m, 2 * m], atol=1e-12)
w = pairs[0]
by_formula = -2 * m * (1 - w[0] * w[1]) * w.flip(0)
check("gradient = -2m (1 - w1 w2) (w2, w1)", torch.func.grad(scalar_loss)(w), by_formula, atol=1e-12)

# %% tags=["nbval-ignore-output"]
from coursekit.autoencoder import explorers

explorers.saddle_explorer()

# %%
from coursekit.autoencoder import pictures

starts = [(0.1, -0.05), (1.6, -1.2), (-1.6, 1.2), (2.2, 0.1), (-0.3, -2.2), (1.5, -1.5), (0.05, 0.1)]
paths = [explorers.descent(*start) for start in starts]
plots.show(
    pictures.saddle_landscape(paths),
    alt="Contours of the loss over both weights, zero on a hyperbola. Paths of descent bend away from the saddle at the origin and end on different points of the hyperbola; one, started exactly opposite, runs into the saddle.",
)
check("w1 w2 ends at 1, once at 0 (saddle)", [path[-1].prod() for path in paths], [1] * 5 + [0, 1], atol=1e-3)

# %% [markdown]
# The ends are scattered along the hyperbola (only the two starts beside the saddle end side by side), and all but one are perfect. The one that starts with exactly opposite weights is drawn into the saddle. A random start never is exactly opposite, but close is enough to lose time: near a saddle the slope is small. Keep the two lessons; both return with sixty-four inputs. **The best weights are not unique, and at zero there is no slope.**

# %% [markdown] slide="slide" says="The 50 states of notebook 01: four numbers each, squeezed into two."
# ## 2 · The training loop, once by hand
#
# Now several numbers, still without any bend: $z = W_1 x + b_1$ and $\hat x = W_2 z + b_2$. We take the 50 states of notebook 01, four numbers each in standard deviations, and squeeze them into two.

# %%
states = data.usarrests().x
x = torch.tensor((states - states.mean(0)) / states.std(0))  # (50, 4)


def new_linear(seed, **options):
    torch.manual_seed(seed)
    return Autoencoder(4, 2, activation="linear", **options).double()


W1, b1, W2, b2 = new_linear(0).parameters()
rebuilt = (x @ W1.T + b1) @ W2.T + b2  # (50, 4), from a code of shape (50, 2)
check("loss by hand = coursekit", ((rebuilt - x) ** 2).sum(1).mean(), new_linear(0).loss(x), atol=1e-12)

# %% [markdown]
# Training is the same everywhere in this course. Shuffle the rows. Take a handful, a *batch*. Ask how the loss would change with each weight. Step a little downhill. When all rows were seen, an *epoch* is over: shuffle again. Two generators of random numbers take part: one for the order of the rows, one for whatever randomness the model itself wants (here a little noise on its input, of which section 5 has more to say).

# %% tags=["slide-code"]
model = new_linear(0, noise=0.1)
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
order_rng, noise_rng = torch.Generator().manual_seed(5), torch.Generator().manual_seed(6)
for _ in range(100):  # epochs
    order = torch.randperm(len(x), generator=order_rng)
    for start in range(0, len(x), 20):
        batch = x[order[start : start + 20]]
        loss = model.loss(batch, rng=noise_rng)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

# %% [markdown]
# `training.fit` is this loop with a progress bar, checkpoints and a few courtesies around it. With `seed=5` it shuffles with a generator of seed 5 and hands the model one of seed 6. So it must end in the same weights, all of them.

# %%
twin = new_linear(0, noise=0.1)
history = training.fit(twin, x, n_steps=300, batch_size=20, learning_rate=0.02, seed=5, device="cpu")
for by_hand, by_fit in zip(model.parameters(), twin.parameters(), strict=True):
    check(f"weights {tuple(by_hand.shape)}: by hand = training.fit", by_hand, by_fit, atol=1e-9)

# %% [markdown] slide="slide"
# ## 3 · A linear autoencoder finds the plane of PCA, not its axes
#
# **Question.** Notebook 01 proved that no linear pair of encoder and decoder has a smaller error than PCA, $\lambda_3 + \lambda_4$ here, the sum of the discarded eigenvalues. Does gradient descent, which has never heard of eigenvectors, get there? And does it find the eigenvectors?

# %%
full = pca.PCA().fit(x.numpy())
floor = full.explained_variance_[2:].sum()
fits = [new_linear(seed) for seed in range(3)]
STEADY = {"n_steps": 800, "batch_size": 50, "learning_rate": 0.05, "schedule": "linear", "device": "cpu"}
losses = [training.fit(model, x, seed=seed, **STEADY).loss for seed, model in enumerate(fits)]
plots.show(
    pictures.losses_and_floor(losses, floor, "sum of the discarded eigenvalues"),
    alt="The loss of three linear autoencoders against the step: all come down to the dashed line, the sum of the two discarded eigenvalues, and none goes below it.",
)
check("no step is below the sum of the discarded eigenvalues", losses, floor, relation=">=", atol=1e-9)
check("three seeds: loss = sum of the discarded eigenvalues", [row[-1] for row in losses], floor, atol=1e-4)
planes = [model.decoder[0][0].weight.detach().numpy() for model in fits]
angles = [pca.principal_angles(plane, full.components_[:2].T) for plane in planes]
check("three seeds: angles between decoder and principal plane are 0", angles, 0.0, atol=1e-3)

# %% [markdown]
# So the plane is right, to a thousandth of a radian. Now the axes. If the code were the two principal scores, its two columns would be uncorrelated.

# %%
scores, codes = full.transform(x.numpy())[:, :2], [model.encode(x).detach().numpy() for model in fits]
correlation = max(abs(np.corrcoef(z.T)[0, 1]) for z in codes)
check("in at least one run the code's columns are correlated", correlation, 0.1, relation=">=")
check(
    "a linear map leads from scores to codes",
    np.linalg.lstsq(scores, codes[0] - codes[0].mean(0))[1],
    0.0,
    atol=1e-3,
)
plots.show(
    pictures.same_plane_other_axes(scores, codes[0]),
    alt="Two scatter plots of the 50 states, coloured by the first score: the principal scores, and the codes of a linear autoencoder, which are the same cloud turned, stretched and sheared.",
)

# %% [markdown]
# The same cloud, turned, stretched and sheared. For any invertible $2\times2$ matrix $A$ the pair $A W_1$, $W_2 A^{-1}$ does exactly as well: this is the hyperbola of section 1, grown up. **Tied weights**, $W_2 = W_1^\top$, take part of the freedom away: then only rotations and mirror images are left.

# %%
tied = new_linear(0, tied=True)
training.fit(tied, x, **STEADY)
W = tied.encoder[0][0].weight
check("tied: the rows of W become orthonormal", W @ W.T, np.eye(2), atol=1e-3)
check("tied: the loss is the same", tied.loss(x), floor, atol=1e-4)

# %% [markdown] slide="subslide"
# **A sigmoid in the encoder.** The deck says that a sigmoid encoder with a linear decoder *is* PCA too. That needs a condition. Near zero $\sigma(a) = \tfrac12 + \tfrac a4 - \tfrac{a^3}{48} + \dots$ is a straight line, and only there. So take the PCA encoder, shrink its weights by $\varepsilon$ and let the decoder grow by $4/\varepsilon$. The first neglected term then is of the order $\varepsilon^2$. It lies in the principal plane, at right angles to what PCA loses, so by Pythagoras the error exceeds that of PCA by its square: **halving the weights divides the gap by 16.**

# %%
V = torch.tensor(full.components_[:2])
scales, gaps = np.array([1.0, 0.5, 0.25, 0.125, 0.0625]), []
for scale in scales:
    rebuilt = (4 / scale) * (torch.sigmoid(scale * x @ V.T) - 0.5) @ V  # the states are centred: no bias
    gaps.append(float(squared_error(rebuilt, x).mean() - floor))
check("a sigmoid encoder never beats PCA", gaps, 0.0, relation=">=", atol=1e-12)
ratios = np.array(gaps[:-1]) / gaps[1:]
print("each halving of the weights divides the gap to PCA by", np.round(ratios, 1))
check("for small weights by 16", ratios[-1], 16, rtol=0.05)
check("the last gap", gaps[-1], 1e-5, relation="<=")
plots.show(
    pictures.gap_to_pca(scales, gaps),
    alt="The squared error above that of PCA against the size of the encoder's weights, both logarithmic: for small weights the points lie on a line of slope four, for large ones below it.",
)

# %% [markdown]
# On the right, with weights of ordinary size, the sigmoid bends and the error is visibly larger; on the left the gap is a hundred-thousandth. (The dots on the right lie below the grey line, since there more than the first neglected term counts.) A trained sigmoid encoder may choose any size of weights, but below the error of PCA it never gets: against a linear decoder no encoder does.

# %% [markdown] slide="slide" says="Back to the digits: 64 pixels, 1437 images to learn from and 360 unseen ones to judge by. Squared error of an unseen image:"
# ## 4 · Deep: a bent sheet in place of a flat one
#
# **Question.** With a linear decoder nothing beats PCA, whatever the encoder: that was the second theorem of section 7 in notebook 01. So to win, the *decoder* must bend. How much does it gain, and when?
#
# Back to the digits: 64 pixels, ink from 0 to 1, 1437 images to learn from and 360 unseen ones to judge by. We subtract the mean image of the training set.
#
# Three words for the networks below. Between the layers stands a *SiLU*, $a\,\sigma(a)$, a ReLU with a rounded corner. Before it stands *LayerNorm*, which brings the numbers of a layer to mean 0 and variance 1, image by image (and then gives each a scale and a shift that are learned), so that no layer shouts and none whispers. And the learning rate falls to zero along half a cosine, so that the last steps are small. While they learn, the networks see their input with a little noise, of standard deviation 0.1; section 5 says what that is good for.

# %% [markdown]
# The squared error is more than a habit. Let the decoder give the mean of a Gaussian with variance 1 in each of the $d$ pixels. Then $-\log p(x \mid z) = \tfrac12 \lVert x - g(z)\rVert^2 + \tfrac d2 \log 2\pi$: **minimising the squared error is maximum likelihood** of the image given its code, up to a factor and a constant that no weight can change. (Of the image *given its code*: how likely codes are is another question, for notebook 11.)

# %%
train_set, test_set = data.digits().split(seed=0)
shape, labels = train_set.image_shape, train_set.labels
ink_train, ink_test = (torch.tensor(part.x / 16).float() for part in (train_set, test_set))
mean = ink_train.mean(0)
train, test = ink_train - mean, ink_test - mean


def error(model, x):
    with torch.no_grad():
        return squared_error(model.reconstruct(x), x).mean().item()  # per image, without noise


guess = test.flip(0)  # any images will do
log_p = torch.distributions.Normal(guess, 1.0).log_prob(test).sum(1)
by_error = squared_error(guess, test) / 2 + 64 / 2 * np.log(2 * np.pi)
check("-log p(x|z) = squared error / 2 + constant", -log_p, by_error, rtol=1e-5)

# %% tags=["nbval-ignore-output"]
RECIPE = {
    "batch_size": 128,
    "learning_rate": 5e-3,
    "schedule": "cosine",
    "optimizer": "adamw",
    "device": "cpu",
}


def trained(seed, x, n_code, n_steps=200, **options):
    """An autoencoder of x with its own random start and batch order."""
    torch.manual_seed(seed)
    model = Autoencoder(64, n_code, hidden=(128, 64), activation="silu", norm=True, **options)
    training.fit(model, x, n_steps=n_steps, seed=seed, **RECIPE)
    return model


sizes = [2, 4, 8, 16, 32]
flat = [pca.PCA(k).fit(train.numpy()) for k in sizes]
flat_images = [torch.tensor(p.inverse_transform(p.transform(test.numpy()))) for p in flat]
pca_errors = [squared_error(images, test).mean().item() for images in flat_images]
deep = {k: [trained(seed, train, k, noise=0.1) for seed in range(3)] for k in sizes}
deep_errors = np.array([[error(model, test) for model in deep[k]] for k in sizes])
for k, flat_error, row in zip(sizes, pca_errors, deep_errors, strict=True):
    print(f"{k:2} numbers: PCA {flat_error:.2f}, deep {row.mean():.2f} ± {row.std(ddof=1):.2f}")

# %%
plots.show(
    pictures.errors_by_code_size(sizes, pca_errors, deep_errors),
    alt="Squared error per unseen image against the length of the code. The deep network lies clearly below PCA up to 8 numbers, a little above it at 16, and far above it at 32, where PCA keeps falling and the network hardly does.",
)
gain = deep_errors / np.array(pca_errors)[:, None]
check("2, 4 and 8 numbers, 3 seeds: deep error at most 0.9 of PCA's", gain[:3], 0.9, relation="<=")
check("32 numbers, 3 seeds: deep error at least twice PCA's", gain[4], 2.0, relation=">=")

# %% [markdown]
# With a short code the bent sheet wins clearly. With 32 numbers it loses just as clearly, and the reason is worth a moment. PCA with 64 components is perfect by construction; a deep network has to *learn* something like the identity, and two hundred steps of descent are not enough for that. Where a flat plane does the job, take the flat plane.

# %%
columns = [int(np.flatnonzero(test_set.labels == digit)[0]) for digit in range(10)]
with torch.no_grad():
    deep_images = deep[8][0].reconstruct(test)
rows = {"unseen": test, "PCA, 8": flat_images[2], "deep, 8": deep_images}
plots.show(
    pictures.image_rows({name: images[columns] + mean for name, images in rows.items()}, shape),
    alt="Ten unseen digits, their reconstructions from 8 principal components, which are blurred with grey shadows, and from a deep code of 8 numbers, in which many strokes are clearer.",
)

# %% [markdown]
# Look at the grey shadows beside the strokes. PCA adds and subtracts whole patterns, so what is too much in one place cannot be taken back in another. The deep decoder can bend its patterns. It leaves shadows too, but most of its strokes are clearer.

# %% [markdown] slide="subslide"
# **Two numbers, for the eye.** PCA's best flat picture of the digits beside the deep one. Neither has seen a label; the colours are added afterwards.

# %%
with torch.no_grad():
    map_codes = deep[2][0].encode(train).numpy()
titles = ("two principal scores", "a deep code of two numbers")
plots.show(
    pictures.two_code_maps(flat[0].transform(train.numpy()), map_codes, labels, titles),
    alt="Two maps of the training digits, coloured by label. In the principal scores most digits overlap in the middle; in the deep code several groups (0, 4, 6, 7) are narrower, with gaps around them; others still overlap.",
)

# %% [markdown]
# That is a picture; **retrieval** makes a number of it. Take an unseen digit, look up the ten training images with the nearest codes, and count how many show the same digit.


# %% tags=["nbval-ignore-output"]
def shared_neighbours(codes, codes_seen):
    near = torch.cdist(torch.as_tensor(codes), torch.as_tensor(codes_seen)).topk(10, largest=False).indices
    return float((labels[near.numpy()] == test_set.labels[:, None]).mean())


hits = {}
for k, p in zip(sizes[:3], flat[:3], strict=True):
    by_pca = shared_neighbours(p.transform(test.numpy()), p.transform(train.numpy()))
    with torch.no_grad():
        by_code = [shared_neighbours(model.encode(test), model.encode(train)) for model in deep[k]]
    hits[k] = np.mean(by_code) - by_pca
    print(f"{k} numbers: PCA {by_pca:.2f}, deep {np.mean(by_code):.3f} ± {np.std(by_code, ddof=1):.3f}")
print(f"all 64 pixels: {shared_neighbours(test, train):.2f}")
check("2 numbers, mean of 3 seeds: at least 0.05 more of the neighbours agree", hits[2], 0.05, relation=">=")
check("8 numbers: the mean gain is below 0.03, PCA does (nearly) as well", hits[8], 0.03, relation="<=")

# %% [markdown] slide="subslide"
# **How it was done before.** The first deep autoencoders had sigmoid layers and would not train: each sigmoid passes on at most a quarter of the slope that it gets, so little arrives at the bottom. The cure of 2006 was **layer-wise pre-training**: train the outer pair of layers alone, freeze it, train the next pair on its codes, and so on; then train all together. Later came ReLU, which passes slopes on whole, and normalisation. Does pre-training still pay? Each row gets the same number of steps.

# %% tags=["nbval-ignore-output"]
from coursekit.autoencoder import pretrain_layerwise


def stacked(seed, activation, norm, pretrain, n_pair=80, n_steps=160):
    """Test error of 64-64-32-8 with or without pre-training, at the same number of steps."""
    torch.manual_seed(seed)
    model = Autoencoder(64, 8, hidden=(64, 32), activation=activation, norm=norm)
    if pretrain:
        options = {"n_steps": n_pair, "batch_size": 128, "learning_rate": 1e-2, "seed": seed, "device": "cpu"}
        pretrain_layerwise(model, train, lambda pair, inputs: training.fit(pair, inputs, **options))
    training.fit(model, train, n_steps=n_steps if pretrain else n_steps + 3 * n_pair, seed=seed, **RECIPE)
    return error(model, test)


cases = {
    "sigmoid, all at once": ("sigmoid", False, False),
    "sigmoid, pre-trained": ("sigmoid", False, True),
    "ReLU, all at once": ("relu", False, False),
    "SiLU + norm, all at once": ("silu", True, False),
    "SiLU + norm, pre-trained": ("silu", True, True),
}
ended = {name: np.array([stacked(seed, *case) for seed in range(3)]) for name, case in cases.items()}
for name, errors in ended.items():
    print(f"{name:26} {np.mean(errors):.2f} ± {np.std(errors, ddof=1):.2f}")

# %%
MARKS = [(pca_errors[2], "PCA"), (float((test**2).sum(1).mean()), "mean image")]
plots.show(
    pictures.dots_by_case(
        ended, marks=MARKS, title="pre-training rescues the sigmoid; the others do well without"
    ),
    alt="Errors of deep autoencoders with and without layer-wise pre-training. The sigmoid network is far above PCA without it and near PCA with it. Without it ReLU and the normalised network are far below PCA; with it the normalised network is no better.",
)
rescue = ended["sigmoid, pre-trained"] / ended["sigmoid, all at once"]
check("sigmoid, 3 seeds: pre-training takes off at least a quarter", rescue, 0.75, relation="<=")
rivals = [ended[name].mean() / ended["sigmoid, pre-trained"].mean() for name in list(cases)[2:4]]
check("without it ReLU and norm: at most 0.8 of the rescued sigmoid", rivals, 0.8, relation="<=")
modern = ended["SiLU + norm, all at once"].mean() / ended["SiLU + norm, pre-trained"].mean()
check("normalised: all at once is no worse, or by 10 % at most", modern, 1.1, relation="<=")

# %% [markdown]
# An honest museum piece: it rescued the sigmoid, which ReLU and normalisation leave far behind without it. The normalised network has nothing to gain from it at the same number of steps.
#
# **Convolutional.** A fully connected layer does not know which pixels are neighbours. A convolution looks at 3 × 3 patches with the same weights everywhere; a step of two halves the image. The decoder goes back by *upsampling*: repeat every pixel, then convolve.

# %% tags=["nbval-ignore-output"]
conv_errors = []
for seed in range(3):
    torch.manual_seed(seed)
    conv = ConvAutoencoder(shape, 8, channels=(12, 24), activation="silu")
    training.fit(conv, train, n_steps=160, seed=seed, **RECIPE | {"learning_rate": 1e-2})
    conv_errors.append(error(conv, test))
weights = [sum(p.numel() for p in model.parameters()) for model in (conv, deep[8][0])]
print(f"convolutional: {np.mean(conv_errors):.2f} ± {np.std(conv_errors, ddof=1):.2f}, {weights[0]} weights")
print(
    f"fully connected: {deep_errors[2].mean():.2f} ± {deep_errors[2].std(ddof=1):.2f}, {weights[1]} weights"
)
check("convolutional: at most a quarter of the weights", weights[0], weights[1] / 4, relation="<=")
check("convolutional, 3 seeds: below PCA's error", conv_errors, pca_errors[2], relation="<=")

# %% [markdown] slide="slide"
# ## 5 · Denoising: repair what was broken on purpose
#
# **Question.** If the code is as long as the input, what stops the network from copying? One answer: never show it the original. Corrupt the input, $\tilde x$, and still ask for the clean $x$:
#
# $$L = \mathbb E\, \lVert g(f(\tilde x)) - x \rVert^2, \qquad \tilde x = x + \sigma\,\epsilon \;\text{ (Gaussian), or each pixel set to 0 with probability } p \;\text{ (masking)}.$$
#
# Here $\epsilon$ is a vector of standard normal numbers and $\sigma$ the size of the noise (no sigmoid this time).
#
# (Our images are centred, so a pixel that is set to 0 shows its mean over all digits.)
#
# To undo noise one has to know what is likely: strokes are, single grey specks are not. Mind the target: it is $x$. Put $\tilde x$ there, and you train the copier you wanted to avoid.

# %% tags=["nbval-ignore-output"]
NOISE = {"gaussian": 0.3, "masking": 0.4}
plain = [trained(seed, train, 16, n_steps=250) for seed in range(3)]
repairers = {kind: [trained(seed, train, 16, n_steps=250, noise=amount, noise_kind=kind) for seed in range(3)]
             for kind, amount in NOISE.items()}  # fmt: skip
dice = torch.Generator().manual_seed(1)
broken = {kind: corrupt(test, amount, kind, rng=dice) for kind, amount in NOISE.items()}


def repair_errors(models, seen):
    with torch.no_grad():
        return np.array([squared_error(model.reconstruct(seen), test).mean().item() for model in models])


for kind, seen in broken.items():
    by_plain, by_repairer = repair_errors(plain, seen), repair_errors(repairers[kind], seen)
    print(f"{kind} noise, plain: {by_plain.mean():.2f} ± {by_plain.std(ddof=1):.2f}")
    print(f"{kind} noise, trained on it: {by_repairer.mean():.2f} ± {by_repairer.std(ddof=1):.2f}")
    check(
        f"{kind}: trained on it, at most 0.9 of the plain error", by_repairer / by_plain, 0.9, relation="<="
    )

repaired = repairers["gaussian"][0].reconstruct(broken["gaussian"]).detach()
changed = labels[torch.cdist(repaired, train).argmin(1).numpy()] != test_set.labels
check("repaired, at least 3 in 100 resemble another digit most", changed.mean(), 0.03, relation=">=")

# %%
rows = {"clean": test}
for kind, seen in broken.items():
    rows |= {kind: seen, f"{kind}, repaired": repairers[kind][0].reconstruct(seen).detach()}
plots.show(
    pictures.image_rows({name: images[columns] + mean for name, images in rows.items()}, shape),
    alt="Ten unseen digits, the same with Gaussian noise and repaired, and the same with two fifths of the pixels replaced by their mean and repaired. Most repaired digits can be read; a few are blurred or look like another digit.",
)

# %% [markdown]
# Most digits come back; some come back nearest to *another* digit. That need not be a failure of the method: where the noise has wiped out the difference, nobody can know, and the answer is a compromise.

# %% [markdown] slide="subslide"
# **What is the best repair?** For squared error the best answer to $\tilde x$ is the mean of all $x$ that might have led to it, $\mathbb E[x \mid \tilde x]$. If the data are Gaussian, $x \sim \mathcal N(\mu, S)$, that mean has a closed form, and so has the slope of the log density of the noisy data, the **score**:
#
# $$\mathbb E[x \mid \tilde x] = \mu + S\,(S + \sigma^2 I)^{-1} (\tilde x - \mu), \qquad \mathbb E[x \mid \tilde x] - \tilde x \;=\; \sigma^2\, \nabla \log p_\sigma(\tilde x).$$
#
# The second equation holds for *any* data, not only Gaussian: **the move that a perfect denoiser makes is the noise variance times the score.** We check it on a Gaussian and on a list of eight points; for a list the best repair is a mean of its points, each weighted by the probability that it was the one. Keep it in mind for the diffusion models at the end of the course.

# %%
sigma, mu = 0.6, torch.tensor([1.0, -2.0], dtype=torch.float64)
root = torch.tensor([[1.2, 0.0], [0.5, 0.4]], dtype=torch.float64)  # S = root root'
noisy = root @ root.T + sigma**2 * torch.eye(2, dtype=torch.float64)
places = mu + torch.tensor(rng.normal(size=(50, 2)))
best = mu + (places - mu) @ torch.linalg.solve(noisy, root @ root.T)
density = torch.distributions.MultivariateNormal(mu, noisy)
score = torch.func.grad(lambda y: density.log_prob(y).sum())(places)
check("best repair - input = sigma^2 times the score", best - places, sigma**2 * score, atol=1e-10)
points = places[:8]  # and now x is one of eight points
density = torch.distributions.MultivariateNormal(points[:, None], sigma**2 * torch.eye(2).double())
score = torch.func.grad(lambda y: torch.logsumexp(density.log_prob(y), 0).sum())(places)
move = torch.tensor(explorers.best_denoiser(points.numpy(), places.numpy(), sigma)) - places
check("eight points: the same", move, sigma**2 * score, atol=1e-10)
cloud, off = mu + torch.tensor(rng.normal(size=(20_000, 2))) @ root.T, []
options = {"batch_size": 1000, "learning_rate": 0.02, "schedule": "linear", "average": 0.99, "device": "cpu"}
for seed in range(3):
    torch.manual_seed(seed)
    model = Autoencoder(2, 2, activation="linear", noise=sigma).double()
    training.fit(model, cloud, n_steps=600, seed=seed, **options)
    off.append(squared_error(model.reconstruct(places), best).mean().sqrt().item())
check("three trained denoisers: distance to the closed form, root mean square", off, 0.08, relation="<=")

# %% [markdown] slide="subslide" says="For a finite list of points the best repair is a mean of all points, each weighted by the probability that it was the one."
# And if the data are not Gaussian? For a finite list of points the best repair can be written down too, as that weighted mean. Turn the size of the noise.

# %% tags=["nbval-ignore-output"]
moons = data.toy2d("moons", 300, rng=0).x
explorers.denoiser_explorer(moons)

# %%
from functools import partial

from coursekit import widgets

widgets.static_frames(
    partial(explorers.denoiser_frame, moons),
    [{"sigma": 0.15}, {"sigma": 0.7}],
    alt="Arrows of the best denoiser around two moons of points. With little noise they point to the nearest part of a moon; with much noise all point to the middle of the whole cloud.",
)

# %% [markdown]
# (Arrows are drawn at two fifths of their length.) Little noise: every arrow points to the nearest bit of the shape. Much noise: the shape is forgotten and all arrows point to the middle. A trained network has to find the same arrows from samples.

# %%
seen = torch.tensor(moons[rng.integers(300, size=500)] + 0.3 * rng.normal(size=(500, 2)))
exact, off = torch.tensor(explorers.best_denoiser(moons, seen.numpy(), 0.3)), []
for seed in range(3):
    torch.manual_seed(seed)
    model = Autoencoder(2, 2, hidden=(64, 64), activation="silu", noise=0.3)
    training.fit(model, moons, n_steps=500, seed=seed, **RECIPE | {"batch_size": 300})
    off.append(squared_error(model.reconstruct(seen.float()), exact).mean().item())
check("3 seeds: off by <= 1/4 of the squared move", off, squared_error(seen, exact).mean() / 4, relation="<=")

# %% [markdown] slide="slide"
# ## 6 · Contractive: a price on the slope
#
# **Question.** Noise says: inputs that differ by a little must get the same answer. Can we ask for that without dice? Yes: make the *derivative* of the code small. The **contractive** autoencoder adds to the squared error, at a price $\lambda$,
#
# $$\lambda\, \lVert J(x) \rVert_F^2, \qquad J = \frac{\partial f}{\partial x}, \qquad \lVert J \rVert_F^2 = \sum_{j,k} \Big(\frac{\partial z_j}{\partial x_k}\Big)^2 .$$
#
# For one sigmoid layer, $z_j = \sigma(W_j x + b_j)$, the chain rule gives $J_{jk} = z_j (1 - z_j) W_{jk}$, so that no differentiation is left to do:
#
# $$\lVert J \rVert_F^2 = \sum_j \big(z_j (1 - z_j)\big)^2 \sum_k W_{jk}^2 .$$

# %%
torch.manual_seed(0)
layer, some = Autoencoder(64, 24, activation="sigmoid").double(), test[:20].double()
W, b = layer.encoder[0][0].weight, layer.encoder[0][0].bias
z = torch.sigmoid(some @ W.T + b)
by_hand = ((z * (1 - z)) ** 2 * (W**2).sum(1)).sum(1)
by_autograd = (layer.jacobian(some) ** 2).sum((1, 2))
check("|J|^2 by hand = automatic differentiation", by_hand, by_autograd, rtol=1e-10)
check("|J|^2 by hand = coursekit", by_hand, layer.jacobian_norm(some), rtol=1e-10)

# %% [markdown]
# Twelve small networks for the rest of this section: tied or not, with a price or without, three seeds each.


# %% tags=["nbval-ignore-output"]
SLOWER = STEADY | {"n_steps": 300, "batch_size": 128, "learning_rate": 0.01}


def one_layer(seed, tied, price):
    torch.manual_seed(seed)
    model = Autoencoder(64, 24, activation="sigmoid", tied=tied, contraction=price)
    training.fit(model, train, seed=seed, **SLOWER)
    return model


layers = {(t, p): [one_layer(seed, t, p) for seed in range(3)] for t in (True, False) for p in (0.0, 0.3)}
wrong = {key: np.mean([error(model, test) for model in row]) for key, row in layers.items()}

# %% [markdown]
# **Dice or no dice.** Take the plain networks and one batch. The contractive gradient is a number like any other: ask twice, get the same. The denoising gradient is a sample: each draw of the noise gives another one. We ask each 100 times and compare the variance with the squared length of the mean. (Over different batches both vary; here only the dice differ.)


# %%
def scatter(model, batch, n=100):
    """Variance of n gradients on the same batch over the squared length of their mean."""
    dice, rows = torch.Generator().manual_seed(0), []
    for _ in range(n):
        model.zero_grad()
        model.loss(batch, rng=dice).backward()
        rows.append(torch.cat([p.grad.flatten() for p in model.parameters()]))
    gradients = torch.stack(rows)
    return (gradients.var(0).sum() / (gradients.mean(0) ** 2).sum()).item()


contractive, denoising = [], []
for model in layers[True, 0.0]:
    model.contraction = 0.3
    contractive.append(scatter(model, train[:20]))
    model.contraction, model.noise = 0.0, 0.3
    denoising.append(scatter(model, train[:20]))
    model.noise = 0.0
check("contractive: the variance is 0", contractive, 0.0, atol=1e-8)
check("denoising, 3 seeds: at least 0.05 of the squared gradient", denoising, 0.05, relation=">=")

# %% [markdown] slide="subslide"
# **What does the price buy?** The singular values of $J$ say how strongly the code answers to a small step of the input, direction by direction. Reconstruction wants the code to answer along the data; the penalty wants it to answer nowhere. The compromise should be: a few strong directions, the rest weak. A *steep* spectrum.


# %%
def spectrum(model):
    with torch.no_grad():
        values = torch.linalg.svdvals(model.jacobian(test[:100]))
    return (values / values[:, :1]).mean(0).numpy()  # relative to the largest, (24,)


plain_curves, priced_curves = ([spectrum(model) for model in layers[True, price]] for price in (0.0, 0.3))
plots.show(
    pictures.spectra({"plain": plain_curves, "contractive": priced_curves}),
    alt="Singular values of the encoder's Jacobian relative to the largest, for three plain and three contractive autoencoders with tied weights. The contractive curves fall faster and are about half as high in the lower half.",
)
lower_half = np.array(priced_curves)[:, 12:].mean(1) / np.array(plain_curves)[:, 12:].mean(1)
check("tied, 3 seeds: the lower half falls below 0.6 of the plain one", lower_half, 0.6, relation="<=")
cost = [wrong[tied, 0.3] / wrong[tied, 0.0] for tied in (True, False)]
check("tied or not, the pictures pay: an error at least a tenth larger", cost, 1.1, relation=">=")

# %% [markdown]
# **Why tied?** Untied, the price can be dodged: let the encoder shrink, let the decoder grow by the same factor, and the slope falls while the picture stays. It is the hyperbola of section 1 for the third time, and section 3 has shown how far the dodge can go: there the encoder's weights went to zero, the slope with them, since $z_j(1 - z_j) \le \frac14$, and the error fell to that of PCA. Training for 300 steps goes a small part of that way: the encoder shrinks much, the decoder grows a little, and meanwhile the pictures get worse.

# %% tags=["nbval-ignore-output"]
norms = {}  # of encoder and decoder, untied; (seeds, 2)
for price in (0.0, 0.3):
    untied = layers[False, price]
    norms[price] = np.array([[f[0][0].weight.norm().item() for f in (m.encoder, m.decoder)] for m in untied])
    print(f"price {price}: norms {norms[price].mean(0).round(1)}, error {wrong[False, price]:.2f}")
shrunk = norms[0.3] / norms[0.0]
check("untied, 3 seeds: the encoder's norm falls below 0.6", shrunk[:, 0], 0.6, relation="<=")
check("untied, 3 seeds: the decoder's grows by at least 5 %", shrunk[:, 1], 1.05, relation=">=")

# %% [markdown] slide="slide"
# ## 7 · Tangents: the encoder knows which way the data lie
#
# **Question.** A sheet of paper, rolled up, is two-dimensional, though it lives in three. Can an autoencoder tell us, at a point, in which directions the sheet goes on?
#
# Those are the directions in which the code changes. Along the sheet it has to, or the point could not be rebuilt. Across the sheet it should not: we train with noise, as in section 5, and whatever the noise adds across the sheet has to be forgotten. (Without noise nothing is ever seen off the sheet, and nothing tells the encoder what to do there.) With $J = U D V^\top$ they are the **columns of $V$** that belong to the largest singular values. (One deck says rows of $V$. Rows of $V^\top$ would be right; rows of $V$ mix the directions.)


# %% tags=["nbval-ignore-output"]
def swiss_roll(rng, n=3000):
    """Points (n, 3) on a rolled-up sheet, their angle (n,), and the true tangent planes (n, 2, 3)."""
    angle, height = rng.uniform(1.5 * np.pi, 3.5 * np.pi, n), rng.uniform(-2, 2, n)
    cos, sin, zero = np.cos(angle), np.sin(angle), np.zeros(n)
    along = np.stack([cos - angle * sin, zero, sin + angle * cos], 1)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    planes = np.stack([along, np.tile([0.0, 1.0, 0.0], (n, 1))], 1)
    return np.stack([angle / 4 * cos, height, angle / 4 * sin], 1), angle, planes


def cosine(planes, others):
    """Cosine of the largest angle between planes (m, 2, 3): the smallest singular value of their product."""
    return np.median(np.linalg.svd(planes @ others.transpose(0, 2, 1), compute_uv=False)[:, -1])


cosines = []
for seed in range(3):
    roll, angle, planes = swiss_roll(np.random.default_rng(seed))
    torch.manual_seed(seed)
    model = Autoencoder(3, 2, hidden=(64, 64), activation="silu", norm=True, noise=0.3)
    options = {"learning_rate": 0.01, "schedule": "cosine", "device": "cpu"}
    training.fit(model, roll, n_steps=700, seed=seed, **options)
    found = model.tangent_vectors(torch.tensor(roll[:300]).float(), 2).detach().double().numpy()
    cosines.append(cosine(found, planes[:300]))
by_chance = cosine(np.linalg.qr(rng.normal(size=(300, 3, 2)))[0].transpose(0, 2, 1), planes[:300])
print("median cosine of the largest angle to the true plane:", np.round(cosines, 3))

# %%
plots.show(
    pictures.tangents_on_roll(roll, angle, roll[:24], found[:24]),
    alt="A spiral of points, a swiss roll seen from above, with short orange segments where the tangent planes found by the autoencoder cut the ground: most of them lie along the spiral, a few at its ends stand askew.",
)
check("3 seeds: median cosine with the true planes", cosines, 0.85, relation=">=")
check("random planes: the median is below 0.7", by_chance, 0.7, relation="<=")
J = model.jacobian(torch.tensor(roll[:300]).float()).detach().double()
check("|J v| = singular value", (J @ torch.tensor(found).mT).norm(dim=1), torch.linalg.svdvals(J), rtol=1e-3)

# %% [markdown] slide="slide"
# ## 8 · What a code is good for, and what it is not
#
# **Few labels.** Suppose that 1437 images lie there and somebody has labelled 30 of them. Train the encoder on all images, without labels; then fit a logistic regression on the 30 codes. This is *transfer*: what was learned from the many serves the few. Does it beat the pixels?

# %% tags=["nbval-ignore-output"]
from sklearn.linear_model import LogisticRegression


def accuracy(features, features_test, draw):
    """Test accuracy from three labelled images of each digit."""
    chooser = np.random.default_rng(draw)
    rows = np.concatenate([chooser.choice(np.flatnonzero(labels == c), 3, replace=False) for c in range(10)])
    middle, scale = features.mean(0), features[rows].std()
    classifier = LogisticRegression(max_iter=500).fit((features[rows] - middle) / scale, labels[rows])
    return classifier.score((features_test - middle) / scale, test_set.labels)


results = {"pixels": [accuracy(train.numpy(), test.numpy(), draw) for draw in range(10)]}
for name, models in {"plain codes": plain, "denoising codes": repairers["gaussian"]}.items():
    with torch.no_grad():
        pairs = [(model.encode(train).numpy(), model.encode(test).numpy()) for model in models]
    results[name] = [[accuracy(*pair, draw) for draw in range(10)] for pair in pairs]
for name, values in results.items():
    print(f"30 labels, {name:15} accuracy {np.mean(values):.3f} ± {np.std(values):.3f}")
means = {name: np.mean(values) for name, values in results.items()}
check(
    "denoising codes serve better than plain ones",
    means["denoising codes"],
    means["plain codes"],
    relation=">=",
)
check("against pixels: below 0.06", abs(means["denoising codes"] - means["pixels"]), 0.06, relation="<=")

# %% [markdown]
# An honest result: noise made the codes better, but on images as small and clean as these the pixels are already good features. A gain from transfer needs what is missing here: inputs that are far from the answer.

# %% [markdown] slide="subslide"
# **Does it generate?** The decoder turns any code into an image. So draw a code and decode it: is that a digit? Walk over the map and see.

# %% tags=["nbval-ignore-output"]
explorers.walk_explorer(deep[2][0], map_codes, labels, mean.numpy(), shape)

# %%
low, high = map_codes.min(0), map_codes.max(0)
walk = partial(explorers.walk_frame, deep[2][0], map_codes, labels, mean.numpy(), shape)
widgets.static_frames(
    walk,
    [{"z1": float(z[0]), "z2": float(z[1])} for z in (map_codes[labels == 0][0], low)],
    alt="Two positions of a cross on the map of the codes. On the code of a training image the decoder draws a zero; in an empty corner of the map it draws something between a 4 and a 9 with a grey rim.",
)


# %%
def distance_to_data(images):
    return float(torch.cdist(images, train).min(1).values.square().median())  # to the nearest training image


ratio = []
for model in deep[8]:
    with torch.no_grad():
        low, high = model.encode(train).aminmax(dim=0)
        random_images = model.decode(low + (high - low) * torch.rand(1000, 8, generator=dice))
        rebuilt = model.reconstruct(test)
    ratio.append(distance_to_data(random_images) / distance_to_data(rebuilt))
check(
    "3 seeds: images of random codes are 1.5 times as far from the data (squared) as rebuilt ones",
    ratio,
    1.5,
    relation=">=",
)
plots.show(
    pictures.image_rows({"rebuilt": rebuilt[:12] + mean, "random codes": random_images[:12] + mean}, shape),
    alt="Twelve rebuilt test digits, which can be read, above twelve images decoded from random codes in the same range, most of which are broken shapes or mixtures of digits.",
)

# %% [markdown]
# The map has **holes**. The loss only ever asks about codes of real images; between them, and in every corner, the decoder may do as it likes. Nothing tells us where to draw a code from. To generate, one has to give the codes a known distribution: that is what the variational autoencoder of the next notebook does.

# %% [markdown] slide="slide"
# ## 9 · What goes wrong
#
# **The network that says the mean.** Take away the courtesies: raw ink in place of centred data, no normalisation, squared error. Then the first thing to learn is the mean image, and on the way there the code may die: it becomes nearly a constant, the decoder answers with the mean to everything, and from there the slope is nearly zero. The saddle of section 1 again. We climb out step by step. *Start at the mean* sets the first and the last bias so that the mean need not be learned; *norm* is LayerNorm; *cross-entropy* replaces the Gaussian by the Bernoulli likelihood and sends the output through a sigmoid, $-\sum_k \bigl(x_k \log \hat x_k + (1 - x_k)\log(1 - \hat x_k)\bigr)$.

# %% tags=["nbval-ignore-output"]
from coursekit.autoencoder import start_at_mean


class SigmoidOutput(Autoencoder):
    """The network of the last rung, but with squared error."""

    def loss(self, x, *, rng=None):
        return squared_error(self.reconstruct(x), x).mean()


def ladder(seed, activation="silu", start=False, kind=Autoencoder, **options):
    """A network 64-256-128-64-8 on raw ink, 130 steps."""
    torch.manual_seed(seed)
    model = kind(64, 8, hidden=(256, 128, 64), activation=activation, **options)
    if start:
        start_at_mean(model, ink_train)
    training.fit(model, ink_train, n_steps=130, seed=seed, **RECIPE | {"learning_rate": 2e-3})
    return model


ALL = {"start": True, "norm": True, "likelihood": "bernoulli"}
RUNGS = {
    "sigmoid, squared error": {"activation": "sigmoid"},
    "SiLU": {},
    "SiLU, start at the mean": {"start": True},
    "... and norm": {"start": True, "norm": True},
    "... and cross-entropy": ALL,
    "(its output, squared error)": ALL | {"kind": SigmoidOutput},
}
climbed = {name: [ladder(seed, **options) for seed in range(3)] for name, options in RUNGS.items()}
reached = {name: [error(model, ink_test) for model in row] for name, row in climbed.items()}
for name, row in reached.items():
    print(f"{name:27} {np.mean(row):.2f} ± {np.std(row, ddof=1):.2f}")

# %%
plots.show(
    pictures.dots_by_case(
        reached, marks=MARKS, title="each courtesy takes the network further from the mean image"
    ),
    alt="Errors of six networks after 130 steps. The sigmoid network sits on the error of the mean image, SiLU near it; starting at the mean helps, normalisation brings it to PCA's level, and cross-entropy is far below that; a last row, the sigmoid output with squared error, lies level with it.",
)
by_pca, by_mean = MARKS[0][0], MARKS[1][0]
check("sigmoid: as bad as the mean image", reached["sigmoid, squared error"], 0.95 * by_mean, relation=">=")
check("SiLU from the mean: above PCA", reached["SiLU, start at the mean"], by_pca, relation=">=")
check("all courtesies: far below PCA", reached["... and cross-entropy"], 0.8 * by_pca, relation="<=")
same = np.mean(reached["(its output, squared error)"]) / np.mean(reached["... and cross-entropy"])
check("the sigmoid output with squared error: within 15 %, in the mean", same, 1.0, atol=0.15)
rows = {"unseen": ink_test[columns]}
for label, name in (("sigmoid", "sigmoid, squared error"), ("all courtesies", "... and cross-entropy")):
    rows[label] = climbed[name][0].reconstruct(ink_test[columns]).detach()
plots.show(
    pictures.image_rows(rows, shape),
    alt="Ten unseen digits; below them ten times the same grey blob, the mean image, from the collapsed network; below that ten readable reconstructions from the network with all courtesies.",
)
apart = np.ptp(rows["sigmoid"].numpy(), axis=0)
check("the collapsed network gives the same image to all", apart, 0.1, relation="<=")
dead, alive = (climbed[name][0].encode(ink_test).std(0).mean() for name in list(RUNGS)[0:4:3])
check(
    "its codes: at most a twentieth of the spread that they have with norm", dead / alive, 0.05, relation="<="
)
shown = ink_test.flip(0).clamp(0.01, 0.99)
by_hand = -(ink_test * shown.log() + (1 - ink_test) * (1 - shown).log()).sum(1)
check("cross-entropy by hand = coursekit", by_hand, cross_entropy(shown, ink_test), rtol=1e-5)

# %% [markdown]
# The middle row is the whole tragedy: ten questions, one answer. Two signs betray it early: the loss stands still at the variance of the data, and the codes of different images are nearly the same. And the last rung, cross-entropy, is judged here by the *squared* error, which it does not even minimise. Why does it win? It brings two things at once: another price, and an output that passes through a sigmoid and so stays between paper and ink. The row with the same sigmoid and the old squared error settles it: the output does it, and the price hardly matters.

# %% [markdown] slide="slide"
# ## 10 · Summary
#
# | Claim | Where it was checked | Code in [`autoencoder/model.py`](../coursekit/autoencoder/model.py) |
# | --- | --- | --- |
# | scalar case: zero loss exactly on $w_1 w_2 = 1$, saddle at the origin | section 1 | |
# | the loop by hand = `training.fit`, all weights | section 2 | [`training/fit.py`](../coursekit/training/fit.py) |
# | linear: principal plane, error = discarded eigenvalues, other axes | section 3 | `Autoencoder(activation="linear")` |
# | sigmoid encoder, linear decoder: PCA only for vanishing weights | section 3 | |
# | squared error = Gaussian log-likelihood | section 4 | `squared_error` |
# | deep, 200 steps: beats PCA for short codes and loses for long ones | section 4 | `Autoencoder`, `ConvAutoencoder` |
# | pre-training rescues sigmoid layers; ReLU and norm do well without | section 4 | [`autoencoder/pretraining.py`](../coursekit/autoencoder/pretraining.py) |
# | a perfect denoiser moves by $\sigma^2$ times the score: a Gaussian, two moons | section 5 | `corrupt` |
# | contractive penalty in closed form, without dice | section 6 | `sigmoid_jacobian_norm` |
# | tied: steeper spectrum; untied: the price can be dodged, the encoder shrinks | section 6 | `TiedLinear` |
# | the first columns of $V$ span the tangent plane | section 7 | `tangent_vectors` |
# | codes have holes | section 8 | |
#
# ### Five questions
#
# <details><summary>1. An autoencoder has a code as long as its input and zero training error. What has it learned?</summary>
# Perhaps nothing: the identity does as much. A short code, noise on the input or a price on the slope is needed to make the task interesting.
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
# <details><summary>4. In a denoising autoencoder the loss compares the output with the noisy input. What will it learn?</summary>
# To copy, noise included. The target has to be the clean input.
# </details>
#
# <details><summary>5. How can a network dodge a price on the encoder's slope if the decoder's weights are free?</summary>
# The encoder shrinks, the decoder grows by the same factor, the product stays: the slope falls without any change of what the code keeps.
# </details>
#
# **Homework:** [`hw10_autoencoders`](homework/release/hw10_autoencoders/hw10_autoencoders.ipynb): the saddle, the denoising loss, the contractive penalty and its tangents, the best denoiser, and exam questions. [Solutions](../notebooks/homework/source/hw10_autoencoders/hw10_autoencoders.ipynb) stand in a folder of their own.
#
# **References.** P. Baldi and K. Hornik (1989), *Neural networks and principal component analysis: learning from examples without local minima*. G. Hinton and R. Salakhutdinov (2006), *Reducing the dimensionality of data with neural networks*. Y. Bengio et al. (2007), *Greedy layer-wise training of deep networks*. P. Vincent et al. (2010), *Stacked denoising autoencoders*. P. Vincent (2011), *A connection between score matching and denoising autoencoders*. S. Rifai et al. (2011), *Contractive auto-encoders: explicit invariance during feature extraction*. S. Rifai et al. (2011), *The manifold tangent classifier*.
