# ---
# jupyter:
#   coursekit:
#     cpu_seconds: 32
#     minutes: 120
# ---

# %% [markdown] slide="slide"
# # 03 · Manifold learning: maps of data that are bent
#
# **After this notebook you can** draw a map from nothing but a table of distances, say when that map is PCA, repair distances along a bent sheet and know what one false edge does, read LLE, LTSA, Hessian and Laplacian eigenmaps as one recipe with four matrices, tell a geodesic from a diffusion distance, certify a map of sensors, and look at a t-SNE plot without believing what it cannot say.
#
# **Time:** 120 minutes to work through; it runs in about half a minute. **You need:** eigenvectors, and PCA (notebook 01). **It follows** one slide of the unsupervised learning deck, *Manifold Learning: Nonlinear Dimensionality Reduction*, which names nine methods and gives no formula. All nine are here; the formulas are from the papers at the end.
#
# Every line that starts with ✓ is a claim that was computed just now, on your machine; an identity has both of its sides computed, and a bound on a measured number names its *control*, something simpler that fails the same bound. If a claim fails, the notebook stops there.

# %%
import numpy as np

from coursekit import data, evaluation, manifold, plots, widgets
from coursekit.checks import check
from coursekit.manifold import explorers, pictures
from coursekit.pca import PCA

plots.use_course_style()
rng = np.random.default_rng(3)

# %% [markdown] slide="slide" says="A road atlas has a table of distances at the back. **Suppose the maps were torn out.** Could you draw them again?"
# ## 1 · A map from a table of distances
#
# **Question.** At the back of an atlas there is a table of distances. Suppose somebody tore out the maps. Could you draw them again from the table?
#
# Take ten American cities, with distances by air. The unknowns are positions $x_1,\dots,x_n$. All we know is $d_{ij} = \lVert x_i - x_j\rVert$.

# %%
cities = data.us_cities()
for city in ("Seattle", "Miami"):
    row = zip(cities.row_names, cities.x[cities.row_names.index(city)], strict=True)
    print(f"{city:8}", ", ".join(f"{name} {miles:.0f}" for name, miles in row))

# %% [markdown] slide="subslide"
# **Intuition.** A distance mixes three things: how long $x_i$ is, how long $x_j$ is, and the angle between them. If we can strip the lengths off, angles remain, and angles are enough to draw with.
#
# **Formula.** Put the origin at the mean of all points, so that $\sum_j x_j = 0$, and write $b_{ij} = x_i^\top x_j$. Then
#
# $$d_{ij}^2 = b_{ii} + b_{jj} - 2\,b_{ij} .$$
#
# Average over $j$. The last term vanishes, because $\sum_j b_{ij} = x_i^\top\sum_j x_j = 0$. With $m = \frac1n\sum_j b_{jj}$, the mean of row $i$ is $b_{ii} + m$, the mean of column $j$ is $b_{jj} + m$, and the mean of the whole table is $2m$. So
#
# $$b_{ij} = -\tfrac12\big(d_{ij}^2 - \text{mean of row } i - \text{mean of column } j + \text{mean of all}\big), \qquad B = -\tfrac12\,J D^{(2)} J,$$
#
# where $D^{(2)}$ holds the squared distances and $J = I - \frac1n 11^\top$ subtracts a mean. This is **double centring**. And $B = XX^\top$ is symmetric, so $B = U\Lambda U^\top$ hands us coordinates at once: $Y = U\Lambda^{1/2}$ has $YY^\top = B$. Keep the two largest eigenvalues, and the map is flat. This is **classical multidimensional scaling** (MDS). (An eigenvector's sign is free, so before two maps are compared, `with_signs_of` gives one the signs of the other.)


# %% tags=["slide-code"]
def map_by_hand(distances, k=2):
    J = np.eye(len(distances)) - 1 / len(distances)
    B = -0.5 * J @ distances**2 @ J
    eigenvalues, U = np.linalg.eigh(B)
    largest = np.argsort(eigenvalues)[::-1][:k]
    return U[:, largest] * np.sqrt(eigenvalues[largest])  # (n, k)


mds = manifold.ClassicalMDS(metric="precomputed").fit(cities.x)
check("by hand = coursekit",
      manifold.with_signs_of(map_by_hand(cities.x), mds.embedding_), mds.embedding_,
      atol=1e-9)  # fmt: skip

# %%
seattle, san_francisco, miami = mds.embedding_[[8, 7, 5]]
# As atlases do.
places = mds.embedding_ * np.sign([miami[0] - san_francisco[0], seattle[1] - miami[1]])
plots.show(pictures.city_map(places, cities.row_names, title="the table knows the map",
                             unit="miles"),
           alt="A map of ten American cities computed from their distances: Seattle at "
           "the top left, California below it, Miami at the bottom right, New York and "
           "Washington at the right.")  # fmt: skip

# %% [markdown]
# It is the United States. A table does not know where north is. MDS puts the longest direction of the map on the first axis, and for this country that happens to be nearly west to east. Nor can a table tell left from right, so we gave the two axes the signs that atlases use. All the distances between the cities are the table's.
#
# How well do two dimensions do? Ten cities on a round Earth do not fit a flat map exactly. As a control, take a table that holds the same 45 numbers in a random order: it can be double-centred too, and no map comes out of it.


# %%
def share_of_two(distances):
    """Share of the two largest eigenvalues, of the sum of all absolute ones."""
    eigenvalues = manifold.ClassicalMDS(metric="precomputed").fit(
        distances).eigenvalues_  # fmt: skip
    return eigenvalues[:2].sum() / np.abs(eigenvalues).sum()


upper = np.triu_indices(10, 1)
shuffled = np.zeros((10, 10))
shuffled[upper] = rng.permutation(cities.x[upper])
noise = share_of_two(shuffled + shuffled.T)
two = share_of_two(cities.x)
check("two dimensions hold 99 % of the table", two, 0.99, relation=">=",
      control={"a shuffled table": noise})  # fmt: skip
print(f"share of two dimensions: {two:.1%}; of the shuffled table: {noise:.0%}")

# %% [markdown] slide="slide"
# ## 2 · PCA seen from outside
#
# **Question.** PCA needs the coordinates of each point. MDS has only distances. What does it lose?
#
# **Predict before you run:** take the 50 states of notebook 01 with their four standardised features. Compute their distances, throw the features away, and run MDS. What does the map look like?
#
# <details><summary>Answer</summary>
# It is the scatter of the first two principal scores, point for point. Double centring gives back $ZZ^\top$ for the centred table $Z = U\Sigma V^\top$, and $ZZ^\top = U\Sigma^2U^\top$. So MDS finds $U\Sigma$, which are the scores $ZV$. PCA diagonalises $Z^\top Z$, a table of features; MDS diagonalises $ZZ^\top$, a table of points. Both have the same positive eigenvalues, $\sigma_j^2 = n\lambda_j$.
# </details>
#
# So classical MDS of straight-line distances is a *linear* method, although the deck lists it under nonlinear dimensionality reduction. It becomes nonlinear only if the distances are no longer straight lines.

# %%
states = data.usarrests()
Z = (states.x - states.x.mean(axis=0)) / states.x.std(axis=0)
D = np.sqrt(manifold.squared_distances(Z))
scores, axes = PCA(2).fit_transform(Z), PCA(2).fit(Z)
outside = manifold.ClassicalMDS(metric="precomputed").fit(D)
check("double centring gives the Gram matrix", manifold.double_center(D**2), Z @ Z.T,
      atol=1e-12)  # fmt: skip
check("MDS map = PCA scores", manifold.with_signs_of(outside.embedding_, scores),
      scores, atol=1e-12)  # fmt: skip
check("MDS eigenvalues = n lambda", outside.eigenvalues_[:2],
      50 * axes.explained_variance_, rtol=1e-12)  # fmt: skip

# %% [markdown] slide="skip"
# **What is lost** by keeping two dimensions has an exact size too. The *strain* $\lVert B - YY^\top\rVert^2$, all squares added, is the sum of the squared eigenvalues left out; and by the theorem of Eckart and Young no other map of two dimensions has less.

# %%
B = manifold.double_center(D**2)
left_out = np.sum(outside.eigenvalues_[2:] ** 2)
check("strain = sum of the squared eigenvalues left out", outside.strain_, left_out,
      rtol=1e-10)  # fmt: skip
others = outside.embedding_ + rng.normal(size=(1000, 50, 2)) * 10 ** rng.uniform(
    -3, 0, size=(1000, 1, 1))  # fmt: skip
strains = np.sum((B - others @ others.transpose(0, 2, 1)) ** 2, axis=(1, 2))
check("1000 others have more", strains, outside.strain_, relation=">=",
      theorem="Eckart-Young")  # fmt: skip

