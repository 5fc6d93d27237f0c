# ---
# jupyter:
#   coursekit:
#     cpu_seconds: 30
#     minutes: 120
# ---

# %% [markdown] slide="slide"
# # 09 · Deep belief networks: where deep learning began
#
# **After this notebook you can** say why a deep directed net is hard to learn, prove that a restricted Boltzmann machine is a directed net in disguise, stack a second machine on the first and say exactly what that gains, sample the stack properly, let it classify and draw on demand, and judge what all of it is worth today.
#
# **Time:** two hours to work through; it runs in under a minute. **You need:** [notebook 08](08_rbm_cdk.ipynb) (energy, free energy, Gibbs step), and the Kullback–Leibler divergence. **It follows** the deep belief network lecture of the generative models deck. The deck writes $x$ for the pixels and $h^{(1)}, h^{(2)}$ for the layers; we write $v$, $h_1$, $h_2$. The proofs of sections 2 and 3 and the comparisons at the end are added here.
#
# As in notebook 08 the theorems are shown on machines so small that every state can be listed. Only then do we train on digits.

# %%
import numpy as np
import torch
from torch.nn import functional as F

from coursekit import data, dbn, plots, rbm
from coursekit.checks import check
from coursekit.dbn import pictures, recipe

torch.set_default_dtype(torch.float64)
plots.use_course_style()

# %% [markdown] slide="slide" says="Your house shakes. A truck may have hit it, or there may be an earthquake. Both are rare, and neither has anything to do with the other.\n\nLook out of the window: there is a truck in the hedge. Do you still fear an earthquake?"
# ## 1 · Why is a deep directed net hard to learn?
#
# Your house shakes. Either a truck has hit it, or there is an earthquake. Both are rare, and neither has anything to do with the other. You look out of the window, and there is a truck in the hedge. Do you still fear an earthquake?
#
# You do not, although trucks do not prevent earthquakes. The truck has *explained the shaking away*.
#
# Write it as a little **sigmoid belief net**, a directed net of binary units. The causes $h = (h_1, h_2)$ are drawn first, independently. Then the effect $v$ is drawn, with $p(v = 1 \mid h) = \sigma(c + w^\top h)$ and $\sigma(a) = 1 / (1 + e^{-a})$. The **posterior** is what we want to know when the house has shaken: $p(h \mid v) \propto p(v \mid h)\, p(h)$, by Bayes' rule.

# %%
causes = rbm.all_states(2)  # 00, 01, 10, 11: truck, earthquake
p_cause = torch.sigmoid(torch.tensor(-4.0))  # each about one night in fifty-five
prior = torch.where(causes == 1, p_cause, 1 - p_cause).prod(1)
p_shake = torch.sigmoid(-6 + 8 * causes.sum(1))
posterior = prior * p_shake / (prior * p_shake).sum()


def marginals(p):
    """The two marginals of a joint table p (4,), and the product of them (4,)."""
    on = p @ causes
    return on, torch.where(causes == 1, on, 1 - on).prod(1)


chance, product = marginals(posterior)
seen = posterior[[2, 3]] / posterior[[2, 3]].sum()
print(f"an earthquake on any night:               {p_cause:.2f}")
print(f"given that the house shook:               {chance[1]:.2f}")
print(f"given that it shook and there is a truck: {seen[1]:.2f}")
check("before the shaking the causes are independent", prior, marginals(prior)[1],
      atol=1e-15)  # fmt: skip
total_correlation = (posterior * (posterior / product).log()).sum()
check("after it they are not: over 0.2 nats of total correlation", total_correlation,
      0.2, relation=">=",
      control={"the prior":
               (prior * (prior / marginals(prior)[1]).log()).sum()})  # fmt: skip
tables = [p.reshape(2, 2).numpy() for p in (prior, posterior, product)]
figure = pictures.two_causes(
    tables,
    ["before", "after: one or the other", "the product of its marginals"])  # fmt: skip
plots.show(figure,
           alt="Three tables of two causes. Before: almost all on neither. After the "
           "shaking: most on exactly one of them. The product with the same chances "
           "puts much on both and on neither.")  # fmt: skip

# %% [markdown]
# The middle table says *one or the other*. The table on the right has the same two **marginals** (the chance of a truck, and that of an earthquake), but treats the causes as independent. It believes quite often in both causes at once, and quite often in none, which cannot explain the shaking. How far the middle is from the right is the **total correlation**: $\mathrm{KL}$ from the posterior to the product of its marginals, in nats. It is 0 for independent causes and positive otherwise.
#
# Now think of 500 causes and 784 effects. The posterior is a table with $2^{500}$ entries, no product, and learning needs it: to improve the weights from $h$ to $v$ one must know which causes were at work. For more than a decade this made deep directed nets very hard to train.

# %% [markdown] slide="slide"
# ## 2 · A prior that undoes the explaining away
#
# **Question.** Could the causes be *dependent beforehand* in just such a way that the two dependences cancel?
#
# Suppose that trucks and earthquakes tend to come together. Given the shaking they still compete; but the truck in the hedge also reminds us of earthquakes. With the right amount of both, nothing is left. Hinton, Osindero and Teh (2006) called this a **complementary prior**, and there is one for every sigmoid net of one layer: *the distribution of the hidden units in a restricted Boltzmann machine with the same weights*.
#
# Read a machine with energy $E(v, h) = -h^\top W v - c^\top v - b^\top h$ as a directed net, top down:
#
# $$p(v, h) = \underbrace{\;p(h)\;}_{\text{prior}}\; \underbrace{\prod_i p(v_i \mid h)}_{\text{sigmoid layer, } c + W^\top h} .$$
#
# Nothing has changed but the way of telling it. And in the machine we know the posterior: $p(h \mid v) = \prod_j p(h_j \mid v)$ with logits $b + W v$, a product. So with *this* prior the posterior over causes is a product. Let us check it by Bayes' rule alone, which knows nothing of energies.


# %%
def random_machine(n_visible, n_hidden, seed, scale=2.0):
    """A machine with parameters from a normal distribution of width `scale`."""
    torch.manual_seed(seed)
    machine = rbm.RBM(n_visible, n_hidden).requires_grad_(False)
    for parameter in machine.parameters():
        parameter.copy_(scale * torch.randn_like(parameter))
    return machine


def bits_log_prob(logits, states):
    """log p of `states` (m, d) under independent bits with `logits` (n, d): (n, m)."""
    return logits @ states.T - F.softplus(logits).sum(1, keepdim=True)


machine = random_machine(5, 4, seed=2)
W, c, b = machine.weight, machine.visible_bias, machine.hidden_bias
v, h = (rbm.all_states(n) for n in (5, 4))
v_given_h = bits_log_prob(h @ W + c, v).exp()  # (16, 32), the sigmoid layer
# p(h) of the machine, (16,)
complementary = torch.softmax(h @ b + F.softplus(h @ W + c).sum(1), 0)
check("p(v) of the machine = sum over h of p(h) p(v | h)", complementary @ v_given_h,
      machine.log_prob(v).exp(), atol=1e-12)  # fmt: skip


# %%
def posterior_and_product(prior):
    """p(h | v) by Bayes' rule, (32, 16), and the product of its marginals."""
    joint = (prior[:, None] * v_given_h).T
    posterior = joint / joint.sum(1, keepdim=True)
    on = posterior @ h
    return posterior, torch.where(h[None] == 1, on[:, None], 1 - on[:, None]).prod(2)


on = complementary @ h
independent = torch.where(h == 1, on, 1 - on).prod(1)  # the same means, no dependence
posterior, product = posterior_and_product(complementary)
check("with the complementary prior the posterior is a product", posterior, product,
      atol=1e-14)  # fmt: skip
