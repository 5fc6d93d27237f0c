"""`coursekit train`: the recipe of a lecture trained in a folder, resumed where it broke off, and looked at.

The folder holds `checkpoint.pt` (from which the same command goes on; of a recipe with stages one for each),
`run.json` (which run that is), `history.csv` (one line per step) and its picture `loss.png`, `model.pt` (the
weights, averaged where the recipe averages), `samples.png`, of a recipe of one stage `samples.gif` (a film of
how they came), with --digit 7 `digit_7.png`, and with --measure `measures.json`. Under torchrun every
process trains, and process 0 writes and speaks. What goes wrong is one sentence.
"""

import ast
import copy
import csv
import importlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import coursekit

FRAMES = 40  # of the film
ATTENTION = 0.05  # of the CPU seconds may go into drawing it
AFTERWARDS = """In the end the folder holds samples.png, loss.png, history.csv, model.pt, and samples.gif, a
film of the samples as they come. Ctrl-C keeps what is learned, and the same command goes on from there. A
recipe takes a minute or less on the digits, up to three on MNIST; docs/training.md has the table."""
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
    parser.epilog = AFTERWARDS
    parser.add_argument("model", choices=names, metavar="MODEL", help="one of " + ", ".join(names))
    parser.add_argument(
        "--data",
        choices=DATA,
        metavar="DATA",
        help="digits (8 x 8, default), mini_mnist (14 x 14; default with --digit or --classes where the model"
        " is told no 8 x 8 classes), mnist, or a toy of the model's recipe",
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="folder of this run")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, metavar="N", help="instead of the recipe's number")
    length.add_argument("--seconds", type=float, metavar="S", help="CPU seconds of a process, instead")
    what = "other first weights, batches and samples: another run of the same recipe (0)"
    parser.add_argument("--seed", type=int, default=0, metavar="S", help=what)
    parser.add_argument("--classes", action="store_true", help="tell the model which digit each image is")
    what = "draw this digit alone, which implies --classes; also of a run that is finished"
    parser.add_argument("--digit", type=int, choices=range(10), metavar="0..9", help=what)
    parser.add_argument("--no-film", action="store_true", help="draw nothing on the way")
    parser.add_argument("--measure", action="store_true", help="measure the result on data it has not seen")
    parser.add_argument("--cpu", action="store_true", help="leave the GPU alone")


