# ---
# jupyter:
#   coursekit:
#     cpu_seconds: 18
#     minutes: 90
# ---

# %% [markdown] slide="slide"
# # 01 · Principal component analysis: the best flat picture of 50 states
#
# **After this notebook you can** find principal components by hand and with `coursekit.pca`, prove that no plane is better, read a biplot and a scree plot, say exactly what a projection keeps and what it loses, connect the eigenvectors of a covariance matrix with the singular value decomposition, and see PCA as the smallest latent variable model.
#
# **Time:** 90 minutes to work through; it runs in about 18 seconds. **You need:** vectors, matrices, eigenvectors, a mean and a variance. **It follows** the PCA lecture of the unsupervised learning deck, which follows chapter 10 of *An Introduction to Statistical Learning* (its Table 10.1 and Figure 10.1 are recomputed here). **It adds** the singular value decomposition as a second route, the proof that no other plane does better, noise filtering, and the latent variable model. The deck's slide on manifolds belongs to [notebook 03](03_manifold_learning.ipynb).
#
# Every line that starts with ✓ is a claim that was computed on both sides just now, on your machine. If one fails, the notebook stops there.

# %%
import numpy as np

from coursekit import data, pca, plots, widgets
from coursekit.checks import check

plots.use_course_style()
rng = np.random.default_rng(1)

# %% [markdown] slide="slide" says="A table of 50 states by 4 numbers: arrests for murder, assault and rape per 100 000 residents in 1973, and the percentage of people living in towns.\n\n**Unsupervised learning:** there is an $x$ and no $y$. *What is in it?*"
# ## 1 · Four numbers per state
#
# There is nothing to predict here. We are handed a table, 50 states by 4 numbers, and asked: *what is in it?* That is unsupervised learning in one sentence: there is an $x$ and no $y$.
#
# The table counts arrests for murder, assault and rape per 100 000 residents in 1973, and the percentage of people living in towns. A word of caution before we treat it as numbers: an arrest is something the police do, so the table shows policing and record keeping in 1973 as much as it shows crime.

# %%
states = data.usarrests()
x, names = states.x, states.feature_names
for state in ("Florida", "North Dakota", "New Jersey"):
    row = x[states.row_names.index(state)].tolist()
    print(f"{state:13}", dict(zip(names, row, strict=True)))

# %% [markdown] slide="fragment"
# With two features we would draw one picture and look. With four there are six pictures; with 64 there would be 2016.

# %%
from coursekit.pca import pictures

plots.show(
    pictures.feature_pairs(x, names),
    alt="Six scatter plots, one for each pair of the four features of USArrests. "
    "Murder, assault and rape rise together; the share of people in towns goes with "
    "rape a little and with murder hardly at all.",
)

# %% [markdown]
# The three crimes rise together: knowing one of them says a good deal about the other two. So four numbers per state are more than we need. How many do we need, and which ones, if we may mix the columns as we like?

# %% [markdown] slide="slide" says="*Spread the shadows out:* take the line on which they are furthest apart.\n\n*Make the points easy to restore:* take the line with the smallest error."
# ## 2 · Which line keeps most of a cloud?
#
# **Question.** Take a cloud of points in the plane. You may keep just one number for each point: where its shadow falls on a line through the middle. Which line?
#
# **Two answers that sound different.** One: spread the shadows out. Take the line on which they are furthest apart, so that points which differ still differ. The other: make the points easy to restore. Take the line from which they can be rebuilt with the smallest error. Before reading on, look at the explorer and decide whether the two could ever disagree.
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

widgets.static_frames(
    partial(explorers.line_frame, cloud),
    [{"angle": 120}, {"angle": 75}, {"angle": 30}],
    alt="Three positions of the explorer. At 120 degrees the line runs across the "
    "cloud, its red errors are long and little variance is kept; at 30 degrees the "
    "line runs along the cloud, and kept and lost have changed roles.",
)

# %% [markdown]
# Red is what gets lost, orange what is kept. As the line turns, the two curves on the right are mirror images: their sum never changes. The best line for one is the best line for the other.

# %% [markdown] slide="subslide"
# **Formula.** Let the rows $x_i$ be centred, and let $v$ be a unit vector along the line. The shadow of $x_i$ falls at the number $x_i^\top v$, its *score*. The variance of the scores is
#
# $$\frac1n \sum_i (x_i^\top v)^2 \;=\; v^\top \Big(\frac1n X^\top X\Big) v \;=\; v^\top S v ,$$
#
# with the covariance matrix $S$. What is lost is $\frac1n\sum_i \lVert x_i - (x_i^\top v)\,v\rVert^2$. Pythagoras promises that the two add up to $\operatorname{trace} S$.

# %% [markdown]
# That is a claim about every direction, so we ask it of a thousand random ones, in the four dimensions of the states.

# %%
centred = x - x.mean(axis=0)
directions = rng.normal(size=(1000, 4))
directions /= np.linalg.norm(directions, axis=1, keepdims=True)
positions = centred @ directions.T  # (50, 1000)
kept = (positions**2).mean(axis=0)
rest = centred[:, None, :] - positions[:, :, None] * directions  # (50, 1000, 4)
lost = (rest**2).sum(axis=2).mean(axis=0)
claim = "variance kept + squared error = total variance, 1000 directions"
check(claim, kept + lost, x.var(axis=0).sum(), rtol=1e-12)

