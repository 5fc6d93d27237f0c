# ---
# jupyter:
#   coursekit:
#     cpu_seconds: 40
#     minutes: 120
# ---

# %% [markdown] slide="slide"
# # 04 · Non-negative factors: parts, and a table with holes
#
# **After this notebook you can** factorise a table into parts that are only ever added, derive the multiplicative update in two ways and say why it never makes things worse, tell what is unique about the answer and what is not, fill in missing ratings without pretending that they are zeros, judge a recommender against the baselines it must beat, and read the topics of a novel off a table of counts.
#
# **Time:** 120 minutes to work through; it runs in about 40 seconds. **You need:** matrices, derivatives, and [notebook 01](01_pca_usarrests.ipynb) on PCA and the SVD. **It follows** the slides *Factorization for tabular X* of the generative AI deck, in their notation: $X \approx \hat X = WH$, rows are users. The majoriser, the missing entries, the counterexamples and both data sets are ours.
#
# Every line that starts with ✓ is a claim that was computed just now, on your machine. A bound names the control that fails it.

# %%
import numpy as np

from coursekit import data, factorization, pca, plots
from coursekit.checks import check
from coursekit.factorization import NMF, explorers, pictures
from coursekit.plots import show

plots.use_course_style()
rng = np.random.default_rng(4)

# %% [markdown] slide="slide" says="Each image is four limbs, added. Can a method that sees only whole swimmers find the limbs?"
# ## 1 · What is a picture made of?
#
# **Question.** Here are some swimmers. Each has four limbs, each limb has four positions, and all $4^4 = 256$ combinations occur. You see the pattern at once: an image is the *sum* of four limbs. Could a method find the limbs if all it ever sees is whole swimmers?

# %%
images, limbs = factorization.swimmer()  # (256, 260) and (16, 260), zeros and ones
shape = (20, 13)
some = images[[0, 27, 57, 78, 114, 141, 180, 216, 255]]
show(
    pictures.parts_strip(some, shape, title="nine of the 256 swimmers"),
    alt="Nine line drawings, each with four short strokes: two arms at the top and two legs at the bottom, "
    "pointing in different directions.",
)

# %% [markdown]
# Write the 256 images as the rows of a table $X$ of shape $(n, p)$. A **factorisation** looks for two smaller tables,
#
# $$X \;\approx\; \hat X = W H, \qquad W\ (n, k), \quad H\ (k, p).$$
#
# The rows of $H$ are $k$ **parts**, images themselves. Row $i$ of $W$ says how much of each part goes into image $i$.
#
# Notebook 01 has an answer already: the singular value decomposition is the best factorisation of every rank. Let us ask it.
#
# <details><summary><b>Predict before you run:</b> how many directions does the SVD need to rebuild all swimmers exactly? Sixteen, one per limb position?</summary>
#
# Thirteen. Exactly one position of each limb is present in every image. So once you know three of the four amounts, you know the fourth: three free numbers for each of four limbs, and one constant. That is $4 \times 3 + 1 = 13$.
# </details>

# %%
U, singular, Vt = np.linalg.svd(images, full_matrices=False)
rebuilt = U[:, :13] * singular[:13] @ Vt[:13]
check("the SVD rebuilds every swimmer from 13 directions", rebuilt, images, atol=1e-9)
check("sixteen limbs rebuild them too", (images @ limbs.T / 4) @ limbs, images, atol=1e-12)
print("limbs among the 13 directions:", factorization.parts_found(Vt[:13], limbs))

# %%
show(
    pictures.signed_and_positive(
        Vt[:13], limbs, shape, n_columns=16,
        titles=("13 singular directions: red adds, blue takes away", "16 limbs"),
    ),
    alt="Top row: thirteen singular directions, each a red and blue pattern spread over several limbs at once. "
    "Bottom row: the sixteen single limbs.",
)  # fmt: skip

# %% [markdown]
# Both are exact, and the SVD needs fewer numbers. Yet none of its directions is a limb: each is a blend of many, with red ink here and blue ink there, and the blends come out right only because what one adds, another takes away again. A swimmer with minus half an arm does not exist. So let us forbid it:
#
# $$\min_{W \ge 0,\; H \ge 0} \; \lVert X - WH \rVert_F .$$
#
# This is **non-negative matrix factorisation**, NMF. Nothing can cancel any more; parts can only be added.

# %% [markdown] slide="slide"
# ## 2 · An update that cannot go below zero
#
# **How do you minimise under a sign constraint?** Start with the slope. With $F = \tfrac12 \lVert X - WH\rVert_F^2$,
#
# $$\frac{\partial F}{\partial W} = (WH - X) H^\top = \underbrace{W H H^\top}_{\text{pulls down}} \;-\; \underbrace{X H^\top}_{\text{pushes up}} .$$
#
# Both terms are non-negative: the slope is a difference of two non-negative tables. (The deck writes the norm without the square. The minimiser is the same, because the square root is increasing; its slope is this one divided by $\lVert X - WH\rVert_F$.)

# %%
X = rng.gamma(1, size=(30, 4)) @ rng.gamma(1, size=(4, 20)) + rng.uniform(size=(30, 20))
W, H = rng.uniform(0.1, 2, (30, 4)), rng.uniform(0.1, 2, (4, 20))


def half_square(W):
    return 0.5 * ((X - W @ H) ** 2).sum()


slope = W @ H @ H.T - X @ H.T
D, h = rng.normal(size=W.shape), 1e-4  # any direction
measured = (half_square(W + h * D) - half_square(W - h * D)) / (2 * h)
check("slope of F along a random direction", measured, (slope * D).sum(), rtol=1e-8)
norms = [np.sqrt(2 * half_square(W + s * h * D)) for s in (1, -1)]
expected = (slope * D).sum() / np.linalg.norm(X - W @ H)
check("the un-squared norm: the same slope, rescaled", (norms[0] - norms[1]) / (2 * h),
      expected, rtol=1e-7)  # fmt: skip

# %% [markdown] slide="subslide"
# A gradient step $W - \eta\,(W H H^\top - X H^\top)$ may overshoot below zero. But $\eta$ need not be a single number. Give every entry of $W$ a step length of its own, chosen so that the two terms that could do harm cancel:
#
# $$\eta = \frac{W}{W H H^\top}\ \text{(entry by entry)}: \qquad W - \eta * W H H^\top + \eta * X H^\top \;=\; W * \frac{X H^\top}{W H H^\top} .$$
#
# What remains is a product of non-negative tables ($*$ and the fraction bar act entry by entry). This is Lee and Seung's **multiplicative update**. Where the push exceeds the pull, the entry grows; where they balance, the factor is 1 and the entry rests. $H$ gets the same treatment, because $X^\top \approx H^\top W^\top$ is the same problem with the roles swapped.