check("and its logits are b + W v", (posterior @ h).logit(), v @ W.T + b, atol=1e-12)
other, other_product = posterior_and_product(independent)
pairs = ((other, other_product), (posterior, product))
dependence = [(p * (p / q).log()).sum(1) for p, q in pairs]
check("with independent causes of the same means it is not: over 0.05 nats for some v",
      dependence[0].max(), 0.05, relation=">=",
      control={"the complementary prior": dependence[1].max()})  # fmt: skip

# %%
figure = pictures.dependence(dependence[0].numpy(), dependence[1].numpy())
plots.show(figure,
    alt="Bars of the total correlation of the posterior for 32 pictures under "
    "independent hidden units, and blue dots at zero for all of them under the "
    "machine's own prior.")  # fmt: skip

# %% [markdown] slide="subslide"
# **Where does such a prior come from?** From more layers. The Gibbs chain $h \to v \to h \to v \dots$ of notebook 08 draws each layer from the one above it, always with the same $W$: it *is* a directed net, with tied weights and as many layers as the chain has steps. An infinitely deep one has forgotten where it started, and its lowest layer has the machine's $p(v)$. So the layers above $h$, all of them together, act as the complementary prior for $h$.

# %%
h_given_v, v_given_h_table = machine.gibbs_tables()  # (32, 16), (16, 32)
down = v_given_h_table @ h_given_v  # one pair of layers: h -> v -> h'
top = torch.full((16,), 1 / 16)  # fair coins at the very top
depths = [1, 2, 4, 8, 12, 16, 20, 24]
p_v = torch.stack([top @ torch.linalg.matrix_power(down, d - 1) @ v_given_h_table
    for d in depths])  # fmt: skip
distance = (p_v - machine.log_prob(v).exp()).abs().sum(1) / 2
check("24 pairs of tied layers are within 1e-4 of the machine, in total variation",
      distance[-1], 1e-4, relation="<=",
      control={"four pairs": distance[2]})  # fmt: skip
second = torch.linalg.eigvals(down).abs().sort().values[-2]
shrinks = (distance[-1] / distance[-2]) ** (1 / 4)
check("each pair shrinks what is left by the second eigenvalue", shrinks, second,
      rtol=1e-3)  # fmt: skip

# %%
figure = pictures.depth(depths, distance.numpy(), second.item())
plots.show(figure,
    alt="Distance between the deep tied net and the machine against depth on a "
    "logarithmic axis: a straight line, parallel to the dotted slope of the second "
    "eigenvalue.")  # fmt: skip

# %% [markdown]
# Every point is a directed net; the straight line says that depth brings it to the machine at a steady pace. If the prior of fair coins at the very top mattered for ever, the line would flatten out.
#
# So here is the situation. The lowest layer of this infinite net has an exact, cheap posterior. The price is that all layers share one $W$. What if we kept the lowest layer, and let those above it become different?

# %% [markdown] slide="slide"
# ## 3 · Untie the lowest layer: the bound, and what a second machine gains
#
# **Question.** The machine has learned $W$. Freeze it for the lowest layer. May we replace everything above it, the prior $p(h_1)$, by something better?
#
# For any distribution $q(h_1 \mid v)$ there is a lower bound on $\log p(v)$, the **evidence lower bound**. It comes from one step, Jensen's inequality ($\log$ of a mean is at least the mean of $\log$):
#
# $$\log p(v) = \log \sum_{h_1} q(h_1 \mid v)\, \frac{p(v, h_1)}{q(h_1 \mid v)} \;\ge\; \underbrace{\mathbb E_q \log p(v \mid h_1)}_{\text{reconstruction}} + \underbrace{\mathbb E_q \log p(h_1)}_{\text{prior}} + \underbrace{H(q)}_{\text{entropy of } q} .$$
#
# How large is the gap? The right side is $\mathbb E_q \log \frac{p(v, h_1)}{q(h_1 \mid v)}$. Put in $p(v, h_1) = p(v)\, p(h_1 \mid v)$; $\log p(v)$ does not depend on $h_1$, so it comes out of the mean:
#
# $$\mathbb E_q \log \frac{p(v)\, p(h_1 \mid v)}{q(h_1 \mid v)} = \log p(v) - \mathbb E_q \log \frac{q(h_1 \mid v)}{p(h_1 \mid v)} = \log p(v) - \mathrm{KL}\big(q \,\Vert\, p(h_1 \mid v)\big) .$$
#
# Take for $q$ the machine's own posterior, and the gap is 0. The bound is **tight**.
#
# Now freeze $W$, and freeze $q$. Only the middle term knows about $p(h_1)$. Hence:
#
# > *A $p(h_1)$ that gives the hidden states of the data a higher mean log probability raises the bound by exactly that gain.*
#
# That is a learning problem we can solve: take the hidden bits as data and train a second machine on them. Below its own hidden layer $h_2$ it is undirected; below $h_1$ the net is directed. This hybrid is a **deep belief network**.

# %%
figure = pictures.graphs(
    ["rbm", "sbn", "dbn"],
    ["one machine", "untied once, all arrows down", "deep belief network"])  # fmt: skip
plots.show(figure,
    alt="Three graphs. One machine: visible and hidden units joined by lines. A "
    "directed net of three layers with arrows pointing down. A deep belief network: "
    "lines between the two upper layers, arrows from the middle layer to the visible "
    "one.")  # fmt: skip

# %% [markdown]
# The world is *bars and stripes*, as in notebook 08: pictures of 3 × 4 pixels in which whole rows or whole columns are black, 22 of 4096. The first machine has 8 hidden units and learns by persistent contrastive divergence.


# %% tags=["nbval-ignore-output"]
from coursekit.training import fit_contrastive


def bars_and_stripes(height, width):
    """Every picture of whole rows or whole columns once: (2^h + 2^w - 2, h * w)."""
    rows = rbm.all_states(height).repeat_interleave(width, dim=1)
    columns = rbm.all_states(width).repeat(1, height)
    return torch.unique(torch.cat([rows, columns]), dim=0)


def first_machine(seed, n_steps=1200, rate=0.4):
    torch.manual_seed(seed)
    machine = rbm.RBM(12, 8)
    options = {"n_steps": n_steps, "batch_size": 88, "learning_rate": rate,
        "centring": False}  # fmt: skip
    fit_contrastive(machine, bars.repeat(4, 1), persistent=True, seed=seed,
        device="cpu", **options)  # fmt: skip
    return machine.requires_grad_(False)


bars = bars_and_stripes(3, 4)
firsts = [first_machine(seed) for seed in range(3)]

# %% [markdown]
# **The transposed start.** Where should the second machine start? Exactly where the first one is, *turned over*: its visible units are $h_1$, so its weights are $W^\top$ and its two biases change places. Its distribution of $h_1$ is then that of the first machine, and nothing has changed: same $p(h_1)$, same $p(v)$, same bound.

# %%
stack = dbn.DBN.from_rbm(firsts[0]).requires_grad_(False)
states = rbm.all_states(8)  # every h1, (256, 8)
# p(h1) of the first machine
before = torch.softmax(-firsts[0].hidden_free_energy(states), 0)
check("p(h1) of the second machine = that of the first",
      stack.machines[1].log_prob(states).exp(), before, atol=1e-12)  # fmt: skip
check("log p(v) is unchanged", stack.log_prob(bars), firsts[0].log_prob(bars),
      atol=1e-10)  # fmt: skip
# (22, 256)
log_q = bits_log_prob(bars @ firsts[0].weight.T + firsts[0].hidden_bias, states)
q = log_q.exp()
# log p(v | h1)
log_v = bits_log_prob(states @ firsts[0].weight + firsts[0].visible_bias, bars).T
terms = (q * log_v).sum(1), q @ stack.machines[1].log_prob(states), -(q * log_q).sum(1)
check("bound by hand = coursekit", sum(terms), stack.bound(bars)["bound"], atol=1e-12)
check("and it is tight", sum(terms), firsts[0].log_prob(bars), atol=1e-10)

