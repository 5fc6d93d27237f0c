"""`coursekit train`: every recipe runs and learns, Ctrl-C loses nothing, errors come before the work."""

import csv
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.image import imread
from PIL import Image

from coursekit import data
from coursekit.evaluation import DigitClassifier, digit_judge
from coursekit.training import N_SHOWN, fit, fit_adversarial, fit_contrastive
from coursetools import train as train_command
from coursetools.cli import main

ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}
MODELS = train_command.models()
pytestmark = pytest.mark.long


def read_history(folder):
    with open(folder / "history.csv", newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    return header, np.array(rows, dtype=float)


def same_weights(a, b):
    a, b = (torch.load(folder / "model.pt", weights_only=True) for folder in (a, b))
    return all(torch.equal(a[name], b[name]) for name in a)


def recipes(model):
    """The recipes of a lecture's folder by the name of the data."""
    return importlib.import_module(f"coursekit.{model}.recipe").RECIPES


@pytest.fixture(scope="module")
def parts():
    """Training and test set by the name of the data; without MNIST."""
    names = {name for model in MODELS for name in recipes(model)} - {"mnist"}
    return {name: data.train_and_test(name) for name in names}


def test_the_command_knows_every_recipe():
    assert {"rbm", "autoencoder", "vae", "gan", "wgan", "flow", "ddpm"} <= set(MODELS)
    for model in MODELS:
        assert recipes(model) and recipes(model).keys() <= set(train_command.DATA)


def test_the_page_gives_the_budgets_of_the_recipes():
    """docs/training.md: a row for each model, the CPU seconds for which it has settings."""
    page = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")
    for model in MODELS:
        module = importlib.import_module(f"coursekit.{model}.recipe")
        if not hasattr(module, "DIGITS"):
            continue
        budgets = [getattr(module, name, {}) for name in ("DIGITS", "MINI_MNIST", "MNIST")]
        cells = [" or ".join(map(str, each)) for each in budgets]
        assert f"| `{model}` | {' | '.join(cells)} |" in page, model


EVERY = [(model, name) for model in MODELS for name in recipes(model) if name != "mnist"]
EVERY.remove(("autoregressive", "mini_mnist"))  # pixel after pixel: drawing takes a minute


@pytest.mark.parametrize(("model", "name"), EVERY, ids=[f"{model}-{name}" for model, name in EVERY])
def test_every_recipe_is_whole_and_learns(parts, model, name):
    """A few steps of each: a lower loss than untrained, on the same batch with the same noise; pictures."""

    def losses():
        for stage in recipe.stages:
            if stage.loop is fit:
                with torch.no_grad():
                    few = torch.as_tensor(stage.x[:200], dtype=torch.float32)
                    yield stage.model.eval().loss(few, rng=torch.Generator().manual_seed(1)).item()

    torch.manual_seed(0)
    recipe = recipes(model)[name](*parts[name])
    assert sum(stage.share for stage in recipe.stages) == pytest.approx(1) and recipe.seconds > 0
    assert all(stage.loss for stage in recipe.stages)
    before = list(losses())
    histories = recipe.train(n_steps=40, device="cpu")
    assert [history.stopped for history in histories] == ["finished"] * len(recipe.stages)
    assert all(after < first for first, after in zip(before, losses(), strict=True))
    for history in histories:
        if history.opponent_loss:  # the opponent has learned to tell data from samples
            assert min(history.opponent_loss) < history.opponent_loss[0]
    assert not recipe.model.training
    with torch.no_grad():
        shown = recipe.draw(recipe.model, torch.Generator().manual_seed(0))
    images = parts[name][0].image_shape is not None
    assert shown.shape == ((N_SHOWN, parts[name][0].x.shape[1]) if images else (10 * N_SHOWN, 2))
    assert torch.isfinite(shown).all() and (not images or (shown.min() >= 0 and shown.max() <= 1))


@pytest.mark.parametrize("name", ["digits", "mini_mnist"])
def test_a_boltzmann_machine_has_no_loss_but_learns(parts, name):
    """Log-likelihood of test bits after a few steps, by a short annealing, beside independent pixels."""
    from coursekit.rbm.recipe import bits_of, log_likelihood
    from coursekit.rbm.starts import mean_logits

    torch.manual_seed(0)
    recipe = recipes("rbm")[name](*parts[name])
    bits, bias = bits_of(parts[name][1]), mean_logits(torch.from_numpy(data.ink(parts[name][0])))
    recipe.train(n_steps=400, device="cpu")
    independent = (bits * bias - torch.nn.functional.softplus(bias)).sum(1).mean().item()
    value, error = log_likelihood(recipe.model, bits, bias, n_steps=300)
    assert value > independent + 1 + 4 * error


@pytest.mark.parametrize("model", MODELS)
def test_every_model_trains_and_leaves_its_folder_complete(tmp_path, capsys, parts, model):
    assert main(["train", model, "--out", str(tmp_path / "deep" / "run"), "--steps", "3"]) == 0
    folder = tmp_path / "deep" / "run"
    recipe = recipes(model)["digits"](*parts["digits"])
    names = {"history.csv", "model.pt", "run.json", "samples.png", *recipe.checkpoint_names()}
    names |= {"loss.png"} if any(stage.loop is not fit_contrastive for stage in recipe.stages) else set()
    names |= {"samples.gif"} if len(recipe.stages) == 1 else set()
    assert {path.name for path in folder.iterdir()} == names

    header, rows = read_history(folder)
    assert header[0] == "step" and header[-2:] == ["learning_rate", "cpu_seconds"]
    loops = {stage.loop for stage in recipe.stages}
    assert ("loss" in header) == (loops != {fit_contrastive})
    assert ("opponent_loss" in header) == (fit_adversarial in loops)
    assert ("stage" in header) == (len(recipe.stages) > 1) and np.isfinite(rows).all()
    if len(recipe.stages) == 1:
        assert rows[:, 0].tolist() == [1, 2, 3]

    picture = imread(folder / "samples.png")[..., 0]
    assert picture.min() < 0.3 and picture.max() == 1
    captured = capsys.readouterr()
    assert captured.err == "" and captured.out.count("\n") == 2
    assert captured.out.startswith(f"{model} on digits, 3 steps.") and "samples.png" in captured.out

    # The weights fit a new model of the same recipe.
    recipe.model.load_state_dict(torch.load(folder / "model.pt", weights_only=True))
    pictures = recipe.draw(recipe.model.eval(), torch.Generator().manual_seed(0)).detach()
    assert pictures.shape == (N_SHOWN, 64) and pictures.min() >= 0 and pictures.max() <= 1


@pytest.mark.parametrize("model", ["vae", "flow", "ddpm", "conditional_gan"])
def test_a_model_that_is_told_the_classes_draws_the_digit_that_is_asked_for(tmp_path, parts, model):
    """A judge of the real digits reads what was asked for more often than by chance, after few steps."""
    module = importlib.import_module(f"coursekit.{model}.recipe")
    torch.manual_seed(0)
    recipe = module.BY_CLASS["mini_mnist"](*parts["mini_mnist"])
    steps = {"vae": 400, "flow": 400, "ddpm": 400, "conditional_gan": 500}
    recipe.train(n_steps=steps[model], device="cpu")
    labels = torch.arange(300) % 10
    with torch.no_grad():
        images = recipe.draw_class(recipe.model, labels, torch.Generator().manual_seed(1))
        shown = recipe.draw(recipe.model, torch.Generator().manual_seed(0))
    assert images.shape == (300, 196) and images.min() >= 0 and images.max() <= 1
    assert shown.shape == (N_SHOWN, 196)
    train = parts["mini_mnist"][0]
    judge = digit_judge(torch.from_numpy(data.ink(train)).float(), train.labels)
    read = judge.predict_proba(images).argmax(1)
    obeys = (torch.as_tensor(read) == labels).double().mean().item()
    shuffled = (torch.as_tensor(read) == labels.roll(1)).double().mean().item()
    assert obeys > 0.35 > shuffled, "chance level is one in ten"


def test_a_film_a_curve_and_a_sheet_of_sevens(tmp_path, capsys):
    out = tmp_path / "run"
    arguments = ["train", "vae", "--data", "mini_mnist", "--digit", "7", "--steps", "60", "--out", str(out)]
    assert main(arguments) == 0
    assert "the loss of the last 60 is" in capsys.readouterr().out
    with Image.open(out / "samples.gif") as film:
        assert 10 <= film.n_frames <= train_command.FRAMES + 1
        film.seek(0)
        first = np.asarray(film.convert("L"), dtype=float)
        film.seek(film.n_frames - 1)
        assert np.abs(np.asarray(film.convert("L"), dtype=float) - first).max() > 100, "nothing moves"
    assert imread(out / "loss.png")[..., 2].std() > 0.01 and (out / "digit_7.png").exists()
    assert not (out / "film.npz").exists(), "frames are kept only until the film is made"
    # Another digit of the finished run: nothing is trained again, and the film stays.
    film, steps = (out / "samples.gif").read_bytes(), len(read_history(out)[1])
    arguments[arguments.index("7")] = "3"
    assert main(arguments) == 0
    assert (out / "digit_3.png").read_bytes() != (out / "digit_7.png").read_bytes()
    assert (out / "samples.gif").read_bytes() == film and len(read_history(out)[1]) == steps


def test_the_film_changes_nothing_in_the_run(tmp_path):
    for name, more in (("with", []), ("without", ["--no-film"])):
        assert main(["train", "gan", "--steps", "30", "--out", str(tmp_path / name), *more]) == 0
    assert same_weights(tmp_path / "with", tmp_path / "without")
    assert not (tmp_path / "without" / "samples.gif").exists()


def test_a_model_without_classes_says_so(tmp_path, capsys):
    assert main(["train", "rbm", "--digit", "7", "--out", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert "no recipe for digits that is told the classes; take vae, flow, ddpm or cond" in err
    assert err.count("\n") == 1


def test_without_data_a_digit_is_one_of_14_x_14_where_no_recipe_of_8_x_8_is_told_the_classes():
    default = train_command.default_data
    assert [default(model, classes=False) for model in MODELS] == ["digits"] * len(MODELS)
    asked = {model: default(model, classes=True) for model in MODELS}
    told = {"vae": "mini_mnist", "flow": "mini_mnist", "ddpm": "mini_mnist", "conditional_gan": "digits"}
    assert asked == dict.fromkeys(MODELS, "digits") | told


def test_a_digit_without_data_says_which_data_and_is_the_run_that_names_them(tmp_path, capsys):
    arguments = ["train", "ddpm", "--steps", "3", "--no-film", "--out", str(tmp_path)]
    assert main([*arguments, "--digit", "7"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("ddpm on mini_mnist, 3 steps.") and "digit_7.png" in out
    assert json.loads((tmp_path / "run.json").read_text())["data"] == "mini_mnist"
    for same in (["--classes"], ["--data", "mini_mnist", "--digit", "7"]):
        assert main([*arguments, *same]) == 0
    capsys.readouterr()
    for other in (["--digit", "7", "--data", "digits"], []):
        assert main([*arguments, *other]) == 2
        err = capsys.readouterr().err
        assert "data was mini_mnist, now digits" in err and err.count("\n") == 1
    assert main(["train", "ddpm", "--digit", "7", "--data", "digits", "--out", str(tmp_path / "b")]) == 2
    err = capsys.readouterr().err
    assert "ddpm has no recipe for digits that is told the classes; choose one of mini_mnist" in err


def test_the_bar_shows_the_loss():
    from coursekit.training import run as running

    shown = []

    class Bar:
        def __init__(self, *arguments, **keywords):
            pass

        def update(self):
            pass

        def set_postfix_str(self, text, refresh):
            shown.append(text)

        def close(self):
            pass

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "progress_bar", Bar)
        model = torch.nn.Linear(1, 1)
        model.loss = lambda x, rng=None: model(x).square().mean()
        history = fit(model, torch.ones(8, 1), n_steps=3, learning_rate=0.1)
    assert shown[0] == f"loss {history.loss[0]:.3g}"
    assert shown[-1] == f"loss {np.mean(history.loss):.3g}"


def test_it_learns(tmp_path, parts):
    assert main(["train", "vae", "--out", str(tmp_path), "--steps", "300"]) == 0
    pixel = data.ink(parts["digits"][0]).mean(0).clip(1e-6, 1 - 1e-6)
    independent = -(pixel * np.log(pixel) + (1 - pixel) * np.log(1 - pixel)).sum()  # nats, the entropy
    _, rows = read_history(tmp_path)
    assert rows[0, 1] > independent > rows[-50:, 1].mean() + 2


def test_a_budget_in_seconds(tmp_path):
    assert main(["train", "vae", "--out", str(tmp_path), "--seconds", "0.5"]) == 0
    _, rows = read_history(tmp_path)
    assert rows[-2, -1] < 0.5  # building the model is a part of it
    assert rows[-1, 2] < 0.1 * rows[0, 2]  # the learning rate has followed the time


def start(folder, *arguments):
    command = [sys.executable, "-m", "coursetools.cli", "train", "vae", "--out", str(folder), *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    )


def test_ctrl_c_keeps_what_was_learned_and_the_same_command_goes_on(tmp_path, capsys):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    arguments = ["--steps", "250", "--seed", "4"]
    assert main(["train", "vae", "--out", str(whole), *arguments]) == 0
    process = start(broken, *arguments)
    while not (broken / "checkpoint.pt").exists():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert (
        process.returncode == 130 and "the model keeps what it learned" in err and "takes up from here" in err
    )
    assert "Traceback" not in err and not (broken / "samples.png").exists()
    n_steps = len(read_history(broken)[1])
    assert n_steps < 250 and f"Interrupted after step {n_steps} of 250" in err

    capsys.readouterr()
    assert main(["train", "vae", "--out", str(broken), *arguments]) == 0
    assert "resumed" in capsys.readouterr().out
    assert same_weights(whole, broken)
    np.testing.assert_array_equal(read_history(whole)[1][:, 1:3], read_history(broken)[1][:, 1:3])
    assert (broken / "samples.png").read_bytes() == (whole / "samples.png").read_bytes()


def test_a_finished_run_is_only_looked_at_again(tmp_path, monkeypatch):
    arguments = ["train", "vae", "--out", str(tmp_path), "--steps", "3"]
    assert main(arguments) == 0
    (tmp_path / "samples.png").unlink()
    history = read_history(tmp_path)[1]
    assert main(arguments) == 0
    assert (tmp_path / "samples.png").exists()
    np.testing.assert_array_equal(read_history(tmp_path)[1], history)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gan", "--steps", "3"], "holds another run (model was vae, now gan);"),
        (["vae", "--steps", "3", "--seed", "1"], "holds another run (seed was 0, now 1);"),
        (["vae", "--steps", "4"], "holds another run (length was 3 steps, now 4 steps);"),
        (["vae"], "holds another run (length was 3 steps, now the recipe's steps);"),
        (["vae", "--steps", "3", "--data", "mnist"], "holds another run (data was digits, now mnist);"),
    ],
)
def test_the_folder_of_another_run_is_left_alone(tmp_path, capsys, arguments, message):
    assert main(["train", "vae", "--out", str(tmp_path), "--steps", "3"]) == 0
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    capsys.readouterr()
    assert main(["train", *arguments, "--out", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert message in err and "name another folder with --out" in err and err.count("\n") == 1
    assert before == {path: path.read_bytes() for path in tmp_path.iterdir()}


def test_a_checkpoint_that_lost_its_papers_or_its_content(tmp_path, capsys):
    arguments = ["train", "vae", "--out", str(tmp_path), "--steps", "3"]
    assert main(arguments) == 0
    papers = (tmp_path / "run.json").read_text()
    (tmp_path / "run.json").write_text("{")
    assert main(arguments) == 2 and "holds another run (model was None" in capsys.readouterr().err
    (tmp_path / "run.json").write_text(papers)
    (tmp_path / "checkpoint.pt").write_bytes(b"half a")
    assert main(arguments) == 2 and "cannot read the checkpoint" in capsys.readouterr().err
    (tmp_path / "checkpoint.pt").unlink()
    assert main(["train", "gan", "--out", str(tmp_path), "--steps", "3"]) == 0
    assert json.loads((tmp_path / "run.json").read_text())["model"] == "gan"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["vae", "--steps", "0"], "--steps must be at least 1, got 0"),
        (["vae", "--seconds", "-1"], "--seconds must be positive, got -1"),
    ],
)
def test_unusable_lengths(tmp_path, capsys, arguments, message):
    assert main(["train", *arguments, "--out", str(tmp_path / "run")]) == 2
    assert message in capsys.readouterr().err and not (tmp_path / "run").exists()


def test_a_time_in_which_not_one_step_fits(tmp_path, capsys):
    assert main(["train", "vae", "--seconds", "1e-9", "--out", str(tmp_path)]) == 2
    assert "not one step was made in 1e-09 CPU seconds" in capsys.readouterr().err
    assert not (tmp_path / "model.pt").exists()


def test_a_folder_that_cannot_be_written_to(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main(["train", "vae", "--out", str(tmp_path / "file" / "run"), "--steps", "3"]) == 2
    err = capsys.readouterr().err
    assert "cannot write to" in err and "not a directory" in err and err.count("\n") == 1


def test_without_mnist(tmp_path, capsys, monkeypatch):
    def offline(*_, **__):
        raise OSError("no network")

    monkeypatch.delenv("COURSEKIT_DATA", raising=False)
    monkeypatch.setattr("sklearn.datasets.fetch_openml", offline)
    assert main(["train", "vae", "--data", "mnist", "--out", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert "MNIST was not found" in err and err.count("\n") == 1 and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments", [["lda", "--out", "x"], ["vae"], ["vae", "--out", "x", "--data", "cifar"]]
)
def test_what_is_unknown_or_missing_is_named(capsys, arguments):
    with pytest.raises(SystemExit) as stop:
        main(["train", *arguments])
    last = capsys.readouterr().err.splitlines()[-1]
    assert stop.value.code == 2 and any(word in last for word in ("'lda'", "--out", "'cifar'"))


def test_a_loss_that_explodes_is_one_sentence(tmp_path, capsys, monkeypatch):
    good = recipes("vae")["digits"]

    def wild(*images, seconds):
        recipe = good(*images, seconds=seconds)
        recipe.stages[0].settings.update(learning_rate=1e9, optimizer="sgd")
        return recipe

    monkeypatch.setitem(recipes("vae"), "digits", wild)
    assert main(["train", "vae", "--out", str(tmp_path), "--steps", "50"]) == 2
    err = capsys.readouterr().err
    assert "learning rate" in err and err.startswith("coursekit train: the loss became")


def test_help_loads_nothing_heavy():
    code = "import sys, coursetools.cli\ntry: coursetools.cli.main(['train', '--help'])\n"
    code += "except SystemExit: print([m for m in ('torch', 'sklearn', 'matplotlib') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT)
    text = " ".join(done.stdout.split())
    assert done.stdout.splitlines()[-1] == "[]" and "rbm, vae" in text
    assert "mini_mnist (14 x 14; default with --digit" in text


def test_a_toy_is_a_picture_of_points(tmp_path, capsys):
    arguments = ["train", "gan", "--data", "ring", "--out", str(tmp_path), "--steps", "3", "--measure"]
    assert main(arguments) == 0
    assert imread(tmp_path / "samples.png").min() < 0.5
    measures = json.loads((tmp_path / "measures.json").read_text())
    assert measures.keys() == {"modes", "good_share", "kl"} and "good_share: " in capsys.readouterr().out
    assert main(["train", "vae", "--data", "ring", "--out", str(tmp_path / "other")]) == 2
    assert "vae has no recipe for ring; choose one of digits, mini_mnist" in capsys.readouterr().err


def test_the_measure_is_that_of_the_benchmark(tmp_path, parts):
    from coursekit.autoencoder.recipe import squared_error

    assert main(["train", "autoencoder", "--out", str(tmp_path), "--steps", "30", "--measure"]) == 0
    recipe = recipes("autoencoder")["digits"](*parts["digits"])
    untrained = recipe.measure(recipe.model.eval())["squared error of a test image"]
    recipe.model.load_state_dict(torch.load(tmp_path / "model.pt", weights_only=True))
    new = torch.from_numpy(data.ink(parts["digits"][1]))
    with torch.no_grad():
        expected = squared_error(new, recipe.model.eval().reconstruct(new))
    measured = json.loads((tmp_path / "measures.json").read_text())["squared error of a test image"]
    assert measured == pytest.approx(expected) and measured < untrained


# MNIST in shape, not in substance: the recipes of 28 x 28 images, without the file.


@pytest.mark.exhaustive
@pytest.mark.parametrize("model", [model for model in MODELS if "mnist" in recipes(model)])
def test_the_recipes_for_mnist_run(tmp_path, monkeypatch, model):
    def blown_up(split="train"):
        digits = data.digits().split()[split == "test"]
        x = np.kron(digits.x.reshape(-1, 8, 8), np.ones((3, 3)))  # 24 x 24
        x = np.pad(x, ((0, 0), (2, 2), (2, 2))).reshape(-1, 784) * (255 / 16)
        x = (x + np.random.default_rng(0).integers(0, 30, x.shape)).clip(0, 255)  # no pixel is constant
        return data.Dataset(x=x.astype("float32").round(), image_shape=(28, 28), value_range=(0.0, 255.0))

    monkeypatch.setattr("coursekit.data.units.mnist", blown_up)
    arguments = ["train", model, "--data", "mnist", "--out", str(tmp_path), "--steps", "3"]
    assert main(arguments) == 0
    assert np.isfinite(read_history(tmp_path)[1]).all() and (tmp_path / "samples.png").exists()


@pytest.mark.exhaustive
def test_two_processes_train_and_one_speaks(tmp_path):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "coursetools.cli", "train"]

    def run(*arguments):
        return subprocess.run(
            [*command, *arguments], capture_output=True, text=True, env=ENVIRONMENT, timeout=300
        )

    done = run("gan", "--out", str(tmp_path), "--steps", "20")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("gan on digits, 20 steps") == 1 and done.stdout.count("See ") == 1
    assert len(read_history(tmp_path)[1]) == 20 and (tmp_path / "samples.png").exists()
    assert not list(tmp_path.glob("*.tmp"))
    done = run("vae", "--out", str(tmp_path), "--steps", "20")
    assert done.returncode != 0 and done.stderr.count("holds another run") == 1


@pytest.mark.exhaustive
@pytest.mark.parametrize("model", ["rbm", "vae", "gan", "wgan", "flow", "ddpm"])
def test_a_judge_reads_the_samples(tmp_path, parts, model):
    train, _ = parts["digits"]
    judge = DigitClassifier(64).fit(data.ink(train), train.labels)
    assert main(["train", model, "--out", str(tmp_path), "--seconds", "12"]) == 0
    recipe = recipes(model)["digits"](*parts["digits"])
    recipe.model.load_state_dict(torch.load(tmp_path / "model.pt", weights_only=True))
    probability = judge.predict_proba(recipe.draw(recipe.model.eval(), torch.Generator().manual_seed(1)))
    n_classes = len(probability.argmax(1).unique())
    print(f"{model}: confidence {probability.max(1).values.mean():.2f}, {n_classes} of 10 classes")
    assert probability.max(1).values.mean() > 0.7 and n_classes >= 7
