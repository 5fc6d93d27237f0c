# ---
# jupyter:
#   coursekit:
#     cpu_seconds: 56
#     minutes: 140
# ---

# %% [markdown] slide="slide"
# # 15 · Conditional GANs: pictures on demand
#
# **After this notebook you can** tell a generator what to draw and measure whether it listens, prove what mismatched pairs do to the discriminator and to the generator, say why the mean of all answers has the smallest error and looks like none of them, translate pictures with and without pairs, find what a CycleGAN hides in its output, and fade a new layer into two networks without disturbing either.
#
# **Time:** a little over two hours to work through; it runs in under a minute. **You need:** [notebook 12](12_gan_optimal_discriminator.ipynb) (the value of the game, $D^*$, the Jensen–Shannon divergence). **It follows** the applications part of the GAN deck: text to image, super-resolution, translation, progressive growing. The deck writes $y$ for the text and $\varphi(y)$ for its embedding; we write $c$ for any condition. The best discriminator and generator of section 2, the two judges of section 4 and the measurement of section 6 are added here. How to make a GAN train at all is the subject of lecture 13.
#
# Longer runs are stored, each over three seeds. One conditional model and one CycleGAN are trained live.

# %%
import itertools

import numpy as np
import torch

from coursekit import conditional_gan as cgan
from coursekit import data, gan, plots
from coursekit.checks import check
from coursekit.conditional_gan import explorers, pictures, recipe

plots.use_course_style()

# %% [markdown] slide="slide" says="A GAN draws what it likes. You ask for a red circle, top left, and get a blue square. What has to change so that it listens?"
# ## 1 · A request as an input
#
# **Question.** The GAN of notebook 12 draws what it likes. How do we ask it for *a red circle, top left*?
#
# We need data that come with words, and a way to see whether a request was met that does not depend on taste. So the data are drawn by a program: one shape on a blackboard, of four colours, three forms and four places. A second program, `data.read_shapes`, reads the three words off the pixels, and answers −1 where it cannot tell.

# %%
images, attributes = recipe.drawings(960, seed=99)
plain = (text[2:].replace(",", "") for text in data.describe(attributes[:8]))
texts = [text.replace(" ", "\n", 2) for text in plain]
figure = pictures.rows_of_pictures([images[:8]], ["drawn"], columns=texts,
      title="every picture shows one shape, and three words say which")  # fmt: skip
plots.show(figure,
           alt="Eight small pictures of one coloured shape each on a dark board, with "
           "their words: colour, shape and place.")  # fmt: skip


# %%
def all_right(pictures_of, wanted):
    """Share of the pictures, n of 3 x 256 pixels, whose three words are as wanted."""
    words = data.read_shapes(np.asarray(pictures_of).reshape(-1, 3, 16, 16))
    return (words == np.asarray(wanted)).all(1).mean()


rng = torch.Generator().manual_seed(0)
noise = torch.rand(images.shape, generator=rng)
check("the reader reads every clean drawing right", all_right(images, attributes), 1.0,
      control={"noise": all_right(noise, attributes)})  # fmt: skip
noisy = images + 0.1 * torch.randn(images.shape, generator=rng)
check("and 98 of 100 under noise of standard deviation 0.1",
      all_right(noisy, attributes), 0.98,
      relation=">=", control={"words of other pictures": all_right(noisy,
      attributes.roll(1, 0))})  # fmt: skip

# %% [markdown]
# A **conditional GAN** (Mirza and Osindero, 2014) gives the **condition** $c$ to both players: $G(z, c)$ draws, and $D(x, c)$ judges the *pair*. Here $c$ is a vector of eleven ones and zeros, one entry per word.
#
# **Predict before you run.** Suppose only $G$ sees $c$, and $D$ judges the picture alone. What will $G$ learn about the words?
#
# <details><summary>Answer</summary>
# Nothing. A generator that draws beautiful shapes and ignores the words has the same pictures as the data, and the discriminator compares nothing but pictures.
# </details>
#
# The reason is one line. Without $c$ the discriminator compares the **marginals** $\sum_c p(x, c)$ and $\sum_c p_g(x, c)$, and many joint tables have the same marginal. Take four pictures and three conditions, equally often asked for, and a generator that takes every condition for the next one.

# %%
given_c = np.random.default_rng(3).dirichlet(np.ones(4), size=3).T  # p(x | c), (4, 3)
table = given_c / 3  # p(x, c): every column adds up to 1/3
swapped = np.roll(table, 1, axis=1)  # the generator takes every c for the next one
blind = gan.jensen_shannon(table.sum(1), swapped.sum(1), 1)
joint = gan.jensen_shannon(table.ravel(), swapped.ravel(), 1)
check("without c, the best discriminator cannot tell swapped conditions; with c it can",
      blind, 0.0, atol=1e-12, control={"with c": joint})  # fmt: skip

# %% [markdown] slide="slide"
# ## 2 · Mismatched pairs
#
# **Question.** Now $D$ sees $c$. Must it look?
#
# Early in training the fakes are so bad that the picture alone gives them away. A discriminator that never looks at the words does very well, and as long as it does, the generator learns nothing about them. Reed and others (2016) remove this comfort: they also show the discriminator **mismatched pairs**, real pictures with the words of *another* picture. They are fakes too, and only the words give them away.
#
# The discriminator's loss has three kinds of pairs. Let $w$ be the weight of mismatched pairs among the fakes; the paper takes $w = \tfrac12$:
#
# $$L_D = -\mathbb E_{p}\log D(x, c) \;-\; w\, \mathbb E_{m} \log\bigl(1 - D(x, c)\bigr) \;-\; (1 - w)\, \mathbb E_{p_g} \log\bigl(1 - D(x, c)\bigr).$$
#
# Here $p$ are pairs of the data, $p_g$ the generator's pictures with the words it was given, and $m$ the mismatched pairs. By hand, where the words of the row before serve as the wrong ones:


# %%
def conditional_loss(D, G, x, c, z, w):
    """The discriminator's loss with mismatched pairs; D gives probabilities."""
    fake = G(z, c).detach()
    wrong = c.roll(1, dims=0)
    real_part = D(x, c).log().mean()
    mismatched_part = (1 - D(x, wrong)).log().mean()
    fake_part = (1 - D(fake, c)).log().mean()
    return -(real_part + w * mismatched_part + (1 - w) * fake_part)


