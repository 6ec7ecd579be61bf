"""Reserve 16 MB of the disk that nobody writes, in files without a name: fallocate, and ioctl, which does the same."""

import fcntl
import os
import struct
import time

from kit import Mean, attempt, breach, system_call

EXPECTED = "out-of-memory"
REASON = "scratch folder"
SIZE = 4 << 20
RESERVE, RESERVE_64, ZERO = 0x40305828, 0x4030582A, 0x40305839
SPACE = struct.pack("hhqqiI4i", 0, 0, 0, SIZE, 0, 0, 0, 0, 0, 0)


def attack():
    held = []
    for i in range(4):
        path = os.path.expanduser(f"~/{i}")
        held.append(os.open(path, os.O_RDWR | os.O_CREAT))
        os.unlink(path)
        for request in (RESERVE, RESERVE_64, ZERO):
            attempt(f"ioctl {request:#x}", lambda request=request: fcntl.ioctl(held[-1], request, SPACE))
        for mode in (0, 1, 0x10):  # as written, past the end, zeroed
            attempt(f"fallocate {mode:#x}", lambda mode=mode: system_call("fallocate", held[-1], mode, 0, SIZE))
        os.posix_fallocate(held[-1], 0, SIZE)  # the C library writes where the kernel will not reserve
    time.sleep(2)
    breach("reserved")


def build(spec):
    return Mean(attack)
