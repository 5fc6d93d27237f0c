"""Diffusion on digits: how clean the samples are after so many CPU-seconds, and agreement with diffusers.

    OMP_NUM_THREADS=1 python benchmarks/ddpm_quality.py digits --seeds 0 1 2
    OMP_NUM_THREADS=1 python benchmarks/ddpm_quality.py mnist --seeds 0 1 2
    OMP_NUM_THREADS=1 python benchmarks/ddpm_quality.py peer       (pip install diffusers first)

Seconds are CPU-seconds of training, one thread. The judge is `evaluation.DigitClassifier`, trained on the
same training set with its own seed. Of the samples (DDIM, 50 steps) the table shows

    confidence  mean of the judge's largest probability (test digits beside it)
    classes     how many of the ten are seen in at least 2 % of the samples; rarest: the smallest share
    frechet     distance to the test digits in the judge's features (training digits beside it)
    nearest     median distance to the nearest training digit, over that of a test digit: far below 1 the
                model recites what it was trained on
"""

import argparse
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from coursekit.data import digits, mnist
from coursekit.ddpm import DDPM, cosine_schedule, linear_schedule
from coursekit.evaluation import DigitClassifier, frechet_distance
from coursekit.networks import TimeMLP, UNet, mlp
from coursekit.training import fit


class LatentCoder(nn.Module):
    """784-512-256-32 autoencoder of pixels in [0, 1]; codes are standardised, then decoded under noise."""

    def __init__(self, n_inputs=784, n_code=32, *, noise=0.1):
        super().__init__()
        self.encoder = mlp([n_inputs, 512, 256, n_code], activation="silu", norm=True)
        self.decoder = mlp([n_code, 256, 512, n_inputs], activation="silu", norm=True)
        self.standardise = nn.BatchNorm1d(n_code, affine=False)
        self.noise = noise

    def encode(self, x):
        return self.standardise(self.encoder(x))

    def loss(self, x, *, rng=None):
        code = self.encode(x)
        code = code + self.noise * torch.randn(code.shape, generator=rng)
        return F.binary_cross_entropy_with_logits(self.decoder(code), x, reduction="none").sum(-1).mean()


def nearest(a, b):
    """Median over rows of a of the distance to the nearest row of b."""
    return torch.cat([torch.cdist(part, b).min(1).values for part in a.split(500)]).median().item()


def judge(name, samples, judge_net, train, test):
    """One line of the table; samples, train, test (n, d) in the judge's units."""
    probability = judge_net.predict_proba(samples)
    shares = np.bincount(probability.argmax(1), minlength=10) / len(samples)
    features = judge_net.features(test)
    row = {
        "confidence": probability.max(1).values.mean().item(),
        "classes": int((shares >= 0.02).sum()),
        "rarest": shares.min(),
        "frechet": frechet_distance(judge_net.features(samples), features),
        "nearest": nearest(samples, train) / nearest(test[:2000], train),
    }
    print(f"{name:34s}" + "  ".join(f"{key} {value:6.3f}" for key, value in row.items()), flush=True)
    return row


def timed(function, *arguments, **keywords):
    start = time.process_time()
    result = function(*arguments, **keywords)
    return result, time.process_time() - start


def summary(name, rows):
    for key in rows[0]:
        values = np.array([row[key] for row in rows])
        spread = f"smallest {values.min():.3f}  largest {values.max():.3f}"
        print(f"{name:34s}{key:10s} mean {values.mean():.3f}  {spread}")


def run_digits(options):
    train_set, test_set = digits().split(0)
    train, test = (torch.tensor(part.x / 8 - 1, dtype=torch.float32) for part in (train_set, test_set))
    judge_net = DigitClassifier(64).fit(train, train_set.labels, seed=100)
    judge("test digits", test, judge_net, train, test)
    judge("training digits", train[: len(test)], judge_net, train, test)
    builders = {
        "unet": lambda: (UNet(width=options.width), (1, 8, 8)),
        "mlp": lambda: (TimeMLP(64, width=256), (64,)),
    }
    for net in options.nets:
        rows = []
        for seed in options.seeds:
            torch.manual_seed(seed)
            predictor, shape = builders[net]()
            schedule = cosine_schedule(1000) if options.schedule == "cosine" else linear_schedule(1000)
            model = DDPM(predictor, schedule, shape=shape, target=options.target)
            history, seconds = timed(
                fit,
                model,
                train.reshape(-1, *shape),
                n_steps=10**7,
                batch_size=options.batch,
                learning_rate=options.rate,
                schedule="cosine",
                average=options.average,
                seed=seed,
                device="cpu",
                max_cpu_seconds=options.seconds,
            )
            rng = torch.Generator().manual_seed(seed)
            _, ddim_seconds = timed(model.sample_ddim, 64, 50, rng=rng)
            samples = model.sample_ddim(options.samples, 50, rng=rng).flatten(1)
            name = f"{net} seed {seed}, {len(history.loss)} steps, {seconds:.0f} s"
            rows.append(judge(name, samples, judge_net, train, test))
            rows[-1]["64 images"] = ddim_seconds
        summary(f"{net} {options.target} {options.schedule}", rows)


def run_mnist(options):
    train_set, test_set = mnist("train"), mnist("test")
    train, test = (torch.tensor(part.x / 255) for part in (train_set, test_set))
    judge_net = DigitClassifier(784, n_hidden=256).fit(
        train, train_set.labels, n_epochs=6, batch_size=128, seed=100
    )
    reference = train[:10_000]
    judge("test digits", test, judge_net, reference, test)
    for net in options.nets:
        rows = []
        for seed in options.seeds:
            torch.manual_seed(seed)
            rng = torch.Generator().manual_seed(seed)
            if net == "latent":
                samples, seconds = latent_diffusion(train, options, seed, rng)
            else:
                samples, seconds = pixel_diffusion(train, options, seed, rng)
            rows.append(judge(f"{net} seed {seed}, {seconds:.0f} s", samples, judge_net, reference, test))
            if options.save:
                np.save(f"{options.save}/{net}_{seed}.npy", samples[:64].numpy())
        summary(net, rows)


