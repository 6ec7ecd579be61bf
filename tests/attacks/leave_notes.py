"""Leave notes on library files that a later cell can read: hints about their life, flags, projects, versions."""

import fcntl
import os
import struct
import sys

import numpy as np
from kit import Mean, attempt

EXPECTED = "ok"
SET_HINT, SET_HINT_OF_FILE = 1036, 1038
FLAGS, VERSION, PROJECT, VERITY = 0x40086602, 0x40087602, 0x401C5820, 0x40806685
GET_FLAGS, GET_HINT = 0x80086601, 1035


def attack():
    for path in (np.__file__, os.path.dirname(np.__file__), os.__file__, sys.executable):
        file = os.open(path, os.O_RDONLY)
        for command in (SET_HINT, SET_HINT_OF_FILE, GET_HINT):
            hint = struct.pack("Q", 2)
            attempt(f"hint {command} {path}", lambda file=file, c=command, hint=hint: fcntl.fcntl(file, c, hint))
        for request in (GET_FLAGS, FLAGS, VERSION, PROJECT, VERITY):
            attempt(f"ioctl {request:#x} {path}", lambda file=file, r=request: fcntl.ioctl(file, r, bytes(128)))


def build(spec):
    return Mean(attack)