# %% [markdown]
# **Training.** The data of the second machine are the hidden states, each weighted by how often $q$ draws it. With 256 states the gradient needs no sampling: positive phase under $q$, negative phase under the machine's own distribution, as in section 5 of notebook 08.


# %%
def step_up(machine, weight, rate=0.5):
    """One exact gradient step on hidden states with weights (256,), in place."""
    h2 = machine.hidden_probability(states)
    model = torch.softmax(-machine.free_energy(states), 0)
    ascent = rbm.difference(rbm.moments(states, h2, weight),
        rbm.moments(states, h2, model))  # fmt: skip
    for name, direction in ascent.items():
        getattr(machine, name).add_(rate * direction)


def learn(stack, weight, n_steps=300, every=10):
    """Train the second machine; returns means of (step, bound, prior term, log p)."""
    curve = []
    for step in range(n_steps + 1):
        if step % every == 0:
            bound = stack.bound(bars)
            log_p = stack.log_prob(bars).mean()
            curve.append([step, bound["bound"].mean(), bound["prior"].mean(), log_p])
        step_up(stack.machines[1], weight)
    return np.array(curve).T


steps, bound, prior_term, log_p = learn(stack, q.mean(0))
start = firsts[0].log_prob(bars).mean().item()
check("the bound rises by exactly what the prior term gains", bound - bound[0],
      prior_term - prior_term[0], atol=1e-10)  # fmt: skip
check("log p(v) is never below the bound", log_p, bound, relation=">=",
      theorem="Jensen", atol=1e-10)  # fmt: skip
check("so it never falls below the first machine's", log_p, start, relation=">=",
      theorem="greedy training", atol=1e-10)  # fmt: skip
check("the bound gains over 0.05 nats", bound[-1] - start, 0.05, relation=">=",
      control={"turned over, untrained": bound[0] - start})  # fmt: skip

# %%
figure = pictures.bound_in_training(
    steps, bound, log_p, start,
    title="training the second machine lifts the bound, and log p stays above "
    "it")  # fmt: skip
plots.show(figure,
    alt="Bound and exact log-likelihood over the updates of the second machine: both "
    "start at the dotted line of one machine alone and rise, the log-likelihood above "
    "the bound.")  # fmt: skip

# %% [markdown]
# Both curves leave the dotted line upwards, and the blue one stays on top. If the second machine had learned nothing, both would lie on the line.
#
# Read the theorem with care. It speaks of the bound, and $\log p$ is dragged along only because the bound was *tight* at the start. Add a third machine, and the start is no longer tight: then the bound is raised again, but $\log p$ may do what it likes above it. And the theorem says nothing about how *large* the gain is. So spend the same 300 exact gradient steps, at the same rate, on the first machine instead, and compare:


# %%
def spent_on(first, where, rate=0.5, n_steps=300):
    """The model after exact gradient steps of the "first" or the "second" machine."""
    net = dbn.DBN.from_rbm(first).requires_grad_(False)
    logits = bars @ first.weight.T + first.hidden_bias
    weight = bits_log_prob(logits, states).exp().mean(0)
    for _ in range(n_steps):
        if where == "second":
            step_up(net.machines[1], weight, rate)
            continue
        for name, direction in net.machines[0].exact_gradient(bars).items():
            getattr(net.machines[0], name).add_(rate * direction)
    return net if where == "second" else net.machines[0]


def mean_log_prob(model):
    return model.log_prob(bars).mean().item()


alone = np.array([mean_log_prob(first) for first in firsts])
second, longer = (np.array([mean_log_prob(spent_on(first, where)) for first in firsts])
    for where in ("second", "first"))  # fmt: skip
compared = {"one machine": alone, "a second on top": second,
            "the first trained on": longer}  # fmt: skip
for name, values in compared.items():
    print(f"{name:21} {values.mean():.2f} nats, spread {values.std(ddof=1):.2f}")
check("the first machine trained on ends above a second on top, each of three seeds",
      longer, second, relation=">=",
      control={"one machine, no more steps": alone})  # fmt: skip
for where in ("second", "first"):
    values = [mean_log_prob(spent_on(first, where, rate=0.25)) for first in firsts]
    print(f"the {where} one, at half the rate: {np.mean(values):.2f} nats")

# %% [markdown]
# The second machine gains, as promised. The same steps at the same rate, spent on the first machine, gain more. At half the rate it is the same. The theorem promises an improvement, not that it is the best use of your time; on worlds as small as this one, depth is not yet needed.

# %% [markdown] slide="slide"
# ## 4 · Drawing from it: Gibbs on top, one pass down
#
# **Question.** How do we draw a picture from a model that is half undirected, half directed?
#
# In the order in which the model tells its story. First $h_1$ comes from the top machine, and for that the chain runs *between $h_1$ and $h_2$*, until it forgets its start. Then one pass down: each pixel once, given $h_1$. The pixels never talk back.
#
# The classic slip is to run the chain at the bottom, $v \to h_1 \to v$, as in notebook 08. That chain belongs to another distribution, that of the lowest machine. On a small network we can see the difference.


# %%
def draw(net, n, n_steps=30):
    """n pictures: the top chain from fair coins, then one pass down."""
    below, top = net.machines
    h1 = (torch.rand(n, net.sizes[1]) < 0.5).double()
    for _ in range(n_steps):
        h2 = (torch.rand(n, net.sizes[2]) < top.hidden_probability(h1)).double()
        h1 = (torch.rand(n, net.sizes[1]) < top.visible_mean(h2)).double()
    return (torch.rand(n, net.sizes[0]) < below.visible_mean(h1)).double()


def random_stack(sizes, seed, scale=1.0):
    torch.manual_seed(seed)
    net = dbn.DBN(sizes).requires_grad_(False)
    for parameter in net.parameters():
        parameter.copy_(scale * torch.randn_like(parameter))
    return net


small, n = random_stack((4, 3, 3), seed=4, scale=1.5), 40_000
torch.manual_seed(1)
pictures_by_hand = draw(small, n)
torch.manual_seed(1)
check("sampling by hand = coursekit, bit for bit", pictures_by_hand,
      small.sample(n, n_steps=30))  # fmt: skip

# %%
every = rbm.all_states(4)
exact = small.log_prob(every).exp()
numbers = (pictures_by_hand @ torch.tensor([8.0, 4.0, 2.0, 1.0])).long()
share = torch.bincount(numbers, minlength=16) / n
standard_error = (exact * (1 - exact) / n).sqrt()
# where a chain of the lowest machine would end
slip = small.machines[0].log_prob(every).exp()
off, slip_off = ((p - exact).abs().max() for p in (share, slip))
check("share of each picture = p(v), within 4 standard errors", share, exact,
      se=standard_error)  # fmt: skip
check("no share is off by more than 0.01", off, 0.01, relation="<=",
      control={"chain of the lowest machine": slip_off})  # fmt: skip

# %%
names = ["".join(f"{s:.0f}" for s in state) for state in every]
figure = pictures.shares(exact.numpy(), share.numpy(), standard_error.numpy(),
    slip.numpy(), names)  # fmt: skip
plots.show(figure,
    alt="Bars of the exact probability of sixteen pictures; dots of sampled shares "
    "sit on the bars; red crosses of the lowest machine's distribution are far off "
    "for many.")  # fmt: skip

# %% [markdown]
# The dots sit on the bars. The crosses show where a chain of the lowest machine would have ended: it would draw some of the common pictures a third too often and others a third too seldom, without any sign that something is wrong.

# %% [markdown] slide="slide"
# ## 5 · Labels on top: which digit is this, and draw me a three
#
# **Question.** So far the network has no idea that there are ten digits. How does it learn the class of a picture without becoming an ordinary classifier?
#
# It is told the label as if it were ten more pixels, but only at the top. The top machine sees $[h_1, y]$: the hidden bits of the picture, and one unit per class, exactly one of which is on. The energy is as before; with $U$ for the weights of the class units and $d$ for their biases,
#
# $$E(h_1, y, h_2) = -h_2^\top W h_1 - h_2^\top U_y - a^\top h_1 - d_y - b^\top h_2 .$$
#
# One joint distribution of picture and label can be read in both directions. **Classify:** fix $h_1$, compare the ten free energies, with $h_2$ summed out by hand. **Draw:** fix $y$, and let the top chain run.

