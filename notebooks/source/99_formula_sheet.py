# ---
# jupyter:
#   coursekit:
#     cpu_seconds: 9
#     minutes: 20
# ---

# %% [markdown] slide="slide"
# # 99 · Formula sheet
#
# **After this notebook you have** the central formulas of the course on one page, and have seen each of them hold. The cell that follows each block of formulas checks them, nearly always on random numbers; what a check cannot hold, such as a loss to be minimised, is marked as a definition.
#
# **Time:** twenty minutes to read; it runs in about ten seconds. **You need:** the notebook that each section links; what a symbol means is in the [glossary](../docs/glossary.md). **It follows** all lectures, in their order.
#
# *Try it:* break a formula, a sign or a factor, in any cell, and run it. The check should say so; if one does not, please report it.

# %%
import numpy as np
import torch

from coursekit import plots
from coursekit.checks import check

torch.set_default_dtype(torch.float64)
torch.manual_seed(99)
plots.use_course_style()

# %% [markdown] slide="slide"
# ## 01 · Principal components
#
# From [notebook 01](01_pca_usarrests.ipynb). Let the $n$ rows of $X$ be the data, centred. With the eigenvectors of the covariance matrix as columns of $V$ and its eigenvalues $\lambda_1 \ge \lambda_2 \ge \dots$ on the diagonal of $\Lambda$, $S = \frac1n X^\top X = V \Lambda V^\top$, and the scores are $Z = XV$. Then
#
# $$\operatorname{var} Z_j = \lambda_j, \qquad X = U\Sigma V^\top \;\Rightarrow\; \lambda_j = \sigma_j^2/n, \qquad \tfrac1n\|X - X V_kV_k^\top\|^2 = \textstyle\sum_{j>k}\lambda_j .$$
#
# ($\|\cdot\|^2$ of a table: the sum of all its squares. $V_k$: the first $k$ columns of $V$.)

# %%
from coursekit.pca import PCA

X = (torch.randn(60, 5) @ torch.randn(5, 5) + torch.randn(5)).numpy()
centred = X - X.mean(axis=0)
full, two = PCA().fit(X), PCA(2).fit(X)
eigenvalues = full.explained_variance_
V = full.components_.T  # components_ has them as rows
check("S = V Lambda V'", centred.T @ centred / 60, V * eigenvalues @ V.T, atol=1e-12)
rest = centred - centred @ two.components_.T @ two.components_
claim = "variance of a score = its eigenvalue"
check(claim, full.transform(X).var(axis=0), eigenvalues, rtol=1e-12)
claim = "eigenvalue = singular value squared / n"
check(claim, np.linalg.svd(centred)[1] ** 2 / 60, eigenvalues, rtol=1e-12)
claim = "error of k = 2 = sum of the discarded"
check(claim, (rest**2).sum() / 60, eigenvalues[2:].sum(), rtol=1e-12)

# %% [markdown] slide="slide"
# ## 02 · Clustering
#
# From [notebook 02](02_clustering.ipynb). With centroids $m_k$, means of the groups $C_k$ of $n_k$ points, and $\mu$ the mean of all:
#
# $$\underbrace{\sum_i \|x_i-\mu\|^2}_{\text{total}} = \underbrace{\sum_k\sum_{i\in C_k}\|x_i-m_k\|^2}_{\text{within}} + \underbrace{\sum_k n_k\|m_k-\mu\|^2}_{\text{between}}, \qquad \frac{1}{n_k}\sum_{i,j\in C_k}\|x_i-x_j\|^2 = 2\sum_{i\in C_k}\|x_i-m_k\|^2 .$$
#
# (Left: the parallel-axis identity of notebook 02, summed over the groups. Right: $i,j$ run over ordered pairs.) Joining groups $A$ and $B$ raises the within sum by $\frac{n_An_B}{n_A+n_B}\|m_A-m_B\|^2$; Ward's merge height is the square root of twice this increase.

# %%
from coursekit.clustering import KMeans, cut, linkage

groups = KMeans(3, random_state=0).fit(X)
sizes, centers = np.bincount(groups.labels_), groups.cluster_centers_
between = (sizes * ((centers - X.mean(axis=0)) ** 2).sum(axis=1)).sum()
claim = "total = within + between"
check(claim, (centred**2).sum(), groups.inertia_ + between, rtol=1e-12)
first = X[groups.labels_ == 0]
pairs = ((first[:, None] - first) ** 2).sum() / len(first)
claim = "all pairs / n_k = 2 within"
check(claim, pairs, 2 * ((first - centers[0]) ** 2).sum(), rtol=1e-12)
tree = linkage(X, "ward")
A, B = (X[cut(tree, 2) == k] for k in (0, 1))  # joined by the last merger
within = [((group - group.mean(axis=0)) ** 2).sum() for group in (X, A, B)]
rise = len(A) * len(B) / len(X) * ((A.mean(axis=0) - B.mean(axis=0)) ** 2).sum()
claim = "joining A and B raises the within sum"
check(claim, within[0] - within[1] - within[2], rise, rtol=1e-12)
claim = "Ward's height = root of twice the rise"
check(claim, tree[-1, 2], np.sqrt(2 * rise), rtol=1e-12)

# %% [markdown] slide="slide"
# ## 03 · Maps from distances
#
# From [notebook 03](03_manifold_learning.ipynb). $D^2$ holds squared distances of $n$ centred points, $J = I - \frac1n 11^\top$; $w_{ij}$ are symmetric weights, $L = \operatorname{diag}(w1) - w$; $P$ is a random walk with stationary shares $\pi$ and $P\psi_k = \lambda_k\psi_k$; in t-SNE $p$ and $q$ are the shares of pairs among the points and in the map $y$:
#
# $$-\tfrac12 J D^2 J = XX^\top, \qquad f^\top L f = \tfrac12\sum_{ij} w_{ij}(f_i-f_j)^2, \qquad \sum_l \frac{(P^t_{il}-P^t_{jl})^2}{\pi_l} = \sum_k \lambda_k^{2t}(\psi_{ki}-\psi_{kj})^2,$$
#
# $$\frac{\partial}{\partial y_i}\mathrm{KL}(p\,\|\,q) = 4\sum_j \frac{(p_{ij}-q_{ij})(y_i-y_j)}{1+\|y_i-y_j\|^2}.$$
#
# Classical MDS is therefore PCA: its map is $V\Lambda^{1/2}$ of $XX^\top$.

# %%
from scipy.spatial.distance import cdist

from coursekit import manifold
from coursekit.manifold.tsne import joint_probabilities, kl_and_gradient

