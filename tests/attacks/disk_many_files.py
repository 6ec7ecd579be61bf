"""Make many empty files (400 at a limit of 300 in this test)."""

import os
import time

from kit import Mean, breach

EXPECTED = "out-of-memory"
REASON = "scratch folder"


def attack():
    for i in range(400):
        open(os.path.expanduser(f"~/{i}"), "w").close()
    time.sleep(2)
    breach("400 files")


def build(spec):
    return Mean(attack)
