"""A plain multilayer perceptron on the inputs themselves: leaky ReLU, tanh output, a decaying learning rate.

Source: the starting point of Emergent Garden's video "Learning the Mandelbrot Set" (see baselines/fourier.py).
"""

from mbench.nn import TorchRegressor, reference_settings


def build(spec):
    return TorchRegressor(learning_rate=3e-3, **reference_settings(spec))