rng = np.random.default_rng(3)
X = rng.normal(size=(12, 4)) * [3, 2, 1, 0.5] + 5
squared, centred = cdist(X, X) ** 2, X - X.mean(axis=0)
gram = centred @ centred.T
check("double centring gives X X'", manifold.double_center(squared), gram, atol=1e-11)
flat = manifold.ClassicalMDS(2).fit_transform(X)
scores = np.abs(PCA(2).fit(X).transform(X))  # up to the sign of each column
check("classical MDS = PCA", np.abs(flat), scores, atol=1e-11)
weights = np.triu(rng.uniform(size=(12, 12)), 1)
weights, f = weights + weights.T, rng.normal(size=12)
differences = (weights * (f[:, None] - f) ** 2).sum() / 2
check("f'Lf adds up the differences", f @ manifold.graph_laplacian(weights) @ f,
      differences, rtol=1e-12)  # fmt: skip

# %%
walk = manifold.DiffusionMap(11, bandwidth=3.0, t=2).fit(X)
two_steps = walk.transition_ @ walk.transition_
apart = (two_steps[:, None] - two_steps) ** 2 / walk.stationary_
check("diffusion distance = distance in the diffusion map", apart.sum(axis=2),
      cdist(walk.embedding_, walk.embedding_) ** 2, atol=1e-10)  # fmt: skip
p = joint_probabilities(squared, perplexity=4)
y = torch.randn(12, 2, requires_grad=True)
others = ~torch.eye(12, dtype=torch.bool)
w = (1 / (1 + (y[:, None] - y).square().sum(dim=2)))[others]
pairs = torch.tensor(p)[others]
kl = (pairs * (pairs * w.sum() / w).log()).sum()
by_autograd = torch.autograd.grad(kl, y)[0]
check("t-SNE's gradient = autograd", kl_and_gradient(p, y.detach().numpy())[1],
      by_autograd, atol=1e-12)  # fmt: skip

# %% [markdown] slide="slide"
# ## 04 · Non-negative factors
#
# From [notebook 04](04_nmf_ratings.ipynb). $X \approx WH$, all entries non-negative; $\sigma_j$ are singular values of $X$; $m_{ij}$ is 1 where $X$ is observed:
#
# $$W \leftarrow W \odot \frac{(m \odot X)H^\top}{(m \odot WH)H^\top} \;\text{ never raises }\; \tfrac12\sum_{ij} m_{ij}(X-WH)_{ij}^2, \qquad \|X-WH\|^2 \ge \sum_{j>k}\sigma_j^2, \qquad WH = (WS)(S^{-1}H).$$
#
# By symmetry the same holds for $H$. After an update of $W$ for the Kullback-Leibler divergence, $WH$ has the row sums of $X$; after one of $H$, its column sums.

# %%
from coursekit.factorization.updates import frobenius_step, kullback_leibler_step

X, W, H = rng.uniform(size=(9, 7)), rng.uniform(size=(9, 3)), rng.uniform(size=(3, 7))
observed = rng.uniform(size=X.shape) < 0.7
up, down = (observed * X) @ H.T, (observed * (W @ H)) @ H.T
masked_step = W * up / down
found = frobenius_step(np.where(observed, X, 0), W, H, observed)
check("one masked update", found, masked_step, rtol=1e-12)
starts = (masked_step, W, W * down / up)
after, before, upside_down = ((observed * (X - w @ H) ** 2).sum() for w in starts)
check("an update lowers the error", after, before, relation="<=",
      control={"the fraction upside down": upside_down})  # fmt: skip
tail = (np.linalg.svd(X)[1][3:] ** 2).sum()
check("no factors beat the SVD", ((X - W @ H) ** 2).sum(), tail, relation=">=",
      theorem="Eckart and Young 1936")  # fmt: skip
sums = (kullback_leibler_step(X, W, H) @ H).sum(axis=1)
check("KL keeps the row sums", sums, X.sum(axis=1), rtol=1e-12)
S = np.diag([2.0, 3.0, 0.5])
check("other factors, the same product", W @ S @ (np.linalg.inv(S) @ H), W @ H,
      rtol=1e-12)  # fmt: skip

# %% [markdown] slide="slide"
# ## 05 · Word vectors
#
# From [notebook 05](05_word_vectors.ipynb). Counts $\#(w,c)$ of word $w$ and context $c$, row sums $\#(w)$, column sums $\#(c)$, total $|D|$; scores $s = W C^\\top$; $k$ negatives from $q(c) = \#(c)/|D|$:
#
# $$\mathrm{PMI} = \log\frac{\#(w,c)\,|D|}{\#(w)\,\#(c)}, \qquad L = -\sum_{w,c}\frac{\#(w,c)}{|D|}\log\sigma(s_{wc}) + k\frac{\#(w)}{|D|}q(c)\log\sigma(-s_{wc}), \qquad \frac{\partial L}{\partial s} = 0 \;\text{ at }\; s = \mathrm{PMI} - \log k .$$
#
# A new document, words fixed: its loss is convex in its vector, so `infer` has one answer.

# %%
from coursekit.embeddings import DocumentVectors, pmi, sgns_floor, sgns_loss

rng = np.random.default_rng(5)
counts, k = torch.tensor(rng.uniform(1, 9, (5, 4))), 3
best = torch.tensor(pmi(counts.numpy())) - np.log(k)
identity = torch.eye(4)  # W = s, C = 1: every score is free
scores = best.clone().requires_grad_()
loss = sgns_loss(counts, scores, identity, k)
gradient = torch.autograd.grad(loss, scores)[0]
check("gradient 0 at PMI - log k", gradient, 0.0, atol=1e-12)
check("and the loss is at its floor", loss, sgns_floor(counts, k), atol=1e-12)
with torch.random.fork_rng():
    documents = DocumentVectors(2, 6, 3)
    torch.nn.init.normal_(documents.A)
text = [0, 3, 3, 5]
vector = documents.infer(text).requires_grad_()
slope = torch.autograd.grad(documents.document_loss(vector, text), vector)[0]
check("inference ends where the slope is 0", slope, 0.0, atol=1e-9)

# %% [markdown] slide="slide"
# ## 06 · Pixel by pixel
#
# From [notebook 06](06_autoregressive_images.ipynb). For any order of the $d$ pixels, with the logistic function $\sigma$ and levels $0, \dots, K-1$:
#
# $$\log p(x) = \sum_{i=1}^d \log p(x_i \mid x_{<i}), \qquad P(k \mid \mu, s) = \sigma\!\Big(\frac{k+\frac12-\mu}{s}\Big) - \sigma\!\Big(\frac{k-\frac12-\mu}{s}\Big),$$
#
# with $-\infty$ and $\infty$ as the outer edges of levels $0$ and $K-1$. Pixels drawn in parallel lose their total correlation, $\sum_i H(x_i) - H(x) = \mathrm{KL}\big(p \,\|\, \prod_i p_i\big) \ge 0$.

