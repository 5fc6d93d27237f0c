# ---
# jupyter:
#   coursekit:
#     cpu_seconds: 46
#     minutes: 120
# ---

# %% [markdown] slide="slide"
# # 08 · Boltzmann machines: a landscape in which likely pictures lie low
#
# **After this notebook you can** write down an energy and turn it into a probability, say why the general Boltzmann machine is hard and what the restriction buys, derive the free energy and the two phases of the gradient, program a Gibbs step and a CD-k update, measure how wrong CD-k is, and judge a machine whose normalising sum cannot be computed.
#
# **Time:** two hours to work through; it runs in under a minute. **You need:** the logistic function, conditional probability, a gradient. **It follows** the Boltzmann machine lecture of the generative models deck, up to its deep belief networks, which are notebook 09. **It adds** the exact answers of a machine that is small enough to be enumerated, the bias of CD-k, and annealed importance sampling line by line. **Elsewhere:** machines that start an autoencoder (10), the likelihood of other models on the same bits (11).
#
# The trick of this notebook is to stay small. A machine with 12 visible and 8 hidden units can be enumerated: its likelihood, its gradient, the bias of every shortcut are *known*, not guessed. Only in section 8 do we let go of that handrail.

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
    """Every picture of whole rows or columns once, (pictures, height * width)."""
    rows = rbm.all_states(height).repeat_interleave(width, dim=1)
    columns = rbm.all_states(width).repeat(1, height)
    return torch.unique(torch.cat([rows, columns]), dim=0)


x = bars_and_stripes(3, 4)
print(f"{len(x)} pictures that occur, of {2 ** x.shape[1]} that are possible")

# %%
from coursekit.rbm import pictures

coins = torch.randint(0, 2, x.shape)
strips = [("what nature shows", x), ("what 12 coins show", coins)]
plots.show(pictures.picture_rows(strips, (3, 4), n_columns=11),
           alt="Above, 22 pictures of whole black rows or columns; below, 22 pictures "
           "of coin flips, nearly all without any order.")  # fmt: skip

# %% [markdown]
# **Question.** We want a function that gives each of the 4096 pictures a probability: high for these 22, low for the rest. The numbers must be positive and add up to one. How do we get such a function without a table of 4096 rows?
#
# **The everyday picture.** Rain on a landscape ends up in the valleys. So draw any landscape you like: a height for each picture, its **energy** $E(x)$, positive or negative. Then let probability gather where it is low:
#
# $$p(x) = \frac{e^{-E(x)}}{Z}, \qquad Z = \sum_{x'} e^{-E(x')} .$$
#
# This is the *Boltzmann distribution*. The exponential makes everything positive, the **partition function** $Z$ makes everything add up to one. An energy may be any function at all, and that is the freedom we were after.

# %% [markdown] slide="subslide"
# **The Boltzmann machine** takes the simplest landscape in which units can influence each other. Each unit $x_i$ is 0 or 1, has a bias $c_i$, and shares a coupling $W_{ij}$ with every other unit:
#
# $$E(x) = -x^\top W x - c^\top x, \qquad W = W^\top,\; W_{ii} = 0 .$$
#
# A positive coupling lowers the energy when both units are on: the two like each other. Four units give 16 states, few enough to write out.

# %%
machine = rbm.BoltzmannMachine(4).requires_grad_(False)
machine.weight.copy_(torch.randn(4, 4))
machine.bias.copy_(torch.randn(4))
couplings, c_of_all = machine.couplings(), machine.bias  # symmetric, diagonal 0
states = rbm.all_states(4)  # (16, 4)
energy = torch.stack([-(s @ couplings @ s) - c_of_all @ s for s in states])
log_p_by_hand = -energy - torch.log(torch.exp(-energy).sum())
check("log p by hand = coursekit", log_p_by_hand, machine.log_prob(states), atol=1e-12)

# %% [markdown]
# **One unit, all others given.** Compare the two states that differ only in unit $i$. In $x^\top W x$ every pair appears twice, once as $ij$ and once as $ji$, so switching unit $i$ on lowers the energy by $2 W_i x + c_i$, where $W_i$ is row $i$. The partition function cancels:
#
# $$p(x_i = 1 \mid \text{rest}) = \frac{e^{-E(\text{on})}}{e^{-E(\text{on})} + e^{-E(\text{off})}} = \sigma(2\, W_i x + c_i), \qquad \sigma(a) = \frac1{1 + e^{-a}} .$$
#
# A neuron of logistic regression, grown out of an energy. Mind the 2. Some books write $-\frac12 x^\top W x$, and then it goes away; mixing one book's energy with the other's neuron is the classic slip, so we measure what it costs.

# %%
eye = torch.eye(4)
on, off = torch.maximum(states[:, None], eye), states[:, None] * (1 - eye)  # (16, 4, 4)
high, low = (torch.exp(-machine.energy(s.flatten(0, 1))).view(16, 4) for s in (on, off))
p_on, logit = high / (high + low), states @ couplings  # (16, 4)
rule = torch.sigmoid(2 * logit + c_of_all)
check("p(x_i = 1 | rest) = sigmoid(2 W_i x + c_i)", p_on, rule, atol=1e-12)
slip = (p_on - torch.sigmoid(logit + c_of_all)).abs().max()
print(f"without the 2 a conditional is off by up to {slip:.2f}")

# %% [markdown] slide="subslide"
# **Why it is hard.** $Z$ has one term for every picture there could be.

# %%
for side in (2, 3, 4, 8, 28):
    n = side * side
    years = 2.0**n / 1e9 / 3.15e7
    print(f"{side:2} x {side:2} pixels: {2.0**n:8.1e} pictures, {years:8.1e} years")
print("(at a billion pictures per second)")

# %% [markdown]
# The conditional of one unit needs no $Z$, so we could *walk*: redraw one unit after another, given all others. But each unit waits for its neighbours, and between two valleys such a walk can take very long. There is a cure for the waiting: forbid most couplings. (We shall meet the valleys again in section 7.)

# %% [markdown] slide="slide" says=""
# ## 2 · Forbid the couplings within a layer
#
# Split the units in two. The **visible** units $v$ are the pixels (the deck writes $x$ for them). The **hidden** units $h$ are in no data; they are detectors which the machine invents. Couplings run only across.

# %% [markdown] says="The **visible** units $v$ are the pixels. The **hidden** units $h$ are in no data; they are detectors which the machine invents. The energy of the **restricted Boltzmann machine** (RBM) is"
# The energy of the **restricted Boltzmann machine** (RBM) is
#
# $$E(v, h) = -h^\top W v - c^\top v - b^\top h ,$$
#
# with $W$ of shape (hidden, visible), $c$ the visible and $b$ the hidden biases. This matrix is not symmetric: each pair appears once, so there is no factor 2.
#
# The smallest interesting one has two visible and two hidden units: 16 states, a whole landscape on one page.

# %%
plots.show(pictures.two_graphs(),
           alt="Left, eight units, each joined to every other. Right, five visible "
           "below three hidden, joined across only.")  # fmt: skip

# %%
small = rbm.RBM(2, 2).requires_grad_(False)
W, c, b = small.weight, small.visible_bias, small.hidden_bias
W.copy_(torch.tensor([[3.0, -2.0], [-1.0, 2.5]]))
c.copy_(torch.tensor([-0.5, 0.2]))
b.copy_(torch.tensor([-1.0, -0.8]))

# %%
pairs, names = rbm.all_states(2), ["00", "01", "10", "11"]
table = -pairs @ W.T @ pairs.T - (pairs @ c)[:, None] - pairs @ b  # row v, column h
joint = torch.exp(-table) / torch.exp(-table).sum()
v_and_h = pairs.repeat_interleave(4, 0), pairs.repeat(4, 1)
check("energy by hand = coursekit", table.flatten(), small.energy(*v_and_h), atol=1e-12)
plots.show(pictures.energy_landscape(table.numpy(), joint.numpy(), names),
           alt="Tables of energies and of probabilities for four visible by four "
           "hidden states. The lowest energies, with visible 10 and hidden 10, and "
           "visible 01 and hidden 01, have the largest probabilities.")  # fmt: skip

