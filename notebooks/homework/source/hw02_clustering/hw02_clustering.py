# ---
# jupyter:
#   coursekit:
#     allowed: [numpy]
# ---

# %% [markdown]
# # Homework 02 · Clustering
#
# Four exercises on [notebook 02](../../../02_clustering.ipynb). Allow about two hours. Write each answer where a cell says that it is still empty, then run the cell below it, which tells you straight away how you are doing. Grading uses different data, so an answer that fits only the example earns no points.
#
# **Allowed:** NumPy. **Not allowed:** the models of `coursekit.clustering`, SciPy, scikit-learn, PyTorch and other numerical libraries; calling a ready-made solution does not count as an answer. A function leaves its arguments as they were.
#
# Clusters count from 0, as in the code of the lecture (the textbook counts from 1).

# %%
import numpy as np

from coursekit import plots
from coursekit.checks import answer, check
from coursekit.clustering import pictures

plots.use_course_style()

# %% [markdown]
# ## 1 · One half step (3 points)
#
# Write `assign(X, centers)`: it takes points $X$ of shape $(n, p)$ and centres of shape $(K, p)$ and returns two things: the labels, an integer array of shape $(n,)$, each point having the number of its nearest centre, and the objective, the sum of the **squared** distances of all points to their nearest centres. When two centres are equally near, the lower number wins. The arguments stay as they were.
#
# <details><summary>Hint 1</summary>First make a table of all squared distances, of shape (n, K).</details>
# <details><summary>Hint 2</summary>`X[:, None] - centers` has shape (n, K, p): every point minus every centre.</details>
# <details><summary>Hint 3</summary>`argmin` along the right axis gives the labels; at a tie it takes the first. The smallest entries add up to the objective.</details>


# %% role="solution" exercise="assign"
def assign(X, centers):
    """Labels (n,) of the nearest of centers (K, p) for X (n, p),
    and the sum of the squared distances.
    """
    ### BEGIN SOLUTION
    table = ((X[:, None] - centers) ** 2).sum(axis=2)
    labels = table.argmin(axis=1)
    return labels, table.min(axis=1).sum()
    ### END SOLUTION


