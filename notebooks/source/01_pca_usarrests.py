# ---
# jupyter:
#   coursekit:
#     cpu_seconds: 15
#     minutes: 90
# ---

# %% [markdown] slide="slide"
# # 01 · Principal component analysis: the best flat picture of 50 states
#
# **After this notebook you can** find principal components by hand and with `coursekit.pca`, read a biplot and a scree plot, say exactly what a projection keeps and what it loses, connect the eigenvectors of a covariance matrix with the singular value decomposition, and see PCA as the smallest latent variable model.
#
# **Time:** 90 minutes to work through; it runs in about 15 seconds. **You need:** vectors, matrices, eigenvectors, a mean and a variance. **It follows** the PCA lecture of the unsupervised learning deck, which follows chapter 10 of *An Introduction to Statistical Learning* (its Table 10.1 and Figure 10.1 are recomputed here).
#
# Every line that starts with ✓ is a claim that was computed on both sides just now, on your machine. If one fails, the notebook stops there.

# %%
import numpy as np

from coursekit import data, pca, plots
from coursekit.checks import check

plots.use_course_style()
rng = np.random.default_rng(1)

# %% [markdown] slide="slide" says="A table of 50 states by 4 numbers: arrests for murder, assault and rape per 100 000 residents in 1973, and the percentage of people in towns.\n\n**Unsupervised learning:** there is an $x$ and no $y$. *What is in it?*"
# ## 1 · Four numbers a state
#
# Nobody tells us what to predict here. We are handed a table, 50 states by 4 numbers, and asked: *what is in it?* That is unsupervised learning in one sentence: there is an $x$ and no $y$.
#
# The table counts arrests for murder, assault and rape per 100 000 residents in 1973, and the percentage of people living in towns. A sentence of context before we treat it as numbers: an arrest is something the police do, so the table shows policing and record keeping in 1973 as much as it shows crime.

# %%
states = data.usarrests()
x, names = states.x, states.feature_names
for state in ("Florida", "North Dakota", "New Jersey"):
    print(f"{state:13}", dict(zip(names, x[states.row_names.index(state)].tolist(), strict=True)))

# %% [markdown] slide="fragment"
# With two features we would draw one picture and look. With four there are six pictures, with 64 there would be 2016.

# %%
from coursekit.pca import pictures

plots.show(
    pictures.feature_pairs(x, names),
    alt="Six scatter plots, one for each pair of the four features of USArrests. Murder, assault and rape rise "
    "together; the share of people in towns goes with rape a little and with murder hardly at all.",
)

# %% [markdown]
# The three crimes rise together: knowing one of them says a good deal about the other two. So four numbers a state is more than we need. The question of this notebook is how many we do need, and which ones, if we may mix the columns as we like.

# %% [markdown] slide="slide" says="A *spreader* takes the line on which the shadows lie furthest apart. A *repairer* takes the line from which the points can be restored best."
# ## 2 · Which line keeps most of a cloud?
#
# **Question.** Take a cloud of points in the plane. You may keep *one* number a point: where its shadow falls on a line through the middle. Which line?
#
# **Two answers that sound different.** A spreader says: the line on which the shadows lie furthest apart, so that points which differ still differ. A repairer says: the line from which the points can be restored with the smallest error. Before reading on, look at the explorer and decide whether the two would ever disagree.
#
# <details><summary><b>Predict before you run:</b> can the line with the largest variance differ from the line with the smallest squared error?</summary>
#
# Never. Each point, its shadow and the centre form a triangle with a right angle at the shadow. By Pythagoras (distance to the centre)² = (position of the shadow)² + (distance to the shadow)². The left side does not depend on the line. So whatever the shadow gains, the error loses.
# </details>

# %% tags=["nbval-ignore-output"]
from coursekit.pca import explorers

cloud = rng.normal(size=(60, 2)) * [2.0, 0.7] @ [[0.88, 0.47], [-0.47, 0.88]]
cloud -= cloud.mean(axis=0)
explorers.line_explorer(cloud)

# %%
from functools import partial

from coursekit import widgets

