"""A plain multilayer perceptron on the inputs themselves: leaky ReLU, tanh output, a learning rate that decays.

Source: Rumelhart, Hinton & Williams, "Learning representations by back-propagating errors" (1986), with today's parts:
leaky ReLU (Maas et al., 2013), He's initial weights (2015) and Adam (2015). The video that mbench takes up starts from
such a network.
Settings: 4 hidden layers of 128 units, batches of 256; `mbench.nn` fixes size and rate for this one,
baselines/taylor.py and baselines/fourier.py alike. Each takes as many steps as its own cost leaves of the limit.
"""

from mbench.nn import TorchRegressor, perceptron_step_ms, reference_learning_rate, reference_settings


def build(spec):
    settings = reference_settings(spec, perceptron_step_ms(spec.n_inputs))
    rate = reference_learning_rate(spec.n_inputs, settings["steps"])
    return TorchRegressor(learning_rate=rate, **settings)
