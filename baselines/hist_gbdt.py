"""Gradient boosting of regression trees over histograms, one ensemble an output.

Source: Friedman, "Greedy function approximation: a gradient boosting machine" (2001), with the binned inputs of Ke et
al., "LightGBM: a highly efficient gradient boosting decision tree" (2017), in scikit-learn's form.
Settings: 300 trees, 600 from 20,000 rows on, shared among the outputs; the fewer there are for each, the faster each
learns. Leaves grow as the root of the sample: 10,000 points bear larger trees than 1,000 do. Inputs are cut into 255
bins, so that no tree sees detail below 1/255 of a plane's width. Of more than 64 inputs it learns from the first 32
principal components: on images of MNIST in a fifteenth of the time, with a quarter more errors.
"""

import numpy as np
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingRegressor

MOST_INPUTS, N_COMPONENTS = 64, 32


class Boosting:
    def __init__(self, seed):
        """seed: of the inputs tried at each split, where they are many."""
        self.seed = seed

    def fit(self, X, y):
        y = np.reshape(y, (len(X), -1))
        self.components_ = None
        if X.shape[1] > MOST_INPUTS and len(X) > N_COMPONENTS:
            self.components_ = PCA(N_COMPONENTS, svd_solver="covariance_eigh").fit(X)
        n_trees = max(20, (300 if len(X) < 20_000 else 600) // y.shape[1])
        ensemble = HistGradientBoostingRegressor(
            max_iter=n_trees,
            learning_rate=float(np.clip(30.0 / n_trees, 0.1, 0.3)),
            max_leaf_nodes=int(np.clip(np.sqrt(len(X)) / 2.0, 8, 255)),
            min_samples_leaf=5,
            max_features=1.0 if X.shape[1] <= 16 else 0.2,
            early_stopping=False,
            random_state=self.seed,
        )
        self.ensembles_ = [clone(ensemble).fit(self._inputs(X), column) for column in y.T]
        return self

    def predict(self, X):
        return np.column_stack([ensemble.predict(self._inputs(X)) for ensemble in self.ensembles_])

    def _inputs(self, X):
        return X if self.components_ is None else self.components_.transform(X)


def build(spec):
    return Boosting(spec.seed)
