"""Notebook 17's digits with classes: what guidance, fewer strides and the target do, over three seeds.

14 x 14 digits as 40 scores of a PCA, 1000 samples each, a hundred of every class. A judge of real digits says
which digit it reads; its features give the Frechet distance to the test digits, precision and recall. And of
some: how strong the edges are, and the share of samples nearer to the training digits than new digits are.
"""

import numpy as np
import torch

from benchmarks.harness import OURS, cpu_seconds
from coursekit import data
from coursekit.data import signed
from coursekit.ddpm import recipe
from coursekit.evaluation import digit_judge, nearest_share
from coursekit.pca import PCA

N_CODES, ASKED = 40, torch.arange(10).repeat_interleave(100)
GUIDANCE = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
STRIDES, ETAS = (1, 2, 5, 10, 20, 50, 100), (0.0, 1.0)
LONG, SHORT = 1500, 200  # steps of training: of all, and after which the targets are compared


class Digits:
    """The codes to learn, the judge, and what is measured of 1000 samples."""

    def __init__(self):
        train, test = data.mini_mnist().split()
        x, self.test = signed(train), signed(test)
        self.flat = PCA(N_CODES).fit(x)
        self.scale = np.sqrt(self.flat.explained_variance_.mean())
        self.codes, self.new = (
            torch.tensor(self.flat.transform(each) / self.scale, dtype=torch.float32)
            for each in (x, self.test)
        )
        self.labels = torch.tensor(train.labels)
        self.judge = digit_judge(x, self.labels)

    def trained(self, seed, target, n_steps):
        """(model, what to store of its training)."""
        options = {"seed": seed, "target": target, "n_steps": n_steps}
        model, seconds = cpu_seconds(recipe.class_digits, self.codes, self.labels, **options)
        return model, {"seed": seed, "steps": n_steps, "seconds": seconds, "target": target}

    def drawn(self, model, n_strides, eta, guidance):
        """(codes, images, how they were drawn)."""
        rng = torch.Generator().manual_seed(1)
        given = {"eta": eta, "condition": ASKED, "guidance": guidance, "rng": rng}
        made = model.sample_ddim(len(ASKED), n_strides, **given).double()
        images = self.flat.inverse_transform(made * self.scale)
        about = {"strides": n_strides, "eta": eta, "guidance": guidance}
        about["largest pixel"] = np.abs(images).max(1).mean()
        return made, images, about

    def measured(self, model, n_strides, eta, guidance):
        _, images, about = self.drawn(model, n_strides, eta, guidance)
        return about | self.quality(images)

    def nearness(self, made):
        """Two shares that copying drives to 1: see notebook 17, section 7."""
        real = torch.cat([self.codes, self.new]).double()
        seen = torch.cdist(made, real).argmin(1) < len(self.codes)
        return {
            "nearer": nearest_share(made, self.codes, self.new),
            "nearest is seen": seen.double().mean().item(),
        }

    def quality(self, images):
        return recipe.class_quality(self.judge, images, ASKED, self.test)


def guided(bench):
    "14 x 14 digits by class: Frechet distance to the test digits, by guidance and by strides of DDIM."
    digits = Digits()
    row = bench.row("Frechet distance, without guidance", "", better="lower")
    with bench.store("ddpm_guided", recipe, "class_digits") as table:
        for seed in bench.seeds:
            model, about = digits.trained(seed, "v", 4 if bench.quick else LONG)
            for guidance in GUIDANCE:
                values = digits.measured(model, 50, 1.0, guidance)
                table.add(**about, part="guidance", **values)
                if guidance == 0:
                    row.add(OURS, seed, values["Frechet distance"], steps=about["steps"])
            for n_strides in STRIDES:
                for eta in ETAS:
                    table.add(**about, part="strides", **digits.measured(model, n_strides, eta, 0.0))
            for target in ("v", "noise"):
                model, about = digits.trained(seed, target, 4 if bench.quick else SHORT)
                table.add(**about, part="target", **digits.measured(model, 50, 1.0, 0.0))


def more(bench):
    "The same digits: edges, nearness to the training set, clipped pixels; more steps; both targets."
    digits = Digits()
    row = bench.row("samples nearer to the training digits than new digits are", "share", better=None)
    longest = bench.row("the same after three times the steps", "share", better=None)
    with bench.store("ddpm_more", recipe, "class_digits", "class_quality", "edges") as table:
        for seed in bench.seeds:
            model, about = digits.trained(seed, "v", 4 if bench.quick else LONG)
            for guidance in (GUIDANCE[0], GUIDANCE[-1]):
                made, images, drawn = digits.drawn(model, 50, 1.0, guidance)
                # Only the quality is that of clipped images; edges and nearness are those of the samples.
                clipped = digits.quality(images.clip(-1, 1))
                drawn |= digits.nearness(made) | {"edges": recipe.edges(images, (14, 14))}
                table.add(**about, part="clipped", **drawn, **clipped)
                if guidance == 0:
                    row.add(OURS, seed, drawn["nearer"], steps=about["steps"])
            table.add(**about, part="target", **digits.measured(model, 50, 1.0, 0.0))
            model, about = digits.trained(seed, "v", 4 if bench.quick else 3 * LONG)
            for n_strides, eta in ((50, 1.0), (100, 0.0)):
                made, images, drawn = digits.drawn(model, n_strides, eta, 0.0)
                drawn |= digits.nearness(made)
                table.add(**about, part="longer", **drawn, **digits.quality(images))
                if eta:
                    longest.add(OURS, seed, drawn["nearer"], steps=about["steps"])
            for target, n_steps in (("v", 3 * SHORT), ("noise", 3 * SHORT), ("noise", LONG)):
                model, about = digits.trained(seed, target, 4 if bench.quick else n_steps)
                table.add(**about, part="target", **digits.measured(model, 50, 1.0, 0.0))