# %% [markdown] slide="subslide"
# **Where is the maximum?** We want the largest $v^\top S v$ among unit vectors. Impose the constraint $v^\top v = 1$ with a **Lagrange multiplier** $\lambda$: at the maximum, the gradient of $v^\top S v - \lambda\,(v^\top v - 1)$ is zero,
#
# $$2 S v - 2\lambda v = 0 \quad\Longleftrightarrow\quad S v = \lambda v .$$
#
# So the direction is an **eigenvector** of the covariance matrix. Multiply from the left by $v^\top$: the variance it keeps is $v^\top S v = \lambda$, its **eigenvalue**. Take the eigenvector $v_1$ with the largest eigenvalue $\lambda_1$.
#
# *Is it really the maximum?* A symmetric matrix has an orthonormal basis of eigenvectors. Write $v = \sum_j c_j v_j$ with $\sum_j c_j^2 = 1$. Then $v^\top S v = \sum_j \lambda_j c_j^2 \le \lambda_1 \sum_j c_j^2 = \lambda_1$, with equality for $v = v_1$.
#
# *The next best direction* must be perpendicular to the first, a second constraint with a multiplier $\mu$: $2Sv - 2\lambda v - \mu v_1 = 0$. Multiply by $v_1^\top$. The first term is $2v_1^\top S v = 2\lambda_1 v_1^\top v = 0$, the second is zero too, so $\mu = 0$ and again $Sv = \lambda v$: the eigenvector with the next eigenvalue. In the same way we get the third and the fourth.

# %%
values, vectors = np.linalg.eigh(centred.T @ centred / len(x))  # ascending
largest, first = values[-1], vectors[:, -1]
claim = "no direction keeps more variance than the largest eigenvalue"
check(claim, kept, largest, relation="<=", theorem="the largest eigenvalue bounds v'Sv")
claim = "its eigenvector keeps exactly that"
check(claim, ((centred @ first) ** 2).mean(), largest, rtol=1e-12)
print(f"the best of 1000 random directions keeps {kept.max() / largest:.1%} of it")

# %% [markdown] slide="slide" says="Each column in its own standard deviations first: else Assault wins by its units. Then four steps, one line each."
# ## 3 · PCA by hand
#
# Four steps, one line each. First comes a decision that the algorithm cannot make for us. Murder runs from 1 to 17 and Assault from 45 to 337, only because assaults are more frequent. If we maximise variance, Assault wins by its units. So we measure each column in its own standard deviations. (Section 9 shows what happens if we forget.)

# %% tags=["slide-code"]
mean, scale = x.mean(axis=0), x.std(axis=0)  # std divides by n, as the lecture does
standardized = (x - mean) / scale  # (50, 4)
covariance = standardized.T @ standardized / len(x)  # (4, 4), the correlations
eigenvalues, eigenvectors = np.linalg.eigh(covariance)  # ascending, in columns
eigenvalues, components = eigenvalues[::-1], eigenvectors[:, ::-1].T  # one per row
largest_entry = components[range(4), np.abs(components).argmax(axis=1)]
components *= np.sign(largest_entry)[:, None]
scores = standardized @ components.T  # (50, 4)

# %% [markdown]
# The two lines before the last fix a sign. If $v$ is an eigenvector then so is $-v$: the line is the same, only its arrow points the other way. We make the largest entry of each component positive, so that two runs, or two computers, agree.
#
# Does the package do the same? It can take a different route (`solver="svd"`; section 6 explains it), so agreement means something. And scikit-learn? It divides by $n-1$ where the lecture divides by $n$, so its variances are larger by $n/(n-1)$, here by 2 %. The directions are the same.

# %%
model = pca.PCA(standardize=True, solver="svd").fit(x)
check("components: by hand = coursekit", components, model.components_, atol=1e-12)
variances = model.explained_variance_
check("variances: by hand = coursekit", eigenvalues, variances, atol=1e-12)
check("scores: by hand = coursekit", scores, model.transform(x), atol=1e-12)

# %%
from sklearn.decomposition import PCA as OtherPCA

other = OtherPCA().fit(standardized)
n = len(x)
claim = "variances times n / (n - 1) = scikit-learn"
check(claim, eigenvalues * n / (n - 1), other.explained_variance_, atol=1e-12)
claim = "each component = scikit-learn's, up to its sign"
check(claim, np.abs(components), np.abs(other.components_), atol=1e-12)

# %% [markdown] slide="subslide"
# **The textbook's Table 10.1** prints the first two components to seven decimals. Copied from the PDF as text, the table loses its minus signs; since components are orthogonal, the signs can be restored. You may flip a whole column, but not single entries.

