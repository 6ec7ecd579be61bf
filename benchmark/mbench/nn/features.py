"""Fixed features of a single input each: powers and harmonics, without products of different inputs."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn


class TaylorFeatures(nn.Module):
    """Powers of every input: (m, d) to (m, d·orders), columns x₁ … x_d, x₁² … x_d², …, x_d^orders.

    Source: the terms of a Taylor series about 0 without its mixed ones; inputs are expected in [-1, 1].
    """

    def __init__(self, n_inputs: int, orders: int) -> None:
        """orders: >= 1, the highest power; 1 passes the inputs through."""
        super().__init__()
        _check_shape(n_inputs, orders)
        self.orders = orders
        self.n_features = n_inputs * orders

    def forward(self, x: Tensor) -> Tensor:
        """Return the features of x (m, d): (m, n_features)."""
        powers = [x]
        while len(powers) < self.orders:
            powers.append(powers[-1] * x)
        return torch.cat(powers, dim=1)

    def lipschitz_bound(self) -> float:
        """Return the largest slope on [-1, 1]: where every power has its own, at the ends."""
        return math.sqrt(sum(k**2 for k in range(1, self.orders + 1)))


class FourierFeatures(nn.Module):
    """Every input and its harmonics: (m, d) to (m, d·(1 + 2·orders)), period 2, so that [-1, 1] is one turn.

    Columns x₁ … x_d, then k^-falloff · sin(kπx) for k = 1 (x₁ … x_d), 2, … orders, then the cosines likewise.
    Accurate to 1e-6 in float32 up to order 256, where sin of a rounded angle is not (8e-5).
    Source: the one-dimensional terms of a Fourier series, after Tancik et al., "Fourier features let networks learn
    high frequency functions in low dimensional domains" (2020), but along the axes only and at every whole frequency.
    """

    def __init__(self, n_inputs: int, orders: int, falloff: float = 0.0) -> None:
        """orders: >= 1, the highest frequency in turns per interval [-1, 1].

        falloff: 0 for unit amplitudes. 1 gives the harmonics the size they have in a function of bounded variation, so
        that what is learned from few rows is smoother between them.
        """
        super().__init__()
        _check_shape(n_inputs, orders)
        self.orders = orders
        self.falloff = falloff
        self.n_features = n_inputs * (1 + 2 * orders)

    def forward(self, x: Tensor) -> Tensor:
        """Return the features of x (m, d): (m, n_features), a transposed view."""
        return _Harmonics.apply(x.T.contiguous(), self.orders, self.falloff).flatten(0, 1).T

    def lipschitz_bound(self) -> float:
        """Return the slope, the same everywhere: that of a sine and its cosine together is its frequency's."""
        return math.sqrt(1.0 + sum((math.pi * k * k**-self.falloff) ** 2 for k in range(1, self.orders + 1)))


class _Harmonics(torch.autograd.Function):
    """x (d, m) to x itself, its sines and its cosines: (1 + 2·orders, d, m), each order one contiguous block."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, orders: int, falloff: float) -> Tensor:
        out = x.new_empty((1 + 2 * orders, *x.shape))
        sin, cos = out[1 : orders + 1], out[orders + 1 :]
        out[0] = x
        # Orders 1, 2, 4, … from their angles, in turns: scaling by a power of two and taking off whole turns are exact.
        doublings = max(1, (orders - 1).bit_length())
        turns = x * (2.0 ** torch.arange(-1, doublings - 1, dtype=x.dtype, device=x.device))[:, None, None]
        angle = (turns - turns.round()) * (2.0 * math.pi)
        sin_pow, cos_pow = angle.sin(), angle.cos()
        sin[0], cos[0] = sin_pow[0], cos_pow[0]
        # The rest by adding angles, m+1 … 2m from 1 … m, in place: 3 times as fast as a sine for each of 256 orders,
        # and rounding grows only with the logarithm of the order.
        for i in range(doublings):
            m = 2**i
            more = min(m, orders - m)
            low, high = slice(0, more), slice(m, m + more)
            torch.mul(sin[low], cos_pow[i], out=sin[high]).addcmul_(cos[low], sin_pow[i])
            torch.mul(cos[low], cos_pow[i], out=cos[high]).addcmul_(sin[low], sin_pow[i], value=-1)
        if falloff:
            amplitude = _orders(orders, x) ** -falloff
            sin *= amplitude
            cos *= amplitude
        ctx.save_for_backward(out)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        (out,) = ctx.saved_tensors
        orders = len(out) // 2
        sin, cos = out[1 : orders + 1], out[orders + 1 :]
        slope = math.pi * _orders(orders, out) * (grad[1 : orders + 1] * cos - grad[orders + 1 :] * sin)
        return grad[0] + slope.sum(dim=0), None, None


def _orders(orders: int, like: Tensor) -> Tensor:
    return torch.arange(1, orders + 1, dtype=like.dtype, device=like.device)[:, None, None]


def _check_shape(n_inputs: int, orders: int) -> None:
    if n_inputs < 1 or orders < 1:
        raise ValueError(f"n_inputs and orders must be at least 1, got {n_inputs} and {orders}")
