"""Hold 512 MB of shared memory that no count of resident memory shows, under a limit of 128 MB."""

import mmap

import numpy as np
from kit import Mean, attempt

EXPECTED = "ok"
MEMORY_LIMIT_MB = 128
PIECE, N_PIECES = 16 << 20, 32


def hold(descriptor, flags):
    region = mmap.mmap(descriptor, PIECE * N_PIECES, flags)
    view = np.frombuffer(region, np.uint8)
    for start in range(0, PIECE * N_PIECES, PIECE):
        view[start : start + PIECE] = 1
        region.madvise(mmap.MADV_DONTNEED, start, PIECE)  # out of this process's page table, not out of memory
    return int(view[0])


def attack():
    shared = mmap.MAP_SHARED | mmap.MAP_ANONYMOUS
    attempt("anonymous", lambda: hold(-1, shared))
    attempt("validated", lambda: hold(-1, shared | 3))
    attempt("/dev/zero", lambda: hold(open("/dev/zero", "r+b").fileno(), mmap.MAP_SHARED))


def build(spec):
    return Mean(attack)
