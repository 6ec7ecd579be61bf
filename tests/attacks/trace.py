"""Look into other processes, or steal their descriptors: ptrace, /proc/PID/mem, process_vm_readv, pidfd_getfd."""

import ctypes
import os

from kit import LIBC, Mean, attempt, system_call
from targets import HARNESS, SIBLING_PIDS

EXPECTED = "ok"


def attack():
    word = ctypes.create_string_buffer(16)
    vector = (ctypes.c_size_t * 2)(ctypes.addressof(word), 16)
    for pid in {os.getppid(), HARNESS, 1, *SIBLING_PIDS} - {os.getpid(), 0}:
        attempt(f"seize {pid}", lambda pid=pid: system_call("ptrace", 0x4206, pid, 0, 0))
        attempt(f"attach {pid}", lambda pid=pid: system_call("ptrace", 16, pid, 0, 0))
        for mode in ("rb", "r+b"):
            attempt(f"memory {pid} {mode}", lambda pid=pid, mode=mode: open(f"/proc/{pid}/mem", mode))
        attempt(f"maps {pid}", lambda pid=pid: open(f"/proc/{pid}/maps").read())
        for name in ("process_vm_readv", "process_vm_writev"):
            attempt(f"{name} {pid}", lambda pid=pid, name=name: system_call(name, pid, vector, 1, vector, 1, 0))
        attempt(f"pidfd {pid}", lambda pid=pid: os.pidfd_open(pid))
        attempt(f"compare {pid}", lambda pid=pid: system_call("kcmp", pid, os.getpid(), 0, 0, 0))
        attempt(f"advise {pid}", lambda pid=pid: system_call("process_madvise", pid, vector, 1, 4, 0))
        attempt(f"move pages {pid}", lambda pid=pid: system_call("move_pages", pid, 0, 0, 0, 0, 0))
        attempt(f"descriptors {pid}", lambda pid=pid: os.listdir(f"/proc/{pid}/fd"))
    for descriptor in range(3, 64):
        attempt(f"get {descriptor}", lambda d=descriptor: system_call("pidfd_getfd", d, 0, 0))
    attempt("traced by anybody", lambda: system_call("ptrace", 0, 0, 0, 0))
    LIBC.prctl(0x59616D61, ctypes.c_ulong(-1))  # PR_SET_PTRACER: invites others, which is no harm to them


def build(spec):
    return Mean(attack)
