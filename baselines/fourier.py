"""Every input with its sines and cosines at every whole frequency, into the network of baselines/mlp.py.

Source: Rahimi & Recht, "Random features for large-scale kernel machines" (2007) and Tancik et al., "Fourier features
let networks learn high frequency functions in low dimensional domains" (2020); here with the frequencies 1, 2, 3, … of
each input alone, as in the video that mbench takes up.
Settings: 256 orders for up to three inputs, 8 for more (13,328 features of an image of MNIST), as there. Size, steps
and rate are those of all network baselines (`mbench.nn`). Among fresh points without end nothing speaks against 256
orders; on a fixed sample of 10,000 they fit every point and wave between them (baselines/fourier_smooth.py does not).
"""

from mbench.nn import TorchRegressor, reference_learning_rate, reference_orders, reference_settings


def build(spec):
    orders = reference_orders(spec.n_inputs)
    rate = reference_learning_rate(spec.n_inputs * (1 + 2 * orders))
    return TorchRegressor(features="fourier", orders=orders, learning_rate=rate, **reference_settings(spec))