# %% [markdown]
# The dark cells on the left are the blue cells on the right. The first hidden unit likes $v = 10$, the second likes $v = 01$: each is the detector of one picture.
#
# **What the restriction buys.** Given $v$, the energy is a sum of terms $-h_j\,(b_j + W_j v)$ with one $h_j$ each, $W_j$ being row $j$, and a rest without $h$. So $p(h \mid v)$ is a product: **the hidden units are independent of each other once $v$ is known**. In each factor, off weighs 1 and on weighs $e^{b_j + W_j v}$, which makes the logistic function. The same holds for $v$ given $h$. All units of a layer can be drawn in one go,
#
# $$p(h_j = 1 \mid v) = \sigma(b_j + W_j v), \qquad p(v_i = 1 \mid h) = \sigma(c_i + (W^\top h)_i) .$$
#
# <details><summary><b>Predict before you run:</b> are the two hidden units also independent when we do not look at v?</summary>
#
# No. Each prefers a different picture, and there is only one picture at a time: when one is on, the other tends to be off. The hidden units are rivals, and v is what they argue about.
# </details>

# %%
given_v = joint / joint.sum(1, keepdim=True)
given_h = joint.T / joint.T.sum(1, keepdim=True)
rule_h, rule_v = torch.sigmoid(b + pairs @ W.T), torch.sigmoid(c + pairs @ W)
check("p(h_j = 1 | v) = sigmoid(b_j + W_j v)", given_v @ pairs, rule_h, atol=1e-14)
check("p(v_i = 1 | h) = sigmoid(c_i + (W'h)_i)", given_h @ pairs, rule_v, atol=1e-14)
product, p_h = (given_v @ pairs).prod(1), joint.sum(0)
check("given v, p(h = 11) is a product", given_v[:, 3], product, atol=1e-14)
print(f"without v: p(11) = {p_h[3]:.3f}, but the product is {(p_h @ pairs).prod():.3f}")

# %% [markdown] slide="slide"
# ## 3 · Free energy: the hidden units, summed out
#
# **Question.** We only see $v$. Its probability is $p(v) = \sum_h e^{-E(v,h)} / Z$, a sum over all hidden states. Is that hopeless again?
#
# $Z$ is, but the sum on top is not, for the same reason. The exponential of a sum is a product with one factor for each $h_j$, and the sum over all $h$ of such a product is the product of the sums over each $h_j$. These have two terms: off gives 1, on gives $e^{b_j + W_j v}$.
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
        parameter.copy_(torch.randn_like(parameter))
    return machine


medium = random_machine(5, 3)
v, h = rbm.all_states(5), rbm.all_states(3)
logits = v @ medium.weight.T + medium.hidden_bias
free = -v @ medium.visible_bias - torch.log1p(torch.exp(logits)).sum(1)
every_pair = [-medium.energy(v, state.expand(32, -1)) for state in h]
over_h = torch.logsumexp(torch.stack(every_pair, dim=1), 1)  # (32,), eight terms each
check("F(v) = -log of the sum over all h", free, -over_h, atol=1e-12)
check("free energy by hand = coursekit", free, medium.free_energy(v), atol=1e-12)

# %%
softplus = torch.log1p(torch.exp(pairs @ W.T + b))
parts = torch.column_stack([-pairs @ c, -softplus])
check("bars add up to the free energy", parts.sum(1), small.free_energy(pairs),
      atol=1e-12)  # fmt: skip
labels = ["$-c'v$", "first hidden unit", "second hidden unit"]
plots.show(pictures.free_energy_parts(names, parts.numpy(), labels),
           alt="Bars for the four visible states: the bias, what each hidden unit "
           "takes away, and their sum.")  # fmt: skip

# %% [markdown]
# A hidden unit that recognises nothing adds almost zero; one that recognises the picture digs a valley there. Because contributions *add* in the energy, probabilities *multiply*: an RBM is a *product of experts*. Each factor $1 + e^{b_j + W_j v}$ is at least 1, so these experts praise and never veto. A picture becomes rare when others are praised more.
#
# The same game can be played from the other side, with the visible units summed out. That gives $Z$ two ways, over all $v$ or over all $h$, and we may take the shorter one: $2^3$ terms here instead of $2^5$.

# %%
over_v = torch.logsumexp(-medium.free_energy(v), 0)
over_h = torch.logsumexp(-medium.hidden_free_energy(h), 0)
over_pairs = torch.logsumexp(torch.stack(every_pair).flatten(), 0)
check("log Z over v = log Z over h", over_v, over_h, atol=1e-12)
check("and both = the sum over all pairs", over_v, over_pairs, atol=1e-12)
wide = random_machine(40, 3)  # over all v these would be 2^40 terms
shorter = torch.logsumexp(-wide.hidden_free_energy(h), 0)
check("coursekit takes the shorter way", wide.log_partition(), shorter, atol=1e-12)

# %% [markdown] slide="slide"
# ## 4 · Samples of the machine: the Gibbs chain
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
# **Why does this end at $p(v)$?** Write the step as a table $K(v, v') = \sum_h p(h \mid v)\, p(v' \mid h)$, the *transition matrix*. Suppose many walkers are spread according to $p$. Since $p(v)\,p(h \mid v) = p(v, h)$ and $p(v' \mid h) = p(v', h) / p(h)$, the flow from $v$ to $v'$ is
#
# $$p(v)\,K(v, v') = \sum_h \frac{p(v, h)\, p(v', h)}{p(h)} ,$$
#
# and the right side does not change when $v$ and $v'$ swap places. As many walkers go there as come back, so the crowd as a whole stays as it is. This is **detailed balance**, and it makes $p$ the **stationary distribution** of $K$. And since no entry of $K$ is 0, every crowd, wherever it starts, comes to look like $p$ in the end. (That is a theorem on Markov chains, which we use without proof. How fast it happens is called the **mixing** of the chain; section 7 measures it.)
#
# One often reads that *the* Gibbs chain has this property. Careful: the step $v \to v'$ does. The *joint sweep* $(v, h) \to (v', h')$, first $h'$ given $v$, then $v'$ given $h'$, leaves $p(v, h)$ as it is too, but not pair by pair.

# %%
walker = random_machine(4, 3)
h_given_v, v_given_h = walker.gibbs_tables()  # (16, 8) and (8, 16)
p_walker = walker.log_prob(states).exp()
one_step = h_given_v @ v_given_h  # K(v, v'), (16, 16)
flow = p_walker[:, None] * one_step
many = torch.linalg.matrix_power(one_step, 100)
check("100 steps from any state: p", many, p_walker.expand(16, -1), atol=1e-9)

# %% [markdown]
# The joint sweep is a table of 128 × 128: from $(v, h)$, whatever $h$ is, to $(v', h')$ with probability $p(h' \mid v)\, p(v' \mid h')$.

# %%
p_joint = (p_walker[:, None] * h_given_v).flatten()  # all 128 pairs (v, h)
from_v = h_given_v[:, None, :] * v_given_h.T[None]  # (v, v', h')
sweep = from_v.reshape(16, 128).repeat_interleave(8, dim=0)  # h does not matter
joint_flow = p_joint[:, None] * sweep
check("the joint sweep keeps p(v, h)", joint_flow.sum(0), p_joint, atol=1e-14)


def imbalance(table):
    return (table - table.T).abs().max() / table.max()


control = {"the joint sweep": imbalance(joint_flow)}
claim = "v -> v' is in detailed balance"
check(claim, imbalance(flow), 0.0, atol=1e-12, control=control)
plots.show(pictures.there_and_back(flow.numpy(), joint_flow.numpy()),
           alt="Two scatter plots of the flow from one state to another against the "
           "flow back. For the visible chain all dots lie on the diagonal, for the "
           "joint sweep they are scattered around it.")  # fmt: skip

# %% [markdown]
# On the left every pair lies on the diagonal. On the right few do: there the crowd circulates, like cars on a roundabout. The number of cars on each stretch is constant all the same.
#
# Now let 400 walkers take 600 steps. The first 100 are thrown away (the **burn-in**), since the walkers remember their start. Steps of one walker resemble each other, so the standard error comes from the 400 walkers, which are independent.