# %% tags=["slide-code"]
def update(X, W, H):
    """One round of multiplicative updates: W first, then H with the new W."""
    W = W * (X @ H.T) / (W @ H @ H.T)
    H = H * (W.T @ X) / (W.T @ W @ H)
    return W, H


step_lengths = W / (W @ H @ H.T)
check("the update is a gradient step with lengths W / WHH'", update(X, W, H)[0],
      W - step_lengths * slope, rtol=1e-12)  # fmt: skip

# %% [markdown]
# Two lines, and no step length to tune. Two hundred rounds by hand, beside the package and scikit-learn, from the same start:

# %%
from sklearn.decomposition import NMF as OtherNMF

W_hand, H_hand = W, H
for _ in range(200):
    W_hand, H_hand = update(X, W_hand, H_hand)
model = NMF(4, max_iter=200, tol=0)
W_model = model.fit_transform(X, W=W, H=H)
other = OtherNMF(4, init="custom", solver="mu", max_iter=200, tol=0)
W_other = other.fit_transform(X, W=W.copy(), H=H.copy())
check("W: by hand = coursekit", W_hand, W_model, rtol=1e-9)
check("H: by hand = coursekit", H_hand, model.components_, rtol=1e-9)
check("W and H: coursekit = scikit-learn", np.vstack([W_model, model.components_.T]),
      np.vstack([W_other, other.components_.T]), rtol=1e-9)  # fmt: skip

# %% [markdown] slide="subslide"
# Back to the pool. We start from five random pairs $W, H$ and count the limbs found: a limb counts if some part points in its direction with a cosine of at least .99.

# %% tags=["nbval-ignore-output"]
runs = [NMF(16, max_iter=400, tol=0, random_state=seed).fit(images) for seed in range(5)]
found = [factorization.parts_found(run.components_, limbs) for run in runs]
for seed, (run, n) in enumerate(zip(runs, found, strict=True)):
    print(f"start {seed}: {n:2} of 16 limbs, F = {run.objective_[-1]:.3f}")

# %%
best = min(runs, key=lambda run: run.objective_[-1])
worst = max(runs, key=lambda run: run.objective_[-1])
check("the best of five starts finds all 16 limbs", max(found), 16, relation=">=",
      control={"the SVD's directions": factorization.parts_found(Vt[:16], limbs)})  # fmt: skip
check("the best of five starts has next to no error", best.objective_[-1], 0.1,
      relation="<=", control={"the worst of them": worst.objective_[-1]})  # fmt: skip
show(
    [pictures.parts_strip(run.components_, shape, n_columns=16, title=title)
     for run, title in ((best, "the best start: 16 limbs"),
                        (worst, "the worst start: some limbs twice, others blended"))],
    alt="Two rows of sixteen parts. In the first each part is one clean limb. In the second most parts are limbs, "
    "but a few show two limbs at once or repeat one.",
)  # fmt: skip

# %% [markdown]
# Nothing was said about limbs, and there they are, one per part. But look at the second row: another start settled in a place where a few parts are blends, and no further update gets it out. Keep that in mind until section 5.

# %% [markdown] slide="slide" says="Replace the quadratic by a simpler one that lies above it and touches it here. Jump to its lowest point: the objective goes down too."
# ## 3 · Why it never makes things worse
#
# **Question.** A gradient step with a long step length can overshoot. These step lengths were chosen for their signs, not for their size. Why should the objective fall?
#
# **Intuition.** You stand in a dark valley. Someone hands you a bowl that lies nowhere below the ground and touches it exactly where you stand. Walk to the bottom of the bowl: you go down by the bowl, and the ground there is lower still. Such a bowl is called a *majoriser*.
#
# **Formula.** Take one row $x$ of $X$ and its row $w$ of $W$. Write $A = HH^\top$ and let $g$ be the slope at the present $w'$. The objective is quadratic, so it equals its second-order expansion:
#
# $$F(w) = F(w') + (w - w')\,g + \tfrac12 (w-w')\, A\, (w-w')^\top .$$
#
# $A$ couples the entries of $w$, which is what makes the minimum awkward. Replace it by a *diagonal* matrix with entries $K_{aa} = (w'A)_a / w'_a$, and call the result $G(w)$. Three things have to be true.
#
# 1. $G(w') = F(w')$: the two agree where we stand, because the quadratic term vanishes there.
# 2. $G \ge F$ everywhere. The difference is $\tfrac12 v (K - A) v^\top$ with $v = w - w'$. Put $v_a = w'_a u_a$ and collect the terms in pairs: $v(K-A)v^\top = \tfrac12 \sum_{a,b} w'_a A_{ab} w'_b\,(u_a - u_b)^2$. All of $w'$ and $A$ is non-negative, so this is too.
# 3. The lowest point of $G$ is the update. $K$ is diagonal, so each entry is minimised alone, at $w_a = w'_a - g_a / K_{aa}$. With $g = w'A - xH^\top$ this is $w'_a\,(xH^\top)_a / (w'A)_a$.
#
# Then $F(\text{new}) \le G(\text{new}) \le G(w') = F(w')$.

# %%
x, w = X[0], W[0]
A = H @ H.T
K = np.diag((w @ A) / w)
g = w @ A - x @ H.T


def objective(v):
    return 0.5 * ((x - v @ H) ** 2).sum()


def bowl(v):
    return objective(w) + (v - w) @ g + 0.5 * (v - w) @ K @ (v - w)


# %%
u = rng.normal(size=4)
pairs = 0.5 * (np.outer(w, w) * A * (u[:, None] - u) ** 2).sum()
check("v (K - A) v' is a sum of squares over pairs", (w * u) @ (K - A) @ (w * u), pairs,
      rtol=1e-10)  # fmt: skip
points = rng.uniform(0, 3, (1000, 4))
check("the bowl is nowhere below the objective", [bowl(v) for v in points],
      [objective(v) for v in points], relation=">=", theorem="K - A is a sum of squares")  # fmt: skip
lowest = w - g / np.diag(K)
check("the bottom of the bowl is the update", lowest, update(X, W, H)[0][0], rtol=1e-12)

