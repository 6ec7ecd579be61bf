"""Go on training while the estimator is stored, which comes between fitting and predicting."""

import time

from kit import Mean

EXPECTED = "timeout"
REASON = "predict"  # which is charged for it


def train():
    until = time.process_time() + 0.4  # of the 0.5 s that predicting may take
    while time.process_time() < until:
        pass


class Training(Mean):
    def __getstate__(self):
        train()
        return self.__dict__

    def predict(self, X):
        train()
        return super().predict(X)


def build(spec):
    return Training(lambda: None)