# %%
torch.manual_seed(5)
# 4 features, 5 hidden units, 3 classes
top = dbn.LabelRBM(4, 5, 3).requires_grad_(False)
for parameter in top.parameters():
    parameter.copy_(torch.randn_like(parameter))
W, U = top.weight[:, :4], top.weight[:, 4:]
a, d, b = top.visible_bias[:4], top.visible_bias[4:], top.hidden_bias
h1, h2 = rbm.all_states(4), rbm.all_states(5)
logits = (h1 @ W.T + b)[:, None] + U.T  # (16, 3, 5)
free_energy = -(h1 @ a)[:, None] - d - F.softplus(logits).sum(2)
p_class = torch.softmax(-free_energy, 1)
listed = torch.einsum("hyg->hy",
    torch.exp(torch.einsum("hyk,gk->hyg", logits, h2) + d[:, None]))  # fmt: skip
check("p(y | h1) by free energy = by listing every h2", p_class,
      listed / listed.sum(1, keepdim=True), atol=1e-12)  # fmt: skip
check("p(y | h1) by hand = coursekit", p_class, top.label_log_prob(h1).exp(),
      atol=1e-12)  # fmt: skip

# %% [markdown]
# For a picture $v$ the bits $h_1$ are not known, only $q(h_1 \mid v)$. So draw some and average $p(y \mid h_1)$; `predict_proba` does that. Putting the *mean* of $h_1$ into the free energy is quicker, but it is a different number, since the free energy is not linear in $h_1$; the cell below prints its error too.
#
# Now real digits: 8 × 8 pixels, 128 units in $h_1$, 300 in $h_2$. Three seeds, with everything that is beside them, are stored runs; the first of them is repeated here.

# %%
train, test = data.digits().split()
runs = data.results("dbn_digits")
stored = runs.column("error", model="DBN")
print(runs)

# %% tags=["nbval-ignore-output"]
torch.set_default_dtype(torch.float32)  # as in the stored runs
torch.manual_seed(0)
made = recipe.digits(train, test)
made.train(seed=0, device="cpu")
torch.set_default_dtype(torch.float64)
network = made.model.requires_grad_(False)
here = recipe.error(network, test)
print(f"test error of seed 0: {here:.3f} here, {stored[0]:.3f} stored")

# %%
errors = {name: 100 * runs.column("error", model=name)
          for name in dict.fromkeys(
              r["model"] for r in runs.rows if "error" in r)}  # fmt: skip
check("the run repeats: its error is the stored one, within 1.5 points", here,
      stored[0], atol=0.015)  # fmt: skip
longer_runs = data.results("dbn_longer")
errors["DBN, three times as long"] = 100 * longer_runs.column("error")
for name in ("DBN", "DBN, three times as long"):
    check(f"{name}: loses to logistic regression, each of three seeds", errors[name],
          errors["logistic regression"], relation=">=",
          control={"3 nearest neighbours": errors["3 nearest neighbours"]})  # fmt: skip
by_mean = network.label_logits(data.ink(test)).argmax(1).numpy()
by_mean_error = (by_mean != test.labels).mean()
print(f"seed 0 with the mean of h1 instead of draws: ≈ {by_mean_error:.3f}")
check("   within 2 points of the draws", by_mean_error, here, atol=0.02,
      control={"no error": 0.0, "one machine": errors["one machine"] / 100})  # fmt: skip
longest = data.results("dbn_seconds")
times = longest.column("steps").mean() / runs.column("steps", model="DBN")[0]
most = f"DBN, {times:.0f} times as long"
errors[most] = 100 * longest.column("error")
for name in ("DBN", "DBN, three times as long", most, "one machine",
             "logistic regression", "3 nearest neighbours"):  # fmt: skip
    print(f"{name:24}", *(f"{value:4.1f}" for value in errors[name]), "% error")

# %% [markdown]
# As a classifier of small digits the network loses: to logistic regression and to three nearest neighbours, even when it is trained three times as long, and to a single machine with 300 hidden units that sees pixels and label directly, with as many updates. All the generative training was for picture *and* label, and of the nats in a digit the label is a small part. That alone cannot be the reason, since the single machine was trained for the same. What is different is that the first layer never saw a label, and whatever $h_1$ leaves out is lost to the top. That too is no law, only slow to mend: trained for the longest time in the table, it comes near to logistic regression, one seed even past it, though not to the neighbours.
#
# What a classifier cannot do is draw on demand. A judge, a small classifier trained on real digits, says how often the wished digit was drawn, and how far the drawings are from real ones in its features (**Fréchet distance**: between the Gaussians fitted to the two clouds of features, smaller is better). Beside the network: the same with three times the updates, the single machine, and digits with independent grey pixels, each taken from another digit of its class. (The network's drawings are grey too: the probabilities at the end of the pass. As bits even real digits are far off for this judge.)

# %%
obeyed, fd = (runs.column(key, model="DBN") for key in ("obeyed", "fd"))
single, naive = "one machine", "independent grey pixels of each class"
controls = data.results("dbn_controls")
table = [("DBN", obeyed, fd)]
table += [("DBN, three times as long", longer_runs.column("obeyed"),
    longer_runs.column("fd"))]  # fmt: skip
table += [(name, source.column("obeyed", model=name), source.column("fd", model=name))
    for source, name in ((runs, single), (controls, naive),
                         (controls, "training digits as bits"))]  # fmt: skip
for name, wish, distance in table:
    print(f"{name:38} wished digit drawn: {wish.mean():4.0%}", end="   ")
    print(f"distance {distance.mean():5.1f}")
training = runs.column("fd", model="training digits")[0]
print(f"{'training digits':38} {'':26} distance {training:5.1f}")
check("its drawings are nearer to real digits than independent grey pixels, each seed",
      fd, controls.column("fd", model=naive), relation="<=",
      control={"real digits as bits":
               controls.column("fd", model="training digits as bits")})  # fmt: skip
check("one machine obeys more often, each of three seeds",
      runs.column("obeyed", model=single), obeyed, relation=">=",
      control={"a random digit": 1 / 10})  # fmt: skip

# %% [markdown]
# Three things to read off. Digits with independent grey pixels obey nearly always and are only a little further from real ones than the network's: on 8 × 8 pixels the class alone says a great deal. The single machine beats the network here too, in obedience and, after as many updates, in distance. Given three times as many, the network draws level in distance, but not in obedience. With 64 pixels there is little for a second layer to add, and the top machine only sees what the first one lets through.
#
# To see something, take larger pictures: MNIST at 14 × 14 pixels, 200 and 500 hidden units, one long stored run. Each column is a chain of the top machine with its label clamped, after 300 Gibbs steps from fair coins, and one pass down.
#
# <details><summary><b>Predict before you run:</b> the chain starts with coin flips in h1. After how many steps will you be able to read the digit?</summary>
#
# Ten to thirty, mostly: move the slider, and see the count below it. The label pulls from the first step on, but one step only knows "more like a three than this noise". Some chains never arrive in 300 steps.
# </details>

# %%
long = data.results("dbn_pictures")
chains = long.arrays["chains"] / 16  # (class, time, chain, pixel)
print(long)
figure = pictures.digit_rows(list(chains[:, -1, :3].swapaxes(0, 1)), (14, 14),
      title="most chains draw the digit they were asked for, 0, 1, ..., 9")  # fmt: skip
plots.show(figure,
           alt="Three rows of ten drawn digits, asked for in the order 0 to 9. Most "
           "can be read as the digit asked for, some are smeared or look like a "
           "different one.")  # fmt: skip

