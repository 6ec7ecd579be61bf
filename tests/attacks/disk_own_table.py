"""Hold files without a name in a thread with a table of files of its own, where no look at the process finds them."""

import ctypes

from kit import LIBC, Mean, breach

EXPECTED = "ok"
VM, FS, FILES, SIGHAND, THREAD, SYSVSEM = 0x100, 0x200, 0x400, 0x800, 0x10000, 0x40000


def attack():
    stack = ctypes.create_string_buffer(1 << 16)
    top = ctypes.c_void_p((ctypes.addressof(stack) + (1 << 16)) & ~15)
    function = ctypes.cast(LIBC.pause, ctypes.c_void_p)
    for flags in (VM | SIGHAND | THREAD, VM | FS | SIGHAND | THREAD, VM | FS | SIGHAND | THREAD | SYSVSEM):
        number = LIBC.clone(function, top, ctypes.c_int(flags), ctypes.c_void_p(0))
        if number != -1:
            breach(f"clone {flags:#x}", number)


def build(spec):
    return Mean(attack)