# %%
# As the text of the PDF gives them: Murder, Assault, UrbanPop, Rape.
printed_1 = np.array([0.5358995, 0.5831836, 0.2781909, 0.5434321])
printed_2 = np.array([0.4181809, 0.1879856, 0.8728062, 0.1673186])
restored_2 = printed_2 * [-1, -1, 1, 1]
check("first component = Table 10.1", components[0], printed_1, atol=5e-8)
claim = "second component = Table 10.1, signs restored"
check(claim, components[1], restored_2, atol=5e-8)
signs = np.array([[a, b, c, 1] for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)])
products = np.abs(signs * printed_2 @ printed_1)  # all patterns, up to a flip
check("exactly one pattern of signs is orthogonal", (products < 1e-7).sum(), 1)
check("and it is ours", signs[products.argmin()], [-1, -1, 1, 1])

# %% [markdown] slide="slide"
# ## 4 · Reading a biplot
#
# One picture holds both halves of the answer. Each **point** is a state, placed by its two scores. Each **arrow** is a feature: its coordinates are that feature's entries in the two components, its *loadings*. Scores are read at the bottom and on the left, loadings at the top and on the right.

# %%
plots.show(
    pictures.biplot(scores[:, :2], components[:2], states.row_names, names,
                    title="rightwards: more arrests; upwards: more people in towns"),
    alt="Biplot of the 50 states. The arrows of murder, assault and rape point right, "
    "urban population points up. Florida, Nevada and California are far right, North "
    "Dakota and Vermont far left, Mississippi and the Carolinas at the bottom right, "
    "New Jersey, Hawaii and Rhode Island at the top.",
)  # fmt: skip

# %% [markdown]
# To read a state, start at its point and look along an arrow. Florida is far along the three crime arrows: many arrests of every kind. Mississippi is low down: many arrests for murder, few people in towns. The first component is close to an average of the three crimes, the second is mostly UrbanPop. Murder and Assault, which rose together in section 1, point in nearly the same direction.

# %% [markdown] slide="fragment"
# Two properties make the picture trustworthy. The axes are orthonormal, so distances are not bent. And the scores are uncorrelated: no straight line predicts the second score from the first. With the components as columns of $V$, the scores $Z = XV$ and the eigenvalues on the diagonal of $\Lambda$, $\frac1n Z^\top Z = V^\top S V = \Lambda$: the variances of the scores are the eigenvalues.

# %%
check("components are orthonormal", components @ components.T, np.eye(4), atol=1e-14)
claim = "covariance of the scores = diagonal matrix of the eigenvalues"
check(claim, scores.T @ scores / n, np.diag(eigenvalues), atol=1e-13)

# %% [markdown]
# One more thing must be right, and one deck gets it wrong: scores have to be computed from *centred* data. Without centring, all scores of one component are shifted by the same number. The picture looks the same, but the numbers on its axes are wrong, and so is every sum of squares computed from it.

# %%
uncentred = (x / scale) @ components.T
shift = (mean / scale) @ components.T
claim = "scores without centring = scores + one constant for each component"
check(claim, uncentred, scores + shift, atol=1e-12)
shift_in_stds = np.round(shift / np.sqrt(eigenvalues), 1)
print("the four shifts, in standard deviations of the scores:", shift_in_stds)

# %% [markdown] slide="slide"
# ## 5 · How many components?
#
# The total variance is $\operatorname{trace} S = \sum_j \lambda_j$. So each eigenvalue, divided by the sum, is the *share of the variance* that its component keeps.

# %%
share = eigenvalues / eigenvalues.sum()
print("share of each component:", " ".join(f"{s:.4f}" for s in share))
ratio = model.explained_variance_ratio_
check("shares of the variance = coursekit", share, ratio, atol=1e-13)
claim = "the eigenvalues add up to the variances of the columns"
check(claim, eigenvalues.sum(), standardized.var(axis=0).sum(), atol=1e-12)

# %%
plots.show(
    pictures.scree(share),
    alt="Two panels. Left, the share of each component falls from 62 per cent to 25, "
    "9 and 4. Right, the first two components together keep 87 per cent, the first "
    "three 96.",
)

# %% [markdown]
# Two numbers per state keep most of what the four held. Where to stop is a judgement. This *scree plot* helps: look for an elbow, after which each further component adds little. Don't treat 90 % as a rule. If the components feed a predictor, choose the number that predicts best on held-out data; if they feed the eye, two is what a page can show.

# %% [markdown] slide="slide"
# ## 6 · The same thing without a covariance matrix
#
# **Question.** Every matrix, square or not, is a rotation (perhaps with a reflection), then a stretching along the axes, then a second rotation of that kind: $X = U \Sigma V^\top$, the **singular value decomposition**. What has it got to do with the eigenvectors of $S$?
#
# A picture first. Take a 2 × 2 matrix and follow the unit circle through the three moves.

# %%
matrix = np.array([[1.5, 0.9], [-0.2, 1.1]])
plots.show(
    pictures.svd_moves(matrix),
    alt="Four panels. The unit circle with two perpendicular arrows v1 and v2; the "
    "same turned so that the arrows are on the axes; stretched into an ellipse along "
    "the axes; and turned again. The arrows stay perpendicular.",
)

