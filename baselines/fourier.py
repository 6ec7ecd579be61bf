"""Sines and cosines of each input, then the same network as baselines/mlp.py."""

from mbench.nn import TorchRegressor, reference_orders, reference_settings


def build(spec):
    orders = reference_orders(spec.n_inputs)
    return TorchRegressor(features="fourier", orders=orders, learning_rate=1e-3, **reference_settings(spec))
