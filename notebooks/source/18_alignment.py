# ---
# jupyter:
#   coursekit:
#     cpu_seconds: 55
#     minutes: 150
# ---

# %% [markdown] slide="slide"
# # 18 · Alignment: from GPT to ChatGPT, beside an optimum that is known
#
# **After this notebook you can** say what a prompt does to a model whose weights never change, and how far it is from Bayes' rule; tell when writing steps down helps, and why an ability may seem to appear at once; fine-tune a model through thin matrices (LoRA) and measure what it forgets; learn a reward from comparisons; derive the best policy for that reward, and train one with PPO to within a few per cent of it; see a reward being gamed; decide when it pays to look things up; count parameters, tokens and floating-point operations.
#
# **Time:** two and a half hours to work through; it runs in under a minute. **You need:** [notebook 07](07_transformers.ipynb), for GPT, and its chain rule of probability. **It follows** the ChatGPT part of the generative AI deck: prompting, chain of thought, the three steps, LoRA, WebGPT, retrieval, mixtures of experts, scale. The deck gives no formula for any of them, so the formulas, the proofs and the exact optima are added here. What only a large model can show is cited, not shown.
#
# Public courses train such models and print samples. Here every world is so small that the best possible answer can be computed, and each method is measured by its distance from it.

# %%
import copy
import math

import numpy as np
import torch

from coursekit import alignment, data, plots
from coursekit.alignment import explorers, pictures, recipe
from coursekit.checks import check

plots.use_course_style()

# %% [markdown] slide="slide" says="You give it three examples, and it does the task. No weight has moved. So where did it learn?"
# ## 1 · A prompt is data
#
# **Question.** A trained model is shown a few examples of a new task in its prompt, and does the task. No weight changes. What is going on, and how well could it possibly be done?
#
# **A world with a known answer.** Each sequence has a Markov chain *of its own*: four states, and a transition matrix whose rows are drawn uniformly from all distributions. A reader has to find out the matrix while reading. Nothing about it can be learned beforehand; only *how to find out* can. Learning from the prompt is called **in-context learning**.
#
# **Formula.** Let $\theta_i$ be the row of state $i$, and $n_{ij}$ the number of transitions from $i$ to $j$ so far. Before anything is seen, all $\theta_i$ are equally likely, so by Bayes' rule the posterior density is proportional to $\prod_j \theta_{ij}^{n_{ij}}$: a Dirichlet distribution. The next state is $j$ with the posterior mean of $\theta_{ij}$. Dirichlet's integral $\int \prod_j \theta_j^{n_j}\,d\theta \propto \prod_j n_j! \,/\, (\sum_j n_j + K - 1)!$, once with $n_j$ raised by one and once without, gives
#
# $$p(j \mid \text{prefix}) = \frac{n_{ij} + 1}{\sum_k n_{ik} + K}, \qquad K = 4 .$$
#
# It is Laplace's rule: count, and start each count at one. By hand, and against a brute-force version of Bayes' rule that draws a million rows and weighs each by how well it explains what was seen.


# %%
from itertools import pairwise


def next_by_hand(prefix, K=4):
    """Laplace's rule for the row of the last state."""
    counts = np.ones(K)
    for before, after in pairwise(prefix):
        if before == prefix[-1]:
            counts[after] += 1
    return counts / counts.sum()


chains = recipe.chains()
some, _ = chains.sample(20, 15, rng=0)
by_hand = np.array([next_by_hand(row) for row in some])
check("Laplace's rule by hand = coursekit", by_hand, chains.next_word(some), atol=1e-14)
theta = np.random.default_rng(1).dirichlet(np.ones(4), 1_000_000)
# The likelihood of what was seen after this state: 0, 0, 2, 0.
weight = np.prod(theta ** [3, 0, 1, 0], axis=1)
mean = weight @ theta / weight.sum()
se = np.sqrt((weight**2) @ (theta - mean) ** 2) / weight.sum()
check(
    "a million rows, weighed by Bayes' rule, agree",
    mean,
    [0.5, 0.125, 0.25, 0.125],
    se=se,
)

# %% [markdown]
# **Predict before you run:** a model is trained on sixty thousand such sequences, and then reads a new one. Can its weights hold the new matrix? What must they hold?
#
# <details><summary>Answer</summary>
# They cannot: every sequence has a matrix of its own. They can only hold the rule itself: look up the earlier visits to the present state, and count what came next.
# </details>
#
# We train a GPT with two blocks of width 32 for 300 steps. The prompt is whatever it has read so far.

# %% tags=["nbval-ignore-output"]
train, _ = chains.sample(60_000, recipe.LENGTH, rng=1)
test, _ = chains.sample(2000, recipe.LENGTH, rng=2)
reader, history = recipe.reader(train, n_steps=recipe.READING_STEPS[0], seed=0)
with torch.no_grad():
    ours = torch.cat([reader.log_prob(part) for part in torch.tensor(test).split(500)])
exact, ours = chains.log_prob(test), ours.double().numpy()
excess = (exact - ours).mean()
print(f"{history.cpu_seconds[-1]:.1f} CPU-seconds, {excess:.4f} nats above Bayes' rule")

# %% [markdown] slide="subslide"
# **Zero-shot, one-shot, few-shot.** Call each earlier departure from the present state a *shot*: it is one example of the very thing that is asked. At zero shots no predictor can do better than $\log 4$ nats on average. As a baseline we take the rule that counts states and ignores which state they followed.


# %%
def shots(tokens):
    """How often each place's last state was left before, (n, t - 1)."""
    same = tokens[:, :-1, None] == tokens[:, None, :-1]  # (n, place, earlier place)
    return np.tril(same, -1).sum(2)


onehot = np.eye(4)[test]
seen = onehot.cumsum(1)[:, :-1] + 1
# The baseline: how frequent was each state so far, whatever came before it?
frequency = np.log((seen * onehot[:, 1:]).sum(2) / seen.sum(2))
n_shots = shots(test)
losses = {"state frequencies": frequency, "GPT": ours[:, 1:],
    "Bayes' rule": exact[:, 1:]}  # fmt: skip
curves = {name: [-each[n_shots == m].mean() for m in range(11)]
    for name, each in losses.items()}  # fmt: skip
check("GPT is within .02 nats of Bayes' rule at each number of shots", curves["GPT"],
    np.array(curves["Bayes' rule"]), atol=0.02,
    control={"state frequencies": curves["state frequencies"]})  # fmt: skip
print("Bayes' rule:", [f"{value:.2f}" for value in curves["Bayes' rule"]])
check("zero shots cost log 4 by Bayes' rule", curves["Bayes' rule"][0], math.log(4),
    atol=1e-12)  # fmt: skip
styles = zip(curves.items(), ("noise", "model", "data"), ("-", "-", ":"), strict=True)
curves = [(name, values, color, style) for (name, values), color, style in styles]
figure = pictures.lines(np.arange(11), curves,
    xlabel="shots: earlier visits to the present state", ylabel="nats per state",
    spread=0.04, ylim=(1.15, 1.5),
    title="each example helps, as much as Bayes' rule says it can")  # fmt: skip
plots.show(
    figure,
    alt="Nats per state over the number of shots. Bayes' rule falls from 1.39 to below "
    "1.2 nats; GPT lies on it; the rule by state frequencies stays far above.",
)

# %% [markdown]
# The blue line lies on the dotted one: the model learns from its prompt as fast as is possible. It cannot be recalling anything, since the matrix of a new sequence is new.
#
# How is it done? Each block of attention is a look-up. To count what followed earlier visits, a place has to know its predecessor, and that is one look-up; then a place that asks for that predecessor can find it, and that is the second. The pair is known as an **induction head** (Olsson et al. 2022). So one block should not be enough. We gave one block the same CPU-seconds as two, and three times as many. (A layer in the labels below is one such block.)

# %%
reading = data.results("alignment_reading")
print(reading)
groups = []
for name, color in (
    ("2 layers", "model"),
    ("2 layers, short", "model"),
    ("1 layer", "wrong"),
    ("1 layer, three times the seconds", "wrong"),
):
    groups.append((name, reading.column("excess", model=name), color))
groups.append(("state frequencies", [(exact[:, 1:] - frequency).mean()], "noise"))
figure = pictures.dots(
    groups,
    xlabel="nats per state above Bayes' rule (logarithmic)",
    xscale="log",
    title="two blocks reach Bayes' rule, one does not",
)
plots.show(
    figure,
    alt="Nats above Bayes' rule on a logarithmic axis, a dot per seed: two layers near "
    "a thousandth, one layer near a tenth even with three times the seconds, like "
    "the rule by state frequencies.",
)

# %%
wide = data.results("alignment_wide").column("excess", budget=15)
for name, excesses, _ in [*groups, ("1 layer, as many parameters", wide, "")]:
    print(f"{name:33}", np.round(excesses, 4), "nats above Bayes' rule")
two, short = (
    reading.column("excess", model=name) for name in ("2 layers", "2 layers, short")
)  # fmt: skip
one = reading.column("excess", model="1 layer, three times the seconds")
check("seed 0 here = seed 0 as stored", excess, short[0], atol=0.002)
check(
    "two layers: each of three seeds within .005 nats of Bayes' rule",
    two,
    0.005,
    relation="<=",
    control={"one layer": one},
)
check(
    "one layer, three times the seconds or as many parameters: over ten times as far",
    np.concatenate([one, wide]),
    10 * two.max(),
    relation=">=",
    control={"two layers, half the steps": short},
)

