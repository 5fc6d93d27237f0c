"""coursekit: unsupervised learning and generative models, in code that can be read and trusted.

The lectures, in the order of the course; each module is the code of one notebook:

- `pca`: principal component analysis, and the angles between subspaces (01)
- `clustering`, with `linkage`: K-means half step by half step, and agglomerative clustering (02)
- `rbm`: Boltzmann machines, restricted ones, contrastive divergence (08)
- `autoencoder`, with `pretraining`: linear, tied, denoising, contractive, convolutional autoencoders (10)
- `vae`: the variational autoencoder and its bound (11)
- `gan`: the adversarial game and its optimal discriminator (12)
- `wgan`: the earth mover's distance, critics, clipping and the gradient penalty (14)
- `flow`, with `flow_layers`: normalising flows with exact log-determinants (16)
- `ddpm`, with `noise_schedule`: diffusion models (17)

What they share:

- `data`: data sets as small immutable objects, with source and licence
- `networks`: the nets inside the models; they know nothing of losses
- `training`: the loops, with checkpoints; they know nothing of any model
- `evaluation`: how good a generative model is
- `checks`: `check(claim, left, right)`, the one line that proves a claim
- `plots`: the course's style, and `show(figure, alt=...)`
- `widgets`: explorers, each a pure frame and its sliders
- `homework`: build, prove and grade homework on top of nbgrader
- `slides`: a deck for the classroom from a notebook
- `site`: the course as a web site
- `assets`: the JavaScript of decks and site, of known versions, kept for work without a network
- `recipes`: model, data and loop put together, one good way for each model
- `train_command`: `coursekit train`, a recipe in a folder
- `cli`: the `coursekit` command

Models never import plots, data or training; the notebooks bring them together. Importing this package loads
none of the above: `from coursekit import pca` loads what it needs.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("coursekit")
except PackageNotFoundError:
    __version__ = "0.1.0"
