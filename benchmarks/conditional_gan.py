"""Pictures on demand: what lecture 15's conditional games do, over three seeds, beside their controls.

Drawn shapes, 16 x 16 pixels, whose words `data.read_shapes` reads off the picture; the number of steps is
fixed, the CPU seconds are measured. Mini-MNIST is judged by the classifier of real digits that all share.
"""

import copy
import time

import numpy as np
import torch

from benchmarks.harness import OURS, cpu_seconds
from coursekit import data
from coursekit.conditional_gan import recipe, shrink
from coursekit.evaluation import digit_judge, frechet_distance, precision_recall

N_TEST = 960  # twenty of each kind
FRESH = 3  # added to the seeds where settings were looked at on 0 and 1
KINDS = (4, 3, 4)
DIRECT_STEPS = 500  # they take about as long as recipe.STACKED_STEPS


def right(images, attributes):
    """Shares of the pictures whose colour, shape, place, and all three, are as asked for."""
    same = data.read_shapes(images.reshape(-1, 3, 16, 16).numpy()) == attributes.numpy()
    shares = dict(zip(data.SHAPE_WORDS, same.mean(0), strict=True))
    return shares | {"all": same.all(1).mean()}


def variety(game, attributes):
    """Spread of the pixels within one request, mean over 12 requests, as a share of the data's own spread."""
    spread = {"drawn": [], "real": []}
    for row in attributes[:12]:
        same = row.expand(60, 3)
        images, _ = recipe.drawings(60, 5, same.numpy())
        spread["real"].append(images.std(0).mean())
        rng = torch.Generator().manual_seed(0)
        spread["drawn"].append(game.sample(recipe.one_hot(same), rng=rng).std(0).mean())
    return (sum(spread["drawn"]) / sum(spread["real"])).item()


def obeyed(bench, table, row, seed, name, asked, n_steps, **options):
    """Train one game on words, measure it, and add it to the table."""
    steps = 3 if bench.quick else n_steps
    game, seconds = cpu_seconds(recipe.words, seed, n_steps=steps, **options)
    images = game.sample(recipe.one_hot(asked), rng=torch.Generator().manual_seed(seed))
    shares = right(images, asked)
    table.add(seed=seed, steps=steps, seconds=seconds, model=name, variety=variety(game, asked), **shares)
    if row is not None:
        row.add(OURS, seed, shares["all"])
    return game


def words(bench):
    "Coloured shapes from three words: where the condition enters, with and without mismatched pairs."
    row = bench.row("all three words obeyed, 1000 steps", "", better="higher", target=0.93)
    _, attributes = recipe.drawings(N_TEST, 99)
    ways = [("projection", 0.5), ("projection", 0.0), ("early", 0.5), ("late", 0.0)]
    with bench.store("conditional_gan_words", recipe, "words") as table:
        for seed in bench.seeds:
            for merge, w in ways:
                main = row if (merge, w) == ways[0] else None
                name = f"{merge}, w = {w:g}"
                obeyed(bench, table, main, seed, name, attributes, 1000, merge=merge, mismatched=w)


def longer(bench):
    "The ways that fail after 1000 updates, with three times as many: the first seed."
    row = bench.row("all three words obeyed, late with mismatched pairs, 3000 steps", "", better="higher")
    _, attributes = recipe.drawings(N_TEST, 99)
    seed = bench.seeds[0]
    with bench.store("conditional_gan_longer", recipe, "words") as table:
        for merge, w in [("early", 0.5), ("late", 0.5), ("late", 0.0)]:
            options = {"merge": merge, "mismatched": w, "n_steps": 3 if bench.quick else 3000}
            game, seconds = cpu_seconds(recipe.words, seed, **options)
            images = game.sample(recipe.one_hot(attributes), rng=torch.Generator().manual_seed(seed))
            shares = right(images, attributes) | right_of_readable(images, attributes)
            shares |= {"seconds": seconds, "model": f"{merge}, w = {w:g}"}
            table.add(seed=seed, steps=options["n_steps"], **shares)
            if (merge, w) == ("late", 0.5):
                row.add(OURS, seed, shares["all"])


