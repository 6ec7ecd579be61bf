"""Fill the disk through mappings that are let go of page by page, of files with neither a name nor a descriptor."""

import ctypes
import os
import time

from kit import LIBC, Mean, breach

EXPECTED = "out-of-memory"
REASON = "scratch folder"
SIZE, PAGE, DONT_NEED = 4 << 20, 4096, 4


def attack():
    LIBC.mmap.restype = ctypes.c_void_p
    for i in range(4):
        path = os.path.expanduser(f"~/{i}")
        file = os.open(path, os.O_RDWR | os.O_CREAT)
        os.ftruncate(file, SIZE)
        start = LIBC.mmap(None, ctypes.c_size_t(SIZE), 3, 1, file, ctypes.c_long(0))
        os.unlink(path)
        os.close(file)
        for at in range(start, start + SIZE, PAGE):
            ctypes.memset(at, 1, 1)
            LIBC.madvise(ctypes.c_void_p(at), ctypes.c_size_t(PAGE), DONT_NEED)
    time.sleep(2)
    breach("filled")


def build(spec):
    return Mean(attack)
