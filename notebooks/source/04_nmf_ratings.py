# ---
# jupyter:
#   coursekit:
#     cpu_seconds: 30
#     minutes: 120
# ---

# %% [markdown] slide="slide"
# # 04 · Non-negative factors: parts, and a table with blanks
#
# **After this notebook you can** factorise a table into parts that are only ever added, derive the multiplicative update in two ways and say why it never makes things worse, tell what is unique about the answer and what is not, fill in missing ratings without pretending that they are zeros, judge a recommender against the baselines it must beat, and read topics off a table of word counts.
#
# **Time:** 120 minutes to work through; it runs in about half a minute. **You need:** matrices, derivatives, and [notebook 01](01_pca_usarrests.ipynb) on PCA and the SVD. **It follows** the slides *Factorization for tabular X* of the generative AI deck, in their notation: $\hat X = WH$, one row of $X$ per user. The majoriser, the missing entries, the counterexamples, the topics and all data are our additions.
#
# Every line that starts with ✓ is a claim that was computed just now, on your machine. A bound on a measured number names its control: something simpler that fails the same bound.

# %%
import numpy as np

from coursekit import data, factorization, pca, plots
from coursekit.checks import check
from coursekit.factorization import NMF, explorers, hold_out, parts_found
from coursekit.factorization import pictures, rmse
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
figure = pictures.parts_strip(some, shape, title="nine of the 256 swimmers")
show(figure,
     alt="Nine line drawings, each with four short strokes: two arms at the top and "
     "two legs at the bottom, pointing in different directions.")  # fmt: skip

# %% [markdown]
# Write the 256 images as the rows of a table $X$ of shape $(n, p)$. A **factorisation** looks for two smaller tables,
#
# $$X \;\approx\; \hat X = W H, \qquad W\ (n, k), \quad H\ (k, p).$$
#
# The rows of $H$ are $k$ **parts**, which are images themselves. Row $i$ of $W$ holds the **amounts** (the deck's *factor degrees*): how much of each part goes into image $i$.
#
# Notebook 01 has an answer already. The singular value decomposition is the best factorisation of every rank. Let us ask it.
#
# **Predict before you run:** how many directions does the SVD need to rebuild all swimmers exactly? Sixteen, one per limb position?
#
# <details><summary>Answer</summary>
#
# Thirteen. Exactly one position of each limb is present in every image. So once you know three of its four amounts, you know the fourth. That leaves three free numbers for each of four limbs, and one constant: $4 \times 3 + 1 = 13$.
# </details>

# %%
U, singular, Vt = np.linalg.svd(images, full_matrices=False)
rebuilt = U[:, :13] * singular[:13] @ Vt[:13]
fewer = U[:, :12] * singular[:12] @ Vt[:12]
check("the SVD rebuilds every swimmer from 13 directions", rebuilt, images, atol=1e-9,
      control={"12 directions": fewer})  # fmt: skip
with_limbs = (images @ limbs.T / 4) @ limbs  # each limb has four pixels
check("sixteen limbs rebuild them too", with_limbs, images, atol=1e-12)
print("limbs among the 13 directions:", parts_found(Vt[:13], limbs))

# %%
titles = ("13 singular directions: red adds, blue takes away", "16 limbs")
figure = pictures.signed_and_positive(Vt[:13], limbs, shape, titles=titles,
                                      n_columns=16)  # fmt: skip
show(figure,
     alt="Top row: thirteen singular directions, red and blue patterns spread over "
     "many limbs at once. Bottom row: the sixteen single limbs.")  # fmt: skip

# %% [markdown]
# Both are exact, and the SVD needs fewer numbers. Yet none of its directions is a limb. Each is a blend of many, with red ink here and blue ink there, and the blends come out right only because what one adds, another takes away. A swimmer with minus half an arm does not exist. So let us forbid it, for a table $X$ without negative entries:
#
# $$\min_{W \ge 0,\; H \ge 0} \; \lVert X - WH \rVert_F .$$
#
# This is **non-negative matrix factorisation**, NMF. Nothing can cancel any more. Parts can only be added.

# %% [markdown] slide="slide"
# ## 2 · An update that cannot go below zero
#
# **How do you minimise under a sign constraint?** Start with the **gradient**, the slope in each entry. For $F = \tfrac12 \lVert X - WH\rVert_F^2$ it is
#
# $$\frac{\partial F}{\partial W} = (WH - X) H^\top = \underbrace{W H H^\top}_{\text{pull}} \;-\; \underbrace{X H^\top}_{\text{push}} .$$
#
# As $X$, $W$ and $H$ have no negative entries, neither of these two tables has any. The first pulls an entry of $W$ down, the second pushes it up.
#
# The deck writes the norm without the square. The minimiser is the same, because the square root is an increasing function; the slope is the one above divided by $\lVert X - WH\rVert_F$. We check both along a random direction.

# %%
X = rng.gamma(1, size=(30, 4)) @ rng.gamma(1, size=(4, 20)) + rng.uniform(size=(30, 20))
W, H = rng.uniform(0.1, 2, (30, 4)), rng.uniform(0.1, 2, (4, 20))
slope = W @ H @ H.T - X @ H.T
D, h = rng.normal(size=W.shape), 1e-4  # a direction, and a short way along it
ahead, behind = (np.linalg.norm(X - (W + s * h * D) @ H) for s in (1, -1))
along = (slope * D).sum()
check("slope of F", (ahead**2 - behind**2) / 2 / (2 * h), along, rtol=1e-7)
check("slope of the norm without the square: the same direction, another length",
      (ahead - behind) / (2 * h), along / np.linalg.norm(X - W @ H),
      rtol=1e-7)  # fmt: skip

# %% [markdown] slide="subslide"
# A gradient step $W - \eta\,(W H H^\top - X H^\top)$ may overshoot below zero. But $\eta$ need not be a single number. Give every entry of $W$ a step length of its own, chosen so that the pull cancels what is there:
#
# $$\eta = \frac{W}{W H H^\top}\ \text{(entry by entry)}: \qquad W - \eta * W H H^\top + \eta * X H^\top \;=\; W * \frac{X H^\top}{W H H^\top} .$$
#
# The first two terms are gone, and what remains is a product of non-negative tables ($*$ and the fraction bar act entry by entry). This is Lee and Seung's **multiplicative update**: each entry times push over pull. Where the push is stronger the entry grows; where the two balance, the factor is 1 and the entry rests. $H$ gets the same treatment, since $X^\top \approx H^\top W^\top$ is the same problem with the roles swapped.


# %% tags=["slide-code"]
def update(X, W, H):
    """One round of multiplicative updates: W first, then H with the new W."""
    W = W * (X @ H.T) / (W @ H @ H.T)
    H = H * (W.T @ X) / (W.T @ W @ H)
    return W, H


by_gradient = W - W / (W @ H @ H.T) * slope
check("the update is a gradient step with its own step lengths", update(X, W, H)[0],
      by_gradient, rtol=1e-12)  # fmt: skip

# %% [markdown]
# Two lines, and no step length to tune. Two hundred rounds by hand, beside the package and scikit-learn, all from the same start:

# %%
from sklearn.decomposition import NMF as OtherNMF

W_hand, H_hand = W, H
for _ in range(200):
    W_hand, H_hand = update(X, W_hand, H_hand)
