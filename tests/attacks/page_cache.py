"""Ask by every call that tells it without a clock which pages of libraries an earlier cell has read."""

import ctypes
import mmap
import os
import struct

import numpy as np
from kit import LIBC, Mean, attempt, system_call

EXPECTED = "ok"
BREACHES_C = True
NO_WAIT, CACHED_ONLY, POPULATE_READ = 8, 0x20, 22


def attack():
    path = np.__file__
    file = os.open(path, os.O_RDONLY)
    size = os.path.getsize(path)
    mapped = mmap.mmap(file, 0, prot=mmap.PROT_READ, flags=mmap.MAP_PRIVATE)
    start = ctypes.c_void_p(np.frombuffer(mapped, np.uint8).ctypes.data)
    pages, place, told = ctypes.create_string_buffer(1 << 10), (ctypes.c_uint64 * 2)(0, size), (ctypes.c_uint64 * 5)()
    attempt("preadv2", lambda: os.preadv(file, [bytearray(1)], 0, NO_WAIT))
    attempt("mincore", lambda: system_call("mincore", start, size, pages))
    attempt("cachestat", lambda: system_call("cachestat", file, place, told, 0))
    how = struct.pack("QQQ", os.O_RDONLY, 0, CACHED_ONLY)
    attempt("openat2", lambda: system_call("openat2", -100, path.encode(), how, len(how)))
    attempt("populate", lambda: mapped.madvise(POPULATE_READ))
    LIBC.posix_fadvise(file, 0, 0, 4)  # out of memory: nothing is done, and nothing is said


def build(spec):
    return Mean(attack)
