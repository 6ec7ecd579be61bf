"""The network of baselines/mlp.py with ReLU, which is flat below zero, instead of leaky ReLU; tanh at the end.

Source: Glorot, Bordes & Bengio, "Deep sparse rectifier neural networks" (2011).
Settings: size and rate are those of baselines/mlp.py, so that it differs by its activation, and by the steps that this
leaves of the limit.
"""

from mbench.nn import MLP, TorchRegressor, perceptron_step_ms, reference_learning_rate, reference_settings

ACTIVATION_MS = 0.1  # of a step, on one core of a 2026 server CPU, beyond leaky ReLU's


class ReluRegressor(TorchRegressor):
    def make_network(self, n_inputs, n_outputs):
        return MLP(n_inputs, n_outputs, self.width, self.depth, activation="relu")


def build(spec):
    settings = reference_settings(spec, perceptron_step_ms(spec.n_inputs) + ACTIVATION_MS)
    rate = reference_learning_rate(spec.n_inputs, settings["steps"])
    return ReluRegressor(learning_rate=rate, **settings)