model = NMF(4, max_iter=200, tol=0)
W_model, H_model = model.fit_transform(X, W=W, H=H), model.components_
other = OtherNMF(4, init="custom", solver="mu", max_iter=200, tol=0)
W_other = other.fit_transform(X, W=W.copy(), H=H.copy())
check("W: by hand = coursekit", W_hand, W_model, rtol=1e-9)
check("H: by hand = coursekit", H_hand, H_model, rtol=1e-9)
check("W: coursekit = scikit-learn", W_model, W_other, rtol=1e-9)
check("H: coursekit = scikit-learn", H_model, other.components_, rtol=1e-9)

# %% [markdown] slide="subslide"
# Back to the pool. We start from five random pairs $W, H$ and count the limbs found. A limb counts if some part points in its direction, with a cosine of at least .99.

# %% tags=["nbval-ignore-output"]
runs = [NMF(16, max_iter=400, tol=0, random_state=seed).fit(images)
        for seed in range(5)]  # fmt: skip
for seed, run in enumerate(runs):
    found = parts_found(run.components_, limbs)
    print(f"start {seed}: {found:2} of 16 limbs, F = {run.objective_[-1]:.3f}")

# %%
runs.sort(key=lambda run: run.objective_[-1])
best, worst = runs[0], runs[-1]
svd_finds = parts_found(Vt[:16], limbs)
check("the best of five starts finds all 16 limbs",
      parts_found(best.components_, limbs), 16, relation=">=",
      control={"the SVD": svd_finds})  # fmt: skip
check("and next to no error is left", best.objective_[-1], 0.1, relation="<=",
      control={"the worst of the five": worst.objective_[-1]})  # fmt: skip
longer = NMF(16, max_iter=1200, tol=0, random_state=worst.random_state).fit(images)
check("three times the steps do not free the worst start", longer.objective_[-1], 50,
      relation=">=", control={"the best start": best.objective_[-1]})  # fmt: skip
titles = ("the best start: 16 limbs", "the worst start: some limbs twice, some blended")
figures = [pictures.parts_strip(run.components_, shape, title=title, n_columns=16)
           for run, title in zip((best, worst), titles, strict=True)]  # fmt: skip
show(figures,
     alt="Two rows of sixteen parts. In the first each is one clean limb. In the "
     "second some show two limbs at once, or a limb that is there "
     "already.")  # fmt: skip

# %% [markdown]
# We said nothing about limbs, and there they are, one per part. But look at the second row. That start settled in a place where some parts are blends, and three times as many updates did not lead out of it. Keep it in mind until section 5.

# %% [markdown] slide="slide" says="Put a bowl above the objective that touches it where you are. Jump to the bottom of the bowl: the objective goes down too."
# ## 3 · Why it never makes things worse
#
# **Question.** A gradient step can be too long. These step lengths were chosen for their signs, not for their size. So why should the objective fall?
#
# **Intuition.** You stand in a dark valley. Somebody lowers a bowl that is nowhere below the ground and touches it exactly at your feet. Walk to the bottom of the bowl. You have gone down, and the ground there is lower still. Such a bowl is called a **majoriser**, in Lee and Seung's paper an *auxiliary function*; the scheme is known as MM, *majorise–minimise*.
#
# **Formula.** Take one row $x$ of $X$ and its row $w$ of $W$. Write $A = HH^\top$, and let $g$ be the slope at the present point $w'$. The objective is quadratic, so its second-order expansion is exact:
#
# $$F(w) = F(w') + (w - w')\,g + \tfrac12 (w-w')\, A\, (w-w')^\top .$$
#
# $A$ couples the entries of $w$, which makes the minimum awkward. Replace $A$ by a *diagonal* matrix $K$ with the entries $K_{aa} = (w'A)_a / w'_a$ (all entries of $w'$ are positive), and call the result $G(w)$. Three things have to be true.
#
# 1. $G(w') = F(w')$. At $w'$ the quadratic term vanishes, so it does not matter which matrix is in it.
# 2. $G \ge F$ everywhere. The difference is $\tfrac12 v (K - A) v^\top$ with $v = w - w'$. Write $v_a = w'_a u_a$. Then $vKv^\top = \sum_a w'_a u_a^2\,(w'A)_a = \sum_{a,b} w'_aA_{ab}w'_b\,u_a^2$, and since $A$ is symmetric, half of the $u_a^2$ may be written as $u_b^2$. Subtract $vAv^\top = \sum_{a,b}w'_aA_{ab}w'_b\,u_au_b$: what is left is $\tfrac12 \sum_{a,b} w'_a A_{ab} w'_b\,(u_a - u_b)^2$. No entry of $w'$ or $A$ is negative, so neither is this sum.
# 3. The lowest point of $G$ is the update. $K$ is diagonal, so each entry can be minimised by itself: $w_a = w'_a - g_a / K_{aa}$. Insert $g = w'A - xH^\top$, and this becomes $w'_a\,(xH^\top)_a / (w'A)_a$.
#
# Together: $F(\text{new}) \le G(\text{new}) \le G(w') = F(w')$.

# %%
x, w, A = X[0], W[0], H @ H.T
K, g = np.diag((w @ A) / w), w @ A - x @ H.T


def objective(v):
    return 0.5 * ((x - v @ H) ** 2).sum()


def bowl(v):
    return objective(w) + (v - w) @ g + 0.5 * (v - w) @ K @ (v - w)


# %%
u = rng.normal(size=4)
pairs = 0.5 * (np.outer(w, w) * A * (u[:, None] - u) ** 2).sum()
check("v (K - A) v' is a sum over pairs", (w * u) @ (K - A) @ (w * u), pairs, rtol=1e-9)
points = rng.uniform(0, 3, (1000, 4))
above, below = [bowl(v) for v in points], [objective(v) for v in points]
check("the bowl is nowhere below F", above, below, relation=">=", theorem="step 2")
lowest = w - g / np.diag(K)
check("the bottom of the bowl is the update", lowest, update(X, W, H)[0][0], rtol=1e-12)

# %%
line = np.linspace(0.02, 2.6, 200)
points = [np.r_[value, w[1:]] for value in line]  # only the first entry moves
curves = np.array([[function(v) for v in points] for function in (objective, bowl)])
heights = [objective(w), objective(np.r_[lowest[0], w[1:]])]
figure = pictures.majoriser(line, *curves, w[0], lowest[0], heights)
show(figure,
     alt="Two curves over one entry of W. The steeper one, the bound, touches the "
     "objective at the point marked now. Below the bound's lowest point, marked next, "
     "the objective is lower than it was.")  # fmt: skip

# %% [markdown]
# The bowl is steeper than the ground, so its bottom comes early. The update is safe because it is cautious, and caution costs time, as the digits will show.

# %% [markdown] slide="slide"
# ## 4 · Digits, and a faster way down
#
# Now the 1797 digits of notebook 01, 64 pixels each, from 16 parts. We set a second rule beside the multiplicative one. Hold everything but *one column* of $W$. What is left is a least-squares problem with one unknown per row, and its answer is known in closed form:
#
# $$W_{:k} \leftarrow \max\!\Big(0,\; W_{:k} + \frac{(XH^\top - WHH^\top)_{:k}}{(HH^\top)_{kk}}\Big).$$
#
# There is no need for a bowl, because along a single entry the ground itself is a parabola. One column after another, then the rows of $H$: this is **HALS**, hierarchical alternating least squares. scikit-learn calls it coordinate descent. A step of either rule needs the same matrix products; going column by column makes a step of HALS somewhat slower. So we compare them step by step, and give the multiplicative rule four times as many.

