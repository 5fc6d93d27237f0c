# ---
# jupyter:
#   coursekit:
#     cpu_seconds: 20
#     minutes: 90
# ---

# %% [markdown] slide="slide"
# # 02 · Clustering: groups that nobody named
#
# **After this notebook you can** run K-means by hand and say what it promises and what it does not, choose a start and a number of clusters with open eyes, build and read a dendrogram, tell five linkages apart by what they do to the same points, and recognise four kinds of data on which K-means is confidently wrong.
#
# **Time:** 90 minutes to work through; it runs in about 20 seconds. **You need:** a mean, a squared distance, and what standardising a column means (notebook 01, section 3). **It follows** the clustering lecture of the unsupervised learning deck, which follows chapter 10 of *An Introduction to Statistical Learning*: its Algorithms 10.1 and 10.2, and the panels of its Figures 10.6 and 10.7 on data of our own, since the book's are not published.
#
# Every line that starts with ✓ is a claim that was computed on both sides just now, on your machine. If one fails, the notebook stops there.

# %%
import numpy as np
from scipy.spatial.distance import cdist, pdist

from coursekit import data, plots
from coursekit.checks import check
from coursekit.clustering import KMeans, cut, linkage

plots.use_course_style()
rng = np.random.default_rng(1)

# %% [markdown] slide="slide" says="A shop has 150 customers, two numbers about each, and can afford **three** different letters. Who gets which? Nobody has named the groups, so there is nothing to predict."
# ## 1 · What would a good grouping be?
#
# A shop has 150 customers and two numbers about each. It can afford three different letters. Who gets which? Nobody has named the groups, so there is nothing to predict; we want customers who get the same letter to be alike.
#
# Below are 150 points. We draw them around four centres, close enough to each other to overlap, and we will ask for **three** groups. Real data do not come with the right number either.

# %% [markdown]
# **Intuition.** In a good group, people stand close together. So go through a group, take every pair, and measure how far apart the two are.
#
# **Formula.** Let $C_1,\dots,C_K$ be the groups: every point in exactly one. The *within-cluster variation* of one group is the sum of the squared distances over its pairs, divided by its number of points $|C|$,
#
# $$W(C) = \frac{1}{|C|}\sum_{i,j\in C}\lVert x_i-x_j\rVert^2 ,$$
#
# and we look for the grouping with the smallest $W(C_1)+\dots+W(C_K)$. Mind the sum: it runs over *ordered* pairs, $(i,j)$ and $(j,i)$ both, as in the textbook's (10.10). Who counts each pair once gets half.
#
# Pairs are many. The *centroid* $m_C$, the mean of the group, makes it cheaper. Write $x_i-x_j=(x_i-m_C)-(x_j-m_C)$ and multiply out: the mixed terms add up to zero, because deviations from a mean do, and what is left is
#
# $$\frac{1}{|C|}\sum_{i,j\in C}\lVert x_i-x_j\rVert^2 = 2\sum_{i\in C}\lVert x_i-m_C\rVert^2 .$$
#
# So "close to each other" and "close to the middle" are one wish. It holds for any group, good or bad; we try it on random ones.


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
pairs = sum(cdist(group, group, "sqeuclidean").sum() / len(group) for group in groups)
twice = 2 * objective(x, random_labels, centroids(x, random_labels, K))
check("sum over ordered pairs / |C| = twice the sum to the centroid", pairs, twice, rtol=1e-12)

# %% [markdown]
# From here on *the objective* is $\sum_i \lVert x_i - m_{c(i)}\rVert^2$, where $c(i)$ is the group, or *label*, of point $i$. Software calls it *inertia*. Below are two groupings of the same points: the random one, and one that we will find in a minute.

# %%
from matplotlib import pyplot as plt

from coursekit.clustering import pictures

good = KMeans(K, n_init=20, random_state=0).fit(x).labels_
figure, axes = plt.subplots(1, 2, figsize=(8.4, 3.8))
for ax, labels, name in zip(axes, (random_labels, good), ("random", "better"), strict=True):
    centers = centroids(x, labels, K)
    pictures.scatter(ax, x, labels, centers, title=f"{name}: objective {objective(x, labels, centers):.0f}")
plots.show(
    figure,
    alt="The same 150 points twice. Left with random labels, all three colours mixed and the three centroids almost "
    "on one spot in the middle; right in three compact groups with a centroid in each.",
)
print(
    f"the number of ways to put 150 points in 3 groups has about {150 * np.log10(3) - np.log10(6):.0f} digits"
)

# %% [markdown]
# We cannot try them all. That is the whole difficulty: the goal is one line, and no one can search it. What follows is a way down, one step at a time.

# %% [markdown] slide="slide" says="Think of ice-cream vans on a beach. Knowing where the vans stand, everybody walks to the nearest. Knowing who comes, each van moves to the middle of its customers. Repeat:"
# ## 2 · K-means, half step by half step
#
# **Question.** Two things are unknown: who belongs together, and where the middles are. If we knew one, could we find the other?
#
# **Intuition.** Think of ice-cream vans on a beach. Knowing where the vans stand, everybody walks to the nearest. Knowing who comes, each van moves to the middle of its customers. Repeat until nobody moves. Each half of this is easy.
#
# **Formula** (Algorithm 10.1). Start: give each point a random label. Then alternate
#
# 1. *centroids*: $m_k$ becomes the mean of the points with label $k$,
# 2. *assign*: $c(i)$ becomes the $k$ with the smallest $\lVert x_i-m_k\rVert^2$,
#
# until no label changes. By hand it is a short loop; the two lines that write to `path` only keep a record.

