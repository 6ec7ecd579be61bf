"""The powers of each input up to the eighth into ONE linear layer: a polynomial of each input, and their sum.

Source: the single layer on Taylor features of the video that mbench takes up.
Settings: 8 orders, as baselines/taylor.py, and the steps of all network baselines (`mbench.nn`). There is no hidden
layer and no tanh, so that it tends to the least squares solution, slowly: high powers are nearly parallel. The learning
rate is the best of its grid in docs/rates.md; the networks' rate would leave it further from its end.
"""

from torch import nn

from mbench.nn import TaylorFeatures, TorchRegressor, reference_settings

ORDERS = 8
RATE = 0.03


class TaylorRegressor(TorchRegressor):
    def make_network(self, n_inputs, n_outputs):
        features = TaylorFeatures(n_inputs, self.orders)
        return nn.Sequential(features, nn.Linear(features.n_features, n_outputs))


def build(spec):
    return TaylorRegressor(orders=ORDERS, learning_rate=RATE, **reference_settings(spec))
