"""`coursekit train`: one of the recipes trained in a folder, resumed where it broke off, and looked at.

The folder holds `checkpoint.pt` (from which the same command goes on), `run.json` (which run that is),
`history.csv` (a line a step), `model.pt` (the weights, averaged where the recipe averages) and `samples.png`.
Under torchrun every process trains, and process 0 writes and speaks. What goes wrong is one sentence.
"""

import csv
import json
import os
import sys
import tempfile
from pathlib import Path

MODELS = ("rbm", "autoencoder", "vae", "gan", "wgan", "flow", "ddpm")
DATA = ("digits", "mnist")
EVER = 10**9  # steps, where the time decides


def add_arguments(parser):
    """Add the arguments of the command to an argparse parser."""
    parser.add_argument("model", choices=MODELS, metavar="MODEL", help="one of " + ", ".join(MODELS))
    parser.add_argument("--data", choices=DATA, default="digits", help="8 x 8 digits (default), or MNIST")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder of this run")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, metavar="N", help="instead of the recipe's number")
    length.add_argument("--seconds", type=float, metavar="S", help="CPU seconds of a process, instead")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="another run of the same (0)")
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
            device="cpu" if options.cpu else "auto",
        )
    except (ValueError, OSError, FloatingPointError) as error:
        if speaks():
            print(f"coursekit train: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def train(model, data, out, *, steps=None, seconds=None, seed=0, device="auto"):
    """Train, and write what the head of this file lists into the folder `out`; returns the exit code.

    model, data: of MODELS and DATA. steps or seconds: how long, in place of the recipe's choice.
    Raises ValueError for a folder that cannot be written to or holds another run, FileNotFoundError without
    MNIST, FloatingPointError when the loss is no longer finite.
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

    from coursekit import recipes

    images = recipes.load(data)
    torch.manual_seed(seed)
    recipe = recipes.RECIPES[model](*images)
    settings = dict(recipe.settings)
    if steps:
        settings["n_steps"] = steps
    if seconds:
        settings |= {"n_steps": EVER, "max_cpu_seconds": seconds}
    if speaks():
        (out / "run.json").write_text(json.dumps(asked), encoding="utf-8")
        print(f"{model} on {data}, {length}{', resumed' if resumed else ''}. Ctrl-C keeps what is learned.")
    history = recipe.loop(
        recipe.model,
        recipe.x,
        **settings,
        seed=seed,
        device=device,
        checkpoint=out / "checkpoint.pt",
        checkpoint_every=200,
    )
    if history.stopped == "budget" and not history.learning_rate:
        raise ValueError(f"not one step was made in {length}: give it longer")
    if speaks():
        write_history(history, out / "history.csv")
    if history.stopped == "interrupted":
        return 130
    if speaks():
        torch.save(recipe.model.state_dict(), out / "model.pt")
        n_steps = len(history.learning_rate)
        with torch.no_grad():
            pictures = recipe.draw(recipe.model, torch.Generator().manual_seed(seed))
        title = f"{model} on {data} after {n_steps} steps:\n{recipe.shows}"
        write_figure(pictures, images[0].image_shape, title, out / "samples.png")
        last = f"; the last loss is {history.loss[-1]:.4g} ({recipe.loss})" if history.loss else ""
        print(f"{n_steps} steps, {history.cpu_seconds[-1]:.0f} CPU seconds{last}. See {out / 'samples.png'}.")
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
    checkpoint = out / "checkpoint.pt"
    if not checkpoint.exists():
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
            f" {checkpoint} to start afresh"
        )
    return True


def write_history(history, path):
    """A CSV with a line a step; a column for each list of the history that is kept."""
    columns = {"step": range(1, len(history.learning_rate) + 1)}
    for name in ("loss", "opponent_loss", "learning_rate", "cpu_seconds"):
        columns |= {name: getattr(history, name)} if getattr(history, name) else {}
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def write_figure(images, image_shape, title, path):
    """Images (n, pixels), 0 paper and 1 ink, as one picture in a file."""
    from matplotlib.figure import Figure

    from coursekit import plots

    plots.use_course_style()
    figure = Figure(figsize=(6.4, 4.6), dpi=150)
    plots.digits_strip(figure.subplots(), images, image_shape, value_range=(0, 1), title=title)
    figure.savefig(path)
