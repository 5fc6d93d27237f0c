"""The flows of normflows and nflows with our couplings' sizes, under the verbs of the course."""

import torch
from torch import nn

from benchmarks.harness import OURS


class Peer(nn.Module):
    """Another library's flow under our verbs; prepare: a flow of ours that goes before it, or None."""

    def __init__(self, flow, prepare=None):
        super().__init__()
        self.flow, self.prepare = flow, prepare

    def log_prob(self, x):
        if self.prepare is None:
            return self.flow.log_prob(x)
        with torch.no_grad():
            z, log_det = self.prepare(x)
        return self.flow.log_prob(z) + log_det

    def loss(self, x, *, rng=None):
        if self.prepare is not None:
            x = x + torch.rand(x.shape, generator=rng)
        return -self.log_prob(x).mean()

    def discrete_log_prob(self, x, *, condition=None, rng=None):
        return self.log_prob(x + torch.rand(x.shape, generator=rng))


def normflows_flow(n_features, hidden, n_layers=8):
    import normflows as nf

    half, layers = n_features // 2, []
    for _ in range(n_layers):
        layers.append(nf.flows.AffineCouplingBlock(nf.nets.MLP([half, *hidden, 2 * half], init_zeros=True)))
        layers.append(nf.flows.Permute(n_features, mode="swap"))
    return nf.NormalizingFlow(nf.distributions.base.DiagGaussian(n_features, trainable=False), layers)


def nflows_flow(n_features, hidden, n_layers=8):
    from nflows.distributions.normal import StandardNormal
    from nflows.flows.base import Flow as NFlow
    from nflows.transforms.base import CompositeTransform
    from nflows.transforms.coupling import AffineCouplingTransform

    class Network(nn.Sequential):
        def __init__(self, n_in, n_out):
            layers = []
            for wide in hidden:
                layers += [nn.Linear(n_in, wide), nn.ReLU()]
                n_in = wide
            super().__init__(*layers, nn.Linear(n_in, n_out))

        def forward(self, x, context=None):
            return super().forward(x)

    class Coupling(AffineCouplingTransform):
        # The default scale, sigmoid(u + 2), never exceeds 1.001: a density thinner than the noise is out of
        # reach (1.6 nats above the truth). This is the alternative that its source keeps as a comment.
        def _scale_and_shift(self, parameters):
            shift, raw = parameters.chunk(2, dim=1)
            return (nn.functional.softplus(raw) + 1e-3).clamp(0, 3), shift

    first = torch.arange(n_features) < n_features // 2
    layers = [Coupling((first if i % 2 else ~first).long(), Network) for i in range(n_layers)]
    return NFlow(CompositeTransform(layers), StandardNormal([n_features]))


PEERS = {"normflows": normflows_flow, "nflows": nflows_flow}


def builders(bench, ours, **sizes):
    """name -> function that builds the flow; the peers that are installed."""
    found = {name: build for name, build in PEERS.items() if bench.peer(name)}
    return {OURS: ours} | {name: lambda b=build: b(**sizes) for name, build in found.items()}
