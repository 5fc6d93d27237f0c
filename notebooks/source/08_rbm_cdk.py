# ---
# jupyter:
#   coursekit:
#     cpu_seconds: 60
#     minutes: 120
# ---

# %% [markdown] slide="slide"
# # 08 · Boltzmann machines: a landscape in which likely pictures lie low
#
# **After this notebook you can** write down an energy and turn it into a probability, say why the general Boltzmann machine is hard and what the restriction buys, derive the free energy and the two phases of the gradient, program a Gibbs step and a CD-k update, measure how wrong CD-k is, and judge a machine whose normalising sum nobody can compute.
#
# **Time:** two hours to work through; it runs in under a minute. **You need:** the logistic function, conditional probability, a gradient. **It follows** the Boltzmann machine lecture of the generative models deck.
#
# The trick of this notebook is to stay small. A machine with 12 visible and 8 hidden units can be enumerated: its likelihood, its gradient, the bias of every shortcut are *known*, not guessed. Only in section 8 we let go of that hand rail.

# %%
import numpy as np
import torch

from coursekit import data, plots, rbm
from coursekit.checks import check

torch.set_default_dtype(torch.float64)
torch.manual_seed(8)
plots.use_course_style()

# %% [markdown] slide="slide" says="A small world: pictures of 3 × 4 pixels, black or white. Nature only ever shows whole columns or whole rows, *bars and stripes*."
# ## 1 · How do you write down a probability for every picture?
#
# Here is a small world: pictures of 3 × 4 pixels, black or white. Nature only ever shows whole columns or whole rows. They are called *bars and stripes*.


# %%
def bars_and_stripes(height, width):
    """Every picture of whole rows or of whole columns, once: (2^height + 2^width - 2, height * width)."""
    rows = rbm.all_states(height).repeat_interleave(width, dim=1)
    columns = rbm.all_states(width).repeat(1, height)
    return torch.unique(torch.cat([rows, columns]), dim=0)


x = bars_and_stripes(3, 4)
print(f"{len(x)} pictures that occur, of {2 ** x.shape[1]} that are possible")

# %%
from coursekit.rbm import pictures

strips = [("what nature shows", x), ("what 12 coins show", torch.randint(0, 2, x.shape))]
plots.show(
    pictures.picture_rows(strips, (3, 4), n_columns=11),
    alt="Above, 22 pictures of whole black rows or columns; below, 22 pictures of coin flips: no order, but one happens to be two whole columns.",
)

# %% [markdown]
# **Question.** We want a function that gives each of the 4096 pictures a probability: high for these 22, low for the rest. The numbers must be positive and add up to one. How do we get such a function without a table of 4096 rows?
#
# **The everyday picture.** Rain on a landscape ends up in the valleys. So draw any landscape you like: a height for each picture, its **energy** $E(x)$, positive or negative. Then let probability gather where it is low:
#
# $$p(x) = \frac{e^{-E(x)}}{Z}, \qquad Z = \sum_{x'} e^{-E(x')} .$$
#
# This is the *Boltzmann distribution*. The exponential makes everything positive, the **partition function** $Z$ makes everything add up to one. An energy may be any function at all, and that is the freedom we were after.

# %% [markdown] slide="subslide"
# **The Boltzmann machine** takes the smallest landscape in which units can influence each other. Each unit $x_i$ is 0 or 1, has a bias $c_i$, and shares a coupling $W_{ij}$ with each other unit:
#
# $$E(x) = -x^\top W x - c^\top x, \qquad W = W^\top,\; W_{ii} = 0 .$$
#
# A positive coupling lowers the energy when both units are on: the two like each other. Four units give 16 states, few enough to write out.

# %%
machine = rbm.BoltzmannMachine(4).requires_grad_(False)
machine.weight.data, machine.bias.data = torch.randn(4, 4), torch.randn(4)
W, c = machine.couplings(), machine.bias  # W is symmetric, its diagonal 0
states = rbm.all_states(4)  # (16, 4)
energy = torch.stack([-(s @ W @ s) - c @ s for s in states])
p = torch.exp(-energy) / torch.exp(-energy).sum()
check("energy by hand = coursekit", energy, machine.energy(states), atol=1e-12)
check("log p by hand = coursekit", p.log(), machine.log_prob(states), atol=1e-12)

# %% [markdown]
# **One unit, all others given.** Compare the two states that differ only in unit $i$. In $x^\top W x$ every pair stands twice, once as $ij$ and once as $ji$, so switching unit $i$ on lowers the energy by $2 W_i x + c_i$, where $W_i$ is row $i$. The partition function cancels:
#
# $$p(x_i = 1 \mid \text{rest}) = \frac{e^{-E(\text{on})}}{e^{-E(\text{on})} + e^{-E(\text{off})}} = \sigma(2\, W_i x + c_i), \qquad \sigma(a) = \frac1{1 + e^{-a}} .$$
#
# A neuron of logistic regression, grown out of an energy. Mind the 2. Some books write $-\frac12 x^\top W x$, and then it goes away; mixing one book's energy with the other's neuron is the classic slip, so we measure what it costs.

# %%
eye = torch.eye(4)
on, off = torch.maximum(states[:, None], eye), states[:, None] * (1 - eye)  # (16, 4, 4): unit i is 1 or 0
high, low = torch.exp(-machine.energy(on)), torch.exp(-machine.energy(off))
p_on, rule = high / (high + low), torch.sigmoid(2 * states @ W + c)  # (16, 4)
check("p(x_i = 1 | rest) = sigmoid(2 W_i x + c_i)", p_on, rule, atol=1e-12)
gap = (p_on - torch.sigmoid(states @ W + c)).abs().max()
check("without the 2 some conditional is off by more than 0.1", gap, 0.1, relation=">=")

# %% [markdown] slide="subslide"
# **Why it is hard.** $Z$ has one term for every picture there could be.

# %%
for side in (2, 3, 4, 8, 28):
    n = side * side
    years = 2.0**n / 1e9 / 3.15e7
    print(f"{side:2} x {side:2} pixels: {2.0**n:8.1e} pictures, at a billion a second {years:8.1e} years")

# %% [markdown]
# The conditional of one unit needs no $Z$, so we could *walk*: redraw one unit after another, given all others. But each unit waits for its neighbours, and between two valleys such a walk takes ages. Against the waiting there is a remedy: forbid most couplings. (The valleys we meet again in section 7.)

# %% [markdown] slide="slide" says=""
# ## 2 · Forbid the couplings within a layer
#
# Split the units in two. The **visible** units $v$ are the pixels (the deck writes $x$ for them). The **hidden** units $h$ belong to nobody's data; they are detectors which the machine invents. Couplings run only across.

# %% [markdown] says="The **visible** units $v$ are the pixels. The **hidden** units $h$ belong to nobody's data; they are detectors which the machine invents. The energy of the **restricted Boltzmann machine** (RBM) is"
# The energy of the **restricted Boltzmann machine** (RBM) is
#
# $$E(v, h) = -h^\top W v - c^\top v - b^\top h ,$$
#
# with $W$ of shape (hidden, visible), $c$ the visible and $b$ the hidden biases. No symmetric matrix here, each pair stands once, and so there will be no 2.
#
# The smallest interesting one has two visible and two hidden units: 16 states, a whole landscape on one page.