# %%
digits = data.digits()
pixels = digits.x
settings = {"max_iter": 200, "tol": 0}
slow = [NMF(16, random_state=s, **settings).fit(pixels) for s in range(3)]
fast = [NMF(16, solver="hals", random_state=s, **settings).fit(pixels)
        for s in range(3)]  # fmt: skip
start = factorization.random_start(pixels, 16, 0)  # what seed 0 starts from
other = OtherNMF(16, init="custom", solver="cd", **settings)
W_other = other.fit_transform(pixels, W=start[0].copy(), H=start[1].copy())
check("HALS = scikit-learn's coordinate descent", fast[0].W_, W_other, atol=1e-10)

# %%
histories = np.array([run.objective_ for run in slow + fast])
tail = 0.5 * (np.linalg.svd(pixels, compute_uv=False)[16:] ** 2).sum()
check("neither rule ever rises", np.diff(histories) / tail, 1e-12, relation="<=",
      theorem="a majoriser; an exact minimum along each column")  # fmt: skip
check("no factorisation of rank 16 beats the SVD's", histories[:, -1], tail,
      relation=">=", theorem="Eckart and Young")  # fmt: skip
check("50 steps of HALS beat 200 multiplicative ones, three starts", histories[3:, 50],
      histories[:3, 200], relation="<=",
      control={"50 multiplicative steps": histories[:3, 50]})  # fmt: skip
print("F after 200 steps of HALS / F of the SVD: "
      f"{histories[3:, -1].mean() / tail:.1f}")  # fmt: skip

# %%
curves = {"multiplicative": (histories[0], "data"), "HALS": (histories[3], "model")}
figure = pictures.falling(
    curves, floor=tail, floor_label="SVD of rank 16, signs allowed",
    title="HALS falls faster; neither reaches what signs would allow", ylabel="F",
    top=500_000)  # fmt: skip
show(figure,
     alt="F over 200 steps. The multiplicative curve falls slowly. HALS is down within "
     "twenty steps and then flattens out above a dotted line, the error of the "
     "SVD.")  # fmt: skip

# %% [markdown]
# The dotted line is the best that any factorisation of rank 16 can do. The gap above it is what the ban on minus signs costs, or a little more: another start might end lower. Here is what it buys:

# %%
principal, strokes = pca.PCA(16).fit(pixels).components_, fast[0].components_
titles = ("16 principal components: red adds ink, blue removes it",
          "16 non-negative parts")  # fmt: skip
figure = pictures.signed_and_positive(principal, strokes, digits.image_shape,
                                      titles=titles, n_columns=8)  # fmt: skip
show(figure,
     alt="Top: sixteen principal components of the digits, red and blue waves that "
     "cover the whole image. Bottom: sixteen non-negative parts, most of them one "
     "heavy stroke, arc or dot with fainter ink elsewhere.")  # fmt: skip


# %%
def coverage(parts):
    """Share of the pixels with at least a tenth of a part's largest entry."""
    return (np.abs(parts) >= 0.1 * np.abs(parts).max(axis=1, keepdims=True)).mean()


covered = [coverage(run.components_) for run in fast]
print(f"pixels that a part covers: {np.mean(covered):.2f}, a principal component "
      f"{coverage(principal):.2f}")  # fmt: skip
check("on average a part covers at most a fifth of the pixels, three starts", covered,
      0.2, relation="<=",
      control={"principal components": coverage(principal)})  # fmt: skip
figure = pictures.sum_of_parts(pixels[8], strokes, fast[0].W_[8], digits.image_shape)
show(figure,
     alt="An eight built up part by part; the sum of all sixteen looks like "
     "it.")  # fmt: skip

# %% [markdown]
# A part inks about a seventh of the pixels, a principal component more than half. Most parts have one heavy stroke and a lighter blot or two elsewhere, so an image is a short list of strokes, roughly. That is what Lee and Seung's title promises: *learning the parts of objects*. It is a tendency rather than a law, because nothing in the objective asks for small parts.
#
# **Are we at a minimum?** Under a sign constraint the slope need not vanish. At a minimum an entry is either positive, and then its slope is 0; or it is 0, and then its slope must not be negative, or the entry would grow. These are the **Karush-Kuhn-Tucker conditions** (KKT). One formula holds both of them: $\min(\text{slope}, \text{entry}) = 0$.


# %%
def violation(W, H):
    """Root mean square of min(slope, entry) over both factors: 0 if KKT holds."""
    residual = W @ H - pixels
    sides = np.minimum(residual @ H.T, W), np.minimum(W.T @ residual, H)
    return np.sqrt(sum((side**2).mean() for side in sides))


hals, mu = ([violation(run.W_, run.components_) / violation(*start) for run in runs]
            for runs in (fast, slow))  # fmt: skip
check("HALS removes 99.6 % of the violation, three starts", hals, 0.004, relation="<=",
      control={"multiplicative, as many steps": mu})  # fmt: skip

# %% [markdown]
# Close, but not there yet. The cautious rule is further away after as many steps, and its smooth curve does not show how far. "Converged" is a claim to check, and a curve that has levelled off does not prove it.

# %% [markdown] slide="slide" says="Scaling. A torso that every limb can carry. A valley with several bottoms. A table that needs more parts than its rank."
# ## 5 · What the answer does not tell you
#
# **Question.** Two people factorise the same table and get different parts. Must one of them be wrong? This is the question of *identifiability*.
#
# **Scaling.** No. Double a part and halve its amounts, and the product is the same. For any diagonal $D$ with positive entries, $WH = (WD)(D^{-1}H)$. So the size of a part means nothing by itself, and neither does the order of the parts. We compare directions only.
#
# **A ghost.** Give every swimmer a torso. Now there are 17 true parts, the limbs and the torso, and the table is still an exact sum of them. Will they be found?
#
# <details><summary><b>Predict before you run:</b> the torso is in every image. What else is in every image?</summary>
#
# One of the four positions of the left arm. So paint the torso on all four of them: every swimmer still gets it exactly once. The table is rebuilt with a *ghost* of the torso on four limbs, and a part for the torso is not needed at all.
# </details>

# %%
bodies, truth = factorization.swimmer(torso=True)  # (256, 260) and (17, 260)
which = images @ limbs.T / 4  # (256, 16): which limbs an image has
W_true, scale = np.hstack([which, np.ones((256, 1))]), rng.uniform(0.2, 5, 17)
check("(WD)(D^-1 H) = WH", (W_true * scale) @ (truth / scale[:, None]), bodies,
      atol=1e-12)  # fmt: skip
haunted = limbs.copy()
haunted[:4] += truth[16]  # the torso, painted on the four positions of one limb
check("16 parts, four with a ghost, are exact too", which @ haunted, bodies, atol=1e-12)

