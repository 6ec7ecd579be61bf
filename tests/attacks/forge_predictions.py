"""Answer "predicted" with the token found in a frame, with nothing predicted."""

import time

from forging import forge
from kit import Mean

EXPECTED = "invalid"


class Forging(Mean):
    def predict(self, X):
        forge(event="done")
        time.sleep(60)


def build(spec):
    return Forging(lambda: None)
