"""A perceptron whose every layer sees the two layers before it and the inputs themselves, side by side.

Source: the network with skip connections of the video that mbench takes up; skipping layers by concatenation is Huang
et al., "Densely connected convolutional networks" (2017), here two layers back instead of all.
Settings: 4 hidden layers of 128 units, leaky ReLU, tanh at the end. Size and rate are those of baselines/mlp.py, so
that it differs by the connections, and by the steps that these leave of the limit.
"""

from __future__ import annotations

import torch
from torch import nn

from mbench.nn import TorchRegressor, perceptron_step_ms, reference_learning_rate, reference_settings

LEAK = 0.01
# Of a step, on one core of a 2026 server CPU: the layers are as many as the perceptron's, and twice as wide.
JOINS_MS, JOINS_MS_PER_INPUT = 0.9, 8e-3


class SkipMLP(nn.Module):
    def __init__(self, n_inputs, n_outputs, width, depth):
        """width: units of a hidden layer.  depth: hidden layers."""
        super().__init__()
        n_seen = [n_inputs + width * min(layer, 2) for layer in range(depth + 1)]
        self.hidden = nn.ModuleList(nn.Linear(n, width) for n in n_seen[:-1])
        for layer in self.hidden:
            nn.init.kaiming_normal_(layer.weight, a=LEAK)
        self.last = nn.Linear(n_seen[-1], n_outputs)

    def forward(self, x):
        seen = [x]
        for layer in self.hidden:
            new = nn.functional.leaky_relu(layer(torch.cat(seen, dim=1)), LEAK)
            seen = [x, *seen[1:], new] if len(seen) < 3 else [x, seen[2], new]
        return torch.tanh(self.last(torch.cat(seen, dim=1)))


class SkipRegressor(TorchRegressor):
    def make_network(self, n_inputs, n_outputs):
        return SkipMLP(n_inputs, n_outputs, self.width, self.depth)


def build(spec):
    joins_ms = JOINS_MS + JOINS_MS_PER_INPUT * spec.n_inputs
    settings = reference_settings(spec, perceptron_step_ms(spec.n_inputs) + joins_ms)
    rate = reference_learning_rate(spec.n_inputs, settings["steps"])
    return SkipRegressor(learning_rate=rate, **settings)