# %% [markdown]
# **A new point** (the *out-of-sample extension*). Three states arrive late. All we know are their distances to the other 47. Where do they go? Repeat the derivation of section 1 for one more point $x$, with the origin still at the mean of the old points.
#
# 1. Its squared distances are $d_i^2 = x^\top x + b_{ii} - 2\,x_i^\top x$. The old row means were $b_{ii} + m$.
# 2. Subtract: $d_i^2 - \text{mean of row } i = (x^\top x - m) - 2\,x_i^\top x$. The bracket is the same number for every $i$.
# 3. Multiply by $Y^\top$. The columns of $Y$ add to zero, so the bracket drops out, and $-2\,Y^\top X x$ is left.
# 4. In the coordinates of the map, $X$ is $Y$ (its further columns are at right angles to these), and $Y^\top Y = \Lambda$. So $Y^\top X x = \Lambda y$.
#
# This is Gower's formula, $y = -\frac12\Lambda^{-1}Y^\top(d^2 - \text{row means of } D^{(2)})$. If MDS is PCA, it must be the projection on the principal axes, which MDS has never seen.

# %%
late = [states.row_names.index(name) for name in ("Florida", "Vermont", "Hawaii")]
early = np.setdiff1d(np.arange(50), late)
model = manifold.ClassicalMDS(metric="precomputed").fit(D[np.ix_(early, early)])
axes = PCA(2).fit(Z[early])
signs = np.sign(np.sum(model.embedding_ * axes.transform(Z[early]), axis=0))
placed = model.transform(D[np.ix_(late, early)]) * signs
check("Gower's formula = projection on the axes", placed, axes.transform(Z[late]),
      atol=1e-12)  # fmt: skip
plots.show(pictures.map_over_scores(axes.transform(Z), late, placed,
                                    ("Florida", "Vermont", "Hawaii")),
           alt="The first two principal scores of 50 states as dots. Florida, Vermont "
           "and Hawaii, placed by their distances to the other 47, sit in the middle "
           "of the rings drawn at their principal scores.")  # fmt: skip

# %% [markdown]
# Each orange dot sits in the middle of its ring. Distances to 47 others were enough; the four features of the late states were never used.

# %% [markdown] slide="slide"
# ## 3 · A table that is no metric
#
# The other atlas table lists *road* distances between 21 European cities. The same recipe gives a map that you would recognise with some goodwill, and negative eigenvalues, which no set of points can produce: $B = XX^\top$ has none. So no arrangement of points, in any number of dimensions, has these distances.

# %%
europe = data.eurodist()
road, city = europe.x, europe.row_names
i, via, j = (city.index(name) for name in ("Marseilles", "Rome", "Athens"))
print(f"Marseilles-Athens {road[i, j]:.0f} km; via Rome {road[i, via]:.0f} + "
      f"{road[via, j]:.0f} km")  # fmt: skip
saving = (road[:, None, :] - road[:, :, None] - road).max()  # over all i, via, j
by_air = (cities.x[:, None, :] - cities.x[:, :, None] - cities.x).max()
check("no detour saves more than this one", saving,
      road[i, j] - road[i, via] - road[via, j], atol=1e-9)  # fmt: skip
check("a detour saves 1000 km", saving, 1000, relation=">=",
      control={"air distances": by_air})  # fmt: skip
# Rome, Athens.
(north_a, east_a), (north_b, east_b) = np.radians([(41.9, 12.5), (38.0, 23.7)])
cosine = np.sin(north_a) * np.sin(north_b) + np.cos(north_a) * np.cos(north_b) * np.cos(
    east_a - east_b)  # fmt: skip
crow = 6371 * np.arccos(cosine)  # on a great circle
print(f"Rome to Athens: {road[via, j]:.0f} km listed, {crow:.0f} km as the crow flies")

# %% [markdown] slide="subslide"
# A detour that is a thousand kilometres *shorter*? The entry that makes it possible is Rome–Athens, and it is shorter than the crow flies. Presumably the table counts roads, and the ferry across the Adriatic costs nothing. A computer does not ask.
#
# **A repair.** Let the distance be the length of the *shortest path* through the table. Floyd and Warshall found it with three nested loops, two of which NumPy hides: for each city in turn, ask of all pairs whether going through it is shorter.


# %%
def shortest_paths(lengths):
    paths = lengths.copy()
    for stop in range(len(paths)):
        paths = np.minimum(paths, paths[:, [stop]] + paths[[stop], :])
    return paths


repaired = shortest_paths(road)
slack = repaired[:, :, None] + repaired - repaired[:, None, :]
check("afterwards no detour is shorter", slack, 0, relation=">=",
      theorem="paths can be joined")  # fmt: skip
print(f"{np.sum(repaired < road) // 2} of 210 entries got shorter; share of two "
      "dimensions: " f"{share_of_two(road):.2f} before, {share_of_two(repaired):.2f} "
                     "after")  # fmt: skip
believable = road.copy()
# Rome to Athens, had the ferry been counted.
believable[via, j] = believable[j, via] = 1500
for name, table in (("as listed", road), ("Rome-Athens 1500 km", believable)):
    closer = (table - shortest_paths(table))[j].sum() / 20
    print(f"{name}: Athens moves {closer:.0f} km closer to the others, on average")

# %%
listed, metric = (manifold.ClassicalMDS(metric="precomputed").fit(table)
                  for table in (road, repaired))  # fmt: skip
east, north = listed.embedding_[j, 0], listed.embedding_[city.index("Stockholm"), 1]
places = listed.embedding_ * np.sign([east, north])
plots.show(pictures.named_map_and_eigenvalues(
    places, city, listed.eigenvalues_, metric.eigenvalues_, unit="km"),
           alt="Left, a map of 21 European cities from road distances, Stockholm at "
           "the top, Athens at the bottom right. Right, the eigenvalues of the table "
           "and of its shortest paths; the last ones are negative in "
           "both.")  # fmt: skip
worst = {name: fit.eigenvalues_[-1] / fit.eigenvalues_[0]
         for name, fit in (("now", metric), ("states", outside))}  # fmt: skip
check("still not Euclidean", worst["now"], -0.01, relation="<=",
      control={"the states": worst["states"]})  # fmt: skip

# %% [markdown]
# Now it is a metric, and some eigenvalues are still negative: shortest paths obey the triangle inequality without being straight lines in any space. And mind what the repair did. It did not correct Rome–Athens; it believed it, and pulled Athens some 700 km closer to the other cities on average. Had that one entry been 1500 km, the pull would have been about 170. One false short edge is poison for shortest paths. Keep that in mind: we now build a method on them.

# %% [markdown] slide="slide"
# ## 4 · Along the sheet: Isomap
#
# **Question.** An ant lives on a rolled-up carpet. Two crumbs are a hand's breadth apart through the air and a day's walk apart for the ant. Whose distance should a map show?
#
# Our carpet is a flat sheet of 70 by 15, rolled along the spiral $r = \theta$. We place the points evenly in *arc length*, so the sheet is bent and not stretched, and the flat sheet is the right answer. We know it; the methods do not.

# %%
sheet = manifold.flat_sheet(600, rng=0)  # (600, 2): along, across
roll = manifold.roll_up(sheet)  # (600, 3)
through_air = np.sqrt(manifold.squared_distances(roll))
on_the_sheet = np.sqrt(manifold.squared_distances(sheet))
pairs = np.triu_indices(600, 1)
step = np.array([1e-6, 0])
velocity = (manifold.roll_up(sheet + step) - manifold.roll_up(sheet - step)) / 2e-6
check("a step on the sheet is as long on the roll", np.linalg.norm(velocity, axis=1), 1,
      atol=1e-7)  # fmt: skip

# %% [markdown] slide="subslide"
# **Isomap** trusts distances between near points only. (1) Join each point to its $k$ nearest neighbours. (2) The length of the shortest path along these edges estimates the ant's distance, the **geodesic**. (3) Classical MDS of that table. Step 2 is the repair of the last section; here every edge that is not short is thrown away first.


# %% tags=["slide-code"]
def geodesics_by_hand(distances, k):
    graph = np.full_like(distances, np.inf)
    for i, row in enumerate(distances):
        near = np.argsort(row)[: k + 1]  # the point itself and its k nearest
        graph[i, near] = graph[near, i] = row[near]
    return shortest_paths(graph)


geodesic = geodesics_by_hand(through_air, 10)
isomap = manifold.Isomap(n_neighbors=10).fit(roll)
unrolled = manifold.with_signs_of(map_by_hand(geodesic), isomap.embedding_)
check("geodesics by hand = coursekit", geodesic, isomap.distances_, atol=1e-12)
check("Isomap by hand = coursekit", unrolled, isomap.embedding_, atol=1e-8)
check("no path beats the straight line", geodesic, through_air, relation=">=",
      atol=1e-12, theorem="triangle inequality")  # fmt: skip

# %%
from sklearn.manifold import Isomap as OtherIsomap

other = OtherIsomap(n_neighbors=10, eigen_solver="dense").fit(roll)
check("geodesics = scikit-learn", isomap.distances_, other.dist_matrix_, rtol=1e-12)
rivals = {"PCA": PCA(2).fit_transform(roll), "shuffled": unrolled[::-1],
          "no width": sheet * [1, 0]}  # fmt: skip
