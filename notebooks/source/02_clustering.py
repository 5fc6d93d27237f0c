# ---
# jupyter:
#   coursekit:
#     cpu_seconds: 20
#     minutes: 90
# ---

# %% [markdown] slide="slide"
# # 02 · Clustering: groups without names
#
# **After this notebook you can** run K-means by hand and say what it promises and what it does not, choose a start and a number of clusters with open eyes, build and read a dendrogram, tell five linkages apart by what they do to the same points, and recognise four kinds of data on which K-means is confidently wrong.
#
# **Time:** 90 minutes to work through; it runs in about 20 seconds. **You need:** a mean, a squared distance, and what standardising a column means (notebook 01, section 3). **It follows** the clustering lecture of the unsupervised learning deck, which follows chapter 10 of *An Introduction to Statistical Learning*: its Algorithms 10.1 and 10.2, and the panels of its Figures 10.6 and 10.7 on data of our own, since the book's are not published. **It adds** the proof that K-means stops, a null distribution for the silhouette, K-means on handwritten digits, the update of Lance and Williams, and a mixture of Gaussians.
#
# Every line that starts with ✓ is a claim that was computed on both sides just now, on your machine. If one fails, the notebook stops there.

# %%
import numpy as np
from scipy.spatial.distance import cdist, pdist

from coursekit import data, plots, widgets
from coursekit.checks import check
from coursekit.clustering import KMeans, cut, linkage

plots.use_course_style()
rng = np.random.default_rng(1)

# %% [markdown] slide="slide" says="A shop has 150 customers, two numbers about each, and can afford **three** different letters. Who gets which? The groups have no names yet, so there is nothing to predict."
# ## 1 · What would a good grouping be?
#
# A shop has 150 customers and two numbers about each. It can afford three different letters. Who gets which? The groups have no names yet, so there is nothing to predict; we want customers who get the same letter to be alike.
#
# Below are 150 points. We draw them around four centres, close enough to each other to overlap, and we will ask for **three** groups. Real data do not come with the right number either.

# %% [markdown]
# **Intuition.** In a good group, the members are close together. So go through a group, take every pair, and measure how far apart the two are.
#
# **Formula.** Let $C_1,\dots,C_K$ be the groups: every point in exactly one. The *within-cluster variation* of one group is the sum of the squared distances over its pairs, divided by its number of points $|C|$,
#
# $$W(C) = \frac{1}{|C|}\sum_{i,j\in C}\lVert x_i-x_j\rVert^2 ,$$
#
# and we look for the grouping with the smallest $W(C_1)+\dots+W(C_K)$. Mind the sum: it runs over *ordered* pairs, $(i,j)$ and $(j,i)$ both, as in the textbook's (10.10). Count each pair once and you get half.
#
# Pairs are many. The *centroid* $m_C$, the mean of the group, makes it cheaper. Write $x_i-x_j=(x_i-m_C)-(x_j-m_C)$ and multiply out: the mixed terms add up to zero, because deviations from a mean do, and what is left is
#
# $$\frac{1}{|C|}\sum_{i,j\in C}\lVert x_i-x_j\rVert^2 = 2\sum_{i\in C}\lVert x_i-m_C\rVert^2 .$$
#
# So "close to each other" and "close to the middle" come to the same thing. It holds for any group, good or bad; we try it on random ones.


# %%
homes = np.array([[0.0, 0.0], [3.2, 0.6], [1.2, 3.0], [5.0, 3.6]])
x = homes[rng.integers(4, size=150)] + 0.95 * rng.normal(size=(150, 2))  # (150, 2)
n, K = len(x), 3


def centroids(x, labels, K):
    return np.array([x[labels == k].mean(axis=0) for k in range(K)])  # (K, 2)


def objective(x, labels, centers):
    return ((x - centers[labels]) ** 2).sum()


random_labels = rng.integers(K, size=n)
groups = [x[random_labels == k] for k in range(K)]
pairs = sum(cdist(g, g, "sqeuclidean").sum() / len(g) for g in groups)
twice = 2 * objective(x, random_labels, centroids(x, random_labels, K))
claim = "sum over ordered pairs / |C| = twice the sum to the centroid"
check(claim, pairs, twice, rtol=1e-12)

# %% [markdown]
# From here on *the objective* is $\sum_i \lVert x_i - m_{c(i)}\rVert^2$, where $c(i)$ is the group, or *label*, of point $i$. Software calls it *inertia*. Below are two groupings of the same points: the random one, and one that we will find in a minute.

# %%
from matplotlib import pyplot as plt

from coursekit.clustering import pictures

good = KMeans(K, n_init=20, random_state=0).fit(x).labels_
figure, axes = plt.subplots(1, 2, figsize=(8.4, 3.8))
both = zip(axes, (random_labels, good), ("random", "better"), strict=True)
for ax, labels, name in both:
    centers = centroids(x, labels, K)
    title = f"{name}: objective {objective(x, labels, centers):.0f}"
    pictures.scatter(ax, x, labels, centers, title=title)
plots.show(figure,
           alt="The same 150 points twice. Left with random labels, all three colours "
           "mixed and the three centroids almost on one spot in the middle; right in "
           "three compact groups with a centroid in each.")  # fmt: skip
digits_long = 150 * np.log10(3) - np.log10(6)
print(f"the number of groupings of 150 points into 3 has {digits_long:.0f} digits")

# %% [markdown]
# We cannot try them all. That is the whole difficulty: the goal fits on one line, but there are too many groupings to search. What follows is a way down, one step at a time.

# %% [markdown] slide="slide" says="Think of ice-cream vans on a beach. Knowing where the vans are, everybody walks to the nearest. Knowing who comes, each van moves to the middle of its customers. Repeat:"
# ## 2 · K-means, half step by half step
#
# **Question.** Two things are unknown: who belongs together, and where the middles are. If we knew one, could we find the other?
#
# **Intuition.** Think of ice-cream vans on a beach. Knowing where the vans are, everybody walks to the nearest. Knowing who comes, each van moves to the middle of its customers. Repeat until nobody moves. Each half of this is easy.
#
# **Formula** (Algorithm 10.1). Start: give each point a random label. Then alternate
#
# 1. *centroids*: $m_k$ becomes the mean of the points with label $k$,
# 2. *assign*: $c(i)$ becomes the $k$ with the smallest $\lVert x_i-m_k\rVert^2$,
#
# until no label changes. By hand it is a short loop; the two lines that write to `path` only record the objective after every half step.

# %% tags=["slide-code"]
labels, before, path = random_labels, None, []
first_centers = centroids(x, labels, K)
while not np.array_equal(labels, before):
    centers = centroids(x, labels, K)
    path.append(objective(x, labels, centers))
    before = labels
    labels = cdist(x, centers, "sqeuclidean").argmin(axis=1)
    path.append(objective(x, labels, centers))

# %% [markdown]
# Does the package take the same path? Started from the same centroids, it must agree at every half step, not only at the end. Inside, it takes short cuts: a point far nearer to its centre than to any other is looked at again only when the centres have moved by as much as its lead. So agreement means something. scikit-learn is the second witness.