def run(options):
    """Exit code of the command: 0 done, 2 it could not run, 130 interrupted."""
    classes = options.classes or options.digit is not None
    try:
        return train(
            options.model,
            options.data or default_data(options.model, classes),
            options.out,
            steps=options.steps,
            seconds=options.seconds,
            seed=options.seed,
            measure=options.measure,
            classes=classes,
            digit=options.digit,
            film=not options.no_film,
            device="cpu" if options.cpu else "auto",
        )
    except (ValueError, OSError, FloatingPointError) as error:
        if speaks():
            print(f"coursekit train: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def train(
    model,
    data,
    out,
    *,
    steps=None,
    seconds=None,
    seed=0,
    measure=False,
    classes=False,
    digit=None,
    film=True,
    device="auto",
):
    """Train, and write what the head of this file lists into the folder `out`; returns the exit code.

    Args:
        model: of `models()`.
        data: of DATA, if the model's recipe knows it.
        out: the folder.
        steps: how many, instead of the recipe's number.
        seconds: CPU seconds of a process, instead; the recipe then takes the settings of that budget.
        seed: of the first weights, the batches and the samples; of a toy also of its points.
        measure: whether to measure the result as the benchmarks do; of some models that takes a minute.
        classes: whether to take the recipe that is told the classes.
        digit: with classes, the digit of which to draw a sheet; None for none.
        film: whether to draw samples on the way, for at most a twentieth of the time.
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
    asked |= {"classes": True} if classes else {}
    out = Path(out)
    resumed = prepare(out, asked)

    make = recipe_for(model, data, classes)
    parts, recipe, built = built_recipe(make, data, seed, seconds)
    if speaks():
        (out / "run.json").write_text(json.dumps(asked), encoding="utf-8")
        print(f"{model} on {data}, {length}{', resumed' if resumed else ''}. Ctrl-C keeps what is learned.")
    on_step = None
    if film and speaks() and len(recipe.stages) == 1:  # what a later stage draws, an earlier one cannot
        total = steps or recipe.stages[0].n_steps
        on_step = Film(recipe, parts[0].image_shape, out, None if seconds else total, seconds)
    histories = recipe.train(
        n_steps=steps,
        seconds=seconds,
        spent=built,
        seed=seed,
        device=device,
        directory=out,
        checkpoint_every=200,
        on_step=on_step,
    )
    if speaks():
        write_history(histories, out / "history.csv")
        write_curve(histories, [stage.loss for stage in recipe.stages], out / "loss.png")
    if histories[-1].stopped == "interrupted":
        return 130
    if speaks():
        write_results(recipe, histories, f"{model} on {data}", parts[0].image_shape, out, seed, digit)
        if on_step is not None:
            on_step.write()
        if measure:
            measures = recipe.measure(recipe.model)
            (out / "measures.json").write_text(json.dumps(measures, indent=1), encoding="utf-8")
            for name, value in measures.items():
                print(f"{name}: {value:.4g}")
    return 0


def recipes_of(model, classes):
    """{data: function that makes the recipe}; with classes, those that are told them, if there are any."""
    module = importlib.import_module(f"coursekit.{model}.recipe")
    return getattr(module, "BY_CLASS", {}) if classes else module.RECIPES


def default_data(model, classes):
    """The 8 x 8 digits; mini_mnist where only its digits can be drawn by class, and that is wanted."""
    if not classes:  # every model has a recipe for them, and need not be imported to say so
        return "digits"
    told = recipes_of(model, classes)
    return "mini_mnist" if "mini_mnist" in told and "digits" not in told else "digits"


def recipe_for(model, data, classes):
    """The function that makes the recipe; ValueError where the model has none for these data."""
    recipes = recipes_of(model, classes)
    if data not in recipes:
        told = " that is told the classes" if classes else ""
        those = f"choose one of {', '.join(recipes)}"
        there = those if recipes else "take vae, flow, ddpm or conditional_gan"
        raise ValueError(f"{model} has no recipe for {data}{told}; {there}")
    return recipes[data]


def built_recipe(make, data, seed, seconds):
    """((data to learn from, data to test on), the recipe, CPU seconds that it took to build)."""
    import torch

    from coursekit.data import train_and_test

    parts = train_and_test(data, seed=seed)
    torch.manual_seed(seed)
    start = time.process_time()
    recipe = make(*parts, seconds=seconds)
    return parts, recipe, time.process_time() - start


def write_results(recipe, histories, name, image_shape, out, seed, digit):
    """The weights and what the model draws, into `out`; one line on the run, printed."""
    import torch

    torch.save(recipe.model.state_dict(), out / "model.pt")
    n_steps = sum(len(history.learning_rate) for history in histories)
    cpu_seconds = sum(history.cpu_seconds[-1] for history in histories)
    after, seen = f"{name} after {n_steps} steps:\n", out / "samples.png"
    with torch.no_grad():
        pictures = recipe.draw(recipe.model, torch.Generator().manual_seed(seed))
    write_figure(pictures, image_shape, f"{after}{recipe.shows}", seen)
    if digit is not None:
        labels, seen = torch.full((len(pictures),), digit), out / f"digit_{digit}.png"
        with torch.no_grad():
            sheet = recipe.draw_class(recipe.model, labels, torch.Generator().manual_seed(seed))
        write_figure(sheet, image_shape, f"{after}asked for the digit {digit}", seen)
    losses, what = histories[-1].loss[-100:], recipe.stages[-1].loss
    last = f"; the loss of the last {len(losses)} is {sum(losses) / max(1, len(losses)):.4g} ({what})"
    print(f"{n_steps} steps, {cpu_seconds:.0f} CPU seconds{last if losses else ''}. See {seen}.")


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


def write_curve(histories, losses, path):
    """The loss over the steps, each batch in grey and a running mean on top; nothing where there is none."""
    from matplotlib.figure import Figure

    from coursekit import plots

    shown = [(history, what) for history, what in zip(histories, losses, strict=False) if history.loss]
    if not shown:
        return
    plots.use_course_style()
    figure = Figure(figsize=(6.4, 3.2 * len(shown)), dpi=150)
    for axes, (history, what) in zip(figure.subplots(len(shown), squeeze=False).flat, shown, strict=True):
        n = len(history.loss)
        lines = [("model", history.loss), ("critic", history.opponent_loss)]
        for color, values in lines:
            if not values:
                continue
            values = np.asarray(values)
            width = max(1, n // 50)
            smooth = np.convolve(values, np.ones(width) / width, mode="valid")
            axes.plot(range(1, n + 1), values, color=plots.COLORS["noise"], lw=0.6)
            axes.plot(range(width, n + 1), smooth, color=plots.COLORS[color], lw=1.8)
            low, high = np.quantile(values, [0.0, 0.99])
            axes.set_ylim(low - 0.05 * (high - low) - 1e-9, high + 0.05 * (high - low) + 1e-9)
        games = "; green: the opponent's" if history.opponent_loss else ""
        axes.set(xlabel="step", title=f"loss of each batch, and its running mean\n({what}{games})")
    figure.savefig(path)


class Film:
    """Samples on the way: called after each step, it draws at FRAMES steps, close together at first.

    Every frame has the same noise, so that a digit is seen to come. Frames are kept beside the checkpoint,
    for a run that is broken off. To draw costs at most ATTENTION of the CPU seconds, and changes nothing in
    the run: the copy that draws has its own randomness.
    """

    def __init__(self, recipe, image_shape, out, n_steps, seconds):
        self.recipe, self.image_shape, self.out = recipe, image_shape, out
        self.n_steps, self.seconds = n_steps, seconds
        self.kept = out / "film.npz"
        found = np.load(self.kept) if self.kept.exists() else {"steps": [], "frames": []}
        self.steps, self.frames = [int(step) for step in found["steps"]], list(found["frames"])
        self.spent, self.start = 0.0, time.process_time()

    def __call__(self, step, model, loss):
        """Draw, if it is time."""
        now = time.process_time() - self.start
        done = step / self.n_steps if self.n_steps else now / self.seconds
        if done < (len(self.frames) / FRAMES) ** 2 or self.spent > ATTENTION * now + 0.2:
            return
        import torch

        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            copied = copy.deepcopy(self.recipe.model).cpu().eval()
            rng = torch.Generator().manual_seed(0)
            pictures = self.recipe.draw(copied, rng)[: 600 if self.image_shape is None else 30]
        self.steps.append(step)
        self.frames.append(np.asarray(pictures, dtype=np.float16))
        np.savez(self.kept, steps=self.steps, frames=self.frames)
        self.spent += time.process_time() - self.start - now

    def write(self):
        """All frames as samples.gif, the last one for three seconds; nothing where there are none."""
        if not self.frames:
            return
        low, high = np.quantile(np.stack(self.frames[len(self.frames) // 2 :]), [0.001, 0.999])
        pictures = []
        for step, frame in zip(self.steps, self.frames, strict=True):
            title = f"after {step} step{'s' * (step > 1)}"
            if self.image_shape is None:
                pictures.append(sheet_of_points(frame, title, low, high))
            else:
                pictures.append(sheet_of_digits(frame, self.image_shape, title))
        times = [150] * (len(pictures) - 1) + [3000]
        first, *rest = [picture.quantize(32) for picture in pictures]
        first.save(self.out / "samples.gif", save_all=True, append_images=rest, duration=times, loop=0)
        self.kept.unlink(missing_ok=True)


def sheet_of_digits(images, image_shape, title, scale=48):
    """Rows of ten images (n, pixels) in [0, 1], enlarged, with a line of words on top; a PIL image."""
    from PIL import Image, ImageDraw

    rows = -(-len(images) // 10)
    sheet = Image.new("L", (10 * scale, rows * scale + 24), 255)
    for i, image in enumerate(images):
        ink = (255 * (1 - np.clip(image.astype(float), 0, 1))).astype(np.uint8).reshape(image_shape)
        place = (i % 10 * scale + 2, i // 10 * scale + 22)
        sheet.paste(Image.fromarray(ink).resize((scale - 4, scale - 4), Image.Resampling.NEAREST), place)
    ImageDraw.Draw(sheet).text((4, 2), title, fill=0, font_size=16)
    return sheet


def sheet_of_points(points, title, low, high, size=360):
    """Points (n, 2) as dots in a square from low to high, with a line of words on top; a PIL image."""
    from PIL import Image, ImageDraw

    sheet = Image.new("L", (size, size + 24), 255)
    pen = ImageDraw.Draw(sheet)
    places = (points.astype(float) - low) / max(high - low, 1e-9)
    for x, y in places:
        if 0 <= x <= 1 and 0 <= y <= 1:
            left, top = x * (size - 4), (1 - y) * (size - 4) + 22
            pen.ellipse((left, top, left + 3, top + 3), fill=60)
    pen.text((4, 2), title, fill=0, font_size=16)
    return sheet


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