# %%
plots.show(
    pictures.two_graphs(),
    alt="Left, eight units, each joined to every other. Right, five visible below three hidden, joined across only.",
)

small = rbm.RBM(2, 2).requires_grad_(False)
small.weight.data = torch.tensor([[3.0, -2.0], [-1.0, 2.5]])
small.visible_bias.data, small.hidden_bias.data = torch.tensor([-0.5, 0.2]), torch.tensor([-1.0, -0.8])
W, c, b = small.weight, small.visible_bias, small.hidden_bias
pairs, names = rbm.all_states(2), ["00", "01", "10", "11"]
energy = -pairs @ W.T @ pairs.T - (pairs @ c)[:, None] - pairs @ b  # row: v, column: h
joint = torch.exp(-energy) / torch.exp(-energy).sum()
everything = pairs.repeat_interleave(4, 0), pairs.repeat(4, 1)
check("energy by hand = coursekit", energy.flatten(), small.energy(*everything), atol=1e-12)
plots.show(
    pictures.energy_landscape(energy.numpy(), joint.numpy(), names),
    alt="Tables of energies and of probabilities for four visible by four hidden states. The lowest energies, with "
    "visible 10 and hidden 10, and visible 01 and hidden 01, have the largest probabilities.",
)

# %% [markdown]
# The dark cells on the left are the blue cells on the right. The first hidden unit likes $v = 10$, the second likes $v = 01$: each has become the detector of a picture.
#
# **What the restriction buys.** Given $v$, the energy is a sum of terms with one $h_j$ each. So $p(h \mid v)$ is a product: **the hidden units are independent of each other once $v$ is known**, and all of them can be drawn in one go,
#
# $$p(h_j = 1 \mid v) = \sigma(b_j + W_j v), \qquad p(v_i = 1 \mid h) = \sigma(c_i + (W^\top h)_i) .$$
#
# <details><summary><b>Predict before you run:</b> are the two hidden units also independent when we do not look at v?</summary>
#
# No. Each likes another picture, and there is only one picture at a time: when one is on, the other tends to be off. The hidden units are rivals, and v is what they argue about.
# </details>

# %%
given_v = joint / joint.sum(1, keepdim=True)
given_h = joint.T / joint.T.sum(1, keepdim=True)
check("p(h_j = 1 | v) = sigmoid(b_j + W_j v)", given_v @ pairs, torch.sigmoid(b + pairs @ W.T), atol=1e-14)
check("p(v_i = 1 | h) = sigmoid(c_i + (W'h)_i)", given_h @ pairs, torch.sigmoid(c + pairs @ W), atol=1e-14)
check("given v, p(h = 11) is a product", given_v[:, 3], (given_v @ pairs).prod(1), atol=1e-14)
p_h = joint.sum(0)
check("without v it is not: the two avoid each other", p_h[3] - (p_h @ pairs).prod(), -0.02, relation="<=")

# %% [markdown] slide="slide"
# ## 3 · Free energy: the hidden units, summed out
#
# **Question.** We only see $v$. Its probability is $p(v) = \sum_h e^{-E(v,h)} / Z$, a sum over all hidden states. Is that hopeless again?
#
# $Z$ is, but the sum on top is not, for the same reason. It runs over each $h_j$ separately, and each has two terms: off gives 1, on gives $e^{b_j + W_j v}$.
#
# $$\sum_h e^{-E(v,h)} = e^{c^\top v} \prod_j \bigl(1 + e^{\,b_j + W_j v}\bigr) .$$
#
# Its negative logarithm is the **free energy**, and $p(v) = e^{-F(v)} / Z$:
#
# $$F(v) = -c^\top v - \sum_j \operatorname{softplus}(b_j + W_j v), \qquad \operatorname{softplus}(a) = \log(1 + e^a) .$$
#
# Energies and logarithms are counted in *nats*, the unit that belongs to the natural logarithm.


# %%
def random_machine(n_visible, n_hidden):
    """A machine whose parameters are all standard normal."""
    machine = rbm.RBM(n_visible, n_hidden).requires_grad_(False)
    for parameter in machine.parameters():
        parameter.data = torch.randn_like(parameter)
    return machine


medium = random_machine(5, 3)
v, h = rbm.all_states(5), rbm.all_states(3)
logits = v @ medium.weight.T + medium.hidden_bias
free = -v @ medium.visible_bias - torch.log1p(torch.exp(logits)).sum(1)
table = torch.stack([-medium.energy(v, state.expand(32, -1)) for state in h], dim=1)  # (32, 8)
check("F(v) = -log of the sum over all h", free, -torch.logsumexp(table, 1), atol=1e-12)
check("free energy by hand = coursekit", free, medium.free_energy(v), atol=1e-12)

# %%
parts = torch.stack([-pairs @ c, *(-torch.log1p(torch.exp(pairs @ W.T + b))).T], dim=1)
check("the bars add up to the free energy", parts.sum(1), small.free_energy(pairs), atol=1e-12)
check("no hidden unit ever raises it", parts[:, 1:], 0.0, relation="<=")
plots.show(
    pictures.free_energy_parts(names, parts.numpy(), ["$-c'v$", "first hidden unit", "second hidden unit"]),
    alt="Bars for the four visible states: the bias, what each hidden unit takes away, and their sum.",
)

# %% [markdown]
# A hidden unit that recognises nothing adds almost zero; one that recognises the picture digs a valley there. Because contributions *add* in the energy, probabilities *multiply*: an RBM is a *product of experts*. Each factor $1 + e^{b_j + W_j v}$ is at least 1, so these experts praise and never veto. A picture becomes rare when others are praised more.
#
# The same game can be played from the other side, with the visible units summed out. That gives $Z$ two ways, over all $v$ or over all $h$, and we may take the shorter one: $2^3$ terms here in place of $2^5$.

# %%
over_v = torch.logsumexp(-medium.free_energy(v), 0)
over_h = torch.logsumexp(-medium.hidden_free_energy(h), 0)
check("log Z over v = log Z over h", over_v, over_h, atol=1e-12)
check("and both = the sum over all pairs", over_v, torch.logsumexp(table.flatten(), 0), atol=1e-12)
check("p(v) of coursekit adds up to 1", medium.log_prob(v).exp().sum(), 1.0, atol=1e-12)
wide = random_machine(40, 3)  # over all v these would be 2^40 terms
over_h = torch.logsumexp(-wide.hidden_free_energy(h), 0)
check("coursekit takes the shorter way", wide.log_partition(), over_h, atol=1e-12)

# %% [markdown] slide="slide"
# ## 4 · Let the machine dream: the Gibbs chain
#
# **Question.** How do we draw a picture from $p(v)$ when $Z$ is out of reach?
#
# Ask the two layers in turn. *Which detectors fire for this picture? Which picture would make these detectors fire?* Each half is one line, because the units of a layer are independent of each other once the other layer is known. That is one **Gibbs step** $v \to h \to v'$.


# %% tags=["slide-code"]
def gibbs_step(machine, v):
    p_h = torch.sigmoid(v @ machine.weight.T + machine.hidden_bias)
    h = (torch.rand(p_h.shape) < p_h).double()
    p_v = torch.sigmoid(h @ machine.weight + machine.visible_bias)
    return (torch.rand(p_v.shape) < p_v).double()


