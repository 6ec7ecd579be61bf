"""Sines and cosines along random directions, at Gaussian frequencies, into the network of baselines/mlp.py.

Source: Tancik et al., "Fourier features let networks learn high frequency functions in low dimensional domains" (2020).
Settings: 256 frequencies, as there. Their standard deviation decides what the network makes of the space between the
points. It is chosen on a held-out fifth of the sample, after a tenth of the steps, among six a factor of 2 apart by the
root of the number of inputs, which keeps the angle between two points about the same. The size is that of
baselines/mlp.py; the steps are what the trials leave of the limit. The learning rate is the best of its grid in
docs/rates.md.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import torch
from torch import nn

from mbench.nn import MLP, TorchRegressor, perceptron_step_ms, reference_settings

N_FREQUENCIES = 256
RATE = 1e-3
SCALES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0)  # by the root of the number of inputs
TRIAL_SHARE = 0.1  # of the steps, a scale


class GaussianFeatures(nn.Module):
    """x (m, d) to the sines and cosines of 2πBx: (m, 2·n_frequencies), B (n_frequencies, d) drawn from N(0, scale²)."""

    def __init__(self, n_inputs, scale, n_frequencies=N_FREQUENCIES):
        """scale: the standard deviation of the frequencies, in turns per unit of length."""
        super().__init__()
        self.n_features = 2 * n_frequencies
        self.register_buffer("turns", scale * torch.randn(n_frequencies, n_inputs))

    def forward(self, x):
        angle = 2.0 * math.pi * (x @ self.turns.T)
        return torch.cat([angle.sin(), angle.cos()], dim=1)


class GaussianRegressor(TorchRegressor):
    def fit(self, X, y, snapshot=None):
        self.scale_ = self._choose_scale(np.asarray(X), np.asarray(y))
        return super().fit(X, y, snapshot)

    def make_network(self, n_inputs, n_outputs):
        features = GaussianFeatures(n_inputs, self.scale_)
        return nn.Sequential(features, MLP(features.n_features, n_outputs, self.width, self.depth))

    def _choose_scale(self, X, y):
        """Return the scale that foretells a fifth of the rows best from the others after a tenth of the steps."""
        rows = np.random.default_rng(self.random_state).permutation(len(X))
        held_out, kept = np.split(rows, [max(1, len(X) // 5)])
        errors = []
        for scale in np.array(SCALES) / math.sqrt(X.shape[1]):
            shorter = {
                "features": partial(GaussianFeatures, scale=scale),
                "steps": max(1, round(TRIAL_SHARE * self.steps)),
            }
            trial = TorchRegressor(**{**self.get_params(), **shorter}).fit(X[kept], y[kept])
            errors.append((np.mean((trial.predict(X[held_out]) - y[held_out]) ** 2), scale))
        return min(errors)[1]


def build(spec):
    with_trials = perceptron_step_ms(2 * N_FREQUENCIES) * (1.0 + TRIAL_SHARE * len(SCALES))
    return GaussianRegressor(learning_rate=RATE, **reference_settings(spec, with_trials))