# %%
line = np.linspace(0.02, 2.6, 200)
along = [np.r_[value, w[1:]] for value in line]  # move the first entry only
values = [objective(w), objective(np.r_[lowest[0], w[1:]])]
show(
    pictures.majoriser(line, np.array([objective(v) for v in along]),
                       np.array([bowl(v) for v in along]), w[0], lowest[0], values),
    alt="Two curves over one entry of W. The steeper, the bound, touches the flatter, the objective, at the point "
    "marked now. The bound's lowest point, marked next, is lower on the objective too.",
)  # fmt: skip

# %% [markdown]
# The bowl is steeper than the ground, so its bottom comes early: the update is safe because it is *shy*. Safety has a price, as the digits will show.

# %% [markdown] slide="slide"
# ## 4 · Digits, and a faster way down
#
# The 1797 digits of notebook 01, 64 pixels each, now from 16 parts. Beside the multiplicative update we try a second rule. Fix everything but *one column* of $W$. What is left is a least-squares problem in one unknown per row, and its answer is known in closed form:
#
# $$W_{:k} \leftarrow \max\!\Big(0,\; W_{:k} + \frac{(XH^\top - WHH^\top)_{:k}}{(HH^\top)_{kk}}\Big).$$
#
# No bowl is needed, since along one entry the parabola itself is easy. One column after another, then the rows of $H$: this is **HALS**, hierarchical alternating least squares. scikit-learn calls it coordinate descent.

# %%
digits = data.digits()
pixels = digits.x
slow = [NMF(16, max_iter=200, tol=0, random_state=s).fit(pixels) for s in range(3)]
fast = [NMF(16, solver="hals", max_iter=200, tol=0, random_state=s).fit(pixels) for s in range(3)]
tail = 0.5 * (np.linalg.svd(pixels, compute_uv=False)[16:] ** 2).sum()

# %%
start = factorization.random_start(pixels, 16, 0)
other = OtherNMF(16, init="custom", solver="cd", max_iter=50, tol=0)
W_other = other.fit_transform(pixels, W=start[0].copy(), H=start[1].copy())
W_ours = NMF(16, solver="hals", max_iter=50, tol=0).fit_transform(pixels, W=start[0], H=start[1])
check("HALS = scikit-learn's coordinate descent", W_ours, W_other, rtol=1e-6, atol=1e-9)
histories = np.array([run.objective_ for run in slow + fast])
check("neither rule ever rises", np.diff(histories) / tail, 1e-12, relation="<=",
      theorem="a majoriser; an exact minimum along each column")  # fmt: skip
check("no factorisation beats the SVD's", histories[:, -1], tail, relation=">=",
      theorem="Eckart and Young")  # fmt: skip
check("50 steps of HALS beat 200 multiplicative ones, three starts",
      histories[3:, 50], histories[:3, 200], relation="<=",
      control={"50 multiplicative steps": histories[:3, 50]})  # fmt: skip
print(f"error after 200 steps of HALS / error of the SVD: {histories[3:, -1].mean() / tail:.1f}")

# %%
show(
    pictures.falling(
        {"multiplicative": (histories[0], "data"), "HALS": (histories[3], "model")},
        floor=tail, floor_label="SVD of rank 16: signs allowed",
        title="HALS falls faster; neither reaches what signs would allow", ylabel="F", log=True,
    ),
    alt="The objective on a logarithmic scale over 200 steps. The multiplicative curve falls slowly, the curve of "
    "HALS drops within twenty steps and flattens out above a dotted line, the error of the SVD.",
)  # fmt: skip

# %% [markdown]
# The dotted line is the best that any rank 16 can do. The gap above it is what the ban on minus signs costs, and it buys parts one can look at:

# %%
principal = pca.PCA(16).fit(pixels).components_
show(
    pictures.signed_and_positive(
        principal, fast[0].components_, digits.image_shape, n_columns=8,
        titles=("16 principal components: red adds ink, blue removes it", "16 non-negative parts"),
    ),
    alt="Top: sixteen principal components of the digits, red and blue waves that cover the whole image. Bottom: "
    "sixteen non-negative parts, most of them a single stroke, arc or dot in one place.",
)  # fmt: skip


# %%
def share_of_pixels(parts):
    """Mean share of pixels that hold at least a tenth of a part's largest entry."""
    return (np.abs(parts) >= 0.1 * np.abs(parts).max(axis=1, keepdims=True)).mean()


check("a part covers at most half of the pixels", share_of_pixels(fast[0].components_), 0.5,
      relation="<=", control={"principal components": share_of_pixels(principal)})  # fmt: skip
eight = 8  # row 8 of the table happens to show an eight
show(
    pictures.sum_of_parts(pixels[eight], fast[0].components_, fast[0].W_[eight], digits.image_shape),
    alt="The digit eight built up from left to right: each column adds one part, a stroke or an arc, to the sum so "
    "far; the sum of all parts looks like the digit at the end.",
)  # fmt: skip

# %% [markdown]
# Most parts are strokes in one place, and an image is a short list of strokes. That is the promise of Lee and Seung's title, *learning the parts of objects*. It is a tendency, not a law: nothing in the objective asks for small parts.
#
# **Are we at a minimum?** With a sign constraint the slope need not vanish. At a minimum an entry is either positive, and then its slope is 0, or it is 0, and then its slope must not be negative (or it would grow). These are the **Karush-Kuhn-Tucker conditions**, and one formula holds both: $\min(\text{slope}, W) = 0$ in every entry.


# %%
def violation(W, H):
    """How far the KKT conditions are from holding: root mean square of min(slope, factor)."""
    residual = W @ H - pixels
    parts = np.minimum(residual @ H.T, W), np.minimum(W.T @ residual, H)
    return np.sqrt(sum((part**2).mean() for part in parts))


at_start = violation(*start)
by_hals = [violation(run.W_, run.components_) / at_start for run in fast]
by_mu = [violation(run.W_, run.components_) / at_start for run in slow]
check("HALS: 99.6 % of the violation is gone, three starts", by_hals, 0.004, relation="<=",
      control={"multiplicative, as many steps": by_mu})  # fmt: skip

# %% [markdown]
# Close, and not there yet: the shy bowls leave the multiplicative rule further away after as many steps. "Converged" is a claim to check, and a flat curve is no proof of it.

# %% [markdown] slide="slide" says="Scaling. A torso that every limb can carry. A valley with several bottoms. A table whose rank lies."
# ## 5 · What the answer does not tell you
#
# **Question.** Suppose two people factorise the same table and get different parts. Must one of them be wrong?
#
# **Scaling.** No. Double a part and halve its amounts: the product is the same. For any diagonal $D$ with positive entries, $WH = (WD)(D^{-1}H)$. The size of a part means nothing by itself, so we compare directions. Order means nothing either.
#
# **A ghost.** Give every swimmer a torso. Now there are 17 parts, the limbs and the torso, and the table is still exact. Are they found?
#
# <details><summary><b>Predict before you run:</b> the torso is in every image. What else is in every image?</summary>
#
# One of the four positions of the left arm. So paint the torso on all four of them: every swimmer still gets it exactly once. The table is rebuilt with a *ghost* of the torso on four limbs, and the torso itself is not even needed.
# </details>

