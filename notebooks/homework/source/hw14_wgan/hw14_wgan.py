# ---
# jupyter:
#   coursekit:
#     allowed: [numpy, torch]
# ---

# %% [markdown]
# # Homework 14 · Moving the mass, and a critic that knows the way
#
# Four exercises on [notebook 14](../../../14_wgan.ipynb). Allow about two hours. Write each answer where a cell says that it is still empty, then run the cell below it, which tells you straight away how you are doing. Grading uses different data, so an answer that fits only the example earns no points.
#
# **Allowed:** NumPy, PyTorch. **Not allowed:** the models of `coursekit.wgan`, SciPy, scikit-learn and other numerical libraries; calling a ready-made solution does not count as an answer. A function leaves its arguments as they were, apart from the networks that it trains.
#
# Throughout, the critic $f$ gives a raw score, with no sigmoid, and real samples are to score higher than generated ones. Everything is computed in double precision.
#
# The cell below also makes small networks from given arrays: `network(W1, b1, W2, b2, ...)` is a chain of linear layers with tanh between them.

# %%
import numpy as np
import torch
from torch import nn

from coursekit.checks import answer, check


def network(*arrays):
    """Flatten, then linear layers with tanh between them;
    weights (n_out, n_in) and biases (n_out,) in turn.
    """
    parts = [nn.Flatten()]
    for weight, bias in zip(arrays[::2], arrays[1::2], strict=True):
        layer = nn.Linear(weight.shape[1], weight.shape[0], dtype=torch.float64)
        with torch.no_grad():
            layer.weight.copy_(torch.tensor(weight))
            layer.bias.copy_(torch.tensor(bias))
        parts += [layer, nn.Tanh()]
    return nn.Sequential(*parts[:-1])


def slopes_of(module):
    """The `.grad` of each parameter of a module; zeros for one that has none."""
    return [torch.zeros_like(w) if w.grad is None else w.grad
            for w in module.parameters()]  # fmt: skip


# %% [markdown]
# ## 1 · The earth mover on a line (4 points)
#
# Two heaps of sand lie along a road. On a line the cheapest plan keeps the order, so no search over plans is needed: walk along the road and count, between one grain and the next, how much more of the first heap than of the second you have passed. This surplus is what has to be carried over the stretch. Hence
#
# $$W(a, b) = \int \lvert F_a(x) - F_b(x) \rvert \, dx ,$$
#
# with $F_a(x)$ the share of the numbers in $a$ which are at most $x$.
#
# Write `earth_mover(a, b)` for two samples of any two sizes, in any order, with or without ties. Each sample has mass 1 in all.
#
# <details><summary>Hint 1</summary>Both F are constant between neighbouring places of the two samples together. Sort all places first.</details>
# <details><summary>Hint 2</summary>Height times width: the heights are |F_a − F_b| at each place but the last, the widths are np.diff of the places.</details>
# <details><summary>Hint 3</summary>F_a at many places: np.mean(a <= places[:, None], axis=1).</details>


# %% role="solution" exercise="earth_mover"
def earth_mover(a, b):
    """Earth mover's distance between the samples a (n,) and b (m,); one number."""
    ### BEGIN SOLUTION
    places = np.sort(np.concatenate([a, b]))
    share_a = np.mean(a <= places[:, None], axis=1)
    share_b = np.mean(b <= places[:, None], axis=1)
    return np.sum(np.abs(share_a - share_b)[:-1] * np.diff(places))
    ### END SOLUTION


