"""The island itself: what is forbidden is out of reach, and what only lives next to it works."""

import pytest

from coursekit.homework.sandbox import Sandbox
from coursekit.homework.session import Limits

LIBRARY = """
from sklearn.cluster import KMeans
from sklearn.manifold import TSNE, Isomap
from sklearn.mixture import GaussianMixture
import sklearn.compose, sklearn.ensemble, sklearn.neighbors, sklearn.pipeline, sklearn.preprocessing
import numpy as np
X = np.random.default_rng(0).normal(size=(30, 3))
print(KMeans(2, n_init=1).fit(X).inertia_ > 0, GaussianMixture(2).fit(X).converged_)
"""
ROUTES = [
    "from sklearn.decomposition import PCA\nPCA(2).fit(X)",
    "import sklearn.decomposition._pca as p\np.PCA.fit(X)",
    "from sklearn.decomposition import PCA\nclass Mine(PCA):\n    pass\nMine()",
    "import sklearn.manifold._t_sne as t\nt.PCA()",
    "TSNE(init='pca', perplexity=5).fit(X)",
    "Isomap().fit(X)",
    "import coursekit.pca\ncoursekit.pca.PCA()",
    "from sklearn.utils._test_common.instance_generator import PCA\nPCA()",
]
WITHOUT_THE_FINDER = """
import sys
sys.meta_path[:] = [one for one in sys.meta_path if "runner" not in type(one).__module__]
for name in [name for name in sys.modules if "decomposition" in name or name == "coursekit.pca"]:
    del sys.modules[name]
"""


def test_forbidden_modules_are_out_of_reach_and_their_neighbours_work(bubblewrap):
    with Sandbox(["coursekit.pca", "sklearn.decomposition"], Limits()) as sandbox, sandbox.start() as session:
        session.ready()

        def run(source):
            return session.ask({"cell": source}, 60)

        assert run(LIBRARY) == {"text": "True True\n", "error": None}
        for route in ROUTES:
            assert "is not allowed in this homework: write the answer yourself" in run(route)["error"], route
        assert run(WITHOUT_THE_FINDER)["error"] is None
        for name in ("sklearn.decomposition._pca", "coursekit.pca"):
            assert f"No module named '{name}'" in run(f"import {name}")["error"]
        assert "no attribute 'PCA'" in run("import sklearn.decomposition as d\nd.PCA")["error"]


@pytest.mark.parametrize("isolated", [True, False])
def test_a_whole_library_can_be_forbidden(bubblewrap, isolated):
    with Sandbox(["torch"], Limits(), isolated=isolated) as sandbox, sandbox.start() as session:
        session.ready()
        named = "import torch\nclass Net(torch.nn.Module):\n    def f(self, x: torch.Tensor | None): ..."
        assert session.ask({"cell": named}, 60)["error"] is None
        for source in ("torch.zeros(3)", "Net()", "import torch.nn.functional as F\nF.relu(1)"):
            assert "torch is not allowed" in session.ask({"cell": source}, 60)["error"], source
        # The sentence comes up where the course's own code uses it, too.
        said = session.ask({"cell": "from coursekit.vae import VAE\nVAE(2, 1, hidden=3)"}, 60)["error"]
        assert "torch is not allowed" in said
