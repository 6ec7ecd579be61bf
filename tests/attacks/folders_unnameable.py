"""Hide a file of 16 MB below folders whose path is longer than any name of a file may be."""

import os
import time

from kit import Mean, breach

EXPECTED = "out-of-memory"
REASON = "scratch folder"


def attack():
    scratch = os.open(".", os.O_PATH)
    os.chdir(os.path.expanduser("~"))
    for _ in range(24):
        os.mkdir("d" * 250)
        os.chdir("d" * 250)
    with open("x", "wb") as file:
        file.write(bytes(16 << 20))
    os.fchdir(scratch)
    time.sleep(2)
    breach("hidden")


def build(spec):
    return Mean(attack)