missed, *others = (manifold.procrustes_residual(Y, sheet)
                   for Y in (unrolled, *rivals.values()))  # fmt: skip
check("Isomap misses under 1 % of the sheet", missed, 0.01, relation="<=",
      control=dict(zip(rivals, others, strict=True)))  # fmt: skip
print("path / true distance, median: "
      f"{np.median(geodesic[pairs] / on_the_sheet[pairs]):.2f}")  # fmt: skip

# %% [markdown]
# The residual is the share of the sheet's variance that the map misses after the best rotation, reflection, shift and scale (*Procrustes*). Mind its scale: the sheet is nearly five times as long as wide, so a map that loses the width altogether still misses only 4 %. That is why the bar is 1 %. The median ratio is a little above one: a path along edges zigzags.

# %%
plots.show(pictures.roll_and_maps(
    roll, sheet[:, 0],
    [("Isomap unrolls it", unrolled), ("PCA flattens it", rivals["PCA"])]),
           alt="A swiss roll coloured by the position along it; Isomap's map, a long "
           "rectangle with colours in order; and PCA's map, still a "
           "spiral.")  # fmt: skip

# %% [markdown]
# PCA looks at the roll from the side and leaves it rolled up: dark and bright points stay neighbours across the gap. On Isomap's map the colours run in order from one end to the other.

# %% [markdown] slide="subslide"
# **How many neighbours?** Too few, and paths zigzag; too many, and an edge jumps from one turn of the roll to the next. Move the slider and watch the map at the moment when the first edges turn red.

# %% tags=["nbval-ignore-output"]
runs = explorers.neighbor_runs(roll, sheet)
explorers.neighbor_explorer(roll, sheet, runs)

# %%
from functools import partial

widgets.static_frames(partial(explorers.neighbor_frame, roll, sheet, runs),
                      [{"n_neighbors": 5}, {"n_neighbors": 12}, {"n_neighbors": 28}],
                      alt="With 5 neighbours a bent strip with holes, with 12 a "
                      "rectangle; with 28 edges jump, the map is a roll.")  # fmt: skip
bar, calm = 100 * runs[12]["residual"], runs[20]["residual"]
check("jumping edges ruin the map", runs[28]["residual"], bar, relation=">=",
      control={"k = 20": calm})  # fmt: skip

# %% [markdown]
# With 5 neighbours the map is a bent strip with holes, because few edges point the right way. With 12 it is the sheet. With 28 a couple of dozen edges out of thousands jump, and the map misses nearly as much as PCA's.
#
# How many false edges (*short circuits*, in the literature) does it take? One. We keep $k = 10$ and add the single shortest edge that jumps.

# %%
a, b = np.unravel_index(np.argmin(np.where(on_the_sheet > 35, through_air, np.inf)),
                        (600, 600))  # fmt: skip


def with_edge(i, j):
    """All geodesics after one more edge, which a shortest path uses at most once."""
    through = geodesic[:, [i]] + through_air[i, j] + geodesic[[j], :]
    return np.minimum(geodesic, np.minimum(through, through.T))


one_more = with_edge(a, b)
ruined = manifold.procrustes_residual(map_by_hand(one_more), sheet)
# The control is a true edge, about as long: its ends are as close on the sheet.
fits = np.where(through_air < 1.01 * geodesic, np.abs(on_the_sheet - through_air[a, b]),
                np.inf)  # fmt: skip
true_edge = np.unravel_index(np.argmin(fits), fits.shape)
harmless = manifold.procrustes_residual(map_by_hand(with_edge(*true_edge)), sheet)
check("one false edge: 100 times the error", ruined, 100 * missed, relation=">=",
      control={"one true edge, as long": harmless})  # fmt: skip
shorter = np.mean((one_more < 0.8 * geodesic)[pairs])
print(f"missed: {missed:.3f} without, {ruined:.2f} with it; {shorter:.0%} of the "
      "distances fell by a fifth")  # fmt: skip

# %% [markdown] slide="slide"
# ## 5 · Only small patches: LLE and its relatives
#
# **Question.** Isomap stakes everything on long paths. Could a method look at small patches and never measure anything far?
#
# **LLE** (locally linear embedding). On a small patch the sheet is flat, so a point is a mixture of its neighbours, $x_i \approx \sum_j w_{ij}x_j$ with $\sum_j w_{ij} = 1$. Bend the sheet gently, and the mixture hardly changes. So find the weights in space, then find a map on which the same weights work.
#
# **The weights, by hand.** Because the weights add to 1, $x_i - \sum_j w_j x_j = -\sum_j w_j (x_j - x_i)$, and its squared length is $w^\top G w$ with the Gram matrix $G_{jl} = (x_j - x_i)^\top(x_l - x_i)$. Minimise under $1^\top w = 1$ with a multiplier: $2Gw = \mu 1$. So $w$ is $G^{-1}1$, divided by its sum. With more neighbours than dimensions $G$ has no inverse; we add a thousandth of its trace to the diagonal.


# %% tags=["slide-code"]
def weights_by_hand(i, near):
    away = roll[near] - roll[i]  # (k, 3)
    G = away @ away.T
    G += 1e-3 * np.trace(G) * np.eye(len(near))
    w = np.linalg.solve(G, np.ones(len(near)))
    return w / w.sum()


neighbors = manifold.neighbor_lists(roll, 12)
W = manifold.lle_weights(roll, neighbors)
for i in (0, 300, 599):
    check(
        f"weights of point {i} by hand = coursekit",
        weights_by_hand(i, neighbors[i]),
        W[i, neighbors[i]],
        atol=1e-12,
    )
turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
moved = manifold.lle_weights(5 * roll @ turn + [1, 2, 3], neighbors)
check("turned, shifted, scaled data have the same weights", moved, W, atol=1e-10)

# %% [markdown] slide="subslide" says="**The map.** Make $\\lVert f - Wf\\rVert^2$ small: its coordinates are the *bottom eigenvectors* of $M$. The methods differ in what a patch charges for; the line below the table is for the last row:"
# **The map.** One coordinate of the map is a number $f_i$ at each point. It should satisfy $f_i \approx \sum_j w_{ij} f_j$, so make $\lVert f - Wf\rVert^2 = f^\top M f$ small with $M = (I-W)^\top(I-W)$. The constant function costs nothing and says nothing. The next cheapest functions, at right angles to it and to each other, are the coordinates: **the bottom eigenvectors of $M$**.
#
# That is the whole family. The others differ in what a patch charges for:
#
# | method | $f$ costs nothing if, on each patch, | $M$ |
# | --- | --- | --- |
# | LLE | $f_i$ is the mixture that $x_i$ is | $(I-W)^\top(I-W)$ |
# | LTSA (local tangent space alignment) | $f$ is linear in the tangent coordinates | sum of projectors *off* $[1, \text{tangent}]$ |
# | Hessian eigenmap | $f$ has no second derivatives | sum of projectors *on* the quadratic part |
# | Laplacian eigenmap | neighbours have equal values | $L = \text{degrees} - \text{weights}$ |
#
# The tangent coordinates of a patch are its own PCA. In the last row the weights $w_{ij}$ are symmetric (1 for neighbours, else 0). Expand the square, and use the fact that the weights in a row add up to its degree:
#
# $$\tfrac12\sum_{ij} w_{ij}(f_i - f_j)^2 = \tfrac12\sum_{ij} w_{ij}\big(f_i^2 + f_j^2\big) - \sum_{ij} w_{ij}f_if_j = \sum_i \text{Deg}_{ii}f_i^2 - \sum_{ij} w_{ij}f_if_j = f^\top L f .$$
#
# Its map solves $Ly = \mu\,\text{Deg}\,y$ with the degrees on the diagonal of $\text{Deg}$, so that crowded points do not dominate.

# %%
f = rng.normal(size=600)
mixture_error = np.sum((f - W @ f) ** 2)
check("LLE: f'Mf = error of the mixtures", f @ manifold.lle_matrix(roll, neighbors) @ f,
    mixture_error, rtol=1e-12)  # fmt: skip


def unexplained(columns):
    """Squared error of f, over all patches, when fitted by these columns."""
    total = 0.0
    for i, near in enumerate(neighbors):
        patch = np.append(i, near)
        u, v = PCA(2).fit_transform(roll[patch]).T  # the tangent coordinates
        table = np.column_stack([np.ones(13), *columns(u, v)])
        total += np.sum((f[patch] - table @ np.linalg.lstsq(table, f[patch])[0]) ** 2)
    return total


linear = unexplained(lambda u, v: [u, v])
quadratic = unexplained(lambda u, v: [u, v, u * u, u * v, v * v])
tangent_penalty = f @ manifold.ltsa_matrix(roll, neighbors, 2) @ f
hessian_penalty = f @ manifold.hessian_matrix(roll, neighbors, 2) @ f
check("LTSA: f'Mf = what linear fits leave over", tangent_penalty, linear, rtol=1e-10)
check("Hessian: f'Mf = what squares explain beyond that", hessian_penalty,
      linear - quadratic, rtol=1e-8)  # fmt: skip