# %%
from itertools import product

from coursekit.autoregressive import MADE, discretized_logistic_log_prob

made = MADE(4, hidden=(12,))
for parameter in made.parameters():
    torch.nn.init.normal_(parameter)
states = torch.tensor(list(product([0.0, 1.0], repeat=4)))
p = made.log_prob(states).exp().detach()
check("the chain rule sums to 1", p.sum(), 1.0, atol=1e-12)
later = torch.cat([states[:, :1], 1 - states[:, 1:]], dim=1)  # pixel 0 as it was
check("pixel 1 sees pixel 0 alone", made.logits(later)[:, 1], made.logits(states)[:, 1],
      atol=0)  # fmt: skip
mean, scale = torch.randn(5), torch.rand(5) + 0.3
edges = torch.tensor([-torch.inf, 0.5, 1.5, 2.5, torch.inf])
masses = torch.sigmoid((edges[:, None] - mean) / scale).diff(dim=0)
levels = torch.arange(4.0)[:, None]
ours = discretized_logistic_log_prob(levels, mean, scale.log(), n_levels=4).exp()
check("the discretised logistic", ours, masses, atol=1e-12)
ones = p @ states  # P(x_i = 1)
apart = (states * ones + (1 - states) * (1 - ones)).prod(dim=1)
entropy = -(p * p.log()).sum()
entropies = -torch.stack([ones.xlogy(ones), (1 - ones).xlogy(1 - ones)]).sum()
check("total correlation = KL to the product", entropies - entropy,
      (p * (p / apart).log()).sum(), atol=1e-12)  # fmt: skip

# %% [markdown] slide="slide"
# ## 07 · Transformers
#
# From [notebook 07](07_transformers.ipynb). Queries $q_i$, keys $k_j$ of width $d$, values $v_j$; with the causal mask $j$ runs over $j \le i$ only:
#
# $$\mathrm{attention}(q_i) = \sum_j a_{ij} v_j, \qquad a_{ij} = \frac{\exp(q_i\cdot k_j/\sqrt d)}{\sum_l \exp(q_i\cdot k_l/\sqrt d)}, \qquad \frac{\partial\,\mathrm{attention}(q_i)}{\partial v_j} = 0 \;\text{ for } j > i.$$
#
# A language model: $\log p(w) = \sum_i \log p(w_i\mid w_{<i})$ with $p = \operatorname{softmax}(z)$, so that $\partial(-\log p_w)/\partial z = p - y$, where $y$ is the one-hot word. Temperature: $\operatorname{softmax}(z/T) \propto p^{1/T}$. Bits per character: nats per token $/ \log 2\ \cdot$ tokens $/$ characters.

# %%
from coursekit.transformer import GPT, attention, causal_mask

rng = torch.Generator().manual_seed(7)
q, k, v = (torch.randn(5, 4, generator=rng) for _ in range(3))
rows = []
for i in range(5):
    a = torch.exp(q[i] @ k[: i + 1].T / 2)
    rows.append(a @ v[: i + 1] / a.sum())
claim = "masked attention = mean of earlier values"
check(claim, attention(q, k, v, mask=causal_mask(5)), torch.stack(rows), atol=1e-12)
gradient = torch.func.jacrev(lambda u: attention(q, k, u, mask=causal_mask(5)))(v)
later = torch.ones(5, 5).triu(1) == 1
claim = "no gradient from later places"
check(claim, gradient.abs().amax((1, 3))[later], torch.zeros(10))
with torch.random.fork_rng():
    gpt = GPT(3, context=3, width=6, n_layers=1, n_heads=2).requires_grad_(False)
    for parameter in gpt.parameters():
        torch.nn.init.normal_(parameter)
texts = torch.cartesian_prod(*[torch.arange(3)] * 3)
claim = "all texts together have probability 1"
check(claim, gpt.log_prob(texts).sum(1).exp().sum(), 1, atol=1e-12)
z, word = torch.randn(6, generator=rng), 2
gradient = torch.func.grad(lambda u: -u.log_softmax(0)[word])(z)
y = torch.eye(6)[word]
check("gradient at the logits = p - y", gradient, z.softmax(0) - y, atol=1e-12)
power = z.softmax(0) ** (1 / 0.7)
check("temperature is a power", (z / 0.7).softmax(0), power / power.sum(), atol=1e-12)

# %% [markdown] slide="slide"
# ## 08 · Restricted Boltzmann machines
#
# From [notebook 08](08_rbm_cdk.ipynb). Visible bits $v$, hidden bits $h$, energy $E(v,h) = -h^\top W v - c^\top v - b^\top h$, and $p(v,h) = e^{-E(v,h)}/Z$, where $Z$ is the sum over all states. With row $W_j$ of $W$ and $\operatorname{softplus}(a) = \log(1+e^a)$,
#
# $$F(v) = -\log\sum_h e^{-E(v,h)} = -c^\top v - \sum_j \operatorname{softplus}(b_j + W_j v), \qquad p(h_j = 1\mid v) = \operatorname{sigmoid}(b_j + W_j v),$$
#
# $$\log p(v) = -F(v) - \log Z, \qquad \frac{\partial}{\partial W}\,\mathbb E_\text{data}\log p(v) = \mathbb E_\text{data}[hv^\top] - \mathbb E_\text{model}[hv^\top].$$
#
# *CD-k* replaces the model by the states after $k$ steps $v\to h\to v'$ from the data: $\Delta W \propto \mathbb E_\text{data}[hv^\top] - \mathbb E_{k}[hv^\top]$. As $k\to\infty$ the chain reaches the model from every start, and CD-k becomes the gradient.

# %%
from coursekit.rbm import RBM, all_states

rbm = RBM(4, 3)
for parameter in rbm.parameters():
    torch.nn.init.normal_(parameter)
v = torch.randint(2, (20, 4)).double()
all_h, all_v = all_states(3, dtype=v.dtype), all_states(4, dtype=v.dtype)
energies = torch.stack([rbm.energy(v, h.expand(20, -1)) for h in all_h], 1)
log_Z = torch.logsumexp(
    -torch.stack([rbm.energy(all_v, h.expand(16, -1)) for h in all_h]),
    (0, 1),
)
claim = "free energy = -log of the sum over h"
check(claim, rbm.free_energy(v), -torch.logsumexp(-energies, 1), atol=1e-12)
posterior = torch.softmax(-energies, 1)
claim = "p(h_j = 1 | v) by enumeration"
check(claim, posterior @ all_h, rbm.hidden_probability(v), atol=1e-12)
claim = "log p(v) = -F(v) - log Z"
check(claim, rbm.log_prob(v), -rbm.free_energy(v) - log_Z, atol=1e-12)
rbm.log_prob(v).mean().backward()
phases = rbm.exact_gradient(v)["weight"]
check("positive - negative phase = autograd", phases, rbm.weight.grad, atol=1e-12)

