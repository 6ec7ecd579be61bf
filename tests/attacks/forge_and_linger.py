"""Answer "fitted" with the token found in a frame, and never return: then no query is answered."""

import time

from forging import forge
from kit import Mean

EXPECTED = "timeout"


def attack():
    forge(event="done")
    time.sleep(60)


def build(spec):
    return Mean(attack)