# %%
from sklearn.cluster import KMeans as OtherKMeans

model = KMeans(K, init=first_centers).fit(x)
told = [state["objective"] for state in model.history_[1:]]  # entry 0 has no labels yet
check("labels: by hand = coursekit", labels, model.labels_)
check("objective, every half step = coursekit", path[1:], told, rtol=1e-12)
other = OtherKMeans(K, init=first_centers, n_init=1, tol=0, algorithm="lloyd").fit(x)
check("labels from the same start = scikit-learn", model.labels_, other.labels_)
check("objective = scikit-learn", model.inertia_, other.inertia_, rtol=1e-12)

# %% [markdown] slide="subslide"
# Now in pictures, from the `history_` that each fit keeps. These are the six moments of the textbook's Figure 10.6.

# %%
run = KMeans(K, random_state=2).fit(x)
plots.show(pictures.half_steps(x, run.history_),
           alt="Six panels: grey points; the points with random labels; three "
           "centroids nearly on top of each other in the middle; the plane cut into "
           "three wedges; the centroids moved apart; and the result, three compact "
           "groups.")  # fmt: skip

# %%
near, far = pdist(run.history_[1]["centers"]).max(), pdist(run.cluster_centers_).min()
spread = KMeans(K, init="k-means++", random_state=2).fit(x).history_[0]["centers"]
claim = "first centroids: closer together than half of the last"
control = {"three random points, spread out": pdist(spread).max()}
check(claim, near, far / 2, relation="<=", control=control)

# %% [markdown]
# Look at the third panel. Random groups are all alike, so their means almost coincide, near the mean of everything. And yet that small difference is enough: in the next panel each centroid takes its side of the plane, and the second centroids have already moved apart. All borders are straight: the points nearer to one centroid than to a second one fill a half plane.

# %% tags=["nbval-ignore-output"]
from coursekit.clustering import explorers

explorers.k_means_explorer(x)

# %%
from functools import partial

widgets.static_frames(partial(explorers.k_means_frame, x),
                      [{"half_step": step, "n_clusters": 4, "start": 0}
                       for step in (1, 2, 12)],
                      alt="Three positions of the explorer with four clusters: at half "
                      "step 1 all centres lie in the middle and the objective is high; "
                      "after half step 2 it has fallen steeply; at the end four groups "
                      "are found and it is flat.")  # fmt: skip

# %% [markdown]
# Nearly all of the drop happens in the first few half steps. Move the slider *start* to its other positions and watch the last value: it is not always the same. Section 3 is about that.

# %% [markdown] slide="slide"
# **Why does it end?** Each half step can only lower the objective, or leave it.
#
# *Assign:* every point takes the smallest of $K$ squared distances, so no term of the sum grows.
#
# *Centroids:* for a group $C$ and any other place $m$ for its centre,
#
# $$\sum_{i\in C}\lVert x_i-m\rVert^2=\sum_{i\in C}\lVert x_i-m_C\rVert^2+|C|\,\lVert m_C-m\rVert^2 ,$$
#
# so moving from $m$ to the mean $m_C$ saves exactly the last term. There are finitely many groupings, and as long as the objective falls none of them comes back. So it must stop.

# %%
group, elsewhere = x[labels == 0], rng.normal(size=(1000, 2)) * 5
middle = group.mean(axis=0)
steps = ((elsewhere - middle) ** 2).sum(axis=1)
predicted = ((group - middle) ** 2).sum() + len(group) * steps
measured = cdist(group, elsewhere, "sqeuclidean").sum(axis=0)
claim = "sum about m = sum about the mean + |C| step squared, 1000 m"
check(claim, measured, predicted, rtol=1e-12)

# %% [markdown]
# A theorem about the idea promises nothing about the code. So we watch the code on 200 random problems of all sizes, recompute every objective from the labels and centres it shows, and also look at the last state: another round must change nothing.

# %%
rises, moved = [], []
for seed in range(200):
    draw = np.random.default_rng(seed)
    size, width, k = draw.integers(10, 80), draw.integers(1, 5), draw.integers(1, 7)
    points = draw.normal(size=(size, width)) + 3 * draw.integers(3, size=(size, 1))
    fitted = KMeans(k, random_state=seed).fit(points)
    states = [(state["labels"], state["centers"]) for state in fitted.history_[1:]]
    values = [objective(points, *state) for state in states]
    rises.append(max(np.diff(values)) / values[0])
    again = cdist(points, fitted.cluster_centers_).argmin(axis=1)
    moved.append((again != fitted.labels_).sum())
claim = "no half step of 200 runs raises the objective"
check(claim, rises, 0.0, relation="<=", atol=1e-12, theorem="each half step minimises")
check("the last state is a fixed point: no label would change", moved, 0)

# %% [markdown]
# The algorithm on the blackboard leaves one case open: what if a group loses its last point? The mean of an empty set is undefined. `KMeans` lets the empty group take over the point that is farthest from its own centre (but never the only point of a different group). That lowers the objective too. Below, the point at 20 is the farthest, but it is alone; the next one is the point at 4.

# %%
line = np.array([[0.0], [1.0], [2.0], [4.0], [20.0]])
far_off = np.array([[1.0], [12.0], [1000.0]])  # no point is nearest to the third centre
filled = KMeans(3, init=far_off).fit(line)
nearest = cdist(line, far_off).argmin(axis=1)
own = cdist(line, far_off).min(axis=1)
shared = np.bincount(nearest, minlength=3)[nearest] > 1
taken = np.argmax(np.where(shared, own, -1))
_, _, refilled, *_ = filled.history_  # given centres, first labels, first centroids
middle = line[(nearest == 0) & (np.arange(5) != taken)].mean()
expected = [middle, 20, line[taken, 0]]
check("the empty group takes the farthest point", refilled["centers"][:, 0], expected)
check(
    "no group is empty at the end",
    np.bincount(filled.labels_, minlength=3),
    1,
    relation=">=",
    control={"the nearest centre alone": np.bincount(nearest, minlength=3).min()},
)

# %% [markdown] slide="slide"
# ## 3 · Six starts, six answers
#
# **Predict before you run:** the same points, the same $K$, six different random labellings at the start. How many different answers?
#
# <details><summary>Answer</summary>
#
# Several. The path only ever goes downhill, and it stops in the first hollow from which no half step leads further down. Which hollow that is depends on where it started.
# </details>

# %%
models = [KMeans(K, random_state=start).fit(x) for start in range(6)]
plots.show(pictures.starts(x, models),
           alt="Six results of K-means from six random starts. Their objectives "
           "differ: several lie near 338, others near 386 or 389 with the plane cut in "
           "another direction. The panel with the lowest one is framed.")  # fmt: skip

# %%
ends = np.array([fitted.inertia_ for fitted in models])
best_of_20 = [KMeans(K, n_init=20, random_state=i).fit(x).inertia_ for i in range(6)]
claim = "the worst of the six is at least 10 % above the best"
control = {"the worst of six times the best of 20 starts": max(best_of_20)}
check(claim, ends.max(), 1.1 * ends.min(), relation=">=", control=control)

