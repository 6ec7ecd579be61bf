"""Fill the scratch folder past its limit (8 MB in this test)."""

import os
import time

from kit import Mean, breach

EXPECTED = "out-of-memory"
REASON = "scratch folder"


def attack():
    for i in range(4):
        with open(os.path.expanduser(f"~/{i}"), "wb") as file:
            file.write(bytes(4 << 20))
    time.sleep(2)
    breach("filled")


def build(spec):
    return Mean(attack)