# %%
settings = {"solver": "hals", "max_iter": 400, "tol": 0}
ghosts = [NMF(17, random_state=s, **settings).fit(bodies) for s in range(3)]
rebuilt = [run.reconstruct() for run in ghosts]
check("three starts, all exact", rebuilt, [bodies] * 3, atol=1e-4,
      control={"ghosts left out": [which @ limbs] * 3})  # fmt: skip
clean = [parts_found(run.components_, truth) for run in ghosts]
plain = NMF(16, random_state=0, **settings).fit(images).components_
check("each misses at least three of the 17 parts", clean, 14, relation="<=",
      control={"limbs found without a torso": parts_found(plain, limbs)})  # fmt: skip
title = "exact, and yet not the true parts: the torso haunts the limbs"
show(pictures.parts_strip(ghosts[0].components_, shape, title=title),
     alt="Seventeen parts. Some are clean limbs; others carry a grey or black vertical "
     "line, the torso, beside the limb.")  # fmt: skip

# %% [markdown]
# The error is zero, and the parts are not the true ones. Without a torso, every limb position has pixels of its own, every limb takes exactly one of its four positions, and *all combinations occur*. Under these conditions a theorem of Donoho and Stodden (cited, not proved here) says that the answer is unique up to scale and order. With a torso they fail: it is in every image. On real data we rarely know, so the practical test is to look at other starts.

# %% [markdown] slide="subslide"
# **A valley with several bottoms.** With $H$ fixed the problem is convex in $W$, and the other way round. In both together it is not, and the proof takes one line. Reorder the parts of a perfect answer, and you have another perfect answer. If the problem were convex, every point between the two would be perfect as well.

# %%
order = rng.permutation(16)
halfway = (which + which[:, order]) / 2 @ (limbs + limbs[order]) / 2
ends = [((images - which[:, o] @ limbs[o]) ** 2).sum() for o in (np.arange(16), order)]
check("halfway between two perfect answers the error is large",
      ((images - halfway) ** 2).sum(), 1000, relation=">=",
      control={"at both ends": ends})  # fmt: skip

# %% [markdown]
# **More parts than the rank.** The SVD needs as many directions as the table has independent rows. Non-negative parts may need more. The smallest example is a 4 × 4 table of zeros and ones. Its rank is 3, because the first row plus the last is the second plus the third. We try forty starts with three parts, and one with four.

# %%
square = np.array([[1.0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 1]])
settings = {"solver": "hals", "max_iter": 500, "tol": 0}
forty = [NMF(3, random_state=s, **settings).fit(square) for s in range(40)]
least = min(2 * run.objective_[-1] for run in forty)
check("the rank is 3", np.linalg.matrix_rank(square), 3)
four = NMF(4, random_state=0, **settings).fit(square)
check("four non-negative parts rebuild it", four.reconstruct(), square, atol=1e-6)
check("three do not: the least squared error is 2 - sqrt 2", least, 2 - np.sqrt(2),
      atol=1e-6)  # fmt: skip
ones = [(0, 0), (1, 2), (2, 1), (3, 3)]  # row and column of four ones
crossings = [min(square[i, v], square[j, u]) for i, u in ones for j, v in ones
             if i != j]  # fmt: skip
check("of any two of these ones, the rows and columns cross at a zero", crossings, 0.0)

# %% [markdown]
# Forty failures are no proof that three parts are too few, but the last line leads to one. Suppose a single part covers two of the four chosen ones. Then it also puts ink where the row of the first meets the column of the second, and the other way round, and one of these places is a zero of the table. Nothing can take that ink away again. So each of the four ones needs a part of its own, and the **non-negative rank** is 4. (That three parts reach exactly $2 - \sqrt 2$ is what forty starts suggest; we prove nothing more about it.)

# %% [markdown] slide="slide" says="A blank is not a no. Leave what was not observed out of every sum."
# ## 6 · Missing is not zero
#
# **Question.** Now let the rows of $X$ be people, the columns things, and the entries *ratings*. Most people have not rated most things. What do you write into the blanks?
#
# The deck's formula sums over the whole table and does not say what a blank is. It is tempting to fill in zeros and carry on. But a zero says "not at all", and a blank says nothing. So leave the blanks out of the sum. Let $M_{ij}$ be 1 where a rating was observed and 0 elsewhere, and minimise
#
# $$F = \tfrac12 \sum_{i,j} M_{ij}\,\big(X_{ij} - (WH)_{ij}\big)^2 .$$
#
# The derivation of section 2 goes through word for word, with $M * X$ for $X$ in the push and $M * (WH)$ for $WH$ in the pull. So does the bowl of section 3: for row $i$, sum only over its observed columns, $A = \sum_j M_{ij}\,h_jh_j^\top$ with $h_j$ the columns of $H$, and this $A$ has no negative entries either.
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
forgotten = W * ((M * X) @ H.T) / ((W @ H) @ H.T)  # the slip: no M in the pull
check("whatever is written into a blank changes nothing",
      masked_update(nonsense, M, W, H)[0], masked_update(zeros, M, W, H)[0],
      control={"no M in the pull": forgotten})  # fmt: skip
W_hand, H_hand = W, H
for _ in range(100):
    W_hand, H_hand = masked_update(X, M, W_hand, H_hand)
model = NMF(4, max_iter=100, tol=0)
model.fit_transform(np.where(M == 1, X, np.nan), W=W, H=H)  # NaN marks a blank
check("by hand = coursekit", W_hand @ H_hand, model.reconstruct(), rtol=1e-9)
check("the masked objective never rises", np.diff(model.objective_), 1e-9,
      relation="<=", theorem="the bowl, over the observed columns")  # fmt: skip

# %% [markdown]
# The package takes no mask: a `NaN` *is* the mask. (scikit-learn's NMF refuses NaN; the request for it, issue 8447, has been open since 2017.)
#
# **The data.** 3893 people were asked how they felt, in 75 words such as *sleepy* or *cheerful*, on a scale from 0, not at all, to 3, very much. Not every study asked about every word, so there are blanks already. To have a truth to compare with, we hide a random fifth of the answers, three times over with different seeds.

# %%
moods = data.moods()
answers, words = moods.x, moods.feature_names
splits = [hold_out(answers, 0.2, rng=seed) for seed in range(3)]
learned, hidden = splits[0]  # NaN where hidden or blank; true where hidden
print(f"{np.isnan(answers).mean():.1%} blank; {hidden.sum()} answers are hidden as "
      "well")  # fmt: skip
for name, row in (("the first person", answers[0]), ("what we learn from", learned[0])):
    print(f"{name:20}", " ".join("." if np.isnan(v) else f"{v:.0f}" for v in row[:30]))

# %%
tables = {"blanks left out": learned, "blanks as zeros": np.nan_to_num(learned)}
settings = {"max_iter": 60, "tol": 0, "random_state": 0}
guesses, curves, asked = {}, {}, answers[hidden]
for (name, table), color in zip(tables.items(), ("model", "wrong"), strict=True):
    guess = guesses[name] = NMF(6, **settings).fit(table).reconstruct()[hidden]
    curves[name] = [guess[asked == level].mean() for level in range(4)], color
title = "zeros in the blanks pull the predictions down"
show(pictures.predicted_by_true(np.arange(4), curves, title=title),
     alt="Mean prediction against the hidden answer, 0 to 3. The line for blanks left "
     "out is flatter than the dotted diagonal; the line for blanks as zeros is flatter "
     "still, and lower at each of the four answers.")  # fmt: skip