widgets.static_frames(
    partial(explorers.line_frame, cloud),
    [{"angle": 120}, {"angle": 75}, {"angle": 30}],
    alt="Three positions of the explorer. At 120 degrees the line lies across the cloud, its red errors are long "
    "and little variance is kept; at 30 degrees the line lies along the cloud, and kept and lost have changed roles.",
)

# %% [markdown]
# Red is what gets lost, orange what is kept. As the line turns, the two curves on the right are mirror images: their sum never moves. The best line for one is the best for the other.

# %% [markdown] slide="subslide"
# **Formula.** Let the rows $x_i$ be centred, and let $v$ be a unit vector along the line. The shadow of $x_i$ sits at the number $x_i^\top v$, its *score*. The variance of the scores is
#
# $$\frac1n \sum_i (x_i^\top v)^2 \;=\; v^\top \Big(\frac1n X^\top X\Big) v \;=\; v^\top S v ,$$
#
# with the covariance matrix $S$. What is lost is $\frac1n\sum_i \lVert x_i - (x_i^\top v)\,v\rVert^2$. Pythagoras promises that both add up to $\operatorname{trace} S$.

# %% [markdown]
# That is a claim about every direction, so we ask it of a thousand random ones, in the four dimensions of the states.

# %%
centred = x - x.mean(axis=0)
directions = rng.normal(size=(1000, 4))
directions /= np.linalg.norm(directions, axis=1, keepdims=True)
positions = centred @ directions.T  # (50, 1000)
kept = (positions**2).mean(axis=0)
lost = ((centred[:, None, :] - positions[:, :, None] * directions) ** 2).sum(axis=2).mean(axis=0)
check(
    "variance kept + squared error = total variance, 1000 directions",
    kept + lost,
    x.var(axis=0).sum(),
    rtol=1e-12,
)

# %% [markdown] slide="subslide"
# **Where is the maximum?** We want the largest $v^\top S v$ among unit vectors. Put the condition $v^\top v = 1$ in with a multiplier $\lambda$ and set the derivative of $v^\top S v - \lambda\,(v^\top v - 1)$ to zero:
#
# $$2 S v - 2\lambda v = 0 \quad\Longleftrightarrow\quad S v = \lambda v .$$
#
# The direction we look for is an **eigenvector** of the covariance matrix. Multiply from the left by $v^\top$: the variance it keeps is $v^\top S v = \lambda$, its **eigenvalue**. So take the eigenvector with the largest eigenvalue. The next best direction, at right angles to the first, is the next eigenvector, and so on. A symmetric matrix hands us all of them at once, orthogonal to each other.

# %%
largest = np.linalg.eigvalsh(centred.T @ centred / len(x))[-1]
check("no direction keeps more variance than the largest eigenvalue", kept, largest, relation="<=")
print(f"the best of 1000 random directions keeps {kept.max() / largest:.1%} of what the eigenvector keeps")

# %% [markdown] slide="slide" says="Each column in its own standard deviations first: else Assault wins by its units. Then four steps, one line each."
# ## 3 · PCA by hand
#
# Four steps, one line each. First a decision that the algorithm cannot make for us. Murder runs from 1 to 17 and Assault from 45 to 337, only because assaults are more frequent. If variance is what we maximise, Assault wins by its units. So we measure each column in its own standard deviations. (Section 9 shows what happens if we forget.)

# %% tags=["slide-code"]
mean, scale = x.mean(axis=0), x.std(axis=0)  # std divides by n, as the lecture does
standardized = (x - mean) / scale  # (50, 4)
covariance = standardized.T @ standardized / len(x)  # (4, 4), here also the correlation matrix
eigenvalues, eigenvectors = np.linalg.eigh(covariance)  # ascending, eigenvectors in columns
eigenvalues, components = eigenvalues[::-1], eigenvectors[:, ::-1].T  # descending, one component a row
components *= np.sign(components[range(4), np.abs(components).argmax(axis=1)])[:, None]
scores = standardized @ components.T  # (50, 4)