# %% slide="skip"
walk, visits = torch.randint(0, 2, (400, 4)).double(), torch.zeros(400, 16)
powers = torch.tensor([8.0, 4.0, 2.0, 1.0])
for number in range(600):
    walk = walker.gibbs_step(walk)
    if number >= 100:
        visits[torch.arange(400), (walk @ powers).long()] += 1 / 500
measured, error = visits.mean(0), visits.std(0) / 400**0.5
uniform = torch.full((16,), 1 / 16)
claim, control = "share of time in each state = p(v)", {"all states alike": uniform}
check(claim, measured, p_walker, se=error, control=control)
names = ["".join(f"{unit:.0f}" for unit in state) for state in states]
plots.show(pictures.visits(p_walker.numpy(), measured.numpy(), error.numpy(), names),
           alt="Bars of the exact probabilities of sixteen visible states, and on top "
           "of each bar a dot, the share of time that the walkers spent there; its "
           "error bar is too short to be seen.")  # fmt: skip

# %% [markdown] slide="slide"
# ## 5 · Learning: two phases
#
# **Question.** Which way should $W$, $c$ and $b$ move so that the data become more probable?
#
# Take $\log p(v) = -F(v) - \log Z$ and differentiate with respect to any parameter $\theta$. The first term is a derivative of $F$, nothing more. The second deserves four lines.
#
# $$\begin{aligned} \frac{\partial \log Z}{\partial\theta} &= \frac1Z\, \frac{\partial Z}{\partial\theta} && \text{derivative of a logarithm} \\ &= \frac1Z \sum_{v'} \frac{\partial}{\partial\theta}\, e^{-F(v')} && Z \text{ is that sum, and it is finite} \\ &= \frac1Z \sum_{v'} e^{-F(v')} \Bigl(-\frac{\partial F(v')}{\partial\theta}\Bigr) && \text{chain rule} \\ &= -\sum_{v'} p(v')\, \frac{\partial F(v')}{\partial\theta} && e^{-F(v')} / Z = p(v'). \end{aligned}$$
#
# So the derivative of $\log Z$ is an *average over the machine's own samples*, and
#
# $$\frac{\partial \log p(v)}{\partial \theta} = -\frac{\partial F(v)}{\partial \theta} + \sum_{v'} p(v')\, \frac{\partial F(v')}{\partial \theta} .$$
#
# The first part is the **positive phase**: it lowers the free energy at the data. The second is the **negative phase**: it raises the free energy where the model puts its probability. The names speak of what happens to the *probability*, up or down; the signs in front of the two terms are the other way round, which is confusing at first.

# %%
nudged = random_machine(5, 3).requires_grad_(True)
nudged.log_partition().backward()
left = {name: value.grad.clone() for name, value in nudged.named_parameters()}
nudged.zero_grad()
p_nudged = nudged.log_prob(v).exp().detach()  # all 32 pictures
(-p_nudged * nudged.free_energy(v)).sum().backward()
for name, value in nudged.named_parameters():
    check(f"d log Z / d {name} = -mean of dF", left[name], value.grad, atol=1e-12)

# %% [markdown]
# When data and model have the same averages, the two phases cancel and learning ends. With $\partial F / \partial W_{ji} = -p(h_j = 1 \mid v)\, v_i$ (the derivative of softplus is the logistic function) and its relatives, the gradient of the mean over the data is as follows. In $\mathbb E_{\text{data}}$ the picture $v$ comes from the data and $h$ from $p(h \mid v)$; in $\mathbb E_{\text{model}}$ both come from the machine.
#
# $$W: \; \mathbb E_{\text{data}}[h v^\top] - \mathbb E_{\text{model}}[h v^\top], \qquad c: \; \mathbb E_{\text{data}}[v] - \mathbb E_{\text{model}}[v], \qquad b: \; \mathbb E_{\text{data}}[h] - \mathbb E_{\text{model}}[h] .$$
#
# Three ways to compute it: these rules with all $2^{12}$ pictures; automatic differentiation of the exact log-likelihood, which knows nothing of phases; and the package.

# %%
probe, everything = random_machine(12, 8), rbm.all_states(12)
p_probe = probe.log_prob(everything).exp()  # (4096,)
h_data, h_model = probe.hidden_probability(x), probe.hidden_probability(everything)
weighted = p_probe[:, None] * h_model
rules = {
    "weight": h_data.T @ x / len(x) - weighted.T @ everything,
    "visible_bias": x.mean(0) - p_probe @ everything,
    "hidden_bias": h_data.mean(0) - weighted.sum(0),
}
exact_gradient = probe.exact_gradient(x)
probe.requires_grad_(True).log_prob(x).mean().backward()
for name, parameter in probe.named_parameters():
    check(f"{name}: the rules = autograd", rules[name], parameter.grad, atol=1e-12)
    theirs = exact_gradient[name]
    check(f"{name}: the rules = coursekit", rules[name], theirs, atol=1e-12)

# %% [markdown] slide="subslide"
# To see the two phases at work, take pictures of 2 × 2 pixels. Let the data be the four pictures with one whole row or column, start from a random machine, and make 400 steps along the exact gradient.

# %%
learner = random_machine(4, 5)
seen = torch.tensor([[1.0, 1, 0, 0], [0, 0, 1, 1], [1, 0, 1, 0], [0, 1, 0, 1]])
before = -learner.log_prob(states)
for _ in range(400):
    for name, direction in learner.exact_gradient(seen).items():
        getattr(learner, name).add_(0.5 * direction)
after = -learner.log_prob(states)
is_data = (states[:, None] == seen).all(2).any(1)
plots.show(pictures.two_phases(before.numpy(), after.numpy(), is_data.numpy(),
                               states.numpy(), (2, 2)),
           alt="Sixteen small pictures in the order of their minus log probability, "
           "each with an arrow from before to after 400 steps. The four pictures of "
           "the data end on one level, three of them lower than before and one "
           "slightly higher; the machine's former favourites rise.")  # fmt: skip
level = after[is_data].max() - after[is_data].min()
control = {"before": before[is_data].max() - before[is_data].min()}
claim = "the four end at the same level, to a tenth of a nat"
check(claim, level, 0.1, relation="<=", control=control)
favourite = torch.where(is_data, torch.inf, before).argmin()  # of all that are no data
risen = after[favourite] - before[favourite]
claim = "the machine's favourite that is no data loses at least a nat"
control = {"the data": (after - before)[is_data].mean()}
check(claim, risen, 1.0, relation=">=", control=control)

# %% [markdown]
# The data end at about the same level, three of them far lower than before and the fourth, already the machine's favourite, slightly higher; and what else the machine used to prefer is pushed up. In the negative phase each picture counts in proportion to its probability, $p(v')$; but all pictures share the same weights, so even a rare one may be carried along, up or down. A picture with next to no probability adds next to nothing; and once the negative phase is estimated from samples, a valley that the samples miss adds nothing at all. Remember that for section 7.

# %% [markdown] slide="slide"
# ## 6 · Contrastive divergence
#
# **Question.** The positive phase is cheap. The negative phase needs samples of the model, that is, a Gibbs chain run until it forgets its start, *for every update*. That costs too much.
#
# Hinton's shortcut (2002): **start the chain at the data, make $k$ steps, and stop.** Often $k = 1$. If the machine were perfect, its chains would keep moving, but their distribution would not drift away from that of the data. If it is not, the hope is that the first steps already show *in which direction* they drift, and that is where the landscape has to be raised. Section 7 measures when the hope is justified.
#
# For an example $v$ with hidden probabilities $\hat h(v) = \sigma(b + W v)$ and the state $\tilde v$ of its chain after $k$ steps, the lecture's update rules with learning rate $\epsilon$ are
#
# $$W \leftarrow W + \epsilon\,\bigl(\hat h(v)\, v^\top - \hat h(\tilde v)\, \tilde v^\top\bigr), \qquad c \leftarrow c + \epsilon\,(v - \tilde v), \qquad b \leftarrow b + \epsilon\,\bigl(\hat h(v) - \hat h(\tilde v)\bigr) .$$
#
# The expectation over the model has become a *point estimate*: one sample per example. Inside the chain $h$ must be drawn as bits; at the two ends its probability may stand in for the bits: the mean is the same and the noise is smaller.


