"""Features in hash tables, one a resolution, interpolated linearly, into a small network; with a smoothness prior.

Source: Müller, Evans, Schied & Keller, "Instant neural graphics primitives with a multiresolution hash encoding"
(2022); the prior is total variation, squared, as in Fridovich-Keil et al., "Plenoxels" (2022).
Beyond four inputs, where a cell has too many corners, it is baselines/mlp.py.
Settings: six resolutions from 16 cells along an axis to 2.5 times the rows', two features each, with the prior of
baselines/dense_grid.py, where it was searched. The prior is asked at random points of the box, as many as rows in the
batch: a shared table has no neighbours of its own. On 10,000 points of replicate 1000 of `mandelbrot` 16,384 entries a
resolution left an error of 2.45e-3 on fresh points, 32,768 one of 2.35e-3; k-NN has 2.52e-3. Three entries a row keep a
grid over one input whole. The learning rate is the best of its grid in docs/rates.md.
"""

import math
from functools import partial

import torch
from torch import nn

from mbench.nn import TorchRegressor, perceptron_step_ms, reference_learning_rate, reference_settings

MOST_INPUTS = 4  # a cell has 2^d corners
N_FEATURES = 2
PRIMES = (1, 2_654_435_761, 805_459_861, 3_674_653_429)  # the paper's
SMOOTHNESS = 1.0
COARSEST = 16
N_LEVELS = 6
CELLS_PER_ROW = 2.5  # along an axis
ENTRIES_PER_ROW = 3
MOST_ENTRIES = 2**19


class HashEncoding(nn.Module):
    """The inputs and, for every resolution, features interpolated between the corners of the cell in [-1, 1]^d."""

    def __init__(self, n_inputs, resolutions, table_size, smoothness):
        """resolutions: cells along an axis, ascending.  table_size: a power of two, entries of a resolution at most.

        A grid of more nodes than that shares entries among them.  smoothness: the weight of `penalty`.
        """
        super().__init__()
        sizes = [min(table_size, (r + 1) ** n_inputs) for r in resolutions]
        self.table = nn.Parameter(torch.empty(sum(sizes), N_FEATURES).uniform_(-1e-4, 1e-4))
        self.smoothness = smoothness
        self.n_features = n_inputs + N_FEATURES * len(sizes)
        self.n_whole = sum((r + 1) ** n_inputs <= table_size for r in resolutions)
        self.mask = table_size - 1
        places = [[(r + 1) ** axis for axis in range(n_inputs)] for r in resolutions[: self.n_whole]]
        hashes = [PRIMES[:n_inputs]] * (len(sizes) - self.n_whole)
        self.register_buffer("cells", torch.tensor(resolutions)[:, None])
        self.register_buffer("starts", torch.tensor([0, *sizes[:-1]]).cumsum(0)[:, None])
        self.register_buffer("strides", torch.tensor([*places, *hashes]))

    def corner_features(self, x):
        """Return what the corners hold (m, levels, 2^d, features) and their weights (m, levels, 2^d) for x (m, d)."""
        scaled = ((x + 1) / 2).clamp(0, 1)[:, None] * self.cells
        # The last node belongs to the cell before it.
        lower = torch.minimum(scaled.floor().long(), self.cells - 1)
        share = scaled - lower
        whole = hashed = self.cells.new_zeros(1)
        weights = share.new_ones(1)
        for axis in range(x.shape[1]):
            side = torch.stack([lower[..., axis], lower[..., axis] + 1], dim=-1) * self.strides[:, axis, None]
            whole = (whole[..., None] + side[:, : self.n_whole, None]).flatten(2)
            hashed = (hashed[..., None] ^ side[:, self.n_whole :, None]).flatten(2)
            towards = torch.stack([1 - share[..., axis], share[..., axis]], dim=-1)
            weights = (weights[..., None] * towards[:, :, None]).flatten(2)
        entries = torch.cat([whole, hashed & self.mask], dim=1) + self.starts
        return self.table[entries], weights

    def forward(self, x):
        """Return (m, n_features) for x (m, d); beyond the ends of [-1, 1] the outermost node counts."""
        features, weights = self.corner_features(x)
        return torch.cat([x, (features * weights[..., None]).sum(dim=2).flatten(1)], dim=1)

    def penalty(self, x):
        """Return the weighted mean squared difference along the edges of the cells of x (m, d), summed over axes."""
        features, _ = self.corner_features(x)
        m, n_levels, _, n_features = features.shape
        d = x.shape[1]
        cube = features.reshape(m, n_levels, *[2] * d, n_features)
        steps = [cube.select(axis, 1) - cube.select(axis, 0) for axis in range(2, 2 + d)]
        return self.smoothness * n_levels * sum(step.square().mean() for step in steps)


class HashGridRegressor(TorchRegressor):
    def penalty(self, X):
        # Anywhere, not at the rows: what lies between them is to be smooth. The trainer has seeded the generator.
        anywhere = 2 * torch.rand(X.shape).to(X.device) - 1
        return self.network_[0].penalty(anywhere)


def choose_resolutions(n_inputs, n_samples):
    """Return cells along an axis, coarse to fine, each the same factor finer than the one before."""
    finest = max(2 * COARSEST, CELLS_PER_ROW * n_samples ** (1 / n_inputs))
    return [round(COARSEST * (finest / COARSEST) ** (level / (N_LEVELS - 1))) for level in range(N_LEVELS)]


def build(spec):
    if spec.n_inputs > MOST_INPUTS:
        plain = reference_settings(spec, perceptron_step_ms(spec.n_inputs))
        rate = reference_learning_rate(spec.n_inputs, plain["steps"])
        return TorchRegressor(learning_rate=rate, **plain)
    resolutions = choose_resolutions(spec.n_inputs, spec.n_samples)
    table_size = min(2 ** math.ceil(math.log2(ENTRIES_PER_ROW * spec.n_samples)), MOST_ENTRIES)
    batch_size = round(10 * spec.n_samples**0.5)
    # One core of a 2026 server CPU: for the loop, for each gathered corner, and for Adam.
    n_entries = sum(min(table_size, (r + 1) ** spec.n_inputs) for r in resolutions)
    step_ms = 1.0 + 2.1e-4 * batch_size * N_LEVELS * 2**spec.n_inputs + 7e-6 * N_FEATURES * n_entries
    return HashGridRegressor(
        **reference_settings(spec, step_ms)
        | {
            "features": partial(HashEncoding, resolutions=resolutions, table_size=table_size, smoothness=SMOOTHNESS),
            "width": 64,
            "depth": 2,
            "learning_rate": 1e-2,
            "batch_size": batch_size,
        }
    )