# %% [markdown]
# Each of the six is a *local optimum*: no half step improves it. Some differ by a few points at a border, others cut the plane in another direction altogether. A single run cannot tell you which kind you have. Only the number in the title can, and only in comparison with other runs.
#
# How good is the best of several? For a tiny problem we can afford what was impossible above: all groupings. Nine points, three groups, and the first point may be called group 0, which leaves $3^8$ labellings (those with an empty group are skipped).

# %%
from itertools import combinations, product

few = x[:9]
rests = product(range(3), repeat=8)
every = [np.array((0, *rest)) for rest in rests if len({0, *rest}) == 3]
true_best = min(objective(few, labels, centroids(few, labels, 3)) for labels in every)
print(f"{len(every)} labellings of nine points")
for kind in ("random_partition", "k-means++"):
    fits = [KMeans(3, init=kind, random_state=seed).fit(few) for seed in range(500)]
    one_start = np.array([fitted.inertia_ for fitted in fits])
    check(f"{kind}: best of 500 = best of all", one_start.min(), true_best, rtol=1e-12)
    hits = (one_start < 1.0001 * true_best).mean()
    print(f"   a single start finds it in {hits:.1%};", end=" ")
    print(f"the best of 20 misses it with probability {(1 - hits) ** 20:.2%}")

# %% [markdown]
# With random labels a single start is nearly always wrong, and even twenty of them often miss. With *k-means++*, a way to start that comes next, twenty are enough here. The objective can compare two answers; it cannot tell you that a better one exists.

# %% [markdown] slide="subslide"
# **A better start.** Random labels put all centroids into the middle. *k-means++* spreads them: the first centre is a random point; each further one is a point drawn with probability proportional to $D(x)^2$, the squared distance to the nearest centre so far. Far points are likely, but an outlier is not certain to be drawn. Does it pay? One data set proves little, so we draw twenty, each with twelve small groups at random places, and run twenty starts of each kind on each. The third kind takes *random points* as centres, an old habit. All objectives are divided by that of the grouping as we drew it.

# %%
kinds = ("random labels", "random points", "k-means++")
ended, truth = {kind: [] for kind in kinds}, np.arange(12).repeat(25)
for seed in range(20):
    draw = np.random.default_rng(seed)
    places = draw.uniform(-10, 10, size=(12, 2))
    points = places[truth] + 0.3 * draw.normal(size=(300, 2))
    drawn = objective(points, truth, centroids(points, truth, 12))
    some = [points[draw.choice(300, 12, replace=False)] for _ in range(20)]
    inits = (["random_partition"] * 20, some, ["k-means++"] * 20)
    for kind, starts in zip(kinds, inits, strict=True):
        fits = [KMeans(12, init=start, random_state=i).fit(points)
                for i, start in enumerate(starts)]  # fmt: skip
        ended[kind].append([fitted.inertia_ / drawn for fitted in fits])
ended = {kind: np.array(ratios) for kind, ratios in ended.items()}  # (data set, start)
plots.show(pictures.objectives_of_starts(
    {kind: ended[kind].mean(axis=1) for kind in kinds}),
           alt="Three strips of twenty dots, one for each data set: the mean objective "
           "at the end relative to the grouping as drawn. Random labels end far above "
           "it, random points lower, k-means++ lowest, but mostly above "
           "one.")  # fmt: skip
plus = ended["k-means++"]
halves = plus[:, :10].mean(axis=1) - plus[:, 10:].mean(axis=1)
for kind in ("random labels", "random points"):
    gains = (ended[kind] - ended["k-means++"]).mean(axis=1)
    error = gains.std(ddof=1) / np.sqrt(len(gains))
    print(f"k-means++ against {kind}: lower by {gains.mean():.1f} (error {error:.1f})")
    claim = "   better on average by more than 3 standard errors"
    control = {"k-means++ against itself": halves.mean()}
    check(claim, gains.mean(), 3 * error, relation=">=", control=control)


# %% [markdown]
# With many groups far apart the kind of start decides. (*Try it* on the overlapping cloud, 200 starts of each kind: is there a difference?) And even k-means++ ends well above the best on average, so use several starts of any kind: `KMeans(12, init="k-means++", n_init=10)` keeps the best of ten.

# %% [markdown] slide="slide" says="More centres are never worse: with $K=n$ the objective is zero.\n\n*The elbow:* look for the bend after which further centres gain little.\n\n*The silhouette* compares $a_i$, the mean distance to the own group, with $b_i$, that to the nearest other group:"
# ## 4 · How many clusters?
#
# **Question.** The objective measures how good a grouping is. Why not choose the $K$ with the smallest one?
#
# Because more centres are never worse. With $K=n$ every point is its own centre and the objective is zero. Two rules of thumb have grown up.
#
# *The elbow.* Plot the objective against $K$ and look for the bend after which further centres gain little.
#
# *The silhouette.* For point $i$ let $a_i$ be its mean distance to the other points of its own group, and $b_i$ its mean distance to the points of the nearest other group. Then
#
# $$s_i=\frac{b_i-a_i}{\max(a_i,b_i)}\in[-1,1],$$
#
# which is near 1 for a point deep inside its group, near 0 at a border, and negative for one that would be better off elsewhere. (A point alone in its group gets 0.) Choose the $K$ with the largest mean.


# %%
def silhouette(x, labels):
    distances, counts = cdist(x, x), np.bincount(labels)
    sums = [distances[:, labels == k].sum(axis=1) for k in range(len(counts))]
    to_groups = np.stack(sums, axis=1)
    own = np.arange(len(x)), labels
    a = to_groups[own] / np.maximum(counts[labels] - 1, 1)  # not the point itself
    to_groups = to_groups / counts
    to_groups[own] = np.inf
    b = to_groups.min(axis=1)
    return np.where(counts[labels] > 1, (b - a) / np.maximum(a, b), 0.0)


from sklearn.metrics import adjusted_rand_score, silhouette_samples

theirs = silhouette_samples(x, good)
check("silhouettes by hand = scikit-learn", silhouette(x, good), theirs, atol=1e-12)
corners = np.array([[0, 0], [6, 0], [0, 6], [6, 6.0]])
apart = corners[rng.integers(4, size=150)] + 0.8 * rng.normal(size=(150, 2))
empty = rng.uniform(0, 7, size=(150, 2))
cases = {"four groups": apart, "the cloud": x, "no groups at all": empty}
numbers = list(range(1, 9))


def by_number(points):
    """Objective, as a share of that for K = 1, and mean silhouette, for K = 1 to 8."""
    fits = [KMeans(k, n_init=5, random_state=0).fit(points) for k in numbers]
    widths = [silhouette(points, fitted.labels_).mean() for fitted in fits[1:]]
    inertias = np.array([fitted.inertia_ for fitted in fits])
    return inertias / inertias[0], np.array([np.nan, *widths])


found = {name: by_number(points) for name, points in cases.items()}
objectives = {name: both[0] for name, both in found.items()}
silhouettes = {name: both[1] for name, both in found.items()}