# %% [markdown]
# The line before the last fixes a sign. If $v$ is an eigenvector then so is $-v$: the line is the same, only its arrow is turned round. We make the largest entry of each component positive, so that two runs, or two computers, agree.
#
# Does the package do the same? It can take another route (`solver="svd"`; section 6 explains it), so agreement means something. And scikit-learn? It divides by $n-1$ where the lecture divides by $n$, so its variances are larger by $n/(n-1)$, here by 2 %. The directions are the same.

# %%
model = pca.PCA(standardize=True, solver="svd").fit(x)
check("components: by hand = coursekit", components, model.components_, atol=1e-12)
check("variances: by hand = coursekit", eigenvalues, model.explained_variance_, atol=1e-12)
check("scores: by hand = coursekit", scores, model.transform(x), atol=1e-12)

# %%
from sklearn.decomposition import PCA as OtherPCA

other = OtherPCA().fit(standardized)
n = len(x)
check(
    "variances times n / (n - 1) = scikit-learn",
    eigenvalues * n / (n - 1),
    other.explained_variance_,
    atol=1e-12,
)
check(
    "each component = scikit-learn's, up to its sign",
    np.abs(components),
    np.abs(other.components_),
    atol=1e-12,
)

# %% [markdown] slide="subslide"
# **The textbook's Table 10.1** prints the first two components to seven decimals. Copied from the PDF as text, the table loses its minus signs, and without them it cannot be right: with four positive numbers each, two vectors are never orthogonal. Orthogonality also tells which signs got lost: UrbanPop and Rape must stand against Murder and Assault, or the other way round. One sign a *column* is free, the signs inside a column are not.

# %%
printed_1 = np.array([0.5358995, 0.5831836, 0.2781909, 0.5434321])  # as the text of the PDF gives it
printed_2 = np.array([0.4181809, 0.1879856, 0.8728062, 0.1673186])
restored_2 = printed_2 * [-1, -1, 1, 1]
check("first component = Table 10.1", components[0], printed_1, atol=5e-8)
check("second component = Table 10.1 with its signs restored", components[1], restored_2, atol=5e-8)
check("without its signs the two are far from orthogonal", printed_1 @ printed_2, 0.5, relation=">=")
check("with the signs restored they are orthogonal", printed_1 @ restored_2, 0.0, atol=1e-7)

# %% [markdown] slide="slide"
# ## 4 · Reading a biplot
#
# One picture holds both halves of the answer. Each **point** is a state, placed by its two scores. Each **arrow** is a feature: its coordinates are that feature's entries in the two components, its *loadings*, on a scale of their own.

# %%
plots.show(
    pictures.biplot(scores[:, :2], components[:2], states.row_names, names,
                    title="to the right: more arrests of every kind; upwards: more people in towns"),
    alt="Biplot of the 50 states. The arrows of murder, assault and rape point right, urban population points up. "
    "Florida, Nevada and California lie far right, North Dakota and Vermont far left, Mississippi and the "
    "Carolinas at the bottom right, New Jersey, Hawaii and Rhode Island at the top.",
)  # fmt: skip

# %% [markdown]
# To read a state, stand on its point and look along an arrow. Florida lies far along the three crime arrows: many arrests of every kind. Mississippi lies low: many arrests for murder, few people in towns. The first component is close to an average of the three crimes, the second is mostly UrbanPop. It would have surprised us to see Murder and Assault at a right angle, since in section 1 they rose together.

# %% [markdown] slide="fragment"
# Two properties make the picture trustworthy. The axes are orthonormal, so distances are not bent. And the scores are uncorrelated: no straight line predicts the second score from the first. With the components as columns of $V$, the scores $Z = XV$ and the eigenvalues on the diagonal of $\Lambda$, $\frac1n Z^\top Z = V^\top S V = \Lambda$: the variances of the scores are the eigenvalues.

# %%
check("components are orthonormal", components @ components.T, np.eye(4), atol=1e-14)
check(
    "covariance of the scores = diagonal matrix of the eigenvalues",
    scores.T @ scores / n,
    np.diag(eigenvalues),
    atol=1e-13,
)

# %% [markdown]
# One more thing must be right, and one deck gets it wrong: scores are computed from *centred* data. Without centring, all scores of one component are shifted by the same number. The picture looks the same, only its axes lie, and every sum of squares computed from it is off.

