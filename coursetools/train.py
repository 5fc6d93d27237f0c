"""`coursekit train`: the recipe of a lecture trained in a folder, resumed where it broke off, and looked at.

The folder holds `checkpoint.pt` (from which the same command goes on; of a recipe with stages one for each),
`run.json` (which run that is), `history.csv` (one line per step), `model.pt` (the weights, averaged where the
recipe averages), `samples.png`, and with --measure `measures.json`. Under torchrun every process trains, and
process 0 writes and speaks. What goes wrong is one sentence.
"""

import ast
import csv
import importlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import coursekit

DATA = ("digits", "mini_mnist", "mnist", "moons", "ring", "grid", "checkerboard", "blobs", "swiss_roll")


def models():
    """Names of the lectures whose recipe can be trained: those whose recipe.py lists RECIPES.

    Read from the files and not imported, so that `--help` need not wait for PyTorch.
    """
    found = []
    for path in sorted(Path(coursekit.__file__).parent.glob("*/recipe.py")):
        statements = ast.parse(path.read_text(encoding="utf-8")).body
        targets = [t for s in statements if isinstance(s, ast.Assign) for t in s.targets]
        if any(isinstance(target, ast.Name) and target.id == "RECIPES" for target in targets):
            found.append(path.parent.name)
    return tuple(found)


def add_arguments(parser):
    """Add the arguments of the command to an argparse parser."""
    names = models()
    parser.add_argument("model", choices=names, metavar="MODEL", help="one of " + ", ".join(names))
    parser.add_argument(
        "--data",
        choices=DATA,
        default="digits",
        metavar="DATA",
        help="digits (8 x 8, default), mini_mnist (14 x 14), mnist, or a toy of the model's recipe",
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="folder of this run")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, metavar="N", help="instead of the recipe's number")
    length.add_argument("--seconds", type=float, metavar="S", help="CPU seconds of a process, instead")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="another run of the same (0)")
    parser.add_argument("--measure", action="store_true", help="measure the result on data it has not seen")
    parser.add_argument("--cpu", action="store_true", help="leave the GPU alone")


