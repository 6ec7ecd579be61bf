"""Fill 600 MB of page tables by reading memory that holds nothing, under a limit of 160 MB."""

import mmap
import time

import numpy as np
from kit import Mean, breach

EXPECTED = "out-of-memory"
MEMORY_LIMIT_MB = 160
STEP = 2 << 20  # bytes that one page of a page table covers
NO_RESERVE = 0x4000
N_PIECES, PIECE = 30, 10 << 30


def attack():
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | NO_RESERVE
    held = []
    for _ in range(N_PIECES):
        region = mmap.mmap(-1, PIECE, flags, mmap.PROT_READ)
        held.append(np.frombuffer(region, np.uint8))
        held[-1][::STEP].sum()
        time.sleep(0.01)
    breach("page tables", len(held))


def build(spec):
    return Mean(attack)
