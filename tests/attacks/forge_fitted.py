"""Answer "fitted" with the token found in a frame, then go on fitting; the worker's own answer is one too many."""

from forging import forge
from kit import Mean

EXPECTED = "invalid"


def build(spec):
    return Mean(lambda: forge(event="done"))