torch.manual_seed(1)
by_hand = gibbs_step(medium, v)
torch.manual_seed(1)
check("one Gibbs step by hand = coursekit, bit for bit", by_hand, medium.gibbs_step(v))

# %% [markdown] slide="subslide" says="One step is a table $K(v, v') = \\sum_h p(h \\mid v)\\, p(v' \\mid h)$. As many walkers go from $v$ to $v'$ as come back (**detailed balance**), so the crowd as a whole stays as it is:"
# **Why does this end at $p(v)$?** Write the step as a table $K(v, v') = \sum_h p(h \mid v)\, p(v' \mid h)$, the *transition matrix*. Suppose many walkers are spread according to $p$. The flow from $v$ to $v'$ is
#
# $$p(v)\,K(v, v') = \sum_h \frac{p(v, h)\, p(v', h)}{p(h)} ,$$
#
# and the right side does not change when $v$ and $v'$ swap places. As many walkers go there as come back, so the crowd as a whole stays as it is. This is **detailed balance**. And since no entry of $K$ is 0, every crowd, wherever it starts, comes to look like $p$ in the end.
#
# One often reads that the Gibbs chain has it. Careful: the step $v \to v'$ has. The *joint sweep* $(v, h) \to (v', h')$, first $h'$ given $v$, then $v'$ given $h'$, leaves $p(v, h)$ as it is too, but not pair by pair.

# %%
walker = random_machine(4, 3)
h_given_v, v_given_h = walker.gibbs_tables()  # (16, 8) and (8, 16)
p = walker.log_prob(states).exp()
step = h_given_v @ v_given_h  # K(v, v'), (16, 16)
flow = p[:, None] * step
joint = (p[:, None] * h_given_v).flatten()  # all 128 pairs (v, h)
sweep = torch.einsum("vk,ku->vuk", h_given_v, v_given_h)[:, None].expand(-1, 8, -1, -1).reshape(128, 128)
joint_flow = joint[:, None] * sweep
check("v -> v' is in detailed balance", flow, flow.T, atol=1e-14)
check("100 steps from any state: p", torch.linalg.matrix_power(step, 100), p.expand(16, -1), atol=1e-9)
check("the joint sweep keeps p(v, h)", joint_flow.sum(0), joint, atol=1e-14)
imbalance = (joint_flow - joint_flow.T).abs().max() / joint_flow.max()
check("but some flow there differs from the flow back", imbalance, 0.05, relation=">=")
plots.show(
    pictures.there_and_back(flow.numpy(), joint_flow.numpy()),
    alt="Two scatter plots of the flow from one state to another against the flow back. For the visible chain all "
    "dots lie on the diagonal, for the joint sweep they are scattered around it.",
)

# %% [markdown]
# On the left every pair lies on the diagonal. On the right few do: there the crowd circulates, like cars on a roundabout. The number of cars on each stretch is constant all the same.
#
# Now let 400 walkers take 600 steps. The first 100 are thrown away, since the walkers remember their start. Steps of one walker resemble each other, so the standard error comes from the 400 walkers, which are independent.

# %% slide="skip"
walk, visits = torch.randint(0, 2, (400, 4)).double(), torch.zeros(400, 16)
powers = torch.tensor([8.0, 4.0, 2.0, 1.0])
for step in range(600):
    walk = walker.gibbs_step(walk)
    if step >= 100:
        visits[torch.arange(400), (walk @ powers).long()] += 1 / 500
measured, error = visits.mean(0), visits.std(0) / 400**0.5
check("share of time in each state = p(v)", measured, p, se=error)
distance = (measured - p).abs().sum() / 2
chance = (2 / np.pi) ** 0.5 * error.sum() / 2  # the mean of |noise| is sqrt(2 / pi) of its spread
check("total variation to p is at most twice what chance makes", distance, 2 * chance, relation="<=")
names = ["".join(f"{s:.0f}" for s in state) for state in states]
plots.show(
    pictures.visits(p.numpy(), measured.numpy(), error.numpy(), names),
    alt="Bars of the exact probabilities of sixteen visible states, and on top of each bar a dot with a short error "
    "bar: the share of time that the walkers spent there.",
)

# %% [markdown] slide="slide"
# ## 5 · Learning: two phases
#
# **Question.** Which way should $W$, $c$ and $b$ move so that the data become more probable?
#
# Take $\log p(v) = -F(v) - \log Z$ and differentiate by any parameter $\theta$. The first term is easy. The second, $-\partial \log Z / \partial\theta$, turns out to be an average over the machine's own dreams:
#
# $$\frac{\partial \log p(v)}{\partial \theta} = -\frac{\partial F(v)}{\partial \theta} + \sum_{v'} p(v')\, \frac{\partial F(v')}{\partial \theta} .$$
#
# The first part is the **positive phase**: it lowers the free energy at the data. The second is the **negative phase**: it raises the free energy where the machine dreams. The names speak of what happens to the *probability*, up or down; the signs in front of the two terms are the other way round, which has confused generations of students.
#
# When data and dreams have the same averages, the two phases cancel and learning ends. With $\partial F / \partial W_{ji} = -p(h_j = 1 \mid v)\, v_i$ and its relatives, the gradient of the mean over the data reads
#
# $$W: \; \mathbb E_{\text{data}}[h v^\top] - \mathbb E_{\text{model}}[h v^\top], \qquad c: \; \mathbb E_{\text{data}}[v] - \mathbb E_{\text{model}}[v], \qquad b: \; \mathbb E_{\text{data}}[h] - \mathbb E_{\text{model}}[h] .$$
#
# Three ways to compute it: these rules with all $2^{12}$ pictures; automatic differentiation of the exact log-likelihood, which knows nothing of phases; and the package.

# %%
probe, everything = random_machine(12, 8), rbm.all_states(12)
p = probe.log_prob(everything).exp()  # (4096,)
h_data, h_model = (torch.sigmoid(s @ probe.weight.T + probe.hidden_bias) for s in (x, everything))
rules = {
    "weight": h_data.T @ x / len(x) - (p[:, None] * h_model).T @ everything,
    "visible_bias": x.mean(0) - p @ everything,
    "hidden_bias": h_data.mean(0) - p @ h_model,
}
exact = probe.exact_gradient(x)
probe.requires_grad_(True).log_prob(x).mean().backward()
for name, parameter in probe.named_parameters():
    check(
        f"{name}: the rules = autograd of the exact log-likelihood", rules[name], parameter.grad, atol=1e-12
    )
    check(f"{name}: the rules = coursekit", rules[name], exact[name], atol=1e-12)

# %% [markdown] slide="subslide"
# To see the two phases at work, take pictures of 2 × 2 pixels. Let the data be the four pictures with one whole row or column, start from a random machine, and make 400 steps along the exact gradient.

# %%
learner = random_machine(4, 5)
seen = torch.tensor([[1.0, 1, 0, 0], [0, 0, 1, 1], [1, 0, 1, 0], [0, 1, 0, 1]])
before = -learner.log_prob(states)
for _ in range(400):
    for name, direction in learner.exact_gradient(seen).items():
        getattr(learner, name).data += 0.5 * direction
