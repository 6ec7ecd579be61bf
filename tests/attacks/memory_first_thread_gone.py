"""End the first thread, with which the kernel stops telling of the process's memory, and take 4 GB from another."""

import ctypes
import os
import threading
import time

import numpy as np
from kit import LIBC, Mean, breach

EXPECTED = "out-of-memory"
MEMORY_LIMIT_MB = 160
EXIT = {"x86_64": 60, "aarch64": 93}


def hold():
    held = []
    for _ in range(256):
        held.append(np.ones(1 << 21))
        time.sleep(0.01)
    breach("4 GB", len(held))


def attack():
    threading.Thread(target=hold).start()
    LIBC.syscall.restype = ctypes.c_long
    LIBC.syscall(ctypes.c_long(EXIT[os.uname().machine]), 0)  # ctypes has let go of Python's lock


def build(spec):
    return Mean(attack)
