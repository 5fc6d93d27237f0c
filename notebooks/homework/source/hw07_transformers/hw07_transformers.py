# ---
# jupyter:
#   coursekit:
#     allowed: [numpy]
# ---

# %% [markdown]
# # Homework 07 · Transformers
#
# Six exercises on [notebook 07](../../../07_transformers.ipynb). Allow about two and a half hours. Write each answer where a cell says that it is still empty, then run the cell below it, which tells you straight away how you are doing. Grading uses different numbers, so an answer that fits only the example earns no points.
#
# **Allowed:** NumPy. **Not allowed:** `coursekit.transformer`, SciPy, scikit-learn, PyTorch and other numerical libraries; calling a ready-made solution does not count as an answer. A function leaves its arguments as they were.
#
# A sequence is an array $(t, d)$, one row per place. Logarithms are natural unless the text says bits.

# %%
import numpy as np

from coursekit import plots
from coursekit.checks import answer, check

plots.use_course_style()
q = np.array([[1.0, 0.0, 2.0, -1.0], [0.5, -1.0, 0.0, 1.5], [2.0, 1.0, -0.5, 0.0]])
k = np.array([[0.0, 1.0, 1.0, 0.5], [1.0, -0.5, 0.0, 2.0], [-1.0, 0.5, 1.5, 1.0]])
v = np.array([[1.0, 2.0], [-1.0, 0.5], [3.0, -2.0]])

# %% [markdown]
# ## 1 · Attention that cannot see the future (4 points)
#
# Write `causal_attention(q, k, v)`: scaled dot-product attention of queries $q$ $(t, d)$ to keys $k$ $(t, d)$ and values $v$ $(t, d_v)$, where place $i$ looks at places $0, \dots, i$ only. Weights of later places must be exactly 0, whatever the scores, and scores of a thousand must not overflow. Return the output $(t, d_v)$.
#
# <details><summary>Hint 1</summary>A table of scores (t, t): row i belongs to query i.</details>
# <details><summary>Hint 2</summary>np.tril or np.triu tells which entries are in the future; what number has the exponential 0?</details>
# <details><summary>Hint 3</summary>Subtract the largest score of each row before np.exp, and divide by the sum of the row.</details>


# %% role="solution" exercise="causal_attention"
def causal_attention(q, k, v):
    """Masked attention (t, d_v) of queries and keys (t, d) and values (t, d_v)."""
    ### BEGIN SOLUTION
    q, k, v = (np.asarray(array, dtype=float) for array in (q, k, v))
    scores = q @ k.T / np.sqrt(q.shape[1])
    future = np.triu(np.ones(scores.shape, dtype=bool), 1)
    scores = np.where(future, -np.inf, scores)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True) @ v
    ### END SOLUTION


# %% role="test" exercise="causal_attention" points=4
_ours = causal_attention(q, k, v)
answer("shape of the output", np.shape(_ours), (3, 2))


def _by_loops(scale=0.5, past=lambda i: range(i + 1)):
    _rows = []
    for _i in range(3):
        _weights = np.array([np.exp(scale * q[_i] @ k[_j]) for _j in past(_i)])
        _rows.append(_weights @ v[list(past(_i))] / _weights.sum())
    return np.array(_rows)


answer(
    "attention to the past and the present",
    _ours,
    _by_loops(),
    wrong={
        "every place still sees the future": _by_loops(past=lambda i: range(3)),
        "the future is seen and the past is not: turn the mask round": _by_loops(past=lambda i: range(i, 3)),
        "divide the scores by the square root of d": _by_loops(scale=1.0),
        "divide by the square root of d, not by d": _by_loops(scale=0.25),
    },
)
answer("the first place sees itself alone", _ours[0], v[0])
_huge = causal_attention(1000 * q, 1000 * k, v)
answer("it stays finite where scores are huge", np.isfinite(_huge), np.ones((3, 2)))
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