# %%
with torch.no_grad():
    joint = -torch.stack([rbm.energy(all_v, h.expand(16, -1)) for h in all_h], 1)
    step = torch.softmax(joint, 1) @ torch.softmax(joint.T, 1)  # p(h | v) p(v' | h)
    far = torch.linalg.matrix_power(step, 10_000)
    model = rbm.log_prob(all_v).exp()
claim = "CD-k for large k: every row of step^k = p(v)"
check(claim, far, model.expand(16, -1), atol=1e-9)

# %% [markdown] slide="slide"
# ## 09 · Deep belief networks
#
# From [notebook 09](09_deep_belief_networks.ipynb). A machine below, $p(v \mid h)$ and its recognition $q(h \mid v)$; whatever stands on top gives $p(h)$:
#
# $$\log p(v) = \underbrace{E_q\big[\log p(v \mid h) + \log p(h)\big] + H(q)}_{\text{the bound}} + \mathrm{KL}\big(q(h \mid v) \,\|\, p(h \mid v)\big).$$
#
# A second machine that starts as the first one turned over leaves $p(v)$ as it was, and the bound is tight. Training it raises the bound and may open the gap.

# %%
from coursekit.dbn import DBN
from coursekit.rbm import log_bernoulli_table

machine = RBM(5, 3).double()
for parameter in machine.parameters():
    torch.nn.init.normal_(parameter)
v = torch.tensor(list(product([0.0, 1.0], repeat=5)))
stack = DBN.from_rbm(machine)
check("turned over, p(v) is the machine's", stack.log_prob(v), machine.log_prob(v),
      atol=1e-12)  # fmt: skip
check("and the bound is tight", stack.bound(v)["bound"], machine.log_prob(v),
      atol=1e-12)  # fmt: skip
torch.nn.init.normal_(stack.machines[1].weight)  # now another machine is on top
h = all_states(3).double()
p_h = stack.machines[1].log_prob(h)
joint = p_h + log_bernoulli_table(stack.generation_logits(0, h), v).T  # (v, h)
log_q = log_bernoulli_table(stack.recognition_logits(0, v), h)
kl = (log_q.exp() * (log_q - joint.log_softmax(dim=1))).sum(dim=1)
check("log p(v) = bound + KL(q || p(h | v))", stack.log_prob(v),
      stack.bound(v)["bound"] + kl, atol=1e-12)  # fmt: skip

# %% [markdown] slide="slide"
# ## 10 · Autoencoders
#
# From [notebook 10](10_autoencoders.ipynb). For one sigmoid layer $z = \operatorname{sigmoid}(Wx + b)$ with Jacobian $J = \partial z/\partial x$ the contractive penalty has a closed form. And the best denoiser, $\mathbb E[x\mid\tilde x]$ for $\tilde x = x + \sigma\epsilon$ with standard normal $\epsilon$, gives the score of the noisy density $p_\sigma$ (Tweedie):
#
# $$\|J\|_F^2 = \sum_j \big(z_j(1-z_j)\big)^2 \sum_k W_{jk}^2, \qquad \mathbb E[x\mid\tilde x] - \tilde x = \sigma^2\,\nabla\log p_\sigma(\tilde x).$$

# %%
from coursekit.autoencoder import Autoencoder, sigmoid_jacobian_norm

coder = Autoencoder(6, 3, activation="sigmoid")
x = torch.randn(8, 6)
closed = sigmoid_jacobian_norm(coder.encode(x), coder.encoder[0][0].weight)
claim = "penalty = squared norm of autograd's Jacobian"
check(claim, closed, (coder.jacobian(x) ** 2).sum((1, 2)), rtol=1e-12)
# Two points at -1 and 1: the noisy density is a mixture, the best denoiser their
# weighted mean.
noisy = torch.randn(50, requires_grad=True)
two_points = torch.tensor([-1.0, 1.0])
joint = -((noisy[:, None] - two_points) ** 2) / (2 * 0.6**2)  # sigma = 0.6
score = torch.autograd.grad(torch.logsumexp(joint, 1).sum(), noisy)[0]
denoised = torch.softmax(joint, 1) @ two_points
claim = "residual of the best denoiser = variance * score"
check(claim, denoised - noisy, 0.6**2 * score, atol=1e-12)

# %% [markdown] slide="slide"
# ## 11 · The VAE
#
# From [notebook 11](11_vae_elbo.ipynb). With prior $p(z)$, decoder $p(x\mid z)$ and approximate posterior $q(z\mid x)$: the bound, its gap, and the closed form of its second term.
#
# $$\log p(x) = \underbrace{\mathbb E_q[\log p(x\mid z)] - \mathrm{KL}(q(z\mid x)\,\|\,p(z))}_{\text{ELBO}} + \mathrm{KL}(q(z\mid x)\,\|\,p(z\mid x)),$$
#
# $$\mathrm{KL}\big(\mathcal N(\mu,\operatorname{diag}\sigma^2)\,\|\,\mathcal N(0, I)\big) = \tfrac12\sum_j\big(\mu_j^2 + \sigma_j^2 - 1 - \log\sigma_j^2\big).$$
#
# The identity holds for *any* $q$. Here: $z\sim\mathcal N(0,1)$, $x\mid z\sim\mathcal N(az, s^2)$, so $p(z\mid x) = \mathcal N\big(\tfrac{ax}{a^2+s^2}, \tfrac{s^2}{a^2+s^2}\big)$ and $p(x) = \mathcal N(0, a^2+s^2)$, and a deliberately wrong $q$.
#
# *Reparametrisation:* write $z=\mu+\sigma\epsilon$ with $\epsilon\sim\mathcal N(0,1)$, then $\frac{\partial}{\partial\mu}\mathbb E f(z) = \mathbb E f'(z)$ and $\frac{\partial}{\partial\sigma}\mathbb E f(z) = \mathbb E[f'(z)\,\epsilon]$. Here with $f(z)=z^3$, for which $\mathbb E f = \mu^3+3\mu\sigma^2$.

# %%
from torch.distributions import Normal, kl_divergence

from coursekit.vae import gaussian_kl, log_normal

