"""Print 1 GB."""

import os

from kit import Mean

EXPECTED = "ok"
IS_SLOW = True
FIT_LIMIT_S = 30.0


def attack():
    line = b"x" * (1 << 20)
    for _ in range(1024):
        os.write(1, line)


def build(spec):
    return Mean(attack)
