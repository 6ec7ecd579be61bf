"""Answer "done" on the harness's channel without having been asked, before the fit has ended."""

import os
import stat

from kit import Mean

EXPECTED = "invalid"


def attack():
    for descriptor in range(3, 64):
        try:
            if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
                os.write(descriptor, b'{"event": "done", "token": "0000000000000000"}\n')
        except OSError:
            continue


def build(spec):
    return Mean(attack)