def latent_diffusion(train, options, seed, rng):
    coder = LatentCoder()
    share = options.coder_share
    history, coder_seconds = timed(
        fit,
        coder,
        train,
        n_steps=10**7,
        batch_size=256,
        learning_rate=2e-3,
        optimizer="adamw",
        schedule="cosine",
        seed=seed,
        device="cpu",
        max_cpu_seconds=share * options.seconds,
    )
    start = time.process_time()
    with torch.no_grad():
        codes = torch.cat([coder.encode(part) for part in train.split(5000)])
    encoding = time.process_time() - start
    # A unit Gaussian is what the schedule expects; the running statistics only come near it.
    mean, std = codes.mean(0), codes.std(0)
    model = DDPM(TimeMLP(32, width=options.latent_width), cosine_schedule(1000), shape=(32,), target="v")
    later, seconds = timed(
        fit,
        model,
        (codes - mean) / std,
        n_steps=10**7,
        batch_size=options.batch,
        learning_rate=options.rate,
        optimizer="adamw",
        schedule="cosine",
        average=options.average,
        seed=seed,
        device="cpu",
        max_cpu_seconds=(1 - share) * options.seconds - encoding,
    )
    print(f"  autoencoder {len(history.loss)} steps, diffusion {len(later.loss)} steps")
    with torch.no_grad():
        logits = coder.decoder(model.sample_ddim(options.samples, 50, rng=rng) * std + mean)
    return logits.sigmoid(), coder_seconds + encoding + seconds


def pixel_diffusion(train, options, seed, rng):
    model = DDPM(UNet(width=16), cosine_schedule(1000), shape=(1, 28, 28), target="v")
    history, seconds = timed(
        fit,
        model,
        (2 * train - 1).reshape(-1, 1, 28, 28),
        n_steps=10**7,
        batch_size=64,
        learning_rate=2e-3,
        schedule="cosine",
        average=0.99,
        seed=seed,
        device="cpu",
        max_cpu_seconds=options.seconds,
    )
    print(f"  pixel U-Net {len(history.loss)} steps")
    samples = model.sample_ddim(200, 50, rng=rng).flatten(1)
    return ((samples + 1) / 2).clamp(0, 1), seconds


def run_peer(options):
    """Largest differences from diffusers' DDPMScheduler: schedules, q_sample, one step at every 37th t."""
    from diffusers import DDPMScheduler

    rng = torch.Generator().manual_seed(0)
    linear, cosine = linear_schedule(1000), cosine_schedule(1000)
    for name, ours, theirs, double in (
        ("linear", linear, "linear", False),
        ("cosine", cosine, "squaredcos_cap_v2", False),
        ("linear, its tables in float64", linear, "linear", True),
        ("cosine, its tables in float64", cosine, "squaredcos_cap_v2", True),
    ):
        peer = DDPMScheduler(1000, beta_schedule=theirs, clip_sample=False, variance_type="fixed_small")
        peer.set_timesteps(1000)
        if double:
            peer.alphas_cumprod = (1 - ours.betas[1:]).cumprod(0)
        x0, xt, noise, output = torch.randn(4, 5, 1, 8, 8, generator=rng)
        model = DDPM(lambda x, t, output=output: output, ours, shape=(1, 8, 8))
        worst_q = worst_step = 0.0
        for t in (1, 2, *range(5, 1000, 37), 999, 1000):
            times = torch.full((5,), t)
            q = model.q_sample(x0, times, noise) - peer.add_noise(x0, noise, times - 1)
            step = model.p_sample(xt, times, rng=torch.Generator().manual_seed(t))
            expected = peer.step(output, t - 1, xt, generator=torch.Generator().manual_seed(t)).prev_sample
            worst_q = max(worst_q, q.abs().max().item())
            worst_step = max(worst_step, ((step - expected).abs() / expected.abs().clamp(min=1)).max().item())
        differences = {
            "betas": (ours.betas[1:] - peer.betas).abs().max().item(),
            "alpha_bars": (ours.alpha_bars[1:] - peer.alphas_cumprod).abs().max().item(),
            "q_sample": worst_q,
            "one step": worst_step,
        }
        print(f"{name:31s}" + "  ".join(f"{key} {value:.1e}" for key, value in differences.items()))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=("digits", "mnist", "peer"))
    parser.add_argument("--seconds", type=float, default=None)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--nets", nargs="+", default=None, help="digits: unet mlp; mnist: latent pixel")
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--width", type=int, default=24)
    parser.add_argument("--latent-width", type=int, default=256)
    parser.add_argument("--batch", type=int, default=None)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--average", type=float, default=0.995)
    parser.add_argument("--target", default="v")
    parser.add_argument("--schedule", default="cosine", choices=("cosine", "linear"))
    parser.add_argument("--coder-share", type=float, default=0.4)
    parser.add_argument("--save", default=None, help="folder for 64 samples a run as .npy")
    options = parser.parse_args()
    torch.set_num_threads(1)
    run, seconds, nets, batch = {
        "digits": (run_digits, 40, ["unet", "mlp"], 32),
        "mnist": (run_mnist, 60, ["latent", "pixel"], 256),
        "peer": (run_peer, 0, [], 0),
    }[options.part]
    options.seconds = options.seconds or seconds
    options.nets = options.nets or nets
    options.batch = options.batch or batch
    run(options)


if __name__ == "__main__":
    main()
