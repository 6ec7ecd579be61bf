"""Crash by reading from address 0."""

import ctypes

from kit import Mean

EXPECTED = "crash"


def build(spec):
    return Mean(lambda: ctypes.string_at(0))
