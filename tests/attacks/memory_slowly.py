"""Take 4 GB piece by piece, under a limit of 160 MB."""

import time

import numpy as np
from kit import Mean, breach

EXPECTED = "out-of-memory"
MEMORY_LIMIT_MB = 160


def attack():
    held = []
    for _ in range(256):
        held.append(np.ones(1 << 21))
        time.sleep(0.01)
    breach("4 GB", len(held))


def build(spec):
    return Mean(attack)