torch.manual_seed(1)
generator = cgan.ConditionalGenerator(8, 11, 768).double()
judge = cgan.ConditionalDiscriminator(768, 11).double()
x, c = images[:32].flatten(1).double(), recipe.one_hot(attributes[:32]).double()
z = torch.randn(32, 8, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def D(x, c):
    return judge(x, c).sigmoid()


for w in (0.0, 0.3, 0.5):
    game = cgan.ConditionalGAN(generator, judge, n_latent=8, mismatched=w)
    by_hand = conditional_loss(D, generator, x, c, z, w)
    check(f"w = {w}: by hand = coursekit", by_hand,
          game.opponent_loss(x, c, rng=torch.Generator().manual_seed(2)),
          atol=1e-12)  # fmt: skip

# %% [markdown] slide="subslide"
# **The best discriminator.** Write the loss as a sum over pairs $(x, c)$, and call all fakes together $q = w\, m + (1 - w)\, p_g$. One pair, with $D = D(x, c)$, adds $p \log D + q \log(1 - D)$ to $-L_D$. Set its derivative to zero:
#
# $$\frac pD - \frac q{1 - D} = 0 \;\Longrightarrow\; D^* = \frac p{p + q} = \frac p{p + w\, m + (1 - w)\, p_g} .$$
#
# Each pair may be maximised by itself, because each can have a $D$ of its own; and the function is concave in $D$, so this is its only maximum. Put $D^*$ back: as in notebook 12, $\mathbb E_p \log \frac{p}{p + q} + \mathbb E_q \log \frac{q}{p + q} = 2\, \mathrm{JSD}(p, q) - \log 4$. Let us train a table of scores and see.

# %%
p, m, p_g = np.random.default_rng(4).dirichlet(np.ones(15), size=3)
w = 0.4
scores = torch.zeros(15, dtype=torch.float64, requires_grad=True)
p_t, q_t = torch.tensor(p), torch.tensor(w * m + (1 - w) * p_g)
options = {"max_iter": 500, "tolerance_grad": 1e-11, "tolerance_change": 0}
optimizer = torch.optim.LBFGS([scores], line_search_fn="strong_wolfe", **options)


def loss():
    optimizer.zero_grad()
    D = scores.sigmoid()
    value = -(p_t * D.log() + q_t * (1 - D).log()).sum()
    value.backward()
    return value


optimizer.step(loss)  # one call: it goes on to the minimum
best_D = cgan.optimal_conditional_discriminator(p, m, p_g, w)
without_m = cgan.optimal_conditional_discriminator(p, m, p_g, 0.0)
check("a trained table of scores is D*", scores.sigmoid(), best_D, atol=1e-6,
      control={"D* that forgets m": without_m})  # fmt: skip
check("its value is 2 JSD(p, w m + (1 - w) p_g) - log 4", -loss(),
      2 * gan.jensen_shannon(p, w * m + (1 - w) * p_g, 1) - np.log(4),
      atol=1e-9)  # fmt: skip

# %% [markdown] slide="subslide"
# **The best generator, and a surprise.** The generator can move $p_g$ only. It would like $w\, m + (1 - w)\, p_g$ to be as near to $p$ as possible. With $w = 0$ that is $p_g = p$. With $w > 0$ the data are **no longer the best answer**: the fakes already contain $m$, and the generator must make up for it.
#
# Which $p_g$ is best? Fix one condition, so that $p$ and $m$ are distributions of pictures. Moving a little mass of $p_g$ from $x$ to $x'$ changes the value in proportion to $\log(1 - D^*(x')) - \log(1 - D^*(x))$ ($D^*$ itself may be held fixed, since it is at its maximum). At the optimum no such move helps. So $D^*$ has *one* value wherever $p_g > 0$, which means $w\, m + (1 - w)\, p_g = k\, p$ there for some number $k$; and where $p_g = 0$, $D^*$ is not larger. Together:
#
# $$p_g(x) = \frac{\max\bigl(k\, p(x) - w\, m(x),\, 0\bigr)}{1 - w}, \qquad k \text{ such that it adds up to } 1.$$
#
# Take two classes, Gaussians of standard deviation 1 at $+1$ and $-1$. For the class at $+1$, mismatched pictures come from the one at $-1$.

# %%
cells = np.linspace(-6, 7, 1301)  # of width 0.01
p_plus, p_minus = (np.exp(-((cells - at) ** 2) / 2) for at in (1, -1))
p_plus, p_minus = p_plus / p_plus.sum(), p_minus / p_minus.sum()
best = {w: cgan.best_generator(p_plus, p_minus, w) for w in (0.0, 0.25, 0.5)}
densities = {w: q / 0.01 for w, q in best.items()}
figure = pictures.best_generators(cells, p_plus / 0.01, p_minus / 0.01, densities)
plots.show(figure,
           alt="Above, two Gaussian densities at plus one and minus one. Below, the "
           "best generator for three weights of mismatched pairs: the larger the "
           "weight, the narrower and the further to the right.")  # fmt: skip


# %%
def moments(q):
    mean = (q * cells).sum()
    return mean, np.sqrt((q * (cells - mean) ** 2).sum())


for w, q in best.items():
    mean, std = moments(q)
    print(f"w = {w:.2f}: mean {mean:.2f}, standard deviation {std:.2f}")
check("without mismatched pairs the best generator is the data", best[0.0], p_plus,
      atol=1e-9,
      control={"w = 1/2": best[0.5]})  # fmt: skip


def divergence(q, w=0.5):
    return gan.jensen_shannon(p_plus, w * p_minus + (1 - w) * q, 1)


def change(start, towards, step=0.01):
    """What a small step from one generator towards another does to the divergence."""
    return divergence((1 - step) * start + step * towards) - divergence(start)


others = [p_plus, *np.random.default_rng(5).dirichlet(np.ones(len(cells)), size=50)]
steps = [change(best[0.5], other) for other in others]
towards_best = change(p_plus, best[0.5])
check("w = 1/2: every step from the best generator, also towards the data, is worse",
      steps, 0.0, relation=">=",
      control={"from the data towards the best": towards_best})  # fmt: skip

# %% [markdown]
# Mismatched pairs **sharpen the condition and bias the samples**: the generator keeps away from everything that could be taken for the other class, and its samples vary less than the data. With pictures whose classes hardly overlap, such as ours, $m$ is zero where $p$ is not, and the bias vanishes. (A mismatched pair that fits by chance adds a multiple of $p$ to $m$, which changes only $k$.) Remember it where classes overlap, as words and pictures usually do.

# %% [markdown] slide="slide"
# ## 3 · Shapes from words
#
# **Question.** At which point of the discriminator should the words come in?
#
# *Early* puts them beside the 768 pixels, *late* beside the last features. **Projection** (Miyato and Koyama, 2018) derives a form instead. The best score is a log ratio, and by the product rule it splits:
#
# $$\log \frac{p(x, c)}{p_g(x, c)} = \underbrace{\log \frac{p(x)}{p_g(x)}}_{\text{is it a good picture?}} + \underbrace{\log \frac{p(c \mid x)}{p_g(c \mid x)}}_{\text{does it fit the words?}} .$$
#
# (With mismatched pairs, read $q = w\, m + (1 - w)\, p_g$ for $p_g$.) Model both $p(c \mid x)$ and $p_g(c \mid x)$ as a softmax over words with the same features $h(x)$. The log of a softmax is $h(x) \cdot v_c - \log Z(x)$, so the difference of two is $h(x) \cdot (v_c - v'_c)$ plus something without $c$, which joins the first term. With $V$ the matrix of these differences,
#
# $$s(x, c) = u^\top h(x) + h(x)^\top V c .$$
#
# Each word has a direction among the features, and a picture fits its words if its features point that way. Our $c$ names three words at once. Give each kind of word a softmax of its own, the three independent given the picture: their log ratios add, and $V c$ adds the three directions.

# %%
torch.manual_seed(6)
h, v_p, v_g = torch.randn(50, 6), torch.randn(3, 6), torch.randn(3, 6)
ratio = (h @ v_p.T).log_softmax(1) - (h @ v_g.T).log_softmax(1)  # (50, 3)
linear, alone = h @ (v_p - v_g).T, h @ v_p.T
check("two softmax models: the log ratio is h . (v - v'), up to a term without c",
      ratio - ratio.mean(1, keepdim=True), linear - linear.mean(1,
      keepdim=True), atol=1e-5,  # fmt: skip
      control={"one model alone": alone - alone.mean(1, keepdim=True)})  # fmt: skip

# %% [markdown]
# Now train it: 1000 steps on 5000 drawings, mismatched pairs with $w = \tfrac12$. Generator and discriminator have two hidden layers of 256 units; the discriminator sees every picture under noise of standard deviation 0.2, and has the minibatch standard deviation of lecture 12 behind its first layer.

# %% tags=["nbval-ignore-output"]
painter = recipe.words(seed=0)

# %%
drawn = painter.sample(recipe.one_hot(attributes), rng=torch.Generator().manual_seed(0))
torch.manual_seed(0)
fresh = cgan.ConditionalGenerator(8, 11, 768)
with torch.no_grad():
    untrained = fresh(torch.randn(960, 8), recipe.one_hot(attributes))
deaf = all_right(drawn, attributes[torch.randperm(960)])
blank = all_right(untrained, attributes)
check("all three words are obeyed in at least 93 of 100 pictures",
      all_right(drawn, attributes), 0.93, relation=">=",
      control={"untrained": blank, "the words of others": deaf})  # fmt: skip
figure = pictures.rows_of_pictures([images[:8], drawn[:8].reshape(-1, 3, 16, 16)],
      ["drawn by the program", "by the generator"],
      columns=texts, title="the generator draws what the words say")  # fmt: skip
plots.show(figure,
           alt="Above, eight drawings of the data with their words; below, pictures by "
           "the generator for the same words: the same colour, form and place each "
           "time.")  # fmt: skip

# %% [markdown]
# Forms are the hard part: a square and a circle differ in a few pixels at the corners. The speckles cost the generator little, since the discriminator sees every picture through noise. Choose the words yourself; the eight pictures differ in their latents.

# %% tags=["nbval-ignore-output"]
every_kind = torch.cartesian_prod(torch.arange(4), torch.arange(3), torch.arange(4))
asked = recipe.one_hot(every_kind.repeat_interleave(8, 0))
of_every_kind = painter.sample(asked, rng=torch.Generator().manual_seed(1))
of_every_kind = of_every_kind.reshape(4, 3, 4, 8, 3, 16, 16)
explorers.wish_explorer(of_every_kind)

# %%
from functools import partial

from coursekit.widgets import static_frames

requests = [("red", "circle", "top left"), ("blue", "triangle", "bottom right")]
static_frames(partial(explorers.wish_frame, of_every_kind.numpy()),
              [dict(zip(data.SHAPE_WORDS, each, strict=True)) for each in requests],
              alt="Two rows of eight generated pictures: red circles, top left, and "
              "blue triangles, bottom right.")  # fmt: skip

# %% [markdown] slide="subslide"
# **Does it need the mismatched pairs, and the projection?** The same training with other choices, three seeds each. A condition that is ignored gets each word right at chance level; all three together at $\tfrac14 \cdot \tfrac13 \cdot \tfrac14 = \tfrac1{48}$.


# %%
def seeds(values):
    """Mean of the values, and one by one."""
    return f"{np.mean(values):.2f} ({', '.join(f'{value:.2f}' for value in values)})"


runs = data.results("conditional_gan_words")
print(runs)
ways = list(dict.fromkeys(row["model"] for row in runs.rows))
shares = {way: runs.column("all", model=way) for way in ways}
shades = ("model", "model", "wrong", "wrong")
groups = [(way, shares[way], colour) for way, colour in zip(ways, shades, strict=True)]
figure = pictures.dots(groups, xlabel="share of pictures with all three words right",
      title="projection listens, with and without mismatched pairs",
      xlim=(-0.03, 1.03), chance=(1 / 48, "chance"))  # fmt: skip
plots.show(figure,
           alt="A row of dots for each way, one dot per seed. Projection with "
           "mismatched pairs is near one, without them lower; early and late are near "
           "zero.")  # fmt: skip
for way in ways:
    variety = runs.column("variety", model=way).mean()
    spent = runs.column("seconds", model=way).mean()
    print(f"{way:20} all {seeds(shares[way])}; {spent:.1f} s")
    print(f"{'':20} variety {variety:.2f} of the data's")
listens = shares["projection, w = 0.5"]
check("projection with mismatched pairs: 93 of 100, each seed", listens, 0.93,
      relation=">=", control={"early": shares["early, w = 0.5"]})  # fmt: skip
check("the stored run of seed 0 is the one above", all_right(drawn, attributes),
      listens[0], atol=0.03, control={"chance": 1 / 48})  # fmt: skip

# %% [markdown]
# With mismatched pairs, early and projection differ only in where the words enter, and that decides: beside the pixels, 1000 updates teach the *place*, while colour and form stay at chance (section 9 prints them). The last row changes two things at once, the way in and the mismatched pairs, so it cannot say which of them is to blame; its "variety" of several times the data's is that of noise, since most of its pictures cannot be read at all. And these are statements about 1000 updates, which are not equal seconds: mismatched pairs are one more batch for the discriminator, and with projection they take a fifth more time. Section 9 triples the updates, for one seed, and takes the two changes apart. For projection, mismatched pairs are worth four to ten pictures in a hundred: it listens without them too.

# %% [markdown] slide="subslide"
# **Words never seen together.** Does the generator know *red* and *circle*, or 48 labels? In a second training 7 of the 48 kinds were never drawn: every word occurs, these combinations do not. They are asked for here.

# %%
unseen = data.results("conditional_gan_unseen")
print(unseen)
for name in ("colour", "shape", "place", "all"):
    print(f"{name:7} {seeds(unseen.column(name))}")
check("colour and place carry over to combinations never seen: 8 of 10 at least",
      np.minimum(unseen.column("colour"), unseen.column("place")), 0.8, relation=">=",
      control={"chance": 1 / 4})  # fmt: skip

# %% [markdown]
# So colour and place are words to the generator, which it combines freely; form carries over in only about half of the pictures, where chance is a third; it seems to have been learned partly combination by combination. That is what a *vector* of words can buy, and a single label for each of the 48 kinds could not.
#
# **Walk between two requests.** The condition is a vector, so there are points between any two of its values, which no word ever named. What do you expect half way: a purple shape in the middle?

# %% tags=["nbval-ignore-output"]
ends = recipe.one_hot(torch.tensor([[0, 1, 0], [2, 2, 3]]))
ends_named = tuple(data.describe([[0, 1, 0], [2, 2, 3]]))
z = torch.randn(8, painter.n_latent, generator=torch.Generator().manual_seed(3))
on_the_way = [(1 - t) * ends[0] + t * ends[1] for t in torch.linspace(0, 1, 11)]
with torch.no_grad():
    walk = torch.stack([painter.generator(z, c.expand(8, 11)) for c in on_the_way])
walk = walk.reshape(11, 8, 3, 16, 16)
explorers.walk_explorer(walk, ends_named)

# %%
static_frames(partial(explorers.walk_frame, walk.numpy(), ends_named),
              [{"position": t} for t in (0.0, 0.5, 1.0)],
              alt="Three rows of generated pictures: red circles, top left; half way; "
              "blue triangles, bottom right.")  # fmt: skip
halfway = data.read_shapes(walk[5].numpy())
print("half way the reader sees:", ", ".join(dict.fromkeys(data.describe(halfway))))

# %% [markdown]
# Half way there is no shape in the middle, but a faint mixture of both, in which the reader makes out nothing. The generator was never judged there: it owes us nothing between the points it was trained on.

# %% [markdown] slide="subslide"
# **Conditioning augmentation.** For real text a later paper has a remedy. A text comes as an embedding $\varphi$ of a whole sentence: a few thousand points in a space of hundreds of dimensions, and nothing is known about the points between. StackGAN (Zhang and others, 2017) blurs each point on purpose: a layer computes $\mu(\varphi)$ and $\log \sigma^2(\varphi)$, the condition is *drawn*, $c \sim \mathcal N(\mu, \sigma^2)$, and a penalty $\mathrm{KL}(\mathcal N(\mu, \sigma^2) \,\Vert\, \mathcal N(0, 1))$ keeps $\sigma$ from shrinking to 0. You know both from the VAE: the reparametrised draw, and its KL term. In closed form against an average of log ratios:

# %%
torch.manual_seed(7)
mean, log_var = torch.randn(2, 4, 6).double()
n = 20_000
draws, kl = cgan.conditioning_augmentation(mean.repeat(n, 1, 1),
      log_var.repeat(n, 1, 1))  # fmt: skip
around = torch.distributions.Normal(mean, (log_var / 2).exp())
standard = torch.distributions.Normal(0.0, 1.0)
log_ratio = (around.log_prob(draws) - standard.log_prob(draws)).sum(-1)  # (n, 4)
check("KL in closed form = average log ratio", kl[0], log_ratio.mean(0),
      se=log_ratio.std(0) / n**0.5)  # fmt: skip

# %% [markdown]
# StackGAN then draws in two **stages**: 64 × 64 pixels from the words, and 256 × 256 from the words *and* the small picture. Ours are 8 × 8 and 16 × 16, without the blur, which eleven words hardly need. The first stage is the game of this section on shrunken drawings. Then it rests. A second generator gets the words, the 192 small values and latents of its own; its discriminator sees words and large picture, as before. Beside it is the direct generator, for about as many CPU-seconds; three seeds, stored, and the first one with three times the updates.

# %%
stages = data.results("conditional_gan_stacked")
print(stages)
for way in ("two stages", "direct"):
    for times in (1, 3):
        right, varied, off, spent = (stages.column(key, model=way, times=times)
              for key in ("all", "variety", "off", "seconds"))  # fmt: skip
        print(f"{way:10} {spent.mean():4.1f} s: all words {seeds(right)}")
        print(f"{'':10} variety {seeds(varied)}; off {off.round(3)}")
clean = stages.column("off", model="drawings").item()
print(f"off a drawing with these words: a new drawing {clean:.3f} per pixel")
staged, direct = (stages.column("all", model=way, times=1)
                  for way in ("two stages", "direct"))  # fmt: skip
check("every direct run obeys more often than every run in two stages",
      direct.min(), staged.max(), relation=">=",
      control={"early, 1000 updates": shares["early, w = 0.5"].max()})  # fmt: skip

# %% [markdown]
# Here the detour does not pay. "Off" is the distance to the nearest of 200 drawings with the same words, so it sees speckles as well as wrong words. The two stages took nearly a third more seconds, obey less and are further off in each seed. They vary more, and part of that is disorder: with three times the updates, one seed, both obey always, and the direct generator keeps a small lead in the other two numbers. We have not looked for the cause. StackGAN was made for 256 × 256 pixels, of which its first stage draws a sixteenth; ours draws a quarter.

# %% [markdown] slide="slide"
# ## 4 · Super-resolution: one answer or the mean of all?
#
# **Question.** Only 2 × 2 pixels $y$ are left of a digit $x$. What should we draw?
#
# Many pictures shrink to the same $y$. Two answers are reasonable. The **posterior mean** $\mathbb E[x \mid y]$ is what a network trained by squared error approaches. A **posterior sample** $x' \sim p(x \mid y)$ is what a conditional GAN hopes for. By squared error the second is *exactly twice* as bad. For given $y$, with $\mu = \mathbb E[x \mid y]$, and $x$ and $x'$ independent,
#
# $$\mathbb E\|x - x'\|^2 = \mathbb E\|x - \mu\|^2 + \mathbb E\|x' - \mu\|^2 - 2\, \mathbb E\langle x - \mu,\, x' - \mu\rangle = 2\, \mathbb E\|x - \mu\|^2,$$
#
# since the mixed term is 0 by independence, and $x'$ has the distribution of $x$. That is a loss of $10 \log_{10} 2 \approx 3.01$ decibels (a **decibel**, dB, is ten times the decimal logarithm of a ratio). A table of pictures shows it:

# %%
rng = np.random.default_rng(8)
p_xy = rng.dirichlet(np.ones(12)).reshape(4, 3)  # 4 large pictures x, 3 small y
large = rng.normal(size=(4, 5))  # their five pixels
posterior = p_xy / p_xy.sum(0)  # p(x | y), columns add up to 1
means = posterior.T @ large  # (3, 5)
from_mean = (p_xy * ((large[:, None] - means) ** 2).sum(-1)).sum()
between = ((large[:, None] - large) ** 2).sum(-1)  # |x - x'|^2, (4, 4)
from_sample = np.einsum("xy,wy,xw->", p_xy, posterior, between)
check("a posterior sample has twice the squared error of the mean", from_sample,
      2 * from_mean, rtol=1e-12,
      control={"the mean itself": from_mean})  # fmt: skip
print(f"{10 * np.log10(from_sample / from_mean):.2f} dB")

# %% [markdown] slide="subslide"
# **What is known should be kept.** Whatever a generator draws, it must shrink to $y$. Let $S$ be the shrinking (means of squares of pixels) and $U$ the enlarging (each pixel repeated). Then $x \mapsto x + U(y - S x)$ is the smallest change, in squared distance, after which the picture shrinks to $y$ (Sønderby and others, 2017): $S U = 1$ gives consistency, and the change is constant on each square, so it is orthogonal to every direction that leaves $S x$ alone. By Pythagoras every other picture that shrinks to $y$ is further away.

# %%
torch.manual_seed(9)
x, y = torch.rand(5, 3, 16, 16).double(), torch.rand(5, 3, 2, 2).double()
squares = x.reshape(5, 3, 2, 8, 2, 8)  # rows and columns of squares of 8 x 8 pixels
missing = y - squares.mean((3, 5))
held = (squares + missing[:, :, :, None, :, None]).reshape(x.shape)
check("the projection by hand = coursekit", held, cgan.consistent(x, y), atol=1e-14)
check("it shrinks to y", cgan.shrink(held, 8), y, atol=1e-14,
      control={"x itself": cgan.shrink(x, 8)})  # fmt: skip
other = cgan.consistent(torch.rand(5, 3, 16, 16).double(), y)
angle = ((x - held) * (other - held)).sum((1, 2, 3))
check("the change is orthogonal to what y leaves open", angle, torch.zeros(5).double(),
      atol=1e-11,
      control={"not projected": ((x - held) * (other - x)).sum((1, 2, 3))})  # fmt: skip

# %% [markdown]
# Three networks of one size learn to enlarge 8 × 8 digits from 2 × 2 pixels: one by squared error, one as a conditional GAN, and one as a GAN whose output is held to $y$. The games make 1800 updates. An update of squared error takes about a fifth of the time, so it makes five times as many; what it reaches in 1800 is in the picture, and printed too. Two judges look at what the networks make of the 360 test digits: the squared error, and the Fréchet distance of notebook 12 between the results and real digits, in the features of a classifier. Three seeds each.

# %%
enlarging = data.results("conditional_gan_enlarged")
print(enlarging)
small = enlarging.arrays["small"].repeat(4, axis=2).repeat(4, axis=3)
drawn_by = [enlarging.arrays[kind] for kind in ("mean", "gan", "consistent")]
rows = [small, drawn_by[0][0], drawn_by[1][0], *drawn_by[2], enlarging.arrays["image"]]
labels = ["given", "squared error", "GAN", "GAN, consistent", "another draw",
          "original"]  # fmt: skip
figure = pictures.rows_of_pictures([1 - row / 255 for row in rows], labels,
      title="from 2 × 2 pixels: squared error blurs what is lost")  # fmt: skip
plots.show(figure,
           alt="Rows of eight pictures: the 2 by 2 pixels given; soft blobs by the "
           "network trained on squared error; digits by the two GANs, of the second "
           "two draws that differ; the original digits.")  # fmt: skip

# %%
names = {"mean, five times as long": "squared error", "gan": "GAN",
         "consistent": "GAN, consistent"}  # fmt: skip
error = {kind: enlarging.column("error", model=kind) for kind in names}
look = {kind: enlarging.column("fd", model=kind) for kind in names}
figure = pictures.two_judges([*error.values()], [*look.values()], [*names.values()])
plots.show(figure,
           alt="Squared error against Fréchet distance, three seeds for each of three "
           "methods: the network of least error is not the nearest to real "
           "digits.")  # fmt: skip
for kind, name in {"mean": "squared error, 1800", **names}.items():
    columns = [enlarging.column(key, model=kind)
               for key in ("error", "fd", "recall", "seconds")]  # fmt: skip
    print(f"{name:19} error {seeds(columns[0])}, recall {columns[2].mean():.2f}")
    print(f"{'':19} Fréchet distance {seeds(columns[1])}; {columns[3].mean():.0f} s")
regressed, held_to = error["mean, five times as long"], error["consistent"]
of_16 = enlarging.column("error of the mean of 16", model="consistent")
print(f"one draw has {np.mean(held_to / regressed):.1f} times the error of the mean, "
      f"the average of 16 draws {np.mean(of_16 / regressed):.1f} times")  # fmt: skip
check("squared error has the least error, each seed", regressed, 0.7 * held_to,
      relation="<=", control={"GAN": error["gan"]})  # fmt: skip
check("the consistent GAN is at less than half the Fréchet distance, each seed",
      look["consistent"], look["mean, five times as long"] / 2, relation="<=",
      control={"1800 updates of squared error":
               enlarging.column("fd", model="mean")})  # fmt: skip

# %% [markdown]
# The two judges disagree, and neither is wrong: one asks how far the picture is from the truth, the other whether it could *be* true. Blau and Michaeli (2018) prove that beyond some point each can only improve at the other's expense. If you read number plates you want the first; if you restore an old film, the second. In neither case has the lost information come back. The GAN has made it up, and draws differently each time: a perfect sampler would have twice the error of the mean, and the average of 16 of its draws $1 + \frac1{16}$ times. The **recall** beside them is the share of real digits that are near some drawn one.
#
# (A game needs its time. In a first run of one of these seeds, 600 updates against 3000 of squared error, the two were level in Fréchet distance.)

# %% [markdown] slide="slide"
# ## 5 · Pix2pix: a sketch and a coin
#
# **Question.** Pairs of sketch $y$ and picture $x$ are given. Why not learn $y \mapsto x$ by regression?
#
# Because a sketch has many answers. Our sketches are outlines, and a coin decides the colour: blue with chance 0.7, otherwise red. What is the best *single* answer $a$? Under squared error set the derivative to zero: $\mathbb E\, 2(a - x) = 0$, so $a$ is the **mean**, a purple that is never seen. Under absolute error the derivative of $\mathbb E|a - x|$ is $P(x < a) - P(x > a)$, so $a$ is the **median**, and each pixel takes the majority's side: blue.

# %%
grid = np.linspace(0, 1, 1001)[:, None]
answers = np.array([0.35, 0.95])  # the red channel of blue and of red chalk
chance = np.array([0.7, 0.3])
squared = (chance * (grid - answers) ** 2).sum(1)
absolute = (chance * abs(grid - answers)).sum(1)
check("least squared error at the mean", grid[squared.argmin(), 0], chance @ answers,
      atol=1e-3,
      control={"the median": answers[0]})  # fmt: skip
check("least absolute error at the median", grid[absolute.argmin(), 0], answers[0],
      atol=1e-3,
      control={"the mean": chance @ answers})  # fmt: skip

# %% [markdown]
# **Pix2pix** (Isola and others, 2017) is a conditional GAN whose condition is the sketch, plus such a distance:
#
# $$\min_G \max_D\; \mathbb E \log D(y, x) + \mathbb E \log\bigl(1 - D(y, G(y, z))\bigr) + \lambda\, \mathbb E\, |x - G(y, z)| .$$
#
# Its generator is a **U-Net**: down to a quarter of the size and up again, with the fine features handed across, so that edges stay where they were. Its discriminator judges **patches**: a small convolutional network that gives one score per patch and never sees the whole. What a score sees, its **receptive field**, follows from the kernels $k$ and strides $s$, from the last layer to the first: $n \to (n - 1)\, s + k$. Check the arithmetic against the gradient: which pixels does one score depend on?


# %%
def seen_by_gradient(layers, size=99):
    """Side of the patch of pixels on which the middle score depends."""
    torch.manual_seed(10)
    network = cgan.conv_layers([1] + [2] * len(layers), layers)
    picture = torch.rand(1, 1, size, size, requires_grad=True)
    scores = network(picture)
    middle = scores.shape[-1] // 2
    (slope,) = torch.autograd.grad(scores[0, :, middle, middle].sum(), picture)
    rows = (slope[0, 0] != 0).any(1).nonzero()
    return int(rows.max() - rows.min()) + 1


ours, paper = list(cgan.PatchDiscriminator.LAYERS), [(4, 2)] * 3 + [(4, 1)] * 2
for name, layers in (("ours", ours), ("the paper's", paper)):
    side = cgan.receptive_field(layers)
    check(f"{name}: {side} pixels by arithmetic and by gradient", side,
          seen_by_gradient(layers))  # fmt: skip

# %% [markdown]
# Four losses, the same U-Net, equally many updates: squared error, absolute error, absolute error plus the discriminator, with $\lambda = 10$, and as a control the discriminator alone, $\lambda = 0$.
#
# **Predict before you run.** The third has latents $z$ and a discriminator that has seen red shapes. Will it draw some in red?
#
# <details><summary>Answer</summary>
# No. Isola and others noticed that their generator ignored z, too. A suspect is the distance: it punishes a shape that z turns red more often than it rewards it. The fourth loss is there to clear or to convict it.
# </details>

# %%
colouring = data.results("conditional_gan_coloured")
print(colouring)
losses = {"l2": "squared error", "l1": "absolute error", "l1+gan": "absolute + GAN",
          "gan": "GAN alone"}  # fmt: skip
rows = [colouring.arrays["outline"], *(colouring.arrays[key][0] for key in losses)]
rows = [row / 255 for row in (*rows, colouring.arrays["image"])]
figure = pictures.rows_of_pictures(rows, ["sketch", *losses.values(), "original"],
      title="squared error mixes the two colours")  # fmt: skip
plots.show(figure,
           alt="Rows of eight pictures: outlines; fillings by four losses; the "
           "originals in red and blue. Squared error is purple, the GAN alone "
           "speckled in blue and violet.")  # fmt: skip


def print_colours(table):
    """Shares per loss; of sketches, how many get both colours in six draws."""
    for key, name in losses.items():
        murky, red, blue, both = (seeds(table.column(word, model=key))
                                  for word in ("murky", "red", "blue", "both"))  # fmt: skip
        print(f"{name:15} neither {murky}; blue {blue}")
        print(f"{'':15} red     {red}; both for one sketch {both}")


print_colours(colouring)
patient = data.results("conditional_gan_coloured_longer")
check("squared error: neither colour in 9 of 10 pictures, each seed",
      colouring.column("murky", model="l2"), 0.9, relation=">=",
      control={"absolute error, 1050 updates":
               patient.column("murky", model="l1")})  # fmt: skip

# %% [markdown]
# Squared error settles for purple, as the derivation says. Absolute error should be blue, and in these seeds, on which nothing was chosen, it is mostly neither. Is the derivation wrong, or were 350 updates too few? The slope that pulls a pixel towards blue is only $0.7 - 0.3$. The same losses, with three times the updates:

# %%
print(patient)
print_colours(patient)
check("1050 updates of the absolute error: blue in 99 of 100, each seed",
      patient.column("blue", model="l1"), 0.99, relation=">=",
      control={"after 350": colouring.column("blue", model="l1")})  # fmt: skip
both = [table.column("both", model=key) for table in (colouring, patient)
        for key in ("l1+gan", "gan")]  # fmt: skip
check("with the distance and without it, no sketch gets both of its colours", both, 0.0,
      atol=0.01, control={"six tosses of the coin": 1 - 0.7**6 - 0.3**6})  # fmt: skip

# %% [markdown]
# They were too few: with patience the absolute error arrives at the median, and the squared error stays at the mean. With the discriminator beside it every picture is blue after 350 updates already, and in six draws no sketch gets both of its colours: one answer, where the data have two.
#
# Is the distance to blame? Without it the colours take longer to appear, and in one seed a few shapes are red; but no sketch gets both colours there either. The latents choose no colour even where nothing punishes the rarer one: this is **mode collapse**, and the distance is not its cause.

# %% [markdown] slide="slide"
# ## 6 · CycleGAN: what goes round must come round
#
# **Question.** And without pairs? There are photographs of horses and photographs of zebras, and none of a horse *as* a zebra.
#
# Take two heaps of pictures, $A$ and $B$, a generator for each direction, $F : A \to B$ and $R : B \to A$, and a discriminator for each heap. The discriminators see to it that $F(a)$ looks like a picture of $B$. But *which* one? CycleGAN (Zhu and others, 2017) asks that one can find the way back:
#
# $$L_{\text{cycle}} = \mathbb E\, |R(F(a)) - a| + \mathbb E\, |F(R(b)) - b| .$$


# %%
def cycle_by_hand(F, R, a, b):
    return (R(F(a)) - a).abs().mean() + (F(R(b)) - b).abs().mean()


torch.manual_seed(11)
forth, back = torch.nn.Linear(6, 4), torch.nn.Linear(4, 6)
a, b = torch.randn(20, 6), torch.randn(20, 4)
check("the cycle loss by hand = coursekit", cycle_by_hand(forth, back, a, b),
      cgan.cycle_loss(forth, back, a, b), atol=1e-6)  # fmt: skip

# %% [markdown]
# **What the cycle cannot decide.** Say each heap has $K$ pictures, equally likely. If $F$ is *any* permutation and $R$ its inverse, each heap is reproduced perfectly and the cycle closes: both discriminators are content, and $L_{\text{cycle}} = 0$. There are $K!$ permutations, and one of them is what we meant. Count for $K = 5$:

# %%
world = torch.randn(5, 7, generator=torch.Generator().manual_seed(12))  # either side


def map_of(order):
    """The map that takes picture i to picture order[i]."""

    def move(rows):
        numbers = [(world == row).all(1).nonzero().item() for row in rows]
        return world[[order[number] for number in numbers]]

    return move


closed, reproduced, meant = 0, 0, 0
for order in itertools.permutations(range(5)):
    inverse = [order.index(i) for i in range(5)]
    closed += cgan.cycle_loss(map_of(order), map_of(inverse), world, world).item() == 0
    image = map_of(order)(world)
    reproduced += bool((image.sort(0).values == world.sort(0).values).all())
    meant += order == (0, 1, 2, 3, 4)
check("5! = 120 pairs of maps close the cycle and reproduce both heaps; one is meant",
      [closed, reproduced, meant], [120, 120, 1])  # fmt: skip

# %% [markdown] slide="subslide"
# **Where does the colour go?** Let $A$ be red and blue shapes and $B$ shapes in white chalk. White chalk has no colour, so $R(F(a))$ cannot know the colour of $a$, and the cycle loss should stay large.
#
# **Predict before you run.** Will it?
#
# <details><summary>Answer</summary>
# No. It falls. F writes the colour into the white picture, in differences small enough for the discriminator to let them pass, and R reads them. Chu, Zhmoginov and Sandler (2017) found this in maps and aerial photographs, and called it steganography: a message that only its receiver notices.
# </details>
#
# We train one, live, without pairs.

# %% tags=["nbval-ignore-output"]
cycle = recipe.colour_cycle(seed=0)

# %%
colours = recipe.red_and_blue(480, seed=99)
with torch.no_grad():
    white = cycle.forth(colours)
    restored = cycle.back(white)
    rng = torch.Generator().manual_seed(0)
    under_noise = cycle.back(white + 0.1 * torch.randn(white.shape, generator=rng))
loud = 0.5 + 4 * (white - recipe.chalk_white(colours))
rows = [colours[:8], recipe.chalk_white(colours[:8]), white[:8], loud[:8], restored[:8],
      under_noise[:8]]  # fmt: skip
labels = ["a", "true white", "F(a)", "their difference × 4", "R(F(a))",
      "with noise 0.1"]  # fmt: skip
figure = pictures.rows_of_pictures(rows, labels,
      title="the colours come back through a white picture")  # fmt: skip
plots.show(figure,
           alt="Rows of eight pictures: red and blue shapes; the same in white; the "
           "white pictures by the network, red ones slightly greyer; their amplified "
           "difference, dark for red and lighter for blue; the colours restored; the "
           "restoration under noise.")  # fmt: skip

# %%
found = recipe.hidden_colours(cycle, colours)
print(", ".join(f"{name} ≈ {value:.3f}" for name, value in found.items()))
shape = (colours.amax(1, keepdim=True) > 0.5).float()  # 1 inside, 0 on the board
darker = ((recipe.chalk_white(colours) - white) * shape).sum((1, 2, 3))
darker = darker / shape.sum((1, 2, 3))  # than true white, the mean inside each shape
is_red = colours[:, 0].amax((1, 2)) > colours[:, 2].amax((1, 2))
written = torch.stack([darker[is_red].mean(), darker[~is_red].mean()])
print("darker than white: red ≈ {:.2f}, blue ≈ {:.2f}".format(*written.tolist()))
check("the message: red is darker by 0.08 to 0.14, blue is within 0.03 of white",
      written, torch.tensor([0.11, 0.0]), atol=0.03,
      control={"nothing written": torch.zeros(2)})  # fmt: skip
check("colours come back with at most half the error of the mean colour",
      found["plain"], found["mean colour"] / 2,
      relation="<=", control={"under noise of 0.1": found["noise 0.1"],
      "another shape's colour": found["another colour"]})  # fmt: skip

# %% [markdown]
# Look closely at the row $F(a)$: red comes out a shade greyer, by about 0.1, and blue is left white. So the message is small, but not invisible. It is more than one step of 16 grey levels, $\tfrac1{15} \approx 0.067$, so rounding to these leaves nearly all of it. Noise of standard deviation 0.1 is about as large, in every pixel, and drowns much of the message, in some runs most.
#
# The errors are root mean squares, per colour channel; "white" is how far $F(a)$ is from true white, per pixel of the whole board, most of which the message does not touch. The cycle loss rewards the hiding: where the heaps do *not* hold the same information, nothing else closes the cycle. Three training seeds:

# %%
hiding = data.results("conditional_gan_hidden")
print(hiding)
for name in ("plain", "16 levels", "noise 0.1", "mean colour", "another colour"):
    print(f"{name:15} {seeds(hiding.column(name))}")
check("the stored run of seed 0 is the one above", found["plain"],
      hiding.column("plain", seed=0)[0], atol=0.004,
      control={"the mean colour": found["mean colour"], "no error": 0.0})  # fmt: skip
check("16 levels: at most a fifth of the mean colour's error, 3 seeds",
      hiding.column("16 levels"), found["mean colour"] / 5, relation="<=",
      control={"noise 0.1": hiding.column("noise 0.1")})  # fmt: skip

# %% [markdown]
# So a CycleGAN's small cycle loss says nothing about whether its translation is *right*. Three remedies are in use: pairs where there are some, an identity loss ($F$ should leave pictures of $B$ as they are), and noise on the way, which drowns the message. We have not measured them here.

# %% [markdown] slide="slide"
# ## 7 · Growing a generator
#
# **Question.** Large pictures are hard: a discriminator finds a flaw in some corner at once, and the generator learns little. Can one begin with what is easy?
#
# **Progressive growing** (Karras and others, 2018) begins with 4 × 4 pixels, where a shape is a coloured speck. When that game has settled, both networks get a layer for 8 × 8, then for 16 × 16. A new layer has random weights and would wreck everything, so it is **faded in** by a number $\alpha$ that rises from 0 to 1:
#
# $$\text{picture} = (1 - \alpha)\; U(\text{old picture}) + \alpha\; \text{new picture}, \qquad U \text{: each pixel becomes a square of } 2 \times 2.$$
#
# The discriminator does the same with its features. Three facts make this safe. At $\alpha = 0$ nothing has changed. At $\alpha = 1$ only the new path is left. And in between, for a given gradient at the picture, the new layer's gradient is proportional to $\alpha$. Under plain gradient descent its first steps are small. Adam divides by the size of the gradient and makes them as long as any other; even then a step changes the picture by a factor $\alpha$ less.

# %%
torch.manual_seed(13)
grower = cgan.GrowingGenerator(1.0, level=1).double()
z = torch.randn(8, 16).double()
before = grower(z)  # 8 x 8 pixels
grower.set_growth(level=2, alpha=0.0)
check("alpha = 0: the picture is the old one, enlarged", grower(z),
      cgan.enlarge(before, 2), atol=1e-14)  # fmt: skip


def new_layer_gradient(alpha):
    """Gradient of a linear function of the pictures in the newest layer."""
    grower.set_growth(level=2, alpha=alpha)
    grower.zero_grad()
    (grower(z) * torch.linspace(-1, 1, 16).double()).sum().backward()
    return grower.finer[1][0].weight.grad


part, whole = new_layer_gradient(0.3), new_layer_gradient(1.0)
check("the new layer's gradient at alpha = 0.3 is 0.3 of that at 1", part, 0.3 * whole,
      atol=1e-10, control={"all of it": whole})  # fmt: skip
grower.set_growth(level=2, alpha=1.0)
final = grower(z)
torch.nn.init.normal_(grower.paint[1].weight)  # the old way to the pixels
check("alpha = 1: the old path no longer matters", grower(z), final, atol=1e-14)

# %% tags=["nbval-ignore-output"]
blends = []
for parameter in grower.parameters():
    torch.nn.init.normal_(parameter, std=0.15)  # untrained, but with contrast
for alpha in torch.linspace(0, 1, 11).tolist():
    grower.set_growth(level=2, alpha=alpha)
    blends.append(grower(z).detach())
blends = torch.stack(blends).numpy()
explorers.fade_explorer(blends)

# %%
static_frames(partial(explorers.fade_frame, blends),
              [{"alpha": a} for a in (0.0, 0.5, 1.0)],
              alt="Eight untrained pictures at three stages: squares of equal pixels; "
              "a blend; the new layer's own pattern.")  # fmt: skip

# %% [markdown]
# **Does it pay?** Karras and others report that growing trained two to six times faster at up to $1024 \times 1024$ pixels, where the early updates are cheap beside the late ones. Here are coloured shapes without words, grown in 200, 200 and 400 updates, and trained directly at $16 \times 16$ in 500, which takes about the same CPU-seconds. The rule `read_shapes` looks at the pictures: which share has a colour, a form and a place, and how many of the 48 kinds occur? Three seeds, stored, and the first seed with three times as many updates.

# %%
growth_runs = data.results("conditional_gan_grown")
longer_runs = data.results("conditional_gan_grown_longer")
print(growth_runs)
methods = ("growing", "direct")
n_seeds = len(growth_runs.seeds)
seconds, readable, kinds = (
    [growth_runs.column(key, model=way).reshape(n_seeds, -1) for way in methods]
    for key in ("seconds", "readable", "kinds"))  # fmt: skip
for way, looks, spent in zip(methods, readable, seconds, strict=True):
    print(f"{way}: share read, six looks up to {spent[:, -1].mean():.0f} s")
    for seed, row in zip(growth_runs.seeds, looks, strict=True):
        print(f"  seed {seed}:", " ".join(f"{value:.3f}" for value in row))
    row, spent = (longer_runs.column(key, model=way) for key in ("readable", "seconds"))
    print("  three times the updates:", " ".join(f"{value:.3f}" for value in row))
    print("    after seconds:        ", " ".join(f"{value:5.0f}" for value in spent))
early_stages = seconds[0][:, 2].mean() / seconds[0][:, -1].mean()
print(f"the stages of 4 x 4 and 8 x 8 take {early_stages:.0%} of growing's seconds")
figure = pictures.growth(seconds, readable, kinds, methods)
plots.show(figure,
           alt="Two panels over CPU-seconds, three curves each for growing and direct "
           "training. Two of the three grown curves stay at zero; the third and the "
           "direct ones go up and down.")  # fmt: skip

# %% [markdown]
# At equal seconds direct training is ahead on average: two of the three grown games could not be read at any look. With three times the updates, one seed, growing ends slightly ahead, by less than either curve moves between the last two looks. Three seeds that swing this much decide nothing finer. We did not look for the cause; one would expect little here, since the small stages hold only half of the updates, cost little, and so leave little to save. None of this speaks about $1024 \times 1024$, where a late update costs thousands of early ones.

# %% [markdown] slide="slide"
# ## 8 · What pooling cannot see, and the rest of the zoo
#
# **Question.** Early GANs drew dogs with three heads. Why did their discriminators not object?
#
# A convolutional detector finds an eye wherever it is. If what follows keeps only the strongest response, as **global pooling** does, it forgets where the eye was. What is left says *which* parts occur, so a face and a heap of its parts look alike. A network without pooling can fail in the same way if its receptive fields are small: a discriminator of patches (section 5) never sees two distant heads at once. Here are two eyes, a nose and a mouth as small templates, and a detector for each; global maximum pooling gives the strongest response anywhere.

# %%
eye = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], dtype=float)
nose = np.array([[0, 1, 0], [0, 1, 0], [0, 1, 1]], dtype=float)
mouth = np.array([[0, 0, 0], [1, 0, 1], [0, 1, 0]], dtype=float)
parts = [eye, eye, nose, mouth]
arranged = [(2, 2), (2, 11), (6, 6), (11, 6)]
scrambled = [(11, 2), (6, 10), (1, 6), (2, 1)]