mean, log_var = torch.randn(2, 7, 4)
oracle = kl_divergence(Normal(mean, (log_var / 2).exp()), Normal(0.0, 1.0)).sum(-1)
claim = "closed form of the KL = torch.distributions"
check(claim, gaussian_kl(mean, log_var), oracle, atol=1e-12)
a, s, point = 1.7, 0.6, torch.tensor(0.9)
q = Normal(torch.tensor(-0.4), torch.tensor(0.3))
prior = Normal(torch.tensor(0.0), torch.tensor(1.0))
true_posterior = Normal(a * point / (a**2 + s**2), torch.tensor(s / np.hypot(a, s)))
# E_q (x - a z)^2 = (x - a mean)^2 + a^2 variance
at_the_mean = log_normal(point, a * q.mean, torch.tensor(2 * np.log(s)))
reconstruction = at_the_mean - a**2 * q.variance / (2 * s**2)
bound = reconstruction - kl_divergence(q, prior)
evidence = Normal(torch.tensor(0.0), torch.tensor(np.hypot(a, s))).log_prob(point)
claim = "log p(x) = ELBO + KL(q || posterior)"
check(claim, bound + kl_divergence(q, true_posterior), evidence, atol=1e-12)


# %%
mu, sigma = (torch.rand(2) + 0.5).requires_grad_().unbind()
d_mu, d_sigma = torch.autograd.grad(mu**3 + 3 * mu * sigma**2, (mu, sigma))
# Eight nodes of Gauss and Hermite are exact for z^3.
nodes, weights = map(torch.tensor, np.polynomial.hermite_e.hermegauss(8))
weights, z = weights / weights.sum(), (mu + sigma * nodes).detach()
check("d/d mu of E z^3 = E f'(z)", (weights * 3 * z**2).sum(), d_mu, atol=1e-12)
claim = "d/d sigma of E z^3 = E f'(z) eps"
check(claim, (weights * 3 * z**2 * nodes).sum(), d_sigma, atol=1e-12)

# %% [markdown] slide="slide"
# ## 12 · The game
#
# From [notebook 12](12_gan_optimal_discriminator.ipynb). The value of the game, the best discriminator, and what the value then equals, with $m = \frac12(p_\text{data}+p_\text{model})$:
#
# $$V(D) = \mathbb E_\text{data}\log D(x) + \mathbb E_\text{model}\log(1-D(x)), \qquad D^*(x) = \frac{p_\text{data}(x)}{p_\text{data}(x)+p_\text{model}(x)},$$
#
# $$V(D^*) = \underbrace{\mathrm{KL}(p_\text{data}\,\|\,m) + \mathrm{KL}(p_\text{model}\,\|\,m)}_{2\,\mathrm{JSD}} - \log 4 .$$
#
# *The $\log D$ trick* (definition): the generator minimises $-\mathbb E\log D$ instead of $\mathbb E\log(1-D)$. With $D=\operatorname{sigmoid}(a)$ the slopes in $a$ are $-(1-D)$ and $-D$: the first is large where the discriminator is sure ($D\approx 0$), the second vanishes there.

# %%
from coursekit.gan import game_value, jensen_shannon, optimal_discriminator

p_data, p_model = torch.randn(2, 9).softmax(-1).numpy()  # nine points: dx = 1
best = optimal_discriminator(p_data, p_model)
value = game_value(best, p_data, p_model, 1.0)
m = (p_data + p_model) / 2
both = (p_data * np.log(p_data / m) + p_model * np.log(p_model / m)).sum()
claim = "KL(p_data || m) + KL(p_model || m) = 2 JSD"
check(claim, both, 2 * jensen_shannon(p_data, p_model, 1.0), atol=1e-12)
check("value at D* = 2 JSD - log 4", value, both - np.log(4), atol=1e-12)

# %%
logit = np.log(best / (1 - best))
sizes = np.logspace(-4, 1, 1000)[:, None]
others = 1 / (1 + np.exp(-logit - sizes * torch.randn(1000, 9).numpy()))
others = [game_value(D, p_data, p_model, 1.0) for D in others]  # from very near to far
claim = "no other D does better, 1000 of them"
check(
    claim,
    others,
    value,
    relation="<=",
    atol=1e-12,
    theorem="D* is the pointwise maximum",
)
raw = torch.randn(20, requires_grad=True)  # D before the sigmoid
D = torch.sigmoid(raw)
trick = torch.autograd.grad(-D.log().sum(), raw, retain_graph=True)[0]
plain = torch.autograd.grad((1 - D).log().sum(), raw)[0]
check("slope of -log D = -(1 - D)", trick, -(1 - D), atol=1e-12)
check("slope of log(1 - D) = -D", plain, -D, atol=1e-12)

# %% [markdown] slide="slide"
# ## 13 · Making the game train
#
# From [notebook 13](13_training_gans.ipynb). *Transposed convolution* is the adjoint of a convolution $C$: $\langle C x, y\rangle = \langle x, C^\top y\rangle$. *Virtual batch norm* takes mean and variance of a reference batch and sample $i$ itself. *Minibatch features* compare a sample with its batch; *an unrolled step* differentiates the value through a step of the discriminator; *a great circle* joins two codes, with $\omega$ the angle between them:
#
# $$o(x_i) = \sum_j e^{-\lVert M_i - M_j\rVert_1}, \qquad \phi' = \phi + \eta\,\nabla_\phi V(\theta, \phi), \qquad \frac{d}{d\theta} V(\theta, \phi') = \frac{\partial V}{\partial\theta} + \frac{\partial V}{\partial \phi'}\frac{d\phi'}{d\theta},$$
#
# $$z(t) = \frac{\sin((1-t)\,\omega)}{\sin\omega}\,a + \frac{\sin(t\,\omega)}{\sin\omega}\,b .$$
#
# *Least squares*, targets 0 and 1: at the best discriminator $\frac12\mathbb E_\text{data}(D^*-1)^2 + \frac12\mathbb E_\text{model}(D^*-1)^2 = \frac18(\chi^2 + 2)$ with $\chi^2 = \int \frac{(p_\text{model} - p_\text{data})^2}{p_\text{data} + p_\text{model}}$.

# %%
import torch.nn.functional as F

from coursekit import gan_training

kernel, x, y = torch.randn(2, 3, 4, 4), torch.randn(1, 3, 8, 8), torch.randn(1, 2, 4, 4)
down = F.conv2d(x, kernel, stride=2, padding=1)
up = F.conv_transpose2d(y, kernel, stride=2, padding=1)
check("<C x, y> = <x, C' y>", (down * y).sum(), (x * up).sum(), atol=1e-10)

reference, batch = torch.randn(6, 3), torch.randn(4, 3)
union = torch.cat([reference, batch[2:3]])
by_hand = (batch[2] - union.mean(0)) / (union.var(0, correction=0) + 1e-5).sqrt()
claim = "virtual batch norm of sample 3: reference and itself"
check(claim, gan_training.VirtualBatchNorm(reference)(batch)[2], by_hand, atol=1e-12)
layer = gan_training.MinibatchDiscrimination(3, 1, 2)
M = batch @ layer.directions[:, 0]
o = torch.stack([torch.exp(-(row - M).abs().sum(1)).sum() for row in M])
check("minibatch features", layer.closeness(batch)[:, 0], o, atol=1e-12)

