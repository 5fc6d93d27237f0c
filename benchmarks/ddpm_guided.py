"""Notebook 17's digits with classes: what guidance, fewer strides and the target do, over three seeds.

14 x 14 digits as 40 scores of a PCA, 1000 samples each, a hundred of every class. A judge of real digits says
which digit it reads; its features give the Frechet distance to the test digits, precision and recall.
"""

import numpy as np
import torch

from benchmarks.harness import OURS, cpu_seconds
from coursekit import data
from coursekit.data import signed
from coursekit.ddpm import recipe
from coursekit.evaluation import digit_judge
from coursekit.pca import PCA

N_CODES, ASKED = 40, torch.arange(10).repeat_interleave(100)
GUIDANCE = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
STRIDES, ETAS = (1, 2, 5, 10, 20, 50, 100), (0.0, 1.0)
SHORT = 200  # steps of training after which the targets are compared


def guided(bench):
    "14 x 14 digits by class: Frechet distance to the test digits, by guidance and by strides of DDIM."
    train, test = data.mini_mnist().split()
    x, y = signed(train), signed(test)
    flat = PCA(N_CODES).fit(x)
    scale = np.sqrt(flat.explained_variance_.mean())
    codes = torch.tensor(flat.transform(x) / scale, dtype=torch.float32)
    labels = torch.tensor(train.labels)
    judge = digit_judge(x, labels)
    row = bench.row("Frechet distance, without guidance", "", better="lower")

    def measured(model, n_strides, eta, guidance):
        rng = torch.Generator().manual_seed(1)
        given = {"eta": eta, "condition": ASKED, "guidance": guidance, "rng": rng}
        images = flat.inverse_transform(model.sample_ddim(len(ASKED), n_strides, **given).double() * scale)
        about = {"strides": n_strides, "eta": eta, "guidance": guidance}
        about["largest pixel"] = np.abs(images).max(1).mean()
        return about | recipe.class_quality(judge, images, ASKED, y)

    with bench.store("ddpm_guided", recipe, "class_digits") as table:
        for seed in bench.seeds:

            def trained(target, n_steps, seed=seed):
                n_steps = 4 if bench.quick else n_steps
                options = {"seed": seed, "target": target, "n_steps": n_steps}
                return *cpu_seconds(recipe.class_digits, codes, labels, **options), n_steps

            model, seconds, n_steps = trained("v", 1500)
            about = {"seed": seed, "steps": n_steps, "seconds": seconds, "target": "v"}
            for guidance in GUIDANCE:
                values = measured(model, 50, 1.0, guidance)
                table.add(**about, part="guidance", **values)
                if guidance == 0:
                    row.add(OURS, seed, values["Frechet distance"], steps=n_steps)
            for n_strides in STRIDES:
                for eta in ETAS:
                    table.add(**about, part="strides", **measured(model, n_strides, eta, 0.0))
            for target in ("v", "noise"):
                model, seconds, n_steps = trained(target, SHORT)
                about = {"seed": seed, "steps": n_steps, "seconds": seconds, "target": target}
                table.add(**about, part="target", **measured(model, 50, 1.0, 0.0))