def place(positions, size=16):
    """Draw the four parts with their upper left corners at these places."""
    canvas = np.zeros((size, size))
    for part, (row, column) in zip(parts, positions, strict=True):
        canvas[row : row + 3, column : column + 3] = part
    return canvas


def pooled(picture):
    """The strongest response of each detector anywhere, (4,)."""
    filters = torch.tensor(np.array(parts))[:, None] - 0.4
    return torch.conv2d(torch.tensor(picture)[None, None], filters).amax((2, 3))[0]


faces = place(arranged), place(scrambled)
mouthless = faces[0] * (np.arange(16) < 11)[:, None]
check("global pooling gives the same features for both", pooled(faces[0]),
      pooled(faces[1]), atol=1e-12,
      control={"without the mouth": pooled(mouthless)})  # fmt: skip
figure = pictures.arrangements(faces, ["a face", "no face, the same pooled features"])
plots.show(figure,
           alt="Two line drawings made of the same two eyes, nose and mouth: arranged "
           "as a face on the left, scattered on the right.")  # fmt: skip

# %% [markdown] slide="subslide"
# **Capsules** (Sabour, Frosst and Hinton, 2017) keep the place. A capsule is a vector: its length says how likely its part is there, its direction how it lies. It is **squashed**, $v = \frac{|s|^2}{1 + |s|^2} \frac{s}{|s|}$, so that lengths stay below 1. Each part *votes* for where the whole should be, as an eye at one place votes for a face around it. In **routing by agreement** the coupling of a part to a whole is a softmax over wholes; it grows by the scalar product of the part's vote with the whole's vector. Votes that agree reinforce each other. In the face all four parts vote for the same centre; in the heap they contradict each other.


