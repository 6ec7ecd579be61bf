"""Features stored at the nodes of three nested grids, interpolated linearly, into a small network; a smoothness prior.

Source: dense grids of features, as in Fridovich-Keil et al., "Plenoxels: radiance fields without neural networks"
(2022), which has the total-variation prior, too; coarse to fine, with a small network behind them, as in Müller et al.,
"Instant neural graphics primitives with a multiresolution hash encoding" (2022).
Beyond three inputs a grid has more nodes than any sample has rows: there it is baselines/mlp.py.
Settings: chosen by the error on fresh points after 1,500 steps from 10,000 points of replicate 1000 of `mandelbrot`
(and `mandelbrot-distance`), in 1e-3; k-NN has 2.5 (7.8). Weight of the prior 0: 3.2, 1e-3: 2.5, 0.01: 2.4, 0.1: 2.2,
1 and 10: 2.2; of absolute differences 2.5 at best, of second ones 2.3 (9.0). Nodes along an axis 1.3 times as close as
the rows are: 2.8 (10.6), 2.5 times: 2.2 (7.9), and whether one, two, three, five or six grids lead up to that changes
0.05. Two features a node; of four 2.2, too. The learning rate is the best of its grid in docs/rates.md.
"""

from functools import partial

import torch
from torch import nn
from torch.nn import functional

from mbench.nn import TorchRegressor, perceptron_step_ms, reference_learning_rate, reference_settings

MOST_INPUTS = 3
N_FEATURES = 2
NODES_PER_ROW = 2.5  # along an axis
MOST_NODES = 2**22
SMOOTHNESS = 1.0


class Roughness(torch.autograd.Function):
    """The mean squared difference of neighbouring nodes, summed over the axes: table (1, c, …) to a number.

    Its gradient is written out: autograd's own, a zero-filled table for every slice, takes four times as long.
    """

    @staticmethod
    def forward(ctx, table):
        total, slope = table.new_zeros(()), torch.zeros_like(table)
        for axis in range(2, table.ndim):
            n = table.shape[axis]
            if n > 1:  # a grid over one input is stored as a row of a plane
                step = table.narrow(axis, 1, n - 1) - table.narrow(axis, 0, n - 1)
                total += step.square().mean()
                step *= 2.0 / step.numel()
                slope.narrow(axis, 1, n - 1).add_(step)
                slope.narrow(axis, 0, n - 1).sub_(step)
        ctx.save_for_backward(slope)
        return total

    @staticmethod
    def backward(ctx, grad):
        return grad * ctx.saved_tensors[0]


class GridEncoding(nn.Module):
    """The inputs and, for every resolution, features interpolated between the nodes of a grid over [-1, 1]^d."""

    def __init__(self, n_inputs, resolutions, smoothness):
        """resolutions: nodes along an axis, at least 2.  smoothness: the weight of `penalty`."""
        super().__init__()
        shapes = [(1, r) if n_inputs == 1 else (r,) * n_inputs for r in resolutions]
        tables = [torch.empty(1, N_FEATURES, *shape).uniform_(-1e-4, 1e-4) for shape in shapes]
        self.tables = nn.ParameterList(tables)
        self.smoothness = smoothness
        self.n_features = n_inputs + N_FEATURES * len(tables)

    def forward(self, x):
        """Return (m, n_features). Input 0 runs along a table's last axis; beyond its ends the outermost node counts."""
        where = functional.pad(x, (0, 1)) if x.shape[1] == 1 else x
        where = where.reshape(1, *[1] * (where.shape[1] - 1), *where.shape)
        features = [
            functional.grid_sample(table, where, padding_mode="border", align_corners=True).flatten(2)[0].T
            for table in self.tables
        ]
        return torch.cat([x, *features], dim=1)

    def penalty(self):
        """Return the weighted roughness of all tables."""
        return self.smoothness * sum(Roughness.apply(table) for table in self.tables)


class GridRegressor(TorchRegressor):
    def penalty(self, X):
        return self.network_[0].penalty()


def choose_resolutions(n_inputs, n_samples):
    """Return nodes along an axis, coarse to fine: a quarter and a sixteenth of the finest grid's before it."""
    finest = min(NODES_PER_ROW * n_samples ** (1 / n_inputs), MOST_NODES ** (1 / n_inputs))
    return sorted({max(4, round(finest / share)) for share in (16, 4, 1)})


def build(spec):
    if spec.n_inputs > MOST_INPUTS:
        plain = reference_settings(spec, perceptron_step_ms(spec.n_inputs))
        rate = reference_learning_rate(spec.n_inputs, plain["steps"])
        return TorchRegressor(learning_rate=rate, **plain)
    resolutions = choose_resolutions(spec.n_inputs, spec.n_samples)
    batch_size = round(10 * spec.n_samples**0.5)
    # One core of a 2026 server CPU: for the loop, for each row, and for the prior and Adam on every feature.
    n_nodes = sum(r**spec.n_inputs for r in resolutions)
    step_ms = 0.95 + 6e-4 * batch_size + 7e-6 * N_FEATURES * n_nodes
    return GridRegressor(
        **reference_settings(spec, step_ms)
        | {
            "features": partial(GridEncoding, resolutions=resolutions, smoothness=SMOOTHNESS),
            "width": 64,
            "depth": 2,
            "learning_rate": 1e-2,
            "batch_size": batch_size,
        }
    )
