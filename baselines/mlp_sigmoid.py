"""The network of baselines/mlp.py with the activation of 1986: sigmoids instead of leaky ReLU, tanh at the end.

Source: Rumelhart, Hinton & Williams, "Learning representations by back-propagating errors" (1986); the first weights
four times as large, against the slope of 1/4, by Glorot & Bengio, "Understanding the difficulty of training deep
feedforward neural networks" (2010).
Settings: size, steps and rate are those of all network baselines (`mbench.nn`), so that it differs from
baselines/mlp.py by its activation and the first weights that go with it alone.
"""

from mbench.nn import MLP, TorchRegressor, reference_learning_rate, reference_settings


class SigmoidRegressor(TorchRegressor):
    def make_network(self, n_inputs, n_outputs):
        return MLP(n_inputs, n_outputs, self.width, self.depth, activation="sigmoid")


def build(spec):
    return SigmoidRegressor(learning_rate=reference_learning_rate(spec.n_inputs), **reference_settings(spec))