# %% role="test" exercise="earth_mover" points=4
_a, _b = np.array([3.0, 0.0, 1.0]), np.array([5.0, 6.0, 8.0])
answer(
    "three grains, each carried 5: sorted, the pairs are (0, 5), (1, 6), (3, 8)",
    earth_mover(_a, _b),
    5.0,
    wrong={
        "each grain weighs 1/3, so that a heap weighs 1": 15.0,
        "the surplus has the other sign here; take its absolute value": -5.0,
    },
)
answer("from b to a is as far", earth_mover(_b, _a), 5.0)
answer(
    "the order in which a sample is written down does not matter",
    earth_mover(_a[[2, 0, 1]], _b[::-1].copy()),
    5.0,
)
answer(
    "one grain at 1 into two at 0 and 4: half of it travels 1, half 3",
    earth_mover(np.array([1.0]), np.array([0.0, 4.0])),
    2.0,
    wrong={
        "this is the difference of the means; mass that moves left and right does not cancel": 1.0,
        "each heap has mass 1, whatever the number of its grains": 1.0 * 1 + 3.0 * 1,
    },
)
answer("a heap and itself with every grain doubled: 0", earth_mover(_a, np.repeat(_a, 2)), 0.0)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("earth_mover"),
    Probe(
        "[earth_mover(a, b), earth_mover(b, a), earth_mover(a, a[:3]), earth_mover(a, a + 2)]",
        {
            "a": lambda rng: rng.normal(size=rng.integers(5, 9)),
            "b": lambda rng: rng.normal(0.3, 2, size=rng.integers(11, 17)),
        },
        message="for samples of other sizes your distance differs: heights, widths, absolute values, mass 1 each",
    ),
    Probe(
        "earth_mover(a, b)",
        {
            "a": lambda rng: rng.integers(-3, 4, size=12).astype(float),
            "b": lambda rng: rng.integers(-2, 6, size=20).astype(float),
        },
        message="where several numbers are equal your distance differs: 'at most x' counts all of them",
        # Without a walk along the road: both quantile functions are constant on sixtieths.
        oracle=lambda a, b: float(np.mean(np.abs(np.sort(np.repeat(a, 5)) - np.sort(np.repeat(b, 3))))),
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 2 · The gradient penalty (6 points)
#
# Write `gradient_penalty(critic, real, fake, epsilon, one_sided)`. For each pair of a real and a generated sample take the point $\hat x = \epsilon x + (1 - \epsilon)\tilde x$ on the line between them, measure how steep the critic is there, and return the penalty of **each pair**, shape $(n,)$, not averaged and not weighted:
#
# $$\big(\lVert\nabla f(\hat x)\rVert - 1\big)^2 \quad\text{(two-sided)}, \qquad \max\!\big(0, \lVert\nabla f(\hat x)\rVert - 1\big)^2 \quad\text{(one-sided)}.$$
#
# `real` and `fake` have the same shape $(n, \dots)$: points, or images with channels, rows and columns. `epsilon` has shape $(n,)$: **one** number for a whole sample. `critic` takes $(n, \dots)$ and gives $(n, 1)$. The critic will be trained on this penalty, so it must be possible to call `.backward()` on its mean, and this must give the critic's parameters their slopes. No gradient may flow into the generator that made `fake`.
#
# <details><summary>Hint 1</summary>epsilon.reshape(n, 1, ..., 1), with as many ones as real has further axes, multiplies whole samples. Then `.detach().requires_grad_()`.</details>
# <details><summary>Hint 2</summary>torch.autograd.grad(critic(between).sum(), between, create_graph=True) returns a tuple with one entry: each sample's own gradient. Why does the sum do no harm?</details>
# <details><summary>Hint 3</summary>The norm runs over everything but the first axis: flatten each sample to a row first.</details>


# %% role="solution" exercise="gradient_penalty"
def gradient_penalty(critic, real, fake, epsilon, one_sided=False):
    """(|grad f| - 1)^2 between each real and fake, both (n, ...),
    at epsilon (n,); (n,).
    """
    ### BEGIN SOLUTION
    n = len(real)
    epsilon = epsilon.reshape(n, *[1] * (real.dim() - 1))
    between = (epsilon * real + (1 - epsilon) * fake).detach().requires_grad_()
    scores = critic(between)
    (slope,) = torch.autograd.grad(scores.sum(), between, create_graph=True)
    excess = slope.reshape(n, -1).norm(dim=1) - 1
    if one_sided:
        excess = excess.clamp(min=0)
    return excess**2
    ### END SOLUTION


# %% role="test" exercise="gradient_penalty" points=6
_w = np.array([[2.0, -1.0, 2.0]])  # a linear critic of slope 3 everywhere
_steep, _flat = network(_w, np.zeros(1)), network(_w / 6, np.zeros(1))
_some_real = torch.tensor([[1.0, 0.0, 2.0], [0.5, -1.0, 3.0]]).double()
_some_fake = torch.tensor([[-1.0, 1.0, 0.0], [2.0, 2.0, -2.0]]).double()
_half = torch.full((2,), 0.5).double()
answer(
    "slope 3 everywhere: each pair pays (3 - 1)^2",
    gradient_penalty(_steep, _some_real, _some_fake, _half, False),
    [4.0, 4.0],
    wrong={
        "the penalty is the square of the excess": [2.0, 2.0],
        "this is |grad|^2 - 1 squared; the norm has a root": [64.0, 64.0],
        "the gradient of the mean score is smaller by n: take the sum": [0.25, 0.25],
        "one norm for each sample, not one for the batch": [(3 * 2**0.5 - 1) ** 2] * 2,
    },
)
answer(
    "slope 1/2: two-sided, too flat costs as well",
    gradient_penalty(_flat, _some_real, _some_fake, _half, False),
    [0.25, 0.25],
    wrong={"this is the one-sided penalty": [0.0, 0.0]},
)
answer(
    "one-sided: too flat is free, too steep is not",
    torch.stack([gradient_penalty(net, _some_real, _some_fake, _half, True)[0] for net in (_flat, _steep)]),
    [0.0, 4.0],
    wrong={"the square belongs to the one-sided penalty too": [0.0, 2.0]},
)
_bent = network(np.array([[1.5, 0.0, 0.0]]), np.array([0.5]), np.array([[2.0]]), np.zeros(1))


def _paid_at(*places):
    """Penalty of the critic 2 tanh(1.5 x + 0.5) at these values of the first coordinate."""
    return [(3 / np.cosh(1.5 * x + 0.5) ** 2 - 1) ** 2 for x in places]


_ends = gradient_penalty(_bent, _some_real, _some_fake, torch.tensor([1.0, 0.0]).double(), False)
answer(
    "epsilon 1 is the real sample, 0 the generated one",
    _ends,
    _paid_at(1.0, 2.0),
    wrong={
        "it is turned round": _paid_at(-1.0, 0.5),
        "both are measured at the real samples; is epsilon one number for each sample?": _paid_at(1.0, 0.5),
        "both are measured at the generated samples": _paid_at(-1.0, 2.0),
    },
)
_images = torch.arange(24.0).reshape(2, 1, 3, 4).double()
answer(
    "images: twelve equal slopes of 1/2 have length √3",
    gradient_penalty(network(np.full((1, 12), 0.5), np.zeros(1)), _images, -_images, _half, False),
    [(3**0.5 - 1) ** 2] * 2,
)
_made_by = network(np.eye(3), np.zeros(3))  # a generator
_trained = network(_w, np.zeros(1))
for _net in (_trained, _bent):
    gradient_penalty(_net, _some_real, _made_by(_some_fake), _half, False).mean().backward()
answer(
    "a critic can be trained on it: the slope in w is 2 (3 - 1) w / 3",
    slopes_of(_trained)[0],
    _w * 4 / 3,
    wrong={"the penalty does not know the critic's weights: create_graph=True keeps the graph": 0 * _w},
)
answer("no gradient reaches the generator", slopes_of(_made_by)[0], np.zeros((3, 3)))
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe


def flat_critic(rng):
    return [rng.normal(size=(4, 3)), rng.normal(size=4), rng.normal(size=(1, 4)), rng.normal(size=1)]


def image_critic(rng):
    return [0.5 * rng.normal(size=(5, 12)), rng.normal(size=5), rng.normal(size=(1, 5)), rng.normal(size=1)]


probes = [
    Probe(
        "[gradient_penalty(network(*net), torch.tensor(x), torch.tensor(y), torch.tensor(e), side)"
        " for side in (False, True)]",
        {
            "net": flat_critic,
            "x": lambda rng: rng.normal(size=(7, 3)),
            "y": lambda rng: rng.normal(1, 2, size=(7, 3)),
            "e": lambda rng: rng.uniform(size=7),
        },
        message="for another critic your penalty differs: the point between, the gradient, its norm, the square",
    ),
    Probe(
        "(lambda critic: [gradient_penalty(critic, torch.tensor(x), torch.tensor(y), torch.tensor(e), False),"
        " critic.training, [w.requires_grad for w in critic.parameters()]])(network(*net))",
        {
            "net": flat_critic,
            "x": lambda rng: rng.normal(size=(3, 3)),
            "y": lambda rng: rng.normal(1, 2, size=(3, 3)),
            "e": lambda rng: rng.uniform(size=3),
        },
        message="as many samples as coordinates: one epsilon a sample; and the critic stays in training",
    ),
    Probe(
        "[gradient_penalty(network(*net), torch.tensor(x), torch.tensor(y), torch.tensor(e), side)"
        " for side in (False, True)]",
        {
            "net": image_critic,
            "x": lambda rng: rng.normal(size=(4, 3, 2, 2)),
            "y": lambda rng: rng.normal(1, 1, size=(4, 3, 2, 2)),
            "e": lambda rng: rng.uniform(size=4),
        },
        message="for images your penalty differs: one epsilon an image, one norm over all its entries",
    ),
    Probe(
        "(lambda critic: (gradient_penalty(critic, torch.tensor(x), torch.tensor(y), torch.tensor(e), False)"
        ".mean().backward(), slopes_of(critic))[1])(network(*net))",
        {
            "net": flat_critic,
            "x": lambda rng: rng.normal(size=(6, 3)),
            "y": lambda rng: rng.normal(size=(6, 3)),
            "e": lambda rng: rng.uniform(size=6),
        },
        message="a critic that is trained on your penalty gets other slopes: is the graph kept (create_graph)?",
    ),
    Probe(
        "(lambda maker, critic: (gradient_penalty(critic, torch.tensor(x), maker(torch.tensor(y)),"
        " torch.tensor(e), False).mean().backward(), slopes_of(maker), slopes_of(critic)[0])[1:])"
        "(network(A, A[0]), network(*net))",
        {
            "net": flat_critic,
            "A": lambda rng: rng.normal(size=(3, 3)),
            "x": lambda rng: rng.normal(size=(6, 3)),
            "y": lambda rng: rng.normal(size=(6, 3)),
            "e": lambda rng: rng.uniform(size=6),
        },
        message="the penalty concerns the critic alone: no gradient may reach the generator that made `fake`",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 3 · One turn of each (8 points)
#
# Algorithm 1 of the first paper gives the critic $n_\text{critic}$ steps, then the generator one. Our example is a game on a line, small enough to be played on paper.


# %%
def _line_game():
    """A critic f(x) = 0.5 x, a generator G(z) = z + 1,
    and plain gradient descent of rate 0.1 for the critic.
    """
    critic = network(np.array([[0.5]]), np.zeros(1))
    generator = network(np.ones((1, 1)), np.ones(1))
    return critic, generator, torch.optim.SGD(critic.parameters(), lr=0.1)


_real = torch.tensor([4.0, 6.0, 3.0, 5.0, 1.0, 1.0]).double().reshape(3, 2, 1)
_z = torch.tensor([-1.0, 1.0, 0.0, 2.0, 3.0, 3.0]).double().reshape(3, 2, 1)


# %% [markdown]
# **(a)** Write `critic_turn(critic, generator, optimizer, real, z, n_critic, clip)`. In step $t = 0, \dots, n_\text{critic}-1$ the critic is shown the batch `real[t]` and forgeries made from `z[t]`. It steps **down its loss**, the mean score of the forgeries minus the mean score of the real ones, with `optimizer` (which holds the critic's parameters); **after** the step each of its parameters, weights and biases, is put back into $[-c, c]$ with $c$ = `clip`. The tensors `real` and `z` may hold more batches than there are steps.
#
# Return the list of the values $\mathbb E f(x) - \mathbb E f(G(z))$ that the critic had *before* each of its steps, as numbers. The generator is left as it was, in training and with the gradients it had, and no gradient reaches its parameters. Old gradients left in the critic must not count.
#
# <details><summary>Hint 1</summary>In the loop: forgeries with .detach(), value, zero_grad, (-value).backward(), step, clip.</details>
# <details><summary>Hint 2</summary>Without .detach() the backward pass runs on into the generator and leaves gradients there.</details>
# <details><summary>Hint 3</summary>Inside torch.no_grad(), weight.clamp_(-clip, clip) changes a parameter in place.</details>


# %% role="solution" exercise="critic_turn"
def critic_turn(critic, generator, optimizer, real, z, n_critic, clip):
    """Train the critic for n_critic clipped steps on real (>= n_critic, n, ...);
    its values before each step.
    """
    ### BEGIN SOLUTION
    values = []
    for t in range(n_critic):
        fake = generator(z[t]).detach()
        value = critic(real[t]).mean() - critic(fake).mean()
        optimizer.zero_grad()
        loss = -value
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for weight in critic.parameters():
                weight.clamp_(-clip, clip)
        values.append(value.item())
    return values
    ### END SOLUTION


# %% role="test" exercise="critic_turn" points=5
_critic, _generator, _optimizer = _line_game()
_values = critic_turn(_critic, _generator, _optimizer, _real, _z, 1, 10.0)
answer(
    "one step, hardly clipped: the means differ by 5 - 1 = 4, so w rises by 0.4",
    _critic[1].weight,
    [[0.9]],
    wrong={
        "the critic went uphill on its loss: real must score higher": [[0.1]],
        "show it G(z), not z": [[1.0]],
        "the weights did not change: is optimizer.step() there?": [[0.5]],
        "is that one step too many?": [[1.1]],
    },
)
answer(
    "the value before the step is 0.5 · 4",
    _values,
    [2.0],
    wrong={"this is the loss; the value is minus that": [-2.0], "this is the value after the step": [3.6]},
)
answer("the generator has no gradient", slopes_of(_generator)[1], [0.0])
_critic, _generator, _optimizer = _line_game()
_values = critic_turn(_critic, _generator, _optimizer, _real, _z, 2, 0.3)
answer(
    "two steps with c = 0.3: the weight ends at 0.3",
    _critic[1].weight,
    [[0.3]],
    wrong={
        "this was clipped before the step, not after it": [[0.5]],
        "were the gradients clipped? the paper clips the weights": [[0.56]],
    },
)
answer("the second value is taken at w = 0.3", _values, [2.0, 0.3 * (4 - 2)])
_critic, _generator, _optimizer = _line_game()
_critic(_z[0]).sum().backward()  # somebody else's gradient: 0 for the weight, 2 for the bias
critic_turn(_critic, _generator, _optimizer, -_real, _z, 1, 10.0)
answer("gradients of somebody else do not count", _critic[1].bias, [0.0], wrong={"clear them first": [-0.2]})
_critic, _generator, _optimizer = _line_game()
_critic[1].bias.data += 0.7
critic_turn(_critic, _generator, _optimizer, -10 * _real, _z, 1, 0.3)
answer("data far on the left: the weight ends at the other end", _critic[1].weight, [[-0.3]])
answer("biases are clipped too", _critic[1].bias, [0.3])
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe


def a_round(rng):
    """Arrays of a critic (2 -> 3 -> 1) and of a generator (1 -> 2)."""
    critic = [rng.normal(size=(3, 2)), rng.normal(size=3), rng.normal(size=(1, 3)), rng.normal(size=1)]
    return [critic, [rng.normal(size=(2, 1)), rng.normal(size=2)]]


probes = [
    Probe(
        "(lambda critic, generator: [critic_turn(critic, generator, torch.optim.SGD(critic.parameters(), lr=0.2),"
        " torch.tensor(real), torch.tensor(z), n, clip), list(critic.parameters()),"
        " list(generator.parameters()), slopes_of(generator), critic.training, generator.training,"
        " [w.requires_grad for net in (critic, generator) for w in net.parameters()]])"
        "(network(*nets[0]), network(*nets[1]))",
        {
            "nets": a_round,
            "real": lambda rng: rng.normal(1, 1, size=(5, 6, 2)),
            "z": lambda rng: rng.normal(size=(5, 6, 1)),
            "n": lambda rng: int(rng.integers(2, 5)),
            "clip": lambda rng: rng.uniform(0.4, 0.8),
        },
        message="another critic ends elsewhere: the loss and its sign, G(z), the loop, weights clipped after the step",
    ),
    Probe(
        "(lambda critic, generator: [critic(generator(torch.tensor(z[0]))).sum().backward(),"
        " critic_turn(critic, generator.requires_grad_(False),"
        " torch.optim.RMSprop(critic.parameters(), lr=0.05), torch.tensor(real), torch.tensor(z), 3, 5.0),"
        " list(critic.parameters()), slopes_of(generator)][1:])(network(*nets[0]), network(*nets[1]))",
        {
            "nets": a_round,
            "real": lambda rng: rng.normal(1, 1, size=(3, 6, 2)),
            "z": lambda rng: rng.normal(size=(3, 6, 1)),
        },
        message="with gradients left over in the critic, and RMSProp, it ends elsewhere: clear them before each step",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# **(b)** Write `generator_turn(critic, generator, optimizer, z)`: one step of the generator **down its loss** $-\mathbb E f(G(z))$, with `optimizer` (which holds the generator's parameters). It returns that loss before the step, as a number. Old gradients in the generator must not count, and the critic's weights stay as they are, in training and ready to learn.
#
# <details><summary>Hint 1</summary>The generator learns through the critic: no .detach() here.</details>
# <details><summary>Hint 2</summary>There is no logarithm and no sigmoid in this loss.</details>
# <details><summary>Hint 3</summary>That backward leaves gradients in the critic too. They do not matter: this optimizer does not hold its weights, and your critic_turn clears them.</details>


# %% role="solution" exercise="generator_turn"
def generator_turn(critic, generator, optimizer, z):
    """One step of the generator on latents z (n, n_latent);
    its loss before the step.
    """
    ### BEGIN SOLUTION
    loss = -critic(generator(z)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
    ### END SOLUTION


# %% role="test" exercise="generator_turn" points=3
_critic, _generator, _ = _line_game()
_optimizer = torch.optim.SGD(_generator.parameters(), lr=0.1)
_loss = generator_turn(_critic, _generator, _optimizer, _z[1])
answer(
    "its loss: forgeries at 1 and 3 score 0.5 and 1.5",
    _loss,
    -1.0,
    wrong={
        "the generator wants a high score: its loss is minus the mean score": 1.0,
        "the mean over the batch, not the sum": -2.0,
    },
)
answer(
    "the shift of G rises by 0.1 · 0.5, towards the data",
    _generator[1].bias,
    [1.05],
    wrong={
        "it ran away from the data: descend the loss": [0.95],
        "it did not move: is the graph cut by .detach(), or optimizer.step() missing?": [1.0],
    },
)
check("the critic's weight is still 0.5", _critic[1].weight, 0.5)
generator_turn(_critic, _generator, _optimizer, _z[1])
answer(
    "a second turn moves it as far again", _generator[1].bias, [1.1], wrong={"clear old gradients": [1.15]}
)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe

probes = [
    Probe(
        "(lambda critic, generator, make: (lambda optimizer: [[generator_turn(critic, generator, optimizer,"
        " torch.tensor(batch)) for batch in z], list(generator.parameters()), list(critic.parameters()),"
        " critic.training, generator.training,"
        " [w.requires_grad for net in (critic, generator) for w in net.parameters()]])"
        "(make(generator.parameters(), lr=0.3)))(network(*nets[0]), network(*nets[1]), torch.optim.SGD)",
        {
            "nets": lambda rng: [
                [rng.normal(size=(3, 2)), rng.normal(size=3), rng.normal(size=(1, 3)), rng.normal(size=1)],
                [rng.normal(size=(2, 1)), rng.normal(size=2)],
            ],
            "z": lambda rng: rng.normal(size=(3, 5, 1)),
        },
        message="another generator ends elsewhere: minus the mean raw score, through the critic, from fresh gradients",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# ## 4 · What does the log of a clipped critic tell? (7 points)
#
# **(a)** A clipped critic cannot be steep. Take a chain of linear layers of `sizes` $(d_0, d_1, \dots, d_L)$, with $d_L = 1$ for the score and ReLU between them, every weight in $[-c, c]$. A ReLU has slope at most 1, and a layer stretches a vector by at most its largest singular value, which is at most the root of the sum of its squared weights. So there is a number $K$, made of `sizes` and $c$ alone, which no such critic exceeds in slope; and for any critic of slope at most $K$ the value on two batches is at most $K$ times their earth mover's distance.
#
# Write `distance_at_least(value, sizes, clip)`: what the batches' distance must be **at least**, when a critic clipped like this has reached `value`.
#
# <details><summary>Hint 1</summary>A layer from m to n numbers has n·m weights, each at most c in size. The root of the sum of their squares?</details>
# <details><summary>Hint 2</summary>K is the product of c √(n m) over the layers. How many layers are there for L + 1 sizes? Biases shift and do not stretch.</details>
# <details><summary>Hint 3</summary>value ≤ K · distance. Solve for the distance.</details>


# %% role="solution" exercise="distance_at_least"
def distance_at_least(value, sizes, clip):
    """Lower bound of the earth mover's distance when a clipped critic
    of layer sizes (d_0, ..., d_L) has reached value.
    """
    ### BEGIN SOLUTION
    slope = 1.0
    for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True):
        slope *= clip * np.sqrt(n_in * n_out)
    return value / slope
    ### END SOLUTION


# %% role="test" exercise="distance_at_least" points=3
answer(
    "one layer of 4 weights 0.5 has slope 0.5 · √4 = 1: the value itself",
    distance_at_least(3.0, (4, 1), 0.5),
    3.0,
    wrong={
        "the root of the sum of the squares: c √(n m)": 1.5,
        "biases do not stretch": 3.0 / (0.5 * 5**0.5),
    },
)
answer(
    "half the bound on the weights: twice the distance",
    distance_at_least(3.0, (4, 1), 0.25),
    6.0,
    wrong={"this is the largest value for a distance; solve for the distance": 1.5},
)
answer(
    "two layers, 9 to 4 to 1, c = 0.1: slope 0.1 · 6 · 0.1 · 2",
    distance_at_least(0.6, (9, 4, 1), 0.1),
    5.0,
    wrong={"c counts once for each layer": 0.5},
)
# The bound is reached: all weights at c, and mass that moves along the diagonal.
_every = network(np.full((1, 4), 0.5), np.zeros(1))
_start, _end = torch.zeros(1, 4).double(), torch.ones(1, 4).double()
_reached = (_every(_end) - _every(_start)).item()
answer(
    "a critic with all weights at c reaches it: distance 2",
    distance_at_least(_reached, (4, 1), 0.5),
    2.0,
)
### BEGIN HIDDEN TESTS
from coursetools.homework import Probe, Visible

probes = [
    Visible("distance_at_least"),
    Probe(
        "[distance_at_least(value, (*sizes[:n], 1), clip) for n in (1, 2, 4)]",
        {
            "value": lambda rng: rng.uniform(0.001, 0.1),
            "sizes": lambda rng: tuple(int(d) for d in rng.integers(2, 40, size=4)),
            "clip": lambda rng: rng.uniform(0.01, 0.2),
        },
        message="for other layers your bound differs: one factor c √(n m) a layer, and value divided by the slope",
    ),
]
### END HIDDEN TESTS

# %% [markdown]
# **(b)** A colleague trains with a clipped critic of layer sizes 2, 64, 64, 1 and $c = 0.01$, five critic steps per turn with RMSProp, on data in the plane. The log says:
#
# | step of the generator | 1 000 | 2 000 | 4 000 | 8 000 |
# |---|---|---|---|---|
# | critic's value | 0.0040 | 0.0031 | 0.0024 | 0.0020 |
#
# and the colleague writes: *"The earth mover's distance has fallen from 0.004 to 0.002. The samples are practically perfect, and the generator is twice as good as at step 1 000."*
#
# What does this log tell you, and what does it not? Say (1) why 0.002 is no distance, with a number from `distance_at_least`; (2) under which conditions the *fall* would say something about the generator, and another cause that a fall can have; (3) what you would do with the stored generators to find out.

# %% [markdown] role="manual" exercise="training_log" points=4
# ### BEGIN SOLUTION
# **The unit.** The value of a clipped critic is in a unit that $c$ and the layers set. For these sizes the slope is at most $0.01^3\cdot\sqrt{2\cdot64}\cdot\sqrt{64\cdot64}\cdot\sqrt{64}\approx 0.0058$. So a value of 0.002 proves a distance of at least $0.002/0.0058\approx 0.35$, and 0.004 one of at least 0.69. The claim of 0.002 contradicts the colleague's own log. (The true distance may be larger still: these are lower bounds, and a trained critic hardly ever reaches the cap. A log with $c = 0.02$ would show values up to eight times as large for the same samples.)
#
# **The fall.** Two values can be compared only when critic, $c$ and data are the same, and when the critic was near its best both times. Then the fall says that what *this kind of critic* can see has become smaller, which is good news but no proportion: half the value is not half the distance. And the value also falls when the critic falls behind: too few steps or too small a rate for a generator that moves on, weights pushed to $\pm c$, gradients that vanish over its layers. The value of a critic that is not at its best is a lower bound, and a lower bound that falls says nothing about the thing itself.
#
# **How to find out.** Keep the four generators fixed. For each, train a fresh critic until its value no longer rises, the same way for all, better with a gradient penalty (its slope is near 1, so that its value is in the unit of the data), and evaluate it on samples that it was not trained on. Or leave the critic out: earth mover's distance between samples by linear programme, or on several projections to a line. Do it with several seeds, and look at the samples.
#
# *Rubric, 4 points:* 1 for "the unit is set by c and the layers, so 0.002 is no distance"; 1 for the bound, about 0.35 (or 0.69 for the first value), and that it contradicts the claim; 1 for the condition (same critic, near its best) together with one other cause of a fall (critic behind, saturated weights, vanishing gradients); 1 for a sound test (frozen generators, fresh critics trained to the end on equal terms; or a distance computed without a critic). "Clipping is bad" without a reason earns nothing; "the value is a lower bound" without a consequence earns half a point.
# ### END SOLUTION

# %% [markdown]
# **Solutions** are in `notebooks/homework/source/hw14_wgan`. Look only once you have an answer of your own.