# %%
p, q, s, rate = torch.randn(5).softmax(0), torch.randn(5).softmax(0), torch.randn(
    5), 0.7  # fmt: skip
q.requires_grad_()


def value_at(s):
    return (p * F.logsigmoid(s) + q * F.logsigmoid(-s)).sum()


ahead = s + rate * (p * torch.sigmoid(-s) - q * torch.sigmoid(s))
total = torch.autograd.grad(value_at(ahead), q)[0]
direct = F.logsigmoid(-ahead)
reaction = (p * torch.sigmoid(-ahead)
            - q * torch.sigmoid(ahead)) * -rate * torch.sigmoid(s)  # fmt: skip
check("one unrolled step: direct term + reaction", total, direct + reaction, atol=1e-12)

D = p / (p + q)
chi2 = ((q - p) ** 2 / (p + q)).sum()
claim = "least squares at D*: (chi^2 + 2) / 8"
check(claim, ((p + q) * (D - 1) ** 2).sum() / 2, (chi2 + 2) / 8, atol=1e-12)
a, b = F.normalize(torch.randn(2, 4, 6), dim=-1)
omega = torch.arccos((a * b).sum(-1, keepdim=True))
arc = (torch.sin(0.7 * omega) * a + torch.sin(0.3 * omega) * b) / torch.sin(omega)
check("great circle, at t = 0.3", gan_training.great_circle(a, b, 0.3), arc, atol=1e-12)
check("and it keeps the length", arc.norm(dim=-1), 1, atol=1e-12)

# %% [markdown] slide="slide"
# ## 14 · Earth mover's distance
#
# From [notebook 14](14_wgan.ipynb). Three expressions for the smallest cost of moving one distribution onto the other. A plan says how much goes from $x$ to $y$; $f$ is 1-Lipschitz if it is nowhere steeper than 1; $F$ is a distribution function.
#
# $$W(p, q) = \min_{\text{plans}}\mathbb E\|x-y\| = \max_{f\text{ 1-Lipschitz}}\mathbb E_p f(x) - \mathbb E_q f(y), \qquad \text{on the line}\quad W = \int |F_p - F_q|\,dx,$$
#
# The losses (definitions): the critic minimises $\mathbb E f(\tilde x)-\mathbb E f(x)$ plus its penalty, the generator $-\mathbb E f(\tilde x)$. The penalty is $\lambda\,\mathbb E(\|\nabla f(\hat x)\|-1)^2$ with a weight $\lambda$, at points $\hat x = \epsilon x + (1-\epsilon)\tilde x$ between a real $x$ and a generated $\tilde x$, with $\epsilon$ uniform on $(0, 1)$.

# %%
from coursekit.wgan import earth_mover_1d, earth_mover_lp, gradient_penalty

places, more = torch.randn(6).numpy(), torch.randn(4).numpy()
uniform_p, uniform_q = np.full(6, 1 / 6), np.full(4, 1 / 4)
by_plan, _ = earth_mover_lp(uniform_p, uniform_q, np.abs(places[:, None] - more))
grid = np.sort(np.concatenate([places, more]))
F_p, F_q = ((points[:, None] <= grid[:-1]).mean(axis=0) for points in (places, more))
claim = "cheapest plan = area between the F"
check(claim, by_plan, (np.abs(F_p - F_q) * np.diff(grid)).sum(), atol=1e-9)
claim = "and the package's one-dimensional form"
check(claim, earth_mover_1d(places, more), by_plan, atol=1e-9)
# The best critic climbs at slope 1 where q has more mass to the left, and falls at
# slope 1 elsewhere.
heights = np.append(0.0, np.cumsum(np.sign(F_q - F_p) * np.diff(grid)))
f = np.interp(places, grid, heights).mean() - np.interp(more, grid, heights).mean()
check("the best critic of slope at most 1 reaches it", f, by_plan, atol=1e-9)
w, real, fake = torch.randn(3), *torch.randn(2, 5, 3)
penalty = gradient_penalty(lambda x: x @ w, real, fake)
claim = "penalty of a linear critic = (|w| - 1)^2"
check(claim, penalty, (w.norm() - 1) ** 2, atol=1e-12)
# The critic |x|^2 / 2 has the slope |x^|: the penalty tells where x^ was.
epsilon = torch.rand(5)
x_hat = epsilon[:, None] * real + (1 - epsilon[:, None]) * fake
penalty = gradient_penalty(lambda x: (x**2).sum(1) / 2, real, fake, epsilon=epsilon)
claim = "x^ = epsilon x + (1 - epsilon) x~"
check(claim, penalty, (x_hat.norm(dim=1) - 1) ** 2, atol=1e-12)

# %% [markdown] slide="slide"
# ## 15 · Pictures on demand
#
# From [notebook 15](15_conditional_gans.ipynb). Pairs of picture and condition: $p$ of the data, $m$ mismatched, with the weight $w$ among the fakes, $p_g$ of the generator. The best discriminator, its value, and the generator that is best against it, where $k$ makes the probabilities add up to 1:
#
# $$D^* = \frac{p}{p + w\,m + (1-w)\,p_g}, \qquad V(D^*) = 2\,\mathrm{JSD}\bigl(p,\; w\,m + (1-w)\,p_g\bigr) - \log 4, \qquad p_g = \frac{\max(k\,p - w\,m,\, 0)}{1-w} .$$
#
# *Mean and sample:* with $\mu = \mathbb E[x\mid y]$ and $x'\sim p(x\mid y)$, $\mathbb E\|x-x'\|^2 = 2\,\mathbb E\|x-\mu\|^2$. *Consistency:* $x + U(y - Sx)$ is the picture nearest to $x$ that shrinks to $y$. *Cycle loss* (definition): $\mathbb E|R(F(a))-a| + \mathbb E|F(R(b))-b|$.

# %%
from coursekit import conditional_gan as cgan

