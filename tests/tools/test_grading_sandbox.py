"""The island itself: what is forbidden is out of reach, and what only lives next to it works."""

import ctypes
import os
import platform
import shutil
import subprocess
import time

import batch
import pytest
from accounts import make_accounts

from coursetools.homework.grading.sandbox import Sandbox
from coursetools.homework.grading.session import Limits
from coursetools.homework.loading import grading, homework_names, load_homework

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
    "from coursekit.pca.model import PCA\nPCA()",
    "from sklearn.utils._test_common.instance_generator import PCA\nPCA()",
]
WITHOUT_THE_FINDER = """
import sys
sys.meta_path[:] = [one for one in sys.meta_path if "runner" not in type(one).__module__]
for name in [name for name in sys.modules if "decomposition" in name or "coursekit.pca" in name]:
    del sys.modules[name]
"""


def test_forbidden_modules_are_out_of_reach_and_their_neighbours_work(bubblewrap):
    with (
        Sandbox(["coursekit.pca.model", "sklearn.decomposition"], Limits()) as sandbox,
        sandbox.start() as session,
    ):
        session.ready()

        def run(source):
            return session.ask({"cell": source}, 60)

        assert run("from coursekit.pca import explorers, pictures; print(pictures.scree)")["error"] is None
        assert run(LIBRARY) == {"text": "True True\n", "error": None}
        for route in ROUTES:
            assert "is not allowed in this homework: write the answer yourself" in run(route)["error"], route
        assert run(WITHOUT_THE_FINDER)["error"] is None
        for name in ("sklearn.decomposition._pca", "coursekit.pca.model"):
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


ANSWERS_OF_OTHERS = [
    "from scipy.spatial.distance import jensenshannon\njensenshannon([1, 0], [0, 1])",
    "from scipy.stats import johnsonsu\njohnsonsu.logpdf(0, 0, 1)",
    "from scipy.special import logsumexp\nlogsumexp([1, 2])",
    "from sklearn.metrics import pairwise_distances_argmin_min as f\nf([[0]], [[1]])",
    "import torch\ntorch.pca_lowrank(torch.ones(3, 3))",
    "import sympy\nsympy.Matrix([[1, 2], [3, 4]]).det()",
    "import networkx\nnetworkx.Graph()",
    "import pandas\npandas.DataFrame()",
    "from coursekit.start.explorers import divergence\ndivergence([1], [1], 1)",
    "from coursekit.manifold import ClassicalMDS\nClassicalMDS()",
    "from coursekit import evaluation\nevaluation.bits_per_dim(1, 1)",
]


def test_only_what_is_allowed_can_be_used(bubblewrap):
    """The header says `allowed: [numpy]`; no other library has an answer, nor has any other lecture."""
    homework = load_homework(batch.ROOT, "hw12_gan_optimal_discriminator")
    with Sandbox(homework.forbidden, Limits()) as sandbox, sandbox.start() as session:
        session.ready()
        for source in ANSWERS_OF_OTHERS:
            said = session.ask({"cell": source}, 60)["error"]
            # pandas need not be installed, and is then not there at all
            assert "is not allowed in this homework" in said or "No module named 'pandas'" in said, source
        given = "from coursekit import data, plots\nfrom coursekit.pca import pictures\ndata.usarrests()"
        for source in (given, "import numpy as np\nprint(np.linalg.det(np.eye(3)))"):
            assert session.ask({"cell": source}, 60)["error"] is None, source


