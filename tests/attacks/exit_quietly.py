"""End with exit code 0 and without a word."""

import os

from kit import Mean

EXPECTED = "crash"


def build(spec):
    return Mean(lambda: os._exit(0))