# %% tags=["slide-code"]
labels, before, path = random_labels, None, []  # path: the objective after every half step
first_centers = centroids(x, labels, K)
while not np.array_equal(labels, before):
    centers = centroids(x, labels, K)
    path.append(objective(x, labels, centers))
    before, labels = labels, cdist(x, centers, "sqeuclidean").argmin(axis=1)
    path.append(objective(x, labels, centers))

# %% [markdown]
# Does the package take the same path? Started from the same centroids, it must agree at every half step, not only at the end. Inside, it takes short cuts: a point far nearer to its centre than to any other is not looked at again. So agreement means something. scikit-learn is the second witness.

# %%
from sklearn.cluster import KMeans as OtherKMeans

model = KMeans(K, init=first_centers).fit(x)
told = [state["objective"] for state in model.history_[1:]]  # entry 0 has no labels yet
check("labels: by hand = coursekit", labels, model.labels_)
check("objective after every half step: by hand = coursekit", path[1:], told, rtol=1e-12)
other = OtherKMeans(K, init=first_centers, n_init=1, tol=0, algorithm="lloyd").fit(x)
check("labels from the same start = scikit-learn", model.labels_, other.labels_)
check("objective from the same start = scikit-learn", model.inertia_, other.inertia_, rtol=1e-12)

# %% [markdown] slide="subslide"
# Now in pictures, from the `history_` that each fit keeps. These are the six moments of the textbook's Figure 10.6.

# %%
run = KMeans(K, random_state=2).fit(x)
plots.show(
    pictures.half_steps(x, run.history_),
    alt="Six panels: grey points; the points with random labels; three centroids nearly on top of each other in the "
    "middle; the plane cut into three wedges; the centroids moved apart; and the result, three compact groups.",
)
near, far = pdist(run.history_[1]["centers"]).max(), pdist(run.cluster_centers_).min()
check("first centroids: nearer together than half of the last", near, far / 2, relation="<=")

# %% [markdown]
# Look at the third panel. Random groups are all alike, so their means almost coincide, near the mean of everything. And yet that small difference is enough: in the next panel each centroid takes its side of the plane, and the second centroids have already moved apart. It would have surprised us to see a border that is not straight, since the points nearer to one centroid than to another fill a half plane.

# %% tags=["nbval-ignore-output"]
from coursekit.clustering import explorers

explorers.k_means_explorer(x)

# %%
from functools import partial

from coursekit import widgets

widgets.static_frames(
    partial(explorers.k_means_frame, x),
    [{"half_step": step, "n_clusters": 4, "start": 0} for step in (1, 2, 20)],
    alt="Three positions of the explorer with four clusters: at half step 1 all centres lie in the middle and the "
    "objective is high; after half step 2 it has fallen steeply; at the end four groups are found and it is flat.",
)

# %% [markdown]
# Nearly all of the fall happens in the first few half steps. Move the slider *start* to its other positions and watch the last value: it is not always the same. Section 3 is about that.

# %% [markdown] slide="slide"
# **Why does it end?** Each half step can only lower the objective, or leave it.
#
# *Assign:* every point takes the smallest of $K$ squared distances, so no term of the sum grows.
#
# *Centroids:* for a group $C$ and any other place $m$ for its centre,
#
# $$\sum_{i\in C}\lVert x_i-m\rVert^2=\sum_{i\in C}\lVert x_i-m_C\rVert^2+|C|\,\lVert m_C-m\rVert^2 ,$$
#
# so moving from $m$ to the mean $m_C$ saves exactly the last term. There are finitely many groupings, and as long as the objective falls none comes back. So it must stop.

# %%
group, elsewhere = x[labels == 0], rng.normal(size=(1000, 2)) * 5
middle = group.mean(axis=0)
predicted = ((group - middle) ** 2).sum() + len(group) * ((elsewhere - middle) ** 2).sum(axis=1)
measured = cdist(group, elsewhere, "sqeuclidean").sum(axis=0)
check("sum about m = sum about the mean + |C| step squared, 1000 m", measured, predicted, rtol=1e-12)

# %% [markdown]
# A theorem about the idea is no promise about the code. So we watch the code on 200 random problems of all sizes, recompute every objective from the labels and centres it shows, and also look at the last state: another round must change nothing.

# %%
rises, moved = [], []
for seed in range(200):
    draw = np.random.default_rng(seed)
    size, width, k = draw.integers(10, 80), draw.integers(1, 5), draw.integers(1, 7)
    points = draw.normal(size=(size, width)) + 3 * draw.integers(3, size=(size, 1))
    fitted = KMeans(k, random_state=seed).fit(points)
    values = [objective(points, state["labels"], state["centers"]) for state in fitted.history_[1:]]
    rises.append(max(np.diff(values)) / values[0])
    again = cdist(points, fitted.cluster_centers_).argmin(axis=1)
    moved.append((again != fitted.labels_).sum())
check("no half step of 200 runs raises the objective", rises, 0.0, relation="<=", atol=1e-12)
check("the last state is a fixed point: no label would change", moved, 0)

# %% [markdown]
# One case is left open by the algorithm on the blackboard: what if a group loses its last point? A mean of nothing is no number. `KMeans` lets the empty group take over the point that lies farthest from its own centre. That lowers the objective too; the docstring says it in full.

# %%
line = np.array([[0.0], [1.0], [2.0], [10.0]])
far_off = np.array([[1.0], [10.0], [1000.0]])  # nobody is nearest to the third centre
filled = KMeans(3, init=far_off).fit(line)
print("points in each group:", np.bincount(filled.labels_).tolist(), " objective:", round(filled.inertia_, 3))
check("no group is empty at the end", np.bincount(filled.labels_, minlength=3), 1, relation=">=")

# %% [markdown] slide="slide"
# ## 3 · Six starts, six answers
#
# **Predict before you run:** the same points, the same $K$, six different random labellings at the start. How many different answers?
#
# <details><summary>Answer</summary>
#
# Several. The way goes downhill only, and it stops in the first hollow from which no half step leads further down. Which hollow that is depends on where it started.
# </details>