# %%
plots.show(pictures.choose_k(cases, numbers, objectives, silhouettes),
           alt="Three columns: four separate groups, the overlapping cloud, and points "
           "spread evenly over a square. The objective falls with K in all three, with "
           "a sharp bend at 4 only for the first; the other two curves look alike. The "
           "silhouette has a clear peak of about 0.75 at 4 for the first, a weak one "
           "for the cloud, and still some largest value for no groups.")  # fmt: skip

# %%
for name in cases:
    falls = np.diff(objectives[name])
    rises = np.diff(silhouettes[name][1:])  # of the silhouette, some are positive
    claim = f"more centres lower the objective: {name}"
    control = {"the silhouette": rises.max()}
    check(claim, falls, 0.0, relation="<=", control=control)
    bend = np.diff(objectives[name], 2)[numbers.index(4) - 1]
    print(f"bend of the objective at K = 4, {name}: {bend:.2f}")

# %% [markdown]
# Four separate groups: both rules see them at once. The cloud: we know that it was made from four centres, but its elbow at 4 is hardly sharper than that of the square, which has *no* groups. That last column is the warning: the silhouette still names a winner. A largest value always exists.
#
# So ask one more question: *is this value larger than what structureless data of the same size reach?* That is the idea of the gap statistic. Draw many squares without groups, treat each exactly as the data (same $K$, same number of starts), and take the largest silhouette of each. They are the **null distribution**. Its test of sanity: data without groups, such as our last column, must not stick out of it.

# %%
null = []
for seed in range(39):
    square = np.random.default_rng(seed).uniform(0, 7, size=(150, 2))
    null.append(np.nanmax(by_number(square)[1]))
peaks = {name: np.nanmax(values) for name, values in silhouettes.items()}
for name, peak in peaks.items():
    share = (1 + np.sum(np.array(null) >= peak)) / 40
    print(f"{name}: {peak:.2f}; 1 + squares that reach it, of 40: {share:.1%}")
claim = "no groups at all, and still a silhouette above 0.35"
control = {"labels at random": silhouette(empty, random_labels).mean()}
check(claim, null, 0.35, relation=">=", control=control)
claim = "four groups: 0.2 above all 39 squares"
control = {"the cloud": peaks["the cloud"], "no groups": peaks["no groups at all"]}
check(claim, peaks["four groups"], max(null) + 0.2, relation=">=", control=control)

# %% [markdown]
# The four groups are far above all squares. The cloud is just above them. Our own square is near the top of its null distribution, but inside: one structureless square in twenty or so does as well, which is why one such value proves nothing. The number of clusters is a decision: about how many letters the shop can afford, or about which grouping helps the next step. Report it as one.

# %% [markdown] slide="subslide"
# **A use: ten kinds of digit.** K-means on 1797 images of handwritten digits, with $K=10$ and no labels. Each centre is a mean of images, so it is an image too. Afterwards we look at the labels: how many images carry the most frequent label of their group?

# %%
digits = data.digits()
by_group = KMeans(10, init="k-means++", n_init=5, random_state=0).fit(digits.x)


def agreement_with(truth):
    """Most frequent label of each group, and the share of images that carry it."""
    groups_of = by_group.labels_
    names = np.array([np.bincount(truth[groups_of == k]).argmax() for k in range(10)])
    return names, (names[groups_of] == truth).mean()


names, right = agreement_with(digits.labels)
_, by_chance = agreement_with(rng.permutation(digits.labels))
order = np.argsort(names, kind="stable")
figure, ax = plt.subplots(figsize=(8.4, 1.2))
title = f"ten centres; most frequent labels: {names[order].tolist()}"
centres = by_group.cluster_centers_[order]
plots.digits_strip(ax, centres, digits.image_shape, title=title)
plots.show(figure,
           alt="The ten centres of K-means on digits, as images in a row: most are "
           "clearly readable digits; one kind of digit appears twice and another one "
           "is missing.")  # fmt: skip
print(f"{right:.0%} of the images carry the most frequent label of their group")
claim = "at least 70 %"
check(claim, right, 0.7, relation=">=", control={"shuffled labels": by_chance})

# %% [markdown]
# Groups found from pixels alone are, for the most part, kinds of digit. Not entirely: one label is the most frequent in two groups, so another label has no group of its own. K-means was asked for ten groups of similar width, not for the ten digits.

# %% [markdown] slide="slide" says="A family tree, told backwards. At first everybody is alone. The two nearest become a pair, then the next two nearest, where a pair counts as one, until all are one family."
# ## 5 · From the bottom up: merging
#
# **Question.** Must we choose $K$ before we start? What if we want all of them at once?
#
# **Intuition.** A family tree, told backwards. At first everybody is alone. The two nearest become a pair, then the next two nearest, where a pair counts as one, until all are one family. Write down at which distance each merger happened.
#
# **Algorithm 10.2.** Compute the $n(n-1)/2$ distances of the points, their *dissimilarities*. Then $n-1$ times: find the two clusters that are nearest to each other, merge them, note the height. How far apart are two *clusters*? For now, as far as their two *farthest* points: *complete linkage*. It is the argument `farness` below.


# %% tags=["slide-code"]
def merge_by_hand(x, farness):
    distances = cdist(x, x)
    clusters, merges = {i: [i] for i in range(len(x))}, []
    while len(clusters) > 1:
        candidates = []
        for a, b in combinations(clusters, 2):
            block = distances[np.ix_(clusters[a], clusters[b])]
            candidates.append((farness(block), a, b))
        height, a, b = min(candidates)
        both = clusters.pop(a) + clusters.pop(b)
        clusters[len(x) + len(merges)] = both  # new clusters are numbered from n on
        merges.append((a, b, height, len(both)))
    return np.array(merges)


points = np.random.default_rng(18).normal(size=(9, 2)) * [1.6, 1.0]
Z = merge_by_hand(points, np.max)
print(np.round(Z, 2))

# %% [markdown]
# Each row is one merger: the numbers of the two clusters, the height, and the size of the new one. A number below $n=9$ is a point; the cluster made in row $i$ is called $n+i$. This is SciPy's format, so SciPy and the package can be asked for the same table.

# %%
from scipy.cluster import hierarchy