# %% [markdown]
# One pair of perpendicular arrows comes out perpendicular again. Those are the right singular vectors, the columns of $V$, and the factors by which they grow are the singular values $\sigma_j$.
#
# For a tall table, $n$ rows and $d < n$ columns, the *full* decomposition has an $n\times n$ rotation $U$ and an $n\times d$ matrix $\Sigma$ with $n-d$ rows of zeros. The *thin* one, which we use from here on, drops those rows and the columns of $U$ that meet them: $U$ is $n\times d$ with orthonormal columns, $\Sigma$ is $d\times d$.
#
# **Formula.** Put the thin $X = U\Sigma V^\top$ into the covariance matrix. Since $U^\top U = I_d$,
#
# $$S = \frac1n X^\top X = \frac1n V \Sigma\, U^\top U\, \Sigma V^\top = V \,\frac{\Sigma^2}{n}\, V^\top .$$
#
# This *is* an eigendecomposition. So the right singular vectors of the centred data are the principal components, and $\lambda_j = \sigma_j^2 / n$. (One deck drops the $1/n$; then the eigenvalues are sums of squares, not variances. With $n-1$ instead of $n$ they are the unbiased variances.)

# %%
u, singular, vt = np.linalg.svd(standardized, full_matrices=False)
claim = "eigenvalues = squared singular values / n"
check(claim, eigenvalues, singular**2 / n, atol=1e-13)
check(
    "with n - 1: the variances that numpy gives with ddof=1",
    singular**2 / (n - 1),
    (standardized @ vt.T).var(axis=0, ddof=1),
    atol=1e-13,
)
turned = np.sign((vt * components).sum(axis=1))  # -1: the SVD chose the other arrow
claim = "right singular vectors = components"
check(claim, turned[:, None] * vt, components, atol=1e-12)
check("scores = U times singular values", turned * u * singular, scores, atol=1e-12)

# %% [markdown]
# Which route is better? Forming $X^\top X$ squares every singular value, and small ones then drown in rounding; but for a table much taller than wide it is many times faster. `pca.PCA` takes it for tall tables unless you ask for `solver="svd"`. Below, a table with singular values $1, 10^{-1}, \dots, 10^{-9}$: only one of the two solvers sees the last one.

# %%
noise = rng.normal(size=(200, 10))
left, _ = np.linalg.qr(noise - noise.mean(axis=0))  # orthonormal, and centred
right, _ = np.linalg.qr(rng.normal(size=(10, 10)))
steep = left @ np.diag(10.0 ** -np.arange(10)) @ right.T
smallest = 1e-18 / 200
by_svd = pca.PCA(solver="svd").fit(steep).explained_variance_[-1]
by_eigh = pca.PCA(solver="eigh").fit(steep).explained_variance_[-1]
check("svd finds the smallest variance", by_svd, smallest, rtol=1e-4)
claim = "eigh misses it by more than half of it"
control = {"svd": abs(by_svd - smallest)}
check(claim, abs(by_eigh - smallest), 0.5 * smallest, relation=">=", control=control)

# %% [markdown] slide="slide"
# ## 7 · What is lost, exactly
#
# **Question.** Keep $k$ scores, throw the rest away, and rebuild: $\hat x = \mu + V_k z$ with $z = V_k^\top (x-\mu)$ ($\mu$: the mean; $V_k$: the first $k$ columns of $V$). How large is the error? We can tell before we compute it.
#
# In the basis of all components, $x - \mu$ has the coordinates $z_1, \dots, z_d$. Rebuilding from $k$ of them leaves out exactly the others. The basis is orthonormal, so the squared error is $z_{k+1}^2 + \dots + z_d^2$, and its mean is $\lambda_{k+1} + \dots + \lambda_d$. **The error is the sum of the discarded eigenvalues**, for every $k$.
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
claim = "error = sum of the discarded eigenvalues, for every k"
check(claim, measured, discarded, atol=1e-9)

# %%
plots.show(
    pictures.error_by_components(ks, measured, discarded),
    alt="Mean squared error of the rebuilt digits against the number of components: "
    "it falls steeply from about 1200 to below 200 at 16 components, then slowly to "
    "zero. The measured dots are on the predicted line.",
)

# %% [markdown] slide="subslide"
# What do the components of digits look like? Each is a direction in the space of images, so it is an image too, with positive and negative ink.

# %%
plots.show(
    pictures.component_images(full.components_[:8], full.mean_, digits.image_shape),
    alt="The mean digit, dark in the middle columns, and the first eight components, "
    "each a patchwork of red and blue. The first ones have a few large patches, the "
    "later ones more and smaller patches.",
)

# %% tags=["nbval-ignore-output"]
one_each = images[[int(np.argmax(digits.labels == label)) for label in range(10)]]
explorers.digit_explorer(full, one_each, digits.image_shape)


# %%
def rebuilt_from(fitted, x, k):
    basis = fitted.components_[:k]
    return fitted.mean_ + (x - fitted.mean_) @ basis.T @ basis


rows = [(f"from {k}", rebuilt_from(full, one_each, k)) for k in (1, 4, 16, 32)]
plots.show(
    pictures.reconstructions(one_each, rows, digits.image_shape),
    alt="Ten digits and their reconstructions. From one component all look like "
    "blurs, from four some digits can be guessed, from sixteen nearly all can be "
    "read, from thirty-two they look like the originals.",
)

