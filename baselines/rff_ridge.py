"""Ridge regression on random Fourier features, whose inner products approach a Gaussian kernel.

Source: Rahimi & Recht, "Random features for large-scale kernel machines" (2007).
Settings: those of `mbench.nn.RandomLayer`: 14 features for each root of the sample, between 500 and 1,500. The kernel's
width and the penalty are chosen together on a held-out fifth.
"""

import numpy as np

from mbench.nn import RandomLayer


def random_features(X, normals, phases, width):
    """Return (n, m) whose rows have inner products that approach exp(-|x - x'|² / (2 width²)).

    normals: (d, m) drawn from the normal distribution.  phases: (m,) drawn from [0, 2π].
    """
    turns = (X @ (normals / width) + phases) / (2.0 * np.pi)
    turns -= np.rint(turns)
    # float32 after taking off whole turns: NumPy's cosine is then three times as fast, and 3e-7 off.
    return np.sqrt(2.0 / len(phases)) * np.cos(np.float32(2.0 * np.pi) * turns.astype(np.float32)).astype(np.float64)


class RandomFourierRidge(RandomLayer):
    def coarse_scales(self, n_inputs):
        return 4.0 ** -np.arange(-1.0, 6.0) * np.sqrt(n_inputs)

    def draw(self, rng, n_inputs, n_units):
        self.normals_ = rng.normal(size=(n_inputs, n_units))
        self.phases_ = rng.uniform(0.0, 2.0 * np.pi, n_units)

    def answer_units(self, X, scale, n_units):
        return random_features(X, self.normals_[:, :n_units], self.phases_[:n_units], scale)


def build(spec):
    return RandomFourierRidge(spec.seed)