rng, w = np.random.default_rng(15), 0.4
p, m, p_g = rng.dirichlet(np.ones(9), size=3)
fakes = w * m + (1 - w) * p_g
best = cgan.optimal_conditional_discriminator(p, m, p_g, w)
value = (p * np.log(best) + fakes * np.log(1 - best)).sum()
claim = "value at D* = 2 JSD(p, w m + (1 - w) p_g) - log 4"
check(claim, value, 2 * jensen_shannon(p, fakes, 1.0) - np.log(4), atol=1e-12)
p_best = cgan.best_generator(p, m, w)
best = cgan.optimal_conditional_discriminator(p, m, p_best, w)
claim = "against the best generator D* has one value, where that draws"
check(claim, best[p_best > 1e-9], best[p_best > 1e-9].mean(), atol=1e-9)
x = rng.normal(size=(9, 3))  # nine pictures with one y, of probability p
distance = ((x[:, None] - x) ** 2).sum(-1)
claim = "a posterior sample has twice the squared error of the mean"
check(claim, p @ distance @ p, 2 * p @ ((x - p @ x) ** 2).sum(1), atol=1e-12)
x, y = torch.randn(2, 3, 8, 8), torch.randn(2, 3, 2, 2)
held = cgan.consistent(x, y)
other = cgan.consistent(torch.randn(2, 3, 8, 8), y)  # any picture that shrinks to y
claim = "the correction is orthogonal to what y leaves open"
check(claim, ((x - held) * (other - held)).sum(), 0.0, atol=1e-10)

# %% [markdown] slide="slide"
# ## 16 · Flows
#
# From [notebook 16](16_flows.ipynb). One change of variables, and the layer that makes its determinant cheap, in which $z_a = x_a$ passes unchanged:
#
# $$z = f(x):\qquad \log p(x) = \log\mathcal N(f(x); 0, I) + \log\Big|\det\frac{\partial f}{\partial x}\Big|, \qquad \text{coupling:}\quad z_b = x_b\odot e^{s(x_a)} + t(x_a), \quad \log|\det J| = \textstyle\sum_j s_j(x_a),$$
#
# For a 1 × 1 convolution of an image with $H\times W$ positions $\log|\det J| = HW\log|\det W|$ (the $W$ in the determinant is the weight matrix). Bits per dimension are $-\log P(x)/(d\log 2)$, with the probability $P$ of the $d$ grey levels.
#
# *Dequantisation:* with uniform $u\in[0,1)^d$, $\log P(x) = \log\int p(x+u)\,du \ge \mathbb E_u\log p(x+u)$ (Jensen). *Logit:* for $y=\log\frac{x}{1-x}$, $\log\big|\frac{dy}{dx}\big| = -\log x-\log(1-x)$.

# %%
from coursekit.evaluation import bits_per_dim
from coursekit.flow import AffineCoupling, InvertibleLinear, real_nvp

flow = real_nvp(4, n_layers=3, hidden=(8,))
mix, coupling = InvertibleLinear(3), AffineCoupling(4, hidden=(8,))
for parameter in [*flow.parameters(), *mix.parameters(), *coupling.parameters()]:
    torch.nn.init.normal_(parameter, std=0.5)
x = torch.randn(6, 4)
z, log_det = flow.forward(x)


def jacobian(layer):
    """The Jacobian of a layer at each row of x, by autograd."""
    return torch.func.vmap(torch.func.jacrev(lambda row: layer(row[None])[0][0]))(x)


jacobians = jacobian(flow.forward)
claim = "log-determinant = that of autograd's Jacobian"
check(claim, log_det, torch.linalg.slogdet(jacobians)[1], atol=1e-10)
log_p = Normal(0.0, 1.0).log_prob(z).sum(1) + torch.linalg.slogdet(jacobians)[1]
check("log p(x) = log N(z) + log|det|", flow.log_prob(x), log_p, atol=1e-10)
check("the way back", flow.inverse(z)[0], x, atol=1e-10)

# %%
s, t = coupling.scale_and_shift(x[:, :2])
by_hand = torch.cat([x[:, :2], x[:, 2:] * s.exp() + t], dim=1)
check("coupling: z_b = x_b exp(s) + t", coupling(x)[0], by_hand, atol=1e-12)
bends = jacobian(coupling)
by_autograd = torch.linalg.slogdet(bends)[1]
check("and its log|det J| = sum of s: autograd", by_autograd, s.sum(1), atol=1e-10)
image = torch.randn(2, 3, 4, 5)
claim = "1 x 1: H W log|det W|"
check(claim, mix(image)[1], 20 * torch.linalg.slogdet(mix.weight())[1], atol=1e-10)
coin = bits_per_dim(64 * np.log(0.5), 64)
check("a fair coin per pixel = 1 bit per dimension", coin, 1.0, atol=1e-12)

# %%
density = Normal(torch.tensor(0.7), torch.tensor(0.4))
u = (torch.arange(10_000) + 0.5) / 10_000
level = (density.cdf(torch.tensor(1.0)) - density.cdf(torch.tensor(0.0))).log()
claim = "the grid integrates p(u) over [0, 1)"
check(claim, density.log_prob(u).exp().mean().log(), level, atol=1e-8)
dequantised = density.log_prob(u).mean()
claim = "dequantisation is a lower bound"
check(claim, dequantised, level, relation="<=", theorem="Jensen")
grey = torch.rand(20, requires_grad=True)
slope = torch.autograd.grad(torch.logit(grey).sum(), grey)[0]
check("log|d logit / dx|", slope.log(), -grey.log() - (1 - grey).log(), atol=1e-10)

# %% [markdown] slide="slide"
# ## 17 · Diffusion
#
# From [notebook 17](17_ddpm.ipynb). With $\alpha_t = 1-\beta_t$: the way into the noise in one leap, with standard normal $\varepsilon$; how the best noise predictor is related to the score; and one step back.
#
# $$x_t = \sqrt{\bar\alpha_t}\,x_0 + \sqrt{1-\bar\alpha_t}\,\varepsilon, \qquad \bar\alpha_t = \prod_{s\le t}\alpha_s, \qquad \mathbb E[\varepsilon\mid x_t] = -\sqrt{1-\bar\alpha_t}\;\nabla\log q(x_t),$$
#
# $$q(x_{t-1}\mid x_t, x_0) = \mathcal N\Big(\tfrac{1}{\sqrt{\alpha_t}}\big(x_t - \tfrac{\beta_t}{\sqrt{1-\bar\alpha_t}}\varepsilon\big),\; \tilde\beta_t I\Big), \qquad \tilde\beta_t = \tfrac{1-\bar\alpha_{t-1}}{1-\bar\alpha_t}\beta_t .$$
#
# *The bound* regroups the way into the noise, $\prod_t q(x_t\mid x_{t-1}) = q(x_T\mid x_0)\prod_{t\ge2} q(x_{t-1}\mid x_t,x_0)$, and so has three terms:
#
# $$-\log p(x_0) \le \mathrm{KL}\big(q(x_T\mid x_0)\,\|\,p(x_T)\big) + \sum_{t\ge2}\mathbb E\,\mathrm{KL}\big(q(x_{t-1}\mid x_t,x_0)\,\|\,p_\theta(x_{t-1}\mid x_t)\big) - \mathbb E\log p_\theta(x_0\mid x_1).$$
#
# *Simple loss* (definition): $\mathbb E\,\lVert\varepsilon-\varepsilon_\theta(x_t,t)\rVert^2$. *Sampling:* the step back above, with $\varepsilon_\theta$ for $\varepsilon$ and fresh noise of variance $\tilde\beta_t$. *DDIM* ($\eta=0$): $x_{t-1} = \sqrt{\bar\alpha_{t-1}}\,\hat x_0 + \sqrt{1-\bar\alpha_{t-1}}\,\varepsilon_\theta$ with $\hat x_0 = (x_t-\sqrt{1-\bar\alpha_t}\,\varepsilon_\theta)/\sqrt{\bar\alpha_t}$; with the true noise it is the leap to $t-1$.