# %% [markdown]
# From one component every digit is a ghost, from four some can be guessed, from 16 nearly all can be read: a quarter of the numbers. PCA was told nothing about digits. The pixels of a pen stroke are so strongly correlated that most of the 64 directions are hardly used.

# %% [markdown] slide="subslide" says="**A use: taking out noise.** Add noise of variance $\\sigma^2$ to every pixel, project on $k$ components. What is left of the noise is $k\\sigma^2$ instead of $d\\sigma^2$; what is lost of the image is the rest. *Keep component $j$ while $\\lambda_j > \\sigma^2$.*"
# **A use: taking out noise.** Suppose each of the $d$ pixels carries noise of variance $\sigma^2$, independent of the image. Project the noisy image on $k$ components. The noise has variance $\sigma^2$ in *every* direction, so only $k\sigma^2$ of its $d\sigma^2$ gets through. The price is the part of the image that is projected away. The noise is independent of the image, so the mean squared error to the clean image is the sum
#
# $$\underbrace{\sum_{j>k}\lambda_j}_{\text{lost of the image}} + \underbrace{k\,\sigma^2}_{\text{left of the noise}} .$$
#
# One more component lowers it as long as $\lambda_{k+1} > \sigma^2$. We learn the components on one half of the images and clean the other half. There the first sum is what *those* images lose.

# %%
order = rng.permutation(len(images))
learned, unseen = pca.PCA().fit(images[order[:900]]), images[order[900:]]
sigma = 4.0  # a quarter of the darkest ink
noisy = unseen + sigma * rng.normal(size=unseen.shape)
after, lost_ink = np.zeros((2, 64, len(unseen)))  # by k - 1 and image
for k in range(1, 65):
    after[k - 1] = ((rebuilt_from(learned, noisy, k) - unseen) ** 2).sum(axis=1)
    lost_ink[k - 1] = ((rebuilt_from(learned, unseen, k) - unseen) ** 2).sum(axis=1)
excess = after - lost_ink  # what is left of the noise, with a cross term of mean 0
left_over, error = excess.mean(axis=1), excess.std(axis=1) / np.sqrt(len(unseen))
claim = "noise left = k times its variance, every k"
check(claim, left_over, np.arange(1, 65) * sigma**2, se=error)

# %%
best_k = int(after.mean(axis=1).argmin()) + 1
untouched = ((noisy - unseen) ** 2).sum(axis=1).mean()
above = (learned.explained_variance_ > sigma**2).sum()
print(f"best k: {best_k}; eigenvalues above the noise: {above}")
print(f"error before {untouched:.0f}, after {after[best_k - 1].mean():.0f}")
claim = "the projection removes more than half of the error"
control = {"untouched": untouched, "the mean image": unseen.var(axis=0).sum()}
check(claim, after[best_k - 1].mean(), untouched / 2, relation="<=", control=control)
shown = [int(np.argmax(digits.labels[order[900:]] == label)) for label in range(10)]
cleaned = rebuilt_from(learned, noisy[shown], best_k)
rows = [("noisy", noisy[shown]), (f"from {best_k}", cleaned)]
plots.show(
    pictures.reconstructions(unseen[shown], rows, digits.image_shape),
    alt="Ten unseen digits, the same with strong noise in every pixel, and the noisy "
    "ones projected on the best number of components: the speckles are much weaker "
    "and the strokes are back, a little blurred.",
)

# %% [markdown]
# The rule goes by the eigenvalues of the first half; on the other half the best $k$ can be a step away from it. And the projection keeps or drops each direction whole. Notebook 10 shrinks each by $\lambda_j/(\lambda_j+\sigma^2)$ instead, the best *linear* denoiser, and sets trained networks beside it.

# %% [markdown] slide="subslide" says="**Theorem.** No $k$-dimensional plane has a smaller error than the principal one. The error of a plane with projection $P$ is $\\sum_j \\lambda_j(1-w_j)$, $w_j=\\lVert Pv_j\\rVert^2$; the weights lie between 0 and 1 and add up to $k$. Spend them on the $k$ largest eigenvalues."
# **Could anything else do better?** "Best" is a strong word, so two sharper questions follow.
#
# *First: other planes.* Take any $k$-dimensional plane through the mean, and let $P$ be the orthogonal projection on it. (Shifting the plane off the mean by a perpendicular vector $s$ only adds $\lVert s\rVert^2$, since the residuals average to zero.)
#
# **Theorem.** No such plane has a smaller mean squared error than $\lambda_{k+1}+\dots+\lambda_d$, the error of the principal one.
#
# *Proof.* 1. By Pythagoras the error is $\operatorname{trace} S - \frac1n\sum_i\lVert Px_i\rVert^2$. As $P^\top P = P$, the second term is $\operatorname{trace}(PS)$. Put in $S=\sum_j\lambda_j v_jv_j^\top$: it is $\sum_j \lambda_j w_j$ with the weights $w_j = v_j^\top P v_j = \lVert Pv_j\rVert^2$. So
#
# $$\text{error}(P) = \sum_j \lambda_j\,(1-w_j) .$$
#
# 2. A projection never lengthens a vector, so $0\le w_j\le 1$. The $v_j$ are an orthonormal basis, so $\sum_j w_j = \operatorname{trace} P = k$.
#
# 3. We share out $k$ units of weight, at most one per eigenvalue. To lose least, give them to the $k$ largest. In symbols, since $\lambda_j\ge\lambda_k$ for $j\le k$ and $\lambda_j\le\lambda_k$ for $j>k$:
#
# $$\text{error}(P) - \sum_{j>k}\lambda_j = \sum_{j\le k}\lambda_j(1-w_j) - \sum_{j>k}\lambda_j w_j \;\ge\; \lambda_k\Big(\sum_{j\le k}(1-w_j) - \sum_{j>k}w_j\Big) = \lambda_k\,(k-k) = 0 .\qquad\blacksquare$$
#
# Each step, on 1000 random planes with $k=2$, for the states:

# %%
best_error = eigenvalues[2:].sum()
errors, weights = np.empty(1000), np.empty((1000, 4))
for i in range(1000):
    basis, _ = np.linalg.qr(rng.normal(size=(4, 2)))  # orthonormal, of a random plane
    rest = standardized - standardized @ basis @ basis.T
    errors[i] = (rest**2).sum(axis=1).mean()
    weights[i] = ((components @ basis) ** 2).sum(axis=1)  # |P v_j|^2
claim = "step 1: error = sum of lambda_j (1 - w_j)"
check(claim, errors, (1 - weights) @ eigenvalues, rtol=1e-12)
claim = "step 2: no weight above 1"
check(claim, weights, 1.0, relation="<=", theorem="projections shorten")
check("step 2: the weights add up to k", weights.sum(axis=1), 2.0, rtol=1e-12)
claim = "step 3: no plane beats PCA"
check(claim, errors, best_error, relation=">=", theorem="just proved")
rest = standardized - scores[:, :2] @ components[:2]
reached = (rest**2).sum(axis=1).mean()
check("the principal plane reaches the bound", reached, best_error, rtol=1e-12)

# %%
title = "1000 random planes all lose more than PCA"
plots.show(
    pictures.errors_of_others(errors, best_error, title),
    alt="Histogram of the reconstruction errors of 1000 random planes, between about "
    "0.6 and 3.4; the error of PCA, 0.53, is to the left of all of them.",
)

# %% [markdown] slide="subslide" says="Fix a linear decoder $\\hat x = Wz$ and allow every encoder. The best code for each $x$ is least squares, $z = W^{+}x$: a *linear* function of $x$. A cleverer encoder does not help."
# *Second: encoders of any kind.* Fix a linear decoder $\hat x = W z$ with some $d \times k$ matrix $W$, and allow every encoder, a neural network if you like. For each $x$ separately, the best code minimises $\lVert x - W z\rVert^2$. That is least squares, and its solution is $z = W^{+} x$ with the pseudo-inverse $W^{+} = (W^\top W)^{-1} W^\top$: a *linear* function of $x$. With a linear decoder, a cleverer encoder does not help. Decoding, $WW^{+}x$, is the projection on the columns of $W$; so by the theorem no linear decoder with any encoder beats PCA.

# %%
decoder = rng.normal(size=(4, 2))  # any decoder, not the principal one
codes = standardized @ np.linalg.pinv(decoder).T
best = ((standardized - codes @ decoder.T) ** 2).sum(axis=1).mean()
rivals = []
for _ in range(1000):  # bent by a random tanh network, by a little or a lot
    bend = np.tanh(standardized @ rng.normal(size=(4, 8))) @ rng.normal(size=(8, 2))
    rival = codes + 10 ** rng.uniform(-4, 0) * bend
    rivals.append(((standardized - rival @ decoder.T) ** 2).sum(axis=1).mean())
claim = "for a fixed linear decoder no encoder beats the pseudo-inverse"
check(claim, rivals, best, relation=">=", theorem="least squares")
project = decoder @ np.linalg.pinv(decoder)
claim = "W W+ is a projection: applied twice = once"
check(claim, project @ project, project, atol=1e-12)
check("and orthogonal: symmetric", project, project.T, atol=1e-12)
print(f"the fixed random decoder loses {best:.2f}, the principal one {best_error:.2f}")

# %% [markdown]
# *And the best pair?* Alternate: best encoder for this decoder, best decoder for this encoder, again and again. No eigenvector is mentioned anywhere, and yet the decoder's columns end in the plane of the first two components. The **principal angles** between the two planes measure how far apart they are: they are zero when the planes are the same, whatever basis each is written in.

# %%
for _ in range(100):
    codes = standardized @ np.linalg.pinv(decoder).T  # best encoder for this decoder
    decoder = np.linalg.lstsq(codes, standardized)[0].T  # best decoder for this encoder
angles = pca.principal_angles(decoder, components[:2].T)
claim = "alternating least squares: angles to the principal plane are 0"
check(claim, angles, 0.0, atol=1e-7)
rest = standardized - codes @ decoder.T
check("and its error is PCA's", (rest**2).sum(axis=1).mean(), best_error, atol=1e-12)
same = bool(np.allclose(np.abs(decoder.T), np.abs(components[:2]), atol=0.01))
print("is the decoder itself the matrix of components?", same)