def right_of_readable(images, attributes):
    """Shares that are as asked for among those words that can be read; one number per kind of word."""
    words = data.read_shapes(images.reshape(-1, 3, 16, 16).numpy())
    same, readable = words == attributes.numpy(), words >= 0
    counts = zip(data.SHAPE_WORDS, (same & readable).sum(0), readable.sum(0), strict=True)
    return {f"readable {name}": n_right / max(1, n) for name, n_right, n in counts}


def unseen(bench):
    "The same, with 7 of the 48 kinds never drawn in training: does it obey there?"
    row = bench.row("all three words obeyed, kinds never seen", "", better="higher")
    everything = np.stack(np.unravel_index(np.arange(48), KINDS), axis=1)
    # 7 kinds; every word still occurs in others.
    left_out = (everything[:, 0] + everything[:, 1] + everything[:, 2]) % 6 == 0
    with bench.store("conditional_gan_unseen", recipe, "words") as table:
        for seed in bench.seeds:
            shown = np.random.default_rng(seed).choice(everything[~left_out], size=5000)
            asked = torch.from_numpy(np.repeat(everything[left_out], 60, axis=0))
            obeyed(bench, table, row, seed, "never seen", asked, 1000, attributes=shown)


def stacked(bench):
    "Shapes from words in two stages, and directly in about as many seconds; the first seed also for thrice."
    row = bench.row("all three words obeyed, two stages", "", better="higher")
    _, asked = recipe.drawings(N_TEST, 99)
    with bench.store("conditional_gan_stacked", recipe, "stacked", "words") as table:
        for seed in bench.seeds:
            for times in (1, 3) if seed == 0 else (1,):
                first, second = (3, 3) if bench.quick else (times * n for n in recipe.STACKED_STEPS)
                direct = 3 if bench.quick else times * DIRECT_STEPS
                for name, train in (
                    ("two stages", lambda seed=seed, steps=(first, second): recipe.stacked(seed, steps)),
                    ("direct", lambda seed=seed, steps=direct: recipe.words(seed, n_steps=steps)),
                ):
                    game, seconds = cpu_seconds(train)
                    images = game.sample(recipe.one_hot(asked), rng=torch.Generator().manual_seed(seed))
                    found = right(images, asked) | {"off": from_drawings(images, asked)}
                    steps = direct if name == "direct" else first + second
                    spread = variety(game, asked)
                    table.add(seed=seed, steps=steps, seconds=seconds, model=name, times=times,
                              variety=spread, **found)  # fmt: skip
                    if (name, times) == ("two stages", 1):
                        row.add(OURS, seed, found["all"])
        table.add(seed=0, steps=0, seconds=0, model="drawings", times=1, off=from_drawings(
            recipe.drawings(N_TEST, 98)[0].flatten(1), recipe.drawings(N_TEST, 98)[1]))  # fmt: skip


def from_drawings(images, asked):
    """Distance per pixel of each picture to the nearest of 200 drawings with its words, on average."""
    distances = []
    for kind in asked.unique(dim=0):
        real, _ = recipe.drawings(200, 7, kind.expand(200, 3).numpy())
        ours = images[(asked == kind).all(1)]
        distances.append(torch.cdist(ours, real.flatten(1)).amin(1))
    return (torch.cat(distances) / images.shape[1] ** 0.5).mean().item()


def fresh(bench):
    """Seeds on which nothing was looked at while settings were chosen."""
    return [seed + FRESH for seed in bench.seeds]


def hidden(bench):
    "CycleGAN between red or blue shapes and white ones: the colours that come back through the white."
    row = bench.row("error of the colours that come back", "", better="lower", target=0.02)
    images = recipe.red_and_blue(480, 99)
    with bench.store("conditional_gan_hidden", recipe, "colour_cycle") as table:
        for seed in bench.seeds:
            options = {"n_steps": 3} if bench.quick else {}
            game, seconds = cpu_seconds(recipe.colour_cycle, seed, **options)
            found = recipe.hidden_colours(game, images)
            table.add(seed=seed, steps=recipe.CYCLE_STEPS, seconds=seconds, **found)
            row.add(OURS, seed, found["plain"])