# %% tags=["slide-code"]
def cd1(machine, v):
    """The direction of one CD-1 update, averaged over the examples v (n, n_visible)."""
    p_h = torch.sigmoid(v @ machine.weight.T + machine.hidden_bias)
    h = (torch.rand(p_h.shape) < p_h).double()
    p_v = torch.sigmoid(h @ machine.weight + machine.visible_bias)
    v1 = (torch.rand(p_v.shape) < p_v).double()
    p_h1 = torch.sigmoid(v1 @ machine.weight.T + machine.hidden_bias)
    weight = (p_h.T @ v - p_h1.T @ v1) / len(v)
    c, b = (v - v1).mean(0), (p_h - p_h1).mean(0)
    return {"weight": weight, "visible_bias": c, "hidden_bias": b}


probe.requires_grad_(False)
torch.manual_seed(2)
by_hand = cd1(probe, x)
torch.manual_seed(2)
theirs, _ = probe.cd_gradient(x, k=1)
for name, value in by_hand.items():
    check(f"{name}: CD-1 by hand = coursekit", value, theirs[name], atol=1e-14)

# %% [markdown]
# CD-k is random. On a small machine we can say what it is *on average*: carry the whole distribution of the chain through $k$ transition tables instead of one walker. That is `expected_cd_gradient`, and 2000 runs of the random one must agree with it.


# %%
def flat(gradient):  # weight, visible bias, hidden bias
    return torch.cat([part.flatten() for part in gradient.values()])


expected = flat(probe.expected_cd_gradient(x, k=2))
draws = torch.stack([flat(probe.cd_gradient(x, k=2)[0]) for _ in range(2000)])
error = draws.std(0) / 2000**0.5
claim = "mean of 2000 CD-2 gradients = the expected one, not the exact one"
control = {"the exact gradient": flat(exact_gradient)}
check(claim, draws.mean(0), expected, se=error, control=control)

# %% [markdown]
# So CD-k is an unbiased estimate of something, but not of the gradient. Section 7 asks how much that matters. First, does it learn at all?
#
# A well-known variant is **persistent CD** (PCD): the chains do not restart at the data, they go on where the last update left them. The weights change little from one update to the next, so a chain that was nearly right stays nearly right, and over thousands of updates it walks far. The cost is nearly the same: one Gibbs step per chain.
#
# And since this machine is so small, there is a third run which no real machine allows: the same updates along the **exact gradient**. It tells apart what the estimator spoils from what the machine cannot do. All three share everything else: the rate (0.2, falling to 0), four chains per picture (the exact gradient needs none), *momentum* (half of the last step is added to the new one, which doubles the stride in the long run), the number of updates, the first weights.

# %% tags=["nbval-ignore-output"]
from coursekit.rbm import recipe

trained = {}
for name in recipe.ESTIMATORS:
    trained[name] = [recipe.small_machine(x, name, seed=seed) for seed in range(3)]
    ends = np.array([curve[-1, 1] for _, curve, _ in trained[name]])
    print(f"{name:14} 2000 updates: {ends.mean():.2f} ± {ends.std(ddof=1):.2f} nats")

# %%
best = -np.log(len(x))  # all probability on the 22 pictures, evenly
steps = trained["CD-1"][0][1][:, 0]
curves = {name: np.array([c[:, 1] for _, c, _ in t]) for name, t in trained.items()}
claim = "no run beats the best possible mean log p"
every = np.concatenate(list(curves.values()))
check(claim, every, best, relation="<=",
      theorem="Gibbs: cross-entropy is at least entropy")  # fmt: skip
plots.show(pictures.likelihood_curves(steps, curves, best),
           alt="Exact mean log-likelihood over 2000 updates by three estimators, three "
           "seeds each: all rise together at first; CD-1 stops between minus 4.2 and "
           "minus 4.5, the other two go on, to between minus 3.4 and minus "
           "4.0.")  # fmt: skip

# %% [markdown]
# All learn, at first equally fast. Then CD-1 *stops improving*, well below the best value $-\log 22$. The persistent chains end about where the exact gradient ends, and that is below the best value too. What holds them back: the machine, the estimator, or merely the number of updates? Give all of them three times as many; those runs are stored.

# %%
stored = data.results("rbm_longer")
print(stored.command)
longer = {}
for name in recipe.ESTIMATORS:
    again = stored.column("nats", estimator=name, steps=2000)
    other = "CD-1" if name != "CD-1" else "PCD-1"
    control = {other: stored.column("nats", estimator=other, steps=2000).mean()}
    check(f"{name}: the runs repeat, mean of three", curves[name][:, -1].mean(),
          again.mean(), atol=0.1, control=control)  # fmt: skip
    where = {"estimator": name, "steps": 6000}
    longer[name], mass = (stored.column(key, **where) for key in ("nats", "mass"))
    more = longer[name] - again
    print(f"   6000 updates: {longer[name].mean():.2f} nats, gain {more.mean():.2f} "
          f"± {more.std(ddof=1):.2f};")  # fmt: skip
    print(f"   {mass.mean():.0%} of the probability on the 22 pictures")
claim = "the exact gradient, 6000 updates: within 0.2 nats of the best"
control = {name: longer[name] for name in ("CD-1", "PCD-1")}
check(claim, longer["exact gradient"], best - 0.2, relation=">=", control=control)
claim = "2000 updates, mean of 3 seeds: PCD-1 ends 0.2 nats above CD-1"
end = {name: curve[:, -1] for name, curve in curves.items()}
control = {"CD-1, three times the updates": (longer["CD-1"] - end["CD-1"]).mean()}
check(claim, (end["PCD-1"] - end["CD-1"]).mean(), 0.2, relation=">=", control=control)

# %% [markdown]
# So the machine is large enough: along the exact gradient its 116 numbers come close to the best there is. CD-1 gains nothing in the mean from more updates (the ± is the standard deviation over its three seeds), although nearly nine tenths of its probability are now on the 22 pictures: it must be spread unevenly among them (section 10). The mean gain of PCD-1 is hardly larger than its ±, so three seeds do not tell it from none. The exact gradient gains half a nat, so what held it back was, for the most part, the number of updates. At 6000 updates the other two end below it, and the *estimator* is all in which they differ from it. Section 7 asks what is wrong with that of CD.
#
# What has the machine learned? Samples after 2000 Gibbs steps each, and the weights, from the first persistent run:

# %%
learned = trained["PCD-1"][0][0]
nature = learned.log_prob(x).exp().sum()
check("over half of the probability is on them", nature, 0.5,
      relation=">=", control={"fair coins": len(x) / 4096})  # fmt: skip
print(f"the first persistent run, 2000 updates: ≈ {nature:.0%} on the 22 pictures")
rows = [("22 samples", learned.sample(22, n_steps=2000))]
drawn = pictures.picture_rows(rows, (3, 4), n_columns=11)
title = "weights of the eight hidden units: red wants the pixel on, blue wants it off"
plots.show(
    [drawn, pictures.filters(learned.weight.numpy(), (3, 4), title=title)],
    alt="Above, 22 samples, most of them whole rows or columns; below, eight weights.",
)

# %% [markdown]
# The machine was never told about rows or columns. Each hidden unit holds an opinion about some of the pixels, and a sample is what all these opinions agree on. Several of the samples still have a wrong pixel or more, as the printed share leads one to expect. This run stopped at 2000 updates; after 6000, as printed further up, nearly nine tenths of the probability of PCD-1 are on nature's pictures.

# %% [markdown] slide="slide"
# ## 7 · How wrong is CD-k?
#
# **Question.** Is CD-k a little wrong or badly wrong, and does a larger $k$ mend it?
#
# On this machine we can measure it. The exact gradient is an arrow with 116 entries, the expected CD-k gradient is another. We compare their **direction**, by the cosine of the angle between them, and their **length**. *Early* means three machines before training, *late* the three that section 6 trained by CD-1 for 2000 updates.
#
# <details><summary><b>Predict before you run:</b> when is CD-1 better, at the start of learning or at its end?</summary>
#
# At the start. Fresh weights are small, so all units are nearly independent coins, and one Gibbs step forgets nearly everything: the chain is almost at its goal after a single step. Later the weights are large, valleys are deep, and a chain that starts in a data valley stays there.
# </details>