DOORS = """
import ctypes, errno, subprocess
system = ctypes.CDLL(None, use_errno=True)
def ask(*numbers):
    ctypes.set_errno(0)
    return system.syscall(*numbers) >= 0 or errno.errorcode[ctypes.get_errno()]
calls = {"search": (250, 10, -3, b"user", b"canary", 0), "keys": (250, 0, -3, 0), "memfd": (319, b"x", 0),
         "unshare": (272, 0x10000000), "clone": (56, 0x10000011, 0, 0, 0, 0), "shmget": (29, 0, 1 << 30, 896)}
print({name: ask(*numbers) for name, numbers in calls.items()})
print(subprocess.run("unshare -Urm true", shell=True, capture_output=True).returncode != 0)
print([line for line in open("/proc/keys") if "canary" in line])
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers of the calls are this machine's")
def test_the_kernels_side_doors_are_shut(bubblewrap):
    """The teacher's keyring, memory that belongs to no process, a name space of one's own."""
    system = ctypes.CDLL(None)
    system.syscall(250, 1, None)  # a session keyring of this test's own, with a secret in it
    assert system.syscall(248, b"user", b"canary", b"KEYRING-CANARY", 14, -3) > 0
    with Sandbox([], Limits()) as sandbox, sandbox.start() as session:
        session.ready()
        printed = session.ask({"cell": DOORS}, 60)["text"]
        doors, own, keys = printed.splitlines()
        assert set(eval(doors).values()) == {"EPERM"} and own == "True" and keys == "[]", printed
        # What honest notebooks need still works: threads, processes, torch.
        honest = (
            "import subprocess, threading, torch\nt = threading.Thread(target=print)\nt.start()\nt.join()"
        )
        honest += "\nprint(subprocess.run(['true']).returncode, float(torch.ones(3) @ torch.ones(3)))"
        assert session.ask({"cell": honest}, 60) == {"text": "\n0 3.0\n", "error": None}


@pytest.fixture(scope="module")
def account():
    accounts, folder = make_accounts(["ckordinary"])
    yield accounts[0]
    accounts[0].remove()
    shutil.rmtree(folder)


HONEST = ["correct", "partly", "blank", "package"]
HOSTILE = ["loop", "forks", "memory", "file", "spy", "script", "transformer"]
MORE = ["kills", "child", "nested user space", "system settings", "socket", "threads"]


@pytest.mark.timing
@pytest.mark.exhaustive
def test_an_ordinary_user_grades_as_safely_as_root(account, bubblewrap):
    """Then submissions run as the teacher's own user, in a name space of users of its own."""
    cases = {name: (batch.COMMON | batch.MORE)[name] for name in HONEST + HOSTILE + MORE}
    submitted, out, secret = (account.home / name for name in ("submitted", "out", "canary.txt"))
    secret.write_text(batch.CANARY)
    places = [str(place) for place in (account.home, submitted, out, batch.ROOT / "notebooks", 9)]
    batch.write(submitted, cases, places)
    subprocess.run(["chown", "-R", account.name, account.home], check=True)
    done = account.run(
        account.python, "-m", "coursetools.cli", "homework", "grade", batch.NAME,
        "--submitted", submitted, "--out", out, "--class-seed", "5",
        "--cell-seconds", "4", "--memory", "1000", folder=batch.ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    results = {name: batch.read_json(out / f"results/{name}.json") for name in cases}
    for name, case in cases.items():
        found = results[name]
        assert found["status"] == case.status and case.says in found["message"], (name, found["message"])
        assert found["score"] == case.score if case.most is None else found["score"] <= case.most, name
    printed = "".join(cell["text"] for cell in results["spy"]["cells"])
    assert "0 []" in printed and "wrote /" not in printed, "the spy found something"
    assert secret.read_text() == batch.CANARY and not list(account.home.rglob("new.txt"))
    for path in out.rglob("*"):
        assert not path.is_file() or batch.CANARY.encode() not in path.read_bytes(), path
    end = time.monotonic() + 20  # what was killed a moment ago may not be buried yet
    while left := [p for p in filter(str.isdecimal, os.listdir("/proc")) if owner(p) == account.number]:
        assert time.monotonic() < end, f"a process was left behind: {left}"
        time.sleep(0.2)


def owner(pid):
    try:
        return os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return None


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", homework_names(batch.ROOT))
def test_what_a_homework_forbids_leaves_its_solution_alone(name, tmp_path, bubblewrap):
    from coursetools.cli import main

    homework = load_homework(batch.ROOT, name)
    solved = {grading(cell).get("grade_id"): cell.source for cell in homework.teacher.cells}
    for cell in homework.student.cells:
        if grading(cell).get("solution"):
            cell.source = solved[grading(cell)["grade_id"]]
    batch.save(homework.student, tmp_path / "submitted" / "solution")
    command = ["homework", "--course", batch.ROOT, "grade", name, "--submitted", tmp_path / "submitted"]
    assert main([*map(str, command), "--out", str(tmp_path / "out"), "--class-seed", "11"]) == 0
    result = batch.read_json(tmp_path / "out/results/solution.json")
    lost = [row for row in result["exercises"] if row["kind"] == "probes" and row["points"] != row["max"]]
    assert not lost and result["status"] == "needs manual grading" and not result["notes"]
    assert not [cell["error"] for cell in result["cells"] if cell["error"]]