# %%
def votes(positions):
    """Each part's vote for the middle of the face, as angles: (4, 8), of length 1."""
    middle = np.array(positions) - np.array(arranged)  # 0: a part in its proper place
    angles = np.concatenate([middle, 2 * middle], axis=1) * (2 * np.pi / 16)
    return torch.tensor(np.concatenate([np.cos(angles), np.sin(angles)], axis=1) / 2)


def face_capsule(positions):
    """Length of the capsule "face", beside a rival with votes at random; coupling."""
    rival = torch.randn(4, 8, generator=torch.Generator().manual_seed(14)).double()
    rival = rival / rival.norm(dim=1, keepdim=True)
    wholes, coupling = cgan.route(torch.stack([votes(positions), rival], dim=1)[None],
          n_iterations=3)  # fmt: skip
    return wholes[0, 0].norm(), coupling


s = torch.randn(9, 4, generator=torch.Generator().manual_seed(15)).double() * 3
lengths = s.norm(dim=1, keepdim=True)
check("squash: length |s|^2 / (1 + |s|^2), direction kept", cgan.squash(s),
      s / lengths * (lengths**2 / (1 + lengths**2)), atol=1e-12)  # fmt: skip
(face, coupling), (heap, _) = face_capsule(arranged), face_capsule(scrambled)
check("the coupling of each part adds up to 1", coupling.sum(-1), torch.ones(1, 4),
      atol=1e-12)  # fmt: skip
