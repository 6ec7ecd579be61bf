"""The network of baselines/mlp.py with the activation of 1986: sigmoids instead of leaky ReLU, tanh at the end.

Source: Rumelhart, Hinton & Williams, "Learning representations by back-propagating errors" (1986); the first weights
four times as large, against the slope of 1/4, by Glorot & Bengio, "Understanding the difficulty of training deep
feedforward neural networks" (2010).
Settings: size and steps are those of all network baselines (`mbench.nn`), so that it differs from baselines/mlp.py by
its activation and what goes with it: the first weights, and a learning rate of 0.03, the best of its grid in
docs/rates.md.
"""

from mbench.nn import MLP, TorchRegressor, reference_settings

RATE = 0.03


class SigmoidRegressor(TorchRegressor):
    def make_network(self, n_inputs, n_outputs):
        return MLP(n_inputs, n_outputs, self.width, self.depth, activation="sigmoid")


def build(spec):
    return SigmoidRegressor(learning_rate=RATE, **reference_settings(spec))