# %%
ks = [1, 2, 3, 5, 10, 20]


def bias(machine):
    """Cosine and ratio of lengths of expected CD-k and exact gradient, (2, ks)."""
    truth = flat(machine.exact_gradient(x))
    ours = torch.stack([flat(machine.expected_cd_gradient(x, k=k)) for k in ks])
    lengths = ours.norm(dim=1)
    return torch.stack([ours @ truth / lengths / truth.norm(), lengths / truth.norm()])


fresh = [rbm.RBM(12, 8).requires_grad_(False) for _ in range(3)]
by_cd = [machine for machine, *_ in trained["CD-1"]]
early = torch.stack([bias(machine) for machine in fresh])  # (seed, cosine or length, k)
late = torch.stack([bias(machine) for machine in by_cd])

control = {"late": late[:, 0]}
claim = "early: the direction is right for every k"
check(claim, early[:, 0], 0.999, relation=">=", control=control)
check("early: and so is the length", early[:, 1], 1.0, atol=0.01)
claim = "late: CD-1 has a cosine of at most 0.3"
check(claim, late[:, 0, 0], 0.3, relation="<=", control={"early": early[:, 0, 0]})
claim = "late: 20 steps point the right way, roughly"
check(claim, late[:, 0, -1], 0.7, relation=">=", control={"one step": late[:, 0, 0]})
claim = "late: and even they lose a quarter of the length"
check(claim, late[:, 1, -1], 0.75, relation="<=", control={"early": early[:, 1, -1]})

# %%
for name, values in (("cosine", late[:, 0]), ("length", late[:, 1])):
    shown = ", ".join(f"{v:.2f}" for v in values.mean(0).tolist())
    print(f"late, mean {name} for k = 1, 2, 3, 5, 10, 20: {shown}")
groups = [("early", "model", *early.numpy().swapaxes(0, 1))]
groups += [("late", "wrong", *late.numpy().swapaxes(0, 1))]
plots.show(pictures.cd_bias(ks, groups),
           alt="Cosine and relative length of the expected CD-k gradient against k "
           "from 1 to 20. Early both are one for every k. Late the cosine rises from "
           "about zero to above 0.8 and the length from under 0.1 to about "
           "0.6.")  # fmt: skip

# %% [markdown]
# Before training the expected update of CD-k has the length of the gradient to within one per cent and a cosine above 0.999 with it, already with one step. At the end of the three CD-1 runs (*late*) the figure shows an expected update of CD-1 that is less than a tenth as long as the gradient and nearly at right angles to it: CD-1 has all but come to rest, at a place where the gradient has not vanished. Twenty steps point roughly the right way and still see only a part of the slope.
#
# **Why is 20 not enough?** Let $\pi$ be the distribution of a chain (a row of 4096 probabilities) and $p$ that of the machine. One step multiplies by the table $K$, and $p K = p$. So the difference $\pi - p$ is multiplied by $K$ at each step. Four facts tell us how fast it fades.
#
# 1. *The eigenvalues of $K$ are real, and its eigenvectors form a basis.* Multiply row $v$ by $\sqrt{p(v)}$ and divide column $v'$ by $\sqrt{p(v')}$. That changes no eigenvalue, and gives the table $p(v)\, K(v, v') / \sqrt{p(v)\, p(v')}$, which is symmetric by detailed balance.
# 2. *Each part fades at its own rate.* Write the difference as a sum of left eigenvectors, $u K = \lambda u$. The part with eigenvalue $\lambda$ is multiplied by $\lambda$ at each step.
# 3. *The largest eigenvalue is 1.* It belongs to $p$, and all others are smaller in size, because no entry of $K$ is 0 (Perron's theorem, not proved here).
# 4. *The difference has no part along $p$.* The rows of $K$ add up to 1. So add up the entries on both sides of $u K = \lambda u$: the sum equals $\lambda$ times itself, and is 0 when $\lambda \ne 1$. The entries of $\pi - p$ add up to 0 as well, which leaves nothing for $p$.
#
# The slowest part that is left is multiplied by the **second largest eigenvalue** $\lambda_2$ at each step, so after $k$ steps $\lambda_2^k$ of it remains.

# %%
eigenvalues = torch.linalg.eigvals(one_step).abs().sort(descending=True).values
start = torch.eye(16)[3]
after = [start @ torch.linalg.matrix_power(one_step, k) - p_walker for k in (8, 9)]
shrinks = after[1].norm() / after[0].norm()
claim = "16 states: one more step shrinks the rest by lambda_2"
check(claim, shrinks, eigenvalues[1], rtol=1e-6)


def forgetting(machine):
    there, back = machine.gibbs_tables()  # h -> v -> h' has the same eigenvalues
    return torch.linalg.eigvals(back @ there).abs().sort().values[-2].item()


at_start = forgetting(fresh[0])
at_end = np.array([forgetting(machine) for machine in by_cd])
print(f"lambda_2 before training {at_start:.0e}, after CD-1", at_end.round(2))
claim = "late: after 20 steps a third of the slowest part is left"
check(claim, at_end**20, 0.33, relation=">=", control={"early": at_start**20})

# %% [markdown]
# Before training a chain forgets its start almost at once. After CD-1 it forgets slowly: it mixes badly. The usual picture: nature's pictures are valleys of the free energy, **modes** of $p$. No step is impossible, but between one mode and another there are mostly pictures which nature never shows, and these lie high. **Learning has made the chain slow**, on all three seeds, so a $k$ that was ample at the start is too small at the end. A short chain that starts at the data then sees the neighbourhood of its start and little else; section 10 shows what can go wrong in consequence.
#
# Now play with the two knobs. All runs were made beforehand, each from the same start with 22 chains and a constant learning rate.

# %% tags=["nbval-ignore-output"]
from coursekit import training
from coursekit.rbm import explorers


def monitored(k, rate):
    torch.manual_seed(0)
    run, machine = {"step": [], "log_prob": [], "cosine": []}, rbm.RBM(12, 8)

    def note(step, machine, _):
        if step == 1 or step % 100 == 0:
            truth = flat(machine.exact_gradient(x))
            ours = flat(machine.expected_cd_gradient(x, k=k))
            run["step"].append(step)
            run["log_prob"].append(machine.log_prob(x).mean().item())
            run["cosine"].append((truth @ ours / truth.norm() / ours.norm()).item())

    options = {"n_steps": 600, "batch_size": 22, "learning_rate": rate}
    options |= {"schedule": "constant", "centring": False, "device": "cpu"}
    training.fit_contrastive(machine, x, k=k, on_step=note, **options)
    return run


rates = (0.05, 0.2, 0.8, 3.2)
monitor = {(k, rate): monitored(k, rate) for k in (1, 3, 10) for rate in rates}

# %% tags=["nbval-ignore-output"]
explorers.contrastive_explorer(monitor, best)

# %%
from functools import partial

from coursekit import widgets

widgets.static_frames(partial(explorers.contrastive_frame, monitor, best),
                      [{"k": 1, "rate": 0.2}, {"k": 1, "rate": 3.2},
                       {"k": 10, "rate": 0.8}],
                      alt="Three positions of the explorer. With one step and rate 0.2 "
                      "the likelihood rises while the cosine falls; with rate 3.2 it "
                      "rises and falls again; with ten steps and rate 0.8 it ends "
                      "highest, about 0.6 nats below the best possible "
                      "value.")  # fmt: skip
last = {key: run["log_prob"][-1] for key, run in monitor.items()}
gain = {rate: last[10, rate] - last[1, rate] for rate in rates}
claim = "at rates 0.2 and 0.8 ten steps end at least 0.3 nats above one"
control = {"at rate 0.05": gain[0.05]}
check(claim, [gain[0.2], gain[0.8]], 0.3, relation=">=", control=control)
fall = [last[k, 0.8] - last[k, 3.2] for k in (1, 3, 10)]
control = {"0.2 against 0.8": last[1, 0.2] - last[1, 0.8]}
claim = "at rate 3.2 every k ends at least a nat lower than at 0.8"
check(claim, fall, 1.0, relation=">=", control=control)