# %%
models = [KMeans(K, random_state=start).fit(x) for start in range(6)]
plots.show(
    pictures.starts(x, models),
    alt="Six results of K-means from six random starts. Their objectives differ: several lie near 338, others "
    "near 386 or 389 with the plane cut in another direction. The panel with the lowest one is framed.",
)
ends = np.array([fitted.inertia_ for fitted in models])
check("the worst of the six is at least 10 % above the best", ends.max(), 1.1 * ends.min(), relation=">=")

# %% [markdown]
# Each of the six is a *local optimum*: no half step improves it. Some differ by a few points at a border, others cut the plane in another direction altogether. Nothing in the single run tells which kind you have. Only the number in the title does, and only in comparison with other runs.
#
# How good is the best of several? For a tiny problem we can afford what was impossible above: all groupings. Nine points, three groups, and the first point may be called group 0, which leaves $3^8$ labellings (those with an empty group are skipped).

# %%
from itertools import combinations, product

few = x[:9]
every = [np.array((0, *rest)) for rest in product(range(3), repeat=8) if len({0, *rest}) == 3]
true_best = min(objective(few, labels, centroids(few, labels, 3)) for labels in every)
best_of_many = KMeans(3, n_init=500, random_state=0).fit(few).inertia_
check("best of 500 starts = best of all groupings of nine points", best_of_many, true_best, rtol=1e-12)
one_start = np.array([KMeans(3, random_state=seed).fit(few).inertia_ for seed in range(500)])
hits = (one_start < 1.0001 * true_best).mean()
print(f"{len(every)} labellings; a single start finds the best in {hits:.1%}")
print(f"so the best of 20 starts misses it with probability {(1 - hits) ** 20:.0%}")

# %% [markdown]
# Nine points, and a single start is nearly always wrong! A handful of points is an extreme case, but it shows what "best of twenty" is worth when nobody can try everything. The objective can compare two answers; it cannot tell that a better one exists.

# %% [markdown] slide="subslide"
# **A better start.** Random labels put all centroids into the middle. *k-means++* spreads them: the first centre is a random point; each further one is a point drawn with probability proportional to $D(x)^2$, the squared distance to the nearest centre so far. Far points are likely, outliers are not certain. Does it pay? One data set proves little, so we draw twenty, each with twelve small groups at random places, and run twenty starts of each kind on each. The third kind, *random points* as centres, is an old habit. All objectives are divided by that of the grouping as we drew it.

# %%
ended, truth = {"random labels": [], "random points": [], "k-means++": []}, np.arange(12).repeat(25)
for seed in range(20):
    draw = np.random.default_rng(seed)
    points = draw.uniform(-10, 10, size=(12, 2))[truth] + 0.3 * draw.normal(size=(300, 2))
    drawn = objective(points, truth, centroids(points, truth, 12))
    some = [points[draw.choice(300, 12, replace=False)] for _ in range(20)]
    for name, inits in zip(ended, (["random_partition"] * 20, some, ["k-means++"] * 20), strict=True):
        fits = [KMeans(12, init=init, random_state=i).fit(points) for i, init in enumerate(inits)]
        ended[name].append(np.mean([fitted.inertia_ for fitted in fits]) / drawn)
ended = {name: np.array(ratios) for name, ratios in ended.items()}
plots.show(
    pictures.objectives_of_starts(ended),
    alt="Three strips of twenty dots, one for each data set: the mean objective at the end relative to the grouping "
    "as drawn. Random labels end far above it, random points lower, k-means++ lowest, but mostly above one.",
)
for name in ("random labels", "random points"):
    gain = ended[name] - ended["k-means++"]
    error = gain.std(ddof=1) / np.sqrt(len(gain))
    print(f"k-means++ against {name}: lower by {gain.mean():.1f}, standard error {error:.1f}")
    check("   better on average by more than 3 standard errors", gain.mean(), 3 * error, relation=">=")

# %%
kinds = ("random_partition", "k-means++")
runs = [[KMeans(K, init=kind, random_state=i).fit(x).inertia_ for i in range(200)] for kind in kinds]
gain = np.mean(runs[0]) - np.mean(runs[1])
error = np.sqrt(np.var(runs, axis=1, ddof=1).sum() / 200)
print(f"on the overlapping cloud the gain is {gain:.1f} with a standard error of {error:.1f}")
check("there, no gain of more than 3 standard errors", gain, 3 * error, relation="<=")
print(f"a single start there ends between {np.min(runs):.0f} and {np.max(runs):.0f}")

# %% [markdown]
# The last result is part of the truth. With many groups far apart the kind of start decides; with a few overlapping ones the kind makes no difference that 200 runs could show, though a single start may still end far above the best, as the last line shows. And even k-means++ ends well above the best on average, so use several starts of any kind: `KMeans(12, init="k-means++", n_init=10)` keeps the best of ten.

# %% [markdown] slide="slide" says="More centres are never worse: with $K=n$ the objective is zero.\n\n*The elbow:* look for the bend after which further centres gain little.\n\n*The silhouette* compares $a_i$, the mean distance to the own group, with $b_i$, that to the nearest other group:"
# ## 4 · How many clusters?
#
# **Question.** The objective measures how good a grouping is. Why not choose the $K$ with the smallest one?
#
# Because more centres are never worse. With $K=n$ every point is its own centre and the objective is zero. Two habits have grown around this.
#
# *The elbow.* Plot the objective against $K$ and look for the bend after which further centres gain little.
#
# *The silhouette.* For point $i$ let $a_i$ be its mean distance to the other points of its own group, and $b_i$ its mean distance to the points of the nearest other group. Then
#
# $$s_i=\frac{b_i-a_i}{\max(a_i,b_i)}\in[-1,1],$$
#
# near 1 for a point deep inside its group, near 0 at a border, negative for one that would be better off elsewhere. (A point alone in its group gets 0.) Choose the $K$ with the largest mean.