# %%
bodies, all_parts = factorization.swimmer(torso=True)  # (256, 260) and (17, 260)
W_true = np.hstack([images @ limbs.T / 4, np.ones((256, 1))])
scale = rng.uniform(0.2, 5, 17)
check("scaling: (WD)(D^-1 H) = WH", (W_true * scale) @ (all_parts / scale[:, None]), bodies, atol=1e-12)
haunted = all_parts[:16].copy()
haunted[:4] += all_parts[16]  # the torso, painted on the four positions of one limb
check("16 parts, four of them with a ghost, are exact too", W_true[:, :16] @ haunted, bodies, atol=1e-12)

# %%
ghosts = [NMF(17, solver="hals", max_iter=400, tol=0, random_state=s).fit(bodies) for s in (0, 2)]
check("two starts, both exact", [run.reconstruct() for run in ghosts], [bodies, bodies], atol=1e-4)
clean = [factorization.parts_found(run.components_, all_parts) for run in ghosts]
check("neither finds all 17 parts", clean, 16, relation="<=",
      control={"the swimmer without a torso, all limbs": 1 + factorization.parts_found(
          NMF(16, solver="hals", tol=0, random_state=0).fit(images).components_, limbs)})  # fmt: skip
show(
    pictures.parts_strip(ghosts[0].components_, shape, n_columns=9,
                         title="exact, and yet not the parts: the torso haunts the limbs"),
    alt="Seventeen parts. Some are clean limbs, several limbs carry a grey or black vertical line, the torso, "
    "beside them.",
)  # fmt: skip

# %% [markdown]
# The error is zero, and the parts are not "the" parts. Without a torso each limb has pixels of its own and is sometimes absent, and a theorem of Donoho and Stodden then says that the answer is unique (we do not prove it here). With the torso its condition fails. On real data we hardly ever know, so other starts are the test.

# %% [markdown] slide="subslide"
# **A valley with several bottoms.** With $H$ fixed the problem is convex in $W$, and the other way round. In both together it is not. The proof takes one line: swap the parts of a perfect answer, and you have another perfect answer. If the problem were convex, every point between the two would be perfect too.

# %%
order = rng.permutation(16)
halfway = (W_true[:, :16] + W_true[:, :16][:, order]) / 2 @ (limbs + limbs[order]) / 2
ends = [((images - W_true[:, :16][:, o] @ limbs[o]) ** 2).sum() for o in (np.arange(16), order)]
check("halfway between two perfect answers the error is large",
      ((images - halfway) ** 2).sum(), 1.0, relation=">=", control={"the ends": ends})  # fmt: skip

# %% [markdown]
# **Rank is not what it was.** The SVD needs as many directions as the matrix has independent rows. Non-negative parts may need more. The smallest example is a 4 × 4 table of zeros and ones. Its rank is 3: the first row plus the last equals the second plus the third. We try forty starts with three parts, then one with four.

# %%
square = np.array([[1.0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 1]])
forty = [NMF(3, solver="hals", max_iter=500, tol=0, random_state=s).fit(square) for s in range(40)]
least = min(2 * run.objective_[-1] for run in forty)
four = NMF(4, solver="hals", max_iter=500, tol=0, random_state=0).fit(square)
check("its rank is 3", np.linalg.matrix_rank(square), 3)
ones = [(0, 0), (1, 2), (2, 1), (3, 3)]
crossings = [min(square[i, v], square[j, u]) for i, u in ones for j, v in ones if i != j]
check("any two of the four chosen ones have a zero where they cross", crossings, 0.0)
check("four non-negative parts rebuild it", four.reconstruct(), square, atol=1e-6)
check("three never do: the best squared error of 40 starts is 2 - sqrt 2", least,
      2 - np.sqrt(2), atol=1e-6)  # fmt: skip

# %% [markdown]
# Forty starts are no proof that 3 is too few, but the line before is one. Take the ones at row 1 column 1, row 2 column 3, row 3 column 2 and row 4 column 4. A part with ink at two of those places, in the rows that use it, has ink at the two places where their rows and columns cross as well, and one of these is a zero of the table. So each of the four needs a part of its own: the **non-negative rank** is 4. (That the best error with three is exactly $2 - \sqrt 2$ is what forty starts suggest, and we prove nothing more.)

# %% [markdown] slide="slide" says="A blank is not a no. Leave what was not observed out of every sum."
# ## 6 · Missing is not zero
#
# **Question.** Now let the rows of $X$ be people, the columns things, and the entries *ratings*. Most people have not rated most things. What do you write into the blanks?
#
# The deck's recommender factorises a full table. It is tempting to fill the blanks with zeros and go ahead. But a zero says "I hated it", and a blank says nothing. So leave the blanks out. With $M_{ij} = 1$ where a rating was observed and 0 elsewhere, minimise
#
# $$F = \tfrac12 \sum_{i,j} M_{ij}\,\big(X_{ij} - (WH)_{ij}\big)^2 .$$
#
# The derivation of section 2 goes through word for word, with $M * X$ for $X$ and $M * (WH)$ for $WH$:
#
# $$W \leftarrow W * \frac{(M * X)\,H^\top}{(M * WH)\,H^\top}, \qquad H \leftarrow H * \frac{W^\top (M * X)}{W^\top (M * WH)} .$$


# %% tags=["slide-code"]
def masked_update(X, M, W, H):
    """One round over the observed entries: M (n, p) is 1 there and 0 elsewhere."""
    W = W * ((M * X) @ H.T) / ((M * (W @ H)) @ H.T)
    H = H * (W.T @ (M * X)) / (W.T @ (M * (W @ H)))
    return W, H


# %%
M = (rng.uniform(size=X.shape) < 0.6).astype(float)  # blanks in the table of section 2
zeros, nonsense = np.where(M == 1, X, 0.0), np.where(M == 1, X, 99.0)
forgotten = W * ((M * X) @ H.T) / ((W @ H) @ H.T)  # the slip: no M below the bar
check("whatever is written into a blank changes nothing", masked_update(nonsense, M, W, H)[0],
      masked_update(zeros, M, W, H)[0],
      control={"M forgotten in the denominator": forgotten})  # fmt: skip