after = -learner.log_prob(states)
is_data = (states[:, None] == seen).all(2).any(1)
favourite = torch.where(is_data, torch.inf, before).argmin()  # of all that are no data
check(
    "the data became more probable, in the mean", after[is_data].mean(), before[is_data].mean(), relation="<="
)
level = after[is_data].max() - after[is_data].min()
check("the four end at the same level, to a tenth of a nat", level, 0.1, relation="<=")
check(
    "the favourite dream that is no data became less so", after[favourite], before[favourite], relation=">="
)
plots.show(
    pictures.two_phases(before.numpy(), after.numpy(), is_data.numpy(), states.numpy(), (2, 2)),
    alt="Sixteen small pictures in the order of their minus log probability, each with an arrow from before to after "
    "400 steps. The four pictures of the data sink to one level, the machine's former favourites rise.",
)

# %% [markdown]
# The data sink to about the same level, and what the machine used to dream of is pushed up. In the negative phase each dream counts as much as it is frequent, $p(v')$; but all pictures share the same weights, so even a rare dream may be carried along, up or down. A picture of which the machine never dreams adds nothing to the negative phase; remember that for section 7.

# %% [markdown] slide="slide"
# ## 6 · Contrastive divergence
#
# **Question.** The positive phase is cheap. The negative phase needs samples of the model, that is, a Gibbs chain run until it forgets its start, *for every update*. Who can afford that?
#
# Hinton's shortcut (2002): **start the chain at the data, make $k$ steps, and stop.** Often $k = 1$. If the machine were perfect, the chain would not drift at all. If it is not, its first steps already show *in which direction* the machine wants to run away from the data, and that is where the landscape has to be raised.
#
# For an example $v$ with hidden probabilities $\hat h(v) = \sigma(b + W v)$ and the state $\tilde v$ of its chain after $k$ steps, the lecture's update rules with learning rate $\epsilon$ are
#
# $$W \leftarrow W + \epsilon\,\bigl(\hat h(v)\, v^\top - \hat h(\tilde v)\, \tilde v^\top\bigr), \qquad c \leftarrow c + \epsilon\,(v - \tilde v), \qquad b \leftarrow b + \epsilon\,\bigl(\hat h(v) - \hat h(\tilde v)\bigr) .$$
#
# The expectation over all dreams has become a *point estimate*: one dream an example. Inside the chain $h$ must be drawn as bits; at the two ends its probability stands in for the bits, which has the same mean and less noise.


# %% tags=["slide-code"]
def cd1(machine, v):
    """The direction of one CD-1 update, averaged over the examples v (n, n_visible)."""
    p_h = torch.sigmoid(v @ machine.weight.T + machine.hidden_bias)
    h = (torch.rand(p_h.shape) < p_h).double()
    p_v = torch.sigmoid(h @ machine.weight + machine.visible_bias)
    v1 = (torch.rand(p_v.shape) < p_v).double()
    p_h1 = torch.sigmoid(v1 @ machine.weight.T + machine.hidden_bias)
    weight = (p_h.T @ v - p_h1.T @ v1) / len(v)
    return {"weight": weight, "visible_bias": (v - v1).mean(0), "hidden_bias": (p_h - p_h1).mean(0)}


probe.requires_grad_(False)
torch.manual_seed(2)
by_hand = cd1(probe, x)
torch.manual_seed(2)
theirs, _ = probe.cd_gradient(x, k=1)
for name in by_hand:
    check(f"{name}: CD-1 by hand = coursekit", by_hand[name], theirs[name], atol=1e-14)

# %% [markdown]
# CD-k is random. On a small machine we can say what it is *on average*: carry the whole distribution of the chain through $k$ transition tables in place of one walker. That is `expected_cd_gradient`, and 2000 runs of the random one must agree with it.


# %%
def flat(gradient):
    return torch.cat([gradient[name].flatten() for name in ("weight", "visible_bias", "hidden_bias")])


expected = flat(probe.expected_cd_gradient(x, k=2))
draws = torch.stack([flat(probe.cd_gradient(x, k=2)[0]) for _ in range(2000)])
error = draws.std(0) / 2000**0.5
check("mean of 2000 CD-2 gradients = the expected one", draws.mean(0), expected, se=error)
gap = ((flat(exact) - draws.mean(0)) / error).abs().max()
check("it is not the exact gradient: off by over 20 standard errors", gap, 20.0, relation=">=")

# %% [markdown]
# So CD-k is an unbiased estimate of something, but not of the gradient. Section 7 asks how much that matters. First, does it learn at all?
#
# A well-known variant is **persistent CD** (PCD): the chains do not restart at the data, they go on where the last update left them. The weights change little from one update to the next, so a chain that was nearly right stays nearly right, and over thousands of updates it walks far. The cost is nearly the same: one Gibbs step a chain.
#
# `fit_contrastive` makes such updates with the *momentum* that is usual: half of the last step is added to the new one, which doubles the stride in the long run.

# %% tags=["nbval-ignore-output"]
from coursekit import training


def train(number, *, chains_each=4, **options):
    """A 12 x 8 machine after contrastive learning, its curve of (step, exact mean log p), and the history."""
    torch.manual_seed(number)
    machine, curve = rbm.RBM(12, 8), []

    def note(step, machine, _):
        if step % 100 == 0 or step == 1:
            curve.append((step, machine.log_prob(x).mean().item()))

    data_of_step = x.repeat(chains_each, 1)  # every update sees all pictures
    options |= {"batch_size": len(data_of_step), "seed": number, "centring": False, "device": "cpu"}
    options = {"n_steps": 2000, "learning_rate": 0.2} | options
    history = training.fit_contrastive(machine, data_of_step, on_step=note, **options)
    return machine.requires_grad_(False), np.array(curve), history


by_cd = [train(number) for number in range(3)]
by_pcd = [train(number, persistent=True) for number in range(3)]
for name, runs in (("CD-1", by_cd), ("PCD-1", by_pcd)):
    ends = np.array([curve[-1, 1] for _, curve, _ in runs])
    print(
        f"{name:5} ends at {ends.mean():.2f} nats, spread {ends.std(ddof=1):.2f}, three seeds:", ends.round(2)
    )

# %%
best = -np.log(len(x))  # all probability on the 22 pictures, evenly
cd, pcd = (np.array([curve[:, 1] for _, curve, _ in runs]) for runs in (by_cd, by_pcd))
check("no run beats the best possible mean log p", np.concatenate([cd, pcd]), best, relation="<=")
check("PCD-1 ends at least 0.1 nats higher in the mean", (pcd - cd)[:, -1].mean(), 0.1, relation=">=")
plots.show(
    pictures.likelihood_curves(by_cd[0][1][:, 0], cd, pcd, best),
    alt="Exact mean log-likelihood over the updates: CD-1 and PCD-1 rise together, PCD-1 ends higher.",
)

# %% [markdown]
# Both learn, at first equally fast. Then CD-1 *stops improving*, well below the best value $-\log 22$ (all probability on the 22 pictures, evenly). The persistent runs are nervous as long as the learning rate is large, and end higher. The number of chains, of updates and of Gibbs steps was the same, and the learning rate fell linearly to zero in both. Persistent chains need that: section 10 shows what happens if it does not fall.
#
# What has the machine learned? Its dreams, after 2000 Gibbs steps each, and its weights, from the first persistent run:

