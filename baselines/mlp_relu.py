"""The network of baselines/mlp.py with ReLU, which is flat below zero, instead of leaky ReLU; tanh at the end.

Source: Glorot, Bordes & Bengio, "Deep sparse rectifier neural networks" (2011).
Settings: size, steps and rate are those of all network baselines (`mbench.nn`), so that it differs from
baselines/mlp.py by its activation alone.
"""

from mbench.nn import MLP, TorchRegressor, reference_learning_rate, reference_settings


class ReluRegressor(TorchRegressor):
    def make_network(self, n_inputs, n_outputs):
        return MLP(n_inputs, n_outputs, self.width, self.depth, activation="relu")


def build(spec):
    return ReluRegressor(learning_rate=reference_learning_rate(spec.n_inputs), **reference_settings(spec))
