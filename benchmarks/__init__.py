"""The course beside its peers: same data, same split, one thread, CPU seconds as the budget, several seeds.

`python3 course.py bench [name ...]` sets up the peers and runs the cases; with the environment on,
`python -m benchmarks [name ...]` does the same at once. One file a case; `harness.py` holds what all share,
`report.py` writes README.md, `references.py` the plain models that people usually copy, and `stored.py` keeps
long runs in data/results for the notebooks.
"""

CASES = ["pca", "kmeans", "linkage", "factorization", "rbm", "autoencoder", "vae", "gan", "flow", "ddpm"]
CASES += ["manifold", "autoregressive", "embeddings", "transformer", "dbn", "gan_training", "conditional_gan"]
CASES += ["alignment"]
CASES += ["families", "limits", "start", "course", "scaling"]
