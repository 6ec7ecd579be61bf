"""A network of complex Gabor wavelets: waves under a Gaussian window, local in place and in frequency.

Source: Saragadam et al., "WIRE: wavelet implicit neural representations" (2023): exp(j·w0·z - s0²·|z|²) of complex sums
z, whose real part is the answer. The first weights are PyTorch's own, as there, and the width is divided by sqrt(2), as
there, so that as many real numbers are learned as by the other networks.
Settings: w0 = 5 and s0 = 5; the window must fall off as fast as the wave of a complex argument grows, or a wavelet
reaches exp(w0² / 4 s0²): with 10 and 2, 500, and predictions were hundreds of times too large. With 10 and 10 nothing
was learned of 2,000 points of a sphere. Beyond three inputs a sample of any size is sparse, and the first layer has
w0 = s0 = 1. The learning rate is 1e-3, of 3e-4 and 1e-3 the better on the sphere (0.053 of the variance unexplained
against 0.078), in a replicate that is not recorded. A step takes longer than another network's, so there are fewer
where the limit asks for it.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from mbench.nn import TorchRegressor, affordable_steps, reference_settings

W0 = 5.0
S0 = 5.0
RATE = 1e-3
STEP_MS = 2.6  # on one core of a 2026 server CPU; a fit may take a third of the limit


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
        bound = 1.0 / math.sqrt(n_inputs)
        self.real = nn.Parameter(torch.empty(n_outputs, n_inputs).uniform_(-bound, bound))
        self.imaginary = nn.Parameter(torch.empty(n_outputs, n_inputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(2 * n_outputs).uniform_(-bound, bound))

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
    settings = reference_settings(spec)
    settings["steps"] = min(settings["steps"], affordable_steps(spec.fit_limit_s, STEP_MS))
    return WireRegressor(learning_rate=RATE, **settings)