print(f"length of the capsule: face {face:.2f}, heap {heap:.2f}")
check("the arrangement shows: the face's capsule is at least 0.75 long", face, 0.75,
      relation=">=",
      control={"the heap of the same parts": heap})  # fmt: skip

# %% [markdown]
# Nothing was learned here: the votes were written by hand, and the point is what the architecture *can* see. Trained capsule networks have not become the method for large pictures. Later GANs see arrangements through larger receptive fields and through attention, which compares every place with every other.
#
# **InfoGAN, and a bound.** If no condition is given, can the generator find one? InfoGAN (Chen and others, 2016) adds a code $c$ to the latents and maximises the mutual information $I(c; x)$ between code and picture. The posterior $p(c \mid x)$ in it is unknown, so a network $Q(c \mid x)$ takes its place:
#
# $$I(c; x) = H(c) + \mathbb E \log p(c \mid x) = H(c) + \mathbb E \log Q(c \mid x) + \mathbb E_x\, \mathrm{KL}\bigl(p(c \mid x) \,\Vert\, Q(c \mid x)\bigr) \;\ge\; H(c) + \mathbb E \log Q(c \mid x) .$$
#
# The second step adds and subtracts $\mathbb E \log Q$; the third drops a divergence, which is never negative.

# %%
rng = np.random.default_rng(16)
p_cx = rng.dirichlet(np.ones(12)).reshape(3, 4)  # p(c, x)
p_c, p_x = p_cx.sum(1), p_cx.sum(0)
information = (p_cx * np.log(p_cx / np.outer(p_c, p_x))).sum()
entropy = -(p_c * np.log(p_c)).sum()


