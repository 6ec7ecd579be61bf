"""Lock libraries and the interpreter, which others read, by every kind of lock that takes no right to write."""

import fcntl
import os
import struct
import sys

import numpy as np
from kit import Mean, attempt

EXPECTED = "ok"
BREACHES_C = True
OF_OPEN_FILE, LEASE, DELEGATION, READ_LOCK = 37, 1024, 1040, 0


def attack():
    lock = struct.pack("hhqqi4x", READ_LOCK, 0, 0, 0, 0)
    for path in (np.__file__, os.path.dirname(np.__file__), os.__file__, sys.executable, "/etc/ld.so.cache"):
        file = os.open(path, os.O_RDONLY)
        for kind in (fcntl.LOCK_EX, fcntl.LOCK_SH):
            attempt(f"flock {path}", lambda file=file, kind=kind: fcntl.flock(file, kind | fcntl.LOCK_NB))
        for command in (OF_OPEN_FILE, OF_OPEN_FILE + 1, LEASE, DELEGATION):
            attempt(f"{command} {path}", lambda file=file, command=command: fcntl.fcntl(file, command, lock))


def build(spec):
    return Mean(attack)
