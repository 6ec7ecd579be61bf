"""Extremely randomised trees: at every split one random place an input, the best of them kept; the mean of many trees.

Source: Geurts, Ernst & Wehenkel, "Extremely randomized trees" (2006).
Settings: as there, all inputs are tried at a split, and their square root beyond 16 (what they use to classify); leaves
of a single point, since labels have no noise. 50 trees up to 30,000 rows, then fewer, down to 8 for 200,000: a tree of
a million rows holds 2 million nodes.
"""

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor


class ExtraTrees(ExtraTreesRegressor):
    def fit(self, X, y):
        return super().fit(X, np.reshape(y, len(X)) if np.size(y) == len(X) else y)  # a column it would warn of


def build(spec):
    return ExtraTrees(
        n_estimators=min(50, max(8, 1_500_000 // spec.n_samples)),
        max_features=1.0 if spec.n_inputs <= 16 else "sqrt",
        random_state=spec.seed,
        n_jobs=spec.threads,
    )