# %%
def silhouette(x, labels):
    distances, counts = cdist(x, x), np.bincount(labels)
    to_groups = np.stack([distances[:, labels == k].sum(axis=1) for k in range(len(counts))], axis=1)
    own = np.arange(len(x)), labels
    a = to_groups[own] / np.maximum(counts[labels] - 1, 1)  # the point itself does not count
    to_groups = to_groups / counts
    to_groups[own] = np.inf
    b = to_groups.min(axis=1)
    return np.where(counts[labels] > 1, (b - a) / np.maximum(a, b), 0.0)


from sklearn.metrics import adjusted_rand_score, silhouette_samples

check("silhouettes by hand = scikit-learn", silhouette(x, good), silhouette_samples(x, good), atol=1e-12)
apart = np.array([[0, 0], [6, 0], [0, 6], [6, 6.0]])[rng.integers(4, size=150)] + 0.8 * rng.normal(
    size=(150, 2)
)
cases = {"four groups": apart, "the cloud": x, "no groups at all": rng.uniform(0, 7, size=(150, 2))}
numbers = list(range(1, 9))
objectives, silhouettes = {}, {}
for name, points in cases.items():
    fits = [KMeans(k, n_init=10, random_state=0).fit(points) for k in numbers]
    objectives[name] = np.array([fitted.inertia_ for fitted in fits]) / fits[0].inertia_
    silhouettes[name] = np.array(
        [np.nan, *(silhouette(points, fitted.labels_).mean() for fitted in fits[1:])]
    )

# %%
plots.show(
    pictures.choose_k(cases, numbers, objectives, silhouettes),
    alt="Three columns: four separate groups, the overlapping cloud, and points spread evenly over a square. The "
    "objective falls with K in all three, with a sharp bend at 4 only for the first. The silhouette has a clear "
    "peak of about 0.75 at 4 for the first, a weak one for the cloud, and still some largest value for no groups.",
)
for name in cases:
    check(f"more centres lower the objective: {name}", np.diff(objectives[name]), 0.0, relation="<=")

# %% [markdown]
# Four separate groups: both habits see them at once. The cloud: we know that it was made from four centres, and with luck the hint of a bend agrees; we would not bet on the elbow alone. The last column is the warning. Points spread evenly over a square have *no* groups, and the silhouette still names a winner. A largest value always exists.
#
# An honest use asks one more question: *is this value larger than what structureless data of the same size reach?*

# %%
empty_best = []
for seed in range(10):
    square = np.random.default_rng(seed).uniform(0, 7, size=(150, 2))
    fits = [KMeans(k, n_init=3, random_state=0).fit(square) for k in range(2, 9)]
    empty_best.append(max(silhouette(square, fitted.labels_).mean() for fitted in fits))
peaks = {name: np.nanmax(values) for name, values in silhouettes.items()}
print(f"largest silhouettes of 10 squares without groups: {min(empty_best):.2f} to {max(empty_best):.2f}")
print(f"four groups: {peaks['four groups']:.2f}, the cloud: {peaks['the cloud']:.2f}")
check("no groups at all, and still a silhouette above 0.35", empty_best, 0.35, relation=">=")
check("four groups: far above all squares", peaks["four groups"], max(empty_best) + 0.2, relation=">=")

# %% [markdown]
# The four groups stand far above the squares, the cloud only a little. So the number of clusters is a decision: about how many letters the shop can write, or about which grouping helps the next step. Report it as one.

# %% [markdown] slide="slide" says="A family tree, told backwards. At first everybody is alone. The two nearest become a pair, then the next two nearest, where a pair counts as one, until all are one family."
# ## 5 · From the bottom up: merging
#
# **Question.** Must we choose $K$ before we start? What if we want all of them at once?
#
# **Intuition.** A family tree, told backwards. At first everybody is alone. The two nearest become a pair, then the next two nearest, where a pair counts as one, until all are one family. Write down at which distance each merger happened.
#
# **Algorithm 10.2.** Compute the $n(n-1)/2$ distances of the points, their *dissimilarities*. Then $n-1$ times: find the two clusters that are nearest to each other, merge them, note the height. How far apart are two *clusters*? For now: as far as their two *farthest* points, *complete linkage*. It is one argument below.