# %% [markdown]
# The plane is unique, its basis is not. A linear autoencoder, which notebook 10 trains by gradient descent, finds the principal plane in the same sense, and no more.

# %% [markdown] slide="slide"
# ## 8 · PCA as the smallest latent variable model
#
# Read the reconstruction from right to left: pick a code $z$, multiply, add the mean, and out comes an $x$. That is a *generative* story. Give the code a distribution, $z\sim\mathcal N(0,I_k)$, and PCA draws images.
#
# One thing is missing. All those images are in one $k$-dimensional plane, and no real image is: the model gives every one of them density zero. *Probabilistic PCA* (Tipping and Bishop) adds a little noise in every direction:
#
# $$x = \mu + W z + s\,\epsilon, \qquad W = V_k(\Lambda_k - s^2 I)^{1/2}, \qquad \epsilon \sim \mathcal N(0, I_d), \qquad s^2 = \frac{1}{d-k}\sum_{j>k}\lambda_j .$$
#
# Its covariance is $C = WW^\top + s^2 I$. Along a kept component the variance is $(\lambda_j - s^2) + s^2 = \lambda_j$, as in the data; along every other direction it is $s^2$, the mean of the discarded eigenvalues, so that the total is right too. Among all models of this form this one has the largest likelihood. (That theorem is Tipping and Bishop's; it is tried below, not proved.)

# %%
k, d = 16, 64
s2 = full.explained_variance_[k:].mean()
W = full.components_[:k].T * np.sqrt(full.explained_variance_[:k] - s2)  # (64, 16)
C = W @ W.T + s2 * np.eye(d)
along = ((full.components_ @ C) * full.components_).sum(axis=1)  # v_j' C v_j
claim = "variance along kept directions"
check(claim, along[:k], full.explained_variance_[:k], rtol=1e-12)
check("total variance", np.trace(C), images.var(axis=0).sum(), rtol=1e-12)
rest = images - rebuilt_from(full, images, k)
one_drawn = full.mean_ + rng.normal(size=k) @ W.T
drawn_rest = one_drawn - rebuilt_from(full, one_drawn, k)
claim = "every image is at least 1 away from the plane: no density without noise"
control = {"an image drawn in the plane": np.linalg.norm(drawn_rest)}
check(claim, np.linalg.norm(rest, axis=1), 1.0, relation=">=", control=control)

# %%
from scipy.stats import multivariate_normal

S = np.cov(images.T, bias=True)


def mean_log_density(W, s2):
    """Mean log-density of the images under N(mu, W W' + s2 I), from their S."""
    C = W @ W.T + s2 * np.eye(len(W))
    inside = np.linalg.slogdet(C)[1] + np.trace(np.linalg.solve(C, S))
    return -0.5 * (len(W) * np.log(2 * np.pi) + inside)


ours = mean_log_density(W, s2)
by_scipy = multivariate_normal(full.mean_, C).logpdf(images).mean()
check("mean log-density of the images = SciPy's", ours, by_scipy, rtol=1e-10)
nearby = []
for size in 10 ** rng.uniform(-3, -1, size=300):
    moved = W + size * rng.normal(size=W.shape)
    nearby.append(mean_log_density(moved, s2 * np.exp(size * rng.normal())))
claim = "none of 300 nearby models is likelier"
check(claim, nearby, ours, relation="<=", theorem="Tipping, Bishop")

# %% [markdown]
# **Predict before you run:** what will images drawn from it look like?
#
# <details><summary>Answer</summary>
# Like mixtures of all digits. The model knows the mean and the covariance of the pixels, and the covariance only where the 16 components keep it; a Gaussian has one hump, and ten kinds of digit have more.
# </details>

# %%
z = rng.normal(size=(100_000, k))
means = full.mean_ + z @ W.T  # before the noise
samples = means + np.sqrt(s2) * rng.normal(size=means.shape)
sampled = np.cov(samples.T, bias=True)
# Standard error of a sampled covariance of a Gaussian: sqrt((c_ij^2 + c_ii c_jj) / n).
se = np.sqrt((C**2 + np.outer(C.diagonal(), C.diagonal())) / len(samples))
claim = "covariance of the samples = C, in standard errors"
control = {"the noise forgotten": (np.cov(means.T, bias=True) - C) / se}
check(claim, (sampled - C) / se, 0.0, atol=5.5, control=control)

# %% [markdown]
# (The tolerance of 5.5 standard errors is for the largest of $64 \times 65 / 2 = 2080$ different entries at once.)

# %%
from matplotlib import pyplot as plt

figure, axes = plt.subplots(3, 1, figsize=(8.4, 3.6))
strips = {"data": images, "drawn in the plane": means, "with noise": samples}
for ax, (title, drawn) in zip(axes, strips.items(), strict=True):
    plots.digits_strip(ax, drawn[:10], digits.image_shape, n_columns=10, title=title)
