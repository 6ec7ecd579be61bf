"""Extreme learning machine: one hidden layer whose weights stay as they were drawn; only the output layer is fitted.

Source: Huang, Zhu & Siew, "Extreme learning machine: theory and applications" (2006); the penalty by Huang, Zhou, Ding
& Zhang, "Extreme learning machine for regression and multiclass classification" (2012).
Settings: those of `mbench.nn.RandomLayer`: 14 sigmoids for each root of the sample, between 500 and 1,500. How steep
they are (a factor on weights and biases drawn from [-1, 1]; left at 1, as first proposed, the layer is nearly linear)
and the penalty are chosen together on a held-out fifth.
"""

import numpy as np
from scipy.special import expit

from mbench.nn import RandomLayer


def hidden_layer(X, weights, biases, steepness):
    """Return the sigmoids (n, m) of X (n, d) for weights (d, m) and biases (m,)."""
    return expit(steepness * (X @ weights + biases))


class ExtremeLearningMachine(RandomLayer):
    def coarse_scales(self, n_inputs):
        return 4.0 ** np.arange(-1.0, 5.0) / np.sqrt(n_inputs)

    def draw(self, rng, n_inputs, n_units):
        self.drawn_ = rng.uniform(-1.0, 1.0, (n_inputs, n_units))
        self.biases_ = rng.uniform(-1.0, 1.0, n_units)

    def answer_units(self, X, scale, n_units):
        return hidden_layer(X, self.drawn_[:, :n_units], self.biases_[:n_units], scale)


def build(spec):
    return ExtremeLearningMachine(spec.seed)
