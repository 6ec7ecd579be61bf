"""LightGBM (Ke et al., 2017): gradient boosting over histograms, one booster an output.

Needs `pip install lightgbm`, which mbench does not.
"""

import numpy as np
from lightgbm import LGBMRegressor
from sklearn.multioutput import MultiOutputRegressor

N_TREES = 300


class Boosted:
    def __init__(self, spec):
        self.spec = spec

    def fit(self, X, y):
        y = np.reshape(y, (len(X), -1))
        booster = LGBMRegressor(
            n_estimators=max(20, N_TREES // y.shape[1]),
            num_leaves=63,
            min_child_samples=min(5, len(X)),
            random_state=self.spec.seed,
            n_jobs=self.spec.threads,
            deterministic=True,
            force_row_wise=True,
            verbose=-1,
        )
        self.boosters_ = MultiOutputRegressor(booster).fit(X, y)
        return self

    def predict(self, X):
        return self.boosters_.predict(X)


def build(spec):
    return Boosted(spec)
