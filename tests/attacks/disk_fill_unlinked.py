"""Fill the disk with files that have no name any more, held by a descriptor or a mapping alone."""

import mmap
import os
import time

from kit import Mean, breach

EXPECTED = "out-of-memory"
REASON = "scratch folder"


def attack():
    path, held = os.path.expanduser("~/x"), []
    for _ in range(4):
        with open(path, "w+b") as file:
            os.unlink(path)
            file.write(bytes(4 << 20))
            file.flush()
            held.append(mmap.mmap(file.fileno(), 4096))  # keeps it, and has a descriptor of its own
    time.sleep(2)
    breach("filled")


def build(spec):
    return Mean(attack)
