"""Autoencoders of MNIST with 30 codes: squared error per test image after a budget of CPU seconds.

    COURSEKIT_DATA=<folder that holds mnist/> OMP_NUM_THREADS=1 python benchmarks/autoencoder_mnist.py

Rows: PCA with 30 components; the deep network of Hinton & Salakhutdinov 2006 without normalisation; the
recipe of this course. One thread, process time, every seed printed. Pixels in [0, 1]. The recipe
minimises the cross-entropy, which lowers the squared error faster than the squared error itself does, and
starts at the mean image, without which its code collapses. Time of PCA: its own fit.
"""

import argparse
import time

import numpy as np
import torch

from coursekit import data, training
from coursekit.autoencoder import Autoencoder
from coursekit.pca import PCA
from coursekit.pretraining import start_at_mean

TARGETS = {30: "target 4.2", 100: "target 3.05, moonshot 2.3"}


def unnormalised():
    return Autoencoder(784, 30, hidden=(1000, 500, 250), activation="relu")


def recipe():
    return Autoencoder(784, 30, hidden=(512, 256), activation="silu", norm=True, likelihood="bernoulli")


# Network, batch size, learning rate, optimiser.
CASES = {
    "784-1000-500-250-30, ReLU, no normalisation": (unnormalised, 256, 1e-3, "adam"),
    "784-512-256-30, LayerNorm + SiLU, cross-entropy": (recipe, 128, 2e-3, "adamw"),
}


def squared_error(x, y):
    """Summed over the pixels, mean over the images."""
    return float(((np.asarray(x) - np.asarray(y)) ** 2).sum(1).mean())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--budgets", type=float, nargs="+", default=[30, 100], help="CPU seconds")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="", help="cases whose name contains this text")
    options = parser.parse_args()
    torch.set_num_threads(1)
    # bfloat16 inside matrix products where the processor has it (twice as fast there, elsewhere nothing).
    torch.set_float32_matmul_precision("medium")
    train, test = (data.mnist(split).x / 255 for split in ("train", "test"))
    train, test = torch.from_numpy(train), torch.from_numpy(test)

    start = time.process_time()
    pca = PCA(30).fit(train.numpy())
    error = squared_error(test, pca.inverse_transform(pca.transform(test.numpy())))
    print(f"PCA, 30 components: {error:.2f} ({time.process_time() - start:.1f} CPU s)", flush=True)
    for budget in options.budgets:
        for name, (network, batch_size, learning_rate, optimizer) in CASES.items():
            if options.only not in name:
                continue
            errors, steps = [], []
            for seed in range(options.seeds):
                torch.manual_seed(seed)
                model = network()
                if model.likelihood == "bernoulli":
                    start_at_mean(model, train)
                history = training.fit(
                    model,
                    train,
                    n_steps=10**9,
                    max_cpu_seconds=budget,
                    batch_size=batch_size,
                    learning_rate=learning_rate,
                    optimizer=optimizer,
                    schedule="cosine",
                    seed=seed,
                )
                with torch.no_grad():
                    errors.append(squared_error(test, model.reconstruct(test)))
                steps.append(len(history.loss))
            each = ", ".join(f"{e:.2f} after {n} steps" for e, n in zip(errors, steps, strict=True))
            spread = f" +- {np.std(errors, ddof=1):.2f}" if len(errors) > 1 else ""
            print(
                f"{budget:g} CPU s, {name}: {np.mean(errors):.2f}{spread} ({each};"
                f" {TARGETS.get(budget, 'no target')})",
                flush=True,
            )


if __name__ == "__main__":
    main()