# %%
uncentred = (x / scale) @ components.T
shift = (mean / scale) @ components.T
check(
    "scores without centring = scores + one constant for each component",
    uncentred,
    scores + shift,
    atol=1e-12,
)
print(
    "the shifts of the four components, in standard deviations of their scores:",
    np.round(shift / np.sqrt(eigenvalues), 1),
)

# %% [markdown] slide="slide"
# ## 5 · How many components?
#
# The total variance is $\operatorname{trace} S = \sum_j \lambda_j$. So each eigenvalue, divided by the sum, is the *share of the variance* that its component keeps.

# %%
share = eigenvalues / eigenvalues.sum()
print("share of each component:", " ".join(f"{s:.4f}" for s in share))
check("shares of the variance = coursekit", share, model.explained_variance_ratio_, atol=1e-13)
check(
    "the eigenvalues add up to the variances of the columns",
    eigenvalues.sum(),
    standardized.var(axis=0).sum(),
    atol=1e-12,
)

# %%
plots.show(
    pictures.scree(share),
    alt="Two panels. Left, the share of each component falls from 62 per cent to 25, 9 and 4. Right, the first "
    "two components together keep 87 per cent, the first three 96.",
)

# %% [markdown]
# Two numbers a state keep most of what four told. Where to stop is a judgement, and this *scree plot* only helps: one looks for an elbow, after which each further component adds little. Do not take a threshold such as 90 % for a law. If the components feed a predictor, choose the number that predicts best on held-out data; if they feed the eye, two is what a page can show.

# %% [markdown] slide="slide"
# ## 6 · The same thing without a covariance matrix
#
# **Question.** Every matrix, square or not, is a rotation (perhaps with a reflection), then a stretching along the axes, then another rotation of that kind: $X = U \Sigma V^\top$, the **singular value decomposition**. What has it got to do with the eigenvectors of $S$?
#
# A picture first. Take a 2 × 2 matrix and follow the unit circle through the three moves.

# %%
matrix = np.array([[1.5, 0.9], [-0.2, 1.1]])
plots.show(
    pictures.svd_moves(matrix),
    alt="Four panels. The unit circle with two perpendicular arrows v1 and v2; the same turned so that the arrows "
    "lie on the axes; stretched into an ellipse along the axes; and turned again. The arrows stay perpendicular.",
)

# %% [markdown]
# There is one pair of perpendicular arrows that comes out perpendicular again. Those are the right singular vectors, the columns of $V$, and the factors by which they grow are the singular values $\sigma_j$.
#
# **Formula.** Put $X = U\Sigma V^\top$ into the covariance matrix. Since $U^\top U = I$,
#
# $$S = \frac1n X^\top X = \frac1n V \Sigma\, U^\top U\, \Sigma V^\top = V \,\frac{\Sigma^2}{n}\, V^\top .$$
#
# This *is* an eigendecomposition. So the right singular vectors of the centred data are the principal components, and $\lambda_j = \sigma_j^2 / n$. (One deck drops the $1/n$; then the eigenvalues are sums of squares, not variances. With $n-1$ in place of $n$ they are the unbiased variances.)

# %%
u, singular, vt = np.linalg.svd(standardized, full_matrices=False)
check("eigenvalues = squared singular values / n", eigenvalues, singular**2 / n, atol=1e-13)
check(
    "with n - 1: the variances that numpy gives with ddof=1",
    singular**2 / (n - 1),
    (standardized @ vt.T).var(axis=0, ddof=1),
    atol=1e-13,
)
check("right singular vectors = components, up to sign", np.abs(vt), np.abs(components), atol=1e-12)
check("scores = U times singular values, up to sign", np.abs(u * singular), np.abs(scores), atol=1e-12)

# %% [markdown]
# Which route is better? The SVD works on $X$ itself. Forming $X^\top X$ first squares every singular value, and small ones then drown in rounding. But for a table that is much taller than wide, the covariance matrix is tiny and this route is many times faster. `pca.PCA` chooses: `solver="svd"` or `"eigh"`, and `"auto"` takes `"eigh"` for tall tables. Below is a table built from known singular values, $1, 10^{-1}, \dots, 10^{-9}$; only one of the two solvers sees the last one.