# %% [markdown]
# At the smallest rate all three $k$ give nearly the same curve: 600 such steps are still "early". At the two rates above it the machine gets further, the cosine of CD-1 drops, and ten steps end well above one. At the largest rate no $k$ does well: the curves jump up and down, and all end at least a nat below those at 0.8. (This is one run for each pair, so trust the large differences only.)

# %% [markdown] slide="slide"
# ## 8 · Too many states to count: annealed importance sampling
#
# **Question.** With 64 pixels and 64 hidden units there are $2^{64}$ terms on either side. How do we know whether the machine is any good? $F(v)$ is cheap; only the one number $\log Z$ is missing.
#
# **The everyday picture.** You cannot weigh an elephant on a kitchen scale. But you can find out how much *heavier* one animal is than another that is nearly the same, and walk from a mouse to the elephant in many small steps. For two machines $A$ and $B$ with the same visible units,
#
# $$\frac{Z_B}{Z_A} = \sum_v p_A(v)\, \frac{e^{-F_B(v)}}{e^{-F_A(v)}} = \mathbb E_A\bigl[e^{F_A(v) - F_B(v)}\bigr] .$$
#
# (Put in $p_A(v) = e^{-F_A(v)} / Z_A$: the factor $e^{-F_A(v)}$ cancels, and the sum of $e^{-F_B(v)}$ that is left is $Z_B$.)

# %%
mouse, cat = random_machine(6, 4), random_machine(6, 4)
v6 = rbm.all_states(6)
factor = torch.exp(mouse.free_energy(v6) - cat.free_energy(v6))
ratio = (mouse.log_prob(v6).exp() * factor).sum()
difference = cat.log_partition() - mouse.log_partition()
claim = "the ratio of two partition functions is a mean over one machine"
check(claim, ratio.log(), difference, atol=1e-12)

# %% [markdown]
# Sampled from $A$, this mean has a huge variance when $A$ and $B$ differ much. So take a *path* of machines $0, 1, \dots, K$ in which neighbours differ little. Ours has the couplings $t_k W$ and hidden biases $t_k b$ with $t_k = k/K$; machine 0 has no couplings, and its $Z_0 = 2^{n_h} \prod_i (1 + e^{c_i})$ is a product. Then walk:
#
# 1. draw $v_0$ from machine 0, exactly;
# 2. for $k = 1, \dots, K$: multiply the weight by $e^{F_{k-1}(v_{k-1}) - F_k(v_{k-1})}$, then let $v_k$ be a Gibbs step of machine $k$ from $v_{k-1}$.
#
# In logarithms the weight of a chain is $\log w = \sum_k \bigl[F_{k-1}(v_{k-1}) - F_k(v_{k-1})\bigr]$. **The mean of $w$ is exactly $Z_K / Z_0$, however few the steps.** Let $u_k(v)$ be the expected weight that a chain carries to $v$ in step $k$: the mean of $w$ where the chain is at $v$, and of 0 where it is elsewhere. We show $u_k = \frac{Z_k}{Z_0}\, p_k$ by induction.
#
# - *Start.* All weights are 1 and $v_0$ comes from $p_0$, so $u_0 = p_0$.
# - *Weight.* Suppose $u_{k-1} = \frac{Z_{k-1}}{Z_0}\, p_{k-1} = \frac{1}{Z_0}\, e^{-F_{k-1}}$. Multiplied by $e^{F_{k-1} - F_k}$ it becomes $\frac{1}{Z_0}\, e^{-F_k} = \frac{Z_k}{Z_0}\, p_k$.
# - *Step.* The Gibbs step of machine $k$ leaves $p_k$ as it is, so $u_k = \frac{Z_k}{Z_0}\, p_k$.
# - *End.* Add up over $v$: the mean weight is $\sum_v u_K(v) = Z_K / Z_0$, since $p_K$ adds up to 1.
#
# This is **annealed importance sampling** (AIS, Neal 2001).


# %% tags=["slide-code"]
def at(t, machine):
    """The machine at place t of the path: couplings and hidden biases times t."""
    there = rbm.RBM(*machine.weight.shape[::-1]).requires_grad_(False)
    there.weight.copy_(t * machine.weight)
    there.hidden_bias.copy_(t * machine.hidden_bias)
    there.visible_bias.copy_(machine.visible_bias)
    return there


def log_weights(machine, n_steps, n_chains):
    before, log_w = at(0.0, machine), torch.zeros(n_chains)
    v = torch.bernoulli(torch.sigmoid(machine.visible_bias).expand(n_chains, -1))
    for k in range(1, n_steps + 1):
        now = at(k / n_steps, machine)
        log_w += before.free_energy(v) - now.free_energy(v)
        v, before = now.gibbs_step(v), now
    return log_w


# %% [markdown]
# First the theorem, without any chance: on a machine with 6 visible units, carry $u_k$ through the whole path with tables. Five steps are enough. Then the code, with 4000 chains.

# %%
path = [at(k / 5, cat) for k in range(6)]
log_z0 = path[0].log_partition()
u = path[0].log_prob(v6).exp()
for before, now in zip(path[:-1], path[1:], strict=True):
    there, back = now.gibbs_tables()
    u = (u * torch.exp(before.free_energy(v6) - now.free_energy(v6))) @ (there @ back)
log_ratio = cat.log_partition() - log_z0
check("mean weight = Z_K / Z_0, five steps", u.sum().log(), log_ratio, atol=1e-12)
weights = torch.exp(log_weights(cat, 5, 4000) - log_ratio)
error = weights.std() / 4000**0.5
control = {"exp of the mean of log w": weights.log().mean().exp()}
check("4000 chains: their mean too", weights.mean(), 1.0, se=error, control=control)

# %% [markdown]
# The package does the same in less time. On the machine of section 6 we know the answer.

# %%
from coursekit.evaluation import ais_log_partition

n_steps = [10, 30, 100, 300, 1000, 3000]
walks = [ais_log_partition(learned, n_steps=n, n_chains=200) for n in n_steps]
estimates, errors = np.array(walks).T
exact_log_z = learned.log_partition().item()
check("3000 steps: the exact log Z", estimates[-1], exact_log_z, se=errors[-1])
check("and their standard error is at most 0.1 nats", errors[-1], 0.1, relation="<=",
      control={"ten steps": errors[0]})  # fmt: skip
plots.show(pictures.ais_estimates(n_steps, estimates, errors, exact_log_z),
           alt="Estimates of log Z with error bars against the number of steps from 10 "
           "to 3000. The bars shrink and close in on the horizontal line of the exact "
           "value.")  # fmt: skip

# %% [markdown]
# Short walks scatter, and their bars are themselves estimates, resting on a few large weights. The mean weight is right on average, but its logarithm is too small on average (by Jensen's inequality, since the logarithm is concave). There is also a warning that no error bar can give: a short walk may miss a valley with *all* of its chains. Then $Z$ comes out too small, the likelihood too good, and the chains may agree with each other perfectly. So walk slowly, walk again twice as slowly, and start from a machine that already fits roughly: independent pixels with the mean of the data.
#
# Now digits of 14 × 14 pixels, made black or white by one coin flip per pixel (black with a probability equal to the ink; the test bits are those of notebook 11). There are 200 hidden units, trained by the course's recipe. It starts from independent pixels, uses persistent chains and a falling rate, and keeps an average of the weights. It also *centres*: units are counted from their means, which changes the direction of the steps, not the maximum they seek. Three seeds are stored, at 1000 and at 10 000 steps; we repeat a short one.

# %% tags=["nbval-ignore-output"]
torch.set_default_dtype(torch.float32)  # as in the stored runs
train_set, test_set = data.train_and_test("mini_mnist")
torch.manual_seed(0)
made = recipe.mini_mnist(train_set, test_set)
made.train(n_steps=1000, seed=0, device="cpu")
torch.set_default_dtype(torch.float64)