W_hand, H_hand = W, H
for _ in range(100):
    W_hand, H_hand = masked_update(X, M, W_hand, H_hand)
model = NMF(4, max_iter=100, tol=0)
model.fit_transform(np.where(M == 1, X, np.nan), W=W, H=H)  # NaN marks a blank
check("by hand = coursekit, with NaN for a blank", W_hand @ H_hand, model.reconstruct(), rtol=1e-9)

# %% [markdown]
# In the package there is no mask to pass: a `NaN` *is* the mask. (scikit-learn's NMF refuses NaN; the request for it has been open since 2017.)
#
# **The data.** 3893 people were asked how they feel, with 75 words such as *sleepy* or *cheerful*, from 0, not at all, to 3, very much. Not every study asked for every word, so there are blanks already. To have a truth to compare with, we hide a fifth of the answers.

# %%
moods = data.moods()
answers, words = moods.x, moods.feature_names
learned, hidden = factorization.hold_out(answers, 0.2, rng=0)  # NaN where hidden; and where that is
print(f"{np.isnan(answers).mean():.1%} blank, {hidden.sum()} answers hidden")
for name, table in (("the first person", answers[0]), ("the same, as we learn from it", learned[0])):
    print(f"{name:30}", " ".join("." if np.isnan(v) else f"{v:.0f}" for v in table[:30]))

# %%
with_blanks = NMF(6, max_iter=60, tol=0, random_state=0).fit(learned).reconstruct()
with_zeros = NMF(6, max_iter=60, tol=0, random_state=0).fit(np.nan_to_num(learned)).reconstruct()
truth = answers[hidden]
means = {name: [table[hidden][truth == level].mean() for level in range(4)]
         for name, table in (("blanks", with_blanks), ("zeros", with_zeros))}  # fmt: skip
show(
    pictures.predicted_by_true(np.arange(4), {"blanks left out": (means["blanks"], "model"),
                                              "blanks as zeros": (means["zeros"], "wrong")},
                               title="zeros in the blanks pull every prediction down"),
    alt="Mean prediction against the hidden answer, 0 to 3. The line for blanks left out rises close to the "
    "dotted diagonal, above it at 0 and below it at 3; the line for zeros lies below it everywhere.",
)  # fmt: skip
check("blanks left out: the mean prediction is within 4 % of the mean answer",
      abs(with_blanks[hidden].mean() / truth.mean() - 1), 0.04, relation="<=",
      control={"blanks as zeros": abs(with_zeros[hidden].mean() / truth.mean() - 1)})  # fmt: skip

# %% [markdown]
# Both lines are flatter than the diagonal, as any cautious prediction is. But the red one is also too low throughout: a fifth of what it learned from were zeros that no one ever said.

# %% [markdown] slide="slide" says="How many factors? And against whom? Hide a fifth of the answers, three times, and let the rivals play too."
# ## 7 · Recommend the next word
#
# **Question.** How many factors, and how good is it? A small error is nothing to be proud of before one has seen what a simple rule gets. So the rivals play too, each at its best rank:
#
# - the mean answer to the word;
# - **person and word biases**, $\mu + b_i + c_j$: some people tick high, some words are ticked often;
# - the SVD of the table with zeros in the blanks;
# - the SVD of what the biases leave over. There a zero in a blank is harmless: it says "as the biases predict".

# %%
ranks = (1, 2, 4, 6, 8, 12)
splits = [factorization.hold_out(answers, 0.2, rng=seed) for seed in range(3)]
fits = [{k: NMF(k, max_iter=60, tol=0, random_state=0).fit(table) for k in ranks}
        for table, _ in splits]  # fmt: skip
tables = [{k: model.reconstruct() for k, model in fit.items()} for fit in fits]
errors = np.array([[factorization.rmse(predicted[k], answers, gone) for predicted, (_, gone) in
                    zip(tables, splits, strict=True)] for k in ranks])  # fmt: skip


# %%
def truncated(table):
    """Rank -> best approximation of a full table of that rank."""
    U, S, Vt = np.linalg.svd(table, full_matrices=False)
    return {k: U[:, :k] * S[:k] @ Vt[:k] for k in ranks}


rivals = {"word means": [], "biases": [], "SVD, zeros": [], "biases, then SVD": []}
for table, gone in splits:
    biases = factorization.Biases(ridge=2).fit(table).reconstruct()
    left_over = np.where(np.isnan(table), 0, table - biases)
    guesses = {
        "word means": [np.nanmean(table, axis=0) + np.zeros(answers.shape)],
        "biases": [biases],
        "SVD, zeros": list(truncated(np.nan_to_num(table)).values()),
        "biases, then SVD": [biases + rest for rest in truncated(left_over).values()],
    }
    for name, several in guesses.items():
        rivals[name].append(min(factorization.rmse(g, answers, gone) for g in several))

# %% tags=["nbval-ignore-output"]
for name, values in [*rivals.items(), *((f"NMF {k}", e) for k, e in zip(ranks, errors, strict=True))]:
    print(f"{name:17} {np.mean(values):.3f} ± {np.std(values):.3f}")

# %%
levels = {name: (np.mean(values), "data") for name, values in rivals.items()}
show(
    pictures.error_by_rank(ranks, {"NMF": (errors, "model")}, levels, ylim=(0.55, 0.85),
                           title="six factors predict hidden answers best; then the error rises again"),
    alt="Held-out error against the number of factors. NMF falls from about .77 at one factor to below .6 at six "
    "and rises to .61 at twelve. Dotted lines: word means near .81, biases near .78, SVD with zeros near .67, "
    "biases then SVD just below .6.",
)  # fmt: skip
six = ranks.index(6)
check("six factors: held-out error at most .60, three splits", errors[six], 0.60, relation="<=",
      control={name: rivals[name] for name in ("biases", "SVD, zeros")})  # fmt: skip
check("the SVD of what the biases leave comes within .01 of it",
      np.array(rivals["biases, then SVD"]) - errors[six], 0.01, relation="<=",
      control={"the SVD with zeros": np.array(rivals["SVD, zeros"]) - errors[six]})  # fmt: skip

# %% [markdown]
# Two lessons in one picture. Against the biases the factors win clearly: people do not only tick high or low, they are in different *moods*. But look at the lowest dotted line. A single SVD, on top of the biases, does almost as well in a fraction of the time. What ruined the other SVD was not its signs; it was the zeros. The non-negative factors are worth having because one can read them, as we shall see in a moment.
#
# And the curve turns up. On the answers the model learns from, more factors always help; on the hidden ones, they stop helping:

# %%
seen = [~np.isnan(table) for table, _ in splits]
trained = np.array([[factorization.rmse(predicted[k], answers, there) for predicted, there in
                     zip(tables, seen, strict=True)] for k in ranks])  # fmt: skip
check("from 6 to 12 factors the held-out error rises, three splits", errors[-1] - errors[six],
      0.01, relation=">=",
      control={"on the answers learned from": trained[-1] - trained[six]})  # fmt: skip
longer = NMF(12, max_iter=180, tol=0, random_state=0).fit(learned).reconstruct()
check("twelve factors, three times the steps: worse still",
      factorization.rmse(longer, answers, hidden), errors[-1, 0], relation=">=",
      control={"on the answers learned from": factorization.rmse(longer, answers, seen[0])})  # fmt: skip

# %% [markdown] slide="subslide"
# Choose the number of factors yourself. On the right is the person whose hidden answers differ most from each other.

# %% tags=["nbval-ignore-output"]
spread = [row[gone].var() if gone.sum() >= 12 else 0
          for row, gone in zip(answers, hidden, strict=True)]  # fmt: skip
person = int(np.argmax(spread))
choices = explorers.person_fits(tables[0], answers, hidden, person, words)
explorers.rank_explorer(choices)

# %%
from functools import partial

from coursekit import widgets

widgets.static_frames(
    partial(explorers.rank_frame, choices),
    [{"rank": 1}, {"rank": 6}, {"rank": 12}],
    alt="Three positions of the explorer. With one factor the predictions for the person crowd in the middle; with "
    "six most of them move towards the answers; with twelve the error trained on is lowest and the held-out "
    "error is up again.",
)

# %% [markdown]
# With one factor all this model can say is "ticks high" or "ticks low", so its predictions crowd in the middle. With six most of them move to the right side. With twelve the grey curve is at its lowest, and the blue one has left its minimum.
#
# **A recommendation.** The deck reads the next thing to recommend off the row $\hat X_{i,:}$: the entry with the largest prediction among those not rated yet. For each person we take the hidden word with the largest prediction, and look up what they really answered.

# %%
rows = np.flatnonzero(hidden.any(axis=1))


def answer_to_the_best(scores):
    """Mean true answer to the hidden word that each person is recommended."""
    best = np.where(hidden, scores, -1).argmax(axis=1)
    return answers[rows, best[rows]].mean()


popular = np.nanmean(learned, axis=0) + np.zeros(answers.shape)
recommended = answer_to_the_best(tables[0][6])
check("the recommended word is answered with 1.8 or more on average", recommended, 1.8, relation=">=",
      control={"the most popular word": answer_to_the_best(popular),
               "a random word": answer_to_the_best(rng.uniform(size=answers.shape))})  # fmt: skip
print(f"of 3: recommended {recommended:.1f}, popular {answer_to_the_best(popular):.1f}")

# %% [markdown] slide="subslide"
# **The factors name themselves.** Nothing was said about moods, only numbers in a table. Here are the words that each of the six factors holds most of.

# %%
six_factors = fits[0][6].components_
show(
    pictures.factor_words(six_factors, words, title="six factors, and the words they hold most of"),
    alt="Six small bar charts of words. Frustrated, distressed, tense; full of pep, energetic, lively; content, "
    "warmhearted, satisfied; sleepy, tired, drowsy; at rest, calm, quiet; alert, wakeful, attentive.",
)
unit = six_factors / np.linalg.norm(six_factors, axis=1, keepdims=True)
twins = []
for seed in (1, 2):
    again = NMF(6, max_iter=60, tol=0, random_state=seed).fit(learned).components_
    twins.append((unit @ (again / np.linalg.norm(again, axis=1, keepdims=True)).T).max(axis=1))
shuffled = (unit @ rng.permutation(unit, axis=1).T).max(axis=1)
check("two other starts: every factor has a twin, cosine at least .8", twins, 0.8, relation=">=",
      control={"words shuffled": [shuffled, shuffled]})  # fmt: skip

# %% [markdown]
# Tense, energetic, content, sleepy, calm, alert: psychologists would recognise the list. After section 5 we do not take it on trust, so two other starts had to find the same six. They did, give or take some words, and the names we give them remain ours.

# %% [markdown] slide="slide"
# ## 8 · Where the factors lose
#
# One data set proves little. Here is another, with exactly the shape that the deck draws: 2972 students of ETH Zurich rate 1128 lecturers from 1 to 5, and almost every entry is blank. The same programme: three splits, the same rivals, and for the largest model three times the steps as well.

# %%
student, lecturer, rating = data.lecturers().x.T
Y = np.full((student.max() + 1, lecturer.max() + 1), np.nan)
Y[student, lecturer] = rating
print(f"lecturers: {(~np.isnan(Y)).mean():.1%} observed, {len(rating) / len(Y):.0f} ratings per student")
given = ~np.isnan(answers)
print(f"moods:     {given.mean():.1%} observed, {given.sum() / len(given):.0f} answers per person")

# %%
from scipy.sparse import csr_array
from scipy.sparse.linalg import svds

methods = {"the mean": [], "biases": [], "biases, then SVD of rank 2": [], "NMF 1": [], "NMF 2": [],
           "NMF 8": [], "NMF 8, three times the steps": []}  # fmt: skip
for seed in range(3):
    table, gone = factorization.hold_out(Y, 0.2, rng=seed)
    biases = factorization.Biases(ridge=5).fit(table).reconstruct()
    U, S, Vt = svds(csr_array(np.where(np.isnan(table), 0, table - biases)), 2, random_state=0)
    guesses = [np.full(Y.shape, np.nanmean(table)), biases, biases + U * S @ Vt]
    for k, steps in ((1, 30), (2, 30), (8, 30), (8, 90)):
        guesses.append(NMF(k, max_iter=steps, tol=0, random_state=0).fit(table).reconstruct())
    for values, guess in zip(methods.values(), guesses, strict=True):
        values.append(factorization.rmse(guess, Y, gone))

# %%
show(
    pictures.ratings_by_method(list(methods), list(methods.values()), xlabel="held-out error (RMSE), three splits",
                               title="lecturers: nothing beats the biases, and more factors do harm"),
    alt="Held-out errors of seven methods. Biases and biases then SVD are lowest, near 1.2; one factor is close "
    "behind; the mean is at 1.33; eight factors are beyond 1.4, and with three times the steps beyond 1.5.",
)  # fmt: skip
lost = {name: methods[name] for name in ("the mean", "NMF 1", "NMF 2", "NMF 8")}
check("biases: held-out error at most 1.21, three splits", methods["biases"], 1.21,
      relation="<=", control=lost)  # fmt: skip