# %%
noise = rng.normal(size=(200, 10))
left, _ = np.linalg.qr(noise - noise.mean(axis=0))  # orthonormal, and centred
right, _ = np.linalg.qr(rng.normal(size=(10, 10)))
steep = left @ np.diag(10.0 ** -np.arange(10)) @ right.T
smallest = 1e-18 / 200
by_svd = pca.PCA(solver="svd").fit(steep).explained_variance_[-1]
by_eigh = pca.PCA(solver="eigh").fit(steep).explained_variance_[-1]
check("svd finds the smallest variance", by_svd, smallest, rtol=1e-4)
check("eigh misses it by more than half of it", abs(by_eigh - smallest), 0.5 * smallest, relation=">=")

# %% [markdown] slide="slide"
# ## 7 · What is lost, exactly
#
# **Question.** Keep $k$ scores, throw the rest away, and rebuild: $\hat x = \mu + V_k z$ with $z = V_k^\top (x-\mu)$ ($\mu$: the mean; $V_k$: the first $k$ columns of $V$). How large is the error, before we even compute it?
#
# In the basis of all components, $x - \mu$ has the coordinates $z_1, \dots, z_d$. Rebuilding from $k$ of them leaves exactly the others out. The basis is orthonormal, so the squared error is $z_{k+1}^2 + \dots + z_d^2$, and its mean is $\lambda_{k+1} + \dots + \lambda_d$. **The error is the sum of the discarded eigenvalues**, for every $k$.
#
# We move to a larger table: 1797 images of handwritten digits, 8 × 8 pixels, so 64 numbers each.

# %%
digits = data.digits()
images = digits.x  # (1797, 64), ink from 0 to 16
full = pca.PCA().fit(images)
ks = [0, 1, 2, 4, 8, 12, 16, 24, 32, 48, 63, 64]
measured = []
for k in ks:
    basis = full.components_[:k]
    rebuilt = full.mean_ + (images - full.mean_) @ basis.T @ basis
    measured.append(((images - rebuilt) ** 2).sum(axis=1).mean())
discarded = [full.explained_variance_[k:].sum() for k in ks]
check("reconstruction error = sum of the discarded eigenvalues, for every k", measured, discarded, atol=1e-9)

# %%
plots.show(
    pictures.error_by_components(ks, measured, discarded),
    alt="Mean squared error of the rebuilt digits against the number of components: it falls steeply from about "
    "1200 to below 200 at 16 components, then slowly to zero. The measured dots lie on the predicted line.",
)

# %% [markdown] slide="subslide"
# What do the components of digits look like? Each is a direction in the space of images, so it is an image too, with positive and negative ink.

# %%
plots.show(
    pictures.component_images(full.components_[:8], full.mean_, digits.image_shape),
    alt="The mean digit, a blurred round blob, and the first eight components, smooth patterns of blue and red "
    "that grow finer from left to right.",
)

# %% tags=["nbval-ignore-output"]
one_each = images[[int(np.flatnonzero(digits.labels == label)[0]) for label in range(10)]]
explorers.digit_explorer(full, one_each, digits.image_shape)

# %%
rows = [(f"from {k}", full.mean_ + (one_each - full.mean_) @ full.components_[:k].T @ full.components_[:k])
        for k in (1, 4, 16, 32)]  # fmt: skip
plots.show(
    pictures.reconstructions(one_each, rows, digits.image_shape),
    alt="Ten digits and their reconstructions. From one component all look like blurs, from four some digits can "
    "be guessed, from sixteen nearly all can be read, from thirty-two they look like the originals.",
)

# %% [markdown]
# From one component every digit is a ghost, from four some can be guessed, from 16 nearly all can be read: a quarter of the numbers. Nothing was told about digits. The pixels of a pen stroke are so strongly tied to each other that most of the 64 directions are hardly used.