# %%
bits = recipe.bits_of(test_set)
bias_of_mean = rbm.mean_logits(torch.from_numpy(data.ink(train_set)))
nats, _ = recipe.log_likelihood(made.model, bits, bias_of_mean, n_steps=3000)
digits = data.results("rbm_pictures")
independent = digits.column("nats", steps=0)[0]
short, long = (digits.column("nats", steps=n) for n in (1000, 10_000))
print(f"independent pixels {independent:.1f} nats; 1000 steps {short.mean():.1f}")
print(f"10 000 steps {long.mean():.1f} ± {long.std(ddof=1):.2f}")
check("seed 0 repeats: within half a nat of the stored one", nats, short[0], atol=0.5)
claim = "3 seeds: 15 nats above independent pixels"
control = {"1000 steps": short}
check(claim, long, independent + 15, relation=">=", control=control)
claim = "every standard error of log Z is at most 0.1 nats"
few = ais_log_partition(made.model, n_steps=30, n_chains=100, base_bias=bias_of_mean)[1]
check(claim, digits.column("error"), 0.1, relation="<=", control={"30 steps": few})
title = "pixel probabilities after 2000 Gibbs steps from noise"
shown = [pictures.grey_rows(bits[::34][:30], (14, 14), title="bits of test digits")]
shown += [pictures.grey_rows(digits.arrays["samples"] / 16, (14, 14), title=title)]
weights = digits.arrays["filters"][:20] / 127
title = "20 of 200 hidden units: red wants ink, blue wants none"
plots.show([*shown, pictures.filters(weights, (14, 14), n_columns=10, title=title)],
           alt="Thirty test digits made of bits; thirty samples, most of which can be "
           "read as digits; and twenty pictures of weights: patches of blue, where a "
           "unit wants no ink, many with a thin edge of red.")  # fmt: skip

# %% [markdown]
# Each of the hidden units shown looks at a small part of the picture: *no ink here*, and often a stroke of ink right beside it. None of these twenty is a whole digit; a picture is the product of many such opinions.

# %% [markdown] slide="slide"
# ## 9 · Pixels that are real numbers
#
# Arrest rates are not bits. For real-valued data put $\frac12 v^\top v$ into the energy; it keeps the valley from being bottomless:
#
# $$E(v, h) = \tfrac12 v^\top v - h^\top W v - c^\top v - b^\top h .$$
#
# Complete the square in $v$, with $a = c + W^\top h$: $\;E(v, h) = \frac12\lVert v - a\rVert^2 - \frac12\lVert a\rVert^2 - b^\top h$, and only the first term contains $v$. So given $h$, each visible unit is **Gaussian with mean $c_i + (W^\top h)_i$ and variance 1**. The hidden units keep their logistic rule.
#
# The next cell checks this by brute force: the visible rule on a fine grid in the plane, the hidden rule over all hidden states.

# %%
gauss = rbm.RBM(2, 3, visible="gaussian").requires_grad_(False)
for parameter in gauss.parameters():
    parameter.copy_(torch.randn_like(parameter))
axis = torch.arange(-12, 12, 0.1)
grid, h3 = torch.cartesian_prod(axis, axis), rbm.all_states(3)
energies = [-gauss.energy(grid, state.expand(len(grid), -1)) for state in h3]
density = torch.softmax(torch.stack(energies), dim=1)  # p(v | h), one row for each h
mean_v = density @ grid  # (8, 2)
check("E[v | h] = c + W'h", mean_v, h3 @ gauss.weight + gauss.visible_bias, atol=1e-9)
check("Var[v | h] = 1", density @ grid**2 - mean_v**2, torch.ones(8, 2), atol=1e-9)
p_h = torch.softmax(torch.stack(energies)[:, ::999], dim=0)  # at some points
rule = torch.sigmoid(gauss.hidden_bias + grid[::999] @ gauss.weight.T)
check("p(h_j = 1 | v) = sigmoid(b_j + W_j v)", p_h.T @ h3, rule, atol=1e-12)

# %% [markdown]
# So with $n$ hidden units the machine is a mixture of $2^n$ Gaussians, all of width 1, whose means are $c$ plus sums of only $n$ vectors, the rows of $W$. Data must come in units in which 1 is a sensible width: the lecture **standardises** every column. Then the machine's own noise is already as wide as a column, so the hope is to gain where columns vary *together*.

# %% [markdown] slide="slide"
# ## 10 · What goes wrong
#
# **A learning rate that blows real-valued units up.** A pixel that is a bit cannot leave [0, 1], whatever the weights say. A real-valued one can: its mean grows with the weights, the update grows with the mean, and the loop feeds itself. That is why the deck asks for a smaller learning rate there (one or two orders of magnitude, says Hinton's guide). We test it on 8 × 8 digits, as bits and as standardised grey values, with 10 hidden units each and two rates, for 200 steps and for three times as many.

# %% tags=["nbval-ignore-output"]
eight = data.digits().split()[0]
std = eight.x.std(0)
grey = torch.tensor((eight.x - eight.x.mean(0)) / np.where(std > 0, std, 1.0))
sorts = {"bernoulli": torch.tensor(data.binarised(eight).x), "gaussian": grey}


def mean_log_p(visible, rate, seed, n_steps):
    """In nats, of the training images; minus infinity if the training broke off."""
    torch.manual_seed(seed)
    units = rbm.RBM(64, 10, visible=visible)
    options = {"n_steps": n_steps, "batch_size": 100, "device": "cpu"}
    try:
        training.fit_contrastive(units, sorts[visible], learning_rate=rate, seed=seed,
                                 **options)  # fmt: skip
    except FloatingPointError:  # the gradient is no longer a number
        return -np.inf
    return units.log_prob(sorts[visible]).mean().item()


cases, rate_ends = [(visible, n) for visible in sorts for n in (200, 600)], {}
for visible, n_steps in cases:
    for rate in (0.3, 3.0):
        reached = [mean_log_p(visible, rate, seed, n_steps) for seed in range(3)]
        rate_ends[visible, n_steps, rate] = np.array(reached)

# %%
for (visible, n_steps, rate), reached in rate_ends.items():
    mean = f"≈ {reached.mean():.0f}" if reached.min() > -1000 else "below -1000"
    broken = np.isinf(reached).sum()
    stopped = f" ({broken} of 3 broke off)" if broken else ""
    print(f"{visible:9} units, {n_steps} steps, rate {rate}: {mean} nats{stopped}")
harm = {case: rate_ends[*case, 0.3] - rate_ends[*case, 3.0] for case in cases}
for n_steps in (200, 600):
    claim = f"real numbers, {n_steps} steps: rate 3 costs over 1000 nats, 3 seeds"
    control = {"bits": harm["bernoulli", n_steps]}
    check(claim, harm["gaussian", n_steps], 1000, relation=">=", control=control)

# %% [markdown]
# So more training is no cure for a rate that is too high: within three times the steps all three runs grow until the gradient is no longer a number. At the smaller rate the extra steps change little. (Nor is so large a rate always good for bits: in section 7 the likelihood jumped about at 3.2. But they stay finite.)

# %% [markdown] slide="subslide"
# **Watching the wrong curve.** What is usually plotted is the *reconstruction error*, the mean of $\lVert v - \tilde v\rVert^2$ over the batch: the number of pixels in which the state $\tilde v$ that the chain reaches differs from $v$. It is cheap and it goes down nicely. Here is CD-1 as one runs it in a hurry: one chain per picture, a constant learning rate of 0.5 (section 6: 0.2, falling), and 3000 updates. The other two estimators get the same settings.

# %%
hurried = {"n_steps": 3000, "chains_each": 1, "learning_rate": 0.5}
hurried |= {"schedule": "constant"}
runs = {name: [recipe.small_machine(x, name, seed=seed, **hurried) for seed in range(3)]
        for name in recipe.ESTIMATORS}  # fmt: skip
likelihood = {name: np.array([c[1:, 1] for _, c, _ in t]) for name, t in runs.items()}
errors = [np.reshape(history.loss, (-1, 100)).mean(1) for *_, history in runs["CD-1"]]
errors = np.array(errors)  # (seed, hundreds of updates)

