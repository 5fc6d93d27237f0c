"""Notebook 17's digits with classes: what guidance, fewer strides and the target do, over three seeds.

14 x 14 digits as 40 scores of a PCA, 1000 samples each, a hundred of every class. A judge of real digits says
which digit it reads; its features give the Frechet distance to the test digits, precision and recall. Beside
it how strong the edges are, and the share of samples nearer to the training digits than new digits are.
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


def guided(bench):
    "14 x 14 digits by class: Frechet distance to the test digits, by guidance and by strides of DDIM."
    train, test = data.mini_mnist().split()
    x, y = signed(train), signed(test)
    flat = PCA(N_CODES).fit(x)
    scale = np.sqrt(flat.explained_variance_.mean())
    codes, new = (torch.tensor(flat.transform(each) / scale, dtype=torch.float32) for each in (x, y))
    labels = torch.tensor(train.labels)
    judge = digit_judge(x, labels)
    row = bench.row("Frechet distance, without guidance", "", better="lower")

    def measured(model, n_strides=50, eta=1.0, guidance=0.0, clipped=False):
        rng = torch.Generator().manual_seed(1)
        given = {"eta": eta, "condition": ASKED, "guidance": guidance, "rng": rng}
        made = model.sample_ddim(len(ASKED), n_strides, **given)
        images = flat.inverse_transform(made.double() * scale)
        about = {"strides": n_strides, "eta": eta, "guidance": guidance}
        about["largest pixel"] = np.abs(images).max(1).mean()
        about["edges"] = recipe.edges(images, (14, 14))
        about["nearer"] = nearest_share(made, codes, new)
        return about | recipe.class_quality(judge, images.clip(-1, 1) if clipped else images, ASKED, y)

    with bench.store("ddpm_guided", recipe, "class_digits", "class_quality", "edges") as table:
        for seed in bench.seeds:

            def trained(n_steps, target="v", seed=seed):
                n_steps = 4 if bench.quick else n_steps
                options = {"seed": seed, "target": target, "n_steps": n_steps}
                model, seconds = cpu_seconds(recipe.class_digits, codes, labels, **options)
                return model, {"seed": seed, "steps": n_steps, "seconds": seconds, "target": target}

            model, about = trained(LONG)
            for guidance in GUIDANCE:
                values = measured(model, guidance=guidance)
                table.add(**about, part="guidance", **values)
                if guidance == 0:
                    row.add(OURS, seed, values["Frechet distance"], steps=about["steps"])
            for guidance in (GUIDANCE[0], GUIDANCE[-1]):
                table.add(**about, part="clipped", **measured(model, guidance=guidance, clipped=True))
            for n_strides in STRIDES:
                for eta in ETAS:
                    table.add(**about, part="strides", **measured(model, n_strides, eta))
            model, about = trained(3 * LONG)
            for eta in ETAS:
                table.add(**about, part="longer", **measured(model, eta=eta))
            for n_steps, target in ((SHORT, "v"), (SHORT, "noise"), (3 * SHORT, "v"), (3 * SHORT, "noise"),
                                    (LONG, "noise")):  # fmt: skip
                model, about = trained(n_steps, target)
                table.add(**about, part="target", **measured(model))