plots.show(
    figure,
    alt="Ten handwritten digits above ten draws in the plane of 16 components, and "
    "the same draws with noise. The draws have strokes in the right places, but most "
    "are blurred mixtures of several digits; with noise they are speckled as well.",
)

# %% [markdown]
# Strokes, yes; digits, rarely. This is the gap that the rest of the course closes: a curved decoder (autoencoders, VAEs, GANs, flows, diffusion) instead of the flat $\mu + Wz$. The parts are here already: a latent $z$, a distribution for it, a decoder, an encoder, a likelihood.
#
# How much of the ten classes can a flat picture show at all? The first two scores, coloured with the labels that PCA has not seen:

# %%
plots.show(
    pictures.labelled_scatter(
        full.transform(images)[:, :2],
        digits.labels,
        title="two numbers keep the zeros and fours apart, and mix others",
    ),
    alt="Scatter plot of the first two scores of all digits, coloured by label. "
    "Zeros, fours and sixes form groups at the edge; fives and eights are spread over "
    "the middle, among ones, twos and sevens.",
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
titles = ("in standard deviations", "as the table came")
for ax, fitted, title in zip(axes, (model, raw), titles, strict=True):
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
    alt="Two biplots. With scaled columns four arrows spread out; with raw columns "
    "the assault arrow covers the whole first axis, urban population the second, rape "
    "is short and murder vanishes.",
)
claim = "raw: Assault alone makes up nearly all of PC1"
control = {"standardised": abs(model.components_[0, assault])}
check(claim, abs(raw.components_[0, assault]), 0.99, relation=">=", control=control)
print(f"raw PC1 keeps {raw.explained_variance_ratio_[0]:.1%} of the variance")

# %% [markdown]
# Nothing crashed, and the share of variance even looks better; all it says is that Assault has large units. Count arrests per million instead of per 100 000 and the answer changes again: PCA depends on the units. Standardise when columns have different units. When they share one, as pixels do, their variances mean something, and standardising would blow up the noise of nearly empty pixels at the edge.

# %% [markdown] slide="subslide"
# **One outlier.** Squares give far points a loud voice: a point ten times as far away counts a hundred times as much.

# %%
outlier = np.array([-6.0, 16.0])
before = pca.PCA(1).fit(cloud).components_
after = pca.PCA(1).fit(np.vstack([cloud, outlier])).components_
plots.show(
    pictures.outlier_turns_axis(cloud, outlier, before[0], after[0]),
    alt="A tilted cloud with its first principal direction along it. Beside it the "
    "same cloud with one far point at the top left: the direction has turned and "
    "points towards that one point.",
)
ordinary = pca.PCA(1).fit(np.vstack([cloud, cloud[0]])).components_


def turn(other):
    return np.degrees(pca.principal_angles(before.T, other.T)[0])


claim = "one point among 61 turns the axis by more than 45 degrees"
control = {"one more ordinary point": turn(ordinary)}
check(claim, turn(after), 45.0, relation=">=", control=control)

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
# | components = Table 10.1, one free sign per column | section 3 | `with_fixed_signs` |
# | components orthonormal, scores uncorrelated with variances $\lambda_j$ | section 4 | `PCA.transform` |
# | shares of the variance | section 5 | `PCA.fit`, last lines |
# | right singular vectors are the components, $\lambda_j = \sigma_j^2/n$ | section 6 | `principal_axes_svd`, `principal_axes_eigh` |
# | error = sum of the discarded eigenvalues, for every $k$ | section 7 | `PCA.inverse_transform` |
# | noise left after the projection = $k\sigma^2$ | section 7 | |
# | no plane is better (proved); for a linear decoder no encoder at all | section 7 | |
# | the jointly best linear pair spans the principal plane, in any basis | section 7 | `principal_angles` |
# | probabilistic PCA: right variance along $v_1,\dots,v_k$ and in total; no nearby model is likelier | section 8 | |
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
# At most 19: twenty centred points span at most 19 dimensions, since they add up to zero.
# </details>
#
# <details><summary>4. A colleague reports that the first component explains 97 % of the variance. What do you ask first?</summary>
# Whether the columns were standardised, and whether they have the same units.
# </details>
#
# <details><summary>5. The data are spread evenly on a circle. What does PCA with one component do, and what would be needed?</summary>
# No direction is better than any other, and half of the variance is lost. One number, the angle, would be enough, but it takes a curved decoder to turn it back into a point.
# </details>
#
# **Homework:** [`hw01_pca`](homework/release/hw01_pca/hw01_pca.ipynb): whitening, choosing $k$, power iteration, and a biplot with a fault. [Solutions](../notebooks/homework/source/hw01_pca/hw01_pca.ipynb) are in a folder of their own.
#
# **References.** K. Pearson (1901), *On lines and planes of closest fit to systems of points in space*. H. Hotelling (1933), *Analysis of a complex of statistical variables into principal components*. C. Eckart and G. Young (1936), *The approximation of one matrix by another of lower rank*. M. Tipping and C. Bishop (1999), *Probabilistic principal component analysis*. G. James, D. Witten, T. Hastie and R. Tibshirani (2013), *An Introduction to Statistical Learning*, chapter 10.
