"""Fill the disk from folders that only we could list, had we the right: of mode 0300."""

import os
import time

from kit import Mean, breach

EXPECTED = "out-of-memory"
REASON = "scratch folder"


def attack():
    folder = os.path.expanduser("~/unlisted")
    os.mkdir(folder, 0o300)
    for i in range(4):
        with open(f"{folder}/{i}", "wb") as file:
            file.write(bytes(4 << 20))
    time.sleep(2)
    breach("filled")


def build(spec):
    return Mean(attack)