# %% tags=["slide-code"]
def merge_by_hand(x, farness):
    distances = cdist(x, x)
    clusters, merges = {i: [i] for i in range(len(x))}, []
    while len(clusters) > 1:
        height, a, b = min(
            (farness(distances[np.ix_(clusters[a], clusters[b])]), a, b) for a, b in combinations(clusters, 2)
        )
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
check("merge table: by hand = SciPy", Z, hierarchy.linkage(points, "complete"), atol=1e-12)
check("nine points have 9 x 8 / 2 dissimilarities", len(pdist(points)), 9 * 8 // 2)
leaves = hierarchy.dendrogram(Z, no_plot=True)["leaves"]
check("SciPy draws the same table, leaves in our order", leaves, pictures.leaf_order(Z))
plots.show(
    pictures.numbered_points(points, {"read heights, not neighbours": Z}),
    alt="Nine numbered points and their dendrogram under complete linkage. Each leaf is a point; two branches join "
    "at the height at which their clusters were merged, and the last merger joins everything at the top.",
)

# %% [markdown] slide="subslide" says="The height at which two leaves meet says how different they are. That two leaves stand side by side says nothing.\n\nA horizontal **cut** leaves as many clusters as it crosses branches."
# **How to read a dendrogram.** Take two leaves and climb until their branches meet. That height, their *cophenetic distance*, says how different they are. That two leaves stand side by side says nothing: each joint could be turned like a mobile, so there are $2^{n-1}$ drawings of the same tree.
#
# A horizontal **cut** leaves as many clusters as it crosses branches. One tree holds all $K$ from 1 to $n$, and the clusterings are nested: going from $K$ to $K-1$ only ever joins two clusters. K-means makes no such promise.

# %% tags=["nbval-ignore-output"]
thirty = x[:30]
explorers.cut_explorer(thirty, "complete")

# %%
thirty = x[:30]
tree = linkage(thirty, "complete")
widgets.static_frames(
    partial(explorers.cut_frame, thirty, tree),
    [{"height": height} for height in (1.0, 2.5, 5.0)],
    alt="Three positions of a cut through the dendrogram of thirty points. A low cut leaves many small clusters and "
    "points alone in grey, a middle one a handful, a high one two or three large clusters.",
)
for count in (2, 3, 5):
    finer, coarser = cut(tree, count + 1), cut(tree, count)
    nested = {(f, c) for f, c in zip(finer.tolist(), coarser.tolist(), strict=True)}
    check(f"each of {count + 1} clusters lies inside one of {count}", len(nested), count + 1)

# %% [markdown]
# Low cuts leave crumbs, high cuts leave continents. A long stretch in which the cut crosses the same branches is a hint that this number of clusters is stable; as with the elbow, a hint and no law.

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
# | centroid | $d(m_A, m_B)$ | the two middles |
# | Ward | $\sqrt{2\,\lvert A\rvert\lvert B\rvert/(\lvert A\rvert+\lvert B\rvert)}\; d(m_A,m_B)$ | what a merger costs in the K-means objective |
#
# Here $x$ runs through $A$, $y$ through $B$, and $d$ is the Euclidean distance. First the trees, then the differences.

# %%
methods = ("single", "complete", "average", "centroid", "ward")
sample = x[:60]
trees = {method: linkage(sample, method) for method in methods}
for method, rule in (("single", np.min), ("complete", np.max), ("average", np.mean)):
    check(f"{method}: by hand = coursekit", merge_by_hand(sample, rule), trees[method], atol=1e-9)
for method in methods:
    check(f"{method}: coursekit = SciPy", trees[method], hierarchy.linkage(sample, method), atol=1e-9)

# %%
plots.show(
    pictures.linkages(sample, {method: (Z, cut(Z, 3)) for method, Z in trees.items()}),
    alt="Five columns, one for each linkage, with the same sixty points in the colours of a cut into three and the "
    "dendrogram below. Single linkage puts nearly all points in one cluster; complete and Ward give three of "
    "similar size; average and centroid lie between.",
)

# %% [markdown]
# The same sixty points, five opinions. Single linkage keeps nearly everything in one cluster and splits off stragglers. Complete and Ward like compact clusters of similar size. Average stands between.
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
        return gap if method == "centroid" else gap * 2 * len(A) * len(B) / (len(A) + len(B))
    return {"single": np.min, "complete": np.max, "average": np.mean}[method](cdist(A, B))


A, B, C = (rng.normal(size=(size, 4)) + shift for size, shift in ((3, 0), (5, 1), (2, -1)))
for method in methods:
    old = between(A, C, method), between(B, C, method), between(A, B, method)
    updated = lance_williams(method, *old, len(A), len(B), len(C))
    check(f"{method}: update = definition", updated, between(np.vstack([A, B]), C, method), rtol=1e-12)

# %% [markdown]
# **Ward and K-means want the same thing.** Half the squared height of a Ward merger is the amount by which it raises the K-means objective. So Ward's tree climbs the same hill from its foot, where every point is alone and the objective is 0, each time by the smallest rise there is, and never takes a merger back.

# %%
ladder = [cut(trees["ward"], k) for k in range(60, 0, -1)]
cost = [objective(sample, labels, centroids(sample, labels, labels.max() + 1)) for labels in ladder]
half = trees["ward"][:, 2] ** 2 / 2
check("rise of the objective = half the squared Ward height", np.diff(cost), half, atol=1e-9)
gap = cost[-3] / KMeans(3, n_init=20, random_state=0).fit(sample).inertia_
print(f"cut into three, Ward's objective is {gap:.2f} times the best that K-means finds")

# %% [markdown] slide="subslide" says="Where many pairs are equally near, more than one tree is right. We demand that every merger takes a smallest dissimilarity of its moment, and that the rule for ties is written down."
# **Ties.** On a grid, many pairs are equally near. Then more than one tree is right, and we demand only that every merger took a smallest dissimilarity of its moment, and that the rule for ties is written down. Here: of four corners of a square, the pair with the lowest numbers goes first.


# %%
def smallest_at_each_moment(x, Z, method):
    clusters, smallest = {i: x[[i]] for i in range(len(x))}, []
    for a, b, *_ in Z:
        smallest.append(min(between(*pair, method) for pair in combinations(clusters.values(), 2)))
        clusters[len(x) + len(smallest) - 1] = np.vstack([clusters.pop(int(a)), clusters.pop(int(b))])
    return np.sqrt(smallest) if method in ("centroid", "ward") else np.array(smallest)


# %%
grid = rng.permutation(np.array(list(product(range(4), range(4))), dtype=float))
square = np.array([[0.0, 0], [1, 0], [0, 1], [1, 1]])
for method in methods:
    Z = linkage(grid, method)
    smallest = smallest_at_each_moment(grid, Z, method)
    check(f"{method}: each merger is a current minimum", Z[:, 2], smallest, atol=1e-7)
    check("   ties: the lowest numbers first", linkage(square, method)[0, :2], [0, 1])

# %% [markdown] slide="subslide"
# **A parent below its child.** One would expect later mergers to be higher. For single, complete, average and Ward linkage that is a theorem: a merger never brings the new cluster nearer to a third than its nearer part was. For centroids it is false. Three points are enough.

# %%
three = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 0.9]])
turned = linkage(three, "centroid")
plots.show(
    pictures.inversion(three, turned),
    alt="Three points, nearly an equilateral triangle: the base has length 1, the tip is 0.9 above its middle. In "
    "the dendrogram of centroid linkage the second merger lies at 0.9, below the first at 1.0.",
)
check("inversion: heights 1.0 and then 0.9", turned[:, 2], [1.0, 0.9], atol=1e-12)
for method in ("single", "complete", "average", "ward"):
    check(f"{method}: heights never fall", np.diff(trees[method][:, 2]), 0.0, relation=">=")