# %%
learned = by_pcd[0][0]
mass = learned.log_prob(x).exp().sum()
check("between a half and nine tenths of its probability lie on the 22 pictures", mass, 0.7, atol=0.2)
dreams = pictures.picture_rows([("22 dreams", learned.sample(22, n_steps=2000))], (3, 4), n_columns=11)
plots.show(
    [dreams, pictures.filters(learned.weight.numpy(), (3, 4), title="the weights of the eight hidden units")],
    alt="Twenty-two dreams: most are whole rows or columns, several have one or a few wrong pixels. Below, eight pictures of weights, some with a column or a row of one colour.",
)

# %% [markdown]
# Nobody mentioned rows or columns. A dark red column reads "this column on", a dark blue one "off". A dream is the product of such opinions. A good part of the dreams has a wrong pixel or a few: 116 numbers are not quite enough for the world of stripes, or learning has not found the right ones.

# %% [markdown] slide="slide"
# ## 7 · How wrong is CD-k?
#
# **Question.** Is CD-k a little wrong or badly wrong, and does a larger $k$ mend it?
#
# On this machine we can measure it. The exact gradient is an arrow with 116 entries, the expected CD-k gradient is another. We compare their **direction**, by the cosine of the angle between them, and their **length**.
#
# <details><summary><b>Predict before you run:</b> when is CD-1 better, at the start of learning or at its end?</summary>
#
# At the start. Fresh weights are small, so all units are nearly independent coins, and one Gibbs step forgets everything: the chain is at its goal after a single step. Later the weights are large, valleys are deep, and a chain that starts in a data valley stays there.
# </details>

# %%
ks = [1, 2, 3, 5, 10, 20]


def bias(machine):
    """Cosine and ratio of lengths of the expected CD-k gradient and the exact one, each (len(ks),)."""
    exact = flat(machine.exact_gradient(x))
    estimates = torch.stack([flat(machine.expected_cd_gradient(x, k=k)) for k in ks])
    return estimates @ exact / estimates.norm(dim=1) / exact.norm(), estimates.norm(dim=1) / exact.norm()


fresh = [rbm.RBM(12, 8).requires_grad_(False) for _ in range(3)]
early = torch.stack([torch.stack(bias(machine)) for machine in fresh])  # (seed, cosine or length, k)
late = torch.stack([torch.stack(bias(machine)) for machine, *_ in by_cd])
check("early: the direction is right for every k", early[:, 0], 0.999, relation=">=")
check("early: and so is the length", early[:, 1], 1.0, atol=0.01)
check("late: the direction of CD-1 is useless", late[:, 0, 0], 0.3, relation="<=")
check("late: and hardly anything is left of its length", late[:, 1, 0], 0.15, relation="<=")
check("late: 20 steps point the right way, roughly", late[:, 0, -1], 0.7, relation=">=")
check("late: and even they are much too short", late[:, 1, -1], 0.75, relation="<=")
check("late: every further step makes the arrow longer", late[:, 1].diff(dim=1), 0.0, relation=">=")
groups = [("early", "model", *early.numpy().swapaxes(0, 1)), ("late", "wrong", *late.numpy().swapaxes(0, 1))]
plots.show(
    pictures.cd_bias(ks, groups),
    alt="Cosine and relative length of the expected CD-k gradient against k from 1 to 20. Early both are one for every "
    "k. Late the cosine rises from about zero to above 0.9 and the length from under 0.1 to about 0.6.",
)

# %% [markdown]
# Before training CD-k *is* the gradient, already with one step. At the end CD-1 has come to rest where its own expectation nearly vanishes, and that is not where the gradient vanishes. Twenty steps point roughly the right way and still see only a part of the slope.
#
# **Why is 20 not enough?** A chain forgets its start as fast as the second largest eigenvalue $\lambda_2$ of its transition matrix shrinks when multiplied by itself. The largest is always 1 and belongs to $p$. What is left of the start after $k$ steps shrinks at least as fast as $\lambda_2^k$, and the slowest part of it exactly so.


# %%
def forgetting(machine):
    """The second largest eigenvalue of the chain h -> v -> h', which has the same ones as v -> h -> v'."""
    h_given_v, v_given_h = machine.gibbs_tables()
    return torch.linalg.eigvals(v_given_h @ h_given_v).abs().sort().values[-2].item()


at_end, better = (np.array([forgetting(machine) for machine, *_ in runs]) for runs in (by_cd, by_pcd))
check("early: one step forgets all but a thousandth", forgetting(fresh[0]), 1e-3, relation="<=")
check("late: after 20 steps the slowest part is still a third of itself", at_end**20, 0.33, relation=">=")
check("the better machines, by PCD, forget more slowly", better.mean(), at_end.mean(), relation=">=")


# %% slide="skip"
def chain_of(machine, v):
    return torch.cat([v] + [v := machine.gibbs_step(v) for _ in range(21)])


titles = ("before training: 21 steps from a stripe", "after training: 21 steps from the same stripe")
chains = [chain_of(machine, x[5:6]) for machine in (fresh[0], by_cd[0][0])]
plots.show(
    pictures.picture_rows(list(zip(titles, chains, strict=True)), (3, 4)),
    alt="Two chains from one stripe. Before training it is gone at once. After training it stands still for several steps, then moves through broken pictures to a neighbour of the first.",
)

# %% [markdown]
# Before training the stripe is gone at once. After training many steps lead nowhere: to add a row or a column the chain has to pass through pictures which nature never shows, and these lie high. In twenty steps it may reach a neighbour. **Learning makes the chain slow**, and of our machines the better ones are slower still. That is the tragedy of the method, and no fixed $k$ cures it. Short chains that start at the data explore the neighbourhood of the data and little else; section 10 shows what they fail to learn.
#
# Now play with the two knobs. All runs were made beforehand, each from the same start with 22 chains and a constant learning rate.

# %% tags=["nbval-ignore-output"]
from coursekit.rbm import explorers


def monitored(k, rate):
    torch.manual_seed(0)
    run, machine = {"step": [], "log_prob": [], "cosine": []}, rbm.RBM(12, 8)

    def note(step, machine, _):
        if step == 1 or step % 100 == 0:
            exact, ours = flat(machine.exact_gradient(x)), flat(machine.expected_cd_gradient(x, k=k))
            values = (
                step,
                machine.log_prob(x).mean().item(),
                (exact @ ours / exact.norm() / ours.norm()).item(),
            )
            for name, value in zip(run, values, strict=True):
                run[name].append(value)

    options = {"n_steps": 600, "batch_size": 22, "schedule": "constant", "centring": False, "device": "cpu"}
    training.fit_contrastive(machine, x, k=k, learning_rate=rate, on_step=note, **options)
    return run


runs = {(k, rate): monitored(k, rate) for k in (1, 3, 10) for rate in (0.05, 0.2, 0.8, 3.2)}
explorers.contrastive_explorer(runs, best)

# %%
from functools import partial

from coursekit import widgets