def bound(Q):
    return entropy + (p_cx * np.log(Q)).sum()


check("with the true posterior the bound is the mutual information",
      bound(p_cx / p_x), information, atol=1e-12,
      control={"Q = p(c), which looks at nothing": bound(np.repeat(p_c[:, None], 4,
      1))})  # fmt: skip
guesses = rng.dirichlet(np.ones(3), size=(50, 4)).transpose(0, 2, 1)
check("any other Q gives less", [bound(Q) for Q in guesses], information, relation="<=",
      theorem="a Kullback-Leibler divergence is never negative")  # fmt: skip

# %% [markdown] slide="subslide"
# **The zoo in one table.** Each is the two-player game with one thing changed.
#
# | Name | What is changed | The formula that makes it | In this course |
# | --- | --- | --- | --- |
# | AC-GAN (2017) | the discriminator also classifies | $L_D + \mathbb E[-\log Q(c \mid x)]$ on real and drawn pictures | as the bound above |
# | InfoGAN (2016) | a code without labels | $I(c; x) \ge H(c) + \mathbb E \log Q(c \mid x)$ | checked here |
# | BiGAN, ALI (2017) | $D$ sees $(x, z)$; an encoder $E$ | $\mathrm{JSD}\bigl((x, E(x)), (G(z), z)\bigr)$ | cited |
# | EBGAN (2017) | the score is a reconstruction error | $D(x) + \max(0,\, m - D(G(z)))$ | cited |
# | BEGAN (2017) | balance by a controller | $k \leftarrow k + \lambda\,(\gamma L(x) - L(G(z)))$ | cited |
# | f-GAN (2016) | any $f$-divergence | $\mathbb E_p\, T - \mathbb E_{p_g} f^*(T)$ | JSD in [12](12_gan_optimal_discriminator.ipynb) |
# | LSGAN (2017) | squared targets | $\tfrac12 \mathbb E (s - 1)^2$ | [13](13_training_gans.ipynb), section 7; used in section 6 here |
# | WGAN-GP (2017) | transport for divergence | $\mathbb E_p f - \mathbb E_{p_g} f$, slope 1 | [14](14_wgan.ipynb) |

