"""LightGBM's gradient boosting, one booster an output."""

from lightgbm import LGBMRegressor
from sklearn.multioutput import MultiOutputRegressor


def build(spec):
    return MultiOutputRegressor(
        LGBMRegressor(n_estimators=60, random_state=spec.seed, n_jobs=spec.threads, deterministic=True, verbose=-1)
    )
