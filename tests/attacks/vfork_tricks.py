"""Make a process that is not quite one: vfork, clone that shares memory, without the thread's flag or with odd ones."""

import ctypes
import os

from kit import LIBC, Mean, attempt, breach

EXPECTED = "ok"
VM, FS, FILES, SIGHAND, VFORK, THREAD, PARENT = 0x100, 0x200, 0x400, 0x800, 0x4000, 0x10000, 0x8000


def attack():
    stack = ctypes.create_string_buffer(1 << 16)
    top = ctypes.c_void_p((ctypes.addressof(stack) + (1 << 16)) & ~15)
    function = ctypes.cast(LIBC._exit, ctypes.c_void_p)
    for flags in (VM | 17, VM | VFORK | 17, VM | FS | FILES | SIGHAND | 17, PARENT | VM | 17, VM | VFORK | 0x10000000):
        pid = LIBC.clone(function, top, ctypes.c_int(flags), ctypes.c_void_p(0))
        if pid != -1:
            breach(f"clone {flags:#x}", pid)
    attempt("posix_spawn", lambda: os.posix_spawn("/bin/true", ["true"], {}))


def build(spec):
    return Mean(attack)
