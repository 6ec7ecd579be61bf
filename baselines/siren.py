"""A network of sines from the inputs on, with the first weights that keep the size of its sums from layer to layer.

Source: Sitzmann et al., "Implicit neural representations with periodic activation functions" (2020): sin(w0 · z), first
weights uniform within 1 / inputs, the others within sqrt(6 / units) / w0, w0 = 30, no activation at the end.
Settings: 4 hidden layers of 128 units, and the steps that a sine in place of a kink leaves of the limit. w0 is
the paper's 30 in every layer for up to three inputs. Beyond, a sample of any size is sparse and the first layer's w0 is
the root of the number of inputs, which makes its sums about 1/3 radian: with 30 the error on Friedman #1 was the
mean's, with sqrt(10) a hundredth of k-NN's. The learning rate is the best of its grid in docs/rates.md, and so is the
weight decay: without it more steps learn a sphere of 2,000 points by heart. It is less for more than 2,700 steps, so
that all of them together shrink a weight no more than was tried.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from mbench.nn import TorchRegressor, perceptron_step_ms, reference_settings

W0 = 30.0
RATE = 3e-4
DECAY, DECAY_STEPS = 1.0, 2_700
SINES_MS = 0.5  # of a step, on one core of a 2026 server CPU, beyond the perceptron's


def first_w0(n_inputs):
    """Return the first layer's w0: the paper's for up to three inputs; beyond, what gives sums of 1/3 radian."""
    return W0 if n_inputs <= 3 else math.sqrt(n_inputs)


class Sine(nn.Module):
    """A linear layer and sin(w0 · z), with the weights' bounds that keep every layer's sums alike."""

    def __init__(self, n_inputs, width, w0, bound):
        """bound: of the first weights."""
        super().__init__()
        self.w0 = w0
        self.linear = nn.Linear(n_inputs, width)
        nn.init.uniform_(self.linear.weight, -bound, bound)

    def forward(self, x):
        return torch.sin(self.w0 * self.linear(x))


class SirenRegressor(TorchRegressor):
    def make_network(self, n_inputs, n_outputs):
        bound = math.sqrt(6.0 / self.width) / W0
        layers = [Sine(n_inputs, self.width, first_w0(n_inputs), 1.0 / n_inputs)]
        layers += [Sine(self.width, self.width, W0, bound) for _ in range(self.depth - 1)]
        last = nn.Linear(self.width, n_outputs)
        nn.init.uniform_(last.weight, -bound, bound)
        return nn.Sequential(*layers, last)


def build(spec):
    settings = reference_settings(spec, perceptron_step_ms(spec.n_inputs) + SINES_MS)
    decay = DECAY * min(1.0, DECAY_STEPS / settings["steps"])
    return SirenRegressor(learning_rate=RATE, weight_decay=decay, **settings)
