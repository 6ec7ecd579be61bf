"""Every input with its sines and cosines at 256 whole frequencies, as in the video that mbench takes up.

Source: Rahimi & Recht, "Random features for large-scale kernel machines" (2007) and Tancik et al., "Fourier features
let networks learn high frequency functions in low dimensional domains" (2020); here with the frequencies 1, 2, 3, … of
each input alone, as in the video that mbench takes up, into the network of baselines/mlp.py.
Settings: 256 orders for up to three inputs, 8 for more (13,328 features of an image of MNIST), as there, whatever the
sample. Among fresh points without end nothing speaks against 256 orders; on a fixed sample of 10,000 they are five
times past what it bears, fit every point and wave between them (baselines/fourier.py and baselines/fourier_smooth.py
do not). Size is that of baselines/mlp.py; the steps are what so many features leave of the limit.
"""

from mbench.nn import (
    TorchRegressor,
    perceptron_step_ms,
    reference_learning_rate,
    reference_orders,
    reference_settings,
)


def build(spec):
    orders = reference_orders(spec.n_inputs)
    n_features = spec.n_inputs * (1 + 2 * orders)
    settings = reference_settings(spec, perceptron_step_ms(n_features))
    rate = reference_learning_rate(n_features, settings["steps"])
    return TorchRegressor(features="fourier", orders=orders, learning_rate=rate, **settings)
