"""Start 3,000 threads with stacks of 16 KiB, through the C library and without Python's knowledge."""

import ctypes
import time

from kit import LIBC, Mean, breach

EXPECTED = "out-of-memory"
REASON = "threads"


def attack():
    attributes, thread = ctypes.create_string_buffer(64), ctypes.c_ulong()
    LIBC.pthread_attr_init(attributes)
    LIBC.pthread_attr_setstacksize(attributes, ctypes.c_size_t(16_384))
    sleep = ctypes.cast(LIBC.pause, ctypes.c_void_p)
    for _ in range(3000):
        LIBC.pthread_create(ctypes.byref(thread), attributes, sleep, None)
    time.sleep(2)
    breach("3,000 threads")


def build(spec):
    return Mean(attack)
