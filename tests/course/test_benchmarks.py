"""The benchmark runs, keeps what it measured, and says in words who won. Nothing here asserts a time."""

import json
import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

import course
import course_setup
from benchmarks import CASES, references, report, scaling
from benchmarks.__main__ import chosen, main
from benchmarks.harness import OURS, Bench, Results, Skipped, take_turns

pytestmark = pytest.mark.long
ROOT = Path(__file__).resolve().parents[2]
QUICK = [case for case in CASES if case != "course"]  # the notebooks have a test of their own


def test_every_case_runs_quickly(tmp_path):
    """As `course.py bench --quick` does; every row gets finite values of ours, nothing is stored."""
    command = [sys.executable, "-m", "benchmarks", *QUICK, "--quick", "--out", str(tmp_path / "results.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    everything = json.loads((tmp_path / "results.json").read_text())
    assert {(case, part) for case, parts in everything.items() for part in parts} == {
        (case, part) for case, part, _ in chosen(QUICK)
    }
    for parts in everything.values():
        for part, entry in parts.items():
            if "skipped" in entry:
                # The peers come with `course.py bench`, not with the tests.
                reasons = (
                    "--quick takes digits and toys only",
                    "--quick takes none of these families",
                    "without diffusers there is nothing to agree with",
                )
                assert entry["skipped"] in reasons[: 2 if find_spec("diffusers") else 3], part
                continue
            assert entry["finished"] and entry["machine"]["threads"] == 1, part
            assert entry["versions"]["torch"] and entry["machine"]["processor"]
            values = [v for row in entry["rows"] for each in row["values"].values() for v in each.values()]
            assert values and np.isfinite(values).all(), part
            for row in entry["rows"]:
                too_small_to_see = row["metric"].endswith(": memory") and not row["values"]
                assert OURS in row["values"] or too_small_to_see, row["metric"]
    report.write_readme(everything, tmp_path)
    page = (tmp_path / "README.md").read_text()
    assert all(f"### {case}:" in page for case in QUICK) and "![" in page
    assert (tmp_path / "scaling.png").stat().st_size > 10_000


# What is kept


def bench(path, case="pca", part="small", seeds=(0, 1, 2), quick=False):
    return Bench(Results(path), case, part, seeds=list(seeds), quick=quick)


def test_steps_are_kept_beside_the_values(tmp_path):
    path = tmp_path / "results.json"

    def measured(b):
        row = b.row("a", "nats", "higher")
        for seed in (0, 1):
            row.add(OURS, seed, 1.0, steps=[10 + seed, 30])
            row.add("peer", seed, 0.5, steps=[100 * (seed + 1)])
            row.add("PCA", seed, 0.0)

    assert bench(path).run(measured)
    entry = json.loads(path.read_text())["pca"]["small"]
    assert entry["rows"][0]["steps"] == {OURS: {"0": [10, 30], "1": [11, 30]}, "peer": {"0": 100, "1": 200}}
    page = report.section("pca", "small", "", entry)
    assert "| 1 (2 seeds) in 10 + 30 steps |" in page and "peer: 0.5 (2 seeds) in 150 steps" in page
    assert "PCA: 0 (2 seeds) |" in page


def test_a_recipe_is_followed_for_its_budget():
    """The seed decides, the steps are counted; with --quick it gets a fraction of a second."""
    from coursekit.autoencoder import recipe
    from coursekit.data import train_and_test

    parts = train_and_test("digits")
    quick = bench(None, quick=True)
    done, steps = quick.follow(recipe.digits, *parts, budget=10, seed=3)
    again, _ = quick.follow(recipe.digits, *parts, budget=10, seed=4)
    assert len(steps) == 1 and steps[0] > 1 and done.seconds == 10
    assert not torch.equal(done.model.encoder[0][0].weight, again.model.encoder[0][0].weight)


def test_an_interrupted_run_keeps_what_it_has_and_leaves_the_rest(tmp_path):
    path = tmp_path / "results.json"

    def good(b):
        b.row("a", "s", "lower").add(OURS, 0, 1.0)

    def interrupted(b):
        row = b.row("b", "s", "lower")
        row.add(OURS, 0, 2.0)
        raise KeyboardInterrupt

    assert bench(path, "pca", "mnist").run(good) and bench(path, "rbm", "nats").run(good)
    with pytest.raises(KeyboardInterrupt):
        bench(path).run(interrupted)
    kept = json.loads(path.read_text())
    assert kept["pca"]["small"]["rows"][0]["values"] == {OURS: {"0": 2.0}}
    assert not kept["pca"]["small"]["finished"]
    assert kept["pca"]["mnist"]["finished"] and kept["rbm"]["nats"]["finished"]
    assert "Unfinished" in report.section("pca", "small", "", kept["pca"]["small"])


def test_a_training_cut_short_by_ctrl_c_gives_no_value(tmp_path):
    from coursekit.training import fit

    def pressed_while_training(b):
        row = b.row("a", "", "lower")
        row.add(OURS, 0, 1.0)
        model = references.PlainVAE(4)
        fit(model, torch.zeros(8, 4), n_steps=10**6, on_step=lambda *_: signal.raise_signal(signal.SIGINT))
        row.add(OURS, 1, 2.0)

    with pytest.raises(KeyboardInterrupt):
        bench(tmp_path / "results.json").run(pressed_while_training)
    kept = json.loads((tmp_path / "results.json").read_text())["pca"]["small"]
    assert kept["rows"][0]["values"] == {OURS: {"0": 1.0}} and not kept["finished"]


def test_two_runs_at_once_do_not_undo_each_other(tmp_path):
    path = tmp_path / "results.json"
    one, other = bench(path, "rbm", "nats"), bench(path, "vae", "digits")
    one.row("a", "nats", "higher").add(OURS, 0, 1.0)
    other.row("b", "nats", "higher").add(OURS, 0, 2.0)
    one.row("c", "nats", "higher").add(OURS, 0, 3.0)
    assert json.loads(path.read_text()).keys() == {"rbm", "vae"}


def test_a_skip_is_said_but_hides_no_result(tmp_path):
    def skip(b):
        raise Skipped("no data")

    path = tmp_path / "results.json"
    assert bench(path).run(skip)
    assert "Skipped: no data." in report.section(
        "pca", "small", "", json.loads(path.read_text())["pca"]["small"]
    )
    assert bench(path).run(lambda b: b.row("a", "s", "lower").add(OURS, 0, 1.0))
    assert bench(path).run(skip)
    assert json.loads(path.read_text())["pca"]["small"]["finished"]


def test_a_part_that_breaks_is_noted_and_does_not_stop_the_others(tmp_path):
    def broken(b):
        raise ZeroDivisionError("oh")

    assert not bench(tmp_path / "results.json").run(broken)
    entry = json.loads((tmp_path / "results.json").read_text())["pca"]["small"]
    assert entry["notes"] == ["It broke off with ZeroDivisionError: oh"] and not entry["finished"]
    with pytest.raises(ZeroDivisionError):
        bench(None, quick=True).run(broken)  # where a test looks on


def test_mnist_that_is_not_there_is_a_skip(monkeypatch, tmp_path):
    from benchmarks.harness import mnist

    monkeypatch.setenv("COURSEKIT_DATA", str(tmp_path))
    with pytest.raises(Skipped, match="COURSEKIT_DATA/mnist"):
        mnist()


def test_works_take_turns():
    order = []
    seconds = take_turns({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, n_turns=3)
    assert order == list("ababab") and seconds.keys() == {"a", "b"}


# What the table says


def row(ours, peers, better="higher", unit="nats", target=None, moonshot=None, against=None):
    values = {who: {str(i): v for i, v in enumerate(each)} for who, each in {OURS: ours, **peers}.items()}
    entry = {"metric": "m", "unit": unit, "better": better, "target": target, "moonshot": moonshot}
    return entry | {"against": against, "values": values}


def test_losses_are_said_like_wins():
    assert report.beside(row([-88.0], {"a": [-90.0], "b": [-95.0]})) == "ahead of a by 2"
    assert report.beside(row([-92.0], {"a": [-90.0], "b": [-95.0]})) == "behind a by 2"
    assert report.beside(row([1, 3], {"a": [2, 3]})) == "behind a by 0.5, within the spread"
    assert report.beside(row([3.0], {"a": [2.0], "b": [4.0]}, "lower", "s")) == "behind a: 1.50x its time"
    assert report.beside(row([1.0], {"a": [2.0]}, "lower", "s")) == "ahead of a: 0.50x its time"
    assert report.beside(row([3.0], {"a": [2.0]}, None)) == ""


@pytest.mark.parametrize(
    ("ours", "better", "wanted", "said"),
    [
        ([-88, -88], "higher", -88.5, "-88.5: met, by 0.5"),
        ([-90, -90], "higher", -88.5, "-88.5: missed by 1.5"),
        ([-90, -88, -88.5], "higher", -88.5, "-88.5: missed by 0.3333, within the spread"),
        ([4.0], "lower", 4.2, "4.2: met, by 0.2"),
        ([4.4], "lower", 4.2, "4.2: missed by 0.2"),
        ([10], "higher", 10, "10: met"),
    ],
)
def test_distance_to_the_target(ours, better, wanted, said):
    assert report.goal(row(ours, {}, better), wanted, "missed by") == said


def test_a_target_beside_the_first_peer_goes_seed_by_seed():
    ratio = row([1.0, 3.0], {"a": [2.0, 2.0], "b": [9.0, 9.0]}, "lower", "s", against="ratio")
    assert report.judged_values(ratio) == {"0": 0.5, "1": 1.5}
    assert report.goal(ratio, 1.1, "missed by") == "1.1x a (is 1): met, by 0.1"
    gap = row([-80.0], {"a": [-150.0]}, against="difference")
    assert report.goal(gap, 65, "missed by") == "65 from a (is 70): met, by 5"


def test_whoever_watches_reads_the_verdict():
    won = row([-88.0], {"a": [-90.0]}, target=-88.5, moonshot=-84)
    said = "m, nats: -88 (1 seed); ahead of a by 2; target -88.5: met, by 0.5; moonshot -84: away by 4"
    assert list(report.verdicts({"rows": [won]})) == [said]


def test_whoever_measures_again_reads_what_has_changed():
    now, then = row([-88.0, -90.0, -89.0], {}), row([-91.0, -93.0, -92.0], {})
    before = {"date": "2026-11-01", "rows": [then]}
    (line,) = report.verdicts({"rows": [now]}, before)
    assert line.endswith("; was -92 ± 1 on 2026-11-01, moved by +3, 2.1 standard deviations")
    assert report.changed(now, {"date": "2026-11-01", "rows": [now]}) == "as on 2026-11-01"
    assert report.changed(now, {"date": "2026-11-01", "rows": []}) == "not in the last run"
    assert report.changed(row([], {}), before) == "no value now"
    (line,) = report.verdicts({"rows": []}, before)
    assert line == "m, nats: not in this run; was -92 ± 1"
    one, other = row([2.0], {}), {"date": "2026-11-01", "rows": [row([1.5], {})]}
    assert report.changed(one, other) == "was 1.5 (1 seed) on 2026-11-01, moved by +0.5"


def test_few_seeds_are_said():
    assert report.summary({"0": 1.0}) == "1 (1 seed)"
    assert report.summary({"0": 1.0, "1": 3.0}) == "2 ± 1.4 (2 seeds)"
    assert report.summary({"0": 1.0, "1": 2.0, "2": 3.0}) == "2 ± 1"


def test_readme_is_what_the_results_say(tmp_path):
    """The page in the repository is the one that the stored results give."""
    everything = json.loads((ROOT / "benchmarks" / "results.json").read_text())
    if not all(
        entry["finished"] or "skipped" in entry for parts in everything.values() for entry in parts.values()
    ):
        pytest.skip("a part in benchmarks/results.json is unfinished: a run is under way, or broke off")
    report.write_readme(everything, tmp_path)
    assert (tmp_path / "README.md").read_text() == (ROOT / "benchmarks" / "README.md").read_text()
    for case, parts in everything.items():
        assert parts.keys() <= {part for _, part, _ in chosen([case])}, case


# The command


def test_unknown_names_are_answered_with_the_known_ones(capsys):
    for word, known in (("nothing", "autoencoder"), ("pca:nothing", "mnist")):
        with pytest.raises(SystemExit):
            main([word])
        assert known in capsys.readouterr().err


def test_course_bench_hands_on_what_was_asked(monkeypatch):
    seen = {}
    monkeypatch.setattr(course, "set_up", lambda torch_index: Path("python"))
    monkeypatch.setattr(course, "install_peers", lambda python: seen.update(peers=python))
    monkeypatch.setattr(course, "hand_over", lambda command, env: seen.update(command=command, env=env) or 0)
    here = os.getcwd()
    try:
        assert course.main(["bench", "rbm", "vae:digits", "--quick", "--seeds", "3", "4"]) == 0
    finally:
        os.chdir(here)
    words = ["rbm", "vae:digits", "--seeds", "3", "4", "--quick"]
    assert seen["command"] == ["python", "-m", "benchmarks", *words]
    assert seen["peers"] == Path("python") and seen["env"]["OMP_NUM_THREADS"] == "1"


def test_peers_are_installed_once(monkeypatch, tmp_path):
    """Only where a version differs from lock.txt; torch and the rest keep theirs, being named there."""
    steps = []
    monkeypatch.setattr(course_setup, "step", lambda name, command: steps.append(command))
    monkeypatch.setattr(course_setup, "ROOT", tmp_path)
    project = '[project.optional-dependencies]\nbench = ["numpy>=0.1"]\n'
    (tmp_path / "pyproject.toml").write_text("[project]\n" + project)
    # NumPy stands for a peer; names are compared without their capitals.
    (tmp_path / "lock.txt").write_text(f"NumPy=={np.__version__}\ntorch==1\n")
    course_setup.install_peers(sys.executable)
    assert steps == []
    (tmp_path / "lock.txt").write_text("numpy==0.1\ntorch==1\n")
    course_setup.install_peers(sys.executable)
    assert len(steps) == 1 and steps[0][-3:] == ["-c", "lock.txt", "numpy==0.1"]


# What the peers compute


def test_plain_vae_bounds_its_own_importance_weighted_bound():
    torch.manual_seed(0)
    model = references.PlainVAE(12)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, 0, 0.3)
    x, rng = (torch.rand(40, 12) < 0.5).float(), torch.Generator().manual_seed(1)
    with torch.no_grad():
        elbo = torch.stack([model.elbo(x, rng=rng)["elbo"] for _ in range(400)]).mean(0)
        one = torch.stack([model.log_likelihood(x, 1, rng=rng) for _ in range(400)])
        many = model.log_likelihood(x, 400, rng=rng)
    # With one sample it is the bound itself, here with the KL sampled rather than in closed form.
    assert ((one.mean(0) - elbo).abs() < 5 * (2 / 400) ** 0.5 * one.std(0)).all()
    assert (many > elbo).all()


def test_plain_ddpm_samples_the_data_that_an_exact_predictor_knows():
    """All data at one place: the noise is then known exactly, and DDIM must come back to it."""
    from benchmarks.references import PixelDDPM

    place = torch.linspace(-0.9, 0.9, 16).view(1, 1, 4, 4)
    model = PixelDDPM(torch.nn.Identity(), (4, 4))

    class Exact(torch.nn.Module):
        def forward(self, x, t):
            keep = model.alpha_bar[t].view(-1, 1, 1, 1)
            return (x - keep.sqrt() * place) / (1 - keep).sqrt()

    model.network = Exact()
    assert model.loss(place.expand(64, -1, -1, -1), rng=torch.Generator().manual_seed(0)) < 1e-8
    samples = model.sample(5, 50, rng=torch.Generator().manual_seed(0))
    torch.testing.assert_close(samples, place.expand(5, -1, -1, -1), atol=1e-3, rtol=0)


def test_plain_cd1_learns():
    torch.manual_seed(0)
    x = torch.zeros(500, 6)
    x[:250, :3] = 1  # two patterns, half each
    x[250:, 3:] = 1
    rbm, n_steps = references.plain_cd1(x, 4, seconds=0.5, seed=0)
    untrained, none = references.plain_cd1(x, 4, seconds=0, seed=0)
    assert none == 0 < n_steps
    assert rbm.log_prob(x).mean() > untrained.log_prob(x).mean() + 1


def test_truth_of_the_toys_is_a_density():
    from benchmarks.flow import mixture_log_prob, moons_log_prob

    side = np.linspace(-3, 4, 141)  # as fine as the moons' noise: enough for a sum of Gaussians
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    area = (side[1] - side[0]) ** 2
    assert np.exp(moons_log_prob(grid)).sum() * area == pytest.approx(1, abs=1e-3)
    centers = np.array([[0.0, 1.0], [2.0, -1.0]])
    assert np.exp(mixture_log_prob(grid, centers, 0.3)).sum() * area == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("name", ["normflows", "nflows"])
def test_peers_densities_integrate_to_one(name):
    pytest.importorskip(name)
    from benchmarks.flow_peers import PEERS, Peer

    torch.manual_seed(0)
    flow = Peer(PEERS[name](2, (8, 8), 2))
    for parameter in flow.parameters():
        torch.nn.init.normal_(parameter, 0, 0.2)
    side = torch.linspace(-12, 12, 601)
    grid = torch.stack(torch.meshgrid(side, side, indexing="ij"), -1).reshape(-1, 2)
    with torch.no_grad():
        mass = flow.log_prob(grid).exp().sum() * (side[1] - side[0]) ** 2
    assert mass.item() == pytest.approx(1, abs=0.01)


def test_exponent_is_the_slope():
    n = [10, 100, 1000]
    assert scaling.exponent(n, [3 * m**1.5 for m in n]) == pytest.approx(1.5)
    assert scaling.exponent(n, [0.0, 0.0, 5.0]) is None