# %% [markdown] slide="subslide" says="*Other linear encoders.* Take any $k$-dimensional subspace and project on it: no better, in 1000 tries."
# **Could anything else do better?** Two sharper questions follow, since "best" is a large word.
#
# *First: other linear encoders.* Take any $k$-dimensional subspace and project on it. We try 1000 random ones, with $k = 2$ on the states.

# %%
best_error = eigenvalues[2:].sum()
errors = []
for _ in range(1000):
    basis, _ = np.linalg.qr(rng.normal(size=(4, 2)))  # orthonormal basis of a random plane
    errors.append(((standardized - standardized @ basis @ basis.T) ** 2).sum(axis=1).mean())
check("none of 1000 random linear encoders beats PCA", errors, best_error, relation=">=")
plots.show(
    pictures.errors_of_others(errors, best_error, "errors of 1000 random planes, and of the principal plane"),
    alt="Histogram of the reconstruction errors of 1000 random planes, between about 0.6 and 3.4; "
    "the error of PCA, 0.53, lies left of all of them.",
)

# %% [markdown] slide="subslide" says="Fix a linear decoder $\\hat x = Wz$ and allow every encoder. The best code for each $x$ is least squares, $z = W^{+}x$: a *linear* function of $x$. No cleverness in the encoder pays."
# *Second: encoders of any kind.* Fix a linear decoder $\hat x = W z$ with some $d \times k$ matrix $W$, and allow every encoder, a neural network if you like. For each $x$ separately, the best code minimises $\lVert x - W z\rVert^2$. That is least squares, and its solution is $z = W^{+} x$ with the pseudo-inverse $W^{+} = (W^\top W)^{-1} W^\top$: a *linear* function of $x$. Against a linear decoder, no cleverness in the encoder pays.

# %%
decoder = rng.normal(size=(4, 2))  # any decoder, not the principal one
codes = standardized @ np.linalg.pinv(decoder).T
best = ((standardized - codes @ decoder.T) ** 2).sum(axis=1).mean()
rivals = []
for _ in range(1000):  # bent by a random tanh network, by a little or a lot
    bend = np.tanh(standardized @ rng.normal(size=(4, 8))) @ rng.normal(size=(8, 2))
    rivals.append(
        ((standardized - (codes + 10 ** rng.uniform(-4, 0) * bend) @ decoder.T) ** 2).sum(axis=1).mean()
    )
check(
    "for a fixed linear decoder no encoder of any kind beats the pseudo-inverse", rivals, best, relation=">="
)
print(f"the fixed random decoder loses {best:.2f}, the principal one {best_error:.2f}")

# %% [markdown]
# *And the best pair?* Alternate: best encoder for this decoder, best decoder for this encoder, again and again. Nobody mentions an eigenvector, and yet the decoder's columns end in the plane of the first two components. The **principal angles** between the two planes measure how far apart they are: they are zero when the planes are the same, whatever basis each is written in.

# %%
for _ in range(100):
    codes = standardized @ np.linalg.pinv(decoder).T  # best encoder for this decoder
    decoder = np.linalg.lstsq(codes, standardized, rcond=None)[0].T  # best decoder for this encoder
angles = pca.principal_angles(decoder, components[:2].T)
check(
    "alternating least squares ends in the principal plane: angles to it are 0", angles, [0.0, 0.0], atol=1e-7
)
check(
    "and its error is PCA's",
    ((standardized - codes @ decoder.T) ** 2).sum(axis=1).mean(),
    best_error,
    atol=1e-12,
)
print(
    "is the decoder itself the matrix of components?",
    bool(np.allclose(np.abs(decoder.T), np.abs(components[:2]), atol=0.01)),
)

# %% [markdown]
# The plane is unique, its basis is not. A linear autoencoder, which notebook 10 trains by gradient descent, finds the principal plane in the same sense, and no more.

# %% [markdown] slide="slide"
# ## 8 · PCA as the smallest latent variable model
#
# Read the reconstruction from right to left: pick a code $z$, multiply, add the mean, and out comes an $x$. That is a *generative* story. Give the code a distribution and PCA becomes a model of the data:
#
# $$z \sim \mathcal N(0, I_k), \qquad x = \mu + V_k \Lambda_k^{1/2} z .$$
#
# **Predict before you run:** what will images drawn from it look like?
#
# <details><summary>Answer</summary>
# Like mixtures of all digits. The model knows the mean and the covariance of the pixels and nothing else; a Gaussian has one hump, and ten kinds of digit do not.
# </details>

