"""The powers of each input up to the eighth, without products of inputs, into the network of baselines/mlp.py.

Source: the one-dimensional terms of a Taylor series as features, as in the video that mbench takes up.
Settings: 8 orders. Size and rate are those of baselines/mlp.py; the steps are what its own features leave of the limit.
"""

from mbench.nn import TorchRegressor, perceptron_step_ms, reference_learning_rate, reference_settings

ORDERS = 8


def build(spec):
    n_features = ORDERS * spec.n_inputs
    settings = reference_settings(spec, perceptron_step_ms(n_features))
    rate = reference_learning_rate(n_features, settings["steps"])
    return TorchRegressor(features="taylor", orders=ORDERS, learning_rate=rate, **settings)
