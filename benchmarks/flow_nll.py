"""Flows beside their peers: negative log-likelihood on two moons, bits per dimension on the 8 x 8 digits.

    python benchmarks/flow_nll.py moons   [--seconds 20] [--seeds 0 1 2] [--rates 3e-3 1e-3]
                                        [--libraries coursekit normflows nflows]
    python benchmarks/flow_nll.py digits  [--seconds 15] [--seeds 0 1 2]

Moons: model minus true NLL, nats, on the same 20 000 test points; the truth is integrated numerically. Every
library gets 8 affine couplings with networks 1-64-64-2, the same data, loop, optimiser and CPU time, and is
shown at each learning rate. The peers must be installed beside the package, which does not need them.
Digits: 1437 for training, 360 for testing; one noise a digit (the bound of the literature) and 100.
Times are CPU seconds of one thread; set OMP_NUM_THREADS=1.
"""

import argparse
import math
import time

import numpy as np
import torch
from torch import nn

from coursekit.data import digits, toy2d
from coursekit.evaluation import bits_per_dim
from coursekit.flow import AffineCoupling, Flow, InvertibleLinear, Logit, Whiten, real_nvp
from coursekit.training import fit


def moons_log_prob(x, *, std=0.05, n_angles=2000):
    """True log density (n,): two half circles, integrated over the angle by the midpoint rule."""
    angle = (np.arange(n_angles) + 0.5) / n_angles * np.pi
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    centers = np.concatenate([upper, [1.0, 0.5] - upper])
    result = []
    for rows in np.array_split(x, max(1, len(x) // 1000)):
        exponent = -((rows[:, None] - centers) ** 2).sum(-1) / (2 * std**2)
        largest = exponent.max(1)
        result.append(largest + np.log(np.exp(exponent - largest[:, None]).mean(1)))
    return np.concatenate(result) - math.log(2 * math.pi * std**2)


class Peer(nn.Module):
    """Another library's flow under the verb `loss`."""

    def __init__(self, flow):
        super().__init__()
        self.flow = flow

    def loss(self, x, *, rng=None):
        return -self.flow.log_prob(x).mean()


def build_normflows():
    import normflows as nf

    layers = []
    for _ in range(8):
        layers.append(nf.flows.AffineCouplingBlock(nf.nets.MLP([1, 64, 64, 2], init_zeros=True)))
        layers.append(nf.flows.Permute(2, mode="swap"))
    return Peer(nf.NormalizingFlow(nf.distributions.base.DiagGaussian(2, trainable=False), layers))


def build_nflows():
    from nflows.distributions.normal import StandardNormal
    from nflows.flows.base import Flow as NFlow
    from nflows.transforms.base import CompositeTransform
    from nflows.transforms.coupling import AffineCouplingTransform

    class Network(nn.Sequential):
        def __init__(self, n_in, n_out):
            super().__init__(
                nn.Linear(n_in, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, n_out)
            )

        def forward(self, x, context=None):
            return super().forward(x)

    class Coupling(AffineCouplingTransform):
        # The default scale, sigmoid(u + 2), never exceeds 1.001: a density thinner than the noise is out of
        # reach (1.6 nats above the truth). This is the alternative that its source keeps as a comment.
        def _scale_and_shift(self, parameters):
            shift, raw = parameters.chunk(2, dim=1)
            return (nn.functional.softplus(raw) + 1e-3).clamp(0, 3), shift

    layers = [Coupling([i % 2, 1 - i % 2], Network) for i in range(8)]
    return Peer(NFlow(CompositeTransform(layers), StandardNormal([2])))


BUILDERS = {"coursekit": lambda: real_nvp(2), "normflows": build_normflows, "nflows": build_nflows}


def moons(seconds, seeds, rates, libraries):
    test = toy2d("moons", 20_000, rng=123).x
    truth = -moons_log_prob(test).mean()
    print(f"true NLL on the test points {truth:.4f} nats", flush=True)
    for rate in rates:
        for seed in seeds:
            for name in libraries:
                torch.manual_seed(seed)
                model = BUILDERS[name]()
                x = toy2d("moons", 100_000, rng=1000 + seed).x
                start = time.process_time()
                settings = {"batch_size": 512, "learning_rate": rate, "schedule": "cosine", "seed": seed}
                try:
                    run = fit(model, x, n_steps=10**6, max_cpu_seconds=seconds, device="cpu", **settings)
                except FloatingPointError as error:
                    print(
                        f"{name:10} rate {rate:g} seed {seed}: diverged, {str(error).split('.')[0]}",
                        flush=True,
                    )
                    continue
                used = time.process_time() - start
                with torch.no_grad():
                    gap = model.loss(torch.tensor(test, dtype=torch.float32)).item() - truth
                print(
                    f"{name:10} rate {rate:g} seed {seed}: model - true {gap:.4f} nats,"
                    f" {len(run.loss)} steps, {used:.1f} CPU-s",
                    flush=True,
                )


def digit_flow(n_steps=4):
    """Logit and whitening, then learned rotations and wide, shallow couplings with dropout."""
    layers = [Logit(17, margin=0.003), Whiten(64)]
    for _ in range(n_steps):
        layers += [InvertibleLinear(64), AffineCoupling(64, hidden=(256,), dropout=0.3)]
    return Flow(layers, shape=64, discrete=True)


@torch.no_grad()
def digit_bits(flow, x, *, n_noises=100):
    """(bits per dimension at one noise a digit, averaged over the noises; at the mean of n_noises)."""
    rng = torch.Generator().manual_seed(0)
    log_probs = torch.stack([flow.eval().discrete_log_prob(x, rng=rng) for _ in range(n_noises)])
    many = log_probs.logsumexp(0) - math.log(n_noises)
    return [bits_per_dim(value.mean().item(), 64) for value in (log_probs, many)]


def digits_table(seconds, seeds):
    train, test = (torch.tensor(part.x, dtype=torch.float32) for part in digits().split())
    several_noises = train.repeat(10, 1)
    references = {
        "Gaussian, full covariance": [Whiten(64)],
        "and logit": [Logit(17, margin=0.003), Whiten(64)],
    }
    for name, layers in references.items():
        flow = Flow(layers, shape=64, discrete=True)
        flow.initialize(several_noises, rng=torch.Generator().manual_seed(0))
        print(f"{name:26} test {digit_bits(flow, test)[0]:.3f} bits/dim", flush=True)
    for seed in seeds:
        torch.manual_seed(seed)
        start = time.process_time()
        flow = digit_flow().initialize(several_noises, rng=torch.Generator().manual_seed(seed))
        settings = {"learning_rate": 4e-3, "schedule": "cosine", "seed": seed, "device": "cpu"}
        run = fit(flow, train, n_steps=10**6, max_cpu_seconds=seconds, **settings)
        used = time.process_time() - start
        (one, many), (train_one, _) = digit_bits(flow, test), digit_bits(flow, train)
        print(
            f"flow, seed {seed}: test {one:.3f} bits/dim (100 noises {many:.3f}), train {train_one:.3f},"
            f" {len(run.loss)} steps, {used:.1f} CPU-s",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", choices=["moons", "digits"])
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--rates", type=float, nargs="+", default=[3e-3, 1e-3])
    parser.add_argument("--libraries", nargs="+", choices=list(BUILDERS), default=["coursekit"])
    choices = parser.parse_args()
    if choices.data == "moons":
        moons(choices.seconds or 20, choices.seeds, choices.rates, choices.libraries)
    else:
        digits_table(choices.seconds or 15, choices.seeds)


if __name__ == "__main__":
    main()
