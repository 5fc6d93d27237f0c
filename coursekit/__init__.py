"""coursekit: unsupervised learning and generative models, in code that can be read and trusted.

The lectures, in the order of the course, each a folder:

- `start`: the first hour (00)
- `pca`: principal component analysis, and the angles between subspaces (01)
- `clustering`: K-means half step by half step, and agglomerative clustering (02)
- `manifold`: maps from distances, from patches, from walks and from neighbours: MDS to t-SNE (03)
- `factorization`: non-negative factors, ratings with blanks, topics (04)
- `embeddings`: words by the company they keep, negative sampling, vectors of documents (05)
- `autoregressive`: images pixel by pixel, by the chain rule: MADE, PixelRNN, PixelCNN, MaskGIT (06)
- `transformer`: attention, GPT and BERT, byte pairs, and the n-grams to be beaten (07)
- `rbm`: Boltzmann machines, restricted ones, contrastive divergence (08)
- `dbn`: deep belief networks, and the machine that sees labels (09)
- `autoencoder`: linear, tied, denoising, contractive, convolutional autoencoders (10)
- `vae`: the variational autoencoder and its bound (11)
- `gan`: the adversarial game and its optimal discriminator (12)
- `gan_training`: what makes the game train, DCGAN to unrolled steps; codes for a wish (13)
- `wgan`: the earth mover's distance, critics, clipping and the gradient penalty (14)
- `conditional_gan`: pictures on demand, from words, from small pictures, from other pictures (15)
- `flow`: normalising flows with exact log-determinants (16)
- `ddpm`: diffusion models (17)
- `alignment`: prompts, fine-tuning, and a policy learned from preferences, beside the best one (18)
- `comparison`: all families on one table, by one protocol (19)

Each folder hands on what its models define: `from coursekit.vae import VAE` and `vae.VAE` both work. In it,

- `model` (or several files named after what they are) holds the mathematics,
- `pictures` makes figures of arrays,
- `explorers` puts sliders over them,
- `recipe` is one good way to train the model, the one that notebook, `coursekit train` and benchmarks share.

What the lectures share:

- `data`: data sets as small immutable objects, with source and licence
- `networks`: the nets inside the models; they know nothing of losses
- `training`: the loops, with checkpoints; they know nothing of any model
- `evaluation`: how good a generative model is
- `checks`: `check(claim, left, right)`, the one line that proves a claim
- `points`: how many points the checks of a homework give so far
- `plots`: the course's style, and `show(figure, alt=...)`
- `widgets`: explorers, each a pure frame and its sliders
- `inputs`: what turns bad input into a sentence
- `draws`: random numbers from an explicit generator

Models never import plots, data or training; the notebooks bring them together. Importing this package loads
none of the above: `from coursekit import pca` loads what it needs. What teachers and authors run is another
package, `coursetools`.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("coursekit")
except PackageNotFoundError:
    __version__ = "0.1.0"