widgets.static_frames(
    partial(explorers.contrastive_frame, runs, best),
    [{"k": 1, "rate": 0.2}, {"k": 1, "rate": 3.2}, {"k": 10, "rate": 0.8}],
    alt="Three positions of the explorer. With one step and rate 0.2 the likelihood rises while the cosine falls; with rate 3.2 "
    "it rises and falls again; with ten steps and rate 0.8 it comes near the highest possible value.",
)
ends = {key: run["log_prob"][-1] for key, run in runs.items()}
gain = [ends[10, rate] - ends[1, rate] for rate in (0.2, 0.8)]
check("at rates 0.2 and 0.8 ten steps end at least 0.3 nats above one", gain, 0.3, relation=">=")
fall = [ends[k, 0.8] - ends[k, 3.2] for k in (1, 3, 10)]
check("at rate 3.2 every k ends at least a nat lower than at 0.8", fall, 1.0, relation=">=")
same = max(abs(ends[k, 0.05] - ends[1, 0.05]) for k in (3, 10))
check(
    "at rate 0.05 the run is still early, and k makes no difference: under 0.2 nats", same, 0.2, relation="<="
)

# %% [markdown]
# At the smallest rate all three $k$ give the same curve, since 600 such steps are "early". At the two rates above it the machine gets further, the cosine drops, and a larger $k$ pays. At the largest rate every $k$ tumbles back. (One run for each pair; another seed shifts the curves, most of all at the largest rate.)

# %% [markdown] slide="slide"
# ## 8 · When nobody can count: annealed importance sampling
#
# **Question.** With 64 pixels and 64 hidden units there are $2^{64}$ terms on either side. How do we know whether the machine is any good? $F(v)$ is cheap; only the one number $\log Z$ is missing.
#
# **The everyday picture.** You cannot weigh an elephant on a kitchen scale. But you can find out how much *heavier* one animal is than another that is nearly the same, and walk from a mouse to the elephant in many small steps. For two machines $A$ and $B$ with the same visible units,
#
# $$\frac{Z_B}{Z_A} = \sum_v p_A(v)\, \frac{e^{-F_B(v)}}{e^{-F_A(v)}} = \mathbb E_A\bigl[e^{F_A(v) - F_B(v)}\bigr] .$$

# %%
mouse, cat = random_machine(6, 4), random_machine(6, 4)
v = rbm.all_states(6)
ratio = (mouse.log_prob(v).exp() * torch.exp(mouse.free_energy(v) - cat.free_energy(v))).sum()
difference = cat.log_partition() - mouse.log_partition()
check("the ratio of two partition functions is a mean over one machine", ratio.log(), difference, atol=1e-12)

# %% [markdown]
# Sampled from $A$, this mean has a huge variance when $A$ and $B$ differ. So take a path of machines from one without couplings, whose $Z$ is a product, to ours; multiply the small ratios along the way, and let the chain make a Gibbs step at each machine to keep up. That is **annealed importance sampling** (AIS). The product, times the $Z$ at the start of the path, is an unbiased estimate of our $Z$, and the scatter over independent chains gives a standard error.
#
# On the machine of section 6 we know the answer.

# %%
from coursekit.evaluation import ais_log_partition

n_steps = [10, 30, 100, 300, 1000, 3000]
estimates, errors = zip(*(ais_log_partition(learned, n_steps=n, n_chains=200) for n in n_steps), strict=True)
exact = learned.log_partition().item()
off = np.abs(np.array(estimates) - exact) / errors
check("the slowest walk is within 3 standard errors of the exact log Z", off[-1], 3.0, relation="<=")
check("and its standard error is under 0.1 nats", errors[-1], 0.1, relation="<=")
plots.show(
    pictures.ais_estimates(n_steps, estimates, errors, exact),
    alt="Estimates of log Z with error bars against the number of steps from 10 to 3000. From 30 steps on the bars shrink "
    "and close in on the horizontal line of the exact value.",
)

# %% [markdown]
# Short walks scatter, and their bars may even miss the line. There is also a warning that no error bar can give: a short walk may miss a valley with *all* of its chains. Then $Z$ comes out too small, the likelihood too good, and the chains agree with each other perfectly. So walk slowly, walk again twice as slowly, and start from a machine that already fits roughly: one whose independent pixels have the mean of the data, which is the logit of that mean as a bias.
#
# Now the digits: 8 × 8 pixels, made black or white by one coin flip each (a coin as biased as the pixel is dark), 64 hidden units, three seeds. Learning starts from independent pixels, uses persistent chains, and keeps an average of the weights of the last steps. (`fit_contrastive` also counts units from their means unless it is told not to. This *centring* changes the direction of the steps, not their goal.)

# %%
halves = data.digits().split()
train_x, test_x = (torch.tensor(data.binarised(half, seed=i).x) for i, half in enumerate(halves))
mean = train_x.mean(0).clamp(0.5 / len(train_x), 1 - 0.5 / len(train_x))  # no logit is infinite
base = torch.logit(mean)
independent = (test_x * mean.log() + (1 - test_x) * (1 - mean).log()).sum(1).mean().item()
print(
    f"{len(train_x)} digits to learn from, {len(test_x)} to test; independent pixels: {independent:.1f} nats"
)


# %% tags=["nbval-ignore-output"]
def learn_digits(number):
    torch.manual_seed(number)
    machine = rbm.RBM(64, 64).float()
    machine.visible_bias.data = base.float()
    options = {"n_steps": 2000, "batch_size": 100, "learning_rate": 0.2, "average": 0.99, "device": "cpu"}
    training.fit_contrastive(machine, train_x, persistent=True, seed=number, **options)
    return machine.requires_grad_(False)


machines = [learn_digits(number) for number in range(3)]
judged = [ais_log_partition(m, n_steps=10_000, n_chains=25, base_bias=base) for m in machines]
digit_nats = np.array(
    [
        -m.free_energy(test_x.float()).mean().item() - log_z
        for m, (log_z, _) in zip(machines, judged, strict=True)
    ]
)
print(
    "nats on the test digits, three seeds:",
    digit_nats.round(2),
    f"mean {digit_nats.mean():.2f}, spread {digit_nats.std(ddof=1):.2f}",
)
print("standard errors of log Z:", np.round([error for _, error in judged], 3))

# %%
gain = digit_nats - independent
check("at least 2.5 nats a digit better than independent pixels", gain, 2.5, relation=">=")
check("every standard error of log Z is at most 0.1 nats", [error for _, error in judged], 0.1, relation="<=")
again, error = ais_log_partition(machines[0], n_steps=2000, n_chains=100)  # another start, another speed
apart = abs(again - judged[0][0]) / np.hypot(error, judged[0][1])
check("another path to the same machine: within 4 standard errors", apart, 4.0, relation="<=")
strips = [("digits", test_x[:44]), ("dreams, after 1000 Gibbs steps", machines[0].sample(44, n_steps=1000))]
weights = machines[0].weight.numpy()
plots.show(
    [pictures.picture_rows(strips, (8, 8)), pictures.filters(weights, (8, 8), n_columns=16, title="64 hidden units")],
    alt="44 small digits, 44 dreams with strokes like theirs, and 64 pictures of weights: strokes beside their opposite.",
)  # fmt: skip

# %% [markdown]
# Stroke detectors: a bit of ink here *and no ink there*. It would have surprised us to see whole digits, since then two hidden units could not work together.