check("merge table: by hand = coursekit", Z, linkage(points, "complete"), atol=1e-12)
check("by hand = SciPy", Z, hierarchy.linkage(points, "complete"), atol=1e-12)
check("nine points have 9 x 8 / 2 dissimilarities", len(pdist(points)), 9 * 8 // 2)
leaves = hierarchy.dendrogram(Z, no_plot=True)["leaves"]
check("SciPy draws the same table, leaves in our order", leaves, pictures.leaf_order(Z))

# %%
plots.show(pictures.numbered_points(points, {"read heights, not neighbours": Z}),
           alt="Nine numbered points and their dendrogram under complete linkage. Each "
           "leaf is a point; two branches join at the height at which their clusters "
           "were merged, and the last merger joins everything at the top.")  # fmt: skip

# %% [markdown] slide="subslide" says="The height at which two leaves meet says how different they are. That two leaves are side by side says nothing.\n\nA horizontal **cut** leaves as many clusters as it crosses branches."
# **How to read a dendrogram.** Take two leaves and climb until their branches meet. That height, their *cophenetic distance*, says how different they are. That two leaves are side by side says nothing: each joint could be turned like a mobile, so there are $2^{n-1}$ drawings of the same tree.
#
# A horizontal **cut** leaves as many clusters as it crosses branches. One tree holds all $K$ from 1 to $n$, and the clusterings are nested: going from $K$ to $K-1$ only ever joins two clusters. K-means makes no such promise.

# %% tags=["nbval-ignore-output"]
thirty = x[:30]
explorers.cut_explorer(thirty, "complete")

# %%
thirty = x[:30]
tree = linkage(thirty, "complete")
widgets.static_frames(partial(explorers.cut_frame, thirty, tree),
                      [{"height": height} for height in (1.0, 2.5, 5.0)],
                      alt="Three positions of a cut through the dendrogram of thirty "
                      "points. A low cut leaves many small clusters and points alone "
                      "in grey, a middle one a handful, a high one two or three large "
                      "clusters.")  # fmt: skip

# %%
for count in (2, 3, 5):
    finer, coarser = cut(tree, count + 1), cut(tree, count)
    nested = {(f, c) for f, c in zip(finer.tolist(), coarser.tolist(), strict=True)}
    claim = f"each of {count + 1} clusters lies inside one of {count}"
    check(claim, len(nested), count + 1)

# %% [markdown]
# Low cuts leave crumbs, high cuts leave continents. A long stretch in which the cut crosses the same branches is a hint that this number of clusters is stable; as with the elbow, a hint and not a rule.

# %% [markdown] slide="slide"
# ## 6 · What does "near" mean for two crowds?
#
# Complete linkage asked for the farthest pair. There are other answers, and they give other trees.
#
# | Linkage | Dissimilarity of clusters $A$ and $B$ | In words |
# | --- | --- | --- |
# | single | $\min\, d(x,y)$ | their two nearest members |
# | complete | $\max\, d(x,y)$ | their two farthest members |
# | average | mean of all $d(x,y)$ | everybody with everybody |
# | centroid | $d(m_A, m_B)$ | the two means |
# | Ward | $\sqrt{2\,\lvert A\rvert\lvert B\rvert/(\lvert A\rvert+\lvert B\rvert)}\; d(m_A,m_B)$ | the root of twice what a merger adds to the K-means objective |
#
# Here $x$ runs through $A$, $y$ through $B$, and $d$ is the Euclidean distance. First the trees, then the differences.

# %%
methods = ("single", "complete", "average", "centroid", "ward")
sample = x[:60]
trees = {method: linkage(sample, method) for method in methods}

# %%
rules = {"single": np.min, "complete": np.max, "average": np.mean}
for method, rule in rules.items():
    hand = merge_by_hand(sample, rule)
    check(f"{method}: by hand = coursekit", hand, trees[method], atol=1e-9)
for method in methods:
    theirs = hierarchy.linkage(sample, method)
    check(f"{method}: coursekit = SciPy", trees[method], theirs, atol=1e-9)

# %%
three = {method: cut(Z, 3) for method, Z in trees.items()}
plots.show(pictures.linkages(
    sample, {method: (Z, three[method]) for method, Z in trees.items()}),
           alt="Five columns, one for each linkage, with the same sixty points in the "
           "colours of a cut into three and the dendrogram below. Single linkage puts "
           "nearly all points in one cluster. Average and centroid show the same three "
           "groups; complete and Ward draw other borders. Red dots in the centroid "
           "dendrogram mark mergers below their children.")  # fmt: skip
for method, labels in three.items():
    print(f"{method:8} sizes {sorted(np.bincount(labels).tolist())}")
same = adjusted_rand_score(three["average"], three["centroid"])
check("average and centroid: the same three groups here", same, 1.0)

# %% [markdown]
# The same sixty points, four opinions: average and centroid agree. Single linkage keeps nearly everything in one cluster and splits off stragglers. The other four all give three sizeable groups and differ about the borders.
#
# **No need to look at the points again.** When $A$ and $B$ have merged, the dissimilarity of the new cluster to a third one $C$ follows from numbers already known (Lance and Williams 1967). For single linkage it is the smaller of the two old ones, for complete the larger, for average their mean weighted with the sizes $a$, $b$. For centroid and Ward it works with *squared* dissimilarities, $c$ being the size of $C$:
#
# $$d_{(AB)C}^2=\frac{a\,d_{AC}^2+b\,d_{BC}^2}{a+b}-\frac{ab\,d_{AB}^2}{(a+b)^2}\ \text{(centroid)},\qquad
# d_{(AB)C}^2=\frac{(a+c)\,d_{AC}^2+(b+c)\,d_{BC}^2-c\,d_{AB}^2}{a+b+c}\ \text{(Ward)}.$$

# %%
from coursekit.clustering import lance_williams


def between(A, B, method):
    """By definition, from the points; squared for centroid and Ward."""
    if method in ("centroid", "ward"):
        gap = ((A.mean(axis=0) - B.mean(axis=0)) ** 2).sum()
        weight = 2 * len(A) * len(B) / (len(A) + len(B))
        return gap if method == "centroid" else gap * weight
    return rules[method](cdist(A, B))


A, B = rng.normal(size=(3, 4)), rng.normal(size=(5, 4)) + 1
C = rng.normal(size=(2, 4)) - 1
for method in methods:
    old = between(A, C, method), between(B, C, method), between(A, B, method)
    updated = lance_williams(method, *old, len(A), len(B), len(C))
    defined = between(np.vstack([A, B]), C, method)
    check(f"{method}: update = definition", updated, defined, rtol=1e-12)

# %% [markdown]
# **Ward and K-means want the same thing.** Half the squared height of a Ward merger is the amount by which it raises the K-means objective. So Ward's tree climbs the same hill from its foot, where every point is alone and the objective is 0, each time by the smallest rise there is, and never takes a merger back.

# %%
ladder = [cut(trees["ward"], k) for k in range(60, 0, -1)]
cost = [objective(sample, a, centroids(sample, a, a.max() + 1)) for a in ladder]
half = trees["ward"][:, 2] ** 2 / 2
claim = "rise of the objective = half the squared Ward height"
check(claim, np.diff(cost), half, atol=1e-9)
gap = cost[-3] / KMeans(3, n_init=20, random_state=0).fit(sample).inertia_
print(f"cut into three, Ward's objective is {gap:.2f} times K-means' best")

# %% [markdown] slide="subslide"
# **A parent below its child.** One would expect later mergers to be higher. For single, complete, average and Ward linkage that is a theorem: a merger never brings the new cluster nearer to a third than its nearer part was. For centroids it is false. Three points are enough.

# %%
triangle = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 0.9]])
turned = linkage(triangle, "centroid")
plots.show(pictures.inversion(triangle, turned),
           alt="Three points, nearly an equilateral triangle: the base has length 1, "
           "the tip is 0.9 above its middle. In the dendrogram of centroid linkage the "
           "second merger lies at 0.9, below the first at 1.0.")  # fmt: skip
