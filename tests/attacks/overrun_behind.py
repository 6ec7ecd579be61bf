"""Answer that it is fitted, and go on training in a thread behind, on nobody's time."""

import threading

from kit import Mean

EXPECTED = "timeout"
REASON = "predict"  # which is charged for it


def train():
    while True:
        pass


class Behind(Mean):
    def fit(self, X, y):
        self.thread_ = threading.Thread(target=train, daemon=True)
        self.thread_.start()
        return super().fit(X, y)

    def predict(self, X):
        self.thread_.join()
        return super().predict(X)


def build(spec):
    return Behind(lambda: None)