# %%
prompts = torch.tensor(test[:400])
looks = [each.detach().numpy() for each in reader.attention_weights(prompts)]
# Each is (400, heads, 49, 49); below the diagonal is the weight on the place before.
previous = [each.diagonal(-1, 2, 3).mean((0, 2)).max() for each in looks]
check(
    "a head of the first block: over half of its weight on the place before it",
    previous[0],
    0.5,
    relation=">=",
    control={"the second block": previous[1]},
)
# Places whose token followed an earlier visit to the present state:
after = np.zeros((400, 49))
after[:, 2:] = test[:400, :-1] == test[:400, -1:]
share = [(each[:, :, 48] * after[:, None]).sum(2).mean() for each in looks]
check(
    "the second block's weight on what followed earlier visits: over twice chance",
    share[1],
    2 * after.mean(),
    relation=">=",
    control={"the first block": share[0]},
)

# %% [markdown]
# Both look-ups are there. One head of the first block reads the place before; the second block reads what followed earlier visits. That one block fails is a statement about these seconds. Three times as many hardly moved it, and neither did width, with as many parameters as the two blocks have.
#
# A large language model has learned facts as well. But the part of its skill that comes from the prompt works as here: **a prompt is data**, and the weights hold the rule by which to learn from it.

# %% [markdown] slide="slide" says="Ask for the answer, and it guesses. Ask it to think aloud, and it is right. What has changed? It has been given time."
# ## 2 · Step by step
#
# **Question.** Asked for the result alone, a model fails; told to write down its steps, it succeeds (*chain of thought*). Why should writing help?
#
# **A task where steps can be counted.** Five places in a row, and three moves, each a permutation of them: shift all by one, swap the first two, turn the last three. Ten moves are announced; where do you end if you start at a given place? No shortcut is in sight: the moves generate all 120 permutations of five places, so their order matters.
#
# A network of two blocks answers after two look-ups, however many moves there are. If it writes down the place after each move and reads it again, it has two more for each place written, and each step is one look-up in a table of $5 \times 3$ entries. In between: write down every second place, or every fifth. Training counts the loss of the answer only; test questions are new. All get equal steps, and then three times as many. Since ten places written are also ten answers to learn from, and the last place alone is one, the last alone gets ten times the steps as well.

# %%
reached, frontier = {tuple(range(5))}, [tuple(range(5))]
while frontier:
    here = frontier.pop()
    new = {tuple(move[list(here)]) for move in recipe.MOVES} - reached
    reached |= new
    frontier += new
check("the three moves generate all permutations of five places", len(reached), 120)
moves = data.results("alignment_moves")
print(moves)
groups = []
for per_step, budgets in ((1, (1,)), (2, (1, 3)), (5, (1, 3)), (10, (1, 3, 10))):
    for times in budgets:
        last = moves.column("last", per_step=per_step, times=times)
        name = (
            f"{per_step} moves per place written"
            if per_step > 1
            else "each place written"
        )  # fmt: skip
        name += {1: "", 3: ", 3 times the steps", 10: ", 10 times the steps"}[times]
        groups.append((name, last, "model" if last.mean() > 0.5 else "wrong"))

# %%
figure = pictures.dots(
    groups,
    xlabel="share of last places that are right",
    xlim=(0, 1.02),
    title="the more moves go by unwritten, the less is learned",
)
plots.show(
    figure,
    alt="Share of right last places, a dot per seed. With each place written all are "
    "right, with every second place most, and all after three times the steps; with "
    "five or ten moves per written place the share stays near the chance level of "
    "one fifth.",
)
for name, last, _ in groups:
    print(f"{name:48} {last.mean():.2f}")
written, unwritten = groups[0][1], groups[-1][1]
check(
    "each place written: all seeds over .99",
    written,
    0.99,
    relation=">=",
    control={"chance": 0.2, "only the last, ten times the steps": unwritten},
)
check(
    "only the last: within .05 of chance, after ten times the steps too",
    np.abs(unwritten - 0.2),
    0.05,
    relation="<=",
    control={"each written": np.abs(written - 0.2)},
)

# %% [markdown]
# Two moves at a time can be learned as well, more slowly: that is a table of $5 \times 9$ entries. Five at a time is one of $5 \times 243$, and in these steps hardly any of it is learned. Of ten at a time nothing is, though as many answers were learned from. Writing does not make the model cleverer. It cuts the task into pieces that are small enough to learn, and gives each piece its own pass through the network.

# %% [markdown] slide="subslide"
# **Does an ability appear at once?** Curves of large models are said to stay at chance and then jump ("emergence", Wei et al. 2022). Part of that is arithmetic. An answer of ten places is right if all ten are, and by the chain rule
#
# $$P(\text{all right}) = \prod_{i=1}^{10} p_i = \exp\Big(\sum_i \log p_i\Big), \qquad \text{about } p^{10} \text{ if all are alike.}$$
#
# With $p = .5$ that is a thousandth, with $p = .9$ a third. The likelihood may creep up while the *exact match*, the share of answers that are right throughout, sits at zero and then leaps (Schaeffer et al. 2023). Here is the network that writes each place, while it learns: three seeds, each asked a thousand new questions every five steps.

# %%
growth = data.results("alignment_emergence")
steps = sorted(set(growth.column("steps").tolist()))
nats, expected, whole = (
    np.array([growth.column(key, steps=s) for s in steps]).T
    for key in ("nats", "expected", "whole")
)  # fmt: skip
se = np.sqrt(expected * (1 - expected) / 1000) + 1e-3
check(
    "share of walks sampled without a mistake = mean of the products",
    whole,
    expected,
    se=se,
)
plots.show(
    pictures.jump(steps, np.exp(-nats), whole),
    alt="Probability of being right over steps of training, three seeds: one place "
    "rises in steps from a fifth; ten in a row stay at zero and then leap to one.",
)
quiet = (whole < 0.01).all(0).cumprod().astype(bool)  # before any seed gets 1 % right
check(
    "before 1 % of walks are right, each seed has twice the chance level per place",
    np.exp(-nats)[:, quiet].max(1),
    0.4,
    relation=">=",
    control={"after five steps": np.exp(-nats)[:, 0]},
)

# %% [markdown]
# Both curves are of the same weights at the same moment. The red one says "nothing, nothing, everything"; the blue one says that the model has been learning all the time. So before a jump is explained, ask what was measured. (This does not say that large models never learn anything suddenly. The blue curve has a steep part of its own.)

# %% [markdown] slide="slide" says="A hundred and seventy-five billion weights, and you want to change its manners. Do you have to move them all?"
# ## 3 · Fine-tuning, and LoRA
#
# **Question.** Prompts are read again each time. If the task stays, the weights may as well change. Must all of them?
#
# **Formula.** **LoRA** (Hu et al. 2022) leaves a trained matrix $W$ as it is and learns a thin product beside it:
#
# $$y = W x + B A x, \qquad A\ (r \times n_{\text{in}}), \quad B\ (n_{\text{out}} \times r), \quad r\,(n_{\text{in}} + n_{\text{out}}) \text{ numbers.}$$
#
# $B$ starts at zero, so training starts from the model as it was. Afterwards $W + BA$ is stored as one matrix, and nothing is slower. By hand on one layer, in double precision:

# %%
rng = torch.Generator().manual_seed(0)
linear = torch.nn.Linear(32, 128).double()
layer = alignment.LoRA(copy.deepcopy(linear), rank=3)
x = torch.randn(10, 32, generator=rng, dtype=torch.float64)
check("before training, LoRA changes nothing", layer(x), linear(x))
layer.outward.data.normal_(generator=rng)  # as if it had been trained
A, B = layer.inward, layer.outward
by_hand = x @ linear.weight.T + linear.bias + (x @ A.T) @ B.T
check("W x + B A x by hand = LoRA", layer(x), by_hand, atol=1e-12)
check(
    "merged into one matrix, it computes the same",
    layer.merge()(x),
    layer(x),
    atol=1e-12,
)
rank = torch.linalg.matrix_rank(layer.merge().weight - linear.weight)
check("the update has rank 3", rank, 3)
learned = sum(p.numel() for p in layer.parameters() if p.requires_grad)
check("and 3 (32 + 128) numbers are learned", learned, 3 * (32 + 128))

# %% [markdown] slide="subslide"
# **What should be low about the rank?** By the theorem of Eckart and Young (notebook 01), the best approximation of rank $r$ to a matrix leaves the tail of its singular values, $\sum_{k > r} s_k^2$. So LoRA is promising where the *change* that full fine-tuning would make has few large singular values. The control is noise of the same shapes. We test it on the topic worlds of notebook 07. The base model has learned the old world: 80 words, four topics, four classes with a grammar. In the **new world** topics and words are the same, and another grammar says which class follows which. Both floors are known. Of the new world there are 200 documents, and, to compare, 4000. Each method makes 100 steps; because 200 documents are soon memorised, full fine-tuning and training from scratch a third of that too, and LoRA three times as many. Fine-tuning is by AdamW, with a learning rate of .003 for all weights and .01 for LoRA (rank 16 with each); from scratch by Muon, as the base was, which learns faster. Three seeds.

# %%
worlds = data.results("alignment_lora")
print(worlds)
values = worlds.arrays["singular_values"].astype(float)  # (12 matrices, 32)
left = 1 - np.cumsum(values**2, 1) / (values**2).sum(1, keepdims=True)
mean = np.concatenate([[1.0], left.mean(0)])[:25]
shapes = [(32, 32)] * 8 + [(128, 32)] * 4  # of the twelve matrices of two blocks
rng, even = np.random.default_rng(0), []
for shape in shapes:
    s = np.linalg.svd(rng.normal(size=shape), compute_uv=False)
    even.append(1 - np.cumsum(s**2) / (s**2).sum())
