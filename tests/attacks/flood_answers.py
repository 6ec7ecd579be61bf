"""Write 64 MB to the harness's own channel, without the end of a line."""

import os
import stat

from kit import Mean

EXPECTED = "invalid crash"


def attack():
    for descriptor in range(3, 64):
        try:
            if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
                for _ in range(64):
                    os.write(descriptor, b"x" * (1 << 20))
        except OSError:
            continue


def build(spec):
    return Mean(attack)