check("three times the steps make eight factors worse, three splits",
      methods["NMF 8, three times the steps"], methods["NMF 8"], relation=">=",
      control={"one factor": methods["NMF 1"]})  # fmt: skip

# %% [markdown]
# Here the factors lose, and eight of them are worse than predicting one number for everybody. A second SVD on top of the biases gains nothing either. Count what there is to learn from: after hiding a fifth, a student has about twenty ratings. Eight amounts per student fitted to twenty ratings memorise noise; six amounts fitted to fifty-odd answers do not. And perhaps there is little to find: whether a lecturer is good seems to be something that students largely agree on.
#
# So the order of work is: means, then biases, then factors, and each must beat the one before on ratings it has not seen.

# %% [markdown] slide="slide" says="For counts, the squared error is the wrong ruler. The right one has a multiplicative update too, and it is EM in disguise."
# ## 9 · Counts, and what a novel is about
#
# **Question.** How often does word $j$ occur in chapter $i$? Such tables hold zeros, ones and a few hundreds. The squared error thinks that 103 instead of 100 is as bad as 3 instead of 0. Is there a better ruler?
#
# A count is naturally *Poisson* with mean $(WH)_{ij}$: $p(x) = e^{-wh}\,(wh)^x / x!$. Its negative log-likelihood is, up to terms without $W$ and $H$, the **generalised Kullback-Leibler divergence**
#
# $$F = \sum_{i,j} \Big( x_{ij} \log \frac{x_{ij}}{(WH)_{ij}} - x_{ij} + (WH)_{ij} \Big), \qquad \frac{\partial F}{\partial W} = \mathbf 1 H^\top - \frac{X}{WH} H^\top .$$
#
# Again a pull minus a push, again the step length that cancels the pull:
#
# $$W \leftarrow W * \frac{(X / WH)\, H^\top}{\mathbf 1 H^\top} .$$

# %%
from scipy.stats import poisson

few = rng.poisson(2.0, (12, 9)).astype(float)
factors = [(rng.dirichlet(np.ones(3), 12), rng.dirichlet(np.ones(9), 3) * s) for s in (10, 25)]
likelihoods = [-poisson.logpmf(few, W @ H).sum() for W, H in factors]
divergences = [factorization.kullback_leibler(few, W, H) for W, H in factors]
check("Poisson likelihood and divergence differ by a constant", np.diff(likelihoods),
      np.diff(divergences), rtol=1e-9)  # fmt: skip

# %% [markdown]
# **It has an older name.** Suppose every word of chapter $i$ arises in two draws: a topic $k$ with probability $w_{ik}$, then a word $j$ with probability $h_{kj}$. This is *probabilistic latent semantic analysis*. Its EM algorithm asks which topic each word came from (E), then counts (M). Here is one round of it beside one multiplicative step for each factor, both from the same pair, and then normalised.

# %%
W, H = rng.dirichlet(np.ones(3), 12), rng.dirichlet(np.ones(9), 3)  # rows sum to 1
posterior = W[:, :, None] * H / (W @ H)[:, None]  # E: (chapter, topic, word), sums to 1 over topics
by_topic = few[:, None] * posterior
em_W, em_H = by_topic.sum(axis=2), by_topic.sum(axis=0)  # M: count
kl_W = W * ((few / (W @ H)) @ H.T) / H.sum(axis=1)
kl_H = H * (W.T @ (few / (W @ H))) / W.sum(axis=0)[:, None]
for name, left, right in (("topics of a chapter", em_W, kl_W), ("words of a topic", em_H, kl_H)):
    check(f"EM of PLSA = the multiplicative step: {name}", left / left.sum(axis=1, keepdims=True),
          right / right.sum(axis=1, keepdims=True), rtol=1e-10)  # fmt: skip
model = NMF(3, loss="kullback-leibler", max_iter=5, tol=0, random_state=0).fit(few)
by_squares = NMF(3, max_iter=5, tol=0, random_state=0).fit(few)
check("after every step, each word is predicted as often as it occurs",
      model.reconstruct().sum(axis=0), few.sum(axis=0), rtol=1e-10,
      control={"squared error": by_squares.reconstruct().sum(axis=0)})  # fmt: skip

# %% [markdown] slide="subslide"
# **Six novels.** Jane Austen's 269 chapters, a row each; the columns are the words that occur in at least twenty chapters, without *the*, *and* and their like. Twelve topics.

# %%
from sklearn.feature_extraction.text import CountVectorizer

chapters = data.austen().by_chapter()
counter = CountVectorizer(stop_words="english", min_df=20, token_pattern="[a-z]{3,}")
counts = counter.fit_transform(chapters.texts).toarray().astype(float)
vocabulary = counter.get_feature_names_out()
topics = [NMF(12, loss="kullback-leibler", max_iter=50, tol=0, random_state=s).fit(counts)
          for s in range(3)]  # fmt: skip
print(f"{counts.shape[0]} chapters, {counts.shape[1]} words, {counts.sum():.0f} occurrences")


# %%
def shares(model):
    """How a chapter's words divide among the topics (chapters, topics), rows sum to 1."""
    amounts = model.W_ * model.components_.sum(axis=1)  # the size of a part is put into its amount
    return amounts / amounts.sum(axis=1, keepdims=True)


share = shares(topics[0])
share_order = np.argsort(share.T @ np.arange(len(share)) / share.sum(axis=0))  # by where they peak
prob = topics[0].components_ / topics[0].components_.sum(axis=1, keepdims=True)
telling = prob * np.log(np.maximum(prob, 1e-12) * counts.sum() / counts.sum(axis=0))
labels = [", ".join(vocabulary[np.argsort(-telling[k])[:4]]) for k in share_order]
starts = [int(np.argmax(chapters.labels == novel)) for novel in range(6)]
show(
    pictures.topics_over_chapters(share.T[share_order], starts, chapters.label_names, labels,
                                  title="most topics are the people of one novel; a few run through all"),
    alt="A grid of twelve topics, named by their most telling words, against 269 chapters in six novels. Most "
    "topics are dark in one novel only and named after its characters; a few are pale and spread over all.",
)  # fmt: skip

# %% [markdown]
# Dark blocks are casts of characters: the table has noticed who meets whom. The pale rows that run through all six novels are the ones closest to what we would call a *topic*.
#
# Can the novel be told from the strongest topic alone? Give each topic to the novel that has most of its chapters, and count the chapters that this places rightly, the **purity**.


