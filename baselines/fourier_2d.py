"""All products of sines and cosines of the inputs, up to an order, into the network of baselines/mlp.py.

Source: the terms of a Fourier series in several variables as features, as in the video that mbench takes up.
Settings: amplitudes are 1, whatever the order, as there. Up to three inputs as many orders as the sample bears
(`mbench.nn.fourier_orders`, as baselines/fourier.py), and no more than give 1,100 features: 16 of two inputs (1,090
features), 4 of three (731). Beyond, the products are too many, and the features are those of baselines/fourier.py, one
input at a time. Size and rate are those of baselines/mlp.py; the steps are what the products leave of the limit.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from mbench.nn import (
    FourierFeatures,
    TorchRegressor,
    fourier_orders,
    perceptron_step_ms,
    reference_learning_rate,
    reference_settings,
)

MAX_PRODUCTS = 1_100
PRODUCTS_MS = 0.2  # of a step, on one core of a 2026 server CPU


def product_orders(n_inputs, n_samples):
    """Return the highest order the sample bears whose products of sines and cosines are at most MAX_PRODUCTS."""
    affordable = int((MAX_PRODUCTS ** (1.0 / n_inputs) - 1.0) / 2.0)
    return min(affordable, fourier_orders(n_inputs, n_samples))


class ProductFeatures(nn.Module):
    """x (m, d) to x itself and every product over its columns of 1, sin(kπxᵢ) or cos(kπxᵢ), k = 1 … orders.

    The product of ones alone is left out: n_features = d + (1 + 2·orders)ᵈ - 1.
    """

    def __init__(self, n_inputs, orders):
        """orders: the highest frequency, in turns per interval [-1, 1]."""
        super().__init__()
        self.harmonics = FourierFeatures(n_inputs, orders)
        self.n_features = n_inputs + (1 + 2 * orders) ** n_inputs - 1

    def forward(self, x):
        n_inputs = x.shape[1]
        factors = self.harmonics(x)[:, n_inputs:].unflatten(1, (-1, n_inputs)).unbind(dim=2)
        products = x.new_ones((len(x), 1))
        for factor in factors:
            factor = torch.cat([torch.ones_like(factor[:, :1]), factor], dim=1)
            products = (products[:, :, None] * factor[:, None, :]).flatten(1)
        return torch.cat([x, products[:, 1:]], dim=1)


def make_features(n_inputs, n_samples):
    """Return the products up to three inputs, and beyond each input's own harmonics."""
    if n_inputs > 3:
        return FourierFeatures(n_inputs, fourier_orders(n_inputs, n_samples))
    return ProductFeatures(n_inputs, product_orders(n_inputs, n_samples))


def build(spec):
    n_features = make_features(spec.n_inputs, spec.n_samples).n_features
    settings = reference_settings(spec, perceptron_step_ms(n_features) + PRODUCTS_MS)
    rate = reference_learning_rate(n_features, settings["steps"])
    features = partial(make_features, n_samples=spec.n_samples)
    return TorchRegressor(features=features, learning_rate=rate, **settings)