print(
    "centroid linkage of the sixty points falls", int((np.diff(trees["centroid"][:, 2]) < 0).sum()), "times"
)

# %% [markdown]
# The sides of the triangle are all at least 1, so the base merges first at height 1. But the middle of the base is only 0.9 from the tip. This is an *inversion*. A cut at height 0.95 has no meaning in such a tree, and that is why centroid linkage is seldom used.

# %% [markdown] slide="subslide"
# **The chain.** Single linkage asks for one near pair and no more. Two groups with a few points between them, like stepping stones, are then no two groups.

# %%
from scipy.sparse.csgraph import minimum_spanning_tree

draw = np.random.default_rng(4)
stones = np.column_stack([1 + np.cumsum(np.linspace(0.24, 0.38, 13)), 0.05 * draw.normal(size=13)])
blobs = [0.45 * draw.normal(size=(25, 2)) + [left, 0] for left in (0, 6.2)]
bridge = np.vstack([*blobs, stones])
chained = {method: linkage(bridge, method) for method in ("single", "complete")}
shortest = minimum_spanning_tree(cdist(bridge, bridge)).tocoo()
edges = np.column_stack([shortest.row, shortest.col])
plots.show(
    pictures.chain(bridge, edges, {method: (Z, cut(Z, 2)) for method, Z in chained.items()}),
    alt="Two round groups joined by a row of thirteen points. Single linkage, with its spanning tree drawn, cuts off one "
    "straggler and keeps all the rest together; in its dendrogram points join one by one. Complete linkage cuts in the middle.",
)
sizes = {method: np.bincount(cut(Z, 2)).tolist() for method, Z in chained.items()}
print("sizes of the two clusters:", sizes)
check("single: the smaller one has at most 2 points", min(sizes["single"]), 2, relation="<=")
check("complete: the smaller one has at least 20", min(sizes["complete"]), 20, relation=">=")

# %% [markdown]
# This is called *trailing*: points join the big cluster one at a time, and in the middle of its dendrogram stand stairs. It would have surprised us to see single linkage cut the bridge, because no gap on it is wider than the way to the loneliest straggler. The next cell puts a number on the stairs: the size of the smaller partner in the last twelve mergers.
#
# The thin lines are the *minimum spanning tree*: the shortest network of roads that connects all points. Its roads, sorted by length, **are** the heights of single linkage, for the shortest road that still connects two separate parts is the next merger.

# %%
for method, Z in chained.items():
    size = np.concatenate([np.ones(len(bridge)), Z[:, 3]])  # of every cluster by its number
    smaller = size[Z[-12:, :2].astype(int)].min(axis=1)
    print(f"{method:8} smaller partners:", smaller.astype(int).tolist())
    limit, relation = (1, "<=") if method == "single" else (4, ">=")
    check(f"{method}: their median is {relation} {limit}", np.median(smaller), limit, relation=relation)
roads = np.sort(shortest.data)
check("single linkage = minimum spanning tree", chained["single"][:, 2], roads, atol=1e-12)

# %% [markdown]
# A dendrogram is a new set of distances: the cophenetic ones. How do they compare with those of the points?

# %%
distances = pdist(sample)
meeting = {method: hierarchy.cophenet(trees[method]) for method in methods}
plots.show(
    pictures.cophenetic(distances, {name: meeting[name] for name in ("single", "average", "complete")}),
    alt="Three scatter plots of the height at which a pair of points meets in the tree against its distance. For single "
    "linkage all dots lie on or below the diagonal, for complete on or above it, for average on both sides.",
)
check(
    "single: pairs meet at or below their distance", meeting["single"], distances, relation="<=", atol=1e-12
)
check("complete: pairs meet at or above it", meeting["complete"], distances, relation=">=", atol=1e-12)
above = (meeting["average"] > distances).mean()
print(f"average: {above:.0%} of the pairs meet above their distance")

# %% [markdown]
# Each dot is a pair of points: how far apart they are, and at which height the tree lets them meet. A tree can only tell the truth about all pairs if the dots lie on the diagonal, and it has $n-1$ heights for $n(n-1)/2$ pairs, so it must bend. Single linkage bends down, complete bends up.

# %% [markdown] slide="subslide" says="By hand, all pairs of clusters are looked at again in every round: the time grows like $n^3$."
# **What does it cost?** The function by hand looks at all pairs of clusters again in every round: $n$ rounds of up to $n^2/2$ pairs, so the time grows like $n^3$. The package computes the distances once and then follows chains of nearest neighbours, which takes $n^2$ in the long run; at a few hundred points, fixed costs still make the curve flatter. Double logarithmic plots turn powers into slopes; we fit the slopes.

# %% tags=["nbval-ignore-output"]
import time


def slope(work, sizes):
    seconds = []
    for size in sizes:
        cloud, times = rng.normal(size=(size, 2)), []
        for _ in range(3):
            begin = time.process_time()
            work(cloud)
            times.append(time.process_time() - begin)
        seconds.append(min(times))
        print(f"{size:5} points: {seconds[-1]:.3f} s")
    return np.polyfit(np.log(sizes), np.log(seconds), 1)[0]