laplacian = manifold.LaplacianEigenmap(n_neighbors=10).fit(roll)
w, y, mu = laplacian.weights_, laplacian.embedding_, laplacian.eigenvalues_
L, Deg = manifold.graph_laplacian(w), np.diag(w.sum(axis=1))
check("f'Lf = half the sum of w (f_i - f_j)^2", f @ L @ f,
      0.5 * np.sum(w * (f[:, None] - f) ** 2), rtol=1e-12)  # fmt: skip
check("L y = mu Deg y", L @ y, Deg @ y * mu, atol=1e-12)

# %% [markdown]
# **Which functions are free?** On a sheet that lies flat in space, the right answer for LTSA and for the Hessian is known exactly: the affine functions $1, u, v$ of the sheet's coordinates, and no others. So their $M$ has exactly three zero eigenvalues there, and the sheet comes back without error, up to an affine map. LLE has no such guarantee once a thousandth has been added to $G$; it serves as the control.

# %%
# Flat, in five dimensions.
tilted = sheet[:200] @ np.linalg.qr(rng.normal(size=(5, 2)))[0].T
patches = manifold.neighbor_lists(tilted, 12)
lle = manifold.LocallyLinearEmbedding(n_neighbors=12).fit_transform(tilted)
by_lle = {"LLE": manifold.affine_residual(lle, sheet[:200])}
for name, matrix in (("LTSA", manifold.ltsa_matrix),
                     ("Hessian", manifold.hessian_matrix)):  # fmt: skip
    values, vectors = np.linalg.eigh(matrix(tilted, patches, 2))
    check(f"{name}: three eigenvalues are zero", values[:3], 0, atol=1e-11,
          control={"the fourth": values[3]})  # fmt: skip
    check(f"{name}: these three hold the sheet",
          manifold.affine_residual(vectors[:, :3], sheet[:200]), 0, atol=1e-16,
          control=by_lle)  # fmt: skip

# %% [markdown] slide="subslide"
# A trap hides here. Many programs drop the first eigenvector, taking it for the constant. With three zero eigenvalues the solver returns *some* basis of the three-dimensional space, and the constant is mixed into all of it. `manifold.bottom_eigenvectors` lifts the constant out of the way first.
#
# Now bend the sheet. The two coordinates of these maps have equal variance (for the Laplacian nearly so), and a rectangle comes out as a square. So we allow any *affine* map onto the sheet before we compare. And we ask for the length and for the width separately: the width accounts for only 4 % of the variance, so losing it would hardly show.

# %%
methods = {"LLE": manifold.LocallyLinearEmbedding, "LTSA": manifold.LTSA,
           "Hessian": manifold.HessianEigenmap,
           "Laplacian": manifold.LaplacianEigenmap}  # fmt: skip
found = {name: manifold.with_signs_of(method(n_neighbors=12).fit_transform(roll),
                                      sheet - sheet.mean(axis=0))
         for name, method in methods.items()}  # fmt: skip
residual = {name: [manifold.affine_residual(Y, sheet[:, [side]]) for side in (0, 1)]
            for name, Y in found.items()}  # fmt: skip
for name, (length, width) in residual.items():
    print(f"{name:9} misses {length:6.2%} of the length and {width:6.2%} of the width")
check("LTSA and Hessian keep the width", [residual["LTSA"][1], residual["Hessian"][1]],
      0.01, relation="<=",
      control={name: residual[name][1] for name in ("LLE", "Laplacian")})  # fmt: skip
plots.show(pictures.maps_of_a_sheet(list(found.items()), sheet[:, 0]),
           alt="Four maps of the swiss roll. LTSA and Hessian show a square with "
           "colours in order; LLE's is bent into a wedge; the Laplacian's map is a "
           "horseshoe, a curve on which the colours are in order.")  # fmt: skip
# Half a wave, and a whole one.
harmonics = np.cos(np.pi * np.outer(sheet[:, 0] / 70, [1, 2]))
follows = {name: np.abs([np.corrcoef(Y[:, k], harmonics[:, k])[0, 1] for k in (0, 1)])
           for name, Y in found.items()}  # fmt: skip
check("Laplacian: half a cosine along the roll, then a whole one", follows["Laplacian"],
      0.95, relation=">=", control={"Hessian": follows["Hessian"][1]})  # fmt: skip

# %% [markdown]
# LTSA and Hessian recover the sheet almost perfectly. LLE and the Laplacian keep the length and lose the width: their second coordinate is a function of the first, more or less. For the Laplacian, which draws a horseshoe, that is no accident: on a strip much longer than wide, the second cheapest function is not the width but the *next harmonic along the length*: $\cos 2s$ after $\cos s$, if $s$ runs from 0 to $\pi$. One is a function of the other, so the map is a curve. The Laplacian asks that neighbours be equal, not that the map be straight. The check correlates its coordinates with these two cosines; the Hessian's second coordinate fails it.

# %% [markdown] slide="skip"
# **A check that found something.** Our matrix for LTSA agrees with scikit-learn's to rounding, once we leave each point out of its own patch, as it does. Its `method="hessian"` was meant to be our oracle for the Hessian. Instead:

# %%
from sklearn.manifold import LocallyLinearEmbedding as OtherLLE

without = manifold.ltsa_matrix(roll, neighbors, 2, with_itself=False)
by_ltsa = np.sqrt(600) * manifold.bottom_eigenvectors(without, 2, free=np.ones(600))[1]
for method, ours in (("standard", found["LLE"]), ("ltsa", by_ltsa),
                     ("hessian", by_ltsa)):  # fmt: skip
    other = OtherLLE(n_neighbors=12, method=method,
                     eigen_solver="dense").fit_transform(roll) * np.sqrt(
                         600)  # fmt: skip
    name = ("LLE" if method == "standard"
            else "LTSA, each point left out of its own patch")  # fmt: skip
    check(f"{name} = scikit-learn's {method!r}", manifold.with_signs_of(ours, other),
          other, atol=1e-6)  # fmt: skip

# %% [markdown]
# In the version used here, scikit-learn's Hessian eigenmap *is* LTSA. It orthogonalises with a full QR decomposition and keeps all $k - 3$ columns that remain after the affine ones, instead of the three quadratic ones; a projector on everything that is not affine is LTSA's matrix. Hence the rule of this course: compute both sides. We shall meet the left-out point again in section 10.

# %% [markdown] slide="slide"
# ## 6 · A sheet with a hole
#
# **Predict before you run:** cut a window out of the middle of the sheet before rolling it up. Which of Isomap, LTSA and Hessian eigenmaps notices?
#
# <details><summary>Answer</summary>
# Isomap. A path from one side of the window to the other has to walk round it, so it is longer than the straight line on the sheet, however many points there are. Local methods never measure across the window: each patch is as flat as before.
# </details>

# %%
missing = {"Isomap": [], "LTSA": [], "Hessian": [], "Laplacian": []}
for seed in range(5):
    truth = manifold.flat_sheet(600, hole=True, rng=seed)
    for name, errors in missing.items():
        method = methods.get(name, manifold.Isomap)
        Y = method(n_neighbors=12).fit_transform(manifold.roll_up(truth))
        errors.append(manifold.affine_residual(Y, truth))
isomap_5, ltsa_5, hessian_5, laplacian_5 = (
    np.array(errors) for errors in missing.values())  # fmt: skip
check("Hessian misses less than a tenth of what Isomap does, five seeds", hessian_5,
      isomap_5 / 10, relation="<=", control={"the Laplacian": laplacian_5})  # fmt: skip
check("and less than LTSA", hessian_5, ltsa_5, relation="<=",
      control={"Isomap": isomap_5})  # fmt: skip
print(f"LTSA / Hessian, median of five: {np.median(ltsa_5 / hessian_5):.0f}")
holed, centred = manifold.roll_up(truth), truth - truth.mean(axis=0)
panels = [("the sheet", truth)]
for name, method in (
    ("Isomap", manifold.Isomap),
    ("LTSA", manifold.LTSA),
    ("Hessian", manifold.HessianEigenmap),
):
    panels.append((name,
                   manifold.with_signs_of(
                       method(n_neighbors=12).fit_transform(holed),
                       centred)))  # fmt: skip
plots.show(pictures.maps_of_a_sheet(panels, truth[:, 0]),
           alt="The sheet with a window; Isomap's map, in which the window is wide and "
           "its edges bulge; and the maps of LTSA and Hessian eigenmaps, in which "
           "window and rim are straight.")  # fmt: skip

# %% [markdown]
# Each panel fills its square, although the sheet is 70 by 15, so look at the shape of the window and not at the proportions. Isomap pushes the strips above and below the window outwards; the other two keep it a rectangle. Isomap's guarantee needs a *convex* sheet, the Hessian's only a connected one (Donoho and Grimes; cited, not proved here). In return it needs more neighbours: a quadratic in two variables has six coefficients, so a patch must have at least six points.

