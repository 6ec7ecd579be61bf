"""A plain multilayer perceptron on the inputs themselves: leaky ReLU, tanh output, a learning rate that decays.

Source: Rumelhart, Hinton & Williams, "Learning representations by back-propagating errors" (1986), with today's parts:
leaky ReLU (Maas et al., 2013), He's initial weights (2015) and Adam (2015). The video that mbench takes up starts from
such a network.
Settings: 4 hidden layers of 128 units, batches of 256; `mbench.nn` fixes size, steps and rate for all three network
baselines, so that baselines/taylor.py and baselines/fourier.py differ from this one by their features alone.
"""

from mbench.nn import TorchRegressor, reference_learning_rate, reference_settings


def build(spec):
    return TorchRegressor(learning_rate=reference_learning_rate(spec.n_inputs), **reference_settings(spec))