off = {name: abs(g.mean() / asked.mean() - 1) for name, g in guesses.items()}
lower = np.mean(guesses["blanks as zeros"] < guesses["blanks left out"])
print(f"zeros in the blanks lower {lower:.0%} of the predictions")
check("blanks left out: the mean is right within 4 %", off.pop("blanks left out"), 0.04,
      relation="<=", control=off)  # fmt: skip

# %% [markdown]
# Both lines are flatter than the diagonal, as cautious predictions are. But the red one is lower at every answer, and four predictions in five are lower than their twins. A quarter of the entries it learned from were zeros that were never answers.

# %% [markdown] slide="slide" says="How many factors, and against whom? Hide a fifth of the answers, three times, and let the rivals play too."
# ## 7 · Recommend the next word
#
# **Question.** How many factors should we take, and how good are they? An error means little until you know what a simple rule gets. (Predicting one person's answers from those of others is called **collaborative filtering**.) So we invite rivals, and let each use whatever rank suits it best:
#
# - the mean answer to each word;
# - **biases**, $\mu + b_i + c_j$: some people tick high, and some words are ticked often;
# - the SVD of the table with zeros in its blanks;
# - the SVD of what the biases leave over: a zero in a blank does no harm there, it says "as the biases predict";
# - the SVD whose blanks are filled from itself, five times over: then it learns from what was observed, as NMF does, but signs are allowed.

# %%
ranks = (1, 2, 4, 6, 8, 12)
fits = [{k: NMF(k, **settings).fit(table) for k in ranks} for table, _ in splits]
filled = [{k: model.reconstruct() for k, model in fit.items()} for fit in fits]
errors = np.array([[rmse(full[k], answers, gone) for full, (_, gone) in
                    zip(filled, splits, strict=True)] for k in ranks])  # fmt: skip


def truncated(table):
    """The best approximations of a full table, one for each rank."""
    U, S, Vt = np.linalg.svd(table, full_matrices=False)
    return [U[:, :k] * S[:k] @ Vt[:k] for k in ranks]


def refilled(table, k, n_rounds=5):
    """SVD of rank k, its blanks filled from itself: only what was observed counts."""
    blank = np.isnan(table)
    full = np.where(blank, np.nanmean(table, axis=0), table)
    for _ in range(n_rounds):
        V = np.linalg.eigh(full.T @ full)[1][:, -k:]  # right singular vectors
        fitted = full @ V @ V.T
        full = np.where(blank, fitted, table)
    return fitted


# %%
rivals = {"word means": [], "biases": [], "SVD, zeros": [], "biases, then SVD": [],
          "SVD, blanks refilled": []}  # fmt: skip
for table, gone in splits:
    biases = factorization.Biases(ridge=2).fit(table).reconstruct()
    left_over = np.where(np.isnan(table), 0, table - biases)
    word_means = np.nanmean(table, axis=0) + np.zeros(table.shape)
    tries = ([word_means], [biases], truncated(np.nan_to_num(table)),
             [biases + rest for rest in truncated(left_over)],
             [refilled(table, k) for k in (4, 6)])  # fmt: skip
    for values, several in zip(rivals.values(), tries, strict=True):
        values.append(min(rmse(one, answers, gone) for one in several))

# %% tags=["nbval-ignore-output"]
rows = [*rivals.items(), *((f"NMF {k}", e) for k, e in zip(ranks, errors, strict=True))]
for name, values in rows:
    print(f"{name:20} {np.mean(values):.3f} ± {np.std(values):.4f}")

# %%
levels = {name: (np.mean(values), "data") for name, values in rivals.items()}
title = "NMF is best at six factors; an SVD that leaves out the blanks is better"
figure = pictures.error_by_rank(ranks, {"NMF": (errors, "model")}, levels, title=title,
                                ylim=(0.55, 0.85))  # fmt: skip
show(figure,
     alt="Held-out error against the number of factors. NMF falls steeply from one "
     "factor to four, is lowest at six and rises to twelve. Dotted lines, from high to "
     "low: word means, biases, SVD with zeros, biases then SVD just above the "
     "minimum, and the SVD with its blanks refilled just below it.")  # fmt: skip
nmf = errors[ranks.index(6)]
beaten = {name: rivals[name] for name in ("biases", "SVD, zeros")}
check("six factors: held-out error at most .60, three splits", nmf, 0.60, relation="<=",
      control=beaten)  # fmt: skip
check("an SVD with its blanks refilled beats six factors, three splits",
      rivals["SVD, blanks refilled"], nmf, relation="<=",
      control={"SVD, zeros": rivals["SVD, zeros"]})  # fmt: skip
behind = {name: np.subtract(rivals[name], nmf) for name in list(rivals)[:4]}
check("biases, then SVD: within .01 of six factors, three splits",
      behind.pop("biases, then SVD"), 0.01, relation="<=", control=behind)  # fmt: skip

# %% [markdown] finding="Against the biases the factors win clearly; an SVD that learns from the observed answers only is better still."
# Against the biases the factors win clearly: people do not only tick high or low, they are in different *moods*. But look at the lowest two dotted lines. One SVD on top of the biases does almost as well. And what spoiled the first SVD was not its minus signs but its zeros: leave the blanks out of its sum too, and it beats our factors by a little. So the case for non-negative factors is not that they predict better. They do not. It is that you can read them, as we shall see in a moment.
#
# A caveat: strictly, the rank should be chosen on other answers than those that judge it. The rivals were given the same advantage, and three different splits agree on six.
#
# The curve also turns up again. On the answers it learns from, the model always gains from more factors. On the hidden ones it stops gaining: it *overfits*:

# %%
seen = [~np.isnan(table) for table, _ in splits]
trained = np.array([[rmse(full[k], answers, there) for full, there in
                     zip(filled, seen, strict=True)] for k in ranks])  # fmt: skip
check("from 6 to 12 factors the held-out error rises, three splits", errors[-1] - nmf,
      0.01, relation=">=",
      control={"answers learned from": trained[-1] - trained[3]})  # fmt: skip
longer = NMF(12, max_iter=180, tol=0, random_state=0).fit(learned).reconstruct()
check("12 factors, three times the steps: no better", rmse(longer, answers, hidden),
      errors[-1, 0], relation=">=",
      control={"answers learned from": rmse(longer, answers, seen[0])})  # fmt: skip

# %% [markdown] slide="subslide"
# Choose the number of factors yourself. On the right is the person whose hidden answers differ most from one another.

# %% tags=["nbval-ignore-output"]
spread = [row[gone].var() if gone.sum() >= 12 else 0
          for row, gone in zip(answers, hidden, strict=True)]  # fmt: skip
choices = explorers.person_fits(filled[0], answers, hidden, int(np.argmax(spread)),
                                words)  # fmt: skip
explorers.rank_explorer(choices)

# %%
from functools import partial

from coursekit import widgets

places = [{"rank": k} for k in (1, 6, 12)]
widgets.static_frames(partial(explorers.rank_frame, choices), places,
                      alt="Three positions of the explorer. With one factor the "
                      "predictions for the person are far from the answers; with six "
                      "most of them are close; with twelve the error on the answers "
                      "learned from is lowest and the held-out error is up "
                      "again.")  # fmt: skip