# %% [markdown] slide="slide"
# ## 7 · A random walker's distance
#
# **Question.** One false edge ruined the geodesics, because a shortest path takes its luck where it finds it. What if a distance counted *all* paths?
#
# Send out walkers. From point $i$ a walker steps to $j$ with probability $P_{ij} = K_{ij} / \sum_l K_{il}$, where $K_{ij} = \exp(-\lVert x_i-x_j\rVert^2 / 2\sigma^2)$: likely to a near point. After $t$ steps the walkers from $i$ are spread as row $i$ of $P^t$. Two points are close if their walkers end up in the same places:
#
# $$D_t(i,j)^2 = \sum_z \frac{(P^t_{iz} - P^t_{jz})^2}{\pi_z}, \qquad \pi_z \propto \sum_l K_{zl} .$$
#
# Here $\pi$ is where walkers are found in the long run, $\pi P = \pi$; dividing by it counts a rare meeting place for more. With $P\psi_j = \lambda_j\psi_j$ the **diffusion map** sends point $i$ to $(\lambda_1^t\psi_1(i), \lambda_2^t\psi_2(i), \dots)$. The claim: *straight-line distances on this map are diffusion distances.*
#
# Why? Four steps.
#
# 1. $K$ is symmetric, so $\pi_iP_{ij}$, a multiple of $K_{ij}$, is symmetric too: the walk crosses each edge as often one way as the other. The same then holds for $t$ steps, and $P^t_{iz}/\pi_z$ is a symmetric table.
# 2. So $P$ has eigenvectors that are orthonormal when each point is weighted by $\pi$: $\sum_z\pi_z\psi_j(z)\psi_l(z)$ is 1 if $j = l$ and 0 otherwise. In terms of these, $P^t_{iz}/\pi_z = \sum_j\lambda_j^t\,\psi_j(i)\,\psi_j(z)$.
# 3. The distance divides a squared difference of $P^t$ by $\pi_z$ once. Write it as $\sum_z \pi_z\,\big(P^t_{iz}/\pi_z - P^t_{i'z}/\pi_z\big)^2$, insert step 2, and the bracket is $\sum_j\lambda_j^t\,(\psi_j(i)-\psi_j(i'))\,\psi_j(z)$.
# 4. Square it and sum over $z$. By step 2 all mixed terms vanish, and $\sum_j\lambda_j^{2t}(\psi_j(i)-\psi_j(i'))^2$ is left. The constant $\psi_0$ contributes nothing.
#
# We compute both sides.

# %%
for t in (1, 3):
    # All 79 coordinates.
    walk = manifold.DiffusionMap(79, bandwidth=3.0, t=t).fit(roll[:80])
    spread = np.linalg.matrix_power(walk.transition_, t)
    squared = np.sum((spread[:, None, :] - spread) ** 2 / walk.stationary_, axis=2)
    on_the_map = manifold.squared_distances(walk.embedding_)
    check(f"diffusion distance after {t} steps = distance on the map", on_the_map,
          squared, atol=1e-9)  # fmt: skip
check("pi P = pi", walk.stationary_ @ walk.transition_, walk.stationary_, atol=1e-14)
K = manifold.diffusion_kernel(manifold.squared_distances(roll[:80]), 3.0)
root = np.sqrt(K.sum(axis=1))
mu = np.linalg.eigvalsh(manifold.graph_laplacian(K) / np.outer(root, root))[1:]
check(
    "with the same weights, lambda of the walk = 1 - mu of the Laplacian",
    walk.eigenvalues_,
    1 - mu,
    atol=1e-12,
)

# %% [markdown]
# The last line holds because $I - P = \text{Deg}^{-1}L$: the walk and the Laplacian have the same eigenvectors. With the same weights, a Laplacian eigenmap is a diffusion map at $t = 0$, up to scale, and a larger $t$ fades out what changes quickly.
#
# Now the false edge again: we let walkers cross it as if the two ends were the same place ($K_{ab} = 1$).


# %%
def diffusion_distances(K, t):
    P, pi = K / K.sum(axis=1, keepdims=True), K.sum(axis=1) / K.sum()
    return np.sqrt(manifold.squared_distances(
        np.linalg.matrix_power(P, t) / np.sqrt(pi)))  # fmt: skip


K = manifold.diffusion_kernel(through_air**2, 1.5)
K_false = K.copy()
K_false[a, b] = K_false[b, a] = 1.0
before, after = ({t: diffusion_distances(kernel, t) for t in (16, 64, 200)}
                 for kernel in (K, K_false))  # fmt: skip
fell = {t: [np.mean((after[t] < kept * before[t])[pairs]) for kept in (0.9, 0.8)]
        for t in before}  # fmt: skip
fell["geodesics"] = [np.mean((one_more < kept * geodesic)[pairs])
                     for kept in (0.9, 0.8)]  # fmt: skip
check("t = 64: fewer than 2 % fall by a fifth", fell[64][1], 0.02, relation="<=",
      control={"geodesics": shorter})  # fmt: skip
print("share that fell by a tenth, by a fifth:",
      {t: [f"{s:.1%}" for s in both] for t, both in fell.items()})  # fmt: skip

# %%
star = neighbors[a][-1]  # close to one end of the false edge
rows = [[("geodesic", geodesic[star]), ("geodesic, one false edge", one_more[star])],
        [("diffusion, t = 64", before[64][star]),
         ("diffusion, the same edge", after[64][star])]]  # fmt: skip
plots.show(pictures.distances_from_one(sheet, star, rows),
           alt="The flat sheet coloured by distance from a star close to one end of "
           "the false edge. The edge opens a second valley in the geodesic distance; "
           "the diffusion distance changes by a shade at most.")  # fmt: skip

# %% [markdown]
# One shortcut opens a valley in the geodesic distance and changes the diffusion distance by a shade. Two remarks before we celebrate. With more steps the walkers do find the shortcut: at $t = 200$ more distances have fallen by a tenth than among the geodesics, though fewer by a fifth. And at small $t$ the diffusion distance saturates for far points, as the flat yellow half of the sheet shows: "not met yet" is all that it says, so it is a poor ruler for long ways. Part of its calm at $t = 64$ is just that: where a ruler reads the same for all far points, a shortcut between two of them cannot show.

# %% [markdown] slide="slide"
# ## 8 · A map from a few distances
#
# **Question.** Thirty sensors lie in a field. Each hears the others within radio range and measures how far they are; the rest of the table is unknown. Where are they?
#
# Shortest paths could fill the gaps, as in Isomap, and get it roughly right. The deck's starred method, **MDS-SDP** (sensor network localisation), gets it exactly right where there are enough of them, and comes with a proof of what it claims. Let $G = YY^\top$ be the unknown Gram matrix. Each known length is *one linear equation* in $G$:
#
# $$G_{ii} + G_{jj} - 2G_{ij} = d_{ij}^2, \qquad G \succeq 0,\quad G1 = 0 .$$
#
# Positions in the plane give $G$ the rank 2, and that is the hard part: a bound on the rank is not convex. So drop the rank, and among all positive semidefinite $G$ that obey the equations take the one with the largest trace, as if all sensors pushed apart; for neighbour graphs this is known as *maximum variance unfolding*. This is a *semidefinite program*: convex, no bad starts. (The solver alternates between the matrices that obey the equations and those that are positive semidefinite; `sensors.py` has it in some forty lines.)


# %%
def network(radius, n=30):
    """Positions (n, 2), the pairs within range (m, 2), and their distances (m,)."""
    X = np.random.default_rng(4).uniform(size=(n, 2))
    D = np.sqrt(manifold.squared_distances(X))
    edges = np.argwhere(np.triu(radius > D, 1))
    return X, edges, D[tuple(edges.T)]


field, edges, lengths = network(0.5)
solved = manifold.sensor_localization(30, edges, lengths)
known = np.where(np.eye(30, dtype=bool), 0, np.inf)
known[tuple(edges.T)] = known[tuple(edges.T)[::-1]] = lengths
off, by_paths = (manifold.procrustes_residual(Y, field)
                 for Y in (solved.positions,
                           map_by_hand(shortest_paths(known))))  # fmt: skip
check("the sensors are found", off, 1e-10, relation="<=",
      control={"shortest paths, as in Isomap": by_paths})  # fmt: skip
print(f"{len(edges)} of 435 distances were known")