even = np.concatenate([[1.0], np.mean(even, 0)])[:25]
print(f"rank 4 leaves {mean[4]:.2f} of the change, and {even[4]:.2f} of noise")
lines = [("full fine-tuning", mean, "model", "-"),
    ("noise", even, "noise", "--")]  # fmt: skip
figure = pictures.lines(np.arange(25), lines, xlabel="rank r of the best approximation",
    spread=0.1, ylim=(-0.05, 1.02), ylabel="share of the change left over",
    title="the change by fine-tuning has a few large directions")  # fmt: skip
plots.show(figure,
    alt="Share of the squared change that the best approximation leaves over, by rank: "
    "for full fine-tuning it falls steeply, for noise of the same shapes slowly."
    )  # fmt: skip
check("rank 4 leaves under half of the change, mean over the matrices", mean[4], 0.5,
    relation="<=", control={"noise": even[4]})  # fmt: skip


# %%
def measured(name, documents, steps=100):
    """Bits above the floors of the new world and of the old one, (3 seeds,) each."""
    chosen = {"model": name, "documents": documents, "steps": steps}
    return [worlds.column(key, **chosen) for key in ("new", "old")]


plan = [("base", 0, 350), ("all weights", 200, 100), ("all weights", 200, 33),
        ("rank 1", 200, 100), ("rank 4", 200, 100), ("rank 16", 200, 100),
        ("rank 16, rate 0.003", 200, 100), ("rank 4", 200, 300),
        ("from scratch", 200, 33), ("from scratch", 200, 100)]  # fmt: skip
plan += [(name, 4000, 100) for name in ("all weights", "rank 4", "from scratch")]
for name, documents, steps in plan:
    new_gap, old_gap = (gap.mean() for gap in measured(name, documents, steps))
    n = int(worlds.column("trainable", model=name)[0])
    print(f"{name:19} {n:5} learned, {documents:4} documents, {steps:3} steps;",
        end=" ")  # fmt: skip
    print(f"above the floor: new {new_gap:.2f}, old {old_gap:.2f} bits")
points = [("base", *measured("base", 0, 350), "data", "left")]
for name, steps, color, side in (
        ("all weights", 33, "latent", "left"), ("all weights", 100, "latent", "right"),
        ("rank 1", 100, "model", "right"), ("rank 4", 100, "model", "right"),
        ("from scratch", 33, "wrong", "right")):  # fmt: skip
    points.append((f"{name}, {steps} steps", *measured(name, 200, steps), color, side))
title = "200 documents: a model that learns the new grammar forgets the old one"
figure = pictures.old_and_new(points, title=title)
plots.show(figure,
    alt="Bits above the old world's floor over bits above the new one's. The base "
    "model is low on the old and high on the new. LoRA, and full fine-tuning that is "
    "stopped early, are low on the new and higher on the old; full fine-tuning of "
    "100 steps is worse on both, and from scratch is far off.")  # fmt: skip