# %% [markdown]
# With one factor a prediction is one number of the person times one number of the word. So all the model can say of a person is "ticks high" or "ticks low"; which words come first is the same for everyone. With six, most predictions move to the correct end of the scale. With twelve, the grey curve is at its lowest and the blue one has left its minimum behind. (Some predictions exceed 3. Nothing in the model knows that the scale ends there.)
#
# **A recommendation.** The deck reads off the row $\hat X_{i,:}$ what to recommend to user $i$: the entry with the largest prediction that is not rated yet. Here we can look up whether that was good advice. For every person we take the hidden word with the largest prediction and see how they really answered.

# %%
asked_of = np.flatnonzero(hidden.any(axis=1))  # people with a hidden answer


def answer_to_the_best(scores):
    """Mean true answer to the hidden word that each person is recommended."""
    best = np.where(hidden, scores, -1).argmax(axis=1)
    return answers[asked_of, best[asked_of]].mean()


popular = answer_to_the_best(np.nanmean(learned, axis=0) + np.zeros(answers.shape))
chance = answer_to_the_best(rng.uniform(size=answers.shape))
advised = answer_to_the_best(filled[0][6])
check("the recommended word is answered with 1.8 or more on average", advised, 1.8,
      relation=">=",
      control={"the most popular word": popular, "a random word": chance})  # fmt: skip
biases = factorization.Biases(ridge=2).fit(learned).reconstruct()
rest = np.where(np.isnan(learned), 0, learned - biases)
by_svd = answer_to_the_best(biases + truncated(rest)[ranks.index(6)])
print(f"of 3: six factors {advised:.2f}, biases then SVD of rank 6 {by_svd:.2f}, "
      f"most popular {popular:.2f}, random {chance:.2f}")  # fmt: skip

# %% [markdown]
# Good advice, then: nearly half a point better than the most popular word. (Biases alone can only recommend the most popular words: within a person they put the words in the same order for everyone.) And the last section's rival does just as well again, here even a hair better. What it cannot do comes next.

# %% [markdown] slide="subslide"
# **The factors name themselves.** The model never read a word; it saw columns of numbers. Here are the words with the largest entries in each of the six factors.


# %%
def directions(model):
    """The parts of a model, each scaled to length 1."""
    return model.components_ / np.linalg.norm(model.components_, axis=1, keepdims=True)


six = directions(fits[0][6])
show(pictures.factor_words(six, words,
                           title="six factors, and their largest entries"),
     alt="Six small bar charts of words: frustrated, distressed, tense; full of pep, "
     "energetic, lively; content, warmhearted, satisfied; sleepy, tired, drowsy; at "
     "rest, calm, quiet; alert, wakeful, attentive.")  # fmt: skip
again = [NMF(6, max_iter=60, tol=0, random_state=s).fit(learned) for s in (1, 2)]
twins = [(six @ directions(model).T).max(axis=1) for model in again]
shuffled = (six @ rng.permutation(six, axis=1).T).max(axis=1)
check("two other starts: every factor has a twin, cosine at least .8", twins, 0.8,
      relation=">=", control={"words shuffled": [shuffled, shuffled]})  # fmt: skip

# %% [markdown]
# Tense, energetic, content, sleepy, calm, alert: a psychologist would recognise the list. After section 5 we do not take it on trust, so two other starts had to find the same six. They did, give or take a few words. The names are still ours and not the model's.

# %% [markdown] slide="slide"
# ## 8 · Where the factors lose
#
# One data set proves little. Here is another, of exactly the shape that the deck draws: 2972 students of ETH Zurich rate 1128 lecturers from 1 to 5, and almost every entry is blank. The protocol is nearly the same: three splits, the mean and the biases as rivals, an SVD on top of the biases (of rank 2), and for the largest NMF three times the steps as well.

# %%
student, lecturer, rating = data.lecturers().x.T
Y = np.full((student.max() + 1, lecturer.max() + 1), np.nan)
Y[student, lecturer] = rating
for name, table in (("lecturers", Y), ("moods", answers)):
    given = ~np.isnan(table)
    print(f"{name:10} {given.mean():6.1%} observed, {given.sum(axis=1).mean():.0f} per "
          "person")  # fmt: skip

# %%
from scipy.sparse import csr_array
from scipy.sparse.linalg import svds

budgets = {"NMF 1": (1, 20), "NMF 2": (2, 20), "NMF 8": (8, 20),
           "NMF 8, longer": (8, 60)}  # fmt: skip
scores = {name: []
          for name in ("the mean", "biases", "biases, then SVD of rank 2",
                       *budgets)}  # fmt: skip
learned_from = []  # errors of eight factors on the ratings that they have seen
for table, gone in (hold_out(Y, 0.2, rng=seed) for seed in range(3)):
    biases = factorization.Biases(ridge=5).fit(table).reconstruct()
    left_over = csr_array(np.where(np.isnan(table), 0, table - biases))
    U, S, Vt = svds(left_over, 2, random_state=0)
    tries = [np.full(Y.shape, np.nanmean(table)), biases, biases + U * S @ Vt]
    for k, steps in budgets.values():
        model = NMF(k, max_iter=steps, tol=0, random_state=0).fit(table)
        tries.append(model.reconstruct())
    for values, one in zip(scores.values(), tries, strict=True):
        values.append(rmse(one, Y, gone))
    learned_from.append([rmse(one, Y, ~np.isnan(table)) for one in tries[-2:]])

# %%
title = "lecturers: none of these beats the biases, and more factors do harm"
figure = pictures.ratings_by_method(
    list(scores), list(scores.values()), title=title,
    xlabel="held-out error (RMSE), three splits")  # fmt: skip
show(figure,
     alt="Held-out errors of seven methods. Biases, with or without the SVD, are "
     "lowest; one factor is close behind; the mean follows after two factors; eight "
     "factors are worse than the mean, and worse still with three times the "
     "steps.")  # fmt: skip
check("the SVD on top of the biases changes the error by less than .001, three splits",
      scores["biases, then SVD of rank 2"], scores["biases"], atol=1e-3,
      control={"one factor": scores["NMF 1"]})  # fmt: skip
losers = {name: scores[name] for name in ("the mean", "NMF 1", "NMF 2", "NMF 8")}
check("biases: held-out error at most 1.21, three splits", scores["biases"], 1.21,
      relation="<=", control=losers)  # fmt: skip
check("three times the steps make eight factors worse by over .01, three splits",
      np.subtract(scores["NMF 8, longer"], scores["NMF 8"]), 0.01, relation=">=",
      control={"ratings learned from": np.diff(learned_from)[:, 0]})  # fmt: skip

# %% [markdown]
# Here the factors lose. Eight of them are worse than predicting the same number for everyone, and the SVD on top of the biases gains nothing either. Count what there is to learn from. After we hide a fifth, a student has about twenty ratings left. Eight amounts fitted to twenty ratings memorise noise; six amounts fitted to fifty-odd answers do not. And there may be little else to find. Much of what a rating says is how strict the student is and how good the lecturer is, and that is what the biases say.
#
# So work in this order: mean, then biases, then factors. Each must beat the one before on ratings it has not seen.