# %% [markdown] slide="subslide"
# **Why should we believe it?** Here we happen to know the truth. In the field we would not, and that is where the *certificate* comes in. The solver also returns one number $y_{ij}$ per edge. Put
#
# $$S = \sum_{\text{edges}} y_{ij}\,(e_i - e_j)(e_i - e_j)^\top - \big(I - \tfrac1n 11^\top\big) .$$
#
# Take *any* feasible $G'$. Multiply $S$ and $G'$ entry by entry and add, written $\langle S, G'\rangle$.
#
# 1. The equations of $G'$ turn the sum over edges into $\sum y_{ij}d_{ij}^2$. Because $G'1 = 0$, the bracket contributes $\operatorname{trace}G'$. So $\operatorname{trace}G' = \sum y_{ij} d_{ij}^2 - \langle S, G'\rangle$.
# 2. If $S \succeq 0$, then $\langle S, G'\rangle \geq 0$, as for any two positive semidefinite matrices: nothing feasible has a trace above $\sum y_{ij}d_{ij}^2$.
# 3. If $SG = 0$, our $G$ attains this bound.
# 4. Any other $G'$ that attains it has $\langle S, G'\rangle = 0$, hence $SG' = 0$. If $S$ has rank $n - 1 - 2$, there are only two dimensions left for $G'$ to live in, those of $G$.
#
# So no arrangement with these lengths, in any number of dimensions, is spread wider than ours, and the widest is flat. Three facts, each a line to check, and none needs the truth. Mind what is *not* proved: that no narrower arrangement has the same lengths. We come back to that.

# %%
G, S, y = solved.gram, solved.slack, solved.multipliers
spokes = np.eye(30)[edges[:, 0]] - np.eye(30)[edges[:, 1]]
J, eigenvalues = np.eye(30) - 1 / 30, np.linalg.eigvalsh(S)
check("S is what the multipliers make", S, (spokes.T * y) @ spokes - J, atol=1e-8)
check("S is psd", eigenvalues, 0, relation=">=", atol=1e-7,
      control={"y = 0": np.linalg.eigvalsh(-J).min()})  # fmt: skip
check("S G = 0", S @ G, 0, atol=1e-7,
      control={"another G": S @ np.outer(spokes[0], spokes[0])})  # fmt: skip
check("the trace is the largest possible", np.trace(G), y @ lengths**2, rtol=1e-7)
check("rank of S = n - 1 - 2", np.sum(eigenvalues > 1e-6), 27)

# %%
_, short_edges, short_lengths = network(0.33)
guess = manifold.sensor_localization(30, short_edges, short_lengths, max_iter=6000)
panels = [("range .5: exact, certified", manifold.aligned(solved.positions, field)),
          ("range .33: not flat",
           manifold.aligned(guess.positions, field))]  # fmt: skip
plots.show(pictures.networks(field, edges, panels),
           alt="Thirty sensors with the known lengths as lines. At a range of 0.5 the "
           "computed places fall into the rings at the true ones; at 0.33 red lines "
           "lead from some of the true places to wrong ones.")  # fmt: skip
check("range .33: 6000 steps have not converged", guess.residual, 1e-4, relation=">=",
      control={"range .5": solved.residual})  # fmt: skip
third, flat_third = (np.linalg.eigvalsh(B)[-3] / np.trace(B) for B in (guess.gram, G))
check("range .33: what was found leaves the plane", third, 1e-3, relation=">=",
      control={"range .5": flat_third})  # fmt: skip
spread, true_spread = np.trace(guess.gram), np.sum((field - field.mean(axis=0)) ** 2)
print(f"{len(short_edges)} lengths known; spread {spread:.2f}, of the truth "
      f"{true_spread:.2f}; third eigenvalue {third:.1%} of it")  # fmt: skip

# %% [markdown]
# At range .5 every dot is in its ring. At range .33 half as many lengths are known (not drawn). Six thousand steps have not converged, so there is no certificate to check. What the solver has reached is spread wider than the truth and uses a third dimension, of which our map is only the shadow. The lengths no longer fix the map. One sensor hears only two others. Mirror it in the line through these two, and every known length stays as it was.

# %%
loner = np.bincount(short_edges.ravel()).argmin()  # hears two others, p and q
p, q = field[short_edges[np.any(short_edges == loner, axis=1)].sum(axis=1) - loner]
along, offset = (q - p) / np.linalg.norm(q - p), field[loner] - p
folded = field.copy()
folded[loner] = p + 2 * (offset @ along) * along - offset
again = np.linalg.norm(folded[short_edges[:, 0]] - folded[short_edges[:, 1]], axis=1)
check("a second map with the same lengths", again, short_lengths, atol=1e-12)
print(f"one sensor moved by {1000 * np.linalg.norm(folded[loner] - field[loner]):.0f} "
      "m")  # fmt: skip

# %% [markdown]
# No method could know which of the two is right. The warning is the third eigenvalue: it is small, but it is not zero. A certificate would not remove the doubt: it says that nothing is spread wider, not that nothing else fits.

# %% [markdown] slide="slide"
# ## 9 · t-SNE: give up distances, keep neighbours
#
# **Question.** Digits have 64 pixels and no reason to lie on a flat sheet. If two dimensions cannot keep distances, what is worth keeping?
#
# **t-SNE** (t-distributed stochastic neighbour embedding) keeps *who is next to whom*. Around point $i$ place a Gaussian, and let $p_{j|i} \propto \exp(-\beta_i d_{ij}^2)$ be the probability of picking $j$ as a neighbour. How wide should it be? As wide as makes the choice as open as among a fixed number of points, the **perplexity**: $\exp(-\sum_j p_{j|i}\log p_{j|i})$. It grows with the width, so bisection finds $\beta_i$: too open, narrow it; too narrow, widen it.


# %% tags=["slide-code"]
def row_of_p(d2, perplexity):
    low, high = 0.0, 1.0  # beta, in one over squared ink levels
    for _ in range(60):
        beta = (low + high) / 2
        p = np.exp(-beta * (d2 - d2.min()))
        p /= p.sum()
        entropy = -np.sum(p * np.log(np.maximum(p, 1e-300)))
        low, high = (beta, high) if entropy > np.log(perplexity) else (low, beta)
    return p


digits = data.digits()
chosen = np.random.default_rng(0).permutation(1797)[:400]
ink, labels = digits.x[chosen[:300]], digits.labels[chosen[:300]]
D2 = manifold.squared_distances(ink)
rows_of_p = manifold.conditional_probabilities(D2, 30)
check("one row of p by hand = coursekit", row_of_p(D2[0, 1:], 30), rows_of_p[0, 1:],
      atol=1e-10)  # fmt: skip
entropies = -np.sum(rows_of_p * np.log(np.where(rows_of_p > 0, rows_of_p, 1)), axis=1)
check("every row has perplexity 30", np.exp(entropies), 30, rtol=1e-10)

# %% [markdown]
# Already here something is thrown away: every point gets about 30 neighbours, whether they are near or far. Whatever the picture will show, it cannot show density. We come back to that.
#
# On the map neighbours are picked with a heavier tail, that of a *Student t* distribution with one degree of freedom, $q_{ij} \propto 1/(1 + \lVert y_i - y_j\rVert^2)$. Why? In many dimensions there is room for many points at the same moderate distance; in two there is not. This is the **crowding problem**. The tail makes the room: to get the weight that $\exp(-d^2)$ gives to a moderate distance, a pair has to sit much further apart.

# %%
distance = np.linspace(0.01, 2.2, 100)
makes_room = np.sqrt(np.exp(distance**2) - 1)  # solves 1 / (1 + y^2) = exp(-d^2)
stretch = makes_room / distance
plots.show(pictures.room_on_the_map(distance, makes_room),
           alt="The distance with equal weight on the map follows the diagonal up to "
           "0.7, then rises steeply.")  # fmt: skip
check("near stays near", stretch[:10], 1, atol=0.02, control={"d = 2": stretch[90]})

# %% [markdown]
# A pair that is near in the data may stay as near on the map. A pair at $d = 2$, nearly three standard deviations of the Gaussian (whose $\sigma$ is $1/\sqrt2$ in these units), has to move out to more than seven.

# %% [markdown] slide="subslide"
# **The objective** is the divergence of the two, with $P$ made symmetric, $p_{ij} = (p_{j|i} + p_{i|j})/2n$:
#
# $$\mathrm{KL}(P\,\Vert\,Q) = \sum_{ij} p_{ij}\log\frac{p_{ij}}{q_{ij}}, \qquad \frac{\partial\,\mathrm{KL}}{\partial y_i} = 4\sum_j (p_{ij} - q_{ij})\,w_{ij}\,(y_i - y_j), \quad w_{ij} = \frac{1}{1+\lVert y_i-y_j\rVert^2} .$$
#
# Read the gradient as springs: where neighbours are too far apart ($p > q$) they pull, where strangers are too close they push. The objective is not convex, so the start matters.
#
# **Where does the gradient come from?** Write $q_{ij} = w_{ij}/Z$ with $Z = \sum_{kl} w_{kl}$.
#
# 1. Only two terms depend on the map: $\mathrm{KL} = \text{const} - \sum_{ij} p_{ij}\log w_{ij} + \log Z$, because the $p_{ij}$ add to 1.
# 2. By the chain rule $\partial w_{ij}/\partial y_i = -2\,w_{ij}^2\,(y_i - y_j)$, so $\partial\log w_{ij}/\partial y_i = -2\,w_{ij}\,(y_i-y_j)$.
# 3. The pair occurs twice, as $ij$ and as $ji$. So the first term has the slope $4\sum_j p_{ij}w_{ij}(y_i - y_j)$.
# 4. The second has $\frac1Z\,\partial Z/\partial y_i = -\frac4Z\sum_j w_{ij}^2(y_i-y_j) = -4\sum_j q_{ij}w_{ij}(y_i-y_j)$. Add the two.
#
# Is the formula right? Automatic differentiation knows nothing about it.

