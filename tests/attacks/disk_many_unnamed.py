"""Make many empty files and take their names away (400 at a limit of 300 in this test)."""

import os
import time

from kit import Mean, breach

EXPECTED = "out-of-memory"
REASON = "scratch folder"


def attack():
    held = []
    for i in range(400):
        held.append(open(os.path.expanduser(f"~/{i}"), "w"))
        os.unlink(held[-1].name)
    time.sleep(2)
    breach("400 files")


def build(spec):
    return Mean(attack)
