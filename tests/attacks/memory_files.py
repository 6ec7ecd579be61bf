"""Keep data in memory that outlives a process or is nobody's: memfd, /dev/shm, /tmp, POSIX shared memory."""

import ctypes
import os

from kit import LIBC, Mean, attempt, system_call
from targets import TOKEN

EXPECTED = "ok"
SIZE = 16 << 20


def fill(descriptor):
    return os.write(descriptor, bytes(SIZE))


def attack():
    for flags in (0, 1, 2, 4):
        attempt(f"memfd {flags}", lambda flags=flags: fill(os.memfd_create("fill", flags)))
    attempt("memfd by number", lambda: fill(system_call("memfd_create", b"x", 0)))
    attempt("memfd_secret", lambda: system_call("memfd_secret", 0))
    for folder in ("/dev/shm", "/tmp", "/run", "/var/tmp", "/run/user/0", "/dev", "/dev/mqueue", "/dev/hugepages"):
        path = f"{folder}/fill-{TOKEN}"
        attempt(path, lambda path=path: fill(os.open(path, os.O_CREAT | os.O_WRONLY)))
        attempt(f"unnamed {path}", lambda folder=folder: fill(os.open(folder, os.O_TMPFILE | os.O_WRONLY)))
    LIBC.shm_open.restype = ctypes.c_int
    attempt("shm_open", lambda: fill(LIBC.shm_open(f"/fill-{TOKEN}".encode(), os.O_CREAT | os.O_RDWR, 0o600)))


def build(spec):
    return Mean(attack)
