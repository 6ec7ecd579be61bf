"""Ask for 4 GB at once, under a limit of 1 GB."""

import numpy as np
from kit import Mean, breach

EXPECTED = "out-of-memory"
MEMORY_LIMIT_MB = 1024


def attack():
    breach("4 GB", np.ones(1 << 29).size)


def build(spec):
    return Mean(attack)