# %% tags=["nbval-ignore-output"]
from coursekit.dbn import explorers

times = long.arrays["steps"].tolist()
explorers.clamped_explorer(chains, times, (14, 14))

# %%
from functools import partial

from sklearn.neighbors import KNeighborsClassifier

from coursekit import widgets

small_digits, _ = data.train_and_test("mini_mnist")
reader = KNeighborsClassifier(3).fit(data.ink(small_digits), small_digits.labels)
for at, step in enumerate(times):
    read = reader.predict(chains[:, at].reshape(-1, 196)).reshape(10, -1)
    hits = (read == np.arange(10)[:, None]).mean()
    print(f"after {step:3} steps: {hits:.0%} of 80 chains are read as the wished digit")
frame = partial(explorers.clamped_frame, chains, tuple(times), (14, 14))
widgets.static_frames(frame, [{"label": 3, "step": 0}, {"label": 3, "step": 10},
    {"label": 3, "step": 300}],
    alt="Eight chains with the label 3 clamped: noise at step 0, vague strokes after "
    "ten steps, mostly threes after 300.")  # fmt: skip

# %% [markdown]
# At step 0 we see what one pass down makes of coin flips: parts of strokes that do not belong together. After ten steps about half of the 80 chains are read as the digit they were asked for, after thirty about three quarters, and then the count stays where it is: a few chains have settled on something else. The label is one voice among 200.

# %% [markdown] slide="slide"
# ## 6 · Up-down: all layers learn together
#
# **Question.** Greedy training never looks back. When the second machine has changed, is the lowest layer still the best one for it?
#
# It is not, and so the last step of 2006 was to train all layers together. For that the two directions part company. On the way down each layer keeps its **generative** weights $W_k$; on the way up it gets **recognition** weights $R_k$ of its own, which define $q$, an *approximate posterior*: it need not be exact any more. A network that computes it is called a **recognition (or inference) network**; notebook 11 builds the VAE on the same idea.
#
# Contrastive wake-sleep, **up-down** for short, has three phases:
#
# - **Wake.** Go up from the data, drawing each layer from $q$. Each layer is then a target for the generative weights below it: $W_k \leftarrow W_k + \epsilon\, h_{k+1}\,(h_k - \hat h_k)^\top$ with the prediction $\hat h_k = \sigma(c_k + W_k^\top h_{k+1})$. This is logistic regression, downwards.
# - **Top.** The top machine makes a few Gibbs steps from where the way up arrived: contrastive divergence.
# - **Sleep.** From there go down, drawing each layer from $p$. Now the causes are known, since we drew them ourselves, and the recognition weights learn to recover them: $R_k \leftarrow R_k + \epsilon\,(h_{k+1} - \tilde h_{k+1})\, h_k^\top$ with $\tilde h_{k+1} = \sigma(b_k + R_k h_k)$. Logistic regression, upwards.
#
# Each phase is easy. But *of what* are they the gradient? Enumerate a small network and let automatic differentiation answer.

# %%
net = random_stack((5, 4, 4), seed=6)
net.untie()
net.recognition[0].add_(0.7 * torch.randn(4, 5))  # so that q is not the posterior
v, h = rbm.all_states(5), rbm.all_states(4)
p_h = net.machines[1].log_prob(h).exp()
v_given_h = bits_log_prob(net.generation_logits(0, h), v).exp()
joint = (p_h[:, None] * v_given_h).T  # p(v, h1), (32, 16)
p_v, posterior = joint.sum(1), joint / joint.sum(1, keepdim=True)


def log_recognition():
    """log q(h1 | v) for every pair, (32, 16)."""
    return bits_log_prob(net.recognition_logits(0, v), h)


def of_bound():
    return p_v @ net.bound(v)["bound"]


def minus_reverse_kl():
    return -(joint * (posterior.log() - log_recognition())).sum()


def cosine(a, b):
    return (a * b).sum() / a.norm() / b.norm()


def gradient_of(objective, parameter):
    """Derivative of the number objective() by one parameter, by autograd."""
    parameter.requires_grad_(True)
    (gradient,) = torch.autograd.grad(objective(), parameter)
    parameter.requires_grad_(False)
    return gradient


# %%
W, R, q = net.machines[0].weight, net.recognition[0], log_recognition().exp()
# v less its prediction, (32, 16, 5)
missed = v[:, None] - torch.sigmoid(net.generation_logits(0, h))
wake = torch.einsum("v,vh,hj,vhi->ji", p_v, q, h, missed)
check("wake = gradient of the bound in W", wake, gradient_of(of_bound, W), atol=1e-12)

# h1 less its prediction, (32, 16, 4)
missed = h - torch.sigmoid(net.recognition_logits(0, v))[:, None]
sleep = torch.einsum("vh,vhj,vi->ji", joint, missed, v)
check("sleep = minus the gradient of E_p KL(p(h|v) || q)", sleep,
      gradient_of(minus_reverse_kl, R), atol=1e-12)  # fmt: skip
in_R = gradient_of(of_bound, R)
print(f"cosine of sleep and the gradient of the bound in R: {cosine(sleep, in_R):.2f}")
check("sleep is not the gradient of the bound in R: cosine under 0.99",
      cosine(sleep, in_R), 0.99, relation="<=",
      control={"wake and the bound, in W":
               cosine(wake, gradient_of(of_bound, W))})  # fmt: skip

# %% [markdown]
# The wake phase climbs the bound, whose gap is $\mathrm{KL}(q \,\Vert\, p)$. The sleep phase descends the *other* divergence, $\mathrm{KL}(p \,\Vert\, q)$, averaged over the model's own samples instead of the data. So up-down as a whole climbs nothing: the two phases pull on two different ropes, here at the angle whose cosine is printed. That is its theoretical weakness. The VAE of notebook 11 has one objective for both directions.
#
# Does it help in practice? Let all layers of the stack of section 3 learn on the 22 pictures. Two controls get as many updates with as many Gibbs steps at the same rates. All start from the first of the three machines; the three seeds are those of the updates. In one only the top machine of the same stack learns on: is it *all layers together* that helps, or just more updates? In the other the first machine learns on alone, after the 300 exact steps that the stack has had as well.

# %% tags=["nbval-ignore-output"]
import copy


def up_down_curve(seed, learns="", n_steps=600, every=100):
    """Exact log p and bound during up-down; names that start with `learns` learn."""
    net, rng = copy.deepcopy(stack), torch.Generator().manual_seed(seed)
    net.untie()
    parameters, curve = dict(net.named_parameters()), []
    for step in range(n_steps + 1):
        if step % every == 0:
            curve.append([net.log_prob(bars).mean(), net.bound(bars)["bound"].mean()])
        rate = 0.15 * (1 - step / n_steps)
        gradient = net.up_down_gradient(bars.repeat(4, 1), k=3, rng=rng)
        for name, direction in gradient.items():
            if name.startswith(learns):
                parameters[name].add_(rate * direction)
    return np.array(curve).T


def trained_on(seed):
    """Exact log p of the first machine after 300 exact steps and 600 of CD-3."""
    machine = spent_on(firsts[0], "first")
    options = {"k": 3, "n_steps": 600, "batch_size": 88, "learning_rate": 0.15}
    fit_contrastive(machine, bars.repeat(4, 1), centring=False, momentum=0.0, seed=seed,
                    device="cpu", **options)  # fmt: skip
    return mean_log_prob(machine)


# (seed, log p or bound, step)
by_up_down = np.array([up_down_curve(seed) for seed in range(3)])
top_only = np.array([up_down_curve(seed, "machines.1")[0, -1] for seed in range(3)])
carried_on = np.array([trained_on(seed) for seed in range(3)])
print("up-down, log p before and after:", by_up_down[:, 0, [0, -1]].round(2).tolist())
print("only the top machine learns on:", top_only.round(2))
print("one machine: exact steps", round(longer[0], 2), "and then by CD-3",
      carried_on.round(2))  # fmt: skip