# %% [markdown] slide="slide"
# ## 9 · Pixels that are real numbers
#
# Arrest rates are not bits. For real-valued data put $\frac12 v^\top v$ into the energy; it keeps the valley from being bottomless:
#
# $$E(v, h) = \tfrac12 v^\top v - h^\top W v - c^\top v - b^\top h .$$
#
# Complete the square in $v$, with $a = c + W^\top h$: the energy is $\frac12\lVert v - a\rVert^2$ plus terms without $v$. So given $h$, each visible unit is **Gaussian with mean $c_i + (W^\top h)_i$ and variance 1**. The hidden units keep their logistic rule.
#
# The next cell checks this by brute force: the visible rule on a fine grid in the plane, the hidden rule over all hidden states.

# %%
gauss = rbm.RBM(2, 3, visible="gaussian").requires_grad_(False)
for parameter in gauss.parameters():
    parameter.data = torch.randn_like(parameter)
axis = torch.arange(-12, 12, 0.1)
grid, h = torch.cartesian_prod(axis, axis), rbm.all_states(3)
density = torch.softmax(torch.stack([-gauss.energy(grid, state.expand(len(grid), -1)) for state in h]), dim=1)
mean = density @ grid  # (8, 2), one row for each hidden state
variance = density @ grid**2 - mean**2
check("E[v | h] = c + W'h", mean, h @ gauss.weight + gauss.visible_bias, atol=1e-9)
check("Var[v | h] = 1", variance, torch.ones(8, 2), atol=1e-9)
some = grid[::999]
p_h = torch.softmax(torch.stack([-gauss.energy(some, state.expand(len(some), -1)) for state in h]), dim=0)
rule = torch.sigmoid(gauss.hidden_bias + some @ gauss.weight.T)
check("p(h_j = 1 | v) = sigmoid(b_j + W_j v)", p_h.T @ h, rule, atol=1e-12)

# %% [markdown]
# So with $n$ hidden units the machine is a mixture of $2^n$ Gaussians, all of width 1, whose means are built from few vectors. Data must come in units in which 1 is a sensible width: the lecture **standardises** every column. Then the machine's own noise is already as wide as a column, and what is left to gain lies mostly where columns vary *together*.
#
# The 50 states of notebook 01 do that. One hidden unit, and the question: which way will its weights point?
#
# <details><summary><b>Predict before you run:</b> what is the weight vector of the only hidden unit?</summary>
#
# Switching the unit on moves the Gaussian along that vector. The most useful way to move is the way in which the states differ most: along the first principal component.
# </details>

# %% tags=["nbval-ignore-output"]
table = data.usarrests()
z = torch.tensor((table.x - table.x.mean(0)) / table.x.std(0))
one_unit = []
for number in range(3):
    torch.manual_seed(number)
    one_unit.append(rbm.RBM(4, 1, visible="gaussian"))
    training.fit_contrastive(one_unit[-1], z, n_steps=1000, batch_size=50, seed=number, device="cpu")
    one_unit[-1].requires_grad_(False)

# %%
from coursekit.pca import PCA

components = torch.tensor(PCA(standardize=True).fit(table.x).components_)
cosine = [(m.weight[0] @ components[0] / m.weight[0].norm()).abs().item() for m in one_unit]
check("its weights lie along the first component: |cosine|", cosine, 0.97, relation=">=")
unit_gaussian = -0.5 * (z**2 + np.log(2 * np.pi)).sum(1).mean().item()
gain = [m.log_prob(z).mean().item() - unit_gaussian for m in one_unit]
check("and the unit gains at least 0.2 nats on a Gaussian of width 1", gain, 0.2, relation=">=")
named = [name if name in ("Florida", "North Dakota", "Nevada") else "" for name in table.row_names]
switch = one_unit[0]
centres = switch.visible_mean(rbm.all_states(1)) @ components[:2].T
share = torch.softmax(-switch.hidden_free_energy(rbm.all_states(1)), 0)
title = "one hidden unit: two Gaussians of width 1, along the first component"
plots.show(
    pictures.means_and_points(
        (z @ components[:2].T).numpy(), named, centres.numpy(), share.numpy(), title=title
    ),
    alt="The fifty states on two principal components; two circles of radius one lie left and right of the centre.",
)

# %% [markdown]
# The unit is a switch between "states with few arrests" and "states with many". Two circles do not make a cloud of 50 states; more hidden units would string more circles along.

# %% [markdown] slide="slide"
# ## 10 · What goes wrong
#
# **A learning rate that bits forgive.** A pixel that is a bit cannot leave [0, 1], whatever the weights say. A real-valued one can: its mean grows with the weights, the update grows with the mean, and round it goes. That is why the lecture tells us to learn about ten times more slowly there. The same training digits, as bits and as standardised grey values, 10 hidden units each, two rates:

# %% tags=["nbval-ignore-output"]
grey = halves[0].x
grey = torch.tensor((grey - grey.mean(0)) / np.where(grey.std(0) > 0, grey.std(0), 1.0))
ends = {}
for visible, images in (("bernoulli", train_x), ("gaussian", grey)):
    for rate in (0.3, 3.0):
        ends[visible, rate] = []
        for number in range(3):
            torch.manual_seed(number)
            m = rbm.RBM(64, 10, visible=visible)
            training.fit_contrastive(
                m, images, n_steps=200, batch_size=100, learning_rate=rate, seed=number, device="cpu"
            )
            ends[visible, rate].append(m.log_prob(images).mean().item())
        print(
            f"{visible:9} units, rate {rate}: {np.mean(ends[visible, rate]):9.3g} nats, spread {np.std(ends[visible, rate], ddof=1):.2g}"
        )

# %%
binary, real = ({rate: ends[kind, rate] for rate in (0.3, 3.0)} for kind in ("bernoulli", "gaussian"))
check("bits: rate 3 does no harm", binary[3.0], max(binary[0.3]), relation=">=")
check("real numbers: rate 3 is a disaster of over 1000 nats", real[3.0], min(real[0.3]) - 1000, relation="<=")

# %% [markdown] slide="subslide"
# **Watching the wrong curve.** What most people plot is the *reconstruction error*, the mean of $\lVert v - \tilde v\rVert^2$ over the batch: the number of pixels in which the state $\tilde v$ that the chain reaches differs from $v$. It is cheap and it goes down nicely. Here is CD-1 as an impatient person runs it: one chain a picture, a constant learning rate of 0.5 in place of 0.2 and falling, and 3000 updates. (The same cell trains the machines for the next paragraphs.)

# %% tags=["nbval-ignore-output"]
too_long = [
    train(number, n_steps=3000, chains_each=1, learning_rate=0.5, schedule="constant") for number in range(3)
]
likelihood = np.array([curve[:, 1] for _, curve, _ in too_long])
steps = too_long[0][1][1:, 0]
errors = np.array([np.reshape(history.loss, (-1, 100)).mean(1) for *_, history in too_long])
middle, end = slice(4, 10), slice(-5, None)  # updates 500 to 1000, and 2600 to 3000
for name, curves in (("likelihood", likelihood[:, 1:]), ("reconstruction error", errors)):
    print(f"{name}, means over 500 to 1000 and over 2600 to 3000:",
          curves[:, middle].mean(1).round(2), curves[:, end].mean(1).round(2))  # fmt: skip