# %%
def purity(model, labels):
    """Share of chapters in the majority novel of their strongest topic."""
    strongest = shares(model).argmax(axis=1)
    return sum(np.bincount(labels[strongest == k]).max() for k in set(strongest)) / len(labels)


purities = [purity(model, chapters.labels) for model in topics]
check("purity at least .8, three starts", purities, 0.8, relation=">=",
      control={"labels shuffled": [purity(m, rng.permutation(chapters.labels)) for m in topics]})  # fmt: skip
squared = [NMF(12, max_iter=50, tol=0, random_state=s).fit(counts) for s in range(3)]
print(f"purity: divergence {np.mean(purities):.1f}, squared error "
      f"{np.mean([purity(m, chapters.labels) for m in squared]):.1f}")  # fmt: skip

# %% [markdown]
# By this yardstick the squared error is no worse than the divergence, rather better. It is dominated by the largest counts, those are names, and names give the novel away. A yardstick measures what it measures: if you want to sort chapters by novel, names are the thing; if you want themes, they are in the way.

# %% [markdown] slide="slide"
# ## 10 · What goes wrong
#
# **A zero is for ever.** A product that starts at zero stays at zero. Start the multiplicative update from factors with exact zeros, from thresholded singular vectors for example, and those entries are out of play, however much the data ask for them. No error message, and the objective falls as nicely as ever.

# %%
W_first, H_first = start  # the first start of section 4
closed = rng.uniform(size=H_first.shape) < 0.5  # half of the entries of H start at exactly 0
locked = NMF(16, max_iter=200, tol=0)
locked.fit_transform(pixels, W=W_first, H=np.where(closed, 0, H_first))
freed = NMF(16, solver="hals", max_iter=200, tol=0)
freed.fit_transform(pixels, W=W_first, H=np.where(closed, 0, H_first))
free = slow[0].objective_[-1]  # the same start without the zeros
check("what starts at zero ends at zero", locked.components_[closed], 0.0)
check("the locked run ends at least 10 % above the free one", locked.objective_[-1] / free, 1.1,
      relation=">=", control={"HALS from the same zeros": freed.objective_[-1] / free})  # fmt: skip

# %%
show(
    pictures.falling(
        {"half of H locked at zero": (locked.objective_, "wrong"),
         "no zeros at the start": (slow[0].objective_, "data"),
         "HALS, half at zero": (freed.objective_, "model")},
        title="the locked run falls too, and stops too high", ylabel="F", log=True,
    ),
    alt="Three falling objectives. The multiplicative run with half of H at zero flattens out well above the same "
    "run without zeros; HALS from the same zeros ends lowest.",
)  # fmt: skip

# %% [markdown]
# HALS adds before it clips, so it can leave a zero. With multiplicative updates, start positive; the package's start `"nndsvda"` puts the mean of the table where the singular vectors have zeros.
#
# The other two classics have had their section already: **blanks filled with zeros** (6), and **a rank chosen on the data it was fitted to** (7).

# %% [markdown] slide="slide"
# ## 11 · Summary
#
# | Claim | Where it was checked | Code in [`factorization`](../coursekit/factorization/updates.py) |
# | --- | --- | --- |
# | the SVD rebuilds the swimmers from 13 directions, no limb among them | section 1 | `swimmer`, `parts_found` |
# | the multiplicative update is a gradient step with its own step lengths | section 2 | `frobenius_step` |
# | by hand = coursekit = scikit-learn | section 2 | `NMF.fit_transform` |
# | the objective never rises: a bowl above it, lowest at the update | section 3 | |
# | HALS = coordinate descent; faster, and the KKT conditions nearly hold | section 4 | `hals_step` |
# | no factorisation beats the SVD's error | section 4 | |
# | the answer is not unique, not a global minimum, and rank may be too few | section 5 | |
# | what is written into a blank changes nothing | section 6 | `at_observed` |
# | six factors beat biases on moods, biases beat factors on lecturers | sections 7 and 8 | `Biases`, `hold_out`, `rmse` |
# | KL-NMF is Poisson likelihood, and its step is EM of PLSA | section 9 | `kullback_leibler_step` |
# | a zero stays a zero | section 10 | `nndsvda_start` |
#
# ### Five questions
#
# <details><summary>1. Why can PCA's components not be read as parts, although they rebuild the data better?</summary>
# They have signs. One component may add what another takes away, so a single component need not look like anything that occurs. Parts that only add must each be something that is there.
# </details>
#
# <details><summary>2. What happens to an entry of W whose push and pull are equal? And to one that is exactly 0?</summary>
# The factor is 1, the entry rests: its slope is 0. An entry of exactly 0 rests as well, whatever its slope, and that may be wrong.
# </details>
#
# <details><summary>3. A run of NMF ends with a smaller error than your colleague's, from another start. Are your parts the right ones?</summary>
# They fit better. "Right" needs more: the swimmer with a torso has many exact answers. Compare the parts of several good runs, up to order and scale.
# </details>
#
# <details><summary>4. A recommender predicts 0.3 of 3 for almost everything. What do you suspect?</summary>
# Blanks filled with zeros. If 90 % of the table are zeros that no one ever said, the best low-rank guess is close to zero everywhere.
# </details>
#
# <details><summary>5. On your data, eight factors have an error of 0.4 and biases have 0.9. Which do you use?</summary>
# Ask where the errors were measured. On the ratings that were fitted, more factors always win. Only held-out ratings decide.
# </details>
#
# **Homework:** [`hw04_nmf_ratings`](homework/release/hw04_nmf_ratings/hw04_nmf_ratings.ipynb): the masked update, the KKT conditions, biases, the next recommendation, and a report with faults. [Solutions](../notebooks/homework/source/hw04_nmf_ratings/hw04_nmf_ratings.ipynb) are in a folder of their own.
#
# **References.** D. Lee and S. Seung (1999), *Learning the parts of objects by non-negative matrix factorization*, Nature 401. D. Lee and S. Seung (2001), *Algorithms for non-negative matrix factorization*. D. Donoho and V. Stodden (2003), *When does non-negative matrix factorization give a correct decomposition into parts?* A. Cichocki, R. Zdunek and S. Amari (2007), *Hierarchical ALS algorithms for nonnegative matrix and 3D tensor factorization*. J. Cohen and U. Rothblum (1993), *Nonnegative ranks, decompositions, and factorizations of nonnegative matrices*. T. Hofmann (1999), *Probabilistic latent semantic indexing*. Y. Koren, R. Bell and C. Volinsky (2009), *Matrix factorization techniques for recommender systems*.