# %% [markdown] slide="slide"
# ## 9 · What goes wrong
#
# **The condition is ignored.** Take the last row of section 3: words that come late, and no mismatched pairs. Look at each word by itself; a generator that does not listen gets each at chance, $\tfrac14$, $\tfrac13$, $\tfrac14$, or worse where its pictures cannot be read. So a low share alone does not tell deafness from bad drawing, and here there are both. The row between is the early condition of section 3.

# %%
each = {}
for way in ("projection, w = 0.5", "early, w = 0.5", "late, w = 0"):
    each[way] = [runs.column(name, model=way).mean() for name in data.SHAPE_WORDS]
    print(f"{way:20}", ", ".join(map("{} {:.2f}".format, data.SHAPE_WORDS, each[way])))
check("late and without mismatched pairs: no word right in over 4 of 10",
      each["late, w = 0"], 0.4, relation="<=",
      control={"projection": each["projection, w = 0.5"]})  # fmt: skip
longer = data.results("conditional_gan_longer")
print(longer)
for row in longer.rows:  # 3000 updates; in brackets, of those words that can be read
    words = (f"{key} {row[key]:.2f} ({row['readable ' + key]:.2f})"
             for key in data.SHAPE_WORDS)  # fmt: skip
    print(f"{row['model']:15} all {row['all']:.2f};", ", ".join(words))