by_hand = slope(lambda cloud: merge_by_hand(cloud, np.max), (16, 32, 64))
package = slope(lambda cloud: linkage(cloud, "complete"), (500, 1000, 2000))
print(f"time grows as n^{by_hand:.1f} by hand and as n^{package:.1f} in the package")

# %%
looks = []  # one entry for each look at a pair of clusters
merge_by_hand(data.toy2d("blobs", 32, rng=5).x, lambda block: looks.append(1) or np.max(block))
check("by hand: (n^3 - n) / 6 looks at a pair of clusters, n = 32", len(looks), (32**3 - 32) / 6)
check("package: grows slower than n^2.6", package, 2.6, relation="<=")
try:
    linkage(np.zeros((20_001, 1)), "complete")
except MemoryError as error:
    print(error)

# %% [markdown]
# The memory grows like $n^2$ too, and sooner than the time it says stop: beyond 20 000 points `linkage` refuses (all but single linkage) with the sentence above. K-means needs no such table.

# %% [markdown] slide="slide"
# ## 7 · The fifty states, as families
#
# Back to the table of notebook 01: 50 states, arrests for murder, assault and rape per 100 000 residents, and the percentage in towns. Complete linkage, cut into three, once with the numbers as they came and once with each column in its own standard deviations.

# %%
states = data.usarrests()
raw = linkage(states.x, "complete")
scaled = linkage((states.x - states.x.mean(axis=0)) / states.x.std(axis=0), "complete")
raw_labels, scaled_labels = cut(raw, 3), cut(scaled, 3)
check("raw, cut at three: 16, 14 and 20 states", np.bincount(raw_labels), [16, 14, 20])
for title, labels in (("raw", raw_labels), ("scaled", scaled_labels)):
    for k in range(3):
        members = np.array(states.row_names)[labels == k]
        print(f"{title} {k}, {len(members)} states:", ", ".join(members))
agreement = adjusted_rand_score(raw_labels, scaled_labels)
print(f"agreement of the two groupings (1 is the same, 0 is chance): {agreement:.2f}")
check("scaling changes the answer", agreement, 0.7, relation="<=")

# %%
plots.show(
    pictures.state_trees(
        {"as the table came": (raw, raw_labels), "in standard deviations": (scaled, scaled_labels)},
        states.row_names,
    ),
    alt="Two dendrograms of the fifty states with their names. Left from the raw numbers, three clusters of 16, 14 and "
    "20 states; right from scaled columns, clusters of 8 (seven southern states and Alaska), 11 with many arrests and many people in towns, and 31 others.",
)

# %% [markdown]
# What did the raw tree use? As in notebook 01, *Assault* has the largest numbers. Its groups are high, middle and low in assaults, and nearly nothing else.

# %%
assault = states.x[:, states.feature_names.index("Assault")]
slices = sorted([assault[raw_labels == k].min(), assault[raw_labels == k].max()] for k in range(3))
for low, high in slices:
    print(f"a raw cluster has assaults from {low:.0f} to {high:.0f}")
check("raw clusters are slices of Assault", slices[0][1], slices[1][0], relation="<=")
check("   and no two of them overlap", slices[1][1], slices[2][0], relation="<=")

# %% [markdown]
# After scaling, all four columns have a say, and seven southern states and Alaska, with many arrests for murder and few people in towns, form a family of their own. Neither tree is the truth about 1973. If you believe that an arrest for assault and one for murder should count the same, do not scale; if each *column* should count the same, do. The choice is yours, and it belongs in the report, together with the linkage.

# %% [markdown] slide="slide"
# ## 8 · What goes wrong
#
# K-means draws straight borders halfway between centres and adds up squared distances. So it expects round groups, of similar width and size, in comparable units, and a start that leads there. We break each expectation in turn, on three draws of the data. Since here we made the groups, we can score an answer against them: the *adjusted Rand index* is 1 for the same grouping and about 0 for chance.


# %%
def two_rings(draw):
    truth, turn = np.repeat([0, 1], [100, 200]), draw.uniform(0, 2 * np.pi, 300)
    radius = np.array([1.0, 3.0])[truth] + 0.12 * draw.normal(size=300)
    return np.column_stack([radius * np.cos(turn), radius * np.sin(turn)]), truth


def one_large_two_small(draw):
    truth = np.repeat([0, 1, 2], [400, 25, 25])
    places, widths = np.array([[0, 0], [6.5, 2], [6.5, -2]]), np.array([1.5, 0.3, 0.3])
    return places[truth] + widths[truth, None] * draw.normal(size=(450, 2)), truth


def two_units(draw):
    truth = draw.integers(2, size=200)  # the first column in metres, the second in centimetres
    return np.column_stack([4 * truth + 0.6 * draw.normal(size=200), 60 * draw.normal(size=200)]), truth


def six_groups(draw):
    truth = draw.integers(6, size=210)
    places = np.array([[0, 0], [4.5, 0], [0, 5], [9, 6], [5, 9], [10, 2.5]])
    return places[truth] + 0.6 * draw.normal(size=(210, 2)), truth


def k_means(K, **options):
    return lambda x: KMeans(K, random_state=0, **options).fit(x).labels_


def by_tree(K, method):
    return lambda x: cut(linkage(x, method), K)


def scaled_first(x):
    return k_means(2, n_init=10)(x / x.std(axis=0))


def two_in_one_group(x):
    start = [[-0.5, 0], [0.5, 0], [4.5, 0], [0, 5], [9, 6], [5, 9]]  # and none in the sixth
    return KMeans(6, init=start).fit(x).labels_


