"""Diffusion beside diffusers: the same numbers from its scheduler, and the time of a step of its U-Net."""

import torch
from torch import nn

from benchmarks.harness import OURS, Skipped, take_turns, training_step
from coursekit.ddpm import DDPM, cosine_schedule, linear_schedule


def agreement(bench):
    "Largest difference from diffusers' DDPMScheduler (clip_sample=False, its t is ours less 1)."
    if not bench.peer("diffusers"):
        raise Skipped("without diffusers there is nothing to agree with")
    from diffusers import DDPMScheduler

    for name, ours, theirs in (
        ("linear", linear_schedule(1000), "linear"),
        ("cosine", cosine_schedule(1000), "squaredcos_cap_v2"),
    ):
        peer = DDPMScheduler(1000, beta_schedule=theirs, clip_sample=False, variance_type="fixed_small")
        peer.set_timesteps(1000)
        rows = {
            key: bench.row(f"{name} schedule: {key}", "", "lower", target=1e-4)
            for key in ("betas", "alpha_bars", "q_sample", "one step")
        }
        for seed in bench.seeds:
            x0, xt, noise, output = torch.randn(4, 5, 1, 8, 8, generator=torch.Generator().manual_seed(seed))
            model = DDPM(lambda x, t, output=output: output, ours, shape=(1, 8, 8))
            worst = {key: 0.0 for key in rows}
            worst["betas"] = (ours.betas[1:] - peer.betas).abs().max().item()
            worst["alpha_bars"] = (ours.alpha_bars[1:] - peer.alphas_cumprod).abs().max().item()
            for t in (1, 2, *range(5, 1000, 37), 999, 1000):
                times = torch.full((5,), t)
                q = model.q_sample(x0, times, noise) - peer.add_noise(x0, noise, times - 1)
                step = model.p_sample(xt, times, rng=torch.Generator().manual_seed(t))
                expected = peer.step(
                    output, t - 1, xt, generator=torch.Generator().manual_seed(t)
                ).prev_sample
                gap = ((step - expected).abs() / expected.abs().clamp(min=1)).max().item()
                worst["q_sample"] = max(worst["q_sample"], q.abs().max().item())
                worst["one step"] = max(worst["one step"], gap)
            for key, value in worst.items():
                rows[key].add(OURS, seed, value)


class DiffusersUNet(nn.Module):
    """diffusers' UNet2DModel with two resolutions and no attention, called as our networks are."""

    def __init__(self, widths):
        super().__init__()
        from diffusers import UNet2DModel

        self.net = UNet2DModel(
            sample_size=8,
            in_channels=1,
            out_channels=1,
            block_out_channels=widths,
            down_block_types=("DownBlock2D",) * 2,
            up_block_types=("UpBlock2D",) * 2,
            layers_per_block=1,
            norm_num_groups=8,
            add_attention=False,
        )

    def forward(self, x, t):
        return self.net(x, t).sample


def count(net):
    """Number of parameters."""
    return sum(parameter.numel() for parameter in net.parameters())


def step_time(bench, ours):
    """Seconds of a training step of our network and of the one of diffusers whose size is nearest to it."""
    nets = {OURS: ours}
    if bench.peer("diffusers"):
        sizes = [(fine, coarse) for fine in range(8, 49, 8) for coarse in range(fine, 65, 8)]
        nets["diffusers"] = min(map(DiffusersUNet, sizes), key=lambda net: abs(count(net) - count(ours)))
    bench.note("Parameters: " + ", ".join(f"{who} {count(net)}" for who, net in nets.items()) + ".")
    row = bench.row("a step of the U-Net, batch 32", "s", "lower")
    for seed in bench.seeds:
        x = torch.randn(32, 1, 8, 8, generator=torch.Generator().manual_seed(seed))
        models = {who: DDPM(net, linear_schedule(1000), shape=(1, 8, 8)) for who, net in nets.items()}
        works = {who: training_step(model, x) for who, model in models.items()}
        turns = {"n_turns": 1} if bench.quick else {"n_turns": 5, "n_calls": 10}
        for who, seconds in take_turns(works, **turns).items():
            row.add(who, seed, seconds)