# %%
k = 16
z = rng.normal(size=(100_000, k)) * np.sqrt(full.explained_variance_[:k])
samples = full.mean_ + z @ full.components_[:k]
target = full.components_[:k].T @ np.diag(full.explained_variance_[:k]) @ full.components_[:k]
sampled = np.cov(samples.T, bias=True)
# The standard error of a sampled covariance entry of a Gaussian is sqrt((s_ij^2 + s_ii s_jj) / n).
se = np.sqrt((target**2 + np.outer(target.diagonal(), target.diagonal())) / len(samples)) + 1e-12
check("covariance of the samples = covariance kept by 16 components", (sampled - target) / se, 0.0, atol=5.5)

# %% [markdown]
# (The tolerance of 5.5 standard errors is for the largest of $64 \times 65 / 2 = 2080$ different entries at once.)

# %%
from matplotlib import pyplot as plt

figure, axes = plt.subplots(2, 1, figsize=(8.4, 4.2))
plots.digits_strip(axes[0], images[:20], digits.image_shape, title="data")
plots.digits_strip(
    axes[1], samples[:20], digits.image_shape, title="drawn from the Gaussian with 16 components"
)
plots.show(
    figure,
    alt="Twenty handwritten digits above twenty samples of the Gaussian model. The samples have strokes in the "
    "right places, but most are blurred mixtures of several digits.",
)

# %% [markdown]
# Strokes, yes; digits, rarely. This is the gap that the rest of the course closes: a curved decoder (autoencoders, VAEs, GANs, flows, diffusion) in place of the flat $\mu + V_k z$. The parts are here already: a latent $z$, a distribution for it, a decoder, an encoder.
#
# How much of the ten classes can a flat picture show at all? The first two scores, coloured with the labels that PCA has not seen:

# %%
plots.show(
    pictures.labelled_scatter(
        full.transform(images)[:, :2],
        digits.labels,
        title="two numbers keep the zeros and fours apart, and mix others",
    ),
    alt="Scatter plot of the first two scores of all digits, coloured by label. Zeros, fours and sixes form groups "
    "at the edge; fives and eights are spread over the middle, among ones, twos and sevens.",
)
kept_by_two = full.explained_variance_ratio_[:2].sum()
print(f"two components keep {kept_by_two:.0%} of the variance of the digits")

# %% [markdown] slide="slide"
# ## 9 · What goes wrong
#
# **Forgotten units.** Leave the columns of the states as they came, and ask for the first component.

# %%
raw = pca.PCA().fit(x)
assault = names.index("Assault")
figure, axes = plt.subplots(1, 2, figsize=(9.2, 4.6))
for ax, fitted, title in ((axes[0], model, "in standard deviations"), (axes[1], raw, "as the table came")):
    pictures.biplot(
        fitted.transform(x)[:, :2],
        fitted.components_[:2],
        states.row_names,
        names,
        ax=ax,
        title=title,
        label_rows=False,
    )
plots.show(
    figure,
    alt="Two biplots. With scaled columns four arrows spread out; with raw columns the assault arrow covers the whole first "
    "axis, urban population the second, rape is short and murder vanishes.",
)
check("raw: Assault alone makes up nearly all of PC1", abs(raw.components_[0, assault]), 0.99, relation=">=")
print(
    f"raw PC1 keeps {raw.explained_variance_ratio_[0]:.1%} of the variance: an impressive number that says 'Assault has large units'"
)

# %% [markdown]
# Nothing crashed, and the share of variance even looks better. Count arrests per million in place of per 100 000 and the answer changes again: PCA is not invariant to units. Standardise when columns have different units. When they share one, as pixels do, their variances mean something, and standardising would blow up the noise of nearly empty pixels at the rim.

# %% [markdown] slide="subslide"
# **One outlier.** Squares make far points loud: a point ten times as far counts a hundred times as much.

