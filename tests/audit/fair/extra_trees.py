"""Extremely randomised trees (Geurts, Ernst & Wehenkel, 2006), which have no idea of a plane."""

from sklearn.ensemble import ExtraTreesRegressor


def build(spec):
    return ExtraTreesRegressor(32, random_state=spec.seed, n_jobs=spec.threads)