log_p = torch.stack([machine.log_prob(x) for machine, *_ in too_long])  # (3, 22)
common = {"chains_each": 1, "n_steps": 1500}
last = {}
for persistent in (False, True):
    for schedule in ("constant", "linear"):
        options = {"persistent": persistent, "schedule": schedule} | common
        values = np.array([train(number, **options)[1][-1, 1] for number in range(3)])
        last[persistent, schedule] = values.mean()
        name = f"{'PCD-1' if persistent else 'CD-1'}, {schedule} rate"
        print(f"22 chains, {name:20}: {values.mean():6.2f} nats, spread {values.std(ddof=1):.2f}")

# %%
loss = (likelihood[:, 1:][:, middle].mean(1) - likelihood[:, end].mean(1)).mean()
left = errors[:, end].mean(1) / errors[:, middle].mean(1)
check("the likelihood falls again, in the mean by at least 0.3 nats", loss, 0.3, relation=">=")
check("meanwhile the reconstruction error falls to less than half", left, 0.5, relation="<=")
plots.show(
    pictures.error_and_likelihood(steps, errors, likelihood[:, 1:]),
    alt="Over 3000 updates the reconstruction error keeps falling; the likelihood rises for about 500, then falls in jerks.",
)

# %% [markdown]
# The error measures how well the chain *stays where it starts*. A machine whose chain cannot move reconstructs perfectly. So the curve improves while the model gets worse, and nothing on the screen says so.
#
# **Predict before you run:** where has the probability gone?
#
# <details><summary>Answer</summary>
# Most people say: to pictures that nature never shows. Only a little has. Most of the loss is among the bars and stripes themselves: a few have taken nearly everything.
# </details>

# %%
p = log_p.exp()
check("three seeds: at least 80 % of the probability is on the 22 pictures", p.sum(1), 0.8, relation=">=")
check("the luckiest has over 30 times the share of the unluckiest", p.amax(1) / p.amin(1), 30, relation=">=")
check("at most a quarter of the loss leaked", p.sum(1).log() / (log_p.mean(1) - best), 0.25, relation="<=")
plots.show(
    pictures.valleys(p[0].numpy(), x.numpy(), (3, 4), 1 / 22),
    alt="The 22 pictures by probability on a logarithmic axis: a few above equal shares, many far below.",
)

# %% [markdown]
# Nearly every step of a chain ends in the valley in which it began. So CD-1 sees to it that the data lie in valleys, and hardly learns **how deep one valley is beside another**: too few chains walk from one to the next and could tell. The depths drift, and the likelihood, which does compare them, falls.

# %% [markdown] slide="skip"
# **Dreams that are left behind.** Persistent chains must keep up with the weights. With 22 chains and a rate that never falls they cannot: as soon as they gather in one valley, the negative phase fills it up, all of them run to the next, and the landscape sloshes to and fro.

# %% slide="skip"
constant_cd, falling_cd, constant_pcd, falling_pcd = last.values()
check("at a constant rate PCD with 22 chains ends below CD-1", constant_pcd, constant_cd, relation="<=")
check("for PCD a falling rate is worth at least 0.5 nats", falling_pcd - constant_pcd, 0.5, relation=">=")
check("and with it PCD ends at least 0.1 nats above CD-1", falling_pcd - falling_cd, 0.1, relation=">=")

# %% [markdown] slide="skip"
# So "PCD is better than CD" is a sentence with conditions. It holds in section 6, with four chains for every picture and a rate that falls. With one chain a picture and a constant rate the order turns round; with a falling rate it turns back.

# %% [markdown] slide="slide"
# ## 11 · Summary
#
# | Claim | Where it was checked | Code in [`rbm/model.py`](../coursekit/rbm/model.py) |
# | --- | --- | --- |
# | energy $-x^\top W x - c^\top x$ has the conditional $\sigma(2W_i x + c_i)$ | section 1 | `BoltzmannMachine.conditional` |
# | in an RBM the units of a layer are independent given the other layer, and not without it | section 2 | `hidden_probability`, `visible_mean` |
# | $F(v) = -\log \sum_h e^{-E(v, h)}$; log Z two ways | section 3 | `free_energy`, `log_partition` |
# | $v \to v'$ is in detailed balance, the joint sweep is not; long chains reach $p(v)$ | section 4 | `gibbs_step`, `gibbs_tables` |
# | positive less negative phase = autograd of the exact log-likelihood | section 5 | `exact_gradient`, `moments` |
# | CD by hand = coursekit; CD-k is unbiased for its own expectation only | section 6 | `cd_gradient`, `expected_cd_gradient` |
# | CD-k is the gradient before training; after it CD-1 points nowhere, and $k = 20$ is much too short | section 7 | `expected_cd_gradient` |
# | AIS with 3000 steps is within 3 standard errors of the exact log Z | section 8 | `evaluation.ais_log_partition` |
# | Gaussian units: mean $c + W^\top h$, variance 1 | section 9 | `visible_mean`, `sample_visible` |
# | the reconstruction error may fall while the likelihood falls | section 10 | |
#
# ### Five questions
#
# <details><summary>1. You add the same number to the energy of every state. What changes?</summary>
# Nothing. Z changes by the same factor as every numerator. Energies, like heights, matter only by their differences.
# </details>
#
# <details><summary>2. All visible and hidden biases are 0, and somebody halves all weights. Which hidden units are now more likely on than off, for a given picture?</summary>
# The same as before: the logit of each is halved and keeps its sign. No decision at one half changes, only the probabilities move towards one half. (The exam asks it about a logistic regression without bias, which is what a hidden unit is.)
# </details>
#
# <details><summary>3. Why may the hidden probabilities replace the bits at the two ends of CD-k, but not inside the chain?</summary>
# At the ends only the mean counts, and the probability is the mean of the bit. Inside, the next visible state depends on the bits through a sigmoid, and the mean of a sigmoid is not the sigmoid of the mean.
# </details>
#
# <details><summary>4. The CD-1 gradient of your machine is zero. Has it learned the data?</summary>
# Not necessarily. One Gibbs step from the data returns the same averages; a chain that does not move does that for any model with a valley at each example.
# </details>
#
# <details><summary>5. Two groups report the likelihood of the same machine by AIS, with 100 and with 10 000 steps. The first is better by 5 nats. Whom do you believe?</summary>
# The second. Too short a walk tends to underestimate Z, and so to overestimate the likelihood.
# </details>
#
# **Homework:** [`hw08_rbm_cdk`](homework/release/hw08_rbm_cdk/hw08_rbm_cdk.ipynb): free energy, the partition function from the cheaper side, a CD-k update from given random numbers, a transition matrix, and a training log that looks too good. [Solutions](../notebooks/homework/source/hw08_rbm_cdk/hw08_rbm_cdk.ipynb) stand in a folder of their own.
#
# **References.** P. Smolensky (1986), *Information processing in dynamical systems: foundations of harmony theory*. G. Hinton (2002), *Training products of experts by minimizing contrastive divergence*. R. Neal (2001), *Annealed importance sampling*. T. Tieleman (2008), *Training restricted Boltzmann machines using approximations to the likelihood gradient*. R. Salakhutdinov and I. Murray (2008), *On the quantitative analysis of deep belief networks*. A. Fischer and C. Igel (2010), *Empirical analysis of the divergence of Gibbs sampling based learning algorithms for restricted Boltzmann machines*. G. Hinton (2012), *A practical guide to training restricted Boltzmann machines*.