# %%
outlier = np.array([-6.0, 16.0])
before = pca.PCA(1).fit(cloud).components_
after = pca.PCA(1).fit(np.vstack([cloud, outlier])).components_
plots.show(
    pictures.outlier_turns_axis(cloud, outlier, before[0], after[0]),
    alt="A tilted cloud with its first principal direction along it. Beside it the same cloud with one far point "
    "at the top left: the direction has turned and points towards that one point.",
)
turned = np.degrees(pca.principal_angles(before.T, after.T)[0])
check("one point among 61 turns the axis by more than 45 degrees", turned, 45.0, relation=">=")

# %% [markdown]
# So look at the data before and after: plot the scores, and be suspicious of a component whose largest score belongs to a single row.

# %% [markdown] slide="slide"
# ## 10 · Summary
#
# | Claim | Where it was checked | Code in [`pca/model.py`](../coursekit/pca/model.py) |
# | --- | --- | --- |
# | variance kept + squared error = total variance | section 2 | `gram`: the covariance matrix times $n$ |
# | the best direction is the eigenvector of the largest eigenvalue | section 2 | `eigenpairs` |
# | by hand = coursekit = scikit-learn after $n/(n-1)$ | section 3 | `centre_and_spread`, `PCA.fit` |
# | components = Table 10.1, one free sign a column | section 3 | `with_fixed_signs` |
# | components orthonormal, scores uncorrelated with variances $\lambda_j$ | section 4 | `PCA.transform` |
# | shares of the variance | section 5 | `PCA.fit`, last lines |
# | right singular vectors are the components, $\lambda_j = \sigma_j^2/n$ | section 6 | `principal_axes_svd`, `principal_axes_eigh` |
# | error = sum of the discarded eigenvalues, for every $k$ | section 7 | `PCA.inverse_transform` |
# | no linear encoder is better; for a linear decoder no encoder at all | section 7 | |
# | the jointly best linear pair spans the principal plane, in any basis | section 7 | `principal_angles` |
# | the Gaussian model has the kept covariance | section 8 | |
#
# ### Five questions
#
# <details><summary>1. All columns of a table are multiplied by 10. What happens to components, eigenvalues and shares?</summary>
# The components and the shares stay, the eigenvalues grow by a factor of 100. (If each column is standardised, nothing changes.)
# </details>
#
# <details><summary>2. Two standardised features with correlation 0.6: what are the components and eigenvalues?</summary>
# The matrix with 1 on the diagonal and 0.6 beside it has eigenvectors (1, 1)/√2 and (1, −1)/√2 with eigenvalues 1.6 and 0.4. For two standardised features the directions are always the diagonals, whatever the correlation, unless it is 0.
# </details>
#
# <details><summary>3. There are 20 rows and 500 columns. How many components with positive variance can there be?</summary>
# At most 19: twenty centred points lie in a space of 19 dimensions.
# </details>
#
# <details><summary>4. A colleague reports that the first component explains 97 % of the variance. What do you ask first?</summary>
# Whether the columns were standardised, and whether they have the same units.
# </details>
#
# <details><summary>5. The data lie evenly on a circle. What does PCA with one component do, and what would be needed?</summary>
# No direction is better than any other, and half of the variance is lost. One number, the angle, would be enough, but it takes a curved decoder to turn it back into a point.
# </details>
#
# **Homework:** [`hw01_pca`](homework/release/hw01_pca/hw01_pca.ipynb): whitening, choosing $k$, power iteration, and a biplot with a fault. [Solutions](../notebooks/homework/source/hw01_pca/hw01_pca.ipynb) stand in a folder of their own.
#
# **References.** K. Pearson (1901), *On lines and planes of closest fit to systems of points in space*. H. Hotelling (1933), *Analysis of a complex of statistical variables into principal components*. C. Eckart and G. Young (1936), *The approximation of one matrix by another of lower rank*. M. Tipping and C. Bishop (1999), *Probabilistic principal component analysis*. G. James, D. Witten, T. Hastie and R. Tibshirani (2013), *An Introduction to Statistical Learning*, chapter 10.
