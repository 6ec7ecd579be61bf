"""A network of sines whose frequency grows with their argument, its first biases spread to offer many frequencies.

Source: Liu et al., "FINER: flexible spectral-bias tuning in implicit neural representation by variable-periodic
activation functions" (2024): sin(w0 · (|z| + 1) · z), first biases uniform within k, all else as baselines/siren.py.
Settings: size and w0 of baselines/siren.py, for its reasons, but 15 in the first layer for up to three inputs:
|z| + 1 about doubles the frequencies there, and with 30 the error on 2,000 points of a sphere was 25 times k-NN's. k is
1, since larger ones are for images whose every pixel is seen. The learning rate is the best of its grid in
docs/rates.md.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from mbench.nn import TorchRegressor, perceptron_step_ms, reference_settings

W0 = 30.0
FIRST_W0 = 15.0
BIAS = 1.0
RATE = 1e-4
SINES_MS = 0.75  # of a step, on one core of a 2026 server CPU, beyond the perceptron's


def first_w0(n_inputs):
    """Return the first layer's w0: the paper's for up to three inputs; beyond, what gives sums of 1/3 radian."""
    return FIRST_W0 if n_inputs <= 3 else math.sqrt(n_inputs)


def variable_sine(z, w0):
    """Return sin(w0 · (|z| + 1) · z), whose frequency grows with |z|."""
    return torch.sin(w0 * (z.abs() + 1.0) * z)


class VariableSine(nn.Module):
    def __init__(self, n_inputs, width, w0, bound):
        """bound: of the first weights."""
        super().__init__()
        self.w0 = w0
        self.linear = nn.Linear(n_inputs, width)
        nn.init.uniform_(self.linear.weight, -bound, bound)

    def forward(self, x):
        return variable_sine(self.linear(x), self.w0)


class FinerRegressor(TorchRegressor):
    def make_network(self, n_inputs, n_outputs):
        bound = math.sqrt(6.0 / self.width) / W0
        first = VariableSine(n_inputs, self.width, first_w0(n_inputs), 1.0 / n_inputs)
        nn.init.uniform_(first.linear.bias, -BIAS, BIAS)
        hidden = [VariableSine(self.width, self.width, W0, bound) for _ in range(self.depth - 1)]
        last = nn.Linear(self.width, n_outputs)
        nn.init.uniform_(last.weight, -bound, bound)
        return nn.Sequential(first, *hidden, last)


def build(spec):
    settings = reference_settings(spec, perceptron_step_ms(spec.n_inputs) + SINES_MS)
    return FinerRegressor(learning_rate=RATE, **settings)