SEQUENCE = {
    "q": lambda rng: rng.normal(size=(6, 5)) + 0.3,
    "k": lambda rng: rng.normal(size=(6, 5)) - 0.2,
    "v": lambda rng: rng.normal(size=(6, 3)),
}
probes = [
    Visible("causal_attention"),
    Probe(
        "causal_attention(q, k, v)",
        SEQUENCE,
        message="on another sequence the output differs: the mask, the square root of d, softmax over the keys",
    ),
    Probe(
        "causal_attention(300 * q, 300 * k, v)",
        SEQUENCE,
        message="with huge scores the output differs: subtract the row's largest, and mask with -inf",
    ),
    Probe(
        "causal_attention(-300 * np.abs(q), np.abs(k) * np.array([[1.0]] * 5 + [[0.0]]), v)",
        SEQUENCE,
        message="where all permitted scores are far below zero, the future gets weight: a large number is not enough",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 2 · And how do you know? (3 points)
#
# A mask is easily one place off, and a loss does not tell. So prove it by experiment, for *any* layer: a function that takes a sequence $(t, d)$ to one with as many places. Write `who_sees_whom(layer, x)`: a table $(t, t)$ of True and False, True in row $i$ and column $j$ if place $i$ of the output changes at all when place $j$ of the input $x$ does, all other places being what they were.
#
# <details><summary>Hint 1</summary>t + 1 runs of the layer: one on x, and one for each place.</details>
# <details><summary>Hint 2</summary>Change a copy; the next place starts from x again. Which change? Random numbers: a layer may not notice, say, that 1 is added everywhere.</details>
# <details><summary>Hint 3</summary>Two outputs of a layer that looks at nothing new are equal to the last bit, so != will do; .any(axis=1) asks for each place whether any of its numbers differs.</details>


# %% role="solution" exercise="who_sees_whom"
def who_sees_whom(layer, x):
    """Table (t, t): does place i of layer(x) depend on place j of x (t, d)?"""
    ### BEGIN SOLUTION
    x = np.asarray(x, dtype=float)
    rng, before = np.random.default_rng(0), layer(x)
    table = np.zeros((len(x), len(x)), dtype=bool)
    for j in range(len(x)):
        changed = x.copy()
        changed[j] = rng.normal(size=x.shape[1])
        table[:, j] = (layer(changed) != before).any(axis=1)
    return table
    ### END SOLUTION


# %% role="test" exercise="who_sees_whom" points=3
_x = np.array([[1.0, 0.5], [-1.0, 2.0], [0.3, -0.7], [2.0, 1.0]])
_past = np.tril(np.ones((4, 4)))
_shape = np.shape(who_sees_whom(lambda x: x, _x))
answer("shape of the table", _shape, (4, 4))
answer(
    "a running sum sees the past and the present",
    np.asarray(who_sees_whom(lambda x: np.cumsum(x, axis=0), _x), dtype=float),
    _past,
    wrong={
        "rows are outputs, columns are inputs": _past.T,
        "the next place starts from x again: change a copy": np.ones((4, 4)),
        "the place itself has changed too": _past - np.eye(4),
    },
)
answer(
    "one place back, and nothing else",
    np.asarray(who_sees_whom(lambda x: np.vstack([0 * x[:1], x[:-1]]), _x), dtype=float),
    np.eye(4, k=-1),
    wrong={"rows are outputs, columns are inputs": np.eye(4, k=1)},
)
_centred = who_sees_whom(lambda x: np.cumsum(x - x.mean(axis=1, keepdims=True), axis=0), _x)
answer(
    "each place centred, then the running sum",
    np.asarray(_centred, dtype=float),
    _past,
    wrong={"to add the same to all numbers of a place changes nothing here": np.zeros((4, 4))},
)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe

LAYER = {
    "x": lambda rng: rng.normal(size=(6, 3)),
    "M": lambda rng: (rng.random((6, 6)) < 0.5) * 1.0,  # who sees whom
}
probes = [
    Probe(
        "np.asarray(who_sees_whom(lambda x: M @ (x - x.mean(axis=1, keepdims=True)), x), dtype=float)",
        LAYER,
        message="of sums of centred places the table differs: rows are outputs; change one place, by random numbers",
    ),
    Probe(
        "np.asarray(who_sees_whom(lambda x: (M @ x) * np.array([0.0, 0.0, 1.0]), x), dtype=float)",
        LAYER,
        message="of a layer that shows a change in one number only the table differs: any number counts",
    ),
    Probe(
        "np.asarray(who_sees_whom(lambda x: (M @ x) * np.array([1e-4, -1e-4, 0.0]), x), dtype=float)",
        LAYER,
        message="of another layer the table differs: a change counts however small, and whatever its sign",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 3 · Nothing is computed twice (4 points)
#
# A text grows by one word. Write `next_place(x, keys, values, W_q, W_k, W_v)`: the new word's vector $x$ $(d,)$ asks with $W_q x$ and offers $W_k x$ and $W_v x$; `keys` and `values` $(t, m)$ are those of the $t$ places before it ($t$ may be 0). Return three arrays: the attention's answer for the new place $(m,)$, and keys and values with the new ones appended, $(t + 1, m)$.
#
# <details><summary>Hint 1</summary>May the new place look at itself?</details>
# <details><summary>Hint 2</summary>First append, then look up. No mask is needed: nothing later exists.</details>
# <details><summary>Hint 3</summary>np.vstack([keys, new]) makes an array of t + 1 rows, and the scores are keys @ query.</details>


# %% role="solution" exercise="next_place"
def next_place(x, keys, values, W_q, W_k, W_v):
    """The answer (m,) at the new place, and keys and values (t + 1, m) with its own."""
    ### BEGIN SOLUTION
    x, W_q, W_k, W_v = (np.asarray(array, dtype=float) for array in (x, W_q, W_k, W_v))
    keys = np.vstack([keys, W_k @ x])
    values = np.vstack([values, W_v @ x])
    scores = keys @ (W_q @ x) / np.sqrt(keys.shape[1])
    weights = np.exp(scores - scores.max())
    return weights @ values / weights.sum(), keys, values
    ### END SOLUTION


# %% role="test" exercise="next_place" points=4
_W = [
    np.array([[1.0, 0.5], [-1.0, 2.0]]),
    np.array([[0.5, -1.0], [1.0, 1.0]]),
    np.array([[2.0, 0.0], [1.0, -1.0]]),
]
_text = np.array([[1.0, -0.5], [0.5, 1.5], [-1.0, 2.0], [0.3, 0.4]])
_keys, _values, _rows = np.zeros((0, 2)), np.zeros((0, 2)), []
for _x in _text:
    _row, _keys, _values = next_place(_x, _keys, _values, *_W)
    _rows.append(_row)
_Q, _K, _V = (_text @ _matrix.T for _matrix in _W)
answer("the keys that are kept", _keys, _K, wrong={"these are the values": _V, "W x, not x W": _text @ _W[1]})
answer("the values that are kept", _values, _V, wrong={"these are the keys": _K})


def _at_once(shift=0):
    _all = []
    for _i in range(4):
        _seen = slice(0, _i + 1 - shift) if _i else slice(0, 1)
        _w = np.exp(_K[_seen] @ _Q[_i] / np.sqrt(2))
        _all.append(_w @ _V[_seen] / _w.sum())
    return np.array(_all)


answer(
    "place by place = all at once",
    np.array(_rows),
    _at_once(),
    wrong={"the new place does not see itself: append before you look": _at_once(shift=1)},
)
_before = np.array(_keys)
next_place(_text[0], _keys, _values, *_W)
check("the keys that were handed over are left as they were", _keys, _before)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

GROWING = {
    "x": lambda rng: rng.normal(size=4) + 0.3,
    "keys": lambda rng: rng.normal(size=(5, 3)),
    "values": lambda rng: rng.normal(size=(5, 3)) + 0.4,
    "W_q": lambda rng: rng.normal(size=(3, 4)),
    "W_k": lambda rng: rng.normal(size=(3, 4)),
    "W_v": lambda rng: rng.normal(size=(3, 4)),
}
probes = [
    Visible("next_place"),
    Probe(
        "[np.asarray(part) for part in next_place(x, keys, values, W_q, W_k, W_v)]",
        GROWING,
        message="after five other places the step differs: which matrix makes what, the new place itself, sqrt of m",
    ),
    Probe(
        "[np.asarray(part) for part in next_place(200 * x, keys, values, W_q, W_k, W_v)]",
        GROWING,
        message="with huge scores the answer must stay finite and right",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 4 · One step of byte pairs (4 points)
#
# Tokens are whole numbers. Write `join_once(tokens, new)`: find the pair of neighbours that occurs most often in the array `tokens` $(t,)$, count every place where it occurs; if several are equally frequent, take the smallest (compare the first number, then the second). Then replace it by the number `new` wherever it occurs, from left to right; a token that was just used is not used again, so `1 1 1` with the pair `(1, 1)` becomes `new 1`. Return two things: the pair, and the new array of integers.
#
# <details><summary>Hint 1</summary>Pairs are tokens[:-1] beside tokens[1:].</details>
# <details><summary>Hint 2</summary>A while loop over the place i: it moves on by 2 where the pair was joined, else by 1.</details>
# <details><summary>Hint 3</summary>min(pairs, key=lambda pair: (-count[pair], pair)) breaks ties as asked.</details>


# %% role="solution" exercise="join_once"
def join_once(tokens, new):
    """The most frequent pair, two integers,
    and the tokens with it joined, integers (t',).
    """
    ### BEGIN SOLUTION
    tokens = [int(token) for token in tokens]
    count = {}
    for pair in zip(tokens[:-1], tokens[1:], strict=True):
        count[pair] = count.get(pair, 0) + 1
    best = min(count, key=lambda pair: (-count[pair], pair))
    joined, i = [], 0
    while i < len(tokens):
        found = tuple(tokens[i : i + 2]) == best
        joined.append(new if found else tokens[i])
        i += 2 if found else 1
    return np.array(best), np.array(joined)
    ### END SOLUTION


# %% role="test" exercise="join_once" points=4
_letters = np.array([0, 0, 1, 3, 0, 1, 0, 0, 0, 2])
_pair, _joined = join_once(_letters, 9)
answer(
    "the pair, 0 0 (three times, two of them overlap)", _pair, [0, 0], wrong={"0 1 occurs only twice": [0, 1]}
)
answer(
    "the tokens after it",
    np.asarray(_joined),
    [9, 1, 3, 0, 1, 9, 0, 2],
    wrong={
        "join from left to right: 0 0 0 becomes 9 0": [9, 1, 3, 0, 1, 0, 9, 2],
        "a token must not be used twice": [9, 1, 3, 0, 1, 9, 9, 2],
        "every place where the pair occurs is joined": [9, 1, 3, 0, 1, 0, 0, 0, 2],
    },
)
_pair, _ = join_once(np.array([5, 4, 3, 5, 4, 3]), 9)
answer("of equally frequent pairs the smallest", _pair, [4, 3], wrong={"this is the first one met": [5, 4]})
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("join_once"),
    Probe(
        "[np.asarray(part) for part in join_once(tokens, new)]",
        {"tokens": lambda rng: rng.integers(0, 3, size=30), "new": 7},
        message="on other tokens pair or result differs: counting, ties, from left to right",
    ),
    Probe(
        "[np.asarray(part) for part in join_once(tokens, new)]",
        {
            "tokens": lambda rng: np.concatenate(
                [
                    rng.integers(20, 99, size=4),
                    np.repeat(rng.integers(3, 9), 9),
                    rng.integers(0, 2, size=3) + 200,
                ]
            ),
            "new": 500,
        },
        message="a long run of one token: from left to right, no token twice",
    ),
    Probe(
        "[np.asarray(part) for part in join_once(tokens, new)]",
        {"tokens": lambda rng: np.tile(rng.permutation(6) + 3, 3), "new": 50},
        message="where several pairs are equally frequent the smallest counts",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 5 · Two models in bits per character (4 points)
#
# Two models give each of the $t$ tokens of a text a log probability, arrays `log_p` and `log_q` in nats. Write `mixed_bits(log_p, log_q, weight, n_characters)`: the bits per character of the mixture $w\, p + (1 - w)\, q$, token by token, on a text of `n_characters` characters. Both probabilities may be as small as $e^{-2000}$.
#
# <details><summary>Hint 1</summary>The mixture is of probabilities, not of their logarithms.</details>
# <details><summary>Hint 2</summary>np.logaddexp(a, b) is log(exp(a) + exp(b)) without overflow; where does log(weight) go?</details>
# <details><summary>Hint 3</summary>Minus the sum over tokens, over log 2, over the number of characters (not of tokens).</details>


# %% role="solution" exercise="mixed_bits"
def mixed_bits(log_p, log_q, weight, n_characters):
    """Bits per character of the mixture of two models, a number."""
    ### BEGIN SOLUTION
    log_mixed = np.logaddexp(np.asarray(log_p) + np.log(weight), np.asarray(log_q) + np.log(1 - weight))
    return -log_mixed.sum() / np.log(2) / n_characters
    ### END SOLUTION


# %% role="test" exercise="mixed_bits" points=4
_p, _q = np.array([0.5, 0.1, 0.02, 0.3]), np.array([0.2, 0.4, 0.3, 0.001])
_mixture = 0.3 * _p + 0.7 * _q
answer(
    "four tokens, eleven characters",
    mixed_bits(np.log(_p), np.log(_q), 0.3, 11),
    -np.log2(_mixture).sum() / 11,
    wrong={
        "mix the probabilities, not their logarithms": -(0.3 * np.log2(_p) + 0.7 * np.log2(_q)).sum() / 11,
        "the weight belongs to the first model": -np.log2(0.7 * _p + 0.3 * _q).sum() / 11,
        "these are nats: divide by log 2": -np.log(_mixture).sum() / 11,
        "divide by the number of characters, not of tokens": -np.log2(_mixture).mean(),
        "the sign": np.log2(_mixture).sum() / 11,
    },
)
_tiny = mixed_bits(np.full(2, -2000.0), np.full(2, -2000.0), 0.3, 1)
answer(
    "tiny probabilities do not vanish",
    _tiny,
    4000 / np.log(2),
    wrong={"exp(-2000) is 0 in floating point": np.inf},
)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("mixed_bits"),
    Probe(
        "np.asarray(mixed_bits(log_p, log_q, weight, n))",
        {
            "log_p": lambda rng: -rng.exponential(3, size=9),
            "log_q": lambda rng: -rng.exponential(3, size=9),
            "weight": lambda rng: float(rng.uniform(0.1, 0.4)),
            "n": lambda rng: int(rng.integers(20, 40)),
        },
        message="on another text the number differs: mixture, weight, bits, characters",
    ),
    Probe(
        "np.asarray(mixed_bits(log_p, log_q, 0.2, 50))",
        {
            "log_p": lambda rng: -1500 - rng.exponential(30, size=5),
            "log_q": lambda rng: -1500 - rng.exponential(30, size=5),
        },
        message="with tiny probabilities the number must stay finite and right",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 6 · Too good to be true (4 points)
#
# A colleague trains a GPT on the complaints of a telephone company. After ten minutes her training loss is 0.02 nats per token; Kneser-Ney reaches 3.1. On the test set, "the same picture: 0.02". But when the model writes, it repeats one word for ever. Here is the heart of her program:
#
# ```python
# mask = torch.ones(t, t).tril(1).bool()            # True where a query may look
# x = words(tokens) + positions(torch.arange(t))    # tokens (n, t)
# for block in blocks:
#     x, _ = block(x, mask=mask)
# logits = head(x)                                  # (n, t, n_words)
# loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten())
# ```
#
# **(a)** Find the leak. Which word does place $i$ see that it should not, and why does that give a loss near 0 in training *and* on the test set, and nonsense in writing? **(b)** Describe a test of a few lines that would have found it, on a model with *random* weights, before any training. Why must the weights be random, and not the zeros with which some layers start? **(c)** She repairs it, and now says: "My loss is 2.4 nats per token with a vocabulary of 500 byte pairs; Kneser-Ney's 3.1 was with 5000. So I am ahead." Is she? What does she have to compute?

# %% [markdown] role="manual" exercise="leak" points=4
# ### BEGIN SOLUTION
# **(a)** `tril(1)` keeps one diagonal above the main one: place $i$ may look at place $i + 1$, whose token is exactly its target, since the targets are the tokens shifted by one. The network learns to copy it. The test text is fed in the same way, so the answer is visible there too, and the loss is as low. In writing there is no next word yet: the place it learned to copy from is missing, so the model says something it was never trained to say. It should be `tril()`, or `tril(0)`.
#
# **(b)** Differentiate an output at place $t$ in the inputs (word vectors) at places $s > t$, or change a token at place $s$ and compare the logits of all places before $s$: they must not change at all. For this program place $s - 1$ does. With zero projections no place depends on any other, so the test passes for any mask; therefore random weights, and a second check that earlier places *do* matter.
#
# **(c)** That cannot be said: a token of the small vocabulary is shorter, so there are more of them to predict, each easier. Compute bits per character for both on the same test text: nats per token / log 2 × tokens / characters. (If, say, her tokens have 2.0 characters and those of the large vocabulary 3.6, she has 2.4 / 2.0 = 1.20 nats per character, and Kneser-Ney 3.1 / 3.6 = 0.86: she is behind.)
#
# *Rubric, 4 points:* 1 for the diagonal that sees the target; 1 for why the test loss is low too and writing fails; 1 for a test by gradient or by changing a later token, with random weights and the reason; 1 for bits (or nats) per character, with the conversion.
# ### END SOLUTION

# %% [markdown]
# **Solutions** are in `notebooks/homework/source/hw07_transformers`. Look only once you have an answer of your own.