check("inversion: heights 1.0 and then 0.9", turned[:, 2], [1.0, 0.9], atol=1e-12)
for method in ("single", "complete", "average", "ward"):
    rises = np.diff(trees[method][:, 2])
    falling = {"centroid": np.diff(trees["centroid"][:, 2]).min()}
    check(f"{method}: heights never fall", rises, 0.0, relation=">=", control=falling)
n_falls = int((np.diff(trees["centroid"][:, 2]) < 0).sum())
print("centroid linkage of the sixty points falls", n_falls, "times")

# %% [markdown]
# The sides of the triangle are all at least 1, so the base merges first at height 1. But the middle of the base is only 0.9 from the tip. This is an *inversion*. A cut at height 0.95 has no meaning in such a tree; this is one reason why centroid linkage is seldom used.

# %% [markdown] slide="subslide"
# **The chain.** Single linkage asks for one near pair and no more. Two groups with a few points between them, like stepping stones, are then no longer two groups.

# %%
from scipy.sparse.csgraph import minimum_spanning_tree

draw = np.random.default_rng(4)
places = 1 + np.cumsum(np.linspace(0.24, 0.38, 13))
stones = np.column_stack([places, 0.05 * draw.normal(size=13)])
blobs = [0.45 * draw.normal(size=(25, 2)) + [left, 0] for left in (0, 6.2)]
bridge = np.vstack([*blobs, stones])
chained = {method: linkage(bridge, method) for method in ("single", "complete")}
shortest = minimum_spanning_tree(cdist(bridge, bridge)).tocoo()
edges = np.column_stack([shortest.row, shortest.col])
plots.show(pictures.chain(bridge, edges,
                          {a: (Z, cut(Z, 2)) for a, Z in chained.items()}),
           alt="Two round groups joined by a row of thirteen points. Single linkage, "
           "with its spanning tree drawn, cuts off one straggler and keeps all the "
           "rest together; in its dendrogram points join one by one. Complete linkage "
           "cuts in the middle.")  # fmt: skip
sizes = {method: np.bincount(cut(Z, 2)).tolist() for method, Z in chained.items()}
print("sizes of the two clusters:", sizes)
small = {method: min(both) for method, both in sizes.items()}
claim = "single: the smaller one has at most 2 points"
check(claim, small["single"], 2, relation="<=", control={"complete": small["complete"]})
claim = "complete: the smaller one has at least 20"
check(claim, small["complete"], 20, relation=">=", control={"single": small["single"]})
by_hand = merge_by_hand(bridge, np.min)[:, 2]
claim = "single linkage by hand = minimum spanning tree"
check(claim, by_hand, np.sort(shortest.data), atol=1e-12)

# %% [markdown]
# This is called *trailing* or *chaining*: points join the big cluster one at a time, and the middle of its dendrogram looks like a staircase. No gap on the bridge is wider than the one to the loneliest straggler, so the straggler is cut off first.
#
# The thin lines are the *minimum spanning tree*: the shortest network of roads that connects all points. Its roads, sorted by length, **are** the heights of single linkage, for the shortest road that still connects two separate parts is the next merger. (The package computes single linkage from such a tree, so in the last check it is the table by hand that must agree.)

# %% [markdown]
# *What does it cost?* The function by hand looks at all pairs of clusters again in every round, about $n^3/6$ looks in all. The package computes the distances once and follows chains of nearest neighbours: about $n^2$ steps, and a table of $n^2/2$ distances. K-means needs no such table.

# %% [markdown] slide="slide"
# ## 7 · The fifty states, as families
#
# We return to the table of notebook 01: 50 states, arrests for murder, assault and rape per 100 000 residents, and the percentage in towns. Complete linkage, cut into three, once with the numbers as they came and once with each column in its own standard deviations.

# %%
states = data.usarrests()
raw = linkage(states.x, "complete")
standardized = (states.x - states.x.mean(axis=0)) / states.x.std(axis=0)
scaled = linkage(standardized, "complete")
raw_labels, scaled_labels = cut(raw, 3), cut(scaled, 3)
check("raw, cut at three: 16, 14 and 20 states", np.bincount(raw_labels), [16, 14, 20])
for title, labels in (("raw", raw_labels), ("scaled", scaled_labels)):
    for k in range(3):
        members = np.array(states.row_names)[labels == k]
        print(f"{title} {k}, {len(members)} states:", ", ".join(members))
agreement = adjusted_rand_score(raw_labels, scaled_labels)
print(f"agreement of the two groupings (1 is the same, 0 is chance): {agreement:.2f}")
ten_times = cut(linkage(10 * states.x, "complete"), 3)
claim = "scaling each column changes the answer"
control = {"all columns times 10": adjusted_rand_score(raw_labels, ten_times)}
check(claim, agreement, 0.7, relation="<=", control=control)

# %%
state_trees = {"as they came": (raw, raw_labels), "scaled": (scaled, scaled_labels)}
plots.show(pictures.state_trees(state_trees, states.row_names),
           alt="Two dendrograms of the fifty states with their names. Left from the "
           "raw numbers, three clusters of 16, 14 and 20 states; right from scaled "
           "columns, clusters of 8 (seven southern states and Alaska), 11 with many "
           "arrests and many people in towns, and 31 others.")  # fmt: skip

# %% [markdown]
# What did the raw tree use? As in notebook 01, *Assault* has the largest numbers. Its groups are high, middle and low in assaults, and nearly nothing else.

# %%
assault = states.x[:, states.feature_names.index("Assault")]


def overlaps(labels):
    parts = [assault[labels == k] for k in range(3)]
    bounds = np.array(sorted([part.min(), part.max()] for part in parts))
    return bounds[:-1, 1] - bounds[1:, 0]  # end of one cluster minus begin of the next


claim = "raw clusters are slices of Assault: none overlaps the next"
control = {"scaled": overlaps(scaled_labels)}
check(claim, overlaps(raw_labels), 0.0, relation="<=", control=control)

# %% [markdown]
# After scaling, all four columns have a say, and seven southern states and Alaska, with many arrests for murder and few people in towns, form a family of their own. Neither tree is the truth about 1973. If you believe that an arrest for assault and one for murder should count the same, do not scale; if each *column* should count the same, do. The choice is yours, and it belongs in the report, together with the linkage.

# %% [markdown] slide="slide"
# ## 8 · What goes wrong
#
# K-means draws straight borders halfway between centres and adds up squared distances. So it expects round groups, of similar width and size, in comparable units, and a start that leads there. We break each expectation in turn, on three draws of the data. Since we made the groups ourselves, we can score an answer against them: the *adjusted Rand index* is 1 for the same grouping and about 0 for chance.


# %%
def two_rings(draw):
    truth, turn = np.repeat([0, 1], [100, 200]), draw.uniform(0, 2 * np.pi, 300)
    radius = np.array([1.0, 3.0])[truth] + 0.12 * draw.normal(size=300)
    return np.column_stack([radius * np.cos(turn), radius * np.sin(turn)]), truth


