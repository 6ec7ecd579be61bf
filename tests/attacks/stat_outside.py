"""Ask whether files outside exist, how large they are and whose."""

import os

from kit import Mean, attempt
from targets import OUTSIDE, RESULTS, SECRET

EXPECTED = "ok"
BREACHES_C = True
BREACHES_B = True  # Landlock decides what is opened, not what is asked about


def attack():
    for path in (SECRET, RESULTS, OUTSIDE):
        attempt(path, lambda path=path: os.stat(path).st_mtime)


def build(spec):
    return Mean(attack)