# %%
import torch

P = manifold.joint_probabilities(D2, 30)
Y = torch.tensor(rng.normal(size=(300, 2)), requires_grad=True)
different = ~torch.eye(300, dtype=torch.bool)
w = 1 / (1 + (Y[:, None] - Y).square().sum(dim=2)[different])
loss = (torch.tensor(P)[different]
        * (torch.tensor(P)[different] * w.sum() / w).log()).sum()  # fmt: skip
loss.backward()
kl, gradient = manifold.kl_and_gradient(P, Y.detach().numpy())
check("KL: formula = torch", kl, loss.item(), rtol=1e-10)
check("gradient: formula = autograd", gradient, Y.grad.numpy(), atol=1e-12)
check("the forces add to zero", gradient.sum(axis=0), 0, atol=1e-13)

# %% [markdown] slide="skip"
# **Early exaggeration.** For the first 250 steps, $P$ is multiplied by 4: everybody pulls four times as hard, and groups that belong together find each other before the map spreads out. Is that worth it? Three random starts, 500 steps each, without and with; and with a factor of 12, scikit-learn's default.


# %% tags=["nbval-ignore-output"]
def final_kl(factor, seeds=(0, 1, 2), max_iter=500):
    fits = [manifold.TSNE(init="random", random_state=seed, max_iter=max_iter,
                          early_exaggeration=factor, learning_rate=50.0).fit(ink)
            for seed in seeds]  # fmt: skip
    return [fit.kl_divergence_ for fit in fits]


none, four, twelve = final_kl(1.0), final_kl(4.0), final_kl(12.0)
check("a factor of 4 ends lower than none, mean of three starts", np.mean(four),
      np.mean(none), relation="<=",
      control={"a factor of 12": np.mean(twelve)})  # fmt: skip
print("KL at the end, without, with 4, with 12:", *np.round([none, four, twelve], 3))
longer = [final_kl(f, (0,), 1500)[0] for f in (1.0, 4.0, 12.0)]
print("three times the steps, the first start:", *np.round(longer, 3))

# %% [markdown]
# On 300 digits and within 500 steps a factor of 4 pays and 12 does not. With three times the steps 12 has caught up with no exaggeration (first start): it was short of time, not wrong. Now the knob that everybody turns.

# %% tags=["nbval-ignore-output"]
tsne_runs = explorers.perplexity_runs(ink, labels)
explorers.perplexity_explorer(labels, tsne_runs)

# %%
places = [{"perplexity": perplexity} for perplexity in (2, 30, 120)]
widgets.static_frames(partial(explorers.perplexity_frame, labels, tsne_runs), places,
                      alt="At perplexity 2 dozens of crumbs, at 30 nearly pure groups; "
                      "at 120 these touch.")  # fmt: skip
pixels, by_pca = (manifold.same_label_share(x, labels)
                  for x in (ink, PCA(2).fit_transform(ink)))  # fmt: skip
check("perplexity 30: the nearest has the same label nine times in ten",
      tsne_runs[30]["same"], 0.9, relation=">=", control={"PCA": by_pca})  # fmt: skip
print(f"same label: pixels {pixels:.2f}, t-SNE {tsne_runs[30]['same']:.2f}, PCA "
      f"{by_pca:.2f}")  # fmt: skip

# %% [markdown]
# At perplexity 30 the groups are almost pure, and t-SNE has never seen a label. That is why people love it. It did not find the groups out of nothing: in the 64 pixels the nearest digit has the same label just as often, and t-SNE carried that over to two dimensions, which PCA does not. Look at the second curve, though. The order of *all* distances, near and far, is kept only roughly, and how well depends on the knob. It is time to read with care.

# %% [markdown] slide="slide"
# ## 10 · What goes wrong
#
# **Reading too much into t-SNE.** Three data sets in ten dimensions, whose truth we know: two Gaussians, one ten times as wide as the other; two equally wide ones, one with three times as many points; and a single Gaussian, which has no groups at all.
#
# **Predict before you run:** what will the maps show?
#
# <details><summary>Answer</summary>
# Two groups of equal size; a large group and a small one; and, at a low perplexity, many little groups. Each point was given a width of its own, so that it has 30 neighbours; spread is gone before the map is drawn, and a group with more points gets more room, even more than its share. At perplexity 3 each point insists on three neighbours, and chance supplies the clumps.
# </details>

# %%
away = np.eye(10)[0]
wide = np.r_[rng.normal(size=(100, 10)), 10 * rng.normal(size=(100, 10)) + 100 * away]
many = np.r_[rng.normal(size=(60, 10)), rng.normal(size=(180, 10)) + 20 * away]
one = rng.normal(size=(200, 10))
is_second = [np.arange(200) >= 100, np.arange(240) >= 60, np.zeros(200, dtype=bool)]
drawn = [manifold.TSNE(perplexity=perplexity, max_iter=500).fit_transform(x)
         for x, perplexity in ((wide, 30), (many, 30), (one, 3))]  # fmt: skip


# %%
def ratio(x, second):
    """Spread of the second group over that of the first."""
    spreads = [np.sqrt(x[rows].var(axis=0).sum()) for rows in (second, ~second)]
    return spreads[0] / spreads[1]


for name, x, Y, second in zip(("wide", "many"), (wide, many), drawn, is_second,
                              strict=False):  # fmt: skip
    print(f"{name}: second group / first = {ratio(x, second):.1f} in the data, "
          f"{ratio(Y, second):.1f} on the map")  # fmt: skip
wide_by_pca, many_by_pca = (
    ratio(PCA(2).fit_transform(x), s)
    for x, s in zip((wide, many), is_second, strict=False))  # fmt: skip
print(f"equal room per point would give {np.sqrt(3):.1f} in the second")
check("ten times as wide is drawn no larger", ratio(drawn[0], is_second[0]), 1.3,
      relation="<=", control={"PCA": wide_by_pca})  # fmt: skip
check("three times as many is drawn larger", ratio(drawn[1], is_second[1]), 1.5,
      relation=">=", control={"PCA": many_by_pca})  # fmt: skip

# %%
titles = [("ten times as wide", "drawn equally wide"),
          ("three times as many", "drawn wider"),
          ("one Gaussian", "perplexity 3: clumps")]  # fmt: skip
columns = [(above, PCA(2).fit_transform(x), below, Y, second.astype(int))
           for (above, below), x, Y, second in zip(
               titles, (wide, many, one), drawn, is_second, strict=True)]  # fmt: skip
plots.show(pictures.read_with_care(columns),
           alt="Wide and tight become equally wide; 60 and 180 points, small and "
           "large; one Gaussian, many clumps.")  # fmt: skip

# %% [markdown] slide="subslide"
# **Gaps, and clumps.** Three groups in a row, the second gap six times as wide as the first: what does the map make of it? And cut the map of the single Gaussian into 20 parts with K-means (notebook 02) and see how much of its variance lies inside the parts. The less, the more it looks like 20 real groups.

# %% tags=["nbval-ignore-output"]
from coursekit.clustering import KMeans


def looseness(Y):
    """Share of the variance inside 20 clusters."""
    inside = KMeans(20, init="k-means++", n_init=3, random_state=0).fit(Y).inertia_
    return inside / (len(Y) * Y.var(axis=0).sum())


def gap_ratio(x):
    """Second gap over first, between the means of three groups of 60."""
    first, second, third = (x[k : k + 60].mean(axis=0) for k in (0, 60, 120))
    return np.linalg.norm(third - second) / np.linalg.norm(second - first)


in_a_row = rng.normal(size=(180, 10)) + np.outer(np.repeat([0, 10, 70], 60), away)
gaps = gap_ratio(manifold.TSNE(max_iter=500).fit_transform(in_a_row))
by_pca = gap_ratio(PCA(2).fit_transform(in_a_row))
check("a gap six times as wide is drawn less than twice as wide", gaps, 2,
    relation="<=", control={"PCA": by_pca})  # fmt: skip
clumps = looseness(drawn[2])
calm = {"perplexity 50": looseness(manifold.TSNE(perplexity=50,
    max_iter=500).fit_transform(one))}  # fmt: skip
check("noise looks like groups", clumps, 0.75 * looseness(one[:, :2]), relation="<=",
      control=calm)  # fmt: skip
print(f"second gap / first: 6 in the data, {gaps:.1f} on the map, {by_pca:.1f} by PCA")
print(f"variance inside 20 parts: {clumps:.3f} at perplexity 3, "
      f"{calm['perplexity 50']:.3f} at "
      "50, " f"{looseness(one[:, :2]):.3f} in two columns of the data")  # fmt: skip

