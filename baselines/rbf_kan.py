"""A Kolmogorov-Arnold network: every edge has a learned function of one number, a sum of Gaussian bumps.

Source: Liu et al., "KAN: Kolmogorov-Arnold networks" (2024); bumps in place of its splines and layer normalisation in
place of its moving grids: Li, "Kolmogorov-Arnold networks are radial basis function networks" (FastKAN, 2024).
Settings: 8 bumps an edge, as FastKAN; 32 in the first layer memorised 10,000 points of replicate 1000 of `mandelbrot`
(error on fresh points 6.5e-3 instead of 2.9e-3). Three hidden layers of 64 units; the first layer sees the inputs
as they are, for two of them normalised by row are only a sign. Bumps start at a tenth of an ordinary layer's size:
at full size ten inputs became a rough function that training bent through the sample (fraction of variance
unexplained on `friedman` 1.6 instead of 0.014), at the price of 3.4e-3 instead of 2.9e-3 above. The learning rate is
the best of its grid in docs/rates.md, and falls for many bumps as the reference's for many features.
"""

import torch
from torch import nn
from torch.nn import functional

from mbench.nn import TorchRegressor, reference_learning_rate, reference_settings

START = 0.1
N_CENTRES = 8  # FastKAN's


class KanLayer(nn.Module):
    """y_j = Σ_i φ_ij(x_i) with φ(x) = a·silu(x) + Σ_c w_c exp(-((x - centre_c) / spacing)²), and a bias."""

    def __init__(self, n_inputs, n_outputs, n_centres, reach):
        """n_centres: bumps of an edge, evenly over [-reach, reach]."""
        super().__init__()
        self.base = nn.Linear(n_inputs, n_outputs)
        self.bumps = nn.Linear(n_inputs * n_centres, n_outputs, bias=False)
        # About two bumps answer to any one number, so START is their part of an ordinary layer's signal.
        nn.init.normal_(self.bumps.weight, std=START * (2.0 * n_inputs) ** -0.5)
        self.spacing = 2.0 * reach / (n_centres - 1)
        self.register_buffer("centres", torch.linspace(-reach, reach, n_centres))

    def forward(self, x):
        bumps = torch.exp(-(((x[..., None] - self.centres) / self.spacing) ** 2))
        return self.base(functional.silu(x)) + self.bumps(bumps.flatten(1))


class KanRegressor(TorchRegressor):
    def make_network(self, n_inputs, n_outputs):
        layers = [KanLayer(n_inputs, self.width, N_CENTRES, 1.0)]
        for fan_out in [self.width] * (self.depth - 1) + [n_outputs]:
            layers += [nn.LayerNorm(self.width), KanLayer(self.width, fan_out, N_CENTRES, 2.0)]
        return nn.Sequential(*layers)


def build(spec):
    width, depth = 64, 3
    n_weights = (N_CENTRES + 1) * width * (spec.n_inputs + (depth - 1) * width + spec.n_outputs)
    # One core of a 2026 server CPU; the bumps cost about as much for each unit as their weights do.
    step_ms = 2.2 + 40e-6 * n_weights
    settings = reference_settings(spec, step_ms) | {"width": width, "depth": depth}
    rate = reference_learning_rate(N_CENTRES * spec.n_inputs, settings["steps"])
    return KanRegressor(learning_rate=rate, **settings)
