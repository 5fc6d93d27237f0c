"""Notebook 11's runs over three seeds: what beta does, and the model beside others on the same bits.

14 x 14 digits, each pixel drawn once to 0 or 1 (`data.binarised`), 5000 to learn from and 1000 to test on.
"""

import itertools

import torch

from benchmarks.harness import OURS, cpu_seconds
from coursekit import data
from coursekit.evaluation import digit_judge
from coursekit.rbm import recipe as rbm_recipe
from coursekit.rbm.starts import mean_logits
from coursekit.vae import active_units, log_bernoulli, recipe

BETAS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 16.0, 196.0)
SHOWN = slice(0, 1000, 100)  # ten of the test digits


def bits():
    """(train, test) of notebook 11, float32 (n, 196), and the digits they come from."""
    sets = data.binarised(data.mini_mnist()).split()
    return *(torch.tensor(part.x, dtype=torch.float32) for part in sets), *sets


def betas(bench):
    "Test bound of the VAE of notebook 11 by the weight of its KL term."
    x, seen, train, test = bits()
    judge, truth = digit_judge(x, train.labels), torch.tensor(test.labels)
    row = bench.row("test bound, beta = 1", "nats", "higher")
    with bench.store("vae_beta", recipe, "bits_model") as table:
        for beta in BETAS:
            for seed in bench.seeds:
                n_steps = 5 if bench.quick else 800
                model, seconds = cpu_seconds(recipe.bits_model, x, seed=seed, beta=beta, n_steps=n_steps)
                rng = torch.Generator().manual_seed(0)
                terms = {key: values.mean() for key, values in model.elbo(seen, rng=rng).items()}
                mean = model.encode(seen)[0]
                rebuilt = model.decode_mean(mean)
                misread = (judge.predict_proba(rebuilt).argmax(1) != truth).double().mean()
                table.add(seed=seed, steps=n_steps, seconds=seconds, beta=beta, **terms,
                          active=active_units(mean).sum(), misread=misread)  # fmt: skip
                if beta == 1:
                    row.add(OURS, seed, terms["elbo"], steps=n_steps)
                if seed == 0:
                    z = torch.randn(10, 8, generator=rng)
                    images = torch.cat([rebuilt[SHOWN], model.decode_mean(z)])
                    table.arrays[f"beta {beta:g}"] = (255 * images).round().byte().numpy()


def latents(bench):
    "Do more latents or more nats help? 8 and 16 latents at beta = 1 and 1/4, after 800 and 2400 steps."
    x, seen, train, test = bits()
    judge, truth = digit_judge(x, train.labels), torch.tensor(test.labels)
    with bench.store("vae_latents", recipe, "bits_model") as table:
        for n_steps in (4, 5) if bench.quick else (800, 2400):
            row = bench.row(f"16 latents, beta = 1/4, {n_steps} steps: share misread", "", "lower")
            for n_latent, beta, seed in itertools.product((8, 16), (1.0, 0.25), bench.seeds):
                how = {"seed": seed, "n_latent": n_latent, "beta": beta, "n_steps": n_steps}
                model, seconds = cpu_seconds(recipe.bits_model, x, **how)
                terms = model.elbo(seen, rng=torch.Generator().manual_seed(0))
                rebuilt = model.decode_mean(model.encode(seen)[0])
                misread = (judge.predict_proba(rebuilt).argmax(1) != truth).double().mean()
                table.add(seed=seed, steps=n_steps, seconds=seconds, latents=n_latent, beta=beta,
                          kl=terms["kl"].mean(), elbo=terms["elbo"].mean(), misread=misread)  # fmt: skip
                if (n_latent, beta) == (16, 0.25):
                    row.add(OURS, seed, misread, steps=n_steps)


def beside(bench):
    "Test log-likelihood on the same bits: independent pixels, VAEs (500 importance samples), an RBM (AIS)."
    x, seen, train, test = bits()
    grey, _ = data.mini_mnist().split()
    pixel = ((x.sum(0) + 1) / (len(x) + 2)).logit()
    row = bench.row("importance-weighted bound of notebook 11's VAE", "nats", "higher")
    with bench.store("vae_beside", recipe, "bits_model", "mini_mnist") as table:
        for seed in bench.seeds:
            rng = torch.Generator().manual_seed(seed)
            floor = log_bernoulli(seen, pixel.expand_as(seen)).mean()
            table.add(seed=seed, steps=0, seconds=0, model="independent pixels", elbo=floor, nats=floor)

            n_steps = 5 if bench.quick else 800
            model, seconds = cpu_seconds(recipe.bits_model, x, seed=seed, n_steps=n_steps)
            trained = {"VAE of this notebook": (model, seconds, n_steps)}
            ours, steps = bench.follow(recipe.mini_mnist, grey, test, budget=30, seed=seed)
            trained["VAE, trained longer"] = ours.model, bench.budget(30), sum(steps)
            for name, (model, seconds, n_steps) in trained.items():
                with torch.no_grad():
                    elbo = model.elbo(seen, rng=rng)["elbo"].mean()
                    nats = model.log_likelihood(seen, 5 if bench.quick else 500, rng=rng).mean()
                table.add(seed=seed, steps=n_steps, seconds=seconds, model=name, elbo=elbo, nats=nats)
                if name == "VAE of this notebook":
                    row.add(OURS, seed, nats, steps=n_steps)

            machine, steps = bench.follow(rbm_recipe.mini_mnist, grey, test, budget=30, seed=seed)
            n_ais = 50 if bench.quick else 10_000
            start = mean_logits(torch.from_numpy(data.ink(grey)))
            nats, error = rbm_recipe.log_likelihood(machine.model, seen, start, n_steps=n_ais)
            bench.note(f"RBM, seed {seed}: standard error of log Z {error:.2f}.")
            table.add(seed=seed, steps=sum(steps), seconds=bench.budget(30), model="RBM, 200 hidden units",
                      nats=nats)  # fmt: skip


def blur(bench):
    "How much of the edges of 14 x 14 digits short codes keep, in squared steps between neighbouring pixels."
    grey, unseen = (torch.from_numpy(data.ink(part)) for part in data.mini_mnist().split())
    row = bench.row("edges kept by the Gaussian VAE with 4 latents", "", "higher")

    def edges(images):
        return images.reshape(-1, 14, 14).diff(dim=2).square().mean().item()

    short, long = (4, 5) if bench.quick else (800, 2400)
    with bench.store("vae_blur", recipe, "rebuilder") as table:
        for n_steps, kind, seed in itertools.product((short, long), recipe.BLURRED, bench.seeds):
            rebuild, seconds = cpu_seconds(recipe.rebuilder, kind, grey, seed=seed, n_steps=n_steps)
            rebuilt = rebuild(unseen)
            share = edges(rebuilt) / edges(unseen)
            error = (rebuilt - unseen).square().sum(1).mean()
            table.add(seed=seed, steps=n_steps, seconds=seconds, kind=kind, edges=share, error=error)
            if n_steps == short and kind == recipe.BLURRED[0]:
                row.add(OURS, seed, share, steps=n_steps)
            if n_steps == short and seed == 0:
                images = rebuilt[SHOWN].clamp(0, 1)
                table.arrays[kind] = (255 * images).round().byte().numpy()