# %%
from coursekit.ddpm import cosine_schedule

schedule = cosine_schedule(20)
abar, factor, noise_variance = 1.0, 1.0, 0.0
for beta in schedule.betas[1:13]:  # twelve steps: shrink, add noise of variance beta
    abar, factor = abar * (1 - beta), factor * (1 - beta).sqrt()
    noise_variance = (1 - beta) * noise_variance + beta
claim = "abar_12 = product of the first twelve alphas"
check(claim, schedule.alpha_bars[12], abar, rtol=1e-12)
t = torch.full((6,), 12)
x0, noise = torch.randn(2, 6, 4)
signal, spread = schedule.mixing(t, x0)
check("the leap: factor = that of twelve steps", signal, factor, rtol=1e-12)
claim = "the leap: variance = that of twelve steps"
check(claim, spread**2, noise_variance, rtol=1e-12)
# A world of three points x_0, and the noise that each would have needed to come to
# `here`.
places, here = torch.randn(3), torch.randn(50, requires_grad=True)
needed = (here[:, None] - abar.sqrt() * places) / (1 - abar).sqrt()
score = torch.autograd.grad(torch.logsumexp(-(needed**2) / 2, 1).sum(), here)[0]
expected = (torch.softmax(-(needed**2) / 2, 1) * needed).sum(1)
claim = "E[noise | x_t] = -sqrt(1 - abar) score"
check(claim, expected, -(1 - abar).sqrt() * score, atol=1e-12)

# %%
xt = signal * x0 + spread * noise
beta, alpha = schedule.betas[12], schedule.alphas[12]
mean, variance = schedule.posterior(x0, xt, t)
claim = "mean of the step back, in noise form"
check(claim, mean, (xt - beta / spread * noise) / alpha.sqrt(), atol=1e-12)
# Bayes: precisions of q(x_t | x_{t-1}) and q(x_{t-1} | x_0) add up.
precision = alpha / beta + 1 / (1 - schedule.alpha_bars[11])
check("its variance = 1 / (sum of precisions)", variance, 1 / precision, atol=1e-12)

# %%
walk = [x0]  # any path x_0, x_1, ..., x_20: the regrouping holds for each
walk += [torch.randn(6, 4) for _ in range(20)]


def at(step):
    return torch.full((6,), step)


def log_normal_of(value, centre, var):
    return Normal(centre, torch.as_tensor(var).sqrt()).log_prob(value).sum(1)


forward = 0
for k in range(1, 21):
    centre, var = schedule.alphas[k].sqrt() * walk[k - 1], schedule.betas[k]
    forward = forward + log_normal_of(walk[k], centre, var)
last = schedule.alpha_bars[20]
regrouped = log_normal_of(walk[20], last.sqrt() * x0, 1 - last)
for k in range(2, 21):
    centre, var = schedule.posterior(x0, walk[k], at(k))
    regrouped = regrouped + log_normal_of(walk[k - 1], centre, var)
check("forward = last step and steps back, any path", regrouped, forward, rtol=1e-9)
now = schedule.alpha_bars[12]
x0_hat = (xt - (1 - now).sqrt() * noise) / now.sqrt()
earlier = schedule.alpha_bars[11]
ddim = earlier.sqrt() * x0_hat + (1 - earlier).sqrt() * noise
signal_11, spread_11 = schedule.mixing(at(11), x0)
claim = "DDIM with the true noise = the leap to t - 1"
check(claim, ddim, signal_11 * x0 + spread_11 * noise, atol=1e-10)

# %% [markdown] slide="slide"
# ## 18 · Alignment
#
# From [notebook 18](18_alignment.ipynb). Texts $y$, a reference $\rho$, a reward $r$, a policy $\pi$, and $\beta > 0$; the ratio $w = \pi_{\text{new}} / \pi_{\text{old}}$ and the advantage $A$ of a token.
#
# $$P(y \text{ beats } y') = \sigma(r(y) - r(y')), \qquad J(\pi) = \mathbb E_\pi r - \beta\, \mathrm{KL}(\pi \Vert \rho), \qquad \pi^* = \frac{\rho\, e^{r/\beta}}{Z}, \qquad J(\pi) = \beta \log Z - \beta\, \mathrm{KL}(\pi \Vert \pi^*) .$$
#
# So $r = \beta \log(\pi^*/\rho) + \beta \log Z$, which DPO puts into the first formula. PPO maximises the mean of $\min(w A, \mathrm{clip}(w, 1 - c, 1 + c) A)$ (definition): at $w = 1$ its gradient is that of $A \log \pi$. LoRA: $y = Wx + BAx$.

# %%
from coursekit import alignment

beta, r = 0.7, torch.randn(9)
rho, pi = torch.randn(2, 9).log_softmax(1)
log_Z = (rho + r / beta).logsumexp(0)
best = alignment.optimal_policy(rho, r, beta)
check("log pi* = log rho + r / beta - log Z", best, rho + r / beta - log_Z, atol=1e-12)
J = alignment.objective(pi, rho, r, beta)
kl = (pi.exp() * (pi - best)).sum()
check("J = beta log Z - beta KL(pi || pi*)", J, beta * log_Z - beta * kl, atol=1e-12)
implied = best - rho
ours = alignment.dpo_loss(implied[:4], implied[4:8], beta)
theirs = alignment.bradley_terry_loss(r[:4], r[4:8])
check("DPO's loss at pi* = Bradley-Terry's of r", ours, theirs, atol=1e-12)
A = torch.randn(6)
gradient = torch.func.grad(alignment.ppo_loss)(torch.zeros(6), A)
check("PPO's gradient at ratio 1 is the policy gradient", gradient, -A / 6, atol=1e-15)
layer, x = alignment.LoRA(torch.nn.Linear(5, 4), 2), torch.randn(3, 5)
layer.outward.data.normal_()
check("LoRA merged = LoRA beside", layer.merge()(x), layer(x), atol=1e-12)

# %% [markdown]
# Each tick marks a formula that two independent computations agree on, or a bound that a theorem gives. **Back to** [00 · Start here](00_start_here.ipynb) for the map, or to the [glossary](../docs/glossary.md) for the words.