# %%
gained = by_up_down[:, 0, -1] - by_up_down[:, 0, 0]
check("up-down adds over 0.02 nats for every seed", gained, 0.02, relation=">=",
      control={"the top machine alone": top_only - by_up_down[:, 0, 0]})  # fmt: skip
ends_at = by_up_down[:, 0, -1]
check("and ends above one machine trained on by CD-3", ends_at, carried_on,
      relation=">=", control={"one machine": start})  # fmt: skip
groups = [("log p(v)", "model", by_up_down[:, 0]),
          ("bound", "latent", by_up_down[:, 1])]  # fmt: skip
levels = [("one machine", start), ("top only", top_only.mean())]

# %%
figure = pictures.curves_by_seed(100 * np.arange(7), groups, ylabel="nats per picture",
    title="up-down gains on the greedy stack, the top machine alone does not",
    levels=levels)  # fmt: skip
plots.show(figure,
    alt="Exact log-likelihood and bound over the updates of up-down for three seeds, "
    "both rising from the greedy stack; dotted lines for one machine alone, and for "
    "the stack whose top machine alone learned on.")  # fmt: skip

# %% [markdown]
# Every seed gains a little on the greedy stack. The top machine alone even loses a little: contrastive divergence replaces the exact gradients it had before. So the gain does come from the layers below. All seeds end above the single machine that learned on by contrastive divergence, too. Yet that machine was further along *before*, after its exact steps alone, than up-down ever gets. On this small world the better gradient matters more than the second layer.

# %% [markdown] slide="slide"
# ## 7 · Fine-tuning, and what pre-training is worth today
#
# **Question.** The network loses as a classifier. But its first layer has seen what digits look like. Is that a good *starting point* for ordinary training?
#
# This was the news of 2006. Run the way up with probabilities instead of bits, and it is a perceptron; put the ten free energies at its end, and $\log p(y \mid v)$ can be differentiated. **Fine-tuning** is backpropagation from there. The same trick started deep autoencoders: unroll the stack, encoder up and decoder down, and fine-tune the reconstruction (Hinton and Salakhutdinov 2006; [notebook 10](10_autoencoders.ipynb) has a section on it). Before that, deep nets of sigmoid units had hardly been trainable.

# %% tags=["nbval-ignore-output"]
tuned = copy.deepcopy(network).requires_grad_(True)
grey, labels = (torch.tensor(part) for part in (data.ink(train), train.labels))
recipe.fine_tune(tuned, grey, labels, n_steps=600, seed=0)
tuned.requires_grad_(False)
guess = tuned.label_logits(data.ink(test)).argmax(1)
here = (guess != torch.tensor(test.labels)).double().mean().item()
fine_tuned = errors["DBN, fine-tuned"]
print(f"error of seed 0, fine-tuned: {here:.3f} here, {fine_tuned[0] / 100:.3f} stored")

# %%
check("fine-tuning repeats: the stored error, within 1.5 points", 100 * here,
      errors["DBN, fine-tuned"][0], atol=1.5)  # fmt: skip
check("fine-tuning at least halves the error, each of three seeds",
      errors["DBN, fine-tuned"], errors["DBN"] / 2, relation="<=",
      control={"before": errors["DBN"]})  # fmt: skip
spoiled = runs.column("fd", model="DBN, fine-tuned")
check("and costs the drawings: at least twice as far from real digits", spoiled, 2 * fd,
      relation=">=", control={"before": fd})  # fmt: skip
torch.manual_seed(1)
wish = torch.arange(10)
rows = [net.sample(10, labels=wish, n_steps=300, means=True).numpy()
    for net in (network, tuned)]  # fmt: skip

# %%
figure = pictures.digit_rows(rows, (8, 8), labels=["before", "after"],
      title="asked for 0, 1, ..., 9: fine-tuning spoils the drawings")  # fmt: skip
plots.show(figure,
    alt="Two rows of ten small drawings. Before fine-tuning most can be read as the "
    "digit asked for, though not the 1 and the 9; after it all ten are nearly the "
    "same blot.")  # fmt: skip

# %% [markdown]
# The same weights cannot serve two masters. After fine-tuning the network knows better *which* digit it sees, and has forgotten what digits look like: it draws nearly the same blot whichever one we ask for.
#
# Now the question that the lecture must not dodge. Give a network *without* pre-training the same CPU seconds: first the very same sigmoid net, from the small weights (about 0.01) with which machines start; then the same from weights of the size that Glorot and Bengio advised in 2010; then what people do today, ReLU units and dropout.
#
# **Predict before you run:** who is ahead, and by how much?
#
# <details><summary>Answer</summary>
# Pre-training puts the sigmoid net well ahead of the same net from small weights. The larger part of that lead, however, is a matter of scale: larger first weights make it up. ReLU units with dropout are ahead of all.
# </details>

# %%
starts = data.results("dbn_starts")
print(starts)
cold, wider = "same net, no pre-training", "same net, larger weights"
warm, modern = "DBN, fine-tuned", "ReLU and dropout"
errors[wider] = 100 * starts.column("error")
order = ["DBN", "one machine", "logistic regression", cold, wider, warm, modern,
    "3 nearest neighbours"]  # fmt: skip
colors = ["latent", "latent", "data", "model", "model", "model", "critic", "data"]

# %%
groups = [(name, errors[name], color)
          for name, color in zip(order, colors, strict=True)]  # fmt: skip
figure = pictures.dots_by_method(
    groups, xlabel="test error (%)",
    title="pre-training or larger weights help the sigmoid net; ReLU with dropout "
    "wins")  # fmt: skip
plots.show(figure,
           alt="Test errors by method on 8 × 8 digits, a dot per seed: the generative "
           "network and the sigmoid net from small weights at about five to seven per "
           "cent, the same net from larger weights near two, the fine-tuned one at one "
           "and a half, ReLU and dropout below one.")  # fmt: skip

# %%
for name in (cold, wider, warm, modern):
    mean, spread = errors[name].mean(), errors[name].std(ddof=1)
    print(f"{name:26} {mean:.1f} %, spread {spread:.1f}")
check("pre-training at least halves the error of the net from small weights",
      errors[warm], errors[cold] / 2, relation="<=",
      control={"no pre-training": errors[cold]})  # fmt: skip
lead = errors[cold].mean() - errors[warm].mean()
check("larger first weights alone make up at least half of that lead",
      errors[cold].mean() - errors[wider].mean(), lead / 2, relation=">=",
      control={"small weights": 0.0})  # fmt: skip
check("ReLU and dropout are ahead of both, in the mean of three seeds",
      errors[modern].mean(), errors[warm].mean(), relation="<=",
      control={"larger weights": errors[wider].mean()})  # fmt: skip

# %% [markdown] slide="subslide"
# **Taken apart.** The modern net differs in three ways from a sigmoid net of the old sizes: ReLU units, dropout, and width (400 and 400 hidden units instead of 128 and 300). Which of them does it? Here are all eight combinations, from PyTorch's usual first weights, for equal seconds: a small net, or one without dropout, makes more steps in them. A test error of one digit is 0.3 points, which is coarse, so we compare the **cross-entropy**, the mean of $-\log p(y \mid v)$ of the right class over the test digits.
#
# **Predict before you run:** which one of the three is worth most?

# %%
from itertools import product

apart, ideas = data.results("dbn_causes"), ("relu", "dropout", "wide")
kinds = [dict(zip(ideas, on, strict=True)) for on in product((True, False), repeat=3)]
for kind in kinds:
    nats, error, steps = (apart.column(c, **kind) for c in ("nats", "error", "steps"))
    name = ", ".join(idea for idea in ideas if kind[idea]) or "none of them"
    print(f"{name:19} {steps[0]} steps: {nats.mean():.3f} nats, {error.mean():.1%}")