# %%
careful = k_means(6, init="k-means++", n_init=20)
trials = {
    "rings": (two_rings, k_means(2, n_init=10), "rings", by_tree(2, "single"), "single linkage"),
    "sizes": (
        one_large_two_small,
        k_means(3, n_init=10),
        "unequal sizes",
        by_tree(3, "average"),
        "average linkage",
    ),
    "units": (two_units, k_means(2, n_init=10), "two units", scaled_first, "scaled first"),
    "start": (six_groups, two_in_one_group, "a bad start", careful, "k-means++, 20 starts"),
}
scores = {}
for name, (make, fails, _, repairs, _) in trials.items():
    draws = [make(np.random.default_rng(seed)) for seed in range(3)]
    scores[name] = np.array([[adjusted_rand_score(t, way(p)) for p, t in draws] for way in (fails, repairs)])
    before, after = np.round(scores[name].mean(axis=1), 2) + 0.0  # no minus before a zero
    spread = scores[name].std(axis=1, ddof=1)
    print(f"{name}: {before:.2f} (spread {spread[0]:.2f}), repaired {after:.2f} (spread {spread[1]:.2f})")

columns = []
for make, fails, problem, repairs, cure in trials.values():
    points, _ = make(np.random.default_rng(0))
    columns.append((points, fails(points), problem, repairs(points), cure))
plots.show(
    pictures.failures(columns),
    alt="Four failures of K-means above their repairs. Two rings are cut in halves, single linkage separates them; a "
    "large cloud is cut up while two small groups share a colour, average linkage keeps nearly all of it together but joins the small ones; two groups are "
    "cut across because of units, scaling mends it; of six groups one is cut and two are joined from a bad start.",
)

# %%
check("rings: K-means is no better than chance", scores["rings"][0], 0.1, relation="<=")
check("rings: single linkage finds them", scores["rings"][1], 0.99, relation=">=")
check("unequal sizes: K-means cuts up the large one", scores["sizes"][0], 0.4, relation="<=")
check("unequal sizes: average linkage does better", scores["sizes"][1], 0.7, relation=">=")
check("units: K-means follows the larger numbers", scores["units"][0], 0.1, relation="<=")
check("units: scaled, it finds the groups", scores["units"][1], 0.9, relation=">=")
check("start: two centres in one group stay there", scores["start"][0], 0.9, relation="<=")
check("start: the best of 20 careful starts finds all six", scores["start"][1], 0.99, relation=">=")
points, truth = one_large_two_small(np.random.default_rng(0))
wanted = objective(points, truth, centroids(points, truth, 3))
found = KMeans(3, n_init=20, random_state=0).fit(points).inertia_
print(f"objective of the grouping we drew: {wanted:.0f}; of the one K-means prefers: {found:.0f}")
check("the right grouping is worse for the objective", wanted, found, relation=">=")

# %% [markdown] says="- *Rings:* no straight border separates them.\n- *Unequal sizes:* it pays to spend two centres on the wide group. The grouping that we want has a **higher** objective.\n- *Units:* a column that says nothing is counted in large numbers.\n- *A bad start:* no centre walks across empty land."
# *Rings.* No straight border separates a ring from what lies inside it, and both have the same middle. Single linkage, blamed for its chains in section 6, follows them here: the same property, once a fault and once a virtue.
#
# *Unequal sizes.* Four hundred points of a wide group weigh more than two small ones, so it pays to spend two centres on the wide one. More starts do not help: the grouping that we want has a **higher** objective than the one K-means finds. Then the objective is at fault and not the search, as the last line above shows. Average linkage keeps all but a few points of the large group together. On two of the three draws it joins the two small ones and spends its third cluster on stragglers; on the third it finds all three groups. And that is luck as much as merit: move the small groups nearer (5 in place of 6.5), make the large one wider (1.7), and it fails on one of the three draws.
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
# | structureless data have a best silhouette too | section 4 | |
# | merge table by hand = coursekit = SciPy, five linkages | sections 5, 6 | [`clustering/agglomerative.py`](../coursekit/clustering/agglomerative.py) |
# | Lance and Williams's update = definition | section 6 | `lance_williams` |
# | Ward's squared height = twice the rise of the objective | section 6 | |
# | each merger is a current minimum, ties as documented | section 6 | `nearest_neighbour_chain`, `closest_pairs` |
# | heights never fall, but for centroid linkage | section 6 | `linkage` |
# | single linkage = minimum spanning tree | section 6 | `minimum_spanning_tree` |
# | pairs meet at or below their distance (single), at or above it (complete) | section 6 | |
# | time grows more slowly than by hand | section 6 | `nearest_neighbour_chain` |
# | USArrests: 16, 14, 20; scaling changes the answer | section 7 | `cut` |
# | rings, sizes, units, starts | section 8 | |
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
# <details><summary>3. In a dendrogram two states stand side by side and meet at the very top. Are they similar?</summary>
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
# **Homework:** [`hw02_clustering`](homework/release/hw02_clustering/hw02_clustering.ipynb): one half step, centroids that only look at what changed, the update of Lance and Williams, and three dendrograms without a name. [Solutions](../notebooks/homework/source/hw02_clustering/hw02_clustering.ipynb) stand in a folder of their own.
#
# **References.** S. Lloyd (1982), *Least squares quantization in PCM*. D. Arthur and S. Vassilvitskii (2007), *k-means++: the advantages of careful seeding*. P. Rousseeuw (1987), *Silhouettes: a graphical aid to the interpretation and validation of cluster analysis*. J. Ward (1963), *Hierarchical grouping to optimize an objective function*. G. Lance and W. Williams (1967), *A general theory of classificatory sorting strategies*. D. Müllner (2011), *Modern hierarchical, agglomerative clustering algorithms*. G. James, D. Witten, T. Hastie and R. Tibshirani (2013), *An Introduction to Statistical Learning*, chapter 10.