# %% [markdown] slide="slide" says="For counts, the squared error is the wrong measure of error. The right one has a multiplicative update too, and it is EM in disguise."
# ## 9 · Counts, and what a novel is about
#
# **Question.** How often does word $j$ occur in chapter $i$? Such a table holds zeros, ones and a few hundreds. To the squared error, 103 instead of 100 is as bad as 3 instead of 0. Is there a better measure of error?
#
# The natural model of a count is a *Poisson* distribution with mean $(WH)_{ij}$: $p(x) = e^{-wh}\,(wh)^x / x!$. Its negative log-likelihood is, up to terms without $W$ and $H$, the **generalised Kullback-Leibler divergence**
#
# $$F = \sum_{i,j} \Big( x_{ij} \log \frac{x_{ij}}{(WH)_{ij}} - x_{ij} + (WH)_{ij} \Big), \qquad \frac{\partial F}{\partial W} = \mathbf 1 H^\top - \frac{X}{WH} H^\top .$$
#
# Again a pull minus a push ($\mathbf 1$ is a table of ones), and again the step length that cancels the pull:
#
# $$W \leftarrow W * \frac{(X / WH)\, H^\top}{\mathbf 1 H^\top} .$$

# %%
from scipy.stats import poisson

few = rng.poisson(2.0, (12, 9)).astype(float)
factors = [(rng.dirichlet(np.ones(3), 12) * s, rng.dirichlet(np.ones(9), 3))
           for s in (10, 25)]  # fmt: skip
losses = [-poisson.logpmf(few, left @ right).sum() for left, right in factors]
distances = [factorization.kullback_leibler(few, left, right)
             for left, right in factors]  # fmt: skip
W_some, H_some = factors[0]
slope = H_some.sum(axis=1) - (few / (W_some @ H_some)) @ H_some.T
D, h = rng.normal(size=W_some.shape), 1e-5
ahead, behind = (factorization.kullback_leibler(few, W_some + s * h * D, H_some)
                 for s in (1, -1))  # fmt: skip
check("slope of the divergence", (ahead - behind) / (2 * h), (slope * D).sum(),
      rtol=1e-6)  # fmt: skip
check("Poisson likelihood and divergence: two pairs of factors differ by the same "
      "amount", np.diff(losses), np.diff(distances), rtol=1e-9)  # fmt: skip

# %% [markdown]
# **It has an older name.** Suppose every word of chapter $i$ arises in two draws: first a topic $k$, with probability $w_{ik}$, then a word $j$, with probability $h_{kj}$. This model is **PLSA**, *probabilistic latent semantic analysis*. Its EM algorithm asks how probable each topic is for each word (the E step) and then counts (the M step). We put one round of it beside one multiplicative step for each factor. Both start from the same pair, and both results are scaled so that rows sum to 1.

# %%
# W and h above.
theta, beta = rng.dirichlet(np.ones(3), 12), rng.dirichlet(np.ones(9), 3)
# E: (chapter, topic, word).
posterior = theta[:, :, None] * beta / (theta @ beta)[:, None]
em = (few[:, None] * posterior).sum(axis=2), (few[:, None] * posterior).sum(axis=0)  # M
ratio = few / (theta @ beta)
kl = (theta * (ratio @ beta.T) / beta.sum(axis=1),
      beta * (theta.T @ ratio) / theta.sum(axis=0)[:, None])  # fmt: skip
for name, left, right in zip(
    ("topics of a chapter", "words of a topic"), em, kl, strict=True):  # fmt: skip
    check(f"EM of PLSA = multiplicative step: {name}",
          left / left.sum(axis=1, keepdims=True),
          right / right.sum(axis=1, keepdims=True), rtol=1e-10)  # fmt: skip
by_kl, by_squares = (NMF(3, loss=loss, max_iter=5, tol=0, random_state=0).fit(few)
                     for loss in ("kullback-leibler", "frobenius"))  # fmt: skip
W_few, H_few = theta, beta
for _ in range(5):
    W_few = W_few * ((few / (W_few @ H_few)) @ H_few.T) / H_few.sum(axis=1)
    H_few = H_few * (W_few.T @ (few / (W_few @ H_few))) / W_few.sum(axis=0)[:, None]
model = NMF(3, loss="kullback-leibler", max_iter=5, tol=0)
check("five rounds by hand = coursekit", W_few,
      model.fit_transform(few, W=theta, H=beta), rtol=1e-9)  # fmt: skip
check("the divergence never rises", np.diff(model.objective_), 1e-9, relation="<=",
      theorem="EM never lowers the likelihood")  # fmt: skip
check("the divergence predicts each word as often as it occurs",
      by_kl.reconstruct().sum(axis=0), few.sum(axis=0), rtol=1e-10,
      control={"squared error": by_squares.reconstruct().sum(axis=0)})  # fmt: skip

# %% [markdown] slide="subslide"
# **Six novels.** We take Jane Austen's 269 chapters, one per row. The columns are the words that occur in at least twenty chapters, without *the*, *and* and their like. Twelve topics, three starts.

# %%
from sklearn.feature_extraction.text import CountVectorizer

chapters = data.austen().by_chapter()
counter = CountVectorizer(stop_words="english", min_df=20, token_pattern="[a-z]{3,}")
counts = counter.fit_transform(chapters.texts).toarray().astype(float)
print(f"{counts.shape[0]} chapters, {counts.shape[1]} words, {counts.sum():.0f} "
      "occurrences")  # fmt: skip
settings = {"max_iter": 50, "tol": 0}
topics = [NMF(12, loss="kullback-leibler", random_state=s, **settings).fit(counts)
          for s in range(3)]  # fmt: skip


# %%
def shares(model):
    """How each chapter divides among the topics, (chapters, topics); rows sum to 1."""
    amounts = model.W_ * model.components_.sum(axis=1)  # takes the parts' sizes in
    return amounts / amounts.sum(axis=1, keepdims=True)


share = shares(topics[0])
order = np.argsort(share.T @ np.arange(269) / share.sum(axis=0))  # by mean chapter
share, parts = share[:, order].T, topics[0].components_[order]
common = counts.sum(axis=0) / counts.sum()
chances = parts / parts.sum(axis=1, keepdims=True)
# Words that are frequent here and rarer elsewhere:
telling = np.argsort(-chances * np.log(chances / common + 1e-12))
labels = [", ".join(counter.get_feature_names_out()[best[:4]]) for best in telling]
starts = [int(np.argmax(chapters.labels == novel)) for novel in range(6)]
figure = pictures.topics_over_chapters(
    share, starts, chapters.label_names, labels,
    title="half of the topics are the cast of one novel; others run through all "
    "six")  # fmt: skip
show(figure,
     alt="Twelve topics, named by their most telling words, against 269 chapters in "
     "six novels. Six of them are dark in one novel only and bear the names of its "
     "characters; the others are paler and spread over all novels.")  # fmt: skip

# %% [markdown]
# The dark blocks are casts of characters: the table has noticed who meets whom. The paler rows that run through all six novels, with letters and feelings or with house and day, come closer to what we would call a *topic*.
#
# Can the novel be told from the strongest topic alone? Let each topic stand for the novel that most of its chapters come from, and count the chapters that this puts in the right novel. That share is the **purity**.


# %%
def purity(model, labels):
    """Share of chapters in the majority novel of their strongest topic."""
    best = shares(model).argmax(axis=1)
    return sum(np.bincount(labels[best == k]).max() for k in set(best)) / len(labels)


