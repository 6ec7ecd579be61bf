"""Every input with its sines and cosines at every whole frequency, into the network of baselines/mlp.py.

Source: Rahimi & Recht, "Random features for large-scale kernel machines" (2007) and Tancik et al., "Fourier features
let networks learn high frequency functions in low dimensional domains" (2020); here with the frequencies 1, 2, 3, … of
each input alone, as in Emergent Garden's video "Learning the Mandelbrot set".
Settings: 256 orders for up to three inputs, 8 for more (13,328 features of an image of MNIST), as there. Size, steps
and rate are those of all network baselines (`mbench.nn`). The video draws new points without end; here the sample is
fixed, and 256 orders fit 10,000 points to a thousandth of their variance while waving between them.
"""

from mbench.nn import TorchRegressor, reference_learning_rate, reference_orders, reference_settings


def build(spec):
    orders = reference_orders(spec.n_inputs)
    rate = reference_learning_rate(spec.n_inputs * (1 + 2 * orders))
    return TorchRegressor(features="fourier", orders=orders, learning_rate=rate, **reference_settings(spec))