# %% role="test" exercise="assign" points=3
_points = np.array([[0.0, 0.0], [3.0, 4.0], [6.0, 0.0], [0.0, 4.0], [3.0, 0.0]])
_centers = np.array([[0.0, 0.0], [6.0, 0.0], [3.0, 5.0]])
_given, _places = _points.copy(), _centers.copy()
_labels, _total = assign(_given, _places)
check("X itself is left as it was", _given, _points)
check("the centres are left as they were", _places, _centers)
answer(
    "each point gets its nearest centre, the lower number at a tie",
    _labels,
    [0, 2, 1, 2, 0],
    wrong={
        "these are the farthest centres: argmin, not argmax": [1, 0, 0, 1, 2],
        "at a tie (the last point) the lower number wins": [0, 2, 1, 2, 1],
        "these labels count from 1; clusters count from 0": [1, 3, 2, 3, 1],
    },
)
answer(
    "the objective: 0 + 1 + 0 + 10 + 9",
    _total,
    20.0,
    wrong={
        "you added distances; add their squares": 1 + np.sqrt(10) + 3,
        "this is the mean; the objective is the sum": 4.0,
        "these are all squared distances, not only those to the nearest centre": (
            ((_points[:, None] - _centers) ** 2).sum()
        ),
    },
)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("assign", kinds=True),
    Probe(
        "assign(X, centers)",
        {
            "X": lambda rng: rng.normal(size=(rng.integers(30, 50), 3)) * [1, 5, 2] + 4,
            "centers": lambda rng: rng.normal(size=(4, 3)) * [1, 5, 2] + 4,
        },
        kinds=True,
        message="on other points labels (whole numbers) or objective differ: squared distances, over all columns, to the nearest",
    ),
    Probe(
        "[assign(X, centers), X, centers]",
        {
            "X": lambda rng: rng.integers(-3, 4, size=(40, 2)).astype(float),
            "centers": lambda rng: rng.permutation(np.array([[-2.0, 0], [2, 0], [0, 2], [0, -2]])),
        },
        message="on a grid many centres are equally near: the lower number wins (and the arguments must not be changed)",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 2 · Centroids that look only at what changed (4 points)
#
# After a few steps of K-means hardly any point changes its cluster. Then it is a waste to add up all points again: a mean can be corrected by what left and what came.
#
# Write `moved_centroids(centers, counts, points, old, new)`. It takes the centroids $(K, p)$ and the number of points of each cluster $(K,)$ as they were, and only the $m$ points that change: the points $(m, p)$, their old labels $(m,)$ and their new ones $(m,)$. It returns the new centroids and the new counts. Its arguments stay as they were. A cluster that loses its last point keeps its centre.
#
# <details><summary>Hint 1</summary>A centroid times its count is the sum of its points. Sums are easy to correct: take out what left, add what came, divide by the new count.</details>
# <details><summary>Hint 2</summary>Several points may join the same cluster. `sums[new] += points` counts only one of them; `np.add.at(sums, new, points)`, or a loop, counts all.</details>
# <details><summary>Hint 3</summary>Divide only where the new count is positive, and copy an array before you write into it.</details>


# %% role="solution" exercise="moved_centroids"
def moved_centroids(centers, counts, points, old, new):
    """New centroids (K, p) and counts (K,) after points (m, p)
    went from clusters old (m,) to new (m,).
    """
    ### BEGIN SOLUTION
    sums = counts[:, None] * centers
    counts, centers = counts.copy(), centers.copy()
    for point, source, target in zip(points, old, new, strict=True):
        sums[source] -= point
        sums[target] += point
        counts[source] -= 1
        counts[target] += 1
    full = counts > 0
    centers[full] = sums[full] / counts[full, None]
    return centers, counts
    ### END SOLUTION


# %% role="test" exercise="moved_centroids" points=4
# Clusters {0, 2, 4}, {10, 12} and {20} on a line; 4 goes to the second cluster, and 20 as well.
_before, _numbers = np.array([[2.0], [11.0], [20.0]]), np.array([3, 2, 1])
_kept = _before.copy(), _numbers.copy()
_after, _count = moved_centroids(
    _before, _numbers, np.array([[4.0], [20.0]]), np.array([0, 2]), np.array([1, 1])
)
check("the arguments are left as they were: centers", _before, _kept[0])
check("the arguments are left as they were: counts", _numbers, _kept[1])
answer(
    "the new counts",
    _count,
    [2, 4, 0],
    wrong={
        "these are the old counts": [3, 2, 1],
        "two points join the same cluster: count both": [2, 3, 0],
    },
)
answer(
    "the new centroids: mean of {0, 2}, mean of {4, 10, 12, 20}, and 20, which keeps its place",
    _after,
    [[1.0], [11.5], [20.0]],
    wrong={
        "the sum of a cluster is its centroid times its old count": [[-1.0], [8.75], [20.0]],
        "take out what left a cluster": [[3.0], [11.5], [20.0]],
        "add what came to a cluster": [[1.0], [5.5], [20.0]],
        "two points join the same cluster: add both": [[1.0], [10.5], [20.0]],
        "a cluster without points keeps its centre": [[1.0], [11.5], [0.0]],
    },
)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("moved_centroids"),
    Probe(
        "[moved_centroids(centers, counts, points, old, new), centers, counts]",
        {
            "centers": lambda rng: rng.normal(size=(4, 3)) + 5,
            "counts": lambda rng: rng.integers(8, 30, size=4),
            "points": lambda rng: rng.normal(size=(7, 3)) + 5,
            "old": lambda rng: rng.permutation([0, 0, 1, 1, 2, 3, 3]),
            "new": lambda rng: rng.permutation([0, 1, 1, 2, 2, 3, 0]),
        },
        message="with seven moves at once the centroids, the counts or the arguments differ from a full count",
    ),
    Probe(
        "moved_centroids(places, np.array([1, 2, 5]), places[[0, 1]], np.array([0, 1]), np.array([2, 2]))",
        {"places": lambda rng: rng.normal(size=(3, 2)) * 10},
        message="when the last point of a cluster leaves, the cluster keeps its centre and has the count 0",
    ),
    Probe(
        "moved_centroids(places, np.array([1, 3, 5, 0]), np.concatenate([places[:1], points]),"
        " np.array([0, 1, 2, 2]), np.array([1, 0, 3, 3]))",
        {
            "places": lambda rng: rng.normal(size=(4, 2)) * 10,
            "points": lambda rng: rng.normal(size=(3, 2)) * 10,
        },
        message="a cluster may lose its last point and win another, and an empty cluster may be joined",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 3 · The new cluster's distances (4 points)
#
# Clusters $A$ and $B$, of $a$ and $b$ points, have just merged. Write `merged(method, d_ac, d_bc, d_ab, a, b, c)`: the dissimilarity of the merged cluster to each of several others, $C$, from the old ones. `d_ac`, `d_bc` and the sizes `c` are arrays of shape $(m,)$, the rest are numbers. The methods are `"single"`, `"complete"`, `"average"`, `"centroid"` and `"ward"`.
#
# All dissimilarities go in and come out **not** squared. The formulas of the lecture for centroid and Ward are for the squares: square first, and take the root at the end.
#
# <details><summary>Hint 1</summary>Single and complete are one NumPy call each; mind that you compare two arrays entry by entry.</details>
# <details><summary>Hint 2</summary>Average: every point of A counts once and every point of B counts once, so weight with a and b.</details>
# <details><summary>Hint 3</summary>Centroid: (a d_ac² + b d_bc²)/(a + b) − a b d_ab²/(a + b)². Ward: ((a + c) d_ac² + (b + c) d_bc² − c d_ab²)/(a + b + c). Then the root.</details>


# %% role="solution" exercise="merged"
def merged(method, d_ac, d_bc, d_ab, a, b, c):
    """Dissimilarity (m,) of A + B to other clusters,
    from d_ac, d_bc (m,), d_ab and the sizes a, b, c (m,).
    """
    ### BEGIN SOLUTION
    if method == "single":
        return np.minimum(d_ac, d_bc)
    if method == "complete":
        return np.maximum(d_ac, d_bc)
    if method == "average":
        return (a * d_ac + b * d_bc) / (a + b)
    ac, bc, ab = d_ac**2, d_bc**2, d_ab**2
    if method == "centroid":
        square = (a * ac + b * bc) / (a + b) - a * b * ab / (a + b) ** 2
    else:
        square = ((a + c) * ac + (b + c) * bc - c * ab) / (a + b + c)
    return np.sqrt(square)
    ### END SOLUTION


# %% role="test" exercise="merged" points=4
# A: three points at (0, 0). B: one point at (4, 0). Two others: a point at (1, 6), and two points at (1, -8).
_to_a, _to_b = np.sqrt([37.0, 65.0]), np.sqrt([45.0, 73.0])
_sizes = 3, 1, np.array([1, 2])
answer("single: the nearer of the two", merged("single", _to_a, _to_b, 4.0, *_sizes), _to_a)
answer("complete: the farther of the two", merged("complete", _to_a, _to_b, 4.0, *_sizes), _to_b)
answer(
    "average: the mean over all points of A and B",
    merged("average", _to_a, _to_b, 4.0, *_sizes),
    (3 * _to_a + _to_b) / 4,
    wrong={"A has more points than B: weight with the sizes": (_to_a + _to_b) / 2},
)
answer(
    "centroid: the merged middle is (1, 0), at distance 6 and 8",
    merged("centroid", _to_a, _to_b, 4.0, *_sizes),
    [6.0, 8.0],
    wrong={
        "this is the square; take the root at the end": [36.0, 64.0],
        "the last term is missing: the middle moves towards A": np.sqrt([39.0, 67.0]),
        "the last term is subtracted": np.sqrt([42.0, 70.0]),
    },
)


def _ward_of_lump(x, y, m, n):
    """Ward's dissimilarity of m points at x and n points at y, by its definition."""
    return np.sqrt(2 * m * n / (m + n)) * np.linalg.norm(np.subtract(x, y))


_places, _many = ([0, 0], [4, 0], [1, 6], [1, -8]), (3, 1, 1, 2)
_old_a = np.array([_ward_of_lump(_places[0], _places[i], 3, _many[i]) for i in (2, 3)])
_old_b = np.array([_ward_of_lump(_places[1], _places[i], 1, _many[i]) for i in (2, 3)])
answer(
    "Ward: as by its definition for four points with the middle (1, 0)",
    merged("ward", _old_a, _old_b, _ward_of_lump(_places[0], _places[1], 3, 1), *_sizes),
    [_ward_of_lump([1, 0], _places[i], 4, _many[i]) for i in (2, 3)],
)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

near = {
    "d_ac": lambda rng: rng.uniform(2, 4, size=6),
    "d_bc": lambda rng: rng.uniform(2, 4, size=6),
    "d_ab": lambda rng: float(rng.uniform(0.8, 1.5)),
    "a": lambda rng: int(rng.integers(2, 5)),
    "b": lambda rng: int(rng.integers(6, 9)),
    "c": lambda rng: rng.integers(1, 9, size=6),
}
probes = [
    Probe(
        f"merged('{method}', d_ac, d_bc, d_ab, a, b, c)",
        near,
        message=f"{method} linkage: on other distances and sizes the merged dissimilarities differ",
    )
    for method in ("single", "complete", "average", "centroid", "ward")
] + [Visible("merged")]
### END HIDDEN TESTS

# %% [markdown]
# ## 4 · Which linkage drew this? (4 points)
#
# Fourteen points, and three trees of them. The labels have been lost: one was made with single, one with complete and one with centroid linkage.

# %%
_fourteen = np.array(
    [[7.2, 0.7], [6.1, -0.6], [1.4, 0], [1, 0.9], [3.6, -0.7], [0.3, -1], [-1.2, -0.1],
     [5.9, 0], [6, -0.2], [0.2, 0.2], [5.8, -0.2], [2.5, 0.2], [0.9, -0.2], [4.7, 0.1]]
)  # fmt: skip
_trees = {
    "A": [[8, 10, 0.2, 2], [7, 14, 0.22, 3], [2, 12, 0.54, 2], [1, 15, 0.63, 4],
          [3, 9, 1.06, 2], [16, 18, 1.22, 4], [4, 13, 1.36, 2], [0, 17, 1.7, 5],
          [5, 6, 1.75, 2], [11, 20, 2.2, 3], [19, 22, 2.6, 6], [21, 23, 4.73, 8],
          [24, 25, 8.44, 14]],
    "B": [[8, 10, 0.2, 2], [7, 14, 0.22, 3], [1, 15, 0.41, 4], [2, 12, 0.54, 2],
          [9, 17, 0.81, 3], [3, 18, 0.98, 4], [5, 19, 1.0, 5], [11, 20, 1.12, 6],
          [13, 16, 1.14, 5], [4, 22, 1.36, 6], [21, 23, 1.42, 12], [6, 24, 1.43, 13],
          [0, 25, 1.48, 14]],
    "C": [[8, 10, 0.2, 2], [7, 14, 0.2, 3], [1, 15, 0.51, 4], [2, 12, 0.54, 2],
          [9, 17, 1.0, 3], [3, 18, 0.92, 4], [13, 16, 1.3, 5], [5, 19, 1.35, 5],
          [4, 11, 1.42, 2], [0, 20, 1.74, 6], [6, 21, 1.96, 6], [22, 24, 2.63, 8],
          [23, 25, 4.86, 14]],
}  # fmt: skip
plots.show(
    pictures.numbered_points(
        _fourteen,
        {f"tree {name}": np.array(Z) for name, Z in _trees.items()},
    ),
    alt="Fourteen numbered points in two groups with a few points between them, and "
    "three dendrograms, A, B and C. Tree A reaches height 8.4, tree B 1.5 and tree C "
    "4.9; in C one link lies below the one it contains.",
)

# %% [markdown]
# For each tree say which linkage made it and **one sign in that tree** that the other two cannot have, with the reason. Then say which tree you would cut into two groups for these points, which one you would not, and why.

# %% [markdown] role="manual" exercise="nameless_trees" points=4
# ### BEGIN SOLUTION
# **A is complete linkage.** Its last merger is at 8.44, which is the distance of the two farthest points, 0 and 6. Complete linkage ends at the largest of all distances; for the other two linkages the last height is a distance of two near points or of two means, and lies far lower here.
#
# **B is single linkage.** Many mergers add one point to a cluster (stairs), and the last heights, 1.36 to 1.48, hardly differ: each is the length of one short step from point to point. The last to join are points 6 and 0, two stragglers: trailing.
#
# **C is centroid linkage.** Point 3 joins {2, 9, 12} at 0.92, below the height 1.0 at which 9 had joined {2, 12}: an inversion. Single and complete linkage cannot have one, their heights never fall.
#
# **Cutting into two:** A gives a left group of 6 and a right one of 8. C would do as well, at the top, where it has no inversion: it puts points 4 and 11 on the left, so its groups are of 8 and 6. B is of no use: its cut into two separates point 0 from all the others, because the stones between the groups are as near to each other as the stragglers are to their groups.
#
# *Rubric, 4 points:* 1 for each tree with the right name and a sign with its reason (name without a sign: half a point); 1 for the cut: A (or C with a reason) rather than B, with trailing as the reason.
# ### END SOLUTION

# %% [markdown]
# **Solutions** are in `notebooks/homework/source/hw02_clustering`. Look only once you have an answer of your own.