def one_large_two_small(draw, gap=6.5, width=1.5):
    truth = np.repeat([0, 1, 2], [400, 25, 25])
    places = np.array([[0, 0], [gap, 2], [gap, -2]])
    widths = np.array([width, 0.3, 0.3])
    return places[truth] + widths[truth, None] * draw.normal(size=(450, 2)), truth


def two_units(draw):
    truth = draw.integers(2, size=200)
    metres = 4 * truth + 0.6 * draw.normal(size=200)
    centimetres = 60 * draw.normal(size=200)
    return np.column_stack([metres, centimetres]), truth


def six_groups(draw):
    truth = draw.integers(6, size=210)
    places = np.array([[0, 0], [4.5, 0], [0, 5], [9, 6], [5, 9], [10, 2.5]])
    return places[truth] + 0.6 * draw.normal(size=(210, 2)), truth


# %% [markdown] slide="subslide" says="**A mixture of Gaussians** gives each group its own width $s_k$ and size $\\pi_k$, and each point a share $r_{ik}$ in each group. *E step:* shares by Bayes. *M step:* weighted means, widths and sizes. K-means is the limit of equal sizes and equal widths that shrink to zero."
# **A repair for unequal groups: a mixture of Gaussians.** Let group $k$ have its own share $\pi_k$ of the points, mean $m_k$ and width $s_k$, in $d$ dimensions: $p(x)=\sum_k \pi_k\,\mathcal N(x; m_k, s_k^2 I)$. Two half steps again, called *expectation* and *maximisation* (EM):
#
# $$r_{ik} = \frac{\pi_k\,\mathcal N(x_i; m_k, s_k^2I)}{\sum_l \pi_l\,\mathcal N(x_i; m_l, s_l^2I)}, \qquad \pi_k=\frac{R_k}{n},\quad m_k=\frac{1}{R_k}\sum_i r_{ik}x_i,\quad s_k^2=\frac{1}{d\,R_k}\sum_i r_{ik}\lVert x_i-m_k\rVert^2,\quad R_k=\sum_i r_{ik}.$$
#
# The first is Bayes' rule: a point is shared out among the groups. The others maximise $\sum_{ik} r_{ik}\log\big(\pi_k\,\mathcal N(x_i; m_k, s_k^2I)\big)$: set each derivative to zero, with a Lagrange multiplier for $\sum_k\pi_k=1$. The log-likelihood never falls; the reason is the bound of [notebook 11](11_vae_elbo.ipynb), which EM makes exact in every E step. With equal $\pi_k$ and one common width that shrinks to 0, the shares become 0 and 1, and this *is* K-means.


# %%
def em(x, means, widths2, sizes, n_steps):
    """Means (K, d), squared widths (K,), sizes (K,); and the log-likelihoods."""
    path, d = [], x.shape[1]
    for _ in range(n_steps):
        far = cdist(x, means, "sqeuclidean")  # (n, K)
        log_normal = -far / (2 * widths2) - d / 2 * np.log(2 * np.pi * widths2)
        log_joint = np.log(sizes) + log_normal
        log_p = np.logaddexp.reduce(log_joint, axis=1)
        path.append(log_p.mean())
        r = np.exp(log_joint - log_p[:, None])
        R = r.sum(axis=0)
        means = r.T @ x / R[:, None]
        widths2 = (r * cdist(x, means, "sqeuclidean")).sum(axis=0) / (d * R)
        sizes = R / len(x)
    return means, widths2, sizes, path


# %%
import warnings

from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

warnings.filterwarnings("ignore", category=ConvergenceWarning)  # after 50 steps

crowd, _ = one_large_two_small(np.random.default_rng(0))
begin = KMeans(3, random_state=0).fit(crowd).cluster_centers_
means, widths2, sizes, path = em(crowd, begin, np.ones(3), np.full(3, 1 / 3), 50)
theirs = GaussianMixture(
    3,
    covariance_type="spherical",
    reg_covar=0.0,
    tol=0.0,  # never content: it takes all 50 steps
    max_iter=50,
    means_init=begin,
    weights_init=[1 / 3] * 3,
    precisions_init=np.ones(3),
).fit(crowd)
check("means after 50 steps = scikit-learn", means, theirs.means_, atol=1e-8)
check("squared widths: by hand = scikit-learn", widths2, theirs.covariances_, atol=1e-8)
gains = np.diff(path)
claim = "no step lowers the log-likelihood"
check(claim, gains, 0.0, relation=">=", atol=1e-12, theorem="EM climbs")


# %% [markdown] slide="subslide"
# Four failures, each with a repair:


# %%
def k_means(K, **options):
    return lambda x: KMeans(K, random_state=0, **options).fit(x).labels_


def by_tree(K, method):
    return lambda x: cut(linkage(x, method), K)


def by_mixture(x):
    starts = {"init_params": "k-means++", "n_init": 30, "random_state": 0}
    return GaussianMixture(3, covariance_type="spherical", **starts).fit_predict(x)


def scaled_first(x):
    return k_means(2, n_init=10)(x / x.std(axis=0))


def two_in_one_group(x):
    start = [[-0.5, 0], [0.5, 0], [4.5, 0], [0, 5], [9, 6], [5, 9]]  # none in the sixth
    return KMeans(6, init=start).fit(x).labels_


careful = k_means(6, init="k-means++", n_init=20)
makers = {"rings": two_rings, "sizes": one_large_two_small}
makers |= {"units": two_units, "start": six_groups}
failing = {"rings": k_means(2, n_init=10), "sizes": k_means(3, n_init=10)}
failing |= {"units": k_means(2, n_init=10), "start": two_in_one_group}
repairing = {"rings": by_tree(2, "single"), "sizes": by_mixture}
repairing |= {"units": scaled_first, "start": careful}


def scores(make, way):
    """Adjusted Rand index of a way to cluster on three draws."""
    draws = [make(np.random.default_rng(seed)) for seed in range(3)]
    return np.array([adjusted_rand_score(truth, way(some)) for some, truth in draws])


failed = {name: scores(makers[name], failing[name]) for name in makers}
repaired = {name: scores(makers[name], repairing[name]) for name in makers}
for name in makers:
    for title, values in (("K-means", failed[name]), ("repaired", repaired[name])):
        mean, spread = abs(values.mean().round(2)), values.std(ddof=1)
        print(f"{name:6} {title:9} {mean:.2f} (spread {spread:.2f})")

# %%
problems = dict(
    rings="rings",
    sizes="unequal sizes",
    units="two units",
    start="a bad start",
)
cures = dict(
    rings="single linkage",
    sizes="mixture",
    units="scaled",
    start="20 careful starts",
)
columns = []
for name, make in makers.items():
    points, _ = make(np.random.default_rng(0))
    before, after = failing[name](points), repairing[name](points)
    columns.append((points, before, problems[name], after, cures[name]))
plots.show(pictures.failures(columns),
           alt="Four failures of K-means above their repairs. Two rings are cut in "
           "halves, single linkage separates them; a large cloud is cut up while two "
           "small groups share a colour, the mixture of Gaussians finds all three; two "
           "groups are cut across because of units, scaling mends it; of six groups "
           "one is cut and two are joined from a bad start.")  # fmt: skip

