"""A fixed piece of the course's kind of work: what the seconds of a notebook are measured by.

Processors differ by a factor of four on this work. `course.py test` runs it beside the notebooks, and
published seconds are those of a machine on which it takes course_checks.REFERENCE_SECONDS.
"""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import torch

matplotlib.use("agg")
torch.manual_seed(0)
torch.set_num_threads(1)
x = torch.rand(1500, 64)
network = torch.nn.Sequential(torch.nn.Linear(64, 128), torch.nn.ReLU(), torch.nn.Linear(128, 64))
optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
for _ in range(2000):
    batch = x[torch.randint(len(x), (128,))]
    loss = ((network(batch) - batch) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

for seed in range(12):
    points = np.random.default_rng(seed).normal(size=(600, 20))
    distances = ((points[:, None] - points) ** 2).sum(-1)
    np.linalg.eigh(np.exp(-distances / 40))

for _ in range(5):
    figure, ax = plt.subplots()
    ax.plot(points)
    figure.canvas.draw()
    plt.close(figure)
