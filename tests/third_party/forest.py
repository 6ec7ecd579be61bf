"""scikit-learn's random forest, on polynomials of the inputs."""

from sklearn.ensemble import RandomForestRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures


def build(spec):
    return make_pipeline(PolynomialFeatures(2), RandomForestRegressor(30, random_state=spec.seed, n_jobs=spec.threads))
