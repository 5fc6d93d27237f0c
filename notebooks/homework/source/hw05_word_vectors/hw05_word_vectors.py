# ---
# jupyter:
#   coursekit:
#     allowed: [numpy]
# ---

# %% [markdown]
# # Homework 05 · Word vectors
#
# Five exercises on [notebook 05](../../../05_word_vectors.ipynb). Allow about two hours. Write each answer where a cell says that it is still empty, then run the cell below it, which tells you straight away how you are doing. Grading uses different data, so an answer that fits only the example earns no points.
#
# **Allowed:** NumPy. **Not allowed:** the models of `coursekit.embeddings`, SciPy, scikit-learn, PyTorch and other numerical libraries; calling a ready-made solution does not count as an answer.
#
# Words are numbers from 0. $W$ and $C$ are tables of shape $(n, d)$, one row per word. Logarithms are natural. Leave the arrays that you are given as they are.

# %%
import numpy as np

from coursekit.checks import answer, check

# %% [markdown]
# ## 1 · Shifted PPMI (3 points)
#
# Negative sampling with $k$ negatives aims at $\mathrm{PMI} - \log k$. Write `shifted_ppmi(counts, k)`: the table $\max(\mathrm{PMI}(w,c) - \log k,\; 0)$ for counts of shape $(n, m)$, which need not be symmetric. Where the count is 0 the entry is 0. No row or column is empty.
#
# <details><summary>Hint 1</summary>PMI = log(count * total / (sum of the row * sum of the column)).</details>
# <details><summary>Hint 2</summary><code>counts.sum(axis=1, keepdims=True)</code> has shape (n, 1), so that it divides row by row.</details>
# <details><summary>Hint 3</summary>The ratio of an empty cell is 0. <code>np.maximum(ratio / k, 1)</code> before the logarithm does the same as a maximum with 0 after it.</details>


# %% role="solution" exercise="shifted_ppmi"
def shifted_ppmi(counts, k):
    """max(PMI - log k, 0), (n, m), in nats; 0 where the count is 0."""
    ### BEGIN SOLUTION
    rows = counts.sum(axis=1, keepdims=True)
    columns = counts.sum(axis=0, keepdims=True)
    ratio = counts * counts.sum() / (rows * columns)
    return np.log(np.maximum(ratio / k, 1))
    ### END SOLUTION


# %% role="test" exercise="shifted_ppmi" points=3
_counts = np.array([[8.0, 0.0, 2.0], [1.0, 4.0, 5.0]])  # rows add to 10, columns to 9, 4 and 7
answer(
    "k = 1: plain PPMI",
    shifted_ppmi(_counts.copy(), 1),
    [[np.log(16 / 9), 0, 0], [0, np.log(2), np.log(10 / 7)]],
    wrong={
        "nats: use the natural logarithm": np.log2([[16 / 9, 1, 1], [1, 2, 10 / 7]]),
        "what is below 0 becomes 0, not its absolute value": [
            [np.log(16 / 9), 0, np.log(7 / 4)], [np.log(9 / 2), np.log(2), np.log(10 / 7)],
        ],
        "this is the ratio; take its logarithm, then the maximum with 0": [
            [16 / 9, 0, 4 / 7], [2 / 9, 2, 10 / 7],
        ],
        "this is log p(c | w) against nothing: divide by the share of the context as well": np.zeros((2, 3)),
    },
)  # fmt: skip
answer(
    "k = 1.5: every entry is lower by log 1.5, and 0 at least",
    shifted_ppmi(_counts.copy(), 1.5),
    [[np.log(32 / 27), 0, 0], [0, np.log(4 / 3), 0]],
    wrong={
        "the shift by log k is missing": [[np.log(16 / 9), 0, 0], [0, np.log(2), np.log(10 / 7)]],
        "subtract log k, do not add it": [[np.log(8 / 3), 0, 0], [0, np.log(3), np.log(15 / 7)]],
        "subtract log k first, then take the maximum with 0": [
            [np.log(32 / 27), -np.log(1.5), -np.log(1.5)],
            [-np.log(1.5), np.log(4 / 3), np.log(20 / 21)],
        ],
        "subtract log k, not k": np.maximum(np.log([[16 / 9, 1, 1], [1, 2, 10 / 7]]) - 1.5, 0),
    },
)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe

probes = [
    Probe(
        "[shifted_ppmi(counts, k) for k in (1, 2, 5)]",
        {
            "counts": lambda rng: (
                rng.integers(0, 3, (6, 9)) * 7.0 + (np.arange(9) % 6 == np.arange(6)[:, None])
            )
        },
        message="on another table your entries differ: rows, columns and total of this table, log k, maximum last",
    ),
    Probe(
        "[shifted_ppmi(counts, 1.2), counts]",
        {"counts": lambda rng: rng.gamma(0.6, size=(4, 3)) + 0.05},
        message="counts may be fractions, the table need not be square, and it must stay as it was",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 2 · The gradient of negative sampling (4 points)
#
# For the word `i`, its true context `j` and a list `negatives`, the loss is $-\log\sigma(w_i\cdot c_j) - \sum_r \log \sigma(-w_i \cdot c_{n_r})$. Write `pair_gradients(W, C, i, j, negatives)`: the gradient for $w_i$, shape $(d,)$, and the gradient for **all** of $C$, shape $(n, d)$, zero in rows that take no part. A negative may appear twice, and by chance it may be `j` itself: then it counts each time.
#
# <details><summary>Hint 1</summary>Every score has the slope sigma(s) - y, with y = 1 for the true context and 0 for a negative.</details>
# <details><summary>Hint 2</summary>w_i gets the slopes times the rows of C; a row of C gets its slope times w_i.</details>
# <details><summary>Hint 3</summary><code>G[rows] += ...</code> writes a repeated row only once. Use <code>np.add.at(G, rows, ...)</code>, or a loop.</details>


# %% role="solution" exercise="pair_gradients"
def pair_gradients(W, C, i, j, negatives):
    """Gradients of the loss of one pair: for w_i, (d,), and for C, (n, d)."""
    ### BEGIN SOLUTION
    asked = np.concatenate([[j], negatives]).astype(int)
    true = np.arange(len(asked)) == 0
    sigma = 1 / (1 + np.exp(-(C[asked] @ W[i])))
    slope = sigma - true
    for_C = np.zeros(C.shape)
    np.add.at(for_C, asked, np.outer(slope, W[i]))
    return slope @ C[asked], for_C
    ### END SOLUTION


# %% role="test" exercise="pair_gradients" points=4
_W, _C = np.array([[1.0, 0.0], [0.0, 3.0]]), np.array([[1.0, 1.0], [0.0, 1.0], [2.0, 0.0]])
_sigma = 1 / (1 + np.exp(-1.0))
_given = _W.copy(), _C.copy()
_for_w, _for_C = pair_gradients(*_given, 0, 1, [0, 2])
check("W and C are left as they were", np.vstack(_given), np.vstack([_W, _C]))
_two = 1 / (1 + np.exp(-2.0))
answer(
    "the word: scores 0 (true), 1 and 2 (negatives)",
    _for_w,
    [_sigma + 2 * _two, -0.5 + _sigma],
    wrong={
        "this is minus the gradient": [-_sigma - 2 * _two, 0.5 - _sigma],
        "the true context has y = 1: its slope is sigma - 1": [_sigma + 2 * _two, 0.5 + _sigma],
        "the negatives have y = 0: their slope is sigma, not sigma - 1": [
            _sigma - 1 + 2 * (_two - 1), -0.5 + _sigma - 1,
        ],
        "sum over the negatives, do not take their mean": [(_sigma + 2 * _two) / 2, -0.5 + _sigma / 2],
        "the true context takes part as well": [_sigma + 2 * _two, _sigma],
    },
)  # fmt: skip
answer(
    "the contexts",
    _for_C,
    [[_sigma, 0], [-0.5, 0], [_two, 0]],
    wrong={"this is minus the gradient": [[-_sigma, 0], [0.5, 0], [-_two, 0]]},
)
answer(
    "a negative that comes twice counts twice",
    pair_gradients(_W.copy(), _C.copy(), 0, 1, [0, 0])[1],
    [[2 * _sigma, 0], [-0.5, 0], [0, 0]],
    wrong={"the repeated row was written once: see hint 3": [[_sigma, 0], [-0.5, 0], [0, 0]]},
)
answer(
    "and one that is the true context itself counts as both",
    pair_gradients(_W.copy(), _C.copy(), 0, 2, [2])[1],
    [[0, 0], [0, 0], [2 * _two - 1, 0]],
    wrong={
        "its second slope overwrote the first": [[0, 0], [0, 0], [_two, 0]],
        "only the true one was counted": [[0, 0], [0, 0], [_two - 1, 0]],
        "keep the negative: y = 1 belongs to the first place only": [[0, 0], [0, 0], [2 * (_two - 1), 0]],
    },
)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe

probes = [
    Probe(
        "[pair_gradients(W, C, i, j, negatives), W, C]",
        {
            "W": lambda rng: rng.normal(size=(7, 3)),
            "C": lambda rng: rng.normal(size=(7, 3)),
            "i": lambda rng: int(rng.integers(1, 7)),
            "j": lambda rng: int(rng.integers(7)),
            "negatives": lambda rng: [int(n) for n in rng.integers(0, 7, 9)],
        },
        message="with other vectors your gradients differ: sigma - y for each score, w from rows of C, repeated rows added up",
    ),
    Probe(
        "[pair_gradients(W, C, 3, j, [j, j, 0]) for j in range(4)]",
        {"W": lambda rng: rng.normal(size=(4, 5)), "C": lambda rng: 2 * rng.normal(size=(4, 5))},
        message="a negative that is the true context counts each time it comes",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 3 · An analogy, with and without its own words (3 points)
#
# Write `complete(vectors, a, b, c, exclude)`: the number of the word $d$ with the largest $\cos(d,\; b - a + c)$, after **all vectors were scaled to length 1**. With `exclude` true, `a`, `b` and `c` are not allowed as answers; with `exclude` false they are. Return a whole number.
#
# <details><summary>Hint 1</summary>Scale the rows first; then b - a + c is a sum of unit vectors.</details>
# <details><summary>Hint 2</summary>The length of b - a + c is the same for every d, so it does not matter. The lengths of the d do, and they are 1.</details>
# <details><summary>Hint 3</summary>Set the scores of the three words to <code>-np.inf</code>, then <code>np.argmax</code>. 0 would not do: all cosines may be negative.</details>


# %% role="solution" exercise="complete"
def complete(vectors, a, b, c, exclude):
    """The word d for "a is to b as c is to d", a whole number."""
    ### BEGIN SOLUTION
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = units @ (units[b] - units[a] + units[c])
    if exclude:
        scores[[a, b, c]] = -np.inf
    return int(np.argmax(scores))
    ### END SOLUTION


# %% role="test" exercise="complete" points=3
_vectors = np.array(
    [[1.0, 0.0, 0.0], [2.0, 2.0, 0.0], [3.0, 0.0, 3.0], [1.0, 1.0, 1.0], [0.0, 9.0, 8.0], [-9.0, 0.0, 0.0]]
)
answer(
    "0 is to 1 as 2 is to 3",
    complete(_vectors.copy(), 0, 1, 2, True),
    3,
    wrong={
        "scale every vector to length 1, also that of the answer": 4,
        "the direction is b - a + c": 5,
        "0, 1 and 2 are excluded": 2,
    },
)
_short = np.array([[1.0, 0.0], [0.9, 0.3], [0.5, 0.9], [-1.0, 0.4]])
answer(
    "with nothing excluded the answer here is c itself",
    complete(_short.copy(), 0, 1, 2, False),
    2,
    wrong={"with exclude false no word is excluded": 3},
)
_angles, _lengths = np.radians([0, 20, 22, 45, 62, 80]), np.array([1, 12, 1, 1, 2, 1])
_turned = _lengths[:, None] * np.stack([np.cos(_angles), np.sin(_angles)], axis=1)
answer(
    "from 0 to 1 is a small turn to the left; from 4 it leads to 5",
    complete(_turned.copy(), 0, 1, 4, True),
    5,
    wrong={
        "the step is from a to b: b - a, not a - b": 3,
        "scale the three words of the question to length 1 as well": 2,
    },
)
answer(
    "a cosine below 0 can be the best that is allowed",
    complete(np.array([[1.0, 0.1], [1.0, 0.2], [1.0, 0.3], [-1.0, 0.2], [-1.0, -0.5]]), 0, 1, 2, True),
    3,
    wrong={"give excluded words a score of -np.inf: a 0 may still be the largest": 0},
)
answer(
    "excluded words stay out even where all other cosines are negative",
    complete(_short.copy(), 0, 1, 2, True),
    3,
)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe

probes = [
    Probe(
        "[[int(complete(vectors, a, b, c, exclude)) for exclude in (True, False) for a in range(4) for b in range(4, 7) for c in range(7, 9)], vectors]",
        {"vectors": lambda rng: rng.normal(size=(20, 4)) * rng.uniform(0.2, 5, (20, 1))},
        message="with other vectors your answers differ: unit vectors, b - a + c, the largest cosine, exclusion only if asked",
    ),
    Probe(
        "[int(complete(vectors, 0, 1, 2, exclude)) for exclude in (True, False)]",
        {"vectors": lambda rng: np.vstack([[[1, 0.1], [1, 0.2], [1, 0.3]], -rng.uniform(0.5, 2, (5, 2))])},
        message="when all words that are allowed lie on the other side, the best of them is still the answer",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 4 · Place a document (4 points)
#
# All word vectors $A$, shape $(n, d)$, are fixed. A new document has the word counts $n_c$, in all $T$ words. Its vector $x$ minimises
#
# $$f(x) = \frac1T\sum_c n_c \,\big(-\log \sigma(x \cdot a_c)\big) + k \sum_c q_c\,\big(-\log\sigma(-x\cdot a_c)\big) + \frac{\rho}{2}\lVert x\rVert^2 .$$
#
# Derive gradient and Hessian on paper: with $p_c = n_c / T$ and $\sigma_c = \sigma(x\cdot a_c)$ they are $\sum_c \big[(p_c + k q_c)\,\sigma_c - p_c\big] a_c + \rho x$ and $\sum_c (p_c + k q_c)\, \sigma_c (1 - \sigma_c)\, a_c a_c^\top + \rho I$. Then write `place(counts, A, q, k, ridge, n_steps)`: `n_steps` whole Newton steps $x \leftarrow x - H^{-1} g$, from $x = 0$. It returns $x$, shape $(d,)$.
#
# <details><summary>Hint 1</summary>Divide the counts by their sum first. Then gradient and Hessian are the two sums above.</details>
# <details><summary>Hint 2</summary><code>(A.T * weights) @ A</code> is the sum of weights times outer products.</details>
# <details><summary>Hint 3</summary><code>np.linalg.solve(H, g)</code> is H^-1 g. Recompute sigma, g and H in every step.</details>


# %% role="solution" exercise="place"
def place(counts, A, q, k, ridge, n_steps):
    """The document's vector (d,) after n_steps whole Newton steps from zero."""
    ### BEGIN SOLUTION
    p = counts / np.sum(counts)
    both, x = p + k * q, np.zeros(A.shape[1])
    for _ in range(n_steps):
        sigma = 1 / (1 + np.exp(-(A @ x)))
        g = (both * sigma - p) @ A + ridge * x
        H = (A.T * (both * sigma * (1 - sigma))) @ A + ridge * np.eye(len(x))
        x = x - np.linalg.solve(H, g)
    return x
    ### END SOLUTION


# %% role="test" exercise="place" points=4
_A, _q, _four = np.array([[1.0], [-1.0]]), np.array([0.5, 0.5]), np.array([3.0, 1.0])
answer("no step: the start", place(_four, _A, _q, 1, 0.5, 0), [0.0])
answer(
    "one step without a ridge: g = -0.25, H = 0.5",
    place(_four, _A, _q, 1, 0.0, 1),
    [0.5],
    wrong={
        "uphill: subtract the step": [-0.5],
        "divide the counts by their sum": [1 / 1.25],
        "this is a gradient step: solve with the Hessian": [0.25],
        "the curvature is sigma (1 - sigma) for p and for k q alike": [1.0],
    },
)
answer(
    "a ridge of 1 adds 1 to the Hessian, and nothing to the gradient at 0",
    place(_four, _A, _q, 1, 1.0, 1),
    [1 / 6],
    wrong={"the ridge belongs in the Hessian too": [0.5]},
)
answer(
    "three negatives weigh three times as much: H = 1",
    place(_four, _A, _q, 3, 0.0, 1),
    [0.25],
    wrong={"k multiplies q in the Hessian as well": [0.5]},
)
answer(
    "many steps: two words, so f can be minimised by hand",
    place(np.array([3.0, 1.0]), _A, _q, 1, 0.0, 30),
    [np.log((0.75 + 0.5) / (0.25 + 0.5))],
    atol=1e-9,
    wrong={"after one step you stand at 0.5: are sigma, g and H computed anew in every step?": [0.5]},
)
_x, _h = float(place(_four, _A, _q, 2, 0.7, 30)[0]), 1e-5
_f = [
    np.sum([0.75, 0.25] * np.log1p(np.exp([-_z, _z])) + 2 * _q * np.log1p(np.exp([_z, -_z]))) + 0.35 * _z**2
    for _z in (_x - _h, _x + _h)
]
answer(
    "with a ridge of 0.7 f is flat where you end: g must hold ridge * x",
    (_f[1] - _f[0]) / (2 * _h),
    0.0,
    atol=1e-7,
)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe

probes = [
    Probe(
        "[[place(counts, A, q, k, 0.1, n) for n in (1, 2, 6) for k in (1, 4)], counts, A]",
        {
            "counts": lambda rng: rng.integers(0, 5, 8) + np.eye(8)[0],
            "A": lambda rng: 0.7 * rng.normal(size=(8, 3)),
            "q": lambda rng: rng.dirichlet(np.ones(8)),
        },
        message="with other words your vector differs after 1, 2 or 6 steps: shares p, weights p + k q, ridge in g and H",
    ),
    Probe(
        "place(counts, A, q, 5, ridge, 3)",
        {
            "counts": lambda rng: rng.integers(0, 3, 12) + np.eye(12)[3],
            "A": lambda rng: 0.4 * rng.normal(size=(12, 2)),
            "q": lambda rng: rng.dirichlet(np.full(12, 3.0)),
            "ridge": lambda rng: float(rng.uniform(0.5, 2)),
        },
        message="a large ridge must enter gradient and Hessian in every step",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 5 · Judge this table (4 points)
#
# A colleague has trained vectors of length 300 on a year of one company's emails (two million words) and writes:
#
# | Analogies (the word with the largest cosine; a, b and c left out) | right |
# | --- | --- |
# | all 1000 questions | 61 % |
# | of these: 800 plurals (*invoice : invoices = order : ?*) | 74 % |
# | of these: 200 roles (*manager : team = teacher : ?*) | 9 % |
# | the nearest word to c alone, a and b ignored, all questions | 58 % |
# | gensim's vectors, 5 epochs against our 50 | 40 % |
#
# *"Our vectors understand meaning: they solve 61 % of all analogies, half as many again as gensim. We chose the number of epochs and the length 300 that gave the best score in this table."*
#
# Name **four faults** in what the table is said to show. For each, say which number or sentence gives it away, and what should be done instead.

# %% [markdown] role="manual" exercise="table" points=4
# ### BEGIN SOLUTION
# **The control is nearly as good.** The word nearest to $c$ alone gets 58 %, so $b - a$ adds 3 points. Since $a$, $b$ and $c$ are left out, a plural is often simply the nearest allowed word. Report the score beside this control, and the score with nothing left out.
#
# **The average hides the kinds.** Four in five questions are plurals, which are about form. On roles, the questions about meaning, 9 % are right. Report each kind by itself, or the mean of the kinds (here about 42 %), and do not say "understand meaning".
#
# **The comparison is unequal.** 50 epochs against 5. Give both the same epochs or, better, the same seconds, and the same care in choosing settings; then three times as many for both.
#
# **Settings were chosen on the questions that are reported.** The best of many tries is too good by luck. Choose on one part of the questions and report on another. (Also accepted: one run, without a spread over seeds or texts.)
#
# *Rubric, 4 points:* 1 for each fault with its number and a remedy; half for a fault without a remedy. Accepted instead of one of the four: no spread over several runs.
# ### END SOLUTION

# %% [markdown]
# **Solutions** are in `notebooks/homework/source/hw05_word_vectors`. Look only once you have an answer of your own.