# %%
few, _ = recipe.new_world().sample(4000, recipe.WORLD_LENGTH, rng=4)
test_new, _ = recipe.new_world().sample(2000, recipe.WORLD_LENGTH, rng=5)
floor = -recipe.new_world().log_prob(test_new).mean()
scratch = recipe.base(few[:200], n_steps=recipe.TUNING_STEPS // 3, seed=0)
with torch.no_grad():
    gap = (scratch.loss(test_new).item() - floor) / math.log(2)
check(
    "from scratch here = seed 0 as stored",
    gap,
    measured("from scratch", 200, 33)[0][0],
    atol=0.05,
)

# %%
base, full, thin = (measured("base", 0, 350), measured("all weights", 200),
    measured("rank 4", 200))  # fmt: skip
check("200 documents, 100 steps: rank 4 is ahead of all weights, each of three seeds",
    thin[0], full[0], relation="<=", control={"the base": base[0]})  # fmt: skip
early, late = measured("all weights", 200, 33)[0], measured("rank 4", 200, 300)[0]
check("all weights stopped after 33 steps are no worse than rank 4, within .03 bits",
    early, thin[0] + 0.03, relation="<=",
    control={"after 100 steps": full[0]})  # fmt: skip
check("after 300 steps rank 4 has lost over .2 bits again", late - thin[0], 0.2,
    relation=">=", control={"the spread of its seeds": np.ptp(thin[0])})  # fmt: skip
check("rank 16 is behind all weights after 100 steps, each of three seeds",
    measured("rank 16", 200)[0], full[0], relation=">=",
    control={"rank 4": thin[0]})  # fmt: skip
check("at the rate of all weights it is as good as rank 4, within .03 bits",
    measured("rank 16, rate 0.003", 200)[0], thin[0] + 0.03, relation="<=",
    control={"at LoRA's rate": measured("rank 16", 200)[0]})  # fmt: skip
many, alone = (measured(name, 4000)[0] for name in ("all weights", "from scratch"))
check("4000 documents: from scratch comes within .05 bits of fine-tuning", alone,
    many + 0.05, relation="<=",
    control={"200 documents": measured("from scratch", 200, 33)[0]})  # fmt: skip
check("both forget: over .2 bits further from the old floor than the base",
    np.concatenate([thin[1] - base[1], full[1] - base[1]]), 0.2, relation=">=",
    control={"the spread of the base's seeds": np.ptp(base[1])})  # fmt: skip

# %% [markdown]
# With 200 documents and 100 steps, a seventh of the numbers does better than all of them: all weights together memorise the documents. A thin update does so more slowly; more slowly, not never, as its 300 steps show. Is it the small rank that protects? Rank 16 at LoRA's rate of .01 is behind all weights, and at their rate of .003 it is as good as rank 4. So it is not the rank alone: few directions, a small rate and few steps each keep the model from going too far. If full fine-tuning is stopped in time, it gets as far as LoRA. With 4000 documents even the base is hardly worth having. So what LoRA saves here is not data but storage: a few thousand numbers per task, beside one base for all.
#
# It is often said that LoRA "does not forget". Here it forgets too: the new grammar replaces the old one, whichever weights hold it. What is true is something else. The base is still there, and without the adapter it answers as before, to the last digit.

# %%
adapted = alignment.with_lora(scratch, rank=4)
loras = [part for part in adapted.modules() if isinstance(part, alignment.LoRA)]
for lora in loras:
    lora.outward.data.normal_(std=0.1)  # as if it had been trained
before, after = scratch.logits(test_new[:50]), adapted.logits(test_new[:50])
for lora in loras:
    lora.outward.data.zero_()
check(
    "without its adapters the model is the base again",
    adapted.logits(test_new[:50]),
    before,
    control={"with them": after},
)

# %% [markdown] slide="slide" says="Nobody can write down what makes an answer good. Anybody can say which of two is better."
# ## 4 · What people like
#
# **Question.** A language model continues texts as its corpus would. People want *good* answers, and cannot say in a formula what that is. How does their opinion get into a loss?
#
# **A world with a known answer.** Texts of five letters from a, b, c, d, e: all 3125 can be listed. The corpus is one Markov chain. People like texts with many different letters, dislike doubled letters, and are fond of texts that end as they began; we call the sum their **taste**. The models never see it. They see what people *do*: texts that people wrote (**demonstrations**), and which of two texts they prefer.
#
# **Step 1, supervised fine-tuning:** 500 demonstrations, in which good texts are more frequent than in the corpus; 60 steps of maximum likelihood. The result is the **reference**. The control gets as many steps on as many texts of the corpus. Steps 0 to 2 are trained here, in a few seconds.

# %% tags=["nbval-ignore-output"]
first, reference, reward = recipe.reference_and_reward(seed=0)
texts = alignment.all_texts(recipe.LETTERS, recipe.TEXT)  # (3125, 5)


@torch.no_grad()
def listed(model):
    """log p of all texts, in double precision."""
    return alignment.all_log_probs(copy.deepcopy(model).double(), recipe.TEXT)


taste, log_first, log_ref = (
    recipe.taste(texts).double(),
    listed(first),
    listed(reference),
)
r = reward(texts).double()  # what was learned in step 2

# %%
check(
    "the reference's probabilities of all texts add up to 1",
    log_ref.exp().sum(),
    1,
    atol=1e-12,
)
corpus = data.markov_chains(n_states=recipe.LETTERS).follow(
    np.broadcast_to(recipe.language(), (500, 5, 5)), recipe.TEXT, rng=1)  # fmt: skip
on_corpus = recipe.tuned(first, torch.tensor(corpus), seed=0)
pretrained, demonstrated, continued = (
    log_p.exp() @ taste for log_p in (log_first, log_ref, listed(on_corpus))
)
print(
    f"mean taste: pre-trained ≈ {pretrained:.1f}, reference ≈ {demonstrated:.1f},"
    f" with the corpus instead ≈ {continued:.1f}, best text {taste.max():.0f}"
)  # fmt: skip
check(
    "demonstrations raise the mean taste by over .4",
    demonstrated - pretrained,
    0.4,
    relation=">=",
    control={"texts of the corpus": continued - pretrained},
)

# %% [markdown] slide="subslide"
# **Step 2, a reward model.** Bradley and Terry (1952): give each text $y$ a number $r(y)$, and let
#
# $$P(y \text{ beats } y') = \sigma\big(r(y) - r(y')\big), \qquad L = -\tfrac1n \sum \log \sigma\big(r(\text{better}) - r(\text{worse})\big).$$
#
# Since $\frac{d}{du}\log\sigma(u) = 1 - \sigma(u) = \sigma(-u)$, the gradient in $r(\text{better})$ is $-\frac1n\,\sigma\big(r(\text{worse}) - r(\text{better})\big)$: the probability that the model gave to the upset. Only differences enter, so **a constant changes nothing**, and no comparison can determine it. In InstructGPT people rank several answers, say D > C > A = B. Each pair of them is a comparison, except A and B: **a tie is no observation**, because the model has no such outcome. Enter it both ways and you have observed something else, that the chance is one half.

# %%
rng = torch.Generator().manual_seed(1)
better, worse = torch.randn(2, 6, generator=rng, dtype=torch.float64).requires_grad_()
loss = alignment.bradley_terry_loss(better, worse)
odds = better.exp() / (better.exp() + worse.exp())  # e^r : e^r', the same as sigma
check("Bradley-Terry by odds = coursekit", -odds.log().mean(), loss, atol=1e-14)
(gradient,) = torch.autograd.grad(loss, better)
check("its gradient is minus the chance of the upset, / n", gradient, -(1 - odds) / 6,
    atol=1e-14)  # fmt: skip
check("a constant changes nothing", alignment.bradley_terry_loss(better + 5, worse + 5),
    loss, atol=1e-13, control={"a factor": alignment.bradley_terry_loss(2 * better,
    2 * worse)})  # fmt: skip
ranking = {"D": 3, "C": 2, "A": 1, "B": 1}
pairs = [(a, b) for a in ranking for b in ranking if ranking[a] > ranking[b]]
check("comparisons in D > C > A = B, out of six pairs", len(pairs), 5)
a = torch.tensor([0.7, -0.7], dtype=torch.float64)  # r(A) - r(B), entered both ways
tie = alignment.bradley_terry_loss(a, torch.zeros(2).double())
check("a tie entered both ways costs least at equal rewards", math.log(2), tie,
    relation="<=", theorem="convexity of -log sigma")  # fmt: skip

# %% [markdown] slide="subslide"
# The reward model is the reference with its last layer replaced: one number, read off after the last letter. It was fitted to 4000 comparisons of texts that the reference wrote. People here are not consistent: they prefer $y$ with probability $\sigma$ of the difference in taste. So even taste itself has a loss, which no reward can beat on average.

# %%
a, b = recipe.comparisons(reference, 4000, seed=99)  # new ones
with torch.no_grad():
    ours = alignment.bradley_terry_loss(reward(a), reward(b)).item()
    floor = alignment.bradley_terry_loss(recipe.taste(a), recipe.taste(b)).item()
    usual = [reference.log_prob(texts).sum(1) for texts in (a, b)]
print(f"new comparisons: reward ≈ {ours:.2f} nats, taste itself ≈ {floor:.2f},"
    f" a coin {math.log(2):.2f}")  # fmt: skip
p = log_ref.exp()
centred, centred_taste = r - p @ r, taste - p @ taste
norm = ((p @ centred**2) * (p @ centred_taste**2)).sqrt()
correlation = (p @ (centred * centred_taste) / norm).item()
uniform = np.corrcoef(r, taste)[0, 1]
print(f"correlation with taste: ≈ {correlation:.2f} where the reference writes, "
    f"≈ {uniform:.2f} over all texts alike")  # fmt: skip
check("the reward is nearer to taste's loss than to a coin's", ours,
    (floor + math.log(2)) / 2, relation="<=",
    control={"log p of the reference": alignment.bradley_terry_loss(*usual)}
    )  # fmt: skip
check("correlation with taste over .65 where the reference writes", correlation, 0.65,
    relation=">=", control={"over all texts alike": uniform})  # fmt: skip
title = "learned from what the reference writes, and so less sure elsewhere"
figure = pictures.rewards(taste.numpy(), r.numpy(), p.numpy(), title=title)
plots.show(figure,
    alt="Learned reward over people's taste, a dot for each of the 3125 texts, larger "
    "where the reference writes it more often. Dots rise to the right; small dots "
    "scatter more than large ones.")  # fmt: skip

# %% [markdown]
# Large dots are texts that the reference writes often; they lie in a band that rises with taste. Small dots were hardly ever compared. A policy that maximises this reward should stay where it is trusted. That is the next section.

# %% [markdown] slide="slide" says="Earn reward, but do not run away. One line of algebra says what the best compromise is."
# ## 5 · The best policy has a formula
#
# **Question.** Given a reward $r$ and a reference $\rho$, what should the model do? As a writer of texts it is now called a **policy** $\pi$. The objective of the deck's third step (Ziegler et al. 2019) is
#
# $$J(\pi) = \mathbb E_\pi\, r(y) - \beta\, \mathrm{KL}(\pi \,\Vert\, \rho) .$$
#
# **Derivation.** Write the divergence out, take $\beta$ in front, and put the reward into the logarithm:
#
# $$J(\pi) = \mathbb E_\pi \Big[ r - \beta \log \frac{\pi}{\rho} \Big] = -\beta\, \mathbb E_\pi \log \frac{\pi}{\rho\, e^{r/\beta}} .$$
#
# The denominator is not a distribution, but it is one after division by $Z = \sum_y \rho(y)\, e^{r(y)/\beta}$. Call it $\pi^* = \rho\, e^{r/\beta} / Z$. Then $\rho\, e^{r/\beta} = Z \pi^*$, and
#
# $$J(\pi) = \beta \log Z - \beta\, \mathrm{KL}(\pi \,\Vert\, \pi^*) .$$
#
# A divergence is never negative, and zero only for $\pi = \pi^*$. So **$\pi^*$ is the best policy, $J^* = \beta \log Z$ its objective, and whatever any other policy lacks is exactly $\beta$ times its divergence from it.**

# %%
beta = recipe.BETA
log_Z = (log_ref + r / beta).logsumexp(0)
log_best = log_ref + r / beta - log_Z
check("pi* by hand = coursekit", log_best, alignment.optimal_policy(log_ref, r, beta),
    atol=1e-12)  # fmt: skip


def J(log_pi):
    return alignment.objective(log_pi, log_ref, r, beta)


check("J(pi*) = beta log Z", J(log_best), beta * log_Z, atol=1e-12)
rng = torch.Generator().manual_seed(2)
others = torch.randn(200, len(texts), generator=rng, dtype=torch.float64).log_softmax(1)
kl = (others.exp() * (others - log_best)).sum(1)
check("200 random policies: J* - J(pi) = beta KL(pi || pi*)", J(log_best) - J(others),
    beta * kl, atol=1e-11)  # fmt: skip
moved = alignment.optimal_policy(log_ref, r + 7, beta)
check("a constant in the reward does not move pi*", moved, log_best, atol=1e-11)
top = log_best.topk(8).indices
names = ["".join("abcde"[i] for i in text) for text in texts[top]]
policies = [("reference", log_ref[top].exp(), "noise"),
    ("best policy", log_best[top].exp(), "model")]  # fmt: skip
figure = pictures.texts_of(names, policies,
    title="the best policy turns up what was good and already possible")  # fmt: skip
plots.show(figure,
    alt="Bars of the eight likeliest texts under the best policy, beside their "
    "probability under the reference, which is much smaller; all of them end with "
    "the letter they begin with or nearly all letters differ.")  # fmt: skip

# %% [markdown] slide="subslide"
# **Direct preference optimisation.** Read the formula backwards: $r(y) = \beta \log \frac{\pi^*(y)}{\rho(y)} + \beta \log Z$. In Bradley and Terry's loss the constant cancels. So one can skip the reward model and fit the policy to the comparisons directly, with $\beta \log \frac{\pi(y)}{\rho(y)}$ instead of $r$ (Rafailov et al. 2023).

# %%
implied = beta * (log_best - log_ref)
constant = r - implied
check(
    "r - beta log(pi* / reference) is a constant, beta log Z",
    constant,
    beta * log_Z,
    atol=1e-11,
)
i, j = torch.randint(len(texts), (2, 500), generator=rng)
log_ratio = log_best - log_ref
check(
    "DPO's loss at pi* = Bradley-Terry's loss of r",
    alignment.dpo_loss(log_ratio[i], log_ratio[j], beta),
    alignment.bradley_terry_loss(r[i], r[j]),
    atol=1e-13,
)

# %% [markdown] slide="subslide"
# **Best of $n$** needs no training: let the reference write $n$ texts and hand over the one with the highest reward. If $F(r)$ is the probability that a text of the reference has a reward of at most $r$, all $n$ stay at or below $r$ with probability $F(r)^n$. So a text with reward $r$ (no ties) is handed over with probability $F(r)^n - F(r^-)^n$, where $F(r^-)$ leaves the text itself out. Its divergence from the reference is at most $\log n - \frac{n-1}{n}$ (Beirami et al. 2024), whatever the reward. And it cannot be ahead of $\pi^*$ at equal divergence: where $\mathrm{KL}(\pi \,\Vert\, \rho)$ is the same, a larger mean reward would be a larger $J$.

# %%
order = r.argsort()
F = log_ref.exp()[order].cumsum(0)
by_hand = torch.empty_like(r)
by_hand[order] = F**4 - torch.cat([torch.zeros(1), F[:-1]]) ** 4
check("best of 4 by hand = coursekit", by_hand,
    alignment.best_of_n(log_ref, r, 4).exp(), atol=1e-12)  # fmt: skip
by_beta, by_draws = explorers.landscape(log_ref, r, taste)
n = np.array(explorers.DRAWS)
check("KL of best-of-n is at most log n - (n - 1) / n", by_draws[:, 0],
    np.log(n) - (n - 1) / n + 1e-12, relation="<=",
    theorem="Beirami et al. 2024")  # fmt: skip
for each, (spent, gained, _) in list(zip(n, by_draws, strict=True))[1:7]:
    low, high = 1e-3, 100.0  # find the beta that spends as much
    for _ in range(60):
        middle = math.sqrt(low * high)
        log_pi = alignment.optimal_policy(log_ref, r, middle)
        more = (log_pi.exp() * (log_pi - log_ref)).sum() > spent
        low, high = (middle, high) if more else (low, middle)
    best = (log_pi.exp() @ r).item()
    print(f"best of {each:2}: ≈ {spent:.1f} nats, reward ≈ {gained:.2f};"
        f" best policy ≈ {best:.2f}")  # fmt: skip
    check("   no better than the best policy of that divergence", gained, best,
        relation="<=", theorem="the optimality of pi*")  # fmt: skip

# %% [markdown] slide="subslide"
# **Predict before you run:** turn $\beta$ down, from 3 to a hundredth. What do the learned reward and people's taste do?
#
# <details><summary>Answer</summary>
# The learned reward can only rise: that is what is maximised. Taste rises with it at first. Later it need not, for the last gains come from texts whose reward is wrong. How much that matters depends on the reward model; section 9 has one that fails.
# </details>

# %% tags=["nbval-ignore-output"]
explorers.beta_explorer(log_ref, r, taste)

# %%
from functools import partial

from coursekit import widgets

widgets.static_frames(
    partial(explorers.beta_frame, by_beta, by_draws),
    [{"beta": 2.0, "n": 2}, {"beta": 0.3, "n": 16}, {"beta": 0.01, "n": 256}],
    alt="Three positions of the explorer: reward and taste over the divergence, "
    "a dot at beta on the line of best policies, a square at the best of n. At beta 2 "
    "and n = 2 both are low, at 0.3 and 16 high; further on hardly anything is gained.",
)
check(
    "the learned reward rises as beta falls",
    np.diff(by_beta[:, 1]),
    0,
    relation=">=",
    theorem="d E r / d(1/beta) = variance of r under pi*",
)

# %% [markdown]
# $\beta$ is a temperature: $\pi^* \propto \rho\, e^{r/\beta}$ is the reference, tilted. The square of best-of-$n$ lies on the line or just below it, for this reward almost on it.

# %% [markdown] slide="slide" says="If you could list all texts, you would be done. With real texts you cannot, so you write some, judge them, and take a careful step."
# ## 6 · PPO, beside the optimum
#
# **Question.** Real texts cannot be listed. How is the policy found from samples?
#
# Write texts, judge them, and make what turned out well more likely. With the **advantage** $A$, by how much a token did better than expected by a **critic** (a network that estimates the reward still to come), and the ratio $w = \pi_{\text{new}} / \pi_{\text{old}}$ of its probabilities after and before the step, **PPO** (Schulman et al. 2017) maximises
#
# $$\min\big(w A,\ \mathrm{clip}(w, 1 - c, 1 + c)\, A\big).$$
#
# The clip makes a step careful. Once a good token's probability has risen by the factor $1 + c$, there is no gradient left; nor for a bad one below $1 - c$. In the other direction there is: an overshoot is taken back. At $w = 1$ the gradient is $A\, \nabla \log \pi$, the plain policy gradient.


# %%
def ppo_by_hand(log_ratio, advantage, c=0.2):
    """Minus the clipped objective, mean over tokens, in plain Python."""
    total = 0.0
    for log_w, A in zip(log_ratio, advantage, strict=True):
        w = math.exp(log_w)
        total += min(w * A, min(max(w, 1 - c), 1 + c) * A)
    return -total / len(log_ratio)


rng = torch.Generator().manual_seed(3)
log_w, A = torch.randn(2, 50, generator=rng,
    dtype=torch.float64) * torch.tensor([[0.3], [1.0]])  # fmt: skip
log_w.requires_grad_()
loss = alignment.ppo_loss(log_w, A)
check("the clipped loss by hand = coursekit", ppo_by_hand(log_w.tolist(), A.tolist()),
    loss, atol=1e-14)  # fmt: skip
(gradient,) = torch.autograd.grad(loss, log_w)
stopped = ((log_w.exp() > 1.2) & (A > 0)) | ((log_w.exp() < 0.8) & (A < 0))
plain = -log_w.exp().detach() * A / 50
expected = torch.where(stopped, 0.0, plain)
check("no gradient where the step has gone far enough, the plain one elsewhere",
    gradient, expected, atol=1e-14, control={"without the clip": plain})  # fmt: skip
w = torch.linspace(0.4, 1.8, 141).double()
objectives = [torch.minimum(w * s, w.clamp(0.8, 1.2) * s) for s in (1.0, -1.0)]
figure = pictures.clipped(w, objectives, ["a good token, A = 1", "a bad token, A = -1"])
plots.show(figure,
    alt="The clipped objective over the ratio. For a good token it rises up to 1.2 and "
    "is flat beyond; for a bad one it is flat below 0.8 and falls beyond.")  # fmt: skip

# %% [markdown] slide="subslide"
# Each token pays $\beta \log \frac{\pi}{\rho}$ as it is written, and the last one earns the reward. The critic starts as a copy of the reward model. We add one thing, **annealing** of the penalty: the penalty is heavy at first, and $1/\beta$ grows from near zero to its value over the first 60 % of the rounds. Section 9 compares it with a fixed penalty.
#
# 60 rounds of 512 texts. Before every second round we list all texts, and ask how far the policy still is from the optimum.

# %% tags=["nbval-ignore-output"]
moments, rounds = [], list(range(0, 61, 2))
recipe.ppo(reference, reward, seed=0,
    on_round=lambda i, policy: moments.append(copy.deepcopy(policy)))  # fmt: skip
path = torch.stack([listed(moments[i]) for i in rounds])  # (31, 3125)
climb, best = J(path), J(log_best)
to_best = (path.exp() * (path - log_best)).sum(1)
for i in range(0, 31, 3):
    print(
        f"round {rounds[i]:2}: J {climb[i]:.3f}, J* - J {best - climb[i]:.4f},"
        f" beta KL {beta * to_best[i]:.4f}"
    )  # fmt: skip

# %%
check(
    "J* - J = beta KL(policy || best), before every second round and at the end",
    best - climb,
    beta * to_best,
    atol=1e-9,
)
figure = pictures.climb(rounds, climb.numpy(), best.item(), climb[0].item())
plots.show(
    figure,
    alt="The objective over the rounds of PPO: it starts at the reference's, climbs "
    "steeply for half of the rounds, and ends just below the dotted line of the "
    "best possible value.",
)

# %%
runs = data.results("alignment_policy")
print(runs)
share, ablation = (
    runs.column("share", model=name) for name in ("PPO", "PPO, beta fixed")
)  # fmt: skip
here = ((climb[-1] - climb[0]) / (best - climb[0])).item()
check("seed 0, made here: over 94 % of the way", here, 0.94, relation=">=",
    control={"beta fixed": ablation})  # fmt: skip
print(
    f"share of J* - J(reference): {share.mean():.2f} on average,"
    f" {share.min():.2f} at least;"
    f" {runs.column('seconds', model='PPO').mean():.0f} CPU-seconds each"
)  # fmt: skip
check(
    "on average over 95 % of the way to the optimum",
    share.mean(),
    0.95,
    relation=">=",
    control={"beta fixed": ablation},
)
check(
    "none of three seeds below 93 %",
    share,
    0.93,
    relation=">=",
    control={"beta fixed": ablation},
)

# %% [markdown] slide="subslide"
# The height of the grey area is the divergence from the best policy, times $\beta$: not a bound on what is missing but all of it. Here is what people think of each policy. DPO saw the same 4000 comparisons. It never sees the learned reward, so compare it by taste and by divergence.

# %%
for name in ("pretrained", "reference", "PPO", "optimum", "DPO",
             "DPO, three times the steps"):  # fmt: skip
    keys = ("taste", "kl", "seconds")
    liked, spent, seconds = (runs.column(key, model=name).mean() for key in keys)
    print(f"{name:27} taste {liked:.2f}, KL from the reference {spent:.2f} nats,"
        f" {seconds:.0f} CPU-seconds")  # fmt: skip
liked = {name: runs.column("taste", model=name) for name in ("reference", "PPO", "DPO")}
check("PPO raises taste by over 1.5, each of three seeds",
    liked["PPO"] - liked["reference"], 1.5, relation=">=",
    control={"DPO": liked["DPO"] - liked["reference"]})  # fmt: skip
missing = [np.abs(runs.column("taste", model=name)
    - runs.column("taste", model="optimum"))
    for name in ("DPO, three times the steps", "DPO")]  # fmt: skip
check("DPO, three times the steps: within .3 of the best policy's taste, each seed",
    missing[0], 0.3, relation="<=", control={"DPO": missing[1]})  # fmt: skip
bars = {"reference": (log_ref, "noise"), "PPO": (path[-1], "model")}
bars["best policy"] = log_best, "data"
policies = [(name, log_p[top].exp(), color) for name, (log_p, color) in bars.items()]
title = "PPO finds the texts of the best policy, nearly in its proportions"
figure = pictures.texts_of(names, policies, title=title)
plots.show(figure,
    alt="Bars of the eight likeliest texts of the best policy: the reference's are "
    "tiny, PPO's are of similar height as the best policy's.")  # fmt: skip

# %% [markdown]
# People like PPO's texts even a little better than those of the best policy. That is no mistake: it has gone further from the reference than the objective wants, and $J$ counts what it spent. DPO after 200 steps has come less than half of the way. With three times the steps, which takes a little longer than PPO, it comes close to the best policy in taste and in divergence, without a reward model, a critic, or a text written by the policy.

# %% [markdown] slide="subslide"
# **"My KL is negative."** Users of such programs report it again and again. From a text $y$ that the policy wrote, the divergence is estimated by $k_1 = \log\frac{\pi(y)}{\rho(y)}$. Its mean is $\mathrm{KL}(\pi \,\Vert\, \rho)$, but it is negative for every text that the reference finds likelier than the policy does. So a batch may have a negative mean, and nothing is wrong. Schulman (2020) adds a term of mean zero, $\frac{\rho}{\pi} - 1$:
#
# $$k_3 = \frac{\rho(y)}{\pi(y)} - 1 + \log\frac{\pi(y)}{\rho(y)} \ge 0, \qquad \text{since } \log u \le u - 1 \text{ at } u = \rho/\pi .$$

# %%
under_way = path[rounds.index(20)]
k1, k3 = alignment.kl_estimates(under_way, log_ref)
p = under_way.exp()
kl = (p * (under_way - log_ref)).sum()
check("the mean of k1 is the divergence", p @ k1, kl, atol=1e-12)
check("so is the mean of k3", p @ k3, kl, atol=1e-10)
check("k3 is never negative", k3, 0, relation=">=", theorem="log u <= u - 1")
check(
    "k1 is negative for over a tenth of what the policy writes",
    p[k1 < 0].sum(),
    0.1,
    relation=">=",
    control={"the best policy": log_best[log_best < log_ref].exp().sum()},
)

# %%
figure = pictures.estimates((k1.numpy(), k3.numpy()), p.numpy(), kl.item())
plots.show(
    figure,
    alt="Two histograms of estimates from single texts with the same mean, dotted. k1 "
    "has a red part below zero, k3 has none.",
)
spreads = []
for log_pi in (path[rounds.index(4)], under_way):  # near the reference, far from it
    mean = (log_pi.exp() * (log_pi - log_ref)).sum()
    both = alignment.kl_estimates(log_pi, log_ref)
    spread = [(log_pi.exp() @ (each - mean) ** 2).sqrt().item() for each in both]
    spreads.append(spread[1] / spread[0])
check(
    "near the reference k3 has a smaller standard deviation than k1",
    spreads[0],
    1,
    relation="<=",
    control={"far from it": spreads[1]},
)

# %% [markdown]
# Near the reference the added term cancels most of the noise, and $k_3$ is the less noisy one. Far from it, as in the picture, a few texts with a huge ratio $\rho/\pi$ make it the noisier of the two.

# %% [markdown] slide="slide" says="It does not know? Let it look it up. But who says that it finds the right page?"
# ## 7 · Look it up first
#
# **Question.** A model cannot know what was written yesterday. *Retrieval-augmented generation* fetches documents first and answers with them in the prompt. When does that pay?
#
# **Formula.** With documents $z$, a question $x$ and an answer $y$ (Lewis et al. 2020),
#
# $$p(y \mid x) = \sum_z p(z \mid x)\, p(y \mid x, z), \qquad p(z \mid x) \propto p(z)\, p(x \mid z) .$$
#
# **A world with a known answer.** Thirty authors, each a Markov chain of section 1. The library holds one document of 200 states by each. A question is the beginning of a new text by one of them, and the answer its next six states. The reader is Bayes' rule itself: it starts its counts with those of the document. **The search** scores by an inner product: the question's transition counts with the logarithms of a document's estimated matrix. That is $\sum_{ij} n_{ij} \log \hat\theta_{ij}$, the log-likelihood of the question.

# %%
_, matrices = chains.sample(30, 2, rng=1)
library = chains.counts(chains.follow(matrices, 200, rng=2))  # (30, 4, 4)
author = np.random.default_rng(3).integers(30, size=2000)
keys = np.log((library + 1) / (library + 1).sum(2, keepdims=True)).reshape(30, 16)
asked = chains.follow(matrices[author], 46, rng=4)


def by_document(n_seen):
    """log p(question | z) and log p(answer | question, z), each (2000, 30)."""
    text = asked[:, 40 - n_seen :]
    each = np.stack([chains.log_prob(text, before=counts) for counts in library],
        axis=1)  # fmt: skip
    return torch.tensor(each[..., :n_seen].sum(2)), torch.tensor(each[...,
        n_seen:].sum(2))  # fmt: skip


log_x, log_y = by_document(10)
queries = chains.counts(asked[:, 30:40]).reshape(-1, 16)
found, scores = alignment.retrieve(queries, keys, k=5)
brute = np.argsort(-(queries @ keys.T), axis=1, kind="stable")[:, :5]
check("the search = sorting all scores", scores,
    np.take_along_axis(queries @ keys.T, brute, 1), atol=1e-10)  # fmt: skip
mixed = alignment.mixed_answer(log_x, log_y)
by_hand = (log_x.softmax(1) * log_y.exp()).sum(1).log()
check("p(y | x) by adding up all thirty documents = coursekit", mixed, by_hand,
    atol=1e-12)  # fmt: skip

# %%
lengths, rate, results = (3, 5, 10, 20, 40), [], {}
rows, other = np.arange(2000), (author + 7) % 30
for n_seen in lengths:
    log_x, log_y = by_document(n_seen)
    none = chains.log_prob(asked[:, 40 - n_seen :])[:, n_seen:].sum(1)
    queries = chains.counts(asked[:, 40 - n_seen : 40]).reshape(-1, 16)
    found, _ = alignment.retrieve(queries, keys, k=5)
    rate.append((found[:, 0].numpy() == author).mean())
    missing = log_x.clone()
    missing[rows, author] = -math.inf  # as if the library lacked that document
    answers = {
        "no document": none,
        "the author's own": log_y[rows, author],
        "another author's": log_y[rows, other],
        "the first hit": log_y[rows, found[:, 0]],
        "all, mixed": alignment.mixed_answer(log_x, log_y),
        "mixed, author missing": alignment.mixed_answer(missing, log_y),
    }
    answers["five hits, mixed"] = alignment.mixed_answer(
        log_x.gather(1, found), log_y.gather(1, found)
    )  # fmt: skip
    for name, log_p in answers.items():
        results.setdefault(name, []).append(-float(np.asarray(log_p).mean()) / 6)
print("states asked:", lengths, " right document first:", np.round(rate, 2))
for name, values in results.items():
    print(f"{name:21}", np.round(values, 2), "nats per state")

# %%
colors = {"no document": "data", "another author's": "wrong", "the first hit": "latent",
    "all, mixed": "model", "mixed, author missing": "model",
    "the author's own": "critic"}  # fmt: skip
curves = [(name, np.array(results[name]), color, "--" if "missing" in name else "-")
    for name, color in colors.items()]  # fmt: skip
title = "a mixture pays if the right document is there; one alone if it is found"
figure = pictures.lines(np.array(lengths), curves, xlabel="states of the question",
    ylabel="nats per state of the answer", spread=0.065, ylim=(1.0, 1.65),
    title=title)  # fmt: skip
plots.show(figure,
    alt="Nats per state of the answer over the length of the question. Another "
    "author's document is worst, the author's own best. The first hit "
    "starts worse than none and crosses it; the mixture of all is below no document "
    "everywhere, and above it, dashed, if the author's own is missing.")  # fmt: skip
none, own, other, one = (np.array(results[name]) for name in list(results)[:4])
check("a wrong document hurts: over .1 nats, at each length", other, none + 0.1,
    relation=">=", control={"the author's own": own})  # fmt: skip
check("at 5 states the first hit is worse than none", one[1], none[1], relation=">=",
    control={"all, mixed": results["all, mixed"][1]})  # fmt: skip
check("the mixture of all is never behind reading nothing",
    results["all, mixed"] - none, 0, relation="<=",
    control={"the first hit, at its worst": (one - none).max()})  # fmt: skip
check("but it is, at each length, if the right document is missing",
    results["mixed, author missing"], none + 0.01, relation=">=",
    control={"with it": results["all, mixed"]})  # fmt: skip
needed = (other - none) / (other - own)
print("hit rate from which one document pays, if a miss is a random one:",
    needed.round(2))  # fmt: skip

# %% [markdown] slide="subslide"
# If a search is right with probability $h$, reading what it finds costs $h\,\ell_{\text{own}} + (1 - h)\,\ell_{\text{other}}$, which is below $\ell_{\text{none}}$ if and only if $h > (\ell_{\text{other}} - \ell_{\text{none}}) / (\ell_{\text{other}} - \ell_{\text{own}})$. That is the printed line: about .6, and more for longer questions, which need a document less. (A miss of the search is milder than a random one: it at least fits the question.) The mixture does not need this rule, because it *knows* when it does not know: its weights are spread over many documents, and together they are as good as none.
#
# But it knows only what its formula knows. The sum runs over thirty authors, so it takes for granted that one of them wrote the question. Remove the right document (the dashed line), and the mixture is worse than reading nothing, at every length.
#
# **WebGPT** (Nakano et al. 2021) lets the model choose its own searches: it is given a text browser, its commands are tokens like any others, it is tuned on demonstrations of people browsing, and then by a reward model and best-of-$n$, the methods of sections 4 and 5. What it adds to retrieval is that the query is an action which can be learned, and that answers quote their sources so that people can judge them.
#
# **Self-reflection** (Shinn et al. 2023; Madaan et al. 2023) lets the model criticise its answer in words and try again, with the criticism in the prompt. In our terms that is a second look-up with more data, section 1, and a choice among drafts, section 5. It can only help as far as judging is easier than writing, or as far as the outside world (a test, a compiler) answers. A model that cannot tell its good drafts from its bad ones gains nothing by choosing.

# %% [markdown] slide="slide" says="What is different about the real ones? Mostly the exponents."
# ## 8 · Scale, and experts
#
# **Question.** The deck speaks of 175 billion parameters and of 1.4 trillion tokens. What do such numbers mean?
#
# **Parameters.** A block of width $w$ has four matrices of attention, $4 w^2$, and two of the perceptron, $8 w^2$. So $n$ blocks have about $12\, n\, w^2$; norms and biases add $9 w$ each, words and positions their tables.


# %%
def parameters(n_words, context, width, n_layers):
    """Numbers in a GPT of notebook 07."""
    tables = n_words * width + (context + 1) * width
    blocks = n_layers * (12 * width**2 + 9 * width)
    return tables + blocks + 2 * width + (width + 1) * n_words


ours = sum(p.numel() for p in reader.parameters())
check("counted = by the formula", ours, parameters(4, recipe.LENGTH, 32, 2))
gpt3 = 12 * 96 * 12288**2  # 96 blocks of width 12 288
check("GPT-3's blocks make up its 175 billion, within 1 %", gpt3, 175e9, rtol=0.01)
read = recipe.READING_STEPS[0] * 64 * recipe.LENGTH
print(f"the reader of section 1: {ours} parameters, {read / 1e6:.1f} million tokens")
names, sizes = (
    ["the reader", "GPT-3", "Gopher", "Chinchilla"],
    [ours, 175e9, 280e9, 70e9],
)
figure = pictures.sizes(names, sizes, [read, 300e9, 300e9, 1.4e12])
plots.show(
    figure,
    alt="Parameters and tokens of four models on logarithmic axes: this notebook's "
    "reader at the lower left; GPT-3 and Gopher below the line of twenty tokens per "
    "parameter, Chinchilla on it.",
)

# %% [markdown] slide="subslide"
# **Computing.** A parameter costs one multiplication and one addition per token on the way forward, and twice as much on the way back: $C \approx 6 N D$ operations for $N$ parameters and $D$ tokens. At given $C$, how should it be divided? Hoffmann et al. (2022) measured that both should grow in proportion, about 20 tokens per parameter: "70B + 1.4T tokens", with which Chinchilla was ahead of Gopher, a model four times its size that had read less.

# %%
cost = {"the reader": 6 * ours * read, "GPT-3": 6 * 175e9 * 300e9}
cost |= {"Gopher": 6 * 280e9 * 300e9, "Chinchilla": 6 * 70e9 * 1.4e12}
for name, operations in cost.items():
    years = operations / 1e11 / 3.15e7  # a core with 10^11 operations per second
    print(
        f"{name:11} {operations:.0e} operations,"
        f" {years:.0e} years of one core at 10^11 per second"
    )  # fmt: skip
check("Chinchilla read 20 tokens per parameter", 1.4e12 / 70e9, 20, rtol=1e-9)
check(
    "and cost about as much as Gopher, within a fifth",
    cost["Chinchilla"],
    cost["Gopher"],
    rtol=0.2,
)

# %% [markdown]
# **What a laptop cannot show.** Three claims we take from the papers: that the loss goes on falling as a power of $C$ over eight decades; that few-shot learning carries over to tasks nobody trained for; that people prefer a small aligned model to a large one that is not (Ouyang et al. 2022: 1.3 against 175 billion parameters). What could be checked here are the mechanisms.

# %% [markdown] slide="subslide"
# **Mixture of experts** (which the deck ascribes to GPT-4): many perceptrons, of which each token uses one or two. A **router** gives probabilities $p = \mathrm{softmax}(W x)$; the $k$ likeliest experts compute, and $y = \sum_e p_e\, f_e(x)$ over these. All parameters count for what can be stored, only $k$ experts for the cost. The trouble is the **load**: an expert that is chosen more learns more, and is chosen more still. Fedus et al. (2022) add
#
# $$\text{balance} = n \sum_e f_e P_e, \qquad f_e \text{ the share of tokens sent to } e,\quad P_e \text{ the mean of } p_e,$$
#
# which is 1 for an even load and $n$ if one expert gets everything. A test: tokens of eight kinds, each to be multiplied by a matrix of its own; eight experts, of which each token uses one. Three seeds at 300 steps and at three times as many are stored; seed 0 without the term is trained again here.

# %% tags=["nbval-ignore-output"]
penalties = {"without": 0.0, "with": 0.5}
unbalanced = recipe.routed(penalties["without"], seed=0)
x, _ = recipe.kinds(2000, rng=5)

# %%
moe = alignment.MixtureOfExperts(8, 3, k=3, n_hidden=16).double()
tokens = x[:20].double()
p = moe.router(tokens).softmax(1)
dense = sum(p[:, e, None] * expert(tokens) for e, expert in enumerate(moe.experts))
check(
    "with k = all, the layer is the weighted sum of all experts",
    moe(tokens),
    dense,
    atol=1e-12,
)
even, one = torch.full((8, 8), 1 / 8), torch.eye(8)[:1].repeat(8, 1)
balance = [
    alignment.load_balance(even, torch.arange(8)[:, None]),
    alignment.load_balance(one, torch.zeros(8, 1, dtype=torch.int64)),
]
check(
    "balance: 1 for an even load, 8 if one expert gets all",
    balance,
    [1.0, 8.0],
    atol=1e-6,
)

# %%
experts = data.results("alignment_experts")
print(experts)
here = 8 * np.bincount(unbalanced.route(x)[1][:, 0]).max() / len(x)
stored = experts.column("largest", weight=0, steps=300, seed=0)[0]
check("seed 0 here = as stored: largest load, in even shares", here, stored, atol=0.3)
loads = [experts.arrays[f"loads, weight {weight:g}, 300 steps"][0]
    for weight in penalties.values()]  # fmt: skip
figure = pictures.loads(
    loads,
    ["without the balance term", "with it"],
    suptitle="a router left alone overloads some experts and forgets others (seed 0)",
)
plots.show(figure,
    alt="Share of tokens of eight experts. Without the balance term some experts get "
    "several times an even share and others none; with it all are near the even "
    "share.")  # fmt: skip
for n_steps in (300, 900):
    most = {}
    for name, weight in penalties.items():
        where = {"weight": weight, "steps": n_steps}
        most[name], unused, missed = (
            experts.column(key, **where)
            for key in ("largest", "unused", "missed"))  # fmt: skip
        print(f"{n_steps} steps, {name} it: largest load", most[name].round(1),
            "even shares, experts unused", unused)  # fmt: skip
        print("    share of the variance missed", missed.round(2))
    check(f"{n_steps} steps: with the term no expert has over 1.5 even shares, 3 seeds",
        most["with"], 1.5, relation="<=",
        control={"without it": most["without"]})  # fmt: skip

# %% [markdown]
# Left alone, the router leaves three or four of its eight experts unused, and a run of three times the steps leaves no fewer: an expert that is never chosen learns nothing. With the term all eight work, and the share of the variance that is missed falls by more than a third.

# %% [markdown] slide="slide" says="You get what you reward. Not what you meant."
# ## 9 · What goes wrong
#
# **The reward is gamed.** A reward model from 500 comparisons instead of 4000, and the best policy for it, for each $\beta$. No training of the policy is involved, so nothing can be blamed on PPO. Then the same with three times the comparisons, and as many passes over them. Six seeds each, because what a small $\beta$ finds depends on single texts, and scatters. (The bar of the check was chosen on six other seeds, 10 to 15.)

# %%
limits = data.results("alignment_limits")
print(limits)
few, more = (
    np.array([limits.arrays[f"curve_{n}_{seed}"] for seed in range(6)], dtype=float)
    for n in (500, 1500)
)  # fmt: skip
names = ["taste", *[""] * 5]
curves = [
    (name, *table[:, [0, 2]].T, "data", "-")
    for name, table in zip(names, few, strict=True)
]  # fmt: skip
curves.append(("learned, mean", *few.mean(0)[:, :2].T, "wrong", "-"))
figure = pictures.frontier(
    curves, title="the learned reward goes on rising, taste need not (500 comparisons)"
)
plots.show(
    figure,
    alt="Reward over the divergence from the reference. The learned reward, in red "
    "and averaged over the six, rises all the way. Six dark curves of taste, one per "
    "reward model, rise by different amounts, and some fall steeply at the end.",
)

# %%
for n, tables in ((500, few), (1500, more)):
    taste_curves = tables[:, :, 2]  # (6, betas), from large betas to small ones
    print(
        f"{n} comparisons, six reward models: taste at beta = 3, at its peak, at 0.01"
    )  # fmt: skip
    for values in (taste_curves[:, 0], taste_curves.max(1), taste_curves[:, -1]):
        print("  ", values.round(1))
learned = np.concatenate([few, more])[:, :, 1]
check(
    "the learned reward rises along every curve",
    np.diff(learned),
    -1e-6,
    relation=">=",
    theorem="d E r / d(1/beta) = variance of r under pi*",
)
mild = limits.arrays["betas"] >= 0.1
lost, lost_before = (
    values.max(1) - values[:, -1] for values in (few[:, :, 2], few[:, mild, 2])
)  # fmt: skip
print("500 comparisons, taste lost since its peak: at beta = 0.1", lost_before.round(1))
print("at beta = 0.01", lost.round(1))
check(
    "500 comparisons: for two of six, taste falls by over 0.5 from its peak",
    np.sort(lost)[-2],
    0.5,
    relation=">=",
    control={"down to beta = 0.1": np.sort(lost_before)[-2]},
)

# %% [markdown]
# This is Goodhart's law with both sides visible: a measure that becomes a target ceases to be a good measure. At first what is learned and what is meant rise together. Then the policy reaches texts that the reference hardly ever wrote, of which no comparison said anything, and goes wherever the reward happens to be highest. That may be a good text, by luck, or one that people dislike. Three times the comparisons raise the peaks; at the smallest $\beta$ luck decides with them too. In practice only the red curve can be seen (Gao et al. 2022). The divergence penalty is what keeps the policy in the part where the two agree.

# %% [markdown] slide="subslide"
# **PPO gives up too early.** If $\beta$ has its final value from the first round on, PPO is fast, but ends some way short of the optimum. Is it short of time? We give it three times the rounds. What is missing in $J$ is again a divergence, which then has a plain meaning: for a policy that is $\pi^*$ restricted to a set of probability $m$, $\mathrm{KL} = -\log m$.

# %%
variants = ("PPO, beta fixed", "PPO, beta fixed, three times the rounds", "PPO")
fixed, longer, ours = (runs.column("share", model=name) for name in variants)
for name, values in zip(variants, (fixed, longer, ours), strict=True):
    print(f"{name:39} {values.mean():.2f} of the way, each seed {values.round(3)}")
print("made up by time:", ((longer - fixed) / (ours - fixed)).round(2))
check("annealing gets further by over .02, each of three seeds", ours - fixed, 0.02,
    relation=">=", control={"the spread of fixed seeds": np.ptp(fixed)})  # fmt: skip
check("in a third of the rounds it gets further than a fixed beta, each of three seeds",
    ours, longer, relation=">=", control={"beta fixed": fixed})  # fmt: skip
covered = np.exp(-runs.column("to_best", model="PPO, beta fixed"))
print("beta fixed: as far off as pi* restricted to this share:", covered.round(2))
some = log_best.argsort(descending=True)[:5]
restricted = log_best[some].log_softmax(0)
check(
    "KL of pi* restricted to five texts = -log of their probability",
    (restricted.exp() * (restricted - log_best[some])).sum(),
    -log_best[some].logsumexp(0),
    atol=1e-12,
)

# %% [markdown]
# Time is a part of the answer: it makes up for a quarter of the difference with one seed, for about nine tenths with the two others. Yet annealing gets further in a third of the rounds. What does it keep?
#
# A first guess is rare texts: one that the reference writes less than once in a thousand is hardly ever seen, and common ones are rewarded long before. Let a text count as *given up* if the best policy writes it over ten times as often as PPO does. We add up the probability of such texts under $\pi^*$, and of the rare ones among them.

# %%
gone, rare = (
    {name: runs.column(key, model=name) for name in variants}
    for key in ("given_up", "given_up_rare")
)  # fmt: skip
for name in variants:
    print(f"{name:39} gives up {gone[name].mean():.2f} of the best policy,"
        f" {rare[name].mean():.2f} in rare texts")  # fmt: skip
all_rare = log_best[log_ref < -math.log(1000)].exp().sum().item()
print(f"all rare texts hold ≈ {all_rare:.2f} of the best policy (seed 0)")
check("annealed, each seed gives up less than .4 of what it does with beta fixed",
    gone["PPO"] / gone["PPO, beta fixed"], 0.4, relation="<=",
    control={"three times the rounds": gone[variants[1]] / gone[variants[0]]}
    )  # fmt: skip
check("seed 0, beta fixed: over half of the rare texts is given up, by probability",
    rare["PPO, beta fixed"][0] / all_rare, 0.5, relation=">=",
    control={"annealed": rare["PPO"][0] / all_rare})  # fmt: skip

# %% [markdown]
# The guess is right as far as it goes: with $\beta$ fixed, most of what the rare texts hold is given up. But they are only half of what is missing. The other half are common texts. At the start each of them turns up in every second round on average, or more often, and it is lost all the same. Why, these numbers do not tell.

# %% [markdown] slide="slide"
# ## 10 · Summary
#
# | Claim | Where it was checked | Code in [`alignment`](../coursekit/alignment/policy.py) |
# | --- | --- | --- |
# | a prompt is data: two blocks read it within .005 nats of Bayes' rule, one does not | section 1 | `data.markov_chains`, `recipe.reader` |
# | steps written down can each be learned; ten at once were not, with ten times the steps either | section 2 | `recipe.walks` |
# | exact match is a product: it leaps where the likelihood climbs | section 2 | |
# | LoRA merged = LoRA beside; a seventh of the numbers memorises 200 documents more slowly than all of them; both forget | section 3 | `LoRA`, `with_lora` |
# | Bradley-Terry sees differences only; a tie is no observation | section 4 | `bradley_terry_loss`, `RewardModel` |
# | $\pi^* \propto \rho\, e^{r/\beta}$, and $J^* - J(\pi) = \beta\,\mathrm{KL}(\pi \Vert \pi^*)$ | sections 5, 6 | `optimal_policy`, `objective` |
# | DPO is Bradley-Terry with the policy's own reward; best-of-$n$ by order statistics | section 5 | `dpo_loss`, `best_of_n` |
# | PPO goes 95 % of the way on average, none of three seeds under 93 % | section 6 | `ppo_loss`, `recipe.ppo` |
# | $k_1$ and $k_3$ both have the mean KL; only $k_1$ is ever negative | section 6 | `kl_estimates` |
# | one retrieved document pays above a hit rate; a wrong one hurts; a mixture pays if the right one is in it | section 7 | `retrieve`, `mixed_answer` |
# | $12 n w^2$ parameters, $6 N D$ operations; a router needs a balance term | section 8 | `MixtureOfExperts`, `load_balance` |
# | a reward from few comparisons is gamed | section 9 | |
#
# ### Five questions
#
# <details><summary>1. Why can no amount of training put the answer to a new prompt of section 1 into the weights?</summary>
# Each sequence has a matrix of its own, drawn after training. The weights can hold the rule for finding it out, and no more.
# </details>
#
# <details><summary>2. Somebody adds 10 to all rewards before PPO. What changes?</summary>
# Neither the best policy nor any difference of objectives: J and J* both rise by 10.
# </details>
#
# <details><summary>3. After PPO the learned reward has doubled. What else do you want to see?</summary>
# The divergence from the reference, and what people think of new texts: the learned reward rises in any case.
# </details>
#
# <details><summary>4. Your log shows KL = -0.03 for a batch. A bug?</summary>
# Not by itself: k1 is negative for single texts, and a batch mean may be. Average over more texts, or use k3.
# </details>
#
# <details><summary>5. Retrieval finds the right document in 40 % of the cases. Should the model read the first hit?</summary>
# In the world of section 7 no: from about .6 on it pays. Reading several and mixing by their probabilities is safer, if the right one is among them.
# </details>
#
# **Homework:** [`hw18_alignment`](homework/release/hw18_alignment/hw18_alignment.ipynb): the gradient of comparisons, a clipped objective, the best policy and DPO's identity, best-of-$n$, and a leak to find. [Solutions](../notebooks/homework/source/hw18_alignment/hw18_alignment.ipynb) are in a folder of their own.
#
# **References.** R. Bradley and M. Terry (1952), *Rank analysis of incomplete block designs*. J. Schulman et al. (2016), *High-dimensional continuous control using generalized advantage estimation*; (2017), *Proximal policy optimization algorithms*. D. Ziegler et al. (2019), *Fine-tuning language models from human preferences*. P. Lewis et al. (2020), *Retrieval-augmented generation for knowledge-intensive NLP tasks*. T. Brown et al. (2020), *Language models are few-shot learners*. J. Schulman (2020), *Approximating KL divergence*. R. Nakano et al. (2021), *WebGPT*. L. Ouyang et al. (2022), *Training language models to follow instructions with human feedback*. J. Wei et al. (2022), *Chain-of-thought prompting elicits reasoning in large language models*; *Emergent abilities of large language models*. E. Hu et al. (2022), *LoRA: low-rank adaptation of large language models*. C. Olsson et al. (2022), *In-context learning and induction heads*. J. Hoffmann et al. (2022), *Training compute-optimal large language models*. W. Fedus, B. Zoph and N. Shazeer (2022), *Switch transformers*. L. Gao, J. Schulman and J. Hilton (2022), *Scaling laws for reward model overoptimization*. R. Rafailov et al. (2023), *Direct preference optimization*. R. Schaeffer, B. Miranda and S. Koyejo (2023), *Are emergent abilities of large language models a mirage?* N. Shinn et al. (2023), *Reflexion*. A. Madaan et al. (2023), *Self-refine*. A. Beirami et al. (2024), *Theoretical guarantees on the best-of-n alignment policy*.