# %%
def gain(idea, **where):
    """Nats saved by switching one idea on, in the settings of the others, by seed."""
    without = [k for k in kinds if not k[idea] and k.items() >= where.items()]
    nats = [[apart.column("nats", **kind) for kind in (off, off | {idea: True})]
            for off in without]  # fmt: skip
    return np.array([before - after for before, after in nats])


gains = {idea: gain(idea) for idea in ideas}
for idea in ideas:
    print(f"{idea:8} saves {gains[idea].mean():6.3f} nats, mean of four settings")
    if idea != "relu":
        print(f"{'':8} saves {gain(idea, relu=True).mean():6.3f} nats with ReLU units")
check("ReLU saves over 0.03 nats, mean of four settings, each of three seeds",
      gains["relu"].mean(0), 0.03, relation=">=",
      control={idea: gains[idea].mean(0) for idea in ideas[1:]})  # fmt: skip
check("it saves something in each setting and seed", gains["relu"].min(), 0.0,
      relation=">=",
      control={idea: gains[idea].min() for idea in ideas[1:]})  # fmt: skip
check("with ReLU units dropout saves something too, two widths, each seed",
      gain("dropout", relu=True), 0.0, relation=">=",
      control={"with sigmoid units": gain("dropout", relu=False)})  # fmt: skip

# %% [markdown]
# It is ReLU. From the old net, ReLU alone halves the cross-entropy. Dropout on top of it takes off about another quarter, in every seed; with sigmoid units it does harm, and most of ReLU's mean over the four settings is that harm undone. Width costs a little. A likely reason for the harm: a sigmoid net learns slowly, and noise, or the fewer steps of a wide net, slow it down further. What they would do in a longer run we have not tried.
#
# The last line of the table is a surprise. No pre-training, no ReLU, no dropout, the sizes of old: that net is nearly as good. How can that be, when the same net from larger weights, in the figure before, was so much worse? That one had ten free energies at its end, and in its time it made few steps. The ordinary net makes many:

# %%
plain = {idea: False for idea in ideas}
for name, runs_of, which in (("free energies", starts, {}), ("ordinary", apart, plain)):
    print(f"{name:13} at the end: {runs_of.column('steps', **which)[0]} steps")
check("the ordinary net is at most as wrong as the pre-trained one, in the mean",
      100 * apart.column("error", **plain).mean(), errors[warm].mean(), relation="<=",
      control={"larger weights, free energies": errors[wider].mean()})  # fmt: skip

# %% [markdown]
# So, here, much of what pre-training gave was a head start, and more steps make up for it.
#
# Three sentences, and all are true. *Pre-training works:* in these seconds it puts the net far ahead of its own random start. (We have not trained the latter for longer.) That was the sensation of 2006. *Much of it was the scale of the weights:* a random start with larger ones makes up over half of the lead. *It is not needed here any more:* with ReLU units, or with many steps, plain backpropagation does as well or better in the same time. What killed layer-wise pre-training was not a flaw in the theorem; its reason went away.
#
# (These are small digits. The recipes for MNIST, with the sizes of 2006, are `recipe.classifier` and its rival `recipe.modern`; `course.py bench dbn:mnist` measures both for the same seconds.)
#
# The idea survived in another form. Large models are still trained first to describe their data and tuned afterwards; only the describing is no longer done layer by layer.

# %% [markdown] slide="slide"
# ## 8 · Not a deep Boltzmann machine
#
# **Question.** The deck draws three stacks of the same units. Is it a matter of taste where the arrow heads go?
#
# Take one set of weights and read it in three ways. All arrows down: a **sigmoid belief net**, where $h_2$ are independent coins with biases $b_2$. Lines on top, arrows below: our network. Lines everywhere: a **deep Boltzmann machine**, $p(v, h_1, h_2) \propto \exp(h_1^\top W_1 v + h_2^\top W_2 h_1 + c^\top v + a^\top h_1 + b_2^\top h_2)$, where $a$ are the biases of $h_1$.


# %%
def variation(p, q):
    return (p - q).abs().sum() / 2


trio = random_stack((4, 3, 3), seed=3, scale=1.2)
below, top = trio.machines
v, h1, h2 = rbm.all_states(4), rbm.all_states(3), rbm.all_states(3)
# the same in all three, (8, 16)
v_given_h1 = bits_log_prob(below.visible_mean(h1).logit(), v).exp()
p_h2 = bits_log_prob(top.hidden_bias[None], h2)[0].exp()
h1_given_h2 = bits_log_prob(top.visible_mean(h2).logit(), h1).exp()
belief = p_h2 @ h1_given_h2 @ v_given_h1
stacked = top.log_prob(h1).exp() @ v_given_h1
# (8, 16), what v and h1 say to each other
energy = h1 @ below.weight @ v.T + v @ below.visible_bias
minus_energy = energy - top.free_energy(h1)[:, None]  # h2 summed out
deep = torch.softmax(minus_energy.flatten(), 0).reshape(8, 16)
check("the middle one is coursekit's DBN", stacked, trio.log_prob(v).exp(), atol=1e-12)
upward = torch.softmax(-top.free_energy(h1)
    + F.softplus(h1 @ below.weight + below.visible_bias).sum(1), 0)  # fmt: skip
check("p(h1) of the deep machine = the top machine's, times what v says about h1",
      deep.sum(1), upward, atol=1e-12)  # fmt: skip
distances = torch.stack([variation(belief, stacked), variation(stacked, deep.sum(0)),
    variation(belief, deep.sum(0))])  # fmt: skip
check("each two of them are over 0.02 apart", distances, 0.02, relation=">=",
      control={"the DBN, computed twice":
               variation(stacked, trio.log_prob(v).exp())})  # fmt: skip

# %%
graphs = pictures.graphs(
    ["sbn", "dbn", "dbm"],
    ["sigmoid belief net", "deep belief network",
     "deep Boltzmann machine"])  # fmt: skip
bars_of = [p.numpy() for p in (belief, stacked, deep.sum(0))]
names = ["sigmoid belief net", "deep belief network", "deep Boltzmann machine"]
figure = [graphs,
          pictures.three_distributions(
              bars_of, names,
              title="the same weights, three distributions of v")]  # fmt: skip
plots.show(figure,
           alt="Graphs of the three models, which differ only in arrow heads, and "
           "their probabilities of sixteen pictures, which differ "
           "visibly.")  # fmt: skip

# %% [markdown]
# Arrow heads are mathematics. In the deep Boltzmann machine information flows up *and* down at once: given the neighbours, $h_1$ listens to $v$ and to $h_2$, and even its prior is bent by what $v$ could say. In the deep belief network $v$ has no say about $h_1$ until it is observed. So a deep Boltzmann machine needs a different training procedure, which is not the subject of this lecture.

# %% [markdown] slide="slide"
# ## 9 · What goes wrong
#
# **Probabilities handed upwards.** It is tempting to train the second machine on the *probabilities* of the hidden units instead of on drawn bits: less noise! But the bound asks for $\mathbb E_q \log p(h_1)$, an average over bits, and the machine that suits the average vector is not the one that suits the vectors on average.
#
# How much that costs depends on how undecided the hidden units are. So take first machines that were stopped early. Both ways start turned over, with exact gradients and equally many updates; then the slip gets three times as many.


# %% tags=["nbval-ignore-output"]
def end_of(first, handed_on, n_steps):
    """Mean bound after training the second machine on drawn "bits" or on "means"."""
    net = dbn.DBN.from_rbm(first).requires_grad_(False)
    means = first.hidden_probability(bars)
    weight = bits_log_prob(means.logit(), states).exp().mean(0)
    for _ in range(n_steps):
        if handed_on == "bits":
            step_up(net.machines[1], weight)
            continue
        for name, direction in net.machines[1].exact_gradient(means).items():
            getattr(net.machines[1], name).add_(0.5 * direction)
    return net.bound(bars)["bound"].mean().item()


