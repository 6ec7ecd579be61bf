"""The powers of each input up to the eighth into ONE linear layer: a polynomial of each input, and their sum.

Source: the single layer on Taylor features of the video that mbench takes up.
Settings: 8 orders, as baselines/taylor.py, and many more steps, since one costs so little. There is no hidden layer
and no tanh, so that it tends to the least squares solution, slowly: high powers are nearly parallel. The learning rate
is the best of its grid in docs/rates.md; the networks' rate would leave it further from its end.
"""

from torch import nn

from mbench.nn import TaylorFeatures, TorchRegressor, reference_settings

ORDERS = 8
RATE = 0.03
STEP_MS, STEP_MS_PER_FEATURE = 0.35, 1.3e-3  # on one core of a 2026 server CPU


class TaylorRegressor(TorchRegressor):
    def make_network(self, n_inputs, n_outputs):
        features = TaylorFeatures(n_inputs, self.orders)
        return nn.Sequential(features, nn.Linear(features.n_features, n_outputs))


def build(spec):
    settings = reference_settings(spec, STEP_MS + STEP_MS_PER_FEATURE * ORDERS * spec.n_inputs)
    return TaylorRegressor(orders=ORDERS, learning_rate=RATE, **settings)
