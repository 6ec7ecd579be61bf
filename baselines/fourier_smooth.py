"""baselines/fourier_256.py with harmonic k scaled down by k to the power 1.5: the same features, but smooth ones first.

Source: Tancik et al., "Fourier features let networks learn high frequency functions in low dimensional domains" (2020),
who find that amplitudes falling as a power of the frequency set what a network interpolates between its points.
Settings: as baselines/fourier_256.py, and the power 1.5, the better of 1 and 1.5 on 10,000 points of a replicate that
is not recorded. It shows that what ails 256 orders on a fixed sample is their amplitude, not their number.
"""

from functools import partial

from mbench.nn import (
    FourierFeatures,
    TorchRegressor,
    perceptron_step_ms,
    reference_learning_rate,
    reference_orders,
    reference_settings,
)

AMPLITUDES_MS = 0.3  # of a step, on one core of a 2026 server CPU


def build(spec):
    orders = reference_orders(spec.n_inputs)
    n_features = spec.n_inputs * (1 + 2 * orders)
    settings = reference_settings(spec, perceptron_step_ms(n_features) + AMPLITUDES_MS)
    rate = reference_learning_rate(n_features)  # whatever the steps: at 0.01 it learned well for 29,000
    features = partial(FourierFeatures, orders=orders, falloff=1.5)
    return TorchRegressor(features=features, learning_rate=rate, **settings)
