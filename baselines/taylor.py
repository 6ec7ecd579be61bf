"""The powers of each input up to the eighth, without products of inputs, into the network of baselines/mlp.py.

Source: the one-dimensional terms of a Taylor series as features, as in the video that mbench takes up.
Settings: 8 orders. Size, steps and rate are those of all network baselines (`mbench.nn`), so that what this
one gains on the plain network is what the powers are worth.
"""

from mbench.nn import TorchRegressor, reference_learning_rate, reference_settings

ORDERS = 8


def build(spec):
    rate = reference_learning_rate(ORDERS * spec.n_inputs)
    return TorchRegressor(features="taylor", orders=ORDERS, learning_rate=rate, **reference_settings(spec))