def run(options):
    """Exit code of the command: 0 done, 2 it could not run, 130 interrupted."""
    try:
        return train(
            options.model,
            options.data,
            options.out,
            steps=options.steps,
            seconds=options.seconds,
            seed=options.seed,
            measure=options.measure,
            device="cpu" if options.cpu else "auto",
        )
    except (ValueError, OSError, FloatingPointError) as error:
        if speaks():
            print(f"coursekit train: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def train(model, data, out, *, steps=None, seconds=None, seed=0, measure=False, device="auto"):
    """Train, and write what the head of this file lists into the folder `out`; returns the exit code.

    Args:
        model: of `models()`.
        data: of DATA, if the model's recipe knows it.
        out: the folder.
        steps: how many, instead of the recipe's number.
        seconds: CPU seconds of a process, instead; the recipe then takes the settings of that budget.
        seed: of the first weights, the batches and the samples; of a toy also of its points.
        measure: whether to measure the result as the benchmarks do; of some models that takes a minute.
        device: as in `training.fit`.

    Raises:
        ValueError: unknown data, or a folder that cannot be written to or holds another run.
        FileNotFoundError: MNIST is not at hand.
        FloatingPointError: the loss is no longer finite.
    """
    if seconds is not None and not seconds > 0:
        raise ValueError(f"--seconds must be positive, got {seconds:g}")
    if steps is not None and steps < 1:
        raise ValueError(f"--steps must be at least 1, got {steps}")
    length = f"{seconds:g} CPU seconds" if seconds else f"{steps} steps" if steps else "the recipe's steps"
    asked = {"model": model, "data": data, "seed": seed, "length": length}
    out = Path(out)
    resumed = prepare(out, asked)

    import torch

    from coursekit.data import train_and_test

    recipes = importlib.import_module(f"coursekit.{model}.recipe").RECIPES
    if data not in recipes:
        raise ValueError(f"{model} has no recipe for {data}; choose one of {', '.join(recipes)}")
    parts = train_and_test(data, seed=seed)
    torch.manual_seed(seed)
    start = time.process_time()
    recipe = recipes[data](*parts, seconds=seconds)
    built = time.process_time() - start
    if speaks():
        (out / "run.json").write_text(json.dumps(asked), encoding="utf-8")
        print(f"{model} on {data}, {length}{', resumed' if resumed else ''}. Ctrl-C keeps what is learned.")
    histories = recipe.train(
        n_steps=steps,
        seconds=seconds,
        spent=built,
        seed=seed,
        device=device,
        folder=out,
        checkpoint_every=200,
    )
    if speaks():
        write_history(histories, out / "history.csv")
    if histories[-1].stopped == "interrupted":
        return 130
    if speaks():
        torch.save(recipe.model.state_dict(), out / "model.pt")
        n_steps = sum(len(history.learning_rate) for history in histories)
        cpu_seconds = sum(history.cpu_seconds[-1] for history in histories)
        with torch.no_grad():
            pictures = recipe.draw(recipe.model, torch.Generator().manual_seed(seed))
        title = f"{model} on {data} after {n_steps} steps:\n{recipe.shows}"
        write_figure(pictures, parts[0].image_shape, title, out / "samples.png")
        losses, what = histories[-1].loss, recipe.stages[-1].loss
        last = f"; the last loss is {losses[-1]:.4g} ({what})" if losses else ""
        print(f"{n_steps} steps, {cpu_seconds:.0f} CPU seconds{last}. See {out / 'samples.png'}.")
        if measure:
            measures = recipe.measure(recipe.model)
            (out / "measures.json").write_text(json.dumps(measures, indent=1), encoding="utf-8")
            for name, value in measures.items():
                print(f"{name}: {value:.4g}")
    return 0


def speaks():
    """Whether this process writes and prints: without torchrun it does, under torchrun process 0."""
    return os.environ.get("RANK", "0") == "0"


def prepare(out, asked):
    """Make the folder; True if it holds this run already, ValueError if another or if it is no use."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise ValueError(
            f"cannot write to {out} ({error.strerror.lower()}); name another folder with --out"
        ) from error
    checkpoints = sorted(out.glob("checkpoint*.pt"))
    if not checkpoints:
        return False
    try:
        kept = json.loads((out / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        kept = {}
    other = [
        f"{name} was {kept.get(name)}, now {value}"
        for name, value in asked.items()
        if kept.get(name) != value
    ]
    if other:
        raise ValueError(
            f"{out} holds another run ({'; '.join(other)}); name another folder with --out, or delete"
            f" {' and '.join(map(str, checkpoints))} to start afresh"
        )
    return True


def write_history(histories, path):
    """A CSV with one line per step; a column for each list that is kept, and one for the stage if several."""
    names = [
        name
        for name in ("loss", "opponent_loss", "learning_rate", "cpu_seconds")
        if any(getattr(history, name) for history in histories)
    ]
    stages = ["stage"] if len(histories) > 1 else []
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["step", *stages, *names])
        for number, history in enumerate(histories, 1):
            steps = range(1, len(history.learning_rate) + 1)
            stage = [[number] * len(steps)] if stages else []
            columns = [getattr(history, name) or [""] * len(steps) for name in names]
            writer.writerows(zip(steps, *stage, *columns, strict=True))


def write_figure(samples, image_shape, title, path):
    """One picture in a file: images (n, pixels), 0 paper and 1 ink, or, without a shape, points (n, 2)."""
    from matplotlib.figure import Figure

    from coursekit import plots

    plots.use_course_style()
    figure = Figure(figsize=(6.4, 4.6), dpi=150)
    axes = figure.subplots()
    if image_shape is None:
        axes.scatter(*samples.T, s=3, color=plots.COLORS["model"])
        axes.set(title=title, xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
    else:
        plots.digits_strip(axes, samples, image_shape, value_range=(0, 1), title=title)
    figure.savefig(path)
