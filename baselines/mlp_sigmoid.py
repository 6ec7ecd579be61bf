"""The network of baselines/mlp.py with the activation of 1986: sigmoids instead of leaky ReLU, tanh at the end.

Source: Rumelhart, Hinton & Williams, "Learning representations by back-propagating errors" (1986); the first weights
four times as large, against the slope of 1/4, by Glorot & Bengio, "Understanding the difficulty of training deep
feedforward neural networks" (2010).
Settings: size and steps are those of baselines/mlp.py, so that it differs by its activation and what goes
with it: the first weights, and the learning rate. 0.03 is the best of its grid in docs/rates.md; on MNIST's 784 inputs
sigmoids saturate at that rate, and 0.01 is the best.
"""

from mbench.nn import MLP, TorchRegressor, perceptron_step_ms, reference_settings

RATE, RATE_TIMES_INPUTS = 0.03, 8.0


class SigmoidRegressor(TorchRegressor):
    def make_network(self, n_inputs, n_outputs):
        return MLP(n_inputs, n_outputs, self.width, self.depth, activation="sigmoid")


def build(spec):
    rate = min(RATE, RATE_TIMES_INPUTS / spec.n_inputs)
    return SigmoidRegressor(learning_rate=rate, **reference_settings(spec, perceptron_step_ms(spec.n_inputs)))