# %% [markdown]
# Three times the updates take the two changes apart. *With* mismatched pairs the late condition obeys as well as the early one, colour and place always and form in over half of the pictures; both were slow rather than deaf. *Without* them it now listens to the place, and colour and form are still near chance among the words that can be read. So it is the missing mismatched pairs that keep it deaf longest. This is one seed; read it as a trial.
#
# **The latents are ignored.** The opposite failure: the generator obeys, and draws the same picture each time. Compare the spread of its pixels within one request with that of the data. Obeying and varying are two things, and the share of words that are right says nothing about the second.

# %%
one_request = attributes[:1].expand(200, 3)
same, more = (recipe.drawings(200, seed, one_request.numpy())[0] for seed in (5, 6))
latents = torch.Generator().manual_seed(4)
repeated = painter.sample(recipe.one_hot(one_request), rng=latents)
spread = repeated.std(0).mean() / same.std(0).mean()
print(f"spread within one request: ≈ {spread:.2f} of the data's")
check("it varies less than two thirds of the data", spread, 0.67, relation="<=",
      control={"data again": more.std(0).mean() / same.std(0).mean()})  # fmt: skip

# %%
rows = [same[:8], repeated[:8].reshape(-1, 3, 16, 16)]
figure = pictures.rows_of_pictures(rows, ["data", "generator"],
      title="one request, eight answers: the generator varies less")  # fmt: skip
plots.show(figure,
           alt="Eight drawings for one request and eight by the generator: sizes and "
           "places vary in the first row and hardly in the second.")  # fmt: skip

# %% [markdown]
# The generator obeys, and it has lost much of the variety. The discriminator sees a whole batch, but its minibatch statistic mixes all requests: spread *between* requests can hide the lack of spread *within* one.

# %% [markdown]
# **And on handwriting?** The same recipe asks for digits by their class, on mini-MNIST. A classifier trained on real digits reads the samples; its share of agreement on *real* test digits is the mark to compare with.

# %%
digits = data.results("conditional_gan_digits")
print(digits)
real = digits.column("real")[0]
print(f"read as asked for: {seeds(digits.column('obeyed'))}; real digits {real:.2f}")
check("read as asked for at least as often as real digits", digits.column("obeyed"),
      real, relation=">=", control={"chance": 0.1})  # fmt: skip
ink = digits.arrays["images"].reshape(-1, 1, 14, 14) / 255
figure = pictures.rows_of_pictures([1 - ink[k : k + 10] for k in (0, 10, 20)],
      ["first", "second", "third"], columns=range(10),
      title="each digit as asked for, three times")  # fmt: skip
plots.show(figure,
           alt="Three rows of ten generated handwritten digits, zero to nine as asked "
           "for in each column.")  # fmt: skip

# %% [markdown]
# Being read more often than real digits is no triumph. People write digits that a classifier misreads; a generator that keeps to the middle of each class does not. Section 2 names one reason for keeping to the middle: mismatched pairs.

# %% [markdown] slide="slide"
# ## 10 · Summary
#
# | Claim | Where it was checked | Code in [`conditional_gan`](../coursekit/conditional_gan) |
# | --- | --- | --- |
# | a discriminator that does not see $c$ cannot tell swapped conditions | section 1 | |
# | $D^* = p / (p + w m + (1 - w) p_g)$; its value is $2\, \mathrm{JSD} - \log 4$ | section 2 | `optimal_conditional_discriminator`, `ConditionalGAN` |
# | with mismatched pairs the best generator is not the data | section 2 | `best_generator` |
# | projection: a log ratio of two softmax models is linear in $c$ | section 3 | `ConditionalDiscriminator` |
# | conditioning augmentation: a draw and its KL | section 3 | `conditioning_augmentation` |
# | two stages and one, at about equal seconds (the stages took nearly a third more), and with three times the updates | section 3 | `StackedGenerator` |
# | a posterior sample has twice the squared error of the mean | section 4 | |
# | $x + U(y - Sx)$ is the nearest picture that shrinks to $y$ | section 4 | `consistent`, `ConsistentGenerator` |
# | squared error draws the mean, absolute error the median | section 5 | `Pix2Pix` |
# | the receptive field, by arithmetic and by the gradient | section 5 | `receptive_field`, `PatchDiscriminator` |
# | $K!$ pairs of maps close the cycle; colours hide in white pictures | section 6 | `CycleGAN`, `cycle_loss` |
# | a faded-in layer changes nothing at first | section 7 | `GrowingGenerator` |
# | pooling forgets the arrangement, agreement of votes does not | section 8 | `squash`, `route` |
# | InfoGAN's bound on the mutual information | section 8 | |
#
# ### Five questions
#
# <details><summary>1. Why must the discriminator see the condition, and not only the generator?</summary>
# Without it only the marginal of the pictures is compared. A generator that draws well and takes every request for a different one has the right marginal.
# </details>
#
# <details><summary>2. You raise the weight of mismatched pairs from 0 to 1/2. What happens to samples of two overlapping classes?</summary>
# They move away from the other class and vary less than the data: the fakes already contain real pictures of the other class, and the generator makes up for them.
# </details>
#
# <details><summary>3. A super-resolution network has half the squared error of yours, and its pictures look blurred. Is it better?</summary>
# By squared error, yes. Half the error is what the mean has beside a perfect sample of the posterior, so your network may be exactly right in its own way.
# </details>
#
# <details><summary>4. A CycleGAN from maps to photographs has cycle loss near 0. Is the translation right?</summary>
# That does not follow. Every permutation with its inverse closes the cycle, and what a map cannot hold may be hidden in it. Add noise and look again.
# </details>
#
# <details><summary>5. Why is a new layer faded in, and not just added?</summary>
# At alpha = 0 both networks are exactly what they were, and what the new layer paints counts in proportion to alpha. Added at once, its random weights would replace all the pictures at once.
# </details>
#
# **Homework:** [`hw15_conditional_gans`](homework/release/hw15_conditional_gans/hw15_conditional_gans.ipynb): the loss with mismatched pairs, the best discriminator, a cycle, consistency, and two enlargers before two judges. [Solutions](../notebooks/homework/source/hw15_conditional_gans/hw15_conditional_gans.ipynb) are in a folder of their own.
#
# **References.** M. Mirza and S. Osindero (2014), *Conditional generative adversarial nets*. S. Reed and others (2016), *Generative adversarial text to image synthesis*. X. Chen and others (2016), *InfoGAN*. H. Zhang and others (2017), *StackGAN*. P. Isola and others (2017), *Image-to-image translation with conditional adversarial networks*. J.-Y. Zhu and others (2017), *Unpaired image-to-image translation using cycle-consistent adversarial networks*. C. Chu, A. Zhmoginov and M. Sandler (2017), *CycleGAN, a master of steganography*. C. Ledig and others (2017), *Photo-realistic single image super-resolution*. C. K. Sønderby and others (2017), *Amortised MAP inference for image super-resolution*. S. Sabour, N. Frosst and G. Hinton (2017), *Dynamic routing between capsules*. T. Karras and others (2018), *Progressive growing of GANs*. T. Miyato and M. Koyama (2018), *cGANs with projection discriminator*. Y. Blau and T. Michaeli (2018), *The perception-distortion tradeoff*.