# %%
low = {"rings": 0.1, "sizes": 0.4, "units": 0.1, "start": 0.9}
high = {"rings": 0.99, "sizes": 0.95, "units": 0.9, "start": 0.99}
for name in makers:
    claim = f"{problems[name]}: K-means stays below {low[name]}"
    control = {cures[name]: repaired[name]}
    check(claim, failed[name], low[name], relation="<=", control=control)
    claim = f"   {cures[name]}: at least {high[name]}"
    control = {"K-means": failed[name]}
    check(claim, repaired[name], high[name], relation=">=", control=control)


def drawn_over_found(make, K):
    """Objective of the grouping as drawn, divided by the lowest that K-means finds."""
    points, truth = make(np.random.default_rng(0))
    drawn = objective(points, truth, centroids(points, truth, K))
    labels = k_means(K, init="k-means++", n_init=20)(points)
    return drawn / objective(points, labels, centroids(points, labels, K))


check(
    "unequal sizes: the grouping as drawn is worse by a fifth",
    drawn_over_found(one_large_two_small, 3),
    1.2,
    relation=">=",
    control={"six equal groups": drawn_over_found(six_groups, 6)},
)


# %%
def harder(draw):
    return one_large_two_small(draw, gap=5, width=1.7)


average, mixture = scores(harder, by_tree(3, "average")), scores(harder, by_mixture)
print("nearer and wider, average linkage:", np.round(average, 2).tolist())
print("nearer and wider, mixture:", np.round(mixture, 2).tolist())
check("the mixture still finds all three", mixture, 0.9, relation=">=",
      control={"average linkage": np.mean(average)})  # fmt: skip

# %% [markdown] says="- *Rings:* no straight border separates them.\n- *Unequal sizes:* it pays to spend two centres on the wide group. The grouping that we want has a **higher** objective.\n- *Units:* a column that says nothing is counted in large numbers.\n- *A bad start:* no centre walks across empty land."
# *Rings.* No straight border separates a ring from what lies inside it, and both have the same middle. Single linkage, blamed for its chains in section 6, follows them here: the same property, once a fault and once a virtue.
#
# *Unequal sizes.* Four hundred points of a wide group weigh more than two small ones, so it pays to spend two centres on the wide one. More starts do not help: the grouping that we want has a **higher** objective than the one K-means finds. Then the objective is at fault, not the search. A mixture of Gaussians has an objective that knows of widths and sizes, and finds the groups on all three draws. Average linkage is no cure: the last lines show how it fares when the small groups are nearer and the large one is wider.
#
# *Units.* The second column says nothing, but it is counted in large numbers. (The picture stretches the axes; to K-means the cloud is a needle.) Nothing crashed, and no number looks odd.
#
# *A bad start.* Two centres begin in one group and none in another; they share theirs to the end, while a third holds two groups. No centre walks across empty land. More starts are the cure, and the objective tells which run to keep.

# %% [markdown] slide="slide"
# ## 9 · Summary
#
# | Claim | Where it was checked | Code |
# | --- | --- | --- |
# | sum over ordered pairs, by the size = twice the sum to the centroid | section 1 | [`clustering/kmeans.py`](../coursekit/clustering/kmeans.py), docstring |
# | by hand = coursekit = scikit-learn from the same start | section 2 | `KMeans.fit`, `nearest_center` |
# | no half step raises the objective; the end is a fixed point | section 2 | `_Clusters.assign`, `_Clusters.means` |
# | an empty cluster takes the farthest point | section 2 | `_Clusters._fill_empty` |
# | different starts end in different local optima | section 3 | `random_partition` |
# | k-means++ is better on average where groups are far apart | section 3 | `k_means_plus_plus` |
# | structureless data have a best silhouette too; a null distribution says how large | section 4 | |
# | groups of digits found without labels are mostly kinds of digit | section 4 | |
# | merge table by hand = coursekit = SciPy, five linkages | sections 5, 6 | [`clustering/agglomerative.py`](../coursekit/clustering/agglomerative.py) |
# | Lance and Williams's update = definition | section 6 | `lance_williams` |
# | Ward's squared height = twice the rise of the objective | section 6 | |
# | heights never fall, except with centroid linkage | section 6 | `linkage` |
# | single linkage by hand = minimum spanning tree | section 6 | `minimum_spanning_tree` |
# | USArrests: 16, 14, 20; scaling changes the answer | section 7 | `cut` |
# | rings, sizes, units, starts; a mixture of Gaussians for unequal groups | section 8 | |
#
# ### Five questions
#
# <details><summary>1. K-means is run with K = 1. How many half steps does it need, and what is the objective?</summary>
# One: the centre is the mean of all points. The objective is n times the total variance (the sum of the columns' variances, each divided by n).
# </details>
#
# <details><summary>2. All columns are multiplied by 10. What happens to the K-means labels, to the objective, and to the heights of a dendrogram?</summary>
# From the same start the labels stay. The objective grows by a factor of 100, the heights by a factor of 10, for Ward too.
# </details>
#
# <details><summary>3. In a dendrogram two states are side by side and meet at the very top. Are they similar?</summary>
# No. They meet at the last merger, so they are as different as the tree can say. Neighbouring leaves mean nothing, heights do.
# </details>
#
# <details><summary>4. Two people cut the same complete-linkage tree, one at K = 4, one at K = 3. What can you say about their clusters? And if both had used K-means?</summary>
# Two of the three are among the four as well, the third joins the other two. K-means promises nothing of the kind: its three clusters may cut across all four.
# </details>
#
# <details><summary>5. A colleague finds five clusters with a mean silhouette of 0.42 and calls them customer types. What do you ask?</summary>
# What silhouette structureless data of the same size reach, whether the columns were scaled, whether other starts and other linkages give the same five, and what the types would be used for.
# </details>
#
# **Homework:** [`hw02_clustering`](homework/release/hw02_clustering/hw02_clustering.ipynb): one half step, centroids that only look at what changed, the update of Lance and Williams, and three dendrograms without a name. [Solutions](../notebooks/homework/source/hw02_clustering/hw02_clustering.ipynb) are in a folder of their own.
#
# **References.** S. Lloyd (1982), *Least squares quantization in PCM*. D. Arthur and S. Vassilvitskii (2007), *k-means++: the advantages of careful seeding*. P. Rousseeuw (1987), *Silhouettes: a graphical aid to the interpretation and validation of cluster analysis*. R. Tibshirani, G. Walther and T. Hastie (2001), *Estimating the number of clusters in a data set via the gap statistic*. A. Dempster, N. Laird and D. Rubin (1977), *Maximum likelihood from incomplete data via the EM algorithm*. J. Ward (1963), *Hierarchical grouping to optimize an objective function*. G. Lance and W. Williams (1967), *A general theory of classificatory sorting strategies*. D. Müllner (2011), *Modern hierarchical, agglomerative clustering algorithms*. G. James, D. Witten, T. Hastie and R. Tibshirani (2013), *An Introduction to Statistical Learning*, chapter 10.