middle, last_part = slice(4, 10), slice(-5, None)  # updates 500 to 1000, 2600 to 3000
halfway = {name: curve[:, middle].mean(1) for name, curve in likelihood.items()}
final = {name: curve[:, last_part].mean(1) for name, curve in likelihood.items()}
fallen = {name: halfway[name] - final[name] for name in runs}
control = {"exact gradient, all else equal": fallen["exact gradient"].max()}
check("CD-1: the likelihood falls again, in the mean by at least 0.3 nats",
      fallen["CD-1"].mean(), 0.3, relation=">=", control=control)  # fmt: skip
claim = "meanwhile the reconstruction error falls to less than half"
left_over = errors[:, last_part].mean(1) / errors[:, middle].mean(1)
check(claim, left_over, 0.5, relation="<=", control={"no update": 1.0})
print(f"CD-1: the error falls to ≈ {left_over.mean():.0%}")
for name in runs:
    means = halfway[name].mean(), final[name].mean()
    print(f"{name}: from ≈ {means[0]:.2f} to ≈ {means[1]:.2f} nats")
below = final["CD-1"] - final["PCD-1"]
control = {"exact gradient": final["CD-1"] - final["exact gradient"]}
check("PCD-1 ends at least 2 nats below CD-1, 3 seeds", below, 2, relation=">=",
      control=control)  # fmt: skip
both = likelihood["CD-1"], likelihood["exact gradient"]
plots.show(pictures.error_and_likelihood(runs["CD-1"][0][1][1:, 0], errors, *both),
           alt="Over 3000 updates the reconstruction error of CD-1 keeps falling; its "
           "likelihood rises, in two seeds for about 500, and then falls in jerks, "
           "while along the exact gradient it rises and stays up.")  # fmt: skip

# %% [markdown]
# The error measures how well the chain *stays where it starts*. A machine whose chain cannot move reconstructs perfectly. Here the curve improves while the model gets worse, and nothing on the screen says so.
#
# **Predict before you run:** where has the probability gone?
#
# <details><summary>Answer</summary>
# The natural answer is: to pictures that nature never shows. Only a little has. Most of the loss is among the bars and stripes themselves: a few have taken most of the probability.
# </details>

# %%
log_p = {name: torch.stack([m.log_prob(x) for m, *_ in t]) for name, t in runs.items()}
p_of_data = log_p["CD-1"].exp()  # (3, 22)
outside = {"an untrained machine": fresh[0].log_prob(x).exp().sum()}
claim = "CD-1, three seeds: at least 80 % of the probability is on the 22 pictures"
check(claim, p_of_data.sum(1), 0.8, relation=">=", control=outside)
uneven = {name: (value.amax(1) - value.amin(1)).exp() for name, value in log_p.items()}
control = {"exact gradient, all else equal": uneven["exact gradient"]}
claim = "the luckiest has over 30 times the share of the unluckiest"
check(claim, uneven["CD-1"], 30, relation=">=", control=control)
leaked = p_of_data.sum(1).log() / (log_p["CD-1"].mean(1) - best)
shares = ", ".join(f"≈ {share:.0%}" for share in leaked.tolist())
print(f"share of the loss that leaked: {shares}")
plots.show(pictures.valleys(p_of_data[0].numpy(), x.numpy(), (3, 4), 1 / 22),
           alt="The 22 pictures by probability on a logarithmic axis: a few above "
           "equal shares, many far below.")  # fmt: skip

# %% [markdown]
# Do the chains stand still, and is *that* the fault? Compare with the exact gradient, all else equal.

# %%
copies = x.repeat(200, 1)


def pixels_changed(machine):
    """Pixels that one Gibbs step from the data changes, for each of 4400 chains."""
    return (machine.gibbs_step(copies) != copies).double().sum(1)


changed = {name: torch.stack([pixels_changed(m) for m, *_ in runs[name]])
           for name in ("CD-1", "exact gradient")}  # fmt: skip
stays = {name: (value == 0).double().mean(1) for name, value in changed.items()}
control = {"an untrained machine": (pixels_changed(fresh[0]) == 0).double().mean()}
for name, value in stays.items():
    print(f"{name}: ≈ {value.mean():.0%} of the steps change no pixel")
    check("nine of ten or more, 3 seeds", value, 0.9, relation=">=", control=control)
claim = "and the exact gradient ends within 0.1 nats of the best, 3 seeds"
control = {name: final[name] for name in ("CD-1", "PCD-1")}
check(claim, final["exact gradient"], best - 0.1, relation=">=", control=control)
early_on = hurried | {"n_steps": 750}  # the same runs, stopped earlier
sooner = [recipe.small_machine(x, "exact gradient", seed=seed, **early_on)[0]
          for seed in range(3)]  # fmt: skip
error_then = torch.stack([pixels_changed(machine) for machine in sooner]).mean(1)
left_of_exact = changed["exact gradient"].mean(1) / error_then
claim = "its error falls too, from update 750 to the end to less than half"
check(claim, left_of_exact, 0.5, relation="<=", control={"no update": 1.0})

# %% [markdown]
# Nearly every CD-1 step ends where it began. But so does a step of the machine trained along the exact gradient, at the same rate for as long, and that machine is nearly perfect: deep valleys make every chain stay. So neither the error, which fell there too, nor the standing still betrays the fault. What differs is **how deep one valley is compared with another**, and CD-1 hardly sees that: only a walk from one valley to the next compares two depths. Persistent chains do not help here: one per picture, at this rate, they end far lower still.

# %% [markdown] slide="slide"
# ## 11 · Summary
#
# | Claim | Where it was checked | Code in [`rbm/model.py`](../coursekit/rbm/model.py) |
# | --- | --- | --- |
# | energy $-x^\top W x - c^\top x$ has the conditional $\sigma(2W_i x + c_i)$ | section 1 | `BoltzmannMachine.conditional` |
# | in an RBM the units of a layer are independent given the other layer, and not without it | section 2 | `hidden_probability`, `visible_mean` |
# | $F(v) = -\log \sum_h e^{-E(v, h)}$; log Z two ways | section 3 | `free_energy`, `log_partition` |
# | $v \to v'$ is in detailed balance, the joint sweep is not; long chains reach $p(v)$ | section 4 | `gibbs_step`, `gibbs_tables` |
# | positive minus negative phase = autograd of the exact log-likelihood | section 5 | `exact_gradient`, `moments` |
# | $\partial \log Z / \partial\theta$ is an average over the model | section 5 | `moments` |
# | CD by hand = coursekit; CD-k is unbiased for its own expectation only | section 6 | `cd_gradient`, `expected_cd_gradient` |
# | the machine is large enough: in 6000 updates the exact gradient comes near the best, CD-1 and PCD-1 do not | section 6 | [`recipe.py`](../coursekit/rbm/recipe.py) |
# | CD-k agrees with the gradient before training; after training by CD-1 the cosine of CD-1 is below 0.3, and even $k = 20$ reaches at most three quarters of the length | section 7 | `expected_cd_gradient` |
# | the mean weight of annealed importance sampling is $Z_K / Z_0$, at any number of steps | section 8 | `evaluation.ais_log_partition` |
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
# The same as before: the logit of each is halved and keeps its sign. No decision at the threshold one half changes; only the probabilities move towards one half. (The exam asks it about a logistic regression without bias, which is what a hidden unit is.)
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
# **Homework:** [`hw08_rbm_cdk`](homework/release/hw08_rbm_cdk/hw08_rbm_cdk.ipynb): free energy, the partition function from the cheaper side, a CD-k update from given random numbers, a transition matrix, and a training log that looks too good. The [solutions](../notebooks/homework/source/hw08_rbm_cdk/hw08_rbm_cdk.ipynb) are in a separate folder.
#
# **References.** P. Smolensky (1986), *Information processing in dynamical systems: foundations of harmony theory*. G. Hinton (2002), *Training products of experts by minimizing contrastive divergence*. R. Neal (2001), *Annealed importance sampling*. T. Tieleman (2008), *Training restricted Boltzmann machines using approximations to the likelihood gradient*. R. Salakhutdinov and I. Murray (2008), *On the quantitative analysis of deep belief networks*. A. Fischer and C. Igel (2010), *Empirical analysis of the divergence of Gibbs sampling based learning algorithms for restricted Boltzmann machines*. G. Hinton (2012), *A practical guide to training restricted Boltzmann machines*.