by_chance = [purity(model, rng.permutation(chapters.labels)) for model in topics]
by_topic = [purity(model, chapters.labels) for model in topics]
check("purity at least .8, three starts", by_topic, 0.8, relation=">=",
      control={"labels shuffled": by_chance})  # fmt: skip
squared = [NMF(12, random_state=s, **settings).fit(counts) for s in range(3)]
by_squared = [purity(model, chapters.labels) for model in squared]
check("the squared error sorts the novels at least as well, on average",
      np.mean(by_squared), np.mean(by_topic), relation=">=",
      control={"labels shuffled": np.mean(by_chance)})  # fmt: skip
print(f"mean purity: divergence {np.mean(by_topic):.2f}, squared error "
      f"{np.mean(by_squared):.2f}, labels shuffled {np.mean(by_chance):.2f}")  # fmt: skip
longer = settings | {"max_iter": 150, "random_state": 0}
for loss in ("kullback-leibler", "frobenius"):
    again = NMF(12, loss=loss, **longer).fit(counts)
    print(f"three times the steps, {loss}: {purity(again, chapters.labels):.2f}")
cells = np.argsort(counts, axis=None)[-1:-400:-1] % counts.shape[1]
vocabulary = counter.get_feature_names_out()
print("largest counts:", ", ".join(dict.fromkeys(vocabulary[cells].tolist())))

# %% [markdown]
# So the loss that suits counts does *not* win here. The squared error cares most about the largest counts, these are names and titles, and names give the novel away. A yardstick measures what it measures. If you want to sort chapters by novel, names are the thing; if you want themes, they are in the way.

# %% [markdown] slide="slide"
# ## 10 · What goes wrong
#
# **Once zero, always zero.** A product that starts at zero stays there. Start the multiplicative update from factors with exact zeros, such as thresholded singular vectors, and those entries are out of play however much the data ask for them. There is no error message, and the objective falls as nicely as ever.

# %%
closed = rng.uniform(size=start[1].shape) < 0.5  # half of H starts at exactly 0
H_closed = np.where(closed, 0, start[1])  # otherwise the first start of section 4
locked, freed = NMF(16, max_iter=200, tol=0), NMF(
    16, solver="hals", max_iter=200, tol=0)  # fmt: skip
for run in (locked, freed):
    run.fit_transform(pixels, W=start[0], H=H_closed)
check("what starts at zero ends at zero", locked.components_[closed], 0.0)
ends = [run.objective_[-1] / slow[0].objective_[-1] for run in (locked, freed)]
check("the locked run ends at least 10 % above the one without zeros", ends[0], 1.1,
      relation=">=", control={"HALS from the same zeros": ends[1]})  # fmt: skip
curves = {"half of H locked at zero": (locked.objective_, "wrong"),
          "no zeros at the start": (slow[0].objective_, "data"),
          "HALS, half at zero": (freed.objective_, "model")}  # fmt: skip
title = "the locked run falls as well, and stops too high"
show(pictures.falling(curves, title=title, ylabel="F", top=500_000),
     alt="Three falling objectives. The multiplicative run with half of H at zero "
     "flattens out above the same run without zeros; HALS from the same zeros ends "
     "lowest.")  # fmt: skip

# %% [markdown]
# HALS adds before it clips, so it can leave a zero. With multiplicative updates, start positive. The package's start `"nndsvda"` takes the singular vectors and puts the mean of the table where they would be zero.
#
# The other two classic failures have had their sections already: blanks filled with zeros (6), and a rank chosen on the ratings it was fitted to (7).

# %% [markdown] slide="slide"
# ## 11 · Summary
#
# | Claim | Where it was checked | Code in [`factorization`](../coursekit/factorization/updates.py) |
# | --- | --- | --- |
# | the SVD rebuilds the swimmers from 13 directions, none of them a limb | section 1 | `swimmer`, `parts_found` |
# | the multiplicative update is a gradient step with its own step lengths | section 2 | `frobenius_step` |
# | by hand = coursekit = scikit-learn | section 2 | `NMF.fit_transform` |
# | the objective never rises: a bowl above it, lowest at the update | section 3 | |
# | HALS = coordinate descent; it is faster, and comes closer to the KKT conditions | section 4 | `hals_step` |
# | no factorisation beats the SVD's error | section 4 | |
# | exact answers need not be unique; the problem is not convex; rank may be too few | section 5 | |
# | what is written into a blank changes nothing | section 6 | `at_observed` |
# | on moods six factors beat biases, and an SVD on the observed answers beats them; on lecturers biases beat factors | sections 7 and 8 | `Biases`, `hold_out`, `rmse` |
# | the divergence is Poisson likelihood, and its step is EM of PLSA | section 9 | `kullback_leibler_step` |
# | what starts at zero stays at zero | section 10 | `nndsvda_start` |
#
# ### Five questions
#
# <details><summary>1. PCA rebuilds the data better. Why can its components not be read as parts?</summary>
# They have signs. One component may add what another takes away, so a single component need not look like anything that occurs. Parts that are only ever added must each be visible in the data.
# </details>
#
# <details><summary>2. What does the multiplicative update do to an entry whose push and pull are equal? And to an entry that is exactly 0?</summary>
# The first is multiplied by 1 and rests, rightly: its slope is 0. The second rests as well, whatever its slope, and that may be wrong.
# </details>
#
# <details><summary>3. Your run of NMF ends with a smaller error than your colleague's. Are your parts the right ones?</summary>
# They fit better. Whether they are right is another matter: the swimmers with a torso have many exact answers. Compare the parts of several good runs, up to order and scale.
# </details>
#
# <details><summary>4. A recommender predicts about 0.3 on a scale from 0 to 3 for almost everything. What do you suspect?</summary>
# Blanks filled with zeros. If 90 % of a table are zeros that no user gave, the best guess of low rank is close to zero everywhere.
# </details>
#
# <details><summary>5. With eight factors the error is 0.4, with biases it is 0.9. Which do you use?</summary>
# Ask first where the errors were measured. On the ratings that were fitted, more factors always win. Only held-out ratings can decide.
# </details>
#
# **Homework:** [`hw04_nmf_ratings`](homework/release/hw04_nmf_ratings/hw04_nmf_ratings.ipynb): the masked update, the KKT conditions, biases, the next recommendation, and a report with faults. [Solutions](../notebooks/homework/source/hw04_nmf_ratings/hw04_nmf_ratings.ipynb) are in a folder of their own.
#
# **References.** D. Lee and S. Seung (1999), *Learning the parts of objects by non-negative matrix factorization*, Nature 401. D. Lee and S. Seung (2001), *Algorithms for non-negative matrix factorization*. D. Donoho and V. Stodden (2003), *When does non-negative matrix factorization give a correct decomposition into parts?* A. Cichocki, R. Zdunek and S. Amari (2007), *Hierarchical ALS algorithms for nonnegative matrix and 3D tensor factorization*. J. Cohen and U. Rothblum (1993), *Nonnegative ranks, decompositions, and factorizations of nonnegative matrices*. T. Hofmann (1999), *Probabilistic latent semantic indexing*. Y. Koren, R. Bell and C. Volinsky (2009), *Matrix factorization techniques for recommender systems*.
