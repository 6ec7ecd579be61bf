"""Powers of each input up to the eighth, then the same network as baselines/mlp.py."""

from mbench.nn import TorchRegressor, reference_settings


def build(spec):
    return TorchRegressor(features="taylor", orders=8, learning_rate=3e-3, **reference_settings(spec))