def coloured(bench):
    "Outlines into shapes that are blue with chance .7, else red: what each loss makes of the coin."
    row = bench.row("pictures whose colour is neither, squared error alone", "", better=None)
    outline, image, _ = recipe.sketches(300, 99)
    with bench.store("conditional_gan_coloured", recipe, "coloured") as table:
        for seed in fresh(bench):
            for kind in ("l2", "l1", "l1+gan", "gan"):
                drawn, shares = colour(bench, table, seed, kind, outline, image, recipe.COLOURED_STEPS)
                if kind == "l2":
                    row.add(OURS, seed, shares["murky"])
                if seed == fresh(bench)[0]:
                    table.arrays[kind] = as_bytes(torch.stack([each[:8] for each in drawn[:2]]))
        table.arrays["outline"], table.arrays["image"] = as_bytes(outline[:8]), as_bytes(image[:8])


def coloured_longer(bench):
    "The same with three times the updates: does the absolute error reach blue, and the game both colours?"
    row = bench.row("pictures in blue, absolute error alone, 1050 steps", "", better="higher")
    outline, image, _ = recipe.sketches(300, 99)
    with bench.store("conditional_gan_coloured_longer", recipe, "coloured") as table:
        for seed in bench.seeds:
            for kind in ("l2", "l1", "l1+gan", "gan"):
                steps = 3 * recipe.COLOURED_STEPS
                _, shares = colour(bench, table, seed, kind, outline, image, steps)
                if kind == "l1":
                    row.add(OURS, seed, shares["blue"])


def colour(bench, table, seed, kind, outline, image, n_steps):
    """Train one loss, draw six times for each outline, and add the colours' shares to the table."""
    steps = 3 if bench.quick else n_steps
    game, seconds = cpu_seconds(recipe.coloured, seed, kind, n_steps=steps)
    drawn = [game.sample(outline, rng=torch.Generator().manual_seed(s)) for s in range(6)]
    colours = np.stack([data.read_shapes(each.numpy())[:, 0] for each in drawn])
    both = (colours == 0).any(0) & (colours == 2).any(0)
    error = ((torch.stack(drawn) - image) ** 2).mean().item()
    shares = {name: (colours == k).mean() for name, k in (("murky", -1), ("red", 0), ("blue", 2))}
    shares |= {"both": both.mean()}
    table.add(seed=seed, steps=steps, seconds=seconds, model=kind, error=error, **shares)
    return drawn, shares


def enlarged(bench):
    "8 x 8 digits from 2 x 2 pixels: squared error against the look, of the mean and of samples."
    train, test = data.train_and_test("digits")
    judge = digit_judge(torch.from_numpy(data.ink(train)), torch.tensor(train.labels))
    images, small = recipe.small_and_large(test)
    real = judge.features(images.flatten(1))
    row = bench.row("squared error per pixel of samples that shrink to the input", "", better="lower")
    with bench.store("conditional_gan_enlarged", recipe, "enlarged") as table:
        for seed in fresh(bench):
            # An update of squared error takes a fifth of the time of a game's.
            for kind, times in (("mean", 1), ("mean, five times as long", 5), ("gan", 1), ("consistent", 1)):
                steps = 3 if bench.quick else times * recipe.ENLARGED_STEPS
                game, seconds = cpu_seconds(recipe.enlarged, train, seed, kind.split(",")[0], n_steps=steps)
                with torch.no_grad():
                    drawn = [game.draw(small, rng=torch.Generator().manual_seed(s)) for s in range(16)]
                drawn = torch.stack(drawn)
                features = judge.features(drawn[0].clamp(0, 1).flatten(1))
                found = {
                    "error": ((drawn - images) ** 2).mean().item(),
                    "error of the mean of 16": ((drawn.mean(0) - images) ** 2).mean().item(),
                    "fd": frechet_distance(real, features),
                    "recall": precision_recall(real, features)["recall"],
                    "inconsistent": (shrink(drawn[0], 4) - small).square().mean().sqrt().item(),
                }
                table.add(seed=seed, steps=steps, seconds=seconds, model=kind, **found)
                if kind == "consistent":
                    row.add(OURS, seed, found["error"])
                if seed == fresh(bench)[0] and times == 1:
                    table.arrays[kind] = as_bytes(drawn[:2, :8])
        table.arrays["image"], table.arrays["small"] = as_bytes(images[:8]), as_bytes(small[:8])


