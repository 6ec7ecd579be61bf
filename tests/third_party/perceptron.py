"""scikit-learn's multilayer perceptron, its inputs standardised."""

from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def build(spec):
    return make_pipeline(
        StandardScaler(), MLPRegressor(hidden_layer_sizes=(64, 64), max_iter=60, tol=0.0, random_state=spec.seed)
    )
