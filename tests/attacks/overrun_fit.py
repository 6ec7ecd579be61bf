"""Fit for longer than the limit."""

from kit import Mean

EXPECTED = "timeout"


def attack():
    while True:
        pass


def build(spec):
    return Mean(attack)
