"""Write an object array, whose reading would unpickle it and touch a file outside."""

import sys

import numpy as np
from kit import Mean
from targets import MARKER

EXPECTED = "invalid"


class Forging(Mean):
    def predict(self, X):
        sys.modules["mbench.child.worker"].save_array = write  # what the worker calls next
        return super().predict(X)


class Poison:
    def __reduce__(self):
        return open, (MARKER, "w")


def write(path, predictions, **options):
    with open(path, "wb") as file:
        np.lib.format.write_array(file, np.array([Poison()] * len(predictions), object), allow_pickle=True)


def build(spec):
    return Forging(lambda: None)
