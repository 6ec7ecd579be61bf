"""A network of complex Gabor wavelets: waves under a Gaussian window, local in place and in frequency.

Source: Saragadam et al., "WIRE: wavelet implicit neural representations" (2023): exp(j·w0·z - s0²·|z|²) of complex sums
z, whose real part is the answer. The first weights are PyTorch's own, as there, and the width is divided by sqrt(2), as
there, so that as many real numbers are learned as by the other networks.
Settings: w0 = 20 and s0 = 10. The window has to fall off as fast as the wave of a complex argument grows, or a wavelet
reaches exp(w0² / 4 s0²): with 10 and 2, 500, and predictions were hundreds of times too large. And it has to be open to
begin with: the hidden layers' first weights are PyTorch's own divided by s0. Without that, and w0 = s0 = 5, the skill
on a sphere was 44 and on Friedman #1 22; with it 138 and 200. Of (w0, s0) in (5, 5), (10, 10) and (20, 10) the last is
the best on the Mandelbrot set (90, 92, 100), in a replicate that is not recorded. Beyond three inputs a sample of any
size is sparse, and the first layer has w0 = s0 = 1. A step takes three of the perceptron's, so there are fewer.
The learning rate is the best of its grid in docs/rates.md.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from mbench.nn import TorchRegressor, reference_settings

W0 = 20.0
S0 = 10.0
RATE = 1e-3
STEP_MS, STEP_MS_PER_INPUT = 5.1, 4e-3  # on one core of a 2026 server CPU


def first_scales(n_inputs):
    """Return w0 and s0 of the first layer: the hidden layers' for up to three inputs, 1 and 1 beyond."""
    return (W0, S0) if n_inputs <= 3 else (1.0, 1.0)


def gabor(real, imaginary, w0, s0):
    """Return the real and the imaginary part of exp(j·w0·z - s0²·|z|²) for z = real + j·imaginary."""
    size = torch.exp(-w0 * imaginary - s0**2 * (real**2 + imaginary**2))
    return size * torch.cos(w0 * real), size * torch.sin(w0 * real)


class FirstLayer(nn.Module):
    """A real linear layer; its wavelets are pairs (m, 2·width): real parts, then imaginary ones."""

    def __init__(self, n_inputs, width):
        """width: wavelets."""
        super().__init__()
        self.w0, self.s0 = first_scales(n_inputs)
        self.linear = nn.Linear(n_inputs, width)

    def forward(self, x):
        z = self.linear(x)
        return torch.cat(gabor(z, torch.zeros_like(z), self.w0, self.s0), dim=1)


class ComplexLinear(nn.Module):
    """A complex linear layer on pairs: (m, 2·n_inputs) to (m, 2·n_outputs)."""

    def __init__(self, n_inputs, n_outputs):
        """n_inputs, n_outputs: complex numbers, each a real and an imaginary column."""
        super().__init__()
        usual = 1.0 / math.sqrt(n_inputs)
        bound = usual / S0  # or the windows behind this layer start closed
        self.real = nn.Parameter(torch.empty(n_outputs, n_inputs).uniform_(-bound, bound))
        self.imaginary = nn.Parameter(torch.empty(n_outputs, n_inputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(2 * n_outputs).uniform_(-usual, usual))

    def forward(self, x):
        above = torch.cat([self.real, -self.imaginary], dim=1)
        below = torch.cat([self.imaginary, self.real], dim=1)
        return nn.functional.linear(x, torch.cat([above, below]), self.bias)


class HiddenLayer(nn.Module):
    def __init__(self, width):
        """width: wavelets."""
        super().__init__()
        self.w0, self.s0 = W0, S0
        self.linear = ComplexLinear(width, width)

    def forward(self, x):
        return torch.cat(gabor(*self.linear(x).chunk(2, dim=1), self.w0, self.s0), dim=1)


class RealPart(nn.Module):
    def forward(self, x):
        return x.chunk(2, dim=1)[0]


class WireRegressor(TorchRegressor):
    def make_network(self, n_inputs, n_outputs):
        width = round(self.width / math.sqrt(2.0))
        hidden = [HiddenLayer(width) for _ in range(self.depth - 1)]
        return nn.Sequential(FirstLayer(n_inputs, width), *hidden, ComplexLinear(width, n_outputs), RealPart())


def build(spec):
    settings = reference_settings(spec, STEP_MS + STEP_MS_PER_INPUT * spec.n_inputs)
    return WireRegressor(learning_rate=RATE, **settings)
