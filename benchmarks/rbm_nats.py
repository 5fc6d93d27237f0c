"""RBM on binarised MNIST: log-likelihood of the test set after so many CPU seconds, beside scikit-learn.

    OMP_NUM_THREADS=1 python benchmarks/rbm_nats.py --seconds 30 110 --seeds 0 1 2 --peer

MNIST comes from `coursekit.data.mnist` (see there). Seconds are CPU seconds of the process, training only.
log Z is estimated by AIS from the mean image's machine, so a stated number is as good as its standard error;
the training set is binarised once (seed 1), the test set once (seed 0).
"""

import argparse
import time

import torch

from coursekit.data import binarised, mnist
from coursekit.evaluation import ais_log_partition
from coursekit.rbm import RBM
from coursekit.training import fit_contrastive


def test_log_likelihood(rbm, test, base_bias, n_steps):
    """Mean log p over the test set in nats, and the standard error of log Z."""
    rng = torch.Generator().manual_seed(1234)
    log_z, error = ais_log_partition(rbm, n_steps=n_steps, n_chains=100, rng=rng, base_bias=base_bias)
    with torch.no_grad():
        free_energy = torch.cat([rbm.free_energy(part) for part in test.split(1000)])
    return -free_energy.double().mean().item() - log_z, error


def train(x, base_bias, options, *, seed, seconds=None, n_steps=10**7):
    torch.manual_seed(seed)
    rbm = RBM(x.shape[1], options.hidden)
    with torch.no_grad():
        rbm.visible_bias.copy_(base_bias)
    history = fit_contrastive(
        rbm,
        x,
        k=options.k,
        persistent=True,
        n_steps=n_steps,
        batch_size=options.batch,
        learning_rate=options.rate,
        momentum=options.momentum,
        schedule=options.schedule,
        average=options.average,
        seed=seed,
        device="cpu",
        max_cpu_seconds=seconds,
    )
    return rbm, history


def epoch_beside_peer(x, base_bias, options):
    """CPU time of an epoch beside scikit-learn's BernoulliRBM in float32, taking turns; the smallest of 3."""
    from sklearn.neural_network import BernoulliRBM

    part = x[: 100 * options.batch]
    ours, theirs = [], {batch: [] for batch in (options.batch, 10)}  # 10 is scikit-learn's own choice
    for _ in range(3):
        start = time.process_time()
        train(part, base_bias, options, seed=0, n_steps=100)
        ours.append((time.process_time() - start) * len(x) / len(part))
        for batch, seconds in theirs.items():
            model = BernoulliRBM(options.hidden, batch_size=batch, n_iter=1, random_state=0)
            start = time.process_time()
            model.fit(part.numpy())
            seconds.append((time.process_time() - start) * len(x) / len(part))
    for batch, seconds in theirs.items():
        print(
            f"an epoch: coursekit (batch {options.batch}) {min(ours):.2f} s, scikit-learn (batch {batch})"
            f" {min(seconds):.2f} s: {min(ours) / min(seconds):.2f}x",
            flush=True,
        )


def nats_beside_peer(x, test, base_bias, options, n_epochs=5):
    """Log-likelihood of the test set after 5 epochs each; scikit-learn with two batch sizes and rates."""
    from sklearn.neural_network import BernoulliRBM

    for batch, rate in ((options.batch, 0.05), (10, 0.01)):
        model = BernoulliRBM(
            options.hidden, batch_size=batch, learning_rate=rate, n_iter=n_epochs, random_state=0
        )
        start = time.process_time()
        model.fit(x.numpy())
        seconds = time.process_time() - start
        rbm = RBM(x.shape[1], options.hidden).requires_grad_(False)
        rbm.weight.copy_(torch.from_numpy(model.components_))
        rbm.visible_bias.copy_(torch.from_numpy(model.intercept_visible_))
        rbm.hidden_bias.copy_(torch.from_numpy(model.intercept_hidden_))
        nats, error = test_log_likelihood(rbm, test, base_bias, options.ais)
        print(
            f"scikit-learn, {n_epochs} epochs, batch {batch}, rate {rate}: {nats:.2f} nats"
            f" (se of log Z {error:.2f}; {seconds:.0f} s)",
            flush=True,
        )
    start = time.process_time()
    rbm, _ = train(x, base_bias, options, seed=0, n_steps=n_epochs * -(-len(x) // options.batch))
    seconds = time.process_time() - start
    nats, error = test_log_likelihood(rbm, test, base_bias, options.ais)
    print(f"coursekit, {n_epochs} epochs: {nats:.2f} nats (se of log Z {error:.2f}; {seconds:.0f} s)")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, nargs="*", default=[30, 110])
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    parser.add_argument("--hidden", type=int, default=500)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--k", type=int, default=1)
    parser.add_argument("--rate", type=float, default=0.3)
    parser.add_argument("--momentum", type=float, default=0.5)
    parser.add_argument("--schedule", default="linear")
    parser.add_argument("--average", type=float, default=0.999)
    parser.add_argument("--ais", type=int, default=10_000, help="AIS steps")
    parser.add_argument("--peer", action="store_true", help="also scikit-learn: an epoch, and nats after 5")
    parser.add_argument("--epoch", action="store_true", help="also scikit-learn: an epoch only")
    options = parser.parse_args()
    torch.set_num_threads(1)

    x = torch.tensor(binarised(mnist("train"), seed=1).x)
    test = torch.tensor(binarised(mnist("test"), seed=0).x)
    base_bias = torch.logit(x.mean(0).clamp(0.5 / len(x), 1 - 0.5 / len(x)))
    for seconds in options.seconds:
        for seed in options.seeds:
            rbm, history = train(x, base_bias, options, seed=seed, seconds=seconds)
            start = time.process_time()
            nats, error = test_log_likelihood(rbm, test, base_bias, options.ais)
            print(
                f"{seconds:.0f} s, seed {seed}: {nats:.2f} nats (se of log Z {error:.2f};"
                f" {len(history.cpu_seconds)} steps; AIS {time.process_time() - start:.0f} s)",
                flush=True,
            )
    if options.peer or options.epoch:
        epoch_beside_peer(x, base_bias, options)
    if options.peer:
        nats_beside_peer(x, test, base_bias, options)


if __name__ == "__main__":
    main()
