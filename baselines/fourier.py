"""Every input with as many of its sines and cosines as the sample bears, into the network of baselines/mlp.py.

Source: Rahimi & Recht, "Random features for large-scale kernel machines" (2007) and Tancik et al., "Fourier features
let networks learn high frequency functions in low dimensional domains" (2020); here with the frequencies 1, 2, 3, … of
each input alone, as in the video that mbench takes up, which takes 256 (baselines/fourier_256.py).
Settings: N points in d inputs lie N^(1/d) to an axis, which is Nyquist's order times two; a sixth of that order
(`mbench.nn.fourier_orders`) is about the best: docs/rates.md has what others scored. Size and rate are those of
baselines/mlp.py; the steps are what the features leave of the limit.
"""

from mbench.nn import (
    TorchRegressor,
    fourier_orders,
    perceptron_step_ms,
    reference_learning_rate,
    reference_settings,
)


def build(spec):
    orders = fourier_orders(spec.n_inputs, spec.n_samples)
    n_features = spec.n_inputs * (1 + 2 * orders)
    settings = reference_settings(spec, perceptron_step_ms(n_features))
    rate = reference_learning_rate(n_features, settings["steps"])
    return TorchRegressor(features="fourier", orders=orders, learning_rate=rate, **settings)
