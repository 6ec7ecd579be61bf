"""Support vector regression on at most 1,500 points of the sample, so that it ends in time.

Source: Drucker et al., "Support vector regression machines" (1997). Global and smooth, it fails alike on all fractals.
"""

import numpy as np
from sklearn.multioutput import MultiOutputRegressor
from sklearn.svm import SVR

N_POINTS = 1_500


class SmallSVR:
    def fit(self, X, y):
        y = np.reshape(y, (len(X), -1))
        few = slice(0, max(200, N_POINTS // y.shape[1]))
        self.machines_ = MultiOutputRegressor(SVR(C=10.0, gamma=20.0 / X.shape[1], epsilon=0.01)).fit(X[few], y[few])
        return self

    def predict(self, X):
        return self.machines_.predict(X)


def build(spec):
    return SmallSVR()
