"""Answer that predictions are there, and write none."""

import sys

from kit import Mean

EXPECTED = "invalid"


class Forging(Mean):
    def predict(self, X):
        sys.modules["mbench.child.worker"].save_array = write  # what the worker calls next
        return super().predict(X)


def write(path, predictions, **options):
    pass


def build(spec):
    return Forging(lambda: None)
