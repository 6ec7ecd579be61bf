"""Hang while it is imported."""

import time

EXPECTED = "timeout"
IS_SLOW = True
LOAD_LIMIT_S = 3.0

while True:
    time.sleep(60)


def build(spec):
    return None