ways = {"start": ("bits", 0), "bits": ("bits", 300), "means": ("means", 300),
    "longer": ("means", 900)}  # fmt: skip
young = [first_machine(seed, n_steps=400, rate=0.2) for seed in range(3)]
ends = {
    key: np.array([end_of(first, *way) for first in young]) for key, way in ways.items()
}  # fmt: skip
trained = {key: np.array([end_of(first, *ways[key]) for first in firsts])
    for key in ("start", "bits", "means")}  # fmt: skip
for name, table in (("stopped early", ends), ("well trained", trained)):
    print(name, {key: values.round(3).tolist() for key, values in table.items()})

# %%
check("bits raise the bound, each of three seeds", ends["bits"], ends["start"],
      relation=">=", control={"probabilities": ends["means"]})  # fmt: skip
check("with three times the updates probabilities still end below the start",
      ends["longer"], ends["start"], relation="<=",
      control={"bits": ends["bits"]})  # fmt: skip
cost = trained["bits"] - trained["means"]
check("on well-trained machines the slip costs under 0.02 nats", cost, 0.02,
      relation="<=",
      control={"stopped early": ends["bits"] - ends["means"]})  # fmt: skip

# %% [markdown]
# Where the hidden units have made up their minds, a probability is nearly a bit, and the slip goes unnoticed. On real digits, with hundreds of undecided units, it need not.

# %% [markdown] slide="subslide"
# **A second machine of another size.** The turned-over start needs as many units in $h_2$ as there are pixels. For any other number we must start at random, and so begin with a *worse* prior than the first machine's. Nothing in the theorem protects this start: the bound drops first, and the second machine has to win back what it lost. Here with 4 units in $h_2$, and with 12, the size of the safe start:


# %%
def random_start(first, n_top, seed, n_steps):
    """Mean bound before and after training a second machine from random weights."""
    torch.manual_seed(seed)
    net = dbn.DBN((12, 8, n_top)).requires_grad_(False)
    net.machines[0].load_state_dict(first.state_dict())
    weight = bits_log_prob(first.hidden_probability(bars).logit(), states).exp().mean(0)
    before = net.bound(bars)["bound"].mean().item()
    for _ in range(n_steps):
        step_up(net.machines[1], weight)
    return before, net.bound(bars)["bound"].mean().item()


narrow, same = (np.array(
    [random_start(firsts[seed], n_top, seed, 900) for seed in range(3)])
                for n_top in (4, 12))  # fmt: skip
for name, pair in (("4 units", narrow), ("12 units", same)):
    print(f"{name}: bound less that of one machine, three seeds, before",
        (pair[:, 0] - trained["start"]).round(1), "after 900 updates",
        (pair[:, 1] - trained["start"]).round(2))  # fmt: skip
check("a random start is below one machine alone", np.maximum(narrow, same)[:, 0],
      trained["start"], relation="<=",
      control={"turned over, 300 updates": trained["bits"]})  # fmt: skip
check("and still is after 900 updates", np.maximum(narrow, same)[:, 1],
      trained["start"], relation="<=",
      control={"turned over, 300 updates": trained["bits"]})  # fmt: skip

# %% [markdown]
# The numbers are differences to one machine alone, in nats. A random start falls off a cliff, and on this small world 900 updates, three times as many as the protected start had, do not bring it back. So "adding a layer improves the bound" is true of the protected start only. In practice people used random starts all the same, since they wanted layers of other sizes.
#
# **A unit inside its own sigmoid.** The deck's slide on the directed layers has a stray $h_i$ in the exponent: $p(h_i = 1 \mid h') = \sigma(b_i + (W h')_i\, h_i)$. The form that is right for both values of $h_i$ is $p(h_i \mid h') = \sigma((2 h_i - 1)(b_i + (W h')_i))$. With the stray factor the two probabilities of a unit do not even add up to one:

# %%
drive = torch.randn(6, generator=torch.Generator().manual_seed(2))
bias = torch.tensor(-0.4)


def right(h_i):
    return torch.sigmoid((2 * h_i - 1) * (bias + drive))


def stray(h_i):
    return torch.sigmoid(bias + drive * h_i)


check("p(0) + p(1) = 1", right(0) + right(1), torch.ones(6), atol=1e-12,
      control={"the stray factor": stray(0) + stray(1)})  # fmt: skip

# %% [markdown] slide="slide"
# ## 10 · Summary
#
# | Claim | Where it was checked | Code in [`dbn`](../coursekit/dbn/model.py) |
# | --- | --- | --- |
# | an observed effect makes its causes dependent: explaining away | section 1 | |
# | a machine's own $p(h)$ is a complementary prior: the posterior is a product | section 2 | |
# | a deep directed net with tied weights tends to the machine, at the pace of $\lambda_2$ | section 2 | |
# | turned over on top, a second machine changes nothing; training it raises the bound by the gain of the prior term | section 3 | `DBN.from_rbm`, `bound` |
# | sampling: Gibbs on top, one pass down | section 4 | `sample` |
# | $p(y \mid h_1)$ by free energy; drawing with a clamped label | section 5 | `LabelRBM`, `predict_proba` |
# | wake climbs the bound, sleep descends $\mathrm{KL}(p \,\Vert\, q)$ | section 6 | `up_down_gradient` |
# | fine-tuning helps to classify and spoils the drawings | section 7 | `recipe.fine_tune` |
# | no pre-training: ReLU is worth most; dropout helps only with it | section 7 | `recipe.rival` |
# | the same weights make three different models | section 8 | |
# | probabilities handed upwards lower the bound; a random start is not protected | section 9 | |
#
# ### Five questions
#
# <details><summary>1. Two causes are independent, and you observe an effect of the first one only. Are they still independent?</summary>
# Yes. Explaining away needs a common effect. Whatever is below the first cause alone says nothing about the second.
# </details>
#
# <details><summary>2. Why is the bound tight for one machine, and no longer after its second one has been trained?</summary>
# With the machine's own prior the posterior is exactly q. A better prior changes the posterior, but q stays what it was; the gap is KL(q || new posterior).
# </details>
#
# <details><summary>3. You want pictures from a trained network with three machines. How many Gibbs steps do you make between v and h1?</summary>
# None. The chain runs between the two topmost layers. Then one draw of each layer going down, v last and once.
# </details>
#
# <details><summary>4. Why does the sleep phase need no posterior?</summary>
# It draws the causes itself before it draws the picture. So it knows them, and learning to recover them is ordinary supervised learning.
# </details>
#
# <details><summary>5. A network after fine-tuning draws blots. Has something gone wrong?</summary>
# No: it did what it was asked to. Fine-tuning raised log p(y | v) and no longer cared for p(v, y): the shared weights went where the classes are told apart.
# </details>
#
# **Homework:** [`hw09_deep_belief_networks`](homework/release/hw09_deep_belief_networks/hw09_deep_belief_networks.ipynb): the transposed start, the bound, classes by free energy, a sleep step from given random numbers, and a bound that falls. [Solutions](../notebooks/homework/source/hw09_deep_belief_networks/hw09_deep_belief_networks.ipynb) are in a folder of their own.
#
# **References.** R. Neal (1992), *Connectionist learning of belief networks*. G. Hinton, P. Dayan, B. Frey and R. Neal (1995), *The wake-sleep algorithm for unsupervised neural networks*. G. Hinton, S. Osindero and Y.-W. Teh (2006), *A fast learning algorithm for deep belief nets*. G. Hinton and R. Salakhutdinov (2006), *Reducing the dimensionality of data with neural networks*. Y. Bengio, P. Lamblin, D. Popovici and H. Larochelle (2007), *Greedy layer-wise training of deep networks*. H. Larochelle and Y. Bengio (2008), *Classification using discriminative restricted Boltzmann machines*. R. Salakhutdinov and I. Murray (2008), *On the quantitative analysis of deep belief networks*. R. Salakhutdinov and G. Hinton (2009), *Deep Boltzmann machines*.