def digits(bench):
    "Mini-MNIST by class: does the judge see the digit that was asked for?"
    train, test = data.train_and_test("mini_mnist")
    judge = digit_judge(torch.from_numpy(data.ink(train)), torch.tensor(train.labels))
    truth = recipe.agreement(judge, torch.from_numpy(data.ink(test)), torch.tensor(test.labels))
    row = bench.row(
        "samples that the judge reads as asked for, mini-MNIST", "", better="higher", target=truth
    )
    with bench.store("conditional_gan_digits", recipe, "mini_mnist") as table:
        for seed in bench.seeds:
            torch.manual_seed(seed)
            made = recipe.mini_mnist(train, test)
            steps = 3 if bench.quick else made.stages[0].n_steps
            _, seconds = cpu_seconds(made.train, seed=seed, device="cpu", n_steps=steps)
            images = made.model.sample(recipe.classes(1000), rng=torch.Generator().manual_seed(seed))
            share = recipe.agreement(judge, images, torch.arange(1000) % 10)
            table.add(seed=seed, steps=steps, seconds=seconds, obeyed=share, real=truth)
            row.add(OURS, seed, share)
            if seed == 0:
                table.arrays["images"] = as_bytes(images[:30])


def grow(bench, name, seeds, factor):
    """A table of grown and direct games, `factor` times the recipe's steps, looked at as they learn."""
    row = bench.row("share that can be read, grown", "", better="higher")
    with bench.store(name, recipe, "grown") as table:
        for seed in seeds:
            for model, steps in recipe.GROWN.items():
                steps = tuple(3 if bench.quick else factor * n for n in steps)
                watch = Watch(sum(steps))
                recipe.grown(seed, steps, on_step=watch)
                for seconds, done, readable, kinds in watch.seen:
                    table.add(
                        seed=seed, steps=done, seconds=seconds, model=model, readable=readable, kinds=kinds
                    )
                who = OURS if model == "growing" else "directly at 16 x 16"
                row.add(who, seed, watch.seen[-1][2], steps=sum(steps))


def grown(bench):
    "Shapes without words, from 4 x 4 pixels up and directly at 16 x 16: kinds and readability over time."
    grow(bench, "conditional_gan_grown", bench.seeds, 1)


def grown_longer(bench):
    "The same with three times as many steps: the first seed."
    grow(bench, "conditional_gan_grown_longer", bench.seeds[:1], 3)


class Watch:
    """Looks at a growing game six times, and leaves the seconds that this takes out of the account."""

    def __init__(self, n_steps):
        self.every, self.done, self.seen = max(1, n_steps // 6), 0, []
        self.start, self.lost = time.process_time(), 0.0

    def __call__(self, game):
        self.done += 1
        if self.done % self.every:
            return
        now = time.process_time()
        images = copy.deepcopy(game).sample(480, rng=torch.Generator().manual_seed(0))
        factor = 16 // images.shape[-1]
        images = images.repeat_interleave(factor, -1).repeat_interleave(factor, -2)
        words = data.read_shapes(images.numpy())
        whole = (words >= 0).all(1)
        counts = np.bincount(np.ravel_multi_index(words[whole].T, KINDS), minlength=48)
        self.seen.append((now - self.start - self.lost, self.done, whole.mean(), int((counts >= 2).sum())))
        self.lost += time.process_time() - now


def as_bytes(images):
    """Pictures in [0, 1] as whole numbers from 0 to 255."""
    return (255 * images.clamp(0, 1)).round().byte().numpy()


PARTS = {"words": words, "unseen": unseen, "hidden": hidden, "coloured": coloured}
PARTS |= {"longer": longer, "coloured_longer": coloured_longer, "grown_longer": grown_longer}
PARTS |= {"enlarged": enlarged, "digits": digits, "grown": grown, "stacked": stacked}