# %% [markdown]
# So: on a t-SNE map, a larger group has more points and not more spread, gaps between groups mean little, and small clumps at low perplexity mean nothing until they survive a second perplexity and a second start. What you may trust is who is next to whom.
#
# **How much may you trust it?** *Trustworthiness* asks of each point's 5 neighbours on the map whether they are neighbours in the data, and penalises the ranks of those that are not; 1 is perfect, and a random map gets about one half. Here are all methods on 400 digits. No flat sheet is promised any more. (Ink comes in whole levels, so distances tie; a millionth of noise breaks the ties.)

# %%
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr
from sklearn.manifold import trustworthiness as other_trust

some, whose = digits.x[chosen] + 1e-6 * rng.normal(size=(400, 64)), digits.labels[
    chosen]  # fmt: skip
contest = {"PCA": PCA(2), "Isomap": manifold.Isomap(),
           **{name: method() for name, method in methods.items()},
           "diffusion": manifold.DiffusionMap(bandwidth=12.0),
           "t-SNE": manifold.TSNE(max_iter=500)}  # fmt: skip
maps = {name: method.fit_transform(some) for name, method in contest.items()}
maps["random"] = rng.normal(size=(400, 2))
trust = {name: evaluation.trustworthiness(some, Y, k=5) for name, Y in maps.items()}
theirs = [other_trust(some, Y, n_neighbors=5) for Y in maps.values()]
check("trustworthiness = scikit-learn", list(trust.values()), theirs, atol=1e-12)
check("t-SNE reaches 0.97", trust["t-SNE"], 0.97, relation=">=",
    control={k: v for k, v in trust.items() if k != "t-SNE"})  # fmt: skip
same = {name: manifold.same_label_share(Y, whose) for name, Y in maps.items()}
far = {name: spearmanr(pdist(some), pdist(maps[name])).statistic
       for name in ("t-SNE", "PCA")}  # fmt: skip
print("order of all distances:", {name: f"{value:.1f}" for name, value in far.items()})
print(f"a random map: trustworthiness {trust['random']:.2f}, same label "
      f"{same['random']:.2f}")  # fmt: skip
panels = [(f"{name}: {trust[name]:.2f}, {same[name]:.2f}", maps[name])
          for name in contest]  # fmt: skip
plots.show(pictures.labelled_maps(panels, whose),
    alt="Eight maps of 400 digits, each point drawn as its digit. PCA mixes "
    "most digits; Isomap separates some; the local methods pull two or three "
    "digits out into arms and crowd the rest; t-SNE shows "
    "about a dozen groups, nearly all of one digit each.")  # fmt: skip

# %% [markdown]
# t-SNE wins by far, at what it was made for. The two numbers above each map are its trustworthiness, and how often the nearest point has the same label. At the order of *all* distances, printed first as a rank correlation, PCA does better, and neither does well: two dimensions are not many. The local methods spend their two coordinates on pulling out two or three digits. Before you conclude that local methods fail on digits, here is what another implementation would have told you.
#
# **The orphans.** LTSA as scikit-learn has it leaves each point out of its own patch. In many dimensions some points are in *no other point's* list of neighbours. Such an orphan is then in no patch at all, so its row of $M$ is zero, and a map may put it anywhere at no cost: a free function for each orphan, cheaper than any coordinate.

# %%
near = manifold.neighbor_lists(some, 10)
adopted = np.isin(np.arange(400), np.concatenate(near))
on_the_roll = 600 - len(np.unique(np.concatenate(neighbors)))
print(f"{np.sum(~adopted)} orphans among 400 digits, {on_the_roll} among the 600 "
      "points of the roll")  # fmt: skip
zeros = {own: np.sum(np.linalg.eigvalsh(
    manifold.ltsa_matrix(some, near, 2, with_itself=own)) < 1e-10)
         for own in (False, True)}  # fmt: skip
check(
    "left out of its own patch: one zero eigenvalue per orphan, and the constant's",
    zeros[False],
    1 + np.sum(~adopted),
)
check("each point in its own patch: the constant's alone", zeros[True], 1)
theirs = OtherLLE(n_neighbors=10, method="ltsa", eigen_solver="dense").fit_transform(
    some)  # fmt: skip
extent = {name: np.sqrt(Y[adopted].var(axis=0).sum() / Y.var(axis=0).sum())
          for name, Y in (("scikit-learn", theirs),
                          ("ours", maps["LTSA"]))}  # fmt: skip
check("scikit-learn's map puts all others on one spot", extent["scikit-learn"], 1e-6,
      relation="<=",
      control={"each point in its own patch": extent["ours"]})  # fmt: skip

# %% [markdown]
# One index, `[:, 1:]`, decides between a map and a single spot with a few outliers; what such a map seems to say about digits is rounding. The swiss roll could not tell the two apart: it has no orphans.

# %% [markdown] slide="slide"
# ## 11 · Summary
#
# | Claim | Where it was checked | Code in [`manifold/`](../coursekit/manifold) |
# | --- | --- | --- |
# | double centring turns squared distances into inner products | sections 1, 2 | `double_center` |
# | classical MDS = PCA; eigenvalues $n\lambda_j$; new points by Gower's formula | section 2 | `ClassicalMDS` |
# | strain = squared eigenvalues left out, and no map has less | section 2 | `ClassicalMDS.strain_` |
# | shortest paths make a metric, not a Euclidean one | section 3 | |
# | Isomap = MDS of geodesics = scikit-learn; one false edge ruins it | section 4 | `geodesic_distances`, `Isomap` |
# | LLE's weights ignore rotation, shift and scale | section 5 | `lle_weights` |
# | $f^\top Mf$ adds up what patches charge; on a flat sheet exactly affine functions are free | section 5 | `lle_matrix`, `ltsa_matrix`, `hessian_matrix` |
# | scikit-learn's "hessian" is its LTSA | section 5 | |
# | a window bends Isomap and not the Hessian | section 6 | `HessianEigenmap` |
# | diffusion distance = distance on the diffusion map; $\lambda = 1 - \mu$ | section 7 | `DiffusionMap` |
# | sensors found exactly, with a certificate of optimality | section 8 | `sensor_localization` |
# | perplexity by bisection; t-SNE's gradient = autograd | section 9 | `conditional_probabilities`, `kl_and_gradient` |
# | t-SNE shows neither spread nor gaps, and makes clumps of noise | section 10 | `TSNE` |
# | one zero eigenvalue per orphan | section 10 | `ltsa_matrix` |
#
# ### Five questions
#
# <details><summary>1. All distances in a table are doubled. What happens to the MDS map, the eigenvalues and the strain?</summary>
# The map is twice as large, the eigenvalues grow by 4 and the strain by 16.
# </details>
#
# <details><summary>2. Why does Isomap need the sheet to be convex, and LTSA not?</summary>
# Isomap takes path lengths for straight lines on the sheet; round a window they are longer. LTSA never uses a length beyond a patch.
# </details>
#
# <details><summary>3. The graph Laplacian of a graph in two pieces: how many zero eigenvalues, and what are the functions?</summary>
# Two. Functions that are constant on each piece cost nothing. The bottom eigenvector then says which piece a point is in, and nothing else.
# </details>
#
# <details><summary>4. In t-SNE, what does a row of P look like for perplexity n − 1?</summary>
# Uniform: every other point is an equally likely neighbour, and P knows nothing about the data.
# </details>
#
# <details><summary>5. Sensors on a line of four, with only consecutive distances known. Does the semidefinite program find the line?</summary>
# It returns the line stretched out straight, because that has the largest trace; but any folded chain has the same lengths. The certificate says that nothing is spread wider; it does not say that nothing else fits.
# </details>
#
# **Homework:** [`hw03_manifold_learning`](homework/release/hw03_manifold_learning/hw03_manifold_learning.ipynb): double centring with weights, a Laplacian eigenvector, perplexity by bisection, and a t-SNE figure that was read too boldly. [Solutions](../notebooks/homework/source/hw03_manifold_learning/hw03_manifold_learning.ipynb) are in a folder of their own.
#
# **References.** W. Torgerson (1952), *Multidimensional scaling: I. Theory and method*. J. Gower (1968), *Adding a point to vector diagrams in multivariate analysis*. J. Tenenbaum, V. de Silva and J. Langford (2000), *A global geometric framework for nonlinear dimensionality reduction*. S. Roweis and L. Saul (2000), *Nonlinear dimensionality reduction by locally linear embedding*. M. Belkin and P. Niyogi (2003), *Laplacian eigenmaps for dimensionality reduction and data representation*. D. Donoho and C. Grimes (2003), *Hessian eigenmaps*. Z. Zhang and H. Zha (2004), *Principal manifolds and nonlinear dimensionality reduction via tangent space alignment*. R. Coifman and S. Lafon (2006), *Diffusion maps*. P. Biswas and Y. Ye (2004), *Semidefinite programming for ad hoc wireless sensor network localization*. K. Weinberger and L. Saul (2006), *Unsupervised learning of image manifolds by semidefinite programming*. L. van der Maaten and G. Hinton (2008), *Visualizing data using t-SNE*. J. Venna and S. Kaski (2001), *Neighborhood preservation in nonlinear projection methods*.
